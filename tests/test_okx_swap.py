"""OKX v5 swaps, read by the documentation: frames written here by hand, facts expected by hand."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from core.effects import (
    CancelOrder,
    Effect,
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
    FillReported,
    FrameDismissed,
    FundingPaid,
    HeartbeatHeard,
    InstrumentListed,
    OpenOrdersReported,
    OrderMissing,
    OrderReported,
    PageReported,
    PositionModeReported,
    RequestFailed,
    StatementReported,
    StatementRow,
    StreamClosed,
)
from core.frames import Frame
from venues.okx_swap.decoder import decode
from venues.okx_swap.requests import request
from venues.okx_swap.simulated import Words, _page, _trade_bill

ACCOUNT = "okx_swap/main"
SWAP = "BTC-USDT-SWAP"
MS = 1_000_000
NOW = 1_700_000_000_000 * MS
ONE = 10**8
PLACE = PlaceOrder(
    account=ACCOUNT,
    client_order_id="tie0010000001",
    instrument=SWAP,
    side="sell",
    quantity=3 * ONE,
    kind="limit",
    price=50_000 * 10**12,
    leg="long",
    reduce_only=True,
)
QUERY = QueryOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument=SWAP)
CANCEL = CancelOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument=SWAP)


def stream(message: object) -> list[Event]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    frame = Frame(number=1, account=ACCOUNT, channel="stream", received_at=NOW, body=body, epoch=4)
    return decode(frame, {})


def answer(about: Effect, message: object, status: int = 200) -> list[Event]:
    frame = Frame(
        number=1,
        account=ACCOUNT,
        channel="rest",
        received_at=NOW,
        body=json.dumps(message).encode(),
        status=status,
        about=about,
        asked_at=NOW - 30 * MS,
    )
    return decode(frame, {})


def push(**changed: object) -> list[Event]:
    """An orders push of the second fill of an order: 2 of 3, after a first of 1."""
    line: dict[str, object] = {
        "accFillSz": "3", "cancelSourceReason": "", "category": "normal",
        "clOrdId": "tie0010000001", "execType": "T", "fee": "-0.9", "feeCcy": "USDT",
        "fillFee": "-0.6", "fillFeeCcy": "USDT",
        "fillPnl": "-1.25", "fillPx": "50000.1", "fillSz": "2", "fillTime": "1700000000123",
        "instId": SWAP, "instType": "SWAP", "ordId": "7001", "ordType": "limit", "pnl": "-2",
        "posSide": "long", "px": "50000", "side": "sell", "state": "filled", "sz": "3",
        "tgtCcy": "", "tradeId": "812", "uTime": "1700000000124",
    }  # fmt: skip
    arg = {"channel": "orders", "instType": "SWAP"}
    return stream({"arg": arg, "data": [line | changed]})


# --- the orders channel --------------------------------------------------------------------------


def test_a_push_tells_its_last_fill_and_the_order() -> None:
    """`fillFee` and `fillPnl` are of this fill, `fee` and `pnl` of the order so far."""
    fill, order = push()
    assert fill == FillReported(
        received_at=NOW, frame=1, account=ACCOUNT, instrument=SWAP, fill_id="812", order_id="7001",
        client_order_id="tie0010000001", side="sell", leg="long", quantity=2 * ONE,
        price=500001 * 10**11, fee=60_000_000, fee_asset="USDT", realised=-125_000_000,
        sequence=812, occurred_at=1_700_000_000_123 * MS,
    )  # fmt: skip
    assert order == OrderReported(
        received_at=NOW, frame=1, account=ACCOUNT, client_order_id="tie0010000001",
        status="filled", order_id="7001", instrument=SWAP, side="sell", leg="long",
        quantity=3 * ONE, price=50_000 * 10**12, filled_quantity=3 * ONE,
        occurred_at=1_700_000_000_124 * MS,
    )  # fmt: skip


def test_a_rebate_is_a_negative_fee() -> None:
    assert push(fillFee="0.02")[0].fee == -2_000_000  # type: ignore[union-attr]


def test_a_fill_whose_own_fee_or_profit_is_untold_waits_for_the_record() -> None:
    """The order's sums are not this fill's; the cumulative quantity says that one is missing."""
    for untold in ({"fillFee": ""}, {"fillPnl": ""}):
        told = push(**untold)
        assert [type(event) for event in told] == [OrderReported]
        assert told[0].filled_quantity == 3 * ONE  # type: ignore[union-attr]


def test_the_only_fill_of_an_order_has_the_orders_fee() -> None:
    fill = push(fillFee="", fillPnl="", accFillSz="2")[0]
    assert isinstance(fill, FillReported)
    assert (fill.fee, fill.realised) == (90_000_000, -200_000_000)


def test_forced_trades_have_negative_ids_that_order_nothing() -> None:
    fill = push(category="full_liquidation", tradeId="-77")[0]
    assert isinstance(fill, FillReported)
    assert (fill.fill_id, fill.sequence, fill.cause) == ("-77", 0, "liquidation")
    assert push(category="adl")[0].cause == "adl"  # type: ignore[union-attr]


def test_a_push_without_a_fill_tells_the_order_only() -> None:
    (order,) = push(tradeId="", fillSz="0", state="canceled", accFillSz="1")
    assert isinstance(order, OrderReported)
    assert (order.status, order.filled_quantity) == ("cancelled", ONE)


# --- statements ----------------------------------------------------------------------------------


def leg(side: str, pos: str, trade_id: str, kind: str = "SWAP") -> dict[str, str]:
    return {
        "instId": SWAP, "instType": kind, "posSide": side, "pos": pos, "tradeId": trade_id,
        "uTime": "1700000000200",
    }  # fmt: skip


def test_both_legs_are_told_positive_and_kept_signed() -> None:
    about = FetchStatement(account=ACCOUNT, kind="positions")
    rows = [leg("long", "5", "812"), leg("short", "2.5", "-77")]
    mode, statement = answer(about, {"code": "0", "msg": "", "data": rows})
    assert isinstance(mode, PositionModeReported)
    assert mode.hedged
    assert isinstance(statement, StatementReported)
    at = 1_700_000_000_200 * MS
    assert statement.rows == (
        StatementRow(SWAP, "long", 5 * ONE, at, 812),
        StatementRow(SWAP, "short", -250_000_000, at, 0),
    )
    assert statement.complete
    assert statement.as_of == 0  # what is left out has no time of its own


def test_a_net_position_is_signed_already_and_tells_the_mode() -> None:
    about = FetchStatement(account=ACCOUNT, kind="positions")
    mode, statement = answer(about, {"code": "0", "data": [leg("net", "-2", "5")], "msg": ""})
    assert not mode.hedged  # type: ignore[union-attr]
    assert statement.rows[0].amount == -2 * ONE  # type: ignore[union-attr]


def test_no_row_tells_no_mode() -> None:
    about = FetchStatement(account=ACCOUNT, kind="positions")
    (statement,) = answer(about, {"code": "0", "data": [], "msg": ""})
    assert isinstance(statement, StatementReported)
    assert statement.rows == ()


def test_cash_is_the_balance_without_unrealised_profit() -> None:
    about = FetchStatement(account=ACCOUNT, kind="balances")
    detail = {"ccy": "USDT", "cashBal": "99.5", "eq": "120", "uTime": "1700000000300"}
    data = [{"details": [detail], "uTime": "1700000000999"}]
    (statement,) = answer(about, {"code": "0", "data": data, "msg": ""})
    assert statement.rows == (  # type: ignore[union-attr]
        StatementRow("USDT", "cash", 9_950_000_000, 1_700_000_000_300 * MS),
    )


def test_balance_and_position_tells_both() -> None:
    told = stream(
        {
            "arg": {"channel": "balance_and_position"},
            "data": [
                {
                    "eventType": "filled",
                    "balData": [{"ccy": "USDT", "cashBal": "7", "uTime": "1700000000300"}],
                    "posData": [leg("short", "1", "9")],
                    "trades": [{"instId": SWAP, "tradeId": "9"}],
                }
            ],
        }
    )
    assert [(e.kind, e.complete) for e in told] == [  # type: ignore[union-attr]
        ("balances", False),
        ("positions", False),
    ]


# --- answers to orders ---------------------------------------------------------------------------


def refused(code: str, text: str = "no") -> list[Event]:
    row = {"clOrdId": "tie0010000001", "ordId": "", "sCode": code, "sMsg": text, "tag": ""}
    return answer(PLACE, {"code": "1", "data": [row], "msg": "All operations failed"})


def test_only_listed_codes_reject() -> None:
    """A duplicate id proves that the order is there; overload and timeout prove nothing."""
    verdicts = {code: refused(code)[0].status for code in ("51008", "51169", "51016", "50004")}  # type: ignore[union-attr]
    assert verdicts == {
        "51008": "rejected", "51169": "rejected", "51016": "unknown", "50004": "unknown",
    }  # fmt: skip
    for message, status in (({"code": "50011", "data": [], "msg": "busy"}, 200), ({}, 502)):
        assert answer(PLACE, message, status)[0].status == "unknown"  # type: ignore[union-attr]


def test_a_leg_that_the_mode_does_not_have_tells_the_mode() -> None:
    rejection, mode = refused("51000", "Parameter posSide error")
    assert rejection.status == "rejected"  # type: ignore[union-attr]
    assert mode == PositionModeReported(received_at=NOW, frame=1, account=ACCOUNT, hedged=False)
    assert len(refused("51000", "Parameter sz error")) == 1


def test_accepted_is_acknowledged_and_a_cancel_only_accepted() -> None:
    row = {"clOrdId": "tie0010000001", "ordId": "7001", "sCode": "0", "sMsg": "", "ts": "5"}
    done = {"code": "0", "data": [row], "msg": ""}
    (order,) = answer(PLACE, done)
    assert (order.status, order.order_id) == ("acknowledged", "7001")  # type: ignore[union-attr]
    assert isinstance(answer(CANCEL, done)[0], FrameDismissed)


def test_an_order_that_does_not_exist_is_missing() -> None:
    told = answer(QUERY, {"code": "51603", "data": [], "msg": "Order does not exist"})
    assert isinstance(told[0], OrderMissing)


def test_a_full_page_of_open_orders_is_not_complete() -> None:
    line = {
        "accFillSz": "0", "clOrdId": "", "instId": SWAP, "ordId": "1", "posSide": "long",
        "px": "1", "side": "buy", "state": "live", "sz": "1", "uTime": "1",
    }  # fmt: skip
    about = FetchOpenOrders(account=ACCOUNT)
    full = answer(about, {"code": "0", "data": [line] * 100, "msg": ""})
    assert [type(event) for event in full] == [OrderReported] * 100
    short = answer(about, {"code": "0", "data": [line] * 99, "msg": ""})
    assert isinstance(short[-1], OpenOrdersReported)


# --- the ledger ----------------------------------------------------------------------------------


def bill(number: str, kind: str, change: str, **more: str) -> dict[str, str]:
    return {
        "billId": number, "type": kind, "balChg": change, "ccy": "USDT", "instId": "",
        "ts": "1700000000400", **more,
    }  # fmt: skip


def test_bills_tell_funding_transfers_and_what_else_moved_cash() -> None:
    """Trades (2) and forced ones (5, 9) are told by the record of fills."""
    data = [
        bill("905", "7", "-0.01"),
        bill("904", "2", "-3", instId=SWAP),
        bill("903", "5", "-3", instId=SWAP),
        bill("902", "8", "-1.5", instId=SWAP),
        bill("901", "1", "250"),
    ]
    about = FetchLedger(account=ACCOUNT, after="900")
    interest, funding, transfer, page = answer(about, {"code": "0", "data": data, "msg": ""})
    assert isinstance(interest, CashMoved)
    assert (interest.reason, interest.amount) == ("adjustment", -1_000_000)
    assert isinstance(funding, FundingPaid)
    assert (funding.funding_id, funding.amount, funding.instrument) == ("902", -150_000_000, SWAP)
    assert isinstance(transfer, CashMoved)
    assert (transfer.reason, transfer.movement_id) == ("transfer", "901")
    assert isinstance(page, PageReported)
    assert (page.through, page.more) == ("905", False)


# --- pages ---------------------------------------------------------------------------------------


class Bill:
    """A fill as the pages see it."""

    def __init__(self, trade_id: int) -> None:
        self.trade_id, self.maker = trade_id, True


def read_all(record: list[Bill], cursor: str, during: Mapping[int, int]) -> tuple[list[str], str]:
    """Page through a record as core does; `during` adds fills while a page is under way."""
    read: list[str] = []
    for number in range(100):
        effect = FetchFills(account=ACCOUNT, instrument=SWAP, after=cursor)
        rows = _page(record, _trade_bill, dict(request(effect).params), 100)  # type: ignore[arg-type]
        record += [Bill(record[-1].trade_id + 1 + n) for n in range(during.get(number, 0))]
        data = [row(_trade_bill(trade)) for trade in rows]  # type: ignore[arg-type]
        *fills, page = answer(effect, {"code": "0", "data": data, "msg": ""})
        read += [fill.fill_id for fill in fills]  # type: ignore[union-attr]
        assert isinstance(page, PageReported)
        cursor = page.through or cursor
        if not page.more:
            return read, cursor
    raise AssertionError("the pages have no end")


def row(number: str) -> dict[str, str]:
    return {
        "billId": number, "tradeId": number, "instId": SWAP, "instType": "SWAP", "ordId": "1",
        "clOrdId": "", "side": "buy", "posSide": "long", "fillSz": "1", "fillPx": "1",
        "fee": "-1", "feeCcy": "USDT", "fillPnl": "0", "execType": "M", "subType": "3",
        "fillTime": "1", "ts": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sub_type", "cause"),
    [
        ("1", "trade"), ("6", "trade"), ("99", "trade"), ("100", "liquidation"),
        ("104", "liquidation"), ("111", "liquidation"), ("112", "settlement"),
        ("113", "settlement"), ("125", "adl"), ("126", "adl"), ("127", "adl"), ("128", "adl"),
    ],
)  # fmt: skip
def test_the_record_says_by_a_fills_sub_type_what_forced_it(sub_type: str, cause: str) -> None:
    """100 to 111 are (partial) liquidations, 112 and 113 deliveries, 125 to 128 ADL."""
    about = FetchFills(account=ACCOUNT, instrument=SWAP, after="")
    told = {"code": "0", "data": [row("9") | {"subType": sub_type}], "msg": ""}
    assert answer(about, told)[0].cause == cause  # type: ignore[union-attr]


def test_what_lies_on_the_edge_of_a_page_is_read() -> None:
    """`after` and `before` leave the named bill out, so they name the last one that was read."""
    ten = [str(n) for n in range(1, 11)]

    def page(after: str, numbers: list[str]) -> tuple[str, bool]:
        about = FetchFills(account=ACCOUNT, instrument=SWAP, after=after, rows=3)
        told = {"code": "0", "data": [row(n) for n in reversed(numbers)], "msg": ""}
        end = answer(about, told)[-1]
        assert isinstance(end, PageReported)
        return end.through, end.more

    def asked(after: str) -> tuple[object, object]:
        params = request(FetchFills(account=ACCOUNT, instrument=SWAP, after=after, rows=3)).params
        return params.get("before"), params.get("after")

    assert page("2", ten[7:]) == ("2<8<10", True)
    assert asked("2<8<10") == ("2", "8")
    assert page("2<8<10", ten[4:7]) == ("2<5<10", True)
    assert page("2<5<10", ten[2:4]) == ("10", True)  # the way down ends above bill 2
    assert asked("10") == ("10", None)
    assert page("10", []) == ("10", False)
    assert page("10", ["11", "12"]) == ("12", False)


def test_nothing_is_lost_between_the_cursor_and_now() -> None:
    """`before` alone gives the newest hundred: what was missed is read downwards, then upwards."""
    record = [Bill(n) for n in range(1, 351)]
    read, cursor = read_all(record, "", {})
    assert sorted(read) == [_trade_bill(trade) for trade in record]  # type: ignore[arg-type]
    record += [Bill(n) for n in range(351, 701)]
    more, cursor = read_all(record, cursor, {1: 150, 5: 20})
    assert len(record) == 870
    assert sorted({*read, *more}) == [_trade_bill(trade) for trade in record]  # type: ignore[arg-type]
    assert read_all(record, cursor, {}) == ([], cursor)


def test_a_way_down_that_was_cut_off_is_gone_on_with() -> None:
    """The cursor is all that is remembered: after a crash the rest is read, and what came since."""
    record = [Bill(n) for n in range(1, 301)]
    effect = FetchFills(account=ACCOUNT, instrument=SWAP, after="")
    rows = _page(record, _trade_bill, dict(request(effect).params), 100)  # type: ignore[arg-type]
    data = [row(_trade_bill(trade)) for trade in rows]  # type: ignore[arg-type]
    *first, page = answer(effect, {"code": "0", "data": data, "msg": ""})
    record += [Bill(n) for n in range(301, 311)]
    rest, _ = read_all(record, page.through, {})  # type: ignore[union-attr]
    read = {fill.fill_id for fill in first} | {*rest}  # type: ignore[union-attr]
    assert read == {_trade_bill(trade) for trade in record}  # type: ignore[arg-type]


# --- the rest ------------------------------------------------------------------------------------


def test_the_session_is_closed_by_what_ends_it() -> None:
    goes_on: list[dict[str, Any]] = [
        {"event": "subscribe", "arg": {"channel": "orders"}, "connId": "a"},
        {"event": "login", "code": "0", "msg": "", "connId": "a"},
    ]
    for message in goes_on:
        assert isinstance(stream(message)[0], FrameDismissed)
    ends: list[dict[str, Any]] = [
        {"event": "error", "code": "60011", "msg": "Please log in", "connId": "a"},
        {"event": "login", "code": "60009", "msg": "Login failed.", "connId": "a"},
        {"event": "notice", "code": "64008", "msg": "will soon be closed", "connId": "a"},
    ]
    for message in ends:
        (closed,) = stream(message)
        assert isinstance(closed, StreamClosed)
        assert closed.epoch == 4
    assert isinstance(stream(b"pong")[0], HeartbeatHeard)


def test_the_configuration_tells_the_mode() -> None:
    about = RenewStream(account=ACCOUNT)
    for mode, hedged in (("long_short_mode", True), ("net_mode", False)):
        (told,) = answer(about, {"code": "0", "data": [{"posMode": mode}], "msg": ""})
        assert told.hedged is hedged  # type: ignore[union-attr]


def listed(**changed: Any) -> dict[str, Any]:
    """A row of the instruments channel and of GET /api/v5/public/instruments, as documented."""
    return {
        "instId": SWAP, "instType": "SWAP", "uly": "BTC-USDT", "baseCcy": "", "quoteCcy": "",
        "settleCcy": "USDT", "ctType": "linear", "ctVal": "0.01", "ctMult": "1", "ctValCcy": "BTC",
        "state": "live", "tickSz": "0.1", "lotSz": "0.01", "upcChg": [], **changed,
    }  # fmt: skip


def change(param: str, value: str, at_ms: int) -> dict[str, str]:
    return {"param": param, "newValue": value, "effTime": str(at_ms)}


def test_an_instrument_tells_its_contract() -> None:
    """Since when the size in force holds is not told."""
    (told,) = stream({"arg": {"channel": "instruments"}, "data": [listed()]})
    assert isinstance(told, InstrumentListed)
    assert (told.base, told.quote, told.settle) == ("BTC", "USDT", "USDT")
    assert (told.kind, told.multiplier, told.effective_at) == ("linear", 1_000_000, 0)


@pytest.mark.parametrize(
    ("row", "sizes"),
    [
        (listed(), [(1_000_000, 0)]),
        (listed(ctMult="10"), [(10_000_000, 0)]),
        # a change to come, with its time in milliseconds
        (
            listed(upcChg=[change("ctVal", "0.001", 1704876947000)]),
            [(1_000_000, 0), (100_000, 1704876947000 * MS)],
        ),
        # of several the next one; both factors of one moment together
        (
            listed(
                upcChg=[change("ctVal", "1", 8000), change("ctMult", "5", 8000),
                        change("ctVal", "0.1", 9000)]
            ),
            [(1_000_000, 0), (500_000_000, 8000 * MS)],
        ),
        # what is no matter of the contract's size
        (listed(upcChg=[change("tickSz", "0.0001", 8000)]), [(1_000_000, 0)]),
        (listed(upcChg=None), [(1_000_000, 0)]),
    ],
)  # fmt: skip
def test_a_contracts_size_and_its_next_change_are_told(
    row: dict[str, Any], sizes: list[tuple[int, int]]
) -> None:
    about = FetchInstruments(account=ACCOUNT, instrument=SWAP)
    for events in (
        answer(about, {"code": "0", "data": [row], "msg": ""}),
        stream({"arg": {"channel": "instruments", "instType": "SWAP"}, "data": [row]}),
    ):
        assert [(e.multiplier, e.effective_at) for e in events] == sizes  # type: ignore[union-attr]


def test_terms_that_cannot_be_read_are_asked_for_again() -> None:
    about = FetchInstruments(account=ACCOUNT, instrument=SWAP)
    assert request(about).path == "/api/v5/public/instruments"
    assert request(about).params == {"instType": "SWAP", "instId": SWAP}
    for row in (listed(ctVal="-1"), listed(ctVal="0.00000001", ctMult="0.1"), listed(ctVal="0")):
        (failed,) = answer(about, {"code": "0", "data": [row], "msg": ""})
        assert isinstance(failed, RequestFailed)
        assert failed.about == f"instruments:{SWAP}"
    unpriced = answer(about, {"code": "0", "data": [listed(ctVal="", state="preopen")], "msg": ""})
    assert isinstance(unpriced[0], FrameDismissed)


def test_a_leg_is_closed_by_side_and_leg_not_by_a_flag() -> None:
    """In long/short mode `reduceOnly` is not applicable."""
    params = request(PLACE).params
    assert (params["side"], params["posSide"], params["sz"]) == ("sell", "long", "3")
    assert "reduceOnly" not in params


def test_in_a_net_position_only_a_flag_says_that_an_order_reduces() -> None:
    """`reduceOnly` is of the net mode: without it an exit that comes late turns the position."""
    leaving = PlaceOrder(
        account=ACCOUNT, client_order_id="tie0010000002", instrument=SWAP, side="buy",
        quantity=2 * ONE, kind="market", leg="net", reduce_only=True,
    )  # fmt: skip
    expected = {
        "instId": SWAP, "tdMode": "cross", "clOrdId": "tie0010000002", "side": "buy",
        "posSide": "net", "ordType": "market", "sz": "2",
    }  # fmt: skip
    assert request(leaving).params == {**expected, "reduceOnly": True}
    assert request(structs.replace(leaving, reduce_only=False)).params == expected


def test_an_order_that_is_not_ours_is_asked_for_by_the_venues_id() -> None:
    about = QueryOrder(account=ACCOUNT, client_order_id="", order_id="77", instrument=SWAP)
    assert request(about).params == {"instId": SWAP, "ordId": "77"}
    assert request(QUERY).params == {"instId": SWAP, "clOrdId": "tie0010000001"}


def test_a_failed_read_is_told_as_one() -> None:
    about = FetchLedger(account=ACCOUNT, after="")
    for message, status in (({"code": "50001", "data": [], "msg": "down"}, 200), ([], 200)):
        (failed,) = answer(about, message, status)
        assert isinstance(failed, RequestFailed)
        assert failed.about == "fills:ledger"


def test_a_number_is_written_without_an_exponent() -> None:
    from venues.okx_swap.simulated import text

    shown = [text(Decimal(number)) for number in ("1E+3", "0.0100", "-5E-8", "0")]
    assert shown == ["1000", "0.01", "-0.00000005", "0"]
    assert Words().statements["/api/v5/account/balance"] == "balances"
