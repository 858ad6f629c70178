"""Coinbase Advanced Trade frames as events: the user channel and the REST answers.

Rule 1. The venue tells an order's progress: cumulative size, average price and fees; its REST
record also the exact filled value. Nothing is made into fills here. An average's step is one unit
of the last decimal told.
Rule 2. Back-fill reads orders by their last fill, the newest first, down to a watermark that lies
`OVERLAP_NS` before the newest fill that an earlier round saw. An order that progresses comes to the
front again and is read again; one that moves to the front while a round pages on has a newer fill
than that round's first page, and so is above the next watermark.
Rule 3. An order is rejected only by a reason of `REJECTED`; any other answer leaves it unknown. A
cancel that was taken is no cancelled order: that is told by the order.
Rule 4. What is read and carries nothing is dismissed, what cannot be read is quarantined; neither
is silent. Fees are in the quote currency, which the venue names in the product alone.
(Sources: Coinbase Advanced Trade documentation; kinds seen in recorded payloads.)

`sequence_num` counts the messages of one connection, so that a gap shows only to who remembers the
last one; reading is a pure function of the frame and does not. A lost update is found without it:
the next one is cumulative, and statements and back-fill do not rest on the stream.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.effects import (
    CancelOrder,
    FetchFills,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    RenewStream,
)
from core.events import (
    Event,
    FillReported,
    HeartbeatHeard,
    OpenOrdersReported,
    OrderReport,
    OrderReported,
    ProgressReported,
    RequestFailed,
    Side,
    StatementReported,
    StatementRow,
    StreamClosed,
)
from core.frames import Frame
from core.money import (
    ASSET_DECIMALS,
    PRICE_DECIMALS,
    TEN_TO,
    InexactAmount,
    parse,
    price,
    quantity,
)
from core.reading import Unreadable, an_object, dismissed, loads, page_end, quarantined
from venues.reader import read
from venues.reading import (
    about_text,
    cancel_rejected,
    fill_price,
    no_answer,
    order_missing,
    rejected,
    unanswered,
)

Decimals = Mapping[str, int]
Json = dict[str, Any]

SECOND = 1_000_000_000
OVERLAP_NS = 30 * SECOND
STATUS: Mapping[str, OrderReport] = {
    "PENDING": "acknowledged",
    "OPEN": "acknowledged",
    "QUEUED": "acknowledged",
    "CANCEL_QUEUED": "acknowledged",
    "EDIT_QUEUED": "acknowledged",
    "FILLED": "filled",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
    "FAILED": "rejected",
    "UNKNOWN_ORDER_STATUS": "unknown",
}
WORKING = ("PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED", "FILLED")
SIDE: Mapping[str, Side] = {"BUY": "buy", "SELL": "sell"}
# Reasons that prove that the order was not taken.
REJECTED = (
    "UNSUPPORTED_ORDER_CONFIGURATION",
    "INVALID_SIDE",
    "INVALID_PRODUCT_ID",
    "INVALID_SIZE_PRECISION",
    "INVALID_PRICE_PRECISION",
    "INSUFFICIENT_FUND",
    "INSUFFICIENT_FUNDS",
    "INVALID_LEDGER_BALANCE",
    "ORDER_ENTRY_DISABLED",
    "INELIGIBLE_PAIR",
    "INVALID_LIMIT_PRICE",
    "INVALID_LIMIT_PRICE_POST_ONLY",
    "INVALID_NO_LIQUIDITY",
    "INVALID_REQUEST",
    "INVALID_ARGUMENT",
    "COMMANDER_REJECTED_NEW_ORDER",
    "UNTRADABLE_PRODUCT",
)
RATE_LIMITED = (429,)
# Requests are counted by the second; how long to wait is not told.
LIMIT_NS = 1_000_000_000
# A token that has ended: no JSON comes with it.
UNAUTHORIZED = 401


def decode(frame: Frame, decimals: Decimals) -> list[Event]:
    """Every event that the frame tells, in its order."""
    return read(frame, decimals, _stream, _answer)


# --- the stream ----------------------------------------------------------------------------------


def _stream(frame: Frame, decimals: Decimals) -> list[Event]:
    told = an_object(loads(frame.body))
    if told.get("type") == "error":
        return _refused(frame, told)
    match told.get("channel"):
        case "user":
            return _user(frame, told, decimals)
        case "heartbeats":
            return [
                HeartbeatHeard(
                    received_at=frame.received_at,
                    frame=frame.number,
                    account=frame.account,
                    epoch=frame.epoch,
                )
            ]
        case "subscriptions":
            return dismissed(frame, "subscriptions: what we listen to")
        case "futures_balance_summary":
            return dismissed(frame, "futures_balance_summary: these books are of spot accounts")
        case channel:
            return quarantined(frame, f"unknown channel {channel!r}")


def _refused(frame: Frame, told: Json) -> list[Event]:
    """The venue says why it tells nothing from now on: no right to the channel, a token too old."""
    return [
        StreamClosed(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            epoch=frame.epoch,
            reason=str(told.get("message")),
        )
    ]


def _user(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    at = nanoseconds(told["timestamp"])
    events: list[Event] = []
    for event in told["events"]:
        for line in event.get("orders") or []:
            if quantity(line["cumulative_quantity"]) > 0:
                events.append(_streamed_progress(frame, line, at, decimals))
            events.append(_streamed_order(frame, line, at))
        if any((event.get("positions") or {}).values()):
            events += quarantined(frame, "positions: these books are of spot accounts")
    return events or dismissed(frame, "user: no order in it")


def _streamed_progress(frame: Frame, line: Json, at: int, decimals: Decimals) -> Event:
    average, step = _average(line["avg_price"])
    quote = _quote(line["product_id"])
    return ProgressReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["product_id"],
        client_order_id=line["client_order_id"],
        order_id=line["order_id"],
        side=SIDE[line["order_side"]],
        quantity=quantity(line["cumulative_quantity"]),
        average_price=average,
        average_price_step=step,
        value=_value(line.get("filled_value"), quote, decimals),
        told_decimals=decimals.get(quote, ASSET_DECIMALS),
        fee=_amount(line["total_fees"], quote, decimals),
        fee_asset=quote,
        occurred_at=at,
    )


def _streamed_order(frame: Frame, line: Json, at: int) -> Event:
    filled = quantity(line["cumulative_quantity"])
    whole = filled + quantity(line["leaves_quantity"]) if line["status"] in WORKING else 0
    return OrderReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        client_order_id=line["client_order_id"],
        status=STATUS[line["status"]],
        order_id=line["order_id"],
        instrument=line["product_id"],
        side=SIDE[line["order_side"]],
        quantity=whole,
        price=price(line.get("limit_price") or ""),
        filled_quantity=filled,
        reason=line.get("reject_reason") or line.get("cancel_reason") or "",
        occurred_at=at,
    )


# --- answers -------------------------------------------------------------------------------------


def _answer(frame: Frame, decimals: Decimals) -> list[Event]:
    about = frame.about
    assert about is not None, "an answer answers an effect"
    if nothing := unanswered(frame, about, RATE_LIMITED, LIMIT_NS):
        return nothing
    if frame.status == UNAUTHORIZED:
        return no_answer(frame, about, f"HTTP {frame.status}")
    told = an_object(loads(frame.body))
    if frame.status >= 400 or "error" in told:
        return _error(frame, told)
    match about:
        case PlaceOrder():
            return _placed(frame, about, told)
        case CancelOrder() if "results" in told:
            return _cancelled(frame, about, told)
        case CancelOrder() | QueryOrder():
            return _order_with_progress(frame, told["order"], decimals)
        case FetchOpenOrders():
            return _open_orders(frame, told, decimals)
        case FetchStatement():
            return _accounts(frame, told, decimals)
        case FetchFills() if "fills" in told:
            return _fills(frame, told, decimals)
        case FetchFills():
            return _orders_page(frame, about, told, decimals)
        case RenewStream():
            return dismissed(frame, "the API key stands")
        case _:
            raise Unreadable(f"an answer to {type(about).__name__} is not expected")


def _error(frame: Frame, told: Json) -> list[Event]:
    reason = f"{told['error']}: {told.get('message') or told.get('error_details')}"
    match frame.about:
        case PlaceOrder() if told["error"] in REJECTED:
            return rejected(frame, frame.about, reason)
        case QueryOrder() if told["error"] == "NOT_FOUND":
            return order_missing(frame, frame.about)
        case CancelOrder():
            return cancel_rejected(frame, frame.about, reason)
        case FetchFills():
            return _page_refused(frame, frame.about, reason)
        case None:
            return quarantined(frame, reason)
        case _:
            return no_answer(frame, frame.about, reason)


def _page_refused(frame: Frame, about: FetchFills, reason: str) -> list[Event]:
    """The venue's cursor may have gone stale: a refused page is asked for from the first on."""
    events = no_answer(frame, about, reason)
    watermark, _, cursor = (about.after or "0/0/").split("/", 2)
    if cursor:
        events.append(page_end(frame, about.instrument, f"{watermark}/0/", more=True))
    return events


