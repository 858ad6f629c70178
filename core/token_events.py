"""Facts of issued tokens: what is asked for, what was judged and signed, what the chain shows.

The rules of `core.events` hold here too. An *authorization* permits one movement of a token within
a window of the chain's own time; it is ours under one id for ever. Addresses are in lower case, ""
stands for nobody; values are whole base units; times with `valid` and `timestamp` are the chain's
seconds. Nothing here says who anybody is: facts about people stay in the vault, and what is told
of them are salted commitments and opaque groups. This module is never compiled.
"""

from typing import Literal

from msgspec import Struct

from core.fact import Fact

TokenKind = Literal["transfer", "mint", "burn", "recovery"]
LogKind = Literal["moved", "lane", "epoch", "paused", "unpaused", "other"]


class TokenPublished(Fact, frozen=True, kw_only=True, gc=False):
    """A token whose contract stands on the chain of an account of ours, and is ours to permit.

    `signers` are asked for each transfer, `threshold` of them must sign; `admin` signs for what
    comes into being, is destroyed or is recovered. The register begins with the block at
    `block_number`, before which nothing was issued.
    """

    token: str
    account: str
    contract: str
    signers: tuple[str, ...]
    threshold: int
    admin: str
    block_number: int
    block_hash: str
    timestamp: int
    poll_ns: int = 4_000_000_000


class PolicyPublished(Fact, frozen=True, kw_only=True, gc=False):
    """The policy in force from now on: what bounds the whole, and how long a permission lasts.

    -1 bounds nothing. One that `tightens` voids all that is outstanding, by a new epoch.
    """

    token: str
    version: int
    content_hash: str
    window_s: int
    skew_s: int
    head_age_s_max: int
    holder_max: int = -1
    holders_max: int = -1
    supply_max: int = -1
    groups: tuple[tuple[str, int], ...] = ()
    tightens: bool = False


class HolderStated(Fact, frozen=True, kw_only=True, gc=False):
    """The vault says anew what limits count a holder as; `commitment` is to the facts behind it.

    `holder` is an opaque mark: addresses of one person have the same.
    """

    token: str
    address: str
    group: str
    locked: int
    commitment: str
    holder: str = ""


class OfferingPublished(Fact, frozen=True, kw_only=True, gc=False):
    """From now on the token comes into being, and goes out of it, for cash only: `price` units of
    `asset` for each of its own, always."""

    token: str
    asset: str
    price: int


class WalletAdmitted(Fact, frozen=True, kw_only=True, gc=False):
    """What is minted for this customer may go to this wallet, and what is burned come out of it."""

    token: str
    customer: str
    address: str


class AuthorizationRequested(Fact, frozen=True, kw_only=True, gc=False):
    """A caller wants a movement permitted, under an id of the caller's.

    `valid_before` asks for a window that ends earlier than the policy's would; 0 asks for nothing.
    """

    token: str
    caller: str
    request_id: str
    kind: TokenKind
    sender: str
    receiver: str
    value: int
    valid_before: int = 0


class RequestRefused(Fact, frozen=True, kw_only=True, gc=False):
    """A caller asked for what is no request, and was told so: nothing of it was taken in.

    It says which field, and which rule; what was found there may be about a person, and stays out.
    The id is free for a request that is one.
    """

    token: str
    caller: str
    request_id: str
    field: str
    reason: str


class AuthorizationJudged(Fact, frozen=True, kw_only=True, gc=False):
    """What the facts about people say of a movement in its window: the rule that refuses it, or "".

    `valid_after` and `valid_before` are those of the question: who is asked again is asked of
    another window, and an answer to the first may come after that. `decision_hash` stands on chain
    for this decision and is unique to it; `lane` is where its nonce counts. `commitments` are to
    the facts that were looked at.
    """

    token: str
    authorization_id: str
    valid_after: int
    valid_before: int
    policy_version: int
    refusal: str
    decision_hash: str = ""
    lane: int = 0
    commitments: tuple[str, ...] = ()


class AuthorizationSigned(Fact, frozen=True, kw_only=True, gc=False):
    """A signer verified the decision on its own, and signed."""

    token: str
    authorization_id: str
    signer: str
    signature: str


class AuthorizationDeclined(Fact, frozen=True, kw_only=True, gc=False):
    """A signer would not, or could not."""

    token: str
    authorization_id: str
    signer: str
    reason: str


class RevocationRequested(Fact, frozen=True, kw_only=True, gc=False):
    """An authorization is to be void, if that is still to be had."""

    token: str
    authorization_id: str
    person: str


class TokenLog(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the contract told in a block.

    `moved` has all fields but holder and epoch, its nonce is the sender's or the contract's; `lane`
    has the holder, and in `nonce` the first that is not void; `epoch` has the new epoch, of one
    holder or of all ("").
    """

    kind: LogKind
    index: int
    tx_hash: str
    holder: str = ""
    sender: str = ""
    receiver: str = ""
    value: int = 0
    nonce: int = 0
    epoch: int = 0
    decision_hash: str = ""


class TokenHeadReported(Fact, frozen=True, kw_only=True, gc=False):
    """A node told its newest block. It may lag, and it may lie."""

    account: str
    source: str
    token: str
    number: int
    block_hash: str


class TokenBlockReported(Fact, frozen=True, kw_only=True, gc=False):
    """A node told a block, and the contract's logs in this very block, found by its hash."""

    account: str
    source: str
    token: str
    number: int
    block_hash: str
    parent_hash: str
    timestamp: int
    logs: tuple[TokenLog, ...] = ()


class HoldingsReported(Fact, frozen=True, kw_only=True, gc=False):
    """What the contract itself says, by a node, of supply and balances in the state of a block."""

    account: str
    token: str
    block_hash: str
    supply: int
    balances: tuple[tuple[str, int], ...]
    source: str = ""


class TokenReopened(Fact, frozen=True, kw_only=True, gc=False):
    """People let a token that closed itself permit again. Two people; one id.

    `subject` is what it is closed for, as they saw it: the movement that nobody decided, or whose
    holding the contract told otherwise. `evidence` says where that is kept by which they know.
    """

    resolution_id: str
    token: str
    subject: str
    author: str
    approver: str
    reason: str
    evidence: str


AboutToken = (
    PolicyPublished
    | HolderStated
    | OfferingPublished
    | WalletAdmitted
    | AuthorizationRequested
    | RequestRefused
    | AuthorizationJudged
    | AuthorizationSigned
    | AuthorizationDeclined
    | RevocationRequested
    | TokenHeadReported
    | TokenBlockReported
    | HoldingsReported
    | TokenReopened
)
TokenEvent = TokenPublished | AboutToken
