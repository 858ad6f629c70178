"""What our ways to Binance's venues share: how a request is signed by ccxt, and what answers us."""

from collections.abc import Mapping
from typing import Any

from venues.dialect import Request
from venues.live import Socket, message_of

MS = 1_000_000
WINDOW_MS_MAX = 60_000


def signed(
    exchange: Any,
    request: Request,
    now: int,
    apis: Mapping[str, str],
    public: Mapping[str, str],
) -> dict[str, Any]:
    """ccxt adds key, timestamp and signature; how long it is valid, we say.

    `apis` are ccxt's names of the venue's APIs, by the beginning of a path; `public` those of whole
    paths that anybody may ask, and that take no parameter which they do not know.
    """
    begin = next(begin for begin in apis if request.path.startswith(begin))
    params = dict(request.params)
    if request.expires_at:
        params["recvWindow"] = min(WINDOW_MS_MAX, (request.expires_at - now) // MS)
    path = request.path.removeprefix(begin)
    api = public.get(request.path, apis[begin])
    told: dict[str, Any] = exchange.sign(path, [api], request.method, params)
    return told


async def watch(
    exchange: Any, socket: Socket, symbols: tuple[str, ...], trades: tuple[str, ...]
) -> None:
    """One subscription to the top of each book, and to trades."""
    streams = [f"{symbol.lower()}@bookTicker" for symbol in symbols]
    streams += [f"{symbol.lower()}@trade" for symbol in trades]
    await socket.ask({"method": "SUBSCRIBE", "params": streams, "id": 1})


def is_reply(body: bytes) -> bool:
    """Events carry no id of a request."""
    told = message_of(body)
    return "id" in told and "event" not in told and "e" not in told


def confirms(body: bytes) -> bool:
    return "result" in message_of(body)
