"""Nodes of a chain over plain HTTP, each asked in a thread.

True here: an answer that did not come is told as one (status 0, with the reason), in a bounded
time; nothing is asked again, and nothing is read. How one node is asked is `signers.live.Http`'s:
whoever answers is who was asked.
"""

import asyncio
from collections.abc import Mapping
from http.client import HTTPException

from core.frames import Headers
from rails.dialect import Request
from rails.evm.nodes import Nodes
from tokens.signers.backend import NotSigned
from tokens.signers.live import SECONDS_MAX, Http

# Whole blocks with their logs are asked for here, unlike by a signer.
ANSWER_BYTES_MAX = 64 << 20


def http_nodes(urls: Mapping[str, str], seconds_max: float = SECONDS_MAX) -> Nodes:
    """A transport to these nodes, by name."""

    async def ask(request: Request) -> tuple[int, bytes, Headers]:
        url = urls[request.path.strip("/")]
        # One for each request: of one that answers slowly nobody else waits for his turn.
        http = Http(url, seconds_max, ANSWER_BYTES_MAX)
        return await asyncio.to_thread(_told, http, request)

    return Nodes(ask)


def _told(ask: Http, request: Request) -> tuple[int, bytes, Headers]:
    """The answer, or 0 and why there is none."""
    try:
        return *ask(request), ()
    except (NotSigned, HTTPException, OSError) as error:
        return 0, f"{type(error).__name__}: {error}".encode(), ()
