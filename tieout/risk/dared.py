"""What a run truly dared: the oracle of risk among the simulated venues, and its figures.

It is shown each order as our gate lets it pass, and the venues as they are; of our books only which
facts they lack.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from core.money import QUANTITY_DECIMALS
from core.orders import TERMINAL
from core.risk_events import LimitsLoaded
from core.state import Order, State
from core.strategies import KILL
from risk.limit_controls import CONTROLS
from risk.measures import Measures
from risk.restored import desk_of
from risk.weights import REPORTING_DECIMALS
from scenarios.bounds import LimitsSpec
from scenarios.model import Scenario
from sim.oracle import Oracle
from sim.risk_oracle import Contract, RiskOracle, Sent, Traded
from sim.truth import Truth
from tieout.claims.lent import Lent
from tieout.claims.opened import Opened
from tieout.claims.stated import Stated
from tieout.world.twins import TWINS
from venues.exchange import Exchange, contracts_now

if TYPE_CHECKING:
    from tieout.gates.simulated import SimulatedGates
    from tieout.risk.cold import ColdEngine

MS = 1_000_000
SECOND = 1_000_000_000
MILLION = 10**6
ZERO, ONE = Decimal(0), Decimal(1)
QUANTITIES = ("contracts", "base")


@dataclass(slots=True, frozen=True)
class Seen:
    """A simulated venue as the oracle of risk sees it."""

    exchange: Exchange

    def leaves(self, client_id: str) -> Decimal | None:
        ticket = self.exchange.by_client.get(client_id)
        if ticket is None:
            return None
        return ticket.quantity - ticket.filled if ticket.alive else ZERO

    def traded(self) -> Iterable[Traded]:
        for symbol, trades in self.exchange.trades.items():
            terms = self.exchange.terms[symbol]
            for trade in trades:
                if trade.ticket.client_id:
                    quantity = ZERO if trade.busted else contracts_now(terms, trade)
                    key = self.exchange.fill_key(trade)
                    yield Traded(trade.ticket.client_id, quantity, key, trade.after_end)

    def position(self, symbol: str, leg: str) -> Decimal:
        held = self.exchange.positions.get((symbol, leg))
        return held.quantity if held is not None else ZERO

    def legs(self, symbol: str) -> tuple[str, ...]:
        if self.exchange.terms[symbol].model == "spot":
            return ("net",)
        return tuple(leg for name, leg in self.exchange.positions if name == symbol)

    def price(self, symbol: str) -> Decimal | None:
        book = self.exchange.books[symbol]
        if book.best_bid is None and book.best_ask is None:
            return None
        return (book.last or 1) * self.exchange.terms[symbol].tick

    def size(self, symbol: str) -> Decimal:
        terms = self.exchange.terms[symbol]
        return ONE if terms.model == "spot" else terms.multiplier


class Dared:
    """The oracle of risk over one run, told what our node decides."""

    def __init__(
        self,
        scenario: Scenario,
        limits: LimitsSpec,
        loaded: LimitsLoaded,
        exchanges: Mapping[str, Exchange],
        truth: Truth,
        oracle: Oracle,
    ) -> None:
        self._limits = limits
        self._seen_made = (0, 0)
        self._unsent: dict[str, None] = {}
        self._newest = ""
        ages = [each.amount for each in loaded.bounds if each.control == "REFERENCE_AGE"]
        self.reference_age_ns_max = max(ages, default=0) * MS
        self.oracle = RiskOracle(
            truth,
            {account: Seen(exchange) for account, exchange in exchanges.items()},
            _contracts(scenario, limits),
            _limits_of(loaded),
            (max(ages, default=0) + 1000) * MS,
            loaded.hold_ns,
            oracle.unbooked,
        )
        self._loaded = {loaded.content_hash: loaded}
        self._hash = loaded.content_hash
        self.opened, self.stated = Opened(self._loaded), Stated(self._loaded)
        self.loads = 1
        self._exchanges = exchanges
        self._rates = {(each.account, each.symbol): each for each in _contracts(scenario, limits)}
        flows = [each.window_ns for each in loaded.bounds if each.control == "FIRM_TURNOVER"]
        self._window_ns = max(flows, default=0)
        self.decided = 0
        self.word_age_ns_max = 0
        self._word_of = 0
        self.engine: ColdEngine | None = None
        self.gates: SimulatedGates | None = None
        self._heard: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self.backwards: list[str] = []
        self.behind: dict[str, int] = {}
        self.lent = Lent()

    def reviewed(self, limits: LimitsLoaded) -> None:
        """These are told to the node, and hold once it took them."""
        self._loaded[limits.content_hash] = limits

    def look(self, state: State) -> None:
        """A step was taken: limits, orders that it let pass, and whatever else changed."""
        if state.risk.content_hash != self._hash and state.risk.content_hash:
            self._hash = state.risk.content_hash
            self.loads += 1
            self.oracle.limit(_limits_of(self._loaded[self._hash]))
        self.opened.look(state)
        made = (state.epoch, state.orders_made)
        if made != self._seen_made:
            self._seen_made = made
            order = next(reversed(state.orders.values())) if state.orders else None
            if order is not None and self._is_new(order, state.now):
                if order.status == "in_flight" and order.strategy != KILL:
                    self._decide(state, order)
        self._look_at_words(state)
        if self.gates is not None:
            self._look_at_lines(state)
            self.lent.look(state)
        self.oracle.look()
        if self.oracle.unheard:
            self.oracle.heard_end([each for each in self.oracle.unheard if _is_over(state, each)])

    def _look_at_words(self, state: State) -> None:
        """What came late, twice or of before is never what holds: in one life of the node and of
        the gate the word of the engine and the grant that it goes by only follow one another."""
        cold = state.risk.cold
        if cold is not UNSET:
            self._follows("engine", (state.epoch,), (cold.epoch, cold.sequence))
        for holder in self.gates.holders() if self.gates is not None else ():
            self._follows(holder.gate, (holder.boot, holder.epoch), (holder.sequence,))

    def _follows(self, who: str, life: tuple[int, ...], place: tuple[int, ...]) -> None:
        before = self._heard.get(who)
        if before == (life, place):
            return
        if before is not None and before[0] == life and place < before[1]:
            self.backwards.append(who)
        self._heard[who] = life, place

    def _look_at_lines(self, state: State) -> None:
        """What gates trade is in the line of its place as soon as it is booked, whatever the engine
        counted before: lines that count less than the books hold, and since when.

        A fill that does not say whose it is is reserved for until its order is known to be filled.
        """
        for account, symbol in self._rates:
            held = state.holdings.get(f"{account}/{symbol}/net", 0)
            for side, amount in (("long", held), ("short", -held)):
                name = f"account_position/{account}/{symbol}/{side}"
                line = state.risk.lines.get(name)
                if line is None or line.limit is None:
                    continue
                if line.exposure + line.reserved < amount:
                    self.behind.setdefault(name, state.now)

    def _is_new(self, order: Order, now: int) -> bool:
        """Not one of before that is still the last, as another was refused in the same instant."""
        new = order.requested_at == now and order.client_order_id != self._newest
        self._newest = order.client_order_id
        return new

    def spoke(self, state: State) -> None:
        """A word of the engine reached the node: a new one, if it answers what was asked later."""
        assert self.engine is not None
        asked = max((at for _, at in self.engine.words), default=0)
        if asked > self._word_of:
            self._word_of = asked
            accounts = state.accounts.values()
            self.oracle.spoke(name for account in accounts for name in account.working)

    def _decide(self, state: State, order: Order) -> None:
        account = state.accounts[order.account]
        grace = account.request_validity_ns + account.clock_error_ns + account.latency_ns_max
        self._unsent[order.client_order_id] = None
        self.decided += 1
        if self.engine is not None:
            self.opened.passed(state, self.engine.said)
        age = self._age(state.now) if order.gate_epoch == 0 else 0
        self.word_age_ns_max = max(self.word_age_ns_max, age)
        sent = Sent(
            order.strategy,
            order.account,
            order.instrument,
            order.leg,
            order.side,
            Decimal(order.quantity).scaleb(-QUANTITY_DECIMALS),
            order.requested_at + grace,
            order.reduce_only,
        )
        old = age >= self._limits.heartbeat_ms * MS
        self.oracle.decided(order.client_order_id, sent, old=old)

    def _age(self, now: int) -> int:
        """Since when, by the truth, the newest of the engine's words was asked for."""
        words = self.engine.words if self.engine is not None else []
        return now - max((at for _, at in words), default=0)

    def _overdue_ns(self) -> int:
        """For how long after the end of a word's lease orders still passed."""
        if self.engine is None:
            return 0
        return max(0, self.word_age_ns_max - self._limits.ttl_ms * MS)

    def sent(self, client_order_id: str) -> None:
        """It left the node."""
        self._unsent.pop(client_order_id, None)

    def died(self) -> None:
        """The node died, and with it what had not left."""
        self.oracle.unsent(self._unsent)
        self._unsent.clear()

    def _traded(self) -> list[tuple[int, Decimal]]:
        """When, by the venue's word, our orders traded how much, in the reporting asset."""
        found = []
        for account, exchange in self._exchanges.items():
            for symbol, trades in exchange.trades.items():
                contract = self._rates[account, symbol]
                for each in (trade for trade in trades if trade.ticket.client_id):
                    size = Decimal(1) if contract.kind == "spot" else each.multiplier
                    price = Decimal(1) if contract.kind == "inverse" else each.price
                    found.append((each.at * MS, each.quantity * size * price * contract.rate))
        return sorted(found)

    def figures(self, state: State) -> dict[str, Any]:
        """What the summary says of risk."""
        engine, oracle = self.engine, self.oracle
        peaks = {control.lower(): float(share) for control, share in oracle.peaks.items()}
        return {
            "orders": self.decided,
            "orders_or_over": self.decided + len(oracle.still_over),
            "passive_seconds": oracle.passive_ns / SECOND,
            "still_over": len(oracle.still_over),
            "peak": dict(sorted(peaks.items())),
            "word_age_seconds_max": self.word_age_ns_max / SECOND,
            "word_overdue_seconds": self._overdue_ns() / SECOND,
            "words_backwards": len(self.backwards),
            "lines_behind": len(self.behind),
            "lent_beyond": len(self.lent.beyond),
            "opened_wrongly": len(self.opened.wrong),
            "stated_wrongly": len(self.stated.wrong),
            "reserved_when_over": len(_reserved_when_over(state)),
            "spent_when_old": float(oracle.spent_when_old),
            "reductions": oracle.reductions,
            "loads": self.loads,
            "flips": len(oracle.flips),
            "cycles": engine.cycles if engine is not None else 0,
            "engine_lives": engine.epoch if engine is not None else 0,
            "engine_halted": int(bool(engine.halted)) if engine is not None else 0,
            **_measured(engine.measures if engine is not None else []),
            "turnover_max": float(_turnover_max(self._traded(), self._window_ns)),
            "gate_orders": self.gates.orders if self.gates is not None else 0,
            "gate_refusals": self.gates.refusals if self.gates is not None else 0,
            "gate_crashes": self.gates.crashes if self.gates is not None else 0,
            "breaches": [
                {"line": b.line, "at": b.at, "exposure": str(b.exposure), "limit": str(b.limit)}
                for b in oracle.breaches[:20]
            ],
        }


