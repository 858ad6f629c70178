"""Transfers through three ledgers: what is told moves them, and nothing else does."""

from itertools import permutations

import pytest

from core import ledger
from core.effects import RaiseAlert
from core.events import AccountOpened, NodeStarted
from core.rail_effects import QueryPayment, ScreenTransfer, SendPayment, TellCustomer
from core.rail_events import (
    ChangeNotified,
    LegWanted,
    LineBooked,
    LineKind,
    LinePart,
    PaymentMissing,
    PaymentReported,
    ReturnReported,
    SuspenseResolved,
    TransferCancelled,
    TransferReleased,
    TransferScreened,
    Within,
)
from core.settlement_state import Leg
from tests.settling import BANK, DAY, HOUR, SECOND, Books, change, pay, pull


def settled(books: Books, payment_id: str) -> None:
    books.tell(PaymentReported, account=BANK, payment_id=payment_id, status="settled")


def booked(books: Books, leg: Leg) -> None:
    """The bank accepts it, and books its line at once."""
    accepted(books, leg.payment_id)
    amount = leg.amount if leg.kind == "in" else -leg.amount
    books.line(f"line of {leg.payment_id}", amount, "payment", leg.payment_id)


def accepted(books: Books, payment_id: str, **more: str) -> None:
    books.tell(PaymentReported, account=BANK, payment_id=payment_id, status="accepted", **more)


def test_a_wire_goes_through_three_ledgers() -> None:
    """Sent: from the customer to transit. Settled by a message. The line moves the nostro."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    assert [each.payment_id for each in books.of(SendPayment)] == [leg.payment_id]
    assert (books.has("alice"), books.balance("transit/wire/USD")) == (700, -300)
    assert books.seen_by_customer("t1") == "pending"
    settled(books, leg.payment_id)
    assert books.seen_by_customer("t1") == "completed"
    assert books.balance("nostro/bank/ops/USD") == 1000
    books.line("L1", -300, "payment", leg.payment_id)
    assert books.balance("nostro/bank/ops/USD") == 700
    assert books.balance("transit/wire/USD") == 0
    assert not books.state.settlement.open_legs


def test_a_held_amount_is_not_available_and_still_posted() -> None:
    """R1: the sum of holds cannot exceed the balance: the hold fails."""
    books = Books(alice=1000)
    books.limit("release", "", 100)
    books.request("t1", pay("wire", 700))
    assert books.has("alice") == 1000
    books.request("t2", pay("wire", 301))
    assert books.state.settlement.transfers["t2"].refusal == "NO_FUNDS"
    books.request("t3", pay("wire", 300))
    assert not books.state.settlement.transfers["t3"].refusal


def test_silence_settles_only_once_the_record_was_read_after_the_deadline() -> None:
    """ACH sends no confirmation: day 2, opening of business, and a complete read after it."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    books.wait(leg.silent_until - books.now)
    assert leg.status == "in_flight"
    books.wait(2)
    assert leg.status == "settled"
    assert books.seen_by_customer("t1") == "completed_returnable"
    books.wait(61 * DAY)
    assert books.seen_by_customer("t1") == "completed"


def test_silence_does_not_settle_while_the_record_cannot_be_read() -> None:
    """An outage of the confirmation path would hide a return, whatever is told meanwhile."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    books.wait(HOUR)
    books.read_to_the_end = lambda: None  # type: ignore[method-assign]
    books.wait(10 * DAY)
    accepted(books, leg.payment_id)
    assert leg.status == "in_flight"


def test_silence_settles_nothing_of_which_its_bank_was_not_asked() -> None:
    """Who does not say makes it late, and its next word settles it."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    books.mute = True
    books.wait(10 * DAY)
    assert {each.payment_id for each in books.of(QueryPayment)} == {leg.payment_id}
    assert (leg.status, books.breaks()) == ("in_flight", {leg.payment_id: "late"})
    accepted(books, leg.payment_id)
    assert (leg.status, books.breaks()) == ("settled", {})


def test_what_was_refused_unheard_and_booked_in_error_fails_when_it_is_asked_for() -> None:
    """The refusal was told to nobody, and the bank books its line all the same, for some days."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    books.mute = True
    books.wait(leg.silent_until + HOUR - books.now)
    assert books.of(QueryPayment)
    books.tell_rejected(leg.payment_id)
    assert (leg.status, books.has("alice")) == ("failed", 1000)
    assert books.breaks() == {leg.payment_id: "after_the_end"}
    books.line("L2", 300, "reversal", leg.payment_id)
    assert (books.breaks(), books.balance("suspense/bank/ops/USD")) == ({}, 0)


def test_a_return_after_settlement_gives_back_and_is_never_pending_again() -> None:
    """R7: an ACH return after success: returned, credited, and the money expected back."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    accepted(books, leg.payment_id)
    books.line("L1", -300, "payment", leg.payment_id)
    books.wait(10 * DAY)
    assert leg.status == "settled"
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="x1",
        payment_id=leg.payment_id,
        amount=300,
        code="R10",
    )
    assert books.seen_by_customer("t1") == "returned"
    assert (books.has("alice"), books.balance("transit/ach/USD")) == (1000, 300)
    books.line("L2", 300, "return", leg.payment_id)
    assert (books.balance("transit/ach/USD"), books.breaks()) == (0, {})


