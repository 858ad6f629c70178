"""NACHA files of ours, read back column by column, with every total counted anew.

The reader is the tests' own; that it reads as others do is shown on published files.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rail_effects import SendPayment
from rails.instructions.files_sent import KEPT, DuplicateFile, FilesSent, contents
from rails.instructions.nacha import (
    Batch,
    nacha,
    nacha_reversal,
    short_id,
    trace_number,
)
from rails.instructions.party import CannotSay, OurAccount

EASTERN = ZoneInfo("America/New_York")
OURS = OurAccount(
    "Tieout Inc.", "USD", 2, "America/New_York",
    routing="021000021", number="123456789", company_id="1234567890", bank_name="First Bank",
)  # fmt: skip


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=EASTERN).timestamp()) * 10**9


BATCH = Batch(at("2026-07-06T09:30"), at("2026-07-06T13:00"), "A", 1)

# Record type, then first column (from 1) and width of what stands there.
COLUMNS = {
    "1": {"bank": (4, 10), "origin": (14, 10), "made": (24, 10), "modifier": (34, 1)},
    "5": {"service": (2, 3), "company": (5, 16), "id": (41, 10), "class": (51, 3),
          "description": (54, 10), "descriptive": (64, 6), "effective": (70, 6), "odfi": (80, 8),
          "number": (88, 7)},
    "6": {"code": (2, 2), "bank": (4, 8), "check": (12, 1), "account": (13, 17), "amount": (30, 10),
          "individual": (40, 15), "name": (55, 22), "addenda": (79, 1), "trace": (80, 15)},
    "7": {"kind": (2, 2), "told": (4, 80), "sequence": (84, 4), "entry": (88, 7)},
    "8": {"service": (2, 3), "count": (5, 6), "hash": (11, 10), "debits": (21, 12),
          "credits": (33, 12), "id": (45, 10), "odfi": (80, 8), "number": (88, 7)},
    "9": {"batches": (2, 6), "blocks": (8, 6), "count": (14, 8), "hash": (22, 10),
          "debits": (32, 12), "credits": (44, 12)},
}  # fmt: skip


def records(file: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Each record by its columns, without the filling."""
    for line in file.decode("ascii").splitlines():
        assert len(line) == 94, line
        if line != "9" * 94:
            columns = COLUMNS[line[0]]
            yield line[0], {n: line[a - 1 : a - 1 + w] for n, (a, w) in columns.items()}


def audited(file: bytes) -> list[tuple[str, dict[str, str]]]:
    """The records, after every count, hash and total was found to be right."""
    told = list(records(file))
    lines = file.decode("ascii").splitlines()
    assert len(lines) % 10 == 0
    assert [kind for kind, _ in told if kind in "19"] == ["1", "9"]
    entries = [entry for kind, entry in told if kind == "6"]
    counted = {
        "count": sum(1 for kind, _ in told if kind in "67"),
        "hash": sum(int(entry["bank"]) for entry in entries) % 10**10,
        "debits": sum(int(e["amount"]) for e in entries if e["code"][1] in "6789"),
        "credits": sum(int(e["amount"]) for e in entries if e["code"][1] in "1234"),
    }
    end = dict(told)["9"]
    assert {name: int(end[name]) for name in counted} == counted
    assert int(end["blocks"]) == len(lines) // 10
    assert int(end["batches"]) == sum(1 for kind, _ in told if kind == "5")
    heads = [head for kind, head in told if kind == "5"]
    ends = [each for kind, each in told if kind == "8"]
    for head, each in zip(heads, ends, strict=True):
        for name in ("service", "id", "odfi", "number"):
            assert head[name].strip() == each[name].strip()
    assert sum(int(each["debits"]) + int(each["credits"]) for each in ends) == (
        counted["debits"] + counted["credits"]
    )
    return told


def paid(payment_id: str = "t1p0010000001", **told: object) -> SendPayment:
    usual: dict[str, object] = {
        "account": "bank_us/ops",
        "scheme": "fedach_credit_same_day",
        "payment_id": payment_id,
        "kind": "out",
        "asset": "USD",
        "amount": 12_345,
        "beneficiary": "011000015/00-12A",
        "beneficiary_name": "Ann Othér",
        "memo": "invoice 7",
    }
    return SendPayment(**(usual | told))  # type: ignore[arg-type]


# --- the format ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["ach__testdata_NACHA_SAMPLE_TEL_REVERSAL.ach", "ach__testdata_return-WEB.ach"]
)
def test_the_reader_agrees_with_published_files(samples: Path, name: str) -> None:
    """Their counts, hashes and totals come out as they state them."""
    text = (samples / "rails" / "nacha" / name).read_text(encoding="ascii")
    assert audited(text.replace("\r", "").encode("ascii"))


