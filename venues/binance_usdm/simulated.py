"""Binance USDⓈ-M's own words: what the simulated venue sends, shaped as the real one's frames.

Shares nothing with the decoder. Times are milliseconds; positions are signed; a commission that is
paid is positive; income is signed as the wallet feels it.
"""

from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from venues import binance_refusing
from venues.binance_refusing import found
from venues.exchange import Exchange, Movement, Print, Refusal, Ticket, Top, Trade
from venues.simulated import Answer, Asked, Limited

_encode = msgspec.json.encode
LEGS = {"net": "BOTH", "long": "LONG", "short": "SHORT"}
FROM_LEGS = {text: leg for leg, text in LEGS.items()}
KINDS = {"GTC": "limit", "IOC": "ioc", "GTX": "post_only"}
FORCES = {"limit": "GTC", "ioc": "IOC", "post_only": "GTX", "market": "GTC"}
ERRORS = {
    "unknown_symbol": (-1121, "Invalid symbol."),
    "duplicate_client_id": (-4116, "ClientOrderId is duplicated."),
    "bad_kind": (-1116, "Invalid orderType."),
    "bad_quantity": (-4003, "Quantity less than or equal to zero."),
    "bad_price": (-4014, "Price not increased by tick size."),
    "balance": (-2019, "Margin is insufficient."),
    "position_mode": (-4061, "Order's position side does not match user's setting."),
    "reduce_only": (-2022, "ReduceOnly Order is rejected."),
}


def amount(number: Decimal) -> str:
    return f"{number:.8f}"


def plain(number: Decimal) -> str:
    return f"{number:f}"


def movement_key(movement: Movement) -> tuple[str, ...]:
    """What the income record knows a movement by."""
    if movement.kind == "funding":
        return ("funding", f"{movement.number}:{movement.symbol}", movement.asset)
    return ("transfer", f"TRANSFER:{movement.number}", movement.asset)


