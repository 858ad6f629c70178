"""The scenario model: what a file may say, checked field by field when it comes in.

A scenario is one claim about Tieout: which venues and strategies there are, what goes wrong, and
the numbers that must hold at the end. A wrong field is refused with its path and what would do.
"""

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from scenarios.strategies import KINDS as STRATEGIES
from sim.faults import KINDS as FAULTS

DIALECTS = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse", "coinbase")
CATALOGUE = Path(__file__).parent / "catalogue"
VENUES = Path(__file__).parent / "venues.yaml"
Seconds = Annotated[Decimal, Field(ge=0, le=10_000_000)]


class BadScenario(ValueError):
    """The file is not a scenario; the text names file, field, what was found and what would do."""


class Part(BaseModel):
    """Every part refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, told: object) -> object:
        if isinstance(told, dict):
            strange = [str(name) for name in told if name not in cls.model_fields]
            if strange:
                known = ", ".join(cls.model_fields)
                raise ValueError(f"unknown field {', '.join(strange)}; there are {known}")
        return told


class InstrumentSpec(Part):
    """An instrument of a venue, in the venue's own terms."""

    symbol: str = Field(min_length=1)
    base: str = Field(min_length=1)
    quote: str = Field(min_length=1)
    settle: str = ""
    tick: Decimal = Field(gt=0)
    lot: Decimal = Field(gt=0)
    multiplier: Decimal = Field(default=Decimal(1), gt=0)
    price: Decimal = Field(gt=0, description="where the seeded market starts")
    maker_rate: Decimal = Field(default=Decimal("0.0002"), gt=-1, lt=1)
    taker_rate: Decimal = Field(default=Decimal("0.0005"), gt=-1, lt=1)
    price_factor: Decimal = Field(default=Decimal(1), gt=0)
    quantity_factor: Decimal = Field(default=Decimal(1), gt=0)


class VenueSpec(Part):
    """A venue with our one account there."""

    dialect: Literal["binance_spot", "binance_usdm", "okx_swap", "bybit_inverse", "coinbase"]
    name: str = "main"
    instruments: tuple[InstrumentSpec, ...] = Field(min_length=1)
    wallets: dict[str, Decimal]
    statement_period_ms: int = Field(default=1000, ge=100)
    backfill_period_ms: int = Field(default=30_000, ge=1000)
    latency_ms: int = Field(default=12, ge=1)
    latency_ms_p99: int = Field(default=60, ge=1)
    skew_ms: int = 0
    market_wait_ms: int = Field(default=500, ge=10)

    @property
    def account(self) -> str:
        return f"{self.dialect}/{self.name}"


class StrategySpec(Part):
    """A strategy: its kind, what it trades (all instruments if nothing is said), its options."""

    kind: str
    name: str = Field(min_length=1)
    accounts: tuple[str, ...] = ()
    tick_ms: int = Field(default=1000, ge=10)
    options: dict[str, Any] = {}

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in STRATEGIES:
            raise ValueError(f"no strategy {kind!r}; there are {', '.join(sorted(STRATEGIES))}")
        return kind


class FaultSpec(Part):
    """A fault: when, where, how often, how strong (see `sim/faults.py` for what strength means)."""

    kind: str
    where: str = ""
    from_s: Seconds = Decimal(0)
    to_s: Seconds = Decimal(10_000_000)
    one_in: int = Field(default=1, ge=1)
    strength: int = Field(default=0, ge=0)
    every_s: Seconds = Decimal(0)
    times_max: int = Field(default=2**31, ge=1)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in FAULTS:
            raise ValueError(f"no fault {kind!r}; there are {', '.join(sorted(FAULTS))}")
        return kind

    @model_validator(mode="after")
    def _possible(self) -> "FaultSpec":
        if self.to_s <= self.from_s:
            raise ValueError(f"to_s ({self.to_s}) must lie after from_s ({self.from_s})")
        if FAULTS[self.kind][0] == "venue" and self.kind not in DRAWN_ON_REQUEST:
            if not self.every_s:
                raise ValueError(f"{self.kind} happens by itself: say every_s")
        return self


