"""Who or what refuses a request for a token's movement, by the reason that its caller was told.

True here: every reason of `scenarios.figures.TOKEN_REFUSALS` has one, and only one.
"""

from typing import Literal

from core import reservations
from tokens.policy import RULES

# A rule about people; a limit that it might break; a chain or token that nobody may rely on just
# then; the request itself, which was none.
RefusedBy = Literal["people", "limits", "chain", "request"]

LIMITS = (
    *(reservations.UNFUNDED, reservations.LOCKED, reservations.HOLDER_CAP, reservations.GROUP_CAP),
    *(reservations.HOLDERS_CAP, reservations.SUPPLY_CAP, reservations.CROWDED, "other_wallet"),
)
CHAIN = (
    *("closed", "paused", "no_policy", "stale_head", "being_recovered", "bad_judgement"),
    *("journal_cut", "judged_too_late", "facts_changed", "policy_changed"),
)
REQUEST = (
    *("bad_value", "bad_parties", "to_itself", "above_supply", "window_past", "not_all"),
    *("other_request", "unpaid", "withdrawn"),
)


def refused_by(reason: str) -> RefusedBy:
    """Whose refusal it is. What a policy's rules do not say, and no limit, is about the request."""
    if reason in RULES:
        return "people"
    if reason in LIMITS:
        return "limits"
    return "chain" if reason in CHAIN else "request"
