"""Nothing private reaches the chain: every word of calldata, logs and storage, against every fact.

A life of an asset is played with the facts of four people behind it. What the control plane hands
to the contract about them is a hash with 128 bits of salt. Then all that a node keeps is searched
for the facts, plain and hashed.
"""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from eth_abi import encode

from rails.keys import keccak256
from sim.execution import Outcome
from tests.evms import AnvilEvm, Sent
from tests.issuing import ADMIN, ALICE, BOB, FIRST, PAUSER, RELAYER, STRANGER, THIRD, Issue
from tokens import calls
from tokens.typed import lane_nonce

PEOPLE = {
    ALICE: ("Ada Lovelace", "GB", "GBR", "United Kingdom", "passport 502135326", "1815-12-10"),
    BOB: ("Blaise Pascal", "FR", "FRA", "France", "passport 12AB34567", "1623-06-19"),
    STRANGER: ("Chen Ning Yang", "CN", "CHN", "China", "id 110101192210011234", "1922-10-01"),
    THIRD: ("Hypatia", "EG", "EGY", "Egypt", "id 27001010100018", "0355-01-01"),
}
FLAGS = (
    "accredited",
    "not accredited",
    "kyc passed",
    "kyc expired",
    "sanctioned",
    "US person",
    "politically exposed",
    "locked up",
    "retail",
    "professional",
)
IDENTIFIERS = ("investor-0001", "investor-0002", "customer 77", "LEI 5493001KJTIIGC8Y1R12")
HASHES = ("sha256", "sha1", "md5", "sha3_256", "blake2b", "blake2s")


def facts() -> list[str]:
    """All that is known of people."""
    told = [fact for person in PEOPLE.values() for fact in person]
    spelt = [*told, *FLAGS, *IDENTIFIERS]
    numbers = [word for fact in spelt for word in fact.split() if any(map(str.isdigit, word))]
    return [*spelt, *numbers]


def forms(fact: str) -> Iterator[bytes]:
    """A fact as bytes, in every way that somebody might write it."""
    for text in {fact, fact.lower(), fact.upper(), fact.replace(" ", "_"), fact.replace(" ", "")}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield text.encode(encoding)


def hashed(form: bytes) -> Iterator[bytes]:
    """And hashed, bare and as Solidity would encode it."""
    padded = (form.ljust(32, b"\0"), form.rjust(32, b"\0"))
    for given in (form, *padded, encode(["string"], [form.decode("latin-1")])):
        yield keccak256(given)
        yield from (hashlib.new(name, given).digest()[:32] for name in HASHES)


@dataclass(slots=True)
class Forbidden:
    """What must not be found: long texts anywhere, short ones as a word, either end of a hash."""

    anywhere: set[bytes] = field(default_factory=set)
    words: set[bytes] = field(default_factory=set)
    hashes: set[bytes] = field(default_factory=set)

    @staticmethod
    def of(told: Iterable[str]) -> "Forbidden":
        made = Forbidden()
        for form in {form for fact in told for form in forms(fact)}:
            if len(form) >= 5:
                made.anywhere.add(form)
            if len(form) <= 32:
                made.words |= {form.ljust(32, b"\0"), form.rjust(32, b"\0")}
            made.hashes |= {digest[:12] for digest in hashed(form)}
            made.hashes |= {digest[-12:] for digest in hashed(form)}
        return made

    def found(self, told: bytes) -> list[bytes]:
        """What of it these bytes hold, at any place."""
        seen = [form for form in self.anywhere if form in told]
        for at in range(len(told)):
            seen += [told[at : at + 32]] if told[at : at + 32] in self.words else []
            seen += [told[at : at + 12]] if told[at : at + 12] in self.hashes else []
        return seen


def commitment(who: str, purpose: str) -> bytes:
    """What a control plane lets out of its facts: a hash of all of them, salted anew each time."""
    salt = hashlib.sha256(f"dice/{who}/{purpose}".encode()).digest()[:16]
    return keccak256(salt + "/".join(PEOPLE[who]).encode() + purpose.encode())


