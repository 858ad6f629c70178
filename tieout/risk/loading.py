"""Limits of a scenario into the event that journals them: each control at each place, in units.

A file says "*", the journal says names: a replay needs no file, and a reader sees what held.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Protocol

from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, TEN_TO
from core.risk_events import (
    Amount,
    Bound,
    LimitsLoaded,
    MarginTier,
    NamedStress,
    RiskLimit,
    StrategyTerms,
    Tradable,
)
from risk.limit_controls import CONTROLS, DIMENSIONS
from risk.limit_files import DECIMALS, Limit, LimitFile, applying
from risk.weights import REPORTING_DECIMALS
from scenarios.bounds import LimitsSpec, TermsSpec, TierSpec, read
from scenarios.model import InstrumentSpec, StrategySpec, VenueSpec
from tieout.node.dialects import MODELS

MS = 1_000_000


class Traders(Protocol):
    """Of a scenario or a deployment what limits are applied to."""

    @property
    def venues(self) -> tuple[VenueSpec, ...]: ...
    @property
    def strategies(self) -> tuple[StrategySpec, ...]: ...


def loaded(scenario: Traders, spec: LimitsSpec, now: int) -> LimitsLoaded:
    """The scenario's limits, as they are told to the node at a moment."""
    file = read(spec.file)
    standing = spec.standing()
    bounds = [*_bounds(scenario, spec, standing)]
    return LimitsLoaded(
        received_at=now,
        content_hash=spec.content_hash,
        author=file.author,
        approver=file.approver,
        limits=tuple(line for bound in bounds for line in _lines(bound)),
        strategies=tuple(_terms(spec, standing, each.name) for each in scenario.strategies),
        heartbeat_ns=spec.heartbeat_ms * MS,
        ttl_ns=spec.ttl_ms * MS,
        hold_ns=spec.hold_ms * MS,
        bounds=tuple(bounds),
        tradables=tuple(_tradables(scenario, spec, file)),
        collateral=tuple(
            Amount(venue.account, _units(spec.collateral, REPORTING_DECIMALS))
            for venue in scenario.venues
        ),
        slots=spec.slots,
        stresses=tuple(
            NamedStress(
                each.name, tuple(Amount(asset, ppm) for asset, ppm in each.moves_ppm.items())
            )
            for each in file.stresses
        ),
        horizon_ns=spec.horizon_ms * MS,
    )


def _units(amount: Decimal, decimals: int) -> int:
    return int(amount.scaleb(decimals))


def _terms(spec: LimitsSpec, standing: Sequence[Limit], strategy: str) -> StrategyTerms:
    """The scenario's, and the losses of the limits; of two, the smaller."""
    told = spec.terms.get(strategy, TermsSpec())
    place = {"strategy": strategy}
    losses = [
        _units(told.loss_max, REPORTING_DECIMALS),
        _never_nothing(spec, applying(standing, "STRATEGY_LOSS", place), strategy),
    ]
    return StrategyTerms(
        strategy,
        told.refusals_max,
        told.refusals_window_ms * MS,
        told.stale_ms_max * MS,
        loss_max=min(filter(None, losses), default=0),
        drawdown_max=_never_nothing(spec, applying(standing, "STRATEGY_DRAWDOWN", place), strategy),
    )


def _never_nothing(spec: LimitsSpec, limit: Limit | None, place: str) -> int:
    """A limit's units; in terms 0 is never, so a limit of nothing is one of the smallest unit."""
    return 0 if limit is None else max(1, _units_of(spec, limit, place))


def _units_of(spec: LimitsSpec, limit: Limit, place: str) -> int:
    """A limit's units at a place: the file's, or what the scenario says there."""
    amount = spec.places.get(limit.name, {}).get(place, limit.amount)
    return _units(amount, DECIMALS.get(limit.unit, 0))


def _tradables(scenario: Traders, spec: LimitsSpec, file: LimitFile) -> Iterator[Tradable]:
    """Each instrument whose quote asset has a rate; what has none cannot be traded."""
    for venue in scenario.venues:
        for each in venue.instruments:
            rate = spec.rates.get(each.quote)
            if rate is not None:
                yield Tradable(
                    account=venue.account,
                    instrument=each.symbol,
                    lot=_units(each.lot, QUANTITY_DECIMALS),
                    rate=_haircut(rate, spec.haircut_bp),
                    margin_bp=spec.margin_bp,
                    tiers=tuple(_tier(each) for each in spec.tiers),
                    restricted=any(
                        held.instrument == each.symbol and held.account in ("*", venue.account)
                        for held in file.restricted
                    ),
                )


def _tier(tier: TierSpec) -> MarginTier:
    most = _units(tier.value_max, REPORTING_DECIMALS)
    return MarginTier(most, tier.initial_bp, tier.maintenance_bp)


def _haircut(rate: Decimal, basis_points: int) -> int:
    """Rounded up, against us."""
    return -(-_units(rate, PRICE_DECIMALS) * (10_000 + basis_points) // 10_000)


def _bounds(scenario: Traders, spec: LimitsSpec, standing: Sequence[Limit]) -> Iterator[Bound]:
    for control, known in CONTROLS.items():
        if not known.codes and not known.windowed and control != "FIRM_STRESS":
            continue
        for place in _places(scenario, known.scope):
            limit = applying(standing, control, place)
            if limit is None:
                continue
            name = "/".join(place[each] for each in known.scope)
            units = _units_of(spec, limit, name)
            if limit.unit == "base":
                units = _of_base(scenario, place, units)
            if control == "ORDER_NOTIONAL" and limit.unit == "quote":
                units = int(units * spec.rates.get(_quote(scenario, place), Decimal(0)))
            yield Bound(control, name, units, (limit.window_ms or 0) * MS)


def _places(scenario: Traders, scope: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Every place that the scenario has, of those that the control tells apart."""
    strategies = [each.name for each in scenario.strategies]
    listed = [(venue.account, each) for venue in scenario.venues for each in venue.instruments]
    seen: dict[tuple[str, ...], None] = {}
    for strategy, (account, each) in product(strategies or [""], listed):
        whole = dict(zip(DIMENSIONS, (strategy, account, each.symbol, each.base), strict=True))
        key = tuple(whole[name] for name in scope)
        if key not in seen:
            seen[key] = None
            yield whole


def _of_base(scenario: Traders, place: Mapping[str, str], coins: int) -> int:
    """So many coins in units of an order's quantity, which are contracts where there are any.

    How many coins an inverse contract is depends on the price: no number of them is any limit.
    """
    venue, each = _listed(scenario, place)
    if MODELS[venue.dialect] == "inverse":
        return 0
    return coins * TEN_TO[QUANTITY_DECIMALS] // _units(each.multiplier, QUANTITY_DECIMALS)


def _quote(scenario: Traders, place: Mapping[str, str]) -> str:
    return _listed(scenario, place)[1].quote


def _listed(scenario: Traders, place: Mapping[str, str]) -> tuple[VenueSpec, InstrumentSpec]:
    return next(
        (venue, each)
        for venue in scenario.venues
        for each in venue.instruments
        if (venue.account, each.symbol) == (place["account"], place["instrument"])
    )


def _lines(bound: Bound) -> list[RiskLimit]:
    """What leases are granted on: each limit of a sum or a position, by its sides."""
    netting = CONTROLS[bound.control].netting
    if netting == "none":
        return []
    name = "/".join(each for each in (bound.control.lower(), bound.place) if each)
    sides = ("long", "short") if netting == "net" else ("gross",)
    return [RiskLimit(f"{name}/{side}", bound.amount) for side in sides]
