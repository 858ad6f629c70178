"""Calls of the token's contract, as bytes: each function by its name, and what deploys one.

True here: a signature is 65 bytes, r, s and v (27 or 28), as wallets give it. Fixed shapes, no
general encoder; the order of arguments is the contract's (`contracts/AuthorizedToken.sol`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rails.keys import keccak256
from tokens.typed import Authorization, Burn, Mint, Recovery, Unfit, address, encoded, whole

CONTRACT = Path(__file__).parent / "contracts/AuthorizedToken.json"
SIGNATURE = "(uint8,bytes32,bytes32)"
AUTHORIZATION = "(address,address,uint256,uint64,uint64,uint256,uint64,bytes32)"
SUPPLY = "(address,uint256,uint64,uint256,uint64,bytes32)"
RECOVERY = "(address,address,uint64,uint256,bytes32)"


@dataclass(slots=True, frozen=True)
class Release:
    """A transfer with all it needs: permission, and the holder's consent if another sends it."""

    authorization: Authorization
    signatures: tuple[bytes, ...]
    consent: bytes = b""


@dataclass(slots=True, frozen=True)
class Parameters:
    """What makes one asset of the contract."""

    name: str
    symbol: str
    decimals: int
    admin: str
    pauser: str
    authorizers: tuple[str, ...]
    threshold: int


def release(releases: Sequence[Release]) -> bytes:
    """Transfers: all of them, or none."""
    tails = [_release(each) for each in releases]
    body = _word(32) + _word(len(tails)) + _offsets(tails) + b"".join(tails)
    return selector(f"release(({AUTHORIZATION},{SIGNATURE}[],bytes)[])") + body


def _release(given: Release) -> bytes:
    fixed = encoded(given.authorization)[1]
    signatures = _word(len(given.signatures)) + b"".join(map(_signature, given.signatures))
    first = len(fixed) + 64
    offsets = _word(first) + _word(first + len(signatures))
    return fixed + offsets + signatures + _bytes(given.consent)


def mint(message: Mint, signature: bytes) -> bytes:
    body = encoded(message)[1] + _signature(signature)
    return selector(f"mint({SUPPLY},{SIGNATURE})") + body


def burn(message: Burn, signature: bytes, consent: bytes = b"") -> bytes:
    fixed = encoded(message)[1] + _signature(signature)
    body = fixed + _word(len(fixed) + 32) + _bytes(consent)
    return selector(f"burn({SUPPLY},{SIGNATURE},bytes)") + body


def recover(message: Recovery, signature: bytes) -> bytes:
    body = encoded(message)[1] + _signature(signature)
    return selector(f"recover({RECOVERY},{SIGNATURE})") + body


def revoke(holder: str, nonce: int) -> bytes:
    """The next authorization of its lane is void."""
    return selector("revoke(address,uint256)") + address(holder) + _word(nonce)


def revoke_lane(holder: str, lane: int, below: int) -> bytes:
    """All of a lane below that place is void."""
    body = address(holder) + whole(lane, 192) + whole(below, 64)
    return selector("revokeLane(address,uint192,uint64)") + body


def raise_epoch() -> bytes:
    """All that was signed is void, recoveries excepted."""
    return selector("raiseEpoch()")


def pause() -> bytes:
    return selector("pause()")


def unpause() -> bytes:
    return selector("unpause()")


def set_authorizer(who: str, not_after: int) -> bytes:
    return selector("setAuthorizer(address,uint64)") + address(who) + whole(not_after, 64)


def set_threshold(threshold: int) -> bytes:
    return selector("setThreshold(uint64)") + whole(threshold, 64)


def appoint(admin: str, pauser: str) -> bytes:
    return selector("appoint(address,address)") + address(admin) + address(pauser)


def deployment(asset: Parameters) -> bytes:
    """The bytes that create the contract of an asset."""
    tails = [_bytes(asset.name.encode()), _bytes(asset.symbol.encode())]
    tails.append(_word(len(asset.authorizers)) + b"".join(map(address, asset.authorizers)))
    name, symbol, authorizers = (7 * 32 + sum(map(len, tails[:index])) for index in range(3))
    fixed = _word(name) + _word(symbol) + whole(asset.decimals, 8)
    fixed += address(asset.admin) + address(asset.pauser)
    fixed += _word(authorizers) + whole(asset.threshold, 64)
    return creation() + fixed + b"".join(tails)


@cache
def creation() -> bytes:
    """The committed bytecode, before its parameters."""
    return bytes.fromhex(json.loads(CONTRACT.read_text())["AuthorizedToken"]["bytecode"])


@cache
def selector(signature: str) -> bytes:
    """The four bytes that name a function."""
    return keccak256(signature.encode())[:4]


def _signature(told: bytes) -> bytes:
    if len(told) != 65:
        raise Unfit(f"a signature has 65 bytes, not {len(told)}")
    return _word(told[64]) + told[:64]


def _bytes(told: bytes) -> bytes:
    return _word(len(told)) + told + b"\0" * (-len(told) % 32)


def _offsets(tails: Sequence[bytes]) -> bytes:
    first = 32 * len(tails)
    return b"".join(_word(first + sum(map(len, tails[:index]))) for index in range(len(tails)))


def _word(number: int) -> bytes:
    return whole(number, 256)
