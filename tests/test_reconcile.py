"""Statements against the books, at the statement's own as-of; suspects, breaks, how they close."""

from __future__ import annotations

from typing import Any

import pytest

from core.causes import REMEDIES
from core.effects import FetchInstruments, PlaceOrder, RaiseAlert, TellStrategy
from core.events import PositionModeReported
from core.reconcile import RESOLVED_KEPT, judge, on_closing
from core.reconcile import _older as is_older
from core.settlement_state import Unread
from core.state import Reading, Resolved
from tests.facts import (
    PERP,
    SPOT,
    Books,
    bust,
    fill,
    ms,
    names,
    only,
    opened,
    page,
    perp_books,
    report,
    spot,
    spot_books,
    started,
    statement,
    stream,
    units,
    wish,
)

XRP = "venue/main/XRP/cash"
MORE = fill("1", "buy", "100", "0.001", at=1000, value=units("0.1"))


def balances(xrp: str, *, as_of: int | None, heard: int, eth: str = "10", **terms: Any) -> Any:
    return statement({"XRP": xrp, "ETH": eth}, as_of=as_of, heard=heard, **terms)


def backfilled(books: Books, *, at: int, account: str = SPOT) -> list[Any]:
    """The round of back-fill that runs ends, and found nothing."""
    effects = []
    for subject in list(books.account(account).backfill.waiting):
        effects += books.tell(page(subject, "", at=at, account=account))
    return effects


def disagree(books: Books, xrp: str, *, at: int, **terms: Any) -> list[Any]:
    """A statement that disagrees is heard and falls due."""
    books.tell(balances(xrp, as_of=at - 10, heard=at, **terms))
    return books.ring("readings/venue/main")


def broken(xrp: str = "1050", **terms: Any) -> Books:
    """Books in which the venue insists on another figure until a break is open."""
    books = spot_books(**terms)
    disagree(books, xrp, at=2000)
    backfilled(books, at=2500)
    disagree(books, xrp, at=3000)
    return books


# --- as-of ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("xrp", "eth", "as_of"),
    [("1000", "10", 990), ("1100", "9.9", 1000), ("1100", "9.9", 2500)],
    ids=["before the fill", "with the fill", "long after it"],
)
def test_a_statement_is_compared_at_its_own_as_of(xrp: str, eth: str, as_of: int) -> None:
    """Our books hold the fill already; a statement older than it agrees without it (V16)."""
    books = spot_books()
    books.tell(MORE)
    books.tell(balances(xrp, eth=eth, as_of=as_of, heard=2600))
    assert not books.doubted()


@pytest.mark.parametrize(
    ("xrp", "as_of"), [("1100", 990), ("1000", 1010)], ids=["too much then", "too little now"]
)
def test_what_would_be_right_at_another_moment_is_wrong_at_its_own(xrp: str, as_of: int) -> None:
    books = spot_books()
    books.tell(MORE, balances(xrp, as_of=as_of, heard=2600))
    books.ring("readings/venue/main")
    assert books.suspect("XRP") == str(int(xrp) - (1100 if as_of > 1000 else 1000))


def test_a_statement_that_overtakes_its_fills_waits_for_them() -> None:
    """Parked while what explains it may be on the wire; the fill comes, and nothing was wrong."""
    books = spot_books()
    effects = books.tell(balances("1100", eth="9.9", as_of=1000, heard=1005))
    assert names(effects) == []
    assert not books.state.suspects
    books.tell(MORE)
    books.ring("readings/venue/main")
    assert not books.doubted()


def test_of_a_reading_of_the_same_millisecond_either_figure_may_be_meant() -> None:
    """Told the earlier of its tick's two figures it is weak: read again at once, not believed."""
    books = spot_books()
    books.tell(MORE)
    effects = books.tell(balances("1000", as_of=1000, heard=1100))
    assert "FetchStatement balances" in names(effects)
    assert not books.doubted()


def test_weak_readings_are_asked_again_a_few_times_then_suspected() -> None:
    """A venue that never counts the last fill in cannot hide behind its coarse clock for ever."""
    books = spot_books()
    asked = []
    for n in range(5):
        at = 1000 + 10 * n
        books.tell(fill(f"{n}", "buy", "1", "0.001", at=at, value=units("0.001")))
        told = balances(f"{1000 + n}", eth=f"{10 - n / 1000:.3f}", as_of=at, heard=at + 100)
        asked.append("FetchStatement balances" in names(books.tell(told)))
    assert asked == [True, True, True, False, False]
    books.ring("readings/venue/main")
    assert (books.suspect("XRP"), books.suspect("ETH")) == ("-1", "0.001")


def test_a_weak_reading_told_again_with_the_same_as_of_is_not_asked_a_third_time() -> None:
    """All of that tick is in it by then: nothing is left to wait for."""
    books = spot_books()
    books.tell(MORE)
    first = books.tell(balances("1000", as_of=1000, heard=1100))
    second = books.tell(balances("1000", as_of=1000, heard=1200))
    assert (len(names(first)), len(names(second))) == (2, 0)
    books.ring("readings/venue/main")
    assert books.suspect("XRP") == "-100"


def test_a_row_with_a_sequence_is_compared_at_that_sequence() -> None:
    """Not at its time: the venue's own order of fills is exact where its clock is not."""
    books = perp_books()
    for n, amount in enumerate(("1", "2", "4"), 1):
        books.tell(
            fill(f"{n}", "buy", amount, "50000", sequence=n, account=PERP, instrument="BTC-PERP")
        )
    for sequence, held in ((1, "1"), (2, "3"), (3, "7")):
        books.tell(positions({"BTC-PERP/net": held}, sequence=sequence))
        assert not books.doubted()
    books.tell(positions({"BTC-PERP/net": "7"}, sequence=2))
    books.ring("readings/perps/main")
    assert books.suspect("BTC-PERP", "net", PERP) == "4"


