"""The scenario model: what a file may say, checked field by field when it comes in.

A scenario is one claim about Tieout: which venues and strategies there are, what goes wrong, and
the numbers that must hold at the end. A wrong field is refused with its path and what would do.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from core.money import ASSET_DECIMALS, ASSET_DECIMALS_MAX, PRICE_DECIMALS, QUANTITY_DECIMALS
from core.people import are_two
from core.state import UNATTRIBUTED
from core.strategies import KILL
from risk.reading import ADJUSTMENT
from risk.written import NotYaml, Part, content, document
from scenarios.bounds import LimitsSpec
from scenarios.figures import flaw, whose
from scenarios.part import Amount, Every, Millis, Name, Price, Seconds, Times
from scenarios.rails import Settling, by_name
from scenarios.recorded import ModelsSpec, RecordedSpec
from scenarios.strategies import maker_of
from scenarios.tokens import TokenSpec
from sim.faults import ENGINE, OF_RISK, UNABLE, happens_by_itself, impossible
from sim.faults import KINDS as FAULTS
from venues.matching import SelfTrade

DIALECTS = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse", "coinbase")
CATALOGUE = Path(__file__).parent / "catalogue"
PAGE_ROWS_MIN = 3
NAMED = r"^[a-z0-9_]+$"  # a scenario, and so its file
LISTED_ANEW_S_MIN = 15
# Figures begin with the name of a strategy, or with one of these.
RESERVED = (UNATTRIBUTED, ADJUSTMENT, KILL)
# What YAML can hold, in words.
SORTS = {dict: "a mapping", list: "a list", type(None): "nothing"}
# The crowd quotes on both sides of the middle, which may wander.
PRICE_TICKS_MIN = 10
VENUES = Path(__file__).parent / "venues.yaml"
OF_THE_CATALOGUE = "a name that `tieout list` shows, would do"

# The field faults that a scenario may say it covers: docs/covers.md tells each in a line.
ROWS = (
    *(f"V{number}" for number in range(1, 31)),
    *(f"R{number}" for number in range(1, 14)),
    *(f"T{number}" for number in range(1, 8)),
)


class BadScenario(ValueError):
    """The file is not a scenario; the text names file, field, what was found and what would do."""


class InstrumentSpec(Part):
    """An instrument of a venue, in the venue's own terms."""

    symbol: Name
    base: Name
    quote: Name
    settle: Name | Literal[""] = ""
    tick: Price = Field(decimal_places=PRICE_DECIMALS)
    lot: Price = Field(decimal_places=QUANTITY_DECIMALS)
    multiplier: Price = Field(default=Decimal(1), decimal_places=QUANTITY_DECIMALS)
    price: Price = Field(description="where the seeded market starts")
    maker_rate: Decimal = Field(default=Decimal("0.0002"), gt=-1, lt=1)
    taker_rate: Decimal = Field(default=Decimal("0.0005"), gt=-1, lt=1)
    price_factor: Price = Decimal(1)
    quantity_factor: Price = Decimal(1)
    listed_anew_s: Seconds = Field(
        default=Decimal(0), description="when it is listed anew and its ids begin again; 0: never"
    )
    recorded: RecordedSpec | None = None

    @model_validator(mode="after")
    def _of_two_assets(self) -> "InstrumentSpec":
        if self.base == self.quote:
            raise ValueError(f"base and quote are both {self.base!r}; two assets would do")
        return self

    @model_validator(mode="after")
    def _room_for_a_ladder(self) -> "InstrumentSpec":
        if self.price < PRICE_TICKS_MIN * self.tick:
            least = PRICE_TICKS_MIN * self.tick
            raise ValueError(f"price {self.price} with tick {self.tick}: {least} or more would do")
        return self


