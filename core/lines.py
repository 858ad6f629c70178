"""What counterparties booked on our accounts: each line once, each amount consumed once.

Rule 1. A line moves the nostro whatever it is; what it is *for* is found by the references that it
bears, and by nothing else: no amount is ever matched by guessing.
Rule 2. A part of a line is consumed by what its payment has outstanding. What is over, what comes
twice and what nobody asked for lies in suspense, under an open break.
Rule 3. Charges that have a line of their own, and deductions within what the scheme allows in that
direction (`core.deductions`), are explained, and no drift.
Rule 4. A line that the opening balance covers is known from then on, and moves nothing.
"""

from collections.abc import Iterable

from core import deductions, deposits, ledger, payments
from core.effects import Effect
from core.identity import line_key
from core.items import close_item, has, open_item
from core.ledger import book
from core.leg_moves import CARRIED_OUT, MOVING
from core.rail_events import LineBooked, LinePart, PaymentReported
from core.settlement_state import ItemCause, Leg, Suspended
from core.state import Account, State, count, note_move
from core.suspense import EXCESSIVE, UNEXPLAINED, cause_of

Contra = tuple[str, int]
# What the line of a payment puts right.
BY_A_LINE: tuple[ItemCause, ...] = ("short", "line_missing", "amount_told")
# And of one that is over, where nothing of it lies in suspense.
TAKEN_BACK: tuple[ItemCause, ...] = (*BY_A_LINE, "after_the_end")


def on_line(state: State, account: Account, event: LineBooked) -> list[Effect]:
    """Book a line once."""
    if event.pending:
        count(state, f"lines_announced/{account.name}")
        return []
    key, content = line_key(event.line_id), f"{event.asset} {event.amount}"
    known = account.seen.get(key)
    if known is not None:
        count(state, f"lines_{'echo' if known == content else 'conflict'}/{account.name}")
        return [] if known == content else _conflict(state, event)
    account.seen[key] = content
    if event.covered:
        count(state, f"lines_covered/{account.name}")
        return []
    count(state, f"lines_booked/{account.name}")
    if not (event.amount or event.parts or event.fee):
        return []  # banks tell of what costs nothing, too
    effects: list[Effect] = []
    contras: list[Contra] = []
    for part in _parts(state, account, event):
        contra, then = _explain(state, account, event, part)
        contras += contra
        effects += then
    lines = ((ledger.nostro(account.name, event.asset), event.amount), *contras)
    book(state, _purpose(event), event.line_id, event.frame, lines, event.booked_at)
    return effects


def _parts(state: State, account: Account, event: LineBooked) -> tuple[LinePart, ...]:
    """The line's payments, and what was taken out of it as one more; a line may be one payment.

    What was taken out of a payment that nobody of ours asked for has only made it smaller, and what
    is more than its scheme allows has only made it another amount.
    """
    if event.parts or not event.fee or event.kind == "fee":
        return event.parts or (LinePart(event.amount, ()),)
    leg = payments.find(state, account.name, event.references)
    if leg is None or event.fee > _allowed(state, leg, event.amount):
        return (LinePart(event.amount, ()),)
    return (LinePart(event.amount + event.fee, event.references), LinePart(-event.fee, ()))


def _allowed(state: State, leg: Leg, amount: int) -> int:
    return deductions.allowed(state.settlement.schemes[leg.scheme], leg, amount)


def _is_taken(state: State, account: Account, event: LineBooked, part: LinePart) -> bool:
    """Whether a part is what was taken out of the line's payments, and no more than they allow."""
    if not event.fee or part.references or part.amount != -event.fee:
        return False
    named = [each.references for each in event.parts if each.references] or [event.references]
    legs = [payments.find(state, account.name, references) for references in named]
    bounds = [_allowed(state, leg, event.amount) for leg in legs if leg is not None]
    return event.fee <= sum(bounds)


def _purpose(event: LineBooked) -> str:
    return event.kind if event.kind != "payment" else "line"


def _conflict(state: State, event: LineBooked) -> list[Effect]:
    return open_item(
        state,
        "conflict",
        f"{event.account} {event.line_id}",
        event.account,
        event.asset,
        event.amount,
        event.frame,
    )


# --- what a part of a line is for ----------------------------------------------------------------


