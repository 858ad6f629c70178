"""The stream that leases travel over, between the node and gates elsewhere: NATS JetStream.

True here: the stream only carries; the journal is the authority. Whatever it loses, doubles, delays
or forgets altogether, each end says again what still holds, for both are cumulative (`core.leases`,
`risk.lease_holder`). So nothing here is kept longer than a lease could live, and a stream or a
consumer that was wiped is simply made anew.

What came is acknowledged by whoever took it in: the node after its commit, a gate once it holds it.
What was not is delivered again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StorageType, StreamConfig

from core.risk_effects import AcknowledgeReturn, GrantLease, TellGate
from core.risk_events import GateStarted, LeaseRequested, LeaseReturned, TicketVoided
from tieout.gates.nats_server import NoServer

FromGate = GateStarted | LeaseRequested | LeaseReturned | TicketVoided
ToGate = TellGate | GrantLease | AcknowledgeReturn

KEPT_S = 10.0
REDELIVER_S = 1.0
ANSWER_S_MAX = 1.0
QUIET_S = 0.5
REACHED_S_MAX = 10.0
MESSAGES_MAX = 100_000
# What could not be said yet; beyond it the oldest is forgotten: a newer one says more.
UNSAID_MAX = 1_000

_encoder = msgspec.msgpack.Encoder()
_from_gate: msgspec.msgpack.Decoder[FromGate] = msgspec.msgpack.Decoder(FromGate)
_to_gate: msgspec.msgpack.Decoder[ToGate] = msgspec.msgpack.Decoder(ToGate)

# Of the library's own errors, and of what asyncio says when an answer did not come.
FAILED = (nats.errors.Error, asyncio.TimeoutError, ConnectionError)


def to_node(deployment: str, gate: str) -> str:
    """The subject that this gate alone should be allowed to write to; "*" is all of them."""
    return f"{deployment}.leases.node.{gate}"


def to_gate(deployment: str, gate: str) -> str:
    """The subject that the node alone should be allowed to write to."""
    return f"{deployment}.leases.gate.{gate}"


def read_from_gate(message: Msg) -> FromGate | None:
    """What a gate told of itself; None where it is nothing of ours, or told of another."""
    with suppress(msgspec.MsgspecError):
        told = _from_gate.decode(message.data)
        gate = told.ticket.gate if isinstance(told, TicketVoided) else told.gate
        if message.subject.rpartition(".")[2] == gate:
            return told
    return None


def read_to_gate(message: Msg) -> ToGate | None:
    """What the node told; None where it is nothing of ours."""
    with suppress(msgspec.MsgspecError):
        return _to_gate.decode(message.data)
    return None


class LeaseStream:
    """One end of a deployment's stream.

    `untold` counts what the server did not say that it has.
    """

    def __init__(self, client: Client, deployment: str, inbox: str, durable: str = "") -> None:
        """`inbox` is the subject that this end hears.

        With a `durable` name a later process hears what came meanwhile; without one it begins with
        what is told from now on.
        """
        self._client = client
        self._deployment, self._inbox, self._durable = deployment, inbox, durable
        self._stream = f"{deployment}_leases"
        self._jetstream = client.jetstream(timeout=ANSWER_S_MAX)
        self._unsaid: deque[tuple[str, bytes]] = deque(maxlen=UNSAID_MAX)
        self._some = asyncio.Event()
        self.untold = 0

    # --- saying -----------------------------------------------------------------------------------

    def tell(self, subject: str, message: FromGate | ToGate) -> None:
        """Say it as soon as may be, behind what was said before."""
        self._unsaid.append((subject, _encoder.encode(message)))
        self._some.set()

    async def say(self) -> None:
        """Say what there is to say, for ever.

        What the server did not take is not said again, nor what waited behind it: it has aged.
        """
        while True:
            await self._some.wait()
            self._some.clear()
            while self._unsaid:
                _unless_cancelled()
                try:
                    await self._jetstream.publish(*self._unsaid.popleft())
                except nats.js.errors.NoStreamResponseError:
                    self.untold += 1
                    await self._make_stream()
                except FAILED:
                    self.untold += 1 + len(self._unsaid)
                    self._unsaid.clear()
            _unless_cancelled()

    # --- hearing ----------------------------------------------------------------------------------

    async def hear(self, take: Callable[[Msg], Awaitable[None]]) -> None:
        """Hand over what comes, one by one, for ever; `take` sees to it that it is acknowledged."""
        heard = await self._consumer()
        while True:
            _unless_cancelled()
            try:
                (message,) = await heard.fetch(1, timeout=QUIET_S)
            except FAILED:
                # Quiet, or the consumer is gone: both look alike from here.
                if not await self._is_there(heard):
                    heard = await self._consumer()
            else:
                await take(message)

    async def _is_there(self, heard: JetStreamContext.PullSubscription) -> bool:
        try:
            await heard.consumer_info()
        except nats.js.errors.NotFoundError:
            return False
        except FAILED:
            await asyncio.sleep(QUIET_S)  # no server: it comes back with all, or without
        return True

    async def _consumer(self) -> JetStreamContext.PullSubscription:
        """The consumer of this end, made where it is missing, as the stream is."""
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=REDELIVER_S,
            deliver_policy=DeliverPolicy.ALL if self._durable else DeliverPolicy.NEW,
            inactive_threshold=None if self._durable else KEPT_S,
        )
        while True:
            _unless_cancelled()
            try:
                await self._make_stream()
                return await self._jetstream.pull_subscribe(
                    self._inbox, self._durable or None, self._stream, config
                )
            except FAILED:
                await asyncio.sleep(QUIET_S)

    async def _make_stream(self) -> None:
        """Make the stream where there is none; one that is there stays as it is."""
        config = StreamConfig(
            name=self._stream,
            subjects=[f"{self._deployment}.leases.>"],
            max_age=KEPT_S,
            max_msgs=MESSAGES_MAX,
            storage=StorageType.MEMORY,
        )
        with suppress(*FAILED):
            await self._jetstream.add_stream(config)


def _unless_cancelled() -> None:
    """End where this task is to end: `asyncio.wait_for`, under the library, forgets a cancel that
    comes together with an answer (mended in Python 3.12).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def connect(url: str) -> Client:
    """A connection, once there is a server; whenever it is lost it is tried again, for ever."""
    return await nats.connect(
        url,
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=QUIET_S / 2,
        error_cb=_expected,
    )


async def reached(url: str) -> Client:
    """A connection; raises `NoServer` where nobody answers in time, or who answers refuses us."""
    try:
        return await asyncio.wait_for(connect(url), REACHED_S_MAX)
    except (*FAILED, OSError) as error:
        raise NoServer(f"{url}: no NATS server answers there") from error


async def _expected(error: Exception) -> None:
    """A server that is away shows in leases that end; the library need not print it."""
