"""Authorizations: asked for, judged, reserved with a thousand outstanding, journaled, signed and
recovered, by what users run: node, step, journal on disk, the judge with its vault, a key.

Processor time, for that is what one core of a control plane can do; what disks add is in the wall
clock beside it. What the curve alone costs stands beside it too: it cannot be made less, and it
says how fast the machine was.
"""

import tempfile
import time
from pathlib import Path

from coincurve import PrivateKey as Secp256k1
from coincurve import PublicKey

from bench.ingest import fresh
from bench.lanes import GATE
from bench.rows import Row
from core import reservations
from core.events import AccountOpened, Event, NodeStarted
from core.journal import Journal
from core.node import Node
from core.token_effects import JudgeAuthorization, SignAuthorization, TellCaller
from core.token_events import (
    AuthorizationRequested,
    AuthorizationSigned,
    TokenPublished,
)
from core.token_state import Movement
from rails.keys import PrivateKey
from tieout.journals.sqlite_store import SqliteStore
from tokens import typed
from tokens.facts import Facts
from tokens.judging import Judge
from tokens.policy import Policy
from tokens.signers.keystore import KeystoreBackend
from tokens.vault import Vault

HOLDERS = 2_000
OUTSTANDING = 1_000
AUTHORIZATIONS = 6_000
GROUP = 50
SECOND = 10**9
START = 1_700_000_000
FAR = 4_000_000_000
CONTRACT = "0x" + "c0" * 20


def rows(*, quick: bool = False) -> list[Row]:
    """On the file system of the temporary folder (TMPDIR)."""
    with tempfile.TemporaryDirectory(prefix="tieout-bench-") as folder:
        world = World(Path(folder))
        world.permit(OUTSTANDING)
        count = 500 if quick else AUTHORIZATIONS
        cpu, wall = time.process_time(), time.perf_counter()
        world.permit(count)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        world.store.close()
    name = f"authorizations with {OUTSTANDING:,} outstanding or more"
    return [
        Row(f"{name}, per CPU-second", count / cpu, "1/s", target=">= 4000"),
        Row(f"{name}, by the clock", count / wall, "1/s"),
        Row("libsecp256k1 alone, signing and recovering, per CPU-second", _curve(count), "1/s"),
    ]


def _curve(count: int) -> float:
    """So many digests signed and recovered a CPU-second, with nothing around it."""
    key, digest = Secp256k1(b"\x07" * 32), b"\x11" * 32
    cpu = time.process_time()
    for _ in range(count):
        signature = key.sign_recoverable(digest, hasher=None)
        PublicKey.from_signature_and_message(signature, digest, hasher=None)
    return count / (time.process_time() - cpu)


class World:
    """A node on disk, a vault of holders, one signer, and a head that stands."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(fresh(folder, "tokens"), create="new")
        self.node = Node(Journal(self.store), {}, GATE)
        self.key = KeystoreBackend(PrivateKey(b"\x07" * 32))
        self.domain = typed.Domain("ESTATE", "1", 1, CONTRACT)
        self.holders = [f"0x{number:040x}" for number in range(1, HOLDERS + 1)]
        self.now, self.asked = START * SECOND, 0
        self.judge = self._judge()
        self._begin()

    def _judge(self) -> Judge:
        made = iter(range(1, 1 << 30))
        vault = Vault(lambda n: next(made).to_bytes(n))
        for number, address in enumerate(self.holders):
            vault.put(Facts(address, ("US", "DE")[number % 2], "approved", FAR, FAR))
        return Judge(vault, b"secret", people={each: each for each in self.holders})

    def _begin(self) -> None:
        account = AccountOpened(
            received_at=self.now,
            account="chain/hot",
            tells="lines",
            statements=("balances",),
            statement_period_ns=3600 * SECOND,
            backfill_period_ns=3600 * SECOND,
            settle_ns=SECOND,
            silence_ns_max=0,
            chain="evm",
            sources=("a", "b"),
        )
        published = TokenPublished(
            received_at=self.now,
            token="ESTATE",  # noqa: S106  # no password
            account="chain/hot",
            contract=CONTRACT,
            signers=(self.key.address,),
            threshold=1,
            admin="admin",
            block_number=1,
            block_hash="0x01",
            timestamp=START,
        )
        self.tell(NodeStarted(received_at=self.now, node="bench", epoch=1))
        self.tell(account)
        self.tell(published)
        self.tell(self.judge.publish(policy(), self.now, tightens=False))
        for address in self.holders:
            self.tell(self.judge.state("ESTATE", address, self.now))
        for address in self.holders:
            held = Movement("", address, 100_000)
            reservations.apply(self.node.state.tokens["ESTATE"].reserved, held)
        self.node.commit()

    def tell(self, event: Event) -> None:
        self.node.deliver(event)

    def permit(self, count: int) -> None:
        """So many more, in groups whose steps are each durable before the next begins."""
        for first in range(0, count, GROUP):
            for _ in range(first, min(first + GROUP, count)):
                self._ask()
            for effect in self.node.commit():
                if isinstance(effect, JudgeAuthorization):
                    self.tell(self.judge.judge(effect, self.now))
            for effect in self.node.commit():
                if isinstance(effect, SignAuthorization):
                    self.tell(self._signed(effect))
            told = [each for each in self.node.commit() if isinstance(each, TellCaller)]
            assert {each.status for each in told} == {"signed"}, told

    def _signed(self, asked: SignAuthorization) -> AuthorizationSigned:
        """As a signer does: worked out from the fields, signed, and recovered by the backend."""
        message = typed.Authorization(
            asked.sender,
            asked.receiver,
            asked.value,
            asked.valid_after,
            asked.valid_before,
            asked.nonce,
            asked.epoch,
            bytes.fromhex(asked.decision_hash[2:]),
        )
        digest = typed.digest(self.domain, message)
        signature = self.key.sign(digest)
        return AuthorizationSigned(
            received_at=self.now,
            token="ESTATE",  # noqa: S106  # no password
            authorization_id=asked.authorization_id,
            signer=asked.signer,
            signature="0x" + signature.raw.hex(),
        )

    def _ask(self) -> None:
        number = self.asked = self.asked + 1
        sender = self.holders[number % HOLDERS]
        receiver = self.holders[(number * 7 + 3) % HOLDERS]
        self.tell(
            AuthorizationRequested(
                received_at=self.now,
                token="ESTATE",  # noqa: S106  # no password
                caller="desk",
                request_id=str(number),
                kind="transfer",
                sender=sender,
                receiver=receiver,
                value=10,
            )
        )


def policy() -> Policy:
    """Bounds far away, so that each is asked and none refuses."""
    place = {"receives_from": ("US", "DE"), "holds_max": 10**12}
    return Policy.model_validate(
        {
            "token": "ESTATE",
            "version": 1,
            "owner": "compliance",
            "rationale": "what a bench is measured under",
            "window": {"lasts_s": 288, "skew_s": 12, "head_age_s_max": 60},
            "jurisdictions": {"US": place, "DE": place},
            "holder_max": 10**9,
            "holders_max": 10**6,
            "supply_max": 10**12,
        }
    )
