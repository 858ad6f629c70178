"""NautilusTrader 1.x over the month: its bars execute, so an order at a close is filled there."""

from decimal import Decimal
from time import process_time
from typing import Any

import nautilus_trader
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from bench.backtests.month import Bars
from bench.backtests.told import CASH, EVERY_BARS, LOT, Kind, Run, fill

PAIR = InstrumentId(Symbol("BTCUSD"), Venue("SIM"))
MINUTES = BarType.from_str(f"{PAIR}-1-MINUTE-LAST-EXTERNAL")


class Noop(Strategy):  # type: ignore[misc]  # ships no types
    """Counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

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
    settings = BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    engine = BacktestEngine(settings)
    engine.add_venue(
        PAIR.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(CASH, USD), Money(CASH // 1000, BTC)],
    )
    engine.add_instrument(_pair())
    engine.add_data([_bar(*row) for row in zip(*bars, strict=True)])
    strategy = Orders() if kind == "orders" else Noop()
    engine.add_strategy(strategy)
    begun = process_time()
    engine.run()
    took = process_time() - begun
    events = [event for order in engine.cache.orders() for event in order.events]
    told = [event for event in events if type(event).__name__ == "OrderFilled"]
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
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        ts_event=0,
        ts_init=0,
    )


def _bar(at: int, opened: float, high: float, low: float, close: float, volume: float) -> Any:
    prices = (Price(number, 3) for number in (opened, high, low, close))
    return Bar(MINUTES, *prices, Quantity(volume, 3), at, at)
