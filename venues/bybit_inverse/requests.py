"""Effects as Bybit v5 requests (API documentation, 2025).

Executions and the transaction log come newest first within a window of seven days from `startTime`,
page by page along the venue's own cursor; rows of one millisecond stand in any order. There is no
id to go on from, so each round begins a little before the last one's beginning, and what is read
twice is an echo:

    cursor "T"        all up to the venue's time T (ms) is read; ask from T on
    cursor "T|H|C"    on the way down a window that was opened at the venue's time H; C is next
"""

from urllib.parse import unquote

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

EXECUTIONS_PER_PAGE = 100
LINES_PER_PAGE = 50
ORDERS_PER_PAGE = 50
POSITIONS_PER_PAGE = 200
CATEGORY = "inverse"
SIDE = {"buy": "Buy", "sell": "Sell"}
IN_FORCE = {"limit": "GTC", "market": "IOC", "post_only": "PostOnly", "ioc": "IOC"}
POSITION_INDEX = {"net": 0, "long": 1, "short": 2}


def request(effect: Effect) -> Request:
    """The request that performs an effect."""
    match effect:
        case PlaceOrder():
            return Request("POST", "/v5/order/create", _order(effect), effect.expires_at)
        case CancelOrder():
            return Request("POST", "/v5/order/cancel", _by_id(effect))
        case QueryOrder():
            return Request("GET", "/v5/order/realtime", _by_id(effect))
        case FetchOpenOrders():
            params = {"category": CATEGORY, "openOnly": "0", "limit": str(ORDERS_PER_PAGE)}
            return Request("GET", "/v5/order/realtime", dict(params))
        case FetchStatement():
            if effect.kind == "balances":
                return Request("GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"})
            params = {"category": CATEGORY, "limit": str(POSITIONS_PER_PAGE)}
            return Request("GET", "/v5/position/list", dict(params))
        case FetchFills():
            # No execType: asked for "Trade" it would hide liquidations and ADL.
            params = {
                "category": CATEGORY,
                "symbol": effect.instrument,
                "limit": str(effect.rows or EXECUTIONS_PER_PAGE),
            }
            return Request("GET", "/v5/execution/list", {**params, **_page(effect.after)})
        case FetchLedger():
            params = {"accountType": "UNIFIED", "limit": str(effect.rows or LINES_PER_PAGE)}
            return Request("GET", "/v5/account/transaction-log", {**params, **_page(effect.after)})
        case RenewStream():
            # No key of a stream ends here; the read says that we may still ask.
            return Request("GET", "/v5/account/info")
        case _:
            raise ValueError(f"bybit_inverse cannot be asked for {type(effect).__name__}")


def _order(effect: PlaceOrder) -> dict[str, object]:
    params: dict[str, object] = {
        "category": CATEGORY,
        "symbol": effect.instrument,
        "side": SIDE[effect.side],
        "orderType": "Market" if effect.kind == "market" else "Limit",
        "qty": show(effect.quantity, QUANTITY_DECIMALS),
        "timeInForce": IN_FORCE[effect.kind],
        "orderLinkId": effect.client_order_id,
        "positionIdx": POSITION_INDEX[effect.leg],
    }
    if effect.kind != "market":
        params["price"] = show(effect.price, PRICE_DECIMALS)
    if effect.reduce_only:
        params["reduceOnly"] = True
    return params


def _by_id(effect: CancelOrder | QueryOrder) -> dict[str, object]:
    named = {"category": CATEGORY, "symbol": effect.instrument}
    if not effect.client_order_id:
        return {**named, "orderId": effect.order_id}
    return {**named, "orderLinkId": effect.client_order_id}


def _page(after: str) -> dict[str, object]:
    since, _, rest = after.partition("|")
    cursor = rest.partition("|")[2]
    params: dict[str, object] = {}
    if since:
        params["startTime"] = since
    if cursor:
        params["cursor"] = unquote(cursor)  # told as it stands in an URL; params are not there yet
    return params
