"""Three places for a key, one set of claims: it signs this digest, low, as itself, or not."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from rails import keystore
from rails.keys import ORDER, PrivateKey
from tests import softhsm
from tests.fake_kms import ARN, FakeKms, text
from tokens.signers import keystore as in_a_file
from tokens.signers import kms, pkcs11
from tokens.signers.backend import Backend, NotSigned
from tokens.signers.keystore import KeystoreBackend
from tokens.signers.patience import Patience
from tokens.signers.signature import LOW, address_of, signer_of

ROOT = Path(__file__).parent.parent
DIGESTS = [hashlib.sha256(b"%d" % number).digest() for number in range(40)]
SECRET = bytes(range(1, 33))
OTHER = "0x" + "11" * 20
PATIENT = 60.0  # seconds; who tests on a busy machine waits longer than who signs
PIN, TOKEN, LOCKED = "2648", "tieout", "nobody logs in here"


# --- the three places ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    """softhsm2's library, with tokens for this process; absent a skip, under CI a failure."""
    program, library = softhsm.found("softhsm2-util"), softhsm.found("libsofthsm2.so")
    if not program or not library:
        missing = f"no softhsm2 in {softhsm.PLACE}: run python tests/softhsm.py"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")  # read once, when it is loaded
    for label in (TOKEN, LOCKED):
        made = ["--init-token", "--free", "--label", label, "--so-pin", "1234", "--pin", PIN]
        command = [str(program), "--module", str(library), *made]
        subprocess.run(command, check=True, capture_output=True)
    return str(library)


def generated(library: str, label: str, curve: str = "secp256k1", **changes: bool) -> Any:
    """A new key pair in the token; the private one, and its address or ""."""
    from pkcs11 import Attribute, KeyType, MechanismFlag, UserAlreadyLoggedIn, lib
    from pkcs11.util.ec import encode_named_curve_parameters

    place = lib(library).get_token(token_label=TOKEN)
    try:
        session = place.open(rw=True, user_pin=PIN)
    except UserAlreadyLoggedIn:
        session = place.open(rw=True)
    curves = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
    parameters = session.create_domain_parameters(KeyType.EC, curves, local=True)
    public, private = parameters.generate_keypair(
        store=True,
        label=label,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template={Attribute[name]: value for name, value in changes.items()},
    )
    point = bytes(public[Attribute.EC_POINT])[2:]
    return SimpleNamespace(key=private, address=address_of(point) if len(point) == 65 else "")


@pytest.fixture(scope="session")
def authorizer(token: str) -> Any:
    """The key that most tests of the token use."""
    return generated(token, "authorizer")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeKms]:
    """The honest KMS, and credentials for it that are nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    server = FakeKms()
    yield server
    server.close()


def of_kms(fake: FakeKms) -> Backend:
    numbers = fake.key.public_key().public_numbers()
    public = b"\4" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    client = kms.client("eu-central-1", fake.url, PATIENT)
    return kms.opened(client, "alias/authorizer", address_of(public))


@pytest.fixture(params=["keystore", "pkcs11", "kms"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Each of the three, opened as a deployment opens it."""
    if request.param == "keystore":
        own = KeystoreBackend(PrivateKey(SECRET)).address
        keystore.create(tmp_path / "key.json", SECRET, "open", address=own, cost=2)
        return in_a_file.opened(tmp_path / "key.json", "open", own)
    if request.param == "pkcs11":
        authorizer = request.getfixturevalue("authorizer")
        library = request.getfixturevalue("token")
        return pkcs11.opened(library, TOKEN, PIN, "authorizer", authorizer.address, PATIENT)
    return of_kms(request.getfixturevalue("fake"))


# --- what holds of each --------------------------------------------------------------------------


def test_a_signature_is_of_this_digest_low_and_the_keys_own(backend: Backend) -> None:
    """Nothing is hashed again on the way: each recovers to the address under the digest itself."""
    for digest in DIGESTS:
        signature = backend.sign(digest)
        assert signature.s <= LOW
        assert signer_of(digest, signature) == backend.address
        assert len(signature.raw) == 65


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_what_is_no_digest_is_never_signed(backend: Backend, size: int) -> None:
    with pytest.raises(AssertionError, match="32 bytes"):
        backend.sign(bytes(size))


def test_what_a_backend_shows_of_itself_is_its_address(backend: Backend) -> None:
    assert repr(backend) == f"{type(backend).__name__}({backend.address})"


