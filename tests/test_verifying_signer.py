"""A signer of its own: what it verifies before it signs, remembers, and never passes on.

The world is scripted: one node, one judge, one key; each test changes one thing of it.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rails.keys import ORDER, PrivateKey
from tokens.signers.backend import Backend, NotSigned
from tokens.signers.keystore import KeystoreBackend
from tokens.signers.memory import Claim, FileMemory, NoMemory, create
from tokens.signers.node import NoView, View
from tokens.signers.quorum import NoQuorum, quorum
from tokens.signers.signature import LOW, Signature, signer_of
from tokens.signers.verifying import (
    ADMIN,
    AUTHORIZER,
    NOBODY,
    Permit,
    Refused,
    Signed,
    Terms,
    VerifyingSigner,
)
from tokens.typed import Authorization, Burn, Consent, Domain, Mint, Recovery, digest

ROOT = Path(__file__).parent.parent
HEAD = 1_800_000_000
CONTRACT = "0x" + "c0" * 20
DOMAIN = Domain("Tieout", "1", 31_337, CONTRACT)
ANNA, BEN, CARL = "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "cc" * 20
DECISION = b"\7" * 32

TRANSFER = Authorization(ANNA, BEN, 500, HEAD - 12, HEAD + 120, 5, 3, DECISION)
MINT = Mint(BEN, 500, HEAD + 120, 0, 2, DECISION)
BURN = Burn(ANNA, 500, HEAD + 120, 1, 3, DECISION)
RECOVERY = Recovery(ANNA, BEN, HEAD + 120, 2, DECISION)


@dataclass
class ScriptedNode:
    """Says what it was told to; `asked` are the holders that it was asked about."""

    told: View | str
    asked: list[Collection[str]] = field(default_factory=list)

    def view(self, contract: str, holders: Collection[str]) -> View:
        assert contract == CONTRACT
        self.asked.append(holders)
        if isinstance(self.told, str):
            raise NoView(self.told)
        return self.told


@dataclass
class ScriptedJudge:
    """Objects to what it was told to object to."""

    objections: dict[Permit, str] = field(default_factory=dict)

    def objection(self, message: Permit) -> str:
        return self.objections.get(message, "")


class OddBackend:
    """Answers with what it was given; or raises it."""

    def __init__(self, answer: Signature | Exception, address: str) -> None:
        self.answer, self.address, self.asked = answer, address, 0

    def sign(self, digest: bytes) -> Signature:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def key(number: int = 1) -> KeystoreBackend:
    return KeystoreBackend(PrivateKey(number.to_bytes(32)))


VIEW = View(31_337, DOMAIN, HEAD, HEAD - 60, {ANNA: 3, BEN: 2, CARL: 2})


@dataclass
class Desk:
    """One signer, and everything around it."""

    folder: Path
    terms: Terms = field(default_factory=lambda: Terms(DOMAIN, AUTHORIZER))
    backend: Backend = field(default_factory=key)
    node: ScriptedNode = field(default_factory=lambda: ScriptedNode(VIEW))
    judge: ScriptedJudge = field(default_factory=ScriptedJudge)

    def signer(self) -> VerifyingSigner:
        """As it is after a start: the same memory, opened anew."""
        path = self.folder / "signed.db"
        if not path.exists():
            create(path)
        return VerifyingSigner(self.terms, self.backend, self.node, self.judge, FileMemory(path))

    def answer(self, message: Permit, now: int = HEAD + 1) -> Signed | Refused:
        (told,) = self.signer().sign([message], now)
        return told

    def reason(self, message: Permit, now: int = HEAD + 1) -> str:
        told = self.answer(message, now)
        assert isinstance(told, Refused), told
        return told.reason


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# --- what is signed ------------------------------------------------------------------------------


def test_what_is_in_order_is_signed_under_the_digest_of_its_fields(desk: Desk) -> None:
    told = desk.answer(TRANSFER)
    assert isinstance(told, Signed)
    assert told.digest == digest(DOMAIN, TRANSFER)
    assert told.signer == desk.backend.address == signer_of(told.digest, told.signature)
    assert told.signature.s <= LOW


@pytest.mark.parametrize("message", [MINT, BURN, RECOVERY])
def test_an_admin_signs_what_makes_takes_and_recovers(desk: Desk, message: Permit) -> None:
    desk.terms = Terms(DOMAIN, ADMIN)
    told = desk.answer(message)
    assert isinstance(told, Signed)
    assert told.digest == digest(DOMAIN, message)


def test_many_share_one_look_at_the_chain_and_are_answered_each_for_itself(desk: Desk) -> None:
    asked = [replace(TRANSFER, nonce=n, value=n or -1) for n in range(5)]
    asked[2] = replace(asked[2], epoch=9)
    told = desk.signer().sign(asked, HEAD)
    assert [type(each) for each in told] == [Refused, Signed, Refused, Signed, Signed]
    for message, each in zip(asked, told, strict=True):
        if isinstance(each, Signed):
            assert each.digest == digest(DOMAIN, message)
            assert signer_of(each.digest, each.signature) == desk.backend.address
    assert desk.node.asked == [{ANNA}]


def test_letters_of_an_address_may_be_of_either_case(desk: Desk) -> None:
    """The epoch is found, and the memory knows it for the same holder."""
    assert isinstance(desk.answer(replace(TRANSFER, holder="0x" + "Aa" * 20)), Signed)
    assert "was signed for" in desk.reason(replace(TRANSFER, value=501))


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valid_after": HEAD + 1}, f"opens at {HEAD + 1}, after the head"),
        ({"valid_before": HEAD}, f"closed at {HEAD}"),
        ({"valid_before": HEAD - 1, "valid_after": HEAD - 100}, f"closed at {HEAD - 1}"),
        ({"valid_before": HEAD + 289}, "over 300 s"),
        ({"valid_after": HEAD - 181}, "over 300 s"),
        ({"valid_after": 0}, "over 300 s"),
        ({"epoch": 2}, "epoch 2, and 3 is in force"),
        ({"epoch": 4}, "epoch 4, and 3 is in force"),
        ({"holder": "0x" + "dd" * 20}, "epoch 3, and None is in force"),
        ({"policy_hash": bytes(32)}, "no decision is named"),
        ({"policy_hash": b""}, "no decision is named"),
        ({"policy_hash": b"\1" * 31}, "is no bytes32"),
        ({"to": ANNA}, "to somebody else"),
        ({"to": "0x" + "AA" * 20}, "to somebody else"),
        ({"to": NOBODY}, "to somebody else"),
        ({"to": "somebody"}, "is no address"),
        ({"value": -1}, "is no uint256"),
        ({"value": 1 << 256}, "is no uint256"),
        ({"nonce": 1 << 256}, "is no uint256"),
        ({"valid_after": -1, "valid_before": HEAD + 1}, "over 300 s"),
    ],
)
def test_an_authorization_that_is_not_in_order_is_refused(
    desk: Desk, changes: dict[str, int], reason: str
) -> None:
    desk.backend = OddBackend(NotSigned("nobody asks it"), desk.backend.address)
    assert reason in desk.reason(replace(TRANSFER, **changes))
    assert desk.backend.asked == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valid_after": HEAD, "valid_before": HEAD + 300}, ""),
        ({"valid_after": HEAD + 1, "valid_before": HEAD + 300}, "after the head"),
        ({"valid_after": HEAD, "valid_before": HEAD + 301}, "over 300 s"),
        ({"valid_after": HEAD - 299, "valid_before": HEAD + 1}, ""),
        ({"valid_after": HEAD - 299, "valid_before": HEAD}, "closed"),
    ],
)
def test_a_window_is_held_to_the_second(desk: Desk, changes: dict[str, int], reason: str) -> None:
    told = desk.answer(replace(TRANSFER, **changes))
    assert isinstance(told, Refused if reason else Signed)
    assert isinstance(told, Signed) or reason in told.reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (replace(MINT, valid_before=HEAD + 301), "over 300 s"),
        (replace(MINT, epoch=3), "epoch 3, and 2 is in force"),
        (replace(MINT, to=NOBODY), "to somebody else"),
        (replace(BURN, epoch=2), "epoch 2, and 3 is in force"),
        (replace(BURN, valid_before=HEAD), "closed"),
        (replace(RECOVERY, to=ANNA), "to somebody else"),
        (replace(RECOVERY, reason_hash=bytes(32)), "no decision is named"),
        (replace(RECOVERY, valid_before=HEAD + 301), "over 300 s"),
        (TRANSFER, "Authorization is not for this signer"),
    ],
)
def test_what_an_admin_refuses(desk: Desk, message: Permit, reason: str) -> None:
    desk.terms = Terms(DOMAIN, ADMIN)
    assert reason in desk.reason(message)


@pytest.mark.parametrize("message", [MINT, BURN, RECOVERY, Consent(b"\1" * 32)])
def test_an_authorizer_signs_transfers_and_nothing_else(desk: Desk, message: Permit) -> None:
    """Least of all a consent, which is the holder's own will."""
    assert "is not for this signer to sign" in desk.reason(message)


