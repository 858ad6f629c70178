"""The world behind `tieout wire`: simulated venues by the machine's clock.

True here: nobody of ours lives in it. Whoever connects is the client; crowd and faults are those of
a simulated run. The venue's clock is the machine's, so that signatures and windows are those of
now; a world that cannot keep up falls behind it.
"""

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal

from core.events import Event
from core.frames import Frame
from scenarios.draw import STRENGTHS
from scenarios.model import Scenario, check
from sim.faults import KINDS, Fault
from sim.faults import Site as FaultSite
from sim.memory_store import MemoryStore
from sim.world import EPOCH_NS, SECOND
from tieout.simulation import Simulation
from tieout.world.host import Host
from tieout.world.sites import Site

PACE_S = 0.001
# So much of the world's time at once: a machine that slept is not followed in one step.
STEP_NS_MAX = SECOND // 4
# Faults that sockets can carry out, and those that end a connection.
SOCKETS: tuple[FaultSite, ...] = ("stream", "request", "statement", "public")
CUTS = {"disconnect": 4, "disconnect_replay": 4, "half_open": 6, "public_disconnect": 4}
LONG_NS = 10_000_000 * SECOND


class Unmanned(Host):
    """A house without a node: the client is elsewhere."""

    def start(self) -> None:
        """Nobody comes up."""

    def tell(self, told: Frame | Event) -> None:
        """Nobody is told."""

    def open_for_business(self) -> None:
        """There is nothing to make durable."""


class WireWorld:
    """Venues that trade by the machine's clock."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int = 0,
        plan: Sequence[Fault] = (),
        simulation: type[Simulation] = Simulation,
    ) -> None:
        self._began_ns, self._since_ns = 0, 0
        self.simulation = simulation(
            scenario, seed, MemoryStore(), plan, duration_ns=LONG_NS, host=Unmanned
        )
        self.sites: dict[str, Site] = {site.spec.dialect: site for site in self.simulation.sites}

    def begin(self) -> None:
        """The venues open; their clocks are the machine's from now on."""
        self._began_ns, self._since_ns = time.monotonic_ns(), time.time_ns() - EPOCH_NS
        for site in self.sites.values():
            site.venue.skew_ns += self._since_ns
            site.venue.exchange.clock.skew_ns += self._since_ns  # type: ignore[attr-defined]  # a VenueClock
        self.simulation.begin()

    async def pace(self) -> None:
        """Let time pass there as it does here, until cancelled."""
        while True:
            self.catch_up()
            await asyncio.sleep(PACE_S)

    def catch_up(self) -> None:
        """All that is due by now happens."""
        world = self.simulation.world
        due = EPOCH_NS + time.monotonic_ns() - self._began_ns
        if due > world.now:
            world.run(min(due, world.now + STEP_NS_MAX))
            # Who is at the other end of a socket is not ours to ask: what came there was told.
            self.simulation.truth.kept()

    def heal(self) -> None:
        """No fault strikes any more, the crowd goes home, and what rests is taken off."""
        self.simulation.faults.heal()
        for site in self.sites.values():
            for crowd in site.crowds:
                crowd.stopped = True
            site.wire.closed_until = site.public.closed_until = 0
            for ticket in site.venue.exchange.open_tickets():
                site.venue.exchange.cancel(ticket)

    def struck(self) -> dict[str, int]:
        """How often each kind of fault struck."""
        return dict(sorted(self.simulation.faults.counts.items()))

    def truth(self) -> dict[str, Decimal]:
        """What every holding truly is, by its name in our books."""
        return dict(self.simulation.truth.totals)


def rough(one_in: int) -> tuple[Fault, ...]:
    """Every fault of streams and requests, at one opportunity in so many; cuts are rarer."""
    strengths = {**STRENGTHS, "half_open": (2000, 15_000)}
    kinds = [kind for kind, (site, _, _) in KINDS.items() if site in SOCKETS]
    return tuple(
        Fault(
            kind, one_in=one_in * CUTS.get(kind, 1), strength=sum(strengths.get(kind, (0, 0))) // 2
        )
        for kind in kinds
        if kind != "key_expired"
    )


def scenario_of(venue: str) -> Scenario:
    """One venue of the table, its crowd, and nothing of ours."""
    told = {
        "name": f"wire_{venue}",
        "claim": "a venue over real sockets",
        "duration_s": LONG_NS // SECOND,
        "venues": [venue],
    }
    return check(told, f"tieout wire {venue}")