def _placed(frame: Frame, about: PlaceOrder, told: Json) -> list[Event]:
    if told["success"]:
        taken = told["success_response"]
        return [
            OrderReported(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                client_order_id=taken["client_order_id"],
                status="acknowledged",
                order_id=taken["order_id"],
                instrument=taken["product_id"],
                side=SIDE[taken["side"]],
                quantity=about.quantity,
                price=about.price,
            )
        ]
    refusal = told["error_response"]
    reasons = [
        refusal.get(key)
        for key in ("error", "new_order_failure_reason", "preview_failure_reason")
        if refusal.get(key)
    ]
    text = f"{', '.join(dict.fromkeys(reasons))}: {refusal.get('message')}"
    if any(reason in REJECTED for reason in reasons):
        return rejected(frame, about, text)
    return no_answer(frame, about, text)


def _cancelled(frame: Frame, about: CancelOrder, told: Json) -> list[Event]:
    result = told["results"][0]
    if result["success"]:
        return dismissed(frame, "the cancel was taken; the order itself tells its end")
    return cancel_rejected(frame, about, result["failure_reason"])


def _order_with_progress(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    events: list[Event] = []
    if quantity(line["filled_size"]) > 0:
        events.append(_progress(frame, line, decimals))
    events.append(_order(frame, line))
    return events


def _progress(frame: Frame, line: Json, decimals: Decimals) -> Event:
    average, step = _average(line["average_filled_price"])
    quote = _quote(line["product_id"])
    last = line.get("last_fill_time")
    return ProgressReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        instrument=line["product_id"],
        client_order_id=line["client_order_id"],
        order_id=line["order_id"],
        side=SIDE[line["side"]],
        quantity=quantity(line["filled_size"]),
        average_price=average,
        average_price_step=step,
        value=_value(line["filled_value"], quote, decimals),
        told_decimals=decimals.get(quote, ASSET_DECIMALS),
        fee=_amount(line["total_fees"], quote, decimals),
        fee_asset=quote,
        # Older orders have no time of their last fill: it was no later than the answer.
        occurred_at=nanoseconds(last) if last else frame.received_at,
    )