def positions(rows: dict[str, str], *, sequence: int = 0, at: int = 2000, **terms: Any) -> Any:
    """A statement of positions."""
    told = statement(rows, as_of=at - 10, heard=at, account=PERP, kind="positions", **terms)
    if not sequence:
        return told
    lines = [type(row)(row.subject, row.leg, row.amount, 0, sequence) for row in told.rows]
    return type(told)(
        received_at=told.received_at,
        account=PERP,
        kind="positions",
        rows=tuple(lines),
        asked_at=told.asked_at,
        as_of=told.as_of,
    )


@pytest.mark.parametrize(
    ("xrp", "verdict"),
    [("1100", "agrees"), ("1000", "asked again"), ("1042", "parked")],
    ids=["the last figure", "the first", "none of them"],
)
def test_a_read_without_as_of_holds_somewhere_between_question_and_answer(
    xrp: str, verdict: str
) -> None:
    """The fill fell between: told the last figure it agrees, told the first it proves little."""
    books = spot_books(bracketed=True)
    books.tell(MORE)
    effects = books.tell(balances(xrp, eth="9.9", as_of=None, asked=900, heard=1100))
    assert ("FetchStatement balances" in names(effects)) == (verdict == "asked again")
    assert ("venue/main/XRP/cash" in books.state.readings) == (verdict == "parked")
    assert not books.state.suspects


def test_a_bracketed_read_of_quiet_books_agrees_or_differs_outright() -> None:
    books = spot_books(bracketed=True)
    books.tell(balances("1000", as_of=None, heard=1100))
    assert not books.doubted()
    books.tell(balances("1042", as_of=None, heard=2100))
    books.ring("readings/venue/main")
    assert books.suspect("XRP") == "42"


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ("1003", "agrees"),
        ("997", "agrees"),
        ("1003.00000001", "differs"),
        ("996.99999999", "differs"),
        ("897", "weak"),
        ("903", "weak"),
        ("896.99999999", "differs"),
        ("903.00000001", "differs"),
    ],
)
def test_what_is_in_doubt_does_not_differ(told: str, verdict: str) -> None:
    """Within a provisional value's doubt a line agrees; a unit beyond it does not. 100 came in the
    very tick of the statement: it may be meant without them."""
    books = spot_books(xrp="900")
    books.tell(fill("1", "buy", "100", "0.001", at=1000))
    books.state.doubts[XRP] = units("3")
    (row,) = statement({"XRP": told}, as_of=1000, heard=1100).rows
    reading = Reading(XRP, row.amount, ms(999), ms(1000), 0, ms(1080), ms(1100), 1, ms(1500))
    size = 0 if verdict == "agrees" else units(told) - units("1000")
    assert judge(books.state, reading) == (verdict, size)


@pytest.mark.parametrize("off", [-1, 1])
def test_where_nothing_is_in_doubt_one_unit_differs(off: int) -> None:
    books = spot_books()
    reading = Reading(XRP, units("1000") + off, ms(999), ms(1000), 0, ms(1080), ms(1100), 1, 0)
    assert judge(books.state, reading) == ("differs", off)


@pytest.mark.parametrize(("tick_ns", "verdict"), [(10**6, "differs"), (10**6 + 1, "inconclusive")])
def test_within_one_tick_of_the_tellers_clock_a_figure_that_is_neither_differs(
    tick_ns: int, verdict: str
) -> None:
    """Its size is counted from the tick's last; where the books moved in a wider bracket, it proves
    nothing."""
    books = spot_books()
    books.tell(MORE)
    hi = ms(1000)
    reading = Reading(XRP, units("1042"), hi - tick_ns, hi, 0, hi, hi, 1, hi)
    assert judge(books.state, reading) == (verdict, units("-58"))


@pytest.mark.parametrize(
    ("moved_at", "told", "verdict"),
    [
        (951, "1000", "weak"),  # the fill came within 50 ms before we asked
        (950, "1000", "differs"),
        (950, "1100", "agrees"),
        (1150, "1100", "agrees"),  # or within 50 ms after the answer
        (1150, "1000", "weak"),
        (1151, "1000", "agrees"),
        (1151, "1100", "differs"),
    ],
)
def test_a_read_without_as_of_is_bracketed_by_as_much_as_the_clocks_may_differ(
    moved_at: int, told: str, verdict: str
) -> None:
    """Asked at 1000 and answered at 1100 by our clock, which may be 50 ms off theirs."""
    books = spot_books(bracketed=True, clock_error_ns=50 * 10**6)
    books.tell(fill("1", "buy", "100", "0.001", at=moved_at, heard=1090, value=units("0.1")))
    effects = books.tell(statement({"XRP": told}, as_of=None, asked=1000, heard=1100))
    assert ("FetchStatement balances" in names(effects)) == (verdict == "weak")
    assert (XRP in books.state.readings) == (verdict == "differs")


@pytest.mark.parametrize(("moved_at", "verdict"), [(999, "differs"), (1000, "weak")])
def test_an_as_of_is_as_wide_as_its_tick(moved_at: int, verdict: str) -> None:
    """One of 1000 ms, to the millisecond, has in it all that happened at 999."""
    books = spot_books()
    books.tell(fill("1", "buy", "100", "0.001", at=moved_at))
    effects = books.tell(statement({"XRP": "1000"}, as_of=1000, heard=1100))
    assert ("FetchStatement balances" in names(effects)) == (verdict == "weak")
    assert (XRP in books.state.readings) == (verdict == "differs")