def test_a_returned_debit_books_what_the_customer_owes() -> None:
    """Pulled, credited, spent and returned: a receivable that refers to the old payment."""
    books = Books(alice=0)
    (leg,) = books.request("t1", pull("pull", 300))
    accepted(books, leg.payment_id)
    assert books.has("alice") == 0
    books.line("L1", 300, "payment", leg.payment_id)
    books.wait(8 * DAY)
    assert (leg.status, books.has("alice")) == ("settled", 300)
    (out,) = books.request("t2", pay("wire", 300))
    settled(books, out.payment_id)
    books.line("L2", -300, "return", leg.payment_id)
    assert books.seen_by_customer("t1") == "returned"
    assert books.balance("receivable/alice/USD") == 300
    assert (books.has("alice"), books.breaks()) == (0, {})


def test_an_illegal_return_is_booked_and_is_a_break() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    accepted(books, leg.payment_id)
    books.line("L1", -300, "payment", leg.payment_id)
    books.wait(70 * DAY)
    assert books.seen_by_customer("t1") == "completed"
    books.line("L2", 300, "return", leg.payment_id)
    assert books.breaks() == {leg.payment_id: "illegal_return"}


def test_the_same_id_is_an_echo_and_another_body_an_error() -> None:
    books = Books(alice=1000)
    books.request("t1", pay("wire", 300))
    books.request("t1", pay("wire", 300))
    assert books.state.counts["transfers_echo"] == 1
    books.request("t1", pay("wire", 301))
    assert books.state.counts["refused/ID_REUSED"] == 1
    assert len(books.of(SendPayment)) == 1


