"""Binance spot frames as events: the user data stream and the REST answers.

Rule 1. Told is not guessed: a fill is a trade with an id and a quantity. `t` -1 or `l` 0 is none.
Rule 2. An order is rejected only by a code of `REJECTED`; any other answer that is not the order
itself leaves its outcome unknown.
Rule 3. What is read and carries nothing is dismissed, what cannot be read is quarantined; neither
is silent. (Sources: Binance spot API documentation; kinds seen in recorded payloads.)
"""

from collections.abc import Callable, Mapping
from typing import Any

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
    OpenOrdersReported,
    OrderReport,
    OrderReported,
    Side,
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
from venues.binance_spot.requests import FILLS_PER_PAGE, MOVES_PER_PAGE
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

STATUS: Mapping[str, OrderReport] = {
    "NEW": "acknowledged",
    "PENDING_NEW": "acknowledged",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "PENDING_CANCEL": "acknowledged",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
SIDE: Mapping[str, Side] = {"BUY": "buy", "SELL": "sell"}
# Codes that prove that the order was not taken: bad parameters, filters, balance, symbol, price.
REJECTED = (-1013, -1100, -1102, -1106, -1111, -1115, -1116, -1117, -1121, -2010, -1015)
UNKNOWN_ORDER = (-2013,)
RATE_LIMITED = (429, 418)
# To wait where the venue does not say how long.
LIMIT_NS = 1_000 * MS


def decode(frame: Frame, decimals: Decimals) -> list[Event]:
    """Every event that the frame tells, in its order."""
    return read(frame, decimals, _stream, _answer)


# --- the stream ----------------------------------------------------------------------------------


def _stream(frame: Frame, decimals: Decimals) -> list[Event]:
    message = loads(frame.body)
    if not isinstance(message, dict):
        raise Unreadable("a stream message is an object")
    # A subscription or a combined stream wraps what it carries.
    event = message.get("event") or message.get("data") or message
    reader = _STREAM.get(str(event.get("e")))
    if reader is None:
        return quarantined(frame, f"unknown stream event {event.get('e')!r}")
    return reader(frame, event, decimals)


def _execution_report(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    # After a cancel `c` is the cancel request's own id and `C` the order's.
    client_order_id = told["C"] or told["c"]
    at = told["T"] * MS
    events: list[Event] = []
    if told["x"] in ("TRADE", "CALCULATED") and told["t"] != -1 and quantity(told["l"]) > 0:
        fee_asset = told.get("N") or ""
        quote_units = told.get("Y")
        events.append(
            FillReported(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                instrument=told["s"],
                fill_id=str(told["t"]),
                order_id=str(told["i"]),
                client_order_id=client_order_id,
                side=SIDE[told["S"]],
                quantity=quantity(told["l"]),
                price=fill_price(told["L"]),
                value=value(quote_units) if quote_units else None,
                fee=units(told["n"], fee_asset, decimals) if fee_asset else 0,
                fee_asset=fee_asset,
                maker=bool(told.get("m")),
                cause=_cause(told["x"]),
                occurred_at=at,
            )
        )
    events.append(
        OrderReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_id=client_order_id,
            status=STATUS[told["X"]],
            order_id=str(told["i"]),
            instrument=told["s"],
            side=SIDE[told["S"]],
            quantity=quantity(told["q"]),
            price=price(told["p"]),
            filled_quantity=quantity(told["z"]),
            reason="" if told["r"] == "NONE" else told["r"],
            occurred_at=at,
        )
    )
    return events


def _cause(execution_type: str) -> FillCause:
    return "liquidation" if execution_type == "CALCULATED" else "trade"


def _account_position(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    rows = tuple(
        StatementRow(
            line["a"],
            "cash",
            units(line["f"], line["a"], decimals) + units(line["l"], line["a"], decimals),
        )
        for line in told["B"]
    )
    return [
        StatementReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            kind="balances",
            rows=rows,
            asked_at=frame.received_at,
            as_of=told["u"] * MS,
            as_of_step=MS,
            complete=False,
        )
    ]


def _balance_update(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    # The venue gives a movement no id: asset, time and size, by its own scale, are its natural key.
    return [
        CashMoved(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            movement_id=f"{told['a']}:{told['T']}:{value(told['d'])}",
            asset=told["a"],
            amount=units(told["d"], told["a"], decimals),
            reason="transfer",
            occurred_at=told["T"] * MS,
        )
    ]


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


def _list_status(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    return dismissed(frame, "listStatus: its orders are told one by one")


_STREAM: Mapping[str, Callable[[Frame, Json, Decimals], list[Event]]] = {
    "executionReport": _execution_report,
    "outboundAccountPosition": _account_position,
    "balanceUpdate": _balance_update,
    "listStatus": _list_status,
    "eventStreamTerminated": _stream_ended,
    "listenKeyExpired": _stream_ended,
}


# --- answers -------------------------------------------------------------------------------------


def _answer(frame: Frame, decimals: Decimals) -> list[Event]:
    about = frame.about
    assert about is not None, "an answer answers an effect"
    if nothing := unanswered(frame, about, RATE_LIMITED, retry_after_ns(frame) or LIMIT_NS):
        return nothing
    told = loads(frame.body)
    if isinstance(told, dict) and "code" in told and "msg" in told and told["code"] != 200:
        return _error(frame, told)
    match about:
        case PlaceOrder():
            return _placed(frame, an_object(told), decimals)
        case CancelOrder() | QueryOrder():
            return [_order(frame, an_object(told))]
        case FetchOpenOrders():
            return _open_orders(frame, an_array(told))
        case FetchStatement():
            return _account(frame, an_object(told), decimals)
        case FetchFills():
            return _my_trades(frame, about, an_array(told), decimals)
        case FetchLedger():
            return _transfers(frame, about, an_object(told), decimals)
        case RenewStream():
            return dismissed(frame, "the stream's key was renewed")
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _error(frame: Frame, told: Json) -> list[Event]:
    reason = f"{told['code']}: {told['msg']}"
    match frame.about:
        # A duplicate id is refused under a code of its own family: the first one may well live.
        case PlaceOrder() if told["code"] in REJECTED and "Duplicate" not in told["msg"]:
            return rejected(frame, frame.about, reason)
        case QueryOrder() if told["code"] in UNKNOWN_ORDER:
            return order_missing(frame, frame.about)
        case CancelOrder():
            return cancel_rejected(frame, frame.about, reason)
        case None:
            return quarantined(frame, reason)
        case _:
            return no_answer(frame, frame.about, reason)


def _placed(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    events: list[Event] = [
        FillReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            instrument=told["symbol"],
            fill_id=str(fill["tradeId"]),
            order_id=str(told["orderId"]),
            client_order_id=told["clientOrderId"],
            side=SIDE[told["side"]],
            quantity=quantity(fill["qty"]),
            price=fill_price(fill["price"]),
            fee=units(fill["commission"], fill["commissionAsset"], decimals),
            fee_asset=fill["commissionAsset"],
            occurred_at=told["transactTime"] * MS,
        )
        for fill in told.get("fills", [])
    ]
    events.append(_order(frame, told))
    return events


def _order(frame: Frame, told: Json) -> Event:
    return OrderReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        client_order_id=told.get("origClientOrderId") or told["clientOrderId"],
        status=STATUS[told["status"]],
        order_id=str(told["orderId"]),
        instrument=told["symbol"],
        side=SIDE[told["side"]],
        quantity=quantity(told["origQty"]),
        price=price(told["price"]),
        filled_quantity=quantity(told["executedQty"]),
        occurred_at=(told.get("updateTime") or told.get("transactTime") or 0) * MS,
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


def _account(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    rows = tuple(
        StatementRow(
            line["asset"],
            "cash",
            units(line["free"], line["asset"], decimals)
            + units(line["locked"], line["asset"], decimals),
        )
        for line in told["balances"]
    )
    return [
        StatementReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            kind="balances",
            rows=rows,
            asked_at=frame.asked_at,
            as_of=told["updateTime"] * MS,
            as_of_step=MS,
        )
    ]


def _my_trades(
    frame: Frame, about: FetchFills, told: list[Json], decimals: Decimals
) -> list[Event]:
    events: list[Event] = [_my_trade(frame, line, decimals) for line in told]
    through = str(max(line["id"] for line in told)) if told else about.after
    more = len(told) >= (about.rows or FILLS_PER_PAGE) and through != about.after
    events.append(page_end(frame, about.instrument, through, more=more))
    return events


def _my_trade(frame: Frame, line: Json, decimals: Decimals) -> Event:
    return FillReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["symbol"],
        fill_id=str(line["id"]),
        order_id=str(line["orderId"]),
        side="buy" if line["isBuyer"] else "sell",
        quantity=quantity(line["qty"]),
        price=fill_price(line["price"]),
        value=value(line["quoteQty"]),
        fee=units(line["commission"], line["commissionAsset"], decimals),
        fee_asset=line["commissionAsset"],
        maker=line["isMaker"],
        occurred_at=line["time"] * MS,
    )


def _transfers(frame: Frame, about: FetchLedger, told: Json, decimals: Decimals) -> list[Event]:
    # Read forward by time, the last millisecond again: repeats are echoes, equal times not lost.
    rows = told.get("rows") or []
    events: list[Event] = [_transfer(frame, line, decimals) for line in rows]
    since, _, page = (about.after or "0:1").partition(":")
    if len(rows) >= (about.rows or MOVES_PER_PAGE):
        events.append(page_end(frame, "ledger", f"{since}:{int(page) + 1}", more=True))
    else:
        last = max([int(since), *(line["timestamp"] for line in rows)])
        events.append(page_end(frame, "ledger", f"{last}:1", more=False))
    return events


def _transfer(frame: Frame, line: Json, decimals: Decimals) -> Event:
    # The stream's balanceUpdate names no tranId, so both tellings are keyed by what both have.
    out = line["type"].startswith("MAIN_")
    text = f"-{line['amount']}" if out else line["amount"]
    return CashMoved(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        movement_id=f"{line['asset']}:{line['timestamp']}:{value(text)}",
        asset=line["asset"],
        amount=units(text, line["asset"], decimals),
        reason="transfer",
        occurred_at=line["timestamp"] * MS,
    )
