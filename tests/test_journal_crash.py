"""The power goes at any moment, between any two writes: what was acknowledged is still there.

A recording VFS lies below SQLite (tests/vfs.py); what was written and not synced is lost, kept or
torn by dice. `synchronous` below FULL is the planted bug.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import pytest

from core.gate import BreakGate
from core.journal import Journal, Record
from core.node import Node, recover
from sim.dice import Dice, Stream
from tests.toy_venue import Fill, Told, boot, frame_of, read, truth
from tests.vfs import Disk
from tieout.journals import sqlite_store
from tieout.journals.sqlite_store import JournalError, JournalFailed, SqliteStore, anchor_path
from tieout.journals.verify import verify

GROUPS = 60
MOMENTS = 150 if os.environ.get("TIEOUT_FULL") == "1" else 60


class Acknowledged(NamedTuple):
    """What the world knew after a commit, and when on the disk's clock that was."""

    moment: int
    last: int
    effects: tuple[bytes, ...]
    anchor: bytes


class Run(NamedTuple):
    disk: Disk
    told: list[bytes]
    fills: list[Fill]
    records: list[Record]
    acknowledged: list[Acknowledged]


def run(folder: Path, synchronous: Literal["FULL", "NORMAL", "OFF"], seed: int) -> Run:
    """A node takes in fills, group by group, on a disk that remembers."""
    dice = Dice(seed).stream("told")
    disk = Disk(f"recording-{synchronous}-{seed}")
    path = folder / "journal.db"
    store = SqliteStore(path, vfs=disk.name, synchronous=synchronous)
    node = boot(store)
    told: list[bytes] = []
    fills: list[Fill] = []
    acknowledged = [Acknowledged(0, 0, (), b"")]
    for _ in range(GROUPS):
        acknowledged.append(_commit(node, disk, path))
        for _ in range(dice.pick([1, 1, 1, 5, 40])):
            told.append(_happens(dice, fills))
            node.deliver(frame_of(node, told[-1]))
    acknowledged.append(_commit(node, disk, path))
    records = list(store.records())
    store.close()
    disk.unregister()
    return Run(disk, told, fills, records, acknowledged)


def _commit(node: Node, disk: Disk, path: Path) -> Acknowledged:
    effects = tuple(msgspec.json.encode(effect) for effect in node.commit())
    last = node.journal.next_number - 1
    return Acknowledged(len(disk.log), last, effects, anchor_path(path).read_bytes())


def _happens(dice: Stream, fills: list[Fill]) -> bytes:
    """A fill or an echo; a stream that opens now and then, which has effects; a large page."""
    if dice.chance(1, 10):
        return msgspec.json.encode(Told("opened", epoch=1))
    if fills and dice.chance(1, 5):
        return msgspec.json.encode(Told("fill", fills=(dice.pick(fills),)))
    if fills and dice.chance(1, 10):
        return msgspec.json.encode(Told("page", 0, tuple(fills[-40:]), "", more=True))
    number = len(fills) + 1
    side = dice.pick(["buy", "sell"])
    fills.append(Fill(number, side, dice.between(1, 9), dice.between(1, 999), dice.below(9)))
    return msgspec.json.encode(Told("fill", fills=(fills[-1],)))


def failures(run: Run, moment: int, dice: Stream, folder: Path) -> list[str]:
    """Stop the disk at this moment, start again from what is left: what is not as it must be."""
    path = folder / "journal.db"
    run.disk.lay_out(moment, dice, folder)
    known = [told for told in run.acknowledged if told.moment <= moment]
    if known[-1].anchor:
        anchor_path(path).write_bytes(known[-1].anchor)
    try:
        store = SqliteStore(path)
    except JournalError as error:
        return [f"refused: {error}"]
    try:
        wrong = _judged(path) or _compared(run, store, known) or _healed(run, store)
    finally:
        store.close()
    return wrong or _judged(path)


def _judged(path: Path) -> list[str]:
    verdict = verify(path)
    return [] if verdict.status == "sound" else [str(verdict)]


def _compared(run: Run, store: SqliteStore, known: list[Acknowledged]) -> list[str]:
    records = list(store.records())
    wrong = []
    if len(records) < known[-1].last:
        wrong.append(f"acknowledged up to {known[-1].last}, recovered up to {len(records)}")
    if len(records) not in {told.last for told in run.acknowledged}:
        wrong.append(f"half a group: ends at {len(records)}")
    if records != run.records[: len(records)]:
        wrong.append("other records than those that were written")
    left = [record.body for record in records if record.kind == "effect"]
    handed_out = [effect for told in known for effect in told.effects]
    if left[: len(handed_out)] != handed_out:
        wrong.append("an effect that was handed out is not in the journal")
    return wrong