@pytest.mark.parametrize(
    ("customer", "legs", "what"),
    [
        ("alice", (pay("wire", 301),), "another amount of leg 0:"),
        ("alice", (pay("ach", 300, memo="x"),), "another scheme of leg 0, memo of leg 0:"),
        ("alice", (pay("wire", 300), pay("wire", 1)), "another number of legs:"),
        ("bob", (pay("wire", 300),), "another customer:"),
        ("bob", (pay("wire", 300, to="021000021/9"),), "another customer, beneficiary of leg 0:"),
    ],
)
def test_an_id_that_is_used_again_is_an_error_that_names_what_differs(
    customer: str, legs: tuple[LegWanted, ...], what: str
) -> None:
    """Another customer hears that the id was used, and nothing of the payment that has it."""
    books = Books(alice=1000, bob=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.of(TellCustomer)
    books.request("t1", *legs, customer=customer)
    (alert,) = books.of(RaiseAlert)
    assert what in alert.text
    told = [(each.customer, each.status) for each in books.of(TellCustomer)]
    assert told == ([("bob", "refused")] if customer == "bob" else [])
    assert len(books.of(SendPayment)) == 1
    assert books.legs("t1") == [leg]


def test_a_payment_without_an_answer_is_asked_for_and_never_sent_under_another_id() -> None:
    """A timeout: unknown, queried; sent again under its own id once they say they have none."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    first = books.of(SendPayment)
    books.wait(31 * SECOND)
    assert leg.status == "unknown"
    assert [each.payment_id for each in books.of(QueryPayment)] == [leg.payment_id]
    books.tell(PaymentMissing, account=BANK, payment_id=leg.payment_id, asked_at=books.now - SECOND)
    assert [each.payment_id for each in books.of(SendPayment)] == [first[0].payment_id]
    settled(books, leg.payment_id)
    assert books.seen_by_customer("t1") == "completed"


def test_a_no_may_overtake_the_instruction_that_it_is_about() -> None:
    """However soon the scheme answers: a request may be under way for as long as it times out."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.of(SendPayment)
    books.wait(29 * SECOND)
    words = {"account": BANK, "payment_id": leg.payment_id}
    books.tell(PaymentMissing, asked_at=books.now, **words)
    assert books.of(SendPayment) == []
    books.wait(SECOND)
    books.tell(PaymentMissing, asked_at=books.now, **words)
    assert [each.payment_id for each in books.of(SendPayment)] == [leg.payment_id]


def test_after_a_restart_what_was_not_answered_is_asked_for_and_not_sent() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.of(SendPayment)
    books.tell(NodeStarted, node="t", epoch=2)
    assert books.of(SendPayment) == []
    assert [each.payment_id for each in books.of(QueryPayment)] == [leg.payment_id]
    (other,) = books.request("t2", pay("wire", 300))
    assert other.payment_id != leg.payment_id


def test_a_late_payment_is_a_break_that_closes_itself() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    accepted(books, leg.payment_id)
    books.wait(2 * HOUR)
    assert books.breaks() == {leg.payment_id: "late"}
    settled(books, leg.payment_id)
    assert books.breaks() == {}
    assert books.state.settlement.closed[0].resolution == "settled"


def test_a_rejected_payment_gives_back_what_it_took() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.tell(
        PaymentReported, account=BANK, payment_id=leg.payment_id, status="rejected", code="AC04"
    )
    assert (books.has("alice"), books.seen_by_customer("t1")) == (1000, "failed")
    assert not any(books.state.settlement.exposure.values())


def test_value_that_moves_after_the_end_is_a_break_and_no_revival() -> None:
    """R3: the payment arrives after it was void."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status="rejected")
    books.line("L1", -300, "payment", leg.payment_id)
    assert leg.status == "failed"
    assert books.breaks() == {leg.payment_id: "after_the_end"}
    assert books.balance("suspense/bank/ops/USD") == 300
    books.line("L2", 300, "reversal", leg.payment_id)
    assert (leg.status, books.breaks()) == ("failed", {})
    assert books.balance("suspense/bank/ops/USD") == 0


def test_a_resolution_happens_once() -> None:
    """R2: a rejected payment cannot settle, a void does not work twice."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    for status in ("rejected", "rejected", "settled", "rejected"):
        books.tell(PaymentReported, account=BANK, payment_id=leg.payment_id, status=status)
    assert (leg.status, books.has("alice")) == ("failed", 1000)


def test_a_line_told_twice_is_an_echo_and_identical_lines_are_two() -> None:
    """R4, R10: one id is one line; what is alike in all but its id is another."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    for _ in range(3):
        books.line("L1", -300, "payment", leg.payment_id)
    assert books.balance("nostro/bank/ops/USD") == 700
    books.line("L2", -300, "payment", leg.payment_id)
    assert books.balance("nostro/bank/ops/USD") == 400
    assert books.breaks() == {leg.payment_id: "duplicate"}
    books.line("L3", 300, "reversal", leg.payment_id)
    assert books.breaks() == {}
    assert books.balance("suspense/bank/ops/USD") == 0


@pytest.mark.parametrize("told", [-290, -310])
def test_a_wrong_amount_is_a_signed_break_until_it_is_corrected(told: int) -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.line("L1", told, "payment", leg.payment_id)
    (item,) = books.state.settlement.items.values()
    assert (item.subject, item.size) == (leg.payment_id, told + 300)
    assert item.cause == ("short" if told > -300 else "amount")
    books.line("L2", -300 - told, "payment", leg.payment_id)
    assert books.breaks() == {}
    assert (books.balance("suspense/bank/ops/USD"), books.balance("transit/wire/USD")) == (0, 0)


def test_a_deduction_within_what_the_scheme_allows_is_a_fee() -> None:
    books = Books(alice=0)
    books.scheme(scheme="gpi", kind="in", settled_by="message", settles_ns_max=HOUR, fee_max=25)
    (leg,) = books.request("t1", pull("gpi", 300))
    books.line("L1", 280, "payment", leg.payment_id)
    assert (books.breaks(), books.balance("fees/gpi/USD")) == ({}, 20)


def test_money_without_an_intent_lies_in_suspense_until_two_people_say_whose_it_is() -> None:
    books = Books(alice=0)
    books.line("L9", 500)
    assert books.breaks() == {f"{BANK} L9": "unattributed"}
    words = {"account": BANK, "line_id": "L9", "customer": "alice", "reason": "called them"}
    books.tell(SuspenseResolved, resolution_id="r1", author="ann", approver="ann", **words)
    assert books.has("alice") == 0
    books.tell(SuspenseResolved, resolution_id="r1", author="ann", approver="bob", **words)
    assert (books.has("alice"), books.breaks()) == (500, {})


def test_a_batch_is_consumed_by_its_declared_key_and_exact_sum() -> None:
    books = Books(alice=1000)
    legs = [books.request(f"t{n}", pay("ach", 100 + n))[0] for n in range(3)]
    for leg in legs:
        accepted(books, leg.payment_id, batch="B7")
    books.line("L1", -303, "payment", "B7")
    assert (books.balance("transit/ach/USD"), books.breaks()) == (0, {})


def test_a_batch_that_does_not_add_up_is_a_break() -> None:
    books = Books(alice=1000)
    legs = [books.request(f"t{n}", pay("ach", 100))[0] for n in range(2)]
    for leg in legs:
        accepted(books, leg.payment_id, batch="B7")
    books.line("L1", -201, "payment", "B7")
    assert books.breaks() == {f"{BANK} L1": "unknown_debit"}


def test_a_line_without_parts_may_name_each_payment_of_its_batch_by_our_own_ids() -> None:
    books = Books(alice=1000)
    legs = [books.request(f"t{n}", pay("ach", 100 + n))[0] for n in range(3)]
    names = [each for leg in legs for each in (leg.payment_id, leg.memo)]
    books.line("L1", -303, "payment", "B7", *names)
    assert [leg.due for leg in legs] == [0, 0, 0]
    assert (books.balance("transit/ach/USD"), books.breaks()) == (0, {})


def test_a_memo_that_names_another_payment_makes_no_batch() -> None:
    books = Books(alice=1000)
    (other,) = books.request("t1", pay("ach", 100))
    (leg,) = books.request("t2", pay("ach", 200, memo=other.payment_id))
    books.line("L1", -200, "payment", leg.payment_id, other.payment_id)
    assert (leg.due, other.due, books.breaks()) == (0, -100, {})


@pytest.mark.parametrize("first", ["payment", "reversal"])
def test_a_batch_with_a_wrong_sum_leaves_suspense_with_its_reversal(first: str) -> None:
    """Whichever of the two was told first; what is booked anew is the batch's."""
    books = Books(alice=1000)
    legs = [books.request(f"t{n}", pay("ach", 100))[0] for n in range(2)]
    for leg in legs:
        accepted(books, leg.payment_id, batch="B7")
    wrong, undone = ("L1", -201, "payment", "B7"), ("L2", 201, "reversal", "B7")
    for line in (wrong, undone) if first == "payment" else (undone, wrong):
        books.line(*line)  # type: ignore[arg-type]  # kinds are Literals
    assert (books.breaks(), books.state.settlement.suspense) == ({}, {})
    assert books.balance("suspense/bank/ops/USD") == 0
    books.line("L3", -200, "payment", "B7")
    assert (books.balance("transit/ach/USD"), books.breaks()) == (0, {})


@pytest.mark.parametrize(
    ("amount", "kind", "reference"),
    [(200, "reversal", "B7"), (201, "payment", "B7"), (201, "reversal", "B8")],
)
def test_what_is_no_reversal_of_a_line_in_suspense_lies_beside_it(
    amount: int, kind: str, reference: str
) -> None:
    books = Books(alice=1000)
    books.line("L1", -201, "payment", "B7")
    books.line("L2", amount, kind, reference)  # type: ignore[arg-type]  # kinds are Literals
    assert list(books.breaks()) == [f"{BANK} L1", f"{BANK} L2"]


def test_a_line_that_is_undone_takes_its_deduction_with_it() -> None:
    books = Books(alice=1000)
    books.scheme(scheme="gpi", kind="out", settled_by="message", settles_ns_max=HOUR, fee_max=25)
    (leg,) = books.request("t1", pay("gpi", 300))
    books.line("L1", -320, "payment", leg.payment_id)
    assert books.balance("fees/gpi/USD") == 20
    books.line("L2", 320, "reversal", leg.payment_id)
    assert (books.balance("fees/gpi/USD"), books.balance("transit/gpi/USD")) == (0, -300)
    books.line("L3", -300, "payment", leg.payment_id)
    assert (books.breaks(), books.balance("transit/gpi/USD")) == ({}, 0)
    assert books.balance("suspense/bank/ops/USD") == 0


def test_a_deduction_goes_with_its_line_though_the_payment_came_back_meanwhile() -> None:
    """What could be a fee was a mistake: undone, and booked anew, after the return."""
    books = Books(alice=1000)
    back = (Within(days=10, until_ns=DAY),)
    terms = {"settled_by": "message", "settles_ns_max": HOUR, "fee_max": 25, "returns": back}
    books.scheme(scheme="gpi", kind="out", **terms)
    (leg,) = books.request("t1", pay("gpi", 300))
    books.line("L1", -320, "payment", leg.payment_id)
    settled(books, leg.payment_id)
    books.line("L2", 300, "return", leg.payment_id)
    assert (leg.status, books.balance("fees/gpi/USD")) == ("returned", 20)
    books.line("L3", 320, "reversal", leg.payment_id)
    assert (books.balance("fees/gpi/USD"), leg.due) == (0, -300)
    books.line("L4", -300, "payment", leg.payment_id)
    assert (books.breaks(), leg.outstanding, leg.excess) == ({}, 0, 0)
    assert (books.balance("transit/gpi/USD"), books.has("alice")) == (0, 1000)


def test_limits_count_holds_and_what_is_returnable() -> None:
    """In flight plus contingent never exceeds a limit; the room comes back when it is over."""
    books = Books(alice=10_000)
    books.limit("rail", "ach", 500)
    (leg,) = books.request("t1", pay("ach", 300))
    accepted(books, leg.payment_id)
    books.line("L1", -300, "payment", leg.payment_id)
    books.request("t2", pay("ach", 201))
    assert books.state.settlement.transfers["t2"].refusal == "OVER_LIMIT"
    assert "at most 200 USD" in books.state.settlement.transfers["t2"].reason
    books.wait(20 * DAY)
    assert leg.status == "settled"
    books.request("t3", pay("ach", 201))
    assert books.state.settlement.transfers["t3"].refusal == "OVER_LIMIT"
    books.wait(60 * DAY)
    books.request("t4", pay("ach", 201))
    assert not books.state.settlement.transfers["t4"].refusal


def test_above_the_bound_two_people_and_a_clear_screening() -> None:
    books = Books(alice=1000)
    books.limit("release", "", 500)
    (leg,) = books.request("t1", pay("wire", 501))
    assert len(books.of(ScreenTransfer)) == 1
    books.tell(TransferReleased, transfer_id="t1", approver="clerk")
    books.tell(TransferScreened, transfer_id="t1", clear=True)
    assert books.of(SendPayment) == []
    books.tell(TransferReleased, transfer_id="t1", approver="boss")
    assert [each.payment_id for each in books.of(SendPayment)] == [leg.payment_id]


def test_a_screening_hit_ends_it() -> None:
    books = Books(alice=1000)
    books.limit("release", "", 500)
    books.request("t1", pay("wire", 501))
    books.tell(TransferReleased, transfer_id="t1", approver="boss")
    books.tell(TransferScreened, transfer_id="t1", clear=False)
    assert (books.of(SendPayment), books.has("alice")) == ([], 1000)
    assert books.seen_by_customer("t1") == "cancelled"
    assert books.balance("held/alice/USD") == 0


def test_what_is_on_its_way_cannot_be_cancelled() -> None:
    books = Books(alice=1000)
    books.request("t1", pay("wire", 300))
    books.tell(TransferCancelled, transfer_id="t1", by="alice")
    assert books.seen_by_customer("t1") == "pending"
    assert any("cannot be cancelled" in each.text for each in books.of(RaiseAlert))


def test_legs_follow_one_another_and_exchange_through_a_position() -> None:
    books = Books(alice=0)
    books.scheme(scheme="sct", kind="out", asset="EUR", settled_by="message", settles_ns_max=HOUR)
    euro = LegWanted(kind="out", asset="EUR", amount=270, scheme="sct", beneficiary="x")
    books.quote("q1", books.now + 30 * DAY)
    legs = books.request("t1", pull("pull", 300), change("q1", 300, 270), euro)
    booked(books, legs[0])
    assert [leg.status for leg in legs] == ["in_flight", "validated", "validated"]
    books.wait(8 * DAY)
    assert [leg.status for leg in legs] == ["settled", "settled", "unknown"]  # nobody answered it
    of_pair = [books.balance(f"exchange/EUR-USD/{asset}") for asset in ("USD", "EUR")]
    assert of_pair == [-300, 270]


def test_a_later_leg_waits_until_an_earlier_one_cannot_come_back() -> None:
    books = Books(alice=0)
    legs = books.request("t1", pull("pull", 300, waits_for="irrevocable"), pay("wire", 300))
    booked(books, legs[0])
    books.wait(20 * DAY)
    assert [leg.status for leg in legs] == ["settled", "validated"]
    books.wait(60 * DAY)
    assert [leg.status for leg in legs] == ["settled", "unknown"]  # sent, and nobody answered


def test_an_expired_rate_fails_and_what_was_pulled_goes_back_the_way_it_was_told() -> None:
    books = Books(alice=0)
    books.quote("q1", books.now + SECOND)
    legs = books.request("t1", pull("pull", 300, undo_scheme="wire"), change("q1", 300, 270))
    booked(books, legs[0])
    books.wait(8 * DAY)
    back = books.legs("t1")[2]
    assert (legs[1].status, back.kind, back.status) == ("failed", "out", "unknown")
    assert back.beneficiary == legs[0].beneficiary
    settled(books, back.payment_id)
    assert (books.has("alice"), books.seen_by_customer("t1")) == (0, "failed")


def test_a_return_before_the_next_leg_went_stops_it() -> None:
    books = Books(alice=0)
    legs = books.request("t1", pull("pull", 300), pay("wire", 300))
    accepted(books, legs[0].payment_id)
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="x",
        payment_id=legs[0].payment_id,
        amount=300,
        code="R01",
    )
    assert [leg.status for leg in legs] == ["returned", "cancelled"]
    assert (books.has("alice"), books.balance("unsettled/alice/USD")) == (0, 0)
    assert not any(books.state.settlement.exposure.values())


