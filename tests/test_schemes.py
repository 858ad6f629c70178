"""The table of schemes: what it says, told by hand; a wrong field is refused by its path."""

from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from core import calendars
from core.calendars import Settlement
from core.rail_events import SchemePublished, Window, Within
from rails import calendars as door
from rails.schemes import SCHEMES, BadSchemes, check, load

HOUR = 3_600_000_000_000
MINUTE = HOUR // 60
DAY = 24 * HOUR
NEVER_BACK = ("fedwire", "sct_inst", "fps", "swift_gpi", "custodian", "evm", "evm_usdc", "bitcoin")


def scheme(name: str) -> SchemePublished:
    return load()[name].event(name, received_at=7)


# --- what the table says -------------------------------------------------------------------------


def test_every_scheme_of_the_design_has_a_row() -> None:
    ids = "fedach_credit_same_day fedach_credit_next_day fedach_debit fedwire sepa_sct sct_inst"
    received = ["received_usd", "received_eur", "received_gbp"]
    assert [*load()] == [*ids.split(), "sdd_core", *NEVER_BACK[2:4], *received, *NEVER_BACK[4:]]
    assert [name for name, row in load().items() if row.pushed] == received


def test_same_day_ach_has_three_windows_a_cap_and_silence_for_an_answer() -> None:
    same_day = scheme("fedach_credit_same_day")
    assert same_day == SchemePublished(
        received_at=7,
        scheme="fedach_credit_same_day",
        account="bank_us/ops",
        asset="USD",
        kind="out",
        settled_by="silence",
        calendar="fed",
        windows=(
            Window(10 * HOUR + 30 * MINUTE, 13 * HOUR),
            Window(14 * HOUR + 45 * MINUTE, 17 * HOUR),
            Window(16 * HOUR + 45 * MINUTE, 18 * HOUR),
        ),
        silence=Within(2, until_ns=8 * HOUR + 30 * MINUTE),
        returns=(
            Within(
                2,
                until_ns=8 * HOUR + 30 * MINUTE,
                codes=tuple(
                    "R02 R03 R04 R12 R13 R14 R15 R16 R17 R20 R22 R23 R24 R34".split(),
                ),
            ),
        ),
        recalls=(Within(5, until_ns=DAY, codes=("REVERSAL",)),),
        settles_ns_max=DAY,
        answer_ns_max=HOUR,
        query_every_ns=HOUR,
        queries_max=48,
        amount_max=1_000_000_00,
        id_valid_ns=DAY,
        batched=True,
        beneficiaries="routing",
        resend="two_denials",
        listed_ns_max=4 * HOUR,
        files_per_minute_max=36,
    )


@pytest.mark.parametrize(
    ("name", "code", "span"),
    [
        ("fedach_debit", "R01", Within(2)),
        ("fedach_debit", "R29", Within(2)),
        ("fedach_debit", "R05", Within(60, "calendar_days", 1)),
        ("fedach_debit", "R10", Within(60, "calendar_days", 1)),
        ("fedach_debit", "R11", Within(60, "calendar_days", 1)),
        ("fedach_debit", "R53", Within(60, "calendar_days", 1)),
        ("fedach_credit_next_day", "R03", Within(2)),
        ("sepa_sct", "AC04", Within(3)),
        ("sdd_core", "AM04", Within(5)),
        ("sdd_core", "MD06", Within(56, "calendar_days", 2)),
        ("sdd_core", "MD01", Within(13, "months", 4)),
    ],
)
def test_how_long_a_payment_may_come_back(name: str, code: str, span: Within) -> None:
    found = [each for each in scheme(name).returns if code in each.codes]
    assert [(each.days, each.unit, each.then_banking_days) for each in found] == [
        (span.days, span.unit, span.then_banking_days)
    ]


@pytest.mark.parametrize("name", NEVER_BACK)
def test_what_is_irrevocable_never_comes_back(name: str) -> None:
    assert scheme(name).returns == ()


@pytest.mark.parametrize("name", load())
def test_no_reason_has_two_spans(name: str) -> None:
    for spans in (scheme(name).returns, scheme(name).recalls):
        codes = [code for each in spans for code in each.codes]
        assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", ["sepa_sct", "sct_inst"])
