"""NautilusTrader 1.x over the month: its bars execute, so an order at a close is filled there."""

from decimal import Decimal
from typing import Any

import nautilus_trader
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from bench.backtests.month import Bars
from bench.backtests.nautilus_rule import Names, played
from bench.backtests.told import Kind, Run

NAMES = Names(
    nautilus_trader.__version__,
    *(Bar, BarType, CurrencyPair, Money, OrderSide, Price, Quantity, Strategy),
    *(InstrumentId.from_str("BTCUSD.SIM"), BTC, USD),
)


def run(bars: Bars, kind: Kind) -> Run:
    """Its defaults, without its log and without the statistics at the end."""
    silent = LoggingConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=silent, run_analysis=False))
    engine.add_venue(
        NAMES.pair.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=NAMES.balances,
    )
    free = {"maker_fee": Decimal(0), "taker_fee": Decimal(0)}
    return played(NAMES, engine, bars, kind, _filled, **free)


def _filled(order: Any) -> list[Any]:
    return [event for event in order.events if type(event).__name__ == "OrderFilled"]
