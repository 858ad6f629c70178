"""Margin by tier, and how far prices may go against us before an account is liquidated.

Rates are parts of a million, amounts whole reporting (or settlement) units, everything rounded
against us. Each tier's rate is for the part of the value that lies within it.
"""

from collections.abc import Sequence
from typing import NamedTuple

MILLION = 10**6


class Tier(NamedTuple):
    """Up to this value, of which each part takes so much margin; the last tier has no end (0)."""

    value_max: int
    initial_ppm: int
    maintenance_ppm: int


class Position(NamedTuple):
    """A signed value at the mark, and the tiers that it falls under.

    An inverse contract's value is in its coin, and its profit does not grow as its price does.
    """

    value: int
    tiers: tuple[Tier, ...]
    inverse: bool = False


class BadTiers(ValueError):
    """Tiers that do not rise, do not end, or ask for more than everything."""


def check(tiers: Sequence[Tier]) -> None:
    """Values and rates rise; only the last tier has no end; maintenance is at most the initial."""
    ends = [tier.value_max for tier in tiers]
    rates = [tier.maintenance_ppm for tier in tiers]
    if not tiers or ends[-1] != 0 or any(end <= 0 for end in ends[:-1]):
        raise BadTiers("a tier that ends must end above 0, and the last one has no end (0)")
    if ends[:-1] != sorted(dict.fromkeys(ends[:-1])) or rates != sorted(rates):
        raise BadTiers("values and rates must rise from tier to tier")
    if any(not 0 <= t.maintenance_ppm <= t.initial_ppm <= MILLION for t in tiers):
        raise BadTiers("0 <= maintenance_ppm <= initial_ppm <= 1000000 would do")


def initial(value: int, tiers: Sequence[Tier]) -> int:
    """What must be there to open it, worst fees not included."""
    return _margin(value, [(tier.value_max, tier.initial_ppm) for tier in tiers])


def maintenance(value: int, tiers: Sequence[Tier]) -> int:
    """What must be there to keep it."""
    return _margin(value, [(tier.value_max, tier.maintenance_ppm) for tier in tiers])


def _margin(value: int, rates: Sequence[tuple[int, int]]) -> int:
    value, start, owed = abs(value), 0, 0
    for end, ppm in rates:
        if value > start:
            owed += ((value if not end else min(value, end)) - start) * ppm
        start = end
    return -(-owed // MILLION)


def liquidation_ppm(equity: int, positions: Sequence[Position]) -> int:
    """How far every price may go against its position until equity falls under maintenance.

    In parts of a million, rounded down; 0 where it is there already, a million where even that far
    is not. All move at once, each its own worst way: what hedges what is not for a limit to guess.
    """
    if not _survives(equity, positions, 0):
        return 0
    low, high = 0, MILLION
    while high - low > 1:  # what survives a move survives every smaller one
        middle = (low + high) // 2
        low, high = (middle, high) if _survives(equity, positions, middle) else (low, middle)
    return high if _survives(equity, positions, high) else low


def _survives(equity: int, positions: Sequence[Position], ppm: int) -> bool:
    """Whether equity covers maintenance after an adverse move."""
    for position in positions:
        moved = _moved(position, ppm)
        equity -= abs(moved - position.value)
        equity -= maintenance(moved, position.tiers)
    return equity >= 0


def _moved(position: Position, ppm: int) -> int:
    """Its value after its price moved against it; a long's price falls, a short's rises."""
    price = MILLION - ppm if position.value > 0 else MILLION + ppm
    if not position.inverse:
        return _away(position.value * price, MILLION, up=position.value < 0)
    # In coins: worth more the lower the price. An inverse long gains coins' worth by rising price.
    return _away(position.value * MILLION, max(price, 1), up=position.value > 0)


def _away(numerator: int, denominator: int, *, up: bool) -> int:
    """The quotient, its size rounded to the side that loses more."""
    size = -(-abs(numerator) // denominator) if up else abs(numerator) // denominator
    return size if numerator > 0 else -size
