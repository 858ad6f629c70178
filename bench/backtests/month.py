"""The recorded month of one-minute bars, told over and over with its times moved on.

True here: the bars have no gap, a later round follows the one before by one minute, and a price is
a whole number of thousandths, as the file has them.
"""

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

MINUTE_NS = 60_000_000_000


class Bars(NamedTuple):
    """Columns of equal length; `at` is the file's own time of a bar, in ns UTC."""

    at: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]


def month(file: Path, count: int) -> Bars:
    """The first `count` bars of as many rounds of the file as that takes."""
    with gzip.open(file, "rt", newline="") as text:
        rows = list(csv.reader(text))[1:]
    rounds = -(-count // len(rows))
    began = _ns(rows[0][0])
    prices = [[float(row[place]) for row in rows] * rounds for place in range(1, 6)]
    at = [began + minute * MINUTE_NS for minute in range(count)]
    assert _ns(rows[-1][0]) == began + (len(rows) - 1) * MINUTE_NS, f"{file} has a gap"
    return Bars(at, *(column[:count] for column in prices))


def _ns(written: str) -> int:
    moment = datetime.fromisoformat(written).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000
