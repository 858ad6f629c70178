"""Short words for events, so that a test reads as a story about money.

Quantities, prices and amounts are decimal texts, times are milliseconds since the story began; what
happened is heard 10 ms later where nothing else is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.effects import Effect, FetchFills, FetchLedger, FetchOpenOrders, FetchStatement, SetAlarm
from core.events import (
    AccountOpened,
    AlarmRang,
    Event,
    FillBusted,
    FillReported,
    FundingPaid,
    InstrumentListed,
    NodeStarted,
    OpeningSet,
    OrderReported,
    OrderRequested,
    PageReported,
    ProgressReported,
    StatementReported,
    StatementRow,
    StreamOpened,
)
from core.gate import BreakGate
from core.money import ASSET_DECIMALS, parse, price, quantity, show
from core.state import Account, Drift, Order, State
from core.step import step

MS = 1_000_000
BEGIN = 1_700_000_000_000 * MS
SPOT = "venue/main"
PERP = "perps/main"

AnEffect = TypeVar("AnEffect", bound=Effect)


def ms(moment: int) -> int:
    """That moment of the story, as a time."""
    return BEGIN + moment * MS


def units(text: str) -> int:
    """An amount of an asset with the usual eight decimals."""
    return parse(text, ASSET_DECIMALS)


# --- what stands ---------------------------------------------------------------------------------


def opened(account: str = SPOT, **terms: Any) -> AccountOpened:
    usual: dict[str, Any] = {
        "tells": "fills",
        "statements": ("balances",) if account == SPOT else ("balances", "positions"),
        "statement_period_ns": 1000 * MS,
        "backfill_period_ns": 30_000 * MS,
        "settle_ns": 400 * MS,
        "silence_ns_max": 12_000 * MS,
    }
    return AccountOpened(received_at=ms(0), account=account, **{**usual, **terms})


def spot(symbol: str = "XRPETH", base: str = "XRP", quote: str = "ETH") -> InstrumentListed:
    return _listed(SPOT, symbol, "spot", base, quote, quote, "1")


def linear(symbol: str = "BTC-PERP", multiplier: str = "0.01") -> InstrumentListed:
    return _listed(PERP, symbol, "linear", "BTC", "USDT", "USDT", multiplier)


def inverse(symbol: str = "BTCUSD", multiplier: str = "1") -> InstrumentListed:
    return _listed(PERP, symbol, "inverse", "BTC", "USD", "BTC", multiplier)


def _listed(
    account: str, symbol: str, kind: Any, base: str, quote: str, settle: str, multiplier: str
) -> InstrumentListed:
    return InstrumentListed(
        received_at=ms(0),
        account=account,
        instrument=symbol,
        kind=kind,
        base=base,
        quote=quote,
        settle=settle,
        multiplier=quantity(multiplier),
    )


def opening(subject: str, amount: str, leg: str = "cash", account: str = SPOT) -> OpeningSet:
    return OpeningSet(
        received_at=ms(0),
        account=account,
        subject=subject,
        leg=leg,
        amount=units(amount),
        occurred_at=ms(0),
    )


# --- what is told --------------------------------------------------------------------------------


def fill(
    fill_id: str,
    side: Any,
    amount: str,
    at_price: str,
    *,
    at: int = 100,
    heard: int | None = None,
    fee: str = "0",
    fee_asset: str = "",
    **terms: Any,
) -> FillReported:
    usual: dict[str, Any] = {"account": SPOT, "instrument": "XRPETH", "order_id": f"o{fill_id}"}
    return FillReported(
        received_at=ms(at + 10 if heard is None else heard),
        occurred_at=ms(at),
        fill_id=fill_id,
        side=side,
        quantity=quantity(amount),
        price=price(at_price),
        fee=units(fee),
        fee_asset=fee_asset,
        **{**usual, **terms},
    )


def bust(told: FillReported, *, bust_id: str = "", at: int = 500) -> FillBusted:
    """That fill is undone; its terms are told again, as venues do."""
    return FillBusted(
        received_at=ms(at + 10),
        occurred_at=ms(at),
        bust_id=bust_id or f"B{told.fill_id}",
        account=told.account,
        instrument=told.instrument,
        fill_id=told.fill_id,
        order_id=told.order_id,
        client_order_id=told.client_order_id,
        side=told.side,
        leg=told.leg,
        quantity=told.quantity,
        price=told.price,
        value=told.value,
        fee=told.fee,
        fee_asset=told.fee_asset,
        realised=told.realised,
    )


def progress(
    order_id: str, side: Any, amount: str, average: str, *, at: int = 100, **terms: Any
) -> ProgressReported:
    """How far an order got; with `value` exactly, else its average price cut to 0.01."""
    usual: dict[str, Any] = {
        "client_order_id": "",
        "average_price_step": price("0.01"),
        "fee": 0,
        "fee_asset": "ETH",
    }
    return ProgressReported(
        received_at=ms(at + 10),
        occurred_at=ms(at),
        account=SPOT,
        instrument="XRPETH",
        order_id=order_id,
        side=side,
        quantity=quantity(amount),
        average_price=price(average),
        **{**usual, **terms},
    )


def funding(funding_id: str, amount: str, *, at: int = 100) -> FundingPaid:
    return FundingPaid(
        received_at=ms(at + 10),
        occurred_at=ms(at),
        account=PERP,
        instrument="BTC-PERP",
        funding_id=funding_id,
        asset="USDT",
        amount=units(amount),
    )


def statement(
    rows: dict[str, str],
    *,
    as_of: int | None,
    heard: int,
    asked: int | None = None,
    **terms: Any,
) -> StatementReported:
    """The venue's balances (or positions: "BTC-PERP/net") as of a moment, heard at another."""
    usual: dict[str, Any] = {"account": SPOT, "kind": "balances", "as_of_step": MS}
    return StatementReported(
        received_at=ms(heard),
        asked_at=ms(heard - 20 if asked is None else asked),
        as_of=ms(as_of) if as_of is not None else 0,
        rows=tuple(
            StatementRow(name.partition("/")[0], name.partition("/")[2] or "cash", units(amount))
            for name, amount in rows.items()
        ),
        **{**usual, **terms},
    )


