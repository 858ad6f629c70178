"""The simulated bank in its own messages: what settles when, what comes back, what goes wrong."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from core.effects import FetchLedger, FetchStatement
from core.events import (
    FrameQuarantined,
    PageReported,
    RequestFailed,
    StatementReported,
)
from core.rail_effects import AnswerRecall, QueryPayment, RecallPayment
from core.rail_events import (
    ChangeNotified,
    LineBooked,
    PaymentMissing,
    PaymentReported,
    RecallAnswered,
    RecallReported,
    RecallTaken,
    ReturnReported,
)
from rails.bank import rules
from rails.dialect import Request
from rails.schemes import load
from sim.faults import Fault
from tests.banks import (
    BANKS,
    OPENING,
    amounts,
    bank,
    get,
    lines,
    local,
    payment,
    post,
    send,
    statements,
    statuses,
    until,
)
from tests.instructions_by_hand import Files
from tests.rail_bench import DAY, DECIMALS, HOUR, MS, SECOND, Bench, always

FILES = Files()
WEEK_OF_THANKSGIVING = "2026-11-25T10:00"


def query(made: Bench, name: str) -> list[Any]:
    about = QueryPayment(account=made.account, scheme="any", payment_id=name)
    return post(made, "status-requests", FILES.status_request(name), about)


def page(made: Bench, after: str = "") -> PageReported:
    """The lines after a cursor are read; the page's end is given."""
    about = FetchLedger(account=made.account, after=after)
    return next(e for e in get(made, "entries", about, after=after) if isinstance(e, PageReported))


def balance(made: Bench) -> Any:
    about = FetchStatement(account=made.account, kind="balances")
    return get(made, "balance", about)[0]


def truly(made: Bench, name: str) -> Any:
    return made.payments.all[name]


def nothing_unread(made: Bench) -> None:
    """Every document that the bank sent could be read by its own standard."""
    assert not made.of(FrameQuarantined), made.of(FrameQuarantined)[0].reason
    assert not made.of(RequestFailed)


# --- each scheme settles by its own rule ---------------------------------------------------------

SETTLED = [
    ("bank_us", WEEK_OF_THANKSGIVING, FILES.ach("p1", 12345), "2026-12-01T08:30:00"),
    (
        "bank_us",
        WEEK_OF_THANKSGIVING,
        FILES.ach("p1", 12345, descriptive="SD1300", effective="261125"),
        "2026-11-30T08:30:00",
    ),
    ("bank_us", "2026-07-01T10:00", FILES.ach("p1", 12345), "2026-07-06T08:30:00"),
    ("bank_us", WEEK_OF_THANKSGIVING, FILES.credit("p1", "123.45", "USD"), "2026-11-25T10:00:31"),
    ("bank_us", "2026-11-26T10:00", FILES.credit("p1", "123.45", "USD"), "2026-11-26T21:00:00"),
    ("bank_eu", "2026-04-02T15:00", FILES.credit("p1", "123.45"), "2026-04-07T18:00:00"),
    (
        "bank_eu",
        "2026-04-03T15:00",
        FILES.credit("p1", "123.45", local="INST"),
        "2026-04-03T15:00:04",
    ),
    ("bank_gb", "2026-12-28T15:00", FILES.credit("p1", "123.45", "GBP"), "2026-12-28T15:00:04"),
]


@pytest.mark.parametrize(("name", "starts", "body", "settled"), SETTLED)
def test_a_payment_settles_exactly_at_its_schemes_rule(
    name: str, starts: str, body: bytes, settled: str
) -> None:
    made = bank(name, starts)
    assert send(made, "p1", body)[0].status == "accepted"
    made.run(10 * DAY)
    assert local(made, truly(made, "p1").settled_at) == settled
    assert truly(made, "p1").times_applied == 1
    assert amounts(made) == [-12345]
    nothing_unread(made)


def settles(scheme: str) -> tuple[str, ...]:
    """The words that settle a payment of this scheme, by the table."""
    return load()[scheme].settled_codes


def test_ach_says_nothing_when_it_is_done() -> None:
    """Booked, and never called settled: the silence is for core's clock to hear."""
    made = bank("bank_us", WEEK_OF_THANKSGIVING)
    send(made, "p1", FILES.ach("p1", 500))
    made.run(10 * DAY)
    assert "settled" not in {status for status, _ in statuses(made, "p1")}
    assert truly(made, "p1").settled_at > 0
    assert [event.status for event in query(made, "p1")] == ["accepted"]


