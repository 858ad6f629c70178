"""Facts of settlement: what customers ask, what rails are like, and what their keepers tell.

The rules of `core.events` hold here too. A *transfer* is what a customer asked for, under an id of
the customer's; its *legs* each move one asset over one scheme, exchange one asset for another, or
have a token minted for cash or burned for it.
A leg that moves value over a rail is a *payment*, under one id of ours for ever. An *account* is
our own account with a bank, a custodian or on a chain ("bank_us/ops"): our nostro. Amounts are
whole units of the asset, positive where value comes to us, unless said otherwise. This module is
never compiled.
"""

from typing import Literal

from msgspec import Struct

from core.fact import Fact

LegKind = Literal["out", "in", "exchange", "mint", "burn"]
# Of the kinds of legs: those that move value over a rail, and those that bring a customer some.
OVER_A_RAIL: tuple[LegKind, ...] = ("out", "in")
BRINGS: tuple[LegKind, ...] = ("in", "burn")
SettledBy = Literal["message", "silence", "finality"]
Resend = Literal["never", "one_denial", "two_denials"]
DayUnit = Literal["banking_days", "calendar_days", "months"]
BeneficiaryKind = Literal["", "iban", "routing", "sort_code", "bic", "evm", "bitcoin"]
LineKind = Literal["payment", "return", "fee", "interest", "reversal", "unknown"]
LimitScope = Literal["rail", "customer", "asset", "release", "position", "mint"]
ResolvableCause = Literal[
    "nonce_taken", "statement_gap", "statement_untied", "unmatched_return", "unreadable", "denied"
]
PaymentStatus = Literal[
    "received", "accepted", "pending", "held", "settled", "rejected", "failed", "cancelled"
]


# --- what stands: calendars, schemes, limits, customers ------------------------------------------


class CalendarPublished(Fact, frozen=True, kw_only=True, gc=False):
    """The days of a calendar, one after another from `first_day` (days since 1970-01-01).

    `midnights` has the UTC nanoseconds at which each local day begins and, one more, those at which
    the last one ends; `banking` has a "1" for each banking day and a "0" for the others, one letter
    a day.
    """

    calendar: str
    first_day: int
    midnights: tuple[int, ...]
    banking: str


