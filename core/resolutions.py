"""What two people decide: whose value in suspense is, why a break may close without evidence, what
becomes of what a customer owes us, and that a token which closed itself permits again.

Rule. A decision has an author, another person's approval and an id of its own, and is taken whole
or refused with what would do; nothing of a refused one is booked, and its id stays free.
"""

from core import (
    chain,
    deposits,
    exposure,
    ledger,
    lines,
    payments,
    register,
    statements,
    suspense,
    transfers,
)
from core.effects import Effect, RaiseAlert
from core.items import close_item, has, key_of
from core.ledger import book
from core.listening import request_backfill
from core.people import are_two
from core.rail_events import DebtResolved, ItemResolved, SuspenseResolved
from core.settlement_state import Credited, Item, Leg
from core.state import State, count
from core.suspense import Lying
from core.token_events import TokenReopened
from core.token_state import Token

Decision = SuspenseResolved | ItemResolved | DebtResolved | TokenReopened


def _unfit(state: State, event: Decision) -> str:
    """Why nobody decides so, whatever it is about; "" where it is fit."""
    if not are_two(event.author, event.approver):
        return "it needs an author and another person's approval"
    if event.resolution_id in state.settlement.resolutions:
        return "its id was used before"
    return ""


def _refused(state: State, event: Decision, about: str, fault: str) -> list[Effect]:
    count(state, "resolutions_refused")
    text = f"resolution {event.resolution_id} of {about} refused: {fault}"
    return [RaiseAlert(severity="warning", subject=about, text=text)]


def _by(event: Decision) -> str:
    return f"{event.reason} ({event.author}, approved by {event.approver})"


# --- what lies in suspense -----------------------------------------------------------------------


def on_suspense(state: State, event: SuspenseResolved) -> list[Effect]:
    """It is a customer's, a payment's or ours; or it goes back to where it came from."""
    subject = f"{event.account} {event.line_id}"
    found = suspense.lying(state, event.account, event.line_id)
    fault = _unfit(state, event) or _undisposable(state, event, found)
    if fault or found is None:
        return _refused(state, event, subject, fault)
    if event.scheme:
        fault, effects = transfers.send_back(state, event, found)
        if fault:
            return _refused(state, event, subject, fault)
    elif event.payment_id:
        effects = _attribute(state, event, found)
    else:
        effects = _dispose(state, event, found)
    state.settlement.resolutions[event.resolution_id] = found.subject
    return effects


def _undisposable(state: State, event: SuspenseResolved, found: Lying | None) -> str:
    """Why it cannot be disposed of so; "" where it can."""
    settlement = state.settlement
    if found is None:
        return "no such line is in suspense"
    if found.sent_back:
        return f"it is {found.sent_back}'s to send back: wait for its end"
    if sum(map(bool, (event.customer, event.scheme, event.payment_id))) > 1:
        return "it says more than one of a customer, a scheme and a payment; one of them would do"
    if event.customer and event.customer not in settlement.customers:
        return f"no balances are kept for {event.customer!r}"
    if event.scheme and found.amount < 0:
        return "it went from us: it can be claimed or written off, and not sent back"
    if event.payment_id:
        return _unlike(state, found, settlement.legs.get(event.payment_id))
    return ""


def _unlike(state: State, found: Lying, leg: Leg | None) -> str:
    """Why it is not that payment's."""
    if leg is None or leg.kind == "exchange" or leg.account != found.account:
        return f"no such payment of ours goes by {found.account}"
    if leg.asset != found.asset:
        return f"{leg.payment_id} is of {leg.asset}, and this is {found.asset}"
    if found.subject not in state.settlement.suspense:
        return "it is the excess of a payment, and not a line of its own"
    return ""


def _dispose(state: State, event: SuspenseResolved, found: Lying) -> list[Effect]:
    """To a customer, or written off."""
    line = state.settlement.suspense.get(found.subject)
    theirs = f"loss/{found.asset}"
    if event.customer:
        theirs = ledger.customer(event.customer, found.asset)
    _book(state, found, event.frame, (theirs, -found.amount))
    suspense.take(state, found, _by(event), event.frame)
    if event.customer and line is not None and line.amount > 0:
        return deposits.on_credited(state, line, event.customer)
    return []