def test_no_library_is_imported_before_a_backend_is_opened() -> None:
    """Two of them are extras, and nobody who signs nothing waits for the third."""
    program = (
        "import sys, tokens.signers.kms, tokens.signers.pkcs11, tokens.signers.verifying\n"
        "print(*{'botocore', 'coincurve', 'pkcs11'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


# --- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "address", "reason"),
    [
        ("Open", "", "the password does not open it"),
        ("open", OTHER, "its key is that of 0x"),
    ],
)
def test_a_keystore_of_another_key_opens_no_backend(
    tmp_path: Path, password: str, address: str, reason: str
) -> None:
    own = KeystoreBackend(PrivateKey(SECRET)).address
    keystore.create(tmp_path / "key.json", SECRET, "open", cost=2)
    with pytest.raises(NotSigned, match=reason):
        in_a_file.opened(tmp_path / "key.json", password, address or own)
    with pytest.raises(NotSigned, match="No such file"):
        in_a_file.opened(tmp_path / "none.json", "open", own)


def test_a_keystore_that_holds_no_key_opens_no_backend(tmp_path: Path) -> None:
    """A file whose MAC is right and whose content is above the curve's order."""
    keystore.create(tmp_path / "key.json", ORDER.to_bytes(32), "open", cost=2)
    with pytest.raises(NotSigned, match="below the curve's order"):
        in_a_file.opened(tmp_path / "key.json", "open", OTHER)


# --- the token -----------------------------------------------------------------------------------


def test_a_token_gives_high_s_too(authorizer: Any, token: str) -> None:
    """What the backend brings low is there: else half of the signatures would be turned down."""
    from pkcs11 import Mechanism

    told = [pkcs11.halves(authorizer.key.sign(d, mechanism=Mechanism.ECDSA)) for d in DIGESTS]
    assert 0 < sum(s > LOW for _, s in told) < len(told)


@pytest.mark.parametrize(
    ("changes", "curve", "reason"),
    [
        ({"EXTRACTABLE": True}, "secp256k1", "may leave its token"),
        ({"SENSITIVE": False}, "secp256k1", "may leave its token"),
        ({"SIGN": False}, "secp256k1", "may not sign"),
        ({}, "secp256r1", "is not of secp256k1"),
    ],
)
def test_a_key_that_is_not_fit_opens_no_backend(
    token: str, changes: dict[str, bool], curve: str, reason: str
) -> None:
    label = f"{curve} {changes}"
    address = generated(token, label, curve, **changes).address
    with pytest.raises(NotSigned, match=reason):
        pkcs11.opened(token, TOKEN, PIN, label, address, PATIENT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"token": LOCKED, "pin": "0000"}, "PinIncorrect"),
        ({"token": "nothing"}, "NoSuchToken"),
        ({"label": "nothing"}, "has 0 objects PRIVATE_KEY 'nothing'"),
        ({"address": OTHER}, "is that of 0x"),
    ],
)
def test_a_token_that_is_another_opens_no_backend(
    token: str, authorizer: Any, changes: dict[str, str], reason: str
) -> None:
    told = {"token": TOKEN, "pin": PIN, "label": "authorizer", "address": authorizer.address}
    with pytest.raises(NotSigned, match=reason):
        pkcs11.opened(token, **{**told, **changes}, seconds_max=PATIENT)


def test_two_keys_of_one_label_are_none(token: str) -> None:
    first = generated(token, "twice")
    generated(token, "twice")
    with pytest.raises(NotSigned, match="has 2 objects PRIVATE_KEY"):
        pkcs11.opened(token, TOKEN, PIN, "twice", first.address, PATIENT)


def test_a_key_that_was_taken_away_signs_nothing(token: str) -> None:
    """The token says so, and the backend passes on the reason."""
    gone = generated(token, "gone")
    backend = pkcs11.opened(token, TOKEN, PIN, "gone", gone.address, PATIENT)
    assert signer_of(DIGESTS[0], backend.sign(DIGESTS[0])) == gone.address
    gone.key.destroy()
    with pytest.raises(NotSigned, match=r"the token refused: \w*HandleInvalid"):
        backend.sign(DIGESTS[0])


def test_keys_of_one_library_are_asked_one_after_the_other(token: str) -> None:
    """From any number of threads: the library was not told that there are threads."""
    made = [generated(token, f"one of {number}") for number in (1, 2)]
    backends = [
        pkcs11.opened(token, TOKEN, PIN, f"one of {number}", key.address, PATIENT)
        for number, key in zip((1, 2), made, strict=True)
    ]
    with ThreadPoolExecutor(4) as threads:
        with pkcs11.turn(token):
            told = [threads.submit(each.sign, DIGESTS[0]) for each in backends]
            assert not wait(told, timeout=0.2).done
        asked = [(backend, digest) for digest in DIGESTS for backend in backends]
        signed = list(threads.map(lambda each: each[0].sign(each[1]), asked))
    for (backend, digest), signature in zip(asked, signed, strict=True):
        assert signer_of(digest, signature) == backend.address


