"""What each verbatim sample of Binance USDⓈ-M tells, by hand from the venue's documentation.

The names of this module are explained in tests/test_samples.py.
"""

from typing import Any

from core.effects import Effect, FetchFills, FetchOpenOrders, FetchStatement

DIALECT = "binance_usdm"
VENUES = ("binanceusdm",)
ACCOUNT = "binance_usdm/main"


def about(sample: dict[str, Any]) -> Effect:
    """What a REST sample answers."""
    match sample["kind"]:
        case "myTrades":
            return FetchFills(account=ACCOUNT, instrument="ETHUSDT", after="")
        case "orders":
            return FetchOpenOrders(account=ACCOUNT)
        case kind:
            return FetchStatement(account=ACCOUNT, kind=kind)


DISMISSED = [("dismissed",)]
EXPECTED: dict[str, list[tuple[object, ...]]] = {
    # --- statements
    "binanceusdm-balances-rest-39411e2a": [
        ("balances", "complete", "USDT/cash 23.72469206 at 1625474304765"),
    ],
    "binanceusdm-balances-rest-164098bb": [
        ("balances", "complete", "USDT/cash 122.12345678 at 1617939110373"),
    ],
    "binanceusdm-positions-rest-b549b9e5": [
        ("positions", "complete", "BTCUSDT/net 0.001 at 1625474304765"),
    ],
    # A flat leg has no time of its own.
    "binanceusdm-positions-rest-4a135464": [
        ("positions", "complete", "BTCUSDT/long 0.001 at 1655217461579", "BTCUSDT/short 0"),
    ],
    # Both legs and the net one; a short is negative already.
    "binanceusdm-balances-ws-0373f44e": [
        ("balances", "pushed", "at 1564745798939", "USDT/cash 122624.12345678"),
        (
            "positions",
            "pushed",
            "at 1564745798939",
            "BTCUSDT/net 0",
            "BTCUSDT/long 20",
            "BTCUSDT/short -10",
        ),
    ],
    # Commission rates are no balances.
    "binanceusdm-balances-rest-a664f032": [("failed", "balances")],
    "binanceusdm-balances-rest-9943fca6": [("failed", "balances")],
    # --- orders and their fills
    "binanceusdm-orders-ws-f50659fe": [
        (
            "order", "BTCUSDT", "long", "acknowledged", "buy 0.001", "filled 0",
            "id 8886774", "client TEST", "at 1568879465651",
        ),
    ],
    "binanceusdm-orders-ws-1f51e370": [
        (
            "fill", "BTCUSDT", "long", "buy 0.001 @ 7100.5", "id 12345678", "order 8886774",
            "client TEST", "fee 0.01 USDT", "realised 12.34", "maker", "at 1568879465651",
        ),
        (
            "order", "BTCUSDT", "long", "partially_filled", "buy 0.001 @ 7100.5", "filled 0.001",
            "id 8886774", "client TEST", "at 1568879465651",
        ),
    ],
    "binanceusdm-orders-ws-14a85202": [
        (
            "fill", "BTCUSDT", "long", "buy 0.001 @ 7100.5", "id 12345678", "order 8886774",
            "client TEST", "fee 0.01 USDT", "realised 12.34", "maker", "at 1568879465651",
        ),
        (
            "order", "BTCUSDT", "long", "partially_filled", "buy 0.002 @ 7100.5", "filled 0.001",
            "id 8886774", "client TEST", "at 1568879465651",
        ),
    ],
    "binanceusdm-orders-ws-f74cce0a": [
        (
            "order", "ETHUSDT", "long", "acknowledged", "buy 1 @ 2495.5", "filled 0",
            "id 8765432100", "client O-12345-test-price-match", "at 1759347763200",
        ),
    ],
    # --- orders of the venue's own: the client order id says why
    "binanceusdm-orders-ws-30e0e294": [
        (
            "fill", "BTCUSDT", "short", "buy 0.005 @ 42000", "id 12346001", "order 8887001",
            "client adl_autoclose_12345", "fee 0.105 USDT", "realised -2.5", "adl",
            "at 1568879465651",
        ),
        (
            "order", "BTCUSDT", "short", "acknowledged", "buy 0.005 @ 42000", "filled 0.005",
            "id 8887001", "client adl_autoclose_12345", "at 1568879465651",
        ),
    ],
    "binanceusdm-orders-ws-45559a1c": [
        (
            "fill", "ETHUSDT", "short", "buy 1 @ 2500", "id 2233445566", "order 8765432109",
            "client adl_autoclose", "fee 2.5 USDT", "realised 50", "adl", "at 1759347763200",
        ),
        (
            "order", "ETHUSDT", "short", "filled", "buy 1", "filled 1", "id 8765432109",
            "client adl_autoclose", "at 1759347763200",
        ),
    ],
    "binanceusdm-orders-ws-105dd3ce": [
        (
            "fill", "BTCUSDT", "long", "sell 0.02 @ 45000", "id 12346003", "order 8887003",
            "client autoclose-insurance-5678", "fee 0.45 USDT", "realised -8", "liquidation",
            "at 1568879465651",
        ),
        (
            "order", "BTCUSDT", "long", "acknowledged", "sell 0.02 @ 45000", "filled 0.02",
            "id 8887003", "client autoclose-insurance-5678", "at 1568879465651",
        ),
    ],
    "binanceusdm-orders-ws-16062587": [
        (
            "fill", "BTCUSDT", "long", "sell 0.1 @ 50000", "id 1122334455", "order 9876543210",
            "client autoclose-1234567890123456", "fee 5 USDT", "realised -100", "liquidation",
            "at 1759347763167",
        ),
        (
            "order", "BTCUSDT", "long", "filled", "sell 0.1", "filled 0.1", "id 9876543210",
            "client autoclose-1234567890123456", "at 1759347763167",
        ),
    ],
    "binanceusdm-orders-ws-9ee4ca5b": [
        (
            "fill", "BTCUSDT", "long", "sell 0.01 @ 50000", "id 12346002", "order 8887002",
            "client settlement_autoclose-9999", "fee 0.25 USDT", "realised -10", "settlement",
            "at 1568879465651",
        ),
        (
            "order", "BTCUSDT", "long", "filled", "sell 0.01 @ 50000", "filled 0.01",
            "id 8887002", "client settlement_autoclose-9999", "at 1568879465651",
        ),
    ],
    "binanceusdm-orders-ws-22f6873a": [
        (
            "fill", "BTCUSDT", "short", "buy 0.05 @ 51000", "id 4455667788", "order 6543210987",
            "client settlement_autoclose-1111222233334444", "fee 2.55 USDT", "realised 25",
            "settlement", "at 1759347763300",
        ),
        (
            "order", "BTCUSDT", "short", "filled", "buy 0.05", "filled 0.05", "id 6543210987",
            "client settlement_autoclose-1111222233334444", "at 1759347763300",
        ),
    ],
    # An execution of nothing is no fill.
    "binanceusdm-orders-ws-9b48caff": [
        (
            "order", "BTCUSDT", "long", "acknowledged", "sell 0.014 @ 9910", "filled 0",
            "id 8887004", "client autoclose-pending-0000", "at 1568879465651",
        ),
    ],
    "binanceusdm-orders-ws-93c8e44b": [
        (
            "order", "BTCUSDT", "long", "filled", "sell 0", "filled 0", "id 7654321098",
            "client autoclose-7654321098765432", "at 1759347763250",
        ),
    ],
    # --- the records
    "binanceusdm-orders-rest-7102f813": [
        (
            "order", "BTCUSDT", "short", "acknowledged", "buy 0.4", "filled 0", "id 1917641",
            "client abc", "at 1579276756075",
        ),
        ("open orders", "abc"),
    ],
    "binanceusdm-myTrades-rest-4e3080fd": [
        (
            "fill", "ETHUSDT", "sell 0.005 @ 2778.35", "id 82357626", "order 831238666",
            "fee 0.0055567 USDT", "realised 0", "at 1645930322371",
        ),
        (
            "fill", "ETHUSDT", "buy 0.005 @ 2779", "id 82357629", "order 831238690",
            "fee 0.005558 USDT", "realised -0.00325", "at 1645930333910",
        ),
        ("page", "ETHUSDT", "82357629", "end"),
    ],
    # Conditional orders are another listing than the one we ask for.
    "binanceusdm-orders-rest-c3614ef2": [("failed", "open_orders")],
    "binanceusdm-orders-rest-741c5156": [("failed", "open_orders")],
    "binanceusdm-orders-rest-550b2b45": [("failed", "open_orders")],
    # --- hints, and orders that are none yet
    "binanceusdm-myTrades-ws-b1ec0c19": DISMISSED,
    "binanceusdm-myTrades-ws-933a9eb3": DISMISSED,
    "binanceusdm-orders-ws-e79055d4": DISMISSED,
    "binanceusdm-orders-ws-46e128e7": DISMISSED,
    "binanceusdm-orders-ws-bc1edacc": DISMISSED,
    "binanceusdm-orders-ws-dfeaf7ba": DISMISSED,
}  # fmt: skip
