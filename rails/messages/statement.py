"""An account's statement in no bank's words: balances and lines as told, exactly; and its events.

camt, BAI2 and MT are all read into `Statement`, so that what must hold is checked in one place.

Rule 1. Opening + booked entries = closing, in each currency; a broken tie quarantines the whole
statement with its figures. Of a closed one the figures are passed on, so that it is a break.
Rule 2. A line's details come to its amount, or to its amount and the fee that was taken off it.
Rule 3. A line's id is the teller's own where it gave one that no other line of the statement has;
else it is derived of what the line itself says and of how manieth it is among lines that say the
same, and of nothing that is the message's: so it is one line in a report, a notice and a statement.
Lines that say the same are several within one message, and the same ones in the next.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Literal

from core.events import Event, StatementReported, StatementRow
from core.rail_events import LineBooked, LineKind, LinePart, NostroStated
from rails.messages.context import (
    Context,
    Unreadable,
    dismissed,
    local_day,
    plain,
    quarantined,
    told,
    units,
)

ZERO = Decimal(0)


@dataclass(slots=True, frozen=True)
class Balance:
    """What stood in the account at a moment; signed. `opening` and `closing` bound the entries."""

    kind: Literal["opening", "closing", "interim"]
    currency: str
    amount: Decimal
    at: int


@dataclass(slots=True, frozen=True)
class Detail:
    """One payment of a line; signed as the line is."""

    amount: Decimal
    references: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Line:
    """One entry; `reference` is the bank's own id of it, "" if it gave none.

    `fee` (not negative) was taken within the amount. `details` are all of the payments in it, or
    none where one of them did not tell its amount in the line's currency. `lasting` are those of
    its references that every message tells, None if all do. `known_at` is in the day that it is
    known by, where nothing says on which it was booked.
    """

    amount: Decimal
    currency: str
    booked_at: int
    value_at: int = 0
    reference: str = ""
    kind: LineKind = "payment"
    references: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    counterparty: str = ""
    code: str = ""
    reversal: bool = False
    pending: bool = False
    fee: Decimal = ZERO
    lasting: tuple[str, ...] | None = None
    known_at: int = 0


@dataclass(slots=True, frozen=True)
class Statement:
    """Balances and lines of one account, under the number that the bank knows it by.

    It `covers` a whole period (then it is stated), only a page of one (then it ties and no more),
    the rest of one (then its closing is passed on as well), or neither: an intraday report, whose
    balance is passed on. `elsewhere` says that it told balances of another kind, such as what is
    available.
    """

    number: str
    statement_id: str
    covers: Literal["period", "page", "rest", "neither"]
    balances: tuple[Balance, ...]
    lines: tuple[Line, ...]
    sequence: int = 0
    page: str = ""
    elsewhere: bool = False


@dataclass(slots=True, eq=False)
class Alike:
    """How many lines of one message said the same; a statement that it tells twice counts once."""

    lines: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    statements: set[Statement] = field(default_factory=set)

    def of(self, statement: Statement) -> Counter[tuple[str, str, bool]]:
        """The count to go on with."""
        if statement in self.statements:
            return Counter()
        self.statements.add(statement)
        return self.lines


def tell(statement: Statement, context: Context, alike: Alike) -> list[Event]:
    """The statement's lines, and its ties or its balances, as core's events."""
    account = context.ours(statement.number)
    for currency in _currencies(statement):
        broken = _broken_tie(statement, currency)
        if broken and statement.covers == "period":
            return [quarantined(context, broken), *_stated(statement, account, context)]
        if broken:
            raise Unreadable(broken)
    lines = _lines(statement, account, context, alike)
    stated = _stated(statement, account, context)
    if not lines and not statement.balances:
        if context.asked_at and statement.covers == "neither":
            return [dismissed(context, f"{statement.statement_id}: nothing new")]
        if statement.elsewhere:
            return [dismissed(context, f"{statement.statement_id}: only balances of another kind")]
        raise Unreadable(f"{statement.statement_id} tells neither an entry nor a balance")
    events = [*lines, *stated, *_balances(statement, account, context)]
    return events or [dismissed(context, f"{statement.statement_id}: nothing was booked")]


# --- rule 1: the tie -----------------------------------------------------------------------------


def _currencies(statement: Statement) -> list[str]:
    """Every currency told, in order; balances first."""
    named = [balance.currency for balance in statement.balances]
    named += [line.currency for line in statement.lines if not line.pending]
    return list(dict.fromkeys(named))


def _ends(statement: Statement, currency: str) -> tuple[Balance, Balance] | None:
    """Opening and closing in a currency, if both were told of what the statement covers."""
    if statement.covers == "neither":
        return None
    ends = {b.kind: b for b in statement.balances if b.currency == currency}
    if "opening" not in ends or "closing" not in ends:
        return None
    return ends["opening"], ends["closing"]


def _booked(statement: Statement, currency: str) -> list[Decimal]:
    of_it = (line for line in statement.lines if line.currency == currency)
    return [line.amount for line in of_it if not line.pending]


def _broken_tie(statement: Statement, currency: str) -> str:
    """How opening, entries and closing contradict one another; "" where they do not."""
    ends = _ends(statement, currency)
    if ends is None:
        told_of = {balance.currency for balance in statement.balances}
        if told_of and currency not in told_of:
            raise Unreadable(f"{statement.statement_id} books in {currency} without a balance")
        return ""
    opening, closing = (end.amount for end in ends)
    entries = sum(_booked(statement, currency), ZERO)
    if opening + entries == closing:
        return ""
    return (
        f"{statement.statement_id} {currency}: opening {plain(opening)} + entries"
        f" {plain(entries)} = {plain(opening + entries)}, not the closing {plain(closing)} told"
    )


def _stated(statement: Statement, account: str, context: Context) -> Iterator[Event]:
    """Each currency's tie, of a statement that covers its period."""
    for currency in _currencies(statement):
        ends = _ends(statement, currency)
        if ends is None or statement.covers != "period":
            continue
        opening, closing = ends
        booked = _booked(statement, currency)
        yield NostroStated(
            received_at=context.received_at,
            frame=context.frame,
            account=account,
            asset=currency,
            statement_id=statement.statement_id,
            sequence=statement.sequence,
            opening=units(opening.amount, currency, context),
            closing=units(closing.amount, currency, context),
            entries=len(booked),
            entries_sum=units(sum(booked, ZERO), currency, context),
            from_at=opening.at,
            to_at=closing.at,
        )


