"""Seeds over processes of our own: one that hangs or kills its worker is a finding, not an end.

Each worker is told some seeds at a time and says which it begins, so that we know which one it was
lost with; the others of its batch are run by the next. The second run of a seed is by another
process than the first, and each process has a hash seed of its own: what depends on the order of a
set gives two digests. Hash seeds begin anywhere: a second run that --resume makes up for would have
the first one's, were they counted from 1 in each session.
"""

import faulthandler
import os
import re
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from secrets import randbits
from threading import Thread, current_thread, main_thread
from time import monotonic

from tieout.campaigns.seed import (
    Begun,
    Done,
    Engine,
    Events,
    Key,
    Run,
    SeedResult,
    Task,
    attempt,
    ended,
    lost,
)

# Far above the time of any seed: full forms take ten seconds, on a very busy machine minutes.
SEED_SECONDS_MAX = 1200.0
START_SECONDS_MAX = 300.0
# Where we come back from a wait so much later than asked, somebody had stopped us.
WAIT_SECONDS_MAX = 1.0
BATCH_MAX = 32
# Of the 32 that Python takes, so that as many workers as anybody makes have their own.
HASH_SEED_BITS = 31
BATCHES_LEFT = 4  # for each worker: the last ones are small, so that all end together
# A worker that is late says where it is, if it still can: so many places, within so long.
PLACES_MAX, SAYS_SECONDS_MAX, SAYS_ON_SECONDS = 4, 2.0, 0.05
PLACE = re.compile(r'File "(.+)", line (\d+) in (.+)')
ROOT = Path(__file__).parent.parent.parent


def workers(jobs: int, seed_seconds_max: float = SEED_SECONDS_MAX) -> Engine:
    """So many processes; a seed that takes longer is ended with its worker."""

    def spread(tasks: Sequence[Task], run: Run) -> Events:
        return _Pool(tasks, run, jobs, seed_seconds_max).events()

    return spread


class _Pool:
    """All workers, and what they have to do."""

    def __init__(self, tasks: Sequence[Task], run: Run, jobs: int, seed_seconds_max: float) -> None:
        self._todo = _Todo(tasks, jobs)
        self._run, self._jobs = run, min(jobs, len(tasks))
        self._seed_seconds_max = seed_seconds_max
        self._workers: list[_Worker] = []
        self._made, self._hash_seed = 0, randbits(HASH_SEED_BITS)

    def events(self) -> Events:
        """Until all is done; closed before, it ends the workers in the midst of what they do."""
        try:
            while self._give_out():
                for worker in self._heard():
                    for event in worker.hear():
                        self._note(worker, event)
                        yield event
                yield from self._lost()
        finally:
            for worker in self._workers:
                worker.end()

    def _give_out(self) -> bool:
        """Each idle worker has work, if there is any for it; says whether anybody has."""
        for worker in [each for each in self._workers if not each.batch]:
            if batch := self._todo.take(worker.number):
                worker.give(batch)
            elif self._todo.waits_for_another():
                worker.end()
                self._workers.remove(worker)
        while len(self._workers) < self._jobs and (batch := self._todo.take(self._made + 1)):
            self._made += 1
            hash_seed = self._hash_seed + self._made
            worker = _Worker(self._made, hash_seed, self._run, self._seed_seconds_max)
            self._workers.append(worker)
            worker.give(batch)
        return any(worker.batch for worker in self._workers)

    def _heard(self) -> list["_Worker"]:
        """Those that said something, or are gone; that we were stopped makes nobody late."""
        busy = {worker.pipe: worker for worker in self._workers if worker.batch}
        first, asked_at = min(worker.late_at for worker in busy.values()), monotonic()
        seconds = min(WAIT_SECONDS_MAX, max(0.0, first - asked_at))
        heard = [busy[each] for each in wait(list(busy), seconds)]  # type: ignore[index]  # what we gave
        away = monotonic() - asked_at - seconds
        if away > WAIT_SECONDS_MAX:
            for worker in busy.values():
                worker.late_at += away
        return heard

    def _note(self, worker: "_Worker", event: Begun | Done) -> None:
        if isinstance(event, Done):
            self._todo.done(event, worker.number)

    def _lost(self) -> Iterator[Done]:
        """What late and dead workers were at is a finding; the rest of their batches is not."""
        for worker in [each for each in self._workers if each.batch]:
            if (result := worker.lost()) is not None:
                worker.end()
                self._workers.remove(worker)
                event = Done(worker.batch[0], result)
                self._todo.back(list(worker.batch)[1:])
                self._todo.done(event, worker.number)
                yield event


