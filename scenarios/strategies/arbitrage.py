"""Arbitrage between two venues: buys where it is cheap, sells where it is dear, and settles.

Both legs are sent at once, as orders that fill at once or not at all. Coins pile up where it buys
and cash where it sells; no account holds more than `limit` coins beyond what it began with, or
less. When half of that is piled up, it asks for the coins to be moved back, and for their worth in
cash the other way. What is on its way it cannot use: while settlement is stuck, it stands still.
If one leg fills alone, it is left with the difference, and says so by its position.
"""

from collections.abc import Mapping

from core.effects import TellMove, TellPosition, TellStrategy
from core.events import MoveRequested, Side
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS, quantity
from core.orders import TERMINAL
from core.strategy import Quote, Strategy, Tick, Wish, order

SECOND = 1_000_000_000
TEN_THOUSAND = 10_000
# An order that nobody told us of in so long is none: the wish was lost with whoever heard it.
LOST_NS = 10 * SECOND
# A pile of one quantity times one price has the scale of both; an amount has its own.
WORTH = 10 ** (QUANTITY_DECIMALS + PRICE_DECIMALS - ASSET_DECIMALS)


class Arbitrage:
    """One coin at two venues, bought and sold in lots of `size` for an edge of `edge_bp`."""

    def __init__(
        self,
        name: str,
        *,
        base: str,
        quote: str,
        size: int,
        limit: int,
        edge_bp: int,
        within_s: int,
    ) -> None:
        self.name, self._base, self._quote = name, base, quote
        self._size, self._limit, self._edge_bp = size, limit, edge_bp
        self._within_ns = within_s * SECOND
        self._held: dict[str, int] = {}
        self._working: dict[str, None] = {}
        self._asked_at = 0
        self._asked = 0
        self._moving: dict[str, None] = {}

    # --- trades ----------------------------------------------------------------------------------

    def on_tick(self, tick: Tick) -> list[Wish]:
        shown = [each for each in tick.quotes if each.bid and each.ask]
        waits = self._asked and tick.now - self._asked_at < LOST_NS
        if len(shown) != 2 or self._working or waits:
            return []
        first, second = shown
        for cheap, dear in ((first, second), (second, first)):
            if self._pays(cheap, dear) and self._may(cheap.account, dear.account):
                self._asked, self._asked_at = 2, tick.now
                return [self._leg(cheap, "buy", tick.now), self._leg(dear, "sell", tick.now)]
        return self._settle(first, second, tick.now)

    def _pays(self, cheap: Quote, dear: Quote) -> bool:
        return (dear.bid - cheap.ask) * TEN_THOUSAND > self._edge_bp * cheap.ask

    def _may(self, cheap: str, dear: str) -> bool:
        """Whether neither side goes beyond what was given to it."""
        bought, sold = self._held.get(cheap, 0) + self._size, self._held.get(dear, 0) - self._size
        return bought <= self._limit and sold >= -self._limit

    def _leg(self, at: Quote, side: Side, now: int) -> Wish:
        limit = at.ask if side == "buy" else at.bid
        size = self._size // at.lot * at.lot
        return order(self.name, side, at, side, size, now, kind="ioc", price=limit)

    # --- settlement ------------------------------------------------------------------------------

    def _settle(self, first: Quote, second: Quote, now: int) -> list[Wish]:
        """What piled up goes back, and its worth the other way, if nothing is on its way yet."""
        for rich, poor in ((first, second), (second, first)):
            most = self._held.get(rich.account, 0), -self._held.get(poor.account, 0)
            pile = min(most) // rich.lot * rich.lot
            if 2 * pile >= self._limit and not self._moving:
                worth = pile * rich.bid // WORTH
                self._moving = dict.fromkeys((self._base, self._quote))
                return [
                    self._move(self._base, rich, poor, pile, now),
                    self._move(self._quote, poor, rich, worth, now),
                ]
        return []

    def _move(self, asset: str, source: Quote, target: Quote, amount: int, now: int) -> Wish:
        return MoveRequested(
            received_at=now,
            strategy=self.name,
            reference=asset,
            account=source.account,
            target=target.account,
            asset=asset,
            amount=amount,
            within_ns=self._within_ns,
        )

    def on_move(self, told: TellMove, now: int) -> list[Wish]:
        """What left is not held any more, what came is."""
        if told.asset == self._base and told.status == "in_flight":
            self._add(told.source, -told.amount)
        if told.asset == self._base and told.status == "arrived":
            self._add(told.target, told.amount)
        if told.status in ("arrived", "refused"):
            self._moving.pop(told.asset, None)
        else:
            self._moving[told.asset] = None
        return []

    # --- what became of it -----------------------------------------------------------------------

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        if told.status in ("in_flight", "refused"):
            self._asked = max(0, self._asked - 1)
        if told.status in TERMINAL:
            self._working.pop(told.client_order_id, None)
        else:
            self._working[told.client_order_id] = None
        self._add(told.account, told.moved if told.side == "buy" else -told.moved)
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        self._held[told.account] = told.quantity
        return []

    def _add(self, account: str, amount: int) -> None:
        self._held[account] = self._held.get(account, 0) + amount


def make(name: str, options: Mapping[str, object]) -> Strategy:
    return Arbitrage(
        name,
        base=str(options.get("base", "BTC")),
        quote=str(options.get("quote", "USDT")),
        size=quantity(str(options.get("size", "0.01"))),
        limit=quantity(str(options.get("limit", "0.1"))),
        edge_bp=int(str(options.get("edge_bp", 10))),
        within_s=int(str(options.get("within_s", 3600))),
    )
