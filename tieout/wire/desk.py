"""The world behind a served custodian or bank: keepers and customers, by a clock that follows the
machine's, so many times as fast.

True here: a world that cannot keep up falls behind, and is never hurried after: what is in the
sockets meanwhile has the machine's time. Whether a node of ours lives in it is its host's matter.
"""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from scenarios.model import Scenario
from sim.faults import Fault
from sim.memory_store import MemoryStore
from tieout.settlement.simulated import RailSite
from tieout.simulation import Simulation
from tieout.wire.world import LONG_NS, Unmanned
from tieout.world.host import Host

STEP_S = 0.002


class DeskWorld:
    """Keepers of money that live by the machine's clock, `speed` times as fast."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int = 0,
        plan: Sequence[Fault] = (),
        *,
        speed: int = 1,
        host: Callable[[Simulation], Host] = Unmanned,
        store: MemoryStore | None = None,
        duration_ns: int = LONG_NS,
    ) -> None:
        """Customers ask and outsiders pay for `duration_ns`; keepers live on."""
        kept = store if store is not None else MemoryStore()
        self.simulation = Simulation(scenario, seed, kept, plan, duration_ns=duration_ns, host=host)
        self.speed = speed
        assert self.simulation.rails is not None, "a scenario with rails"
        self.rails = self.simulation.rails

    def site(self, name: str) -> RailSite:
        """The keeper of that name; KeyError where there is none."""
        found = {site.spec.name: site for site in self.rails.sites}
        return found[name]

    def now(self) -> int:
        """The time there, in nanoseconds."""
        return self.simulation.world.now

    async def pace(self) -> None:
        """Let time pass there, until cancelled."""
        world, step = self.simulation.world, int(STEP_S * 1e9) * self.speed
        while True:
            world.run(world.now + step)
            await asyncio.sleep(STEP_S)

    async def sleep(self, for_ns: int) -> None:
        """Wait until so much time passed there."""
        until = self.now() + for_ns
        while self.now() < until:
            await asyncio.sleep(STEP_S)

    def heal(self) -> None:
        """No fault strikes any more."""
        self.simulation.faults.heal()
        for site in self.rails.sites:
            site.wire.closed_until = 0

    def truth(self) -> dict[str, Decimal]:
        """What every holding truly is, by its name in our books."""
        return dict(self.simulation.truth.totals)
