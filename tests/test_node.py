"""The node: one door, effects only after their group is durable, rebuilt from the journal."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.effects import Effect, PlaceOrder
from core.events import AssetListed, Event, FillReported, FrameQuarantined
from core.frames import Frame
from core.gate import BreakGate
from core.journal import Journal, Record, decode_event, digest_of, encode_state
from core.node import Node, recover
from scenarios.model import check
from sim.memory_store import MemoryStore
from tests.facts import (
    PERP,
    SPOT,
    fill,
    inverse,
    ms,
    only,
    opened,
    opening,
    page,
    report,
    spot,
    started,
    stream,
    wish,
)
from tieout.simulation import Simulation

STORY: list[Event] = [
    started(),
    opened(),
    spot(),
    opening("XRP", "1000"),
    opening("ETH", "10"),
    stream(),
    wish("buy", "10", "0.001"),
    fill("1", "buy", "4", "0.001"),
    fill("1", "buy", "4", "0.001"),
    page("XRPETH", "1", at=200),
]


class CarelessStore(MemoryStore):
    """Remembers whether it was ever asked to make something durable."""

    durable = 0

    def commit(self, last: int, chain: bytes) -> None:
        super().commit(last, chain)
        self.durable = last


def read(frame: Frame, decimals: Mapping[str, int]) -> list[Event]:
    """A dialect of one word: a number is a fill with that id; nothing else can be read."""
    told = fill(str(int(frame.body)), "buy", "1", "0.001")
    return [told, report("nobody", "acknowledged")]


def frame(node: Node, body: bytes) -> Frame:
    return Frame(
        number=node.journal.next_number,
        account=SPOT,
        channel="stream",
        received_at=ms(9),
        body=body,
    )


def a_node(store: MemoryStore | None = None) -> tuple[Node, MemoryStore]:
    store = store if store is not None else CarelessStore()
    journal = Journal(store)
    node = Node(journal, {"venue": read}, BreakGate(), recover(journal, BreakGate()))
    return node, store


def kinds(records: list[Record]) -> list[str]:
    return [record.name for record in records]


# --- durable first -------------------------------------------------------------------------------


def test_effects_are_handed_out_by_commit_and_by_nothing_else() -> None:
    node, store = a_node()
    for event in STORY:
        node.deliver(event)
    assert store.committed == []
    effects = node.commit()
    assert len(only(PlaceOrder, effects)) == 1
    assert node.commit() == []


def test_every_effect_that_is_handed_out_is_durable_by_then() -> None:
    node, store = a_node()
    assert isinstance(store, CarelessStore)
    for event in STORY:
        node.deliver(event)
        effects: list[Effect] = node.commit()
        assert store.durable == node.journal.next_number - 1
        recorded = [record.body for record in store.committed if record.kind == "effect"]
        assert all(any(type(e).__name__.encode() in body for body in recorded) for e in effects)


def test_a_commit_that_fails_hands_out_nothing() -> None:
    class FullDisk(MemoryStore):
        def commit(self, last: int, chain: bytes) -> None:
            raise OSError("no space left on device")

    node, _ = a_node(FullDisk())
    node.deliver(STORY[0])
    node.deliver(opened())
    with pytest.raises(OSError, match="no space"):
        node.commit()


def test_a_frame_then_its_events_then_their_effects_each_with_its_cause() -> None:
    node, store = a_node()
    for event in STORY[:6]:
        node.deliver(event)
    node.commit()
    before = len(store.committed)
    node.deliver(frame(node, b"7"))
    node.deliver(wish("buy", "1", "0.001"))
    node.commit()
    group = store.committed[before:]
    assert kinds(group) == [
        "stream",
        "FillReported",
        "QueryOrder",
        "OrderReported",
        "OrderRequested",
        "PlaceOrder",
        "TellStrategy",
        "SetAlarm",
    ]
    assert [record.cause for record in group[5:]] == [group[4].number] * 3
    assert group[0].body == b"7"
    assert len(store.groups) == 2


# --- poison --------------------------------------------------------------------------------------


def test_a_reader_that_raises_costs_its_frame_and_nothing_else() -> None:
    """The bytes are kept, the frame is quarantined with the reason, the next one is read (V18)."""
    node, store = a_node()
    for event in STORY[:6]:
        node.deliver(event)
    node.deliver(frame(node, b"\xff garbage"))
    node.deliver(frame(node, b"7"))
    node.commit()
    assert b"\xff garbage" in [record.body for record in store.committed]
    told = [decode_event(r.body) for r in store.committed if r.name == "FrameQuarantined"]
    assert [each.reason for each in told if isinstance(each, FrameQuarantined)] == [
        "ValueError: invalid literal for int() with base 10: b'\\xff garbage'"
    ]
    assert node.state.counts["quarantined/venue/main"] == 1
    assert node.state.counts["fills_booked/venue/main"] == 1


def zero_price() -> FillReported:
    return fill("1", "buy", "1", "0", account=PERP, instrument="BTCUSD", order_id="o")


def finer_than_its_asset() -> FillReported:
    return fill("1", "buy", "0.0000001", "0.001")


@pytest.mark.parametrize(
    "told", [zero_price(), finer_than_its_asset()], ids=["no price", "too many digits"]
)
def test_no_fact_that_a_venue_may_tell_ends_the_node(told: FillReported) -> None:
    """It is in the journal before it is stepped: what raises once raises at every restart."""
    node, _ = a_node()
    node.deliver(AssetListed(received_at=ms(0), asset="XRP", decimals=6))
    for event in STORY[:6]:
        node.deliver(event)
    node.deliver(opened(PERP))
    node.deliver(inverse())
    node.deliver(told)


# --- rebuilt -------------------------------------------------------------------------------------


def test_what_was_not_committed_is_gone_and_what_was_is_there() -> None:
    node, store = a_node()
    for event in STORY[:7]:
        node.deliver(event)
    node.commit()
    kept = encode_state(node.state)
    for event in STORY[7:]:
        node.deliver(event)
    assert store.crash() > 0
    again, _ = a_node(store)
    assert encode_state(again.state) == kept
    assert again.journal.next_number == len(store.committed) + 1


def test_a_recovered_node_hands_out_nothing_of_its_former_life() -> None:
    node, store = a_node()
    for event in STORY:
        node.deliver(event)
    node.commit()
    again, _ = a_node(store)
    assert again.commit() == []
    assert store.last()[0] == len(store.committed)


def test_the_next_life_goes_on_where_the_last_one_ended() -> None:
    """Killed after every event: the digest is that of one life that was never killed."""
    whole, store = a_node()
    for event in STORY:
        whole.deliver(event)
    whole.commit()
    died = MemoryStore()
    for event in STORY:
        node, _ = a_node(died)
        node.deliver(event)
        node.commit()
    assert digest_of(died, node.state) == digest_of(store, whole.state)


def test_a_snapshot_spares_time_and_changes_nothing() -> None:
    node, store = a_node()
    node = Node(node.journal, {"venue": read}, BreakGate(), node.state, snapshot_every=3)
    for n, event in enumerate(STORY):
        node.deliver(event)
        if n % 2:
            node.commit()
    node.commit()
    assert list(store.snapshots())
    without = MemoryStore()
    without.committed, without.groups = store.committed, store.groups
    states = [recover(Journal(each), BreakGate()) for each in (store, without)]
    assert encode_state(states[0]) == encode_state(states[1]) == encode_state(node.state)


def test_recovery_equals_the_live_state_at_every_prefix_of_a_stormy_journal() -> None:
    """At every commit of a run with crashes: what `recover` builds is what the node had then."""
    store = WitnessedStore()
    simulation = Simulation(STORMY, 1, store)
    store.watch(simulation)
    simulation.run()
    assert simulation.host.crashes >= 3
    assert len(store.seen) > 100
    for last, live in store.seen:
        prefix = MemoryStore()
        prefix.committed, prefix.groups = store.committed[:last], [(last, b"")]
        assert encode_state(recover(Journal(prefix), BreakGate())) == live, f"after record {last}"


STORMY = check(
    {
        "name": "stormy",
        "claim": "a node that is killed all the time is rebuilt as it was",
        "duration_s": 8,
        "heal_s": 3,
        "venues": ["binance_spot", "okx_swap"],
        "strategies": [
            {"kind": "maker", "name": "mm", "accounts": ["binance_spot/main"]},
            {
                "kind": "taker",
                "name": "th",
                "accounts": ["okx_swap/main"],
                "options": {"one_in": 1, "hedged": True},
            },
        ],
        "faults": [
            {"kind": "crash", "where": "node", "one_in": 150, "strength": 200},
            {"kind": "lost_frame", "one_in": 8},
            {"kind": "wild_statement", "one_in": 3},
            {"kind": "bust", "every_s": 2, "strength": 900},
        ],
    },
    "test_node",
)


class WitnessedStore(MemoryStore):
    """Writes down the live state at each commit, without the journal's help."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, bytes]] = []

    def watch(self, simulation: Simulation) -> None:
        self._host = simulation.host

    def commit(self, last: int, chain: bytes) -> None:
        super().commit(last, chain)
        if self._host.node is not None:
            self.seen.append((last, encode_state(self._host.node.state)))
