"""Somebody else signs with our key: two people acknowledge what was spent, and a payment ends."""

from __future__ import annotations

from typing import Any

from core.rail_events import ItemResolved, LineBooked, TransactionReported
from core.settlement_state import Leg
from tests.test_chain_payments import HOT, Node, nonce_used


def stolen() -> tuple[Node, Leg]:
    """A payment whose nonce another transaction took, and what that one spent."""
    node = Node()
    leg = node.sent()
    for _ in range(4):
        node.look(leg)
    nonce_used(node, leg)
    node.tell(
        LineBooked, account=HOT, line_id="0xee:value", asset="ETH", amount=-70, booked_at=node.now
    )
    assert {item.cause for item in node.state.settlement.items.values()} >= {
        "nonce_taken",
        "unknown_debit",
    }
    return node, leg


def acknowledge(node: Node, leg: Leg, **more: Any) -> None:
    words = {"author": "ann", "approver": "ben", "reason": "the old wallet", "evidence": "log 3"}
    node.tell(
        ItemResolved,
        resolution_id=f"i{node.now}",
        subject=f"{HOT} nonce {leg.nonce}",
        cause="nonce_taken",
        **{**words, **more},
    )


def causes(node: Node) -> list[str]:
    return [item.cause for item in node.state.settlement.items.values()]


def test_what_was_spent_is_ours_and_the_payment_fails_once() -> None:
    node, leg = stolen()
    settlement = node.state.settlement
    before = settlement.ledger.get(f"customer/{leg.customer}/{leg.asset}", 0)
    acknowledge(node, leg, line_id="0xee:value")
    assert (leg.status, leg.code) == ("failed", "NONCE_TAKEN")
    assert settlement.ledger[f"customer/{leg.customer}/{leg.asset}"] == before - leg.amount
    assert (settlement.ledger["equity/ETH"], settlement.suspense) == (70, {})
    assert causes(node) == []


def test_without_its_line_the_spending_stays_in_suspense() -> None:
    node, leg = stolen()
    acknowledge(node, leg)
    assert (leg.status, causes(node)) == ("failed", ["unknown_debit"])


def test_what_an_attempt_of_ours_may_have_used_is_not_acknowledged_away() -> None:
    """It is mined: whether that is final the nodes will say."""
    node, leg = stolen()
    node.tell(
        TransactionReported,
        account=HOT,
        source="a",
        tx_hash=leg.attempts[0].tx_hash,
        status="mined",
        asked_at=node.now,
        block_number=9,
        block_hash="0x9",
        succeeded=True,
    )
    acknowledge(node, leg)
    assert leg.status == "in_flight"
    assert "nonce_taken" in causes(node)


def test_one_person_or_a_line_that_is_not_there_acknowledges_nothing() -> None:
    node, leg = stolen()
    acknowledge(node, leg, approver="ann")
    acknowledge(node, leg, line_id="0xff:value")
    assert (leg.status, node.state.counts["resolutions_refused"]) == ("in_flight", 2)
