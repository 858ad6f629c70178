"""Bybit's front door: REST at api.bybit.com, sockets at stream.bybit.com.

Rule 1. A private request bears key, timestamp and window in headers and, in X-BAPI-SIGN, the
HMAC-SHA256 in hexadecimal over timestamp + key + window + query or body. It is void unless
server time - window <= timestamp < server time + 1000. (v5, "Integration guidance")
Rule 2. A private socket authenticates by a signature over "GET/realtime" + expires, then subscribes
to topics. "ping" is answered with "pong". (v5, "Connect")
"""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from venues.exchange import Exchange, Terms
from venues.served import Call, Channel, Conversation, Heard, Key
from venues.simulated import Answer, Asked

REST, SOCKETS = "api.bybit.com", "stream.bybit.com"
MS = 1_000_000
WINDOW_MS, AHEAD_MS_MAX = 5_000, 1_000
_encode = msgspec.json.encode


def answer(code: int, text: str, result: object, now_ms: int) -> Answer:
    told = {"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": now_ms}
    return 200, _encode(told)


@dataclass(slots=True)
class Gateway:
    """The front door; it knows one key."""

    key: Key
    hosts: tuple[str, ...] = (REST, SOCKETS)
    pings: bool = False

    def admit(self, call: Call, exchange: Exchange) -> Asked | Answer:
        now_ms = exchange.clock.now_ms()
        params: dict[str, Any] = dict(parse_qsl(call.query))
        if call.path.startswith("/v5/market/"):
            return answer(0, "OK", _public(call.path, params, exchange), now_ms)
        told = call.headers.get
        if told("x-bapi-api-key") != self.key.name:
            return answer(10003, "API key is invalid.", {}, now_ms)
        at, window = told("x-bapi-timestamp", "0"), told("x-bapi-recv-window", str(WINDOW_MS))
        body = call.body.decode()
        payload = f"{at}{self.key.name}{window}{body if call.method == 'POST' else call.query}"
        if not hmac.compare_digest(told("x-bapi-sign", ""), sign(self.key, payload)):
            return answer(10004, "error sign! please check your signature.", {}, now_ms)
        if not self.key.may(call.method):
            said = "Permission denied, please check your API key permissions."
            return answer(10005, said, {}, now_ms)
        if int(at) >= now_ms + AHEAD_MS_MAX:
            return answer(10002, "invalid request, please check your server timestamp", {}, now_ms)
        if body:
            params |= msgspec.json.decode(body)
        if call.path == "/v5/asset/coin/query-info":
            return answer(0, "OK", {"rows": []}, now_ms)
        if call.path == "/v5/user/query-api":
            return answer(0, "OK", _of_key(self.key), now_ms)
        return Asked(call.method, call.path, params, (int(at) + int(window)) * MS)

    def key_ended(self) -> None:
        """Its streams have no key."""

    def is_key_over(self, now_ms: int) -> bool:
        return False

    def converse(self, host: str, path: str, query: str, exchange: Exchange) -> Conversation | None:
        if host == SOCKETS and path == "/v5/private":
            return Topics(self.key, "private")
        if host == SOCKETS and path == "/v5/public/inverse":
            return Topics(self.key, "public")
        return None


def sign(key: Key, payload: str) -> str:
    return hmac.new(key.secret.encode(), payload.encode(), sha256).hexdigest()


@dataclass(slots=True)
class Topics:
    """One socket, and the topics that it subscribed to."""

    key: Key
    sort: Channel
    known: bool = False
    topics: dict[str, None] = field(default_factory=dict)

    def begin(self) -> Heard:
        return Heard()

    def hear(self, text: bytes) -> Heard:
        asked = msgspec.json.decode(text)
        match asked.get("op"):
            case "ping":
                return self._said("pong", asked, text="pong")
            case "auth":
                return self._authenticate(asked)
            case "subscribe" if self.known or self.sort == "public":
                began = not self.topics
                self.topics |= dict.fromkeys(asked["args"])
                said = self._said("subscribe", asked)
                trades = any(topic.startswith("publicTrade.") for topic in asked["args"])
                return Heard(said.replies, self.sort if began else "", trades)
            case other:
                return self._said(str(other), asked, text="Request not authorized", good=False)

    def _authenticate(self, asked: dict[str, Any]) -> Heard:
        name, expires, signature = asked["args"]
        right = hmac.compare_digest(str(signature), sign(self.key, f"GET/realtime{expires}"))
        self.known = name == self.key.name and right
        text = "" if self.known else "Params Error"
        return self._said("auth", asked, text=text, good=self.known)

    def _said(
        self, operation: str, asked: dict[str, Any], *, text: str = "", good: bool = True
    ) -> Heard:
        told = {
            "success": good,
            "ret_msg": text,
            "op": operation,
            "conn_id": "ce3dpomvha7dha97tvp0",
        }
        if "req_id" in asked:
            told["req_id"] = asked["req_id"]
        return Heard([_encode(told)])

    def wrap(self, body: bytes) -> bytes | None:
        topic = msgspec.json.decode(body).get("topic")
        return body if topic is None or topic in self.topics else None


def _of_key(key: Key) -> dict[str, Any]:
    """What the venue says of a key to who signs with it."""
    trades = "trade" in key.rights
    wallet = ["AccountTransfer"] if "move" in key.rights else []
    given = {
        "ContractTrade": ["Order", "Position"] if trades else [],
        "Spot": ["SpotTrade"] if trades else [],
        "Wallet": wallet + (["Withdraw"] if "withdraw" in key.rights else []),
        "Options": ["OptionsTrade"] if trades else [],
        "Derivatives": ["DerivativesTrade"] if trades else [],
        "Exchange": [],
        "Earn": [],
        "BlockTrade": [],
    }
    writes = any(right != "read" for right in key.rights)
    return {
        "apiKey": key.name,
        "readOnly": 0 if writes else 1,
        "secret": "",
        "permissions": given,
        "ips": ["*"],
        "type": 1,
        "unified": 1,
        "uta": 1,
        "isMaster": True,
    }


def _public(path: str, params: dict[str, Any], exchange: Exchange) -> object:
    """What anybody may ask."""
    match path, params.get("category"):
        case "/v5/market/time", _:
            now = exchange.clock.now_ms()
            return {"timeSecond": str(now // 1000), "timeNano": str(now * MS)}
        case "/v5/market/instruments-info", "inverse":
            rows = [_listed(terms) for terms in exchange.terms.values()]
            return {"category": "inverse", "list": rows, "nextPageCursor": ""}
        case _, category:
            return {"category": category, "list": [], "nextPageCursor": ""}


def _listed(terms: Terms) -> dict[str, Any]:
    tick = f"{terms.tick:f}"
    return {
        "symbol": terms.symbol,
        "contractType": "InversePerpetual",
        "status": "Trading",
        "baseCoin": terms.base,
        "quoteCoin": terms.quote,
        "settleCoin": terms.settle,
        "launchTime": "1542211200000",
        "deliveryTime": "0",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": tick,
            "maxPrice": "1999999",
            "tickSize": tick,
        },
        "lotSizeFilter": {
            "maxOrderQty": "25000000",
            "minOrderQty": f"{terms.lot:f}",
            "qtyStep": f"{terms.lot:f}",
        },
        "fundingInterval": 480,
    }
