"""A network in memory: connections as asyncio's transports see them, over links that misbehave.

    dial → (a round trip) → two ends; what one writes the other reads, late, in order, or not at all

True here: bytes of one direction arrive in the order in which they were written. What goes wrong is
drawn, from dice of each address, and neither end knows: a dial is refused; a connection is reset;
what is written is cut in half, and the connection with it; a link falls silent both ways, until it
is given up on. Of TLS there is nothing: bytes go as they are, to whoever's address it is.
"""

import asyncio
import socket
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.dice import Dice, Stream
from sim.world import World

MS = 1_000_000
LOCAL, FIRST_FREE_PORT = "127.0.0.1", 40_000
Address = tuple[str, int]


@dataclass(slots=True, frozen=True)
class Weather:
    """What links are like: latency of one way, and of how many dials or writes one is struck.

    0 is never. A silent link is reset at both ends when `silent_ns` are over; any is, when it is
    `life_ns` old.
    """

    median_ns: int = MS // 2
    p99_ns: int = 2 * MS
    refused_one_in: int = 0
    reset_one_in: int = 0
    truncated_one_in: int = 0
    silent_one_in: int = 0
    silent_ns: int = 60_000 * MS
    life_ns: int = 0


@dataclass(slots=True)
class Network:
    """Who listens where, by which names, and what links between them are like.

    A name leads to one address and port, whichever port is asked for: venues use several.
    `counts` says how often each trouble struck.
    """

    world: World
    dice: Dice
    names: Mapping[str, Address] = field(default_factory=dict)
    weather: Weather = Weather()
    counts: Counter[str] = field(default_factory=Counter)
    _listeners: dict[Address, "Listener"] = field(default_factory=dict)
    _dialed: int = 0

    def address_of(self, name: str, port: int) -> Address:
        """Of a name in the table; an address is its own."""
        if name in self.names:
            return self.names[name]
        if name.replace(".", "").isdigit():
            return name, port
        raise socket.gaierror(socket.EAI_NONAME, f"{name}: no such name in this network")

    def listen(
        self,
        loop: asyncio.AbstractEventLoop,
        address: Address,
        factory: Callable[[], asyncio.BaseProtocol],
    ) -> "Listener":
        """Take who dials there; port 0 is a free one. OSError where somebody listens."""
        host, port = address
        taken = [each for where, each in self._listeners if where == host]
        port = port or max([FIRST_FREE_PORT, *taken]) + 1
        if port in taken:
            raise OSError(f"{host}:{port}: somebody listens there")
        listener = self._listeners[host, port] = Listener(self, loop, (host, port), factory)
        return listener

    def leave(self, address: Address) -> None:
        """Nobody listens there any more."""
        self._listeners.pop(address, None)

    def serves(self, listener: "Listener") -> bool:
        return listener in self._listeners.values()

    async def dial(self, loop: asyncio.AbstractEventLoop, plug: "Plug", address: Address) -> None:
        """Returns when both ends stand; OSError where nobody listens, or the weather is bad."""
        dice = self.dice.stream(f"links/{address[0]}:{address[1]}")
        answered = loop.create_future()
        round_trip = self.delay(dice) + self.delay(dice)
        self.world.call_in(round_trip, _answer, answered)
        await answered
        listener = self._listeners.get(address)
        if listener is None or self.strikes("refused", self.weather.refused_one_in, dice):
            raise ConnectionRefusedError(f"{address[0]}:{address[1]}: refused")
        self._dialed += 1
        ours = (LOCAL, FIRST_FREE_PORT + self._dialed)
        link = Link(self, dice)
        plug.end, far = End(loop, link, ours, address), End(loop, link, address, ours)
        link.ends = (plug.end, far)
        if self.weather.life_ns:
            self.world.call_in(self.weather.life_ns, link.reset)
        far.plugged(listener.factory())

    def delay(self, dice: Stream) -> int:
        return dice.latency(self.weather.median_ns, self.weather.p99_ns)

    def strikes(self, what: str, one_in: int, dice: Stream) -> bool:
        struck = one_in > 0 and dice.one_in(one_in)
        self.counts[what] += struck
        return struck


