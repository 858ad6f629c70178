"""Simulated time: whole nanoseconds, explored ties, and SimPy's own order where it matters."""

from collections.abc import Callable, Generator
from itertools import permutations
from typing import Any

import pytest
import simpy

from sim.world import Call, World

SEEDS = [None, *range(20)]


@pytest.mark.parametrize("seed", SEEDS)
def test_time_comes_before_ties(seed: int | None) -> None:
    assert ring(seed, delays={"c": 3, "a": 1, "b": 2}) == "abc"


def test_without_a_seed_ties_are_first_in_first_out() -> None:
    assert ring(None, delays={"a": 5, "b": 5, "c": 5}) == "abc"


def test_over_the_seeds_three_ties_come_in_all_six_orders() -> None:
    seen = {ring(seed, delays={"a": 5, "b": 5, "c": 5}) for seed in range(100)}
    assert seen == {"".join(order) for order in permutations("abc")}


def test_processes_and_timeouts_tie_in_all_six_orders_too() -> None:
    assert {ring_processes(seed) for seed in range(100)} == {
        "".join(order) for order in permutations("abc")
    }


def test_the_same_seed_gives_the_same_order() -> None:
    delays = dict.fromkeys("abcdefghij", 5)
    assert [ring(seed, delays) for seed in range(30)] == [ring(seed, delays) for seed in range(30)]


def test_the_order_of_a_seed_is_pinned() -> None:
    assert [ring(seed, dict.fromkeys("abcdef", 5)) for seed in (0, 1, 2)] == [
        "dafbce",
        "dfbcea",
        "ceadbf",
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_cause_precedes_effect_within_an_instant(seed: int | None) -> None:
    world, order = World(tie_break=seed), list[str]()

    def cause() -> None:
        order.append("cause")
        world.call_in(0, order.append, "effect")

    world.call_in(5, cause)
    world.run()
    assert order == ["cause", "effect"]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_urgent_event_comes_before_every_tie(seed: int | None) -> None:
    """A run that ends at an instant ends before all that happens at it."""
    world, order = World(tie_break=seed), list[str]()
    world.call_at(10, order.append, "at 10")
    world.run(10)
    assert (world.now, order) == (10, [])
    world.run()
    assert order == ["at 10"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_may_be_interrupted_in_the_instant_it_starts(seed: int | None) -> None:
    """Urgent events stay in order: drawn too, the interrupt would come before the start."""
    world, order = World(tie_break=seed), list[str]()

    def actor(name: str) -> Generator[simpy.Event, Any, None]:
        order.append(f"{name} starts")
        try:
            yield world.timeout(100)
        except simpy.Interrupt:
            order.append(f"{name} is interrupted")

    for name in "ab":
        world.process(actor(name)).interrupt()
    world.run()
    assert order == ["a starts", "a is interrupted", "b starts", "b is interrupted"]


def test_a_cancelled_call_is_not_made() -> None:
    world, order = World(), list[str]()
    kept = world.call_in(5, order.append, "kept")
    world.call_in(5, order.append, "cancelled").cancel()
    world.run()
    kept.cancel()  # too late, and harmless
    assert order == ["kept"]


def test_a_call_may_cancel_another_of_its_instant() -> None:
    world, order = World(), list[str]()
    later: list[Call] = []
    world.call_in(5, lambda: later[0].cancel())
    later.append(world.call_in(5, order.append, "second"))
    world.run()
    assert order == []


def test_a_cancelled_call_still_moves_the_clock() -> None:
    """Limitation: the heap keeps it until its time."""
    world = World()
    world.call_in(1_000, print).cancel()
    world.run()
    assert world.now == 1_000


def test_an_error_in_a_call_leaves_the_run_as_it_was_raised() -> None:
    world = World()
    world.call_in(1, dict[str, int]().__getitem__, "missing")
    with pytest.raises(KeyError, match="missing"):
        world.run()


def test_the_clock_starts_at_the_epoch_and_no_nanosecond_is_lost() -> None:
    epoch_ns = 1_767_225_600_000_000_000
    world = World(epoch_ns)
    times: list[int] = []

    def actor() -> Generator[simpy.Event, Any, None]:
        for _ in range(1_000):
            yield world.timeout(1)
            times.append(world.now)

    world.process(actor())
    world.run()
    assert times == [epoch_ns + tick for tick in range(1, 1_001)]
    assert type(world.now) is int


WHOLE_ONLY: dict[str, Callable[[World, Any], object]] = {
    "World": lambda world, number: World(number),
    "call_in": lambda world, number: world.call_in(number, print),
    "call_at": lambda world, number: world.call_at(number, print),
    "timeout": lambda world, number: world.timeout(number),
    "run": lambda world, number: world.run(number),
}


@pytest.mark.parametrize("number", [1.0, 1e9, True, float("inf"), "1"])
@pytest.mark.parametrize("ask", WHOLE_ONLY.values(), ids=WHOLE_ONLY.keys())
def test_only_whole_nanoseconds_are_times(ask: Callable[[World, Any], object], number: Any) -> None:
    world = World()
    with pytest.raises(TypeError, match=r"must be an int of nanoseconds|not supported between"):
        ask(world, number)
    assert world.peek() == simpy.core.Infinity


def test_the_past_cannot_be_called() -> None:
    world = World(100)
    with pytest.raises(ValueError, match="1 ns in the past"):
        world.call_at(99, print)
    with pytest.raises(ValueError, match="negative"):
        world.call_in(-1, print)


def ring(seed: int | None, delays: dict[str, int]) -> str:
    """The letters in the order in which they were called."""
    world, order = World(tie_break=seed), list[str]()
    for letter, delay in delays.items():
        world.call_in(delay, order.append, letter)
    world.run()
    return "".join(order)


def ring_processes(seed: int) -> str:
    """One process, one bare timeout and one call, all due at the same instant."""
    world, order = World(tie_break=seed), list[str]()

    def actor() -> Generator[simpy.Event, Any, None]:
        yield world.timeout(5)
        order.append("a")

    world.process(actor())
    world.run(1)
    timeout = world.timeout(4)
    assert timeout.callbacks is not None
    timeout.callbacks.append(lambda _: order.append("b"))
    world.call_in(4, order.append, "c")
    world.run()
    return "".join(order)
