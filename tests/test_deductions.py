"""Fees have a bound for each direction; what is more, and what is told otherwise, is a break."""

from typing import Any

import pytest

from core.effects import RaiseAlert
from core.rail_events import (
    AddressAssigned,
    ItemResolved,
    LegWanted,
    LineBooked,
    LinePart,
    PaymentReported,
    ReturnReported,
)
from core.settlement_state import ClosedItem
from tests.settling import BANK, HOUR, Books, pay, pull

GPI = {
    "scheme": "gpi",
    "kind": "out",
    "settled_by": "message",
    "settles_ns_max": HOUR,
    "fee_max": 25,
    "return_fee_max": 40,
    "incoming_fee_max": 30,
}


def of(**terms: Any) -> Books:
    books = Books(alice=1000)
    books.scheme(**{**GPI, **terms})
    return books


def line(books: Books, line_id: str, amount: int, *names: str, **more: Any) -> None:
    books.tell(
        LineBooked,
        account=BANK,
        line_id=line_id,
        asset="USD",
        amount=amount,
        booked_at=books.now,
        references=names,
        **more,
    )


def told(books: Books, payment_id: str, **more: Any) -> None:
    words = {"status": "accepted", **more}
    books.tell(PaymentReported, account=BANK, payment_id=payment_id, **words)


def closed(books: Books) -> list[ClosedItem]:
    return books.state.settlement.closed


@pytest.mark.parametrize(("fee", "is_fee"), [(25, True), (26, False)])
def test_a_deduction_that_the_line_states_is_a_fee_up_to_its_bound(
    fee: int,
    is_fee: bool,  # noqa: FBT001  # a column of the table
) -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -300 - fee, leg.payment_id, fee=fee)
    assert books.balance("transit/gpi/USD") == 0
    assert books.balance("fees/gpi/USD") == (fee if is_fee else 0)
    assert books.balance("suspense/bank/ops/USD") == (0 if is_fee else fee)
    sizes = {item.cause: item.size for item in books.state.settlement.items.values()}
    assert sizes == ({} if is_fee else {"amount": -fee})
    line(books, "L2", fee, leg.payment_id, kind="reversal")
    assert books.breaks() == {}
    assert (books.balance("fees/gpi/USD"), books.balance("suspense/bank/ops/USD")) == (0, 0)
    assert books.has("alice") == 700


@pytest.mark.parametrize(("fee", "is_fee"), [(20, True), (30, False)])
def test_a_status_that_states_a_large_deduction_does_not_widen_what_a_line_may_lack(
    fee: int,
    is_fee: bool,  # noqa: FBT001  # a column of the table
) -> None:
    books = of(kind="in")
    (leg,) = books.request("t1", pull("gpi", 300))
    told(books, leg.payment_id, fee=fee)
    line(books, "L1", 300 - fee, leg.payment_id)
    assert books.balance("fees/gpi/USD") == (fee if is_fee else 0)
    assert leg.due == (0 if is_fee else fee)
    causes = {item.cause for item in books.state.settlement.items.values()}
    assert causes == (set() if is_fee else {"overcharged", "short"})


def test_a_deduction_told_anew_within_its_bound_closes_its_break() -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    told(books, leg.payment_id, fee=26)
    assert books.breaks() == {leg.payment_id: "overcharged"}
    assert "26 were deducted, at most 25" in books.of(RaiseAlert)[-1].text
    told(books, leg.payment_id, fee=25)
    assert (books.breaks(), leg.fee) == ({}, 25)


@pytest.mark.parametrize(("kind", "back"), [("out", 260), ("in", -340)])
def test_what_is_kept_of_a_return_has_a_bound_of_its_own(kind: str, back: int) -> None:
    """40 may be kept of a return, or be added to a refund, where 25 may be kept of a payment."""
    books = of(kind=kind)
    (leg,) = books.request("t1", pay("gpi", 300) if kind == "out" else pull("gpi", 300))
    went = -300 if kind == "out" else 300
    line(books, "L1", went, leg.payment_id)
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="r1",
        payment_id=leg.payment_id,
        amount=abs(back),
        code="MD06",
        fee=40,
    )
    assert (leg.status, leg.returned) == ("returned", 300)
    line(books, "L2", back, leg.payment_id, kind="return")
    assert (books.balance("fees/gpi/USD"), books.balance("transit/gpi/USD")) == (40, 0)
    assert [cause for cause in books.breaks().values() if cause != "illegal_return"] == []


def test_what_is_kept_of_a_return_beyond_its_bound_is_short_until_it_comes() -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -300, leg.payment_id)
    line(books, "L2", 259, leg.payment_id, kind="return", fee=41)
    assert (books.breaks(), leg.coming_back) == ({leg.payment_id: "short"}, 41)
    line(books, "L3", 41, leg.payment_id, kind="reversal")
    assert (books.breaks(), leg.outstanding, books.balance("fees/gpi/USD")) == ({}, 0, 0)


