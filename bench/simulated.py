"""The full simulated path: JSON frames, wire, node, journal in memory, oracle, under every fault.

An *input* is an event that core was told by a venue or a strategy; heartbeats, alarms and reference
prices, which are all that enters core of market data, are not counted. The time is the process's.

Whose time it is, is sampled: a timer of CPU time rings each millisecond, and the function that runs
then is booked to its package. A profiler that is told of every call would charge small functions
for its own cost; a sample costs next to nothing. C functions (SimPy's heap among them) count for
the Python function that called them.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from types import FrameType

import simpy

import core
from bench.interpreters import ROOT, ask, compiled_python
from bench.plain import compiled_names
from bench.rows import Row, not_run
from bench.stream import QUICK_S, SEED, Stream
from scenarios.model import find
from sim.memory_store import MemoryStore
from sim.world import SECOND
from tieout.simulation import Simulation

SCENARIO, FULL_S = "spot_weather", 600
SAMPLE_S = 0.001
NOT_COUNTED = ("HeartbeatHeard", "AlarmRang", "ReferenceSet")
INSTALLED = Path(core.__file__).parent.parent
SIMPY = str(Path(simpy.__file__).parent)
GLUE = "SimPy and its glue"
INPUTS, INPUTS_TARGET = "core inputs, full simulated path", ">= 25000"
GLUE_TARGET = "<= 25"
SHARES_SHOWN = 6


def rows(*, quick: bool = False) -> list[Row]:
    """The rate, whose time it is, and what compiling core brings to the whole."""
    seconds, times = (QUICK_S, 1) if quick else (FULL_S, 4)
    best, inputs = min(once(seconds) for _ in range(times))
    found = [Row(INPUTS, inputs / best, "a CPU-second", target=INPUTS_TARGET)]
    found += [
        Row(f"of that time in {name}", share * 100, "%", target=GLUE_TARGET * (name == GLUE))
        for name, share in _shares(seconds, times).items()
    ]
    return found + _compiled(times)


def once(seconds: int) -> tuple[float, int]:
    """CPU-seconds of one run, and how many inputs core was told."""
    scenario, store = find(SCENARIO), MemoryStore()
    simulation = Simulation(scenario, SEED, store, duration_ns=seconds * SECOND)
    begun = process_time()
    simulation.run()
    took = process_time() - begun
    inputs = sum(r.kind == "event" and r.name not in NOT_COUNTED for r in store.records())
    return took, inputs


# --- whose time it is ----------------------------------------------------------------------------


def _shares(seconds: int, times: int) -> dict[str, float]:
    """The share of each part of the house, the largest first; the clock's is always shown."""
    samples: Counter[str] = Counter()
    with _sampling(samples):
        for _ in range(times):
            once(seconds)
    shown = dict(samples.most_common(SHARES_SHOWN)) | {GLUE: samples[GLUE]}
    return {name: count / samples.total() for name, count in shown.items()}


@contextmanager
def _sampling(samples: Counter[str]) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        samples[_part(frame)] += 1

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _part(frame: FrameType | None) -> str:
    """The package of the innermost function of ours; what the clock calls of itself is its glue."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(SIMPY) or file.endswith("sim/world.py"):
            return GLUE
        if file.startswith(str(INSTALLED)) and "site-packages" not in file:
            caller = frame.f_back
            if file.endswith("sim/dice.py") and caller and "sim/world" in caller.f_code.co_filename:
                return GLUE
            return Path(file).relative_to(INSTALLED).parts[0]
        frame = frame.f_back
    return "other"


# --- compiled ------------------------------------------------------------------------------------


def _compiled(times: int) -> list[Row]:
    """The same run by one interpreter, with core from the source and compiled, by turns."""
    name, unit, against = f"{INPUTS}, compiled core", "a CPU-second", "plain source"
    python, why = compiled_python()
    if python is None:
        return [not_run(name, unit, "", INPUTS_TARGET, why)]
    best: dict[str, dict[str, float]] = {}
    for number in range(2 * times):
        build = ("plain", "compiled", "compiled", "plain")[number % 4]
        path = str(ROOT) if build == "plain" else ""
        took = ask(python, "simulated.times", Stream([], []), 2, path=path)
        assert took["compiled"] == (build == "compiled"), build
        best[build] = min(best.get(build, took), took, key=lambda each: each["took"])
    rate = best["compiled"]["inputs"] / best["compiled"]["took"]
    gain = best["plain"]["took"] / best["compiled"]["took"]
    return [
        Row(name, rate, unit, target=INPUTS_TARGET),
        Row("the same run, compiled core", rate, unit, gain, against),
    ]


def times(stream: Stream, rounds: int) -> dict[str, float]:
    """For the worker: the least CPU-seconds of some runs, and their inputs."""
    took, inputs = min(once(FULL_S) for _ in range(rounds))
    return {"took": took, "inputs": inputs, "compiled": float(bool(compiled_names()))}