def _balances(statement: Statement, account: str, context: Context) -> Iterator[Event]:
    """The last balance told in each currency that is not stated: to be compared as of then."""
    rows = []
    for currency in _currencies(statement):
        later = [b for b in statement.balances if b.currency == currency and b.kind != "opening"]
        if later and (_ends(statement, currency) is None or statement.covers == "rest"):
            last = max(later, key=lambda balance: balance.at)
            amount = units(last.amount, currency, context)
            rows.append(StatementRow(subject=currency, leg="cash", amount=amount, as_of=last.at))
    if rows:
        yield StatementReported(
            received_at=context.received_at,
            frame=context.frame,
            account=account,
            kind="balances",
            rows=tuple(rows),
            asked_at=context.asked_at or context.received_at,
            as_of=max(row.as_of for row in rows),
            complete=False,
        )


# --- rules 2 and 3: lines ------------------------------------------------------------------------


def _lines(statement: Statement, account: str, context: Context, alike: Alike) -> list[Event]:
    given = Counter((line.reference, line.pending) for line in statement.lines)
    counted = alike.of(statement)
    events: list[Event] = []
    for place, line in enumerate(statement.lines, 1):
        _check_details(line, f"{statement.statement_id}/{place}")
        content = _content(line, context.zone)
        counted[account, content, line.pending] += 1
        derived = not line.reference or given[line.reference, line.pending] > 1
        nth = counted[account, content, line.pending]
        line_id = f"{content}/{nth}" if derived else line.reference
        events.append(_line(line, line_id, account, context, derived_id=derived))
    return events


def _content(line: Line, zone: str) -> str:
    """Rule 3: day, amount and currency, and a fingerprint of whatever else it says.

    What reports within the day lack, or number anew, is not in it: value date, code, an amount that
    a lone payment repeats.
    """
    several = line.details if len(line.details) > 1 else ()
    lasting = line.references if line.lasting is None else line.lasting
    said = [
        line.kind,
        *told(line.counterparty),
        *sorted(lasting),
        *sorted(f"{plain(each.amount)} {sorted(each.references)}" for each in several),
    ]
    digest = sha256("\n".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    day = local_day(line.known_at or line.booked_at, zone)
    return f"{day.isoformat()}/{plain(line.amount)}{line.currency}/{digest}"


def _line(
    line: Line, line_id: str, account: str, context: Context, *, derived_id: bool
) -> LineBooked:
    return LineBooked(
        received_at=context.received_at,
        frame=context.frame,
        account=account,
        line_id=line_id,
        asset=line.currency,
        amount=units(line.amount, line.currency, context),
        booked_at=line.booked_at,
        kind=line.kind,
        value_at=line.value_at,
        references=line.references,
        parts=_parts(line, context),
        counterparty=line.counterparty,
        code=line.code,
        reversal=line.reversal,
        pending=line.pending,
        derived_id=derived_id,
        fee=units(_fee(line), line.currency, context),
    )


def _fee(line: Line) -> Decimal:
    """What the line's payments are more than its amount; nothing if several are told net of it."""
    if len(line.details) > 1 and _total(line) == line.amount:
        return ZERO
    return line.fee


def _total(line: Line) -> Decimal:
    return sum((detail.amount for detail in line.details), ZERO)


def _check_details(line: Line, place: str) -> None:
    if line.details and _total(line) not in (line.amount, line.amount + line.fee):
        fee = f" and the fee {plain(line.fee)}" if line.fee else ""
        raise Unreadable(
            f"details of {place} come to {plain(_total(line))} {line.currency}, not to its amount"
            f" {plain(line.amount)}{fee}"
        )


def _parts(line: Line, context: Context) -> tuple[LinePart, ...]:
    """A lone detail is the line itself; of several before the fee, the fee is one more."""
    if len(line.details) < 2:
        return ()
    fee = [Detail(-_fee(line), ())] if _fee(line) else []
    return tuple(
        LinePart(amount=units(d.amount, line.currency, context), references=d.references)
        for d in (*line.details, *fee)
    )