def test_the_third_party_failed_after_value_had_left() -> None:
    """R12: neither paid nor failed: a break at once, until the value comes back."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.tell(
        PaymentReported,
        account=BANK,
        payment_id=leg.payment_id,
        status="held",
        moved=True,
        code="COMPLETED_BUT_3RD_PARTY_FAILED",
    )
    books.line("L1", -300, "payment", leg.payment_id)
    assert (books.seen_by_customer("t1"), books.has("alice")) == ("pending", 700)
    assert books.breaks() == {leg.payment_id: "third_party_failed"}
    books.line("L2", 300, "return", leg.payment_id)
    assert (books.seen_by_customer("t1"), books.has("alice")) == ("returned", 1000)
    assert books.breaks() == {}


def test_what_is_named_is_named_once_however_often_it_is_told() -> None:
    """Past its deadline it is asked for and told again; one break with one proof stands for all."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    for frame in range(1, 5):
        books.tell(
            PaymentReported,
            account=BANK,
            payment_id=leg.payment_id,
            status="held",
            moved=True,
            code="COMPLETED_BUT_3RD_PARTY_FAILED",
            frame=frame,
        )
        books.wait(2 * HOUR)
    (item,) = books.state.settlement.items.values()
    assert (item.cause, list(item.evidence)) == ("third_party_failed", [1])
    assert not books.state.settlement.closed
    assert books.of(QueryPayment)


