"""NautilusTrader 2.0's pre-release over the month: its own interface, the same rule.

In its environment the older one cannot be, so the two runners share no code.
"""

from decimal import Decimal
from time import process_time
from typing import Any

import nautilus_trader
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    Currency,
    CurrencyPair,
    InstrumentId,
    Money,
    OmsType,
    OrderFilled,
    OrderSide,
    Price,
    Quantity,
)
from nautilus_trader.trading import Strategy

from bench.backtests.month import Bars
from bench.backtests.told import CASH, EVERY_BARS, LOT, Kind, Run, fill

PAIR = InstrumentId.from_str("BTCUSD.SIM")
MINUTES = BarType.from_str(f"{PAIR}-1-MINUTE-LAST-EXTERNAL")
BTC, USD = Currency.from_str("BTC"), Currency.from_str("USD")


class Noop(Strategy):  # type: ignore[misc]  # its types are not where mypy runs
    """Counts its calls."""

    calls = 0

    def on_start(self) -> None:
        """Asks for the bars."""
        self.subscribe_bars(MINUTES)

    def on_bar(self, bar: Any) -> None:
        """One bar."""
        self.calls += 1


class Orders(Noop):
    """Buys and sells by turns."""

    def on_bar(self, bar: Any) -> None:
        """One bar."""
        self.calls += 1
        if self.calls % EVERY_BARS == 0:
            side = OrderSide.BUY if self.calls // EVERY_BARS % 2 else OrderSide.SELL
            self.submit_order(self.order_factory.market(PAIR, side, Quantity.from_str(LOT)))


def run(bars: Bars, kind: Kind) -> Run:
    """Its defaults, without its log and without the statistics at the end."""
    silent = LoggerConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=silent, run_analysis=False))
    engine.add_venue(
        PAIR.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        starting_balances=[Money(CASH, USD), Money(CASH // 1000, BTC)],
        fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
    )
    engine.add_instrument(_pair())
    engine.add_data([_bar(*row) for row in zip(*bars, strict=True)])
    strategy = Orders() if kind == "orders" else Noop()
    engine.add_strategy(strategy)
    begun = process_time()
    engine.run()
    took = process_time() - begun
    events = [event for order in engine.cache.orders() for event in order.events()]
    told = [event for event in events if isinstance(event, OrderFilled)]
    fills = [
        fill(event.ts_event, "buy" if event.is_buy else "sell", event.last_qty, event.last_px)
        for event in sorted(told, key=lambda event: event.ts_event)
    ]
    return Run(f"NautilusTrader {nautilus_trader.__version__}", strategy.calls, fills, took)


def _pair() -> Any:
    return CurrencyPair(
        instrument_id=PAIR,
        raw_symbol=PAIR.symbol,
        base_currency=BTC,
        quote_currency=USD,
        price_precision=3,
        size_precision=3,
        price_increment=Price.from_str("0.001"),
        size_increment=Quantity.from_str("0.001"),
        ts_event=0,
        ts_init=0,
    )


def _bar(at: int, opened: float, high: float, low: float, close: float, volume: float) -> Any:
    prices = (Price(number, 3) for number in (opened, high, low, close))
    return Bar(MINUTES, *prices, Quantity(volume, 3), at, at)
