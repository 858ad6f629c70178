"""What a tape of depth shows: the levels as they were last told, less what we took of them."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping

import numpy as np

from venues.recorded.shown import NEVER, Offer, Sign, Supply
from venues.recorded.tape import Column, Tape


class Depth:
    """A tape of levels: as far as it tells them, and of the queue how long it is."""

    shows_sizes = True

    def __init__(self, tape: Tape) -> None:
        self._columns = [
            tape.columns[name] for name in ("side", "price", "quantity", "ends", "fresh")
        ]
        self._half = _empty()
        self.reach: Mapping[Sign, Column] = {1: self._reach(tape, 1), -1: self._reach(tape, -1)}
        self._row = 0

    @staticmethod
    def _reach(tape: Tape, sign: Sign) -> Column:
        """An update reaches as far as the best level that it tells, and does so when it ends."""
        side, price, quantity, ends = (
            tape.columns[name] for name in ("side", "price", "quantity", "ends")
        )
        told = np.where((side == -sign) & (quantity > 0), 2 * sign * price, NEVER)
        reach = np.full(len(tape), NEVER)
        last = np.flatnonzero(ends)
        if len(last):
            first = np.concatenate(([0], last[:-1] + 1))
            reach[last] = np.minimum.reduceat(told[: last[-1] + 1], first)
        return reach

    def bound(self, sign: Sign, price: int) -> int:
        return 2 * sign * price

    def ahead(self, sign: Sign, price: int) -> int:
        return 0

    def pass_to(self, row: int) -> None:
        rows = slice(self._row, row)
        for side, price, quantity, _, fresh in zip(
            *(column[rows].tolist() for column in self._columns), strict=True
        ):
            if fresh:
                self._half = _empty()
            self._half[-side].tell(price, quantity)
        self._row = row

    @property
    def last(self) -> int:
        ask, bid = self._half[1].best, self._half[-1].best
        return (ask + bid) // 2 if ask is not None and bid is not None else (ask or bid or 0)

    def offers(self, sign: Sign) -> Iterator[Offer]:
        return self._half[sign].offers()

    def take(self, sign: Sign, offer: Offer) -> None:
        self._half[sign].take(offer)

    def supplies(self, row: int, sign: Sign) -> Iterator[Supply]:
        return (Supply(2 * sign * each.price, *each) for each in self.offers(sign))


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


def _empty() -> dict[int, _Levels]:
    return {1: _Levels(1), -1: _Levels(-1)}