def _is_over(state: State, client_order_id: str) -> bool:
    order = state.orders.get(client_order_id)
    return order is None or order.status in TERMINAL


def _reserved_when_over(state: State) -> dict[str, None]:
    """Orders that are over, and that lines or the desk still reserve something for."""
    desk = desk_of(state.risk)
    kept = desk.kept if desk is not None else {}
    names = [name for name, order in state.orders.items() if order.reserved or name in kept]
    over = [name for name in names if state.orders[name].status in TERMINAL]
    return dict.fromkeys([*over, *(name for name in kept if name not in state.orders)])


def _measured(measures: list[Measures]) -> dict[str, float]:
    """The worst of what the engine's cycles reported, in the reporting asset; shares of one."""
    unit = 10**REPORTING_DECIMALS
    firm = [each.tails["firm"] for each in measures if "firm" in each.tails]
    margins = [margin for each in measures for margin in each.margins.values()]
    return {
        "reports": len(measures),
        "var_max": max((each.var for each in firm), default=0) / unit,
        "shortfall_max": max((each.shortfall for each in firm), default=0) / unit,
        "stress_max": max((each.stress for each in measures), default=0) / unit,
        "margin_max": max((each.maintenance for each in margins), default=0) / unit,
        "liquidation_min": min((each.liquidation_ppm for each in margins), default=MILLION)
        / MILLION,
    }


def _turnover_max(traded: list[tuple[int, Decimal]], window_ns: int) -> Decimal:
    """The most that was traded in any window of that length; 0 where limits know no such window."""
    if not window_ns:
        return ZERO
    most = total = ZERO
    first = 0
    for at, value in traded:
        total += value
        while traded[first][0] <= at - window_ns:
            total -= traded[first][1]
            first += 1
        most = max(most, total)
    return most


def _contracts(scenario: Scenario, limits: LimitsSpec) -> list[Contract]:
    return [
        Contract(
            venue.account,
            each.symbol,
            each.base,
            TWINS[venue.dialect].model,
            limits.rates.get(each.quote, ZERO),
        )
        for venue in scenario.venues
        for each in venue.instruments
    ]


def _limits_of(limits: LimitsLoaded) -> dict[tuple[str, str], Decimal]:
    return {(b.control, b.place): _amount(b.control, b.amount) for b in limits.bounds}


def _amount(control: str, units: int) -> Decimal:
    """A limit in coins, contracts or the reporting asset."""
    is_quantity = CONTROLS[control].units == QUANTITIES
    return Decimal(units).scaleb(-(QUANTITY_DECIMALS if is_quantity else REPORTING_DECIMALS))
