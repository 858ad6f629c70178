"""Outcomes of backtests that never ran: frames by hand, and a drawn month at three venues."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import numpy as np
import pandas as pd

from tieout.backtest.outcome import COLUMNS, Outcome

MINUTE = 60 * 10**9
BEGAN = 1_704_067_200 * 10**9  # 2024-01-01
D = Decimal

Row = Mapping[str, Any]

INSTRUMENTS: Sequence[Row] = [
    {
        "account": account,
        "instrument": instrument,
        "kind": kind,
        "base": base,
        "quote": quote,
        "settle": settle,
        "tick": D("0.01"),
        "lot": D("0.001"),
        "multiplier": D(multiplier),
    }
    for account, instrument, kind, base, quote, settle, multiplier in (
        ("spot", "BTCUSDT", "spot", "BTC", "USDT", "USDT", "1"),
        ("spot", "BNBUSDT", "spot", "BNB", "USDT", "USDT", "1"),
        ("linear", "BTCUSDT", "linear", "BTC", "USDT", "USDT", "0.01"),
        ("inverse", "BTCUSD", "inverse", "BTC", "USD", "BTC", "100"),
    )
]


def outcome(began_at: int = BEGAN, ended_at: int = BEGAN, **rows: Sequence[Row]) -> Outcome:
    """An outcome of these rows; what a row does not say of a fill or an order is usual."""
    told = {"instruments": INSTRUMENTS, **rows}
    frames = {
        name: pd.DataFrame([dict(row) for row in told.get(name, ())], columns=list(columns))
        for name, columns in COLUMNS.items()
    }
    return Outcome("by hand", "0" * 8, began_at, ended_at, frames, {}, ())


def mark(at: int, account: str, instrument: str, price: str | Decimal) -> Row:
    return {"at": at, "account": account, "instrument": instrument, "price": D(price)}


def fill(
    at: int,
    account: str,
    instrument: str,
    side: int,
    quantity: str | Decimal,
    price: str | Decimal,
    *,
    fee: str | Decimal = "0",
    fee_asset: str = "USDT",
    strategy: str = "one",
    maker: bool = False,
    seen: str | Decimal | None = None,
) -> Row:
    """A fill; its value is by the instrument's own arithmetic."""
    terms = next(
        each
        for each in INSTRUMENTS
        if (each["account"], each["instrument"]) == (account, instrument)
    )
    return {
        "at": at,
        "account": account,
        "instrument": instrument,
        "strategy": strategy,
        "client_order_id": f"{strategy}{at}",
        "side": side,
        "quantity": D(quantity),
        "price": D(price),
        "value": value_of(terms, D(quantity), D(price)),
        "asset": terms["quote"] if terms["kind"] == "spot" else terms["settle"],
        "fee": D(fee),
        "fee_asset": fee_asset,
        "is_maker": maker,
        "cause": "trade",
        "decided_at": at,
        "seen": D(price if seen is None else seen),
    }


def value_of(terms: Row, quantity: Decimal, price: Decimal) -> Decimal:
    """As venues count it: an inverse contract's in coins, cut to 8 decimals."""
    if terms["kind"] == "inverse":
        coins = quantity * D(terms["multiplier"]) / price
        return coins.quantize(D("0.00000001"), ROUND_DOWN)
    return quantity * D(terms["multiplier"]) * price


def order_of(told: Row, quantity: str | Decimal, kind: str = "limit") -> Row:
    """The order that a fill was of."""
    filled = told["quantity"]
    return {
        **{name: told[name] for name in ("account", "instrument", "strategy", "side", "price")},
        "client_order_id": told["client_order_id"],
        "decided_at": told["decided_at"],
        "quantity": D(quantity),
        "kind": kind,
        "filled": filled,
        "status": "filled" if filled == D(quantity) else "cancelled",
        "code": "",
        "ended_at": told["at"],
    }


def movement(at: int, place: tuple[str, str], asset: str, kind: str, amount: str) -> Row:
    account, instrument = place
    return {
        "at": at,
        "account": account,
        "instrument": instrument,
        "asset": asset,
        "kind": kind,
        "amount": D(amount),
    }


