"""OKX market data: the channel bbo-tbt. Each level is price, size, an obsolete 0, orders.

The channel trades tells in one row what one order took at one price; `side` is that order's.
"""

from collections.abc import Mapping
from typing import Any

from core.events import Side
from core.money import price, quantity
from core.reading import MS, an_object, loads
from venues.dialect import Print, Top

SIDES: Mapping[str, Side] = {"buy": "buy", "sell": "sell"}


def tops(body: bytes) -> list[Top]:
    """The tops that a push tells; nothing of other channels, or of the answer to a subscription."""
    message = an_object(loads(body))
    argument = message.get("arg") or {}
    if argument.get("channel") != "bbo-tbt" or "data" not in message:
        return []
    return [_top(argument["instId"], row) for row in message["data"]]


def prints(body: bytes) -> list[Print]:
    """The trades that a push tells; nothing of other channels."""
    message = an_object(loads(body))
    argument = message.get("arg") or {}
    if argument.get("channel") != "trades" or "data" not in message:
        return []
    return [_print(row) for row in message["data"]]


def _print(row: dict[str, Any]) -> Print:
    what = price(row["px"]), quantity(row["sz"]), int(row["ts"]) * MS
    return Print(row["instId"], row["tradeId"], SIDES[row["side"]], *what)


def _top(name: str, row: dict[str, Any]) -> Top:
    (bid, bid_size), (ask, ask_size) = _best(row["bids"]), _best(row["asks"])
    return Top(name, bid, ask, row["seqId"], int(row["ts"]) * MS, bid_size, ask_size)


def _best(levels: list[list[str]]) -> tuple[int, int]:
    return (price(levels[0][0]), quantity(levels[0][1])) if levels else (0, 0)
