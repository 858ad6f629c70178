"""Business calendars: whose holidays and whose midnights, published as facts over stated days.

Rule. The Fed's calendar is the Fed's own: a holiday on a Saturday closes nothing on the Friday
before it, other than for the federal government. TARGET closes on its six days and no others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from holidays import HolidayBase, country_holidays, financial_holidays

from core.rail_events import CalendarPublished

FIRST, LAST = date(2000, 1, 1), date(2099, 12, 31)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


class BadRange(ValueError):
    """Nobody can say which days of the range are holidays; the text names what would do."""


@dataclass(slots=True, frozen=True)
class Source:
    """Where a calendar's days come from."""

    zone: str
    holidays: Callable[[range], HolidayBase]
    words: str


SOURCES = {
    "fed": Source(
        "America/New_York",
        lambda years: financial_holidays("XFED", years=years),
        "Federal Reserve Banks' holiday schedule",
    ),
    "target": Source(
        "Europe/Berlin",
        lambda years: financial_holidays("XECB", years=years),
        "T2 closing days of the Eurosystem",
    ),
    "england": Source(
        "Europe/London",
        lambda years: country_holidays("GB", subdiv="ENG", years=years),
        "bank holidays in England and Wales",
    ),
}


def published(calendar: str, first: date, last: date, received_at: int) -> CalendarPublished:
    """The days from `first` up to and with `last`; raises `BadRange`."""
    if calendar not in SOURCES:
        raise BadRange(f"calendar: found {calendar!r}; {', '.join(SOURCES)} would do")
    if not FIRST <= first <= last <= LAST:
        raise BadRange(
            f"calendar {calendar}: found {first} to {last};"
            f" a first day not after the last, both from {FIRST} to {LAST}, would do"
        )
    source = SOURCES[calendar]
    closed = source.holidays(range(first.year, last.year + 1))
    days = [first + n * _DAY for n in range((last - first).days + 1)]
    return CalendarPublished(
        received_at=received_at,
        calendar=calendar,
        first_day=(first - _EPOCH.date()).days,
        midnights=tuple(midnight(day, source.zone) for day in [*days, last + _DAY]),
        banking="".join("01"[day.weekday() < 5 and day not in closed] for day in days),
    )


def midnight(day: date, zone: str) -> int:
    """The nanoseconds UTC at which a local day begins."""
    begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return (begins - _EPOCH) // timedelta(microseconds=1) * 1000
