"""What the front doors of Binance's venues share: keys, signatures, clocks, and market data.

Rule 1. A signed request bears the key in X-MBX-APIKEY and, last of its parameters, the HMAC-SHA256
of all before it in hexadecimal: of the query, then the body. (REST API, "SIGNED Endpoint security")
Rule 2. It is void once the venue's clock is past `timestamp` + `recvWindow` (5,000 ms where nothing
is said, 60,000 at most), and not yet valid when `timestamp` is a second or more ahead.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from venues.exchange import Exchange, Terms
from venues.served import Call, Heard, Key
from venues.simulated import Answer, Asked

MS = 1_000_000
WINDOW_MS, WINDOW_MS_MAX, AHEAD_MS_MAX = 5_000, 60_000, 1_000
SIGNATURE = "&signature="
_encode = msgspec.json.encode


def error(status: int, code: int, text: str) -> Answer:
    return status, _encode({"code": code, "msg": text})


NO_KEY = error(401, -2014, "API-key format invalid.")
WRONG_KEY = error(401, -2015, "Invalid API-key, IP, or permissions for action.")
NOT_SIGNED = error(400, -1022, "Signature for this request is not valid.")
NO_TIMESTAMP = error(400, -1102, "Mandatory parameter 'timestamp' was not sent.")
AHEAD = error(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
WIDE = error(400, -1131, "recvWindow must be less than 60000")
NO_RIGHT = WRONG_KEY  # one text for both
RIGHTS = "/sapi/v1/account/apiRestrictions"
NO_PATH = 404, b"<html><body><h2>404 Not found</h2></body></html>"


def sign(key: Key, payload: str) -> str:
    return hmac.new(key.secret.encode(), payload.encode(), sha256).hexdigest()


def admitted(key: Key, call: Call, now_ms: int, key_only: tuple[str, ...]) -> Asked | Answer:
    """The request of who may make it; paths of `key_only` are asked with the key alone."""
    shown = call.headers.get("x-mbx-apikey", "")
    if shown != key.name:
        return WRONG_KEY if shown else NO_KEY
    sent = "&".join(filter(None, (call.query, call.body.decode())))
    if call.path in key_only:
        return Asked(call.method, call.path, dict(parse_qsl(sent)))
    payload, _, signature = sent.partition(SIGNATURE)
    if not hmac.compare_digest(signature, sign(key, payload)):
        return NOT_SIGNED
    if not key.may(call.method):
        return NO_RIGHT
    if call.path == RIGHTS:
        return 200, _encode(_restrictions(key, now_ms))
    return _in_time(call, dict(parse_qsl(payload)), now_ms)


def _restrictions(key: Key, now_ms: int) -> dict[str, Any]:
    """What the key may do; all that trades is one right here."""
    trades, moves = "trade" in key.rights, "move" in key.rights
    return {
        "ipRestrict": False,
        "createTime": now_ms,
        "enableReading": "read" in key.rights,
        "enableWithdrawals": "withdraw" in key.rights,
        "enableInternalTransfer": moves,
        "enableMargin": False,
        "enableFutures": trades,
        "permitsUniversalTransfer": moves,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": trades,
        "enablePortfolioMarginTrading": False,
    }


def _in_time(call: Call, params: dict[str, Any], now_ms: int) -> Asked | Answer:
    if "timestamp" not in params:
        return NO_TIMESTAMP
    at = int(params.pop("timestamp"))
    window = int(params.pop("recvWindow", WINDOW_MS))
    if window > WINDOW_MS_MAX:
        return WIDE
    if at >= now_ms + AHEAD_MS_MAX:
        return AHEAD
    return Asked(call.method, call.path, params, (at + window) * MS)


def public(
    path: str, api: str, exchange: Exchange, listed: Callable[[Terms], dict[str, Any]]
) -> object | None:
    """What anybody may ask below `api`; None of any other path."""
    now = exchange.clock.now_ms()
    match path.removeprefix(api):
        case "ping":
            return {}
        case "time":
            return {"serverTime": now}
        case "exchangeInfo":
            symbols = [listed(terms) for terms in exchange.terms.values()]
            return {"timezone": "UTC", "serverTime": now, "rateLimits": [], "symbols": symbols}
        case _:
            return None


@dataclass(slots=True)
class MarketSocket:
    """Market data: `<symbol>@bookTicker` and `<symbol>@trade`, for who subscribed."""

    streams: dict[str, None] = field(default_factory=dict)

    def begin(self) -> Heard:
        return Heard()

    def hear(self, text: bytes) -> Heard:
        asked = msgspec.json.decode(text)
        if asked.get("method") != "SUBSCRIBE":
            flaw = {"code": 2, "msg": "Invalid request"}
            return Heard([_encode({"error": flaw, "id": asked.get("id")})])
        began = not self.streams
        self.streams |= dict.fromkeys(asked["params"])
        reply = _encode({"result": None, "id": asked.get("id")})
        trades = any(stream.endswith("@trade") for stream in asked["params"])
        return Heard([reply], "public" if began else "", trades)

    def wrap(self, body: bytes) -> bytes | None:
        told = msgspec.json.decode(body)
        kind = "trade" if told.get("e") == "trade" else "bookTicker"
        return body if f"{told['s'].lower()}@{kind}" in self.streams else None
