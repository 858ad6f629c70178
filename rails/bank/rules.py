"""What each scheme does with a payment, as the simulated bank plays it.

`settles` is when value moves between banks; `silence` is when a scheme without a confirmation has
nothing left to say; `returns` are the legal ways back. Sources: the operators' published schedules
and rule books (FedACH, Fedwire, EPC, Pay.UK, SWIFT gpi).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from rails.bank.hours import SECOND, Hours

Way = tuple[str, int, int]  # a reason code, and between which moments it may come; the last is not


@dataclass(frozen=True, slots=True)
class Rule:
    """One scheme. `cutoff` and `at` are clocks of the bank; no `cutoff`: it runs day and night, or
    by windows of its own; no `calendar`: any bank offers it, in its own hours. `confirms` is False
    where only silence says that it is done, `compares` where a second instruction may be a second
    payment; after `listed_s` at most who asks finds what was taken. Of a payment at most `deducts`
    is taken on the way, of one that comes back `deducts_back`. `word` is how a pacs.002 tells that
    it is booked; in gpi that is on the next bank's account, and not yet on the creditor's."""

    scheme: str
    calendar: str
    cutoff: str = ""
    days: int = 0
    at: str = ""
    amount_max: Decimal = Decimal("999999999.99")
    confirms: bool = True
    family: str = "PMNT/ICDT/ESCT"
    deducts: Decimal = Decimal(0)
    deducts_back: Decimal = Decimal(0)
    compares: bool = True
    listed_s: int = 10_800
    word: str = "ACSC"


RULES = {
    rule.scheme: rule
    for rule in (
        Rule(
            "fedach_credit_same_day",
            "fed",
            amount_max=Decimal(1_000_000),
            confirms=False,
            compares=False,
        ),
        Rule("fedach_credit_next_day", "fed", "26:15", 1, "08:30", confirms=False, compares=False),
        Rule(
            "fedach_debit",
            "fed",
            "26:15",
            1,
            "08:30",
            family="PMNT/IDDT/BBDD",
            confirms=False,
            compares=False,
        ),
        Rule(
            "fedwire",
            "fed",
            "19:00",
            0,
            "21:00",
            family="PMNT/ICDT/XBCT",
            compares=False,
            listed_s=600,
        ),
        Rule(
            "swift_gpi",
            "",
            "17:00",
            0,
            "08:00",
            family="PMNT/ICDT/XBCT",
            deducts=Decimal(75),
            deducts_back=Decimal(75),
            listed_s=1800,
        ),
        Rule("sepa_sct", "target", "16:00", 1, "18:00"),
        Rule("sct_inst", "target", family="PMNT/IRCT/ESCT", listed_s=120, word="ACCP"),
        Rule(
            "sdd_core",
            "target",
            "14:00",
            1,
            "14:00",
            family="PMNT/IDDT/ESDD",
            deducts_back=Decimal(30),
        ),
        Rule(
            "fps",
            "england",
            amount_max=Decimal(1_000_000),
            family="PMNT/IRCT/DMCT",
            compares=False,
            listed_s=120,
        ),
    )
}
SAME_DAY = (("10:30", "13:00"), ("14:45", "17:00"), ("16:45", "18:00"))
CREDIT_CODES = ("R02", "R03", "R04", "R16", "R20")
DEBIT_CODES = ("R01", "R02", "R03", "R04", "R09", "R16", "R20", "R29")
SIXTY_DAY_CODES = ("R05", "R07", "R10", "R11")


def same_day_window(hours: Hours, sent: int) -> int:
    """When a same-day file settles; 0 where today's last window is shut."""
    today = hours.day(sent)
    if not hours.is_open(today):
        return 0
    open_still = [at for cutoff, at in SAME_DAY if sent < hours.at(today, cutoff)]
    return hours.at(today, open_still[0]) if open_still else 0


def settles(rule: Rule, hours: Hours, sent: int, wanted: date | None) -> int:
    """When a payment taken at `sent` settles, not before the day that was `wanted`."""
    match rule.scheme:
        case "fedach_credit_same_day":
            return same_day_window(hours, sent) or _next_same_day(hours, sent)
        case "fedwire":
            return _wire(rule, hours, sent)
        case "swift_gpi":
            return _office(rule, hours, sent)
        case "sct_inst" | "fps":
            return sent + 3 * SECOND
        case _:
            return _batch(rule, hours, sent, wanted)