@pytest.mark.parametrize(
    ("view", "now", "reason"),
    [
        (replace(VIEW, chain_id=1), HEAD, "of chain 1, not 31337"),
        (replace(VIEW, domain=replace(DOMAIN, chain_id=1)), HEAD, "the contract says it is"),
        (replace(VIEW, domain=replace(DOMAIN, name="Tie out")), HEAD, "the contract says it is"),
        (replace(VIEW, domain=replace(DOMAIN, version="2")), HEAD, "the contract says it is"),
        (replace(VIEW, domain=replace(DOMAIN, contract=ANNA)), HEAD, "the contract says it is"),
        (VIEW, HEAD + 61, f"the head is of {HEAD}, and it is {HEAD + 61}"),
        (VIEW, HEAD - 61, f"the head is of {HEAD}, and it is {HEAD - 61}"),
        (replace(VIEW, final=HEAD + 1), HEAD, "the final block is of"),
        ("it is away", HEAD, "the node does not say: it is away"),
    ],
)
def test_a_node_of_another_chain_contract_or_time_is_not_believed(
    desk: Desk, view: View | str, now: int, reason: str
) -> None:
    desk.node = ScriptedNode(view)
    desk.backend = OddBackend(NotSigned("nobody asks it"), desk.backend.address)
    assert reason in desk.reason(TRANSFER, now)
    assert desk.backend.asked == 0


