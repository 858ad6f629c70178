"""vectorbt over the month by its own loop: a callback for each bar, compiled by numba.

The nearest that it has to an event-driven strategy; no Python runs in its loop.
"""

from time import process_time
from typing import Any

import numpy as np
import vectorbt
from numba import njit
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import NoOrder

from bench.backtests.month import Bars
from bench.backtests.told import CASH, EVERY_BARS, LOT, Kind, Run
from bench.backtests.vectorbt import fills

SIZE = float(LOT)


@njit  # type: ignore[untyped-decorator]  # ships no types
def noop(context: Any, calls: Any) -> Any:
    """One bar."""
    calls[0] += 1
    return NoOrder


@njit  # type: ignore[untyped-decorator]  # ships no types
def orders(context: Any, calls: Any) -> Any:
    """One bar."""
    calls[0] += 1
    if calls[0] % EVERY_BARS:
        return NoOrder
    size = SIZE if calls[0] // EVERY_BARS % 2 else -SIZE
    return nb.order_nb(size=size, price=context.close[context.i, context.col], fees=0.0)


def run(bars: Bars, kind: Kind) -> Run:
    """Once over few bars first, so that what is compiled on the way is compiled."""
    close = np.array(bars.close)
    _portfolio(close[: 2 * EVERY_BARS], kind)
    begun = process_time()
    portfolio, calls = _portfolio(close, kind)
    took = process_time() - begun
    name = f"vectorbt {vectorbt.__version__}, numba callback"
    return Run(name, calls, fills(portfolio, bars), took)


def _portfolio(close: Any, kind: Kind) -> tuple[Any, int]:
    calls = np.zeros(1, dtype=np.int64)
    portfolio = vectorbt.Portfolio.from_order_func(
        close, orders if kind == "orders" else noop, calls, init_cash=float(CASH), freq="1min"
    )
    portfolio.orders  # noqa: B018  # the records are made when they are asked for
    return portfolio, int(calls[0])
