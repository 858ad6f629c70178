"""The scenario model: what a file may say, checked field by field when it comes in.

A scenario is one claim about Tieout: which venues and strategies there are, what goes wrong, and
the numbers that must hold at the end. A wrong field is refused with its path and what would do.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from core.money import ASSET_DECIMALS, ASSET_DECIMALS_MAX, PRICE_DECIMALS, QUANTITY_DECIMALS
from scenarios.bounds import LimitsSpec
from scenarios.part import Name, Part, Seconds
from scenarios.rails import Settling, by_name
from scenarios.strategies import KINDS as STRATEGIES
from sim.faults import KINDS as FAULTS
from sim.faults import OF_RISK, UNABLE
from venues.matching import SelfTrade

DIALECTS = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse", "coinbase")
CATALOGUE = Path(__file__).parent / "catalogue"
PAGE_ROWS_MIN = 3
VENUES = Path(__file__).parent / "venues.yaml"

# The field faults that a scenario may say it covers: docs/covers.md tells each in a line.
ROWS = (
    *(f"V{number}" for number in range(1, 31)),
    *(f"R{number}" for number in range(1, 14)),
    *(f"T{number}" for number in range(1, 8)),
)

# What a claim may be about: every number of `summary.json`. For ".*" stands any name (a count that
# was never made is 0) or that of an account.
FIGURES = (
    *("simulated_seconds", "events", "records", "crashes", "cuts_unshown"),
    *("silent_differences", "open_breaks", "open_suspects", "in_flight", "in_doubt"),
    *("unjournaled_effects", "orders_sent_twice", "orders_unwished"),
    *("orders_given_up", "orders_given_up_taken"),
    *("cancels_unpursued", "fills_unplaced", "exits_excessive", "self_trades"),
    *("breaks_hasty", "names_forgotten", "contradictions_unshown", "silence_excess_seconds_max"),
    *(f"differences.{what}" for what in ("holdings", "money", "orders")),
    *(f"drift.{what}" for what in ("injected", "found", "missed", "false_alarms")),
    *(f"drift.seconds_to_find.{what}" for what in ("p50", "p99", "max")),
    *(f"drift.periods_to_find.{what}" for what in ("p50", "p99")),
    *("drift.breaks_opened", "drift.by_cause.*"),
    *(f"market_data.{what}" for what in ("frames", "unreadable", "overtaken", "stale")),
    *("market_data.references", "market_data.age_ns_max"),
    *("detection_bound_ns.*", "paused_seconds.*", "counts.*"),
    *("wrongly_settled", "settlement.items.*", "settlement.legs.*", "settlement.told.*"),
    *("settlement.exposed_max.*", "settlement.open.*"),
    *(
        f"settlement.{what}"
        for what in (
            *("payments", "doubled", "differences", "pending", "misjudged"),
            *("ledger_faults", "limit_excess", "open_items", "told_wrongly", "astray"),
            *("balances_off", "over_limit_in_truth", "outstanding", "fees_off"),
            *("exchanges_off", "exchanged", "suspense_off"),
            *("called_illegal", "recalls_off"),
        )
    ),
    *(f"kill.{what}" for what in ("ordered", "unfinished", "looked_at", "left_open")),
    *(f"kill.{what}" for what in ("left_held", "seconds_max", "exits", "orders_after")),
    *("limit_breaches", "passive_breaches", "risk.peak.*"),
    *(f"risk.{what}" for what in ("orders", "passive_seconds", "still_over", "cycles")),
    *(f"risk.{what}" for what in ("word_age_seconds_max", "engine_lives", "engine_halted")),
    *(f"risk.{what}" for what in ("spent_when_old", "reductions", "flips")),
    *(f"risk.{what}" for what in ("gate_orders", "gate_refusals", "gate_crashes")),
    "risk.turnover_max",
    *(f"faults.{kind}" for kind in FAULTS),
)
OF_ACCOUNTS = ("detection_bound_ns", "paused_seconds")


class BadScenario(ValueError):
    """The file is not a scenario; the text names file, field, what was found and what would do."""


class InstrumentSpec(Part):
    """An instrument of a venue, in the venue's own terms."""

    symbol: Name
    base: Name
    quote: Name
    settle: Name | Literal[""] = ""
    tick: Decimal = Field(gt=0, decimal_places=PRICE_DECIMALS)
    lot: Decimal = Field(gt=0, decimal_places=QUANTITY_DECIMALS)
    multiplier: Decimal = Field(default=Decimal(1), gt=0, decimal_places=QUANTITY_DECIMALS)
    price: Decimal = Field(gt=0, description="where the seeded market starts")
    maker_rate: Decimal = Field(default=Decimal("0.0002"), gt=-1, lt=1)
    taker_rate: Decimal = Field(default=Decimal("0.0005"), gt=-1, lt=1)
    price_factor: Decimal = Field(default=Decimal(1), gt=0)
    quantity_factor: Decimal = Field(default=Decimal(1), gt=0)

    @model_validator(mode="after")
    def _of_two_assets(self) -> "InstrumentSpec":
        if self.base == self.quote:
            raise ValueError(f"base and quote are both {self.base!r}; two assets would do")
        return self


