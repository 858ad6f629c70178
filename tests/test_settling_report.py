"""The report of a run that settles: whole, alone, saying what is stuck, bad news first."""

import re
from dataclasses import replace
from functools import cache

import pytest

from core.stuck import stuck
from core.suspense import UNEXPLAINED
from core.transfers import view
from scenarios.model import find
from tests.test_report import Reader
from tieout.reports.history import history
from tieout.reports.outcome import Outcome
from tieout.reports.report import report
from tieout.runs import run
from tieout.settlement import plots
from tieout.settlement.report import SettlingSections
from tieout.settlement.stuck import moment, state_at

RUNS = ("storm_rails", "stuck_mempool")
each_run = pytest.mark.parametrize("name", RUNS)
BETWEEN = moment("2023-11-15T21:00")
HEADS = (
    "What customers see",
    "In flight and contingent, beneath the limits",
    "Reversal risk",
    "How long each rail took",
    "What is stuck at the end",
    "Items: what broke about payments, lines and statements",
)


@cache
def outcome_of(name: str) -> Outcome:
    seed = 11 if name == "storm_rails" else 0
    return run(name, seed=seed, short=True)


@cache
def page_of(name: str) -> str:
    return report(outcome_of(name))


def sections(outcome: Outcome) -> SettlingSections:
    return SettlingSections(outcome, history(outcome.store), lambda svg: svg)


@each_run
def test_a_report_of_settlement_stands_alone_and_is_the_same_each_time(name: str) -> None:
    html = page_of(name)
    reader = Reader(html)
    assert all(load.startswith(("#", "data:")) for load in reader.loads)
    assert len(reader.ids) == len(set(reader.ids))
    assert html == report(outcome_of(name))
    for head in HEADS:
        assert head in reader.words


def test_a_report_without_rails_has_none_of_it() -> None:
    html = report(run(find("lost_frame"), seed=3, short=True))
    assert all(head not in html for head in HEADS)


@each_run
def test_the_customers_figure_ends_as_customers_see_it(name: str) -> None:
    outcome = outcome_of(name)
    at, counts = sections(outcome)._seen()
    transfers = outcome.state.settlement.transfers.values()
    seen = [view(outcome.state, each)[0] for each in transfers if each.customer]
    assert {status: values[-1] for status, values in counts.items()} == {
        status: seen.count(status) for status in plots.SEEN
    }
    assert at == sorted(at)
    assert min(min(values) for values in counts.values()) == 0
    assert {len(values) for values in counts.values()} == {len(at)}


def test_each_limit_has_a_panel_with_its_bound() -> None:
    words = Reader(page_of("storm_rails")).words
    assert len(re.findall(r"at most [0-9.]+ of (?:4000|5000)", words)) == 5
    assert "No limit was set in this run" in Reader(page_of("stuck_mempool")).words


def test_what_is_contingent_at_the_end_is_the_ledgers() -> None:
    outcome = outcome_of("storm_rails")
    found = sections(outcome)._contingents()
    assert set(found) >= {"USD", "EUR"}
    for asset, (_, by_rail, _) in found.items():
        for rail, values in by_rail.items():
            units = outcome.state.settlement.ledger[f"contingent/{rail}/{asset}"]
            assert values[-1] == units / 10 ** outcome.state.decimals[asset]


def test_the_stuck_table_names_each_payment_under_way() -> None:
    """A day into the storm, as if the run had ended there."""
    outcome = outcome_of("storm_rails")
    then = replace(outcome, state=state_at(outcome.store, BETWEEN))
    html = sections(then)._stuck()
    moving = [n for n, leg in then.state.settlement.legs.items() if leg.status == "in_flight"]
    assert len(moving) > 5
    assert all(name in html for name in moving)
    assert "no return until its deadline" in html
    late = replace(outcome, state=state_at(outcome.store, BETWEEN))
    late.state.now += 30 * 86_400 * 10**9
    assert 'class="bad"' in sections(late)._stuck()
    assert ('class="bad"' in html) == any(row.late for row in stuck(then.state))


def test_open_items_come_first_and_closed_ones_say_how_they_ended() -> None:
    """Of a run in which nobody repairs anything."""
    alone = find("storm_rails").model_copy(update={"operators": ()})
    outcome = run(alone, seed=11, short=True)
    settlement, html = outcome.state.settlement, report(outcome)
    assert settlement.items
    alarm = html[html.index('class="alarm"') : html.index("What was claimed")]
    for item in settlement.items.values():
        assert item.subject in alarm
    assert len(settlement.closed) > 3
    for closed in settlement.closed:
        assert closed.resolution in Reader(html).words


def test_a_payment_that_stands_otherwise_than_its_rail_has_it_is_bad_news() -> None:
    outcome = outcome_of("stuck_mempool")
    settling = dict(outcome.summary["settlement"])
    wrong = {"payment": "p-7", "scheme": "evm", "books": "settled", "truth": "failed", "at_s": 1.0}
    settling["detail"] = [wrong, {"ledger": "USD: the ledger sums to 3"}]
    spoiled = replace(outcome, summary={**outcome.summary, "settlement": settling})
    html = report(spoiled)
    assert "1 payment that its rail has otherwise" in html[: html.index("What was claimed")]
    assert "USD: the ledger sums to 3" in html
    assert 'class="alarm"' not in page_of("stuck_mempool")


def test_an_item_is_found_so_long_after_it_was_booked() -> None:
    """By the bank's own time of the line that showed it, to the moment when it had a name."""
    outcome = outcome_of("storm_rails")
    settlement, told = outcome.state.settlement, history(outcome.store).settled
    items = [*settlement.items.values(), *settlement.closed]
    item = next(each for each in items if each.cause in UNEXPLAINED)
    line = next(e for e in told.entries if e.entry.frame == item.evidence[0])
    after = sections(outcome)._found_after(item)
    assert after == (item.opened_at - line.heard.what.booked_at) / 10**9
    assert 0 < after < 20_000
