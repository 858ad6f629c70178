"""Something is wrong while a node trades over real sockets: entries close, cancels and exits work.

Each trouble at a venue of its own, all at once: it begins, is told to people, ends by itself, and
after it the books are the venue's truth.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from core.events import OrderRequested
from core.positions import held
from tests.live import KEY, OurClock, Running, Served
from tieout.journals.replay import replay
from tieout.node import loop as node_loop
from venues.served import Key

CANCELS = {
    "binance_spot": "DELETE /api/v3/order",
    "binance_usdm": "DELETE /fapi/v1/order",
    "okx_swap": "POST /api/v5/trade/cancel-order",
    "bybit_inverse": "POST /v5/order/cancel",
}
FULL = pytest.mark.skipif("TIEOUT_FULL" not in os.environ, reason="takes half a minute")
OTHERS = ("VENUE_DOWN", "QUEUE_FULL", "JOURNAL_FULL")
Alerts = list[tuple[str, str, str]]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 150))


class Story:
    """One node at one venue, which trades."""

    def __init__(self, served: Served, running: Running, clock: OurClock, alerts: Alerts) -> None:
        self.served, self.running, self.clock, self.alerts = served, running, clock, alerts
        self.state = running.node.node.state

    @classmethod
    async def begin(cls, venue: str, journal: Path) -> Story:
        served, clock = await Served.start(venue, 7), OurClock()
        alerts: Alerts = []
        running = Running.begin(served, journal, alerts=alerts, clock=clock)
        story = cls(served, running, clock, alerts)
        await story.until(lambda: running.node.said()["fills"] > 5 and running.node.working() > 0)
        return story

    async def until(self, true: Callable[[], object], seconds: float = 40) -> None:
        for _ in range(int(seconds * 20)):
            if true():
                return
            await self.running.last(0.05)
        raise AssertionError((self.served.venue, self.running.node.said(), self.alerts[-3:]))

    def refused(self, code: str) -> int:
        return self.state.counts.get(f"refused/{code}", 0)

    def refused_at_all(self) -> int:
        """By whatever is wrong: on a slow machine the venue's clock falls behind, too."""
        return sum(self.refused(code) for code in ("CLOCK_WRONG", "KEY_REFUSED", *OTHERS))

    def closed(self) -> list[str]:
        told = self.state.risk.closures
        return [] if told is UNSET else [each.code for each in told.values()]

    def called(self, code: str) -> list[str]:
        return [how for _, how, text in self.alerts if f"closed: {code}" in text]

    def cancels_sent(self) -> int:
        return self.served.server.asked[CANCELS[self.served.venue]]

    async def closes(self, code: str) -> None:
        """Entries are refused by the code, cancels reach the venue's socket, and people heard."""
        await self.until(lambda: code in self.closed())
        before = self.refused_at_all()
        await self.until(lambda: self.refused_at_all() > before + 2)
        sent = self.cancels_sent()
        self.running.node.cancel_all()
        await self.until(lambda: self.cancels_sent() > sent or not self.running.node.working())
        await self.until(lambda: self.called(code))
        assert self.called(code) == ["critical"], "once"

    async def opens(self, code: str) -> None:
        """It is over by itself: orders pass, and books are the truth with nothing open."""
        await self.until(lambda: not self.closed())
        over = f"{code} is over"
        await self.until(lambda: any(over in text for _, how, text in self.alerts))
        made = self.running.node.said()["orders"]
        await self.until(lambda: self.running.node.said()["orders"] > made + 2)

    async def end(self) -> None:
        self.served.world.heal()
        self.running.node.rest()
        await self.running.converge()
        journal = self.running.store.path
        await self.running.die()
        await self.served.server.stop()
        replayed = replay(journal)
        assert not replayed.differences
        assert replayed.state.holdings == self.state.holdings


# --- each trouble ---------------------------------------------------------------------------------


async def key_revoked(folder: Path) -> None:
    story = await Story.begin("binance_spot", folder / "key.db")
    story.served.door.key = Key("another", KEY.secret)  # type: ignore[attr-defined]  # a door has a key
    await story.closes("KEY_REFUSED")
    story.served.door.key = KEY  # type: ignore[attr-defined]
    await story.opens("KEY_REFUSED")
    await story.end()


async def maintenance(folder: Path) -> None:
    story = await Story.begin("bybit_inverse", folder / "down.db")
    story.served.maintains(begins=True)
    await story.closes("VENUE_DOWN")
    story.served.maintains(begins=False)
    await story.opens("VENUE_DOWN")
    await story.end()