class VenueSpec(Part):
    """A venue with our one account there."""

    dialect: Literal["binance_spot", "binance_usdm", "okx_swap", "bybit_inverse", "coinbase"]
    name: Name = "main"
    instruments: tuple[InstrumentSpec, ...] = Field(min_length=1)
    wallets: dict[Name, Annotated[Decimal, Field(decimal_places=ASSET_DECIMALS)]]
    statement_period_ms: int = Field(default=1000, ge=100)
    backfill_period_ms: int = Field(default=30_000, ge=1000)
    request_validity_ms: int = Field(default=5000, ge=100, le=60_000)
    latency_ms: int = Field(default=12, ge=1)
    latency_ms_p99: int = Field(default=60, ge=1)
    skew_ms: int = 0
    market_wait_ms: int = Field(default=500, ge=10)
    self_trade: SelfTrade | Literal[""] = ""
    page_rows: int = Field(
        default=0, ge=0, description="rows of a page of a record; 0: as many as the venue gives"
    )

    @property
    def account(self) -> str:
        return f"{self.dialect}/{self.name}"

    @field_validator("page_rows")
    @classmethod
    def _moves_on(cls, rows: int) -> int:
        # The last row read is read again, and both sides of a self-trade bear one id.
        if 0 < rows < PAGE_ROWS_MIN:
            raise ValueError(f"a page must bring something new: 0, or at least {PAGE_ROWS_MIN}")
        return rows

    @model_validator(mode="after")
    def _tail_behind_median(self) -> "VenueSpec":
        if self.latency_ms_p99 < self.latency_ms:
            raise ValueError(f"latency_ms_p99 must be at least latency_ms ({self.latency_ms})")
        return self


class MakerOptions(Part):
    """See `strategies/maker.py`."""

    lots: int = Field(default=2, ge=1)
    ticks: int = Field(default=2, ge=0)
    lots_max: int = Field(default=20, ge=1)
    hedged: bool = False


class TakerOptions(Part):
    """See `strategies/taker.py`."""

    lots: int = Field(default=3, ge=1)
    one_in: int = Field(default=4, ge=1)
    lots_max: int = Field(default=30, ge=1)
    hedged: bool = False


class ScriptedLine(Part):
    """One order at a stated moment."""

    at_ms: int = Field(ge=0)
    side: Literal["buy", "sell"]
    lots: int = Field(ge=1)
    kind: Literal["limit", "market", "post_only", "ioc"] = "limit"
    ticks: int = 5
    account: str = ""
    instrument: str = ""
    leg: Literal["net", "long", "short"] = "net"
    reduce_only: bool = False
    cancel_after_ms: int | None = Field(default=None, ge=0)


class ScriptedOptions(Part):
    """See `strategies/scripted.py`."""

    lines: tuple[ScriptedLine, ...] = ()


class RunawayOptions(Part):
    """See `strategies/runaway.py`."""

    lots: int = Field(default=1, ge=1)
    after_ms: int = Field(default=0, ge=0)
    until_ms: int = Field(default=10**9, ge=0)
    side: Literal["buy", "sell", "both"] = "buy"
    kind: Literal["limit", "ioc", "market"] = "ioc"
    ticks: int = 3
    reduce_only: bool = False


