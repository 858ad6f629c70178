"""Nodes of a chain over HTTP: the transport of a connector.

True here: an answer that did not come is told as one (status 0, with the reason), in a bounded
time; nothing is asked again, and nothing is read. How one node is asked is `signers.live.Http`'s:
whoever answers is who was asked. There is no stream: each new epoch stands at once, and the
schedule of back-fill is what looks at the chain.
"""

import asyncio
from collections.abc import Callable, Mapping
from http.client import HTTPException

from rails.dialect import Request
from tieout.node.connector import OnAnswer
from tokens.signers.backend import NotSigned
from tokens.signers.live import SECONDS_MAX, Http

# Whole blocks with their logs are asked for here, unlike by a signer.
ANSWER_BYTES_MAX = 64 << 20


class HttpNodes:
    """A transport: a request's path names the node. Several may be asked at once."""

    def __init__(self, urls: Mapping[str, str], seconds_max: float = SECONDS_MAX) -> None:
        self._urls, self._seconds_max = urls, seconds_max
        self._asking: set[asyncio.Task[None]] = set()

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        """Ask in another thread; the answer is told in the loop."""
        task = asyncio.get_running_loop().create_task(self._ask(request, on_answer))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, request: Request, on_answer: OnAnswer) -> None:
        url = self._urls[request.path.strip("/")]
        # One for each request: of one that answers slowly nobody else waits for his turn.
        ask = Http(url, self._seconds_max, ANSWER_BYTES_MAX)
        on_answer(*await asyncio.to_thread(_told, ask, request))

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


def _told(ask: Http, request: Request) -> tuple[int, bytes]:
    """Status and body, or 0 and why there is no answer."""
    try:
        return ask(request)
    except (NotSigned, HTTPException, OSError) as error:
        return 0, f"{type(error).__name__}: {error}".encode()
