"""A simulated venue: an exchange, its words, and its end of the wire.

What happens at the exchange is told here, in order, with the facts that each frame would tell, so
that the oracle knows what a lost frame hid. The venue's own faults live here: lies of a statement,
trades by hand, busts. It never learns what became of what it sent.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol

from sim.dice import Stream
from sim.faults import Fault, Faults
from sim.truth import Fact, Truth
from sim.wire import Headers, Wire
from sim.world import World
from venues.exchange import (
    Exchange,
    Habits,
    Movement,
    Position,
    Print,
    Refusal,
    Terms,
    Ticket,
    Top,
    Trade,
    trade_value,
)
from venues.execution_report import Report, made, of_trade, undone

MS = 1_000_000
# A venue tells the top of a book at most once in so long, and tells it anew after so long without a
# change (Bybit's own rule and figure; the others leave it to the connection's heartbeat).
PUBLIC_NS = 100 * MS
REPEAT_NS = 3_000 * MS
# Among so many last facts are those that nobody was told of yet.
RECENT_FACTS = 500
# So long after a fill it is told in another content.
CONTRADICTED_NS = 1_000 * MS
Answer = tuple[int, bytes]
Limited = tuple[int, bytes, Headers]


@dataclass(slots=True)
class Asked:
    """A request as it came off the wire; `rights` are those of the key that it was signed with."""

    method: str
    path: str
    params: dict[str, Any]
    expires_at: int = 0
    rights: tuple[str, ...] = ("read", "trade")


class Words(Protocol):
    """A venue's own language. `statements` maps a path to the kind of statement it answers with."""

    @property
    def statements(self) -> dict[str, str]: ...
    @property
    def farewell(self) -> bytes: ...

    def order(self, exchange: Exchange, ticket: Ticket) -> list[bytes]: ...
    def trade(self, exchange: Exchange, trade: Trade) -> list[bytes]: ...
    def account(
        self, exchange: Exchange, assets: list[str], legs: list[tuple[str, str]], reason: str
    ) -> list[bytes]: ...
    def movement(self, exchange: Exchange, movement: Movement) -> list[bytes]: ...
    def top(self, exchange: Exchange, symbol: str, top: Top, update: int) -> bytes: ...
    def printed(self, exchange: Exchange, each: Print) -> bytes: ...
    def answer(self, exchange: Exchange, asked: Asked) -> Answer: ...
    def expired(self, exchange: Exchange, asked: Asked) -> Answer: ...
    def limited(self, exchange: Exchange, wait_ms: int) -> Limited: ...


@dataclass(slots=True)
class VenueClock:
    """The venue's own clock: the world's, off by a skew."""

    world: World
    skew_ns: int = 0

    def now_ms(self) -> int:
        return (self.world.now + self.skew_ns) // MS


@dataclass(slots=True, eq=False)
class ToldTop:
    """What was last told of the top of a book, when and as which update."""

    top: Top = (None, None)
    at: int = 0
    update: int = 400_000
    due: bool = False


