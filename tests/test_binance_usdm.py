"""The Binance USDⓈ-M dialect: frames as the documentation has them, and what they tell, by hand."""

import json
from typing import Any

import pytest

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
    CancelRejected,
    CashMoved,
    Event,
    FillReported,
    FrameDismissed,
    FrameQuarantined,
    FundingPaid,
    OrderMissing,
    OrderReported,
    PageReported,
    RequestFailed,
    StatementReported,
    StatementRow,
    StreamClosed,
)
from core.frames import Frame
from venues.binance_usdm import DIALECT
from venues.binance_usdm.simulated import movement_key
from venues.dialect import Request
from venues.exchange import Movement

ACCOUNT = "binance_usdm/main"
MS = 1_000_000
HEARD, ASKED = 1_700_000_009_000 * MS, 1_700_000_008_900 * MS
UNIT = 10**8  # of a quantity or an amount
PRICE = 10**12
PLACE = PlaceOrder(
    account=ACCOUNT,
    client_order_id="tie0010000001",
    instrument="BTCUSDT",
    side="sell",
    quantity=UNIT // 100,
    kind="limit",
    price=35_000 * PRICE,
)
CANCEL = CancelOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument="BTCUSDT")
QUERY = QueryOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument="BTCUSDT")
FILLS = FetchFills(account=ACCOUNT, instrument="BTCUSDT", after="")
LEDGER = FetchLedger(account=ACCOUNT, after="")
BALANCES = FetchStatement(account=ACCOUNT, kind="balances")
POSITIONS = FetchStatement(account=ACCOUNT, kind="positions")
TOLD = {"received_at": HEARD, "frame": 7, "account": ACCOUNT}


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


def update(**changed: Any) -> dict[str, Any]:
    """ORDER_TRADE_UPDATE of a sell limit order, by the documentation's fields."""
    order = {
        "s": "BTCUSDT", "c": "tie0010000001", "S": "SELL", "o": "LIMIT", "f": "GTC",
        "q": "0.010", "p": "35000.0", "ap": "0", "sp": "0", "x": "NEW", "X": "NEW", "i": 4101,
        "l": "0", "z": "0", "L": "0", "T": 1700000008001, "t": 0, "b": "0", "a": "0", "m": False,
        "R": False, "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "BOTH", "cp": False, "pP": False,
        "si": 0, "ss": 0, "rp": "0", "V": "NONE", "pm": "NONE", "gtd": 0,
    }  # fmt: skip
    return {
        "e": "ORDER_TRADE_UPDATE", "E": 1700000008003, "T": 1700000008001, "o": order | changed,
    }  # fmt: skip


TRADE: dict[str, Any] = {
    "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.004", "z": "0.007", "L": "35001.5",
    "N": "BNB", "n": "0.00012345", "t": 990017, "m": True, "rp": "-3.25000000",
}  # fmt: skip
FILL = FillReported(
    **TOLD,
    instrument="BTCUSDT",
    fill_id="990017",
    order_id="4101",
    client_order_id="tie0010000001",
    side="sell",
    quantity=400_000,
    price=35_001_500_000_000_000,
    fee=12_345,
    fee_asset="BNB",
    realised=-325_000_000,
    maker=True,
    occurred_at=1_700_000_008_001 * MS,
)
ORDER = OrderReported(
    **TOLD,
    client_order_id="tie0010000001",
    status="acknowledged",
    order_id="4101",
    instrument="BTCUSDT",
    side="sell",
    quantity=1_000_000,
    price=35_000 * PRICE,
    filled_quantity=0,
    occurred_at=1_700_000_008_001 * MS,
)