@pytest.mark.parametrize(("fee", "broken"), [(30, False), (31, True)])
def test_what_is_kept_of_a_deposit_has_a_bound_too(
    fee: int,
    broken: bool,  # noqa: FBT001  # a column of the table
) -> None:
    books = of()
    books.tell(AddressAssigned, account=BANK, address="ref-7", customer="alice")
    line(books, "L1", 500 - fee, "ref-7", "E1", fee=fee)
    assert books.has("alice") == 1500 - fee
    assert books.breaks() == ({f"{BANK} L1": "overcharged"} if broken else {})
    line(books, "L2", fee, "ref-7", "E2")
    assert bool(books.breaks()) == broken, "another deposit of the same amount explains nothing"
    line(books, "L3", fee, "ref-7", "E1")
    assert books.breaks() == {}
    assert [item.size for item in closed(books)] == ([-fee] if broken else [])


def test_what_is_taken_out_of_a_batch_is_bounded_by_its_payments() -> None:
    for fee, taken in ((50, 50), (51, 0)):
        books = of()
        legs = [books.request(f"t{n}", pay("gpi", 100))[0] for n in range(2)]
        parts = [LinePart(-100, (leg.payment_id,)) for leg in legs]
        line(books, "L1", -200 - fee, fee=fee, parts=(*parts, LinePart(-fee, ())))
        assert books.balance("fees/bank/ops/USD") == taken
        assert list(books.breaks().values()) == ([] if taken else ["unknown_debit"])


@pytest.mark.parametrize("amount", [299, 310])
def test_an_amount_that_a_status_tells_otherwise_is_a_break_that_names_both(amount: int) -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    told(books, leg.payment_id, amount=amount)
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.size) == ("amount_told", amount - 300)
    assert item.detail == f"they tell {amount}, ours is 300"
    told(books, leg.payment_id, amount=300)
    assert books.breaks() == {}


def test_the_line_of_our_amount_or_the_end_of_the_payment_settles_what_was_told() -> None:
    books = of()
    (first,) = books.request("t1", pay("gpi", 300))
    (second,) = books.request("t2", pay("gpi", 300))
    for leg in (first, second):
        told(books, leg.payment_id, amount=310)
    line(books, "L1", -300, first.payment_id)
    books.tell(PaymentReported, account=BANK, payment_id=second.payment_id, status="rejected")
    assert books.breaks() == {}
    told(books, first.payment_id, amount=311)
    assert (books.breaks(), closed(books)[-1].size) == ({}, 11), "their record had shown it"


def test_an_amount_less_the_deduction_beside_it_is_ours() -> None:
    books = of()
    (leg,) = books.request("t1", LegWanted("out", "USD", 300, "gpi", "021000021/1234"))
    told(books, leg.payment_id, amount=280, fee=20)
    assert (books.breaks(), leg.fee) == ({}, 20)


def test_an_unstated_deduction_is_undone_with_its_line() -> None:
    """Booked less by what could be a fee, undone, and booked anew: no fee is left of it."""
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -310, leg.payment_id)
    assert books.balance("fees/gpi/USD") == 10
    line(books, "L2", 310, leg.payment_id, kind="reversal")
    assert (books.balance("fees/gpi/USD"), leg.due) == (0, -300)
    line(books, "L3", -300, leg.payment_id)
    assert (books.breaks(), books.balance("transit/gpi/USD"), leg.due) == ({}, 0, 0)


@pytest.mark.parametrize("order", ["as booked", "as overtaken"])
def test_a_line_that_could_be_a_fee_too_dear_is_put_right_in_any_order(order: str) -> None:
    """The right line may be told before the one that takes the wrong one back."""
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -310, leg.payment_id)
    assert books.balance("fees/gpi/USD") == 10
    rest = [("L2", 310, "reversal"), ("L3", -300, "payment")]
    for line_id, amount, kind in rest if order == "as booked" else reversed(rest):
        line(books, line_id, amount, leg.payment_id, kind=kind)
    assert (leg.due, leg.excess, books.breaks()) == (0, 0, {})
    assert (books.balance("fees/gpi/USD"), books.balance("transit/gpi/USD")) == (0, 0)
    assert books.balance("suspense/bank/ops/USD") == 0


