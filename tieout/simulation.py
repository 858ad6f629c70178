"""The simulated driver: builds the world around a node and moves SimPy's clock.

It wires and decides nothing. The node, the journal and the step are those that run live; here
effects go to connectors whose wire is simulated, a commit takes its group's wait, and the node can
be killed between any two steps: it is then dropped, and rebuilt from what its store kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, Inexact
from functools import partial
from typing import TYPE_CHECKING, Protocol

from core.effects import Effect, PlaceOrder, SetAlarm, TellPosition, TellStrategy
from core.events import (
    AdjustmentBooked,
    AlarmRang,
    AssetListed,
    Event,
    NodeStarted,
    OpeningSet,
    OrderRequested,
)
from core.frames import Decode, Frame
from core.identity import progress_key
from core.journal import Journal, Record, Store, decode_effect
from core.memory import find, progress_of
from core.money import ASSET_DECIMALS, QUANTITY_DECIMALS, parse, quantity
from core.node import Keep, Node, boot_epoch, recover
from core.risk_effects import AcknowledgeReturn, AskEngine, GrantLease, TellGate, TellKill
from core.risk_events import LimitsLoaded, StrategyStateSet
from core.state import Account, Progress, State
from core.strategy import Quote, Strategy, Tick, Wish
from rails.dialect import Request as RailRequest
from rails.evm.simulated import SimulatedNodes
from risk.adapter import LimitGate
from scenarios import strategies
from scenarios.bounds import LimitsSpec, StandingSpec
from scenarios.model import InstrumentSpec, Scenario, VenueSpec
from scenarios.policies import draw
from sim.dice import Dice
from sim.faults import KINDS, OF_KEEPERS, UNABLE, Fault, Faults
from sim.market import MS, Crowd, Trade
from sim.operators import OpenBreak, Operator
from sim.oracle import Oracle
from sim.truth import Fact, Truth
from sim.wire import Latency, Wire
from sim.world import World
from tieout.bridges import Bridge
from tieout.connector import Connector, OnAnswer
from tieout.crash_points import CrashPoint, Died, Moment, MortalJournal, Reached
from tieout.dared import Dared
from tieout.dialects import READERS
from tieout.drill import Drill
from tieout.gates import SimulatedGates
from tieout.loading import loaded
from tieout.opening import SILENCE_NS, account_opened, instrument_listed
from tieout.quotes import quote
from tieout.rail_twins import DECIMALS
from tieout.settling import PaymentView, Rails, RailSite
from tieout.truths import cancels_wanted
from tieout.twins import TWINS
from tieout.watch import Watch
from venues.dialect import Request
from venues.exchange import Habits, Terms
from venues.public import Heard, MarketData
from venues.simulated import REPEAT_NS, Asked, SimulatedVenue

if TYPE_CHECKING:
    from tieout.cold import ColdEngine
    from tieout.issuing import Issuing

SECOND = 1_000_000_000
ZERO = Decimal(0)
EXACT = Context(prec=60, traps=[Inexact])
EPOCH_NS = 1_700_000_000 * SECOND
NODE = "tie"
HEARTBEAT_NS = 3 * SECOND
TOPS_PER_BEAT = 5
STATEMENT_PERIODS_MAX = 3
SNAPSHOT_EVERY = 5000
# For how long a symbol does not trade before it is listed anew: by then what was under way has come
# or was read in the record.
HALT_NS = 12 * SECOND
RESTART_NS = 500 * MS
# What a keeper put right is told and read by then.
MENDED_NS = 6 * 3600 * SECOND
# How often operators look while a break grows as old as they want it to be.
LOOKS = 8
CUT_DOWN_NS = 500 * MS
# Under limits the first price of all is believed once so many looks in a row have found it.
FIRST_LOOKS = 5


class Crashable(Store, Protocol):
    """A store whose machine can lose power."""

    def crash(self) -> int:
        """Forget what was not committed; returns how many records that were."""

    def cut(self, groups: int, floor: int) -> list[Record]:
        """Lose the last committed groups, but none up to `floor`; returns what is lost."""

    @property
    def anchored(self) -> int:
        """The last record that was ever committed, as the anchor has it."""


@dataclass(slots=True, eq=False)
class Site:
    """One venue with everything around it."""

    spec: VenueSpec
    venue: SimulatedVenue
    wire: Wire
    public: Wire
    crowds: list[Crowd] = field(default_factory=list)
    statement_paths: dict[str, str] = field(default_factory=dict)


class Simulation:
    """One run of one scenario under one plan."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        store: Crashable,
        plan: Sequence[Fault] | None = None,
        market: Sequence[Trade] = (),
        duration_ns: int = 0,
        host: "Callable[[Simulation], Host] | None" = None,
        *,
        tie_break: int | None = None,
        crash_at: CrashPoint | None = None,
    ) -> None:
        """`host` makes the house of the node; without one the node lives in this process.

        Without a plan one is drawn, and with it how much of the scenario is there. With `crash_at`
        the node is killed there, beside what the plan does to it.
        """
        self.duration_ns = duration_ns or int(scenario.duration_s * SECOND)
        self.policy = "told"
        if plan is None:
            scenario, self.policy, plan = draw(scenario, seed, self.duration_ns)
        self.scenario, self.seed, self.store, self.plan = scenario, seed, store, list(plan)
        self.tie_break = seed if tie_break is None else tie_break
        self.dice = Dice(seed)
        self.world = World(EPOCH_NS, tie_break=self.tie_break)
        self.faults = Faults(self.plan, self.dice, self.world.elapsed)
        self.truth = Truth(self.world.clock)
        self.bounds = {venue.account: bound_ns(venue) for venue in scenario.venues}
        self.rails = self._rails()
        if self.rails is not None:
            self.bounds |= self.rails.bounds
        railed = self.rails.decimals if self.rails is not None else {}
        self.decimals = asset_decimals(scenario, railed)
        timeless = [v.account for v in scenario.venues if TWINS[v.dialect].dialect.bracketed]
        self.oracle = Oracle(self.truth, self.bounds, EPOCH_NS, timeless)
        self.sites = [self._site(spec) for spec in scenario.venues]
        self.dared: Dared | None = None
        self.watch = Watch({site.spec.account: site.venue.exchange for site in self.sites})
        self.reached = Reached(crash_at) if crash_at is not None else None
        self.host = Host(self) if host is None else host(self)
        self.issuing = self._issuing(self.host)
        self.on_step: Callable[[State], None] = lambda state: None
        self.moves: dict[str, int] = {}
        self.healed_at = 0
        self.bridges: list[Bridge] = []
        instruments = [each for venue in scenario.venues for each in venue.instruments]
        self.listed_anew = any(each.listed_anew_s for each in instruments)
        self._market = market

    def run(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """Run to the end: faults on, then healed until all that can converge has."""
        self.begin()
        end = EPOCH_NS + self.duration_ns
        for part in range(1, 21):
            self.world.run(EPOCH_NS + self.duration_ns * part // 20)
            progress(part / 20)
        self.faults.heal()
        self.healed_at = self.world.now
        self.host.quiet = True
        for site in self.sites:
            for crowd in site.crowds:
                crowd.stopped = True
            site.wire.closed_until = site.public.closed_until = 0
            site.venue.repeat_ns = REPEAT_NS * market_pace(site.spec, quiet=True)
        self.host.slow_down()
        self.host.cancel_all()
        heal = int(self.scenario.heal_s * SECOND)
        if self.duration_ns < int(self.scenario.duration_s * SECOND):
            heal = min(heal, int(self.scenario.short_heal_s * SECOND))
        self.world.run(end + heal)
        self._let_keepers_mend()
        self.host.commit_now()
        self.oracle.look_around()

    def _let_keepers_mend(self) -> None:
        """What came back as late as this may have been booked wrongly, too, and is put right."""
        while self.rails is not None and self.rails.payments.mended_by > self.world.now:
            self.world.run(self.rails.payments.mended_by + MENDED_NS)

    # --- building --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open the accounts and let everybody trade; time has not begun to pass."""
        self.host.start()
        self._list_assets()
        for site in self.sites:
            self._open(site)
        if self.rails is not None:
            self.rails.open(self.host.tell)
        if self.issuing is not None:
            self.issuing.open()
        self._load_limits()
        self.host.open_for_business()
        for site in self.sites:
            self._let_trade(site)
        if self.rails is not None:
            self.rails.begin(self.host)
            self._build_bridges(self.rails)
        self._let_fail()

    def _list_assets(self) -> None:
        """In how many decimals each asset is counted, before anything is booked of it."""
        for asset, decimals in self.decimals.items():
            now = self.world.now
            self.host.tell(AssetListed(received_at=now, asset=asset, decimals=decimals))

    def _load_limits(self) -> None:
        """Limits, and whom people let trade under them: all but who is to stay disabled."""
        spec, now = self.scenario.limits, self.world.now
        if spec is None:
            return
        event = self._limits_now(spec)
        exchanges = {site.spec.account: site.venue.exchange for site in self.sites}
        self.dared = Dared(self.scenario, spec, event, exchanges, self.truth, self.oracle)
        self.dared.engine = self.host.cold
        if spec.gates:
            dice = self.dice.stream("gates")
            about = (self.world, self.faults, dice, self.host, self.moves)
            gates = SimulatedGates(spec.gates, event, *about)
            gates.refused = self.host.hear
            self.host.gates = self.dared.gates = gates
        if self.host.cold is not None:
            self.host.cold.on_word = self._spoke
        self.host.tell(event)
        for strategy in self.scenario.strategies:
            if strategy.name not in spec.disabled:
                self.host.tell(
                    StrategyStateSet(
                        received_at=now,
                        strategy=strategy.name,
                        standing="enabled",
                        by=event.approver,
                        reason="its limits were reviewed",
                    )
                )

        for each in spec.standings:
            self.world.call_at(EPOCH_NS + int(each.at_s * SECOND), self._set_standing, each)
        for moment in spec.moments():
            self.world.call_at(EPOCH_NS + int(moment * SECOND), self.load_limits_again)

    def _set_standing(self, spec: StandingSpec) -> None:
        """A person says it, and again for as long as nobody is at home."""
        told = StrategyStateSet(
            received_at=self.world.now,
            strategy=spec.strategy,
            standing=spec.standing,
            by=spec.by,
            reason=spec.reason,
        )
        if self.host.node is None:
            self.world.call_in(SECOND, self._set_standing, spec)
        self.host.tell(told)

    def _spoke(self) -> None:
        """The engine's word was told: to nobody, while our node is down."""
        if self.dared is not None and self.host.node is not None:
            self.dared.spoke(self.host.node.state)

    def _limits_now(self, spec: LimitsSpec) -> LimitsLoaded:
        now = self.world.now
        return loaded(self.scenario, spec.at(Decimal(now - EPOCH_NS) / SECOND), now)

    def load_limits_again(self) -> None:
        """Other limits hold, or a node came up that knows those of before."""
        spec, node = self.scenario.limits, self.host.node
        if spec is None or node is None or self.dared is None:
            return
        event = self._limits_now(spec)
        if node.state.risk.content_hash != event.content_hash:
            self.dared.reviewed(event)
            self.host.tell(event)

    def silence_excess_ns(self) -> int:
        """For how much longer than it may a stream of ours told us nothing and was not replaced."""
        silent = [s.wire.silence_ns() - SILENCE_NS * s.spec.pace for s in self.sites]
        for rail in self.rails.sites if self.rails is not None else ():
            silent.append(rail.wire.silence_ns() - int(rail.spec.silence_s * SECOND))
        return max(0, *silent)

    def _rails(self) -> Rails | None:
        settling = self.scenario.settling
        if settling is None:
            return None
        until = EPOCH_NS + self.duration_ns
        executing = tuple(dict.fromkeys(token.rail for token in self.scenario.tokens))
        return Rails(
            settling, self.world, self.dice, self.faults, self.truth, EPOCH_NS, until, executing
        )

    def _issuing(self, host: "Host") -> "Issuing | None":
        """Tokens, where the scenario has any: what executes contracts is loaded only then."""
        if not self.scenario.tokens or self.rails is None:
            return None
        from tieout.issuing import Issuing

        until = EPOCH_NS + self.duration_ns
        return Issuing(
            self.scenario.tokens,
            self.rails,
            self.world,
            self.dice,
            self.faults,
            EPOCH_NS,
            until,
            host,
        )

    def _build_bridges(self, rails: Rails) -> None:
        for spec in rails.spec.bridges:
            site = next(site for site in self.sites if site.spec.dialect == spec.venue)
            rail = next(rail for rail in rails.sites if rail.spec.name == spec.rail)
            nodes = rail.keeper
            assert isinstance(nodes, SimulatedNodes), "the model lets only chains be bridged"
            dice = self.dice.stream(f"bridge/{spec.venue}/{spec.rail}")
            bridge = Bridge(
                spec,
                site.venue.exchange,
                nodes,
                self.world,
                dice,
                DECIMALS[spec.asset],
                rails.until,
            )
            bridge.open()
            self.bridges.append(bridge)

    def _site(self, spec: VenueSpec) -> Site:
        twin = TWINS[spec.dialect]
        latency = latency_of(spec)
        wire = Wire(
            spec.dialect,
            spec.account,
            self.world,
            self.dice,
            self.faults,
            self.truth,
            latency,
            statement_period=spec.statement_period_ms * MS,
        )
        public = Wire(
            spec.dialect,
            spec.account,
            self.world,
            self.dice,
            self.faults,
            self.truth,
            latency,
            public=True,
        )
        words = twin.words()
        venue = SimulatedVenue(
            name=spec.dialect,
            account=spec.account,
            world=self.world,
            wire=wire,
            faults=self.faults,
            truth=self.truth,
            words=words,
            dice=self.dice.stream(f"venue/{spec.dialect}"),
            habits=_habits(spec),
            skew_ns=spec.skew_ms * MS,
            public=public,
            repeat_ns=REPEAT_NS * market_pace(spec),
        )
        for instrument in spec.instruments:
            venue.exchange.list_instrument(_terms(spec, instrument))
        return Site(spec, venue, wire, public, statement_paths=dict(words.statements))

    def _open(self, site: Site) -> None:
        """Our books and the venue begin with the same wallets, each told in its own way."""
        spec, now = site.spec, self.world.now
        for asset, amount in spec.wallets.items():
            site.venue.exchange.fund(asset, amount)
        self.host.tell(account_opened(spec, now))
        for instrument in spec.instruments:
            self._tell_listing(site, instrument)
        for asset, amount in spec.wallets.items():
            self.host.tell(
                OpeningSet(
                    received_at=now,
                    account=spec.account,
                    subject=asset,
                    leg="cash",
                    amount=parse(str(amount), self.decimals.get(asset, ASSET_DECIMALS)),
                    occurred_at=site.venue.exchange.updated_at * MS,
                )
            )

    def _tell_listing(self, site: Site, instrument: InstrumentSpec) -> None:
        listing = site.venue.exchange.listing_of(instrument.symbol)
        self.host.tell(instrument_listed(site.spec, instrument, listing, self.world.now))

    def _let_list_again(self, site: Site) -> None:
        """A symbol is halted, and after a while it is listed anew."""
        for each in site.spec.instruments:
            if each.listed_anew_s:
                anew = EPOCH_NS + int(each.listed_anew_s * SECOND)
                self.world.call_at(anew - HALT_NS, site.venue.exchange.halt, each.symbol)
                self.world.call_at(anew, self._list_again, site, each.symbol)

    def _list_again(self, site: Site, symbol: str) -> None:
        """Our node is told as it starts: a page that was asked for before has the old record."""
        site.venue.exchange.list_again(symbol)
        if self.host.alive:
            self.host.crash(RESTART_NS)

    def tell_listings(self) -> None:
        """A node came up that may know the listing of before."""
        state = self.host.state
        accounts = state.accounts if state is not None else {}
        for site in [each for each in self.sites if each.spec.account in accounts]:
            known = accounts[site.spec.account].listings
            for each in site.spec.instruments:
                listing = site.venue.exchange.listing_of(each.symbol)
                if each.symbol in known and known[each.symbol].listing < listing:
                    self._tell_listing(site, each)

    def _let_trade(self, site: Site) -> None:
        self._let_list_again(site)
        for instrument in site.spec.instruments:
            crowd = Crowd(
                world=self.world,
                venue=site.venue.exchange,  # type: ignore[arg-type]  # sides are Literals there
                symbol=instrument.symbol,
                tick=instrument.tick,
                lot=instrument.lot,
                middle=int(instrument.price / instrument.tick),
                dice=self.dice.stream(f"crowd/{site.spec.dialect}/{instrument.symbol}"),
                wait_ns=site.spec.market_wait_ms * MS,
            )
            site.crowds.append(crowd)
            if self._market:
                crowd.play([_derived(trade, instrument) for trade in self._market])
            else:
                crowd.start()

    def _let_fail(self) -> None:
        """The venues' own faults happen by themselves, at drawn times within their windows."""
        for fault in self.plan:
            if not fault.every_ns:
                continue
            site_of = KINDS[fault.kind][0]
            if site_of == "venue" or fault.kind == "key_expired":
                for site in self.sites:
                    venue = site.spec.dialect
                    if fault.kind not in UNABLE.get(venue, ()) and fault.where in ("", venue):
                        jumps = fault.kind == "price_jump"
                        strike = partial(self._jump, site) if jumps else site.venue.strike
                        self._await(fault, strike, venue, venue)
            for rail in self.rails.sites if self.rails is not None else ():
                there = fault.where in ("", rail.spec.name)
                if site_of in OF_KEEPERS[rail.spec.keeper] and there:
                    self._await(fault, rail.keeper.strike, rail.spec.name, rail.spec.name)
            for issue in self.issuing.issues if self.issuing is not None else ():
                if site_of == "token" and fault.where in ("", issue.spec.rail):
                    self._await(fault, issue.strike, issue.spec.rail, issue.spec.token)

    def _jump(self, site: Site, fault: Fault) -> None:
        jumped = [crowd.jump(max(1, fault.strength)) for crowd in site.crowds]
        if any(jumped):
            self.faults.count(fault.kind)

    def _await(
        self, fault: Fault, strike: Callable[[Fault], object], where: str, whose: str
    ) -> None:
        name = f"{self.faults.awaits(fault, where)}/{fault.kind}/{whose}"
        self._again(fault, strike, where, name, 0)

    def _again(
        self, fault: Fault, strike: Callable[[Fault], object], where: str, name: str, came: int
    ) -> None:
        wait = 1 + self.dice.stream(f"when/{name}").exponential(fault.every_ns)
        base = max(self.world.now, EPOCH_NS + fault.start_ns)
        self.world.call_at(base + wait, self._strike, fault, strike, where, name, came)

    def _strike(
        self, fault: Fault, strike: Callable[[Fault], object], where: str, name: str, came: int
    ) -> None:
        if self.faults.healed or self.world.now - EPOCH_NS >= fault.end_ns:
            return
        if self.faults.comes(fault, where):
            strike(fault)
        if came + 1 < fault.times_max:
            self._again(fault, strike, where, name, came + 1)


class Host:
    """Where the node lives: the door in, the commits, the alarms, the strategies, the crashes."""

    def __init__(self, simulation: Simulation) -> None:
        self._sim = simulation
        self._world = simulation.world
        self._gate = LimitGate()
        self.node: Node | None = None
        self.quiet = False
        self.placed: dict[str, int] = {}
        self.crashes = 0
        self.cuts_unshown = 0
        self.placed_lost: dict[str, None] = {}
        self._floor = 0
        self._commit_due = False
        self._connectors: dict[str, Connector[Request]] = {}
        self._market: dict[str, MarketData] = {}
        self.heard = Heard()
        self._strategies: dict[str, Strategy] = {}
        self._alarms: dict[str, int] = {}
        self._rebuilt: tuple[Journal, State] | None = None
        self._life = 0
        self._breaks_seen = 0
        self._resolved_seen = 0
        self._may_die = False
        self.drill = Drill(self._world, simulation.scenario.kills, self)
        self.cold = self._cold_engine()
        self.gates: SimulatedGates | None = None
        for site in simulation.sites:
            site.venue.on_dropcopy = self._drop_copy(site)

    def _cold_engine(self) -> "ColdEngine | None":
        """The engine beside the node, where there are limits."""
        sim = self._sim
        if sim.scenario.limits is None:
            return None
        from tieout.cold import ColdEngine  # numpy: a run without limits starts sooner

        dice = sim.dice.stream("engine")
        return ColdEngine(self._world, sim.faults, dice, sim.store, self.tell)

    # --- life and death --------------------------------------------------------------------------

    def start(self) -> None:
        """Boot: rebuild the state, tell it that it lives, begin to listen."""
        sim = self._sim
        journal, state = self._rebuilt or self._rebuild()
        self._rebuilt, state.moves = None, sim.moves
        self._begin_life()
        if sim.rails is not None:
            sim.rails.connect(self._rail_connector)
            view = PaymentView(state, sim.store)
            sim.rails.oracle.books = sim.rails.judge.books = sim.rails.suspense.books = view
            sim.rails.lines.books = view
        if sim.issuing is not None:
            sim.issuing.node_came_up(state)
        self.node = Node(
            journal,
            self._readers(),
            self._gate,
            state,
            snapshot_every=SNAPSHOT_EVERY,
            keep=keep_of(sim.scenario),
            watch=self._stepped,
        )
        sim.oracle.node_up(View(state, sim.store))
        sim.watch.node_up(state)
        if self.cold is not None:
            self.cold.node_came_up()
        self._take_up_work(boot_epoch(state, sim.store))

    def _begin_life(self) -> None:
        """What the last life had set up is void; the ways out are laid anew."""
        self._life += 1
        self._alarms.clear()
        self._connectors = {
            site.spec.account: Connector(
                site.spec.account,
                TWINS[site.spec.dialect].dialect.request,
                SimulatedTransport(site, self, self._life),
                Door(self, self._life),
                self._world.clock,
                TWINS[site.spec.dialect].dialect.headers,
            )
            for site in self._sim.sites
        }

    def _take_up_work(self, epoch: int) -> None:
        """Strategies tick, the node hears that it lives, and listens to the markets."""
        sim = self._sim
        self._strategies = {
            spec.name: strategies.make(spec.kind, spec.name, spec.options)
            for spec in sim.scenario.strategies
        }
        for spec in sim.scenario.strategies:
            self._world.call_in(spec.tick_ms * MS, self._tick, self._life, spec.name)
        self._tell_of_boot(epoch)
        if sim.issuing is not None:
            sim.issuing.tell_again()
        if sim.scenario.limits is not None and sim.scenario.limits.changes:
            sim.load_limits_again()
        if sim.listed_anew:
            sim.tell_listings()
        self._listen_to_markets()
        for site in sim.sites:
            site.venue.resend_drop_copy()

    def _tell_of_boot(self, epoch: int) -> None:
        """Start-up holds the journal against its anchor, and says what is missing."""
        store = self._sim.store
        lost = store.anchored - store.last()[0]
        now = self._world.now
        self.tell(NodeStarted(received_at=now, node=NODE, epoch=epoch, records_lost=lost))
        if lost and self.node is not None:
            self.cuts_unshown = 0

    def open_for_business(self) -> None:
        """What a deployment is told before it begins is durable before anything can go wrong."""
        self._commit(self._life)
        self._may_die = True
        for spec in self._sim.scenario.operators:
            after_ns = int(spec.after_s * SECOND)
            operator = Operator(spec.author, spec.approver, after_ns, spec.reason)
            self._world.call_in(after_ns // LOOKS + 1, self._operate, operator)
            if spec.desk and self._sim.rails is not None:
                self._sim.rails.hire(spec, after_ns // LOOKS + 1, self)
        self.drill.begin()
        self._floor, _ = self._sim.store.last()

    @property
    def alive(self) -> bool:
        """Whether somebody is at home."""
        return self.node is not None

    @property
    def state(self) -> State | None:
        """The node's state, None while it is down."""
        return self.node.state if self.node is not None else None

    def crash(self, down_ns: int, groups: int = 0) -> None:
        """The process is gone, now, and so many groups of its journal: nothing runs to an end."""
        self._fall()
        sim = self._sim
        if sim.rails is not None:
            sim.rails.drop()
            sim.rails.oracle.books = sim.rails.judge.books = sim.rails.suspense.books = None
            sim.rails.lines.books = None
        if sim.issuing is not None:
            sim.issuing.node_died()
        sim.store.crash()
        cut_since = self._cut(groups) if groups else None
        sim.truth.dropped()
        if sim.dared is not None:
            sim.dared.died()
        self._rebuilt = self._rebuild()
        sim.oracle.node_down(View(self._rebuilt[1], sim.store), cut_since)
        self._world.call_in(max(1, down_ns), self.start)

    def _fall(self) -> None:
        """Nobody is at home: what was to come of this life finds the door shut."""
        self.node = None
        self.crashes += 1
        self._life += 1
        self._commit_due = False
        for site in self._sim.sites:
            site.wire.drop()
            site.public.drop()

    def _rebuild(self) -> tuple[Journal, State]:
        """What the next life will begin with; until then it is all that we say."""
        store = self._sim.store
        if self._sim.reached is None:
            journal = Journal(store)
        else:
            journal = MortalJournal(store, lambda: self._comes_to("append"))
        return journal, recover(journal, self._gate)

    def _comes_to(self, moment: Moment) -> bool:
        """Whether this is the point at which the node is to die."""
        reached = self._sim.reached
        if reached is None or not self._may_die or self._sim.faults.healed:
            return False
        return reached.comes_to(moment)

    def _group_waits(self) -> bool:
        """Whether anything was appended that is not durable yet."""
        assert self.node is not None, "a node that lives"
        return self.node.journal.next_number > self._sim.store.last()[0] + 1

    def _dies_at(self, moment: Moment) -> bool:
        """Killed here, if this is the point."""
        dies = self._comes_to(moment)
        if dies:
            self._die(groups=1 if moment == "cut" else 0)
        return dies

    def _die(self, groups: int = 0) -> None:
        """Killed at the point that was given."""
        assert self._sim.reached is not None, "a point was given"
        self.crash(self._sim.reached.point.down_ms * MS, groups)

    def _may_crash(self) -> bool:
        if not self._may_die:
            return False
        fault = self._sim.faults.strikes("crash", "node")
        if fault is None:
            return False
        self.crash(fault.strength * MS)
        return True

    def _may_tear(self) -> bool:
        """Killed while it commits: the group is torn, and gone, or durable and nobody was told."""
        if self.node is None or not self._may_die:
            return False
        fault = self._sim.faults.strikes("crash_torn_tail", "node")
        if fault is None:
            return False
        if self._sim.dice.stream("node/tear").below(2):
            self.make_durable()
        self.crash(fault.strength * MS)
        return True

    def _may_cut(self) -> bool:
        """Killed, and what comes up again finds an old copy of its journal."""
        if not self._may_die:
            return False
        fault = self._sim.faults.strikes("crash_cut_tail", "node")
        if fault is None:
            return False
        self.crash(CUT_DOWN_NS, max(1, fault.strength))
        return True

    def _cut(self, groups: int) -> int | None:
        """So many groups are gone: since when their records were, None where there are none."""
        lost = self._sim.store.cut(groups, self._floor)
        self.cuts_unshown += bool(lost)
        if lost:
            self._sim.truth.cut(lost[0].at)
        for record in lost:
            if record.name == "PlaceOrder":
                order = decode_effect(record.body)
                assert isinstance(order, PlaceOrder)
                self.placed_lost[order.client_order_id] = None
        if self._sim.dared is not None:
            self._sim.dared.oracle.orphaned(self.placed_lost)
        return lost[0].at if lost else None

    # --- in --------------------------------------------------------------------------------------

    def tell(self, told: Frame | Event) -> None:
        """Deliver to the node, if there is one; the oracle looks on."""
        node = self.node
        if node is None or self._may_crash():
            return
        try:
            node.deliver(told)
        except Died:
            self._die()
            return
        self._let_commit()

    def _let_commit(self) -> None:
        """The group that has begun is committed a wait from now."""
        if not self._commit_due:
            self._commit_due = True
            wait = self._sim.scenario.group_wait_us * 1000
            self._world.call_in(wait, self._commit, self._life)

    def _stepped(self, state: State) -> None:
        """After every step the oracle looks, and whoever else watches the run."""
        touched = [line.holding for line in state.posted if line.holding]
        resolved = state.resolved_made - self._resolved_seen
        if resolved > 0:
            touched += [each.holding for each in state.resolved[-resolved:]]
        self._resolved_seen = state.resolved_made
        self._sim.oracle.observe(touched)
        self._sim.watch.look(state)
        if self._sim.dared is not None:
            self._sim.dared.look(state)
        self._watch_breaks(state)
        if self._sim.rails is not None:
            self._sim.rails.observe(state)
        if self._sim.issuing is not None:
            self._sim.issuing.observe(self._world.now)
        self._sim.on_step(state)

    def _watch_breaks(self, state: State) -> None:
        if state.breaks_made > self._breaks_seen:
            for name, drift in state.breaks.items():
                if drift.number > self._breaks_seen:
                    size = View(state, self._sim.store).scaled(name, drift.size)
                    self._sim.oracle.on_break(name, size)
        self._breaks_seen = state.breaks_made

    def next_frame(self) -> int:
        node = self.node
        return node.journal.next_number if node is not None else 0

    def _readers(self) -> dict[str, Decode]:
        rails = self._sim.rails
        sites = rails.sites if rails is not None else ()
        return {**READERS, **{site.spec.name: site.made.dialect.decode for site in sites}}

    def _rail_connector(self, site: RailSite) -> Connector[RailRequest]:
        return Connector(
            site.spec.account,
            site.made.dialect.request,
            RailTransport(site),
            Door(self, self._life),
            self._world.clock,
            site.made.dialect.headers,
        )

    def _drop_copy(self, site: Site) -> Callable[[bytes], None]:
        def told(body: bytes) -> None:
            if self.alive:
                self._connectors[site.spec.account].drop_copy(body)

        return told

    # --- out -------------------------------------------------------------------------------------

    def _commit(self, life: int) -> None:
        if life != self._life or self.node is None:
            return
        self._commit_due = False
        if self._may_crash() or self._may_tear() or self._may_cut():
            return
        group_waits = self._sim.reached is not None and self._group_waits()
        if group_waits and (self._dies_at("commit") or self._dies_at("cut")):
            return
        try:
            effects = self.make_durable()
        except Died:  # as it put away what is too much to keep at hand
            self._die()
            return
        if group_waits and self._dies_at("durable"):
            return
        for effect in effects:
            if self._may_crash():
                return
            self._perform(effect)
            # What it brought about may have killed us: the rest is not performed.
            if life != self._life or self._dies_at("effect"):
                return

    def commit_now(self) -> None:
        """The end of the run: what was delivered is made durable."""
        if self.node is not None:
            self.make_durable()

    def make_durable(self) -> list[Effect]:
        """Commit; only what is durable was told, and found."""
        assert self.node is not None, "a node that lives"
        effects = self.node.commit()
        self._sim.truth.kept()
        self._sim.oracle.node_durable()
        return effects

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SetAlarm():
                self._alarms[effect.alarm] = effect.at
                at = max(effect.at, self._world.now)
                self._world.call_at(at, self._ring, self._life, effect.alarm, effect.at)
            case TellGate() | GrantLease() | AcknowledgeReturn() if self.gates is not None:
                self.gates.perform(effect)
            case TellStrategy():
                self.hear(effect)
            case TellPosition():
                strategy = self._strategies.get(effect.strategy)
                if strategy is not None:
                    self._wish(strategy.on_position(effect, self._world.now))
            case AskEngine() if self.cold is not None:
                self.cold.ask(effect.request)
            case TellKill():
                site = next(s for s in self._sim.sites if s.spec.account == effect.account)
                self.drill.on_told(effect, site.venue.exchange)
            case _ if self._sim.issuing is not None and self._sim.issuing.perform(effect):
                pass
            case _ if self._sim.rails is not None and self._sim.rails.perform(effect, self):
                pass
            case _:
                if isinstance(effect, PlaceOrder):
                    name = effect.client_order_id
                    self.placed[name] = self.placed.get(name, 0) + 1
                    if self._sim.dared is not None:
                        self._sim.dared.sent(name)
                account = getattr(effect, "account", None)
                if account is not None:
                    self._connectors[account].perform(effect)

    def _ring(self, life: int, alarm: str, due: int) -> None:
        if life == self._life and self._alarms.get(alarm) == due:
            del self._alarms[alarm]
            self.tell(AlarmRang(received_at=self._world.now, alarm=alarm))

    # --- market data -----------------------------------------------------------------------------

    def _listen_to_markets(self) -> None:
        for site in self._sim.sites:
            market = MarketData(
                site.spec.account,
                TWINS[site.spec.dialect].dialect.tops,
                site.public.open_stream,
                self._world.clock,
                self.heard,
                first_looks=FIRST_LOOKS if self._sim.scenario.limits is not None else 1,
                pace=market_pace(site.spec, quiet=self.quiet),
            )
            self._market[site.spec.account] = market
            market.open()
            self._world.call_in(market.look_ns, self._look, Door(self, self._life), market)

    def slow_down(self) -> None:
        """Nobody trades any more, so that tops only repeat."""
        for site in self._sim.sites:
            market = self._market.get(site.spec.account)
            if market is not None:
                market.pace = market_pace(site.spec, quiet=True)

    def _look(self, door: "Door", market: MarketData) -> None:
        if door.life != self._life:
            return
        for reference in market.look():
            door.tell(reference)
        self._world.call_in(market.look_ns, self._look, door, market)

    # --- strategies ------------------------------------------------------------------------------

    def _tick(self, life: int, name: str) -> None:
        if life != self._life or self.quiet:
            return
        spec = next(s for s in self._sim.scenario.strategies if s.name == name)
        word = self._sim.dice.stream(f"strategy/{name}").word()
        tick = Tick(self._world.now, word, self.quotes(spec.accounts))
        self._wish(self._strategies[name].on_tick(tick))
        self._world.call_in(spec.tick_ms * MS, self._tick, life, name)

    def hear(self, told: TellStrategy) -> None:
        """A strategy hears of an order of its own."""
        strategy = self._strategies.get(told.strategy)
        if strategy is not None:
            self._wish(strategy.on_order(told, self._world.now))

    def _wish(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            if self.quiet:
                return
            gates = self.gates
            if gates is not None and isinstance(wish, OrderRequested) and gates.has(wish.strategy):
                gates.wish(wish)
            else:
                self.tell(wish)

    # --- operators -------------------------------------------------------------------------------

    def _operate(self, operator: Operator) -> None:
        """People look at what is open, and what they book enters by the one door."""
        for each in operator.look(self._world.now, self._open_breaks()):
            self.tell(
                AdjustmentBooked(
                    received_at=self._world.now,
                    adjustment_id=each.adjustment_id,
                    break_number=each.break_number,
                    holding=each.holding,
                    amount=each.amount,
                    author=each.author,
                    approver=each.approver,
                    reason=each.reason,
                )
            )
        self._world.call_in(operator.after_ns // LOOKS + 1, self._operate, operator)

    def _open_breaks(self) -> list[OpenBreak]:
        """What people can settle: contradictions too, where the venue did tell two contents.

        What a document may explain that cannot be read yet is left to it.
        """
        if self.node is None:
            return []
        breaks, unread = self.node.state.breaks, self.node.state.settlement.unread
        waiting = [each.account for each in unread.values()]
        told = {fact.account: None for fact in self._sim.truth.contradictions}
        return [
            OpenBreak(drift.number, name, drift.size, drift.broken_at, drift.contradiction)
            for name, drift in breaks.items()
            if name.rsplit("/", 2)[0] not in waiting
            and (
                not drift.contradiction
                or (drift.cause == "conflict" and name.rsplit("/", 2)[0] in told)
            )
        ]

    # --- the end ---------------------------------------------------------------------------------

    def cancel_all(self) -> None:
        """The world heals and strategies end: what still rests at the venues is taken off there.

        What a strategy asked us to take off is ours to see to.
        """
        ours = cancels_wanted(self._sim.store)
        for site in self._sim.sites:
            for ticket in site.venue.exchange.open_tickets():
                if ticket.client_id not in ours:
                    site.venue.exchange.cancel(ticket)

    def quotes(self, accounts: tuple[str, ...]) -> tuple[Quote, ...]:
        """What the markets of these accounts show, or of all."""
        quotes = []
        for site in self._sim.sites:
            if accounts and site.spec.account not in accounts:
                continue
            for instrument in site.spec.instruments:
                shown = self._market[site.spec.account].show(instrument.symbol)
                if shown is not None:
                    quotes.append(quote(site.spec.account, instrument, *shown))
        return tuple(quotes)


@dataclass(slots=True, frozen=True)
class Door:
    """The door for one life of the node: what comes late from an earlier life finds it shut."""

    host: Host
    life: int

    def next_frame(self) -> int:
        return self.host.next_frame()

    def tell(self, told: Frame | Event) -> None:
        if self.life == self.host._life:
            self.host.tell(told)


@dataclass(slots=True, frozen=True)
class SimulatedTransport:
    """Our end of a simulated wire."""

    site: Site
    host: Host
    life: int

    def send(self, request: Request, on_answer: OnAnswer) -> None:
        site = self.site
        asked = Asked(request.method, request.path, request.params, request.expires_at)
        kind = site.statement_paths.get(request.path, "")

        exactly: list[tuple[str, str, Decimal]] = []

        def handled() -> tuple[int, bytes, bool]:
            status, body = site.venue.handle(asked)
            exactly.extend(site.venue.exchange.told_exactly)
            return status, body, site.venue.honest

        def arrived() -> None:
            for each in exactly:
                site.wire.truth.told_exactly(*each)

        site.wire.ask(handled, on_answer, kind, arrived)

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.site.wire.open_stream(epoch, on_open, on_frame, on_close, on_beat)


@dataclass(slots=True, frozen=True)
class RailTransport:
    """Our end of a wire to a simulated keeper of money."""

    site: RailSite

    def send(self, request: RailRequest, on_answer: OnAnswer) -> None:
        site = self.site
        kind = "balances" if site.made.states(request) else ""
        site.wire.ask(lambda: site.keeper.handle(request), on_answer, kind)

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.site.wire.open_stream(epoch, on_open, on_frame, on_close, on_beat)


class View:
    """What the oracle sees of a node's books."""

    def __init__(self, state: State, store: Store) -> None:
        self._state, self._store = state, store
        self._assets: dict[str, str] = {}
        self._adjusting: list[str] = []
        self._figures_seen = 0

    def figure(self, holding: str) -> Decimal:
        return self.scaled(holding, self._state.holdings.get(holding, 0))

    def doubt(self, holding: str) -> Decimal:
        doubt = self._state.doubts.get(holding)
        return self.scaled(holding, doubt) if doubt else ZERO

    def named(self, holding: str) -> Decimal | None:
        state = self._state
        drift = state.suspects.get(holding) or state.breaks.get(holding)
        return None if drift is None else self.scaled(holding, drift.size)

    def booked(self, fact: Fact) -> bool:
        account = self._state.accounts.get(fact.account)
        if account is None:
            return False
        match fact.kind:
            case "fill":
                symbol, fill_id, side, *anew = fact.key
                listing = anew[0] if anew else "1"
                return self._known(account, f"{symbol}:{listing}:{fill_id}:{side}")
            case "progress":
                order_id, filled = fact.key
                done = account.progress.get(order_id) or self._put_away(account, order_id)
                return done is not None and done.quantity >= quantity(filled)
            case "bust":
                symbol, bust_id = fact.key
                return self._known(account, f"bust:{symbol}:{bust_id}")
            case "funding":
                return self._known(account, f"funding:{fact.key[1]}:{fact.key[2]}")
            case "cash":
                return self._known(account, f"{fact.key[0]}:{fact.key[1]}")
            case "opening":
                return self._known(account, f"opening:{fact.key[0]}:{fact.key[1]}")
            case "unlisted":
                name = f"{fact.account}/{fact.key[0]}/cash"
                return self._adjusted(name) >= Decimal(fact.key[1])
            case "restated":
                symbol, number = fact.key
                return account.listings[symbol].restated >= int(number)
            case "contradiction":
                return False  # it changes nothing, so that there is nothing to book

    def _adjusted(self, holding: str) -> Decimal:
        """What people have booked there, in all."""
        figures = self._state.figures
        if len(figures) != self._figures_seen:  # none ever leaves
            self._figures_seen = len(figures)
            self._adjusting = [name for name in figures if name.startswith("adjustment/")]
        if not self._adjusting:
            return ZERO
        head = f"adjustment/{holding}/"
        theirs = [figures[name] for name in self._adjusting if name.startswith(head)]
        return self.scaled(holding, sum(theirs))

    def _known(self, account: Account, key: str) -> bool:
        """At hand, or put away: the books are both."""
        if key in account.seen:
            return True
        return self._state.put_away > 0 and find(self._store, account.name, key) is not None

    def _put_away(self, account: Account, order_id: str) -> Progress | None:
        found = None
        if self._state.put_away:
            found = find(self._store, account.name, progress_key(order_id))
        return None if found is None else progress_of(found[0].content)

    def scaled(self, holding: str, units: int) -> Decimal:
        asset = self._assets.get(holding)
        if asset is None:
            _, subject, leg = holding.rsplit("/", 2)
            asset = self._assets[holding] = subject if leg == "cash" else ""
        decimals = QUANTITY_DECIMALS
        if asset:  # an asset's decimals may be told after we were asked for the first time
            decimals = self._state.decimals.get(asset, ASSET_DECIMALS)
        return EXACT.scaleb(Decimal(units), -decimals)


def keep_of(scenario: Scenario) -> Keep:
    """How much the scenario's node keeps at hand."""
    told = scenario.memory
    if told is None:
        return Keep()
    return Keep(told.ids, told.orders, told.progress, transfers=told.transfers)


def asset_decimals(scenario: Scenario, rails: Mapping[str, int]) -> dict[str, int]:
    """The scale of each asset that has one of its own.

    ValueError where an asset of the rails is counted otherwise, or more finely, by somebody else.
    """
    held = [
        asset
        for venue in scenario.venues
        for each in venue.instruments
        for asset in (*venue.wallets, each.base, each.quote, each.settle)
    ]
    for asset, decimals in rails.items():
        told = scenario.decimals.get(asset, decimals)
        if told != decimals or (asset in held and decimals < ASSET_DECIMALS):
            raise ValueError(f"{asset}: a rail counts it in {decimals} decimals, others do not")
    return {**rails, **scenario.decimals}


def bound_ns(spec: VenueSpec) -> int:
    """How old an unnamed difference may be: three statement periods and the 99.9 % latency, of one
    way. A read goes two: what they take beyond that has to fit into the periods."""
    return STATEMENT_PERIODS_MAX * spec.statement_period_ms * MS + latency_of(spec).p999


def market_pace(spec: VenueSpec, *, quiet: bool = False) -> int:
    """While anybody trades, tops are told more often than streams beat."""
    return spec.pace if quiet else -(-spec.pace // TOPS_PER_BEAT)


def latency_of(spec: VenueSpec) -> Latency:
    """Of one way between a venue and us."""
    beats = HEARTBEAT_NS * spec.pace
    return Latency(spec.latency_ms * MS, spec.latency_ms_p99 * MS, heartbeat=beats)


def _terms(spec: VenueSpec, instrument: InstrumentSpec) -> Terms:
    return Terms(
        symbol=instrument.symbol,
        model=TWINS[spec.dialect].model,
        base=instrument.base,
        quote=instrument.quote,
        settle=instrument.settle or instrument.quote,
        tick=instrument.tick,
        lot=instrument.lot,
        multiplier=instrument.multiplier,
        maker_rate=instrument.maker_rate,
        taker_rate=instrument.taker_rate,
    )


def _habits(spec: VenueSpec) -> Habits:
    """The venue's own, but for pages and for orders that meet ours where a scenario says so."""
    habits = TWINS[spec.dialect].habits()
    habits.page_rows_max = min(habits.page_rows_max, spec.page_rows or habits.page_rows_max)
    return replace(habits, self_trade=spec.self_trade) if spec.self_trade else habits


def _derived(trade: Trade, instrument: InstrumentSpec) -> Trade:
    return trade._replace(
        price=trade.price * instrument.price_factor,
        quantity=trade.quantity * instrument.quantity_factor,
    )
