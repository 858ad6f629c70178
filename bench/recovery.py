"""Recovery: the state rebuilt from a journal on disk, by replay and from a snapshot."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter

import msgspec

from bench.lanes import GATE
from bench.measure import Chunk, race
from bench.rows import Row
from bench.stream import recorded
from core.events import Event, FillReported, MemoryTrimmed
from core.journal import Journal, Record, decode_event
from core.node import Keep, decode_snapshot, encode_snapshot, recover
from core.state import State
from core.step import step
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore

TAIL = 5_000
KNOWN_FILLS = 500_000


def rows(*, quick: bool = False) -> list[Row]:
    """Measure on the file system of the temporary folder (TMPDIR), its pages in the cache."""
    records = recorded(quick=quick)
    events = [decode_event(record.body) for record in records if record.kind == "event"]
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as folder:
        path = Path(folder) / "journal.db"
        _write(path, records)
        took = race(
            {"recover": lambda: _recovering(path), "apply": lambda: _applying(events)},
            3 if quick else 20,
        )
        rate, ratio = len(events) / took["recover"] * 1e9, took["apply"] / took["recover"]
        found = [Row("recovery by replay", rate, "events/s", ratio, "apply", ">= 0.7")]
        found.append(_restart(path, "restart from a snapshot", len(records)))
        known = 1_000 if quick else KNOWN_FILLS
        _remember_more(path, known)
        found.append(_restart(path, f"restart, {known:,} fills known", len(records)))
    return found


def _write(path: Path, records: Sequence[Record]) -> None:
    """The scenario's journal on disk, in large groups."""
    with closing(SqliteStore(path, create="new")) as store:
        for begin in range(0, len(records), TAIL):
            group = records[begin : begin + TAIL]
            for record in group:
                store.append(record)
            store.commit(group[-1].number, bytes(32))


def _recovering(path: Path) -> Iterator[Chunk]:
    """One chunk: the replay of all."""
    with closing(SqliteStore(path)) as store:
        yield lambda: recover(Journal(store), GATE)


def _applying(events: Sequence[Event]) -> Iterator[Chunk]:
    """One chunk: `step` over the same events, read already."""
    state = State()

    def run() -> None:
        for event in events:
            step(state, event, GATE)

    yield run


def _restart(path: Path, name: str, known: int) -> Row:
    """From the opening of the file to a state that can go on, with a tail behind the snapshot."""
    with closing(SqliteStore(path)) as store:
        if next(store.snapshots(), None) is None:
            number = max(known - TAIL, 1)
            store.save_snapshot(number, encode_snapshot(replay(store, until=number).state))
    took = []
    for _ in range(5):
        begun = perf_counter()
        with closing(SqliteStore(path)) as store:
            recover(Journal(store), GATE)
            took.append(perf_counter() - begun)
    return Row(name, min(took), "s", target="<= 2")


def _remember_more(path: Path, fills: int) -> None:
    """Put a newest snapshot whose books know so many fills more, most of them put away."""
    with closing(SqliteStore(path)) as store:
        number, data = next(store.snapshots())
        state = decode_snapshot(data)
        assert state is not None
        like = next(
            event
            for record in store.records()
            if record.name == "FillReported"
            for event in [decode_event(record.body)]
            if isinstance(event, FillReported)
        )
        for each in range(fills):
            step(state, msgspec.structs.replace(like, fill_id=f"more-{each}"), GATE)
        step(state, MemoryTrimmed(received_at=state.now, **Keep()._asdict()), GATE)
        store.save_snapshot(number, encode_snapshot(state))