def test_a_customer_hears_each_status_once() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    for _ in range(3):
        accepted(books, leg.payment_id)
        settled(books, leg.payment_id)
    assert [each.status for each in books.of(TellCustomer)] == ["pending", "completed"]


REFUSED = [
    ("BAD_AMOUNT", pay("wire", 0)),
    ("BAD_AMOUNT", pay("wire", -5)),
    ("UNKNOWN_ASSET", LegWanted(kind="out", asset="XYZ", amount=5, scheme="wire")),
    ("UNKNOWN_SCHEME", pay("pigeon", 5)),
    ("WRONG_SCHEME", pay("pull", 5)),
    ("WRONG_SCHEME", LegWanted(kind="out", asset="EUR", amount=5, scheme="wire")),
    ("BAD_EXCHANGE", LegWanted(kind="exchange", asset="USD", amount=5, buys="USD", buys_amount=5)),
    ("BAD_EXCHANGE", change("q1", 5, 5, expires_at=1)),
    ("UNKNOWN_QUOTE", change("q1", 5, 5)),
    ("NO_FUNDS", pay("wire", 1001)),
]


@pytest.mark.parametrize(("code", "leg"), REFUSED)
def test_a_refusal_has_its_code_and_posts_nothing(code: str, leg: LegWanted) -> None:
    books = Books(alice=1000)
    before = dict(books.state.settlement.ledger)
    books.request("t1", leg)
    assert books.state.settlement.transfers["t1"].refusal == code
    assert {k: v for k, v in books.state.settlement.ledger.items() if v} == before
    assert books.seen_by_customer("t1") == "refused"


