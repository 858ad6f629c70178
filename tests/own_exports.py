"""Exports of four accounts at three venues in our own values: a few trades each, from nothing on.

Each set ties to the unit. The rows are plain dictionaries, so that a test plants what is to be
found; `save` writes them as the venue has them, JSON or a table. Two rows share no moment, and the
venue's numbers are its own count.

    python -m tests.own_exports VENUE FOLDER DEALS    so many deals, to see what a large file costs
"""

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

START_S = 1_767_225_600  # 2026-01-01
Row = dict[str, Any]


@dataclass
class Exports:
    """Rows by file; how each is wrapped, or which heading its table has."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    wrap: dict[str, Callable[[list[Row]], Any]] = field(default_factory=dict)
    first_lines: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, rows: list[Row], wrap: Callable[[list[Row]], Any] = list) -> None:
        self.rows[name], self.wrap[name] = rows, wrap

    def save(self, folder: Path) -> list[Path]:
        folder.mkdir(exist_ok=True)
        paths = [folder / name for name in self.rows]
        for path in paths:
            path.write_text(self._text(path.name), encoding="utf-8")
        return paths

    def _text(self, name: str) -> str:
        if name.endswith(".json"):
            return json.dumps(self.wrap[name](self.rows[name]))
        out = io.StringIO()
        table = csv.DictWriter(out, self.rows[name][0], lineterminator="\n")
        table.writeheader()
        table.writerows(self.rows[name])
        return self.first_lines.get(name, "") + out.getvalue()


@dataclass
class Trade:
    """One fill of a contract, and what it did: profit, fee paid, and the position after it."""

    number: int
    at_ms: int
    instrument: str
    side: int
    quantity: Decimal
    price: Decimal
    profit: Decimal
    fee: Decimal
    position: Decimal


# Instrument, side, quantity, price: long, more, out; short, and through nothing to the other side.
DEALS: tuple[tuple[str, int, str, str], ...] = (
    ("A", 1, "2", "100"),
    ("A", 1, "1", "103"),
    ("B", -1, "5", "20"),
    ("A", -1, "2", "110"),
    ("B", -1, "1", "26"),
    ("B", 1, "4", "19"),
    ("A", 1, "3", "108"),
    ("B", 1, "3", "18"),
)
FEE_RATE = Decimal("0.0005")
TRANSFER = Decimal(10_000)
FUNDING: tuple[Decimal, ...] = (Decimal("-0.125"), Decimal("0.0625"))


def ms(second: int) -> int:
    return (START_S + second) * 1000


def text(number: Decimal) -> str:
    return format(number.normalize() if number else Decimal(0), "f")


def moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}"


def trades(names: dict[str, str]) -> list[Trade]:
    """The deals at one venue, where A and B have these names: each a minute after the last."""
    held: dict[str, tuple[Decimal, Decimal]] = {}
    found = []
    for number, (which, side, units, at) in enumerate(DEALS, 1):
        quantity, price = Decimal(units), Decimal(at)
        position, entry = held.get(which, (Decimal(0), Decimal(0)))
        closing = min(quantity, abs(position)) if position * side < 0 else Decimal(0)
        profit = closing * (price - entry) * (1 if position > 0 else -1)
        after = position + side * quantity
        if position * side >= 0:
            entry = (abs(position) * entry + quantity * price) / abs(after)
        elif after * position < 0:
            entry = price
        held[which] = (after, entry)
        fee = quantity * price * FEE_RATE
        at_ms = ms(60 * number)
        found.append(Trade(number, at_ms, names[which], side, quantity, price, profit, fee, after))
    return found


def last_of(done: list[Trade]) -> dict[str, Trade]:
    return {trade.instrument: trade for trade in done}


# --- Binance USDⓈ-M ------------------------------------------------------------------------------


def binance_usdm() -> Exports:
    """userTrades, income, positionRisk and balances."""
    names = {"A": "SOLUSDT", "B": "XRPUSDT"}
    done = trades(names)
    exports = Exports()
    exports.add("userTrades.json", [_user_trade(trade) for trade in done])
    income = [_income("TRANSFER", TRANSFER, 0, 900)]
    for trade in done:
        income.append(_income("COMMISSION", -trade.fee, trade.number, trade.number, trade))
        if trade.profit:
            income.append(_income("REALIZED_PNL", trade.profit, trade.number, trade.number, trade))
    for n, amount in enumerate(FUNDING):
        income.append(_income("FUNDING_FEE", amount, 0, 950 + n, symbol=names["A"], at=700 + n))
    wallet = sum((Decimal(row["income"]) for row in income), Decimal(0))
    exports.add("income.json", income)
    exports.add(
        "positionRisk.json",
        [
            {
                "symbol": name,
                "positionSide": "BOTH",
                "positionAmt": text(trade.position),
                "updateTime": trade.at_ms,
            }
            for name, trade in last_of(done).items()
        ],
    )
    balance = {
        "asset": "USDT",
        "balance": text(wallet),
        "crossWalletBalance": text(wallet),
        "updateTime": ms(800),
    }
    exports.add("balance.json", [balance])
    return exports


def binance_usdm_table() -> Exports:
    """The same with the fills as people download them: none has a number there."""
    exports = binance_usdm()
    rows = exports.rows.pop("userTrades.json")
    exports.add("trades.csv", [_trade_row(row) for row in rows])
    return exports


def _trade_row(row: Row) -> Row:
    return {
        "Date(UTC)": moment(row["time"]),
        "Symbol": row["symbol"],
        "Side": row["side"],
        "Price": row["price"],
        "Quantity": row["qty"],
        "Amount": "0",
        "Fee": row["commission"],
        "Fee Coin": row["commissionAsset"],
        "Realized Profit": row["realizedPnl"],
        "Quote Asset": "USDT",
    }


def _user_trade(trade: Trade) -> Row:
    return {
        "symbol": trade.instrument,
        "id": trade.number,
        "orderId": 500 + trade.number,
        "side": "BUY" if trade.side > 0 else "SELL",
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "realizedPnl": text(trade.profit),
        "commission": text(trade.fee),
        "commissionAsset": "USDT",
        "time": trade.at_ms,
        "positionSide": "BOTH",
        "maker": False,
    }


def _income(
    kind: str,
    amount: Decimal,
    trade_id: int,
    tran_id: int,
    trade: Trade | None = None,
    symbol: str = "",
    at: int = 0,
) -> Row:
    return {
        "symbol": trade.instrument if trade else symbol,
        "incomeType": kind,
        "income": text(amount),
        "asset": "USDT",
        "time": trade.at_ms if trade else ms(at),
        "tranId": tran_id,
        "tradeId": str(trade_id) if trade_id else "",
    }


# --- OKX -----------------------------------------------------------------------------------------


def okx() -> Exports:
    """Fills and bills, newest first, and positions."""
    done = trades({"A": "SOL-USDT-SWAP", "B": "XRP-USDT-SWAP"})
    exports = Exports()
    exports.add("fills.json", [_okx_fill(trade) for trade in done][::-1], _data)
    bills = [_bill(ms(0), "1", "11", TRANSFER)]
    bills += [_okx_trade_bill(trade) for trade in done]
    bills += [_bill(ms(700 + n), "8", "173", amount) for n, amount in enumerate(FUNDING)]
    stands = Decimal(0)
    for number, bill in enumerate(bills, 1):
        stands += Decimal(bill["balChg"])
        bill |= {"billId": str(7000 + number), "bal": text(stands)}
    exports.add("bills.json", bills[::-1], _data)
    exports.add(
        "positions.json",
        [
            {
                "instType": "SWAP",
                "instId": name,
                "posSide": "net",
                "pos": text(trade.position),
                "tradeId": str(trade.number),
                "uTime": str(trade.at_ms),
            }
            for name, trade in last_of(done).items()
        ],
        _data,
    )
    return exports


def _data(rows: list[Row]) -> Any:
    return {"code": "0", "msg": "", "data": rows}


def _okx_fill(trade: Trade) -> Row:
    return {
        "instType": "SWAP",
        "instId": trade.instrument,
        "tradeId": str(trade.number),
        "ordId": str(500 + trade.number),
        "clOrdId": "",
        "billId": str(6000 + trade.number),
        "side": "buy" if trade.side > 0 else "sell",
        "posSide": "net",
        "fillPx": text(trade.price),
        "fillSz": text(trade.quantity),
        "fee": text(-trade.fee),
        "feeCcy": "USDT",
        "fillPnl": text(trade.profit),
        "execType": "T",
        "subType": "1" if trade.side > 0 else "2",
        "ts": str(trade.at_ms),
    }


def _okx_trade_bill(trade: Trade) -> Row:
    bill = _bill(
        # The bill is written a little after the match.
        trade.at_ms + 3,
        "2",
        "1" if trade.side > 0 else "2",
        trade.profit - trade.fee,
    )
    return bill | {
        "instId": trade.instrument,
        "tradeId": str(trade.number),
        "sz": text(trade.quantity),
        "fee": text(-trade.fee),
        "pnl": text(trade.profit),
    }


def _bill(at_ms: int, kind: str, sub_kind: str, amount: Decimal) -> Row:
    return {
        "billId": "",
        "type": kind,
        "subType": sub_kind,
        "ccy": "USDT",
        "balChg": text(amount),
        "bal": "",
        "instId": "",
        "tradeId": "",
        "sz": "0",
        "fee": "0",
        "pnl": "0",
        "ts": str(at_ms),
    }


def okx_table() -> Exports:
    """The bills as people download them: in the zone of their profile, a trade without a number."""
    exports = okx()
    bills = exports.rows.pop("bills.json")
    exports.add("trading.csv", [_okx_row(bill) for bill in bills])
    exports.first_lines["trading.csv"] = "UID:1,Account Type:Main,Time Zone:UTC+8\n"
    return exports


def _okx_row(bill: Row) -> Row:
    actions = {"1": "Transfer in", "8": "Funding fee expense"}
    action = actions.get(bill["type"]) or ("Buy" if bill["subType"] == "1" else "Sell")
    return {
        "id": bill["billId"],
        "Order id": "5",
        "Time": moment(int(bill["ts"]) + 8 * 3_600_000),
        "Trade Type": "Swap",
        "Symbol": bill["instId"],
        "Action": action,
        "Amount": bill["sz"],
        "Trading Unit": "cont",
        "Filled Price": "0",
        "PnL": bill["pnl"],
        "Fee": bill["fee"],
        "Fee Unit": "USDT",
        "Position Change": "0",
        "Position Balance": "0",
        "Balance Change": bill["balChg"],
        "Balance": bill["bal"],
        "Balance Unit": "USDT",
    }


def okx_spot() -> Exports:
    """Fills of a pair and both bills of each: the fee is of the coin that came in."""
    fills: list[Row] = []
    bills = [_bill(ms(0), "1", "11", Decimal(1000))]
    for n, (side, units, at) in enumerate(SPOT, 1):
        quantity, price = Decimal(units), Decimal(at)
        came, went = ("SOL", "USDT") if side == "BUY" else ("USDT", "SOL")
        moved = {"SOL": quantity, "USDT": quantity * price}
        fee = moved[came] / 1000
        fill = {
            "instType": "SPOT", "instId": "SOL-USDT", "tradeId": str(n), "ordId": str(500 + n),
            "clOrdId": "", "billId": str(6000 + n), "side": side.lower(), "posSide": "",
            "fillPx": at, "fillSz": units, "fee": text(-fee), "feeCcy": came, "fillPnl": "0",
            "execType": "M", "ts": str(ms(60 * n)),
        }  # fmt: skip
        fills.append(fill)
        told = {"instId": "SOL-USDT", "tradeId": str(n), "sz": units}
        sub_kind = "1" if side == "BUY" else "2"
        bill = _bill(ms(60 * n) + 2, "2", sub_kind, moved[came] - fee)
        bills.append(bill | told | {"ccy": came, "fee": text(-fee)})
        bills.append(_bill(ms(60 * n) + 2, "2", sub_kind, -moved[went]) | told | {"ccy": went})
    stands: dict[str, Decimal] = {}
    for number, bill in enumerate(bills, 1):
        stands[bill["ccy"]] = stands.get(bill["ccy"], Decimal(0)) + Decimal(bill["balChg"])
        bill |= {"billId": str(7000 + number), "bal": text(stands[bill["ccy"]])}
    exports = Exports()
    exports.add("fills.json", fills[::-1], _data)
    exports.add("bills.json", bills[::-1], _data)
    return exports


# --- Bybit ---------------------------------------------------------------------------------------


def bybit() -> Exports:
    """Executions, positions, and the transaction log, as the API and as the table to download."""
    done = trades({"A": "SOLUSDT", "B": "XRPUSDT"})
    exports = Exports()
    exports.add("executions.json", [_execution(trade) for trade in done][::-1], _list)
    rows = [_log("TRANSFER_IN", ms(0), change=TRANSFER)]
    rows += [_log("TRADE", trade.at_ms, trade.profit - trade.fee, trade) for trade in done]
    rows += [
        _log("SETTLEMENT", ms(700 + n), amount, instrument="SOLUSDT")
        for n, amount in enumerate(FUNDING)
    ]
    stands = Decimal(0)
    for number, row in enumerate(rows, 1):
        stands += Decimal(row["change"])
        row |= {"id": f"log{number}", "cashBalance": text(stands)}
    exports.add("transaction-log.json", rows[::-1], _list)
    exports.add(
        "positions.json",
        [
            {
                "symbol": name,
                "positionIdx": 0,
                "side": "Buy" if trade.position > 0 else "Sell" if trade.position else "",
                "size": text(abs(trade.position)),
                "updatedTime": str(trade.at_ms),
                "seq": trade.number,
            }
            for name, trade in last_of(done).items()
        ],
        _list,
    )
    return exports


def bybit_table() -> Exports:
    """The same with the log as people download it: no trade has a number there."""
    exports = bybit()
    rows = exports.rows.pop("transaction-log.json")
    exports.add("log.csv", [_log_row(row) for row in rows])
    exports.first_lines["log.csv"] = "UID: 1,Company Name: ,Country: \n"
    return exports


def _list(rows: list[Row]) -> Any:
    result = {"category": "linear", "list": rows, "nextPageCursor": ""}
    return {"retCode": 0, "retMsg": "OK", "result": result, "time": ms(900)}


def _execution(trade: Trade) -> Row:
    return {
        "symbol": trade.instrument,
        "execId": f"exec{trade.number}",
        "orderId": f"order{trade.number}",
        "orderLinkId": "",
        "side": "Buy" if trade.side > 0 else "Sell",
        "execType": "Trade",
        "execQty": text(trade.quantity),
        "execPrice": text(trade.price),
        "execValue": text(trade.quantity * trade.price),
        "execFee": text(trade.fee),
        "execPnl": text(trade.profit),
        "execTime": str(trade.at_ms),
        "isMaker": False,
        "seq": trade.number,
    }


def _log(
    kind: str, at_ms: int, change: Decimal, trade: Trade | None = None, instrument: str = ""
) -> Row:
    return {
        "id": "",
        "symbol": trade.instrument if trade else instrument,
        "category": "linear" if trade or instrument else "",
        "side": ("Buy" if trade.side > 0 else "Sell") if trade else "None",
        "type": kind,
        "currency": "USDT",
        "qty": text(trade.quantity) if trade else "0",
        "tradePrice": text(trade.price) if trade else "0",
        "funding": text(change) if kind == "SETTLEMENT" else "0",
        "fee": text(trade.fee) if trade else "0",
        "cashFlow": text(trade.profit) if trade else "0",
        "change": text(change),
        "cashBalance": "",
        "tradeId": f"exec{trade.number}" if trade else "",
        "orderId": f"order{trade.number}" if trade else "",
        "orderLinkId": "",
        "transactionTime": str(at_ms),
    }


def _log_row(row: Row) -> Row:
    return {
        "Uid": "1",
        "Currency": row["currency"],
        "Contract": row["symbol"],
        "Type": row["type"],
        "Direction": row["side"].upper(),
        "Quantity": row["qty"],
        "Position": "0",
        "Filled Price": row["tradePrice"],
        "Funding": row["funding"],
        "Fee Paid": text(-Decimal(row["fee"])),
        "Cash Flow": row["cashFlow"],
        "Change": row["change"],
        "Wallet Balance": row["cashBalance"],
        "Action": "--",
        "Time(UTC)": moment(int(row["transactionTime"])),
    }


# --- Binance spot --------------------------------------------------------------------------------

SPOT = (("BUY", "2", "100"), ("BUY", "1", "103"), ("SELL", "2", "110"), ("BUY", "0.5", "108"))


def binance_spot() -> Exports:
    """The two tables to download, and the account."""
    trades_made: list[Row] = []
    moves = [_transaction(0, "Deposit", "USDT", Decimal(1000))]
    moves.append(_transaction(1, "Deposit", "BNB", Decimal(1)))
    for n, (side, units, at) in enumerate(SPOT, 1):
        quantity, price = Decimal(units), Decimal(at)
        sign = 1 if side == "BUY" else -1
        fee = quantity / 1000
        trades_made.append(
            {
                "Date(UTC)": moment(ms(60 * n)),
                "Pair": "SOLUSDT",
                "Side": side,
                "Price": at,
                "Executed": f"{units}SOL",
                "Amount": f"{text(quantity * price)}USDT",
                "Fee": f"{text(fee)}BNB",
            }
        )
        words = ("Transaction Buy", "Transaction Spend")
        words = words if side == "BUY" else ("Transaction Sold", "Transaction Revenue")
        moves.append(_transaction(60 * n, words[0], "SOL", sign * quantity))
        moves.append(_transaction(60 * n, words[1], "USDT", -sign * quantity * price))
        moves.append(_transaction(60 * n, "Transaction Fee", "BNB", -fee))
    moves.append(_transaction(600, "Withdraw", "USDT", Decimal(-50)))
    exports = Exports()
    exports.add("trades.csv", trades_made)
    exports.add("transactions.csv", moves)
    balances: dict[str, Decimal] = {}
    for row in moves:
        balances[row["Coin"]] = balances.get(row["Coin"], Decimal(0)) + Decimal(row["Change"])
    held = [{"asset": a, "free": text(x), "locked": "0"} for a, x in balances.items()]
    exports.add("account.json", held, _account)
    return exports


def _account(rows: list[Row]) -> Any:
    return {"makerCommission": 10, "updateTime": ms(601), "balances": rows}


def _transaction(second: int, operation: str, coin: str, change: Decimal) -> Row:
    return {
        "User_ID": "1",
        "UTC_Time": moment(ms(second)),
        "Account": "Spot",
        "Operation": operation,
        "Coin": coin,
        "Change": text(change),
        "Remark": "",
    }


VENUES: dict[str, Callable[[], Exports]] = {
    "binance_usdm": binance_usdm,
    "binance_spot": binance_spot,
    "binance_usdm_table": binance_usdm_table,
    "okx": okx,
    "okx_table": okx_table,
    "okx_spot": okx_spot,
    "bybit": bybit,
    "bybit_table": bybit_table,
}


def many(make: Callable[[], Exports], deals: int) -> Exports:
    """The same of so many deals, one a minute, and no funding among them."""
    global DEALS, FUNDING
    few, funding = DEALS, FUNDING
    ways = (("A", 1), ("A", -1), ("B", -1), ("B", 1))
    DEALS = tuple((*ways[n % 4], "2", "100") for n in range(deals))
    FUNDING = ()
    try:
        return make()
    finally:
        DEALS, FUNDING = few, funding


if __name__ == "__main__":
    _, venue, folder, deals = sys.argv
    many(VENUES[venue], int(deals)).save(Path(folder))