def _explain(
    state: State, account: Account, event: LineBooked, part: LinePart
) -> tuple[list[Contra], list[Effect]]:
    """The other side of a part, and what follows from it."""
    # The line's own id is what its teller calls the booking, and may have told with a status.
    references = (*part.references, *event.references, event.line_id)
    leg = payments.find(state, account.name, references)
    if event.kind == "fee" or _is_taken(state, account, event, part):
        name = f"fees/{account.name}/{event.asset}"
        if leg is not None:
            name = f"fees/{leg.scheme}/{event.asset}"
            leg.fee += -part.amount if event.asset == leg.asset else 0
            if event.kind != "fee" and not _is_against(leg, event.amount):
                leg.deducted += -part.amount
        return [(name, -part.amount)], []
    if event.kind == "interest":
        return [(f"income/{account.name}/{event.asset}", -part.amount)], []
    members = _named(state, references, event, part)
    if members:
        return _of_batch(state, members, event)
    if leg is not None and leg.asset == event.asset and _is_sure(leg, references, part.amount):
        return _of_leg(state, leg, event, part)
    members = _batch(state, account, references, event, part)
    if members:
        return _of_batch(state, members, event)
    return _unexplained(state, account, event, part, references)


def _of_leg(
    state: State, leg: Leg, event: LineBooked, part: LinePart
) -> tuple[list[Contra], list[Effect]]:
    """What the payment has outstanding is consumed; what was booked of it may be taken back."""
    amount, effects = part.amount, list[Effect]()
    payments.touch(state, leg)
    undoes_excess = leg.excess and amount == -leg.excess and event.kind != "return"
    if undoes_excess and not _is_our_reversal(state, leg, amount):
        return _too_much(state, leg, event, amount, effects)
    if leg.deducted and event.kind == "reversal":
        undone = _deduction_undone(leg, amount)
        if undone:
            undone += _excess_was_it(state, leg, event)
            again = leg.due and leg.status not in MOVING
            return undone, effects + (payments.await_line(state, leg) if again else [])
    if _goes_again(leg, event, amount):
        if leg.status != "returned" or leg.coming_back:
            leg.gone_again = amount  # the line of its return is not known yet
            return _too_much(state, leg, event, amount, effects)
        effects += _undo_return(state, leg, event)
    # It is the whole that comes back, unless a message says otherwise: the line may be wrong yet.
    if _is_return(state, leg, event, amount) and not leg.returned:
        effects += payments.give_back(
            state, leg, leg.amount, event.code, event.frame, event.booked_at or event.received_at
        )
        leg.untold = leg.returned
    # While both are awaited, its own line is not that of the dishonour of its return.
    its_own = event.kind == "payment" and leg.due * amount > 0
    if leg.coming_back * amount > 0 and not its_own:
        contra, effects, leg.coming_back = _consume(
            state, leg, event, amount, leg.coming_back, effects
        )
        return contra, effects + _went_again(state, leg, event)
    if leg.due * amount > 0:
        payments.on_booked(state, leg, event.booked_at)
        contra, effects, leg.due = _consume(state, leg, event, amount, leg.due, effects)
        return contra, effects
    if _is_against(leg, amount) and not leg.returned:
        return _taken_back(state, leg, event, amount, effects)
    return _too_much(state, leg, event, amount, effects)


def _is_return(state: State, leg: Leg, event: LineBooked, amount: int) -> bool:
    """Whether the payment comes back, and not a wrong line of it is undone.

    What we asked back, or what a third party failed to credit, may come as any line. As a reversal
    it is what was paid, while a line that is undone was of another amount.
    """
    awaited = bool(leg.recalled) or has(state, leg.payment_id, "third_party_failed")
    awaited = awaited and (event.kind != "reversal" or abs(amount) == leg.amount)
    return _is_against(leg, amount) and (event.kind == "return" or awaited)


def _goes_again(leg: Leg, event: LineBooked, amount: int) -> bool:
    """Whether the bank takes back what it booked as the return of the payment, and all of it.

    The message of a dishonour may come later, or be lost: no status ever tells of it.
    """
    whole = leg.amount if leg.kind == "in" else -leg.amount
    return event.kind == "reversal" and amount == whole != leg.coming_back


def _undo_return(state: State, leg: Leg, event: LineBooked) -> list[Effect]:
    """A line alone shows it: what messages say of the return and of its end is told already."""
    untold = leg.untold
    effects = payments.undo_return(state, leg, event.frame)
    leg.untold, leg.stands_untold = untold, True
    return effects


