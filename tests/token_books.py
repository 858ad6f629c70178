"""The books of one token over a node of a chain: a real core, keys that sign, holders who send.

Whatever the core asks of the chain goes to the node as bytes and comes back as a frame; each signer
asks the same node by `LiveNode`. After every look the register is compared with the contract's own
word, asked of the very block that the register stands on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import register
from core.effects import Effect, FetchStatement
from core.events import AlarmRang, Event, NodeStarted
from core.frames import Frame
from core.gate import BreakGate
from core.journal import Journal
from core.node import Node
from core.rail_effects import FetchBlock, FetchFinal, FetchHead
from core.token_effects import (
    AskPause,
    BumpEpoch,
    FetchHoldings,
    FetchTokenBlock,
    FetchTokenHead,
    JudgeAuthorization,
    SignAuthorization,
    VoidAuthorization,
)
from core.token_events import (
    AuthorizationDeclined,
    AuthorizationJudged,
    AuthorizationRequested,
    AuthorizationSigned,
)
from core.token_state import Authorization, Token
from rails.dialect import Dialect
from rails.evm.dialect import dialect
from rails.evm.signing import signed
from rails.evm.wallet import Wallet
from rails.jsonrpc import Call, answers, batch, results
from rails.keys import keccak256
from sim.memory_store import MemoryStore
from tests import nodes, openings
from tests.chains import DEPOSIT, GWEI, OURS
from tests.issuing import ADMIN, ALICE, BOB, FIRST, KEYS, PAUSER, RELAYER, SECOND, STRANGER, call_of
from tests.openings import ACCOUNT, NAME
from tieout.issuing.simulated import with_tokens
from tieout.tokens import messages
from tokens import calls
from tokens.calls import Parameters
from tokens.signers import memory, verifying
from tokens.signers.keystore import KeystoreBackend
from tokens.signers.live import LiveNode
from tokens.signers.memory import FileMemory
from tokens.signers.verifying import AUTHORIZER, Permit, Refused, Terms, VerifyingSigner
from tokens.typed import Domain, Recovery

NS = openings.SECOND
POLL_NS = 4 * NS
EVER = 1 << 60
SENDERS = (ADMIN, PAUSER, ALICE, BOB, RELAYER)
HOLDERS = (*SENDERS, STRANGER)
OF_A_NODE = (
    *(FetchStatement, FetchHead, FetchBlock, FetchFinal),
    *(FetchTokenHead, FetchTokenBlock, FetchHoldings),
)
GAS = 400_000
LOOKS_MAX = 8


@dataclass
class Decided:
    """A signer's reading of the facts: it knows each decision by its hash."""

    hashes: set[bytes] = field(default_factory=set)

    def objection(self, message: Permit) -> str:
        named = message.reason_hash if isinstance(message, Recovery) else message.policy_hash
        return "" if named in self.hashes else "its decision cannot be found"


@dataclass(slots=True, frozen=True)
class Sent:
    """A transaction as it was handed in."""

    sender: str
    nonce: int
    raw: bytes

    @property
    def hash(self) -> str:
        return "0x" + keccak256(self.raw).hex()


