"""A deployment's file (TOML): which accounts, strategies and journal, and where the secrets lie.

    name = "desk"
    journal = "desk.db"

    limits = {file = "limits.yaml", rates = {USDT = "1"}}
    standing = "adopt"    # or "refuse": what others opened there

    [[accounts]]
    venue = "binance_spot"
    keys = {key = "env:BINANCE_KEY", secret = "file:binance.secret"}

    [[strategies]]
    kind = "maker"
    name = "mm"

Rule 1. A secret stands here by reference only: `env:NAME`, `file:PATH`, readable by its owner
alone, or `keyring:SERVICE/NAME`. It is read when it is needed, shown nowhere, and no part of what
was parsed.
Rule 2. An account has the fields of a scenario's venue, each from the table where nothing is said,
and of its own `keys` and `margin` (what its venue must say of it). Wallets are what it begins with
in `sim` and `paper`; in `shadow` and `live` what is there, the venue says.
Rule 3. Limits are those of a scenario, or `limits = "none"` in so many words.
Rule 4. Paths are relative to the folder of the file. Each world has a journal of its own: books of
simulated money are never gone on with at a venue.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from risk.written import Part, content
from scenarios.bounds import LimitsSpec
from scenarios.model import StrategySpec, VenueSpec, telling, told_by_table
from tieout.fronts import WAYS

NAME = r"^[a-z][a-z0-9]{0,7}$"
REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|keyring:[^/]+/.+)$"
WOULD_DO = "env:NAME, file:PATH or keyring:SERVICE/NAME would do"
NO_LIMITS = "none"

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
    wire: Wire | None = None
    limits: LimitsSpec | None = None
    unlimited: bool = False
    standing: Literal["adopt", "refuse"] = "refuse"
    margins: Annotated[dict[str, Literal["cross", "isolated"]], Field(default_factory=dict)]

    @model_validator(mode="before")
    @classmethod
    def _keys_apart(cls, told: object) -> object:
        """Each account says its own keys and margin; they are kept by its name."""
        told = _unlimited(told)
        accounts = told.get("accounts") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(accounts, list):
            return told
        keys: dict[str, object] = {}
        margins: dict[str, object] = {}
        specs = []
        for each in accounts:
            spec = dict(each) if isinstance(each, dict) else each
            if isinstance(spec, dict):
                spec["dialect"] = spec.pop("venue", None)
                account = f"{spec['dialect']}/{spec.get('name', 'main')}"
                for kept, name in ((keys, "keys"), (margins, "margin")):
                    if (said := spec.pop(name, None)) is not None:
                        kept[account] = said
            specs.append(spec)
        return {**told, "accounts": told_by_table(specs), "keys": keys, "margins": margins}

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
        return Deployment.model_validate(_beside(told, path.parent))
    except ValidationError as error:
        lines = [f"{path}: {_said(each)}" for each in telling(error.errors(include_url=False))]
        raise BadDeployment("\n".join(lines)) from None  # its own text would show what was found


def _unlimited(told: object) -> object:
    """`limits = "none"` is a word of its own."""
    if not isinstance(told, dict) or not isinstance(told.get("limits"), str):
        return told
    if told["limits"] != NO_LIMITS:
        would_do = f'"{NO_LIMITS}" in so many words, or a table with file and rates, would do'
        raise ValueError(f"limits: found {told['limits']!r}; {would_do}")
    return {name: said for name, said in told.items() if name != "limits"} | {"unlimited": True}


def _beside(told: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The file of limits by its path, as seen from here."""
    limits = told.get("limits")
    if isinstance(limits, dict) and isinstance(limits.get("file"), str):
        return {**told, "limits": {**limits, "file": str(folder / limits["file"])}}
    return told


def _said(each: Mapping[str, Any]) -> str:
    """Of a field of keys what was found is not shown: somebody may have put the secret there."""
    where = ".".join(map(str, each["loc"])).replace("dialect", "venue") or "the whole"
    text = each["msg"].removeprefix("Value error, ")
    if "keys" in each["loc"]:
        return f"{where}: {text}; {WOULD_DO}"
    found = each["input"]
    shown = f"found {found!r}: " if isinstance(found, (str, int, float, bool)) else ""
    return f"{where}: {shown}{text}"


def journal_of(deployment: Deployment, folder: Path, mode: str) -> Path:
    """The journal of a world: that of paper stands beside that of the real accounts."""
    journal = folder / deployment.journal
    return journal.with_stem(f"{journal.stem}.paper") if mode == "paper" else journal


def secret(reference: str, folder: Path) -> str:
    """What a reference leads to; raises `NoSecret`."""
    sort, _, place = reference.partition(":")
    if sort == "env":
        if not os.environ.get(place):
            raise NoSecret(f"{reference}: the environment has no such variable, or an empty one")
        return os.environ[place]
    if sort == "keyring":
        return _of_keyring(reference, *place.split("/", 1))
    path = folder / place
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise NoSecret(f"{reference}: others may read it too; chmod 600 would do")
        return content(path).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoSecret(f"{reference}: cannot be read: {type(error).__name__}") from None


def _of_keyring(reference: str, service: str, name: str) -> str:
    """Of the keyring of whoever runs it; what a keyring says when it fails is not shown."""
    import keyring
    from keyring.errors import KeyringError

    try:
        found = keyring.get_password(service, name)
    except KeyringError as error:
        raise NoSecret(f"{reference}: no keyring gave it: {type(error).__name__}") from None
    if not found:
        raise NoSecret(f"{reference}: the keyring has nothing under that service and name")
    return found
