"""BAI2: what US banks tell of accounts, in records of comma-separated fields.

01 file, 02 group (one bank, one day), 03 account, 16 transaction, 88 continuation; 49, 98 and 99
end account, group and file with a sum over all amounts and a count of all records. A file whose
sums or counts are not its own is quarantined whole: then nothing in it is sure.

Amounts have no decimal point: the currency's minor unit says where it stands. Summaries carry their
sign, transactions have it from their type code: 100-399 credits, 400-699 debits. Only ledger
balances (010, 015, 030) tie to entries; what is available or collected does not.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from core.events import Event
from core.rail_events import LineKind
from rails.messages.context import (
    SECOND,
    Context,
    Unreadable,
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

# ISO 4217; every other currency has two.
NO_DECIMALS = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
LEDGER: dict[str, Literal["opening", "closing", "interim"]] = {
    "010": "opening",
    "015": "closing",
    "030": "interim",
}
KINDS: dict[str, LineKind] = {
    **dict.fromkeys(("255", "257", "261", "266", "268"), "return"),
    **dict.fromkeys(("555", "557", "561", "566", "568"), "return"),
    **dict.fromkeys(("252", "258", "552", "558"), "reversal"),
    **dict.fromkeys(("354", "654"), "interest"),
    **dict.fromkeys(("661", "698"), "fee"),
    **dict.fromkeys(("399", "699"), "unknown"),
}
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
# Fields of a funds type beyond itself; S has three amounts, D counts its own.
FUNDS = {"": 0, "0": 0, "1": 0, "2": 0, "Z": 0, "V": 2, "S": 3}


@dataclass(slots=True)
class Record:
    """A record with its continuations: the fields after its code, and how many lines it took."""

    code: str
    fields: list[str]
    lines: int = 1


@dataclass(slots=True)
class Account:
    """A 03 record, the 16 records under it, and its 49."""

    head: Record
    details: list[Record] = field(default_factory=list)
    trailer: Record | None = None


@dataclass(slots=True)
class Group:
    """A 02 record, the accounts under it, and its 98."""

    head: Record
    accounts: list[Account] = field(default_factory=list)
    trailer: Record | None = None


@dataclass(slots=True)
class Place:
    """An account within its group and file: what its statement needs to know of both."""

    account: Account
    group: Group
    name: str

    @property
    def final(self) -> bool:
        return _final(self.group.head.fields)


def read(text: str, context: Context) -> list[Event]:
    """Each account of the file as a statement of its own; the file's own sums must hold."""
    records = list(_records(text))
    file_head, groups, file_end = _nested(records)
    _check_file(groups, file_end)
    places = list(_places(file_head, groups))
    if not places:
        raise Unreadable("a BAI2 file without an account")
    # An interim report and the final one tell the same lines.
    alike = {final: Alike() for final in (True, False)}
    return apart(places, lambda place, _: _tell(place, context, alike[place.final]), context)


