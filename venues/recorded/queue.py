"""Where an order of ours stands in the queue at its price, of which only the size is told.

True here: an order joins behind all that is shown at its price, and trades there take what is ahead
first. The models differ only in what they make of lots that left without a trade: whether they
stood ahead of us or behind. All arithmetic is whole, and rounded so that we stand further back.

`Likely` is Rigtorp's estimate ("Estimating order queue position", 2013): what leaves, leaves ahead
and behind in proportion to f of what stands there. `power` and `logarithm` are two such f, by the
names that hftbacktest (0.9, `PowerProbQueueFunc`, `LogProbQueueFunc`) made usual.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

# Binary digits of a logarithm behind the point.
LOG_DIGITS: Final = 32


@dataclass(slots=True, eq=False)
class Place:
    """An order's place at its price: lots ahead of it, and the level as it was last told."""

    ahead: int
    level: int = 0
    traded: int = 0

    def let_trade(self, lots: int) -> None:
        """So much traded at the price, and the level will be told without it."""
        self.traded += lots

    def hear(self, level: int, queue: "Queue") -> None:
        """The level is told anew. What trades do not explain left, or came behind us."""
        stood = max(self.ahead, self.level - self.traded)
        if level < stood:
            self.ahead = queue.ahead(self.ahead, stood - self.ahead, stood - level)
        self.level, self.traded = level, 0


class Queue(Protocol):
    """What lots that left a level without a trade say of those ahead of us."""

    def ahead(self, ahead: int, behind: int, gone: int) -> int:
        """How many are ahead still, after so many of both have gone."""


@dataclass(frozen=True, slots=True)
class RiskAverse:
    """Whoever leaves stood behind us, as long as there is anybody behind."""

    def ahead(self, ahead: int, behind: int, gone: int) -> int:
        return min(ahead, max(0, ahead + behind - gone))


RISK_AVERSE: Final = RiskAverse()


@dataclass(frozen=True, slots=True)
class Likely:
    """Whoever leaves stood ahead with the chance f(ahead) / (f(ahead) + f(behind))."""

    weight: Callable[[int], int]

    def ahead(self, ahead: int, behind: int, gone: int) -> int:
        left = max(0, ahead + behind - gone)
        front, back = self.weight(ahead), self.weight(behind)
        if not front + back:
            return min(ahead, left)
        gone_ahead = gone * front // (front + back)
        # More cannot have left behind us than stood there.
        gone_ahead = max(gone_ahead, gone - behind)
        return min(left, max(0, ahead - gone_ahead))


def power(exponent: int) -> Callable[[int], int]:
    """f(x) = x to that power: 1 is in proportion, more is more from the longer part."""
    return lambda lots: lots**exponent


def logarithm(lots: int) -> int:
    """f(x) = log(1 + x), in units of 2 to the -`LOG_DIGITS` of an octave, rounded down."""
    whole = (lots + 1).bit_length() - 1
    rest = ((lots + 1) << 64) >> whole
    digits = 0
    for _ in range(LOG_DIGITS):
        rest = rest * rest >> 64
        doubled = rest >> 65
        rest >>= doubled
        digits = digits << 1 | doubled
    return whole << LOG_DIGITS | digits
