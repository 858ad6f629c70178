"""A run waits for what keepers hold back, and ends though somebody pays for ever."""

import pytest

from scenarios.model import find
from sim.memory_store import MemoryStore
from sim.world import SECOND
from tieout.simulation import MENDED_NS, MENDS_MAX_NS, NeverMended, Simulation

HOUR = 3600 * SECOND
DAY = 24 * HOUR


class Quiet(Simulation):
    """A run in which nothing happens but what a test holds back."""

    def __init__(self) -> None:
        super().__init__(find("coins_arrive"), 1, MemoryStore())

    def hold_back_again(self, for_ns: int, until_ns: int) -> None:
        assert self.rails is not None
        self.rails.payments.holds_back_until(self.world.now + for_ns)
        if self.world.now + for_ns < until_ns:
            self.world.call_in(for_ns, self.hold_back_again, for_ns, until_ns)


def test_who_pays_for_ever_is_a_finding() -> None:
    """Each payment is on time, and there is always another."""
    quiet = Quiet()
    quiet.hold_back_again(6 * HOUR, quiet.world.now + 10_000 * DAY)
    with pytest.raises(NeverMended, match="30 days after the run was healed"):
        quiet._let_keepers_mend()


def test_what_keepers_may_take_is_waited_for() -> None:
    """Three weeks of payments, one after another; and then all that came of them is read."""
    quiet = Quiet()
    began, over = quiet.world.now, quiet.world.now + 21 * DAY
    quiet.hold_back_again(DAY, over)
    quiet._let_keepers_mend()
    assert over + MENDED_NS <= quiet.world.now < began + MENDS_MAX_NS
