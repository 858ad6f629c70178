"""What each kind of tape shows of its market: what a taker finds there, and which rows reach whom.

| kind | a taker finds | a row reaches a resting order |
|---|---|---|
| trades | any size, at the last price or beyond | a trade through its price; at it, in turn |
| quotes | the top and its size, and beyond | the opposite quote comes to its price |
| depth | the levels, and beyond | levels of the opposite side come to its price |
| depth and trades | as of depth | as of depth, and as of trades |
| bars | any size, at the last close or beyond | the low under a bid, the high over an offer |

*Beyond* is what slippage and impact say; where sizes are shown and nothing is said, nothing is
there. At its price a trade reaches an order only where it took that side, and once the queue ahead
has traded. A bar whose low is a bid's price reaches it only where the models say `touch`, and none
reaches an order that came after it had opened, unless no later than the models allow.

True here: `sign` is 1 of who buys and -1 of who sells. A *reach* counts half ticks times the sign
of who rests, so that on both sides less reaches more: a row executes no order whose bound is below
its reach. No row that has not passed is looked at, except to find the next that matters. What was
taken is not offered again until the tape tells that price anew.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from venues.recorded.queue import Place
from venues.recorded.tape import Column, Tape

Sign: TypeAlias = Literal[1, -1]
BarFills: TypeAlias = Literal["through", "touch"]

NEVER: Final = int(np.iinfo(np.int64).max)


class Offer(NamedTuple):
    """So many lots at a price."""

    price: int
    lots: int


class Supply(NamedTuple):
    """What a row has for resting orders of one side: lots that come as far as `reach`."""

    reach: int
    price: int
    lots: int
    queues: bool = False


class Shown(Protocol):
    """A tape as a recorded book asks it."""

    @property
    def shows_sizes(self) -> bool:
        """Whether what a taker finds is counted; else any size is there, beyond `last`."""

    @property
    def reach(self) -> Mapping[Sign, Column]:
        """How far each row reaches into the orders of a side; `NEVER` where it reaches none."""

    def bound(self, sign: Sign, price: int) -> int:
        """How far a row must reach to execute an order at that price."""

    def join(self, sign: Sign, price: int) -> Place:
        """The place of an order that comes to rest now."""

    def leave(self, sign: Sign, price: int, place: Place) -> None:
        """It rests no more."""

    def since_row(self, at: int) -> int:
        """The first row that can reach an order which comes to rest at that moment."""

    def pass_to(self, row: int) -> None:
        """The rows before that one are known."""

    @property
    def last(self) -> int:
        """The last known price; 0 before the first row."""

    @property
    def first(self) -> int:
        """The first price of the last row that passed: a bar has others than its last."""

    def offers(self, sign: Sign) -> Iterable[Offer]:
        """What a taker finds, best first."""

    def take(self, sign: Sign, offer: Offer) -> None:
        """A taker, or an order that rested, had that of what is shown."""

    def supplies(self, row: int, sign: Sign) -> Iterable[Supply]:
        """What that row, which is known, has for orders that rested before it, nearest first."""


class Trades:
    """A tape of trades: no size of the book is known, and of the queue only what is assumed."""

    shows_sizes = False

    def __init__(self, tape: Tape, ahead: int | None) -> None:
        self._side, self._price = tape.columns["side"], tape.columns["price"]
        self._quantity = tape.columns["quantity"]
        self._ahead = ahead
        # At the price it is the other side that has to take: half a tick less far otherwise.
        self.reach: Mapping[Sign, Column] = {
            1: 2 * self._price + (self._side == 1),
            -1: -2 * self._price + (self._side == -1),
        }
        self._row = 0

    def bound(self, sign: Sign, price: int) -> int:
        # Where nobody knows how long the queue is, what trades at its price never comes to its end.
        return 2 * sign * price - (self._ahead is None)

    def join(self, sign: Sign, price: int) -> Place:
        return Place(self._ahead or 0)

    def leave(self, sign: Sign, price: int, place: Place) -> None:
        """No level is told."""

    def since_row(self, at: int) -> int:
        return self._row

    def pass_to(self, row: int) -> None:
        self._row = row

    @property
    def last(self) -> int:
        return self._price.item(self._row - 1) if self._row else 0

    @property
    def first(self) -> int:
        return self.last

    def offers(self, sign: Sign) -> list[Offer]:
        return []

    def take(self, sign: Sign, offer: Offer) -> None:
        """Nothing is counted."""

    def supplies(self, row: int, sign: Sign) -> list[Supply]:
        reach = self.reach[sign].item(row)
        return [Supply(reach, self._price.item(row), self._quantity.item(row), queues=True)]


class Bars:
    """A tape of bars: what it did between, and in which order, is not known."""

    shows_sizes = False

    def __init__(self, tape: Tape, fills: BarFills, late_ns: int, share: Fraction) -> None:
        self._open, self._close = tape.columns["open"], tape.columns["close"]
        self._volume = tape.columns["volume"]
        self._opened_at, self._late_ns = tape.columns["opened_at"], late_ns
        self._through = int(fills == "through")
        self._share = share
        self._extreme: Mapping[Sign, Column] = {1: tape.columns["low"], -1: tape.columns["high"]}
        self.reach: Mapping[Sign, Column] = {
            1: 2 * self._extreme[1],
            -1: -2 * self._extreme[-1],
        }
        self._row = 0
        self._used = 0

    def bound(self, sign: Sign, price: int) -> int:
        return 2 * sign * price - self._through

    def join(self, sign: Sign, price: int) -> Place:
        return Place(0)

    def leave(self, sign: Sign, price: int, place: Place) -> None:
        """Nobody waits in a queue here."""

    def since_row(self, at: int) -> int:
        # Of a bar that was under way, the low may have been before.
        row = self._row
        if row < len(self._opened_at) and self._opened_at.item(row) + self._late_ns < at:
            return row + 1
        return row

    def pass_to(self, row: int) -> None:
        self._row, self._used = row, 0

    @property
    def last(self) -> int:
        return self._close.item(self._row - 1) if self._row else 0

    @property
    def first(self) -> int:
        return self._open.item(self._row - 1) if self._row else 0

    def offers(self, sign: Sign) -> list[Offer]:
        return []

    def take(self, sign: Sign, offer: Offer) -> None:
        self._used += offer.lots

    def supplies(self, row: int, sign: Sign) -> list[Supply]:
        share = self._share
        lots = self._volume.item(row) * share.numerator // share.denominator - self._used
        return [Supply(self.reach[sign].item(row), self._extreme[sign].item(row), lots)]


class Quotes:
    """A tape of tops: the best level of each side, and nothing behind it."""

    shows_sizes = True

    def __init__(self, tape: Tape) -> None:
        columns = tape.columns
        # What a taker of that side meets: who buys, the ask.
        self._price: Mapping[Sign, Column] = {1: columns["ask"], -1: columns["bid"]}
        self._lots: Mapping[Sign, Column] = {
            1: columns["ask_quantity"],
            -1: columns["bid_quantity"],
        }
        self.reach: Mapping[Sign, Column] = {
            1: np.where(self._lots[1] > 0, 2 * self._price[1], NEVER),
            -1: np.where(self._lots[-1] > 0, -2 * self._price[-1], NEVER),
        }
        self._row = 0
        self._taken: dict[Sign, int] = {1: 0, -1: 0}

    def bound(self, sign: Sign, price: int) -> int:
        return 2 * sign * price

    def join(self, sign: Sign, price: int) -> Place:
        return Place(0)

    def leave(self, sign: Sign, price: int, place: Place) -> None:
        """Nobody waits in a queue here."""

    def since_row(self, at: int) -> int:
        return self._row

    def pass_to(self, row: int) -> None:
        for sign, taken in self._taken.items():
            if taken and self._told_anew(sign, row):
                self._taken[sign] = 0
        self._row = row

    def _told_anew(self, sign: Sign, row: int) -> bool:
        """Whether the side is told otherwise in a row since: the same again tells nothing."""
        first = self._row - 1
        return any(
            bool((column[self._row : row] != column[first]).any())
            for column in (self._price[sign], self._lots[sign])
        )

    @property
    def last(self) -> int:
        ask, bid = self._top(1), self._top(-1)
        return (ask.price + bid.price) // 2 if ask and bid else (ask or bid or Offer(0, 0)).price

    @property
    def first(self) -> int:
        return self.last

    def _top(self, sign: Sign) -> Offer | None:
        """The side's best level as it was told."""
        if not self._row:
            return None
        lots = self._lots[sign].item(self._row - 1)
        return Offer(self._price[sign].item(self._row - 1), lots) if lots else None

    def offers(self, sign: Sign) -> list[Offer]:
        told = self._top(sign)
        left = told.lots - self._taken[sign] if told else 0
        return [Offer(told.price, left)] if told and left else []

    def take(self, sign: Sign, offer: Offer) -> None:
        self._taken[sign] += offer.lots

    def supplies(self, row: int, sign: Sign) -> list[Supply]:
        return [Supply(2 * sign * each.price, *each) for each in self.offers(sign)]