# --- what was not told ---------------------------------------------------------------------------


def test_absence_in_a_complete_statement_means_zero() -> None:
    """A position the venue no longer lists is closed there: ours is suspected at its full size."""
    books = perp_books()
    books.tell(fill("1", "buy", "3", "50000", account=PERP, instrument="BTC-PERP"))
    books.tell(positions({}))
    books.ring("readings/perps/main")
    assert books.suspect("BTC-PERP", "net", PERP) == "-3"


@pytest.mark.parametrize("rows", [{}, {"BTC-PERP/net": "5"}], ids=["nothing", "another figure"])
def test_what_is_pushed_incompletely_can_agree_but_never_accuse(rows: dict[str, str]) -> None:
    books = perp_books()
    books.tell(fill("1", "buy", "3", "50000", account=PERP, instrument="BTC-PERP"))
    books.tell(positions(rows, complete=False))
    assert not books.doubted()


@pytest.mark.parametrize(("as_of", "left"), [(3100, "50"), (3101, None)])
def test_a_push_of_the_moment_that_a_read_told_is_no_newer_than_the_read(
    as_of: int, left: str | None
) -> None:
    """A copy of an old push comes late: whoever asked afterwards was told more than it knows."""
    books = broken()
    books.tell(balances("1050", as_of=3100, heard=5000, asked=3050))
    books.ring("readings/venue/main")
    assert books.break_("XRP") == "50"
    books.tell(balances("1000", as_of=as_of, heard=6000, asked=6000, complete=False))
    assert books.break_("XRP") == left


@pytest.mark.parametrize(("as_of", "left"), [(1000, "50"), (1001, None)])
def test_nor_does_it_take_a_read_back_that_waits_to_be_judged(as_of: int, left: str | None) -> None:
    books = spot_books()
    books.tell(balances("1050", as_of=1000, heard=2000))
    books.tell(balances("1000", as_of=as_of, heard=2100, asked=2100, complete=False))
    books.ring("readings/venue/main")
    assert books.suspect("XRP") == left


@pytest.mark.parametrize("asked", [2990, 20_000])
def test_a_report_of_the_closing_s_moment_that_was_asked_for_later_settles_it(asked: int) -> None:
    books = broken()
    books.tell(balances("1000", as_of=2990, heard=30_000, asked=asked, complete=False))
    assert books.break_("XRP") is None


def test_a_statement_of_balances_says_nothing_of_positions() -> None:
    books = perp_books(btc="0")
    books.tell(fill("1", "buy", "3", "50000", account=PERP, instrument="BTC-PERP"))
    books.tell(statement({"USDT": "1000"}, as_of=1990, heard=2000, account=PERP))
    assert not books.doubted()


# --- one wrong read ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [{}, {"XRP": "4000", "ETH": "1030"}], ids=["empty", "wild"])
def test_one_wild_read_never_makes_a_break_nor_moves_the_books(rows: dict[str, str]) -> None:
    """Suspected, looked into, and closed as a stale snapshot by the next honest one (V15)."""
    books = spot_books()
    before = books.all_holdings()
    books.tell(statement(rows, as_of=990, heard=1000))
    books.ring("readings/venue/main")
    backfilled(books, at=1500)
    books.tell(balances("1000", as_of=1990, heard=2000))
    assert books.state.breaks_made == 0
    assert not books.doubted()
    assert books.endings() == [("stale_snapshot", "a later statement agrees")] * 2
    assert books.all_holdings() == before


@pytest.mark.parametrize(
    ("told", "reads"),
    [("1050", 2), ("2000", 2), ("0", 4), ("2001", 4), ("-2000", 2), ("-2001", 4)],
)
def test_an_absurd_figure_must_insist_longer_than_a_plausible_one(told: str, reads: int) -> None:
    books = spot_books()
    for n in range(reads):
        assert books.break_("XRP") is None
        disagree(books, told, at=2000 + 1000 * n)
        backfilled(books, at=2500 + 1000 * n)
    assert books.break_("XRP") == str(int(told) - 1000)


# --- from suspect to break -----------------------------------------------------------------------


def test_a_suspect_names_holding_and_signed_size_and_asks_for_the_venues_record() -> None:
    books = spot_books(ledger=True)
    effects = disagree(books, "950", at=2000)
    assert books.suspect("XRP") == "-50"
    assert names(effects) == ["FetchFills XRPETH after the start", "FetchLedger after the start"]
    assert books.state.breaks_made == 0


def test_a_suspect_that_survives_the_back_fill_is_read_again() -> None:
    books = spot_books()
    disagree(books, "1050", at=2000)
    assert names(backfilled(books, at=2500)) == ["FetchStatement balances"]
    assert books.suspect("XRP") == "50"


def test_all_that_survive_one_round_are_read_again() -> None:
    """A balance and a position: of either a statement is asked for."""
    books = perp_books()
    books.tell(statement({"USDT": "900", "BTC": "1"}, as_of=1990, heard=2000, account=PERP))
    books.tell(positions({"BTC-PERP/net": "2"}, at=2000))
    books.ring(f"readings/{PERP}")
    effects = backfilled(books, at=3000, account=PERP)
    assert set(names(effects)) >= {"FetchStatement balances", "FetchStatement positions"}


@pytest.mark.parametrize(("found_at", "survives"), [(ms(990), False), (ms(990) - 1, True)])
def test_a_round_proves_nothing_of_what_a_document_nobody_read_may_explain(
    found_at: int, *, survives: bool
) -> None:
    """One that was found since a statement's period before the difference."""
    books = spot_books()
    books.state.settlement.unread["d"] = Unread(SPOT, "d", "", found_at)
    disagree(books, "1050", at=2000)
    assert bool(names(backfilled(books, at=2500))) == survives
    assert books.state.suspects[XRP].survived == survives


