"""A key in AWS KMS: an asymmetric one, ECC_SECG_P256K1, for signing.

True here: the digest is sent as a digest, so KMS hashes nothing. A request is sent once: whoever
asked decides whether to ask again. Credentials and region come by botocore's own ways, and none of
them passes through here.
"""

from typing import TYPE_CHECKING

from tokens.signers.backend import NotSigned, own, whole
from tokens.signers.signature import Signature, address_of

if TYPE_CHECKING:
    from botocore.client import BaseClient

SPEC, USAGE, ALGORITHM = "ECC_SECG_P256K1", "SIGN_VERIFY", "ECDSA_SHA_256"
SECONDS_MAX = 5.0


class KmsBackend:
    """Signs by one KMS key, known by its ARN: an alias may be pointed at another at any time."""

    __slots__ = ("_arn", "_client", "address")

    def __init__(self, client: "BaseClient", arn: str, address: str) -> None:
        self._client, self._arn = client, arn
        self.address = address

    def __repr__(self) -> str:
        return f"KmsBackend({self.address})"

    def sign(self, digest: bytes) -> Signature:
        """KMS's signature of the digest, once it is known to be the key's own."""
        told = _asked(
            self._client,
            "sign",
            KeyId=self._arn,
            Message=whole(digest),
            MessageType="DIGEST",
            SigningAlgorithm=ALGORITHM,
        )
        by = told.get("KeyId"), told.get("SigningAlgorithm")
        if by != (self._arn, ALGORITHM):
            raise NotSigned(f"KMS signed with another key or otherwise: {by[0]}, {by[1]}")
        return own(digest, *numbers(told.get("Signature")), self.address)


def opened(client: "BaseClient", key: str, address: str) -> KmsBackend:
    """The backend of a KMS key (its id, ARN or alias), which must be this address's."""
    told = _asked(client, "get_public_key", KeyId=key)
    if (told.get("KeySpec"), told.get("KeyUsage")) != (SPEC, USAGE):
        raise NotSigned(f"{key} is {told.get('KeySpec')} for {told.get('KeyUsage')}, not {SPEC}")
    backend = KmsBackend(client, str(told.get("KeyId")), address_of(_point(told.get("PublicKey"))))
    if backend.address != address.lower():
        raise NotSigned(f"{key} is the key of {backend.address}, not of {address}")
    return backend


def client(
    region: str, endpoint: str | None = None, seconds_max: float = SECONDS_MAX
) -> "BaseClient":
    """A client that waits so long for a connection, as long for an answer, and asks once."""
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(
        connect_timeout=seconds_max, read_timeout=seconds_max, retries={"total_max_attempts": 1}
    )
    return get_session().create_client("kms", region, endpoint_url=endpoint, config=config)


def numbers(der: object) -> tuple[int, int]:
    """r and s of a signature in DER, strictly."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    try:
        return decode_dss_signature(der if isinstance(der, bytes) else b"")
    except ValueError as error:
        raise NotSigned("KMS answered with no signature in DER") from error


def _point(der: object) -> bytes:
    """The 65 bytes of a public key of secp256k1 that came as SubjectPublicKeyInfo."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_der_public_key(der if isinstance(der, bytes) else b"")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotSigned("KMS told no public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256k1":
        raise NotSigned("KMS's key is not of secp256k1")
    encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return key.public_bytes(encoding, form)


def _asked(client: "BaseClient", operation: str, **told: object) -> dict[str, object]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, object] = getattr(client, operation)(**told)
    except ClientError as error:
        raise NotSigned(f"KMS refused: {error}") from error
    except BotoCoreError as error:
        raise NotSigned(f"KMS did not answer: {error}") from error
    return answer
