"""Whose a signature is: what we take as one, and everything near it that we do not.

Wycheproof's vectors are read from the samples: attacks on verifiers that once worked somewhere.
"""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rails.keys import ORDER, PrivateKey
from tokens.signers.backend import NotSigned
from tokens.signers.kms import numbers
from tokens.signers.pkcs11 import halves
from tokens.signers.signature import (
    LOW,
    BadSignature,
    Signature,
    address_of,
    completed,
    read,
    signer_of,
)

PRIME = 2**256 - 2**32 - 977  # of the field that the curve is over
SECRET = bytes(range(1, 33))
DIGEST = hashlib.sha256(b"an authorization").digest()
ADDRESS = address_of(PrivateKey(SECRET).public(compressed=False))


def signed(digest: bytes = DIGEST, secret: bytes = SECRET) -> Signature:
    parity, r, s = PrivateKey(secret).sign_recoverable(digest)
    return Signature(r, s, 27 + parity)


# --- by hand -------------------------------------------------------------------------------------


def test_a_signature_is_its_signers() -> None:
    assert signer_of(DIGEST, signed()) == ADDRESS
    assert read(signed().raw) == signed()
    assert completed(DIGEST, signed().r, signed().s, ADDRESS) == signed()


def test_the_address_of_a_published_key() -> None:
    """The vector of ethereum/tests' keystore: its key and its address."""
    key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    public = PrivateKey(bytes.fromhex(key)).public(compressed=False)
    assert address_of(public) == "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b"


def test_v_is_found_for_either_parity_and_from_either_s() -> None:
    """The high twin of a signature is brought low, and the other v found."""
    seen = set()
    for number in range(20):
        digest = hashlib.sha256(b"%d" % number).digest()
        true = signed(digest)
        seen.add(true.v)
        assert completed(digest, true.r, ORDER - true.s, ADDRESS) == true
    assert seen == {27, 28}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"r": 0}, "within the order"),
        ({"r": ORDER}, "within the order"),
        ({"r": PRIME - 1}, "within the order"),
        ({"r": 2**256 - 1}, "within the order"),
        ({"s": 0}, "within the order"),
        ({"s": ORDER}, "within the order"),
        ({"s": 2**256 - 1}, "within the order"),
        ({"s": LOW + 1}, "s is high"),
        ({"s": ORDER - 1}, "s is high"),
        ({"s": ORDER - signed().s}, "s is high"),
        ({"r": 5}, "nobody's"),  # no point of the curve has this x
        ({"v": 0}, "v is 0"),
        ({"v": 1}, "v is 1"),
        ({"v": 29}, "v is 29"),
        ({"v": 35 + 2 * 31337}, "neither 27 nor 28"),
    ],
)
def test_what_the_contract_turns_down_is_nobodys(changes: dict[str, int], reason: str) -> None:
    told = {"r": signed().r, "s": signed().s, "v": signed().v, **changes}
    with pytest.raises(BadSignature, match=reason):
        signer_of(DIGEST, Signature(**told))


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (ORDER + 1, 1)])
def test_a_key_that_answers_outside_the_order_has_not_signed(r: int, s: int) -> None:
    with pytest.raises(BadSignature, match="within the order"):
        completed(DIGEST, r, s, ADDRESS)


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_the_point_at_infinity_is_nobodys_key(factor: int) -> None:
    """R is the generator and s the digest: what would be recovered is r⁻¹(sG - sG)."""
    generator = PrivateKey((1).to_bytes(32)).public(compressed=False)
    parity = generator[64] & 1
    nothing = Signature(int.from_bytes(generator[1:33]), factor, 27 + parity)
    with pytest.raises(BadSignature, match="nobody's"):
        signer_of(factor.to_bytes(32), nothing)
    assert signer_of((factor + 1).to_bytes(32), nothing)


def test_another_digest_key_or_v_is_somebody_elses() -> None:
    true = signed()
    other = hashlib.sha256(DIGEST).digest()
    assert signer_of(other, true) != ADDRESS
    assert signer_of(DIGEST, signed(secret=b"\2" * 32)) != ADDRESS
    assert signer_of(DIGEST, Signature(true.r, true.s, 55 - true.v)) != ADDRESS
    with pytest.raises(BadSignature, match=f"not of {ADDRESS}"):
        completed(other, true.r, true.s, ADDRESS)


def test_a_digest_that_was_cut_short_has_no_signer() -> None:
    """Libraries differ in what they make of 31 bytes; none is to find out."""
    with pytest.raises(BadSignature):
        signer_of(DIGEST[:31], signed())


@pytest.mark.parametrize("size", [0, 64, 66])
def test_a_signature_has_65_bytes(size: int) -> None:
    with pytest.raises(BadSignature, match=f"of {size} bytes"):
        read(bytes(size))


# --- Wycheproof ----------------------------------------------------------------------------------


def accepted(case: dict[str, Any], group: dict[str, Any], *, pair: bool) -> bool:
    """Whether anything that we would hand on, or take from others, comes of this signature."""
    key = group["publicKey"]["uncompressed"]
    address = address_of(bytes.fromhex(key))
    digest = hashlib.sha256(bytes.fromhex(case["msg"])).digest()
    try:
        r, s = (halves if pair else numbers)(bytes.fromhex(case["sig"]))
    except NotSigned:
        return False
    return address in {_signer(digest, Signature(r, s, v)) for v in (27, 28)}


def _signer(digest: bytes, signature: Signature) -> str:
    try:
        return signer_of(digest, signature)
    except BadSignature:
        return ""


def vectors(samples: Path, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    file = samples / f"tokens/wycheproof/ecdsa_secp256k1_sha256_{name}test.json"
    told = json.loads(file.read_text())
    cases = [(case, group) for group in told["testGroups"] for case in group["tests"]]
    assert len(cases) == told["numberOfTests"] > 200
    return cases


# A valid signature whose R has an x above the order: v would be 29 or 30, which no contract takes.
BEYOND = {"k*G has a large x-coordinate"}


@pytest.mark.parametrize("name", ["bitcoin_", "", "p1363_"])
def test_wycheproof_gives_no_wrong_accept(name: str, samples: Path) -> None:
    """What is taken is exactly what is valid, has a low s, and has a v that a contract knows."""
    counts: Counter[tuple[str, bool]] = Counter()
    for case, group in vectors(samples, name):
        took = accepted(case, group, pair=name == "p1363_")
        counts[case["result"], took] += 1
        if case["result"] == "valid" and case["comment"] not in BEYOND:
            s = (halves if name == "p1363_" else numbers)(bytes.fromhex(case["sig"]))[1]
            assert took == (s <= LOW), (case["tcId"], case["comment"])
        else:
            assert not took, (case["tcId"], case["comment"])
    assert counts["valid", True] > 90
    assert counts["invalid", False] > 80