OPTIONS: dict[str, type[Part]] = {
    "runaway": RunawayOptions,
    "maker": MakerOptions,
    "taker": TakerOptions,
    "scripted": ScriptedOptions,
}


class StrategySpec(Part):
    """A strategy: its kind, what it trades (all instruments if nothing is said), its options."""

    kind: str
    name: Name
    accounts: tuple[str, ...] = ()
    tick_ms: int = Field(default=1000, ge=10)
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in STRATEGIES:
            raise ValueError(f"no strategy {kind!r}; there are {', '.join(sorted(STRATEGIES))}")
        return kind

    @model_validator(mode="after")
    def _fitting_options(self) -> "StrategySpec":
        OPTIONS[self.kind].model_validate(self.options)
        return self


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
        site = FAULTS[self.kind][0]
        by_itself = (site == "venue" and self.kind not in ON_REQUEST) or self.kind == "key_expired"
        if by_itself and not self.every_s:
            raise ValueError(f"{self.kind} happens by itself: say every_s")
        if self.where not in ("", "node" if site == "node" else self.where):
            raise ValueError(f"{self.kind} happens to our node: where would be node")
        if self.where == "node" and site != "node":
            raise ValueError(f"{self.kind} happens at a venue, not to our node")
        if self.kind in UNABLE.get(self.where, ()):
            raise ValueError(
                f"{self.kind} cannot happen at {self.where}, or nothing would tell of it"
            )
        return self


ON_REQUEST = ("fill_after_cancel", "fill_after_reject")


class ClaimSpec(Part):
    """A number of the summary and its bound. `figure` is a dotted path, `faults.bust` for one.

    A short form has less of everything: there `at_least_short` holds instead of `at_least`, and
    where it is not stated, nothing does.
    """

    claim: str = Field(min_length=1)
    figure: str = Field(min_length=1)
    equals: Decimal | None = None
    at_most: Decimal | None = None
    at_least: Decimal | None = None
    at_least_short: Decimal | None = None

    @field_validator("figure")
    @classmethod
    def _known(cls, figure: str) -> str:
        if not _is_figure(figure):
            head = figure.partition(".")[0] + "."
            heads = [name for name in FIGURES if not name.startswith("faults.")] + ["faults.KIND"]
            known = [name for name in FIGURES if name.startswith(head)] or heads
            near = _nearest(figure, FIGURES)
            raise ValueError(f"no figure {figure!r}{near or ';'} there are {', '.join(known)}")
        return figure

    @model_validator(mode="after")
    def _bounded(self) -> "ClaimSpec":
        if self.equals is None and self.at_most is None and self.at_least is None:
            raise ValueError("a claim needs equals, at_most or at_least")
        if self.at_least_short is not None:
            if self.at_least is None or self.at_least_short > self.at_least:
                raise ValueError("at_least_short needs an at_least that is no less")
        return self

    def in_short(self) -> "ClaimSpec | None":
        """The claim that a short form makes instead; None where it makes none."""
        if self.at_least is None:
            return self
        if self.at_least_short is not None:
            return self.model_copy(update={"at_least": self.at_least_short})
        if self.equals is None and self.at_most is None:
            return None
        return self.model_copy(update={"at_least": None})


def _is_figure(path: str) -> bool:
    branch, _, leaf = path.rpartition(".")
    return path in FIGURES or (leaf not in ("", "*") and f"{branch}.*" in FIGURES)


class OperatorSpec(Part):
    """Two people who repair each break that stood open for `after_s`, by its proposed size.

    Where a venue told one fill in two contents they keep what was told first. With `desk` they
    decide about the open items of settlement, too: whose value in suspense is, what goes back to
    where it came from, and what keepers say of themselves.
    """

    author: Name
    approver: Name
    after_s: Seconds = Field(gt=0)
    reason: str = Field(default="no evidence was found for it", min_length=1)
    desk: bool = False

    @model_validator(mode="after")
    def _two_people(self) -> "OperatorSpec":
        if self.author == self.approver:
            raise ValueError(f"author and approver are both {self.author!r}; two people would do")
        return self


