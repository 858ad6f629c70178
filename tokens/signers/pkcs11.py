"""A key in a PKCS#11 token: a hardware module, a smart card, or softhsm2, which is what tests have.

True here: a key that the token would hand out is not used at all. The PIN is used once and not
kept. A session that is lost stays lost: every signature is refused until it is opened anew.
"""

import threading
from functools import cache
from typing import TYPE_CHECKING

from tokens.signers.backend import NotSigned, own, whole
from tokens.signers.patience import Patience
from tokens.signers.signature import Signature, address_of

if TYPE_CHECKING:
    import pkcs11
    from pkcs11.types import SignMixin

SECP256K1 = bytes.fromhex("06052b8104000a")  # the curve's object identifier, in DER
SECONDS_MAX = 5.0


class Pkcs11Backend:
    """Signs in the token, through one session."""

    __slots__ = ("_key", "_patience", "address")

    def __init__(self, key: "SignMixin", address: str, patience: Patience) -> None:
        self._key, self._patience = key, patience
        self.address = address

    def __repr__(self) -> str:
        return f"Pkcs11Backend({self.address})"

    def sign(self, digest: bytes) -> Signature:
        """The token's signature of the digest, once it is known to be the key's own."""
        from pkcs11 import Mechanism, PKCS11Error

        asked = whole(digest)
        try:
            # CKM_ECDSA signs what it is given; CKM_ECDSA_SHA256 would hash it again.
            pair = self._patience.call(lambda: self._key.sign(asked, mechanism=Mechanism.ECDSA))
        except PKCS11Error as error:
            raise NotSigned(f"the token refused: {_reason(error)}") from error
        return own(digest, *halves(pair), self.address)


def opened(
    library: str,
    token: str,
    pin: str,
    label: str,
    address: str,
    seconds_max: float = SECONDS_MAX,
) -> Pkcs11Backend:
    """The backend of the one key with this label in the token, which must be this address's.

    `library` is the module's own shared object. `NotSigned` says why there is none.
    """
    from pkcs11 import PKCS11Error

    patience = Patience(seconds_max, turn(library))
    try:
        key, public = patience.call(lambda: _found(library, token, pin, label))
    except PKCS11Error as error:
        raise NotSigned(f"no key {label!r} in token {token!r}: {_reason(error)}") from error
    backend = Pkcs11Backend(key, address_of(public), patience)
    if backend.address != address.lower():
        raise NotSigned(f"key {label!r} is that of {backend.address}, not of {address}")
    return backend


@cache
def turn(library: str) -> threading.Lock:
    """One for each library, whatever backends share it: none is told that there are threads, and
    then it need not expect any (CKF_OS_LOCKING_OK)."""
    return threading.Lock()


def _found(library: str, token: str, pin: str, label: str) -> "tuple[SignMixin, bytes]":
    """The private key, and the public one in 65 bytes."""
    import pkcs11

    place = pkcs11.lib(library).get_token(token_label=token)
    try:
        session = place.open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:  # a login is the whole process's, once for each token
        session = place.open()
    return _fit(session, label)


def _fit(session: "pkcs11.Session", label: str) -> "tuple[SignMixin, bytes]":
    from pkcs11 import Attribute, ObjectClass
    from pkcs11.types import SignMixin

    key = _only(session, ObjectClass.PRIVATE_KEY, label)
    public = _only(session, ObjectClass.PUBLIC_KEY, label)
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
        raise NotSigned(f"key {label!r} may leave its token")
    if not isinstance(key, SignMixin):  # given to an object by its attribute CKA_SIGN
        raise NotSigned(f"key {label!r} may not sign")
    if bytes(public[Attribute.EC_PARAMS]) != SECP256K1:
        raise NotSigned(f"key {label!r} is not of secp256k1")
    return key, point(bytes(public[Attribute.EC_POINT]))


def _only(session: "pkcs11.Session", kind: "pkcs11.ObjectClass", label: str) -> "pkcs11.Object":
    """The one object of that kind and label."""
    from pkcs11 import Attribute

    found = list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: label}))
    if len(found) != 1:
        raise NotSigned(f"the token has {len(found)} objects {kind.name} {label!r}, not one")
    return found[0]


def point(told: bytes) -> bytes:
    """A public key of 65 bytes: the standard wraps it in DER, and not every token does."""
    bare = told[2:] if told[:2] == b"\x04\x41" and len(told) == 67 else told
    if len(bare) != 65 or bare[0] != 4:
        raise NotSigned("the token's public key is no uncompressed point")
    return bare


def halves(pair: bytes) -> tuple[int, int]:
    """r and s, which a token gives side by side, 32 bytes each."""
    if len(pair) != 64:
        raise NotSigned(f"the token answered with {len(pair)} bytes, not 64")
    return int.from_bytes(pair[:32]), int.from_bytes(pair[32:])


def _reason(error: Exception) -> str:
    """The library's exceptions say it by their names, and some of them with words besides."""
    return ": ".join(filter(None, (type(error).__name__, str(error))))
