"""Days and deadlines over a published calendar: whole numbers, and no date library.

Rule. A calendar answers for the days that it was published for. Beyond them the answer is `Beyond`,
never a date: a deadline that nobody can know must not look like one.

Days are counted from 1970-01-01; moments are nanoseconds UTC. A time of day is that long after the
local midnight, so on the two days a year on which clocks change it is an hour off after the change.
Those are Sundays wherever our calendars come from, and no banking day.
"""

from bisect import bisect_right
from typing import NamedTuple, assert_never

from core.rail_events import CalendarPublished, Window, Within

DAY_NS = 86_400_000_000_000


class Beyond:
    """No answer: it would lie outside the days that the calendar was published for."""

    def __init__(self, calendar: CalendarPublished) -> None:
        self.calendar = calendar.calendar
        self.first_day = calendar.first_day
        self.last_day = calendar.first_day + _length(calendar) - 1

    def __str__(self) -> str:
        return f"calendar {self.calendar} knows the days {self.first_day} to {self.last_day} only"


class Settlement(NamedTuple):
    """Until when to send, and when what was sent by then settles."""

    cutoff_at: int
    settles_at: int


# --- what is due when ----------------------------------------------------------------------------


def next_window(
    calendar: CalendarPublished, windows: tuple[Window, ...], now: int
) -> Settlement | Beyond:
    """The first window whose cut-off is still to come.

    All windows of one banking day close before the first of the next one does.
    """
    assert windows, "a scheme without windows settles at any time"
    today = day_of(calendar, now)
    if isinstance(today, Beyond):
        return today
    in_order = sorted(windows, key=_cutoff)
    day = today - max(0, in_order[-1].cutoff_ns // DAY_NS)  # one of last night may still be open
    if day < calendar.first_day:
        return Beyond(calendar)
    while True:
        banking = add_banking_days(calendar, day, 0)
        if isinstance(banking, Beyond):
            return banking
        midnight = _midnight(calendar, banking)
        for window in in_order:
            if now < midnight + window.cutoff_ns:
                return _settlement(calendar, banking, window, now)
        day = banking + 1


def _cutoff(window: Window) -> int:
    return window.cutoff_ns


def _settlement(
    calendar: CalendarPublished, day: int, window: Window, now: int
) -> Settlement | Beyond:
    settles_on = add_banking_days(calendar, day, window.days)
    if isinstance(settles_on, Beyond):
        return settles_on
    settles_at = _midnight(calendar, settles_on) + window.settles_ns
    return Settlement(_midnight(calendar, day) + window.cutoff_ns, max(now, settles_at))


def end_of(calendar: CalendarPublished, within: Within, settled_at: int) -> int | Beyond:
    """The moment at which a span after settlement is over."""
    settled_on = day_of(calendar, settled_at)
    if isinstance(settled_on, Beyond):
        return settled_on
    last = _last_day(calendar, within, settled_on)
    if not isinstance(last, Beyond) and within.then_banking_days:
        last = add_banking_days(calendar, last, within.then_banking_days)
    if isinstance(last, Beyond):
        return last
    return _midnight(calendar, last) + within.until_ns


def _last_day(calendar: CalendarPublished, within: Within, settled_on: int) -> int | Beyond:
    if within.unit == "banking_days":
        return add_banking_days(calendar, settled_on, within.days)
    if within.unit == "calendar_days":
        return add_calendar_days(calendar, settled_on, within.days)
    if within.unit == "months":
        return add_months(calendar, settled_on, within.days)
    assert_never(within.unit)


# --- days ----------------------------------------------------------------------------------------


def day_of(calendar: CalendarPublished, at: int) -> int | Beyond:
    """The local day in which a moment lies."""
    place = bisect_right(calendar.midnights, at) - 1
    return calendar.first_day + place if 0 <= place < _length(calendar) else Beyond(calendar)


def is_banking(calendar: CalendarPublished, day: int) -> bool | Beyond:
    """Whether banks are open."""
    place = day - calendar.first_day
    if not 0 <= place < _length(calendar):
        return Beyond(calendar)
    return calendar.banking[place] == "1"


def add_banking_days(calendar: CalendarPublished, day: int, count: int) -> int | Beyond:
    """The banking day number `count` after `day`; for 0, `day` itself or the next banking day."""
    assert count >= 0, count
    place = day - calendar.first_day
    if not 0 <= place < _length(calendar):
        return Beyond(calendar)
    place -= count == 0
    for _ in range(max(1, count)):
        place = calendar.banking.find("1", place + 1, _length(calendar))
        if place < 0:
            return Beyond(calendar)
    return calendar.first_day + place


def add_calendar_days(calendar: CalendarPublished, day: int, count: int) -> int | Beyond:
    """The day so many days after `day`, banking day or not."""
    return _known(calendar, day, day + count)


def add_months(calendar: CalendarPublished, day: int, count: int) -> int | Beyond:
    """The same day of the month so many months later, or that month's last day if it is shorter."""
    year, month, of_month = civil(day)
    years, month = divmod(month - 1 + count, 12)
    year, month = year + years, month + 1
    following = day_number(year + month // 12, month % 12 + 1, 1)
    return _known(calendar, day, min(day_number(year, month, of_month), following - 1))


def _known(calendar: CalendarPublished, day: int, later: int) -> int | Beyond:
    first, after = calendar.first_day, calendar.first_day + _length(calendar)
    return later if first <= day < after and first <= later < after else Beyond(calendar)


def _length(calendar: CalendarPublished) -> int:
    """Of a day whose end was not published, nobody can say what lies in it."""
    return min(len(calendar.banking), len(calendar.midnights) - 1)


def _midnight(calendar: CalendarPublished, day: int) -> int:
    return calendar.midnights[day - calendar.first_day]


# --- the civil calendar --------------------------------------------------------------------------
# Years begin in March here, so that the odd day of a leap year comes last; 400 years repeat.


def civil(day: int) -> tuple[int, int, int]:
    """Year, month and day of the month, of a day counted from 1970-01-01."""
    era, of_era = divmod(day + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    march = (5 * of_year + 2) // 153
    month = march + 3 if march < 10 else march - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * march + 2) // 5 + 1


def day_number(year: int, month: int, of_month: int) -> int:
    """The inverse of `civil`; a day past the end of the month counts on into the next."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + of_month - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
