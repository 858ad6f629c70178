"""A host whose node is a process of its own, killed with SIGKILL while the world lives on.

The world, its venues and the oracle are those of every simulation; only the node's house is
another. *Acknowledged* is what came over the line: a notice of a commit, with its effects. What the
dead node's last notice asked for is still done here, though nobody is left to hear the answers.

When in the world's time a kill falls due is drawn; where in the node's work it strikes is up to the
machine: at a commit, as it takes something in, or as it recovers.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from multiprocessing import forkserver
from pathlib import Path

import msgspec
import pytest

from core.effects import Effect, OpenStream
from core.events import Event
from core.frames import Frame
from core.gate import BreakGate
from core.journal import Journal, decode_effect
from core.node import Node, recover
from scenarios.model import Scenario
from sim.dice import Stream
from sim.market import MS
from sim.memory_store import MemoryStore
from sim.truth import Fact
from sim.world import EPOCH_NS
from tests.kill_node import COMMITTING, Asked, Bug, Notice, Told, live
from tieout.journals.sqlite_store import open_for_reading, read_records
from tieout.node.dialects import READERS
from tieout.simulation import Simulation
from tieout.world.host import Host

ZERO = Decimal(0)
PATIENCE_S = 60
DOWN_NS_MAX = 1000 * MS
RECOVERY_NS_MAX = 30 * MS
TAKING_IN_NS_MAX = MS
AIMS = ("commit", "commit", "taking in")
# One recovery in so many is cut short by the next kill.
RECOVERY_ONE_IN = 6


class Life:
    """One process, and the line to it."""

    def __init__(self, journal: Path, bug: Bug | None) -> None:
        context = multiprocessing.get_context("forkserver")
        self._line, theirs = context.Pipe()
        self.process = context.Process(target=live, args=(theirs, str(journal), bug), daemon=True)
        self.process.start()
        theirs.close()

    def say(self, told: Told) -> None:
        self._line.send_bytes(msgspec.msgpack.encode(told))

    def hear(self) -> bytes:
        """The next thing it says; EOFError where it says nothing any more."""
        if not self._line.poll(PATIENCE_S):
            raise TimeoutError(f"the node said nothing for {PATIENCE_S} s")
        try:
            return self._line.recv_bytes()
        except OSError as error:  # cut off within a message, or with something unread
            raise EOFError from error

    def kill(self) -> list[bytes]:
        """SIGKILL; returns what it had said and we had not heard."""
        self.process.kill()
        said = []
        while True:
            try:
                said.append(self.hear())
            except EOFError:
                break
        self.process.join(PATIENCE_S)
        assert self.process.exitcode == -9, "it was to be killed, not to fall"
        self._line.close()
        return said

    def close(self) -> None:
        """End the line, and wait until the journal is closed."""
        self._line.close()
        self.process.join(PATIENCE_S)
        assert self.process.exitcode == 0


class Acknowledged:
    """What the node ever said, and what its books say by that: the oracle's `Books`."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.booked_numbers: dict[int, None] = {}
        self._figures: dict[str, Decimal] = {}
        self._last: Notice | None = None

    def hear(self, notice: Notice) -> None:
        self.notices.append(notice)
        self.take(notice)

    def take(self, notice: Notice) -> None:
        """The books as they are now told."""
        self._last = notice
        self._figures |= notice.figures
        self.booked_numbers |= dict.fromkeys(notice.booked)

    def figure(self, holding: str) -> Decimal:
        return self._figures.get(holding, ZERO)

    def figures(self) -> dict[str, Decimal]:
        return dict(self._figures)

    def doubt(self, holding: str) -> Decimal:
        return self._last.doubts.get(holding, ZERO) if self._last is not None else ZERO

    def named(self, holding: str) -> Decimal | None:
        return self._last.named.get(holding) if self._last is not None else None

    def booked(self, fact: Fact) -> bool:
        return fact.number in self.booked_numbers