@pytest.mark.parametrize(("kind", "went", "back"), [("out", -300, 270), ("in", 300, -330)])
def test_what_nobody_states_of_a_return_is_no_fee(kind: str, went: int, back: int) -> None:
    """Within the bound, and a break all the same; its message says what was kept, and ends it."""
    books = of(kind=kind)
    (leg,) = books.request("t1", pay("gpi", 300) if kind == "out" else pull("gpi", 300))
    line(books, "L1", went, leg.payment_id)
    line(books, "L2", back, leg.payment_id, kind="return")
    item = books.state.settlement.items[f"{leg.payment_id} {'short' if went < 0 else 'amount'}"]
    assert (item.size, books.balance("fees/gpi/USD")) == (-30, 0)
    told = {"account": BANK, "payment_id": leg.payment_id, "code": "MD06"}
    books.tell(ReturnReported, return_id="r1", amount=abs(back), fee=30, **told)
    causes = {cause for cause in books.breaks().values() if cause != "illegal_return"}
    assert (causes, leg.outstanding, leg.excess) == (set(), 0, 0)
    assert (books.balance("fees/gpi/USD"), books.balance("transit/gpi/USD")) == (30, 0)
    assert (leg.returned, books.balance(f"suspense/{BANK}/USD")) == (300, 0)


def test_what_was_stated_of_a_return_that_was_undone_explains_no_other() -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -300, leg.payment_id)
    back = {"account": BANK, "payment_id": leg.payment_id, "amount": 270, "fee": 30}
    books.tell(ReturnReported, return_id="r1", code="MD06", **back)
    books.tell(ReturnReported, return_id="r2", code="MD06", dishonours="R69", **back)
    line(books, "L2", 270, leg.payment_id, kind="return")
    assert (leg.coming_back, books.balance("fees/gpi/USD")) == (30, 0)
    assert "short" in books.breaks().values()


def test_what_people_place_says_what_was_kept_of_it() -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -300, leg.payment_id)
    back = {"account": BANK, "payment_id": "", "amount": 270, "fee": 30}
    books.tell(ReturnReported, return_id="r1", code="MD06", **back)
    books.tell(
        ItemResolved,
        resolution_id="x1",
        subject="r1",
        cause="unmatched_return",
        author="ann",
        approver="ben",
        reason="found",
        evidence="letter 7",
        payment_id=leg.payment_id,
    )
    line(books, "L2", 270, leg.payment_id, kind="return")
    assert (leg.returned, leg.outstanding, books.balance("fees/gpi/USD")) == (300, 0, 30)
    assert [cause for cause in books.breaks().values() if cause != "illegal_return"] == []


def test_a_charge_that_its_message_states_beyond_its_bound_ends_no_break() -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -300, leg.payment_id)
    line(books, "L2", 259, leg.payment_id, kind="return")
    told = {"account": BANK, "payment_id": leg.payment_id, "code": "MD06"}
    books.tell(ReturnReported, return_id="r1", amount=259, fee=41, **told)
    assert (leg.coming_back, books.balance("fees/gpi/USD")) == (41, 0)
    assert "short" in books.breaks().values()


@pytest.mark.parametrize("first", ["line", "message"])
@pytest.mark.parametrize("kind", ["out", "in"])
def test_a_part_that_comes_back_is_that_part_whichever_is_told_first(kind: str, first: str) -> None:
    books = of(kind=kind)
    (leg,) = books.request("t1", pay("gpi", 300) if kind == "out" else pull("gpi", 300))
    sign = 1 if kind == "out" else -1
    line(books, "L1", -sign * 300, leg.payment_id)
    if kind == "in":
        told(books, leg.payment_id, status="settled")
    back = {"account": BANK, "payment_id": leg.payment_id, "code": "MD06"}
    if first == "message":
        books.tell(ReturnReported, return_id="r1", amount=100, **back)
    line(books, "L2", sign * 100, leg.payment_id, kind="return")
    if first == "line":
        assert "short" in books.breaks().values()
        books.tell(ReturnReported, return_id="r1", amount=100, **back)
    assert (leg.returned, leg.outstanding, leg.untold) == (100, 0, 0)
    assert [cause for cause in books.breaks().values() if cause != "illegal_return"] == []
    has = 1000 - 200 if kind == "out" else 1000 + 300 - 100
    assert books.has("alice") - books.balance("receivable/alice/USD") == has


@pytest.mark.parametrize("fee", [0, 40])
def test_a_return_whose_line_is_told_first_is_one_return(fee: int) -> None:
    books = of()
    (leg,) = books.request("t1", pay("gpi", 300))
    line(books, "L1", -300, leg.payment_id)
    line(books, "L2", 300 - fee, leg.payment_id, kind="return", fee=fee)
    back = {"account": BANK, "payment_id": leg.payment_id, "code": "MD06", "fee": fee}
    books.tell(ReturnReported, return_id="r1", amount=300 - fee, **back)
    assert (leg.status, leg.returned, books.has("alice")) == ("returned", 300, 1000)
    assert [cause for cause in books.breaks().values() if cause != "illegal_return"] == []
    books.tell(ReturnReported, return_id="r2", amount=300 - fee, **back)
    assert "unmatched_return" in books.breaks().values()
