"""A token's life in the core: permissions, blocks that give way, orphans, finality, restarts."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from core import authorizations, issuance, memory, register
from core.effects import Effect, RaiseAlert, Remember
from core.events import AlarmRang, Event, NodeStarted, Recalled
from core.gate import BreakGate
from core.state import State
from core.step import step
from core.token_effects import (
    AskPause,
    BumpEpoch,
    FetchHoldings,
    FetchTokenBlock,
    FetchTokenHead,
    JudgeAuthorization,
    SignAuthorization,
    TellCaller,
    VoidAuthorization,
)
from core.token_events import (
    AuthorizationDeclined,
    AuthorizationJudged,
    AuthorizationRequested,
    AuthorizationSigned,
    HolderStated,
    HoldingsReported,
    PolicyPublished,
    RequestRefused,
    RevocationRequested,
    TokenBlockReported,
    TokenHeadReported,
    TokenLog,
    TokenReopened,
)
from core.token_state import Authorization, Policy, Token
from tests.openings import NAME, SECOND, chain_account, final_heads, policy, published

START = 1_700_000_000
ALICE, BOB, CAROL = ("0x" + letter * 40 for letter in "abc")


@dataclass
class Books:
    """The core, fed by hand: a vault that allows, a signer that signs, a chain of blocks."""

    state: State = field(default_factory=State)
    done: list[Effect] = field(default_factory=list)
    now: int = START * SECOND
    blocks: list[tuple[str, str, int, int]] = field(default_factory=list)
    logs: dict[str, tuple[TokenLog, ...]] = field(default_factory=dict)
    lies: dict[tuple[str, str], tuple[TokenLog, ...]] = field(default_factory=dict)
    asked: int = 0
    window_s: int = 120
    silent: bool = False
    cut: int = 0
    lacking: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tell(NodeStarted(received_at=self.now, node="n", epoch=1, records_lost=self.cut))
        self.tell(chain_account(self.now))
        self.blocks.append(("h0", "", 100, START))
        self.tell(published(self.now, "h0", signers=("s1", "s2", "s3")))
        self.policy(1)

    @property
    def token(self) -> Token:
        return self.state.tokens["ESTATE"]

    def tell(self, event: Event) -> list[Effect]:
        self.now = max(self.now, event.received_at)
        if isinstance(event, AuthorizationRequested):
            self._recall(event)
        effects = step(self.state, event, BreakGate())
        self.done += effects
        return effects

    def _recall(self, event: Event) -> None:
        """As a node asks its journal."""
        for account, key in memory.wanted(self.state, event):
            for kept in (each for each in self.done if isinstance(each, Remember)):
                if (kept.account, kept.key) == (account, key):
                    told = Recalled(
                        received_at=self.now,
                        account=account,
                        kind=kept.kind,
                        key=key,
                        content=kept.content,
                        record=0,
                    )
                    step(self.state, told, BreakGate())

    def policy(self, version: int, *, tightens: bool = False, holder_max: int = -1) -> list[Effect]:
        told = {"window_s": self.window_s, "holder_max": holder_max, "tightens": tightens}
        return self.tell(policy(self.now, version, **told))

    def ask(
        self,
        kind: str,
        sender: str,
        receiver: str,
        value: int,
        request_id: str = "",
        valid_before: int = 0,
    ) -> list[Effect]:
        self.asked += 1
        return self.tell(
            AuthorizationRequested(
                received_at=self.now,
                token=NAME,
                caller="desk",
                request_id=request_id or f"r{self.asked}",
                kind=kind,  # type: ignore[arg-type]
                sender=sender,
                receiver=receiver,
                value=value,
                valid_before=valid_before,
            )
        )

    def judge(self, asked: Effect, refusal: str = "", *commitments: str) -> list[Effect]:
        assert isinstance(asked, JudgeAuthorization), asked
        known = [self.token.stated.get(each, "") for each in (asked.sender, asked.receiver)]
        return self.tell(
            AuthorizationJudged(
                received_at=self.now,
                token=NAME,
                authorization_id=asked.authorization_id,
                valid_after=asked.valid_after,
                valid_before=asked.valid_before,
                policy_version=asked.policy_version,
                refusal=refusal,
                decision_hash=f"decision of {asked.authorization_id}",
                lane=1000 + asked.place,
                commitments=commitments or tuple(each for each in known if each),
            )
        )

    def sign(self, asked: list[Effect]) -> list[Effect]:
        effects: list[Effect] = []
        for each in asked:
            assert isinstance(each, SignAuthorization), each
            effects += self.tell(
                AuthorizationSigned(
                    received_at=self.now,
                    token=NAME,
                    authorization_id=each.authorization_id,
                    signer=each.signer,
                    signature="0x" + each.signer,
                )
            )
        return effects

    def permit(self, kind: str, sender: str, receiver: str, value: int) -> Authorization:
        asked = self.judge(self.ask(kind, sender, receiver, value)[0])
        self.sign([each for each in asked if not isinstance(each, TellCaller)])
        return self.token.authorizations[f"ESTATE/{self.token.made}"]

    def block(self, name: str, *logs: TokenLog, on: str = "", seconds: int = 12) -> list[Effect]:
        """A new block, told as a head."""
        self.add(name, *logs, on=on, seconds=seconds)
        return self.show(name)

    def add(self, name: str, *logs: TokenLog, on: str = "", seconds: int = 12) -> None:
        parent = next(b for b in self.blocks if b[0] == (on or self.blocks[-1][0]))
        block = (name, parent[0], parent[2] + 1, parent[3] + seconds)
        self.blocks.append(block)
        self.now = max(self.now, block[3] * SECOND)
        self.logs[name] = logs

    def show(self, name: str, source: str = "a") -> list[Effect]:
        """A node tells it as its head; what is asked for on the way is told."""
        number = next(b[2] for b in self.blocks if b[0] == name)
        asked = self.tell(
            TokenHeadReported(
                received_at=self.now,
                account="chain/hot",
                source=source,
                token=NAME,
                number=number,
                block_hash=name,
            )
        )
        effects = list(asked)
        while fetch := next((e for e in asked if isinstance(e, FetchTokenBlock)), None):
            asked = self.answer(fetch)
            effects += asked
        return effects

    def answer(self, fetch: FetchTokenBlock) -> list[Effect]:
        if self.lacking.get(fetch.source) == fetch.block_hash:
            return []
        block = next(b for b in self.blocks if b[0] == fetch.block_hash)
        logs = self.logs.get(block[0], ())
        return self.tell(
            TokenBlockReported(
                received_at=self.now,
                account="chain/hot",
                source=fetch.source,
                token=NAME,
                number=block[2],
                block_hash=block[0],
                parent_hash=block[1],
                timestamp=block[3],
                logs=self.lies.get((fetch.source, block[0]), logs),
            )
        )

    def finalize(self, name: str) -> list[Effect]:
        block = next(b for b in self.blocks if b[0] == name)
        self.state.accounts["chain/hot"].backfill.started_at = 0
        effects: list[Effect] = []
        asked: list[Effect] = []
        for event in final_heads(self.now, block[2], name):
            asked = self.tell(event)
            effects += asked
        while fetch := next((e for e in asked if isinstance(e, FetchTokenBlock)), None):
            if self.silent:
                break
            asked = self.answer(fetch)
            effects += asked
        return effects


def moved(wanted: Authorization, index: int = 0, **changed: object) -> TokenLog:
    told: dict[str, object] = {
        "sender": wanted.sender,
        "receiver": wanted.receiver,
        "value": wanted.value,
        "nonce": wanted.nonce,
        "decision_hash": wanted.decision_hash,
    }
    told.update(changed)
    return TokenLog("moved", index, f"tx of {wanted.name}", **told)  # type: ignore[arg-type]


@pytest.fixture
def books() -> Books:
    """Alice holds 100, for good."""
    made = Books()
    mint = made.permit("mint", "", ALICE, 100)
    made.block("h1", moved(mint))
    made.finalize("h1")
    assert made.token.reserved.balances == {ALICE: 100}
    return made


def test_from_request_to_finality(books: Books) -> None:
    asked = books.ask("transfer", ALICE, BOB, 30)
    (judge,) = asked
    signs = books.judge(judge)
    assert [each.signer for each in signs if isinstance(each, SignAuthorization)] == ["s1", "s2"]
    wanted = books.token.authorizations["ESTATE/2"]
    assert (wanted.status, books.token.reserved.outgoing) == ("reserved", {ALICE: 30})
    (told,) = books.sign(signs)
    assert isinstance(told, TellCaller)
    assert told.status == "signed"
    books.block("h2", moved(wanted))
    assert wanted.status == "mined"
    assert books.token.reserved.balances == {ALICE: 100}
    effects = books.finalize("h2")
    assert wanted.status == "final"
    assert books.token.reserved.balances == {ALICE: 70, BOB: 30}
    assert books.token.reserved.outgoing == {}
    (proof,) = [each for each in effects if isinstance(each, FetchHoldings)]
    assert (proof.block_hash, set(proof.addresses)) == ("h2", {ALICE, BOB})


def test_nothing_is_signed_before_it_is_reserved(books: Books) -> None:
    (judge,) = books.ask("transfer", ALICE, BOB, 30)
    assert not any(isinstance(each, SignAuthorization) for each in books.done[-2:])
    assert isinstance(books.judge(judge, refusal="jurisdiction")[0], TellCaller)
    assert books.token.reserved.open == {}


def test_the_same_request_is_answered_the_same(books: Books) -> None:
    books.ask("transfer", ALICE, BOB, 30, request_id="x")
    (again,) = books.ask("transfer", ALICE, BOB, 30, request_id="x")
    assert isinstance(again, TellCaller)
    assert (again.status, again.authorization_id) == ("requested", "ESTATE/2")
    (other,) = books.ask("transfer", ALICE, BOB, 31, request_id="x")
    assert isinstance(other, TellCaller)
    assert (other.status, other.reason) == ("refused", "other_request")
    assert books.token.made == 2


@pytest.mark.parametrize(
    ("kind", "sender", "receiver", "value", "reason"),
    [
        ("transfer", ALICE, BOB, 0, "bad_value"),
        ("transfer", ALICE, BOB, -5, "bad_value"),
        ("transfer", ALICE, BOB, 1 << 256, "bad_value"),
        ("transfer", ALICE, ALICE, 5, "to_itself"),
        ("transfer", ALICE, "", 5, "bad_parties"),
        ("mint", ALICE, BOB, 5, "bad_parties"),
        ("burn", ALICE, BOB, 5, "bad_parties"),
    ],
)
def test_what_is_refused_at_sight(
    books: Books, kind: str, sender: str, receiver: str, value: int, reason: str
) -> None:
    (told,) = books.ask(kind, sender, receiver, value)
    assert isinstance(told, TellCaller)
    assert (told.status, told.reason) == ("refused", reason)


def test_without_a_policy_nothing_is_permitted(books: Books) -> None:
    books.token.policy = Policy()
    (told,) = books.ask("transfer", ALICE, BOB, 5)
    assert isinstance(told, TellCaller)
    assert (told.status, told.reason) == ("refused", "no_policy")


@pytest.mark.parametrize(
    "changed", [{"decision_hash": ""}, {"decision_hash": "decision of ESTATE/1"}, {"lane": -1}]
)
def test_a_judgement_that_is_none_permits_nothing(books: Books, changed: dict[str, Any]) -> None:
    """No hash of its own to stand on chain, one that stands there for another, or no lane."""
    (judge,) = books.ask("transfer", ALICE, BOB, 5)
    assert isinstance(judge, JudgeAuthorization)
    answer = AuthorizationJudged(
        received_at=books.now,
        token=NAME,
        authorization_id=judge.authorization_id,
        valid_after=judge.valid_after,
        valid_before=judge.valid_before,
        policy_version=judge.policy_version,
        refusal="",
        decision_hash="its own",
        lane=1000,
    )
    (told,) = books.tell(replace(answer, **changed))
    assert isinstance(told, TellCaller)
    assert (told.status, told.reason) == ("refused", "bad_judgement")
    assert not books.token.reserved.open


def test_an_old_head_permits_nothing(books: Books) -> None:
    books.now += 61 * SECOND
    (told,) = books.ask("transfer", ALICE, BOB, 5)
    assert isinstance(told, TellCaller)
    assert told.reason == "stale_head"


@pytest.mark.parametrize(("seconds", "reason"), [(80, ""), (81, "stale_head")])
def test_a_head_from_the_future_permits_nothing(books: Books, seconds: int, reason: str) -> None:
    """A window that begins in ten years would hold its value for as long."""
    now = books.now + 20 * SECOND
    books.block("h2", seconds=seconds)
    books.state.now = books.now = now
    books.ask("transfer", ALICE, BOB, 30)
    assert books.token.authorizations["ESTATE/2"].reason == reason


@pytest.mark.parametrize(("seconds", "status"), [(118, "reserved"), (119, "refused")])
def test_what_is_judged_when_its_window_is_over_is_refused(
    books: Books, seconds: int, status: str
) -> None:
    (judge,) = books.ask("transfer", ALICE, BOB, 30)
    books.block("h2", seconds=seconds)
    books.judge(judge)
    wanted = books.token.authorizations["ESTATE/2"]
    assert wanted.status == status
    assert wanted.reason == ("judged_too_late" if status == "refused" else "")


def test_what_is_never_judged_does_not_stay_for_ever(books: Books) -> None:
    (judge,) = books.ask("transfer", ALICE, BOB, 30)
    books.block("h2", seconds=books.window_s)
    (told,) = [each for each in books.finalize("h2") if isinstance(each, TellCaller)]
    assert (told.status, told.reason) == ("refused", "judged_too_late")
    assert not books.token.lanes[ALICE][0].user
    assert books.judge(judge) == []


def test_a_block_that_gives_way_takes_it_back(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", moved(wanted))
    books.block("x2", on="h1")
    books.block("x3", on="x2")
    assert wanted.status == "signed"
    assert books.state.counts["blocks_undone/ESTATE"] == 1
    books.block("x4", moved(wanted), on="x3")
    books.finalize("x4")
    assert wanted.status == "final"


def test_a_new_head_is_joined_by_its_parents(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    for name, logs in (("y2", (moved(wanted),)), ("y3", ()), ("y4", ())):
        books.add(name, *logs)
    effects = books.show("y4")
    fetched = [each.block_hash for each in effects if isinstance(each, FetchTokenBlock)]
    assert fetched == ["y4", "y3", "y2"]
    assert [each.block_hash for each in books.token.blocks] == ["h1", "y2", "y3", "y4"]
    assert wanted.status == "mined"
    assert not books.token.wanted


def test_a_head_that_does_not_stand_on_what_is_final_is_none(books: Books) -> None:
    for name, on in (("z1", "h0"), ("z2", "z1"), ("z3", "z2")):
        books.add(name, on=on)
    books.show("z3")
    assert [each.block_hash for each in books.token.blocks] == ["h1"]
    assert books.state.counts["heads_refused/ESTATE"] == 1
    assert not books.token.wanted


def test_a_log_that_one_node_leaves_out_ends_nothing(books: Books) -> None:
    """It moved, and "a" tells a block in which nothing did: nothing is expired on its word."""
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.add("h2", moved(wanted))
    books.lies["a", "h2"] = ()
    books.show("h2")
    books.block("h3", seconds=books.window_s)
    books.finalize("h3")
    assert wanted.status == "signed"
    assert ALICE in books.token.reserved.outgoing
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.subject) == ("sources_disagree", "ESTATE block 102")
    assert [each.block_hash for each in books.token.blocks] == ["h1"]
    books.lies.clear()  # it was a passing lie: what is read anew is told the same by both
    books.show("h3", "b")
    books.finalize("h3")
    assert wanted.status == "final"
    assert books.token.reserved.balances == {ALICE: 70, BOB: 30}
    assert not books.state.settlement.items


def test_a_movement_that_one_node_invents_is_gone_when_the_other_is_asked(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.add("h2")
    books.lies["a", "h2"] = (moved(wanted, decision_hash="forged"),)
    effects = books.show("h2")
    assert [each.closed_at for each in books.token.closures] == [books.now]
    assert not books.token.closed
    assert not [each for each in effects if isinstance(each, AskPause)]
    assert [each.block_hash for each in books.token.blocks] == ["h1"]  # neither is believed
    books.lies.clear()
    books.show("h2", "b")
    books.finalize("h2")
    assert not books.token.closed
    assert ALICE in books.token.reserved.balances


def test_a_block_that_one_node_alone_has_closes_the_token_and_stops_nothing_on_chain(
    books: Books,
) -> None:
    """It may lie, or the other may lag: what is asked for again each look gives way, or stands."""
    forged = TokenLog("moved", 0, "tx", sender=ALICE, receiver=BOB, value=5, decision_hash="x")
    books.lacking["b"] = "h2"

    def look() -> list[Effect]:
        books.now += 4 * SECOND
        return books.tell(AlarmRang(received_at=books.now, alarm=f"token/{NAME}"))

    def asked(effects: list[Effect]) -> list[str]:
        return [each.source for each in effects if isinstance(each, FetchTokenBlock)]

    effects = books.block("h2", forged)
    assert books.token.closed
    assert asked(effects)[-1:] == ["b"]
    assert asked(look()) == ["b"]
    books.add("x2", on="h1")
    books.show("x2", "b")
    assert not books.token.closed
    assert asked(look()) == []
    books.add("h3", on="h2")
    books.show("h3", "a")
    for _ in range(2 * issuance.REMIND_LOOKS):
        look()
    assert [each.reason for each in books.done if isinstance(each, AskPause)] == [
        f"5 moved from {ALICE} to {BOB}, and nobody decided it"
    ] * 2


def test_another_nodes_word_is_of_the_block_that_it_is_about(books: Books) -> None:
    """Told the same of a later block, the earlier one is not vouched for; nor given up with it."""
    forged = TokenLog("moved", 0, "tx", sender=ALICE, receiver=BOB, value=5, decision_hash="x")
    books.lacking["b"] = "h2"
    books.block("h2")
    books.block("h3", forged)
    books.finalize("h2")
    assert books.token.blocks[0].block_hash == "h1"
    books.add("h4")
    books.lies["a", "h4"] = (forged,)
    books.show("h4")
    assert [each.block_hash for each in books.token.blocks] == ["h1", "h2", "h3"]


def test_a_first_word_said_twice_is_no_second_word(books: Books) -> None:
    books.silent = True
    books.block("h2")
    books.finalize("h2")
    for source in "ab":
        fetch = FetchTokenBlock(account="chain/hot", source=source, token=NAME, block_hash="h2")
        books.answer(fetch)
        assert books.token.blocks[0].block_hash == {"a": "h1", "b": "h2"}[source]


def test_what_is_to_be_final_is_asked_for_again_where_no_answer_came(books: Books) -> None:
    books.silent = True
    books.block("h2")
    books.finalize("h2")
    assert books.token.blocks[0].block_hash == "h1"
    books.now += 4 * SECOND
    asked = books.tell(AlarmRang(received_at=books.now, alarm=f"token/{NAME}"))
    (again,) = [each for each in asked if isinstance(each, FetchTokenBlock)]
    assert (again.source, again.block_hash) == ("b", "h2")
    books.answer(again)
    assert books.token.blocks[0].block_hash == "h2"


@pytest.mark.parametrize("above", [0, 2])
def test_what_was_final_and_is_not_closes_the_token(books: Books, above: int) -> None:
    """Every node calls final what does not stand on it: as high as ours, or higher."""
    books.add("z1", on="h0")
    for number in range(above):
        books.add(f"z{number + 2}", on=f"z{number + 1}")
    newest = books.blocks[-1][0]
    books.finalize(newest)
    books.show(newest)
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.subject) == ("register", "ESTATE block 101")
    assert books.token.closed == "ESTATE block 101"
    assert [each.block_hash for each in books.token.blocks] == ["h1"]


def test_a_block_that_nobody_asked_for_is_none(books: Books) -> None:
    books.add("y2")
    fetch = FetchTokenBlock(account="chain/hot", source="b", token=NAME, block_hash="y2")
    assert books.answer(fetch) == []
    assert len(books.token.blocks) == 1


def test_a_way_that_leads_nowhere_is_left_at_the_next_look(books: Books) -> None:
    books.add("y2")
    books.tell(
        TokenHeadReported(
            received_at=books.now,
            account="chain/hot",
            source="a",
            token=NAME,
            number=999,
            block_hash="invented",
        )
    )
    assert books.token.wanted == "invented"
    for _ in range(2):
        books.now += 4 * SECOND
        books.tell(AlarmRang(received_at=books.now, alarm="token/ESTATE"))
    books.show("y2")
    assert books.token.blocks[-1].block_hash == "y2"


def test_a_window_that_is_over_frees_the_value_at_finality_only(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 80)
    books.block("h2", seconds=121)
    (told,) = books.judge(books.ask("transfer", ALICE, CAROL, 80)[0])[:1]
    assert isinstance(told, SignAuthorization)  # both cannot happen, and neither breaks a limit
    books.policy(2, holder_max=100)
    other = books.judge(books.ask("mint", "", BOB, 30)[0])[0]
    assert isinstance(other, TellCaller)
    assert other.reason == "holder_cap"
    books.finalize("h2")
    assert wanted.status == "expired"
    fits = books.judge(books.ask("mint", "", BOB, 30)[0])[0]
    assert isinstance(fits, SignAuthorization)
    assert books.token.lanes[ALICE][wanted.place].user != wanted.name


@pytest.mark.parametrize("seconds", [119, 120])
def test_the_window_ends_to_the_second(books: Books, seconds: int) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 80)
    books.block("h2", seconds=seconds)
    books.finalize("h2")
    assert wanted.status == ("signed" if seconds == 119 else "expired")


def test_what_nobody_decided_closes_the_token(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    effects = books.block("h2", moved(wanted, decision_hash="forged"))
    assert any(isinstance(each, AskPause) for each in effects)
    assert any(isinstance(each, RaiseAlert) for each in effects)
    (told,) = books.ask("transfer", ALICE, BOB, 5)
    assert isinstance(told, TellCaller)
    assert told.reason == "closed"
    books.finalize("h2")
    assert books.token.reserved.balances == {ALICE: 70, BOB: 30}  # the chain's truth all the same
    assert wanted.status == "signed"
    assert books.token.closed


@pytest.mark.parametrize(
    "change", [{"value": 31}, {"receiver": CAROL}, {"sender": BOB}, {"nonce": 7}]
)
def test_what_moves_otherwise_than_decided_is_an_orphan(
    books: Books, change: dict[str, object]
) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", moved(wanted, **change))
    assert books.token.closed


def test_an_orphan_whose_block_gave_way_opens_the_token_again(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", moved(wanted, decision_hash="forged"))
    books.block("x2", on="h1")
    assert books.token.closed == ""
    assert not [each for each in books.state.settlement.items.values() if each.cause == "orphan"]


def test_a_token_that_is_closed_has_nothing_more_signed(books: Books) -> None:
    """What was reserved before it closed neither: it stays so until its window is over."""
    books.judge(books.ask("transfer", ALICE, BOB, 10)[0])
    wanted = books.token.authorizations["ESTATE/2"]
    books.block("h2", moved(wanted, decision_hash="forged", nonce=9 << 64))
    assert books.token.closed
    declined = AuthorizationDeclined(
        received_at=books.now,
        token=NAME,
        authorization_id=wanted.name,
        signer="s1",
        reason="the key is locked",
    )
    assert books.tell(declined) == []
    again = books.tell(NodeStarted(received_at=books.now, node="n", epoch=2))
    assert not [each for each in again if isinstance(each, SignAuthorization)]
    assert wanted.name in books.token.reserved.open  # s2 may have signed
    books.block("h3", seconds=books.window_s)
    told = [each for each in books.finalize("h3") if isinstance(each, TellCaller)]
    assert [(each.status, each.authorization_id) for each in told] == [("expired", wanted.name)]
    assert not books.token.reserved.open


def test_one_permission_moves_once(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", moved(wanted), moved(wanted, index=1))
    assert books.token.closed


def test_a_policy_that_tightens_voids_what_is_outstanding(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    effects = books.policy(2, tightens=True)
    assert BumpEpoch(token=NAME, epoch=1) in effects
    later = books.permit("transfer", ALICE, CAROL, 30)
    assert (wanted.epoch, later.epoch) == (0, 1)
    books.block("h2", TokenLog("epoch", 0, "tx", epoch=1))
    assert wanted.status == "signed"
    books.finalize("h2")
    assert (wanted.status, later.status) == ("revoked", "signed")
    assert books.policy(3) == []


def test_what_was_judged_by_an_older_policy_is_judged_anew(books: Books) -> None:
    (judge,) = books.ask("transfer", ALICE, BOB, 30)
    books.policy(2)
    (again,) = books.judge(judge)
    assert isinstance(again, JudgeAuthorization)
    assert again.policy_version == 2


@pytest.mark.parametrize(("window_s", "lasts_s"), [(30, 42), (280, 292)])
def test_what_is_permitted_lasts_as_long_as_the_policy_in_force_says(
    books: Books, window_s: int, lasts_s: int
) -> None:
    """The vault goes by the new policy already as it answers what was asked under the old one: what
    waits is asked about anew, and that answer is none."""
    (asked,) = books.ask("transfer", ALICE, BOB, 10)
    told = policy(books.now, 2, window_s=window_s)
    (again,) = [each for each in books.tell(told) if isinstance(each, JudgeAuthorization)]
    assert isinstance(asked, JudgeAuthorization)
    assert books.judge(replace(asked, policy_version=2)) == []
    signs = [each for each in books.judge(again) if isinstance(each, SignAuthorization)]
    assert [each.valid_before - each.valid_after for each in signs] == [lasts_s, lasts_s]


def state_facts(
    books: Books, address: str, commitment: str, locked: int = 0, holder: str = ""
) -> None:
    books.tell(
        HolderStated(
            received_at=books.now,
            token=NAME,
            address=address,
            group="g",
            locked=locked,
            commitment=commitment,
            holder=holder,
        )
    )


@pytest.mark.parametrize(
    ("stated", "judged", "status"),
    [
        (("a1", "b1"), ("a1", "b1"), "reserved"),
        (("a1", "b2"), ("a1", "b1"), "refused"),  # judged before the facts changed
        (("a1",), ("a1", "b1"), "refused"),  # nobody said what limits count bob as
        (("a1", "b1"), ("a1",), "refused"),  # the vault knows him no more
    ],
)
def test_what_was_judged_by_other_facts_than_limits_count_is_refused(
    books: Books, stated: tuple[str, ...], judged: tuple[str, ...], status: str
) -> None:
    for address, commitment in zip((ALICE, BOB), stated, strict=False):
        state_facts(books, address, commitment)
    (judge,) = books.ask("transfer", ALICE, BOB, 30)
    books.judge(judge, "", *judged)
    wanted = books.token.authorizations["ESTATE/2"]
    assert wanted.status == status
    assert wanted.reason == ("facts_changed" if status == "refused" else "")


def test_a_vault_that_goes_by_another_policy_is_not_asked_for_ever(books: Books) -> None:
    (judge,) = books.ask("transfer", ALICE, BOB, 30)
    books.policy(2)
    (again,) = books.judge(judge)
    assert isinstance(again, JudgeAuthorization)
    (told,) = books.judge(replace(again, policy_version=1))
    assert isinstance(told, TellCaller)
    assert (told.status, told.reason) == ("refused", "policy_changed")


@pytest.mark.parametrize("version", [1, 2])
def test_a_policy_that_is_no_later_one_is_not_put_in_force(books: Books, version: int) -> None:
    books.policy(2, holder_max=50)
    told = PolicyPublished(
        received_at=books.now,
        token=NAME,
        version=version,
        content_hash="another",
        window_s=120,
        skew_s=12,
        head_age_s_max=60,
    )
    (alert,) = books.tell(told)
    assert isinstance(alert, RaiseAlert)
    assert (books.token.policy.version, books.token.policy.limits.holder_max) == (2, 50)


def test_a_person_holds_at_one_address_only(books: Books) -> None:
    """Limits bound what an address holds: two of one person would come to twice as much."""
    for address, whose in ((ALICE, "ann"), (BOB, "bea"), (CAROL, "bea")):
        state_facts(books, address, f"facts of {whose}", holder=whose)
    first = books.permit("transfer", ALICE, BOB, 10)
    assert books.permit("transfer", ALICE, CAROL, 10).reason == "other_wallet"
    assert books.permit("mint", "", CAROL, 10).reason == "other_wallet"
    books.block("h2", moved(first))
    books.finalize("h2")
    assert books.permit("transfer", ALICE, CAROL, 10).reason == "other_wallet"
    assert books.permit("transfer", BOB, CAROL, 10).reason == "other_wallet"
    back = books.permit("recovery", BOB, CAROL, 10)
    assert back.status == "signed"
    books.block("h3", TokenLog("epoch", 0, "tx", holder=BOB, epoch=1), moved(back, index=1))
    books.finalize("h3")
    assert books.permit("transfer", ALICE, CAROL, 10).status == "signed"
    assert books.permit("transfer", ALICE, BOB, 10).reason == "other_wallet"
    state_facts(books, CAROL, "facts of cid", holder="cid")  # it is another's: nothing is elsewhere
    assert books.permit("transfer", ALICE, BOB, 10).status == "signed"


def test_what_is_locked_up_is_recovered_all_the_same(books: Books) -> None:
    """A lock-up binds its holder, not the order by which a lost key is made good."""
    state_facts(books, ALICE, "a1", locked=60)
    taken = books.permit("transfer", ALICE, BOB, 50)
    assert (taken.status, taken.reason) == ("refused", "locked")
    assert books.permit("recovery", ALICE, CAROL, 100).status == "signed"


def test_a_revocation_is_final_when_the_chain_says_so(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    effects = books.tell(
        RevocationRequested(
            received_at=books.now,
            token=NAME,
            authorization_id=wanted.name,
            person="ann",
        )
    )
    assert [each for each in effects if isinstance(each, VoidAuthorization)]
    assert wanted.status == "signed"
    books.block("h2", TokenLog("lane", 0, "tx", holder=ALICE, nonce=wanted.nonce + 1))
    books.finalize("h2")
    assert wanted.status == "revoked"
    follows = books.permit("transfer", ALICE, BOB, 30)
    assert follows.nonce == wanted.nonce + 1


def revoke(books: Books, name: str) -> list[Effect]:
    return books.tell(
        RevocationRequested(received_at=books.now, token=NAME, authorization_id=name, person="ann")
    )


def test_what_is_revoked_while_it_is_judged_is_never_signed(books: Books) -> None:
    (judge,) = books.ask("transfer", ALICE, BOB, 30)
    wanted = books.token.authorizations["ESTATE/2"]
    (told,) = revoke(books, wanted.name)
    assert isinstance(told, TellCaller)
    assert (told.status, told.reason) == ("refused", "withdrawn")
    assert books.judge(judge) == []
    assert not books.token.reserved.open


def test_nobody_more_is_asked_to_sign_what_is_to_be_void(books: Books) -> None:
    signs = books.judge(books.ask("transfer", ALICE, BOB, 30)[0])
    wanted = books.token.authorizations["ESTATE/2"]
    (void,) = revoke(books, wanted.name)
    assert isinstance(void, VoidAuthorization)
    declined = AuthorizationDeclined(
        received_at=books.now,
        token=NAME,
        authorization_id=wanted.name,
        signer="s1",
        reason="the key is locked",
    )
    assert books.tell(declined) == []
    again = books.tell(NodeStarted(received_at=books.now, node="n", epoch=2))
    assert void in again
    assert not [each for each in again if isinstance(each, SignAuthorization)]
    books.sign(signs[1:])
    assert wanted.name in books.token.reserved.open  # s2 signed: it counts until it is over


def test_a_revocation_that_comes_after_the_end_uses_up_the_nonce_all_the_same(
    books: Books,
) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", seconds=books.window_s + 1)
    books.finalize("h2")
    assert wanted.status == "expired"
    books.block("h3", TokenLog("lane", 0, "tx", holder=ALICE, nonce=wanted.nonce + 1))
    books.finalize("h3")
    assert books.permit("transfer", ALICE, BOB, 30).nonce == wanted.nonce + 1


def test_what_nobody_decided_uses_up_its_nonce(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", moved(wanted, decision_hash="forged"))
    books.finalize("h2")
    assert books.token.lanes[ALICE][wanted.place].next_nonce == wanted.nonce + 1


def test_a_signer_that_declines_is_replaced_until_none_is_left(books: Books) -> None:
    signs = books.judge(books.ask("transfer", ALICE, BOB, 30)[0])
    wanted = books.token.authorizations["ESTATE/2"]
    books.sign(signs[:1])

    def decline(signer: str) -> list[Effect]:
        return books.tell(
            AuthorizationDeclined(
                received_at=books.now,
                token=NAME,
                authorization_id=wanted.name,
                signer=signer,
                reason="the key is locked",
            )
        )

    (asked,) = decline("s2")
    assert isinstance(asked, SignAuthorization)
    assert asked.signer == "s3"
    (told,) = decline("s3")
    assert isinstance(told, TellCaller)
    assert (told.status, told.reason) == ("declined", "the key is locked")
    assert wanted.name in books.token.reserved.open  # s1 signed: it counts until it is over


def test_changed_facts_are_a_break_of_their_own(books: Books) -> None:
    books.policy(2, holder_max=50)
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.size, item.subject) == ("limit_passed", 50, f"ESTATE holder {ALICE}")
    wanted = books.permit("transfer", ALICE, BOB, 50)  # a reduction passes
    books.block("h2", moved(wanted))
    books.finalize("h2")
    assert not books.state.settlement.items


def test_whoever_holds_nothing_any_more_breaks_no_limit(books: Books) -> None:
    books.policy(2, holder_max=50)
    burned = books.permit("burn", ALICE, "", 100)
    books.block("h2", moved(burned))
    books.finalize("h2")
    assert not books.state.settlement.items


def test_a_limit_that_is_none_any_more_is_not_broken(books: Books) -> None:
    books.policy(2, holder_max=50)
    assert books.state.settlement.items
    books.policy(3)
    assert not books.state.settlement.items


def test_two_holders_whom_facts_make_one_person_are_a_break(books: Books) -> None:
    """Each kept the limit of an address; together they hold at two, of which one must be left."""
    state_facts(books, ALICE, "facts of ann", holder="ann")
    state_facts(books, BOB, "facts of bea", holder="bea")
    given = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", moved(given))
    books.finalize("h2")
    assert not books.state.settlement.items
    state_facts(books, BOB, "facts of ann", holder="ann")
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.size, item.subject) == ("limit_passed", 30, "ESTATE person ann")
    back = books.permit("burn", BOB, "", 30)
    books.block("h3", moved(back))
    books.finalize("h3")
    assert not books.state.settlement.items


def test_who_is_told_apart_again_holds_at_one_address(books: Books) -> None:
    given = books.permit("transfer", ALICE, BOB, 30)
    books.block("h2", moved(given))
    books.finalize("h2")
    for address in (ALICE, BOB):
        state_facts(books, address, "facts of ann", holder="ann")
    assert books.state.settlement.items
    state_facts(books, BOB, "facts of bea", holder="bea")
    assert not books.state.settlement.items


def test_the_contract_says_otherwise(books: Books) -> None:
    def told(**balances: int) -> list[Effect]:
        return books.tell(
            HoldingsReported(
                received_at=books.now,
                account="chain/hot",
                token=NAME,
                block_hash="h1",
                supply=balances.pop("supply"),
                balances=((ALICE, balances["alice"]),),
            )
        )

    told(supply=100, alice=90)
    (item,) = books.state.settlement.items.values()
    assert (item.cause, item.size) == ("register", -10)
    assert books.token.closed
    told(supply=100, alice=100)
    assert not books.state.settlement.items


def test_after_a_cut_journal_nothing_is_permitted_beside_what_may_be_lost(books: Books) -> None:
    """A permission that the journal lost can be used to the end of its window: 300 s at most, from
    a head that is a minute ahead at most."""

    def refusal() -> str:
        books.ask("transfer", ALICE, BOB, 30)
        return books.token.authorizations[f"ESTATE/{books.token.made}"].reason

    books.tell(NodeStarted(received_at=books.now, node="n", epoch=2, records_lost=1))
    assert refusal() == "journal_cut"
    books.block("h2", seconds=359)
    books.block("h3", seconds=1)
    books.finalize("h2")
    assert refusal() == "journal_cut"
    books.finalize("h3")
    assert refusal() == ""


def test_a_cut_that_loses_the_token_itself_loses_what_was_signed_for_it() -> None:
    """It is told anew, as if for the first time: until then nobody knew that there was a token."""
    books = Books(cut=3)
    books.ask("transfer", ALICE, BOB, 30)
    assert books.token.authorizations["ESTATE/1"].reason == "journal_cut"
    books.block("h1", seconds=360)
    books.finalize("h1")
    books.ask("mint", "", ALICE, 100)
    assert books.token.authorizations["ESTATE/2"].status == "requested"


def test_what_a_cut_lost_is_over_before_anything_is_permitted_beside_it() -> None:
    """The chain was ahead of our clock as it was signed: it may be used for longer by our clock."""
    books, restarted = Books(window_s=288), START * SECOND
    books.permit("mint", "", ALICE, 100)
    books.block("h1", seconds=60)
    books.state.now = books.now = restarted
    lost = books.permit("mint", "", BOB, 100)
    assert (lost.status, lost.valid_before) == ("signed", START + 60 + 288)
    after = Books(cut=1)
    assert after.now == restarted
    assert after.token.silent_until >= lost.valid_before


def test_a_lane_that_a_cut_lost_goes_on_from_what_was_used_of_it(books: Books) -> None:
    """Else its first nonce were given again and again, and no permission of it could be used."""
    (judge,) = books.ask("transfer", ALICE, BOB, 10)
    before = deepcopy(books.state)
    books.judge(judge)
    lost = books.token.authorizations["ESTATE/2"]
    books.state = before
    books.tell(NodeStarted(received_at=books.now, node="n", epoch=2, records_lost=2))
    books.block("h2", moved(lost))
    books.finalize("h2")
    _reopen(books)
    books.block("h3", seconds=400)
    books.finalize("h3")
    assert books.permit("transfer", ALICE, BOB, 10).nonce == lost.nonce + 1
    assert not books.token.used


def _reopen(books: Books) -> None:
    told = TokenReopened(
        received_at=books.now,
        resolution_id="lost",
        token=NAME,
        subject=books.token.closed,
        author="ann",
        approver="ben",
        reason="the journal lost its decision",
        evidence="the signers' memories",
    )
    books.tell(told)
    assert not books.token.closed


def test_a_pause_is_asked_for_until_it_is_final(books: Books) -> None:
    """A crash may have lost the asking, or a reorganisation the pause."""

    def asked(effects: list[Effect]) -> int:
        return sum(isinstance(each, AskPause) for each in effects)

    def restart() -> list[Effect]:
        return books.tell(NodeStarted(received_at=books.now, node="n", epoch=2))

    def looks(count: int) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(count):
            books.now += 4 * SECOND
            effects += books.tell(AlarmRang(received_at=books.now, alarm=f"token/{NAME}"))
        return effects

    forged = TokenLog("moved", 0, "tx", sender=ALICE, receiver=BOB, value=5, decision_hash="x")
    assert asked(restart()) == 0
    assert asked(books.block("h2", forged)) == 1  # both nodes tell it
    assert asked(restart()) == 0
    assert asked(looks(register.LOOKS_STOOD)) == 0
    assert asked(restart()) == 1
    assert asked(looks(issuance.REMIND_LOOKS)) == 1
    books.block("h3", TokenLog("paused", 0, "tx"))
    books.finalize("h3")
    assert books.token.paused
    assert asked([*restart(), *looks(issuance.REMIND_LOOKS)]) == 0


def test_a_void_is_asked_for_until_it_is_final(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    told = RevocationRequested(
        received_at=books.now, token=NAME, authorization_id=wanted.name, person="ann"
    )
    (void,) = books.tell(told)

    def looks() -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(issuance.REMIND_LOOKS):
            books.now += 4 * SECOND
            effects += books.tell(AlarmRang(received_at=books.now, alarm=f"token/{NAME}"))
        return effects

    assert looks().count(void) == 1
    books.block("h2", TokenLog("lane", 0, "tx", holder=ALICE, nonce=wanted.nonce + 1))
    books.finalize("h2")
    assert wanted.status == "revoked"
    assert looks().count(void) == 0


def test_a_restart_asks_again_for_what_may_be_lost(books: Books) -> None:
    (judge,) = books.ask("transfer", ALICE, BOB, 10)
    signs = books.judge(books.ask("transfer", ALICE, BOB, 20)[0])
    books.sign(signs[:1])
    effects = books.tell(NodeStarted(received_at=books.now, node="n", epoch=2))
    assert judge in effects
    assert signs[1] in effects
    assert signs[0] not in effects


def test_an_answer_to_what_was_asked_before_a_restart_permits_nothing_else(books: Books) -> None:
    """It was judged for a window that is no more, and signers would find another decision."""
    (first,) = books.ask("transfer", ALICE, BOB, 10)
    books.block("h2", seconds=36)
    effects = books.tell(NodeStarted(received_at=books.now, node="n", epoch=2))
    (again,) = [each for each in effects if isinstance(each, JudgeAuthorization)]
    assert isinstance(first, JudgeAuthorization)
    assert again.valid_after == first.valid_after + 36
    assert books.judge(first) == []
    assert not books.token.reserved.open
    signs = [each for each in books.judge(again) if isinstance(each, SignAuthorization)]
    assert {(each.valid_after, each.valid_before) for each in signs} == {
        (again.valid_after, again.valid_before)
    }


def test_each_open_one_has_a_lane_for_itself(books: Books) -> None:
    first, second = books.permit("transfer", ALICE, BOB, 1), books.permit("transfer", ALICE, BOB, 1)
    assert first.nonce >> 64 != second.nonce >> 64
    books.block("h2", moved(second))
    books.finalize("h2")
    third = books.permit("transfer", ALICE, BOB, 1)
    assert third.nonce == second.nonce + 1


def test_a_nonce_that_an_epoch_voided_is_given_again_after_its_window_only(books: Books) -> None:
    """Signers remember what they signed under it, and refuse other content until that is over."""
    first = books.permit("transfer", ALICE, BOB, 1)
    books.policy(2, tightens=True)
    books.block("h2", TokenLog("epoch", 0, "tx", epoch=1))
    books.finalize("h2")
    assert first.status == "revoked"
    meanwhile = books.permit("transfer", ALICE, BOB, 1)
    assert meanwhile.nonce >> 64 != first.nonce >> 64
    books.block("h3", seconds=books.window_s)
    books.finalize("h3")
    assert books.permit("transfer", ALICE, BOB, 1).nonce == first.nonce


def test_a_recovery_voids_what_the_old_holder_was_permitted(books: Books) -> None:
    wanted = books.permit("transfer", ALICE, BOB, 30)
    recovery = books.permit("recovery", ALICE, CAROL, 100)
    books.block("h2", TokenLog("epoch", 0, "tx", holder=ALICE, epoch=1), moved(recovery, index=1))
    books.finalize("h2")
    assert (wanted.status, recovery.status) == ("revoked", "final")
    assert books.token.reserved.balances == {CAROL: 100}
    again = books.permit("transfer", CAROL, ALICE, 10)
    back = books.permit("mint", "", ALICE, 10)
    assert (again.epoch, back.epoch) == (0, 1)


def test_the_table_has_no_way_back_but_for_blocks_that_give_way() -> None:
    over = {"refused", "final", "expired", "revoked"}
    assert not over & set(authorizations.NEXT)
    assert set(authorizations.OPEN) == set(authorizations.NEXT) - {"requested"}


def test_the_alarm_looks_at_each_node_in_turn(books: Books) -> None:
    sources = []
    for _ in range(4):
        books.now += 4 * SECOND
        effects = books.tell(AlarmRang(received_at=books.now, alarm="token/ESTATE"))
        sources += [each.source for each in effects if isinstance(each, FetchTokenHead)]
    assert sorted(sources) == ["a", "a", "b", "b"]
    assert issuance.REMIND_LOOKS > 1


def test_a_block_that_gave_way_as_it_was_compared_is_walked_over_all_the_same(
    books: Books,
) -> None:
    """It was asked for to be compared, and no answer came; then it is wanted, for it is final."""
    books.block("h2")
    books.silent = True
    books.finalize("h2")
    assert books.token.checking == "h2"
    books.block("g2", on="h1")
    assert [each.block_hash for each in books.token.blocks] == ["h1", "h2"]
    books.block("h3", on="h2")
    assert [each.block_hash for each in books.token.blocks] == ["h1", "h2", "h3"]


def test_who_was_down_for_hours_follows_again(books: Books) -> None:
    """However many blocks there were meanwhile."""
    for number in range(2, 1202):
        books.add(f"h{number}")
    books.show("h1201")
    assert books.token.blocks[-1].block_hash == "h1201"
    books.finalize("h1200")
    assert len(books.token.blocks) == 2


def test_a_way_that_no_clock_allows_is_not_walked_on(books: Books) -> None:
    """A node that tells a parent for each block for ever is left after as many as there can be."""
    books.add("h2")
    for number in range(3, 803):
        books.add(f"h{number}", seconds=0)
    asked = [each for each in books.show("h802") if isinstance(each, FetchTokenBlock)]
    assert 512 <= len(asked) < 600
    assert books.token.blocks[-1].block_hash == "h1"
    assert not books.token.walk
    assert books.state.counts["heads_refused/ESTATE"] == 1


def test_a_way_whose_answer_failed_is_walked_on_at_the_other_node(books: Books) -> None:
    for number in range(2, 6):
        books.add(f"h{number}")
    (fetch,) = books.tell(
        TokenHeadReported(
            received_at=books.now,
            account="chain/hot",
            source="a",
            token=NAME,
            number=105,
            block_hash="h5",
        )
    )
    assert isinstance(fetch, FetchTokenBlock)
    (lost,) = books.answer(fetch)
    assert isinstance(lost, FetchTokenBlock)
    again: list[FetchTokenBlock] = []
    for _ in range(2):
        books.now += 4 * SECOND
        effects = books.tell(AlarmRang(received_at=books.now, alarm="token/ESTATE"))
        again += [each for each in effects if isinstance(each, FetchTokenBlock)]
    assert [each.block_hash for each in again] == ["h4", "h4"]
    assert {each.source for each in again} == {"a", "b"}
    (below,) = books.answer(again[-1])
    assert isinstance(below, FetchTokenBlock)
    books.answer(below)
    books.answer(FetchTokenBlock(account="chain/hot", source="b", token=NAME, block_hash="h2"))
    assert books.token.blocks[-1].block_hash == "h5"


def test_a_way_that_leads_nowhere_is_left(books: Books) -> None:
    books.add("h2")
    books.add("h3")
    books.tell(
        TokenHeadReported(
            received_at=books.now,
            account="chain/hot",
            source="a",
            token=NAME,
            number=103,
            block_hash="h3",
        )
    )
    books.answer(FetchTokenBlock(account="chain/hot", source="a", token=NAME, block_hash="h3"))
    for _ in range(register.RETRIES_MAX + 1):
        books.now += 4 * SECOND
        effects = books.tell(AlarmRang(received_at=books.now, alarm="token/ESTATE"))
    assert [each for each in effects if isinstance(each, FetchTokenHead)]
    assert (books.token.wanted, books.token.walk) == ("", [])


# --- what a caller may ask besides ----------------------------------------------------------------


def test_more_than_there_is_or_may_be_is_refused_at_sight(books: Books) -> None:
    books.judge(books.ask("mint", "", BOB, 50)[0])
    (told,) = books.ask("transfer", ALICE, CAROL, 151)
    assert isinstance(told, TellCaller)
    assert (told.status, told.reason) == ("refused", "above_supply")
    (judge,) = books.ask("transfer", ALICE, CAROL, 150)
    assert isinstance(judge, JudgeAuthorization)


@pytest.mark.parametrize(("seconds", "ends"), [(2, 2), (60, 60), (1000, 120)])
def test_a_caller_may_ask_for_a_window_that_ends_earlier(
    books: Books, seconds: int, ends: int
) -> None:
    head = books.token.blocks[-1].timestamp
    (judge,) = books.ask("transfer", ALICE, BOB, 5, valid_before=head + seconds)
    assert isinstance(judge, JudgeAuthorization)
    assert judge.valid_before == head + ends


@pytest.mark.parametrize("seconds", [1, 0, -5000])
def test_a_window_that_no_later_block_is_in_is_refused(books: Books, seconds: int) -> None:
    head = books.token.blocks[-1].timestamp
    (told,) = books.ask("transfer", ALICE, BOB, 5, valid_before=head + seconds)
    assert isinstance(told, TellCaller)
    assert told.reason == "window_past"


def test_another_window_is_another_request(books: Books) -> None:
    head = books.token.blocks[-1].timestamp
    books.ask("transfer", ALICE, BOB, 5, request_id="x", valid_before=head + 60)
    (told,) = books.ask("transfer", ALICE, BOB, 5, request_id="x", valid_before=head + 61)
    assert isinstance(told, TellCaller)
    assert told.reason == "other_request"


def test_what_is_no_request_is_counted_and_takes_no_id(books: Books) -> None:
    made = books.token.made
    told = RequestRefused(
        received_at=books.now,
        token=NAME,
        caller="desk",
        request_id="x",
        field="receiver",
        reason="bad_checksum",
    )
    assert books.tell(told) == []
    assert books.state.counts["refused/bad_checksum/ESTATE"] == 1
    assert books.token.made == made
    (judge,) = books.ask("transfer", ALICE, BOB, 5, request_id="x")
    assert isinstance(judge, JudgeAuthorization)


def test_a_recovery_is_of_all_that_there_is_and_nothing_comes_in_meanwhile(books: Books) -> None:
    """It moves whatever is there when it is mined: less than that must not have been reserved."""

    def refused(kind: str, sender: str, receiver: str, value: int) -> str:
        books.judge(books.ask(kind, sender, receiver, value)[0])
        wanted = books.token.authorizations[f"ESTATE/{books.token.made}"]
        assert wanted.status in ("refused", "reserved")
        return wanted.reason

    books.policy(2, holder_max=120)
    assert refused("recovery", ALICE, CAROL, 99) == "not_all"
    on_its_way = books.permit("mint", "", ALICE, 5)
    assert refused("recovery", ALICE, CAROL, 100) == "not_all"
    books.block("h2", moved(on_its_way))
    books.finalize("h2")
    assert refused("recovery", ALICE, CAROL, 105) == ""
    assert refused("mint", "", ALICE, 1) == "being_recovered"
    assert refused("mint", "", CAROL, 16) == "holder_cap"
    assert refused("transfer", ALICE, BOB, 50) == ""


# --- closed, and opened by two people -------------------------------------------------------------


def reopen(books: Books, subject: str = "", **changed: str) -> list[Effect]:
    told = {
        "resolution_id": "o1",
        "author": "ann",
        "approver": "bob",
        "reason": "keys rotated",
        "evidence": "minutes 7",
    }
    return books.tell(
        TokenReopened(
            received_at=books.now,
            token=NAME,
            subject=subject or books.token.closed,
            **(told | changed),
        )
    )


def closed_by_an_orphan() -> Books:
    books = Books()
    minted = books.permit("mint", "", ALICE, 100)
    books.block("h1", moved(minted))
    books.block("h2", TokenLog("moved", 0, "tx9", sender=ALICE, receiver=BOB, value=5, nonce=9))
    assert books.token.closed == "ESTATE tx9/0"
    return books


def test_two_people_open_what_closed_itself_and_why_it_did_is_history() -> None:
    books = closed_by_an_orphan()
    closed_at = books.token.closed_at
    books.now += 60 * SECOND
    effects = reopen(books)
    token = books.token
    assert (token.closed, token.closed_at) == ("", 0)
    (closure,) = token.closures
    assert (closure.subject, closure.closed_at, closure.opened_at) == (
        "ESTATE tx9/0",
        closed_at,
        books.now,
    )
    why = "keys rotated (ann, approved by bob); evidence: minutes 7"
    assert closure.why == why
    assert not books.state.settlement.items
    assert books.state.settlement.closed[-1].resolution == why
    assert [each.text for each in effects if isinstance(each, RaiseAlert)] == [
        why + ": it permits again"
    ]
    books.block("h3")
    assert books.permit("transfer", ALICE, BOB, 10).status == "signed"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"approver": "Ann "}, "another person's approval"),
        ({"author": ""}, "another person's approval"),
        ({"evidence": ""}, "it needs evidence"),
        ({"subject": "ESTATE tx8/0"}, "it is closed for ESTATE tx9/0"),
    ],
)
def test_what_is_no_decision_of_two_opens_nothing(changed: dict[str, str], words: str) -> None:
    """It is refused with what would do, and its id stays free."""
    books = closed_by_an_orphan()
    (alert,) = reopen(books, **changed)
    assert isinstance(alert, RaiseAlert)
    assert words in alert.text
    assert books.token.closed == "ESTATE tx9/0"
    assert books.token.closures == []
    assert "o1" not in books.state.settlement.resolutions
    reopen(books)
    assert books.token.closed == ""


def test_a_token_that_is_open_is_not_opened_and_no_id_serves_twice() -> None:
    books = Books()
    (alert,) = reopen(books, subject="x")
    assert isinstance(alert, RaiseAlert)
    assert "it is not closed" in alert.text
    books = closed_by_an_orphan()
    reopen(books)
    books.block("h3", TokenLog("moved", 0, "tx10", sender=ALICE, receiver=BOB, value=5, nonce=10))
    (alert,) = reopen(books)
    assert isinstance(alert, RaiseAlert)
    assert "its id was used before" in alert.text
    assert books.token.closed == "ESTATE tx10/0"


def test_it_stays_closed_for_the_next_thing_until_that_is_explained_too() -> None:
    books = closed_by_an_orphan()
    books.block("h3", TokenLog("moved", 0, "tx10", sender=ALICE, receiver=BOB, value=5, nonce=10))
    (alert,) = reopen(books)
    assert isinstance(alert, RaiseAlert)
    assert "it stays closed for ESTATE tx10/0" in alert.text
    assert books.token.closed == "ESTATE tx10/0"
    reopen(books, resolution_id="o2")
    assert [each.subject for each in books.token.closures] == ["ESTATE tx9/0", "ESTATE tx10/0"]


def test_an_orphan_that_gives_way_leaves_it_closed_for_the_contracts_other_word() -> None:
    """Whatever else it is closed for counts, of whichever cause."""
    books = closed_by_an_orphan()
    books.finalize("h1")
    holdings(books, 0)
    assert books.token.closed == "ESTATE tx9/0"
    books.block("g2", on="h1")
    books.block("g3")
    assert books.token.closed == f"ESTATE {ALICE}"


def holdings(books: Books, alices: int, source: str = "") -> list[Effect]:
    return books.tell(
        HoldingsReported(
            received_at=books.now,
            account="chain/hot",
            token=NAME,
            block_hash=books.token.blocks[0].block_hash,
            supply=100,
            balances=((ALICE, alices),),
            source=source,
        )
    )


def test_what_the_contract_tells_otherwise_is_asked_again_and_opens_only_once_it_agrees() -> None:
    books = Books()
    minted = books.permit("mint", "", ALICE, 100)
    books.block("h1", moved(minted))
    books.finalize("h1")
    holdings(books, 99)
    subject = f"ESTATE {ALICE}"
    assert books.token.closed == subject
    (alert,) = reopen(books)
    assert isinstance(alert, RaiseAlert)
    assert "the contract still says otherwise" in alert.text
    books.block("h2")
    asked = [each for each in books.finalize("h2") if isinstance(each, FetchHoldings)]
    assert [each.addresses for each in asked] == [(ALICE,)]
    holdings(books, 100)
    assert (books.token.closed, books.token.unproven) == (subject, {})
    reopen(books)
    assert books.token.closed == ""


def alice_has_100() -> Books:
    books = Books()
    minted = books.permit("mint", "", ALICE, 100)
    books.block("h1", moved(minted))
    books.finalize("h1")
    return books


def causes(books: Books) -> list[tuple[str, str]]:
    return [(each.cause, each.subject) for each in books.state.settlement.items.values()]


def test_one_nodes_word_about_holdings_closes_nothing_and_another_is_asked() -> None:
    books = alice_has_100()
    doubt = ("sources_disagree", "ESTATE holdings at a")
    asked = [each for each in holdings(books, 99, "a") if isinstance(each, FetchHoldings)]
    assert [(each.source, each.addresses) for each in asked] == [("b", (ALICE,))]
    assert (books.token.closed, causes(books)) == ("", [doubt])
    holdings(books, 100, "b")
    assert (books.token.closed, causes(books)) == ("", [doubt])
    books.block("h2")
    asked = [each for each in books.finalize("h2") if isinstance(each, FetchHoldings)]
    assert [each.addresses for each in asked] == [(ALICE,)]  # until it takes back what it said
    holdings(books, 100, "a")
    assert (books.token.closed, causes(books), books.token.unproven) == ("", [], {})


def test_what_two_nodes_tell_of_holdings_closes_the_token() -> None:
    books = alice_has_100()
    holdings(books, 99, "a")
    holdings(books, 99, "a")  # its first word once more
    assert not books.token.closed
    holdings(books, 98, "b")
    assert books.token.closed == f"ESTATE {ALICE}"
    assert ("register", f"ESTATE {ALICE}") in causes(books)