def test_a_signer_of_another_deployment_signs_nothing_for_this_one(desk: Desk) -> None:
    """Set up for a fork, before a node of the original: neither's permission is given."""
    desk.terms = Terms(replace(DOMAIN, chain_id=1), AUTHORIZER)
    assert "the node is of chain 31337, not 1" in desk.reason(TRANSFER)


def test_a_contract_that_writes_its_address_otherwise_is_the_same(desk: Desk) -> None:
    desk.node = ScriptedNode(replace(VIEW, domain=replace(DOMAIN, contract="0x" + "C0" * 20)))
    assert isinstance(desk.answer(TRANSFER), Signed)


def test_what_the_signers_own_judge_objects_to_is_refused(desk: Desk) -> None:
    """Before anything is remembered: once the judge agrees, the same is signed."""
    desk.judge.objections[TRANSFER] = "no such decision"
    assert desk.reason(TRANSFER) == "no such decision"
    assert isinstance(desk.answer(replace(TRANSFER, value=9)), Signed)


def test_a_window_may_be_set_up_shorter_and_never_longer(desk: Desk) -> None:
    desk.terms = Terms(DOMAIN, AUTHORIZER, window_seconds_max=100)
    assert "over 100 s" in desk.reason(TRANSFER)
    desk.terms = Terms(DOMAIN, AUTHORIZER, window_seconds_max=301)
    with pytest.raises(AssertionError, match="no short one"):
        desk.signer()


# --- what is remembered --------------------------------------------------------------------------