def test_a_file_of_one_credit_column_by_column() -> None:
    lines = nacha([paid()], OURS, BATCH).decode("ascii").splitlines()
    assert lines == [
        "101 021000021" + "1234567890" + "2607060930A094101"
        "FIRST BANK             " + "TIEOUT INC.            " + "        ",
        "5220TIEOUT INC.     " + " " * 20 + "1234567890PPDPAYMENT   SD1300260706   "
        "1021000020000001",
        "62201100001500-12A           0000012345t1p0010000001  ANN OTHER               "
        "1021000020000001",
        "705t1p0010000001 invoice 7" + " " * 57 + "00010000001",
        "822000000200011000010000000000000000000123451234567890" + " " * 25 + "021000020000001",
        "9000001000001000000020001100001000000000000000000012345" + " " * 39,
        *["9" * 94] * 4,
    ]  # fmt: skip


drawn = st.lists(
    st.tuples(
        st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=32),
        st.integers(1, 10**10 - 1),
        st.sampled_from(["011000015/1", "091000019/00012345678901234", "322271627/A-1"]),
        st.text(max_size=60),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda each: each[0],
)


@given(drawn, st.sampled_from(["out", "in"]), st.sampled_from(["PPD", "CCD"]), st.integers(1, 9999))
def test_any_payments_make_a_file_whose_totals_hold(
    drawn: list[tuple[str, int, str, str]], kind: str, entry_class: str, first: int
) -> None:
    """Each payment is one entry that says its amount, account and id, under a trace of its own."""
    scheme = "fedach_credit_next_day" if kind == "out" else "fedach_debit"
    payments = [
        paid(i, amount=a, beneficiary=b, beneficiary_name=n, memo=n, kind=kind, scheme=scheme)
        for i, a, b, n in drawn
    ]
    batch = replace(BATCH, first_trace=first, entry_class=entry_class)  # type: ignore[arg-type]
    file = nacha(payments, OURS, batch)
    told = audited(file)
    entries = [entry for record, entry in told if record == "6"]
    addenda = [each for record, each in told if record == "7"]
    assert {entry["code"] for entry in entries} == {"22" if kind == "out" else "27"}
    assert dict(told)["5"]["class"] == entry_class
    assert [
        (int(e["amount"]), e["bank"] + e["check"] + "/" + e["account"].rstrip()) for e in entries
    ] == [(payment.amount, payment.beneficiary) for payment in payments]
    assert [e["individual"].rstrip() for e in entries] == [short_id(i) for i, *_ in drawn]
    assert [each["told"].split()[0] for each in addenda] == [i for i, *_ in drawn]
    assert [e["trace"] for e in entries] == [
        trace_number(OURS, first + place) for place in range(len(drawn))
    ]
    assert [each["entry"] for each in addenda] == [e["trace"][8:] for e in entries]
    assert all(e["name"].strip() for e in entries)
    assert file == nacha(payments, OURS, batch)


def test_a_hash_of_more_than_ten_digits_loses_the_first() -> None:
    payments = [paid(f"p{n}", beneficiary="322271627/1") for n in range(400)]
    told = dict(audited(nacha(payments, OURS, BATCH)))
    assert told["9"]["hash"] == told["8"]["hash"] == "2890864800"  # 400 times 32227162


def test_the_days_are_those_of_the_bank() -> None:
    """Half past nine in the evening in New York is another day in UTC."""
    batch = replace(BATCH, created_at=at("2026-07-06T21:30"), settles_at=at("2026-07-07T08:30"))
    told = dict(records(nacha([paid(scheme="fedach_credit_next_day")], OURS, batch)))
    assert told["1"]["made"] == "2607062130"
    assert (told["5"]["descriptive"], told["5"]["effective"]) == ("260707", "260707")


@pytest.mark.parametrize(
    ("kind", "scheme", "code", "service"),
    [("out", "fedach_credit_next_day", "27", "225"), ("in", "fedach_debit", "22", "220")],
)
def test_a_reversal_goes_the_other_way_and_says_so(
    kind: str, scheme: str, code: str, service: str
) -> None:
    """Same amount, same account, the other direction, and the description by which it is known."""
    original = paid(kind=kind, scheme=scheme)
    told = dict(audited(nacha_reversal([original], OURS, BATCH)))
    assert told["5"]["description"] == "REVERSAL  "
    assert (told["5"]["service"], told["6"]["code"]) == (service, code)
    assert (told["6"]["amount"], told["6"]["individual"]) == ("0000012345", "t1p0010000001  ")


def test_a_long_id_is_shortened_in_the_entry_and_whole_in_the_addenda() -> None:
    long = "node" + "x" * 28
    told = dict(records(nacha([paid(long)], OURS, BATCH)))
    assert told["7"]["told"].split()[0] == long
    assert told["6"]["individual"] == short_id(long)
    assert short_id(long) == "RDINNB38PWQ1DEQ"
    assert short_id("a" * 15) == "a" * 15
    assert len({short_id(f"{n:032}") for n in range(10_000)}) == 10_000


