"""Seeds over a Dask cluster (extra `dask`): the same results, and nothing is run again in silence.

Dask gives the tasks of a worker that died to others, three times, without a word: a seed that kills
whoever runs it would take the cluster along. Here the scheduler allows no failure. It then gives up
whatever that worker had been handed, so those seeds are run once more at the end, each alone: one
that is lost alone is a finding, the others are well. Nannies give all their workers one hash seed:
a second run here has the first one's, and sees no order of a set.
"""

import faulthandler
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from distributed import Client, Future, KilledWorker, as_completed
from distributed.comm.addressing import get_address_host_port
from distributed.diagnostics.plugin import SchedulerPlugin

from tieout.bad_input import BadCluster
from tieout.campaigns.code_version import code_version
from tieout.campaigns.seed import (
    Begun,
    Done,
    Engine,
    Events,
    Run,
    SeedResult,
    Task,
    attempt,
    content_of,
    ended,
    lost,
)
from tieout.campaigns.workers import SEED_SECONDS_MAX

CONNECT_SECONDS_MAX = 20
WORKERLESS_SECONDS_MAX = 60
LOOK_SECONDS = 0.002
AHEAD = 8  # tasks handed out for each worker: it never waits for the next


def cluster(address: str, seed_seconds_max: float = SEED_SECONDS_MAX) -> Engine:
    """The cluster whose scheduler has this address; a seed that takes longer ends its worker."""

    def over(tasks: Sequence[Task], run: Run) -> Events:
        with _connected(address) as client, _no_failure_allowed(client):
            number = _sound_workers(client, address)
            _same_scenarios(client, address, list(dict.fromkeys(task.scenario for task in tasks)))
            suspects: list[Task] = []
            yield from _all(client, tasks, run, number * AHEAD, seed_seconds_max, suspects)
            for task in suspects:
                yield from _alone(client, task, run, seed_seconds_max)

    return over


def _all(
    client: Client,
    tasks: Sequence[Task],
    run: Run,
    ahead: int,
    seconds_max: float,
    suspects: list[Task],
) -> Events:
    """Run them, some ahead of the workers; those that were lost with one are suspects."""
    left, handed = deque(tasks), dict[str, Task]()
    coming = as_completed(loop=client.loop)
    while left or handed:
        while left and len(handed) < ahead:
            task = left.popleft()
            future = _submit(client, task, run, seconds_max)
            handed[future.key] = task
            coming.add(future)
            yield Begun(task)
        future = _next(client, coming)
        task = handed.pop(future.key)
        result = _result(client, future)
        if result is None:
            suspects.append(task)
        else:
            yield Done(task, result)


def _alone(client: Client, task: Task, run: Run, seconds_max: float) -> Events:
    since = monotonic()
    future = _submit(client, task, run, seconds_max)
    _next(client, as_completed([future], loop=client.loop))
    result = _result(client, future)
    if result is None and monotonic() - since < seconds_max:
        result = lost(task, "its worker died of it")
    yield Done(task, result or ended(task, seconds_max))


def _next(client: Client, coming: as_completed) -> Future:
    """The next that is done; a cluster without any worker would have us wait for ever."""
    since = monotonic()
    while not coming.has_ready():
        sleep(LOOK_SECONDS)
        if monotonic() - since > WORKERLESS_SECONDS_MAX:
            _refuse_workerless(client)
            since = monotonic()
    return next(coming)


def _refuse_workerless(client: Client) -> None:
    """A nanny starts a worker that died anew within seconds."""
    try:
        client.wait_for_workers(1, timeout=WORKERLESS_SECONDS_MAX)
    except TimeoutError as error:
        would_do = "workers under a nanny are started anew; --resume goes on"
        raise BadCluster(f"--dask: no worker is left; {would_do}") from error


def _submit(client: Client, task: Task, run: Run, seconds_max: float) -> Future:
    return client.submit(_watched, run, task, seconds_max, pure=False, retries=0)


