"""Payments on a chain, told to the core by hand: nonces, bytes, fees, and what is final."""

from __future__ import annotations

import pytest

from core import chain, ledger
from core.effects import Effect
from core.events import AccountOpened, AlarmRang, AssetListed, Event, NodeStarted
from core.gate import BreakGate
from core.rail_effects import (
    BroadcastTransaction,
    FetchBlock,
    FetchFinal,
    FetchNonce,
    FetchTransaction,
    SignTransaction,
)
from core.rail_events import (
    BalanceOpened,
    BlockReported,
    CustomerOpened,
    HeadReported,
    LegWanted,
    NonceReported,
    SchemePublished,
    TransactionRejected,
    TransactionReported,
    TransactionSigned,
    TransferRequested,
)
from core.settlement_state import Leg
from core.state import State
from core.step import step
from core.stuck import Stuck, stuck

SECOND = 1_000_000_000
GWEI = 10**9
HOT = "chain/hot"
TO = {
    "evm": "0x52908400098527886e0f7030069857d2e4169ee7",
    "bitcoin": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
}


class Node:
    """A node's state beside one chain, and what it asked for last."""

    def __init__(self, kind: str = "evm", *, used: int | None = 0) -> None:
        """`used` is how many nonces both nodes say are used; None: they say nothing."""
        self.state, self.now, self.kind = State(), 1_700_000_000 * SECOND, kind
        self.asset = "ETH" if kind == "evm" else "BTC"
        self.made = 0
        self.tell(NodeStarted, node="t", epoch=1)
        self.tell(AssetListed, asset=self.asset, decimals=8)
        self.tell(
            AccountOpened,
            account=HOT,
            tells="lines",
            statements=("balances",),
            statement_period_ns=3600 * SECOND,
            backfill_period_ns=3600 * SECOND,
            settle_ns=SECOND,
            silence_ns_max=86_400 * SECOND,
            ledger=True,
            chain=kind,
            sources=("a", "b"),
        )
        if used is not None:
            self.nonces(used, used)
        self.tell(
            SchemePublished,
            scheme=kind,
            account=HOT,
            kind="out",
            asset=self.asset,
            settled_by="finality",
            beneficiaries=kind,
            settles_ns_max=3600 * SECOND,
            answer_ns_max=10 * SECOND,
            query_every_ns=60 * SECOND,
            queries_max=3,
        )
        self.tell(CustomerOpened, customer="alice")
        self.tell(
            BalanceOpened,
            account=HOT,
            asset=self.asset,
            amount=10**9,
            customer="alice",
            occurred_at=self.now,
        )

    def tell(self, fact: type[Event], /, **fields: object) -> list[Effect]:
        effects = step(self.state, fact(received_at=self.now, **fields), BreakGate())
        assert ledger.faults(self.state) == []
        return effects

    def nonces(self, a: int, b: int, **more: int) -> list[Effect]:
        """Both nodes say how many transactions are mined; `pending` with those that wait."""
        told = {"a": a, "b": b}
        return [
            effect
            for source, latest in told.items()
            for effect in self.tell(
                NonceReported,
                account=HOT,
                source=source,
                latest=latest,
                finalized=min(a, b),
                **more,
            )
        ]

    def pay(self, amount: int = 1000, legs: int = 1) -> tuple[Leg, list[Effect]]:
        """A payment is asked for, or several one after the other; the first, and what follows."""
        effects = self.request(amount, legs)
        settlement = self.state.settlement
        return settlement.legs[settlement.transfers[f"t{self.made}"].legs[0]], effects

    def request(self, amount: int = 1000, legs: int = 1) -> list[Effect]:
        self.made += 1
        wanted = LegWanted(
            kind="out",
            asset=self.asset,
            amount=amount,
            scheme=self.kind,
            beneficiary=TO[self.kind],
        )
        return self.tell(
            TransferRequested,
            transfer_id=f"t{self.made}",
            customer="alice",
            legs=(wanted,) * legs,
            requested_by="x",
        )

    def signed(self, asked: SignTransaction, **more: object) -> list[Effect]:
        """The signer answers."""
        name = f"{asked.payment_id}/{asked.attempt}"
        return self.tell(
            TransactionSigned,
            account=HOT,
            payment_id=asked.payment_id,
            attempt=asked.attempt,
            nonce=asked.nonce,
            tx_hash=f"hash {name}",
            raw=f"raw {name}",
            fee_max=asked.fee_max,
            tip_max=asked.tip_max,
            **more,
        )

    def sent(self) -> Leg:
        """A payment that is signed and sent."""
        leg, effects = self.pay()
        self.signed(one(effects, SignTransaction))
        return leg

    def mined(
        self, leg: Leg, number: int, block: str, source: str = "", **more: object
    ) -> list[Effect]:
        """One node tells it, or both."""
        if not source:
            effects = self.mined(leg, number, block, "a", **more)
            return effects + self.mined(leg, number, block, "b", **more)
        self.now += SECOND
        return self.tell(
            TransactionReported,
            account=HOT,
            source=source,
            tx_hash=leg.attempts[-1].tx_hash,
            status="mined",
            block_number=number,
            block_hash=block,
            asked_at=self.now,
            **{"succeeded": True, **more},
        )

    def forgotten(self, leg: Leg, source: str = "a") -> list[Effect]:
        self.now += SECOND
        return self.tell(
            TransactionReported,
            account=HOT,
            source=source,
            tx_hash=leg.attempts[-1].tx_hash,
            status="unknown",
            asked_at=self.now,
        )

    def heads(self, final: int, first: str, second: str, base_fee: int = GWEI) -> list[Effect]:
        """Both nodes tell of the same height; `second` is what the other has there."""
        self.now += SECOND
        effects: list[Effect] = []
        for source in ("a", "b"):
            effects += self.head(source, final, first, base_fee)
        for each in [e for e in effects if isinstance(e, FetchBlock)]:
            self.now += SECOND
            effects += self.tell(
                BlockReported,
                account=HOT,
                source=each.source,
                number=each.number,
                block_hash=second,
            )
        return effects

    def head(self, source: str, final: int, block: str, base_fee: int = GWEI) -> list[Effect]:
        return self.tell(
            HeadReported,
            account=HOT,
            source=source,
            number=final + 64,
            block_hash="tip",
            finalized=final,
            finalized_hash=block,
            base_fee=base_fee,
        )

    def look(self, leg: Leg) -> list[Effect]:
        """It is time to look at the payment again."""
        self.now += 61 * SECOND
        return self.tell(AlarmRang, alarm=self._due(leg))

    def _due(self, leg: Leg) -> str:
        name = f"leg/{leg.payment_id}"
        self.now = max(self.now, self.state.alarms[name])
        return name

    def row(self, leg: Leg) -> Stuck:
        return next(each for each in stuck(self.state) if each.payment_id == leg.payment_id)


