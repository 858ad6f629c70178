"""When our node is killed: by the plan's faults of the node, and at the one point a run was given.

True here: it may die from when it opens for business until the world heals. What an end takes with
it is the host's (`Host.crash`).
"""

from typing import TYPE_CHECKING

from core.journal import Journal, Store
from sim.faults import Fault
from sim.market import MS
from tieout.campaigns.crash_points import Moment, MortalJournal

if TYPE_CHECKING:
    from tieout.simulation import Simulation
    from tieout.world.host import Host

CUT_DOWN_NS = 500 * MS


class Deaths:
    """Asked at each turn at which the node may die; True: it did, and whoever asked ends."""

    def __init__(self, simulation: "Simulation", host: "Host") -> None:
        self._sim = simulation
        self._host = host
        self.may_come = False

    def begin(self) -> None:
        """Before this, what a deployment is told first is not durable yet."""
        self.may_come = True

    # --- by the plan's faults --------------------------------------------------------------------

    def now(self) -> bool:
        """Killed between two steps, or two effects."""
        fault = self._strikes("crash")
        if fault is None:
            return False
        self._host.crash(fault.strength * MS)
        return True

    def at_commit(self) -> bool:
        """Killed as a group waits to be committed."""
        return self.now() or self._torn() or self._cut()

    def _torn(self) -> bool:
        """The group is torn, and gone, or durable and nobody was told."""
        fault = self._strikes("crash_torn_tail")
        if fault is None:
            return False
        if self._sim.dice.stream("node/tear").below(2):
            self._host.make_durable()
        self._host.crash(fault.strength * MS)
        return True

    def _cut(self) -> bool:
        """What comes up again finds an old copy of its journal."""
        fault = self._strikes("crash_cut_tail")
        if fault is None:
            return False
        self._host.crash(CUT_DOWN_NS, max(1, fault.strength))
        return True

    def after_boot(self) -> None:
        """What comes up again soon finds a copy of the journal from before this boot."""
        fault = self._strikes("crash_cut_boot")
        if fault is not None:
            before, delay_ns = len(self._sim.store.groups), max(1, fault.strength) * MS
            self._sim.world.call_in(delay_ns, self._lose_boot, self._host.life, before)

    def _lose_boot(self, life: int, before: int) -> None:
        host, since = self._host, len(self._sim.store.groups) - before
        if life == host.life and host.alive and since > 0 and not self._sim.faults.healed:
            host.crash(CUT_DOWN_NS, since)

    def _strikes(self, kind: str) -> Fault | None:
        return self._sim.faults.strikes(kind, "node") if self.may_come else None

    # --- at the point that was given -------------------------------------------------------------

    @property
    def point_given(self) -> bool:
        """Whether this run has a point at which its node dies."""
        return self._sim.reached is not None

    def journal(self, store: Store) -> Journal:
        """Of the node that comes up: it may die in the middle of a step."""
        if not self.point_given:
            return Journal(store)
        return MortalJournal(store, lambda: self._comes_to("append"))

    def at(self, moment: Moment) -> bool:
        """Killed here, if this is the point."""
        dies = self._comes_to(moment)
        if dies:
            self.in_a_step(groups=1 if moment == "cut" else 0)
        return dies

    def in_a_step(self, groups: int = 0) -> None:
        """Its journal said so."""
        assert self._sim.reached is not None, "a point was given"
        self._host.crash(self._sim.reached.point.down_ms * MS, groups)

    def _comes_to(self, moment: Moment) -> bool:
        reached = self._sim.reached
        if reached is None or not self.may_come or self._sim.faults.healed:
            return False
        return reached.comes_to(moment)
