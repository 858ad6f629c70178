"""People who repair breaks, in the simulation: when they act, and what is left afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from core.journal import decode_event
from scenarios.model import BadScenario, check, find
from sim.operators import OpenBreak, Operator
from tieout.runs import run

XRP = "binance_spot/main/XRP/cash"


def an_operator() -> Operator:
    return Operator("ann", "ben", after_ns=8, reason="it was theirs")


def amounts(operator: Operator, now: int, *breaks: OpenBreak) -> list[tuple[int, int]]:
    return [(each.break_number, each.amount) for each in operator.look(now, breaks)]


def test_a_break_is_repaired_once_it_stood_open_for_so_long() -> None:
    operator, each = an_operator(), OpenBreak(3, XRP, -50, broken_at=10)
    assert [amounts(operator, now, each) for now in (10, 17, 18)] == [[], [], [(3, -50)]]


def test_what_was_booked_is_given_time_then_booked_again_under_a_new_id() -> None:
    """The node may have died with it."""
    operator, each = an_operator(), OpenBreak(3, XRP, -50, broken_at=0)
    ids = [made.adjustment_id for now in range(8, 18) for made in operator.look(now, [each])]
    assert ids == ["ann-1", "ann-2"]


def test_a_break_without_a_size_is_left_alone() -> None:
    assert not an_operator().look(99, [OpenBreak(3, XRP, 0, broken_at=0)])


def test_a_scenario_wants_two_people() -> None:
    told: dict[str, Any] = {"author": "ann", "approver": "ann", "after_s": 5}
    world = {"name": "x", "claim": "x", "duration_s": 5, "venues": ["binance_spot"]}
    with pytest.raises(BadScenario, match="both 'ann'; two people would do"):
        check({**world, "operators": [told]}, "x.yaml")


def test_without_operators_what_no_record_lists_stays_an_open_break() -> None:
    """It is named with its size and owner to the end; nothing repairs it in silence."""
    alone = find("operator_adjusts").model_copy(update={"operators": ()})
    outcome = run(alone, seed=2, short=True, sampled=False)
    assert outcome.summary["silent_differences"] == 0
    assert outcome.summary["open_breaks"] == outcome.summary["differences"]["holdings"] > 0
    left = outcome.breaks[outcome.breaks.open]
    assert set(left.owner) == {"operations"}
    assert (left.proposal != "").all()


def test_each_repair_names_its_break_and_two_people_and_closes_it() -> None:
    outcome = run("operator_adjusts", seed=2, short=True, sampled=False)
    assert outcome.held
    journal = [record for record in outcome.store.committed if record.name == "AdjustmentBooked"]
    booked: list[Any] = [decode_event(record.body) for record in journal]
    breaks = outcome.breaks.set_index("number")
    for each in booked:
        row = breaks.loc[each.break_number]
        assert (row.holding, row.cause, bool(row.open)) == (each.holding, "adjustment", False)
        assert f"{each.author}, approved by {each.approver}" in row.resolution
    assert len(booked) > 3


def test_people_wait_anew_when_the_size_of_a_break_changes() -> None:
    operator = an_operator()
    assert amounts(operator, 5, OpenBreak(3, XRP, 40, broken_at=0)) == []
    assert amounts(operator, 8, OpenBreak(3, XRP, 50, broken_at=0)) == []
    assert amounts(operator, 15, OpenBreak(3, XRP, 50, broken_at=0)) == []
    assert amounts(operator, 16, OpenBreak(3, XRP, 50, broken_at=0)) == [(3, 50)]
