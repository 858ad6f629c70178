"""`verify` finds every flaw and names its place; `replay` gives the digest of the run."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from google_crc32c import value as crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from core.events import HeartbeatHeard, NodeStarted
from core.gate import BreakGate
from core.journal import Journal, Record, digest_of, encode_state, link
from core.node import Node
from sim.memory_store import MemoryStore
from tests.toy_venue import ACCOUNT, Fill, Told, boot, founding, frame_of, read
from tieout.journals import sqlite_store
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import (
    AnchorFile,
    JournalDamaged,
    NotAJournal,
    SqliteStore,
    accept_cut,
    anchor_path,
    open_for_reading,
    parse_anchor,
    read_records,
)
from tieout.journals.verify import verify

FULL = os.environ.get("TIEOUT_FULL") == "1"


class Written:
    """A small journal with something in every table, closed; and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        store = SqliteStore(self.path, create="new")
        node = boot(store)
        node.commit()
        tell(node, 12)
        self.digest = digest_of(store, node.state)
        last, _ = store.last()
        store.save_snapshot(last, encode_state(node.state))
        self.records = list(store.records())
        self.last = last
        self.epoch = store.epoch
        store.close()
        self.bytes = self.path.read_bytes()
        self.anchor = anchor_path(self.path).read_bytes()

    def copy(self, folder: Path) -> Path:
        path = folder / "copy.db"
        path.write_bytes(self.bytes)
        anchor_path(path).write_bytes(self.anchor)
        return path


def tell(node: Node, groups: int) -> None:
    """A stream that opens, fills told twice, and a page so large that it goes into `blobs`."""
    fills = tuple(Fill(i, "buy", 1, 100 + i, 1) for i in range(1, 31))
    for number in range(groups):
        told = Told("fill", fills=fills[number : number + 2])
        if number % 5 == 0:
            told = Told("opened", epoch=1)
        if number % 5 == 4:
            told = Told("page", 0, fills, "30")
        node.deliver(frame_of(node, bytes_of(told)))
        node.commit()


def bytes_of(told: Told) -> bytes:
    return msgspec.json.encode(told)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("written"))


def edited(written: Written, folder: Path, *statements: str) -> Path:
    """The journal after somebody went over it with another SQLite tool."""
    path = written.copy(folder)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


# --- sound ---------------------------------------------------------------------------------------


def test_a_journal_as_it_was_written_is_sound(written: Written, tmp_path: Path) -> None:
    verdict = verify(written.copy(tmp_path))
    assert verdict.status == "sound", str(verdict)
    assert (verdict.records, verdict.last, verdict.anchored) == (written.last, written.last, True)
    assert verdict.exit_status == 0


def test_verify_changes_nothing_and_reads_where_it_may_not_write(
    written: Written, tmp_path: Path
) -> None:
    path = written.copy(tmp_path)
    before = sorted(file.name for file in tmp_path.iterdir())
    assert verify(path).status == "sound"
    assert sorted(file.name for file in tmp_path.iterdir()) == before
    assert path.read_bytes() == written.bytes


def test_a_journal_is_sound_while_a_node_writes_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    node = boot(store)
    for _ in range(5):
        tell(node, 3)
        assert verify(store.path).status == "sound"
    node.deliver(frame_of(node, bytes_of(Told("opened", epoch=1))))
    assert verify(store.path).last == store.last()[0]
    store.close()


def test_without_its_anchor_a_journal_is_sound_and_says_so(
    written: Written, tmp_path: Path
) -> None:
    path = written.copy(tmp_path)
    anchor_path(path).unlink()
    verdict = verify(path)
    assert verdict.status == "sound"
    assert not verdict.anchored
    assert "a missing end would not show" in str(verdict)


def test_what_another_tool_adds_beside_our_tables_is_harmless(
    written: Written, tmp_path: Path
) -> None:
    verdict = verify(edited(written, tmp_path, "CREATE INDEX mine ON records(name)"))
    assert (verdict.status, verdict.file) == ("sound", "written_to")
    assert "written to since its close" in str(verdict)


# --- damaged -------------------------------------------------------------------------------------

