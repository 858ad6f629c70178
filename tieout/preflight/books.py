"""The books' own check: a shadow node over the journal, until statements agree in a row.

True here: it can send nothing, its strategies rest, and nothing of it trades. Its journal is the
deployment's, so that what it adopted and found is there for the node that goes live.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from core.journal import Store
from core.state import State
from tieout.deployment.file import Deployment
from tieout.live import LiveNode, Way
from tieout.node.adopting import NotAdopted
from tieout.node.dialects import DIALECTS
from tieout.preflight.checks import Check, green, red
from tieout.preflight.venue import Known

IN_A_ROW = 2
RECONCILED_S_MAX = 60.0
LOOK_S = 0.1


@dataclass(slots=True)
class InARow:
    """How many statements of an account were taken in since something last was in doubt."""

    account: str
    wanted: int
    since: int = 0

    def look(self, state: State) -> bool:
        """Whether enough of them have come, and nothing of the account is in doubt."""
        count = state.counts.get(f"statements/{self.account}", 0)
        if self.doubts(state):
            self.since = count
        return count - self.since >= self.wanted

    def doubts(self, state: State) -> list[str]:
        """What differs, or may: readings that wait to be judged, suspects, breaks."""
        if self.account not in state.accounts:
            return ["its books have not begun"]
        doubted: dict[str, Iterable[str]] = {
            "a reading": state.readings,
            "a suspect": state.suspects,
            "a break": state.breaks,
        }
        return [
            f"{kind} of {name}"
            for kind, names in doubted.items()
            for name in names
            if name.startswith(self.account + "/")
        ]


@dataclass(slots=True)
class ShadowBooks:
    """A node that only reads."""

    deployment: Deployment
    store: Store
    ways: Sequence[Way]
    clock: Callable[[], int]
    node: LiveNode = field(init=False)

    def __post_init__(self) -> None:
        self.node = LiveNode(self.deployment.name, self.store, self.ways, (), clock=self.clock)
        self.node.rest()

    @property
    def state(self) -> State:
        """What the journal holds."""
        return self.node.node.state

    def known(self) -> Known:
        """Of that, what was there before."""
        state = self.state
        return Known(frozenset(state.orders), frozenset(state.accounts))

    async def reconciled(self) -> list[Check]:
        """A check of each account, when all are green or the time is over; then the node is ended.

        Raises what the node raised: a broken node is no finding about a venue.
        """
        rows = [self._row(way) for way in self.ways]
        running = asyncio.create_task(self.node.run())
        until = time.monotonic() + RECONCILED_S_MAX
        agreed: dict[str, None] = {}
        while len(agreed) < len(rows) and time.monotonic() < until and not running.done():
            await asyncio.wait([running], timeout=LOOK_S)
            state = self.node.node.state
            agreed |= dict.fromkeys(each.account for each in rows if each.look(state))
        said = await self._ended(running)
        return [self._check(each, said, agreed=each.account in agreed) for each in rows]

    def _row(self, way: Way) -> InARow:
        kinds = DIALECTS[way.spec.dialect].statements
        # What earlier lives read says nothing of now.
        before = self.node.node.state.counts.get(f"statements/{way.spec.account}", 0)
        return InARow(way.spec.account, IN_A_ROW * len(kinds), before)

    async def _ended(self, running: "asyncio.Task[None]") -> str:
        """The node is ended and what it was told is durable; why it adopted nothing, or ""."""
        running.cancel()
        await asyncio.wait([running])
        if not running.cancelled() and (error := running.exception()) is not None:
            if isinstance(error, NotAdopted):
                return str(error)
            raise error
        await self.node.loop.commit()
        return ""

    def _check(self, row: InARow, said: str, *, agreed: bool) -> Check:
        name, state = "reconciliations", self.node.node.state
        statements = state.counts.get(f"statements/{row.account}", 0)
        doubts = row.doubts(state)
        found = said or f"{statements} statements read; {', '.join(doubts) or 'none in doubt'}"
        if (
            agreed
            and not said
            and not any(name.startswith(row.account + "/") for name in state.breaks)
        ):
            return green(name, row.account, f"{IN_A_ROW} of each kind in a row agree; {found}")
        would_do = (
            f"{IN_A_ROW} of each kind that agree in a row, in {RECONCILED_S_MAX:.0f} s, would do"
        )
        return red(name, row.account, found, would_do)
