"""From the socket to the books, beside ccxt's own `watch_my_trades` on the same frames.

The venue's front door is in a process of its own; here is only the client, whose processor time is
taken from when it dials to the last fill. Both read the same recorded frames, each with a fill in
it, over TLS and ccxt's own socket. Ours takes each through decoder, step and journal; ccxt's parses
it into an order and a trade, and keeps both in its caches.
"""

import asyncio
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.ingest import Told, told_of
from bench.lanes import GATE
from bench.live_server import KEY, VENUE
from bench.rows import Row, not_run
from bench.stream import recorded
from core.effects import Effect, OpenStream
from core.events import Event, FillReported
from core.frames import Frame
from core.journal import Journal, Store, decode_event
from core.node import Node
from sim.memory_store import MemoryStore
from tieout.journals.sqlite_store import SqliteStore
from tieout.node.connector import Connector
from tieout.node.dialects import DIALECTS, READERS
from tieout.node.loop import NodeLoop

AGAINST = "ccxt's watch_my_trades"
DURABLE, APPLIED = "live: socket to durable and applied", "live: socket to applied"
ROUNDS, TIMES = 3, 4
GAP_US, PACED = 4000, 500
IDLE_S_MAX = 3.0


def rows(*, quick: bool = False) -> list[Row]:
    """Fills a second of the client's processor, and what our way adds to a fill's latency."""
    try:
        import ccxt.pro  # noqa: F401
        import trustme  # noqa: F401
    except ModuleNotFoundError as error:
        why = f"{error.name} is not installed; the extra `live` has it"
        return [
            not_run(DURABLE, "fills/CPU-s", AGAINST, ">= 2.5", why),
            not_run(APPLIED, "fills/CPU-s", AGAINST, ">= 3.5", why),
        ]
    return asyncio.run(_measured(quick=quick))


