"""The oracle of undoing: what is due back, what stands in its way, and where it went."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from core.rail_events import LegWanted
from sim.customer_oracle import Bound, CustomerOracle
from sim.desk import Desk
from sim.dice import Dice
from sim.payments import Payment, Payments
from sim.undo_oracle import UndoOracle

PULL = LegWanted(
    kind="in",
    asset="USD",
    amount=300,
    scheme="pull",
    beneficiary="021000021/77",
    undo_scheme="wire",
)
PAY = LegWanted(kind="out", asset="USD", amount=300, scheme="wire", beneficiary="021000021/99")


@dataclass
class Books:
    """Our ids of each transfer's legs, and of what goes back."""

    names: dict[str, list[str]] = field(default_factory=dict)

    def payments(self, transfer_id: str) -> list[str] | None:
        return self.names.get(transfer_id)

    def settled_at(self, payment_id: str) -> int:
        return 0

    def owner(self, payment_id: str) -> str:
        return "c1"

    def has(self, customer: str, asset: str) -> int:
        return 0


@dataclass
class Case:
    """A pull that came and a payment that failed: the customer is told so."""

    limits: list[Bound] = field(default_factory=list)
    opening: int = 0
    world: Payments = field(default_factory=Payments)
    books: Books = field(default_factory=Books)
    oracle: UndoOracle = field(init=False)

    def __post_init__(self) -> None:
        dice = Dice(1).stream("desk")
        judge = CustomerOracle(
            self.world, self.limits, {("c1", "USD"): self.opening}, Desk(dice, 0)
        )
        judge.books = self.books
        self.oracle = UndoOracle(judge)

    def moved(self, name: str, scheme: str, to: str, amount: int = 300, **times: int) -> None:
        payment = Payment(name, "bank/ops", scheme, "USD", amount, 1, 1, to=to, **times)  # type: ignore[arg-type]  # times are numbers
        self.world.all[name] = payment

    def told_failed(self, *backs: str, legs: tuple[LegWanted, ...] = (PULL, PAY)) -> None:
        self.oracle.judge.on_asked("t1", "c1", legs, "", 0)
        self.books.names["t1"] = ["p1", "p2", *backs]
        self.moved("p1", "pull", "021000021/77", settled_at=5)
        self.moved("p2", "wire", "021000021/99", failed_at=6)
        self.oracle.judge.on_told("t1", "failed", "", 10)
        self.oracle.on_told("t1", "failed", 10)


def test_what_came_is_due_back_once_a_later_leg_failed() -> None:
    case = Case()
    case.told_failed()
    assert case.oracle.faults() == ["t1: leg 0 is due back, and did not go"]


def test_it_is_enough_that_it_was_sent_back_over_its_scheme_to_where_it_came_from() -> None:
    case = Case()
    case.told_failed("b1")
    case.moved("b1", "wire", "021000021/77")
    assert case.oracle.faults() == []


@pytest.mark.parametrize(
    ("scheme", "to", "amount"),
    [("ach", "021000021/77", 300), ("wire", "021000021/78", 300), ("wire", "021000021/77", 299)],
)
def test_anything_else_is_not_what_was_asked_for(scheme: str, to: str, amount: int) -> None:
    case = Case()
    case.told_failed("b1")
    case.moved("b1", scheme, to, amount)
    assert len(case.oracle.faults()) == 2  # it is due still, and something else went


def test_twice_is_once_too_often() -> None:
    case = Case()
    case.told_failed("b1", "b2")
    for name in ("b1", "b2"):
        case.moved(name, "wire", "021000021/77")
    assert len(case.oracle.faults()) == 1


def test_what_a_limit_may_forbid_is_not_due() -> None:
    for amount, due in ((300, 1), (299, 0)):
        case = Case(limits=[Bound("rail", "wire", "USD", amount)])
        case.told_failed()
        # The failed payment of the same rail counts until our books have surely heard of it.
        assert len(case.oracle.due) == 0
        case = Case(limits=[Bound("asset", "", "USD", amount + 600)])
        case.told_failed()
        assert len(case.oracle.due) == due


def test_what_is_told_right_after_a_birth_may_have_been_decided_before_it() -> None:
    case = Case()
    case.oracle.born_at = 5
    case.told_failed()
    assert case.oracle.due == {}


def test_a_payment_goes_to_where_its_request_says() -> None:
    case = Case()
    case.told_failed("b1")
    case.moved("b1", "wire", "021000021/77")
    case.moved("p1", "pull", "021000021/78", settled_at=5)
    assert case.oracle.faults() == ["t1: a payment to 021000021/77 went to 021000021/78"]