def _book(state: State, found: Lying, frame: int, *contra: tuple[str, int]) -> None:
    there = (ledger.suspense(found.account, found.asset), found.amount)
    book(state, "resolution", found.subject, frame, (there, *contra))


def _attribute(state: State, event: SuspenseResolved, found: Lying) -> list[Effect]:
    """It is booked as that payment's line would have been; what is over lies here again, as its."""
    leg, line = state.settlement.legs[event.payment_id], state.settlement.suspense[found.subject]
    why = f"it is {leg.payment_id}'s: {_by(event)}"
    suspense.take(state, found, why, event.frame)
    contra, effects = lines.attribute(state, leg, line)
    _book(state, found, line.frame, *contra)
    return effects


# --- breaks that evidence did not close ----------------------------------------------------------


def on_item(state: State, event: ItemResolved) -> list[Effect]:
    """It closes with what people know, and what follows from that is done."""
    item = state.settlement.items.get(key_of(event.subject, event.cause))
    fault = _unfit(state, event) or _unresolvable(state, event, item)
    if fault or item is None:
        return _refused(state, event, event.subject, fault)
    state.settlement.resolutions[event.resolution_id] = event.subject
    count(state, f"items_resolved/{event.cause}")
    why = f"{_by(event)}; evidence: {event.evidence}"
    match event.cause:
        case "nonce_taken":
            effects = _acknowledge_spending(state, event, item)
        case "unmatched_return":
            effects = _place_return(state, event, item)
        case "denied":
            effects = _never_left(state, event)
        case _:
            effects = _accept_record(state, event, item)
    close_item(state, event.subject, why, event.frame, event.cause)
    return effects


def _unresolvable(state: State, event: ItemResolved, item: Item | None) -> str:
    """Why it cannot be closed so; "" where it can."""
    if item is None:
        return f"no break of the cause {event.cause} is open there"
    if not event.evidence:
        return "it needs evidence: say where it is kept"
    if event.cause == "nonce_taken":
        return _unspent(state, event, item)
    if event.cause == "unmatched_return":
        return _unplaceable(state, event, item)
    return ""


# --- what is owed to us --------------------------------------------------------------------------


def on_debt(state: State, event: DebtResolved) -> list[Effect]:
    """So much of it is set off against what its customer has, or is a loss of ours: it counts
    against limits no more."""
    owing = state.settlement.legs.get(event.subject) or state.settlement.credits.get(event.subject)
    fault = _unfit(state, event) or _unpayable(state, event, owing)
    if fault or owing is None:
        return _refused(state, event, event.subject, fault)
    state.settlement.resolutions[event.resolution_id] = event.subject
    count(state, f"debts/{event.way}")
    by = f"loss/{owing.asset}"
    if event.way == "set_off":
        by = ledger.customer(owing.customer, owing.asset)
    lines_ = ((by, event.amount), (ledger.receivable(owing), -event.amount))
    book(state, "resolution", owing.payment_id, event.frame, lines_)
    if event.way == "set_off":
        exposure.pay(state, owing, event.amount)
        owing.set_off += event.amount
    else:
        exposure.expose(state, owing, -event.amount)
        owing.written_off += event.amount
    if isinstance(owing, Leg):
        owing.evidence += [event.frame] if event.frame else []
        payments.touch(state, owing)
    return []


def _unpayable(state: State, event: DebtResolved, owing: Leg | Credited | None) -> str:
    """Why it cannot be paid or written off so; "" where it can."""
    if owing is None or not ledger.owed(owing):
        return "nothing is owed to us for it"
    if not 0 < event.amount <= ledger.owed(owing):
        return f"{ledger.owed(owing)} {owing.asset} are owed for it: at most that would do"
    if not event.evidence:
        return "it needs evidence: say where it is kept"
    has = exposure.disposable(state, owing)
    if event.way == "set_off" and event.amount > has:
        return f"{owing.customer} has {has} {owing.asset} for good: at most that would do"
    return ""