def _went_again(state: State, leg: Leg, event: LineBooked) -> list[Effect]:
    """The line of a return is known; that of its dishonour may have come before, into suspense."""
    gone, leg.gone_again = leg.gone_again, leg.gone_again if leg.coming_back else 0
    ended = leg.status == "returned" and not leg.coming_back
    return _undo_return(state, leg, event) if ended and gone and gone == leg.excess else []


def _is_our_reversal(state: State, leg: Leg, amount: int) -> bool:
    """Whether it may be what we asked for, where a recall is a payment of ours the other way.

    What was booked twice and is taken back once looks the same: it came back as we asked, and what
    is over stays, under its break, until a second line takes it.
    """
    recall = state.settlement.asked_back.get(leg.payment_id)
    if recall is None or not recall.taken or recall.answer:
        return False
    silent = state.settlement.schemes[leg.scheme].settled_by == "silence"
    whole = abs(amount) == leg.amount and leg.status in CARRIED_OUT
    return silent and whole and _is_against(leg, amount)


def _is_sure(leg: Leg, references: tuple[str, ...], amount: int) -> bool:
    """Whether the line is this payment's, and not that of a batch of which only one is named yet.

    Our own id is sure; the counterparty's reference is where the amount is as well.
    """
    return (
        leg.payment_id in references
        or amount in (leg.due, leg.coming_back)
        or _is_against(leg, amount)
    )


def _is_against(leg: Leg, amount: int) -> bool:
    """Whether a line goes the other way than the payment did."""
    return amount > 0 if leg.kind == "out" else amount < 0


def _consume(
    state: State,
    leg: Leg,
    event: LineBooked,
    amount: int,
    wanted: int,
    effects: list[Effect],
) -> tuple[list[Contra], list[Effect], int]:
    """Take from what is wanted, and say what is left of it; name what is over or missing."""
    transit = ledger.transit(leg)
    short = wanted - amount  # of the line: positive where it brought less, or took more
    if 0 < short <= _explained(state, leg, amount):
        leg.fee = max(leg.fee, short)
        leg.deducted += short if not _is_against(leg, amount) else 0
        return [(transit, -wanted), (ledger.fees(leg), short)], effects, 0
    if abs(amount) < abs(wanted):
        effects += _item(state, "short", leg, event, -short)
        return [(transit, -amount)], effects, short
    if amount == wanted:
        causes = BY_A_LINE if leg.excess else TAKEN_BACK
        close_item(state, leg.payment_id, "a line brought it", event.frame, *causes)
        return [(transit, -amount)], effects, 0
    contra, effects = _too_much(state, leg, event, -short, effects, "amount")
    return [(transit, -wanted), *contra], effects, 0


def _explained(state: State, leg: Leg, amount: int) -> int:
    """How much a line may lack: of what comes back only what was stated, and is allowed."""
    allowed = _allowed(state, leg, amount)
    return min(allowed, leg.kept) if _is_against(leg, amount) else allowed


def _taken_back(
    state: State, leg: Leg, event: LineBooked, amount: int, effects: list[Effect]
) -> tuple[list[Contra], list[Effect]]:
    """The counterparty undoes a line of its own: first what was too much, then the payment's.

    What is undone of the payment is outstanding again: it will be booked anew, as it should be.
    """
    of_excess = _towards(-leg.excess, amount)
    leg.excess += of_excess
    contra = [(ledger.suspense(leg.account, leg.asset), -of_excess)]
    rest = amount - of_excess
    again = _towards(-_consumed(leg), rest)
    leg.due -= again
    contra.append((ledger.transit(leg), -again))
    rest -= again
    if leg.due and leg.status not in MOVING:
        # Settled, and given back to us: a break if it is not booked anew within the time of a line.
        effects += payments.await_line(state, leg)
    if rest:
        more, effects = _too_much(state, leg, event, rest, effects)
        contra += more
    elif not leg.excess:
        close_item(state, leg.payment_id, "taken back by a line", event.frame, *EXCESSIVE)
    return contra, effects


def _deduction_undone(leg: Leg, amount: int) -> list[Contra]:
    """What was deducted is given back: alone, or with the line that it was deducted from.

    That line was the payment less the deduction; the payment is outstanding again.
    """
    if amount == leg.deducted:
        back = 0
    elif amount == leg.deducted - _consumed(leg):
        back = _consumed(leg)
    else:
        return []
    of_fees, leg.deducted, leg.fee = leg.deducted, 0, 0
    leg.due += back
    return [(ledger.transit(leg), back), (ledger.fees(leg), -of_fees)]


