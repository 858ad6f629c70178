"""What two people decide by hand: value in suspense goes somewhere, once; breaks close by reason.

Facts come by hand, as in `tests/test_transfers.py`; the ledger must hold after each.
"""

from __future__ import annotations

from typing import Any

import pytest

from core.rail_effects import FetchClosed, ScreenTransfer, SendPayment, TellCustomer
from core.rail_events import (
    ItemResolved,
    LineBooked,
    PaymentReported,
    ReturnReported,
    SuspenseResolved,
    TransferScreened,
)
from core.settlement_state import Leg
from tests.settling import BANK, DAY, HOUR, Books, pay, pull

SUSPENSE = f"suspense/{BANK}/USD"
TO = "021000021/1234"


def decide(books: Books, name: str, ident: str = "r1", **more: str) -> None:
    """Two people decide about what lies in suspense under that name."""
    words = {"customer": "", "author": "ann", "approver": "ben", "reason": "they called"}
    books.tell(
        SuspenseResolved, resolution_id=ident, account=BANK, line_id=name, **{**words, **more}
    )


def send_back(books: Books, name: str, ident: str = "r1", **more: str) -> Leg | None:
    """They decide that it goes back; the payment that is to do it."""
    decide(books, name, ident, **{"scheme": "wire", "beneficiary": TO, **more})
    transfer = books.state.settlement.transfers.get(f"back/{ident}")
    return None if transfer is None else books.state.settlement.legs[transfer.legs[0]]


def told(books: Books, leg: Leg, status: str, **more: Any) -> None:
    books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status=status, **more)


def refusals(books: Books) -> int:
    return books.state.counts.get("resolutions_refused", 0)


def strayed(amount: int = 500) -> Books:
    books = Books(alice=1000)
    books.line("L9", amount)
    return books


def doubled(kind: str = "in") -> tuple[Books, Leg]:
    """A payment that the bank booked twice."""
    books = Books(alice=1000)
    wanted = pull("pull", 300) if kind == "in" else pay("wire", 300)
    (leg,) = books.request("t1", wanted)
    for number in (1, 2):
        books.line(f"L{number}", 300 if kind == "in" else -300, "payment", leg.payment_id)
    books.of(SendPayment)
    return books, leg


# --- sent back -----------------------------------------------------------------------------------


def test_a_line_goes_back_as_a_payment_whose_settlement_closes_its_break() -> None:
    """An id of its own, evidence of its own; no customer hears of it."""
    books = strayed()
    books.of(TellCustomer)
    leg = send_back(books, "L9")
    assert leg is not None
    (sent,) = books.of(SendPayment)
    assert (sent.payment_id, sent.amount, sent.beneficiary) == (leg.payment_id, 500, TO)
    assert (books.balance(SUSPENSE), books.balance("transit/wire/USD")) == (0, -500)
    assert books.breaks() == {f"{BANK} L9": "unattributed"}
    told(books, leg, "settled")
    assert books.breaks() == {}
    assert books.state.settlement.closed[-1].resolution == (
        f"sent back by {leg.payment_id}: they called (ann, approved by ben)"
    )
    books.line("L10", -500, "payment", leg.payment_id)
    assert (books.balance("transit/wire/USD"), leg.exposed) == (0, 0)
    assert books.of(TellCustomer) == []


def test_what_is_sent_back_counts_against_the_limits_of_its_rail_and_not_of_a_customer() -> None:
    books = strayed()
    books.limit("customer", "*", 100)
    books.limit("rail", "wire", 499)
    assert send_back(books, "L9") is None
    assert refusals(books) == 1
    assert books.balance(SUSPENSE) == -500
    books.limit("rail", "wire", 500)
    leg = send_back(books, "L9")
    assert leg is not None
    assert books.state.settlement.exposure["rail/wire/USD"] == 500
    assert not any(name.startswith("customer/") for name in books.state.settlement.exposure)


def test_above_the_bound_it_is_screened_and_a_hit_leaves_it_where_it_lies() -> None:
    """Those who decided are the two people; screening is asked as for any other."""
    books = strayed()
    books.limit("release", "", 100)
    leg = send_back(books, "L9")
    assert leg is not None
    assert [ask.beneficiaries for ask in books.of(ScreenTransfer)] == [(TO,)]
    assert books.of(SendPayment) == []
    books.tell(TransferScreened, transfer_id="back/r1", clear=False)
    assert (leg.status, books.balance(SUSPENSE)) == ("cancelled", -500)
    assert books.breaks() == {f"{BANK} L9": "unattributed"}
    decide(books, "L9", "r2", customer="alice")
    assert (books.has("alice"), books.breaks()) == (1500, {})


def test_what_is_on_its_way_back_is_nobody_else_s() -> None:
    """While it waits, and while it is under way: it cannot be credited as well."""
    books = strayed()
    books.limit("release", "", 100)
    leg = send_back(books, "L9")
    assert leg is not None
    decide(books, "L9", "r2", customer="alice")
    assert (refusals(books), books.has("alice")) == (1, 1000)
    books.tell(TransferScreened, transfer_id="back/r1", clear=True)
    assert leg.status == "in_flight"
    decide(books, "L9", "r3", customer="alice")
    assert (refusals(books), books.has("alice")) == (2, 1000)


