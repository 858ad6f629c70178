"""What a position was entered at, as each venue's own record of positions tells it.

It is no part of a statement: the books need it once, where a position is adopted.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from core.money import price
from core.reading import STRANGE
from venues.binance_usdm import decoder as binance_usdm
from venues.bybit_inverse import decoder as bybit_inverse
from venues.okx_swap import decoder as okx_swap

Entry = tuple[str, str, str]


def entry_prices(venue: str, body: bytes) -> dict[tuple[str, str], int]:
    """By instrument and leg; what is not told, or not as a price, is left out."""
    found: dict[tuple[str, str], int] = {}
    try:
        for instrument, leg, told in _READ[venue](msgspec.json.decode(body)):
            found[instrument, leg] = price(told)
    except (*STRANGE, msgspec.DecodeError):
        return found
    return found


def _binance_usdm(told: Any) -> Iterator[Entry]:
    for line in told:
        yield line["symbol"], binance_usdm.LEG[line["positionSide"]], line["entryPrice"]


def _bybit_inverse(told: Any) -> Iterator[Entry]:
    for line in told["result"]["list"]:
        yield line["symbol"], bybit_inverse.LEG[line["positionIdx"]], line["avgPrice"]


def _okx_swap(told: Any) -> Iterator[Entry]:
    for line in told["data"]:
        yield line["instId"], okx_swap.LEG[line["posSide"]], line["avgPx"]


_READ: Mapping[str, Callable[[Any], Iterator[Entry]]] = {
    "binance_usdm": _binance_usdm,
    "bybit_inverse": _bybit_inverse,
    "okx_swap": _okx_swap,
}
