"""Coinbase market data: the channel ticker. `sequence_num` counts the messages of a connection."""

from core.money import price
from core.reading import an_object, loads
from venues.dialect import Top


def tops(body: bytes) -> list[Top]:
    """The tops that a message tells; nothing of other channels."""
    message = an_object(loads(body))
    if message.get("channel") != "ticker":
        return []
    sequence = message["sequence_num"]
    return [
        Top(told["product_id"], price(told["best_bid"]), price(told["best_ask"]), sequence)
        for event in message["events"]
        for told in event["tickers"]
    ]
