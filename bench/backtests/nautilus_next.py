"""NautilusTrader 2.0's pre-release over the month: its own interface, the same rule."""

from decimal import Decimal
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
from bench.backtests.nautilus_rule import Names, played
from bench.backtests.told import Kind, Run

NAMES = Names(
    nautilus_trader.__version__,
    *(Bar, BarType, CurrencyPair, Money, OrderSide, Price, Quantity, Strategy),
    *(InstrumentId.from_str("BTCUSD.SIM"), Currency.from_str("BTC"), Currency.from_str("USD")),
)


def run(bars: Bars, kind: Kind) -> Run:
    """Its defaults, without its log and without the statistics at the end."""
    silent = LoggerConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=silent, run_analysis=False))
    engine.add_venue(
        NAMES.pair.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        starting_balances=NAMES.balances,
        fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
    )
    return played(NAMES, engine, bars, kind, _filled)


def _filled(order: Any) -> list[Any]:
    return [event for event in order.events() if isinstance(event, OrderFilled)]
