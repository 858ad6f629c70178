"""Which exports of exchanges are read: what each is known by, and what its columns mean. The table.

Rule 1. A venue's own JSON is read by that venue's dialect and by nothing else; a table that a venue
gives people to download is first written in the words of that record (`columns`), its units and
zone with it. One reader, whatever the file.
Rule 2. A ledger that tells again what the fills told is a second telling (`tells_again`): that is
compared with the first and never booked beside it.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from tieout.tie.cells import Cell, local, number, one_of, opposite, text, utc, with_coin

Subject = Literal["fills", "ledger", "positions", "balances", "terms"]
# How the rows of a venue's answers lie in it.
Envelope = Literal["array", "data", "list", "object"]
# By what a second telling names its fill: the venue's number of it, or only the moment.
By = Literal["trade", "moment"]


class Kind(NamedTuple):
    """One kind of file. `keys` it must have, and is known by; of a table they are columns.

    `at` is the field with a row's moment (ms), `positive` are fields that are above 0, `needs` are
    fields that each row has. `balance` is what stands after a row, where that is told.
    """

    name: str
    venue: str
    subject: Subject
    envelope: Envelope
    keys: tuple[str, ...]
    at: str = ""
    positive: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    columns: Mapping[str, Cell] = {}
    balance: str = ""
    by: By = "trade"


BUYER = {"BUY": True, "SELL": False}
SIDE = {"BUY": "BUY", "SELL": "SELL"}
BYBIT_SIDE = {"BUY": "Buy", "SELL": "Sell", "NONE": "None", "": "None", "--": "None", "-": "None"}

# --- tables that venues give people to download: column, what it is in the venue's own record -----

BINANCE_SPOT_TRADES: Mapping[str, Cell] = {
    "Date(UTC)": utc("time"),
    "Pair": text("symbol"),
    "Side": one_of("isBuyer", BUYER),
    "Price": number("price"),
    "Executed": with_coin("qty", "base"),
    "Amount": with_coin("quoteQty", "quote"),
    "Fee": with_coin("commission", "commissionAsset"),
}
BINANCE_TRANSACTIONS: Mapping[str, Cell] = {
    "UTC_Time": utc("time"),
    "Account": text("account"),
    "Operation": text("operation"),
    "Coin": text("asset"),
    "Change": number("change"),
}
BINANCE_FUTURES_TRADES: Mapping[str, Cell] = {
    "Date(UTC)": utc("time"),
    "Symbol": text("symbol"),
    "Side": one_of("side", SIDE),
    "Price": number("price"),
    "Quantity": number("qty"),
    "Fee": number("commission"),
    "Fee Coin": text("commissionAsset"),
    "Realized Profit": number("realizedPnl"),
    "Quote Asset": text("marginAsset"),
}
OKX_TRADING: Mapping[str, Cell] = {
    "id": text("billId"),
    "Order id": text("ordId"),
    "Time": local("ts"),
    "Trade Type": text("tradeType"),
    "Symbol": text("instId"),
    "Action": text("action"),
    "Fee": number("fee"),
    "Balance Change": number("balChg"),
    "Balance": number("bal"),
    "Balance Unit": text("ccy"),
}
BYBIT_TRANSACTIONS: Mapping[str, Cell] = {
    "Currency": text("currency"),
    "Contract": text("symbol"),
    "Type": text("type"),
    "Direction": one_of("side", BYBIT_SIDE),
    "Quantity": number("qty"),
    "Filled Price": number("tradePrice"),
    "Funding": number("funding"),
    # The table has what the change has in it: a fee that was paid is negative there.
    "Fee Paid": opposite("fee"),
    "Cash Flow": number("cashFlow"),
    "Change": number("change"),
    "Wallet Balance": number("cashBalance"),
    "Time(UTC)": utc("transactionTime"),
}

KINDS: tuple[Kind, ...] = (
    Kind("Binance spot trades (myTrades)", "binance_spot", "fills", "array",
         ("symbol", "id", "orderId", "price", "qty", "quoteQty", "commission", "commissionAsset",
          "time", "isBuyer", "isMaker"),
         at="time", positive=("price", "qty"), assets=("commissionAsset",)),
    Kind("Binance spot trade history (CSV)", "binance_spot", "fills", "array",
         tuple(BINANCE_SPOT_TRADES), at="time", positive=("price", "qty"),
         assets=("commissionAsset", "base", "quote"), columns=BINANCE_SPOT_TRADES),
    Kind("Binance spot account", "binance_spot", "balances", "object",
         ("balances", "updateTime", "makerCommission")),
    Kind("Binance transaction history (CSV)", "binance_spot", "ledger", "array",
         tuple(BINANCE_TRANSACTIONS), at="time", assets=("asset",), by="moment",
         columns=BINANCE_TRANSACTIONS),
    Kind("Binance USDⓈ-M trades (userTrades)", "binance_usdm", "fills", "array",
         ("symbol", "id", "orderId", "side", "price", "qty", "realizedPnl", "commission",
          "commissionAsset", "time", "positionSide", "maker"),
         at="time", positive=("price", "qty"), assets=("commissionAsset", "marginAsset")),
    Kind("Binance USDⓈ-M trade history (CSV)", "binance_usdm", "fills", "array",
         tuple(BINANCE_FUTURES_TRADES), at="time", positive=("price", "qty"),
         assets=("commissionAsset", "marginAsset"), columns=BINANCE_FUTURES_TRADES),
    Kind("Binance USDⓈ-M income", "binance_usdm", "ledger", "array",
         ("symbol", "incomeType", "income", "asset", "time", "tranId", "tradeId"),
         at="time", assets=("asset",)),
    Kind("Binance USDⓈ-M positions (positionRisk)", "binance_usdm", "positions", "array",
         ("symbol", "positionSide", "positionAmt", "updateTime")),
    Kind("Binance USDⓈ-M balances", "binance_usdm", "balances", "array",
         ("asset", "balance", "crossWalletBalance", "updateTime"), assets=("asset",)),
    Kind("Binance USDⓈ-M account", "binance_usdm", "balances", "object",
         ("assets", "positions", "totalWalletBalance")),
    Kind("OKX fills", "okx_swap", "fills", "data",
         ("instType", "instId", "tradeId", "ordId", "clOrdId", "side", "fillPx", "fillSz", "fee",
          "feeCcy", "execType", "ts"),
         at="ts", positive=("fillPx", "fillSz"), assets=("feeCcy",)),
    Kind("OKX bills", "okx_swap", "ledger", "data",
         ("billId", "type", "subType", "ccy", "balChg", "bal", "instId", "ts"),
         at="ts", assets=("ccy",), balance="bal"),
    Kind("OKX trading history (CSV)", "okx_swap", "ledger", "data",
         tuple(OKX_TRADING), at="ts", assets=("ccy",), columns=OKX_TRADING, balance="bal",
         by="moment"),
    Kind("OKX positions", "okx_swap", "positions", "data",
         ("instType", "instId", "posSide", "pos", "tradeId", "uTime")),
    Kind("OKX balances", "okx_swap", "balances", "data", ("details", "totalEq")),
    Kind("OKX instruments", "okx_swap", "terms", "data",
         ("instType", "instId", "ctVal", "ctValCcy", "ctType", "settleCcy")),
    Kind("Bybit executions", "bybit_inverse", "fills", "list",
         ("symbol", "execId", "orderId", "orderLinkId", "side", "execType", "execQty", "execPrice",
          "execValue", "execFee", "execTime", "isMaker", "seq"),
         at="execTime", positive=("execPrice", "execQty"), assets=("feeCurrency",)),
    Kind("Bybit positions", "bybit_inverse", "positions", "list",
         ("symbol", "positionIdx", "side", "size", "updatedTime")),
    Kind("Bybit wallet balance", "bybit_inverse", "balances", "list", ("coin", "accountType")),
    Kind("Bybit transaction log", "bybit_inverse", "ledger", "list",
         ("id", "symbol", "category", "side", "type", "currency", "cashFlow", "fee", "change",
          "cashBalance", "tradeId", "transactionTime"),
         at="transactionTime", assets=("currency",), balance="cashBalance"),
    Kind("Bybit transaction log (CSV)", "bybit_inverse", "ledger", "list",
         tuple(BYBIT_TRANSACTIONS), at="transactionTime", assets=("currency",),
         columns=BYBIT_TRANSACTIONS, balance="cashBalance", by="moment"),
)  # fmt: skip