def opening(account: str, asset: str, amount: str) -> Row:
    return {"account": account, "asset": asset, "amount": D(amount)}


def month(days: int = 31, seed: int = 7) -> Outcome:
    """Drawn: a maker on spot, whose fees are in a third coin, and a slow trader of contracts."""
    drawn = np.random.default_rng(seed)
    minutes = days * 1440
    steps = drawn.normal(0.000002, 0.0009, minutes).cumsum()
    prices = [D(str(round(p, 2))) for p in 42_000 * np.exp(steps)]
    at = [BEGAN + (n + 1) * MINUTE for n in range(minutes)]
    marks = [
        mark(moment, account, instrument, price)
        for moment, price in zip(at, prices, strict=True)
        for account, instrument in (
            ("spot", "BTCUSDT"),
            ("linear", "BTCUSDT"),
            ("inverse", "BTCUSD"),
        )
    ]
    marks += [mark(at[n], "spot", "BNBUSDT", D(310 + n // 1440)) for n in range(0, minutes, 60)]
    fills = [*_maker(drawn, at, prices), *_slow(at, prices, steps)]
    return outcome(
        began_at=BEGAN,
        ended_at=at[-1],
        fills=sorted(fills, key=lambda row: row["at"]),
        orders=[
            order_of(each, each["quantity"] * (2 if n % 5 == 0 else 1))
            for n, each in enumerate(fills)
        ],
        marks=sorted(marks, key=lambda row: row["at"]),
        movements=[
            movement(moment, ("linear", "BTCUSDT"), "USDT", "funding", f"{D('-0.8') + n % 3}")
            for n, moment in enumerate(at[::480])
        ],
        openings=[
            opening("spot", "USDT", "50000"),
            opening("spot", "BTC", "0.5"),
            opening("spot", "BNB", "10"),
            opening("linear", "USDT", "30000"),
            opening("inverse", "BTC", "0.5"),
        ],
    )


def _maker(drawn: np.random.Generator, at: Sequence[int], prices: Sequence[Decimal]) -> list[Row]:
    """Buys a little under the mark and sells a little over it, at random moments."""
    held, found = 0, []
    for n in sorted(drawn.choice(len(at) - 61, len(at) // 15, replace=False)):
        side = int(drawn.choice([-1, 1])) if abs(held) < 8 else -(1 if held > 0 else -1)
        held += side
        away = D(str(round(float(drawn.exponential(4.0)), 2)))
        price = prices[n] - side * away
        found.append(
            fill(
                int(at[n]) + 1,
                "spot",
                "BTCUSDT",
                side,
                "0.02",
                price,
                fee="0.00012",
                fee_asset="BNB",
                strategy="making",
                maker=True,
                seen=prices[n],
            )
        )
    return found


def _slow(at: Sequence[int], prices: Sequence[Decimal], steps: "np.ndarray[Any, Any]") -> list[Row]:
    """Follows the move of the last day, and pays for it."""
    found: list[Row] = []
    held = 0
    for n in range(1440, len(at) - 61, 360):
        wanted = 1 if steps[n] > steps[n - 1440] else -1
        if wanted == held:
            continue
        held, size = wanted, 1 + (held != 0)
        paid = prices[n] * (1 + D(wanted) * D("0.0001"))
        price = paid.quantize(D("0.01"))
        found += [
            fill(
                int(at[n]) + 2,
                "linear",
                "BTCUSDT",
                wanted,
                D(60 * size),
                price,
                fee=(price * size * D("0.0003")).quantize(D("0.00000001")),
                strategy="momentum",
                seen=prices[n],
            ),
            fill(
                int(at[n]) + 3,
                "inverse",
                "BTCUSD",
                wanted,
                D(150 * size),
                price,
                fee="0.0001",
                fee_asset="BTC",
                strategy="momentum",
                seen=prices[n],
            ),
        ]
    return found
