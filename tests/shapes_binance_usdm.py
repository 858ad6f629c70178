"""Binance USDⓈ-M: each kind of frame the simulated venue sends, and the sample it is held against.

The names of this module are explained in tests/test_shapes.py.
"""

import json
from decimal import Decimal

from sim.truth import Truth
from venues.binance_usdm.simulated import Words, movement_key
from venues.exchange import Exchange, Habits, Terms
from venues.simulated import Asked

DIALECT = "binance_usdm"
VENUES = ("binanceusdm",)
NOW_MS = 1_759_347_763_167

SAMPLES = {
    "order update, new": "binanceusdm-orders-ws-f50659fe",
    "order update, trade": "binanceusdm-orders-ws-1f51e370",
    "order update, adl": "binanceusdm-orders-ws-30e0e294",
    "account update, order": "binanceusdm-balances-ws-0373f44e",
    "open orders": "binanceusdm-orders-rest-7102f813",
    "user trades": "binanceusdm-myTrades-rest-4e3080fd",
    "balance": "binanceusdm-balances-rest-164098bb",
}
UNSAMPLED = {
    "too many requests": "no sample; as documented, a ban says its end in its text",
    "top of book": "the samples hold no market data; shaped as documented",
    "account update, funding": "no sample of m FUNDING_FEE; shaped as the one of m ORDER",
    "position risk": "the samples are of v2; v3 leaves flat legs out and has other margins",
    "income": "no sample of /fapi/v1/income",
    "order placed": "no sample of a POST's answer; shaped as an order listed",
    "error": "no sample of an error",
    "listen key expired": "no sample",
}
DIFFERS = {
    "open orders": {
        "activatePrice": "of trailing stops, which the sample's order is and ours are not",
        "priceRate": "of trailing stops",
    },
}
SIGNS = {
    # The commission is paid: positive on the stream and in the record alike.
    "order update, trade": ("o.n", "o.rp"),
    "order update, adl": ("o.n",),
    # A short leg's amount is negative.
    "account update, order": ("a.P.2.pa", "a.B.wb"),
    "user trades": ("commission", "1.commission"),
    "balance": ("balance",),
}


class Ear:
    """Hears what the exchange did, and has the venue's words for it."""

    def __init__(self, words: Words) -> None:
        self.words, self.said = words, list[bytes]()

    def on_order(self, ticket: object) -> None:
        self.said += self.words.order(self.exchange, ticket)  # type: ignore[arg-type]

    def on_trade(self, trade: object, facts: object) -> None:
        self.said += self.words.trade(self.exchange, trade)  # type: ignore[arg-type]

    def on_account(self, assets: list[str], legs: list[tuple[str, str]], reason: str) -> None:
        self.said += self.words.account(self.exchange, assets, legs, reason)

    def on_movement(self, movement: object, facts: object) -> None:
        self.said += self.words.movement(self.exchange, movement)  # type: ignore[arg-type]

    def on_bust(self, trade: object, bust_id: str, facts: object) -> None:
        pass

    exchange: Exchange


class Clock:
    def now_ms(self) -> int:
        return NOW_MS


def frames() -> dict[str, bytes]:
    """A short is closed in part, and in part by force; every kind is picked on the way."""
    words = Words()
    ear = Ear(words)
    truth = Truth(lambda: NOW_MS * 1_000_000)
    habits = Habits(movement_key=movement_key)
    exchange = Exchange("binance_usdm/main", habits, truth, ear, Clock())  # type: ignore[arg-type]
    ear.exchange = exchange
    tick, lot = Decimal("0.10"), Decimal("0.001")
    exchange.list_instrument(Terms("BTCUSDT", "linear", "BTC", "USDT", "USDT", tick, lot))
    exchange.fund("USDT", Decimal(1000))
    exchange.crowd_rests("BTCUSDT", "buy", Decimal("0.005"), Decimal("50000.0"))
    exchange.crowd_rests("BTCUSDT", "sell", Decimal("0.100"), Decimal("50000.1"))
    place = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "positionSide": "BOTH",
        "type": "LIMIT",
        "timeInForce": "IOC",
        "quantity": "0.005",
        "price": "50000.0",
        "newClientOrderId": "tie0010000001",
    }
    placed = ask(words, exchange, "POST", "order", place)
    new, sold, moved = ear.said[:3]
    exchange.crowd_rests("BTCUSDT", "sell", Decimal("0.100"), Decimal("49990.0"))
    buy = place | {"side": "BUY", "quantity": "0.002", "newClientOrderId": "tie0010000002"}
    ask(words, exchange, "POST", "order", buy)
    bought = [body for body in ear.said if b'"S":"BUY"' in body and b'"TRADE"' in body][-1]
    rest = place | {"timeInForce": "GTC", "price": "60000.0", "newClientOrderId": "tie0010000003"}
    ask(words, exchange, "POST", "order", rest)
    open_orders = ask(words, exchange, "GET", "openOrders", {})
    exchange.force("BTCUSDT", "net", 1, "adl")
    forced = [body for body in ear.said if b'"CALCULATED"' in body][-1]
    exchange.pay_funding("BTCUSDT", Decimal("0.0001"))
    assert sold != bought
    return {
        "top of book": words.top(exchange, "BTCUSDT", exchange.top("BTCUSDT"), 400_001),
        "order update, new": new,
        "order update, trade": bought,
        "order update, adl": forced,
        "account update, order": thirdly(moved),
        "account update, funding": ear.said[-1],
        "open orders": open_orders,
        "user trades": ask(
            words, exchange, "GET", "userTrades", {"symbol": "BTCUSDT", "fromId": "0", "limit": 9}
        ),
        "balance": words.answer(exchange, Asked("GET", "/fapi/v3/balance", {}))[1],
        "position risk": words.answer(exchange, Asked("GET", "/fapi/v3/positionRisk", {}))[1],
        "income": ask(words, exchange, "GET", "income", {"page": "1", "limit": 9}),
        "order placed": placed,
        "error": ask(words, exchange, "GET", "order", {"origClientOrderId": "?"}),
        "listen key expired": words.farewell,
        "too many requests": words.limited(exchange, 1500)[1],
    }


def ask(
    words: Words, exchange: Exchange, method: str, path: str, params: dict[str, object]
) -> bytes:
    return words.answer(exchange, Asked(method, f"/fapi/v1/{path}", params))[1]


def thirdly(body: bytes) -> bytes:
    """The one position row three times, so that "P.2" names it as it names the sample's short."""
    told = json.loads(body)
    told["a"]["P"] *= 3
    return json.dumps(told).encode()
