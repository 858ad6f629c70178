"""A node of ours at a desk: simulated keepers behind real sockets, and the loop of production.

The world's oracles look at every step, as in a simulated run: only the wire is another. Its clock
is the world's, which runs so many times as fast as ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from core.effects import Effect
from core.events import Event
from core.frames import Frame
from core.journal import Store
from core.state import State
from rails.dialect import Request
from scenarios.model import Scenario, check
from sim.faults import Fault
from tieout.claims.view import View
from tieout.journals.durable import Durable
from tieout.node.connector import Connector, Transport
from tieout.node.loop import NodeLoop
from tieout.settlement.figures import pending, settlement_figures
from tieout.settlement.simulated import RailSite
from tieout.simulation import Simulation
from tieout.wire.desk import DeskWorld
from tieout.world.host import Host
from tieout.world.transports import Door

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
# What must be nothing in the figures of settlement at the end.
NOTHING = (
    *("wrong", "doubled", "ledger_faults", "differences", "pending", "misjudged", "told_wrongly"),
    *("astray", "balances_off", "outstanding", "accounts_off", "overdrawn", "lines_misplaced"),
)


class Loop(NodeLoop):
    """Alarms ring by the world's clock, which is not the event loop's."""

    def perform(self, effect: Effect) -> None:
        self._perform(effect)


class Manned(Host):
    """A house whose node lives in an event loop and reaches keepers by `transports`."""

    transports: dict[str, Transport[Request]]

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation)
        self.durable = Durable()
        self.loop: NodeLoop | None = None
        self.transports = {}

    def start(self) -> None:
        super().start()
        assert self.node is not None
        self.loop = Loop(
            self.node, self._perform, clock=self._world.clock, committed=self._committed
        )
        self.loop.wake()

    def tell(self, told: Frame | Event) -> None:
        if self.node is None:
            return
        if self.loop is None:
            self.node.deliver(told)
        else:
            self.loop.deliver(told)

    async def _committed(self) -> None:
        self._sim.truth.kept()
        self._sim.oracle.node_durable()
        await self.durable.committed()

    def _rail_connector(self, site: RailSite) -> Connector[Request]:
        return Connector(
            site.spec.account,
            site.made.dialect.request,
            self.transports[site.spec.account],
            Door(self, self.life),
            self._world.clock,
            site.made.dialect.headers,
        )


class Desk:
    """One run: a world, a node, and what is between them."""

    def __init__(
        self, scenario: Scenario, seed: int, plan: Sequence[Fault], *, speed: int, store: Any = None
    ) -> None:
        hours = int(scenario.duration_s) * SECOND
        self.world = DeskWorld(
            scenario, seed, plan, speed=speed, host=Manned, store=store, duration_ns=hours
        )
        host = self.world.simulation.host
        assert isinstance(host, Manned)
        self.host = host
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def state(self) -> State:
        assert self.host.node is not None
        return self.host.node.state

    @property
    def store(self) -> Store:
        return self.world.simulation.store

    def begin(self, transports: dict[str, Transport[Request]]) -> None:
        """The node comes up and everybody begins."""
        self.host.transports = transports
        self.world.simulation.begin()
        assert self.host.loop is not None
        self._tasks = [
            asyncio.create_task(self.world.pace()),
            asyncio.create_task(self.host.loop.run()),
        ]

    async def last(self, for_ns: int) -> None:
        """So much of the world's time; nothing may break meanwhile."""
        await self.until(lambda: False, for_ns)

    async def until(self, ends: Callable[[], bool], ns_max: int) -> bool:
        """Until it is so, or so much of the world's time has passed."""
        by = self.world.now() + ns_max
        while self.world.now() < by and not ends():
            await asyncio.sleep(0.01)
            for task in self._tasks:
                if task.done():
                    task.result()
        return ends()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    def differences(self) -> dict[str, Any]:
        """Each holding whose truth is not what our books say, with both."""
        view = View(self.state, self.store)
        truth = self.world.truth()
        return {
            name: (true, view.figure(name))
            for name, true in truth.items()
            if true != view.figure(name)
        }

    def is_still(self) -> bool:
        """Nothing differs, nothing is open, nobody waits, and customers have heard how it ended:
        what a step decides is carried out once it is durable, a moment after the books say it."""
        state = self.state
        if self.differences() or state.suspects or state.breaks or pending(state):
            return False
        return not self.world.rails.judge.astray(crashed=False)

    def wrong(self) -> dict[str, Any]:
        """What settlement's judges hold against the run; empty where it held."""
        told = settlement_figures(
            self.world.rails, self.state, self.store, self.world.now(), crashed=False
        )
        return {name: told[name] for name in NOTHING if told.get(name)}


def scenario(rails: list[Any], flows: list[Any], hours: int, **customers: Any) -> Scenario:
    """Keepers and customers, and what they ask for."""
    told = {
        "name": "desk",
        "claim": "keepers behind real sockets",
        "duration_s": hours * 3600,
        "settling": {
            "rails": rails,
            "customers": {"count": 3, "every_s": 1800, "flows": flows, **customers},
        },
    }
    return check(told, "a desk")


def within(seconds: float, test: Any) -> None:
    """Run it, by the machine's clock."""
    asyncio.run(asyncio.wait_for(test, seconds))
