"""Effects as Coinbase Advanced Trade requests (REST API documentation, 2025)."""

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    RenewStream,
)
from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, show
from venues.dialect import Request

BROKERAGE = "/api/v3/brokerage"
ACCOUNTS_PER_PAGE = 250
ORDERS_PER_PAGE = 100
OPEN_ORDERS_PER_PAGE = 1000


def request(effect: Effect) -> Request:
    """The request that performs an effect."""
    match effect:
        case PlaceOrder():
            return Request("POST", f"{BROKERAGE}/orders", _order(effect), effect.expires_at)
        case CancelOrder(order_id=""):
            # Orders are cancelled by the venue's id alone: ask for it, core then cancels again.
            return _by_client_id(effect.client_order_id)
        case CancelOrder():
            return Request(
                "POST", f"{BROKERAGE}/orders/batch_cancel", {"order_ids": [effect.order_id]}
            )
        case QueryOrder(order_id=""):
            return _by_client_id(effect.client_order_id)
        case QueryOrder():
            return Request("GET", f"{BROKERAGE}/orders/historical/{effect.order_id}")
        case FetchOpenOrders():
            return Request(
                "GET",
                f"{BROKERAGE}/orders/historical/batch",
                {"order_status": ["OPEN"], "limit": OPEN_ORDERS_PER_PAGE},
            )
        case FetchStatement():
            return Request("GET", f"{BROKERAGE}/accounts", {"limit": ACCOUNTS_PER_PAGE})
        case FetchFills():
            return Request("GET", f"{BROKERAGE}/orders/historical/batch", _page(effect))
        case RenewStream():
            # No key of the stream runs out here; that the API key stands is all there is to see.
            return Request("GET", f"{BROKERAGE}/key_permissions")
        case _:
            raise ValueError(f"coinbase cannot be asked for {type(effect).__name__}")


def _order(effect: PlaceOrder) -> dict[str, object]:
    size = {"base_size": show(effect.quantity, QUANTITY_DECIMALS)}
    limit = size | {"limit_price": show(effect.price, PRICE_DECIMALS)}
    configuration: dict[str, object]
    match effect.kind:
        case "market":
            configuration = {"market_market_ioc": size}
        case "ioc":
            configuration = {"sor_limit_ioc": limit}
        case _:
            configuration = {"limit_limit_gtc": limit | {"post_only": effect.kind == "post_only"}}
    return {
        "client_order_id": effect.client_order_id,
        "product_id": effect.instrument,
        "side": effect.side.upper(),
        "order_configuration": configuration,
    }


def _by_client_id(client_order_id: str) -> Request:
    return Request(
        "GET",
        f"{BROKERAGE}/orders/historical/{client_order_id}",
        {"client_order_id": client_order_id},
    )


def _page(effect: FetchFills) -> dict[str, object]:
    """Orders by their last fill, the newest first; what the cursor means stands in the decoder."""
    _, _, cursor = (effect.after or "0/0/").split("/", 2)
    params: dict[str, object] = {
        "product_ids": [effect.instrument],
        "sort_by": "LAST_FILL_TIME",
        "limit": effect.rows or ORDERS_PER_PAGE,
    }
    if cursor:
        params["cursor"] = cursor
    return params
