"""The oracle of lines: each told for what it is, each sum by itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sim.lines_oracle import LinesOracle, Sum
from sim.operators import Decision, OpenItem
from sim.payments import Payments, Sort
from sim.suspense_oracle import SuspenseOracle

BANK = "bank/ops"


class Books:
    """What they say they hold."""

    def __init__(self, **sums: int) -> None:
        self.sums = sums

    def beside(self) -> Mapping[Sum, int]:
        return {(BANK, "USD", sort): total for sort, total in self.sums.items()}  # type: ignore[misc]  # sorts


class Took:
    """They took what was decided, and say nothing else."""

    def took(self, resolution_id: str) -> bool:
        return bool(resolution_id)

    def lying(self, account: str, name: str) -> int:
        raise NotImplementedError

    def sent_back(self, resolution_id: str) -> str:
        raise NotImplementedError


def oracle(*asides: tuple[str, int, Sort]) -> LinesOracle:
    world = Payments()
    for line_id, units, sort in asides:
        world.beside(BANK, line_id, "USD", units, sort)
    return LinesOracle(world, SuspenseOracle(world))


@pytest.mark.parametrize(
    ("books", "off"),
    [
        (Books(fee=20, income=-5, nobody=-100), 0),
        (Books(fee=15, income=0, nobody=-100), 2),
        (Books(fee=20, income=-5, nobody=0), 1),
        (Books(income=-105, fee=20), 2),
    ],
)
def test_each_sum_is_its_keepers_by_itself(books: Books, off: int) -> None:
    """That two of them are off by as much, the one way and the other, is no excuse."""
    judge = oracle(("L1", -20, "fee"), ("L2", 5, "income"), ("L3", 100, "nobody"))
    judge.books = books
    assert len(judge.differences()) == off


def test_what_people_disposed_of_is_in_suspense_no_more() -> None:
    judge = oracle(("L3", 100, "nobody"), ("L4", 7, "nobody"))
    judge.books = Books(nobody=-7)
    assert len(judge.differences()) == 1
    item = OpenItem(f"{BANK} L3", "unattributed", BANK, "USD", 100, 0)
    judge.suspense.decided.append(Decision("r1", item, "write_off"))
    judge.suspense.books = Took()
    assert judge.differences() == []


def test_what_is_taken_of_payments_is_a_fee_as_well() -> None:
    judge = oracle(("L1", -20, "fee"))
    judge.world.charged(BANK, "USD", 3)
    judge.books = Books(fee=20)
    assert len(judge.differences()) == 1
    judge.books = Books(fee=23)
    assert judge.differences() == []


@pytest.mark.parametrize(
    ("line_id", "names", "wrong"),
    [
        ("L1", ["fees/bank/ops/USD"], 0),
        ("L1", ["suspense/bank/ops/USD"], 1),
        ("L3", ["suspense/bank/ops/USD"], 0),
        ("L3", ["transit/ach/USD"], 1),
        ("L3", ["customer/c1/USD"], 1),
        ("L9", ["transit/ach/USD", "suspense/bank/ops/USD"], 0),
        ("L9", ["transit/ach/USD", "fees/ach/USD"], 1),
        ("L10", ["transit/ach/USD", "fees/ach/USD"], 0),
    ],
)
def test_a_line_is_booked_as_what_it_is(line_id: str, names: list[str], wrong: int) -> None:
    """L9 is a payment's with a wrong amount, L10 a payment's like others."""
    judge = oracle(("L1", -20, "fee"), ("L3", 100, "nobody"))
    judge.world.wrong.add((BANK, "L9"))
    judge.on_booked(BANK, line_id, names)
    assert len(judge.misplaced) == wrong
