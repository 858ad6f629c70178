"""Bybit v5 through ccxt: REST signed in headers, an authenticated socket, topics of the account.

How long a request is valid ccxt takes from its options: it is set there before each is signed.
"""

from typing import Any

from venues.dialect import Request
from venues.live import Socket, Ways, message_of
from venues.read_only import Reads

MS = 1_000_000
WINDOW_MS, WINDOW_MS_MAX = 5_000, 60_000
TOPICS = ("order", "execution", "position", "wallet")


def sign(exchange: Any, request: Request, now: int) -> dict[str, Any]:
    window = (request.expires_at - now) // MS if request.expires_at else WINDOW_MS
    exchange.options["recvWindow"] = min(WINDOW_MS_MAX, window)
    path, method = request.path.removeprefix("/"), request.method
    api = "public" if path.startswith("v5/market/") else "private"
    signed: dict[str, Any] = exchange.sign(path, [api], method, dict(request.params))
    return signed


async def place(exchange: Any) -> str:
    where: str = exchange.implode_hostname(exchange.urls["api"]["ws"]["private"]["contract"])
    return where


async def listen(exchange: Any, socket: Socket) -> None:
    await exchange.authenticate(await place(exchange))
    await socket.ask({"op": "subscribe", "args": list(TOPICS)})


async def public_place(exchange: Any) -> str:
    where: str = exchange.implode_hostname(exchange.urls["api"]["ws"]["public"]["inverse"])
    return where


async def watch(
    exchange: Any, socket: Socket, symbols: tuple[str, ...], trades: tuple[str, ...]
) -> None:
    topics = [f"orderbook.1.{symbol}" for symbol in symbols]
    topics += [f"publicTrade.{symbol}" for symbol in trades]
    await socket.ask({"op": "subscribe", "args": topics})


def is_reply(body: bytes) -> bool:
    """What answers an operation names it; events have a topic. A session that is refused is the
    venue's own word: it comes unasked, too, and then the stream is over."""
    told = message_of(body)
    if told.get("op") == "auth" and told.get("success") is False:
        return False
    return "op" in told and "topic" not in told


def confirms(body: bytes) -> bool:
    told = message_of(body)
    return told.get("op") == "subscribe" and told.get("success") is True


WAYS = Ways(
    "bybit",
    {"defaultType": "swap", "defaultSubType": "inverse", "fetchCurrencies": False},
    sign,
    place,
    listen,
    public_place,
    watch,
    is_reply,
    confirms,
    Reads(frozenset({"ping", "auth", "subscribe"})),
)