class ChildHost(Host):
    """The house of a node that is a process of its own."""

    def __init__(
        self, simulation: Simulation, journal: Path, dice: Stream, kills: int, bug: Bug | None
    ) -> None:
        super().__init__(simulation)
        self._journal, self._bug = journal, bug
        self._kill_dice = dice
        self._due = sorted(dice.below(simulation.duration_ns) for _ in range(kills))
        self._aim = dice.pick(AIMS)
        self._process: Life | None = None
        self._waiting: tuple[Life, Notice] | None = None
        self._commit_ns = MS
        self.said = Acknowledged()
        self.killed: dict[str, int] = dict.fromkeys(("commit", "taking in", "recovery"), 0)
        self.killed_in_commit = 0
        self.groups_unheard = 0
        self.wrong: list[str] = []

    # --- life and death --------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """A process takes up what the journal holds."""
        life, notice = self._waiting or self._recovered()
        self._waiting = None
        self._begin_life()
        self._process = life
        self._sim.oracle.node_up(self.said)
        self._take_up_work(notice.epoch)

    def _recovered(self) -> tuple[Life, Notice]:
        """A process that has recovered, and what it found; some are killed before they have."""
        while True:
            life = Life(self._journal, self._bug)
            if self.deaths.may_come and self._due and self._kill_dice.chance(1, RECOVERY_ONE_IN):
                _pause(self._kill_dice.below(RECOVERY_NS_MAX))
                self._count_kill("recovery")
                life.kill()
                continue
            life.say(Told(asked=_asked(self._sim.truth.facts)))
            assert life.hear() == COMMITTING
            return life, msgspec.msgpack.decode(life.hear(), type=Notice)

    def _die(self, said: Sequence[bytes], aim: str) -> None:
        """The process is dead: the next one tells what of the last group is in the journal."""
        self._count_kill(aim)
        self._process = None
        notices = [_notice(each) for each in said if each != COMMITTING]
        for notice in notices:
            self._acknowledge(notice)
        self._fall()
        before = self.said.notices[-1]
        self._waiting = self._recovered()
        found = self._waiting[1]
        self._compare(before, found)
        if found.last > before.last:
            self.groups_unheard += 1
            self._sim.truth.kept()
            self._sim.oracle.node_durable()
        else:
            self._sim.truth.dropped()
        self.said.take(found)
        self._sim.oracle.node_down(self.said)
        self._world.call_in(1 + self._kill_dice.below(DOWN_NS_MAX), self.start)

    def _compare(self, before: Notice, found: Notice) -> None:
        """What was acknowledged is in the journal, and in the books that come of it."""
        if found.last < before.last:
            self.wrong.append(f"acknowledged up to {before.last}, recovered up to {found.last}")
        kept = dict.fromkeys(found.booked)
        lost = [number for number in self.said.booked_numbers if number not in kept]
        self.wrong += [f"fact {number} was booked, and is no longer" for number in lost]
        if found.last == before.last:
            for name, figure in self.said.figures().items():
                if found.figures.get(name, ZERO) != figure:
                    self.wrong.append(f"{name} was {figure}, recovered {found.figures.get(name)}")

    def _falls_due(self, aim: str) -> bool:
        now = self._world.now - EPOCH_NS
        return self.deaths.may_come and self._aim == aim and bool(self._due) and now >= self._due[0]

    def _count_kill(self, aim: str) -> None:
        del self._due[0]
        self._aim = self._kill_dice.pick(AIMS)
        self.killed[aim] += 1

    # --- in and out ------------------------------------------------------------------------------

    def tell(self, told: Frame | Event) -> None:
        """Over the line to the node, if there is one."""
        life = self._process
        if life is None:
            return
        if isinstance(told, Frame):
            life.say(Told(frame=told))
        else:
            life.say(Told(event=told))
        if self._falls_due("taking in"):
            _pause(self._kill_dice.below(TAKING_IN_NS_MAX))
            self._die(life.kill(), "taking in")
            return
        self._let_commit()

    def _commit(self, life: int) -> None:
        if life != self.life or self._process is None:
            return
        self._commit_due = False
        process = self._process
        process.say(Told(asked=self._unbooked()))
        assert process.hear() == COMMITTING
        if self._falls_due("commit"):
            _pause(self._kill_dice.below(self._commit_ns))
            said = process.kill()
            self.killed_in_commit += not said
            self._die(said, "commit")
            return
        began = time.monotonic_ns()
        notice = _notice(process.hear())
        self._commit_ns = (7 * self._commit_ns + time.monotonic_ns() - began) // 8
        self._acknowledge(notice)

    def _acknowledge(self, notice: Notice) -> None:
        """It is durable, and was told: it counts, and is done."""
        self.said.hear(notice)
        oracle = self._sim.oracle
        self._sim.truth.kept()
        oracle.node_durable()
        oracle.observe(list(notice.figures))
        for name in notice.broken:
            oracle.on_break(name)
        for effect in effects_of(notice):
            # A request goes out although the node may be dead by now; a stream is held by nobody.
            if self.alive or not isinstance(effect, OpenStream):
                self._perform(effect)

    def commit_now(self) -> None:
        """The last commit; then the process ends by itself, and we read its journal."""
        self._commit(self.life)
        process, self._process = self._process, None
        assert process is not None, "a node that lives at the end"
        process.close()
        self._sim.store = loaded(self._journal)
        journal = Journal(self._sim.store)
        self.node = Node(journal, READERS, BreakGate(), recover(journal, BreakGate()))

    def cancel_all(self) -> None:
        """What is to be cancelled stands in the journal on disk."""
        self._sim.store = loaded(self._journal)
        super().cancel_all()

    def open_for_business(self) -> None:
        """Commit the beginning; from now on the node may be killed."""
        self._commit(self.life)
        self.deaths.begin()

    def next_frame(self) -> int:
        """The node numbers frames itself."""
        return 0

    def _unbooked(self) -> tuple[Asked, ...]:
        known = self.said.booked_numbers
        return _asked([fact for fact in self._sim.truth.facts if fact.number not in known])


