"""A node and simulated venues by the machine's clock, each strategy in a process with its gate.

True here: the venues, their wires and the cold engine are those of a simulated run, in which
nothing fails; the node, the socket, the stream and the strategies' processes are real. A world that
cannot keep up with the clock falls behind it, never ahead: a gate's lease ends at its gate first.
"""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace
from nats.aio.client import Client

from core.events import Event, OrderRequested
from core.frames import Frame
from core.journal import decode_event
from core.strategy import PublicTrade
from scenarios.model import Scenario, StrategySpec
from sim.memory_store import MemoryStore
from sim.world import EPOCH_NS, SECOND
from tieout.gates.children import environment
from tieout.gates.lease_stream import reached
from tieout.gates.node_process import NodeProcess
from tieout.gates.quote_stream import show
from tieout.gates.strategy_lives import setting_of, words
from tieout.gates.strategy_main import LEAVING_S_MAX, Setting
from tieout.simulation import Simulation
from tieout.world.host import Host

PACE_S = 0.001
# So much of the world's time at once: a machine that slept is not followed in one step.
STEP_NS_MAX = SECOND
SHOWN_EVERY_S = 0.05
STARTING_S_MAX = 60.0


class PacedHost(Host):
    """The house of a node whose strategies live elsewhere: it commits in a loop of its own."""

    process: NodeProcess | None = None
    trades: tuple[PublicTrade, ...] = ()

    def start(self) -> None:
        super().start()
        assert self.node is not None
        names = [each.name for each in self._sim.scenario.strategies]
        gates = {name: frozenset({name}) for name in names}
        self.process = NodeProcess(self.node, self._perform, gates, clock=lambda: self._world.now)

    def tell(self, told: Frame | Event) -> None:
        if self.process is None:
            super().tell(told)
        else:
            self.process.deliver(told)

    def _commit(self, life: int) -> None:
        """The process does."""

    def _trade(self, told: PublicTrade) -> None:
        self.trades += (told,)

    def _close_bars(self, life: int) -> None:
        """Its own process does."""

    def _tick(self, life: int, name: str) -> None:
        """Its own process does."""


class Paced:
    """One deployment, for so many seconds from when every gate is there."""

    def __init__(self, scenario: Scenario, seed: int, seconds: int, deployment: str) -> None:
        assert scenario.limits is not None
        alone = scenario.limits.model_copy(update={"gates": ()})  # none is played: they are real
        scenario = scenario.model_copy(update={"limits": alone})
        self.store = MemoryStore()
        self._scenario, self._seconds, self._deployment = scenario, seconds, deployment
        self.simulation = Simulation(
            scenario, seed, self.store, [], duration_ns=seconds * SECOND, host=self._house
        )
        self.process: NodeProcess | None = None

    def _house(self, simulation: Simulation) -> Host:
        self.host = PacedHost(simulation)
        return self.host

    async def run(self, url: str) -> None:
        """Let them trade, and end; whatever happens, no process of ours is left."""
        client = await reached(url)
        self.simulation.begin()
        assert self.host.process is not None
        self.process = self.host.process
        with TemporaryDirectory(prefix="tieout") as folder:
            socket = Path(folder) / "orders"
            loops = [
                asyncio.create_task(each)
                for each in (
                    self.process.run(socket, client, self._deployment),
                    self._pace(),
                    self._show(client),
                )
            ]
            with self._strategies(socket, url) as children:
                await self._unless_broken(loops, self._all_here())
                await self._unless_broken(loops, asyncio.sleep(self._seconds))
                await _ended(children)
            for loop in loops:
                loop.cancel()
            results = await asyncio.gather(*loops, return_exceptions=True)
        await client.close()
        self.host.commit_now()
        for broken in results:
            if isinstance(broken, Exception):
                raise broken

    async def _unless_broken(
        self, loops: list[asyncio.Task[None]], what: Coroutine[Any, Any, None]
    ) -> None:
        """Wait for it, or for a loop that ends: none should."""
        waiting = asyncio.create_task(what)
        await asyncio.wait((*loops, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def _all_here(self) -> None:
        """Each gate has an epoch; a process that does not start is waited for so long."""
        until = time.monotonic() + STARTING_S_MAX
        while time.monotonic() < until:
            known = self.host.node.state.risk.gates if self.host.node is not None else {}
            if all(each.name in known for each in self._scenario.strategies):
                return
            await asyncio.sleep(SHOWN_EVERY_S)

    async def _pace(self) -> None:
        world, began_ns = self.simulation.world, time.monotonic_ns()
        while True:
            due = EPOCH_NS + time.monotonic_ns() - began_ns
            if due > world.now:
                world.run(min(due, world.now + STEP_NS_MAX))
            await asyncio.sleep(PACE_S)

    async def _show(self, client: Client) -> None:
        while True:
            since = time.time_ns() - self.simulation.world.now  # theirs is the machine's clock
            quotes = self.host.quotes(())
            shown = tuple(replace(each, as_of=each.as_of + since) for each in quotes)
            told, self.host.trades = self.host.trades, ()
            trades = tuple(replace(each, at=each.at + since) for each in told)
            await show(client, self._deployment, shown, trades)
            await asyncio.sleep(SHOWN_EVERY_S)

    @contextmanager
    def _strategies(self, socket: Path, url: str) -> Iterator[list[subprocess.Popen[bytes]]]:
        children: list[subprocess.Popen[bytes]] = []
        try:
            for each in self._scenario.strategies:
                # An interrupt at the terminal is for us: they end with their input.
                child = subprocess.Popen(  # noqa: S603  # our own program
                    [sys.executable, *words(self._setting(each, socket, url))],
                    stdin=subprocess.PIPE,
                    env=environment(),
                    start_new_session=True,
                )
                children.append(child)
            yield children
        finally:
            for child in children:
                child.kill()
                child.wait()

    def _setting(self, spec: StrategySpec, socket: Path, url: str) -> Setting:
        assert self._scenario.limits is not None
        place = (self._deployment, socket, url)
        return setting_of(spec, self._scenario, self._scenario.limits, place)

    def asked(self) -> dict[str, int]:
        """How many orders of each strategy came on their gate's ticket."""
        events = (decode_event(body) for body in self.store.events())
        orders = (each for each in events if isinstance(each, OrderRequested))
        found = Counter(each.strategy for each in orders if each.ticket is not None)
        return {each.name: found[each.name] for each in self._scenario.strategies}


async def _ended(children: list[subprocess.Popen[bytes]]) -> None:
    """Ask them to end, and wait while they give back what they hold."""
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    until = time.monotonic() + 2 * LEAVING_S_MAX
    while time.monotonic() < until and any(child.poll() is None for child in children):
        await asyncio.sleep(SHOWN_EVERY_S)
