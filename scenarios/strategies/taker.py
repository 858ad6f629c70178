"""A taker: now and then crosses the spread, on the dice; closes what it holds when it holds much.

In a hedged account it closes a leg that it holds before it opens the other.
"""

from collections.abc import Mapping

from core.effects import TellPosition, TellStrategy
from core.events import Side
from core.strategy import Quote, Strategy, Tick, Wish, order
from scenarios.strategies.held import Held


class Taker:
    """Takes up to `lots` on one tick in `one_in`."""

    def __init__(
        self, name: str, *, lots: int, one_in: int, lots_max: int, hedged: bool, heeds: bool = False
    ) -> None:
        self.name = name
        self._lots, self._one_in, self._lots_max = lots, one_in, lots_max
        self._held = Held(hedged=hedged, heeds=heeds)

    def on_tick(self, tick: Tick) -> list[Wish]:
        wishes: list[Wish] = []
        word = tick.word
        for quote in tick.quotes:
            word = word * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            if (word >> 20) % self._one_in == 0 and quote.bid and quote.ask:
                wishes.append(self._take(quote, word >> 40, tick.now))
        return wishes

    def _take(self, quote: Quote, word: int, now: int) -> Wish:
        book = f"{quote.account}/{quote.instrument}"
        held = self._held.net(book) // quote.lot
        side: Side = "buy" if word % 2 else "sell"
        if abs(held) >= self._lots_max:
            side = "sell" if held > 0 else "buy"
        price = quote.ask + 3 * quote.tick if side == "buy" else quote.bid - 3 * quote.tick
        lots = 1 + (word >> 8) % self._lots
        leg, closes = self._held.leg(book, side, lots * quote.lot)
        return order(
            self.name,
            "take",
            quote,
            side,
            lots * quote.lot,
            now,
            kind="ioc",
            price=max(price, quote.tick),
            leg=leg,
            reduce_only=closes,
        )

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        self._held.hear(told)
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        self._held.begin(told)
        return []


def make(name: str, options: Mapping[str, object]) -> Strategy:
    return Taker(
        name,
        lots=int(str(options.get("lots", 3))),
        one_in=int(str(options.get("one_in", 4))),
        lots_max=int(str(options.get("lots_max", 30))),
        hedged=options.get("hedged", False) is True,
        heeds=options.get("heeds", False) is True,
    )
