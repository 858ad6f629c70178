"""The Coinbase dialect: frames as the documentation has them, and what they tell, by hand."""

import json
from typing import Any

import pytest

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    RenewStream,
)
from core.events import (
    CancelRejected,
    Event,
    FillReported,
    FrameDismissed,
    FrameQuarantined,
    HeartbeatHeard,
    OpenOrdersReported,
    OrderMissing,
    OrderReported,
    PageReported,
    ProgressReported,
    RequestFailed,
    StatementReported,
    StatementRow,
    StreamClosed,
)
from core.frames import Frame
from venues.coinbase import DIALECT
from venues.coinbase.simulated import time
from venues.dialect import Request

ACCOUNT = "coinbase/main"
MS, SECOND = 1_000_000, 1_000_000_000
HEARD, ASKED = 1_700_000_009_000 * MS, 1_700_000_008_900 * MS
UNIT = 10**8
PRICE = 10**12
PLACE = PlaceOrder(
    account=ACCOUNT,
    client_order_id="tie0010000001",
    instrument="BTC-USD",
    side="buy",
    quantity=200_000,
    kind="limit",
    price=45_000 * PRICE,
)
NAMES = {"account": ACCOUNT, "client_order_id": "tie0010000001", "instrument": "BTC-USD"}
CANCEL, QUERY = CancelOrder(**NAMES, order_id="o-1"), QueryOrder(**NAMES, order_id="o-1")
PAGE = FetchFills(account=ACCOUNT, instrument="BTC-USD", after="")
BALANCES = FetchStatement(account=ACCOUNT, kind="balances")
TOLD = {"received_at": HEARD, "frame": 7, "account": ACCOUNT}
# 2024-01-15T10:30:00Z
AT = 1_705_314_600 * SECOND


def streamed(message: object) -> list[Event]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    frame = Frame(
        number=7, account=ACCOUNT, channel="stream", received_at=HEARD, body=body, epoch=3
    )
    return DIALECT.decode(frame, {})


def answered(about: Effect, message: object, status: int = 200) -> list[Event]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    frame = Frame(
        number=7,
        account=ACCOUNT,
        channel="rest",
        received_at=HEARD,
        body=body,
        status=status,
        about=about,
        asked_at=ASKED,
    )
    return DIALECT.decode(frame, {})


