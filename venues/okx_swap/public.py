"""OKX market data: the channel bbo-tbt. Each level is price, size, an obsolete 0, orders."""

from typing import Any

from core.money import price, quantity
from core.reading import MS, an_object, loads
from venues.dialect import Top


def tops(body: bytes) -> list[Top]:
    """The tops that a push tells; nothing of other channels, or of the answer to a subscription."""
    message = an_object(loads(body))
    argument = message.get("arg") or {}
    if argument.get("channel") != "bbo-tbt" or "data" not in message:
        return []
    return [_top(argument["instId"], row) for row in message["data"]]


def _top(name: str, row: dict[str, Any]) -> Top:
    (bid, bid_size), (ask, ask_size) = _best(row["bids"]), _best(row["asks"])
    return Top(name, bid, ask, row["seqId"], int(row["ts"]) * MS, bid_size, ask_size)


def _best(levels: list[list[str]]) -> tuple[int, int]:
    return (price(levels[0][0]), quantity(levels[0][1])) if levels else (0, 0)
