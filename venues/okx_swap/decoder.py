"""OKX v5 frames as events: the private stream and the REST answers.

Rule 1. Told is not guessed. An orders push tells the last fill; its fee and profit are booked where
they are told for that fill (or where it is the order's only one). Else the fill waits for the
record of fills, and the order's cumulative quantity says that one is missing.
Rule 2. An order is rejected only by a code of `REJECTED`. 51016 (duplicate client order id) proves
the contrary; codes of overload and timeout prove nothing.
Rule 3. Positions are positive in both legs here and signed in our books; `fee` is negative where we
pay. A `tradeId` orders the fills of an instrument, except those of liquidations and ADL, which are
negative and only known by their time.
(Source: OKX API v5 documentation; kinds seen in recorded payloads.)
"""

from collections.abc import Callable, Mapping
from typing import Any

from core.effects import (
    CancelOrder,
    FetchFills,
    FetchInstruments,
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
    HeartbeatHeard,
    InstrumentKind,
    InstrumentListed,
    Leg,
    OpenOrdersReported,
    OrderReport,
    OrderReported,
    PositionModeReported,
    Side,
    StatementKind,
    StatementReported,
    StatementRow,
    StreamClosed,
)
from core.frames import Frame
from core.money import ASSET_DECIMALS, QUANTITY_ONE, price, quantity
from core.reading import MS, Unreadable, dismissed, loads, page_end, quarantined
from venues.okx_swap.requests import ROWS_PER_PAGE
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

STATE: Mapping[str, OrderReport] = {
    "live": "acknowledged",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "cancelled",
    "mmp_canceled": "cancelled",
}
SIDE: Mapping[str, Side] = {"buy": "buy", "sell": "sell"}
LEG: Mapping[str, Leg] = {"long": "long", "short": "short", "net": "net", "": "net"}
CATEGORY: Mapping[str, FillCause] = {
    "full_liquidation": "liquidation",
    "partial_liquidation": "liquidation",
    "adl": "adl",
    "delivery": "settlement",
}
# A fill's subType: 100 to 111 are liquidations, 112 and 113 deliveries, 125 to 128 ADL.
SUBTYPE: Mapping[str, FillCause] = {
    **dict.fromkeys((str(n) for n in range(100, 112)), "liquidation"),
    **dict.fromkeys(("112", "113"), "settlement"),
    **dict.fromkeys(("125", "126", "127", "128"), "adl"),
}
# Codes that prove that the order was not taken: parameters, instrument, price, size, margin, mode.
REJECTED = (
    *("50014", "50015", "51000", "51001", "51004", "51005", "51006", "51008", "51010", "51012"),
    *("51015", "51020", "51021", "51022", "51023", "51024", "51025", "51026", "51027", "51028"),
    *("51030", "51046", "51047", "51108", "51112", "51115", "51116", "51119", "51120", "51121"),
    *("51127", "51131", "51136", "51137", "51138", "51139", "51155", "51169", "51170", "51202"),
)
UNKNOWN_ORDER = ("51603",)
RATE_LIMITED = (429,)
# Of the endpoint, of the whole account's subaccount; and the window in which both are counted.
LIMIT_CODES = ("50011", "50061")
LIMIT_NS = 2_000 * MS

# Bills: 1 is a transfer, 8 funding; these others repeat what the record of fills tells.
BILLS_OF_TRADES = ("2", "3", "5", "9", "14", "24")
KIND: Mapping[str, InstrumentKind] = {"linear": "linear", "inverse": "inverse", "": "spot"}


def decode(frame: Frame, decimals: Decimals) -> list[Event]:
    """Every event that the frame tells, in its order."""
    return read(frame, decimals, _stream, _answer)


# --- the stream ----------------------------------------------------------------------------------


def _stream(frame: Frame, decimals: Decimals) -> list[Event]:
    if frame.body == b"pong":
        return [
            HeartbeatHeard(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                epoch=frame.epoch,
            )
        ]
    message = loads(frame.body)
    if not isinstance(message, dict):
        raise Unreadable("a stream message is an object")
    if "event" in message:
        return _session(frame, message)
    channel = str(message["arg"]["channel"])
    if channel in TOLD_ELSEWHERE:
        return dismissed(frame, f"{channel}: {TOLD_ELSEWHERE[channel]}")
    reader = _CHANNELS.get(channel)
    if reader is None:
        return quarantined(frame, f"unknown channel {channel!r}")
    events: list[Event] = []
    for line in message["data"]:
        events += reader(frame, line, decimals)
    return events or dismissed(frame, f"{channel}: nothing in it")


