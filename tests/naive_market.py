"""What a recorded market would have done, row by row and order by order: too plain to be wrong.

It shares no code with what it judges, and knows only orders that rest: what a row of trades, quotes
or bars does to a list of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Row = dict[str, int]


@dataclass
class Rests:
    """An order that rests, and how many lots stand before it; None: more than will ever trade."""

    name: str
    buys: bool
    price: int
    lots: int
    ahead: int | None

    def through(self, price: int) -> bool:
        return price < self.price if self.buys else price > self.price


@dataclass
class Naive:
    """The orders of one market, oldest first."""

    resting: list[Rests]
    touch: bool
    share: Fraction
    taken: dict[str, tuple[int, int, int]]

    def row(self, kind: str, row: Row) -> list[tuple[str, int, int]]:
        """Who executes how much, at which price."""
        done = {"trades": self._trade, "bars": self._bar, "quotes": self._quote}[kind](row)
        self.resting = [one for one in self.resting if one.lots]
        return done

    def _first(self, *, buys: bool) -> Sequence[Rests]:
        mine = [one for one in self.resting if one.buys == buys]
        return sorted(mine, key=lambda one: -one.price if buys else one.price)

    def _trade(self, row: Row) -> list[tuple[str, int, int]]:
        done, left = [], row["quantity"]
        passed = 0
        for one in self._first(buys=row["side"] == -1):
            if one.through(row["price"]):
                one.ahead = 0
            elif one.price != row["price"] or one.ahead is None:
                continue
            else:
                waits = min(left, max(0, one.ahead - passed))
                passed, left = passed + waits, left - waits
                one.ahead = max(0, one.ahead - passed)
            left -= self._fill(one, left, done)
        for one in self._first(buys=row["side"] == 1):
            if one.through(row["price"]):
                one.ahead = 0
                left -= self._fill(one, left, done)
        return done

    def _bar(self, row: Row) -> list[tuple[str, int, int]]:
        done: list[tuple[str, int, int]] = []
        left = int(self.share * row["volume"])
        for buys, extreme in ((True, row["low"]), (False, row["high"])):
            for one in self._first(buys=buys):
                if one.through(extreme) or (self.touch and one.price == extreme):
                    left -= self._fill(one, left, done)
        return done

    def _quote(self, row: Row) -> list[tuple[str, int, int]]:
        done: list[tuple[str, int, int]] = []
        for buys, side in ((True, "ask"), (False, "bid")):
            told = row[side], row[f"{side}_quantity"]
            price, lots, taken = self.taken.get(side, (0, 0, 0))
            taken = taken if (price, lots) == told else 0
            for one in self._first(buys=buys):
                if one.through(told[0]) or one.price == told[0]:
                    taken += self._fill(one, told[1] - taken, done)
            self.taken[side] = (*told, taken)
        return done

    @staticmethod
    def _fill(one: Rests, most: int, done: list[tuple[str, int, int]]) -> int:
        lots = min(most, one.lots)
        if lots:
            one.lots -= lots
            done.append((one.name, lots, one.price))
        return lots
