"""What each verbatim sample of Binance spot tells, by hand from the venue's documentation.

The names of this module are explained in tests/test_samples.py.
"""

from typing import Any

from core.effects import Effect, FetchFills, FetchOpenOrders, FetchStatement, QueryOrder

DIALECT = "binance_spot"
VENUES = ("binance",)
ACCOUNT = "binance_spot/main"


def about(sample: dict[str, Any]) -> Effect:
    """What a REST sample answers."""
    match sample["kind"]:
        case "myTrades":
            return FetchFills(account=ACCOUNT, instrument="ETHUSDT", after="")
        case "orders" if "parse_order" in sample["name"] or "order_status" in sample["name"]:
            return QueryOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument="?")
        case "orders":
            return FetchOpenOrders(account=ACCOUNT)
        case _:
            return FetchStatement(account=ACCOUNT, kind="balances")


AT = "at 1759347763167"
EXPECTED: dict[str, list[tuple[object, ...]]] = {
    # --- statements and movements
    "binance-balances-rest-6768b2ed": [
        (
            "balances", "complete", "at 123456789",
            "BTC/cash 4723846.89208129", "LTC/cash 4763368.68006011",
        ),
    ],
    "binance-balances-ws-747e278c": [
        ("transfer", "id BTC:1573200697068:10000000000", "100 BTC", "at 1573200697068"),
    ],
    # Trading fees, assets over all wallets, wallets in BTC: not the statement that we ask for.
    "binance-balances-rest-942a4990": [("failed", "balances")],
    "binance-balances-rest-5b3d7beb": [("failed", "balances")],
    "binance-balances-rest-b105d5cf": [("failed", "balances")],
    "binance-balances-rest-9ebda562": [("failed", "balances")],
    # --- fills
    "binance-myTrades-ws-88f8e4f4": [
        (
            "fill", "BTCUSD", "sell 0.00042 @ 117290.77", "id 88685053", "order 2281896601",
            "client T0ESHzso0banw0QiPFZYgj", "value 49.2621234", "fee 0.00492621 USD", AT,
        ),
        (
            "order", "BTCUSD", "filled", "sell 0.00042 @ 117290.77", "filled 0.00042",
            "id 2281896601", "client T0ESHzso0banw0QiPFZYgj", AT,
        ),
    ],
    "binance-myTrades-ws-8559a813": [
        (
            "fill", "ETHUSDT", "buy 0.5 @ 2499.5", "id 98765432", "order 1234567890",
            "client INIT-BTC-1234567890", "value 1249.75", "fee 0.0005 ETH", "maker", AT,
        ),
        (
            "order", "ETHUSDT", "partially_filled", "buy 1 @ 2500", "filled 0.5",
            "id 1234567890", "client INIT-BTC-1234567890", AT,
        ),
    ],
    "binance-myTrades-ws-eaae4ba6": [
        (
            "fill", "ETHUSDT", "buy 0.5 @ 2499.5", "id 98765432", "order 1234567890",
            "client O-12345-test-trade", "value 1249.75", "fee 0.0005 ETH", "maker", AT,
        ),
        (
            "order", "ETHUSDT", "partially_filled", "buy 1 @ 2500", "filled 0.5",
            "id 1234567890", "client O-12345-test-trade", AT,
        ),
    ],
    # A trade at no price cannot be what happened: it is put aside, and the record will tell.
    "binance-myTrades-ws-f0db7458": [("quarantined",)],
    # --- executions of nothing are no fills
    "binance-myTrades-ws-6f69b031": [
        (
            "order", "ETHUSDT", "cancelled", "buy 0.001 @ 2500", "filled 0", "id 1234567890",
            "client O-12345-test-l-zero-canceled", AT,
        ),
    ],
    "binance-myTrades-ws-48f8c5b3": [
        (
            "order", "BTCUSDT", "expired", "buy 0.01 @ 50000", "filled 0", "id 1234567891",
            "client O-12345-test-l-zero-expired", AT,
        ),
    ],
    "binance-myTrades-ws-71c5d26b": [
        (
            "order", "ETHUSDT", "acknowledged", "buy 1 @ 2500", "filled 0", "id 1234567890",
            "client O-12345-test-l-zero-new", AT,
        ),
    ],
    "binance-myTrades-ws-64314cef": [
        (
            "order", "ETHUSDT", "expired", "buy 1 @ 2500", "filled 0", "id 1234567890",
            "client O-12345-test-stp", "SELF_TRADE_PREVENTION", AT,
        ),
    ],
    # --- orders
    "binance-myTrades-ws-b93c070c": [
        (
            "order", "ETHUSDT", "acknowledged", "buy 1 @ 2500", "filled 0", "id 1234567890",
            "client O-12345-test-new", AT,
        ),
    ],
    "binance-myTrades-ws-1deb8288": [
        (
            "order", "ETHUSDT", "acknowledged", "buy 1 @ 2495.5", "filled 0", "id 1234567890",
            "client O-12345-test-price-match", AT,
        ),
    ],
    "binance-myTrades-ws-1fc06944": [
        (
            "order", "ETHUSDT", "acknowledged", "sell 1 @ 2405.75", "filled 0", "id 1234567891",
            "client O-12345-test-stop-limit-price-match", AT,
        ),
    ],
    "binance-myTrades-ws-e826f7e7": [
        (
            "order", "ETHUSDT", "acknowledged", "sell 1 @ 2400", "filled 0", "id 12345679",
            "client x-TD67BGP9-T0000000000001", "at 1709654400000",
        ),
    ],
    "binance-myTrades-ws-bbdbfc0b": [
        (
            "order", "ETHBTC", "acknowledged", "buy 1 @ 0.1026441", "filled 0", "id 4293153",
            "client mUvoqJxFIILMdfAW5iGSOW", "at 1499405658657",
        ),
    ],
    "binance-myTrades-ws-165e905e": [
        (
            "order", "ETHUSDT", "cancelled", "sell 0.5 @ 2500", "filled 0.1", "id 9876543210",
            "client O-12345-test-cancel", AT,
        ),
    ],
    "binance-myTrades-ws-dd9bb069": [
        (
            "order", "BTCUSDT", "expired", "buy 0.01 @ 50000", "filled 0", "id 1234567891",
            "client O-12345-test-expired", AT,
        ),
    ],
    "binance-myTrades-ws-f443c0fd": [
        (
            "order", "ETHUSDT", "expired", "buy 1 @ 2500", "filled 0", "id 12345678",
            "client x-TD67BGP9-T0000000000000", "at 1709654403000",
        ),
    ],
    "binance-orders-rest-3356fdd2": [
        (
            "order", "LTCBTC", "acknowledged", "buy 1 @ 0.1", "filled 0", "id 1",
            "client myOrder1", "at 1499827319559",
        ),
        ("open orders", "myOrder1"),
    ],
    # Algorithmic orders are another listing.
    "binance-orders-rest-43f09f5d": [("failed", "open_orders")],
    "binance-orders-rest-1750da55": [("failed", "open_orders")],
}  # fmt: skip