async def clock_wrong(folder: Path) -> None:
    """OKX takes requests that are five seconds off, so that an exit can be seen to go."""
    story = await Story.begin("okx_swap", folder / "clock.db")
    story.clock.wrong_ns = 5 * 10**9
    await story.until(lambda: story.refused("CLOCK_WRONG") > 2)
    await exits(story)
    await story.closes("CLOCK_WRONG")
    story.clock.wrong_ns = 0
    await story.opens("CLOCK_WRONG")
    await story.end()


async def exits(story: Story) -> None:
    """What a strategy holds it may still close; the venue has the order."""
    wish = exit_of(story)
    made = story.running.node.said()["orders"]
    refused = story.refused("CLOCK_WRONG")
    story.running.node.rest()
    story.running.node.cancel_all()
    await story.until(lambda: not story.running.node.working())
    story.running.node.loop.deliver(exit_of(story) or wish)
    await story.until(lambda: story.running.node.said()["orders"] > made)
    assert story.refused("CLOCK_WRONG") == refused
    tickets = story.served.world.sites[story.served.venue].venue.exchange.tickets.values()
    ours = list(story.state.orders)[-1]
    await story.until(lambda: ours in [each.client_id for each in tickets])
    story.running.node.wake()


def exit_of(story: Story) -> OrderRequested:
    for account in story.state.accounts.values():
        for listing in account.listings.values():
            for leg in ("long", "short"):
                amount = held(story.state, "tk", account.name, listing, leg)  # type: ignore[arg-type]
                if amount:
                    return OrderRequested(
                        received_at=0,
                        strategy="tk",
                        reference="exit",
                        account=account.name,
                        instrument=listing.instrument,
                        side="sell" if amount > 0 else "buy",
                        quantity=abs(amount),
                        kind="market",
                        leg=leg,  # type: ignore[arg-type]
                        reduce_only=True,
                    )
    raise AssertionError("it holds nothing")


async def queue_overfull(folder: Path, patched: pytest.MonkeyPatch) -> None:
    """Commits became so slow that more is heard than taken in."""
    story = await Story.begin("binance_usdm", folder / "queue.db")
    loop = story.running.node.loop
    with patched.context() as slow:
        slow.setattr(loop, "group_wait_s", 0.6)
        slow.setattr(node_loop, "GROUP_MAX", 2)
        slow.setattr(node_loop, "WAITING_MAX", 12)
        await story.closes("QUEUE_FULL")
    await story.opens("QUEUE_FULL")
    assert loop.waiting() < 12
    await story.end()


def test_entries_close_while_something_is_wrong_and_open_when_it_is_over(tmp_path: Path) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(key_revoked(tmp_path), maintenance(tmp_path), clock_wrong(tmp_path))

    run(all_of_them())


@FULL
def test_entries_close_while_too_much_waits_and_nothing_of_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(queue_overfull(tmp_path, monkeypatch))


# --- a journal without room -----------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Path, Callable[[], None], Callable[[], None]]]:
    """A file system of its own; it is filled to the last byte, and emptied again."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    ballast = folder / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 8, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    try:
        yield folder, fill, ballast.unlink
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def few_pages(folder: Path) -> Iterator[tuple[Path, Callable[[], None], Callable[[], None]]]:
    """A journal that SQLite is told to let grow no more."""
    folder.mkdir()
    yield folder, lambda: None, lambda: None


async def disk_full(place: tuple[Path, Callable[[], None], Callable[[], None]]) -> None:
    folder, fill, empty = place
    story = await Story.begin("binance_usdm", folder / "full.db")
    node, cursor = story.running.node, story.running.store._cursor

    def pages(most: str) -> None:
        if fill.__name__ == "<lambda>":
            cursor.execute(f"PRAGMA max_page_count = {most}").fetchall()

    pages("1")
    fill()
    await story.until(lambda: node.loop.held)
    last = story.running.store.last()[0]
    before = node.refused_unheard
    await story.until(lambda: node.refused_unheard > before + 3)
    sent = story.cancels_sent()
    assert node.working()
    node.cancel_all()
    await story.until(lambda: story.cancels_sent() > sent)
    assert story.running.store.last()[0] == last, "nothing of it is durable"
    (told,) = [each for each in story.alerts if "JOURNAL_FULL" in each[2]]
    assert told[1] == "critical"
    empty()
    pages("4294967294")
    await story.opens("JOURNAL_FULL")
    await story.end()


@pytest.mark.parametrize("disk", [few_pages, pytest.param(small_disk, marks=FULL)])
def test_a_full_disk_holds_all_but_cancels_and_with_room_all_goes_on(
    disk: Any, tmp_path: Path
) -> None:
    with disk(tmp_path / "disk") as place:
        run(disk_full(place))
