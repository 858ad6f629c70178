"""What is said before it is so: cash that has moved, and an account that was read back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.effects import Effect, TellMove
from core.events import (
    AccountOpened,
    Event,
    InstrumentListed,
    NodeStarted,
    OpenOrdersReported,
    PageReported,
)
from core.state import ReadingBack, State
from sim.truth import Truth
from tests.test_cut_tail import LISTED, OPENED
from tests.test_journal_figures import journal
from tieout.claims.cash_told import moves_told_early
from tieout.claims.read_back import LEDGER, Ends, read_back_early

HOUSE, OTHER = OPENED.account, "venue/b"
UNIT = Decimal("0.00000001")


# --- cash that moved -----------------------------------------------------------------------------


def telling(status: str, at: int, move_id: str = "m") -> tuple[Event, list[Effect]]:
    told = TellMove(
        strategy="arb",
        reference="r",
        move_id=move_id,
        source=HOUSE,
        target=OTHER,
        asset="ETH",
        amount=7,
        status=status,
    )
    return NodeStarted(received_at=at, node="tie", epoch=1), [told]


def early(truth: Truth, *told: tuple[Event, list[Effect]]) -> list[str]:
    return moves_told_early(truth, State(), journal(*told))


class World:
    """A truth, and what time it is there."""

    def __init__(self) -> None:
        self.now = 0
        self.truth = Truth(lambda: self.now)

    def moves(self, account: str, units: int, at: int) -> None:
        self.now = at
        deltas = {f"{account}/ETH/cash": units * UNIT}
        self.truth.record(account, "cash", (str(at),), deltas, "transfer")


def test_cash_is_told_as_gone_and_come_once_it_is() -> None:
    world = World()
    world.moves(HOUSE, -7, 10)
    world.moves(OTHER, 7, 20)
    assert early(world.truth, telling("in_flight", 10), telling("arrived", 21)) == []
    assert early(world.truth, telling("in_flight", 9), telling("arrived", 19)) == [
        "m in_flight",
        "m arrived",
    ]


def test_one_movement_is_told_of_one_move() -> None:
    world = World()
    world.moves(HOUSE, -7, 10)
    world.moves(HOUSE, -7, 30)
    first = telling("in_flight", 11)
    assert early(world.truth, first, telling("in_flight", 31, "n")) == []
    assert early(world.truth, first, telling("in_flight", 29, "n")) == ["n in_flight"]


def test_another_amount_is_another_movement_and_other_words_say_nothing_of_one() -> None:
    world = World()
    world.moves(HOUSE, -8, 10)
    world.moves(HOUSE, 7, 10)
    assert early(world.truth, telling("asked", 1), telling("open", 2)) == []
    assert early(world.truth, telling("in_flight", 11)) == ["m in_flight"]


# --- what was read back --------------------------------------------------------------------------

CUT_AT = 1000
QUIET = CUT_AT + OPENED.request_validity_ns + OPENED.clock_error_ns + OPENED.latency_ns_max
LOST = NodeStarted(received_at=CUT_AT, node="tie", epoch=2, records_lost=1)


def listing(asked_at: int, received_at: int) -> OpenOrdersReported:
    return OpenOrdersReported(
        received_at=received_at, account=HOUSE, client_order_ids=(), asked_at=asked_at
    )


def page(asked_at: int, at: int, subject: str = "X", *, more: bool = False) -> PageReported:
    return PageReported(
        received_at=at, account=HOUSE, subject=subject, through="1", more=more, asked_at=asked_at
    )


def found(*events: Event, ended_at: int, opened: AccountOpened = OPENED) -> list[str]:
    told: list[Event] = [opened, LISTED, LOST, *events]
    return read_back_early({(HOUSE, ended_at): None}, journal(*((each, []) for each in told)))


def test_what_was_listed_and_then_read_was_read_back() -> None:
    assert found(listing(QUIET, QUIET + 5), page(QUIET + 5, QUIET + 9), ended_at=QUIET + 9) == []


@pytest.mark.parametrize(
    "events",
    [
        [page(QUIET + 5, QUIET + 9)],
        [listing(QUIET - 1, QUIET + 5), page(QUIET + 5, QUIET + 9)],
        [listing(QUIET, QUIET + 5), page(QUIET + 4, QUIET + 9)],
        [listing(QUIET, QUIET + 5), page(QUIET + 5, QUIET + 9, more=True)],
        [listing(QUIET, QUIET + 5), page(QUIET + 5, QUIET + 9, LEDGER)],
    ],
    ids=["never listed", "listed too soon", "read too soon", "not to its end", "another part"],
)
def test_what_was_not_is_found(events: list[Event]) -> None:
    assert found(*events, ended_at=QUIET + 9) == [f"{HOUSE} {QUIET + 9}"]


def test_the_ledger_is_a_part_of_the_record_where_there_is_one() -> None:
    fields = {each: getattr(OPENED, each) for each in OPENED.__struct_fields__}
    kept = AccountOpened(**fields | {"ledger": True})
    read = listing(QUIET, QUIET + 5), page(QUIET + 5, QUIET + 9)
    assert found(*read, ended_at=QUIET + 9, opened=kept) == [f"{HOUSE} {QUIET + 9}"]
    assert found(*read, page(QUIET + 6, QUIET + 10, LEDGER), ended_at=QUIET + 10, opened=kept) == []


def test_what_is_listed_after_the_orders_were_is_of_the_next_round() -> None:
    fields = {each: getattr(LISTED, each) for each in LISTED.__struct_fields__}
    new = InstrumentListed(**fields | {"instrument": "Y"})
    read = page(QUIET + 5, QUIET + 9)
    assert found(listing(QUIET, QUIET + 5), new, read, ended_at=QUIET + 9) == []


def test_an_end_that_a_later_cut_took_is_none() -> None:
    assert found(ended_at=QUIET + 9) == []


def test_an_account_ends_when_it_is_cut_off_no_more() -> None:
    ends, state = Ends(), State()
    ends.look(state)
    state.cut = {HOUSE: ReadingBack(since=1), OTHER: ReadingBack(since=1)}
    ends.look(state)
    assert ends.found == {}
    del state.cut[HOUSE]
    state.now = 5
    ends.look(state)
    assert ends.found == {(HOUSE, 5): None}
    ends.node_up(State())
    ends.look(State())
    assert ends.found == {(HOUSE, 5): None}, "books of before may not know of the cut"
