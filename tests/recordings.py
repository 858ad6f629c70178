"""Recorded markets that are made, not found: seeded walks as tapes; scenarios that play them."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.money import price, quantity
from scenarios.model import Scenario, check
from sim.dice import Dice
from venues.recorded.tape import Tape

MINUTE = 60 * 10**9
START = 1_640_995_200 * 10**9  # 2022-01-01
AT_ONCE = {"entry": {"ns": 0}, "reply": {"ns": 0}}
PERP = "binance_usdm/main"
SPOT = "binance_spot/main"


def bars(count: int, seed: int = 1) -> Tape:
    """Minutes of a walk around 20,000 in steps of 0.5."""
    dice = Dice(seed).stream("bars")
    close, rows = 40_000, []
    for number in range(count):
        opened, close = close, max(100, close + dice.between(-40, 40))
        high, low = max(opened, close) + dice.below(20), min(opened, close) - dice.below(20)
        begins = START + number * MINUTE
        rows.append((begins + MINUTE, begins, opened, high, low, close, dice.between(1, 90_000)))
    at, *columns = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    names = ("opened_at", "open", "high", "low", "close", "volume")
    return Tape("bars", price("0.5"), quantity("0.001"), at, dict(zip(names, columns, strict=True)))


def trades(count: int, seed: int = 1) -> Tape:
    """Trades every few hundred milliseconds, several at one moment now and then."""
    dice = Dice(seed).stream("trades")
    middle, at, rows = 20_000, START, []
    for _ in range(count):
        at += dice.below(900) * 10**6
        middle = max(100, middle + dice.between(-3, 3))
        side = 1 if dice.below(2) else -1
        rows.append((at, side, middle + side, dice.between(1, 50)))
    when, *columns = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    names = ("side", "price", "quantity")
    return Tape(
        "trades", price("0.01"), quantity("1"), when, dict(zip(names, columns, strict=True))
    )


def scenario(strategy: str, *, venue: str = PERP, free: bool = True, **more: Any) -> Scenario:
    """One strategy at one venue with one instrument; free of fees and of latency, if so wanted."""
    dialect = venue.partition("/")[0]
    is_spot = venue == SPOT
    rate = "0" if free else "0.0004"
    tick, lot, coin, cash = (
        ("0.01", "1", "XRP", "ETH") if is_spot else ("0.5", "0.001", "BTC", "USDT")
    )
    options = more.pop("options", {})
    kind = more.pop("kind", strategy)
    told: dict[str, Any] = {
        "dialect": dialect,
        "instruments": [
            {
                "symbol": f"{coin}{cash}",
                "base": coin,
                "quote": cash,
                "tick": tick,
                "lot": lot,
                "price": "20000",
                "maker_rate": rate,
                "taker_rate": rate,
            }
        ],
        "wallets": {cash: "100000000"} | ({coin: "1000000"} if is_spot else {}),
        "models": AT_ONCE if free else {},
    }
    return check(
        {
            "name": "recorded",
            "claim": "a backtest of a test",
            "duration_s": 1,
            "venues": [told],
            "strategies": [{"kind": kind, "name": "ours", "options": options, "tick_ms": 1000}],
            **more,
        },
        "tests",
    )


def between(**options: Any) -> Scenario:
    """An arbitrage of one coin between two spot venues, free of fees and of latency."""
    venues = [
        {
            "dialect": dialect,
            "instruments": [
                {
                    "symbol": symbol,
                    "base": "XRP",
                    "quote": "ETH",
                    "tick": "0.01",
                    "lot": "1",
                    "price": "200",
                    "maker_rate": "0",
                    "taker_rate": "0",
                }
            ],
            "wallets": {"XRP": "1000000", "ETH": "100000000"},
            "models": AT_ONCE,
        }
        for dialect, symbol in (("binance_spot", "XRPETH"), ("coinbase", "XRP-ETH"))
    ]
    told = {"base": "XRP", "quote": "ETH", "size": "3", "limit": "100000", "edge_bp": 2} | options
    strategies = [{"kind": "arbitrage", "name": "ours", "options": told, "tick_ms": 1000}]
    about = {"name": "recorded", "claim": "a backtest of a test", "duration_s": 1}
    return check(about | {"venues": venues, "strategies": strategies}, "tests")
