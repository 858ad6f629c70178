"""Binance USDⓈ-M's front door: signed REST at fapi.binance.com, sockets at fstream.binance.com.

Keys, signatures and clocks are as `binance_door.py` says. The account's stream stands at a listen
key, which is asked for with the key alone; a key that was not issued, or is over, is refused at the
handshake. It is over an hour after it was last asked for or renewed. ("User Data Streams", 60 min)
What a key may do is asked at api.binance.com, as of all of Binance's venues.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from venues.binance_door import NO_PATH, RIGHTS, MarketSocket, admitted, error, public
from venues.exchange import Exchange, Terms
from venues.served import Call, Conversation, Heard, Key
from venues.simulated import Answer, Asked

REST, STREAMS = "fapi.binance.com", "fstream.binance.com"
WALLETS = "api.binance.com"
LISTEN_KEY = "/fapi/v1/listenKey"
KEY_MS = 60 * 60_000
NO_LISTEN_KEY = error(400, -1125, "This listenKey does not exist.")
_encode = msgspec.json.encode


@dataclass(slots=True)
class Gateway:
    """The front door; it knows one key, and the listen key that it issued last."""

    key: Key
    hosts: tuple[str, ...] = (REST, STREAMS, WALLETS)
    listen_key: str = ""
    issued: int = 0
    over_at_ms: int = 0
    pings: bool = True

    def admit(self, call: Call, exchange: Exchange) -> Asked | Answer:
        if call.host != (WALLETS if call.path == RIGHTS else REST):
            return NO_PATH
        said = public(call.path, "/fapi/v1/", exchange, _listed)
        if said is not None:
            return 200, _encode(said)
        now_ms = exchange.clock.now_ms()
        told = admitted(self.key, call, now_ms, (LISTEN_KEY,))
        if isinstance(told, Asked) and told.path == LISTEN_KEY:
            return self._keep(told, now_ms)
        return told

    def _keep(self, asked: Asked, now_ms: int) -> Asked | Answer:
        """Who has a valid key gets it again; asked for or renewed, it is valid for an hour more."""
        if self.is_key_over(now_ms):
            self.key_ended()
        if asked.method == "PUT" and not self.listen_key:
            return NO_LISTEN_KEY
        if not self.listen_key:
            self.issued += 1
            self.listen_key = f"pqia91ma19a5s61cv6a81va65sdf19v8a65a1{self.issued:08}"
        self.over_at_ms = now_ms + KEY_MS
        if asked.method == "POST":
            return 200, _encode({"listenKey": self.listen_key})
        return asked

    def key_ended(self) -> None:
        self.listen_key = ""

    def is_key_over(self, now_ms: int) -> bool:
        """Whether there is a key whose time has run out."""
        return bool(self.listen_key) and now_ms >= self.over_at_ms

    def converse(self, host: str, path: str, query: str, exchange: Exchange) -> Conversation | None:
        if host != STREAMS:
            return None
        if path == "/private/ws":
            key = query.partition("listenKey=")[2]
            return AccountSocket() if key and key == self.listen_key else None
        return MarketSocket() if path == "/public/ws" else None


@dataclass(slots=True)
class AccountSocket:
    """The account's stream: it begins with the handshake, and asks for nothing."""

    def begin(self) -> Heard:
        return Heard([], "private")

    def hear(self, text: bytes) -> Heard:
        return Heard()

    def wrap(self, body: bytes) -> bytes | None:
        return body


def _listed(terms: Terms) -> dict[str, Any]:
    tick, lot = f"{terms.tick:f}", f"{terms.lot:f}"
    return {
        "symbol": terms.symbol,
        "pair": terms.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": terms.base,
        "quoteAsset": terms.quote,
        "marginAsset": terms.settle,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "4529764",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000", "stepSize": lot},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "GTX"],
    }
