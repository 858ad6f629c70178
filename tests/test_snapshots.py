"""A snapshot spares time and nothing else: with it, without it or past a damaged one, one state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from core.gate import BreakGate
from core.journal import Journal, decode_event, digest_of, encode_state
from core.node import Node, decode_snapshot, encode_snapshot, recover
from core.state import State
from core.step import step
from sim.memory_store import MemoryStore
from tests.toy_venue import Fill, Told, boot, founding, frame_of, read
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore
from tieout.runs import run

GATE = BreakGate()


@pytest.fixture(scope="module")
def stormy() -> MemoryStore:
    """The journal of a short storm, crashes and breaks included, without a snapshot."""
    outcome = run("spot_weather", 1, short=True, sampled=False)
    assert isinstance(outcome.store, MemoryStore)
    return outcome.store


def with_snapshots(store: MemoryStore, *taken: tuple[int, bytes]) -> MemoryStore:
    """The same journal, and these snapshots."""
    copy = MemoryStore()
    copy.committed, copy.groups = store.committed, store.groups
    for number, data in taken:
        copy.save_snapshot(number, data)
    return copy


def state_at(store: MemoryStore, number: int) -> State:
    return replay(store, until=number).state


def moments(store: MemoryStore) -> list[int]:
    """The ends of some groups, from the first to the last."""
    ends = [last for last, _ in store.groups]
    return [*ends[:: len(ends) // 12], ends[-1]]


class Tail(MemoryStore):
    """Remembers from where it was read."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.committed, self.groups = store.committed, store.groups
        self.read_after: list[int] = []

    def events(self, after: int = 0) -> Iterator[bytes]:
        self.read_after.append(after)
        return super().events(after)


# --- with a snapshot -----------------------------------------------------------------------------


def test_recovery_from_a_snapshot_and_the_tail_is_a_full_replay(stormy: MemoryStore) -> None:
    """Equal canonical bytes, equal digest, and even the keys in equal order."""
    full = recover(Journal(stormy), GATE)
    for number in moments(stormy):
        store = with_snapshots(stormy, (number, encode_snapshot(state_at(stormy, number))))
        state = recover(Journal(store), GATE)
        assert encode_state(state) == encode_state(full)
        assert digest_of(store, state) == digest_of(stormy, full)
        state.posted.clear()
        full.posted.clear()
        assert encode_snapshot(state) == encode_snapshot(full), number


def test_a_node_on_a_snapshot_asks_the_same_of_the_world(stormy: MemoryStore) -> None:
    """What follows a snapshot brings the recorded effects about, in the recorded order."""
    for number in moments(stormy)[:-1]:
        state = decode_snapshot(encode_snapshot(state_at(stormy, number)))
        assert state is not None
        effects: list[bytes] = []
        for record in stormy.records(number):
            if record.kind == "event":
                journal = Journal(MemoryStore())
                for effect in step(state, decode_event(record.body), GATE):
                    journal.effect(effect, record.number, record.at)
                store = journal.store
                assert isinstance(store, MemoryStore)
                effects += [each.body for each in store.pending]
        assert effects == [r.body for r in stormy.records(number) if r.kind == "effect"], number


def test_recovery_reads_only_the_tail(stormy: MemoryStore) -> None:
    number = moments(stormy)[-2]
    store = Tail(stormy)
    store.save_snapshot(number, encode_snapshot(state_at(stormy, number)))
    recover(Journal(store), GATE)
    assert store.read_after == [number]


# --- a snapshot that cannot be used --------------------------------------------------------------

