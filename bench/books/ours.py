"""Our recorded market over a recording: levels and trades on one tape, the risk-averse queue.

True here: no latency, no fee, and nothing beyond what is shown. A fill has the time of the act that
brought it about.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from bench.books.recording import Recording, Row, Try
from venues.matching import Execution
from venues.recorded.book import Assumed, RecordedBook
from venues.recorded.merged import merged
from venues.recorded.tape import Column, Tape

OWNER = "us"


def fills(recording: Recording) -> Iterator[tuple[int, int, int, int]]:
    """Time, order, lots and ticks, in order of time; one for each level that an order took."""
    tape = _tape(recording.rows)
    book = RecordedBook(tape, OWNER, Assumed())
    acts = [(at, -1) for at in sorted({row.at for row in recording.rows})]
    placed = [(tried.at, number) for number, tried in enumerate(recording.tries)]
    ended = {(tried.until, number) for number, tried in enumerate(recording.tries)}
    for at, number in sorted([*acts, *placed, *ended]):
        row = int(np.searchsorted(tape.at, at, side="right"))
        yield from _told(at, book.advance(row))
        if (at, number) in ended:
            book.cancel(str(number))
        elif number >= 0:
            yield from _told(at, _place(book, number, recording.tries[number]))


def _place(book: RecordedBook, number: int, tried: Try) -> list[Execution]:
    kind = "limit" if tried.price is not None else "market"
    placement = book.place(str(number), OWNER, tried.side, tried.quantity, tried.price, kind)
    return placement.executions


def _told(at: int, executions: list[Execution]) -> Iterator[tuple[int, int, int, int]]:
    for each in executions:
        order = each.maker_id if each.maker_owner == OWNER else each.taker_id
        yield at, int(order), each.quantity, each.price


def _tape(rows: list[Row]) -> Tape:
    levels = [row for row in rows if row.kind == "level"]
    ends = [*(int(one.at != other.at) for one, other in pairwise(levels)), 1]
    fresh = [0] * len(levels)
    columns = {**_columns(levels), "ends": _column(ends), "fresh": _column(fresh)}
    depth = Tape("depth", 1, 1, _column([row.at for row in levels]), columns)
    trades = [row for row in rows if row.kind == "trade"]
    at = _column([row.at for row in trades])
    return merged(depth, Tape("trades", 1, 1, at, _columns(trades)))


def _columns(rows: list[Row]) -> dict[str, Column]:
    return {
        "side": _column([1 if row.side == "buy" else -1 for row in rows]),
        "price": _column([row.price for row in rows]),
        "quantity": _column([row.quantity for row in rows]),
    }


def _column(numbers: list[int]) -> Column:
    return np.array(numbers, dtype=np.int64)
