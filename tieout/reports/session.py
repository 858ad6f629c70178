"""One strategy's session as its journal has it: orders, what was decided on, what was filled, fees.

Rule 1. Amounts are exact fractions of an asset, and those of the postings: what the books hold is
what is counted, whatever a price times a quantity would give.
Rule 2. A price is what the journal took the instrument to be worth (`ReferenceSet`): at the moment
of the decision, and when the venue had the order. Where it knew none, nothing is made up.

A *worth* is a price as what one contract or coin costs in the asset that pays for it: quantity x
worth is value for spot, linear and inverse alike.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from core.events import (
    FillReported,
    NodeStarted,
    OrderReported,
    ProgressReported,
    ReferenceSet,
)
from core.journal import Record, decode_event
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, TEN_TO
from core.state import Listing, State
from tieout.journals.sqlite_store import read_records
from tieout.journals.verify import opened
from tieout.reports.history import History, Taken, read

ZERO = Fraction(0)
Pot = dict[str, Fraction]  # of each asset so much
Records = Callable[[], Iterable[Record]]
TELL_OF_ORDERS = (OrderReported, FillReported, ProgressReported)


class BadSession(ValueError):
    """No session can be made of it; the message says what was found and what would do."""


class Place(NamedTuple):
    """An instrument of an account."""

    account: str
    instrument: str


@dataclass(slots=True)
class Sent:
    """An order that was decided on, and what came of it.

    `quantity` and `value` are signed: bought is positive, and what was paid for it negative.
    `decided_worth` and `arrived_worth` are None where no price was known then.
    """

    name: str
    place: Place
    side: str
    reference: str
    decided_at: int
    decided_worth: Fraction | None = None
    arrived_worth: Fraction | None = None
    quantity: Fraction = ZERO
    value: Fraction = ZERO
    fees: Pot = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    """All of it. `began` is when its node first came up, `other` what is posted of no order,
    `booked` what the books' figures say that the strategy gained, holdings at `marks`."""

    strategy: str
    began: int
    sent: list[Sent]
    other: dict[Place, Pot]
    held: dict[Place, Fraction]
    booked: dict[Place, Pot]
    terms: dict[Place, Listing]
    marks: dict[Place, Fraction]
    decimals: dict[str, int]


def session_in(path: Path, strategy: str = "") -> Session:
    """The same of a journal's file; raises `JournalError` too."""
    with opened(path) as connection:
        return session_of(lambda: read_records(connection), strategy)


def session_of(records: Records, strategy: str = "") -> Session:
    """The session in a journal's records; without a name, of the only strategy that it has.

    Raises `BadSession` where there is no such strategy, or none is named and there are several.
    """
    told = read(records())
    name = _named(told, strategy)
    terms = {
        Place(account.name, listing.instrument): listing
        for account in told.state.accounts.values()
        for listing in account.listings.values()
    }
    prices = _prices(records, terms)
    sent = {order.name: order for order in _orders(told, name)}
    _arrive(records, told, sent, prices)
    other: dict[Place, Pot] = defaultdict(dict)
    for place, order, kind, asset, amount in _posted(told, name, sent, terms):
        _put(sent[order] if order else None, other[place], kind, asset, amount)
    held, booked = _booked(told.state, name, terms)
    marks = {place: worths[-1][1] for place, worths in prices.items() if worths}
    return Session(
        name,
        _began(records),
        list(sent.values()),
        dict(other),
        held,
        booked,
        terms,
        marks,
        told.state.decimals,
    )


def unit_of(listing: Listing) -> str:
    """The asset in which an instrument's profit is counted."""
    return listing.quote if listing.kind == "spot" else listing.settle


def worth(listing: Listing, price: int) -> Fraction:
    """What one coin or contract is worth at a price, in the asset that pays for it."""
    multiplier = Fraction(listing.multiplier, TEN_TO[QUANTITY_DECIMALS])
    at = Fraction(price, TEN_TO[PRICE_DECIMALS])
    if listing.kind == "inverse":
        return -multiplier / at
    return at if listing.kind == "spot" else multiplier * at


def add(pot: Pot, asset: str, amount: Fraction) -> None:
    """Put so much of an asset into a pot."""
    pot[asset] = pot.get(asset, ZERO) + amount


def _named(told: History, strategy: str) -> str:
    known = list(dict.fromkeys(order.strategy for order in told.orders().values()))
    ours = [name for name in known if name and name != "unattributed"]
    if strategy in ours or (not strategy and len(ours) == 1):
        return strategy or ours[0]
    found = f"found {strategy!r}" if strategy else f"found {len(ours)} strategies"
    raise BadSession(f"--strategy: {found}; one of {', '.join(ours) or 'none'} would do")


def _began(records: Records) -> int:
    for record in records():
        if record.kind == "event":
            event = decode_event(record.body)
            return event.received_at if isinstance(event, NodeStarted) else record.at
    raise BadSession("a journal without an event; one of a run would do")


# --- prices and moments --------------------------------------------------------------------------

Prices = dict[Place, list[tuple[int, Fraction]]]


