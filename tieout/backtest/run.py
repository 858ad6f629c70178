"""Runs a backtest: a scenario whose markets were recorded, from its files to an outcome.

The scenario says everything: which venues with which models, which instruments with which tapes,
which strategies under which limits. What it does not say stands in the outcome's assumptions.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from core.events import AssetListed, Event, OpeningSet
from core.journal import digest_of
from core.money import (
    ASSET_DECIMALS,
    ASSET_DECIMALS_MAX,
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    parse,
    price,
    quantity,
    show,
)
from core.risk_events import StrategyStateSet
from core.strategy import SeesBars, SeesTrades, Strategy
from scenarios.model import BadScenario, InstrumentSpec, Scenario, StrategySpec, VenueSpec
from scenarios.recorded import ModelsSpec
from sim.dice import Dice
from sim.faults import Faults
from sim.treasury import Treasury
from sim.truth import Truth
from sim.world import World
from tieout.backtest import views
from tieout.backtest.engine import Engine, Feed
from tieout.backtest.frames import Told, frames
from tieout.backtest.outcome import Outcome
from tieout.backtest.venue import RecordedVenue
from tieout.node.dialects import MODELS
from tieout.node.opening import instrument_listed
from tieout.node.wishes import BadStrategy, made
from tieout.risk.cold import ColdEngine
from tieout.risk.loading import loaded
from tieout.world.sites import habits_of, terms_of
from venues.recorded.book import Assumed, RecordedBook
from venues.recorded.funding import Funding
from venues.recorded.tape import Tape

MS: Final = 1_000_000
MINUTE_NS: Final = 60_000 * MS
Tapes = Mapping[tuple[str, str], Tape]
# Rates of funding that were recorded, by account and symbol.
Paid = Mapping[tuple[str, str], Funding]


def run(
    scenario: Scenario,
    tapes: Tapes,
    seed: int = 0,
    *,
    rates: Paid = MappingProxyType({}),
    statement_ns: int = 0,
    assumptions: tuple[str, ...] = (),
    progress: Callable[[float], None] = lambda share: None,
) -> Outcome:
    """Play the tapes, by account and symbol; statements every so often, or at every bar's close.

    Raises `BadScenario` where a tape is missing or cannot show what a strategy wants to see.
    """
    began_at = min(int(tape.columns.get("opened_at", tape.at)[0]) for tape in tapes.values())
    world, dice = World(began_at), Dice(seed)
    truth = Truth(world.clock)
    decimals = decimals_of(scenario)
    traders = {spec.name: _made(spec) for spec in scenario.strategies}
    venues: dict[str, RecordedVenue] = {}
    feeds: list[Feed] = []
    told = Told()
    engine = Engine(
        world=world,
        dice=dice,
        venues=venues,
        feeds=feeds,
        strategies=traders,
        statement_ns=statement_ns or _statement_ns(tapes),
        ticks_ns=_ticks(scenario, traders),
        trades_at={spec.name: spec.accounts for spec in scenario.strategies},
        on_event=told.hear,
    )
    truth.on_fact = engine.moved
    for spec in scenario.venues:
        venue = venues[spec.account] = _venue(spec, engine, truth, decimals)
        feeds += _feeds(spec, venue, tapes, rates, world.clock)
    opening = list(_opening(scenario, venues, world.now, decimals))
    if scenario.limits is not None:
        engine.cold = ColdEngine(
            world, _no_faults(dice, world), dice.stream("engine"), engine.store, engine.tell
        )
    acts, moves = scenario.treasury.acts_s, scenario.treasury.moves_s
    engine.treasury = Treasury(
        world,
        dice.stream("treasury"),
        _no_faults(dice, world),
        venues,
        _counted_in(venues, decimals),
        acts,
        moves,
        lambda asked, sign: None,  # every recorded venue lists what moved
    )
    try:
        engine.run(opening, progress)
    except (views.NoSuchView, BadStrategy) as error:
        raise BadScenario(str(error)) from error
    return Outcome(
        name=scenario.name,
        digest=digest_of(engine.store, engine.node.state),
        began_at=began_at,
        ended_at=world.now,
        frames=frames(engine, scenario, told, decimals),
        counts=_counts(engine),
        assumptions=assumptions,
        store=engine.store,
    )


def _made(spec: StrategySpec) -> Strategy:
    try:
        return made(spec.kind, spec.name, spec.options)
    except BadStrategy as error:
        raise BadScenario(str(error)) from error


def _no_faults(dice: Dice, world: World) -> Faults:
    return Faults([], dice, world.elapsed)


def _counted_in(venues: Mapping[str, RecordedVenue], decimals: Mapping[str, int]) -> dict[str, int]:
    assets = {asset for venue in venues.values() for asset in venue.exchange.assets()}
    return {asset: decimals.get(asset, ASSET_DECIMALS) for asset in sorted(assets)}


def decimals_of(scenario: Scenario) -> dict[str, int]:
    """In how many decimals each asset is counted, so that what is traded in is counted exactly."""
    found: dict[str, int] = dict(scenario.decimals)
    for venue in scenario.venues:
        for number, each in enumerate(venue.instruments):
            places = _places(each.lot) + _places(each.tick) + _places(each.multiplier)
            if places > ASSET_DECIMALS_MAX:
                raise BadScenario(
                    f"{scenario.name}: venues.{venue.dialect}.instruments.{number}: lot {each.lot}"
                    f" times tick {each.tick} has {places} decimals; coarser ones, of"
                    f" {ASSET_DECIMALS_MAX} together, would do"
                )
            for asset in (each.quote, each.settle or each.quote):
                found[asset] = max(found.get(asset, ASSET_DECIMALS), places)
    return {asset: places for asset, places in found.items() if places != ASSET_DECIMALS}


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "a finite number"
    return max(0, -exponent)


def _statement_ns(tapes: Tapes) -> int:
    """At every bar's close, the shortest that there are; without bars, every minute."""
    lengths = [views.length_of(tape) for tape in tapes.values() if tape.kind == "bars"]
    return min(lengths, default=MINUTE_NS)


