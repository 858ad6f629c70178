"""What an exchange's exports tell: facts for the books, and second tellings to hold them against.

Rule 1. Facts and statements are read by the venue's own dialect, row by row, so that each knows
where it stands; whatever the dialect cannot read refuses the file.
Rule 2. What is derived says so: a row without an id is known by its content and its count within
its file, so that a row in two files is one fact and two rows in one file are two.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from core.effects import Effect, FetchFills, FetchInstruments, FetchLedger, FetchStatement
from core.events import (
    CashMoved,
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
from core.money import ASSET_DECIMALS_MAX, InexactAmount
from core.reading import MS
from tieout.bad_input import BadFile
from tieout.node.dialects import DIALECTS
from tieout.tie.exports import Export, Row, moment
from tieout.tie.kinds import Envelope
from tieout.tie.ledgers import (
    BINANCE_MOVES,
    BINANCE_TRADES,
    BINANCE_WALLETS,
    OKX_TRADES,
    Balance,
    Line,
    Reason,
    lines_of,
    units,
)
from venues.bybit_inverse.decoder import LINES_OF_TRADES

TRANSACTIONS = "Binance transaction history (CSV)"
# In an id that is ours: between the content of a row, and which of the rows alike it is.
DERIVED = " #"
Json = dict[str, Any]


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
        for line in lines_of(self.kind.venue, fields, self.kind.by):
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
