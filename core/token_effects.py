"""What we ask of the vault, signers, nodes and those who carry out a token's own acts.

The rules of `core.effects` hold: asking twice for the same thing changes nothing. This module is
never compiled.
"""

from core.token_events import TokenKind
from core.wish import Wish


class JudgeAuthorization(Wish, frozen=True, kw_only=True, gc=False):
    """Ask the vault what the facts about people say, over the whole window; `place` numbers the
    lane of the nonce's `owner` that it is to use."""

    token: str
    authorization_id: str
    kind: TokenKind
    owner: str
    sender: str
    receiver: str
    value: int
    valid_after: int
    valid_before: int
    policy_version: int
    place: int


class SignAuthorization(Wish, frozen=True, kw_only=True, gc=False):
    """Ask one signer, who looks at all of it again before signing."""

    token: str
    authorization_id: str
    signer: str
    kind: TokenKind
    sender: str
    receiver: str
    value: int
    valid_after: int
    valid_before: int
    nonce: int
    epoch: int
    decision_hash: str


class TellCaller(Wish, frozen=True, kw_only=True, gc=False):
    """Tell the caller how it stands with a request; with what was signed once it is."""

    token: str
    caller: str
    request_id: str
    authorization_id: str
    status: str
    reason: str = ""


class FetchTokenHead(Wish, frozen=True, kw_only=True, gc=False):
    """Ask a node for its newest block."""

    account: str
    source: str
    token: str


class FetchTokenBlock(Wish, frozen=True, kw_only=True, gc=False):
    """Ask a node for a block by its hash, and the contract's logs in it."""

    account: str
    source: str
    token: str
    block_hash: str


class FetchHoldings(Wish, frozen=True, kw_only=True, gc=False):
    """Ask the contract for supply and balances in the state of a block."""

    account: str
    source: str
    token: str
    block_hash: str
    addresses: tuple[str, ...]


class VoidAuthorization(Wish, frozen=True, kw_only=True, gc=False):
    """Have the issuer void one authorization, by its nonce."""

    token: str
    authorization_id: str
    holder: str
    nonce: int


class BumpEpoch(Wish, frozen=True, kw_only=True, gc=False):
    """Have the issuer void all authorizations of earlier epochs."""

    token: str
    epoch: int


class AskPause(Wish, frozen=True, kw_only=True, gc=False):
    """Ask the pauser to stop all movement: something moved that nobody decided."""

    token: str
    reason: str


TokenEffect = (
    JudgeAuthorization
    | SignAuthorization
    | TellCaller
    | FetchTokenHead
    | FetchTokenBlock
    | FetchHoldings
    | VoidAuthorization
    | BumpEpoch
    | AskPause
)
