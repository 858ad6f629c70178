"""What one unit of quantity is worth in the reporting currency, as an exact fraction of 2**40.

Always two weights: `up` for what counts against us, `down` for what offsets it. The true value lies
between them for every price and rate within the widening, so a sum of both is never too small.
"""

from typing import NamedTuple

from core.money import PRICE_ONE, QUANTITY_ONE, TEN_TO
from risk.records import Terms

REPORTING_DECIMALS = 6  # of the reporting currency: nine trillion fit into 63 bits
SHIFT = 40
MILLION = 10**6
WEIGHT_MAX = 1 << 62


class Weight(NamedTuple):
    """What a unit is worth at most and at least, times 2**40."""

    up: int
    down: int


class Unpriceable(ValueError):
    """A price, rate or multiplier from which no weight can be made."""


def weigh(terms: Terms, price: int, rate: int, widening_ppm: int) -> Weight:
    """The weights at a price (of the currency, per coin) and a rate (reporting, per currency).

    `widening_ppm` is how far both together may move before the next look: collar and haircut. An
    inverse contract is worth its quote units, whatever the price.
    """
    if price <= 0 or rate <= 0 or terms.multiplier <= 0 or not 0 <= widening_ppm < MILLION:
        raise Unpriceable(f"{terms.instrument}: price {price}, rate {rate}, {widening_ppm} ppm")
    coin = PRICE_ONE if terms.inverse or terms.cash else price
    worth = terms.multiplier * coin * rate * TEN_TO[REPORTING_DECIMALS] << SHIFT
    whole = QUANTITY_ONE * QUANTITY_ONE * PRICE_ONE * PRICE_ONE * MILLION
    up = -(-worth * (MILLION + widening_ppm) // whole)
    if up >= WEIGHT_MAX:
        raise Unpriceable(f"{terms.instrument}: a unit of it is worth more than can be summed")
    return Weight(up, worth * (MILLION - widening_ppm) // whole)


def worth(quantity: int, up: int, down: int) -> int:
    """The value of a signed quantity, rounded up: an exposure grows, an offset shrinks."""
    return -(-quantity * (up if quantity > 0 else down) >> SHIFT)