def effects_of(notice: Notice) -> Iterator[Effect]:
    return (decode_effect(body) for body in notice.effects)


def loaded(journal: Path) -> MemoryStore:
    """What a journal on disk holds, at hand."""
    store = MemoryStore()
    connection = open_for_reading(journal)
    store.committed = list(read_records(connection))
    store.groups = [(last, chain) for last, chain in connection.execute("SELECT * FROM groups")]
    connection.close()
    return store


def killed_run(
    scenario: Scenario, seed: int, journal: Path, kills: int, bug: Bug | None = None
) -> tuple[Simulation, ChildHost]:
    """Run the scenario with its node in a process that is killed so many times."""
    hosts: list[ChildHost] = []

    def house(simulation: Simulation) -> Host:
        dice = simulation.dice.stream("kills")
        hosts.append(ChildHost(simulation, journal, dice, kills, bug))
        return hosts[0]

    prepare()
    simulation = Simulation(scenario, seed, MemoryStore(), host=house)
    simulation.run()
    return simulation, hosts[0]


def prepare() -> None:
    """The server that lives are forked from has all that one needs: none has to import it."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.kill_node"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # it imports from where we do
        forkserver.ensure_running()


def _asked(facts: Sequence[Fact]) -> tuple[Asked, ...]:
    return tuple(Asked(fact.number, fact.account, fact.kind, fact.key) for fact in facts)


def _notice(said: bytes) -> Notice:
    return msgspec.msgpack.decode(said, type=Notice)


def _pause(ns: int) -> None:
    """Wait so long, and no longer: sleeping would be too coarse."""
    until = time.monotonic_ns() + ns
    while time.monotonic_ns() < until:
        pass
