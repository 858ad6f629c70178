"""Permissions against brute force: asked, judged, signed, mined, undone, expired, revoked, final.

A chain and its signers live here and do what a contract lets them; the core is stepped by hand.
Whatever happens in whatever order, up to eight are open at once: one more is granted exactly if
brute force grants it, open is what may still happen, and what is final is what the chain says. An
answer of the vault may come when other questions, facts and policies are; only the answer to the
last question, by the facts and the policy that the books have, ever permits. Every caller is told.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition
from msgspec.structs import replace

from core.effects import Effect
from core.events import NodeStarted
from core.token_effects import (
    JudgeAuthorization,
    SignAuthorization,
    TellCaller,
    VoidAuthorization,
)
from core.token_events import (
    AuthorizationDeclined,
    HolderStated,
    PolicyPublished,
    RevocationRequested,
    TokenLog,
)
from core.token_state import Authorization
from tests import exporting, permission_model
from tests.exporting import Machine, initialize, rule
from tests.openings import CONTRACT, NAME, policy
from tests.permission_model import Balances, Caps, Moves, after, is_grantable
from tests.test_issuance import ALICE, BOB, CAROL, START, Books

DAVE = "0x" + "d" * 40
PEOPLE = (ALICE, BOB, CAROL, DAVE)
OPEN_MAX = 8
SKEW_S = 12
PICK = st.integers(0, 10**6)
WHO = st.sampled_from(PEOPLE)
CAP = st.sampled_from((-1, -1, 12, 20))
MEANWHILE = ("facts", "policy", "block", "restart")
# By what the vault answers: what it had as it was asked, what the books have as the answer comes,
# or a policy of which they hear later.
LOOKS = st.sampled_from(("then", "now", "soon"))


@dataclass
class Permission:
    """What was granted, as signers and contract know it."""

    name: str
    moves: Moves
    nonce: int
    decision_hash: str
    valid_before: int
    signers: int
    signed: dict[str, None] = field(default_factory=dict)
    asked: dict[str, None] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """Whose nonce it uses: its sender's, or the contract's own where value comes or goes."""
        return self.moves.sender if self.moves.sender and self.moves.receiver else CONTRACT


@dataclass(frozen=True)
class Question:
    """What the vault was asked, and the facts that it found as it was."""

    asked: JudgeAuthorization
    commitments: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A block of the chain: what moved in it, and which permissions were made void."""

    name: str
    timestamp: int
    moved: tuple[str, ...] = ()
    voided: tuple[str, ...] = ()


