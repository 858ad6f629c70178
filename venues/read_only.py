"""A session that can only read: whatever is no read of its venue never reaches a socket.

It is no matter of trust in callers: ccxt's own methods go through it as ours do. A request is let
through by method and path, a message on a socket by its operation; all else raises `Forbidden`
before a byte is written. (Whoever opens a session of his own is held back by his key's rights.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import msgspec
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    TraceConfig,
    TraceRequestStartParams,
)
from yarl import URL


class Forbidden(RuntimeError):
    """Something else than a read was to be sent; the text names it without its parameters."""


@dataclass(slots=True, frozen=True)
class Reads:
    """What a venue's reads are: methods and paths, and operations on its sockets.

    `paths` are those that may be asked by another method than GET: keys of streams for one.
    """

    operations: frozenset[str]
    paths: frozenset[str] = frozenset()

    def requests(self, method: str, path: str) -> bool:
        return method in ("GET", "HEAD") or path in self.paths

    def says(self, text: str) -> bool:
        """Whether a message is one of the operations; a bare word is its own."""
        try:
            told = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text in self.operations
        if not isinstance(told, dict):
            return False
        return (told.get("op") or told.get("method")) in self.operations


def settings(reads: Reads) -> dict[str, Any]:
    """What makes an aiohttp session one that can only read: keywords for `ClientSession`."""
    return _guarded(lambda method, url: reads.requests(method, url.path), reads)


def one_socket(place: str, operations: frozenset[str]) -> dict[str, Any]:
    """What makes a session one that dials this socket alone, and says these operations there."""
    return _guarded(lambda method, url: url == URL(place), Reads(operations))


def _guarded(lets: Callable[[str, URL], bool], reads: Reads) -> dict[str, Any]:
    async def starts(
        session: ClientSession, context: SimpleNamespace, asked: TraceRequestStartParams
    ) -> None:
        if not lets(asked.method, asked.url):
            raise Forbidden(f"{asked.method} {asked.url.path}: this session can only read")

    async def goes_on(session: ClientSession, context: SimpleNamespace, asked: object) -> None:
        raise Forbidden("a redirect: it would be asked elsewhere, and not looked at")

    class Socket(ClientWebSocketResponse):
        async def send_str(self, data: str, compress: int | None = None) -> None:
            if not reads.says(data):
                raise Forbidden("a message that is no subscription: this session can only read")
            await super().send_str(data, compress)

        async def send_bytes(self, data: Any, compress: int | None = None) -> None:
            raise Forbidden("bytes on a socket: this session can only read")

    trace = TraceConfig()
    trace.on_request_start.append(starts)
    trace.on_request_redirect.append(goes_on)
    return {"trace_configs": [trace], "ws_response_class": Socket}
