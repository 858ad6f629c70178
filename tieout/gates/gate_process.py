"""A gate in a strategy's own process: it decides here, and its word goes with the order.

True here: nothing is decided but by `risk.lease_holder`, as in simulation
(`tieout.gates.simulated`); this file gives it a monotonic clock, the socket for orders and the
stream for leases. An order passes at the price of a few compares; the node is not asked, and the
network not waited for.

Rule 1. An order is spent for before it is sent, and sent once: what the node seems not to have
heard of is given up (`TicketVoided`), never said again.
Rule 2. Without a connection to the node nothing passes and nothing is spent.
Rule 3. Cancels pass no gate.

A later process of the gate has a greater `boot`: by the wall clock at its start. Where that clock
was set back, the node takes the new process for an old one, and nothing is lent to it.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace
from nats.aio.client import Client
from nats.aio.msg import Msg

from core.events import CancelRequested, MoveRequested, OrderRequested
from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate
from core.risk_events import Ticket, Use
from risk.beside import uses_of
from risk.lease_holder import PASSED, LeaseHolder
from tieout.gates import order_socket
from tieout.gates.lease_stream import FAILED, FromGate, LeaseStream, read_to_gate, to_gate, to_node
from tieout.gates.order_socket import GateConnected, NotAMessage, Told

# Beside the codes of `risk.lease_holder`: nobody is there to take the order.
NO_NODE = 100

# Until the first grant says how long a heartbeat is.
FIRST_BEAT_NS = 250_000_000
BEAT_NS_MIN = 1_000_000
# After so many heartbeats an order that the node has not counted is given up.
UNHEARD_BEATS = 4
AGAIN_S = 0.05


class GateProcess:
    """One gate, in one life of its process. `on_told` is shown all that the strategy is told."""

    def __init__(
        self,
        gate: str,
        deployment: str,
        socket: Path,
        client: Client,
        *,
        boot: int = 0,
        uses: Callable[[OrderRequested], tuple[Use, ...]] = uses_of,
        on_told: Callable[[Told], None] = lambda told: None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.holder = LeaseHolder(gate, boot or time.time_ns())
        self._socket, self._uses, self._on_told, self._clock = socket, uses, on_told, clock
        self._leases = LeaseStream(client, deployment, to_gate(deployment, gate))
        self._node = to_node(deployment, gate)
        self._writer: asyncio.StreamWriter | None = None
        self._spent_at: dict[tuple[int, int], int] = {}
        self._beat_ns = FIRST_BEAT_NS
        self._heard = 0
        self._is_leaving = False

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._leases.say())
            group.create_task(self._leases.hear(self._hear))
            group.create_task(self._connected())
            group.create_task(self._beats())

    # --- orders -----------------------------------------------------------------------------------

    def order(self, wish: OrderRequested, price: int = 0) -> int:
        """Send the order if the lease has room for it: 0, or the code of what is in the way.

        `price` is the reference that the strategy saw.
        """
        writer = self._writer
        if writer is None or writer.is_closing():
            return NO_NODE
        uses, now = self._uses(wish), self._clock()
        code = self.holder.spend(now, uses)
        if code != PASSED:
            return code
        ticket = self.holder.ticket(uses, now, self._heard, price)
        self._spent_at[ticket.epoch, ticket.sequence] = now
        order_socket.send(writer, replace(wish, ticket=ticket))
        return PASSED

    def ask(self, wish: CancelRequested | MoveRequested) -> bool:
        """Ask for what no lease is spent on; False where nobody is there to hear."""
        return self._writer is not None and order_socket.send(self._writer, wish)

    async def _connected(self) -> None:
        """Be connected to the node's socket, again and again."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._socket)
            except OSError:
                await asyncio.sleep(AGAIN_S)
                continue
            order_socket.send(writer, GateConnected(self.holder.gate))
            self._writer = writer
            with suppress(NotAMessage):
                await self._listen(reader)
            self._writer = None
            writer.close()
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while (told := await order_socket.told(reader)) is not None:
            self._heard = max(self._heard, told.through)
            self._on_told(told)

    # --- leases -----------------------------------------------------------------------------------

    async def _beats(self) -> None:
        """Twice in a heartbeat."""
        while True:
            for told in self._beat(self._clock()):
                self._leases.tell(self._node, told)
            await asyncio.sleep(self._beat_ns / 2e9)

    def _beat(self, now: int) -> list[FromGate]:
        holder = self.holder
        if holder.phase == "unborn":
            return [holder.start()]
        if self._is_leaving:
            return [holder.give_back()] if holder.returning else []
        lost = [each for each in holder.unheard() if self._is_lost(each, now)]
        return [*map(holder.void, lost), holder.request(now)]

    def _is_lost(self, ticket: Ticket, now: int) -> bool:
        spent_at = self._spent_at.get((ticket.epoch, ticket.sequence), now)
        return now - spent_at > UNHEARD_BEATS * self._beat_ns

    async def leave(self) -> None:
        """Spend nothing more; returns once the node has counted what is final."""
        self._is_leaving = True
        self._leases.tell(self._node, self.holder.give_back())
        while self.holder.returning:
            await asyncio.sleep(AGAIN_S)

    async def _hear(self, message: Msg) -> None:
        told = read_to_gate(message)
        if told is not None:
            self._take(told)
        with suppress(*FAILED):  # it comes again, and says the same
            await message.ack()

    def _take(self, told: TellGate | GrantLease | AcknowledgeReturn) -> None:
        match told:
            case TellGate():
                self.holder.on_told(told)
            case GrantLease():
                self.holder.on_granted(self._clock(), told)
                self._beat_ns = max(told.heartbeat_ns, BEAT_NS_MIN)
                self._forget_counted()
            case AcknowledgeReturn():
                self.holder.on_acknowledged(told)

    def _forget_counted(self) -> None:
        waiting = {(each.epoch, each.sequence): 0 for each in self.holder.unheard()}
        self._spent_at = {key: at for key, at in self._spent_at.items() if key in waiting}
