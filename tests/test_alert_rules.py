"""What stands of a node that a person must hear of: each rule where it finds something, and where
it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core import closures
from core.rail_events import PaymentReported
from core.risk_events import EntriesClosed, EntriesOpened
from core.risk_state import Cold, Epoch, Kill
from core.settlement_state import Item
from core.state import Account, Drift, Reading, ReadingBack, State
from tests.settling import HOUR, Books, pay, pull
from tieout.watching.alert_rules import RULES, SECOND, Vitals, gate_of, standing

NOW = 1_000 * SECOND
ACCOUNT = "okx_swap/main"


def quiet() -> State:
    """A state of which nobody has to hear anything."""
    account = Account(ACCOUNT, "fills", (), 1, 1, 1, 12 * SECOND, 0, False, False, False, 1, 1)
    account.streaming, account.heard_at = True, NOW
    state = State(now=NOW, accounts={ACCOUNT: account})
    state.risk.ttl_ns = 3 * SECOND
    return state


def broken(state: State) -> None:
    name = f"{ACCOUNT}/USDT/cash"
    drift = Drift(Reading(name, 5, 0, 0, 0, 0, 0, 0, 0), 150_000_000, NOW - 5 * SECOND)
    drift.number, drift.broken_at, drift.owner, drift.cause = 4, NOW, "treasury", "missing_fill"
    state.breaks[name] = drift


def killed(state: State) -> None:
    state.risk.kills["k1"] = Kill("k1", "ann", "a drill", "none", NOW)


def engine_lost(state: State) -> None:
    state.risk.cold = Cold(since=NOW - 9 * SECOND, is_open=False)


def stream_down(state: State) -> None:
    state.accounts[ACCOUNT].streaming = False


def stream_silent(state: State) -> None:
    state.accounts[ACCOUNT].heard_at = NOW - 12 * SECOND


def lent(state: State) -> None:
    state.risk.epochs[7] = Epoch("desk_gate", 1, 7)


def item_open(state: State) -> None:
    state.settlement.items["i"] = Item("p1", "bank_us/ops", "USD", 5, "late", NOW, 3, "ops", "")


def nothing(state: State) -> None:
    """As it was."""


QUIET = Vitals(NOW)
CASES: dict[str, tuple[Callable[[State], None], Vitals, str, str]] = {
    "break": (broken, QUIET, "break/4", "critical"),
    "item": (item_open, QUIET, "item/3", "warning"),
    "kill": (killed, QUIET, "kill/k1", "critical"),
    "gate": (engine_lost, QUIET, "gate/engine", "critical"),
    "lease": (
        lent,
        Vitals(NOW, leases=(("desk_gate", NOW - 3 * SECOND),)),
        "lease/desk_gate/7",
        "critical",
    ),
    "stream": (stream_down, QUIET, f"stream/{ACCOUNT}", "warning"),
    "silent": (stream_silent, QUIET, f"stream/{ACCOUNT}", "warning"),
    "journal": (nothing, Vitals(NOW, waiting_since=NOW - 2 * SECOND), "journal", "critical"),
    "loop": (nothing, Vitals(NOW, late_ns=2 * SECOND), "loop", "warning"),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_rule_finds_what_it_is_for_and_nothing_else(kind: str) -> None:
    spoil, vitals, key, severity = CASES[kind]
    state = quiet()
    spoil(state)
    found = standing(state, vitals)
    assert [(each.key, each.severity) for _, each in found] == [(key, severity)]


def test_every_rule_is_tried() -> None:
    """A payment that is late is tried with real settlement, in the test below."""
    assert {rule.kind for rule in RULES} <= {*CASES, "late"}


@pytest.mark.parametrize(
    "vitals",
    [
        QUIET,
        Vitals(NOW, waiting_since=NOW - 2 * SECOND + 1, late_ns=2 * SECOND - 1),
        Vitals(NOW, leases=(("desk_gate", NOW - 3 * SECOND + 1),)),
    ],
)
def test_what_is_within_its_bound_is_no_alert(vitals: Vitals) -> None:
    state = quiet()
    lent(state)
    state.accounts[ACCOUNT].heard_at = NOW - 12 * SECOND + 1
    assert standing(state, vitals) == []


def test_a_break_says_how_much_of_what_and_whose_it_is() -> None:
    state = quiet()
    broken(state)
    ((_, found),) = standing(state, QUIET)
    assert (found.owner, found.subject) == ("treasury", f"{ACCOUNT}/USDT/cash")
    assert "missing_fill: the venue has 1.5 USDT more" in found.text


@pytest.mark.parametrize(
    ("spoil", "gate"),
    [(nothing, "open"), (broken, "exits_only"), (killed, "closed"), (engine_lost, "closed")],
)
def test_a_gate_is_open_or_closed_or_lets_exits_through(
    spoil: Callable[[State], None], gate: str
) -> None:
    state = quiet()
    spoil(state)
    assert gate_of(state, ACCOUNT) == gate
    assert gate_of(state, "okx_swap/mai") == (gate if gate == "closed" else "open")


def test_a_gate_whose_entries_are_closed_lets_exits_through_and_is_not_called_open() -> None:
    """Of the account where something is wrong; of a journal that was cut, everywhere."""
    state = quiet()
    closed = EntriesClosed(received_at=NOW, code="VENUE_DOWN", place=ACCOUNT, reason="503")
    closures.on_closed(state, closed)
    assert gate_of(state, ACCOUNT) == "exits_only"
    assert gate_of(state, "okx_swap/mai") == "open"
    closures.on_opened(state, EntriesOpened(received_at=NOW, code="VENUE_DOWN", place=ACCOUNT))
    assert gate_of(state, ACCOUNT) == "open"
    state.cut = {ACCOUNT: ReadingBack(since=NOW)}
    assert gate_of(state, ACCOUNT) == gate_of(state, "okx_swap/mai") == "exits_only"


def test_a_payment_that_should_be_over_is_told_and_one_that_has_time_is_not() -> None:
    """The wire was due within the hour; the pull began before it, and has days."""
    books = Books(alice=1000, bob=1000)
    for leg in (
        *books.request("t1", pull("pull", 300), pay("wire", 300)),
        *books.request("t2", pay("wire", 300), customer="bob"),
    ):
        told = {"account": leg.account, "payment_id": leg.payment_id, "status": "accepted"}
        books.tell(PaymentReported, **told)
    wired = leg.payment_id
    assert standing_late(books) == []
    books.state.now = books.now + 3 * HOUR
    assert standing_late(books) == [f"late/{wired}"]


def standing_late(books: Books) -> list[str]:
    found = standing(books.state, Vitals(books.state.now))
    return [each.key for rule, each in found if rule.kind == "late"]
