"""The nodes of a chain as a transport: a request's path names the node, several are asked at once.

True here: a request is put once, and whoever sent it hears what became of it in the loop. There is
no stream: each new epoch stands at once, and the schedule of back-fill is what looks at the chain.
"""

import asyncio
from collections.abc import Awaitable, Callable

from core.frames import Headers, OnAnswer
from rails.dialect import Request

# Puts one request to its node, in a bounded time. Where no answer came: status 0, and why.
Ask = Callable[[Request], Awaitable[tuple[int, bytes, Headers]]]


class Nodes:
    """The nodes that one `ask` reaches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._asking: set[asyncio.Task[None]] = set()

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        """Ask the node; the answer is told in the loop."""
        task = asyncio.get_running_loop().create_task(self._send(request, on_answer))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _send(self, request: Request, on_answer: OnAnswer) -> None:
        on_answer(*await self._ask(request))

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
