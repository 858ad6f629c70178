"""Bybit v5 inverse contracts, read by the documentation: frames and facts written by hand."""

import json
from typing import Any
from urllib.parse import quote

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchLedger,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
)
from core.events import (
    CashMoved,
    Event,
    FillReported,
    FrameDismissed,
    FrameQuarantined,
    FundingPaid,
    HeartbeatHeard,
    OpenOrdersReported,
    OrderMissing,
    OrderReported,
    PageReported,
    RequestFailed,
    StatementReported,
    StatementRow,
    StreamClosed,
)
from core.frames import Frame
from venues.bybit_inverse.decoder import decode
from venues.bybit_inverse.requests import request
from venues.bybit_inverse.simulated import _page

ACCOUNT = "bybit_inverse/main"
MS = 1_000_000
NOW = 1_700_000_000_000 * MS
ONE = 10**8
DAY_MS = 24 * 3600 * 1000
PLACE = PlaceOrder(
    account=ACCOUNT,
    client_order_id="tie0010000001",
    instrument="BTCUSD",
    side="sell",
    quantity=20 * ONE,
    kind="post_only",
    price=50_000 * 10**12,
)
QUERY = QueryOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument="BTCUSD")
CANCEL = CancelOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument="BTCUSD")


def stream(message: dict[str, Any]) -> list[Event]:
    body = json.dumps(message).encode()
    frame = Frame(number=1, account=ACCOUNT, channel="stream", received_at=NOW, body=body, epoch=4)
    return decode(frame, {})


def answer(about: Effect, result: object, code: int = 0, time: int = 5_000_000) -> list[Event]:
    told = {"retCode": code, "retMsg": "?", "result": result, "retExtInfo": {}, "time": time}
    frame = Frame(
        number=1,
        account=ACCOUNT,
        channel="rest",
        received_at=NOW,
        body=json.dumps(told).encode(),
        about=about,
        asked_at=NOW - 30 * MS,
    )
    return decode(frame, {})


def execution(**changed: object) -> dict[str, object]:
    """Buying back 20 dollars of a short at 48,000."""
    line: dict[str, object] = {
        "category": "inverse", "symbol": "BTCUSD", "orderId": "o-1", "orderLinkId": "tie0010000001",
        "side": "Buy", "createType": "CreateByUser", "execFee": "0.00000021", "execId": "e-1",
        "execPrice": "48000", "execQty": "20", "execType": "Trade", "execValue": "0.00041667",
        "execTime": "1700000000123", "feeCurrency": "BTC", "isMaker": False, "closedSize": "20",
        "execPnl": "0.00001666", "seq": 9001,
    }  # fmt: skip
    return line | changed


def executed(*lines: dict[str, object], topic: str = "execution") -> list[Event]:
    return stream({"topic": topic, "id": "1", "creationTime": 1_700_000_000_130, "data": lines})


# --- executions ----------------------------------------------------------------------------------


def test_an_execution_tells_a_fill_and_apart_from_it_its_profit() -> None:
    """Value, fee and profit are in the coin, the quantity in contracts of a dollar."""
    fill, profit = executed(execution())
    at = 1_700_000_000_123 * MS
    assert fill == FillReported(
        received_at=NOW, frame=1, account=ACCOUNT, instrument="BTCUSD", fill_id="e-1",
        order_id="o-1", client_order_id="tie0010000001", side="buy", quantity=20 * ONE,
        price=48_000 * 10**12, value=41_667, fee=21, fee_asset="BTC", sequence=9001,
        occurred_at=at,
    )  # fmt: skip
    assert profit == CashMoved(
        received_at=NOW, frame=1, account=ACCOUNT, movement_id="e-1", asset="BTC", amount=1666,
        reason="realised", instrument="BTCUSD", occurred_at=at, order_id="o-1",
        client_order_id="tie0010000001",
    )  # fmt: skip


def test_what_realises_nothing_moves_no_cash() -> None:
    for told in ("0", ""):
        assert [type(event) for event in executed(execution(execPnl=told))] == [FillReported]


def test_a_rebate_is_a_negative_fee() -> None:
    """`execFee`: positive is charged, negative is given."""
    told = executed(execution(isMaker=True, execFee="-0.00000011"))[0]
    assert isinstance(told, FillReported)
    assert (told.maker, told.fee, told.fee_asset) == (True, -11, "BTC")


def test_one_message_may_tell_many() -> None:
    told = executed(execution(execPnl="0"), execution(execId="e-2", execPnl="0"))
    assert [event.fill_id for event in told] == ["e-1", "e-2"]  # type: ignore[union-attr]