def _excess_was_it(state: State, leg: Leg, event: LineBooked) -> list[Contra]:
    """What is outstanding again may have been booked as it should be before: as too much then."""
    taken = _towards(leg.due, leg.excess)
    if not taken:
        return []
    leg.excess -= taken
    leg.due -= taken
    if not leg.excess:
        why = "it is the payment's: the line before was taken back"
        close_item(state, leg.payment_id, why, event.frame, *EXCESSIVE)
    return [(ledger.suspense(leg.account, leg.asset), taken), (ledger.transit(leg), -taken)]


def _consumed(leg: Leg) -> int:
    """What lines have shown of the payment so far, signed as they were; its return is another."""
    expected = leg.amount if leg.kind == "in" else -leg.amount
    shown = leg.status in CARRIED_OUT or leg.status == "returned"
    return expected - leg.due if shown else 0


def _towards(room: int, amount: int) -> int:
    """As much of the amount as there is room for, on the same side of nothing."""
    if room * amount <= 0:
        return 0
    return amount if abs(amount) <= abs(room) else room


def _too_much(
    state: State,
    leg: Leg,
    event: LineBooked,
    extra: int,
    effects: list[Effect],
    cause: ItemCause = "duplicate",
) -> tuple[list[Contra], list[Effect]]:
    """More than the payment has outstanding: it waits in suspense for its reason."""
    if leg.status in ("failed", "cancelled"):
        cause = "after_the_end"
    leg.excess += extra
    if not leg.excess:
        close_item(state, leg.payment_id, "taken back by a line", event.frame, *EXCESSIVE)
        return [(ledger.suspense(leg.account, leg.asset), -extra)], effects
    effects += _item(state, cause, leg, event, leg.excess)
    return [(ledger.suspense(leg.account, leg.asset), -extra)], effects


def _item(state: State, cause: ItemCause, leg: Leg, event: LineBooked, size: int) -> list[Effect]:
    return open_item(state, cause, leg.payment_id, leg.account, leg.asset, size, event.frame)


# --- batches -------------------------------------------------------------------------------------


def _batch(
    state: State,
    account: Account,
    references: tuple[str, ...],
    event: LineBooked,
    part: LinePart,
) -> list[Leg]:
    """The payments of a batch that the line names, if what they have outstanding is its amount."""
    for reference in references:
        names = state.settlement.batches.get(f"{account.name} {reference}", ())
        members = _due(state, names)
        if members and sum(leg.due for leg in members) == part.amount:
            return members
    return []


def _named(
    state: State, references: tuple[str, ...], event: LineBooked, part: LinePart
) -> list[Leg]:
    """The payments that a line names by our own ids, several of them, if they are its amount."""
    of_line = event.account, event.asset
    legs = _due(state, dict.fromkeys(references))
    own = [leg for leg in legs if (leg.account, leg.asset) == of_line]
    return own if len(own) > 1 and sum(leg.due for leg in own) == part.amount else []


def _due(state: State, names: Iterable[str]) -> list[Leg]:
    """Of these payments those that have something due; what was put away has nothing."""
    legs = state.settlement.legs
    return [leg for name in names if (leg := legs.get(name)) is not None and leg.due]


def _of_batch(
    state: State, members: list[Leg], event: LineBooked
) -> tuple[list[Contra], list[Effect]]:
    contra = []
    for leg in members:
        payments.on_booked(state, leg, event.booked_at)
        contra.append((ledger.transit(leg), -leg.due))
        leg.due = 0
        close_item(state, leg.payment_id, "a line brought it", event.frame, *BY_A_LINE)
        payments.touch(state, leg)
    return contra, []


def on_named(state: State, event: PaymentReported) -> list[Effect]:
    """What a batch holds may be told after its line: the line leaves suspense for its payments."""
    settlement = state.settlement
    for name in filter(None, (event.reference, event.batch)):
        for subject, line in list(settlement.suspense.items()):
            mine = line.account == event.account and name in line.references
            if mine and not line.sent_back:
                _release(state, subject, line, name, event.frame)
    return []