@dataclass(slots=True)
class Life:
    """An asset's life on a node that keeps everything."""

    issue: Issue
    calldata: list[bytes] = field(default_factory=list)
    logs: list[bytes] = field(default_factory=list)

    def send(self, who: str, data: bytes) -> None:
        (outcome,) = self.issue.evm.together([Sent(who, self.issue.token, data)])
        assert outcome.succeeded, self.issue.error(outcome)
        self.calldata.append(data)
        self._keep(outcome)

    def _keep(self, outcome: Outcome) -> None:
        for log in outcome.logs:
            self.logs += [bytes.fromhex(topic[2:]) for topic in log.topics] + [log.data]

    def live(self, hint: dict[str, bytes]) -> None:
        """Everything happens once; a hint stands where a commitment would."""
        issue = self.issue
        for who, value in ((ALICE, 900), (BOB, 50), (THIRD, 1)):
            policy = hint.get("mint", commitment(who, "mint"))
            mint = issue.mint(to=who, value=value, policy_hash=policy)
            self.send(RELAYER, calls.mint(mint, issue.signed(ADMIN, mint)))
        lane = int.from_bytes(hint.get("lane", commitment(ALICE, "lane"))[:24])
        for place in (0, 1):
            nonce = lane_nonce(lane, place)
            policy = hint.get("transfer", commitment(BOB, f"transfer {place}"))
            given = issue.permit(nonce=nonce, policy_hash=policy)
            released = issue.released(given, consent=place == 1)
            self.send(RELAYER if place else ALICE, calls.release([released]))
        burn = issue.burn(policy_hash=commitment(ALICE, "burn"))
        self.send(ALICE, calls.burn(burn, issue.signed(ADMIN, burn)))
        self.send(PAUSER, calls.pause())
        reason = hint.get("recovery", commitment(ALICE, "lost key"))
        recovery = issue.recovery(reason_hash=reason)
        self.send(RELAYER, calls.recover(recovery, issue.signed(ADMIN, recovery)))
        self.send(ADMIN, calls.unpause())
        self.send(FIRST, calls.raise_epoch())
        self.send(FIRST, calls.revoke_lane(STRANGER, lane, 2))
        self.send(ADMIN, calls.set_threshold(2))

    def storage(self, anvil: AnvilEvm) -> list[bytes]:
        """Every key and every word of the contract's storage."""
        dumped = json.loads(gzip.decompress(bytes.fromhex(anvil.rpc("anvil_dumpState")[2:])))
        account = next(x for a, x in dumped["accounts"].items() if a.lower() == self.issue.token)
        assert len(account["storage"]) > 15
        pairs = account["storage"].items()
        return [int(text, 16).to_bytes(32) for pair in pairs for text in pair]


@pytest.fixture(scope="module")
def forbidden() -> Forbidden:
    return Forbidden.of(facts())


@pytest.fixture(scope="module")
def node() -> Iterator[AnvilEvm]:
    anvil = AnvilEvm()
    try:
        yield anvil
    finally:
        anvil.stop()


def leaked(node: AnvilEvm, forbidden: Forbidden, hint: dict[str, bytes]) -> set[str]:
    """In which of the three something was found."""
    with node.undone():
        life = Life(Issue(node).deploy())
        life.live(hint)
        kept = {
            "calldata": life.calldata,
            "logs": life.logs,
            "storage": life.storage(node),
        }
    return {place for place, told in kept.items() if any(map(forbidden.found, told))}


def test_no_fact_about_people_is_on_the_chain(node: AnvilEvm, forbidden: Forbidden) -> None:
    assert leaked(node, forbidden, {}) == set()


@pytest.mark.parametrize(
    ("hint", "places"),
    [
        ({"mint": b"FR".ljust(32, b"\0")}, {"calldata", "logs"}),
        ({"transfer": keccak256(b"accredited")}, {"calldata", "logs"}),
        ({"transfer": hashlib.sha256(b"Ada Lovelace").digest()}, {"calldata", "logs"}),
        ({"recovery": b"passport 502135326".ljust(32, b".")}, {"calldata", "logs"}),
        ({"recovery": keccak256(b"GBR".ljust(32, b"\0"))}, {"calldata", "logs"}),
        ({"lane": b"investor-0001".ljust(32, b"\0")}, {"calldata", "logs"}),
    ],
    ids=["a country", "a flag's hash", "a name's hash", "a passport", "a padded hash", "an id"],
)
def test_the_search_finds_what_is_let_out(
    node: AnvilEvm, forbidden: Forbidden, hint: dict[str, bytes], places: set[str]
) -> None:
    """A hash without salt, a word too many: each is found where it stands."""
    assert leaked(node, forbidden, hint) == places


def test_the_search_finds_a_word_in_storage(forbidden: Forbidden) -> None:
    """The contract stores nothing that it is told but roles: so the search is shown one by hand."""
    assert forbidden.found(b"EG".rjust(32, b"\0"))
    assert forbidden.found(keccak256(b"kyc_passed"))
    assert not forbidden.found(keccak256(b"0123456789abcdef" + b"kyc_passed"))
