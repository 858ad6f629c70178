"""How well orders were filled: against the price that was seen, and against what came after.

True here: floats, for people; in basis points of the price, weighted by what was traded. `slippage`
is how much worse than what the strategy saw when it decided; `after` is how far the mark had gone
our way some time after the fill: less than nothing is what others knew better. Where the data end
before, or nothing was seen, a fill does not count in that figure.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.state import UNATTRIBUTED
from tieout.backtest.earned import Earned
from tieout.backtest.outcome import Outcome
from tieout.reports.words import SECOND

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
BASIS_POINTS = 10_000
KEYS = ["strategy", "account", "instrument"]
# How long after a fill one looks: in seconds, or in bars where marks are rarer.
AFTER = (1, 10, 60)
UNITS = ((3600 * SECOND, "h"), (60 * SECOND, "min"), (SECOND, "s"), (10**6, "ms"), (1, "ns"))
NONE = np.zeros(0, dtype=np.int64)


def horizons(between_ns: int) -> Mapping[str, int]:
    """Names and lengths of the times after a fill, where marks are so far apart."""
    each = max(SECOND, between_ns)
    unit, name = next((unit, name) for unit, name in UNITS if each % unit == 0)
    return {f"after {n * each // unit:,} {name}": n * each for n in AFTER}


def between(marks: pd.DataFrame) -> int:
    """How far apart marks are where they are nearest: the length of a bar."""
    at = np.unique(marks["at"].to_numpy(dtype=np.int64))
    return int(np.diff(at).min()) if len(at) > 1 else SECOND


def measured(outcome: Outcome, earned: Earned) -> pd.DataFrame:
    """Each fill: what it was worth in the reporting currency, and how well it was made."""
    fills = outcome.fills
    side = fills["side"].to_numpy(dtype=float)
    price, seen = floats(fills["price"]), floats(fills["seen"])
    found = fills[["at", *KEYS, "client_order_id", "is_maker", "cause"]].copy()
    found["strategy"] = found["strategy"].replace("", UNATTRIBUTED)
    found["worth"] = _worth(outcome, earned)
    with np.errstate(divide="ignore", invalid="ignore"):
        slippage = BASIS_POINTS * side * (price - seen) / seen
    found["slippage"] = np.where(seen > 0, slippage, np.nan)
    for name, marks in _marks_after(outcome).items():
        found[name] = BASIS_POINTS * side * (marks - price) / price
    return found


def _worth(outcome: Outcome, earned: Earned) -> Floats:
    """What each fill was worth."""
    fills, said = outcome.fills, earned.worths
    worth = np.zeros(len(fills))
    moments = np.searchsorted(said.moments, fills["at"].to_numpy(dtype=np.int64))
    for (asset, account), numbers in _alike(fills, "asset", "account").items():
        rate = said.rate(asset, account)
        if rate is not None:
            values = floats(fills["value"].iloc[numbers])
            worth[numbers] = values * rate[moments[numbers]].astype(float)
    return worth


def _marks_after(outcome: Outcome) -> Mapping[str, Floats]:
    """The mark of each fill's instrument so long after it."""
    fills, marks = outcome.fills, outcome.marks
    lengths = horizons(between(marks))
    filled_at = fills["at"].to_numpy(dtype=np.int64)
    marked = _alike(marks, "account", "instrument")
    found = {name: np.full(len(fills), np.nan) for name in lengths}
    for place, numbers in _alike(fills, "account", "instrument").items():
        if place not in marked:
            continue
        those = marks.iloc[marked[place]]
        at, price = those["at"].to_numpy(dtype=np.int64), floats(those["price"])
        for name, length in lengths.items():
            then = filled_at[numbers] + length
            last = np.searchsorted(at, then, side="right") - 1
            found[name][numbers] = np.where((last >= 0) & (then <= at[-1]), price[last], np.nan)
    return found


def _alike(frame: pd.DataFrame, *names: str) -> Mapping[tuple[str, ...], Numbers]:
    """The numbers of the rows that are alike in these columns, in order."""
    if not names:
        return {(): np.arange(len(frame), dtype=np.int64)}
    found: dict[tuple[str, ...], list[int]] = {}
    keys = zip(*(frame[name].tolist() for name in names), strict=True)
    for number, key in enumerate(keys):
        found.setdefault(key, []).append(number)
    return {key: np.array(numbers, dtype=np.int64) for key, numbers in found.items()}


# --- together ------------------------------------------------------------------------------------


def quality(fills: pd.DataFrame, orders: pd.DataFrame, *by: str) -> pd.DataFrame:
    """What `measured` says, by some of `KEYS`, and how much of what was ordered was filled.

    Of none of them there is one row, of all together.
    """
    orders = orders.assign(strategy=orders["strategy"].replace("", UNATTRIBUTED))
    asked, told = _alike(orders, *by), _alike(fills, *by)
    rows = [
        (*key, *_of_orders(orders.iloc[numbers]), *_of_fills(fills.iloc[told.get(key, NONE)]))
        for key, numbers in sorted({**dict.fromkeys(told, NONE), **asked}.items())
    ]
    frame = pd.DataFrame(rows, columns=[*by, *ORDERED, *FILLED, *after_of(fills)])
    return frame.set_index(list(by)) if by else frame


ORDERED = ("orders", "filled_whole", "filled_in_part", "fill_rate")
FILLED = ("fills", "traded", "maker_share", "slippage")


def _of_orders(orders: pd.DataFrame) -> tuple[float, ...]:
    """In the order of `ORDERED`; an order of nothing, which the gate refuses, is never filled."""
    wanted, filled = floats(orders["quantity"]), floats(orders["filled"])
    count = len(orders)
    whole = _share(float(((filled > 0) & (filled >= wanted)).sum()), count)
    in_part = _share(float(((filled > 0) & (filled < wanted)).sum()), count)
    rates = np.divide(filled, wanted, out=np.zeros(count), where=filled > 0)
    return count, whole, in_part, float(np.mean(rates)) if count else np.nan


def _of_fills(fills: pd.DataFrame) -> tuple[float, ...]:
    """In the order of `FILLED`, and then the marks after them."""
    worth = floats(fills["worth"])
    traded = float(worth.sum())
    by_makers = float(worth[fills["is_maker"].to_numpy(dtype=bool)].sum())
    figures = [_weighted(floats(fills[name]), worth) for name in ("slippage", *after_of(fills))]
    return len(fills), traded, _share(by_makers, traded), *figures


def after_of(fills: pd.DataFrame) -> list[str]:
    """The columns that say where the mark stood after a fill."""
    return [name for name in map(str, fills) if name.startswith("after ")]


def _weighted(figures: Floats, weights: Floats) -> float:
    known = ~np.isnan(figures)
    return _share(float((figures[known] * weights[known]).sum()), float(weights[known].sum()))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def floats(column: pd.Series) -> Floats:
    """The numbers of a column, of decimals or of floats."""
    return np.array([float(each) for each in column], dtype=np.float64)
