"""Webhooks: whose they are is settled over the exact raw bytes, before anything is parsed.

Rule 1. A webhook without a valid signature is nobody's word: `Forged`, whatever it says.
Rule 2. Every signature that it bears must be valid, and it must bear one.
Rule 3. A text of a signature has one spelling: another that decodes to the same bytes is refused.

The frame holds the HTTP message: header lines, a blank line, the raw body. The custodian signs the
body alone, in one of two ways or, while it migrates, in both:

    Fireblocks-Signature: base64 of an RSA-SHA512 signature over the body
    Fireblocks-Webhook-Signature: a detached JWS, RS512, whose `kid` names a key of its JWKS
"""

from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from core.reading import Unreadable

LEGACY = b"fireblocks-signature"
DETACHED = b"fireblocks-webhook-signature"
_decode = msgspec.json.decode


class Forged(Unreadable):
    """The webhook does not bear the custodian's signature."""


class UnknownKey(Forged):
    """It is signed by a key that we do not have: theirs may have changed."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The custodian's public keys: that of the legacy signature, and its JWKS by `kid`."""

    legacy: RSAPublicKey | None = None
    by_kid: Mapping[str, RSAPublicKey] = field(default_factory=dict)


def keys(pem: bytes = b"", jwks: bytes = b"") -> Keys:
    """Keys as the custodian publishes them: a PEM file, a JWKS document, or both."""
    legacy = load_pem_public_key(pem) if pem else None
    if legacy is not None and not isinstance(legacy, RSAPublicKey):
        raise ValueError("the legacy key is an RSA key")
    told = _decode(jwks)["keys"] if jwks else []
    return Keys(legacy, {key["kid"]: _public(key) for key in told if key["kty"] == "RSA"})


def _public(key: Mapping[str, str]) -> RSAPublicKey:
    return RSAPublicNumbers(
        e=int.from_bytes(urlsafe_b64decode(_padded(key["e"]))),
        n=int.from_bytes(urlsafe_b64decode(_padded(key["n"]))),
    ).public_key()


def verified(message: bytes, known: Keys) -> bytes:
    """The body of a webhook that is the custodian's own; else `Forged`."""
    head, blank, body = message.partition(b"\r\n\r\n")
    if not blank:
        raise Forged("no HTTP message: no blank line ends its headers")
    borne = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        match name.strip().lower():
            case b"fireblocks-signature":
                _check_legacy(value.strip(), body, known)
            case b"fireblocks-webhook-signature":
                _check_detached(value.strip(), body, known)
            case _:
                continue
        borne += 1
    if not borne:
        raise Forged("it bears no signature")
    return body


def _check_legacy(value: bytes, body: bytes, known: Keys) -> None:
    if known.legacy is None:
        raise Forged("a legacy signature, and no legacy key is known")
    try:
        signature = b64decode(value, validate=True)
    except ValueError as error:
        raise Forged(f"the signature is no base64: {error}") from error
    if b64encode(signature) != value:
        raise Forged("the signature is not spelled as base64 is")
    _check(known.legacy, signature, body)


def _check_detached(value: bytes, body: bytes, known: Keys) -> None:
    head, between, tail = value.partition(b"..")
    if not between or b"." in tail:
        raise Forged("the signature is no detached JWS")
    told = _jws_header(_unpadded(head))
    if told.get("alg") != "RS512":
        raise Forged(f"signed by {told.get('alg')!r}, not RS512")
    key = known.by_kid.get(str(told.get("kid")))
    if key is None:
        raise UnknownKey(f"signed by the unknown key {told.get('kid')!r}")
    payload = urlsafe_b64encode(body).rstrip(b"=")
    _check(key, _unpadded(tail), head + b"." + payload)


def _jws_header(text: bytes) -> dict[str, Any]:
    try:
        told = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Forged(f"the header of the JWS is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise Forged("the header of the JWS is no object")
    return told


def _unpadded(text: bytes) -> bytes:
    """Base64url without padding, in its one spelling."""
    try:
        told = b64decode(_padded(text.decode("ascii")), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Forged(f"no base64url: {error}") from error
    if urlsafe_b64encode(told).rstrip(b"=") != text:
        raise Forged("not spelled as base64url is")
    return told


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _check(key: RSAPublicKey, signature: bytes, signed: bytes) -> None:
    try:
        key.verify(signature, signed, PKCS1v15(), SHA512())
    except InvalidSignature as error:
        raise Forged("the signature is not theirs") from error
