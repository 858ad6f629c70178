"""Full recompute: every cell's value and every key's sum, in int64, from the columns alone.

Rule. Nothing wraps unseen: a product is taken modulo 2**64 only where its true difference from a
near value is known to fit, and sums are bounded by 2**61 before they are believed.

It shares no arithmetic with the incremental path: that one is Python's own whole numbers.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from risk.weights import SHIFT

Ints = NDArray[np.int64]
Kept: TypeAlias = "list[int] | array[int]"
SUM_MAX = float(1 << 61)
_SHARE = 1.0 / (1 << SHIFT)  # a power of two: exact
_ROUND_UP = (1 << SHIFT) - 1


class SumTooLarge(ArithmeticError):
    """The exposures are too large to be summed in 63 bits."""


class Grouping(NamedTuple):
    """Which places are summed into which slots: `order` walks them slot by slot."""

    order: Ints
    starts: Ints
    slots: Ints


class Totals(NamedTuple):
    """Per slot, in reporting units."""

    long: Ints
    short: Ints
    gross: Ints


def column(numbers: "array[int]") -> Ints:
    """The column as numpy sees it, not copied; drop it before the column grows."""
    return np.frombuffer(numbers, dtype=np.int64)


def first_difference(kept: Kept, anew: Ints) -> int | None:
    """Where a column is not what it should be; raises `SumTooLarge` of what fits no column."""
    try:
        told = np.array(kept, dtype=np.int64) if isinstance(kept, list) else column(kept)
    except OverflowError as error:
        raise SumTooLarge("a sum needs more than 63 bits") from error
    wrong = (told != anew).nonzero()[0]
    return int(wrong[0]) if wrong.size else None


def group(slot_of: Sequence[int], places: Sequence[int] | None = None) -> Grouping:
    """Place i of the source (or places[i]) belongs to slot_of[i]."""
    slots = np.asarray(slot_of, dtype=np.int64)
    order = np.argsort(slots, kind="stable").astype(np.int64)
    ordered = slots[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]).astype(np.int64)
    if places is not None:
        order = np.asarray(places, dtype=np.int64)[order]
    return Grouping(order, starts, ordered[starts])


def worths(quantities: Ints, up: Ints, spread: Ints) -> Ints:
    """Each quantity at `up`, or where it is negative at `up - spread`; rounded up.

    The sign bit, drawn out, is the mask: a choice by `where` takes five times as long.
    """
    weight = quantities >> 63
    weight &= spread
    np.subtract(up, weight, out=weight)
    near = quantities.astype(np.float64)
    near *= weight
    near *= _SHARE
    if near.size and max(near.max(), -near.min()) >= SUM_MAX:
        raise SumTooLarge("one cell is worth more than can be summed")
    whole = near.astype(np.int64)
    # `near` is off by less than 2**12 units, so the rest is below 2**53, wrapped or not.
    weight *= quantities
    weight -= whole << SHIFT
    weight += _ROUND_UP
    weight >>= SHIFT
    whole += weight
    return whole


def aged(as_of: Ints, now: int, age_ns_max: int) -> NDArray[np.bool_]:
    """Which references say nothing any more, or never did (0)."""
    old: NDArray[np.bool_] = (as_of <= 0) | (as_of < now - age_ns_max)
    return old


def stale(exposed: Ints, priced: Ints, old: NDArray[np.bool_]) -> bytearray:
    """Slots of which something exposed is old, or that need a price (rows of `priced`) and have
    none that is not."""
    found = exposed > 0
    unpriced = np.zeros(len(exposed), dtype=np.bool_)
    unpriced[priced] = True
    unpriced[priced[~old]] = False
    return bytearray((found | unpriced).astype(np.uint8).tobytes())


def total(values: Ints, slots: int, bases: Iterable[Grouping], parents: Grouping) -> Ints:
    """Every slot's sum: of cells for the bases, of bases for the parents."""
    sums = np.zeros(slots, dtype=np.int64)
    for each in bases:
        sums[each.slots] = np.add.reduceat(values.take(each.order), each.starts)
    sums[parents.slots] = np.add.reduceat(sums.take(parents.order), parents.starts)
    return sums


def values(long: Ints, short: Ints, up: Ints, down: Ints) -> Totals:
    """Each cell's value, from the most that it can be long and the most that it can be short."""
    spread = up - down
    if_bought, if_sold = worths(long, up, spread), worths(short, up, spread)
    gross = np.maximum(if_bought, if_sold)
    # The negative one of a pair is never larger than the positive one: gross bounds all three.
    if gross.sum(dtype=np.float64) >= SUM_MAX:
        raise SumTooLarge("all cells together are worth more than can be summed")
    return Totals(if_bought, if_sold, gross)
