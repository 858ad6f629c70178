"""Statements that a teller repeats word for word are judged as if each had been told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.facts import Books, fill, ms, spot_books, statement, units

MORE = fill("1", "buy", "100", "0.001", at=1000, value=units("0.1"))
LESS = fill("2", "sell", "100", "0.001", at=3000, value=units("0.1"))


def moved() -> Books:
    """A purchase at 1000 ms, and its reverse at 3000 ms."""
    books = spot_books()
    books.tell(MORE)
    books.tell(LESS)
    return books


def the_run(books: Books, xrp: str, eth: str, since: int, as_of: int) -> list[Any]:
    told = statement({"XRP": xrp, "ETH": eth}, as_of=as_of, heard=6000)
    return list(books.tell(msgspec.structs.replace(told, since=ms(since))))


def one_by_one(books: Books, xrp: str, eth: str, since: int, as_of: int) -> list[Any]:
    effects: list[Any] = []
    for moment in range(since, as_of + 1, 200):
        effects += books.tell(statement({"XRP": xrp, "ETH": eth}, as_of=moment, heard=6000))
    return effects


@pytest.mark.parametrize(
    ("xrp", "eth", "since", "as_of", "doubted"),
    [
        ("1100", "9.9", 1200, 2800, False),
        ("1000", "10", 200, 800, False),
        ("1000", "10", 3200, 5000, False),
        ("1100", "9.9", 400, 2800, True),
        ("1100", "9.9", 1200, 5000, True),
        ("1000", "10", 400, 5000, True),
        ("1000", "9.9", 1200, 2800, True),
    ],
    ids=[
        *("between the two", "before both", "after both", "began too early", "went on too long"),
        *("both ends agree and the middle does not", "wrong throughout"),
    ],
)
def test_a_run_is_judged_as_its_statements_would_be(
    xrp: str, eth: str, since: int, as_of: int, *, doubted: bool
) -> None:
    """Books that moved within a run cannot agree with all of it: it is asked for, or parked."""
    told, each = moved(), moved()
    of_run = the_run(told, xrp, eth, since, as_of)
    of_each = one_by_one(each, xrp, eth, since, as_of)
    assert list(told.state.readings) == list(each.state.readings)
    assert (bool(of_run), bool(of_each)) == (doubted, doubted)


def test_where_the_books_move_at_its_very_end_a_run_is_judged_there_once() -> None:
    """Told without what that tick brought it is weak, and asked for again before it is believed."""
    books = spot_books()
    books.tell(MORE)
    assert the_run(books, "1000", "10", 400, 1000)
    assert not books.state.readings
