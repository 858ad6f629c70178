"""A node whose gates run in processes of their own: one event loop, and one door as everywhere.

    gates (`tieout.gates.gate_server`) ─┐                             ┌─→ gates
    venues, alarms, people       ─┴→ deliver → step → [commit] ─┴─→ `perform`: all other effects

Effects leave after their group is durable; a group waits `group_wait_s` for company. Cancels wait
for none.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from nats.aio.client import Client

from core.effects import Effect, TellMove, TellPosition, TellStrategy
from core.events import Event
from core.frames import Frame
from core.node import Node
from core.risk_effects import TellStanding
from tieout.gates.gate_server import GateServer
from tieout.node.loop import GROUP_WAIT_S, NodeLoop


class NodeProcess:
    """The loop around a node. `counts` says what was not taken in, and why."""

    def __init__(
        self,
        node: Node,
        perform: Callable[[Effect], None],
        gates: Mapping[str, frozenset[str]],
        *,
        clock: Callable[[], int] = time.time_ns,
        group_wait_s: float = GROUP_WAIT_S,
    ) -> None:
        """`gates` are the strategies of each gate; `perform` asks of venues what is to be done."""
        self.node, self._perform_rest = node, perform
        self.loop = NodeLoop(
            node,
            self._perform,
            clock=clock,
            group_wait_s=group_wait_s,
            committed=self._committed,
        )
        self.gates = GateServer(self.loop, gates)

    @property
    def counts(self) -> Counter[str]:
        return self.gates.counts

    async def run(self, socket: Path, client: Client, deployment: str) -> None:
        """Serve until cancelled; a socket or a timer outlives the loop in no case."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.gates.run(socket, client, deployment))
            group.create_task(self.loop.run())

    def deliver(self, told: Event | Frame) -> None:
        """Take in what was told; an order on a ticket is decided again before."""
        if isinstance(told, Frame):
            self.loop.deliver(told)
        else:
            self.gates.deliver(told)

    async def _committed(self) -> None:
        await self.gates.committed()

    def _perform(self, effect: Effect) -> None:
        if self.gates.perform(effect):
            return
        if isinstance(effect, TellStrategy | TellPosition | TellMove | TellStanding):
            self.counts["told nobody"] += 1
        else:
            self._perform_rest(effect)
