"""One run of a scenario, from its name to its outcome.

The standard claims are checked in every run, whatever the scenario adds: the law, the money, the
drift found, no false alarm.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from core.effects import PlaceOrder, TellStrategy
from core.events import OrderRequested
from core.journal import decode_effect, decode_event, digest_of
from core.memory import all_orders
from core.settlement_memory import kept_in, whole
from core.state import UNATTRIBUTED, Order, State
from core.strategies import KILL
from scenarios.model import ClaimSpec, Scenario, find
from sim.faults import Fault
from sim.market import MS, Trade
from sim.memory_store import MemoryStore
from sim.oracle import Drifted
from sim.seal import seal
from sim.world import EPOCH_NS, SECOND
from tieout.bad_input import BadMarket
from tieout.campaigns.crash_points import CrashPoint
from tieout.campaigns.visited import unlisted, visited
from tieout.claims.asked_again import cancels_dropped, orders_unasked, streams_unread
from tieout.claims.cash_told import moves_told_early
from tieout.claims.given_up import given_up
from tieout.claims.read_back import read_back_early
from tieout.claims.read_on import forbidden_ns, reads_dropped
from tieout.claims.references import decided_by_old_prices
from tieout.claims.truths import (
    cancels_unpursued,
    contradictions_unshown,
    fills_unplaced,
    money_differences,
    order_differences,
    orders_mismarked,
    position_differences,
    self_trades,
)
from tieout.claims.view import View
from tieout.claims.vouched import final_by_one
from tieout.operating.drill import exits
from tieout.reports.outcome import Claim, Found, Outcome, Sample
from tieout.settlement.figures import settlement_figures
from tieout.simulation import Simulation
from tieout.tokens.decisions import decided_by_old
from tieout.world import market as markets
from tieout.world.market import Market
from venues.exchange import Exchange

if TYPE_CHECKING:  # what executes contracts, only where there are
    from tokens.judging import Judge

SAMPLES_MAX = 400
# An answer may be asked for and lost once more within this time of healing.
ANSWER_NS = 2 * SECOND
DIAL_NS = SECOND
ZERO = Decimal(0)
# What never happened is not counted.
NEVER_COUNTED = (
    *("faults.", "counts.", "drift.closed_by_cause.", "visited."),
    *("settlement.items.", "settlement.legs.", "settlement.told.", "tokens.requests."),
)

STANDARD = tuple(
    ClaimSpec(claim=claim, figure=figure, equals=Decimal(0))
    for claim, figure in (
        ("nothing is ever silently different", "silent_differences"),
        ("every drift is found", "drift.missed"),
        ("no break is opened where our books were right", "drift.false_alarms"),
        ("holdings equal the truth to the unit", "differences.holdings"),
        ("fees, funding, profit and traded value equal the truth to the unit", "differences.money"),
        ("what each strategy holds equals its trades at the venue", "differences.positions"),
        ("nothing was asked of a venue that the journal does not hold", "unjournaled_effects"),
        ("nothing is done before its group is durable", "effects_before_durable"),
        ("no order is sent twice", "orders_sent_twice"),
        ("no two boots choose their ids under one epoch", "epochs_doubled"),
        ("every order sent follows from one wish", "orders_unwished"),
        ("a strategy hears of all that its orders filled, once", "fills_untold"),
        ("what is asked to reduce only reaches its venue so, and nothing else", "orders_mismarked"),
        ("no order was given up that its venue took", "orders_given_up_taken"),
        ("no order is called rejected but by its venue's word", "orders_rejected_unsaid"),
        ("no order was given up while its venue might take it yet", "orders_given_up_early"),
        ("what was in flight as the node came up is asked for at once", "orders_unasked"),
        ("what a stream may have missed is asked for as it opens", "streams_unread"),
        ("what failed to be read is asked for again within its wait", "reads_dropped"),
        ("what was to be cancelled and is told to work is cancelled again", "cancels_dropped"),
        ("what a cut lost counts as read back once it was", "read_back_early"),
        ("no strategy is told that cash left or came before it did", "moves_told_early"),
        ("once healed, orders stand as their venue says", "differences.orders"),
        ("once healed, no break stays open", "open_breaks"),
        ("once healed, nothing is suspected", "open_suspects"),
        ("once exact values are told, nothing is in doubt", "in_doubt"),
        ("no order that we call over is alive at its venue", "orders_given_up"),
        ("an order that is over stays over", "orders_revived"),
        ("core takes no move that stands in none of its tables", "moves_unlisted"),
        ("once healed, what was to be cancelled is off the book", "cancels_unpursued"),
        ("once healed, no fill waits to know whose it is", "fills_unplaced"),
        ("no break is opened before a back-fill begun after its suspect ended", "breaks_hasty"),
        ("what was named keeps its name until it is gone", "names_forgotten"),
        ("a fill told in two contents is shown, and is no echo", "contradictions_unshown"),
        ("where a break is open, no more exits work than both sides hold", "exits_excessive"),
        ("no exit that both sides hold is refused as none", "exits_refused"),
    )
)
STANDARD += (
    ClaimSpec(
        claim="a stream that says nothing is replaced within its limit and a dial",
        figure="silence_excess_seconds_max",
        at_most=Decimal(DIAL_NS) / SECOND,
    ),
    ClaimSpec(
        claim="drift is found within three statement periods (p99)",
        figure="drift.periods_to_find.p99",
        at_most=Decimal(3),
    ),
)

# Where there are rails, all of these too.
OF_SETTLEMENT = tuple(
    ClaimSpec(claim=claim, figure=figure, equals=Decimal(0))
    for claim, figure in (
        (
            "nothing is shown as completed that its rail did not settle",
            "wrongly_settled",
        ),
        ("no payment is carried out twice", "settlement.doubled"),
        ("a nonce is one payment's, and a payment has one", "settlement.nonces_doubled"),
        (
            "nothing settles by silence unless its bank was heard since it counts",
            "settlement.settled_unasked",
        ),
        (
            "nothing ends on a chain but by each node's word, once both call its block final",
            "settlement.ended_by_one",
        ),
        ("no more is said to come back of a payment than went", "settlement.returns_strange"),
        ("the ledger holds after every event", "settlement.ledger_faults"),
        ("in flight plus contingent never exceeds a limit", "settlement.limit_excess"),
        ("once healed, each payment stands as its rail has it", "settlement.differences"),
        ("once healed, no customer sees a transfer pending", "settlement.pending"),
        ("what is wrong is refused, and what is sound is not", "settlement.misjudged"),
        ("customers are told what is true, in its order, and why", "settlement.told_wrongly"),
        ("once healed, each request ended as the world ended it", "settlement.astray"),
        ("once healed, each customer has what moved, to the unit", "settlement.balances_off"),
        ("what was deducted beyond its bound has its name, and no more", "settlement.fees_off"),
        (
            "each exchange is by a quote of the desk, and gains what it dealt",
            "settlement.exchanges_off",
        ),
        (
            "what failed goes back as its request says, and nowhere else",
            "settlement.undone_wrongly",
        ),
        ("what the world has in flight never exceeds a limit", "settlement.over_limit_in_truth"),
        ("what reversals cost never exceeds a limit", "settlement.reversal_excess"),
        ("nobody pays out what he never had", "settlement.overdrawn"),
        ("what a customer owes us no request of his takes", "settlement.held_beyond"),
        ("no raise of a fee is too small for the nodes", "settlement.raises_too_small"),
        ("no line is booked as what it is not", "settlement.lines_misplaced"),
        (
            "once healed, fees, income and suspense of each account are its keeper's, to the unit",
            "settlement.accounts_off",
        ),
        ("once healed, nothing is left in clearing, held, or exposed", "settlement.outstanding"),
        ("what strayed was disposed of once, or lies in suspense", "settlement.suspense_off"),
        ("once healed, what is asked back is asked and answered once", "settlement.recalls_off"),
        ("no return that its rail allows is called illegal", "settlement.called_illegal"),
    )
)

# Where there are limits, all of these too.
OF_RISK = tuple(
    ClaimSpec(claim=claim, figure=figure, equals=Decimal(0))
    for claim, figure in (
        (
            "no order of ours takes an exposure over a hard limit, told to us or not",
            "limit_breaches",
        ),
        ("the engine's two ways of counting agree", "risk.engine_halted"),
        ("an exit closes at most what is held", "risk.flips"),
        ("no order is decided by a price that is too old", "risk.decided_by_old_prices"),
        ("no order passes on a word of the engine that has ended", "risk.word_overdue_seconds"),
        (
            "an older word of the engine, or an older grant, is never what holds",
            "risk.words_backwards",
        ),
        ("once healed, nothing is reserved for what is over", "risk.reserved_when_over"),
        ("no gate spends more than it was lent", "counts.refused/LEASE_OVERSPENT"),
        ("no grant takes what is out of a line over its limit", "risk.lent_beyond"),
        (
            "the gate lets lines come to what was reviewed, the engine's word and its age leave",
            "risk.opened_wrongly",
        ),
        (
            "what the engine states is what is held, at its newest price and size",
            "risk.stated_wrongly",
        ),
    )
)
# Where there are tokens, all of these too.
OF_TOKENS = tuple(
    ClaimSpec(claim=claim, figure=figure, equals=Decimal(0))
    for claim, figure in (
        (
            "no final movement breaks what policy and facts allowed since it was decided",
            "tokens.policy_violations",
        ),
        ("nothing is signed that policy and facts of that moment forbid", "tokens.signed_wrongly"),
        (
            "nothing is permitted that could break a limit beside what may yet happen",
            "tokens.permitted_beyond",
        ),
        (
            "what is signed was decided by the policy and the facts that our books had",
            "tokens.decided_by_old",
        ),
        ("nothing is permitted while the contract stands still", "tokens.permitted_while_paused"),
        ("no nonce is in two permissions that may both be used", "tokens.nonces_shared"),
        ("a decision is signed for one thing, however often", "tokens.decisions_doubled"),
        ("no signer that is well declines what is sound", "tokens.declined_wrongly"),
        (
            "the register equals the chain after every block and reorganisation",
            "tokens.register_differences",
        ),
        ("no block is final here that not every node told alike", "tokens.final_by_one"),
        ("supply and balances are the contract's own", "tokens.contract_differences"),
        (
            "every movement is an authorization's or an orphan that was found",
            "tokens.orphans_missed",
        ),
        ("nothing that was decided is called an orphan", "tokens.orphans_false"),
        ("nothing leaves a holder who did not act", "tokens.moved_unasked"),
        ("once healed, what can safely be permitted is, and happens", "tokens.refused_wrongly"),
        ("once healed, no permission is outstanding", "tokens.outstanding"),
        ("once healed, no caller waits for an answer", "tokens.unanswered"),
        ("what counts as held and on its way is the sum of its parts", "tokens.sums_off"),
        (
            "a limit that is passed is an open break of its size, and no other is",
            "tokens.limits_off",
        ),
        ("once healed, every epoch that was to be raised is", "tokens.epochs_due"),
        ("the deployed code never changes", "tokens.code_changes"),
        ("what was used moves nothing again, here or elsewhere", "tokens.replays_moved"),
    )
)

# Where a token is issued for cash, all of these too.
OF_OFFERINGS = tuple(
    ClaimSpec(claim=claim, figure=figure, equals=Decimal(0))
    for claim, figure in (
        (
            "what exists of a token is what was paid for it, and what is under way is in transit",
            "tokens.cash_differences",
        ),
        (
            "nothing is minted on cash that is pending, or beyond its limit on what may go back",
            "tokens.minted_early",
        ),
        ("no redemption is paid before its burn is final", "tokens.paid_early"),
    )
)


def run(
    name: str | Scenario,
    seed: int | None = None,
    *,
    short: bool = False,
    market: str | Path | None = None,
    out: str | Path | None = None,
    plan: Sequence[Fault] | None = None,
    policy: str = "told",
    tie_break: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
    sampled: bool = True,
    crash_at: CrashPoint | None = None,
) -> Outcome:
    """Run a scenario of the catalogue, of a file or given; raises BadScenario or BadMarket.

    The seed is the scenario's own where none is said, which is 0 where it says none.
    With `out`, everything is written there; of a run that raises, its plan, journal and traceback.
    `sampled` keeps truth beside books over time. A stored plan is run by
    `tieout.failures.plans.replay`. With `crash_at` the node is killed there; how often what
    happened is then not claimed.
    """
    if seed is not None and (not isinstance(seed, int) or seed < 0):
        raise ValueError(f"seed: found {seed!r}; a whole number from 0 on would do")
    scenario = name if isinstance(name, Scenario) else find(name)
    seed = scenario.seed if seed is None else seed
    recorded: Market | None = None
    trades: list[Trade] = []
    if market:
        if not scenario.venues:
            who = f"{scenario.name} has no venue that its trades could drive"
            raise BadMarket(f"{market}: {who}; no --market, or a scenario with venues, would do")
        recorded, trades = markets.load(Path(market), scenario.market_gap_ms_max)
    scenario = scenario.in_short() if short else scenario
    seconds = scenario.short_s if short and scenario.short_s else scenario.duration_s
    duration = trades[-1].at + SECOND if trades else int(seconds * SECOND)
    if out is not None:
        from tieout.reports.files import ready

        ready(Path(out))
    store = MemoryStore()
    with seal():
        simulation = Simulation(
            scenario,
            seed,
            store,
            plan,
            trades,
            duration,
            tie_break=tie_break,
            crash_at=crash_at,
        )
    if plan is not None:
        simulation.policy = policy
    sampler = Sampler(simulation)
    if sampled:
        simulation.on_step = sampler.look
    with _kept_if_broken(simulation, out, short=short, market=recorded):
        with seal() as sealed:
            simulation.run(sealed.opened_for(progress))
            sampler.end()
        outcome = conclude(simulation, store, sampler.samples, short=short, market=recorded)
        if out is not None:
            from tieout.reports.files import (
                save,  # plots and tables: a run without them starts sooner
            )

            save(outcome, Path(out))
    return outcome


@contextmanager
def _kept_if_broken(
    simulation: Simulation, out: str | Path | None, *, short: bool, market: Market | None
) -> Iterator[None]:
    """A run that raises, or is interrupted, leaves its plan and journal; the error says where."""
    from tieout.reports.files import CannotSave

    try:
        yield
    except CannotSave:
        raise
    except BaseException as error:
        if out is not None:
            from tieout.failures.broken import keep

            error.add_note(keep(simulation, Path(out), error, short=short, market=market))
        raise


class Sampler:
    """Keeps truth beside books: at the start, as they change, and at the end.

    Of each holding, at most the first and the last look of a while are kept. What differed is
    looked at again with every step until it is equal: a difference of a millisecond must not seem
    to last until the next posting.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.samples: list[Sample] = []
        self._simulation = simulation
        self._every = max(1, simulation.duration_ns // SAMPLES_MAX)
        self._next: dict[str, int] = {}
        self._last: dict[str, Sample] = {}
        self._unequal: dict[str, None] = {}
        self._view = View(State(), simulation.store)
        self._seen: State | None = None

    def look(self, state: State) -> None:
        """A step was taken."""
        if state is not self._seen:  # the node was born, or born again
            self._seen, self._view = state, View(state, self._simulation.store)
        names = [line.holding for line in state.posted if line.holding]
        for name in dict.fromkeys([*self._unequal, *names]) if self._unequal else names:
            self._take(state.now, name)

    def end(self) -> None:
        """The run is over: every holding is looked at once more, at one moment."""
        truth, now = self._simulation.truth.totals, self._simulation.world.now
        books = self._seen.holdings if self._seen is not None else {}
        for name in dict.fromkeys([*truth, *books]):
            self._take(now, name)
        self.samples += self._last.values()
        self._last.clear()

    def _take(self, now: int, name: str) -> None:
        truth = self._simulation.truth.totals.get(name, ZERO)
        sample = Sample(now, name, truth, self._view.figure(name))
        if sample.truth != sample.books:
            self._unequal[name] = None
        else:
            self._unequal.pop(name, None)
        if name not in self._next and now > EPOCH_NS:
            # What was not there at the opening was nothing, for the venue and for us.
            self.samples.append(Sample(EPOCH_NS, name, ZERO, ZERO))
        if now < self._next.get(name, 0):
            self._last[name] = sample
            return
        if name in self._last:
            self.samples.append(self._last.pop(name))
        self.samples.append(sample)
        self._next[name] = now + self._every


def conclude(
    simulation: Simulation,
    store: MemoryStore,
    samples: list[Sample],
    *,
    short: bool = False,
    market: Market | None = None,
) -> Outcome:
    """Judge a finished simulation."""
    node = simulation.host.node
    assert node is not None, "the healed world has the node up"
    found = [_found(drift) for drift in simulation.oracle.drifted.values()]
    summary = summarise(simulation, store, node.state)
    summary["short"], summary["policy"] = short, simulation.policy
    summary["market"] = None if market is None else structs.asdict(market)
    settling = OF_SETTLEMENT if simulation.rails is not None else ()
    limited = OF_RISK if simulation.dared is not None else ()
    issued = OF_TOKENS if simulation.issuing is not None else ()
    offered = OF_OFFERINGS if any(each.offering for each in simulation.scenario.tokens) else ()
    specs = [*STANDARD, *settling, *limited, *issued, *offered, *simulation.scenario.claims]
    if simulation.duration_ns < int(simulation.scenario.duration_s * SECOND):
        specs = [less for spec in specs if (less := spec.in_short()) is not None]
    if simulation.reached is not None:
        # How often anything happens may be otherwise where the node dies once more.
        specs = [
            each.model_copy(update={"at_least": None})
            for each in specs
            if each.at_most is not None or (each.equals is not None and not _must_strike(each))
        ]
    if only := simulation.scenario.judged_by:
        specs = [spec for spec in specs if spec.figure in only]
    claims = [judge(spec, summary) for spec in specs]
    summary["claims"] = [
        {"claim": c.claim, "held": c.held, "figure": c.figure, "bound": c.bound} for c in claims
    ]
    return Outcome(
        scenario=simulation.scenario,
        seed=simulation.seed,
        plan=simulation.plan,
        short=short,
        market=market,
        summary=summary,
        claims=claims,
        state=node.state,
        store=store,
        started_at=EPOCH_NS,
        samples=samples,
        found=found,
        judges=judges_of(simulation),
        policy=simulation.policy,
        tie_break=simulation.tie_break,
        asked=simulation.faults.asked,
        struck=simulation.faults.struck,
    )


def summarise(simulation: Simulation, store: MemoryStore, state: State) -> dict[str, Any]:
    """The figures of DESIGN §12."""
    oracle, world, rails = simulation.oracle, simulation.world, simulation.rails
    dared = simulation.dared
    differing: dict[str, Mapping[str, tuple[object, object]]] = {"holdings": oracle.differences()}
    exchanges = [site.venue.exchange for site in simulation.sites]
    strategy_of = wished_by(store)
    differing["money"] = money_differences(exchanges, state, strategy_of)
    differing["positions"] = position_differences(exchanges, state, strategy_of)
    orders = all_orders(state, store.records())
    differing["orders"] = order_differences(exchanges, state, orders)
    gone = given_up(exchanges, store)
    events = sum(1 for record in store.committed if record.kind == "event")
    return {
        "scenario": simulation.scenario.name,
        "seed": simulation.seed,
        "short": False,
        "policy": "",
        "market": None,
        "digest": digest_of(store, state),
        "simulated_seconds": (world.now - EPOCH_NS) / SECOND,
        "events": events,
        "records": len(store.committed),
        "crashes": simulation.host.crashes,
        "crash_at": None if simulation.reached is None else simulation.reached.figures(),
        "cuts_unshown": simulation.host.cuts_unshown,
        "claims": [],
        "faults": dict(sorted(simulation.faults.counts.items())),
        "drift": drift_figures(simulation, state),
        "open_breaks": len(state.breaks),
        "open_suspects": len(state.suspects),
        "in_flight": oracle.in_flight,
        "silent_differences": len(oracle.silent),
        "silent": [
            {
                "holding": each.holding,
                "at_s": (each.at - EPOCH_NS) / SECOND,
                "truth": str(each.truth),
                "books": str(each.books),
                "named": None if each.named is None else str(each.named),
            }
            for each in oracle.silent[:20]
        ],
        "differences": {
            **{kind: len(each) for kind, each in differing.items()},
            "detail": [
                {"what": name, "truth": _plain(pair[0]), "books": _plain(pair[1]), "of": kind}
                for kind, each in differing.items()
                for name, pair in list(each.items())[:20]
            ],
        },
        "unjournaled_effects": unjournaled(simulation, store),
        "effects_before_durable": simulation.host.early,
        "orders_sent_twice": sum(times > 1 for times in simulation.host.placed.values()),
        "epochs_doubled": sum(times > 1 for times in simulation.host.boots.values()),
        "orders_unwished": unwished(store),
        "fills_untold": untold(store, orders),
        "orders_mismarked": len(orders_mismarked(exchanges, store)),
        "orders_given_up": len(simulation.watch.given_up),
        "orders_revived": len(simulation.watch.revived),
        "orders_given_up_taken": gone.taken,
        "orders_rejected_unsaid": gone.unsaid,
        "orders_unasked": len(orders_unasked(store)),
        "streams_unread": len(streams_unread(store)),
        "reads_dropped": len(reads_dropped(store, forbidden_ns(simulation.plan))),
        "cancels_dropped": len(cancels_dropped(store)),
        "read_back_early": len(read_back_early(simulation.watch.read_back.found, store)),
        "moves_told_early": len(moves_told_early(simulation.truth, state, store)),
        "orders_given_up_early": gone.early,
        "cancels_unpursued": len(cancels_unpursued(exchanges, store)),
        "fills_unplaced": len(_unplaced(simulation, exchanges, state)),
        "breaks_hasty": len(simulation.watch.hasty),
        "names_forgotten": len(oracle.forgotten),
        "contradictions_unshown": len(contradictions_unshown(simulation.truth, store)),
        "exits_excessive": len(simulation.watch.excessive),
        "exits_refused": len(simulation.host.exits.refused),
        "silence_excess_seconds_max": simulation.silence_excess_ns() / SECOND,
        "self_trades": self_trades(exchanges),
        "market_data": asdict(simulation.host.heard),
        "in_doubt": sum(doubt != 0 for doubt in state.doubts.values()),
        # Not measured where there are no limits, or where nothing settles: null is not zero.
        "limit_breaches": None if dared is None else len(dared.oracle.breaches),
        "passive_breaches": None if dared is None else len(dared.oracle.passive),
        "risk": risk_of(simulation, store, state),
        "wrongly_settled": rails.oracle.wrong if rails is not None else None,
        "settlement": settled_of(simulation, state),
        "tokens": tokens_of(simulation, state),
        "kill": simulation.host.drill.figures(state, store),
        "detection_bound_ns": dict(simulation.bounds),
        "paused_seconds": {
            account: oracle.paused_ns(account, world.now, EPOCH_NS) / SECOND
            for account in simulation.bounds
        },
        "counts": dict(sorted(state.counts.items())),
        "visited": visited(simulation.moves),
        "moves_unlisted": sum(unlisted(simulation.moves).values()),
    }


def _plain(amount: object) -> str:
    """An amount without an exponent, or the words that it is told in."""
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)


