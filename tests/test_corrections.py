"""Details that were told to be wrong: no later payment of a customer goes there."""

from __future__ import annotations

import pytest

from core.rail_effects import SendPayment, TellCustomer
from core.rail_events import (
    ChangeNotified,
    LegWanted,
    PaymentReported,
    TransferReleased,
    TransferScreened,
)
from core.settlement_state import Leg
from tests.settling import BANK, DAY, Books, pay, pull

OLD, NEW = "021000021/1234", "021000021/777"


def told(books: Books, leg: Leg, code: str = "C01", corrected: str = "777") -> None:
    books.tell(
        ChangeNotified, account=BANK, payment_id=leg.payment_id, code=code, corrected=corrected
    )


def corrected(code: str = "C01", data: str = "777") -> Books:
    """A payment to the old details is on its way, and they were told to be wrong."""
    books = Books(alice=10_000)
    (leg,) = books.request("t1", pay("ach", 500, OLD))
    told(books, leg, code, data)
    books.of(SendPayment)
    books.of(TellCustomer)
    return books


def _refused(books: Books, wanted: LegWanted, name: str = "t2") -> str:
    books.request(name, wanted)
    return books.state.settlement.transfers[name].refusal


@pytest.mark.parametrize(
    ("code", "data", "right"),
    [
        ("C01", "777", NEW),
        ("C02", "011401533", "011401533/1234"),
        ("C03", "011401533   777", "011401533/777"),
        ("C06", "777                  22", NEW),
        ("C07", "011401533777              22", "011401533/777"),
    ],
)
def test_the_next_payment_to_the_old_details_is_refused_with_what_is_right(
    code: str, data: str, right: str
) -> None:
    books = corrected(code, data)
    assert "DETAILS_CORRECTED" in _refused(books, pay("ach", 100, OLD))
    assert right in books.state.settlement.transfers["t2"].reason
    assert books.of(SendPayment) == []
    books.request("t3", pay("ach", 100, right))
    assert len(books.of(SendPayment)) == 1


def test_it_holds_by_every_rail_and_in_both_directions() -> None:
    books = corrected()
    assert _refused(books, pay("wire", 100, OLD))
    wanted = LegWanted(kind="in", asset="USD", amount=100, scheme="pull", beneficiary=OLD)
    assert _refused(books, wanted, "t3")


def test_the_payment_that_it_was_told_of_goes_on() -> None:
    books = corrected()
    (leg,) = books.legs("t1")
    books.tell_accepted(leg.payment_id)
    books.line("L1", -500, "payment", leg.payment_id)
    books.wait(5 * DAY)
    assert leg.status == "settled"


def test_what_waited_for_people_fails_when_it_is_let_go() -> None:
    books = Books(alice=10_000)
    books.limit("release", "", 300)
    (leg,) = books.request("t1", pay("ach", 200, OLD))
    (waiting,) = books.request("t2", pay("ach", 400, OLD))
    told(books, leg)
    books.of(SendPayment)
    books.tell(TransferReleased, transfer_id="t2", approver="boss")
    books.tell(TransferScreened, transfer_id="t2", clear=True)
    assert books.of(SendPayment) == []
    assert (waiting.status, waiting.code) == ("failed", "DETAILS_CORRECTED")
    assert books.has("alice") == 9_800


def test_what_was_pulled_goes_back_to_where_it_came_from() -> None:
    """A later leg failed: the customer's money found its way from there."""
    books = Books(alice=10_000)
    first = pull("pull", 300, undo_scheme="wire")
    brought, out = books.request("t1", first, pay("wire", 10_200, "021000021/55"))
    told(books, brought)
    books.tell_accepted(brought.payment_id)
    books.line("L1", 300, "payment", brought.payment_id)
    books.wait(5 * DAY)
    books.of(SendPayment)
    books.tell(PaymentReported, account=BANK, payment_id=out.payment_id, status="rejected")
    (back,) = books.of(SendPayment)
    assert back.beneficiary == brought.beneficiary


def test_a_name_that_is_wrong_stops_nothing() -> None:
    books = corrected("C04", "A. Customer")
    books.request("t2", pay("ach", 100, OLD))
    assert len(books.of(SendPayment)) == 1


def test_what_was_right_already_is_no_correction_and_what_changes_again_is_the_newest() -> None:
    books = corrected()
    (leg,) = books.request("t2", pay("ach", 100, NEW))
    told(books, leg)  # it says what is so
    (leg,) = books.request("t3", pay("ach", 100, NEW))
    told(books, leg, corrected="1234")
    assert _refused(books, pay("ach", 100, NEW), "t4")
    books.of(SendPayment)
    books.request("t5", pay("ach", 100, OLD))
    assert len(books.of(SendPayment)) == 1
