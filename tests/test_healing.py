"""How long a healed world runs on: until its keepers did what they took on, and it was told."""

from typing import Any

import pytest

from scenarios.model import check
from tests.rail_worlds import ABROAD, BANK, CUSTODY, DAY, US, WIRE, _of
from tieout.runs import run

HOUR = 3600
VAULT = {"name": "custodian", **BANK}
# As much as a keeper may hold a payment back for: longer than these worlds heal by themselves.
LONG_S = 10 * HOUR
SILENCE = {"kind": "confirmation_outage", "every_s": HOUR, "strength": LONG_S * 1000}


def _always(kind: str, seconds: int = 0) -> dict[str, Any]:
    return {"kind": kind, "one_in": 1, "strength": seconds * 1000}


@pytest.mark.parametrize(
    ("rail", "flow", "faults", "struck", "at_least_s"),
    [
        (
            US,
            WIRE,
            [_always("payment_rejected"), _always("refusal_muted", 5 * DAY)],
            "refusal_muted",
            6 * DAY,
        ),
        (US, ABROAD, [_always("payment_held", LONG_S)], "payment_held", DAY + LONG_S),
        (VAULT, CUSTODY, [_always("payment_late", LONG_S)], "payment_late", DAY + LONG_S),
        (VAULT, CUSTODY, [_always("approval_hangs", LONG_S)], "approval_hangs", DAY + LONG_S),
        (US, WIRE, [SILENCE], "confirmation_outage", DAY + LONG_S),
        (US, WIRE, [_always("document_unreadable", 5 * DAY)], "document_unreadable", 5 * DAY),
        (VAULT, CUSTODY, [SILENCE], "confirmation_outage", DAY + LONG_S),
    ],
)
def test_what_a_keeper_holds_back_is_waited_for(
    rail: Any, flow: Any, faults: list[Any], struck: str, at_least_s: int
) -> None:
    """Longer than a world heals by itself: nobody is shown a payment as pending for ever."""
    customers = {"balances": {flow["legs"][0]["asset"]: "9000"}}
    told = _of([rail], [flow], *faults, heal_s=HOUR, customers=customers)
    outcome = run(check({"name": "held_back", **told}, "held_back"), sampled=False)
    assert outcome.summary["faults"][struck] > 0
    assert outcome.summary["simulated_seconds"] > at_least_s
    assert [each.claim for each in outcome.claims if not each.held] == []
