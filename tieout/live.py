"""The live driver: the same node as in simulation, around it an event loop, sockets and strategies.

    sockets ─┐                                        ┌─→ venues, by each account's live twin
    alarms  ─┼→ NodeLoop: deliver → step → [commit] ──┼─→ rails, signers, issued tokens
    wishes  ─┘                                        └─→ strategies; alarms

True here: it builds connectors and moves the clock, and decides nothing. Whatever the node asks for
leaves after it is durable; what a transport has no answer to is told to the node as such.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from msgspec import UNSET
from msgspec.structs import replace

from core.effects import Effect, MoveCash, RaiseAlert, TellMove, TellPosition, TellStrategy
from core.events import CancelRequested, NodeStarted, OrderRequested
from core.frames import Headers, OnAnswer
from core.journal import Journal, Store
from core.node import Keep, Node, boot_epoch, recover
from core.orders import TERMINAL
from core.risk_effects import AskEngine
from core.risk_events import Standing, StrategyStateSet
from core.state import Order, State
from core.strategy import MovesCash, PublicTrade, Quote, Strategy, Tick, Wish
from risk.adapter import LimitGate
from risk.beside import refusal
from scenarios.model import StrategySpec, VenueSpec
from tieout.deployment.limits import Reviewed
from tieout.node.adopting import Standing as Adoption
from tieout.node.adopting import openings_of
from tieout.node.connector import Connector, Transport
from tieout.node.dialects import DIALECTS, READERS
from tieout.node.loop import JOURNAL_FULL, NodeLoop
from tieout.node.opening import opened
from tieout.node.quotes import quote
from tieout.node.rails import (
    Beside,
    HearsTrades,
    People,
    Rails,
    RailWay,
    Rests,
    nobody_listens,
)
from tieout.node.sights import Sights
from tieout.node.treasury import asked_of_people
from tieout.node.troubles import Troubles
from tieout.node.wishes import answered, made
from tieout.risk.live_engine import LiveEngine
from tieout.watching.alert_hook import Alert, logged
from venues.dialect import Request
from venues.public import LOOK_NS, Dial, Heard, MarketData

SECOND = 1_000_000_000
SNAPSHOT_EVERY = 5000
FIRST_LOOKS = 5
CLOCK_EVERY_S = 2.0


@dataclass(slots=True, frozen=True)
class Way:
    """How one account is reached: its requests and stream, and its market data."""

    spec: VenueSpec
    transport: Transport[Request]
    public: Dial


@dataclass(slots=True, frozen=True)
class Door:
    """The one door, as connectors need it."""

    loop: NodeLoop

    def next_frame(self) -> int:
        return self.loop.node.journal.next_number

    @property
    def tell(self) -> Callable[..., None]:
        return self.loop.hear


@dataclass(slots=True, frozen=True)
class Watched:
    """A transport whose answers are looked at for what is wrong with the account."""

    transport: Transport[Request]
    troubles: Troubles
    loop: NodeLoop

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        asked_at = self.loop.now()

        def answered(status: int, body: bytes, headers: Headers = ()) -> None:
            on_answer(status, body, headers)
            now = self.loop.now()
            for told in self.troubles.answered(request, status, body, asked_at, now):
                self.loop.deliver(told)

        self.transport.send(request, answered)

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.transport.open_stream(epoch, on_open, on_frame, on_close, on_beat)


@runtime_checkable
class TellsTime(Protocol):
    """A transport whose venue tells its time."""

    async def venue_time(self) -> int | None:
        """Nanoseconds UTC by the venue's clock, None where it did not say."""


