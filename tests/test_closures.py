"""Entries are closed while something is wrong: only exits and cancels pass, by the code of it."""

from __future__ import annotations

from msgspec import UNSET

from core.effects import CancelOrder, PlaceOrder, RaiseAlert, TellStrategy
from core.events import CancelRequested
from core.journal import encode_state
from core.node import decode_snapshot, encode_snapshot
from core.risk_events import EntriesClosed, EntriesOpened
from tests.facts import (
    PERP,
    SPOT,
    Books,
    fill,
    linear,
    ms,
    only,
    opened,
    opening,
    report,
    spot,
    started,
    wish,
)


def begun() -> Books:
    """mm holds 2 XRP, and one order of its works."""
    books = Books()
    books.tell(started(), opened(), spot(), opening("XRP", "10"), opening("ETH", "10"))
    books.tell(opened(PERP), linear(), wish("buy", "2", "0.5"))
    name = books.order().client_order_id
    books.tell(report(name, "filled", order_id="o1", filled_quantity=200_000_000))
    books.tell(fill("1", "buy", "2", "0.5", order_id="o1", client_order_id=name))
    books.tell(wish("buy", "1", "0.4", at=200))
    return books


def closed(code: str = "VENUE_DOWN", place: str = SPOT, at: int = 300) -> EntriesClosed:
    return EntriesClosed(received_at=ms(at), code=code, place=place, reason="503")


def passes(books: Books, side: str = "buy", amount: str = "1", **more: object) -> str:
    """Whether the order went out; else the code that refused it."""
    done = books.tell(wish(side, amount, "0.5", at=400, **more))
    if only(PlaceOrder, done):
        return "passed"
    return next(reversed(books.state.counts)).partition("/")[2] if only(TellStrategy, done) else ""


def test_an_entry_is_refused_by_the_code_of_what_is_wrong() -> None:
    books = begun()
    (alert,) = only(RaiseAlert, books.tell(closed()))
    assert (alert.severity, alert.subject) == ("critical", SPOT)
    assert passes(books) == "VENUE_DOWN"


def test_exits_pass_by_no_more_than_is_held() -> None:
    books = begun()
    books.tell(closed())
    assert passes(books, "sell", "3") == "VENUE_DOWN"
    assert passes(books, "sell", "2") == "passed"
    assert passes(books, "sell", "2") == "VENUE_DOWN", "it is offered already"


def test_cancels_pass() -> None:
    books = begun()
    books.tell(closed())
    working = next(iter(books.account().working))
    told = CancelRequested(received_at=ms(400), strategy="mm", client_order_id=working)
    assert only(CancelOrder, books.tell(told))


def test_what_is_wrong_with_one_account_closes_no_other() -> None:
    books = begun()
    books.tell(closed(place=PERP))
    assert passes(books) == "passed"
    books.tell(closed("JOURNAL_FULL", ""))
    assert passes(books) == "JOURNAL_FULL"


def test_it_is_over_when_all_is_over_that_was_wrong() -> None:
    books = begun()
    books.tell(closed(), closed("KEY_REFUSED"))
    assert not books.tell(closed()), "told twice it is one"
    over = EntriesOpened(received_at=ms(2300), code="VENUE_DOWN", place=SPOT)
    (alert,) = only(RaiseAlert, books.tell(over, over))
    assert alert.severity == "notice"
    assert "after 2 s" in alert.text
    assert passes(books) == "KEY_REFUSED"
    books.tell(EntriesOpened(received_at=ms(2400), code="KEY_REFUSED", place=SPOT))
    assert passes(books) == "passed"


def test_a_node_that_comes_up_finds_anew_what_is_wrong() -> None:
    books = begun()
    assert books.state.risk.closures is UNSET
    assert b'"closures"' not in encode_state(books.state), "nobody else's digest moves"
    books.tell(closed())
    again = decode_snapshot(encode_snapshot(books.state))
    assert again is not None
    books.state = again
    assert passes(books) == "VENUE_DOWN"
    books.tell(started(2, at=500))
    assert passes(books) == "passed"
