"""Effects as Binance USDⓈ-M futures requests (REST API documentation, 2025)."""

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
INCOME_PER_PAGE = 1000
# Post-only is a time in force here.
TIME_IN_FORCE = {"limit": "GTC", "ioc": "IOC", "post_only": "GTX"}
POSITION_SIDE = {"net": "BOTH", "long": "LONG", "short": "SHORT"}


def request(effect: Effect) -> Request:
    """The request that performs an effect."""
    match effect:
        case PlaceOrder():
            return Request("POST", "/fapi/v1/order", _order(effect), effect.expires_at)
        case CancelOrder():
            return Request("DELETE", "/fapi/v1/order", _by_id(effect))
        case QueryOrder():
            return Request("GET", "/fapi/v1/order", _by_id(effect))
        case FetchOpenOrders():
            return Request("GET", "/fapi/v1/openOrders")
        case FetchStatement(kind="positions"):
            return Request("GET", "/fapi/v3/positionRisk")
        case FetchStatement():
            return Request("GET", "/fapi/v3/balance")
        case FetchFills():
            # `fromId` takes the last known id in again: both sides of a self-trade share one id,
            # and a page may end between them.
            return Request(
                "GET",
                "/fapi/v1/userTrades",
                {
                    "symbol": effect.instrument,
                    "fromId": effect.after or "0",
                    "limit": effect.rows or FILLS_PER_PAGE,
                },
            )
        case FetchLedger():
            return Request("GET", "/fapi/v1/income", _income(effect))
        case RenewStream():
            return Request("PUT", "/fapi/v1/listenKey")
        case _:
            raise ValueError(f"binance_usdm cannot be asked for {type(effect).__name__}")


def _order(effect: PlaceOrder) -> dict[str, object]:
    params: dict[str, object] = {
        "symbol": effect.instrument,
        "side": effect.side.upper(),
        "positionSide": POSITION_SIDE[effect.leg],
        "type": "MARKET" if effect.kind == "market" else "LIMIT",
        "quantity": show(effect.quantity, QUANTITY_DECIMALS),
        "newClientOrderId": effect.client_order_id,
        "newOrderRespType": "RESULT",
    }
    if effect.reduce_only:
        params["reduceOnly"] = "true"
    if effect.kind != "market":
        params["price"] = show(effect.price, PRICE_DECIMALS)
        params["timeInForce"] = TIME_IN_FORCE[effect.kind]
    return params


def _by_id(effect: CancelOrder | QueryOrder) -> dict[str, object]:
    if not effect.client_order_id:
        return {"symbol": effect.instrument, "orderId": effect.order_id}
    return {"symbol": effect.instrument, "origClientOrderId": effect.client_order_id}


def _income(effect: FetchLedger) -> dict[str, object]:
    """The cursor is "startTime/page": while pages are full the start stands still."""
    start, _, page = (effect.after or "/1").partition("/")
    params: dict[str, object] = {"limit": effect.rows or INCOME_PER_PAGE, "page": page}
    if start:
        params["startTime"] = start
    return params
