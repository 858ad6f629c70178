"""The ledger of a campaign: which seeds were begun, and what came of each, a line at a time.

Rule. It is only ever added to, and a line is with the system before the next thing happens:
whatever ends a campaign, the ledger says what was done by then and what was running. It begins with
what the campaign is; only the same campaign by the same code goes on with it.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from sys import intern
from time import perf_counter
from typing import IO, Any

from tieout.bad_input import BadLedger
from tieout.campaigns.seed import Begun, Done, Key, SeedResult, Task
from tieout.reports.files import CannotSave, naming, ready

SEEDS, FAILURES = "seeds.jsonl", "failures"
SCHEMA = 1
# How it is said that a seed did not give the same twice.
TWICE = "two runs, "
FIELDS = {
    "scenario": "scenario",
    "content": "content of its scenario",
    "seeds": "seeds",
    "short": "form",
    "code": "code",
    "left_out": "scenarios that this Python cannot run",
    "shard": "shard",
}


def place_of(scenario: str, seed: int) -> str:
    """The folder of a failing seed's report, in `FAILURES`."""
    return f"{Path(scenario).stem}-{seed}"


@dataclass(frozen=True, slots=True)
class Header:
    """What a campaign is: two with equal headers would give equal results.

    `content` is the digest of its scenarios' files, `shard` which part of how many.
    """

    scenario: str
    seeds: str
    short: bool
    code: str
    content: str = ""
    shard: tuple[int, int] = (1, 1)
    left_out: dict[str, str] = field(default_factory=dict)

    def difference(self, other: "Header") -> str:
        """In which field the other differs, with both; "" where in none."""
        for name, word in FIELDS.items():
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                return f"{word} {_words(name, theirs)}, not {_words(name, ours)}"
        return ""


@dataclass(slots=True)
class Account:
    """What a ledger says: results, those of second runs, what had begun, whether all is done, and
    whether the scenario was edited meanwhile."""

    results: dict[Key, SeedResult] = field(default_factory=dict)
    again: dict[Key, SeedResult] = field(default_factory=dict)
    running: dict[Task, None] = field(default_factory=dict)
    wall_seconds: float = 0.0
    ended: bool = False
    changed: str = ""
    _before: float = 0.0

    def take(self, entry: dict[str, Any]) -> None:
        """One entry more."""
        if "campaign" in entry:
            return
        if "resumed" in entry:
            self._before = self.wall_seconds
        elif "ended" in entry:
            self.ended = True
        elif "changed" in entry:
            self.changed = self.changed or entry["changed"]
        elif "started" in entry:
            self.running[Task(**entry["started"])] = None
        else:
            task, result = Task(**entry["task"]), SeedResult(**entry["finished"])
            for counts in ("faults", "refusals", "visited"):
                setattr(result, counts, _interned(getattr(result, counts)))
            self.running.pop(task, None)
            self.wall_seconds = max(self.wall_seconds, self._before + entry["elapsed"])
            if task.again:
                self.again[task.key] = result
            else:
                self.results[task.key] = result

    def wants(self, task: Task) -> bool:
        """Whether this is still to be run."""
        if not task.again:
            return task.key not in self.results
        first = self.results.get(task.key)
        return task.key not in self.again and not (first is not None and first.lost)

    def forget_ended(self, seconds_max: float) -> list[str]:
        """What was ended after less than that is to be run again; says which."""
        said = []
        for known, word in ((self.results, ""), (self.again, " a second time")):
            for key in [key for key, each in known.items() if 0 < each.limit < seconds_max]:
                del known[key]
                said.append(f"{key[0]} seed {key[1]}{word}")
        return said

    def gaps(self, tasks: Iterable[Task], work: Iterable[Key]) -> list[Task]:
        """What is still to be run of the tasks that are of the work, as canaries are not."""
        asked = set(work)
        return [task for task in tasks if task.key in asked and self.wants(task)]

    def holds(self, key: Key) -> bool:
        """Whether nothing is known against a seed."""
        return key not in self.results or self.result(key).held

    def result(self, key: Key) -> SeedResult:
        """What is known of a seed: of one that ran twice, whether it gave the same both times."""
        first, second = self.results[key], self.again.get(key)
        if second is None or not (said := first.differs(second)):
            return first
        failed = [*first.failed, f"{TWICE}{said}"]
        return replace(first, held=False, failed=failed, lost=second.lost)


