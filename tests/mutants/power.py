"""How many seeds it takes to see a bug: from seeds that failed of seeds that ran, with an interval.

Each seed sees the bug with the same chance, whatever the others saw. The interval is Clopper and
Pearson's, which is never too narrow.
"""

from collections.abc import Callable
from math import comb, inf

DOUBT = 0.05


def expected(failed: int, ran: int) -> float:
    """Seeds until the first that fails; infinite where none did."""
    return ran / failed if failed else inf


def interval(failed: int, ran: int) -> tuple[float, float]:
    """Between which the expected seeds lie, 95 times of 100."""
    return 1 / chance_max(failed, ran), 1 / chance_min(failed, ran) if failed else inf


def chance_min(failed: int, ran: int) -> float:
    """The least chance at which so many failures are no wonder."""
    return _where(lambda chance: at_least(failed, ran, chance) >= DOUBT / 2) if failed else 0.0


def chance_max(failed: int, ran: int) -> float:
    """The greatest chance at which so few failures are no wonder."""
    if failed == ran:
        return 1.0
    return _where(lambda chance: at_least(failed + 1, ran, chance) > 1 - DOUBT / 2)


def at_least(failed: int, ran: int, chance: float) -> float:
    """How likely so many failures or more are."""
    fewer = sum(comb(ran, n) * chance**n * (1 - chance) ** (ran - n) for n in range(failed))
    return 1 - fewer


def _where(is_beyond: Callable[[float], bool]) -> float:
    """The chance from which on it is so, by halves."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if is_beyond(middle) else (middle, high)
    return high
