"""A fill at no price is nobody's: the stream's, an answer's and the record's are judged alike."""

import importlib
import re

import pytest

from core.effects import Effect, FetchFills, PlaceOrder
from core.events import FillReported
from core.frames import Frame
from tieout.world.twins import TWINS

FILLS = FetchFills(account="v/main", instrument="X", after="")
PLACE = PlaceOrder(
    account="v/main",
    client_order_id="tie0010000001",
    instrument="ETHUSDT",
    side="buy",
    kind="limit",
    quantity=1,
    price=1,
    leg="net",
    reduce_only=False,
)


@pytest.mark.parametrize(
    ("venue", "kind", "about", "price"),
    [
        ("binance_spot", "execution report, trade", None, "L"),
        ("binance_spot", "my trades", FILLS, "price"),
        ("binance_spot", "an answer with fills", PLACE, "price"),
        ("binance_usdm", "order update, trade", None, "L"),
        ("binance_usdm", "user trades", FILLS, "price"),
        ("okx_swap", "order push, trade", None, "fillPx"),
        ("okx_swap", "fills", FILLS, "fillPx"),
        ("bybit_inverse", "execution", None, "execPrice"),
        ("bybit_inverse", "executions", FILLS, "execPrice"),
    ],
)
def test_a_fill_at_no_price_is_not_told(
    venue: str, kind: str, about: Effect | None, price: str
) -> None:
    """It is read as the venue says it, and put aside with its frame once the price is none."""
    body = importlib.import_module(f"tests.shapes_{venue}").frames().get(kind, ANSWER)
    at_none = re.sub(rb'"%s":"[0-9.]+"' % price.encode(), b'"%s":"0"' % price.encode(), body)
    assert at_none != body
    assert fills(venue, body, about) > 0
    assert fills(venue, at_none, about) == 0


ANSWER = (
    b'{"symbol":"ETHUSDT","orderId":1002,"orderListId":-1,"clientOrderId":"tie0010000001",'
    b'"transactTime":1759347763167,"price":"2500.00","origQty":"1.0","executedQty":"0.5",'
    b'"status":"PARTIALLY_FILLED","side":"BUY","fills":[{"price":"2499.50","qty":"0.5",'
    b'"commission":"0.62","commissionAsset":"USDT","tradeId":7}]}'
)


def fills(venue: str, body: bytes, about: Effect | None) -> int:
    frame = Frame(
        number=1,
        account="v/main",
        channel="stream" if about is None else "rest",
        received_at=1,
        body=body,
        about=about,
    )
    events = TWINS[venue].dialect.decode(frame, {})
    return sum(isinstance(event, FillReported) for event in events)
