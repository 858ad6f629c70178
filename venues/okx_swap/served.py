"""OKX's front door: REST at www.okx.com, sockets at ws.okx.com.

Rule 1. A private request bears key, passphrase, timestamp (ISO 8601) and, in OK-ACCESS-SIGN, the
Base64 of the HMAC-SHA256 over timestamp + method + path with query + body. It is void once the
venue's clock is 30 s past its timestamp. (API guide, "REST authentication")
Rule 2. Of orders the header `expTime` (ms) says until when they may arrive.
Rule 3. A private socket logs in, signing timestamp + "GET/users/self/verify", then subscribes to
channels; each is confirmed by itself. "ping" is answered "pong". (API guide, "WebSocket")
"""

import base64
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from venues.exchange import Exchange
from venues.okx_swap.simulated import listed
from venues.served import Call, Channel, Conversation, Heard, Key
from venues.simulated import Answer, Asked

REST, SOCKETS = "www.okx.com", "ws.okx.com"
MS = 1_000_000
LATE_MS_MAX = 30_000
VERIFY = "GET/users/self/verify"
_encode = msgspec.json.encode


def error(status: int, code: str, text: str) -> Answer:
    return status, _encode({"code": code, "data": [], "msg": text})


NO_KEY = error(401, "50103", 'Request header "OK-ACCESS-KEY" cannot be empty.')
WRONG_KEY = error(401, "50111", "Invalid OK-ACCESS-KEY.")
WRONG_PASSPHRASE = error(401, "50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect.')
NO_TIMESTAMP = error(401, "50112", "Invalid OK-ACCESS-TIMESTAMP.")
NOT_SIGNED = error(401, "50113", "Invalid Sign")
MANY = error(400, "50014", "Batches of more than one order are not served.")
NO_RIGHT = error(401, "50120", "This API key doesn't have permission to use this function")
LATE = error(401, "50102", "Timestamp request expired.")

BATCH = "/api/v5/trade/batch-orders"


@dataclass(slots=True)
class Gateway:
    """The front door; it knows one key."""

    key: Key
    hosts: tuple[str, ...] = (REST, SOCKETS)
    pings: bool = False

    def admit(self, call: Call, exchange: Exchange) -> Asked | Answer:
        params: dict[str, Any] = dict(parse_qsl(call.query))
        if call.path.startswith("/api/v5/public/"):
            return self._public(call, params, exchange)
        flaw = self._flaw(call, exchange.clock.now_ms())
        if flaw is not None:
            return flaw
        if not self.key.may(call.method):
            return NO_RIGHT
        if call.path == "/api/v5/asset/currencies":
            rows = [{"ccy": asset, "chain": asset, "minFee": "0"} for asset in exchange.wallets]
            return 200, _encode({"code": "0", "data": rows, "msg": ""})
        path = call.path
        if call.body:
            told = msgspec.json.decode(call.body)
            if isinstance(told, list):  # ccxt sends a single order as a batch of one
                if path != BATCH or len(told) != 1:
                    return MANY
                (told,), path = told, "/api/v5/trade/order"
            params |= told
        until = int(call.headers.get("exptime", "0")) * MS
        return Asked(call.method, path, params, until, self.key.rights)

    def _flaw(self, call: Call, now_ms: int) -> Answer | None:
        told = call.headers.get
        if told("ok-access-key", "") != self.key.name:
            return WRONG_KEY if told("ok-access-key") else NO_KEY
        if told("ok-access-passphrase") != self.key.passphrase:
            return WRONG_PASSPHRASE
        at = told("ok-access-timestamp", "")
        query = f"?{call.query}" if call.query else ""
        payload = f"{at}{call.method}{call.path}{query}{call.body.decode()}"
        if not hmac.compare_digest(told("ok-access-sign", ""), sign(self.key, payload)):
            return NOT_SIGNED
        try:
            at_ms = int(datetime.fromisoformat(at).timestamp() * 1000)
        except ValueError:
            return NO_TIMESTAMP
        return LATE if abs(now_ms - at_ms) > LATE_MS_MAX else None

    def _public(self, call: Call, params: dict[str, Any], exchange: Exchange) -> Asked | Answer:
        if call.path == "/api/v5/public/time":
            rows: list[Any] = [{"ts": str(exchange.clock.now_ms())}]
        elif call.path == "/api/v5/public/instruments" and "instId" not in params:
            rows = listed(exchange) if params.get("instType") == "SWAP" else []
        else:
            return Asked(call.method, call.path, params)
        return 200, _encode({"code": "0", "data": rows, "msg": ""})

    def key_ended(self) -> None:
        """Its streams have no key."""

    def is_key_over(self, now_ms: int) -> bool:
        return False

    def converse(self, host: str, path: str, query: str, exchange: Exchange) -> Conversation | None:
        if host == SOCKETS and path == "/ws/v5/private":
            return Channels(self.key, "private")
        if host == SOCKETS and path == "/ws/v5/public":
            return Channels(self.key, "public")
        return None


def sign(key: Key, payload: str) -> str:
    digest = hmac.new(key.secret.encode(), payload.encode(), sha256).digest()
    return base64.b64encode(digest).decode()


@dataclass(slots=True)
class Channels:
    """One socket, and the channels that it subscribed to, of instruments or of all."""

    key: Key
    sort: Channel
    logged_in: bool = False
    channels: dict[tuple[str, str], None] = field(default_factory=dict)

    def begin(self) -> Heard:
        return Heard()

    def hear(self, text: bytes) -> Heard:
        if text == b"ping":
            return Heard([b"pong"])
        asked = msgspec.json.decode(text)
        match asked.get("op"):
            case "login":
                return self._login(asked["args"][0])
            case "subscribe" if self.logged_in or self.sort == "public":
                return self._subscribe(asked["args"])
            case "subscribe":
                return _refused("60011", "Please log in")
            case _:
                return _refused("60012", f"Illegal request: {text.decode()}")

    def _login(self, told: dict[str, str]) -> Heard:
        if told["apiKey"] != self.key.name:
            return _refused("60005", "Invalid apiKey")
        if told["passphrase"] != self.key.passphrase:
            return _refused("60024", "Wrong passphrase")
        if not hmac.compare_digest(told["sign"], sign(self.key, told["timestamp"] + VERIFY)):
            return _refused("60007", "Invalid sign")
        self.logged_in = True
        return Heard([_encode({"event": "login", "code": "0", "msg": "", "connId": "a4d3ae55"})])

    def _subscribe(self, wanted: list[dict[str, str]]) -> Heard:
        began = not self.channels
        for each in wanted:
            self.channels[each["channel"], each.get("instId", "")] = None
        replies = [
            _encode({"event": "subscribe", "arg": each, "connId": "a4d3ae55"}) for each in wanted
        ]
        trades = any(each["channel"] == "trades" for each in wanted)
        return Heard(replies, self.sort if began else "", trades)

    def wrap(self, body: bytes) -> bytes | None:
        told = msgspec.json.decode(body).get("arg")
        if told is None:
            return body  # a notice is for all
        name = told["channel"]
        wanted = (name, "") in self.channels or (name, told.get("instId", "")) in self.channels
        return body if wanted else None


def _refused(code: str, text: str) -> Heard:
    return Heard([_encode({"event": "error", "code": code, "msg": text, "connId": "a4d3ae55"})])
