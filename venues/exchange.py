"""The simulated exchange: what truly happens at a venue, whatever it tells.

Orders, a matching book, wallets, positions, fees, funding, in the venue's own arithmetic (decimals,
rounded as venues round) and with none of ours. It speaks no JSON: a `Speaker` hears what happened
and tells it in its venue's words. The oracle hears every change of the truth first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, Inexact
from typing import Literal, Protocol

from sim.truth import Fact, Truth
from venues.matching import Book, Execution, Kind, Placement, Resting, SelfTrade

Side = Literal["buy", "sell"]
TruthModel = Literal["spot", "linear", "inverse"]

_MONEY = Context(prec=40)
_EXACT = Context(prec=40, traps=[Inexact])
CROWD = "crowd"
PASSER_BY = "passer-by"  # trades with the crowd as well as with us
ZERO = Decimal(0)
UNIT = Decimal("0.00000001")
FORCED = ("liquidation", "adl")
# A bankruptcy price lies this part of the price through the market: a position of 200 times its
# margin that was opened here.
BANKRUPT_ONE_IN = 200


@dataclass(slots=True)
class Terms:
    """An instrument as its venue lists it."""

    symbol: str
    model: TruthModel
    base: str
    quote: str
    settle: str
    tick: Decimal
    lot: Decimal
    multiplier: Decimal = Decimal(1)
    maker_rate: Decimal = Decimal("0.0002")
    taker_rate: Decimal = Decimal("0.0005")


@dataclass(slots=True)
class Ticket:
    """An order as the venue keeps it."""

    order_id: str
    client_id: str
    symbol: str
    side: Side
    leg: str
    kind: str
    quantity: Decimal
    price: Decimal
    reduce_only: bool
    created_at: int
    status: str = "NEW"
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fees: Decimal = ZERO
    fee_asset: str = ""
    updated_at: int = 0
    reason: str = ""
    told_over: bool = False  # and it stood in the book still

    @property
    def alive(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")


@dataclass(slots=True, eq=False)
class Trade:
    """One fill of one of our tickets."""

    trade_id: int
    sequence: int
    ticket: Ticket
    side: Side
    quantity: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    fee_asset: str
    realised: Decimal
    maker: bool
    at: int
    cause: str = "trade"
    filled_after: Decimal = ZERO
    busted: bool = False
    multiplier: Decimal = Decimal(1)
    listing: int = 1
    after_end: bool = False


@dataclass(slots=True)
class Movement:
    """A line of the venue's ledger that is no trade."""

    number: int
    kind: Literal["funding", "transfer"]
    symbol: str
    asset: str
    amount: Decimal
    at: int


@dataclass(slots=True)
class Line:
    """A line of the account's ledger: what a trade, an undone trade or a movement did to cash."""

    kind: Literal["trade", "bust", "funding", "transfer"]
    ref: str
    asset: str
    cash: Decimal
    fee: Decimal
    after: Decimal
    at: int
    trade: Trade | None = None
    movement: Movement | None = None


@dataclass(slots=True)
class Position:
    """A leg: signed quantity and average entry."""

    quantity: Decimal = ZERO
    entry: Decimal = ZERO
    updated_at: int = 0
    sequence: int = 0
    trade_id: int = 0


class OrderBook(Protocol):
    """One instrument's book as an exchange asks it: a `Book`, or one that was recorded."""

    def place(
        self,
        order_id: str,
        owner: str,
        side: Side,
        quantity: int,
        price: int | None,
        kind: Kind = "limit",
    ) -> Placement: ...

    def cancel(self, order_id: str) -> int: ...
    def leaves(self, order_id: str) -> int: ...
    def depth(self, side: Side, levels: int | None = None) -> list[tuple[int, int]]: ...
    def best(self, side: Side) -> tuple[int, int] | None: ...
    def queue(self, side: Side) -> list[Resting]: ...
    @property
    def best_bid(self) -> int | None: ...
    @property
    def best_ask(self) -> int | None: ...
    @property
    def last(self) -> int: ...


# Price and quantity of the best bid and of the best ask; None where nobody is.
Top = tuple[tuple[Decimal, Decimal] | None, tuple[Decimal, Decimal] | None]


@dataclass(slots=True, frozen=True)
class Print:
    """A trade as everybody is told of it; `side` is that of who took."""

    trade_id: int
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal


class Refusal(Exception):
    """The exchange will not have it; `why` is one of a few words that a speaker translates."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Speaker(Protocol):
    """Hears what happened on the account, in order; `facts` are what telling it would tell."""

    def on_order(self, ticket: Ticket) -> None:
        """A ticket is new, cancelled, expired."""

    def on_trade(self, trade: Trade, facts: tuple[Fact, ...]) -> None:
        """A ticket traded."""

    def on_account(self, assets: list[str], legs: list[tuple[str, str]], reason: str) -> None:
        """Wallets and positions moved; told after what moved them."""

    def on_movement(self, movement: Movement, facts: tuple[Fact, ...]) -> None:
        """Funding or a transfer."""

    def on_bust(self, trade: Trade, bust_id: str, facts: tuple[Fact, ...]) -> None:
        """A trade was undone."""

    def on_terms(self, symbol: str, facts: tuple[Fact, ...]) -> None:
        """An instrument's terms changed, or a change was announced."""