def test_what_waits_for_such_a_document_long_enough_is_not_hidden_any_more() -> None:
    books = spot_books()
    books.state.settlement.unread["d"] = Unread(SPOT, "d", "", ms(1500))
    for at, broken_by_then in ((2000, None), (3000, None), (12_000, None), (13_000, "50")):
        disagree(books, "1050", at=at)
        assert books.break_("XRP") == broken_by_then
        backfilled(books, at=at + 500)


def test_a_closing_is_told_as_of_its_end_and_waits_for_what_may_explain_it() -> None:
    books = spot_books()
    books.tell(MORE)
    now = books.state.now
    on_closing(books.state, books.account(), "XRP", units("900"), ms(500), 7)
    at, due = ms(500), now + books.account().settle_ns
    assert books.state.readings == {
        XRP: Reading(XRP, units("900"), at, at, 0, now, now, 7, due, as_of_told=True)
    }


def test_what_falls_due_later_is_looked_at_then() -> None:
    """Of two readings of one account the other's time is armed once the first was judged."""
    books = spot_books()
    books.tell(statement({"XRP": "950", "ETH": "10"}, as_of=1990, heard=2000))
    books.tell(statement({"XRP": "950", "ETH": "9"}, as_of=2090, heard=2100))
    books.ring("readings/venue/main")
    assert (books.suspect("XRP"), books.suspect("ETH")) == ("-50", None)
    books.ring("readings/venue/main")
    assert books.suspect("ETH") == "-1"


def test_terms_are_asked_for_where_contracts_differ_and_not_where_cash_does() -> None:
    books = perp_books(instruments=True)
    books.tell(statement({"USDT": "900", "BTC": "1"}, as_of=1990, heard=2000, account=PERP))
    assert not only(FetchInstruments, books.ring(f"readings/{PERP}"))
    books.tell(positions({"BTC-PERP/net": "2"}, at=3000))
    assert only(FetchInstruments, books.ring(f"readings/{PERP}"))


def test_a_read_without_as_of_must_say_so_three_times() -> None:
    books = spot_books(bracketed=True)
    for at, broken_by_then in ((2000, None), (3000, None), (4000, "50")):
        books.tell(balances("1050", as_of=None, heard=at))
        books.ring("readings/venue/main")
        assert books.break_("XRP") == broken_by_then
        backfilled(books, at=at + 500)


@pytest.mark.parametrize(
    ("told", "than", "older"),
    [
        ((1000, 2500, True), (2000, 2000, True), True),
        ((2000, 2000, True), (1000, 2500, True), False),
        ((1000, 2500, True), (2000, 2000, False), False),
        ((1000, 2500, False), (2000, 2000, True), False),
        ((2000, 2000, False), (1000, 2500, True), True),
        ((2000, 2000, True), (2000, 2000, True), False),
    ],
)
def test_a_reading_is_older_by_its_as_of_or_where_one_has_none_by_its_question(
    told: tuple[int, int, bool], than: tuple[int, int, bool], *, older: bool
) -> None:
    """As of, asked at, and whether the as-of was told."""
    one, other = (
        Reading(XRP, 0, hi, hi, 0, asked_at, asked_at, 1, 0, as_of_told)
        for hi, asked_at, as_of_told in (told, than)
    )
    assert is_older(one, other) == older


def test_it_becomes_a_break_when_a_statement_asked_for_after_that_leaves_it_standing() -> None:
    books = spot_books()
    disagree(books, "1050", at=2000)
    backfilled(books, at=2500)
    effects = disagree(books, "1050", at=3000)
    assert (books.suspect("XRP"), books.break_("XRP")) == (None, "50")
    assert [alert.severity for alert in only(RaiseAlert, effects)] == ["critical"]


def test_no_number_of_reads_makes_a_break_without_a_back_fill() -> None:
    books = spot_books()
    for n in range(8):
        disagree(books, "1050", at=2000 + 1000 * n)
    assert books.state.breaks_made == 0
    assert books.suspect("XRP") == "50"


def test_a_statement_asked_for_before_the_back_fill_ended_makes_no_break() -> None:
    """It may be older than what the round has found."""
    books = spot_books()
    disagree(books, "1050", at=2000)
    backfilled(books, at=2995)
    disagree(books, "1050", at=3000, asked=2990)
    assert books.state.breaks_made == 0


def test_a_back_fill_that_began_before_the_suspicion_proves_nothing() -> None:
    """Another round follows the one under way, and only that one counts."""
    books = spot_books()
    books.tell(stream(at=1900))
    disagree(books, "1050", at=2000)
    assert names(backfilled(books, at=2500)) == ["FetchFills XRPETH after the start"]
    disagree(books, "1050", at=3000)
    assert books.state.breaks_made == 0
    backfilled(books, at=3500)
    disagree(books, "1050", at=4000)
    assert books.break_("XRP") == "50"


def test_a_suspect_whose_size_keeps_changing_is_looked_into_again() -> None:
    """Two readings that contradict one another are not yet a break."""
    books = spot_books()
    disagree(books, "1050", at=2000)
    backfilled(books, at=2500)
    disagree(books, "1060", at=3000)
    assert books.state.breaks_made == 0
    assert books.suspect("XRP") == "60"