def test_a_way_back_that_fails_leaves_it_in_suspense_for_another_decision() -> None:
    books = strayed()
    first = send_back(books, "L9")
    assert first is not None
    told(books, first, "rejected", code="AC04")
    assert (books.balance(SUSPENSE), books.breaks()) == (-500, {f"{BANK} L9": "unattributed"})
    second = send_back(books, "L9", "r2")
    assert second is not None
    assert second.payment_id != first.payment_id
    told(books, second, "settled")
    assert (books.balance(SUSPENSE), books.breaks()) == (0, {})


def test_what_comes_back_once_more_lies_in_suspense_under_its_break_again() -> None:
    """The return was settled, and returned by its beneficiary; dishonoured, it is gone again."""
    books = strayed()
    leg = send_back(books, "L9", scheme="ach")
    assert leg is not None
    told(books, leg, "accepted")
    books.line("L10", -500, "payment", leg.payment_id)
    books.wait(8 * DAY)
    assert (leg.status, books.breaks()) == ("settled", {})
    words = {"account": BANK, "payment_id": leg.payment_id, "amount": 500, "code": "R10"}
    books.tell(ReturnReported, return_id="x", **words)
    assert (books.balance(SUSPENSE), books.breaks()) == (-500, {f"{BANK} L9": "unattributed"})
    books.tell(ReturnReported, return_id="y", dishonours="x", **words)
    assert (leg.status, books.balance(SUSPENSE), books.breaks()) == ("settled", 0, {})


def test_a_return_that_was_given_away_and_is_undone_is_a_debit_that_nobody_explains() -> None:
    books = strayed()
    leg = send_back(books, "L9", scheme="ach")
    assert leg is not None
    told(books, leg, "accepted")
    books.line("L10", -500, "payment", leg.payment_id)
    words = {"account": BANK, "payment_id": leg.payment_id, "amount": 500, "code": "R10"}
    books.tell(ReturnReported, return_id="x", **words)
    decide(books, "L9", "r2", customer="alice")
    assert books.has("alice") == 1500
    books.tell(ReturnReported, return_id="y", dishonours="x", **words)
    assert books.balance(SUSPENSE) == 500
    assert books.breaks() == {f"{BANK} L9": "unknown_debit"}


@pytest.mark.parametrize(
    "more",
    [
        {"scheme": "pigeons"},
        {"scheme": "pull"},
        {"scheme": "elsewhere"},
        {"scheme": "small"},
        {"scheme": "coded", "beneficiary": "nobody"},
        {"customer": "alice"},
        {"approver": "ann"},
    ],
    ids=lambda more: " ".join(more.values()),
)
def test_a_way_back_that_cannot_be_is_refused_and_nothing_is_booked(more: dict[str, str]) -> None:
    """No such scheme, one that pulls, pays elsewhere or less; a bad address; one word too many."""
    books = strayed()
    common = {"kind": "out", "settled_by": "message", "settles_ns_max": HOUR}
    books.scheme(scheme="elsewhere", **{**common, "account": "other/ops"})
    books.scheme(scheme="small", amount_max=499, **common)
    books.scheme(scheme="coded", beneficiaries="iban", **common)
    assert send_back(books, "L9", **more) is None
    assert (refusals(books), books.balance(SUSPENSE)) == (1, -500)
    assert books.of(SendPayment) == []
    assert send_back(books, "L9") is not None  # its id stayed free


# --- the excess of a payment ---------------------------------------------------------------------


def test_the_excess_of_a_payment_is_sent_back_and_its_break_closes() -> None:
    books, leg = doubled()
    assert books.breaks() == {leg.payment_id: "duplicate"}
    back = send_back(books, leg.payment_id)
    assert back is not None
    assert (leg.excess, books.balance(SUSPENSE)) == (0, 0)
    told(books, back, "settled")
    assert books.breaks() == {}
    assert (leg.status, leg.excess) == ("in_flight", 0)


def test_the_excess_of_a_payment_is_credited_or_written_off() -> None:
    books, leg = doubled()
    decide(books, leg.payment_id, customer="alice")
    assert (books.has("alice"), leg.excess, books.breaks()) == (1300, 0, {})
    books, leg = doubled("out")
    assert send_back(books, leg.payment_id) is None  # it went from us
    decide(books, leg.payment_id, "r2")
    assert (books.balance("loss/USD"), leg.excess, books.breaks()) == (300, 0, {})