def test_forced_executions_are_fills_with_a_cause() -> None:
    """BustTrade is a liquidation taken over at the bankruptcy price, and no trade undone."""
    causes = {
        kind: executed(execution(execType=kind))[0].cause  # type: ignore[union-attr]
        for kind in ("Trade", "AdlTrade", "BustTrade", "Delivery", "MovePosition")
    }
    assert causes == {
        "Trade": "trade", "AdlTrade": "adl", "BustTrade": "liquidation", "Delivery": "settlement",
        "MovePosition": "trade",
    }  # fmt: skip
    by_liquidation = execution(createType="CreateByLiq")
    assert executed(by_liquidation)[0].cause == "liquidation"  # type: ignore[union-attr]


def test_what_is_no_fill_is_not_booked_as_one() -> None:
    """Funding is told by the log; a settlement may or may not move the position."""
    assert isinstance(executed(execution(execType="Funding"))[0], FrameDismissed)
    assert isinstance(executed(execution(execType="Settle"))[0], FrameQuarantined)
    assert isinstance(executed(execution(), topic="execution.fast")[0], FrameDismissed)


def test_the_coin_of_a_fee_follows_the_category() -> None:
    """Where it is not told: inverse in the base coin, linear in USDT or USDC, spot unknown."""
    coins = {}
    for category, symbol in (
        ("inverse", "ETHUSD"), ("inverse", "BTCUSDH26"), ("linear", "XRPUSDT"),
        ("linear", "BTCPERP"), ("option", "ETH-30DEC22-1400-C"),
    ):  # fmt: skip
        told = executed(execution(category=category, symbol=symbol, feeCurrency=""))
        coins[symbol] = told[0].fee_asset  # type: ignore[union-attr]
    assert coins == {
        "ETHUSD": "ETH", "BTCUSDH26": "BTC", "XRPUSDT": "USDT", "BTCPERP": "USDC",
        "ETH-30DEC22-1400-C": "USDC",
    }  # fmt: skip
    (untold,) = executed(execution(category="spot", symbol="BTCUSDT", feeCurrency=""))
    assert isinstance(untold, FrameDismissed)


def test_extra_fees_do_not_stop_the_fill_and_are_shown() -> None:
    *_, strange = executed(execution(extraFees='[{"feeCoin":"USDT","fee":"1"}]'))
    assert isinstance(strange, FrameQuarantined)


# --- statements ----------------------------------------------------------------------------------


def test_a_size_is_signed_by_its_side() -> None:
    about = FetchStatement(account=ACCOUNT, kind="positions")
    rows = [
        {"symbol": symbol, "side": side, "size": size, "positionIdx": 0, "seq": seq,
         "updatedTime": "1700000000200"}
        for symbol, side, size, seq in (
            ("BTCUSD", "Sell", "20", 9001), ("ETHUSD", "Buy", "7", -1), ("XRPUSD", "", "0", 3)
        )
    ]  # fmt: skip
    (statement,) = answer(about, {"category": "inverse", "list": rows, "nextPageCursor": ""})
    at = 1_700_000_000_200 * MS
    assert isinstance(statement, StatementReported)
    assert statement.complete
    assert statement.rows == (
        StatementRow("BTCUSD", "net", -20 * ONE, at, 9001),
        StatementRow("ETHUSD", "net", 7 * ONE, at, 0),
        StatementRow("XRPUSD", "net", 0, at, 3),
    )


def test_a_read_wallet_is_as_of_its_answers_stamp_and_a_pushed_one_of_its_messages() -> None:
    coin = {"coin": "BTC", "walletBalance": "9.5", "equity": "11"}
    about = FetchStatement(account=ACCOUNT, kind="balances")
    (read,) = answer(about, {"list": [{"accountType": "UNIFIED", "coin": [coin]}]})
    assert isinstance(read, StatementReported)
    assert read.rows == (StatementRow("BTC", "cash", 950_000_000),)
    assert (read.as_of, read.as_of_step) == (5_000_000 * MS, 50 * MS)
    message = {"topic": "wallet", "creationTime": 1_700_000_000_130, "data": [{"coin": [coin]}]}
    (pushed,) = stream(message)
    assert isinstance(pushed, StatementReported)
    assert (pushed.as_of, pushed.complete) == (1_700_000_000_130 * MS, False)


# --- orders --------------------------------------------------------------------------------------


def order(**changed: object) -> dict[str, object]:
    line: dict[str, object] = {
        "orderId": "o-1", "orderLinkId": "tie0010000001", "symbol": "BTCUSD", "side": "Sell",
        "orderType": "Limit", "price": "50000", "qty": "20", "positionIdx": 0,
        "orderStatus": "PartiallyFilled", "rejectReason": "EC_NoError", "cumExecQty": "5",
        "updatedTime": "1700000000124",
    }  # fmt: skip
    return line | changed