def _watched(run: Run, task: Task, seconds_max: float) -> SeedResult:
    """In the worker: its process ends if the seed takes longer."""
    faulthandler.dump_traceback_later(seconds_max, exit=True)
    try:
        return attempt(run, task)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _result(client: Client, future: Future) -> SeedResult | None:
    """What came of it; None where its worker died of it. Of a worker that left, Dask asks again."""
    while True:
        try:
            result: SeedResult = future.result(timeout=WORKERLESS_SECONDS_MAX)
        except KilledWorker:
            return None
        except TimeoutError:
            _refuse_workerless(client)
        else:
            return result


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        get_address_host_port(address)  # a client of none hangs as it goes, with a traceback
        client = Client(address, timeout=CONNECT_SECONDS_MAX, set_as_default=False)
    except (OSError, ValueError) as error:
        would_do = "the address of a Dask scheduler, as tcp://127.0.0.1:8786, would do"
        raise BadCluster(f"--dask {address}: {error}; {would_do}") from error
    with client:
        try:
            yield client
        except ModuleNotFoundError as error:
            found = f"its scheduler has no {error.name}"
            would_do = "the same code everywhere would do"
            raise BadCluster(f"--dask {address}: {found}; {would_do}") from error
        except OSError as error:
            would_do = "once there is one again, --resume goes on"
            raise BadCluster(
                f"--dask {address}: no scheduler any more: {error}; {would_do}"
            ) from error


@contextmanager
def _no_failure_allowed(client: Client) -> Iterator[None]:
    """While we run, whoever else uses that scheduler."""
    client.run_on_scheduler(_allow_none, client.id)
    try:
        yield
    finally:
        client.run_on_scheduler(_allow_again, client.id)


class NoneAllowed(SchedulerPlugin):  # type: ignore[misc]  # Dask has no types
    """In the scheduler, for as long as a client of ours is there, however that ends: what was
    allowed `before` the first of them came is given back by the last."""

    def __init__(self, client: str, before: int) -> None:
        self.client, self.before = client, before

    def remove_client(self, scheduler: Any, client: str) -> None:
        """One that was killed never said that it goes."""
        if client == self.client:
            _allow_again(client, scheduler)


def _allow_none(client: str, dask_scheduler: Any = None) -> None:
    """In the scheduler."""
    others = _ours(dask_scheduler)
    before = others[0].before if others else dask_scheduler.allowed_failures
    dask_scheduler.add_plugin(NoneAllowed(client, before), name=f"tieout {client}")
    dask_scheduler.allowed_failures = 0


def _allow_again(client: str, dask_scheduler: Any = None) -> None:
    """In the scheduler."""
    ours = dask_scheduler.plugins.pop(f"tieout {client}", None)
    if ours is not None and not _ours(dask_scheduler):
        dask_scheduler.allowed_failures = ours.before


def _ours(scheduler: Any) -> list[NoneAllowed]:
    return [each for each in scheduler.plugins.values() if isinstance(each, NoneAllowed)]


def _sound_workers(client: Client, address: str) -> int:
    """How many workers there are, each with one thread and with our code."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS_MAX)
    except TimeoutError as error:
        found = f"a scheduler, and no worker within {CONNECT_SECONDS_MAX} s"
        would_do = f"dask worker {address} --nthreads 1 would do"
        raise BadCluster(f"--dask {address}: found {found}; {would_do}") from error
    threads = {name: each["nthreads"] for name, each in _workers(client).items()}
    for name, count in threads.items():
        if count != 1:
            would_do = "workers of one thread would do: dask worker --nthreads 1 --nworkers N"
            raise BadCluster(f"--dask {address}: worker {name} has {count} threads; {would_do}")
    ours = code_version()
    for name, theirs in client.run(_code, on_error="return").items():
        if theirs != ours:
            would_do = "the same code everywhere would do"
            raise BadCluster(
                f"--dask {address}: worker {name} has {theirs}, not {ours}; {would_do}"
            )
    return len(threads)


def _same_scenarios(client: Client, address: str, names: list[str]) -> None:
    """A worker reads a scenario's file where it is: on another machine that may be another."""
    ours = content_of(names)
    for worker, theirs in client.run(content_of, names).items():
        if theirs != ours:
            found = f"worker {worker} has another {', '.join(names):.200}, or none"
            would_do = "the same file under the same path would do"
            raise BadCluster(f"--dask {address}: {found}; {would_do}")


def _code() -> str:
    """In a worker: its own."""
    return code_version()


def _workers(client: Client) -> dict[str, Any]:
    told: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return told
