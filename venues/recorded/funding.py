"""When a perpetual contract pays funding, and at which rate: a fixed one, or those of a record.

True here: a payment falls due at one moment, in ns UTC, and whoever holds the position then pays it
(gets it, where the rate is negative or the position short), on its value at the last known price.
Venues reckon with their mark price, which a tape of trades or bars does not tell.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol


class Due(NamedTuple):
    """One payment."""

    at: int
    rate: Decimal


class Funding(Protocol):
    """What falls due, in order of time."""

    def next_after(self, at: int) -> Due | None:
        """The first payment after that moment; None where none follows."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same rate at each whole multiple of a period since the epoch of UTC."""

    rate: Decimal
    every_ns: int

    def next_after(self, at: int) -> Due:
        return Due((at // self.every_ns + 1) * self.every_ns, self.rate)


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates that were recorded, in order of time."""

    due: Sequence[Due]

    def next_after(self, at: int) -> Due | None:
        number = bisect_right(self.due, at, key=lambda each: each.at)
        return self.due[number] if number < len(self.due) else None
