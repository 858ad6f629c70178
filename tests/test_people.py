"""Two pairs of eyes: a name written otherwise is no other person."""

from __future__ import annotations

import pytest

from core.effects import RaiseAlert
from core.people import are_two, is_one_of
from core.rail_effects import RecallPayment
from core.rail_events import RecallRequested, SuspenseResolved, TransferReleased, Within
from tests.settling import BANK, DAY, WIRE, Books, pay

ONE = (
    ("Ann", "Ann"),
    ("Ann", "ann "),
    ("ann  lee", "Ann Lee"),
    ("Ａｎｎ", "Ann"),
    ("STRASSE", "straße"),
)
NOBODY = (("", "ben"), ("ann", ""), ("ann", " "), ("", ""))


@pytest.mark.parametrize(("author", "approver"), [*ONE, *NOBODY])
def test_one_person_is_not_two(author: str, approver: str) -> None:
    assert not are_two(author, approver)
    assert not are_two(approver, author)


def test_two_are_two() -> None:
    assert are_two("Ann", "Anna")
    assert is_one_of("ANN", "ben", "ann")
    assert not is_one_of("ann", "ben", "anna")


@pytest.mark.parametrize(("author", "approver"), ONE)
def test_nobody_approves_what_is_his_own_in_another_spelling(author: str, approver: str) -> None:
    books = Books(alice=10_000)
    books.line("L9", 500)
    words = {"account": BANK, "line_id": "L9", "customer": "alice", "reason": "they called"}
    books.tell(SuspenseResolved, resolution_id="r1", author=author, approver=approver, **words)
    assert books.state.counts["resolutions_refused"] == 1
    books.scheme(**WIRE, recalls=(Within(days=10, until_ns=DAY, codes=("DUPL",)),))
    (leg,) = books.request("t1", pay("wire", 500))
    books.tell_accepted(leg.payment_id)
    asked = {"payment_id": leg.payment_id, "code": "DUPL"}
    books.tell(RecallRequested, author=author, approver=approver, **asked)
    assert books.of(RecallPayment) == []
    books.tell(RecallRequested, author=author, approver="ben", **asked)
    assert len(books.of(RecallPayment)) == 1


@pytest.mark.parametrize("approver", ["Clerk", "clerk ", "ALICE", " ", ""])
def test_who_asked_for_a_transfer_does_not_release_it_by_another_spelling(approver: str) -> None:
    """Neither its customer nor the clerk who typed it."""
    books = Books(alice=10_000)
    books.limit("release", "", 300)
    books.request("t1", pay("wire", 500))
    books.of(RaiseAlert)
    books.tell(TransferReleased, transfer_id="t1", approver=approver)
    assert books.state.settlement.transfers["t1"].approver == ""
    assert len(books.of(RaiseAlert)) == 1
