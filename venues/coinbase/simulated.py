"""Coinbase's own words: what the simulated venue sends, shaped as the real one's frames.

Shares nothing with the decoder. Its stream tells an order's cumulative quantity and an average
price cut to four decimals; the exact filled value stands in its REST record alone.
"""

from decimal import ROUND_DOWN, Decimal
from typing import Any, ClassVar

import msgspec

from venues.exchange import Exchange, Movement, Print, Refusal, Ticket, Top, Trade
from venues.simulated import Answer, Asked, Limited

_encode = msgspec.json.encode
STATUS = {
    "NEW": "OPEN",
    "PARTIALLY_FILLED": "OPEN",
    "FILLED": "FILLED",
    "CANCELED": "CANCELLED",
    "EXPIRED": "CANCELLED",
}
ERRORS = {
    "unknown_symbol": ("INVALID_PRODUCT_ID", "valid product_id is required"),
    "bad_kind": ("UNSUPPORTED_ORDER_CONFIGURATION", "unsupported order configuration"),
    "bad_quantity": ("INVALID_SIZE_PRECISION", "invalid size"),
    "bad_price": ("INVALID_PRICE_PRECISION", "invalid price"),
    "balance": ("INSUFFICIENT_FUND", "Insufficient balance in source account"),
}
STEP = Decimal("0.0001")
ZERO = Decimal(0)
DAY = (
    *("volume_24_h", "low_24_h", "high_24_h", "low_52_w", "high_52_w"),
    "price_percent_chg_24_h",
)
BATCH = "/api/v3/brokerage/orders/historical/batch"
HISTORICAL = "/api/v3/brokerage/orders/historical/"