@pytest.mark.parametrize(
    ("name", "scheme", "body"),
    [
        ("bank_us", "fedwire", FILES.credit("p1", "5.00", "USD")),
        ("bank_eu", "sepa_sct", FILES.credit("p1", "5.00")),
        ("bank_eu", "sct_inst", FILES.credit("p1", "5.00", local="INST")),
        ("bank_gb", "fps", FILES.credit("p1", "5.00", "GBP")),
    ],
)
def test_the_others_say_so_and_not_before(name: str, scheme: str, body: bytes) -> None:
    made = bank(name, "2026-06-10T10:00")
    send(made, "p1", body)
    made.run(3 * DAY)
    told = [event for event in made.of(PaymentReported) if event.word in settles(scheme)]
    assert len(told) == 1
    assert told[0].occurred_at == truly(made, "p1").settled_at
    assert told[0].received_at >= told[0].occurred_at


@pytest.mark.parametrize("name", BANKS)
def test_gpi_settles_at_the_beneficiarys_account_and_not_at_ours(name: str) -> None:
    made = bank(name, "2026-06-10T10:00")
    send(made, "p1", FILES.credit("p1", "500.00", BANKS[name][1].currency, level="G001"))
    made.run(HOUR // 2)
    assert amounts(made) == [-50000]
    assert truly(made, "p1").settled_at < 0
    assert made.of(PaymentReported)[-1].word == "pacs.002 ACSC"  # the next bank's, no more
    assert "pacs.002 ACSC" not in settles("swift_gpi")
    made.run(DAY)
    assert made.of(PaymentReported)[-1].word == "pacs.002 ACCC"
    assert "pacs.002 ACCC" in settles("swift_gpi")


@pytest.mark.parametrize("name", BANKS)
def test_nobody_judges_before_what_a_bank_took_on_is_carried_out(name: str) -> None:
    made = bank(name, "2026-06-10T23:00")
    send(made, "p1", FILES.credit("p1", "500.00", BANKS[name][1].currency, level="G001"))
    booked_at = made.payments.mended_by
    assert booked_at > made.world.now
    made.run(booked_at - made.world.now + SECOND)
    assert amounts(made) == [-50000]
    delivered_at = made.payments.mended_by
    assert delivered_at > booked_at
    made.run(delivered_at - made.world.now + SECOND)
    assert truly(made, "p1").settled_at == delivered_at


def test_a_direct_debit_comes_on_its_due_date_and_stays_revocable_for_thirteen_months() -> None:
    made = bank("bank_eu", "2026-04-01T10:00")
    send(made, "d1", FILES.collection("d1", "80.00", "2026-04-09"))
    made.run(12 * DAY)
    assert amounts(made) == [8000]
    assert local(made, truly(made, "d1").settled_at) == "2026-04-09T14:00:00"
    assert local(made, truly(made, "d1").revocable_until) == "2027-05-14T00:00:00"


# --- asked and answered --------------------------------------------------------------------------


def test_one_end_to_end_id_is_paid_once() -> None:
    """The same file again gets its answer again; the id in another file is refused and lives."""
    made = bank("bank_eu", "2026-06-10T10:00")
    body = FILES.credit("p1", "5.00")
    first, again = send(made, "p1", body), send(made, "p1", body)
    assert first[0].status == again[0].status == "accepted"
    other = send(made, "p1", FILES.credit("p1", "5.00"))
    assert (other[0].status, other[0].code) == ("received", "AM05")
    made.run(3 * DAY)
    assert amounts(made) == [-500]
    assert truly(made, "p1").times_applied == 1


def test_a_used_message_id_with_another_body_is_refused() -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    send(made, "p1", FILES.credit("p1", "5.00", message="SAME"))
    told = send(made, "p2", FILES.credit("p2", "6.00", message="SAME"))
    assert told[0].code == "AM05"
    assert "p2" not in made.payments.all


def test_ach_compares_files_by_their_names_and_not_entries() -> None:
    """A file sent again is refused as what it is, and so is another one under its name: neither is
    told as failed. An equal entry in a file of another name is paid a second time."""
    made = bank("bank_us", "2026-06-10T10:00")
    body = FILES.ach("p1", 500)
    assert send(made, "p1", body)[0].status == "accepted"
    other = body.replace(b"p1", b"p2").replace(b"12345 ", b"54321 ")
    for name, file in (("p1", body), ("p2", other)):
        told = send(made, name, file)
        assert (told[0].payment_id, told[0].status, told[0].code) == (name, "received", "DU01")
    assert "p2" not in made.payments.all
    assert truly(made, "p1").times_applied == 1
    assert send(made, "p2", other[:33] + b"B" + other[34:])[0].status == "accepted"
    send(made, "p1", FILES.ach("p1", 500))
    assert truly(made, "p1").times_applied == 2
    made.run(3 * DAY)
    assert amounts(made) == [-500, -500, -500]


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("bank_eu", FILES.credit("p1", "2000000.00"), "AM04"),
        ("bank_eu", FILES.credit("p1", "5.00", "USD"), "AM03"),
        ("bank_gb", FILES.credit("p1", "1000000.01", "GBP"), "AM02"),
        ("bank_us", FILES.ach("p1", 100_000_001, descriptive="SD1300"), "AM02"),
        ("bank_eu", FILES.credit("p1", "-5.00"), "FORMAT"),
        ("bank_eu", FILES.credit("p1", "5.001"), "FORMAT"),
        ("bank_eu", b"<no xml", "FORMAT"),
        ("bank_us", b"101 too short", "FORMAT"),
    ],
)
def test_what_cannot_be_paid_is_refused_at_the_door(name: str, body: bytes, code: str) -> None:
    made = bank(name, "2026-06-10T10:00")
    told = send(made, "p1", body)
    assert (told[0].status, told[0].code) == ("rejected", code)
    made.run(3 * DAY)
    assert not lines(made)
    assert "p1" not in made.payments.all


