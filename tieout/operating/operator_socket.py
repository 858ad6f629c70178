"""The Unix socket by which operators reach a node that lives: beside its journal, our user's alone.

True here: it carries one question and one answer a connection, and decides nothing. Whoever may
open the socket may say to be anybody: names are believed.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from tieout.gates import order_socket
from tieout.operating.operator_words import LINE_BYTES_MAX, Answered, Asked

DOOR = ".door"
# A socket's name may have so many bytes.
NAME_BYTES_MAX = 100
ASKED_S_MAX, ANSWERED_S_MAX = 5.0, 30.0

_asked: msgspec.json.Decoder[Asked] = msgspec.json.Decoder(Asked)


class NoNode(RuntimeError):
    """Nobody answers there; the text says where."""


def door_of(journal: Path) -> Path:
    """The socket of the node that writes this journal."""
    return journal.with_name(journal.name + DOOR)


@contextmanager
def named(path: Path) -> Iterator[str]:
    """A name of the socket that is short enough, however deep its folder lies."""
    if len(os.fsencode(path)) <= NAME_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


async def serve(path: Path, answer: Callable[[Asked], Awaitable[Answered]]) -> None:
    """Answer until cancelled; the socket is gone then. OSError where it cannot be made."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError, ValueError):
            line = await asyncio.wait_for(reader.readline(), ASKED_S_MAX)
            told = await answer(_asked.decode(line))
            writer.write(msgspec.json.encode(told) + b"\n")
            await writer.drain()
        writer.close()

    with named(path) as name:
        server = await order_socket.listen(Path(name), one)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            with suppress(OSError):
                path.unlink()


async def ask(path: Path, asked: Asked) -> Answered:
    """What the node says; raises `NoNode`."""
    try:
        with named(path) as name:
            reader, writer = await asyncio.open_unix_connection(name, limit=LINE_BYTES_MAX)
    except OSError:
        raise NoNode(f"{path}: no node answers there; one that lives would do") from None
    try:
        writer.write(msgspec.json.encode(asked) + b"\n")
        line = await asyncio.wait_for(reader.readline(), ANSWERED_S_MAX)
        return msgspec.json.decode(line, type=Answered)
    except (OSError, TimeoutError, ValueError):
        raise NoNode(f"{path}: no answer came; whether it was done, the journal says") from None
    finally:
        writer.close()