def one(effects: list[Effect], kind: type[SignTransaction]) -> SignTransaction:
    (found,) = [each for each in effects if isinstance(each, kind)]
    return found


def raws(effects: list[Effect]) -> list[str]:
    return [each.raw for each in effects if isinstance(each, BroadcastTransaction)]


def test_bytes_are_journaled_before_they_are_sent() -> None:
    """A signature is asked for and nothing is sent; told the bytes, they go."""
    node = Node()
    leg, effects = node.pay()
    assert raws(effects) == []
    assert raws(node.signed(one(effects, SignTransaction))) == [leg.attempts[0].raw]


def test_each_payment_has_a_nonce_of_its_own() -> None:
    node = Node()
    assert [node.sent().nonce for _ in range(3)] == [0, 1, 2]


def test_a_block_settles_once_two_nodes_call_it_final() -> None:
    node = Node()
    leg = node.sent()
    node.mined(leg, 100, "x")
    assert leg.status == "in_flight"
    node.heads(99, "w", "w")
    node.mined(leg, 100, "x")
    assert leg.status == "in_flight", "99 is final, 100 is not"
    node.heads(101, "y", "y")
    node.mined(leg, 100, "x")
    assert leg.status == "settled"


def test_what_was_asked_before_the_agreement_may_tell_of_a_block_that_is_none_any_more() -> None:
    node = Node()
    leg = node.sent()
    asked_at = node.now
    node.heads(101, "y", "y")
    node.tell(
        TransactionReported,
        account=HOT,
        source="a",
        tx_hash=leg.attempts[-1].tx_hash,
        status="mined",
        block_number=100,
        block_hash="x",
        succeeded=True,
        asked_at=asked_at,
    )
    assert leg.status == "in_flight"


def test_one_nodes_word_settles_nothing_however_often_it_is_told() -> None:
    node = Node()
    leg = node.sent()
    node.heads(101, "y", "y")
    for _ in range(3):
        node.mined(leg, 100, "x", "a")
    node.mined(leg, 100, "another", "b")
    assert leg.status == "in_flight"
    node.mined(leg, 100, "x", "b")
    assert leg.status == "settled"