def test_silence_does_not_settle_what_was_never_booked() -> None:
    """A refusal that nobody heard looks like silence: it is asked for."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    accepted(books, leg.payment_id)
    books.wait(10 * DAY)
    assert leg.status == "in_flight"
    assert books.of(QueryPayment)
    assert books.breaks() == {leg.payment_id: "late"}


def test_what_is_settled_and_never_booked_is_a_break() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    settled(books, leg.payment_id)
    books.wait(5 * HOUR)
    assert books.breaks() == {leg.payment_id: "line_missing"}
    books.line("L1", -300, "payment", leg.payment_id)
    assert books.breaks() == {}


@pytest.mark.parametrize("told", [-290, -310])
def test_a_line_that_is_undone_and_booked_anew_is_no_return(told: int) -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    settled(books, leg.payment_id)
    books.line("L1", told, "payment", leg.payment_id)
    books.line("L2", -told, "reversal", leg.payment_id)
    assert (leg.status, books.balance("transit/wire/USD")) == ("settled", -300)
    books.line("L3", -300, "payment", leg.payment_id)
    assert (books.breaks(), books.balance("transit/wire/USD")) == ({}, 0)
    assert books.balance("suspense/bank/ops/USD") == 0


def test_a_return_before_settlement_that_is_dishonoured_leaves_it_in_flight() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    words = {"account": BANK, "payment_id": leg.payment_id, "amount": 300, "code": "R01"}
    books.tell(ReturnReported, return_id="x", **words)
    assert books.seen_by_customer("t1") == "returned"
    books.tell(ReturnReported, return_id="y", dishonours="x", **words)
    assert (leg.status, books.has("alice")) == ("in_flight", 700)
    books.wait(10 * DAY)
    assert leg.status == "settled"


def came_back(books: Books, leg: Leg, return_id: str, dishonours: str = "") -> None:
    """The message of a return of the whole, or the one that undoes it."""
    books.tell(
        ReturnReported,
        account=BANK,
        return_id=return_id,
        payment_id=leg.payment_id,
        amount=leg.amount,
        code="R01",
        dishonours=dishonours,
    )


LINES: dict[str, tuple[LineKind, int]] = {
    "L1": ("payment", 1),
    "L2": ("return", -1),
    "L3": ("reversal", 1),
}


def _as_told(order: tuple[str, ...]) -> bool:
    """Messages come in their order; lines are lost and read again in any."""
    return "Y" not in order or order.index("R") < order.index("Y")


@pytest.mark.parametrize("told", ["line message", "message line", "line"])
def test_a_dishonour_is_shown_by_its_line_or_its_message(told: str) -> None:
    """Whichever comes first says it; the other is evidence, and a message may be lost."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    came_back(books, leg, "x")
    books.line("L2", 300, "return", leg.payment_id)
    for each in told.split():
        if each == "line":
            books.line("L3", -300, "reversal", leg.payment_id)
        else:
            came_back(books, leg, "y", dishonours="x")
        assert (leg.status, books.breaks(), books.has("alice")) == ("in_flight", {}, 700)
    assert (leg.outstanding, leg.excess, books.balance("suspense/bank/ops/USD")) == (0, 0, 0)


def test_a_dishonour_that_is_shown_by_its_line_undoes_no_later_return_by_its_message() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    came_back(books, leg, "x")
    books.line("L2", 300, "return", leg.payment_id)
    books.line("L3", -300, "reversal", leg.payment_id)
    came_back(books, leg, "z")
    came_back(books, leg, "y", dishonours="x")
    assert (leg.status, books.has("alice")) == ("returned", 1000)
    came_back(books, leg, "w", dishonours="z")
    assert (leg.status, books.has("alice")) == ("in_flight", 700)


def test_what_people_disposed_of_undoes_no_return() -> None:
    """What lies there later is another line, though of the same amount."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    books.line("L3", -300, "reversal", leg.payment_id)
    books.tell(
        SuspenseResolved,
        resolution_id="r1",
        account=BANK,
        line_id=leg.payment_id,
        customer="",
        author="ann",
        approver="ben",
        reason="nobody knows",
    )
    books.line("L1", -300, "payment", leg.payment_id)
    books.line("L2", 300, "return", leg.payment_id)
    assert (leg.status, books.breaks()) == ("returned", {leg.payment_id: "duplicate"})


TOLD = (("L1", "L2", "L3"), ("L1", "R", "L2", "L3"), ("L1", "R", "L2", "Y", "L3"))
ORDERS = [order for told in TOLD for order in permutations(told) if _as_told(order)]


@pytest.mark.parametrize(("wanted", "way"), [(pay("ach", 300), -300), (pull("pull", 300), 300)])
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_in_whatever_order_a_dishonoured_return_is_heard_the_payment_stands(
    order: tuple[str, ...], wanted: LegWanted, way: int
) -> None:
    """Its line, then the return and the dishonour, each by its line, and by its message or not."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", wanted)
    accepted(books, leg.payment_id)
    for each in order:
        match each:
            case "R":
                came_back(books, leg, "x")
            case "Y":
                came_back(books, leg, "y", dishonours="x")
            case _:
                kind, sign = LINES[each]
                books.line(each, sign * way, kind, leg.payment_id)
    assert leg.status == "in_flight"
    assert (books.breaks(), leg.outstanding, leg.excess) == ({}, 0, 0)
    assert books.balance("suspense/bank/ops/USD") == 0
    books.wait(10 * DAY)
    assert (leg.status, books.has("alice")) == ("settled", 1000 + way)


