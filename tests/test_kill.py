"""A node that is killed with SIGKILL at any moment loses nothing it acknowledged, doubles nothing.

The world lives on in this process: it owns the truth, and remembers all that the node ever said.
*Acknowledged* is any effect or commit notice that reached us.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import msgspec

from core.journal import Record
from sim.dice import Dice, Stream
from tests.kill_child import INSTRUMENT, Fill, Notice, Told, truth
from tieout.replay import replay
from tieout.sqlite_store import SqliteStore, open_for_reading, read_records
from tieout.verify import verify

ROOT = Path(__file__).parent.parent
KILLS = 100
LIFE_NS_MAX = 100_000_000
PAGE = 50


class World:
    """The venue, the strategy, and the memory of what the node acknowledged."""

    def __init__(self, dice: Stream) -> None:
        self.dice = dice
        self.fills: list[Fill] = []
        self.orders = 0
        self.notices: list[Notice] = []
        self.effects: list[bytes] = []
        self.killed_in_commit = 0

    def new_fill(self) -> Fill:
        dice = self.dice
        fill = Fill(
            id=len(self.fills) + 1,
            side=dice.pick(["buy", "sell"]),
            coins=dice.between(1, 9),
            dollars=dice.between(1, 9999),
            fee=dice.between(-5, 50),
        )
        self.fills.append(fill)
        return fill

    def live(self) -> bytes:
        """Something happens: a fill, often told twice; now and then a wish for an order."""
        if self.dice.chance(1, 10):
            self.orders += 1
            return _order(self.orders)
        fill = self.new_fill()
        again = self.dice.pick(self.fills) if self.dice.chance(1, 5) else fill
        return _told(Told("fill", fills=(fill,))) + _told(Told("fill", fills=(again,)))

    def answer(self, effect: dict[str, object]) -> bytes:
        """Perform an effect of the node."""
        if effect["type"] == "OpenStream":
            return _told(Told("opened", epoch=int(str(effect["epoch"]))))
        if effect["type"] == "FetchFills":
            after = int(str(effect["after"]) or "0")
            overlap = max(0, after - self.dice.below(5))
            page = self.fills[overlap : after + PAGE]
            through = after + len(page) - (after - overlap)
            return _told(Told("page", 0, tuple(page), str(through), more=through < len(self.fills)))
        return b""

    def hear(self, line: bytes) -> bytes:
        """Remember what the node said; returns what it is to be told."""
        notice = msgspec.json.decode(line, type=Notice)
        self.notices.append(notice)
        self.effects += [bytes(raw) for raw in notice.effects]
        return b"".join(self.answer(msgspec.json.decode(raw)) for raw in notice.effects)


class Life:
    """One child process, its pipes, and what it said."""

    def __init__(self, journal: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "kill_child.py"), str(journal)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.lines: queue.Queue[bytes] = queue.Queue()
        self.last_line = b""
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.last_line = line
                if line != b"committing\n":
                    self.lines.put(line)

    def tell(self, data: bytes) -> None:
        assert self.process.stdin is not None
        if data:
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def end(self) -> list[bytes]:
        """Wait for the end; what was said and not yet heard."""
        self.process.wait()
        self._reader.join()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return list(self.lines.queue)


def live_and_die(world: World, journal: Path) -> None:
    """One life, from its start to a SIGKILL at a random moment of starting or of working."""
    life = Life(journal)
    starting = world.dice.chance(1, 5)
    if not starting:
        life.tell(world.hear(life.lines.get(timeout=30)))
    until = time.monotonic_ns() + world.dice.below(LIFE_NS_MAX * (2 if starting else 1))
    while time.monotonic_ns() < until:
        life.tell(world.live() if not starting else b"")
        while not life.lines.empty():
            life.tell(world.hear(life.lines.get()))
        time.sleep(world.dice.below(1000) / 10**6)
    life.process.kill()
    for line in life.end():
        world.hear(line)
    assert life.process.returncode == -9, "it was to be killed, not to fall"
    world.killed_in_commit += life.last_line == b"committing\n"


def live_and_close(world: World, journal: Path) -> None:
    """The last life: hear everything out, then close the door properly."""
    life = Life(journal)
    quiet = 0
    while quiet < 3:
        try:
            life.tell(world.hear(life.lines.get(timeout=10 if not quiet else 0.1)))
            quiet = 1
        except queue.Empty:
            quiet += 1
    assert life.process.stdin is not None
    life.process.stdin.close()
    life.process.wait(timeout=30)
    for line in life.end():
        world.hear(line)
    assert life.process.returncode == 0


def test_a_hundred_kills_lose_nothing_acknowledged_and_double_nothing(tmp_path: Path) -> None:
    """The books equal the world's truth to the unit, and all that was acknowledged is recorded."""
    world, journal = World(Dice(2).stream("kills")), tmp_path / "journal.db"
    for _ in range(KILLS):
        live_and_die(world, journal)
    live_and_close(world, journal)

    assert len(world.fills) > KILLS
    assert world.killed_in_commit > 0, "no kill hit a commit: the test has lost its point"
    assert not disagreements(world, journal)


