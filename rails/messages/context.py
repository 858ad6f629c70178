"""What every reader of a bank's message is given, and the few words that they share.

An amount is a `Decimal` exactly as told until `units` makes it whole units of its asset; it is
never a float and never rounded. A moment is whole nanoseconds UTC; a bare date is the midnight at
which it begins where the bank is.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from core.events import Event, FrameDismissed, FrameQuarantined
from core.money import parse

SECOND = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# ISO 20022 knows 18 digits of which 5 are decimals; BAI2 and MT write fewer.
AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{0,5})?")
MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9})[0-9]*)?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
Part = TypeVar("Part")
NOT_TOLD = {"", "NOTPROVIDED", "NOT PROVIDED", "NONREF", "NOREF"}


class Unreadable(ValueError):
    """The message breaks a rule of its own standard; its text is the rule, with what was found."""


# What strange bytes may raise inside a reader that reads them as their standard says.
STRANGE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


@dataclass(slots=True, frozen=True)
class Context:
    """Where a message came from, and what must be known to read it.

    `account` is ours, of the frame: statuses, returns and recalls belong to it. `accounts` says
    which account of ours an IBAN or account number is (written without spaces); what is told of any
    other is quarantined. `decimals` must name every currency that is told. `zone` is where the
    bank's dates begin. `settled_codes` are the codes that settle by the scheme's own rule when a
    pacs.002 tells them; a pain.002 settles by ACCC alone, for the others are the debtor's side.
    `currency` is that of `account`, "" where nobody says: a status or a return has no word for any
    other, and an amount in another is none of theirs.
    """

    account: str
    accounts: Mapping[str, str]
    decimals: Mapping[str, int]
    received_at: int
    frame: int = 0
    asked_at: int = 0
    zone: str = "UTC"
    settled_codes: frozenset[str] = frozenset({"ACSC", "ACCC"})
    currency: str = ""

    def is_own(self, currency: str) -> bool:
        """Whether an amount in this currency can be told of a payment of the account."""
        return bool(currency) and self.currency in ("", currency)

    def ours(self, number: str) -> str:
        """Our account under the number that the bank knows it by."""
        written = number.replace(" ", "")
        if written not in self.accounts:
            raise Unreadable(f"told of another account: {written or 'none named'}")
        return self.accounts[written]


# --- amounts -------------------------------------------------------------------------------------


def amount(text: str) -> Decimal:
    """An amount as it is written, without a sign: that has a place of its own in every format."""
    if not AMOUNT.fullmatch(text.strip()):
        raise Unreadable(f"amount {text!r} is no decimal number")
    return Decimal(text.strip())


def units(value: Decimal, asset: str, context: Context) -> int:
    """An exact amount in units of its asset; more decimals than the asset has are refused."""
    if asset not in context.decimals:
        raise Unreadable(f"currency {asset!r} is none of our assets")
    try:
        return parse(format(value, "f"), context.decimals[asset])
    except ValueError as error:
        raise Unreadable(f"{asset} amount {error}") from error


def plain(value: Decimal) -> str:
    """A figure as a rule's text shows it."""
    return format(value.normalize(), "f") if value else "0"


# --- times ---------------------------------------------------------------------------------------


def moment(text: str, zone: str) -> int:
    """An ISO date or time; a time without an offset is the bank's own."""
    found = MOMENT.fullmatch(text.strip())
    if not found:
        raise Unreadable(f"time {text!r} is no ISO date or time")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    begins = midnight(date_of(int(year), int(month), int(day)), zone)
    if hour is None:
        return begins
    late = int(hour) > 24 or (hour == "24" and (minute, second) != ("00", "00"))
    if late or int(minute) > 59 or int(second) > 60:
        raise Unreadable(f"time {text!r} is none of a day")
    clock = timedelta(hours=int(hour), minutes=int(minute), seconds=int(second))
    local = datetime(int(year), int(month), int(day)) + clock  # noqa: DTZ001 (given its zone below)
    return _ns(local.replace(tzinfo=_zone(offset, zone))) + int((fraction or "0").ljust(9, "0"))


def midnight(day: date, zone: str) -> int:
    """When a local day begins."""
    return _ns(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def day_end(day: date, zone: str) -> int:
    """When a local day ends."""
    return midnight(day + timedelta(days=1), zone)


def day_after(begins: int, zone: str) -> int:
    """When the local day ends that begins then."""
    return day_end(local_day(begins, zone), zone)


def local_day(at: int, zone: str) -> date:
    """Which day it is then where the bank is."""
    return (EPOCH + timedelta(seconds=at // SECOND)).astimezone(ZoneInfo(zone)).date()


def date_of(year: int, month: int, day: int) -> date:
    """A day of the calendar."""
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Unreadable(f"{year:04}-{month:02}-{day:02} is no day of the calendar") from error


def yymmdd(text: str) -> date:
    """A date of six digits, as BAI2, NACHA and MT write it."""
    if not re.fullmatch(r"[0-9]{6}", text):
        raise Unreadable(f"date {text!r} is not YYMMDD")
    return date_of(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def _zone(offset: str | None, zone: str) -> tzinfo:
    if offset is None:
        return ZoneInfo(zone)
    if offset == "Z":
        return UTC
    span = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
    return timezone(span if offset[0] == "+" else -span)


def _ns(when: datetime) -> int:
    span = when - EPOCH
    return (span.days * 86_400 + span.seconds) * SECOND


# --- texts and events ----------------------------------------------------------------------------


def rows(text: str) -> list[str]:
    """The lines of a flat file; only a line end ends one, whatever else a bank's text holds."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def told(*texts: str) -> tuple[str, ...]:
    """The references among these texts, each once, in order; what says "not provided" is none, and
    neither are zeros, with which some banks fill the place of one."""
    cleaned = [" ".join(text.split()) for text in texts]
    return tuple(
        dict.fromkeys(text for text in cleaned if text.upper() not in NOT_TOLD and text.strip("0"))
    )


def quarantined(context: Context, rule: str) -> Event:
    return FrameQuarantined(
        received_at=context.received_at, frame=context.frame, account=context.account, reason=rule
    )


def dismissed(context: Context, reason: str) -> Event:
    return FrameDismissed(
        received_at=context.received_at, frame=context.frame, account=context.account, reason=reason
    )


def apart(
    parts: Iterable[Part], tell: Callable[[Part, Context], list[Event]], context: Context
) -> list[Event]:
    """Each part of a message on its own: one that breaks a rule is quarantined, the others tell."""
    events: list[Event] = []
    for part in parts:
        try:
            events += tell(part, context)
        except STRANGE as error:
            events.append(quarantined(context, rule(error)))
    return events


def rule(error: Exception) -> str:
    """The rule that was broken; for what no reader foresaw, at least what happened."""
    if isinstance(error, Unreadable):
        return str(error)
    return f"{type(error).__name__}: {error}"