@dataclass(slots=True)
class Habits:
    """How this venue differs from others in what it does (not in what it tells)."""

    self_trade: SelfTrade = "cancel_newest"
    hedged: bool = False
    fee_asset: str = ""
    fee_asset_price: Decimal = Decimal(1)
    fee_in_received: bool = False
    tells_progress: bool = False
    average_step: Decimal = ZERO
    realised_apart: bool = False
    forced_ids_negative: bool = False
    trade_ids_per_symbol: bool = False
    repeats_update: bool = False
    page_rows_max: int = 1000
    name_trade: Callable[[int], str] = str
    name_order: Callable[[int], str] = str
    tells_terms: Callable[["Exchange", str], list[bytes]] | None = None
    movement_key: Callable[["Movement"], tuple[str, ...]] = field(
        default=lambda movement: (movement.kind, str(movement.number), movement.asset)
    )


@dataclass(slots=True)
class Exchange:
    """One account's world at one venue."""

    account: str
    habits: Habits
    truth: Truth
    speaker: Speaker
    clock: "Clock"
    terms: dict[str, Terms] = field(default_factory=dict)
    books: dict[str, "OrderBook"] = field(default_factory=dict)
    wallets: dict[str, Decimal] = field(default_factory=dict)
    wallets_at: dict[str, int] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    open: dict[str, Ticket] = field(default_factory=dict)
    by_client: dict[str, Ticket] = field(default_factory=dict)
    trades: dict[str, list[Trade]] = field(default_factory=dict)
    told_exactly: list[tuple[str, str, Decimal]] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    trade_ids: dict[str, int] = field(default_factory=dict)
    upcoming: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    restated: dict[str, list[int]] = field(default_factory=dict)
    unlisted: dict[str, Decimal] = field(default_factory=dict)
    made: int = 1000
    sequence: int = 5000
    updated_at: int = 0
    on_book: Callable[[str], None] = field(default=lambda symbol: None)
    on_print: Callable[[Print], None] | None = None
    listings: dict[str, int] = field(default_factory=dict)
    halted: dict[str, None] = field(default_factory=dict)
    # How the account is said to be margined; nothing here is reckoned by it.
    margin: Literal["cross", "isolated"] = "cross"

    # --- set-up ----------------------------------------------------------------------------------

    def list_instrument(self, terms: Terms) -> None:
        """An instrument begins to trade."""
        self.terms[terms.symbol] = terms
        self.books[terms.symbol] = Book(self.habits.self_trade)
        self.trades[terms.symbol] = []
        for leg in ("long", "short") if self.habits.hedged else ("net",):
            if terms.model != "spot":
                self.positions[terms.symbol, leg] = Position()

    def halt(self, symbol: str) -> None:
        """It is listed no more: what rests of ours is taken off, and nothing is taken in."""
        self.halted[symbol] = None
        for ticket in self.open_tickets():
            if ticket.symbol == symbol:
                self.cancel(ticket)

    def list_again(self, symbol: str) -> None:
        """It trades anew under its old name: ids begin from the first, and so does its record."""
        del self.halted[symbol]
        self.listings[symbol] = self.listing_of(symbol) + 1
        self.trade_ids.pop(symbol, None)

    def listing_of(self, symbol: str) -> int:
        """Which listing of the symbol trades, from 1 on."""
        return self.listings.get(symbol, 1)

    def record_of(self, symbol: str) -> list[Trade]:
        """What the venue's record has of it: the trades of this listing that were not undone."""
        listing = self.listing_of(symbol)
        trades = self.trades.get(symbol, [])
        return [each for each in trades if each.listing == listing and not each.busted]

    def fund(self, asset: str, amount: Decimal) -> None:
        """What the account has before anything else happens."""
        self.wallets[asset] = self.wallets.get(asset, ZERO) + amount
        self.wallets_at[asset] = self.updated_at = self.clock.now_ms()
        name = f"{self.account}/{asset}/cash"
        self.truth.record(self.account, "opening", (asset, "cash"), {name: amount}, "opening")

    def assets(self) -> list[str]:
        """What the account can hold, by what is listed."""
        held = [a for terms in self.terms.values() for a in (terms.base, terms.quote, terms.settle)]
        return [*dict.fromkeys(held)]

    def rows(self, asked: object) -> int:
        """How many rows a page has when so many are asked for: no more than the venue gives."""
        return min(int(str(asked)), self.habits.page_rows_max)

    # --- orders ----------------------------------------------------------------------------------

    def place(
        self,
        client_id: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        kind: str,
        price: Decimal = ZERO,
        leg: str = "net",
        *,
        reduce_only: bool = False,
        cause: str = "trade",
    ) -> Ticket:
        """Take an order; raises `Refusal`. What matched at once has been told when this returns."""
        terms = self.terms.get(symbol)
        if terms is None or symbol in self.halted:
            raise Refusal("unknown_symbol")
        if client_id and client_id in self.by_client:
            raise Refusal("duplicate_client_id")
        self._check(terms, side, quantity, kind, price, leg, reduce_only)
        ticket = self._ticket(client_id, symbol, side, quantity, kind, price, leg, reduce_only)
        lots, ticks = int(quantity / terms.lot), int(price / terms.tick)
        self.speaker.on_order(ticket)
        placement = self.books[symbol].place(
            ticket.order_id,
            self.account,
            side,
            lots,
            None if kind == "market" else ticks,
            kind,  # type: ignore[arg-type]  # checked just above
        )
        self._settle(terms, placement, side, cause)
        self._after(ticket, placement)
        self.on_book(symbol)
        return ticket

    def _check(
        self,
        terms: Terms,
        side: Side,
        quantity: Decimal,
        kind: str,
        price: Decimal,
        leg: str,
        reduce_only: bool,  # noqa: FBT001  # as the venue's own request has it
    ) -> None:
        if kind not in ("limit", "market", "ioc", "fok", "post_only"):
            raise Refusal("bad_kind")
        if quantity <= 0 or quantity % terms.lot or (kind != "market" and price <= 0):
            raise Refusal("bad_quantity")
        if price % terms.tick:
            raise Refusal("bad_price")
        if terms.model != "spot" and (terms.symbol, leg) not in self.positions:
            raise Refusal("position_mode")
        if reduce_only and terms.model != "spot":
            held = self.positions[terms.symbol, leg].quantity
            if (held > 0) != (side == "sell") or abs(held) < quantity:
                raise Refusal("reduce_only")
        if self._closes(leg, side) and self._closable(terms, leg) < quantity:
            raise Refusal("reduce_only")
        if terms.model == "spot":
            asset = terms.base if side == "sell" else terms.quote
            need = quantity if side == "sell" else quantity * (price or self.last_price(terms))
            if self.free(asset) < need:
                raise Refusal("balance")

    @staticmethod
    def _closes(leg: str, side: Side) -> bool:
        """Whether this side reduces that leg of a hedged account."""
        return (leg, side) in (("long", "sell"), ("short", "buy"))

    def _closable(self, terms: Terms, leg: str, besides: Ticket | None = None) -> Decimal:
        """What of a leg no resting order is about to close."""
        left = abs(self.positions[terms.symbol, leg].quantity)
        for ticket in self.open.values():
            if (ticket.symbol, ticket.leg) == (terms.symbol, leg) and ticket is not besides:
                if self._closes(leg, ticket.side):
                    left -= ticket.quantity - ticket.filled
        return left

    def trim(self, symbol: str, leg: str) -> None:
        """A leg shrank by force: orders that would close more than there is are taken off."""
        for ticket in reversed(self.open_tickets()):
            mine = (ticket.symbol, ticket.leg) == (symbol, leg) and self._closes(leg, ticket.side)
            if mine and self._closable(self.terms[symbol], leg) < 0:
                self.books[symbol].cancel(ticket.order_id)
                self._end(ticket, "CANCELED", "position reduced")

    def _ticket(
        self,
        client_id: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        kind: str,
        price: Decimal,
        leg: str,
        reduce_only: bool,  # noqa: FBT001  # a field of the ticket
    ) -> Ticket:
        self.made += 1
        now = self.clock.now_ms()
        ticket = Ticket(
            order_id=self.habits.name_order(self.made),
            client_id=client_id,
            symbol=symbol,
            side=side,
            leg=leg,
            kind=kind,
            quantity=quantity,
            price=price,
            reduce_only=reduce_only,
            created_at=now,
            updated_at=now,
        )
        self.tickets[ticket.order_id] = self.open[ticket.order_id] = ticket
        if client_id:
            self.by_client[client_id] = ticket
        return ticket

    def _after(self, ticket: Ticket, placement: Placement) -> None:
        for gone in placement.cancelled:
            other = self.tickets.get(gone.order_id)
            if other is not None and other.alive:
                self._end(other, "EXPIRED", gone.reason)

    def _end(self, ticket: Ticket, status: str, reason: str = "") -> None:
        ticket.status, ticket.reason, ticket.updated_at = status, reason, self.clock.now_ms()
        self.open.pop(ticket.order_id, None)
        self.speaker.on_order(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Take an order off the book; raises `Refusal` when it is gone already."""
        if not ticket.alive or not self.books[ticket.symbol].cancel(ticket.order_id):
            raise Refusal("unknown_order")
        self._end(ticket, "CANCELED")
        self.on_book(ticket.symbol)

    def open_tickets(self) -> list[Ticket]:
        return list(self.open.values())

    # --- the crowd -------------------------------------------------------------------------------

    def crowd(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> None:
        """Somebody else's aggressive order, at `price` or better; what does not match is gone."""
        terms = self.terms[symbol]
        lots, ticks = int(quantity / terms.lot), int(price / terms.tick)
        self.made += 1
        placement = self.books[symbol].place(f"x{self.made}", CROWD, side, lots, ticks, "ioc")
        self._settle(terms, placement, side)
        if self.on_print is not None:
            self._print_among_others(terms, placement, side, self.on_print)
        self.on_book(symbol)

    def passed(self, symbol: str, executions: list[Execution]) -> None:
        """The market went by, and did this to orders that rest in its book."""
        terms = self.terms[symbol]
        for execution in executions:
            side: Side = "sell" if self.tickets[execution.maker_id].side == "buy" else "buy"
            self._execute(terms, execution, side, "trade")
        self.on_book(symbol)

    def _print_among_others(
        self, terms: Terms, placement: Placement, side: Side, tell: Callable[[Print], None]
    ) -> None:
        """What met the crowd's own orders is a trade among others: told, and the ladder stays."""
        book = self.books[terms.symbol]
        best = book.best_ask if side == "buy" else book.best_bid
        lots = sum(gone.quantity for gone in placement.cancelled if gone.reason == "self_trade")
        if lots and best is not None:
            trade_id = self._next_trade_id(terms.symbol)
            tell(Print(trade_id, terms.symbol, side, lots * terms.lot, best * terms.tick))

    def crowd_rests(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> str:
        """Somebody else's order in the book; it takes ours first where they cross."""
        terms = self.terms[symbol]
        lots, ticks = int(quantity / terms.lot), int(price / terms.tick)
        self.made += 1
        name = f"x{self.made}"
        placement = self.books[symbol].place(name, CROWD, side, lots, ticks, "limit")
        self._settle(terms, placement, side)
        self.on_book(symbol)
        return name

    def crowd_cancels(self, symbol: str, name: str) -> None:
        """Somebody else takes an order back."""
        self.books[symbol].cancel(name)
        self.on_book(symbol)

    def top(self, symbol: str) -> Top:
        """The best level of each side."""
        terms, book = self.terms[symbol], self.books[symbol]
        bid, ask = (
            (level[0] * terms.tick, level[1] * terms.lot) if level is not None else None
            for level in (book.best("buy"), book.best("sell"))
        )
        return bid, ask

    def last_price(self, terms: Terms) -> Decimal:
        """A price to value things at, as the book has it."""
        return (self.books[terms.symbol].last or 1) * terms.tick

    # --- what a match does -----------------------------------------------------------------------

    def _settle(self, terms: Terms, placement: Placement, side: Side, cause: str = "trade") -> None:
        """What an order of that side took."""
        for execution in placement.executions:
            self._execute(terms, execution, side, cause)

    def _execute(self, terms: Terms, execution: Execution, side: Side, cause: str) -> None:
        trade_id = self._next_trade_id(terms.symbol, cause)
        quantity = execution.quantity * terms.lot
        price = execution.price * terms.tick
        if self.on_print is not None:
            self.on_print(Print(trade_id, terms.symbol, side, quantity, price))
        for order_id, owner, maker in (
            (execution.maker_id, execution.maker_owner, True),
            (execution.taker_id, execution.taker_owner, False),
        ):
            if owner == self.account:
                self._fill(terms, self.tickets[order_id], trade_id, quantity, price, maker, cause)

    def _next_trade_id(self, symbol: str, cause: str = "trade") -> int:
        if self.habits.forced_ids_negative and cause in FORCED:
            self.made += 1
            return -self.made
        if not self.habits.trade_ids_per_symbol:
            self.made += 1
            return self.made
        self.trade_ids[symbol] = self.trade_ids.get(symbol, 100) + 1
        return self.trade_ids[symbol]

    def _fill(
        self,
        terms: Terms,
        ticket: Ticket,
        trade_id: int,
        quantity: Decimal,
        price: Decimal,
        maker: bool,  # noqa: FBT001  # which side of the match
        cause: str,
    ) -> None:
        now = self.clock.now_ms()
        self.sequence += 1
        value = trade_value(terms, quantity, price)
        fee, fee_asset = self._fee(terms, ticket.side, quantity, value, maker)
        sign = 1 if ticket.side == "buy" else -1
        realised = ZERO
        if terms.model != "spot":
            realised = self._move_position(terms, ticket.leg, sign * quantity, price, now, trade_id)
        ticket.filled += quantity
        ticket.value += value
        ticket.fees += fee
        ticket.fee_asset = fee_asset
        ticket.status = "FILLED" if ticket.filled == ticket.quantity else "PARTIALLY_FILLED"
        ticket.updated_at = now
        if ticket.status == "FILLED":
            self.open.pop(ticket.order_id, None)
        trade = Trade(
            trade_id=trade_id,
            sequence=self.sequence,
            ticket=ticket,
            side=ticket.side,
            quantity=quantity,
            price=price,
            value=value,
            fee=fee,
            fee_asset=fee_asset,
            realised=realised,
            maker=maker,
            at=now,
            cause=cause,
            filled_after=ticket.filled,
            multiplier=terms.multiplier,
            listing=self.listing_of(terms.symbol),
            after_end=ticket.told_over,
        )
        self.trades[terms.symbol].append(trade)
        if self.habits.average_step:
            within = ticket.filled * self.habits.average_step + UNIT
            self.truth.averaged(self._valued_in(terms), ticket.order_id, ticket.filled, within)
        facts = self._record(terms, trade, 1, self.fill_key(trade), "fill")
        assets = self._touched(terms, fee_asset)
        self.speaker.on_trade(trade, facts)
        legs = [] if terms.model == "spot" else [(terms.symbol, ticket.leg)]
        self.speaker.on_account(assets, legs, "ORDER")

    def _valued_in(self, terms: Terms) -> str:
        return f"{self.account}/{terms.quote}/cash"

    def tells_value(self, ticket: Ticket) -> None:
        """The exact value of what is filled of an order is in the answer under way."""
        name = self._valued_in(self.terms[ticket.symbol])
        self.told_exactly.append((name, ticket.order_id, ticket.filled))

    def fill_key(self, trade: Trade) -> tuple[str, ...]:
        """What identifies a trade where it is told."""
        if self.habits.tells_progress:
            return (trade.ticket.order_id, str(trade.filled_after))
        key = (trade.ticket.symbol, self.habits.name_trade(trade.trade_id), trade.side)
        return key if trade.listing == 1 else (*key, str(trade.listing))

    def _record(
        self, terms: Terms, trade: Trade, sign: int, key: tuple[str, ...], kind: str
    ) -> tuple[Fact, ...]:
        """Move wallets and tell the oracle; `sign` -1 undoes."""
        way = sign if trade.side == "buy" else -sign
        moves: dict[str, Decimal] = {}
        if terms.model == "spot":
            moves[terms.base] = way * trade.quantity
            moves[terms.quote] = -way * trade.value
        elif trade.realised:
            moves[terms.settle] = sign * trade.realised
        apart = ZERO
        if self.habits.realised_apart and terms.model != "spot":
            apart = moves.pop(terms.settle, ZERO)
        moves[trade.fee_asset] = moves.get(trade.fee_asset, ZERO) - sign * trade.fee
        deltas = {f"{self.account}/{asset}/cash": amount for asset, amount in moves.items()}
        if terms.model != "spot":
            name = f"{self.account}/{terms.symbol}/{trade.ticket.leg}"
            deltas[name] = way * contracts_now(terms, trade)
        for asset, amount in moves.items():
            self._credit(asset, amount)
        if kind == "fill" and self.habits.tells_progress:
            kind = "progress"
        facts: tuple[Fact, ...] = (
            self.truth.record(self.account, kind, key, deltas, trade.cause),  # type: ignore[arg-type]  # one of FactKind
        )
        if apart:
            self._credit(terms.settle, apart)
            name = f"{self.account}/{terms.settle}/cash"
            facts += (
                self.truth.record(
                    self.account, "cash", ("realised", *key[1:]), {name: apart}, trade.cause
                ),
            )
        if terms.model != "spot":
            self.lines.append(
                Line(
                    kind="trade" if sign > 0 else "bust",
                    ref=self.habits.name_trade(trade.trade_id) if sign > 0 else key[-1],
                    asset=terms.settle,
                    cash=sign * trade.realised,
                    fee=sign * trade.fee,
                    after=self.wallets.get(terms.settle, ZERO),
                    at=self.clock.now_ms(),
                    trade=trade,
                )
            )
        return facts

    def _credit(self, asset: str, amount: Decimal) -> None:
        self.wallets[asset] = self.wallets.get(asset, ZERO) + amount
        self.wallets_at[asset] = self.updated_at = self.clock.now_ms()

    def _touched(self, terms: Terms, fee_asset: str) -> list[str]:
        assets = [terms.base, terms.quote] if terms.model == "spot" else [terms.settle]
        return assets if fee_asset in assets else [*assets, fee_asset]

    def _fee(
        self,
        terms: Terms,
        side: Side,
        quantity: Decimal,
        value: Decimal,
        maker: bool,  # noqa: FBT001
    ) -> tuple[Decimal, str]:
        rate = terms.maker_rate if maker else terms.taker_rate
        if self.habits.fee_asset:
            charged = value * rate / self.habits.fee_asset_price
            return charged.quantize(UNIT, ROUND_DOWN), self.habits.fee_asset
        if terms.model == "spot" and self.habits.fee_in_received and side == "buy":
            return (quantity * rate).quantize(UNIT, ROUND_DOWN), terms.base
        asset = terms.quote if terms.model == "spot" else terms.settle
        return (value * rate).quantize(UNIT, ROUND_DOWN), asset

    def _move_position(
        self,
        terms: Terms,
        leg: str,
        change: Decimal,
        price: Decimal,
        now: int,
        trade_id: int,
    ) -> Decimal:
        """Average-cost position keeping; returns what closing part of it realised."""
        position = self.positions[terms.symbol, leg]
        held, entry = position.quantity, position.entry
        realised = ZERO
        if held * change >= 0:
            position.entry = average(terms, held, entry, change, price)
        else:
            closed = min(abs(held), abs(change)) * (1 if held > 0 else -1)
            realised = profit(terms, closed, entry, price)
            if abs(change) > abs(held):
                position.entry = price
        position.quantity = held + change
        position.updated_at, position.sequence, position.trade_id = now, self.sequence, trade_id
        if not position.quantity:
            position.entry = ZERO
        return realised

    def free(self, asset: str) -> Decimal:
        """What is not held by open orders."""
        return self.wallets.get(asset, ZERO) - self.locked(asset)

    def locked(self, asset: str) -> Decimal:
        """What open spot orders hold."""
        total = ZERO
        for ticket in self.open.values():
            if self.terms[ticket.symbol].model == "spot":
                terms, left = self.terms[ticket.symbol], ticket.quantity - ticket.filled
                if ticket.side == "sell" and terms.base == asset:
                    total += left
                elif ticket.side == "buy" and terms.quote == asset:
                    total += left * ticket.price
        return total

    # --- what else happens -----------------------------------------------------------------------

    def fill_anyway(self, ticket: Ticket, lots: int) -> None:
        """Somebody reaches an order that its owner was told is over: it stood in the book still."""
        terms = self.terms[ticket.symbol]
        quantity = min(ticket.quantity - ticket.filled, lots * terms.lot)
        if terms.model != "spot" and (ticket.symbol, ticket.leg) not in self.positions:
            return
        if ticket.created_at <= self.restated.get(ticket.symbol, [0])[-1]:
            return  # its quantity counts other contracts
        if self._closes(ticket.leg, ticket.side):
            quantity = min(quantity, self._closable(terms, ticket.leg, ticket))
        reached = int(quantity / terms.lot)
        if reached <= 0:
            return  # what is left, counted in smaller contracts, is less than a lot
        status, ticket.told_over = ticket.status, True
        self._reach(terms, ticket, reached)
        self.open.pop(ticket.order_id, None)
        if ticket.alive:
            ticket.status = "CANCELED" if status in ("NEW", "PARTIALLY_FILLED") else status

    def _reach(self, terms: Terms, ticket: Ticket, lots: int) -> None:
        """Somebody takes so many lots of an order, and all that stands before it in the queue."""
        book, ticks = self.books[terms.symbol], int(ticket.price / terms.tick)
        if not book.leaves(ticket.order_id):
            again = book.place(ticket.order_id, self.account, ticket.side, lots, ticks, "limit")
            self._settle(terms, again, ticket.side)
            lots = again.resting
        if lots:
            for each in book.queue(ticket.side):
                if each.order_id == ticket.order_id:
                    break
                lots += each.leaves
            side: Side = "sell" if ticket.side == "buy" else "buy"
            self.made += 1
            taken = book.place(f"x{self.made}", PASSER_BY, side, lots, ticks, "ioc")
            self._settle(terms, taken, side)
        book.cancel(ticket.order_id)
        self.on_book(terms.symbol)

    def may_bust(self, trade: Trade, *, held: bool) -> bool:
        """Whether undoing the trade leaves each leg of a hedged account on its own side of zero."""
        leg, side = trade.ticket.leg, trade.side
        model = self.terms[trade.ticket.symbol].model
        if model != "spot" and (trade.ticket.symbol, leg) not in self.positions:
            return False
        if held or leg not in ("long", "short") or self._closes(leg, side):
            return True
        quantity = contracts_now(self.terms[trade.ticket.symbol], trade)
        return quantity <= abs(self.positions[trade.ticket.symbol, leg].quantity)

    def bust(self, trade: Trade, bust_id: str) -> None:
        """Undo a trade. Its order keeps its status; wallets and position go back."""
        terms = self.terms[trade.ticket.symbol]
        trade.busted = True
        sign = -1 if trade.side == "buy" else 1
        if terms.model != "spot":
            position = self.positions[terms.symbol, trade.ticket.leg]
            position.quantity += sign * contracts_now(terms, trade)
            position.updated_at = self.clock.now_ms()
            position.entry = position.entry or trade.price
        key = (terms.symbol, bust_id)
        facts = self._record(terms, trade, -1, key, "bust")
        self.speaker.on_bust(trade, bust_id, facts)

    def rebook(self, terms: Terms, busted: Trade, price: Decimal) -> Trade:
        """Book a busted trade anew at another price, under a new id; its fee stays."""
        ticket = busted.ticket
        self.sequence += 1
        trade_id, now = self._next_trade_id(terms.symbol), self.clock.now_ms()
        sign = 1 if busted.side == "buy" else -1
        quantity = contracts_now(terms, busted)
        if terms.model != "spot":
            position = self.positions[terms.symbol, ticket.leg]
            position.quantity += sign * quantity
            position.updated_at = now
            position.entry = position.entry or price
            position.trade_id, position.sequence = trade_id, self.sequence
        trade = replace(
            busted,
            trade_id=trade_id,
            sequence=self.sequence,
            quantity=quantity,
            multiplier=terms.multiplier,
            price=price,
            value=trade_value(terms, quantity, price),
            at=now,
            busted=False,
        )
        self.trades[terms.symbol].append(trade)
        facts = self._record(terms, trade, 1, self.fill_key(trade), "fill")
        self.truth.lost(facts)
        return trade

    def force(self, symbol: str, leg: str, lots: int, cause: str) -> bool:
        """Close part of a position by liquidation or ADL; False where nothing was closed."""
        terms, position = self.terms[symbol], self.positions[symbol, leg]
        quantity = min(abs(position.quantity), lots * terms.lot)
        if cause == "liquidation":
            quantity -= quantity % terms.lot  # the book takes whole lots: a rest of one stays ours
        if not quantity:
            return False
        if cause == "liquidation":
            for ticket in self.open_tickets():
                if ticket.symbol == symbol:
                    self.books[symbol].cancel(ticket.order_id)
                    self._end(ticket, "CANCELED", "liquidation")
        side: Side = "sell" if position.quantity > 0 else "buy"
        prefix = "autoclose" if cause == "liquidation" else "adl_autoclose"
        price = self._bankruptcy_price(terms, side)
        self.made += 1
        ticket = self._ticket(
            f"{prefix}-{self.made}", symbol, side, quantity, "ioc", price, leg, True
        )
        if cause == "liquidation":
            self._liquidate(terms, ticket)
        else:
            trade_id = self._next_trade_id(symbol, cause)
            self._fill(terms, ticket, trade_id, quantity, price, False, cause)
        self.trim(symbol, leg)
        return ticket.filled > 0

    def _liquidate(self, terms: Terms, ticket: Ticket) -> None:
        """The venue's engine sells into the book what it took over, down to the bankruptcy price.

        Our own orders are gone by then. What the book does not take stays ours, for the next time.
        """
        lots, ticks = int(ticket.quantity / terms.lot), int(ticket.price / terms.tick)
        book = self.books[terms.symbol]
        placement = book.place(ticket.order_id, self.account, ticket.side, lots, ticks, "ioc")
        self._settle(terms, placement, ticket.side, "liquidation")
        self._after(ticket, placement)
        self.on_book(terms.symbol)

    def _bankruptcy_price(self, terms: Terms, side: Side) -> Decimal:
        """Where the margin of whoever is closed out ends: so far through the market, in ticks.

        ADL closes the winner at the loser's, whose position it takes over: worse than the market.
        """
        market = self.last_price(terms)
        away = market / BANKRUPT_ONE_IN // terms.tick * terms.tick
        return max(terms.tick, market - away if side == "sell" else market + away)

    def unrealised(self) -> list[tuple[Terms, Decimal]]:
        """What closing each position at the last price would realise, in its settlement coin."""
        return [
            (self.terms[symbol], self._gain(self.terms[symbol], position))
            for (symbol, _), position in self.positions.items()
            if position.quantity
        ]

    def _gain(self, terms: Terms, position: Position) -> Decimal:
        return profit(terms, position.quantity, position.entry, self.last_price(terms))

    def flatten(self) -> None:
        """Somebody takes all orders off and closes every position by hand."""
        for ticket in self.open_tickets():
            self.cancel(ticket)
        for (symbol, leg), position in self.positions.items():
            if position.quantity:
                terms, quantity = self.terms[symbol], abs(position.quantity)
                side: Side = "sell" if position.quantity > 0 else "buy"
                price = self.last_price(terms)
                ticket = self._ticket("", symbol, side, quantity, "market", price, leg, True)
                self.made += 1
                self._fill(terms, ticket, self.made, quantity, price, False, "trade")

    def keep_legs(self, *, hedged: bool) -> None:
        """Change the position mode; raises `Refusal` unless flat and without orders."""
        if self.open or any(position.quantity for position in self.positions.values()):
            raise Refusal("mode_busy")
        self.positions = {
            (symbol, leg): Position()
            for symbol, terms in self.terms.items()
            for leg in (("long", "short") if hedged else ("net",))
            if terms.model != "spot"
        }

    def announce(self, symbol: str, multiplier: Decimal, at_ms: int) -> None:
        """The contract's size will change."""
        self.upcoming[symbol] = (multiplier, at_ms)
        self.speaker.on_terms(symbol, ())

    def restate(self, symbol: str) -> None:
        """The announced change comes: orders are taken off, each leg is counted in new contracts.

        Prices are per coin and stay; so does what a leg is worth.
        """
        terms, (multiplier, at_ms) = self.terms[symbol], self.upcoming.pop(symbol)
        assert self.clock.now_ms() == at_ms, "announced for this moment"
        for ticket in self.open_tickets():
            if ticket.symbol == symbol:
                self.books[symbol].cancel(ticket.order_id)
                self._end(ticket, "CANCELED", "contract size changed")
        deltas: dict[str, Decimal] = {}
        for (name, leg), position in self.positions.items():
            if name == symbol:
                quantity = _EXACT.divide(position.quantity * terms.multiplier, multiplier)
                deltas[f"{self.account}/{symbol}/{leg}"] = quantity - position.quantity
                position.quantity, position.updated_at = quantity, at_ms
        terms.multiplier = multiplier
        times = self.restated.setdefault(symbol, [])
        times.append(at_ms)
        key = (symbol, str(len(times)))
        fact = self.truth.record(self.account, "restated", key, deltas, "multiplier")
        self.speaker.on_terms(symbol, (fact,))

    def pay_funding(self, symbol: str, rate: Decimal) -> bool:
        """Each leg pays (or gets) rate x value; False where nothing is held."""
        terms = self.terms[symbol]
        before = len(self.movements)
        for (name, _), position in self.positions.items():
            if name == symbol and position.quantity:
                value = trade_value(terms, abs(position.quantity), self.last_price(terms))
                amount = (value * rate).quantize(UNIT, ROUND_DOWN)
                self._move(
                    "funding", symbol, terms.settle, -amount if position.quantity > 0 else amount
                )
        return len(self.movements) > before

    def transfer(self, asset: str, amount: Decimal) -> None:
        """Cash comes or goes by hand."""
        self._move("transfer", "", asset, amount)

    def credit_unlisted(self, asset: str, amount: Decimal) -> None:
        """Cash comes that no record will ever list: it shows in the balance, and nowhere else.

        What identifies it is how much has come so, in all: that is what people can see of it.
        """
        self._credit(asset, amount)
        self.unlisted[asset] = self.unlisted.get(asset, ZERO) + amount
        key = (asset, f"{self.unlisted[asset]:f}")
        name = f"{self.account}/{asset}/cash"
        self.truth.lost((self.truth.record(self.account, "unlisted", key, {name: amount}),))

    def _move(
        self, kind: Literal["funding", "transfer"], symbol: str, asset: str, amount: Decimal
    ) -> None:
        if not amount:
            return
        self.made += 1
        self._credit(asset, amount)
        movement = Movement(self.made, kind, symbol, asset, amount, self.clock.now_ms())
        self.movements.append(movement)
        self.lines.append(
            Line(
                kind=kind,
                ref=str(movement.number),
                asset=asset,
                cash=amount,
                fee=ZERO,
                after=self.wallets[asset],
                at=movement.at,
                movement=movement,
            )
        )
        name = f"{self.account}/{asset}/cash"
        key = self.habits.movement_key(movement)
        fact_kind: Literal["funding", "cash"] = "funding" if kind == "funding" else "cash"
        fact = self.truth.record(self.account, fact_kind, key, {name: amount}, kind)
        self.speaker.on_movement(movement, (fact,))
        self.speaker.on_account([asset], [], "FUNDING_FEE" if kind == "funding" else "DEPOSIT")


class Clock(Protocol):
    """The venue's own clock."""

    def now_ms(self) -> int: ...


def contracts_now(terms: Terms, trade: Trade) -> Decimal:
    """How many of today's contracts a trade is, if they were restated since."""
    if trade.multiplier == terms.multiplier:
        return trade.quantity
    return _EXACT.divide(trade.quantity * trade.multiplier, terms.multiplier)


def trade_value(terms: Terms, quantity: Decimal, price: Decimal) -> Decimal:
    """What a trade is worth: in quote (spot), settlement coin (linear, inverse: 8 decimals)."""
    if terms.model == "inverse":
        return _MONEY.divide(quantity * terms.multiplier, price).quantize(UNIT, ROUND_DOWN)
    return quantity * terms.multiplier * price


def average(
    terms: Terms, held: Decimal, entry: Decimal, change: Decimal, price: Decimal
) -> Decimal:
    """The average entry after adding to a position; harmonic for inverse contracts."""
    if not held:
        return price
    if terms.model == "inverse":
        coins = _MONEY.divide(held, entry) + _MONEY.divide(change, price)
        return _MONEY.divide(held + change, coins)
    return _MONEY.divide(held * entry + change * price, held + change)


def profit(terms: Terms, closed: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """What closing the signed quantity realises, as the venue rounds it."""
    if terms.model == "inverse":
        each = _MONEY.divide(Decimal(1), entry) - _MONEY.divide(Decimal(1), price)
    else:
        each = price - entry
    return _MONEY.multiply(closed * terms.multiplier, each).quantize(UNIT, ROUND_HALF_EVEN)
