"""A node that is killed with SIGKILL at any moment loses nothing it acknowledged, doubles nothing.

Two real venues, their market and our strategies live in this process, with the oracle; the node is
a process of its own. It is killed a hundred times, at commits, as it takes something in and as it
recovers. What is drawn here is when; how far it had come is the machine's affair, and must not
matter. The books are judged by what the node said after each commit; what is watched at every
single step (`tieout/claims/watch.py`) is not looked at here.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.effects import PlaceOrder
from core.journal import decode_effect, digest_of
from scenarios.model import Scenario
from sim.memory_store import MemoryStore
from tests.kill_node import Bug, Told
from tests.killing import ChildHost, Life, killed_run
from tests.planting import locate
from tieout.claims.view import View
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore
from tieout.journals.verify import verify
from tieout.runs import conclude
from tieout.simulation import Simulation

KILLS = 100
SCENARIO = Scenario.model_validate(
    {
        "name": "killed",
        "claim": "a node killed at any moment loses nothing it acknowledged and doubles nothing",
        "duration_s": 200,
        "heal_s": 45,
        "venues": ["binance_spot", "binance_usdm"],
        "strategies": [{"kind": "maker", "name": "mm"}, {"kind": "taker", "name": "tk"}],
        "faults": [
            {"kind": "lost_frame", "one_in": 60},
            {"kind": "duplicate_frame", "one_in": 30, "strength": 300},
            {"kind": "request_lost", "one_in": 60},
            {"kind": "answer_lost", "one_in": 60},
        ],
    }
)


def disagreements(simulation: Simulation, host: ChildHost, journal: Path) -> list[str]:
    """Where the world, what the node acknowledged, its journal and its books differ."""
    verdict = verify(journal)
    wrong = list(host.wrong)
    if verdict.status != "sound" or not verdict.anchored:
        wrong.append(str(verdict))
    store = simulation.store
    assert isinstance(store, MemoryStore)
    replayed = replay(journal)
    wrong += [str(difference) for difference in replayed.differences]
    if replayed.digest != digest_of(store, replayed.state):
        wrong.append("the journal replays to another digest")
    outcome = conclude(simulation, store, [])
    wrong += [f"{c.claim}: {c.figure}, not {c.bound}" for c in outcome.claims if not c.held]
    return wrong + lost(host, store) + doubled(simulation, store) + unlike(host)


def lost(host: ChildHost, store: MemoryStore) -> list[str]:
    """What was acknowledged and is not in the journal."""
    heads = dict(store.groups)
    notices = host.said.notices
    wrong = [
        f"the group ending at {notice.last} is not the acknowledged one"
        for notice in notices
        if heads.get(notice.last) != notice.chain
    ]
    recorded = Counter(record.body for record in store.committed if record.kind == "effect")
    heard = Counter(effect for notice in notices for effect in notice.effects)
    return wrong + [f"acknowledged and lost: {effect!r}" for effect in heard - recorded]


def doubled(simulation: Simulation, store: MemoryStore) -> list[str]:
    """What a venue has twice, or what it has of us and we do not know."""
    chosen = Counter(order.client_order_id for order in orders_of(store))
    wrong = [f"{name} was chosen {times} times" for name, times in chosen.items() if times > 1]
    for site in simulation.sites:
        tickets = site.venue.exchange.tickets.values()
        taken = Counter(each.client_id for each in tickets if each.client_id)
        wrong += [f"{name} was taken {times} times" for name, times in taken.items() if times > 1]
        wrong += [f"{name} is at its venue, unknown to us" for name in taken if name not in chosen]
    return wrong


def unlike(host: ChildHost) -> list[str]:
    """Where the books that the node last told are not those that its journal gives."""
    wrong = []
    assert host.node is not None
    view = View(host.node.state, host.node.journal.store)
    for name in host.node.state.holdings:
        if view.figure(name) != host.said.figure(name):
            wrong.append(
                f"{name}: told {host.said.figure(name)}, by the journal {view.figure(name)}"
            )
    return wrong


def orders_of(store: MemoryStore) -> list[PlaceOrder]:
    placed = [decode_effect(r.body) for r in store.committed if r.name == "PlaceOrder"]
    return [order for order in placed if isinstance(order, PlaceOrder)]


def test_a_hundred_kills_lose_nothing_acknowledged_and_double_nothing(tmp_path: Path) -> None:
    """Every claim of a run holds too: nothing silently different, money to the unit, orders as
    their venues say, no wish sent twice."""
    journal = tmp_path / "journal.db"
    simulation, host = killed_run(SCENARIO, 1, journal, KILLS)
    assert not disagreements(simulation, host, journal)

    assert sum(host.killed.values()) == KILLS
    assert host.killed_in_commit >= 20, "too few kills hit a commit"
    assert host.killed["recovery"] >= 5
    assert host.groups_unheard > 0, "no group was durable and told to nobody"
    store = simulation.store
    assert isinstance(store, MemoryStore)
    orders = orders_of(store)
    never_sent = [each for each in orders if each.client_order_id not in host.placed]
    assert len(orders) > KILLS
    assert never_sent, "no order was durable and never sent: nothing had to be asked after"


SHORT = SCENARIO.model_copy(update={"duration_s": 40, "heal_s": 40})
BUGS = {
    "effects before fsync": (
        Bug(
            "core.node:Node.commit",
            "last = self.journal.commit()",
            "last = self.journal.commit() if self.journal.next_number % 3 else 0",
        ),
        "acknowledged and lost",
    ),
    "an order in flight is sent again after a restart": (
        Bug(
            "core.trading:after_restart",
            "effects += [query(order), arm(",
            "effects += [PlaceOrder(account=order.account, instrument=order.instrument,"
            " client_order_id=order.client_order_id + 'r', side=order.side,"
            " quantity=order.quantity, kind=order.kind, price=order.price), query(order), arm(",
        ),
        "every order sent follows from one wish",
    ),
    "the last group is left out of a recovery": (
        Bug(
            "core.node:recover",
            "journal.store.events(number)",
            "list(journal.store.events(number))[:-3]",
        ),
        ": recorded ",
    ),
    "a recovery forgets fills": (
        Bug(
            "core.node:recover",
            "step(state, decode_event(body), gate)",
            "b'FillReported' in body and len(body) % 3 == 0"
            " or step(state, decode_event(body), gate)",
        ),
        "was booked, and is no longer",
    ),
    "a boot chooses the ids of the boot before": (
        Bug("core.node:boot_epoch", "store.epoch) + 1", "store.epoch) or 1"),
        "was chosen 2 times",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    planted, told = BUGS[bug]
    locate(planted.function)
    journal = tmp_path / "journal.db"
    simulation, host = killed_run(SHORT, 1, journal, 20, planted)
    assert told in "\n".join(disagreements(simulation, host, journal))


def test_without_a_bug_nothing_is_found(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    simulation, host = killed_run(SHORT, 1, journal, 20)
    assert not disagreements(simulation, host, journal)


def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    """While one process writes a journal no other can, and after a kill the next one can."""
    journal = tmp_path / "journal.db"
    life = Life(journal, None)
    life.say(Told())
    life.hear()
    second = Life(journal, None)
    second.process.join(30)
    life.kill()
    assert second.process.exitcode == 1
    SqliteStore(journal).close()
