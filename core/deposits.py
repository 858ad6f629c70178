"""What others pushed to a customer of ours, and what becomes of it when the bank takes it back.

Rule 1. A credit is known by its line, and by every id told of it but the customer's own address. A
debit takes it back that the bank calls a return or a reversal and that names it, or that names its
very line; where a name means credits of several customers it means none, and stays a break.
Rule 2. What the customer had is owed to us: a receivable that refers to the credit and counts
against limits until it is paid. Until the scheme table says that nothing pushed there can be taken
back any more, the whole stands contingent. Nobody asked us for it: no limit is breached by it, but
what is drawn of it is let go by us, within limits (`core.exposure`).
Rule 3. Which of the two was told first changes nothing.
"""

from core import ledger, schedule
from core.effects import Effect
from core.exposure import expose, expose_passively
from core.items import close_item, open_item
from core.ledger import book, memorise, suspense
from core.listening import arm
from core.rail_effects import TellCustomer
from core.rail_events import LineKind, SchemePublished
from core.settlement_state import Credited, Suspended
from core.state import State, count
from core.suspense import UNEXPLAINED

TAKING_BACK: tuple[LineKind, ...] = ("return", "reversal")


# --- a customer gets a line ----------------------------------------------------------------------


def on_credited(state: State, line: Suspended, customer: str) -> list[Effect]:
    """A line became a customer's: by its address, or because people said so."""
    if state.accounts[line.account].chain:
        return []  # a line of a final block is there for ever
    settlement = state.settlement
    credit = Credited(
        subject=_free_subject(state, line),
        account=line.account,
        asset=line.asset,
        amount=line.amount,
        customer=customer,
        code="",
    )
    settlement.credits[credit.subject] = credit
    for name in names_of(state, line):
        settlement.credit_names.setdefault(f"{line.account} {name}", []).append(credit.subject)
    scheme = pushed(state, line.account, line.asset)
    effects: list[Effect] = []
    if scheme is not None:
        credit.scheme = scheme.scheme
        credit.revocable_until = schedule.revocable_until(state, scheme, line.booked_at)
        if credit.revocable_until > state.now:
            settlement.credits_open[credit.subject] = None
            effects += expose_passively(state, credit, credit.amount)
            memorise(state, credit, credit.amount, line.frame)
            effects.append(arm(state, f"credit/{credit.subject}", credit.revocable_until))
    return effects + _debit_that_waits(state, line, credit)


def _free_subject(state: State, line: Suspended) -> str:
    """The line's own name; a line with parts credits several."""
    subject = f"{line.account} {line.line_id}"
    return f"{subject}+{len(state.settlement.credits)}" if _known(state, subject) else subject


def _known(state: State, subject: str) -> bool:
    return subject in state.settlement.credits


def names_of(state: State, line: Suspended) -> list[str]:
    """Every id told of a line, but the addresses of customers: those name no line."""
    told = dict.fromkeys((line.line_id, *line.references))
    return [name for name in told if f"{line.account} {name}" not in state.settlement.addresses]


def pushed(state: State, account: str, asset: str) -> SchemePublished | None:
    """The terms of what others push to this account."""
    for scheme in state.settlement.schemes.values():
        if scheme.pushed and (scheme.account, scheme.asset) == (account, asset):
            return scheme
    return None


def on_alarm(state: State, subject: str) -> list[Effect]:
    """Nothing can take this credit back any more."""
    credit = state.settlement.credits[subject]
    amount = credit.contingent
    memorise(state, credit, -amount, 0)
    expose(state, credit, -amount)
    if not credit.exposed:
        credit.drawn = {}
    state.settlement.credits_open.pop(subject, None)
    return []


# --- the bank takes it back ----------------------------------------------------------------------


def taken_back(state: State, line: Suspended) -> tuple[list[tuple[str, int]], list[Effect]] | None:
    """The other side of a debit that takes a credit back; None if it takes back none we know."""
    credit = _named(state, line)
    if credit is not None:
        return [_owed(credit, -line.amount)], _take_back(state, credit, line)
    waiting = _credit_in_suspense(state, line)
    if waiting is None:
        return None
    _forget(state, waiting, "the bank took it back", line.frame)
    return [(suspense(line.account, line.asset), -line.amount)], []