def _session(frame: Frame, told: Json) -> list[Event]:
    """Words about the connection itself."""
    event, text = told["event"], f"{told.get('code', '')} {told.get('msg', '')}".strip()
    if event in ("subscribe", "unsubscribe", "channel-conn-count") or (
        event == "login" and told.get("code") == "0"
    ):
        return dismissed(frame, f"{event}: the session goes on")
    if event in ("error", "login", "notice", "channel-conn-count-error"):
        # What we asked to be told will not be told here (any longer): open it afresh.
        return [
            StreamClosed(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                epoch=frame.epoch,
                reason=f"{event}: {text}",
            )
        ]
    return quarantined(frame, f"unknown session event {event!r}")


def _orders(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    fill = _last_fill(frame, line, decimals)
    return [fill, _order(frame, line)] if fill is not None else [_order(frame, line)]


def _last_fill(frame: Frame, line: Json, decimals: Decimals) -> Event | None:
    if not line.get("tradeId") or not line["fillSz"] or quantity(line["fillSz"]) <= 0:
        return None
    only = quantity(line["fillSz"]) == quantity(line["accFillSz"])
    if line.get("fillFee"):
        fee, fee_asset = line["fillFee"], line["fillFeeCcy"]
    elif only and line.get("fee"):
        fee, fee_asset = line["fee"], line["feeCcy"]
    else:
        return None
    realised = line.get("fillPnl") or (only and line.get("pnl")) or ""
    swap = line["instType"] != "SPOT"
    if swap and not realised:
        return None
    settled = line.get("fillFeeCcy") or line["feeCcy"]
    return FillReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["instId"],
        fill_id=line["tradeId"],
        order_id=line["ordId"],
        client_order_id=line["clOrdId"],
        side=SIDE[line["side"]],
        leg=LEG[line["posSide"]],
        quantity=quantity(line["fillSz"]),
        price=fill_price(line["fillPx"]),
        fee=-units(fee, fee_asset, decimals),
        fee_asset=fee_asset,
        realised=units(realised, settled, decimals) if swap else None,
        told_decimals=decimals.get(settled, ASSET_DECIMALS),
        sequence=_sequence(line["tradeId"]),
        maker=line["execType"] == "M",
        cause=CATEGORY.get(line["category"], "trade"),
        occurred_at=int(line["fillTime"]) * MS,
    )


def _order(frame: Frame, line: Json) -> Event:
    in_quote = line.get("tgtCcy") == "quote_ccy"  # then `sz` is money, not a quantity
    return OrderReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        client_order_id=line["clOrdId"],
        status=STATE[line["state"]],
        order_id=line["ordId"],
        instrument=line["instId"],
        side=SIDE[line["side"]],
        leg=LEG[line["posSide"]],
        quantity=0 if in_quote else quantity(line["sz"]),
        price=price(line["px"]),
        filled_quantity=quantity(line["accFillSz"]),
        reason=line.get("cancelSourceReason") or "",
        occurred_at=int(line["uTime"]) * MS,
    )


