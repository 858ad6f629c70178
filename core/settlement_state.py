"""What the core remembers of settlement: transfers, their legs, the ledger, limits, open items.

The *ledger* is one double-entry book. An account of it is a name that ends in its asset:

    nostro/bank_us/ops/USD       what our account there holds, by lines that were told
    customer/alice/USD           what we owe a customer (a credit, so negative)
    unsettled/alice/USD          what a customer pulled in, and that is not settled yet
    transit/fedwire/USD          the clearing account of a scheme: sent, and not yet on the nostro
    transit/mint:ESTATE/USD      paid for a token, and its mint not yet final; as with burn:ESTATE
    issuer/ESTATE/USD            what was paid for all of a token that exists (a credit)
    suspense/bank_us/ops/USD     lines of which nobody knows what they are
    receivable/alice/USD         what came back after a customer had it
    exchange/BTC-USD/USD         the open position of a pair, one account for each of its assets
    gain/BTC-USD/USD             what was realised of it (a credit where it was a gain)
    desk/USD                     what the treasury desk owes us for covers, or we owe it
    fees/fedwire/USD, income/bank_us/ops/USD, equity/USD, loss/USD

and, as memoranda that balance among themselves: `held/…` against `intended/…` (the ledger of
intent), `contingent/…` against `revocable/…` (settled, and still returnable).

This module is never compiled.
"""

from typing import Literal

from msgspec import Struct, field

from core.rail_events import (
    CalendarPublished,
    ExchangeQuoted,
    LegKind,
    LimitScope,
    LineKind,
    NostroStated,
    ReturnReported,
    SchemePublished,
)

LegStatus = Literal[
    "requested",
    "refused",
    "validated",
    "in_flight",
    "unknown",
    "settled",
    "returned",
    "failed",
    "cancelled",
]
ItemCause = Literal[
    "late",
    "line_missing",
    "short",
    "amount",
    "duplicate",
    "unattributed",
    "unknown_debit",
    "after_the_end",
    "third_party_failed",
    "illegal_return",
    "unmatched_return",
    "statement_gap",
    "statement_untied",
    "conflict",
    "nonce_taken",
    "sources_disagree",
    "amount_told",
    "overcharged",
    "unreadable",
    "unfunded",
    "invalid_bytes",
    "screening_hit",
    "orphan",
    "register",
    "limit_passed",
    "denied",
    "asked_back",
    "not_arrived",
]


class LedgerEntry(Struct, frozen=True, gc=False):
    """One balanced entry of the ledger: why, on whose evidence, and its lines."""

    purpose: str
    subject: str
    frame: int
    lines: tuple[tuple[str, int], ...]


class Attempt(Struct, gc=False):
    """One signed transaction of a payment, and what nodes last said of it; `told` is what each of
    them said of it as final, or that it does not know it since all said that its nonce is used."""

    number: int
    tx_hash: str
    raw: str
    fee_max: int
    tip_max: int
    sent_at: int
    block_number: int = 0
    block_hash: str = ""
    succeeded: bool = False
    told: dict[str, str] = field(default_factory=dict)
    rate: int = 0


