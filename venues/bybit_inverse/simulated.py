"""Bybit's own words: what the simulated venue sends, shaped as the real one's v5 frames.

Shares nothing with the decoder. Amounts are texts, ids look like UUIDs, sizes have no sign. An
execution is told apart from its order, and the profit it realised apart from both in the log.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import msgspec

from venues.exchange import (
    Exchange,
    Line,
    Movement,
    Position,
    Print,
    Refusal,
    Terms,
    Ticket,
    Top,
    Trade,
)
from venues.simulated import Answer, Asked, Limited

_encode = msgspec.json.encode
MARGINS = {"cross": "REGULAR_MARGIN", "isolated": "ISOLATED_MARGIN"}
ZERO = Decimal(0)
T = TypeVar("T")
STATUSES = {
    "NEW": "New",
    "PARTIALLY_FILLED": "PartiallyFilled",
    "FILLED": "Filled",
    "CANCELED": "Cancelled",
    "EXPIRED": "Cancelled",
    "REJECTED": "Rejected",
}
KINDS = {"GTC": "limit", "IOC": "ioc", "PostOnly": "post_only", "FOK": "fok"}
IN_FORCE = {kind: word for word, kind in KINDS.items()} | {"market": "IOC"}
EXECUTIONS = {"trade": "Trade", "liquidation": "BustTrade", "adl": "AdlTrade"}
LOGGED = {"liquidation": "LIQUIDATION", "adl": "ADL"}
LEGS = {0: "net", 1: "long", 2: "short"}
ERRORS = {
    "unknown_symbol": (10001, "params error: symbol invalid"),
    "duplicate_client_id": (110072, "OrderLinkedID is duplicate"),
    "bad_kind": (10001, "params error: timeInForce invalid"),
    "bad_quantity": (10001, "Qty invalid"),
    "bad_price": (10001, "Price invalid"),
    "balance": (110007, "Available balance is insufficient"),
    "position_mode": (10001, "position idx not match position mode"),
    "reduce_only": (110017, "current position is zero, cannot fix reduce-only order qty"),
    "unknown_order": (110001, "order not exists or too late to cancel"),
}


def text(number: Decimal) -> str:
    """A number without an exponent and without trailing zeros."""
    shown = f"{number:f}" if number else "0"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def name_trade(number: int) -> str:
    """An execution's id, shaped as a UUID of version 5."""
    return f"{number * 2654435761 % 2**32:08x}-4edf-5800-a352-{number:012x}"


def name_order(number: int) -> str:
    """An order's id, shaped as a UUID of version 4."""
    return f"{number * 2246822519 % 2**32:08x}-99c2-4e89-9739-{number:012x}"


def movement_key(movement: Movement) -> tuple[str, ...]:
    return (movement.kind, _log_id(str(movement.number)), movement.asset)


def _log_id(ref: str) -> str:
    return f"592324_{ref}"


