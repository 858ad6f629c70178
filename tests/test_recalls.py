"""What is asked back: once under one id, whatever is lost and whoever dies meanwhile."""

from decimal import Decimal
from typing import Any

import pytest

from core.effects import RaiseAlert
from core.events import NodeStarted
from core.rail_effects import AnswerRecall, RecallPayment, SendPayment
from core.rail_events import (
    AddressAssigned,
    PaymentReported,
    RecallAnswered,
    RecallReported,
    RecallRequested,
    RecallTaken,
    ReturnReported,
    SuspenseResolved,
    Within,
)
from rails.instructions.camt029 import camt029
from rails.instructions.party import OurAccount
from sim.faults import Fault
from tests.banks import bank, post, send
from tests.instructions_by_hand import Files
from tests.rail_bench import DAY as BANK_DAY
from tests.rail_bench import always
from tests.settling import ACH, BANK, DAY, HOUR, WIRE, Books, pay

RECALLS = (Within(days=10, until_ns=DAY, codes=("DUPL",)),)
TEN_DAYS = {**WIRE, "scheme": "wire", "recalls": RECALLS}
REVERSED = {**ACH, "scheme": "ach", "recalls": RECALLS}
FILES = Files()
OURS = OurAccount(
    "Tieout", "EUR", 2, "Europe/Berlin", iban="DE89370400440532013000", bic="COBADEFF"
)


def asked(scheme: dict[str, Any] = TEN_DAYS) -> tuple[Books, str]:
    """A payment that an operator has just asked back."""
    books = Books(alice=10_000)
    books.scheme(**scheme)
    (leg,) = books.request("t1", pay(scheme["scheme"], 500))
    books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status="accepted")
    ask(books, leg.payment_id)
    return books, leg.payment_id


def ask(books: Books, payment_id: str) -> None:
    books.tell(RecallRequested, payment_id=payment_id, code="DUPL", author="ann", approver="ben")


def sent(after: int, code: str = "DUPL") -> Books:
    """Of a payment of a Monday, that so much later is asked back."""
    books = Books(alice=10_000)
    books.scheme(**TEN_DAYS)
    (leg,) = books.request("t1", pay("wire", 500))
    books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status="settled")
    books.wait(after)
    books.tell(RecallRequested, payment_id=leg.payment_id, code=code, author="ann", approver="ben")
    return books


def die(books: Books, after: int = HOUR) -> None:
    """The node dies with all that it had handed out, and lives again."""
    books.now += after
    books.tell(NodeStarted, node="t", epoch=books.state.epoch + 1)


# --- ours ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "asked_for"), [(15 * DAY, 1), (15 * DAY + 1, 0)])
def test_nothing_is_asked_back_once_its_span_is_over(after: int, asked_for: int) -> None:
    """Ten banking days after a Monday are two weeks, to the end of that day."""
    books = sent(after)
    assert len(books.of(RecallPayment)) == asked_for
    assert books.state.counts.get("recalls_refused", 0) == 1 - asked_for


def test_a_span_is_that_of_its_reason_alone() -> None:
    books = sent(DAY, code="FRAD")
    assert books.of(RecallPayment) == []
    assert books.of(RaiseAlert)[-1].text.endswith("wire lets nobody ask back for FRAD now")


def test_a_recall_goes_again_the_same_until_it_was_taken() -> None:
    books, payment_id = asked()
    (first,) = books.of(RecallPayment)
    books.wait(HOUR)
    again = books.of(RecallPayment)
    assert len(again) >= 3
    assert all(each == first for each in again)
    books.tell(RecallTaken, account=BANK, payment_id=payment_id)
    books.wait(4 * DAY)
    assert books.of(RecallPayment) == []


def test_a_recall_that_a_crash_kept_from_leaving_is_asked_again_at_once() -> None:
    books, _ = asked()
    (first,) = books.of(RecallPayment)
    die(books)
    assert books.of(RecallPayment) == [first]


def test_a_recall_that_was_taken_is_not_asked_again_by_a_restart() -> None:
    books, payment_id = asked()
    books.tell(RecallTaken, account=BANK, payment_id=payment_id)
    books.of(RecallPayment)
    die(books)
    assert books.of(RecallPayment) == []


def test_an_answer_that_is_late_is_asked_for_under_the_same_id() -> None:
    books, payment_id = asked()
    (first,) = books.of(RecallPayment)
    books.tell(RecallTaken, account=BANK, payment_id=payment_id)
    die(books)
    books.wait(6 * DAY)
    assert books.of(RecallPayment) == [first]
    books.tell(RecallAnswered, account=BANK, payment_id=payment_id, accepted=False, code="CUST")
    books.wait(20 * DAY)
    assert books.of(RecallPayment) == []
    assert books.state.settlement.asked_back[payment_id].answer == "CUST"


def test_what_came_back_is_not_asked_for_any_more() -> None:
    books, payment_id = asked()
    books.of(RecallPayment)
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="R1",
        payment_id=payment_id,
        amount=500,
        code="FOCR",
    )
    books.wait(10 * DAY)
    assert books.of(RecallPayment) == []


