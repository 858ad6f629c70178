"""What may be deducted on the way, by the direction in which value moves.

Rule 1. A deduction is a fee up to what the scheme allows in that direction, whoever states it and
however; above that the amount is simply another one, and a break of its whole difference.
Rule 2. Of what comes back only what was stated is a fee, by its message or by its line, whichever
is told first; else it is short, or too dear, until somebody says why.
Rule 3. What is kept of a customer's deposit beyond its bound is the customer's loss and nobody's
suspense: it stands as a break of its own until a line brings it.
"""

from core import ledger
from core.effects import Effect
from core.items import close_item, open_item
from core.ledger import book
from core.leg_moves import CARRIED_OUT, OVER
from core.rail_events import LineBooked, LinePart, PaymentReported, ReturnReported, SchemePublished
from core.settlement_state import Leg, Suspended
from core.state import Account, State


def allowed(scheme: SchemePublished, leg: Leg, amount: int) -> int:
    """How much of this may be a fee: of the payment, or, the other way round, of its return."""
    returning = amount > 0 if leg.kind == "out" else amount < 0
    return scheme.return_fee_max if returning else scheme.fee_max


def of_incoming(state: State, account: Account, asset: str) -> int:
    """How much may be kept of what others pay to the account: by any scheme that brings it."""
    schemes = state.settlement.schemes.values()
    own = [each for each in schemes if each.account == account.name and each.asset == asset]
    return max((each.incoming_fee_max for each in own), default=0)


def compare_told(state: State, leg: Leg, event: PaymentReported) -> list[Effect]:
    """What a status tells of the amount and of deductions, against ours and the scheme's bound.

    An amount may be told less the deduction that is told beside it. A figure that is told anew as
    it should be closes its break.
    """
    return [*_compare_amount(state, leg, event), *_compare_fee(state, leg, event)]


def _compare_amount(state: State, leg: Leg, event: PaymentReported) -> list[Effect]:
    if event.amount is None or leg.status in OVER:
        return []
    if event.amount in (leg.amount, leg.amount - event.fee):
        close_item(state, leg.payment_id, "told anew, as ours", event.frame, "amount_told")
        return []
    opened = open_item(
        state,
        "amount_told",
        leg.payment_id,
        leg.account,
        leg.asset,
        event.amount - leg.amount,
        event.frame,
        f"they tell {event.amount}, ours is {leg.amount}",
    )
    if leg.status in CARRIED_OUT and not leg.due:
        why = "their own record has shown our amount before"
        close_item(state, leg.payment_id, why, event.frame, "amount_told")
    return opened


def _compare_fee(state: State, leg: Leg, event: PaymentReported) -> list[Effect]:
    bound = state.settlement.schemes[leg.scheme].fee_max
    if event.fee > bound:
        return open_item(
            state,
            "overcharged",
            leg.payment_id,
            leg.account,
            leg.asset,
            -event.fee,
            event.frame,
            f"{event.fee} were deducted, at most {bound} are allowed",
        )
    if event.fee:
        leg.fee = event.fee
        why = "told anew, within what is allowed"
        close_item(state, leg.payment_id, why, event.frame, "overcharged")
    return []


def of_return(leg: Leg, event: ReturnReported) -> int:
    """How much of the payment comes back: what was kept of it, or added to a debit that is
    refunded, stands beside the amount, and the line will show it."""
    left = leg.amount - leg.returned
    if leg.kind == "out":
        return event.amount if event.amount > left else min(left, event.amount + event.fee)
    return event.amount if event.amount <= left else event.amount - event.fee


def of_untold(leg: Leg, event: ReturnReported) -> int:
    """What the message tells of a return whose line was told before: with what was kept of it."""
    return event.amount + (event.fee if leg.kind == "out" else -event.fee)


def stated_after_all(state: State, leg: Leg, event: ReturnReported) -> None:
    """The message of a return says what was kept of it; its line came before, and lacked that, or
    took it beside the return: the break is over."""
    leg.kept += event.fee
    missing = leg.coming_back if leg.kind == "out" else -leg.excess
    if not 0 < missing == event.fee <= state.settlement.schemes[leg.scheme].return_fee_max:
        return
    there = ledger.transit(leg)
    if leg.kind == "in":
        there, leg.excess = ledger.suspense(leg.account, leg.asset), 0
    else:
        leg.coming_back = 0
    leg.fee = max(leg.fee, missing)
    lines = ((there, -missing), (ledger.fees(leg), missing))
    book(state, "return_fee", leg.payment_id, event.frame, lines)
    why = f"{missing} were kept, as its message says"
    close_item(state, leg.payment_id, why, event.frame, "short", "amount")


def kept_of_deposit(state: State, account: Account, event: LineBooked) -> list[Effect]:
    """A line of somebody's says that part of it was kept: more than is allowed is claimed."""
    if event.fee <= of_incoming(state, account, event.asset):
        return []
    subject = f"{account.name} {event.line_id}"
    state.settlement.overcharged[subject] = Suspended(
        account=account.name,
        line_id=event.line_id,
        asset=event.asset,
        amount=event.fee,
        at=event.received_at,
        references=event.references,
        counterparty=event.counterparty,
        frame=event.frame,
    )
    return open_item(
        state, "overcharged", subject, account.name, event.asset, -event.fee, event.frame
    )


def brought_after_all(
    state: State, account: Account, event: LineBooked, part: LinePart, names: tuple[str, ...]
) -> None:
    """A line of exactly what was kept, under a name of the deposit: its break is over."""
    overcharged, addresses = state.settlement.overcharged, state.settlement.addresses
    # An address is where it went, not which one it was.
    own = [name for name in names if f"{account.name} {name}" not in addresses]
    for subject, kept in list(overcharged.items()):
        same = kept.account == account.name and kept.asset == event.asset
        if same and kept.amount == part.amount and any(name in kept.references for name in own):
            del overcharged[subject]
            close_item(state, subject, "what was kept came after all", event.frame, "overcharged")
            return