async def _measured(*, quick: bool) -> list[Row]:
    told = executions(quick=quick)
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as name:
        folder = Path(name)
        (folder / "frames").write_bytes(b"\n".join(frame.body for frame in told.frames))
        with served(folder) as server:
            best = {"ccxt": 0.0, "durable": 0.0, "memory": 0.0}
            for number in range(1 if quick else ROUNDS):
                store = SqliteStore(folder / f"{number}.db", create="new")
                runs = {
                    "ccxt": await theirs(server),
                    "durable": await ours(server, told.setup, store),
                    "memory": await ours(server, told.setup, MemoryStore()),
                }
                store.close()
                best = {each: max(best[each], rate) for each, rate in runs.items()}
            server.pace(GAP_US)
            store = SqliteStore(folder / "paced.db", create="new")
            spent = await added(server, told.setup, store, 100 if quick else PACED)
            store.close()
    theirs_s = best["ccxt"]
    return [
        Row(AGAINST, theirs_s, "fills/CPU-s"),
        Row(DURABLE, best["durable"], "fills/CPU-s", best["durable"] / theirs_s, AGAINST, ">= 2.5"),
        Row(APPLIED, best["memory"], "fills/CPU-s", best["memory"] / theirs_s, AGAINST, ">= 3.5"),
        Row("live: added to a fill's latency, p50", spent[len(spent) // 2] / 1e3, "µs"),
        Row("live: added to a fill's latency, p99", spent[len(spent) * 99 // 100] / 1e3, "µs"),
    ]


def executions(*, quick: bool) -> Told:
    """What sets the books up, and of the frames those that told of a fill first."""
    records = recorded(quick=quick, times=TIMES)
    fills = [decode_event(each.body) for each in records if each.name == "FillReported"]
    telling = {fill.frame: None for fill in fills if isinstance(fill, FillReported)}
    told = told_of(quick=quick, times=TIMES)
    return told._replace(frames=[each for each in told.frames if each.number in telling])


class Server:
    """The venue's process, as its client knows it."""

    def __init__(self, process: "subprocess.Popen[str]", ca: Path) -> None:
        assert process.stdout is not None
        self._process = process
        self.port, self.ca = int(process.stdout.readline()), ca

    def pace(self, gap_us: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{gap_us}\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def exchange(self) -> tuple[Any, Any]:
        """ccxt's client of the venue, and its session."""
        import ccxt.pro

        from tieout.wire.fronts import FRONTS, WAYS
        from tieout.wire.tls import session

        tls = ssl.create_default_context(cafile=str(self.ca))
        client = session(FRONTS[VENUE](KEY).hosts, self.port, tls)
        told = {"apiKey": KEY.name, "secret": KEY.secret, "session": client}
        made = getattr(ccxt.pro, WAYS[VENUE].exchange)
        return made({**told, "options": dict(WAYS[VENUE].options)}), client


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "bench.live_server", str(folder / "frames")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, str(folder / "ca.pem")], **pipes)  # noqa: S603
    try:
        yield Server(process, folder / "ca.pem")
    finally:
        process.communicate(timeout=30)


class Stopwatch:
    """Processor time of this process from when it dials to the last fill, and how many came."""

    def __init__(self) -> None:
        self.first = self.last = time.process_time_ns()
        self.fills = 0
        self.heard_at = time.monotonic()

    def heard(self, fills: int) -> None:
        self.last, self.heard_at = time.process_time_ns(), time.monotonic()
        self.fills += fills

    async def until_quiet(self) -> float:
        """Fills a second, once nothing came for a while."""
        self.heard_at = time.monotonic()
        while time.monotonic() - self.heard_at < IDLE_S_MAX:
            await asyncio.sleep(0.2)
        return self.fills / (self.last - self.first) * 1e9


async def theirs(server: Server) -> float:
    """As its documentation has it: watch, and take what comes."""
    exchange, client = server.exchange()
    await exchange.load_markets()
    watch = Stopwatch()

    async def listen() -> None:
        while True:
            watch.heard(len(await exchange.watch_my_trades()))

    listening = asyncio.create_task(listen())
    rate = await watch.until_quiet()
    listening.cancel()
    await exchange.close()
    await client.close()
    return rate


class Door:
    """The node's loop, as a connector needs it."""

    def __init__(self, loop: NodeLoop) -> None:
        self._loop = loop

    def next_frame(self) -> int:
        return self._loop.node.journal.next_number

    def tell(self, told: Frame | Event) -> None:
        self._loop.deliver(told)


class Ours:
    """A node at the venue's stream; of what it asks for only the stream is opened."""

    def __init__(self, server: Server, setup: list[Event], store: Store) -> None:
        from tieout.wire.fronts import WAYS
        from venues.live import Live

        exchange, self._client = server.exchange()
        self._way = Live(exchange, WAYS[VENUE], self._client, time.time_ns)
        self._node = Node(Journal(store), READERS, GATE)
        for event in setup:
            self._node.deliver(event)
        (account,) = self._node.state.accounts
        self._opens = OpenStream(account=account, epoch=self._node.state.accounts[account].epoch)
        self._node.commit()
        self.loop = NodeLoop(self._node, self._perform)
        request = DIALECTS[VENUE].request
        self._connector = Connector(
            account,
            request,
            self._way,
            Door(self.loop),
            time.time_ns,  # type: ignore[arg-type]
        )

    def _perform(self, effect: Effect) -> None:
        """The rest of the venue is not there."""

    def fills(self) -> int:
        counts = self._node.state.counts
        return sum(n for name, n in counts.items() if name.startswith("fills_booked/"))

    async def __aenter__(self) -> "Ours":
        self._running = asyncio.create_task(self.loop.run())
        self._connector.perform(self._opens)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])
        await self._way.close()
        await self._client.close()


async def ours(server: Server, setup: list[Event], store: Store) -> float:
    """Until all is booked, and durable if the store is."""
    made = Ours(server, setup, store)
    watch = Stopwatch()
    commit, seen = made.loop.commit, 0

    async def timed() -> None:
        nonlocal seen
        await commit()
        if made.fills() > seen:
            watch.heard(made.fills() - seen)
            seen = made.fills()

    made.loop.commit = timed  # type: ignore[method-assign]
    async with made:
        return await watch.until_quiet()


async def added(server: Server, setup: list[Event], store: Store, wanted: int) -> list[int]:
    """Nanoseconds from a frame's arrival at the raw socket to its fill durable and applied."""
    spent: list[int] = []
    waiting: list[int] = []
    made = Ours(server, setup, store)
    commit, deliver, seen = made.loop.commit, made.loop.deliver, 0

    def arrived(told: Event | Frame) -> None:
        nonlocal seen
        at = time.perf_counter_ns()
        deliver(told)
        if made.fills() > seen:
            seen = made.fills()
            waiting.append(at)

    async def timed() -> None:
        await commit()
        spent.extend(time.perf_counter_ns() - at for at in waiting)
        waiting.clear()

    made.loop.commit = timed  # type: ignore[method-assign]
    made.loop.deliver = arrived  # type: ignore[method-assign]
    async with made:
        until = time.monotonic() + 60
        while len(spent) < wanted and time.monotonic() < until:
            await asyncio.sleep(0.1)
    return sorted(spent)