def _release(state: State, subject: str, line: Suspended, name: str, frame: int) -> None:
    key = f"{line.account} {name}"
    alone = state.settlement.named.get(key)
    names = state.settlement.batches.get(key) or ([alone] if alone else [])
    members = _due(state, names)
    if sum(leg.due for leg in members) != line.amount:
        return
    contra = tuple((ledger.transit(leg), -leg.due) for leg in members)
    book(
        state,
        "resolution",
        subject,
        frame,
        ((ledger.suspense(line.account, line.asset), line.amount), *contra),
    )
    for leg in members:
        payments.on_booked(state, leg, line.at)
        leg.due = 0
        payments.touch(state, leg)
    del state.settlement.suspense[subject]
    close_item(state, subject, "its payments were named", frame, *UNEXPLAINED)


# --- value without an intent ---------------------------------------------------------------------


def _unexplained(
    state: State,
    account: Account,
    event: LineBooked,
    part: LinePart,
    references: tuple[str, ...],
) -> tuple[list[Contra], list[Effect]]:
    """A customer's, if it came to an address that is assigned, or a debit that takes such a credit
    back; else nobody's yet."""
    settlement = state.settlement
    if settlement.deposits.pop(f"{account.name} {event.line_id}", None) is not None:
        note_move(state, "deposit", "seen", "final")
    line = _suspended(account, event, part, references)
    owner = ""
    for reference in references:
        owner = owner or settlement.addresses.get(f"{account.name} {reference}", "")
    if part.amount > 0:
        deductions.brought_after_all(state, account, event, part, references)
    if owner and part.amount > 0 and event.kind == "payment":
        count(state, f"deposits/{account.name}")
        contra = [(ledger.customer(owner, event.asset), -part.amount)]
        kept = deductions.kept_of_deposit(state, account, event)
        return contra, kept + deposits.on_credited(state, line, owner)
    undone = _undone(state, account, event, part, references)
    if undone:
        del settlement.suspense[undone]
        close_item(state, undone, "one line takes the other back", event.frame, *UNEXPLAINED)
        return [(ledger.suspense(account.name, event.asset), -part.amount)], []
    taken = deposits.taken_back(state, line) if part.amount < 0 else None
    return taken or _suspend(state, line)


def _suspended(
    account: Account, event: LineBooked, part: LinePart, references: tuple[str, ...]
) -> Suspended:
    return Suspended(
        account=account.name,
        line_id=event.line_id,
        asset=event.asset,
        amount=part.amount,
        at=event.received_at,
        references=references,
        counterparty=event.counterparty,
        frame=event.frame,
        kind=event.kind,
        code=event.code,
        booked_at=event.booked_at,
    )


def _suspend(state: State, line: Suspended) -> tuple[list[Contra], list[Effect]]:
    """Nobody knows what it is: it waits under a break."""
    suspense = [(ledger.suspense(line.account, line.asset), -line.amount)]
    if line.amount > 0 and deposits.meets_its_debit(state, line):
        return suspense, []
    subject = f"{line.account} {line.line_id}"
    if subject in state.settlement.suspense:  # an earlier part of the same line
        subject = f"{subject}+{len(state.settlement.suspense)}"
    state.settlement.suspense[subject] = line
    cause = cause_of(line.amount, line.kind)
    effects = open_item(state, cause, subject, line.account, line.asset, line.amount, line.frame)
    return suspense, effects


def _undone(
    state: State,
    account: Account,
    event: LineBooked,
    part: LinePart,
    references: tuple[str, ...],
) -> str:
    """What in suspense this line takes back, or is taken back by, whichever was told first.

    One of the two is a reversal, they name the same thing, and nothing is left of them. What is on
    its way back already is not there to be taken.
    """
    for subject, line in state.settlement.suspense.items():
        of_one = (line.account, line.asset) == (account.name, event.asset) and not line.sent_back
        if not of_one or line.amount + part.amount or "reversal" not in (line.kind, event.kind):
            continue
        if any(reference in line.references for reference in references):
            return subject
    return ""


def attribute(state: State, leg: Leg, line: Suspended) -> tuple[tuple[Contra, ...], list[Effect]]:
    """What people found is this payment's line: what is on the other side of suspense, and then."""
    event = LineBooked(
        received_at=line.at,
        frame=line.frame,
        account=line.account,
        line_id=line.line_id,
        asset=line.asset,
        amount=line.amount,
        booked_at=line.booked_at or line.at,
        kind=line.kind,
        code=line.code,
    )
    contra, effects = _of_leg(state, leg, event, LinePart(line.amount, line.references))
    return tuple(contra), effects
