"""What a strategy is: a counterparty that wants orders, and hears of them.

It holds no clock and no dice: both come to it in a `Tick`. The same file runs in simulation,
backtest, paper and live; its wishes enter the node as events, so that a replay needs no strategy.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct

from core.effects import TellMove, TellPosition, TellStrategy
from core.events import CancelRequested, Leg, MoveRequested, OrderKind, OrderRequested, Side


class Quote(Struct, frozen=True, gc=False):
    """Top of a public book: prices at the scale of `core.money`, 0 where a side is empty.

    `as_of` is when our clock heard it: a quote's age is `Tick.now - as_of`, and one that is older
    than the market data's limit is not shown at all.
    """

    account: str
    instrument: str
    bid: int
    ask: int
    tick: int
    lot: int
    as_of: int


class Tick(Struct, frozen=True, gc=False):
    """A moment to think: what the market shows, 64 bits of dice, and the time."""

    now: int
    word: int
    quotes: tuple[Quote, ...]


class Bar(Struct, frozen=True, gc=False):
    """What an instrument did between `opened_at` and its close, `at`, when it became known.

    Prices and the volume are at the scales of `core.money`; a bar without a trade is none.
    """

    account: str
    instrument: str
    opened_at: int
    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class PublicTrade(Struct, frozen=True, gc=False):
    """A trade that everybody was told of; `side` is that of who took."""

    account: str
    instrument: str
    at: int
    side: Side
    price: int
    quantity: int


Wish = OrderRequested | CancelRequested | MoveRequested


class Strategy(Protocol):
    """One strategy; `name` is what its fills are attributed to."""

    @property
    def name(self) -> str: ...

    def on_tick(self, tick: Tick) -> list[Wish]:
        """Look, and say what is wanted."""

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        """Hear of an order of one's own."""

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        """Hear what one holds, after the node came up or contracts were counted anew."""


@runtime_checkable
class SeesBars(Protocol):
    """A strategy that wants to see each bar of the markets that it trades in."""

    @property
    def bar_ns(self) -> int:
        """How long its bars are; they close at whole multiples of it since the epoch of UTC."""

    def on_bar(self, bar: Bar) -> list[Wish]:
        """Look at a bar that closed just now."""


@runtime_checkable
class SeesTrades(Protocol):
    """A strategy that wants to see every public trade of the markets that it trades in."""

    def on_trade(self, trade: PublicTrade) -> list[Wish]:
        """Look at a trade that was told just now."""


@runtime_checkable
class MovesCash(Protocol):
    """A strategy that asks for cash to be moved between accounts, and hears what became of it."""

    def on_move(self, told: TellMove, now: int) -> list[Wish]:
        """Hear of a move of one's own."""


MakeStrategy = Callable[[str, Mapping[str, object]], Strategy]


def order(
    strategy: str,
    reference: str,
    quote: Quote,
    side: Side,
    quantity: int,
    now: int,
    *,
    kind: OrderKind = "limit",
    price: int = 0,
    leg: Leg = "net",
    reduce_only: bool = False,
) -> OrderRequested:
    """A wish for an order in the quote's instrument."""
    return OrderRequested(
        received_at=now,
        strategy=strategy,
        reference=reference,
        account=quote.account,
        instrument=quote.instrument,
        side=side,
        quantity=quantity,
        kind=kind,
        price=price,
        leg=leg,
        reduce_only=reduce_only,
    )
