"""Nodes of a chain over HTTP: a connector's transport, and the plain question of a signer.

True here: an answer that did not come is told as one (status 0, with the reason), in a bounded
time; nothing is asked again, and nothing is read. A redirection is not followed: whoever answers is
who was asked. There is no stream: each new epoch stands at once, and the schedule of back-fill is
what looks at the chain.
"""

import asyncio
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.request import HTTPRedirectHandler, build_opener

from rails.dialect import Request
from tieout.connector import OnAnswer

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 64 << 20
NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *told: Any) -> None:
        return None


_opener = build_opener(_Stay)


def post(url: str, body: bytes, timeout_s: float = TIMEOUT_S) -> tuple[int, bytes]:
    """Ask once; waits for the answer: its status and its body, or 0 and why none came."""
    headers = {"content-type": "application/json"}
    try:
        asked = urllib.request.Request(url, body, headers)  # noqa: S310  # http(s), by the model
        with _opener.open(asked, timeout=timeout_s) as told:
            return _whole(told.status, told.read(ANSWER_BYTES_MAX + 1))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""
    except NO_ANSWER as error:
        return 0, f"{type(error).__name__}: {error}".encode()


def _whole(status: int, body: bytes) -> tuple[int, bytes]:
    if len(body) > ANSWER_BYTES_MAX:
        return 0, f"the answer is over {ANSWER_BYTES_MAX} bytes".encode()
    return status, body


class HttpNodes:
    """A transport: a request's path names the node. Several may be asked at once."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._asking: set[asyncio.Task[None]] = set()

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        """Ask in another thread; the answer is told in the loop."""
        task = asyncio.get_running_loop().create_task(self._ask(request, on_answer))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, request: Request, on_answer: OnAnswer) -> None:
        url = self._urls[request.path.strip("/")]
        on_answer(*await asyncio.to_thread(post, url, request.body))

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        asyncio.get_running_loop().call_soon(on_open)

    async def stop(self) -> None:
        """Nobody waits for what was asked any more."""
        for task in list(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