class Ledger:
    """An open one, and the account of it; nobody else writes it meanwhile. `replaced` is what stood
    in its place, of a campaign that had ended."""

    def __init__(self, path: Path, file: IO[str], account: Account) -> None:
        self._path, self._file = path, file
        self._since = perf_counter()
        self.account = account
        self.replaced = ""

    def take(self, event: Begun | Done, elapsed: float | None = None) -> None:
        """Write it down, then count it; `elapsed` is since this session began, by default now."""
        if isinstance(event, Begun):
            self.write({"started": event.task._asdict()})
        else:
            elapsed = round(perf_counter() - self._since, 3) if elapsed is None else elapsed
            task, result = event.task._asdict(), asdict(event.result)
            self.write({"task": task, "finished": result, "elapsed": elapsed})

    def write(self, entry: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
        except OSError as error:
            would_do = "with room for it, --resume goes on"
            raise CannotSave(f"{self._path}: {error.strerror}; {would_do}") from error
        self.account.take(entry)


@contextmanager
def opened(folder: Path, header: Header, *, resume: bool) -> Iterator[Ledger]:
    """The ledger of this campaign in a folder: from its beginning, or from where it ended. What
    another one that did not end says there is never lost."""
    ready(folder)
    path = folder / SEEDS
    with naming(path):
        file = path.open("a", encoding="utf-8")
    with _closed(file):
        _alone(path, file)
        found = read(folder) if _whole(path) else None
        if resume and found is not None:
            _refuse_other(path, found[0], header)
            os.truncate(path, _whole(path))
            ledger = Ledger(path, file, found[1])
            ledger.write({"resumed": {}})
        else:
            if found is not None:
                _refuse_unfinished(path, *found, header)
            os.truncate(path, 0)
            ledger = Ledger(path, file, Account())
            ledger.replaced = _words_of(found[1]) if found is not None else ""
            ledger.write({"campaign": {"schema": SCHEMA, **asdict(header)}})
        yield ledger


@contextmanager
def _closed(file: IO[str]) -> Iterator[None]:
    """Whatever could not be written was told when it was: to close it tries, and fails, again."""
    try:
        yield
    finally:
        with suppress(OSError):
            file.close()


@contextmanager
def in_memory() -> Iterator[Ledger]:
    """One that nobody keeps."""
    with Path(os.devnull).open("w", encoding="utf-8") as file:
        yield Ledger(Path(os.devnull), file, Account())


def read(folder: Path) -> tuple[Header, Account]:
    """What the ledger of a folder says; a last line that was cut short was never written."""
    path = folder / SEEDS
    try:
        lines = path.read_bytes()[: _whole(path)].splitlines()
    except OSError as error:
        would_do = "the folder of `tieout campaign ... --out DIR` would do"
        raise BadLedger(f"{path}: {error.strerror or error}; {would_do}") from error
    if not lines:
        raise BadLedger(f"{path}: found no line; the ledger of a campaign begins with what it is")
    account = Account()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line.decode())
            if number == 1:
                header = _header(entry["campaign"])
            else:
                account.take(entry)
        except (ValueError, TypeError, KeyError) as error:
            what = f"{type(error).__name__}: {error}"
            would_do = "a line that this version of Tieout wrote would do"
            raise BadLedger(
                f"{path}: line {number}: found {line.decode(errors='replace')!r:.60} ({what});"
                f" {would_do}"
            ) from error
    return header, account


def _interned(counts: dict[str, int]) -> dict[str, int]:
    """Ten thousand seeds tell the same few names each."""
    return {intern(name): times for name, times in counts.items()}


def _header(told: dict[str, Any]) -> Header:
    if told.pop("schema", None) != SCHEMA:
        raise ValueError(f"no schema {SCHEMA}")
    return Header(**{**told, "shard": tuple(told["shard"])})


def _whole(path: Path) -> int:
    """How many bytes the whole lines of a file have."""
    return path.read_bytes().rfind(b"\n") + 1


def _alone(path: Path, file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadLedger(f"{path}: a campaign writes it now; another folder would do") from None


def _refuse_other(path: Path, found: Header, header: Header) -> None:
    said = header.difference(found)
    if said:
        would_do = "what it was begun with would do, or another folder"
        raise BadLedger(f"{path}: cannot be resumed: begun with {said}; {would_do}")


def _refuse_unfinished(path: Path, found: Header, account: Account, header: Header) -> None:
    """To begin anew would lose what --resume could go on with."""
    if account.ended or not account.results:
        return
    if said := header.difference(found):
        done = f"{len(account.results)} runs of a campaign that did not end, begun with {said}"
        raise BadLedger(f"{path}: has {done}; another folder would do, or to delete it")
    done = f"{len(account.results)} runs of this very campaign, which did not end"
    raise BadLedger(f"{path}: has {done}; --resume, or another folder, would do")


def _words_of(account: Account) -> str:
    failed = sum(not account.holds(key) for key in account.results)
    return f"{len(account.results)} runs, {failed} failed," if account.results else ""


def _words(name: str, value: object) -> str:
    if name == "short":
        return "short" if value else "full"
    if name == "shard":
        assert isinstance(value, tuple)
        return "{}/{}".format(*value)
    if name == "left_out":
        return ", ".join(value) if isinstance(value, dict) and value else "none"
    return str(value)[:12] if name == "content" else str(value)