class Words:
    """How Bybit tells what happened, and answers what it is asked."""

    statements: ClassVar[dict[str, str]] = {
        "/v5/account/wallet-balance": "balances",
        "/v5/position/list": "positions",
    }
    farewell = (
        b'{"success":false,"ret_msg":"Request not authorized","conn_id":"cejreaspqfh","op":"auth"}'
    )

    # --- the stream ------------------------------------------------------------------------------

    def order(self, exchange: Exchange, ticket: Ticket) -> list[bytes]:
        pushed = self._order(exchange, ticket) | {
            "category": "inverse",
            "createType": "CreateByUser",
            "feeCurrency": exchange.terms[ticket.symbol].settle,
            "lastPriceOnCreated": text(ticket.price),
            "slLimitPrice": "0",
            "tpLimitPrice": "0",
        }
        del pushed["isLeverage"]
        return [_push(exchange, "order", pushed)]

    def trade(self, exchange: Exchange, trade: Trade) -> list[bytes]:
        execution = self._execution(exchange, trade) | {
            "category": "inverse",
            "closedSize": text(trade.quantity) if trade.realised else "",
            "execPnl": text(trade.realised),
            "indexPrice": "",
            "isLeverage": "0",
        }
        return [_push(exchange, "execution", execution), *self.order(exchange, trade.ticket)]

    def account(
        self, exchange: Exchange, assets: list[str], legs: list[tuple[str, str]], reason: str
    ) -> list[bytes]:
        told = []
        for key in legs:
            row = self._position(exchange, key, exchange.positions[key])
            row["entryPrice"] = row.pop("avgPrice")
            told.append(_push(exchange, "position", row | {"category": "inverse"}))
        wallet = self._wallet(exchange, assets)
        for coin in wallet["coin"]:
            coin |= dict.fromkeys(("totalOrderIM", "totalPositionIM", "totalPositionMM"), "")
            coin["availableToBorrow"] = ""
        told.append(_push(exchange, "wallet", wallet))
        return told

    def movement(self, exchange: Exchange, movement: Movement) -> list[bytes]:
        """Only the new wallet is pushed; by how much it moved, the transaction log tells."""
        return []

    def top(self, exchange: Exchange, symbol: str, top: Top, update: int) -> bytes:
        """`orderbook.1`: whole at every push."""
        bids, asks = ([[text(side[0]), text(side[1])]] if side else [] for side in top)
        now = exchange.clock.now_ms()
        return _encode(
            {
                "topic": f"orderbook.1.{symbol}",
                "type": "snapshot",
                "ts": now,
                "data": {"s": symbol, "b": bids, "a": asks, "u": update, "seq": update},
                "cts": now,
            }
        )

    def printed(self, exchange: Exchange, each: Print) -> bytes:
        """`publicTrade`; how the price moved is not told apart."""
        now = exchange.clock.now_ms()
        trade = {
            "T": now,
            "s": each.symbol,
            "S": each.side.capitalize(),
            "v": text(each.quantity),
            "p": text(each.price),
            "L": "ZeroPlusTick",
            "i": name_trade(each.trade_id),
            "BT": False,
        }
        topic = f"publicTrade.{each.symbol}"
        return _encode({"topic": topic, "type": "snapshot", "ts": now, "data": [trade]})

    # --- answers ---------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, asked: Asked) -> Answer:
        """What the venue does and says. Refusals come with HTTP 200 and a retCode."""
        code, words, result = 0, "OK", {}
        try:
            result = self._answer(exchange, asked)
        except Refusal as refusal:
            code, words = ERRORS.get(refusal.why, (10001, refusal.why))
        return 200, _encode(
            {
                "retCode": code,
                "retMsg": words,
                "result": result,
                "retExtInfo": {},
                "time": exchange.clock.now_ms(),
            }
        )

    def expired(self, exchange: Exchange, asked: Asked) -> Answer:
        """The request is older than its receive window."""
        text = "The request time exceeds the time window range."
        told = {"retCode": 10002, "retMsg": text, "result": {}, "retExtInfo": {}}
        return 200, _encode(told | {"time": exchange.clock.now_ms()})

    def limited(self, exchange: Exchange, wait_ms: int) -> Limited:
        """Too many visits; a header says when the limit ends, by the venue's clock."""
        now = exchange.clock.now_ms()
        told = {"retCode": 10006, "retMsg": "Too many visits!", "result": {}, "retExtInfo": {}}
        headers = (
            ("X-Bapi-Limit", "10"),
            ("X-Bapi-Limit-Status", "0"),
            ("X-Bapi-Limit-Reset-Timestamp", str(now + wait_ms)),
        )
        return 200, _encode(told | {"time": now}), headers

    def _answer(self, exchange: Exchange, asked: Asked) -> dict[str, Any]:
        params = asked.params
        match asked.method, asked.path:
            case "POST", "/v5/order/create":
                return _named(self._place(exchange, params))
            case "POST", "/v5/order/cancel":
                ticket = exchange.by_client.get(params.get("orderLinkId", ""))
                ticket = ticket or exchange.tickets.get(params.get("orderId", ""))
                if ticket is None:
                    raise Refusal("unknown_order")
                exchange.cancel(ticket)
                return _named(ticket)
            case "GET", "/v5/order/realtime":
                return self._realtime(exchange, params)
            case "GET", "/v5/account/wallet-balance":
                wallet = self._wallet(exchange, list(exchange.wallets))
                return {"list": [wallet]}
            case "GET", "/v5/position/list":
                asked_for = params.get("symbol")  # who names one is told of it, flat or not
                held = [
                    (key, position)
                    for key, position in exchange.positions.items()
                    if (position.quantity if asked_for is None else key[0] == asked_for)
                ]
                rows = [self._position(exchange, key, position) for key, position in held]
                return {"category": "inverse", "list": rows, "nextPageCursor": ""}
            case "GET", "/v5/execution/list":
                trades = exchange.trades.get(params["symbol"], [])
                page, cursor = _page(trades, _trade_place, params, exchange.rows(params["limit"]))
                rows = [self._execution(exchange, trade) for trade in page]
                return {"category": "inverse", "list": rows, "nextPageCursor": cursor}
            case "GET", "/v5/account/transaction-log":
                lines, cursor = _page(
                    exchange.lines, _line_place, params, exchange.rows(params["limit"])
                )
                rows = [self._line(exchange, line) for line in lines]
                return {"list": rows, "nextPageCursor": cursor}
            case "GET", "/v5/account/info":
                return {
                    "marginMode": MARGINS[exchange.margin],
                    "updatedTime": "1697078946000",
                    "unifiedMarginStatus": 4,
                    "dcpStatus": "OFF",
                    "timeWindow": 10,
                    "smpGroup": 0,
                    "isMasterTrader": False,
                    "spotHedgingStatus": "OFF",
                }
            case _:
                raise Refusal(f"no such path {asked.path}")

    def _place(self, exchange: Exchange, params: dict[str, Any]) -> Ticket:
        if Decimal(params["qty"]) <= 0:
            raise Refusal("bad_quantity")
        market = params["orderType"] == "Market"
        return exchange.place(
            params.get("orderLinkId", ""),
            params["symbol"],
            "buy" if params["side"] == "Buy" else "sell",
            Decimal(params["qty"]),
            "market" if market else KINDS[params["timeInForce"]],
            ZERO if market else Decimal(params["price"]),
            LEGS[params.get("positionIdx", 0)],
            reduce_only=params.get("reduceOnly", False),
        )

    def _realtime(self, exchange: Exchange, params: dict[str, Any]) -> dict[str, Any]:
        tickets = exchange.open_tickets()[::-1][: int(params.get("limit", 50))]
        if "orderLinkId" in params or "orderId" in params:
            asked = exchange.by_client.get(params.get("orderLinkId", ""))
            asked = asked or exchange.tickets.get(params.get("orderId", ""))
            tickets = [asked] if asked is not None else []
        rows = [self._order(exchange, ticket) for ticket in tickets]
        return {"list": rows, "nextPageCursor": "", "category": "inverse"}

    def _order(self, exchange: Exchange, ticket: Ticket) -> dict[str, Any]:
        left = ticket.quantity - ticket.filled if ticket.alive else ZERO
        market = ticket.kind == "market"
        multiplier = exchange.terms[ticket.symbol].multiplier
        average = ticket.filled * multiplier / ticket.value if ticket.value else ZERO
        return {
            "orderId": ticket.order_id,
            "orderLinkId": ticket.client_id,
            "blockTradeId": "",
            "symbol": ticket.symbol,
            "price": text(ticket.price),
            "qty": text(ticket.quantity),
            "side": ticket.side.capitalize(),
            "isLeverage": "",
            "positionIdx": 0,
            "orderStatus": STATUSES[ticket.status],
            "cancelType": "CancelByUser" if ticket.status == "CANCELED" else "UNKNOWN",
            "rejectReason": "EC_NoError",
            "avgPrice": text(average.quantize(Decimal("0.01"))) if average else "0",
            "leavesQty": text(left),
            "leavesValue": text(
                (left * multiplier / ticket.price).quantize(Decimal("1e-8"))
                if ticket.price
                else ZERO
            ),
            "cumExecQty": text(ticket.filled),
            "cumExecValue": text(ticket.value),
            "cumExecFee": text(ticket.fees),
            "timeInForce": IN_FORCE[ticket.kind],
            "orderType": "Market" if market else "Limit",
            "stopOrderType": "UNKNOWN",
            "orderIv": "",
            "triggerPrice": "0.00",
            "takeProfit": "0.00",
            "stopLoss": "0.00",
            "tpTriggerBy": "UNKNOWN",
            "slTriggerBy": "UNKNOWN",
            "triggerDirection": 0,
            "triggerBy": "UNKNOWN",
            "lastPriceOnCreated": "",
            "reduceOnly": ticket.reduce_only,
            "closeOnTrigger": False,
            "smpType": "None",
            "smpGroup": 0,
            "smpOrderId": "",
            "tpslMode": "Full",
            "tpLimitPrice": "",
            "slLimitPrice": "",
            "placeType": "",
            "createdTime": str(ticket.created_at),
            "updatedTime": str(ticket.updated_at),
        }

    def _execution(self, exchange: Exchange, trade: Trade) -> dict[str, Any]:
        ticket = trade.ticket
        forced = {"liquidation": "CreateByTakeOver_PassThrough", "adl": "CreateByAdl_PassThrough"}
        return {
            "symbol": ticket.symbol,
            "orderId": ticket.order_id,
            "orderLinkId": ticket.client_id,
            "side": trade.side.capitalize(),
            "orderPrice": text(ticket.price),
            "orderQty": text(ticket.quantity),
            "leavesQty": text(ticket.quantity - trade.filled_after),
            "createType": forced.get(trade.cause, "CreateByUser"),
            "orderType": "Market" if ticket.kind == "market" else "Limit",
            "stopOrderType": "UNKNOWN",
            "execFee": text(trade.fee),
            "execId": name_trade(trade.trade_id),
            "execPrice": text(trade.price),
            "execQty": text(trade.quantity),
            "execType": EXECUTIONS.get(trade.cause, "Trade"),
            "execValue": text(trade.value),
            "execTime": str(trade.at),
            "feeCurrency": trade.fee_asset,
            "isMaker": trade.maker,
            "feeRate": "0.0002" if trade.maker else "0.0005",
            "tradeIv": "",
            "markIv": "",
            "markPrice": text(trade.price),
            "indexPrice": text(trade.price),
            "underlyingPrice": "",
            "blockTradeId": "",
            "closedSize": text(trade.quantity) if trade.realised else "0",
            "seq": trade.sequence,
        }

    def _position(
        self, exchange: Exchange, key: tuple[str, str], position: Position
    ) -> dict[str, Any]:
        symbol, _ = key
        terms, quantity = exchange.terms[symbol], position.quantity
        side = "Buy" if quantity > 0 else "Sell"
        return {
            "positionIdx": 0,
            "tradeMode": 0,
            "riskId": 1,
            "riskLimitValue": "150",
            "symbol": symbol,
            "side": side if quantity else "",
            "size": text(abs(quantity)),
            "avgPrice": text(position.entry.quantize(Decimal("1e-8"))),
            "sessionAvgPrice": "",
            "leverage": "10",
            "positionValue": text(_worth(terms, position)),
            "positionBalance": "0",
            "markPrice": text(exchange.last_price(terms)),
            "positionIM": "0",
            "positionMM": "0",
            "positionIMByMp": "0",
            "positionMMByMp": "0",
            "takeProfit": "0",
            "stopLoss": "0",
            "trailingStop": "0",
            "unrealisedPnl": "0",
            "cumRealisedPnl": "0",
            "curRealisedPnl": "0",
            "createdTime": str(position.updated_at),
            "updatedTime": str(position.updated_at),
            "tpslMode": "Full",
            "liqPrice": "0",
            "bustPrice": "",
            "positionStatus": "Normal",
            "adlRankIndicator": 2,
            "autoAddMargin": 0,
            "leverageSysUpdatedTime": "",
            "mmrSysUpdatedTime": "",
            "seq": position.sequence or -1,
            "isReduceOnly": False,
        }

    def _wallet(self, exchange: Exchange, assets: list[str]) -> dict[str, Any]:
        total = text(sum(exchange.wallets.values(), ZERO))
        return {
            "totalEquity": total,
            "accountIMRate": "0",
            "totalMarginBalance": total,
            "totalInitialMargin": "0",
            "accountType": "UNIFIED",
            "totalAvailableBalance": total,
            "accountMMRate": "0",
            "totalPerpUPL": "0",
            "totalWalletBalance": total,
            "accountLTV": "0",
            "totalMaintenanceMargin": "0",
            "coin": [
                self._coin(asset, exchange.wallets[asset])
                for asset in assets
                if asset in exchange.wallets
            ],
        }

    def _coin(self, asset: str, amount: Decimal) -> dict[str, Any]:
        return {
            "availableToBorrow": "0",
            "bonus": "0",
            "accruedInterest": "0",
            "availableToWithdraw": text(amount),
            "totalOrderIM": "0",
            "equity": text(amount),
            "totalPositionMM": "0",
            "usdValue": text(amount),
            "spotHedgingQty": "0",
            "unrealisedPnl": "0",
            "collateralSwitch": True,
            "borrowAmount": "0",
            "totalPositionIM": "0",
            "walletBalance": text(amount),
            "cumRealisedPnl": "0",
            "locked": "0",
            "marginCollateral": True,
            "coin": asset,
        }

    def _line(self, exchange: Exchange, line: Line) -> dict[str, Any]:
        trade, movement = line.trade, line.movement
        funding = line.cash if line.kind == "funding" else ZERO
        flow = line.cash - funding
        told = {
            "id": _log_id(line.ref),
            "symbol": movement.symbol if movement else "",
            "category": "inverse",
            "side": "None",
            "transactionTime": str(line.at),
            "type": "SETTLEMENT",
            "qty": "0",
            "size": "0",
            "currency": line.asset,
            "tradePrice": "0",
            "funding": text(funding),
            "fee": text(line.fee),
            "cashFlow": text(flow),
            "change": text(flow + funding - line.fee),
            "cashBalance": text(line.after),
            "feeRate": "0",
            "bonusChange": "",
            "tradeId": line.ref if trade else "",
            "orderId": trade.ticket.order_id if trade else "",
            "orderLinkId": trade.ticket.client_id if trade else "",
            "extraFees": "",
        }
        if line.kind == "transfer":
            told |= {"type": "TRANSFER_IN" if line.cash > 0 else "TRANSFER_OUT", "category": ""}
        if trade is not None:
            told |= {
                "symbol": trade.ticket.symbol,
                "side": trade.side.capitalize(),
                "type": LOGGED.get(trade.cause, "TRADE"),
                "qty": text(trade.quantity),
                "tradePrice": text(trade.price),
            }
        return told


