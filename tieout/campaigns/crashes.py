"""Crash campaigns: one run again and again, its node killed at another point each time.

True here: first the run without the kill, which must hold and counts the points; then the same run
once for each point, with exactly one kill more. A point's result never depends on where it ran. How
often anything must have happened is not claimed; all else is, as ever. Where no point was tried
nothing held. In workers a point that hangs or kills its process is a finding, as a seed is.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from scenarios.model import Scenario, find
from tieout.campaigns.crash_points import (
    DOWN_MS,
    MOMENTS,
    CrashPoint,
    Moment,
    points_of,
    read_point,
)
from tieout.campaigns.seed import Done, SeedResult, Task, here
from tieout.campaigns.workers import workers
from tieout.reports.outcome import Outcome

POINTS, WHOLE = "points.jsonl", "crashes.json"


@dataclass(slots=True, frozen=True)
class Subject:
    """The run that is killed: scenario, seed and form; with `seconds`, so much of it alone."""

    name: str
    seed: int = 0
    short: bool = False
    seconds: int = 0

    def run(self, point: CrashPoint, out: Path | None = None) -> Outcome:
        """The run, killed there."""
        from tieout.runs import run

        scenario = self.scenario()
        return run(
            scenario,
            self.seed,
            short=self.short,
            out=out,
            sampled=out is not None,
            crash_at=point,
        )

    def scenario(self) -> Scenario:
        found = find(self.name)
        if not self.seconds:
            return found
        return found.model_copy(update={"duration_s": Decimal(self.seconds), "short_s": Decimal(0)})

    def survives(self) -> tuple[Moment, ...]:
        """All moments; where requests settle, a cut journal loses some (docs/not_proven.md)."""
        settles = self.scenario().settling is not None
        return tuple(each for each in MOMENTS if each != "cut" or not settles)

    def command(self, point: CrashPoint) -> str:
        """What to type to see the run die there."""
        words = f"tieout crashes {quote(self.name)} --seed {self.seed}"
        words += " --short" if self.short else ""
        words += f" --seconds {self.seconds}" if self.seconds else ""
        words += f" --down-ms {point.down_ms}" if point.down_ms != DOWN_MS else ""
        return f"{words} --at {point}"


@dataclass(slots=True)
class PointResult:
    """The run with its node killed at one point."""

    point: str
    held: bool
    failed: list[str] = field(default_factory=list)
    error: str = ""
    digest: str = ""
    crashes: int = 0
    cpu_seconds: float = 0.0
    command: str = ""

    @property
    def moment(self) -> str:
        return self.point.partition(":")[0]


@dataclass(slots=True)
class Crashes:
    """All of them. `came_to` is how often the run without the kill came to each moment."""

    subject: Subject
    came_to: dict[Moment, int]
    unkilled: list[str]
    results: list[PointResult]
    wall_seconds: float = 0.0

    @property
    def held(self) -> bool:
        tried = bool(self.results) and not self.unkilled
        return tried and all(each.held for each in self.results)

    @property
    def failures(self) -> list[PointResult]:
        return [each for each in self.results if not each.held]

    def rows(self) -> Iterator[tuple[Moment, int, int, int]]:
        """Of each moment: how many points the run has, how many were tried, how many failed."""
        for moment, points in self.came_to.items():
            tried = [each for each in self.results if each.moment == moment]
            yield moment, points, len(tried), sum(not each.held for each in tried)

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "scenario": self.subject.name,
            "seed": self.subject.seed,
            "short": self.subject.short,
            "seconds": self.subject.seconds,
            "points": sum(self.came_to.values()),
            "tried": len(self.results),
            "held": len(self.results) - len(self.failures),
            "failed_without_a_kill": self.unkilled,
            "moments": {
                moment: {"points": points, "tried": tried, "failed": failed}
                for moment, points, tried, failed in self.rows()
            },
            "failed": [asdict(each) for each in self.failures],
            "wall_seconds": round(self.wall_seconds, 2),
            "cpu_seconds": round(sum(each.cpu_seconds for each in self.results), 2),
        }

    def save(self, folder: Path) -> None:
        """Write crashes.json, and one line per point in the order of the points."""
        from tieout.reports.files import naming

        with naming(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lines = "".join(json.dumps(asdict(each)) + "\n" for each in self.results)
            (folder / POINTS).write_text(lines, encoding="utf-8")
            (folder / WHOLE).write_text(json.dumps(self.summary(), indent=2), encoding="utf-8")


def crashes(
    subject: Subject,
    choose: Callable[[Sequence[CrashPoint]], Sequence[CrashPoint]] = lambda points: points,
    *,
    moments: Sequence[Moment] = (),
    again: Moment | None = None,
    down_ms: int = DOWN_MS,
    jobs: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> Crashes:
    """Kill the run at each point that `choose` takes of all; with `again`, in its next life too.

    Where no `moments` are named it is all that the scenario is said to survive.
    """
    started = time.perf_counter()
    # No moment is come to for the 0th time: the run is counted, and nobody dies.
    first = subject.run(CrashPoint("append", 0))
    came_to: dict[Moment, int] = first.summary["crash_at"]["came_to"]
    wanted = moments or subject.survives()
    points = choose(
        [each for each in points_of(came_to, again or "", down_ms) if each.moment in wanted]
    )
    result = Crashes(subject, came_to, _failed(first), [])
    found: dict[int, PointResult] = {}
    for number, each in _spread(subject, points, jobs):
        found[number] = each
        progress(len(found) / len(points))
    result.results = [found[number] for number in sorted(found)]
    result.wall_seconds = time.perf_counter() - started
    return result


def _spread(
    subject: Subject, points: Sequence[CrashPoint], jobs: int
) -> Iterator[tuple[int, PointResult]]:
    """Each point's result with its number, in the order in which they come."""
    engine = here if jobs == 1 else workers(jobs)
    tasks = [Task(str(point), number, subject.short) for number, point in enumerate(points)]
    down_ms = points[0].down_ms if points else DOWN_MS
    for event in engine(tasks, partial(_run_task, subject, down_ms)):
        if isinstance(event, Done):
            yield event.task.seed, _of_point(subject, points[event.task.seed], event.result)