def but(event: Any, **changed: Any) -> Any:
    """The same event, with other words in it."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**(fields | changed))


# --- the stream ----------------------------------------------------------------------------------


def test_an_order_is_told() -> None:
    assert streamed(update()) == [ORDER]


def test_a_trade_tells_the_fill_and_the_order() -> None:
    """The incremental quantity is the fill's, the cumulative one the order's; the fee may be in a
    third asset; realised profit is signed."""
    order = but(ORDER, status="partially_filled", filled_quantity=700_000)
    assert streamed(update(**TRADE)) == [FILL, order]


def test_a_fee_that_is_not_told_is_none() -> None:
    """N and n are absent where nothing is charged."""
    told = {key: value for key, value in TRADE.items() if key not in ("N", "n")}
    assert streamed(update(**told))[0] == but(FILL, fee=0, fee_asset="")


def test_a_rebate_is_negative() -> None:
    assert streamed(update(**TRADE | {"n": "-0.00001000"}))[0] == but(FILL, fee=-1_000)


@pytest.mark.parametrize(("ps", "leg"), [("BOTH", "net"), ("LONG", "long"), ("SHORT", "short")])
def test_a_fill_has_the_leg_it_is_told_in_and_the_trades_side(ps: str, leg: str) -> None:
    assert streamed(update(**TRADE, ps=ps))[0] == but(FILL, leg=leg)


@pytest.mark.parametrize(
    ("client_order_id", "execution", "cause"),
    [
        ("autoclose-1700000008", "CALCULATED", "liquidation"),
        ("adl_autoclose", "CALCULATED", "adl"),
        ("settlement_autoclose-1700000008", "TRADE", "settlement"),
        ("unheard-of", "CALCULATED", "liquidation"),
        ("tie0010000001", "TRADE", "trade"),
    ],
)
def test_a_forced_fill_says_why(client_order_id: str, execution: str, cause: str) -> None:
    told = update(**TRADE | {"c": client_order_id, "x": execution})
    assert streamed(told)[0] == but(FILL, client_order_id=client_order_id, cause=cause)


@pytest.mark.parametrize(
    "nothing", [{"l": "0"}, {"x": "AMENDMENT"}, {"x": "EXPIRED"}, {"x": "CANCELED"}]
)
def test_an_execution_of_nothing_is_no_fill(nothing: dict[str, str]) -> None:
    events = streamed(update(**TRADE | nothing))
    assert [type(event) for event in events] == [OrderReported]


def test_a_fill_without_an_id_is_put_aside() -> None:
    """It cannot be told from another; the statements will miss it."""
    assert isinstance(streamed(update(**TRADE | {"t": 0}))[0], FrameQuarantined)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("FILLED", "filled"),
        ("CANCELED", "cancelled"),
        ("EXPIRED", "expired"),
        ("EXPIRED_IN_MATCH", "expired"),
    ],
)
def test_an_order_ends_as_told(told: str, status: str) -> None:
    """A cancelled order keeps its own client id in `c`, unlike on spot."""
    assert streamed(update(x=told, X=told)) == [but(ORDER, status=status)]


def test_an_account_update_pushes_wallets_and_legs() -> None:
    """Wallets without unrealised profit; signed legs; both as of the transaction's time."""
    message = {
        "e": "ACCOUNT_UPDATE",
        "E": 1700000008005,
        "T": 1700000008001,
        "a": {
            "m": "ORDER",
            "B": [{"a": "USDT", "wb": "998.5", "cw": "900.0", "bc": "0"}],
            "P": [
                {"s": "BTCUSDT", "pa": "-0.007", "ep": "35001.5", "up": "1", "ps": "BOTH"},
                {"s": "ETHUSDT", "pa": "2", "ep": "2000", "up": "1", "ps": "LONG"},
            ],
        },
    }
    pushed: dict[str, Any] = {
        **TOLD,
        "asked_at": HEARD,
        "as_of": 1_700_000_008_001 * MS,
        "as_of_step": MS,
        "complete": False,
    }
    wallets = (StatementRow("USDT", "cash", 99_850_000_000),)
    legs = (StatementRow("BTCUSDT", "net", -700_000), StatementRow("ETHUSDT", "long", 2 * UNIT))
    assert streamed(message) == [
        StatementReported(**pushed, kind="balances", rows=wallets),
        StatementReported(**pushed, kind="positions", rows=legs),
    ]


def test_funding_on_the_stream_moves_no_books() -> None:
    """It names neither symbol nor tranId: the wallet is compared, the income record is booked."""
    message = {
        "e": "ACCOUNT_UPDATE",
        "E": 1700000008005,
        "T": 1700000008001,
        "a": {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "1", "bc": "-0.5"}], "P": []},
    }
    assert [type(event) for event in streamed(message)] == [StatementReported]


@pytest.mark.parametrize(
    "kind",
    ["TRADE_LITE", "ACCOUNT_CONFIG_UPDATE", "MARGIN_CALL", "ALGO_UPDATE", "STRATEGY_UPDATE"],
)
def test_what_tells_nothing_is_dismissed_with_a_reason(kind: str) -> None:
    (event,) = streamed({"e": kind, "E": 1700000008005})
    assert isinstance(event, FrameDismissed)
    assert event.reason.startswith(kind)


