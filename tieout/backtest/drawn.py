"""A market that nobody recorded: bars that are drawn from a seed, for where none may be shipped.

True here: the same seed draws the same tape. Days are calm and wild in clusters, as those of real
markets are, and their returns have fat tails; nothing else of a market is in it: no trend that a
rule could find, no spread, no depth. What a strategy earns here it owes to luck.

The variance of a day is that of GARCH(1,1), v = (1 - a - b) V + a r² + b v (T. Bollerslev, Journal
of Econometrics 31, 1986); its bars share it evenly, each a draw of Student's t with five degrees.
"""

from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.money import price as price_units
from core.money import quantity
from sim.dice import Dice
from tieout.backtest.statistics import DAY_NS
from venues.recorded.tape import Tape

Floats = NDArray[np.float64]

BEGAN_AT: Final = 1_704_067_200 * 10**9  # 2024-01-01T00:00:00Z
HOUR_NS: Final = DAY_NS // 24
PUSH, STAY, DEGREES = 0.12, 0.85, 5
LOTS_A_DAY: Final = 200_000


def drawn_bars(
    days: int,
    seed: int,
    *,
    name: str = "",
    bar_ns: int = HOUR_NS,
    start: Decimal = Decimal(40_000),
    tick: Decimal = Decimal("0.1"),
    lot: Decimal = Decimal("0.001"),
    volatility: float = 0.03,
) -> Tape:
    """Bars of so many days; `volatility` is that of a usual day, `name` keeps two markets apart."""
    drawn = np.random.default_rng(Dice(seed).stream(f"drawn market/{name}").word())
    each_day = DAY_NS // bar_ns
    spread = np.repeat(_daily(drawn, days, volatility), each_day) / np.sqrt(each_day)
    moved = spread * _fat(drawn, len(spread))
    closes = float(start / tick) * np.exp(np.cumsum(moved))
    opens = np.append(float(start / tick), closes[:-1])
    reach = 0.6 * spread * opens  # how far beyond its ends a bar goes, on average
    above, below = (np.abs(drawn.normal(0, 1, len(spread))) * reach for _ in range(2))
    ends = [np.maximum(1, each.round()).astype(np.int64) for each in (opens, closes)]
    traded = LOTS_A_DAY / each_day * drawn.exponential(1, len(spread)) * (spread / spread.mean())
    opened_at = BEGAN_AT + bar_ns * np.arange(len(spread), dtype=np.int64)
    columns = {
        "opened_at": opened_at,
        "open": ends[0],
        "high": np.maximum(*ends) + above.astype(np.int64),
        "low": np.maximum(1, np.minimum(*ends) - below.astype(np.int64)),
        "close": ends[1],
        "volume": 1 + traded.astype(np.int64),
    }
    return Tape("bars", price_units(str(tick)), quantity(str(lot)), opened_at + bar_ns, columns)


def _daily(drawn: np.random.Generator, days: int, usual: float) -> Floats:
    """How far the price of each day goes, one deviation of it."""
    found, variance = np.empty(days), usual**2
    for day in range(days):
        found[day] = variance
        moved = variance * float(_fat(drawn, 1)[0]) ** 2
        variance = (1 - PUSH - STAY) * usual**2 + PUSH * moved + STAY * variance
    return np.sqrt(found)


def _fat(drawn: np.random.Generator, count: int) -> Floats:
    """Student's t, of variance one."""
    drawn_t: Floats = drawn.standard_t(DEGREES, count) * np.sqrt((DEGREES - 2) / DEGREES)
    return drawn_t
