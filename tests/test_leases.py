"""Leases: no line is overdrawn, whatever is lost, doubled, late or dead; and yet orders pass."""

from __future__ import annotations

import random
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from tests import exporting
from tests.exporting import Machine, initialize, rule
from tests.leasing import GATES, Leasing
from tests.planting import plant

A_GATE = st.sampled_from(GATES)
A_SIDE: Any = st.sampled_from(["buy", "sell"])
AN_INDEX = st.integers(0, 7)


class LeaseMachine(Machine):
    """Anything may happen in any order; the sums hold at every instant."""

    @initialize(skews=st.tuples(*[st.integers(-200, 200)] * 3))
    def begin(self, skews: tuple[int, int, int]) -> None:
        self.world = Leasing(skews)
        for name in GATES:
            self.world.heartbeat(name)
        self.world.exchange()

    @rule(name=A_GATE, wants=st.integers(0, 12))
    def heartbeat(self, name: str, wants: int) -> None:
        self.world.heartbeat(name, wants)

    @rule(name=A_GATE, side=A_SIDE, lots=st.integers(1, 7))
    def order(self, name: str, side: Literal["buy", "sell"], lots: int) -> None:
        self.world.order(name, side, lots)

    @rule(wants=st.integers(0, 8))
    def healthy_beat(self, wants: int) -> None:
        """What goes on most of the time: without it nothing would be lent that could be lost."""
        for name in GATES:
            self.world.heartbeat(name, wants)
        self.world.exchange()

    @rule(name=A_GATE, side=A_SIDE, lots=st.integers(1, 3))
    def healthy_order(self, name: str, side: Literal["buy", "sell"], lots: int) -> None:
        self.world.heartbeat(name, lots)
        self.world.exchange()
        self.world.order(name, side, lots)

    @rule(index=AN_INDEX, keep=st.booleans())
    def to_node(self, index: int, *, keep: bool) -> None:
        self.world.pass_to_node(index, keep=keep)

    @rule(index=AN_INDEX, keep=st.booleans())
    def to_gate(self, index: int, *, keep: bool) -> None:
        self.world.pass_to_gate(index, keep=keep)

    @rule()
    def everything_arrives(self) -> None:
        self.world.exchange()

    @rule(index=AN_INDEX, to_node=st.booleans())
    def lose(self, index: int, *, to_node: bool) -> None:
        self.world.lose(index, to_node=to_node)

    @rule()
    def commit(self) -> None:
        self.world.commit()

    @rule(ms=st.sampled_from([10, 50, 90, 110, 390, 410, 2000, 7000]))
    def wait(self, ms: int) -> None:
        self.world.wait(ms * 1_000_000)

    @rule(number=AN_INDEX, lots=st.integers(1, 4))
    def fill(self, number: int, lots: int) -> None:
        names = list(self.world.venue)
        if names:
            self.world.venue_fill(names[-1 - number % len(names)], lots)

    @rule(number=AN_INDEX)
    def cancel(self, number: int) -> None:
        names = list(self.world.venue)
        if names:
            self.world.venue_cancel(names[-1 - number % len(names)])

    @rule(count=st.integers(1, 4))
    def hear_venue(self, count: int) -> None:
        self.world.hear_venue(count)

    @rule(name=A_GATE)
    def give_back(self, name: str) -> None:
        self.world.give_back(name)

    @rule(name=A_GATE)
    def resend(self, name: str) -> None:
        self.world.resend(name)

    @rule(name=A_GATE)
    def void(self, name: str) -> None:
        self.world.void(name)

    @rule(name=A_GATE)
    def restart_gate(self, name: str) -> None:
        self.world.restart(name)

    @rule(name=A_GATE)
    def fence(self, name: str) -> None:
        self.world.fence(name)

    @rule(after_commit=st.booleans())
    def crash_node(self, *, after_commit: bool) -> None:
        self.world.crash(after_commit=after_commit)

    @rule()
    def restate(self) -> None:
        self.world.restate()

    @invariant()
    def no_line_is_overdrawn(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            every_safe_order_passes(self.world)


def every_safe_order_passes(world: Leasing) -> None:
    """Once healed: the largest order that is safe by brute force, of each gate and side; one more
    does not."""
    world.settle()
    world.check()
    for name in GATES:
        for side in ("buy", "sell"):
            most = world.safe(name, side)
            assert not world.passes(name, side, most + 1, beats=2)
            if most > 0:
                assert world.passes(name, side, most), (name, side, most)
                world.settle(beats=4)
            world.check()


TestLeases = exporting.case(LeaseMachine, examples=40, steps=60)


# --- the same world, by dice: quicker, for many steps and for bugs -------------------------------


def storm(seed: int, steps: int = 220) -> Leasing:
    """Something happens, again and again; mostly what goes on in a healthy world."""
    dice = random.Random(seed)  # noqa: S311
    world = Leasing((dice.randint(-200, 200), dice.randint(-200, 200), 0))
    for name in GATES:
        world.heartbeat(name)
    world.exchange()
    for _ in range(steps):
        happen(world, dice)
        world.check()
    return world


def happen(world: Leasing, dice: random.Random) -> None:
    name, index = dice.choice(GATES), dice.randrange(8)
    names = list(world.venue)
    one = names[-1 - index % len(names)] if names else ""
    match dice.choices(range(17), (30, 30, 12, 12, 20, 14, 4, 4, 8, 8, 10, 2, 3, 1, 1, 2, 2))[0]:
        case 0:
            world.heartbeat(name, dice.randint(0, 10))
        case 1:
            world.order(name, dice.choice(("buy", "buy", "sell")), dice.randint(1, 4))
        case 2:
            world.pass_to_node(index, keep=dice.random() < 0.3)
        case 3:
            world.pass_to_gate(index, keep=dice.random() < 0.3)
        case 4:
            world.exchange()
        case 5:
            world.commit()
        case 6:
            world.lose(index, to_node=True)
        case 7:
            world.lose(index, to_node=False)
        case 8:
            world.wait(dice.choice((10, 60, 110, 390, 700)) * 1_000_000)
        case 9 if one:
            world.venue_fill(one, dice.randint(1, 3))
        case 10:
            world.hear_venue(dice.randint(1, 3))
        case 11 if one:
            world.venue_cancel(one)
        case 12:
            world.give_back(name)
        case 13:
            world.restart(name)
        case 14:
            world.crash(after_commit=dice.random() < 0.5)
        case 15:
            world.resend(name)
        case 16:
            dice.choice((world.void, world.fence))(name)
        case _:
            world.restate()


def test_a_storm_overdraws_nothing_and_then_all_that_is_safe_passes() -> None:
    passed = 0
    for seed in range(24):
        world = storm(seed)
        passed += sum(gate.passed for gate in world.gates.values())
        every_safe_order_passes(world)
    assert passed > 120, "the storm itself lets orders through, or it proves nothing"


# --- planted bugs --------------------------------------------------------------------------------


class Bug(NamedTuple):
    """In `function` the text `old`, which is there once, becomes `new`; then the storm goes red."""

    name: str
    function: str
    old: str
    new: str


BUGS = (
    Bug(
        "what an older grant may still spend is forgotten",
        "core.leases:_ceiling",
        "living = [budgets.get(name, 0) for budgets in epoch.ceilings.values()]",
        "living = [budgets.get(name, 0) for budgets in list(epoch.ceilings.values())[-1:]]",
    ),
    Bug(
        "a grant is counted dead when the next one is asked for",
        "core.leases:on_requested",
        "event.applied - 1",
        "epoch.sequence",
    ),
    Bug(
        "the room is counted without what is lent to others",
        "core.leases:_budget",
        "- unspent(state, name)",
        "- 0",
    ),
    Bug(
        "a return frees the grants that came after it, too",
        "core.leases:_settle",
        "if s > through",
        "if False",
    ),
    Bug(
        "what a gate returned is believed the other way round",
        "core.leases:_settle",
        "max(epoch.floor.get(used.line, 0), used.amount)",
        "min(epoch.floor.get(used.line, 0), used.amount)",
    ),
    Bug(
        "a ticket told twice is two orders",
        "core.leases:is_echo",
        "return epoch is not None and (",
        "return epoch is None and (",
    ),
    Bug(
        "an unknown order gives its reservation back",
        "core.leases:_follow",
        "if order.status not in TERMINAL:",
        'if order.status == "unknown":\n        left = 0\n    if order.status not in TERMINAL:',
    ),
    Bug(
        "a fill frees its reservation and is not exposed",
        "core.leases:_expose",
        "line.exposure += amount",
        "line.exposure += 0",
    ),
    Bug(
        "what a fill relieves is relieved when it is reserved",
        "core.leases:_hold",
        "_expose(other, _relief(use, before, order) - _relief(use, order.filled, order))",
        "_expose(other, _relief(use, before, order) - _relief(use, order.quantity, order))",
    ),
    Bug(
        "a restarted gate keeps its epoch",
        "core.leases:on_gate_started",
        "if old.boot == event.boot:",
        "if True:",
    ),
    Bug(
        "nothing is ever lent",
        "core.leases:_budget",
        "return max(spent, most)",
        "return spent",
    ),
    Bug(
        "a limit is off by one",
        "core.leases:_budget",
        "room = line.limit",
        "room = 1 + line.limit",
    ),
    Bug(
        "expiry frees at the node",
        "core.leases:unspent",
        'if epoch.status == "open":',
        'if epoch.status == "open" and epoch.request % 2:',
    ),
    Bug(
        "the gate frees what it spent when it gets a grant",
        "risk.lease_holder:LeaseHolder._hold",
        "self.sequence = grant.sequence",
        "self.sequence = grant.sequence\n    self._spent = {}",
    ),
    Bug(
        "a gate that gave back spends on",
        "risk.lease_holder:LeaseHolder.give_back",
        'self._move("returned", "given back")',
        "pass",
    ),
    Bug(
        "age counts from the answer, not from the request",
        "risk.lease_holder:LeaseHolder.on_granted",
        "now if why else self._asked[grant.request]",
        "now",
    ),
    Bug(
        "a budget is as large as it is, whatever was spent",
        "risk.lease_holder:LeaseHolder._left",
        "- spent)",
        "- 0)",
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_turns_the_storm_red(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, bug.function, bug.old, bug.new)
    for seed in range(60):
        try:
            every_safe_order_passes(storm(seed))
        except (AssertionError, KeyError):
            return
    pytest.fail("sixty storms saw nothing")
