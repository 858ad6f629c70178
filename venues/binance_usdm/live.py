"""Binance USDⓈ-M through ccxt: signed REST, and the account's stream by a listen key of our own.

ccxt renews a listen key once and never again, and dials a dead one: the key is asked for anew with
each stream, and renewed by core (`RenewStream`).
"""

from typing import Any

from venues.binance_ways import confirms, is_reply, signed, watch
from venues.dialect import Request
from venues.live import Socket, Ways
from venues.read_only import Reads

# By the beginning of a path: ccxt's name of the API.
APIS = {"/fapi/v1/": "fapiPrivate", "/fapi/v2/": "fapiPrivateV2", "/fapi/v3/": "fapiPrivateV3"}
APIS |= {"/sapi/v1/": "sapi"}  # what a key may do
PUBLIC = {"/fapi/v1/time": "fapiPublic", "/fapi/v1/exchangeInfo": "fapiPublic"}


def sign(exchange: Any, request: Request, now: int) -> dict[str, Any]:
    return signed(exchange, request, now, APIS, PUBLIC)


async def place(exchange: Any) -> str:
    """A key that is not over yet is given again, with its time begun anew."""
    issued = await exchange.fapiPrivatePostListenKey()
    return f"{exchange.get_ws_url('linear', 'private')}?listenKey={issued['listenKey']}"


async def listen(exchange: Any, socket: Socket) -> None:
    await socket.connect()


async def public_place(exchange: Any) -> str:
    where: str = exchange.get_ws_url("linear", "public")
    return where


WAYS = Ways(
    "binanceusdm",
    {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False, "fetchMargins": False},
    sign,
    place,
    listen,
    public_place,
    watch,
    is_reply,
    confirms,
    Reads(frozenset({"SUBSCRIBE"}), frozenset({"/fapi/v1/listenKey"})),
)
