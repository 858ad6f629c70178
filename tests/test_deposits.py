"""What others pushed, and the bank takes back: owed by the customer, who hears of it."""

from decimal import Decimal

import pytest

from core import exposure
from core.effects import RaiseAlert
from core.events import NodeStarted
from core.rail_effects import TellCustomer
from core.rail_events import (
    AddressAssigned,
    LegWanted,
    LineBooked,
    LineKind,
    SuspenseResolved,
    Within,
)
from tests.banks import bank, lines
from tests.rail_bench import DAY as BANK_DAY
from tests.rail_bench import always
from tests.settling import BANK, DAY, Books, pay

PUSHED = {
    "scheme": "received",
    "kind": "in",
    "settled_by": "message",
    "settles_ns_max": 0,
    "returns": (Within(days=5, until_ns=DAY),),
    "pushed": True,
}


def books(**opening: int) -> Books:
    """Alice and Bob can be paid at addresses of theirs."""
    made = Books(**(opening or {"alice": 1000, "bob": 0}))
    made.scheme(**PUSHED)
    for customer in made.state.settlement.customers:
        made.tell(AddressAssigned, account=BANK, address=f"IBAN {customer}", customer=customer)
    return made


def deposit(made: Books, line_id: str = "L1", amount: int = 300, who: str = "alice") -> None:
    made.line(line_id, amount, "payment", "E2E", f"IBAN {who}")


def told(made: Books) -> list[tuple[str, str, str]]:
    return [(each.customer, each.transfer_id, each.status) for each in made.of(TellCustomer)]


# --- it is taken back ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"),
    [("reversal", "E2E"), ("return", "E2E"), ("reversal", "L1"), ("payment", "L1")],
)
def test_what_is_taken_back_is_owed_by_the_customer_who_hears_of_it(
    kind: LineKind, name: str
) -> None:
    made = books()
    deposit(made)
    made.line("L2", -300, kind, name)
    assert made.breaks() == {}
    assert made.balance("receivable/alice/USD") == 300
    assert made.balance("suspense/bank/ops/USD") == 0
    assert made.has("alice") - made.balance("receivable/alice/USD") == 1000
    assert told(made) == [("alice", f"{BANK} L1", "returned")]


def test_what_is_owed_cannot_be_paid_out() -> None:
    made = books()
    deposit(made)
    made.line("L2", -300, "reversal", "E2E")
    made.request("t1", pay("wire", 1000))
    made.request("t2", pay("wire", 1))
    assert made.seen_by_customer("t1") == "pending"
    assert made.seen_by_customer("t2") == "refused"


def test_a_debit_that_no_bank_calls_so_takes_back_by_the_lines_own_name_alone() -> None:
    """Payers choose their ids: one that a charge happens to bear is no evidence."""
    made = books()
    deposit(made)
    made.line("L2", -300, "payment", "E2E")
    assert made.breaks() == {f"{BANK} L2": "unknown_debit"}
    assert made.balance("receivable/alice/USD") == 0


def test_an_address_names_no_line() -> None:
    made = books()
    deposit(made)
    made.line("L2", -300, "reversal", "IBAN alice")
    assert made.breaks() == {f"{BANK} L2": "unknown_debit"}


def test_a_name_that_two_customers_share_names_neither() -> None:
    made = books()
    deposit(made)
    deposit(made, "L2", who="bob")
    made.line("L3", -300, "reversal", "E2E")
    assert made.breaks() == {f"{BANK} L3": "unknown_debit"}
    made.line("L4", -300, "reversal", "L2")
    assert made.balance("receivable/bob/USD") == 300


def test_of_two_alike_one_is_taken_back_and_then_the_other_and_no_third() -> None:
    made = books()
    deposit(made)
    deposit(made, "L2")
    for number in (3, 4, 5):
        made.line(f"L{number}", -300, "reversal", "E2E")
    assert made.balance("receivable/alice/USD") == 600
    assert made.breaks() == {f"{BANK} L5": "unknown_debit"}
    assert [name for _, name, _ in told(made)] == [f"{BANK} L1", f"{BANK} L2"]


