"""A venue without a wire: the exchange of the simulation, which tells our node events, not bytes.

    PlaceOrder ─ entry latency ─→ exchange ─→ fact ─ reply latency ─→ event

True here: what happens is the exchange's own arithmetic, in decimals, which shares nothing with our
books; what it tells of one account comes in the order in which it was told. Nothing is lost, late
beyond its latency or told twice: for that a backtest is put under fire (`tieout.backtest.fire`).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Protocol, get_args

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchInstruments,
    FetchLedger,
    FetchOpenOrders,
    FetchStatement,
    OpenStream,
    PlaceOrder,
    QueryOrder,
    RenewStream,
)
from core.events import (
    AccountOpened,
    CancelRejected,
    CashMoved,
    Event,
    FillCause,
    FillReported,
    FundingPaid,
    Leg,
    OpenOrdersReported,
    OrderMissing,
    OrderReport,
    OrderReported,
    PageReported,
    StatementKind,
    StatementReported,
    StatementRow,
    StreamOpened,
)
from core.money import ASSET_DECIMALS, PRICE_DECIMALS, QUANTITY_DECIMALS
from sim.dice import Stream
from sim.truth import Fact, Truth
from sim.world import World
from venues.exchange import Exchange, Habits, Movement, Refusal, Ticket, Trade

VENUE: Final = "recorded"
NEVER_NS: Final = 10**18
VALUE_DECIMALS: Final = 18
PAGE_ROWS: Final = 1000
STATUS: Final[dict[str, OrderReport]] = {
    "NEW": "acknowledged",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
}
LEGS: Final[dict[str, Leg]] = {each: each for each in get_args(Leg)}
CAUSES: Final[dict[str, FillCause]] = {each: each for each in get_args(FillCause)}


class Latency(Protocol):
    """How long one way takes."""

    def of(self, word: int) -> int:
        """In nanoseconds, by 64 bits of dice."""


class RecordedVenue:
    """One account at a venue whose market was recorded."""

    def __init__(
        self,
        account: str,
        habits: Habits,
        world: World,
        truth: Truth,
        entry: Latency,
        reply: Latency,
        dice: Stream,
        tell: Callable[[Event], None],
        catch_up: Callable[[], None],
        decimals: Mapping[str, int],
    ) -> None:
        """`catch_up` lets the market come to the world's time; `decimals` are of assets that are
        not counted in eight."""
        self.account = account
        self.exchange = Exchange(account, habits, truth, self, Clock(world))
        self._world, self._entry, self._reply, self._dice = world, entry, reply, dice
        self._tell = tell
        self._heard_at = self._told_at = 0
        self._traded_at: dict[int, int] = {}
        self._moved_at: dict[int, int] = {}
        self._catch_up, self._counted_in = catch_up, decimals

    def opened(self) -> AccountOpened:
        """How it tells: each fill, and statements that nobody has to ask for."""
        exchange = self.exchange
        kinds: tuple[StatementKind, ...] = ("balances",)
        if exchange.positions:
            kinds = ("balances", "positions")
        return AccountOpened(
            received_at=self._world.now,
            account=self.account,
            tells="fills",
            statements=kinds,
            statement_period_ns=NEVER_NS,
            backfill_period_ns=NEVER_NS,
            silence_ns_max=NEVER_NS,
            settle_ns=1,
            hedged=exchange.habits.hedged,
            ledger=True,
        )

    # --- in: what our node asks of it -------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """It is on its way; requests arrive in the order in which they were sent."""
        self._heard_at = max(self._heard_at, self._world.now + self._entry.of(self._dice.word()))
        self._world.call_at(self._heard_at, self._arrive, effect, self._world.now)

    def _arrive(self, effect: Effect, asked_at: int) -> None:
        self._catch_up()
        match effect:
            case PlaceOrder():
                self._place(effect)
            case CancelOrder():
                self._cancel(effect)
            case QueryOrder():
                self._query(effect, asked_at)
            case FetchOpenOrders():
                self._list_orders(asked_at)
            case FetchStatement():
                self._say(self.statement(effect.kind, self._world.now, asked_at))
            case FetchFills():
                self._page(effect, asked_at)
            case FetchLedger():
                self._page_of_ledger(effect, asked_at)
            case OpenStream():
                self._say(StreamOpened(received_at=0, account=self.account, epoch=effect.epoch))
            case RenewStream() | FetchInstruments():
                pass  # it has no keys that end, and its terms are those of the file
            case _:
                raise AssertionError(f"no effect of a venue: {effect}")

    def _place(self, effect: PlaceOrder) -> None:
        try:
            self.exchange.place(
                effect.client_order_id,
                effect.instrument,
                effect.side,
                _exact(effect.quantity, QUANTITY_DECIMALS),
                effect.kind,
                _exact(effect.price, PRICE_DECIMALS),
                effect.leg,
                reduce_only=effect.reduce_only,
            )
        except Refusal as refusal:
            self._say(
                OrderReported(
                    received_at=0,
                    account=self.account,
                    client_order_id=effect.client_order_id,
                    status="rejected",
                    instrument=effect.instrument,
                    reason=refusal.why,
                    occurred_at=self._world.now,
                )
            )

    def _cancel(self, effect: CancelOrder) -> None:
        ticket = self.exchange.by_client.get(effect.client_order_id)
        try:
            if ticket is None:
                raise Refusal("unknown_order")
            self.exchange.cancel(ticket)
        except Refusal as refusal:
            self._say(
                CancelRejected(
                    received_at=0,
                    account=self.account,
                    client_order_id=effect.client_order_id,
                    reason=refusal.why,
                )
            )

    def _query(self, effect: QueryOrder, asked_at: int) -> None:
        ticket = self.exchange.by_client.get(effect.client_order_id)
        if ticket is not None:
            self.on_order(ticket)
            return
        self._say(
            OrderMissing(
                received_at=0,
                account=self.account,
                client_order_id=effect.client_order_id,
                asked_at=asked_at,
            )
        )

    def _list_orders(self, asked_at: int) -> None:
        tickets = self.exchange.open_tickets()
        for ticket in tickets:
            self.on_order(ticket)
        names = tuple(ticket.client_id for ticket in tickets)
        self._say(
            OpenOrdersReported(
                received_at=0, account=self.account, client_order_ids=names, asked_at=asked_at
            )
        )

    def _page(self, effect: FetchFills, asked_at: int) -> None:
        """The record of an instrument from its cursor, which is the last sequence that was read."""
        after, most = int(effect.after or 0), effect.rows or PAGE_ROWS
        record = self.exchange.record_of(effect.instrument)
        trades = [trade for trade in record if trade.sequence > after]
        for trade in trades[:most]:
            self._say(self._fill(trade))
        through = str(trades[:most][-1].sequence) if trades else effect.after
        self._end_page(effect.instrument, through, asked_at, more=len(trades) > most)

    def _page_of_ledger(self, effect: FetchLedger, asked_at: int) -> None:
        after, most = int(effect.after or 0), effect.rows or PAGE_ROWS
        movements = [each for each in self.exchange.movements if each.number > after]
        for movement in movements[:most]:
            self._say(self._movement(movement))
        through = str(movements[:most][-1].number) if movements else effect.after
        self._end_page("ledger", through, asked_at, more=len(movements) > most)

    def _end_page(self, subject: str, through: str, asked_at: int, *, more: bool) -> None:
        self._say(
            PageReported(
                received_at=0,
                account=self.account,
                subject=subject,
                through=through,
                more=more,
                asked_at=asked_at,
            )
        )

    # --- in: what people do with our account ------------------------------------------------------

    def free(self, asset: str) -> Decimal:
        """What no order holds."""
        return self.exchange.free(asset)

    def transfer(self, asset: str, amount: Decimal) -> None:
        """Cash comes or goes; what was so until now is stated before."""
        self._catch_up()
        self.exchange.transfer(asset, amount)

    # --- out: what it tells -----------------------------------------------------------------------

    def _say(self, event: Event) -> None:
        """On its way to us, behind all that it told before."""
        self._told_at = max(self._told_at, self._world.now + self._reply.of(self._dice.word()))
        self._world.call_at(self._told_at, self._tell, event)

    def on_order(self, ticket: Ticket) -> None:
        """A ticket is new, cancelled, expired."""
        self._say(
            OrderReported(
                received_at=0,
                account=self.account,
                client_order_id=ticket.client_id,
                status=STATUS[ticket.status],
                order_id=ticket.order_id,
                instrument=ticket.symbol,
                side=ticket.side,
                leg=LEGS[ticket.leg],
                quantity=_units(ticket.quantity, QUANTITY_DECIMALS),
                price=_units(ticket.price, PRICE_DECIMALS),
                filled_quantity=_units(ticket.filled, QUANTITY_DECIMALS),
                reason=ticket.reason,
                occurred_at=self._world.now,
            )
        )

    def on_trade(self, trade: Trade, facts: tuple[Fact, ...]) -> None:
        """A ticket traded."""
        self._traded_at[trade.sequence] = self._world.now
        self._say(self._fill(trade))

    def _fill(self, trade: Trade) -> FillReported:
        ticket, exchange = trade.ticket, self.exchange
        derived = exchange.terms[ticket.symbol].model != "spot"
        return FillReported(
            received_at=0,
            account=self.account,
            instrument=ticket.symbol,
            fill_id=exchange.habits.name_trade(trade.trade_id),
            order_id=ticket.order_id,
            side=trade.side,
            quantity=_units(trade.quantity, QUANTITY_DECIMALS),
            price=_units(trade.price, PRICE_DECIMALS),
            occurred_at=self._traded_at[trade.sequence],
            client_order_id=ticket.client_id,
            leg=LEGS[ticket.leg],
            value=_units(trade.value, VALUE_DECIMALS),
            told_decimals=VALUE_DECIMALS,
            fee=_units(trade.fee, self._decimals(trade.fee_asset)),
            fee_asset=trade.fee_asset,
            realised=_units(trade.realised, VALUE_DECIMALS) if derived else None,
            sequence=trade.sequence,
            maker=trade.maker,
            cause=CAUSES[trade.cause],
        )

    def on_account(self, assets: list[str], legs: list[tuple[str, str]], reason: str) -> None:
        """It is told by its statements."""

    def on_movement(self, movement: Movement, facts: tuple[Fact, ...]) -> None:
        """Funding or a transfer."""
        self._moved_at[movement.number] = self._world.now
        self._say(self._movement(movement))

    def _movement(self, movement: Movement) -> FundingPaid | CashMoved:
        amount = _units(movement.amount, self._decimals(movement.asset))
        at, name = self._moved_at[movement.number], str(movement.number)
        if movement.kind == "funding":
            return FundingPaid(
                received_at=0,
                account=self.account,
                instrument=movement.symbol,
                funding_id=name,
                asset=movement.asset,
                amount=amount,
                occurred_at=at,
            )
        return CashMoved(
            received_at=0,
            account=self.account,
            movement_id=name,
            asset=movement.asset,
            amount=amount,
            reason="transfer",
            occurred_at=at,
        )

    def on_bust(self, trade: Trade, bust_id: str, facts: tuple[Fact, ...]) -> None:
        """Without faults no trade is undone."""
        raise AssertionError("no trade is undone here")

    def on_terms(self, symbol: str, facts: tuple[Fact, ...]) -> None:
        """Without faults no contract is restated."""
        raise AssertionError("no contract is restated here")

    def statement(
        self, kind: StatementKind, as_of: int, asked_at: int, since: int = 0
    ) -> StatementReported:
        """What it holds of ours, as it stands; the same since then, where that is said."""
        exchange = self.exchange
        if kind == "balances":
            rows = [
                StatementRow(asset, "cash", _units(amount, self._decimals(asset)))
                for asset, amount in exchange.wallets.items()
            ]
        else:
            rows = [
                StatementRow(symbol, leg, _units(held.quantity, QUANTITY_DECIMALS))
                for (symbol, leg), held in exchange.positions.items()
            ]
        return StatementReported(
            received_at=0,
            account=self.account,
            kind=kind,
            rows=tuple(rows),
            asked_at=asked_at,
            as_of=as_of,
            since=since,
        )

    def _decimals(self, asset: str) -> int:
        return self._counted_in.get(asset, ASSET_DECIMALS)


class Clock:
    """The venue's own: it never differs from ours."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now_ms(self) -> int:
        """Whole milliseconds; what is told has the nanosecond."""
        return self._world.now // 1_000_000


def _exact(units: int, decimals: int) -> Decimal:
    return Decimal(units).scaleb(-decimals)


def _units(amount: Decimal, decimals: int) -> int:
    """In whole units; a digit that they do not hold would be lost in silence."""
    scaled = amount.scaleb(decimals)
    units = int(scaled)
    assert units == scaled, (amount, decimals)
    return units
