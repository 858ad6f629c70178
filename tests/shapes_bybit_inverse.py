"""Bybit v5: each kind of frame the simulated venue sends, and the sample it is held against.

The names of this module are explained in tests/test_shapes.py. The verbatim samples are of linear
contracts; inverse ones have the same fields.
"""

from decimal import Decimal

from sim.truth import Truth
from venues.bybit_inverse.simulated import Words, movement_key, name_order, name_trade
from venues.exchange import Exchange, Habits, Terms
from venues.simulated import Asked

DIALECT = "bybit_inverse"
VENUES = ("bybit",)
NOW_MS = 1_672_364_174_443

SAMPLES = {
    "execution": "bybit-myTrades-ws-ccad9609",
    "execution, adl": "bybit-myTrades-ws-5b952e26",
    "order": "bybit-myTrades-ws-9d5743dc",
    "position": "bybit-positions-ws-68b7f79a",
    "wallet": "bybit-balances-ws-ee9bf75d",
    "open orders": "bybit-orders-rest-334a9ee7",
    "executions": "bybit-myTrades-rest-7b7868c2",
    "wallet balance": "bybit-balances-rest-9802b4c9",
    "account info": "bybit-balances-rest-c5a3b1d8",
}
UNSAMPLED = {
    "too many requests": "no sample; as documented, with the header X-Bapi-Limit-Reset-Timestamp",
    "top of book": "the samples hold no market data; shaped as documented",
    "positions": "no verbatim sample of /v5/position/list; shaped as the pushed row, with avgPrice",
    "transaction log": "no sample of /v5/account/transaction-log",
    "order placed": "no sample of /v5/order/create",
    "error": "no sample of an error",
    "not authorized": "no sample of the stream's own errors",
}
_DOCUMENTED = "documented for the execution topic; the samples were taken before it was there"
_EXECUTION = dict.fromkeys(("data.createType", "data.execPnl", "data.feeCurrency"), _DOCUMENTED)
DIFFERS = {
    "execution": _EXECUTION,
    "execution, adl": _EXECUTION,
    "account info": dict.fromkeys(("retExtInfo", "time"), "the sample was cut there"),
}
SIGNS = {
    # What we pay is positive; a size has no sign.
    "execution": ("data.execFee", "data.execQty", "data.execValue"),
    "executions": ("result.list.execFee",),
    "position": ("data.size",),
    "wallet": ("data.coin.walletBalance",),
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
    """A short is opened and closed in part by force; every kind is picked on the way."""
    words = Words()
    ear = Ear(words)
    truth = Truth(lambda: NOW_MS * 1_000_000)
    habits = Habits(
        realised_apart=True, name_trade=name_trade, name_order=name_order, movement_key=movement_key
    )
    exchange = Exchange("bybit_inverse/main", habits, truth, ear, Clock())  # type: ignore[arg-type]
    ear.exchange = exchange
    tick, lot = Decimal("0.50"), Decimal(1)
    exchange.list_instrument(Terms("BTCUSD", "inverse", "BTC", "USD", "BTC", tick, lot))
    exchange.fund("BTC", Decimal(10))
    bid = exchange.crowd_rests("BTCUSD", "buy", Decimal(50), Decimal("50000.0"))
    exchange.crowd_rests("BTCUSD", "sell", Decimal(50), Decimal("50000.5"))
    place: dict[str, object] = {
        "category": "inverse",
        "symbol": "BTCUSD",
        "side": "Sell",
        "orderType": "Limit",
        "qty": "20",
        "price": "50000",
        "timeInForce": "IOC",
        "orderLinkId": "tie0010000001",
        "positionIdx": 0,
    }
    placed = ask(words, exchange, "POST", "order/create", place)
    _, execution, order, position, wallet = ear.said[:5]
    rest = place | {"orderLinkId": "tie0010000002", "timeInForce": "GTC", "price": "60000"}
    ask(words, exchange, "POST", "order/create", rest)
    exchange.crowd_cancels("BTCUSD", bid)
    exchange.crowd_rests("BTCUSD", "sell", Decimal(50), Decimal("49000.0"))
    exchange.force("BTCUSD", "net", 5, "adl")
    forced = [body for body in ear.said if b'"AdlTrade"' in body][-1]
    exchange.pay_funding("BTCUSD", Decimal("0.0001"))
    page: dict[str, object] = {"symbol": "BTCUSD", "limit": "1"}
    return {
        "top of book": words.top(exchange, "BTCUSD", exchange.top("BTCUSD"), 400_001),
        "execution": execution,
        "execution, adl": forced,
        "order": order,
        "position": position,
        "wallet": wallet,
        "open orders": ask(words, exchange, "GET", "order/realtime", {"limit": "50"}),
        "executions": ask(words, exchange, "GET", "execution/list", page),
        "wallet balance": ask(words, exchange, "GET", "account/wallet-balance", {}),
        "account info": ask(words, exchange, "GET", "account/info", {}),
        "positions": ask(words, exchange, "GET", "position/list", {}),
        "transaction log": ask(words, exchange, "GET", "account/transaction-log", page),
        "order placed": placed,
        "error": ask(words, exchange, "POST", "order/cancel", {"orderLinkId": "?"}),
        "not authorized": words.farewell,
        "too many requests": words.limited(exchange, 1500)[1],
    }


def ask(
    words: Words, exchange: Exchange, method: str, path: str, params: dict[str, object]
) -> bytes:
    return words.answer(exchange, Asked(method, f"/v5/{path}", params))[1]
