"""A node in an event loop: one door, groups that are committed, alarms, and nothing else.

    heard → [its turn] → deliver → step → [a group waits for company] → commit → perform

Rule 1. Effects leave after their group is durable; a group waits `group_wait_s` for company.
Cancels wait for none where who delivered asks for them (`cancels_now`).
Rule 2. What was told is stamped by our clock, which never goes back here.
Rule 3. Where the node itself breaks, the loop ends with it: not every caller is heard.
Rule 4. What is heard of counterparties is never dropped. A group takes `GROUP_MAX` of it; what is
beyond waits its turn, in order; too much that waits closes the entries until half of it is gone.
Rule 5. A journal without room holds everything (`held`): nothing but cancels leaves, what is heard
waits, entries are closed, and people are called at once. The group is tried again until there is
room; then all goes on where it stood. Whatever else ails a journal ends the loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from core.effects import Effect, SetAlarm
from core.events import Event
from core.frames import Frame
from core.node import Node
from core.risk_events import EntriesClosed, EntriesOpened
from tieout.journals.sqlite_store import JournalFull
from tieout.node.alarms import Alarms
from tieout.watching.alert_hook import Alert, logged

GROUP_WAIT_S = 0.001
GROUP_MAX = 256
WAITING_MAX = 5_000
# A node that is this far behind ends: the venues' own records have it all.
WAITING_END = 100_000
AGAIN_S = 0.5
JOURNAL_FULL, QUEUE_FULL = "JOURNAL_FULL", "QUEUE_FULL"


class Overwhelmed(RuntimeError):
    """More is heard than can ever be taken in; the node ends, and nothing was dropped silently."""


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
        committed: Callable[[], Awaitable[None]] = _nothing,
        alert: Alert = logged,
    ) -> None:
        """`perform` does what an effect asks, alarms apart; `committed` is awaited after each
        group, its effects performed; `alert` is called with what no journal can tell people of."""
        self.node = node
        self._perform, self._clock, self.group_wait_s = perform, clock, group_wait_s
        self._committed, self._alert = committed, alert
        self._alarms = Alarms(clock, self.hear)
        self._some = asyncio.Event()
        self._broken: Exception | None = None
        self._waiting: deque[Event | Frame] = deque()
        self._taken = 0
        self._too_much = False
        self.held = False

    def now(self) -> int:
        """Our clock, as the node has it."""
        return max(self._clock(), self.node.state.now)

    # --- in ---------------------------------------------------------------------------------------

    def hear(self, told: Event | Frame) -> None:
        """Take in what a counterparty told, now or when it is its turn."""
        if not (self.held or self._waiting) and self._taken < GROUP_MAX:
            self._taken += 1
            self.deliver(told)
            return
        self._waiting.append(told)
        self._some.set()
        if len(self._waiting) > WAITING_MAX and not self._too_much:
            self._too_much = True
            self._close(QUEUE_FULL, f"{len(self._waiting)} messages wait to be taken in")
        if len(self._waiting) > WAITING_END:
            self._broken = Overwhelmed(f"{len(self._waiting)} messages wait to be taken in")

    def waiting(self) -> int:
        """How much was heard and is not taken in."""
        return len(self._waiting)

    def deliver(self, told: Event | Frame, before: Callable[[Event], None] = _nobody) -> None:
        """Take in what was told; `before` is shown an event first, and breaks the loop as a node
        would."""
        try:
            if isinstance(told, Frame):
                self.node.deliver(told)
            else:
                before(told)
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

    def _take_turns(self) -> None:
        """As much of what waits as a group takes; its number and time are those of its turn."""
        self._taken = 0
        while self._waiting and self._taken < GROUP_MAX:
            self._taken += 1
            told = self._waiting.popleft()
            if isinstance(told, Frame):
                number = self.node.journal.next_number
                told = replace(told, number=number, received_at=self.now())
            self.deliver(told)
        if self._too_much and len(self._waiting) <= WAITING_MAX // 2:
            self._too_much = False
            self.deliver(EntriesOpened(received_at=0, code=QUEUE_FULL, place=""))

    def _close(self, code: str, reason: str) -> None:
        self.deliver(EntriesClosed(received_at=0, code=code, place="", reason=reason))
        if self.held:
            self._alert("node", "critical", f"entries are closed: {code}: {reason}")

    # --- out --------------------------------------------------------------------------------------

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
                await asyncio.sleep(AGAIN_S if self.held else self.group_wait_s)
                await self.commit()
        finally:
            self._alarms.stop()

    async def commit(self) -> None:
        """What was told is durable, and what it asks for under way; or it is held (Rule 5)."""
        if self._broken is not None:
            raise self._broken
        self._some.clear()
        try:
            effects = self.node.commit()
        except JournalFull as full:
            self._hold(str(full))
            return
        except Exception as error:
            self._broken = error  # whoever asked for it: the loop ends with it
            self._some.set()
            raise
        for effect in effects:
            self.perform(effect)
        await self._committed()
        if self.held:
            self.held = False
            self.deliver(EntriesOpened(received_at=0, code=JOURNAL_FULL, place=""))
        self._take_turns()

    def _hold(self, reason: str) -> None:
        """No room: it is tried again, whether or not anything more is told."""
        if not self.held:
            self.held = True
            self._close(JOURNAL_FULL, reason)
        self._some.set()
