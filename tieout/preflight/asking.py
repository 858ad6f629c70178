"""One request and its answer, whoever is asked: a venue or a custodian."""

import asyncio
from typing import NamedTuple, TypeVar

from core.frames import Headers
from tieout.node.connector import Transport

R = TypeVar("R")


class Answered(NamedTuple):
    """Status 0 is no answer; the body then says why."""

    status: int
    body: bytes
    headers: Headers


async def ask(transport: Transport[R], request: R) -> Answered:
    """What was answered, within the transport's own patience."""
    came: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()

    def answered(status: int, body: bytes, headers: Headers = ()) -> None:
        if not came.done():
            came.set_result(Answered(status, body, headers))

    transport.send(request, answered)
    return await came
