"""A small recording of an order book: levels and trades in order of time, and orders to try on it.

A crowd (`sim.market.Crowd`) trades with itself in a matching book; what that book shows after each
of its acts is written down, as a venue tells it: the trades, and after the last of one moment the
levels that are others now.
True here: one seed gives one recording on any machine; prices are ticks and quantities lots; no two
acts share a time, and between any two of them there is room for an order of ours.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, NamedTuple

from sim.dice import Dice, Stream
from sim.market import Crowd
from sim.world import EPOCH_NS, SECOND, World
from venues.matching import Book, Side

ROOM_NS = 1_000
SYMBOL = "BTCUSD"
MIDDLE = 4_700
SIDES: tuple[Side, Side] = ("buy", "sell")


class Row(NamedTuple):
    """A level's new quantity, 0 where it is gone; or a trade, whose side is the taker's."""

    at: int
    kind: Literal["level", "trade"]
    side: Side
    price: int
    quantity: int


class Try(NamedTuple):
    """An order of ours: the taker's has no price; what rests is cancelled at `until`."""

    at: int
    side: Side
    price: int | None
    quantity: int
    until: int


class Recording(NamedTuple):
    """What was recorded, and what is tried on it."""

    rows: list[Row]
    tries: list[Try]


def record(seed: int, seconds: int) -> Recording:
    """A crowd's doings for so long, and an order every so many of its acts."""
    dice, world = Dice(seed), World(EPOCH_NS)
    venue = _Venue(world)
    one = Decimal(1)
    Crowd(world, venue, SYMBOL, one, one, MIDDLE, dice.stream("crowd")).start()
    world.run(EPOCH_NS + seconds * SECOND)
    venue.tell()
    return Recording(venue.rows, list(_tries(venue.rows, dice.stream("tries"))))


class _Venue:
    """The crowd's book, and what is told of it."""

    def __init__(self, world: World) -> None:
        self.rows: list[Row] = []
        self._world, self._book = world, Book(self_trade="none")
        self._names, self._at = 0, 0
        self._told: dict[Side, dict[int, int]] = {"buy": {}, "sell": {}}
        # When the levels that are not told yet came to be what they are.
        self._changed: int | None = None
        self._quoted = False

    def crowd(self, symbol: str, side: str, quantity: Decimal, price: Decimal) -> None:
        """Somebody takes what is there to that price; the levels are told later, as feeds do."""
        if self._quoted:
            self.tell()
        lots, ticks = int(quantity), int(price)
        place = self._book.place(self._name(), "crowd", _side(side), lots, ticks, "ioc")
        if place.executions:
            self._before_a_change()
            at = self._next(self._world.now)
            self.rows += [
                Row(at, "trade", _side(side), each.price, each.quantity)
                for each in place.executions
            ]

    def crowd_rests(self, symbol: str, side: str, quantity: Decimal, price: Decimal) -> str:
        """Somebody quotes; told with the rest of the ladder."""
        self._before_a_change()
        self._quoted = True
        name, lots, ticks = self._name(), int(quantity), int(price)
        self._book.place(name, "crowd", _side(side), lots, ticks, "post_only")
        return name

    def crowd_cancels(self, symbol: str, name: str) -> None:
        """Somebody takes a quote away; told with the rest of the ladder."""
        self._before_a_change()
        self._quoted = True
        self._book.cancel(name)

    def tell(self) -> None:
        """Write down the levels that changed, if any did."""
        if self._changed is not None:
            changed, self._changed, self._quoted = self._changed, None, False
            self._tell_levels(self._next(changed))

    def _before_a_change(self) -> None:
        """What changed at an earlier moment is told before this one."""
        if self._changed is not None and self._changed != self._world.now:
            self.tell()
        self._changed = self._world.now

    def _tell_levels(self, at: int) -> None:
        changed: list[Row] = []
        for side in SIDES:
            before, now = self._told[side], dict(self._book.depth(side))
            changed += [
                Row(at, "level", side, price, now.get(price, 0))
                for price in sorted(before.keys() | now.keys())
                if before.get(price, 0) != now.get(price, 0)
            ]
            self._told[side] = now
        # What is gone comes first, so that the book is crossed at no row.
        self.rows += sorted(changed, key=lambda row: row.quantity > 0)

    def _next(self, at: int) -> int:
        self._at = max(at, self._at + ROOM_NS)
        return self._at

    def _name(self) -> str:
        self._names += 1
        return str(self._names)


EVERY_ACTS = 7
ACTS_TRIED = 20
LOTS_TAKEN_MAX = 6


def _tries(rows: list[Row], dice: Stream) -> Iterator[Try]:
    """By turns: join the best, stand one tick behind it, and take.

    What rests is one lot, which no model can fill in part.
    """
    times = sorted({row.at for row in rows})
    bests = dict(_bests(rows))
    for number, place in enumerate(range(EVERY_ACTS, len(times) - ACTS_TRIED, EVERY_ACTS)):
        side = dice.pick(SIDES)
        taken = dice.between(1, LOTS_TAKEN_MAX)
        bid, ask = bests[times[place]]
        if bid is None or ask is None:
            continue
        joined, behind = (bid, bid - 1) if side == "buy" else (ask, ask + 1)
        price = (joined, behind, None)[number % 3]
        at, until = (times[each] + ROOM_NS // 2 for each in (place, place + ACTS_TRIED))
        yield Try(at, side, price, taken if price is None else 1, until)


def _bests(rows: list[Row]) -> Iterator[tuple[int, tuple[int | None, int | None]]]:
    """Best bid and ask after each moment."""
    levels: dict[Side, dict[int, int]] = {"buy": {}, "sell": {}}
    for row in rows:
        if row.kind == "level":
            levels[row.side][row.price] = row.quantity
        bids, asks = ([price for price, lots in levels[side].items() if lots] for side in SIDES)
        yield row.at, (max(bids, default=None), min(asks, default=None))


def _side(told: str) -> Side:
    return "buy" if told == "buy" else "sell"