def test_two_nodes_that_tell_another_end_settle_and_fail_nothing() -> None:
    node = Node()
    leg = node.sent()
    node.heads(101, "y", "y")
    node.mined(leg, 100, "x", "a", succeeded=False)
    node.mined(leg, 100, "x", "b")
    assert leg.status == "in_flight"


@pytest.mark.parametrize("first", ["a", "b"])
def test_what_a_node_said_before_a_reorganisation_is_its_word_no_more(first: str) -> None:
    """It has the payment no more, or in a block that is not final: the other's word is one."""
    other = {"a": "b", "b": "a"}[first]
    for after in ("forgotten", "mined later"):
        node = Node()
        leg = node.sent()
        node.heads(101, "y", "y")
        node.mined(leg, 100, "x", first)
        if after == "forgotten":
            node.forgotten(leg, first)
        else:
            node.mined(leg, 105, "z", first)
        node.mined(leg, 100, "x", other)
        assert leg.status == "in_flight", after
        node.mined(leg, 100, "x", first)
        assert leg.status == "settled", after


def test_heads_of_a_round_that_is_over_are_no_part_of_the_next() -> None:
    """A node may have told the last one and died: what it said then is not what it says now."""
    node = Node()
    node.heads(101, "y", "y")
    node.now += 3600 * SECOND
    node.tell(AlarmRang, alarm=f"backfill/{HOT}")
    node.now += SECOND
    effects = node.head("a", 103, "z")
    assert not any(isinstance(each, (FetchBlock, FetchFinal)) for each in effects)
    effects = node.head("b", 102, "w")
    assert [(e.source, e.number) for e in effects if isinstance(e, FetchBlock)] == [("a", 102)]


def test_two_nodes_that_name_different_blocks_settle_nothing() -> None:
    """It is a break, and closes once they agree again."""
    node = Node()
    leg = node.sent()
    node.heads(101, "y", "another")
    node.mined(leg, 100, "x")
    assert leg.status == "in_flight"
    items = node.state.settlement.items
    assert [item.cause for item in items.values()] == ["sources_disagree"]
    node.heads(102, "z", "z")
    node.mined(leg, 100, "x")
    assert (leg.status, dict(items)) == ("settled", {})


def test_a_node_that_lags_contradicts_nobody() -> None:
    node = Node()
    leg = node.sent()
    node.heads(101, "y", "")
    node.mined(leg, 100, "x")
    assert (leg.status, node.state.settlement.items) == ("in_flight", {})


def test_a_block_that_gave_way_is_forgotten_and_its_bytes_are_sent_again() -> None:
    node = Node()
    leg = node.sent()
    node.mined(leg, 100, "x")
    node.now += 120 * SECOND
    assert raws(node.forgotten(leg)) == [leg.attempts[0].raw]
    assert leg.attempts[0].block_hash == ""
    node.heads(101, "y", "y")
    node.mined(leg, 101, "y")
    assert (leg.status, len(leg.attempts)) == ("settled", 1)


def test_a_dearer_attempt_keeps_the_nonce_and_pays_a_tenth_more_on_both_caps() -> None:
    node = Node()
    leg = node.sent()
    node.heads(50, "x", "x", base_fee=100 * GWEI)
    bumps = [e for _ in range(6) for e in node.look(leg) if isinstance(e, SignTransaction)]
    assert [(each.attempt, each.nonce) for each in bumps] == [(2, leg.nonce)]
    first = leg.attempts[0]
    assert bumps[0].fee_max * 10 >= first.fee_max * 11
    assert bumps[0].tip_max * 10 >= first.tip_max * 11


def test_what_waits_while_blocks_are_cheap_is_not_made_dearer() -> None:
    node = Node()
    leg = node.sent()
    node.heads(50, "x", "x", base_fee=GWEI)
    asked = [e for _ in range(12) for e in node.look(leg) if isinstance(e, SignTransaction)]
    assert asked == []


def test_an_underpriced_attempt_is_replaced_at_once() -> None:
    node = Node()
    leg = node.sent()
    effects = node.tell(
        TransactionRejected,
        account=HOT,
        tx_hash=leg.attempts[0].tx_hash,
        code="underpriced",
        reason="fee too low",
    )
    assert one(effects, SignTransaction).nonce == leg.nonce


