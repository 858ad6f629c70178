"""Subscriptions and redemptions: a token is minted for a customer's cash, and burned for it.

    mint: the customer's cash -> in transit, as it is asked for -> the issuer's, once it is final
    burn: the customer's, unsettled, as it is asked for -> the issuer's cash, once it is final

Rule 1. Cash changes hands in the step in which a final block shows that the token did; what was
refused, expired, was voided or gave way for good gives back what it took, in such a step, too.
Rule 2. A mint takes cash that nobody can take back, the customer's own first. Of cash that may be
taken back it takes so much as the limit of scope `mint` lets all mints of the token stand on, until
it cannot be taken back or what is owed of it is paid; without a limit none. Until then it waits,
and fails where that is longer than its customer would.
Rule 3. The price never changes: so what the issuer has is what all that exists was paid with, and
every redemption is covered.
"""

from core import authorizations, exposure, ledger, payments
from core.effects import Effect, RaiseAlert
from core.ledger import book
from core.leg_moves import MOVING, move
from core.rail_events import LegWanted
from core.settlement_state import Leg
from core.state import State, count
from core.token_events import AuthorizationRequested, OfferingPublished, WalletAdmitted
from core.token_state import NOBODY, Authorization, Offering, Token

OF_TOKENS = ("mint", "burn")


# --- what stands ----------------------------------------------------------------------------------


def on_offered(state: State, token: Token, event: OfferingPublished) -> list[Effect]:
    """Once; told again it is an echo, and at another price nothing."""
    known = token.offering
    if known is None and event.price > 0 and event.asset in state.decimals:
        token.offering = Offering(event.asset, event.price, unpaid=token.reserved.supply)
    elif known is None or (known.asset, known.price) != (event.asset, event.price):
        count(state, f"offerings_refused/{token.name}")
        text = f"{event.price} {event.asset} for one: not taken; its first price stands for ever"
        return [RaiseAlert(severity="critical", subject=token.name, text=text)]
    return []


def on_admitted(token: Token, event: WalletAdmitted) -> list[Effect]:
    if token.offering is not None:
        token.offering.wallets[event.address] = event.customer
    return []


def refusal(state: State, leg: LegWanted, customer: str) -> tuple[str, str] | None:
    """Why a mint or a burn is not taken in; whether policy permits it is decided as it begins."""
    if leg.scheme:
        return "WRONG_SCHEME", f"{leg.scheme} moves no tokens"
    token = state.tokens.get(leg.buys)
    offering = token.offering if token is not None else None
    if offering is None:
        return "NOT_OFFERED", f"nobody offers {leg.buys!r} for cash"
    if leg.asset != offering.asset or leg.amount != offering.price * leg.buys_amount:
        return "OFF_PRICE", f"{leg.buys} is {offering.price} {offering.asset} for each, and whole"
    if offering.wallets.get(leg.beneficiary) != customer:
        return "NOT_ADMITTED", f"{leg.beneficiary!r} is no wallet of {customer}"
    return None


# --- it begins ------------------------------------------------------------------------------------


def start(state: State, leg: Leg) -> list[Effect]:
    """Take its cash and have it permitted; or wait until the cash may be taken."""
    token, offering = _issue(state, leg)
    waited = leg.payment_id in offering.waiting
    offering.waiting.pop(leg.payment_id, None)
    if leg.kind == "mint":
        short = leg.amount - leg.held - ledger.available(state, leg.customer, leg.asset)
        if short > 0:
            return payments.end(state, leg, "failed", "NO_FUNDS", f"{short} {leg.asset} short", 0)
        stands_on = _stands_on(state, leg)
        if not _is_within(state, token, offering, stands_on):
            if _is_over(state, leg):
                count(state, f"mints_beyond/{token.name}")
                why = f"{sum(stands_on.values())} {leg.asset} of it may be taken back"
                return payments.end(state, leg, "failed", "OVER_LIMIT", why, 0)
            offering.waiting[leg.payment_id] = None
            if not waited:
                count(state, f"mints_waited/{token.name}")
            return []
        beyond = payments.draw_rest(state, leg)
        if beyond:
            return payments.end(state, leg, "failed", "OVER_LIMIT", beyond, 0)
        if stands_on:
            offering.stands_on[leg.payment_id] = stands_on
            count(state, f"mints_on_revocable/{token.name}")
    payments.leave(state, leg, state.now)
    count(state, f"{leg.kind}s_asked/{token.name}")
    return _ask(state, token, leg)


def _issue(state: State, leg: Leg) -> tuple[Token, Offering]:
    token = state.tokens[leg.buys]
    assert token.offering is not None, "a request for what is not offered is refused"
    return token, token.offering


def _ask(state: State, token: Token, leg: Leg) -> list[Effect]:
    """Under the payment's own id: asked again, it is answered the same."""
    mints = leg.kind == "mint"
    wanted = AuthorizationRequested(
        received_at=state.now,
        token=token.name,
        caller=authorizations.OURS,
        request_id=leg.payment_id,
        kind="mint" if mints else "burn",
        sender=NOBODY if mints else leg.beneficiary,
        receiver=leg.beneficiary if mints else NOBODY,
        value=leg.buys_amount,
    )
    return authorizations.on_requested(state, token, wanted)


def after_restart(state: State) -> list[Effect]:
    """Whoever is to use a permission may not have heard of it: it is told again."""
    effects: list[Effect] = []
    for name in state.settlement.open_legs:
        leg = state.settlement.legs[name]
        if leg.kind in OF_TOKENS and leg.status in MOVING:
            effects += _ask(state, state.tokens[leg.buys], leg)
    return effects