class LiveNode:
    """One node over some accounts, with strategies in this process, or beside it."""

    def __init__(
        self,
        name: str,
        store: Store,
        ways: Sequence[Way],
        trading: Sequence[StrategySpec] = (),
        *,
        rails: Sequence[RailWay] = (),
        beside: Sequence[Beside] = (),
        people: People = nobody_listens,
        clock: Callable[[], int],
        keep: Keep = Keep(),  # noqa: B008  # a value that nobody can change
        warm: State | None = None,
        leading: Callable[[], Awaitable[None]] | None = None,
        standing: Adoption = "adopt",
        limits: Reviewed | None = None,
        alert: Alert = logged,
    ) -> None:
        """What the journal in `store` holds is taken up; an empty one is a first start.

        `warm` is the state at its end, where that was kept; `leading` is run beside the node, and
        what ends it ends the node.

        `standing` says what becomes of positions and orders that stand at an account whose books
        begin: they are adopted, or the node does not begin. Under `limits` its gate asks for all of
        them, and the cold engine runs beside it, reading the journal. `alert` is called with
        what people must hear: its kind, its severity, and words.
        """
        self.name, self.store = name, store
        journal, gate = Journal(store), LimitGate()
        state = warm if warm is not None else recover(journal, gate)
        self._beside = (Rails(rails, people), *beside)
        read = dict(READERS)
        for each in self._beside:
            read |= each.readers
        node = Node(journal, read, gate, state, snapshot_every=SNAPSHOT_EVERY, keep=keep)
        self.loop = NodeLoop(
            node, self._perform, clock=clock, committed=self._committed, alert=alert
        )
        for each in self._beside:
            each.live_in(self.loop)
        self.heard, self._clock = Heard(), clock
        self.troubles = {way.spec.account: Troubles(way.spec.account) for way in ways}
        self._standing, self._limits, self._alert = standing, limits, alert
        self.engine = self._engine(limits.journal) if limits is not None else None
        self._ways = {way.spec.account: way for way in ways}
        self._connectors = {account: self._connector(way) for account, way in self._ways.items()}
        self._markets = {account: self._market(way) for account, way in self._ways.items()}
        self._resting, self._leading = False, leading
        self.refused_unheard = 0
        self._specs = trading
        self._strategies: dict[str, Strategy] = {
            each.name: made(each.kind, each.name, each.options) for each in trading
        }
        watching = [(self._strategies[each.name], each.accounts) for each in trading]
        self._sights = Sights(watching, clock())

    @property
    def node(self) -> Node:
        return self.loop.node

    async def run(self) -> None:
        """Live until cancelled: nothing has to be done at the end, for a crash is the same."""
        await self.begin()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.loop.run())
            group.create_task(self._look())
            group.create_task(self._close_bars())
            for each in self._beside:
                group.create_task(each.run())
            if self._leading is not None:
                group.create_task(self._lead(self._leading))
            for account, way in self._ways.items():
                if isinstance(way.transport, TellsTime):
                    group.create_task(self._watch_clock(account, way.transport))
            if self.engine is not None:
                group.create_task(self.engine.run())
            for spec in self._specs:
                group.create_task(self._tick(spec))

    async def _lead(self, leading: Callable[[], Awaitable[None]]) -> None:
        await leading()

    def rest(self) -> None:
        """Strategies are asked for nothing more; books, orders and reconciliation go on."""
        self._resting = True
        for each in self._beside:
            if isinstance(each, Rests):
                each.rest()

    def wake(self) -> None:
        """Strategies are asked again."""
        self._resting = False
        for each in self._beside:
            if isinstance(each, Rests):
                each.wake()

    def set_standing(self, strategy: str, standing: Standing, *, by: str, reason: str) -> None:
        """A person decides what a strategy may do from now on."""
        self.loop.deliver(
            StrategyStateSet(
                received_at=0, strategy=strategy, standing=standing, by=by, reason=reason
            )
        )

    def cancel_all(self) -> None:
        """Whatever of ours works is asked to be gone."""
        for order in self._open_orders():
            self.loop.deliver(
                CancelRequested(
                    received_at=0, strategy=order.strategy, client_order_id=order.client_order_id
                )
            )
        self.loop.cancels_now()

    def working(self) -> int:
        """How many orders may still fill."""
        return len(self._open_orders())

    def at_rest(self) -> bool:
        """Whether no order may still fill and no strategy is on its way to rest."""
        around = [each for each in self._beside if isinstance(each, Rests)]
        return not self.working() and all(each.at_rest() for each in around)

    def _open_orders(self) -> list[Order]:
        orders = self.node.state.orders.values()
        return [each for each in orders if each.status not in TERMINAL]

    def said(self) -> dict[str, int]:
        """How it stands: what a person wants to know first."""
        state = self.node.state
        return {
            "last": self.store.last()[0],
            "orders": len(state.orders),
            "working": self.working(),
            "fills": sum(n for name, n in state.counts.items() if name.startswith("fills_booked/")),
            "closed": len(state.risk.closures) if state.risk.closures is not UNSET else 0,
            "suspects": len(state.suspects),
            "open_breaks": len(state.breaks),
            "unpriced": self._unpriced(),
        }

    def _unpriced(self) -> int:
        """Of how many instruments nobody tells a price now: no strategy is asked about them."""
        listed = sum(len(way.spec.instruments) for way in self._ways.values())
        return listed - len(self.quotes(()))

    async def begin(self) -> None:
        """Tell the node that it lives, and of the accounts that it does not know yet.

        Raises `NotAdopted` where a venue does not say what stands there, or more stands there than
        is to be adopted.
        """
        state, now = self.node.state, self.loop.now()
        known = dict.fromkeys(state.accounts)
        epoch, lost = boot_epoch(state, self.store), self.store.records_lost
        self.loop.deliver(
            NodeStarted(received_at=now, node=self.name, epoch=epoch, records_lost=lost)
        )
        for account, way in self._ways.items():
            if account not in known:
                await self._open(way)
        if self._limits is not None:
            for event in self._limits.events(state, self.loop.now()):
                self.loop.deliver(event)
        for each in self._beside:
            await each.begin(known)
        for market in self._markets.values():
            market.open()

    async def _open(self, way: Way) -> None:
        """What stands there is adopted; only then is the account listened to."""
        journal = self.node.journal
        openings = await openings_of(
            way.spec,
            way.transport,
            self.loop.now,
            lambda: journal.next_number,
            journal.frame,
            self._standing,
        )
        for event in (*opened(way.spec, self.loop.now()), *openings):
            self.loop.deliver(event)

    # --- out --------------------------------------------------------------------------------------

    def _connector(self, way: Way) -> Connector[Request]:
        dialect = DIALECTS[way.spec.dialect]
        account, door, clock = way.spec.account, Door(self.loop), self.loop.now
        transport = Watched(way.transport, self.troubles[account], self.loop)
        return Connector(account, dialect.request, transport, door, clock, dialect.headers)

    async def _watch_clock(self, account: str, transport: TellsTime) -> None:
        """Measured by the machine's clock itself, which requests are signed by.

        Whoever is asked may forget that this task is to end, as libraries do: then it ends here.
        """
        task = asyncio.current_task()
        while not (task and task.cancelling()):
            asked_at = self._clock()
            told, heard_at = await transport.venue_time(), self._clock()
            if told is not None:
                troubles = self.troubles[account]
                for event in troubles.measured(told, asked_at, heard_at, self.loop.now()):
                    self.loop.deliver(event)
            await asyncio.sleep(CLOCK_EVERY_S)

    def _engine(self, journal: str) -> LiveEngine:
        def heard() -> int:
            cold = self.node.state.risk.cold
            return cold.epoch if cold is not UNSET else 0

        return LiveEngine(journal, heard, self.loop.now, self.loop.hear, self._alert)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case AskEngine():
                if self.engine is not None:
                    self.engine.ask(effect.request)
            case RaiseAlert():
                self._alert(effect.subject, effect.severity, effect.text)
            case TellStrategy() if effect.strategy in self._strategies:
                hear = self._strategies[effect.strategy].on_order
                self._wish(answered(effect.strategy, hear, effect, self.loop.now()))
            case TellPosition() if effect.strategy in self._strategies:
                look = self._strategies[effect.strategy].on_position
                self._wish(answered(effect.strategy, look, effect, self.loop.now()))
            case TellMove() if effect.strategy in self._strategies:
                mover = self._strategies[effect.strategy]
                if isinstance(mover, MovesCash):
                    self._wish(answered(effect.strategy, mover.on_move, effect, self.loop.now()))
            case MoveCash():
                self._alert("treasury", "warning", asked_of_people(self.node.state, effect))
            case TellStrategy() | TellPosition() | TellMove():
                self._ask_beside(effect)
            case _:
                account = getattr(effect, "account", None)
                if account in self._connectors:
                    self._connectors[account].perform(effect)
                else:
                    self._ask_beside(effect)

    def _ask_beside(self, effect: Effect) -> None:
        any(each.perform(effect) for each in self._beside)

    async def _committed(self) -> None:
        for each in self._beside:
            await each.committed()

    # --- market data and strategies ---------------------------------------------------------------

    def _market(self, way: Way) -> MarketData:
        dialect = DIALECTS[way.spec.dialect]
        looks = FIRST_LOOKS if self._limits is not None else 1
        return MarketData(
            way.spec.account,
            dialect,
            way.public,
            self.loop.now,
            self.heard,
            on_trade=self._trade,
            first_looks=looks,
        )

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_NS / SECOND)
            for market in self._markets.values():
                for reference in market.look():
                    if not self.loop.held:
                        self.loop.deliver(reference)

    def _trade(self, told: PublicTrade) -> None:
        self._sights.gather(told)
        self._wish(self._sights.trade(told))
        for each in self._beside:
            if isinstance(each, HearsTrades):
                each.trade(told)

    async def _close_bars(self) -> None:
        while at := self._sights.next_close(self.loop.now()):
            await asyncio.sleep((at - self.loop.now()) / SECOND)
            self._wish(self._sights.close(self.loop.now()))

    async def _tick(self, spec: StrategySpec) -> None:
        while True:
            await asyncio.sleep(spec.tick_ms / 1000)
            word = int.from_bytes(os.urandom(8))
            tick = Tick(self.loop.now(), word, self.quotes(spec.accounts))
            self._wish(answered(spec.name, self._strategies[spec.name].on_tick, tick))

    def quotes(self, accounts: tuple[str, ...]) -> tuple[Quote, ...]:
        """What the markets of these accounts show, or of all."""
        shown = []
        for account, way in self._ways.items():
            for each in way.spec.instruments if not accounts or account in accounts else ():
                top = self._markets[account].show(each.symbol)
                if top is not None:
                    shown.append(quote(account, each, *top))
        return tuple(shown)

    def _wish(self, wishes: Sequence[Wish]) -> None:
        for wish in wishes if not self._resting else ():
            if isinstance(wish, OrderRequested) and self.loop.held:
                self._refuse(wish)
                continue
            self.loop.deliver(wish)
            if isinstance(wish, CancelRequested):
                self.loop.cancels_now()

    def _refuse(self, wish: OrderRequested) -> None:
        """No journal can take it: it is refused where it stands, and its strategy hears of that."""
        self.refused_unheard += 1
        told = replace(refusal(wish), reason=JOURNAL_FULL)
        hear = self._strategies[wish.strategy].on_order
        answer = answered(wish.strategy, hear, told, self.loop.now())
        self._wish([each for each in answer if not isinstance(each, OrderRequested)])