class Words:
    """How Binance USDⓈ-M tells what happened, and answers what it is asked."""

    statements: ClassVar[dict[str, str]] = {
        "/fapi/v3/balance": "balances",
        "/fapi/v3/positionRisk": "positions",
    }
    farewell = b'{"e":"listenKeyExpired","E":0,"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8a65a1"}'

    # --- the stream ------------------------------------------------------------------------------

    def order(self, exchange: Exchange, ticket: Ticket) -> list[bytes]:
        return [_encode(self._update(exchange, ticket, ticket.status, None))]

    def trade(self, exchange: Exchange, trade: Trade) -> list[bytes]:
        execution = "CALCULATED" if trade.cause in ("liquidation", "adl") else "TRADE"
        return [_encode(self._update(exchange, trade.ticket, execution, trade))]

    def account(
        self, exchange: Exchange, assets: list[str], legs: list[tuple[str, str]], reason: str
    ) -> list[bytes]:
        """After a trade; a movement has told its own balance already."""
        if reason != "ORDER":
            return []
        return [_encode(self._account_update(exchange, assets, legs, reason, Decimal(0)))]

    def movement(self, exchange: Exchange, movement: Movement) -> list[bytes]:
        """A cross position's funding is told with the balance alone: no symbol, no id."""
        reason = "FUNDING_FEE"
        if movement.kind == "transfer":
            reason = "DEPOSIT" if movement.amount > 0 else "WITHDRAW"
        update = self._account_update(exchange, [movement.asset], [], reason, movement.amount)
        return [_encode(update)]

    def _account_update(
        self,
        exchange: Exchange,
        assets: list[str],
        legs: list[tuple[str, str]],
        reason: str,
        change: Decimal,
    ) -> dict[str, Any]:
        now = exchange.clock.now_ms()
        return {
            "e": "ACCOUNT_UPDATE",
            "T": now,
            "E": now,
            "a": {
                "m": reason,
                "B": [
                    {
                        "a": asset,
                        "wb": amount(exchange.wallets.get(asset, Decimal(0))),
                        "cw": amount(exchange.wallets.get(asset, Decimal(0))),
                        "bc": amount(change),
                    }
                    for asset in assets
                ],
                "P": [self._pushed(exchange, symbol, leg) for symbol, leg in legs],
            },
        }

    def _pushed(self, exchange: Exchange, symbol: str, leg: str) -> dict[str, Any]:
        position = exchange.positions[symbol, leg]
        return {
            "s": symbol,
            "pa": plain(position.quantity),
            "ep": f"{position.entry:.5f}",
            "bep": f"{position.entry:.5f}",
            "cr": "0",
            "up": amount(self._unrealised(exchange, symbol, leg)),
            "mt": "cross",
            "iw": "0",
            "ps": LEGS[leg],
        }

    def _unrealised(self, exchange: Exchange, symbol: str, leg: str) -> Decimal:
        position, terms = exchange.positions[symbol, leg], exchange.terms[symbol]
        moved = exchange.last_price(terms) - position.entry
        return moved * position.quantity * terms.multiplier

    def top(self, exchange: Exchange, symbol: str, top: Top, update: int) -> bytes:
        """`<symbol>@bookTicker`."""
        (bid, ask), now = top, exchange.clock.now_ms()
        return _encode(
            {
                "e": "bookTicker",
                "u": update,
                "E": now,
                "T": now,
                "s": symbol,
                "b": plain(bid[0]) if bid else "0",
                "B": plain(bid[1]) if bid else "0",
                "a": plain(ask[0]) if ask else "0",
                "A": plain(ask[1]) if ask else "0",
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
                "p": plain(each.price),
                "q": plain(each.quantity),
                "T": now,
                "m": each.side == "sell",
                "X": "MARKET",
            }
        )

    def _update(
        self, exchange: Exchange, ticket: Ticket, execution: str, trade: Trade | None
    ) -> dict[str, Any]:
        now = exchange.clock.now_ms()
        return {
            "e": "ORDER_TRADE_UPDATE",
            "T": trade.at if trade else ticket.updated_at,
            "E": now,
            "o": {
                "s": ticket.symbol,
                "c": ticket.client_id,
                "S": ticket.side.upper(),
                "o": "MARKET" if ticket.kind == "market" else "LIMIT",
                "f": FORCES[ticket.kind],
                "q": plain(ticket.quantity),
                "p": plain(ticket.price),
                "ap": _average(ticket),
                "sp": "0",
                "x": execution,
                "X": ticket.status,
                "i": int(ticket.order_id),
                "l": plain(trade.quantity) if trade else "0",
                "z": plain(ticket.filled),
                "L": plain(trade.price) if trade else "0",
                "N": trade.fee_asset if trade else "USDT",
                "n": amount(trade.fee) if trade else "0",
                "T": trade.at if trade else ticket.updated_at,
                "t": trade.trade_id if trade else 0,
                "b": "0",
                "a": "0",
                "m": trade.maker if trade else False,
                "R": ticket.reduce_only,
                "wt": "CONTRACT_PRICE",
                "ot": "MARKET" if ticket.kind == "market" else "LIMIT",
                "ps": LEGS[ticket.leg],
                "cp": False,
                "AP": "0",
                "cr": "0",
                "pP": False,
                "si": 0,
                "ss": 0,
                "rp": amount(trade.realised) if trade else "0",
                "V": "EXPIRE_TAKER",
            },
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
        """Too many requests; a ban says until when in its text, and no header is documented."""
        return *binance_refusing.limited(exchange, wait_ms, "the websocket"), ()

    def _answer(self, exchange: Exchange, asked: Asked) -> object:
        params = asked.params
        match asked.method, asked.path:
            case "POST", "/fapi/v1/order":
                return self._place(exchange, params)
            case "DELETE", "/fapi/v1/order":
                ticket = found(exchange, params)
                exchange.cancel(ticket)
                return self._order(ticket)
            case "GET", "/fapi/v1/order":
                return self._order(found(exchange, params)) | {"time": exchange.clock.now_ms()}
            case "GET", "/fapi/v1/openOrders":
                return [
                    self._order(ticket) | {"time": ticket.created_at}
                    for ticket in exchange.open_tickets()
                ]
            case "GET", "/fapi/v3/balance":
                return self._balance(exchange)
            case "GET", "/fapi/v3/positionRisk":
                return self._position_risk(exchange)
            case "GET", "/fapi/v1/userTrades":
                return self._user_trades(exchange, params)
            case "GET", "/fapi/v1/income":
                return self._income(exchange, params)
            case "GET", "/fapi/v1/positionSide/dual":
                return {"dualSidePosition": any(leg != "net" for _, leg in exchange.positions)}
            case "GET", "/fapi/v1/symbolConfig":
                return self._symbol_config(exchange, params)
            case "PUT", "/fapi/v1/listenKey":
                return {"listenKey": "pqia91ma19a5s61cv6a81va65sdf19v8a65a1"}
            case _:
                raise Refusal(f"no such path {asked.path}")

    def _place(self, exchange: Exchange, params: dict[str, Any]) -> object:
        if Decimal(params["quantity"]) <= 0:  # parameters are looked at before ids
            raise Refusal("bad_quantity")
        kind = "market" if params["type"] == "MARKET" else KINDS[params["timeInForce"]]
        ticket = exchange.place(
            params.get("newClientOrderId", ""),
            params["symbol"],
            params["side"].lower(),
            Decimal(params["quantity"]),
            kind,
            Decimal(params.get("price", "0")),
            FROM_LEGS[params.get("positionSide", "BOTH")],
            reduce_only=params.get("reduceOnly") == "true",
        )
        return self._order(ticket)

    def _order(self, ticket: Ticket) -> dict[str, Any]:
        kind = "MARKET" if ticket.kind == "market" else "LIMIT"
        return {
            "avgPrice": _average(ticket),
            "clientOrderId": ticket.client_id,
            "cumQuote": plain(ticket.value),
            "executedQty": plain(ticket.filled),
            "orderId": int(ticket.order_id),
            "origQty": plain(ticket.quantity),
            "origType": kind,
            "price": plain(ticket.price),
            "reduceOnly": ticket.reduce_only,
            "side": ticket.side.upper(),
            "positionSide": LEGS[ticket.leg],
            "status": ticket.status,
            "stopPrice": "0",
            "closePosition": False,
            "symbol": ticket.symbol,
            "timeInForce": FORCES[ticket.kind],
            "type": kind,
            "updateTime": ticket.updated_at,
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
        }

    def _balance(self, exchange: Exchange) -> object:
        return [
            {
                "accountAlias": "SgsR",
                "asset": asset,
                "balance": amount(wallet),
                "crossWalletBalance": amount(wallet),
                "crossUnPnl": "0.00000000",
                "availableBalance": amount(wallet),
                "maxWithdrawAmount": amount(wallet),
                "marginAvailable": True,
                "updateTime": exchange.wallets_at[asset],
            }
            for asset, wallet in exchange.wallets.items()
        ]

    def _position_risk(self, exchange: Exchange) -> object:
        return [
            {
                "symbol": symbol,
                "positionSide": LEGS[leg],
                "positionAmt": plain(position.quantity),
                "entryPrice": plain(position.entry),
                "breakEvenPrice": plain(position.entry),
                "markPrice": amount(exchange.last_price(exchange.terms[symbol])),
                "unRealizedProfit": amount(self._unrealised(exchange, symbol, leg)),
                "liquidationPrice": "0",
                "isolatedMargin": "0",
                "notional": plain(position.quantity * position.entry),
                "marginAsset": exchange.terms[symbol].settle,
                "isolatedWallet": "0",
                "initialMargin": "0",
                "maintMargin": "0",
                "positionInitialMargin": "0",
                "openOrderInitialMargin": "0",
                "adl": 2,
                "bidNotional": "0",
                "askNotional": "0",
                "updateTime": position.updated_at,
            }
            for (symbol, leg), position in exchange.positions.items()
            if position.quantity
        ]

    def _symbol_config(self, exchange: Exchange, params: dict[str, Any]) -> object:
        margin = "CROSSED" if exchange.margin == "cross" else "ISOLATED"
        return [
            {
                "symbol": symbol,
                "marginType": margin,
                "isAutoAddMargin": "false",
                "leverage": 5,
                "maxNotionalValue": "1000000",
            }
            for symbol in exchange.terms
            if symbol == params.get("symbol", symbol)
        ]

    def _user_trades(self, exchange: Exchange, params: dict[str, Any]) -> object:
        first, limit = int(params["fromId"]), exchange.rows(params["limit"])
        trades = exchange.trades.get(params["symbol"], [])
        page = [trade for trade in trades if trade.trade_id >= first and not trade.busted]
        return [
            {
                "symbol": trade.ticket.symbol,
                "id": trade.trade_id,
                "orderId": int(trade.ticket.order_id),
                "side": trade.side.upper(),
                "price": plain(trade.price),
                "qty": plain(trade.quantity),
                "realizedPnl": amount(trade.realised),
                "marginAsset": exchange.terms[trade.ticket.symbol].settle,
                "quoteQty": plain(trade.value),
                "commission": amount(trade.fee),
                "commissionAsset": trade.fee_asset,
                "time": trade.at,
                "positionSide": LEGS[trade.ticket.leg],
                "buyer": trade.side == "buy",
                "maker": trade.maker,
            }
            for trade in page[:limit]
        ]

    def _income(self, exchange: Exchange, params: dict[str, Any]) -> object:
        start, limit = int(params.get("startTime", 0)), exchange.rows(params["limit"])
        skipped = (int(params["page"]) - 1) * limit
        rows = [
            _row(move.symbol, _INCOME[move.kind], move.amount, move.asset, move.at, move.number, "")
            for move in exchange.movements
            if move.at >= start
        ]
        for symbol, trades in exchange.trades.items():
            for trade in trades:
                if trade.at < start or trade.busted:
                    continue
                told = trade.at, trade.trade_id, str(trade.trade_id)
                rows.append(_row(symbol, "COMMISSION", -trade.fee, trade.fee_asset, *told))
                if trade.realised:
                    settle = exchange.terms[symbol].settle
                    rows.append(_row(symbol, "REALIZED_PNL", trade.realised, settle, *told))
        rows.sort(key=lambda row: (row["time"], row["tranId"]))
        return rows[skipped : skipped + limit]


_INCOME = {"funding": "FUNDING_FEE", "transfer": "TRANSFER"}


def _row(
    symbol: str, kind: str, income: Decimal, asset: str, at: int, tran_id: int, trade_id: str
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": amount(income),
        "asset": asset,
        "info": kind,
        "time": at,
        "tranId": tran_id,
        "tradeId": trade_id,
    }


def _average(ticket: Ticket) -> str:
    return f"{ticket.value / ticket.filled:.5f}" if ticket.filled else "0.00000"