def test_an_excess_that_the_bank_takes_back_first_is_not_sent() -> None:
    """The way back waits for its screening meanwhile."""
    books, leg = doubled()
    books.limit("release", "", 100)
    back = send_back(books, leg.payment_id)
    assert back is not None
    books.line("L3", -300, "reversal", leg.payment_id)
    assert (leg.excess, books.breaks()) == (0, {})
    books.tell(TransferScreened, transfer_id="back/r1", clear=True)
    assert (back.status, back.code) == ("failed", "NO_FUNDS")
    assert (books.balance(SUSPENSE), books.of(SendPayment)) == (0, [])
    books.line("L4", 300, "payment", leg.payment_id)
    books.line("L5", 300, "payment", leg.payment_id)
    decide(books, leg.payment_id, "r2", customer="alice")
    assert (leg.excess, books.breaks()) == (0, {})


# --- whose it is ---------------------------------------------------------------------------------


def test_a_line_is_the_payment_s_of_which_people_found_it_to_be() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.line("L1", -300)
    assert books.breaks() == {f"{BANK} L1": "unknown_debit"}
    decide(books, "L1", payment_id=leg.payment_id)
    assert (leg.due, books.balance(SUSPENSE), books.breaks()) == (0, 0, {})


def test_a_return_that_people_place_came_when_its_bank_booked_it() -> None:
    """However late it was read, and its payment found."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    told(books, leg, "accepted")
    books.wait(3 * DAY)
    books.line("L1", -300, "payment", leg.payment_id)
    books.wait(5 * DAY)
    assert leg.status == "settled"
    came = books.now
    books.wait(70 * DAY)
    words = {"account": BANK, "asset": "USD", "amount": 300, "kind": "return", "code": "R10"}
    books.tell(LineBooked, line_id="L2", booked_at=came, **words)
    decide(books, "L2", payment_id=leg.payment_id)
    assert (leg.status, books.breaks()) == ("returned", {})


def test_a_line_is_not_a_payment_s_of_another_account_nor_an_excess_anybody_s() -> None:
    books, leg = doubled()
    books.line("L9", 500)
    decide(books, "L9", payment_id="nobody")
    (other,) = books.request("t2", pay("wire", 10))
    decide(books, leg.payment_id, "r2", payment_id=other.payment_id)
    assert refusals(books) == 2


def test_a_return_that_named_nothing_is_attributed_to_its_payment() -> None:
    """Its line by one decision, its message by another, in either order; it came back once."""
    for line_first in (True, False):
        books = Books(alice=1000)
        (leg,) = books.request("t1", pay("ach", 300))
        told(books, leg, "accepted")
        books.line("L1", -300, "payment", leg.payment_id)
        books.tell(
            ReturnReported, account=BANK, return_id="x", payment_id="", amount=300, code="R02"
        )
        books.line("L2", 300, "return")
        assert books.breaks() == {"x": "unmatched_return", f"{BANK} L2": "unmatched_return"}
        books.wait(9 * DAY)
        assert leg.status == "in_flight"  # that silence settles it nobody can say
        for of_line in (line_first, not line_first):
            if of_line:
                decide(books, "L2", payment_id=leg.payment_id)
            else:
                resolve(books, "x", "unmatched_return", payment_id=leg.payment_id)
        assert (leg.status, books.has("alice"), books.breaks()) == ("returned", 1000, {})
        assert (books.balance(SUSPENSE), books.balance("transit/ach/USD")) == (0, 0)


# --- breaks that evidence did not close ----------------------------------------------------------


def resolve(books: Books, subject: str, cause: str, ident: str = "i1", **more: str) -> None:
    words = {"author": "ann", "approver": "ben", "reason": "they wrote", "evidence": "letter 7"}
    books.tell(ItemResolved, resolution_id=ident, subject=subject, cause=cause, **{**words, **more})


def test_a_return_of_no_payment_of_ours_is_closed_by_reason_and_its_line_stays() -> None:
    books = Books(alice=1000)
    books.tell(ReturnReported, account=BANK, return_id="x", payment_id="", amount=300, code="R02")
    books.line("L2", 300, "return")
    resolve(books, f"{BANK} L2", "unmatched_return")
    assert refusals(books) == 1  # where its line lies people say whose that is
    resolve(books, "x", "unmatched_return")
    assert books.breaks() == {f"{BANK} L2": "unmatched_return"}
    closed = books.state.settlement.closed[-1].resolution
    assert closed == "they wrote (ann, approved by ben); evidence: letter 7"
    decide(books, "L2", customer="alice")
    assert (books.has("alice"), books.breaks()) == (1300, {})


@pytest.mark.parametrize(
    "more", [{"approver": "ann"}, {"approver": ""}, {"evidence": ""}, {"payment_id": "nobody"}]
)
def test_nobody_closes_a_break_alone_without_evidence_or_for_nothing(more: dict[str, str]) -> None:
    books = Books(alice=1000)
    books.tell(ReturnReported, account=BANK, return_id="x", payment_id="", amount=300, code="R02")
    resolve(books, "x", "unmatched_return", **more)
    resolve(books, "y", "unmatched_return")
    assert (refusals(books), books.breaks()) == (2, {"x": "unmatched_return"})
    assert books.of(FetchClosed) == []