def _prices(records: Records, terms: dict[Place, Listing]) -> Prices:
    """Of each instrument what it was taken to be worth, since when by our clock."""
    found: Prices = {}
    for record in records():
        if record.name != "ReferenceSet":
            continue
        event = decode_event(record.body)
        assert isinstance(event, ReferenceSet)
        place = Place(event.account, event.instrument)
        if place in terms and event.price:
            found.setdefault(place, []).append((event.as_of, worth(terms[place], event.price)))
    for worths in found.values():
        worths.sort(key=lambda pair: pair[0])
    return found


def _at(prices: Prices, place: Place, moment: int) -> Fraction | None:
    worths = prices.get(place, [])
    number = bisect_right(worths, moment, key=lambda pair: pair[0])
    return worths[number - 1][1] if number else None


def _orders(told: History, strategy: str) -> Iterator[Sent]:
    for order in told.orders().values():
        if order.strategy == strategy:
            place = Place(order.account, order.instrument)
            yield Sent(
                order.client_order_id, place, order.side, order.reference, order.requested_at
            )


def _arrive(records: Records, told: History, sent: dict[str, Sent], prices: Prices) -> None:
    """When the venue first dealt with each, by what it told; and what both moments' prices were."""
    arrived: dict[str, int] = {}
    names = _names(told)
    for record in records():
        if record.kind != "event" or record.name not in {k.__name__ for k in TELL_OF_ORDERS}:
            continue
        event = decode_event(record.body)
        assert isinstance(event, TELL_OF_ORDERS)
        name = event.client_order_id or names.get((event.account, event.order_id), "")
        at = event.occurred_at or event.received_at
        if name in sent:
            arrived[name] = min(at, arrived.get(name, at))
    for name, order in sent.items():
        order.decided_worth = _at(prices, order.place, order.decided_at)
        order.arrived_worth = _at(prices, order.place, arrived.get(name, order.decided_at))


def _names(told: History) -> dict[tuple[str, str], str]:
    """Our own id of each order that the venue has an id for."""
    return {
        (order.account, order.order_id): name
        for name, order in told.orders().items()
        if order.order_id
    }


# --- postings ------------------------------------------------------------------------------------

# Money that is in the value of the trades already, told once more as cash.
AGAIN = ("realised",)


def _posted(
    told: History, strategy: str, sent: dict[str, Sent], terms: dict[Place, Listing]
) -> Iterator[tuple[Place, str, str, str, Fraction]]:
    """Each amount of the strategy's: where, by which order ("": by none), what it is, of what."""
    names = _names(told)
    for taken in told.taken:
        for line in taken.postings:
            found = _figure(told.state, line.figure, line.amount, strategy, terms)
            if found is not None:
                yield found[0], _order_of(taken, names, sent), *found[1:]


def _order_of(taken: Taken, names: dict[tuple[str, str], str], sent: dict[str, Sent]) -> str:
    event = taken.event
    name = getattr(event, "client_order_id", "")
    if not name:
        name = names.get((getattr(event, "account", ""), getattr(event, "order_id", "")), "")
    return name if name in sent else ""


def _figure(
    state: State, figure: str, amount: int, strategy: str, terms: dict[Place, Listing]
) -> tuple[Place, str, str, Fraction] | None:
    """What a figure is to the strategy: "quantity", "value", "fee" or "other"; None: nothing."""
    whose, _, rest = figure.partition("/")
    if whose != strategy:
        return None
    head, purpose, unit = rest.rsplit("/", 2)
    place = _place(head)
    listing = terms.get(place)
    if listing is None or purpose in AGAIN:
        return None
    if purpose in ("position", "restated"):
        return place, "quantity", place.instrument, Fraction(amount, TEN_TO[QUANTITY_DECIMALS])
    exact = Fraction(amount, TEN_TO[state.decimals.get(unit, ASSET_DECIMALS)])
    if purpose == "value":
        return place, "value", unit, -exact if listing.kind == "inverse" else exact
    if purpose == "trade":
        return place, "quantity" if unit == listing.base else "value", unit, exact
    return place, "fee" if purpose == "fee" else "other", unit, exact


def _place(head: str) -> Place:
    """Of "venue/name/INSTRUMENT"; an instrument's own name may hold a slash."""
    venue, name, instrument = head.split("/", 2)
    return Place(f"{venue}/{name}", instrument)


def _put(order: Sent | None, other: Pot, kind: str, asset: str, amount: Fraction) -> None:
    if order is None:
        add(other, asset, amount)
    elif kind == "quantity":
        order.quantity += amount
    elif kind == "value":
        order.value += amount
    elif kind == "fee":
        add(order.fees, asset, amount)
    else:
        add(other, asset, amount)


def _booked(
    state: State, strategy: str, terms: dict[Place, Listing]
) -> tuple[dict[Place, Fraction], dict[Place, Pot]]:
    """What the figures say: of each instrument how much is held, and of each asset what came."""
    held: dict[Place, Fraction] = {}
    booked: dict[Place, Pot] = {}
    for figure, amount in state.figures.items():
        found = _figure(state, figure, amount, strategy, terms)
        if found is None:
            continue
        place, kind, asset, exact = found
        if kind == "quantity":
            held[place] = held.get(place, ZERO) + exact
        else:
            add(booked.setdefault(place, {}), asset, exact)
    return held, booked
