"""One payment, from sending to the end of its last span of return, and the chasing in between.

Rule 1. A payment is sent under one id for ever. What is not answered is *unknown* and is asked for;
it is sent again, under that id, only where `core.denials` believes that they have no such payment.
Rule 2. Only the evidence that the scheme's rule names settles. Where that is silence, it counts
only for what was booked, once the account's record was read to its end after the deadline, and the
bank, asked after it, does not say no: a refusal may have been told to nobody, and booked in error.
Rule 3. A payment that failed gives back what it took; one that comes back after it was settled
books what is owed to us, and never becomes pending again.
"""

from core import (
    deductions,
    denials,
    documents,
    exposure,
    filing,
    ledger,
    quotes,
    schedule,
    suspense,
)
from core.effects import Effect, RaiseAlert
from core.exposure import expose, expose_passively
from core.identity import return_key
from core.items import close_item, has, open_item
from core.ledger import book, hold, memorise
from core.leg_moves import MOVING, OVER, move
from core.listening import arm, request_backfill
from core.rail_effects import QueryPayment, SendPayment
from core.rail_events import (
    BRINGS,
    PaymentMissing,
    PaymentReported,
    ReturnReported,
    SchemePublished,
)
from core.settlement_state import ItemCause, Leg, LegStatus
from core.state import Account, State, count

ACKNOWLEDGED = ("received", "accepted", "pending", "held")
DEFINITE = ("rejected", "failed", "cancelled")
# Breaks that end with the payment's own end.
OF_ITS_COURSE: tuple[ItemCause, ...] = ("late", "denied", "third_party_failed")
# And what is no question any more once nothing of it moves.
OF_ITS_FAILURE: tuple[ItemCause, ...] = (
    *OF_ITS_COURSE,
    "amount_told",
    "unfunded",
    "invalid_bytes",
)
# Of the account's statements: by then a line that was booked has been read.
LINE_PERIODS_MAX = 3
QUERIES_EAGER = 12
QUERIES_PATIENCE = 11


# --- sending -------------------------------------------------------------------------------------


def post_sent(state: State, leg: Leg, now: int) -> list[Effect]:
    """Post the leg as in flight; one that cannot be sent any more fails instead."""
    scheme = state.settlement.schemes[leg.scheme]
    times = schedule.times(state, scheme, now)
    if times is None:
        return end(state, leg, "failed", "NO_CALENDAR", "no banking day is published for it", 0)
    short = _short(state, leg)
    if short > 0:
        return end(state, leg, "failed", "NO_FUNDS", f"{short} {leg.asset} short", 0)
    if leg.kind == "out" and not leg.source:
        beyond = draw_rest(state, leg)
        if beyond:
            return end(state, leg, "failed", "OVER_LIMIT", beyond, 0)
    leave(state, leg, now)
    effects = suspense.leave(state, leg, leg.amount, 0) if leg.source else []
    leg.file, leg.instructed_at = filing.next_file(state, scheme, leg.account, now)
    _set_times(leg, times)
    leg.instructed_for = leg.settles_at
    touch(state, leg)
    return effects


def leave(state: State, leg: Leg, now: int) -> None:
    """What it takes leaves the customer, and is under way."""
    hold(state, leg, -leg.held)
    book(state, "send", leg.payment_id, 0, _sent_lines(leg))
    leg.due += _signed(leg)
    moved = move(state, leg, "in_flight")
    assert moved, leg
    leg.sent_at = now


def _short(state: State, leg: Leg) -> int:
    """How much is wanting of what the leg pays out: of a customer's balance, or in suspense."""
    if leg.source:
        return 0 if suspense.is_there(state, leg) else leg.amount
    if leg.kind != "out":
        return 0
    return leg.amount - leg.held - ledger.available(state, leg.customer, leg.asset)


