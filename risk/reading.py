"""From the core's state to the engine's records: what is held, what works, what is in flight.

Every unit of every holding is in exactly one cell: what a strategy traded of a spot instrument's
base (and paid of it in fees) is its position there, all else is cash of whoever it belongs to.
"""

from collections.abc import Iterator, Mapping

from core.money import ASSET_DECIMALS, QUANTITY_ONE, TEN_TO
from core.state import Account, Listing, Reference, State
from risk.engine import Engine
from risk.records import Held, InFlight, Records, Terms, Working
from risk.weights import weigh

OPEN = ("requested", "in_flight", "unknown", "acknowledged", "partially_filled")
LEGS = ("net", "long", "short")
POSITION = ("trade", "fee")
MEMORANDUM = "value"
ADJUSTMENT = "adjustment"


def read(state: State) -> Records:
    """All of it. A part of a unit that a quantity cannot hold counts as one that may be bought."""
    records = Records()
    terms: dict[tuple[str, str], Terms] = {}
    for account in state.accounts.values():
        for listing in account.listings.values():
            terms[account.name, listing.instrument] = terms_of(account, listing)
    for (strategy, account_name, subject), amount in _held(state).items():
        asset, cash, _ = subject.partition("/cash")
        if cash:
            terms[account_name, subject] = cash_at(account_name, asset)
        elif _is_spot(state, account_name, subject):
            asset = state.accounts[account_name].listings[subject].base
        else:
            records.held.append(Held(strategy, account_name, subject, amount))
            continue
        quantity, rest = divmod(amount * QUANTITY_ONE, TEN_TO[_decimals(state, asset)])
        records.held.append(Held(strategy, account_name, subject, quantity))
        if rest:
            records.working.append(Working(strategy, account_name, subject, "buy", 1))
    records.working += _working(state)
    for payment_id in state.settlement.open_legs:
        leg = state.settlement.legs[payment_id]
        if leg.exposed > 0:
            subject = f"{leg.asset}/cash"
            terms[leg.account, subject] = cash_at(leg.account, leg.asset)
            quantity = -(-leg.exposed * QUANTITY_ONE // TEN_TO[_decimals(state, leg.asset)])
            records.in_flight.append(InFlight(leg.account, subject, quantity))
    records.terms = list(terms.values())
    return records


def terms_of(account: Account, listing: Listing) -> Terms:
    """A listing as the engine sees it; its currency is the one that its price is in."""
    return Terms(
        account=account.name,
        instrument=listing.instrument,
        asset=listing.base,
        currency=listing.quote,
        multiplier=QUANTITY_ONE if listing.kind == "spot" else listing.multiplier,
        inverse=listing.kind == "inverse",
    )


def cash_at(account: str, asset: str) -> Terms:
    """An asset that lies at an account."""
    return Terms(account, f"{asset}/cash", asset, asset, QUANTITY_ONE, cash=True)


def tell_prices(
    engine: Engine, state: State, rates: Mapping[str, Reference], widening_ppm: int
) -> None:
    """Every listing that has both a reference and a rate; as old as the older of the two.

    `rates` are the reporting currency's price of each other, the reporting currency's own among
    them. What has none stays stale.
    """
    for (account, instrument), number in engine.listing_of.items():
        terms = engine.terms[number]
        rate = rates.get(terms.currency)
        told = rate if terms.cash else state.accounts[account].references.get(instrument)
        if rate is not None and told is not None and min(rate.price, told.price) > 0:
            weight = weigh(terms, told.price, rate.price, widening_ppm)
            engine.price(number, weight, min(rate.as_of, told.as_of))


def _held(state: State) -> dict[tuple[str, str, str], int]:
    """Of each strategy at each account: contracts by instrument, or units of an asset."""
    held: dict[tuple[str, str, str], int] = {}
    for figure, amount in state.figures.items():
        strategy, venue, sub, *rest = figure.split("/")
        if strategy == ADJUSTMENT:  # a holding, then the two people who adjusted it
            rest = [rest[0], strategy, rest[1]]
        instrument, purpose, unit = rest if len(rest) == 3 else ("", *rest)
        account = f"{venue}/{sub}"
        subject = _subject(state, account, instrument, purpose, unit)
        if subject:
            key = strategy, account, subject
            held[key] = held.get(key, 0) + amount
    return held


def _subject(state: State, account: str, instrument: str, purpose: str, unit: str) -> str:
    """The instrument, or "asset/cash", that a figure is part of; "" of a memorandum."""
    if purpose == MEMORANDUM:
        return ""
    if unit in LEGS:
        return instrument
    if unit == "cash":
        return f"{instrument}/cash"
    if purpose in POSITION and _is_spot(state, account, instrument):
        if state.accounts[account].listings[instrument].base == unit:
            return instrument
    return f"{unit}/cash"


def _is_spot(state: State, account: str, instrument: str) -> bool:
    known = state.accounts.get(account)
    listing = known.listings.get(instrument) if known is not None else None
    return listing is not None and listing.kind == "spot"


def _working(state: State) -> Iterator[Working]:
    """Of each account those that are not over: of all there ever were there may be thousands."""
    names = (name for account in state.accounts.values() for name in account.working)
    for order in map(state.orders.__getitem__, names):
        leaves = order.quantity - order.filled
        if order.status in OPEN and leaves > 0:
            yield Working(order.strategy, order.account, order.instrument, order.side, leaves)


def _decimals(state: State, asset: str) -> int:
    return state.decimals.get(asset, ASSET_DECIMALS)