def test_a_part_is_taken_back_and_never_more_than_came() -> None:
    made = books()
    deposit(made)
    made.line("L2", -100, "reversal", "E2E")
    made.line("L3", -201, "reversal", "E2E")
    assert made.balance("receivable/alice/USD") == 100
    assert made.breaks() == {f"{BANK} L3": "unknown_debit"}
    made.line("L4", -200, "reversal", "E2E")
    assert made.balance("receivable/alice/USD") == 300


def test_a_wrong_amount_that_is_put_right_leaves_the_customer_with_the_right_one() -> None:
    made = books()
    deposit(made, "L1", 399)
    made.line("L2", -399, "reversal", "E2E", "IBAN alice")
    deposit(made, "L3", 300)
    assert made.breaks() == {}
    assert made.has("alice") - made.balance("receivable/alice/USD") == 1300


def test_told_twice_it_is_taken_back_once() -> None:
    made = books()
    deposit(made)
    for _ in range(2):
        made.line("L2", -300, "reversal", "E2E")
    assert made.balance("receivable/alice/USD") == 300
    assert len(told(made)) == 1


def test_a_crash_right_after_tells_the_customer_again() -> None:
    made = books()
    deposit(made)
    made.line("L2", -300, "reversal", "E2E")
    told(made)
    made.now += 1
    made.tell(NodeStarted, node="t", epoch=2)
    assert set(told(made)) == {("alice", f"{BANK} L1", "returned")}


# --- in any order, and of nobody -----------------------------------------------------------------


def test_a_debit_that_is_told_first_waits_for_its_credit() -> None:
    made = books()
    made.line("L2", -300, "reversal", "E2E")
    assert made.breaks() == {f"{BANK} L2": "unknown_debit"}
    deposit(made)
    assert made.breaks() == {}
    assert made.balance("receivable/alice/USD") == 300
    assert made.balance("suspense/bank/ops/USD") == 0
    assert told(made) == [("alice", f"{BANK} L1", "returned")]


@pytest.mark.parametrize("first", ["credit", "debit"])
def test_what_nobody_had_leaves_suspense_with_what_takes_it_back(first: str) -> None:
    made = books()
    stories = [("L1", 300, "payment", "X"), ("L2", -300, "reversal", "L1")]
    for line_id, amount, kind, name in stories if first == "credit" else stories[::-1]:
        made.line(line_id, amount, kind, name)  # type: ignore[arg-type]  # of two words
    assert made.breaks() == {}
    assert made.state.settlement.suspense == {}
    assert made.balance("suspense/bank/ops/USD") == 0
    assert told(made) == []


def test_what_people_gave_to_a_customer_is_taken_back_from_that_customer() -> None:
    made = books()
    made.line("L1", 300, "payment", "X")
    made.tell(
        SuspenseResolved,
        resolution_id="r1",
        account=BANK,
        line_id="L1",
        customer="bob",
        author="ann",
        approver="ben",
        reason="found",
    )
    made.line("L2", -300, "return", "X")
    assert made.balance("receivable/bob/USD") == 300
    assert told(made) == [("bob", f"{BANK} L1", "returned")]


# --- what may still be taken back ----------------------------------------------------------------


def test_a_credit_stands_contingent_until_its_row_says_that_it_stays() -> None:
    made = books()
    deposit(made)
    assert made.balance("contingent/received/USD") == 300
    assert made.state.settlement.exposure["customer/alice/USD"] == 300
    made.wait(12 * DAY)
    assert made.balance("contingent/received/USD") == 0
    assert made.state.settlement.exposure["customer/alice/USD"] == 0
    assert made.state.settlement.credits_open == {}


