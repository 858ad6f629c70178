"""The Unix socket between strategies' processes and the node: orders, and what became of them.

True here: a frame is four bytes of length, big-endian, and so many bytes of MessagePack, which is
one message of a closed union. The socket carries, and decides nothing; what is no message of its
union, or is larger than any that we write, ends the connection. Nothing is said twice by this file:
an order that was lost with a connection is given up by its gate.

The file that is the socket is our user's alone: whoever may open it may trade.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from core.effects import TellMove, TellPosition, TellStrategy
from core.events import CancelRequested, MoveRequested, OrderRequested
from core.risk_effects import TellStanding

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 1 << 16
# A process that does not read what it is told is no longer there, for all we know.
UNREAD_BYTES_MAX = 1 << 22
OURS_ALONE = 0o600


class GateConnected(msgspec.Struct, frozen=True, tag=True):
    """The first word of a connection: whose process this is."""

    gate: str


class Told(msgspec.Struct, frozen=True, tag=True):
    """What a strategy is told; all records of the journal up to `through` are behind it."""

    through: int
    what: TellStrategy | TellPosition | TellMove | TellStanding


FromGate = GateConnected | OrderRequested | CancelRequested | MoveRequested

Message = TypeVar("Message")

_encoder = msgspec.msgpack.Encoder()
_from_gate: msgspec.msgpack.Decoder[FromGate] = msgspec.msgpack.Decoder(FromGate)
_told: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)


class NotAMessage(Exception):
    """What came is none of ours; the connection ends."""


def framed(message: FromGate | Told) -> bytes:
    """A message as it goes over the socket."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


async def from_gate(reader: asyncio.StreamReader) -> FromGate | None:
    """What a process says next; None once it has gone."""
    body = await _body(reader)
    return _read(_from_gate, body) if body else None


async def told(reader: asyncio.StreamReader) -> Told | None:
    """What the node tells next; None once it has gone."""
    body = await _body(reader)
    return _read(_told, body) if body else None


async def _body(reader: asyncio.StreamReader) -> bytes:
    """The next frame; b"" where the connection ended, in the midst of one or not."""
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
        if not 0 < length <= FRAME_BYTES_MAX:
            raise NotAMessage(f"a frame of {length} bytes")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def _read(decoder: msgspec.msgpack.Decoder[Message], body: bytes) -> Message:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise NotAMessage(str(error)) from error


def send(writer: asyncio.StreamWriter, message: FromGate | Told) -> bool:
    """Say it, in order, behind what was said before; False where nobody is there to hear."""
    if writer.is_closing():
        return False
    if writer.transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
        writer.transport.abort()
        return False
    writer.write(framed(message))
    return True


async def listen(
    path: Path, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> asyncio.Server:
    """Serve each connection until it ends. A socket that a dead node left behind is replaced."""
    server = await asyncio.start_unix_server(serve, path, start_serving=False)
    path.chmod(OURS_ALONE)
    await server.start_serving()
    return server
