"""What the control plane shows: an authorization, a token, who holds what. Nothing about people.

Rule 1. *Final* is the state of the last final block, which is named; *provisional* is what it comes
to if no block above that one gives way.
Rule 2. Amounts are text, whole base units, with their unit. Addresses bear their checksum.
Rule 3. Which fact about a person refused a movement is for issuer and compliance only: to others it
is `not_eligible`, whichever it was. What a signer says in its own words is theirs as well (it may
name files and keys): to others it is `not_signed`.
"""

import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from core.authorizations import SECOND
from core.register import provisional
from core.token_events import TokenKind
from core.token_state import NOBODY, Authorization, AuthorizationStatus, Token, TokenBlock
from tokens.http.bodies import checksummed
from tokens.policy import ACCREDITATION, JURISDICTION, KYC, KYC_ENDS, PAIR, SANCTIONED

PPM = 1_000_000
OTHER_WALLET = "other_wallet"  # of `core.authorizations`: the person holds at another address
ABOUT_PEOPLE = (SANCTIONED, KYC, KYC_ENDS, JURISDICTION, PAIR, ACCREDITATION, OTHER_WALLET)
NOT_ELIGIBLE, NOT_SIGNED = "not_eligible", "not_signed"
WORD = re.compile(r"[a-z_]*")
SIGNED = ("signed", "mined", "final")


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Amount(View):
    """Whole base units of a token, as text."""

    amount: str
    unit: str


class Signature(View):
    """One signer's, over the EIP-712 digest of the message: 65 bytes, r, s and v."""

    signer: str
    signature: str


class Message(View):
    """The fields that were signed, in the order of the type."""

    sender: str
    receiver: str
    value: Amount
    valid_after: int
    valid_before: int
    nonce: str
    epoch: int
    policy_hash: str


class AuthorizationView(View):
    """One authorization. `message` and `signatures`, in the contract's order, are there once enough
    have signed; what is to be void is not handed out.

    `revocation_asked` says that it is to be void; it is when `status` is `revoked`, and not before.
    """

    authorization: str
    token: str
    kind: TokenKind
    sender: str
    receiver: str
    value: Amount
    status: AuthorizationStatus
    reason: str
    policy_version: int
    revocation_asked: bool
    tx_hash: str
    block_hash: str
    message: Message | None
    signatures: tuple[Signature, ...]


class BlockView(View):
    number: int
    block_hash: str
    timestamp: int


class TokenView(View):
    """How a token stands. `closed` says why it permits nothing, "" where it does.

    An `epoch_due` above `epoch` is asked for, and final when both are one.
    """

    token: str
    contract: str
    closed: str
    paused: bool
    epoch: int
    epoch_due: int
    policy_version: int
    policy_hash: str
    head: BlockView
    head_age_s: int
    final: BlockView


class HolderView(View):
    """What an address has, and what of it is permitted to leave or to arrive and may do so yet."""

    address: str
    final: Amount
    provisional: Amount
    may_leave: Amount
    may_arrive: Amount


class RegisterView(View):
    """Holders in the order of their addresses. `next` asks for those after these; "" of the last.

    Another page may be cut at a later block: `final` says at which.
    """

    token: str
    final: BlockView
    head: BlockView
    holders: tuple[HolderView, ...]
    next: str


class ShareView(View):
    """One holder's share of all that is final, in millionths, rounded down."""

    address: str
    final: Amount
    provisional: Amount
    share_ppm: int


class CapTableView(View):
    """Who holds how much of the whole, the largest first."""

    token: str
    final: BlockView
    head: BlockView
    supply_final: Amount
    supply_provisional: Amount
    may_be_minted: Amount
    holders: int
    shares: tuple[ShareView, ...]


# --- from the state -------------------------------------------------------------------------------


def shown(reason: str, *, reasons: bool) -> str:
    """A reason as a caller may know it."""
    if reasons:
        return reason
    if reason in ABOUT_PEOPLE:
        return NOT_ELIGIBLE
    return reason if WORD.fullmatch(reason) else NOT_SIGNED


