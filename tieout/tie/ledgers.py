"""What an exchange's ledger tells again of trades, and what stood after each of its rows.

The words by which each venue's ledger says what a row is for are tables here. A ledger's other rows
(transfers, funding) are facts, and read as those (`tieout/tie/facts.py`).
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Literal, NamedTuple

from core.events import Cause
from core.money import ASSET_DECIMALS_MAX, parse, quantity
from tieout.tie.kinds import By
from venues.bybit_inverse.decoder import LINES_OF_TRADES
from venues.okx_swap.decoder import BILLS_OF_TRADES, SUBTYPE

Json = dict[str, Any]
Purpose = Literal["trade", "fee"]
Reason = Literal["transfer", "deposit", "withdrawal", "adjustment"]
# Value and fee of one trade in one asset.
Both = tuple[tuple[Purpose, int], tuple[Purpose, int]]


class Line(NamedTuple):
    """What a ledger tells again of a trade: so much of an asset, as value or as fee.

    `trade` is the venue's number of the fill, "" where it tells none; `quantity` is signed, 0 where
    not told.
    """

    account: str
    instrument: str
    trade: str
    at: int
    asset: str
    purpose: Purpose
    amount: int
    place: str
    quantity: int = 0
    cause: Cause = "missing_fill"


class Balance(NamedTuple):
    """What stood in an asset after a ledger's row, and by how much the row changed it."""

    account: str
    asset: str
    at: int
    change: int
    balance: int
    place: str


def in_turn(balances: list[Balance]) -> list[Balance]:
    """By their moments, and within one each after the row that left what it began with.

    Ledgers come newest first or oldest first, in pages that may part a moment: only that orders it.
    """
    stood: dict[tuple[str, str], int] = {}
    ordered: list[Balance] = []
    rising = sorted(balances, key=lambda each: each.at)
    for _, together in groupby(rising, key=lambda each: each.at):
        rest = list(together)
        while rest:
            turn = _next(rest, stood)
            rest.remove(turn)
            stood[turn.account, turn.asset] = turn.balance
            ordered.append(turn)
    return ordered


def _next(rest: list[Balance], stood: dict[tuple[str, str], int]) -> Balance:
    """One that follows; of an asset that begins, one that follows none of the others."""
    if len(rest) == 1:
        return rest[0]
    for each in rest:
        before, asset = each.balance - each.change, (each.account, each.asset)
        left = [e.balance for e in rest if e is not each and (e.account, e.asset) == asset]
        if before == stood[asset] if asset in stood else before not in left:
            return each
    return rest[0]


# --- words of ledgers ----------------------------------------------------------------------------

BINANCE_WALLETS: Mapping[str, str] = {
    "spot": "binance_spot",
    "usdt-futures": "binance_usdm",
    "usd-m futures": "binance_usdm",
    "usdⓢ-m futures": "binance_usdm",
}
BINANCE_TRADES: Mapping[str, Purpose] = {
    "buy": "trade",
    "sell": "trade",
    "transaction buy": "trade",
    "transaction sold": "trade",
    "transaction spend": "trade",
    "transaction revenue": "trade",
    "transaction related": "trade",
    "realized profit and loss": "trade",
    "fee": "fee",
    "transaction fee": "fee",
}
BINANCE_MOVES: Mapping[str, Reason] = {
    "deposit": "deposit",
    "withdraw": "withdrawal",
    "transfer": "transfer",
}
BINANCE_INCOME: Mapping[str, Purpose] = {"COMMISSION": "fee", "REALIZED_PNL": "trade"}
OKX_TRADES = ("buy", "sell", "open long", "open short", "close long", "close short")
# A bill's subType of a trade: which way it went.
OKX_SIGN: Mapping[str, int] = {
    **dict.fromkeys(("1", "3", "6", "101", "102", "105", "106", "126", "127"), 1),
    **dict.fromkeys(("2", "4", "5", "100", "103", "104", "107", "125", "128"), -1),
}
BYBIT_SIGN: Mapping[str, int] = {"Buy": 1, "Sell": -1}
BYBIT_CAUSE: Mapping[str, Cause] = {"LIQUIDATION": "liquidation", "ADL": "liquidation"}


def units(text: object) -> int:
    """An amount of any asset, as finely as our books count any."""
    told = str(text)
    # `parse` is quick at plain digits, and half of what a ledger tells is negative.
    if told[:1] == "-" and told[1:2].isdigit():
        return -parse(told[1:], ASSET_DECIMALS_MAX)
    return parse(told, ASSET_DECIMALS_MAX)


def lines_of(venue: str, fields: Json, by: By) -> list[Line]:
    """What a row of a ledger tells again of a trade: its value, and its fee."""
    if venue == "binance_usdm":
        purpose = BINANCE_INCOME.get(fields["incomeType"])
        if purpose is None:
            return []
        trade, asset = str(fields["tradeId"]), fields["asset"]
        return [_told(fields["symbol"], trade, asset, purpose, units(fields["income"]))]
    if venue == "okx_swap":
        return _okx_lines(fields, by)
    if fields["type"] not in LINES_OF_TRADES:
        return []
    size = quantity(str(fields.get("qty") or "0"))
    cause = BYBIT_CAUSE.get(fields["type"], "missing_fill")
    fee, change = -units(fields["fee"]), units(fields["change"])
    signed = BYBIT_SIGN.get(fields["side"], 0) * abs(size)
    both: Both = (("fee", fee), ("trade", change - fee))
    return _parted(fields["symbol"], fields["tradeId"], fields["currency"], both, signed, cause)


def _okx_lines(fields: Json, by: By) -> list[Line]:
    if by == "trade":
        is_trade, sub_type = fields["type"] in BILLS_OF_TRADES, fields["subType"]
        forced = SUBTYPE.get(sub_type) in ("liquidation", "adl")
    else:
        action = fields["action"].lower()
        forced = "liquidation" in action
        is_trade, sub_type = action in OKX_TRADES or forced, ""
    if not is_trade:
        return []
    size = quantity(str(fields.get("sz") or "0")) * OKX_SIGN.get(sub_type, 0)
    fee, change = units(fields.get("fee") or "0"), units(fields["balChg"])
    both: Both = (("fee", fee), ("trade", change - fee))
    cause: Cause = "liquidation" if forced else "missing_fill"
    trade = fields.get("tradeId") or ""
    return _parted(fields["instId"], trade, fields["ccy"], both, size, cause)


def _parted(
    instrument: str,
    trade: str,
    asset: str,
    both: Both,
    signed: int,
    cause: Cause,
) -> list[Line]:
    """The quantity goes with one of the two, so that it counts once."""
    told = [_told(instrument, trade, asset, purpose, amount) for purpose, amount in both if amount]
    return [line._replace(quantity=0 if n else signed, cause=cause) for n, line in enumerate(told)]


def _told(instrument: str, trade: str, asset: str, purpose: Purpose, amount: int) -> Line:
    return Line("", instrument, trade, 0, asset, purpose, amount, "")
