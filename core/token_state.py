"""What the core remembers of issued tokens: what is final, and what may still happen to it.

Addresses are in lower case; "" stands for nobody: a mint comes from nobody, a burn goes to nobody.
A *group* is an opaque mark of a holder that limits may bound together (a jurisdiction, as a rule):
which one it is, only the vault can say. Values are whole base units of the token.

This module is never compiled.
"""

from typing import Literal

from msgspec import Struct, field

from core.token_events import TokenKind, TokenLog

NOBODY = ""
AuthorizationStatus = Literal[
    "requested",
    "refused",
    "reserved",
    "signed",
    "declined",
    "mined",
    "final",
    "expired",
    "revoked",
]


class Movement(Struct, frozen=True, gc=False):
    """Value that may move, once, as one step. One that is `forced`, by order, asks no lock-up."""

    sender: str
    receiver: str
    value: int
    forced: bool = False


class Limits(Struct, frozen=True):
    """What a policy bounds of the whole: -1 bounds nothing. `groups` are those with a bound."""

    holder_max: int = -1
    holders_max: int = -1
    supply_max: int = -1
    groups: dict[str, int] = {}


class Reserved(Struct):
    """The final state of one token, and the movements that may still happen, by authorization.

    `incoming`, `outgoing`, `arriving` (by group), `newcomers` (addresses that hold nothing yet,
    with the movements to them), `recovered` (from whom all is taken) and `minting` are sums over
    `open`. Who is `short` could not pay for all that is open of it: while there is one, sums do not
    say what can happen.
    """

    balances: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    locked: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    supply: int = 0
    open: dict[str, Movement] = field(default_factory=dict)
    incoming: dict[str, int] = field(default_factory=dict)
    outgoing: dict[str, int] = field(default_factory=dict)
    arriving: dict[str, int] = field(default_factory=dict)
    newcomers: dict[str, int] = field(default_factory=dict)
    recovered: dict[str, int] = field(default_factory=dict)
    minting: int = 0
    short: dict[str, None] = field(default_factory=dict)


class Authorization(Struct, gc=False):
    """One permission to move value, from its request to its end. `place` numbers its lane.

    `asked_before` is when its caller wants the window to end, 0 where that was left to the policy.
    """

    name: str
    caller: str
    request_id: str
    kind: TokenKind
    sender: str
    receiver: str
    value: int
    requested_at: int
    asked_before: int = 0
    status: AuthorizationStatus = "requested"
    valid_after: int = 0
    valid_before: int = 0
    place: int = 0
    nonce: int = -1
    epoch: int = 0
    policy_version: int = 0
    decision_hash: str = ""
    commitments: tuple[str, ...] = ()
    signatures: dict[str, str] = field(default_factory=dict)
    declined: dict[str, str] = field(default_factory=dict)
    void_wanted: bool = False
    block_hash: str = ""
    tx_hash: str = ""
    reason: str = ""


class Lane(Struct, gc=False):
    """One of a sender's lanes: the nonce that is next, and the authorization that has it. Until a
    final block is as late as `bound_until` signers hold that nonce for what they signed."""

    next_nonce: int = -1
    user: str = ""
    bound_until: int = 0


class Policy(Struct, frozen=True, gc=False):
    """What the core knows of the policy in force."""

    version: int = 0
    content_hash: str = ""
    window_s: int = 0
    skew_s: int = 0
    head_age_s_max: int = 0
    limits: Limits = Limits()


class Closure(Struct, frozen=True, gc=False):
    """For what a token was closed, from when to when, and why it permits again."""

    subject: str
    closed_at: int
    opened_at: int
    why: str


class TokenBlock(Struct, frozen=True, gc=False):
    """A block as the register has it, and which node told it."""

    number: int
    block_hash: str
    parent_hash: str
    timestamp: int
    logs: tuple[TokenLog, ...] = ()
    source: str = ""


class Offering(Struct):
    """The cash that a token is issued for, and taken back for: `price` of `asset` for each unit.

    `wallets` says whose an address is. `waiting` are the mints whose cash others may yet take back,
    `stands_on` what each that was asked for stands on of such cash, by what brought it. `unpaid` is
    how much of the final supply no cash of ours was paid for.
    """

    asset: str
    price: int
    unpaid: int = 0
    wallets: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, None] = field(default_factory=dict)
    stands_on: dict[str, dict[str, int]] = field(default_factory=dict)


class Token(Struct):
    """One token.

    `blocks` are the register's: the last final one, and those above it, each the next one's parent.
    `walk` are blocks on the way from a new head down to one of these, the newest first, and
    `wanted` is the hash of the next, which was asked for again `retried` times. `checking` is the
    hash of the block that is to be final next, while another node is asked for it, and `vouched`
    are those that told it the same. `requests` and `decisions` name authorizations; `recalled` are
    requests of some that left. A token that is `closed` permits nothing more, for the reason given
    since `closed_at`, and `closures` are the last ones that are over; one whose journal was cut
    permits nothing before a final block is of `silent_until`. `epoch_due` is the epoch that is to
    be in force, `epoch` the final one, to which a holder's `recoveries` add. Lanes are a holder's,
    or the contract's own: what its admin signs; `used` are the next nonces of such as a cut journal
    may have lost, by owner and number. `holders` are whose an address is, by a mark, and `wallets`
    the addresses of each. One with an `offering` is issued and taken back for cash only; `ended`
    has what became of such permissions in this step.
    """

    name: str
    account: str
    contract: str
    signers: tuple[str, ...]
    threshold: int
    admin: str
    poll_ns: int
    policy: Policy = Policy()
    epoch: int = 0
    epoch_due: int = 0
    recoveries: dict[str, int] = field(default_factory=dict)
    reserved: Reserved = field(default_factory=Reserved)
    blocks: list[TokenBlock] = field(default_factory=list)
    walk: list[TokenBlock] = field(default_factory=list)
    wanted: str = ""
    walked_at: int = 0
    retried: int = 0
    checking: str = ""
    checked_at: int = 0
    vouched: dict[str, None] = field(default_factory=dict)
    asked: int = 0
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)
    requests: dict[str, str] = field(default_factory=dict)
    recalled: list[str] = field(default_factory=list)
    decisions: dict[str, str] = field(default_factory=dict)
    lanes: dict[str, list[Lane]] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    made: int = 0
    closed: str = ""
    closed_at: int = 0
    closures: list[Closure] = field(default_factory=list)
    paused: bool = False
    silent_until: int = 0
    stated: dict[str, str] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    wallets: dict[str, list[str]] = field(default_factory=dict)
    unproven: dict[str, None] = field(default_factory=dict)
    offering: Offering | None = None
    ended: list[Authorization] = field(default_factory=list)
