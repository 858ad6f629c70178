"""Transfers: from a customer's request through its legs to what the customer is told.

    requested -> refused | held -> (released) -> leg after leg -> completed | failed | returned

Rule 1. One id, one body: told again it is an echo, told with another body, or by another customer,
it is an error that names what differs; nobody hears of a payment that is another's.
Rule 2. A request passes every check before anything is posted; all its legs count against limits
from then on. No later leg can fail for a limit, but one whose funds went elsewhere, and that would
have to draw what others may still take back.
Rule 3. A leg starts when the one before it has what it waits for. Once a leg was sent there is only
forward; before that, a failure cancels what is not sent and undoes what can be undone.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from core import (
    chain,
    corrections,
    deposits,
    exchanges,
    ids,
    ledger,
    payments,
    quotes,
    subscriptions,
)
from core.effects import Effect, RaiseAlert
from core.exposure import Draw, draws, expose, over, release_bound, take
from core.items import close_item, open_item
from core.ledger import book, hold
from core.ledger import suspense as suspense_account
from core.leg_moves import move
from core.people import is_one_of, person
from core.rail_effects import ScreenTransfer, TellCustomer
from core.rail_events import (
    BRINGS,
    OVER_A_RAIL,
    LegWanted,
    SuspenseResolved,
    TransferCancelled,
    TransferReleased,
    TransferRequested,
    TransferScreened,
)
from core.refusals import refusal, refusal_of
from core.settlement_memory import LATELY_NS, note_over
from core.settlement_state import Leg, Transfer
from core.state import State, count, note_move
from core.suspense import Lying, reserve

Told = tuple[str, int]
# What a customer may hear after what. A return that was not in order is undone: it stands again.
TOLD: dict[str, tuple[str, ...]] = {
    "nothing": ("refused", "pending", "completed", "failed"),
    "pending": ("completed", "completed_returnable", "returned", "failed", "cancelled"),
    "completed_returnable": ("completed_returnable", "completed", "returned"),
    "completed": ("returned",),
    "returned": ("pending", "completed", "completed_returnable", "failed", "cancelled"),
    # Of several legs one may have failed, or be cancelled, before the others end.
    "failed": ("returned",),
    "cancelled": ("failed", "returned"),
}
# What is kept of a leg as it was asked for.
ASKED_OF_A_LEG = tuple(name for name in LegWanted.__struct_fields__ if name != "expires_at")


# --- a request comes in --------------------------------------------------------------------------


def on_requested(state: State, event: TransferRequested) -> list[Effect]:
    """Check everything, then hold and begin; or refuse, with the reason."""
    settlement = state.settlement
    content = _content(event)
    known = settlement.transfers.get(event.transfer_id)
    if known is not None:
        return _again(state, known, event, content)
    transfer = Transfer(
        transfer_id=event.transfer_id,
        customer=event.customer,
        content=content,
        requested_at=event.received_at,
        requested_by=event.requested_by,
    )
    settlement.transfers[event.transfer_id] = transfer
    found = refusal(state, event)
    legs = [] if found else [_leg(state, event, n, each) for n, each in enumerate(event.legs)]
    drawn: list[Draw] = []
    if not found:
        drawn = draws(state, _needs(legs))
        found = _unfunded(state, event) or _over_limit(state, legs, drawn)
    if found:
        state.settlement.payments_made -= len(legs)
        return _refuse(state, transfer, *found)
    for leg in legs:
        settlement.legs[leg.payment_id] = leg
        settlement.open_legs[leg.payment_id] = None
        transfer.legs.append(leg.payment_id)
        move(state, leg, "validated")
        if leg.kind in OVER_A_RAIL:
            expose(state, leg, leg.amount)
        quotes.take(state, leg)
    take(state, drawn)
    for leg, amount in _needs(legs):
        hold(state, leg, amount)
    count(state, "transfers_validated")
    settlement.touched.append(transfer.transfer_id)
    return _ask_release(state, transfer, legs)


def _content(event: TransferRequested) -> str:
    body = msgspec.json.encode((event.customer, event.legs))
    return sha256(body).hexdigest()[:32]


def _again(state: State, known: Transfer, event: TransferRequested, content: str) -> list[Effect]:
    if known.content == content:
        count(state, "transfers_echo")
        return [] if not known.refusal else [_refused(known)]
    count(state, "refused/ID_REUSED")
    other = _differs(state, known, event)
    text = f"transfer {known.transfer_id} was asked for before with another {other}: not taken"
    told = TellCustomer(
        customer=event.customer,
        transfer_id=event.transfer_id,
        status="refused",
        reason="ID_REUSED: this id was used before, by another; a new id would do",
    )
    alert = RaiseAlert(severity="warning", subject=known.customer, text=text)
    return [alert, told] if event.customer != known.customer else [alert]


def _differs(state: State, known: Transfer, event: TransferRequested) -> str:
    """What of a request is not as it was under its id."""
    legs = [leg for leg in _legs(state, known) if not leg.undo_of]
    found = [] if known.customer == event.customer else ["customer"]
    if legs and len(legs) != len(event.legs):
        found.append("number of legs")
    for number, (leg, wanted) in enumerate(zip(legs, event.legs, strict=False)):
        names = [name for name in ASKED_OF_A_LEG if getattr(leg, name) != getattr(wanted, name)]
        found += [f"{name} of leg {number}" for name in names]
    # Of what was refused no leg is kept, and of an expiry only the earlier one.
    return ", ".join(found) or "body"


def _refuse(state: State, transfer: Transfer, code: str, reason: str) -> list[Effect]:
    transfer.refusal, transfer.reason = code, reason
    transfer.told = "refused"
    note_move(state, "told", "nothing", "refused")
    _note_told(state, transfer)
    note_over(state, transfer)
    count(state, f"refused/{code}")
    return [_refused(transfer)]


def _refused(transfer: Transfer) -> TellCustomer:
    return TellCustomer(
        customer=transfer.customer,
        transfer_id=transfer.transfer_id,
        status="refused",
        reason=f"{transfer.refusal}: {transfer.reason}",
    )


def _leg(state: State, event: TransferRequested, number: int, wanted: LegWanted) -> Leg:
    settlement = state.settlement
    settlement.payments_made += 1
    scheme = settlement.schemes.get(wanted.scheme)
    return Leg(
        payment_id=ids.payment_id(state.node, state.epoch, settlement.payments_made),
        transfer_id=event.transfer_id,
        number=number,
        customer=event.customer,
        kind=wanted.kind,
        scheme=wanted.scheme,
        account=scheme.account if scheme is not None else "",
        asset=wanted.asset,
        amount=wanted.amount,
        beneficiary=wanted.beneficiary,
        beneficiary_name=wanted.beneficiary_name,
        memo=wanted.memo,
        waits_for=wanted.waits_for,
        buys=wanted.buys,
        buys_amount=wanted.buys_amount,
        expires_at=quotes.expires_at(state, wanted),
        undo_scheme=wanted.undo_scheme,
        quote=wanted.quote,
    )


def _unfunded(state: State, event: TransferRequested) -> tuple[str, str] | None:
    """Each asset must suffice at each leg, counting what earlier legs bring."""
    have: dict[str, int] = {}
    for leg in event.legs:
        there = have.setdefault(leg.asset, ledger.available(state, event.customer, leg.asset))
        if leg.kind in BRINGS:
            have[leg.asset] = there + leg.amount
            continue
        if leg.amount > there:
            return "NO_FUNDS", f"{there} {leg.asset} available, {leg.amount} wanted"
        have[leg.asset] = there - leg.amount
        if leg.kind == "exchange":
            bought = have.setdefault(leg.buys, ledger.available(state, event.customer, leg.buys))
            have[leg.buys] = bought + leg.buys_amount
    return None


def _over_limit(
    state: State, legs: list[Leg], drawn: Sequence[Draw] = ()
) -> tuple[str, str] | None:
    for code, found in (
        ("OVER_LIMIT", over(state, legs, drawn)),
        ("OVER_POSITION", exchanges.over(state, legs)),
    ):
        if found is not None:
            limit, headroom = found
            return code, f"{limit.limit}: at most {headroom} {limit.asset} would pass"
    return None


def _needs(legs: list[Leg]) -> list[tuple[Leg, int]]:
    """What each leg takes of what is there, and is held at once; the rest earlier legs bring."""
    brought: dict[str, int] = {}
    needs = []
    for leg in legs:
        if leg.kind in BRINGS:
            brought[leg.asset] = brought.get(leg.asset, 0) + leg.amount
            continue
        used = min(leg.amount, brought.get(leg.asset, 0))
        brought[leg.asset] = brought.get(leg.asset, 0) - used
        needs.append((leg, leg.amount - used))
        if leg.kind == "exchange":
            brought[leg.buys] = brought.get(leg.buys, 0) + leg.buys_amount
    return needs


# --- a second person, screening, a change of mind ------------------------------------------------


def _ask_release(state: State, transfer: Transfer, legs: list[Leg]) -> list[Effect]:
    sums: dict[str, int] = {}
    for leg in legs:
        sums[leg.asset] = sums.get(leg.asset, 0) + leg.amount
    for asset, amount in sums.items():
        bound = release_bound(state, asset)
        if bound is not None and amount > bound:
            transfer.needs_release = True
    if not transfer.needs_release:
        return []
    count(state, "releases_wanted")
    return [_screen(transfer, legs)]


def _screen(transfer: Transfer, legs: list[Leg]) -> ScreenTransfer:
    return ScreenTransfer(
        transfer_id=transfer.transfer_id,
        customer=transfer.customer,
        beneficiaries=tuple(leg.beneficiary for leg in legs if leg.beneficiary),
    )


def after_restart(state: State) -> list[Effect]:
    """What was said while nobody listened is asked for again, or it would wait for ever."""
    settlement = state.settlement
    waiting = dict.fromkeys(settlement.legs[name].transfer_id for name in settlement.open_legs)
    transfers = [settlement.transfers[name] for name in waiting]
    effects: list[Effect] = [
        _screen(transfer, _legs(state, transfer))
        for transfer in transfers
        if transfer.needs_release and not _may_go(transfer) and not _begun(state, transfer)
    ]
    # What was decided right before the end may never have left: it is told again.
    told = settlement.told_lately
    names = _lately(told, max(told.values(), default=0))
    return effects + [_news_of(state, name) for name in names]


def _news_of(state: State, name: str) -> TellCustomer:
    """Of a transfer, or of a deposit that was taken back."""
    credit = state.settlement.credits.get(name)
    if credit is not None:
        return deposits.news(credit)
    return _news(state, state.settlement.transfers[name])


def on_released(state: State, event: TransferReleased) -> list[Effect]:
    """Two people: who requested a transfer does not release it."""
    transfer = state.settlement.transfers.get(event.transfer_id)
    if transfer is None or not transfer.needs_release or transfer.approver:
        return []
    asked = transfer.requested_by, transfer.customer
    if not person(event.approver) or is_one_of(event.approver, *asked):
        count(state, "refused/SELF_APPROVED")
        text = f"{transfer.transfer_id}: {event.approver or 'nobody'} may not release it"
        return [RaiseAlert(severity="warning", subject=transfer.customer, text=text)]
    transfer.approver = event.approver
    state.settlement.touched.append(transfer.transfer_id)
    return []


def on_screened(state: State, event: TransferScreened) -> list[Effect]:
    """A hit ends what has not begun, and holds the rest where it is until it is cleared."""
    transfer = state.settlement.transfers.get(event.transfer_id)
    if transfer is None or (transfer.screened == "hit" and not _is_held(state, transfer)):
        return []
    transfer.screened = "clear" if event.clear else "hit"
    state.settlement.touched.append(transfer.transfer_id)
    if event.clear:
        close_item(state, transfer.transfer_id, "it was cleared", event.frame, "screening_hit")
        return []
    if _is_held(state, transfer):
        return _hold(state, transfer, event)
    count(state, "refused/SCREENING_HIT")
    return _cancel_rest(state, transfer, "SCREENING_HIT", event.reference)


def _is_held(state: State, transfer: Transfer) -> bool:
    """Whether a hit stops it on its way: nothing of it goes on, and nothing goes back."""
    sent = any(leg.status not in ("validated", "cancelled") for leg in _legs(state, transfer))
    return transfer.screened == "hit" and sent


def _hold(state: State, transfer: Transfer, event: TransferScreened) -> list[Effect]:
    leg = next(leg for leg in _legs(state, transfer) if leg.status != "cancelled")
    name, frame, why = transfer.transfer_id, event.frame, event.reference
    return open_item(state, "screening_hit", name, leg.account, leg.asset, leg.amount, frame, why)


def on_cancelled(state: State, event: TransferCancelled) -> list[Effect]:
    """Possible until the first leg is sent; of what a hit holds, the rest may be cancelled."""
    transfer = state.settlement.transfers.get(event.transfer_id)
    if transfer is None or transfer.refusal:
        return []
    if _is_held(state, transfer) and event.by != transfer.customer:
        why = f"what was not sent is cancelled by {event.by}"
        close_item(state, transfer.transfer_id, why, event.frame, "screening_hit")
    elif _begun(state, transfer):
        count(state, "refused/CANCEL_TOO_LATE")
        text = f"{transfer.transfer_id} is on its way: it cannot be cancelled any more"
        return [RaiseAlert(severity="notice", subject=transfer.customer, text=text)]
    transfer.cancelled_by = event.by
    return _cancel_rest(state, transfer, "CANCELLED", f"by {event.by}")


def _begun(state: State, transfer: Transfer) -> bool:
    return any(leg.status != "validated" for leg in _legs(state, transfer))


def _cancel_rest(state: State, transfer: Transfer, code: str, reason: str) -> list[Effect]:
    effects: list[Effect] = []
    for leg in _legs(state, transfer):
        if leg.status == "validated":
            effects += payments.end(state, leg, "cancelled", code, reason, 0)
    return effects


# --- leg after leg -------------------------------------------------------------------------------


def follow(state: State) -> list[Effect]:
    """Go on with every transfer that a leg of which changed in this step."""
    effects: list[Effect] = []
    settlement = state.settlement
    while settlement.touched:
        transfer = settlement.transfers[settlement.touched.pop(0)]
        effects += _go_on(state, transfer)
        effects += _tell(state, transfer)
        for payment_id in transfer.legs:
            _release_exposure(state, settlement.legs[payment_id])
            if _is_closed(settlement.legs[payment_id]):
                settlement.open_legs.pop(payment_id, None)
        note_over(state, transfer)
    return effects


def _release_exposure(state: State, leg: Leg) -> None:
    """Value that is settled, cannot be returned and has its line is at risk no more."""
    if leg.status == "settled" and not (leg.contingent or leg.due):
        expose(state, leg, -leg.exposed)


def _is_closed(leg: Leg) -> bool:
    """Nothing can be expected of it any more in the ordinary course of its rail."""
    over_ = leg.status in ("failed", "cancelled", "returned", "settled", "refused")
    return over_ and not (leg.outstanding or leg.held or leg.contingent or leg.exposed)


def _go_on(state: State, transfer: Transfer) -> list[Effect]:
    """Start the next leg if it is its turn; undo, if one before it failed."""
    legs = _legs(state, transfer)
    if _is_held(state, transfer):
        return []
    for number, leg in enumerate(legs):
        if leg.status in ("failed", "returned", "cancelled"):
            return _give_up(state, transfer, number)
        if leg.status == "validated":
            if not _may_go(transfer):
                return []
            return _start(state, leg)
        if leg.status != "settled" or (leg.waits_for == "irrevocable" and leg.contingent):
            return []
    return []


def _may_go(transfer: Transfer) -> bool:
    cleared = bool(transfer.approver) and transfer.screened == "clear"
    return not transfer.needs_release or cleared


def _start(state: State, leg: Leg) -> list[Effect]:
    if leg.kind == "exchange":
        return _exchange(state, leg)
    if leg.kind not in OVER_A_RAIL:
        return subscriptions.start(state, leg)
    wrong = "" if leg.undo_of or leg.source else corrections.outdated(state, leg)
    if wrong:
        return payments.end(state, leg, "failed", "DETAILS_CORRECTED", wrong, 0)
    failed = payments.post_sent(state, leg, state.now)
    if leg.status != "in_flight":
        return failed
    if state.accounts[leg.account].chain:
        return chain.send(state, leg, state.now)
    return payments.instruct(state, leg, state.now)


def _exchange(state: State, leg: Leg) -> list[Effect]:
    """Two assets change hands at the rate of the quote, through our exchange position."""
    if state.now > leg.expires_at:
        why = f"{leg.quote} had expired"
        return payments.end(state, leg, "failed", "QUOTE_EXPIRED", why, 0)
    short = leg.amount - leg.held - ledger.available(state, leg.customer, leg.asset)
    if short > 0:
        return payments.end(state, leg, "failed", "NO_FUNDS", f"{short} {leg.asset} short", 0)
    beyond = payments.draw_rest(state, leg)
    if beyond:
        return payments.end(state, leg, "failed", "OVER_LIMIT", beyond, 0)
    hold(state, leg, -leg.held)
    book(state, "exchange", leg.payment_id, 0, _exchange_lines(leg))
    got, gave = (leg.asset, leg.amount), (leg.buys, leg.buys_amount)
    exchanges.deal(state, leg.payment_id, 0, got, gave)
    move(state, leg, "settled")
    leg.sent_at = leg.settled_at = state.now
    state.settlement.touched.append(leg.transfer_id)
    return []


def _exchange_lines(leg: Leg) -> tuple[tuple[str, int], ...]:
    return (
        (ledger.customer(leg.customer, leg.asset), leg.amount),
        (exchanges.account(leg.asset, leg.buys, leg.asset), -leg.amount),
        (exchanges.account(leg.asset, leg.buys, leg.buys), leg.buys_amount),
        (ledger.customer(leg.customer, leg.buys), -leg.buys_amount),
    )


def _give_up(state: State, transfer: Transfer, number: int) -> list[Effect]:
    """Leg `number` failed or came back: cancel what is not sent, undo what can be undone."""
    legs = _legs(state, transfer)
    rest = [leg for leg in legs[number + 1 :] if leg.status == "validated" and not leg.undo_of]
    effects = []
    for leg in rest:
        effects += payments.end(state, leg, "cancelled", "EARLIER_LEG", legs[number].code, 0)
    if legs[number].status == "failed":
        for leg in legs[:number]:
            effects += _undo(state, transfer, leg)
    return effects


def _undo(state: State, transfer: Transfer, leg: Leg) -> list[Effect]:
    """Send back what a leg brought, where its request says how; else it stays with the customer."""
    settlement = state.settlement
    scheme = settlement.schemes.get(leg.undo_scheme)
    if leg.kind != "in" or leg.status != "settled" or leg.undone or scheme is None:
        return []
    leg.undone = True
    wanted = LegWanted(
        kind="out",
        asset=leg.asset,
        amount=leg.amount,
        scheme=leg.undo_scheme,
        beneficiary=leg.beneficiary,
        beneficiary_name=leg.beneficiary_name,
        memo=leg.memo,
    )
    event = TransferRequested(
        received_at=state.now,
        transfer_id=transfer.transfer_id,
        customer=transfer.customer,
        legs=(wanted,),
    )
    back = _leg(state, event, len(transfer.legs), wanted)
    back.undo_of = leg.payment_id
    if over(state, [back], draws(state, [(back, back.amount)])) is not None:
        count(state, "undo_over_limit")
        text = f"{transfer.transfer_id}: sending back {leg.payment_id} would exceed a limit"
        return [RaiseAlert(severity="warning", subject=transfer.customer, text=text)]
    settlement.legs[back.payment_id] = back
    settlement.open_legs[back.payment_id] = None
    transfer.legs.append(back.payment_id)
    move(state, back, "validated")
    expose(state, back, back.amount)
    return _start(state, back)


# --- what lies in suspense goes back -------------------------------------------------------------


def send_back(state: State, event: SuspenseResolved, found: Lying) -> tuple[str, list[Effect]]:
    """Send it back as a payment of its own; or say what is in the way, and do nothing.

    Those who decided it are the two people whom a release wants; it is screened as any other.
    """
    wanted = LegWanted(
        kind="out",
        asset=found.asset,
        amount=found.amount,
        scheme=event.scheme,
        beneficiary=event.beneficiary,
        beneficiary_name=event.beneficiary_name,
    )
    name = f"back/{event.resolution_id}"
    request = TransferRequested(
        received_at=event.received_at, transfer_id=name, customer="", legs=(wanted,)
    )
    refused = refusal_of(state, wanted) or _elsewhere(state, wanted, found)
    back = _leg(state, request, 0, wanted)
    back.source = suspense_account(found.account, found.asset)
    back.disposes = found.subject
    refused = refused or _over_limit(state, [back])
    if refused:
        state.settlement.payments_made -= 1
        count(state, f"send_back_refused/{refused[0]}")
        return f"{refused[0]}: {refused[1]}", []
    return "", _begin_back(state, event, request, back, found)


def _elsewhere(state: State, wanted: LegWanted, found: Lying) -> tuple[str, str] | None:
    at = state.settlement.schemes[wanted.scheme].account
    if at == found.account:
        return None
    return "WRONG_SCHEME", f"{wanted.scheme} pays from {at}, and it lies at {found.account}"


def _begin_back(
    state: State, event: SuspenseResolved, request: TransferRequested, back: Leg, found: Lying
) -> list[Effect]:
    settlement = state.settlement
    transfer = Transfer(
        transfer_id=request.transfer_id,
        customer="",
        content=_content(request),
        requested_at=event.received_at,
        requested_by=event.author,
        legs=[back.payment_id],
        reason=f"{event.reason} ({event.author}, approved by {event.approver})",
        approver=event.approver,
    )
    settlement.transfers[transfer.transfer_id] = transfer
    settlement.legs[back.payment_id] = back
    settlement.open_legs[back.payment_id] = None
    move(state, back, "validated")
    expose(state, back, back.amount)
    reserve(state, found, back.payment_id)
    count(state, f"sent_back/{found.account}")
    settlement.touched.append(transfer.transfer_id)
    return _ask_release(state, transfer, [back])


# --- what the customer sees ----------------------------------------------------------------------


def _tell(state: State, transfer: Transfer) -> list[Effect]:
    """Tell the customer, if it is news; what we send back ourselves is nobody's to hear of."""
    if not transfer.customer:
        return []
    status, until = view(state, transfer)
    told = f"{status} {until}"
    if told == transfer.told:
        return []
    note_move(state, "told", transfer.told.partition(" ")[0] or "nothing", status)
    transfer.told = told
    _note_told(state, transfer)
    count(state, f"told/{status}")
    return [_news(state, transfer)]