def test_a_nonce_is_signed_for_one_content_only(desk: Desk) -> None:
    """After a restart too; the same content again is the same permission."""
    first = desk.answer(TRANSFER)
    assert isinstance(first, Signed)
    for changed in (
        replace(TRANSFER, value=501),
        replace(TRANSFER, to=CARL),
        replace(TRANSFER, valid_before=HEAD + 121),
        replace(TRANSFER, policy_hash=b"\10" * 32),
    ):
        reason = desk.reason(changed)
        assert reason == f"nonce 5 of {ANNA} was signed for 0x{first.digest.hex()}"
    assert desk.answer(TRANSFER) == first
    assert isinstance(desk.answer(replace(TRANSFER, value=501, nonce=6)), Signed)


def test_two_contents_of_one_nonce_in_one_breath_are_one(desk: Desk) -> None:
    told = desk.signer().sign([TRANSFER, replace(TRANSFER, value=501), TRANSFER], HEAD)
    assert [type(each) for each in told] == [Signed, Refused, Signed]


def test_all_that_an_admin_signs_shares_the_contracts_nonces(desk: Desk) -> None:
    """Whoever the holder is: a mint and a recovery of one nonce cannot both come."""
    desk.terms = Terms(DOMAIN, ADMIN)
    assert isinstance(desk.answer(MINT), Signed)
    reason = desk.reason(replace(RECOVERY, nonce=MINT.nonce))
    assert f"nonce {MINT.nonce} of {CONTRACT} was signed" in reason


def test_another_holder_has_nonces_of_its_own(desk: Desk) -> None:
    assert isinstance(desk.answer(TRANSFER), Signed)
    assert isinstance(desk.answer(replace(TRANSFER, holder=CARL, epoch=2)), Signed)


def test_another_domain_has_nonces_of_its_own(desk: Desk) -> None:
    assert isinstance(desk.answer(TRANSFER), Signed)
    other = replace(DOMAIN, version="2")
    desk.terms, desk.node = Terms(other, AUTHORIZER), ScriptedNode(replace(VIEW, domain=other))
    assert isinstance(desk.answer(replace(TRANSFER, value=501)), Signed)


@pytest.mark.parametrize(
    ("final", "kind"),
    [(TRANSFER.valid_before - 1, Refused), (TRANSFER.valid_before, Signed)],
)
def test_what_can_surely_not_be_mined_any_more_gives_its_nonce_back(
    desk: Desk, final: int, kind: type
) -> None:
    """A final block at its end or later: until then a reorganisation may still bring it in."""
    assert isinstance(desk.answer(TRANSFER), Signed)
    later = HEAD + 200
    desk.node = ScriptedNode(replace(VIEW, head=later, final=final))
    again = replace(TRANSFER, valid_after=later - 12, valid_before=later + 120)
    assert isinstance(desk.answer(again, later), kind)


def test_what_the_key_refused_counts_as_signed(desk: Desk) -> None:
    """Nobody knows whether a key that did not answer in time has signed after all."""
    own = desk.backend
    desk.backend = OddBackend(NotSigned("no answer within 5 s"), own.address)
    assert desk.reason(TRANSFER) == "no answer within 5 s"
    desk.backend = own
    assert "was signed for" in desk.reason(replace(TRANSFER, value=501))
    assert isinstance(desk.answer(TRANSFER), Signed)


def test_the_memory_is_on_disk_before_the_key_is_asked(desk: Desk) -> None:
    """Another connection sees the claim at the very moment when the key is asked."""
    seen = []

    class Looking(OddBackend):
        def sign(self, digest: bytes) -> Signature:
            other = apsw.Connection(str(desk.folder / "signed.db"))
            seen.extend(other.execute("SELECT digest FROM signed").fetchall())
            return super().sign(digest)

    desk.backend = Looking(NotSigned("it only looks"), desk.backend.address)
    desk.reason(TRANSFER)
    assert seen == [(digest(DOMAIN, TRANSFER),)]


