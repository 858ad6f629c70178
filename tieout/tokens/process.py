"""A node that issues tokens, in one event loop with its control plane: one door as everywhere.

    callers, over HTTP ─┐                             ┌─→ callers: what is durable, and no more
    nodes of the chain ─┼→ deliver → step → [commit] ─┼─→ vault, signers, nodes of the chain
    signers, alarms    ─┘                             └─→ people: what only they can carry out

Rule 1. Effects leave after their group is durable; a group waits `group_wait_s` for company.
Rule 2. Whoever tells something hears nothing before its group is durable, and what the books hold
is shown only once all of it is.
Rule 3. Where a group could not be made durable nothing more is taken in: nobody knows what the disk
has, so the loop ends, and whoever waits is told that (`NotTaken`).
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from msgspec.structs import replace

from core.effects import Effect, SetAlarm
from core.events import Event
from core.frames import Frame
from core.node import Node
from core.state import State
from core.token_events import TokenEvent
from tieout.node.alarms import Alarms
from tokens.http.host import NotTaken

GROUP_WAIT_S = 0.001


class TokenProcess:
    """The loop around a node: the control plane's `Host`."""

    def __init__(
        self,
        node: Node,
        perform: Callable[[Effect], None],
        *,
        clock: Callable[[], int] = time.time_ns,
        group_wait_s: float = GROUP_WAIT_S,
    ) -> None:
        """`perform` does what is no alarm's."""
        self.node = node
        self._perform_rest, self._clock, self._group_wait_s = perform, clock, group_wait_s
        self._alarms = Alarms(clock, self.deliver)
        self._some = asyncio.Event()
        self._group: asyncio.Future[None] | None = None
        self._broken: Exception | None = None

    async def run(self) -> None:
        """One group after another until cancelled, each as soon as it had time to fill."""
        try:
            while True:
                await self._some.wait()
                await asyncio.sleep(self._group_wait_s)
                self._some.clear()
                self._commit()
        finally:
            self._broken = self._broken or NotTaken("the node ended")
            self._alarms.stop()
            self._end_group(taken=False)

    # --- the one door -----------------------------------------------------------------------------

    def deliver(self, told: Event | Frame) -> None:
        """Take in what was told; stamped by our clock, which never goes back here."""
        if self._broken is not None:
            raise NotTaken(str(self._broken))
        now = max(self._clock(), self.node.state.now)
        self._group = self._group or asyncio.get_running_loop().create_future()
        self._some.set()
        try:
            self.node.deliver(replace(told, received_at=now))
        except Exception as error:
            self._broken = error  # not every caller is heard: the loop ends with it
            raise

    def _commit(self) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            effects = self.node.commit()
        except Exception as error:
            self._broken = error
            self._end_group(taken=False)
            raise
        self._end_group(taken=True)
        for effect in effects:
            if isinstance(effect, SetAlarm):
                self._alarms.arm(effect)
            else:
                self._perform_rest(effect)

    def _end_group(self, *, taken: bool) -> None:
        group, self._group = self._group, None
        if group is None or group.done():
            return
        if taken:
            group.set_result(None)
        else:
            group.set_exception(NotTaken(str(self._broken)))
            group.exception()  # where nobody waits for it, it is no news either

    # --- the control plane's host -----------------------------------------------------------------

    async def tell(self, event: TokenEvent) -> None:
        self.deliver(event)
        if self._group is not None:
            await asyncio.shield(self._group)  # one that goes away takes no other's answer along

    async def state(self) -> State:
        if self._group is not None:
            await asyncio.shield(self._group)
        if self._broken is not None:
            raise NotTaken(str(self._broken))
        if self._group is not None:
            self._commit_now()  # something new came meanwhile: whoever reads waits for one group
        return self.node.state

    def _commit_now(self) -> None:
        try:
            self._commit()
        except Exception as error:
            raise NotTaken(str(error)) from error  # what broke ends the loop, too


class Process(Protocol):
    """A node in whatever loop, as those who answer it need it."""

    @property
    def node(self) -> Node: ...

    def deliver(self, told: Event | Frame) -> None:
        """The one door; `NotTaken` once the loop ended."""


class ConnectorDoor:
    """The node as a connector sees it; after its end nothing is heard any more."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def next_frame(self) -> int:
        return self._process.node.journal.next_number

    def tell(self, told: Frame | Event) -> None:
        with suppress(NotTaken):
            self._process.deliver(told)