@pytest.mark.parametrize("line_first", [True, False])
def test_payments_that_share_the_reference_of_a_line_are_its_batch(
    line_first: bool,  # noqa: FBT001  # a case
) -> None:
    """The bank names its line in the status of each payment, before or after it tells the line."""
    books = Books(alice=1000)
    legs = [books.request(f"t{n}", pay("ach", 100 + n))[0] for n in range(2)]
    if line_first:
        books.line("L9", -201)
        assert books.breaks() == {f"{BANK} L9": "unknown_debit"}
    for leg in legs:
        accepted(books, leg.payment_id, reference="L9", batch=f"file of {leg.payment_id}")
    if not line_first:
        books.line("L9", -201)
    assert (books.balance("transit/ach/USD"), books.breaks()) == (0, {})


# --- what a hostile reader found -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("legs", "refused"),
    [
        ((pay("wire", 600), pay("ach", 400)), ""),
        ((pay("wire", 600), pay("ach", 401)), "NO_FUNDS"),
        ((pay("wire", 1000), pay("ach", 1)), "NO_FUNDS"),
        ((pull("pull", 200), pay("wire", 1200)), ""),
        ((pull("pull", 200), pay("wire", 700), pay("ach", 501)), "NO_FUNDS"),
    ],
)
def test_legs_out_of_one_balance_are_counted_together(
    legs: tuple[LegWanted, ...], refused: str
) -> None:
    books = Books(alice=1000)
    books.request("t1", *legs)
    assert books.state.settlement.transfers["t1"].refusal == refused
    assert ledger.available(books.state, "alice", "USD") >= 0


def returned(books: Books, leg: Leg, amount: int, return_id: str) -> None:
    books.tell(
        ReturnReported,
        account=BANK,
        return_id=return_id,
        payment_id=leg.payment_id,
        amount=amount,
        code="R10",
    )


@pytest.mark.parametrize("amount", [301, 10**6, 0, -50])
def test_more_cannot_come_back_than_went(amount: int) -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    returned(books, leg, amount, "x")
    assert (books.has("alice"), leg.returned) == (700, 0)
    assert books.breaks() == {leg.payment_id: "unmatched_return"}


def test_a_payment_may_come_back_in_parts() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    booked(books, leg)
    returned(books, leg, 100, "x")
    returned(books, leg, 200, "y")
    assert (books.has("alice"), leg.returned, books.breaks()) == (1000, 300, {})


def test_what_is_owed_after_a_return_cannot_be_spent_and_fills_the_limit() -> None:
    """The loss by reversal is bounded by the limit, and takes nothing that comes later."""
    books = Books(alice=0)
    books.limit("rail", "pull", 300)
    (leg,) = books.request("t1", pull("pull", 300))
    booked(books, leg)
    books.wait(8 * DAY)
    (out,) = books.request("t2", pay("wire", 300))
    settled(books, out.payment_id)
    returned(books, leg, 300, "x")
    assert books.balance("receivable/alice/USD") == 300
    books.request("t3", pull("pull", 1))
    assert books.state.settlement.transfers["t3"].refusal == "OVER_LIMIT"
    assert ledger.available(books.state, "alice", "USD") == -300


def test_a_settled_line_that_is_taken_back_is_missed() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    settled(books, leg.payment_id)
    books.line("L1", -300, "payment", leg.payment_id)
    books.line("L2", 300, "reversal", leg.payment_id)
    books.wait(5 * HOUR)
    assert books.breaks() == {leg.payment_id: "line_missing"}