def _news(state: State, transfer: Transfer) -> TellCustomer:
    """What there is to tell of a transfer: the same, however often."""
    if transfer.refusal:
        return _refused(transfer)
    status, until = view(state, transfer)
    return TellCustomer(
        customer=transfer.customer,
        transfer_id=transfer.transfer_id,
        status=status,  # type: ignore[arg-type]  # of the words that `view` returns
        returnable_until=until,
        reason=_reason(state, transfer) if status in ("failed", "returned") else "",
    )


def _note_told(state: State, transfer: Transfer) -> None:
    """Remember whom we told lately: a crash may keep it from leaving.

    What is no longer of late is sorted out now and then: with each telling it would cost more the
    more there is to tell.
    """
    settlement = state.settlement
    settlement.told_lately[transfer.transfer_id] = state.now
    if state.now >= settlement.told_sorted_at + LATELY_NS:
        settlement.told_lately = _lately(settlement.told_lately, state.now)
        settlement.told_sorted_at = state.now


def _lately(told: dict[str, int], now: int) -> dict[str, int]:
    return {name: at for name, at in told.items() if at >= now - LATELY_NS}


def view(state: State, transfer: Transfer) -> Told:
    """What the customer sees: the status, and until when a completed one may still come back."""
    if transfer.refusal:
        return "refused", 0
    statuses, until = list[str](), 0
    for leg in _legs(state, transfer):
        if not leg.undo_of:
            statuses.append(leg.status)
            if leg.contingent:
                until = max(until, leg.revocable_until)
    for status in ("returned", "failed", "cancelled"):
        if status in statuses:
            return status, 0
    if statuses.count("settled") < len(statuses):
        return "pending", 0
    return ("completed_returnable", until) if until else ("completed", 0)


def _reason(state: State, transfer: Transfer) -> str:
    texts = [f"{leg.code} {leg.reason}".strip() for leg in _legs(state, transfer) if leg.code]
    return "; ".join(dict.fromkeys(texts))


def _legs(state: State, transfer: Transfer) -> list[Leg]:
    return [state.settlement.legs[payment_id] for payment_id in transfer.legs]
