"""The state stays small, and nothing is forgotten: what is put away is recalled when it is named.

Each story is told twice: to a node that keeps next to nothing at hand, and to one that keeps all.
They must book the same.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from core.effects import Remember, TellStrategy
from core.events import AlarmRang, CashMoved, Event, FillReported, Recalled
from core.frames import Frame
from core.gate import BreakGate
from core.ids import client_order_id
from core.journal import Journal, Record, decode_effect, decode_event, encode_state
from core.money import quantity
from core.node import Keep, Node, encode_snapshot, recover
from core.state import State
from scenarios.model import MemorySpec, Scenario, check
from sim.memory_store import MemoryStore
from sim.truth import Fact, FactKind
from tests.facts import (
    PERP,
    SPOT,
    bust,
    fill,
    funding,
    linear,
    ms,
    only,
    opened,
    opening,
    progress,
    report,
    spot,
    started,
    statement,
    stream,
    wish,
)
from tieout.claims.view import View
from tieout.journals.replay import replay
from tieout.journals.sqlite_store import SqliteStore
from tieout.journals.verify import verify
from tieout.reports.history import history
from tieout.reports.outcome import Outcome
from tieout.runs import run

GATE = BreakGate()
LITTLE = Keep(ids=4, orders=2, progress=2)
ALL = Keep(ids=10**9, orders=10**9, progress=10**9)


def founding(**terms: object) -> list[Event]:
    return [
        started(),
        opened(**terms),
        spot(),
        opening("XRP", "1000"),
        opening("ETH", "10"),
        opened(PERP),
        linear(),
        opening("USDT", "1000", account=PERP),
    ]


def a_node(keep: Keep, store: MemoryStore | SqliteStore | None = None, **terms: object) -> Node:
    journal = Journal(store if store is not None else MemoryStore())
    state = recover(journal, GATE)
    node = Node(journal, {}, GATE, state, keep=keep)
    tell(node, founding(**terms) if not state.accounts else [])
    return node


def tell(node: Node, events: Sequence[Event], group: int = 1) -> None:
    """Deliver the events, so many to a commit."""
    for number, event in enumerate(events, start=1):
        node.deliver(event)
        if number % group == 0:
            node.commit()
    node.commit()


def pass_by(times: int = 12, *, begin: int = 10_000) -> list[Event]:
    """So many fills and orders that whatever came before is put away where little is kept."""
    told: list[Event] = []
    for number in range(begin, begin + times):
        told.append(fill(f"p{number}", "buy", "1", "0.001", at=number))
        told.append(wish("buy", "1", "0.001", at=number + 20))
        told.append(funding(f"f{number}", "0.01", at=number))
    return told


def counts(node: Node, what: str) -> dict[str, int]:
    """Of what is counted under a word, how often each was."""
    found = {}
    for name, times in node.state.counts.items():
        word, _, account = name.partition("/")
        if word.startswith(what + "_") and account in (SPOT, PERP):
            found[word.removeprefix(what + "_")] = times
    return found


def books_of(state: State) -> tuple[object, ...]:
    """All that is booked, but not where it is remembered."""
    seen = {name: n for name, n in state.counts.items() if not name.startswith("recalled/")}
    return state.holdings, state.figures, state.doubts, seen, state.breaks, state.suspects


def told_to_both(*parts: Sequence[Event], **terms: object) -> tuple[Node, Node]:
    """A node with little memory and one with all, after the story's parts and a long time between
    them."""
    little, whole = a_node(LITTLE, **terms), a_node(ALL, **terms)
    for node in (little, whole):
        for number, part in enumerate(parts):
            if number:
                tell(node, pass_by(begin=number * 10_000))
            tell(node, part)
    assert books_of(little.state) == books_of(whole.state)
    assert little.state.put_away > 0
    assert whole.state.put_away == 0
    assert_replayed(little)
    return little, whole


def assert_replayed(node: Node) -> None:
    """The journal alone rebuilds the state, and brings about the effects that it recorded."""
    store = node.journal.store
    again = replay(store)
    assert again.differences == ()
    assert encode_state(again.state) == encode_state(node.state)
    assert encode_state(recover(Journal(store), GATE)) == encode_state(node.state)


# --- ids -----------------------------------------------------------------------------------------

FIRST = fill("1", "buy", "4", "0.001", fee="0.1", fee_asset="BNB")
CASH = CashMoved(
    received_at=ms(110),
    account=SPOT,
    movement_id="t1",
    asset="XRP",
    amount=5,
    reason="transfer",
    occurred_at=ms(100),
)

ECHOES: dict[str, tuple[str, Event, Event]] = {
    "fill": ("fills", FIRST, msgspec.structs.replace(FIRST, quantity=quantity("5"))),
    "bust": ("busts", bust(FIRST), bust(msgspec.structs.replace(FIRST, price=FIRST.price + 1))),
    "funding": ("funding", funding("F", "0.5"), funding("F", "0.6")),
    "cash": ("cash", CASH, msgspec.structs.replace(CASH, amount=6)),
}


@pytest.mark.parametrize("kind", ECHOES)
def test_what_was_put_away_is_still_an_echo(kind: str) -> None:
    what, told, _ = ECHOES[kind]
    little, _ = told_to_both([FIRST, told] if kind == "bust" else [told], [told])
    assert counts(little, what)["echo"] == 1


@pytest.mark.parametrize("kind", ECHOES)
def test_what_was_put_away_and_is_told_otherwise_is_still_a_conflict(kind: str) -> None:
    what, told, other = ECHOES[kind]
    little, _ = told_to_both([FIRST, told] if kind == "bust" else [told], [other])
    assert counts(little, what)["conflict"] == 1
    assert len(little.state.breaks) == 1


def test_an_opening_that_is_told_again_after_a_long_time_is_an_echo() -> None:
    little, _ = told_to_both([FIRST], [opening("XRP", "1000")])
    assert "opening:XRP:cash" in little.state.accounts[SPOT].seen


def test_a_bust_finds_the_fill_that_was_put_away() -> None:
    """And not only its own id: a second bust of it under another id is a conflict."""
    little, _ = told_to_both([FIRST], [bust(FIRST)], [bust(FIRST, bust_id="other")])
    assert counts(little, "busts") == {"booked": 1, "conflict": 1}


def test_a_fill_is_an_echo_after_its_bust_was_put_away_too() -> None:
    little, _ = told_to_both([bust(FIRST)], [FIRST])
    assert counts(little, "busts") == {"with_fill": 1}
    assert counts(little, "fills")["echo"] == 1


def test_the_fee_of_a_fill_that_was_put_away_is_booked_once() -> None:
    feeless = msgspec.structs.replace(FIRST, fee=0, fee_asset="")
    little, _ = told_to_both([feeless], [FIRST], [FIRST])
    assert counts(little, "fills")["late_fee"] == 1
    assert counts(little, "fills")["echo"] == 1


def test_both_legs_of_a_self_trade_are_kept_apart() -> None:
    sold = msgspec.structs.replace(FIRST, side="sell")
    little, _ = told_to_both([FIRST], [sold], [FIRST, sold])
    assert counts(little, "fills")["echo"] == 2


def test_a_symbol_that_is_listed_again_begins_its_ids_anew() -> None:
    """An id of the former listing that was put away is not this one's."""
    again = msgspec.structs.replace(spot(), listing=2)
    little, _ = told_to_both([FIRST], [again, FIRST])
    assert "echo" not in counts(little, "fills")


