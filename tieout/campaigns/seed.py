"""One seed of a campaign: which it is, what runs it, and what is kept of it.

Rule. What a seed gives never depends on where it ran: whoever runs it gets a `Task` and no more.
"""

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from shlex import quote
from typing import Any, NamedTuple

REFUSED = "refused/"
# What core is told of time and of prices is no input: see bench/simulated.py.
NOT_INPUTS = ("HeartbeatHeard", "AlarmRang", "ReferenceSet")
TWICE_OF = 20
CANARY = "canary"
# What of a result tells where and how it ran, and not what it gave.
OF_THE_RUNNER = ("cpu_seconds", "command", "lost", "limit", "at")

Key = tuple[str, int]


class Task(NamedTuple):
    """A seed of a scenario to run, for the first time or `again`, to be compared."""

    scenario: str
    seed: int
    short: bool
    again: bool = False

    @property
    def key(self) -> Key:
        return self.scenario, self.seed

    def __str__(self) -> str:
        return f"{self.scenario} seed {self.seed}{' a second time' if self.again else ''}"

    @property
    def command(self) -> str:
        """What to type to run this seed alone."""
        if self.scenario == CANARY:
            return f"tieout campaign {CANARY} --seeds {self.seed}:{self.seed + 1}"
        form = " --short" if self.short else ""
        return f"tieout run {quote(self.scenario)} --seed {self.seed}{form}"


@dataclass(slots=True)
class SeedResult:
    """One seed of one scenario; `lost` where whoever ran it was lost with it. One that was ended
    after `limit` seconds was `at` those places then, the innermost first."""

    scenario: str
    seed: int
    held: bool
    digest: str = ""
    failed: list[str] = field(default_factory=list)
    error: str = ""
    cpu_seconds: float = 0.0
    simulated_seconds: float = 0.0
    records: int = 0
    drift: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    command: str = ""
    inputs: int = 0
    visited: dict[str, int] = field(default_factory=dict)
    lost: bool = False
    limit: float = 0.0
    at: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return self.scenario, self.seed

    @property
    def why(self) -> str:
        """Why it does not hold, in words for people."""
        at = f"; it was at {', by '.join(self.at)}" if self.at else ""
        return f"{self.error}{at}" if self.error else "; ".join(self.failed)

    def differs(self, other: "SeedResult") -> str:
        """What two runs of this seed did not give alike, with both; "" where they did."""
        ours, theirs = self.given(), other.given()
        if (self.digest or self.error) != (other.digest or other.error):
            return f"two digests: {self.digest or self.error}, then {other.digest or other.error}"
        for name in ("failed", *ours):
            if ours[name] != theirs[name]:
                return f"one digest, and other {name}: {ours[name]:.200}, then {theirs[name]:.200}"
        return ""

    def given(self) -> dict[str, str]:
        """All of it that must be the same wherever and however often the seed runs."""
        told = {name: each for name, each in asdict(self).items() if name not in OF_THE_RUNNER}
        return {name: json.dumps(each, sort_keys=True) for name, each in told.items()}


Run = Callable[[Task], SeedResult]


class Begun(NamedTuple):
    """Somebody runs this now."""

    task: Task


class Done(NamedTuple):
    """And this came of it."""

    task: Task
    result: SeedResult


# What runs tasks: it tells what begins and what is done, in whichever order; closed, it ends all.
Events = Generator[Begun | Done, None, None]
Engine = Callable[[Sequence[Task], Run], Events]


def here(tasks: Sequence[Task], run: Run) -> Events:
    """In this process, one after the other: a seed that hangs hangs us, one that exits ends us."""
    for task in tasks:
        yield Begun(task)
        yield Done(task, attempt(run, task))


def runs_twice(seed: int) -> bool:
    """Of twenty seeds in a row from a multiple of twenty on, one: in each twenty another place, so
    that whatever goes by the number of a seed is run twice, too."""
    return seed % TWICE_OF == TWICE_OF - 1 - seed // TWICE_OF % TWICE_OF


