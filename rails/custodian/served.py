"""The custodian's front door over real sockets: whose request it is, by Fireblocks' own rules.

A token is a JWT under RS256 that names the request (`uri`, `bodyHash`), its maker (`sub`) and its
moment (`iat`, `exp`), and is good once (`nonce`). Nothing behind the door is here; it shares
nothing with our signing, which is the SDK's.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from rails.custodian import words
from rails.dialect import Request

# The documentation says thirty seconds; the SDK's own tokens live for 55.
LIFE_S_MAX = 60
SKEW_S_MAX = 5
UNAUTHORIZED = -7


class Refused(ValueError):
    """The request is nobody's; the text says why."""


@dataclass(slots=True, frozen=True)
class Call:
    """One HTTP request as it came off the socket; header names are in small letters."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def uri(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(slots=True)
class Gateway:
    """One API user's door: its key's name, the public half, and a clock in seconds."""

    key: str
    public: RSAPublicKey
    clock: Callable[[], float]
    _spent: dict[str, float] = field(default_factory=dict)

    def admit(self, call: Call) -> Request | tuple[int, bytes]:
        """The request that the custodian is to handle, or at once its answer."""
        try:
            self._check(call)
        except Refused as error:
            return 401, words.refusal(UNAUTHORIZED, f"Unauthorized: {error}")
        headers = {}
        if "idempotency-key" in call.headers:
            headers["Idempotency-Key"] = call.headers["idempotency-key"]
        params = dict(parse_qsl(call.query, keep_blank_values=True))
        return Request(call.method, call.path, params, headers, call.body)  # type: ignore[arg-type]  # any method: the keeper says 404

    def _check(self, call: Call) -> None:
        if call.headers.get("x-api-key") != self.key:
            raise Refused("no such API key")
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Refused("no bearer token")
        claims = self._claims(token)
        if claims.get("sub") != self.key:
            raise Refused("the token is another key's")
        if claims.get("uri") != call.uri:
            raise Refused("the token is for another uri")
        if claims.get("bodyHash") != sha256(call.body).hexdigest():
            raise Refused("the token is for another body")
        self._check_time(claims)

    def _claims(self, token: str) -> dict[str, Any]:
        parts = token.split(".")
        try:
            head, told, signature = (
                urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts
            )
            if msgspec.json.decode(head).get("alg") != "RS256":
                raise Refused("the token is not under RS256")
            self.public.verify(signature, token.rpartition(".")[0].encode(), PKCS1v15(), SHA256())
            claims = msgspec.json.decode(told)
        except InvalidSignature:
            raise Refused("the token's signature is not this key's") from None
        except (ValueError, AttributeError) as error:
            raise error if isinstance(error, Refused) else Refused("no token") from None
        if not isinstance(claims, dict):
            raise Refused("no token")
        return claims

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        now, made, ends = self.clock(), claims.get("iat"), claims.get("exp")
        if not isinstance(made, int) or not isinstance(ends, int):
            raise Refused("the token has no times")
        if made > now + SKEW_S_MAX or ends <= now or ends - made > LIFE_S_MAX:
            raise Refused("the token is not of now")
        nonce = str(claims.get("nonce") or "")
        self._spent = {each: until for each, until in self._spent.items() if until > now}
        if not nonce or nonce in self._spent:
            raise Refused("the token's nonce was used")
        self._spent[nonce] = ends
