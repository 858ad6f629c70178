"""Many seeds of a scenario, over processes; a seed that raises is a finding, not an end.

The result of a seed never depends on where it ran: workers get a name, a seed and nothing else.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from shlex import quote
from threading import Thread
from typing import Any

from scenarios.model import FiresSpec, find, names
from sim import machine
from tieout.runs import quantile

REFUSED = "refused/"
SEEDS, WHOLE = "seeds.jsonl", "campaign.json"


@dataclass(slots=True)
class SeedResult:
    """One seed of one scenario."""

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


@dataclass(slots=True)
class Campaign:
    """All of them. `at_least` is how often each kind of fault and each refusal must have fired in
    each scenario; None: as often as the scenario itself says, and of fewer seeds than it names
    nothing is expected. `left_out` are scenarios of `all` that did not run, and why."""

    results: list[SeedResult]
    wall_seconds: float
    at_least: int | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        return all(result.held for result in self.results) and not self.unfired()

    @property
    def failures(self) -> list[SeedResult]:
        return [result for result in self.results if not result.held]

    def faults(self) -> dict[str, int]:
        """How often each kind of fault struck, in all scenarios."""
        return _summed(each["faults"] for each in self.fired().values())

    def refusals(self) -> dict[str, int]:
        """How often each rule refused something, in all scenarios."""
        return _summed(each["refusals"] for each in self.fired().values())

    def rarest(self) -> dict[str, Any] | None:
        """What fired least of all faults and refusals; None where nothing could."""
        seen = [*self.faults().items(), *self.refusals().items()]
        if not seen:
            return None
        what, times = min(seen, key=lambda each: each[1])
        return {"what": what, "times": times}

    def fired(self) -> dict[str, dict[str, dict[str, int]]]:
        """Per scenario, how often each kind of fault struck and each rule refused something.

        What the scenario's plan may have is there even where it never fired.
        """
        return {
            name: {
                "faults": _summed([dict.fromkeys(kinds, 0), *(each.faults for each in ours)]),
                "refusals": _summed([dict.fromkeys(codes, 0), *(each.refusals for each in ours)]),
            }
            for name, ours, kinds, codes in self._expected()
        }

    def unfired(self) -> dict[str, int]:
        """What this campaign should have seen more often, with how often it did."""
        rare: dict[str, int] = {}
        fired = self.fired()
        for name, ours, kinds, codes in self._expected():
            wanted = self._wanted(name, len(ours))
            for sort, expected in (("faults", kinds), ("refusals", codes)):
                seen = fired[name][sort]
                rare |= {f"{name}: {what}": seen[what] for what in expected if seen[what] < wanted}
        return rare

    def _wanted(self, name: str, seeds: int) -> int:
        if self.at_least is not None:
            return self.at_least
        says = _planned(name)[1]
        return says.times if says is not None and seeds >= says.seeds else 0

    def _expected(self) -> Iterator[tuple[str, list[SeedResult], list[str], tuple[str, ...]]]:
        """Each scenario with its results, and the faults and refusals that its plan may have."""
        for name in dict.fromkeys(result.scenario for result in self.results):
            ours = [result for result in self.results if result.scenario == name]
            kinds, fires = _planned(name)
            yield name, ours, kinds, fires.refusals if fires is not None else ()

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        cpu = sum(result.cpu_seconds for result in self.results)
        drift = [result.drift for result in self.results if result.drift]
        seconds = sorted(each for result in self.results for each in result.seconds)
        return {
            "runs": len(self.results),
            "held": len(self.results) - len(self.failures),
            "failed": [asdict(result) for result in self.failures],
            "wall_seconds": round(self.wall_seconds, 2),
            "cpu_seconds": round(cpu, 2),
            "simulated_seconds": round(sum(r.simulated_seconds for r in self.results), 1),
            "records_per_cpu_second": round(sum(r.records for r in self.results) / max(cpu, 1e-9)),
            "drift": {
                "injected": sum(each["injected"] for each in drift),
                "found": sum(each["found"] for each in drift),
                "missed": sum(each["missed"] for each in drift),
                "false_alarms": sum(each["false_alarms"] for each in drift),
                "seconds_to_find": {
                    "p50": quantile(seconds, 50),
                    "p99": quantile(seconds, 99),
                    "max": seconds[-1] if seconds else 0.0,
                },
            },
            "faults": self.faults(),
            "refusals": self.refusals(),
            "fired": self.fired(),
            "rarest": self.rarest(),
            "unfired": self.unfired(),
            "left_out": self.left_out,
        }

    def save(self, folder: Path) -> None:
        """Write campaign.json, and one line per seed in the order of the seeds."""
        from tieout.files import naming

        with naming(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lines = "".join(_line(result) for result in self.results)
            (folder / SEEDS).write_text(lines, encoding="utf-8")
            (folder / WHOLE).write_text(json.dumps(self.summary(), indent=2), encoding="utf-8")


def campaign(
    scenario: str,
    seeds: Iterable[int],
    *,
    jobs: int = 1,
    short: bool = False,
    out: Path | None = None,
    at_least: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Campaign:
    """Run every seed of a scenario, or of `all`; with `out`, each is on disk once it is done.

    Of `all`, what this Python cannot run is left out and said (`left_out`); alone it is `NoEvm`.
    With `at_least`, it does not hold where a fault or a refusal of the plan fired less often. An
    interrupt ends it at once: what was done by then is in seeds.jsonl, and no campaign.json is.
    """
    chosen = names() if scenario == "all" else [scenario]
    left_out = {name: machine.NONE for name in chosen if not runs_here(name)}
    if left_out and scenario != "all":
        machine.load()
    chosen = [name for name in chosen if name not in left_out]
    work = [(name, seed, short) for name in chosen for seed in seeds]
    started = time.perf_counter()
    found: dict[int, SeedResult] = {}
    with _noting(out) as note:

        def keep(number: int, result: SeedResult) -> None:
            found[number] = result
            note(result)
            progress(len(found) / len(work))

        if jobs == 1:
            for number, each in enumerate(work):
                keep(number, run_seed(*each))
        else:
            _spread(work, jobs, keep)
    results = [found[number] for number in sorted(found)]
    done = Campaign(results, time.perf_counter() - started, at_least, left_out)
    if out is not None:
        done.save(out)
    return done


def runs_here(name: str) -> bool:
    """Whether this Python has all that the scenario takes: tokens take an embedded EVM."""
    return machine.there() or not find(name).tokens


@cache
def _planned(name: str) -> tuple[list[str], FiresSpec | None]:
    """The kinds of fault that a scenario's plan may have, and what it says must fire."""
    from scenarios.draw import kinds_drawn  # not before a campaign has ended

    if name not in names():
        return [], None
    scenario = find(name)
    return kinds_drawn(scenario), scenario.fires