def test_a_key_that_expired_ends_the_stream() -> None:
    message = {"e": "listenKeyExpired", "E": 1700000008005, "listenKey": "abc"}
    assert streamed(message) == [StreamClosed(**TOLD, epoch=3, reason="listenKeyExpired")]


def test_a_combined_stream_wraps_the_same() -> None:
    assert streamed({"stream": "abc", "data": update()}) == [ORDER]


@pytest.mark.parametrize(
    "message",
    [
        {"e": "SOMETHING_NEW"},
        [],
        b"\xff\xfe",
        b'{"e":"ORDER_TRADE_UPDATE"',
        {"e": "ORDER_TRADE_UPDATE"},
        {"e": "ORDER_TRADE_UPDATE", "o": []},
        {"e": "ACCOUNT_UPDATE", "T": "soon", "a": {}},
        update(T="1700000008001"),
        update(**TRADE | {"t": "990017"}),
        update(X="HALF_DONE"),
        update(**TRADE | {"l": "1e-9"}),
    ],
)
def test_what_cannot_be_read_is_put_aside(message: object) -> None:
    (event,) = streamed(message)
    assert isinstance(event, FrameQuarantined)
    assert event.reason


# --- answers -------------------------------------------------------------------------------------


LISTED = {
    "avgPrice": "0.00000", "clientOrderId": "tie0010000001", "cumQuote": "0",
    "executedQty": "0.003", "orderId": 4101, "origQty": "0.010", "origType": "LIMIT",
    "price": "35000.0", "reduceOnly": False, "side": "SELL", "positionSide": "BOTH",
    "status": "PARTIALLY_FILLED", "stopPrice": "0", "closePosition": False, "symbol": "BTCUSDT",
    "timeInForce": "GTC", "type": "LIMIT", "updateTime": 1700000008001,
    "workingType": "CONTRACT_PRICE", "priceProtect": False,
}  # fmt: skip
KNOWN = but(ORDER, status="partially_filled", filled_quantity=300_000)


@pytest.mark.parametrize("about", [PLACE, CANCEL, QUERY])
def test_an_order_answers_for_itself(about: Effect) -> None:
    assert answered(about, LISTED) == [KNOWN]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (-2019, "rejected"),  # margin is insufficient
        (-2022, "rejected"),  # reduce-only
        (-4003, "rejected"),  # quantity
        (-4061, "rejected"),  # position side
        (-5022, "rejected"),  # post-only would take
        (-1007, "unknown"),  # timeout: execution status unknown
        (-1006, "unknown"),  # unexpected response
        (-1021, "unknown"),  # outside of recvWindow: a copy of it may have come earlier
        (-4116, "unknown"),  # duplicated client id: that order may live
    ],
)
def test_only_a_listed_code_rejects(code: int, status: str) -> None:
    (event,) = answered(PLACE, {"code": code, "msg": "as it says"}, status=400)
    assert isinstance(event, OrderReported)
    assert event.status == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"timeout", 0),
        (b"<html>502</html>", 502),
        (b"<html>ok</html>", 200),
        (b'{"orderId":41', 200),
        (b'{"code":-1003,"msg":"Too many requests"}', 429),
        (b'{"code":-1003,"msg":"banned"}', 418),
        (b"[]", 200),
    ],
)
def test_no_answer_leaves_the_order_unknown(body: bytes, status: int) -> None:
    (event,) = answered(PLACE, body, status)
    assert isinstance(event, OrderReported)
    assert (event.status, event.client_order_id) == ("unknown", "tie0010000001")


def test_a_missing_order_is_missing() -> None:
    message = {"code": -2013, "msg": "Order does not exist."}
    missing = OrderMissing(**TOLD, client_order_id="tie0010000001", asked_at=ASKED)
    assert answered(QUERY, message, 400) == [missing]


def test_a_cancel_can_be_refused() -> None:
    (event,) = answered(CANCEL, {"code": -2011, "msg": "Unknown order sent."}, 400)
    assert isinstance(event, CancelRejected)