def authorization(token: Token, wanted: Authorization, *, reasons: bool) -> AuthorizationView:
    is_signed = wanted.status in SIGNED
    if wanted.status == "signed" and wanted.void_wanted:
        is_signed = False
    return AuthorizationView(
        authorization=wanted.name,
        token=token.name,
        kind=wanted.kind,
        sender=_shown(wanted.sender),
        receiver=_shown(wanted.receiver),
        value=amount(token, wanted.value),
        status=wanted.status,
        reason=shown(wanted.reason, reasons=reasons),
        policy_version=wanted.policy_version,
        revocation_asked=wanted.void_wanted,
        tx_hash=wanted.tx_hash,
        block_hash=wanted.block_hash,
        message=_message(token, wanted) if is_signed else None,
        signatures=_signatures(wanted) if is_signed else (),
    )


def _message(token: Token, wanted: Authorization) -> Message:
    return Message(
        sender=_shown(wanted.sender),
        receiver=_shown(wanted.receiver),
        value=amount(token, wanted.value),
        valid_after=wanted.valid_after,
        valid_before=wanted.valid_before,
        nonce=str(wanted.nonce),
        epoch=wanted.epoch,
        policy_hash=wanted.decision_hash,
    )


def _signatures(wanted: Authorization) -> tuple[Signature, ...]:
    told = sorted(wanted.signatures.items())
    return tuple(Signature(signer=signer, signature=each) for signer, each in told)


def token_view(token: Token, now: int) -> TokenView:
    head = token.blocks[-1]
    return TokenView(
        token=token.name,
        contract=checksummed(token.contract),
        closed=token.closed,
        paused=token.paused,
        epoch=token.epoch,
        epoch_due=token.epoch_due,
        policy_version=token.policy.version,
        policy_hash=token.policy.content_hash,
        head=_block(head),
        head_age_s=max(0, now // SECOND - head.timestamp),
        final=_block(token.blocks[0]),
    )


def register(token: Token, after: str, at_most: int) -> RegisterView:
    """A page of it: those whose addresses come after this one."""
    held = provisional(token)
    book = token.reserved
    known = sorted(dict.fromkeys([*book.balances, *held]))
    page = [each for each in known if each > after.lower()][: at_most + 1]
    rows = tuple(
        HolderView(
            address=checksummed(each),
            final=amount(token, book.balances.get(each, 0)),
            provisional=amount(token, held.get(each, 0)),
            may_leave=amount(token, book.outgoing.get(each, 0)),
            may_arrive=amount(token, book.incoming.get(each, 0)),
        )
        for each in page[:at_most]
    )
    return RegisterView(
        token=token.name,
        final=_block(token.blocks[0]),
        head=_block(token.blocks[-1]),
        holders=rows,
        next=rows[-1].address if len(page) > at_most else "",
    )


def cap_table(token: Token) -> CapTableView:
    book, held = token.reserved, provisional(token)
    known = dict.fromkeys([*book.balances, *held])
    ordered = sorted(known, key=lambda each: (-book.balances.get(each, 0), each))
    return CapTableView(
        token=token.name,
        final=_block(token.blocks[0]),
        head=_block(token.blocks[-1]),
        supply_final=amount(token, book.supply),
        supply_provisional=amount(token, sum(held.values())),
        may_be_minted=amount(token, book.minting),
        holders=len(book.balances),
        shares=tuple(_share(token, held, each) for each in ordered),
    )


def _share(token: Token, held: Mapping[str, int], address: str) -> ShareView:
    final = token.reserved.balances.get(address, 0)
    return ShareView(
        address=checksummed(address),
        final=amount(token, final),
        provisional=amount(token, held.get(address, 0)),
        share_ppm=final * PPM // token.reserved.supply if token.reserved.supply else 0,
    )


def amount(token: Token, units: int) -> Amount:
    return Amount(amount=str(units), unit=token.name)


def _block(block: TokenBlock) -> BlockView:
    return BlockView(number=block.number, block_hash=block.block_hash, timestamp=block.timestamp)


def _shown(address: str) -> str:
    return checksummed(address) if address != NOBODY else ""
