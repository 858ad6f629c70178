"""Strategies of a live node in processes of their own: a served venue, real sockets, a real NATS.

What they lease, spend and lose is held against the venue's own truth.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")
pytest.importorskip("nats", reason="the extra `nats` is not installed")

from core.events import OrderRequested
from core.journal import decode_event
from core.risk_events import LeaseReturned
from scenarios.bounds import LIMITS as FILES
from tests import gate_world
from tests.gate_world import NatsServer
from tests.live import Running, Served, reviewed, trading
from tests.test_live_cli import DEPLOYMENT, deployment, started, wire  # noqa: F401  # fixtures
from tests.test_live_limits import running_events, until
from tieout.deployment.file import BadDeployment, load
from tieout.deployment.scenario import scenario_of
from tieout.exits import HELD
from tieout.gates.gate_server import DURABLE
from tieout.gates.lease_stream import connect
from tieout.gates.live import LiveGates, gates_beside
from tieout.gates.strategy_main import LEAVING_S_MAX
from tieout.journals.replay import replay

FULL = pytest.mark.skipif("TIEOUT_FULL" not in os.environ, reason="takes half a minute")
VENUE, BOTH = "binance_usdm", ("mm", "tk")
LOTS = 16
TTL_S = 2
# What has ended is free soon, so that a limit that is all lent does not make the test long.
TABLE = {"enabled": BOTH, "heartbeat_ms": 500, "ttl_ms": TTL_S * 1000, "hold_ms": 500}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """One that the test may kill."""
    yield from gate_world.served(tmp_path / "nats")


class Desk:
    """A node that trades by two strategies in processes of their own, and what its venue knows."""

    def __init__(self, venue: Served, journal: Path, url: str) -> None:
        self.venue, self._journal, self._url = venue, journal, url
        self._exchange = venue.world.sites[VENUE].venue.exchange
        terms = self._exchange.terms
        most = {f"{VENUE}/main/{symbol}": LOTS * each.lot for symbol, each in terms.items()}
        self._table = {**TABLE, "places": {"account_position": most}}
        self.alerts: list[tuple[str, str, str]] = []
        self.worst: dict[str, Decimal] = dict.fromkeys(terms, Decimal(0))

    async def begin(self, stack: AsyncExitStack) -> None:
        """A life of the node; the stack ends it."""
        limits = reviewed(self.venue, self._table, self._journal)
        self.gates: LiveGates = await gates_beside(
            "desk",
            self._url,
            trading(VENUE),
            limits,
            stack,
            lambda: self.running.node.quotes(()),
            lambda *said: self.alerts.append(said),
        )
        self.running = Running.begin(
            self.venue, self._journal, limits=self._table, strategies=(), beside=[self.gates]
        )
        stack.push_async_callback(self.running.die)

    def placed(self) -> Counter[str]:
        """Orders that the gates let pass, by strategy."""
        return Counter(each.strategy for each in self.running.node.node.state.orders.values())

    async def until(self, true: Callable[[], bool]) -> None:
        def looks() -> bool:
            self._look()
            return true()

        await until(self.running, looks, 40)

    def _look(self) -> None:
        """By the venue's truth no position goes beyond its limit, at any time."""
        for (symbol, _), position in self._exchange.positions.items():
            lots = abs(position.quantity) / self._exchange.terms[symbol].lot
            self.worst[symbol] = max(self.worst[symbol], lots)
        assert all(lots <= LOTS for lots in self.worst.values()), self.worst

    async def trades(self, *names: str) -> None:
        """Each of them places some more orders."""
        before = self.placed()
        await self.until(lambda: all(self.placed()[name] > before[name] + 1 for name in names))

    async def leaves(self) -> None:
        """Its strategies rest: their gates give back what they hold, and their processes end."""
        self.running.node.rest()
        self.running.node.cancel_all()
        await self.until(self.running.node.at_rest)
        assert not any(life.process for life in self.gates.lives.values())

    def pid(self, name: str) -> int:
        process = self.gates.lives[name].process
        assert process is not None
        return process.pid

    def epochs(self) -> dict[str, int]:
        return dict(self.running.node.node.state.risk.gates)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 100))