def test_an_order_is_told_with_its_cumulative_quantity() -> None:
    (told,) = answer(QUERY, {"list": [order()], "category": "inverse", "nextPageCursor": ""})
    assert isinstance(told, OrderReported)
    assert (told.status, told.filled_quantity, told.reason) == ("partially_filled", 5 * ONE, "")


def test_an_empty_answer_to_a_query_is_a_missing_order() -> None:
    empty = {"list": [], "category": "inverse", "nextPageCursor": ""}
    assert isinstance(answer(QUERY, empty)[0], OrderMissing)
    assert isinstance(answer(QUERY, {}, 110001)[0], OrderMissing)


def test_only_listed_codes_reject() -> None:
    """HTTP says 200 whatever happened; a duplicate id proves that the order is there."""
    verdicts = {
        code: answer(PLACE, {}, code)[0].status  # type: ignore[union-attr]
        for code in (110007, 110017, 110072, 10006, 10016)
    }
    assert verdicts == {
        110007: "rejected", 110017: "rejected", 110072: "unknown", 10006: "unknown",
        10016: "unknown",
    }  # fmt: skip


def test_accepted_is_acknowledged_and_a_cancel_only_accepted() -> None:
    result = {"orderId": "o-1", "orderLinkId": "tie0010000001"}
    (placed,) = answer(PLACE, result)
    assert (placed.status, placed.order_id) == ("acknowledged", "o-1")  # type: ignore[union-attr]
    assert isinstance(answer(CANCEL, result)[0], FrameDismissed)


def test_a_full_page_of_open_orders_is_not_complete() -> None:
    about = FetchOpenOrders(account=ACCOUNT)
    full = answer(about, {"list": [order()] * 50, "category": "inverse", "nextPageCursor": "x"})
    assert not any(isinstance(event, OpenOrdersReported) for event in full)
    closed = order(orderStatus="Cancelled", orderLinkId="gone")
    *_, end = answer(about, {"list": [order(), closed], "category": "inverse"})
    assert isinstance(end, OpenOrdersReported)
    assert end.client_order_ids == ("tie0010000001",)


def test_an_order_that_is_not_ours_is_asked_for_by_the_venues_id() -> None:
    about = QueryOrder(account=ACCOUNT, client_order_id="", order_id="o-1", instrument="BTCUSD")
    assert request(about).params == {"category": "inverse", "symbol": "BTCUSD", "orderId": "o-1"}
    assert request(QUERY).params["orderLinkId"] == "tie0010000001"


def test_a_request_says_what_the_venue_wants() -> None:
    assert request(PLACE).params == {
        "category": "inverse", "symbol": "BTCUSD", "side": "Sell", "orderType": "Limit",
        "qty": "20", "price": "50000", "timeInForce": "PostOnly", "orderLinkId": "tie0010000001",
        "positionIdx": 0,
    }  # fmt: skip
    leaving = PlaceOrder(
        account=ACCOUNT, client_order_id="tie0010000002", instrument="BTCUSD", side="buy",
        quantity=7 * ONE, kind="market", reduce_only=True,
    )  # fmt: skip
    assert request(leaving).params == {
        "category": "inverse", "symbol": "BTCUSD", "side": "Buy", "orderType": "Market",
        "qty": "7", "timeInForce": "IOC", "orderLinkId": "tie0010000002", "positionIdx": 0,
        "reduceOnly": True,
    }  # fmt: skip
    fills = request(FetchFills(account=ACCOUNT, instrument="BTCUSD", after="7|9|a%3A1%2Ca%3A1"))
    assert "execType" not in fills.params
    assert (fills.params["startTime"], fills.params["cursor"]) == ("7", "a:1,a:1")


# --- the transaction log -------------------------------------------------------------------------


def line(number: str, kind: str, **changed: str) -> dict[str, str]:
    told = {
        "id": number, "type": kind, "symbol": "BTCUSD", "category": "inverse", "currency": "BTC",
        "cashFlow": "0", "funding": "0", "fee": "0", "change": "0", "tradeId": "",
        "transactionTime": "1700000000400",
    }  # fmt: skip
    return told | changed


