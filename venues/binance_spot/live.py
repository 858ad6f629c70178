"""Binance spot through ccxt: which of its APIs a path belongs to, and how its sockets are opened.

The account's stream is a signed subscription on the WebSocket API; market data is bookTicker.
"""

from typing import Any

from venues.binance_ways import confirms, is_reply, signed, watch
from venues.dialect import Request
from venues.live import Socket, Ways
from venues.read_only import Reads

# By the beginning of a path: ccxt's name of the API.
APIS = {"/api/v3/": "private", "/sapi/v1/": "sapi"}
PUBLIC = {"/api/v3/time": "public", "/api/v3/exchangeInfo": "public"}


def sign(exchange: Any, request: Request, now: int) -> dict[str, Any]:
    return signed(exchange, request, now, APIS, PUBLIC)


async def place(exchange: Any) -> str:
    where: str = exchange.urls["api"]["ws"]["ws-api"]["spot"]
    return where


async def listen(exchange: Any, socket: Socket) -> None:
    await exchange.ensure_user_data_stream_ws_subscribe_signature("spot")


async def public_place(exchange: Any) -> str:
    where: str = exchange.urls["api"]["ws"]["spot"]
    return where + "/tieout"


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
