"""What each verbatim sample of Bybit v5 tells, by hand from the venue's documentation.

The names of this module are explained in tests/test_samples.py. Spot, linear and options are read
by the same dialect, for the API is one.
"""

from typing import Any

from core.effects import Effect, FetchFills, FetchOpenOrders, FetchStatement

DIALECT = "bybit_inverse"
VENUES = ("bybit",)
ACCOUNT = "bybit_inverse/main"


def about(sample: dict[str, Any]) -> Effect:
    """What a REST sample answers."""
    match sample["kind"]:
        case "myTrades":
            return FetchFills(account=ACCOUNT, instrument="BTCUSDT", after="")
        case "orders":
            return FetchOpenOrders(account=ACCOUNT)
        case kind:
            return FetchStatement(account=ACCOUNT, kind=kind)


DISMISSED = [("dismissed",)]


def untriggered(deal: str, order: str) -> list[tuple[object, ...]]:
    """A conditional order that waits: it is acknowledged and has filled nothing."""
    return [
        (
            "order",
            "BTCUSDT",
            "acknowledged",
            deal,
            "filled 0",
            f"id test-{order}",
            f"client test-client-{order}",
            "at 1672364262457",
        ),
    ]


EXPECTED: dict[str, list[tuple[object, ...]]] = {
    # --- statements: wallets have no time of their own, pushed ones that of their message
    "bybit-balances-rest-9802b4c9": [("balances", "complete", "at 1690872862481", "BTC/cash 0")],
    "bybit-balances-rest-09c89a23": [
        ("balances", "complete", "at 1234567890", "BTC/cash 0", "USDT/cash 1000.5", "ETH/cash 0"),
    ],
    "bybit-balances-rest-8436e40b": [
        ("balances", "complete", "at 1234567890", "ETH/cash 0", "USDT/cash 2500")
    ],
    "bybit-balances-rest-1ff62fe3": [("balances", "complete", "at 1234567890", "USDT/cash 1200")],
    "bybit-balances-ws-ee9bf75d": [
        ("balances", "pushed", "at 1700034722104", "BTC/cash 0.00102964"),
    ],
    "bybit-balances-ws-c9c084e2": [("balances", "pushed", "at 1762960669000", "USDT/cash 100")],
    "bybit-positions-ws-68b7f79a": [
        ("positions", "pushed", "ETHUSDT/net -0.01 at 1762199125472 sequence 325852190774"),
    ],
    # How the account is set up is no balance.
    "bybit-balances-rest-c5a3b1d8": [("failed", "balances")],
    # --- executions
    "bybit-myTrades-rest-7b7868c2": [
        (
            "fill",
            "BTCUSDT",
            "buy 0.1 @ 50000",
            "id e0cbe81d-0f18-5866-9415-cf319b5dab3b",
            "order 8c065341-7b52-4ca9-ac2c-37e31ac55c94",
            "client test-order-001",
            "value 5000",
            "fee 0.015 USDT",
            "sequence 4688002127",
            "maker",
            "at 1672282722429",
        ),
        (
            "fill",
            "ETHUSDT",
            "sell 0.5 @ 3000",
            "id f1dce92e-1g29-6977-a526-dg420c6ecb4c",
            "order 7b954230-6a41-3ba8-bc20-26d20ab44b83",
            "client test-order-002",
            "value 1500",
            "fee 0.9 USDT",
            "sequence 4688002128",
            "at 1672282822529",
        ),
        ("page", "BTCUSDT", "|1672283754510|132766%3A2%2C132766%3A2", "more"),
    ],
    "bybit-myTrades-ws-ccad9609": [
        (
            "fill",
            "XRPUSDT",
            "sell 25 @ 0.3374",
            "id 7e2ae69c-4edf-5800-a352-893d52b446aa",
            "order f6e324ff-99c2-4e89-9739-3086e47f9381",
            "value 8.435",
            "fee 0.005061 USDT",
            "sequence 4688002127",
            "at 1672364174443",
        ),
    ],
    "bybit-myTrades-ws-5b952e26": [
        (
            "fill",
            "BTCUSDT",
            "sell 0.5 @ 95850",
            "id 0ab1bdf7-4219-438b-b30a-32ec863018f8",
            "order 9aac161b-8ed6-450d-9cab-c5cc67c21785",
            "value 47925",
            "fee 0 USDT",
            "sequence 140612148849383",
            "adl",
            "at 1746270400398",
        ),
    ],
    # The fast topic tells no fee; a spread's legs come as executions of their own.
    "bybit-myTrades-ws-2c881671": DISMISSED,
    "bybit-myTrades-ws-5e4404a1": DISMISSED,
    "bybit-myTrades-ws-414c9812": DISMISSED,
    "bybit-myTrades-rest-719ccea7": [("failed", "fills:BTCUSDT")],
    # --- orders
    "bybit-myTrades-ws-9d5743dc": [
        (
            "order",
            "BTCUSDT",
            "filled",
            "buy 0.1 @ 30000.5",
            "filled 0.1",
            "id 5cf98598-39a7-459e-97bf-76ca765ee020",
            "client test-client-order-001",
            "at 1672364262457",
        ),
    ],
    # Rejected, and yet half of it filled.
    "bybit-myTrades-ws-49108152": [
        (
            "order",
            "APEXUSDT",
            "rejected",
            "buy 100 @ 1.5",
            "filled 50",
            "id 5cf98598-39a7-459e-97bf-76ca765ee021",
            "client O-20251001-164609-APEX-000-49",
            "UNKNOWN",
            "at 1672364262457",
        ),
    ],
    "bybit-orders-ws-d7d08140": [
        (
            "order",
            "ETH-30DEC22-1400-C",
            "filled",
            "sell 1 @ 72.5",
            "filled 1",
            "id 5cf98598-39a7-459e-97bf-76ca765ee020",
            "at 1672364262457",
        ),
    ],
    "bybit-orders-ws-2c507642": untriggered("buy 0.1", "buy-stop-market-001"),
    "bybit-orders-ws-6be96781": untriggered("buy 0.1 @ 55500", "lit-001"),
    "bybit-orders-ws-a01cba27": untriggered("buy 0.1", "mit-001"),
    "bybit-orders-ws-ed017e8a": untriggered("sell 0.1", "sell-mit-001"),
    "bybit-orders-ws-87ee7756": untriggered("sell 0.1 @ 44500", "stop-limit-001"),
    "bybit-orders-rest-f7e48495": [
        (
            "order",
            "BTCUSDT",
            "cancelled",
            "buy 0.01 @ 30000",
            "filled 0",
            "id abcdef123456",
            "client client-1",
            "at 1700000005000",
        ),
        ("open orders",),
    ],
    "bybit-orders-rest-877b08b4": [
        (
            "order",
            "ETHUSDT",
            "acknowledged",
            "buy 0.01 @ 3930.41",
            "filled 0",
            "id open-order-1",
            "client client-open-1",
            "at 1761355905606",
        ),
        (
            "order",
            "BTCUSDT",
            "cancelled",
            "buy 0.01 @ 30000",
            "filled 0",
            "id closed-order-1",
            "client client-closed-1",
            "at 1700000005000",
        ),
        ("open orders", "client-open-1"),
    ],
    "bybit-orders-rest-f8eb7014": [
        (
            "order",
            "BTCUSDT",
            "acknowledged",
            "sell 0.5",
            "filled 0",
            "id tp-order-001",
            "client client-tp-001",
            "at 1672364262457",
        ),
        (
            "order",
            "BTCUSDT",
            "acknowledged",
            "sell 0.5 @ 47500",
            "filled 0",
            "id sl-order-001",
            "client client-sl-001",
            "at 1672364262457",
        ),
        ("open orders", "client-tp-001", "client-sl-001"),
    ],
    # positionIdx 1 is the long leg of a hedged account.
    "bybit-orders-rest-334a9ee7": [
        (
            "order",
            "ETHUSDT",
            "long",
            "acknowledged",
            "buy 0.1 @ 1600",
            "filled 0",
            "id fd4300ae-7847-404e-b947-b46980a4d140",
            "client test-000005",
            "at 1684738540561",
        ),
        ("open orders", "test-000005"),
    ],
}
