"""A journal that lost committed groups, as after an old copy was put back over it."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from core import ids
from core.effects import RaiseAlert
from core.events import (
    AccountOpened,
    FillBusted,
    FillReported,
    InstrumentListed,
    NodeStarted,
    OrderReported,
    OrderRequested,
    ProgressReported,
)
from core.gate import BreakGate
from core.journal import Journal, decode_event
from core.node import Node, boot_epoch, recover
from core.state import State
from core.step import step
from scenarios.model import check
from sim.memory_store import MemoryStore
from tieout.journals.sqlite_store import SqliteStore, accept_cut
from tieout.reports.outcome import Outcome
from tieout.runs import conclude
from tieout.simulation import Simulation

OPENED = AccountOpened(
    received_at=1,
    account="venue/a",
    tells="fills",
    statements=("balances",),
    statement_period_ns=10**9,
    backfill_period_ns=10**9,
    settle_ns=10**8,
    silence_ns_max=10**9,
)
LISTED = InstrumentListed(
    received_at=1,
    account="venue/a",
    instrument="X",
    kind="linear",
    base="B",
    quote="USDT",
    settle="USDT",
    multiplier=10**8,
)
WISH = OrderRequested(
    received_at=5,
    strategy="mm",
    reference="r",
    account="venue/a",
    instrument="X",
    side="buy",
    quantity=2 * 10**8,
    kind="limit",
    price=10**12,
)


def boot(store: MemoryStore | SqliteStore) -> Node:
    """Come up as a driver does."""
    journal = Journal(store)
    node = Node(journal, {}, BreakGate(), recover(journal, BreakGate()))
    node.deliver(NodeStarted(received_at=2, node="tie", epoch=boot_epoch(node.state, store)))
    node.commit()
    return node


def order_ids(node: Node) -> list[str]:
    return list(node.state.orders)


def test_ids_are_not_chosen_again_although_the_boot_they_were_chosen_in_is_lost() -> None:
    store = MemoryStore()
    node = Node(Journal(store), {}, BreakGate())
    for event in (OPENED, LISTED):
        node.deliver(event)
    node.commit()
    floor = store.last()[0]
    boot(store)
    node = boot(store)
    node.deliver(WISH)
    node.commit()
    sent = order_ids(node)
    lost = store.cut(2, floor)
    assert [r.name for r in lost if r.kind == "event"] == ["NodeStarted", "OrderRequested"]
    node = boot(store)
    node.deliver(WISH)
    assert len(sent) == len(order_ids(node)) == 1
    assert sent != order_ids(node)
    assert (node.state.epoch, store.epoch) == (3, 3)


def test_a_cut_on_disk_keeps_the_epoch_in_its_anchor(tmp_path: Path) -> None:
    """The file of a boot ago is put back; the anchor, which is no part of it, was left."""
    path = tmp_path / "journal.db"
    store = SqliteStore(path)
    boot(store)
    store.close()
    old = path.read_bytes()
    store = SqliteStore(path)
    boot(store)
    store.close()
    path.write_bytes(old)
    accept_cut(path)
    store = SqliteStore(path)
    state = recover(Journal(store), BreakGate())
    assert (state.epoch, boot_epoch(state, store)) == (1, 3)
    store.close()


def test_a_snapshot_of_the_lost_tail_is_no_snapshot_of_what_is_written_over_it(
    tmp_path: Path,
) -> None:
    """Else it would be used as soon as the file is as long again: a state that never was."""
    path = tmp_path / "journal.db"
    store = SqliteStore(path)
    node = boot(store)
    early = node.journal.commit()
    store.save_snapshot(early, b"early")
    node.deliver(OPENED)
    store.save_snapshot(node.journal.commit(), b"late")
    store.close()
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("DELETE FROM records WHERE number > ?", (early,))
        connection.execute("DELETE FROM groups WHERE last > ?", (early,))
    accept_cut(path)
    store = SqliteStore(path)
    assert list(store.snapshots()) == [(early, b"early")]
    store.close()


def test_a_cut_takes_whole_groups_and_their_snapshots_and_leaves_the_anchor() -> None:
    store = MemoryStore()
    node = boot(store)
    for now in range(5):
        node.deliver(OPENED)
        store.save_snapshot(node.journal.commit(), b"%d" % now)
    ends = [last for last, _ in store.groups]
    lost = store.cut(2, ends[0])
    assert store.last()[0] == ends[-3] == lost[0].number - 1
    assert store.anchored == ends[-1]
    assert list(store.snapshots()) == []
    assert store.cut(100, ends[1])[-1].number == ends[-3]
    assert store.last()[0] == ends[1]
    assert store.cut(100, ends[1]) == []


def test_start_up_says_what_was_lost() -> None:
    state = State()
    effects = step(state, NodeStarted(received_at=1, node="tie", epoch=4), BreakGate())
    assert effects == []
    told = NodeStarted(received_at=1, node="tie", epoch=5, records_lost=70)
    alert, *_ = step(state, told, BreakGate())
    assert isinstance(alert, RaiseAlert)
    assert (alert.severity, alert.subject) == ("critical", "journal")
    assert "70 records" in alert.text
    assert state.counts["journal_cuts"] == 1


# --- what the journal lost is adopted ------------------------------------------------------------

LOST = ids.client_order_id("tie", 1, 7)


def told(name: str, **more: object) -> dict[str, object]:
    return {
        "received_at": 9,
        "account": "venue/a",
        "instrument": "X",
        "order_id": "77",
        "client_order_id": name,
        "side": "buy",
        **more,
    }


def fill(name: str, fill_id: str) -> FillReported:
    more = {"fill_id": fill_id, "quantity": 10**8, "price": 10**12, "occurred_at": 8}
    return FillReported(**told(name, **more))  # type: ignore[arg-type]


REPORT = OrderReported(**told(LOST, status="filled", quantity=2 * 10**8, filled_quantity=2 * 10**8))  # type: ignore[arg-type]


def books(account: AccountOpened = OPENED) -> State:
    state = State()
    for event in (NodeStarted(received_at=1, node="tie", epoch=2), account, LISTED):
        step(state, event, BreakGate())
    return state


@pytest.mark.parametrize("name", ["", LOST])
def test_fills_told_before_their_lost_order_are_counted_in_it(name: str) -> None:
    """The record names the venue's id only; the stream names ours, before it tells the order."""
    state = books()
    for fill_id in ("1", "2"):
        step(state, fill(name, fill_id), BreakGate())
    step(state, REPORT, BreakGate())
    order = state.orders[LOST]
    assert (order.status, order.filled) == ("filled", 2 * 10**8)
    assert f"fills/{LOST}" not in state.alarms, "nothing is missing"


