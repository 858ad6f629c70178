"""What a taker's size does to its price: the square-root law.

An order of Q moves the price by Y · σ · sqrt(Q / V) of it: σ a day's volatility, V a day's volume,
Y of order one. It was found over many markets (Almgren, Thum, Hauptmann, Li, "Direct estimation of
equity market impact", 2005, with exponent 3/5; Tóth et al., "Anomalous price impact and the
critical nature of liquidity in financial markets", Phys. Rev. X 1, 2011, with 1/2 and Y near 1).

True here: the whole order pays the price that its last lot finds, half as much again as the law's
average; it is rounded against us to whole ticks, by whole arithmetic. The tape does not remember
it: the next order finds the market as it was recorded.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt


@dataclass(frozen=True, slots=True)
class SquareRoot:
    """Y · σ as one part of the price, and V in lots."""

    part: Fraction
    lots_a_day: int

    def ticks(self, edge: int, lots: int) -> int:
        """Ticks beyond the edge at which so many lots end."""
        over = self.part.denominator**2 * self.lots_a_day
        square = (edge * self.part.numerator) ** 2 * lots
        return _root_up(-(-square // over))


def _root_up(square: int) -> int:
    root = isqrt(square)
    return root if root * root == square else root + 1
