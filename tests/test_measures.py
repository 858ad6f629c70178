"""What a cycle reports beside its lease: tails, stress, margin by tier, the way to liquidation.

Each against a plain saying of it, and in a whole run: what the engine reported then is what the
journal tells now.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.risk_events import Amount, Bound, MarginTier, NamedStress, Tradable
from risk import margin
from risk.lease import used
from risk.measures import Measures
from risk.measuring import Measuring, gate_tiers
from risk.restored import desk_of, restored
from risk.returns import INTERVALS_MAX, History
from scenarios.model import find
from sim.memory_store import MemoryStore
from tests.facts import PERP
from tests.test_cycle import LINES, USD, Told
from tests.test_limit_gate import limits
from tieout.reports.outcome import Outcome
from tieout.risk.history import risk_history
from tieout.runs import run
from tieout.simulation import Simulation

CRASH = NamedStress("crash", (Amount("BTC", -300_000), Amount("*", -500_000)))
SQUEEZE = NamedStress("squeeze", (Amount("*", 100_000),))
TIERS = (MarginTier(2 * USD, 1000, 500), MarginTier(5 * USD, 2000, 1000), MarginTier(0, 5000, 2500))
COLLATERAL = (Amount(PERP, 10 * USD),)


def reporting(side: str = "buy", **changed: object) -> Told:
    """The usual limits with two stresses and tiers; two contracts of 0.01 coins traded at 100."""
    told = Told()
    tradables = [
        Tradable(t.account, t.instrument, t.lot, t.rate, t.margin_bp, tiers=TIERS)
        for t in limits().tradables
    ]
    usual = {"limits": LINES, "stresses": (CRASH, SQUEEZE), "collateral": COLLATERAL}
    told.load(**{**usual, "tradables": tuple(tradables), **changed})
    name = told.ask(side, "6", at=50)
    told.traded(name, side, "2", 70)
    return told


def measured(told: Told, at: int = 100) -> Measures:
    told.answer(at)
    found = told.cycle.measures
    assert found is not None
    return found


# --- stress ---------------------------------------------------------------------------------------


def test_a_stress_takes_what_works_as_filled_where_that_loses_more() -> None:
    """Six contracts of 0.01 coins at 100 (a tenth more, for the collar) fall by 30 %."""
    found = measured(reporting())
    assert found.stresses == {"crash": -(-6_600_001 * 3 // 10), "squeeze": 0}
    assert found.stress == found.stresses["crash"]
    assert measured(reporting("sell")).stresses == {"crash": 0, "squeeze": -(-6_600_001 // 10)}


@pytest.mark.parametrize(
    ("most", "stopped"), [(1_980_001, False), (1_980_000, True), (0, True), (None, False)]
)
def test_the_firm_adds_nothing_once_the_worst_stress_costs_too_much(
    most: int | None,
    stopped: bool,  # noqa: FBT001  # one row of a table
) -> None:
    """A limit of 0 is the tightest; without one no stress bounds anything."""
    stress = () if most is None else (Bound("FIRM_STRESS", "", most),)
    told = reporting(bounds=(*limits().bounds, *stress))
    word, _ = told.answer()
    assert [each.line for each in word.ceilings] == (["firm_net/long"] if stopped else [])


def test_a_ceiling_of_stress_lets_through_what_reduces() -> None:
    stress = Bound("FIRM_STRESS", "", 1)
    told = reporting(bounds=(*limits().bounds, stress))
    word, _ = told.answer()
    told.tell(word)
    assert "net limit of the firm" in told.ask("buy", "1", at=101)
    assert told.ask("sell", "1", at=102, cost="101") in told.state.orders


# --- margin ---------------------------------------------------------------------------------------


def test_margin_is_that_of_what_is_held_by_its_tiers() -> None:
    """2,200,001 units: 2 dollars at the first tier's rate, the rest at the second's."""
    found = measured(reporting()).margins[PERP]
    assert found.initial == 2 * USD // 10 + -(-200_001 // 5)
    assert found.maintenance == 2 * USD // 20 + -(-200_001 // 10)


def test_equity_is_collateral_and_what_contracts_gained_since() -> None:
    told = reporting()
    told.cost(150, at=90)
    found = measured(told)
    assert found.gains["mm"] == 1 * USD
    assert found.margins[PERP].equity == 11 * USD


def test_a_liquidation_is_where_equity_falls_under_maintenance() -> None:
    """Held against the definition: a hair less is survived, a hair more is not."""
    found = measured(reporting(collateral=(Amount(PERP, 1 * USD),))).margins[PERP]
    tiers = tuple(
        margin.Tier(t.value_max, t.initial_bp * 100, t.maintenance_bp * 100) for t in TIERS
    )
    held = margin.Position(2_200_001, tiers)

    def left(ppm: int) -> int:
        value = held.value * (10**6 - ppm) // 10**6
        return found.equity - (held.value - value) - margin.maintenance(value, tiers)

    assert 0 < found.liquidation_ppm < 10**6
    assert left(found.liquidation_ppm) >= 0 > left(found.liquidation_ppm + 2)


@pytest.mark.parametrize("value", [0, 1, 2 * USD, 2 * USD + 1, 5 * USD, 5 * USD + 7, 80 * USD])
def test_the_gate_asks_for_the_margin_that_the_engine_reports(value: int) -> None:
    """Its one rate less a deduction is the sum over tiers, but for the rounding against us."""
    tiers = gate_tiers(Tradable("a", "i", 1, 1, 0, tiers=TIERS))
    tier = next(each for each in tiers if value <= each.value_max)
    asked = -(-value * tier.rate_bp // 10_000) - tier.deduction
    plain = tuple(
        margin.Tier(t.value_max, t.initial_bp * 100, t.maintenance_bp * 100) for t in TIERS
    )
    assert 0 <= asked - margin.initial(value, plain) <= len(TIERS)


def test_without_tiers_all_of_the_margin_must_stay() -> None:
    tradables = limits().tradables
    told = reporting(tradables=tradables)
    found = measured(told).margins[PERP]
    assert found.initial == found.maintenance == -(-2_200_001 * tradables[0].margin_bp // 10_000)


def test_a_desk_takes_it_up_after_a_snapshot() -> None:
    told = reporting(bounds=(*limits().bounds, Bound("FIRM_STRESS", "", 7)), horizon_ns=5)
    desk = desk_of(told.state.risk)
    assert desk is not None
    again = restored(desk.dump())
    assert again.measuring.dump() == desk.measuring.dump()
    assert again.measuring.stress_max == 7
    assert again.measuring.horizon_ns == 5
    assert Measuring.restored({}).dump() == Measuring().dump()


# --- tails ----------------------------------------------------------------------------------------


def test_an_interval_ends_with_the_first_reference_after_it() -> None:
    """What moved while nobody told anything is in the interval that ends then."""
    history = History(10)
    for name, price, at in (
        ("a", 100, 1), ("b", 50, 2), ("a", 110, 8), ("a", 121, 11), ("b", 25, 35), ("a", 121, 41),
    ):  # fmt: skip
        history.note(name, price, at)
    assert history.count == 3
    assert history.table(["a", "b", "c"]).tolist() == [
        pytest.approx([0.1, 0.1, 0.0]),
        pytest.approx([0.0, 0.0, -0.5]),
        [0.0, 0.0, 0.0],
    ]


def test_what_comes_later_did_not_move_before() -> None:
    history = History(10)
    for name, price, at in (
        ("a", 100, 1), ("a", 110, 8), ("a", 110, 11), ("b", 50, 12), ("b", 60, 15), ("a", 99, 21),
    ):  # fmt: skip
        history.note(name, price, at)
    assert history.table(["b", "a"]).tolist() == [
        pytest.approx([0.0, 0.2]),
        pytest.approx([0.1, 0.0]),
    ]


def test_a_price_of_nothing_is_no_price_and_the_past_ends_somewhere() -> None:
    history = History(1)
    history.note("a", 0, 1)
    assert history.count == 0
    for at in range(INTERVALS_MAX + 10):
        history.note("a", 100 + at, at)
    assert history.table(["a"]).shape == (1, INTERVALS_MAX)
    assert history.table(["a"])[0, -1] == pytest.approx(1 / (98 + at))


def test_a_tail_is_what_the_worst_interval_would_cost_what_is_held() -> None:
    """Two contracts of 0.01 coins at 90; the price fell by a tenth, then rose."""
    told = reporting(horizon_ns=1_000 * 10**6)
    for price, at in ((100, 900), (90, 1900), (95, 2900), (90, 3900)):
        told.cost(price, at=at)
    found = measured(told, at=4000)
    assert found.intervals == 3
    assert found.tails["firm"].var == pytest.approx(found.tails["strategy/mm"].var)
    assert found.tails["firm"].var == pytest.approx(0.1 * 2 * 0.01 * 90 * USD, rel=1e-6)
    assert found.marks == {("mm", PERP, "BTC-PERP"): pytest.approx(1.8 * USD)}


# --- a run ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run("storm_risk", 0, short=True, sampled=False)


def test_what_the_engine_reported_is_what_the_journal_tells() -> None:
    """Of each word that the node took in, whatever became of the engine."""
    simulation = Simulation(find("storm_risk"), 7, MemoryStore(), duration_ns=60 * 10**9)
    simulation.run()
    cold = simulation.host.cold
    assert cold is not None
    assert cold.epoch > 1, "it never crashed"
    said = {each.at: each for each in cold.measures}
    told = risk_history(simulation.store).reports
    assert len(told) > 50
    for each in told:
        tails, marks = said[each.at].tails, said[each.at].marks
        assert each._replace(tails=tails, marks=marks) == said[each.at]
        assert each.marks == pytest.approx(marks)
        assert list(each.tails) == list(tails)
        for book, tail in tails.items():
            assert each.tails[book] == pytest.approx(tail)


def test_the_summary_has_the_worst_of_the_reports(outcome: Outcome) -> None:
    figures, reports = outcome.summary["risk"], outcome.measures
    stress = reports[reports.figure == "stress"].amount.max()
    assert 0 < stress <= Decimal(str(figures["stress_max"]))
    assert figures["reports"] == figures["cycles"]
    assert 0 < figures["liquidation_min"] <= 1


def test_utilisation_never_shows_a_line_over_what_orders_of_ours_may_take(outcome: Outcome) -> None:
    """Nor is a line shown twice as it was; the last of each is what the gate has at the end."""
    rows = outcome.utilisation
    assert rows.line.nunique() > 20
    last = rows.groupby("line").tail(1).set_index("line")
    desk = desk_of(outcome.state.risk)
    assert desk is not None
    for each in used(desk):
        if not each.lot:
            assert last.used[each.line] == Decimal(each.used).scaleb(-6), each
            assert last.limit[each.line] == Decimal(each.limit).scaleb(-6)
    firm = rows[rows.line == "firm_gross/gross"]
    assert (firm.used <= firm.limit).all()
    assert firm.used.max() > 0
    for _, line in rows.groupby("line"):
        figures = line[["used", "limit", "open"]]
        assert (figures != figures.shift()).any(axis=1).all(), "told twice as it was"


def test_a_run_without_limits_has_none_of_it() -> None:
    outcome = run("lost_frame", 0, short=True, sampled=False)
    assert outcome.summary["risk"] is None
    assert outcome.utilisation.empty
    assert outcome.measures.empty
