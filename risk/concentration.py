"""Concentration: how much of a whole lies in one place. Parts of a million, rounded up."""

from collections.abc import Mapping
from typing import NamedTuple

MILLION = 10**6


class Concentration(NamedTuple):
    """The largest part, its share, and the sum of squared shares (of one part alone a million)."""

    name: str
    share_ppm: int
    herfindahl_ppm: int


def concentration(parts: Mapping[str, int]) -> Concentration:
    """Of exposures by asset, account or strategy; nothing at all is not concentrated."""
    assert all(part >= 0 for part in parts.values())
    whole = sum(parts.values())
    if not whole:
        return Concentration("", 0, 0)
    name = max(parts, key=lambda each: parts[each])
    squares = sum(part * part for part in parts.values())
    share = -(-parts[name] * MILLION // whole)
    return Concentration(name, share, -(-squares * MILLION // (whole * whole)))


def headroom(parts: Mapping[str, int], name: str, share_ppm_max: int) -> int:
    """How much more may go to a part until it has that share of the whole; it adds to both.

    (part + x) * million <= share * (whole + x), for whole numbers; 0 where it is over already.
    """
    assert 0 < share_ppm_max < MILLION
    whole, part = sum(parts.values()), parts.get(name, 0)
    return max(0, (share_ppm_max * whole - part * MILLION) // (MILLION - share_ppm_max))
