"""Coinbase Advanced Trade: each kind of frame the simulated venue sends, and its sample.

The names of this module are explained in tests/test_shapes.py.
"""

from decimal import Decimal

from sim.truth import Truth
from venues.coinbase.simulated import Words, name_order
from venues.exchange import Exchange, Habits, Terms
from venues.simulated import Asked

DIALECT = "coinbase"
VENUES = ("coinbase",)
NOW_MS = 1_705_314_600_123

SAMPLES = {
    "accounts": "coinbase-balances-rest-1b5c3ce6",
    "order": "coinbase-orders-rest-1eadb9c9",
    "orders, by last fill": "coinbase-orders-rest-9c951c91",
}
UNSAMPLED = {
    "too many requests": "no sample; the status is documented, the body is that of its older API",
    "top of book": "the samples hold no market data; shaped as documented",
    "user, order update": "the one sample is not verbatim, and has the order alone",
    "order placed": "no verbatim sample",
    "order refused": "the one sample is not verbatim",
    "cancel": "no sample",
    "order not found": "no sample of an error",
    "key permissions": "no sample",
    "farewell": "no sample of an error on the stream",
}
# In the listing the newest fill comes first: the sample's second order stands beside our first.
PARTS = {"orders, by last fill": ("orders.1", "orders.0")}
DIFFERS = {
    "order": {
        "order.fee": "deprecated and empty, as older orders have it; the sample's is 0.00",
    },
    "orders, by last fill": {
        "fee": "deprecated and empty",
        "order_configuration.market_market_ioc": "a market order by its value, which we never send",
        "order_configuration.limit_limit_gtc": "ours is a limit order",
    },
}
SIGNS = {
    # What is paid is positive; sizes carry no side.
    "accounts": ("accounts.0.available_balance.value", "accounts.1.hold.value"),
    "order": ("order.total_fees", "order.filled_size", "order.filled_value"),
    "orders, by last fill": ("total_fees", "filled_size", "filled_value"),
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
    """One order fills in part and rests; every kind is picked on the way."""
    words = Words()
    ear = Ear(words)
    truth = Truth(lambda: NOW_MS * 1_000_000)
    habits = Habits(tells_progress=True, name_order=name_order)
    exchange = Exchange("coinbase/main", habits, truth, ear, Clock())  # type: ignore[arg-type]
    ear.exchange = exchange
    tick, lot = Decimal("0.01"), Decimal("0.001")
    exchange.list_instrument(Terms("BTC-USD", "spot", "BTC", "USD", "USD", tick, lot))
    exchange.fund("BTC", Decimal(2))
    exchange.fund("USD", Decimal(10_000))
    exchange.crowd_rests("BTC-USD", "sell", Decimal("0.001"), Decimal("45000.00"))
    limit = {"base_size": "0.002", "limit_price": "45000.00", "post_only": False}
    wanted = {
        "client_order_id": "tie0010000001",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"limit_limit_gtc": limit},
    }
    placed = ask(words, exchange, "POST", "orders", wanted)
    ticket = exchange.by_client["tie0010000001"]
    batch = {"product_ids": ["BTC-USD"], "sort_by": "LAST_FILL_TIME", "limit": 9}
    found = {
        "top of book": words.top(exchange, "BTC-USD", exchange.top("BTC-USD"), 400_001),
        "user, order update": ear.said[-1],
        "order placed": placed,
        "accounts": ask(words, exchange, "GET", "accounts", {}),
        "order": ask(words, exchange, "GET", f"orders/historical/{ticket.order_id}", {}),
        "orders, by last fill": ask(words, exchange, "GET", "orders/historical/batch", batch),
        "cancel": ask(
            words, exchange, "POST", "orders/batch_cancel", {"order_ids": [ticket.order_id]}
        ),
        "order refused": ask(words, exchange, "POST", "orders", wanted | {"base_size": "0"}),
        "order not found": ask(words, exchange, "GET", "orders/historical/?", {}),
        "key permissions": ask(words, exchange, "GET", "key_permissions", {}),
        "farewell": words.farewell,
        "too many requests": words.limited(exchange, 1500)[1],
    }
    return found


def ask(
    words: Words, exchange: Exchange, method: str, path: str, params: dict[str, object]
) -> bytes:
    return words.answer(exchange, Asked(method, f"/api/v3/brokerage/{path}", params))[1]
