"""The cold engine in a process of its own: asked on standard input, it answers on standard output.

    python -m tieout.risk.engine_main JOURNAL EPOCH

A line in is a request's number and the moment of it; a line out is the engine's word, or what
halted it. It reads the journal as it is on the disk: so it knows what is durable, and nothing else.
Each answer is of one state of the journal. It ends when nobody asks any more.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

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


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes back: a word, or why there is none and never will be."""

    word: list[ExposureStated | LossStated] = []
    halted: str = ""


class Reader:
    """A journal that somebody else writes; of a `Store` what a recovery needs."""

    epoch, records_lost = 0, 0

    def __init__(self, path: Path) -> None:
        self.connection = open_for_reading(path)

    def events(self, after: int = 0) -> Iterator[bytes]:
        return read_events(self.connection, after)

    def last(self) -> tuple[int, bytes]:
        return read_last(self.connection)

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        return read_snapshots(self.connection)

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


class Engine:
    """One life of the engine."""

    def __init__(self, path: Path, epoch: int) -> None:
        self._reader = Reader(path)
        self._epoch = epoch
        self._cycle: Cycle | None = None
        self._read = 0

    def answer(self, request: int, now: int) -> Word:
        """Raises `Halted`."""
        with self._reader.connection:  # one state of it
            last, _ = self._reader.last()
            cycle = self._read_on()
        self._read = last
        word = cycle.answer(request, last, now)
        return [replace(each, received_at=now) for each in word]

    def _read_on(self) -> Cycle:
        if self._cycle is None:
            state = recover(Journal(self._reader), LimitGate())
            self._cycle = Cycle(state, self._epoch)
            for body in self._reader.events():
                self._cycle.remember(decode_event(body))
        else:
            for body in self._reader.events(self._read):
                self._cycle.take(decode_event(body))
        return self._cycle


def main(journal: str, epoch: str) -> None:
    engine = Engine(Path(journal), int(epoch))
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