DRAWN_ON_REQUEST = ("fill_after_cancel", "fill_after_reject")


class ClaimSpec(Part):
    """A number of the summary and its bound. `figure` is a dotted path, `faults.bust` for one."""

    claim: str = Field(min_length=1)
    figure: str = Field(min_length=1)
    equals: Decimal | None = None
    at_most: Decimal | None = None
    at_least: Decimal | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "ClaimSpec":
        if self.equals is None and self.at_most is None and self.at_least is None:
            raise ValueError("a claim needs equals, at_most or at_least")
        return self


class StormSpec(Part):
    """Faults drawn from the seed instead of listed: which kinds, and how often at most."""

    kinds: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Scenario(Part):
    """One claim, and all that it takes to try it."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    claim: str = Field(min_length=1)
    covers: tuple[str, ...] = ()
    duration_s: Seconds = Field(gt=0)
    short_s: Seconds = Decimal(0)
    heal_s: Seconds = Decimal(30)
    group_wait_us: int = Field(default=500, ge=0)
    venues: tuple[VenueSpec, ...] = Field(min_length=1)
    strategies: tuple[StrategySpec, ...] = ()
    faults: tuple[FaultSpec, ...] = ()
    storm: StormSpec | None = None
    claims: tuple[ClaimSpec, ...] = ()
    market_gap_ms_max: int = Field(default=100, ge=1)

    @field_validator("venues", mode="before")
    @classmethod
    def _by_name(cls, venues: object) -> object:
        """A venue named by its dialect takes from the table what it does not state itself."""
        if not isinstance(venues, list):
            return venues
        table = _venue_table()
        told = []
        for venue in venues:
            each = {"dialect": venue} if isinstance(venue, str) else venue
            if isinstance(each, dict) and each.get("dialect") in table:
                each = {**table[each["dialect"]], **each}
            told.append(each)
        return told

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        venues = [venue.dialect for venue in self.venues]
        if len(dict.fromkeys(venues)) != len(venues):
            raise ValueError("each dialect may stand once under venues")
        for fault in self.faults:
            if fault.where not in ("", "node", *venues):
                raise ValueError(f"fault {fault.kind}: no venue {fault.where!r} among {venues}")
        accounts = [venue.account for venue in self.venues]
        for strategy in self.strategies:
            for account in strategy.accounts:
                if account not in accounts:
                    raise ValueError(f"strategy {strategy.name}: no account {account!r}")
        return self


@cache
def _venue_table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = yaml.safe_load(VENUES.read_text(encoding="utf-8"))
    return table


def load(path: Path) -> Scenario:
    """Read a scenario file; raises `BadScenario`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path}: cannot be read: {error}") from error
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadScenario(f"{path}: not YAML: {str(error).replace(chr(10), ' ')}") from error
    if not isinstance(told, dict):
        raise BadScenario(f"{path}: found {type(told).__name__}; a mapping of fields would do")
    return check(told, str(path))


def check(told: dict[str, Any], source: str) -> Scenario:
    """The scenario that these fields describe; raises `BadScenario`."""
    try:
        return Scenario.model_validate(told)
    except ValidationError as error:
        lines = []
        for each in error.errors():
            where = ".".join(str(part) for part in each["loc"]) or "(whole)"
            found = each.get("input")
            shown = (
                repr(found) if isinstance(found, (str, int, float, bool)) else type(found).__name__
            )
            text = each["msg"].removeprefix("Value error, ")
            lines.append(f"{source}: {where}: found {shown}: {text}")
        raise BadScenario("\n".join(lines)) from error


def find(name: str) -> Scenario:
    """A scenario of the catalogue, or a file's; raises `BadScenario`."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return load(path)
    inside = CATALOGUE / f"{name}.yaml"
    if not inside.exists():
        near = ", ".join(names())
        raise BadScenario(f"no scenario {name!r}; a file's path would do, or one of: {near}")
    return load(inside)


def names() -> list[str]:
    """The catalogue."""
    return sorted(path.stem for path in CATALOGUE.glob("*.yaml"))