class Leg(Struct, gc=False):
    """One leg of a transfer. `payment_id` is ours, for ever.

    `due` is what the nostro has still to show of the payment, `coming_back` what of its return,
    each signed as a line would be; both together are `outstanding`, whose sum over all legs of a
    scheme is the balance of its clearing account. `exposed` is how much of it counts against
    limits, `passive` what of that came by no act of ours. `deducted` is what lines of the payment
    itself brought less, or took more, and is booked as a fee. Times are 0 while they are not known.
    `instructed_at` is when it was sent first and `instructed_for` when it was to settle then: its
    instruction bears both for ever. `called` are the names that its keeper has for it, or for a
    batch that it is in. `source` is the account of the ledger that pays in a customer's place,
    `disposes` what it takes out of suspense; `sent_back` is the payment that is to send this one's
    excess back. Its nonce was told as used by each node at `nonce_used_at`, and when each said so
    last is in `nonce_used_by`; others contradicted it at `nonce_doubted_at` first. Attempts from
    the number `cancels_from` on (0: none) cancel it. While it is `unfunded`, a node wants more on
    the wallet than there is. `untold` is how much came back by a line alone: its message may be on
    its way, as that of a dishonour may be while the payment `stands_untold` again. `gone_again` is
    the line of a dishonour that came before that of its return, and lies in suspense. `drawn` is
    how much it took of credits that may still be taken back, `kept` what messages say was kept of
    its return, or added to it. Of what is owed to us since it came back, so much was `set_off`
    against what its customer has, or `written_off`. Asked at `denied_at`, its keeper said that it
    has no such payment, and once more, told at `denied_again_at`.
    """

    payment_id: str
    transfer_id: str
    number: int
    customer: str
    kind: LegKind
    scheme: str
    account: str
    asset: str
    amount: int
    beneficiary: str
    beneficiary_name: str
    memo: str
    waits_for: Literal["settled", "irrevocable"]
    status: LegStatus = "requested"
    buys: str = ""
    buys_amount: int = 0
    expires_at: int = 0
    undo_scheme: str = ""
    undo_of: str = ""
    undone: bool = False
    held: int = 0
    exposed: int = 0
    passive: int = 0
    due: int = 0
    coming_back: int = 0
    excess: int = 0
    returned: int = 0
    returned_at: int = 0
    fee: int = 0
    sent_at: int = 0
    heard_at: int = 0
    settles_at: int = 0
    instructed_at: int = 0
    instructed_for: int = 0
    due_at: int = 0
    silent_until: int = 0
    settled_at: int = 0
    revocable_until: int = 0
    line_due_at: int = 0
    contingent: int = 0
    queries: int = 0
    reference: str = ""
    code: str = ""
    reason: str = ""
    recalled: str = ""
    evidence: list[int] = field(default_factory=list)
    nonce: int = -1
    spends: tuple[str, ...] = ()
    attempts: list[Attempt] = field(default_factory=list)
    deducted: int = 0
    quote: str = ""
    called: list[str] = field(default_factory=list)
    source: str = ""
    disposes: str = ""
    sent_back: str = ""
    nonce_used_at: int = 0
    nonce_used_by: dict[str, int] = field(default_factory=dict)
    nonce_doubted_at: int = 0
    unfunded: bool = False
    cancels_from: int = 0
    untold: int = 0
    stands_untold: bool = False
    gone_again: int = 0
    drawn: int = 0
    kept: int = 0
    set_off: int = 0
    written_off: int = 0
    denied_at: int = 0
    denied_again_at: int = 0
    file: int = 0

    @property
    def outstanding(self) -> int:
        """What the nostro has still to show."""
        return self.due + self.coming_back


class Transfer(Struct, gc=False):
    """What a customer asked for. `content` tells an echo from another body under the same id."""

    transfer_id: str
    customer: str
    content: str
    requested_at: int
    requested_by: str
    legs: list[str] = field(default_factory=list)
    refusal: str = ""
    reason: str = ""
    needs_release: bool = False
    approver: str = ""
    screened: Literal["", "clear", "hit"] = ""
    told: str = ""
    cancelled_by: str = ""


class Limit(Struct, frozen=True, gc=False):
    """A bound on what is in flight or contingent."""

    limit: str
    scope: LimitScope
    subject: str
    asset: str
    amount: int


class Item(Struct, gc=False):
    """An open break of settlement: what it is about, its signed size, why, and what would help;
    `detail` has the figures that disagree, where there are two."""

    subject: str
    account: str
    asset: str
    size: int
    cause: ItemCause
    opened_at: int
    number: int
    owner: str
    proposal: str
    evidence: list[int] = field(default_factory=list)
    detail: str = ""


