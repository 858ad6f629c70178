"""A failing plan shrinks to what its claim needs to fail, and to nothing else that fails."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from scenarios.model import find
from scenarios.thinning import CUSTOMERS, quieter, read_seldom, without
from sim.faults import Fault
from sim.materialised import strikes_in
from sim.world import SECOND
from tests.failing import BREAKING_BUST, SILENT_BUST, less_each_strike, plan, world
from tests.planting import plant
from tieout.failures.plans import Plan, drawn, load_plan, replay
from tieout.failures.rerun import rerun
from tieout.failures.shrink import NothingFails, Shrunk, shrink
from tieout.failures.smaller import HEAL_S_MIN, harder, sooner, strikes_of
from tieout.runs import STANDARD

CLAIMS = {spec.figure: spec.claim for spec in STANDARD}
EVERY_LINE_AGREES = ("if -doubt <= size <= doubt:", "if True:")
NO_FRAME_LOST = [{"claim": "none", "figure": "faults.lost_frame", "equals": 0}]
HOLDINGS, SILENT = CLAIMS["differences.holdings"], CLAIMS["silent_differences"]


@pytest.fixture(scope="module")
def shrunk() -> Shrunk:
    """Of a core that notes busts and does not post them, under five families of faults."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, *SILENT_BUST)
        return shrink(plan(), claim=HOLDINGS)


def test_only_what_the_claim_needs_is_left(shrunk: Shrunk) -> None:
    """One family, one strike of it, one venue, and a tenth of the events."""
    assert shrunk.finished
    assert len(shrunk.families(shrunk.first)) == 5
    assert shrunk.families(shrunk.last) == ["bust"]
    assert strikes_in(shrunk.plan.faults) == 1
    scenario = shrunk.plan.whole()
    assert [venue.dialect for venue in scenario.venues] == ["binance_spot"]
    assert len(scenario.strategies) == 1
    assert scenario.duration_s < 24
    assert shrunk.share < 0.3, "most of what is left is the time to heal"


