"""A tape: what one market showed, row for row in order of time, as columns of whole numbers.

True here: `at` never falls; it is the moment at which a row became known, in ns UTC (of a bar: its
close). Prices are whole ticks and quantities whole lots, as in `venues.matching`, so that a tape
and a book can be compared without rounding. All columns are int64, as long as one another, and
read-only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Kind = Literal["trades", "quotes", "depth", "bars"]
# A market of which two files were recorded is one tape: `venues.recorded.merged`.
TapeKind = Literal[Kind, "depth_and_trades"]
Column: TypeAlias = NDArray[np.int64]

# What a tape of each kind has beside `at`. `side` is 1 where the aggressor bought (of a trade) or
# of bids (of depth), else -1. A row of depth is a level's new quantity, 0 where it is gone; `ends`
# is 1 on the last row of one update, and `fresh` 1 on the first row of a snapshot, before which the
# book is empty; `traded` is 1 where the row is no level but a trade, by whom `side` says.
COLUMNS: Final[Mapping[TapeKind, tuple[str, ...]]] = {
    "trades": ("side", "price", "quantity"),
    "quotes": ("bid", "bid_quantity", "ask", "ask_quantity"),
    "depth": ("side", "price", "quantity", "ends", "fresh"),
    "depth_and_trades": ("side", "price", "quantity", "ends", "fresh", "traded"),
    "bars": ("opened_at", "open", "high", "low", "close", "volume"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """One recorded market; `tick` and `lot` are what is counted, at the scales of `core.money`."""

    kind: TapeKind
    tick: int
    lot: int
    at: Column
    columns: Mapping[str, Column]

    def __post_init__(self) -> None:
        assert tuple(self.columns) == COLUMNS[self.kind], (self.kind, tuple(self.columns))
        for column in (self.at, *self.columns.values()):
            assert column.dtype == np.int64
            assert column.shape == self.at.shape
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.at)

    def until(self, at: int) -> "Tape":
        """The rows that were known at that moment, in arrays of their own."""
        rows = int(np.searchsorted(self.at, at, side="right"))
        columns = {name: column[:rows].copy() for name, column in self.columns.items()}
        return Tape(self.kind, self.tick, self.lot, self.at[:rows].copy(), columns)
