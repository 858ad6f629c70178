"""Cash between two accounts: asked for, in flight, arrived, or an open break; never used twice."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core.effects import Effect, MoveCash, RaiseAlert, TellMove, TellPosition
from core.events import (
    AlarmRang,
    CashMoved,
    Event,
    InstrumentListed,
    MoveRequested,
    NodeStarted,
    OpeningSet,
)
from core.gate import BreakGate
from core.journal import decode_event, digest_of
from core.moves import OPEN_MAX, open_moves
from core.state import State
from core.step import step
from core.stuck import stuck
from scenarios.model import Scenario, check
from sim.memory_store import MemoryStore
from sim.world import SECOND
from tieout.node.opening import account_opened
from tieout.runs import run
from tieout.simulation import Simulation

A, B = "binance_spot/main", "okx_swap/main"
T0 = 1_700_000_000 * SECOND


class Books:
    """A state with two accounts, stepped by hand."""

    def __init__(self) -> None:
        self.state, self.now = State(), T0
        self.tell(NodeStarted(received_at=T0, node="tie", epoch=1))
        told = {"name": "x", "claim": "x", "duration_s": 1, "venues": ["binance_spot", "okx_swap"]}
        for venue in check(told, "test").venues:
            self.tell(account_opened(venue, T0))
        self.tell(
            OpeningSet(
                received_at=T0,
                account=A,
                subject="USDT",
                leg="cash",
                amount=1000,
                occurred_at=T0,
            )
        )

    def tell(self, event: Event) -> list[Effect]:
        self.now += 1
        return step(self.state, replace(event, received_at=self.now), BreakGate())

    def ask(self, amount: int = 600, **said: Any) -> list[Effect]:
        told = {"strategy": "arb", "reference": "r", "account": A, "target": B, "asset": "USDT"}
        within = {"amount": amount, "within_ns": 60 * SECOND}
        return self.tell(MoveRequested(received_at=0, **(told | within | said)))

    def moved(self, account: str, amount: int, name: str = "m1") -> list[Effect]:
        return self.tell(
            CashMoved(
                received_at=0,
                account=account,
                movement_id=name,
                asset="USDT",
                amount=amount,
                reason="transfer",
                occurred_at=self.now,
            )
        )

    def rings(self) -> list[Effect]:
        (alarm,) = [name for name in self.state.alarms if name.startswith("move/")]
        self.now = max(self.now, self.state.alarms[alarm])
        return self.tell(AlarmRang(received_at=0, alarm=alarm))


def told(effects: list[Effect]) -> list[str]:
    """What the strategy hears."""
    return [
        f"{each.status} {each.reason}".strip() for each in effects if isinstance(each, TellMove)
    ]


def test_a_move_is_in_flight_from_the_debit_told_until_the_credit_told() -> None:
    books = Books()
    asked = books.ask()
    assert told(asked) == ["asked"]
    (asks,) = [each for each in asked if isinstance(each, MoveCash)]
    assert (asks.source, asks.target, asks.asset, asks.amount) == (A, B, "USDT", 600)
    assert [row.stage for row in stuck(books.state)] == ["asked"]
    assert told(books.moved(A, -600)) == ["in_flight"]
    (row,) = stuck(books.state)
    assert (row.stage, row.account, row.amount, row.late) == ("in_flight", B, 600, False)
    assert told(books.moved(B, 600, "m2")) == ["arrived"]
    assert (stuck(books.state), open_moves(books.state)) == ([], [])
    assert not [name for name in books.state.alarms if name.startswith("move/")]
    assert books.state.figures[f"arb/{A}/-/transfer/USDT"] == -600, "it is the strategy's"


def test_the_credit_may_be_told_before_the_debit() -> None:
    books = Books()
    books.ask()
    assert told(books.moved(B, 600)) == ["arrived"]
    assert told(books.moved(A, -600, "m2")) == []
    assert open_moves(books.state) == []


def test_a_credit_whose_debit_nobody_tells_is_asked_of_people_and_counts_no_more() -> None:
    books = Books()
    books.ask()
    books.moved(B, 600)
    (alert,) = [each for each in books.rings() if isinstance(each, RaiseAlert)]
    assert "told of no debit" in alert.text
    assert open_moves(books.state) == []


def test_a_movement_that_is_told_twice_moves_nothing_twice() -> None:
    books = Books()
    books.ask(300)
    books.ask(300)
    books.moved(A, -300)
    assert told(books.moved(A, -300)) == [], "an echo of the first, not the debit of the second"
    assert [bool(each.debited_at) for each in open_moves(books.state)] == [True, False]
    assert told(books.moved(A, -300, "m2")) == ["in_flight"]
    assert [bool(each.debited_at) for each in open_moves(books.state)] == [True, True]


def test_what_left_and_does_not_come_is_a_break_until_it_does() -> None:
    books = Books()
    books.ask()
    books.moved(A, -600)
    effects = books.rings()
    assert told(effects) == ["overdue"]
    assert [each.severity for each in effects if isinstance(each, RaiseAlert)] == ["critical"]
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.account, item.asset, item.size) == ("not_arrived", B, "USDT", 600)
    assert [row.late for row in stuck(books.state)] == [True]
    assert told(books.moved(B, 600, "m2")) == ["arrived"]
    assert books.state.settlement.items == {}


def test_what_nobody_sent_is_asked_of_people_and_is_no_break() -> None:
    books = Books()
    books.ask()
    effects = books.rings()
    assert [each.severity for each in effects if isinstance(each, RaiseAlert)] == ["warning"]
    assert books.state.settlement.items == {}


def test_what_left_too_late_and_does_not_come_is_a_break_too() -> None:
    """The alarm has rung before it left: without another it would be in flight for ever."""
    books = Books()
    books.ask()
    books.rings()
    books.moved(A, -600)
    assert told(books.rings()) == ["overdue"]
    assert [item.cause for item in books.state.settlement.items.values()] == ["not_arrived"]


REFUSED = {
    "more than is there": ({"amount": 1001}, "NOT_THERE"),
    "nothing": ({"amount": 0}, "NO_AMOUNT"),
    "to itself": ({"target": A}, "NO_SUCH_ACCOUNT"),
    "to nobody": ({"target": "x/y"}, "NO_SUCH_ACCOUNT"),
    "at once": ({"within_ns": 0}, "NO_AMOUNT"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused(case: str) -> None:
    said, code = REFUSED[case]
    assert told(Books().ask(**said)) == [f"refused {code}"]  # type: ignore[arg-type]  # fields


def test_what_was_asked_for_is_not_there_to_be_asked_for_again() -> None:
    books = Books()
    books.ask(600)
    assert told(books.ask(600)) == ["refused NOT_THERE"]
    for _ in range(OPEN_MAX - 1):
        assert told(books.ask(1)) == ["asked"]
    assert told(books.ask(1)) == ["refused TOO_MANY_OPEN"]


def test_after_a_restart_what_did_not_leave_is_asked_for_again_under_its_id() -> None:
    books = Books()
    (first,) = [each for each in books.ask(600) if isinstance(each, MoveCash)]
    again = books.tell(NodeStarted(received_at=0, node="tie", epoch=2))
    assert [each for each in again if isinstance(each, MoveCash)] == [first]
    assert told(again) == ["open"]
    books.moved(A, -600)
    again = books.tell(NodeStarted(received_at=0, node="tie", epoch=3))
    assert not [each for each in again if isinstance(each, MoveCash)]
    assert told(again) == ["open"]


def test_a_position_of_coins_has_what_was_moved() -> None:
    books = Books()
    for account in (A, B):
        books.tell(
            InstrumentListed(
                received_at=0,
                account=account,
                instrument="X",
                kind="spot",
                base="USDT",
                quote="EUR",
                settle="EUR",
                multiplier=10**8,
            )
        )
    books.ask()
    books.moved(A, -600)
    effects = books.tell(NodeStarted(received_at=0, node="tie", epoch=2))
    held = [(e.account, e.strategy, e.quantity) for e in effects if isinstance(e, TellPosition)]
    assert held == [(A, "arb", -600)]


# --- in simulation -------------------------------------------------------------------------------

ETH = {"base": "ETH", "quote": "USDT", "tick": "0.01", "lot": "0.001", "price": "2000.00"}
CHEAP = {"maker_rate": "0", "taker_rate": "0.00001"}


def between(**said: Any) -> Scenario:
    """One coin at two spot venues, of which one lists no movements of cash."""
    venues = [
        {
            "dialect": "binance_spot",
            "instruments": [ETH | CHEAP | {"symbol": "ETHUSDT"}],
            "wallets": {"ETH": "10", "USDT": "20000", "BNB": "50"},
        },
        {
            "dialect": "coinbase",
            "instruments": [ETH | CHEAP | {"symbol": "ETH-USDT"}],
            "wallets": {"ETH": "10", "USDT": "20000"},
        },
    ]
    options = {"base": "ETH", "size": "0.01", "limit": "0.03", "edge_bp": 0, "within_s": 40}
    told = {
        "name": "between",
        "claim": "cash moves between venues",
        "duration_s": 240,
        "heal_s": 120,
        "venues": venues,
        "strategies": [{"kind": "arbitrage", "name": "arb", "tick_ms": 500, "options": options}],
        "treasury": {"acts_s": [1, 3], "moves_s": [5, 15]},
        **said,
    }
    return check(told, "test")


def simulated(scenario: Scenario, seed: int = 1) -> tuple[Simulation, State, MemoryStore]:
    store = MemoryStore()
    simulation = Simulation(scenario, seed, store)
    simulation.run()
    assert simulation.host.state is not None
    return simulation, simulation.host.state, store


def test_arbitrage_piles_up_and_is_settled_and_books_are_the_truth() -> None:
    simulation, state, store = simulated(between())
    assert state.counts["moves_asked"] >= 4
    assert simulation.treasury.arrived == state.counts["moves_arrived"] > 2
    assert (state.breaks, state.suspects, state.settlement.items) == ({}, {}, {})
    wishes = [decode_event(each.body) for each in store.committed if each.name == "OrderRequested"]
    assert len(wishes) > 20
    _, again, other = simulated(between())
    assert digest_of(store, state) == digest_of(other, again)


def test_a_stuck_credit_is_found_as_a_break_and_closes_when_it_comes() -> None:
    faults = [{"kind": "credit_stuck", "strength": 60_000, "one_in": 1}]
    simulation, state, _ = simulated(between(faults=faults))
    assert simulation.faults.counts["credit_stuck"] > 1
    assert state.counts["items/not_arrived"] > 1
    assert state.settlement.items == {}, "all came in the end"


@pytest.mark.parametrize("seed", range(3))
def test_a_node_that_is_killed_asks_for_nothing_twice(seed: int) -> None:
    faults = [
        {"kind": "crash", "one_in": 900, "strength": 1500},
        {"kind": "lost_frame", "one_in": 30},
    ]
    simulation, state, _ = simulated(between(faults=faults), seed)
    assert simulation.host.crashes > 1
    assert simulation.treasury.moved >= 2
    assert (state.breaks, state.suspects) == ({}, {})


def test_its_law_holds() -> None:
    """Nothing is ever silently different while cash moves."""
    outcome = run(between(claims=[]), seed=3)
    assert [each for each in outcome.claims if not each.held] == []
