"""A holder's balance, down to the bytes of the blocks: through a node that reads real frames."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.effects import Effect
from core.events import Event, NodeStarted
from core.frames import Frame
from core.gate import BreakGate
from core.journal import Journal
from core.node import Node
from core.token_effects import (
    FetchTokenBlock,
    FetchTokenHead,
    JudgeAuthorization,
    SignAuthorization,
)
from core.token_events import (
    AuthorizationJudged,
    AuthorizationRequested,
    AuthorizationSigned,
    HolderStated,
)
from core.token_state import Authorization, Token
from sim.memory_store import MemoryStore
from tests.openings import (
    ACCOUNT,
    CONTRACT,
    NAME,
    SECOND,
    chain_account,
    final_heads,
    policy,
    published,
)
from tests.test_cli import tieout
from tieout.reports.files import save_journal
from tieout.reports.tables import table
from tieout.reports.trace import BadKey
from tieout.tokens.trace import Held, trace_token
from tokens.decoder import MOVED, TRANSFER, decode

START = 1_700_000_000
ALICE, BOB, CAROL = ("0x" + letter * 40 for letter in "abc")


def hashed(name: str) -> str:
    return "0x" + name.encode().hex().rjust(64, "0")


@dataclass
class Chain:
    """A node whose chain is told as JSON-RPC; a vault that allows and keys that sign."""

    store: MemoryStore = field(default_factory=MemoryStore)
    node: Node = field(init=False)
    now: int = START * SECOND
    blocks: list[str] = field(default_factory=lambda: ["h0"])
    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: int = 0

    def __post_init__(self) -> None:
        readers = {"chain": lambda frame, scales: decode(frame, {NAME: CONTRACT}) or []}
        self.node = Node(Journal(self.store), readers, BreakGate())
        self.tell(NodeStarted(received_at=self.now, node="n", epoch=1))
        self.tell(chain_account(self.now, tells="fills"))
        self.tell(published(self.now, hashed("h0")))
        self.policy(1)
        for address in (ALICE, BOB, CAROL):
            self.tell(
                HolderStated(
                    received_at=self.now,
                    token=NAME,
                    address=address,
                    group="",
                    locked=0,
                    commitment=f"facts of {address}",
                )
            )

    @property
    def token(self) -> Token:
        return self.node.state.tokens[NAME]

    def tell(self, event: Event) -> None:
        self.node.deliver(event)
        effects = self.node.commit()
        for effect in effects:
            self.perform(effect)

    def policy(self, version: int) -> None:
        self.tell(policy(self.now, version))

    def perform(self, effect: Effect) -> None:
        match effect:
            case JudgeAuthorization():
                refusal = "kyc" if effect.receiver == CAROL else ""
                self.tell(
                    AuthorizationJudged(
                        received_at=self.now,
                        token=NAME,
                        authorization_id=effect.authorization_id,
                        valid_after=effect.valid_after,
                        valid_before=effect.valid_before,
                        policy_version=effect.policy_version,
                        refusal=refusal,
                        decision_hash=hashed(f"d{effect.authorization_id}"),
                        lane=7,
                        commitments=tuple(
                            f"facts of {each}" for each in (effect.sender, effect.receiver) if each
                        ),
                    )
                )
            case SignAuthorization():
                self.tell(
                    AuthorizationSigned(
                        received_at=self.now,
                        token=NAME,
                        authorization_id=effect.authorization_id,
                        signer=effect.signer,
                        signature=f"0x{effect.signer} of {effect.authorization_id}",
                    )
                )
            case FetchTokenBlock(source="b"):  # what is to be final, at the other node
                self.frame(effect, self.answers[effect.block_hash])
            case _:
                pass

    def permit(self, kind: str, sender: str, receiver: str, value: int) -> Authorization:
        self.asked += 1
        self.tell(
            AuthorizationRequested(
                received_at=self.now,
                token=NAME,
                caller="desk",
                request_id=f"r{self.asked}",
                kind=kind,  # type: ignore[arg-type]
                sender=sender,
                receiver=receiver,
                value=value,
            )
        )
        return self.token.authorizations[f"{NAME}/{self.token.made}"]

    def block(self, name: str, *logs: list[dict[str, Any]]) -> None:
        """A new head, told by a node in two frames."""
        parent, number = self.blocks[-1], 100 + len(self.blocks)
        self.blocks.append(name)
        stamp = START + 12 * (number - 100)
        self.now = stamp * SECOND
        told = {
            "number": hex(number),
            "hash": hashed(name),
            "parentHash": hashed(parent),
            "timestamp": hex(stamp),
        }
        placed = [each | {"blockHash": hashed(name)} for log in logs for each in log]
        for index, each in enumerate(placed):
            each["logIndex"] = hex(index)
        head = FetchTokenHead(account=ACCOUNT, source="a", token=NAME)
        self.frame(head, [told])
        block_hash = hashed(name)
        self.answers[block_hash] = [told, placed]
        self.frame(
            FetchTokenBlock(account=ACCOUNT, source="a", token=NAME, block_hash=block_hash),
            [told, placed],
        )

    def frame(self, about: Effect, results: list[Any]) -> None:
        body = [{"jsonrpc": "2.0", "id": i, "result": r} for i, r in enumerate(results)]
        self.node.deliver(
            Frame(
                number=self.node.journal.next_number,
                account=ACCOUNT,
                channel="rest",
                received_at=self.now,
                body=json.dumps(body).encode(),
                about=about,
            )
        )
        for effect in self.node.commit():
            self.perform(effect)

    def finalize(self, name: str) -> None:
        number = 100 + self.blocks.index(name)
        self.node.state.accounts[ACCOUNT].backfill.started_at = 0
        for event in final_heads(self.now, number, hashed(name)):
            self.tell(event)


def logs_of(wanted: Authorization, decision: str = "") -> list[dict[str, Any]]:
    """The two logs that the contract writes of a movement."""
    tx_hash = hashed(f"t{wanted.name}")
    parties = [
        "0x" + (each or "0x" + "0" * 40)[2:].rjust(64, "0")
        for each in (wanted.sender, wanted.receiver)
    ]
    words = f"{wanted.nonce:064x}" + (decision or wanted.decision_hash)[2:]
    transfer = {"topics": [TRANSFER, *parties], "data": f"0x{wanted.value:064x}"}
    behind = {"topics": [MOVED, hashed("s"), parties[0]], "data": "0x" + words}
    where = {"address": CONTRACT, "transactionHash": tx_hash, "removed": False}
    return [transfer | where, behind | where]


@pytest.fixture(scope="module")
def chain() -> Chain:
    """Alice is minted 1000, gives 250 to Bob under the next policy, and 100 more that is not final;
    nobody decided that 7 left Bob."""
    made = Chain()
    mint = made.permit("mint", "", ALICE, 1000)
    made.block("h1", logs_of(mint))
    made.finalize("h1")
    made.policy(2)
    gift = made.permit("transfer", ALICE, BOB, 250)
    made.permit("transfer", ALICE, CAROL, 5)
    made.block("h2", logs_of(gift))
    made.block("h3")
    made.finalize("h3")
    later = made.permit("transfer", ALICE, BOB, 100)
    stolen = Authorization("x", "", "", "transfer", BOB, ALICE, 7, 0, nonce=9)
    made.block("h4", logs_of(later))
    made.block("h5", logs_of(stolen, hashed("forged")))
    return made


def held(chain: Chain, key: str) -> Held:
    (found,) = trace_token(key, chain.store).held
    return found


def test_the_movements_sum_to_the_figure(chain: Chain) -> None:
    told = held(chain, ALICE)
    assert (told.final, told.provisional, told.number) == (750, 657, 103)
    assert [(step.change, step.running) for step in told.steps] == [(1000, 1000), (-250, 750)]
    assert told.final == chain.token.reserved.balances[ALICE]
    told = held(chain, f"{NAME}/{BOB}")
    assert (told.final, told.provisional) == (250, 343)
    assert [step.change for step in told.steps] == [250]


def test_each_movement_leads_to_what_permitted_it(chain: Chain) -> None:
    step = held(chain, BOB).steps[0]
    assert step.permission is not None
    wanted = step.permission.authorization
    assert (wanted.name, wanted.policy_version) == ("ESTATE/2", 2)
    assert step.permission.policy_hash == "policy2"
    assert wanted.commitments == (f"facts of {ALICE}", f"facts of {BOB}")
    assert dict(wanted.signatures) == {s: f"0x{s} of ESTATE/2" for s in ("s1", "s2")}
    names = [each.name for each in step.permission.heard]
    assert names == ["AuthorizationRequested", "AuthorizationJudged", *["AuthorizationSigned"] * 2]
    records = {record.number: record for record in chain.store.records()}
    assert [records[each.number].name for each in step.permission.heard] == names
    judged = step.permission.judged
    assert judged is not None
    assert judged.number == step.permission.heard[1].number


def test_each_movement_leads_to_the_bytes_of_its_block(chain: Chain) -> None:
    """The frame's own: the block by its hash, with the transaction in it."""
    records = {record.number: record for record in chain.store.records()}
    for step in (*held(chain, ALICE).steps, *held(chain, BOB).steps):
        frame = records[step.moved.told.frame]
        assert (frame.kind, step.moved.told.raw) == ("frame", frame.body)
        block, logs = (each["result"] for each in json.loads(frame.body))
        assert block["hash"] == step.moved.block.block_hash
        assert step.moved.log.tx_hash in [each["transactionHash"] for each in logs]