def _run_task(subject: Subject, down_ms: int, task: Task) -> SeedResult:
    """The point whose name is the task's, as engines hand results over."""
    made = run_point(subject, read_point(task.scenario, down_ms))
    return SeedResult(
        *task.key,
        held=made.held,
        digest=made.digest,
        failed=made.failed,
        error=made.error,
        cpu_seconds=made.cpu_seconds,
        faults={"crashes": made.crashes},
    )


def _of_point(subject: Subject, point: CrashPoint, result: SeedResult) -> PointResult:
    return PointResult(
        str(point),
        result.held,
        result.failed,
        result.error,
        result.digest,
        result.faults.get("crashes", 0),
        result.cpu_seconds,
        subject.command(point),
    )


def run_point(subject: Subject, point: CrashPoint) -> PointResult:
    """One point; what it raises becomes its result, and so does a point that is not come to."""
    started = time.process_time()
    try:
        outcome = subject.run(point)
    except Exception as error:  # noqa: BLE001  # a run that raises is a finding
        return _raised(subject, point, f"{type(error).__name__}: {error}")
    failed = _failed(outcome)
    if not outcome.summary["crash_at"]["deaths"]:
        failed.append(f"the run never came to {point}")
    return PointResult(
        point=str(point),
        held=not failed,
        failed=failed,
        digest=outcome.summary["digest"],
        crashes=outcome.summary["crashes"],
        cpu_seconds=time.process_time() - started,
        command=subject.command(point),
    )


def _failed(outcome: Outcome) -> list[str]:
    return [f"{claim.claim}: {claim.figure}" for claim in outcome.claims if not claim.held]


def _raised(subject: Subject, point: CrashPoint, error: str) -> PointResult:
    return PointResult(str(point), held=False, error=error, command=subject.command(point))
