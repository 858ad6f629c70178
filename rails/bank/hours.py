"""When a simulated bank is open: its own calendar and clock, by date libraries and none of core's.

A calendar is `fed`, `target` or `england`. Days are dates where the bank is; a clock is a text such
as "08:30", or "26:15" for a quarter past two in the night after.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

SECOND = 1_000_000_000
ZONES = {"fed": "America/New_York", "target": "Europe/Berlin", "england": "Europe/London"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@cache
def _closed(calendar: str, year: int) -> frozenset[date]:
    if calendar == "england":
        return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=[year]))
    market = {"fed": "XFED", "target": "XECB"}[calendar]
    return frozenset(holidays.financial_holidays(market, years=[year]))


@dataclass(frozen=True, slots=True)
class Hours:
    """One calendar."""

    calendar: str

    def is_open(self, day: date) -> bool:
        """Whether it is a banking day. Any Saturday or Sunday is none."""
        return day.weekday() < 5 and day not in _closed(self.calendar, day.year)

    def day(self, at: int) -> date:
        """The local date of a moment."""
        return self.local(at).date()

    def local(self, at: int) -> datetime:
        """A moment by the bank's clock, to the microsecond below."""
        return (_EPOCH + timedelta(microseconds=at // 1000)).astimezone(
            ZoneInfo(ZONES[self.calendar])
        )

    def at(self, day: date, clock: str) -> int:
        """The moment of a local time on a day, in nanoseconds."""
        hour, minute = (int(part) for part in clock.split(":"))
        on = day + timedelta(days=hour // 24)
        local = datetime(
            on.year, on.month, on.day, hour % 24, minute, tzinfo=ZoneInfo(ZONES[self.calendar])
        )
        span = local.astimezone(UTC) - _EPOCH
        return (span.days * 86_400 + span.seconds) * SECOND

    def this_or_next(self, day: date) -> date:
        """The day itself if it is a banking day, else the next one."""
        while not self.is_open(day):
            day += _DAY
        return day

    def later(self, day: date, count: int) -> date:
        """The banking day number `count` after a day."""
        for _ in range(count):
            day = self.this_or_next(day + _DAY)
        return day

    def within_open_days(self, at: int, last: int) -> int:
        """The moment itself if it lies in a banking day, else one day on and on; `last` at most."""
        while at < last and not self.is_open(self.day(at)):
            at += 86_400 * SECOND
        return min(at, last)