def risk_of(simulation: Simulation, store: MemoryStore, state: State) -> dict[str, Any] | None:
    """What was dared; None where there are no limits."""
    dared = simulation.dared
    if dared is None:
        return None
    old = decided_by_old_prices(store, dared.reference_age_ns_max)
    return {**dared.figures(state), "decided_by_old_prices": old}


def settled_of(simulation: Simulation, state: State) -> dict[str, Any] | None:
    """What settlement came to; None where nothing settles."""
    if simulation.rails is None:
        return None
    crashed = simulation.host.crashes > 0
    everything = whole(state, kept_in(simulation.store.records()))
    rails, store, now = simulation.rails, simulation.store, simulation.world.now
    return settlement_figures(rails, everything, store, now, crashed=crashed)


def tokens_of(simulation: Simulation, state: State) -> dict[str, Any] | None:
    """What came of issued tokens; None where there are none."""
    if simulation.issuing is None:
        return None
    from tieout.tokens.figures import token_figures  # what executes contracts, only where there are

    old, by_one = decided_by_old(simulation.store), final_by_one(state, simulation.store)
    told = token_figures(simulation.issuing, state, simulation.world.now)
    beside = {"decided_by_old": len(old), "final_by_one": len(by_one)}
    return {**told, **beside, "detail": [*told["detail"], *old, *by_one][:20]}


