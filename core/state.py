"""All that the core remembers: plain records, no behaviour.

Everything here can be rebuilt by stepping through the journal, is written into snapshots, and is
part of the digest, except `State.posted`, `booked` and `settled`: the last step's postings, its
entries in the ledger and the payments that it settled, for whoever watches. Nor is `State.moves`,
which somebody who counts what lifecycles did sets to a dictionary of his.

It is bounded: what grows with time (ids, orders and transfers that are over, progress) is put away
in the journal and recalled when it is named again (`core/memory.py`, `core/settlement_memory.py`);
of what was resolved a tail is here, the journal has all; an alarm leaves as it rings. What is left
grows with names (accounts, assets, instruments), with what is open, and with what is done by hand
(adjustments, restatements).

A *holding* is a name, "account/subject/leg": an asset's cash ("binance_spot/main/XRP/cash") or an
instrument's leg ("okx_swap/main/XRP-USDT-SWAP/long"). A *figure* is a name, too:
"strategy/account/instrument/purpose/unit". Each posting moves one holding and one figure by the
same amount, so that every holding is the sum of what it is attributed to.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from core.events import (
    Cause,
    FillBusted,
    FillReported,
    InstrumentKind,
    Leg,
    OrderKind,
    Side,
    StatementKind,
    Tells,
)
from core.risk_events import Use
from core.risk_state import Risk
from core.settlement_state import LedgerEntry, Settlement
from core.token_state import Token

OrderStatus = Literal[
    "requested",
    "refused",
    "in_flight",
    "unknown",
    "acknowledged",
    "partially_filled",
    "filled",
    "cancelled",
    "expired",
    "rejected",
]


# Whose what bears none of our client order ids is.
UNATTRIBUTED = "unattributed"


class Posting(Struct, frozen=True, gc=False):
    """One amount, from a figure into a holding. A memorandum has no holding ("")."""

    holding: str
    figure: str
    amount: int


class Opening(Struct, frozen=True, gc=False):
    """Up to where an adopted opening has all that the venue's record tells."""

    occurred_at: int
    sequence: int


class Entry(Struct, frozen=True, gc=False):
    """A recent posting, in the teller's order."""

    occurred_at: int
    sequence: int
    amount: int


class Order(Struct, gc=False):
    """One order of ours, or one that we found.

    `uses` is what it takes of limits' lines, by the ticket of the gate's epoch; of its quantity so
    much is `reserved` there, and `counted` as filled. `summed_at` is when our sum of its fills made
    it filled; 0 where it did not, or the venue says so too. `claimed_at` is when the venue last
    began to claim more fills than it told.
    """

    client_order_id: str
    strategy: str
    reference: str
    account: str
    instrument: str
    side: Side
    leg: Leg
    quantity: int
    price: int
    kind: OrderKind
    reduce_only: bool
    status: OrderStatus
    requested_at: int
    order_id: str = ""
    filled: int = 0
    reason: str = ""
    told_filled: int = 0
    cancel_wanted: bool = False
    gate_epoch: int = 0
    uses: tuple[Use, ...] = ()
    reserved: int = 0
    counted: int = 0
    summed_at: int = 0
    claimed_at: int = 0


class Progress(Struct, gc=False):
    """What is booked of an order of which only its cumulative quantity is told.

    `disputed` is what was told last that contradicts it.
    """

    quantity: int = 0
    value: int = 0
    doubt: int = 0
    fee: int = 0
    at: int = 0
    disputed: str = ""


class Terms(Struct, frozen=True, gc=False):
    """A multiplier, and since when (by the venue's clock) it holds."""

    multiplier: int
    effective_at: int


class Booking(Struct, gc=False):
    """A recent fill or bust of contracts, and the lines of it that depend on their size."""

    event: FillReported | FillBusted
    strategy: str
    lines: list[Posting]


