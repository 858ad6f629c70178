"""The report: it stands alone, says all that was claimed, and never hides bad news."""

import re
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser

import pytest

from core.state import Drift, Reading
from scenarios.model import ClaimSpec, find
from tieout.reports import plots
from tieout.reports.outcome import Outcome, Sample
from tieout.reports.page import page, text
from tieout.reports.plots import Point
from tieout.reports.report import pretty, report
from tieout.reports.words import duration
from tieout.runs import run

RUNS = ("lost_frame", "demo", "spot_weather", "binance_usdm_weather", "coinbase_weather")
each_run = pytest.mark.parametrize("name", RUNS)
VOID = ("meta", "br", "hr", "img", "link", "input")


@cache
def outcome_of(name: str) -> Outcome:
    return run(name, seed=3, short=True)


@cache
def page_of(name: str) -> str:
    return report(outcome_of(name))


class Reader(HTMLParser):
    """What a browser would make of a page: its text, its ids, and all that it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
                self.loads.append(value or "")
            if name == "style" and value:
                self.loads += re.findall(r"url\((.*?)\)", value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@each_run
def test_a_report_stands_alone(name: str) -> None:
    """No script, and nothing that a browser would fetch: all references stay in the page."""
    html = page_of(name)
    reader = Reader(html)
    assert all(load.startswith(("#", "data:")) for load in reader.loads), reader.loads
    assert not {"script", "link", "iframe", "object", "embed"} & set(reader.tags)
    assert "@import" not in html
    assert not re.search(r"https?://", html)


@each_run
def test_each_id_stands_once_and_each_reference_leads_somewhere(name: str) -> None:
    """Plots side by side must not borrow one another's clips."""
    reader = Reader(page_of(name))
    assert len(reader.ids) == len(set(reader.ids))
    targets = {load[1:] for load in reader.loads if load.startswith("#")}
    assert targets <= set(reader.ids)


@each_run
def test_the_same_outcome_gives_the_same_page(name: str) -> None:
    assert report(outcome_of(name)) == page_of(name)


@each_run
def test_every_claim_stands_there_with_its_figure_and_its_bound(name: str) -> None:
    outcome = outcome_of(name)
    words = Reader(page_of(name)).words
    for claim in outcome.claims:
        for part in (claim.claim, *claim.figure.split(" = "), claim.bound):
            assert part in words
    for part in (outcome.scenario.name, outcome.scenario.claim, outcome.summary["digest"]):
        assert part in words
    for kind, number in outcome.summary["faults"].items():
        assert f"{kind.replace('_', ' ')}{number:,}" in words


def test_a_run_that_held_says_so_and_rings_no_alarm() -> None:
    html = page_of("lost_frame")
    assert outcome_of("lost_frame").held
    assert "<b>Held.</b>" in html
    assert "FAILED" not in html
    assert "Open ends" not in html


def test_a_claim_that_failed_is_shown_as_failed() -> None:
    """In the verdict, with its figure, and in the table of claims, marked."""
    wrong = ClaimSpec(claim="pigs fly", figure="faults.lost_frame", equals=Decimal(0))
    scenario = find("lost_frame")
    outcome = run(scenario.model_copy(update={"claims": (wrong,)}), seed=3, short=True)
    html = report(outcome)
    lost = outcome.summary["faults"]["lost_frame"]
    assert not outcome.held
    assert "<b>Failed.</b>" in html
    assert "<b>Held.</b>" not in html
    assert html.count("FAILED") == 1
    row = next(part for part in html.split("<tr") if "FAILED" in part)
    assert row.startswith(' class="bad"')
    assert "pigs fly" in row
    assert f">{lost}<" in row


def test_open_ends_come_before_everything_else_and_in_red() -> None:
    """A silent difference, an open break, a sum that is not the truth's: each is spelled out."""
    outcome = run("lost_frame", seed=3, short=True)
    holding = "binance_spot/main/XRP/cash"
    reading = Reading(holding, 0, 0, 0, 0, 0, 0, 77, 0)
    outcome.state.breaks[holding] = Drift(reading=reading, size=12345, opened_at=0, number=9)
    silent = {"at_s": 1.5, "holding": holding, "truth": "7", "books": "8", "named": None}
    outcome.summary |= {"silent_differences": 1, "silent": [silent]}
    html = report(outcome)
    alarm = html.index('<section class="alarm">')
    assert alarm < html.index("What was claimed")
    section = html[alarm : html.index("</section>", alarm)]
    for part in ("1 difference that nobody named", "1.500 s", "0.00012345", ">9<", holding):
        assert part in section


