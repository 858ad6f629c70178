"""Tokens that a live node issues: its control plane, indexer and signers, in the node's own loop.

One journal has rails and tokens, so that cash mints and burns in one step (`core.subscriptions`).
What answers is `tieout.tokens.site`, the same as beside `tieout tokens serve`.

Rule 1. Whoever tells something hears nothing before its group is durable, and what the books hold
is shown only once all of it is.
Rule 2. Where the loop ended nobody is answered as if it had not (`NotTaken`).
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from socket import socket

from core.effects import Effect
from core.events import Event
from core.frames import Decode, Frame
from core.node import Node
from core.state import State
from core.token_events import TokenEvent
from rails.evm.live import EvmNodes, session
from tieout.node.loop import NodeLoop
from tieout.tokens.deployment import SOURCES, read_deployment
from tieout.tokens.serving import check, desks, listen, open_judge
from tieout.tokens.site import ACCOUNT, RAIL, TokenSite
from tokens.http.app import ControlPlane
from tokens.http.host import NotTaken
from tokens.http.serving import serve


class LoopHost:
    """The control plane's `Host`, and the one door of a token's surroundings."""

    def __init__(self, loop: NodeLoop) -> None:
        self._loop = loop
        self._group: asyncio.Future[None] | None = None
        self._ended = False

    @property
    def node(self) -> Node:
        return self._loop.node

    def deliver(self, told: Event | Frame) -> None:
        """Take in what was told; `NotTaken` once the loop ended."""
        if self._ended:
            raise NotTaken("the node ended")
        self._loop.deliver(told)

    def committed(self) -> None:
        """All who waited for a group are answered."""
        group, self._group = self._group, None
        if group is not None and not group.done():
            group.set_result(None)

    def end(self) -> None:
        """Nothing is made durable any more."""
        self._ended = True
        group, self._group = self._group, None
        if group is not None and not group.done():
            group.set_exception(NotTaken("the node ended"))
            group.exception()  # where nobody waits for it, it is no news either

    async def tell(self, event: TokenEvent) -> None:
        self.deliver(event)
        await self._durable()

    async def state(self) -> State:
        if self._loop.waits:
            await self._durable()
        if self._ended:
            raise NotTaken("the node ended")
        while self._loop.waits:  # something new came meanwhile: whoever reads waits for one group
            await (self._durable() if self._loop.held else self._commit_now())
        return self.node.state

    async def _durable(self) -> None:
        self._group = self._group or asyncio.get_running_loop().create_future()
        await asyncio.shield(self._group)  # one that goes away takes no other's answer along

    async def _commit_now(self) -> None:
        try:
            await self._loop.commit()
        except Exception as error:
            raise NotTaken(str(error)) from error  # what broke ends the loop, too


async def tokens_beside(
    path: Path, stack: AsyncExitStack, say: Callable[[str], None], *, reads_only: bool
) -> "LiveTokens":
    """The tokens of a deployment of the control plane, opened; the stack closes what they hold.

    Raises `BadDeployment`, or `BadUrl`. Nothing of it ever sends to the chain, so that its session
    can only read; where it is to read alone no key is opened, and every signature is declined.
    """
    deployment = read_deployment(path)
    judge = open_judge(deployment)
    signers = {} if reads_only else stack.enter_context(desks(deployment, judge))
    client = await stack.enter_async_context(session(reads_only=True))
    nodes = EvmNodes(dict(zip(SOURCES, deployment.told.chain.nodes, strict=True)), client)
    stack.push_async_callback(nodes.stop)
    site = TokenSite(deployment, judge, signers, say, nodes=nodes)
    return LiveTokens(site, stack.enter_context(listen(deployment)))


class LiveTokens:
    """All tokens of a deployment beside a live node; served on a bound socket."""

    def __init__(self, site: TokenSite, listening: socket) -> None:
        self._site, self._listening = site, listening
        host, self.port = listening.getsockname()[:2]
        self.address = f"http://{host}:{self.port}"
        self.readers: Mapping[str, Decode] = {RAIL: site.dialect.decode}

    def live_in(self, loop: NodeLoop) -> None:
        """Raises `BadDeployment` where the journal is of other tokens."""
        check(self._site.deployment, loop.node.state)
        self._host = LoopHost(loop)
        self._plane = ControlPlane(self._host, self._site.deployment.callers)
        self._site.live_in(self._host, self._plane)

    async def begin(self, known: Mapping[str, object]) -> None:
        self._site.tell_terms()

    def perform(self, effect: Effect) -> bool:
        """What is of a token, or of the account that reads their contracts."""
        if not hasattr(effect, "token") and getattr(effect, "account", "") != ACCOUNT:
            return False
        self._site.perform(effect)
        return True

    async def committed(self) -> None:
        self._host.committed()

    async def run(self) -> None:
        """Callers are answered until it is cancelled, or something of it ends by itself."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(self._plane, self._listening))
                group.create_task(self._site.keep_stating())
        finally:
            self._host.end()
            with suppress(asyncio.CancelledError):
                await self._site.stop()