def _order(frame: Frame, line: Json) -> Event:
    wanted: Json = next(iter(line["order_configuration"].values()), {})
    unset = ("", "REJECT_REASON_UNSPECIFIED")
    reasons = (line["reject_reason"], line["reject_message"], line["cancel_message"])
    return OrderReported(
        received_at=frame.received_at,
        frame=frame.number,
        account=frame.account,
        client_order_id=line["client_order_id"],
        status=STATUS[line["status"]],
        order_id=line["order_id"],
        instrument=line["product_id"],
        side=SIDE[line["side"]],
        quantity=quantity(wanted.get("base_size") or "0"),
        price=price(wanted.get("limit_price") or ""),
        filled_quantity=quantity(line["filled_size"]),
        reason=", ".join(reason for reason in reasons if reason not in unset),
        occurred_at=nanoseconds(line.get("last_fill_time") or line["created_time"]),
    )


def _open_orders(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    events: list[Event] = []
    for line in told["orders"]:
        events += _order_with_progress(frame, line, decimals)
    if told["has_next"]:
        return events + quarantined(frame, "more open orders than one page holds: not complete")
    events.append(
        OpenOrdersReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            client_order_ids=tuple(line["client_order_id"] for line in told["orders"]),
            asked_at=frame.asked_at,
        )
    )
    return events


