"""What is stuck: which payment, at which stage, since when, waiting for which evidence, until when,
whom it keeps waiting, and what is safe to do.

Made from the state alone, so that operations see what the books decide by, and nothing else.
"""

from typing import NamedTuple

from core import chain, ledger, moves, subscriptions
from core.leg_moves import MOVING
from core.rail_events import OVER_A_RAIL, SchemePublished
from core.settlement_state import Credited, Leg, Transfer
from core.state import CashMove, State


class Stuck(NamedTuple):
    """One payment that is not over. Times are nanoseconds UTC, 0 where nothing says when."""

    transfer_id: str
    payment_id: str
    customer: str
    scheme: str
    account: str
    asset: str
    amount: int
    stage: str
    since: int
    waiting_for: str
    expected_by: int
    late: bool
    blocks: tuple[str, ...]
    safe: str


def stuck(state: State) -> list[Stuck]:
    """Everything under way, the longest waiting first; what is late stands before what is not."""
    settlement = state.settlement
    rows = [_row(state, settlement.legs[name]) for name in settlement.open_legs]
    found = [row for row in rows if row.waiting_for]
    found += [_moving(state, each) for each in moves.open_moves(state) if not each.credited_at]
    return sorted(found, key=lambda row: (not row.late, row.since, row.payment_id))


def _moving(state: State, move: CashMove) -> Stuck:
    """Between two accounts of ours: nobody's to use until it is there."""
    return Stuck(
        transfer_id=move.move_id,
        payment_id=move.move_id,
        customer=move.strategy,
        scheme="treasury",
        account=move.target if move.debited_at else move.source,
        asset=move.asset,
        amount=move.amount,
        stage="in_flight" if move.debited_at else "asked",
        since=move.debited_at or move.requested_at,
        waiting_for=f"{move.target} to credit it" if move.debited_at else "the treasury to act",
        expected_by=move.due_at,
        late=state.now > move.due_at,
        blocks=(),
        safe="ask both venues; it is not sent again",
    )


def debts(state: State) -> list[Stuck]:
    """What customers owe since it came back, of payments and of deposits, the oldest first."""
    settlement = state.settlement
    legs = [settlement.legs[name] for name in settlement.open_legs]
    rows = [_owed(leg, leg.transfer_id, leg.returned_at) for leg in legs if ledger.owed(leg)]
    credits_ = [each for each in settlement.credits.values() if ledger.owed(each)]
    rows += [_owed(credit, credit.subject, credit.returned_at) for credit in credits_]
    return sorted(rows, key=lambda row: (row.since, row.payment_id))


def _owed(what: Leg | Credited, told_as: str, since: int) -> Stuck:
    return Stuck(
        transfer_id=told_as,
        payment_id=what.payment_id,
        customer=what.customer,
        scheme=what.scheme,
        account=what.account,
        asset=what.asset,
        amount=ledger.owed(what),
        stage="owed",
        since=since,
        waiting_for="its customer to pay",
        expected_by=0,
        late=False,
        blocks=(),
        safe="set it off against what the customer has, or write it off: two people",
    )


def _row(state: State, leg: Leg) -> Stuck:
    transfer = state.settlement.transfers[leg.transfer_id]
    waiting_for, expected_by, safe = _waits(state, transfer, leg)
    return Stuck(
        transfer_id=leg.transfer_id,
        payment_id=leg.payment_id,
        customer=leg.customer,
        scheme=leg.scheme or leg.kind,
        account=leg.account,
        asset=leg.asset,
        amount=leg.amount,
        stage=leg.status,
        since=leg.sent_at or transfer.requested_at,
        waiting_for=waiting_for,
        expected_by=expected_by,
        late=bool(expected_by) and state.now > expected_by,
        blocks=_blocks(state, transfer, leg),
        safe=safe,
    )


def _waits(state: State, transfer: Transfer, leg: Leg) -> tuple[str, int, str]:
    """For which evidence, until when, and what may be done meanwhile."""
    if leg.status == "validated":
        return _before_sending(state, transfer, leg)
    if leg.status in MOVING and leg.kind not in OVER_A_RAIL:
        return subscriptions.waits_for(state, leg)
    if leg.status in MOVING:
        if state.accounts[leg.account].chain:
            return _on_chain(state, leg)
        return _at_counterparty(state, leg)
    if leg.outstanding:
        what = "the line that gives it back" if leg.status != "settled" else "its line"
        return f"{what} on {leg.account}", leg.due_at, "nothing to do: its money is accounted for"
    return "", 0, ""


