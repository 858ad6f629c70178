"""The order lifecycle: a table, and what fills and late reports do to it."""

from itertools import permutations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import OrderReport
from core.orders import MOVES, TERMINAL, WORKING, leaves, move
from core.state import Order, OrderStatus
from tests.facts import fill, report, spot_books, wish

STATES: tuple[OrderStatus, ...] = get_args(OrderStatus)
REPORTS: tuple[OrderReport, ...] = get_args(OrderReport)


def an_order(status: OrderStatus, filled: int = 0) -> Order:
    return Order(
        client_order_id="c",
        strategy="mm",
        reference="",
        account="venue/main",
        instrument="XRPETH",
        side="buy",
        leg="net",
        quantity=10,
        price=1,
        kind="limit",
        reduce_only=False,
        status=status,
        requested_at=0,
        filled=filled,
    )


# --- the table -----------------------------------------------------------------------------------


def test_the_table_has_every_state_and_leads_nowhere_else() -> None:
    assert set(MOVES) == set(STATES)
    assert {end for ends in MOVES.values() for end in ends} <= set(STATES)


def test_every_state_can_be_reached_from_the_wish() -> None:
    reached: set[OrderStatus] = {"requested"}
    while more := {end for state in reached for end in MOVES[state]} - reached:
        reached |= more
    assert reached == set(STATES)


def test_no_path_through_the_table_comes_back() -> None:
    """A lifecycle has no circle: the order of its states is an order of time."""

    def later(state: OrderStatus, path: tuple[OrderStatus, ...]) -> None:
        assert state not in path, f"{' -> '.join(path)} -> {state}"
        for end in MOVES[state]:
            later(end, (*path, state))

    later("requested", ())


def test_a_state_is_working_or_terminal_or_the_wish_itself() -> None:
    assert sorted((*WORKING, *TERMINAL, "requested")) == sorted(STATES)


@pytest.mark.parametrize("state", TERMINAL)
def test_what_is_over_never_works_again_but_after_a_rejection(state: OrderStatus) -> None:
    """Only a venue that said no and lived on may bring an order back: late truth wins."""
    back = [end for end in MOVES[state] if end in WORKING]
    assert back == (["acknowledged", "partially_filled"] if state == "rejected" else [])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("told", REPORTS)
def test_a_report_moves_the_order_by_the_table_or_not_at_all(
    state: OrderStatus, told: OrderReport
) -> None:
    order = an_order(state)
    moved = move(order, told)
    assert moved == (told in MOVES[state])
    assert order.status == (told if moved else state)


@pytest.mark.parametrize(
    ("state", "late"),
    [
        ("filled", "acknowledged"),
        ("filled", "partially_filled"),
        ("filled", "cancelled"),
        ("cancelled", "acknowledged"),
        ("cancelled", "partially_filled"),
        ("expired", "acknowledged"),
        ("partially_filled", "acknowledged"),
        ("partially_filled", "unknown"),
        ("acknowledged", "unknown"),
        ("acknowledged", "rejected"),
    ],
)
def test_a_late_report_never_moves_an_order_backwards(
    state: OrderStatus, late: OrderReport
) -> None:
    order = an_order(state)
    assert not move(order, late)
    assert order.status == state


@pytest.mark.parametrize("state", STATES)
def test_only_what_is_not_over_has_something_left(state: OrderStatus) -> None:
    assert leaves(an_order(state, filled=4)) == (0 if state in TERMINAL else 6)


# --- through the spine ---------------------------------------------------------------------------


def told(*stages: str) -> Any:
    """The books after an order for 10 XRP heard these stages; a number is a fill of so many."""
    books = spot_books()
    books.tell(wish("buy", "10", "0.001"))
    name = books.order().client_order_id
    for n, stage in enumerate(stages):
        at = 60 + n
        if stage.isdigit():
            told_fill = fill(
                f"{n}", "buy", stage, "0.001", at=at, client_order_id=name, order_id="o"
            )
            books.tell(told_fill)
        else:
            books.tell(report(name, stage, at=at, order_id="o"))
    return books


@pytest.mark.parametrize(
    ("stages", "status", "held"),
    [
        (("acknowledged", "4", "6"), "filled", "1010"),
        (("acknowledged", "4", "cancelled"), "cancelled", "1004"),
        (("acknowledged", "4", "expired"), "expired", "1004"),
        (("4", "acknowledged"), "partially_filled", "1004"),
        (("10", "acknowledged"), "filled", "1010"),
        (("acknowledged", "cancelled", "4"), "cancelled", "1004"),
        (("acknowledged", "cancelled", "10"), "filled", "1010"),
        (("rejected", "4"), "partially_filled", "1004"),
        (("rejected", "10"), "filled", "1010"),
        (("unknown", "4"), "partially_filled", "1004"),
        (("unknown", "10", "rejected"), "filled", "1010"),
        (("unknown", "acknowledged", "unknown"), "acknowledged", "1000"),
        (("unknown", "rejected"), "rejected", "1000"),
        (
            ("4", "acknowledged", "partially_filled", "cancelled", "acknowledged"),
            "cancelled",
            "1004",
        ),
    ],
)
def test_fills_are_booked_whatever_the_state(
    stages: tuple[str, ...], status: str, held: str
) -> None:
    """Before the acknowledgement, after the cancel, after the rejection: the money is the same."""
    books = told(*stages)
    assert books.order().status == status
    assert books.hold("XRP") == held


@given(st.permutations(["acknowledged", "4", "6", "filled", "partially_filled"]))
def test_in_any_order_of_arrival_the_order_ends_filled_once(stages: list[str]) -> None:
    books = told(*stages)
    assert books.order().status == "filled"
    assert books.order().filled == 10 * 10**8
    assert books.hold("XRP") == "1010"


@pytest.mark.parametrize("stages", list(permutations(["acknowledged", "4", "cancelled"])))
def test_in_any_order_of_arrival_a_cancelled_order_ends_cancelled_with_its_fill(
    stages: tuple[str, ...],
) -> None:
    books = told(*stages)
    assert books.order().status == "cancelled"
    assert books.hold("XRP") == "1004"


def test_an_echo_of_a_fill_adds_nothing_to_the_order() -> None:
    books = spot_books()
    books.tell(wish("buy", "10", "0.001"))
    name = books.order().client_order_id
    for _ in range(3):
        books.tell(fill("7", "buy", "4", "0.001", client_order_id=name, order_id="o"))
    assert books.order().filled == 4 * 10**8
    assert books.order().status == "partially_filled"