def test_a_sepa_credit_is_recalled_within_ten_days_and_for_fraud_within_thirteen_months(
    name: str,
) -> None:
    told = {code: (w.days, w.unit) for w in scheme(name).recalls for code in w.codes}
    assert told["DUPL"] == told["TECH"] == (10, "banking_days")
    assert told["FRAD"] == told["CUST"] == (13, "months")


@pytest.mark.parametrize(
    ("name", "answer", "settles", "valid", "fee"),
    [
        ("sct_inst", 10, 10, 30 * 86_400, 0),
        ("fps", 15, 2 * 3600, 86_400, 0),
        ("custodian", 30, 2 * 3600, 86_400, 0),
        ("swift_gpi", 900, 4 * 86_400, 0, 75_00),
        ("evm", 15, 2700, 0, 0),
    ],
)
def test_times_out_and_fees(name: str, answer: int, settles: int, valid: int, fee: int) -> None:
    told = scheme(name)
    found = [told.answer_ns_max, told.settles_ns_max, told.id_valid_ns]
    assert found == [each * 10**9 for each in (answer, settles, valid)]
    assert told.fee_max == fee


def test_the_account_of_a_deployment_takes_the_place_of_the_usual_one() -> None:
    assert load()["fps"].event("fps", 0, account="barclays/client").account == "barclays/client"
    assert load()["fps"].event("fps", 0).account == "bank_gb/ops"


# --- deadlines that follow from the rows ---------------------------------------------------------