EDITS = {
    "UPDATE records SET body = replace(body, 'toy', 'tox') WHERE number = 11": (
        "record 11, records.crc"
    ),
    "UPDATE records SET head = replace(head, 'toy', 'tox') WHERE number = 10": (
        "record 10, records.crc"
    ),
    "UPDATE records SET crc = crc + 1 WHERE number = 9": "record 9, records.crc",
    "UPDATE records SET name = 'FillBusted' WHERE name = 'FillReported'": "records.name",
    "UPDATE records SET kind = 'effect' WHERE number = 2": "record 2, ",
    "UPDATE records SET kind = 'rumour' WHERE number = 2": "record 2, records, types",
    "UPDATE records SET cause = 1 WHERE number = 6": "record 6, records.cause",
    "UPDATE records SET at = at + 1 WHERE number = 5": "record 5, records.at",
    "UPDATE records SET identity = 'x' WHERE identity IS NOT NULL": "records.identity",
    "UPDATE records SET body = CAST(body AS BLOB) WHERE number = 8": "record 8, records, types",
    "UPDATE records SET number = 1000 WHERE number = 12": "record 12, records.number",
    "DELETE FROM records WHERE number = 10": "record 10, records.number: expected 10, found 11",
    "DELETE FROM records WHERE number = (SELECT max(number) FROM records)": "cut: a group ends",
    "DELETE FROM records": "cut: a group ends",
    "UPDATE groups SET chain = zeroblob(32) WHERE last = (SELECT min(last) FROM groups)": (
        "groups.chain"
    ),
    "DELETE FROM groups WHERE last = (SELECT max(last) FROM groups)": "groups.last",
    "DELETE FROM groups WHERE last = (SELECT min(last) FROM groups)": "groups.chain",
    "DELETE FROM identities WHERE number = (SELECT min(number) FROM identities)": "identities",
    "UPDATE identities SET number = number + 1": "identities",
    "UPDATE blobs SET data = zeroblob(20)": "blobs.data",
    "DELETE FROM blobs": "blobs.data",
    "INSERT INTO blobs VALUES(zeroblob(32), zeroblob(9))": "blobs.data",
    "UPDATE snapshots SET state = CAST(state || ' ' AS BLOB)": "snapshots.state",
    "UPDATE snapshots SET number = 3": "snapshots.number",
    "UPDATE meta SET value = 'other' WHERE key = 'node'": "meta",
    "UPDATE meta SET value = '3' WHERE key = 'schema'": "meta",
    "ALTER TABLE records RENAME TO recorded": "tables",
    "ALTER TABLE records RENAME COLUMN at TO moment": "definition of records",
    "DROP TABLE snapshots": "tables",
}


@pytest.mark.parametrize("statement", EDITS)
def test_an_edited_journal_is_damaged_and_the_place_is_named(
    written: Written, tmp_path: Path, statement: str
) -> None:
    verdict = verify(edited(written, tmp_path, statement))
    assert verdict.status == "damaged"
    assert EDITS[statement] in str(verdict)
    assert verdict.exit_status == 1


def test_a_flaw_in_what_sqlite_keeps_for_itself_is_damage(written: Written, tmp_path: Path) -> None:
    """The count of free pages, in the file's header: no record is touched."""
    path = written.copy(tmp_path)
    path.write_bytes(written.bytes[:39] + bytes([written.bytes[39] ^ 1]) + written.bytes[40:])
    assert reread(path) == written.records
    assert "structure" in str(verify(path))


