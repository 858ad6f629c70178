"""Slow momentum: holds what rose over the last bars, and is short of what fell.

It looks at bars only. At each close the sign of the return over `bars` bars says which way to be;
it wants that position of `quantity`, by market order, and nothing else. Where it cannot be short
(`long_only`: spot) it holds nothing instead. Its idea is old and simple, and fees eat what it makes
of a market without trends.
"""

from collections import deque
from collections.abc import Mapping

from core.effects import TellPosition, TellStrategy
from core.events import Leg, OrderRequested, Side
from core.money import quantity
from core.orders import TERMINAL
from core.strategy import Bar, Strategy, Tick, Wish
from scenarios.strategies.held import Held

SECOND = 1_000_000_000


class Momentum:
    """One position per instrument, turned at a bar's close."""

    def __init__(
        self,
        name: str,
        *,
        bars: int,
        bar_s: int,
        size: int,
        long_only: bool,
        hedged: bool,
    ) -> None:
        self.name, self.bar_ns = name, bar_s * SECOND
        self._bars, self._size, self._long_only = bars, size, long_only
        self._held = Held(hedged=hedged)
        self._closes: dict[str, deque[int]] = {}
        self._working: dict[str, str] = {}

    def on_tick(self, tick: Tick) -> list[Wish]:
        return []

    def on_bar(self, bar: Bar) -> list[Wish]:
        book = f"{bar.account}/{bar.instrument}"
        closes = self._closes.setdefault(book, deque(maxlen=self._bars + 1))
        closes.append(bar.close)
        if len(closes) <= self._bars or book in self._working.values():
            return []
        return self._turn(bar, self._held.net(book), self._wanted(closes[-1] - closes[0]))

    def _wanted(self, moved: int) -> int:
        if moved > 0:
            return self._size
        return -self._size if moved < 0 and not self._long_only else 0

    def _turn(self, bar: Bar, held: int, wanted: int) -> list[Wish]:
        """What is held the wrong way is closed first, then the other is opened."""
        if held * wanted < 0:
            return [self._order(bar, -held), self._order(bar, wanted)]
        return [self._order(bar, wanted - held)] if wanted != held else []

    def _order(self, bar: Bar, change: int) -> OrderRequested:
        side: Side = "buy" if change > 0 else "sell"
        book = f"{bar.account}/{bar.instrument}"
        leg: Leg
        leg, closes = self._held.leg(book, side, abs(change))
        return OrderRequested(
            received_at=bar.at,
            strategy=self.name,
            reference="turn",
            account=bar.account,
            instrument=bar.instrument,
            side=side,
            quantity=abs(change),
            kind="market",
            leg=leg,
            reduce_only=closes,
        )

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        self._held.hear(told)
        if told.status in TERMINAL:
            self._working.pop(told.client_order_id, None)
        else:
            self._working[told.client_order_id] = f"{told.account}/{told.instrument}"
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        self._held.begin(told)
        return []


def make(name: str, options: Mapping[str, object]) -> Strategy:
    return Momentum(
        name,
        bars=int(str(options.get("bars", 24))),
        bar_s=int(str(options.get("bar_s", 3600))),
        size=quantity(str(options.get("quantity", "1"))),
        long_only=options.get("long_only", False) is True,
        hedged=options.get("hedged", False) is True,
    )
