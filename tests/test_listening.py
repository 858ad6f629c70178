"""How we listen: streams are hints, the venue's record is read by cursor, failures ask again."""

from __future__ import annotations

import msgspec
import pytest

from core.effects import FetchFills, OpenStream, RaiseAlert, SetAlarm
from core.events import (
    AlarmRang,
    HeartbeatHeard,
    InstrumentListed,
    OrderMissing,
    PageReported,
    RequestFailed,
    StreamClosed,
)
from tests import settling
from tests.facts import (
    SPOT,
    Books,
    fill,
    ms,
    names,
    only,
    page,
    spot,
    spot_books,
    statement,
    stream,
)


def closed(epoch: int = 1, *, at: int = 100) -> StreamClosed:
    return StreamClosed(received_at=ms(at), account=SPOT, epoch=epoch, reason="1006")


def failed(about: str, *, at: int, retry_ms: int = 0) -> RequestFailed:
    return RequestFailed(
        received_at=ms(at),
        account=SPOT,
        about=about,
        reason="HTTP 429",
        asked_at=ms(at - 20),
        retry_after_ns=retry_ms * 10**6,
    )


def due(books: Books, alarm: str) -> int:
    """When an alarm is armed to ring, in milliseconds of the story."""
    return (books.state.alarms[f"{alarm}"] - ms(0)) // 10**6


# --- the stream ----------------------------------------------------------------------------------


def test_an_account_is_listened_to_from_the_moment_it_is_opened() -> None:
    books = spot_books()
    assert names(books.done) == ["OpenStream", "FetchOpenOrders"]
    assert {name.partition("/")[0] for name in books.state.alarms} == {
        "silence",
        "statement",
        "backfill",
        "renew",
    }


def test_a_new_epoch_is_read_back_in_full() -> None:
    """Back-fill, statements and open orders: what was told meanwhile may be told to nobody (V1)."""
    books = spot_books(ledger=True)
    books.tell(spot("BNBETH", base="BNB"))
    assert names(books.tell(stream())) == [
        "FetchFills XRPETH after the start",
        "FetchFills BNBETH after the start",
        "FetchLedger after the start",
        "FetchStatement balances",
        "FetchOpenOrders",
    ]
    assert books.account().streaming


def test_news_of_an_older_epoch_is_no_news() -> None:
    books = spot_books()
    books.tell(closed(1, at=10))
    books.ring("reopen/venue/main")  # epoch 2 is asked for
    assert books.tell(stream(1, at=13_000)) == []
    assert books.tell(closed(1, at=13_000)) == []
    assert not books.account().streaming
    assert "FetchOpenOrders" in names(books.tell(stream(2, at=13_100)))


def test_a_stream_that_ends_is_opened_again_a_little_later() -> None:
    books = spot_books()
    books.tell(stream(), closed(at=100))
    assert due(books, "reopen/venue/main") == 600
    (again,) = only(OpenStream, books.ring("reopen/venue/main"))
    assert again.epoch == 2


def test_a_stream_that_cannot_be_opened_is_tried_for_ever() -> None:
    books = spot_books()
    for epoch in range(1, 20):
        books.tell(closed(epoch, at=1000 * epoch))
        (again,) = only(OpenStream, books.ring("reopen/venue/main"))
        assert again.epoch == epoch + 1


def test_silence_drops_the_stream_whatever_the_socket_says() -> None:
    books = spot_books()
    books.tell(stream(at=100))
    assert names(books.ring("silence/venue/main")) == []  # 12 s after it was asked for
    assert due(books, "silence/venue/main") == 12_100
    effects = books.ring("silence/venue/main")
    assert [each.epoch for each in only(OpenStream, effects)] == [2]
    assert only(RaiseAlert, effects)


def test_a_heartbeat_is_not_silence() -> None:
    books = spot_books()
    books.tell(stream(at=100))
    for n in range(1, 10):
        books.tell(HeartbeatHeard(received_at=ms(10_000 * n), account=SPOT, epoch=1))
        while due(books, "silence/venue/main") <= 10_000 * n:
            assert only(OpenStream, books.ring("silence/venue/main")) == []


def test_answers_to_requests_do_not_break_the_silence_of_a_stream() -> None:
    """Statements are read every second: a half-open socket would never be noticed."""
    books = spot_books()
    books.tell(stream(at=100))
    books.ring("silence/venue/main")
    books.tell(statement({"XRP": "1000"}, as_of=12_000, heard=12_050))
    books.tell(HeartbeatHeard(received_at=ms(12_060), account=SPOT, epoch=0))  # of another epoch
    assert only(OpenStream, books.ring("silence/venue/main")) != []


def test_a_stream_that_never_comes_up_is_asked_for_again() -> None:
    books = spot_books()
    assert [each.epoch for each in only(OpenStream, books.ring("silence/venue/main"))] == [2]


