"""What a tape of depth shows: the levels as they were last told, less what we took of them.

With trades on the same tape it also shows what became of the queue at a price. Without them nobody
knows whether a level that shrank was traded or cancelled, and only crossing reaches an order.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping

import numpy as np

from venues.recorded.queue import Place, Queue
from venues.recorded.shown import NEVER, Offer, Sign, Supply
from venues.recorded.tape import Column, Tape


class Depth:
    """A tape of levels, with or without the trades that changed them."""

    shows_sizes = True

    def __init__(self, tape: Tape, queue: Queue) -> None:
        columns = tape.columns
        self._side, self._price = columns["side"], columns["price"]
        self._quantity, self._ends, self._fresh = (
            columns[name] for name in ("quantity", "ends", "fresh")
        )
        self._traded = columns.get("traded", np.zeros_like(self._side))
        self._queue = queue
        # What a taker of that side meets: who buys, asks.
        self._half: dict[int, _Levels] = {1: _Levels(1), -1: _Levels(-1)}
        self.reach: Mapping[Sign, Column] = {1: self._reach(1), -1: self._reach(-1)}
        self._row = 0
        self._places: dict[tuple[int, int], list[Place]] = {}
        self._told: dict[tuple[int, int], None] = {}

    def _reach(self, sign: Sign) -> Column:
        """A trade reaches as one does; an update as far as the best level that it tells, and does
        so when it ends."""
        at = 2 * sign * self._price
        crossing = (self._side == -sign) & (self._quantity > 0) & (self._traded == 0)
        told = np.where(crossing, at, NEVER)
        told = np.where(self._traded == 1, at + (self._side == sign), told)
        reach = np.full(len(told), NEVER)
        last = np.flatnonzero(self._ends)
        if len(last):
            first = np.concatenate(([0], last[:-1] + 1))
            reach[last] = np.minimum.reduceat(told[: last[-1] + 1], first)
        return reach

    def bound(self, sign: Sign, price: int) -> int:
        return 2 * sign * price

    def join(self, sign: Sign, price: int) -> Place:
        level = self._half[-sign].told(price)
        place = Place(level, level)
        self._places.setdefault((sign, price), []).append(place)
        return place

    def leave(self, sign: Sign, price: int, place: Place) -> None:
        places = self._places[sign, price]
        places.remove(place)
        if not places:
            del self._places[sign, price]

    def since_row(self, at: int) -> int:
        return self._row

    def pass_to(self, row: int) -> None:
        rows = slice(self._row, row)
        for side, price, quantity, ends, fresh, traded in zip(
            self._side[rows].tolist(),
            self._price[rows].tolist(),
            self._quantity[rows].tolist(),
            self._ends[rows].tolist(),
            self._fresh[rows].tolist(),
            self._traded[rows].tolist(),
            strict=True,
        ):
            if traded:
                for place in self._places.get((-side, price), ()):
                    place.let_trade(quantity)
                continue
            if fresh:
                self._half = {1: _Levels(1), -1: _Levels(-1)}
                self._told = dict.fromkeys(self._places)
            self._half[-side].tell(price, quantity)
            if (side, price) in self._places:
                self._told[side, price] = None
            if ends and self._told:
                self._tell_places()
        self._row = row

    def _tell_places(self) -> None:
        """An update has ended: the queues of which it told are as long as it says."""
        for sign, price in self._told:
            level = self._half[-sign].told(price)
            for place in self._places.get((sign, price), ()):
                place.hear(level, self._queue)
        self._told.clear()

    @property
    def last(self) -> int:
        ask, bid = self._half[1].best, self._half[-1].best
        return (ask + bid) // 2 if ask is not None and bid is not None else (ask or bid or 0)

    @property
    def first(self) -> int:
        return self.last

    def offers(self, sign: Sign) -> Iterator[Offer]:
        return self._half[sign].offers()

    def take(self, sign: Sign, offer: Offer) -> None:
        self._half[sign].take(offer)

    def supplies(self, row: int, sign: Sign) -> Iterator[Supply]:
        if self._traded.item(row):
            reach, price = self.reach[sign].item(row), self._price.item(row)
            yield Supply(reach, price, self._quantity.item(row), queues=True)
        else:
            for each in self.offers(sign):
                yield Supply(2 * sign * each.price, *each)


class _Levels:
    """One side. A key is price * sign of who takes it, so that the best comes first on both."""

    __slots__ = ("_keys", "_sign", "_taken", "_told")

    def __init__(self, sign: Sign) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._told: dict[int, int] = {}
        self._taken: dict[int, int] = {}

    def tell(self, price: int, lots: int) -> None:
        """A level has so many lots now, whatever was taken of it before."""
        key = price * self._sign
        self._taken.pop(key, None)
        if not lots:
            if self._told.pop(key, 0):
                del self._keys[bisect_left(self._keys, key)]
        else:
            if key not in self._told:
                insort(self._keys, key)
            self._told[key] = lots

    def told(self, price: int) -> int:
        """The lots of a level, as it was told."""
        return self._told.get(price * self._sign, 0)

    @property
    def best(self) -> int | None:
        return self._keys[0] * self._sign if self._keys else None

    def offers(self) -> Iterator[Offer]:
        for key in self._keys:
            if left := self._told[key] - self._taken.get(key, 0):
                yield Offer(key * self._sign, left)

    def take(self, offer: Offer) -> None:
        key = offer.price * self._sign
        self._taken[key] = self._taken.get(key, 0) + offer.lots