def test_balances_are_as_of_their_own_times() -> None:
    rows = [
        {"accountAlias": "x", "asset": "USDT", "balance": "998.50000000", "crossUnPnl": "-5.0",
         "availableBalance": "10", "updateTime": 1700000008001},
        {"accountAlias": "x", "asset": "BNB", "balance": "1.5", "updateTime": 0},
    ]  # fmt: skip
    assert answered(BALANCES, rows) == [
        StatementReported(
            **TOLD,
            kind="balances",
            rows=(
                StatementRow("USDT", "cash", 99_850_000_000, 1_700_000_008_001 * MS),
                StatementRow("BNB", "cash", 150_000_000),
            ),
            asked_at=ASKED,
            as_of_step=MS,
        )
    ]


def test_a_wallet_is_told_without_unrealised_profit() -> None:
    """The account's own answer has both; only the wallet is what trades and fees sum to."""
    asset = {"asset": "USDT", "walletBalance": "10", "unrealizedProfit": "-4",
             "marginBalance": "6", "updateTime": 5}  # fmt: skip
    (event,) = answered(BALANCES, {"totalWalletBalance": "10", "assets": [asset], "positions": []})
    assert isinstance(event, StatementReported)
    assert event.rows == (StatementRow("USDT", "cash", 10 * UNIT, 5 * MS),)


def test_positions_are_signed_and_flat_ones_may_be_left_out() -> None:
    rows = [
        {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.007",
         "entryPrice": "35001.5", "updateTime": 1700000008001},
    ]  # fmt: skip
    (event,) = answered(POSITIONS, rows)
    assert isinstance(event, StatementReported)
    assert event.complete
    assert event.rows == (StatementRow("BTCUSDT", "net", -700_000, 1_700_000_008_001 * MS),)


def trade(number: int) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "id": number, "orderId": 4101, "side": "SELL", "price": "35001.5",
        "qty": "0.004", "realizedPnl": "-3.25000000", "marginAsset": "USDT", "quoteQty": "140.00",
        "commission": "0.00012345", "commissionAsset": "BNB", "time": 1700000008001,
        "positionSide": "BOTH", "buyer": False, "maker": True,
    }  # fmt: skip


def test_a_fill_is_the_same_fill_in_the_record() -> None:
    """The same content as on the stream, so that it is an echo; the quote quantity is rounded and
    so is no exact value."""
    fill, page = answered(FILLS, [trade(990017)])
    assert fill == but(FILL, client_order_id="")
    assert page == PageReported(
        **TOLD, subject="BTCUSDT", through="990017", more=False, asked_at=ASKED
    )


def test_a_full_page_has_more_behind_it() -> None:
    *_, page = answered(FILLS, [trade(number) for number in range(1, 1001)])
    assert isinstance(page, PageReported)
    assert (page.through, page.more) == ("1000", True)


def test_an_empty_page_keeps_the_cursor() -> None:
    about = FetchFills(account=ACCOUNT, instrument="BTCUSDT", after="77")
    (page,) = answered(about, [])
    assert isinstance(page, PageReported)
    assert (page.through, page.more) == ("77", False)


def income(kind: str, amount: str, at: int = 1700000008001, number: int = 51) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT" if kind != "TRANSFER" else "", "incomeType": kind, "income": amount,
        "asset": "USDT", "info": kind, "time": at, "tranId": number, "tradeId": "",
    }  # fmt: skip


def test_the_income_record_tells_funding_and_transfers_and_no_fill_twice() -> None:
    rows = [
        income("FUNDING_FEE", "-0.37500000"),
        income("COMMISSION", "-0.01"),
        income("REALIZED_PNL", "7"),
        income("TRANSFER", "100"),
    ]
    assert answered(LEDGER, rows) == [
        FundingPaid(
            **TOLD,
            instrument="BTCUSDT",
            funding_id="51:BTCUSDT",
            asset="USDT",
            amount=-37_500_000,
            occurred_at=1_700_000_008_001 * MS,
        ),
        CashMoved(
            **TOLD,
            movement_id="TRANSFER:51",
            asset="USDT",
            amount=100 * UNIT,
            reason="transfer",
            occurred_at=1_700_000_008_001 * MS,
        ),
        # The next round begins a minute before the last row.
        PageReported(
            **TOLD, subject="ledger", through="1699999948001/1", more=False, asked_at=ASKED
        ),
    ]


def test_income_of_an_unknown_type_is_put_aside_and_the_rest_is_read() -> None:
    events = answered(LEDGER, [income("LOTTERY", "1"), income("FUNDING_FEE", "1")])
    assert [type(event) for event in events] == [FrameQuarantined, FundingPaid, PageReported]