class Window(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is sent before the cut-off of a banking day settles at `settles_ns` so many banking days
    later, or at once where that is past.

    Both are nanoseconds after the local midnight of their banking day: below 0 on the evening
    before, above 24 hours in the night after.
    """

    cutoff_ns: int
    settles_ns: int
    days: int = 0


class Within(Struct, frozen=True, gc=False, omit_defaults=True):
    """A span after settlement: until `until_ns` after the local midnight of the last day.

    The last day comes `days` of its unit after the day of settlement, and `then_banking_days` after
    that: "the opening of the banking day following the sixtieth calendar day". `codes` are the
    reasons that have so long.
    """

    days: int
    unit: DayUnit = "banking_days"
    then_banking_days: int = 0
    until_ns: int = 0
    codes: tuple[str, ...] = ()


class SchemePublished(Fact, frozen=True, kw_only=True, gc=False):
    """The terms of a payment scheme, as we use it from one account in one direction.

    `settled_by` says what settles: a message of the counterparty, silence until the end of
    `silence`, or finality of the block. Evidence is due `settles_ns_max` after the settlement time
    (of the window, or of sending where there are no windows); an acknowledgement `answer_ns_max`
    after sending. `returns` are the spans in which a settled payment may still come back, by reason
    code; none where the rail is final. `recalls` are those in which we may ask it back, by reason,
    which obliges nobody. `id_valid_ns` is how long the counterparty honours our id as
    the key of idempotency, 0 for ever. Deductions are explained by fees up to `fee_max` from the
    payment itself, up to `return_fee_max` from what comes back of it, and up to `incoming_fee_max`
    from what others pay to the account; whoever states more is not believed for having stated it.
    `batched` counterparties may book many payments in one line, named by their batch.
    `files_per_minute_max` is how many files that say they were made in one minute their names tell
    apart (see `core.filing`), 0 where files have names of their own.
    `beneficiaries` says how they are written (see `core.beneficiaries`). `settled_codes` are the
    words of `PaymentReported` that settle here, and no other does; none listed: the teller's
    `settled`. `consents` are the spans in which what is final may still come back because its
    receiver agrees, asked or not: that is legal, and nothing stands contingent for it. What is
    `pushed` nobody of ours asks for: the row says until when a credit that others pay to this
    account may be taken back. `resend` says when a payment that the counterparty denies having may
    go again under its own id: after one denial, where ids are compared; after two and a look into
    the record, where they are not; or never. `listed_ns_max` is how long it may deny what it took.
    """

    scheme: str
    account: str
    asset: str
    kind: LegKind
    settled_by: SettledBy
    calendar: str = ""
    windows: tuple[Window, ...] = ()
    silence: Within | None = None
    returns: tuple[Within, ...] = ()
    recalls: tuple[Within, ...] = ()
    settles_ns_max: int
    answer_ns_max: int
    query_every_ns: int
    queries_max: int
    amount_max: int = 0
    fee_max: int = 0
    id_valid_ns: int = 0
    batched: bool = False
    beneficiaries: BeneficiaryKind = ""
    return_fee_max: int = 0
    incoming_fee_max: int = 0
    settled_codes: tuple[str, ...] = ()
    consents: tuple[Within, ...] = ()
    pushed: bool = False
    resend: Resend = "never"
    listed_ns_max: int = 0
    files_per_minute_max: int = 0


class LimitSet(Fact, frozen=True, kw_only=True, gc=False):
    """A bound on what may be in flight or contingent at once; of `release`, on one transfer alone;
    of `position`, on what exchanges may leave open of an asset, either way; of `mint`, on the cash
    that may be taken back and that a token was minted on.

    `subject` is a scheme, a customer ("*": each), a token or "" by scope. Above a `release` bound a
    second person and a clear screening are needed before anything is sent.
    """

    limit: str
    scope: LimitScope
    subject: str
    asset: str
    amount: int


class CustomerOpened(Fact, frozen=True, kw_only=True, gc=False):
    """We keep balances for this customer from now on."""

    customer: str


class AddressAssigned(Fact, frozen=True, kw_only=True, gc=False):
    """What comes to this address, virtual IBAN or reference of `account` is the customer's."""

    account: str
    address: str
    customer: str


class BalanceOpened(Fact, frozen=True, kw_only=True, gc=False):
    """What stood with a counterparty when our books began, and whose it is ("": our own)."""

    account: str
    asset: str
    amount: int
    customer: str
    occurred_at: int


# --- what customers and operators ask ------------------------------------------------------------


class LegWanted(Struct, frozen=True, gc=False, omit_defaults=True):
    """One leg of a transfer.

    `beneficiary` is whom we pay or from whom we pull: an IBAN, "routing/account", an address. An
    exchange gives `amount` of `asset` for `buys_amount` of `buys` by a `quote` of the desk, while
    that holds, and no later than `expires_at` where that is told.
    A mint gives `amount` of `asset` for `buys_amount` of the token `buys`, which the wallet
    `beneficiary` gets; where too much of that cash may be taken back it waits, no longer than until
    `expires_at`. A burn gives that much of the token out of it, and brings the cash.
    The next leg waits until this one is settled, or until it can no longer be returned. Where a
    later leg fails before it was sent, what this one brought is sent back over `undo_scheme`, or
    stays with the customer.
    """

    kind: LegKind
    asset: str
    amount: int
    scheme: str = ""
    beneficiary: str = ""
    beneficiary_name: str = ""
    memo: str = ""
    buys: str = ""
    buys_amount: int = 0
    expires_at: int = 0
    waits_for: Literal["settled", "irrevocable"] = "settled"
    undo_scheme: str = ""
    quote: str = ""


class TransferRequested(Fact, frozen=True, kw_only=True, gc=False):
    """A customer wants value moved. The same id with the same body is an echo, with another an
    error."""

    transfer_id: str
    customer: str
    legs: tuple[LegWanted, ...]
    requested_by: str = ""


class TransferReleased(Fact, frozen=True, kw_only=True, gc=False):
    """A second person lets a transfer go; never the one who requested it."""

    transfer_id: str
    approver: str


class TransferScreened(Fact, frozen=True, kw_only=True, gc=False):
    """The answer of sanctions screening."""

    transfer_id: str
    clear: bool
    reference: str = ""


class TransferCancelled(Fact, frozen=True, kw_only=True, gc=False):
    """Its customer or an operator does not want it any more; possible until it is sent."""

    transfer_id: str
    by: str


class RecallRequested(Fact, frozen=True, kw_only=True, gc=False):
    """An operator wants a credit back that was sent: a duplicate, a fraud, an error. Two people."""

    payment_id: str
    code: str
    author: str
    approver: str


class SuspenseResolved(Fact, frozen=True, kw_only=True, gc=False):
    """An operator says whose an unexplained line is, or that it goes back. Two people; one id.

    `line_id` names what lies in suspense: a line, or the payment of which it is the excess. With a
    `scheme` it is sent back over that to the `beneficiary`, as a payment of its own; with a
    `payment_id` it belongs to that payment of ours; else it is the customer's, or, of no customer,
    written off as a gain or a loss of ours.
    """

    resolution_id: str
    account: str
    line_id: str
    customer: str
    author: str
    approver: str
    reason: str
    scheme: str = ""
    beneficiary: str = ""
    beneficiary_name: str = ""
    payment_id: str = ""


class ItemResolved(Fact, frozen=True, kw_only=True, gc=False):
    """An operator closes a break that evidence did not close. Two people; one id.

    `subject` and `cause` name the break, `evidence` says where that is kept by which they know. Of
    an unmatched return `payment_id` is the payment that came back, "" where none of ours did. A
    payment that was denied never left, as they know: it fails, and is not sent again. Of a
    nonce that was taken `line_id` is what the transaction moved that took it: our own spending.
    """

    resolution_id: str
    subject: str
    cause: ResolvableCause
    author: str
    approver: str
    reason: str
    evidence: str
    payment_id: str = ""
    line_id: str = ""


class DebtResolved(Fact, frozen=True, kw_only=True, gc=False):
    """An operator says what becomes of what a customer owes since a payment or a deposit came back.
    Two people; one id.

    `subject` is the payment of ours, or the deposit as "account line". So much of it is set off
    against what the customer has with us, or written off as a loss of ours; `evidence` says where
    that is kept by which they know: the customer's consent, the deposit that pays it, a decision.
    """

    resolution_id: str
    subject: str
    way: Literal["set_off", "write_off"]
    amount: int
    author: str
    approver: str
    reason: str
    evidence: str


# --- told by a bank or a custodian ---------------------------------------------------------------


class PaymentReported(Fact, frozen=True, kw_only=True, gc=False):
    """A counterparty told the status of a payment of ours.

    `settled` stands only for what the scheme's own rule calls settled (a pacs.002 that says so, a
    gpi ACCC, a custodian's final status with its final sub-status); `rejected`, `failed` and
    `cancelled` only for definite answers: nothing will move. `moved` says that value has left us
    and nobody was credited: neither settled nor failed. `reference` is their own id; `replaces`
    the reference that this one took the place of. `fee` was deducted on the way; `batch` names the
    file or batch in which a bank may book it. `word` is the status in the teller's own words with
    the message that bore it ("pacs.002 ACSC"): where a scheme lists the words that settle, they
    decide and not `settled`.
    """

    account: str
    payment_id: str
    status: PaymentStatus
    reference: str = ""
    code: str = ""
    reason: str = ""
    amount: int | None = None
    fee: int = 0
    moved: bool = False
    replaces: str = ""
    batch: str = ""
    occurred_at: int = 0
    word: str = ""


class PaymentMissing(Fact, frozen=True, kw_only=True, gc=False):
    """A counterparty answered that it knows no such payment."""

    account: str
    payment_id: str
    asked_at: int


class ReturnReported(Fact, frozen=True, kw_only=True, gc=False):
    """A payment comes back, or a debit is returned or refunded: pacs.004, a NACHA return.

    `amount` is positive: how much of the payment. `payment_id` is ours where it was told, else the
    original's `references` say which. `dishonours` names an earlier return that this one undoes.
    """

    account: str
    return_id: str
    payment_id: str
    amount: int
    code: str
    references: tuple[str, ...] = ()
    fee: int = 0
    dishonours: str = ""
    occurred_at: int = 0


class ChangeNotified(Fact, frozen=True, kw_only=True, gc=False):
    """The beneficiary's details were wrong and were corrected: a NACHA notification of change.

    `payment_id` is ours where it was told, else the original's `references` say which.
    """

    account: str
    payment_id: str
    code: str
    corrected: str
    references: tuple[str, ...] = ()


class RecallReported(Fact, frozen=True, kw_only=True, gc=False):
    """Somebody asks back what they paid us (camt.056). `references` name the line it came in."""

    account: str
    recall_id: str
    references: tuple[str, ...]
    amount: int
    code: str


class RecallAnswered(Fact, frozen=True, kw_only=True, gc=False):
    """The answer to a recall of ours (camt.029); an accepted one is followed by its return."""

    account: str
    payment_id: str
    accepted: bool
    code: str


class RecallTaken(Fact, frozen=True, kw_only=True, gc=False):
    """A bank took in our recall of `payment_id`, or our answer to theirs (`recall_id`): it has it,
    and what comes of it is told later."""

    account: str
    payment_id: str = ""
    recall_id: str = ""


class LinePart(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a line says of one of the payments in it; the amount is signed as the line's."""

    amount: int
    references: tuple[str, ...]


class LineBooked(Fact, frozen=True, kw_only=True, gc=False):
    """A counterparty booked one line on our account: it is in the balance that it states.

    `line_id` is the only stable id there is of it (a bank's own reference, a transaction and its
    log); `derived_id` says that the teller gave none, and that it is made of what the line says.
    All ids told stand in `references`; a line with details tells its `parts`, whose sum is the
    amount. `fee` was taken within the amount, so that the line's payment is amount + fee; beside
    several payments it is a part of its own, the one without references. `pending` lines are
    announced, in no balance, and may vanish; `covered` ones are in the balance that our books began
    with.
    """

    account: str
    line_id: str
    asset: str
    amount: int
    booked_at: int
    kind: LineKind = "payment"
    value_at: int = 0
    references: tuple[str, ...] = ()
    parts: tuple[LinePart, ...] = ()
    counterparty: str = ""
    code: str = ""
    reversal: bool = False
    pending: bool = False
    derived_id: bool = False
    fee: int = 0
    covered: bool = False


class NostroStated(Fact, frozen=True, kw_only=True, gc=False):
    """A closed statement: opening + entries = closing, and the next one opens where it closed.

    `sequence` is the teller's number of the statement, 0 if it tells none. An intraday or balance
    report that is no statement comes as `StatementReported`.
    """

    account: str
    asset: str
    statement_id: str
    sequence: int
    opening: int
    closing: int
    entries: int
    entries_sum: int
    from_at: int
    to_at: int


class DocumentQuarantined(Fact, frozen=True, kw_only=True, gc=False):
    """A document of the account's own record cannot be read; the record goes on after it.

    Its bytes, `size` of them, are in the frame. `after` is the cursor behind which it stands, so
    that it can be read again; what it says, and how much, nobody knows until then.
    """

    account: str
    document_id: str
    after: str
    reason: str
    size: int


class DocumentRead(Fact, frozen=True, kw_only=True, gc=False):
    """A document that could not be read was asked for again and is read: its lines came first."""

    account: str
    document_id: str


# --- told by a chain -----------------------------------------------------------------------------


class TransactionSigned(Fact, frozen=True, kw_only=True, gc=False):
    """The signer signed an attempt at a payment: these bytes and no others will be sent.

    `raw` is hexadecimal; `spends` are the outpoints that it consumes, where the chain has such:
    there `fee_max` is the whole fee, reckoned by `rate`.
    """

    account: str
    payment_id: str
    attempt: int
    nonce: int
    tx_hash: str
    raw: str
    fee_max: int
    tip_max: int
    spends: tuple[str, ...] = ()
    rate: int = 0


class SigningRefused(Fact, frozen=True, kw_only=True, gc=False):
    """The signer would not, or could not."""

    account: str
    payment_id: str
    attempt: int
    reason: str


class HeadReported(Fact, frozen=True, kw_only=True, gc=False):
    """A node told its newest and its newest finalized block. It may lag, and it may lie."""

    account: str
    source: str
    number: int
    block_hash: str
    finalized: int
    finalized_hash: str
    base_fee: int = 0


class BlockReported(Fact, frozen=True, kw_only=True, gc=False):
    """A node told which block it has at a number; "" if it has none."""

    account: str
    source: str
    number: int
    block_hash: str


class TransactionReported(Fact, frozen=True, kw_only=True, gc=False):
    """A node told what it knows of a transaction: nothing, pending, or mined in a block.

    `fee` was paid if it was mined, whether or not it `succeeded`.
    """

    account: str
    source: str
    tx_hash: str
    status: Literal["unknown", "pending", "mined"]
    asked_at: int
    block_number: int = 0
    block_hash: str = ""
    succeeded: bool = False
    fee: int = 0


class TransactionRejected(Fact, frozen=True, kw_only=True, gc=False):
    """A node would not take signed bytes: nonce too low, underpriced replacement, already known."""

    account: str
    tx_hash: str
    code: Literal["already_known", "nonce_too_low", "underpriced", "no_funds", "invalid"]
    reason: str


class NonceReported(Fact, frozen=True, kw_only=True, gc=False):
    """How many transactions of the account are mined at the head, and in the finalized block; and
    how many with those that wait in the node's mempool in their order (-1: it does not tell)."""

    account: str
    source: str
    latest: int
    finalized: int
    pending: int = -1


class DepositSeen(Fact, frozen=True, kw_only=True, gc=False):
    """Value for us was seen in a block that is not final yet: a hint, booked nowhere."""

    account: str
    line_id: str
    asset: str
    amount: int
    address: str
    block_number: int
    block_hash: str
    removed: bool = False


# --- told by the treasury desk -------------------------------------------------------------------


class ExchangeQuoted(Fact, frozen=True, kw_only=True, gc=False):
    """The desk gives `buys_units` of one asset for each `sells_units` of another: an exact rate.

    It holds until `expires_at`, for `customer` ("": for any), and for at most `amount_max` of what
    is sold, over all the exchanges that name it.
    """

    quote_id: str
    customer: str
    sells: str
    buys: str
    sells_units: int
    buys_units: int
    amount_max: int
    expires_at: int


class ExchangeCovered(Fact, frozen=True, kw_only=True, gc=False):
    """The desk sold and bought in the market, for us, what exchanges had left open.

    What it sold we owe it and what it bought it owes us, until either is delivered.
    """

    cover_id: str
    sold: str
    sold_amount: int
    bought: str
    bought_amount: int
    occurred_at: int = 0


RailEvent = (
    CalendarPublished
    | SchemePublished
    | LimitSet
    | CustomerOpened
    | AddressAssigned
    | BalanceOpened
    | TransferRequested
    | TransferReleased
    | TransferScreened
    | TransferCancelled
    | RecallRequested
    | SuspenseResolved
    | ItemResolved
    | DebtResolved
    | PaymentReported
    | PaymentMissing
    | ReturnReported
    | ChangeNotified
    | RecallReported
    | RecallAnswered
    | RecallTaken
    | LineBooked
    | NostroStated
    | DocumentQuarantined
    | DocumentRead
    | TransactionSigned
    | SigningRefused
    | HeadReported
    | BlockReported
    | TransactionReported
    | TransactionRejected
    | NonceReported
    | DepositSeen
    | ExchangeQuoted
    | ExchangeCovered
)