def new_york(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * 10**9


@pytest.mark.parametrize(
    ("name", "sent", "settles", "silent_until"),
    [
        ("fedach_credit_same_day", "2026-07-02T09:00", "2026-07-02T13:00", "2026-07-06T08:30"),
        ("fedach_credit_next_day", "2026-11-25T20:00", "2026-11-27T08:30", "2026-12-01T08:30"),
        ("fedach_credit_next_day", "2026-07-07T02:14", "2026-07-07T08:30", "2026-07-09T08:30"),
        ("fedach_credit_next_day", "2026-07-07T02:15", "2026-07-08T08:30", "2026-07-10T08:30"),
        ("fedach_debit", "2027-12-23T23:00", "2027-12-24T08:30", "2027-12-28T08:30"),
    ],
)
def test_silence_settles_an_ach_entry(
    name: str, sent: str, settles: str, silent_until: str
) -> None:
    """Over a Friday on which the Fed is open, and over Thanksgiving, on which it is not."""
    fed = door.published("fed", date(2026, 6, 1), date(2028, 6, 1), received_at=0)
    told = scheme(name)
    found = calendars.next_window(fed, told.windows, new_york(sent))
    assert isinstance(found, Settlement)
    assert found.settles_at == new_york(settles)
    assert told.silence is not None
    assert calendars.end_of(fed, told.silence, found.settles_at) == new_york(silent_until)


def test_fedwire_opens_on_the_evening_before_and_is_shut_on_friday_night() -> None:
    fed = door.published("fed", date(2026, 6, 1), date(2026, 8, 1), received_at=0)
    windows = scheme("fedwire").windows

    def settles_at(text: str) -> object:
        found = calendars.next_window(fed, windows, new_york(text))
        return found.settles_at if isinstance(found, Settlement) else found

    assert settles_at("2026-07-05T21:30") == new_york("2026-07-05T21:30")
    assert settles_at("2026-07-03T18:59") == new_york("2026-07-03T18:59")
    assert settles_at("2026-07-03T19:00") == new_york("2026-07-05T21:00")


# --- the door ------------------------------------------------------------------------------------

GONE = object()
WRONG: list[tuple[str, Any, str]] = [
    ("windows.0.cutoff", 630, "windows.0.cutoff: found 630: a time of day in quotes"),
    ("windows.0.cutoff", "9:30", "a time of day in quotes"),
    ("windows.0.cutoff", "48:01", 'from "-24:00" to "48:00"'),
    ("windows.0.settles", "-24:01", 'from "-24:00" to "48:00"'),
    ("windows.0.settles", "10:60", "a time of day"),
    ("windows.0.days", True, "windows.0.days: found True"),
    ("windows.0.days", -1, "greater than or equal to 0"),
    ("windows.0.opens", "08:00", "unknown field opens; there are cutoff, settles, days"),
    ("windows.0.cutoff", "40:30", "within 24 hours"),
    ("silence", GONE, "silence: a span belongs to settled_by: silence"),
    ("settled_by", "message", "silence: a span belongs to settled_by: silence"),
    ("settled_by", "hope", "settled_by: found 'hope'"),
    ("silence.within", "2 days", "2 banking days, 2 calendar days, 2 months would do"),
    ("silence.within", 2, "a span such as"),
    ("silence.within", "0 months", "a span such as"),
    ("silence.codes", ["r1"], "silence.codes.0: found 'r1'"),
    ("settles_within", "10", "found '10': a length of time such as 10s"),
    ("settles_within", 10, "a length of time"),
    ("answer_within", GONE, "answer_within: found nothing"),
    ("idempotency.valid", "forever", "a length of time"),
    ("amount_max", "1000000.001", "amount_max: '1000000.001' has more than 2 decimals"),
    ("amount_max", 1000000, "amount_max: found 1000000"),
    ("amount_max", "-1", "found -1; 0 or more would do"),
    ("fee.max", "free", "fee.max: 'free' is not a decimal number"),
    ("calendar", "nyse", "found 'nyse'; fed, target, england would do"),
    ("calendar", "", "calendar: windows and spans need one"),
    ("beneficiaries", "", "one of iban, routing"),
    ("beneficiaries", "phone", "beneficiaries: found 'phone'"),
    ("account", "bank_us", "account: found 'bank_us'"),
    ("kind", "exchange", "kind: found 'exchange'"),
    ("batched", "yes", "batched: found 'yes'"),
    ("queries_max", 0, "queries_max: found 0"),
    ("cites", [], "cites: found list"),
    ("checked", "soon", "found 'soon'"),
    ("fax", "yes", "unknown field fax; there are name, account"),
]


def row() -> dict[str, Any]:
    told = yaml.safe_load(SCHEMES.read_text(encoding="utf-8"))["fedach_credit_same_day"]
    assert isinstance(told, dict)
    return deepcopy(told)


@pytest.mark.parametrize(("path", "value", "said"), WRONG)
def test_a_wrong_field_is_refused_with_its_path(path: str, value: object, said: str) -> None:
    told: Any = row()
    *outer, last = path.split(".")
    part = told
    for name in outer:
        part = part[int(name)] if name.isdigit() else part[name]
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    with pytest.raises(BadSchemes) as refused:
        check({"ours": told}, "table.yaml")
    assert "table.yaml: ours" in str(refused.value)
    assert said in str(refused.value)


def test_every_fault_of_a_table_is_told_at_once() -> None:
    told = row() | {"account": "x", "queries_max": 0}
    with pytest.raises(BadSchemes) as refused:
        check({"ours": told, "Their": row(), "empty": None}, "table.yaml")
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == [
        "ours.account",
        "ours.queries_max",
        "Their",
        "empty",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found NoneType; a row for each scheme would do"),
        ("- a", "found list"),
        ("{", "cannot be read"),
        ("a: {b: 1, b: 2}", "line 1: the key 'b' stands twice; once would do"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "schemes.yaml").write_text(text)
    with pytest.raises(BadSchemes, match=r"schemes\.yaml: ") as refused:
        load(tmp_path / "schemes.yaml")
    assert said in str(refused.value)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSchemes, match="cannot be read"):
        load(tmp_path / "nothing.yaml")


def test_an_unquoted_time_is_refused_and_never_read_in_base_sixty(tmp_path: Path) -> None:
    """To YAML, 10:30 is 630."""
    text = SCHEMES.read_text(encoding="utf-8").replace('"10:30"', "10:30")
    (tmp_path / "schemes.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadSchemes, match=r"windows\.0\.cutoff: found 630: a time of day in quotes"):
        load(tmp_path / "schemes.yaml")


def test_what_was_checked_says_when() -> None:
    told = row() | {"checked": date(2026, 11, 25)}
    assert check({"ours": told}, "t")["ours"].checked == date(2026, 11, 25)