@pytest.mark.parametrize("on_disk", [False, True], ids=["memory", "disk"])
def test_what_was_put_away_is_found_before_its_group_is_committed(
    tmp_path: Path,
    on_disk: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    store = SqliteStore(tmp_path / "journal.db") if on_disk else MemoryStore()
    node = a_node(LITTLE, store)
    last, _ = store.last()
    for event in [FIRST, *pass_by()]:
        node.deliver(event)
    node._put_away()
    assert "XRPETH:1:1:buy" not in node.state.accounts[SPOT].seen
    node.deliver(FIRST)
    assert counts(node, "fills")["echo"] == 1
    assert store.last()[0] == last
    node.commit()
    assert_replayed(node)
    if isinstance(store, SqliteStore):
        store.close()


def test_an_id_is_put_away_again_with_what_is_known_of_it_by_then() -> None:
    """The last content counts: a late fee came between the first time and the second."""
    feeless = msgspec.structs.replace(FIRST, fee=0, fee_asset="")
    little, _ = told_to_both([feeless], [FIRST], [])
    kept = kept_by(little)[f"{SPOT}/XRPETH:1:1:buy"]
    assert [each.content.split()[-1] for each in kept] == ["-", "10000000BNB"]


def kept_by(node: Node) -> dict[str, list[Remember]]:
    """All that was put away, by its identity."""
    found: dict[str, list[Remember]] = {}
    for record in node.journal.store.records():
        if record.name == "Remember":
            kept = decode_effect(record.body)
            assert isinstance(kept, Remember)
            found.setdefault(record.identity, []).append(kept)
    return found


def test_what_the_oracle_sees_as_booked_is_what_was_ever_booked() -> None:
    """It asks after what it has not yet seen booked, and that may have been put away since."""
    node = a_node(LITTLE)
    tell(node, [FIRST, bust(FIRST), funding("F", "0.5"), CASH])
    other = a_node(LITTLE, tells="progress")
    tell(other, [progress(f"o{n}", "buy", "1", "0.002") for n in range(9)])
    tell(node, pass_by())
    view, of_progress = (View(each.state, each.journal.store) for each in (node, other))
    facts: list[tuple[FactKind, str, tuple[str, ...]]] = [
        ("fill", SPOT, ("XRPETH", "1", "buy")),
        ("bust", SPOT, ("XRPETH", "B1")),
        ("funding", PERP, ("BTC-PERP", "F", "USDT")),
        ("cash", SPOT, ("transfer", "t1")),
        ("opening", SPOT, ("XRP", "cash")),
    ]
    assert [view.booked(Fact(1, account, kind, key, 0, {})) for kind, account, key in facts] == [
        True
    ] * len(facts)
    assert not view.booked(Fact(1, SPOT, "fill", ("XRPETH", "1", "sell"), 0, {}))
    assert of_progress.booked(Fact(1, SPOT, "progress", ("o0", "1"), 0, {}))
    assert not of_progress.booked(Fact(1, SPOT, "progress", ("o0", "2"), 0, {}))


# --- asked only when it must be ------------------------------------------------------------------


class CountingStore(MemoryStore):
    """Counts how often it is asked for what was put away."""

    asked = 0

    def kept(self, identity: str) -> Record | None:
        self.asked += 1
        return super().kept(identity)


def test_a_new_fill_of_a_known_order_asks_the_disk_nothing() -> None:
    store = CountingStore()
    node = a_node(LITTLE, store)
    tell(node, pass_by())
    tell(node, [wish("buy", "9", "0.001", at=20_000)])
    name = list(node.state.orders)[-1]
    assert node.state.put_away > 0
    store.asked = 0
    for number in range(50):
        later = fill(f"n{number}", "buy", "0.1", "0.001", at=21_000 + number, client_order_id=name)
        tell(node, [later])
    assert store.asked == 0
    assert len(node.state.accounts[SPOT].seen) <= LITTLE.ids


def test_a_fill_as_old_as_what_was_put_away_is_asked_after() -> None:
    store = CountingStore()
    node = a_node(LITTLE, store)
    tell(node, pass_by())
    store.asked = 0
    tell(node, [fill("late", "buy", "1", "0.001", at=10_000)])
    assert store.asked > 0
    assert counts(node, "fills") == {"booked": 13}


# --- orders --------------------------------------------------------------------------------------


def sent(node: Node, order_id: str = "v1") -> str:
    """An order of ours that the venue acknowledged, and then cancelled."""
    tell(node, [wish("buy", "10", "0.001")])
    (name,) = node.state.orders
    tell(node, [report(name, "acknowledged", order_id=order_id)])
    tell(node, [report(name, "cancelled", order_id=order_id)])
    return name


def ended(number: int) -> list[Event]:
    """An order that comes and goes; ids are chosen in order."""
    name = client_order_id("tie", 1, number)
    return [
        wish("buy", "1", "0.001", at=1000 + number),
        report(name, "acknowledged", at=1001 + number, order_id=f"v{name}"),
        report(name, "cancelled", at=1002 + number, order_id=f"v{name}"),
    ]


def after_its_end(keep: Keep, *told: Event) -> tuple[Node, str, list[TellStrategy]]:
    """An order, eight more that end after it, and then what is told; what strategies heard."""
    node = a_node(keep)
    name = sent(node)
    for number in range(2, 10):
        tell(node, ended(number))
    heard: list[TellStrategy] = []
    for event in told:
        node.deliver(event)
        heard += only(TellStrategy, node.commit())
    return node, name, heard


LATE = {
    "by our id": fill("late", "buy", "3", "0.001", order_id="v1", client_order_id="tie0010000001"),
    "by the venue's id": fill("late", "buy", "3", "0.001", order_id="v1"),
    "by our id alone": fill(
        "late", "buy", "3", "0.001", order_id="", client_order_id="tie0010000001"
    ),
}


@pytest.mark.parametrize("told", LATE)
def test_a_fill_finds_the_strategy_of_an_order_that_was_put_away(told: str) -> None:
    node, name, heard = after_its_end(LITTLE, LATE[told])
    whole, _, same = after_its_end(ALL, LATE[told])
    assert node.state.put_away > 0
    assert node.state.figures["mm/venue/main/XRPETH/trade/XRP"] == quantity("3")
    assert books_of(node.state) == books_of(whole.state)
    assert heard == same
    assert node.state.orders[name] == whole.state.orders[name]
    assert_replayed(node)


@pytest.mark.parametrize("status", ["acknowledged", "partially_filled", "cancelled", "rejected"])
def test_a_late_report_never_revives_an_order_that_was_put_away(status: str) -> None:
    """Nor is it taken for one that the journal lost."""
    told = report("tie0010000001", status, at=5000, order_id="v1")
    node, name, heard = after_its_end(LITTLE, told)
    whole, _, same = after_its_end(ALL, told)
    assert heard == same == []
    assert node.state.orders[name] == whole.state.orders[name]
    assert name not in node.state.accounts[SPOT].working
    assert "adopted_orders" not in node.state.counts


def test_an_order_that_the_journal_lost_is_still_adopted() -> None:
    told = report("tie0019999999", "acknowledged", at=5000, order_id="v?", quantity=1)
    node, _, _ = after_its_end(LITTLE, told)
    assert node.state.counts["adopted_orders"] == 1


def test_an_order_whose_fills_are_awaited_stays_at_hand() -> None:
    """The venue claims what we have not booked: the alarm that asks after it must find it."""
    node = a_node(LITTLE)
    tell(node, [wish("buy", "10", "0.001")])
    (name,) = node.state.orders
    tell(node, [report(name, "filled", order_id="v1")])
    for number in range(2, 10):
        tell(node, ended(number))
    assert f"fills/{name}" in node.state.alarms
    assert name in node.state.orders
    assert len(node.state.orders) <= LITTLE.orders + 1


def test_working_orders_are_never_put_away() -> None:
    node = a_node(LITTLE)
    tell(node, [wish("buy", "1", "0.001", at=50 + number) for number in range(20)])
    for number in range(21, 30):
        tell(node, ended(number))
    assert node.state.put_away > 0
    assert list(node.state.accounts[SPOT].working) == list(node.state.orders)[:20]
    assert len(node.state.orders) == 20 + LITTLE.orders


def test_every_order_is_in_the_tables_wherever_it_is_remembered() -> None:
    node, _, _ = after_its_end(LITTLE)
    assert len(node.state.orders) <= LITTLE.orders
    past = history(node.journal.store)
    assert [each.status for each in past.orders().values()] == ["cancelled"] * 9


def test_fills_that_wait_for_an_owner_are_given_up_in_the_end_and_counted() -> None:
    node = a_node(Keep(orphans=3))
    strangers = [
        fill(f"s{number}", "buy", "1", "0.001", order_id=f"s{number}") for number in range(10)
    ]
    tell(node, strangers)
    assert len(node.state.accounts[SPOT].orphans) == 3
    assert node.state.counts[f"orphans_given_up/{SPOT}"] == 7
    assert_replayed(node)


# --- progress ------------------------------------------------------------------------------------


def test_progress_that_was_put_away_goes_on_from_where_it_was() -> None:
    """Cumulative: an order's next telling adds only what is new, an older one nothing."""
    node, whole = (a_node(keep, tells="progress") for keep in (LITTLE, ALL))
    for each in (node, whole):
        tell(each, [progress("o1", "buy", "10", "0.002")])
        tell(each, [progress(f"p{n}", "buy", "1", "0.002", at=200 + n) for n in range(9)])
        tell(each, [progress("o1", "buy", "15", "0.002", at=900)])
        tell(each, [progress(f"q{n}", "buy", "1", "0.002", at=1000 + n) for n in range(9)])
        tell(each, [progress("o1", "buy", "10", "0.002"), progress("p0", "buy", "1", "0.002")])
    assert len(node.state.accounts[SPOT].progress) <= LITTLE.progress
    assert counts(node, "progress") == {"booked": 20, "echo": 2}
    assert books_of(node.state) == books_of(whole.state)
    assert_replayed(node)


# --- what was resolved ---------------------------------------------------------------------------


def test_of_what_was_resolved_the_state_keeps_a_tail_and_the_journal_all() -> None:
    store = MemoryStore()
    node = a_node(ALL, store)
    tell(node, [stream()])
    for number in range(100):
        at = 1000 * (number + 1)
        tell(node, [statement({"XRP": f"{1001 + number}"}, as_of=at, heard=at + 20)])
        alarm = node.state.alarms[f"readings/{SPOT}"]
        node.deliver(ring(alarm))
        tell(node, [fill(f"m{number}", "buy", "1", "0.00000001", at=at - 10, heard=at + 600)])
    assert node.state.resolved_made > 90
    assert len(node.state.resolved) == 64
    past = history(store)
    assert len(past.resolved) == node.state.resolved_made
    assert past.resolved[-64:] == node.state.resolved
    assert sum(node.state.causes.values()) == node.state.resolved_made


def ring(at: int) -> Event:
    return AlarmRang(received_at=at, alarm=f"readings/{SPOT}")


# --- whole runs ----------------------------------------------------------------------------------

COINS, LEGS = ["binance_spot/main", "coinbase/main"], ["okx_swap/main"]
ROUGH = check(
    {
        "name": "rough",
        "claim": "a node that keeps next to nothing books the same",
        "duration_s": 15,
        "heal_s": 60,  # a round of back-fill by its schedule is in it
        "venues": ["binance_spot", "coinbase", "okx_swap"],
        "strategies": [
            {"kind": "maker", "name": "mm", "accounts": COINS},
            {"kind": "taker", "name": "tk", "accounts": COINS, "options": {"one_in": 1}},
            {"kind": "maker", "name": "mh", "accounts": LEGS, "options": {"hedged": True}},
            {
                "kind": "taker",
                "name": "th",
                "accounts": LEGS,
                "options": {"one_in": 1, "hedged": True},
            },
        ],
        "faults": [
            {"kind": "crash", "where": "node", "one_in": 900, "strength": 200},
            {"kind": "lost_frame", "one_in": 8},
            {"kind": "duplicate_frame", "one_in": 4, "strength": 6000},
            {"kind": "bust", "every_s": 2, "strength": 6000},
            {"kind": "hand_trade", "every_s": 3, "strength": 2},
            {"kind": "fill_after_cancel", "one_in": 10, "strength": 1},
        ],
    },
    "test_memory",
)


def forgetful(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"memory": MemorySpec(ids=6, orders=2, progress=2)})