class Derived(Struct, gc=False):
    """A change from `old` contracts to `new` whose time was not told: somewhere in `lo`..`hi`.

    It is taken to be at `since`; `lines` were posted for it, and these holdings `agreed` with that.
    It was heard of at `heard_at`; the change before it came at `before`.
    """

    old: int
    new: int
    lo: int
    hi: int
    since: int
    heard_at: int
    before: int
    lines: list[Posting] = field(default_factory=list)
    agreed: dict[str, None] = field(default_factory=dict)


class Listing(Struct, gc=False):
    """An instrument's terms. `multiplier` is what our holdings are counted in now.

    `changes` are its changes in order, with what the multiplier was `at_first`; those announced but
    not yet in force stand last. `restated` of them are booked. `bookings` are the last ones, where
    the venue can be asked for terms: a change may be heard of after them. `confirmed_at` is the
    latest moment at which the multiplier was surely in force; `derived` is the last change while
    only evidence says when it came.
    """

    instrument: str
    kind: InstrumentKind
    base: str
    quote: str
    settle: str
    multiplier: int
    listing: int
    effective_at: int = 0
    at_first: int = 0
    changes: list[Terms] = field(default_factory=list)
    restated: int = 0
    bookings: list[Booking] = field(default_factory=list)
    confirmed_at: int = 0
    derived: Derived | None = None


class Reading(Struct, gc=False):
    """One line of a statement that did not agree when it came.

    It holds somewhere within `lo`..`hi` by the teller's clock, or at `sequence` where that is told.
    `asked_at` is 0 of a push that told its as-of: nobody asked for it.
    """

    holding: str
    told: int
    lo: int
    hi: int
    sequence: int
    asked_at: int
    heard_at: int
    frame: int
    due_at: int
    as_of_told: bool = False


class Drift(Struct, gc=False):
    """A difference under suspicion, or an open break once it survived the evidence.

    `size` is the venue's figure less ours, at the reading's own as-of; `since` is the as-of of the
    first that told this size (0: of this reading), and `absurd` whether what is told looked so when
    it was told first. Owner and proposal go with
    the cause. Where two tellings contradict there may be no size (0), and only a person ends it.
    """

    reading: Reading
    size: int
    opened_at: int
    reads: int = 1
    survived: bool = False
    survived_at: int = 0
    broken_at: int = 0
    number: int = 0
    contradiction: bool = False
    since: int = 0
    absurd: bool = False
    cause: Cause = "unknown"
    owner: str = ""
    proposal: str = ""


class Unsure(Struct, gc=False):
    """How often in a row a holding's lines proved nothing, and the last one's as-of."""

    reads: int = 0
    hi: int = 0


class Resolved(Struct, frozen=True, gc=False):
    """A suspect or break that is over, and why."""

    holding: str
    size: int
    number: int
    opened_at: int
    broken_at: int
    closed_at: int
    cause: Cause
    owner: str
    proposal: str
    resolution: str
    evidence: tuple[int, ...]


class Move(Struct, frozen=True, gc=False):
    """A recent funding settlement or movement of cash: what a difference may look like."""

    kind: str
    ident: str
    asset: str
    amount: int


class Backfill(Struct, gc=False):
    """A round of reading the venue's own record from our cursors to its end."""

    started_at: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    wanted: bool = False
    finished_at: int = 0


class CashMove(Struct, gc=False):
    """Cash that a strategy asked to have moved; what did not happen yet has no time (0)."""

    move_id: str
    strategy: str
    reference: str
    source: str
    target: str
    asset: str
    amount: int
    requested_at: int
    due_at: int
    debited_at: int = 0
    credited_at: int = 0


class Orphan(Struct, frozen=True, gc=False):
    """A booked fill that named only the venue's order id, of an order we cannot place yet."""

    instrument: str
    quantity: int
    lines: tuple[Posting, ...]


class Reference(Struct, frozen=True, gc=False):
    """What an instrument is taken to be worth, and since when (by our clock) that is so."""

    price: int
    as_of: int