def _answer(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Plug:
    """What stands for a socket until a transport does: aiohttp makes it by `socket_factory`."""

    family, type, proto = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP

    def __init__(self, address_info: object = None) -> None:
        self.end: End | None = None

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  # the socket's own word
        """It never does."""

    def close(self) -> None:
        if self.end is not None:
            self.end.close()

    def plugged(self, protocol: asyncio.BaseProtocol) -> "End":
        """The transport, its protocol told of it."""
        assert self.end is not None, "it was dialed"
        return self.end.plugged(protocol)


class Link:
    """What lies between two ends."""

    def __init__(self, network: Network, dice: Stream) -> None:
        self._network, self._dice = network, dice
        self.ends: tuple[End, ...] = ()
        self._silent = False

    def carry(self, sender: "End", data: bytes) -> None:
        """Bytes set out; an empty piece is the end of them."""
        network, weather, dice = self._network, self._network.weather, self._dice
        if self._silent:
            return
        if data and network.strikes("silent", weather.silent_one_in, dice):
            self._silent = True
            network.world.call_in(weather.silent_ns, self.reset)
            return
        if data and network.strikes("reset", weather.reset_one_in, dice):
            self.reset()
            return
        cut = data and network.strikes("truncated", weather.truncated_one_in, dice)
        there = self._other(sender)
        at = max(network.world.now + network.delay(dice), there.last_arrival + 1)
        there.last_arrival = at
        network.world.call_at(at, there.hears, data[: len(data) // 2] if cut else data)
        if cut:
            network.world.call_at(at + 1, self.reset)

    def abort(self, sender: "End") -> None:
        """One end is gone without a word; the other hears of it as of a reset."""
        if not self._silent:
            self._network.world.call_in(self._network.delay(self._dice), self._other(sender).cut)

    def reset(self) -> None:
        """Both ends lose the connection."""
        for end in self.ends:
            end.cut()

    def _other(self, end: "End") -> "End":
        first, second = self.ends
        return second if end is first else first


class End(asyncio.Transport):
    """One end of a connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        link: Link,
        ours: Address,
        theirs: Address,
    ) -> None:
        super().__init__({"sockname": ours, "peername": theirs})
        self._loop, self._link = loop, link
        self._protocol: Any = None
        self._inbox: deque[bytes] = deque()
        self._paused = self._closing = self._lost = False
        self.last_arrival = 0

    def plugged(self, protocol: asyncio.BaseProtocol) -> "End":
        self._protocol = protocol
        self._loop.call_soon(protocol.connection_made, self)
        self._loop.call_soon(self._read)
        return self

    # --- what comes -------------------------------------------------------------------------------

    def hears(self, data: bytes) -> None:
        """A piece has arrived; an empty one is the end of all."""
        self._inbox.append(data)
        self._loop.call_soon(self._read)

    def _read(self) -> None:
        while self._inbox and self._protocol is not None and not (self._paused or self._closing):
            data = self._inbox.popleft()
            if data:
                self._protocol.data_received(data)
            elif not self._protocol.eof_received():
                self.close()

    def cut(self) -> None:
        self._loop.call_soon(self._lose, ConnectionResetError("Connection reset by peer"))

    def _lose(self, error: Exception | None) -> None:
        self._closing = True
        if not self._lost:
            self._lost = True
            if self._protocol is not None:
                self._protocol.connection_lost(error)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self._read)

    def is_reading(self) -> bool:
        return not (self._paused or self._closing)

    # --- what goes --------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data and not self._closing:
            self._link.carry(self, bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._closing:
            self._link.carry(self, b"")

    def get_write_buffer_size(self) -> int:
        """What is written is under way at once."""
        return 0

    def close(self) -> None:
        if not self._closing:
            self._link.carry(self, b"")
            self._closing = True
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        if not self._closing:
            self._link.abort(self)
            self._closing = True
            self._loop.call_soon(self._lose, None)

    def is_closing(self) -> bool:
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol


class Listener(asyncio.AbstractServer):
    """Somebody who is dialed; its one socket is a word about where."""

    def __init__(
        self,
        network: Network,
        loop: asyncio.AbstractEventLoop,
        address: Address,
        factory: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        self._network, self._loop, self.factory = network, loop, factory
        self._address = address

    @property
    def sockets(self) -> tuple["Bound", ...]:
        return (Bound(self._address),)

    def close(self) -> None:
        self._network.leave(self._address)

    async def wait_closed(self) -> None:
        """Its connections are their protocols' to close."""

    def is_serving(self) -> bool:
        return self._network.serves(self)

    async def start_serving(self) -> None:
        """It does from the start."""

    async def serve_forever(self) -> None:
        await self._loop.create_future()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop


@dataclass(slots=True, frozen=True)
class Bound:
    """A socket that is asked where it is, and nothing else."""

    address: Address

    def getsockname(self) -> Address:
        return self.address
