"""Documents of an account's own record that cannot be read: named, passed by, and read in the end.

Rule 1. Such a document is a break of its own, told once, of a size that nobody knows; the record is
read on behind it. It closes when a later reading succeeds, or when two people say why it may.
Rule 2. Until then the record is not read to its end: no silence settles what it may speak of, and
what a statement shows otherwise than our books stays a suspect (core/reconcile.py, Rule 4).
"""

from core.effects import Effect
from core.items import close_item, open_item
from core.rail_effects import FetchDocument
from core.rail_events import DocumentQuarantined, DocumentRead
from core.settlement_state import Unread
from core.state import Account, State, count


def on_quarantined(state: State, account: Account, event: DocumentQuarantined) -> list[Effect]:
    """It is told once, however often it is met."""
    key, subject = f"document:{event.document_id}", f"{account.name} {event.document_id}"
    if key in account.seen:
        return []
    account.seen[key] = event.reason
    state.settlement.unread[subject] = Unread(
        account.name, event.document_id, event.after, event.received_at
    )
    count(state, f"documents_unreadable/{account.name}")
    return open_item(state, "unreadable", subject, account.name, "", 0, event.frame)


def on_read(state: State, account: Account, event: DocumentRead) -> list[Effect]:
    """It can be read now, and its lines were told with it."""
    subject = f"{account.name} {event.document_id}"
    if state.settlement.unread.pop(subject, None) is not None:
        count(state, f"documents_read_at_last/{account.name}")
        close_item(state, subject, "a later reading of it succeeded", event.frame, "unreadable")
    return []


def ask_again(state: State, account: Account) -> list[Effect]:
    """Each of them, once more."""
    return [
        FetchDocument(account=each.account, document_id=each.document_id, after=each.after)
        for each in state.settlement.unread.values()
        if each.account == account.name
    ]


def may_hide(state: State, account: Account, since: int) -> bool:
    """Whether what happened since then may stand in a document that is not read."""
    return any(
        each.account == account.name and each.found_at >= since
        for each in state.settlement.unread.values()
    )
