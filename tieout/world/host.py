"""Where the simulated node lives: its door, commits, alarms, strategies and crashes.

True here: it decides nothing. A crash drops the node between any two steps; a start rebuilds it
from what its store kept, as a process would.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from core.effects import (
    Effect,
    MoveCash,
    PlaceOrder,
    SetAlarm,
    TellMove,
    TellPosition,
    TellStrategy,
)
from core.events import (
    AdjustmentBooked,
    AlarmRang,
    Event,
    NodeStarted,
    OrderRequested,
)
from core.frames import Decode, Frame
from core.journal import Journal, Record, Store, decode_effect
from core.node import Keep, Node, boot_epoch, recover
from core.risk_effects import AcknowledgeReturn, AskEngine, GrantLease, TellGate, TellKill
from core.state import State
from core.strategy import MovesCash, PublicTrade, Quote, Strategy, Tick, Wish
from rails.dialect import Request as RailRequest
from risk.adapter import LimitGate
from scenarios.model import Scenario
from sim.market import MS
from sim.operators import Adjustment, OpenBreak, Operator
from sim.world import SECOND
from tieout.campaigns.crash_points import Died
from tieout.claims.exits import Exits
from tieout.claims.truths import cancels_wanted
from tieout.claims.view import View
from tieout.gates.simulated import SimulatedGates
from tieout.node.connector import Connector
from tieout.node.dialects import READERS
from tieout.node.quotes import quote
from tieout.node.sights import Sights
from tieout.node.wishes import answered, made
from tieout.operating.drill import Drill
from tieout.settlement.simulated import RailSite
from tieout.settlement.view import PaymentView
from tieout.world.deaths import Deaths
from tieout.world.sites import Site, market_pace
from tieout.world.transports import Door, RailTransport, SimulatedTransport
from tieout.world.twins import TWINS
from venues.dialect import Request
from venues.public import Dial, Heard, MarketData

if TYPE_CHECKING:
    from tieout.risk.cold import ColdEngine
    from tieout.simulation import Simulation

NODE = "tie"
SNAPSHOT_EVERY = 5000
# How often operators look while a break grows as old as they want it to be.
LOOKS = 8
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

    @property
    def groups(self) -> Sequence[tuple[int, bytes]]:
        """The committed groups that it has: each one's last record, and its chain hash."""


