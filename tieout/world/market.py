"""Recorded trades as a run has them: read and judged by `tieout.backtest.data`, then paced.

Any file of trades that a backtest reads will do; prices and quantities stay exact.
"""

from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS
from sim.market import MS, Trade

if TYPE_CHECKING:
    from venues.recorded.tape import Column, Tape


class Market(Struct, frozen=True, forbid_unknown_fields=True):
    """A recorded market as a run had it: which file, its very bytes, and the pace.

    A gap between two trades that is longer than `gap_ms_max` was cut to it.
    """

    file: str
    sha256: str
    gap_ms_max: int

    def __str__(self) -> str:
        return f"{self.file} (sha256 {self.sha256[:12]}…) with market_gap_ms_max {self.gap_ms_max}"


def named(path: Path, gap_ms_max: int) -> Market:
    """What a run with this file would record of it."""
    # Here and below: a run without a market needs no reader, and starts sooner.
    from tieout.backtest.market_files import raw

    return Market(path.name, sha256(raw(path)).hexdigest(), gap_ms_max)


def load(path: Path, gap_ms_max: int) -> tuple[Market, list[Trade]]:
    """The market, and its trades in order from the run's start; longer gaps are cut.

    The pace is a property of the run and stands in the scenario (`market_gap_ms_max`). Raises
    `BadMarket`, which names the place and what would do.
    """
    from tieout.backtest.data import load as read
    from tieout.backtest.rows import Told

    recorded = read(path, Told(kind="trades"))
    market = Market(recorded.source.file, recorded.source.sha256, gap_ms_max)
    return market, list(_paced(recorded.tape, gap_ms_max * MS))


def _paced(tape: "Tape", gap_ns_max: int) -> Iterator[Trade]:
    at, before = 0, int(tape.at[0])
    sides, prices, quantities = (tape.columns[name] for name in ("side", "price", "quantity"))
    for row, stamp in enumerate(tape.at.tolist()):
        at += min(stamp - before, gap_ns_max)
        before = stamp
        yield Trade(
            at,
            "buy" if sides[row] > 0 else "sell",
            _exact(prices, row, tape.tick, PRICE_DECIMALS),
            _exact(quantities, row, tape.lot, QUANTITY_DECIMALS),
        )


def _exact(column: "Column", row: int, step: int, decimals: int) -> Decimal:
    return Decimal(int(column[row]) * step).scaleb(-decimals)
