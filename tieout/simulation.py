"""The simulated driver: builds the world around a node and moves SimPy's clock.

It wires and decides nothing. The node, the journal and the step are those that run live; here
effects go to connectors whose wire is simulated, a commit takes its group's wait, and the node can
be killed between any two steps: it is then dropped, and rebuilt from what its store kept.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from core.events import (
    AssetListed,
    CashMoved,
    OpeningSet,
)
from core.money import ASSET_DECIMALS, parse
from core.risk_events import LimitsLoaded, StrategyStateSet
from core.state import State
from rails.evm.simulated import SimulatedNodes
from scenarios.bounds import LimitsSpec, StandingSpec
from scenarios.model import InstrumentSpec, Scenario
from scenarios.policies import draw
from sim.dice import Dice
from sim.faults import KINDS, OF_KEEPERS, UNABLE, Fault, Faults
from sim.market import MS, Crowd, Trade
from sim.oracle import Oracle
from sim.treasury import Asked, Treasury
from sim.truth import Truth
from sim.world import EPOCH_NS, SECOND, World
from tieout.campaigns.crash_points import CrashPoint, Reached
from tieout.claims.watch import Watch
from tieout.gates.simulated import SimulatedGates
from tieout.node.opening import SILENCE_NS, account_opened, instrument_listed
from tieout.node.seen import is_watched
from tieout.risk.dared import Dared
from tieout.risk.loading import loaded
from tieout.settlement.simulated import Rails
from tieout.settlement.twins import DECIMALS
from tieout.world.bridges import Bridge
from tieout.world.host import Crashable, Host
from tieout.world.sites import Site, asset_decimals, bound_ns, market_pace, site_of
from tieout.world.twins import TWINS
from venues.simulated import REPEAT_NS

if TYPE_CHECKING:
    from tieout.issuing.simulated import Issuing

# For how long a symbol does not trade before it is listed anew: by then what was under way has come
# or was read in the record.
HALT_NS = 12 * SECOND
RESTART_NS = 500 * MS
AGAIN_NS = 10 * SECOND
# What a keeper did or put right is told and read by then.
MENDED_NS = 6 * 3600 * SECOND
# For how long keepers may be at it after a run was healed. A payment waits a week for its window at
# most, a long weekend in it; two banking days are a week at most until a wrong line is put right; a
# day goes by until it is delivered, and what failed may be paid once more. What faults hold back
# comes on top.
MENDS_MAX_NS = 30 * 86_400 * SECOND


class NeverMended(RuntimeError):
    """Keepers take on more and more, long after the run was healed: somebody pays for ever."""


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
        self.sites = [
            site_of(spec, self.world, self.dice, self.faults, self.truth)
            for spec in scenario.venues
        ]
        self.treasury = self._treasury()
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
        """Until what they hold back is done, and what came of it is told and read."""
        if self.rails is None:
            return
        payments, healed = self.rails.payments, self.world.now
        latest = healed + MENDS_MAX_NS + 2 * self._held_back_ns()
        while (due := payments.mended_by + MENDED_NS) > self.world.now:
            if due > latest:
                days = (due - healed) // (86_400 * SECOND)
                raise NeverMended(
                    f"{days} days after the run was healed, keepers hold payments back"
                )
            self.world.run(due)

    def _held_back_ns(self) -> int:
        """For how long faults may hold one payment back, all of them together."""
        kinds = ((KINDS[fault.kind], fault.strength) for fault in self.plan)
        of_keepers = OF_KEEPERS["custodian"]  # a bank's, and some of its own
        return sum(
            ms * MS for (site, unit, _), ms in kinds if site in of_keepers and unit.startswith("ms")
        )

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
            self.host.cold.on_count = self.dared.stated.look
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

    def _treasury(self) -> Treasury:
        """Whoever moves cash between the venues, when a strategy asks for it."""
        spec = self.scenario.treasury
        venues = {site.spec.account: site.venue.exchange for site in self.sites}
        assets = {asset: ASSET_DECIMALS for each in venues.values() for asset in each.assets()}
        return Treasury(
            self.world,
            self.dice.stream("treasury"),
            self.faults,
            venues,
            assets | self.decimals,
            spec.acts_s,
            spec.moves_s,
            self._tell_moved,
        )

    def _tell_moved(self, asked: Asked, sign: int) -> None:
        """Where the venue tells no movements of cash, who moved it says so, under its number."""
        account = asked.source if sign < 0 else asked.target
        site = next(site for site in self.sites if site.spec.account == account)
        if TWINS[site.spec.dialect].dialect.ledger:
            return
        movement = site.venue.exchange.movements[-1]
        told = CashMoved(
            received_at=0,
            account=account,
            movement_id=str(movement.number),
            asset=asked.asset,
            amount=sign * asked.amount,
            reason="transfer",
            occurred_at=movement.at * MS,
        )
        for wait in (0, AGAIN_NS):  # a node that died with it did not keep it
            self.world.call_in(wait, self._tell_when_alive, told)

    def _tell_when_alive(self, told: CashMoved) -> None:
        if self.host.alive:
            self.host.tell(replace(told, received_at=self.world.now))
        else:
            self.world.call_in(SECOND, self._tell_when_alive, told)

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
        from tieout.issuing.simulated import Issuing

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
        if is_watched(site.spec.account, self.scenario.strategies):
            site.venue.tell_trades()
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


def _derived(trade: Trade, instrument: InstrumentSpec) -> Trade:
    return trade._replace(
        price=trade.price * instrument.price_factor,
        quantity=trade.quantity * instrument.quantity_factor,
    )