def page(subject: str, through: str, *, at: int, more: bool = False, account: str = SPOT) -> Event:
    return PageReported(
        received_at=ms(at),
        account=account,
        subject=subject,
        through=through,
        more=more,
        asked_at=ms(at - 20),
    )


def wish(side: Any, amount: str, at_price: str, *, at: int = 50, **terms: Any) -> OrderRequested:
    usual: dict[str, Any] = {"account": SPOT, "instrument": "XRPETH", "kind": "limit"}
    return OrderRequested(
        received_at=ms(at),
        strategy="mm",
        reference="r",
        side=side,
        quantity=quantity(amount),
        price=price(at_price),
        **{**usual, **terms},
    )


def report(client_order_id: str, status: Any, *, at: int = 60, **terms: Any) -> OrderReported:
    usual: dict[str, Any] = {"account": SPOT, "instrument": "XRPETH", "side": "buy"}
    return OrderReported(
        received_at=ms(at), client_order_id=client_order_id, status=status, **{**usual, **terms}
    )


def started(epoch: int = 1, *, at: int = 0) -> NodeStarted:
    return NodeStarted(received_at=ms(at), node="tie", epoch=epoch)


def stream(epoch: int = 1, *, at: int = 5, account: str = SPOT) -> StreamOpened:
    return StreamOpened(received_at=ms(at), account=account, epoch=epoch)


# --- the books -----------------------------------------------------------------------------------


@dataclass
class Books:
    """Books that are told one event after the other; `done` has all effects so far."""

    state: State = field(default_factory=State)
    done: list[Effect] = field(default_factory=list)

    def tell(self, *events: Event) -> list[Effect]:
        """Step through the events; returns what they brought about."""
        effects: list[Effect] = []
        for event in events:
            effects += step(self.state, event, BreakGate())
        self.done += effects
        return effects

    def ring(self, alarm: str) -> list[Effect]:
        """An alarm that is armed rings when it is due."""
        return self.tell(AlarmRang(received_at=self.state.alarms[alarm], alarm=alarm))

    def hold(self, subject: str, leg: str = "cash", account: str = SPOT) -> str:
        """What we say we hold, as a decimal text."""
        return show(self.state.holdings.get(f"{account}/{subject}/{leg}", 0), ASSET_DECIMALS)

    def all_holdings(self) -> dict[str, str]:
        """Every holding that is not zero."""
        held = self.state.holdings.items()
        return {name: show(amount, ASSET_DECIMALS) for name, amount in held if amount}

    def figure(self, name: str) -> str:
        return show(self.state.figures.get(name, 0), ASSET_DECIMALS)

    def account(self, name: str = SPOT) -> Account:
        return self.state.accounts[name]

    def suspect(self, subject: str, leg: str = "cash", account: str = SPOT) -> str | None:
        """The signed size of the open suspect, if there is one."""
        return _size(self.state.suspects.get(f"{account}/{subject}/{leg}"))

    def break_(self, subject: str, leg: str = "cash", account: str = SPOT) -> str | None:
        """The signed size of the open break, if there is one."""
        return _size(self.state.breaks.get(f"{account}/{subject}/{leg}"))

    def doubted(self) -> bool:
        """Whether anything is parked, suspected or broken."""
        return bool(self.state.readings or self.state.suspects or self.state.breaks)

    def endings(self) -> list[tuple[str, str]]:
        """Cause and resolution of each suspect and break that is over."""
        return [(each.cause, each.resolution) for each in self.state.resolved]

    def order(self) -> Order:
        """The one order."""
        (order,) = self.state.orders.values()
        return order


def _size(drift: Drift | None) -> str | None:
    return None if drift is None else show(drift.size, ASSET_DECIMALS)


def only(kind: type[AnEffect], effects: list[Effect]) -> list[AnEffect]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def names(effects: list[Effect]) -> list[str]:
    """What was done, without alarms: "FetchFills XRPETH after 7", "FetchStatement balances"."""
    said = []
    for effect in effects:
        match effect:
            case SetAlarm():
                continue
            case FetchFills():
                said.append(f"FetchFills {effect.instrument} after {effect.after or 'the start'}")
            case FetchLedger():
                said.append(f"FetchLedger after {effect.after or 'the start'}")
            case FetchStatement():
                said.append(f"FetchStatement {effect.kind}")
            case FetchOpenOrders():
                said.append("FetchOpenOrders")
            case _:
                said.append(type(effect).__name__)
    return said


def spot_books(xrp: str = "1000", eth: str = "10", **terms: Any) -> Books:
    """A spot account with XRP and ETH in it, and its first stream asked for."""
    books = Books()
    books.tell(started(), opened(**terms), spot(), opening("XRP", xrp), opening("ETH", eth))
    return books


def perp_books(usdt: str = "1000", btc: str = "1", **terms: Any) -> Books:
    """A derivatives account: a linear contract of 0.01 BTC, an inverse one of 1 USD."""
    books = Books()
    books.tell(started(), opened(PERP, **terms), linear(), inverse())
    books.tell(opening("USDT", usdt, account=PERP), opening("BTC", btc, account=PERP))
    return books