def test_what_says_something_else_each_time_is_a_break_once_it_is_old() -> None:
    """Ten periods of statements are enough: a suspect that keeps changing is no way to hide."""
    books = spot_books()
    for n in range(11):
        disagree(books, f"10{n + 50}", at=2000 + 1000 * n)
        backfilled(books, at=2500 + 1000 * n)
        assert books.break_("XRP") is None
        assert books.suspect("XRP") == f"{n + 50}"
    disagree(books, "1070", at=13_000)
    assert (books.break_("XRP"), books.suspect("XRP")) == ("70", None)


def test_what_is_absurd_and_something_else_each_time_is_no_break_however_old() -> None:
    books = spot_books()
    for n in range(15):
        disagree(books, f"{9000 + n}", at=2000 + 1000 * n)
        backfilled(books, at=2500 + 1000 * n)
    assert (books.break_("XRP"), books.suspect("XRP")) == (None, "8014")


def test_beside_nothing_no_figure_is_absurd() -> None:
    books = spot_books(xrp="0")
    for at in (2000, 3000):
        disagree(books, "7", at=at)
        backfilled(books, at=at + 500)
    assert books.break_("XRP") == "7"


def test_back_fills_that_run_beside_every_statement_keep_no_break_from_opening() -> None:
    """A busy account without an as-of reads its record with each statement: what counts is the
    round that the suspect survived, not the latest."""
    books = spot_books(bracketed=True)
    for n in range(6):
        at = 2000 + 1000 * n
        books.tell(balances("1050", as_of=None, heard=at))
        books.ring("readings/venue/main")
        backfilled(books, at=at + 450)
        books.ring("statement/venue/main")
        backfilled(books, at=at + 985)  # asked for with the next statement, ends after it was asked
    assert books.break_("XRP") == "50"


# --- how they close ------------------------------------------------------------------------------

FOUND = fill("9", "buy", "50", "0.001", at=1500, heard=2600, value=units("0.05"))


def test_evidence_that_is_booked_closes_a_suspect_at_once() -> None:
    books = spot_books()
    disagree(books, "1050", at=2000, eth="9.95")
    books.tell(FOUND)
    assert not books.doubted()
    assert books.endings() == [("external_trade", "evidence booked")] * 2
    assert {each.number for each in books.state.resolved} == {0}


def test_evidence_that_is_booked_closes_a_break_and_says_what_it_was() -> None:
    books = broken()
    late = fill("9", "buy", "50", "0.001", at=1500, heard=4000, value=units("0.05"))
    books.tell(late)
    (resolved,) = [each for each in books.state.resolved if "XRP" in each.holding]
    assert (resolved.cause, resolved.resolution) == ("external_trade", "evidence booked")
    assert (resolved.size, resolved.number) == (units("50"), 1)
    assert resolved.broken_at - resolved.opened_at == 1000 * 10**6


def test_all_of_a_breaks_life_is_kept_and_counted() -> None:
    """What it was of, how long it was open, by which frames it was told and ended, and whose."""
    books = spot_books()
    books.state.moves = {}
    for at in (2000, 3000):
        told = balances("1050", as_of=at - 10, heard=at, frame=at)
        books.tell(told)
        due = books.state.alarms["readings/venue/main"]
        assert due == ms(at + 400)
        books.ring("readings/venue/main")
        backfilled(books, at=at + 500)
    assert only(RaiseAlert, books.done) == [
        RaiseAlert(
            severity="critical",
            subject=XRP,
            text=f"break 1: {XRP} differs by {units('50')} after back-fill and re-read",
        )
    ]
    books.tell(fill("9", "buy", "50", "0.001", at=1500, heard=4000, frame=7, value=units("0.05")))
    (resolved,) = [each for each in books.state.resolved if each.holding == XRP]
    assert resolved == Resolved(
        holding=XRP,
        size=units("50"),
        number=1,
        opened_at=ms(2400),
        broken_at=ms(3400),
        closed_at=ms(4000),
        cause="external_trade",
        owner="trading",
        proposal=REMEDIES["external_trade"].proposal,
        resolution="evidence booked",
        evidence=(3000, 7),
    )
    assert books.state.causes == {"external_trade": 1}
    assert books.state.resolved_made == 1
    assert books.state.moves == {
        "drift/none>suspect": 1,
        "drift/suspect>break": 1,
        "drift/break>resolved": 1,
    }
    counts = books.state.counts
    assert (counts["suspects/venue/main"], counts["breaks/venue/main"]) == (1, 1)
    assert counts["statements/venue/main"] == 2


def test_all_of_a_suspects_life_is_kept_and_counted() -> None:
    """It had no number and was no break; what a later statement ends was a stale one."""
    books = spot_books()
    books.state.moves = {}
    books.tell(balances("1050", as_of=1990, heard=2000, frame=5))
    books.ring("readings/venue/main")
    books.tell(balances("1000", as_of=2990, heard=3000, frame=6))
    assert books.state.resolved == [
        Resolved(
            holding=XRP,
            size=units("50"),
            number=0,
            opened_at=ms(2400),
            broken_at=0,
            closed_at=ms(3000),
            cause="stale_snapshot",
            owner="operations",
            proposal=REMEDIES["stale_snapshot"].proposal,
            resolution="a later statement agrees",
            evidence=(5, 6),
        )
    ]
    assert books.state.moves == {"drift/none>suspect": 1, "drift/suspect>explained": 1}


