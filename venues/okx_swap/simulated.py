"""OKX's own words: what the simulated venue sends, shaped as the real one's v5 frames.

Shares nothing with the decoder. Every number is a text, times are milliseconds, a fee that is
charged is negative, a position is positive in both legs.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import msgspec

from venues.exchange import (
    Exchange,
    Line,
    Movement,
    Position,
    Print,
    Refusal,
    Ticket,
    Top,
    Trade,
)
from venues.simulated import Answer, Asked, Limited

_encode = msgspec.json.encode
ZERO = Decimal(0)
T = TypeVar("T")
STATES = {
    "NEW": "live",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "canceled",
    "EXPIRED": "canceled",
    "REJECTED": "canceled",
}
CATEGORIES = {"liquidation": "full_liquidation", "adl": "adl"}
ERRORS = {
    "unknown_symbol": ("51001", "Instrument ID doesn't exist."),
    "duplicate_client_id": ("51016", "Client order ID already exists."),
    "bad_kind": ("51000", "Parameter ordType error"),
    "bad_quantity": ("51121", "Order quantity must be a multiple of the lot size."),
    "bad_price": ("51006", "Order price is not within the price limit"),
    "balance": ("51008", "Order failed. Insufficient USDT margin in account"),
    "position_mode": ("51000", "Parameter posSide error"),
    "reduce_only": ("51169", "Order failed because you don't have any positions to close."),
}


def text(number: Decimal) -> str:
    """A number as OKX writes it: no exponent, no trailing zeros."""
    shown = f"{number:f}" if number else "0"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def movement_key(movement: Movement) -> tuple[str, ...]:
    return (movement.kind, _movement_bill(movement), movement.asset)


def terms_told(exchange: Exchange, symbol: str) -> list[bytes]:
    """A push of the instruments channel."""
    return [_push("instruments", _terms(exchange, symbol))]


def listed(exchange: Exchange) -> list[dict[str, Any]]:
    """All instruments, as the venue lists them."""
    return [_terms(exchange, symbol) for symbol in exchange.terms]


def _terms(exchange: Exchange, symbol: str) -> dict[str, Any]:
    terms, upcoming = exchange.terms[symbol], exchange.upcoming.get(symbol)
    empty = dict.fromkeys(
        "alias auctionEndTime baseCcy contTdSwTime expTime maxMktAmt openType optType preMktSwTime "
        "quoteCcy stk".split(),
        "",
    )
    most = dict.fromkeys(
        "maxIcebergSz maxLmtAmt maxLmtSz maxMktSz maxStopSz maxTriggerSz maxTwapSz".split(),
        "100000000",
    )
    changes: list[dict[str, str]] = []
    if upcoming is not None:
        multiplier, at_ms = upcoming
        changes.append({"param": "ctVal", "newValue": text(multiplier), "effTime": str(at_ms)})
    return {
        **empty,
        **most,
        "category": "1",
        "ctMult": "1",
        "ctType": "linear",
        "ctVal": text(terms.multiplier),
        "ctValCcy": terms.base,
        "futureSettlement": False,
        "groupId": "2",
        "instCategory": "1",
        "instFamily": f"{terms.base}-{terms.quote}",
        "instId": symbol,
        "instIdCode": 10459,
        "instType": "SWAP",
        "lever": "100",
        "listTime": "1573557408000",
        "lotSz": text(terms.lot),
        "minSz": text(terms.lot),
        "ruleType": "normal",
        "settleCcy": terms.settle,
        "state": "live",
        "tickSz": text(terms.tick),
        "tradeQuoteCcyList": [],
        "uly": f"{terms.base}-{terms.quote}",
        "upcChg": changes,
    }


def _bill(number: int, part: int) -> str:
    return str(700_000_000_000_000_000 + number * 10 + part)


def _movement_bill(movement: Movement) -> str:
    return _bill(movement.number, 0)


def _trade_bill(trade: Trade) -> str:
    return _bill(abs(trade.trade_id), 1 if trade.maker else 2)


def _line_bill(line: Line) -> str:
    if line.trade is not None:
        return _trade_bill(line.trade)
    assert line.movement is not None
    return _movement_bill(line.movement)


class Words:
    """How OKX tells what happened, and answers what it is asked."""

    statements: ClassVar[dict[str, str]] = {
        "/api/v5/account/balance": "balances",
        "/api/v5/account/positions": "positions",
    }
    farewell = (
        b'{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service'
        b' upgrade. Please reconnect.","connId":"a4d3ae55"}'
    )

    def __init__(self) -> None:
        self._realised: dict[str, Decimal] = {}

    # --- the stream ------------------------------------------------------------------------------

    def order(self, exchange: Exchange, ticket: Ticket) -> list[bytes]:
        return [_push("orders", self._order_push(exchange, ticket, None))]

    def trade(self, exchange: Exchange, trade: Trade) -> list[bytes]:
        order_id = trade.ticket.order_id
        self._realised[order_id] = self._realised.get(order_id, ZERO) + trade.realised
        return [_push("orders", self._order_push(exchange, trade.ticket, trade))]

    def account(
        self, exchange: Exchange, assets: list[str], legs: list[tuple[str, str]], reason: str
    ) -> list[bytes]:
        balance = self._balance(exchange, assets)
        told = [_encode({"arg": {"channel": "account"}, "data": [balance]})]
        for key in legs:
            position = exchange.positions.get(key)
            if position is not None:
                told.append(_push("positions", self._position(exchange, key, position)))
        return told

    def movement(self, exchange: Exchange, movement: Movement) -> list[bytes]:
        """Only new balances are pushed; by how much they moved, the bills tell."""
        return []

    def top(self, exchange: Exchange, symbol: str, top: Top, update: int) -> bytes:
        """The channel bbo-tbt; how many orders make a level is not counted here."""
        bids, asks = ([[text(s[0]), text(s[1]), "0", "1"]] if s else [] for s in top)
        row = {"asks": asks, "bids": bids, "ts": str(exchange.clock.now_ms()), "seqId": update}
        return _encode({"arg": {"channel": "bbo-tbt", "instId": symbol}, "data": [row]})

    def printed(self, exchange: Exchange, each: Print) -> bytes:
        """The channel trades; what one order took at one price is told trade by trade here."""
        row = {
            "instId": each.symbol,
            "tradeId": str(each.trade_id),
            "px": text(each.price),
            "sz": text(each.quantity),
            "side": each.side,
            "ts": str(exchange.clock.now_ms()),
            "count": "1",
        }
        return _encode({"arg": {"channel": "trades", "instId": each.symbol}, "data": [row]})

    def _order_push(
        self, exchange: Exchange, ticket: Ticket, trade: Trade | None
    ) -> dict[str, Any]:
        return self._order(exchange, ticket, trade) | {
            "amendResult": "",
            "cancelSource": "1" if ticket.status == "CANCELED" else "",
            "cancelSourceReason": ticket.reason if ticket.status == "CANCELED" else "",
            "code": "0",
            "execType": ("M" if trade.maker else "T") if trade else "",
            "fillFee": text(-trade.fee) if trade else "0",
            "fillFeeCcy": trade.fee_asset if trade else "",
            "fillNotionalUsd": text(trade.value) if trade else "",
            "fillPnl": text(trade.realised) if trade else "0",
            "msg": "",
            "notionalUsd": "",
            "reqId": "",
        }

    def _order(self, exchange: Exchange, ticket: Ticket, trade: Trade | None) -> dict[str, Any]:
        terms = exchange.terms[ticket.symbol]
        settle, coins = terms.settle, ticket.filled * terms.multiplier
        return {
            "accFillSz": text(ticket.filled),
            "algoClOrdId": "",
            "algoId": "",
            "attachAlgoClOrdId": "",
            "attachAlgoOrds": [],
            "avgPx": text((ticket.value / coins).quantize(Decimal("1e-8"))) if coins else "",
            "cTime": str(ticket.created_at),
            "category": CATEGORIES.get(trade.cause, "normal") if trade else "normal",
            "ccy": "",
            "clOrdId": ticket.client_id,
            "fee": text(-ticket.fees),
            "feeCcy": settle,
            "fillPx": text(trade.price) if trade else "",
            "fillSz": text(trade.quantity) if trade else "0",
            "fillTime": str(trade.at) if trade else "",
            "instId": ticket.symbol,
            "instType": "SWAP",
            "isTpLimit": "false",
            "lever": "5",
            "linkedAlgoOrd": {"algoId": ""},
            "ordId": ticket.order_id,
            "ordType": ticket.kind,
            "pnl": text(self._realised.get(ticket.order_id, ZERO)),
            "posSide": ticket.leg,
            "px": "" if ticket.kind == "market" else text(ticket.price),
            "pxType": "",
            "pxUsd": "",
            "pxVol": "",
            "quickMgnType": "",
            "rebate": "0",
            "rebateCcy": settle,
            "reduceOnly": "true" if ticket.reduce_only else "false",
            "side": ticket.side,
            "slOrdPx": "",
            "slTriggerPx": "",
            "slTriggerPxType": "",
            "source": "",
            "state": STATES[ticket.status],
            "stpId": "",
            "stpMode": "cancel_maker",
            "sz": text(ticket.quantity),
            "tag": "",
            "tdMode": "cross",
            "tgtCcy": "",
            "tpOrdPx": "",
            "tpTriggerPx": "",
            "tpTriggerPxType": "",
            "tradeId": str(trade.trade_id) if trade else "",
            "uTime": str(ticket.updated_at),
        }

    # --- answers ---------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, asked: Asked) -> Answer:
        """What the venue does and says. Refusals come with HTTP 200 and a code."""
        now = str(exchange.clock.now_ms() * 1000)
        match asked.method, asked.path:
            case "POST", "/api/v5/trade/order":
                return 200, _encode(self._placed(exchange, asked.params, now))
            case "POST", "/api/v5/trade/cancel-order":
                return 200, _encode(self._cancelled(exchange, asked.params, now))
            case "GET", "/api/v5/trade/order":
                ticket = _asked(exchange, asked.params)
                if ticket is None:
                    return 200, _encode(
                        {"code": "51603", "data": [], "msg": "Order does not exist"}
                    )
                return 200, _rows([self._order(exchange, ticket, None)])
            case "GET", "/api/v5/trade/orders-pending":
                tickets = exchange.open_tickets()[::-1][:100]
                return 200, _rows([self._order(exchange, ticket, None) for ticket in tickets])
            case "GET", "/api/v5/account/balance":
                return 200, _rows([self._balance(exchange, list(exchange.wallets))])
            case "GET", "/api/v5/account/positions":
                return 200, _rows(self._positions(exchange))
            case "GET", "/api/v5/trade/fills-history":
                return 200, _rows(self._fills(exchange, asked.params))
            case "GET", "/api/v5/account/bills":
                return 200, _rows(self._bills(exchange, asked.params))
            case "GET", "/api/v5/public/instruments":
                return 200, _rows([_terms(exchange, asked.params["instId"])])
            case "GET", "/api/v5/account/config":
                return 200, _rows([self._config(exchange, asked.rights)])
            case _:
                return 404, _encode({"code": "404", "data": {}, "msg": "Not Found"})

    def expired(self, exchange: Exchange, asked: Asked) -> Answer:
        """The order's expTime has passed."""
        now = str(exchange.clock.now_ms() * 1000)
        row = {"clOrdId": asked.params["clOrdId"], "ordId": "", "tag": "", "sCode": "51149"}
        row |= {"sMsg": "Order timed out. Please try again later.", "ts": ""}
        told = {"code": "1", "data": [row], "msg": "", "inTime": now, "outTime": now}
        return 200, _encode(told)

    def limited(self, exchange: Exchange, wait_ms: int) -> Limited:
        """Too many requests; it does not say for how long."""
        return 429, _encode({"code": "50011", "data": [], "msg": "Too Many Requests"}), ()

    def _placed(self, exchange: Exchange, params: dict[str, Any], now: str) -> object:
        try:
            if Decimal(params["sz"]) <= 0:
                raise Refusal("bad_quantity")
            ticket = exchange.place(
                params.get("clOrdId", ""),
                params["instId"],
                params["side"],
                Decimal(params["sz"]),
                params["ordType"],
                Decimal(params.get("px", "0")),
                params.get("posSide", "net"),
                reduce_only=params.get("reduceOnly", False),
            )
        except Refusal as refusal:
            return _failed(ERRORS.get(refusal.why, ("51000", refusal.why)), params, now)
        return _done(ticket, now)

    def _cancelled(self, exchange: Exchange, params: dict[str, Any], now: str) -> object:
        ticket = _asked(exchange, params)
        try:
            if ticket is None:
                raise Refusal("unknown_order")
            exchange.cancel(ticket)
        except Refusal:
            gone = "Cancellation failed as the order has been filled, canceled or does not exist."
            return _failed(("51400", gone), params, now)
        return _done(ticket, now)

    def _balance(self, exchange: Exchange, assets: list[str]) -> dict[str, Any]:
        return {
            "adjEq": "",
            "availEq": "",
            "borrowFroz": "",
            "details": [
                self._detail(asset, exchange.wallets[asset], exchange.wallets_at[asset])
                for asset in assets
                if asset in exchange.wallets
            ],
            "imr": "",
            "isoEq": "0",
            "mgnRatio": "",
            "mmr": "",
            "notionalUsd": "",
            "notionalUsdForBorrow": "",
            "notionalUsdForFutures": "",
            "notionalUsdForOption": "",
            "notionalUsdForSwap": "",
            "ordFroz": "",
            "totalEq": text(sum(exchange.wallets.values(), ZERO)),
            "uTime": str(exchange.clock.now_ms()),
            "upl": "",
        }

    def _detail(self, asset: str, amount: Decimal, at: int) -> dict[str, Any]:
        zero = dict.fromkeys(
            "disEq fixedBal frozenBal imr isoEq isoUpl mmr notionalLever ordFrozen rewardBal "
            "smtSyncEq spotCopyTradingEq spotIsoBal stgyEq twap upl colBorrAutoConversion".split(),
            "0",
        )
        empty = dict.fromkeys(
            "accAvgPx borrowFroz clSpotInUseAmt crossLiab interest isoLiab liab maxLoan "
            "maxSpotInUseAmt mgnRatio openAvgPx spotBal spotInUseAmt spotUpl spotUplRatio totalPnl "
            "totalPnlRatio uplLiab".split(),
            "",
        )
        shown = text(amount)
        return {
            **zero,
            **empty,
            "availBal": shown,
            "availEq": shown,
            "cashBal": shown,
            "ccy": asset,
            "coinUsdPrice": "1",
            "collateralEnabled": False,
            "collateralRestrict": False,
            "eq": shown,
            "eqUsd": shown,
            "uTime": str(at),
        }

    def _positions(self, exchange: Exchange) -> list[dict[str, Any]]:
        """Flat legs are left out."""
        return [
            self._position(exchange, key, position)
            for key, position in exchange.positions.items()
            if position.quantity
        ]

    def _position(
        self, exchange: Exchange, key: tuple[str, str], position: Position
    ) -> dict[str, Any]:
        symbol, leg = key
        terms = exchange.terms[symbol]
        shown = text(position.quantity if leg == "net" else abs(position.quantity))
        last = text(exchange.last_price(terms))
        empty = dict.fromkeys(
            "baseBorrowed baseInterest bizRefId bizRefType clSpotInUseAmt deltaBS deltaPA gammaBS "
            "gammaPA imr liab liabCcy margin maxSpotInUseAmt optVal posCcy quoteBorrowed "
            "quoteInterest spotInUseAmt spotInUseCcy thetaBS thetaPA usdPx vegaBS vegaPA".split(),
            "",
        )
        zero = dict.fromkeys(
            "fee fundingFee interest liqPenalty liqPx mgnRatio mmr pendingCloseOrdLiabVal pnl "
            "realizedPnl upl uplLastPx uplRatio uplRatioLastPx".split(),
            "0",
        )
        return {
            **empty,
            **zero,
            "adl": "1",
            "availPos": shown,
            "avgPx": text(position.entry.quantize(Decimal("1e-8"))),
            "bePx": text(position.entry.quantize(Decimal("1e-8"))),
            "cTime": str(position.updated_at),
            "ccy": terms.settle,
            "closeOrderAlgo": [],
            "idxPx": last,
            "instId": symbol,
            "instType": "SWAP",
            "last": last,
            "lever": "5",
            "markPx": last,
            "mgnMode": exchange.margin,
            "notionalUsd": text(abs(position.quantity) * terms.multiplier * position.entry),
            "pTime": str(exchange.clock.now_ms()),
            "pos": shown,
            "posId": f"30717303605{len(symbol)}{len(leg)}",
            "posSide": leg,
            "tradeId": str(position.trade_id) if position.trade_id else "",
            "uTime": str(position.updated_at),
        }

    def _fills(self, exchange: Exchange, params: dict[str, Any]) -> list[dict[str, Any]]:
        trades = exchange.trades.get(params["instId"], [])
        page = _page(trades, _trade_bill, params, exchange.rows(params["limit"]))
        return [self._fill(trade) for trade in page]

    def _fill(self, trade: Trade) -> dict[str, Any]:
        ticket, long = trade.ticket, trade.ticket.leg == "long"
        plain = {("buy", "long"): "3", ("sell", "short"): "4", ("sell", "long"): "5"}
        kinds = {
            "liquidation": "104" if long else "105",
            "adl": "125" if long else "126",
        }
        return {
            "side": trade.side,
            "fillSz": text(trade.quantity),
            "fillPx": text(trade.price),
            "fillPxVol": "",
            "fillFwdPx": "",
            "fee": text(-trade.fee),
            "fillPnl": text(trade.realised),
            "ordId": ticket.order_id,
            "feeRate": "-0.0002" if trade.maker else "-0.0005",
            "instType": "SWAP",
            "fillPxUsd": "",
            "instId": ticket.symbol,
            "clOrdId": ticket.client_id,
            "posSide": ticket.leg,
            "billId": _trade_bill(trade),
            "subType": kinds.get(trade.cause) or plain.get((trade.side, ticket.leg), "6"),
            "fillMarkVol": "",
            "tag": "",
            "fillTime": str(trade.at),
            "execType": "M" if trade.maker else "T",
            "fillIdxPx": text(trade.price),
            "tradeId": str(trade.trade_id),
            "fillMarkPx": text(trade.price),
            "feeCcy": trade.fee_asset,
            "ts": str(trade.at + 1),
        }

    def _bills(self, exchange: Exchange, params: dict[str, Any]) -> list[dict[str, Any]]:
        lines = [line for line in exchange.lines if line.kind != "bust"]
        page = _page(lines, _line_bill, params, exchange.rows(params["limit"]))
        return [self._line(line) for line in page]

    def _line(self, line: Line) -> dict[str, Any]:
        trade, movement = line.trade, line.movement
        kind, sub, symbol = "2", "3", ""
        if trade is not None:
            symbol = trade.ticket.symbol
        if movement is not None:
            symbol = movement.symbol
            funding = movement.kind == "funding"
            kind, sub = ("8", "173" if line.cash < 0 else "174") if funding else ("1", "11")
        return {
            "bal": text(line.after),
            "balChg": text(line.cash - line.fee),
            "billId": _line_bill(line),
            "ccy": line.asset,
            "clOrdId": trade.ticket.client_id if trade else "",
            "execType": ("M" if trade.maker else "T") if trade else "",
            "fee": text(-line.fee),
            "fillFwdPx": "",
            "fillIdxPx": "",
            "fillMarkPx": "",
            "fillMarkVol": "",
            "fillPxUsd": "",
            "fillPxVol": "",
            "fillTime": str(line.at) if trade else "",
            "from": "",
            "instId": symbol,
            "instType": "SWAP" if symbol else "",
            "interest": "0",
            "mgnMode": "cross" if symbol else "",
            "notes": "",
            "ordId": trade.ticket.order_id if trade else "",
            "pnl": text(line.cash) if kind != "1" else "0",
            "posBal": "0",
            "posBalChg": "0",
            "px": text(trade.price) if trade else "",
            "subType": sub,
            "sz": text(trade.quantity) if trade else "0",
            "tag": "",
            "to": "",
            "tradeId": str(trade.trade_id) if trade else "",
            "ts": str(line.at),
            "type": kind,
        }

    def _config(self, exchange: Exchange, rights: tuple[str, ...]) -> dict[str, Any]:
        hedged = any(leg != "net" for _, leg in exchange.positions)
        words = {"read": "read_only", "trade": "trade", "withdraw": "withdraw"}
        return {
            "acctLv": "2",
            "acctStpMode": "cancel_maker",
            "autoLoan": False,
            "ctIsoMode": "automatic",
            "enableSpotBorrow": False,
            "greeksType": "PA",
            "ip": "",
            "kycLv": "3",
            "label": "v5 test",
            "level": "Lv1",
            "levelTmp": "",
            "liquidationGear": "-1",
            "mainUid": "44705892343619584",
            "mgnIsoMode": "automatic",
            "opAuth": "0",
            "perm": ",".join(words[each] for each in rights if each in words),
            "posMode": "long_short_mode" if hedged else "net_mode",
            "roleType": "0",
            "spotBorrowAutoRepay": False,
            "spotOffsetType": "",
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "traderInsts": [],
            "type": "0",
            "uid": "44705892343619584",
        }


