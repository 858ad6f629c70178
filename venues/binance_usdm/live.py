"""Binance USDⓈ-M through ccxt: signed REST, and the account's stream by a listen key of our own.

ccxt renews a listen key once and never again, and dials a dead one: the key is asked for anew with
each stream, and renewed by core (`RenewStream`).
"""

from typing import Any

import msgspec

from venues.dialect import Request
from venues.live import Socket, Ways
from venues.read_only import Reads

MS = 1_000_000
WINDOW_MS_MAX = 60_000
# By the beginning of a path: ccxt's name of the API.
APIS = {"/fapi/v1/": "fapiPrivate", "/fapi/v2/": "fapiPrivateV2", "/fapi/v3/": "fapiPrivateV3"}


def sign(exchange: Any, request: Request, now: int) -> dict[str, Any]:
    """ccxt adds key, timestamp and signature; how long it is valid, we say."""
    begin = next(begin for begin in APIS if request.path.startswith(begin))
    params = dict(request.params)
    if request.expires_at:
        params["recvWindow"] = min(WINDOW_MS_MAX, (request.expires_at - now) // MS)
    path = request.path.removeprefix(begin)
    signed: dict[str, Any] = exchange.sign(path, [APIS[begin]], request.method, params)
    return signed


async def place(exchange: Any) -> str:
    """A key that is not over yet is given again, with its time begun anew."""
    issued = await exchange.fapiPrivatePostListenKey()
    return f"{exchange.get_ws_url('linear', 'private')}?listenKey={issued['listenKey']}"


async def listen(exchange: Any, socket: Socket) -> None:
    await socket.connect()


async def public_place(exchange: Any) -> str:
    where: str = exchange.get_ws_url("linear", "public")
    return where


async def watch(exchange: Any, socket: Socket, symbols: tuple[str, ...]) -> None:
    streams = [f"{symbol.lower()}@bookTicker" for symbol in symbols]
    await socket.ask({"method": "SUBSCRIBE", "params": streams, "id": 1})


def is_reply(body: bytes) -> bool:
    """Events carry no id of a request."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(told, dict) and "id" in told and "e" not in told


def confirms(body: bytes) -> bool:
    told = msgspec.json.decode(body)
    return "result" in told


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