def test_an_event_whose_cause_is_no_frame_is_damage(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    journal = Journal(store)
    journal.event(NodeStarted(received_at=1, node="toy", epoch=1))
    journal.event(HeartbeatHeard(received_at=2, frame=1, account=ACCOUNT, epoch=1))
    journal.commit()
    store.close()
    assert "record 2, records.cause: expected a frame at 1, found event" in str(verify(store.path))


def test_one_flaw_is_reported_once(written: Written, tmp_path: Path) -> None:
    """The chain does not accuse what follows the flaw."""
    path = edited(
        written,
        tmp_path,
        "UPDATE groups SET chain = zeroblob(32) WHERE last IN (SELECT min(last) FROM groups)",
    )
    assert len(verify(path).findings) == 1


def test_a_record_rewritten_with_its_crc_breaks_the_chain(written: Written, tmp_path: Path) -> None:
    path = written.copy(tmp_path)
    forge(path, chains=False)
    assert "groups.chain" in str(verify(path))


def test_a_journal_rewritten_with_its_whole_chain_is_given_away_by_the_anchor(
    written: Written, tmp_path: Path
) -> None:
    path = written.copy(tmp_path)
    forge(path, chains=True)
    assert "the anchor has another chain" in str(verify(path))
    anchor_path(path).unlink()
    assert verify(path).status == "sound"


def forge(path: Path, *, chains: bool) -> None:
    """Raise a price in the first fill, and whatever of its proofs one knows how to mend."""
    connection = sqlite3.connect(path)
    (number, body) = connection.execute(
        "SELECT number, body FROM records WHERE name = 'FillReported'"
    ).fetchone()
    body = body.replace('"price":1', '"price":2')
    connection.execute(
        "UPDATE records SET body = ?, crc = ? WHERE number = ?",
        (body, crc32c(body.encode()), number),
    )
    connection.commit()
    connection.close()
    if not chains:
        return
    reading = open_for_reading(path)
    records = list(read_records(reading))
    ends = [last for (last,) in reading.execute("SELECT last FROM groups ORDER BY last")]
    reading.close()
    connection = sqlite3.connect(path)
    group = sha256()
    for record in records:
        link(group, record.number, record.kind, record.head, record.body)
        if record.number in ends:
            chain = group.digest()
            connection.execute("UPDATE groups SET chain = ? WHERE last = ?", (chain, record.number))
            group = sha256(chain)
    connection.commit()
    connection.close()


# --- cut -----------------------------------------------------------------------------------------

CUT = (
    "DELETE FROM records WHERE number > 10",
    "DELETE FROM groups WHERE last > 10",
    "DELETE FROM identities WHERE number > 10",
    "DELETE FROM blobs",
    "DELETE FROM snapshots",
)


def whole_groups_up_to(written: Written, number: int) -> int:
    connection = sqlite3.connect(written.path)
    (last,) = connection.execute(
        "SELECT max(last) FROM groups WHERE last <= ?", (number,)
    ).fetchone()
    connection.close()
    return int(last)


@pytest.fixture
def cut(written: Written, tmp_path: Path) -> Path:
    """The tail is gone, at a group's end, and from every table: only the anchor knows."""
    last = whole_groups_up_to(written, 10)
    return edited(written, tmp_path, *(line.replace("10", str(last)) for line in CUT))


def test_a_cut_tail_shows(written: Written, cut: Path) -> None:
    last = whole_groups_up_to(written, 10)
    wanted = f"cut: the anchor says record {written.last}, the file ends at {last}"
    assert wanted in str(verify(cut))


def test_a_cut_journal_is_not_written_again_until_someone_accepts_it(
    written: Written, cut: Path
) -> None:
    """And after that the node boots under an epoch that the lost tail never saw."""
    with pytest.raises(JournalDamaged, match="cut: the anchor says"):
        SqliteStore(cut)
    assert accept_cut(cut) == written.epoch
    assert verify(cut).status == "sound"
    store = SqliteStore(cut)
    assert store.epoch == written.epoch
    node = boot(store)
    node.commit()
    assert store.epoch == written.epoch + 1
    store.close()
    assert len(list(cut.parent.glob("copy.db.anchor.before-*"))) == 1


@pytest.mark.parametrize("tenths", range(10))
def test_a_truncated_file_is_damaged(written: Written, tmp_path: Path, tenths: int) -> None:
    path = written.copy(tmp_path)
    path.write_bytes(written.bytes[: len(written.bytes) * tenths // 10])
    assert verify(path).status == "damaged"
    if tenths:
        anchor_path(path).unlink()
        assert verify(path).status == "damaged"


def test_a_last_page_that_is_gone_is_damage(written: Written, tmp_path: Path) -> None:
    path = written.copy(tmp_path)
    path.write_bytes(written.bytes[:-1])
    assert verify(path).status == "damaged"


def test_a_log_that_is_torn_shows_by_the_anchor(tmp_path: Path) -> None:
    """SQLite drops the end of a torn log without a word."""
    store = SqliteStore(tmp_path / "journal.db")
    node = boot(store)
    tell(node, 5)
    copy = tmp_path / "copy.db"
    shutil.copy(store.path, copy)
    log = store.path.with_name("journal.db-wal").read_bytes()
    copy.with_name("copy.db-wal").write_bytes(log[: len(log) * 2 // 3])
    shutil.copy(anchor_path(store.path), anchor_path(copy))
    store.close()
    assert "cut: the anchor says" in str(verify(copy))


# --- none ----------------------------------------------------------------------------------------


def _directory(path: Path) -> None:
    path.mkdir()


def _other_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE records(number)")
    connection.commit()
    connection.close()


NONE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such file"),
    "directory": (_directory, "a directory"),
    "empty": (lambda path: path.write_bytes(b""), "without a journal's tables"),
    "text": (lambda path: path.write_text("number,kind\n" * 1000), "not an SQLite file"),
    "short": (lambda path: path.write_bytes(b"\x00"), "without a journal's tables"),
    "other": (_other_tables, "without a journal's tables"),
}


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_journal_is_called_so(tmp_path: Path, kind: str) -> None:
    make, reason = NONE[kind]
    path = tmp_path / "thing.db"
    make(path)
    verdict = verify(path)
    assert verdict.status == "not_a_journal", str(verdict)
    assert reason in str(verdict)
    assert verdict.exit_status == 2


@pytest.mark.parametrize("kind", ["missing", "directory", "text", "other"])
def test_what_is_no_journal_is_not_written_either(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thing.db"
    NONE[kind][0](path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(NotAJournal):
        SqliteStore(path, create="never" if kind == "missing" else "if_missing")
    assert not anchor_path(path).exists()
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_file_that_is_gone_from_beside_its_anchor_is_damage(
    written: Written, tmp_path: Path
) -> None:
    path = written.copy(tmp_path)
    path.unlink()
    assert verify(path).status == "damaged"
    with pytest.raises(JournalDamaged):
        SqliteStore(path)


# --- one byte ------------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_flipped_byte_is_found_or_changes_no_record(
    written: Written, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Never a traceback, never `sound` where a record reads otherwise, never `not_a_journal`."""
    place = data.draw(st.integers(0, len(written.bytes) - 1), "byte")
    flip = data.draw(st.integers(1, 255), "flip")
    judge_flip(written, tmp_path_factory.mktemp("flip"), place, flip)


def test_after_a_close_any_flipped_bit_is_damage(written: Written, tmp_path: Path) -> None:
    """Every byte of the header, then one in each 41 of the file, with TIEOUT_FULL=1 in each eleven:
    also in unused space and in counters, which no record and no check of SQLite needs."""
    path = written.copy(tmp_path)
    assert verify(path).file == "as_closed"
    for place in [*range(100), *range(100, len(written.bytes), 11 if FULL else 41)]:
        damaged = bytearray(written.bytes)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        assert verify(path).exit_status == 1, place


def test_a_byte_of_no_record_is_named_as_such_and_no_figure_is_told(
    written: Written, tmp_path: Path
) -> None:
    """The schema's cookie: any value could stand there, and no record reads otherwise."""
    path = written.copy(tmp_path)
    path.write_bytes(written.bytes[:41] + bytes([written.bytes[41] ^ 1]) + written.bytes[42:])
    assert reread(path) == written.records
    assert "bytes of the file that hold no record: one was changed" in str(verify(path))
    with pytest.raises(JournalDamaged, match="one was changed"):
        replay(path)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (18, "bytes 18 to 19 of the file, format versions: expected 0202, found 1202"),
        (27, "bytes 24 to 27 and 92 to 95 of the file, changes"),
        (45, "bytes 44 to 47 of the file, schema format"),
        (50, "bytes 48 to 51 of the file, cache size: expected 00000000, found 00001000"),
        (59, "bytes 56 to 59 of the file, text encoding"),
        (63, "bytes 60 to 63 of the file, user version"),
        (71, "bytes 68 to 71 of the file, application"),
        (80, "bytes 72 to 91 of the file, reserved"),
        (95, "bytes 24 to 27 and 92 to 95 of the file, changes"),
    ],
)
def test_of_a_file_that_was_not_closed_the_header_is_checked(
    written: Written, tmp_path: Path, place: int, told: str
) -> None:
    """There is no hash of all bytes; but these never change, or are said twice."""
    path = written.copy(tmp_path)
    anchor_path(path).unlink()
    damaged = bytearray(written.bytes)
    damaged[place] ^= 16
    path.write_bytes(damaged)
    assert told in str(verify(path))
    assert verify(path).exit_status == 1


def test_what_sqlite_cannot_read_is_named_by_the_record_before(
    written: Written, tmp_path: Path
) -> None:
    """A page of no kind: `cannot be read` alone would leave a person with the whole file."""
    path, named = written.copy(tmp_path), 0
    anchor_path(path).unlink()
    for page in range(1, len(written.bytes) // 4096):
        damaged = bytearray(written.bytes)
        damaged[page * 4096] = 0xFF
        path.write_bytes(damaged)
        lines = [line for line in str(verify(path)).splitlines() if "  records" in line]
        for line in [line for line in lines if "cannot be read" in line]:
            assert re.match(r"  records, what follows record \d+: cannot be read", line), line
            named += 1
    assert named


def test_a_file_that_a_node_has_open_is_not_as_it_was_closed(tmp_path: Path) -> None:
    """From the moment it is opened to be written until it is closed again, killed or not."""
    store = SqliteStore(tmp_path / "journal.db")
    node = boot(store)
    node.commit()
    assert verify(store.path).file == "not_closed"
    store.close()
    assert verify(store.path).file == "as_closed"
    store = SqliteStore(store.path)
    assert parse_anchor(anchor_path(store.path)).closed is None
    verdict = verify(store.path)
    assert (verdict.status, verdict.file) == ("sound", "not_closed")
    assert "it was not closed: a flaw in bytes of no record may not show" in str(verdict)
    store.close()
    assert verify(store.path).file == "as_closed"


def test_a_commit_hashes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would grow with the file: only a close does, once."""
    hashed: list[Path] = []
    real = sqlite_store.closed_file
    monkeypatch.setattr(sqlite_store, "closed_file", lambda path: hashed.append(path) or real(path))
    store = SqliteStore(tmp_path / "journal.db")
    node = boot(store)
    tell(node, 10)
    assert hashed == []
    store.close()
    assert hashed == [store.path]


def test_every_byte_of_the_header_and_the_schema(written: Written, tmp_path: Path) -> None:
    """The first page: there one flip may make a file of another kind. Of what follows the header
    every fifth byte; with TIEOUT_FULL=1 byte by byte."""
    for place in [*range(100), *range(100, 4096, 1 if FULL else 5)]:
        judge_flip(written, tmp_path, place, 1 << (place * 7 % 8))


def test_a_header_that_is_damaged_is_not_replayed(written: Written, tmp_path: Path) -> None:
    """Whatever `verify` finds there `replay` refuses too, although no record reads otherwise."""
    refused = 0
    for place in range(100):
        path = tmp_path / "copy.db"
        damaged = bytearray(written.bytes)
        damaged[place] ^= 8
        path.write_bytes(damaged)
        if verify(path).status == "damaged":
            refused += 1
            with pytest.raises((JournalDamaged, NotAJournal)):
                replay(path)
    assert refused > 20


def judge_flip(written: Written, folder: Path, place: int, flip: int) -> None:
    path = folder / "copy.db"
    damaged = bytearray(written.bytes)
    damaged[place] ^= flip
    path.write_bytes(damaged)
    anchor_path(path).unlink(missing_ok=True)  # the anchor must not be what finds it
    verdict = verify(path)
    assert verdict.status != "not_a_journal", str(verdict)
    assert str(verdict)
    if verdict.status == "sound":
        assert reread(path) == written.records


def reread(path: Path) -> list[Record]:
    connection = open_for_reading(path)
    try:
        return list(read_records(connection))
    finally:
        connection.close()


def test_a_flipped_byte_of_the_anchor_is_found(written: Written, tmp_path: Path) -> None:
    path = written.copy(tmp_path)
    for place in range(len(written.anchor)):
        damaged = bytearray(written.anchor)
        damaged[place] ^= 1
        anchor_path(path).write_bytes(damaged)
        assert verify(path).status == "damaged", place


# --- replay --------------------------------------------------------------------------------------


def test_replay_gives_the_digest_of_the_run(written: Written) -> None:
    replayed = replay(written.path)
    assert replayed.digest == written.digest
    assert replayed.differences == ()
    assert replayed.last == written.last
    kinds = [record.kind for record in written.records]
    assert (replayed.events, replayed.effects) == (kinds.count("event"), kinds.count("effect"))


def test_memory_and_disk_give_the_same_digest(written: Written) -> None:
    store = MemoryStore()
    for record in written.records:
        store.append(record)
    store.commit(written.last, b"")
    assert replay(store).digest == written.digest


def test_replay_stops_where_it_is_told(written: Written) -> None:
    """At every record: no difference is made up by the cut itself."""
    for until in range(1, written.last + 1):
        replayed = replay(written.path, until=until)
        assert (replayed.last, replayed.differences) == (until, ())


def test_an_effect_that_comes_out_otherwise_is_shown(written: Written) -> None:
    """By its number, with both tellings."""
    first = next(record for record in written.records if record.kind == "effect")
    store = MemoryStore()
    for record in written.records:
        if record.number == first.number:
            body = b'{"type":"RenewStream","account":"toy/main"}'
            record = msgspec.structs.replace(record, body=body)
        store.append(record)
    store.commit(written.last, b"")
    difference = replay(store).differences[0]
    assert difference.number == first.number
    assert "RenewStream" in difference.recorded
    assert difference.computed.encode() == first.body


def test_an_effect_that_was_not_recorded_is_shown(written: Written) -> None:
    """The last of its event's, so that the next event is where it is missed."""
    after = next(record for record in written.records if record.name == "InstrumentListed")
    store = MemoryStore()
    store.committed = [r for r in written.records if r.number != after.number - 1]
    (difference,) = replay(store).differences
    assert (difference.number, difference.recorded) == (after.number, "")
    assert "SetAlarm" in difference.computed


def test_replay_of_a_damaged_journal_says_so(written: Written, tmp_path: Path) -> None:
    path = edited(written, tmp_path, "UPDATE records SET body = '{' WHERE number = 11")
    with pytest.raises(JournalDamaged, match="record 11"):
        replay(path)


# --- memory, snapshots ---------------------------------------------------------------------------


def test_a_simulated_crash_loses_what_was_not_committed() -> None:
    store = MemoryStore()
    node = Node(Journal(store), {"toy": read}, BreakGate())
    for event in founding():
        node.deliver(event)
    node.commit()
    kept = list(store.records())
    node.deliver(frame_of(node, bytes_of(Told("opened", epoch=1))))
    assert store.crash() > 0
    assert list(store.records()) == kept
    assert Journal(store).next_number == len(kept) + 1


def test_a_boot_is_on_the_disk_before_ids_are_chosen_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a boot syncs the anchor: every other commit keeps to one sync."""
    synced: list[int] = []
    monkeypatch.setattr(AnchorFile, "sync", lambda file: synced.append(file.read().epoch))
    store = SqliteStore(tmp_path / "journal.db")
    node = boot(store)
    node.commit()
    tell(node, 10)
    store.close()
    assert synced == [0, 1]


def test_the_newest_snapshot_that_is_whole_is_given(written: Written, tmp_path: Path) -> None:
    path = written.copy(tmp_path)
    store = SqliteStore(path)
    taken = next(store.snapshots(), None)
    assert taken is not None
    assert taken[0] == written.last
    assert taken[1] == encode_state(replay(path).state)
    store.save_snapshot(written.last - 1, b"one")
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE snapshots SET crc = 0 WHERE number = ?", (written.last,))
    connection.commit()
    connection.close()
    store = SqliteStore(path)
    assert next(store.snapshots(), None) == (written.last - 1, b"one")
    store.close()
