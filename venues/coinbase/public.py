"""Coinbase market data: the channel ticker. `sequence_num` counts the messages of a connection.

The channel market_trades names in `side` who made, so that the other side took. What its snapshot
lists was traded before anybody subscribed, and is not told again here.
"""

from collections.abc import Mapping

from core.events import Side
from core.money import price, quantity
from core.reading import an_object, loads
from venues.coinbase.decoder import nanoseconds
from venues.dialect import Print, Top

TAKER: Mapping[str, Side] = {"BUY": "sell", "SELL": "buy"}


def tops(body: bytes) -> list[Top]:
    """The tops that a message tells; nothing of other channels."""
    message = an_object(loads(body))
    if message.get("channel") != "ticker":
        return []
    sequence = message["sequence_num"]
    return [_top(told, sequence) for event in message["events"] for told in event["tickers"]]


def _top(told: dict[str, str], sequence: int) -> Top:
    bid, ask = price(told["best_bid"]), price(told["best_ask"])
    sizes = quantity(told["best_bid_quantity"]), quantity(told["best_ask_quantity"])
    return Top(told["product_id"], bid, ask, sequence, 0, *sizes)


def prints(body: bytes) -> list[Print]:
    """The trades that a message tells; nothing of other channels."""
    message = an_object(loads(body))
    if message.get("channel") != "market_trades":
        return []
    events = [event for event in message["events"] if event["type"] == "update"]
    return [_print(told) for event in events for told in event["trades"]]


def _print(told: dict[str, str]) -> Print:
    what = price(told["price"]), quantity(told["size"]), nanoseconds(told["time"])
    return Print(told["product_id"], told["trade_id"], TAKER[told["side"]], *what)
