"""A taker: now and then crosses the spread, on the dice; closes what it holds when it holds much."""

from collections.abc import Mapping

from core.effects import TellStrategy
from core.events import Leg, Side
from core.strategy import Quote, Strategy, Tick, Wish, order


class Taker:
    """Takes up to `lots` on one tick in `one_in`."""

    def __init__(
        self, name: str, *, lots: int, one_in: int, lots_max: int, hedged: bool
    ) -> None:
        self.name = name
        self._lots, self._one_in, self._lots_max = lots, one_in, lots_max
        self._hedged = hedged
        self._done: dict[str, int] = {}
        self._held: dict[str, int] = {}

    def on_tick(self, tick: Tick) -> list[Wish]:
        wishes: list[Wish] = []
        word = tick.word
        for quote in tick.quotes:
            word = word * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            if (word >> 20) % self._one_in == 0 and quote.bid and quote.ask:
                wishes.append(self._take(quote, word >> 40, tick.now))
        return wishes

    def _take(self, quote: Quote, word: int, now: int) -> Wish:
        held = self._held.get(f"{quote.account}/{quote.instrument}", 0) // quote.lot
        side: Side = "buy" if word % 2 else "sell"
        if abs(held) >= self._lots_max:
            side = "sell" if held > 0 else "buy"
        leg: Leg = "net"
        if self._hedged:
            leg = "long" if side == "buy" else "short"
        price = quote.ask + 3 * quote.tick if side == "buy" else quote.bid - 3 * quote.tick
        lots = 1 + (word >> 8) % self._lots
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
        )

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        key = f"{told.account}/{told.instrument}"
        moved = told.filled_quantity - self._done.get(told.client_order_id, 0)
        self._done[told.client_order_id] = told.filled_quantity
        self._held[key] = self._held.get(key, 0) + (moved if told.side == "buy" else -moved)
        return []


def make(name: str, options: Mapping[str, object]) -> Strategy:
    return Taker(
        name,
        lots=int(str(options.get("lots", 3))),
        one_in=int(str(options.get("one_in", 4))),
        lots_max=int(str(options.get("lots_max", 30))),
        hedged=options.get("hedged", False) is True,
    )
