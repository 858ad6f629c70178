"""What strategies were told of orders that came to nothing, held against what was said of them.

Read from the journal: a venue's word is an event, and each telling names the event that caused it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from core.effects import PlaceOrder, TellStrategy
from core.events import AccountOpened, OrderMissing
from core.journal import Record, Store, decode_effect, decode_event
from core.trading import GIVEN_UP
from venues.exchange import Exchange

# By which a venue says that it has no such order, or will not have it.
WORDS = ("OrderReported", "OrderMissing")
REJECTED = b'"rejected"'


class GivenUp(NamedTuple):
    """How many orders were given up that the venue took, that it said nothing of, or too early."""

    taken: int
    unsaid: int
    early: int


def given_up(exchanges: Sequence[Exchange], store: Store) -> GivenUp:
    """All of a run that is over."""
    records = list(store.records())
    told = _first_told(records)
    lost = [name for name, record in told.items() if GIVEN_UP.encode() in record.body]
    causes = dict.fromkeys(record.cause for record in told.values())
    events = {r.number: r for r in records if r.number in causes}
    unsaid = [r for r in told.values() if r.cause in events and events[r.cause].name not in WORDS]
    expires = _expiries(records) if lost else {}
    early = [n for n in lost if _asked_at(events.get(told[n].cause)) < expires.get(n, 0)]
    taken = [name for each in exchanges for name in lost if name in each.by_client]
    return GivenUp(len(taken), len(unsaid), len(early))


def _first_told(records: Sequence[Record]) -> dict[str, Record]:
    """Each order that is told as rejected, with the first telling."""
    told: dict[str, Record] = {}
    for record in records:
        if record.name == "TellStrategy" and REJECTED in record.body:
            said = decode_effect(record.body)
            assert isinstance(said, TellStrategy)
            if said.status == "rejected":
                told.setdefault(said.client_order_id, record)
    return told


def _expiries(records: Sequence[Record]) -> dict[str, int]:
    """Until when the venue might take each order, by our clock; 0: for ever, and who knows.

    Its request ends by the venue's clock, and what comes just in time is dealt with a little later:
    by as much as the account is said to be off, and to take.
    """
    late = {
        each.account: each.clock_error_ns + each.latency_ns_max
        for record in records
        if record.name == "AccountOpened"
        if isinstance(each := decode_event(record.body), AccountOpened)
    }
    return {
        each.client_order_id: each.expires_at + late.get(each.account, 0) if each.expires_at else 0
        for each in _placed(records)
    }


def _placed(records: Sequence[Record]) -> Iterator[PlaceOrder]:
    for record in records:
        if record.name == "PlaceOrder":
            order = decode_effect(record.body)
            assert isinstance(order, PlaceOrder)
            yield order


def _asked_at(record: Record | None) -> int:
    """When the venue was asked that knows no such order; late, where it said something else."""
    event = decode_event(record.body) if record is not None else None
    return event.asked_at if isinstance(event, OrderMissing) else 2**63
