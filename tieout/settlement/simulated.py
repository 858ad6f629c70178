"""Settlement's part of the simulated driver: keepers of money, customers, operators, signers.

It wires and decides nothing, as `tieout.simulation` does for venues. Whoever answers here is a
counterparty: what it says enters by the node's one door.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from msgspec.structs import replace

from core import exposure, ledger
from core.effects import Effect
from core.events import AccountOpened, Event
from core.frames import Frame
from core.rail_effects import ScreenTransfer, SignTransaction, TellCustomer
from core.rail_events import (
    AddressAssigned,
    BalanceOpened,
    CustomerOpened,
    ExchangeCovered,
    ExchangeQuoted,
    ItemResolved,
    LimitSet,
    RecallRequested,
    SchemePublished,
    SuspenseResolved,
    TransferCancelled,
    TransferReleased,
    TransferRequested,
    TransferScreened,
)
from core.settlement_state import ClosedItem
from core.state import State
from rails import calendars, schemes
from rails.dialect import Request
from scenarios.customers import BENEFICIARIES, NOWHERE, Customers
from scenarios.model import OperatorSpec
from scenarios.rails import RailSpec, Settling
from sim import operators
from sim.customer_oracle import Bound, Credit, CustomerOracle
from sim.desk import Desk
from sim.dice import Dice
from sim.faults import Faults
from sim.lines_oracle import LinesOracle
from sim.operators import Decision, OpenItem
from sim.payments import Payments
from sim.reversal_oracle import ReversalOracle
from sim.settlement_oracle import SettlementOracle
from sim.subscription_oracle import SubscriptionOracle
from sim.suspense_oracle import SuspenseOracle
from sim.truth import Truth
from sim.undo_oracle import UndoOracle
from sim.wire import Latency, Wire
from sim.world import World
from tieout.claims.holds import Holds
from tieout.node.connector import Connector
from tieout.settlement.twins import DECIMALS, KEEPERS, Keeper, Made, Places
from tieout.settlement.view import PaymentView

SECOND = 1_000_000_000
MS = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
# Thirteen months beyond the longest run: the longest span of return.
CALENDAR_DAYS = 540
BOUND_PERIODS = 3
SIGNING_MS = (5, 40)
FAULTS_MAX = 20
FROM_LINES = ("nostro/", "suspense/")


class Host(Protocol):
    """What settlement needs of where the node lives."""

    def tell(self, told: Frame | Event) -> None: ...


@dataclass(slots=True, eq=False)
class RailSite:
    """One keeper with everything around it."""

    spec: RailSpec
    made: Made
    wire: Wire

    @property
    def keeper(self) -> Keeper:
        return self.made.keeper


@dataclass(slots=True, eq=False)
class Rails:
    """All that is around a node that settles."""

    spec: Settling
    world: World
    dice: Dice
    faults: Faults
    truth: Truth
    epoch_ns: int
    until: int
    executing: tuple[str, ...] = ()
    payments: Payments = field(default_factory=Payments)
    sites: list[RailSite] = field(default_factory=list)
    schemes: dict[str, SchemePublished] = field(default_factory=dict)
    told: list[TellCustomer] = field(default_factory=list)
    oracle: SettlementOracle = field(init=False)
    judge: CustomerOracle = field(init=False)
    reversals: ReversalOracle = field(init=False)
    lines: LinesOracle = field(init=False)
    undoing: UndoOracle = field(init=False)
    customers: Customers = field(init=False)
    desk: Desk = field(init=False)
    resolved: int = 0
    suspense: SuspenseOracle = field(init=False)
    ledger_faults: list[str] = field(default_factory=list)
    closed: list[ClosedItem] = field(default_factory=list)
    excesses: dict[str, int] = field(default_factory=dict)
    exposed_max: dict[str, int] = field(default_factory=dict)
    asked_back: dict[str, int] = field(default_factory=dict)
    issued: dict[str, SubscriptionOracle] = field(default_factory=dict)
    holds: Holds = field(default_factory=Holds)
    _connectors: dict[str, Connector[Request]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.oracle = SettlementOracle(self.payments)
        self.suspense = SuspenseOracle(self.payments)
        self.lines = LinesOracle(self.payments, self.suspense)
        self.schemes = self._schemes()
        self.desk = Desk(self.dice.stream("desk"), self.spec.desk.swing_bps)
        self.judge = CustomerOracle(
            self.payments,
            self._limits(),
            self._customers_opening(),
            self.desk,
            {(s.account, s.asset): s.scheme for s in self.schemes.values() if s.pushed},
            self._is_issued,
        )
        self.reversals = ReversalOracle(self.payments, self.judge)
        self.undoing = UndoOracle(self.judge)
        customers = Customers(
            self.spec.customers, self.schemes, DECIMALS, self.dice.stream("customers"), self.desk
        )
        self.customers = customers
        places = Places(
            self.world,
            self.dice,
            self.faults,
            self.truth,
            self.payments,
            self.until,
            self.executing,
        )
        for spec in self.spec.rails:
            calm = Latency(
                spec.latency_ms * MS,
                spec.latency_ms_p99 * MS,
                timeout=20 * SECOND,
                heartbeat=int(spec.silence_s * SECOND) // 3,
            )
            period = int(spec.statement_period_s * SECOND)
            wire = Wire(
                spec.name,
                spec.account,
                self.world,
                self.dice,
                self.faults,
                self.truth,
                calm,
                statement_period=period,
            )
            made = KEEPERS[spec.keeper](spec, wire, places, self._opening(spec), customers.names)
            self.sites.append(RailSite(spec, made, wire))

    def _is_issued(self, token: str, payment_id: str) -> bool:
        """Whether the token's chain did for good what a leg asked for."""
        return self.issued[token].is_final(payment_id, self.world.now)

    def _schemes(self) -> dict[str, SchemePublished]:
        table = schemes.published()
        told = {
            name: table[name].event(name, self.epoch_ns, rail.account)
            for rail in self.spec.rails
            for name in rail.schemes
        }
        # Customers may ask for one whose calendar nobody publishes: nothing is sent on a guess.
        nowhere = [
            replace(one, scheme=one.scheme + NOWHERE, calendar=NOWHERE) for one in told.values()
        ]
        return told | {one.scheme: one for one in nowhere if one.windows}

    def _limits(self) -> list[Bound]:
        return [
            Bound(each.scope, each.subject, each.asset, units(each.amount, each.asset), each.limit)
            for each in self.spec.limits
            if each.scope != "mint"
        ]

    def _customers_opening(self) -> dict[tuple[str, str], int]:
        spec = self.spec.customers
        return {
            (f"c{number}", asset): units(amount, asset)
            for number in range(1, spec.count + 1)
            for asset, amount in spec.balances.items()
        }

    def _opening(self, spec: RailSpec) -> dict[str, Decimal]:
        """What lies with this keeper at first: ours, and the customers' whose asset it keeps."""
        opening = dict(spec.balances)
        for asset, amount in self.spec.customers.balances.items():
            if self._home(asset) == spec.account:
                theirs = amount * self.spec.customers.count
                opening[asset] = opening.get(asset, Decimal(0)) + theirs
        return opening

    def _home(self, asset: str) -> str:
        """Where customers' money of an asset lies: with the first keeper that has some of it."""
        for rail in self.spec.rails:
            if asset in rail.balances:
                return rail.account
        raise ValueError(f"customers: no rail's balances name {asset}; one of them would do")

    @property
    def bounds(self) -> dict[str, int]:
        """How old an unnamed difference may be, per account."""
        return {
            site.spec.account: BOUND_PERIODS * int(site.spec.statement_period_s * SECOND)
            + site.wire.latency.p999
            + site.made.blind_ns
            for site in self.sites
        }

    @property
    def cadence(self) -> dict[str, int]:
        """Each account's statement period."""
        return {
            site.spec.account: int(site.spec.statement_period_s * SECOND) for site in self.sites
        }

    @property
    def decimals(self) -> dict[str, int]:
        """In how many decimals each asset is counted that lies here or that customers hold."""
        balances = [rail.balances for rail in self.spec.rails]
        held = [*balances, self.spec.customers.balances]
        return {asset: DECIMALS[asset] for asset in DECIMALS if any(asset in each for each in held)}

    def observe(self, state: State) -> None:
        """A step was taken: payments against the world's, the ledger, and the limits."""
        self.oracle.observe(self.world.now)
        self.holds.look(state)
        self.judge.observe(self.world.now)
        if self.reversals.is_due():
            self.look_at_losses()
        fresh = state.settlement.closed_made - len(self.closed)
        self.closed += state.settlement.closed[-fresh:] if fresh > 0 else []
        if not state.booked:
            return
        self._note_credits(state)
        self._note_lines(state)
        if len(self.ledger_faults) < FAULTS_MAX:
            self.ledger_faults += ledger.faults(state)
        for key, amount in state.settlement.exposure.items():
            self.exposed_max[key] = max(amount, self.exposed_max.get(key, 0))
        for key in exposure.breaches(state):
            self.excesses[key] = self.excesses.get(key, 0) + 1

    def look_at_losses(self) -> None:
        """What was taken back of what customers had, beneath the limits."""
        self.credit_decided()
        self.reversals.look()

    def _note_credits(self, state: State) -> None:
        """What customers got from a line directly: lines are the other oracle's to judge."""
        for entry in state.booked:
            # What people decide is known from them: a crash may undo it before the books took it.
            if entry.purpose in ("opening", "resolution"):
                continue
            names = [name for name, _ in entry.lines]
            place = next((name.split("/") for name in names if name.startswith(FROM_LINES)), [])
            line = entry.subject.rpartition(" ")[2]
            if not any(name.startswith(FROM_LINES) for name in names):
                continue
            for name, amount in entry.lines:
                if name.startswith("customer/"):
                    _, customer, asset = name.split("/")
                    key = f"{entry.purpose} {entry.subject}"
                    credit = Credit(f"{'/'.join(place[1:-1])} {line}", -amount, state.now)
                    self.judge.on_credited(customer, asset, key, credit)

    def _note_lines(self, state: State) -> None:
        """What the books took in of lines."""
        for entry in state.booked:
            names = [name for name, _ in entry.lines]
            for nostro in [name for name in names if name.startswith("nostro/")]:
                account, _, _ = nostro.removeprefix("nostro/").rpartition("/")
                others = [name for name in names if name != nostro]
                self.lines.on_booked(account, entry.subject, others)

    # --- what stands is told ---------------------------------------------------------------------

    def open(self, tell: Callable[[Event], None]) -> None:
        """What a deployment tells its books before it begins."""
        now = self.world.now
        today = datetime.fromtimestamp(now // SECOND, UTC).date()
        first, last = today - timedelta(days=30), today + timedelta(days=CALENDAR_DAYS)
        for name in calendars.SOURCES:
            tell(calendars.published(name, first, last, now))
        for site in self.sites:
            tell(self._account(site))
        for scheme in self.schemes.values():
            tell(scheme)
        for limit in self.spec.limits:
            tell(
                LimitSet(
                    received_at=now,
                    limit=limit.limit,
                    scope=limit.scope,
                    subject=limit.subject,
                    asset=limit.asset,
                    amount=units(limit.amount, limit.asset),
                )
            )
        for customer in self.customers.names:
            tell(CustomerOpened(received_at=now, customer=customer))
        self._open_balances(tell)
        for site in self.sites:
            for address, customer in site.made.addresses.items():
                tell(
                    AddressAssigned(
                        received_at=now,
                        account=site.spec.account,
                        address=address,
                        customer=customer,
                    )
                )

    def _account(self, site: RailSite) -> AccountOpened:
        spec = site.spec
        return AccountOpened(
            received_at=self.world.now,
            account=spec.account,
            tells="lines",
            statements=("balances",),
            statement_period_ns=int(spec.statement_period_s * SECOND),
            backfill_period_ns=int(spec.backfill_period_s * SECOND),
            settle_ns=int(spec.settle_s * SECOND),
            silence_ns_max=int(spec.silence_s * SECOND),
            clock_error_ns=2 * MS,
            ledger=True,
            chain=site.made.chain,
            sources=site.made.sources,
        )

    def _open_balances(self, tell: Callable[[Event], None]) -> None:
        for site in self.sites:
            for asset, amount in site.spec.balances.items():
                tell(self._balance(site.spec.account, asset, amount, ""))
        for asset, amount in self.spec.customers.balances.items():
            for customer in self.customers.names:
                tell(self._balance(self._home(asset), asset, amount, customer))

    def _balance(self, account: str, asset: str, amount: Decimal, customer: str) -> BalanceOpened:
        return BalanceOpened(
            received_at=self.world.now,
            account=account,
            asset=asset,
            amount=units(amount, asset),
            customer=customer,
            occurred_at=self.world.now,
        )

    # --- a life of the node ----------------------------------------------------------------------

    def connect(self, door: Callable[[RailSite], Connector[Request]]) -> None:
        """The node was born: it gets connectors of its own."""
        self._connectors = {site.spec.account: door(site) for site in self.sites}
        self.undoing.born_at = self.world.now

    def drop(self) -> None:
        """The node died, and its connections with it."""
        for site in self.sites:
            site.wire.drop()

    def perform(self, effect: Effect, host: Host) -> bool:
        """Do what the effect asks, if it is for anyone here."""
        match effect:
            case SignTransaction():
                self._sign(effect, host)
            case ScreenTransfer():
                self._screen(effect, host)
            case TellCustomer():
                self.told.append(effect)
                self.judge.on_told(effect.transfer_id, effect.status, effect.reason, self.world.now)
                self.undoing.on_told(effect.transfer_id, effect.status, self.world.now)
                self._maybe_recall(effect, host)
                self._maybe_run(effect, host)
                if effect.status == "completed":
                    self.customers.on_completed(effect.transfer_id)
                if "DETAILS_CORRECTED" in effect.reason:
                    self.customers.on_corrected(effect.transfer_id, self.payments.corrected)
            case _:
                connector = self._connectors.get(getattr(effect, "account", ""))
                if connector is None:
                    return False
                connector.perform(effect)
        return True

    # --- those who answer ------------------------------------------------------------------------

    def begin(self, host: Host) -> None:
        """Customers begin to ask, outsiders to pay, operators to look."""
        spec = self.spec.customers
        if any(flow.at_s is None for flow in spec.flows):
            self._ask_later(host)
        for flow in spec.flows:
            if flow.at_s is not None:
                at = self.epoch_ns + int(flow.at_s * SECOND)
                self.world.call_at(at, self._ask_once, host, flow.flow)
        for site in self.sites:
            site.made.begin()
        if self.spec.desk.cover_s:
            self.world.call_in(int(self.spec.desk.cover_s * SECOND), self._cover, host)
        if self.spec.release.resolve_s:
            self.world.call_in(int(self.spec.release.resolve_s * SECOND), self._resolve, host)

    def _ask_later(self, host: Host) -> None:
        mean = int(self.spec.customers.every_s * SECOND)
        wait = 1 + self.dice.stream("customers/when").exponential(mean)
        if self.world.now + wait < self.until:
            self.world.call_in(wait, self._ask, host)

    def _ask(self, host: Host) -> None:
        self._say(host, self.customers.next(self.world.now))
        self._ask_later(host)

    def _say(self, host: Host, said: TransferRequested | TransferCancelled) -> None:
        """What a customer says, by the node's one door; who judges the run hears it too."""
        if isinstance(said, TransferRequested):
            spoilt = self.customers.wrong.get(said.transfer_id, "")
            self.judge.on_asked(said.transfer_id, said.customer, said.legs, spoilt, self.world.now)
            self._quote(said, host)
        else:
            self.judge.on_cancel_asked(said.transfer_id)
        host.tell(said)

    def _quote(self, said: TransferRequested, host: Host) -> None:
        """The desk says what it quoted, before anybody names it; again where that may be lost."""
        quoted = [self.desk.quotes.get(leg.quote) for leg in said.legs]
        for each in dict.fromkeys(q for q in quoted if q is not None and q.sells != q.buys):
            host.tell(
                ExchangeQuoted(
                    received_at=self.world.now,
                    quote_id=each.quote_id,
                    customer=each.customer,
                    sells=each.sells,
                    buys=each.buys,
                    sells_units=each.rate.denominator,
                    buys_units=each.rate.numerator,
                    amount_max=each.amount_max,
                    expires_at=each.expires_at,
                )
            )

    def _maybe_run(self, told: TellCustomer, host: Host) -> None:
        """Now and then a customer who hears that he owes us asks at once for all the rest."""
        books, one_in = self.oracle.books, self.spec.customers.runs_one_in
        if not one_in or told.status != "returned" or not isinstance(books, PaymentView):
            return
        if self.dice.stream("customers/runs").chance(1, one_in):
            self.world.call_in(1, self._run, told.customer, host)

    def _run(self, customer: str, host: Host) -> None:
        """Of each asset that is owed to us, as much as is shown and not held."""
        books = self.oracle.books
        if not isinstance(books, PaymentView):
            return
        for asset, shown in books.shown_to_debtor(customer).items():
            request = self.customers.all_of(customer, asset, shown, self.world.now)
            if request is not None:
                self._say(host, request)

    def _cover(self, host: Host) -> None:
        """The desk looks at what is open, and deals; what was not heard it tells once more."""
        self.world.call_in(int(self.spec.desk.cover_s * SECOND), self._cover, host)
        books = self.oracle.books
        if not isinstance(books, PaymentView):
            return
        settlement = books.state.settlement
        unheard = [c for name, c in self.desk.covers.items() if name not in settlement.covers]
        if not unheard:
            opened = [(p.base, p.against, p.of(p.base)) for p in settlement.positions.values()]
            dealt = [self.desk.cover(*each) for each in opened if each[2]]
            unheard = [cover for cover in dealt if cover is not None]
        for cover in unheard:
            cover.told_at = self.world.now
            host.tell(
                ExchangeCovered(
                    received_at=self.world.now,
                    cover_id=cover.cover_id,
                    sold=cover.sold,
                    sold_amount=cover.sold_amount,
                    bought=cover.bought,
                    bought_amount=cover.bought_amount,
                    occurred_at=self.world.now,
                )
            )

    def _ask_once(self, host: Host, flow: str) -> None:
        spec = next(each for each in self.spec.customers.flows if each.flow == flow)
        request = self.customers.request(spec, self.customers.names[0], self.world.now)
        self.customers.asked.append(request)
        self._say(host, request)

    def _sign(self, effect: SignTransaction, host: Host) -> None:
        """A signer of its own process: asked by the one life, it answers whichever lives."""
        site = next(site for site in self.sites if site.spec.account == effect.account)
        wait = self.dice.stream("signer").between(*SIGNING_MS) * MS

        def signed() -> None:
            host.tell(site.made.sign(effect, self.world.now))

        self.world.call_in(wait, signed)

    def _screen(self, effect: ScreenTransfer, host: Host) -> None:
        dice, spec = self.dice.stream("screening"), self.spec.release
        hit = bool(spec.hit_one_in) and dice.chance(1, spec.hit_one_in)
        self.world.call_in(
            1 + dice.exponential(int(spec.screen_s * SECOND)),
            lambda: self._say_screened(effect.transfer_id, host, clear=not hit),
        )
        if spec.self_one_in and dice.chance(1, spec.self_one_in):
            self.world.call_in(1, self._release, effect.transfer_id, effect.customer, host)
        wait = 1 + dice.exponential(int(spec.release_s * SECOND))
        self.world.call_in(wait, self._release, effect.transfer_id, "operator-2", host)

    def _say_screened(self, transfer_id: str, host: Host, *, clear: bool) -> None:
        now = self.world.now
        if transfer_id in self.judge.asked:
            self.judge.on_screened(transfer_id, now, clear=clear)
        host.tell(TransferScreened(received_at=now, transfer_id=transfer_id, clear=clear))

    def _release(self, transfer_id: str, by: str, host: Host) -> None:
        now = self.world.now
        if transfer_id in self.judge.asked:
            self.judge.on_released(transfer_id, by, now)
        host.tell(TransferReleased(received_at=now, transfer_id=transfer_id, approver=by))

    def _maybe_recall(self, effect: TellCustomer, host: Host) -> None:
        """Now and then an operator finds that a payment should not have been made."""
        books, one_in = self.oracle.books, self.spec.release.recall_one_in
        if not one_in or effect.status == "refused" or not isinstance(books, PaymentView):
            return
        if not self.dice.stream("recalls").chance(1, one_in):
            return
        settlement = books.state.settlement
        if effect.transfer_id not in settlement.transfers:
            return  # a deposit that was taken back
        for payment_id in settlement.transfers[effect.transfer_id].legs:
            scheme = settlement.schemes.get(settlement.legs[payment_id].scheme)
            if scheme is not None and scheme.recalls:
                self.world.call_in(1, self._recall, payment_id, scheme.recalls[0].codes[0], host)

    def _recall(self, payment_id: str, code: str, host: Host) -> None:
        self.asked_back.setdefault(payment_id, self.world.now)
        host.tell(
            RecallRequested(
                received_at=self.world.now,
                payment_id=payment_id,
                code=code,
                author="operator-1",
                approver="operator-2",
            )
        )

    def _resolve(self, host: Host) -> None:
        """Operators find out whose a line in suspense is: here, the first customer's.

        While a payment of ours there still waits for a credit, the line may be that one's.
        """
        every = int(self.spec.release.resolve_s * SECOND)
        books = self.oracle.books
        state = books.state if isinstance(books, PaymentView) else None
        for line in list(state.settlement.suspense.values()) if state is not None else ():
            if self.world.now - line.at < every or line.amount < 0:
                continue
            if state is not None and _awaits(state, line.account, line.amount):
                continue
            self.resolved += 1
            item = OpenItem(
                subject=f"{line.account} {line.line_id}",
                cause="unattributed",
                account=line.account,
                asset=line.asset,
                size=line.amount,
                opened_at=line.at,
            )
            decision = Decision(f"r{self.resolved}", item, "credit")
            self._decide(decision, ("operator-1", "operator-2"), "found the payer", host)
        self._telephone(state, every, host)
        self.world.call_in(every, self._resolve, host)

    def _telephone(self, state: State | None, every: int, host: Host) -> None:
        """What a bank denies having, and may have booked: it looks, and they believe that."""
        for item in list(state.settlement.items.values()) if state is not None else ():
            asked = item.cause == "denied" and self.world.now - item.opened_at >= every
            if state is None or not asked or item.subject in self.payments.all:
                continue
            self.resolved += 1
            self.judge.never_left.append(state.settlement.legs[item.subject].transfer_id)
            host.tell(
                ItemResolved(
                    received_at=self.world.now,
                    resolution_id=f"r{self.resolved}",
                    subject=item.subject,
                    cause="denied",
                    author="operator-1",
                    approver="operator-2",
                    reason="the bank looked for it",
                    evidence=f"call {self.resolved}",
                )
            )

    # --- operators at their desk -----------------------------------------------------------------

    def hire(self, spec: OperatorSpec, every_ns: int, host: Host) -> None:
        """Two people look at the open items of settlement from now on."""
        desk = operators.Desk(
            spec.author,
            int(spec.after_s * SECOND),
            self.dice.stream(f"desk/{spec.author}"),
            lambda name: self.payments.unnamed.get(name, ""),
        )
        self.world.call_in(every_ns, self._look, desk, spec, every_ns, host)

    def _look(self, desk: operators.Desk, spec: OperatorSpec, every_ns: int, host: Host) -> None:
        books = self.oracle.books
        if isinstance(books, PaymentView):
            items, broken = self._shown(books.state), _broken(books.state)
            for decision in desk.look(self.world.now, items, broken):
                self._decide(decision, (spec.author, spec.approver), spec.reason, host)
            self._telephone(books.state, int(spec.after_s * SECOND), host)
        self.world.call_in(every_ns, self._look, desk, spec, every_ns, host)

    def _shown(self, state: State) -> list[OpenItem]:
        """What people see of open items. What a payment may still wait for is left to it: a batch
        says later what is in it."""
        return [
            OpenItem(
                subject=item.subject,
                cause=item.cause,
                account=item.account,
                asset=item.asset,
                size=item.size,
                opened_at=item.opened_at,
                way_back=self._way_back(item.account, item.asset, item.number),
            )
            for item in state.settlement.items.values()
            if item.cause not in ("unattributed", "unknown_debit")
            or not _awaits(state, item.account, item.size)
        ]

    def _way_back(self, account: str, asset: str, number: int) -> tuple[str, str]:
        """A scheme that could carry something back, and an address that it takes."""
        ways = [
            each
            for each in self.schemes.values()
            if (each.account, each.asset, each.kind) == (account, asset, "out")
            and each.settled_by != "silence"
            and each.calendar != NOWHERE
        ]
        if not ways:
            return "", ""
        way = ways[number % len(ways)]
        return way.scheme, BENEFICIARIES[way.beneficiaries][0]

    def _decide(self, decision: Decision, people: tuple[str, str], reason: str, host: Host) -> None:
        """What two people agreed on, by the node's one door; who judges the run hears it too."""
        item, (author, approver) = decision.item, people
        if decision.way == "resolve":
            if decision.line_id:
                self.suspense.decided.append(decision)
            host.tell(
                ItemResolved(
                    received_at=self.world.now,
                    resolution_id=decision.resolution_id,
                    subject=item.subject,
                    cause=item.cause,  # type: ignore[arg-type]  # of those that a desk resolves
                    author=author,
                    approver=approver,
                    reason=reason,
                    evidence=f"letter {decision.resolution_id}",
                    payment_id=decision.payment_id,
                    line_id=decision.line_id,
                )
            )
            return
        if decision.way != "attribute":
            self.suspense.decided.append(decision)
        if decision.way == "credit":
            self.judge.on_credit_decided(
                self.customers.names[0], item.asset, self._credit(decision, self.world.now)
            )
        way_back = item.way_back if decision.way == "send_back" else ("", "")
        if way_back[0]:
            self.judge.on_sent_back(way_back[0], item.asset, item.size)
        host.tell(
            SuspenseResolved(
                received_at=self.world.now,
                resolution_id=decision.resolution_id,
                account=item.account,
                line_id=item.name,
                customer=self.customers.names[0] if decision.way == "credit" else "",
                author=author,
                approver=approver,
                reason=reason,
                scheme=way_back[0],
                beneficiary=way_back[1],
                payment_id=decision.payment_id,
            )
        )

    def credit_decided(self) -> None:
        """What people decided to credit, and the books took, is the customer's."""
        for each in self.suspense.taken():
            if each.way == "credit":
                customer, key = self.customers.names[0], f"decision {each.resolution_id}"
                self.judge.on_credited(customer, each.item.asset, key, self._credit(each, 0))

    def _credit(self, decision: Decision, at: int) -> Credit:
        item = decision.item
        return Credit(f"{item.account} {item.name}", item.size, at)


def _broken(state: State) -> list[str]:
    """The accounts whose balance does not agree with what their keeper states."""
    return [name.rsplit("/", 2)[0] for name in (*state.breaks, *state.suspects)]


def _awaits(state: State, account: str, amount: int) -> bool:
    """Whether a payment there still waits for a line on the side of this one."""
    legs = [state.settlement.legs[name] for name in state.settlement.open_legs]
    return any(leg.account == account and leg.outstanding * amount > 0 for leg in legs)


def units(amount: Decimal, asset: str) -> int:
    """Whole units of an asset; what it cannot count is refused with ValueError."""
    scaled = amount.scaleb(DECIMALS[asset])
    if scaled != int(scaled):
        raise ValueError(f"{amount} {asset} has more than {DECIMALS[asset]} decimals")
    return int(scaled)