class Permissions(Machine):
    """One token, four holders, two signers, and a chain that gives way above what is final."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.caps = Caps()
        self.version = 1
        self.window_s = 120
        self.epoch = 1
        self.made = 0
        self.granted: dict[str, Permission] = {}
        self.judging: list[Question] = []
        self.told: dict[str, str] = {}
        self.stated = 0
        self.voiding: dict[str, None] = {}
        self.final: list[Block] = [Block("h0", START)]
        self.fork: list[Block] = []

    @initialize()
    def begin(self) -> None:
        for who in PEOPLE:
            self._state(who)
        for who, value in ((ALICE, 10), (BOB, 6)):
            self._ask("mint", "", who, value)
        self._permit_all()
        self._mine(12, list(self.granted))
        self._finalize(0)
        assert self._balances(self.final) == {ALICE: 10, BOB: 6}

    # --- what is asked ----------------------------------------------------------------------------

    @rule(sender=WHO, receiver=WHO, value=st.integers(1, 9), at_once=st.booleans())
    @precondition(lambda self: self._has_room())
    def transfer(self, sender: str, receiver: str, value: int, *, at_once: bool) -> None:
        """Judged now, and signed; or whenever the vault comes to it."""
        if sender != receiver:
            self._ask("transfer", sender, receiver, value)
            if at_once:
                self._permit_all()

    @rule(who=WHO, value=st.integers(1, 9), mints=st.booleans(), at_once=st.booleans())
    @precondition(lambda self: self._has_room())
    def issue(self, who: str, value: int, *, mints: bool, at_once: bool) -> None:
        self._ask("mint", "", who, value) if mints else self._ask("burn", who, "", value)
        if at_once:
            self._permit_all()

    def _permit_all(self) -> None:
        while self.judging:
            self._judge(0, by="now")
        self._sign_all()

    def _ask(self, kind: str, sender: str, receiver: str, value: int) -> None:
        self._heed(self.books.ask(kind, sender, receiver, value))

    @rule(meanwhile=st.sampled_from(MEANWHILE), by=LOOKS)
    @precondition(lambda self: self._has_room() and not self.judging)
    def race(self, meanwhile: str, by: str) -> None:
        """Something is another as the answer comes."""
        held = self._balances(self.final)
        sender = max(PEOPLE, key=lambda who: held.get(who, 0))
        self._ask("transfer", sender, PEOPLE[PEOPLE.index(sender) - 1], 1)
        match meanwhile:
            case "facts":
                self._state(sender)
            case "policy":
                self._bind(self.caps, 180 - self.window_s)
            case "block":
                self._mine(12, [])
            case _:
                self._start()
        if self.judging:
            self._judge(0, by=by)

    @rule(pick=PICK, by=LOOKS)
    @precondition(lambda self: self.judging)
    def judge(self, pick: int, *, by: str) -> None:
        self._judge(pick, by=by)

    @rule()
    @precondition(lambda self: self.judging)
    def judge_all(self) -> None:
        self._permit_all()

    def _judge(self, pick: int, *, by: str) -> None:
        """The vault allows it; core reserves it exactly if the vault has what the books have, and
        brute force does."""
        question = self.judging.pop(pick % len(self.judging))
        if by != "then":
            version = self.version + (by == "soon")
            asked = replace(question.asked, policy_version=version)
            question = Question(asked, self._facts(asked))
        asked = question.asked
        wanted = self.books.token.authorizations.get(asked.authorization_id)
        window = (asked.valid_after, asked.valid_before)
        if wanted is None or wanted.status != "requested" or window != _window(wanted):
            assert self._answer(question) == []
            return
        moves = Moves(asked.sender, asked.receiver, asked.value)
        others = [each.moves for each in self._open().values()]
        right = is_grantable(self._balances(self.final), others, moves, self.caps)
        is_newest = asked.policy_version == self.version
        are_facts = question.commitments == self._facts(asked)
        effects = self._answer(question)
        if wanted.status == "reserved":
            assert right
            assert is_newest
            assert are_facts
            assert wanted.valid_before - wanted.valid_after == self.window_s + SKEW_S
            signers = sum(isinstance(each, SignAuthorization) for each in effects)
            self.granted[wanted.name] = Permission(
                wanted.name,
                moves,
                wanted.nonce,
                wanted.decision_hash,
                wanted.valid_before,
                signers,
            )
        elif wanted.status == "refused":
            excused = {
                "judged_too_late": True,
                "policy_changed": not is_newest,
                "facts_changed": not are_facts,
            }
            assert excused.get(wanted.reason, not right), (wanted.reason, moves, others, self.caps)
        self._heed(effects)

    def _answer(self, question: Question) -> list[Effect]:
        return self.books.judge(question.asked, "", *question.commitments)

    def _facts(self, asked: JudgeAuthorization) -> tuple[str, ...]:
        stated = self.books.token.stated
        return tuple(stated[who] for who in (asked.sender, asked.receiver) if who)

    @rule(who=WHO)
    def state_facts(self, who: str) -> None:
        """Somebody's facts are others, as far as limits do not count them."""
        self._state(who)

    def _state(self, who: str) -> None:
        self.stated += 1
        told = HolderStated(
            received_at=self.books.now,
            token=NAME,
            address=who,
            group="",
            locked=0,
            commitment=f"facts {self.stated}",
        )
        self._heed(self.books.tell(told))

    @rule(
        holder=CAP,
        holders=st.sampled_from((-1, -1, 2, 3)),
        supply=st.sampled_from((-1, 18, 30)),
        window_s=st.sampled_from((120, 120, 60)),
    )
    def bound(self, holder: int, holders: int, supply: int, *, window_s: int) -> None:
        """Another policy: of what is open it asks nothing."""
        self._bind(Caps(holder, holders, supply), window_s)

    def _bind(self, caps: Caps, window_s: int) -> None:
        self.version += 1
        self.caps, self.window_s = caps, window_s
        told = policy(
            self.books.now,
            self.version,
            window_s=window_s,
            skew_s=SKEW_S,
            holder_max=caps.holder,
            holders_max=caps.holders,
            supply_max=caps.supply,
        )
        assert isinstance(told, PolicyPublished)
        self._heed(self.books.tell(told))

    # --- signers ----------------------------------------------------------------------------------

    @rule(pick=PICK, declines=st.booleans())
    @precondition(lambda self: self._unsigned())
    def sign(self, pick: int, *, declines: bool) -> None:
        unsigned = self._unsigned()
        name, signer = unsigned[pick % len(unsigned)]
        permission = self.granted[name]
        if declines:
            del permission.asked[signer]
            self._heed(
                self.books.tell(
                    AuthorizationDeclined(
                        received_at=self.books.now,
                        token=NAME,
                        authorization_id=name,
                        signer=signer,
                        reason="the key is locked",
                    )
                )
            )
            return
        self._sign(name, signer)

    @rule()
    @precondition(lambda self: self._unsigned())
    def sign_all(self) -> None:
        self._sign_all()

    def _sign_all(self) -> None:
        for name, signer in self._unsigned():
            self._sign(name, signer)

    def _sign(self, name: str, signer: str) -> None:
        permission = self.granted[name]
        permission.signed[signer] = None
        asked = self.books.token.authorizations.get(name)
        if asked is not None:
            self._heed(self.books.sign([_signature(permission, signer)]))

    @rule(pick=PICK)
    @precondition(lambda self: self.granted)
    def revoke(self, pick: int) -> None:
        name = list(self.granted)[pick % len(self.granted)]
        told = RevocationRequested(
            received_at=self.books.now, token=NAME, authorization_id=name, person="ann"
        )
        self._heed(self.books.tell(told))

    @rule(lost=st.booleans())
    def restart(self, *, lost: bool) -> None:
        """What was asked and not answered is asked again; nothing else changes. Whoever was asked
        before heard nothing of it, or answers yet."""
        if lost:
            self.judging.clear()
            for each in self.granted.values():
                each.asked = dict(each.signed)
        self._start()

    def _start(self) -> None:
        self.epoch += 1
        self._heed(
            self.books.tell(NodeStarted(received_at=self.books.now, node="n", epoch=self.epoch))
        )
        asked = {each.asked.authorization_id for each in self.judging}
        assert asked.issuperset(self._requested())

    # --- the chain --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((1, 12, 12, 60, 121)))
    def next_block(self, *, seconds: int) -> None:
        """All that is signed is used, as far as the contract lets it; voids come after."""
        self._mine(seconds, list(self.granted))

    @rule(pick=PICK, seconds=st.sampled_from((1, 12, 60)))
    @precondition(lambda self: self.granted)
    def block_with_one(self, pick: int, *, seconds: int) -> None:
        self._mine(seconds, [list(self.granted)[pick % len(self.granted)]])

    @rule(seconds=st.sampled_from((1, 12, 121)))
    def empty_block(self, *, seconds: int) -> None:
        self._mine(seconds, [])

    @rule(depth=st.integers(1, 3), pick=PICK)
    @precondition(lambda self: self.fork)
    def reorganise(self, depth: int, pick: int) -> None:
        """The newest blocks give way to more of others, in which other things happen."""
        depth = min(depth, len(self.fork))
        newest = self.fork[-1].timestamp
        del self.fork[-depth:]
        names = list(self.granted)
        for number in range(depth + 1):
            uses = names[number::2] if pick % 2 else []
            is_last = number == depth
            lag = newest - [*self.final, *self.fork][-1].timestamp
            self._mine(max(12, lag) if is_last else 1, uses, shown=is_last)

    @rule(behind=st.integers(0, 2))
    @precondition(lambda self: self.fork)
    def finalize(self, *, behind: int) -> None:
        if behind < len(self.fork):
            self._finalize(behind)

    def _finalize(self, behind: int) -> None:
        last = len(self.fork) - behind
        self.final += self.fork[:last]
        del self.fork[:last]
        self._heed(self.books.finalize(self.final[-1].name))

    def _mine(self, seconds: int, uses: list[str], *, shown: bool = True) -> None:
        chain = [*self.final, *self.fork]
        timestamp = chain[-1].timestamp + seconds
        balances, spent = self._balances(chain), self._spent(chain)
        moved: list[str] = []
        for name in uses:
            permission = self.granted[name]
            then = after(balances, permission.moves)
            usable = (
                len(permission.signed) >= permission.signers and timestamp < permission.valid_before
            )
            if usable and then is not None and self._is_free(permission, spent):
                balances = then
                moved.append(name)
                spent[name] = None
        voided = [x for x in self.voiding if self._is_free(self.granted[x], spent)]
        self.made += 1
        block = Block(f"b{self.made}", timestamp, tuple(moved), tuple(voided if uses else ()))
        logs = [_log(self.granted[name], number) for number, name in enumerate(block.moved)]
        logs += [
            _void(self.granted[name], len(logs) + number)
            for number, name in enumerate(block.voided)
        ]
        self.books.add(block.name, *logs, on=chain[-1].name, seconds=seconds)
        self.fork.append(block)
        if shown:
            self._heed(self.books.show(block.name))

    # --- what is so -------------------------------------------------------------------------------

    def _balances(self, chain: list[Block]) -> Balances:
        balances: Balances = {}
        for block in chain:
            for name in block.moved:
                then = after(balances, self.granted[name].moves)
                assert then is not None, "the contract lets nobody overdraw"
                balances = then
        return balances

    def _spent(self, chain: list[Block]) -> dict[str, None]:
        """The permissions whose nonces were used, by a movement or a void."""
        return dict.fromkeys(name for block in chain for name in (*block.moved, *block.voided))

    def _is_free(self, permission: Permission, spent: dict[str, None]) -> bool:
        """Whether its nonce was used by nobody, in the lane that it is of."""
        owner = permission.owner
        others = [self.granted[name] for name in spent]
        return (owner, permission.nonce) not in [(each.owner, each.nonce) for each in others]

    def _open(self) -> dict[str, Permission]:
        """What may still happen, or did and may give way."""
        spent, now = self._spent(self.final), self.final[-1].timestamp
        return {
            name: each
            for name, each in self.granted.items()
            if now < each.valid_before and self._is_free(each, spent)
        }

    def _has_room(self) -> bool:
        return len(self._open()) + len(self._requested()) < OPEN_MAX

    def _requested(self) -> list[str]:
        every = self.books.token.authorizations.values()
        return [each.name for each in every if each.status == "requested"]

    def _unsigned(self) -> list[tuple[str, str]]:
        return [
            (name, signer)
            for name, each in self.granted.items()
            for signer in each.asked
            if signer not in each.signed
        ]

    def _heed(self, effects: list[Effect]) -> None:
        for each in effects:
            match each:
                case JudgeAuthorization():
                    self.judging.append(Question(each, self._facts(each)))
                case TellCaller():
                    self.told[each.authorization_id] = each.status
                case SignAuthorization():
                    self.granted[each.authorization_id].asked[each.signer] = None
                case VoidAuthorization():
                    self.voiding[each.authorization_id] = None

    # --- what always holds ------------------------------------------------------------------------

    @invariant()
    def what_is_final_is_the_chain_s(self) -> None:
        assert self.books.token.reserved.balances == self._balances(self.final)
        assert self.books.token.reserved.supply == sum(self._balances(self.final).values())

    @invariant()
    def open_is_what_may_still_happen(self) -> None:
        assert set(self.books.token.reserved.open) == set(self._open())

    @invariant()
    def mined_is_what_stands_above_what_is_final(self) -> None:
        mined = {name for block in self.fork for name in block.moved}
        known = self.books.token.authorizations.values()
        assert {each.name for each in known if each.status == "mined"} == mined

    @invariant()
    def no_nonce_is_in_two_that_may_happen(self) -> None:
        nonces = [(each.owner, each.nonce) for each in self._open().values()]
        assert len(nonces) == len(set(nonces))

    def teardown(self) -> None:
        """Time goes by and blocks become final: nothing stays open."""
        if len(self.final) < 2:
            return
        self._mine(130, [])
        self._finalize(0)
        token = self.books.token
        assert token.reserved.open == {}
        assert not [lane for each in token.lanes.values() for lane in each if lane.user]
        assert self._requested() == []
        known = token.authorizations.values()
        assert {each.name: self.told[each.name] for each in known} == {
            each.name: each.status for each in known
        }
        self.what_is_final_is_the_chain_s()


