"""What each verbatim sample of Coinbase Advanced Trade tells, by hand from its documentation.

The names of this module are explained in tests/test_samples.py.
"""

from typing import Any

from core.effects import Effect, FetchFills, FetchStatement, PlaceOrder, QueryOrder

DIALECT = "coinbase"
VENUES = ("coinbase",)
ACCOUNT = "coinbase/main"


def about(sample: dict[str, Any]) -> Effect:
    """What a REST sample answers."""
    match sample["kind"]:
        case "myTrades":
            return FetchFills(account=ACCOUNT, instrument="BTC-USD", after="")
        case "orders" if sample["name"].endswith("http_orders_list"):
            return FetchFills(account=ACCOUNT, instrument="ETH-USD", after="")
        case "orders" if "create_order" in sample["name"]:
            return PlaceOrder(
                account=ACCOUNT,
                client_order_id="tie0010000001",
                instrument="BTC-USD",
                side="buy",
                quantity=100 * 10**8,
                kind="limit",
                price=40_000 * 10**12,
            )
        case "orders":
            return QueryOrder(account=ACCOUNT, client_order_id="tie0010000001", instrument="?")
        case kind:
            return FetchStatement(account=ACCOUNT, kind=kind)


EXPECTED: dict[str, list[tuple[object, ...]]] = {
    # Available and on hold together: 1.23456789 + 0.005, and 10000.50 + 450.
    "coinbase-balances-rest-1b5c3ce6": [
        ("balances", "complete", "BTC/cash 1.23956789", "USD/cash 10450.5"),
    ],
    # An order's exact value is what is told, whatever its average would make of it.
    "coinbase-orders-rest-1eadb9c9": [
        (
            "progress", "BTC-USD", "buy 0.001", "average 50 step 1", "order 0000-000000-000000",
            "client 11111-000000-000000", "value 10000", "fee 5 USD", "at 1622457000000",
        ),
        (
            "order", "BTC-USD", "acknowledged", "buy 0.001 @ 10000", "filled 0.001",
            "id 0000-000000-000000", "client 11111-000000-000000", "at 1622457000000",
        ),
    ],
    # Read for progress: the order without a fill says nothing. The market order's size was told in
    # dollars, so its quantity was not.
    "coinbase-orders-rest-9c951c91": [
        (
            "progress", "ETH-USD", "sell 0.0325", "average 3076.92 step 0.01",
            "order 0000-000000-000002", "client 11111-000000-000002", "value 100", "fee 0.5 USD",
            "at 1705313100000",
        ),
        (
            "order", "ETH-USD", "filled", "sell 0", "filled 0.0325", "id 0000-000000-000002",
            "client 11111-000000-000002", "at 1705313100000",
        ),
        ("page", "ETH-USD", "1705313070000000000/0/", "end"),
    ],
    "coinbase-myTrades-rest-cf1bd585": [
        (
            "fill", "BTC-USD", "buy 0.005 @ 45123.45", "id 22222-2222222-22222222",
            "order 0000-000000-000000", "fee 1.14 USD", "maker", "at 1705314600000",
        ),
        (
            "fill", "ETH-USD", "sell 0.0325 @ 3076.92", "id 22222-2222222-22222223",
            "order 0000-000000-000002", "fee 0.5 USD", "at 1705313100000",
        ),
    ],
    "coinbase-myTrades-rest-82e24575": [
        (
            "fill", "BTC-USD", "buy 0.001 @ 10000", "id 22222-2222222-22222222",
            "order 0000-000000-000000", "fee 1.25 USD", "at 1622455199000",
        ),
    ],
    # Futures and perpetuals: not of a spot account.
    "coinbase-balances-ws-b1039e62": [("dismissed",)],
    "coinbase-balances-rest-551840af": [("failed", "balances")],
    "coinbase-balances-rest-812c8a2b": [("failed", "balances")],
    "coinbase-positions-rest-425d72fb": [("failed", "positions")],
    "coinbase-positions-rest-af889ca6": [("failed", "positions")],
    "coinbase-positions-rest-d8bfd0fa": [("failed", "positions")],
}  # fmt: skip
