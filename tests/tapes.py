"""Tapes written by hand, a row a line, in the order of `COLUMNS`."""

from dataclasses import replace

import numpy as np

from venues.recorded.tape import COLUMNS, Kind, Tape


def tape(kind: Kind, *rows: tuple[int, ...]) -> Tape:
    """A tape of these rows, which become known at 1, 2, 3, … ns; ticks and lots of one unit."""
    names = COLUMNS[kind]
    columns = {
        name: np.array([row[number] for row in rows], dtype=np.int64)
        for number, name in enumerate(names)
    }
    return Tape(kind, 1, 1, np.arange(1, len(rows) + 1, dtype=np.int64), columns)


def written(kind: Kind, text: str) -> Tape:
    """A tape of rows as text, divided by commas."""
    return tape(kind, *(tuple(map(int, row.split())) for row in text.split(",")))


def bars(text: str) -> Tape:
    """A tape of bars, of which only low, high, close and volume are written."""
    rows = [tuple(map(int, row.split())) for row in text.split(",")]
    return tape(
        "bars", *((n, close, high, low, close, v) for n, (low, high, close, v) in enumerate(rows))
    )


def at(told: Tape, *moments: int) -> Tape:
    """The same, whose rows became known at these moments."""
    return replace(told, at=np.array(moments, dtype=np.int64))