def test_a_bust_of_a_fill_whose_order_was_lost_is_taken_off_it() -> None:
    state = books()
    step(state, fill(LOST, "1"), BreakGate())
    more = {"fill_id": "1", "quantity": 10**8, "price": 10**12, "occurred_at": 8, "bust_id": "B1"}
    step(state, FillBusted(**told(LOST, **more)), BreakGate())  # type: ignore[arg-type]
    step(state, fill(LOST, "2"), BreakGate())
    step(state, REPORT, BreakGate())
    assert state.orders[LOST].filled == 10**8


def test_a_stranger_s_fill_is_not_asked_after() -> None:
    state = books()
    assert step(state, fill("web_1", "1"), BreakGate()) == []
    assert state.accounts["venue/a"].orphans == {}


def test_progress_told_before_its_lost_order_is_counted_in_it() -> None:
    state = books(
        AccountOpened(
            **{name: getattr(OPENED, name) for name in OPENED.__struct_fields__}
            | {"tells": "progress"}
        )
    )
    more = {
        "quantity": 2 * 10**8,
        "average_price": 10**12,
        "average_price_step": 1,
        "fee": 0,
        "fee_asset": "USDT",
        "occurred_at": 8,
    }
    step(state, ProgressReported(**told(LOST, **more)), BreakGate())  # type: ignore[arg-type]
    step(state, REPORT, BreakGate())
    order = state.orders[LOST]
    assert (order.status, order.filled) == ("filled", 2 * 10**8)
    assert f"fills/{LOST}" not in state.alarms, "nothing is missing"


# --- in a run ------------------------------------------------------------------------------------

OLD_COPY = check(
    {
        "name": "old_copy",
        "claim": "what was lost is told again",
        "duration_s": 20,
        "heal_s": 12,
        "venues": [
            {"dialect": "binance_usdm", "backfill_period_ms": 5000},
            {"dialect": "coinbase", "backfill_period_ms": 5000},
        ],
        "strategies": [
            {"kind": "maker", "name": "mm", "tick_ms": 300},
            {"kind": "taker", "name": "tk", "tick_ms": 500, "options": {"one_in": 1}},
        ],
        "faults": [
            {"kind": "crash", "where": "node", "one_in": 300, "strength": 200},
            {"kind": "crash_cut_tail", "where": "node", "one_in": 70, "strength": 60},
        ],
    },
    "test_cut_tail",
)


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[Simulation, Outcome]]:
    runs = []
    for seed in range(3):
        store = MemoryStore()
        simulation = Simulation(OLD_COPY, seed, store)
        simulation.run()
        runs.append((simulation, conclude(simulation, store, [])))
    return runs


def test_everything_holds_and_each_cut_was_shown(
    outcomes: list[tuple[Simulation, Outcome]],
) -> None:
    for simulation, outcome in outcomes:
        assert [each.figure for each in outcome.claims if not each.held] == []
        assert outcome.summary["faults"]["crash_cut_tail"] >= 2
        assert outcome.summary["cuts_unshown"] == simulation.host.cuts_unshown == 0
    assert sum(len(simulation.host.placed_lost) for simulation, _ in outcomes) >= 20


def test_a_boot_that_was_lost_is_counted_all_the_same(
    outcomes: list[tuple[Simulation, Outcome]],
) -> None:
    """Some cuts take the start of a node with them; its epoch does not come again."""
    gaps = 0
    for simulation, outcome in outcomes:
        kept = [
            decode_event(record.body).epoch  # type: ignore[union-attr]
            for record in outcome.store.records()
            if record.name == "NodeStarted"
        ]
        assert kept == sorted(set(kept))
        gaps += kept != list(range(1, len(kept) + 1))
        assert max(kept) <= simulation.store.epoch
    assert gaps >= 1
