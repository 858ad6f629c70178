"""An issue of the token for tests: the contract on some EVM, its roles' keys, and short words."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_abi import decode, encode

from rails.evm.signing import address_of
from rails.keys import PrivateKey, keccak256
from sim.execution import Log, Outcome
from sim.machine import Reverted
from tests.evms import AnvilEvm, EmbeddedEvm, Evm, Sent, send
from tokens import calls, typed
from tokens.calls import Parameters, Release
from tokens.typed import Authorization, Burn, Consent, Domain, Message, Mint, Recovery, lane_nonce

KEYS = {address_of(key): key for key in (PrivateKey(bytes([n]) * 32) for n in range(1, 25))}
# Ascending, as the contract wants signatures of authorizers.
ADMIN, PAUSER, FIRST, SECOND, THIRD, ALICE, BOB, RELAYER, STRANGER, *OTHERS = sorted(KEYS)
LANE = 0x5EED << 176
POLICY = keccak256(b"a policy, salted")
HALF = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
CONTRACTS = Path(__file__).parent / "contracts"
# A mutant is judged by the same tests: its artifact instead of the committed one.
EMBEDDED_ONLY = "TIEOUT_MUTANT" in os.environ
ARTIFACT = Path(os.environ.get("TIEOUT_MUTANT", str(calls.CONTRACT)))
ABI = json.loads(calls.CONTRACT.read_text())["AuthorizedToken"]["abi"]


def signature(who: str, digest: bytes) -> bytes:
    """r, s and v, as wallets give it."""
    parity, r, s = KEYS[who].sign_recoverable(digest)
    return r.to_bytes(32) + s.to_bytes(32) + bytes([27 + parity])


def malleated(told: bytes) -> bytes:
    """The other signature that the bare curve takes for the same digest and key."""
    s = int.from_bytes(told[32:64])
    return told[:32] + (ORDER - s).to_bytes(32) + bytes([27 + 28 - told[64]])


def shape(kind: dict[str, Any]) -> str:
    """A type of the ABI as text, tuples spelt out."""
    if not kind["type"].startswith("tuple"):
        return str(kind["type"])
    inner = ",".join(map(shape, kind["components"]))
    return f"({inner}){kind['type'].removeprefix('tuple')}"


def spelt(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(map(shape, entry['inputs']))})"


@cache
def errors() -> dict[bytes, str]:
    return {
        keccak256(spelt(entry).encode())[:4]: entry["name"]
        for entry in ABI
        if entry["type"] == "error"
    }


@cache
def events() -> dict[str, dict[str, Any]]:
    return {
        "0x" + keccak256(spelt(entry).encode()).hex(): entry
        for entry in ABI
        if entry["type"] == "event"
    }


def told(log: Log) -> tuple[str, dict[str, Any]]:
    """An event's name, and what it says."""
    entry = events()[log.topics[0]]
    indexed = [part for part in entry["inputs"] if part["indexed"]]
    plain = [part for part in entry["inputs"] if not part["indexed"]]
    values = {
        part["name"]: decode([part["type"]], bytes.fromhex(topic[2:]))[0]
        for part, topic in zip(indexed, log.topics[1:], strict=True)
    }
    values |= dict(
        zip(
            (part["name"] for part in plain),
            decode([part["type"] for part in plain], log.data),
            strict=True,
        )
    )
    return entry["name"], values


def artifact(unit: str, contract: str) -> dict[str, Any]:
    """A contract that only tests know."""
    made: dict[str, Any] = json.loads((CONTRACTS / f"{unit}.json").read_text())[contract]
    return made


def call_of(function: str, *values: object) -> bytes:
    """Any call, by the text of its signature."""
    kinds = function[function.index("(") + 1 : -1]
    return calls.selector(function) + encode(kinds.split(",") if kinds else [], values)


