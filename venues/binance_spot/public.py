"""Binance spot market data: the stream <symbol>@bookTicker. It tells no time, only an update id."""

from core.money import price, quantity
from core.reading import an_object, loads
from venues.binance_prints import prints as prints
from venues.dialect import Top


def tops(body: bytes) -> list[Top]:
    """The top of a book; nothing of another message, such as the answer to a subscription."""
    message = an_object(loads(body))
    told = message.get("data") or message
    if "u" not in told:
        return []
    bid, ask = price(told["b"]), price(told["a"])
    return [Top(told["s"], bid, ask, told["u"], 0, quantity(told["B"]), quantity(told["A"]))]