def test_a_crash_while_signing_counts_as_signed(desk: Desk) -> None:
    """The process dies within its key; the next one turns down anything else under that nonce."""
    child = (
        "import pathlib, sys\n"
        "from tests.test_verifying_signer import Desk, TRANSFER, dying\n"
        "desk = Desk(pathlib.Path(sys.argv[1]), backend=dying())\n"
        "desk.answer(TRANSFER)\n"
    )
    died = subprocess.run([sys.executable, "-c", child, str(desk.folder)], cwd=ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    expected = f"nonce 5 of {ANNA} was signed for 0x{digest(DOMAIN, TRANSFER).hex()}"
    assert desk.reason(replace(TRANSFER, to=CARL)) == expected
    assert isinstance(desk.answer(TRANSFER), Signed)


def dying() -> Backend:
    """A key whose process is killed while it signs."""

    class Dying(OddBackend):
        def sign(self, digest: bytes) -> Signature:
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

    return Dying(NotSigned(""), key().address)


def test_two_processes_of_one_signer_never_sign_two_contents(desk: Desk) -> None:
    """Each with the memory open for itself, at the same moment, for many nonces."""
    signers = [desk.signer(), desk.signer()]
    told: list[list[Signed | Refused]] = [[], []]
    ready = threading.Barrier(2)

    def race(number: int) -> None:
        for nonce in range(40):
            ready.wait()
            asked = replace(TRANSFER, nonce=nonce, value=1 + number)
            told[number] += signers[number].sign([asked], HEAD)

    racers = [threading.Thread(target=race, args=(number,)) for number in (0, 1)]
    for each in racers:
        each.start()
    for each in racers:
        each.join()
    for pair in zip(*told, strict=True):
        assert {type(each) for each in pair} == {Signed, Refused}
        assert all("was signed for" in e.reason for e in pair if isinstance(e, Refused)), pair


def test_one_signer_may_be_asked_from_many_threads(desk: Desk) -> None:
    signer, told = desk.signer(), list[Signed | Refused]()
    ready = threading.Barrier(4)

    def ask(lane: int) -> None:
        ready.wait()
        for nonce in range(25):
            told.extend(signer.sign([replace(TRANSFER, nonce=lane << 64 | nonce)], HEAD))

    threads = [threading.Thread(target=ask, args=(lane,)) for lane in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [type(each) for each in told] == [Signed] * 100


def test_a_commit_is_on_the_disk_and_not_only_with_the_machine(tmp_path: Path) -> None:
    """SQLite's FULL: a claim outlives the power, not only the process."""
    create(tmp_path / "signed.db")
    memory = FileMemory(tmp_path / "signed.db")
    assert memory._connection.execute("PRAGMA synchronous").get == 2
    assert memory._connection.execute("PRAGMA journal_mode").get == "wal"


def test_a_memory_that_is_gone_is_not_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "signed.db"
    with pytest.raises(NoMemory, match=r"signed\.db"):
        FileMemory(path)
    assert not path.exists()
    create(path)
    with pytest.raises(FileExistsError):
        create(path)
    (tmp_path / "other.db").write_bytes(b"")
    with pytest.raises(NoMemory, match="no memory of what was signed"):
        FileMemory(tmp_path / "other.db")


def test_without_a_memory_nothing_is_signed(desk: Desk) -> None:
    """A disk that is full, a file that was taken away: the key is not asked."""
    backend = OddBackend(NotSigned("nobody asks it"), desk.backend.address)
    desk.backend = backend
    signer = desk.signer()
    vandal = apsw.Connection(str(desk.folder / "signed.db"))
    vandal.execute("DROP TABLE signed")
    told = signer.sign([TRANSFER, replace(TRANSFER, epoch=1)], HEAD)
    assert [each.reason[:30] for each in told if isinstance(each, Refused)] == [
        "nothing can be remembered: " + str(desk.folder)[:3],
        "epoch 1, and 3 is in force",
    ]
    assert backend.asked == 0


def test_a_claim_that_fails_leaves_nothing_of_its_batch(tmp_path: Path) -> None:
    """And the memory goes on afterwards."""
    create(tmp_path / "signed.db")
    memory = FileMemory(tmp_path / "signed.db")
    claim = Claim(b"d", ANNA, 1, b"1", HEAD)
    with pytest.raises(OverflowError):
        memory.claim([claim, replace(claim, nonce=-1)], 0)
    assert memory.claim([replace(claim, digest=b"2")], 0) == [""]
    assert memory.claim([claim], 0) == [f"nonce 1 of {ANNA} was signed for 0x{b'2'.hex()}"]
    memory.close()


# --- what is never passed on ---------------------------------------------------------------------


def true(number: int = 1, message: Permit = TRANSFER) -> Signature:
    return key(number).sign(digest(DOMAIN, message))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Signature(true().r, ORDER - true().s, 55 - true().v), "s is high"),
        (true(2), f"a signature of {key(2).address}"),
        (true(message=replace(TRANSFER, value=501)), "a signature of 0x"),
        (replace(true(), v=55 - true().v), "a signature of 0x"),
        (replace(true(), v=0), "v is 0"),
        (replace(true(), r=0), "within the order"),
        (replace(true(), r=5), "nobody's"),
        (NotSigned("the token refused: DeviceRemoved"), "DeviceRemoved"),
        (NotSigned("KMS refused: DisabledException"), "DisabledException"),
        (NotSigned("no answer within 5 s"), "no answer within"),
    ],
)
def test_a_backend_that_answers_wrongly_is_refused(
    desk: Desk, answer: Signature | Exception, reason: str
) -> None:
    """Whatever a backend may be: its word is not taken here either."""
    desk.backend = OddBackend(answer, desk.backend.address)
    assert reason in desk.reason(TRANSFER)
    assert desk.backend.asked == 1