def but(event: Any, **changed: Any) -> Any:
    """The same event, with other words in it."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**(fields | changed))


# --- the stream ----------------------------------------------------------------------------------


def user(*orders: dict[str, Any], kind: str = "update") -> dict[str, Any]:
    return {
        "channel": "user",
        "client_id": "",
        "timestamp": "2024-01-15T10:30:00.000000123Z",
        "sequence_num": 5,
        "events": [{"type": kind, "orders": list(orders)}],
    }


def order(**changed: Any) -> dict[str, Any]:
    return {
        "order_id": "o-1", "client_order_id": "tie0010000001", "cumulative_quantity": "0.0015",
        "leaves_quantity": "0.0005", "avg_price": "44999.99", "total_fees": "0.4049",
        "status": "OPEN", "product_id": "BTC-USD", "creation_time": "2024-01-15T10:29:59.5Z",
        "order_side": "BUY", "order_type": "Limit", "cancel_reason": "", "reject_reason": "",
    } | changed  # fmt: skip


PROGRESS = ProgressReported(
    **TOLD,
    instrument="BTC-USD",
    client_order_id="tie0010000001",
    order_id="o-1",
    side="buy",
    quantity=150_000,
    average_price=44_999_990_000_000_000,
    average_price_step=10_000_000_000,  # 0.01
    fee=40_490_000,
    fee_asset="USD",
    occurred_at=AT + 123,
)
ORDER = OrderReported(
    **TOLD,
    client_order_id="tie0010000001",
    status="acknowledged",
    order_id="o-1",
    instrument="BTC-USD",
    side="buy",
    quantity=200_000,
    filled_quantity=150_000,
    occurred_at=AT + 123,
)


@pytest.mark.parametrize("kind", ["update", "snapshot"])
def test_an_order_tells_its_progress(kind: str) -> None:
    """Cumulative quantity, average price and its last decimal; no fill is made of it."""
    assert streamed(user(order(), kind=kind)) == [PROGRESS, ORDER]


def test_an_order_without_a_fill_tells_no_progress() -> None:
    told = order(cumulative_quantity="0", leaves_quantity="0.002", avg_price="0", total_fees="0")
    assert streamed(user(told)) == [but(ORDER, filled_quantity=0)]


@pytest.mark.parametrize(
    ("text", "average", "step"),
    [
        ("50", 50 * PRICE, PRICE),
        ("50.1", 50_100_000_000_000, PRICE // 10),
        ("50.1000", 50_100_000_000_000, PRICE // 10_000),
        ("0.000000000001", 1, 1),
        # More decimals than a price of ours has: cut, and in doubt by the cut as well.
        ("21220.640000007085590355", 21_220_640_000_007_085, 2),
    ],
)
def test_an_average_is_as_sure_as_its_last_decimal(text: str, average: int, step: int) -> None:
    told = streamed(user(order(avg_price=text)))[0]
    assert told == but(PROGRESS, average_price=average, average_price_step=step)


def test_an_exact_value_is_passed_on_where_the_stream_tells_it() -> None:
    told = streamed(user(order(filled_value="67.499985")))[0]
    assert told == but(PROGRESS, value=6_749_998_500)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("PENDING", "acknowledged"),
        ("CANCEL_QUEUED", "acknowledged"),
        ("FILLED", "filled"),
        ("CANCELLED", "cancelled"),
        ("EXPIRED", "expired"),
        ("FAILED", "rejected"),
        ("UNKNOWN_ORDER_STATUS", "unknown"),
    ],
)
def test_an_order_stands_as_told(told: str, status: str) -> None:
    """What is left of an order that is over is not told, and so is its whole."""
    whole = 0 if told in ("CANCELLED", "EXPIRED", "FAILED", "UNKNOWN_ORDER_STATUS") else 200_000
    _, event = streamed(user(order(status=told)))
    assert event == but(ORDER, status=status, quantity=whole)


def test_several_orders_come_in_one_message() -> None:
    events = streamed(user(order(), order(order_id="o-2")))
    told = [event.order_id for event in events if isinstance(event, OrderReported)]
    assert told == ["o-1", "o-2"]


def test_heartbeats_are_heard() -> None:
    message = {"channel": "heartbeats", "sequence_num": 9, "events": [{"heartbeat_counter": 4}]}
    assert streamed(message) == [HeartbeatHeard(**TOLD, epoch=3)]


@pytest.mark.parametrize(
    "message",
    [
        {"channel": "subscriptions", "events": [{"subscriptions": {"user": ["abc"]}}]},
        {"channel": "futures_balance_summary", "events": []},
        {"channel": "user", "timestamp": "2024-01-15T10:30:00Z", "events": [{"type": "snapshot"}]},
    ],
)
def test_what_tells_nothing_is_dismissed(message: object) -> None:
    (event,) = streamed(message)
    assert isinstance(event, FrameDismissed)


def test_an_error_ends_the_stream() -> None:
    message = {"type": "error", "message": "authentication failure"}
    assert streamed(message) == [StreamClosed(**TOLD, epoch=3, reason="authentication failure")]


@pytest.mark.parametrize(
    "message",
    [
        {"channel": "level9"},
        b"\xff",
        b'{"channel":"user"',
        [],
        user(order(status="HALF_DONE")),
        user(order(product_id="BTC-PERP-INTX")),
        user(order(total_fees="0.0000280983986004")),  # finer than the dollar of our books
        {"channel": "user", "timestamp": "2024-01-15T10:30:00+01:00", "events": []},
        {"channel": "user", "timestamp": "2024-01-15T10:30:00Z",
         "events": [{"positions": {"expiring_futures_positions": [{"product_id": "BIT"}]}}]},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_put_aside(message: object) -> None:
    (event,) = streamed(message)
    assert isinstance(event, FrameQuarantined)
    assert event.reason


# --- orders, answered ----------------------------------------------------------------------------


def test_a_taken_order_is_acknowledged_with_the_venues_id() -> None:
    taken = {"order_id": "o-1", "product_id": "BTC-USD", "side": "BUY"}
    message = {
        "success": True,
        "success_response": taken | {"client_order_id": "tie0010000001"},
        "order_configuration": {},
    }
    told = but(ORDER, price=45_000 * PRICE, filled_quantity=-1, occurred_at=0)
    assert answered(PLACE, message) == [told]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("INSUFFICIENT_FUND", "rejected"),
        ("INVALID_SIZE_PRECISION", "rejected"),
        ("INVALID_LIMIT_PRICE_POST_ONLY", "rejected"),
        ("UNKNOWN_FAILURE_REASON", "unknown"),
        ("SOMETHING_NEW", "unknown"),
    ],
)
def test_only_a_listed_reason_rejects(error: str, status: str) -> None:
    """The outer failure_reason always says UNKNOWN_FAILURE_REASON."""
    message = {
        "success": False,
        "failure_reason": "UNKNOWN_FAILURE_REASON",
        "order_id": "",
        "error_response": {"error": error, "message": "m", "new_order_failure_reason": error},
    }
    (event,) = answered(PLACE, message)
    assert isinstance(event, OrderReported)
    assert event.status == status


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"timeout", 0), (b"<html>", 200), (b"<html>", 503), (b'{"succ', 200), (b"{}", 429),
     (b"Unauthorized", 401), (b"{}", 200)],
)  # fmt: skip
def test_no_answer_leaves_the_order_unknown(body: bytes, status: int) -> None:
    (event,) = answered(PLACE, body, status)
    assert isinstance(event, OrderReported)
    assert event.status == "unknown"


def test_a_cancel_that_was_taken_cancels_nothing_yet() -> None:
    message = {"results": [{"success": True, "failure_reason": "?", "order_id": "o-1"}]}
    (event,) = answered(CANCEL, message)
    assert isinstance(event, FrameDismissed)


def test_a_cancel_can_be_refused() -> None:
    message = {
        "results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": ""}]
    }
    refused = CancelRejected(**TOLD, client_order_id="tie0010000001", reason="UNKNOWN_CANCEL_ORDER")
    assert answered(CANCEL, message) == [refused]


RECORD: dict[str, Any] = {
    "order_id": "o-1", "product_id": "BTC-USD", "user_id": "u",
    "order_configuration": {
        "limit_limit_gtc": {"base_size": "0.002", "limit_price": "45000", "post_only": False}
    },
    "side": "BUY", "client_order_id": "tie0010000001", "status": "OPEN",
    "time_in_force": "GOOD_UNTIL_CANCELLED", "created_time": "2024-01-15T10:29:59Z",
    "completion_percentage": "75", "filled_size": "0.0015",
    "average_filled_price": "44999.99", "fee": "", "number_of_fills": "2",
    "filled_value": "67.499985", "pending_cancel": False, "size_in_quote": False,
    "total_fees": "0.4049", "total_value_after_fees": "67.9", "order_type": "LIMIT",
    "reject_reason": "REJECT_REASON_UNSPECIFIED", "reject_message": "", "cancel_message": "",
    "last_fill_time": "2024-01-15T10:30:00Z",
}  # fmt: skip
EXACT = but(PROGRESS, value=6_749_998_500, occurred_at=AT)
KNOWN = but(ORDER, price=45_000 * PRICE, occurred_at=AT)


def test_the_record_tells_the_exact_value() -> None:
    assert answered(QUERY, {"order": RECORD}) == [EXACT, KNOWN]


def test_a_cancel_by_an_id_we_do_not_know_yet_asks_for_the_order() -> None:
    """Coinbase cancels by its own id alone: the answer tells it, and core cancels again."""
    unnamed = CancelOrder(**NAMES)
    assert DIALECT.request(unnamed).method == "GET"
    assert answered(unnamed, {"order": RECORD}) == [EXACT, KNOWN]


@pytest.mark.parametrize(
    ("text", "rest"),
    [("30:00Z", 0), ("30:00.5Z", 500_000_000), ("30:00.000000123Z", 123), ("30:00.0000000019Z", 1)],
)
def test_a_time_has_as_many_decimals_as_are_told(text: str, rest: int) -> None:
    record = RECORD | {"last_fill_time": f"2024-01-15T10:{text}"}
    assert answered(QUERY, {"order": record})[0] == but(EXACT, occurred_at=AT + rest)


def test_a_value_finer_than_the_books_is_not_told_and_the_average_is() -> None:
    record = RECORD | {"filled_value": "67.4999850000000001"}
    assert answered(QUERY, {"order": record})[0] == but(EXACT, value=None)


def test_an_order_by_its_value_has_no_quantity() -> None:
    record = RECORD | {"order_configuration": {"market_market_ioc": {"quote_size": "90"}}}
    assert answered(QUERY, {"order": record})[1] == but(KNOWN, quantity=0, price=0)


def test_a_missing_order_is_missing() -> None:
    message = {"error": "NOT_FOUND", "error_details": "d", "message": "m"}
    missing = OrderMissing(**TOLD, client_order_id="tie0010000001", asked_at=ASKED)
    assert answered(QUERY, message, 404) == [missing]


def test_open_orders_are_complete_or_not_told_as_such() -> None:
    about = FetchOpenOrders(account=ACCOUNT)
    *_, listing = answered(about, {"orders": [RECORD], "has_next": False, "cursor": ""})
    assert listing == OpenOrdersReported(
        **TOLD, client_order_ids=("tie0010000001",), asked_at=ASKED
    )
    *_, note = answered(about, {"orders": [RECORD], "has_next": True, "cursor": "x"})
    assert isinstance(note, FrameQuarantined)


# --- back-fill -----------------------------------------------------------------------------------


def page(*rows: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"orders": list(rows), "sequence": "0", "has_next": bool(cursor), "cursor": cursor}


def filled(text: str | None, name: str = "o-1") -> dict[str, Any]:
    return RECORD | {"last_fill_time": text, "order_id": name}


def read(after: str, told: dict[str, Any]) -> tuple[list[str], str, bool]:
    """The orders whose progress was told, the cursor, and whether there is more."""
    about = FetchFills(account=ACCOUNT, instrument="BTC-USD", after=after)
    *events, end = answered(about, told)
    assert isinstance(end, PageReported)
    names = [event.order_id for event in events if isinstance(event, ProgressReported)]
    return names, end.through, end.more


def test_a_round_pages_until_the_end_and_keeps_a_watermark() -> None:
    """The watermark lies half a minute before the newest fill that was seen."""
    first = page(filled("2024-01-15T10:30:00Z", "a"), cursor="c2")
    assert read("", first) == (["a"], f"0/{AT}/c2", True)
    last = page(filled("2024-01-15T10:00:00Z", "b"), filled(None, "c"))
    assert read(f"0/{AT}/c2", last) == (["b"], f"{AT - 30 * SECOND}/0/", False)


def test_the_next_round_stops_below_the_watermark() -> None:
    """An order that progressed is in front again; what an earlier round read is not told again."""
    told = page(
        filled("2024-01-15T10:31:00Z", "old one, filled again"),
        filled("2024-01-15T10:29:30Z", "at the watermark"),
        filled("2024-01-15T10:29:00Z", "known"),
        cursor="c2",
    )
    after = f"{AT - 30 * SECOND}/0/"
    names, through, more = read(after, told)
    assert names == ["old one, filled again", "at the watermark"]
    assert (through, more) == (f"{AT + 30 * SECOND}/0/", False)


def test_a_page_that_ends_at_the_watermark_is_not_the_last() -> None:
    """Others may have been filled in that very moment."""
    told = page(filled("2024-01-15T10:30:00Z"), cursor="c2")
    assert read(f"{AT}/0/", told) == (["o-1"], f"{AT}/{AT}/c2", True)


def test_a_page_that_is_not_in_order_is_no_reason_to_stop() -> None:
    told = page(
        filled("2024-01-15T10:29:00Z", "a"),
        filled("2024-01-15T10:31:00Z", "b"),
        filled("2024-01-15T10:28:00Z", "c"),
        cursor="c2",
    )
    names, _, more = read(f"{AT}/0/", told)
    assert (names, more) == (["b"], True)


def test_a_watermark_never_goes_back() -> None:
    assert read(f"{AT}/0/", page()) == ([], f"{AT}/0/", False)


def test_one_order_that_cannot_be_read_does_not_spoil_the_page() -> None:
    broken = filled("2024-01-15T10:30:00Z", "broken") | {"status": "?"}
    names, _, _ = read("", page(broken, filled("2024-01-15T10:30:00Z", "fine")))
    assert names == ["fine"]


def test_a_page_refused_is_asked_for_from_the_first_on() -> None:
    about = FetchFills(account=ACCOUNT, instrument="BTC-USD", after=f"5/{AT}/stale")
    message = {"error": "INVALID_ARGUMENT", "message": "invalid cursor"}
    failed, end = answered(about, message, 400)
    assert isinstance(failed, RequestFailed)
    assert isinstance(end, PageReported)
    assert (end.through, end.more) == ("5/0/", True)
    (alone,) = answered(PAGE, message, 400)
    assert isinstance(alone, RequestFailed)


def test_single_fills_are_told_and_move_no_cursor() -> None:
    row = {
        "entry_id": "e-1", "trade_id": "t-1", "order_id": "o-1",
        "trade_time": "2024-01-15T10:30:00Z", "trade_type": "FILL", "price": "45000",
        "size": "0.001", "commission": "0.27", "product_id": "BTC-USD",
        "liquidity_indicator": "TAKER", "size_in_quote": False, "side": "BUY",
    }  # fmt: skip
    reversal, quoted = row | {"trade_type": "REVERSAL"}, row | {"size_in_quote": True}
    fill, *notes = answered(PAGE, {"fills": [row, reversal, quoted], "cursor": ""})
    assert fill == FillReported(
        **TOLD,
        instrument="BTC-USD",
        fill_id="e-1",
        order_id="o-1",
        side="buy",
        quantity=100_000,
        price=45_000 * PRICE,
        fee=27_000_000,
        fee_asset="USD",
        occurred_at=AT,
    )
    assert [type(note) for note in notes] == [FrameQuarantined, FrameQuarantined]


# --- statements ----------------------------------------------------------------------------------


def account(asset: str, free: str, held: str) -> dict[str, Any]:
    return {
        "uuid": "u", "currency": asset, "available_balance": {"value": free, "currency": asset},
        "hold": {"value": held, "currency": asset}, "updated_at": "2024-01-15T10:30:00Z",
    }  # fmt: skip


def test_an_account_is_what_is_available_and_on_hold_without_an_as_of() -> None:
    accounts = [account("BTC", "1.2", "0.3"), account("USD", "10.50", "0")]
    message = {"accounts": accounts, "has_next": False, "cursor": "", "size": 2}
    statement = StatementReported(
        **TOLD,
        kind="balances",
        rows=(
            StatementRow("BTC", "cash", 150_000_000),
            StatementRow("USD", "cash", 1_050_000_000),
        ),
        asked_at=ASKED,
    )
    assert answered(BALANCES, message) == [statement]
    told, note = answered(BALANCES, message | {"has_next": True})
    assert told == but(statement, complete=False)
    assert isinstance(note, FrameQuarantined)


# --- requests ------------------------------------------------------------------------------------


WANTED = {
    "client_order_id": "tie0010000001", "product_id": "BTC-USD", "side": "BUY",
    "order_configuration": {
        "limit_limit_gtc": {"base_size": "0.002", "limit_price": "45000", "post_only": False}
    },
}  # fmt: skip
PATH = "/api/v3/brokerage"
BY_CLIENT = Request(
    "GET", f"{PATH}/orders/historical/tie0010000001", {"client_order_id": "tie0010000001"}
)
FIRST_PAGE = {"product_ids": ["BTC-USD"], "sort_by": "LAST_FILL_TIME", "limit": 100}


@pytest.mark.parametrize(
    ("effect", "request_"),
    [
        (PLACE, Request("POST", f"{PATH}/orders", WANTED)),
        (but(PLACE, kind="ioc"), Request("POST", f"{PATH}/orders", WANTED | {
            "order_configuration": {
                "sor_limit_ioc": {"base_size": "0.002", "limit_price": "45000"}}})),
        (but(PLACE, kind="market", price=0), Request("POST", f"{PATH}/orders", WANTED | {
            "order_configuration": {"market_market_ioc": {"base_size": "0.002"}}})),
        (CANCEL, Request("POST", f"{PATH}/orders/batch_cancel", {"order_ids": ["o-1"]})),
        (CancelOrder(**NAMES), BY_CLIENT),
        (QUERY, Request("GET", f"{PATH}/orders/historical/o-1")),
        (QueryOrder(**NAMES), BY_CLIENT),
        (FetchOpenOrders(account=ACCOUNT), Request("GET", f"{PATH}/orders/historical/batch",
            {"order_status": ["OPEN"], "limit": 1000})),
        (BALANCES, Request("GET", f"{PATH}/accounts", {"limit": 250})),
        (PAGE, Request("GET", f"{PATH}/orders/historical/batch", FIRST_PAGE)),
        (but(PAGE, after="5/6/c/2"), Request("GET", f"{PATH}/orders/historical/batch",
            FIRST_PAGE | {"cursor": "c/2"})),
        (RenewStream(account=ACCOUNT), Request("GET", f"{PATH}/key_permissions")),
    ],
)  # fmt: skip
def test_an_effect_is_a_request(effect: Effect, request_: Request) -> None:
    assert DIALECT.request(effect) == request_


# --- the simulated venue's clock -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_400_123, "2000-02-29T00:00:00.123000Z"),
        (1_705_314_600_000, "2024-01-15T10:30:00.000000Z"),
        (1_735_689_599_999, "2024-12-31T23:59:59.999000Z"),
    ],
)
def test_the_simulated_venue_writes_times_as_the_real_one(ms: int, text: str) -> None:
    assert time(ms) == text