def test_a_contradiction_says_so_and_of_what_it_was_told() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"))
    books.state.moves = {}
    (opened, _) = only(RaiseAlert, books.tell(fill("7", "buy", "11", "0.001", frame=8, heard=300)))
    drift = books.state.breaks[XRP]
    assert opened.subject == XRP
    assert opened.text == f"break 1: {XRP} is told in two ways that contradict: {drift.proposal}"
    assert (drift.opened_at, drift.broken_at, drift.number) == (ms(300), ms(300), 1)
    assert drift.survived
    assert drift.reading == Reading(
        XRP, units("1010"), ms(300), ms(300), 0, ms(300), ms(300), 8, ms(300)
    )
    assert books.state.moves == {"drift/none>break": 1}
    assert books.state.counts["conflicts/venue/main"] == 1


def test_what_was_resolved_is_kept_to_a_number_but_all_of_one_step_is() -> None:
    """Who looks at each step misses none, however many one statement ends."""
    books = spot_books()
    coins = [f"C{n}" for n in range(70)]
    for start, told in ((2000, "5"), (4000, "0")):
        rows = dict.fromkeys(coins, told)
        books.tell(statement({"XRP": "1000", "ETH": "10", **rows}, as_of=start, heard=start + 10))
        if told == "5":
            books.ring("readings/venue/main")
            assert len(books.state.suspects) == 70
    assert len(books.state.resolved) == books.state.resolved_made == 70
    disagree(books, "1050", at=5000)
    books.tell(balances("1000", as_of=6000, heard=6010))
    assert (len(books.state.resolved), books.state.resolved_made) == (RESOLVED_KEPT, 71)
    assert books.state.resolved[-1].holding == XRP


def test_part_of_the_evidence_leaves_the_rest_named() -> None:
    books = broken("1050")
    books.tell(fill("9", "buy", "20", "0.001", at=1500, heard=4000))
    assert books.break_("XRP") == "30"


def test_what_happened_after_the_reading_explains_nothing() -> None:
    """A new fill of the same size moves venue and books alike: the break stays as it is."""
    books = broken("1050")
    books.tell(fill("9", "buy", "50", "0.001", at=5000))
    assert books.break_("XRP") == "50"


def test_the_cause_is_that_of_the_evidence() -> None:
    late = fill("9", "sell", "50", "0.001", at=1500, heard=4000, cause="liquidation")
    mine = fill("8", "buy", "50", "0.001", at=900, value=units("0.05"))
    by_liquidation, by_bust = broken("950"), spot_books()
    by_liquidation.tell(late)
    by_bust.tell(mine)
    disagree(by_bust, "1000", at=2000)
    by_bust.tell(bust(mine, at=1800))
    assert [cause for cause, _ in by_liquidation.endings()] == ["liquidation"]
    assert "bust" in [cause for cause, _ in by_bust.endings()]


def test_a_later_statement_that_agrees_closes_a_break() -> None:
    books = broken()
    books.tell(balances("1000", as_of=4990, heard=5000))
    assert not books.state.breaks
    assert books.endings()[-1][1] == "a later statement agrees"


def test_a_statement_that_was_asked_for_earlier_closes_nothing() -> None:
    """It agreed before the difference was told: it may be older than the drift."""
    books = broken()
    books.tell(balances("1000", as_of=1980, asked=1970, heard=5000))
    assert books.break_("XRP") == "50"


def test_a_break_follows_what_the_venue_says_later() -> None:
    books = broken("1050")
    disagree(books, "1070", at=5000)
    assert books.break_("XRP") == "70"
    assert books.state.breaks_made == 1


def test_a_conflict_has_no_size_and_is_not_closed_by_the_next_posting() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"), fill("7", "buy", "11", "0.001"))
    books.tell(fill("8", "buy", "1", "0.001", at=200))
    assert books.break_("XRP") == "0"
    books.tell(fill("9", "buy", "1", "0.001", at=50, heard=300))
    assert books.break_("XRP") == "0", "nor does what was told late of before it give it one"


def test_a_conflict_over_a_holding_of_nothing_is_of_nothing() -> None:
    books = Books()
    books.tell(started(), opened(tells="progress"), spot())
    books.tell(bust(fill("7", "buy", "3", "1", order_id="o")))
    assert books.state.breaks[XRP].reading.told == 0


def test_one_absurd_read_does_not_make_a_break_of_its_size() -> None:
    """People repair what a break says: a lie must insist there as it must everywhere."""
    books = broken("1050")
    disagree(books, "9999999", at=5000)
    assert (books.break_("XRP"), books.suspect("XRP")) == ("50", "9998999")
    books.state.moves = {}
    disagree(books, "1050", at=6000)
    assert (books.break_("XRP"), books.suspect("XRP")) == ("50", None)
    assert books.state.moves == {"drift/suspect>joined": 1}


def test_a_plausible_read_that_comes_while_an_absurd_one_waits_interrupts_its_row() -> None:
    """Four absurd reads, and an honest one after the second: it came before that fell due."""
    books = spot_books()
    for at in (2000, 3000):
        disagree(books, "9999999", at=at)
        backfilled(books, at=at + 500)
    books.tell(balances("9999999", as_of=3990, heard=4000))
    books.tell(balances("1001", as_of=4090, heard=4100))
    for at in (4200, 5000, 6000):
        disagree(books, "9999999", at=at)
        backfilled(books, at=at + 500)
    assert (books.break_("XRP"), books.suspect("XRP")) == (None, "9998999")
    disagree(books, "9999999", at=7000)
    assert books.break_("XRP") == "9998999"