FIELDS = {
    "to": st.sampled_from([ANNA, BEN, CARL, NOBODY]),
    "value": st.integers(-1, 2**256),
    "valid_after": st.integers(HEAD - 400, HEAD + 5),
    "valid_before": st.integers(HEAD - 5, HEAD + 400),
    "epoch": st.integers(2, 4),
    "policy_hash": st.sampled_from([DECISION, bytes(32), b"\1" * 32]),
}


class NoBook:
    """A memory that minds nothing."""

    def claim(self, claims: Collection[Claim], final: int) -> list[str]:
        return ["" for _ in claims]


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_what_is_signed_is_what_may_be_and_nothing_else(changes: dict[str, int]) -> None:
    """The rules said once more, plainly, beside the signer's own."""
    message = replace(TRANSFER, **changes)
    signer = VerifyingSigner(
        Terms(DOMAIN, AUTHORIZER), key(), ScriptedNode(VIEW), ScriptedJudge(), NoBook()
    )
    (told,) = signer.sign([message], HEAD)
    fit = (
        message.to in (BEN, CARL)
        and message.value in range(2**256)
        and message.valid_after <= HEAD < message.valid_before <= message.valid_after + 300
        and message.epoch == 3
        and message.policy_hash != bytes(32)
    )
    assert isinstance(told, Signed) == fit
    if isinstance(told, Signed):
        assert signer_of(digest(DOMAIN, message), told.signature) == key().address


# --- k of n --------------------------------------------------------------------------------------

AUTHORIZERS = [key(number).address for number in range(1, 6)]
DIGEST = digest(DOMAIN, TRANSFER)


def test_a_quorum_is_distinct_known_and_in_ascending_order() -> None:
    """In whatever order they came."""
    lowest = sorted(int(key(number).address, 16) for number in (2, 4, 5))[:2]
    for order in permutations((4, 2, 9, 5, 2)):
        found = quorum(DIGEST, [true(number) for number in order], AUTHORIZERS, 2)
        assert [int(signer_of(DIGEST, each), 16) for each in found] == lowest


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ([], "0 of 2 signed"),
        ([true(1), true(1)], "1 of 2 signed"),
        ([true(1), true(9)], f"1 of 2 signed; {key(9).address} is no authorizer"),
        ([true(1), replace(true(2), s=ORDER - true(2).s)], "1 of 2 signed; s is high"),
        ([true(1), true(2, replace(TRANSFER, value=501))], "is no authorizer"),
    ],
)
def test_too_few_are_no_quorum(told: list[Signature], reason: str) -> None:
    with pytest.raises(NoQuorum, match=reason):
        quorum(DIGEST, told, AUTHORIZERS, 2)
    with pytest.raises(NoQuorum):
        quorum(DIGEST, told, AUTHORIZERS, 0)