def _accounts(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    """What is available and what is on hold; when, the venue does not tell."""
    rows = tuple(
        StatementRow(
            line["currency"],
            "cash",
            _amount(line["available_balance"]["value"], line["currency"], decimals)
            + _amount(line["hold"]["value"], line["currency"], decimals),
        )
        for line in told["accounts"]
    )
    events: list[Event] = [
        StatementReported(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            kind="balances",
            rows=rows,
            asked_at=frame.asked_at,
            complete=not told["has_next"],
        )
    ]
    if told["has_next"]:
        events += quarantined(frame, "more accounts than one page holds: not complete")
    return events


def _orders_page(frame: Frame, about: FetchFills, told: Json, decimals: Decimals) -> list[Event]:
    """The cursor is "watermark/newest/cursor": two times in nanoseconds, and the venue's own."""
    watermark, newest, _ = (about.after or "0/0/").split("/", 2)
    filled = [line for line in told["orders"] if line.get("last_fill_time")]
    lasts = [nanoseconds(line["last_fill_time"]) for line in filled]
    events: list[Event] = []
    for line, last in zip(filled, lasts, strict=True):
        if last >= int(watermark):  # older ones were read by an earlier round
            events += _order_or_note(frame, line, decimals)
    highest = max([int(newest), *lasts])
    descending = lasts == sorted(lasts, reverse=True)
    passed = descending and bool(lasts) and lasts[-1] < int(watermark)
    if told["has_next"] and not passed:
        through = f"{watermark}/{highest}/{told['cursor']}"
        return [*events, page_end(frame, about.instrument, through, more=True)]
    through = f"{max(int(watermark), highest - OVERLAP_NS)}/0/"
    return [*events, page_end(frame, about.instrument, through, more=False)]


def _order_or_note(frame: Frame, line: Json, decimals: Decimals) -> list[Event]:
    """One order that cannot be read does not spoil the page."""
    try:
        return _order_with_progress(frame, line, decimals)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return quarantined(frame, f"order {line.get('order_id')}: {error!r}")


def _fills(frame: Frame, told: Json, decimals: Decimals) -> list[Event]:
    """Single fills are evidence beside an order's progress, and move no cursor of it."""
    events: list[Event] = []
    for line in told["fills"]:
        if line["trade_type"] != "FILL" or line["size_in_quote"]:
            what = "in quote units" if line["size_in_quote"] else line["trade_type"]
            events += quarantined(frame, f"fill {line['entry_id']} is {what}: not read")
            continue
        quote = _quote(line["product_id"])
        events.append(
            FillReported(
                received_at=frame.received_at,
                frame=frame.number,
                account=frame.account,
                instrument=line["product_id"],
                fill_id=line["entry_id"],
                order_id=line["order_id"],
                side=SIDE[line["side"]],
                quantity=quantity(line["size"]),
                price=fill_price(line["price"]),
                fee=_amount(line["commission"], quote, decimals),
                fee_asset=quote,
                maker=line["liquidity_indicator"] == "MAKER",
                occurred_at=nanoseconds(line["trade_time"]),
            )
        )
    if events:
        return events
    assert frame.about is not None
    return [
        RequestFailed(
            received_at=frame.received_at,
            frame=frame.number,
            account=frame.account,
            about=about_text(frame.about),
            reason="no fills",
            asked_at=frame.asked_at,
        )
    ]


# --- small things --------------------------------------------------------------------------------


def _average(text: str) -> tuple[int, int]:
    """The average price and its step: a unit of its last decimal, or of ours where it has more.

    What is cut beyond our scale may come on top of what the venue rounded: then two units.
    """
    whole, _, decimals = text.partition(".")
    if len(decimals) > PRICE_DECIMALS:
        return price(f"{whole}.{decimals[:PRICE_DECIMALS]}"), 2
    return price(text), TEN_TO[PRICE_DECIMALS - len(decimals)]


def _value(text: str | None, quote: str, decimals: Decimals) -> int | None:
    """The exact filled value; None where it is not told, or not in whole units of the quote."""
    if not text:
        return None
    try:
        return _amount(text, quote, decimals)
    except InexactAmount:
        return None


def _amount(text: str, asset: str, decimals: Decimals) -> int:
    return parse(text or "0", decimals.get(asset, ASSET_DECIMALS))


def _quote(product_id: str) -> str:
    base, dash, quote = product_id.partition("-")
    if not base or not dash or not quote or "-" in quote:
        raise Unreadable(f"{product_id!r} is no spot product")
    return quote


def nanoseconds(text: str) -> int:
    """RFC 3339 in UTC, with as many decimals as were told."""
    if not text.endswith("Z"):
        raise Unreadable(f"{text!r} is not a time in UTC")
    whole, _, decimals = text[:-1].partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * SECOND + int(decimals.ljust(9, "0")[:9])