def test_one_break_does_not_hide_another() -> None:
    """Late, then booked three times, then settled: two bookings too many stay a break."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    accepted(books, leg.payment_id)
    books.wait(2 * HOUR)
    for number in range(3):
        books.line(f"L{number}", -300, "payment", leg.payment_id)
    settled(books, leg.payment_id)
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.size) == ("duplicate", -600)


def test_a_calendar_that_ends_before_the_last_return_sends_nothing() -> None:
    books = Books(alice=0)
    books.wait(140 * DAY)
    books.request("t1", pull("pull", 300))
    assert books.state.settlement.transfers["t1"].refusal == "NO_CALENDAR"


def test_two_people_are_wanted_for_the_whole_and_not_for_each_leg() -> None:
    books = Books(alice=1000)
    books.limit("release", "", 500)
    books.request("t1", pay("wire", 300), pay("wire", 300))
    assert books.of(SendPayment) == []


def test_exposure_lasts_until_the_line_has_come() -> None:
    books = Books(alice=1000)
    books.limit("rail", "wire", 300)
    (leg,) = books.request("t1", pay("wire", 300))
    settled(books, leg.payment_id)
    books.request("t2", pay("wire", 1))
    assert books.state.settlement.transfers["t2"].refusal == "OVER_LIMIT"
    books.line("L1", -300, "payment", leg.payment_id)
    books.request("t3", pay("wire", 1))
    assert not books.state.settlement.transfers["t3"].refusal


def test_parts_of_one_line_that_nobody_explains_lie_apart() -> None:
    books = Books(alice=0)
    books.tell(
        LineBooked,
        account=BANK,
        line_id="L1",
        asset="USD",
        amount=300,
        booked_at=books.now,
        parts=(LinePart(100, ("a",)), LinePart(200, ("b",))),
    )
    amounts = [line.amount for line in books.state.settlement.suspense.values()]
    assert sorted(amounts) == [100, 200]


def test_a_return_waits_for_the_status_that_says_what_it_names() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("ach", 300))
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="x",
        payment_id="",
        references=("trace 7",),
        amount=300,
        code="R01",
    )
    assert books.breaks() == {"x": "unmatched_return"}
    accepted(books, leg.payment_id, reference="trace 7")
    assert (leg.status, books.has("alice"), books.breaks()) == ("returned", 1000, {})


@pytest.mark.parametrize("way_back", ["pull", "pigeon", "sct"])
def test_the_way_back_is_checked_like_the_way_there(way_back: str) -> None:
    books = Books(alice=0)
    books.scheme(scheme="sct", kind="out", asset="EUR", settled_by="message", settles_ns_max=HOUR)
    books.request("t1", pull("pull", 300, undo_scheme=way_back))
    assert books.state.settlement.transfers["t1"].refusal == "BAD_UNDO"


def test_an_account_that_is_told_again_keeps_its_memory() -> None:
    books = Books(alice=1000)
    books.line("L1", 50)
    before = books.balance("nostro/bank/ops/USD")
    books.tell(
        AccountOpened,
        account=BANK,
        tells="lines",
        statements=("balances",),
        statement_period_ns=2 * HOUR,
        backfill_period_ns=HOUR,
        settle_ns=SECOND,
        silence_ns_max=DAY,
        ledger=True,
    )
    books.line("L1", 50)
    assert books.balance("nostro/bank/ops/USD") == before
    assert books.state.accounts[BANK].statement_period_ns == 2 * HOUR


def test_who_uses_anothers_id_hears_of_it() -> None:
    books = Books(alice=1000, bob=1000)
    books.request("t1", pay("wire", 300))
    books.of(TellCustomer)
    books.request("t1", pay("wire", 300), customer="bob")
    assert [(each.customer, each.status) for each in books.of(TellCustomer)] == [("bob", "refused")]


def test_why_it_came_back_is_not_overwritten_by_a_late_status() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    settled(books, leg.payment_id)
    returned = {"return_id": "R1", "payment_id": leg.payment_id, "amount": 300, "code": "AC04"}
    books.tell(ReturnReported, account=BANK, **returned)
    books.tell(
        PaymentReported, account=BANK, payment_id=leg.payment_id, status="accepted", code="ACSP"
    )
    assert leg.code == "AC04"


def test_a_notification_of_change_says_which_payment_it_is_about() -> None:
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    told = {"payment_id": "", "code": "C01", "corrected": "999"}
    (alert,) = books.tell(ChangeNotified, account=BANK, references=(leg.payment_id,), **told)
    assert alert.text.startswith(f"{leg.payment_id}: C01")
    (alert,) = books.tell(ChangeNotified, account=BANK, references=("theirs",), **told)
    assert alert.text.startswith("theirs: C01")


def hit_on_its_way() -> tuple[Books, list[Leg]]:
    """Two legs below the bound of release; the first was sent when the hit is told."""
    books = Books(alice=1000)
    legs = books.request("t1", pay("wire", 300), pay("wire", 200))
    books.tell(TransferScreened, transfer_id="t1", clear=False, reference="list 7")
    settled(books, legs[0].payment_id)
    return books, legs


def test_a_hit_on_the_way_holds_what_is_left_and_is_a_break() -> None:
    books, legs = hit_on_its_way()
    assert [leg.status for leg in legs] == ["settled", "validated"]
    assert books.breaks() == {"t1": "screening_hit"}
    books.tell(TransferScreened, transfer_id="t1", clear=False, reference="list 7")
    books.tell(TransferCancelled, transfer_id="t1", by="alice")
    assert books.breaks() == {"t1": "screening_hit"}
    assert legs[1].status == "validated"


def test_what_a_hit_held_goes_on_once_it_is_cleared() -> None:
    books, legs = hit_on_its_way()
    books.tell(TransferScreened, transfer_id="t1", clear=True, reference="another person")
    assert [leg.status for leg in legs] == ["settled", "in_flight"]
    assert books.breaks() == {}


def test_people_cancel_what_a_hit_held_and_nothing_goes_back_by_itself() -> None:
    books, legs = hit_on_its_way()
    books.tell(TransferCancelled, transfer_id="t1", by="compliance")
    assert [leg.status for leg in legs] == ["settled", "cancelled"]
    assert (legs[1].held, books.breaks()) == (0, {})
    assert list(books.state.settlement.transfers) == ["t1"]
