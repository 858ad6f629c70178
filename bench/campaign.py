"""What a campaign adds to its seeds: two processes beside one, and the cost of handing seeds out.

One and two processes run by turns, so that both meet the same machine. What an engine costs a seed
is the time that seeds take which do nothing, less what they take in this process.
"""

from os import cpu_count
from time import perf_counter

from bench.rows import Row, not_run
from tieout.campaigns.seed import Done, Engine, Run, SeedResult, Task, here, run_seed
from tieout.campaigns.workers import workers

SCENARIO = "lost_frame"
FULL, QUICK = 200, 24
NOTHING, NOTHING_QUICK = 3000, 200
ROUNDS = 3
ONE, TARGET = "one process", ">= 1.8"


def rows(*, quick: bool = False) -> list[Row]:
    """Throughput of two processes against one, and microseconds a seed of each engine."""
    seeds = NOTHING_QUICK if quick else NOTHING
    here_s = 1 / rate(here, nothing, seeds)
    local_s = 1 / rate(workers(1), nothing, seeds)
    return [
        _two(QUICK if quick else FULL, 1 if quick else ROUNDS),
        Row("a seed handed to a process of ours", (local_s - here_s) * 1e6, "us"),
        _dask(seeds, here_s),
    ]


def _two(seeds: int, rounds: int) -> Row:
    name, unit = "campaign on two processes", "seeds a second"
    if (cpu_count() or 1) < 2:
        return not_run(name, unit, ONE, TARGET, "this machine has one core")
    best = {1: 0.0, 2: 0.0}
    for number in range(2 * rounds):
        jobs = (1, 2, 2, 1)[number % 4]
        best[jobs] = max(best[jobs], rate(workers(jobs), run_seed, seeds))
    return Row(name, best[2], unit, best[2] / best[1], ONE, TARGET)


def _dask(seeds: int, here_s: float) -> Row:
    name = "a seed handed to Dask"
    try:
        from distributed import LocalCluster

        from tieout.campaigns.cluster import cluster
    except ModuleNotFoundError:
        return not_run(name, "us", "", "", "the extra `dask` is not installed")
    sized = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**sized, host="127.0.0.1", scheduler_port=0, silence_logs=50) as made:
        dask_s = 1 / rate(cluster(made.scheduler_address), nothing, seeds)
    return Row(name, (dask_s - here_s) * 1e6, "us")


def rate(engine: Engine, run: Run, seeds: int) -> float:
    """Seeds a second from the first one's end on: by then all have started."""
    ends = [
        perf_counter()
        for event in engine([Task(SCENARIO, seed, short=True) for seed in range(seeds)], run)
        if isinstance(event, Done)
    ]
    return (len(ends) - 1) / (ends[-1] - ends[0])


def nothing(task: Task) -> SeedResult:
    return SeedResult(*task.key, held=True)
