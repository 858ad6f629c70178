"""The signers of a simulated token: the verifying signer itself, over the simulated chain.

Each has a node, a memory and a reading of the facts of its own; here all of these are the world's.
A signer of its own process lives on when our node dies, and so does what it remembers.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from core.token_effects import JudgeAuthorization, SignAuthorization
from core.token_events import AuthorizationJudged
from rails.keys import PrivateKey
from sim.chain import Chain
from sim.machine import Embedded
from tieout.tokens.messages import message
from tieout.tokens.reading import Reading
from tokens import calls
from tokens.signers.keystore import KeystoreBackend
from tokens.signers.memory import Claim
from tokens.signers.node import View
from tokens.signers.verifying import (
    ADMIN,
    AUTHORIZER,
    Refused,
    Signed,
    Terms,
    VerifyingSigner,
)
from tokens.typed import Domain

SECOND = 1_000_000_000
EPOCH_OF = "epochOf(address)"
NONCE_OF = "nonces(address,uint192)"
LANE_BITS = 64


@dataclass(slots=True)
class HonestNode:
    """What a signer's own node says of the contract: the chain as it is now."""

    chain: Chain
    domain: Domain

    def view(self, contract: str, holders: Collection[str]) -> View:
        chain, now = self.chain, self.chain.world.now
        time = chain.timeline.schedule.time
        return View(
            chain.chain_id,
            self.domain,
            time(chain.head(now)) // SECOND,
            time(chain.final(now)) // SECOND,
            {holder: epoch_of(chain, contract, holder) for holder in sorted(holders)},
        )


def epoch_of(chain: Chain, contract: str, holder: str) -> int:
    """The epoch that the contract asks of what this holder has, in the newest block."""
    assert isinstance(chain.machine, Embedded), "a chain with contracts executes them"
    data = calls.selector(EPOCH_OF) + bytes.fromhex(holder[2:]).rjust(32, b"\0")
    return int.from_bytes(chain.machine.call(contract, data, chain.head(chain.world.now)))


def nonce_of(chain: Chain, contract: str, owner: str, nonce: int) -> int:
    """The next nonce that the contract takes in the lane of this one, in the newest block."""
    assert isinstance(chain.machine, Embedded), "a chain with contracts executes them"
    lane = (nonce >> LANE_BITS).to_bytes(32)
    data = calls.selector(NONCE_OF) + bytes.fromhex(owner[2:]).rjust(32, b"\0") + lane
    return int.from_bytes(chain.machine.call(contract, data, chain.head(chain.world.now)))


@dataclass(slots=True)
class KeptMemory:
    """Claims that survive whatever happens to our node: one nonce permits one thing at a time."""

    claims: dict[tuple[bytes, str, int], list[Claim]] = field(default_factory=dict)

    def claim(self, claims: Sequence[Claim], final: int) -> list[str]:
        return [self._claimed(each, final) for each in claims]

    def _claimed(self, claim: Claim, final: int) -> str:
        known = self.claims.setdefault((claim.domain, claim.owner, claim.nonce), [])
        for other in known:
            if other.digest != claim.digest and other.valid_before > final:
                return f"nonce {claim.nonce} of {claim.owner} was signed for other content"
        known.append(claim)
        return ""


class Signers:
    """Authorizers and the admin, each with a memory of its own."""

    def __init__(
        self,
        chain: Chain,
        domain: Domain,
        keys: dict[str, PrivateKey],
        admin: PrivateKey,
        judged: Callable[[JudgeAuthorization], AuthorizationJudged],
    ) -> None:
        self._reading = Reading(judged)
        node = HonestNode(chain, domain)

        def signer(key: PrivateKey, signs: frozenset[type]) -> VerifyingSigner:
            terms, backend = Terms(domain, signs), KeystoreBackend(key)
            return VerifyingSigner(terms, backend, node, self._reading, KeptMemory())

        made = [*(signer(key, AUTHORIZER) for key in keys.values()), signer(admin, ADMIN)]
        self._by_address = {each.address: each for each in made}

    def sign(self, asked: SignAuthorization, now: int) -> Signed | Refused:
        """One signer's answer."""
        self._reading.asked[asked.decision_hash] = asked
        (answer,) = self._by_address[asked.signer].sign([message(asked)], now // SECOND)
        return answer