class VenueSpec(Part):
    """A venue with our one account there."""

    dialect: Literal["binance_spot", "binance_usdm", "okx_swap", "bybit_inverse", "coinbase"]
    name: Name = "main"
    instruments: tuple[InstrumentSpec, ...] = Field(min_length=1)
    wallets: dict[Name, Annotated[Amount, Field(decimal_places=ASSET_DECIMALS)]]
    statement_period_ms: Millis = Field(default=1000, ge=100)
    backfill_period_ms: Millis = Field(default=30_000, ge=1000)
    request_validity_ms: int = Field(default=5000, ge=100, le=60_000)
    latency_ms: Millis = Field(default=12, ge=1)
    latency_ms_p99: Millis = Field(default=60, ge=1)
    skew_ms: Millis = Field(default=0, ge=-60_000, le=60_000)
    market_wait_ms: Millis = Field(default=500, ge=10)
    pace: Times = Field(
        default=1,
        ge=1,
        description="how many times slower than usual its streams beat and repeat, and are missed",
    )
    self_trade: SelfTrade | Literal[""] = ""
    page_rows: Times = Field(
        default=0, ge=0, description="rows of a page of a record; 0: as many as the venue gives"
    )
    models: ModelsSpec | None = None

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
    def _named_by_assets(self) -> "VenueSpec":
        """Coinbase tells what a product is counted in by its name alone."""
        for number, each in enumerate(self.instruments):
            name = f"{each.base}-{each.quote}"
            if self.dialect == "coinbase" and each.symbol != name:
                found = f"instruments.{number}.symbol: found {each.symbol!r}"
                raise ValueError(
                    f"{found}; Coinbase names a product by its assets: {name} would do"
                )
        return self

    @model_validator(mode="after")
    def _listed_anew(self) -> "VenueSpec":
        """Where ids are counted per symbol, and no position would have to be settled first."""
        for number, each in enumerate(self.instruments):
            if each.listed_anew_s and self.dialect != "binance_spot":
                where = f"instruments.{number}.listed_anew_s: found {each.listed_anew_s}"
                raise ValueError(f"{where}; 0 would do at {self.dialect}, binance_spot lists anew")
            if 0 < each.listed_anew_s < LISTED_ANEW_S_MIN:
                where = f"instruments.{number}.listed_anew_s: found {each.listed_anew_s}"
                raise ValueError(
                    f"{where}; it halts before: 0, or {LISTED_ANEW_S_MIN} on, would do"
                )
        return self

    @model_validator(mode="after")
    def _models_of_contracts(self) -> "VenueSpec":
        spot = self.dialect in ("binance_spot", "coinbase")
        if spot and self.models and (self.models.funding or self.models.liquidation):
            raise ValueError(
                f"models: funding and liquidation are of contracts; without them {self.dialect}"
                " would do"
            )
        return self

    @model_validator(mode="after")
    def _tail_behind_median(self) -> "VenueSpec":
        if self.latency_ms_p99 < self.latency_ms:
            raise ValueError(f"latency_ms_p99 must be at least latency_ms ({self.latency_ms})")
        return self


class MakerOptions(Part):
    """See `strategies/maker.py`."""

    lots: Times = Field(default=2, ge=1)
    ticks: Times = Field(default=2, ge=0)
    lots_max: Times = Field(default=20, ge=1)
    hedged: bool = False
    heeds: bool = False


class TakerOptions(Part):
    """See `strategies/taker.py`."""

    lots: Times = Field(default=3, ge=1)
    one_in: Times = Field(default=4, ge=1)
    lots_max: Times = Field(default=30, ge=1)
    hedged: bool = False
    heeds: bool = False


class ScriptedLine(Part):
    """One order at a stated moment."""

    at_ms: Millis = Field(ge=0)
    side: Literal["buy", "sell"]
    lots: Times = Field(ge=1)
    kind: Literal["limit", "market", "post_only", "ioc"] = "limit"
    ticks: Times = Field(default=5, ge=-1_000_000)
    account: str = ""
    instrument: str = ""
    leg: Literal["net", "long", "short"] = "net"
    reduce_only: bool = False
    cancel_after_ms: Millis | None = Field(default=None, ge=0)


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


class ArbitrageOptions(Part):
    """See `strategies/arbitrage.py`."""

    base: Name = "BTC"
    quote: Name = "USDT"
    size: Price = Field(default=Decimal("0.01"), decimal_places=QUANTITY_DECIMALS)
    limit: Price = Field(default=Decimal("0.1"), decimal_places=QUANTITY_DECIMALS)
    edge_bp: Times = Field(default=10, ge=0)
    within_s: Times = Field(default=3600, ge=1)


class MomentumOptions(Part):
    """See `strategies/momentum.py`."""

    bars: Times = Field(default=24, ge=1)
    bar_s: Times = Field(default=3600, ge=1)
    quantity: Price = Field(default=Decimal(1), decimal_places=QUANTITY_DECIMALS)
    long_only: bool = False
    hedged: bool = False


