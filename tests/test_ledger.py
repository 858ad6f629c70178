"""The double-entry book: what an entry does, and that whatever does not hold of it is named."""

from collections.abc import Callable

import pytest

from core import ledger
from core.settlement_state import LedgerEntry
from core.state import Entry, State
from tests import test_deposits
from tests.settling import DAY, HOUR, Books, change, pay, pull
from tests.subscribing import FUND, Issuer

# --- stories -------------------------------------------------------------------------------------


def under_way() -> Books:
    """Of Alice's 1000 a payment holds 300 until its day comes, and 200 are under way."""
    books = Books(alice=1000)
    books.request("t1", pay("wire", 200), pay("ach", 300, waits_for="settled"))
    return books


def settled() -> Books:
    """She pulled 300, which may come back."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pull("pull", 300))
    books.tell_accepted(leg.payment_id)
    books.line("L0", 300, "payment", leg.payment_id)
    books.wait(8 * DAY)
    return books


def exchanged() -> Books:
    books = Books(alice=1000)
    books.quote("q1", books.now + HOUR)
    books.request("t1", change("q1", 300, 270))
    return books


def credited() -> Books:
    """A deposit of 300 was hers at once, and the bank may take it back."""
    books = test_deposits.books(alice=1000)
    test_deposits.deposit(books)
    return books


def issued() -> Books:
    """She has 30 shares of ten cents."""
    books = Issuer(alice=1000)
    books.subscribed(30)
    return books


# --- entries -------------------------------------------------------------------------------------


def test_an_entry_names_what_it_is_about_and_its_evidence_and_leaves_nothing_out() -> None:
    """What moves nothing is no line of it."""
    state = State()
    lines = (("suspense/b/USD", 5), ("income/b/USD", 0), ("customer/a/USD", -5))
    ledger.book(state, "found", "L1", 7, lines)
    assert state.booked == [LedgerEntry("found", "L1", 7, (lines[0], lines[2]))]
    assert state.settlement.ledger == {"suspense/b/USD": 5, "customer/a/USD": -5}


def test_an_entry_of_nothing_is_no_entry() -> None:
    state = State()
    ledger.book(state, "found", "L1", 7, (("suspense/b/USD", 0), ("customer/a/USD", 0)))
    assert not state.booked
    assert not state.settlement.ledger


@pytest.mark.parametrize(
    "lines",
    [
        (("suspense/b/USD", 5),),
        (("suspense/b/USD", 5), ("customer/a/USD", 5)),
        (("suspense/b/USD", 5), ("customer/a/EUR", -5)),
    ],
    ids=["one side", "the same sign", "two assets"],
)
def test_an_entry_that_does_not_balance_in_each_asset_is_never_booked(
    lines: tuple[tuple[str, int], ...],
) -> None:
    state = State()
    with pytest.raises(AssertionError, match="L1"):
        ledger.book(state, "found", "L1", 7, lines)
    assert not state.settlement.ledger


@pytest.mark.parametrize(("told", "stands"), [((30,), 30), ((0,), 99), ((), 99)])
def test_a_line_of_a_nostro_moves_its_holding_when_the_counterparty_booked_it(
    told: tuple[int, ...], stands: int
) -> None:
    """Or now, where that is not told; no other line is a holding."""
    state = State(now=99)
    lines = (("nostro/bank/ops/USD", 5), ("suspense/bank/ops/USD", -5))
    ledger.book(state, "found", "L1", 7, lines, *told)
    ledger.book(state, "found", "L2", 8, lines, *told)
    assert state.holdings == {"bank/ops/USD/cash": 10}
    assert state.figures == {"settlement/bank/ops/found/USD": 10}
    assert state.recent == {"bank/ops/USD/cash": [Entry(stands, 0, 5)] * 2}


def test_what_is_held_and_what_may_come_back_are_entries_of_their_payment() -> None:
    """A hold is ours; what may come back names the frame that settled it."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 200))
    state = books.state
    state.booked.clear()
    ledger.hold(state, leg, 5)
    ledger.hold(state, leg, -2)
    ledger.memorise(state, leg, 7, 9)
    ledger.memorise(state, leg, -3, 10)
    assert (leg.held, leg.contingent) == (3, 4)
    name = leg.payment_id
    assert state.booked == [
        LedgerEntry("hold", name, 0, (("held/alice/USD", 5), ("intended/wire/USD", -5))),
        LedgerEntry("hold", name, 0, (("held/alice/USD", -2), ("intended/wire/USD", 2))),
        LedgerEntry(
            "contingent", name, 9, (("contingent/wire/USD", 7), ("revocable/wire/USD", -7))
        ),
        LedgerEntry(
            "contingent", name, 10, (("contingent/wire/USD", -3), ("revocable/wire/USD", 3))
        ),
    ]


@pytest.mark.parametrize(
    ("story", "settled_at", "due"),
    [(settled, 5, 300 - 40 - 7), (settled, 0, 0), (under_way, 5, 0)],
    ids=["hers once", "never hers", "paid out"],
)
def test_what_came_back_is_owed_where_its_customer_had_it(
    story: Callable[[], Books], settled_at: int, due: int
) -> None:
    """Less what was set off against what she has, and what was written off."""
    leg = next(iter(story().state.settlement.legs.values()))
    leg.returned, leg.set_off, leg.written_off, leg.settled_at = 300, 40, 7, settled_at
    assert ledger.owed(leg) == due


