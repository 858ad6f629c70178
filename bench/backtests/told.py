"""What each runner is asked for, and what it tells.

True here: the standard library alone, since each interpreter with a backtester in it runs this.
The rule that all of them follow: at each hundredth bar the strategy orders one lot at the market,
to buy and to sell by turns, and is filled at that bar's close, at once and without a fee.
"""

import hashlib
from decimal import Decimal
from typing import Literal, NamedTuple

# `limits` is `orders` under a whole file of limits, with the cold engine: only ours has them.
Kind = Literal["noop", "orders", "limits"]
EVERY_BARS = 100
LOT = "0.001"
CASH = 1_000_000_000


class Told(NamedTuple):
    """One run, as a line of JSON has it; `first` are two fills to show where they differ."""

    engine: str
    bars: int
    callbacks: int | None
    fills: int
    digest: str
    first: list[str]
    cpu_seconds: float


class Run(NamedTuple):
    """What a runner found: its engine with the version, and the fills in order of time.

    `callbacks` is None of an engine that has none. `cpu_seconds` are the engine's own: neither
    set-up nor loading nor reading out.
    """

    engine: str
    callbacks: int | None
    fills: list[str]
    cpu_seconds: float


def fill(at: int, side: str, quantity: object, price: object) -> str:
    """A fill as all of them write it: the bar's time, the side, thousandths and thousandths."""
    lots, ticks = (round(Decimal(str(number)) * 1000) for number in (quantity, price))
    return f"{at} {side} {lots} {ticks}"


def digest(fills: list[str]) -> str:
    """One word for a list of fills, in its order."""
    return hashlib.sha256("\n".join(fills).encode()).hexdigest()