def test_a_nonce_that_is_used_up_is_asked_after_and_not_used_again() -> None:
    node = Node()
    leg = node.sent()
    effects = node.tell(
        TransactionRejected,
        account=HOT,
        tx_hash=leg.attempts[0].tx_hash,
        code="nonce_too_low",
        reason="nonce too low",
    )
    assert [e.source for e in effects if isinstance(e, FetchNonce)] == ["a", "b"]
    assert not any(isinstance(e, SignTransaction) for e in effects)


def nonce_used(node: Node, leg: Leg, status: str = "unknown", by: str = "ab") -> list[Effect]:
    """It is told as used twice, and in between what a node knows of our attempt."""
    told = {"account": HOT, "finalized": leg.nonce + 1, "latest": leg.nonce + 1}
    effects = [each for source in by for each in node.tell(NonceReported, source=source, **told)]
    node.now += SECOND
    words = {"tx_hash": leg.attempts[0].tx_hash, "asked_at": node.now - 1, "block_hash": "0x9"}
    for source in "ba":
        node.tell(TransactionReported, account=HOT, source=source, status=status, **words)
    node.now += SECOND
    for source in by:
        node.tell(NonceReported, source=source, **told)
    return effects


def causes(node: Node) -> list[str]:
    return [item.cause for item in node.state.settlement.items.values()]


def test_somebody_else_who_signs_with_our_key_is_a_break() -> None:
    """Each attempt of ours is asked for first: one of them may have used it."""
    node = Node()
    leg = node.sent()
    for _ in range(4):
        node.look(leg)
    asked = [each for each in nonce_used(node, leg) if isinstance(each, FetchTransaction)]
    assert [each.source for each in asked] == ["a", "b"]
    assert causes(node).count("nonce_taken") == 1


def test_one_node_alone_uses_up_no_nonce() -> None:
    """It may lie, at every look: the other says each time that it is not used, or says nothing."""
    node = Node()
    leg = node.sent()
    for _ in range(4):
        node.look(leg)
    for _ in range(3):
        nonce_used(node, leg, by="b")
    assert "nonce_taken" not in causes(node)
    nonce_used(node, leg, by="a")
    assert "nonce_taken" not in causes(node), "each has to say so again"
    node.tell(NonceReported, account=HOT, source="a", finalized=leg.nonce, latest=leg.nonce)
    nonce_used(node, leg, by="b")
    assert "nonce_taken" not in causes(node)
    assert any(isinstance(each, BroadcastTransaction) for each in forgotten(node, leg))


def test_one_node_alone_denies_no_payment_of_ours() -> None:
    """It is mined, as one node says; the other never says so, though both say of the nonce that it
    is used up. What they said before both did tells nothing."""
    node = Node()
    leg = node.sent()
    for _ in range(4):
        node.look(leg)
    told = {"account": HOT, "finalized": leg.nonce + 1, "latest": leg.nonce + 1}
    attempt = {"account": HOT, "tx_hash": leg.attempts[0].tx_hash, "block_hash": "0x9"}
    words = attempt | {"asked_at": node.now}
    for source in "ab":
        node.tell(TransactionReported, source=source, status="unknown", **words)
    for _ in range(3):
        for source in "ab":
            node.tell(NonceReported, source=source, **told)
        node.now += SECOND
        words = attempt | {"asked_at": node.now}
        node.tell(TransactionReported, source="b", status="mined", block_number=9, **words)
        node.tell(TransactionReported, source="a", status="unknown", **words)
    assert "nonce_taken" not in causes(node)
    nonce_used(node, leg)
    assert "nonce_taken" in causes(node), "the other says that it does not know it either"


def test_a_node_that_takes_its_word_back_has_all_asked_anew() -> None:
    node = Node()
    leg = node.sent()
    for _ in range(4):
        node.look(leg)
    used = {"account": HOT, "finalized": leg.nonce + 1, "latest": leg.nonce + 1}
    for source in "ab":
        node.tell(NonceReported, source=source, **used)
    node.now += SECOND
    words = {"account": HOT, "tx_hash": leg.attempts[0].tx_hash, "asked_at": node.now}
    for source in "ab":
        node.tell(TransactionReported, source=source, status="unknown", **words)
    node.tell(NonceReported, source="a", **used | {"finalized": leg.nonce})
    for _ in range(3):
        node.now += SECOND
        for source in "ab":
            node.tell(NonceReported, source=source, **used)
    assert "nonce_taken" not in causes(node), "nobody was asked for our attempt since"


