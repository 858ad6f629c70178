"""Signatures of secp256k1 as the contract takes them, and whose they are.

Rule 1. r and s are within the curve's order, s in its lower half, v is 27 or 28: what the contract
would turn down counts for nothing here either.
Rule 2. A signature is known by the address that it recovers to. Its bytes are no id of anything.
"""

from dataclasses import dataclass

from rails.keys import ORDER, keccak256

LOW = ORDER // 2  # the highest s that is low


class BadSignature(ValueError):
    """This signature is none that we may use; the text says why."""


@dataclass(slots=True, frozen=True)
class Signature:
    """One signature of a digest."""

    r: int
    s: int
    v: int

    @property
    def raw(self) -> bytes:
        """r, s and v in 65 bytes, as contracts that take bytes are handed them."""
        return self.r.to_bytes(32) + self.s.to_bytes(32) + self.v.to_bytes(1)


def read(raw: bytes) -> Signature:
    """The signature in 65 bytes; whether it is one that counts, `signer_of` says."""
    if len(raw) != 65:
        raise BadSignature(f"a signature of {len(raw)} bytes, not 65")
    return Signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:64]), raw[64])


def signer_of(digest: bytes, signature: Signature) -> str:
    """The address, in lower case, that signed the digest."""
    if signature.v not in (27, 28):
        raise BadSignature(f"v is {signature.v}, neither 27 nor 28")
    if not (0 < signature.r < ORDER and 0 < signature.s < ORDER):
        raise BadSignature("r or s is not within the order of the curve")
    if signature.s > LOW:
        raise BadSignature("s is high: the same could be said with another signature")
    return address_of(_recovered(digest, signature))


def completed(digest: bytes, r: int, s: int, address: str, likely: int = 27) -> Signature:
    """What a key answered with, as the contract takes it: s brought low, v found by trying both,
    the `likely` one first.

    `BadSignature` unless it is the address's own signature of this digest.
    """
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise BadSignature("r or s is not within the order of the curve")
    others = []
    for v in (likely, 55 - likely):
        signature = Signature(r, min(s, ORDER - s), v)
        try:
            others.append(signer_of(digest, signature))
        except BadSignature:  # no point of the curve has this r
            continue
        if others[-1] == address:
            return signature
    told = " or ".join(others) or "nobody"
    raise BadSignature(f"this is a signature of {told}, not of {address}")


def address_of(public: bytes) -> str:
    """The address, in lower case, of a public key of 65 bytes."""
    assert len(public) == 65
    assert public[0] == 4
    return "0x" + keccak256(public[1:])[12:].hex()


def _recovered(digest: bytes, signature: Signature) -> bytes:
    from coincurve import PublicKey

    raw = signature.raw[:64] + bytes([signature.v - 27])
    try:
        return PublicKey.from_signature_and_message(raw, digest, hasher=None).format(
            compressed=False
        )
    except Exception as error:  # coincurve raises plain ones
        raise BadSignature("nobody's: no public key gives this signature") from error