MAKE, _, BODY = encode_snapshot(State(now=17)).partition(b"\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAKE,
        MAKE + b"\n" + BODY[:-9],
        MAKE + b"\n" + BODY.replace(b'"now":17', b'"now":"x"'),
        MAKE[:-1] + b"?\n" + BODY,
        MAKE.replace(b"snapshot 2 ", b"snapshot 0 ") + b"\n" + BODY,
        BODY,
    ],
    ids=["empty", "no-state", "cut", "no-number", "other-shape", "other-schema", "no-make"],
)
def test_an_unusable_snapshot_is_passed_over(stormy: MemoryStore, data: bytes) -> None:
    """The one before it is used, and where there is none, the journal alone."""
    full, early, late = recover(Journal(stormy), GATE), moments(stormy)[3], moments(stormy)[-1]
    store = Tail(stormy)
    store.save_snapshot(late, data)
    assert encode_state(recover(Journal(store), GATE)) == encode_state(full)
    assert store.read_after == [0]
    store = Tail(stormy)
    store.save_snapshot(early, encode_snapshot(state_at(stormy, early)))
    store.save_snapshot(late, data)
    assert encode_state(recover(Journal(store), GATE)) == encode_state(full)
    assert store.read_after == [early]


def test_a_snapshot_of_what_was_cut_off_is_passed_over(stormy: MemoryStore) -> None:
    """A journal that lost its tail is recovered to what it holds, not to what it once held."""
    end = moments(stormy)[-3]
    cut = MemoryStore()
    cut.committed = stormy.committed[:end]
    cut.groups = [group for group in stormy.groups if group[0] <= end]
    last, _ = stormy.last()
    cut.save_snapshot(last, encode_snapshot(state_at(stormy, last)))
    assert encode_state(recover(Journal(cut), GATE)) == encode_state(state_at(stormy, end))


# --- who saves it --------------------------------------------------------------------------------


def on_disk(path: Path, every: int) -> bytes:
    """A node tells 60 fills to a journal on disk, in groups of three; its canonical state."""
    store = SqliteStore(path)
    node = Node(Journal(store), {"toy": read}, GATE, snapshot_every=every)
    for event in founding():
        node.deliver(event)
    for number in range(60):
        fill = Fill(id=number + 1, side="buy", coins=1, dollars=100 + number, fee=1)
        told = Told("fill", fills=(fill,))
        node.deliver(frame_of(node, msgspec.json.encode(told)))
        if number % 3 == 2:
            node.commit()
    state = encode_state(node.state)
    store.close()
    return state


def test_a_node_saves_one_by_the_first_commit_after_so_many_records(tmp_path: Path) -> None:
    """Each is taken at the end of a group, and two are kept; the node boots from the newest."""
    path = tmp_path / "journal.db"
    state = on_disk(path, every=25)
    store = SqliteStore(path)
    taken = [number for number, _ in store.snapshots()]
    ends = [last for (last,) in store._connection.execute("SELECT last FROM groups")]
    assert len(taken) == 2
    assert set(taken) <= set(ends)
    assert 25 <= taken[0] - taken[1] <= 25 + 6
    assert encode_state(recover(Journal(store), GATE)) == state
    store.close()


def test_none_is_saved_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    state = on_disk(path, every=0)
    store = SqliteStore(path)
    assert list(store.snapshots()) == []
    assert encode_state(recover(Journal(store), GATE)) == state
    store.close()


def test_one_flipped_byte_on_disk_is_passed_over(tmp_path: Path) -> None:
    """Its checksum says so; the boot after it stands on the older one, and on equal books."""
    path = tmp_path / "journal.db"
    state = on_disk(path, every=25)
    store = SqliteStore(path)
    newest, older = (number for number, _ in store.snapshots())
    store.close()
    connection = sqlite3.connect(path)
    query = "SELECT state FROM snapshots WHERE number = ?"
    data = bytearray(connection.execute(query, (newest,)).fetchone()[0])
    place = data.rindex(b'"now":') + 6
    data[place] ^= 1
    connection.execute("UPDATE snapshots SET state = ? WHERE number = ?", (bytes(data), newest))
    connection.commit()
    connection.close()
    store = SqliteStore(path)
    assert [number for number, _ in store.snapshots()] == [older]
    assert encode_state(recover(Journal(store), GATE)) == state
    node = boot(store)
    node.commit()
    store.close()
