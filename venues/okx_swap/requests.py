"""Effects as OKX v5 requests (API documentation, 2025).

Fills and bills come newest first, 100 a page, and are paged by `billId`. `before` alone gives the
newest 100 only, so what was missed is read downwards, from the newest to where we had read:

    cursor "C"        all up to bill C is read; ask for what is newer than C
    cursor "C<A<H"    on the way down: all from A up to H is read, as is all up to C
"""

from core.effects import (
    CancelOrder,
    Effect,
    FetchFills,
    FetchInstruments,
    FetchLedger,
    FetchOpenOrders,
    FetchStatement,
    PlaceOrder,
    QueryOrder,
    RenewStream,
)
from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, show
from venues.dialect import Request

ROWS_PER_PAGE = 100
ORDER_KINDS = {"limit": "limit", "market": "market", "post_only": "post_only", "ioc": "ioc"}


def request(effect: Effect) -> Request:
    """The request that performs an effect."""
    match effect:
        case PlaceOrder():
            return Request("POST", "/api/v5/trade/order", _order(effect), effect.expires_at)
        case CancelOrder():
            return Request("POST", "/api/v5/trade/cancel-order", _by_id(effect))
        case QueryOrder():
            return Request("GET", "/api/v5/trade/order", _by_id(effect))
        case FetchOpenOrders():
            return Request("GET", "/api/v5/trade/orders-pending", {"instType": "SWAP"})
        case FetchStatement():
            if effect.kind == "balances":
                return Request("GET", "/api/v5/account/balance")
            return Request("GET", "/api/v5/account/positions", {"instType": "SWAP"})
        case FetchFills():
            # Three months back; `trade/fills` would hide a gap older than three days.
            params = {"instType": "SWAP", "instId": effect.instrument, **_page(effect)}
            return Request("GET", "/api/v5/trade/fills-history", dict(params))
        case FetchLedger():
            return Request("GET", "/api/v5/account/bills", _page(effect))
        case FetchInstruments():
            params = {"instType": "SWAP", "instId": effect.instrument}
            return Request("GET", "/api/v5/public/instruments", params)
        case RenewStream():
            # No key of a stream ends here; what can change under us is how positions are kept.
            return Request("GET", "/api/v5/account/config")
        case _:
            raise ValueError(f"okx_swap cannot be asked for {type(effect).__name__}")


def _order(effect: PlaceOrder) -> dict[str, object]:
    params: dict[str, object] = {
        "instId": effect.instrument,
        "tdMode": "cross",
        "clOrdId": effect.client_order_id,
        "side": effect.side,
        "posSide": effect.leg,
        "ordType": ORDER_KINDS[effect.kind],
        "sz": show(effect.quantity, QUANTITY_DECIMALS),
    }
    if effect.kind != "market":
        params["px"] = show(effect.price, PRICE_DECIMALS)
    if effect.reduce_only and effect.leg == "net":
        # In long/short mode side and posSide say it, and the parameter is not applicable.
        params["reduceOnly"] = True
    return params


def _by_id(effect: CancelOrder | QueryOrder) -> dict[str, object]:
    if not effect.client_order_id:
        return {"instId": effect.instrument, "ordId": effect.order_id}
    return {"instId": effect.instrument, "clOrdId": effect.client_order_id}


def _page(effect: FetchFills | FetchLedger) -> dict[str, object]:
    read, _, rest = effect.after.partition("<")
    down = rest.partition("<")[0]
    params: dict[str, object] = {"limit": str(effect.rows or ROWS_PER_PAGE)}
    if read:
        params["before"] = read
    if down:
        params["after"] = down
    return params
