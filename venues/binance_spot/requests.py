"""Effects as Binance spot requests (REST API documentation, 2025)."""

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchLedger,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    RenewStream,
)
from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, show
from venues.dialect import Request

FILLS_PER_PAGE = 1000
MOVES_PER_PAGE = 100


def request(effect: Effect) -> Request:
    """The request that performs an effect; a venue of balances has nothing else to be asked."""
    match effect:
        case PlaceOrder():
            return Request("POST", "/api/v3/order", _order(effect), effect.expires_at)
        case CancelOrder():
            return Request("DELETE", "/api/v3/order", _by_id(effect))
        case QueryOrder():
            return Request("GET", "/api/v3/order", _by_id(effect))
        case FetchOpenOrders():
            return Request("GET", "/api/v3/openOrders")
        case FetchStatement():
            return Request("GET", "/api/v3/account")
        case FetchFills():
            # `fromId` reads forward by id: rows of an equal time at a page's edge are not lost. The
            # last id is read again, for both sides of a self-trade bear the same.
            after = effect.after or "0"
            rows = effect.rows or FILLS_PER_PAGE
            params = {"symbol": effect.instrument, "fromId": after, "limit": rows}
            return Request("GET", "/api/v3/myTrades", dict(params))
        case FetchLedger():
            since, _, page = (effect.after or "0:1").partition(":")
            return Request(
                "GET",
                "/sapi/v1/asset/transfer",
                {"startTime": since, "current": page, "size": effect.rows or MOVES_PER_PAGE},
            )
        case RenewStream():
            return Request("PUT", "/api/v3/userDataStream")
        case _:
            raise ValueError(f"binance_spot cannot be asked for {type(effect).__name__}")


def _order(effect: PlaceOrder) -> dict[str, object]:
    params: dict[str, object] = {
        "symbol": effect.instrument,
        "side": effect.side.upper(),
        "type": "LIMIT",
        "quantity": show(effect.quantity, QUANTITY_DECIMALS),
        "newClientOrderId": effect.client_order_id,
        "newOrderRespType": "FULL",
    }
    if effect.kind == "market":
        params["type"] = "MARKET"
        return params
    params["price"] = show(effect.price, PRICE_DECIMALS)
    if effect.kind == "post_only":
        params["type"] = "LIMIT_MAKER"
    else:
        params["timeInForce"] = "IOC" if effect.kind == "ioc" else "GTC"
    return params


def _by_id(effect: CancelOrder | QueryOrder) -> dict[str, object]:
    if not effect.client_order_id:
        return {"symbol": effect.instrument, "orderId": effect.order_id}
    return {"symbol": effect.instrument, "origClientOrderId": effect.client_order_id}
