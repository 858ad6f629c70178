"""Where a key is kept: three places, one Protocol.

Rule 1. The key never leaves the backend. What goes in is 32 bytes, what comes out is a signature.
Rule 2. A backend's word is not taken: what it answers is a signature only once it recovers to the
backend's own address (`signature.completed`). Anything else is `NotSigned`, with the reason.
"""

from typing import Protocol

from tokens.signers.signature import BadSignature, Signature, completed


class NotSigned(Exception):
    """There is no signature that may be used; the text says why.

    One may exist all the same: of a backend that did not answer in time nobody knows what it did.
    """


class Backend(Protocol):
    """Holds one key of secp256k1, and signs digests that its caller worked out itself."""

    @property
    def address(self) -> str:
        """Whose signatures these are, in lower case."""

    def sign(self, digest: bytes) -> Signature:
        """The key's signature of these 32 bytes, with a low s, its own by recovery; or `NotSigned`.

        Nothing is hashed again. Repeating it is safe: whatever comes permits the same thing.
        """


def own(digest: bytes, r: int, s: int, address: str, likely: int = 27) -> Signature:
    """What a key answered with, if it is the address's own signature of the digest."""
    try:
        return completed(digest, r, s, address, likely)
    except BadSignature as error:
        raise NotSigned(f"the key answered with no signature of its own: {error}") from error


def whole(digest: bytes) -> bytes:
    """The digest, which is 32 bytes: backends pad or cut what is not, and each in another way."""
    assert len(digest) == 32, "a digest is 32 bytes"
    return digest
