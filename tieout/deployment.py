"""A deployment's file (TOML): which accounts, strategies and journal, and where the secrets lie.

    name = "desk"
    journal = "desk.db"
    standing = "refuse"   # or "adopt": positions and orders that stand there when its books begin

    [limits]              # see `tieout.deployed_limits`; or: limits = "none"
    file = "limits.yaml"
    rates = {USDT = 1}

    [[accounts]]
    venue = "binance_spot"
    keys = {key = "env:BINANCE_KEY", secret = "file:binance.secret"}

    [[strategies]]
    kind = "maker"
    name = "mm"

Rule 1. A secret stands here by reference only: `env:NAME`, or `file:PATH`, readable by its owner
alone. It is read when it is needed, shown nowhere, and no part of what was parsed.
Rule 2. An account has the fields of a scenario's venue, each from the table where nothing is said,
but for its wallets: what is there, the venue says.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from risk.written import Part, content
from scenarios.model import StrategySpec, VenueSpec, telling, told_by_table
from tieout.adopting import Standing
from tieout.deployed_limits import NONE, DeployedLimits, Reviewed, beside
from tieout.fronts import WAYS

NAME = r"^[a-z][a-z0-9]{0,7}$"
REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"
Reference = Annotated[str, Field(pattern=REFERENCE)]


class BadDeployment(ValueError):
    """The file is no deployment; the message names file, field, what was found, what would do."""


class NoSecret(ValueError):
    """A secret is not where the file says; the message says where, and never what."""


class Keys(Part):
    """An API key, by reference."""

    key: Reference
    secret: Reference
    passphrase: Reference | None = None

    def read(self, folder: Path) -> dict[str, str]:
        """As ccxt names them; paths are relative to the deployment's folder."""
        told = {"apiKey": self.key, "secret": self.secret, "password": self.passphrase}
        return {name: secret(each, folder) for name, each in told.items() if each is not None}


class Wire(Part):
    """`tieout wire` instead of the venues: where it listens, and whom it is vouched for by."""

    port: Annotated[int, Field(ge=1, le=65535)]
    ca: str


class Deployment(Part):
    """The whole file."""

    name: Annotated[str, Field(pattern=NAME)]
    journal: Annotated[str, Field(min_length=1)]
    accounts: Annotated[tuple[VenueSpec, ...], Field(min_length=1)]
    keys: Annotated[dict[str, Keys], Field(default_factory=dict)]
    strategies: tuple[StrategySpec, ...] = ()
    limits: DeployedLimits | None = None
    unlimited: bool = False
    standing: Standing = "refuse"
    wire: Wire | None = None

    @model_validator(mode="before")
    @classmethod
    def _limits_said(cls, told: object) -> object:
        """`limits = "none"` is something else than nothing said of limits."""
        if not isinstance(told, dict) or not isinstance(told.get("limits"), str):
            return told
        if told["limits"] != NONE:
            raise ValueError(f"limits: found {told['limits']!r}: a table, or {NONE!r}, would do")
        return {name: each for name, each in told.items() if name != "limits"} | {"unlimited": True}

    @model_validator(mode="before")
    @classmethod
    def _keys_apart(cls, told: object) -> object:
        """Each account says its own keys; they are kept by its name."""
        accounts = told.get("accounts") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(accounts, list):
            return told
        keys, specs = {}, []
        for each in accounts:
            spec = dict(each) if isinstance(each, dict) else each
            if isinstance(spec, dict):
                spec["dialect"] = spec.pop("venue", None)
                held = spec.pop("keys", None)
                if held is not None:
                    keys[f"{spec['dialect']}/{spec.get('name', 'main')}"] = held
                spec["wallets"] = {}
            specs.append(spec)
        return {**told, "accounts": told_by_table(specs), "keys": keys}

    @field_validator("accounts")
    @classmethod
    def _reached(cls, accounts: tuple[VenueSpec, ...]) -> tuple[VenueSpec, ...]:
        for each in accounts:
            if each.dialect not in WAYS:
                known = ", ".join(WAYS)
                raise ValueError(f"no way to {each.dialect!r} yet; a venue among {known} would do")
        names = [each.account for each in accounts]
        if len(set(names)) < len(names):
            raise ValueError(f"an account stands twice in {names}; a name for each would do")
        return accounts

    @model_validator(mode="after")
    def _enabled_are_known(self) -> "Deployment":
        known = [each.name for each in self.strategies]
        for name in self.limits.enabled if self.limits is not None else ():
            if name not in known:
                raise ValueError(f"limits.enabled: found {name!r}; one of {known} would do")
        return self

    def reviewed(self, folder: Path) -> Reviewed | None:
        """The limits with whom they are applied to; None where there are none."""
        if self.limits is None:
            return None
        return Reviewed(self.limits, self.accounts, self.strategies, folder / self.journal)

    @model_validator(mode="after")
    def _all_keyed(self) -> "Deployment":
        for each in self.accounts:
            if each.account not in self.keys:
                raise ValueError(f"{each.account} has no keys; key and secret would do")
        return self


def load(path: Path) -> Deployment:
    """Read a deployment's file; raises `BadDeployment`."""
    try:
        told = tomllib.loads(content(path).decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadDeployment(f"{path}: {error}; a TOML file would do") from error
    try:
        return Deployment.model_validate(beside(told, path.parent))
    except ValidationError as error:
        lines = [f"{path}: {_said(each)}" for each in telling(error.errors(include_url=False))]
        raise BadDeployment("\n".join(lines)) from None  # its own text would show what was found


def must_be_limited(deployment: Deployment, path: Path) -> None:
    """What goes live has limits, or says in so many words that it has none."""
    if deployment.limits is None and not deployment.unlimited:
        raise BadDeployment(
            f'{path}: limits: found nothing; a table with a reviewed file, or limits = "{NONE}",'
            " would do"
        )


def _said(each: Mapping[str, Any]) -> str:
    """Of a field of keys what was found is not shown: somebody may have put the secret there."""
    where = ".".join(map(str, each["loc"])).replace("dialect", "venue") or "the whole"
    text = each["msg"].removeprefix("Value error, ")
    if "keys" in each["loc"]:
        return f"{where}: {text}; env:NAME or file:PATH would do"
    found = each["input"]
    shown = f"found {found!r}: " if isinstance(found, (str, int, float, bool)) else ""
    return f"{where}: {shown}{text}"


def secret(reference: str, folder: Path) -> str:
    """What a reference leads to; raises `NoSecret`."""
    sort, _, place = reference.partition(":")
    if sort == "env":
        if not os.environ.get(place):
            raise NoSecret(f"{reference}: the environment has no such variable, or an empty one")
        return os.environ[place]
    path = folder / place
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NoSecret(f"{reference}: others may read it too; chmod 600 would do")
        return content(path).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoSecret(f"{reference}: cannot be read: {type(error).__name__}") from None
