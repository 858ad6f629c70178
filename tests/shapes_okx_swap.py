"""OKX v5: each kind of frame the simulated venue sends, and the sample it is held against.

The names of this module are explained in tests/test_shapes.py.
"""

from decimal import Decimal

from sim.truth import Truth
from venues.exchange import Exchange, Habits, Terms
from venues.okx_swap.simulated import Words, movement_key, terms_told
from venues.simulated import Asked

DIALECT = "okx_swap"
VENUES = ("okx",)
NOW_MS = 1_746_947_317_401

SAMPLES = {
    "order push, trade": "okx-orders-ws-ca4a64a8",
    "order push, adl": "okx-orders-ws-d8c60403",
    "order push, liquidation": "okx-orders-ws-9659367c",
    "account push": "okx-balances-ws-0393fcf2",
    "position push": "okx-positions-ws-4006ec56",
    "open orders": "okx-orders-rest-c5041e99",
    "order placed, row": "okx-orders-rest-c946cdb9",
    "balance": "okx-balances-rest-d8585b66",
    "positions": "okx-positions-rest-1ad2e983",
    "fills": "okx-myTrades-rest-cde25d35",
}
UNSAMPLED = {
    "too many requests": "no sample; as documented, without a time to wait",
    "top of book": "the samples hold no market data; shaped as documented",
    "order push, new": "only samples of orders that filled; shaped as those, nothing filled",
    "bills": "no sample of /api/v5/account/bills",
    "config": "no sample of /api/v5/account/config",
    "instrument push": "no sample of the instruments channel; shaped as documented",
    "instrument": "no sample of /api/v5/public/instruments; shaped as documented",
    "order refused": "no sample of a refusal; shaped as the row of an order placed",
    "order unknown": "no sample of an error",
    "notice": "no sample of the notice that the connection will be closed",
}
PARTS = {"order placed, row": ("", "data.0"), "account push": ("", "")}
_DOCUMENTED = "documented for the orders channel; the samples were taken before it was there"
_PUSH = {
    **{
        f"data.{key}": _DOCUMENTED
        for key in (
            "amendResult",
            "code",
            "fillFee",
            "fillFeeCcy",
            "fillNotionalUsd",
            "fillPnl",
            "msg",
            "notionalUsd",
            "reqId",
        )
    },
}
_SINCE = "added since the sample was taken"
_EMPTY = "the sample's account has margin figures; those of ours are empty"
_ZERO = "empty in the sample's account"
DIFFERS = {
    "order push, trade": _PUSH | {"data.px": "the sample's is a market order"},
    "order push, adl": _PUSH | {"data.px": "ours has the price it was done at"},
    "order push, liquidation": _PUSH | {"data.px": "ours has the price it was done at"},
    "position push": {
        "data.bePx": _SINCE,
        "data.usdPx": _SINCE,
        "data.margin": "of isolated positions; ours are cross",
    },
    "positions": {"data.margin": "of isolated positions; ours are cross"},
    "balance": {
        **{
            f"data.{key}": _SINCE
            for key in (
                "availEq",
                "notionalUsdForBorrow",
                "notionalUsdForFutures",
                "notionalUsdForOption",
                "notionalUsdForSwap",
                "details.smtSyncEq",
                "details.spotCopyTradingEq",
                "details.colBorrAutoConversion",
                "details.accAvgPx",
                "details.openAvgPx",
                "details.spotBal",
                "details.spotUpl",
                "details.spotUplRatio",
                "details.totalPnl",
                "details.totalPnlRatio",
                "details.coinUsdPrice",
                "details.collateralEnabled",
                "details.collateralRestrict",
            )
        },
        **{
            f"data.{key}": _EMPTY
            for key in (
                "adjEq",
                "borrowFroz",
                "imr",
                "mgnRatio",
                "mmr",
                "notionalUsd",
                "ordFroz",
                "upl",
                "details.borrowFroz",
                "details.crossLiab",
                "details.interest",
                "details.isoLiab",
                "details.liab",
                "details.maxLoan",
                "details.uplLiab",
            )
        },
        **{f"data.details.{key}": _ZERO for key in ("imr", "mmr", "notionalLever")},
    },
    "fills": dict.fromkeys(
        ("data.fillIdxPx", "data.fillMarkPx"), "of contracts; the sample is of spot"
    ),
    "open orders": {"data.linkedAlgoOrd": _SINCE},
    "order placed, row": {"ts": _SINCE},
}
SIGNS = {
    # What we pay is negative, on the stream and in the record of fills alike.
    "order push, trade": ("data.fee", "data.sz", "data.tradeId"),
    "order push, adl": ("data.fee",),
    "account push": ("data.details.cashBal",),
    "position push": ("data.pos",),
    "positions": ("data.pos",),
    "fills": ("data.fee",),
    "balance": ("data.details.cashBal",),
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

    def on_terms(self, symbol: str, facts: object) -> None:
        pass

    exchange: Exchange


class Clock:
    def now_ms(self) -> int:
        return NOW_MS


def frames() -> dict[str, bytes]:
    """A long is opened, closed in part by force; every kind is picked on the way."""
    words = Words()
    ear = Ear(words)
    truth = Truth(lambda: NOW_MS * 1_000_000)
    habits = Habits(hedged=True, forced_ids_negative=True, movement_key=movement_key)
    exchange = Exchange("okx_swap/main", habits, truth, ear, Clock())  # type: ignore[arg-type]
    ear.exchange = exchange
    tick, lot, multiplier = Decimal("0.1"), Decimal("0.01"), Decimal("0.01")
    exchange.list_instrument(
        Terms("BTC-USDT-SWAP", "linear", "BTC", "USDT", "USDT", tick, lot, multiplier)
    )
    exchange.fund("USDT", Decimal(1000))
    exchange.crowd_rests("BTC-USDT-SWAP", "sell", Decimal("0.5"), Decimal("50000.1"))
    exchange.crowd_rests("BTC-USDT-SWAP", "buy", Decimal("0.5"), Decimal("49999.0"))
    place: dict[str, object] = {
        "instId": "BTC-USDT-SWAP",
        "tdMode": "cross",
        "clOrdId": "tie0010000001",
        "side": "buy",
        "posSide": "long",
        "ordType": "ioc",
        "sz": "0.05",
        "px": "50000.1",
    }
    placed = ask(words, exchange, "POST", "trade/order", place)
    new, bought, account, position = ear.said[:4]
    refused = ask(words, exchange, "POST", "trade/order", place | {"clOrdId": "x", "sz": "0"})
    rest = place | {"clOrdId": "tie0010000002", "ordType": "limit", "px": "40000.0"}
    ask(words, exchange, "POST", "trade/order", rest)
    open_orders = ask(words, exchange, "GET", "trade/orders-pending", {})
    exchange.force("BTC-USDT-SWAP", "long", 1, "adl")
    adl = [body for body in ear.said if b'"category":"adl"' in body][-1]
    exchange.force("BTC-USDT-SWAP", "long", 1, "liquidation")
    forced = [body for body in ear.said if b'"category":"full_liquidation"' in body][-1]
    exchange.pay_funding("BTC-USDT-SWAP", Decimal("0.0001"))
    page: dict[str, object] = {"instId": "BTC-USDT-SWAP", "limit": "100"}
    exchange.announce("BTC-USDT-SWAP", Decimal("0.001"), NOW_MS + 60_000)
    terms = {"instType": "SWAP", "instId": "BTC-USDT-SWAP"}
    return {
        "top of book": words.top(exchange, "BTC-USDT-SWAP", exchange.top("BTC-USDT-SWAP"), 400_001),
        "instrument push": terms_told(exchange, "BTC-USDT-SWAP")[0],
        "instrument": ask(words, exchange, "GET", "public/instruments", dict(terms)),
        "order push, new": new,
        "order push, trade": bought,
        "order push, adl": adl,
        "order push, liquidation": forced,
        "account push": account,
        "position push": position,
        "open orders": open_orders,
        "order placed, row": placed,
        "order refused": refused,
        "order unknown": ask(words, exchange, "GET", "trade/order", {"clOrdId": "?"}),
        "balance": ask(words, exchange, "GET", "account/balance", {}),
        "positions": ask(words, exchange, "GET", "account/positions", {}),
        "fills": ask(words, exchange, "GET", "trade/fills-history", page),
        "bills": ask(words, exchange, "GET", "account/bills", page),
        "config": ask(words, exchange, "GET", "account/config", {}),
        "notice": words.farewell,
        "too many requests": words.limited(exchange, 1500)[1],
    }


def ask(
    words: Words, exchange: Exchange, method: str, path: str, params: dict[str, object]
) -> bytes:
    return words.answer(exchange, Asked(method, f"/api/v5/{path}", params))[1]
