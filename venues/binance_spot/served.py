"""Binance spot's front door: signed REST at api.binance.com, sockets at ws-api and stream.

Rule 1. A signed request bears the key in X-MBX-APIKEY and, last of its parameters, the HMAC-SHA256
of all before it in hexadecimal: of the query, then the body. (REST API, "SIGNED Endpoint security")
Rule 2. It is void once the venue's clock is past `timestamp` + `recvWindow` (5,000 ms where nothing
is said, 60,000 at most), and not yet valid when `timestamp` is a second or more ahead.
Rule 3. A socket of the WebSocket API subscribes to the account by the method
`userDataStream.subscribe.signature`, signed over its parameters in alphabetical order; events come
as {"subscriptionId", "event"}.
"""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from venues.exchange import Exchange, Terms
from venues.served import Call, Conversation, Heard, Key
from venues.simulated import Answer, Asked

REST, SOCKETS, STREAMS = "api.binance.com", "ws-api.binance.com", "stream.binance.com"
MS = 1_000_000
WINDOW_MS, WINDOW_MS_MAX, AHEAD_MS_MAX = 5_000, 60_000, 1_000
SIGNATURE = "&signature="
# Asked with the key alone.
KEY_ONLY = ("/api/v3/userDataStream",)
_encode = msgspec.json.encode


def error(status: int, code: int, text: str) -> Answer:
    return status, _encode({"code": code, "msg": text})


