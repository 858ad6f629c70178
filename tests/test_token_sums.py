"""What a token's books count as on its way is added up anew: at once, and not only at the end."""

from __future__ import annotations

from core import reservations
from core.token_state import NOBODY, Limits, Movement
from tests.test_issuance import ALICE, BOB, Books
from tieout.claims.token_sums import Sums, sums_off


def test_each_sum_is_that_of_its_parts_as_long_as_nobody_touches_it() -> None:
    books = Books()
    book = books.token.reserved
    reservations.apply(book, Movement(NOBODY, ALICE, 10))
    for name, moved in (
        ("out", Movement(ALICE, BOB, 8)),
        ("all", Movement(ALICE, BOB, 10, forced=True)),
        ("new", Movement(NOBODY, BOB, 3)),
    ):
        assert reservations.reserve(book, Limits(), name, moved) == ""
    assert sums_off(book) == []
    book.recovered.clear()
    book.short.clear()
    book.minting -= 1
    assert sums_off(book) == [
        f"recovered {ALICE}: 0, and its parts come to 1",
        f"short {ALICE}: 0, and its parts come to 1",
        "minting : 2, and its parts come to 3",
    ]


def test_what_was_off_once_stays_named() -> None:
    """Counted out as wrongly as it was counted in, it is right again when nothing is open."""
    books, sums = Books(), Sums("ESTATE")
    book = books.token.reserved
    sums.look(books.state)
    assert reservations.reserve(book, Limits(), "new", Movement(NOBODY, BOB, 3)) == ""
    book.arriving[""] -= 1
    sums.look(books.state)
    sums.look(books.state)
    book.arriving[""] += 1
    reservations.release(book, "new")
    sums.look(books.state)
    assert sums.off == [f"at {books.now}: arriving : 2, and its parts come to 3"]