# --- somebody else signed ------------------------------------------------------------------------


def _unspent(state: State, event: ItemResolved, item: Item) -> str:
    leg = chain.of_nonce(state, item.account, event.subject)
    if leg is not None and any(attempt.block_hash for attempt in leg.attempts):
        return f"an attempt of {leg.payment_id} is mined: wait until that is final"
    found = suspense.lying(state, item.account, event.line_id)
    if event.line_id and (found is None or found.amount > 0 or found.sent_back):
        return f"nothing that {event.line_id} took lies in suspense"
    return ""


def _acknowledge_spending(state: State, event: ItemResolved, item: Item) -> list[Effect]:
    """One of us spent it: out of what is ours. The payment whose nonce it was is over, unsent."""
    found = suspense.lying(state, item.account, event.line_id) if event.line_id else None
    if found is not None:
        _book(state, found, event.frame, (f"equity/{found.asset}", -found.amount))
        suspense.take(state, found, _by(event), event.frame)
    leg = chain.of_nonce(state, item.account, event.subject)
    if leg is None:
        return []
    return payments.end(
        state, leg, "failed", "NONCE_TAKEN", "another transaction took its nonce", 0
    )


# --- a return that matches no payment ------------------------------------------------------------


def _unplaceable(state: State, event: ItemResolved, item: Item) -> str:
    if event.subject in state.settlement.suspense:
        return "its line lies in suspense: say there whose it is"
    leg = state.settlement.legs.get(event.payment_id)
    if event.payment_id and (leg is None or leg.account != item.account):
        return f"no such payment of ours goes by {item.account}"
    return ""


def _place_return(state: State, event: ItemResolved, item: Item) -> list[Effect]:
    """It is booked as that payment's; where none of ours came back, its line is suspense's."""
    stray = state.settlement.strays.pop(f"{item.account} {event.subject}", None)
    leg = state.settlement.legs.get(event.payment_id)
    if stray is None or leg is None:
        return []
    if leg.returned == leg.amount:
        leg.untold = 0  # its line was placed before
        return []
    return payments.on_placed(state, leg, stray)


# --- a payment that its counterparty denies having ------------------------------------------------


def _never_left(state: State, event: ItemResolved) -> list[Effect]:
    """Nothing moved, as people know: what was taken is given back. Whoever wants it pays anew."""
    leg = state.settlement.legs[event.subject]
    return payments.end(state, leg, "failed", "NEVER_LEFT", "they do not have it", 0)


# --- what the counterparty's record says of itself -----------------------------------------------


def _accept_record(state: State, event: ItemResolved, item: Item) -> list[Effect]:
    """The statement stands as it is, or never comes: the record is read, and balances decide."""
    settlement, account = state.settlement, state.accounts[item.account]
    effects: list[Effect] = []
    if event.cause == "statement_untied":
        effects = statements.accept(state, account, settlement.untied.pop(event.subject))
    elif event.cause == "statement_gap":
        del settlement.gaps[event.subject]
    else:
        del settlement.unread[event.subject]
    return effects + request_backfill(state, account, event.received_at)


# --- a token that closed itself ------------------------------------------------------------------


def on_reopened(state: State, token: Token, event: TokenReopened) -> list[Effect]:
    """What it is closed for is explained: it permits again, unless it is closed for more."""
    fault = _unfit(state, event) or _stays_closed(state, token, event)
    if fault:
        return _refused(state, event, token.name, fault)
    state.settlement.resolutions[event.resolution_id] = event.subject
    why = f"{_by(event)}; evidence: {event.evidence}"
    close_item(state, event.subject, why, event.frame, "orphan")
    return register.open_again(state, token, why)


def _stays_closed(state: State, token: Token, event: TokenReopened) -> str:
    """Why it cannot be opened so; "" where it can."""
    if not token.closed:
        return "it is not closed"
    if event.subject != token.closed:
        return f"it is closed for {token.closed}: that would do"
    if not event.evidence:
        return "it needs evidence: say where it is kept"
    if has(state, event.subject, "register"):
        return "the contract still says otherwise: wait until it says the same"
    return ""