@dataclass(slots=True)
class Issue:
    """One asset: alice has a thousand, bob has ten."""

    evm: Evm
    token: str = field(init=False)
    domain: Domain = field(init=False)

    def deploy(self, **change: Any) -> "Issue":
        given: dict[str, Any] = {
            "name": "Asset",
            "symbol": "AST",
            "decimals": 2,
            "admin": ADMIN,
            "pauser": PAUSER,
            "authorizers": (FIRST, SECOND),
            "threshold": 1,
        }
        parameters = Parameters(**given | change)
        code = bytes.fromhex(json.loads(ARTIFACT.read_text())["AuthorizedToken"]["bytecode"])
        arguments = calls.deployment(parameters).removeprefix(calls.creation())
        self.token = self.evm.deploy(code + arguments)
        self.domain = Domain(parameters.name, "1", self.evm.chain_id, self.token)
        return self

    def open(self) -> "Issue":
        self.deploy()
        self.minting(ALICE, 1_000)
        self.minting(BOB, 10)
        return self

    # --- what is signed --------------------------------------------------------------------------

    def signed(self, who: str, message: Message, domain: Domain | None = None) -> bytes:
        return signature(who, typed.digest(domain or self.domain, message))

    def permit(self, **change: Any) -> Authorization:
        """From alice to bob, five, for the next minute, in the next place of a lane."""
        holder = change.get("holder", ALICE)
        lane = change.pop("lane", LANE)
        fields: dict[str, Any] = {
            "holder": holder,
            "to": BOB,
            "value": 5,
            "valid_after": self.evm.now() - 60,
            "valid_before": self.evm.now() + 60,
            "nonce": lane_nonce(lane, self.place(holder, lane)),
            "epoch": self.epoch_of(holder),
            "policy_hash": POLICY,
        }
        return Authorization(**fields | change)

    def released(
        self,
        given: Authorization,
        by: Sequence[str] = (FIRST,),
        *,
        consent: bool = False,
        domain: Domain | None = None,
    ) -> Release:
        """With the authorizers' signatures, and the holder's consent if a relayer brings it."""
        signatures = tuple(self.signed(who, given, domain) for who in by)
        return Release(given, signatures, self.consent(given, domain) if consent else b"")

    def consent(self, given: Authorization | Burn, domain: Domain | None = None) -> bytes:
        return self.signed(given.holder, Consent(typed.struct_hash(given)), domain)

    def mint(self, **change: Any) -> Mint:
        fields: dict[str, Any] = {
            "to": ALICE,
            "value": 100,
            "valid_before": self.evm.now() + 60,
            "nonce": lane_nonce(LANE, self.place(self.token, LANE)),
            "epoch": self.epoch_of(change.get("to", ALICE)),
            "policy_hash": POLICY,
        }
        return Mint(**fields | change)

    def burn(self, **change: Any) -> Burn:
        fields: dict[str, Any] = {
            "holder": ALICE,
            "value": 100,
            "valid_before": self.evm.now() + 60,
            "nonce": lane_nonce(LANE, self.place(self.token, LANE)),
            "epoch": self.epoch_of(change.get("holder", ALICE)),
            "policy_hash": POLICY,
        }
        return Burn(**fields | change)

    def recovery(self, **change: Any) -> Recovery:
        fields: dict[str, Any] = {
            "holder": ALICE,
            "to": STRANGER,
            "valid_before": self.evm.now() + 60,
            "nonce": lane_nonce(LANE, self.place(self.token, LANE)),
            "reason_hash": POLICY,
        }
        return Recovery(**fields | change)

    # --- what is done ----------------------------------------------------------------------------

    def send(self, sender: str, data: bytes) -> Outcome:
        return send(self.evm, sender, self.token, data)

    def move(self, *releases: Release, sender: str = ALICE) -> Outcome:
        return self.send(sender, calls.release(releases))

    def minting(self, to: str, value: int, **change: Any) -> Outcome:
        message = self.mint(to=to, value=value, **change)
        return self.send(RELAYER, calls.mint(message, self.signed(ADMIN, message)))

    def burning(self, sender: str = ALICE, **change: Any) -> Outcome:
        message = self.burn(**change)
        consent = b"" if sender == message.holder else self.consent(message)
        return self.send(sender, calls.burn(message, self.signed(ADMIN, message), consent))

    def recovering(self, **change: Any) -> Outcome:
        message = self.recovery(**change)
        return self.send(RELAYER, calls.recover(message, self.signed(ADMIN, message)))

    def together(self, *sent: tuple[str, bytes]) -> list[Outcome]:
        """In one block, in this order."""
        return self.evm.together([Sent(sender, self.token, data) for sender, data in sent])

    # --- what is read ----------------------------------------------------------------------------

    def read(self, function: str, *values: object) -> int:
        return int.from_bytes(self.evm.call(self.token, call_of(function, *values))[:32])

    def balance(self, holder: str) -> int:
        return self.read("balanceOf(address)", holder)

    def supply(self) -> int:
        return self.read("totalSupply()")

    def epoch_of(self, holder: str) -> int:
        return self.read("epochOf(address)", holder)

    def place(self, holder: str, lane: int) -> int:
        """The next place in a holder's lane."""
        return self.read("nonces(address,uint192)", holder, lane) % 2**64

    def state(self) -> tuple[int, ...]:
        """Whatever must not change when something was refused."""
        return (
            *(self.balance(who) for who in (ALICE, BOB, RELAYER, STRANGER)),
            self.supply(),
            self.place(ALICE, LANE),
            self.place(self.token, LANE),
        )

    def error(self, outcome: Outcome) -> str:
        """Why it failed, by the error's name; "" if it did not."""
        if outcome.succeeded:
            return ""
        return errors().get(outcome.output[:4], "0x" + outcome.output.hex())

    def events(self, outcome: Outcome) -> list[tuple[str, dict[str, Any]]]:
        assert all(log.address == self.token for log in outcome.logs)
        return [told(log) for log in outcome.logs]


def refused(issue: Issue, sender: str, data: bytes) -> str:
    """Send it, see that nothing changed and nothing was told; why it was refused."""
    before = issue.state()
    outcome = issue.send(sender, data)
    assert not outcome.succeeded, "it was carried out"
    assert outcome.logs == ()
    assert issue.state() == before
    return issue.error(outcome)


def said_by(call: Any) -> str:
    """Why a call was refused."""
    try:
        call()
    except Reverted as error:
        return errors().get(error.data[:4], "0x" + error.data.hex())
    return ""


# --- the two EVMs -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node() -> Iterator[AnvilEvm]:
    """One anvil for all: each test goes back to where it was new."""
    anvil = AnvilEvm()
    try:
        yield anvil
    finally:
        anvil.stop()


@pytest.fixture(params=["embedded"] if EMBEDDED_ONLY else ["embedded", "anvil"])
def evm(request: pytest.FixtureRequest) -> Iterator[Evm]:
    """Either EVM, new."""
    if request.param == "embedded":
        if sys.version_info >= (3, 13):
            pytest.skip("pyrevm has no wheel for this Python")
        yield EmbeddedEvm()
        return
    anvil: AnvilEvm = request.getfixturevalue("node")
    with anvil.undone():
        yield anvil


@pytest.fixture
def issue(evm: Evm) -> Issue:
    """An asset: alice has a thousand, bob ten."""
    return Issue(evm).open()
