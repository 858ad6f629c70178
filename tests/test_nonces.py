"""A wallet's next nonce is asked for before the first payment; what no node takes is decided."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core import ledger
from core.effects import Effect, RaiseAlert
from core.events import AlarmRang, NodeStarted
from core.rail_effects import FetchNonce, SignTransaction
from core.rail_events import (
    NonceReported,
    SigningRefused,
    TransactionRejected,
    TransactionReported,
)
from core.settlement_state import Leg
from rails.evm.signing import EvmSigner
from tests.chains import KEY, OURS, WALLET
from tests.test_chain_payments import GWEI, HOT, SECOND, Node, one, raws

MINUTE = 60 * SECOND


def causes(node: Node) -> list[str]:
    return [item.cause for item in node.state.settlement.items.values()]


def ring(node: Node, alarm: str) -> list[Effect]:
    node.now = max(node.now, node.state.alarms[alarm])
    return node.tell(AlarmRang, alarm=alarm)


def signs(effects: list[Effect]) -> list[SignTransaction]:
    return [each for each in effects if isinstance(each, SignTransaction)]


def asks(effects: list[Effect]) -> list[str]:
    return [each.source for each in effects if isinstance(each, FetchNonce)]


# --- before the first payment --------------------------------------------------------------------


def test_no_payment_has_a_nonce_before_every_node_has_said_the_next() -> None:
    node = Node(used=None)
    (first, effects), (second, more) = node.pay(), node.pay()
    assert signs([*effects, *more]) == []
    assert node.row(first).waiting_for == "the nodes to say the next nonce"
    asked = signs(node.nonces(7, 7))
    assert [each.nonce for each in asked] == [7, 8]
    assert [first.nonce, second.nonce] == [7, 8]


def test_a_wallet_that_was_used_before_goes_on_and_that_is_no_break() -> None:
    node = Node(used=7)
    leg, effects = node.pay()
    assert (leg.nonce, one(effects, SignTransaction).nonce) == (7, 7)
    assert causes(node) == []


def test_what_waits_in_a_mempool_is_used_too() -> None:
    node = Node(used=None)
    node.nonces(7, 7, pending=9)
    assert node.pay()[0].nonce == 9


def test_an_answer_that_was_lost_is_asked_for_again() -> None:
    node = Node(used=None)
    node.pay()
    assert asks(ring(node, f"nonce/{HOT}")) == ["a", "b"]
    assert asks(ring(node, f"nonce/{HOT}")) == ["a", "b"]
    effects = node.nonces(0, 0)
    assert one(effects, SignTransaction).nonce == 0
    assert f"nonce/{HOT}" not in node.state.alarms


def test_a_payment_that_waits_is_not_signed_by_its_own_alarm() -> None:
    node = Node(used=None)
    leg, _ = node.pay()
    assert signs(node.look(leg)) == []
    assert leg.nonce == -1


# --- after a restart -----------------------------------------------------------------------------


def restarted(node: Node) -> list[Effect]:
    node.now += MINUTE
    return node.tell(NodeStarted, node="t", epoch=2)


def test_a_restart_asks_both_nodes_before_it_gives_another_nonce() -> None:
    node = Node()
    node.sent()
    assert asks(restarted(node)) == ["a", "b"]
    leg, effects = node.pay()
    assert (leg.nonce, signs(effects)) == (-1, [])
    node.nonces(1, 1)
    assert leg.nonce == 1
    assert causes(node) == []


def test_what_was_signed_before_keeps_its_nonce_and_its_bytes() -> None:
    node = Node()
    leg = node.sent()
    assert raws(restarted(node)) == [leg.attempts[0].raw]
    assert raws(node.nonces(0, 0)) == [leg.attempts[0].raw]  # no node knows it: once more
    assert leg.nonce == 0


def test_what_a_node_knows_is_not_handed_in_again_for_its_nonce() -> None:
    node = Node()
    node.sent()
    restarted(node)
    assert raws(node.nonces(0, 0, pending=1)) == []


def test_nonces_that_were_used_and_not_by_us_are_a_break_and_are_left_alone() -> None:
    node = Node()
    node.sent()
    restarted(node)
    effects = node.nonces(4, 4)
    assert causes(node) == ["nonce_taken"]
    assert any("nonces 1 to 3" in each.text for each in effects if isinstance(each, RaiseAlert))
    assert node.pay()[0].nonce == 4


@pytest.mark.parametrize(("a", "b"), [(4, 0), (0, 4)])
def test_what_one_node_alone_says_is_asked_again_and_no_break(a: int, b: int) -> None:
    """It may lie, or the other lag: nothing is sent until they say the same."""
    node = Node()
    restarted(node)
    leg, _ = node.pay()
    node.nonces(a, b)
    assert (causes(node), leg.nonce) == ([], -1)
    assert asks(ring(node, f"nonce/{HOT}")) == ["a", "b"]
    node.nonces(4, 4)
    assert (causes(node), leg.nonce) == (["nonce_taken"], 4)


def test_an_answer_of_before_the_round_does_not_end_it() -> None:
    node = Node(used=None)
    node.nonces(3, 3)
    restarted(node)
    leg, _ = node.pay()
    node.tell(NonceReported, account=HOT, source="a", latest=3, finalized=3)
    assert leg.nonce == -1
    node.tell(NonceReported, account=HOT, source="b", latest=3, finalized=3)
    assert leg.nonce == 3


def test_bitcoin_has_no_nonce_to_wait_for() -> None:
    node = Node("bitcoin", used=None)
    _, effects = node.pay()
    assert len(signs(effects)) == 1
    assert asks(restarted(node)) == []


# --- unfunded ------------------------------------------------------------------------------------


def reject(node: Node, leg: Leg, code: str, attempt: int = -1) -> list[Effect]:
    node.now += SECOND
    return node.tell(
        TransactionRejected,
        account=HOT,
        tx_hash=leg.attempts[attempt].tx_hash,
        code=code,
        reason=code,
    )


def test_an_unfunded_payment_waits_and_goes_again_with_the_same_bytes() -> None:
    node = Node()
    leg = node.sent()
    assert signs(reject(node, leg, "no_funds")) == []
    assert causes(node) == ["unfunded"]
    assert node.row(leg).waiting_for == "coin on the wallet"
    node.heads(50, "x", "x", base_fee=900 * GWEI)  # outbid, and no reason to sign anew
    for _ in range(12):
        effects = node.look(leg)
        assert (raws(effects), signs(effects)) == ([leg.attempts[0].raw], [])
    taken(node, leg)
    assert (causes(node), leg.unfunded) == ([], False)


def test_an_unfunded_payment_holds_up_nobody_and_is_not_blocked_itself() -> None:
    node = Node()
    first, second = node.sent(), node.sent()
    reject(node, second, "no_funds")
    assert raws(node.look(second)) == [second.attempts[0].raw]
    assert first.unfunded is False


def test_a_restart_hands_an_unfunded_payment_in_again() -> None:
    node = Node()
    leg = node.sent()
    reject(node, leg, "no_funds")
    assert leg.attempts[0].raw in raws(restarted(node))


def taken(node: Node, leg: Leg) -> None:
    node.tell(
        TransactionReported,
        account=HOT,
        source="a",
        tx_hash=leg.attempts[-1].tx_hash,
        status="pending",
        asked_at=node.now,
    )


# --- invalid -------------------------------------------------------------------------------------


def cancelled(node: Node) -> Leg:
    """A payment that no node takes, with the cancellation signed."""
    leg = node.sent()
    asked = one(reject(node, leg, "invalid"), SignTransaction)
    node.signed(asked)
    return leg


def test_an_invalid_payment_is_cancelled_under_its_own_nonce_and_does_not_fail_yet() -> None:
    node = Node()
    leg = node.sent()
    asked = one(reject(node, leg, "invalid"), SignTransaction)
    assert (asked.nonce, asked.cancels, asked.amount, asked.beneficiary) == (0, True, 0, "")
    assert asked.fee_max * 10 >= leg.attempts[0].fee_max * 11
    assert leg.status == "in_flight"
    assert causes(node) == ["invalid_bytes"]
    assert "to ourselves" in node.row(leg).waiting_for


def test_it_fails_and_is_given_back_once_a_final_block_has_used_up_its_nonce() -> None:
    node = Node()
    leg = cancelled(node)
    node.mined(leg, 100, "x")
    assert leg.status == "in_flight"
    node.heads(100, "x", "x")
    node.mined(leg, 100, "x")
    assert (leg.status, leg.code) == ("failed", "INVALID")
    assert causes(node) == []
    assert ledger.posted(node.state, "alice", "ETH") == 10**9


def test_where_the_payment_itself_is_mined_after_all_it_is_settled() -> None:
    """Another node took it: one nonce is mined once, and a block decides which."""
    node = Node()
    leg = cancelled(node)
    node.heads(100, "x", "x")
    node.now += SECOND
    for source in ("a", "b"):
        node.tell(
            TransactionReported,
            account=HOT,
            source=source,
            tx_hash=leg.attempts[0].tx_hash,
            status="mined",
            block_number=99,
            block_hash="y",
            succeeded=True,
            asked_at=node.now,
        )
    assert leg.status == "settled"
    assert causes(node) == []


def test_a_dearer_cancellation_is_one_too() -> None:
    node = Node()
    leg = cancelled(node)
    asked = one(reject(node, leg, "underpriced"), SignTransaction)
    assert (asked.attempt, asked.cancels, asked.amount) == (3, True, 0)


def test_a_cancellation_that_is_refused_too_waits_for_a_person() -> None:
    node = Node()
    leg = cancelled(node)
    effects = reject(node, leg, "invalid")
    assert signs(effects) == []
    assert any(isinstance(each, RaiseAlert) for each in effects)
    assert leg.status == "in_flight"
    assert causes(node) == ["invalid_bytes"]


def test_a_word_on_older_bytes_cancels_nothing() -> None:
    node = Node()
    leg = node.sent()
    node.signed(one(reject(node, leg, "underpriced"), SignTransaction))
    assert signs(reject(node, leg, "invalid", 0)) == []
    assert leg.cancels_from == 0


def test_a_bitcoin_payment_has_no_nonce_to_use_up() -> None:
    node = Node("bitcoin")
    leg, effects = node.pay()
    node.signed(one(effects, SignTransaction), spends=("aa:0",))
    effects = reject(node, leg, "invalid")
    assert signs(effects) == []
    assert any(isinstance(each, RaiseAlert) for each in effects)


def test_the_signer_pays_nothing_to_ourselves_and_nothing_to_anybody_in_a_cancellation() -> None:
    signer = EvmSigner({HOT: WALLET}, {HOT: KEY})
    asked = SignTransaction(
        account=HOT,
        payment_id="p",
        attempt=2,
        nonce=3,
        asset="USDC",
        amount=0,
        beneficiary="",
        fee_max=2,
        tip_max=1,
        cancels=True,
    )
    told = signer.sign(asked, 1)
    assert not isinstance(told, SigningRefused)
    assert OURS[2:] in told.raw
    assert WALLET.tokens["USDC"][2:] not in told.raw
    for more in ({"amount": 1}, {"beneficiary": OURS}):
        assert isinstance(signer.sign(replace(asked, **more), 1), SigningRefused)
    assert isinstance(signer.sign(replace(asked, cancels=False), 1), SigningRefused)
