"""Bybit v5 market data: orderbook.1, whole at every push; told anew after 3 s without a change.

What is told anew bears the same update id `u` and a later `ts`. Trades come as publicTrade; `S` is
the side of who took.
"""

from collections.abc import Mapping
from typing import Any

from core.events import Side
from core.money import price, quantity
from core.reading import MS, an_object, loads
from venues.dialect import Print, Top

SIDES: Mapping[str, Side] = {"Buy": "buy", "Sell": "sell"}


def tops(body: bytes) -> list[Top]:
    """The top of a book; nothing of other topics, or of the answer to a subscription."""
    message = an_object(loads(body))
    if not str(message.get("topic")).startswith("orderbook.1."):
        return []
    told = message["data"]
    (bid, bid_size), (ask, ask_size) = _best(told["b"]), _best(told["a"])
    return [Top(told["s"], bid, ask, told["u"], message["ts"] * MS, bid_size, ask_size)]


def prints(body: bytes) -> list[Print]:
    """The trades that a push tells; nothing of other topics."""
    message = an_object(loads(body))
    if not str(message.get("topic")).startswith("publicTrade."):
        return []
    return [_print(told) for told in message["data"]]


def _print(told: dict[str, Any]) -> Print:
    what = price(told["p"]), quantity(told["v"]), told["T"] * MS
    return Print(told["s"], told["i"], SIDES[told["S"]], *what)


def _best(levels: list[list[str]]) -> tuple[int, int]:
    return (price(levels[0][0]), quantity(levels[0][1])) if levels else (0, 0)
