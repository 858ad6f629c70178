"""What we ask of banks, custodians, chains, signers, screeners and customers' screens.

The rules of `core.effects` hold: a payment carries one id of ours for ever, and asking twice under
it moves value once. This module is never compiled.
"""

from typing import Literal

from core.rail_events import LegKind
from core.wish import Wish


class SendPayment(Wish, frozen=True, kw_only=True, gc=False):
    """Instruct a bank or a custodian: a credit to the beneficiary, or a debit pulled from it.

    `sent_at` is when it was sent first and `settles_at` when it is to settle: a file bears both,
    and one that is built again must be the same bytes. `file` is the number of the file where names
    of files are scarce (see `core.filing`), and `sent_at` then the moment at which it was made.
    """

    account: str
    scheme: str
    payment_id: str
    kind: LegKind
    asset: str
    amount: int
    beneficiary: str
    beneficiary_name: str = ""
    memo: str = ""
    sent_at: int = 0
    settles_at: int = 0
    file: int = 0


class QueryPayment(Wish, frozen=True, kw_only=True, gc=False):
    """Ask what became of a payment that was sent first at `sent_at`."""

    account: str
    scheme: str
    payment_id: str
    sent_at: int = 0


class RecallPayment(Wish, frozen=True, kw_only=True, gc=False):
    """Ask back a payment that was sent first at `sent_at`: a camt.056, or a NACHA reversal, which
    says once more from whom to whom it went, in the file of that number."""

    account: str
    scheme: str
    payment_id: str
    amount: int
    code: str
    kind: LegKind = "out"
    asset: str = ""
    beneficiary: str = ""
    beneficiary_name: str = ""
    sent_at: int = 0
    asked_at: int = 0
    file: int = 0


class AnswerRecall(Wish, frozen=True, kw_only=True, gc=False):
    """Answer somebody's recall: no, with a code; or yes, once the payment that sends it back has
    settled."""

    account: str
    recall_id: str
    code: str
    answered_at: int = 0
    accepted: bool = False


class FetchClosed(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for the closed statements that end after one moment and not after another."""

    account: str
    after_at: int
    until_at: int


class FetchDocument(Wish, frozen=True, kw_only=True, gc=False):
    """Ask once more for a document of the record that could not be read, behind its cursor."""

    account: str
    document_id: str
    after: str


class SignTransaction(Wish, frozen=True, kw_only=True, gc=False):
    """Ask the signer for the bytes of one attempt at a payment.

    `asset` names what moves: the chain's own coin or a token. `spends` are the outpoints to consume
    where the chain has such, with `change` going back to us; where none are named yet, the wallet
    chooses them, and none of those to `avoid`: other payments of ours spend them. On such a chain
    the fee is `rate` for each virtual byte, and the whole of it at most `fee_max`. What `cancels`
    pays nothing, to ourselves: it uses up the nonce, so that the payment which had it can never be
    mined.
    """

    account: str
    payment_id: str
    attempt: int
    nonce: int
    asset: str
    amount: int
    beneficiary: str
    fee_max: int
    tip_max: int
    spends: tuple[str, ...] = ()
    change: int = 0
    avoid: tuple[str, ...] = ()
    cancels: bool = False
    rate: int = 0


class BroadcastTransaction(Wish, frozen=True, kw_only=True, gc=False):
    """Hand signed bytes to the chain; the same bytes twice change nothing."""

    account: str
    payment_id: str
    tx_hash: str
    raw: str


class FetchTransaction(Wish, frozen=True, kw_only=True, gc=False):
    """Ask a node what it knows of a transaction."""

    account: str
    source: str
    payment_id: str
    tx_hash: str


class FetchHead(Wish, frozen=True, kw_only=True, gc=False):
    """Ask a node for its newest and its newest finalized block."""

    account: str
    source: str


class FetchBlock(Wish, frozen=True, kw_only=True, gc=False):
    """Ask a node which block it has at a number."""

    account: str
    source: str
    number: int


class FetchNonce(Wish, frozen=True, kw_only=True, gc=False):
    """Ask a node how many of our transactions are mined, and how many wait."""

    account: str
    source: str


class FetchFinal(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for the account's lines in the blocks after `after` up to and with `through`.

    `after_hash` is the hash of the block `after`, on which two nodes agreed; "" where it is not
    known: Bitcoin's node then tells of everything that it ever had.
    """

    account: str
    source: str
    after: int
    through: int
    after_hash: str = ""


class ScreenTransfer(Wish, frozen=True, kw_only=True, gc=False):
    """Ask for sanctions screening of the parties to a transfer."""

    transfer_id: str
    customer: str
    beneficiaries: tuple[str, ...]


class TellCustomer(Wish, frozen=True, kw_only=True, gc=False):
    """What a customer sees of a transfer. Never "completed" without settlement, never "pending"
    again. Of a deposit that the bank took back `transfer_id` names the account and its line."""

    customer: str
    transfer_id: str
    status: Literal[
        "refused", "pending", "completed_returnable", "completed", "returned", "failed", "cancelled"
    ]
    returnable_until: int = 0
    reason: str = ""


RailEffect = (
    SendPayment
    | QueryPayment
    | RecallPayment
    | AnswerRecall
    | FetchClosed
    | FetchDocument
    | SignTransaction
    | BroadcastTransaction
    | FetchTransaction
    | FetchHead
    | FetchBlock
    | FetchNonce
    | FetchFinal
    | ScreenTransfer
    | TellCustomer
)
