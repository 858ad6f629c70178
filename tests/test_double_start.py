"""Two nodes started over one journal, two gates over one lease: one is refused, or one is fenced.

Nodes are real processes here, as in tests/test_kill.py. What holds the second node off today is the
lock on the journal's anchor; where that was taken away by hand, the number of a record, which only
one of them can write. Neither knows of another machine: leadership with a fencing token is part 6.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from core.events import Event, NodeStarted
from core.journal import decode_event
from risk.lease_holder import PASSED
from tests.facts import fill, opened, spot, started
from tests.kill_node import COMMITTING, Notice, Told
from tests.killing import Life, prepare
from tests.leasing import GATES, TTL, GateProcess, Leasing, uses_of
from tieout.journals.sqlite_store import anchor_path, open_for_reading, read_records
from tieout.journals.verify import verify

STARTERS = 5


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    prepare()
    return tmp_path / "journal.db"


def first_words(life: Life) -> Notice:
    """It has recovered, and says what is in the journal."""
    life.say(Told())
    assert life.hear() == COMMITTING
    return msgspec.msgpack.decode(life.hear(), type=Notice)


def commit(life: Life, *events: Event) -> Notice:
    """It takes these in and commits them; EOFError where it fell over that."""
    for event in events:
        life.say(Told(event=event))
    return first_words(life)


def falls(life: Life, *events: Event) -> None:
    """It takes these in, cannot commit them, says nothing of them, and ends."""
    with pytest.raises(EOFError):
        commit(life, *events)
    life.process.join(30)
    assert life.process.exitcode == 1


@contextmanager
def stopped(life: Life) -> Iterator[None]:
    """By the system, as a debugger or a full machine would; it lives, and does nothing."""
    assert life.process.pid is not None
    os.kill(life.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(life.process.pid, signal.SIGCONT)


def boots(journal: Path) -> list[int]:
    with closing(open_for_reading(journal)) as connection:
        records = list(read_records(connection))
    told = [decode_event(each.body) for each in records if each.name == "NodeStarted"]
    return [each.epoch for each in told if isinstance(each, NodeStarted)]


def fills(journal: Path) -> list[str]:
    with closing(sqlite3.connect(journal)) as connection:
        rows = connection.execute("SELECT body FROM records WHERE name = 'FillReported'")
        return [msgspec.json.decode(body)["fill_id"] for (body,) in rows]


# --- the journal's lock ---------------------------------------------------------------------------


def test_a_second_node_is_refused_however_the_first_stands(journal: Path) -> None:
    """Busy or stopped by the system: it holds the lock while it lives, and goes on after."""
    first = Life(journal, None)
    first_words(first)
    commit(first, started(), opened(), spot())
    with stopped(first):
        assert alive(Life(journal, None)) is None
    commit(first, fill("7", "buy", "1", "0.001"))
    first.close()
    assert verify(journal).status == "sound"
    assert (boots(journal), fills(journal)) == ([1], ["7"])


def test_of_many_that_start_at_once_one_lives_and_each_boot_has_its_own_epoch(
    journal: Path,
) -> None:
    """After each kill of it, again: whoever gets the journal has all that was acknowledged."""
    last = 0
    for round_ in range(1, 4):
        lives = [Life(journal, None) for _ in range(STARTERS)]
        heard = [(life, notice) for life in lives if (notice := alive(life)) is not None]
        ((winner, notice),) = heard
        assert (notice.last, notice.epoch) == (last, round_)
        events = [started(notice.epoch), opened(), spot()] if round_ == 1 else [started(round_)]
        last = commit(winner, *events, fill(f"{round_}", "buy", "1", "0.001")).last
        winner.kill()
    assert verify(journal).status == "sound"
    assert (boots(journal), fills(journal)) == ([1, 2, 3], ["1", "2", "3"])


def alive(life: Life) -> Notice | None:
    """What it says if it got the journal; None where it was refused."""
    try:
        return first_words(life)
    except (EOFError, BrokenPipeError):
        life.process.join(30)
        assert life.process.exitcode == 1
        return None


# --- the lock taken away --------------------------------------------------------------------------


@contextmanager
def two_at_once(journal: Path) -> Iterator[tuple[Life, Life]]:
    """Somebody tidied the anchor away, and started another node."""
    first = Life(journal, None)
    first_words(first)
    commit(first, started(), opened(), spot())
    anchor_path(journal).unlink()
    second = Life(journal, None)
    assert first_words(second).epoch == 2
    yield first, second
    assert verify(journal).status == "sound"


def test_the_first_is_fenced_by_what_the_second_wrote(journal: Path) -> None:
    """Its next record is there already: its commit fails, and it hands out nothing of it."""
    with two_at_once(journal) as (first, second):
        commit(second, started(2), fill("8", "buy", "1", "0.001"))
        falls(first, fill("7", "buy", "1", "0.001"))
        commit(second, fill("9", "buy", "1", "0.001"))
        second.close()
    assert (boots(journal), fills(journal)) == ([1, 2], ["8", "9"])


def test_the_second_is_fenced_by_what_the_first_wrote(journal: Path) -> None:
    with two_at_once(journal) as (first, second):
        commit(first, fill("7", "buy", "1", "0.001"))
        falls(second, started(2), fill("8", "buy", "1", "0.001"))
        commit(first, fill("9", "buy", "1", "0.001"))
        first.close()
    assert (boots(journal), fills(journal)) == ([1], ["7", "9"])


# --- one lease ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hears", [False, True])
def test_of_two_processes_of_one_gate_the_later_spends_and_the_earlier_is_fenced(
    hears: bool,  # noqa: FBT001  # a parameter
) -> None:
    """Both live. The earlier one closes as it hears of the later; while it does not hear, what it
    lets pass is refused, and its lease ends by itself."""
    world = Leasing()
    for _ in range(3):
        for name in GATES:
            world.heartbeat(name, 2)
        world.exchange()
    gate = world.gates["a"]
    earlier = GateProcess("a", gate.zero, gate.per_mille, gate.holder)
    world.restart("a")
    for _ in range(2):
        world.heartbeat("a", 2)
        while world.to_node:
            world.pass_to_node(0)
        world.commit()
        for _, told in [each for each in world.to_gate if each[0] == "a" and hears]:
            world._hear(earlier, told)
        world.exchange()
    assert spends(world, earlier) is not hears
    world.exchange()
    assert world.node.state.counts.get("refused/GATE_FENCED", 0) == int(not hears)
    assert world.venue == {}
    assert world.order("a", "buy", 1)
    world.exchange()
    assert [each.gate for each in world.venue.values()] == ["a"]
    world.check()
    world.wait(TTL)
    assert not spends(world, earlier)


def spends(world: Leasing, gate: GateProcess) -> bool:
    """Whether it lets an order pass on what it still holds; then the order is on its way."""
    clock, uses = gate.clock(world.now), uses_of("a", "buy", 1)
    if gate.holder.spend(clock, uses) != PASSED:
        return False
    ticket = gate.holder.ticket(uses, clock)
    world.tickets[ticket.epoch, ticket.sequence] = ticket
    world.sides[ticket.epoch, ticket.sequence] = ("buy", 1)
    world.send(ticket)
    return True
