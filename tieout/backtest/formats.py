"""What market files call their columns, and the rows without names that exchanges give.

True here: it is data. A name counts without its case, spaces, dashes and underscores; one of a
single letter counts as it stands, for `t` and `T` differ. Of several the first one found wins.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from venues.recorded.tape import Kind

# A row is known when it was heard, if the file says; a bar when it closed.
HEARD_AT: Final = "localtimestamp receivedat tsrecv heardat".split()
OPENED_AT: Final = "openedat opentime starttime start opentimestamp".split()
CLOSED_AT: Final = "closedat closetime endtime end closetimestamp".split()
AT: Final = (
    "at timestamp ts unix time datetime date transacttime transactiontime tradetime eventtime "
    "createdat timestampms T E"
).split()
TIMES: Final[Mapping[str, Sequence[str]]] = {
    "heard_at": HEARD_AT,
    "opened_at": OPENED_AT,
    "closed_at": CLOSED_AT,
    "at": AT,
}

# What a row of each kind must have beside its time; `side or maker` is one of the two.
NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "bars": ("open", "high", "low", "close", "volume"),
    "quotes": ("bid", "bid_quantity", "ask", "ask_quantity"),
    "depth": ("fresh", "side", "price", "quantity"),
    "trades": ("price", "quantity", "side or maker"),
}
PRICE: Final = "price px p tradeprice".split()
QUANTITY: Final = "quantity qty amount size sz q volume v vol".split()
SIDE: Final = "side takerside aggressorside aggressor direction S".split()
NAMES: Final[Mapping[Kind, Mapping[str, Sequence[str]]]] = {
    "bars": {
        "open": "open o openprice".split(),
        "high": "high h highprice".split(),
        "low": "low l lowprice".split(),
        "close": "close c closeprice".split(),
        "volume": "volume vol v basevolume".split(),
        "confirmed": "confirmed confirm".split(),
    },
    "quotes": {
        "bid": "bid bidprice bestbidprice bestbid b".split(),
        "bid_quantity": (
            "bidquantity bidqty bidsize bidamount bestbidqty bestbidquantity bestbidsize B"
        ).split(),
        "ask": "ask askprice bestaskprice bestask a".split(),
        "ask_quantity": (
            "askquantity askqty asksize askamount bestaskqty bestaskquantity bestasksize A"
        ).split(),
    },
    "depth": {
        "fresh": "fresh issnapshot snapshot".split(),
        "side": SIDE,
        "price": PRICE,
        "quantity": QUANTITY,
        "update": "update updateid u sequence seq nonce".split(),
    },
    "trades": {
        "price": PRICE,
        "quantity": QUANTITY,
        "side": SIDE,
        "maker": "maker isbuyermaker buyermaker m".split(),
        "id": "id tradeid aggtradeid execid tid a i".split(),
    },
}

# What the words of a column of sides mean: 1 where the aggressor bought, or of bids.
SIDES: Final[Mapping[str, int]] = {
    **dict.fromkeys("buy b bid bids 1 long".split(), 1),
    **dict.fromkeys("sell s ask asks a -1 short".split(), -1),
}
TRUTHS: Final[Mapping[str, int]] = {
    **dict.fromkeys("true t 1 yes".split(), 1),
    **dict.fromkeys("false f 0 no".split(), 0),
}

S, MS = 10**9, 10**6


class Shape(NamedTuple):
    """Rows whose columns are told by their place: which they are, and how they are recognised.

    `words` says which words may stand in one place, by which rows as wide are told apart.
    `unit_ns` is 0 where a moment's size says its unit; Binance went from ms to µs in 2025.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    words: tuple[int, frozenset[str]] | None = None
    unit_ns: int = 0
    order: Literal["oldest first", "newest first"] = "oldest first"


_OHLCV: Final = ("opened_at", "open", "high", "low", "close", "volume")
_TRUTH: Final = frozenset(("true", "false"))
SHAPES: Final[tuple[Shape, ...]] = (
    Shape(
        "trades as a list of lists",
        "trades",
        ("at", "id", "type", "side", "price", "amount", "cost"),
        words=(3, frozenset(("buy", "sell"))),
        unit_ns=MS,
    ),
    Shape("OHLCV of ccxt", "bars", _OHLCV, unit_ns=MS),
    Shape(
        "klines of Binance",
        "bars",
        (*_OHLCV, *("closed_at", "quote_volume", "count", "taker_base", "taker_quote", "ignore")),
    ),
    Shape(
        "trades of Binance (spot)",
        "trades",
        ("id", "price", "qty", "quote_qty", "at", "maker", "best_match"),
        words=(5, _TRUTH),
    ),
    Shape(
        "trades of Binance (futures)",
        "trades",
        ("id", "price", "qty", "quote_qty", "at", "maker"),
        words=(5, _TRUTH),
    ),
    Shape(
        "aggregate trades of Binance (spot)",
        "trades",
        ("id", "price", "qty", "first_id", "last_id", "at", "maker", "best_match"),
        words=(6, _TRUTH),
    ),
    Shape(
        "aggregate trades of Binance (futures)",
        "trades",
        ("id", "price", "qty", "first_id", "last_id", "at", "maker"),
        words=(6, _TRUTH),
    ),
    Shape("klines of Bybit", "bars", (*_OHLCV, "turnover"), unit_ns=MS, order="newest first"),
    Shape(
        "candles of OKX",
        "bars",
        (*_OHLCV, "volume_coin", "volume_quote", "confirmed"),
        unit_ns=MS,
        order="newest first",
    ),
)
# Rows with names of which the exchange documents that the newest comes first.
NEWEST_FIRST: Final[Mapping[str, frozenset[str]]] = {
    "trades of OKX": frozenset(("tradeId", "px", "sz", "side", "ts")),
    "trades of Bybit": frozenset(("execId", "price", "size", "side", "time")),
}


def shape_of(row: Sequence[str | None]) -> Shape | None:
    """The shape of a row without names, if there is one."""
    fitting = [each for each in SHAPES if len(each.columns) == len(row)]
    told = [each for each in fitting if each.words and row[each.words[0]] in each.words[1]]
    plain = [
        each
        for each in fitting
        if each.words is None and all(each is None or is_number(each) for each in row)
    ]
    return next(iter((*told, *plain)), None)


def is_number(text: str) -> bool:
    """Whether it looks like one; what it counts is read elsewhere."""
    return re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?", text.strip()) is not None


def kind_of(names: Iterable[str]) -> Kind | None:
    """The kind of rows that these columns hold, if they hold all that it needs."""
    told = list(names)
    return next((kind for kind in NEEDED if not missing(kind, told)), None)


def nearest(names: Iterable[str]) -> Kind:
    """The kind of which these columns have most."""
    told = list(names)
    return min(NEEDED, key=lambda kind: len(missing(kind, told)) / (1 + len(NEEDED[kind])))


def missing(kind: Kind, names: Iterable[str]) -> list[str]:
    """What a row of this kind needs and these columns do not have."""
    told = list(names)
    lacking = [] if any(find(told, each) for each in TIMES.values()) else ["a time"]
    for needed in NEEDED[kind]:
        if not any(find(told, NAMES[kind][each]) for each in needed.split(" or ")):
            lacking.append(needed)
    return lacking


def find(names: Iterable[str], wanted: Sequence[str]) -> str | None:
    """Which of the file's names it is: the first of the wanted that stands there."""
    plain = {_plain(name): name for name in names}
    return next((plain[each] for each in wanted if each in plain), None)


def _plain(name: str) -> str:
    return name if len(name) == 1 else re.sub(r"[^a-z0-9]", "", name.lower())
