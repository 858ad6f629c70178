"""Why a transfer is refused: every rule once, in the order in which they are asked.

A refusal has a code, which is counted and shown, and a reason that says what was found and what
would do. Nothing is posted for a refused transfer, and the refusal is remembered with its id.
"""

from collections.abc import Callable

from core import corrections, quotes, schedule, subscriptions
from core.beneficiaries import dust, fault
from core.rail_events import OVER_A_RAIL, LegWanted, TransferRequested
from core.state import State

Found = tuple[str, str]


def refusal(state: State, event: TransferRequested) -> Found | None:
    """The first rule that the request breaks, or None."""
    if event.customer not in state.settlement.customers:
        return "UNKNOWN_CUSTOMER", f"no balances are kept for {event.customer!r}"
    if not event.legs:
        return "NO_LEGS", "a transfer needs at least one leg"
    for number, leg in enumerate(event.legs):
        found = refusal_of(state, leg)
        if found:
            return found[0], f"leg {number}: {found[1]}"
        if leg.kind == "exchange" and (found := _of_quote(state, leg, event.customer)):
            return found[0], f"leg {number}: {found[1]}"
        if leg.kind in ("mint", "burn") and (
            found := subscriptions.refusal(state, leg, event.customer)
        ):
            return found[0], f"leg {number}: {found[1]}"
    used = quotes.used_up(state, event)
    return ("QUOTE_USED", used) if used else None


def refusal_of(state: State, leg: LegWanted) -> Found | None:
    """The first rule that a leg breaks, or None."""
    for code, rule in RULES:
        found = rule(state, leg)
        if found:
            return code, found
    return None


def _of_quote(state: State, leg: LegWanted, customer: str) -> Found | None:
    """An exchange is by a quote: of the desk, for the customer, that holds, and to the unit."""
    found = quotes.unknown(state, leg, customer)
    if found:
        return "UNKNOWN_QUOTE", found
    found = quotes.expired(state, leg)
    if found:
        return "QUOTE_EXPIRED", found
    found = quotes.other_amount(state, leg)
    return ("QUOTE_AMOUNT", found) if found else None


def _bad_amount(state: State, leg: LegWanted) -> str:
    return "" if leg.amount > 0 else f"amount is {leg.amount}; a positive one would do"


def _unknown_asset(state: State, leg: LegWanted) -> str:
    for asset in (leg.asset, leg.buys) if leg.kind == "exchange" else (leg.asset,):
        if asset not in state.decimals:
            return f"asset {asset!r} is not kept here; {', '.join(sorted(state.decimals))} are"
    return ""


def _bad_exchange(state: State, leg: LegWanted) -> str:
    if leg.kind != "exchange":
        return ""
    if leg.buys_amount <= 0 or leg.buys == leg.asset:
        return (
            f"it buys {leg.buys_amount} {leg.buys!r}; a positive amount of another asset would do"
        )
    in_time = not leg.expires_at or leg.expires_at > state.now
    return "" if in_time else "it was to begin before now"


def _unknown_scheme(state: State, leg: LegWanted) -> str:
    if leg.kind not in OVER_A_RAIL or leg.scheme in state.settlement.schemes:
        return ""
    known = ", ".join(sorted(state.settlement.schemes))
    return f"no scheme {leg.scheme!r}; there are {known}"


def _wrong_scheme(state: State, leg: LegWanted) -> str:
    scheme = state.settlement.schemes.get(leg.scheme)
    if leg.kind not in OVER_A_RAIL or scheme is None:
        return ""
    if scheme.pushed:
        return f"{leg.scheme} is what others push to us: nobody of ours asks for it"
    if scheme.asset != leg.asset:
        return f"{leg.scheme} moves {scheme.asset}, not {leg.asset}"
    return "" if scheme.kind == leg.kind else f"{leg.scheme} moves value {scheme.kind} only"


def _over_maximum(state: State, leg: LegWanted) -> str:
    scheme = state.settlement.schemes.get(leg.scheme)
    if leg.kind not in OVER_A_RAIL or scheme is None or not scheme.amount_max:
        return ""
    if leg.amount <= scheme.amount_max:
        return ""
    return f"{leg.amount} is more than {leg.scheme} takes; at most {scheme.amount_max} would do"


def _bad_beneficiary(state: State, leg: LegWanted) -> str:
    scheme = state.settlement.schemes.get(leg.scheme)
    if leg.kind not in OVER_A_RAIL or scheme is None:
        return ""
    return fault(scheme.beneficiaries, leg.beneficiary)


def _dust(state: State, leg: LegWanted) -> str:
    scheme = state.settlement.schemes.get(leg.scheme)
    if leg.kind not in OVER_A_RAIL or scheme is None or scheme.beneficiaries != "bitcoin":
        return ""
    least = dust(leg.beneficiary)
    return "" if leg.amount >= least else f"{leg.amount} is dust there; {least} or more would do"


def _bad_undo(state: State, leg: LegWanted) -> str:
    """The way back is checked like the way there: it must be able to carry what the leg brings."""
    if not leg.undo_scheme:
        return ""
    if leg.kind != "in":
        return f"only what was pulled in is sent back over {leg.undo_scheme}"
    back = state.settlement.schemes.get(leg.undo_scheme)
    if back is None or back.kind != "out" or back.asset != leg.asset:
        return f"{leg.undo_scheme} does not carry {leg.asset} out"
    if back.amount_max and leg.amount > back.amount_max:
        return f"{leg.undo_scheme} takes at most {back.amount_max}"
    return fault(back.beneficiaries, leg.beneficiary)


def _no_calendar(state: State, leg: LegWanted) -> str:
    scheme = state.settlement.schemes.get(leg.scheme)
    if leg.kind not in OVER_A_RAIL or scheme is None:
        return ""
    if schedule.times(state, scheme, state.now) is not None:
        return ""
    return f"no calendar says when {leg.scheme} settles"


RULES: tuple[tuple[str, Callable[[State, LegWanted], str]], ...] = (
    ("BAD_AMOUNT", _bad_amount),
    ("UNKNOWN_ASSET", _unknown_asset),
    ("BAD_EXCHANGE", _bad_exchange),
    ("UNKNOWN_SCHEME", _unknown_scheme),
    ("WRONG_SCHEME", _wrong_scheme),
    ("OVER_SCHEME_MAX", _over_maximum),
    ("BAD_BENEFICIARY", _bad_beneficiary),
    ("BELOW_DUST", _dust),
    ("BAD_UNDO", _bad_undo),
    ("NO_CALENDAR", _no_calendar),
    ("DETAILS_CORRECTED", corrections.outdated),
)
