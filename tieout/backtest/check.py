"""What is wrong with a market's rows: found before anything runs, each with its place and how many.

What `refuses` cannot be run on; the rest may be true and is for a person to judge. Thresholds:

- a *gap* of bars is a missing one; of the rest a wait of more than `GAP_TIMES` that of which 99 in
  100 are shorter;
- a price *jumps* where it moves by more than `JUMP_TIMES` the median move, and by more than one in
  `JUMP_SHARE` of itself;
- trades are *lost* where ids jump and all but one in `LOST_SHARE` count up by one;
- a price is *fine* where all but one in `FINE_SHARE` fit a coarser step, and it may be made up.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.money import PRICE_DECIMALS, PRICE_ONE, QUANTITY_DECIMALS, QUANTITY_ONE, show
from tieout.backtest.rows import PRICES, Rows
from venues.recorded.tape import Column, Kind

GAP_TIMES: Final = 20
JUMP_TIMES: Final = 100
JUMP_SHARE: Final = 20
# Beyond these a number is no price and no amount, and would only make a world of nonsense.
PRICE_MAX, AMOUNT_MAX = 10**12 * PRICE_ONE, 10**15 * QUANTITY_ONE
FINE_SHARE: Final = 100
LOST_SHARE: Final = 10
FEW: Final = 30  # rows that make a median worth its name

Mask = NDArray[np.bool_]


class Finding(NamedTuple):
    """One thing that is wrong, in `rows` rows, first at `place`."""

    code: str
    refuses: bool
    rows: int
    place: str
    words: str

    def __str__(self) -> str:
        more = f", and in {self.rows - 1} more" if self.rows > 1 else ""
        return f"{self.place}: {self.words}{more}"


class Check(NamedTuple):
    """What is looked for, in rows of which kinds, and how it is said of one of them."""

    code: str
    refuses: bool
    kinds: tuple[Kind, ...]
    finds: Callable[[Rows], Mask]
    says: Callable[[Rows, int], str]


def judged(rows: Rows) -> tuple[Rows, list[Finding]]:
    """The rows without those that were told twice, and all that is wrong, the worst first."""
    again = _again(rows)
    found = [_finding(each, rows, again == number) for number, each in enumerate(TWICE, start=1)]
    if again.any():
        rows = rows.taken(np.flatnonzero(again == 0))
    for each in CHECKS:
        if rows.kind in each.kinds:
            found.append(_finding(each, rows, each.finds(rows)))
    return rows, sorted((each for each in found if each.rows), key=lambda each: not each.refuses)


def moment(at: int) -> str:
    """A moment of UTC as people write it, with as many decimals of a second as it has."""
    return str(np.datetime64(int(at), "ns")).rstrip("0").rstrip(".") + "Z"


def _finding(check: Check, rows: Rows, mask: Mask) -> Finding:
    row = int(np.argmax(mask)) if mask.any() else 0
    words = check.says(rows, row) if mask.any() else ""
    return Finding(check.code, check.refuses, int(np.count_nonzero(mask)), rows.where(row), words)


# --- told twice ----------------------------------------------------------------------------------


def _again(rows: Rows) -> Column:
    """0 of what is new, 1 of what an id says otherwise than before, 2 of an echo."""
    keys = rows.columns["opened_at"] if rows.kind == "bars" else rows.ids
    if keys is None:
        return np.zeros(len(rows.at), dtype=np.int64)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    before = first[inverse]
    same = rows.at == rows.at[before]
    for column in rows.columns.values():
        same &= column == column[before]
    return np.where(before == np.arange(len(keys)), 0, np.where(same, 2, 1))


TWICE: Final = (
    Check(
        "conflict",
        True,
        ("trades", "bars"),
        lambda rows: _again(rows) == 1,
        lambda rows, row: f"{_named(rows)} stands there again, and says otherwise; one would do",
    ),
    Check(
        "echo",
        False,
        ("trades", "bars"),
        lambda rows: _again(rows) == 2,
        lambda rows, row: f"{_named(rows)} stands there again, as before; it is left out",
    ),
)


def _named(rows: Rows) -> str:
    return "a bar of this time" if rows.kind == "bars" else "a trade of this id"


# --- in order, and without holes -----------------------------------------------------------------


def _falls(rows: Rows) -> Mask:
    return np.append(False, np.diff(rows.at) < 0)


def _overlaps(rows: Rows) -> Mask:
    steps = np.diff(rows.columns["opened_at"])
    return np.append(False, (steps > 0) & (steps % rows.bar_ns != 0))


def _gaps(rows: Rows) -> Mask:
    waits = np.diff(rows.at)
    if rows.kind == "bars":
        return np.append(False, waits > rows.bar_ns)
    if len(waits) < FEW:
        return np.zeros(len(rows.at), dtype=bool)
    return np.append(False, waits > GAP_TIMES * max(1, int(np.quantile(waits, 0.99))))


def _lost(rows: Rows) -> Mask:
    """Ids that jump, where nearly all count up by one."""
    if rows.ids is None or len(rows.ids) < FEW:
        return np.zeros(len(rows.at), dtype=bool)
    steps = np.diff(rows.ids)
    counted = np.count_nonzero(steps != 1) * LOST_SHARE < len(steps)
    return np.append(False, (steps > 1) & counted)


def _id(rows: Rows, row: int) -> int:
    return 0 if rows.ids is None else int(rows.ids[row])


def _times(rows: Rows, row: int) -> str:
    return f"{moment(rows.at[row - 1])} and then {moment(rows.at[row])}"


# --- prices and quantities -----------------------------------------------------------------------


def _columns(rows: Rows, names: Sequence[str]) -> Iterator[Column]:
    return (column for name, column in rows.columns.items() if name in names)


def _no_price(rows: Rows) -> Mask:
    """A side of a quote may be empty."""
    least = 0 if rows.kind == "quotes" else 1
    bad = np.zeros(len(rows.at), dtype=bool)
    for column in _columns(rows, PRICES):
        bad |= (column < least) | (column > PRICE_MAX // rows.tick)
    return bad


def _no_quantity(rows: Rows) -> Mask:
    least = 1 if rows.kind == "trades" else 0
    bad = np.zeros(len(rows.at), dtype=bool)
    for column in _columns(rows, ("quantity", "bid_quantity", "ask_quantity", "volume")):
        bad |= (column < least) | (column > AMOUNT_MAX // rows.lot)
    return bad


def _fine(rows: Rows) -> Mask:
    """Those that need a finer step than nearly all of the file."""
    fine = np.zeros(len(rows.at), dtype=bool)
    step = 10
    while len(fine) >= FEW and rows.tick * step <= PRICE_ONE:
        needs = np.zeros(len(rows.at), dtype=bool)
        for column in _columns(rows, PRICES):
            needs |= column % step != 0
        if np.count_nonzero(needs) * FINE_SHARE > len(needs):
            break
        fine, step = needs, step * 10
    return fine


def _broken_bars(rows: Rows) -> Mask:
    open_, high, low, close = _columns(rows, ("open", "high", "low", "close"))
    outside = (np.maximum(open_, close) > high) | (np.minimum(open_, close) < low)
    return (high < low) | outside


def _crossed(rows: Rows) -> Mask:
    bid, ask = rows.columns["bid"], rows.columns["ask"]
    return (ask > 0) & (bid >= ask)


def _jumps(rows: Rows) -> Mask:
    last, highest, lowest = _course(rows)
    moves = np.abs(np.diff(last))
    if np.count_nonzero(moves) < FEW:
        return np.zeros(len(last), dtype=bool)
    limit = JUMP_TIMES * float(np.median(moves[moves > 0]))
    reach = np.maximum(np.abs(highest[1:] - last[:-1]), np.abs(lowest[1:] - last[:-1]))
    return np.append(False, (reach > limit) & (reach * JUMP_SHARE > last[:-1]))


def _course(rows: Rows) -> tuple[Column, Column, Column]:
    """Last, highest and lowest price of each row; an empty side of a quote is the other one."""
    if rows.kind == "bars":
        return rows.columns["close"], rows.columns["high"], rows.columns["low"]
    if rows.kind == "trades":
        return (rows.columns["price"],) * 3
    bid, ask = rows.columns["bid"], rows.columns["ask"]
    bid, ask = np.where(bid > 0, bid, ask), np.where(ask > 0, ask, bid)
    return (bid + ask) // 2, ask, bid


def _no_volume(rows: Rows) -> Mask:
    return np.asarray(rows.columns["volume"] == 0)


def _shown(rows: Rows, row: int) -> str:
    """The cells of a row that are prices or quantities, as decimals."""
    cells = []
    for name, column in rows.columns.items():
        if name in PRICES:
            cells.append(f"{name} {show(int(column[row]) * rows.tick, PRICE_DECIMALS)}")
        elif name not in ("opened_at", "side", "ends", "fresh"):
            cells.append(f"{name} {show(int(column[row]) * rows.lot, QUANTITY_DECIMALS)}")
    return ", ".join(cells)


EVERY: Final[tuple[Kind, ...]] = ("bars", "trades", "quotes", "depth")
CHECKS: Final = (
    Check(
        "disorder",
        True,
        EVERY,
        _falls,
        lambda rows, row: (
            f"time {moment(rows.at[row])} lies before {moment(rows.at[row - 1])}; rows sorted by"
            " time would do"
        ),
    ),
    Check(
        "no price",
        True,
        EVERY,
        _no_price,
        lambda rows, row: f"found {_shown(rows, row)}; prices over 0, up to 1e12, would do",
    ),
    Check(
        "no quantity",
        True,
        EVERY,
        _no_quantity,
        lambda rows, row: f"found {_shown(rows, row)}; quantities over 0, up to 1e15, would do",
    ),
    Check(
        "broken bar",
        True,
        ("bars",),
        _broken_bars,
        lambda rows, row: f"found {_shown(rows, row)}; low ≤ open, close ≤ high would do",
    ),
    Check(
        "overlap",
        True,
        ("bars",),
        _overlaps,
        lambda rows, row: (
            f"found bars at {_times(rows, row)}; whole bars of {rows.bar_ns / 1e9:g} s would do"
        ),
    ),
    Check("gap", False, EVERY, _gaps, lambda rows, row: f"nothing between {_times(rows, row)}"),
    Check(
        "lost trades",
        False,
        ("trades",),
        _lost,
        lambda rows, row: f"ids go from {_id(rows, row - 1)} to {_id(rows, row)}",
    ),
    Check(
        "jump",
        False,
        ("bars", "trades", "quotes"),
        _jumps,
        lambda rows, row: f"{_shown(rows, row)}, and before it {_shown(rows, row - 1)}",
    ),
    Check(
        "fine price",
        False,
        ("bars", "trades", "quotes"),
        _fine,
        lambda rows, row: f"{_shown(rows, row)}: nearly all others fit a coarser step",
    ),
    Check(
        "crossed",
        False,
        ("quotes",),
        _crossed,
        lambda rows, row: f"{_shown(rows, row)}: the bid is not below the ask",
    ),
    Check(
        "no volume",
        False,
        ("bars",),
        _no_volume,
        lambda rows, row: f"nothing was traded in the bar of {moment(rows.at[row])}",
    ),
)