class ReadingBack(Struct, gc=False):
    """An account whose tail was lost: how far we are in reading it back (`core/cut.py`).

    A listing of open orders asked for from `since` on is complete; one was heard at `listed_at`.
    """

    since: int
    listed_at: int = 0


class Account(Struct, gc=False):
    """One account at one venue: how it tells, and how far we are in listening.

    `put_away_until` is the newest moment, by the venue's clock, that anything put away can be of;
    `unread` has how often in a row each kind of statement could not be had.
    """

    name: str
    tells: Tells
    statements: tuple[StatementKind, ...]
    statement_period_ns: int
    backfill_period_ns: int
    settle_ns: int
    silence_ns_max: int
    clock_error_ns: int
    bracketed: bool
    hedged: bool
    ledger: bool
    request_validity_ns: int
    latency_ns_max: int
    instruments: bool = False
    chain: Literal["", "evm", "bitcoin"] = ""
    sources: tuple[str, ...] = ()
    page_rows: int = 0
    listings: dict[str, Listing] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    working: dict[str, None] = field(default_factory=dict)
    client_ids: dict[str, str] = field(default_factory=dict)
    orphans: dict[str, list[Orphan]] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    fee_assets: dict[str, None] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    epoch: int = 0
    streaming: bool = False
    refused: int = 0
    heard_at: int = 0
    backfill: Backfill = field(default_factory=Backfill)
    mode_told: bool | None = None
    put_away_until: int = 0
    unread: dict[str, int] = field(default_factory=dict)


class State(Struct, gc=False):
    """The whole.

    `resolved` are the last suspects and breaks that are over, `resolved_made` how many there were,
    `causes` how often each cause was found. `put_away` counts what was ever put away. `openings`
    are those that were adopted, by holding; unset where none was. `cut` has the accounts that are
    being read back, in a journal that ever lost its tail. `cash_moves` are those that are not over;
    unset where none ever was.
    """

    node: str = ""
    epoch: int = 0
    orders_made: int = 0
    breaks_made: int = 0
    now: int = 0
    accounts: dict[str, Account] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    holdings: dict[str, int] = field(default_factory=dict)
    doubts: dict[str, int] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    recent: dict[str, list[Entry]] = field(default_factory=dict)
    horizon: dict[str, int] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    unsure: dict[str, Unsure] = field(default_factory=dict)
    suspects: dict[str, Drift] = field(default_factory=dict)
    breaks: dict[str, Drift] = field(default_factory=dict)
    adjusted: dict[str, str] = field(default_factory=dict)
    resolved: list[Resolved] = field(default_factory=list)
    resolved_made: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    put_away: int = 0
    alarms: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    settlement: Settlement = field(default_factory=Settlement)
    risk: Risk = field(default_factory=Risk)
    tokens: dict[str, Token] = field(default_factory=dict)
    posted: list[Posting] = field(default_factory=list)
    booked: list[LedgerEntry] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    cut: dict[str, ReadingBack] | UnsetType = UNSET
    moves: dict[str, int] | UnsetType = UNSET
    openings: dict[str, Opening] | UnsetType = UNSET
    cash_moves: dict[str, CashMove] | UnsetType = UNSET


def holding(account: str, subject: str, leg: str) -> str:
    """The name of a holding."""
    return f"{account}/{subject}/{leg}"


def figure(strategy: str, account: str, instrument: str, purpose: str, unit: str) -> str:
    """The name of a figure."""
    return f"{strategy}/{account}/{instrument}/{purpose}/{unit}"


def count(state: State, what: str) -> None:
    """Count something that a reader of the summary should see."""
    state.counts[what] = state.counts.get(what, 0) + 1


def note_move(state: State, lifecycle: str, was: str, to: str) -> None:
    """A thing of ours moved in its lifecycle: counted where somebody counts, and nowhere else."""
    moves = state.moves
    if moves is not UNSET:
        name = f"{lifecycle}/{was}>{to}"
        moves[name] = moves.get(name, 0) + 1
