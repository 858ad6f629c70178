"""The natural key of a fact: by which a telling of it is known again, for ever.

Rule. A key is said here and nowhere else: the books remember by it, the journal's index on disk
holds it, and what was put away is asked for by it. With the account before it (`identity`) no two
facts share one.

A fill's key has the instrument, its listing epoch and the side: trade ids are per symbol on some
venues, begin anew when a symbol is listed again, and are shared by both legs of a self-trade.
"""

from core.events import (
    CashMoved,
    Event,
    FillBusted,
    FillReported,
    FundingPaid,
    OpeningSet,
    Side,
)
from core.rail_events import BalanceOpened, LineBooked, ReturnReported


def identity(account: str, key: str) -> str:
    """The key, among those of all accounts."""
    return f"{account}/{key}"


def fill_key(instrument: str, listing: int, fill_id: str, side: Side) -> str:
    return f"{instrument}:{listing}:{fill_id}:{side}"


def bust_key(instrument: str, bust_id: str) -> str:
    return f"bust:{instrument}:{bust_id}"


def busted_key(fill: str) -> str:
    """That the fill with this key was undone, whichever bust it was."""
    return f"busted:{fill}"


def funding_key(funding_id: str, asset: str) -> str:
    return f"funding:{funding_id}:{asset}"


def cash_key(reason: str, movement_id: str) -> str:
    return f"{reason}:{movement_id}"


def opening_key(subject: str, leg: str) -> str:
    return f"opening:{subject}:{leg}"


def line_key(line_id: str) -> str:
    return f"line:{line_id}"


def return_key(return_id: str) -> str:
    return f"return:{return_id}"


def opened_key(asset: str, customer: str) -> str:
    return f"opened:{asset}:{customer}"


def order_key(client_order_id: str) -> str:
    """An order of ours that is over."""
    return f"order {client_order_id}"


def placed_key(order_id: str) -> str:
    """Which order of ours the venue's own id means."""
    return f"placed {order_id}"


def progress_key(order_id: str) -> str:
    """What is booked of an order of which only its progress is told."""
    return f"progress {order_id}"


def transfer_key(transfer_id: str) -> str:
    """A transfer of which nothing is open, with its legs."""
    return f"transfer {transfer_id}"


def payment_key(payment_id: str) -> str:
    """Of which transfer a payment of ours is a leg."""
    return f"payment {payment_id}"


def named_key(reference: str) -> str:
    """Which payments a counterparty means by a name of its own."""
    return f"named {reference}"


def request_key(token: str, caller: str, request_id: str) -> str:
    """Which authorization of a token a caller's request was."""
    return f"request {token} {caller} {request_id}"


def natural_key(event: Event, listing: int) -> str:
    """The key of what an event tells; "" where it has none, or its instrument is not listed (0)."""
    match event:
        case FillReported():
            if not listing:
                return ""
            return fill_key(event.instrument, listing, event.fill_id, event.side)
        case FillBusted():
            return bust_key(event.instrument, event.bust_id) if listing else ""
        case FundingPaid():
            return funding_key(event.funding_id, event.asset)
        case CashMoved():
            return cash_key(event.reason, event.movement_id)
        case OpeningSet():
            return opening_key(event.subject, event.leg)
        case LineBooked():
            return "" if event.pending else line_key(event.line_id)
        case ReturnReported():
            return return_key(event.return_id)
        case BalanceOpened():
            return opened_key(event.asset, event.customer)
        case _:
            return ""
