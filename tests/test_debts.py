"""What is owed since it came back: paid out of what the customer has for good, or written off."""

from typing import Any

import pytest

from core import exposure, ledger
from core.effects import RaiseAlert
from core.rail_events import AddressAssigned, DebtResolved
from core.settlement_state import Leg
from core.stuck import debts
from tests.settling import BANK, DAY, HOUR, Books, change, pay, pull
from tests.test_deposits import PUSHED, deposit
from tests.test_deposits import books as pushed
from tests.test_partial_returns import back, pulled
from tieout.settlement.stuck import of_state


def owing() -> tuple[Books, Leg]:
    """Alice pulled 300 and spent them; then they came back."""
    books, leg = pulled()
    (out,) = books.request("spent", pay("wire", 300))
    books.line("L9", -300, "payment", out.payment_id)
    back(books, leg, 300, "r1")
    books.line("L1", -300, "return", leg.payment_id)
    assert (books.balance("receivable/alice/USD"), books.has("alice")) == (300, 0)
    return books, leg


def tops_up(books: Books, amount: int) -> None:
    """It comes, and nobody can take it back: no row says that anybody might."""
    books.tell(AddressAssigned, account=BANK, address="IBAN alice", customer="alice")
    books.line(f"top up {amount}", amount, "payment", "IBAN alice")


def decide(books: Books, subject: str, way: str, amount: int, **more: Any) -> str:
    """Two people decide; why it was refused, "" if it was not."""
    words = {"author": "ann", "approver": "ben", "reason": "agreed", "evidence": "letter 7"}
    words |= {"resolution_id": f"d{len(books.state.settlement.resolutions)}"}
    books.of(RaiseAlert)
    books.tell(DebtResolved, subject=subject, way=way, amount=amount, **{**words, **more})
    refused = [each.text for each in books.of(RaiseAlert)]
    return refused[0].partition("refused: ")[2] if refused else ""


def test_who_tops_up_pays_what_is_owed_and_counts_no_more() -> None:
    books, leg = owing()
    assert decide(books, leg.payment_id, "set_off", 1) == (
        "alice has 0 USD for good: at most that would do"
    )
    tops_up(books, 500)
    assert ledger.available(books.state, "alice", "USD") == 200
    assert books.state.settlement.exposure["rail/pull/USD"] == 300
    assert decide(books, leg.payment_id, "set_off", 300) == ""
    assert (books.balance("receivable/alice/USD"), books.has("alice")) == (0, 200)
    assert ledger.available(books.state, "alice", "USD") == 200
    assert books.state.settlement.exposure["rail/pull/USD"] == 0
    books.request("t3", pull("pull", 300))
    assert books.state.settlement.transfers["t3"].refusal == ""
    assert leg.payment_id not in books.state.settlement.open_legs


def test_what_is_written_off_is_a_loss_of_ours() -> None:
    books, leg = owing()
    assert decide(books, leg.payment_id, "write_off", 100) == ""
    assert (books.balance("receivable/alice/USD"), books.balance("loss/USD")) == (200, 100)
    assert books.state.settlement.exposure["rail/pull/USD"] == 200
    assert decide(books, leg.payment_id, "write_off", 201) == (
        "200 USD are owed for it: at most that would do"
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"approver": "ann"}, "it needs an author and another person's approval"),
        ({"evidence": ""}, "it needs evidence: say where it is kept"),
        ({"subject": "nobody's"}, "nothing is owed to us for it"),
        ({"amount": 0}, "300 USD are owed for it: at most that would do"),
        ({"amount": -1}, "300 USD are owed for it: at most that would do"),
    ],
)
def test_a_decision_that_is_not_fit_is_refused_whole(fields: dict[str, Any], why: str) -> None:
    books, leg = owing()
    words = {"subject": leg.payment_id, "way": "write_off", "amount": 300, **fields}
    assert decide(books, **words) == why
    assert (books.balance("receivable/alice/USD"), books.balance("loss/USD")) == (300, 0)


