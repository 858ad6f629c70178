"""What a taker pays beyond what is known of the book: so many ticks, or so many basis points.

True here: it is rounded against the taker, to whole ticks, and it touches no lot that the tape
shows at a price. Where a tape shows sizes (quotes, depth) and nothing is said here, nothing is
beyond them; where it shows none (trades, bars) all of an order is beyond.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol


class Slippage(Protocol):
    """How far beyond the last known price a taker trades."""

    def ticks(self, edge: int) -> int:
        """Ticks beyond the edge, which is that price."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Always as many."""

    count: int

    def ticks(self, edge: int) -> int:
        return self.count


@dataclass(frozen=True, slots=True)
class BasisPoints:
    """So many ten-thousandths of the price."""

    points: Fraction

    def ticks(self, edge: int) -> int:
        return -(-edge * self.points.numerator // (10_000 * self.points.denominator))