def test_the_log_tells_profit_funding_and_transfers() -> None:
    """A trade's fee and size are its execution's; `change` is what moved for all else."""
    rows = [
        line("6", "INTEREST", change="-0.001"),
        line("5", "TRADE", category="spot", cashFlow="0.5", change="0.5", tradeId="e-9"),
        line("4", "TRADE", cashFlow="0", fee="0.1", change="-0.1", tradeId="e-0"),
        line("3", "TRADE", cashFlow="0.00001666", fee="0.1", change="-0.09", tradeId="e-1"),
        line("2", "SETTLEMENT", funding="-0.002", change="-0.002", tradeId="f-1"),
        line("1", "TRANSFER_OUT", cashFlow="-2", change="-2", symbol="", category=""),
    ]
    about = FetchLedger(account=ACCOUNT, after="")
    interest, profit, funding, transfer, page = answer(about, {"list": rows, "nextPageCursor": ""})
    assert isinstance(interest, CashMoved)
    assert (interest.reason, interest.amount) == ("adjustment", -100_000)
    assert isinstance(profit, CashMoved)
    assert (profit.reason, profit.movement_id, profit.amount) == ("realised", "e-1", 1666)
    assert isinstance(funding, FundingPaid)
    assert (funding.funding_id, funding.amount) == ("2", -200_000)
    assert funding.occurred_at == 1_700_000_000_400 * MS
    assert isinstance(transfer, CashMoved)
    assert (transfer.reason, transfer.amount) == ("transfer", -2 * ONE)
    assert transfer.occurred_at == profit.occurred_at == interest.occurred_at
    assert transfer.occurred_at == funding.occurred_at
    assert isinstance(page, PageReported)


# --- pages ---------------------------------------------------------------------------------------


def test_nothing_is_lost_between_the_cursor_and_now() -> None:
    """Rows of one millisecond stand at every page's edge, and new ones come while we read."""
    record = [(f"e-{n}", 1_000_000 + n // 30) for n in range(450)]
    clock = 1_000_020
    read: list[str] = []
    cursor = ""
    for number in range(60):
        effect = FetchFills(account=ACCOUNT, instrument="BTCUSD", after=cursor)
        page, venue_cursor = _page(
            record, lambda row: (f"{row[0]}:{row[1]}", row[1]), dict(request(effect).params), 100
        )
        if number in (1, 3, 7):
            clock += 40
            record += [(f"e-{len(record) + n}", clock) for n in range(130)]
        rows = [
            execution(execId=name, execTime=str(at), execPnl="")  # REST tells no execPnl
            for name, at in page
        ]
        result = {"category": "inverse", "list": rows, "nextPageCursor": venue_cursor}
        *fills, end = answer(effect, result, time=clock)
        read += [fill.fill_id for fill in fills]  # type: ignore[union-attr]
        assert isinstance(end, PageReported)
        cursor = end.through
        if number > 20 and not end.more:
            break
    assert {*read} == {name for name, _ in record}
    assert cursor == str(clock - 5000)


def test_a_window_ends_after_seven_days_and_the_next_begins_there() -> None:
    """With `startTime` alone the venue shows a week from it, whatever came later."""
    about = FetchLedger(account=ACCOUNT, after="1000000")
    ended = {"list": [], "nextPageCursor": ""}
    (page,) = answer(about, ended, time=1_000_000 + 10 * DAY_MS)
    assert isinstance(page, PageReported)
    assert (page.through, page.more) == (str(1_000_000 + 7 * DAY_MS - 5000), True)
    (page,) = answer(about, ended, time=1_000_000 + 3 * DAY_MS)
    assert (page.through, page.more) == (str(1_000_000 + 3 * DAY_MS - 5000), False)  # type: ignore[union-attr]


def test_a_cursor_is_kept_as_it_is_told() -> None:
    told = quote("a:1,a:1", safe="")
    about = FetchFills(account=ACCOUNT, instrument="BTCUSD", after="")
    result = {"category": "inverse", "list": [execution()], "nextPageCursor": told}
    *_, page = answer(about, result, time=77)
    assert (page.through, page.more) == (f"|77|{told}", True)  # type: ignore[union-attr]


# --- the rest ------------------------------------------------------------------------------------


def test_the_session_is_closed_by_what_ends_it() -> None:
    assert isinstance(stream({"op": "auth", "success": True, "ret_msg": ""})[0], FrameDismissed)
    assert isinstance(stream({"op": "pong", "args": ["1"]})[0], HeartbeatHeard)
    (closed,) = stream({"op": "auth", "success": False, "ret_msg": "expired"})
    assert isinstance(closed, StreamClosed)
    assert (closed.epoch, closed.reason) == (4, "auth: expired")


def test_an_unknown_topic_is_put_aside() -> None:
    (told,) = stream({"topic": "ticketInfo", "data": []})
    assert isinstance(told, FrameQuarantined)


def test_a_failed_read_is_told_as_one() -> None:
    about = FetchFills(account=ACCOUNT, instrument="BTCUSD", after="")
    for result, code in (({}, 10006), ({}, 0)):
        (failed,) = answer(about, result, code)
        assert isinstance(failed, RequestFailed)
        assert failed.about == "fills:BTCUSD"


def test_a_way_down_ends_at_the_time_it_was_opened() -> None:
    """What happened since its first page stood above that page, and was not seen."""
    about = FetchLedger(account=ACCOUNT, after="700000|1000000|c")
    (page,) = answer(about, {"list": [], "nextPageCursor": ""}, time=2_000_000)
    assert isinstance(page, PageReported)
    assert (page.through, page.more) == ("995000", False)
