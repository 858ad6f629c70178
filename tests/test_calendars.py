"""Deadlines over published calendars, against a slow model that counts with the date library."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core import calendars
from core.calendars import Beyond, Settlement
from core.rail_events import CalendarPublished, Window, Within
from rails.calendars import FIRST, LAST, SOURCES, BadRange, midnight, published

HOUR = 3_600_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FROM, TO = date(2026, 1, 1), date(2028, 12, 31)


@cache
def calendar(name: str) -> CalendarPublished:
    return published(name, FROM, TO, received_at=0)


def ns(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def eastern(text: str) -> int:
    return ns(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")))


def number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def banking_days(name: str, year: int) -> set[date]:
    days = (date(year, 1, 1) + n * DAY for n in range(366))
    return {day for day in days if day.year == year and open_on(name, day)}


def open_on(name: str, day: date) -> bool:
    answer = calendars.is_banking(calendar(name), number(day))
    assert not isinstance(answer, Beyond)
    return answer


# --- which days they are -------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2026-07-03", "2027-06-18", "2027-12-24", "2027-12-31"])
def test_the_fed_is_open_on_the_friday_before_a_saturday_holiday(day: str) -> None:
    """Generic national calendars close there."""
    assert open_on("fed", date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2026-01-19", "2026-06-19", "2026-11-26", "2027-07-05"])
def test_the_fed_closes_on_its_holidays_and_on_the_monday_after_a_sunday_one(day: str) -> None:
    assert not open_on("fed", date.fromisoformat(day))


def test_target_closes_on_six_days_a_year_and_on_weekends() -> None:
    """In 2026: New Year, Good Friday, Easter Monday, Labour Day, both days of Christmas."""
    six = "2026-01-01 2026-04-03 2026-04-06 2026-05-01 2026-12-25 2026-12-26".split()
    days = [date(2026, 1, 1) + n * DAY for n in range(365)]
    weekends = {day for day in days if day.weekday() >= 5}
    closed = weekends | {date.fromisoformat(text) for text in six}
    assert set(days) - banking_days("target", 2026) == closed


def test_england_closes_on_its_bank_holidays() -> None:
    """In 2026 Boxing Day is a Saturday, and the Monday after it stands for it."""
    eight = "2026-01-01 2026-04-03 2026-04-06 2026-05-04 2026-05-25 2026-08-31 2026-12-25"
    closed = {date.fromisoformat(text) for text in [*eight.split(), "2026-12-28"]}
    weekdays = {d for n in range(365) if (d := date(2026, 1, 1) + n * DAY).weekday() < 5}
    assert weekdays - banking_days("england", 2026) == closed


@pytest.mark.parametrize(
    ("zone", "day", "utc"),
    [
        ("America/New_York", "2026-03-08", "2026-03-08T05:00"),
        ("America/New_York", "2026-03-09", "2026-03-09T04:00"),
        ("America/New_York", "2026-11-02", "2026-11-02T05:00"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00"),
        ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00"),
        ("Europe/London", "2026-10-25", "2026-10-24T23:00"),
        ("Europe/London", "2026-10-26", "2026-10-26T00:00"),
    ],
)
def test_local_midnights_are_exact_where_clocks_change(zone: str, day: str, utc: str) -> None:
    assert midnight(date.fromisoformat(day), zone) == ns(datetime.fromisoformat(utc + "+00:00"))


@pytest.mark.parametrize("name", SOURCES)
def test_clocks_never_change_on_a_banking_day(name: str) -> None:
    """So a time of day may be counted from midnight."""
    whole = published(name, FIRST, LAST, received_at=0)
    lengths = [b - a for a, b in zip(whole.midnights, whole.midnights[1:], strict=False)]
    odd = [place for place, length in enumerate(lengths) if length != 24 * HOUR]
    assert len(odd) == 200
    assert not [place for place in odd if whole.banking[place] == "1"]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("fed", date(1999, 12, 31), TO),
        ("fed", FROM, date(2100, 1, 1)),
        ("target", TO, FROM),
        ("nyse", FROM, TO),
    ],
)
def test_a_range_that_nobody_knows_is_refused(name: str, first: date, last: date) -> None:
    with pytest.raises(BadRange, match=r"found .* would do"):
        published(name, first, last, received_at=0)


# --- deadlines, by hand --------------------------------------------------------------------------

SAME_DAY = (
    Window(cutoff_ns=10 * HOUR + HOUR // 2, settles_ns=13 * HOUR),
    Window(cutoff_ns=14 * HOUR + 3 * HOUR // 4, settles_ns=17 * HOUR),
    Window(cutoff_ns=16 * HOUR + 3 * HOUR // 4, settles_ns=18 * HOUR),
)
NEXT_DAY = (Window(cutoff_ns=26 * HOUR + HOUR // 4, settles_ns=8 * HOUR + HOUR // 2, days=1),)
WIRE = (Window(cutoff_ns=19 * HOUR, settles_ns=-3 * HOUR),)


@pytest.mark.parametrize(
    ("windows", "now", "cutoff", "settles"),
    [
        (SAME_DAY, "2026-07-06T10:29", "2026-07-06T10:30", "2026-07-06T13:00"),
        (SAME_DAY, "2026-07-06T10:30", "2026-07-06T14:45", "2026-07-06T17:00"),
        (SAME_DAY, "2026-07-06T16:45", "2026-07-07T10:30", "2026-07-07T13:00"),
        (SAME_DAY, "2026-07-02T17:00", "2026-07-03T10:30", "2026-07-03T13:00"),
        (SAME_DAY, "2026-11-25T17:00", "2026-11-27T10:30", "2026-11-27T13:00"),
        (NEXT_DAY, "2026-07-02T23:00", "2026-07-03T02:15", "2026-07-03T08:30"),
        (NEXT_DAY, "2026-07-03T02:15", "2026-07-04T02:15", "2026-07-06T08:30"),
        (NEXT_DAY, "2026-07-04T02:14", "2026-07-04T02:15", "2026-07-06T08:30"),
        (NEXT_DAY, "2026-07-04T02:15", "2026-07-07T02:15", "2026-07-07T08:30"),
        (WIRE, "2026-07-06T11:00", "2026-07-06T19:00", "2026-07-06T11:00"),
        (WIRE, "2026-07-03T20:00", "2026-07-06T19:00", "2026-07-05T21:00"),
        (WIRE, "2026-07-05T22:00", "2026-07-06T19:00", "2026-07-05T22:00"),
    ],
)
def test_the_next_window(windows: tuple[Window, ...], now: str, cutoff: str, settles: str) -> None:
    found = calendars.next_window(calendar("fed"), windows, eastern(now))
    assert found == Settlement(eastern(cutoff), eastern(settles))


@pytest.mark.parametrize(
    ("within", "settled", "ends"),
    [
        (Within(2, until_ns=8 * HOUR), "2026-07-02T13:00", "2026-07-06T08:00"),
        (Within(2, until_ns=8 * HOUR), "2026-11-25T08:30", "2026-11-30T08:00"),
        (Within(60, "calendar_days", until_ns=8 * HOUR), "2026-07-06T08:30", "2026-09-04T08:00"),
        (Within(60, "calendar_days", 1, 8 * HOUR), "2026-07-06T08:30", "2026-09-08T08:00"),
        (Within(13, "months", until_ns=24 * HOUR), "2027-01-31T10:00", "2028-03-01T00:00"),
    ],
)
def test_the_end_of_a_span(within: Within, settled: str, ends: str) -> None:
    """Sixty days from 6 July 2026 are a Friday; the Monday after is Labor Day."""
    assert calendars.end_of(calendar("fed"), within, eastern(settled)) == eastern(ends)


# --- against the model ---------------------------------------------------------------------------

unhurried = settings(deadline=None)  # the model looks holidays up anew each time
names = st.sampled_from(sorted(SOURCES))
moments = st.integers(0, 485 * 86_400 - 1).map(
    lambda seconds: datetime(2026, 2, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
hours = st.integers(0, 23 * 60).map(lambda minutes: timedelta(minutes=minutes))


def slow_open(name: str, day: date) -> bool:
    source = SOURCES[name]
    return day.weekday() < 5 and day not in source.holidays(range(day.year, day.year + 1))


def slow_add(name: str, day: date, count: int) -> date:
    if count == 0 and not slow_open(name, day):
        count = 1
    while count:
        day += DAY
        count -= slow_open(name, day)
    return day


def slow_months(day: date, count: int) -> date:
    month = day.replace(day=1)
    for _ in range(count):
        month = (month + 31 * DAY).replace(day=1)
    candidates = [month + n * DAY for n in range(day.day)]
    return max(each for each in candidates if each.month == month.month)


def local(name: str, day: date, of_day: timedelta) -> int:
    wall = datetime.combine(day, time()) + of_day
    return ns(wall.replace(tzinfo=ZoneInfo(SOURCES[name].zone)))


@unhurried
@given(names, moments)
@example("fed", datetime(2026, 11, 1, 4, 59, tzinfo=UTC))
def test_the_day_is_the_local_one(name: str, moment: datetime) -> None:
    here = moment.astimezone(ZoneInfo(SOURCES[name].zone)).date()
    assert calendars.day_of(calendar(name), ns(moment)) == number(here)
    assert open_on(name, here) == slow_open(name, here)


@unhurried
@given(names, moments, st.integers(0, 200), st.sampled_from(["days", "banking", "months"]), hours)
def test_spans_end_where_the_model_ends_them(
    name: str, moment: datetime, count: int, unit: str, until: timedelta
) -> None:
    """And so do those that run on to a banking day."""
    count = count % 15 if unit == "months" else count
    day = moment.astimezone(ZoneInfo(SOURCES[name].zone)).date()
    match unit:
        case "days":
            within, last = Within(count, "calendar_days", 1), day + count * DAY
        case "months":
            within, last = Within(count, "months", 2), slow_months(day, count)
        case _:
            within, last = Within(count, "banking_days"), slow_add(name, day, count)
    if within.then_banking_days:
        last = slow_add(name, last, within.then_banking_days)
    of_day = until // timedelta(microseconds=1) * 1000
    within = Within(count, within.unit, within.then_banking_days, of_day)
    found = calendars.end_of(calendar(name), within, ns(moment))
    assert found == local(name, last, until)


@unhurried
@given(
    names,
    moments,
    st.lists(st.tuples(hours, st.integers(0, 3)), min_size=1, max_size=4),
    st.integers(0, 30),
)
def test_windows_open_where_the_model_opens_them(
    name: str, moment: datetime, drawn: list[tuple[timedelta, int]], late: int
) -> None:
    """The model tries every window of every day and takes the first to close."""
    shift = timedelta(hours=late)
    lead, least = timedelta(hours=2), min(cutoff for cutoff, _ in drawn)
    assert max(cutoff for cutoff, _ in drawn) - least < DAY
    windows = tuple(
        Window(
            (cutoff + shift) // timedelta(microseconds=1) * 1000,
            (cutoff + lead) // timedelta(microseconds=1) * 1000,
            days,
        )
        for cutoff, days in drawn
    )
    now, start = ns(moment), moment.date() - 4 * DAY
    tried = []
    for day in (start + n * DAY for n in range(20)):
        if not slow_open(name, day):
            continue
        for window in windows:
            cutoff = midnight(day, SOURCES[name].zone) + window.cutoff_ns
            settles = midnight(slow_add(name, day, window.days), SOURCES[name].zone)
            if cutoff > now:
                tried.append((cutoff, max(now, settles + window.settles_ns)))
    found = calendars.next_window(calendar(name), windows, now)
    assert isinstance(found, Settlement)
    assert found.cutoff_at == min(tried)[0]
    assert tuple(found) in tried


def test_civil_days_are_those_of_the_date_library() -> None:
    """Every day of the four hundred years after which the calendar repeats."""
    for n in range(-25_567, -25_567 + 146_098):
        told = date(1970, 1, 1) + n * DAY
        assert calendars.civil(n) == (told.year, told.month, told.day)
        assert calendars.day_number(told.year, told.month, told.day) == n


# --- where it ends -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda c, first, last: calendars.day_of(c, first - 1),
        lambda c, first, last: calendars.day_of(c, last),
        lambda c, first, last: calendars.is_banking(c, c.first_day - 1),
        lambda c, first, last: calendars.is_banking(c, c.first_day + len(c.banking)),
        lambda c, first, last: calendars.add_banking_days(c, c.first_day - 1, 1),
        lambda c, first, last: calendars.add_banking_days(c, c.first_day + len(c.banking) - 1, 1),
        lambda c, first, last: calendars.add_calendar_days(c, c.first_day, len(c.banking)),
        lambda c, first, last: calendars.add_calendar_days(c, c.first_day - 1, 2),
        lambda c, first, last: calendars.add_months(c, c.first_day, 36),
        lambda c, first, last: calendars.next_window(c, SAME_DAY, last - HOUR),
        lambda c, first, last: calendars.next_window(c, NEXT_DAY, last - 20 * HOUR),
        lambda c, first, last: calendars.next_window(c, NEXT_DAY, first + HOUR),
        lambda c, first, last: calendars.end_of(c, Within(2), last - HOUR),
        lambda c, first, last: calendars.end_of(c, Within(60, "calendar_days"), last - HOUR),
        lambda c, first, last: calendars.end_of(c, Within(0, "calendar_days", 1), last - HOUR),
        lambda c, first, last: calendars.end_of(c, Within(1), last),
    ],
)
def test_beyond_the_published_days_there_is_no_date(answer) -> None:  # type: ignore[no-untyped-def]
    """Never a wrong one, and the reason says which days are known."""
    known = calendar("fed")
    found = answer(known, known.midnights[0], known.midnights[-1])
    assert isinstance(found, Beyond)
    assert str(found) == f"calendar fed knows the days {number(FROM)} to {number(TO)} only"


def test_the_last_published_day_still_answers() -> None:
    known = calendar("fed")
    last = known.first_day + len(known.banking) - 1
    assert calendars.day_of(known, known.midnights[-1] - 1) == last
    assert calendars.add_calendar_days(known, known.first_day, len(known.banking) - 1) == last
    assert calendars.is_banking(known, last) is False  # a Sunday


def test_a_day_without_an_end_is_not_known() -> None:
    """A limitation: of a calendar without the end of its last day, that day is not used."""
    known = calendar("fed")
    monday = known.first_day + 4
    short = CalendarPublished(
        received_at=0,
        calendar="short",
        first_day=monday,
        midnights=known.midnights[4:7],
        banking=known.banking[4:7],
    )
    assert isinstance(calendars.day_of(short, known.midnights[6]), Beyond)
    assert isinstance(calendars.is_banking(short, monday + 2), Beyond)
    assert calendars.is_banking(short, monday + 1) is True
    assert calendars.add_banking_days(short, monday, 1) == monday + 1
    assert isinstance(calendars.add_banking_days(short, monday, 2), Beyond)