def test_what_is_left_fails_by_the_same_claim_from_its_file(
    shrunk: Shrunk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each strike of it is needed; without the bug nothing fails."""
    (tmp_path / "plan.json").write_text(shrunk.plan.text())
    stored = load_plan(tmp_path / "plan.json")
    assert replay(stored, sampled=False).held
    plant(monkeypatch, *SILENT_BUST)
    again = rerun(stored)
    assert HOLDINGS in again.failed
    assert again.outcome is not None
    assert shrunk.last.outcome is not None
    assert again.outcome.summary["digest"] == shrunk.last.outcome.summary["digest"]
    assert [HOLDINGS in rerun(less).failed for less in less_each_strike(stored)] == [False]


def test_what_is_left_claims_what_is_in_it() -> None:
    """Of five venues and all that they can do one is left: it says by what it fails, no more."""
    was = plan(claims=NO_FRAME_LOST, claim="two venues do all they can", covers=["V1", "V2"])
    left = shrink(was).plan
    assert was.whole().covers == ("V1", "V2")
    assert (left.whole().claim, left.whole().covers) == ("none", ())
    assert shrink(left).plan.text() == left.text()


def test_a_plan_shrinks_to_the_same_plan_again(
    shrunk: Shrunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, *SILENT_BUST)
    again = shrink(plan(), claim=HOLDINGS)
    assert (again.plan.text(), again.runs) == (shrunk.plan.text(), shrunk.runs)


def test_time_to_heal_is_kept_for_a_claim_about_a_healed_world(
    shrunk: Shrunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And cut for a claim that fails before: the same bug by the law itself."""
    assert shrunk.plan.whole().heal_s == world().heal_s
    faults = [
        {"kind": "slow_request", "one_in": 5, "strength": 300},
        {"kind": "hand_trade_untold", "where": "binance_spot", "every_s": 3, "strength": 2},
    ]
    with monkeypatch.context() as patch:
        plant(patch, "core.reconcile:judge", *EVERY_LINE_AGREES)
        early = shrink(plan(faults=faults), claim=SILENT)
    assert early.plan.whole().heal_s == HEAL_S_MIN
    moment = early.last.moment(SILENT)
    assert moment is not None
    assert early.plan.whole().duration_s <= Decimal(moment.at_s) + 2
    assert early.share < 0.1
    # Of a healed world it could only be wrong: with the bug gone, this alone is judged, and holds.
    mended = rerun(early.plan).outcome
    assert mended is not None
    assert [each.claim for each in mended.claims] == [SILENT]
    assert mended.held


def test_what_may_happen_at_no_time_needs_no_time_to_heal() -> None:
    """Although it is counted at the end only: it has happened by then, or not yet."""
    claims = [{"claim": "seven", "figure": "moves_unlisted", "equals": 7}]
    shrunk = shrink(plan(claims=claims))
    assert shrunk.last.moment("seven") is None
    assert shrunk.plan.whole().heal_s == HEAL_S_MIN
    assert not shrunk.plan.faults
    assert shrunk.share < 0.05


def test_a_strike_is_tried_at_earlier_opportunities_that_no_other_has() -> None:
    lines = [Fault("bust", "binance_spot", line=4, strikes=(0, 16, 40))]
    assert strikes_of(lines) == [(0, 0), (0, 16), (0, 40)]
    assert [less[0].strikes for less in sooner(lines, 0, 16)] == [
        (0, at, 40) for at in (1, 2, 4, 8, 12)
    ]
    assert [less[0].line for less in sooner(lines, 0, 40)] == [4] * 5
    assert not list(sooner(lines, 0, 0))


def test_a_kind_that_is_tried_alone_strikes_more_often() -> None:
    rare = Fault("bust", "binance_spot", one_in=64)
    assert harder(rare) == replace(rare, one_in=8)
    by_itself = Fault("crash", "node", every_ns=80 * SECOND)
    assert harder(by_itself) == replace(by_itself, every_ns=10 * SECOND)


def test_what_a_run_raises_is_shrunk_like_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its type and place; a planted line has no file, and its place is who called it."""
    plant(monkeypatch, *BREAKING_BUST)
    shrunk = shrink(plan())
    assert shrunk.claim == "no run raises KeyError in core/step.py:_try"
    assert shrunk.families(shrunk.last) == ["bust"]
    assert strikes_in(shrunk.plan.faults) == 1
    assert isinstance(shrunk.last.error, KeyError)
    assert shrunk.share < 0.4


def test_a_claim_of_so_much_at_least_keeps_its_world() -> None:
    """Less of everything would fail it for no reason: only faults go."""
    claims = [{"claim": "many", "figure": "faults.bust", "at_least": 1000}]
    shrunk = shrink(plan(claims=claims))
    assert shrunk.claim == "many"
    assert not shrunk.plan.faults
    assert shrunk.plan.whole().duration_s == 24
    assert len(shrunk.plan.whole().venues) == 2


def test_out_of_time_it_says_so_and_what_it_has_fails() -> None:
    shrunk = shrink(plan(claims=NO_FRAME_LOST), seconds=0)
    assert not shrunk.finished
    assert "none" in shrunk.last.failed
    shrunk = shrink(plan(claims=NO_FRAME_LOST))
    assert shrunk.finished
    assert strikes_in(shrunk.plan.faults) == 1
    assert shrunk.figures()[1] == "faults.lost_frame = 1"


def test_what_holds_is_not_shrunk() -> None:
    """And what failed beside it is said."""
    with pytest.raises(NothingFails, match=r"every claim: it holds; nothing to shrink$"):
        shrink(plan())
    would_do = r"one that failed would do: 'none'$"
    with pytest.raises(NothingFails, match=rf"{HOLDINGS}: it holds; nothing to shrink; {would_do}"):
        shrink(plan(claims=NO_FRAME_LOST), claim=HOLDINGS)


def test_a_claim_that_nobody_makes_is_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """With those that failed; where the run raised, none was judged."""
    with pytest.raises(NothingFails, match="no claim 'pigs fly' in it; none of its claims failed"):
        shrink(plan(), claim="pigs fly")
    would_do = r"one that failed would do: 'none'$"
    with pytest.raises(NothingFails, match=f"no claim 'pigs fly' in it; {would_do}"):
        shrink(plan(claims=NO_FRAME_LOST), claim="pigs fly")
    plant(monkeypatch, *BREAKING_BUST)
    with pytest.raises(NothingFails, match=f"{HOLDINGS}: not judged: .*: 'no run raises KeyError"):
        shrink(plan(), claim=HOLDINGS)


def test_the_other_form_is_a_smaller_world_too() -> None:
    """A plan of the whole form goes over to the short one, if the claim fails there."""
    told: Plan = drawn(world(claims=NO_FRAME_LOST, short_s=8, short_heal_s=15), 0, short=False)
    assert shrink(replace(told)).plan.short


def test_a_smaller_world_is_still_read_often_enough() -> None:
    """Half as often, as long as a dozen reads are left after faults have ended; and one customer
    may do for all."""
    scenario, heal = find("storm_rails"), Decimal(864_000)
    periods = []
    while (less := read_seldom(scenario, heal)) is not None:
        assert less.settling is not None
        scenario = less
        periods.append(max(rail.statement_period_s for rail in less.settling.rails))
    assert periods == [21_600, 43_200]
    calm = quieter(scenario)
    assert calm is not None
    assert calm.settling is not None
    assert calm.settling.customers.every_s == 2 * 1800
    alone = without(scenario, CUSTOMERS)
    assert alone is not None
    assert alone.settling is not None
    assert alone.settling.customers.count == 1
    assert without(alone, CUSTOMERS) is None
