"""A live node against a served venue: real sockets, real TLS, ccxt unmodified; one process.

The venue's truth is beside it, so that a test can hold our books against it to the unit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.pro
from aiohttp import ClientSession

from core.journal import Store
from core.state import State
from scenarios.bounds import LIMITS
from scenarios.model import Scenario, StrategySpec
from sim.faults import Fault
from sim.operators import OpenBreak, Operator
from sim.world import SECOND
from tieout.claims.view import View
from tieout.deployment.limits import DeployedLimits, Reviewed
from tieout.journals.sqlite_store import SqliteStore
from tieout.live import LiveNode, Way
from tieout.node.dialects import DIALECTS
from tieout.node.rails import Beside
from tieout.node.seen import is_watched
from tieout.wire.fronts import FRONTS, WAYS
from tieout.wire.server import WireServer
from tieout.wire.tls import Authority, session
from tieout.wire.world import WireWorld, scenario_of
from tieout.world.host import booked
from venues.exchange import Exchange
from venues.live import Live
from venues.served import Call, Gateway, Key
from venues.simulated import Answer, Asked

KEY = Key("a-key-for-tests", "a-secret-for-tests", "a-passphrase-for-tests")


def trading(venue: str, tick_ms: int = 100) -> tuple[StrategySpec, ...]:
    """A taker and a maker, who know how the account keeps its positions and, where it has legs,
    heed a venue that says that there is nothing to close."""
    options = {"hedged": True, "heeds": True} if DIALECTS[venue].hedged else {}
    return (
        StrategySpec(kind="taker", name="tk", tick_ms=tick_ms, options=options),
        StrategySpec(kind="maker", name="mm", tick_ms=3 * tick_ms, options=options),
    )


# Whoever waits for longer waits for what never comes.
PATIENCE_S = 900.0
LOOK_S = 0.5
FIRST = asyncio.FIRST_COMPLETED


class Inn:
    """A front door that can be closed for maintenance: 503 to every request."""

    def __init__(self, door: Gateway) -> None:
        self._door, self.closed = door, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._door, name)

    def admit(self, call: Call, exchange: Exchange) -> Asked | Answer:
        if self.closed:
            return 503, b"<html><body>under maintenance</body></html>"
        return self._door.admit(call, exchange)


class OurClock:
    """The machine's, which somebody may set wrong."""

    def __init__(self) -> None:
        self.wrong_ns = 0

    def __call__(self) -> int:
        return time.time_ns() + self.wrong_ns


@dataclass
class Served:
    """A venue that is served, and how a client gets there."""

    venue: str
    world: WireWorld
    server: WireServer
    door: Gateway
    authority: Authority

    @classmethod
    async def start(
        cls, venue: str, seed: int, plan: Sequence[Fault] = (), scenario: Scenario | None = None
    ) -> Served:
        world, door = WireWorld(scenario or scenario_of(venue), seed, plan), FRONTS[venue](KEY)
        authority, server = Authority(door.hosts), WireServer(world, {venue: door})
        server.doors = {host: (Inn(door), site) for host, (_, site) in server.doors.items()}
        await server.start(0, authority.server())
        return cls(venue, world, server, door, authority)

    def maintains(self, *, begins: bool) -> None:
        """The venue is in maintenance from now on, or no longer."""
        for inn, _ in self.server.doors.values():
            inn.closed = begins  # type: ignore[attr-defined]  # an Inn: see `start`

    def session(self, **settings: Any) -> ClientSession:
        tls = self.authority.client()
        return session(self.door.hosts, self.server.port, tls, **settings)

    def exchange(self, client: ClientSession, key: Key = KEY) -> ccxt.pro.Exchange:
        """ccxt's client of the venue, as anybody would make it."""
        ways = WAYS[self.venue]
        told = {"apiKey": key.name, "secret": key.secret, "password": key.passphrase}
        made = getattr(ccxt.pro, ways.exchange)
        return made({**told, "session": client, "options": dict(ways.options)})


def reviewed(served: Served, table: dict[str, Any], journal: Path) -> Reviewed:
    """The wide limits of simulated strategies, but for what the table says."""
    file = str(LIMITS / "simulated.yaml")
    told = {"file": file, "rates": {"USDT": 1, "USD": 1}, "enabled_by": "anna", **table}
    spec = DeployedLimits.model_validate(told)
    venues = (served.world.sites[served.venue].spec,)
    return Reviewed(spec, venues, trading(served.venue), str(journal))


