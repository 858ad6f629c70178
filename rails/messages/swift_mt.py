"""MT940 statements and MT942 interim reports, as SWIFT and the banks' own portals write them.

The mark of a :61: says the sign: C and RD come to us, D and RC leave us (an R undoes the other
one). A statement may come in pages (:60F: :62M:, :60M: :62F:); pages in one file are one statement,
each opening where the one before closed. A page on its own ties and states no period; what the last
one closes with is passed on as a balance. The lines of an MT942 are announced: no balance that it
tells has them.

A value date of 30 February is an interest convention of thirty-day months: the month's last day.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from core.events import Event
from core.rail_events import LineKind
from rails.messages.context import (
    Context,
    Unreadable,
    amount,
    apart,
    day_end,
    dismissed,
    midnight,
    plain,
    rows,
    told,
    yymmdd,
)
from rails.messages.statement import ZERO, Alike, Balance, Line, Statement, tell

FIELD_MAX = 10_000
TAG = re.compile(r":([0-9]{2}[A-Z]?):")
BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]+,[0-9]*)")
FLOOR = re.compile(r"([A-Z]{3})[CD]?[0-9]+,?[0-9]*")
SUM = re.compile(r"([0-9]{1,5})([A-Z]{3})([0-9]+,[0-9]*)")
LINE = re.compile(
    r"([0-9]{6})([0-9]{4})?(RC|RD|EC|ED|C|D)([A-Z])?([0-9]+,[0-9]*)([A-Z][A-Z0-9]{3})"
    r"([^\n]*)(?:\n(.*))?",
    re.DOTALL,
)
SIGNS = {"C": 1, "RD": 1, "EC": 1, "D": -1, "RC": -1, "ED": -1}
KINDS: dict[str, LineKind] = {
    "RTI": "return",
    "CHG": "fee",
    "COM": "fee",
    "INT": "interest",
    "MSC": "unknown",
}
# German banks' transaction codes of what came back.
RETURNS = {"108", "109", "159"}
LABEL = re.compile(r"([A-Z]{4})[+:](.*)", re.DOTALL)


@dataclass(slots=True)
class Message:
    """The fields of one message, in order; a field's further lines follow its first."""

    fields: list[tuple[str, str]]

    def said(self, *tags: str) -> str:
        """The first field of one of these tags."""
        return next((text for tag, text in self.fields if tag in tags), "")


def read(body: bytes, context: Context) -> list[Event]:
    """Every statement and report in the file."""
    messages = _messages(_text(body))
    statements = [message for message in messages if message.said("60F", "60M")]
    reports = [message for message in messages if not message.said("60F", "60M")]
    alike, zone = Alike(), context.zone
    events = apart(
        _pages(statements), lambda pages, _: tell(_statement(pages, zone), context, alike), context
    )
    return events + apart(reports, lambda one, _: _tell_report(one, context, alike), context)


def _tell_report(message: Message, context: Context, alike: Alike) -> list[Event]:
    report = _report(message, context.zone)
    if not report.lines:
        context.ours(report.number)
        return [dismissed(context, f"{report.statement_id}: an interim report without an entry")]
    return tell(report, context, alike)


# --- fields --------------------------------------------------------------------------------------