@dataclass(eq=False)
class TokenBooks:
    """One token on one chain, from its first block on."""

    chain: nodes.Node
    folder: Path
    contract: str = field(init=False)
    domain: Domain = field(init=False)
    core: Node = field(init=False)
    dialect: Dialect = field(init=False)
    signers: dict[str, VerifyingSigner] = field(init=False)
    now: int = 0
    decided: Decided = field(default_factory=Decided)
    asked: list[Effect] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        asset = Parameters(NAME, NAME, 0, ADMIN, PAUSER, (FIRST, SECOND), 2)
        self.contract = self.chain.deploy(calls.deployment(asset))
        self.domain = Domain(NAME, "1", 1, self.contract)
        for who in SENDERS:
            self.chain.fund(who)
        own = dialect("chain", {ACCOUNT: Wallet(ACCOUNT, OURS, 1, deposits=(DEPOSIT,))})
        self.dialect = with_tokens(own, {NAME: self.contract})
        by = {ADMIN: verifying.ADMIN, FIRST: AUTHORIZER, SECOND: AUTHORIZER}
        self.signers = {who: self._signer(who, signs) for who, signs in by.items()}
        self.core = Node(Journal(MemoryStore()), {"chain": self.dialect.decode}, BreakGate())
        self._begin()

    def _signer(self, who: str, signs: frozenset[type]) -> VerifyingSigner:
        path = self.folder / f"{who}.db"
        memory.create(path)
        node, backend = LiveNode(self.chain.answer, "b"), KeystoreBackend(KEYS[who])
        return VerifyingSigner(
            Terms(self.domain, signs), backend, node, self.decided, FileMemory(path)
        )

    def _begin(self) -> None:
        head = self.block("latest")
        stamp = int(head["timestamp"], 16)
        self.now = stamp * NS
        self.tell(NodeStarted(received_at=self.now, node="n", epoch=1))
        self.tell(openings.chain_account(self.now, silence_ns_max=EVER))
        terms: dict[str, Any] = {
            "contract": self.contract,
            "signers": (FIRST, SECOND),
            "admin": ADMIN,
            "block_number": int(head["number"], 16),
            "timestamp": stamp,
        }
        self.tell(openings.published(self.now, head["hash"], **terms))
        self.tell(openings.policy(self.now, 1))

    # --- the core ---------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.core.state.tokens[NAME]

    @property
    def breaks(self) -> list[str]:
        """What is open: nothing, as long as nothing is wrong with the token."""
        items = self.core.state.settlement.items.values()
        return [f"{item.cause} {item.subject}" for item in items if item.subject.startswith(NAME)]

    def tell(self, told: Event | Frame) -> None:
        self.core.deliver(told)
        for effect in self.core.commit():
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case JudgeAuthorization():
                self._judge(effect)
            case SignAuthorization():
                self._sign(effect)
            case VoidAuthorization() | BumpEpoch() | AskPause():
                self.asked.append(effect)
            case _ if isinstance(effect, OF_A_NODE):
                self._ask(effect)
            case _:
                pass

    def _ask(self, effect: Effect) -> None:
        status, body = self.chain.answer(self.dialect.request(effect))
        self.tell(self._frame(effect, body, status))

    def _frame(self, about: Effect, body: bytes, status: int = 200) -> Frame:
        return Frame(
            number=self.core.journal.next_number,
            account=ACCOUNT,
            channel="rest",
            received_at=self.now,
            body=body,
            status=status,
            about=about,
            asked_at=self.now - 1,
        )

    def _judge(self, asked: JudgeAuthorization) -> None:
        """Everything is permitted, and decided anew each time."""
        decision = keccak256(asked.authorization_id.encode())
        self.decided.hashes.add(decision)
        self.tell(
            AuthorizationJudged(
                received_at=self.now,
                token=NAME,
                authorization_id=asked.authorization_id,
                valid_after=asked.valid_after,
                valid_before=asked.valid_before,
                policy_version=asked.policy_version,
                refusal="",
                decision_hash="0x" + decision.hex(),
                lane=0x5EED_0000 + asked.place,
            )
        )

    def _sign(self, asked: SignAuthorization) -> None:
        permit = messages.message(asked)
        (told,) = self.signers[asked.signer].sign([permit], self.now // NS)
        about: dict[str, Any] = {
            "received_at": self.now,
            "token": NAME,
            "authorization_id": asked.authorization_id,
            "signer": asked.signer,
        }
        if isinstance(told, Refused):
            self.declined.append(told.reason)
            self.tell(AuthorizationDeclined(reason=told.reason, **about))
        else:
            self.tell(AuthorizationSigned(signature="0x" + told.signature.raw.hex(), **about))

    # --- the chain --------------------------------------------------------------------------------

    def rpc(self, method: str, *params: object) -> Any:
        """A node's answer; `Failed` where it has none."""
        _, body = self.chain.answer(batch("a", [(method, list(params))]))
        return answers(body, 1)[0]

    def block(self, tag: str) -> Any:
        return self.rpc("eth_getBlockByNumber", tag, False)

    def told_of(self, block_hash: str) -> Any:
        """The node's answers where the register asks for a block: itself, and its logs."""
        effect = FetchTokenBlock(account=ACCOUNT, source="a", token=NAME, block_hash=block_hash)
        return json.loads(self.chain.answer(self.dialect.request(effect))[1])

    def read_as(self, block_hash: str, told: Any) -> Event:
        """What the register would hear if it had asked for that block."""
        effect = FetchTokenBlock(account=ACCOUNT, source="a", token=NAME, block_hash=block_hash)
        frame = self._frame(effect, json.dumps(told).encode())
        (event,) = self.dialect.decode(frame, {})
        return event

    def mine(self, blocks: int = 1) -> None:
        """The register is looked at after each."""
        for _ in range(blocks):
            self.chain.mine(1)
            self.look()

    def look(self) -> None:
        """The alarms that are due ring, until the register stands on the chain's newest block."""
        head = self.block("latest")
        self.now = max(self.now, int(head["timestamp"], 16) * NS)
        for _ in range(LOOKS_MAX):
            self.now += POLL_NS
            self.ring()
            if self.token.blocks[-1].block_hash == head["hash"]:
                break
        assert self.token.blocks[-1].block_hash == head["hash"], "it never came to the head"
        self.compare()

    def ring(self) -> None:
        alarms = self.core.state.alarms
        for alarm in sorted(name for name, at in alarms.items() if at <= self.now):
            self.tell(AlarmRang(received_at=self.now, alarm=alarm))

    def compare(self) -> None:
        """At its final block and its newest the register is what the contract says of them."""
        final, newest = self.token.blocks[0], self.token.blocks[-1]
        assert self.held_at(final.block_hash) == self.token.reserved.balances
        assert self.held_at(newest.block_hash) == register.provisional(self.token)

    def held_at(self, block_hash: str) -> dict[str, int]:
        """By the contract's own word, of that very block; nobody else holds anything."""
        datas = [call_of("balanceOf(address)", who) for who in HOLDERS]
        datas.append(call_of("totalSupply()"))
        asked: list[Call] = [
            (
                "eth_call",
                [{"to": self.contract, "data": "0x" + data.hex()}, {"blockHash": block_hash}],
            )
            for data in datas
        ]
        _, body = self.chain.answer(batch("a", asked))
        *balances, supply = (int(each, 16) for each in results(body, len(asked)))
        assert sum(balances) == supply, "somebody else holds something"
        return {who: units for who, units in zip(HOLDERS, balances, strict=True) if units}

    def until(self, reached: Callable[[], bool], blocks_max: int = 40) -> None:
        """Block by block."""
        for _ in range(blocks_max):
            if reached():
                return
            self.mine()
        assert reached(), f"not within {blocks_max} blocks"

    def finalize(self) -> None:
        """Until what is the newest block now is final."""
        number = self.token.blocks[-1].number
        while self.token.blocks[0].number < number:
            self.chain.mine(8)
            self.look()

    def reorganise(self, depth: int) -> None:
        self.chain.reorganise(depth)
        self.look()

    # --- permitted, and used ----------------------------------------------------------------------

    def permit(
        self, kind: str, sender: str, receiver: str, value: int, *, is_signed: bool = True
    ) -> Authorization:
        """Asked for, judged and signed, at this head."""
        number = self.token.made + 1
        self.tell(
            AuthorizationRequested(
                received_at=self.now,
                token=NAME,
                caller="desk",
                request_id=f"r{number}",
                kind=kind,  # type: ignore[arg-type]
                sender=sender,
                receiver=receiver,
                value=value,
            )
        )
        wanted = self.token.authorizations[f"{NAME}/{number}"]
        assert (wanted.status == "signed") == is_signed, (wanted.status, wanted.reason)
        return wanted

    def issue(self, receiver: str, value: int) -> None:
        """Minted for good."""
        assert self.succeeded(self.use(self.permit("mint", "", receiver, value)))
        self.finalize()

    def call_of(self, wanted: Authorization, *, relayed: bool = False) -> bytes:
        """What the contract is called with to use it."""
        permit = messages.message(wanted)
        told = {who: bytes.fromhex(each[2:]) for who, each in wanted.signatures.items()}
        consent = b""
        if relayed:
            consent = messages.consent(self.domain, permit, KEYS[wanted.sender])
        return messages.call(permit, told, consent)

    def use(self, wanted: Authorization, *, relayed: bool = False, **how: int) -> Sent:
        """Handed in, by the holder or by a relayer; what comes into being a relayer brings."""
        by = RELAYER if relayed or not wanted.sender else wanted.sender
        return self.send(by, self.call_of(wanted, relayed=relayed), **how)

    def send(self, who: str, data: bytes, **how: int) -> Sent:
        """A transaction of the contract, which the node takes."""
        sent = self.made(who, data, **how)
        told = self.hand_in(sent)
        assert told == sent.hash, told
        return sent

    def made(
        self, who: str, data: bytes, *, nonce: int = -1, cap: int = 200 * GWEI, tip: int = 3 * GWEI
    ) -> Sent:
        """Signed, under the sender's next nonce unless one is given."""
        if nonce < 0:
            nonce = self.sent.get(who, 0)
        self.sent[who] = max(self.sent.get(who, 0), nonce + 1)
        to = bytes.fromhex(self.contract[2:])
        chain = int(self.rpc("eth_chainId"), 16)
        return Sent(who, nonce, signed([chain, nonce, tip, cap, GAS, to, 0, data, []], KEYS[who]))

    def hand_in(self, sent: Sent) -> Any:
        return self.rpc("eth_sendRawTransaction", "0x" + sent.raw.hex())

    def receipt(self, sent: Sent) -> Any:
        """None as long as no block has it."""
        return self.rpc("eth_getTransactionReceipt", sent.hash)

    def is_known(self, sent: Sent) -> bool:
        return self.rpc("eth_getTransactionByHash", sent.hash) is not None

    def keep_known(self, sent: Sent) -> None:
        """Whoever sent it hands the same bytes in again where the node forgot them."""
        if not self.is_known(sent):
            assert self.hand_in(sent) == sent.hash

    def succeeded(self, sent: Sent) -> bool:
        """It is mined by now or soon, and this became of it."""
        self.until(lambda: self.receipt(sent) is not None)
        return bool(self.receipt(sent)["status"] == "0x1")
