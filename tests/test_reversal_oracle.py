"""The oracle of reversals: what is lost, of whom and on which rail, beneath which limit."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from core.rail_events import LegWanted
from sim.customer_oracle import Bound, Credit, CustomerOracle
from sim.desk import Desk
from sim.dice import Dice
from sim.payments import Payment, Payments
from sim.reversal_oracle import ReversalOracle


@dataclass
class Books:
    """Our ids of each transfer's legs, and whose they are."""

    names: dict[str, list[str]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def payments(self, transfer_id: str) -> list[str] | None:
        return self.names.get(transfer_id)

    def settled_at(self, payment_id: str) -> int:
        return 0

    def owner(self, payment_id: str) -> str:
        return self.owners[payment_id]

    def has(self, customer: str, asset: str) -> int:
        return 0


class Case:
    """Customers who have nothing at first, at a bank where others pay in by "received"."""

    def __init__(self, *bounds: tuple[str, str, int]) -> None:
        self.world, self.books = Payments(), Books()
        limits = [Bound(scope, subject, "USD", amount, "L") for scope, subject, amount in bounds]
        opening = {("c1", "USD"): 0, ("c2", "USD"): 0}
        desk = Desk(Dice(1).stream("desk"), 0)
        pushed = {("bank/ops", "USD"): "received"}
        self.judge = CustomerOracle(self.world, limits, opening, desk, pushed)
        self.judge.books = self.books
        self.oracle = ReversalOracle(self.world, self.judge)

    def moved(self, customer: str, kind: str, amount: int, **truth: int) -> Payment:
        """A payment that settled, over "wire" or "pull"."""
        name = f"p{len(self.world.all)}"
        scheme = "wire" if kind == "out" else "pull"
        leg = LegWanted(kind=kind, asset="USD", amount=amount, scheme=scheme, beneficiary="x")
        self.judge.on_asked(name, customer, (leg,), "", 0)
        self.books.names[name], self.books.owners[name] = [name], customer
        payment = Payment(name, "bank/ops", scheme, "USD", amount, 1, 1, settled_at=2)
        for what, value in truth.items():
            setattr(payment, what, value)
        self.world.all[name] = payment
        return payment

    def pushed(self, customer: str, amount: int, *, undone: bool) -> None:
        line = f"bank/ops L{len(self.judge.credited)}"
        self.judge.on_credited(customer, "USD", line, Credit(line, amount, 0))
        if undone:
            self.world.undone[line] = 5

    def lost(self) -> dict[str, int]:
        self.oracle.look()
        return {f"{x.scope} {x.subject}".strip(): x.amount for x in self.oracle.most.values()}


EACH = (("customer", "*", 300), ("asset", "", 300), ("rail", "received", 300), ("rail", "pull", 9))


def test_what_a_customer_has_still_is_not_lost() -> None:
    case = Case(*EACH)
    case.pushed("c1", 500, undone=True)
    case.pushed("c1", 100, undone=False)
    assert case.lost() == {}


@pytest.mark.parametrize(("paid", "beyond"), [(300, 0), (301, 3)])
def test_what_was_paid_out_of_it_is_lost_and_bounded(paid: int, beyond: int) -> None:
    case = Case(*EACH)
    case.pushed("c1", 500, undone=True)
    case.moved("c1", "out", paid)
    assert case.lost() == {"customer c1": paid, "asset": paid, "rail received": paid}
    assert len(case.oracle.beyond()) == beyond


def test_losses_of_several_customers_add_up_in_an_asset() -> None:
    case = Case(*EACH)
    for customer in ("c1", "c2"):
        case.pushed(customer, 200, undone=True)
        case.moved(customer, "out", 200)
    assert case.lost()["asset"] == 400
    assert [text.partition(" lost")[0] for text in case.oracle.beyond()] == ["400 USD", "400 USD"]


def test_what_was_pulled_bears_a_loss_before_what_was_pushed() -> None:
    case = Case(*EACH)
    case.pushed("c1", 100, undone=True)
    case.moved("c1", "in", 150, returned_at=4, returned=150)
    case.moved("c1", "out", 200)
    assert case.lost() == {
        "customer c1": 200,
        "asset": 200,
        "rail pull": 150,
        "rail received": 50,
    }


def test_the_most_that_was_lost_at_once_is_remembered() -> None:
    case = Case(("asset", "", 300))
    case.pushed("c1", 100, undone=True)
    case.moved("c1", "out", 100)
    assert case.lost() == {"asset": 100}
    case.pushed("c1", 500, undone=False)
    assert case.lost() == {"asset": 100}


def test_what_a_bank_takes_once_more_nobody_let_go() -> None:
    case = Case(("asset", "", 300))
    case.moved("c1", "out", 400, dishonoured=True)
    assert case.lost() == {}
    assert case.oracle.overdrawn == {}


def test_what_was_never_taken_back_was_paid_out_of_nothing() -> None:
    case = Case()
    case.pushed("c1", 100, undone=True)
    case.moved("c1", "out", 130)
    case.lost()
    assert case.oracle.overdrawn == {("c1", "USD"): 30}


def test_it_is_due_when_something_was_taken_back_or_many_were_taken_on() -> None:
    case = Case()
    assert not case.oracle.is_due()
    for _ in range(40):
        case.moved("c1", "in", 1)
        case.oracle.is_due()
    case.pushed("c1", 1, undone=True)
    assert case.oracle.is_due()
    assert [case.moved("c1", "in", 1) and case.oracle.is_due() for _ in range(3)] == [
        False,
        False,
        True,
    ]
