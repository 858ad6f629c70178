"""A deployment's file (TOML): which accounts, strategies and journal, and where the secrets lie.

    name = "desk"
    journal = "desk.db"
    standing = "refuse"   # or "adopt": positions and orders that stand there when its books begin

    [limits]              # see `tieout.deployment.limits`; or: limits = "none"
    file = "limits.yaml"
    rates = {USDT = 1}

    [[accounts]]
    venue = "binance_spot"
    keys = {key = "env:BINANCE_KEY", secret = "file:binance.secret"}

    [[strategies]]
    kind = "maker"
    name = "mm"

Strategies that run in processes of their own, each with its gate (`tieout.gates.live`); in mode
live, under limits:

    [gates]
    nats = "nats://127.0.0.1:4222"   # a server with JetStream: leases and quotes go over it
    strategies = ["mm"]              # all of them where nothing is said

A journal that outgrows one machine is a server's, and nodes that share it take turns:

    [journal]
    url = "postgresql://tieout@db/books"
    password = "env:BOOKS_PASSWORD"
    standby = true

Rule 1. A secret stands here by reference only: `env:NAME`, `file:PATH`, readable by its owner
alone, or `keyring:SERVICE/NAME`. It is read when it is needed, shown nowhere, and no part of what
was parsed.
Rule 2. An account has the fields of a scenario's venue, each from the table where nothing is said,
and of its own `keys` and `margin` (what its venue must say of it). Wallets are what it begins with
in `sim` and `paper`; in `shadow` and `live` what is there, the venue says.
Rule 3. Limits are those of a scenario, or `limits = "none"` in so many words; so are alerts, which
need channels, or `alerts = "none"`.
Rule 4. Chains, custodians and banks are those of `shadow` and `live` alone; what the file says of
custodians and banks see `tieout.deployment.rails`.
Rule 5. Paths are relative to the folder of the file. Each world has a journal of its own: books of
simulated money are never gone on with at a venue.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from risk.written import Part, content
from scenarios.model import StrategySpec, VenueSpec, telling, told_by_table
from scenarios.part import Name
from tieout.deployment.limits import NONE, DeployedLimits, Reviewed, beside
from tieout.deployment.rails import BankPart, CustodianPart
from tieout.deployment.secret_references import WOULD_DO, Reference
from tieout.node.adopting import Standing
from tieout.watching.watch_files import AlertsSpec, LogsSpec, MetricsSpec
from tieout.wire.fronts import WAYS

NAME = r"^[a-z][a-z0-9]{0,7}$"
ADDRESS = r"^0x[0-9a-fA-F]{40}$"
# Where a secret may have been put by mistake, or is a part of what has to stand there.
SECRETIVE = {"keys", "nodes", "key", "password", "private_key", "secret"}
# Where this model keeps what the file says elsewhere: no words of the file.
HIDDEN = {"keys", "margins", "unlimited", "unalerted"}
ADDRESSES = {"url", "webhook", "jwks", "nats", "address", "journal"}


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


class ChainPart(Part):
    """An account on an EVM chain, by two nodes that must agree; its key, if it pays.

    A node's address is a secret: its path may be a key. `tokens` are contracts by asset, `schemes`
    rows of the table of rails; `deposits` are addresses that receive and send nothing.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")]
    chain_id: Annotated[int, Field(ge=1)]
    nodes: Annotated[tuple[Reference, ...], Field(min_length=2, max_length=2)]
    address: Annotated[str, Field(pattern=ADDRESS)]
    coin: str = "ETH"
    tokens: Annotated[dict[str, Annotated[str, Field(pattern=ADDRESS)]], Field(default={})]
    deposits: tuple[Annotated[str, Field(pattern=ADDRESS)], ...] = ()
    schemes: tuple[str, ...] = ("evm",)
    keystore: str | None = None
    password: Reference | None = None
    poll_s: Annotated[int, Field(ge=1, le=600)] = 12


class JournalServer(Part):
    """A journal on PostgreSQL; one that stands by follows it, and leads when nobody does."""

    url: str
    password: Reference | None = None
    standby: bool = False
    lease_s: Annotated[float, Field(ge=1, le=60)] = 5.0
    answer_s: Annotated[float, Field(ge=1, le=600)] = 10.0  # who is silent for longer hangs

    @model_validator(mode="after")
    def _without_password(self) -> "JournalServer":
        told = urlsplit(self.url)
        if told.scheme not in ("postgresql", "postgres"):
            raise ValueError("url is no server's; postgresql://USER@HOST/DATABASE would do")
        if told.password or "password=" in told.query:
            raise ValueError("url has a password in it; password = 'env:NAME' would do")
        return self

    def place(self, folder: Path) -> str:
        """As libpq takes it, the password read."""
        if self.password is None:
            return self.url
        told = urlsplit(self.url)
        user, _, host = told.netloc.rpartition("@")
        known = quote(secret(self.password, folder), safe="")
        return urlunsplit(told._replace(netloc=f"{user}:{known}@{host}"))