def _worth(terms: Terms, position: Position) -> Decimal:
    if not position.entry:
        return ZERO
    return (abs(position.quantity) * terms.multiplier / position.entry).quantize(Decimal("1e-8"))


def _push(exchange: Exchange, topic: str, row: dict[str, Any]) -> bytes:
    now = exchange.clock.now_ms()
    return _encode(
        {
            "id": f"592324_{topic}_{exchange.made}",
            "topic": topic,
            "creationTime": now,
            "data": [row],
        }
    )


def _named(ticket: Ticket) -> dict[str, Any]:
    return {"orderId": ticket.order_id, "orderLinkId": ticket.client_id}


def _trade_place(trade: Trade) -> tuple[str, int]:
    return f"{name_trade(trade.trade_id)}:{trade.at}", trade.at


def _line_place(line: Line) -> tuple[str, int]:
    return f"{line.ref}:{line.at}", line.at


def _page(
    rows: list[T], place: Callable[[T], tuple[str, int]], params: dict[str, Any], limit: int
) -> tuple[list[T], str]:
    """Newest first from `startTime` on, after the row that `cursor` names."""
    since = int(params.get("startTime", 0))
    cursor = params.get("cursor", "").partition(",")[0]
    page: list[T] = []
    for row in reversed(rows):
        name, at = place(row)
        if at < since - 1000:  # times may step back a little where a venue books anew
            break
        if cursor:
            cursor = "" if name == cursor else cursor
        elif at >= since:
            if len(page) == limit:
                last = place(page[-1])[0]
                return page, quote(f"{last},{last}", safe="")
            page.append(row)
    return page, ""
