"""Binance spot: each kind of frame the simulated venue sends, and the sample it is held against.

The names of this module are explained in tests/test_shapes.py.
"""

from decimal import Decimal

from sim.truth import Truth
from venues.binance_spot.simulated import Words, movement_key
from venues.exchange import Exchange, Habits, Terms
from venues.simulated import Asked

DIALECT = "binance_spot"
VENUES = ("binance",)
NOW_MS = 1_759_347_763_167

SAMPLES = {
    "execution report, new": "binance-myTrades-ws-bbdbfc0b",
    "execution report, trade": "binance-myTrades-ws-eaae4ba6",
    "execution report, cancelled": "binance-myTrades-ws-165e905e",
    "balance update": "binance-balances-ws-747e278c",
    "account": "binance-balances-rest-6768b2ed",
    "open orders": "binance-orders-rest-3356fdd2",
}
UNSAMPLED = {
    "too many requests": "no sample; as documented, with the header Retry-After",
    "top of book": "the samples hold no market data; shaped as documented",
    "account position": "no verbatim sample of outboundAccountPosition",
    "my trades": "no verbatim sample of /api/v3/myTrades",
    "order placed": "no verbatim sample of a POST's answer",
    "order cancelled": "no verbatim sample of a DELETE's answer",
    "asset transfers": "no sample of /sapi/v1/asset/transfer",
    "error": "no sample of an error",
    "stream key expired": "no sample",
}
# The samples are wrapped as a subscription or a combined stream wraps them.
PARTS = {
    "execution report, new": ("event", ""),
    "execution report, trade": ("data", ""),
    "execution report, cancelled": ("data", ""),
    "balance update": ("event", ""),
}
_SINCE = {
    "W": "when it came to work: in frames of orders that were on the book",
    "V": "the self-trade prevention mode, in newer frames",
}
DIFFERS = {
    "execution report, trade": _SINCE,
    "execution report, cancelled": _SINCE,
    "account": {
        "updateTime": "the sample's is an example number, not a time in milliseconds",
        "buyerCommission": "older accounts have it",
        "sellerCommission": "older accounts have it",
        "uid": "newer accounts have it",
    },
    "open orders": {
        "stopPrice": "of other kinds of orders",
        "icebergQty": "of other kinds of orders",
        "origQuoteOrderQty": "of orders by value",
    },
}
SIGNS = {
    "execution report, trade": ("n", "Y", "l"),
    "balance update": ("d",),
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
    """A limit order fills in part, rests and is cancelled; cash comes in by hand."""
    words = Words()
    ear = Ear(words)
    truth = Truth(lambda: NOW_MS * 1_000_000)
    habits = Habits(movement_key=movement_key)
    exchange = Exchange("binance_spot/main", habits, truth, ear, Clock())  # type: ignore[arg-type]
    ear.exchange = exchange
    tick, lot = Decimal("0.01"), Decimal("0.1")
    exchange.list_instrument(Terms("ETHUSDT", "spot", "ETH", "USDT", "USDT", tick, lot))
    exchange.fund("ETH", Decimal(10))
    exchange.fund("USDT", Decimal(10_000))
    exchange.crowd_rests("ETHUSDT", "sell", Decimal("0.5"), Decimal("2499.50"))
    order = {
        "symbol": "ETHUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "2500",
        "newClientOrderId": "tie0010000001",
    }
    placed = ask(words, exchange, "POST", "order", order)
    new, traded, position = ear.said[:3]
    open_orders = ask(words, exchange, "GET", "openOrders", {})
    by_id = {"symbol": "ETHUSDT", "origClientOrderId": "tie0010000001"}
    account = ask(words, exchange, "GET", "account", {})
    cancelled = ask(words, exchange, "DELETE", "order", by_id)
    told = ear.said[-1]
    exchange.transfer("USDT", Decimal(100))
    moved = next(body for body in ear.said if b"balanceUpdate" in body)
    trades = {"symbol": "ETHUSDT", "fromId": "0", "limit": 9}
    transfers = {"startTime": "0", "current": "1", "size": 9}
    return {
        "top of book": words.top(exchange, "ETHUSDT", exchange.top("ETHUSDT"), 400_001),
        "execution report, new": new,
        "execution report, trade": traded,
        "execution report, cancelled": told,
        "account position": position,
        "balance update": moved,
        "account": account,
        "open orders": open_orders,
        "my trades": ask(words, exchange, "GET", "myTrades", trades),
        "order placed": placed,
        "order cancelled": cancelled,
        "asset transfers": words.answer(
            exchange, Asked("GET", "/sapi/v1/asset/transfer", dict(transfers))
        )[1],
        "error": ask(words, exchange, "GET", "order", {"origClientOrderId": "?"}),
        "stream key expired": words.farewell,
        "too many requests": words.limited(exchange, 1500)[1],
    }


def ask(
    words: Words, exchange: Exchange, method: str, path: str, params: dict[str, object]
) -> bytes:
    return words.answer(exchange, Asked(method, f"/api/v3/{path}", dict(params)))[1]