class _Todo:
    """What is to be run: first runs in their order, second ones by whom the first was not."""

    def __init__(self, tasks: Sequence[Task], jobs: int) -> None:
        self._firsts = deque(task for task in tasks if not task.again)
        first = {task.key for task in self._firsts}
        self._later = {task.key: task for task in tasks if task.again}
        self._ready: dict[Key, int] = {key: 0 for key in self._later if key not in first}
        self._jobs = jobs

    def take(self, number: int) -> list[Task]:
        """Some for this worker; none, if there is none for it now."""
        for key, who in self._ready.items():
            if who != number:
                del self._ready[key]
                return [self._later.pop(key)]
        size = min(BATCH_MAX, len(self._firsts) // (BATCHES_LEFT * self._jobs))
        return [self._firsts.popleft() for _ in range(max(1, size)) if self._firsts]

    def waits_for_another(self) -> bool:
        """Whether what a worker was not given are second runs of what it ran first."""
        return bool(self._ready) and not self._firsts

    def done(self, event: Done, number: int) -> None:
        key = event.task.key
        if event.task.again or key not in self._later:
            return
        if event.result.lost:
            del self._later[key]  # once is enough
        else:
            self._ready[key] = number

    def back(self, tasks: Sequence[Task]) -> None:
        """Nobody began these."""
        self._firsts.extendleft(task for task in reversed(tasks) if not task.again)
        for task in tasks:
            if task.again:
                self._later[task.key] = task
                self._ready[task.key] = 0


class _Worker:
    """One process, the pipe to it, and what it has yet to do: the first of it is what it is at."""

    def __init__(self, number: int, hash_seed: int, run: Run, seed_seconds_max: float) -> None:
        self.number = number
        self.batch: deque[Task] = deque()
        self.late_at = 0.0
        self._seconds_max = seed_seconds_max
        self._at = self._dead = False
        self.pipe, theirs = get_context("spawn").Pipe()
        self._says, its_own = get_context("spawn").Pipe(duplex=False)
        self._process = get_context("spawn").Process(
            target=_work, args=(theirs, run, its_own), daemon=True, name=f"seeds {number}"
        )
        resource_tracker.ensure_running()  # which unblocks interrupts when it begins
        with _interrupts_held_back(), _hash_seed(hash_seed):
            self._process.start()
        theirs.close()
        its_own.close()
        self._start_seconds = START_SECONDS_MAX

    def give(self, batch: list[Task]) -> None:
        self.batch.extend(batch)
        self.late_at = monotonic() + self._start_seconds + self._seconds_max
        try:
            self.pipe.send(batch)
        except OSError:
            self._dead = True

    def hear(self) -> list[Begun | Done]:
        """What it said since."""
        heard: list[Begun | Done] = []
        try:
            while self.pipe.poll():
                heard.append(self._take(self.pipe.recv()))
        except (EOFError, OSError):
            self._dead = True
        return heard

    def _take(self, event: Begun | Done) -> Begun | Done:
        self._start_seconds = 0.0
        self.late_at = monotonic() + self._seconds_max
        self._at = isinstance(event, Begun)
        if isinstance(event, Done):
            self.batch.popleft()
        return event

    def lost(self) -> SeedResult | None:
        """What there is to say of what it was at, where that is lost."""
        if self._dead or self._is_gone():
            self._process.join()
            at = "" if self._at else " before it began"
            return lost(self.batch[0], f"worker died{at}: {_ending(self._process.exitcode)}")
        if monotonic() >= self.late_at:
            return ended(self.batch[0], self._seconds_max, self._places())
        return None

    def _is_gone(self) -> bool:
        """A child of its own may hold the pipe open; what it said before is heard first."""
        return not self._process.is_alive() and not self.pipe.poll()

    def _places(self) -> list[str]:
        """Where it is; of one that is stopped, or has not begun, nobody knows."""
        if not self._at or self._process.pid is None:
            return []
        os.kill(self._process.pid, signal.SIGUSR1)
        told, seconds = b"", SAYS_SECONDS_MAX
        while self._says.poll(seconds) and (more := os.read(self._says.fileno(), 1 << 16)):
            told, seconds = told + more, SAYS_ON_SECONDS
        return places_of(told.decode(errors="replace"))

    def end(self) -> None:
        """Now, whatever it is at."""
        self._process.kill()
        self._process.join()
        self.pipe.close()
        self._says.close()


def places_of(told: str) -> list[str]:
    """The innermost of a traceback of `faulthandler`, as `file:line name`, ours from our root."""
    places = []
    for path, line, name in PLACE.findall(told)[:PLACES_MAX]:
        ours = Path(path).is_relative_to(ROOT)
        places.append(f"{Path(path).relative_to(ROOT) if ours else Path(path).name}:{line} {name}")
    return places


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit status {code}"
    memory = ", as when memory runs out" if code == -signal.SIGKILL else ""
    return f"by {signal.Signals(-code).name}{memory}"


# --- in the worker -------------------------------------------------------------------------------


def _work(pipe: Connection, run: Run, says: Connection) -> None:
    """Run what comes until nothing comes any more; asked by a signal, say where we are."""
    end_with_parent()
    faulthandler.register(signal.SIGUSR1, says.fileno(), all_threads=False)
    with suppress(EOFError, BrokenPipeError):  # nobody is there any more
        while True:
            for task in pipe.recv():
                pipe.send(Begun(task))
                result = attempt(run, task)
                pipe.send(Done(task, result))


def end_with_parent() -> None:
    """From now on this worker ends when its parent does, however that ended: no kill asks first."""
    Thread(target=_wait_for_the_end, name="end with parent", daemon=True).start()


def _wait_for_the_end() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the midst of a seed, which nobody wants any more


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C reaches the whole group: workers that start in here never hear it, we do after.

    Blocking it is not enough: another thread of ours takes it, and the main one is interrupted.
    """
    if current_thread() is not main_thread():
        with _blocked():
            yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        with _blocked():
            yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def _blocked() -> Iterator[None]:
    """What starts in here inherits that it hears no interrupt."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _hash_seed(hash_seed: int) -> Iterator[None]:
    """A process that starts in here has this hash seed."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = str(hash_seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
