"""An account's statement in no bank's words: balances and lines as told, exactly; and its events.

camt, BAI2 and MT are all read into `Statement`, so that what must hold is checked in one place.

Rule 1. Opening + booked entries = closing, in each currency; a broken tie quarantines the whole
statement with its figures. Of a closed one the figures are passed on, so that it is a break.
Rule 2. A line's details come to its amount, or to its amount and the fee that was taken off it.
Rule 3. A line's id is the teller's own where it gave one that no other line of the statement has;
else it is made of statement and place, and says that it was derived.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from core.events import Event, StatementReported, StatementRow
from core.rail_events import LineBooked, LineKind, LinePart, NostroStated
from rails.messages.context import Context, Unreadable, dismissed, plain, quarantined, units

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
    none where one of them did not tell its amount in the line's currency.
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


@dataclass(slots=True, frozen=True)
class Statement:
    """Balances and lines of one account, under the number that the bank knows it by.

    It `covers` a whole period (then it is stated), only a page of one (then it ties and no more),
    or neither: an intraday report, whose balance is passed on. `elsewhere` says that it told
    balances of another kind, such as what is available.
    """

    number: str
    statement_id: str
    covers: Literal["period", "page", "neither"]
    balances: tuple[Balance, ...]
    lines: tuple[Line, ...]
    sequence: int = 0
    elsewhere: bool = False


def tell(statement: Statement, context: Context) -> list[Event]:
    """The statement's lines, and its ties or its balances, as core's events."""
    account = context.ours(statement.number)
    for currency in _currencies(statement):
        broken = _broken_tie(statement, currency)
        if broken and statement.covers == "period":
            return [quarantined(context, broken), *_stated(statement, account, context)]
        if broken:
            raise Unreadable(broken)
    lines = _lines(statement, account, context)
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
    told = [balance.currency for balance in statement.balances]
    told += [line.currency for line in statement.lines if not line.pending]
    return list(dict.fromkeys(told))


def _ends(statement: Statement, currency: str) -> tuple[Balance, Balance] | None:
    """Opening and closing in a currency, if both were told of what the statement covers."""
    if statement.covers == "neither":
        return None
    ends = {b.kind: b for b in statement.balances if b.currency == currency}
    if "opening" not in ends or "closing" not in ends:
        return None
    return ends["opening"], ends["closing"]


def _booked(statement: Statement, currency: str) -> list[Decimal]:
    told = (line for line in statement.lines if line.currency == currency)
    return [line.amount for line in told if not line.pending]


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
    """The last balance told in each currency that has no tie: to be compared as of its moment."""
    rows = []
    for currency in _currencies(statement):
        told = [b for b in statement.balances if b.currency == currency and b.kind != "opening"]
        if told and _ends(statement, currency) is None:
            last = max(told, key=lambda balance: balance.at)
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


def _lines(statement: Statement, account: str, context: Context) -> list[Event]:
    given = Counter((line.reference, line.pending) for line in statement.lines)
    events: list[Event] = []
    for place, line in enumerate(statement.lines, 1):
        derived = not line.reference or given[line.reference, line.pending] > 1
        line_id = f"{statement.statement_id}/{place}" if derived else line.reference
        events.append(_line(line, line_id, account, context, derived_id=derived))
    return events


def _line(
    line: Line, line_id: str, account: str, context: Context, *, derived_id: bool
) -> LineBooked:
    _check_details(line, line_id)
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


def _check_details(line: Line, line_id: str) -> None:
    if line.details and _total(line) not in (line.amount, line.amount + line.fee):
        fee = f" and the fee {plain(line.fee)}" if line.fee else ""
        raise Unreadable(
            f"details of {line_id} come to {plain(_total(line))} {line.currency}, not to its amount"
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