def test_what_nobody_decided_is_said(chain: Chain) -> None:
    made = Chain()
    mint = made.permit("mint", "", ALICE, 10)
    made.block("h1", logs_of(mint))
    stolen = Authorization("x", "", "", "transfer", ALICE, BOB, 7, 0, nonce=9)
    made.block("h2", logs_of(stolen, mint.decision_hash))
    made.finalize("h2")
    told = held(made, BOB)
    assert (told.final, told.steps[0].permission) == (7, None)
    assert "nobody decided it" in str(trace_token(BOB, made.store))


def test_a_permission_that_was_used_twice_permitted_once(chain: Chain) -> None:
    made = Chain()
    mint = made.permit("mint", "", ALICE, 10)
    made.block("h1", logs_of(mint), logs_of(mint))
    made.finalize("h1")
    told = held(made, ALICE)
    assert (told.final, [step.change for step in told.steps]) == (20, [10, 10])
    assert [step.permission is not None for step in told.steps] == [True, False]


def test_the_table_has_every_authorization_as_it_ended(chain: Chain) -> None:
    rows = table("authorizations", chain.store, chain.node.state)
    told = rows[["authorization", "kind", "amount", "status", "reason", "policy_version"]]
    assert told.values.tolist() == [
        ["ESTATE/1", "mint", 1000, "final", "", 1],
        ["ESTATE/2", "transfer", 250, "final", "", 2],
        ["ESTATE/3", "transfer", 5, "refused", "kyc", 2],
        ["ESTATE/4", "transfer", 100, "mined", "", 2],
    ]
    assert rows.signatures.tolist() == [1, 2, 0, 2]
    kinds = {record.number: record.name for record in chain.store.records()}
    assert [kinds[each] for each in rows.event] == ["AuthorizationRequested"] * 4
    assert rows.valid_before.iloc[0].timestamp() == START + 120


