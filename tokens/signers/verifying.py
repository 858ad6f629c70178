"""One of the k who sign: it verifies the decision on its own, remembers it, and then asks its key.

Rule 1. No digest is taken from anybody: it is worked out here, from the fields, under the domain
that this signer was set up with, which the node and the contract must confirm.
Rule 2. Times are the chain's: a window is short and open at the head that the node tells, and a
head that is old, or ahead of our clock, is no head.
Rule 3. What is claimed is durable before the key is asked (`memory.py`).
Rule 4. Nothing goes out but a signature that recovers to this signer's address; all else is a
`Refused`, with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from tokens.signers.backend import Backend, NotSigned
from tokens.signers.memory import Claim, Memory, NoMemory
from tokens.signers.node import Node, NoView, View
from tokens.signers.signature import BadSignature, Signature, signer_of
from tokens.typed import (
    Authorization,
    Burn,
    Domain,
    Mint,
    Recovery,
    Unfit,
    domain_separator,
    struct_hash,
    typed_digest,
)

Permit: TypeAlias = Authorization | Mint | Burn | Recovery
AUTHORIZER = frozenset[type]({Authorization})
ADMIN = frozenset[type]({Mint, Burn, Recovery})
WINDOW_SECONDS_MAX = 300
HEAD_AGE_SECONDS_MAX = 60
NOBODY = "0x" + "00" * 20


@dataclass(slots=True, frozen=True)
class Terms:
    """What a signer was set up with; nothing that it is asked changes them."""

    domain: Domain
    signs: frozenset[type]
    window_seconds_max: int = WINDOW_SECONDS_MAX
    head_age_seconds_max: int = HEAD_AGE_SECONDS_MAX


@dataclass(slots=True, frozen=True)
class Signed:
    """A permission, in this signer's name."""

    digest: bytes
    signer: str
    signature: Signature


@dataclass(slots=True, frozen=True)
class Refused:
    """No permission, and why. Where only the key failed, it counts as signed all the same."""

    reason: str


class Judge(Protocol):
    """This signer's own reading of policy and facts."""

    def objection(self, message: Permit) -> str:
        """Why they do not permit it, or why its decision cannot be found; "" where they do."""


class VerifyingSigner:
    """Signs for one contract, with one key."""

    def __init__(
        self, terms: Terms, backend: Backend, node: Node, judge: Judge, memory: Memory
    ) -> None:
        assert terms.window_seconds_max <= WINDOW_SECONDS_MAX, "a longer window is no short one"
        self._terms, self._backend, self._node = terms, backend, node
        self._judge, self._memory = judge, memory
        self._separator = domain_separator(terms.domain)
        self.address = backend.address

    def sign(self, asked: Sequence[Permit], now: int) -> list[Signed | Refused]:
        """An answer to each, in their order; `now` is our clock's time in seconds.

        Those that were asked for together share one look at the chain and one write to the disk.
        """
        holders = {each.lower() for message in asked for each in (_holder(message),) if each}
        try:
            view = self._node.view(self._terms.domain.contract, holders)
        except NoView as error:
            return [Refused(f"the node does not say: {error}") for _ in asked]
        doubt = distrust(view, self._terms, now)
        if doubt:
            return [Refused(doubt) for _ in asked]
        return self._claimed([self._verified(message, view) for message in asked], view.final)

    def _verified(self, message: Permit, view: View) -> Claim | Refused:
        reason = objection(message, view, self._terms) or self._judge.objection(message)
        if reason:
            return Refused(reason)
        try:
            digest = typed_digest(self._separator, struct_hash(message))
        except Unfit as error:
            return Refused(str(error))
        owner = _nonce_owner(message, self._terms.domain).lower()
        return Claim(self._separator, owner, message.nonce, digest, message.valid_before)

    def _claimed(self, verified: list[Claim | Refused], final: int) -> list[Signed | Refused]:
        claims = [each for each in verified if isinstance(each, Claim)]
        try:
            reasons = iter(self._memory.claim(claims, final) if claims else [])
        except NoMemory as error:
            reasons = iter([f"nothing can be remembered: {error}"] * len(claims))
        return [
            each if isinstance(each, Refused) else self._signed(each.digest, next(reasons))
            for each in verified
        ]

    def _signed(self, digest: bytes, reason: str) -> Signed | Refused:
        if reason:
            return Refused(reason)
        try:
            signature = self._backend.sign(digest)
            signer = signer_of(digest, signature)
        except NotSigned as error:
            return Refused(str(error))
        except BadSignature as error:
            return Refused(f"the backend answered with no signature: {error}")
        if signer != self.address:
            return Refused(f"the backend answered with a signature of {signer}")
        return Signed(digest, signer, signature)


def distrust(view: View, terms: Terms, now: int) -> str:
    """Why nothing is to be signed on what this node says; "" where it may be."""
    ours = terms.domain
    if view.chain_id != ours.chain_id:
        return f"the node is of chain {view.chain_id}, not {ours.chain_id}"
    if _lower(view.domain) != _lower(ours):
        return f"the contract says it is {view.domain}, not {ours}"
    if abs(now - view.head) > terms.head_age_seconds_max:
        return f"the head is of {view.head}, and it is {now}"
    if view.final > view.head:
        return f"the final block is of {view.final}, the head of {view.head}"
    return ""


def objection(message: Permit, view: View, terms: Terms) -> str:
    """Why this is not to be signed at this head, whatever the policy says; "" where it may be."""
    if type(message) not in terms.signs:
        return f"{type(message).__name__} is not for this signer to sign"
    return _window(message, view, terms) or _parties(message, view) or _reason(message)


def _window(message: Permit, view: View, terms: Terms) -> str:
    opens = message.valid_after if isinstance(message, Authorization) else view.head
    if opens > view.head:
        return f"its window opens at {opens}, after the head of {view.head}"
    if message.valid_before <= view.head:
        return f"its window closed at {message.valid_before}, and the head is of {view.head}"
    if message.valid_before - opens > terms.window_seconds_max:
        return f"its window is over {terms.window_seconds_max} s"
    return ""


def _parties(message: Permit, view: View) -> str:
    parties = [message.to] if isinstance(message, Mint) else [message.holder]
    if isinstance(message, Authorization | Recovery):
        parties.append(message.to)
    named = [each.lower() for each in parties]
    if NOBODY in named or len(set(named)) != len(named):
        return "value moves from somebody to somebody else"
    if isinstance(message, Recovery):  # moves what is left whatever the epoch is
        return ""
    known = view.epochs.get(_holder(message).lower())
    if message.epoch != known:
        return f"epoch {message.epoch}, and {known} is in force"
    return ""


def _reason(message: Permit) -> str:
    """A decision stands behind each, and its hash goes on chain with it."""
    told = message.reason_hash if isinstance(message, Recovery) else message.policy_hash
    return "" if any(told) else "no decision is named"


def _holder(message: Permit) -> str:
    """Whose epoch counts; "" for what heeds none."""
    match message:
        case Authorization() | Burn():
            return message.holder
        case Mint():
            return message.to
        case _:
            return ""


def _nonce_owner(message: Permit, domain: Domain) -> str:
    """Nonces of transfers are the holder's, and all that an admin signs shares the contract's."""
    return message.holder if isinstance(message, Authorization) else domain.contract


def _lower(domain: Domain) -> Domain:
    return replace(domain, contract=domain.contract.lower())
