"""Durable ingest: a venue's JSON frame -> decode -> step -> SQLite FULL, through the node.

Its yardsticks, in the same run and on the same file system: a bare insert of the very rows that the
node wrote, into the same tables with their indexes, in the same groups; and for a single commit a
raw append of as many bytes with fdatasync.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from bench.lanes import GATE
from bench.measure import Chunk, race
from bench.rows import Row
from bench.stream import recorded
from core.events import Event
from core.frames import Frame
from core.journal import Journal, decode_event, decode_frame
from core.node import Node
from tieout.sqlite_store import TABLES, WAL_PAGES_MAX, SqliteStore
from tieout.twins import READERS

SINGLES = 200


class Told(NamedTuple):
    """What the node is told: the events that set it up, then the frames of a private stream."""

    setup: list[Event]
    frames: list[Frame]


def rows(*, quick: bool = False) -> list[Row]:
    """Measure on the file system of the temporary folder (TMPDIR)."""
    told = _told(quick=quick)
    rounds = 3 if quick else 8
    found = []
    for group in (100, 1000):
        with _folder() as folder:
            written = _rows_of(_ingest(folder / "once.db", told, group))
            took = race(
                {
                    "node": lambda: _ingesting(folder, told, group),
                    "bare": lambda: _inserting(folder, written, group, told),
                },
                rounds,
            )
        rate, ratio = len(told.frames) / took["node"] * 1e9, took["bare"] / took["node"]
        name = f"durable ingest, {group} frames a commit"
        found.append(Row(name, rate, "frames/s", ratio, "a bare insert of the rows", ">= 0.5"))
    return [*found, _single(told, rounds)]


def _single(told: Told, rounds: int) -> Row:
    """One frame, one commit; of the node's work only the commit is timed."""
    few = Told(told.setup, told.frames[:SINGLES])
    with _folder() as folder:
        took = race(
            {
                "commit": lambda: _committing(folder, few),
                "append": lambda: _appending(folder, few),
            },
            rounds,
        )
    each, ratio = took["commit"] / len(few.frames) / 1e3, took["commit"] / took["append"]
    return Row("a single durable commit", each, "µs", ratio, "append + fdatasync", "<= 1.5")


def _told(*, quick: bool) -> Told:
    records = recorded(quick=quick)
    frames = [decode_frame(r) for r in records if r.kind == "frame" and r.name == "stream"]
    names = ("NodeStarted", "AccountOpened", "InstrumentListed", "OpeningSet", "OrderRequested")
    setup = [decode_event(r.body) for r in records if r.kind == "event" and r.name in names]
    return Told(setup, frames)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as folder:
        yield Path(folder)


def _fresh(folder: Path) -> Path:
    """A path that no earlier round has written to."""
    for old in folder.glob("round.*"):
        old.unlink()
    return folder / "round.db"


# --- the node ------------------------------------------------------------------------------------


def _booted(path: Path, told: Told) -> tuple[Node, SqliteStore]:
    store = SqliteStore(path, create="new")
    node = Node(Journal(store), READERS, GATE)
    for event in told.setup:
        node.deliver(event)
    node.commit()
    return node, store


def _deliver(node: Node, frame: Frame) -> None:
    node.deliver(msgspec.structs.replace(frame, number=node.journal.next_number))


def _ingest(path: Path, told: Told, group: int) -> Path:
    node, store = _booted(path, told)
    for begin in range(0, len(told.frames), group):
        for frame in told.frames[begin : begin + group]:
            _deliver(node, frame)
        node.commit()
    store.close()
    return path


def _ingesting(folder: Path, told: Told, group: int) -> list[Chunk]:
    """A chunk is a group: its frames delivered, and committed."""
    node, store = _booted(_fresh(folder), told)

    def chunk(frames: Sequence[Frame]) -> Chunk:
        def run() -> None:
            for frame in frames:
                _deliver(node, frame)
            node.commit()

        return run

    parts = range(0, len(told.frames), group)
    return _closing([chunk(told.frames[i : i + group]) for i in parts], store.close)


def _committing(folder: Path, told: Told) -> list[Chunk]:
    """A chunk is one commit; its frame was delivered at the end of the one before."""
    node, store = _booted(_fresh(folder), told)
    return []


# --- the yardsticks ------------------------------------------------------------------------------
