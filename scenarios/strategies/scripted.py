"""A scripted strategy: orders at stated moments, for scenarios that tell one story.

Each line: `at_ms`, `side`, `lots`, and optionally `kind`, `ticks` (from the far side of the book,
positive is more aggressive), `account`, `instrument`, `leg`, `reduce_only`, `cancel_after_ms`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.effects import TellPosition, TellStrategy
from core.events import CancelRequested
from core.strategy import Quote, Strategy, Tick, Wish, order

MS = 1_000_000


class Scripted:
    """Says its lines."""

    def __init__(self, name: str, lines: Sequence[Mapping[str, Any]]) -> None:
        self.name = name
        self._lines = sorted(lines, key=lambda line: int(line["at_ms"]))
        self._next = 0
        self._started_at = -1
        self._cancel: list[tuple[int, str]] = []

    def on_tick(self, tick: Tick) -> list[Wish]:
        if self._started_at < 0:
            self._started_at = tick.now
        elapsed = (tick.now - self._started_at) // MS
        wishes: list[Wish] = []
        for due, name in [pair for pair in self._cancel if pair[0] <= tick.now]:
            self._cancel.remove((due, name))
            wishes.append(
                CancelRequested(received_at=tick.now, strategy=self.name, client_order_id=name)
            )
        while self._next < len(self._lines) and self._lines[self._next]["at_ms"] <= elapsed:
            quote = self._quote(self._lines[self._next], tick)
            if quote is None:
                break
            wishes.append(self._say(self._lines[self._next], quote, tick.now))
            self._next += 1
        return wishes

    def _quote(self, line: Mapping[str, Any], tick: Tick) -> Quote | None:
        for quote in tick.quotes:
            account = line.get("account", quote.account)
            instrument = line.get("instrument", quote.instrument)
            if (quote.account, quote.instrument) == (account, instrument):
                return quote if quote.bid and quote.ask else None
        return None

    def _say(self, line: Mapping[str, Any], quote: Quote, now: int) -> Wish:
        buys = line["side"] == "buy"
        ticks = int(line.get("ticks", 5))
        price = quote.ask + ticks * quote.tick if buys else quote.bid - ticks * quote.tick
        return order(
            self.name,
            str(line.get("cancel_after_ms", "")),
            quote,
            line["side"],
            int(line["lots"]) * quote.lot,
            now,
            kind=line.get("kind", "limit"),
            price=max(price, quote.tick),
            leg=line.get("leg", "net"),
            reduce_only=line.get("reduce_only", False),
        )

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        if told.status == "in_flight" and told.reference:
            self._cancel.append((now + int(told.reference) * MS, told.client_order_id))
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        return []


def make(name: str, options: Mapping[str, object]) -> Strategy:
    lines = options.get("lines", [])
    assert isinstance(lines, list)
    return Scripted(name, lines)