OPTIONS: dict[str, type[Part]] = {
    "arbitrage": ArbitrageOptions,
    "momentum": MomentumOptions,
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
    tick_ms: Millis = Field(default=1000, ge=10)
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        maker_of(kind)
        return kind

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(
                f"what has no strategy is booked as {', '.join(RESERVED)}; another name would do"
            )
        return name

    @model_validator(mode="after")
    def _fitting_options(self) -> "StrategySpec":
        if self.kind in OPTIONS:  # a file checks its own
            OPTIONS[self.kind].model_validate(self.options)
        return self


class TreasurySpec(Part):
    """How long people take, at least and at most: to act when cash is to be moved, and then until
    it is there."""

    acts_s: tuple[Times, Times] = (5, 60)
    moves_s: tuple[Times, Times] = (60, 900)

    @model_validator(mode="after")
    def _in_order(self) -> "TreasurySpec":
        for name, (least, most) in (("acts_s", self.acts_s), ("moves_s", self.moves_s)):
            if not 0 <= least <= most:
                raise ValueError(f"{name}: found {least} to {most}; the least first would do")
        return self


class FaultSpec(Part):
    """A fault: when, where, how often, how strong (see `sim/faults.py` for what strength means).

    With `strikes` it strikes just these of its opportunities: a plan that was shrunk says so.
    """

    kind: str
    where: str = ""
    from_s: Seconds = Decimal(0)
    to_s: Seconds = Decimal(10_000_000)
    one_in: Times = Field(default=1, ge=1)
    strength: Times = Field(default=0, ge=0)
    every_s: Every = Decimal(0)
    times_max: Times = Field(default=2**31, ge=1)
    line: int = Field(default=-1, ge=-1)
    strikes: tuple[Annotated[int, Field(ge=0)], ...] | None = None

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
        if happens_by_itself(self.kind) and not self.every_s:
            raise ValueError(f"{self.kind} happens by itself: say every_s")
        if said := impossible(self.kind, self.where):
            raise ValueError(said)
        return self


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
        if said := flaw(figure):
            raise ValueError(said)
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
        if not are_two(self.author, self.approver):
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

    seeds: Times = Field(ge=1)
    times: Times = Field(ge=1)
    refusals: tuple[str, ...] = ()


class MemorySpec(Part):
    """How much the node keeps at hand; a scenario that says nothing has the node's own numbers."""

    ids: Times = Field(ge=1)
    orders: Times = Field(ge=1)
    progress: Times = Field(ge=1)
    transfers: Times = Field(default=2_000, ge=0)


class Scenario(Part):
    """One claim, and all that it takes to try it."""

    name: str = Field(pattern=NAMED)
    claim: str = Field(min_length=1)
    covers: tuple[str, ...] = ()
    seed: int = Field(default=0, ge=0, lt=10**18, description="the seed where nobody says one")
    duration_s: Seconds = Field(gt=0)
    short_s: Seconds = Decimal(0)
    heal_s: Seconds = Decimal(30)
    short_heal_s: Seconds = Decimal(35)
    group_wait_us: Times = Field(default=500, ge=0, le=1_000_000)
    decimals: dict[Name, Annotated[int, Field(ge=ASSET_DECIMALS, le=ASSET_DECIMALS_MAX)]] = Field(
        default_factory=dict
    )
    venues: tuple[VenueSpec, ...] = ()
    settling: Settling | None = None
    tokens: tuple[TokenSpec, ...] = ()
    strategies: tuple[StrategySpec, ...] = ()
    treasury: TreasurySpec = TreasurySpec()
    faults: tuple[FaultSpec, ...] = ()
    storm: StormSpec | None = None
    fires: FiresSpec | None = None
    operators: tuple[OperatorSpec, ...] = ()
    kills: tuple[KillSpec, ...] = ()
    limits: LimitsSpec | None = None
    memory: MemorySpec | None = None
    claims: tuple[ClaimSpec, ...] = ()
    judged_by: tuple[str, ...] = Field(
        default=(), description="the figures of the only claims that are judged; none: of all"
    )
    market_gap_ms_max: Millis = Field(default=100, ge=1)

    def in_short(self) -> "Scenario":
        """The short form: without the tokens that it leaves out, what is done with them, and what
        is claimed of them."""
        tokens = tuple(each for each in self.tokens if each.in_short)
        if len(tokens) == len(self.tokens):
            return self
        there = [each.token for each in tokens]
        settling = self.settling and self.settling.with_tokens(there)
        less = self.model_copy(update={"tokens": tokens, "settling": settling})
        subjects = less._subjects()
        claims = tuple(each for each in self.claims if not whose(each.figure, subjects))
        return less.model_copy(update={"claims": claims})

    @field_validator("venues", mode="before")
    @classmethod
    def _by_name(cls, venues: object) -> object:
        """A venue named by its dialect takes from the table what it does not state itself."""
        if not isinstance(venues, list):
            return venues
        return told_by_table(venues)

    @field_validator("settling", mode="before")
    @classmethod
    def _rails_by_name(cls, settling: object) -> object:
        if isinstance(settling, dict) and "rails" in settling:
            return {**settling, "rails": by_name(settling["rails"])}
        return settling

    @field_validator("judged_by")
    @classmethod
    def _figures(cls, judged_by: tuple[str, ...]) -> tuple[str, ...]:
        if said := next(filter(None, map(flaw, judged_by)), ""):
            raise ValueError(said)
        return judged_by

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
        limits = self.limits
        daring = [ENGINE, *(gate.name for gate in limits.gates)] if limits is not None else []
        for fault in self.faults:
            if all(fault.kind in UNABLE.get(venue, ()) for venue in venues):
                raise ValueError(f"fault {fault.kind} cannot happen at any of {venues}")
            if fault.where not in ("", "node", *venues, *daring):
                raise ValueError(f"fault {fault.kind}: no venue {fault.where!r} among {venues}")
            if fault.from_s >= self.duration_s:
                raise ValueError(
                    f"fault {fault.kind}: from_s ({fault.from_s}) lies beyond the run;"
                    f" less than duration_s ({self.duration_s}) would do"
                )
        for venue in self.venues:
            for each in venue.instruments:
                if each.listed_anew_s >= self.duration_s:
                    raise ValueError(
                        f"{venue.dialect}: {each.symbol}: listed_anew_s ({each.listed_anew_s}) lies"
                        f" beyond the run; less than duration_s ({self.duration_s}) would do"
                    )
        self._know_limits()
        self._know_tokens()
        for strategy in self.strategies:
            self._know_places(strategy)
        subjects = self._subjects()
        for claim in self.claims:
            if said := whose(claim.figure, subjects):
                raise ValueError(said)
        return self

    def _subjects(self) -> Mapping[str, Sequence[str]]:
        """Whom a figure can be about, by kind."""
        kept = self.settling.rails if self.settling else ()
        return {
            "account": [*(v.account for v in self.venues), *(rail.account for rail in kept)],
            # What moves over no scheme counts by its kind.
            "scheme": [
                *(scheme for rail in kept for scheme in rail.schemes),
                *(["exchange", "mint", "burn"] if kept else []),
            ],
            "strategy": [strategy.name for strategy in self.strategies],
            "token": [token.token for token in self.tokens],
        }

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
        for each in limits.standings if limits is not None else ():
            if each.strategy not in names:
                raise ValueError(f"standings: no strategy {each.strategy!r} among {names}")

    def _know_tokens(self) -> None:
        """A token's contract stands on a chain of settlement; only then can its faults happen."""
        rails = self.settling.rails if self.settling is not None else ()
        chains = [rail.name for rail in rails if rail.keeper == "evm"]
        for token in self.tokens:
            if token.rail not in chains:
                raise ValueError(f"token {token.token}: no chain {token.rail!r} among {chains}")
        self._know_offerings()
        if twice := _twice(token.token for token in self.tokens):
            raise ValueError(f"two tokens are named {twice!r}; a name of its own each would do")
        for fault in self.faults:
            if FAULTS[fault.kind][0] == "token" and not self.tokens:
                raise ValueError(f"fault {fault.kind}: there is no token; one would do")

    def _know_offerings(self) -> None:
        """What customers have minted or burned is offered for the asset that they pay with."""
        offered = {each.token: each.offering.asset for each in self.tokens if each.offering}
        flows = self.settling.customers.flows if self.settling is not None else ()
        for leg in [leg for flow in flows for leg in flow.legs if leg.token]:
            if offered.get(leg.token) != leg.asset:
                found = f"{leg.kind} of {leg.token} for {leg.asset}"
                raise ValueError(f"{found}: a token with an offering for that would do ({offered})")

    def _know_places(self, strategy: StrategySpec) -> None:
        """Strategies trade at venues; the lines of a script where its strategy may."""
        listed = {v.account: [each.symbol for each in v.instruments] for v in self.venues}
        for account in strategy.accounts:
            if account not in listed:
                known = ", ".join(listed)
                raise ValueError(
                    f"strategy {strategy.name}: no account {account!r}; there are {known}"
                )
        theirs = {name: listed[name] for name in strategy.accounts or listed}
        for number, line in enumerate(strategy.options.get("lines", ())):
            told = ScriptedLine.model_validate(line)
            where = f"strategy {strategy.name}: lines.{number}"
            if told.account and told.account not in theirs:
                known = ", ".join(theirs)
                raise ValueError(f"{where}: no account {told.account!r}; there are {known}")
            places = [told.account] if told.account else list(theirs)
            symbols = [symbol for place in places for symbol in theirs[place]]
            if told.instrument and told.instrument not in symbols:
                raise ValueError(
                    f"{where}: no instrument {told.instrument!r}; there are {', '.join(symbols)}"
                )


def _twice(names: Iterable[str]) -> str:
    """The first name that stands there twice; "" if none does."""
    return next((name for name, times in Counter(names).items() if times > 1), "")


def _nearest(name: str, known: Iterable[str]) -> str:
    """A question to ask where something known is close to what was typed; else ""."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def told_by_table(venues: Iterable[object]) -> list[object]:
    """Venues with what they do not state themselves taken from the table, by their dialects."""
    table = _venue_table()
    told: list[object] = []
    for venue in venues:
        each = {"dialect": venue} if isinstance(venue, str) else venue
        if isinstance(each, dict) and each.get("dialect") in table:
            each = {**table[each["dialect"]], **each}
        told.append(each)
    return told


@cache
def _venue_table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = yaml.safe_load(VENUES.read_text(encoding="utf-8"))
    return table


def load(path: Path) -> Scenario:
    """Read a scenario file; raises `BadScenario`."""
    try:
        told = document(content(path).decode())
    except (OSError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path}: cannot be read: {error}") from error
    except NotYaml as error:
        raise BadScenario(f"{path}: {error}") from error
    if not isinstance(told, dict):
        found = "an empty file" if told is None else type(told).__name__
        raise BadScenario(f"{path}: found {found}; a mapping of fields would do")
    return check(told, str(path))


def check(told: dict[str, Any], source: str) -> Scenario:
    """The scenario that these fields describe; raises `BadScenario`."""
    try:
        return Scenario.model_validate(told)
    except ValidationError as error:
        lines = [_line(source, each) for each in telling(error.errors())]
        raise BadScenario("\n".join(lines)) from error


def _line(source: str, each: Mapping[str, Any]) -> str:
    where = "".join(f": {part}" for part in (".".join(map(str, each["loc"])),) if part)
    found, said = each["input"], each["msg"].removeprefix("Value error, ")
    if each["type"] == "missing":
        return f"{source}{where}: found nothing: {said}"
    if isinstance(found, (str, int, float, bool, Decimal)):
        return f"{source}{where}: found {found!r}: {said}"
    if each["type"] == "value_error":  # of a part as a whole: it says itself what it found there
        return f"{source}{where}: {said}"
    return f"{source}{where}: found {SORTS.get(type(found), type(found).__name__)}: {said}"


def telling(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
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
    return load(path_of(name))


def path_of(name: str) -> Path:
    """The file of a scenario of the catalogue, or the one that is named; raises `BadScenario`."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or (path.exists() and not path.is_dir()):
        return path
    if name not in names():
        if path.is_dir():
            raise BadScenario(f"{name}: a folder; a file of a scenario, or {OF_THE_CATALOGUE}")
        near = _nearest(name, names())
        raise BadScenario(f"no scenario {name!r}{near or ';'} a file's path, or {OF_THE_CATALOGUE}")
    return CATALOGUE / f"{name}.yaml"


def names() -> list[str]:
    """The catalogue."""
    return sorted(path.stem for path in CATALOGUE.glob("*.yaml"))
