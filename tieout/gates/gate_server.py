"""Gates in processes of their own, as a node's loop serves them, whatever loop that is.

    socket: orders, cancels ─┐                    ┌─→ socket: what became of orders
    stream: gates, leases   ─┴→ the node's loop  ─┴─→ stream: epochs, grants, returns

Rule 1. What was told is acknowledged to the stream after the commit that holds it, and not before.
What cannot be taken in, because the journal is full, is not acknowledged: it comes again.
Rule 2. A process speaks for its own gate and that gate's strategies, and sends no order without its
gate's ticket; one that does otherwise is hung up on, and nothing of it is delivered.
Rule 3. What a gate decided is decided again (`risk.decisions`). One that let pass what its lease
did not cover is fenced before the order is taken in, so that the order is refused.
Rule 4. A process that connects is told what its strategies hold, as of a commit; what it missed
before that it need not know.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace
from nats.aio.client import Client
from nats.aio.msg import Msg

from core import positions
from core.effects import Effect, TellMove, TellPosition, TellStrategy
from core.events import CancelRequested, Event, MoveRequested, OrderRequested
from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate, TellStanding
from core.risk_events import GateFenced
from risk.beside import refusal
from risk.decisions import Decisions
from tieout.gates import order_socket
from tieout.gates.lease_stream import FAILED, LeaseStream, read_from_gate, to_gate, to_node
from tieout.gates.order_socket import FromGate, GateConnected, NotAMessage, Told
from tieout.node.loop import JOURNAL_FULL, NodeLoop

DURABLE = "node"
RESTING = "RESTING"


class GateServer:
    """All gates beside one node's loop. `counts` says what was not taken in, and why.

    While it is `resting`, orders are refused where they come in, and cancels are not.
    """

    def __init__(self, loop: NodeLoop, gates: Mapping[str, frozenset[str]]) -> None:
        """`gates` are the strategies of each gate."""
        self._loop, self._gates = loop, gates
        self.counts: Counter[str] = Counter()
        self.resting = False
        self._decisions = Decisions(loop.node.state.risk.epochs)
        self._of = {strategy: gate for gate, mine in gates.items() for strategy in mine}
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._uncommitted: list[Msg] = []
        self._newcomers: list[str] = []
        self._leases: LeaseStream | None = None
        self._deployment = ""

    async def run(self, socket: Path, client: Client, deployment: str) -> None:
        """Serve until cancelled; the socket outlives it in no case."""
        self._deployment = deployment
        self._leases = LeaseStream(client, deployment, to_node(deployment, "*"), DURABLE)
        server = await order_socket.listen(socket, self._serve)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._leases.say())
                group.create_task(self._leases.hear(self._hear))
        finally:
            server.close()
            for writer in self._writers.values():
                writer.transport.abort()

    # --- what the node is told, and tells ---------------------------------------------------------

    def deliver(self, told: Event) -> None:
        """Take in what was told; an order on a ticket is decided again before."""
        self._loop.deliver(told, self._decided_again)

    def _decided_again(self, told: Event) -> None:
        wrong = self._decisions.told(told)
        if wrong and isinstance(told, OrderRequested) and told.ticket is not None:
            self.counts["decided otherwise"] += 1
            gate = told.ticket.gate
            self._loop.deliver(GateFenced(received_at=0, gate=gate, by="node", reason=wrong))

    def perform(self, effect: Effect) -> bool:
        """Tell a gate or a process what the effect says; False where it is for nobody here."""
        match effect:
            case TellGate() | GrantLease() | AcknowledgeReturn():
                self._decisions.caused(effect)
                if self._leases is not None:
                    self._leases.tell(to_gate(self._deployment, effect.gate), effect)
            case TellStrategy() | TellPosition() | TellMove() | TellStanding() if (
                effect.strategy in self._of
            ):
                self._tell(effect)
            case _:
                return False
        return True

    async def committed(self) -> None:
        """What was told is durable: its senders may forget it."""
        held, self._uncommitted = self._uncommitted, []
        self._tell_newcomers()
        for message in held:
            with suppress(*FAILED):  # it comes again, and says the same
                await message.ack()

    # --- the stream -------------------------------------------------------------------------------

    async def _hear(self, message: Msg) -> None:
        told = read_from_gate(message)
        if told is None:
            self.counts["not read"] += 1
            with suppress(*FAILED):
                await message.term()
        elif not self._loop.held:
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
            self._loop.wake()
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
                self._order(told)
            case CancelRequested() if told.strategy in self._gates[gate]:
                self.deliver(told)
                self._loop.cancels_now()
            case MoveRequested() if told.strategy in self._gates[gate]:
                self.deliver(told)
            case _:
                raise NotAMessage("not for this process to say")

    def _order(self, wish: OrderRequested) -> None:
        """What is refused here no journal has; the gate gives its ticket up."""
        if not (self.resting or self._loop.held):
            self.deliver(wish)
            return
        reason = JOURNAL_FULL if self._loop.held else RESTING
        self.counts[f"refused: {reason}"] += 1
        self._tell(replace(refusal(wish), reason=reason))

    def _tell_newcomers(self) -> None:
        """Between a commit and whatever is delivered next: so nothing moves it that is told too."""
        newcomers, self._newcomers = self._newcomers, []
        for effect in positions.tell_all(self._loop.node.state) if newcomers else ():
            if isinstance(effect, TellPosition) and self._of.get(effect.strategy) in newcomers:
                self._tell(effect)

    def _tell(self, effect: TellStrategy | TellPosition | TellMove | TellStanding) -> None:
        """To the process of the strategy, if it is there."""
        writer = self._writers.get(self._of[effect.strategy])
        through = self._loop.node.journal.next_number - 1
        if writer is None or not order_socket.send(writer, Told(through, effect)):
            self.counts["told nobody"] += 1