WRONG: list[tuple[list[SendPayment], dict[str, object], dict[str, object], str]] = [
    ([], {}, {}, "at least one"),
    ([paid("a"), paid("b", kind="in")], {}, {}, "in one direction"),
    ([paid(kind="exchange")], {}, {}, "in one direction"),
    ([paid(), paid()], {}, {}, "twice"),
    ([paid("a"), paid("b", scheme="fedach_debit")], {}, {}, "over one scheme"),
    ([paid(scheme="fedwire")], {}, {}, "'fedwire'"),
    ([paid(asset="EUR")], {}, {}, "units of EUR"),
    ([paid(amount=0)], {}, {}, "0 units"),
    ([paid(amount=-1)], {}, {}, "-1 units"),
    ([paid(amount=10**10)], {}, {}, "units"),
    ([paid(str(n), amount=10**10 - 1) for n in range(101)], {}, {}, "more than twelve digits"),
    ([paid(beneficiary="011000016/1")], {}, {}, "check digit 6"),
    ([paid("a" * 36)], {}, {}, "1 to 35"),
    ([paid()], {"modifier": "a"}, {}, "A to Z"),
    ([paid()], {"modifier": ""}, {}, "A to Z"),
    ([paid()], {"first_trace": 0}, {}, "seven digits"),
    ([paid("a"), paid("b")], {"first_trace": 10**7 - 1}, {}, "seven digits"),
    ([paid()], {"description": "Reversal"}, {}, "reversals alone"),
    ([paid()], {}, {"routing": "021000022"}, "our bank: the check digit"),
    ([paid()], {}, {"asset": "EUR"}, "in USD"),
    ([paid()], {}, {"company_id": "12345678901"}, "1 to 10"),
]


@pytest.mark.parametrize(("payments", "batch", "ours", "said"), WRONG)
def test_what_cannot_be_said_is_refused(
    payments: list[SendPayment], batch: dict[str, object], ours: dict[str, object], said: str
) -> None:
    with pytest.raises(CannotSay) as refused:
        nacha(payments, replace(OURS, **ours), replace(BATCH, **batch))  # type: ignore[arg-type]
    assert said in str(refused.value)


# --- no file twice -------------------------------------------------------------------------------


def file_of(*payments: SendPayment, modifier: str = "A", first: int = 1) -> bytes:
    return nacha(payments, OURS, replace(BATCH, modifier=modifier, first_trace=first))


def test_a_file_sent_again_is_an_echo() -> None:
    sent, file = FilesSent(), file_of(paid())
    assert [sent.admit(file), sent.admit(file)] == [file, file]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (file_of(paid("a")), "12345678902607060930A was sent with other contents"),
        (file_of(paid("a"), paid("b", amount=1)), "was sent with other contents"),
        (file_of(paid("a"), paid("b", memo="other words")), "was sent with other contents"),
        (
            file_of(paid("a"), paid("b"), modifier="B", first=77),
            "file 12345678902607060930B pays what file 12345678902607060930A paid",
        ),
    ],
)
def test_no_two_files_have_one_name_and_no_two_pay_the_same(file: bytes, said: str) -> None:
    """Whatever its trace numbers; what was refused is not remembered."""
    sent = FilesSent()
    sent.admit(file_of(paid("a"), paid("b")))
    with pytest.raises(DuplicateFile) as refused:
        sent.admit(file)
    assert said in str(refused.value)
    assert sent.admit(file_of(paid("a"), modifier="C"))


def test_a_name_is_that_of_its_minute() -> None:
    """The same modifier a minute later, or of another company, is another file's."""
    sent, later = FilesSent(), replace(BATCH, created_at=BATCH.created_at + 60 * 10**9)
    sent.admit(file_of(paid("a")))
    sent.admit(nacha([paid("b")], OURS, later))
    sent.admit(nacha([paid("c")], replace(OURS, company_id="987654321"), BATCH))
    with pytest.raises(DuplicateFile):
        sent.admit(nacha([paid("d")], OURS, later))


def test_what_is_remembered_of_files_is_bounded() -> None:
    """The oldest goes first, with its name."""
    sent = FilesSent()
    for number in range(KEPT):
        sent.contents[f"n{number}"], sent.names[f"c{number}"] = f"c{number}", f"n{number}"
    sent.admit(file_of(paid()))
    assert (len(sent.contents), len(sent.names)) == (KEPT, KEPT)
    assert "n0" not in sent.contents
    assert "c0" not in sent.names


def test_a_reversal_has_other_contents_than_what_it_takes_back() -> None:
    assert contents(file_of(paid())) != contents(nacha_reversal([paid()], OURS, BATCH))