def test_what_is_taken_is_set_aside() -> None:
    """Two payments that the balance covers only one at a time."""
    made = bank("bank_eu", "2026-06-10T10:00")
    assert send(made, "p1", FILES.credit("p1", "600000.00"))[0].status == "accepted"
    assert send(made, "p2", FILES.credit("p2", "600000.00"))[0].code == "AM04"


def test_a_payment_that_it_does_not_know_is_missing() -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    assert isinstance(query(made, "nobody")[0], PaymentMissing)


def test_a_404_that_is_not_about_the_payment_is_no_answer() -> None:
    """A gateway that lost its way says 404 too."""
    made = bank("bank_eu", "2026-06-10T10:00")
    about = QueryPayment(account=made.account, scheme="any", payment_id="p1")
    for body in (
        b"<html>404</html>",
        b'{"code":"UNKNOWN_PAYMENT","message":"p2"}',
        b'{"code":"X"}',
    ):
        events = made.read(body, status=404, about=about)
        assert [type(event) for event in events] == [RequestFailed]


def test_the_balance_is_stated_as_of_now_and_to_the_nanosecond() -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    made.world.run(made.world.now + 123_456_789)
    stated = balance(made)
    assert isinstance(stated, StatementReported)
    assert stated.as_of == made.world.now
    assert [(row.subject, row.amount) for row in stated.rows] == [("EUR", 100_000_000)]


def test_the_record_tells_the_same_lines_as_the_notices() -> None:
    """Page by page from the start: the same ids, and of each the same content."""
    made = bank("bank_gb", "2026-06-10T10:00")
    for number in range(230):
        made.keeper.credit("GB33BUKB20201555555555", Decimal(number + 1) / 100, f"note {number}")
    made.run(HOUR)
    noticed = {line.line_id: line for line in lines(made)}
    assert len(noticed) == 230
    made.events.clear()
    pages, cursor = 0, ""
    while True:
        end = page(made, cursor)
        pages, cursor = pages + 1, end.through
        if not end.more:
            break
    assert pages == 3
    for line in lines(made):
        known = noticed.pop(line.line_id)
        for name in ("amount", "booked_at", "value_at", "references", "kind", "counterparty"):
            assert getattr(line, name) == getattr(known, name), name
    assert not noticed
    made.events.clear()
    assert page(made, cursor).through == cursor
    assert not lines(made)


def test_a_credit_names_the_address_that_it_was_for() -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    made.keeper.credit("DE75512108001245126199", Decimal("12.34"), "invoice 7")
    made.run(2 * DAY)
    line = lines(made)[0]
    assert line.amount == 1234
    assert "DE75512108001245126199" in line.references
    assert "invoice 7" in line.references


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_payment_is_refused_before_it_settles(seed: int) -> None:
    """At the door or later; definitely, and nothing moves."""
    made = bank("bank_eu", "2026-06-10T10:00", always("payment_rejected"), seed=seed)
    send(made, "p1", FILES.credit("p1", "5.00"))
    made.run(3 * DAY)
    assert statuses(made, "p1")[-1][0] == "rejected"
    assert truly(made, "p1").failed_at > 0 > truly(made, "p1").settled_at
    assert not lines(made)
    assert made.keeper.office.ledger.free == OPENING


