"""A warm standby: follows a leader's journal, keeps its state, and leads when nobody does.

    follow: a group was told → its events are applied → who leads, and for how long yet?
    lead:   the lease has ended → a new token → what was committed until then is applied → a node

True here: the state at each position is the leader's, for both fold the same events; nothing is
performed and nothing is written before the lease is had. From the end of a lease to the new one it
takes one question. What the former leader asked of the world is taken up as after any restart: it
is queried, and an order that the venue does not know is over once its request has expired.
"""

import asyncio
from collections.abc import Callable

from core.gate import Gate
from core.journal import Journal, decode_event
from core.node import recover
from core.state import State
from core.step import step
from tieout.journals.leadership import LeadershipLost
from tieout.journals.postgres_store import PostgresStore
from tieout.journals.sqlite_store import JournalFailed

# How long news is waited for at once, though nobody renews: what was missed is found then.
LOOK_S = 0.5
AGAIN_S = 0.2


def _nobody(position: int, state: State) -> None:
    """Nobody looks at it."""


class Standby:
    """The state of a journal that another node writes; `position` is the last record in it."""

    def __init__(
        self,
        store: PostgresStore,
        gate: Gate,
        watch: Callable[[int, State], None] = _nobody,
    ) -> None:
        """The store follows. `watch` is shown the state after each group; it must not change it."""
        self._store, self._gate, self._watch = store, gate, watch
        self.position, _ = store.last()
        self.state = recover(Journal(store), gate)

    def look(self) -> bool:
        """Apply what was committed, or wait for it a little; whether it leads by now."""
        left = self._store.rest()
        if left > 0:
            self._store.heard(min(left, LOOK_S))
        leads = left <= 0 and self._store.lead()
        while self._apply():
            """Until there are no more news."""
        return leads

    def _apply(self) -> bool:
        ends, events = self._store.news(self.position)
        told = iter(events)
        number, body = next(told, (0, b""))
        for end in ends:
            while body and number <= end:
                step(self.state, decode_event(body), self._gate)
                number, body = next(told, (0, b""))
            self.position = end
            self._watch(end, self.state)
        return bool(ends)


async def until_leading(standby: Standby) -> None:
    """Follow, and return when it leads; a server that is away is waited for."""
    while True:
        try:
            if await asyncio.to_thread(standby.look):
                return
        except LeadershipLost:
            raise
        except JournalFailed:
            await asyncio.sleep(AGAIN_S)
