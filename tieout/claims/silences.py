"""What settled by silence, beside what the journal heard of it: silence counts once it was asked.

A bank may have refused a payment and told nobody, and have booked it all the same.
"""

from collections.abc import Mapping

from core.journal import Store, decode_event
from core.rail_events import PaymentReported
from core.settlement_state import Settlement


def settled_unasked(settlement: Settlement, store: Store) -> list[str]:
    """Payments that settled by silence, and of which their bank had not told since it began to
    count."""
    told = _told(store)
    schemes = settlement.schemes.items()
    silent = [name for name, scheme in schemes if scheme.settled_by == "silence"]
    return [
        leg.payment_id
        for leg in settlement.legs.values()
        if leg.settled_at and leg.scheme in silent
        if not any(leg.silent_until < at <= leg.settled_at for at in told.get(leg.payment_id, ()))
    ]


def _told(store: Store) -> Mapping[str, list[int]]:
    """When each payment was told of."""
    told: dict[str, list[int]] = {}
    for record in store.records():
        if record.name == "PaymentReported":
            event = decode_event(record.body)
            assert isinstance(event, PaymentReported)
            told.setdefault(event.payment_id, []).append(event.received_at)
    return told
