"""When a no is believed, and a payment goes again under its own id: by its scheme's own row."""

from __future__ import annotations

import pytest

from core.listening import request_backfill
from core.rail_effects import SendPayment
from core.rail_events import DocumentQuarantined, DocumentRead, ItemResolved, PaymentMissing
from core.settlement_state import Leg
from core.stuck import stuck
from rails.bank import rules
from rails.schemes import load
from tests.settling import BANK, DAY, HOUR, SECOND, WIRE, Books, pay

LISTED = 900 * SECOND
COMPARED = {**WIRE, "scheme": "compared", "listed_ns_max": LISTED, "id_valid_ns": DAY}
ALIKE = {**WIRE, "scheme": "alike", "resend": "two_denials", "listed_ns_max": LISTED}
NEVER = {**WIRE, "scheme": "never", "resend": "never", "listed_ns_max": LISTED}


def sent(scheme: str) -> tuple[Books, Leg]:
    books = Books(alice=1000)
    for terms in (COMPARED, ALIKE, NEVER):
        books.scheme(**{**terms, "settles_ns_max": 3 * DAY, "queries_max": 10_000})
    (leg,) = books.request("t1", pay(scheme, 300))
    assert len(books.of(SendPayment)) == 1
    return books, leg


def denied(books: Books, leg: Leg) -> None:
    """Asked now, answered at once: they have no such payment."""
    books.tell(PaymentMissing, account=BANK, payment_id=leg.payment_id, asked_at=books.now)


def again(books: Books) -> int:
    """How often it was sent since this was last asked."""
    return len(books.of(SendPayment))


def test_where_ids_are_compared_one_no_is_enough_once_all_that_was_taken_is_listed() -> None:
    books, leg = sent("compared")
    books.wait(LISTED)  # it may have been under way for half a minute of that
    denied(books, leg)
    assert again(books) == 0
    books.wait(30 * SECOND)
    denied(books, leg)
    assert again(books) == 1


def test_an_id_that_is_honoured_no_more_is_compared_with_nothing() -> None:
    books, leg = sent("compared")
    books.wait(DAY)
    denied(books, leg)
    assert again(books) == 0
    books.wait(LISTED)
    denied(books, leg)
    books.read_to_the_end()
    assert again(books) == 1


def test_where_nothing_is_compared_one_no_is_not_believed_however_late_it_comes() -> None:
    books, leg = sent("alike")
    books.wait(2 * HOUR)
    denied(books, leg)
    books.wait(LISTED - 1)
    denied(books, leg)
    books.wait(2 * HOUR)
    assert again(books) == 0
    assert leg.status == "unknown"


def test_two_noes_and_a_record_that_was_read_since_let_it_go_again_once() -> None:
    books, leg = sent("alike")
    books.wait(HOUR)
    denied(books, leg)
    books.wait(LISTED)
    denied(books, leg)
    assert again(books) == 0  # the record that was read before says nothing of what came since
    books.read_to_the_end()
    assert again(books) == 1
    books.wait(2 * HOUR)
    assert again(books) == 0  # of what went again each no counts anew


def test_a_reading_that_began_before_the_second_no_proves_nothing() -> None:
    books, leg = sent("alike")
    books.wait(HOUR)
    denied(books, leg)
    books.wait(LISTED)
    request_backfill(books.state, books.state.accounts[BANK], books.now)
    books.now += SECOND
    denied(books, leg)
    books.read_to_the_end()
    assert again(books) == 0
    books.read_to_the_end()  # the next one, which was wanted meanwhile
    assert again(books) == 1


def test_what_was_booked_is_not_sent_again_whatever_is_denied() -> None:
    for scheme in ("compared", "alike"):
        books, leg = sent(scheme)
        books.wait(HOUR)
        books.line("L1", -300, "payment", leg.payment_id)
        for _ in range(3):
            books.wait(HOUR)
            denied(books, leg)
            books.read_to_the_end()
        assert again(books) == 0


def test_a_line_that_nobody_explains_may_be_it_so_people_find_out() -> None:
    books, leg = sent("alike")
    books.line("L1", -500, "payment", "B7")  # it may have ours in it
    books.wait(HOUR)
    denied(books, leg)
    books.wait(LISTED)
    denied(books, leg)
    books.wait(3 * HOUR)
    assert again(books) == 0
    assert books.breaks()[leg.payment_id] == "denied"
    books.tell_accepted(leg.payment_id)
    assert leg.payment_id not in books.breaks()


def test_a_document_that_nobody_read_may_hide_it() -> None:
    books, leg = sent("alike")
    words = {"account": BANK, "document_id": "D1"}
    books.tell(DocumentQuarantined, after="", reason="cut off", size=9, **words)
    books.wait(HOUR)
    denied(books, leg)
    books.wait(LISTED)
    denied(books, leg)
    books.wait(3 * HOUR)
    assert again(books) == 0
    assert books.breaks()[leg.payment_id] == "denied"
    books.tell(DocumentRead, **words)
    books.wait(2 * HOUR)
    assert again(books) == 1
    assert leg.payment_id not in books.breaks()


def test_a_scheme_without_a_retry_asks_people() -> None:
    books, leg = sent("never")
    books.wait(HOUR)
    for _ in range(3):
        denied(books, leg)
        books.wait(HOUR)
    assert again(books) == 0
    assert books.breaks() == {leg.payment_id: "denied"}


@pytest.mark.parametrize("name", rules.RULES)
def test_the_simulated_bank_denies_for_longer_than_an_answer_takes(name: str) -> None:
    """Else who believes one no would never be wrong; and never for longer than the row says."""
    rule, row = rules.RULES[name], load()[name]
    assert row.resend is not None
    assert row.answer_within < rule.listed_s * SECOND <= row.resend.listed_within
    assert rule.compares == (row.resend.after == "one_denial")


def test_people_who_know_that_it_never_left_end_it_and_give_back_what_it_took() -> None:
    books, leg = sent("never")
    books.wait(HOUR)
    denied(books, leg)
    assert books.has("alice") == 700
    words = {"author": "ann", "approver": "ben", "reason": "they called", "evidence": "letter 7"}
    books.tell(ItemResolved, resolution_id="r1", subject=leg.payment_id, cause="denied", **words)
    assert (leg.status, books.has("alice"), books.breaks()) == ("failed", 1000, {})
    assert books.seen_by_customer("t1") == "failed"


def test_who_looks_sees_which_word_is_waited_for() -> None:
    books, leg = sent("alike")
    books.wait(HOUR)
    denied(books, leg)
    (row,) = stuck(books.state)
    assert row.waiting_for == "a second no, or a sign of it"
    assert row.expected_by == books.now + LISTED
    books.wait(LISTED)
    denied(books, leg)
    (row,) = stuck(books.state)
    assert row.waiting_for == "the account's record, which must not show it"