def test_what_the_state_forgot_is_in_the_table(chain: Chain) -> None:
    made = Chain()
    for _ in range(70):
        made.permit("transfer", ALICE, BOB, 5)
    assert len(made.token.authorizations) == 64
    rows = table("authorizations", made.store, made.node.state)
    assert len(rows) == 70
    assert set(rows.reason) == {"above_supply"}


def test_a_key_that_is_none_is_refused_with_the_nearest(chain: Chain) -> None:
    for key in (CAROL, f"OTHER/{ALICE}", f"/{ALICE}", NAME):
        with pytest.raises(BadKey, match="no holder"):
            trace_token(key, chain.store)
    with pytest.raises(BadKey, match=f"did you mean {NAME}/{ALICE}"):
        trace_token(ALICE[:-1], chain.store)
    assert held(chain, ALICE.upper().replace("0X", "0x")).final == 750


def test_the_command_prints_it_and_json(chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    save_journal(chain.store, path)
    done = tieout("trace", "token", ALICE, "--journal", str(path))
    assert done.returncode == 0
    for words in (
        f"{ALICE} = 750 ESTATE, final at block 103 ({hashed('h3')})",
        "657 with what is mined above it and may give way",
        "authorization ESTATE/2: transfer of 250, asked for by desk (r2)",
        "no rule of policy 2 (policy2) refused it",
        f"facts looked at: facts of {ALICE}, facts of {BOB}",
        "signed by s1: 0xs1 of ESTATE/2",
        "2 movements; their sum is the figure.",
    ):
        assert words in done.stdout
    done = tieout("trace", "token", ALICE, "--journal", str(path), "--json")
    (told,) = json.loads(done.stdout)["held"]
    assert sum(int(each["change"]) for each in told["movements"]) == int(told["final"]) == 750
    assert all(hashed("h1") in told["movements"][0][name] for name in ("raw",))
    done = tieout("trace", "token", CAROL, "--journal", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no holder" in done.stderr
