"""Binance spot's front door: signed REST at api.binance.com, sockets at ws-api and stream.

Keys, signatures and clocks are as `binance_door.py` says. A socket of the WebSocket API subscribes
to the account by the method `userDataStream.subscribe.signature`, signed over its parameters in
alphabetical order; events come as {"subscriptionId", "event"}.
"""

import hmac
from dataclasses import dataclass
from typing import Any

import msgspec

from venues.binance_door import NO_PATH, MarketSocket, admitted, public, sign
from venues.exchange import Exchange, Terms
from venues.served import Call, Conversation, Heard, Key
from venues.simulated import Answer, Asked

REST, SOCKETS, STREAMS = "api.binance.com", "ws-api.binance.com", "stream.binance.com"
# Asked with the key alone.
KEY_ONLY = ("/api/v3/userDataStream",)
_encode = msgspec.json.encode


@dataclass(slots=True)
class Gateway:
    """The front door; it knows one key."""

    key: Key
    hosts: tuple[str, ...] = (REST, SOCKETS, STREAMS)
    pings: bool = True

    def admit(self, call: Call, exchange: Exchange) -> Asked | Answer:
        if call.host != REST:
            return NO_PATH
        said = public(call.path, "/api/v3/", exchange, _listed)
        if said is not None:
            return 200, _encode(said)
        told = admitted(self.key, call, exchange.clock.now_ms(), KEY_ONLY)
        listed = _of_markets(call.path, exchange) if isinstance(told, Asked) else None
        return told if listed is None else (200, _encode(listed))

    def key_ended(self) -> None:
        """Its streams have no key."""

    def is_key_over(self, now_ms: int) -> bool:
        return False

    def converse(self, host: str, path: str, query: str, exchange: Exchange) -> Conversation | None:
        if host == SOCKETS and path == "/ws-api/v3":
            return AccountSocket(self.key, exchange)
        if host == STREAMS and path.startswith(("/ws", "/stream")):
            return MarketSocket()
        return None


@dataclass(slots=True)
class AccountSocket:
    """The WebSocket API, as far as the account's stream goes."""

    key: Key
    exchange: Exchange

    def begin(self) -> Heard:
        return Heard()

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
