"""What an exchange's exports tell: facts for the books, and second tellings to hold them against.

Rule 1. Facts and statements are read by the venue's own dialect, row by row, so that each knows
where it stands; whatever the dialect cannot read refuses the file.
Rule 2. What is derived says so: a row without an id is known by its content and its count within
its file, so that a row in two files is one fact and two rows in one file are two.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, NamedTuple

import msgspec

from core.effects import Effect, FetchFills, FetchInstruments, FetchLedger, FetchStatement
from core.events import (
    CashMoved,
    Cause,
    Event,
    FrameDismissed,
    FrameQuarantined,
    FundingPaid,
    InstrumentListed,
    PageReported,
    PositionModeReported,
    RequestFailed,
    StatementReported,
)
from core.frames import Frame
from core.money import ASSET_DECIMALS_MAX, InexactAmount, parse, quantity
from core.reading import MS
from tieout.bad_input import BadFile
from tieout.dialects import DIALECTS
from tieout.export_kinds import Envelope
from tieout.exports import Export, Row, moment
from venues.bybit_inverse.decoder import LINES_OF_TRADES
from venues.okx_swap.decoder import BILLS_OF_TRADES, SUBTYPE

TRANSACTIONS = "Binance transaction history (CSV)"
# In an id that is ours: between the content of a row, and which of the rows alike it is.
DERIVED = " #"
Purpose = Literal["trade", "fee"]
Reason = Literal["transfer", "deposit", "withdrawal", "adjustment"]
Json = dict[str, Any]
# Value and fee of one trade in one asset.
Both = tuple[tuple[Purpose, int], tuple[Purpose, int]]


class Finest(Mapping[str, int]):
    """Every asset as finely as our books count any: exports name them as they come."""

    def __getitem__(self, asset: str) -> int:
        return ASSET_DECIMALS_MAX

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


FINEST = Finest()


class Fact(NamedTuple):
    """An event, where it stands, and in which category of its venue."""

    event: Event
    place: str
    category: str = ""


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


@dataclass(slots=True)
class Told:
    """All that files tell; `left_out` counts rows that are of no account of the books, by why."""

    facts: list[Fact] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    balances: list[Balance] = field(default_factory=list)
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    by_moment: set[str] = field(default_factory=set)
    # Which kind of file tells an account's fills, or its ledger.
    claims: dict[tuple[str, str], str] = field(default_factory=dict)
    rows_seen: set[str] = field(default_factory=set)
    # From when to when the ledger of an account reaches.
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def claim(told: Told, exports: Sequence[Export]) -> None:
    """One kind of file tells an account's fills, and one its ledger: two would tell them twice.

    Binance's transactions are of every wallet, and give way where one has a ledger of its own.
    """
    for export in sorted(exports, key=lambda each: each.kind.name == TRANSACTIONS):
        kind = export.kind
        if kind.subject not in ("fills", "ledger"):
            continue
        venue = f"{kind.venue}/main"
        known = told.claims.setdefault((venue, kind.subject), kind.name)
        if known != kind.name and kind.name != TRANSACTIONS:
            two = f"{known} and {kind.name}"
            raise BadFile(f"{export.path}: {two} tell the same {kind.subject}; one would do")


def take(told: Told, export: Export, frame: int) -> None:
    """Add what a file tells; its raw bytes are the journal's frame of that number."""
    _Reader(told, export, frame).read()


