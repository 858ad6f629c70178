"""How long a healed world runs on: until nothing is held back that a bank still owes us."""

from scenarios.model import Scenario, check
from tests.rail_worlds import DAY, US, WIRE, _of
from tieout.runs import run

MUTED_S = 5 * DAY


def muted() -> Scenario:
    """A bank that refuses payments late, and then says nothing of it for days."""
    told = _of(
        [US],
        [WIRE],
        {"kind": "payment_rejected", "one_in": 1},
        {"kind": "refusal_muted", "one_in": 1, "strength": MUTED_S * 1000},
        heal_s=DAY,
    )
    return check({"name": "muted", **told}, "muted")


def test_a_refusal_that_its_bank_keeps_to_itself_is_waited_for() -> None:
    """Longer than a world heals by itself: nobody is shown a payment as pending for ever."""
    outcome = run(muted(), sampled=False)
    assert outcome.summary["faults"]["refusal_muted"] > 0
    assert outcome.summary["simulated_seconds"] > DAY + MUTED_S
    assert [each.claim for each in outcome.claims if not each.held] == []