async def killed_and_parted(folder: Path, server: NatsServer) -> None:
    async with AsyncExitStack() as stack:
        venue = await Served.start(VENUE, 3)
        stack.push_async_callback(venue.server.stop)
        desk = Desk(venue, folder / "j.db", server.url)
        await desk.begin(stack)
        await desk.trades(*BOTH)
        before = desk.epochs()
        os.kill(desk.pid("tk"), signal.SIGKILL)
        await desk.until(lambda: desk.epochs()["tk"] > before["tk"])
        await desk.trades(*BOTH)
        assert desk.epochs()["mm"] == before["mm"]
        assert {name: life.lives for name, life in desk.gates.lives.items()} == {"tk": 2, "mm": 1}
        assert [each[:2] for each in desk.alerts] == [("strategy", "warning")]

        server.kill()
        await desk.running.last(TTL_S + 0.5)
        closed = desk.placed()
        await desk.running.last(1)
        assert desk.placed() == closed, "nothing passes once the leases have ended"
        server.start()
        await desk.trades(*BOTH)

        await desk.leaves()
        await desk.running.converge()
        assert await _unacknowledged(server.url) == 0
        counts = desk.gates.server.counts
        assert not [name for name in counts if name.startswith(("decided", "hung up"))], counts
        assert any(desk.worst.values()), "it traded"
        assert desk.running.node.node.state.risk.limit_breaches == 0
    _all_on_tickets(folder / "j.db", *BOTH)


async def _unacknowledged(url: str) -> int:
    """What gates told that the node did not say it has."""
    client = await connect(url)
    told = await client.jetstream().consumer_info("desk_leases", DURABLE)
    await client.close()
    return told.num_ack_pending or 0


def _all_on_tickets(journal: Path, *names: str) -> None:
    """No order came but on its own gate's word; each word is decided again, or replay raises."""
    assert not replay(journal).differences
    events = [decode_event(each) for each in running_events(journal)]
    orders = [each for each in events if isinstance(each, OrderRequested)]
    gates = [each.ticket.gate if each.ticket is not None else "" for each in orders]
    assert gates == [each.strategy for each in orders]
    assert {each.gate for each in events if isinstance(each, LeaseReturned)} == set(names)


def test_a_process_is_killed_and_its_server_goes_away_and_limits_hold(
    tmp_path: Path, server: NatsServer
) -> None:
    """The killed one begins anew; without the server gates close, and open again with it."""
    run(killed_and_parted(tmp_path, server))


# --- a deployment that says so --------------------------------------------------------------------

LIMITED = f"""
[limits]
file = "{FILES / "house.yaml"}"
rates = {{USDT = 1}}
enabled = ["tk"]
enabled_by = "anna"
"""
GATES = """
[gates]
nats = "{}"
strategies = {}
"""
SERVER = "nats://127.0.0.1:4222"
BAD = (
    ("", SERVER, '["tk"]', "gates: nothing to lease from; a table of limits would do"),
    (LIMITED, SERVER, '["xx"]', "gates.strategies: found 'xx'; one of ['tk'] would do"),
    (LIMITED, "http://127.0.0.1", "[]", "gates.nats: no NATS server's; nats://HOST:PORT would do"),
    (LIMITED, "nats://u:sesame@h:1", "[]", "gates.nats: an address with a secret in it is not"),
)


@pytest.mark.parametrize(("limits", "url", "strategies", "said"), BAD)
def test_what_has_no_gates_to_lease_to_is_refused(
    limits: str, url: str, strategies: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "desk.toml"
    text = DEPLOYMENT.format(port=1, limits="" if limits else 'limits = "none"')
    path.write_text(text + limits + GATES.format(url, strategies))
    with pytest.raises(BadDeployment) as refused:
        load(path)
    assert said in str(refused.value)
    assert "sesame" not in str(refused.value)


def _processes(url: str) -> list[str]:
    """Strategies' processes that lease over this server, of whatever node."""
    commands = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            commands.append(each.read_bytes().replace(b"\0", b" ").decode())
    return [each for each in commands if "tieout.gates.strategy_main" in each and url in each]


def test_in_the_simulated_world_its_gates_are_played(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(DEPLOYMENT.format(port=1, limits="") + LIMITED + GATES.format(SERVER, "[]"))
    limits = scenario_of(load(path), path, 60).limits
    assert limits is not None
    assert [(each.name, each.strategies) for each in limits.gates] == [("tk", ("tk",))]


@FULL
@pytest.mark.parametrize("wire", [()], indirect=True)
def test_the_file_alone_runs_them(
    deployment: Path,  # noqa: F811
    wire: dict[str, str],  # noqa: F811
    tmp_path: Path,
    server: NatsServer,
) -> None:
    """They end with a node that is killed; its next life has its own, and ends in order."""
    text = DEPLOYMENT.format(port=wire["port"], limits="")
    deployment.write_text(text + LIMITED + GATES.format(server.url, "[]"))
    node = started(deployment, wire, "live", "--mode", "live")
    assert node.stderr is not None
    while " 0 orders" in node.stderr.readline():
        pass
    node.kill()
    node.communicate(
        timeout=LEAVING_S_MAX + 20
    )  # its processes have its streams: it waits for them
    assert not _processes(server.url)
    node = started(deployment, wire, "live", "--mode", "live", "--seconds", "12", "--json")
    out, err = node.communicate(timeout=90)
    assert not _processes(server.url)
    assert node.returncode == HELD, (out, err)
    assert json.loads(out)["fills"] > 0
    _all_on_tickets(tmp_path / "desk.db", "tk")
