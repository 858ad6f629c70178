"""By how old a price orders were decided: what the journal says, whatever a gate thought of it.

A reference is an event like any other, so that the newest one before a wish is the one by which the
order that came of it was valued.
"""

from core.events import OrderRequested, ReferenceSet
from core.journal import Store, decode_event


def decided_by_old_prices(store: Store, age_ns_max: int) -> int:
    """Orders that went out though their instrument's newest reference was older than that, or none
    was known."""
    newest: dict[tuple[str, str], int] = {}
    old: dict[int, None] = {}
    decided = 0
    for record in store.records():
        if record.name == "ReferenceSet":
            told = decode_event(record.body)
            assert isinstance(told, ReferenceSet)
            place = told.account, told.instrument
            newest[place] = max(told.as_of, newest.get(place, 0))
        elif record.name == "OrderRequested":
            wish = decode_event(record.body)
            assert isinstance(wish, OrderRequested)
            if wish.received_at - newest.get((wish.account, wish.instrument), 0) > age_ns_max:
                old[record.number] = None
        elif record.name == "PlaceOrder":
            decided += record.cause in old
    return decided