def _account(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    rows = _cash_rows(line["details"], decimals)
    return [_statement(frame, "balances", rows, complete=False)] if rows else []


def _position(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    return [_statement(frame, "positions", (_position_row(line),), complete=False)]


def _balance_and_position(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    events: list[Event] = []
    cash = _cash_rows(line["balData"], decimals)
    if cash:
        events.append(_statement(frame, "balances", cash, complete=False))
    legs = tuple(_position_row(row) for row in line["posData"])
    if legs:
        events.append(_statement(frame, "positions", legs, complete=False))
    return events


def _instrument(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    """The terms in force, and the next change of the contract's size that is announced.

    Since when the terms in force hold is not told; `upcChg` tells when a change will be.
    """
    kind = KIND[line["ctType"]]
    if kind == "spot":
        return [_listed(frame, line, kind, QUANTITY_ONE, 0)]
    if not line["ctVal"]:
        return []  # announced for listing; its terms are told later
    size = {"ctVal": line["ctVal"], "ctMult": line["ctMult"] or "1"}
    events = [_listed(frame, line, kind, _multiplier(size), 0)]
    changes = [each for each in line.get("upcChg") or [] if each["param"] in size]
    next_at = min((int(each["effTime"]) for each in changes), default=0)
    for change in changes:
        if int(change["effTime"]) == next_at:
            size[change["param"]] = change["newValue"]
    if changes:
        events.append(_listed(frame, line, kind, _multiplier(size), next_at * MS))
    return events


def _listed(
    frame: Frame, line: Json, kind: InstrumentKind, multiplier: int, effective_at: int
) -> Event:
    base, quote = line["baseCcy"], line["quoteCcy"]
    if kind != "spot":
        base, quote = line["uly"].split("-")[:2]
    return InstrumentListed(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["instId"],
        kind=kind,
        base=base,
        quote=quote,
        settle=line["settleCcy"] or quote,
        multiplier=multiplier,
        effective_at=effective_at,
        asked_at=frame.asked_at,
    )


def _multiplier(size: dict[str, str]) -> int:
    product = quantity(size["ctVal"]) * quantity(size["ctMult"])
    multiplier: int = product // QUANTITY_ONE
    if product % QUANTITY_ONE or multiplier <= 0:
        raise Unreadable(f"a contract of {size} is none that our scale holds")
    return multiplier


TOLD_ELSEWHERE = {
    "fills": "it tells no fee; the orders channel and the record of fills do",
    "orders-algo": "an algo order is none in the book until it triggers",
    "algo-advance": "an algo order is none in the book until it triggers",
    "sprd-orders": "a spread's legs are told as fills of their instruments",
    "sprd-trades": "a spread's legs are told as fills of their instruments",
}
_CHANNELS: Mapping[str, Callable[[Frame, Json, Decimals], list[Event]]] = {
    "orders": _orders,
    "account": _account,
    "positions": _position,
    "balance_and_position": _balance_and_position,
    "instruments": _instrument,
}


# --- answers -------------------------------------------------------------------------------------


def _answer(frame: Frame, decimals: Decimals) -> list[Event]:
    about = frame.about
    assert about is not None, "an answer answers an effect"
    if nothing := unanswered(frame, about, RATE_LIMITED, LIMIT_NS):
        return nothing
    told = loads(frame.body)
    if not isinstance(told, dict):
        raise Unreadable("an object was expected")
    if told["code"] in LIMIT_CODES:
        return no_answer(frame, about, f"{told['code']}: rate limited", LIMIT_NS)
    if told["code"] != "0" or not isinstance(told["data"], list):
        return _error(frame, told)
    data: list[Json] = told["data"]
    match about:
        case PlaceOrder() | CancelOrder():
            return _accepted(frame, about, data[0])
        case QueryOrder():
            return [_order(frame, line) for line in data] or order_missing(frame, about)
        case FetchOpenOrders():
            return _open_orders(frame, data)
        case FetchStatement():
            return _read_statement(frame, about, data, decimals)
        case FetchFills():
            return _fills(frame, about, data, decimals)
        case FetchLedger():
            return _bills(frame, about, data, decimals)
        case FetchInstruments():
            rows = [event for line in data for event in _instrument(frame, line, decimals)]
            return rows or dismissed(frame, f"no terms of {about.instrument}")
        case RenewStream():
            return [_mode(frame, hedged=data[0]["posMode"] == "long_short_mode")]
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _accepted(frame: Frame, about: PlaceOrder | CancelOrder, line: Json) -> list[Event]:
    if line["sCode"] != "0":
        return _refused(frame, line["sCode"], line["sMsg"])
    if isinstance(about, CancelOrder):
        # Accepted is not done: the orders channel or a query tells what became of it.
        return dismissed(frame, "the cancel was accepted")
    return [
        OrderReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_id=line["clOrdId"],
            status="acknowledged",
            order_id=line["ordId"],
            instrument=about.instrument,
            side=about.side,
            leg=about.leg,
            quantity=about.quantity,
            price=about.price,
            occurred_at=int(line.get("ts") or 0) * MS,
        )
    ]


def _error(frame: Frame, told: Json) -> list[Event]:
    """Codes 1 and 2 (all, or some, failed) are explained row by row."""
    rows = told.get("data") or []
    if told["code"] in ("1", "2") and rows and "sCode" in rows[0]:
        return _refused(frame, rows[0]["sCode"], rows[0]["sMsg"])
    return _refused(frame, told["code"], told.get("msg", ""))


def _refused(frame: Frame, code: str, text: str) -> list[Event]:
    reason = f"{code}: {text}"
    match frame.about:
        case PlaceOrder() if code in REJECTED:
            events = rejected(frame, frame.about, reason)
            if code == "51000" and "posSide" in text:
                # There are two modes; ours names a leg that the account's mode does not have.
                events.append(_mode(frame, hedged=frame.about.leg == "net"))
            return events
        case QueryOrder() if code in UNKNOWN_ORDER:
            return order_missing(frame, frame.about)
        case CancelOrder():
            return cancel_rejected(frame, frame.about, reason)
        case None:
            return quarantined(frame, reason)
        case _:
            return no_answer(frame, frame.about, reason)


def _mode(frame: Frame, *, hedged: bool) -> Event:
    return PositionModeReported(
        received_at=frame.received_at, frame=frame.number, account=frame.account, hedged=hedged
    )


def _open_orders(frame: Frame, data: list[Json]) -> list[Event]:
    events: list[Event] = [_order(frame, line) for line in data]
    if len(data) >= ROWS_PER_PAGE:
        # There may be more than the page holds: the orders are told, their completeness is not.
        return events
    events.append(
        OpenOrdersReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_ids=tuple(line["clOrdId"] for line in data),
            asked_at=frame.asked_at,
        )
    )
    return events


def _read_statement(
    frame: Frame, about: FetchStatement, data: list[Json], decimals: Decimals
) -> list[Event]:
    if about.kind == "balances":
        rows = _cash_rows(data[0]["details"], decimals)
        return [_statement(frame, "balances", rows, complete=True)]
    events: list[Event] = []
    legs = [LEG[line["posSide"]] for line in data if line["instType"] in ("SWAP", "FUTURES")]
    if legs:
        events.append(_mode(frame, hedged=legs[0] != "net"))
    rows = tuple(_position_row(line) for line in data)
    events.append(_statement(frame, "positions", rows, complete=True))
    return events


def _statement(
    frame: Frame, kind: StatementKind, rows: tuple[StatementRow, ...], *, complete: bool
) -> Event:
    return StatementReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        kind=kind,
        rows=rows,
        asked_at=frame.asked_at or frame.received_at,
        as_of_step=MS,
        complete=complete,
    )


def _cash_rows(details: list[Json], decimals: Decimals) -> tuple[StatementRow, ...]:
    """`cashBal` has no unrealised profit in it; `uTime` is when it last changed."""
    return tuple(
        StatementRow(
            line["ccy"],
            "cash",
            units(line["cashBal"], line["ccy"], decimals),
            int(line["uTime"]) * MS,
        )
        for line in details
    )


def _position_row(line: Json) -> StatementRow:
    amount = quantity(line["pos"] or "0")
    if line["posSide"] == "short":
        amount = -amount
    return StatementRow(
        line["instId"],
        LEG[line["posSide"]],
        amount,
        int(line["uTime"]) * MS,
        _sequence(line["tradeId"]),
    )


def _sequence(trade_id: str) -> int:
    return max(0, int(trade_id)) if trade_id else 0


def _fills(frame: Frame, about: FetchFills, data: list[Json], decimals: Decimals) -> list[Event]:
    events: list[Event] = [_fill(frame, line, decimals) for line in data]
    events.append(_page_end(frame, about.instrument, about, data))
    return events


def _fill(frame: Frame, line: Json, decimals: Decimals) -> Event:
    fee_asset = line["feeCcy"]
    swap = line["instType"] != "SPOT"
    return FillReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["instId"],
        fill_id=line["tradeId"],
        order_id=line["ordId"],
        client_order_id=line["clOrdId"],
        side=SIDE[line["side"]],
        leg=LEG[line.get("posSide", "")],
        quantity=quantity(line["fillSz"]),
        price=fill_price(line["fillPx"]),
        fee=-units(line["fee"] or "0", fee_asset, decimals),
        fee_asset=fee_asset if line["fee"] else "",
        realised=units(line["fillPnl"], fee_asset, decimals) if swap else None,
        told_decimals=decimals.get(fee_asset, ASSET_DECIMALS),
        sequence=_sequence(line["tradeId"]),
        maker=line["execType"] == "M",
        cause=SUBTYPE.get(line.get("subType", ""), "trade"),
        occurred_at=int(line.get("fillTime") or line["ts"]) * MS,
    )


