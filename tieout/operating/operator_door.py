"""Operators of a live node: what they ask enters by the one door, and is answered when durable.

    asked → checked → [another person approves] → event → the node's loop → [commit] → answered

Rule 1. Money and the end of a kill take two people: what one proposed waits here for another, for
`WAITS_NS` and no longer than this life. Core asks for the two once more.
Rule 2. What the books would refuse is refused here in their own words, and not journaled.
Rule 3. While the journal has no room nothing is taken: it would be done at a moment that nobody
chose.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import adjustments, kill, money
from core.effects import Effect
from core.events import AdjustmentBooked, Event
from core.frames import Decode
from core.ids import base36
from core.people import are_two, person
from core.risk_events import KillLifted, KillOrdered, StrategyStateSet
from core.state import Drift, State
from tieout.journals.durable import Durable, NotDurable
from tieout.node.loop import NodeLoop
from tieout.operating import operator_socket
from tieout.operating.operator_words import (
    AdjustmentProposed,
    Answered,
    Approved,
    Asked,
    Killed,
    LiftProposed,
    Shown,
    StrategySet,
)
from tieout.watching.alert_hook import Alert, logged

SECOND = 1_000_000_000
WAITS_NS = 900 * SECOND
DURABLE_S_MAX = 10.0
NOBODY = "by: nobody; the name of a person would do"


@dataclass(slots=True, frozen=True)
class Proposal:
    """What one person wants and another is to say yes to."""

    what: AdjustmentProposed | LiftProposed
    at: int
    said: str


def refused(*lines: str) -> Answered:
    return Answered("refused", lines)


class OperatorDoor:
    """What lives beside a node (`tieout.node.rails.Beside`) and hears its operators."""

    readers: Mapping[str, Decode] = {}

    def __init__(self, socket: Path, strategies: Sequence[str], alert: Alert = logged) -> None:
        """`strategies` are those that there are: a name that was mistyped is no new one. `alert` is
        called where no socket can be made: the node lives on, and nobody decides anything."""
        self._socket, self._strategies, self._alert = socket, tuple(strategies), alert
        self._proposals: dict[str, Proposal] = {}
        self._durable = Durable()

    def live_in(self, loop: NodeLoop) -> None:
        self._loop = loop

    async def begin(self, known: Mapping[str, object]) -> None:
        """Nothing: operators are heard once it lives."""

    def perform(self, effect: Effect) -> bool:
        return False

    async def committed(self) -> None:
        self._durable.kept()

    async def run(self) -> None:
        """Until cancelled; the socket is gone then."""
        try:
            await operator_socket.serve(self._socket, self.answer)
        except OSError as error:
            text = f"operators are not heard at {self._socket}: {type(error).__name__}"
            self._alert("operators", "critical", text)
            await asyncio.Event().wait()

    @property
    def _state(self) -> State:
        return self._loop.node.state

    # --- what is asked ----------------------------------------------------------------------------

    async def answer(self, asked: Asked) -> Answered:
        """What comes of it; what was done is durable."""
        if isinstance(asked, Shown):
            return Answered("done", tuple(self._shown()))
        if not person(asked.by):
            return refused(NOBODY)
        if self._loop.held:
            return refused("the journal has no room: make room, or `tieout kill DEPLOYMENT`")
        match asked:
            case StrategySet():
                return await self._set(asked)
            case Killed():
                return await self._kill(asked)
            case AdjustmentProposed() | LiftProposed():
                return self._propose(asked)
            case Approved():
                return await self._approve(asked)

    async def _set(self, asked: StrategySet) -> Answered:
        if asked.strategy not in self._strategies:
            known = ", ".join(self._strategies) or "none"
            return refused(f"found {asked.strategy!r}; one of the deployment's would do: {known}")
        event = StrategyStateSet(
            received_at=0,
            strategy=asked.strategy,
            standing=asked.standing,
            by=asked.by,
            reason=asked.reason,
        )
        return await self._told(event, f"{asked.strategy} is {asked.standing}")

    async def _kill(self, asked: Killed) -> Answered:
        name = "k" + base36(self._loop.now() // SECOND)
        event = KillOrdered(
            received_at=0, kill_id=name, by=asked.by, reason=asked.reason, flatten=asked.flatten
        )
        return await self._told(event, f"kill {name} is ordered; `shows` says how far it is")

    # --- two people -------------------------------------------------------------------------------

    def _propose(self, asked: AdjustmentProposed | LiftProposed) -> Answered:
        """It waits, unless it would be refused whoever approved it."""
        event = self._event(asked, "")
        if isinstance(event, str):
            return refused(event)
        number, now = secrets.token_hex(4), self._loop.now()
        self._proposals[number] = Proposal(asked, now, said := _words(event, self._state))
        return Answered("proposed", (said, f"another person approves it: approve {number}"))

    async def _approve(self, asked: Approved) -> Answered:
        self._forget()
        proposal = self._proposals.get(asked.proposal)
        if proposal is None:
            known = ", ".join(self._proposals) or "none waits"
            return refused(f"found no {asked.proposal!r}; one that waits would do: {known}")
        if not are_two(proposal.what.by, asked.by):
            return refused(f"{proposal.what.by} proposed it; another person would do")
        event = self._event(proposal.what, asked.by)
        if isinstance(event, str):
            return refused(event)
        del self._proposals[asked.proposal]
        return await self._told(event, proposal.said)

    def _event(
        self, what: AdjustmentProposed | LiftProposed, approver: str
    ) -> AdjustmentBooked | KillLifted | str:
        """What is told to the node, or why it is not: asked as if somebody else had approved it,
        while nobody has."""
        other = approver or f"not {what.by}"
        if isinstance(what, LiftProposed):
            lifted = KillLifted(received_at=0, kill_id=what.kill_id, by=what.by, approver=other)
            return kill.fault(self._state, lifted) or lifted
        booked = self._adjustment(what, other)
        if isinstance(booked, str):
            return booked
        return adjustments.fault(self._state, booked) or booked

    def _adjustment(self, what: AdjustmentProposed, approver: str) -> AdjustmentBooked | str:
        found = _break(self._state, what.break_number)
        if found is None:
            numbers = ", ".join(str(each.number) for each in self._state.breaks.values())
            would_do = f"one that is would do: {numbers or 'none is'}"
            return f"no break {what.break_number} is open; {would_do}"
        holding, _ = found
        try:
            amount = money.parse(what.amount, decimals_of(self._state, holding))
        except (money.InexactAmount, ValueError) as error:
            return f"amount: {error}"
        return AdjustmentBooked(
            received_at=0,
            adjustment_id=f"{self._loop.node.state.node}-{base36(self._loop.now())}",
            holding=holding,
            amount=amount,
            author=what.by,
            approver=approver,
            reason=what.reason,
            break_number=what.break_number,
        )

    def _forget(self) -> None:
        since = self._loop.now() - WAITS_NS
        self._proposals = {n: each for n, each in self._proposals.items() if each.at > since}

    # --- what is told, and shown ------------------------------------------------------------------

    async def _told(self, event: Event, said: str) -> Answered:
        self._loop.deliver(event)
        try:
            await self._durable.wait(DURABLE_S_MAX)
        except NotDurable:
            return refused(f"{said}, and that is not durable yet: look again")
        return Answered("done", (said,))

    def _shown(self) -> list[str]:
        self._forget()
        state = self._state
        breaks = [
            f"break {drift.number}  {name}  {size_of(state, name, drift)}  {drift.cause}"
            for name, drift in state.breaks.items()
        ]
        kills = [
            f"kill {name}  by {each.by}: {each.reason}  "
            + ", ".join(f"{account} {killing.stage}" for account, killing in each.accounts.items())
            for name, each in state.risk.kills.items()
        ]
        known = state.risk.strategies
        standings = [
            f"strategy {name}  {known[name].standing if name in known else 'disabled'}"
            for name in self._strategies
        ]
        waiting = [
            f"proposal {number}  by {each.what.by}: {each.said}"
            for number, each in self._proposals.items()
        ]
        return [*breaks, *kills, *standings, *waiting]


def _break(state: State, number: int) -> tuple[str, Drift] | None:
    return next((each for each in state.breaks.items() if each[1].number == number), None)


def decimals_of(state: State, holding: str) -> int:
    """In how many decimals people read its amounts."""
    _, subject, leg = holding.rsplit("/", 2)
    return state.decimals.get(subject, 8) if leg == "cash" else money.QUANTITY_DECIMALS


def size_of(state: State, holding: str, drift: Drift) -> str:
    """What the venue has more than we, as it would be typed."""
    return money.show(drift.size, decimals_of(state, holding))


def _words(event: AdjustmentBooked | KillLifted, state: State) -> str:
    if isinstance(event, KillLifted):
        return f"lift kill {event.kill_id}"
    amount = money.show(event.amount, decimals_of(state, event.holding))
    return f"book {amount} in {event.holding}, for break {event.break_number}: {event.reason}"