def _next_same_day(hours: Hours, sent: int) -> int:
    """Today's windows are shut: the first one of the next banking day."""
    return hours.at(hours.later(hours.day(sent), 1), SAME_DAY[0][1])


def _batch(rule: Rule, hours: Hours, sent: int, wanted: date | None) -> int:
    """The banking day whose cut-off is still to come, and so many banking days after it."""
    day = hours.this_or_next(hours.day(sent) - timedelta(days=1))
    while sent >= hours.at(day, rule.cutoff):
        day = hours.later(day, 1)
    day = hours.later(day, rule.days)
    if wanted is not None and wanted > day:
        day = hours.this_or_next(wanted)
    return hours.at(day, rule.at)


def _wire(rule: Rule, hours: Hours, sent: int) -> int:
    """Gross, at once; a business day opens at nine in the evening before it."""
    day = _day_still_open(rule, hours, sent)
    return max(sent + 30 * SECOND, hours.at(day - timedelta(days=1), rule.at))


def _office(rule: Rule, hours: Hours, sent: int) -> int:
    """Passed on at once in office hours, else when the office opens."""
    return max(sent + 60 * SECOND, hours.at(_day_still_open(rule, hours, sent), rule.at))


def _day_still_open(rule: Rule, hours: Hours, sent: int) -> date:
    day = hours.this_or_next(hours.day(sent))
    return day if sent < hours.at(day, rule.cutoff) else hours.later(day, 1)


def silence_ends(hours: Hours, settled: int) -> int:
    """ACH: returns of the short kind have reached us by the opening of the second banking day."""
    return hours.at(hours.later(hours.day(settled), 2), "08:30")


def sixty_days_end(hours: Hours, settled: int) -> int:
    """ACH: the opening of the banking day that follows the sixtieth calendar day."""
    return hours.at(hours.later(hours.day(settled) + timedelta(days=60), 1), "08:30")


def months_later(day: date, count: int) -> date:
    """The same day of the month so many months later, or that month's last."""
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))


def returns(rule: Rule, hours: Hours, settled: int) -> tuple[Way, ...]:
    """The ways in which a payment that settled may legally come back; none where it is final."""
    day, soon = hours.day(settled), settled + 3600 * SECOND
    match rule.scheme:
        case "fedach_credit_same_day" | "fedach_credit_next_day":
            short = silence_ends(hours, settled)
            return tuple((code, soon, short) for code in CREDIT_CODES)
        case "fedach_debit":
            short, long = silence_ends(hours, settled), sixty_days_end(hours, settled)
            ways = [(code, soon, short) for code in DEBIT_CODES]
            return (*ways, *((code, soon, long) for code in SIXTY_DAY_CODES))
        case "sepa_sct":
            until = hours.at(hours.later(day, 3), "24:00")
            return tuple((code, soon, until) for code in ("AC04", "AC01", "MS03"))
        case "sdd_core":
            bank = hours.at(hours.later(day, 5), "24:00")
            refund = hours.at(hours.later(day + timedelta(days=56), 2), "24:00")
            never = hours.at(hours.later(months_later(day, 13), 4), "24:00")
            return (("AM04", soon, bank), ("MD06", soon, refund), ("MD01", soon, never))
        case _:
            return ()


def given_back(rule: Rule, hours: Hours, settled: int) -> tuple[Way, ...]:
    """The ways back of what is final, where its receiver agrees to give it back."""
    if rule.scheme not in ("fedwire", "swift_gpi", "sct_inst", "fps"):
        return ()
    until = hours.at(hours.later(hours.day(settled), 10), "24:00")
    return tuple((code, settled + 3600 * SECOND, until) for code in ("FOCR", "AC04", "MS03"))


def revocable_until(rule: Rule, hours: Hours, settled: int) -> int:
    """The end of the last of those ways; 0 where there is none."""
    return max((until for _, _, until in returns(rule, hours, settled)), default=0)
