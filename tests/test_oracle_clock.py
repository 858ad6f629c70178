"""For how long the wire tells the oracle that a statement cannot be read."""

from collections.abc import Callable
from typing import Any

from sim.dice import Dice
from sim.faults import Fault, Faults
from sim.truth import Truth
from sim.wire import MS, POLITE_NS, Latency, Wire
from sim.world import World

PERIOD = 1000 * MS


def ignore(*told: object) -> None:
    pass


def stands_still(kind: str, strength: int, handle: Callable[[], Any]) -> tuple[int, int]:
    """Until when one read stops the clock, and when its answer came."""
    world, dice = World(0), Dice(1)
    truth = Truth(lambda: world.now)
    stopped: list[int] = []
    truth.on_statement_path = lambda what, until: stopped.append(until)
    faults = Faults([Fault(kind, strength=strength)], dice, lambda: world.now)
    wire = Wire("v", "v/a", world, dice, faults, truth, Latency(), statement_period=PERIOD)
    came: list[int] = []
    wire.ask(handle, lambda *told, **more: came.append(world.now), "balances", ignore)
    world.run(20 * PERIOD)
    assert stopped[-1] == 0, "it came whole: the clock goes on"
    return max(stopped), came[0]


def read() -> tuple[int, bytes, bool]:
    return 200, b"{}", True


def test_a_slow_request_stops_it_until_it_is_there() -> None:
    until, came = stands_still("slow_request", 600, read)
    assert 600 * MS < until - POLITE_NS < came


def test_and_no_longer_than_until_the_next_read_is_due() -> None:
    """A core that asks no more while one is under way would be excused for as long as it takes."""
    until, came = stands_still("slow_request", 6000, read)
    assert until == PERIOD + POLITE_NS < came


def test_a_slow_answer_stops_none() -> None:
    until, came = stands_still("answer_late", 6000, read)
    assert until == 0
    assert came > 6 * PERIOD