def _text(body: bytes) -> str:
    """SWIFT's own letters are ASCII; what banks' portals add is UTF-8, or else Latin-1."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _messages(text: str) -> list[Message]:
    """Messages begin with :20:, whatever envelope stands around them."""
    messages: list[list[tuple[str, list[str]]]] = []
    for line in rows(text):
        found = TAG.match(line)
        if found and found[1] == "20":
            messages.append([])
        if not messages or line.strip("\x01\x03 ") in ("", "-", "-}"):
            continue
        if found:
            messages[-1].append((found[1], [line[found.end() :]]))
        else:
            messages[-1][-1][1].append(line)
    return [Message([_field(tag, lines) for tag, lines in fields]) for fields in messages]


def _field(tag: str, lines: list[str]) -> tuple[str, str]:
    """A field's text; none of SWIFT's is nearly as long as the bound."""
    text = "\n".join(lines)
    if len(text) > FIELD_MAX:
        raise Unreadable(f":{tag}: has {len(text)} characters")
    return tag, text


def _pages(messages: list[Message]) -> list[list[Message]]:
    """Messages that are pages of one statement, together."""
    statements: list[list[Message]] = []
    for message in messages:
        last = statements[-1][-1] if statements else None
        if last and last.said("62M") and message.said("60M") and _same(last, message):
            statements[-1].append(message)
        else:
            statements.append([message])
    return statements


def _same(one: Message, other: Message) -> bool:
    numbers = [message.said("28C", "28").partition("/")[0] for message in (one, other)]
    return one.said("25", "25P") == other.said("25", "25P") and numbers[0] == numbers[1]


# --- MT940 ---------------------------------------------------------------------------------------


def _statement(pages: list[Message], zone: str) -> Statement:
    """A statement, or as many of its pages as came."""
    first, last = pages[0], pages[-1]
    for before, after in pairwise(pages):
        closed = _balance(before.said("62M"), "closing", zone)
        opened = _balance(after.said("60M"), "opening", zone)
        if (closed.currency, closed.amount) != (opened.currency, opened.amount):
            raise Unreadable(
                f"a page closes at {plain(closed.amount)}, the next opens at {plain(opened.amount)}"
            )
    if not last.said("62F", "62M"):
        raise Unreadable("a statement without its closing balance (:62F:)")
    opening = _balance(first.said("60F", "60M"), "opening", zone)
    closing = _balance(last.said("62F", "62M"), "closing", zone)
    if opening.currency != closing.currency:
        raise Unreadable(f"opens in {opening.currency} and closes in {closing.currency}")
    day = yymmdd(last.said("62F", "62M")[1:7])
    covers: Literal["period", "page", "rest"] = "period" if first.said("60F") else "rest"
    number = first.said("28C", "28").split("\n")[0].strip()
    return Statement(
        number=_number(first),
        statement_id=f"{number}/{day:%Y%m%d}",
        covers=covers if last.said("62F") else "page",
        balances=(opening, closing),
        lines=_lines(pages, opening.currency, day, zone),
        sequence=_sequence(number),
    )


def _number(message: Message) -> str:
    return message.said("25", "25P").split("\n")[0].strip()


def _sequence(number: str) -> int:
    digits = number.partition("/")[0].strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 9 else 0


def _balance(text: str, kind: Literal["opening", "closing"], zone: str) -> Balance:
    """What stood when its day had ended; the opening has the day of the closing before it."""
    found = BALANCE.fullmatch(text.strip())
    if not found:
        raise Unreadable(f"balance {text!r} is not mark, date, currency and amount")
    sign = 1 if found[1] == "C" else -1
    return Balance(kind, found[3], sign * _amount(found[4]), day_end(yymmdd(found[2]), zone))


def _amount(text: str) -> Decimal:
    return amount(text.replace(",", "."))


# --- MT942 ---------------------------------------------------------------------------------------


def _report(message: Message, zone: str) -> Statement:
    """Lines since the last report; what it counts and sums (:90D: :90C:) must be these."""
    floor = FLOOR.fullmatch(message.said("34F").split("\n")[0].strip())
    sums = [SUM.fullmatch(message.said(tag).strip()) for tag in ("90D", "90C")]
    currencies = [floor[1]] if floor else [found[2] for found in sums if found]
    if not currencies:
        raise Unreadable("neither a statement (:60F:) nor an interim report (:34F:)")
    cut = message.said("13D", "13")
    day = yymmdd(cut[:6]) if cut else None
    lines = _lines([message], currencies[0], day, zone)
    for tag, found, sign in (("90D", sums[0], -1), ("90C", sums[1], 1)):
        _check_sum(tag, message.said(tag), found, [i.amount for i in lines if i.amount * sign > 0])
    return Statement(
        number=_number(message),
        statement_id=f"{message.said('28C', '28')}/{cut}",
        covers="neither",
        balances=(),
        lines=tuple(replace(line, pending=True) for line in lines),
        sequence=_sequence(message.said("28C", "28")),
    )


def _check_sum(tag: str, text: str, found: re.Match[str] | None, items: list[Decimal]) -> None:
    if text and not found:
        raise Unreadable(f":{tag}: {text!r} is not count, currency and sum")
    if not found:
        return
    count, total = int(found[1]), _amount(found[3])
    summed = abs(sum(items, ZERO))
    if (count, total) != (len(items), summed):
        raise Unreadable(
            f":{tag}: tells {count} of {plain(total)}, found {len(items)} of {plain(summed)}"
        )


# --- lines ---------------------------------------------------------------------------------------


def _lines(
    messages: Iterable[Message], currency: str, day: date | None, zone: str
) -> tuple[Line, ...]:
    """Each :61: with the :86: that follows it."""
    lines = []
    for message in messages:
        for place, (tag, text) in enumerate(message.fields):
            if tag == "61":
                after = message.fields[place + 1 : place + 2]
                about = after[0][1] if after and after[0][0] == "86" else ""
                lines.append(_line(text, about, currency, day, zone))
    return tuple(lines)


def _line(text: str, about: str, currency: str, day: date | None, zone: str) -> Line:
    found = LINE.fullmatch(text.rstrip())
    if not found:
        raise Unreadable(f"line {text!r} is no :61:")
    valued = _value_date(found[1])
    booked = _entry_date(found[2], valued) if found[2] else day or valued
    customer, _, bank = found[7].partition("//")
    notes = _notes(about)
    kind, code = _kind(found[3], found[6], notes)
    return Line(
        amount=SIGNS[found[3]] * _amount(found[5]),
        currency=currency,
        booked_at=midnight(booked, zone),
        value_at=midnight(valued, zone),
        reference=next(iter(told(bank)), ""),
        kind=kind,
        references=told(bank, customer, *_references(notes, about)),
        counterparty=notes.get("31") or " ".join(notes.get("32", "").split()),
        code=code,
        reversal=found[3] in ("RC", "RD"),
        pending=found[3] in ("EC", "ED"),
    )


def _value_date(text: str) -> date:
    if text[2:] in ("0229", "0230"):
        year = 2000 + int(text[:2])
        return date(year, 2, monthrange(year, 2)[1])
    return yymmdd(text)


def _entry_date(text: str, valued: date) -> date:
    """The year is not told: the one that brings it nearest to the value date."""
    month, day = int(text[:2]), int(text[2:])
    years = [y for y in (valued.year - 1, valued.year, valued.year + 1) if _is_day(y, month, day)]
    if not years:
        raise Unreadable(f"entry date {text!r} is no day of the calendar")
    return min((date(y, month, day) for y in years), key=lambda d: abs((d - valued).days))


def _is_day(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _kind(mark: str, kind: str, notes: dict[str, str]) -> tuple[LineKind, str]:
    """By the type's three letters, the German code of what came back, or the mark; and the code."""
    if notes.get("") in RETURNS:
        return "return", notes.get("34", notes[""])
    found = KINDS.get(kind[1:], "payment")
    if mark in ("RC", "RD") and found == "payment":
        found = "reversal"
    return found, kind


# --- what stands in an :86: ----------------------------------------------------------------------


def _notes(about: str) -> dict[str, str]:
    """Subfields of a structured :86: ("166?00GUTSCHRIFT?20EREF+...") by their number; the code
    itself under "". A label continues until the next one."""
    text = about.replace("\n", "")
    found = re.match(r"([0-9]{3})\?", text)
    if not found:
        return {}
    notes = {"": found[1]}
    label = "SVWZ"  # purpose without a label is the remittance text
    for subfield in text[found.end() :].split("?"):
        number, words = subfield[:2], subfield[2:]
        if number[:1] == "2" or number in ("60", "61", "62", "63"):
            labelled = LABEL.match(words)
            label, words = (labelled[1], labelled[2]) if labelled else (label, words)
            number = label
        notes[number] = notes.get(number, "") + words
    return notes


def _references(notes: dict[str, str], about: str) -> list[str]:
    """The ids in a structured :86:; of any other, its whole text."""
    if not notes:
        return [about.replace("\n", "")]
    return [notes.get(label, "") for label in ("EREF", "KREF", "MREF", "SVWZ")]
