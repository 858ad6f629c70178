"""backtrader over the month: orders at a bar's close are filled there (cheat-on-close)."""

from datetime import UTC, datetime
from time import process_time
from typing import Any

import backtrader

from bench.backtests.month import MINUTE_NS, Bars
from bench.backtests.told import CASH, EVERY_BARS, LOT, Kind, Run, fill


class Feed(backtrader.feed.DataBase):  # type: ignore[misc]  # ships no types
    """The bars as backtrader's lines. What loading them takes is kept apart."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self.bars, self.place, self.loading = bars, 0, 0.0

    def preload(self) -> None:
        """As backtrader does it, with a look at the clock."""
        begun = process_time()
        super().preload()
        self.loading = process_time() - begun

    def _load(self) -> bool:
        place, bars, lines = self.place, self.bars, self.lines
        if place == len(bars.at):
            return False
        moment = datetime.fromtimestamp(bars.at[place] // 10**9, tz=UTC)
        lines.datetime[0] = backtrader.date2num(moment)
        lines.open[0], lines.high[0] = bars.open[place], bars.high[place]
        lines.low[0], lines.close[0] = bars.low[place], bars.close[place]
        lines.volume[0], lines.openinterest[0] = bars.volume[place], 0.0
        self.place = place + 1
        return True


class Noop(backtrader.Strategy):  # type: ignore[misc]  # ships no types
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.placed: list[Any] = []

    def next(self) -> None:
        """One bar."""
        self.calls += 1


class Orders(Noop):
    """Buys and sells by turns."""

    def next(self) -> None:
        """One bar."""
        self.calls += 1
        if self.calls % EVERY_BARS == 0:
            order = self.sell if len(self.placed) % 2 else self.buy
            self.placed.append(order(size=float(LOT)))


def run(bars: Bars, kind: Kind) -> Run:
    """Lines loaded at once and indicators run over whole columns: backtrader's own defaults."""
    cerebro = backtrader.Cerebro(stdstats=False)
    cerebro.broker.set_cash(CASH)
    cerebro.broker.set_coc(True)
    feed = Feed(bars=bars, timeframe=backtrader.TimeFrame.Minutes)
    cerebro.adddata(feed)
    cerebro.addstrategy(Orders if kind == "orders" else Noop)
    begun = process_time()
    (strategy,) = cerebro.run()
    took = process_time() - begun - feed.loading
    fills = [_fill(order) for order in strategy.placed if order.executed.size]
    return Run(f"backtrader {backtrader.__version__}", strategy.calls, fills, took)


def _fill(order: Any) -> str:
    side, done = "buy" if order.isbuy() else "sell", order.executed
    return fill(_at(done.dt), side, abs(done.size), done.price)


def _at(days: float) -> int:
    """Its times are fractions of days, exact to microseconds: the minute is meant."""
    moment = backtrader.num2date(days).replace(tzinfo=UTC)
    return round(moment.timestamp() * 10**9 / MINUTE_NS) * MINUTE_NS
