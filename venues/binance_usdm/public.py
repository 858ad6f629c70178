"""Binance USDⓈ-M market data: the stream <symbol>@bookTicker, with the engine's time in `T`."""

from core.money import price, quantity
from core.reading import MS, an_object, loads
from venues.binance_prints import prints as prints
from venues.dialect import Top


def tops(body: bytes) -> list[Top]:
    """The top of a book; nothing of another message, such as the answer to a subscription."""
    message = an_object(loads(body))
    told = message.get("data") or message
    if told.get("e") != "bookTicker":
        return []
    bid, ask, at = price(told["b"]), price(told["a"]), told["T"] * MS
    return [Top(told["s"], bid, ask, told["u"], at, quantity(told["B"]), quantity(told["A"]))]