def _healed(run: Run, store: SqliteStore) -> list[str]:
    """Told everything once more, the books equal the truth: nothing lost, nothing doubled."""
    journal = Journal(store)
    node = boot(store) if not journal.next_number > 1 else _again(journal)
    for body in run.told:
        node.deliver(frame_of(node, body))
    node.commit()
    wanted = truth(run.fills)
    held = {name: node.state.holdings.get(name, 0) for name in wanted}
    return [] if held == wanted else [f"books {held}, in truth {wanted}"]


def _again(journal: Journal) -> Node:
    return Node(journal, {"toy": read}, BreakGate(), recover(journal, BreakGate()))


def every_failure(run: Run, folder: Path, seed: int) -> list[str]:
    dice = Dice(seed).stream("power")
    found = []
    for trial in range(MOMENTS):
        moment = dice.between(0, len(run.disk.log))
        place = folder / f"crash-{trial}"
        place.mkdir()
        found += [f"moment {moment}: {wrong}" for wrong in failures(run, moment, dice, place)]
    return found


@pytest.fixture(autouse=True)
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints come often, so that many moments fall into one."""
    monkeypatch.setattr(sqlite_store, "WAL_PAGES_MAX", 30)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(
    tmp_path: Path, seed: int
) -> None:
    """Every acknowledged effect is there, groups are whole, nothing doubles."""
    assert every_failure(run(tmp_path, "FULL", seed), tmp_path, seed) == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_journal_that_does_not_sync_each_group_is_found_out(
    tmp_path: Path, synchronous: Literal["OFF", "NORMAL"]
) -> None:
    """The planted bug: the same check must go red, and say that something acknowledged is gone."""
    found = every_failure(run(tmp_path, synchronous, 0), tmp_path, 0)
    assert any("cut: the anchor says" in wrong for wrong in found)


def test_without_its_anchor_the_loss_itself_is_seen(tmp_path: Path) -> None:
    """The check does not lean on the anchor: it counts what the world was told."""
    unsynced = run(tmp_path, "OFF", 0)
    blind = [told._replace(anchor=b"") for told in unsynced.acknowledged]
    found = every_failure(unsynced._replace(acknowledged=blind), tmp_path, 0)
    assert any("acknowledged up to" in wrong for wrong in found)


def test_a_full_disk_hands_out_nothing_and_the_commit_can_be_tried_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    node = boot(store)
    node.commit()
    before = store.last()
    pages = store._connection.execute("PRAGMA page_count").fetchone()
    assert pages is not None
    store._connection.execute(f"PRAGMA max_page_count = {pages[0]}")
    fills = tuple(Fill(i, "buy", 1, 1, 1) for i in range(1, 200))
    node.deliver(frame_of(node, msgspec.json.encode(Told("opened", epoch=1))))
    node.deliver(frame_of(node, msgspec.json.encode(Told("fill", fills=fills))))
    with pytest.raises(JournalFailed, match="full"):
        node.commit()
    assert store.last() == before
    store._connection.execute("PRAGMA max_page_count = 100000")
    assert node.commit()
    assert len(list(store.records())) == node.journal.next_number - 1
    store.close()
    assert verify(store.path).status == "sound"


def test_a_failing_disk_ends_the_store(tmp_path: Path) -> None:
    """After a failed sync nobody knows what the disk holds: nothing passes until it is reopened."""
    disk = Disk("failing")
    store = SqliteStore(tmp_path / "journal.db", vfs=disk.name)
    node = boot(store)
    node.commit()
    last, _ = store.last()
    node.deliver(frame_of(node, msgspec.json.encode(Told("opened", epoch=1))))
    disk.fails = True
    with pytest.raises(JournalFailed, match="disk"):
        node.commit()
    disk.fails = False
    with pytest.raises(JournalFailed, match="open it anew"):
        node.commit()
    store.close()
    disk.unregister()
    again = SqliteStore(tmp_path / "journal.db")
    assert again.last()[0] in (last, node.journal.next_number - 1)
    again.close()
    assert verify(again.path).status == "sound"