def test_the_streams_key_is_renewed_on_schedule() -> None:
    books = spot_books()
    for n in range(1, 4):
        assert names(books.ring("renew/venue/main")) == ["RenewStream"]
        assert due(books, "renew/venue/main") == (n + 1) * 30 * 60_000


def test_statements_are_asked_for_on_schedule() -> None:
    books = spot_books()
    for n in range(1, 4):
        assert names(books.ring("statement/venue/main")) == ["FetchStatement balances"]
        assert due(books, "statement/venue/main") == (n + 1) * 1000


# --- the record, by cursor -----------------------------------------------------------------------


def test_pages_are_read_from_the_cursor_to_the_end() -> None:
    books = spot_books()
    books.tell(stream())
    assert names(books.tell(page("XRPETH", "7", at=50, more=True))) == ["FetchFills XRPETH after 7"]
    assert names(books.tell(page("XRPETH", "9", at=60, more=True))) == ["FetchFills XRPETH after 9"]
    assert names(books.tell(page("XRPETH", "11", at=70))) == []
    assert not books.account().backfill.waiting
    assert "FetchFills XRPETH after 11" in names(books.ring("backfill/venue/main"))


def test_the_cursor_moves_over_pages_that_were_read_and_by_nothing_else() -> None:
    """Neither a fill of the stream, nor a page that failed, nor an empty one moves it (V19)."""
    books = spot_books()
    books.tell(stream(), page("XRPETH", "7", at=50))
    books.tell(fill("12", "buy", "1", "0.001"))
    books.ring("backfill/venue/main")
    books.tell(failed("fills:XRPETH", at=30_100), page("XRPETH", "", at=30_200))
    assert books.account().cursors == {"XRPETH": "7"}


def test_a_page_is_booked_before_its_cursor_counts() -> None:
    """A page's fills precede its end: killed between the two, the page is asked for again."""
    books = spot_books()
    books.tell(stream(), fill("7", "buy", "1", "0.001"))
    assert books.account().cursors == {}
    books.tell(page("XRPETH", "7", at=150))
    assert books.account().cursors == {"XRPETH": "7"}


def test_a_failed_page_is_asked_for_again_when_the_venue_allows_it() -> None:
    books = spot_books()
    books.tell(stream(), failed("fills:XRPETH", at=100, retry_ms=1500))
    assert due(books, "retry/venue/main/fills:XRPETH") == 1600
    assert names(books.ring("retry/venue/main/fills:XRPETH")) == [
        "FetchFills XRPETH after the start"
    ]


@pytest.mark.parametrize(
    ("about", "again"),
    [
        ("fills:XRPETH", "FetchFills XRPETH after the start"),
        ("fills:ledger", "FetchLedger after the start"),
        ("open_orders", "FetchOpenOrders"),
    ],
)
def test_what_failed_is_asked_for_again_after_half_a_second(about: str, again: str) -> None:
    books = spot_books(ledger=True)
    books.tell(stream(), failed(about, at=100))
    assert due(books, f"retry/venue/main/{about}") == 600
    assert names(books.ring(f"retry/venue/main/{about}")) == [again]


def test_a_failed_statement_is_asked_for_again_later_and_later_until_its_schedule_is_sooner() -> (
    None
):
    books = spot_books()
    retry = "retry/venue/main/balances"
    books.tell(failed("balances", at=100))
    assert due(books, retry) == 350
    assert names(books.ring(retry)) == ["FetchStatement balances"]
    books.tell(failed("balances", at=400))
    assert due(books, retry) == 900
    assert books.tell(failed("balances", at=950)) == []
    assert names(books.ring("statement/venue/main")) == ["FetchStatement balances"]


def test_a_statement_that_came_after_all_is_not_asked_for_again() -> None:
    books = spot_books()
    books.tell(failed("balances", at=100), statement({"XRP": "0"}, as_of=190, heard=200))
    assert names(books.ring("retry/venue/main/balances")) == []


def test_a_venue_that_limits_us_is_not_asked_for_a_statement_before_it_allows_it() -> None:
    books = spot_books()
    books.tell(failed("balances", at=100, retry_ms=700))
    assert due(books, "retry/venue/main/balances") == 800


def test_a_page_that_came_after_all_is_not_asked_for_again() -> None:
    books = spot_books()
    books.tell(stream(), failed("fills:XRPETH", at=100), page("XRPETH", "7", at=200))
    assert names(books.ring("retry/venue/main/fills:XRPETH")) == []


def test_a_page_that_never_comes_is_asked_for_again_on_schedule() -> None:
    """No answer and no failure: after 20 s the round is taken to hang."""
    books = spot_books()
    books.tell(stream())
    assert "FetchFills XRPETH after the start" in names(books.ring("backfill/venue/main"))
    books.tell(page("XRPETH", "7", at=30_100))
    assert "FetchFills XRPETH after 7" in names(books.ring("backfill/venue/main"))