def test_a_reversal_that_was_taken_has_no_answer_to_wait_for() -> None:
    books, payment_id = asked(REVERSED)
    books.of(RecallPayment)
    books.tell(RecallTaken, account=BANK, payment_id=payment_id)
    books.wait(20 * DAY)
    assert books.of(RecallPayment) == []


def test_a_reversal_of_ours_is_what_came_back_though_the_payment_was_booked_twice() -> None:
    """One of three lines alike: what we asked for is done, and what is over keeps its break."""
    books, payment_id = asked(REVERSED)
    books.tell(RecallTaken, account=BANK, payment_id=payment_id)
    for name in ("L1", "L2"):
        books.line(name, -500, "payment", payment_id)
    books.line("L3", 500, "reversal", payment_id)
    (leg,) = books.legs("t1")
    assert (leg.status, leg.excess, books.has("alice")) == ("returned", -500, 10_000)
    assert books.breaks() == {payment_id: "duplicate"}
    books.line("L4", 500, "reversal", payment_id)
    assert (leg.status, leg.excess, books.breaks()) == ("returned", 0, {})


def test_what_was_booked_twice_is_undone_where_no_reversal_was_taken() -> None:
    """We asked, and the bank never took it in: what it takes back is its own mistake."""
    books, payment_id = asked(REVERSED)
    for name in ("L1", "L2"):
        books.line(name, -500, "payment", payment_id)
    books.line("L3", 500, "reversal", payment_id)
    (leg,) = books.legs("t1")
    assert (leg.status, leg.excess, books.breaks()) == ("in_flight", 0, {})


def test_a_second_wish_is_no_second_recall() -> None:
    books, payment_id = asked()
    books.of(RecallPayment)
    ask(books, payment_id)
    assert books.of(RecallPayment) == []
    assert "it was asked back before" in books.of(RaiseAlert)[-1].text


def test_who_never_answers_is_telephoned() -> None:
    """The asking ends, loudly."""
    books, payment_id = asked()
    books.wait(60 * DAY)
    sent = books.of(RecallPayment)
    assert len(sent) == 30
    assert any("telephone" in each.text for each in books.of(RaiseAlert))
    assert f"recall/{payment_id}" not in books.state.alarms


# --- theirs --------------------------------------------------------------------------------------


def theirs(books: Books) -> list[AnswerRecall]:
    """Alice has it, and somebody asks it back."""
    if f"{BANK} L1" not in books.state.settlement.credits:
        books.tell(AddressAssigned, account=BANK, address="IBAN-A", customer="alice")
        books.line("L1", 500, "payment", "IBAN-A")
    return asked_of_us(books)


def asked_of_us(books: Books) -> list[AnswerRecall]:
    books.tell(
        RecallReported, account=BANK, recall_id="K1", references=("L1",), amount=500, code="DUPL"
    )
    return books.of(AnswerRecall)


def test_our_answer_goes_again_the_same_until_it_was_taken() -> None:
    books = Books(alice=10_000)
    (first,) = theirs(books)
    books.wait(2 * HOUR)
    again = books.of(AnswerRecall)
    assert again
    assert all(each == first for each in again)
    books.tell(RecallTaken, account=BANK, recall_id="K1")
    books.wait(30 * DAY)
    assert books.of(AnswerRecall) == []


def test_our_answer_survives_a_crash_under_its_id() -> None:
    books = Books(alice=10_000)
    (first,) = theirs(books)
    die(books)
    assert books.of(AnswerRecall) == [first]
    books.tell(RecallTaken, account=BANK, recall_id="K1")
    die(books)
    assert books.of(AnswerRecall) == []


def test_who_asks_again_is_answered_again_and_not_otherwise() -> None:
    books = Books(alice=10_000)
    (first,) = theirs(books)
    books.now += DAY
    assert theirs(books) == [first]


# --- theirs, and nobody's ------------------------------------------------------------------------


def nobodys(*names: str) -> Books:
    """A line of which nobody knows whose it is was asked back."""
    books = Books(alice=10_000)
    books.line("L1", 500, "payment", *names)
    assert asked_of_us(books) == []
    assert books.breaks()[f"{BANK} K1"] == "asked_back"
    return books


def decide(books: Books, **how: str) -> list[AnswerRecall]:
    words = {"author": "ann", "approver": "ben", "reason": "they called", "customer": "", **how}
    books.tell(SuspenseResolved, resolution_id="r1", account=BANK, line_id="L1", **words)
    return books.of(AnswerRecall)


def test_what_is_nobodys_is_held_for_people_however_often_it_is_asked_back() -> None:
    books = nobodys()
    for _ in range(3):
        books.wait(3 * DAY)
        assert asked_of_us(books) == []
    assert (books.state.counts[f"recalls_held/{BANK}"], books.has("alice")) == (1, 10_000)
    die(books)
    assert books.of(AnswerRecall) == []


def test_people_who_find_whose_it_is_say_no_by_that() -> None:
    for how in ({"customer": "alice"}, {}):
        books = nobodys()
        (answer,) = decide(books, **how)
        assert (answer.code, answer.accepted) == ("CUST", False)
        assert books.breaks() == {}