@pytest.mark.parametrize("seed", [0, 1])
def test_a_storm_ends_the_same_whatever_is_kept_at_hand(seed: int) -> None:
    """Crashes included: holdings, money, orders, suspects, breaks and all that is counted."""
    whole, little = (run(each, seed, sampled=False) for each in (ROUGH, forgetful(ROUGH)))
    assert little.held
    assert little.state.put_away > 300
    assert whole.state.put_away == 0
    assert books_of(little.state) == books_of(whole.state)
    assert history(little.store).orders() == history(whole.store).orders()
    assert endings(little) == endings(whole)
    again = replay(little.store)
    assert (again.digest, again.differences) == (little.summary["digest"], ())


def endings(outcome: Outcome) -> list[tuple[object, ...]]:
    """What was resolved; the frames have other numbers, for the journal has more records."""
    past = history(outcome.store).resolved
    return [(r.holding, r.size, r.number, r.opened_at, r.closed_at, r.cause) for r in past]


# --- a long stream on disk -----------------------------------------------------------------------

KEPT = Keep(ids=400, orders=100, progress=10)
FILLS = 24_000 if os.environ.get("TIEOUT_FULL") == "1" else 8_000


def long_stream(node: Node, begin: int, end: int) -> list[int]:
    """Orders that come, are filled twice and are over; the state's size after each part."""
    sizes = []
    epoch, made = node.state.epoch, node.state.orders_made
    for number in range(begin, end):
        made += 1
        name, at = client_order_id("tie", epoch, made), 1000 + 10 * number
        node.deliver(wish("buy", "2", "0.00001", at=at))
        for part in ("a", "b"):
            told = fill(
                f"{number}{part}",
                "buy",
                "1",
                "0.00001",
                at=at + 2,
                order_id=f"v{number}",
                client_order_id=name,
            )
            node.deliver(told)
        node.deliver(report(name, "filled", at=at + 5, order_id=f"v{number}"))
        ring_due(node, at)
        if number % 20 == 19:
            node.commit()
        if number % 1000 == 999:
            sizes.append(len(encode_snapshot(node.state)))
    node.commit()
    return sizes


