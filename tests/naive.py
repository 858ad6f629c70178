"""A trader as many are written: ccxt's unified calls, and what they return taken for the truth.

It takes what `watch_my_trades` yields as what was filled, an order that raised as one that is not,
and begins to watch again after an error. It is measured beside our node on a venue of its own, with
the same faults; it is no straw man: it never dies, and ccxt keeps its connection for it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ccxt import BaseError

from tests.live import Served

WHAT_CLIENTS_CATCH = (BaseError, OSError, TimeoutError, KeyError, ValueError, TypeError)


@dataclass
class Naive:
    """One account, as its trader believes it to be."""

    served: Served
    exchange: Any
    seen: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    raised: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def begin(self, tick_s: float) -> None:
        symbols = tuple(self.exchange.markets)
        self._tasks = [
            *(asyncio.create_task(self._watch(symbol)) for symbol in symbols),
            asyncio.create_task(self._trade(symbols, tick_s)),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _watch(self, symbol: str) -> None:
        while True:
            try:
                for trade in await self.exchange.watch_my_trades(symbol):
                    self.seen[f"{trade['symbol']}/{trade['id']}"] += 1
                    amount = Decimal(str(trade["amount"]))
                    self.held[trade["symbol"]] += amount if trade["side"] == "buy" else -amount
            except WHAT_CLIENTS_CATCH:
                await asyncio.sleep(0.5)

    async def _trade(self, symbols: tuple[str, ...], tick_s: float) -> None:
        while True:
            for symbol in symbols:
                await asyncio.sleep(tick_s)
                side = ("buy", "sell")[self.asked // len(symbols) % 2]
                self.asked += 1
                try:
                    lot = self.exchange.market(symbol)["limits"]["amount"]["min"]
                    leg = "long" if side == "buy" else "short"
                    params = {"posSide": leg} if self.served.venue == "okx_swap" else {}
                    await self.exchange.create_order(symbol, "market", side, lot, None, params)
                except WHAT_CLIENTS_CATCH:
                    self.raised += 1

    # --- against the truth ------------------------------------------------------------------------

    def verdict(self) -> dict[str, int]:
        """How many fills there were, were never seen, were counted twice, and came of an order
        that had raised."""
        exchange = self.served.world.sites[self.served.venue].venue.exchange
        unified = {market["id"]: symbol for symbol, market in self.exchange.markets.items()}
        name = exchange.habits.name_trade
        true = {
            f"{unified.get(symbol, symbol)}/{name(trade.trade_id)}"
            for symbol, trades in exchange.trades.items()
            for trade in trades
        }
        return {
            "fills": len(true),
            "never_seen": len(true - set(self.seen)),
            "counted_twice": sum(times - 1 for times in self.seen.values()),
            "orders_raised": self.raised,
            "orders_filled_though_raised": max(0, self._filled_orders() - self.asked + self.raised),
        }

    def _filled_orders(self) -> int:
        tickets = self.served.world.sites[self.served.venue].venue.exchange.tickets.values()
        return sum(1 for each in tickets if each.client_id and each.filled)
