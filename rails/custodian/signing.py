"""How the simulated custodian signs its webhooks, and how a forger would.

Both keys are toys: their primes stand here for everybody to read, so that a run is the same on any
machine. RSA signatures of this kind are deterministic.
"""

import json
from base64 import b64encode, urlsafe_b64encode
from functools import cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KID = "toy-1"
_E = 65537
_P = int(
    "dbe6193f8f9d5aea8ff157a5cefd390edab54573492894a57e59f382cc32fa8d"
    "f89c44d4e6bcf5837bdb1784462b44b146c7ee3cbdcb41248246efbee59295f7",
    16,
)
_Q = int(
    "d7bca81798ccbd5c3f7f451a05235434bc66786633fe4788b9424f64379b6d6b"
    "f0c61b0479e2f7b21b977a54fdd9608bb32b1f9bd90e52f26a0ad03f3266a03f",
    16,
)


@cache
def toy_key() -> RSAPrivateKey:
    """The simulated custodian's one key."""
    d = pow(_E, -1, (_P - 1) * (_Q - 1))
    return RSAPrivateNumbers(
        p=_P,
        q=_Q,
        d=d,
        dmp1=rsa_crt_dmp1(d, _P),
        dmq1=rsa_crt_dmq1(d, _Q),
        iqmp=rsa_crt_iqmp(_P, _Q),
        public_numbers=RSAPublicNumbers(_E, _P * _Q),
    ).private_key()


def public_pem() -> bytes:
    """Its public half as the custodian's documentation prints it."""
    key = toy_key().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_jwks() -> bytes:
    """Its public half as the custodian's key server has it."""
    n = _url((_P * _Q).to_bytes(128, "big"))
    key = {"kty": "RSA", "kid": KID, "use": "sig", "alg": "RS512", "n": n, "e": "AQAB"}
    return json.dumps({"keys": [key]}).encode()


def signed(body: bytes) -> bytes:
    """The HTTP message of a webhook, signed in both ways, as while they migrate."""
    legacy = b64encode(_sign(body)).decode()
    head = _url(json.dumps({"alg": "RS512", "kid": KID}).encode())
    detached = f"{head}..{_url(_sign(f'{head}.{_url(body)}'.encode()))}"
    return _message(body, legacy, detached)


def forged(body: bytes, borrowed: bytes) -> bytes:
    """The same with the signatures of another message, `borrowed`: all that a forger has."""
    legacy = b64encode(_sign(borrowed)).decode()
    head = _url(json.dumps({"alg": "RS512", "kid": KID}).encode())
    detached = f"{head}..{_url(_sign(f'{head}.{_url(borrowed)}'.encode()))}"
    return _message(body, legacy, detached)


def _message(body: bytes, legacy: str, detached: str) -> bytes:
    lines = (
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Fireblocks-Signature: {legacy}",
        f"Fireblocks-Webhook-Signature: {detached}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _sign(told: bytes) -> bytes:
    return toy_key().sign(told, PKCS1v15(), SHA512())


def _url(told: bytes) -> str:
    return urlsafe_b64encode(told).rstrip(b"=").decode()