class OddKey:
    """A key of a token that answers as it is told to, when it is told to."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer, self.hold = answer, threading.Event()

    def sign(self, digest: bytes, mechanism: object) -> bytes:
        self.hold.wait(20)
        return self.answer


def patience(seconds_max: float) -> Patience:
    return Patience(seconds_max, threading.Lock())


def pair(digest: bytes, secret: bytes = SECRET) -> bytes:
    _, r, s = PrivateKey(secret).sign_recoverable(digest)
    return r.to_bytes(32) + s.to_bytes(32)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (pair(DIGESTS[1]), "a signature of 0x"),
        (pair(DIGESTS[0], b"\2" * 32), "a signature of 0x"),
        (pair(hashlib.sha256(DIGESTS[0]).digest()), "a signature of 0x"),
        (bytes(64), "within the order"),
        (b"\xff" * 64, "within the order"),
        (pair(DIGESTS[0])[:-1], "63 bytes, not 64"),
        (pair(DIGESTS[0]) + b"\0", "65 bytes, not 64"),
        (b"", "0 bytes, not 64"),
    ],
)
def test_a_token_that_answers_wrongly_is_refused(answer: bytes, reason: str) -> None:
    """Of another digest, by another key, of the digest hashed again, or no signature at all."""
    key: Any = OddKey(answer)
    key.hold.set()
    backend = pkcs11.Pkcs11Backend(key, KeystoreBackend(PrivateKey(SECRET)).address, patience(5))
    with pytest.raises(NotSigned, match=reason):
        backend.sign(DIGESTS[0])


def test_a_token_that_does_not_answer_is_not_waited_for() -> None:
    """Nor is it asked anything else before it has come back; then it signs again."""
    own = KeystoreBackend(PrivateKey(SECRET)).address
    key: Any = OddKey(pair(DIGESTS[0]))
    turn = threading.Lock()
    backend = pkcs11.Pkcs11Backend(key, own, Patience(0.2, turn))
    begun = time.monotonic()
    with pytest.raises(NotSigned, match=r"no answer within 0\.2 s"):
        backend.sign(DIGESTS[0])
    with pytest.raises(NotSigned, match="has not come back yet"):
        backend.sign(DIGESTS[0])
    assert time.monotonic() - begun < 10
    key.hold.set()
    patient = pkcs11.Pkcs11Backend(key, own, Patience(PATIENT, turn))
    assert signer_of(DIGESTS[0], patient.sign(DIGESTS[0])) == own


def test_a_call_that_fails_gives_its_turn_back() -> None:
    """Its error is the caller's to see, and the next is let in."""
    waiting = patience(0.2)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            waiting.call(lambda: 1 // 0)
    assert waiting.call(lambda: 7) == 7


@pytest.mark.parametrize("bare", [True, False])
def test_a_public_key_is_read_bare_or_wrapped(bare: bool) -> None:  # noqa: FBT001  # a parameter
    public = PrivateKey(SECRET).public(compressed=False)
    assert pkcs11.point(public if bare else b"\x04\x41" + public) == public
    with pytest.raises(NotSigned, match="no uncompressed point"):
        pkcs11.point(PrivateKey(SECRET).public(compressed=True))


# --- KMS -----------------------------------------------------------------------------------------


def test_kms_gives_high_s_too_and_is_asked_once_for_each(fake: FakeKms) -> None:
    backend = of_kms(fake)
    told = [decode_dss_signature(fake.signature(digest, "DIGEST")) for digest in DIGESTS]
    assert 0 < sum(s > LOW for _, s in told) < len(told)
    backend.sign(DIGESTS[0])
    assert fake.asked == ["TrentService.GetPublicKey", "TrentService.Sign"]


def high(told: dict[str, Any]) -> dict[str, Any]:
    """The same signature, said with a high s."""
    import base64

    r, s = decode_dss_signature(base64.b64decode(told["Signature"]))
    return {**told, "Signature": text(encode_dss_signature(r, max(s, ORDER - s)))}


def test_a_high_s_of_kms_is_brought_low(fake: FakeKms) -> None:
    backend = of_kms(fake)
    fake.lie = high
    signature = backend.sign(DIGESTS[0])
    assert signature.s <= LOW
    assert signer_of(DIGESTS[0], signature) == backend.address


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"Signature": text(b"")}, "no signature in DER"),
        ({"Signature": text(encode_dss_signature(1, 1) + b"\0")}, "no signature in DER"),
        ({"Signature": text(encode_dss_signature(0, 0))}, "within the order"),
        ({"Signature": text(encode_dss_signature(5, 7))}, "nobody|a signature of"),
        ({"Signature": text(encode_dss_signature(ORDER + 5, 7))}, "within the order"),
        ({"KeyId": "arn:aws:kms:eu-central-1:000000000000:key/another"}, "with another key"),
        ({"SigningAlgorithm": "SM2DSA"}, "with another key or otherwise"),
        ({"Signature": None}, "no signature in DER"),
    ],
)
def test_a_kms_that_answers_wrongly_is_refused(
    fake: FakeKms, lie: dict[str, Any], reason: str
) -> None:
    backend = of_kms(fake)
    fake.lie = lambda told: {**told, **lie}
    with pytest.raises(NotSigned, match=reason):
        backend.sign(DIGESTS[0])