def test_a_round_that_is_wanted_while_one_runs_follows_it_once() -> None:
    """The running round's answers may be older than what made us want another."""
    books = spot_books()
    books.tell(stream(1))
    for moment in (13_000, 13_001, 13_002):  # three reasons, one more round
        books.ring("silence/venue/main")
        books.tell(stream(books.account().epoch, at=moment))
    assert len(only(FetchFills, books.done)) == 1
    assert names(books.tell(page("XRPETH", "7", at=14_000))) == ["FetchFills XRPETH after 7"]
    assert names(books.tell(page("XRPETH", "7", at=14_100))) == []


def test_a_round_ends_when_each_of_its_subjects_was_read_to_its_end() -> None:
    books = spot_books(ledger=True)
    books.tell(spot("BNBETH", base="BNB"), stream())
    for subject in ("ledger", "XRPETH"):
        books.tell(page(subject, "1", at=50))
        assert books.account().backfill.waiting
    books.tell(page("BNBETH", "1", at=60))
    assert not books.account().backfill.waiting
    assert books.account().backfill.finished_at == ms(60)


def test_a_page_nobody_waits_for_moves_the_cursor_and_asks_for_nothing() -> None:
    books = spot_books()
    late = PageReported(
        received_at=ms(50), account=SPOT, subject="XRPETH", through="3", more=True, asked_at=ms(1)
    )
    assert books.tell(late) == []
    assert books.account().cursors == {"XRPETH": "3"}


def anew(at: int) -> InstrumentListed:
    return msgspec.structs.replace(spot(), listing=2, received_at=ms(at))


def test_a_symbol_listed_anew_is_read_from_its_start() -> None:
    """Its ids begin again: behind the old cursor none of its fills would ever be found."""
    books = spot_books()
    books.tell(stream(), page("XRPETH", "7", at=50), spot())
    assert books.account().cursors == {"XRPETH": "7"}
    assert books.tell(anew(60)) == []
    assert "FetchFills XRPETH after the start" in names(books.ring("backfill/venue/main"))


def test_a_page_of_the_former_listing_moves_no_cursor_of_the_new_one() -> None:
    """A round was under way: its page is asked for anew, and what was asked before is too old."""
    books = spot_books()
    books.tell(stream(), page("XRPETH", "7", at=50, more=True))
    assert names(books.tell(anew(60))) == ["FetchFills XRPETH after the start"]
    late = PageReported(
        received_at=ms(70), account=SPOT, subject="XRPETH", through="9", more=True, asked_at=ms(51)
    )
    assert books.tell(late) == []
    assert books.account().cursors == {}
    soon = msgspec.structs.replace(late, through="2", more=False, asked_at=ms(61))
    assert books.tell(soon) == []
    assert books.account().cursors == {"XRPETH": "2"}
    assert not books.account().backfill.waiting
    assert books.tell(msgspec.structs.replace(late, received_at=ms(90))) == []
    assert books.account().cursors == {"XRPETH": "2"}


def test_open_orders_are_read_on_schedule_too() -> None:
    """A stream loses one frame on a healthy connection: it may be an order's last (V2, V17)."""
    books = spot_books()
    books.tell(stream())
    for _ in range(3):
        assert "FetchOpenOrders" in names(books.ring("backfill/venue/main"))


@pytest.mark.parametrize(("beats", "opened"), [(False, 1), (True, 0)])
def test_a_banks_lines_are_no_life_of_its_stream_its_heartbeat_is(
    beats: bool,  # noqa: FBT001  # a parameter
    opened: int,
) -> None:
    bank = settling.Books()
    epoch = bank.state.accounts[settling.BANK].epoch
    for hour in range(26):
        bank.now += settling.HOUR
        bank.line(f"L{hour}", 100)
        if beats:
            bank.tell(HeartbeatHeard, account=settling.BANK, epoch=epoch)
        alarm = f"silence/{settling.BANK}"
        if bank.state.alarms[alarm] <= bank.now:
            bank.tell(AlarmRang, alarm=alarm)
    assert len(bank.of(OpenStream)) == opened


# --- alarms --------------------------------------------------------------------------------------


def test_every_alarm_in_the_state_was_asked_of_the_world_with_its_time() -> None:
    books = spot_books()
    books.tell(stream(), closed(at=100), failed("fills:XRPETH", at=200))
    armed = {each.alarm: each.at for each in only(SetAlarm, books.done)}
    assert armed == books.state.alarms


def test_what_is_no_answer_to_anything_changes_nothing() -> None:
    books = spot_books()
    missing = OrderMissing(
        received_at=ms(9), account=SPOT, client_order_id="nobody", asked_at=ms(1)
    )
    assert books.tell(missing) == []
