"""A node in an event loop: one door, groups that are committed, alarms, and nothing else.

    deliver → step → [a group waits for company] → commit → perform

Rule 1. Effects leave after their group is durable; a group waits `group_wait_s` for company.
Cancels wait for none where who delivered asks for them (`cancels_now`).
Rule 2. What was told is stamped by our clock, which never goes back here.
Rule 3. Where the node itself breaks, the loop ends with it: not every caller is heard.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from core.effects import Effect, SetAlarm
from core.events import Event
from core.frames import Frame
from core.node import Node
from tieout.alarms import Alarms

GROUP_WAIT_S = 0.001


async def _nothing() -> None:
    """Nobody waits for a commit."""


def _nobody(told: Event) -> None:
    """Nobody looks at it before."""


class NodeLoop:
    """The loop around a node."""

    def __init__(
        self,
        node: Node,
        perform: Callable[[Effect], None],
        *,
        clock: Callable[[], int] = time.time_ns,
        group_wait_s: float = GROUP_WAIT_S,
        before: Callable[[Event], None] = _nobody,
        committed: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        """`perform` does what an effect asks, alarms apart; `before` is shown each event
        before it is taken in; `committed` is awaited after each group, its effects performed."""
        self.node = node
        self._perform, self._clock, self.group_wait_s = perform, clock, group_wait_s
        self._before, self._committed = before, committed
        self._alarms = Alarms(clock, self.deliver)
        self._some = asyncio.Event()
        self._broken: Exception | None = None

    def now(self) -> int:
        """Our clock, as the node has it."""
        return max(self._clock(), self.node.state.now)

    def deliver(self, told: Event | Frame) -> None:
        """Take in what was told."""
        try:
            if isinstance(told, Frame):
                self.node.deliver(told)
            else:
                self._before(told)
                self.node.deliver(replace(told, received_at=self.now()))
        except Exception as error:
            self._broken = error
            raise
        finally:
            self._some.set()

    @property
    def waits(self) -> bool:
        """Whether there is something that no group holds yet."""
        return self._some.is_set()

    def wake(self) -> None:
        """There is something to do after a commit, though nothing was told."""
        self._some.set()

    def cancels_now(self) -> None:
        """Cancels go before their group is durable: they spend nothing."""
        for effect in self.node.cancels():
            self.perform(effect)

    def perform(self, effect: Effect) -> None:
        if isinstance(effect, SetAlarm):
            self._alarms.arm(effect)
        else:
            self._perform(effect)

    async def run(self) -> None:
        """One group after another, until cancelled; an alarm outlives it in no case."""
        try:
            while True:
                await self._some.wait()
                await asyncio.sleep(self.group_wait_s)
                await self.commit()
        finally:
            self._alarms.stop()

    async def commit(self) -> None:
        """What was told is durable, and what it asks for under way."""
        if self._broken is not None:
            raise self._broken
        self._some.clear()
        try:
            effects = self.node.commit()
        except Exception as error:
            self._broken = error  # whoever asked for it: the loop ends with it
            self._some.set()
            raise
        for effect in effects:
            self.perform(effect)
        await self._committed()