def draw_rest(state: State, leg: Leg) -> str:
    """What is not held was to be brought by earlier legs. If it must be drawn of what others may
    take back, that has to be within limits now; the limit that it is not, "" where all is well."""
    drawn = exposure.draws(state, [(leg, leg.amount - leg.held)])
    found = exposure.over(state, [], drawn)
    if found is None:
        exposure.take(state, drawn)
        return ""
    limit, headroom = found
    return f"{limit.limit}: at most {headroom} {limit.asset} would pass of what may be taken back"


def instruct(state: State, leg: Leg, now: int) -> list[Effect]:
    """Tell a bank or a custodian, and look again when its answer is due."""
    return [instruction(leg), _arm(state, leg, now)]


def _sent_lines(leg: Leg) -> tuple[tuple[str, int], ...]:
    """In flight: what is paid leaves the customer; what is pulled is the customer's, unsettled."""
    theirs = ledger.theirs(leg)
    if leg.kind in BRINGS:
        theirs = ledger.unsettled(leg.customer, leg.asset)
    return ((theirs, -_signed(leg)), (ledger.transit(leg), _signed(leg)))


def _signed(leg: Leg) -> int:
    """The leg's amount as a line on our nostro would show it."""
    return leg.amount if leg.kind in BRINGS else -leg.amount


def instruction(leg: Leg) -> SendPayment:
    """What the rail is told: the same for the same leg, however often."""
    return SendPayment(
        account=leg.account,
        scheme=leg.scheme,
        payment_id=leg.payment_id,
        kind=leg.kind,
        asset=leg.asset,
        amount=leg.amount,
        beneficiary=leg.beneficiary,
        beneficiary_name=leg.beneficiary_name,
        memo=leg.memo,
        sent_at=leg.instructed_at,
        settles_at=leg.instructed_for,
        file=leg.file,
    )


def query(leg: Leg) -> QueryPayment:
    return QueryPayment(
        account=leg.account,
        scheme=leg.scheme,
        payment_id=leg.payment_id,
        sent_at=leg.instructed_at,
    )


def _set_times(leg: Leg, times: schedule.Times) -> None:
    leg.settles_at, leg.due_at = times.settles_at, times.due_at
    leg.silent_until = times.silent_until


# --- what is told of it --------------------------------------------------------------------------


def on_reported(state: State, event: PaymentReported) -> list[Effect]:
    """A counterparty told a status."""
    leg = _leg(state, event.account, event.payment_id)
    if leg is None:
        count(state, f"payments_unknown/{event.account}")
        return []
    leg.heard_at = event.received_at
    close_item(state, leg.payment_id, "they have it after all", event.frame, "denied")
    told = deductions.compare_told(state, leg, event)
    if leg.status not in OVER:
        leg.code, leg.reason = event.code or leg.code, event.reason or leg.reason
    _name(state, leg, event.reference, event.batch)
    leg.reference = event.reference or leg.reference
    if state.settlement.strays:
        placed = _place_strays(state, leg)
        if placed or leg.returned:
            return told + placed
    return told + _on_status(state, leg, event)


def _on_status(state: State, leg: Leg, event: PaymentReported) -> list[Effect]:
    if _settles(state.settlement.schemes[leg.scheme], event):
        return settle(state, leg, event.frame, event.received_at)
    if event.status in DEFINITE:
        return _on_failed(state, leg, event)
    if leg.status not in MOVING:
        return []
    if leg.status == "unknown" and move(state, leg, "in_flight"):
        count(state, "unknown_answered")
    account = state.accounts[leg.account]
    if _is_silent(state, account, leg) and _was_asked(leg):
        return settle(state, leg, event.frame, event.received_at)
    effects = [_arm(state, leg, event.received_at)]
    if event.moved and not has(state, leg.payment_id, "third_party_failed"):
        close_item(state, leg.payment_id, "it is known what became of it", event.frame, "late")
        effects += open_item(
            state,
            "third_party_failed",
            leg.payment_id,
            leg.account,
            leg.asset,
            -leg.amount,
            event.frame,
        )
    return effects


