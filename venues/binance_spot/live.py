"""Binance spot through ccxt: which of its APIs a path belongs to, and how its sockets are opened.

The account's stream is a signed subscription on the WebSocket API; market data is bookTicker.
"""

from typing import Any

import msgspec

from venues.dialect import Request
from venues.live import Socket, Ways
from venues.read_only import Reads

MS = 1_000_000
WINDOW_MS_MAX = 60_000
# By the beginning of a path: ccxt's name of the API.
APIS = {"/api/v3/": "private", "/sapi/v1/": "sapi"}


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
    where: str = exchange.urls["api"]["ws"]["ws-api"]["spot"]
    return where


async def listen(exchange: Any, socket: Socket) -> None:
    await exchange.ensure_user_data_stream_ws_subscribe_signature("spot")


async def public_place(exchange: Any) -> str:
    where: str = exchange.urls["api"]["ws"]["spot"]
    return where + "/tieout"


async def watch(exchange: Any, socket: Socket, symbols: tuple[str, ...]) -> None:
    streams = [f"{symbol.lower()}@bookTicker" for symbol in symbols]
    await socket.ask({"method": "SUBSCRIBE", "params": streams, "id": 1})


def is_reply(body: bytes) -> bool:
    """Events carry no id of a request."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(told, dict) and "id" in told and "event" not in told


def confirms(body: bytes) -> bool:
    told = msgspec.json.decode(body)
    return "result" in told


WAYS = Ways(
    "binance",
    {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    sign,
    place,
    listen,
    public_place,
    watch,
    is_reply,
    confirms,
    Reads(frozenset({"SUBSCRIBE", "userDataStream.subscribe.signature"})),
)
