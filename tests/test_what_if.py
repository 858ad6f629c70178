"""A recorded run under other limits: the same limits say the same, tighter ones refuse more."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from tieout.reports.outcome import Outcome
from tieout.risk.what_if import NoLimits, opinions
from tieout.runs import run


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run("storm_risk", 0, sampled=False)


def test_the_same_limits_say_of_each_order_what_was_said(outcome: Outcome) -> None:
    """Word for word, over restarts of the node and of the engine; and it is what was recorded."""
    found = opinions(outcome.store, {})
    assert len(found) > 200
    assert [each for each in found if each.said != each.would_say] == []
    recorded = Counter(outcome.refusals.code)
    said = Counter(each.said for each in found if each.said)
    assert said
    assert {code: n for code, n in said.items() if recorded[code] < n} == {}


def test_a_tighter_limit_refuses_more_and_says_by_how_much(outcome: Outcome) -> None:
    passed = [sum(not each.said for each in opinions(outcome.store, {}))]
    for amount in ("200", "150", "80"):
        found = opinions(outcome.store, {"FIRM_NET": Decimal(amount)})
        passed.append(sum(not each.would_say for each in found))
        fresh = [each.why for each in found if each.would_say == "FIRM_NET" and not each.said]
        assert fresh
        assert all(f"against {amount}000000, headroom" in why for why in fresh)
    assert passed == sorted(passed, reverse=True)
    assert len(set(passed)) == 4


def test_a_wider_limit_lets_through_what_it_refused(outcome: Outcome) -> None:
    """What passes there was never sent: it counts for nothing in what comes after."""
    wide = {"STRATEGY_NET": Decimal(10**6)}
    found = opinions(outcome.store, wide)
    told = [each for each in found if each.said == "STRATEGY_NET"]
    assert len(told) > 10
    assert [each for each in told if each.would_say == "STRATEGY_NET"] == []
    assert sum(not each.would_say for each in told) > 10
    # What had passed a strategy's limit is in no breach of a wider one: the next limit speaks.
    of_strategy = ("STRATEGY_NET", "PASSIVE_BREACH")
    rest = [each for each in found if each.said not in of_strategy]
    assert [each for each in rest if each.said != each.would_say] == []


@pytest.mark.parametrize("control", ["FIRM_NETT", "ORDER_QUANTITY"])
def test_what_is_no_sum_is_refused(outcome: Outcome, control: str) -> None:
    with pytest.raises(NoLimits, match=f"no sum '{control}'; there are .*FIRM_NET"):
        opinions(outcome.store, {control: Decimal(1)})


def test_a_run_without_limits_has_no_opinion() -> None:
    outcome = run("lost_frame", 0, short=True, sampled=False)
    with pytest.raises(NoLimits, match="no limits were loaded"):
        opinions(outcome.store, {"FIRM_NET": Decimal(1)})
