"""Binance spot's own words: what the simulated venue sends, shaped as the real one's frames.

Shares nothing with the decoder. Amounts carry eight decimals, times are milliseconds.
"""

from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from venues import binance_refusing
from venues.binance_refusing import found
from venues.exchange import Exchange, Movement, Print, Refusal, Ticket, Top, Trade
from venues.simulated import Answer, Asked, Limited

_encode = msgspec.json.encode
ZERO = Decimal(0)
KINDS = {"LIMIT": "limit", "MARKET": "market", "LIMIT_MAKER": "post_only"}
ERRORS = {
    "unknown_symbol": (-1121, "Invalid symbol."),
    "duplicate_client_id": (-2010, "Duplicate order sent."),
    "bad_kind": (-1116, "Invalid orderType."),
    "bad_quantity": (-1013, "Filter failure: LOT_SIZE"),
    "bad_price": (-1013, "Filter failure: PRICE_FILTER"),
    "balance": (-2010, "Account has insufficient balance for requested action."),
}


def amount(number: Decimal) -> str:
    return f"{number:.8f}"


def movement_key(movement: Movement) -> tuple[str, ...]:
    """The venue gives a movement no id; this is all there is to know it by."""
    return ("transfer", f"{movement.asset}:{movement.at}:{int(movement.amount.scaleb(8))}")


