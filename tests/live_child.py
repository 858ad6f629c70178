"""A live node in a process of its own, which dies by SIGKILL at a chosen point.

    python -m tests.live_child VENUE PORT CA JOURNAL POINT AFTER

It dies at the point's AFTERth opportunity; at any other it lives until somebody else kills it.
Before it dies at "synced" it lays out, in the folder `survived` beside the journal, what a disk has
after a power cut: all that was synced, and of the rest any part.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

import ccxt.pro

from core.effects import Effect, PlaceOrder
from core.events import Event
from core.frames import Frame
from scenarios.model import VenueSpec
from sim.dice import Dice
from tests.live import KEY, trading
from tests.vfs import Disk, Op
from tieout.journals.sqlite_store import SqliteStore
from tieout.live import LiveNode, Way
from tieout.wire.fronts import FRONTS, WAYS
from tieout.wire.tls import session
from tieout.wire.world import scenario_of
from venues.live import Live

TICK_MS = 60


class Doom:
    """Counts the opportunities of one point, and strikes at the last."""

    def __init__(self, point: str, after: int, last_words: Callable[[], None]) -> None:
        self.point, self.left, self._last_words = point, after, last_words

    def may(self, point: str) -> None:
        if point != self.point:
            return
        self.left -= 1
        if self.left <= 0:
            self._last_words()
            os.kill(os.getpid(), signal.SIGKILL)


class Writes(list[Op]):
    """What was done to a disk that has the journal's files already; it may end at any write."""

    def __init__(self, doom: Doom, journal: Path) -> None:
        super().__init__()
        for file in (journal, journal.with_name(f"{journal.name}-wal")):
            if file.exists():
                super().append(Op(file.name, "write", 0, file.read_bytes()))
                super().append(Op(file.name, "sync"))
        self._doom = doom

    def append(self, op: Op) -> None:
        super().append(op)
        if op.kind == "write":
            self._doom.may("synced")


def stand_in_the_way(node: LiveNode, doom: Doom) -> None:
    """Each point is one of the live loop's own: before a commit, before a send, at an answer."""
    loop = node.loop
    commit, perform, deliver = loop.node.commit, loop.perform, loop.deliver

    def dying_commit() -> list[Effect]:
        doom.may("before_commit")
        return commit()

    def dying_perform(effect: Effect) -> None:
        if isinstance(effect, PlaceOrder):
            doom.may("before_send")
        perform(effect)

    def dying_deliver(told: Event | Frame) -> None:
        deliver(told)
        accounts = node.node.state.accounts.values()
        if isinstance(told, Frame) and told.channel == "rest":
            if any(account.backfill.waiting for account in accounts):
                doom.may("backfill")

    loop.node.commit = dying_commit  # type: ignore[method-assign]
    loop.perform = dying_perform  # type: ignore[method-assign]
    loop.deliver = dying_deliver  # type: ignore[method-assign]


async def live(venue: str, port: int, ca: Path, journal: Path, point: str, after: int) -> None:
    disk = Disk(f"disk-{os.getpid()}")

    def survive() -> None:
        if point == "synced":
            folder = journal.parent / "survived"
            folder.mkdir(exist_ok=True)
            disk.lay_out(len(disk.log), Dice(after).stream("power"), folder)

    doom = Doom(point, after, survive)
    disk.log = Writes(doom, journal)
    spec: VenueSpec = scenario_of(venue).venues[0]
    client = session(FRONTS[venue](KEY).hosts, port, ssl.create_default_context(cafile=str(ca)))
    told = {"apiKey": KEY.name, "secret": KEY.secret, "password": KEY.passphrase}
    ways = WAYS[venue]
    made = getattr(ccxt.pro, ways.exchange)
    exchange = made({**told, "session": client, "options": dict(ways.options)})
    way = Live(exchange, ways, client, time.time_ns)
    symbols = tuple(each.symbol for each in spec.instruments)
    store = SqliteStore(journal, vfs=disk.name if point == "synced" else None)
    reached = [Way(spec, way, way.open_public(symbols))]
    node = LiveNode("tie", store, reached, trading(venue, TICK_MS), clock=time.time_ns)
    stand_in_the_way(node, doom)
    print("up", flush=True)
    await node.run()


if __name__ == "__main__":
    name, at_port, ca_file, where, at, times = sys.argv[1:]
    asyncio.run(live(name, int(at_port), Path(ca_file), Path(where), at, int(times)))