def _bills(frame: Frame, about: FetchLedger, data: list[Json], decimals: Decimals) -> list[Event]:
    events: list[Event] = []
    for line in data:
        amount = units(line["balChg"], line["ccy"], decimals)
        if line["type"] in BILLS_OF_TRADES or not amount:
            continue
        events.append(_bill(frame, line, amount))
    events.append(_page_end(frame, "ledger", about, data))
    return events


def _bill(frame: Frame, line: Json, amount: int) -> Event:
    if line["type"] == "8":
        return FundingPaid(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            instrument=line["instId"],
            funding_id=line["billId"],
            asset=line["ccy"],
            amount=amount,
            occurred_at=int(line["ts"]) * MS,
        )
    return CashMoved(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        movement_id=line["billId"],
        asset=line["ccy"],
        amount=amount,
        reason="transfer" if line["type"] == "1" else "adjustment",
        instrument=line["instId"],
        occurred_at=int(line["ts"]) * MS,
    )


def _page_end(
    frame: Frame, subject: str, about: FetchFills | FetchLedger, data: list[Json]
) -> Event:
    """Where to read on; see `requests` for the cursor. Rows come newest first."""
    read, _, rest = about.after.partition("<")
    down, _, high = rest.partition("<")
    if len(data) >= (about.rows or ROWS_PER_PAGE):
        high = high or data[0]["billId"]
        return page_end(frame, subject, f"{read}<{data[-1]['billId']}<{high}", more=True)
    if down:
        # The way down is done. It may have begun long ago: look once more for what is newer.
        return page_end(frame, subject, high, more=True)
    return page_end(frame, subject, data[0]["billId"] if data else about.after, more=False)