def _push(channel: str, row: dict[str, Any]) -> bytes:
    return _encode({"arg": {"channel": channel, "instType": "SWAP"}, "data": [row]})


def _asked(exchange: Exchange, params: dict[str, Any]) -> Ticket | None:
    """The order that is meant: by our id, which stands first, or by the venue's."""
    if "clOrdId" in params:
        return exchange.by_client.get(params["clOrdId"])
    return exchange.tickets.get(params["ordId"])


def _rows(rows: list[dict[str, Any]]) -> bytes:
    return _encode({"code": "0", "data": rows, "msg": ""})


def _page(rows: list[T], bill: Callable[[T], str], params: dict[str, Any], limit: int) -> list[T]:
    """Newest first; of what lies between `before` and `after` the newest, not the oldest."""
    above, below = int(params.get("before", 0)), int(params.get("after", 2**63))
    found: list[tuple[int, T]] = []
    for row in reversed(rows):
        number = int(bill(row))
        if number <= above - 10:  # the two bills of a self-trade may stand in either order
            break
        if above < number < below:
            found.append((number, row))
    found.sort(key=lambda pair: -pair[0])
    return [row for _, row in found[:limit]]


def _done(ticket: Ticket, now: str) -> object:
    row = {
        "clOrdId": ticket.client_id,
        "ordId": ticket.order_id,
        "sCode": "0",
        "sMsg": "",
        "tag": "",
        "ts": str(ticket.updated_at),
    }
    return {"code": "0", "data": [row], "inTime": now, "msg": "", "outTime": now}


def _failed(error: tuple[str, str], params: dict[str, Any], now: str) -> object:
    row = {
        "clOrdId": params.get("clOrdId", ""),
        "ordId": params.get("ordId", ""),
        "sCode": error[0],
        "sMsg": error[1],
        "tag": "",
        "ts": now[:-3],
    }
    return {
        "code": "1",
        "data": [row],
        "inTime": now,
        "msg": "All operations failed",
        "outTime": now,
    }
