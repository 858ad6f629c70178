"""The loop around a node: what ends it, what makes it wait, and what leaves all the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from msgspec import UNSET

from core.effects import CancelOrder, Effect, PlaceOrder
from core.events import AlarmRang, CancelRequested, Event
from core.frames import Frame
from core.journal import Journal, encode_state
from core.node import Node, recover
from core.reading import dismissed
from risk.adapter import LimitGate
from sim.memory_store import MemoryStore
from tests.facts import SPOT, opened, spot, started, wish
from tieout.journals.sqlite_store import JournalFull
from tieout.node import loop as node_loop
from tieout.node.loop import NodeLoop, Overwhelmed


class Wrong(Exception):
    """Somebody who looks at events first breaks."""


def breaks(told: Event) -> None:
    raise Wrong(type(told).__name__)


def test_who_looks_at_an_event_first_and_breaks_ends_the_loop() -> None:
    node = Node(Journal(MemoryStore()), {}, LimitGate())
    loop = NodeLoop(node, lambda effect: None, clock=lambda: 1)

    async def lived() -> None:
        with pytest.raises(Wrong):
            loop.deliver(AlarmRang(received_at=0, alarm="x"), breaks)
        await loop.run()

    with pytest.raises(Wrong):
        asyncio.run(asyncio.wait_for(lived(), 10))
    assert node.journal.store.last()[0] == 0, "and nothing of it was taken in"


# --- a journal without room, and too much that is heard ----------------------------------------


class Small(MemoryStore):
    """A store with room for so many records, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.has_room = True

    def commit(self, last: int, chain: bytes) -> None:
        if not self.has_room:
            raise JournalFull("no room")
        super().commit(last, chain)


@dataclass
class House:
    """A node that keeps two orders working, what it asked for, and whom it called."""

    store: Small = field(default_factory=Small)
    asked: list[Effect] = field(default_factory=list)
    called: list[tuple[str, str, str]] = field(default_factory=list)
    loop: NodeLoop = field(init=False)

    def __post_init__(self) -> None:
        node = Node(Journal(self.store), {"venue": read}, LimitGate())
        clock = iter(range(1, 10**9)).__next__
        self.loop = NodeLoop(
            node,
            self.asked.append,
            clock=clock,
            alert=lambda *said: self.called.append(said),
        )

    async def begin(self) -> None:
        for event in (
            started(),
            opened(),
            spot(),
            wish("buy", "1", "0.5"),
            wish("buy", "1", "0.4"),
        ):
            self.loop.deliver(event)
        await self.loop.commit()

    def frame(self, number: int) -> Frame:
        at = self.loop.node.journal.next_number
        body = str(number).encode()
        return Frame(number=at, account=SPOT, channel="stream", received_at=1, body=body)

    def closed(self) -> list[str]:
        told = self.loop.node.state.risk.closures
        return [] if told is UNSET else [each.code for each in told.values()]

    def dismissed(self) -> int:
        return self.loop.node.state.counts.get(f"dismissed/{SPOT}", 0)


def read(frame: Frame, decimals: object) -> list[Event]:
    return dismissed(frame, frame.body.decode())


def heard_in_order(store: Small) -> list[int]:
    return [int(each.body) for each in store.committed if each.kind == "frame"]


def test_a_journal_without_room_holds_all_but_cancels_and_goes_on_with_room() -> None:
    async def lived() -> None:
        house = House()
        await house.begin()
        house.store.has_room = False
        house.loop.deliver(wish("buy", "1", "0.3"))
        house.asked.clear()
        await house.loop.commit()
        await house.loop.commit()
        assert house.loop.held
        assert house.asked == [], "nothing that is not durable leaves"
        assert [each[:2] for each in house.called] == [("node", "critical")], "people hear, once"
        name = next(iter(house.loop.node.state.accounts[SPOT].working))
        told = CancelRequested(received_at=0, strategy="mm", client_order_id=name)
        house.loop.deliver(told)
        house.loop.cancels_now()
        assert [type(each) for each in house.asked] == [CancelOrder]
        for number in range(600):
            house.loop.hear(house.frame(number))
        assert house.closed() == ["JOURNAL_FULL"]
        house.store.has_room = True
        for _ in range(5):
            await house.loop.commit()
        assert heard_in_order(house.store) == list(range(600)), "each, once, in order"
        assert len([each for each in house.asked if isinstance(each, PlaceOrder)]) == 1
        assert (house.closed(), house.loop.held) == ([], False)
        again = recover(Journal(house.store), LimitGate())
        assert encode_state(again) == encode_state(house.loop.node.state)

    asyncio.run(asyncio.wait_for(lived(), 20))


def test_too_much_that_waits_closes_the_entries_and_none_of_it_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_loop, "GROUP_MAX", 4)
    monkeypatch.setattr(node_loop, "WAITING_MAX", 20)

    async def lived() -> None:
        house = House()
        await house.begin()
        for number in range(24):
            house.loop.hear(house.frame(number))
        assert (house.dismissed(), house.loop.waiting()) == (4, 20)
        assert house.closed() == []
        house.loop.hear(house.frame(24))
        assert house.closed() == ["QUEUE_FULL"]
        await house.loop.commit()
        assert house.closed() == ["QUEUE_FULL"], "until half of it is gone"
        for _ in range(3):
            await house.loop.commit()
        assert house.closed() == []
        for _ in range(5):
            await house.loop.commit()
        assert heard_in_order(house.store) == list(range(25))

    asyncio.run(asyncio.wait_for(lived(), 20))


def test_a_node_that_can_never_catch_up_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_loop, "GROUP_MAX", 1)
    monkeypatch.setattr(node_loop, "WAITING_END", 30)

    async def lived() -> None:
        house = House()
        await house.begin()
        for number in range(40):
            house.loop.hear(house.frame(number))
        with pytest.raises(Overwhelmed):
            await house.loop.run()

    asyncio.run(asyncio.wait_for(lived(), 20))
