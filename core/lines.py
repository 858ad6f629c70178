"""What counterparties booked on our accounts: each line once, each amount consumed once.

Rule 1. A line moves the nostro whatever it is; what it is *for* is found by the references that it
bears, and by nothing else: no amount is ever matched by guessing.
Rule 2. A part of a line is consumed by what its payment has outstanding. What is over, what comes
twice and what nobody asked for lies in suspense, under an open break.
Rule 3. Fees that the line itself calls so, or deductions within what the scheme allows, are
explained, and no drift.
"""

from core import books, ledger, payments
from core.effects import Effect, RaiseAlert
from core.identity import line_key
from core.items import close_item, has, open_item
from core.ledger import book
from core.leg_moves import MOVING
from core.listening import request_backfill
from core.rail_events import (
    LineBooked,
    LinePart,
    NostroStated,
    PaymentReported,
    SuspenseResolved,
)
from core.settlement_state import ItemCause, Leg, StatementChain, Suspended
from core.state import Account, State, count, holding

Contra = tuple[str, int]


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
    count(state, f"lines_booked/{account.name}")
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

    What was taken out of a payment that nobody of ours asked for has only made it smaller.
    """
    if event.parts or not event.fee or event.kind == "fee":
        return event.parts or (LinePart(event.amount, ()),)
    if payments.find(state, account.name, event.references) is None:
        return (LinePart(event.amount, ()),)
    return (LinePart(event.amount + event.fee, event.references), LinePart(-event.fee, ()))


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
    references = (*part.references, *event.references)
    leg = payments.find(state, account.name, references)
    taken = event.fee and not part.references and part.amount == -event.fee
    if event.kind == "fee" or taken:
        name = f"fees/{account.name}/{event.asset}"
        if leg is not None:
            name = f"fees/{leg.scheme}/{event.asset}"
            leg.fee += -part.amount if event.asset == leg.asset else 0
        return [(name, -part.amount)], []
    if event.kind == "interest":
        return [(f"income/{account.name}/{event.asset}", -part.amount)], []
    if leg is not None and leg.asset == event.asset:
        return _of_leg(state, leg, event, part)
    members = _batch(state, account, references, event, part)
    if members:
        return _of_batch(state, members, event)
    return _unexplained(state, account, event, part, references)


def _of_leg(
    state: State, leg: Leg, event: LineBooked, part: LinePart
) -> tuple[list[Contra], list[Effect]]:
    amount = part.amount
    effects: list[Effect] = []
    item = state.settlement.items.get(leg.payment_id)
    if item is not None and item.cause in ("amount", "duplicate") and amount == -item.size:
        if not leg.outstanding:
            # The counterparty takes back what it booked too much.
            close_item(state, leg.payment_id, "corrected by a line", event.frame)
            return [(ledger.suspense(leg.account, leg.asset), -amount)], []
    returning = event.kind in ("return", "reversal") or leg.outstanding * amount < 0
    if not leg.outstanding and not leg.returned and _is_return(leg, event, amount):
        code = event.code
        effects += payments.give_back(state, leg, abs(amount), code, event.frame, event.received_at)
        returning = True
    if leg.outstanding * amount <= 0:
        return _too_much(state, leg, event, amount, 0, effects)
    contra = _consume(state, leg, event, amount, effects, returning)
    state.settlement.touched.append(leg.transfer_id)
    return contra, effects


def _is_return(leg: Leg, event: LineBooked, amount: int) -> bool:
    """Whether a line against the direction of a consumed payment is its return."""
    against = amount > 0 if leg.kind == "out" else amount < 0
    return against and (leg.status in (*MOVING, "settled"))


def _consume(
    state: State,
    leg: Leg,
    event: LineBooked,
    amount: int,
    effects: list[Effect],
    returning: bool,  # noqa: FBT001  # an observation
) -> list[Contra]:
    """Take from what is outstanding; name what is over or missing."""
    scheme = state.settlement.schemes[leg.scheme]
    wanted = leg.outstanding
    short = wanted - amount  # of the line: positive where it brought less, or took more
    transit = ledger.transit(leg)
    if not returning:
        payments.on_booked(state, leg, event.booked_at)
    if not short:
        leg.outstanding = 0
        if has(state, leg.payment_id, "amount", "after_the_end"):
            close_item(state, leg.payment_id, "a line brought the rest", event.frame)
        return [(transit, -amount)]
    if 0 < short <= scheme.fee_max or (0 < short <= leg.fee):
        leg.outstanding = 0
        leg.fee = max(leg.fee, short)
        return [(transit, -wanted), (ledger.fees(leg), short)]
    if abs(amount) < abs(wanted):
        leg.outstanding -= amount
        effects += _wrong_amount(state, leg, event, -leg.outstanding)
        return [(transit, -amount)]
    leg.outstanding = 0
    contra, then = _too_much(state, leg, event, amount - wanted, wanted, [])
    effects += then
    return contra


def _wrong_amount(state: State, leg: Leg, event: LineBooked, size: int) -> list[Effect]:
    return open_item(state, "amount", leg.payment_id, leg.account, leg.asset, size, event.frame)


def _too_much(
    state: State, leg: Leg, event: LineBooked, extra: int, consumed: int, effects: list[Effect]
) -> tuple[list[Contra], list[Effect]]:
    """More than the payment has outstanding: the rest waits in suspense for its reason."""
    cause: ItemCause = "amount"
    if not consumed:
        cause = "after_the_end" if leg.status in ("failed", "cancelled") else "duplicate"
    contra = [(ledger.suspense(leg.account, leg.asset), -extra)]
    if consumed:
        contra.append((ledger.transit(leg), -consumed))
    effects = effects + open_item(
        state, cause, leg.payment_id, leg.account, leg.asset, extra, event.frame
    )
    return contra, effects


# --- batches -------------------------------------------------------------------------------------


def _batch(
    state: State,
    account: Account,
    references: tuple[str, ...],
    event: LineBooked,
    part: LinePart,
) -> list[Leg]:
    """The payments of a batch that the line names, if what they have outstanding is its amount."""
    legs = state.settlement.legs
    for reference in references:
        names = state.settlement.batches.get(f"{account.name} {reference}", ())
        members = [legs[name] for name in names if legs[name].outstanding]
        if members and sum(leg.outstanding for leg in members) == part.amount:
            return members
    return []


def _of_batch(
    state: State, members: list[Leg], event: LineBooked
) -> tuple[list[Contra], list[Effect]]:
    contra = []
    for leg in members:
        contra.append((ledger.transit(leg), -leg.outstanding))
        leg.outstanding = 0
        state.settlement.touched.append(leg.transfer_id)
    return contra, []


def on_named(state: State, event: PaymentReported) -> list[Effect]:
    """What a batch holds may be told after its line: the line leaves suspense for its payments."""
    settlement = state.settlement
    for name in filter(None, (event.reference, event.batch)):
        for subject, line in list(settlement.suspense.items()):
            if line.account == event.account and name in line.references:
                _release(state, subject, line, name, event.frame)
    return []


def _release(state: State, subject: str, line: Suspended, name: str, frame: int) -> None:
    legs = state.settlement.legs
    names = state.settlement.batches.get(f"{line.account} {name}", ())
    members = [legs[one] for one in names if legs[one].outstanding]
    if sum(leg.outstanding for leg in members) != line.amount:
        return
    contra = tuple((ledger.transit(leg), -leg.outstanding) for leg in members)
    book(
        state,
        "resolution",
        subject,
        frame,
        ((ledger.suspense(line.account, line.asset), line.amount), *contra),
    )
    for leg in members:
        payments.on_booked(state, leg, line.at)
        leg.outstanding = 0
        state.settlement.touched.append(leg.transfer_id)
    del state.settlement.suspense[subject]
    close_item(state, subject, "its payments were named", frame)


# --- value without an intent ---------------------------------------------------------------------


def _unexplained(
    state: State,
    account: Account,
    event: LineBooked,
    part: LinePart,
    references: tuple[str, ...],
) -> tuple[list[Contra], list[Effect]]:
    """A customer's, if it came to an address that is assigned; else nobody's yet."""
    settlement = state.settlement
    settlement.deposits.pop(f"{account.name} {event.line_id}", None)
    owner = ""
    for reference in references:
        owner = owner or settlement.addresses.get(f"{account.name} {reference}", "")
    if owner and part.amount > 0 and event.kind == "payment":
        count(state, f"deposits/{account.name}")
        return [(ledger.customer(owner, event.asset), -part.amount)], []
    subject = f"{account.name} {event.line_id}"
    settlement.suspense[subject] = Suspended(
        account=account.name,
        line_id=event.line_id,
        asset=event.asset,
        amount=part.amount,
        at=event.received_at,
        references=references,
        counterparty=event.counterparty,
        frame=event.frame,
    )
    cause: ItemCause = "unattributed" if part.amount > 0 else "unknown_debit"
    if event.kind == "return":
        cause = "unmatched_return"
    effects = open_item(state, cause, subject, account.name, event.asset, part.amount, event.frame)
    return [(ledger.suspense(account.name, event.asset), -part.amount)], effects


def on_resolved(state: State, event: SuspenseResolved) -> list[Effect]:
    """Two people say whose a line in suspense is; "" writes it off, as a gain or a loss of ours."""
    settlement = state.settlement
    subject = f"{event.account} {event.line_id}"
    line = settlement.suspense.get(subject)
    fault = ""
    if not event.author or not event.approver or event.author == event.approver:
        fault = "it needs an author and another person's approval"
    elif line is None:
        fault = "no such line is in suspense"
    elif event.customer and event.customer not in settlement.customers:
        fault = f"no balances are kept for {event.customer!r}"
    elif event.resolution_id in settlement.resolutions:
        fault = "its id was used before"
    if fault or line is None:
        text = f"resolution {event.resolution_id} of {subject} refused: {fault}"
        return [RaiseAlert(severity="warning", subject=event.account, text=text)]
    settlement.resolutions[event.resolution_id] = subject
    del settlement.suspense[subject]
    theirs = f"loss/{line.asset}"
    if event.customer:
        theirs = ledger.customer(event.customer, line.asset)
    lines = ((ledger.suspense(line.account, line.asset), line.amount), (theirs, -line.amount))
    book(state, "resolution", subject, event.frame, lines)
    reason = f"{event.reason} ({event.author}, approved by {event.approver})"
    close_item(state, subject, reason, event.frame)
    return []


# --- statements ----------------------------------------------------------------------------------


def on_stated(state: State, account: Account, event: NostroStated) -> list[Effect]:
    """A closed statement: it must tie, follow on the last one, and agree with our nostro."""
    name = f"{account.name}/{event.asset}"
    if event.opening + event.entries_sum != event.closing:
        size = event.closing - event.opening - event.entries_sum
        subject = f"{account.name} {event.statement_id}"
        return open_item(
            state, "statement_untied", subject, account.name, event.asset, size, event.frame
        )
    last = state.settlement.statements.get(name)
    if last is not None and event.to_at <= last.to_at:
        count(state, f"statements_old/{account.name}")
        return []
    state.settlement.statements[name] = StatementChain(event.sequence, event.closing, event.to_at)
    count(state, f"statements_closed/{account.name}")
    effects: list[Effect] = []
    gap = last is not None and (
        last.closing != event.opening or (event.sequence and event.sequence != last.sequence + 1)
    )
    if gap:
        count(state, f"statement_gaps/{account.name}")
    figures = books.at(
        state, holding(account.name, event.asset, "cash"), event.to_at, event.to_at, 0
    )
    if gap or (figures and event.closing not in figures):
        # Lines that we do not have: the account's own record is read; what stays is a break.
        effects += request_backfill(state, account, event.received_at)
    return effects
