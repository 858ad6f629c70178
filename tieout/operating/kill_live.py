"""The kill switch over real sockets: the accounts of a deployment's file, by the ways it names.

True here: it is `tieout.operating.kill` and its procedure, and needs what that needs, no journal
and no node. One event loop is turned while a kill waits, and stands still else; what was sent to
one venue waits there for its answer while others are asked and answer.
"""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TypeVar

from core.frames import Headers, OnAnswer
from tieout.deployment import file as deployed
from tieout.deployment.ways import ways_of
from tieout.node.answered import words_of
from tieout.node.connector import Transport
from tieout.node.dialects import MODELS
from tieout.operating.kill import Answered, Contract, Deployment, VenueAccount
from venues.dialect import Request

T = TypeVar("T")
SECOND = 1_000_000_000
# The deployment's file has the secrets by reference, which the ways follow; nobody reads this.
REFERRED = "REFERRED"
OK = 200


class LiveReach:
    """A `Transport` of a kill: each account's way, until it is closed."""

    def __init__(self, deployment: deployed.Deployment, folder: Path) -> None:
        """Raises `NoSecret`."""
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        ways = self._turn(ways_of(deployment, folder, self._stack, "live"))
        self._ways = {way.spec.account: way.transport for way in ways}
        self._came = asyncio.Event()
        self.refusals: dict[str, str] = {}

    def send(self, account: str, request: Request, answered: Answered) -> None:
        """What is no good answer is kept in `refusals`, the last of each account, until one is."""

        def came(status: int, body: bytes, headers: Headers = ()) -> None:
            if status == OK:
                self.refusals.pop(account, None)
            else:
                self.refusals[account] = words_of(status, body)
            answered(status, body)
            self._came.set()

        self._turn(_sent(self._ways[account], request, came))

    def now(self) -> int:
        return time.time_ns()

    def wait_until(self, at: int) -> None:
        self._turn(self._wait(max(0, at - self.now()) / SECOND))

    def close(self) -> None:
        """No socket outlives it."""
        self._turn(self._stack.aclose())
        self._loop.close()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._came.wait(), seconds)
        self._came.clear()

    def _turn(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(work)


def reachable(
    deployment: deployed.Deployment, folder: Path
) -> tuple[deployed.Deployment, dict[str, str]]:
    """The accounts whose keys can be read, and why of each other one: a key that is gone does not
    keep a kill from where it can go."""
    unreached: dict[str, str] = {}
    for name, keys in deployment.keys.items():
        try:
            keys.read(folder)
        except deployed.NoSecret as error:
            unreached[name] = str(error)
    rest = tuple(each for each in deployment.accounts if each.account not in unreached)
    return deployment.model_copy(update={"accounts": rest}), unreached


def accounts_of(deployment: deployed.Deployment) -> Deployment:
    """What a kill needs to know, of the file that `tieout live` runs by."""
    return Deployment(
        accounts=tuple(
            VenueAccount(
                account=spec.account,
                key=REFERRED,
                secret=REFERRED,
                request_validity_ms=spec.request_validity_ms,
                latency_ms_max=2 * spec.latency_ms_p99,
                contracts=tuple(
                    Contract(
                        symbol=each.symbol,
                        base=each.base,
                        quote=each.quote,
                        settle=each.settle or each.quote,
                        multiplier=str(each.multiplier),
                    )
                    for each in spec.instruments
                    if MODELS[spec.dialect] != "spot"
                ),
            )
            for spec in deployment.accounts
        )
    )


async def _sent(transport: Transport[Request], request: Request, came: OnAnswer) -> None:
    """Within the loop, where what is sent goes on by itself."""
    transport.send(request, came)