def test_a_kms_that_hashes_again_is_refused(fake: FakeKms) -> None:
    """As a widespread stand-in does: its signature is of something that nobody asked for."""
    backend = of_kms(fake)
    fake.signature = lambda message, *_: FakeKms.signature(fake, message, "RAW")  # type: ignore[method-assign]
    with pytest.raises(NotSigned, match="no signature of its own"):
        backend.sign(DIGESTS[0])


def test_a_kms_whose_key_was_changed_is_refused(fake: FakeKms) -> None:
    backend = of_kms(fake)
    fake.key = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(NotSigned, match="no signature of its own"):
        backend.sign(DIGESTS[0])


def test_an_alias_that_is_pointed_elsewhere_changes_nothing(fake: FakeKms) -> None:
    """It was followed once, as the backend was opened; since then the key's own name is used."""
    backend = of_kms(fake)
    fake.aliased = ec.generate_private_key(ec.SECP256K1())
    assert signer_of(DIGESTS[0], backend.sign(DIGESTS[0])) == backend.address


def test_a_disabled_key_signs_nothing_and_opens_nothing(fake: FakeKms) -> None:
    backend = of_kms(fake)
    fake.enabled = False
    with pytest.raises(NotSigned, match=rf"KMS refused: .*DisabledException.*{ARN} is disabled"):
        backend.sign(DIGESTS[0])
    with pytest.raises(NotSigned, match="DisabledException"):
        of_kms(fake)


def test_a_kms_that_does_not_answer_is_not_waited_for_nor_asked_twice(fake: FakeKms) -> None:
    address = of_kms(fake).address
    backend = kms.KmsBackend(kms.client("eu-central-1", fake.url, 0.3), ARN, address)
    fake.hold.clear()
    begun = time.monotonic()
    with pytest.raises(NotSigned, match=r"KMS did not answer: .*[Tt]ime"):
        backend.sign(DIGESTS[0])
    assert time.monotonic() - begun < 10
    assert fake.asked.count("TrentService.Sign") == 1


def test_a_kms_that_is_not_there_is_refused(fake: FakeKms) -> None:
    backend = of_kms(fake)
    fake.close()
    with pytest.raises(NotSigned, match="KMS did not answer"):
        backend.sign(DIGESTS[0])


def test_a_key_of_another_kind_or_address_opens_no_backend(fake: FakeKms) -> None:
    client = kms.client("eu-central-1", fake.url, PATIENT)
    with pytest.raises(NotSigned, match=f"is the key of 0x.*, not of {OTHER}"):
        kms.opened(client, ARN, OTHER)
    fake.spec = "ECC_NIST_P256"
    with pytest.raises(NotSigned, match="is ECC_NIST_P256 for SIGN_VERIFY"):
        kms.opened(client, ARN, OTHER)
    fake.spec, fake.usage = "ECC_SECG_P256K1", "KEY_AGREEMENT"
    with pytest.raises(NotSigned, match="is ECC_SECG_P256K1 for KEY_AGREEMENT"):
        kms.opened(client, ARN, OTHER)
    fake.usage, fake.key = "SIGN_VERIFY", ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(NotSigned, match="not of secp256k1"):
        kms.opened(client, ARN, OTHER)
    fake.lie = lambda told: {**told, "PublicKey": text(b"no key")}
    with pytest.raises(NotSigned, match="told no public key"):
        kms.opened(client, ARN, OTHER)
