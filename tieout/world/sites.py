"""A venue and what is around it, as a scenario has it: its twin, wires, terms and habits."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.money import ASSET_DECIMALS
from scenarios.model import InstrumentSpec, Scenario, VenueSpec
from sim.dice import Dice
from sim.faults import Faults
from sim.market import MS, Crowd
from sim.truth import Truth
from sim.wire import Latency, Wire
from sim.world import SECOND, World
from tieout.world.twins import TWINS
from venues.exchange import Habits, Terms
from venues.simulated import REPEAT_NS, SimulatedVenue

if TYPE_CHECKING:
    pass

HEARTBEAT_NS = 3 * SECOND
TOPS_PER_BEAT = 5
STATEMENT_PERIODS_MAX = 3


@dataclass(slots=True, eq=False)
class Site:
    """One venue with everything around it."""

    spec: VenueSpec
    venue: SimulatedVenue
    wire: Wire
    public: Wire
    crowds: list[Crowd] = field(default_factory=list)
    statement_paths: dict[str, str] = field(default_factory=dict)


def site_of(spec: VenueSpec, world: World, dice: Dice, faults: Faults, truth: Truth) -> Site:
    """The venue as it stands when a run begins, and the wires to it."""
    twin = TWINS[spec.dialect]
    latency = latency_of(spec)
    wire = Wire(
        spec.dialect,
        spec.account,
        world,
        dice,
        faults,
        truth,
        latency,
        statement_period=spec.statement_period_ms * MS,
    )
    public = Wire(
        spec.dialect,
        spec.account,
        world,
        dice,
        faults,
        truth,
        latency,
        public=True,
    )
    words = twin.words()
    venue = SimulatedVenue(
        name=spec.dialect,
        account=spec.account,
        world=world,
        wire=wire,
        faults=faults,
        truth=truth,
        words=words,
        dice=dice.stream(f"venue/{spec.dialect}"),
        habits=habits_of(spec),
        skew_ns=spec.skew_ms * MS,
        public=public,
        repeat_ns=REPEAT_NS * market_pace(spec),
    )
    for instrument in spec.instruments:
        venue.exchange.list_instrument(terms_of(spec, instrument))
    return Site(spec, venue, wire, public, statement_paths=dict(words.statements))


def asset_decimals(scenario: Scenario, rails: Mapping[str, int]) -> dict[str, int]:
    """The scale of each asset that has one of its own.

    ValueError where an asset of the rails is counted otherwise, or more finely, by somebody else.
    """
    held = [
        asset
        for venue in scenario.venues
        for each in venue.instruments
        for asset in (*venue.wallets, each.base, each.quote, each.settle)
    ]
    for asset, decimals in rails.items():
        told = scenario.decimals.get(asset, decimals)
        if told != decimals or (asset in held and decimals < ASSET_DECIMALS):
            raise ValueError(f"{asset}: a rail counts it in {decimals} decimals, others do not")
    return {**rails, **scenario.decimals}


def bound_ns(spec: VenueSpec) -> int:
    """How old an unnamed difference may be: three statement periods and the 99.9 % latency, of one
    way. A read goes two: what they take beyond that has to fit into the periods."""
    return STATEMENT_PERIODS_MAX * spec.statement_period_ms * MS + latency_of(spec).p999


def market_pace(spec: VenueSpec, *, quiet: bool = False) -> int:
    """While anybody trades, tops are told more often than streams beat."""
    return spec.pace if quiet else -(-spec.pace // TOPS_PER_BEAT)


def latency_of(spec: VenueSpec) -> Latency:
    """Of one way between a venue and us."""
    beats = HEARTBEAT_NS * spec.pace
    return Latency(spec.latency_ms * MS, spec.latency_ms_p99 * MS, heartbeat=beats)


def terms_of(spec: VenueSpec, instrument: InstrumentSpec) -> Terms:
    """An instrument as its venue lists it."""
    return Terms(
        symbol=instrument.symbol,
        model=TWINS[spec.dialect].model,
        base=instrument.base,
        quote=instrument.quote,
        settle=instrument.settle or instrument.quote,
        tick=instrument.tick,
        lot=instrument.lot,
        multiplier=instrument.multiplier,
        maker_rate=instrument.maker_rate,
        taker_rate=instrument.taker_rate,
    )


def habits_of(spec: VenueSpec) -> Habits:
    """The venue's own, but for pages and for orders that meet ours where a scenario says so."""
    habits = TWINS[spec.dialect].habits()
    habits.page_rows_max = min(habits.page_rows_max, spec.page_rows or habits.page_rows_max)
    return replace(habits, self_trade=spec.self_trade) if spec.self_trade else habits
