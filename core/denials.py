"""A counterparty says that it has no such payment: whether that may be believed, and it goes again.

Rule 1. A no that was asked for before the payment could have arrived and be listed proves nothing.
Rule 2. Where our id is compared, one no beyond that is enough: the same id again moves value once.
Rule 3. Where nothing is compared, a second instruction is a second payment: it takes two noes, as
far apart as the scheme may take to list what it took, and a record that was read to its end after
them and shows nothing which could be it. Where the record may hide it, a person finds out.
Rule 4. Of what was told or booked once no later no is believed.
"""

from typing import Literal

from core import documents
from core.rail_events import PaymentMissing, SchemePublished
from core.settlement_state import Leg
from core.state import Account, State

Next = Literal["wait", "read", "again", "ask_people"]
# So long may a request of ours be under way, whatever a scheme promises: a no that was asked for
# sooner may have overtaken it.
UNDER_WAY_NS = 30 * 10**9


def after_no(scheme: SchemePublished, leg: Leg, event: PaymentMissing) -> Next:
    """What follows from one more no."""
    if _is_known(leg) or event.asked_at < _believed_from(scheme, leg):
        return "wait"
    if scheme.resend == "never":
        return "ask_people"
    if scheme.resend == "one_denial" and _is_compared(scheme, leg, event.received_at):
        return "again"
    if not leg.denied_at:
        leg.denied_at = event.asked_at
        return "wait"
    if event.asked_at < leg.denied_at + scheme.listed_ns_max:
        return "wait"
    leg.denied_again_at = leg.denied_again_at or event.received_at
    return "read"


def _is_known(leg: Leg) -> bool:
    """Rule 4: somebody told of it, or a line of it was booked."""
    return bool(leg.heard_at) or abs(leg.due) != leg.amount


def _believed_from(scheme: SchemePublished, leg: Leg) -> int:
    """Rule 1; the first of two noes may come before the listing, for the second cannot."""
    listed = UNDER_WAY_NS + (scheme.listed_ns_max if scheme.resend == "one_denial" else 0)
    return leg.sent_at + max(scheme.answer_ns_max, listed)


def _is_compared(scheme: SchemePublished, leg: Leg, now: int) -> bool:
    """Whether the id of its first instruction is still honoured."""
    return not scheme.id_valid_ns or now < leg.instructed_at + scheme.id_valid_ns


def after_reading(state: State, account: Account, leg: Leg) -> Next:
    """What follows once the account's record was read to its end."""
    read = account.backfill
    if not leg.denied_again_at or _is_known(leg):
        return "wait"
    if not read.finished_at >= read.started_at >= leg.denied_again_at:
        return "wait"
    hidden = documents.may_hide(state, account, leg.instructed_at)
    return "ask_people" if hidden or _may_be_booked(state, leg) else "again"


def _may_be_booked(state: State, leg: Leg) -> bool:
    """Whether a line that nobody explains may have it in it, alone or with others."""
    least = leg.amount - state.settlement.schemes[leg.scheme].fee_max
    way = 1 if leg.kind == "in" else -1
    return any(
        (line.account, line.asset) == (leg.account, leg.asset)
        and line.amount * way >= max(1, least)
        and line.at >= leg.instructed_at
        for line in state.settlement.suspense.values()
    )