def _summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, times in each.items():
            total[name] = total.get(name, 0) + times
    return dict(sorted(total.items()))


@contextmanager
def _noting(folder: Path | None) -> Iterator[Callable[[SeedResult], None]]:
    """Adds a line to the folder's seeds.jsonl for each result, in the order in which they come."""
    if folder is None:
        yield lambda result: None
        return
    from tieout.files import naming, ready

    ready(folder)
    with naming(folder):
        (folder / WHOLE).unlink(missing_ok=True)  # an earlier campaign's
        file = (folder / SEEDS).open("w", encoding="utf-8")

    def note(result: SeedResult) -> None:
        with naming(folder):
            file.write(_line(result))
            file.flush()

    with file:
        yield note


def _line(result: SeedResult) -> str:
    return json.dumps(asdict(result)) + "\n"


def _spread(
    work: Sequence[tuple[str, int, bool]], jobs: int, keep: Callable[[int, SeedResult], None]
) -> None:
    pool = ProcessPoolExecutor(
        min(jobs, len(work)), mp_context=get_context("spawn"), initializer=end_with_parent
    )
    try:
        with _interrupts_held_back():
            futures = {pool.submit(run_seed, *each): n for n, each in enumerate(work)}
        for future in as_completed(futures):
            number = futures[future]
            try:
                result = future.result()
            except Exception as error:  # noqa: BLE001  # a worker that died is a finding
                result = _raised(*work[number], f"worker died: {error!r}")
            keep(number, result)
    except BaseException:
        _stop(pool)
        raise
    pool.shutdown()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C reaches the whole group: workers that start in here never hear it, we do after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """From now on this worker ends when its parent does, however that ended: no kill asks first."""
    Thread(target=_wait_for_the_end, name="end with parent", daemon=True).start()


def _wait_for_the_end() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the midst of a seed, which nobody wants any more


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers now, not after all that is queued."""
    workers = list(pool._processes.values())  # Python 3.14 has `terminate_workers`
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()


def run_seed(name: str, seed: int, short: bool) -> SeedResult:  # noqa: FBT001  # sent to workers
    """One seed; what it raises becomes its result."""
    from tieout.runs import run

    started = time.process_time()
    try:
        outcome = run(name, seed, short=short, sampled=False)
    except Exception as error:  # noqa: BLE001  # a seed that raises is a finding
        return _raised(name, seed, short, f"{type(error).__name__}: {error}")
    summary = outcome.summary
    return SeedResult(
        scenario=outcome.scenario.name,
        seed=seed,
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
        command=command_of(name, seed, short),
    )


def _raised(name: str, seed: int, short: bool, error: str) -> SeedResult:  # noqa: FBT001
    command = command_of(name, seed, short)
    return SeedResult(name, seed, held=False, error=error, command=command)


def command_of(name: str, seed: int, short: bool) -> str:  # noqa: FBT001  # as workers get it
    """What to type to run this seed alone."""
    return f"tieout run {quote(name)} --seed {seed}{' --short' if short else ''}"