class _Reader:
    def __init__(self, told: Told, export: Export, frame: int) -> None:
        self.told, self.export, self.frame = told, export, frame
        self.kind = export.kind
        self.account = f"{self.kind.venue}/main"
        self.about = _about(export, self.account)
        self.alike: Counter[str] = Counter()

    def read(self) -> None:
        if self.kind.subject in ("positions", "balances"):
            self._decode([row.fields for row in self.export.rows], self.export.rows[0])
            return
        # A ledger that falls in time is read from its end: what stands after each row follows.
        for row in self._rising():
            try:
                self._row(row)
            except (InexactAmount, KeyError, ValueError) as error:
                if isinstance(error, BadFile):
                    raise
                raise self._refused(row, f"{type(error).__name__}: {error}") from error

    def _rising(self) -> list[Row]:
        rows = self.export.rows
        if not self.kind.at or moment(self.export, rows[0]) <= moment(self.export, rows[-1]):
            return rows
        return rows[::-1]

    def _row(self, row: Row) -> None:
        if self.kind.name == TRANSACTIONS:
            self._transaction(row)
            return
        fields = self._named(row)
        if self.kind.subject == "ledger":
            self._second_telling(row, fields)
        if self.kind.venue == "okx_swap" and self.kind.columns:
            self._okx_action(row, fields)
        elif not (self.kind.by == "moment" and fields["type"] in LINES_OF_TRADES):
            self._decode([fields], row)

    # --- by the venue's own dialect ---------------------------------------------------------------

    def _decode(self, rows: list[Json], place: Row) -> None:
        told_at = self.export.told_at or 0
        frame = Frame(
            number=self.frame,
            account=self.account,
            channel="rest",
            received_at=0,
            body=_wrapped(self.kind.envelope, rows, self.export),
            about=self.about,
            asked_at=told_at * MS,
        )
        for event in DIALECTS[self.kind.venue].decode(frame, FINEST):
            match event:
                case RequestFailed() | FrameQuarantined():
                    raise self._refused(place, event.reason)
                case FrameDismissed():
                    self.told.left_out[event.reason] += 1
                case PageReported():
                    pass
                case _:
                    self._fact(place, event)

    def _fact(self, row: Row, event: Event) -> None:
        whole = isinstance(event, StatementReported | PositionModeReported)
        place = self.export.path.name if whole else self.export.place(row)
        self.told.facts.append(Fact(event, place, self.export.category))

    def _refused(self, row: Row, reason: str) -> BadFile:
        where = f"{self.export.path}, row {row.number}"
        return BadFile(f"{where}: {reason}; a row as {self.kind.name} has it would do")

    # --- rows that have no id ---------------------------------------------------------------------

    def _named(self, row: Row) -> Json:
        """The row as the venue's own record has it, what a table leaves out filled in."""
        fields: Json = dict(row.fields)
        if not self.kind.columns:
            return fields
        derived = self._id(fields)
        if self.kind.subject == "fills":
            self.told.by_moment.add(self.account)
        if self.kind.venue == "binance_spot":
            self._pair(row, fields)
            return {**fields, "id": derived, "orderId": "", "isMaker": False}
        if self.kind.venue == "binance_usdm":
            extra = {"id": derived, "orderId": "", "maker": False, "positionSide": "BOTH"}
            return {**fields, **extra}
        extra = {"id": derived, "tradeId": "", "category": "", "orderId": "", "orderLinkId": ""}
        return {**extra, **fields}

    def _id(self, fields: Json) -> str:
        content = " ".join(str(value) for value in fields.values())
        self.alike[content] += 1
        return f"{content}{DERIVED}{self.alike[content]}"

    def _pair(self, row: Row, fields: Json) -> None:
        symbol, base, quote = fields["symbol"], fields["base"], fields["quote"]
        if f"{base}{quote}" != symbol:
            found = f"found {base} for {quote}, which are not the coins of {symbol}"
            raise self._refused(row, found)
        self.told.pairs[symbol] = (base, quote)

    # --- ledgers ----------------------------------------------------------------------------------

    def _second_telling(self, row: Row, fields: Json) -> None:
        if self._is_known(fields):
            return
        self._reaches(row)
        self._balance(row, fields)
        for line in _lines(self.kind.venue, fields, self.kind.by):
            self._line(row, line)

    def _reaches(self, row: Row) -> None:
        at = moment(self.export, row) * MS
        since, until = self.told.spans.get(self.account, (at, at))
        self.told.spans[self.account] = (min(since, at), max(until, at))

    def _is_known(self, fields: Json) -> bool:
        """Whether a ledger's row was read before, in another page or file."""
        row = f"{self.account} {sorted(fields.items())}"
        known = row in self.told.rows_seen
        self.told.rows_seen.add(row)
        return known

    def _line(self, row: Row, line: Line) -> None:
        if self.kind.by == "moment":
            self.told.by_moment.add(self.account)
        at = moment(self.export, row) * MS
        place = self.export.place(row)
        if line.amount:
            self.told.lines.append(line._replace(account=self.account, at=at, place=place))

    def _balance(self, row: Row, fields: Json) -> None:
        if not self.kind.balance or fields[self.kind.balance] in ("", None):
            return
        changed = "change" if self.kind.venue == "bybit_inverse" else "balChg"
        self.told.balances.append(
            Balance(
                self.account,
                fields[self.kind.assets[0]],
                moment(self.export, row) * MS,
                units(fields[changed]),
                units(fields[self.kind.balance]),
                self.export.place(row),
            )
        )

    def _moved(self, row: Row, reason: Reason, ident: str, asset: str, amount: int) -> None:
        if amount:
            self._fact(
                row,
                CashMoved(
                    received_at=0,
                    frame=self.frame,
                    account=self.account,
                    movement_id=ident,
                    asset=asset,
                    amount=amount,
                    reason=reason,
                    occurred_at=moment(self.export, row) * MS,
                ),
            )

    def _funded(self, row: Row, ident: str, instrument: str, asset: str, amount: int) -> None:
        self._fact(
            row,
            FundingPaid(
                received_at=0,
                frame=self.frame,
                account=self.account,
                instrument=instrument,
                funding_id=ident,
                asset=asset,
                amount=amount,
                occurred_at=moment(self.export, row) * MS,
            ),
        )

    def _okx_action(self, row: Row, fields: Json) -> None:
        """A row of OKX's table that is no trade: what it is, its action says."""
        action, asset = fields["action"].lower(), fields["ccy"]
        amount = units(fields["balChg"])
        if action in OKX_TRADES or "liquidation" in action or not amount:
            return
        if "funding" in action:
            self._funded(row, fields["billId"], fields["instId"], asset, amount)
            return
        reason: Reason = "transfer" if "transfer" in action else "adjustment"
        self._moved(row, reason, fields["billId"], asset, amount)

    def _transaction(self, row: Row) -> None:
        """A row of Binance's transactions: of which wallet, and what for, it says in words."""
        fields: Json = dict(row.fields)
        venue = BINANCE_WALLETS.get(fields["account"].lower())
        if venue is None:
            self.told.left_out[f"of the wallet {fields['account']!r}"] += 1
            return
        self.account = f"{venue}/main"
        told_by = self.told.claims.setdefault((self.account, "ledger"), TRANSACTIONS)
        if told_by != TRANSACTIONS:
            self.told.left_out[f"told by {told_by}"] += 1
            return
        operation, asset = fields["operation"].lower(), fields["asset"]
        amount, ident = units(fields["change"]), self._id(fields)
        purpose = BINANCE_TRADES.get(operation)
        self._reaches(row)
        if purpose is not None:
            if not self._is_known({**fields, "id": ident}):
                self._line(row, Line("", "", "", 0, asset, purpose, amount, ""))
        elif operation == "funding fee":
            self._funded(row, ident, "", asset, amount)
        else:
            reason = next((r for word, r in BINANCE_MOVES.items() if word in operation), None)
            self._moved(row, reason or "adjustment", ident, asset, amount)


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


