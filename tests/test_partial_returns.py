"""A pulled payment that comes back in parts: its rest may come back until its time is over."""

import pytest

from core import exposure
from core.rail_events import PaymentReported, ReturnReported
from core.settlement_state import Leg
from tests.settling import BANK, DAY, Books, pay, pull


def pulled(**opening: int) -> tuple[Books, Leg]:
    """Alice has pulled 300, and has it; it may come back for sixty days."""
    books = Books(**(opening or {"alice": 0}))
    books.limit("rail", "pull", 300)
    (leg,) = books.request("t1", pull("pull", 300))
    books.tell_accepted(leg.payment_id)
    books.line("L0", 300, "payment", leg.payment_id)
    books.wait(8 * DAY)
    assert (leg.status, leg.contingent) == ("settled", 300)
    return books, leg


def back(books: Books, leg: Leg, amount: int, name: str, **more: str) -> None:
    """A message says that so much of it came back."""
    books.tell(
        ReturnReported,
        account=BANK,
        return_id=name,
        payment_id=leg.payment_id,
        amount=amount,
        code="R10",
        **more,
    )


def counted(books: Books) -> tuple[int, int]:
    """What counts against the limit on its rail, and what of it is contingent."""
    return books.state.settlement.exposure["rail/pull/USD"], books.balance("contingent/pull/USD")


def test_what_did_not_come_back_stays_contingent_until_its_own_time_is_over() -> None:
    books, leg = pulled()
    back(books, leg, 100, "r1")
    books.line("L1", -100, "return", leg.payment_id)
    assert (books.breaks(), books.balance("receivable/alice/USD")) == ({}, 100)
    assert counted(books) == (300, 200)
    books.request("t2", pull("pull", 1))
    assert books.state.settlement.transfers["t2"].refusal == "OVER_LIMIT"
    books.wait(leg.revocable_until - books.now)
    assert counted(books) == (100, 0)
    books.request("t3", pull("pull", 200))
    assert books.state.settlement.transfers["t3"].refusal == ""


@pytest.mark.parametrize(("second", "fits"), [(200, True), (201, False)])
def test_a_second_part_is_bounded_by_the_rest(second: int, fits: bool) -> None:  # noqa: FBT001
    books, leg = pulled()
    back(books, leg, 100, "r1")
    back(books, leg, second, "r2")
    assert leg.returned == (300 if fits else 100)
    assert books.balance("receivable/alice/USD") == leg.returned
    assert counted(books) == (300, 300 - leg.returned)
    assert books.breaks() == ({} if fits else {leg.payment_id: "unmatched_return"})
    assert exposure.breaches(books.state) == []


def test_a_part_that_comes_back_later_than_the_rest_might_is_a_break() -> None:
    books, leg = pulled()
    back(books, leg, 100, "r1")
    books.wait(70 * DAY)
    back(books, leg, 200, "r2")
    assert books.breaks()[leg.payment_id] == "illegal_return"


def test_an_undone_return_of_a_part_leaves_the_whole_contingent() -> None:
    """It may come back once more; nobody of ours let that go, and it takes room all the same."""
    books, leg = pulled()
    back(books, leg, 100, "r1")
    back(books, leg, 100, "r2", dishonours="R69")
    assert (leg.status, leg.returned, counted(books)) == ("settled", 0, (300, 300))
    assert books.balance("receivable/alice/USD") == 0
    books.wait(leg.revocable_until - books.now)
    assert counted(books) == (0, 0)


def test_a_dishonoured_return_is_contingent_again_and_passive() -> None:
    """Of what was paid out, nothing counted while it was back; now it may come back again."""
    books = Books(alice=300)
    books.limit("rail", "ach", 300)
    (leg,) = books.request("t1", pay("ach", 300))
    books.tell_accepted(leg.payment_id)
    books.line("L0", -300, "payment", leg.payment_id)
    books.wait(4 * DAY)
    assert (leg.status, leg.contingent, leg.exposed) == ("settled", 300, 300)
    back(books, leg, 300, "r1")
    assert (leg.contingent, leg.exposed) == (0, 0)
    back(books, leg, 300, "r2", dishonours="R69")
    assert (leg.status, leg.contingent, leg.exposed, leg.passive) == ("settled", 300, 300, 300)
    assert books.balance("contingent/ach/USD") == 300
    assert books.seen_by_customer("t1") == "completed_returnable"
    books.wait(70 * DAY)
    assert (leg.contingent, leg.exposed, books.seen_by_customer("t1")) == (0, 0, "completed")


def test_a_return_before_settlement_that_is_dishonoured_is_in_flight_and_exposed_again() -> None:
    books = Books(alice=300)
    (leg,) = books.request("t1", pay("ach", 300))
    books.tell_accepted(leg.payment_id)
    back(books, leg, 300, "r1")
    assert (leg.status, leg.exposed) == ("returned", 0)
    back(books, leg, 300, "r2", dishonours="R69")
    assert (leg.status, leg.exposed, leg.contingent) == ("in_flight", 300, 0)
    books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status="accepted")
    assert books.seen_by_customer("t1") == "pending"
