"""Three ways to one venue, and a node of ours behind each: the same course is run on all.

    twin      the pure twin: our end of a simulated wire
    adapter   ccxt before the served venue, in simulated time
    sockets   ccxt before the served venue, over real sockets of this machine

The node is core's own and performs what it asks for, but of alarms only those that the course lets
ring: so that what happens does not depend on how long anything takes. There is no crowd; who trades
with us is the course. What each way tells is kept as a story: see `Bench.story`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from core.effects import Effect, RaiseAlert, SetAlarm, TellPosition, TellStrategy
from core.events import AlarmRang, Event, FillReported, NodeStarted, OpeningSet, OrderRequested
from core.frames import Frame, OnAnswer
from core.ids import is_ours
from core.journal import Journal, decode_event, decode_frame
from core.money import ASSET_DECIMALS, parse, price, quantity
from core.node import Node
from core.state import Order
from risk.adapter import LimitGate
from scenarios.model import InstrumentSpec, Scenario, check
from sim.faults import Fault, Faults
from sim.memory_store import MemoryStore
from tests.live import Served
from tieout.claims.view import View
from tieout.node.connector import Connector, Transport
from tieout.node.dialects import DIALECTS, READERS
from tieout.node.opening import opened
from tieout.wire.fronts import WAYS
from tieout.wire.world import WireWorld
from tieout.world.simulated_live import SimulatedLive
from tieout.world.sites import Site
from tieout.world.transports import SimulatedTransport
from venues.dialect import Request
from venues.live import Live
from venues.served import Gateway

MS = 1_000_000
QUIET_S, WAITED_S_MAX = 0.1, 30.0
TIMEOUT_NS = 400 * MS
# What is of this telling alone: times, and names that the venue or we chose.
PASSING = (
    *("received_at", "frame", "occurred_at", "asked_at", "as_of", "sequence", "through"),
    *("order_id", "fill_id", "expires_at"),
)
IDS = ("client_order_id", "client_order_ids")
Told = tuple[str, ...]


def quiet_market(venue: str) -> Scenario:
    """A venue with short ways, whose requests are soon void."""
    told = {"dialect": venue, "latency_ms": 2, "latency_ms_p99": 6, "request_validity_ms": 1500}
    about = {"name": "conformance", "claim": "one course, three ways", "duration_s": 10_000_000}
    return check({**about, "venues": [told]}, venue)


class Armed(Faults):
    """Faults that strike when the course says so, once."""

    def __init__(self, others: Faults) -> None:
        self.counts, self.armed = others.counts, dict[str, Fault]()

    def strikes(self, kind: str, where: str) -> Fault | None:
        fault = self.armed.pop(kind, None)
        if fault is not None:
            self.count(kind)
        return fault

    def arm(self, kind: str, strength: int = 0) -> None:
        self.armed[kind] = Fault(kind, strength=strength, times_max=1)


@dataclass
class Queued:
    """A transport that sends one request after another, each when the last one has its answer.

    What core asks for next depends on what it heard first: so it hears in one order on all ways.
    """

    transport: Transport[Request]
    _waiting: deque[tuple[Request, OnAnswer]] = field(default_factory=deque)
    busy: bool = False

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        self._waiting.append((request, on_answer))
        self._next()

    def _next(self) -> None:
        if self.busy or not self._waiting:
            return
        self.busy = True
        request, on_answer = self._waiting.popleft()

        def answered(*told: Any) -> None:
            on_answer(*told)
            self.busy = False
            self._next()

        self.transport.send(request, answered)

    def open_stream(self, *told: Any) -> None:
        self.transport.open_stream(*told)


@dataclass
class Bench:
    """A node, its one account, and the venue in our hands."""

    site: Site
    world: WireWorld
    transport: Queued
    clock: Callable[[], int]
    door: Gateway | None = None
    store: MemoryStore = field(default_factory=MemoryStore)
    alarms: dict[str, int] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    asked: list[Effect] = field(default_factory=list)
    _read: int = 0
    _told_at: float = 0.0
    _names: dict[str, str] = field(default_factory=dict)
    _fills: dict[tuple[str, str], None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.faults = self.site.wire.faults = Armed(self.site.wire.faults)
        self.site.venue.faults = self.faults
        self.site.wire._strikes = self.faults.strikes
        self.site.wire.latency.timeout = TIMEOUT_NS
        for crowd in self.site.crowds:
            crowd.stopped = True
            for name in crowd._resting:
                self.venue.crowd_cancels(crowd.symbol, name)
        dialect, account = DIALECTS[self.site.spec.dialect], self.site.spec.account
        self.node = Node(Journal(self.store), READERS, LimitGate())
        self.connector = Connector(
            account, dialect.request, self.transport, self, self.clock, dialect.headers
        )

    @property
    def venue(self) -> Any:
        """What truly happens there."""
        return self.site.venue.exchange

    # --- the door ---------------------------------------------------------------------------------

    def next_frame(self) -> int:
        return self.node.journal.next_number

    def tell(self, told: Frame | Event) -> None:
        if not isinstance(told, Frame):
            told = replace(told, received_at=self.clock())
        self.node.deliver(told)
        self._told_at = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        while effects := self.node.commit():
            for effect in effects:
                self.perform(effect)

    def perform(self, effect: Effect) -> None:
        match effect:
            case SetAlarm():
                self.alarms[effect.alarm] = effect.at
            case RaiseAlert():
                self.alerts.append(effect.text)
            case TellStrategy() | TellPosition():
                pass
            case _:
                self.asked.append(effect)
                self.connector.perform(effect)

    # --- what the course does ---------------------------------------------------------------------

    async def begin(self) -> None:
        """The node lives, and knows of the account what its venue holds there."""
        self.tell(NodeStarted(received_at=0, node="tie", epoch=1))
        spec = self.site.spec
        for event in opened(spec, self.clock()):
            self.tell(event)
        for asset, amount in spec.wallets.items():
            self.tell(
                OpeningSet(
                    received_at=0,
                    account=spec.account,
                    subject=asset,
                    leg="cash",
                    amount=parse(str(amount), ASSET_DECIMALS),
                    occurred_at=self.venue.updated_at * MS,
                )
            )
        await self.until(lambda: self.node.state.accounts[spec.account].streaming)
        await self.quiet()

    async def ring(self, kind: str) -> None:
        """Wait until the alarms of that kind are due, and let them ring."""
        for alarm in [name for name in self.alarms if name.split("/")[0] == kind]:
            due = self.alarms.pop(alarm)
            while self.clock() < due:
                await asyncio.sleep((due - self.clock()) / 1e9)
            self.tell(AlarmRang(received_at=0, alarm=alarm))

    def order(self, lots: Decimal | int = 10, percent: int = 90) -> Callable[[], Order]:
        """Ask to buy so many lots at so much of the usual price; the handle finds the order."""
        each = self.instrument
        ticks = each.price * percent / 100 // each.tick
        number = len(self.node.state.orders)
        self.tell(
            OrderRequested(
                received_at=0,
                strategy="course",
                reference=str(number),
                account=self.site.spec.account,
                instrument=each.symbol,
                side="buy",
                quantity=quantity(str(lots * each.lot)),
                kind="limit",
                price=price(str(ticks * each.tick)),
                leg="long" if DIALECTS[self.site.spec.dialect].hedged else "net",
            )
        )
        return lambda: list(self.node.state.orders.values())[number]

    def sell_to_us(self, lots: int, percent: int = 90) -> None:
        """Somebody else meets what we bid."""
        each = self.instrument
        at = each.price * percent / 100 // each.tick * each.tick
        self.venue.crowd(each.symbol, "sell", lots * each.lot, at)

    @property
    def instrument(self) -> InstrumentSpec:
        return self.site.spec.instruments[-1]

    def end_session(self) -> None:
        """The key of the stream is over, or the venue says that it will close the connection."""
        if self.door is not None:
            self.door.key_ended()
        self.site.wire.end_key(self.site.venue.words.farewell)

    async def reopen(self) -> None:
        """After a close: open the next epoch, and wait until all is read that it asks for."""
        account = self.node.state.accounts[self.site.spec.account]
        await self.until(lambda: not account.streaming)
        await self.quiet()
        await self.ring("reopen")
        await self.until(lambda: account.streaming)
        await self.quiet()

    async def until(self, holds: Callable[[], bool]) -> None:
        """It has to come to that."""
        loop = asyncio.get_running_loop()
        until = loop.time() + WAITED_S_MAX
        while not holds():
            if loop.time() > until:
                raise AssertionError(f"waited in vain: {self.story()}")
            await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Until every request has its answer and nothing more is told."""
        loop = asyncio.get_running_loop()
        self._told_at = loop.time()
        while self.transport.busy or loop.time() < self._told_at + QUIET_S:
            await asyncio.sleep(0.005)

    def differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Each holding whose truth is not what our books say, with both."""
        view, truth = View(self.node.state, self.store), self.world.truth()
        both = {name: (true, view.figure(name)) for name, true in truth.items()}
        return {name: each for name, each in both.items() if each[0] != each[1]}

    # --- what was told ----------------------------------------------------------------------------

    def story(self) -> dict[str, list[Told]]:
        """What was told since it was last asked for: of each channel its core events in order.

        Channels race, so each is told apart. Left out is what is of this telling alone (`PASSING`),
        why something got no answer, heartbeats, and of pages the fills that were told before: how
        far a page reaches back is a matter of time at some venues. Our names of orders are counted.
        """
        abouts: dict[int, str] = {}
        told: dict[str, list[Told]] = {"stream": [], "answers": [], "connection": []}
        channels: dict[int, str] = {}
        self._pump()
        for record in self.store.records():
            if record.kind == "frame":
                frame = decode_frame(record)
                channels[record.number] = "stream" if frame.channel == "stream" else "answers"
                abouts[record.number] = self._plain(msgspec.to_builtins(frame.about))
            elif record.kind == "event" and record.number > self._read:
                event = decode_event(record.body)
                channel = channels.get(event.frame, "connection")
                if self._is_echo(event) and channel == "answers":
                    continue
                line = (abouts.get(event.frame, ""), self._said(event))
                if record.name in ("StreamOpened", "StreamClosed") or channel != "connection":
                    told[channel].append(line)
        self._read = self.store.last()[0]
        return told

    def _is_echo(self, event: Event) -> bool:
        """Whether a fill was told before; remembers that it was told."""
        if not isinstance(event, FillReported):
            return False
        key = event.instrument, event.fill_id
        known, self._fills[key] = key in self._fills, None
        return known

    def _said(self, event: Event) -> str:
        fields = msgspec.to_builtins(event)
        if fields.get("status") == "unknown" or fields["type"] in ("RequestFailed", "StreamClosed"):
            fields.pop("reason", None)
        if "retry_after_ns" in fields:  # where the venue says until when, it depends on now
            fields["retry_after_ns"] = f"{round(fields['retry_after_ns'] / 1e9)} s"
        if fields["type"] == "StatementReported":
            rows = [[row.subject, row.leg, row.amount] for row in event.rows]  # type: ignore[union-attr]  # it is one
            fields["rows"] = sorted(rows)
        return self._plain(fields)

    def _plain(self, fields: Any) -> str:
        """What remains, as text."""
        if not fields:
            return ""
        kept = {name: value for name, value in fields.items() if name not in PASSING}
        if "after" in kept:
            kept["after"] = "cursor" if kept["after"] else "start"
        for name in IDS:
            value = kept.get(name)
            if isinstance(value, str):
                kept[name] = self._named(value)
            elif value:
                kept[name] = sorted(map(self._named, value))
        return " ".join(f"{name}={value}" for name, value in kept.items())

    def _named(self, name: str) -> str:
        if not is_ours("tie", name):
            return name
        return self._names.setdefault(name, f"order {len(self._names) + 1}")


Course = Callable[[Bench], Coroutine[Any, Any, dict[str, dict[str, list[Told]]]]]
Stories = dict[str, dict[str, list[Told]]]


def twin(venue: str, course: Course) -> Stories:
    """The course before the pure twin."""
    sim = SimulatedLive(quiet_market(venue))
    site = sim.sites[venue]

    async def runs() -> Stories:
        transport = Queued(SimulatedTransport(site))
        return await course(Bench(site, sim.wire, transport, sim.world.clock))

    return sim.run(runs())


def adapter(venue: str, course: Course) -> Stories:
    """The course before the served venue, in simulated time."""
    sim = SimulatedLive(quiet_market(venue))
    site, door = sim.sites[venue], sim.doors[venue]

    async def runs() -> Stories:
        client = sim.session()
        live = sim.live(venue, client)
        told = await course(Bench(site, sim.wire, Queued(live), sim.world.clock, door))
        await live.close()
        await client.close()
        return told

    return sim.run(runs())


def sockets(venues: Sequence[str], course: Course) -> dict[str, Stories]:
    """The course before each served venue, over real sockets, at once."""

    async def runs(venue: str) -> Stories:
        served = await Served.start(venue, 0, scenario=quiet_market(venue))
        site, client = served.world.sites[venue], served.session()
        live = Live(served.exchange(client), WAYS[venue], client, time.time_ns)
        told = await course(Bench(site, served.world, Queued(live), time.time_ns, served.door))
        await live.close()
        await client.close()
        await served.server.stop()
        return told

    async def all_run() -> dict[str, Stories]:
        return dict(zip(venues, await asyncio.gather(*map(runs, venues)), strict=True))

    return asyncio.run(all_run())
