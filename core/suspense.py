"""What lies in suspense, and what is on its way back out of it.

Rule 1. It lies there under one subject: a line's own ("bank/ops L9"), or the payment's of which it
is the excess. Whoever disposes of it takes the whole of it, once.
Rule 2. What is to be sent back stays where it is until it is sent, and its break stays open until
the return has settled. A return that fails or comes back lies here again, under its break.
"""

from typing import NamedTuple

from msgspec.structs import replace

from core.effects import Effect
from core.items import close_item, has, open_item
from core.settlement_state import ItemCause, Leg
from core.state import State

# What goes when a line is taken back, and what when somebody says whose a line is.
EXCESSIVE: tuple[ItemCause, ...] = ("amount", "duplicate", "after_the_end")
UNEXPLAINED: tuple[ItemCause, ...] = ("unattributed", "unknown_debit", "unmatched_return")


class Lying(NamedTuple):
    """One thing in suspense; `sent_back` is the payment that is to send it back, if one is."""

    subject: str
    account: str
    asset: str
    amount: int
    sent_back: str


def lying(state: State, account: str, name: str) -> Lying | None:
    """What lies there by the name of a line, or of the payment of which it is the excess."""
    subject = f"{account} {name}"
    line = state.settlement.suspense.get(subject)
    if line is not None:
        return Lying(subject, account, line.asset, line.amount, line.sent_back)
    leg = state.settlement.legs.get(name)
    if leg is not None and leg.account == account and leg.excess:
        return Lying(name, account, leg.asset, leg.excess, leg.sent_back)
    return None


def take(state: State, found: Lying, resolution: str, frame: int) -> None:
    """It lies there no more, and its break is over."""
    if state.settlement.suspense.pop(found.subject, None) is None:
        state.settlement.legs[found.subject].excess = 0
        state.settlement.legs[found.subject].gone_again = 0
    close_item(state, found.subject, resolution, frame, *UNEXPLAINED, *EXCESSIVE)


def cause_of(amount: int, kind: str) -> ItemCause:
    """What a line in suspense is called."""
    if kind == "return":
        return "unmatched_return"
    return "unattributed" if amount > 0 else "unknown_debit"


# --- sending it back -----------------------------------------------------------------------------


def reserve(state: State, found: Lying, payment_id: str) -> None:
    """It is this payment's to send back."""
    line = state.settlement.suspense.get(found.subject)
    if line is not None:
        state.settlement.suspense[found.subject] = replace(line, sent_back=payment_id)
    else:
        state.settlement.legs[found.subject].sent_back = payment_id


def is_there(state: State, back: Leg) -> bool:
    """Whether what the payment is to send back still lies there, and all of it."""
    found = lying(state, back.account, back.disposes.removeprefix(f"{back.account} "))
    wanted = back.payment_id, back.amount
    return found is not None and (found.sent_back, found.amount) == wanted


def let_go(state: State, back: Leg) -> None:
    """The payment will not be sent: people may decide anew, if anything is left."""
    original = state.settlement.legs.get(back.disposes)
    line = state.settlement.suspense.get(back.disposes)
    if original is not None:
        original.sent_back = ""
    elif line is not None:
        state.settlement.suspense[back.disposes] = replace(line, sent_back="")


def leave(state: State, back: Leg, amount: int, frame: int) -> list[Effect]:
    """So much of it is on its way back; where it went before, that is somebody's mistake."""
    settlement = state.settlement
    if back.disposes in settlement.legs:
        settlement.legs[back.disposes].excess -= amount
        return _still_open(state, back, settlement.legs[back.disposes].excess, frame)
    line = settlement.suspense.pop(back.disposes, None)
    settlement.gone_back.setdefault(back.disposes, line or settlement.gone_back[back.disposes])
    rest = (line.amount if line is not None else 0) - amount
    if rest:
        gone = settlement.gone_back[back.disposes]
        settlement.suspense[back.disposes] = replace(gone, amount=rest, sent_back="")
    return _still_open(state, back, rest, frame)


def _still_open(state: State, back: Leg, rest: int, frame: int) -> list[Effect]:
    return _name(state, back, rest, frame) if rest else []


def come_back(state: State, back: Leg, amount: int, frame: int) -> list[Effect]:
    """So much of it did not go, or came back: it lies here again, and anyone may decide anew."""
    settlement = state.settlement
    original = settlement.legs.get(back.disposes)
    if original is not None:
        original.excess += amount
        original.sent_back = ""
        return _name(state, back, original.excess, frame)
    gone, line = settlement.gone_back[back.disposes], settlement.suspense.get(back.disposes)
    amount += line.amount if line is not None else 0
    settlement.suspense.pop(back.disposes, None)
    if amount:
        settlement.suspense[back.disposes] = replace(gone, amount=amount, sent_back="")
    return _name(state, back, amount, frame)


def _name(state: State, back: Leg, size: int, frame: int) -> list[Effect]:
    """What lies there has its open break, of its size now."""
    if back.disposes in state.settlement.legs:
        causes, cause = EXCESSIVE, EXCESSIVE[1]
    else:
        gone = state.settlement.gone_back[back.disposes]
        causes, cause = UNEXPLAINED, cause_of(size, gone.kind)
    if not size:
        close_item(state, back.disposes, "nothing of it is left", frame, *causes)
        return []
    cause = next((each for each in causes if has(state, back.disposes, each)), cause)
    return open_item(state, cause, back.disposes, back.account, back.asset, size, frame)


def settled(state: State, back: Leg, frame: int) -> None:
    """The return has settled: what it was about is over."""
    transfer = state.settlement.transfers[back.transfer_id]
    original = state.settlement.legs.get(back.disposes)
    if original is not None:
        original.sent_back = ""
    rest = original.excess if original is not None else back.disposes in state.settlement.suspense
    if not rest:
        why = f"sent back by {back.payment_id}: {transfer.reason}"
        close_item(state, back.disposes, why, frame, *UNEXPLAINED, *EXCESSIVE)
