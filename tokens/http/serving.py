"""The control plane on a socket: served within the event loop that runs the node.

True here: it ends when its task is cancelled, and takes no signal away from the program around it.
Nothing of a request is logged: bodies and headers bear keys and addresses. It speaks plain HTTP; a
proxy before it ends TLS, or it listens on loopback alone.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket

import uvicorn

from tokens.http.app import ControlPlane, application

STOP_WAIT_S = 5
WAITING_MAX = 512


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the program's own."""
        yield


async def serve(plane: ControlPlane, listening: socket) -> None:
    """Answer on a bound socket until cancelled; more than `WAITING_MAX` at once are told 503."""
    config = uvicorn.Config(
        application(plane),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=WAITING_MAX,
        timeout_graceful_shutdown=STOP_WAIT_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True  # those who wait for a commit are answered first
        await serving
        raise
