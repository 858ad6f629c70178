"""Limits into a desk: routes for all that limits name, and each control's numbers.

True here: what a load does not name is 0, which refuses, whatever stood there before; what is held
and open stays as it is.
"""

from core.events import Leg
from core.risk_events import Bound, LimitsLoaded, Tradable
from core.state import UNATTRIBUTED, Listing, State
from risk.controls import TIME_MAX
from risk.counters import ENABLED, Rate, Scope, Tier
from risk.desk import Desk, Place, Way
from risk.gate import Gate
from risk.measuring import Measuring, gate_tiers

FAR = 1 << 60
LEGS: dict[bool, tuple[Leg, ...]] = {False: ("net",), True: ("long", "short")}


def set_up(desk: Desk | None, state: State, event: LimitsLoaded) -> Desk:
    """The desk under these limits and no others; a new one where there is none."""
    if desk is None:
        desk = Desk(Gate(event.slots, 0), {})
        desk.gate.firm.state = ENABLED
    for tradable in event.tradables:
        account = state.accounts.get(tradable.account)
        listing = account.listings.get(tradable.instrument) if account is not None else None
        if account is not None and listing is not None:
            for leg in LEGS[account.hedged]:
                _place(desk, event, tradable, listing, leg)
    bounds = {(each.control, each.place): each for each in event.bounds}
    _set(desk, event, bounds)
    for number, place in enumerate(desk.places):
        desk.value(state, number)
        desk.priced(state.accounts[place.account], number, place.instrument)
        desk.count(state, number)
    desk.lease.begin(desk)
    return desk


def _place(desk: Desk, event: LimitsLoaded, tradable: Tradable, listing: Listing, leg: Leg) -> None:
    """A holding for the leg, and a route to it for each strategy and for whoever is none."""
    gate = desk.gate
    place = Place(tradable.account, listing.instrument, leg, tradable.lot, tradable.rate)
    known = [place[:3] for place in desk.places]
    if place[:3] in known:
        number = known.index(place[:3])
        # What is held and open is counted in the lots of the first load.
        desk.places[number] = place._replace(lot=desk.places[number].lot)
    else:
        number = len(gate.holdings)
        same = [i for i, each in enumerate(known) if each[:2] == place[:2]]
        book = gate.holdings[same[0]].book if same else gate.add_book()
        account = gate.accounts[_named(desk.accounts, place.account, gate.add_account)]
        asset = gate.assets[_named(desk.assets, listing.base, gate.add_asset)]
        gate.add_holding(account, asset, book)
        desk.places.append(place)
    for strategy in (UNATTRIBUTED, *(terms.strategy for terms in event.strategies)):
        key = (strategy, place.account, place.instrument, leg)
        if key not in desk.ways:
            owner = gate.strategies[_named(desk.strategies, strategy, gate.add_strategy)]
            way = gate.add_route(owner, gate.holdings[number])
            desk.routes.append((strategy, number))
            desk.ways[key] = Way(way.number, number, desk.places[number].lot)


def _named(names: list[str], name: str, add: object) -> int:
    if name not in names:
        names.append(name)
        assert callable(add)
        add()
    return names.index(name)


Bounds = dict[tuple[str, str], Bound]


def _set(desk: Desk, event: LimitsLoaded, bounds: Bounds) -> None:
    gate = desk.gate
    _sum(gate.firm.scope, bounds, "FIRM_NET", "FIRM_GROSS", "")
    turnover = bounds.get(("FIRM_TURNOVER", ""))
    desk.turnover_max = turnover.amount if turnover is not None else 0
    desk.turnover_ns = turnover.window_ns if turnover is not None else 0
    desk.measuring = Measuring.told(event, bounds.get(("FIRM_STRESS", "")))
    units = {each.line: each.amount for each in event.collateral}
    for name, account in zip(desk.accounts, gate.accounts, strict=True):
        _sum(account.scope, bounds, "ACCOUNT_NET", "ACCOUNT_GROSS", name)
        _pace(account.rate, bounds.get(("ACCOUNT_RATE", name)))
        account.credit_max = _amount(bounds, "CREDIT", name)
        account.collateral, account.charged = units.get(name, 0), 0
    for name, asset in zip(desk.assets, gate.assets, strict=True):
        _sum(asset, bounds, "ASSET_NET", "CONCENTRATION", name)
    for name, strategy in zip(desk.strategies, gate.strategies, strict=True):
        _sum(strategy.scope, bounds, "STRATEGY_NET", "STRATEGY_GROSS", name)
        _pace(strategy.rate, bounds.get(("STRATEGY_RATE", name)))
    terms = {(each.account, each.instrument): each for each in event.tradables}
    for number, place in enumerate(desk.places):
        _set_holding(desk, bounds, number, terms.get((place.account, place.instrument)))
    for number, (owner, of) in enumerate(desk.routes):
        _set_route(desk, bounds, number, owner, desk.places[of])


def _amount(bounds: Bounds, control: str, place: str) -> int:
    found = bounds.get((control, place))
    return 0 if found is None else found.amount


def _sum(scope: Scope, bounds: Bounds, net: str, gross: str, place: str) -> None:
    scope.long_max = scope.short_max = _amount(bounds, net, place)
    scope.gross_max = _amount(bounds, gross, place)


def _pace(rate: Rate, bound: Bound | None) -> None:
    """So many in a window: as many at once, then one each time that its share has passed."""
    if bound is None or not bound.window_ns or not bound.amount:
        rate.interval, rate.orders_ns = FAR, -1
        return
    rate.interval = -(-bound.window_ns // bound.amount)
    rate.orders_ns = rate.interval * (bound.amount - 1)


def _set_holding(desk: Desk, bounds: Bounds, number: int, terms: Tradable | None) -> None:
    place, holding = desk.places[number], desk.gate.holdings[number]
    name = f"{place.account}/{place.instrument}"
    holding.restricted = int(terms is None or terms.restricted)
    holding.position_max = _amount(bounds, "ACCOUNT_POSITION", name) // place.lot
    holding.collar_bp = _amount(bounds, "PRICE_COLLAR", name)
    holding.reference_age_max = _amount(bounds, "REFERENCE_AGE", name) * 10**6
    holding.tiers = gate_tiers(terms) if terms is not None else [Tier(FAR, 10_000, 0)]


def _set_route(desk: Desk, bounds: Bounds, number: int, strategy: str, place: Place) -> None:
    way = desk.gate.routes[number]
    name = f"{strategy}/{place.account}/{place.instrument}"
    way.quantity_max = _amount(bounds, "ORDER_QUANTITY", name) // place.lot
    way.notional_max = _amount(bounds, "ORDER_NOTIONAL", name)
    way.position_max = _amount(bounds, "STRATEGY_POSITION", name) // place.lot
    # What bounds a span refuses by a long one: where nobody said how long, it is longer than any
    # moment is old, for the first window began at 0.
    apart = bounds.get(("DUPLICATE", name))
    way.duplicate_ns = TIME_MAX if apart is None else apart.amount * 10**6
    repeated = bounds.get(("REPEATED", name))
    way.executions_max = 0 if repeated is None else repeated.amount
    way.executions_ns = TIME_MAX if repeated is None else repeated.window_ns
