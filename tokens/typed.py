"""What is signed for a token, as EIP-712 hashes it: five fixed structs, and their domain.

True here: a field that does not fit its type is refused (`Unfit`), never cut; the digest names the
chain and the contract, so a signature is worth nothing on another of either. The order of fields
is that of the type's text, which is the contract's own.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, assert_never

from rails.keys import keccak256


class Unfit(ValueError):
    """A field's value does not fit its type; the text names both."""


@dataclass(slots=True, frozen=True)
class Domain:
    """Where a signature counts: one contract on one chain."""

    name: str
    version: str
    chain_id: int
    contract: str


@dataclass(slots=True, frozen=True)
class Authorization:
    """k authorizers permit that `holder` moves `value` to `to`. It orders nothing."""

    holder: str
    to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: int
    epoch: int
    policy_hash: bytes


@dataclass(slots=True, frozen=True)
class Consent:
    """The holder's own will, for a relayer: the struct hash of an `Authorization` or a `Burn`."""

    authorization: bytes


@dataclass(slots=True, frozen=True)
class Mint:
    """The admin lets `value` come into being at `to`."""

    to: str
    value: int
    valid_before: int
    nonce: int
    epoch: int
    policy_hash: bytes


@dataclass(slots=True, frozen=True)
class Burn:
    """The admin permits that `holder` destroys `value`."""

    holder: str
    value: int
    valid_before: int
    nonce: int
    epoch: int
    policy_hash: bytes


@dataclass(slots=True, frozen=True)
class Recovery:
    """The admin moves all that `holder` has to `to`, and voids what was permitted to `holder`."""

    holder: str
    to: str
    valid_before: int
    nonce: int
    reason_hash: bytes


Message: TypeAlias = Authorization | Consent | Mint | Burn | Recovery

AUTHORIZATION = (
    "Authorization(address from,address to,uint256 value,uint64 validAfter,uint64 validBefore,"
    "uint256 nonce,uint64 epoch,bytes32 policyHash)"
)
CONSENT = "Consent(bytes32 authorization)"
MINT = (
    "Mint(address to,uint256 value,uint64 validBefore,uint256 nonce,uint64 epoch,"
    "bytes32 policyHash)"
)
BURN = (
    "Burn(address from,uint256 value,uint64 validBefore,uint256 nonce,uint64 epoch,"
    "bytes32 policyHash)"
)
RECOVERY = "Recovery(address from,address to,uint64 validBefore,uint256 nonce,bytes32 reasonHash)"
DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def digest(domain: Domain, message: Message) -> bytes:
    """What is signed: 32 bytes."""
    return typed_digest(domain_separator(domain), struct_hash(message))


def typed_digest(separator: bytes, hashed: bytes) -> bytes:
    """The digest of any struct's hash under any domain's."""
    return keccak256(b"\x19\x01" + separator + hashed)


@lru_cache(maxsize=64)
def domain_separator(domain: Domain) -> bytes:
    """The domain's hash."""
    return keccak256(
        type_hash(DOMAIN)
        + keccak256(domain.name.encode())
        + keccak256(domain.version.encode())
        + whole(domain.chain_id, 256)
        + address(domain.contract)
    )


def struct_hash(message: Message) -> bytes:
    """The message's own hash, the same under every domain: what logs and consents call it by."""
    text, body = encoded(message)
    return keccak256(type_hash(text) + body)


def encoded(message: Message) -> tuple[str, bytes]:
    """The text of its type, and its fields as words: in a call they stand the same way."""
    match message:
        case Authorization(holder, to, value, valid_after):
            head = address(holder) + address(to) + whole(value, 256) + whole(valid_after, 64)
            return AUTHORIZATION, head + _rest(message)
        case Consent(authorization):
            return CONSENT, word(authorization)
        case Mint(to, value):
            return MINT, address(to) + whole(value, 256) + _rest(message)
        case Burn(holder, value):
            return BURN, address(holder) + whole(value, 256) + _rest(message)
        case Recovery(holder, to, valid_before, nonce, reason_hash):
            head = address(holder) + address(to) + whole(valid_before, 64)
            return RECOVERY, head + whole(nonce, 256) + word(reason_hash)
    assert_never(message)


def _rest(message: Authorization | Mint | Burn) -> bytes:
    """The fields with which three of them end."""
    return (
        whole(message.valid_before, 64)
        + whole(message.nonce, 256)
        + whole(message.epoch, 64)
        + word(message.policy_hash)
    )


@lru_cache(maxsize=16)
def type_hash(text: str) -> bytes:
    """A type's hash: that of its text."""
    return keccak256(text.encode())


def whole(number: int, bits: int) -> bytes:
    """An unsigned whole number as a word."""
    if not 0 <= number < 1 << bits:
        raise Unfit(f"{number} is no uint{bits}")
    return number.to_bytes(32)


def address(text: str) -> bytes:
    """An address as a word; its letters may be of either case."""
    try:
        told = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        told = b""
    if len(told) != 20 or len(text) != 42:
        raise Unfit(f"{text!r} is no address")
    return told.rjust(32, b"\0")


def word(told: bytes) -> bytes:
    """Bytes that are a word already."""
    if len(told) != 32:
        raise Unfit(f"{told.hex()!r} is no bytes32")
    return told


def lane_nonce(lane: int, sequence: int) -> int:
    """The nonce of the authorization that is `sequence`-th in its lane."""
    return int.from_bytes(whole(lane, 192)) << 64 | int.from_bytes(whole(sequence, 64))
