"""What a strategy is to see of a recorded market: its bars, or every trade, in blocks.

True here: an item is known at its `at` and not before; what is handed out is one item at a time, of
plain whole numbers, through which nobody can reach another. A bar is made of the rows that were
known before it closed, a row of that very instant belongs to the next one. A bar is whole or none:
not the first of a tape that begins within it, nor the last of one that ends within it (as live,
where of what began before we listened no bar is told).
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np

from core.strategy import Bar, PublicTrade
from venues.recorded.merged import trades_of
from venues.recorded.tape import Column, Tape

BLOCK: Final = 4096
INT64_MAX: Final = 2**63 - 1
Seen = Bar | PublicTrade


class NoSuchView(ValueError):
    """The tape cannot show that; the text says what could."""


class View:
    """The items of one market in order; `at` has the moment of each."""

    def __init__(self, at: Column, block: Callable[[int, int], Sequence[Seen]]) -> None:
        self.at = at
        self._make = block
        self._begins, self._block = 0, block(0, min(BLOCK, len(at)))

    def __len__(self) -> int:
        return len(self.at)

    def upto(self, first: int, stop: int) -> Sequence[Seen]:
        """Items from `first` on, before `stop`: as many of them as are at hand."""
        begins = first - first % BLOCK
        if begins != self._begins:
            self._begins, self._block = begins, self._make(begins, min(begins + BLOCK, len(self)))
        return self._block[first - begins : stop - begins]


def trades(tape: Tape, account: str, instrument: str) -> View:
    """Every trade of a tape that has them."""
    if tape.kind == "depth_and_trades":
        tape = trades_of(tape)
    if tape.kind != "trades":
        raise NoSuchView(f"{instrument}: {tape.kind} were recorded, and no trades; bars would do")
    columns = tape.columns

    def block(lo: int, hi: int) -> Sequence[Seen]:
        sides = ["buy" if side > 0 else "sell" for side in columns["side"][lo:hi].tolist()]
        return list(
            map(
                PublicTrade,
                repeat(account),
                repeat(instrument),
                tape.at[lo:hi].tolist(),
                sides,
                _scaled(columns["price"][lo:hi], tape.tick),
                _scaled(columns["quantity"][lo:hi], tape.lot),
            )
        )

    return View(tape.at, block)


def bars(tape: Tape, account: str, instrument: str, bar_ns: int) -> View:
    """Bars of that length; where nothing was traded there is none."""
    if tape.kind == "depth_and_trades":
        tape = trades_of(tape)
    told = _bars_of(tape, instrument, bar_ns)

    def block(lo: int, hi: int) -> Sequence[Seen]:
        return list(
            map(
                Bar,
                repeat(account),
                repeat(instrument),
                told.opened_at[lo:hi].tolist(),
                told.at[lo:hi].tolist(),
                *(_scaled(each[lo:hi], tape.tick) for each in told.prices),
                _scaled(told.volume[lo:hi], tape.lot),
            )
        )

    return View(told.at, block)


def length_of(tape: Tape) -> int:
    """How long its bars are: the shortest of them."""
    return int((tape.at - tape.columns["opened_at"]).min())


class _Bars(NamedTuple):
    opened_at: Column
    at: Column
    prices: tuple[Column, Column, Column, Column]
    volume: Column


def _bars_of(tape: Tape, instrument: str, bar_ns: int) -> _Bars:
    columns = tape.columns
    if tape.kind == "bars":
        length = length_of(tape)
        if bar_ns % length:
            told, wanted = f"bars of {length} ns were recorded", f"found bar_ns {bar_ns}"
            raise NoSuchView(f"{instrument}: {told}; {wanted}, a multiple of theirs would do")
        prices = (columns["open"], columns["high"], columns["low"], columns["close"])
        return _grouped(columns["opened_at"], tape.at, prices, columns["volume"], bar_ns)
    if tape.kind == "trades":
        price = columns["price"]
        return _grouped(tape.at, tape.at, (price, price, price, price), columns["quantity"], bar_ns)
    raise NoSuchView(f"{instrument}: {tape.kind} were recorded; bars are made of trades or bars")


def _grouped(
    began: Column,
    known: Column,
    prices: tuple[Column, Column, Column, Column],
    volume: Column,
    bar_ns: int,
) -> _Bars:
    """Rows that began within one whole multiple of `bar_ns` are one bar."""
    if not len(began):
        return _Bars(began, known, prices, volume)
    number = began // bar_ns
    starts = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
    ends = np.append(starts[1:], len(began)) - 1
    opened, highest, lowest, closed = prices
    closes_at = (number[starts] + 1) * bar_ns
    if late := int(np.count_nonzero(known[ends] > closes_at)):
        raise NoSuchView(
            f"{late} bars are known only after the whole multiple of {bar_ns} ns that ends them;"
            " bars that open at whole multiples since the epoch of UTC would do"
        )
    first = 1 if began[0] % bar_ns else 0
    last = len(starts) if known[-1] >= closes_at[-1] else len(starts) - 1
    whole = slice(first, last)
    return _Bars(
        number[starts][whole] * bar_ns,
        closes_at[whole],
        (
            opened[starts][whole],
            np.maximum.reduceat(highest, starts)[whole],
            np.minimum.reduceat(lowest, starts)[whole],
            closed[ends][whole],
        ),
        np.add.reduceat(volume, starts)[whole],
    )


def _scaled(column: Column, unit: int) -> list[int]:
    """In units of core: by machine words where these hold it, else by whole numbers."""
    if not len(column) or int(np.abs(column).max()) * unit <= INT64_MAX:
        scaled: list[int] = (column * unit).tolist()
        return scaled
    return [each * unit for each in column.tolist()]