class Words:
    """How Binance spot tells what happened, and answers what it is asked."""

    statements: ClassVar[dict[str, str]] = {"/api/v3/account": "balances"}
    farewell = b'{"e":"listenKeyExpired","E":0,"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8a65a1"}'

    # --- the stream ------------------------------------------------------------------------------

    def order(self, exchange: Exchange, ticket: Ticket) -> list[bytes]:
        execution = "NEW" if ticket.status == "NEW" else ticket.status
        return [_encode(self._report(exchange, ticket, execution, None))]

    def trade(self, exchange: Exchange, trade: Trade) -> list[bytes]:
        return [_encode(self._report(exchange, trade.ticket, "TRADE", trade))]

    def account(
        self, exchange: Exchange, assets: list[str], legs: list[tuple[str, str]], reason: str
    ) -> list[bytes]:
        now = exchange.clock.now_ms()
        return [
            _encode(
                {
                    "e": "outboundAccountPosition",
                    "E": now,
                    "u": exchange.updated_at,
                    "B": [
                        {
                            "a": asset,
                            "f": amount(exchange.free(asset)),
                            "l": amount(exchange.locked(asset)),
                        }
                        for asset in assets
                    ],
                }
            )
        ]

    def movement(self, exchange: Exchange, movement: Movement) -> list[bytes]:
        return [
            _encode(
                {
                    "e": "balanceUpdate",
                    "E": exchange.clock.now_ms(),
                    "a": movement.asset,
                    "d": amount(movement.amount),
                    "T": movement.at,
                }
            )
        ]

    def top(self, exchange: Exchange, symbol: str, top: Top, update: int) -> bytes:
        """`<symbol>@bookTicker`: no time, and no type."""
        bid, ask = top
        return _encode(
            {
                "u": update,
                "s": symbol,
                "b": amount(bid[0] if bid else ZERO),
                "B": amount(bid[1] if bid else ZERO),
                "a": amount(ask[0] if ask else ZERO),
                "A": amount(ask[1] if ask else ZERO),
            }
        )

    def printed(self, exchange: Exchange, each: Print) -> bytes:
        """`<symbol>@trade`."""
        now = exchange.clock.now_ms()
        return _encode(
            {
                "e": "trade",
                "E": now,
                "s": each.symbol,
                "t": each.trade_id,
                "p": amount(each.price),
                "q": amount(each.quantity),
                "T": now,
                "m": each.side == "sell",
                "M": True,
            }
        )

    def _report(
        self, exchange: Exchange, ticket: Ticket, execution: str, trade: Trade | None
    ) -> dict[str, Any]:
        cancelled = execution == "CANCELED"
        return {
            "e": "executionReport",
            "E": exchange.clock.now_ms(),
            "s": ticket.symbol,
            "c": f"web_{ticket.order_id}" if cancelled else ticket.client_id,
            "S": ticket.side.upper(),
            "o": _kind(ticket),
            "f": "IOC" if ticket.kind == "ioc" else "GTC",
            "q": amount(ticket.quantity),
            "p": amount(ticket.price),
            "P": "0.00000000",
            "F": "0.00000000",
            "g": -1,
            "C": ticket.client_id if cancelled else "",
            "x": execution,
            "X": ticket.status,
            "r": "NONE",
            "i": int(ticket.order_id),
            "l": amount(trade.quantity) if trade else "0.00000000",
            "z": amount(ticket.filled),
            "L": amount(trade.price) if trade else "0.00000000",
            "n": amount(trade.fee) if trade else "0",
            "N": trade.fee_asset if trade else None,
            "T": trade.at if trade else ticket.updated_at,
            "t": trade.trade_id if trade else -1,
            "I": int(ticket.order_id) * 2,
            "w": ticket.alive,
            "m": trade.maker if trade else False,
            "M": False,
            "O": ticket.created_at,
            "Z": amount(ticket.value),
            "Y": amount(trade.value) if trade else "0.00000000",
            "Q": "0.00000000",
            "W": ticket.created_at,
            "V": "EXPIRE_MAKER",
        }

    # --- answers ---------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, asked: Asked) -> Answer:
        """What the venue does and says; a refusal is an answer, too."""
        try:
            return 200, _encode(self._answer(exchange, asked))
        except Refusal as refusal:
            return binance_refusing.refused(refusal, ERRORS, asked)

    def expired(self, exchange: Exchange, asked: Asked) -> Answer:
        """The request is older than its recvWindow."""
        return binance_refusing.expired()

    def limited(self, exchange: Exchange, wait_ms: int) -> Limited:
        """Too many requests; who goes on after that is banned, for two minutes at least."""
        headers = (("Retry-After", str(-(-wait_ms // 1000))),)
        return *binance_refusing.limited(exchange, wait_ms, "WebSocket Streams"), headers

    def _answer(self, exchange: Exchange, asked: Asked) -> object:
        params = asked.params
        match asked.method, asked.path:
            case "POST", "/api/v3/order":
                return self._place(exchange, params)
            case "DELETE", "/api/v3/order":
                ticket = found(exchange, params)
                exchange.cancel(ticket)
                return self._order(ticket) | {
                    "origClientOrderId": ticket.client_id,
                    "clientOrderId": f"web_{ticket.order_id}",
                    "transactTime": ticket.updated_at,
                }
            case "GET", "/api/v3/order":
                return self._order(found(exchange, params)) | {"stopPrice": "0.00000000"}
            case "GET", "/api/v3/openOrders":
                return [self._order(ticket) for ticket in exchange.open_tickets()]
            case "GET", "/api/v3/account":
                return self._account(exchange)
            case "GET", "/api/v3/myTrades":
                return self._my_trades(exchange, params)
            case "GET", "/sapi/v1/asset/transfer":
                return self._transfers(exchange, params)
            case "PUT", "/api/v3/userDataStream":
                return {}
            case _:
                raise Refusal(f"no such path {asked.path}")

    def _place(self, exchange: Exchange, params: dict[str, Any]) -> object:
        symbol = params["symbol"]
        before = len(exchange.trades.get(symbol, []))
        kind = KINDS[params["type"]]
        if params.get("timeInForce") == "IOC":
            kind = "ioc"
        ticket = exchange.place(
            params.get("newClientOrderId", ""),
            symbol,
            params["side"].lower(),
            Decimal(params["quantity"]),
            kind,
            Decimal(params.get("price", "0")),
        )
        fills = [trade for trade in exchange.trades[symbol][before:] if trade.ticket is ticket]
        return self._order(ticket) | {
            "transactTime": ticket.updated_at,
            "fills": [
                {
                    "price": amount(trade.price),
                    "qty": amount(trade.quantity),
                    "commission": amount(trade.fee),
                    "commissionAsset": trade.fee_asset,
                    "tradeId": trade.trade_id,
                }
                for trade in fills
            ],
        }

    def _order(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "symbol": ticket.symbol,
            "orderId": int(ticket.order_id),
            "orderListId": -1,
            "clientOrderId": ticket.client_id,
            "price": amount(ticket.price),
            "origQty": amount(ticket.quantity),
            "executedQty": amount(ticket.filled),
            "cummulativeQuoteQty": amount(ticket.value),
            "status": ticket.status,
            "timeInForce": "IOC" if ticket.kind == "ioc" else "GTC",
            "type": _kind(ticket),
            "side": ticket.side.upper(),
            "time": ticket.created_at,
            "updateTime": ticket.updated_at,
            "isWorking": ticket.alive,
            "workingTime": ticket.created_at,
            "selfTradePreventionMode": "NONE",
        }

    def _account(self, exchange: Exchange) -> object:
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": True,
            "updateTime": exchange.updated_at,
            "accountType": "SPOT",
            "balances": [
                {
                    "asset": asset,
                    "free": amount(exchange.free(asset)),
                    "locked": amount(exchange.locked(asset)),
                }
                for asset in exchange.wallets
            ],
            "permissions": ["SPOT"],
            "uid": 354937868,
        }

    def _my_trades(self, exchange: Exchange, params: dict[str, Any]) -> object:
        first, limit = int(params["fromId"]), exchange.rows(params["limit"])
        page = [each for each in exchange.record_of(params["symbol"]) if each.trade_id >= first]
        return [
            {
                "symbol": trade.ticket.symbol,
                "id": trade.trade_id,
                "orderId": int(trade.ticket.order_id),
                "orderListId": -1,
                "price": amount(trade.price),
                "qty": amount(trade.quantity),
                "quoteQty": amount(trade.value),
                "commission": amount(trade.fee),
                "commissionAsset": trade.fee_asset,
                "time": trade.at,
                "isBuyer": trade.side == "buy",
                "isMaker": trade.maker,
                "isBestMatch": True,
            }
            for trade in page[:limit]
        ]

    def _transfers(self, exchange: Exchange, params: dict[str, Any]) -> object:
        since, page = int(params["startTime"]), int(params["current"])
        size = exchange.rows(params["size"])
        moves = [move for move in exchange.movements if move.at >= since]
        return {
            "total": len(moves),
            "rows": [
                {
                    "asset": move.asset,
                    "amount": amount(abs(move.amount)),
                    "type": "MAIN_UMFUTURE" if move.amount < 0 else "UMFUTURE_MAIN",
                    "status": "CONFIRMED",
                    "tranId": move.number,
                    "timestamp": move.at,
                }
                for move in moves[(page - 1) * size : page * size]
            ],
        }


def _kind(ticket: Ticket) -> str:
    for name, kind in KINDS.items():
        if kind == ticket.kind:
            return name
    return "LIMIT"
