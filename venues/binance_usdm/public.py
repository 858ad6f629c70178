"""Binance USDⓈ-M market data: the stream <symbol>@bookTicker, with the engine's time in `T`."""

from core.money import price
from core.reading import MS, an_object, loads
from venues.dialect import Top


def tops(body: bytes) -> list[Top]:
    """The top of a book; nothing of another message, such as the answer to a subscription."""
    message = an_object(loads(body))
    told = message.get("data") or message
    if told.get("e") != "bookTicker":
        return []
    return [Top(told["s"], price(told["b"]), price(told["a"]), told["u"], told["T"] * MS)]