def test_both_kinds_of_refusal_happen() -> None:
    early = Counter()
    for seed in range(12):
        made = bank("bank_eu", "2026-06-10T10:00", always("payment_rejected"), seed=seed)
        early[send(made, "p1", FILES.credit("p1", "5.00"))[0].status] += 1
    assert set(early) == {"rejected", "accepted"}


def test_no_answer_and_only_a_query_tells() -> None:
    """Done or not: half of each, both under the same silence."""
    found = Counter()
    for seed in range(12):
        fault = always("payment_unanswered", 3 * DAY // MS)
        made = bank("bank_eu", "2026-06-10T10:00", fault, seed=seed)
        assert isinstance(send(made, "p1", FILES.credit("p1", "5.00"))[0], RequestFailed)
        made.run(2 * DAY)
        assert not made.of(PaymentReported)
        told = query(made, "p1")[0]
        found[type(told)] += 1
        assert ("p1" in made.payments.all) is isinstance(told, PaymentReported)
    assert set(found) == {PaymentReported, PaymentMissing}


def test_a_late_payment_settles_that_much_later() -> None:
    made = bank("bank_eu", "2026-06-10T10:00", always("payment_late", 50 * HOUR // MS))
    send(made, "p1", FILES.credit("p1", "5.00"))
    until(made, "2026-06-13T19:00")
    assert not lines(made)
    until(made, "2026-06-14T00:00")
    assert local(made, truly(made, "p1").settled_at) == "2026-06-13T20:00:00"


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("bank_eu", FILES.credit("p1", "5.00"), {("pending", "PDNG")}),
        ("bank_gb", FILES.credit("p1", "5.00", "GBP"), {("accepted", "ACWP")}),
        (
            "bank_us",
            FILES.credit("p1", "5.00", "USD", level="G001"),
            {("held", "G003"), ("held", "G004")},
        ),
    ],
)
def test_a_payment_is_held_and_goes_on(name: str, body: bytes, said: set[tuple[str, str]]) -> None:
    made = bank(name, "2026-06-10T10:00", always("payment_held", 30 * HOUR // MS))
    send(made, "p1", body)
    made.run(6 * DAY)
    assert said & set(statuses(made, "p1"))
    assert statuses(made, "p1")[-1][0] == "settled"
    assert amounts(made) == [-500]


@pytest.mark.parametrize("seed", range(8))
def test_a_credit_comes_back_at_a_legal_time(seed: int) -> None:
    made = bank("bank_eu", "2026-06-10T10:00", always("payment_returned"), seed=seed)
    send(made, "p1", FILES.credit("p1", "5.00"))
    made.run(10 * DAY)
    back = made.of(ReturnReported)
    assert [(r.payment_id, r.amount) for r in back] == [("p1", 500)]
    assert amounts(made) == [-500, 500]
    assert lines(made)[1].kind == "return"
    assert lines(made)[1].code == back[0].code
    assert "p1" in lines(made)[1].references
    paid = truly(made, "p1")
    assert paid.settled_at < paid.returned_at < paid.revocable_until
    assert paid.returned == 500
    nothing_unread(made)


@pytest.mark.parametrize("seed", range(10))
def test_an_ach_debit_comes_back_within_two_days_or_sixty(seed: int) -> None:
    """A return of the short kind comes before silence ends, and then it never settled."""
    made = bank("bank_us", "2026-06-10T10:00", always("payment_returned"), seed=seed)
    send(made, "d1", FILES.ach("d1", 9900, code="27"))
    made.run(70 * DAY)
    back = made.of(ReturnReported)
    assert len(back) == 1
    assert "d1" in back[0].references
    assert amounts(made) == [9900, -9900]
    pulled = truly(made, "d1")
    short = back[0].code in ("R01", "R02", "R03", "R04", "R09", "R16", "R20", "R29")
    if short:
        assert pulled.settled_at < 0
        assert local(made, pulled.returned_at) < "2026-06-15T08:30:00"
    assert local(made, pulled.revocable_until) == "2026-08-11T08:30:00"
    assert pulled.returned_at < pulled.revocable_until
    assert made.keeper.office.hours.is_open(made.keeper.office.hours.day(pulled.returned_at))
    nothing_unread(made)


def test_returns_of_debits_are_of_both_kinds() -> None:
    codes = set()
    for seed in range(30):
        made = bank("bank_us", "2026-06-10T10:00", always("payment_returned"), seed=seed)
        send(made, "d1", FILES.ach("d1", 9900, code="27"))
        made.run(70 * DAY)
        codes |= {event.code for event in made.of(ReturnReported)}
    assert codes & {"R05", "R07", "R10", "R11"}
    assert codes & {"R01", "R02", "R03", "R09"}


@pytest.mark.parametrize("seed", range(4))
def test_a_direct_debit_is_refunded(seed: int) -> None:
    made = bank("bank_eu", "2026-04-01T10:00", always("payment_returned"), seed=seed)
    send(made, "d1", FILES.collection("d1", "80.00", "2026-04-09"))
    made.run(420 * DAY)
    assert made.of(ReturnReported)[0].code in ("AM04", "MD06", "MD01")
    assert amounts(made) == [8000, -8000]
    assert truly(made, "d1").returned_at < truly(made, "d1").revocable_until


def test_a_return_is_dishonoured_and_the_payment_stands() -> None:
    plan = always("payment_returned", times_max=1), always("return_dishonoured")
    made = bank("bank_us", "2026-06-10T10:00", *plan, seed=2)
    send(made, "d1", FILES.ach("d1", 9900, code="27"))
    made.run(80 * DAY)
    returned, undone = made.of(ReturnReported)
    assert undone.dishonours
    assert undone.dishonours == returned.return_id != undone.return_id
    assert undone.code == "R69"
    assert amounts(made) == [9900, -9900, 9900]
    assert lines(made)[2].reversal
    assert truly(made, "d1").returned == 0
    assert truly(made, "d1").settled_at > 0
    nothing_unread(made)


def test_details_are_corrected() -> None:
    made = bank("bank_us", "2026-06-10T10:00", always("change_notified"))
    send(made, "p1", FILES.ach("p1", 500))
    made.run(5 * DAY)
    change = made.of(ChangeNotified)[0]
    assert change.code == "C01"
    assert change.corrected
    assert amounts(made) == [-500]
    nothing_unread(made)


def test_a_credit_that_came_is_asked_back_and_our_answer_is_heard() -> None:
    made = bank("bank_eu", "2026-06-10T10:00", always("recalled"))
    made.keeper.credit("DE75512108001245126199", Decimal("12.34"))
    made.run(20 * DAY)
    recall = made.of(RecallReported)[0]
    assert recall.amount == 1234
    assert lines(made)[0].line_id in recall.references
    about = AnswerRecall(account=made.account, recall_id=recall.recall_id, code="CUST")
    told = post(made, "resolutions", FILES.resolution(recall.recall_id, "CUST"), about)
    assert isinstance(told[0], RecallTaken)
    assert made.keeper.arrivals.recalls == {recall.recall_id: "CUST"}


@pytest.mark.parametrize("seed", range(6))
def test_our_recall_is_answered_and_a_yes_is_followed_by_the_money(seed: int) -> None:
    made = bank("bank_eu", "2026-06-10T10:00", seed=seed)
    send(made, "p1", FILES.credit("p1", "5.00"))
    made.run(2 * DAY)
    about = RecallPayment(
        account=made.account, scheme="any", payment_id="p1", amount=500, code="DUPL"
    )
    post(made, "cancellations", FILES.recall("p1"), about)
    made.run(20 * DAY)
    answered = made.of(RecallAnswered)
    assert [event.payment_id for event in answered] == ["p1"]
    back = [event.code for event in made.of(ReturnReported)]
    assert back == (["FOCR"] if answered[0].accepted else [])
    assert amounts(made) == ([-500, 500] if answered[0].accepted else [-500])


def test_a_recall_before_settlement_stops_the_payment() -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    send(made, "p1", FILES.credit("p1", "5.00"))
    about = RecallPayment(
        account=made.account, scheme="any", payment_id="p1", amount=500, code="DUPL"
    )
    post(made, "cancellations", FILES.recall("p1"), about)
    made.run(5 * DAY)
    assert made.of(RecallAnswered)[0].accepted
    assert not lines(made)
    assert query(made, "p1")[0].status == "cancelled"
    assert truly(made, "p1").failed_at > 0


def test_an_ach_reversal_undoes_an_entry() -> None:
    made = bank("bank_us", "2026-06-10T10:00")
    send(made, "p1", FILES.ach("p1", 500))
    made.run(2 * DAY)
    send(made, "p1", FILES.ach("p1", 500, code="27", description="REVERSAL"))
    made.run(4 * DAY)
    assert amounts(made) == [-500, 500]
    assert truly(made, "p1").times_applied == 1
    assert truly(made, "p1").returned == 500


def test_a_fee_is_taken_on_the_way_in_and_told() -> None:
    made = bank("bank_gb", "2026-06-10T10:00", always("fee_deducted", 250))
    made.keeper.credit("GB33BUKB20201555555555", Decimal("100.00"))
    made.run(HOUR)
    line = lines(made)[0]
    assert (line.amount, line.fee) == (9750, 250)
    nothing_unread(made)


def test_a_fee_is_taken_on_the_way_out_and_told() -> None:
    made = bank("bank_us", "2026-06-10T10:00", always("fee_deducted", 1500))
    send(made, "p1", FILES.credit("p1", "500.00", "USD", level="G001"))
    made.run(3 * DAY)
    settled = next(e for e in made.of(PaymentReported) if e.word in settles("swift_gpi"))
    assert settled.fee == truly(made, "p1").fee == 1500
    assert amounts(made) == [-50000]


def test_a_wrong_amount_is_put_right_on_the_next_banking_day() -> None:
    made = bank("bank_gb", "2026-08-28T10:00", always("amount_wrong", 7, times_max=1))
    send(made, "p1", FILES.credit("p1", "5.00", "GBP"))
    made.run(5 * DAY)
    assert amounts(made) == [-507, 507, -500]
    wrong, undone, right = lines(made)
    assert undone.reversal
    assert local(made, right.booked_at) == "2026-09-01T10:00:00"  # the 31st is a bank holiday
    assert all("p1" in line.references for line in (wrong, undone, right))


def test_a_batch_with_somebody_elses_amount_in_it_is_put_right() -> None:
    """The wrong one is undone by its batch's name, and none of its payments is detailed."""
    plan = always("lines_batched"), always("batch_wrong", 7, times_max=1)
    made = bank("bank_eu", "2026-06-10T10:00", *plan)
    for number in range(3):
        send(made, f"p{number}", FILES.credit(f"p{number}", f"{number + 1}.00"))
    made.run(4 * DAY)
    assert amounts(made) == [-607, 607, -600]
    wrong, undone, right = lines(made)
    assert (undone.kind, wrong.parts, undone.parts) == ("reversal", (), ())
    batch = [told for told in wrong.references if told.startswith("BANKEUB")]
    assert all(batch[0] in line.references for line in (undone, right))
    nothing_unread(made)


def test_a_strangers_line_is_of_the_amount_of_what_waits() -> None:
    """It names nothing, comes before that, and is no payment's."""
    made = bank("bank_us", WEEK_OF_THANKSGIVING, always("line_alike", times_max=1))
    send(made, "p1", FILES.ach("p1", 12345, code="27"))
    made.run(7 * DAY)
    stranger, ours = lines(made)
    assert (stranger.amount, ours.amount) == (12345, 12345)
    assert "p1" in ours.references
    assert "p1" not in stranger.references
    (aside,) = made.payments.asides.values()
    assert (aside.line_id, aside.units, aside.sort) == (stranger.line_id, 12345, "nobody")


def test_interest_is_income_and_a_charge_a_fee() -> None:
    made = bank("bank_us", WEEK_OF_THANKSGIVING)
    made.keeper.strike(Fault("interest_credited", strength=55))
    made.keeper.strike(Fault("debit_unannounced", strength=20))
    made.run(3 * DAY)  # told at once, and in the BAI2 of the day
    assert [(line.kind, line.amount) for line in lines(made)] == [("interest", 55), ("fee", -20)]
    sorts = [(each.sort, each.units) for each in made.payments.asides.values()]
    assert sorts == [("income", 55), ("fee", -20)]
    nothing_unread(made)


# --- a bank that does not know us again ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body", "times"),
    [
        ("bank_us", FILES.credit("p1", "5.00", "USD", message="M-1"), 2),
        ("bank_us", FILES.ach("p1", 500), 2),
        ("bank_us", FILES.credit("p1", "5.00", "USD", level="G001", message="M-1"), 1),
        ("bank_eu", FILES.credit("p1", "5.00", message="M-1"), 1),
        ("bank_gb", FILES.credit("p1", "5.00", "GBP", message="M-1"), 2),
    ],
)
def test_an_id_that_is_forgotten_is_another_payment_where_its_scheme_compares_none(
    name: str, body: bytes, times: int
) -> None:
    made = bank(name, "2026-06-10T10:00", always("id_forgotten"))
    for _ in range(2):
        send(made, "p1", body)
    made.run(7 * DAY)
    assert (truly(made, "p1").times_applied, len(lines(made))) == (times, times)


def test_who_asks_soon_is_told_that_there_is_no_such_payment() -> None:
    """Though it was taken; and never for longer than its scheme's own time."""
    made = bank("bank_us", WEEK_OF_THANKSGIVING, always("payment_denied", 3_600_000))
    send(made, "p1", FILES.credit("p1", "5.00", "USD"))
    assert isinstance(query(made, "p1")[0], PaymentMissing)
    made.run(rules.RULES["fedwire"].listed_s * SECOND)
    assert isinstance(query(made, "p1")[0], PaymentReported)
    assert truly(made, "p1").times_applied == 1


def test_a_refusal_is_told_to_nobody_for_a_while() -> None:
    """Who asks hears what was said before; the truth is that it failed, at its window."""
    plan = always("payment_rejected"), always("refusal_muted", 2 * DAY // MS)
    made = bank("bank_us", "2026-06-10T10:00", *plan, seed=3)
    for number in range(4):
        send(made, f"p{number}", FILES.ach(f"p{number}", 500))
    taken = [n for n in range(4) if statuses(made, f"p{n}") == [("accepted", "ACCP")]]
    assert taken  # half are refused at the door
    made.run(DAY)
    for number in taken:
        assert truly(made, f"p{number}").failed_at >= 0
        assert query(made, f"p{number}")[0].status == "accepted"
        assert "rejected" not in {status for status, _ in statuses(made, f"p{number}")}
    made.run(2 * DAY)
    assert {query(made, f"p{number}")[0].status for number in taken} == {"rejected"}


def test_who_booked_what_was_refused_says_so_once_silence_would_settle_it() -> None:
    """Else the refusal and its absence would look the same to everybody."""
    faults = always("payment_rejected"), always("rejected_but_booked")
    made = bank("bank_us", "2026-06-08T10:00", *faults, always("refusal_muted", 9 * DAY // MS))
    for number in range(4):
        send(made, f"p{number}", FILES.ach(f"p{number}", 500))
    taken = [n for n in range(4) if statuses(made, f"p{n}") == [("accepted", "ACCP")]]
    assert taken
    made.run(3 * DAY)
    assert {query(made, f"p{number}")[0].status for number in taken} == {"accepted"}
    made.run(DAY)
    assert {query(made, f"p{number}")[0].status for number in taken} == {"rejected"}


def test_payments_of_one_window_are_one_line() -> None:
    """With its parts, or as a batch that each payment's status names."""
    seen = set()
    for seed in range(8):
        made = bank("bank_eu", "2026-06-10T10:00", always("lines_batched"), seed=seed)
        for number in range(3):
            send(made, f"p{number}", FILES.credit(f"p{number}", f"{number + 1}.00"))
        made.run(2 * DAY)
        (line,) = lines(made)
        assert line.amount == -600
        seen.add(len(line.parts))
        if line.parts:
            assert sum(part.amount for part in line.parts) == -600
            assert [part.references[0] for part in line.parts]
        assert [told for told in line.references if told.startswith("BANKEUB")]
        settled = [e for e in made.of(PaymentReported) if e.status == "settled"]
        assert {e.reference for e in settled} == {line.line_id}
        assert len(settled) == 3
        nothing_unread(made)
    assert seen == {0, 3}


def test_two_credits_are_alike_in_everything_but_their_place() -> None:
    made = bank("bank_gb", "2026-06-10T10:00", always("lines_identical"))
    made.keeper.credit("GB33BUKB20201555555555", Decimal("100.00"), "rent")
    made.run(HOUR)
    one, two = lines(made)
    assert one.line_id != two.line_id
    told = ("amount", "counterparty", "value_at", "booked_at", "kind", "code")
    assert all(getattr(one, name) == getattr(two, name) for name in told)
    own = {one.line_id, two.line_id, "1", "2"}
    assert set(one.references) - own == set(two.references) - own


def test_what_nobody_asked_for() -> None:
    made = bank("bank_us", "2026-06-10T10:00")
    made.keeper.strike(Fault("credit_unreferenced", strength=12300))
    made.keeper.strike(Fault("debit_unannounced", strength=900))
    made.run(DAY)
    credit, charge = lines(made)
    assert (credit.amount, charge.amount) == (12300, -900)
    assert charge.kind == "fee"
    assert set(credit.references) == {credit.line_id, "1"}
    assert credit.counterparty == ""
    assert made.faults.counts == {"credit_unreferenced": 1, "debit_unannounced": 1}


def test_an_outage_tells_nothing_and_the_record_still_does() -> None:
    made = bank("bank_gb", "2026-06-10T10:00")
    made.keeper.strike(Fault("confirmation_outage", strength=2 * HOUR // MS))
    send(made, "p1", FILES.credit("p1", "5.00", "GBP"))
    made.run(HOUR)
    assert not made.told
    assert isinstance(query(made, "p1")[0], RequestFailed)
    page(made)
    assert amounts(made) == [-500]
    assert [fact.lost_at > 0 for fact in made.truth.facts if fact.kind == "cash"] == [True]
    made.run(2 * HOUR)
    assert query(made, "p1")[0].status == "settled"


def test_a_statement_is_missing_from_the_post_and_there_for_who_asks() -> None:
    made = bank("bank_eu", "2026-06-10T10:00", always("statement_gap", times_max=1))
    made.run(5 * DAY)
    sequences = [stated.sequence for stated in statements(made)]
    assert sequences == [2, 3]
    asked = Request("GET", f"/v1/accounts/{made.keeper.head.number}/statements/1")
    status, body, _ = made.keeper.handle(asked)
    assert status == 200
    assert [e.sequence for e in made.read(body) if hasattr(e, "sequence")] == [1]


def test_notices_come_twice_and_in_another_order() -> None:
    twice = bank("bank_gb", "2026-06-10T10:00", always("notice_twice", 3000))
    send(twice, "p1", FILES.credit("p1", "5.00", "GBP"))
    twice.run(HOUR)
    assert set(Counter(body for _, body in twice.told).values()) == {2}
    assert amounts(twice) == [-500]
    plan = Fault("notice_disorder", strength=60_000, one_in=2)
    made = bank("bank_gb", "2026-06-10T10:00", plan, seed=2)
    for number in range(6):
        made.keeper.credit("GB33BUKB20201555555555", Decimal(number + 1))
        made.run(5 * SECOND)
    made.run(HOUR)
    booked = [line.booked_at for line in lines(made)]
    assert len(booked) == 6
    assert booked != sorted(booked)


@pytest.mark.parametrize("kind", ["stale_statement", "wild_statement", "empty_statement"])
def test_a_balance_that_lies_is_not_called_honest(kind: str) -> None:
    made = bank("bank_gb", "2026-06-10T10:00", Fault(kind, strength=MS, times_max=1, start_ns=HOUR))
    asked = Request("GET", f"/v1/accounts/{made.keeper.head.number}/balance")
    assert made.keeper.handle(asked)[2] is True
    send(made, "p1", FILES.credit("p1", "5.00", "GBP"))
    made.run(2 * HOUR)
    _, body, honest = made.keeper.handle(asked)
    assert honest is False
    lie = made.read(body, about=FetchStatement(account=made.account, kind="balances"))[0]
    truth = balance(made)
    assert lie.rows != truth.rows
    assert (lie.as_of < truth.as_of) is (kind == "stale_statement")
    assert truth.rows[0].amount == 99_999_500


def test_every_bank_is_read_by_its_own_numbers() -> None:
    """A notice for another account is quarantined with the reason."""
    made = bank("bank_eu", "2026-06-10T10:00")
    other = bank("bank_gb", "2026-06-10T10:00")
    other.keeper.credit("GB33BUKB20201555555555", Decimal(1))
    other.run(HOUR)
    events = made.read(other.told[-1][1])
    assert isinstance(events[0], FrameQuarantined)
    assert BANKS["bank_gb"][1].iban in events[0].reason


def test_an_answer_about_another_payment_is_no_answer() -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    body = made.keeper.handle(Request("POST", "/v1/payments", body=FILES.credit("p1", "5.00")))[1]
    events = made.read(body, about=payment(made, "p2"))
    assert [type(event) for event in events] == [RequestFailed]


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"[]", b'{"documents":3}', b"\xff\xfe"])
def test_an_answer_that_cannot_be_read_is_no_answer(body: bytes) -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    for effect in (
        payment(made, "p1"),
        QueryPayment(account=made.account, scheme="any", payment_id="p1"),
        FetchStatement(account=made.account, kind="balances"),
        FetchLedger(account=made.account, after=""),
        AnswerRecall(account=made.account, recall_id="k", code="CUST"),
    ):
        events = made.read(body, about=effect)
        assert [type(event) for event in events] == [RequestFailed], effect


def test_decimals_are_those_of_the_asset() -> None:
    assert DECIMALS["EUR"] == 2
    made = bank("bank_eu", "2026-06-10T10:00")
    made.keeper.credit("DE75512108001245126199", Decimal("12.34"))
    made.run(2 * DAY)
    body = next(body for _, body in made.told if b"12.34" in body)
    events = made.read(body.replace(b"12.34", b"12.345"))
    assert isinstance(events[0], FrameQuarantined)
    assert not [e for e in events if isinstance(e, LineBooked)]
