"""Coinbase market data: the channel ticker. `sequence_num` counts the messages of a connection."""

from core.money import price, quantity
from core.reading import an_object, loads
from venues.dialect import Top


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