class Host:
    """Where the node lives: the door in, the commits, the alarms, the strategies, the crashes."""

    def __init__(self, simulation: "Simulation") -> None:
        self._sim = simulation
        self._world = simulation.world
        self.exits = Exits(LimitGate())
        self.node: Node | None = None
        self.quiet = False
        self.placed: dict[str, int] = {}
        self.boots: dict[int, int] = {}
        self._boot: int | None = None
        self.crashes = 0
        self.cuts_unshown = 0
        self.early = 0
        self.placed_lost: dict[str, None] = {}
        self._floor = 0
        self._commit_due = False
        self._connectors: dict[str, Connector[Request]] = {}
        self._market: dict[str, MarketData] = {}
        self.heard = Heard()
        self._strategies: dict[str, Strategy] = {}
        self._sights = Sights((), 0)
        self._alarms: dict[str, int] = {}
        self._rebuilt: tuple[Journal, State] | None = None
        self.life = 0
        self._breaks_seen = 0
        self._resolved_seen = 0
        self.deaths = Deaths(simulation, self)
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
        from tieout.risk.cold import ColdEngine  # numpy: a run without limits starts sooner

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
            self.exits,
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
        self.deaths.after_boot()

    def _begin_life(self) -> None:
        """What the last life had set up is void; the ways out are laid anew."""
        self.life += 1
        self._alarms.clear()
        self._connectors = {
            site.spec.account: Connector(
                site.spec.account,
                TWINS[site.spec.dialect].dialect.request,
                SimulatedTransport(site),
                Door(self, self.life),
                self._world.clock,
                TWINS[site.spec.dialect].dialect.headers,
            )
            for site in self._sim.sites
        }

    def _take_up_work(self, epoch: int) -> None:
        """Strategies tick, the node hears that it lives, and listens to the markets."""
        sim = self._sim
        self._strategies = {
            spec.name: made(spec.kind, spec.name, spec.options) for spec in sim.scenario.strategies
        }
        for spec in sim.scenario.strategies:
            self._world.call_in(spec.tick_ms * MS, self._tick, self.life, spec.name)
        self._show_trades()
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
        lost = store.records_lost
        self._boot = epoch
        now = self._world.now
        self.tell(NodeStarted(received_at=now, node=NODE, epoch=epoch, records_lost=lost))
        if lost and self.node is not None:
            self.cuts_unshown = 0

    def open_for_business(self) -> None:
        """What a deployment is told before it begins is durable before anything can go wrong."""
        self._commit(self.life)
        self.deaths.begin()
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
        self.life += 1
        self._commit_due = False
        for site in self._sim.sites:
            site.wire.drop()
            site.public.drop()

    def _rebuild(self) -> tuple[Journal, State]:
        """What the next life will begin with; until then it is all that we say."""
        journal = self.deaths.journal(self._sim.store)
        return journal, recover(journal, self.exits)

    def _group_waits(self) -> bool:
        """Whether anything was appended that is not durable yet."""
        assert self.node is not None, "a node that lives"
        return self.node.journal.next_number > self._sim.store.last()[0] + 1

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
        if node is None or self.deaths.now():
            return
        try:
            node.deliver(told)
        except Died:
            self.deaths.in_a_step()
            return
        self._let_commit()

    def _let_commit(self) -> None:
        """The group that has begun is committed a wait from now."""
        if not self._commit_due:
            self._commit_due = True
            wait = self._sim.scenario.group_wait_us * 1000
            self._world.call_in(wait, self._commit, self.life)

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
            Door(self, self.life),
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
        if life != self.life or self.node is None:
            return
        self._commit_due = False
        if self.deaths.at_commit():
            return
        group_waits = self.deaths.point_given and self._group_waits()
        if group_waits and (self.deaths.at("commit") or self.deaths.at("cut")):
            return
        try:
            effects = self.make_durable()
        except Died:  # as it put away what is too much to keep at hand
            self.deaths.in_a_step()
            return
        if group_waits and self.deaths.at("durable"):
            return
        for effect in effects:
            if self.deaths.now():
                return
            self._perform(effect)
            # What it brought about may have killed us: the rest is not performed.
            if life != self.life or self.deaths.at("effect"):
                return

    def commit_now(self) -> None:
        """The end of the run: what was delivered is made durable."""
        if self.node is not None:
            self.make_durable()

    def make_durable(self) -> list[Effect]:
        """Commit; only what is durable was told, and found."""
        assert self.node is not None, "a node that lives"
        effects = self.node.commit()
        self.early += len(effects) if self._group_waits() else 0
        self._count_boot()
        self._sim.truth.kept()
        self._sim.oracle.node_durable()
        return effects

    def _count_boot(self) -> None:
        """It chose no id that anybody saw before its first group was durable."""
        if self._boot is not None:
            self.boots[self._boot] = self.boots.get(self._boot, 0) + 1
            self._boot = None

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SetAlarm():
                self._alarms[effect.alarm] = effect.at
                at = max(effect.at, self._world.now)
                self._world.call_at(at, self._ring, self.life, effect.alarm, effect.at)
            case TellGate() | GrantLease() | AcknowledgeReturn() if self.gates is not None:
                self.gates.perform(effect)
            case TellStrategy():
                self.hear(effect)
            case TellPosition():
                strategy = self._strategies.get(effect.strategy)
                if strategy is not None:
                    now = self._world.now
                    self._wish(answered(effect.strategy, strategy.on_position, effect, now))
            case TellMove():
                mover = self._strategies.get(effect.strategy)
                if mover is not None and isinstance(mover, MovesCash):
                    self._wish(answered(effect.strategy, mover.on_move, effect, self._world.now))
            case MoveCash():
                self._sim.treasury.move(effect)
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
        if life == self.life and self._alarms.get(alarm) == due:
            del self._alarms[alarm]
            self.tell(AlarmRang(received_at=self._world.now, alarm=alarm))

    # --- market data -----------------------------------------------------------------------------

    def _listen_to_markets(self) -> None:
        for site in self._sim.sites:
            market = MarketData(
                site.spec.account,
                TWINS[site.spec.dialect].dialect,
                self._dial_of(site),
                self._world.clock,
                self.heard,
                on_trade=self._trade,
                first_looks=FIRST_LOOKS if self._sim.scenario.limits is not None else 1,
                pace=market_pace(site.spec, quiet=self.quiet),
            )
            self._market[site.spec.account] = market
            market.open()
            self._world.call_in(market.look_ns, self._look, Door(self, self.life), market)

    def _dial_of(self, site: Site) -> Dial:
        return site.public.open_stream

    def slow_down(self) -> None:
        """Nobody trades any more, so that tops only repeat."""
        for site in self._sim.sites:
            market = self._market.get(site.spec.account)
            if market is not None:
                market.pace = market_pace(site.spec, quiet=True)

    def _look(self, door: "Door", market: MarketData) -> None:
        if door.life != self.life:
            return
        for reference in market.look():
            door.tell(reference)
        self._world.call_in(market.look_ns, self._look, door, market)

    # --- strategies ------------------------------------------------------------------------------

    def _show_trades(self) -> None:
        specs = self._sim.scenario.strategies
        watching = [(self._strategies[each.name], each.accounts) for each in specs]
        self._sights = Sights(watching, self._world.now)
        self._close_bars(self.life)

    def _trade(self, told: PublicTrade) -> None:
        self._sights.gather(told)
        self._wish(self._sights.trade(told))

    def _close_bars(self, life: int) -> None:
        if life != self.life or self.quiet:
            return
        self._wish(self._sights.close(self._world.now))
        at = self._sights.next_close(self._world.now)
        if at:
            self._world.call_at(at, self._close_bars, life)

    def _tick(self, life: int, name: str) -> None:
        if life != self.life or self.quiet:
            return
        spec = next(s for s in self._sim.scenario.strategies if s.name == name)
        word = self._sim.dice.stream(f"strategy/{name}").word()
        tick = Tick(self._world.now, word, self.quotes(spec.accounts))
        self._wish(answered(name, self._strategies[name].on_tick, tick))
        self._world.call_in(spec.tick_ms * MS, self._tick, life, name)

    def hear(self, told: TellStrategy) -> None:
        """A strategy hears of an order of its own."""
        strategy = self._strategies.get(told.strategy)
        if strategy is not None:
            self._wish(answered(told.strategy, strategy.on_order, told, self._world.now))

    def _wish(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            if self.quiet:
                return
            if wish.received_at != self._world.now:  # it knows when what it looked at happened
                wish = replace(wish, received_at=self._world.now)
            gates = self.gates
            if gates is not None and isinstance(wish, OrderRequested) and gates.has(wish.strategy):
                gates.wish(wish)
            else:
                self.tell(wish)

    # --- operators -------------------------------------------------------------------------------

    def _operate(self, operator: Operator) -> None:
        """People look at what is open, and what they book enters by the one door."""
        for each in operator.look(self._world.now, self._open_breaks()):
            self.tell(booked(each, self._world.now))
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


def keep_of(scenario: Scenario) -> Keep:
    """How much the scenario's node keeps at hand."""
    told = scenario.memory
    if told is None:
        return Keep()
    return Keep(told.ids, told.orders, told.progress, transfers=told.transfers)


def booked(each: Adjustment, now: int) -> AdjustmentBooked:
    """What two people of a simulation agreed on, as a node is told of it."""
    return AdjustmentBooked(
        received_at=now,
        adjustment_id=each.adjustment_id,
        break_number=each.break_number,
        holding=each.holding,
        amount=each.amount,
        author=each.author,
        approver=each.approver,
        reason=each.reason,
    )
