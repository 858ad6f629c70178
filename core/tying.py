"""Tying two records of the same movements: what we expected, and what a counterparty booked.

Rule 1. Each amount is consumed once: an expectation by the line that bears its key, a line by the
expectation whose key it bears. Several lines under one key count together, and only so.
Rule 2. Amounts are signed: too much is a difference as too little is, and a surplus never pays for
a shortage elsewhere.
Rule 3. Nothing is matched by amount or date alone. A date outside its span is a difference, too.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

Difference = Literal["missing", "unexpected", "amount", "early", "late"]


class Expected(NamedTuple):
    """One movement that we expect: its key, its asset, its signed amount, and when."""

    key: str
    asset: str
    amount: int
    from_at: int
    to_at: int


class Booked(NamedTuple):
    """One line that was booked."""

    key: str
    asset: str
    amount: int
    at: int


class Untied(NamedTuple):
    """One difference: `size` is what was booked less what was expected, signed."""

    key: str
    asset: str
    size: int
    difference: Difference


class Tied(NamedTuple):
    """The outcome. `tied` movements agree in asset, amount and date."""

    tied: int
    differences: list[Untied]


def tie(expected: Iterable[Expected], booked: Iterable[Booked]) -> Tied:
    """Consume each by the other, by key and asset; what is left on either side is a difference.

    Linear in both; the differences come in the order of the expectations, then of the lines.
    """
    sums: dict[tuple[str, str], int] = {}
    dates: dict[tuple[str, str], int] = {}
    for key, asset, amount, at in booked:
        place = (key, asset)
        if place in sums:
            sums[place] += amount
            if at > dates[place]:
                dates[place] = at
        else:
            sums[place] = amount
            dates[place] = at
    tied = 0
    differences: list[Untied] = []
    wanted = _together(expected)
    for place, (amount, from_at, to_at) in wanted.items():
        found = sums.pop(place, None)
        if found is None:
            differences.append(Untied(*place, -amount, "missing"))
        elif found != amount:
            differences.append(Untied(*place, found - amount, "amount"))
        elif from_at <= dates[place] <= to_at:
            tied += 1
        else:
            when: Difference = "early" if dates[place] < from_at else "late"
            differences.append(Untied(*place, 0, when))
    differences += [Untied(*place, amount, "unexpected") for place, amount in sums.items()]
    return Tied(tied, differences)


def _together(expected: Iterable[Expected]) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Expectations under one key are one: a batch is tied as a whole."""
    wanted: dict[tuple[str, str], tuple[int, int, int]] = {}
    for key, asset, amount, from_at, to_at in expected:
        place = (key, asset)
        other = wanted.get(place)
        if other is None:
            wanted[place] = (amount, from_at, to_at)
        else:
            wanted[place] = (other[0] + amount, min(from_at, other[1]), max(to_at, other[2]))
    return wanted