@pytest.mark.parametrize("source", ["", "suspense/bank/ops/USD"])
def test_a_leg_is_paid_for_by_its_customer_or_by_an_account_in_his_place(source: str) -> None:
    leg = next(iter(under_way().state.settlement.legs.values()))
    leg.source = source
    assert ledger.theirs(leg) == (source or "customer/alice/USD")


def test_what_a_customer_may_dispose_of_is_less_what_is_held_and_what_is_owed() -> None:
    state = State()
    state.settlement.ledger |= {
        "customer/a/USD": -100,
        "held/a/USD": 30,
        "receivable/a/USD": 9,
        "customer/a/EUR": -1000,
        "held/b/USD": 1000,
    }
    assert (ledger.posted(state, "a", "USD"), ledger.available(state, "a", "USD")) == (100, 61)
    assert (ledger.posted(state, "c", "USD"), ledger.available(state, "c", "USD")) == (0, 0)


# --- what must hold ------------------------------------------------------------------------------


def off(name: str, change: int) -> Callable[[State], None]:
    """An account of the ledger that is moved by no entry."""

    def spoil(state: State) -> None:
        state.settlement.ledger[name] += change

    return spoil


def holds_more(state: State) -> None:
    state.holdings["bank/ops/USD/cash"] += 1


def holds_nothing(state: State) -> None:
    del state.holdings["bank/ops/USD/cash"]


def due_less(state: State) -> None:
    next(iter(state.settlement.legs.values())).due += 1


def holds_back_more(state: State) -> None:
    list(state.settlement.legs.values())[1].held += 1


def may_come_back_in_part(state: State) -> None:
    next(iter(state.settlement.legs.values())).contingent -= 1


def may_be_taken_back_in_part(state: State) -> None:
    next(iter(state.settlement.credits.values())).contingent -= 1


def lot_of_less(state: State) -> None:
    state.settlement.positions["EUR-USD"].lots[0].base -= 1


def more_shares(state: State) -> None:
    state.tokens[FUND].reserved.supply += 1


def one_was_not_paid_for(state: State) -> None:
    """A share from before there was an offering cost its issuer nothing."""
    offering = state.tokens[FUND].offering
    assert offering is not None
    offering.unpaid += 1


LEGS = "is off the sum of its legs or lots by"
FAULTS: list[tuple[Callable[[], Books], Callable[[State], None], list[str]]] = [
    (under_way, off("customer/alice/USD", 1), ["USD: the ledger sums to 1"]),
    (under_way, off("customer/alice/USD", -1), ["USD: the ledger sums to -1"]),
    (exchanged, off("customer/alice/EUR", 1), ["EUR: the ledger sums to 1"]),
    (under_way, holds_more, ["nostro/bank/ops/USD is 1000, its holding 1001"]),
    (under_way, holds_nothing, ["nostro/bank/ops/USD is 1000, its holding 0"]),
    (under_way, due_less, [f"transit/wire/USD {LEGS} -1"]),
    (under_way, holds_back_more, [f"held/alice/USD {LEGS} -1"]),
    (settled, may_come_back_in_part, [f"contingent/pull/USD {LEGS} 1"]),
    (credited, may_be_taken_back_in_part, [f"contingent/received/USD {LEGS} 1"]),
    (exchanged, lot_of_less, [f"exchange/EUR-USD/EUR {LEGS} -1"]),
    (issued, more_shares, ["FUND: its issuer has 300, what exists cost 310"]),
    (issued, one_was_not_paid_for, ["FUND: its issuer has 300, what exists cost 290"]),
    (
        issued,
        off("issuer/FUND/USD", 10),
        ["FUND: its issuer has 290, what exists cost 300", "USD: the ledger sums to 10"],
    ),
]


@pytest.mark.parametrize(
    ("story", "spoil", "faults"), FAULTS, ids=[" ".join(said) for *_, said in FAULTS]
)
def test_whatever_does_not_hold_of_the_ledger_is_named_with_its_size(
    story: Callable[[], Books], spoil: Callable[[State], None], faults: list[str]
) -> None:
    """Of one unit, and in either direction; and nothing else is."""
    books = story()
    assert ledger.faults(books.state) == []
    spoil(books.state)
    assert ledger.faults(books.state) == faults


@pytest.mark.parametrize("story", [under_way, settled, exchanged, credited])
def test_an_account_that_no_entry_ever_named_is_off_by_all_that_should_stand_there(
    story: Callable[[], Books],
) -> None:
    state = story().state
    standing = state.settlement.ledger
    of_legs = {name: each for name, each in standing.items() if name.startswith(ledger.OF_LEGS)}
    assert any(of_legs.values())
    for name, amount in of_legs.items():
        del standing[name]
        assert (f"{name} {LEGS} {-amount}" in ledger.faults(state)) == bool(amount)
        standing[name] = amount


@pytest.mark.parametrize(
    ("story", "spoil", "faults"), FAULTS, ids=[" ".join(said) for *_, said in FAULTS]
)
def test_of_two_faults_both_are_named(
    story: Callable[[], Books], spoil: Callable[[State], None], faults: list[str]
) -> None:
    """Whatever else does not hold, and the holding of another nostro."""
    state = story().state
    ledger.book(state, "moved", "", 0, (("nostro/b/EUR", 5), ("suspense/b/EUR", -5)))
    state.holdings["b/EUR/cash"] = 6
    spoil(state)
    assert sorted(ledger.faults(state)) == sorted([*faults, "nostro/b/EUR is 5, its holding 6"])
