"""The Binance spot dialect: requests and the record of transfers, by the documentation, by hand."""

import json
from typing import Any

import pytest
from msgspec import structs

from core.effects import FetchFills, FetchLedger, PlaceOrder
from core.events import CashMoved, Event, FillReported, PageReported
from core.frames import Frame
from venues.binance_spot import DIALECT

ACCOUNT = "binance_spot/main"
MS = 1_000_000
HEARD = 1_700_000_009_000 * MS
ONE = 10**8
PLACE = PlaceOrder(
    account=ACCOUNT,
    client_order_id="tie0010000001",
    instrument="XRPETH",
    side="sell",
    quantity=7 * ONE,
    kind="limit",
    price=2 * 10**9,
)
TERMS = {
    "symbol": "XRPETH", "side": "SELL", "quantity": "7", "newClientOrderId": "tie0010000001",
    "newOrderRespType": "FULL",
}  # fmt: skip


def answered(about: FetchFills | FetchLedger, message: object) -> list[Event]:
    frame = Frame(
        number=7,
        account=ACCOUNT,
        channel="rest",
        received_at=HEARD,
        body=json.dumps(message).encode(),
        about=about,
        asked_at=HEARD - 90 * MS,
    )
    return DIALECT.decode(frame, {})


# --- orders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("limit", {"type": "LIMIT", "price": "0.002", "timeInForce": "GTC"}),
        ("ioc", {"type": "LIMIT", "price": "0.002", "timeInForce": "IOC"}),
        ("post_only", {"type": "LIMIT_MAKER", "price": "0.002"}),
        ("market", {"type": "MARKET"}),
    ],
)
def test_an_order_says_what_its_kind_needs_and_no_more(kind: Any, more: dict[str, str]) -> None:
    """Balances have no reduce-only: a sale of what is held is the exit, and the venue knows it."""
    order = structs.replace(PLACE, kind=kind)
    for each in (order, structs.replace(order, reduce_only=True)):
        asked = DIALECT.request(each)
        assert (asked.method, asked.path) == ("POST", "/api/v3/order")
        assert dict(asked.params) == {**TERMS, **more}


# --- the record of transfers ---------------------------------------------------------------------


def moved(number: int, at: int, amount: str = "1.5", way: str = "UMFUTURE_MAIN") -> dict[str, Any]:
    return {
        "asset": "ETH", "amount": amount, "type": way, "status": "CONFIRMED", "tranId": number,
        "timestamp": at,
    }  # fmt: skip


def transfers(after: str, *rows: dict[str, Any]) -> tuple[list[Event], PageReported]:
    about = FetchLedger(account=ACCOUNT, after=after, rows=3)
    *events, page = answered(about, {"total": 9, "rows": list(rows)})
    assert isinstance(page, PageReported)
    return events, page


def test_a_transfer_is_signed_by_its_direction_and_keyed_by_what_the_stream_tells_too() -> None:
    (came, went), _ = transfers("", moved(1, 500), moved(2, 600, "0.25", "MAIN_UMFUTURE"))
    assert isinstance(came, CashMoved)
    assert isinstance(went, CashMoved)
    assert (came.amount, came.occurred_at) == (150_000_000, 500 * MS)
    assert (went.amount, went.occurred_at) == (-25_000_000, 600 * MS)
    update = {"e": "balanceUpdate", "E": 601, "a": "ETH", "d": "-0.25000000", "T": 600}
    frame = Frame(
        number=8,
        account=ACCOUNT,
        channel="stream",
        received_at=HEARD,
        body=json.dumps(update).encode(),
        epoch=3,
    )
    (told,) = DIALECT.decode(frame, {})
    assert isinstance(told, CashMoved)
    assert (told.movement_id, told.amount) == (went.movement_id, went.amount)


def test_pages_of_transfers_follow_one_another_from_one_start() -> None:
    """`current` counts pages from 1: while they are full the start stands still."""
    rows = [moved(n, 500 + n) for n in range(8)]
    after, read = "", []
    for current, since in ((1, "0"), (2, "0"), (3, "0")):
        asked = dict(DIALECT.request(FetchLedger(account=ACCOUNT, after=after, rows=3)).params)
        assert asked == {"startTime": since, "current": str(current), "size": 3}
        events, page = transfers(after, *rows[3 * current - 3 : 3 * current])
        read += [event.occurred_at for event in events if isinstance(event, CashMoved)]
        assert page.more == (current < 3)
        after = page.through
    assert read == [(500 + n) * MS for n in range(8)]
    # From then on from the last one on, its own millisecond again.
    assert after == "507:1"
    asked = dict(DIALECT.request(FetchLedger(account=ACCOUNT, after=after)).params)
    assert asked == {"startTime": "507", "current": "1", "size": 100}
    _, page = transfers(after)
    assert (page.through, page.more) == ("507:1", False)


# --- the record of fills -------------------------------------------------------------------------


def test_fills_are_read_forward_by_id_and_the_last_one_again() -> None:
    """Both sides of a self-trade bear one id, and a page may end between them."""
    about = FetchFills(account=ACCOUNT, instrument="XRPETH", after="41", rows=2)
    asked = dict(DIALECT.request(about).params)
    assert asked == {"symbol": "XRPETH", "fromId": "41", "limit": 2}
    line = {
        "symbol": "XRPETH", "id": 41, "orderId": 7, "price": "0.002", "qty": "3",
        "quoteQty": "0.006", "commission": "0.001", "commissionAsset": "BNB", "time": 500,
        "isBuyer": True, "isMaker": False, "isBestMatch": True,
    }  # fmt: skip
    bought, sold, page = answered(about, [line, {**line, "id": 42, "isBuyer": False}])
    assert isinstance(bought, FillReported)
    assert isinstance(sold, FillReported)
    assert isinstance(page, PageReported)
    assert (bought.side, bought.quantity, bought.value) == ("buy", 3 * ONE, 600_000)
    assert (sold.side, sold.fee, sold.fee_asset) == ("sell", 100_000, "BNB")
    assert (page.through, page.more) == ("42", True)
    *_, page = answered(about, [line])
    assert (page.through, page.more) == ("41", False)  # type: ignore[union-attr]
