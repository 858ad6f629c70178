"""Where exactly a node dies: at which moment of its work, and at which time of coming to it.

True here: a node may die from when it opens for business until the world heals, and a run comes to
the same moments in the same order until its node is killed. So a point that was counted in a run
without the kill is met in the same run with it, and a point is a part of a plan: scenario, seed,
faults and point say the whole run.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.journal import Journal, Store

Moment = Literal["append", "commit", "durable", "effect", "cut"]

MOMENTS: Mapping[Moment, str] = {
    "append": "before the record is appended: what waits with it is lost",
    "commit": "as the group is committed: it is torn, and gone",
    "durable": "the group is durable, and none of its effects is performed",
    "effect": "the effect is performed, and none after it",
    "cut": "as the group is committed: it is gone, and the last durable one with it",
}
DOWN_MS = 500
# One phase of a sample is far from the next.
PRIME = 7919
_WRITTEN = re.compile(rf"({'|'.join(MOMENTS)}):([1-9]\d{{0,17}})(?:,({'|'.join(MOMENTS)}))?")


class BadPoint(ValueError):
    """The text names no point; the message says what was found and what would do."""


class Died(Exception):
    """The process is gone in the middle of a step."""


@dataclass(slots=True, frozen=True)
class CrashPoint:
    """The node dies when it comes to `moment` for the `ordinal`-th time, and is up `down_ms` later.

    With `again` it dies once more, the first time that it comes to that moment in its new life.
    """

    moment: Moment
    ordinal: int
    again: Moment | Literal[""] = ""
    down_ms: int = DOWN_MS

    def __str__(self) -> str:
        return f"{self.moment}:{self.ordinal}" + (f",{self.again}" if self.again else "")


def read_point(text: str, down_ms: int = DOWN_MS) -> CrashPoint:
    """The point that `str` wrote; raises BadPoint."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        told = f"MOMENT:N or MOMENT:N,MOMENT of {', '.join(get_args(Moment))}"
        raise BadPoint(f"found {text!r:.60}; {told} would do, as in effect:17")
    moment, ordinal, again = match.groups("")
    return CrashPoint(moment, int(ordinal), again, down_ms)  # type: ignore[arg-type]  # of the pattern


class Reached:
    """Counts how often a node came to each moment, and says when it has come to the point."""

    def __init__(self, point: CrashPoint) -> None:
        self.point = point
        self.counts: dict[Moment, int] = dict.fromkeys(MOMENTS, 0)
        self.deaths = 0

    def comes_to(self, moment: Moment) -> bool:
        """The node comes to this moment once more; whether it dies there."""
        self.counts[moment] += 1
        if self.deaths == 0:
            dies = (moment, self.counts[moment]) == (self.point.moment, self.point.ordinal)
        else:
            dies = self.deaths == 1 and moment == self.point.again
        self.deaths += dies
        return dies

    def figures(self) -> dict[str, Any]:
        """What the summary says of it."""
        return {
            "point": str(self.point),
            "down_ms": self.point.down_ms,
            "deaths": self.deaths,
            "came_to": dict(self.counts),
        }


class MortalJournal(Journal):
    """A journal whose process may die before it appends a record: `Died`."""

    def __init__(self, store: Store, dies: Callable[[], bool]) -> None:
        super().__init__(store)
        self._dies = dies

    def _append(self, *record: Any) -> int:
        if self._dies():
            raise Died
        return super()._append(*record)


# --- all points of a run --------------------------------------------------------------------------


def points_of(
    counts: Mapping[Moment, int], again: Moment | Literal[""] = "", down_ms: int = DOWN_MS
) -> list[CrashPoint]:
    """Every point of a run that came to each moment so often."""
    return [
        CrashPoint(moment, ordinal, again, down_ms)
        for moment, times in counts.items()
        for ordinal in range(1, times + 1)
    ]


def every(points: Sequence[CrashPoint], step: int, phase: int = 0) -> list[CrashPoint]:
    """Each `step`-th of them, from one that `phase` chooses; one at least, where there is any."""
    return list(points[phase % step % max(1, len(points)) :: step])


def sample(points: Sequence[CrashPoint], size: int, phase: int = 0) -> list[CrashPoint]:
    """So many of them, evenly spread over the moments and over the run; another phase, others."""
    if size >= len(points):
        return list(points)
    shift = phase * PRIME % len(points)
    places = sorted(
        {(shift + number * len(points) // size) % len(points) for number in range(size)}
    )
    return [points[place] for place in places]