def _before_sending(state: State, transfer: Transfer, leg: Leg) -> tuple[str, int, str]:
    if transfer.needs_release and not transfer.approver:
        return "a second person's release", 0, "cancel it, or release it"
    if transfer.needs_release and transfer.screened != "clear":
        return "sanctions screening", 0, "cancel it"
    if subscriptions.is_waiting(state, leg):
        cash = "its cash to be nobody's to take back, or room in the limit on such cash"
        return cash, 0, "wait"
    before = state.settlement.legs[transfer.legs[leg.number - 1]]
    if before.status == "settled":
        return f"leg {before.number} to be irrevocable", before.revocable_until, "cancel it"
    # It cannot settle before what it waits for itself, be that a message or the end of a silence.
    _, until, _ = _waits(state, transfer, before)
    return f"leg {before.number} to settle", until, "wait: an earlier leg is on its way"


def _at_counterparty(state: State, leg: Leg) -> tuple[str, int, str]:
    scheme = state.settlement.schemes[leg.scheme]
    if leg.status == "unknown":
        if leg.denied_at:
            return _denied(leg, scheme)
        answer = "an answer to a status query"
        return answer, leg.sent_at + scheme.answer_ns_max, "ask; neither send again nor refund"
    if not leg.heard_at:
        return "an acknowledgement", leg.sent_at + scheme.answer_ns_max, "wait"
    if scheme.settled_by == "silence":
        return "no return until its deadline", leg.silent_until, "wait; a recall may be asked for"
    return "the message that it is settled", leg.due_at, "ask; a recall may be asked for"


def _denied(leg: Leg, scheme: SchemePublished) -> tuple[str, int, str]:
    """They say that they have no such payment, where sending again may pay twice."""
    if leg.denied_again_at:
        read = "the account's record, which must not show it"
        return read, 0, "find out whether it left; it goes again once the record is read"
    second = leg.denied_at + scheme.listed_ns_max
    return "a second no, or a sign of it", second, "ask; neither send again nor refund"


def _on_chain(state: State, leg: Leg) -> tuple[str, int, str]:
    if not leg.attempts and leg.nonce < 0 and state.accounts[leg.account].chain == "evm":
        return "the nodes to say the next nonce", leg.sent_at, "nothing was sent: wait"
    if leg.unfunded:
        return "coin on the wallet", leg.due_at, "fund it; the same bytes are handed in again"
    if leg.cancels_from:
        wait = "a payment to ourselves under its nonce to be final"
        return wait, leg.due_at, "no refund before: its own bytes may be taken yet"
    if not leg.attempts:
        return "a signature", leg.sent_at, "nothing was sent: it may still be cancelled"
    in_the_way = chain.blockers(state, leg)
    if in_the_way:
        first = in_the_way[0]
        text = f"nonce {first.nonce} ({first.payment_id}) to be mined"
        return text, leg.due_at, f"pay more for {first.payment_id}; this one is only queued"
    if any(attempt.block_hash for attempt in leg.attempts):
        return "its block to be final", leg.due_at, "wait; never send it under another nonce"
    return "a block", leg.due_at, "pay more under the same nonce; no refund before one is final"


def _blocks(state: State, transfer: Transfer, leg: Leg) -> tuple[str, ...]:
    """The payments that cannot go on before this one does."""
    legs = state.settlement.legs
    found = [name for name in transfer.legs if legs[name].number > leg.number]
    # What is mined has used its nonce: nothing waits for it, though it is not final.
    mined = any(attempt.block_hash for attempt in leg.attempts)
    in_the_way = leg.nonce >= 0 and leg.status in MOVING and not mined
    if in_the_way and not chain.blockers(state, leg):
        for name in state.settlement.open_legs:
            other = legs[name]
            if other.account == leg.account and other.nonce > leg.nonce >= 0:
                found.append(name)
    return tuple(dict.fromkeys(found))
