"""Our own backtester over the month: gate, books and reconciler on, statements at each bar's close.

The time is that of the whole `tieout.backtest.run.run`, wiring and frames included, as users call
it; only the tape is made before, as the bars of the others are. As `tieout backtest` does unless
told, it sets no limits: the gate then refuses what breaks touch. `limits` sets a whole file of
them, and the cold engine answers once an hour of the market's time.
"""

from pathlib import Path
from time import process_time

import numpy as np

import core.step
from bench.backtests.month import MINUTE_NS, Bars
from bench.backtests.told import CASH, EVERY_BARS, LOT, Kind, Run, fill
from core.money import price, quantity
from scenarios.model import Scenario, check
from tieout.backtest.outcome import Outcome
from tieout.backtest.run import run as backtest
from venues.recorded.tape import Tape

STRATEGY = Path(__file__).with_name("strategy.py")
ACCOUNT, SYMBOL = "binance_usdm/main", "BTCUSDT"
HOUR_MS = 3_600_000
LIMITS = {
    "file": "simulated",
    "rates": {"USDT": 1},
    "heartbeat_ms": HOUR_MS,
    "ttl_ms": 4 * HOUR_MS,
}
TICK = "0.125"  # the file has eighths


def run(bars: Bars, kind: Kind) -> Run:
    """The same rule, by a strategy in a file of its own."""
    scenario, tape = _scenario(kind), _tape(bars)
    begun = process_time()
    outcome = backtest(scenario, {(ACCOUNT, SYMBOL): tape})
    took = process_time() - begun
    assert outcome.counts["breaks"] == 0, outcome.counts
    assert outcome.counts["statements"] >= len(bars.at), outcome.counts
    build = "plain" if str(core.step.__file__).endswith(".py") else "compiled"
    return Run(f"Tieout ({build})", outcome.counts["items_seen"], _fills(outcome), took)


def _fills(outcome: Outcome) -> list[str]:
    told = outcome.fills
    return [
        fill(at, "buy" if side > 0 else "sell", size, paid)
        for at, side, size, paid in zip(
            told["at"], told["side"], told["quantity"], told["price"], strict=True
        )
    ]


def _tape(bars: Bars) -> Tape:
    at = np.array(bars.at, dtype=np.int64)
    ticks = {
        name: np.rint(np.array(getattr(bars, name)) / float(TICK)).astype(np.int64)
        for name in ("open", "high", "low", "close")
    }
    volume = np.rint(np.array(bars.volume) / float(LOT)).astype(np.int64)
    columns = {"opened_at": at - MINUTE_NS, **ticks, "volume": volume}
    return Tape("bars", price(TICK), quantity(LOT), at, columns)


def _scenario(kind: Kind) -> Scenario:
    """No latency, no fee."""
    instrument = {
        "symbol": SYMBOL,
        "base": "BTC",
        "quote": "USDT",
        "tick": TICK,
        "lot": LOT,
        "price": "46000",
        "maker_rate": "0",
        "taker_rate": "0",
    }
    venue = {
        "dialect": "binance_usdm",
        "instruments": [instrument],
        "wallets": {"USDT": str(CASH)},
        "models": {"entry": {"ns": 0}, "reply": {"ns": 0}},
    }
    options = {"every_bars": EVERY_BARS, "quantity": LOT} if kind != "noop" else {}
    strategy = {"kind": str(STRATEGY), "name": "ours", "options": options}
    told = {
        "name": "month",
        "claim": "a month of bars, over and over",
        "duration_s": 1,
        "venues": [venue],
        "strategies": [strategy],
        "limits": LIMITS if kind == "limits" else None,
    }
    return check(told, "bench")
