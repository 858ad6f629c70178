"""The section of a report about risk: limits, what was open of them, refusals, tails and margin."""

import re
from functools import cache

from tests.test_report import Reader
from tieout.reports.history import history
from tieout.reports.outcome import Outcome
from tieout.reports.report import report
from tieout.risk.report import RiskSection
from tieout.runs import run

HEADS = (
    "Limits, and how close they came",
    "What was refused, and why",
    "Tails and named stress",
    "Margin, when a liquidation was nearest",
)


@cache
def outcome() -> Outcome:
    return run("stress_bounds_the_firm", 0, short=True)


@cache
def page() -> str:
    return report(outcome())


def section(of: Outcome) -> str:
    return str(RiskSection(of, history(of.store), lambda svg: svg).html())


def test_a_page_of_a_run_under_limits_has_it_and_no_other_has() -> None:
    titles = re.findall(r"<h[23]>(.*?)</h[23]>", page())
    assert [title for title in titles if title in HEADS] == list(HEADS)
    assert HEADS[0] not in report(run("lost_frame", 0, short=True))


def test_the_page_is_whole_and_the_same_each_time() -> None:
    reader = Reader(page())
    assert len(reader.ids) == len(set(reader.ids))
    assert [each for each in reader.loads if not each.startswith("#")] == []
    assert page() == report(outcome())
    assert "<!--figure" not in page()


def test_the_line_that_came_closest_stands_first_and_its_figures_are_those_of_the_table() -> None:
    used = outcome().utilisation.query("limit > 0")
    share = (used.used.astype(float) / used.limit.astype(float)).max()
    first = re.search(r"<tr><td>([^<]*)</td>.*?</tr>", section(outcome()))
    assert first is not None
    assert f"{100 * share:.1f} %" in first[0]
    of = used[used.line == first[1]]
    assert (of.used.astype(float) / of.limit.astype(float)).max() == share


def test_each_code_is_counted_and_explained_once() -> None:
    codes = outcome().refusals.code.value_counts()
    assert len(codes) > 2
    for code, times in codes.items():
        told = re.findall(
            rf"<td class=\"mono\">{code}</td><td class=\"n\">([0-9,]+)</td>", section(outcome())
        )
        assert told == [f"{times:,}"], code


def test_tails_stress_and_margin_are_what_was_reported() -> None:
    """The nearest liquidation of the section is the nearest of all reports."""
    measures, told = outcome().measures, section(outcome())
    nearest = measures[measures.figure == "liquidation"].groupby("of").amount.min()
    assert len(nearest) == 2
    for account, share in nearest.items():
        cells = re.search(
            rf"<tr><td>{account}</td>(<td[^>]*>[^<]*</td>){{3}}<td class=\"n\">([^<]*)<", told
        )
        assert cells is not None
        assert cells[2] == f"{100 * float(share):.1f} %"
    for name in ("crash", "squeeze", "apart", "value at risk, 99 %", "expected shortfall"):
        assert name in told
    assert f"{outcome().summary['risk']['stress_max']:.2f} that the worst named stress" in told
