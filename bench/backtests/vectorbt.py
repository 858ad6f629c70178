"""vectorbt over the month, by whole columns: it has no callback to call.

What the strategy wants is an array before the run begins; where an order is placed, and at which
price, is reckoned ahead, as its users do.
"""

from time import process_time
from typing import Any

import numpy as np
import vectorbt

from bench.backtests.month import Bars
from bench.backtests.told import CASH, EVERY_BARS, LOT, Kind, Run, fill


def run(bars: Bars, kind: Kind) -> Run:
    """Once over few bars first, so that what is compiled on the way is compiled."""
    close = np.array(bars.close)
    _portfolio(close[: 2 * EVERY_BARS], kind)
    begun = process_time()
    portfolio = _portfolio(close, kind)
    took = process_time() - begun
    return Run(f"vectorbt {vectorbt.__version__}, columns", None, fills(portfolio, bars), took)


def _portfolio(close: Any, kind: Kind) -> Any:
    sizes = np.full(len(close), np.nan)
    if kind == "orders":
        sizes[EVERY_BARS - 1 :: 2 * EVERY_BARS] = float(LOT)
        sizes[2 * EVERY_BARS - 1 :: 2 * EVERY_BARS] = -float(LOT)
    portfolio = vectorbt.Portfolio.from_orders(
        close, size=sizes, price=close, fees=0.0, init_cash=float(CASH), freq="1min"
    )
    portfolio.orders  # noqa: B018  # the records are made when they are asked for
    return portfolio


def fills(portfolio: Any, bars: Bars) -> list[str]:
    """Its order records, as all write fills."""
    return [
        fill(bars.at[row["idx"]], "sell" if row["side"] else "buy", row["size"], row["price"])
        for row in portfolio.orders.values
    ]