def _lines(venue: str, fields: Json, by: str) -> list[Line]:
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


def _okx_lines(fields: Json, by: str) -> list[Line]:
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


# --- as an answer --------------------------------------------------------------------------------


def _about(export: Export, account: str) -> Effect:
    """What the venue would have been asked for."""
    match export.kind.subject:
        case "fills":
            return FetchFills(account=account, instrument="", after="", rows=2)
        case "ledger":
            return FetchLedger(account=account, after="", rows=2)
        case "terms":
            return FetchInstruments(account=account, instrument="")
        case kind:
            return FetchStatement(account=account, kind=kind)


def _wrapped(envelope: Envelope, rows: list[Json], export: Export) -> bytes:
    """Rows as the venue would answer with them."""
    match envelope:
        case "array":
            return msgspec.json.encode(rows)
        case "object":
            return msgspec.json.encode(rows[0])
        case "data":
            return msgspec.json.encode({"code": "0", "data": rows})
        case "list":
            result = {"category": export.category, "list": rows, "nextPageCursor": ""}
            answer = {"retCode": 0, "time": export.told_at, "result": result}
            return msgspec.json.encode(answer)


def terms_of(told: Told) -> list[InstrumentListed]:
    """The terms of instruments that the files tell."""
    return [f.event for f in told.facts if isinstance(f.event, InstrumentListed)]
