"""What is judged when a run is over, beside holdings: by identity, so that none masks another."""

from __future__ import annotations

from decimal import Decimal

from core.gate import BreakGate
from core.journal import Journal
from core.node import Node
from sim.memory_store import MemoryStore
from sim.truth import Fact, Truth
from tests.facts import SPOT, fill, opened, opening, spot, started
from tieout.claims.truths import contradictions_unshown

CASH = f"{SPOT}/XRP/cash"


def told_twice(truth: Truth, fill_id: str, *, heard: bool = True) -> Fact:
    """The venue tells a fill of one XRP, and once more at another price."""
    key = ("XRPETH", fill_id, "buy")
    right = truth.record(SPOT, "fill", key, {CASH: Decimal(1)})
    wrong = truth.contradict(right, CASH)
    if heard:
        truth.heard((right, wrong))
        truth.kept()
    return wrong


def journal_of(*told: tuple[str, str]) -> MemoryStore:
    """What a node journals that is told these fills, by id and price."""
    store = MemoryStore()
    node = Node(Journal(store), {}, BreakGate())
    for event in (started(), opened(), spot(), opening("XRP", "10"), opening("ETH", "10")):
        node.deliver(event)
    for fill_id, at_price in told:
        node.deliver(fill(fill_id, "buy", "1", at_price))
    node.commit()
    return store


def test_a_contradiction_is_shown_by_its_own_id_and_not_by_another_nor_by_a_repeat() -> None:
    truth = Truth(lambda: 0)
    told_twice(truth, "7")
    told_twice(truth, "8")
    seven = [("7", "0.001"), ("7", "0.002"), ("7", "0.002"), ("7", "0.002")]
    both = [*seven, ("8", "0.001"), ("8", "0.002")]
    assert contradictions_unshown(truth, journal_of(*seven)) == [f"{SPOT} XRPETH 8 buy"]
    assert contradictions_unshown(truth, journal_of(*both)) == []
    # Whichever content came first, the two contradict.
    assert contradictions_unshown(truth, journal_of(*reversed(both))) == []


def test_what_was_not_told_twice_need_not_be_shown() -> None:
    truth = Truth(lambda: 0)
    told_twice(truth, "7", heard=False)
    assert contradictions_unshown(truth, journal_of(("7", "0.001"))) == []