@dataclass(slots=True, eq=False)
class SimulatedVenue:
    """One venue with our one account."""

    name: str
    account: str
    world: World
    wire: Wire
    faults: Faults
    truth: Truth
    words: Words
    dice: Stream
    habits: Habits
    skew_ns: int = 0
    public: Wire | None = None
    repeat_ns: int = REPEAT_NS
    exchange: Exchange = field(init=False)
    on_dropcopy: Callable[[bytes], None] = field(default=lambda body: None)
    drop_copied: list[tuple[Report, int]] = field(default_factory=list)
    honest: bool = True
    expired: int = 0
    _said: dict[str, deque[tuple[int, bytes]]] = field(default_factory=dict)
    _lies: dict[str, tuple[str, int]] = field(default_factory=dict)
    _tops: dict[str, ToldTop] = field(default_factory=dict)
    _silent: bool = False
    _quarter: int = 0

    def __post_init__(self) -> None:
        clock = VenueClock(self.world, self.skew_ns)
        self.exchange = Exchange(self.account, self.habits, self.truth, self, clock)
        self.wire.limit = lambda wait_ms: self.words.limited(self.exchange, wait_ms)
        if self.public is not None:
            self.exchange.on_book = self._book_moved
            self.public.greet = self._tell_every_top
            self.world.call_in(self.repeat_ns, self._tell_again)

    # --- what happened is told -------------------------------------------------------------------

    def on_order(self, ticket: Ticket) -> None:
        self._tell(self.words.order(self.exchange, ticket), ())

    def on_trade(self, trade: Trade, facts: tuple[Fact, ...]) -> None:
        self._tell(self.words.trade(self.exchange, trade), facts)
        if self.faults.strikes("contradiction", self.name):
            self.world.call_in(CONTRADICTED_NS, self._contradict, trade, facts)
        bust = self.faults.strikes("bust_overtakes", self.name)
        if bust is None and self._closed(trade):
            bust = self.faults.strikes("exit_undone", self.name)
        if bust is not None:  # once all that goes with the trade was told
            self.world.call_in(1, self._undo_at_once, trade, bust)

    def _contradict(self, trade: Trade, facts: tuple[Fact, ...]) -> None:
        """A fill that was heard, once more under its id, at another price; nothing happened."""
        if trade.busted or any(fact.told_at < 0 for fact in facts):
            return
        terms = self.exchange.terms[trade.ticket.symbol]
        price = trade.price + terms.tick
        value = trade_value(terms, trade.quantity, price)
        leg = f"{self.account}/{terms.symbol}/{trade.ticket.leg}"
        moved = leg if terms.model != "spot" else f"{self.account}/{terms.base}/cash"
        fact = self.truth.contradict(facts[0], moved)
        told = replace(trade, price=price, value=value)
        self._tell(self.words.trade(self.exchange, told), (fact,))

    def on_account(self, assets: list[str], legs: list[tuple[str, str]], reason: str) -> None:
        self._tell(self.words.account(self.exchange, assets, legs, reason), ())

    def on_movement(self, movement: Movement, facts: tuple[Fact, ...]) -> None:
        self._tell(self.words.movement(self.exchange, movement), facts)

    def on_bust(self, trade: Trade, bust_id: str, facts: tuple[Fact, ...]) -> None:
        """The stream says nothing of it: only the drop copy will, later."""
        self.truth.lost(facts)

    def on_terms(self, symbol: str, facts: tuple[Fact, ...]) -> None:
        tell = self.habits.tells_terms
        self._tell(tell(self.exchange, symbol) if tell is not None else [], facts)

    def _tell(self, bodies: list[bytes], facts: tuple[Fact, ...]) -> None:
        if self._silent:
            self.truth.lost(facts)
            return
        for number, body in enumerate(bodies):  # the first tells the facts
            self.wire.push(body, () if number else facts)
        if not bodies:
            self.truth.lost(facts)

    # --- market data -----------------------------------------------------------------------------

    def _book_moved(self, symbol: str) -> None:
        """What moves the book within `PUBLIC_NS` is told as one."""
        told = self._tops.get(symbol)
        if told is None:
            told = self._tops[symbol] = ToldTop()
        if not told.due:
            told.due = True
            self.world.call_in(max(0, told.at + PUBLIC_NS - self.world.now), self._tell_top, symbol)

    def _tell_top(self, symbol: str) -> None:
        told = self._tops[symbol]
        told.due = False
        top = self.exchange.top(symbol)
        if top != told.top:
            told.top, told.update = top, told.update + 1
            self._push_top(symbol, told)

    def _tell_again(self) -> None:
        for symbol, told in self._tops.items():
            if self.world.now - told.at >= self.repeat_ns:
                told.update += not self.habits.repeats_update
                self._push_top(symbol, told)
        self.world.call_in(self.repeat_ns // 3, self._tell_again)

    def _tell_every_top(self) -> None:
        """Somebody subscribed."""
        for symbol, told in self._tops.items():
            self._push_top(symbol, told)

    def _push_top(self, symbol: str, told: ToldTop) -> None:
        assert self.public is not None, "what is told goes over its wire"
        told.at = self.world.now
        top = told.top
        absurd = self.faults.strikes("public_absurd", self.name)
        if absurd is not None:
            top = _absurd(top, self.exchange.terms[symbol].tick, max(1, absurd.strength))
        self.public.push(self.words.top(self.exchange, symbol, top, told.update))

    def tell_trades(self) -> None:
        """Somebody wants to see every trade, from now on."""
        self.exchange.on_print = self.print

    def print(self, each: Print) -> None:
        """Everybody who listens is told of a trade."""
        assert self.public is not None, "what is told goes over its wire"
        self.public.push(self.words.printed(self.exchange, each))

    # --- what is asked is answered ---------------------------------------------------------------

    def handle(self, asked: Asked) -> Answer:
        """Do and answer, as asked; statements may lie (then `honest` is False).

        What comes too late by the venue's own clock is not done, whatever it asks for.
        """
        self.honest = True
        self.exchange.told_exactly.clear()
        kind = self.words.statements.get(asked.path, "")
        if kind:
            return self._statement(asked, kind)
        if 0 < asked.expires_at < self.world.now + self.skew_ns:
            self.expired += 1
            return self.words.expired(self.exchange, asked)
        places = asked.method == "POST" and not self._is_cancel(asked)
        if places and self.faults.strikes("fill_after_reject", self.name):
            return self._reject_and_fill(asked)
        answer = self.words.answer(self.exchange, asked)
        if answer[0] == 200 and self._is_cancel(asked):
            self._fill_after_cancel(asked)
        return answer

    def _is_cancel(self, asked: Asked) -> bool:
        return asked.method == "DELETE" or "cancel" in asked.path

    def _statement(self, asked: Asked, kind: str) -> Answer:
        said = self._said.setdefault(kind, deque(maxlen=64))
        stale = self.faults.strikes("stale_statement", self.name)
        if stale:
            until = self.world.now - stale.strength * MS
            old = [body for at, body in said if at <= until]
            if old:
                self.honest = False
                return 200, old[-1]
        lie = self._next_lie(kind)
        if lie:
            self.honest = False
            return self._lie(asked, empty=lie == "empty_statement")
        status, body = self.words.answer(self.exchange, asked)
        said.append((self.world.now, body))
        return status, body

    def _next_lie(self, kind: str) -> str:
        """The lie under way for as many reads as it is strong; after it one honest statement."""
        under_way = self._lies.pop(kind, None)
        lie, left = under_way if under_way is not None else self._drawn_lie()
        if not left:
            return ""
        self._lies[kind] = lie, left - 1
        return lie

    def _drawn_lie(self) -> tuple[str, int]:
        for lie in ("wild_statement", "empty_statement"):
            fault = self.faults.strikes(lie, self.name)
            if fault is not None:
                return lie, max(1, fault.strength)
        return "", 0

    def _lie(self, asked: Asked, *, empty: bool) -> Answer:
        """Answer from wallets and positions that are not the true ones."""
        exchange = self.exchange
        wallets, positions = exchange.wallets, exchange.positions
        try:
            # So absurd that it is never by chance what our books say.
            factor = Decimal(0) if empty else Decimal(1000)
            exchange.wallets = {} if empty else {a: w * factor + 1000 for a, w in wallets.items()}
            exchange.positions = {
                key: Position(p.quantity * factor, p.entry, p.updated_at, p.sequence, p.trade_id)
                for key, p in positions.items()
            }
            return self.words.answer(exchange, asked)
        finally:
            exchange.wallets, exchange.positions = wallets, positions

    def _reject_and_fill(self, asked: Asked) -> Answer:
        before = dict.fromkeys(self.exchange.tickets)
        status, _ = self.words.answer(self.exchange, asked)
        made = [t for key, t in self.exchange.tickets.items() if key not in before and t.alive]
        if status == 200 and made:
            self.exchange.fill_anyway(made[0], 1)
        return self.words.answer(self.exchange, Asked("POST", asked.path, {**asked.params, **BAD}))

    def _fill_after_cancel(self, asked: Asked) -> None:
        fault = self.faults.strikes("fill_after_cancel", self.name)
        if fault is None:
            return
        gone = [t for t in self.exchange.tickets.values() if t.status == "CANCELED"]
        if gone and gone[-1].filled < gone[-1].quantity:
            self.exchange.fill_anyway(gone[-1], max(1, fault.strength))

    # --- what goes wrong by itself ---------------------------------------------------------------

    def strike(self, fault: Fault) -> None:
        """One of the venue's own faults happens now; it counts only where it took effect."""
        if self._happens(fault):
            self.faults.count(fault.kind)

    def _happens(self, fault: Fault) -> bool:
        exchange = self.exchange
        symbol = self.dice.pick(list(exchange.terms))
        terms = exchange.terms[symbol]
        match fault.kind:
            case "hand_trade" | "hand_trade_untold":
                return self._by_hand(terms, fault)
            case "bust" | "correction":
                return self._bust(terms, fault)
            case "liquidation" | "adl":
                if terms.model == "spot":
                    return False
                legs = [leg for name, leg in exchange.positions if name == symbol]
                return exchange.force(
                    symbol, self.dice.pick(legs), max(1, fault.strength), fault.kind
                )
            case "funding":
                if terms.model == "spot":
                    return False
                self._quarter += 1
                rate = Decimal(1 + self._quarter % 5) / 10000 * (1 if self._quarter % 2 else -1)
                return exchange.pay_funding(symbol, rate)
            case "transfer":
                asset = self.dice.pick(list(exchange.wallets))
                exchange.transfer(asset, Decimal(max(1, fault.strength)) / 100)
                return True
            case "unlisted_credit":
                asset = self.dice.pick(list(exchange.wallets))
                exchange.credit_unlisted(asset, Decimal(max(1, fault.strength)) / 100)
                return True
            case "key_expired":
                self.wire.end_key(self.words.farewell)
                return True
            case "mode_change":
                return self._change_mode(fault)
            case "multiplier_change":
                self._announce(terms, fault)
                return False  # it counts when it comes
            case _:
                return False

    def _by_hand(self, terms: Terms, fault: Fault) -> bool:
        """Somebody logs in and trades; our books hear of it as of any fill, or not at all."""
        side = self.dice.pick(("buy", "sell"))
        quantity = max(1, fault.strength) * terms.lot
        price = self.exchange.last_price(terms)
        leg = "net"
        if terms.model != "spot" and self.habits.hedged:
            leg = "long" if side == "buy" else "short"
        self._silent = fault.kind == "hand_trade_untold"
        try:
            ticks = 50 if side == "buy" else -50
            limit = max(terms.tick, price + ticks * terms.tick)
            ticket = self.exchange.place("", terms.symbol, side, quantity, "ioc", limit, leg)  # type: ignore[arg-type]  # one of two
        except Refusal:
            return False
        finally:
            self._silent = False
        return ticket.filled > 0

    def _change_mode(self, fault: Fault) -> bool:
        """Somebody closes everything by hand, has net positions for a while, and goes back."""
        exchange = self.exchange
        if not self.habits.hedged or any(leg == "net" for _, leg in exchange.positions):
            return False
        exchange.flatten()
        exchange.keep_legs(hedged=False)
        self.world.call_in(max(1, fault.strength) * MS, lambda: exchange.keep_legs(hedged=True))
        return True

    def _announce(self, terms: Terms, fault: Fault) -> None:
        """The contract shrinks to a tenth after due notice, or grows back to what it was.

        OKX gives days of notice, halts trading meanwhile and counts resting orders anew as well;
        ours trades on, which is harder, and takes the orders off, which is simpler.
        """
        exchange, symbol = self.exchange, terms.symbol
        if self.habits.tells_terms is None or symbol in exchange.upcoming:
            return
        grows = len(exchange.restated.get(symbol, ())) % 2
        multiplier = terms.multiplier * 10 if grows else terms.multiplier / 10
        at_ms = exchange.clock.now_ms() + max(1, fault.strength)
        exchange.announce(symbol, multiplier, at_ms)
        self.world.call_at(at_ms * MS - self.skew_ns, self._restate, symbol)

    def _restate(self, symbol: str) -> None:
        self.exchange.restate(symbol)
        self.faults.count("multiplier_change")

    def _bust(self, terms: Terms, fault: Fault) -> bool:
        """Undo one of the last fills; a correction books it anew at another price."""
        recent = [t for t in self.exchange.trades[terms.symbol][-8:] if not t.busted]
        held = fault.kind == "correction"  # its quantity comes back at once
        recent = [t for t in recent if self.exchange.may_bust(t, held=held)]
        if not recent or self.habits.tells_progress:
            return False
        self._undo(terms, self.dice.pick(self._unheard(recent) or recent), fault)
        return True

    def _closed(self, trade: Trade) -> bool:
        """Whether more would be held without it."""
        place = trade.ticket.symbol, trade.ticket.leg
        held = self.exchange.positions.get(place)
        if held is None:
            return False
        before = held.quantity - (trade.quantity if trade.side == "buy" else -trade.quantity)
        return abs(before) > abs(held.quantity)

    def _undo_at_once(self, trade: Trade, fault: Fault) -> None:
        """The drop copy is ahead of the stream, or long after it."""
        if not trade.busted and self.exchange.may_bust(trade, held=False):
            self._undo(self.exchange.terms[trade.ticket.symbol], trade, fault)

    def _undo(self, terms: Terms, trade: Trade, fault: Fault) -> None:
        """It never was, says the drop copy; or was at another price."""
        bust_id = f"B{trade.trade_id}"
        self.exchange.bust(trade, bust_id)
        ref_id = self.habits.name_trade(trade.trade_id)
        told = self._of_trade(trade, self.exchange.clock.now_ms())
        reports = [undone(bust_id, ref_id, told)]
        if fault.kind == "correction":
            reports.append(self._corrected(terms, trade))
        else:
            self.exchange.trim(terms.symbol, trade.ticket.leg)
        self.world.call_in(fault.strength * MS, self._tell_dropcopy, reports)

    def _unheard(self, trades: list[Trade]) -> list[Trade]:
        """Those that nobody was told of yet: where one is undone, its bust comes before it."""
        unheard = {
            fact.key
            for fact in self.truth.facts[-RECENT_FACTS:]
            if fact.account == self.account and fact.kind == "fill" and fact.told_at < 0
        }
        return [trade for trade in trades if self.exchange.fill_key(trade) in unheard]

    def _corrected(self, terms: Terms, trade: Trade) -> Report:
        new = self.exchange.rebook(terms, trade, trade.price + terms.tick)
        return made(self.habits.name_trade(new.trade_id), self._of_trade(new, new.at))

    def _of_trade(self, trade: Trade, at_ms: int) -> dict[str, str]:
        of_order = [
            each
            for each in self.exchange.trades[trade.ticket.symbol]
            if each.ticket is trade.ticket and not each.busted
        ]
        return of_trade(trade, of_order, at_ms, apart=self.habits.realised_apart)

    def _tell_dropcopy(self, reports: list[Report]) -> None:
        for report in reports:
            now = self.exchange.clock.now_ms()
            self.drop_copied.append((report, now))
            self.on_dropcopy(report.message(self.name, len(self.drop_copied), now))

    def resend_drop_copy(self) -> None:
        """A new drop copy session: FIX sends the day's messages again, from the first."""
        again = self.exchange.clock.now_ms()
        for number, (report, sent) in enumerate(self.drop_copied, 1):
            body = report.message(self.name, number, sent, again)
            # One behind the other, as a session has it.
            self.world.call_in(self.wire.latency.median + number, self.on_dropcopy, body)


BAD: dict[str, Any] = {"quantity": "0", "qty": "0", "sz": "0", "base_size": "0"}


def _absurd(top: Top, tick: Decimal, percent: int) -> Top:
    """A top at so many per cent of its prices, in whole ticks."""
    bid, ask = top
    bid = bid and (_at(bid[0], tick, percent), bid[1])
    ask = ask and (_at(ask[0], tick, percent), ask[1])
    if bid is not None and ask is not None and ask[0] <= bid[0]:
        ask = (bid[0] + tick, ask[1])
    return bid, ask


def _at(price: Decimal, tick: Decimal, percent: int) -> Decimal:
    return max(tick, price * percent / 100 // tick * tick)
