"""A live node under load, killed by SIGKILL again and again, at each point where it may hurt.

    python -m tests.live_kills [--times 3]

At each first-class venue, all at once, one life after another dies: before a commit; between a
commit and the write to the socket; between the venue's act and its reply; during back-fill; and
with the power, so that the next life has only what was synced. Then a last life stays, the venue
is healed, and the books must be the venue's to the unit, with no order lost or taken twice and no
outcome unknown.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from core.effects import PlaceOrder, TellStrategy
from core.journal import decode_effect
from core.orders import TERMINAL
from sim.dice import Dice
from tests.live import Running, Served
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore
from tieout.journals.verify import verify
from tieout.wire.world import rough
from venues.simulated import Asked, SimulatedVenue

VENUES = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse")
# Each point, and at which of its opportunities a life dies there, at the earliest and the latest.
POINTS = {
    "before_commit": (40, 200),
    "before_send": (5, 25),
    "act_and_reply": (5, 25),
    "backfill": (3, 40),
    "synced": (60, 400),
}
FAULTS_ONE_IN = 60
LIFE_S_MAX = 60.0
SEED = 11


class Watched:
    """A venue, whose every order taken is told of before it is answered."""

    def __init__(self, venue: SimulatedVenue, acted: Callable[[], None]) -> None:
        self._venue, self._acted = venue, acted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    def handle(self, asked: Asked) -> Any:
        orders = len(self._venue.exchange.tickets)
        answer = self._venue.handle(asked)
        if len(self._venue.exchange.tickets) > orders:
            self._acted()
        return answer


class Lives:
    """One venue, and one life of a node after another."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served, self.folder = served, folder
        self.journal, self.ca = folder / "journal.db", folder / "ca.pem"
        served.authority.save(self.ca)
        self.died: Counter[str] = Counter()
        self._doomed: asyncio.subprocess.Process | None = None
        self._left = 0
        site = served.world.sites[served.venue]
        self._exchange = site.venue.exchange
        site.venue = Watched(site.venue, self.acted)  # type: ignore[assignment]

    def acted(self) -> None:
        """The venue took an order; whoever waits for its reply may die now."""
        if self._doomed is not None:
            self._left -= 1
            if self._left <= 0:
                os.kill(self._doomed.pid, signal.SIGKILL)
                self._doomed = None

    async def live_and_die(self, point: str, after: int) -> None:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.live_child", self.served.venue),
            *(str(self.served.server.port), str(self.ca), str(self.journal), point, str(after)),
        )
        if point == "act_and_reply":
            self._doomed, self._left = child, after
        try:
            ended = await asyncio.wait_for(child.wait(), LIFE_S_MAX)
        finally:
            self._doomed = None
            if child.returncode is None:
                child.kill()
        if ended != -signal.SIGKILL:
            raise RuntimeError(f"{self.served.venue}, {point}: it ended by itself with {ended}")
        self.died[point] += 1
        if point == "synced":
            self._wake_up_after_the_power()

    def _wake_up_after_the_power(self) -> None:
        """What was synced is there, and of the rest whatever the disk kept."""
        survived = self.folder / "survived"
        for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        for file in survived.iterdir():
            shutil.move(file, self.folder / file.name)

    async def last_life(self) -> dict[str, Any]:
        """It stays until its books are the venue's."""
        running = Running.begin(self.served, self.journal)
        await running.last(2)
        self.served.world.heal()
        running.node.rest()
        await running.converge()
        orders = running.node.node.state.orders
        working = {name for name, each in orders.items() if each.status not in TERMINAL}
        books = dict(running.node.node.state.holdings)
        await running.die()
        return {**self._orders(working), "differences": len(self._wrong(books))}

    def _orders(self, working: set[str]) -> dict[str, int]:
        asked, unknown = Counter[str](), set[str]()
        with ExitStack() as stack:
            store = SqliteStore(self.journal)
            stack.callback(store.close)
            for record in store.records():
                if record.name not in ("PlaceOrder", "TellStrategy"):
                    continue
                effect = decode_effect(record.body)
                if isinstance(effect, PlaceOrder):
                    asked[effect.client_order_id] += 1
                elif isinstance(effect, TellStrategy) and effect.status == "unknown":
                    unknown.add(effect.client_order_id)
        tickets = self._exchange.tickets.values()
        taken = Counter(each.client_id for each in tickets if each.client_id)
        return {
            "orders": len(taken),
            "unknown_outcomes": len(unknown),
            "unknown_left": len(unknown & working),
            "taken_twice": sum(times - 1 for times in taken.values()),
            "not_in_the_journal": len(set(taken) - set(asked)),
            "fills": sum(map(len, self._exchange.trades.values())),
        }

    def _wrong(self, books: dict[str, int]) -> list[str]:
        """A journal that is not sound, or does not replay to the books that were held."""
        found = [] if verify(self.journal).status == "sound" else ["the journal is not sound"]
        again = replay(self.journal)
        found += [] if again.state.holdings == books else ["a replay has other books"]
        return found + [str(each) for each in again.differences]


async def kill_at(venue: str, folder: Path, times: int, screen: Console) -> dict[str, Any]:
    """All its lives; the points come in a drawn order."""
    served = await Served.start(venue, SEED, rough(FAULTS_ONE_IN))
    lives = Lives(served, folder)
    dice = Dice(SEED).stream(f"kills/{venue}")
    points = [point for point in POINTS for _ in range(times)]
    while points:
        point = points.pop(dice.between(0, len(points) - 1))
        await lives.live_and_die(point, dice.between(*POINTS[point]))
        screen.print(f"{venue}: killed {lives.died.total()} times, now at {point}")
    result = await lives.last_life()
    await served.server.stop()
    return {**result, **lives.died}


async def kill_everywhere(folder: Path, times: int, screen: Console) -> dict[str, dict[str, Any]]:
    """Every venue at once, each with a journal of its own."""
    for venue in VENUES:
        (folder / venue).mkdir()
    runs = (kill_at(venue, folder / venue, times, screen) for venue in VENUES)
    return dict(zip(VENUES, await asyncio.gather(*runs), strict=True))


def failings(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    for venue, result in results.items():
        for bad in ("unknown_left", "taken_twice", "not_in_the_journal", "differences"):
            if result[bad]:
                yield f"{venue}: {bad} {result[bad]}"
        if not result["unknown_outcomes"]:
            yield f"{venue}: no outcome was ever unknown"


@click.command()
@click.option("--times", default=3, help="So often at each point, at each of four venues.")
def main(times: int) -> None:
    """Kill live nodes under load, and hold what is left against the venues."""
    screen = Console(highlight=False, width=100)
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(kill_everywhere(Path(folder), times, screen))
    table = Table("", *results, title="killed by SIGKILL, under load")
    for name in next(iter(results.values())):
        table.add_row(name.replace("_", " "), *(str(each[name]) for each in results.values()))
    screen.print(table)
    found = list(failings(results))
    for words in found:
        screen.print(f"FAILED {words}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
