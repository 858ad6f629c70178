"""Private keys as the signers use them: secp256k1, deterministic nonces (RFC 6979), low s.

The curve is libsecp256k1's, by way of coincurve; it is imported when the first key is used, for a
program that signs nothing need not wait for it.
"""

import hashlib

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


class NotAKey(ValueError):
    """These bytes are no private key of secp256k1."""


class PrivateKey:
    """One private key. Its text shows nothing of it."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes) -> None:
        from coincurve import PrivateKey as Secp256k1

        if len(secret) != 32 or not 0 < int.from_bytes(secret) < ORDER:
            raise NotAKey("a private key is 32 bytes, above 0 and below the curve's order")
        self._key = Secp256k1(secret)

    def __repr__(self) -> str:
        return "PrivateKey(...)"

    def public(self, *, compressed: bool) -> bytes:
        """The public key: 33 bytes, or 65."""
        return self._key.public_key.format(compressed=compressed)

    def sign_recoverable(self, digest: bytes) -> tuple[int, int, int]:
        """(y parity, r, s) of a 32-byte digest."""
        told = self._key.sign_recoverable(digest, hasher=None)
        return told[64], int.from_bytes(told[:32]), int.from_bytes(told[32:64])

    def sign_der(self, digest: bytes) -> bytes:
        """The signature of a 32-byte digest, in DER."""
        return self._key.sign(digest, hasher=None)


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash: Keccak before it became SHA-3."""
    from Crypto.Hash import keccak

    return keccak.new(digest_bits=256, data=data).digest()


def hash160(data: bytes) -> bytes:
    """Bitcoin's hash of a public key."""
    # hashlib has RIPEMD-160 only where OpenSSL still carries it.
    from Crypto.Hash import RIPEMD160

    return RIPEMD160.new(hashlib.sha256(data).digest()).digest()


def sha256_twice(data: bytes) -> bytes:
    """Bitcoin's hash of everything else."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()