class GatesPart(Part):
    """Strategies in processes of their own: these, or all; and the server between them and us."""

    nats: str
    strategies: tuple[Name, ...] = ()

    @field_validator("nats")
    @classmethod
    def _an_address(cls, url: str) -> str:
        told = urlsplit(url)
        if told.scheme not in ("nats", "tls") or not told.hostname:
            raise ValueError("no NATS server's; nats://HOST:PORT would do")
        if told.username or told.password:
            raise ValueError("an address with a secret in it is not taken; one without would do")
        return url


class Deployment(Part):
    """The whole file."""

    name: Annotated[str, Field(pattern=NAME)]
    journal: Annotated[str, Field(min_length=1)] | JournalServer
    accounts: tuple[VenueSpec, ...] = ()
    keys: Annotated[dict[str, Keys], Field(default_factory=dict)]
    chain: tuple[ChainPart, ...] = ()
    custodian: tuple[CustodianPart, ...] = ()
    bank: tuple[BankPart, ...] = ()
    tokens: str | None = None  # a file of `tieout tokens serve`: what this node issues
    strategies: tuple[StrategySpec, ...] = ()
    limits: DeployedLimits | None = None
    unlimited: bool = False
    unalerted: bool = False
    gates: GatesPart | None = None
    standing: Standing = "refuse"
    wire: Wire | None = None
    margins: Annotated[dict[str, Literal["cross", "isolated"]], Field(default_factory=dict)]
    alerts: AlertsSpec | None = None
    metrics: MetricsSpec | None = None
    logs: LogsSpec | None = None

    @property
    def local_name(self) -> str:
        """What files beside the journal are named by: the file's own name, or at a server ours."""
        return self.journal if isinstance(self.journal, str) else f"{self.name}.journal"

    @field_validator("journal")
    @classmethod
    def _a_file(cls, journal: str | JournalServer) -> str | JournalServer:
        if isinstance(journal, str) and "://" in journal:
            raise ValueError(
                "a server's is a table: journal = {url = ..., password = ...} would do"
            )
        return journal

    @model_validator(mode="before")
    @classmethod
    def _none_said(cls, told: object) -> object:
        """`limits = "none"` is something else than nothing said of limits; so it is of alerts."""
        if not isinstance(told, dict):
            return told
        for name, said in (("limits", "unlimited"), ("alerts", "unalerted")):
            found = told.get(name)
            if not isinstance(found, str):
                continue
            if found != NONE:
                raise ValueError(f"{name}: found {found!r}: a table, or {NONE!r}, would do")
            told = {each: told[each] for each in told if each != name} | {said: True}
        return told

    @model_validator(mode="before")
    @classmethod
    def _keys_apart(cls, told: object) -> object:
        """Each account says its own keys and margin; they are kept by its name."""
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

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, told: object) -> object:
        if isinstance(told, dict) and (strange := [n for n in told if n not in cls.model_fields]):
            known = ", ".join(name for name in cls.model_fields if name not in HIDDEN)
            raise ValueError(f"unknown field {', '.join(strange)}; there are {known}")
        return told

    @model_validator(mode="after")
    def _trades_there(self) -> "Deployment":
        """A strategy of no account would see nothing, and say nothing."""
        known = [each.account for each in self.accounts]
        for each in self.strategies:
            for account in each.accounts:
                if account not in known:
                    found = f"strategies: {each.name}: found account {account!r}"
                    raise ValueError(f"{found}; one of {known} would do")
        return self

    @model_validator(mode="after")
    def _enabled_are_known(self) -> "Deployment":
        known = [each.name for each in self.strategies]
        for name in self.limits.enabled if self.limits is not None else ():
            if name not in known:
                raise ValueError(f"limits.enabled: found {name!r}; one of {known} would do")
        return self

    @model_validator(mode="after")
    def _gates_are_known(self) -> "Deployment":
        if self.gates is None:
            return self
        if self.limits is None:
            raise ValueError("gates: nothing to lease from; a table of limits would do")
        known = [each.name for each in self.strategies]
        for name in self.gates.strategies:
            if name not in known:
                raise ValueError(f"gates.strategies: found {name!r}; one of {known} would do")
        return self

    def gated(self) -> tuple[StrategySpec, ...]:
        """The strategies that run in processes of their own."""
        if self.gates is None:
            return ()
        names = self.gates.strategies
        return tuple(each for each in self.strategies if not names or each.name in names)

    def reviewed(self, folder: Path) -> Reviewed | None:
        """The limits with whom they are applied to, if there are any; raises `NoSecret`."""
        if self.limits is None:
            return None
        at = self.journal
        journal = str(folder / at) if isinstance(at, str) else at.place(folder)
        return Reviewed(self.limits, self.accounts, self.strategies, journal)

    @model_validator(mode="after")
    def _all_keyed(self) -> "Deployment":
        keepers = [*(each.name for each in self.custodian), *(each.name for each in self.bank)]
        rails = [*(each.name for each in self.chain), *keepers]
        if not (self.accounts or rails or self.tokens):
            would_do = "[[accounts]], [[chain]], [[custodian]] or [[bank]]"
            raise ValueError(f"it has no account; one of {would_do} would do")
        if len(set(rails)) < len(rails):
            raise ValueError(f"a chain or a keeper stands twice in {rails}; other names would do")
        for each in self.accounts:
            if each.account not in self.keys:
                raise ValueError(f"{each.account} has no keys; key and secret would do")
        return self

    @model_validator(mode="after")
    def _each_once(self) -> "Deployment":
        """One account under two names would be booked twice, and counted twice by its limits."""
        keys = [(each.dialect, self.keys[each.account].key) for each in self.accounts]
        wallets = [(each.chain_id, each.address.lower()) for each in self.chain]
        for sort, found in (("accounts: a key", keys), ("chain: an address", wallets)):
            if len(set(found)) < len(found):
                raise ValueError(f"{sort} stands there twice; one account for each would do")
        return self


