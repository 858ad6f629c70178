"""Seeds that misbehave, for the tests of what runs them: each takes the place of `run_seed`."""

import os
import signal
import time

from tieout.campaigns.seed import CANARY, SeedResult, Task, run_seed

BAD = 5


def sound(task: Task) -> SeedResult:
    """Every seventh fails a claim; the rest depends on nothing but the task. Canaries are real."""
    if task.scenario == CANARY:
        return run_seed(task)
    bad = task.seed % 7 == 6
    return SeedResult(
        *task.key,
        held=not bad,
        digest=f"{task.scenario} {task.seed} {task.short}",
        failed=["nothing is lost: lost = 1"] if bad else [],
        cpu_seconds=time.process_time(),
        simulated_seconds=2.0,
        records=10,
        inputs=4,
        faults={"reorg": task.seed % 2, "deposit": task.seed % 3},
        visited={"order/working>filled": 1},
        command=task.command,
    )


def hangs(task: Task) -> SeedResult:
    if task.seed == BAD:
        time.sleep(3600)
    return sound(task)


def leaves_a_child(task: Task) -> SeedResult:
    """Which has all pipes of its parent open, and outlives it."""
    if task.seed == BAD:
        if os.fork() == 0:
            time.sleep(10)
        os._exit(7)
    return sound(task)


def exits(task: Task) -> SeedResult:
    if task.seed == BAD:
        os._exit(7)
    return sound(task)


def is_killed(task: Task) -> SeedResult:
    """As by the system when memory runs out."""
    if task.seed == BAD:
        os.kill(os.getpid(), signal.SIGKILL)
    return sound(task)


def raises(task: Task) -> SeedResult:
    if task.seed == BAD:
        raise MemoryError("too much")
    return sound(task)


def raises_no_text(task: Task) -> SeedResult:
    """As the name of a file that is none in UTF-8 gets into an error."""
    if task.seed == BAD:
        raise FileNotFoundError(b"\x80".decode(errors="surrogateescape"))
    return sound(task)


def takes_a_second(task: Task) -> SeedResult:
    time.sleep(1)
    return sound(task)


def exits_the_second_time(task: Task) -> SeedResult:
    if task.again:
        os._exit(7)
    return sound(task)


def of_an_order_of_hashes(task: Task) -> SeedResult:
    """The digest depends on the process that runs it: so does the order of a set of words."""
    result = sound(task)
    result.digest = str(hash("a word"))
    return result


def of_a_clock(task: Task) -> SeedResult:
    result = sound(task)
    result.digest = str(time.perf_counter_ns())
    return result


def waits(task: Task) -> SeedResult:
    """Long enough to be ended by an interrupt."""
    time.sleep(0.02)
    return sound(task)


def canary_unheard(task: Task) -> SeedResult:
    """As a campaign would give that takes whatever ran as held."""
    result = sound(task)
    result.held = True
    return result