def disagreements(world: World, journal: Path) -> list[str]:
    """Where the journal and its books differ from what the world knows."""
    wrong = []
    verdict = verify(journal)
    if verdict.status != "sound" or not verdict.anchored:
        wrong.append(str(verdict))
    replayed = replay(journal)
    wrong += [str(difference) for difference in replayed.differences]
    for name, amount in truth(world.fills).items():
        held = replayed.state.holdings.get(name, 0)
        if held != amount:
            wrong.append(f"{name}: {held}, in truth {amount}")
    connection = open_for_reading(journal)
    records = list(read_records(connection))
    heads = dict(connection.execute("SELECT last, chain FROM groups"))
    connection.close()
    for notice in world.notices:
        if heads.get(notice.last, b"").hex() != notice.chain:
            wrong.append(f"the group ending at {notice.last} is not the acknowledged one")
    return wrong + lost_or_doubled(world, records)


def lost_or_doubled(world: World, records: list[Record]) -> list[str]:
    recorded = Counter(record.body for record in records if record.kind == "effect")
    heard = Counter(world.effects)
    wrong = [f"acknowledged and lost: {effect!r}" for effect in heard - recorded]
    orders = [effect for effect in recorded.elements() if b'"PlaceOrder"' in effect]
    names = Counter(str(msgspec.json.decode(order)["client_order_id"]) for order in orders)
    wrong += [f"{name} was chosen {times} times" for name, times in names.items() if times > 1]
    told = {record.identity.split(":")[2] for record in records if record.name == "FillReported"}
    wrong += [f"fill {fill.id} is missing" for fill in world.fills if str(fill.id) not in told]
    if len(orders) > world.orders:
        wrong.append(f"{len(orders)} orders were made of {world.orders} wishes")
    return wrong


def test_the_comparison_bites(tmp_path: Path) -> None:
    """A fill that the world has and the books lack, and a notice of a group that is not there."""
    world, journal = World(Dice(3).stream("kills")), tmp_path / "journal.db"
    live_and_close(world, journal)
    assert not disagreements(world, journal)
    world.new_fill()
    world.notices.append(Notice(10**6, "00", ()))
    world.effects.append(b"{}")
    found = "\n".join(disagreements(world, journal))
    assert "in truth" in found
    assert "acknowledged one" in found
    assert "acknowledged and lost" in found
    assert "fill 1 is missing" in found


def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    """While one process writes a journal no other can, and after a kill the next one can."""
    journal = tmp_path / "journal.db"
    life = Life(journal)
    life.lines.get(timeout=30)
    second = Life(journal)
    second.process.wait(timeout=30)
    second.end()
    life.process.kill()
    life.end()
    assert second.process.returncode == 1
    SqliteStore(journal).close()


def _told(told: Told) -> bytes:
    return msgspec.json.encode(told) + b"\n"


def _order(reference: int) -> bytes:
    return (
        b'{"type":"OrderRequested","received_at":1,"strategy":"s","reference":"%d",'
        b'"account":"toy/main","instrument":"%s","side":"buy","quantity":100000000,'
        b'"kind":"limit","price":1000000000000}\n'
    ) % (reference, INSTRUMENT.encode())