def load(path: Path) -> Deployment:
    """Read a deployment's file; raises `BadDeployment`."""
    told = _toml(path)
    if hidden := sorted(HIDDEN & told.keys()):
        would_do = "what says it is keys and margin of an account, or limits and alerts = 'none'"
        raise BadDeployment(f"{path}: unknown field {', '.join(hidden)}; {would_do}")
    return _checked(beside(told, path.parent), path)


def load_accounts(path: Path) -> Deployment:
    """Of a deployment's file the accounts at venues and the way there, and nothing else of it.

    Whatever is wrong with limits, strategies, rails or alerts does not hold up who must cancel.
    Raises `BadDeployment`.
    """
    told = _toml(path)
    ours: dict[str, Any] = {name: told[name] for name in ("accounts", "wire") if name in told}
    if not ours.get("accounts"):
        found = "it has no account at a venue, and what is under way on rails no kill takes back"
        raise BadDeployment(f"{path}: {found}; a file with [[accounts]] would do")
    return _checked({**ours, "name": "kill", "journal": "none"}, path)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(content(path).decode())
    except OSError as error:
        raise BadDeployment(f"{path}: {error.strerror}; a TOML file would do") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadDeployment(f"{path}: {error}; a TOML file would do") from error


def _checked(told: dict[str, Any], path: Path) -> Deployment:
    try:
        return Deployment.model_validate(told)
    except ValidationError as error:
        lines = [f"{path}: {_said(each)}" for each in telling(error.errors(include_url=False))]
        raise BadDeployment("\n".join(lines)) from None  # its own text would show what was found


def _said(each: Mapping[str, Any]) -> str:
    """Of a field of keys what was found is not shown: somebody may have put the secret there. Nor
    is it of an address, which may have a password in it, or be a key that was pasted there."""
    where = ".".join(map(str, each["loc"])).replace("dialect", "venue") or "the whole"
    text = each["msg"].removeprefix("Value error, ")
    if SECRETIVE & set(each["loc"]):
        return f"{where}: {text}; {WOULD_DO}"
    found = each["input"]
    told = isinstance(found, (str, int, float, bool)) and not ADDRESSES & set(each["loc"])
    shown = f"found {found!r}: " if told else ""
    return f"{where}: {shown}{text}"


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
        found = content(path).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoSecret(f"{reference}: cannot be read: {type(error).__name__}") from None
    if not found:
        raise NoSecret(f"{reference}: the file is empty; one with the secret in it would do")
    return found


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