def test_one_id_pays_once() -> None:
    books, leg = owing()
    tops_up(books, 500)
    assert decide(books, leg.payment_id, "set_off", 100, resolution_id="d") == ""
    assert decide(books, leg.payment_id, "set_off", 100, resolution_id="d") != ""
    assert books.balance("receivable/alice/USD") == 200


def test_what_others_may_still_take_back_or_is_held_pays_nothing() -> None:
    books, leg = owing()
    tops_up(books, 100)
    books.scheme(**PUSHED)
    deposit(books, "L5", 400)
    books.limit("release", "", 10)
    books.request("t4", pay("wire", 50))
    assert books.balance("held/alice/USD") == 50
    assert ledger.available(books.state, "alice", "USD") == 150
    assert decide(books, leg.payment_id, "set_off", 101) == (
        "alice has 100 USD for good: at most that would do"
    )
    assert decide(books, leg.payment_id, "set_off", 100) == ""


def test_an_undone_return_gives_back_what_was_paid_for_it() -> None:
    books, leg = owing()
    tops_up(books, 500)
    decide(books, leg.payment_id, "set_off", 100)
    decide(books, leg.payment_id, "write_off", 50)
    back(books, leg, 300, "r2", dishonours="R69")
    assert (leg.status, leg.set_off, leg.written_off) == ("settled", 0, 0)
    assert (books.balance("receivable/alice/USD"), books.balance("loss/USD")) == (0, 0)
    assert books.has("alice") == 500
    assert leg.exposed == leg.contingent == 300


def test_a_debt_is_paid_first_with_what_nobody_drew() -> None:
    """Else what was drawn would count as what others did, once half of the debt was paid."""
    books = pushed(alice=0)
    deposit(books, "L1", 300)
    books.quote("q", books.now + HOUR)
    books.request("t1", change("q", 100, 90))
    books.line("L2", -300, "reversal", "L1")
    settlement, key = books.state.settlement, "customer/alice/USD"
    assert (settlement.exposure[key], settlement.passive[key]) == (300, 200)
    assert decide(books, f"{BANK} L1", "set_off", 100) == ""
    assert (settlement.exposure[key], settlement.passive[key]) == (200, 100)
    assert [(row.payment_id, row.amount) for row in debts(books.state)] == [(f"{BANK} L1", 200)]


def test_a_deposit_that_was_taken_back_is_paid_by_what_is_there_of_it() -> None:
    """Nobody drew it: what pays it is what came, and what was drawn of another is exposed yet."""
    books = pushed(alice=0)
    books.limit("customer", "alice", 300)
    deposit(books, "L1", 300)
    books.quote("q", books.now + HOUR)
    books.request("t1", change("q", 300, 270))
    books.line("L2", -300, "reversal", "L1")
    deposit(books, "L3", 200)
    books.line("L4", -200, "reversal", "L3")
    key = "customer/alice/USD"
    settlement = books.state.settlement
    assert decide(books, f"{BANK} L1", "set_off", 1).startswith("alice has 0 USD")
    assert decide(books, f"{BANK} L3", "set_off", 200) == ""
    assert (settlement.exposure[key], settlement.passive[key]) == (300, 0)
    assert (books.has("alice"), books.balance("receivable/alice/USD")) == (0, 300)
    assert exposure.breaches(books.state) == []
    assert decide(books, f"{BANK} L1", "write_off", 300) == ""
    assert settlement.exposure[key] == 0
    books.wait(20 * DAY)
    assert settlement.exposure[key] == 0


def test_what_is_owed_is_shown_until_it_is_paid() -> None:
    books, leg = owing()
    (row,) = debts(books.state)
    assert (row.payment_id, row.amount, row.stage) == (leg.payment_id, 300, "owed")
    view = of_state(books.state, books.now)
    assert "1 debt of customers" in str(view)
    assert view.as_dict()["debts"][0]["amount"] == "3.00"
    assert not view.empty
    decide(books, leg.payment_id, "write_off", 300)
    assert of_state(books.state, books.now).debts == ()
