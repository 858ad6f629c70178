"""What a recorded book may never do, on any tape: fill twice from a row, or from one to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.naive_market import Naive, Rests
from tests.tapes import tape
from venues.matching import Execution, Placement
from venues.recorded.book import Assumed, RecordedBook
from venues.recorded.merged import merged
from venues.recorded.queue import RISK_AVERSE, Likely, logarithm, power
from venues.recorded.slippage import Ticks
from venues.recorded.tape import Tape, TapeKind

US = "us"
side = st.sampled_from([1, -1])
price = st.integers(95, 105)
lots = st.integers(1, 9)
bit = st.integers(0, 1)


@st.composite
def _bar(draw: st.DrawFn) -> tuple[int, ...]:
    low, first, last, high = sorted(draw(st.lists(price, min_size=4, max_size=4)))
    return first, high, low, last, draw(st.integers(0, 90))


ROWS: dict[TapeKind, st.SearchStrategy[tuple[int, ...]]] = {
    "trades": st.tuples(side, price, lots),
    "quotes": st.tuples(price, st.integers(0, 9), price, st.integers(0, 9)),
    "depth": st.tuples(side, price, st.integers(0, 9), bit, st.sampled_from([0, 0, 0, 1])),
    "bars": _bar(),
}


@st.composite
def tapes(draw: st.DrawFn, *kinds: TapeKind) -> Tape:
    kind = draw(st.sampled_from(kinds or (*ROWS, "depth_and_trades")))
    if kind == "depth_and_trades":
        return merged(draw(tapes("depth")), draw(tapes("trades")))
    rows = draw(st.lists(ROWS[kind], min_size=1, max_size=30))
    if kind == "bars":
        return tape(kind, *((number, *row) for number, row in enumerate(rows)))
    return tape(kind, *rows)


@dataclass(frozen=True)
class Asked:
    """An order, or a cancel of one that was placed before, when so many rows have passed."""

    row: int
    side: str
    lots: int
    price: int
    kind: str


asked = st.builds(
    Asked,
    st.integers(0, 30),
    st.sampled_from(["buy", "sell"]),
    lots,
    price,
    st.sampled_from(["limit", "limit", "post_only", "market", "ioc", "fok", "cancel"]),
)
orders = st.lists(asked, max_size=12).map(lambda told: sorted(told, key=lambda one: one.row))
assumed = st.builds(
    Assumed,
    queue=st.sampled_from([RISK_AVERSE, Likely(power(2)), Likely(logarithm)]),
    ahead=st.sampled_from([None, 0, 5]),
    slippage=st.sampled_from([None, Ticks(1)]),
    bar_fills=st.sampled_from(["through", "touch"]),
    volume_share=st.sampled_from([Fraction(1), Fraction(1, 7)]),
)


@dataclass
class Life:
    """What became of orders on a tape: of each row what it executed, of each order its answer."""

    book: RecordedBook
    by_row: dict[int, list[Execution]]
    placed: list[tuple[int, Placement]]


def live(market: Tape, told: Sequence[Asked], models: Assumed, steps: int = 1) -> Life:
    """Every order at its row; rows pass so many at a time."""
    life = Life(RecordedBook(market, US, models), {}, [])
    for number, one in enumerate(told):
        _pass(life, min(one.row, len(market)), steps)
        if one.kind == "cancel":
            life.book.cancel(str(one.lots))
            continue
        at = None if one.kind == "market" else one.price
        arguments: Any = (str(number), US, one.side, one.lots, at, one.kind)
        life.placed.append((life.book.row, life.book.place(*arguments)))
    _pass(life, len(market), steps)
    return life


def _pass(life: Life, until: int, steps: int) -> None:
    while life.book.row < until:
        stop = min(until, life.book.row + steps)
        touch = life.book.next_touch(stop)
        if touch < stop:
            stop = touch + 1
        executions = life.book.advance(stop)
        if executions:
            assert touch == stop - 1, "no row executes that was not announced"
            life.by_row[touch] = executions


@given(
    tapes("trades", "quotes", "bars"),
    st.lists(st.tuples(st.integers(0, 30), st.booleans(), lots, st.integers(0, 8)), max_size=8),
    st.booleans(),
    st.sampled_from([None, 0, 5]),
    st.sampled_from([Fraction(1), Fraction(1, 7)]),
)
def test_what_rests_is_executed_as_by_plain_arithmetic(
    market: Tape,
    wanted: list[tuple[int, bool, int, int]],
    touch: bool,  # noqa: FBT001  # drawn
    ahead: int | None,
    share: Fraction,
) -> None:
    """Row by row and order by order, by a model that shares no code; far looks ahead disturb none.

    Our bids lie at 98 and below, our offers at 102 and above: none trades at once but by chance.
    """
    models = Assumed(ahead=ahead, bar_fills="touch" if touch else "through", volume_share=share)
    book, naive = RecordedBook(market, US, models), Naive([], touch, share, {})
    columns = {name: column.tolist() for name, column in market.columns.items()}
    for row in range(len(market)):
        for number, (at, buys, count, away) in enumerate(wanted):
            if at != row:
                continue
            price = 98 - away if buys else 102 + away
            placed = book.place(
                str(number), US, "buy" if buys else "sell", count, price, "post_only"
            )
            if placed.resting:
                naive.resting.append(Rests(str(number), buys, price, count, ahead))
        touched = book.next_touch(len(market))
        executions = book.advance(row + 1)
        told = naive.row(market.kind, {name: column[row] for name, column in columns.items()})
        assert [(one.maker_id, one.quantity, one.price) for one in executions] == told
        assert touched >= row
        assert touched == row or not executions


@given(tapes(), orders, assumed, st.integers(2, 40))
def test_rows_that_pass_together_do_what_they_do_one_by_one(
    market: Tape, told: list[Asked], models: Assumed, steps: int
) -> None:
    alone, together = live(market, told, models), live(market, told, models, steps)
    assert (alone.by_row, alone.placed) == (together.by_row, together.placed)


@given(tapes(), orders, assumed, st.data())
def test_what_comes_after_changes_nothing_before(
    market: Tape, told: list[Asked], models: Assumed, data: st.DataObject
) -> None:
    """Cut the tape at a row, or put another behind it: what was done until then stays."""
    row = data.draw(st.integers(0, len(market)))
    kind = market.kind
    other = data.draw(tapes(kind))
    behind = _behind(market, row, other)
    told = [one for one in told if one.row <= row]
    for replaced in (market.until(row), behind):
        whole, changed = live(market, told, models), live(replaced, told, models)
        assert [one for one in whole.placed if one[0] <= row] == [
            one for one in changed.placed if one[0] <= row
        ]
        assert _until(whole, row) == _until(changed, row)


def _behind(market: Tape, row: int, other: Tape) -> Tape:
    columns = {
        name: np.concatenate((column[:row], other.columns[name]))
        for name, column in market.columns.items()
    }
    at = np.concatenate((market.at[:row], other.at + row))
    return Tape(market.kind, 1, 1, at, columns)


def _until(life: Life, row: int) -> dict[int, list[Execution]]:
    return {at: executions for at, executions in life.by_row.items() if at < row}


@given(tapes("trades"), orders, assumed)
def test_no_more_is_executed_than_traded_and_only_where_it_came(
    market: Tape, told: list[Asked], models: Assumed
) -> None:
    for row, executions in live(market, told, models).by_row.items():
        assert sum(one.quantity for one in executions) <= market.columns["quantity"][row]
        traded = market.columns["price"][row]
        for one in executions:
            buys = told[int(one.maker_id)].side == "buy"
            assert traded <= one.price if buys else traded >= one.price


@given(tapes("bars"), orders, assumed)
def test_no_more_of_a_bar_is_had_than_its_share(
    market: Tape, told: list[Asked], models: Assumed
) -> None:
    for row, executions in live(market, told, models).by_row.items():
        most = models.volume_share * int(market.columns["volume"][row])
        assert sum(one.quantity for one in executions) <= most
        for one in executions:
            assert market.columns["low"][row] <= one.price <= market.columns["high"][row] or (
                # it opened beyond the order's price
                one.price > market.columns["high"][row]
                if told[int(one.maker_id)].side == "buy"
                else one.price < market.columns["low"][row]
            )


@given(tapes(), orders, assumed)
def test_every_lot_is_executed_cancelled_or_resting(
    market: Tape, told: list[Asked], models: Assumed
) -> None:
    life = live(market, told, models)
    executed: dict[str, int] = {}
    for executions in life.by_row.values():
        for one in executions:
            executed[one.maker_id] = executed.get(one.maker_id, 0) + one.quantity
    numbers = [number for number, one in enumerate(told) if one.kind != "cancel"]
    for number, (_, placed) in zip(numbers, life.placed, strict=True):
        done = sum(one.quantity for one in placed.executions)
        gone = sum(one.quantity for one in placed.cancelled)
        assert done + gone + placed.resting == told[number].lots
        assert executed.get(str(number), 0) + life.book.leaves(str(number)) <= placed.resting


@given(tapes("quotes", "depth", "depth_and_trades"), st.lists(lots, min_size=1, max_size=9), side)
def test_what_was_taken_is_not_there_again(market: Tape, takes: list[int], sign: int) -> None:
    """At one moment, takers get no more than what the book showed to begin with."""
    book = RecordedBook(market, US, Assumed())
    book.advance(len(market))
    shown = sum(lots for _, lots in book.depth("sell" if sign == 1 else "buy"))
    had = 0
    for number, count in enumerate(takes):
        placed = book.place(str(number), US, "buy" if sign == 1 else "sell", count, None, "market")
        had += sum(one.quantity for one in placed.executions)
    assert had == min(shown, sum(takes))


@given(tapes(), orders, assumed)
def test_no_number_of_numpy_reaches_an_execution(
    market: Tape, told: list[Asked], models: Assumed
) -> None:
    life = live(market, told, models)
    found = [*life.by_row.values(), *(placed.executions for _, placed in life.placed)]
    for one in (each for executions in found for each in executions):
        assert type(one.price) is int
        assert type(one.quantity) is int
    assert type(life.book.last) is int
    assert all(type(number) is int for level in life.book.depth("buy") for number in level)
