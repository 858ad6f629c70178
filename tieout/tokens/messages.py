"""What was decided, as the messages that are signed and the calls that use them."""

from collections.abc import Mapping
from typing import Protocol, TypeAlias, assert_never

from core.token_events import TokenKind
from rails.keys import PrivateKey
from tokens import calls, typed
from tokens.calls import Release
from tokens.typed import Authorization, Burn, Consent, Domain, Mint, Recovery

Permit: TypeAlias = Authorization | Mint | Burn | Recovery


class Decision(Protocol):
    """An authorization as it was decided: what is asked of signers, or what the books keep."""

    @property
    def kind(self) -> TokenKind: ...
    @property
    def sender(self) -> str: ...
    @property
    def receiver(self) -> str: ...
    @property
    def value(self) -> int: ...
    @property
    def valid_after(self) -> int: ...
    @property
    def valid_before(self) -> int: ...
    @property
    def nonce(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def decision_hash(self) -> str: ...


def message(told: Decision) -> Permit:
    """The message that permits it."""
    policy, until = bytes.fromhex(told.decision_hash[2:]), told.valid_before
    match told.kind:
        case "transfer":
            return Authorization(
                told.sender,
                told.receiver,
                told.value,
                told.valid_after,
                until,
                told.nonce,
                told.epoch,
                policy,
            )
        case "mint":
            return Mint(told.receiver, told.value, until, told.nonce, told.epoch, policy)
        case "burn":
            return Burn(told.sender, told.value, until, told.nonce, told.epoch, policy)
        case "recovery":
            return Recovery(told.sender, told.receiver, until, told.nonce, policy)
    assert_never(told.kind)


def sign(domain: Domain, permit: Permit | Consent, key: PrivateKey) -> bytes:
    """r, s and v of the key, as wallets give them."""
    parity, r, s = key.sign_recoverable(typed.digest(domain, permit))
    return r.to_bytes(32) + s.to_bytes(32) + bytes([27 + parity])


def consent(domain: Domain, permit: Permit, key: PrivateKey) -> bytes:
    """The holder's will that somebody else brings it."""
    return sign(domain, Consent(typed.struct_hash(permit)), key)


def call(permit: Permit, signatures: Mapping[str, bytes], consented: bytes = b"") -> bytes:
    """The call that uses it, with the signatures in the order of their signers."""
    given = tuple(signatures[signer] for signer in sorted(signatures))
    match permit:
        case Authorization():
            return calls.release([Release(permit, given, consented)])
        case Mint():
            return calls.mint(permit, given[0])
        case Burn():
            return calls.burn(permit, given[0], consented)
        case Recovery():
            return calls.recover(permit, given[0])
    assert_never(permit)