def twice_of(work: Sequence[Key]) -> list[Key]:
    """Which of a whole campaign run twice: those by number, else one in twenty; and of more than
    one the first, which has run wherever the campaign ends early."""
    chosen = [key for key in work if runs_twice(key[1])]
    if len(work) < 2:
        return chosen
    return list(dict.fromkeys((work[0], *(chosen or work[TWICE_OF - 1 :: TWICE_OF]))))


def tasks_of(
    work: Sequence[Key],
    short: bool,  # noqa: FBT001  # as tasks have it
    beside: Sequence[Key],
    twice: Iterable[Key] = (),
) -> list[Task]:
    """Each seed once, and those of `twice` once more; first what runs beside them, once."""
    tasks, twice = [Task(*key, short) for key in beside], set(twice)
    for key in work:
        tasks.append(Task(*key, short))
        if key in twice:
            tasks.append(Task(*key, short, again=True))
    return tasks


def words_of(seeds: Sequence[int]) -> str:
    """`A:B` of seeds in a row, else all of them."""
    if seeds and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]}:{seeds[-1] + 1}"
    return ",".join(map(str, seeds))


def seeds_of(words: str) -> list[int]:
    """The seeds of such words."""
    first, colon, last = words.partition(":")
    if colon:
        return list(range(int(first), int(last)))
    return [int(each) for each in words.split(",") if each]


def content_of(chosen: Sequence[str]) -> str:
    """One digest for the files of these scenarios; "" where one cannot be read."""
    from scenarios.model import BadScenario, path_of

    whole = hashlib.sha256()
    for name in chosen:
        if name != CANARY:
            try:
                whole.update(path_of(name).read_bytes())
            except (OSError, BadScenario):
                return ""
    return whole.hexdigest()


def attempt(run: Run, task: Task) -> SeedResult:
    """What came of it; what it raises becomes its result."""
    try:
        return run(task)
    except Exception as error:  # noqa: BLE001  # a seed that raises is a finding
        return raised(task, f"{type(error).__name__}: {error}")


def raised(task: Task, error: str) -> SeedResult:
    """What a run raised; a name of a file may be in it that is no text."""
    error = error.encode(errors="backslashreplace").decode()
    return SeedResult(*task.key, held=False, error=error, command=task.command)


def lost(task: Task, why: str) -> SeedResult:
    """Whoever ran it is no more: what it did nobody knows, and to run it again here is unwise."""
    return SeedResult(*task.key, held=False, error=why, command=task.command, lost=True)


def ended(task: Task, seconds_max: float, at: Sequence[str] = ()) -> SeedResult:
    """It took too long, and was at those places."""
    why = f"ran longer than {seconds_max:g} s, and was ended; --seed-timeout gives it more"
    return replace(lost(task, why), limit=seconds_max, at=list(at))


def run_seed(task: Task) -> SeedResult:
    """One seed of a scenario of the catalogue, of a file, or of the canary."""
    from tieout.campaigns import canary
    from tieout.runs import run

    started = time.process_time()
    if task.scenario == CANARY:
        outcome = canary.run(task.seed)
    else:
        outcome = run(task.scenario, task.seed, short=task.short, sampled=False)
    summary = outcome.summary
    return SeedResult(
        scenario=task.scenario,
        seed=task.seed,
        held=outcome.held,
        digest=summary["digest"],
        failed=[f"{claim.claim}: {claim.figure}" for claim in outcome.claims if not claim.held],
        cpu_seconds=time.process_time() - started,
        simulated_seconds=summary["simulated_seconds"],
        records=summary["records"],
        drift=summary["drift"],
        faults=summary["faults"],
        refusals={
            name.removeprefix(REFUSED): times
            for name, times in summary["counts"].items()
            if name.startswith(REFUSED)
        },
        seconds=[found.seconds for found in outcome.found if found.seconds >= 0],
        command=task.command,
        inputs=sum(
            record.kind == "event" and record.name not in NOT_INPUTS
            for record in outcome.store.records()
        ),
        visited=summary.get("visited", {}),
    )