def _settles(scheme: SchemePublished, event: PaymentReported) -> bool:
    """Whether the scheme's own rule calls this settled: by its words, where it lists some."""
    if scheme.settled_by != "message":
        return False
    if scheme.settled_codes and event.word:
        return event.word in scheme.settled_codes
    return event.status == "settled"


def _name(state: State, leg: Leg, reference: str, batch: str) -> None:
    """Remember what else it is called, or the batch it is in: a line may bear no more than that.

    A reference that two payments share names neither: it is their batch's.
    """
    if reference:
        name = f"{leg.account} {reference}"
        other = state.settlement.named.setdefault(name, leg.payment_id)
        if other != leg.payment_id:
            _put_into(state, name, other)
            _put_into(state, name, leg.payment_id)
        call(leg, name)
    if batch:
        name = f"{leg.account} {batch}"
        _put_into(state, name, leg.payment_id)
        call(leg, name)


def call(leg: Leg, name: str) -> None:
    """Remember at the leg itself what it is called: its names leave the state with it."""
    if name not in leg.called:
        leg.called.append(name)


def _put_into(state: State, name: str, payment_id: str) -> None:
    members = state.settlement.batches.setdefault(name, [])
    if payment_id not in members:
        members.append(payment_id)


def _on_failed(state: State, leg: Leg, event: PaymentReported) -> list[Effect]:
    """A definite no: what was taken is given back."""
    if leg.status not in MOVING:
        if leg.status == "settled":
            count(state, "failed_after_settled")
            text = f"{leg.payment_id} is settled by its rail's rule and was told as {event.status}"
            return [RaiseAlert(severity="critical", subject=leg.account, text=text)]
        return []
    return end(state, leg, "failed", event.code, event.reason, event.frame)


def end(
    state: State,
    leg: Leg,
    status: str,
    code: str,
    reason: str,
    frame: int,
) -> list[Effect]:
    """The leg is over without settlement: failed, or cancelled before it was sent."""
    sent = leg.status in MOVING
    moved = move(state, leg, "failed" if status == "failed" else "cancelled")
    if not moved:
        return []
    leg.code, leg.reason = code or leg.code, reason or leg.reason
    if frame:
        leg.evidence.append(frame)
    hold(state, leg, -leg.held)
    quotes.give_back(state, leg)
    exposure.give_back(state, leg)
    if sent:
        book(state, "fail", leg.payment_id, frame, _negated(_sent_lines(leg)))
        leg.due -= _signed(leg)
    expose(state, leg, -leg.exposed)
    why = " ".join(filter(None, [f"the payment {leg.status}:", leg.code, leg.reason]))
    close_item(state, leg.payment_id, why, frame, *OF_ITS_FAILURE)
    touch(state, leg)
    effects: list[Effect] = []
    if leg.source and sent:
        effects += suspense.come_back(state, leg, leg.amount, frame)
    elif leg.source:
        suspense.let_go(state, leg)
    if leg.outstanding:
        # The counterparty says that nothing moved, and booked a line for it before.
        effects += open_item(
            state,
            "after_the_end",
            leg.payment_id,
            leg.account,
            leg.asset,
            leg.outstanding,
            frame,
        )
    return effects


