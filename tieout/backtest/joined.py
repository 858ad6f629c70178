"""One tape of several files that follow one another, as months of a market do."""

from collections.abc import Sequence
from itertools import pairwise
from math import gcd
from typing import Final

import numpy as np

from tieout.backtest.check import moment
from tieout.backtest.data import Recorded
from tieout.backtest.rows import PRICES, QUANTITIES
from tieout.bad_input import BadMarket
from venues.recorded.tape import Column, Tape

COUNTS_LOTS: Final = (*QUANTITIES, "volume")


def joined(parts: Sequence[Recorded]) -> Tape:
    """The parts as one tape, counted by a tick and lot that all of them fit.

    Raises `BadMarket` where they are of two kinds, or one begins before another ended.
    """
    for before, after in pairwise(parts):
        _follow(before, after)
    tapes = [each.tape for each in parts]
    tick, lot = gcd(*(each.tick for each in tapes)), gcd(*(each.lot for each in tapes))
    columns = {
        name: np.concatenate([_finer(tape, name, tick, lot) for tape in tapes])
        for name in tapes[0].columns
    }
    at = np.concatenate([tape.at for tape in tapes])
    return Tape(tapes[0].kind, tick, lot, at, columns)


def _finer(tape: Tape, name: str, tick: int, lot: int) -> Column:
    if name in PRICES:
        return tape.columns[name] * (tape.tick // tick)
    if name in COUNTS_LOTS:
        return tape.columns[name] * (tape.lot // lot)
    return tape.columns[name]


def _follow(before: Recorded, after: Recorded) -> None:
    told, then = before.source, after.source
    if (told.kind, told.bar_ns) != (then.kind, then.bar_ns):
        words = f"found {then.kind}, and other {told.kind} in {told.file}"
        raise BadMarket(f"{then.file}: {words}; files of one kind would do")
    if then.began_at < told.ended_at + (told.kind == "bars"):
        words = f"it begins at {moment(then.began_at)}, before {told.file} ends"
        raise BadMarket(f"{then.file}: {words}; files in order of time, each once, would do")