def people(store: Store) -> Operator:
    """Two who decide for what was told first; ids of adjustments are used once."""
    return Operator(f"ann-{store.last()[0]}", "bob", SECOND, "what was told first holds")


@dataclass
class Running:
    """One life of a node of ours."""

    served: Served
    store: SqliteStore
    node: LiveNode
    live: Live
    client: ClientSession
    task: asyncio.Task[None] = field(init=False)
    people: Operator = field(init=False)

    @classmethod
    def begin(
        cls,
        served: Served,
        journal: Path,
        *,
        tick_ms: int = 100,
        limits: dict[str, Any] | None = None,
        alerts: list[tuple[str, str, str]] | None = None,
        strategies: Sequence[StrategySpec] | None = None,
        beside: Sequence[Beside] = (),
        clock: Callable[[], int] = time.time_ns,
        symbols: Sequence[str] = (),
        **settings: Any,
    ) -> Running:
        """`limits` are a deployment's table; what the node calls people for goes to `alerts`. It is
        told of these `symbols` alone, by default of all that are traded there.

        `strategies` are those in its own process, by default all.
        """
        client, spec = served.session(**settings), served.world.sites[served.venue].spec
        if symbols:
            kept = tuple(each for each in spec.instruments if each.symbol in symbols)
            spec = spec.model_copy(update={"instruments": kept})
        live = Live(served.exchange(client), WAYS[served.venue], client, clock)
        shown = tuple(each.symbol for each in spec.instruments)
        store, heard = SqliteStore(journal), alerts if alerts is not None else []
        trading_ = trading(served.venue, tick_ms) if strategies is None else strategies
        trades = shown if is_watched(spec.account, trading_) else ()
        ways = [Way(spec, live, live.open_public(shown, trades))]
        running = cls(
            served,
            store,
            LiveNode(
                "tie",
                store,
                ways,
                trading_,
                beside=beside,
                clock=clock,
                limits=reviewed(served, limits, journal) if limits is not None else None,
                alert=lambda *said: heard.append(said),
            ),
            live,
            client,
        )
        running.people = people(store)
        running.task = asyncio.create_task(running.node.run())
        return running

    async def last(self, seconds: float) -> None:
        """Let it live, with people who look at it; it must not end by itself."""
        both, until = [self.task, self.served.server.pacing], time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            done, _ = await asyncio.wait(both, timeout=min(left, LOOK_S), return_when=FIRST)
            for ended in done:
                ended.result()
            self._settle_contradictions()

    def _settle_contradictions(self) -> None:
        """Of a fill that was told in two contents only people say which holds: the first."""
        breaks = self.node.node.state.breaks.items()
        told_twice = [
            OpenBreak(drift.number, name, drift.size, drift.broken_at, contradiction=True)
            for name, drift in breaks
            if drift.contradiction
        ]
        for each in self.people.look(time.time_ns(), told_twice):
            self.node.loop.deliver(booked(each, 0))

    async def begun(self) -> State:
        """Until its accounts are adopted and their records were read once."""
        state, until = self.node.node.state, time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            await self.last(0.25)
            accounts = state.accounts.values()
            if accounts and all(each.backfill.finished_at for each in accounts):
                return state
        raise AssertionError(f"it does not begin: {list(state.accounts)}")

    async def die(self) -> None:
        """Between two steps, with nothing written that was not: as a kill would have it."""
        self.task.cancel()
        await asyncio.wait([self.task])
        await self.live.close()
        await self.client.close()
        self.store.close()

    def differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Each holding whose truth is not what our books say, with both."""
        view = View(self.node.node.state, self.store)
        truth = self.served.world.truth()
        return {
            name: (true, view.figure(name))
            for name, true in truth.items()
            if true != view.figure(name)
        }

    def unnamed(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Of these, what is neither suspected nor an open break."""
        view = View(self.node.node.state, self.store)
        return {name: each for name, each in self.differences().items() if view.named(name) is None}

    async def converge(self) -> None:
        """Until books are the truth and nothing is open; it has to come to that."""
        state, until = self.node.node.state, time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            await self.last(0.5)
            open_orders = [each for each in state.orders.values() if each.status == "unknown"]
            if not (self.differences() or state.suspects or state.breaks or open_orders):
                return
        unknown = [each.client_order_id for each in open_orders]
        raise AssertionError((self.differences(), state.suspects, state.breaks, unknown[:5]))
