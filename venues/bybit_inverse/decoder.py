"""Bybit v5 frames as events: the private stream and the REST answers, of every category.

Rule 1. Told is not guessed. An execution that tells no fee (the fast topic), or a spot one that
does not say in which coin, is not booked; the record of executions tells it. Realised profit is a
fact of its own, keyed by its execution: `execPnl` on the stream, `cashFlow` in the transaction log.
Rule 2. Errors come with HTTP 200 and a `retCode`. An order is rejected only by a code of
`REJECTED`; 110072 (duplicate orderLinkId) proves the contrary. Accepted is not done: create and
cancel are asynchronous.
Rule 3. A position's size has no sign, its side has; `seq` ties it to the fills of its symbol.
(Source: Bybit v5 API documentation; kinds seen in recorded payloads.)
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.effects import (
    CancelOrder,
    Effect,
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
    FrameQuarantined,
    FundingPaid,
    HeartbeatHeard,
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
from core.money import ASSET_DECIMALS, price, quantity
from core.reading import MS, Unreadable, dismissed, header, loads, page_end, quarantined
from venues.bybit_inverse.requests import ORDERS_PER_PAGE, POSITIONS_PER_PAGE
from venues.reader import read
from venues.reading import (
    cancel_rejected,
    fill_price,
    no_answer,
    order_missing,
    rejected,
    unanswered,
    units,
)

Decimals = Mapping[str, int]
Json = dict[str, Any]

STATUS: Mapping[str, OrderReport] = {
    "New": "acknowledged",
    "Untriggered": "acknowledged",
    "Triggered": "acknowledged",
    "PartiallyFilled": "partially_filled",
    "Filled": "filled",
    "Cancelled": "cancelled",
    "PartiallyFilledCanceled": "cancelled",
    "Deactivated": "cancelled",
    "Rejected": "rejected",
}
OPEN = ("acknowledged", "partially_filled")
SIDE: Mapping[str, Side] = {"Buy": "buy", "Sell": "sell"}
LEG: Mapping[int, Leg] = {0: "net", 1: "long", 2: "short"}
# BustTrade is a liquidation taken over at the bankruptcy price, not a trade undone.
EXECUTIONS: Mapping[str, FillCause] = {
    "Trade": "trade",
    "BlockTrade": "trade",
    "MovePosition": "trade",
    "FutureSpread": "trade",
    "AdlTrade": "adl",
    "BustTrade": "liquidation",
    "Delivery": "settlement",
}
# Codes that prove that the order was not taken: parameters, symbol, price, size, margin, position.
REJECTED = (
    *(10001, 110003, 110004, 110005, 110006, 110007, 110009, 110011, 110012, 110013, 110017),
    *(110020, 110021, 110022, 110023, 110025, 110028, 110030, 110045, 110052, 110066, 110074),
    *(110090, 110093, 110094, 110125, 170121, 170124, 170130, 170131, 170132, 170133, 170134),
    *(170135, 170136, 170137, 170140),
)
UNKNOWN_ORDER = (110001, 170213)
# Of the address, for which the venue asks to wait ten minutes; of the account, within a second.
RATE_LIMITED = (403, 429)
BAN_NS = 600_000 * MS
LIMIT_CODES = (10006, 10018)
LIMIT_NS = 1_000 * MS
LIMIT_RESET = "x-bapi-limit-reset-timestamp"

# Lines of the transaction log that an execution tells, but for the profit it realised.
LINES_OF_TRADES = ("TRADE", "LIQUIDATION", "ADL", "DELIVERY")
WINDOW_MS = 7 * 24 * 3600 * 1000
OVERLAP_MS = 5_000
# How much older than its stamp a wallet's reading may be.
READ_MS = 50


def decode(frame: Frame, decimals: Decimals) -> list[Event]:
    """Every event that the frame tells, in its order."""
    return read(frame, decimals, _stream, _answer)


# --- the stream ----------------------------------------------------------------------------------


def _stream(frame: Frame, decimals: Decimals) -> list[Event]:
    message = loads(frame.body)
    if not isinstance(message, dict):
        raise Unreadable("a stream message is an object")
    if "op" in message:
        return _session(frame, message)
    topic = str(message["topic"])
    for prefix, reason in TOLD_ELSEWHERE.items():
        if topic.startswith(prefix):
            return dismissed(frame, f"{topic}: {reason}")
    # A topic may be of one category: "execution.inverse".
    reader = _TOPICS.get(topic.partition(".")[0])
    if reader is None:
        return quarantined(frame, f"unknown topic {topic!r}")
    events: list[Event] = []
    for line in message["data"]:
        events += reader(frame, line, message["creationTime"] * MS, decimals)
    return events or dismissed(frame, f"{topic}: nothing in it")


def _session(frame: Frame, told: Json) -> list[Event]:
    """Words about the connection itself."""
    if told["op"] in ("ping", "pong"):
        return [
            HeartbeatHeard(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                epoch=frame.epoch,
            )
        ]
    if told.get("success"):
        return dismissed(frame, f"{told['op']}: the session goes on")
    return [
        StreamClosed(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            epoch=frame.epoch,
            reason=f"{told['op']}: {told.get('ret_msg', '')}",
        )
    ]


def _execution(frame: Frame, line: Json, at: int, decimals: Decimals) -> list[Event]:
    return _fill(frame, line, line["category"], decimals)


def _order_update(frame: Frame, line: Json, at: int, decimals: Decimals) -> list[Event]:
    return [_order(frame, line, line["category"])]


def _position_update(frame: Frame, line: Json, at: int, decimals: Decimals) -> list[Event]:
    return [_statement(frame, "positions", (_position_row(line),), complete=False)]


def _wallet_update(frame: Frame, line: Json, at: int, decimals: Decimals) -> list[Event]:
    rows = _cash_rows(line["coin"], decimals)
    return [_statement(frame, "balances", rows, as_of=at, complete=False)] if rows else []


TOLD_ELSEWHERE = {
    "execution.fast": "it tells no fee; the execution topic does",
    "spread.": "a spread's legs are told as executions of their symbols",
    "greeks": "no holding moves",
    "dcp": "no holding moves",
}
_TOPICS: Mapping[str, Callable[[Frame, Json, int, Decimals], list[Event]]] = {
    "execution": _execution,
    "order": _order_update,
    "position": _position_update,
    "wallet": _wallet_update,
}


# --- answers -------------------------------------------------------------------------------------


def _answer(frame: Frame, decimals: Decimals) -> list[Event]:
    about = frame.about
    assert about is not None, "an answer answers an effect"
    if nothing := unanswered(frame, about, RATE_LIMITED, BAN_NS):
        return nothing
    told = loads(frame.body)
    if not isinstance(told, dict):
        raise Unreadable("an object was expected")
    if told["retCode"] in LIMIT_CODES:
        return _limited(frame, about, told)
    if told["retCode"] != 0:
        return _error(frame, told)
    result: Json = told["result"]
    match about:
        case PlaceOrder():
            return [_accepted(frame, about, result)]
        case CancelOrder():
            # Accepted is not done: the order topic or a query tells what became of it.
            return dismissed(frame, f"the cancel of {result['orderId']} was accepted")
        case QueryOrder():
            rows = [_order(frame, line, result.get("category", "")) for line in result["list"]]
            return rows or order_missing(frame, about)
        case FetchOpenOrders():
            return _open_orders(frame, result)
        case FetchStatement():
            return _read_statement(frame, about, told, decimals)
        case FetchFills():
            return _executions(frame, about, told, decimals)
        case FetchLedger():
            return _lines(frame, about, told, decimals)
        case RenewStream():
            return dismissed(frame, "the account may be read")
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _error(frame: Frame, told: Json) -> list[Event]:
    code, reason = told["retCode"], f"{told['retCode']}: {told.get('retMsg', '')}"
    match frame.about:
        case PlaceOrder() if code in REJECTED:
            return rejected(frame, frame.about, reason)
        case QueryOrder() if code in UNKNOWN_ORDER:
            return order_missing(frame, frame.about)
        case CancelOrder():
            return cancel_rejected(frame, frame.about, reason)
        case None:
            return quarantined(frame, reason)
        case _:
            return no_answer(frame, frame.about, reason)


def _limited(frame: Frame, about: Effect, told: Json) -> list[Event]:
    """The account's limit ends at a moment that a header tells, by the venue's own clock."""
    reset = header(frame, LIMIT_RESET)
    wait = (int(reset) - told["time"]) * MS if re.fullmatch("[0-9]{13}", reset) else 0
    return no_answer(
        frame, about, f"{told['retCode']}: rate limited", wait if wait > 0 else LIMIT_NS
    )


def _accepted(frame: Frame, about: PlaceOrder, result: Json) -> Event:
    return OrderReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        client_order_id=result["orderLinkId"],
        status="acknowledged",
        order_id=result["orderId"],
        instrument=about.instrument,
        side=about.side,
        leg=about.leg,
        quantity=about.quantity,
        price=about.price,
    )


def _order(frame: Frame, line: Json, category: str) -> Event:
    # A market order to buy spot says how much to spend, unless it says otherwise.
    spends = (
        category == "spot"
        and (line["orderType"], line["side"]) == ("Market", "Buy")
        and line.get("marketUnit") != "baseCoin"
    )
    reason = line["rejectReason"]
    return OrderReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        client_order_id=line["orderLinkId"],
        status=STATUS[line["orderStatus"]],
        order_id=line["orderId"],
        instrument=line["symbol"],
        side=SIDE[line["side"]],
        leg=LEG[line.get("positionIdx", 0)],
        quantity=0 if spends else quantity(line["qty"]),
        price=price(line["price"]),
        filled_quantity=quantity(line["cumExecQty"]),
        reason="" if reason == "EC_NoError" else reason,
        occurred_at=int(line["updatedTime"]) * MS,
    )


def _open_orders(frame: Frame, result: Json) -> list[Event]:
    rows: list[Json] = result["list"]
    events: list[Event] = [_order(frame, line, result.get("category", "")) for line in rows]
    if len(rows) >= ORDERS_PER_PAGE:
        # There may be more than the page holds: the orders are told, their completeness is not.
        return events
    events.append(
        OpenOrdersReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_ids=tuple(
                line["orderLinkId"] for line in rows if STATUS[line["orderStatus"]] in OPEN
            ),
            asked_at=frame.asked_at,
        )
    )
    return events


def _read_statement(
    frame: Frame, about: FetchStatement, told: Json, decimals: Decimals
) -> list[Event]:
    result = told["result"]
    if about.kind == "balances":
        # No line has a time: they were read shortly before the answer was stamped.
        coins = [coin for wallet in result["list"] for coin in wallet["coin"]]
        rows, at = _cash_rows(coins, decimals), int(told["time"]) * MS
        return [
            _statement(frame, "balances", rows, complete=True, as_of=at, as_of_step=READ_MS * MS)
        ]
    lines: list[Json] = result["list"]
    rows = tuple(_position_row(line) for line in lines)
    complete = len(lines) < POSITIONS_PER_PAGE
    return [_statement(frame, "positions", rows, complete=complete)]


def _statement(
    frame: Frame,
    kind: StatementKind,
    rows: tuple[StatementRow, ...],
    *,
    complete: bool,
    as_of: int = 0,
    as_of_step: int = MS,
) -> Event:
    return StatementReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        kind=kind,
        rows=rows,
        asked_at=frame.asked_at or frame.received_at,
        as_of=as_of,
        as_of_step=as_of_step,
        complete=complete,
    )


def _cash_rows(coins: list[Json], decimals: Decimals) -> tuple[StatementRow, ...]:
    """`walletBalance` has no unrealised profit in it."""
    return tuple(
        StatementRow(
            line["coin"], "cash", units(line["walletBalance"] or "0", line["coin"], decimals)
        )
        for line in coins
    )


def _position_row(line: Json) -> StatementRow:
    size = quantity(line["size"])
    return StatementRow(
        line["symbol"],
        LEG[line["positionIdx"]],
        -size if line["side"] == "Sell" else size,
        int(line["updatedTime"]) * MS,
        max(0, line.get("seq", 0)),
    )


# --- executions and the log ----------------------------------------------------------------------


def _executions(frame: Frame, about: FetchFills, told: Json, decimals: Decimals) -> list[Event]:
    events: list[Event] = []
    for line in told["result"]["list"]:
        events += _fill(frame, line, told["result"]["category"], decimals)
    events.append(_page_end(frame, about.instrument, about.after, told))
    return events


def _fill(frame: Frame, line: Json, category: str, decimals: Decimals) -> list[Event]:
    if line["execType"] == "Funding":
        return dismissed(frame, "funding is told by the transaction log")
    if line["execType"] not in EXECUTIONS:
        return quarantined(frame, f"execType {line['execType']!r} is not read")
    fee_asset = line.get("feeCurrency") or _settled_in(category, line["symbol"])
    if not fee_asset:
        return dismissed(frame, "an execution that does not say in which coin its fee is")
    at = int(line["execTime"]) * MS
    worth = fee_asset if category != "spot" else ""
    events: list[Event] = [
        FillReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            instrument=line["symbol"],
            fill_id=line["execId"],
            order_id=line["orderId"],
            client_order_id=line["orderLinkId"],
            side=SIDE[line["side"]],
            quantity=quantity(line["execQty"]),
            price=fill_price(line["execPrice"]),
            value=units(line["execValue"], worth, decimals),
            told_decimals=decimals.get(worth, ASSET_DECIMALS),
            fee=units(line["execFee"], fee_asset, decimals),
            fee_asset=fee_asset,
            sequence=line["seq"],
            maker=line["isMaker"],
            cause=_cause(line),
            occurred_at=at,
        )
    ]
    profit = units(line.get("execPnl") or "0", fee_asset, decimals)
    if profit and category != "spot":
        events.append(_realised(frame, line, line["execId"], fee_asset, profit, at))
    if line.get("extraFees"):
        # The fill stands; what else was charged, the wallet will show and a person should see.
        text = f"{line['execId']}: extraFees {line['extraFees']!r} are not read"
        events.append(
            FrameQuarantined(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                reason=text,
            )
        )
    return events


def _cause(line: Json) -> FillCause:
    cause, made_by = EXECUTIONS[line["execType"]], line.get("createType") or ""
    if cause == "trade" and ("Liq" in made_by or "TakeOver" in made_by):
        return "liquidation"
    return "adl" if cause == "trade" and "Adl" in made_by else cause


def _settled_in(category: str, symbol: str) -> str:
    """The coin of a contract's fee, value and profit, as the venue documents it by its name.

    Inverse contracts settle in the base coin; linear ones and options in USDT where the name says
    so, else in USDC. Of a spot pair the name does not tell.
    """
    if category == "inverse":
        return symbol.partition("USD")[0]
    if category in ("linear", "option"):
        return "USDT" if "USDT" in symbol else "USDC"
    return ""


def _realised(frame: Frame, line: Json, execution: str, asset: str, amount: int, at: int) -> Event:
    """The profit of one execution, told beside it in the stream and again by the ledger."""
    return CashMoved(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        movement_id=execution,
        asset=asset,
        amount=amount,
        reason="realised",
        instrument=line["symbol"],
        order_id=line.get("orderId") or "",
        client_order_id=line.get("orderLinkId") or "",
        occurred_at=at,
    )


def _lines(frame: Frame, about: FetchLedger, told: Json, decimals: Decimals) -> list[Event]:
    events: list[Event] = []
    for line in told["result"]["list"]:
        events += _line(frame, line, decimals)
    events.append(_page_end(frame, "ledger", about.after, told))
    return events


def _line(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    asset, at = line["currency"], int(line["transactionTime"]) * MS
    if line["type"] in LINES_OF_TRADES:
        profit = units(line["cashFlow"], asset, decimals)
        if line["category"] == "spot" or not profit:
            return []
        return [_realised(frame, line, line["tradeId"], asset, profit, at)]
    # `change` is cashFlow + funding - fee: what the wallet moved by, whatever the signs of these.
    amount = units(line["change"], asset, decimals)
    if not amount:
        return []
    if line["type"] == "SETTLEMENT":
        return [
            FundingPaid(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                instrument=line["symbol"],
                funding_id=line["id"],
                asset=asset,
                amount=amount,
                occurred_at=at,
            )
        ]
    return [
        CashMoved(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            movement_id=line["id"],
            asset=asset,
            amount=amount,
            reason="transfer" if line["type"].startswith("TRANSFER_") else "adjustment",
            instrument=line["symbol"],
            occurred_at=at,
        )
    ]


def _page_end(frame: Frame, subject: str, after: str, told: Json) -> Event:
    """Where to read on; see `requests` for the cursor."""
    since, _, rest = after.partition("|")
    opened = rest.partition("|")[0] or str(told["time"])
    cursor = told["result"]["nextPageCursor"]
    if cursor and told["result"]["list"]:
        return page_end(frame, subject, f"{since}|{opened}|{cursor}", more=True)
    read, more = int(opened), False
    if since and int(since) + WINDOW_MS < read:
        read, more = int(since) + WINDOW_MS, True
    return page_end(frame, subject, str(max(int(since or 0), read - OVERLAP_MS)), more=more)
