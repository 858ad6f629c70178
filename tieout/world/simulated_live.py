"""The live node in simulated time: ccxt unmodified, venues served, and hours of both in seconds.

    node → ccxt → aiohttp ─ sim/loop.py: links in memory ─ aiohttp → gateway → wire → venue

True here: what runs is what runs live (`tieout/live.py`, `venues/live.py`) before what is served
live (`tieout/wire/server.py`), in one world and under seal. It differs in this: the loop's timers
are the world's, connections lie in memory and without TLS, names are looked up in a table, and
whatever a library asks of the machine the world answers (`sim/ambient.py`). One seed, one digest.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import ccxt.pro
from aiohttp import ClientSession, TCPConnector
from aiohttp.resolver import ThreadedResolver

from core.journal import digest_of
from core.state import State
from scenarios.model import Scenario, StrategySpec
from sim.ambient import ambient
from sim.dice import Dice
from sim.faults import Fault
from sim.links import LOCAL, Network, Plug, Weather
from sim.loop import SimLoop
from sim.memory_store import MemoryStore
from sim.seal import seal
from sim.world import SECOND
from tieout.claims.view import View
from tieout.live import LiveNode, Way
from tieout.wire.fronts import FRONTS, WAYS
from tieout.wire.server import WireServer
from tieout.wire.world import WireWorld
from tieout.world.sites import Site
from venues.live import Live
from venues.served import Gateway, Key

T = TypeVar("T")
HTTPS = 443
KEY = Key("a-simulated-key", "a-simulated-secret", "a-simulated-passphrase")
KEYS_LOOKED_AT_NS = SECOND
CONVERGED_S_MAX = 600


class SimulatedWire(WireWorld):
    """Venues that trade by the world's clock, whoever moves it."""

    def begin(self) -> None:
        self.simulation.begin()

    async def pace(self) -> None:
        """Time passes by itself here."""
        await asyncio.get_running_loop().create_future()


class SimulatedLive:
    """One world with venues that are served in it, and a loop for whoever is their client."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int = 0,
        plan: Sequence[Fault] = (),
        weather: Weather = Weather(),  # noqa: B008  # a value that nobody can change
    ) -> None:
        self.wire = SimulatedWire(scenario, seed, plan)
        self.sites, self.world = self.wire.sites, self.wire.simulation.world
        self.doors = {dialect: FRONTS[dialect](KEY) for dialect in self.sites}
        self.server = WireServer(self.wire, self.doors)
        hosts = [host for door in self.doors.values() for host in door.hosts]
        names = dict.fromkeys(hosts, (LOCAL, HTTPS))
        self.network = Network(self.world, Dice(seed), names, weather)
        # What it lacks, asyncio's own base refuses when it is asked for.
        self.loop = SimLoop(self.world, self.network)  # type: ignore[abstract]

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Serve, and run it to its end, under seal; an error of the world is raised here."""
        with seal(), ambient(self.world, self.network.dice):
            told: T = self.loop.run_until_complete(self._served(main))
            return told

    async def _served(self, main: Coroutine[Any, Any, T]) -> T:
        await self.server.start(HTTPS, None)
        for dialect, door in self.doors.items():
            self._look_at_key(door, self.sites[dialect])
        try:
            return await main
        finally:
            await self.server.stop()

    def _look_at_key(self, door: Gateway, site: Site) -> None:
        """A key of a stream that nobody renewed is over: the stream says so, and no more."""
        if door.is_key_over(site.venue.exchange.clock.now_ms()):
            door.key_ended()
            site.wire.end_key(site.venue.words.farewell)
        self.world.call_in(KEYS_LOOKED_AT_NS, self._look_at_key, door, site)

    # --- clients ----------------------------------------------------------------------------------

    def session(self, **settings: Any) -> ClientSession:
        """aiohttp's client in this network; it resolves by the loop, which has a table."""
        connector = TCPConnector(resolver=ThreadedResolver(), socket_factory=Plug)  # type: ignore[arg-type]  # stands for a socket
        return ClientSession(connector=connector, **settings)

    def exchange(self, venue: str, client: ClientSession, key: Key = KEY) -> Any:
        """ccxt's client of a venue, as anybody would make it."""
        ways = WAYS[venue]
        told = {"apiKey": key.name, "secret": key.secret, "password": key.passphrase}
        made = getattr(ccxt.pro, ways.exchange)
        # Without TLS there is no certificate to verify, nor an authority to be read from a file.
        return made({**told, "session": client, "verify": False, "options": dict(ways.options)})

    def live(self, venue: str, client: ClientSession) -> Live:
        """The account's live twin there."""
        return Live(self.exchange(venue, client), WAYS[venue], client, self.world.clock)


