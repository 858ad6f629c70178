"""A market maker: a quote on each side of every book it sees, renewed as the middle moves.

It leans against its own position: with more than `lots_max` it quotes the reducing side only. In a
hedged account it closes a leg that it holds before it opens the other.
"""

from collections.abc import Mapping

from core.effects import TellPosition, TellStrategy
from core.events import CancelRequested, Side
from core.orders import TERMINAL
from core.strategy import Quote, Strategy, Tick, Wish, order
from scenarios.strategies.held import Held


class Maker:
    """Quotes `lots` at `ticks` from the middle."""

    def __init__(
        self, name: str, *, lots: int, ticks: int, lots_max: int, hedged: bool, heeds: bool = False
    ) -> None:
        self.name = name
        self._lots, self._ticks, self._lots_max = lots, ticks, lots_max
        self._live: dict[str, TellStrategy] = {}
        self._held = Held(hedged=hedged, heeds=heeds)
        self._asked: dict[str, int] = {}

    def on_tick(self, tick: Tick) -> list[Wish]:
        wishes: list[Wish] = []
        for quote in tick.quotes:
            if quote.bid and quote.ask:
                wishes += self._requote(quote, tick)
        return wishes

    def _requote(self, quote: Quote, tick: Tick) -> list[Wish]:
        wishes: list[Wish] = []
        key = f"{quote.account}/{quote.instrument}"
        for told in list(self._live.values()):
            if f"{told.account}/{told.instrument}" == key:
                wishes.append(
                    CancelRequested(
                        received_at=tick.now,
                        strategy=self.name,
                        client_order_id=told.client_order_id,
                    )
                )
        if len(wishes) >= 4 or self._asked.get(key, 0) >= 4:
            return wishes
        middle = (quote.bid + quote.ask) // 2 // quote.tick * quote.tick
        offset = self._ticks * quote.tick * (1 + tick.word % 3)
        held = self._held.net(key) // quote.lot
        if held < self._lots_max:
            wishes.append(self._quote(quote, "buy", middle - offset, tick.now))
        if held > -self._lots_max:
            wishes.append(self._quote(quote, "sell", middle + offset, tick.now))
        self._asked[key] = self._asked.get(key, 0) + 2
        return wishes

    def _quote(self, quote: Quote, side: Side, price: int, now: int) -> Wish:
        quantity = self._lots * quote.lot
        leg, closes = self._held.leg(f"{quote.account}/{quote.instrument}", side, quantity)
        return order(
            self.name,
            side,
            quote,
            side,
            quantity,
            now,
            price=price,
            leg=leg,
            reduce_only=closes,
        )

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        key = f"{told.account}/{told.instrument}"
        if told.status == "in_flight":
            self._asked[key] = max(0, self._asked.get(key, 0) - 1)
        if told.status == "refused":
            self._asked[key] = max(0, self._asked.get(key, 0) - 1)
            return []
        name = told.client_order_id
        self._held.hear(told)
        if told.status in TERMINAL:
            self._live.pop(name, None)
        else:
            self._live[name] = told
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        self._held.begin(told)
        return []


def make(name: str, options: Mapping[str, object]) -> Strategy:
    return Maker(
        name,
        lots=int(str(options.get("lots", 2))),
        ticks=int(str(options.get("ticks", 2))),
        lots_max=int(str(options.get("lots_max", 20))),
        hedged=options.get("hedged", False) is True,
        heeds=options.get("heeds", False) is True,
    )
