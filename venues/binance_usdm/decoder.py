"""Binance USDⓈ-M futures frames as events: the user data stream and the REST answers.

Rule 1. Told is not guessed: a fill is an execution with a quantity and an id. TRADE_LITE repeats a
fill earlier and with less, so it is a hint and dismissed.
Rule 2. Funding and transfers are booked from the income record alone, by its `tranId`. The stream's
ACCOUNT_UPDATE names neither that id nor (cross margin) the symbol, and its time need not be the
record's: whoever booked both would book twice. Its balances are read as what they are, pushed
statements.
Rule 3. An order is rejected only by a code of `REJECTED`; any other answer that is not the order
itself leaves its outcome unknown. A duplicate id (-4116) is no rejection: that order may live.
Rule 4. What is read and carries nothing is dismissed, what cannot be read is quarantined; neither
is silent. (Sources: Binance USDⓈ-M documentation; kinds seen in recorded payloads.)
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from core.effects import (
    CancelOrder,
    FetchFills,
    FetchLedger,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    RenewStream,
)
from core.events import (
    CashMoved,
    Event,
    FillCause,
    FillReported,
    FundingPaid,
    Leg,
    OpenOrdersReported,
    OrderReport,
    OrderReported,
    Side,
    StatementKind,
    StatementReported,
    StatementRow,
    StreamClosed,
)
from core.frames import Frame
from core.money import price, quantity
from core.reading import (
    MS,
    Unreadable,
    an_array,
    an_object,
    dismissed,
    loads,
    page_end,
    quarantined,
    retry_after_ns,
)
from venues.binance_usdm.requests import FILLS_PER_PAGE, INCOME_PER_PAGE
from venues.reader import read
from venues.reading import (
    cancel_rejected,
    fill_price,
    no_answer,
    order_missing,
    rejected,
    unanswered,
    units,
    value,
)

Decimals = Mapping[str, int]
Json = dict[str, Any]
CashReason = Literal["transfer", "realised", "deposit", "withdrawal", "adjustment", "insurance"]

STATUS: Mapping[str, OrderReport] = {
    "NEW": "acknowledged",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
    # Of the venue's own orders in a forced liquidation; no order of ours comes to it.
    "NEW_INSURANCE": "acknowledged",
    "NEW_ADL": "acknowledged",
}
SIDE: Mapping[str, Side] = {"BUY": "buy", "SELL": "sell"}
LEG: Mapping[str, Leg] = {"BOTH": "net", "LONG": "long", "SHORT": "short"}
# The venue's own orders are known by how it names them.
FORCED: tuple[tuple[str, FillCause], ...] = (
    ("autoclose-", "liquidation"),
    ("adl_autoclose", "adl"),
    ("settlement_autoclose-", "settlement"),
)
INCOME: Mapping[str, CashReason] = {
    "TRANSFER": "transfer",
    "INTERNAL_TRANSFER": "transfer",
    "CROSS_COLLATERAL_TRANSFER": "transfer",
    "STRATEGY_UMFUTURES_TRANSFER": "transfer",
    "COIN_SWAP_DEPOSIT": "deposit",
    "COIN_SWAP_WITHDRAW": "withdrawal",
    "INSURANCE_CLEAR": "insurance",
    "WELCOME_BONUS": "adjustment",
    "REFERRAL_KICKBACK": "adjustment",
    "COMMISSION_REBATE": "adjustment",
    "API_REBATE": "adjustment",
    "CONTEST_REWARD": "adjustment",
    "FEE_RETURN": "adjustment",
    "BFUSD_REWARD": "adjustment",
    "AUTO_EXCHANGE": "adjustment",
    "POSITION_LIMIT_INCREASE_FEE": "adjustment",
}
# Told by the fills already, with the same amounts.
INCOME_OF_FILLS = ("COMMISSION", "REALIZED_PNL")
# Codes that prove that the order was not taken: parameters, filters, margin, reduce-only, mode.
REJECTED = (
    -1013, -1015, -1100, -1102, -1106, -1111, -1115, -1116, -1117, -1121,
    -2010, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025, -2026, -2027, -2028,
    -4003, -4005, -4013, -4014, -4023, -4024, -4061, -4131, -4164, -5021, -5022,
)  # fmt: skip
UNKNOWN_ORDER = (-2013,)
RATE_LIMITED = (429, 418)
# To wait where the venue does not say how long.
LIMIT_NS = 1_000 * MS
# A row may enter the income record later than its time says: so much is read again each round.
INCOME_OVERLAP_MS = 60_000
EMPTY: Mapping[str, str] = {
    "TRADE_LITE": "a hint: ORDER_TRADE_UPDATE tells the fill whole",
    "ACCOUNT_CONFIG_UPDATE": "leverage or multi-assets mode: holdings do not move",
    "MARGIN_CALL": "a warning: holdings do not move",
    "ALGO_UPDATE": "a conditional order; what it triggers is told as an order",
    "CONDITIONAL_ORDER_TRIGGER_REJECT": "a conditional order that did not become one",
    "STRATEGY_UPDATE": "a strategy of the venue's own; its orders are told one by one",
    "GRID_UPDATE": "a grid of the venue's own; its orders are told one by one",
}


def decode(frame: Frame, decimals: Decimals) -> list[Event]:
    """Every event that the frame tells, in its order."""
    return read(frame, decimals, _stream, _answer)


# --- the stream ----------------------------------------------------------------------------------


def _stream(frame: Frame, decimals: Decimals) -> list[Event]:
    message = an_object(loads(frame.body))
    told = an_object(message.get("data", message))  # combined streams wrap what they carry
    kind = str(told.get("e"))
    if kind in EMPTY:
        return dismissed(frame, f"{kind}: {EMPTY[kind]}")
    reader = _STREAM.get(kind)
    if reader is None:
        return quarantined(frame, f"unknown stream event {kind!r}")
    return reader(frame, told, decimals)


def _order_trade_update(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    line = told["o"]
    events: list[Event] = []
    if line["x"] in ("TRADE", "CALCULATED") and quantity(line["l"]) > 0:
        events.append(_fill(frame, line, decimals))
    events.append(
        OrderReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_id=line["c"],
            status=STATUS[line["X"]],
            order_id=str(line["i"]),
            instrument=line["s"],
            side=SIDE[line["S"]],
            leg=LEG[line["ps"]],
            quantity=quantity(line["q"]),
            price=price(line["p"]),
            filled_quantity=quantity(line["z"]),
            occurred_at=_at(line["T"]),
        )
    )
    return events


def _fill(frame: Frame, line: Json, decimals: Decimals) -> Event:
    if type(line["t"]) is not int or line["t"] <= 0:
        raise Unreadable("a fill without an id")
    fee_asset = line.get("N") or ""
    realised = line.get("rp")
    return FillReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["s"],
        fill_id=str(line["t"]),
        order_id=str(line["i"]),
        client_order_id=line["c"],
        side=SIDE[line["S"]],
        leg=LEG[line["ps"]],
        quantity=quantity(line["l"]),
        price=fill_price(line["L"]),
        fee=units(line["n"], fee_asset, decimals) if fee_asset else 0,
        fee_asset=fee_asset,
        realised=value(realised) if realised else None,
        maker=bool(line["m"]),
        cause=_cause(line["c"], line["x"]),
        occurred_at=_at(line["T"]),
    )


def _cause(client_order_id: str, execution_type: str) -> FillCause:
    for prefix, cause in FORCED:
        if client_order_id.startswith(prefix):
            return cause
    return "liquidation" if execution_type == "CALCULATED" else "trade"


def _account_update(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    at = _at(told["T"])
    wallets = tuple(
        StatementRow(line["a"], "cash", units(line["wb"], line["a"], decimals))
        for line in told["a"].get("B", [])
    )
    positions = tuple(
        StatementRow(line["s"], LEG[line["ps"]], quantity(line["pa"]))
        for line in told["a"].get("P", [])
    )
    events: list[Event] = []
    if wallets:
        events.append(_pushed(frame, "balances", wallets, at))
    if positions:
        events.append(_pushed(frame, "positions", positions, at))
    return events or dismissed(frame, f"ACCOUNT_UPDATE {told['a'].get('m')}: no line changed")


def _pushed(frame: Frame, kind: StatementKind, rows: tuple[StatementRow, ...], at: int) -> Event:
    return StatementReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        kind=kind,
        rows=rows,
        asked_at=frame.received_at,
        as_of=at,
        as_of_step=MS,
        complete=False,
    )


def _stream_ended(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    return [
        StreamClosed(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            epoch=frame.epoch,
            reason=told["e"],
        )
    ]


_STREAM: Mapping[str, Callable[[Frame, Json, Decimals], list[Event]]] = {
    "ORDER_TRADE_UPDATE": _order_trade_update,
    "ACCOUNT_UPDATE": _account_update,
    "listenKeyExpired": _stream_ended,
    "eventStreamTerminated": _stream_ended,
}


# --- answers -------------------------------------------------------------------------------------


def _answer(frame: Frame, decimals: Decimals) -> list[Event]:
    about = frame.about
    assert about is not None, "an answer answers an effect"
    wait_ns = _wait_ns(frame) if frame.status in RATE_LIMITED else 0
    if nothing := unanswered(frame, about, RATE_LIMITED, wait_ns):
        return nothing
    told = loads(frame.body)
    if isinstance(told, dict) and "code" in told and "msg" in told and told["code"] != 200:
        return _error(frame, told)
    match about:
        case PlaceOrder() | CancelOrder() | QueryOrder():
            return [_order(frame, an_object(told))]
        case FetchOpenOrders():
            return _open_orders(frame, an_array(told))
        case FetchStatement(kind="positions"):
            return [_positions(frame, an_array(told))]
        case FetchStatement():
            return [_balances(frame, told, decimals)]
        case FetchFills():
            return _user_trades(frame, about, an_array(told), decimals)
        case FetchLedger():
            return _income(frame, about, an_array(told), decimals)
        case RenewStream():
            return dismissed(frame, "the stream's key was renewed")
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _error(frame: Frame, told: Json) -> list[Event]:
    reason = f"{told['code']}: {told['msg']}"
    match frame.about:
        case PlaceOrder() if told["code"] in REJECTED:
            return rejected(frame, frame.about, reason)
        case QueryOrder() if told["code"] in UNKNOWN_ORDER:
            return order_missing(frame, frame.about)
        case CancelOrder():
            return cancel_rejected(frame, frame.about, reason)
        case None:
            return quarantined(frame, reason)
        case _:
            return no_answer(frame, frame.about, reason)


def _wait_ns(frame: Frame) -> int:
    """Until a ban ends, as its text says; else as a header says; else a time of our own."""
    banned = re.search(rb"banned until (\d{13})\b", frame.body)
    until = int(banned[1]) * MS - frame.received_at if banned else 0
    return max(until, retry_after_ns(frame)) or LIMIT_NS


def _order(frame: Frame, told: Json) -> Event:
    return OrderReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        client_order_id=told["clientOrderId"],
        status=STATUS[told["status"]],
        order_id=str(told["orderId"]),
        instrument=told["symbol"],
        side=SIDE[told["side"]],
        leg=LEG[told["positionSide"]],
        quantity=quantity(told["origQty"]),
        price=price(told["price"]),
        filled_quantity=quantity(told["executedQty"]),
        occurred_at=_at(told["updateTime"]),
    )


def _open_orders(frame: Frame, told: list[Json]) -> list[Event]:
    events: list[Event] = [_order(frame, line) for line in told]
    events.append(
        OpenOrdersReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_ids=tuple(line["clientOrderId"] for line in told),
            asked_at=frame.asked_at,
        )
    )
    return events


def _balances(frame: Frame, told: object, decimals: Decimals) -> Event:
    """The rows of /balance (`balance`) or of /account (`assets`, `walletBalance`)."""
    rows = an_array(told["assets"] if isinstance(told, dict) else told)
    return _statement(
        frame,
        "balances",
        tuple(
            StatementRow(
                line["asset"],
                "cash",
                units(
                    line["walletBalance"] if "walletBalance" in line else line["balance"],
                    line["asset"],
                    decimals,
                ),
                as_of=_at(line["updateTime"]),
            )
            for line in rows
        ),
    )


def _positions(frame: Frame, told: list[Json]) -> Event:
    """One row a leg; flat ones are left out (v3), or stand with `updateTime` 0 (v2)."""
    return _statement(
        frame,
        "positions",
        tuple(
            StatementRow(
                line["symbol"],
                LEG[line["positionSide"]],
                quantity(line["positionAmt"]),
                as_of=_at(line["updateTime"]),
            )
            for line in told
        ),
    )


def _statement(frame: Frame, kind: StatementKind, rows: tuple[StatementRow, ...]) -> Event:
    return StatementReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        kind=kind,
        rows=rows,
        asked_at=frame.asked_at,
        as_of_step=MS,
    )


def _user_trades(
    frame: Frame, about: FetchFills, told: list[Json], decimals: Decimals
) -> list[Event]:
    events: list[Event] = [_user_trade(frame, line, decimals) for line in told]
    through = str(max(line["id"] for line in told)) if told else about.after
    more = len(told) >= (about.rows or FILLS_PER_PAGE)
    events.append(page_end(frame, about.instrument, through, more=more))
    return events


def _user_trade(frame: Frame, line: Json, decimals: Decimals) -> Event:
    # `quoteQty` is rounded to the quote's own decimals and so is no exact value.
    return FillReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["symbol"],
        fill_id=str(line["id"]),
        order_id=str(line["orderId"]),
        side=SIDE[line["side"]],
        leg=LEG[line["positionSide"]],
        quantity=quantity(line["qty"]),
        price=fill_price(line["price"]),
        fee=units(line["commission"], line["commissionAsset"], decimals),
        fee_asset=line["commissionAsset"],
        realised=value(line["realizedPnl"]),
        maker=line["maker"],
        occurred_at=_at(line["time"]),
    )


def _income(frame: Frame, about: FetchLedger, told: list[Json], decimals: Decimals) -> list[Event]:
    """Ascending by time; while pages are full the start stands still and the page number moves."""
    events: list[Event] = []
    for line in told:
        events += _movement(frame, line, decimals)
    start, _, page = (about.after or "/1").partition("/")
    if len(told) >= (about.rows or INCOME_PER_PAGE):
        events.append(page_end(frame, "ledger", f"{start}/{int(page) + 1}", more=True))
        return events
    last = max((line["time"] for line in told), default=0) - INCOME_OVERLAP_MS
    through = f"{max(last, int(start or 0))}/1"
    events.append(page_end(frame, "ledger", through, more=False))
    return events


def _movement(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    kind, asset = line["incomeType"], line["asset"]
    if kind in INCOME_OF_FILLS:
        return []
    # `tranId` is unique within one type of income.
    if kind == "FUNDING_FEE":
        return [
            FundingPaid(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                instrument=line["symbol"],
                funding_id=f"{line['tranId']}:{line['symbol']}",
                asset=asset,
                amount=units(line["income"], asset, decimals),
                occurred_at=_at(line["time"]),
            )
        ]
    if kind not in INCOME:
        return quarantined(frame, f"income of unknown type {kind!r}: {line['income']} {asset}")
    return [
        CashMoved(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            movement_id=f"{kind}:{line['tranId']}",
            asset=asset,
            amount=units(line["income"], asset, decimals),
            reason=INCOME[kind],
            occurred_at=_at(line["time"]),
            instrument=line["symbol"],
        )
    ]


# --- small things --------------------------------------------------------------------------------


def _at(ms: object) -> int:
    """Milliseconds as nanoseconds; anything else than a whole number is not guessed at."""
    if type(ms) is not int:
        raise Unreadable(f"{ms!r} is not a time")
    return ms * MS