class Watched:
    """A payment that is late, and what its two nodes say of its nonce."""

    def __init__(self) -> None:
        self.node = Node()
        self.leg = self.node.sent()
        for _ in range(4):
            self.node.look(self.leg)

    def says(self, source: str, *, used: bool) -> None:
        told = {"account": HOT, "latest": self.leg.nonce + 1}
        self.node.tell(NonceReported, source=source, finalized=self.leg.nonce + used, **told)

    def of_attempt(self, source: str, status: str) -> None:
        self.node.now += SECOND
        words = {"tx_hash": self.leg.attempts[0].tx_hash, "asked_at": self.node.now}
        self.node.tell(TransactionReported, account=HOT, source=source, status=status, **words)

    def contradict(self, minutes: int) -> None:
        for _ in range(minutes):
            self.says("a", used=True)
            self.says("b", used=False)
            self.node.now += 60 * SECOND

    def prove(self) -> None:
        """Both say that it is used up, know no attempt, and say it once more."""
        for source in "ab":
            self.says(source, used=True)
        for source in "ab":
            self.of_attempt(source, "unknown")
        for source in "ab":
            self.says(source, used=True)


def test_nodes_that_go_on_to_contradict_each_other_on_a_nonce_are_a_break() -> None:
    """One that says too little hides a theft for ever: it is late, and people are told."""
    watched = Watched()
    watched.contradict(60)
    assert "sources_disagree" not in causes(watched.node), "it may lag"
    watched.contradict(5)
    assert causes(watched.node).count("sources_disagree") == 1
    watched.says("a", used=False)
    assert "sources_disagree" not in causes(watched.node), "none says so any more"
    watched.contradict(65)
    watched.says("b", used=True)
    assert "sources_disagree" in causes(watched.node), "nothing is found out yet"
    watched.prove()
    assert "sources_disagree" not in causes(watched.node)
    assert "nonce_taken" in causes(watched.node)


def test_a_node_that_says_now_this_now_that_of_a_nonce_is_a_break_too() -> None:
    watched = Watched()
    for minute in range(70):
        watched.says("a", used=True)
        watched.says("b", used=minute % 2 == 0)
        watched.node.now += 60 * SECOND
    assert causes(watched.node).count("sources_disagree") == 1


def test_a_node_that_says_nothing_contradicts_nobody() -> None:
    watched = Watched()
    for _ in range(70):
        watched.says("a", used=True)
        watched.node.now += 60 * SECOND
    assert "sources_disagree" not in causes(watched.node)


def test_what_a_node_keeps_waiting_after_its_nonce_is_used_up_was_not_mined() -> None:
    """It would hide a theft for ever: its word is that the nonce is used up and this is not."""
    watched = Watched()
    for source in "ab":
        watched.says(source, used=True)
    watched.of_attempt("a", "unknown")
    watched.of_attempt("b", "pending")
    for source in "ab":
        watched.says(source, used=True)
    assert "nonce_taken" in causes(watched.node)


def test_what_people_know_of_a_nonce_is_doubted_no_more() -> None:
    """Nobody looks at the nonce of a payment that is over: a doubt about it would stay for ever."""
    watched = Watched()
    watched.prove()
    watched.contradict(70)
    assert causes(watched.node).count("nonce_taken") == 1
    assert "sources_disagree" not in causes(watched.node)


def forgotten(node: Node, leg: Leg) -> list[Effect]:
    """A node says, an hour after it was sent, that it does not know our attempt."""
    node.now += 3600 * SECOND
    words = {"tx_hash": leg.attempts[0].tx_hash, "asked_at": node.now - 1}
    return node.tell(TransactionReported, account=HOT, source="a", status="unknown", **words)


def test_what_no_node_can_take_any_more_is_not_handed_in_again() -> None:
    node = Node()
    leg = node.sent()
    for _ in range(4):
        node.look(leg)
    assert any(isinstance(each, BroadcastTransaction) for each in forgotten(node, leg))
    nonce_used(node, leg)
    assert not any(isinstance(each, BroadcastTransaction) for each in forgotten(node, leg))


def test_a_nonce_that_we_used_ourselves_unheard_is_no_break() -> None:
    """Payments behind a taken nonce are mined, and were not asked for while they seemed to wait."""
    node = Node()
    first, second = node.sent(), node.sent()
    for _ in range(4):
        node.look(first)
        node.look(second)
    told = {"account": HOT, "finalized": second.nonce + 1, "latest": 9}
    for _ in range(3):
        for source in "ab":
            node.tell(NonceReported, source=source, **told)
        node.now += SECOND
    assert "nonce_taken" not in causes(node)
    nonce_used(node, first)
    assert causes(node).count("nonce_taken") == 1
    assert chain.blockers(node.state, second) == []
    nonce_used(node, second, "mined")
    assert causes(node).count("nonce_taken") == 1