def judges_of(simulation: Simulation) -> dict[str, "Judge"]:
    """By token, who judged its requests."""
    issues = simulation.issuing.issues if simulation.issuing is not None else ()
    return {issue.spec.token: issue.parties.judge for issue in issues}


def _unplaced(simulation: Simulation, exchanges: Sequence[Exchange], state: State) -> list[str]:
    """Fills that waited, in a healed world, for longer than it takes to ask after them again."""
    now, waiting = simulation.world.now, []
    for exchange, site in zip(exchanges, simulation.sites, strict=True):
        patience = site.spec.backfill_period_ms * MS + ANSWER_NS
        if now - simulation.healed_at > patience:
            waiting += fills_unplaced([exchange], state, (now - patience) // MS)
    return waiting


def unjournaled(simulation: Simulation, store: MemoryStore) -> int:
    """Orders that reached the wire and that the journal does not know: must be none.

    What it knew and lost, by a cut of its tail, was journaled.
    """
    placed = [decode_effect(r.body) for r in store.committed if r.name == "PlaceOrder"]
    known = {each.client_order_id: None for each in placed if isinstance(each, PlaceOrder)}
    known |= simulation.host.placed_lost
    return sum(1 for name in simulation.host.placed if name not in known)


def wished_by(store: MemoryStore) -> dict[str, str]:
    """Which strategy asked for each order, by its client order id: as the wishes themselves say."""
    wishes: dict[int, str] = {}
    asked: dict[str, str] = {}
    for record in store.committed:
        if record.name == "OrderRequested":
            wish = decode_event(record.body)
            assert isinstance(wish, OrderRequested)
            wishes[record.number] = wish.strategy
        elif record.name == "PlaceOrder":
            order = decode_effect(record.body)
            assert isinstance(order, PlaceOrder)
            asked[order.client_order_id] = wishes.get(record.cause, "nobody")
    return asked | dict.fromkeys(exits(store), KILL)


def unwished(store: MemoryStore) -> int:
    """Orders that no strategy asked for, or of which one wish made more than one.

    A kill's exits are asked for by whoever pulled it.
    """
    of_kills = exits(store)
    placed = [record for record in store.committed if record.name == "PlaceOrder"]
    causes = [
        record.cause
        for record in placed
        if not of_kills or decode_effect(record.body).client_order_id not in of_kills  # type: ignore[union-attr]  # a PlaceOrder
    ]
    wishes = {r.number: None for r in store.committed if r.name == "OrderRequested"}
    return sum(cause not in wishes for cause in causes) + len(causes) - len(dict.fromkeys(causes))


def untold(store: MemoryStore, orders: Mapping[str, Order]) -> int:
    """Orders whose strategy was not told, in sum, what they filled; one that was found has none."""
    moved: dict[str, int] = {}
    for record in store.committed:
        if record.name == "TellStrategy":
            told = decode_effect(record.body)
            assert isinstance(told, TellStrategy)
            moved[told.client_order_id] = moved.get(told.client_order_id, 0) + told.moved
    return sum(
        moved.get(name, 0) != order.filled
        for name, order in orders.items()
        if order.strategy != UNATTRIBUTED
    )


def drift_figures(simulation: Simulation, state: State) -> dict[str, Any]:
    """How much was hidden from us, and how soon we knew."""
    oracle = simulation.oracle
    found = [drift for drift in oracle.drifted.values() if drift.found_ns >= 0]
    seconds = sorted(drift.found_ns / SECOND for drift in found)
    cadence = {v.account: v.statement_period_ms * 1_000_000 for v in simulation.scenario.venues}
    if simulation.rails is not None:
        cadence |= simulation.rails.cadence
    periods = sorted(drift.found_ns / cadence[drift.fact.account] for drift in found)
    return {
        "injected": len(oracle.drifted),
        "found": len(seconds),
        "missed": len(oracle.missed()),
        "false_alarms": len(simulation.oracle.false_alarms),
        "seconds_to_find": {
            "p50": quantile(seconds, 50),
            "p99": quantile(seconds, 99),
            "max": seconds[-1] if seconds else 0.0,
        },
        "periods_to_find": {"p50": quantile(periods, 50), "p99": quantile(periods, 99)},
        "breaks_opened": state.breaks_made,
        "closed_by_cause": dict(sorted(state.causes.items())),
    }


def quantile(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank quantile of a sorted sequence; 0 of an empty one."""
    if not ordered:
        return 0.0
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def judge(spec: ClaimSpec, summary: Mapping[str, Any]) -> Claim:
    """Hold a claim against the summary; a figure that is not there does not hold."""
    figure: Any = summary
    # Every other figure is there, or the claim does not hold.
    absent = 0 if spec.figure.startswith(NEVER_COUNTED) else None
    for part in spec.figure.split("."):
        figure = figure.get(part, absent) if isinstance(figure, Mapping) else None
    bounds = []
    held = isinstance(figure, (int, float))
    number = Decimal(str(figure)) if held else Decimal(0)
    for sign, bound, holds in (
        ("=", spec.equals, spec.equals is None or number == spec.equals),
        ("<=", spec.at_most, spec.at_most is None or number <= spec.at_most),
        (">=", spec.at_least, spec.at_least is None or number >= spec.at_least),
    ):
        if bound is not None:
            bounds.append(f"{sign} {bound}")
            held = held and holds
    return Claim(spec.claim, held, f"{spec.figure} = {figure}", " and ".join(bounds))


def _must_strike(spec: ClaimSpec) -> bool:
    """Whether it says that a fault strikes, so often."""
    return spec.figure.startswith("faults.") and bool(spec.equals)


def _found(drift: Drifted) -> Found:
    fact = drift.fact
    return Found(
        account=fact.account,
        kind=fact.kind,
        cause=fact.cause,
        born_at=fact.at,
        found_at=drift.found_at,
        seconds=drift.found_ns / SECOND,
        how=drift.how,
        holdings=fact.deltas,
    )