class ClosedItem(Struct, frozen=True, gc=False):
    """A break of settlement that is over, and why."""

    subject: str
    account: str
    asset: str
    size: int
    cause: ItemCause
    opened_at: int
    closed_at: int
    number: int
    resolution: str
    evidence: tuple[int, ...]
    detail: str = ""


class Suspended(Struct, frozen=True, gc=False):
    """A line whose amount lies in suspense, or a part of one; `sent_back` is the payment that is to
    send it back."""

    account: str
    line_id: str
    asset: str
    amount: int
    at: int
    references: tuple[str, ...]
    counterparty: str
    frame: int
    kind: LineKind = "payment"
    code: str = ""
    sent_back: str = ""
    booked_at: int = 0


class Credited(Struct, gc=False):
    """A line that became a customer's without an intent, and what was taken back of it.

    It is exposed for what may still be taken back, and for what is owed to us since it was; all of
    that is `passive` but what payments and exchanges of ours have `drawn`, by their ids. `code` is
    why it was taken back, and `returned_at` when. `set_off` and `written_off` are as a leg's.
    """

    subject: str
    account: str
    asset: str
    amount: int
    customer: str
    code: str
    scheme: str = ""
    revocable_until: int = 0
    contingent: int = 0
    exposed: int = 0
    passive: int = 0
    returned: int = 0
    drawn: dict[str, int] = field(default_factory=dict)
    returned_at: int = 0
    set_off: int = 0
    written_off: int = 0

    @property
    def payment_id(self) -> str:
        """What its entries in the ledger are about."""
        return self.subject


class Deposit(Struct, frozen=True, gc=False):
    """Value for a customer that was seen in a block which is not final."""

    account: str
    asset: str
    amount: int
    customer: str
    block_number: int
    block_hash: str
    seen_at: int


class Head(Struct, frozen=True, gc=False):
    """What a node last said of its chain."""

    number: int
    block_hash: str
    finalized: int
    finalized_hash: str
    base_fee: int
    at: int


class Corrected(Struct, frozen=True, gc=False):
    """What was told of a beneficiary's details: why they are wrong; what is right, in the teller's
    words and, where these can be read, as it is written here; and of which payment."""

    code: str
    corrected: str
    right: str
    payment_id: str


class AskedBack(Struct, gc=False):
    """A payment of ours that we asked back: whether the bank took that in, and its answer."""

    payment_id: str
    code: str
    asked_at: int
    sendings: int = 0
    taken: bool = False
    answer: str = ""
    file: int = 0


class Filed(Struct, gc=False):
    """How many files an account's keeper was sent, and when the last one says it was made."""

    made: int = 0
    at: int = 0


class TheirRecall(Struct, gc=False):
    """What somebody asked back of us, why, our answer ("yes", a reason for no, or "" while it is
    held), and whether that was taken in. `about` is what lay in suspense when it was asked back."""

    account: str
    recall_id: str
    code: str
    answer: str
    answered_at: int
    sendings: int = 0
    taken: bool = False
    references: tuple[str, ...] = ()
    amount: int = 0
    asked_at: int = 0
    about: str = ""


class Chain(Struct, gc=False):
    """What we know of a chain through its nodes; `agreed` is final by all of them, `read` was so
    before. `used` is how many nonces each node knows as used, `nonce_opened` whether they ever told
    and `nonce_known` whether they did since we began to listen."""

    account: str
    next_nonce: int = 0
    agreed: int = 0
    agreed_hash: str = ""
    agreed_at: int = 0
    read: int = 0
    read_hash: str = ""
    asked_block: int = 0
    asked_hash: str = ""
    heads: dict[str, Head] = field(default_factory=dict)
    disagreed_at: int = 0
    nonce_opened: bool = False
    nonce_known: bool = False
    used: dict[str, int] = field(default_factory=dict)


class StatementChain(Struct, gc=False):
    """The last closed statement of one asset: the next must open where it closed."""

    sequence: int
    closing: int
    to_at: int
    statement_id: str = ""


