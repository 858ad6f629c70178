"""A venue's record is read page by page, whatever a page holds and wherever it ends."""

from itertools import pairwise

import pytest

from core.events import FillReported, PageReported, ProgressReported
from core.journal import decode_event, decode_frame
from scenarios.model import BadScenario, check, find
from tieout.reports.outcome import Outcome
from tieout.runs import run
from tieout.world.twins import TWINS
from venues.exchange import Exchange

ROWS = 3


@pytest.fixture(scope="module")
def tiny() -> Outcome:
    return run("tiny_pages", 2, short=True, sampled=False)


def test_every_claim_holds_with_three_rows_a_page(tiny: Outcome) -> None:
    assert [each.figure for each in tiny.claims if not each.held] == []


@pytest.mark.parametrize("venue", TWINS)
def test_pages_are_really_that_small_and_follow_one_another(venue: str, tiny: Outcome) -> None:
    """Each venue caps its pages, says or shows that there is more, and is asked on."""
    pages = pages_of(tiny, f"{venue}/main")
    sizes = [len(facts) for facts, _ in pages]
    assert max(sizes) == ROWS
    subjects = {page.subject for _, page in pages if page.more}
    assert len(subjects) >= 2, "of more than one instrument, or of the ledger"
    assert sum(page.more for _, page in pages) >= 5


def test_a_page_ends_within_a_millisecond_at_some_venue(tiny: Outcome) -> None:
    """Rows of one time on both sides of a page's edge: a cursor by time alone would lose one."""
    split = 0
    for venue in TWINS:
        for (facts, page), (after, following) in pairwise(pages_of(tiny, f"{venue}/main")):
            if page.more and page.subject == following.subject:
                split += bool({fact.occurred_at for fact in facts} & {f.occurred_at for f in after})
    assert split >= 3


Fill = FillReported | ProgressReported


def pages_of(outcome: Outcome, account: str) -> list[tuple[list[Fill], PageReported]]:
    """Each page of the account's record that was read, with the fills that stood in it."""
    frames = {
        record.number: decode_frame(record)
        for record in outcome.store.records()
        if record.kind == "frame"
    }
    told: dict[int, list[Fill]] = {}
    pages: list[tuple[list[Fill], PageReported]] = []
    for record in outcome.store.records():
        if record.kind != "event":
            continue
        event = decode_event(record.body)
        if not event.frame or frames[event.frame].account != account:
            continue
        if isinstance(event, FillReported | ProgressReported):
            told.setdefault(event.frame, []).append(event)
        elif isinstance(event, PageReported):
            pages.append((told.get(event.frame, []), event))
    return pages


@pytest.mark.parametrize("venue", TWINS)
def test_a_venue_gives_no_more_rows_than_its_documentation_says(venue: str) -> None:
    habits = TWINS[venue].habits()
    exchange = Exchange("a/b", habits, None, None, None)  # type: ignore[arg-type]
    assert habits.page_rows_max in (100, 1000)
    assert exchange.rows("5000") == habits.page_rows_max
    assert exchange.rows(7) == 7


def test_a_page_too_small_to_move_on_is_refused() -> None:
    """What was read last is read again, and a trade with oneself has two rows of one id."""
    told = find("lost_frame").model_dump(mode="json")
    told["venues"] = [{"dialect": "binance_spot", "page_rows": 2}]
    with pytest.raises(BadScenario, match=r"venues\.0\.page_rows: found 2: .*at least 3"):
        check(told, "small")