@pytest.mark.parametrize("later", [0, 1, 50])
def test_words_between_which_a_much_smaller_one_came_are_not_in_a_row(later: int) -> None:
    """Beside nothing no figure is absurd; but of that moment, or the next, another was told."""
    books = spot_books()
    books.tell(fill("8", "sell", "1000", "0.001", at=1500))
    disagree(books, "1", at=2000, eth="11")
    backfilled(books, at=2500)
    for at in (3000, 4000, 5000):
        books.tell(balances("1000", eth="11", as_of=at - 500, heard=at))
        books.tell(balances("1", eth="11", as_of=at - 500 + later, heard=at + 100))
        books.ring("readings/venue/main")
        backfilled(books, at=at + 500)
    assert (books.break_("XRP"), books.suspect("XRP")) == (None, "1000")
    for at in (6000, 7000):
        books.tell(balances("1", eth="11", as_of=at - 500, heard=at))
        books.ring("readings/venue/main")
        backfilled(books, at=at + 500)
    assert books.break_("XRP") == "1"


@pytest.mark.parametrize("other", ["1030", "1500"])
def test_a_word_that_is_not_much_smaller_takes_nothing_from_a_row(other: str) -> None:
    """Where fills come all the time, each read says another size before it is judged."""
    books = spot_books()
    disagree(books, "1050", at=2000)
    backfilled(books, at=2500)
    books.tell(balances("1050", as_of=2990, heard=3000))
    books.tell(balances(other, as_of=3090, heard=3100))
    books.ring("readings/venue/main")
    assert books.break_("XRP") == "50"


def test_what_was_absurd_stays_so_when_the_books_move_to_nothing() -> None:
    """Beside nothing no figure is absurd: but this one was told when there was something."""
    books = spot_books()
    disagree(books, "9999999", at=2000)
    backfilled(books, at=2500)
    books.tell(fill("8", "sell", "1000", "0.001", at=2600))
    for at in (3000, 4000, 5000):
        disagree(books, "9999999", at=at)
        backfilled(books, at=at + 500)
        assert books.break_("XRP") is None
    disagree(books, "9999999", at=6000)
    assert books.break_("XRP") == "9999999"


def test_what_is_absurd_and_insists_is_what_the_break_says() -> None:
    books = broken("1050")
    for at in range(5000, 9000, 1000):
        disagree(books, "0", at=at)
        backfilled(books, at=at + 500)
    assert (books.break_("XRP"), books.suspect("XRP")) == ("-1000", None)
    assert books.state.breaks_made == 1


def test_evidence_closes_a_break_and_the_absurd_read_beside_it_is_judged_by_itself() -> None:
    books = broken("1050")
    disagree(books, "9999999", at=5000)
    books.tell(fill("8", "buy", "50", "0.001", at=1500))
    assert (books.break_("XRP"), books.suspect("XRP")) == (None, "9998949")
    books.tell(balances("1050", eth="9.95", as_of=5990, heard=6000))
    assert books.suspect("XRP") is None


def test_what_differs_beside_a_contradiction_has_a_name_of_its_own() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"))
    disagree(books, "1013", at=2000)
    books.tell(fill("7", "buy", "11", "0.001", heard=2100))
    assert (books.break_("XRP"), books.suspect("XRP")) == ("0", "3")
    backfilled(books, at=2500)
    disagree(books, "1013", at=3000)
    assert (books.break_("XRP"), books.suspect("XRP")) == ("3", None)
    books.tell(balances("1010", eth="9.99", as_of=3990, heard=4000))
    assert books.break_("XRP") == "0"  # agreed with, and contradicted still


def test_a_break_whose_fact_is_contradicted_is_ended_by_people_only() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"))
    disagree(books, "1013", at=2000)
    backfilled(books, at=2500)
    disagree(books, "1013", at=3000)
    books.tell(fill("7", "buy", "11", "0.001", heard=3100))
    books.tell(fill("8", "buy", "3", "0.001", at=1000))
    assert books.break_("XRP") == "0"
    assert books.state.breaks["venue/main/XRP/cash"].cause == "conflict"


def test_a_conflict_in_a_hedged_account_names_the_leg_that_the_fill_touched() -> None:
    books = perp_books(hedged=True)
    for amount in ("1", "2"):
        books.tell(
            fill("7", "buy", amount, "50000", leg="long", account=PERP, instrument="BTC-PERP")
        )
    assert list(books.state.breaks) == ["perps/main/BTC-PERP/long"]


def test_a_break_under_another_position_mode_says_so() -> None:
    books = perp_books()
    books.tell(PositionModeReported(received_at=ms(10), account=PERP, hedged=True))
    for n in range(4):
        books.tell(positions({"BTC-PERP/net": "2"}, at=2000 + 1000 * n))
        books.ring("readings/perps/main")
        for subject in list(books.account(PERP).backfill.waiting):
            books.tell(page(subject, "", at=2500 + 1000 * n, account=PERP))
    assert books.state.breaks["perps/main/BTC-PERP/net"].cause == "mode_change"


# --- what may pass while a break is open ---------------------------------------------------------


def verdicts(books: Books, *wishes: Any) -> list[str]:
    """ "sent", or the code of the refusal, for each wish in turn."""
    said = []
    for each in wishes:
        effects = books.tell(each)
        if only(PlaceOrder, effects):
            said.append("sent")
        else:
            assert only(TellStrategy, effects)[0].status == "refused"
            said.append(next(n for n in books.state.counts if n.startswith("refused/"))[8:])
    return said


def test_while_a_break_is_open_only_exits_pass_in_what_it_touches() -> None:
    books = broken("950")
    assert verdicts(books, wish("buy", "1", "0.001")) == ["BREAK_OPEN"]
    assert verdicts(books, wish("sell", "1", "0.001")) == ["sent"]