def test_it_takes_room_in_limits_and_breaks_none_by_itself() -> None:
    made = books()
    made.limit("customer", "alice", 500)
    deposit(made, "L1", 700)
    assert exposure.breaches(made.state) == []
    made.request("t1", pay("wire", 1))
    assert made.state.settlement.transfers["t1"].refusal == "OVER_LIMIT"
    made.wait(12 * DAY)
    made.request("t2", pay("wire", 1))
    assert made.state.settlement.transfers["t2"].refusal == ""


def test_what_is_owed_since_counts_against_limits_for_as_long_as_it_is_owed() -> None:
    made = books()
    made.limit("customer", "alice", 500)
    deposit(made, "L1", 400)
    made.line("L2", -400, "reversal", "E2E")
    made.wait(60 * DAY)
    assert made.balance("contingent/received/USD") == 0
    assert made.state.settlement.exposure["customer/alice/USD"] == 400
    made.request("t1", pay("wire", 101))
    assert made.state.settlement.transfers["t1"].refusal == "OVER_LIMIT"
    assert exposure.breaches(made.state) == []


def test_taken_back_beyond_its_span_is_booked_and_is_a_break() -> None:
    made = books()
    deposit(made)
    made.wait(12 * DAY)
    made.line("L2", -300, "reversal", "E2E")
    assert made.breaks() == {f"{BANK} L1": "illegal_return"}
    assert made.balance("receivable/alice/USD") == 300
    assert any("illegal_return" in each.text for each in made.of(RaiseAlert))


def test_nobody_of_ours_asks_for_what_others_push() -> None:
    made = books()
    wanted = LegWanted(
        kind="in", asset="USD", amount=10, scheme="received", beneficiary="021000021/1"
    )
    made.request("t1", wanted)
    assert made.state.settlement.transfers["t1"].refusal == "WRONG_SCHEME"


# --- the simulated bank --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["bank_us", "bank_eu", "bank_gb"])
def test_a_bank_takes_a_credit_back_once_and_names_it(name: str, seed: int) -> None:
    made = bank(name, "2026-06-10T10:00", always("deposit_reversed"), seed=seed)
    made.keeper.credit("DE02100100109307118603", Decimal("12.34"))
    made.run(12 * BANK_DAY)
    came, back = lines(made)
    assert (came.amount, back.amount) == (1234, -1234)
    assert back.kind in ("return", "reversal")
    assert came.line_id in back.references or "E2E00000001" in back.references
    assert list(made.payments.undone) == [f"{made.account} {came.line_id}"]


@pytest.mark.parametrize("seed", range(6))
def test_a_bank_may_book_that_twice_and_the_second_is_nobodys(seed: int) -> None:
    made = bank("bank_us", "2026-06-10T10:00", always("reversed_twice"), seed=seed)
    made.keeper.credit("DE02100100109307118603", Decimal("12.34"))
    made.run(12 * BANK_DAY)
    came, back, over = lines(made)
    assert [line.amount for line in (came, back, over)] == [1234, -1234, -1234]
    assert (over.kind, came.line_id in over.references) == (back.kind, True)
    assert list(made.payments.undone) == [f"{made.account} {came.line_id}"]
    assert [(each.name, each.amount) for each in made.payments.strays] == [(over.line_id, -1234)]


def test_a_wrong_line_that_was_put_right_is_not_taken_back_once_more() -> None:
    plan = (always("deposit_reversed"), always("amount_wrong", 7, times_max=1))
    made = bank("bank_gb", "2026-06-10T10:00", *plan)
    made.keeper.credit("GB33BUKB20201555555555", Decimal("5.00"))
    made.run(12 * BANK_DAY)
    assert sum(line.amount for line in lines(made)) == 500


def test_a_line_says_when_it_was_booked() -> None:
    """The span runs from there, whenever we hear of it."""
    made = books()
    made.now += 3 * DAY
    made.tell(
        LineBooked,
        account=BANK,
        line_id="L1",
        asset="USD",
        amount=300,
        booked_at=made.now - 3 * DAY,
        references=("IBAN alice",),
    )
    (credit,) = made.state.settlement.credits.values()
    assert credit.revocable_until - made.now == 5 * DAY  # and not eight, over a weekend