class KillSpec(Part):
    """Somebody pulls the kill switch at a time, for all accounts."""

    after_s: Seconds = Field(gt=0)
    by: Name = "anna"
    reason: str = Field(default="a drill", min_length=1)
    flatten: Literal["nothing", "ours", "venues"] = "ours"


class StormSpec(Part):
    """Faults drawn from the seed instead of listed: which kinds, and how often at most."""

    kinds: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class FiresSpec(Part):
    """What a campaign over so many seeds has to see: every drawn kind of fault, and these refusals,
    each so many times in all."""

    seeds: int = Field(ge=1)
    times: int = Field(ge=1)
    refusals: tuple[str, ...] = ()


class MemorySpec(Part):
    """How much the node keeps at hand; a scenario that says nothing has the node's own numbers."""

    ids: int = Field(ge=1)
    orders: int = Field(ge=1)
    progress: int = Field(ge=1)
    transfers: int = Field(default=2_000, ge=0)


class Scenario(Part):
    """One claim, and all that it takes to try it."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    claim: str = Field(min_length=1)
    covers: tuple[str, ...] = ()
    duration_s: Seconds = Field(gt=0)
    short_s: Seconds = Decimal(0)
    heal_s: Seconds = Decimal(30)
    short_heal_s: Seconds = Decimal(35)
    group_wait_us: int = Field(default=500, ge=0)
    decimals: dict[Name, Annotated[int, Field(ge=ASSET_DECIMALS, le=ASSET_DECIMALS_MAX)]] = Field(
        default_factory=dict
    )
    venues: tuple[VenueSpec, ...] = ()
    settling: Settling | None = None
    strategies: tuple[StrategySpec, ...] = ()
    faults: tuple[FaultSpec, ...] = ()
    storm: StormSpec | None = None
    fires: FiresSpec | None = None
    operators: tuple[OperatorSpec, ...] = ()
    kills: tuple[KillSpec, ...] = ()
    limits: LimitsSpec | None = None
    memory: MemorySpec | None = None
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

    @field_validator("settling", mode="before")
    @classmethod
    def _rails_by_name(cls, settling: object) -> object:
        if isinstance(settling, dict) and "rails" in settling:
            return {**settling, "rails": by_name(settling["rails"])}
        return settling

    @field_validator("covers")
    @classmethod
    def _rows(cls, covers: tuple[str, ...]) -> tuple[str, ...]:
        for row in covers:
            if row not in ROWS:
                raise ValueError(f"no row {row!r}; V1 to V30, R1 to R13 or T1 to T7 would do")
        return covers

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        rails = [rail.name for rail in self.settling.rails] if self.settling else []
        venues = [venue.dialect for venue in self.venues] + rails
        if not venues:
            raise ValueError("a scenario needs venues, or settling with rails, or both")
        for bridge in self.settling.bridges if self.settling else ():
            of_rails = self.settling.rails if self.settling else ()
            chains = [rail.name for rail in of_rails if rail.keeper == "evm"]
            if bridge.venue not in venues or bridge.rail not in chains or bridge.asset != "ETH":
                raise ValueError(
                    f"bridge {bridge.venue} to {bridge.rail}: the coin of a chain ({chains}) and a"
                    f" venue ({venues}) of the scenario would do"
                )
        if twice := _twice(venues):
            raise ValueError(f"{twice} stands twice under venues; each dialect may stand once")
        if twice := _twice(strategy.name for strategy in self.strategies):
            raise ValueError(f"two strategies are named {twice!r}; a name of its own each would do")
        for fault in self.faults:
            if all(fault.kind in UNABLE.get(venue, ()) for venue in venues):
                raise ValueError(f"fault {fault.kind} cannot happen at any of {venues}")
            if fault.where not in ("", "node", *venues):
                raise ValueError(f"fault {fault.kind}: no venue {fault.where!r} among {venues}")
            if fault.from_s >= self.duration_s:
                raise ValueError(
                    f"fault {fault.kind}: from_s ({fault.from_s}) lies beyond the run;"
                    f" less than duration_s ({self.duration_s}) would do"
                )
        self._know_limits()
        kept = self.settling.rails if self.settling else ()
        self._know_accounts(
            [venue.account for venue in self.venues], [rail.account for rail in kept]
        )
        return self

    def _know_limits(self) -> None:
        """Engine and gates are there where limits are; each gate stands beside known strategies."""
        limits = self.limits
        names = [strategy.name for strategy in self.strategies]
        for fault in self.faults:
            site = FAULTS[fault.kind][0]
            if site in OF_RISK and (limits is None or (site == "gate" and not limits.gates)):
                raise ValueError(
                    f"fault {fault.kind}: there is no {site}; limits with one would do"
                )
        for gate in limits.gates if limits is not None else ():
            for name in gate.strategies:
                if name not in names:
                    raise ValueError(f"gate {gate.name}: no strategy {name!r} among {names}")

    def _know_accounts(self, accounts: Sequence[str], kept: Sequence[str]) -> None:
        """Strategies trade at venues; figures are also those of what keepers of money have."""
        known = ", ".join(accounts)
        for strategy in self.strategies:
            for account in strategy.accounts:
                if account not in accounts:
                    raise ValueError(
                        f"strategy {strategy.name}: no account {account!r}; there are {known}"
                    )
        for claim in self.claims:
            head, _, account = claim.figure.partition(".")
            if head in OF_ACCOUNTS and account not in (*accounts, *kept):
                known = ", ".join((*accounts, *kept))
                raise ValueError(f"figure {head}: no account {account!r}; there are {known}")


def _twice(names: Iterable[str]) -> str:
    """The first name that stands there twice; "" if none does."""
    return next((name for name, times in Counter(names).items() if times > 1), "")


def _nearest(name: str, known: Iterable[str]) -> str:
    """A question to ask where something known is close to what was typed; else ""."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


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
        told = yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader that is stricter still
    except yaml.YAMLError as error:
        raise BadScenario(f"{path}: not YAML: {str(error).replace(chr(10), ' ')}") from error
    if not isinstance(told, dict):
        found = "an empty file" if told is None else type(told).__name__
        raise BadScenario(f"{path}: found {found}; a mapping of fields would do")
    return check(told, str(path))


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping: to YAML, the last one wins."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002  # as PyYAML has it
    ) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                where = f"line {key.start_mark.line + 1}"
                raise yaml.YAMLError(f"{where}: the key {key.value!r} stands twice; once would do")
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def check(told: dict[str, Any], source: str) -> Scenario:
    """The scenario that these fields describe; raises `BadScenario`."""
    try:
        return Scenario.model_validate(told)
    except ValidationError as error:
        lines = [_line(source, each) for each in _telling(error.errors())]
        raise BadScenario("\n".join(lines)) from error