def _places(file_head: Record, groups: list[Group]) -> Iterator[Place]:
    """Each account, under a name that is the same when its file is sent again: teller, day and how
    manieth of the account's. Of an interim report there are many a day, so it has its file's too.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    for group in groups:
        head = group.head.fields
        teller, day = _at(head, 1), _at(head, 3)
        within = "" if _final(head) else f"/{_at(file_head.fields, 2)}-{_at(file_head.fields, 4)}"
        for account in group.accounts:
            key = (teller, day, _at(account.head.fields, 0))
            seen[key] += 1
            yield Place(account, group, f"{teller}/{day}{within}/{seen[key]}")


def _final(group: list[str]) -> bool:
    """The as-of modifier: 1 and 3 are interim, 2 and 4 final, and none is told as final."""
    return _at(group, 6) not in ("1", "3")


# --- records -------------------------------------------------------------------------------------


def _records(text: str) -> Iterator[Record]:
    """Records, each joined with its continuations."""
    record: Record | None = None
    for number, line in enumerate((row for row in rows(text) if row.strip()), 1):
        code, comma, rest = line.strip().partition(",")
        if not comma or code not in {"01", "02", "03", "16", "88", "49", "98", "99"}:
            raise Unreadable(f"line {number}: {line[:12]!r} begins no record of BAI2")
        fields = rest.removesuffix("/").split(",")
        if code != "88":
            if record:
                yield record
            record = Record(code, fields)
        elif record is None:
            raise Unreadable("a continuation of nothing")
        else:
            record.fields += fields
            record.lines += 1
    if record:
        yield record


def _nested(records: list[Record]) -> tuple[Record, list[Group], Record]:
    """File, groups and accounts, each within its own head and trailer."""
    if len(records) < 2 or (records[0].code, records[-1].code) != ("01", "99"):
        raise Unreadable("a BAI2 file begins with 01 and ends with 99")
    groups: list[Group] = []
    for record in records[1:-1]:
        group = groups[-1] if groups and groups[-1].trailer is None else None
        account = group.accounts[-1] if group and group.accounts else None
        open_account = account if account and account.trailer is None else None
        match record.code:
            case "02" if group is None:
                groups.append(Group(record))
            case "03" if group and open_account is None:
                group.accounts.append(Account(record))
            case "16" if open_account:
                open_account.details.append(record)
            case "49" if open_account:
                open_account.trailer = record
            case "98" if group and open_account is None:
                group.trailer = record
            case _:
                raise Unreadable(f"a record {record.code} where none may stand")
    return records[0], groups, records[-1]


# --- sums and counts -----------------------------------------------------------------------------


def _check_file(groups: list[Group], end: Record) -> None:
    total, lines = 0, 2
    for group in groups:
        group_total, group_lines = _check_group(group)
        total, lines = total + group_total, lines + group_lines
    _check(end, "99", (total, len(groups), lines), ("control total", "groups", "records"))


def _check_group(group: Group) -> tuple[int, int]:
    total, lines = 0, group.head.lines + 1
    for account in group.accounts:
        account_total, account_lines = _check_account(account)
        total, lines = total + account_total, lines + account_lines
    counted = (total, len(group.accounts), lines)
    _check(group.trailer, "98", counted, ("control total", "accounts", "records"))
    return total, lines


def _check_account(account: Account) -> tuple[int, int]:
    total = sum(_whole(value) for _, value, _ in _summaries(account))
    total += sum(_whole(_at(detail.fields, 1)) for detail in _monetary(account))
    lines = account.head.lines + sum(detail.lines for detail in account.details) + 1
    _check(account.trailer, "49", (total, lines), ("control total", "records"))
    return total, lines


def _check(
    trailer: Record | None, code: str, counted: tuple[int, ...], names: tuple[str, ...]
) -> None:
    if trailer is None or len(trailer.fields) < len(counted):
        raise Unreadable(f"no {code} record with {' and '.join(names)}")
    for name, found, said in zip(names, counted, trailer.fields, strict=False):
        if _whole(said) != found:
            raise Unreadable(f"{code} tells {name} {_whole(said)}, counted {found}")


def _monetary(account: Account) -> list[Record]:
    """The transactions; 890 only carries a text."""
    return [detail for detail in account.details if _at(detail.fields, 0) != "890"]


def _whole(text: str) -> int:
    if not WHOLE.fullmatch(text.strip()):
        raise Unreadable(f"amount {text!r} is no whole number")
    return int(text)


# --- an account ----------------------------------------------------------------------------------


def _summaries(account: Account) -> Iterator[tuple[str, str, str]]:
    """Type code, amount and item count of each summary of a 03 record; empty places are passed."""
    fields = iter(account.head.fields[2:])
    for code in fields:
        if code.strip():
            value, count, funds = next(fields, ""), next(fields, ""), next(fields, "")
            for _ in range(_funds_fields(funds.strip(), fields)):
                next(fields, "")
            if value:
                yield code.strip(), value, count


def _funds_fields(funds: str, fields: Iterator[str]) -> int:
    if funds == "D":
        return 2 * _whole(next(fields, ""))
    if funds not in FUNDS:
        raise Unreadable(f"funds type {funds!r} is none of BAI2")
    return FUNDS[funds]


def _tell(place: Place, context: Context, alike: Alike) -> list[Event]:
    group = place.group.head.fields
    status = group[2] if len(group) > 2 else ""
    if status == "4":
        return [dismissed(context, f"{place.name}: a group sent for test only")]
    if status not in ("", "1"):
        raise Unreadable(f"{place.name}: group status {status!r} alters an earlier one")
    return tell(_statement(place, context.zone), context, alike)


def _statement(place: Place, zone: str) -> Statement:
    account, group = place.account, place.group.head.fields
    day = yymmdd(_at(group, 3))
    currency = _at(account.head.fields, 1) or _at(group, 5) or "USD"
    cut = _cut(day, _at(group, 4), zone)
    balances = tuple(
        Balance(LEDGER[code], currency, _exact(_whole(value), currency), at)
        for code, value, _ in _summaries(account)
        if code in LEDGER
        for at in [midnight(day, zone) if code == "010" else cut]
    )
    lines = tuple(_line(detail, currency, day, zone) for detail in _monetary(account))
    _check_sums(account, lines, currency)
    return Statement(
        number=account.head.fields[0],
        statement_id=place.name,
        covers="period" if place.final and (lines or not _has_items(account)) else "neither",
        balances=balances,
        lines=lines,
        elsewhere=any(True for _ in _summaries(account)),
    )


def _at(fields: list[str], place: int) -> str:
    return fields[place].strip() if place < len(fields) else ""


def _cut(day: date, clock: str, zone: str) -> int:
    """Until when the group tells; 2400 and 9999 are the end of its day."""
    digits = clock.replace(":", "")[:4]
    if digits in ("", "2400", "9999"):
        return day_end(day, zone)
    if len(digits) != 4 or not digits.isdigit() or not digits.isascii():
        raise Unreadable(f"as-of time {clock!r} is not HHMM")
    return midnight(day, zone) + (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * SECOND


def _exact(minor: int, currency: str) -> Decimal:
    """A count of minor units as an amount of the currency."""
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return Decimal(minor).scaleb(-decimals)


def _has_items(account: Account) -> bool:
    return any(code in ("100", "400") and _whole(value) for code, value, _ in _summaries(account))


def _check_sums(account: Account, lines: tuple[Line, ...], currency: str) -> None:
    """Total credits (100) and total debits (400) are those of the transactions, where there are."""
    for code, value, count in _summaries(account):
        if code not in ("100", "400") or not lines:
            continue
        items = [abs(line.amount) for line in lines if (line.amount > 0) == (code == "100")]
        told_sum = _exact(_whole(value), currency)
        if sum(items, ZERO) != told_sum or (count.strip() and _whole(count) != len(items)):
            raise Unreadable(
                f"{code} tells {count or '?'} items of {plain(told_sum)} {currency}, found"
                f" {len(items)} of {plain(sum(items, ZERO))}"
            )


# --- a transaction -------------------------------------------------------------------------------


def _line(detail: Record, currency: str, day: date, zone: str) -> Line:
    """A 16 record: type, amount, funds type and its fields, the bank's id, the customer's, text."""
    fields = iter(detail.fields)
    code, value, funds = next(fields, "").strip(), next(fields, ""), next(fields, "").strip()
    funded = [next(fields, "").strip() for _ in range(_funds_fields(funds, fields))]
    bank, customer, *text = (part.strip() for part in (*fields, "", ""))
    if _whole(value) < 0:
        raise Unreadable(f"transaction of {value}: its type {code} says the sign")
    return Line(
        amount=_sign(code) * _exact(_whole(value), currency),
        currency=currency,
        booked_at=midnight(day, zone),
        value_at=midnight(yymmdd(funded[0]), zone) if funds == "V" and funded[0] else 0,
        reference=next(iter(told(bank)), ""),
        kind=KINDS.get(code, "payment"),
        references=told(bank, customer, *_labelled(text)),
        counterparty=next((part[5:].strip() for part in text if part[:5] == "DBNM:"), ""),
        code=code,
        reversal=KINDS.get(code) == "reversal",
    )


def _sign(code: str) -> int:
    if code.isascii() and code.isdigit() and len(code) == 3:
        number = int(code)
        if 100 <= number <= 399 or 920 <= number <= 959:
            return 1
        if 400 <= number <= 699 or 960 <= number <= 999:
            return -1
    raise Unreadable(f"type code {code!r} is neither a credit nor a debit")


def _labelled(text: list[str]) -> list[str]:
    """References that a bank writes as labelled continuations ("EREF: 1111"), or the bare text."""
    labelled = [part[5:].strip() for part in text if part[:5] in ("EREF:", "CREF:", "REMI:")]
    return labelled or [" ".join(part for part in text if part)]