def test_what_people_send_back_is_a_yes_once_that_has_settled() -> None:
    books = nobodys()
    assert decide(books, scheme="wire", beneficiary="021000021/1234") == []
    (sent,) = books.of(SendPayment)
    assert books.breaks()[f"{BANK} K1"] == "asked_back"
    books.tell(PaymentReported, account=BANK, payment_id=sent.payment_id, status="settled")
    (answer,) = books.of(AnswerRecall)
    assert (answer.code, answer.accepted) == ("", True)
    assert f"{BANK} K1" not in books.breaks()


def test_a_way_back_that_fails_leaves_the_question_open() -> None:
    books = nobodys()
    decide(books, scheme="wire", beneficiary="021000021/1234")
    (sent,) = books.of(SendPayment)
    books.tell_rejected(sent.payment_id)
    assert books.of(AnswerRecall) == []
    assert books.breaks()[f"{BANK} K1"] == "asked_back"


def test_what_the_bank_took_back_itself_is_there_no_more() -> None:
    books = nobodys("E1")
    books.line("L2", -500, "reversal", "L1")
    (answer,) = books.of(AnswerRecall)
    assert answer.code == "ARDT"
    assert books.breaks() == {}


def test_what_no_line_is_called_is_no_line_once_the_record_was_read() -> None:
    """Its credit may be told after the recall."""
    books = Books(alice=10_000)
    assert asked_of_us(books) == []
    assert books.breaks() == {}
    books.wait(2 * HOUR)
    (answer,) = books.of(AnswerRecall)[:1]
    assert answer.code == "NOOR"


def test_a_credit_that_comes_after_its_recall_is_what_was_meant() -> None:
    books = Books(alice=10_000)
    assert asked_of_us(books) == []
    books.tell(AddressAssigned, account=BANK, address="IBAN-A", customer="alice")
    books.line("L1", 500, "payment", "IBAN-A")
    (answer,) = books.of(AnswerRecall)
    assert answer.code == "CUST"


def test_our_yes_and_our_no_are_heard_by_the_bank() -> None:
    for accepted, code, heard in ((True, "", "CNCL"), (False, "NOOR", "NOOR")):
        made = bank("bank_eu", "2026-06-10T10:00", always("recalled"))
        made.keeper.strike(Fault("credit_unreferenced", strength=12300))
        made.run(20 * BANK_DAY)
        name = made.of(RecallReported)[0].recall_id
        about = AnswerRecall(account=made.account, recall_id=name, code=code, accepted=accepted)
        (told,) = post(made, "resolutions", camt029(about, OURS, f"A{name}"), about)
        assert isinstance(told, RecallTaken)
        assert made.keeper.arrivals.recalls == {name: heard}


# --- what the bank says --------------------------------------------------------------------------


def recall(payment_id: str, scheme: str, account: str) -> RecallPayment:
    return RecallPayment(
        account=account, scheme=scheme, payment_id=payment_id, amount=500, code="DUPL"
    )


def test_a_bank_asked_twice_by_one_message_asks_once_and_answers_twice() -> None:
    made = bank("bank_eu", "2026-06-10T10:00")
    send(made, "p1", FILES.credit("p1", "5.00"))
    about, message = recall("p1", "sepa_sct", made.account), FILES.recall("p1")
    for _ in range(2):
        (told,) = post(made, "cancellations", message, about)
        assert isinstance(told, RecallTaken)
        assert told.payment_id == "p1"
    made.run(BANK_DAY)
    assert [event.accepted for event in made.of(RecallAnswered)] == [True, True]
    assert len(made.payments.recalls["p1"].messages) == 1
    assert made.payments.all["p1"].failed_at > 0


def test_who_hears_no_answer_asks_again_under_the_same_id() -> None:
    made = bank("bank_eu", "2026-06-10T10:00", always("recalled", times_max=1))
    made.keeper.credit("DE02100100109307118603", Decimal("12.34"))
    made.run(40 * BANK_DAY)
    told = made.of(RecallReported)
    assert len(told) > 3
    assert len({event.recall_id for event in told}) == 1


def settled_long_ago(answer: str) -> Books:
    """What we asked back was answered so; and comes back when nobody may return it any more."""
    books = Books(alice=10_000)
    books.scheme(**REVERSED)
    (leg,) = books.request("t1", pay("ach", 500))
    payment = {"account": BANK, "payment_id": leg.payment_id}
    books.tell(PaymentReported, **payment, status="accepted")
    books.line("L1", -500, "payment", leg.payment_id)
    books.wait(4 * DAY)
    if answer:
        ask(books, leg.payment_id)
        books.tell(RecallAnswered, **payment, accepted=answer == "yes", code="")
    books.wait(70 * DAY)
    books.tell(ReturnReported, **payment, return_id="R", amount=500, code="R06")
    return books


def test_a_recall_that_was_declined_makes_no_late_return_legal() -> None:
    for answer in ("", "no"):
        assert "illegal_return" in settled_long_ago(answer).breaks().values()
    assert "illegal_return" not in settled_long_ago("yes").breaks().values()
