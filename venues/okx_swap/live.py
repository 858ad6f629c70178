"""OKX v5 through ccxt: signed REST with `expTime` for orders, a login and channels on its sockets.

It knows no ping of the protocol: "ping" and "pong" are texts. The channel `instruments` is one of
the public socket, and is not subscribed to: what it would tell, the legs and the record say, too.
"""

from typing import Any

from venues.dialect import Request
from venues.live import Socket, Ways, message_of
from venues.read_only import Reads

MS = 1_000_000
API = "/api/v5/"
PUBLIC = "/api/v5/public/"
CHANNELS = (
    {"channel": "orders", "instType": "SWAP"},
    {"channel": "positions", "instType": "SWAP"},
    {"channel": "account"},
)


def sign(exchange: Any, request: Request, now: int) -> dict[str, Any]:
    """Of orders alone the venue lets us say until when they may arrive."""
    api = "public" if request.path.startswith(PUBLIC) else "private"
    path = request.path.removeprefix(API)
    signed: dict[str, Any] = exchange.sign(path, [api], request.method, dict(request.params))
    if request.expires_at:
        signed["headers"]["expTime"] = str(request.expires_at // MS)
    return signed


async def place(exchange: Any) -> str:
    where: str = exchange.get_url("orders", "private")
    return where


async def listen(exchange: Any, socket: Socket) -> None:
    await exchange.authenticate()
    await socket.ask({"op": "subscribe", "args": list(CHANNELS)}, len(CHANNELS))


async def public_place(exchange: Any) -> str:
    where: str = exchange.get_url("bbo-tbt", "public")
    return where


async def watch(
    exchange: Any, socket: Socket, symbols: tuple[str, ...], trades: tuple[str, ...]
) -> None:
    channels = [{"channel": "bbo-tbt", "instId": symbol} for symbol in symbols]
    channels += [{"channel": "trades", "instId": symbol} for symbol in trades]
    await socket.ask({"op": "subscribe", "args": channels}, len(channels))


def is_reply(body: bytes) -> bool:
    """A pong, or an event that answers an operation; a notice is the venue's own word."""
    if body == b"pong":
        return True
    told = message_of(body)
    return told.get("event") in ("login", "subscribe", "error")


def confirms(body: bytes) -> bool:
    return message_of(body).get("event") == "subscribe"


WAYS = Ways(
    "okx",
    {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}, "fetchCurrencies": False},
    sign,
    place,
    listen,
    public_place,
    watch,
    is_reply,
    confirms,
    Reads(frozenset({"ping", "login", "subscribe"})),
)
