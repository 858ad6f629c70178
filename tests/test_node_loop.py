"""The loop around a node: what breaks while it takes something in ends it."""

from __future__ import annotations

import asyncio

import pytest

from core.events import AlarmRang, Event
from core.journal import Journal
from core.node import Node
from risk.adapter import LimitGate
from sim.memory_store import MemoryStore
from tieout.node_loop import NodeLoop


class Wrong(Exception):
    """Somebody who looks at events first breaks."""


def breaks(told: Event) -> None:
    raise Wrong(type(told).__name__)


def test_who_looks_at_an_event_first_and_breaks_ends_the_loop() -> None:
    node = Node(Journal(MemoryStore()), {}, LimitGate())
    loop = NodeLoop(node, lambda effect: None, clock=lambda: 1, before=breaks)

    async def lived() -> None:
        with pytest.raises(Wrong):
            loop.deliver(AlarmRang(received_at=0, alarm="x"))
        await loop.run()

    with pytest.raises(Wrong):
        asyncio.run(asyncio.wait_for(lived(), 10))
    assert node.journal.store.last()[0] == 0, "and nothing of it was taken in"
