"""Binance spot through ccxt: which of its APIs a path belongs to, and how its sockets are opened.

The account's stream is a signed subscription on the WebSocket API; market data is bookTicker.
"""

from typing import Any

import msgspec

from venues.dialect import Request
from venues.live import Ways

MS = 1_000_000
WINDOW_MS_MAX = 60_000
# By the beginning of a path: ccxt's name of the API.
APIS = {"/api/v3/": "private", "/sapi/v1/": "sapi"}


def call(request: Request, now: int) -> tuple[str, str, dict[str, object]]:
    """ccxt adds key, timestamp and signature; how long it is valid, we say."""
    begin = next(begin for begin in APIS if request.path.startswith(begin))
    params = dict(request.params)
    if request.expires_at:
        params["recvWindow"] = min(WINDOW_MS_MAX, (request.expires_at - now) // MS)
    return APIS[begin], request.path.removeprefix(begin), params


def url(exchange: Any) -> str:
    where: str = exchange.urls["api"]["ws"]["ws-api"]["spot"]
    return where


async def listen(exchange: Any) -> None:
    await exchange.ensure_user_data_stream_ws_subscribe_signature("spot")


def public_url(exchange: Any) -> str:
    where: str = exchange.urls["api"]["ws"]["spot"]
    return where + "/tieout"


async def watch(exchange: Any, symbols: tuple[str, ...]) -> None:
    """One subscription to the top of each book, which the venue confirms by its id."""
    number = exchange.request_id(public_url(exchange))
    streams = [f"{symbol.lower()}@bookTicker" for symbol in symbols]
    message = {"method": "SUBSCRIBE", "params": streams, "id": number}

    def confirmed(client: Any, told: Any) -> None:
        client.resolve(told, str(number))

    subscription = {"id": str(number), "method": confirmed}
    await exchange.watch(public_url(exchange), str(number), message, str(number), subscription)


def is_reply(body: bytes) -> bool:
    """Events carry no id of a request."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return isinstance(told, dict) and "id" in told and "event" not in told


WAYS = Ways(
    "binance",
    {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    call,
    url,
    listen,
    public_url,
    watch,
    is_reply,
)
