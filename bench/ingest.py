"""Durable ingest: a venue's JSON frame -> decode -> step -> SQLite FULL, through the node.

Its yardsticks, in the same run and on the same file system: a bare insert of the very rows that the
node wrote, into the same tables with their indexes, in the same groups; and for a single commit a
raw append of as many bytes with fdatasync.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from bench.lanes import GATE
from bench.measure import Chunk, race
from bench.rows import Row as Result
from bench.stream import recorded
from core.events import Event
from core.frames import Frame
from core.journal import Journal, decode_event, decode_frame
from core.node import Node
from tieout.journals.sqlite_store import TABLES, WAL_PAGES_MAX, SqliteStore
from tieout.node.dialects import READERS

SINGLES = 200

Row = tuple[object, ...]


class Told(NamedTuple):
    """What the node is told: the events that set it up, then the frames of a private stream."""

    setup: list[Event]
    frames: list[Frame]


def rows(*, quick: bool = False) -> list[Result]:
    """Measure on the file system of the temporary folder (TMPDIR)."""
    told, rounds = told_of(quick=quick), 3 if quick else 8
    found = []
    for group in (100, 1000):
        took = _race(told, group, rounds)
        rate, ratio = len(told.frames) / took["node"] * 1e9, took["bare"] / took["node"]
        name = f"durable ingest, {group} frames a commit"
        found.append(Result(name, rate, "frames/s", ratio, "a bare insert of the rows", ">= 0.5"))
    few = Told(told.setup, told.frames[:SINGLES])
    took = _race(few, 1, rounds)
    each, ratio = took["commit"] / SINGLES / 1e3, took["commit"] / took["append"]
    return [
        *found,
        Result("a single durable commit", each, "µs", ratio, "append + fdatasync", "<= 1.5"),
    ]


def _race(told: Told, group: int, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as name:
        folder = Path(name)
        written = groups_of(_ingest(folder / "once.db", told, group))
        if group == 1:
            contestants = {
                "commit": lambda: _committing(folder, told),
                "append": lambda: _appending(folder, written),
            }
        else:
            contestants = {
                "node": lambda: _ingesting(folder, told, group),
                "bare": lambda: inserting(folder, written),
            }
        return race(contestants, rounds)


def told_of(*, quick: bool, times: int = 1) -> Told:
    records = recorded(quick=quick, times=times)
    frames = [decode_frame(r) for r in records if r.kind == "frame" and r.name == "stream"]
    names = ("NodeStarted", "AccountOpened", "InstrumentListed", "OpeningSet", "OrderRequested")
    setup = [decode_event(r.body) for r in records if r.kind == "event" and r.name in names]
    return Told(setup, frames)


def fresh(folder: Path, name: str) -> Path:
    """A path under this name, and nothing there from an earlier round."""
    for old in folder.glob(f"{name}.db*"):
        old.unlink()
    return folder / f"{name}.db"


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


def _ingesting(folder: Path, told: Told, group: int) -> Iterator[Chunk]:
    """A chunk is a group: its frames delivered, and committed."""
    node, store = _booted(fresh(folder, "node"), told)

    def chunk(frames: Sequence[Frame]) -> Chunk:
        def run() -> None:
            for frame in frames:
                _deliver(node, frame)
            node.commit()

        return run

    for begin in range(0, len(told.frames), group):
        yield chunk(told.frames[begin : begin + group])
    store.close()


def _committing(folder: Path, told: Told) -> Iterator[Chunk]:
    """A chunk is one commit; the frame was delivered before it."""
    node, store = _booted(fresh(folder, "commit"), told)
    for frame in told.frames:
        _deliver(node, frame)
        yield node.commit
    store.close()


# --- the yardsticks ------------------------------------------------------------------------------


def groups_of(path: Path) -> list[dict[str, list[Row]]]:
    """What each commit of the node wrote after the first: the rows by table."""
    with closing(apsw.Connection(str(path))) as connection:
        ends = [last for (last,) in connection.execute("SELECT last FROM groups ORDER BY last")]
        key = {"records": "number", "identities": "number", "groups": "last"}
        return [
            {
                table: list(
                    connection.execute(
                        f"SELECT * FROM {table} WHERE {column} > ? AND {column} <= ?"  # noqa: S608
                        f" ORDER BY {column}",
                        (after, last),
                    )
                )
                for table, column in key.items()
            }
            for after, last in pairwise(ends)
        ]


def inserting(folder: Path, groups: Sequence[dict[str, list[Row]]]) -> Iterator[Chunk]:
    """A chunk is a group: the same rows, put in bare."""
    connection = apsw.Connection(str(fresh(folder, "bare")))
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
    for statement in TABLES.values():
        connection.execute(statement)
    cursor = connection.cursor()

    def chunk(tables: dict[str, list[Row]]) -> Chunk:
        def run() -> None:
            cursor.execute("BEGIN IMMEDIATE")
            for table, lines in tables.items():
                if lines:
                    marks = ",".join("?" * len(lines[0]))
                    cursor.executemany(f"INSERT INTO {table} VALUES({marks})", lines)
            cursor.execute("COMMIT")

        return run

    for tables in groups:
        yield chunk(tables)
    connection.close()


def _appending(folder: Path, groups: Sequence[dict[str, list[Row]]]) -> Iterator[Chunk]:
    """A chunk is one append of what a commit's records hold, and its fdatasync."""
    file = os.open(fresh(folder, "append"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def chunk(data: bytes) -> Chunk:
        def run() -> None:
            os.write(file, data)
            os.fdatasync(file)

        return run

    for tables in groups:
        yield chunk(repr(tables["records"]).encode())
    os.close(file)
