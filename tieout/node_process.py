"""A node whose gates run in processes of their own: one event loop, and one door as everywhere.

    socket: orders, cancels ─┐                             ┌─→ socket: what became of orders
    stream: gates, leases   ─┼→ deliver → step → [commit] ─┼─→ stream: epochs, grants, returns
    venues, alarms, people  ─┘                             └─→ `perform`: all other effects

Rule 1. What was told is acknowledged to the stream after the commit that holds it, and not before.
Rule 2. Effects leave after their group is durable; a group waits `group_wait_s` for company.
Cancels wait for none.
Rule 3. A process speaks for its own gate and that gate's strategies, and sends no order without its
gate's ticket; one that does otherwise is hung up on, and nothing of it is delivered.
Rule 4. What a gate decided is decided again (`risk.decisions`). One that let pass what its lease
did not cover is fenced before the order is taken in, so that the order is refused.
Rule 5. A process that connects is told what its strategies hold, as of a commit; what it missed
before that it need not know.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg

from core import positions
from core.effects import Effect, TellPosition, TellStrategy
from core.events import CancelRequested, Event, OrderRequested
from core.frames import Frame
from core.node import Node
from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate, TellStanding
from core.risk_events import GateFenced
from risk.decisions import Decisions
from tieout import order_socket
from tieout.lease_stream import FAILED, LeaseStream, read_from_gate, to_gate, to_node
from tieout.node_loop import GROUP_WAIT_S, NodeLoop
from tieout.order_socket import FromGate, GateConnected, NotAMessage, Told

DURABLE = "node"


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
        self.node = node
        self.counts: Counter[str] = Counter()
        self._perform_rest, self._gates = perform, gates
        self.loop = NodeLoop(
            node,
            self._perform,
            clock=clock,
            group_wait_s=group_wait_s,
            before=self._decided_again,
            committed=self._committed,
        )
        self._decisions = Decisions(node.state.risk.epochs)
        self._of = {strategy: gate for gate, mine in gates.items() for strategy in mine}
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._uncommitted: list[Msg] = []
        self._newcomers: list[str] = []
        self._leases: LeaseStream | None = None
        self._deployment = ""

    async def run(self, socket: Path, client: Client, deployment: str) -> None:
        """Serve until cancelled; a socket or a timer outlives the loop in no case."""
        self._deployment = deployment
        self._leases = LeaseStream(client, deployment, to_node(deployment, "*"), DURABLE)
        server = await order_socket.listen(socket, self._serve)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._leases.say())
                group.create_task(self._leases.hear(self._hear))
                group.create_task(self.loop.run())
        finally:
            server.close()
            for writer in self._writers.values():
                writer.transport.abort()

    # --- the one door -----------------------------------------------------------------------------

    def deliver(self, told: Event | Frame) -> None:
        """Take in what was told; an order on a ticket is decided again before."""
        self.loop.deliver(told)

    def _decided_again(self, told: Event) -> None:
        wrong = self._decisions.told(told)
        if wrong and isinstance(told, OrderRequested) and told.ticket is not None:
            gate = told.ticket.gate
            self.counts["decided otherwise"] += 1
            now = self.loop.now()
            self.node.deliver(GateFenced(received_at=now, gate=gate, by="node", reason=wrong))

    async def _committed(self) -> None:
        """What was told is durable: its senders may forget it."""
        held, self._uncommitted = self._uncommitted, []
        self._tell_newcomers()
        for message in held:
            with suppress(*FAILED):  # it comes again, and says the same
                await message.ack()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case TellGate() | GrantLease() | AcknowledgeReturn():
                self._decisions.caused(effect)
                if self._leases is not None:
                    self._leases.tell(to_gate(self._deployment, effect.gate), effect)
            case TellStrategy() | TellPosition() | TellStanding():
                self._tell(effect)
            case _:
                self._perform_rest(effect)

    # --- the stream -------------------------------------------------------------------------------

    async def _hear(self, message: Msg) -> None:
        told = read_from_gate(message)
        if told is None:
            self.counts["not read"] += 1
            with suppress(*FAILED):
                await message.term()
            return
        self._uncommitted.append(message)
        self.deliver(told)

    # --- the socket -------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One process, for as long as it is there and says what it may."""
        gate = ""
        try:
            gate = await self._greeted(reader)
            self._writers[gate] = writer
            self._newcomers.append(gate)
            self.loop.wake()
            while (told := await order_socket.from_gate(reader)) is not None:
                self._take(gate, told)
        except NotAMessage as error:
            self.counts[f"hung up: {error}"] += 1
        finally:
            if self._writers.get(gate) is writer:
                del self._writers[gate]
            writer.close()

    async def _greeted(self, reader: asyncio.StreamReader) -> str:
        told = await order_socket.from_gate(reader)
        if not isinstance(told, GateConnected) or told.gate not in self._gates:
            raise NotAMessage("no gate of ours")
        return told.gate

    def _take(self, gate: str, told: FromGate) -> None:
        match told:
            case OrderRequested() if told.strategy in self._gates[gate]:
                if told.ticket is None or told.ticket.gate != gate:
                    raise NotAMessage("an order without its gate's ticket")
                self.deliver(told)
            case CancelRequested() if told.strategy in self._gates[gate]:
                self.deliver(told)
                self.loop.cancels_now()
            case _:
                raise NotAMessage("not for this process to say")

    def _tell_newcomers(self) -> None:
        """Between a commit and whatever is delivered next: so nothing moves it that is told too."""
        newcomers, self._newcomers = self._newcomers, []
        for effect in positions.tell_all(self.node.state) if newcomers else ():
            if isinstance(effect, TellPosition) and self._of.get(effect.strategy) in newcomers:
                self._tell(effect)

    def _tell(self, effect: TellStrategy | TellPosition | TellStanding) -> None:
        """To the process of the strategy, if it is there."""
        writer = self._writers.get(self._of.get(effect.strategy, ""))
        through = self.node.journal.next_number - 1
        if writer is None or not order_socket.send(writer, Told(through, effect)):
            self.counts["told nobody"] += 1