# --- cash that may be taken back ------------------------------------------------------------------


def _stands_on(state: State, leg: Leg) -> dict[str, int]:
    """What of its cash may be taken back, by what brought it; what may not goes first."""
    left = _left(state, leg)
    there = leg.held + ledger.available(state, leg.customer, leg.asset)
    rest = leg.amount - min(leg.amount, max(0, there - sum(left.values())))
    found: dict[str, int] = {}
    for name, amount in left.items():
        taken = min(rest, amount)
        if taken > 0:
            found[name] = taken
            rest -= taken
    return found


def _left(state: State, leg: Leg) -> dict[str, int]:
    """What was pulled, or pushed, and may be taken back, less what mints and draws took of it."""
    settlement, left = state.settlement, dict[str, int]()
    for name in settlement.open_legs:
        each = settlement.legs[name]
        if each.kind == "in" and _are_of(leg, each.customer, each.asset) and each.contingent:
            left[name] = each.contingent - _taken(state, name)
    for name in settlement.credits_open:
        credit = settlement.credits[name]
        if _are_of(leg, credit.customer, credit.asset) and credit.contingent:
            drawn = [n for other, n in credit.drawn.items() if other != leg.payment_id]
            left[name] = credit.contingent - sum(drawn)
    return {name: amount for name, amount in left.items() if amount > 0}


def _are_of(leg: Leg, customer: str, asset: str) -> bool:
    return (leg.customer, leg.asset) == (customer, asset)


def _taken(state: State, source: str) -> int:
    """How much of what a leg brought all mints stand on."""
    offerings = [token.offering for token in state.tokens.values() if token.offering is not None]
    each = [found for offering in offerings for found in offering.stands_on.values()]
    return sum(found.get(source, 0) for found in each)


def _is_within(state: State, token: Token, offering: Offering, more: dict[str, int]) -> bool:
    if not more:
        return True
    limit = exposure.limit_of(state, f"mint/{token.name}/{offering.asset}")
    bound = limit.amount if limit is not None else 0
    return standing(state, offering) + sum(more.values()) <= bound


def standing(state: State, offering: Offering) -> int:
    """What mints stand on that may be taken back, or was and is owed."""
    settlement, total = state.settlement, 0
    for payment_id, found in list(offering.stands_on.items()):
        there = 0
        for name, amount in found.items():
            source = settlement.legs.get(name) or settlement.credits.get(name)
            risk = source.contingent + ledger.owed(source) if source is not None else 0
            there += min(amount, risk)
        if not there and not any(name in settlement.legs for name in found):
            del offering.stands_on[payment_id]  # what brought it is over and put away
        total += there
    return total


def look_again(state: State) -> None:
    """Where anything was booked, cash may be nobody's to take back any more; and who waited for
    that may do so no longer."""
    settlement = state.settlement
    for token in state.tokens.values():
        waiting = token.offering.waiting if token.offering is not None else {}
        for leg in [settlement.legs[name] for name in waiting]:
            if state.booked or _is_over(state, leg):
                settlement.touched.append(leg.transfer_id)


def _is_over(state: State, leg: Leg) -> bool:
    """Whether its customer would wait no longer."""
    return 0 < leg.expires_at < state.now


# --- it ends --------------------------------------------------------------------------------------


def follow(state: State, frame: int) -> list[Effect]:
    """Whatever ended in this step moves its cash, whatever else it was."""
    effects: list[Effect] = []
    for token in state.tokens.values():
        while token.ended:
            effects += _end(state, token, token.ended.pop(0), frame)
    return effects


def _end(state: State, token: Token, ended: Authorization, frame: int) -> list[Effect]:
    leg = state.settlement.legs[ended.request_id]
    if ended.status == "final":
        _settle(state, leg, frame)
        return []
    _, offering = _issue(state, leg)
    offering.stands_on.pop(leg.payment_id, None)
    count(state, f"{leg.kind}s_failed/{token.name}")
    why = f"{ended.name} {ended.status}: {ended.reason}".removesuffix(": ")
    return payments.end(state, leg, "failed", "NOT_PERMITTED", why, frame)


def _settle(state: State, leg: Leg, frame: int) -> None:
    """It is final on chain: the issuer has the cash of a mint, and pays that of a burn."""
    moved = move(state, leg, "settled")
    assert moved, leg
    moves = ((ledger.transit(leg), -leg.due), (ledger.issuer(leg.buys, leg.asset), leg.due))
    brings = payments.brought_lines(leg) if leg.kind == "burn" else ()
    book(state, leg.kind, leg.payment_id, frame, (*moves, *brings))
    leg.due, leg.settled_at = 0, state.now
    if frame:
        leg.evidence.append(frame)
    payments.touch(state, leg)


# --- for whoever looks ----------------------------------------------------------------------------


def is_waiting(state: State, leg: Leg) -> bool:
    """Whether its turn has come, and its cash may yet be taken back."""
    if leg.kind not in OF_TOKENS:
        return False
    return leg.payment_id in _issue(state, leg)[1].waiting


def waits_for(state: State, leg: Leg) -> tuple[str, int, str]:
    """For what it waits that was asked for, until when, and what may be done meanwhile."""
    token, _ = _issue(state, leg)
    name = token.requests.get(f"{authorizations.OURS} {leg.payment_id}", "")
    permitted = token.authorizations[name]
    until = permitted.valid_before * authorizations.SECOND
    if permitted.status == "mined":
        return "its block to be final", until, "wait"
    if permitted.status == "signed":
        return f"{name} to be used", until, "wait; a revocation may be asked for"
    return f"{name} to be signed", until, "wait; a revocation may be asked for"