def _line(source: str, each: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in each["loc"]) or "(whole)"
    found = each["input"]
    if each["type"] == "missing":
        shown = "nothing"
    elif isinstance(found, (str, int, float, bool, Decimal)):
        shown = repr(found)
    else:
        shown = type(found).__name__
    return f"{source}: {where}: found {shown}: {each['msg'].removeprefix('Value error, ')}"


def _telling(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without those that only follow from another: the whole of a bad part, and what a venue lacks
    because nobody knows its dialect."""
    places = [each["loc"] for each in errors]
    strange = [place[:-1] for place in places if place[-1:] == ("dialect",)]

    def follows(place: tuple[int | str, ...]) -> bool:
        whole = any(len(place) < len(other) and other[: len(place)] == place for other in places)
        return whole or (place[-1:] != ("dialect",) and any(place[: len(v)] == v for v in strange))

    return [each for each in errors if not follows(each["loc"])]


def find(name: str) -> Scenario:
    """A scenario of the catalogue, or a file's; raises `BadScenario`."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or (path.exists() and not path.is_dir()):
        return load(path)
    if name not in names():
        near, known = _nearest(name, names()), ", ".join(names())
        raise BadScenario(
            f"no scenario {name!r}{near or ';'} a file's path would do, or one of: {known}"
        )
    return load(CATALOGUE / f"{name}.yaml")


def names() -> list[str]:
    """The catalogue."""
    return sorted(path.stem for path in CATALOGUE.glob("*.yaml"))
