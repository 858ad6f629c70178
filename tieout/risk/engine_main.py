"""The cold engine in a process of its own: asked on standard input, it answers on standard output.

    python -m tieout.risk.engine_main EPOCH

The first line in says where the journal is, a path or a server's URL: that may hold a password, and
arguments are read by everybody. Each line after it is a request's number and the moment of it; a
line out is the engine's word, or what halted it. It reads the journal as it is on the disk: so it
knows what is durable, and nothing else. Each answer is of one state of the journal. It ends when
nobody asks any more, and where the journal cannot be read.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import apsw
import msgspec
from msgspec.structs import replace

from core.journal import Journal, Record, decode_event
from core.node import recover
from core.risk_events import ExposureStated, LossStated
from risk.adapter import LimitGate
from risk.cycle import Cycle, Word
from risk.engine import Halted
from tieout.journals.sqlite_store import open_for_reading, read_events, read_last, read_snapshots

T = TypeVar("T")


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes back: a word, or why there is none and never will be."""

    word: list[ExposureStated | LossStated] = []
    halted: str = ""


# --- the journal ----------------------------------------------------------------------------------


class Read(Protocol):
    """A journal that somebody else writes."""

    def moment(self) -> AbstractContextManager[object]:
        """While this lasts, one state of it is read."""

    def last(self) -> tuple[int, bytes]: ...
    def events(self, after: int = 0) -> Iterator[bytes]: ...
    def snapshots(self) -> Iterator[tuple[int, bytes]]: ...


class OfFile:
    """In a file of SQLite, where a transaction is a moment."""

    def __init__(self, path: Path) -> None:
        self._connection = open_for_reading(path)

    def moment(self) -> AbstractContextManager[object]:
        return self._connection

    def last(self) -> tuple[int, bytes]:
        return read_last(self._connection)

    def events(self, after: int = 0) -> Iterator[bytes]:
        return read_events(self._connection, after)

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        return read_snapshots(self._connection)


class OfServer:
    """On a server, where a moment is what was committed at its beginning: that never changes."""

    def __init__(self, url: str) -> None:
        from tieout.journals import postgres_store

        self._tables = postgres_store
        self._connection = postgres_store.opened(url)
        self._through = 0

    @contextmanager
    def moment(self) -> Iterator[object]:
        self._through, _ = self._tables.read_last(self._connection)
        yield self

    def last(self) -> tuple[int, bytes]:
        return self._tables.read_last(self._connection, self._through)

    def events(self, after: int = 0) -> Iterator[bytes]:
        told = self._tables.read_events(self._asked, after, self._through)
        return (body for _, body in told)

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        return self._tables.read_snapshots(self._asked)

    def _asked(self, question: Callable[[Any], T]) -> T:
        return question(self._connection)


def read_of(journal: str) -> Read:
    """The journal at this place; raises `JournalError`."""
    return OfServer(journal) if "://" in journal else OfFile(Path(journal))


class Recovered:
    """Of a `Store` what a recovery needs."""

    epoch, records_lost = 0, 0

    def __init__(self, read: Read) -> None:
        self.events, self.last, self.snapshots = read.events, read.last, read.snapshots

    def append(self, record: Record) -> None:
        raise PermissionError("it only reads")

    def commit(self, last: int, chain: bytes) -> None:
        raise PermissionError("it only reads")

    def save_snapshot(self, number: int, data: bytes) -> None:
        raise PermissionError("it only reads")

    def records(self, after: int = 0) -> Iterator[Record]:
        raise PermissionError("it needs events only")

    def kept(self, identity: str) -> Record | None:
        raise PermissionError("it needs events only")


# --- the engine -----------------------------------------------------------------------------------


class Engine:
    """One life of the engine."""

    def __init__(self, journal: str, epoch: int) -> None:
        self._journal = read_of(journal)
        self._epoch = epoch
        self._cycle: Cycle | None = None
        self._read = 0

    def answer(self, request: int, now: int) -> Word:
        """Raises `Halted`."""
        with self._journal.moment():
            last, _ = self._journal.last()
            cycle = self._read_on()
        self._read = last
        word = cycle.answer(request, last, now)
        return [replace(each, received_at=now) for each in word]

    def _read_on(self) -> Cycle:
        if self._cycle is None:
            state = recover(Journal(Recovered(self._journal)), LimitGate())
            self._cycle = Cycle(state, self._epoch)
            for body in self._journal.events():
                self._cycle.remember(decode_event(body))
        else:
            for body in self._journal.events(self._read):
                self._cycle.take(decode_event(body))
        return self._cycle


def main(epoch: str) -> None:
    engine = Engine(sys.stdin.readline().rstrip("\n"), int(epoch))
    for line in sys.stdin:
        request, now = map(int, line.split())
        try:
            said = Answer(engine.answer(request, now))
        except Halted as halted:
            said = Answer(halted=str(halted))
        except apsw.BusyError:
            continue  # asked again in half a heartbeat
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