NO_KEY = error(401, -2014, "API-key format invalid.")
WRONG_KEY = error(401, -2015, "Invalid API-key, IP, or permissions for action.")
NOT_SIGNED = error(400, -1022, "Signature for this request is not valid.")
NO_TIMESTAMP = error(400, -1102, "Mandatory parameter 'timestamp' was not sent.")
AHEAD = error(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
WIDE = error(400, -1131, "recvWindow must be less than 60000")
NO_PATH = 404, b"<html><body><h2>404 Not found</h2></body></html>"


@dataclass(slots=True, frozen=True)
class Gateway:
    """The front door; it knows one key."""

    key: Key
    hosts: tuple[str, ...] = (REST, SOCKETS, STREAMS)

    def admit(self, call: Call, exchange: Exchange) -> Asked | Answer:
        if call.host != REST:
            return NO_PATH
        told = _public(call.path, exchange)
        if told is not None:
            return 200, _encode(told)
        key = call.headers.get("x-mbx-apikey", "")
        if key != self.key.name:
            return WRONG_KEY if key else NO_KEY
        sent = "&".join(filter(None, (call.query, call.body.decode())))
        if call.path in KEY_ONLY:
            return Asked(call.method, call.path, dict(parse_qsl(sent)))
        payload, _, signature = sent.partition(SIGNATURE)
        if not hmac.compare_digest(signature, sign(self.key, payload)):
            return NOT_SIGNED
        listed = _of_markets(call.path, exchange)
        if listed is not None:
            return 200, _encode(listed)
        return self._in_time(call, dict(parse_qsl(payload)), exchange.clock.now_ms())

    def _in_time(self, call: Call, params: dict[str, Any], now_ms: int) -> Asked | Answer:
        if "timestamp" not in params:
            return NO_TIMESTAMP
        at = int(params.pop("timestamp"))
        window = int(params.pop("recvWindow", WINDOW_MS))
        if window > WINDOW_MS_MAX:
            return WIDE
        if at >= now_ms + AHEAD_MS_MAX:
            return AHEAD
        return Asked(call.method, call.path, params, (at + window) * MS)

    def converse(self, host: str, path: str, query: str, exchange: Exchange) -> Conversation | None:
        if host == SOCKETS and path == "/ws-api/v3":
            return AccountSocket(self.key, exchange)
        if host == STREAMS and path.startswith(("/ws", "/stream")):
            return MarketSocket()
        return None


def sign(key: Key, payload: str) -> str:
    return hmac.new(key.secret.encode(), payload.encode(), sha256).hexdigest()


@dataclass(slots=True)
class AccountSocket:
    """The WebSocket API, as far as the account's stream goes."""

    key: Key
    exchange: Exchange

    def hear(self, text: bytes) -> Heard:
        asked = msgspec.json.decode(text)
        name, params = asked.get("id"), dict(asked.get("params") or {})
        if asked.get("method") != "userDataStream.subscribe.signature":
            return Heard([self._refusal(name, 400, -1103, "Unknown method.")])
        signature = str(params.pop("signature", ""))
        payload = "&".join(f"{each}={params[each]}" for each in sorted(params))
        if params.get("apiKey") != self.key.name:
            return Heard([self._refusal(name, 401, -2015, "Invalid API-key.")])
        if not hmac.compare_digest(signature, sign(self.key, payload)):
            return Heard([self._refusal(name, 400, -1022, "Signature is not valid.")])
        reply = {"id": name, "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}
        return Heard([_encode(reply)], "private")

    def wrap(self, body: bytes) -> bytes | None:
        return b'{"subscriptionId":0,"event":' + body + b"}"

    def _refusal(self, name: object, status: int, code: int, text: str) -> bytes:
        return _encode({"id": name, "status": status, "error": {"code": code, "msg": text}})


@dataclass(slots=True)
class MarketSocket:
    """Market data: `<symbol>@bookTicker`, for who subscribed."""

    symbols: dict[str, None] = field(default_factory=dict)

    def hear(self, text: bytes) -> Heard:
        asked = msgspec.json.decode(text)
        if asked.get("method") != "SUBSCRIBE":
            return Heard(
                [_encode({"error": {"code": 2, "msg": "Invalid request"}, "id": asked.get("id")})]
            )
        began = not self.symbols
        for stream in asked["params"]:
            self.symbols[stream.partition("@")[0].upper()] = None
        reply = _encode({"result": None, "id": asked.get("id")})
        return Heard([reply], "public" if began else "")

    def wrap(self, body: bytes) -> bytes | None:
        return body if msgspec.json.decode(body)["s"] in self.symbols else None


def _public(path: str, exchange: Exchange) -> object | None:
    """What anybody may ask."""
    match path:
        case "/api/v3/ping":
            return {}
        case "/api/v3/time":
            return {"serverTime": exchange.clock.now_ms()}
        case "/api/v3/exchangeInfo":
            listed = [_listed(terms) for terms in exchange.terms.values()]
            now = exchange.clock.now_ms()
            return {"timezone": "UTC", "serverTime": now, "rateLimits": [], "symbols": listed}
        case _:
            return None


def _of_markets(path: str, exchange: Exchange) -> list[dict[str, Any]] | None:
    """What ccxt asks, signed, to know the markets by: nothing happens at the venue."""
    match path:
        case "/sapi/v1/capital/config/getall":
            coin = {"isLegalMoney": False, "trading": True, "networkList": []}
            assets = dict.fromkeys([*exchange.wallets, *_assets(exchange)])
            return [{"coin": asset, "name": asset, **coin} for asset in assets]
        case "/sapi/v1/margin/allPairs" | "/sapi/v1/margin/isolated/allPairs":
            return []
        case _:
            return None


def _assets(exchange: Exchange) -> list[str]:
    return [each for terms in exchange.terms.values() for each in (terms.base, terms.quote)]


def _listed(terms: Terms) -> dict[str, Any]:
    return {
        "symbol": terms.symbol,
        "status": "TRADING",
        "baseAsset": terms.base,
        "baseAssetPrecision": 8,
        "quoteAsset": terms.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": f"{terms.tick:.8f}",
                "maxPrice": "92141578.00000000",
                "tickSize": f"{terms.tick:.8f}",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": f"{terms.lot:.8f}",
                "maxQty": "9000000.00000000",
                "stepSize": f"{terms.lot:.8f}",
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }
