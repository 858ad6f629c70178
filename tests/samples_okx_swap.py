"""What each verbatim sample of OKX v5 tells, by hand from the venue's documentation.

The names of this module are explained in tests/test_samples.py. Spot, options and futures are read
by the same dialect, for the API is one.
"""

from typing import Any

from core.effects import Effect, FetchFills, FetchOpenOrders, FetchStatement, PlaceOrder

DIALECT = "okx_swap"
VENUES = ("okx",)
ACCOUNT = "okx_swap/main"
# OKX tells balances and fees with more than eight decimals.
DECIMALS = {"USDT": 18, "BTC": 18, "ETH": 18}


def about(sample: dict[str, Any]) -> Effect:
    """What a REST sample answers."""
    if "place_order" in sample["name"]:
        return PlaceOrder(
            account=ACCOUNT,
            client_order_id="client_order_123",
            instrument="BTC-USDT-SWAP",
            side="buy",
            quantity=100_000_000,
            kind="market",
            leg="long",
        )
    match sample["kind"]:
        case "myTrades":
            return FetchFills(account=ACCOUNT, instrument="BTC-USDT", after="")
        case "orders":
            return FetchOpenOrders(account=ACCOUNT)
        case kind:
            return FetchStatement(account=ACCOUNT, kind=kind)


DISMISSED = [("dismissed",)]
EXPECTED: dict[str, list[tuple[object, ...]]] = {
    # --- statements
    "okx-balances-rest-d8585b66": [
        ("balances", "complete", "USDT/cash 4850.435693622894 at 1705449605015"),
    ],
    "okx-balances-ws-c746332a": [
        ("balances", "pushed", "USDT/cash 4750.426970691436 at 1705564213903"),
    ],
    "okx-balances-ws-0393fcf2": [
        (
            "balances",
            "pushed",
            "USDT/cash 100.52768569797846 at 1751526647084",
            "BTC/cash 0.0000000051 at 1746947295126",
            "ETH/cash 0.000000185 at 1746947229325",
        ),
    ],
    "okx-balances-ws-7b8f94f6": DISMISSED,
    # The positions of a swap or future tell how the account keeps them.
    "okx-positions-rest-d94eada9": [
        ("PositionModeReported",),
        ("positions", "complete", "BTC-USDT-SWAP/long 0.5 at 1622559930237 sequence 111"),
    ],
    "okx-positions-rest-1ad2e983": [
        ("PositionModeReported",),
        ("positions", "complete", "ETH-USD-210430/long 1 at 1619507761462 sequence 109844"),
    ],
    "okx-positions-ws-4006ec56": [
        ("positions", "pushed", "ETH-USD-210430/long 1 at 1619507761462 sequence 109844"),
    ],
    # A single row without its envelope, a history, a funding account, option marks: no statement.
    "okx-balances-rest-8741692b": [("failed", "balances")],
    "okx-balances-rest-bfe2ed16": [("failed", "balances")],
    "okx-balances-rest-51aeb580": [("failed", "balances")],
    "okx-balances-rest-da3f8d88": [("failed", "balances")],
    "okx-positions-rest-f117dc4c": [("failed", "positions")],
    # --- orders and the fill that each push carries
    "okx-orders-ws-ca4a64a8": [
        (
            "fill",
            "BTC-USDT-SWAP",
            "long",
            "buy 0.03 @ 103698.9",
            "id 1518905529",
            "order 2497956918703120384",
            "client 001BTCUSDT20250106001",
            "fee 0.021776769 USDT",
            "realised 0",
            "sequence 1518905529",
            "maker",
            "at 1746947317402",
        ),
        (
            "order",
            "BTC-USDT-SWAP",
            "long",
            "filled",
            "buy 0.03",
            "filled 0.03",
            "id 2497956918703120384",
            "client 001BTCUSDT20250106001",
            "at 1746947317402",
        ),
    ],
    # Buying in the short leg closes it.
    "okx-orders-ws-d8c60403": [
        (
            "fill",
            "ETH-USDT-SWAP",
            "short",
            "buy 0.3 @ 41000",
            "id 1518906000",
            "order 2497956918703121000",
            "fee 12.3 USDT",
            "realised -1000",
            "sequence 1518906000",
            "adl",
            "at 1746947318402",
        ),
        (
            "order",
            "ETH-USDT-SWAP",
            "short",
            "filled",
            "buy 0.3",
            "filled 0.3",
            "id 2497956918703121000",
            "at 1746947318402",
        ),
    ],
    "okx-orders-ws-9659367c": [
        (
            "fill",
            "BTC-USDT-SWAP",
            "long",
            "sell 0.5 @ 40000",
            "id 1518905999",
            "order 2497956918703120999",
            "fee 20 USDT",
            "realised -5000",
            "sequence 1518905999",
            "liquidation",
            "at 1746947317402",
        ),
        (
            "order",
            "BTC-USDT-SWAP",
            "long",
            "filled",
            "sell 0.5",
            "filled 0.5",
            "id 2497956918703120999",
            "at 1746947317402",
        ),
    ],
    "okx-orders-ws-0d6442a4": [
        (
            "fill",
            "BTC-USDT-SWAP",
            "long",
            "buy 0.1 @ 103750.25",
            "id 1518905532",
            "order 2497956918703120387",
            "client OPTIMAL-IOC-TEST-001",
            "fee 0.051875125 USDT",
            "realised 0",
            "sequence 1518905532",
            "maker",
            "at 1746947319602",
        ),
        (
            "order",
            "BTC-USDT-SWAP",
            "long",
            "filled",
            "buy 0.1",
            "filled 0.1",
            "id 2497956918703120387",
            "client OPTIMAL-IOC-TEST-001",
            "at 1746947319602",
        ),
    ],
    "okx-orders-ws-d5ed6f8b": [
        (
            "fill",
            "BTC-USDT-SWAP",
            "long",
            "sell 0.01 @ 101950",
            "id 1518905530",
            "order 706620792746729999",
            "client 706620792746729474_0",
            "fee 0.02039 USDT",
            "realised 10.5",
            "sequence 1518905530",
            "at 1737400200100",
        ),
        (
            "order",
            "BTC-USDT-SWAP",
            "long",
            "filled",
            "sell 0.01",
            "filled 0.01",
            "id 706620792746729999",
            "client 706620792746729474_0",
            "at 1737400200100",
        ),
    ],
    "okx-orders-ws-ce298256": [
        (
            "fill",
            "BTC-USD-250328-50000-C",
            "buy 1 @ 0.0325",
            "id 1518905600",
            "order 2497956918703120500",
            "client 001BTCUSD-OPT-250328-50000-C",
            "fee 0.0003 BTC",
            "realised 0",
            "sequence 1518905600",
            "maker",
            "at 1746947317402",
        ),
        (
            "order",
            "BTC-USD-250328-50000-C",
            "filled",
            "buy 1 @ 0.0325",
            "filled 1",
            "id 2497956918703120500",
            "client 001BTCUSD-OPT-250328-50000-C",
            "at 1746947317402",
        ),
    ],
    # Spot realises nothing.
    "okx-orders-ws-f46e9abe": [
        (
            "fill",
            "BTC-USDT",
            "buy 0.05 @ 50000",
            "id 1518905530",
            "order 2497956918703120385",
            "client FOK-TEST-001",
            "fee 0.25 USDT",
            "sequence 1518905530",
            "at 1746947317402",
        ),
        (
            "order",
            "BTC-USDT",
            "filled",
            "buy 0.05 @ 50000",
            "filled 0.05",
            "id 2497956918703120385",
            "client FOK-TEST-001",
            "at 1746947317402",
        ),
    ],
    "okx-orders-ws-313699bd": [
        (
            "fill",
            "BTC-USDT",
            "sell 0.02 @ 50100.5",
            "id 1518905531",
            "order 2497956918703120386",
            "client IOC-TEST-001",
            "fee 0.1002 USDT",
            "sequence 1518905531",
            "at 1746947318502",
        ),
        (
            "order",
            "BTC-USDT",
            "partially_filled",
            "sell 0.05 @ 50100",
            "filled 0.02",
            "id 2497956918703120386",
            "client IOC-TEST-001",
            "at 1746947318502",
        ),
    ],
    "okx-orders-rest-c5041e99": [
        (
            "order",
            "BTC-USDT",
            "acknowledged",
            "buy 1 @ 59200",
            "filled 0",
            "id 301835739059335168",
            "at 1618235248028",
        ),
        ("open orders", ""),
    ],
    # An answer without its envelope says nothing for certain.
    "okx-orders-rest-c946cdb9": [
        (
            "order",
            "BTC-USDT-SWAP",
            "unknown",
            "client client_order_123",
            "unreadable answer: KeyError('code')",
        ),
    ],
    # Algo and spread orders are no orders of a book.
    "okx-orders-ws-558a3230": DISMISSED,
    "okx-orders-ws-67726bb8": DISMISSED,
    "okx-orders-ws-691e8203": DISMISSED,
    "okx-orders-rest-6608c907": [("failed", "open_orders")],
    "okx-orders-rest-d9c84a61": [("failed", "open_orders")],
    "okx-orders-rest-c764c082": [("failed", "open_orders")],
    "okx-orders-rest-41bc9c90": [("failed", "open_orders")],
    "okx-orders-rest-8d6fa286": [("failed", "open_orders")],
    # --- fills
    "okx-myTrades-rest-cde25d35": [
        (
            "fill",
            "BTC-USDT",
            "buy 0.00192834 @ 51858",
            "id 744876980",
            "order 680800019749904384",
            "fee 0.00000192834 BTC",
            "sequence 744876980",
            "at 1708587373361",
        ),
        ("page", "BTC-USDT", "680800019754098688", "end"),
    ],
    "okx-myTrades-rest-a735b9de": [("failed", "fills:BTC-USDT")],
    # The fills channel tells no fee: the record of fills will.
    "okx-myTrades-ws-6505cfb2": DISMISSED,
}