def _negated(lines: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    return tuple((name, -amount) for name, amount in lines)


def settle(state: State, leg: Leg, frame: int, at: int) -> list[Effect]:
    """The rail's own rule says: settled. It may be returnable for a while."""
    if leg.status == "settled":
        return []
    if leg.status == "returned" or not move(state, leg, "settled"):
        count(state, "settled_too_late")
        text = f"{leg.payment_id} was {leg.status} and is told as settled"
        return [RaiseAlert(severity="critical", subject=leg.account, text=text)]
    leg.settled_at = at
    state.settled.append(leg.payment_id)
    if frame:
        leg.evidence.append(frame)
    if leg.kind == "in":
        book(state, "settle", leg.payment_id, frame, brought_lines(leg))
    if leg.source:
        suspense.settled(state, leg, frame)
    close_item(state, leg.payment_id, "settled", frame, *OF_ITS_COURSE)
    scheme = state.settlement.schemes[leg.scheme]
    leg.revocable_until = schedule.revocable_until(state, scheme, leg.settles_at or at)
    touch(state, leg)
    if leg.revocable_until > at:
        memorise(state, leg, leg.amount, frame)
    else:
        leg.revocable_until = 0
    return await_line(state, leg)


def brought_lines(leg: Leg) -> tuple[tuple[str, int], ...]:
    """What was the customer's, unsettled, is the customer's."""
    theirs = ledger.customer(leg.customer, leg.asset)
    return ((ledger.unsettled(leg.customer, leg.asset), leg.amount), (theirs, -leg.amount))


def await_line(state: State, leg: Leg) -> list[Effect]:
    """What settled may still come back, and its line be missing: look when either is due."""
    account, scheme = state.accounts[leg.account], state.settlement.schemes[leg.scheme]
    if leg.outstanding:
        patience = LINE_PERIODS_MAX * account.statement_period_ns + scheme.settles_ns_max
        leg.line_due_at = max(state.now, leg.settles_at) + patience
    return _rearm(state, leg)


def _rearm(state: State, leg: Leg) -> list[Effect]:
    dues = [leg.line_due_at] if leg.outstanding and leg.line_due_at else []
    dues += [leg.revocable_until] if leg.contingent else []
    return [arm(state, f"leg/{leg.payment_id}", min(dues))] if dues else []


def on_irrevocable(state: State, leg: Leg) -> None:
    """The last span of return is over."""
    memorise(state, leg, -leg.contingent, 0)
    if leg.status == "returned":
        expose(state, leg, ledger.owed(leg) - leg.exposed)
    touch(state, leg)


# --- it comes back -------------------------------------------------------------------------------


def on_return_reported(state: State, account: Account, event: ReturnReported) -> list[Effect]:
    """A message of a return, before or after its line; one of a payment that is not known by these
    references waits until a status tells them."""
    key = return_key(event.return_id)
    content = f"{event.payment_id} {event.amount} {event.code}"
    known = account.seen.get(key)
    if known is not None:
        count(state, f"returns_{'echo' if known == content else 'conflict'}/{account.name}")
        return []
    account.seen[key] = content
    leg = find(state, account.name, (event.payment_id, *event.references))
    if leg is not None:
        return _return(state, leg, event)
    state.settlement.strays[f"{account.name} {event.return_id}"] = event
    return open_item(
        state, "unmatched_return", event.return_id, account.name, "", event.amount, event.frame
    )


def on_placed(state: State, leg: Leg, event: ReturnReported) -> list[Effect]:
    """People found which payment a return is about."""
    if event.dishonours:
        return _on_dishonour(state, leg, event.frame)
    whole = deductions.of_return(leg, event)
    leg.kept += event.fee
    when = min(event.occurred_at or event.received_at, event.received_at)
    return give_back(state, leg, whole, event.code, event.frame, when)


def _return(state: State, leg: Leg, event: ReturnReported) -> list[Effect]:
    if event.dishonours:
        return _on_dishonour(state, leg, event.frame)
    if leg.untold and leg.untold in (event.amount, deductions.of_untold(leg, event)):
        leg.untold = 0  # its line was told first
        leg.evidence.append(event.frame)
        deductions.stated_after_all(state, leg, event)
        touch(state, leg)
        return []
    if leg.untold and 0 < abs(leg.coming_back) == leg.untold - event.amount:
        return _was_a_part(state, leg, event.frame)
    whole = deductions.of_return(leg, event)
    leg.kept += event.fee
    # The rule counts when it was returned, and not when we heard of it.
    when = min(event.occurred_at or state.now, state.now)
    return give_back(state, leg, whole, event.code, event.frame, when)


def _was_a_part(state: State, leg: Leg, frame: int) -> list[Effect]:
    """A line alone was taken for a return of the whole, and lacked some: only that part came back,
    its message says."""
    was: LegStatus = "settled" if leg.settled_at else "in_flight"
    rest, leg.untold, leg.coming_back = abs(leg.coming_back), 0, 0
    _take_up_debt(state, leg, frame)
    leg.returned -= rest
    leg.evidence.append(frame)
    lines = _negated(_returned_lines(state, leg, was, rest))
    book(state, "return_undone", leg.payment_id, frame, lines)
    effects = suspense.leave(state, leg, rest, frame) if leg.source else []
    if was == "settled" and leg.revocable_until > state.now:
        memorise(state, leg, rest, frame)
    counts = leg.contingent + ledger.owed(leg)
    effects += expose_passively(state, leg, counts - leg.exposed)
    close_item(state, leg.payment_id, "no more was returned", frame, "short")
    touch(state, leg)
    return effects + await_line(state, leg)


def _place_strays(state: State, leg: Leg) -> list[Effect]:
    """Returns that came before anyone knew what they name: a status has told it now."""
    effects: list[Effect] = []
    strays = state.settlement.strays
    for key, stray in list(strays.items()):
        if stray.account == leg.account and find(state, leg.account, stray.references) is leg:
            del strays[key]
            why = "its payment is known now"
            close_item(state, stray.return_id, why, stray.frame, "unmatched_return")
            effects += _return(state, leg, stray)
    return effects


def give_back(state: State, leg: Leg, amount: int, code: str, frame: int, at: int) -> list[Effect]:
    """Book a return that was made at `at`: of what was paid, to the customer; of what was pulled,
    from the customer.

    Where a pulled amount is the customer's already, what is owed to us refers to the old payment,
    and counts against limits until it is paid; the rest of it stays contingent. More cannot come
    back than went, in one part or in several.
    """
    was: LegStatus = leg.status
    again = was == "returned" and leg.returned < leg.amount
    if not 0 < amount <= leg.amount - leg.returned or not (again or move(state, leg, "returned")):
        return open_item(
            state, "unmatched_return", leg.payment_id, leg.account, leg.asset, amount, frame
        )
    if again and leg.settled_at:
        was = "settled"
    effects: list[Effect] = []
    legal = schedule.may_return(state, state.settlement.schemes[leg.scheme], leg, code, at)
    if was == "settled" and not legal and not _is_asked_back(state, leg):
        effects += open_item(
            state, "illegal_return", leg.payment_id, leg.account, leg.asset, -amount, frame
        )
    leg.returned, leg.code, leg.returned_at = leg.returned + amount, code, state.now
    leg.evidence.append(frame)
    book(state, "return", leg.payment_id, frame, _returned_lines(state, leg, was, amount))
    leg.coming_back += amount if leg.kind == "out" else -amount
    effects += suspense.come_back(state, leg, amount, frame) if leg.source else []
    # What did not come back may do so yet, until its own span is over.
    rest = min(leg.contingent, leg.amount - leg.returned)
    memorise(state, leg, rest - leg.contingent, frame)
    expose(state, leg, rest + ledger.owed(leg) - leg.exposed)
    if leg.returned == leg.amount:
        exposure.give_back(state, leg)
    close_item(state, leg.payment_id, f"returned: {code}", frame, *OF_ITS_COURSE)
    touch(state, leg)
    return effects + await_line(state, leg)


def _returned_lines(state: State, leg: Leg, was: str, amount: int) -> tuple[tuple[str, int], ...]:
    transit = ledger.transit(leg)
    if leg.kind == "out":
        return ((transit, amount), (ledger.theirs(leg), -amount))
    if was != "settled":
        return ((transit, -amount), (ledger.unsettled(leg.customer, leg.asset), amount))
    return ((transit, -amount), (ledger.receivable(leg), amount))


def _on_dishonour(state: State, leg: Leg, frame: int) -> list[Effect]:
    """A message says that the return is undone; its line may have said so first."""
    if leg.stands_untold:
        leg.stands_untold = False
        leg.evidence.append(frame)
        return []
    return undo_return(state, leg, frame)


def undo_return(state: State, leg: Leg, frame: int) -> list[Effect]:
    """The return was not in order: the payment stands as it stood before."""
    was: LegStatus = "settled" if leg.settled_at else "in_flight"
    if not leg.returned or not move(state, leg, was):
        count(state, "dishonoured_nothing")
        return []
    _take_up_debt(state, leg, frame)
    lines = _negated(_returned_lines(state, leg, was, leg.returned))
    book(state, "return_undone", leg.payment_id, frame, lines)
    leg.coming_back -= leg.returned if leg.kind == "out" else -leg.returned
    effects = suspense.leave(state, leg, leg.returned, frame) if leg.source else []
    leg.returned = leg.untold = leg.kept = 0
    _place_excess(state, leg, frame)
    leg.evidence.append(frame)
    if leg.source and was == "settled":
        suspense.settled(state, leg, frame)
    close_item(state, leg.payment_id, "the return was dishonoured", frame, "illegal_return")
    touch(state, leg)
    if was == "in_flight" or leg.revocable_until > state.now:
        # It may come back once more, and nobody asked us: it counts, whatever the limits are.
        effects += expose_passively(state, leg, leg.amount - leg.exposed)
        memorise(state, leg, leg.amount - leg.contingent if was == "settled" else 0, frame)
    if was == "in_flight":
        return [*effects, _arm(state, leg, state.now)]
    return effects + await_line(state, leg)


def _take_up_debt(state: State, leg: Leg, frame: int) -> None:
    """What was set off for a return, or written off, was never owed: it is given back."""
    paid = leg.set_off, leg.written_off
    lines = (
        (ledger.receivable(leg), sum(paid)),
        (ledger.customer(leg.customer, leg.asset), -leg.set_off),
        (f"loss/{leg.asset}", -leg.written_off),
    )
    book(state, "return_undone", leg.payment_id, frame, lines)
    leg.set_off = leg.written_off = 0


def _place_excess(state: State, leg: Leg, frame: int) -> None:
    """The line of what is undone may have come before its message, and lies in suspense."""
    if not leg.excess or leg.excess != leg.coming_back:
        return
    there = (ledger.suspense(leg.account, leg.asset), leg.excess)
    book(state, "return_undone", leg.payment_id, frame, (there, (ledger.transit(leg), -leg.excess)))
    leg.excess = leg.coming_back = 0
    close_item(state, leg.payment_id, "it is known what its line was", frame, *suspense.EXCESSIVE)


def _is_asked_back(state: State, leg: Leg) -> bool:
    """Whether we asked for it and were not told no: then it may come back whenever it does."""
    recall = state.settlement.asked_back.get(leg.payment_id)
    return recall is not None and recall.answer in ("", "yes")


# --- chasing -------------------------------------------------------------------------------------


def on_alarm(state: State, payment_id: str, now: int) -> list[Effect]:
    """It is time to look at a payment again."""
    leg = state.settlement.legs[payment_id]
    if leg.status in ("settled", "returned"):
        return _after_settlement(state, leg, now)
    if leg.status not in MOVING:
        return []
    return [*_chase(state, leg, now), _arm(state, leg, now)]


def _after_settlement(state: State, leg: Leg, now: int) -> list[Effect]:
    effects: list[Effect] = []
    if leg.contingent and now >= leg.revocable_until:
        on_irrevocable(state, leg)
    if leg.outstanding and now >= leg.line_due_at:
        patience = LINE_PERIODS_MAX * state.accounts[leg.account].statement_period_ns
        leg.line_due_at = now + patience
        effects += open_item(
            state,
            "line_missing",
            leg.payment_id,
            leg.account,
            leg.asset,
            leg.outstanding,
            0,
        )
        if not state.accounts[leg.account].chain:
            effects.append(query(leg))  # it may be booked under a name that we were never told
    return effects + _rearm(state, leg)


def _chase(state: State, leg: Leg, now: int) -> list[Effect]:
    """Ask what became of it; say so when it is late."""
    scheme = state.settlement.schemes[leg.scheme]
    if scheme.settled_by == "silence" and leg.heard_at and now >= leg.silent_until:
        return request_backfill(state, state.accounts[leg.account], now)
    effects: list[Effect] = []
    if (
        not leg.heard_at
        and now >= leg.sent_at + scheme.answer_ns_max
        and move(state, leg, "unknown")
    ):
        count(state, f"unknown/{leg.scheme}")
    unbooked = bool(leg.due) if scheme.settled_by == "silence" else True
    late = scheme.settled_by != "finality" and now >= leg.due_at and unbooked
    if late or leg.status == "unknown":
        leg.queries += 1
        effects.append(query(leg))
    if late or leg.queries >= scheme.queries_max:
        effects += _late(state, leg)
    return effects


def _late(state: State, leg: Leg) -> list[Effect]:
    if has(state, leg.payment_id, "third_party_failed"):
        return []  # it is known why it is late, and each answer would only tell it again
    return open_item(
        state, "late", leg.payment_id, leg.account, leg.asset, leg.outstanding or _signed(leg), 0
    )


def on_missing(state: State, event: PaymentMissing) -> list[Effect]:
    """They say that they have no such payment: it goes again once that is believed."""
    leg = _leg(state, event.account, event.payment_id)
    if leg is None or leg.status not in MOVING:
        return []
    scheme = state.settlement.schemes[leg.scheme]
    follows = denials.after_no(scheme, leg, event)
    if follows == "again":
        return _send_again(state, leg, event.received_at)
    count(state, f"payments_missing/{leg.account}")
    effects = [_arm(state, leg, event.received_at)]
    if follows == "read":
        account = state.accounts[leg.account]
        return effects + request_backfill(state, account, event.received_at)
    return effects + (_ask_people(state, leg, event.frame) if follows == "ask_people" else [])


def _send_again(state: State, leg: Leg, now: int) -> list[Effect]:
    """The same, under its own id; what settles, and when, is counted from now on."""
    times = schedule.times(state, state.settlement.schemes[leg.scheme], now)
    if times is not None:
        _set_times(leg, times)
    leg.sent_at = now
    leg.denied_at = leg.denied_again_at = 0
    close_item(state, leg.payment_id, "it was not there, and was sent again", 0, "denied")
    count(state, f"payments_sent_again/{leg.account}")
    return [instruction(leg), _arm(state, leg, now)]


def _ask_people(state: State, leg: Leg, frame: int) -> list[Effect]:
    return open_item(state, "denied", leg.payment_id, leg.account, leg.asset, _signed(leg), frame)


def on_backfilled(state: State, account: Account) -> list[Effect]:
    """The account's record was read to its end: what silence settles, and is silent, is settled."""
    effects: list[Effect] = []
    settlement = state.settlement
    for payment_id in list(settlement.open_legs):
        leg = settlement.legs[payment_id]
        if leg.account != account.name or leg.status not in MOVING:
            continue
        effects += _after_reading(state, account, leg)
        if _is_silent(state, account, leg):
            asked = _was_asked(leg)
            effects += settle(state, leg, 0, state.now) if asked else _ask_after(state, leg)
    return effects


def _after_reading(state: State, account: Account, leg: Leg) -> list[Effect]:
    """What is denied, and is not in the record either, goes again."""
    match denials.after_reading(state, account, leg):
        case "again":
            return _send_again(state, leg, state.now)
        case "ask_people":
            return _ask_people(state, leg, 0)
        case _:
            return []


def _ask_after(state: State, leg: Leg) -> list[Effect]:
    """Ask whether anything speaks against it; who never says makes it late."""
    leg.queries += 1
    unsaid = leg.queries >= state.settlement.schemes[leg.scheme].queries_max
    return [query(leg), *(_late(state, leg) if unsaid else [])]


def _is_silent(state: State, account: Account, leg: Leg) -> bool:
    """Whether silence settles it, and nothing of it came back until the deadline.

    Only a record that was asked for after the deadline, and read to its end, can show that.
    """
    if leg.status not in MOVING or not leg.heard_at:
        return False
    silent = state.settlement.schemes[leg.scheme].settled_by == "silence"
    read = account.backfill
    if not silent or not read.finished_at >= read.started_at > leg.silent_until:
        return False
    return not documents.may_hide(state, account, leg.sent_at) and not _may_have_come_back(
        state, leg
    )


def _was_asked(leg: Leg) -> bool:
    """Whether it was booked, and its bank has told of it since silence could count.

    A bank may have refused it and told nobody, and have booked it all the same.
    """
    return not leg.due and leg.heard_at > leg.silent_until


def _may_have_come_back(state: State, leg: Leg) -> bool:
    """Whether a return of which nobody knows yet what came back may be this one's."""
    told = state.settlement.strays.values()
    return any(
        stray.account == leg.account
        and stray.amount <= leg.amount
        and not stray.dishonours
        and stray.received_at >= leg.sent_at
        for stray in told
    ) or any(
        line.kind == "return"
        and (line.account, line.asset) == (leg.account, leg.asset)
        and 0 < -line.amount * _signed(leg) <= leg.amount * leg.amount
        and line.at >= leg.sent_at
        for line in state.settlement.suspense.values()
    )


def on_booked(state: State, leg: Leg, at: int) -> None:
    """Their line says when it settled: the spans of its scheme run from there, if that is later."""
    scheme = state.settlement.schemes[leg.scheme]
    if leg.status not in MOVING or not scheme.windows or at <= leg.settles_at:
        return
    leg.settles_at = at
    leg.silent_until = max(leg.silent_until, schedule.silent_until(state, scheme, at))


def after_restart(state: State, leg: Leg) -> list[Effect]:
    """Whether an instruction left before the crash is unknown: it is asked for, never repeated."""
    if leg.heard_at:
        return []
    if move(state, leg, "unknown"):
        count(state, f"unknown/{leg.scheme}")
    return [query(leg)]


def _arm(state: State, leg: Leg, now: int) -> Effect:
    scheme = state.settlement.schemes[leg.scheme]
    return arm(state, f"leg/{leg.payment_id}", _next_look(leg, scheme, now))


def _next_look(leg: Leg, scheme: SchemePublished, now: int) -> int:
    # What does not answer for long is asked less and less often.
    every = scheme.query_every_ns * (1 + min(leg.queries // QUERIES_EAGER, QUERIES_PATIENCE))
    if leg.status == "unknown":
        return now + every
    if not leg.heard_at:
        return max(leg.sent_at + scheme.answer_ns_max, now + 1)
    due = leg.due_at
    if scheme.settled_by == "silence" and (not leg.due or now >= leg.due_at):
        due = leg.silent_until
    return due + 1 if due >= now else now + every


# --- finding -------------------------------------------------------------------------------------


def _leg(state: State, account: str, payment_id: str) -> Leg | None:
    leg = state.settlement.legs.get(payment_id)
    return leg if leg is not None and leg.account == account else None


def find(state: State, account: str, references: tuple[str, ...]) -> Leg | None:
    """The one payment that these references name; None where they name none, or several."""
    for reference in references:
        leg = _leg(state, account, reference)
        if leg is not None:
            return leg
    settlement = state.settlement
    for reference in references:
        key = f"{account} {reference}"
        if key in settlement.named and key not in settlement.batches:
            return settlement.legs[settlement.named[key]]
    return None


def touch(state: State, leg: Leg) -> None:
    """Something about the leg changed: its transfer is followed before the step ends."""
    state.settlement.open_legs.setdefault(leg.payment_id)
    state.settlement.touched.append(leg.transfer_id)