@pytest.mark.parametrize(
    ("theirs", "amount", "verdict"),
    [
        ("950", "950", "sent"),
        ("950", "951", "BREAK_OPEN"),
        ("1050", "1000", "sent"),
        ("1050", "1001", "BREAK_OPEN"),
    ],
)
def test_an_exit_is_at_most_the_smaller_of_ours_and_the_venues(
    theirs: str, amount: str, verdict: str
) -> None:
    assert verdicts(broken(theirs), wish("sell", amount, "0.001")) == [verdict]


def test_exits_are_counted_net_of_the_exits_that_are_still_out() -> None:
    books = broken("950")
    said = verdicts(
        books,
        wish("sell", "600", "0.001"),
        wish("sell", "351", "0.001"),
        wish("sell", "350", "0.001"),
        wish("sell", "1", "0.001"),
    )
    assert said == ["sent", "BREAK_OPEN", "sent", "BREAK_OPEN"]


def test_exits_of_one_asset_through_two_instruments_are_counted_together() -> None:
    books = broken("950")
    books.tell(spot("XRPUSDT", quote="USDT"))
    other = wish("sell", "600", "0.5", instrument="XRPUSDT")
    assert verdicts(books, wish("sell", "600", "0.001"), other) == ["sent", "BREAK_OPEN"]


def broken_position(ours: str, theirs: str) -> Books:
    """A position of ours, and a break in it."""
    books = perp_books()
    side = "sell" if ours.startswith("-") else "buy"
    told = fill("1", side, ours.lstrip("-"), "50000", account=PERP, instrument="BTC-PERP")
    books.tell(told)
    for n in range(5):
        books.tell(positions({"BTC-PERP/net": theirs}, at=2000 + 1000 * n))
        if "readings/perps/main" in books.state.alarms:
            books.ring("readings/perps/main")
        for subject in list(books.account(PERP).backfill.waiting):
            books.tell(page(subject, "", at=2500 + 1000 * n, account=PERP))
    assert books.break_("BTC-PERP", "net", PERP) is not None
    return books


@pytest.mark.parametrize(
    ("ours", "theirs", "side", "amount", "reduce_only", "verdict"),
    [
        ("3", "5", "sell", "3", True, "sent"),
        ("3", "5", "sell", "4", True, "BREAK_OPEN"),  # cannot flip us
        ("5", "3", "sell", "4", True, "BREAK_OPEN"),  # nor the venue's
        ("3", "5", "sell", "3", False, "BREAK_OPEN"),  # without the venue's own flag
        ("3", "5", "buy", "1", True, "BREAK_OPEN"),
        ("-3", "-5", "buy", "3", True, "sent"),
        ("-3", "-5", "sell", "1", True, "BREAK_OPEN"),
        ("3", "-3", "sell", "1", True, "BREAK_OPEN"),  # signs disagree: an operator decides
        ("3", "0", "sell", "1", True, "BREAK_OPEN"),
    ],
)
def test_an_exit_from_a_position_reduces_and_cannot_flip(
    ours: str, theirs: str, side: str, amount: str, reduce_only: Any, verdict: str
) -> None:
    books = broken_position(ours, theirs)
    order = wish(
        side, amount, "50000", account=PERP, instrument="BTC-PERP", reduce_only=reduce_only
    )
    assert verdicts(books, order) == [verdict]


def test_an_exit_that_is_over_counts_before_its_fills_are_told() -> None:
    """Filled by the venue's word: what is left of our 3 is 1, whatever the books say yet."""
    books = broken_position("3", "5")
    usual = {"account": PERP, "instrument": "BTC-PERP"}

    def exit_of(amount: str) -> Any:
        return wish("sell", amount, "50000", reduce_only=True, **usual)

    assert verdicts(books, exit_of("2")) == ["sent"]
    (first,) = books.state.orders
    books.tell(report(first, "filled", at=99_000, order_id="v1", **usual))
    assert verdicts(books, exit_of("2"), exit_of("1")) == ["BREAK_OPEN", "sent"]


def test_what_the_break_does_not_touch_trades_on() -> None:
    books = broken_position("3", "5")
    order = wish("buy", "1", "50000", account=PERP, instrument="BTCUSD")
    assert verdicts(books, order) == ["sent"]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"account": "nobody/main"}, "UNKNOWN_ACCOUNT"),
        ({"instrument": "NOBODY"}, "UNKNOWN_INSTRUMENT"),
        ({"amount": "0"}, "BAD_ORDER"),
        ({"amount": "-1"}, "BAD_ORDER"),
        ({"at_price": "0"}, "BAD_ORDER"),
        ({"at_price": "-1"}, "BAD_ORDER"),
        ({"leg": "short"}, "BAD_ORDER"),
    ],
)
def test_every_miss_refuses(terms: dict[str, Any], code: str) -> None:
    usual: dict[str, Any] = {"side": "buy", "amount": "1", "at_price": "0.001"}
    assert verdicts(spot_books(), wish(**{**usual, **terms})) == [code]


def test_a_suspicion_alone_refuses_nothing() -> None:
    books = spot_books()
    disagree(books, "1050", at=2000)
    assert verdicts(books, wish("buy", "1", "0.001")) == ["sent"]


# --- memory --------------------------------------------------------------------------------------


def test_a_moment_further_back_than_is_remembered_is_inconclusive_never_wrong() -> None:
    """Hundreds of postings later an ancient as-of is neither agreed with nor held against us."""
    books = spot_books()
    for n in range(400):
        books.tell(fill(f"{n}", "buy", "1", "0.001", at=1000 + n, value=units("0.001")))
    books.tell(balances("1042", eth="7", as_of=1001, heard=9000))
    assert names(books.ring("readings/venue/main")) == ["FetchStatement balances"] * 2
    assert not books.doubted()
    assert books.state.counts["inconclusive/venue/main"] == 2