def _named(state: State, line: Suspended) -> Credited | None:
    """The one credit that the debit names, and of which so much is left."""
    settlement, amount = state.settlement, -line.amount
    for reference in line.references:
        subjects = settlement.credit_names.get(f"{line.account} {reference}", ())
        if not _may_take(line, [name.partition(" ")[2] for name in subjects], reference):
            continue
        found = [settlement.credits[subject] for subject in subjects]
        left = [each for each in found if each.amount - each.returned >= amount]
        exact = [each for each in left if each.amount - each.returned == amount]
        whose = {each.customer: None for each in left}
        if len(whose) == 1:
            return (exact or left)[0]
        if found:
            return None
    return None


def _may_take(debit: Suspended, lines: list[str], reference: str) -> bool:
    """Rule 1: what the bank calls so, by any name; any other debit by the line's own name alone."""
    return bool(lines) and (debit.kind in TAKING_BACK or reference in lines)


def _owed(credit: Credited, amount: int) -> tuple[str, int]:
    return ledger.receivable(credit), amount


def _take_back(state: State, credit: Credited, line: Suspended) -> list[Effect]:
    """What is left of it stays contingent; what is owed for it counts until it is paid."""
    legal = not credit.scheme or line.booked_at <= credit.revocable_until
    credit.returned -= line.amount
    credit.code = line.code
    credit.returned_at = state.now
    rest = credit.amount - credit.returned if credit.contingent else 0
    memorise(state, credit, rest - credit.contingent, line.frame)
    effects = expose_passively(state, credit, rest + ledger.owed(credit) - credit.exposed)
    count(state, f"credits_taken_back/{credit.account}")
    if not legal:
        effects += open_item(
            state,
            "illegal_return",
            credit.subject,
            credit.account,
            credit.asset,
            line.amount,
            line.frame,
        )
    state.settlement.told_lately[credit.subject] = state.now
    return [*effects, news(credit)]


def news(credit: Credited) -> TellCustomer:
    """What the customer hears of it: the same, however often."""
    return TellCustomer(
        customer=credit.customer,
        transfer_id=credit.subject,
        status="returned",
        reason=f"{credit.code} the bank took the deposit back".strip(),
    )


# --- the other order -----------------------------------------------------------------------------


def _debit_that_waits(state: State, line: Suspended, credit: Credited) -> list[Effect]:
    """A debit in suspense that names the credit which has just come: it is explained now."""
    effects: list[Effect] = []
    for subject, debit in list(state.settlement.suspense.items()):
        if debit.account == line.account and debit.amount < 0 and _named(state, debit) is credit:
            effects += _take_back(state, credit, debit)
            lines = (
                (suspense(debit.account, debit.asset), debit.amount),
                _owed(credit, -debit.amount),
            )
            book(state, "resolution", subject, line.frame, lines)
            _forget(state, subject, "the credit that it takes back has come", line.frame)
    return effects


def _credit_in_suspense(state: State, debit: Suspended) -> str | None:
    """The line in suspense that a debit undoes to the unit: nobody had it yet."""
    for subject, line in state.settlement.suspense.items():
        if line.account == debit.account and line.amount == -debit.amount > 0:
            shared = [name for name in names_of(state, line) if name in debit.references]
            if any(_may_take(debit, [line.line_id], name) for name in shared):
                return subject
    return None


def meets_its_debit(state: State, line: Suspended) -> bool:
    """Whether a credit that nobody owns was taken back before it was told: both leave suspense."""
    for subject, debit in list(state.settlement.suspense.items()):
        if debit.account == line.account and debit.amount == -line.amount < 0:
            shared = [name for name in names_of(state, line) if name in debit.references]
            if any(_may_take(debit, [line.line_id], name) for name in shared):
                _forget(state, subject, "the credit that it takes back has come", line.frame)
                return True
    return False


def _forget(state: State, subject: str, why: str, frame: int) -> None:
    del state.settlement.suspense[subject]
    close_item(state, subject, why, frame, *UNEXPLAINED)
