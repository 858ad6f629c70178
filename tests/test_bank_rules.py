"""When the simulated bank's schemes settle, until when they may come back: dates by hand.

Each row was worked out on paper from the operators' schedules; nothing here is computed.
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from rails.bank import rules
from rails.bank.hours import ZONES, Hours


def ns(text: str, calendar: str) -> int:
    """A local time of that calendar's place, as nanoseconds."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONES[calendar]))
    return int(local.astimezone(UTC).timestamp()) * 1_000_000_000


SETTLES = [
    # Thanksgiving week 2026: Thursday the 26th is closed, Friday the 27th is open.
    ("fedach_credit_next_day", "2026-11-25T10:00", "2026-11-27T08:30"),
    ("fedach_credit_next_day", "2026-11-26T01:00", "2026-11-27T08:30"),  # the night of the 25th
    ("fedach_credit_next_day", "2026-11-26T10:00", "2026-11-30T08:30"),
    ("fedach_credit_next_day", "2026-11-28T10:00", "2026-12-01T08:30"),  # Saturday is Monday's
    ("fedach_credit_same_day", "2026-11-25T10:29", "2026-11-25T13:00"),
    ("fedach_credit_same_day", "2026-11-25T10:30", "2026-11-25T17:00"),
    ("fedach_credit_same_day", "2026-11-25T16:44", "2026-11-25T18:00"),
    ("fedach_credit_same_day", "2026-11-25T16:45", "2026-11-27T13:00"),
    ("fedwire", "2026-11-25T18:59", "2026-11-25T18:59:30"),
    ("fedwire", "2026-11-25T19:00", "2026-11-26T21:00"),  # opens on the eve of Friday
    ("fedwire", "2026-11-29T20:59", "2026-11-29T21:00"),  # Sunday, the eve of Monday
    # Independence Day 2026 is a Saturday: the Fed works on Friday the 3rd.
    ("fedach_credit_next_day", "2026-07-02T10:00", "2026-07-03T08:30"),
    ("fedach_credit_next_day", "2026-07-03T10:00", "2026-07-06T08:30"),
    ("fedwire", "2026-07-03T12:00", "2026-07-03T12:00:30"),
    ("fedach_debit", "2026-07-02T10:00", "2026-07-03T08:30"),
    # Easter 2026: TARGET is closed on Good Friday, 3 April, and on Easter Monday, 6 April.
    ("sepa_sct", "2026-04-02T15:59", "2026-04-07T18:00"),
    ("sepa_sct", "2026-04-02T16:00", "2026-04-08T18:00"),
    ("sepa_sct", "2026-04-04T12:00", "2026-04-08T18:00"),
    ("sepa_sct", "2026-05-01T12:00", "2026-05-05T18:00"),  # Labour Day is a Friday
    ("sepa_sct", "2026-12-23T12:00", "2026-12-24T18:00"),  # Christmas Eve is open
    ("sct_inst", "2026-04-05T03:00:00", "2026-04-05T03:00:03"),
    ("sdd_core", "2026-04-02T10:00", "2026-04-07T14:00"),
    # Bank holidays in England: 31 August 2026, and Monday 28 December for Boxing Day.
    ("fps", "2026-08-31T12:00:00", "2026-08-31T12:00:03"),
    ("fps", "2026-12-28T12:00:00", "2026-12-28T12:00:03"),
    ("swift_gpi", "2026-11-25T17:00", "2026-11-27T08:00"),
    ("swift_gpi", "2026-11-27T09:00", "2026-11-27T09:01"),
]


@pytest.mark.parametrize(("scheme", "sent", "settles"), SETTLES)
def test_a_payment_settles_when_its_scheme_says(scheme: str, sent: str, settles: str) -> None:
    rule = rules.RULES[scheme]
    hours = Hours(rule.calendar or "fed")
    at = rules.settles(rule, hours, ns(sent, hours.calendar), None)
    assert (
        hours.local(at).replace(tzinfo=None).isoformat()
        == datetime.fromisoformat(settles).isoformat()
    )


SPANS = [
    # Silence ends at the opening of the second banking day after settlement.
    ("fedach_debit", "2026-11-25T08:30", "R01", "2026-11-30T08:30"),
    ("fedach_debit", "2026-07-02T08:30", "R01", "2026-07-06T08:30"),  # the 3rd counts
    ("fedach_credit_next_day", "2026-12-24T08:30", "R02", "2026-12-29T08:30"),
    # Sixty calendar days, and the opening of the banking day after them.
    ("fedach_debit", "2026-11-25T08:30", "R10", "2027-01-25T08:30"),  # the 60th is Sunday the 24th
    ("fedach_debit", "2026-07-02T08:30", "R10", "2026-09-01T08:30"),  # the 60th is 31 August
    ("fedach_debit", "2026-09-17T08:30", "R10", "2026-11-17T08:30"),
    # A return within three TARGET days, across Easter.
    ("sepa_sct", "2026-04-02T18:00", "AC04", "2026-04-10T00:00"),
    # Five banking days; eight weeks and two banking days; thirteen months and four.
    ("sdd_core", "2026-04-02T14:00", "AM04", "2026-04-14T00:00"),
    ("sdd_core", "2026-04-02T14:00", "MD06", "2026-06-02T00:00"),
    ("sdd_core", "2026-01-31T14:00", "MD01", "2027-03-05T00:00"),
]


@pytest.mark.parametrize(("scheme", "settled", "code", "until"), SPANS)
def test_a_payment_may_come_back_until_its_rule_says(
    scheme: str, settled: str, code: str, until: str
) -> None:
    rule = rules.RULES[scheme]
    hours = Hours(rule.calendar)
    ways = rules.returns(rule, hours, ns(settled, rule.calendar))
    end = next(end for told, _, end in ways if told == code)
    assert hours.local(end).replace(tzinfo=None) == datetime.fromisoformat(until)


def test_gross_and_instant_schemes_are_final() -> None:
    for scheme in ("fedwire", "sct_inst", "fps", "swift_gpi"):
        rule = rules.RULES[scheme]
        assert rules.returns(rule, Hours(rule.calendar or "fed"), 1_790_000_000 * 10**9) == ()


OPEN = [
    ("fed", "2026-07-03", True),  # the Fed observes no Saturday holiday on the Friday
    ("fed", "2027-06-18", True),
    ("fed", "2027-12-24", True),
    ("fed", "2027-12-31", True),
    ("fed", "2026-11-26", False),
    ("fed", "2027-07-05", False),  # a Sunday holiday closes Monday
    ("target", "2026-04-03", False),
    ("target", "2026-04-06", False),
    ("target", "2026-05-25", True),  # Whit Monday is no TARGET holiday
    ("target", "2026-11-26", True),
    ("england", "2026-08-31", False),
    ("england", "2026-12-28", False),
    ("england", "2026-04-06", False),
    ("england", "2026-05-01", True),
]


@pytest.mark.parametrize(("calendar", "day", "is_open"), OPEN)
def test_a_bank_is_open_on_its_own_days(calendar: str, day: str, is_open: bool) -> None:  # noqa: FBT001
    assert Hours(calendar).is_open(date.fromisoformat(day)) is is_open