@dataclass
class Life:
    """One life of a node over every venue of a world."""

    node: LiveNode
    store: MemoryStore
    world: WireWorld
    twins: tuple[Live, ...]
    client: ClientSession
    task: asyncio.Task[None] = field(init=False)

    @classmethod
    def begin(
        cls, sim: SimulatedLive, store: MemoryStore, trading: Sequence[StrategySpec]
    ) -> "Life":
        """What the store keeps is taken up."""
        client, clock = sim.session(), sim.world.clock
        twins = {venue: sim.live(venue, client) for venue in sim.sites}
        ways = [_way(sim.sites[venue], twin) for venue, twin in twins.items()]
        node = LiveNode("tie", store, ways, trading, clock=clock)
        life = cls(node, store, sim.wire, tuple(twins.values()), client)
        life.task = asyncio.create_task(node.run())
        return life

    @property
    def state(self) -> State:
        return self.node.node.state

    async def last(self, seconds: float) -> None:
        """Let it live; it must not end by itself."""
        done, _ = await asyncio.wait([self.task], timeout=seconds)
        for ended in done:
            ended.result()

    async def die(self) -> None:
        """As a kill would have it: what was not committed is lost, and so is every socket."""
        self.task.cancel()
        await asyncio.wait([self.task])
        for twin in self.twins:
            await twin.close()
        await self.client.close()
        self.store.crash()

    def differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Each holding whose truth is not what our books say, with both."""
        view, truth = View(self.state, self.store), self.world.truth()
        both = {name: (true, view.figure(name)) for name, true in truth.items()}
        return {name: each for name, each in both.items() if each[0] != each[1]}

    def is_open(self) -> bool:
        """Whether anything differs, or is not known yet."""
        unknown = [each for each in self.state.orders.values() if each.status == "unknown"]
        return bool(self.differences() or self.state.suspects or self.state.breaks or unknown)

    async def converge(self) -> None:
        """Nothing fails and nobody trades any more, until nothing is open; or for long enough."""
        self.world.heal()
        self.node.rest()
        until = self.node.loop.now() + CONVERGED_S_MAX * SECOND
        await self.last(1)
        while self.is_open() and self.node.loop.now() < until:
            await self.last(1)


def _way(site: Site, twin: Live) -> Way:
    symbols = tuple(each.symbol for each in site.spec.instruments)
    return Way(site.spec, twin, twin.open_public(symbols))


@dataclass(frozen=True, slots=True)
class Session:
    """What came of a session: comparable, and the same for the same seed."""

    digest: str
    seconds: float
    orders: int
    fills: int
    epochs: dict[str, int]
    asked: dict[str, int]
    struck: dict[str, int]
    differences: dict[str, tuple[Decimal, Decimal]]
    is_open: bool


def session(
    sim: SimulatedLive, trading: Sequence[StrategySpec], seconds: float, kills: int = 0
) -> Session:
    """Let a node trade so long, kill it so often, heal the world, and look at the books."""
    store = MemoryStore()

    async def lives() -> Session:
        life = Life.begin(sim, store, trading)
        for _ in range(kills):
            await life.last(seconds / (kills + 1))
            await life.die()
            life = Life.begin(sim, store, trading)
        await life.last(seconds / (kills + 1))
        await life.converge()
        told = _told(sim, life)
        await life.die()
        return told

    return sim.run(lives())


def _told(sim: SimulatedLive, life: Life) -> Session:
    life.node.node.commit()
    state, said = life.state, life.node.said()
    return Session(
        digest_of(life.store, state),
        sim.loop.time(),
        said["orders"],
        said["fills"],
        {name: account.epoch for name, account in state.accounts.items()},
        dict(sorted(sim.server.asked.items())),
        sim.wire.struck() | {f"link {what}": n for what, n in sorted(sim.network.counts.items())},
        life.differences(),
        life.is_open(),
    )