@pytest.mark.parametrize(
    ("sums", "orders", "head", "more"),
    [
        (2, 1, "2 sums and 1 order that differ", ""),
        (0, 2, "2 orders that differ", ""),
        (1, 0, "1 sum that differs", ""),
        (24, 1, "24 sums and 1 order that differ", "and 4 more"),
    ],
)
def test_what_differs_at_the_end_is_counted_as_what_it_is(
    sums: int, orders: int, head: str, more: str
) -> None:
    """An order is no sum; alone it is shown as well, and what has no row is counted."""
    outcome = run("lost_frame", seed=3, short=True)
    detail = [
        {"what": f"{kind} {n}", "truth": "7", "books": "8", "of": kind}
        for kind, number in (("money", sums), ("orders", orders))
        for n in range(min(number, 20))
    ]
    counts = {"holdings": 0, "money": sums, "positions": 0, "orders": orders}
    outcome.summary |= {"differences": {**counts, "detail": detail}}
    html = report(outcome)
    section = html[html.index('<section class="alarm">') :].split("</section>")[0]
    assert f"<h3>{head} from the truth at the end</h3>" in section
    assert section.count("<tr>") == 1 + len(detail)
    assert more in section
    assert ("more" in section) == bool(more)


def test_a_scenario_that_covers_no_row_says_nothing_of_rows() -> None:
    outcome = run("lost_frame", seed=3, short=True)
    assert "<dt>covers</dt>" in report(outcome)
    outcome.scenario = outcome.scenario.model_copy(update={"covers": ()})
    assert "<dt>covers</dt>" not in report(outcome)


def test_the_figure_that_is_traced_was_hidden_and_its_bytes_are_shown() -> None:
    """The story of one lost fill, from the venue's truth to the frame that told it at last."""
    html = page_of("lost_frame")
    story = html[html.index("One figure, down to its bytes") :]
    assert "never arrives" in story
    frame = re.search(r"Frame (\d+) \((\w+)\) tells it: booked as event (\d+)", story)
    assert frame is not None
    fills = outcome_of("lost_frame").fills
    fill = fills[fills.event == int(frame[3])].iloc[0]
    assert (fill.frame, fill.channel, fill.told) == (int(frame[1]), frame[2], "booked")
    assert f"<mark>{fill.fill_id}</mark>" in story


@each_run
def test_each_holding_is_sampled_from_the_start_to_the_end(name: str) -> None:
    """A run that held ends, in each panel, on no difference, and each line spans the axis."""
    outcome = outcome_of(name)
    assert outcome.held
    end = outcome.started_at + round(outcome.summary["simulated_seconds"] * 1e9)
    by_holding: dict[str, list[Sample]] = {}
    for sample in outcome.samples:
        by_holding.setdefault(sample.holding, []).append(sample)
    assert set(outcome.state.holdings) <= set(by_holding)
    for samples in by_holding.values():
        moments = [sample.at for sample in samples]
        assert moments == sorted(moments)
        assert (moments[0], moments[-1]) == (outcome.started_at, end)
        assert samples[-1].truth == samples[-1].books


def test_what_opens_flat_begins_at_nothing() -> None:
    """Changes are counted from the opening, and not from the first fill."""
    outcome = outcome_of("binance_usdm_weather")
    first: dict[str, Sample] = {}
    for sample in outcome.samples:
        first.setdefault(sample.holding, sample)
    legs = [sample for name, sample in first.items() if not name.endswith("/cash")]
    assert legs
    assert all(sample.truth == sample.books == 0 for sample in legs)