def name_order(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def plain(number: Decimal) -> str:
    return f"{number:f}"


def time(ms: int) -> str:
    """Milliseconds as RFC 3339 with microseconds."""
    seconds, rest = divmod(ms, 1000)
    days, seconds = divmod(seconds, 86_400)
    # The civil calendar from a day count (H. Hinnant's algorithm).
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    date = day - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += 400 * era + (month <= 2)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{year:04}-{month:02}-{date:02}T{clock}.{rest:03}000Z"


class Words:
    """How Coinbase tells what happened, and answers what it is asked."""

    statements: ClassVar[dict[str, str]] = {"/api/v3/brokerage/accounts": "balances"}
    farewell = b'{"type":"error","message":"authentication failure"}'

    def __init__(self) -> None:
        self._sequence = 0
        self._told = 0
        self._orders: dict[str, tuple[object, dict[str, Any]]] = {}
        self._lasts: dict[str, int] = {}
        self._trades_seen: dict[str, int] = {}

    # --- the stream ------------------------------------------------------------------------------

    def order(self, exchange: Exchange, ticket: Ticket) -> list[bytes]:
        return [self._user(exchange, ticket)]

    def trade(self, exchange: Exchange, trade: Trade) -> list[bytes]:
        return [self._user(exchange, trade.ticket)]

    def account(
        self, exchange: Exchange, assets: list[str], legs: list[tuple[str, str]], reason: str
    ) -> list[bytes]:
        """No channel tells a balance."""
        return []

    def movement(self, exchange: Exchange, movement: Movement) -> list[bytes]:
        """No channel tells a transfer."""
        return []

    def top(self, exchange: Exchange, symbol: str, top: Top, update: int) -> bytes:
        """The channel ticker; what the day did is left as it was."""
        (bid, ask), self._told = top, self._told + 1
        price = bid or ask or (ZERO, ZERO)
        ticker = {
            "type": "ticker",
            "product_id": symbol,
            "price": plain(price[0]),
            **dict.fromkeys(DAY, "0"),
            "best_bid": plain(bid[0]) if bid else "0",
            "best_bid_quantity": plain(bid[1]) if bid else "0",
            "best_ask": plain(ask[0]) if ask else "0",
            "best_ask_quantity": plain(ask[1]) if ask else "0",
        }
        return _encode(
            {
                "channel": "ticker",
                "client_id": "",
                "timestamp": time(exchange.clock.now_ms()),
                "sequence_num": self._told,
                "events": [{"type": "update", "tickers": [ticker]}],
            }
        )

    def printed(self, exchange: Exchange, each: Print) -> bytes:
        """The channel market_trades: it names the side that made."""
        self._told += 1
        trade = {
            "trade_id": str(each.trade_id),
            "product_id": each.symbol,
            "price": plain(each.price),
            "size": plain(each.quantity),
            "side": "SELL" if each.side == "buy" else "BUY",
            "time": time(exchange.clock.now_ms()),
        }
        return _encode(
            {
                "channel": "market_trades",
                "client_id": "",
                "timestamp": time(exchange.clock.now_ms()),
                "sequence_num": self._told,
                "events": [{"type": "update", "trades": [trade]}],
            }
        )

    def _user(self, exchange: Exchange, ticket: Ticket) -> bytes:
        self._sequence += 1
        return _encode(
            {
                "channel": "user",
                "client_id": "",
                "timestamp": time(exchange.clock.now_ms()),
                "sequence_num": self._sequence,
                "events": [{"type": "update", "orders": [self._update(ticket)]}],
            }
        )

    def _update(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "order_id": ticket.order_id,
            "client_order_id": _client_id(ticket),
            "cumulative_quantity": plain(ticket.filled),
            "leaves_quantity": plain(ticket.quantity - ticket.filled),
            "avg_price": plain(_average(ticket).quantize(STEP, ROUND_DOWN)),
            "total_fees": plain(ticket.fees),
            "status": STATUS[ticket.status],
            "product_id": ticket.symbol,
            "creation_time": time(ticket.created_at),
            "order_side": ticket.side.upper(),
            "order_type": "Market" if ticket.kind == "market" else "Limit",
            "cancel_reason": ticket.reason if STATUS[ticket.status] == "CANCELLED" else "",
            "reject_reason": "",
            "total_value_after_fees": plain(_after_fees(ticket)),
            "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
            "product_type": "SPOT",
            "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
            "time_in_force": _time_in_force(ticket),
            "trigger_status": "INVALID_ORDER_TYPE",
        }

    # --- answers ---------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, asked: Asked) -> Answer:
        """What the venue does and says; orders and cancels are refused with status 200."""
        params = asked.params
        match asked.method, asked.path:
            case "POST", "/api/v3/brokerage/orders":
                return 200, _encode(self._place(exchange, params))
            case "POST", "/api/v3/brokerage/orders/batch_cancel":
                results = [self._cancel(exchange, order_id) for order_id in params["order_ids"]]
                return 200, _encode({"results": results})
            case "GET", "/api/v3/brokerage/accounts":
                return 200, _encode(self._accounts(exchange))
            case "GET", "/api/v3/brokerage/key_permissions":
                told = {"can_view": True, "can_trade": True, "can_transfer": False}
                return 200, _encode(told | {"portfolio_uuid": "", "portfolio_type": "DEFAULT"})
            case "GET", path if path == BATCH:
                return 200, _encode(self._batch(exchange, params))
            case "GET", path if path.startswith(HISTORICAL):
                return self._historical(exchange, path.removeprefix(HISTORICAL), params)
            case _:
                return 404, _encode(_http_error("NOT_FOUND", f"no such path {asked.path}"))

    def expired(self, exchange: Exchange, asked: Asked) -> Answer:
        """The token that signed the request has ended."""
        return 401, b"Unauthorized\n"

    def limited(self, exchange: Exchange, wait_ms: int) -> Limited:
        """Too many requests; it does not say for how long."""
        error = {"id": "rate_limit_exceeded", "message": "Too many requests"}
        return 429, _encode({"errors": [error]}), ()

    def _place(self, exchange: Exchange, params: dict[str, Any]) -> object:
        """An id that was used before gets the order that has it."""
        configuration = params["order_configuration"]
        name, wanted = next(iter(configuration.items()))
        size = Decimal(params.get("base_size", wanted["base_size"]))
        try:
            if size <= 0:  # parameters are looked at before ids
                raise Refusal("bad_quantity")
            ticket = exchange.by_client.get(params["client_order_id"])
            if ticket is None:
                ticket = exchange.place(
                    params["client_order_id"],
                    params["product_id"],
                    params["side"].lower(),
                    size,
                    _kind(name, wanted),
                    Decimal(wanted.get("limit_price", "0")),
                )
        except Refusal as refusal:
            error, text = ERRORS.get(refusal.why, ("UNKNOWN_FAILURE_REASON", refusal.why))
            return {
                "success": False,
                "failure_reason": "UNKNOWN_FAILURE_REASON",
                "order_id": "",
                "error_response": {
                    "error": error,
                    "message": text,
                    "error_details": "",
                    "new_order_failure_reason": error,
                },
                "order_configuration": configuration,
            }
        return {
            "success": True,
            "success_response": {
                "order_id": ticket.order_id,
                "product_id": ticket.symbol,
                "side": ticket.side.upper(),
                "client_order_id": ticket.client_id,
            },
            "order_configuration": configuration,
        }

    def _cancel(self, exchange: Exchange, order_id: str) -> dict[str, Any]:
        told = {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON"}
        ticket = exchange.tickets.get(order_id)
        try:
            if ticket is None:
                raise Refusal("unknown_order")
            exchange.cancel(ticket)
        except Refusal:
            told = {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER"}
        return told | {"order_id": order_id}

    def _accounts(self, exchange: Exchange) -> object:
        accounts = [
            {
                "uuid": name_order(number),
                "name": f"{asset} Wallet",
                "available_balance": {"value": plain(exchange.free(asset)), "currency": asset},
                "currency": asset,
                "default": number == 1,
                "active": True,
                "created_at": time(0),
                "updated_at": time(0),
                "deleted_at": None,
                "type": "FIAT" if asset in ("USD", "EUR") else "CRYPTO",
                "ready": True,
                "hold": {"value": plain(exchange.locked(asset)), "currency": asset},
                "retail_portfolio_id": name_order(0),
            }
            for number, asset in enumerate(exchange.wallets, 1)
        ]
        return {"accounts": accounts, "has_next": False, "cursor": "", "size": len(accounts)}

    def _historical(self, exchange: Exchange, name: str, params: dict[str, Any]) -> Answer:
        ticket = exchange.tickets.get(name)
        if "client_order_id" in params:
            ticket = exchange.by_client.get(params["client_order_id"])
        if ticket is None:
            text = "order with this orderID was not found"
            return 404, _encode(_http_error("NOT_FOUND", text))
        exchange.tells_value(ticket)
        return 200, _encode({"order": self._order(ticket, self._last_fills(exchange))})

    def _batch(self, exchange: Exchange, params: dict[str, Any]) -> object:
        """A page of orders, by offset: what moves to the front pushes others to later pages."""
        products, limit = params.get("product_ids", []), int(params["limit"])
        first = int(params.get("cursor", "0"))
        tickets = list(exchange.tickets.values())
        if params.get("order_status") == ["OPEN"]:
            tickets = exchange.open_tickets()
        lasts = self._last_fills(exchange)
        tickets = [ticket for ticket in tickets if not products or ticket.symbol in products]
        tickets.sort(key=lambda ticket: ticket.created_at, reverse=True)
        if params.get("sort_by") == "LAST_FILL_TIME":
            tickets.sort(key=lambda ticket: lasts.get(ticket.order_id, 0), reverse=True)
            limit = exchange.rows(limit)
        has_next = first + limit < len(tickets)
        page = tickets[first : first + limit]
        for ticket in page:
            exchange.tells_value(ticket)
        return {
            "orders": [self._order(ticket, lasts) for ticket in page],
            "sequence": "0",
            "has_next": has_next,
            "cursor": str(first + limit) if has_next else "",
        }

    def _last_fills(self, exchange: Exchange) -> dict[str, int]:
        """By order; only what traded since the last listing is looked at."""
        for symbol, trades in exchange.trades.items():
            seen = self._trades_seen.get(symbol, 0)
            if len(trades) > seen:
                self._lasts |= {trade.ticket.order_id: trade.at for trade in trades[seen:]}
                self._trades_seen[symbol] = len(trades)
        return self._lasts

    def _order(self, ticket: Ticket, lasts: dict[str, int]) -> dict[str, Any]:
        """An order as it stands; listings tell each over and over, most of them unchanged."""
        last = lasts.get(ticket.order_id)
        stands = (ticket.status, ticket.filled, ticket.value, ticket.fees, last)
        told = self._orders.get(ticket.order_id)
        if told is None or told[0] != stands:
            told = self._orders[ticket.order_id] = (stands, self._rendered(ticket, last))
        return told[1]

    def _rendered(self, ticket: Ticket, last: int | None) -> dict[str, Any]:
        done = ticket.filled / ticket.quantity * 100
        return {
            "order_id": ticket.order_id,
            "product_id": ticket.symbol,
            "user_id": name_order(0),
            "order_configuration": _configuration(ticket),
            "side": ticket.side.upper(),
            "client_order_id": _client_id(ticket),
            "status": STATUS[ticket.status],
            "time_in_force": _time_in_force(ticket),
            "created_time": time(ticket.created_at),
            "completion_percentage": f"{done:.2f}",
            "filled_size": plain(ticket.filled),
            "average_filled_price": plain(_average(ticket)),
            "fee": "",
            "number_of_fills": "1" if ticket.filled else "0",
            "filled_value": plain(ticket.value),
            "pending_cancel": False,
            "size_in_quote": False,
            "total_fees": plain(ticket.fees),
            "size_inclusive_of_fees": False,
            "total_value_after_fees": plain(_after_fees(ticket)),
            "trigger_status": "INVALID_ORDER_TYPE",
            "order_type": "MARKET" if ticket.kind == "market" else "LIMIT",
            "reject_reason": "REJECT_REASON_UNSPECIFIED",
            "settled": ticket.status == "FILLED",
            "product_type": "SPOT",
            "reject_message": "",
            "cancel_message": "",
            "order_placement_source": "RETAIL_ADVANCED",
            "outstanding_hold_amount": "0",
            "is_liquidation": False,
            "last_fill_time": time(last) if last is not None else None,
            "leverage": "",
            "margin_type": "",
            "retail_portfolio_id": "",
            "originating_order_id": "",
            "attached_order_id": "",
        }


def _average(ticket: Ticket) -> Decimal:
    return ticket.value / ticket.filled if ticket.filled else Decimal(0)


def _after_fees(ticket: Ticket) -> Decimal:
    return ticket.value + ticket.fees if ticket.side == "buy" else ticket.value - ticket.fees


def _client_id(ticket: Ticket) -> str:
    """An order by hand has an id, too: the web page's own."""
    return ticket.client_id or f"web-{ticket.order_id}"


def _time_in_force(ticket: Ticket) -> str:
    instant = ticket.kind in ("ioc", "market")
    return "IMMEDIATE_OR_CANCEL" if instant else "GOOD_UNTIL_CANCELLED"


def _kind(name: str, wanted: dict[str, Any]) -> str:
    match name:
        case "market_market_ioc":
            return "market"
        case "sor_limit_ioc":
            return "ioc"
        case "limit_limit_gtc":
            return "post_only" if wanted["post_only"] else "limit"
        case _:
            raise Refusal("bad_kind")


def _configuration(ticket: Ticket) -> dict[str, Any]:
    size = {"base_size": plain(ticket.quantity)}
    limit = size | {"limit_price": plain(ticket.price)}
    match ticket.kind:
        case "market":
            return {"market_market_ioc": size}
        case "ioc":
            return {"sor_limit_ioc": limit}
        case kind:
            return {"limit_limit_gtc": limit | {"post_only": kind == "post_only"}}


def _http_error(error: str, text: str) -> dict[str, str]:
    return {"error": error, "error_details": text, "message": text}