def _window(wanted: Authorization) -> tuple[int, int]:
    return wanted.valid_after, wanted.valid_before


def _signature(permission: Permission, signer: str) -> SignAuthorization:
    moves = permission.moves
    return SignAuthorization(
        token=NAME,
        authorization_id=permission.name,
        signer=signer,
        kind="transfer",
        sender=moves.sender,
        receiver=moves.receiver,
        value=moves.value,
        valid_after=0,
        valid_before=permission.valid_before,
        nonce=permission.nonce,
        epoch=0,
        decision_hash=permission.decision_hash,
    )


def _log(permission: Permission, index: int) -> TokenLog:
    moves = permission.moves
    return TokenLog(
        "moved",
        index,
        f"tx of {permission.name}",
        sender=moves.sender,
        receiver=moves.receiver,
        value=moves.value,
        nonce=permission.nonce,
        decision_hash=permission.decision_hash,
    )


def _void(permission: Permission, index: int) -> TokenLog:
    after_it = permission.nonce + 1
    return TokenLog(
        "lane", index, f"void {permission.name}", holder=permission.owner, nonce=after_it
    )


TestPermissions = exporting.case(Permissions, examples=40, steps=40)


def test_the_model_shares_no_code_with_the_core() -> None:
    tree = ast.parse(Path(permission_model.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "dataclasses"}