class StatementGap(Struct, gc=False):
    """Closed statements that do not follow on one another: the first closed so, the second opened
    so. `pieces` are what came of the time between: its end, its opening and its closing."""

    account: str
    asset: str
    after_id: str
    after_at: int
    closing: int
    before_id: str
    before_at: int
    opening: int
    pieces: list[tuple[int, int, int]] = field(default_factory=list)


class Unread(Struct, frozen=True, gc=False):
    """A document of an account's record that cannot be read yet."""

    account: str
    document_id: str
    after: str
    found_at: int


class Quote(Struct, gc=False):
    """A quote of the desk, and how much of what it sells was taken out of it."""

    told: ExchangeQuoted
    taken: int = 0


class Lot(Struct, gc=False):
    """What one deal left open of a pair: so much of its base, for so much against it."""

    deal: str
    base: int
    against: int


class Position(Struct, gc=False):
    """The open lots of a pair, the oldest first, each of one side; and what was realised."""

    base: str
    against: str
    lots: list[Lot] = field(default_factory=list)
    realised: int = 0

    def of(self, asset: str) -> int:
        """How much of an asset is open: positive where we have it."""
        if asset == self.base:
            return sum(lot.base for lot in self.lots)
        return sum(lot.against for lot in self.lots) if asset == self.against else 0


class Settlement(Struct, gc=False):
    """The whole of settlement.

    `over` are the transfers of which nothing is open, and the moment from which on they may leave
    the state; `leaving` has them by that moment, as a heap, and some that are not over any more;
    `put_away` is how many ever left. `told_lately` has all that was told since `told_sorted_at`,
    and a little of before. `closed` are the last breaks that closed, `closed_made` how many did.
    `gone_back` is what left suspense to be sent back, by subject. `over_since` are the sums that
    stand above their limit by what others did, `over_ns` how long such sums ever did, once they no
    more do, and `over_most` how high.
    """

    calendars: dict[str, CalendarPublished] = field(default_factory=dict)
    schemes: dict[str, SchemePublished] = field(default_factory=dict)
    limits: dict[str, Limit] = field(default_factory=dict)
    customers: dict[str, None] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    open_legs: dict[str, None] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    batches: dict[str, list[str]] = field(default_factory=dict)
    strays: dict[str, ReturnReported] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    told_lately: dict[str, int] = field(default_factory=dict)
    ledger: dict[str, int] = field(default_factory=dict)
    exposure: dict[str, int] = field(default_factory=dict)
    passive: dict[str, int] = field(default_factory=dict)
    suspense: dict[str, Suspended] = field(default_factory=dict)
    resolutions: dict[str, str] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    closed: list[ClosedItem] = field(default_factory=list)
    deposits: dict[str, Deposit] = field(default_factory=dict)
    recalls: dict[str, TheirRecall] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)
    statements: dict[str, StatementChain] = field(default_factory=dict)
    payments_made: int = 0
    overcharged: dict[str, Suspended] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)
    covers: dict[str, str] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)
    leaving: list[tuple[int, str]] = field(default_factory=list)
    put_away: int = 0
    told_sorted_at: int = 0
    closed_made: int = 0
    gone_back: dict[str, Suspended] = field(default_factory=dict)
    gaps: dict[str, StatementGap] = field(default_factory=dict)
    untied: dict[str, NostroStated] = field(default_factory=dict)
    unread: dict[str, Unread] = field(default_factory=dict)
    asked_back: dict[str, AskedBack] = field(default_factory=dict)
    credits: dict[str, Credited] = field(default_factory=dict)
    credits_open: dict[str, None] = field(default_factory=dict)
    credit_names: dict[str, list[str]] = field(default_factory=dict)
    over_since: dict[str, int] = field(default_factory=dict)
    over_ns: dict[str, int] = field(default_factory=dict)
    over_most: dict[str, int] = field(default_factory=dict)
    recalls_held: dict[str, None] = field(default_factory=dict)
    corrections: dict[str, Corrected] = field(default_factory=dict)
    filed: dict[str, Filed] = field(default_factory=dict)
