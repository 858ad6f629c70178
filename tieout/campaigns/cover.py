"""What a campaign has seen together: pairs of kinds of fault in one run, and core's transitions.

A pair can come together where some scenario of the campaign may have both kinds; it was seen where
both struck in one run.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from tieout.campaigns.seed import SeedResult
from tieout.campaigns.visited import expected

NEVER_SHOWN = 20

Pair = tuple[str, str]


class Pairs(NamedTuple):
    """In how many runs each pair was seen, 0 for one that could have been."""

    runs: dict[Pair, int]
    alone: dict[str, int]

    @property
    def seen(self) -> int:
        return sum(times > 0 for times in self.runs.values())

    def never(self) -> list[Pair]:
        """Those never seen, first those whose kinds were seen most often, each by itself."""
        unseen = [pair for pair, times in self.runs.items() if not times]
        return sorted(unseen, key=lambda pair: -self.alone[pair[0]] * self.alone[pair[1]])

    def summary(self) -> dict[str, Any]:
        never = self.never()
        return {
            "can_be": len(self.runs),
            "seen": self.seen,
            "share": round(self.seen / max(1, len(self.runs)), 4),
            "never": [f"{one} with {other}" for one, other in never[:NEVER_SHOWN]],
            "never_besides": max(0, len(never) - NEVER_SHOWN),
        }


def pairs(results: Iterable[SeedResult], kinds_of: Callable[[str], Iterable[str]]) -> Pairs:
    """Of the results' scenarios, whose kinds of fault `kinds_of` tells."""
    struck: dict[str, int] = {}  # of each kind, one bit for each run that it struck in
    scenarios: dict[str, None] = {}
    for number, result in enumerate(results):
        scenarios[result.scenario] = None
        for kind, times in result.faults.items():
            if times:
                struck[kind] = struck.get(kind, 0) | 1 << number
    can_be: dict[Pair, None] = {}
    for name in scenarios:
        can_be |= dict.fromkeys(combinations(sorted(set(kinds_of(name))), 2))
    runs = {
        (one, other): (struck.get(one, 0) & struck.get(other, 0)).bit_count()
        for one, other in sorted(can_be)
    }
    kinds = sorted({kind for pair in runs for kind in pair})
    return Pairs(runs, {kind: struck.get(kind, 0).bit_count() for kind in kinds})


def summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, times in each.items():
            total[name] = total.get(name, 0) + times
    return dict(sorted(total.items()))


def unvisited(visited: Mapping[str, int]) -> dict[str, str]:
    """Core's transitions that no run took, each with the reason why none is expected to, or ""."""
    return {name: why for name, why in expected().items() if not visited.get(name)}