def test_a_restart_sends_the_same_bytes() -> None:
    node = Node()
    leg = node.sent()
    effects = node.tell(NodeStarted, node="t", epoch=2)
    assert raws(effects) == [leg.attempts[0].raw]
    assert not any(isinstance(each, SignTransaction) for each in effects)


def test_a_restart_before_the_signature_asks_for_the_same_one() -> None:
    node = Node()
    _, effects = node.pay()
    again = node.tell(NodeStarted, node="t", epoch=2)
    assert one(again, SignTransaction) == one(effects, SignTransaction)


def test_a_gap_in_nonces_is_one_stuck_cause_with_what_it_blocks() -> None:
    node = Node()
    first, second, third = node.sent(), node.sent(), node.sent()
    assert node.row(first).waiting_for == "a block"
    assert node.row(first).blocks == (second.payment_id, third.payment_id)
    assert node.row(second).waiting_for == f"nonce 0 ({first.payment_id}) to be mined"
    assert node.row(second).blocks == ()
    node.mined(first, 100, "x")
    assert node.row(first).waiting_for == "its block to be final"
    assert node.row(second).blocks == (third.payment_id,)


def test_only_the_first_of_a_gap_is_chased() -> None:
    node = Node()
    node.sent()
    second = node.sent()
    node.heads(50, "x", "x", base_fee=100 * GWEI)
    asked = [e for _ in range(12) for e in node.look(second) if isinstance(e, SignTransaction)]
    assert asked == []


def test_one_unsigned_bitcoin_payment_at_a_time() -> None:
    """Two that are not signed yet might be given the same outpoints."""
    node = Node("bitcoin")
    _, effects = node.pay()
    second, more = node.pay()
    assert not any(isinstance(each, SignTransaction) for each in more)
    node.signed(one(effects, SignTransaction), spends=("aa:0",))
    asked = one(node.look(second), SignTransaction)
    assert (asked.payment_id, asked.avoid) == (second.payment_id, ("aa:0",))


def test_what_begins_later_is_signed_later_though_it_was_asked_for_before() -> None:
    """The second leg of an older request begins while a newer one waits for its signature."""
    node = Node("bitcoin")
    first, effects = node.pay(legs=2)
    node.signed(one(effects, SignTransaction), spends=("aa:0",))
    newer, effects = node.pay()
    asked = one(effects, SignTransaction)
    node.mined(first, 100, "x")
    node.heads(101, "y", "y")
    more = node.mined(first, 100, "x")
    second = node.state.settlement.legs[node.state.settlement.transfers["t1"].legs[1]]
    assert (first.status, second.status) == ("settled", "in_flight")
    assert not any(isinstance(each, SignTransaction) for each in more)
    node.signed(asked, spends=("bb:0",))
    assert "bb:0" in one(node.look(second), SignTransaction).avoid
    assert newer.spends == ("bb:0",)


def test_a_bitcoin_replacement_spends_the_same_outpoints() -> None:
    node = Node("bitcoin")
    leg, effects = node.pay()
    node.signed(one(effects, SignTransaction), spends=("aa:0", "bb:1"))
    bumps = [e for _ in range(6) for e in node.look(leg) if isinstance(e, SignTransaction)]
    assert [each.spends for each in bumps] == [("aa:0", "bb:1")]


def test_a_bitcoin_replacement_pays_a_higher_rate_of_its_own_size() -> None:
    node = Node("bitcoin")
    leg, effects = node.pay()
    first = one(effects, SignTransaction)
    node.signed(first, spends=("aa:0",), rate=first.rate)
    bumps = [e for _ in range(6) for e in node.look(leg) if isinstance(e, SignTransaction)]
    assert [(each.rate, each.fee_max) for each in bumps] == [(23, first.fee_max)]
    assert first.rate == 20


def test_what_nobody_relays_is_refused_before_anything_is_posted() -> None:
    node = Node("bitcoin")
    for amount, refused in ((293, "BELOW_DUST"), (294, "")):
        node.request(amount)
        assert node.state.settlement.transfers[f"t{node.made}"].refusal == refused


def test_the_record_is_read_up_to_what_is_agreed_and_no_further() -> None:
    node = Node()
    effects = node.heads(101, "y", "y")
    assert [e.through for e in effects if isinstance(e, FetchFinal)] == [101]
