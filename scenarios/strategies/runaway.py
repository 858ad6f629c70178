"""A runaway: an order on every tick, whatever it was told of those before (the Knight shape).

From `after_ms` to `until_ms` since its first tick it wants `lots` of every book it sees, on one
side or (`both`) on the dice. It hears nothing and counts nothing.
"""

from collections.abc import Mapping
from typing import Any

from core.effects import TellPosition, TellStrategy
from core.events import OrderKind, Side
from core.strategy import Quote, Strategy, Tick, Wish, order

MS = 1_000_000


class Runaway:
    """Wants, and wants."""

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self._lots = int(options.get("lots", 1))
        self._after_ns = int(options.get("after_ms", 0)) * MS
        self._until_ns = int(options.get("until_ms", 10**9)) * MS
        self._side = str(options.get("side", "buy"))
        self._kind: OrderKind = options.get("kind", "ioc")
        self._ticks = int(options.get("ticks", 3))
        self._reduce_only = options.get("reduce_only", False) is True
        self._began_at = -1

    def on_tick(self, tick: Tick) -> list[Wish]:
        if self._began_at < 0:
            self._began_at = tick.now
        if not self._after_ns <= tick.now - self._began_at < self._until_ns:
            return []
        quotes = [quote for quote in tick.quotes if quote.bid and quote.ask]
        return [
            self._want(quote, tick.word >> number, tick.now) for number, quote in enumerate(quotes)
        ]

    def _want(self, quote: Quote, word: int, now: int) -> Wish:
        side: Side = (
            "sell" if self._side == "sell" or (self._side == "both" and word % 2) else "buy"
        )
        away = self._ticks * quote.tick
        price = quote.ask + away if side == "buy" else max(quote.bid - away, quote.tick)
        return order(
            self.name,
            "more",
            quote,
            side,
            self._lots * quote.lot,
            now,
            kind=self._kind,
            price=0 if self._kind == "market" else price,
            reduce_only=self._reduce_only,
        )

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        return []


def make(name: str, options: Mapping[str, object]) -> Strategy:
    return Runaway(name, **options)
