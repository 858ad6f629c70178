"""The funding that a perpetual paid, from a file: a moment and a rate a row, as exchanges have it.

CSV, Parquet or JSON, as of market files. A rate is a part of the position's value, 0.0001 for one
basis point: 1 or more is none, but was meant in per cent or basis points, and is refused.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from tieout.backtest import exact
from tieout.backtest.formats import find
from tieout.backtest.market_files import Table, raw, table
from tieout.bad_input import BadMarket
from venues.recorded.funding import Due, Rates

TIME: Final = "fundingtime fundingratetimestamp at timestamp ts time datetime date".split()
RATE: Final = "realizedrate fundingrate rate".split()
PLACES: Final = 15
Read = TypeVar("Read")


def rates(path: Path) -> Rates:
    """The rates in the file, oldest first; raises `BadMarket`, which names the place."""
    told = table(path, raw(path))
    times, parts = _named(path, told, TIME, "fundingTime"), _named(path, told, RATE, "fundingRate")
    if not len(told.columns[times]):
        raise BadMarket(f"{path}: found no rate; one or more would do")
    at, zoned = _read(path, told, times, lambda column: exact.moments(column, 0))
    if not zoned:
        raise BadMarket(f"{path}: found times without a zone; times that say theirs would do")
    whole = _read(path, told, parts, lambda column: exact.decimals(column, PLACES))
    due = [
        Due(int(moment), Decimal(int(units)).scaleb(-whole.places))
        for moment, units in zip(at, whole.values, strict=True)
    ]
    _check(path, told, due)
    return Rates(sorted(due))


def _named(path: Path, told: Table, names: list[str], would_do: str) -> str:
    """What the file calls a column."""
    own = find(told.columns, names)
    if own is None:
        raise BadMarket(f"{path}: found {', '.join(told.columns)}; {would_do} too would do")
    return own


def _read(path: Path, told: Table, name: str, reads: Callable[[Any], Read]) -> Read:
    try:
        return reads(told.columns[name])
    except exact.Misfit as error:
        raise BadMarket(f"{path}: {told.place(error.row)}: {name}: {error}") from error


def _check(path: Path, told: Table, due: list[Due]) -> None:
    """Each moment once, each rate a part of the value."""
    for row, each in enumerate(due):
        if abs(each.rate) >= 1:
            would_do = "a part of the value, 0.0001 for one basis point, would do"
            raise BadMarket(f"{path}: {told.place(row)}: found the rate {each.rate}; {would_do}")
    moments = np.array([each.at for each in due])
    first = np.unique(moments, return_index=True)[1]
    if len(first) < len(due):
        row = int(np.setdiff1d(np.arange(len(due)), first)[0])
        raise BadMarket(f"{path}: {told.place(row)}: a moment stands twice; once would do")