@pytest.mark.parametrize("name", [*RUNS, "storm_venues"])
def test_no_difference_is_drawn_longer_than_it_lasted(name: str) -> None:
    """Within its bound it is over, or named: also what only the venue's next change settled."""
    outcome = outcome_of(name)
    bounds = outcome.summary["detection_bound_ns"]
    began: dict[str, int] = {}
    for sample in outcome.samples:
        if sample.truth != sample.books:
            began.setdefault(sample.holding, sample.at)
        elif sample.holding in began:
            start = began.pop(sample.holding)
            named = any(
                each.holding == sample.holding and start < each.closed_at <= sample.at
                for each in outcome.state.resolved
            )
            account = sample.holding.rsplit("/", 2)[0]
            assert named or sample.at - start <= bounds[account]
    assert not began


def test_a_panel_of_what_never_moved_has_no_scale() -> None:
    """One tick, the zero: any other would be of matplotlib's choosing."""
    still = [Point(0.0, Decimal(5), Decimal(5)), Point(90.0, Decimal(5), Decimal(5))]
    words = re.findall(r"<text[^>]*>([^<]*)<", plots.against_truth(still, (), 90.0))
    assert [word for word in words if ":" not in word and word[0] in "-0123456789"] == ["0", "0"]


def test_an_axis_has_one_unit() -> None:
    """Its labels stay short enough for their margin."""
    tiny = [Point(0.0, Decimal(0), Decimal(0)), Point(9.0, Decimal("-0.00025"), Decimal(0))]
    words = re.findall(r"<text[^>]*>([^<]*)<", plots.against_truth(tiny, (), 10.0))
    assert [word for word in words if word.endswith("µ")]
    assert all(len(word) <= 7 for word in words if word[0] in "-0123456789")


def test_each_bound_is_named_once_where_it_cannot_cover_another() -> None:
    """Five bounds close together: the legend says which is whose."""
    found = {"a/main": [0.5], "b/main": [0.7], "c/main": [1.0]}
    svg = plots.seconds_to_find(found, {"a/main": 3.1, "b/main": 3.12, "c/main": 3.18})
    words = re.findall(r"<text[^>]*>([^<]*)<", svg)
    assert [word for word in words if "bound" in word] == [
        "detection bounds",
        "a/main, bound 3.1 s",
        "b/main, bound 3.12 s",
        "c/main, bound 3.18 s",
    ]
    same = plots.seconds_to_find(found, dict.fromkeys(found, 3.1))
    assert "detection bound: 3.1 s" in same
    assert "a/main, bound" not in same


@each_run
def test_no_word_is_said_twice_of_a_posting(name: str) -> None:
    assert "opening opening" not in page_of(name)


@each_run
def test_what_does_not_fit_a_telephone_says_that_it_scrolls(name: str) -> None:
    """All plots and all tables of many columns; claims are stacked there, and never scroll."""
    html = page_of(name)
    assert html.count('<div class="plot') == html.count('<div class="plot wide">') > 0
    for table in html.split('<div class="scroll')[1:]:
        columns = table[: table.index("</thead>")].count("</th>")
        assert table.startswith(" wide") == (columns > 5), table[:300]
        assert ('<table class="claims">' in table[:60]) == ("wanted" in table[:400])


def test_what_venues_say_cannot_become_markup() -> None:
    """A reason with a tag in it is shown, not obeyed."""
    assert text("<script>&") == "&lt;script&gt;&amp;"
    assert "<title>a &lt;b&gt;</title>" in page("a <b>", text(""))
    outcome = run("lost_frame", seed=3, short=True)
    evil = '<img src="https://x.example/a.png">'
    outcome.scenario = outcome.scenario.model_copy(update={"claim": evil})
    reader = Reader(report(outcome))
    assert evil in reader.words
    assert "img" not in reader.tags


def test_words() -> None:
    assert [duration(s) for s in (0.027, 1.5, 119, 150, 600, 8000)] == [
        "27 ms",
        "1.5 s",
        "119 s",
        "2 min 30 s",
        "10 min",
        "2 h 13 min",
    ]
    assert pretty('{"a":"{,:}","b":[1,2]}') == (
        '{\n  "a": "{,:}",\n  "b": [\n    1,\n    2\n  ]\n}'
    )
    assert pretty("35=8|10=1|") == "35=8\n10=1\n"
