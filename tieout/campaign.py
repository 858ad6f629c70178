"""Many seeds of a scenario, over processes; a seed that raises is a finding, not an end.

The result of a seed never depends on where it ran: workers get a name, a seed and nothing else.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from scenarios.model import find, names
from tieout.runs import quantile

BATCH = 4


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
    seconds: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Campaign:
    """All of them."""

    results: list[SeedResult]
    wall_seconds: float

    @property
    def held(self) -> bool:
        return all(result.held for result in self.results)

    @property
    def failures(self) -> list[SeedResult]:
        return [result for result in self.results if not result.held]

    def faults(self) -> dict[str, int]:
        """How often each kind of fault struck."""
        total: dict[str, int] = {}
        for result in self.results:
            for kind, times in result.faults.items():
                total[kind] = total.get(kind, 0) + times
        return dict(sorted(total.items()))

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
        }

    def save(self, folder: Path) -> None:
        """Write campaign.json and one line per seed."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "campaign.json").write_text(json.dumps(self.summary(), indent=2))
        lines = [json.dumps(asdict(result)) for result in self.results]
        (folder / "seeds.jsonl").write_text("\n".join(lines) + "\n")


def campaign(
    scenario: str,
    seeds: Iterable[int],
    *,
    jobs: int = 1,
    short: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Campaign:
    """Run every seed of a scenario, or of `all`."""
    chosen = names() if scenario == "all" else [scenario]
    for name in chosen:
        find(name)
    work = [(name, seed, short) for name in chosen for seed in seeds]
    started = time.perf_counter()
    if jobs == 1:
        results = []
        for number, each in enumerate(work, 1):
            results.append(run_seed(*each))
            progress(number / len(work))
    else:
        results = _spread(work, jobs, progress)
    return Campaign(results, time.perf_counter() - started)


def _spread(
    work: Sequence[tuple[str, int, bool]], jobs: int, progress: Callable[[float], None]
) -> list[SeedResult]:
    batches = [work[start : start + BATCH] for start in range(0, len(work), BATCH)]
    found: dict[int, list[SeedResult]] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(run_batch, batch): n for n, batch in enumerate(batches)}
        for done, future in enumerate(as_completed(futures), 1):
            number = futures[future]
            try:
                found[number] = future.result()
            except Exception as error:  # noqa: BLE001  # a worker that died is a finding
                found[number] = [
                    SeedResult(name, seed, held=False, error=f"worker died: {error!r}")
                    for name, seed, _ in batches[number]
                ]
            progress(done / len(batches))
    return [result for number in sorted(found) for result in found[number]]


def run_batch(batch: Sequence[tuple[str, int, bool]]) -> list[SeedResult]:
    """A worker's share."""
    return [run_seed(*each) for each in batch]


def run_seed(name: str, seed: int, short: bool) -> SeedResult:  # noqa: FBT001  # sent to workers
    """One seed; what it raises becomes its result."""
    from tieout.runs import run

    started = time.process_time()
    try:
        outcome = run(name, seed, short=short, sampled=False)
    except Exception as error:  # noqa: BLE001  # a seed that raises is a finding
        return SeedResult(name, seed, held=False, error=f"{type(error).__name__}: {error}")
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
        seconds=[found.seconds for found in outcome.found if found.seconds >= 0],
    )