def test_income_is_paged_by_number_from_one_start() -> None:
    """Equal times at a page's edge are not lost: the start stands still while pages are full."""
    full = [income("COMMISSION", "-1", at=5)] * 1000
    through = []
    about = FetchLedger(account=ACCOUNT, after="4/1")
    for rows in (full, full, full[:10]):
        *_, page = answered(about, rows)
        assert isinstance(page, PageReported)
        through.append((page.through, page.more))
        about = FetchLedger(account=ACCOUNT, after=page.through)
    assert through == [("4/2", True), ("4/3", True), ("4/1", False)]


def test_the_truth_knows_movements_by_the_same_ids() -> None:
    funding = Movement(51, "funding", "BTCUSDT", "USDT", -1, 1700000008001)  # type: ignore[arg-type]
    transfer = Movement(51, "transfer", "", "USDT", 1, 1700000008001)  # type: ignore[arg-type]
    assert movement_key(funding) == ("funding", "51:BTCUSDT", "USDT")
    assert movement_key(transfer) == ("transfer", "TRANSFER:51", "USDT")


@pytest.mark.parametrize("about", [BALANCES, POSITIONS, FILLS, LEDGER])
def test_a_failed_read_says_what_it_was_about(about: Effect) -> None:
    (event,) = answered(about, b'{"code":-1003,"msg":"Too many requests"}', 429)
    assert isinstance(event, RequestFailed)
    assert event.about in ("balances", "positions", "fills:BTCUSDT", "fills:ledger")
    assert event.retry_after_ns == 1_000 * MS


# --- requests ------------------------------------------------------------------------------------


ID = {"symbol": "BTCUSDT", "origClientOrderId": "tie0010000001"}
WANTED = {
    "symbol": "BTCUSDT", "side": "SELL", "positionSide": "BOTH", "type": "LIMIT",
    "quantity": "0.01", "newClientOrderId": "tie0010000001", "newOrderRespType": "RESULT",
    "price": "35000", "timeInForce": "GTC",
}  # fmt: skip


@pytest.mark.parametrize(
    ("effect", "request_"),
    [
        (PLACE, Request("POST", "/fapi/v1/order", WANTED)),
        (but(PLACE, kind="post_only"),
         Request("POST", "/fapi/v1/order", WANTED | {"timeInForce": "GTX"})),
        (but(PLACE, kind="ioc", reduce_only=True),
         Request("POST", "/fapi/v1/order", WANTED | {"timeInForce": "IOC", "reduceOnly": "true"})),
        (but(PLACE, leg="short"),
         Request("POST", "/fapi/v1/order", WANTED | {"positionSide": "SHORT"})),
        (but(PLACE, kind="market", price=0),
         Request("POST", "/fapi/v1/order",
                 {k: v for k, v in WANTED.items() if k not in ("price", "timeInForce")}
                 | {"type": "MARKET"})),
        (CANCEL, Request("DELETE", "/fapi/v1/order", ID)),
        (QUERY, Request("GET", "/fapi/v1/order", ID)),
        (FetchOpenOrders(account=ACCOUNT), Request("GET", "/fapi/v1/openOrders")),
        (BALANCES, Request("GET", "/fapi/v3/balance")),
        (POSITIONS, Request("GET", "/fapi/v3/positionRisk")),
        (FILLS, Request("GET", "/fapi/v1/userTrades",
                        {"symbol": "BTCUSDT", "fromId": "0", "limit": 1000})),
        # The last known id is read again: both sides of a self-trade share one.
        (but(FILLS, after="990017"), Request("GET", "/fapi/v1/userTrades",
                        {"symbol": "BTCUSDT", "fromId": "990017", "limit": 1000})),
        (LEDGER, Request("GET", "/fapi/v1/income", {"limit": 1000, "page": "1"})),
        (but(LEDGER, after="1699999948001/3"),
         Request("GET", "/fapi/v1/income",
                 {"limit": 1000, "page": "3", "startTime": "1699999948001"})),
        (RenewStream(account=ACCOUNT), Request("PUT", "/fapi/v1/listenKey")),
    ],
)  # fmt: skip
def test_an_effect_is_a_request(effect: Effect, request_: Request) -> None:
    assert DIALECT.request(effect) == request_