def _ticks(scenario: Scenario, traders: Mapping[str, Strategy]) -> dict[str, int]:
    """Who sees bars or trades thinks then; others at each tick."""
    return {
        spec.name: spec.tick_ms * MS
        for spec in scenario.strategies
        if not isinstance(traders[spec.name], SeesBars | SeesTrades)
    }


def models_of(spec: VenueSpec) -> ModelsSpec:
    """What is assumed of a venue; where nobody says so, what flatters a strategy least."""
    return spec.models if spec.models is not None else ModelsSpec()


def assumed_of(spec: VenueSpec, each: InstrumentSpec) -> Assumed:
    """What is assumed of a book that was recorded."""
    impact = each.recorded.impact if each.recorded is not None else None
    return models_of(spec).assumed(each.lot, impact)


def funding_of(spec: VenueSpec, each: InstrumentSpec, rates: Paid) -> Funding | None:
    """At the rates that were recorded, or as the models say; None where nobody pays any."""
    told: Funding | None = rates.get((spec.account, each.symbol))
    funding = models_of(spec).funding
    if told is None and funding is not None and MODELS[spec.dialect] != "spot":
        return funding.made()
    return told


# --- what is wired --------------------------------------------------------------------------------


def _venue(
    spec: VenueSpec, engine: Engine, truth: Truth, decimals: Mapping[str, int]
) -> RecordedVenue:
    entry, reply = models_of(spec).latencies(spec.latency_ms)
    venue = RecordedVenue(
        spec.account,
        # No tape tells what a third asset is worth: fees are paid in what is traded.
        replace(habits_of(spec), fee_asset=""),
        engine.world,
        truth,
        entry,
        reply,
        engine.dice.stream(f"venue/{spec.account}"),
        engine.arrived,
        engine.catch_up,
        decimals,
    )
    for each in spec.instruments:
        venue.exchange.list_instrument(terms_of(spec, each))
    for asset, amount in spec.wallets.items():
        venue.exchange.fund(asset, amount)
    return venue


def _feeds(
    spec: VenueSpec,
    venue: RecordedVenue,
    tapes: Tapes,
    rates: Paid,
    clock: Callable[[], int],
) -> Iterator[Feed]:
    for number, each in enumerate(spec.instruments):
        tape = tapes.get((spec.account, each.symbol))
        if tape is None:
            raise BadScenario(
                f"venues.{spec.dialect}.instruments.{number}: {each.symbol} has no recorded market;"
                " `recorded: {file: …}` would do"
            )
        wanted = price(str(each.tick)), quantity(str(each.lot))
        if (tape.tick, tape.lot) != wanted:
            found = show(tape.tick, PRICE_DECIMALS), show(tape.lot, QUANTITY_DECIMALS)
            raise BadScenario(
                f"venues.{spec.dialect}.instruments.{number}: {each.symbol} counts ticks of"
                f" {each.tick} and lots of {each.lot}, its recorded market of {found[0]} and"
                f" {found[1]}; the same would do"
            )
        book = RecordedBook(tape, spec.account, assumed_of(spec, each), clock)
        venue.exchange.books[each.symbol] = book
        liquidation = models_of(spec).liquidation
        yield Feed(
            venue,
            each.symbol,
            tape,
            book,
            tape.tick,
            tape.lot,
            funding=funding_of(spec, each, rates),
            maintenance=liquidation.maintenance_rate if liquidation is not None else None,
        )


def _opening(
    scenario: Scenario,
    venues: Mapping[str, RecordedVenue],
    now: int,
    decimals: Mapping[str, int],
) -> Iterator[Event]:
    """Assets, accounts, instruments, wallets; then limits, and who may trade under them."""
    for asset, places in decimals.items():
        yield AssetListed(received_at=now, asset=asset, decimals=places)
    for spec in scenario.venues:
        yield venues[spec.account].opened()
        for each in spec.instruments:
            yield instrument_listed(spec, each, 1, now)
        for asset, amount in spec.wallets.items():
            yield OpeningSet(
                received_at=now,
                account=spec.account,
                subject=asset,
                leg="cash",
                amount=parse(str(amount), decimals.get(asset, ASSET_DECIMALS)),
                occurred_at=now,
            )
    if scenario.limits is None:
        return
    limits = loaded(scenario, scenario.limits, now)
    yield limits
    for strategy in scenario.strategies:
        if strategy.name not in scenario.limits.disabled:
            yield StrategyStateSet(
                received_at=now,
                strategy=strategy.name,
                standing="enabled",
                by=limits.approver,
                reason="its limits were reviewed",
            )


def _counts(engine: Engine) -> dict[str, int]:
    state = engine.node.state
    return {
        "items_seen": engine.items_seen,
        "statements": engine.statements_told,
        "events": sum(record.kind == "event" for record in engine.store.committed),
        "fills": sum(
            number for name, number in state.counts.items() if name.startswith("fills_booked/")
        ),
        "refused": sum(
            number for name, number in state.counts.items() if name.startswith("refused/")
        ),
        "suspects": len(state.suspects),
        "breaks": state.breaks_made,
        "open_breaks": len(state.breaks),
    }
