"""The stuck view of a journal: every payment under way, late first, and a word where none is."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from core.gate import BreakGate
from core.journal import decode_event
from core.rail_events import PaymentReported
from core.settlement_state import Leg
from core.state import State
from core.step import step
from core.stuck import stuck
from tests.settling import HOUR, Books, pay, pull
from tests.test_cli import tieout
from tieout.bad_input import BadMoment
from tieout.reports.files import save_journal
from tieout.reports.outcome import Outcome
from tieout.runs import run
from tieout.settlement.stuck import moment, of_state, stuck_view

BETWEEN = moment("2023-11-16T06:00")


@cache
def outcome_of(name: str) -> Outcome:
    return run(name, seed=5, short=True, sampled=False)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stuck") / "journal.db"
    save_journal(outcome_of("storm_rails").store, path)
    return path


def told(view: Any) -> Any:
    return json.loads(json.dumps(view.as_dict()))


def test_at_a_moment_it_shows_every_open_leg_as_it_stood_then(journal: Path) -> None:
    """No record after that moment has a say, and the view of a file is that of the store."""
    view = stuck_view(journal, BETWEEN)
    assert told(view) == told(stuck_view(outcome_of("storm_rails").store, BETWEEN))
    shown = {row.payment_id for row in view.payments}
    state = view.state
    moving = [leg for leg in state.settlement.legs.values() if leg.status == "in_flight"]
    assert len(moving) > 5
    assert {leg.payment_id for leg in moving} <= shown <= set(state.settlement.open_legs)
    assert all(row.since <= BETWEEN for row in view.payments)
    assert state.now == view.at == BETWEEN


def test_the_end_of_a_run_shows_its_items_and_its_suspense(journal: Path) -> None:
    """And so does any moment of it: here the last at which a line came to lie in suspense."""
    end = outcome_of("storm_rails").state
    compare(told(stuck_view(journal)), end)
    known = [*end.settlement.items.values(), *end.settlement.closed]
    last = max(item.opened_at for item in known if item.cause == "unattributed")
    shown = stuck_view(journal, last)
    view = told(shown)
    compare(view, shown.state)
    assert len(view["items"]) >= 1
    assert len(view["suspense"]) >= 1


def compare(view: Any, state: State) -> None:
    assert view["at"] == state.now
    assert [item["number"] for item in view["items"]] == [
        item.number for item in sorted(state.settlement.items.values(), key=lambda i: i.opened_at)
    ]
    assert [line["line_id"] for line in view["suspense"]] == [
        line.line_id for line in state.settlement.suspense.values()
    ]


def accepted(books: Books, leg: Leg) -> None:
    books.tell(PaymentReported, account=leg.account, payment_id=leg.payment_id, status="accepted")


def test_late_payments_come_first_and_say_whom_they_keep_waiting() -> None:
    """The wire was due within the hour; the pull began before it, and has days."""
    books = Books(alice=1000, bob=1000)
    pulled, paid = books.request("t1", pull("pull", 300), pay("wire", 300))
    accepted(books, pulled)
    books.now += HOUR
    (wired,) = books.request("t2", pay("wire", 300), customer="bob")
    accepted(books, wired)
    books.state.now = books.now + 3 * HOUR
    rows = stuck(books.state)
    assert [(row.payment_id, row.late) for row in rows] == [
        (wired.payment_id, True),
        (pulled.payment_id, False),
        (paid.payment_id, False),
    ]
    assert rows[1].blocks == (paid.payment_id,)
    text = str(of_state(books.state, books.state.now))
    assert text.index("LATE " + wired.payment_id) < text.index(pulled.payment_id)
    assert text.count("LATE") == 1
    assert "3 payments under way, 1 late" in text


def test_a_leg_that_waits_is_due_when_what_it_waits_for_is() -> None:
    """Silence settles a pull at its deadline, days after its line is due: none is late before."""
    books = Books(alice=1000)
    pulled, paid = books.request("t1", pull("pull", 300), pay("wire", 300))
    accepted(books, pulled)
    assert pulled.due_at < pulled.silent_until
    books.state.now = pulled.due_at + HOUR
    rows = {row.payment_id: row for row in stuck(books.state)}
    assert rows[paid.payment_id].expected_by == pulled.silent_until
    assert not rows[paid.payment_id].late
    assert "earlier leg" in rows[paid.payment_id].safe


def test_only_what_is_not_mined_keeps_later_nonces_waiting() -> None:
    """R5: the first nonce that no block has is the one cause of all behind it."""
    state, gate, blocking = State(), BreakGate(), 0
    records = [r for r in outcome_of("stuck_mempool").store.records() if r.kind == "event"]
    for number, record in enumerate(records):
        step(state, decode_event(record.body), gate)
        rows = stuck(state) if number % 5 == 0 else []
        legs = state.settlement.legs
        for row in rows:
            if row.blocks:
                blocking += 1
                assert not any(each.block_hash for each in legs[row.payment_id].attempts)
                behind = [legs[name].nonce for name in row.blocks]
                assert behind == sorted(behind)
                assert behind[0] > legs[row.payment_id].nonce
        assert sum(bool(row.blocks) for row in rows) <= 1
    assert blocking > 5


def test_where_nothing_is_stuck_it_says_so() -> None:
    books = Books(alice=1000)
    view = of_state(books.state, books.now)
    assert view.empty
    assert str(view).endswith("nothing lies in suspense")
    assert told(view)["payments"] == told(view)["items"] == told(view)["suspense"] == []


def test_an_item_names_its_owner_its_signed_size_and_what_would_help() -> None:
    books = Books(alice=1000)
    books.line("L9", -25)
    text = str(of_state(books.state, books.now + HOUR))
    assert "unknown_debit, -0.25 USD at bank/ops" in text
    assert "(1 h 0 min)" in text
    assert "operations: ask the counterparty what it took" in text
    assert "suspense: L9, -0.25 USD" in text


@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_shows_all_of_it_however_wide(width: int) -> None:
    """A table where there is room for one; brackets in a bank's words are no markup."""
    books = Books(alice=1000)
    (leg,) = books.request("t1", pay("wire", 300))
    books.line("L[bold]9", -25)
    into = io.StringIO()
    console = Console(file=into, width=width, markup=False, highlight=False)
    console.print(of_state(books.state, books.now + HOUR))
    text = " ".join(into.getvalue().split())
    for word in (leg.payment_id, "in_flight", "unknown_debit", "L[bold]9", "an acknowledgement"):
        assert word in text
    assert ("what would help" in text) == (width > 120)


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_plain_text_for_a_pipe_and_json_when_asked(journal: Path) -> None:
    plain = tieout("stuck", "--journal", str(journal), "--at", "2023-11-16T06:00")
    assert plain.returncode == 0
    assert plain.stdout.splitlines() == str(stuck_view(journal, BETWEEN)).splitlines()
    as_json = tieout("stuck", "--journal", str(journal), "--json")
    assert json.loads(as_json.stdout) == told(stuck_view(journal))


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("yesterday", "--at: found 'yesterday'; 2026-03-01T12:00 would do"),
        ("2020-01-01", "before the journal begins; 2023-11-14 22:13:20.000 or later would do"),
    ],
)
def test_a_moment_that_is_none_is_refused(journal: Path, when: str, message: str) -> None:
    done = tieout("stuck", "--journal", str(journal), "--at", when)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_moment_keeps_its_zone_and_its_nanoseconds() -> None:
    assert moment("2026-03-01T12:00:00+01:00") == moment("2026-03-01 11:00")
    assert moment("2026-03-01T00:00:00.123456") == moment("2026-03-01") + 123_456_000
    with pytest.raises(BadMoment):
        moment("")


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("nothing")
    done = tieout("stuck", "--journal", str(tmp_path / "x.db"))
    assert done.returncode == 2
    assert "x.db" in done.stderr
