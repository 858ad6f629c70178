"""What is drawn of a credit that may still be taken back counts as let go by us, within limits."""

import pytest

from core import exposure
from core.effects import RaiseAlert
from core.rail_events import LegWanted
from tests.settling import BANK, DAY, HOUR, Books, change, pay, pull
from tests.test_deposits import books, deposit


def bought(made: Books, name: str, amount: int) -> str:
    """Alice has dollars exchanged; why not, "" if she has."""
    made.quote(f"q{name}", made.now + HOUR, amount)
    made.request(name, change(f"q{name}", amount, amount * 9 // 10))
    return made.state.settlement.transfers[name].refusal


def ours(made: Books, key: str) -> int:
    """What of a sum stands by our own acts."""
    settlement = made.state.settlement
    return settlement.exposure.get(key, 0) - settlement.passive.get(key, 0)


def lost(made: Books) -> int:
    """What alice owes beyond what she has."""
    return max(0, made.balance("receivable/alice/USD") - made.has("alice"))


KEYS = ("customer/alice/USD", "asset//USD", "rail/received/USD")
LIMITS = [("customer", "alice"), ("asset", ""), ("rail", "received")]


@pytest.mark.parametrize(("scope", "subject"), LIMITS)
def test_what_is_exchanged_of_a_credit_counts_where_the_credit_does(
    scope: str, subject: str
) -> None:
    """What it bought may leave for good: refused before, and never lost after."""
    made = books(alice=100)
    made.limit(scope, subject, 500)
    deposit(made, "L1", 700)
    assert bought(made, "t1", 601) == "OVER_LIMIT"
    assert bought(made, "t2", 600) == ""
    assert bought(made, "t3", 10) == "OVER_LIMIT"
    assert [ours(made, key) for key in KEYS] == [500, 500, 500]
    made.line("L2", -700, "reversal", "E2E")
    assert lost(made) == 500
    assert exposure.breaches(made.state) == []


def test_what_is_paid_out_of_a_credit_counts_on_the_rail_that_brought_it() -> None:
    made = books(alice=100)
    made.limit("rail", "received", 300)
    deposit(made, "L1", 700)
    made.request("t1", pay("wire", 401))
    assert made.state.settlement.transfers["t1"].refusal == "OVER_LIMIT"
    (leg,) = made.request("t2", pay("wire", 400))
    assert (leg.drawn, ours(made, "rail/received/USD")) == (300, 300)


def test_several_legs_are_counted_together() -> None:
    made = books(alice=100)
    deposit(made, "L1", 500)
    made.quote("q", made.now + HOUR, 600)
    made.limit("rail", "received", 300)
    made.request("t1", change("q", 200, 180), change("q", 210, 189))
    assert made.state.settlement.transfers["t1"].refusal == "OVER_LIMIT"
    made.request("t2", change("q", 200, 180), change("q", 200, 180))
    assert made.state.settlement.transfers["t2"].refusal == ""
    assert ours(made, "rail/received/USD") == 300


def test_a_customers_own_goes_first_and_the_oldest_credit_next() -> None:
    made = books(alice=100)
    deposit(made, "L1", 200)
    deposit(made, "L2", 300)
    assert bought(made, "t1", 350) == ""
    first, second = made.state.settlement.credits.values()
    assert [sum(each.drawn.values()) for each in (first, second)] == [200, 50]
    assert [each.passive for each in (first, second)] == [0, 250]


def test_what_is_drawn_counts_until_nobody_can_take_the_credit_back() -> None:
    made = books(alice=0)
    made.limit("customer", "alice", 500)
    deposit(made, "L1", 500)
    assert bought(made, "t1", 500) == ""
    assert ours(made, KEYS[0]) == 500
    made.wait(12 * DAY)
    assert ours(made, KEYS[0]) == made.state.settlement.exposure[KEYS[0]] == 0
    deposit(made, "L2", 500)
    assert bought(made, "t2", 500) == ""


def test_what_was_drawn_and_is_owed_counts_for_as_long_as_it_is_owed() -> None:
    made = books(alice=0)
    made.limit("customer", "alice", 500)
    deposit(made, "L1", 500)
    assert bought(made, "t1", 400) == ""
    made.line("L2", -500, "reversal", "E2E")
    made.wait(60 * DAY)
    assert (lost(made), ours(made, KEYS[0])) == (400, 400)


def test_a_payment_that_failed_has_drawn_nothing() -> None:
    made = books(alice=0)
    made.limit("rail", "received", 300)
    deposit(made, "L1", 700)
    (leg,) = made.request("t1", pay("wire", 300))
    assert ours(made, "rail/received/USD") == 300
    made.tell_rejected(leg.payment_id)
    assert (leg.drawn, ours(made, "rail/received/USD")) == (0, 0)
    assert bought(made, "t2", 300) == ""


@pytest.mark.parametrize("then", [pay("wire", 300), change("q", 300, 270)])
def test_money_that_was_brought_for_a_leg_and_went_elsewhere_is_not_drawn_of_a_credit(
    then: LegWanted,
) -> None:
    """It is no more there when its turn comes; what a credit brought meanwhile is not its own."""
    made = books(alice=0)
    made.limit("rail", "received", 100)
    made.quote("q", made.now + 100 * DAY)
    first, second = made.request("t1", pull("pull", 300, waits_for="irrevocable"), then)
    made.tell_accepted(first.payment_id)
    made.line("L0", 300, "payment", first.payment_id)
    made.wait(6 * DAY)
    made.request("t2", pay("wire", 300))
    made.wait(first.revocable_until - made.now - DAY)
    deposit(made, "L5", 300)
    made.wait(2 * DAY)
    assert (second.status, second.code) == ("failed", "OVER_LIMIT")
    assert ours(made, "rail/received/USD") == 0


# --- what no decision of ours could have prevented -----------------------------------------------


def test_what_others_push_above_a_limit_is_named_and_timed() -> None:
    made = books(alice=0)
    made.limit("customer", "alice", 500)
    began = made.now
    deposit(made, "L1", 700)
    settlement = made.state.settlement
    assert settlement.over_since == {KEYS[0]: began}
    (alert,) = made.of(RaiseAlert)
    assert alert.text == f"{KEYS[0]} stands at 700 by what others did, customer alice is 500"
    deposit(made, "L2", 100)
    assert made.of(RaiseAlert) == []
    made.wait(12 * DAY)
    ended = settlement.credits[f"{BANK} L1"].revocable_until
    assert (settlement.over_since, settlement.over_most) == ({}, {KEYS[0]: 800})
    assert ended - began <= settlement.over_ns[KEYS[0]] < ended - began + HOUR


def test_a_limit_that_is_raised_ends_what_stood_above_it() -> None:
    made = books(alice=0)
    made.limit("customer", "alice", 500)
    deposit(made, "L1", 700)
    made.now += HOUR
    made.limit("customer", "alice", 700)
    assert made.state.settlement.over_ns == {KEYS[0]: HOUR}