def ring_due(node: Node, moment: int) -> None:
    """Alarms of orders ring, and are over."""
    due = [name for name, at in node.state.alarms.items() if at <= ms(moment)]
    for name in due:
        if name.startswith("order/"):
            node.deliver(AlarmRang(received_at=ms(moment), alarm=name))


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """The journal of a long stream, and the size of the state on the way."""
    path = tmp_path_factory.mktemp("long") / "journal.db"
    with closing(SqliteStore(path, synchronous="OFF")) as store:
        node = a_node(KEPT, store)
        sizes = long_stream(node, 0, FILLS // 2)
    return path, sizes


def test_the_state_does_not_grow_over_thousands_of_fills(
    long_run: tuple[Path, list[int]],
) -> None:
    _, sizes = long_run
    assert len(sizes) == FILLS // 2000
    assert max(sizes) < 1.1 * sizes[0]


@pytest.fixture
def copied(long_run: tuple[Path, list[int]], tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    for each in long_run[0].parent.glob("journal.db*"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    return path


def ancient(amount: str = "1", **terms: object) -> FillReported:
    told: FillReported = fill(
        "7a", "buy", amount, "0.00001", at=1072, heard=900_000, order_id="v7", **terms
    )
    return told


def test_an_ancient_id_is_known_over_crashes_and_replay(copied: Path) -> None:
    """An echo, then a conflict; the node is killed before, between and after them."""
    with closing(SqliteStore(copied, synchronous="OFF")) as store:
        node = a_node(KEPT, store)
        assert "XRPETH:1:7a:buy" not in node.state.accounts[SPOT].seen
        held = dict(node.state.holdings)
        tell(node, [ancient()])
        assert counts(node, "fills") == {"booked": FILLS, "echo": 1}
        node = a_node(KEPT, store)
        tell(node, pass_by(500, begin=300_000))
        booked = counts(node, "fills")["booked"]
        node = a_node(KEPT, store)
        assert "XRPETH:1:7a:buy" not in node.state.accounts[SPOT].seen
        tell(node, [ancient("2")])
        assert counts(node, "fills") == {"booked": booked, "echo": 1, "conflict": 1}
        assert node.state.holdings[f"{SPOT}/ETH/cash"] < held[f"{SPOT}/ETH/cash"]
        assert_replayed(node)
        live = encode_state(node.state)
        digest = replay(store).digest
    assert verify(copied).status == "sound"
    again = replay(copied)
    assert again.digest == digest
    assert encode_state(again.state) == live


def test_what_is_not_traded_here_has_no_key(tmp_path: Path) -> None:
    """The venue lists an instrument that we were not told to trade: it is not listed in our books,
    and a proof of the journal agrees with the node that wrote it."""

    def read(frame: Frame, decimals: Mapping[str, int]) -> list[Event]:
        listed = msgspec.structs.replace(spot("ADAETH"), frame=frame.number)
        told = msgspec.structs.replace(FIRST, instrument="ADAETH", frame=frame.number)
        return [listed, told, msgspec.structs.replace(FIRST, frame=frame.number)]

    with closing(SqliteStore(tmp_path / "journal.db")) as store:
        journal = Journal(store)
        node = Node(journal, {"venue": read}, GATE)
        tell(node, founding())
        number = journal.next_number
        node.deliver(
            Frame(number=number, account=SPOT, channel="stream", received_at=ms(110), body=b"")
        )
        node.commit()
        fills = [record for record in store.records() if record.name == "FillReported"]
    assert [record.identity for record in fills] == ["", f"{SPOT}/XRPETH:1:1:buy"]
    assert str(verify(tmp_path / "journal.db").status) == "sound"


def test_an_ancient_order_is_known_by_the_venues_id(copied: Path) -> None:
    with closing(SqliteStore(copied, synchronous="OFF")) as store:
        node = a_node(KEPT, store)
        before = node.state.figures[f"mm/{SPOT}/XRPETH/trade/XRP"]
        assert "tie0010000008" not in node.state.orders
        late = fill("late", "buy", "1", "0.00001", at=1073, heard=900_000, order_id="v7")
        tell(node, [late])
        assert node.state.figures[f"mm/{SPOT}/XRPETH/trade/XRP"] == before + quantity("1")
        assert node.state.orders["tie0010000008"].filled == quantity("3")
        recalled = [decode_event(r.body) for r in store.records() if r.name == "Recalled"]
        assert [each.kind for each in recalled if isinstance(each, Recalled)] == ["placed", "order"]


LOST = "DELETE FROM identities WHERE identity LIKE '%XRPETH:1:7a:buy'"
OTHER = """UPDATE identities SET number = (SELECT min(number) FROM records WHERE identity LIKE
'%XRPETH:1:7a:buy') WHERE identity LIKE '%XRPETH:1:7a:buy'"""


@pytest.mark.parametrize("statement", [LOST, OTHER], ids=["lost", "of the first telling"])
def test_a_key_that_no_longer_leads_to_what_was_put_away_is_damage(
    copied: Path, statement: str
) -> None:
    with closing(sqlite3.connect(copied)) as connection:
        assert connection.execute(statement).rowcount == 1
        connection.commit()
    assert f"identities, {SPOT}/XRPETH:1:7a:buy" in str(verify(copied))


def test_a_node_that_keeps_another_number_goes_on_from_the_same_journal(copied: Path) -> None:
    """How much is kept at hand is told in the journal: no replay depends on today's number."""
    with closing(SqliteStore(copied, synchronous="OFF")) as store:
        for keep in (ALL, LITTLE, KEPT):
            node = a_node(keep, store)
            tell(node, [ancient()])
            assert_replayed(node)
        assert counts(node, "fills") == {"booked": FILLS, "echo": 3}
