"""Facts told to us: frozen, in the past tense, a closed union.

Rule 1. An event says what was told, not what we make of it. What is derived says so and from what.
Rule 2. `received_at` is our clock, `occurred_at` the teller's; both integer nanoseconds UTC.
Rule 3. `frame` is the journal's number of the raw bytes that told it; 0 where nobody sent bytes.

An *account* is written `venue/name` ("binance_spot/main"); quantities, prices and amounts are the
scaled integers of `core.money`. This module is never compiled: mypyc drops `frozen` and `tag`.
"""

from typing import Literal

from msgspec import Struct

from core.fact import Fact
from core.rail_events import RailEvent
from core.risk_events import RiskEvent, Ticket
from core.token_events import TokenEvent

# Of a value that does not name its asset: `core.money.ASSET_DECIMALS`, out of reach of those who
# simulate keepers and know our effects by these events.
TOLD_DECIMALS = 8
# As the subject of an adopted opening.
EVERY = "*"

Side = Literal["buy", "sell"]
Leg = Literal["net", "long", "short"]
OrderKind = Literal["limit", "market", "post_only", "ioc"]
InstrumentKind = Literal["spot", "linear", "inverse"]
OrderReport = Literal[
    "acknowledged", "partially_filled", "filled", "cancelled", "expired", "rejected", "unknown"
]
FillCause = Literal["trade", "liquidation", "adl", "settlement", "correction"]
StatementKind = Literal["balances", "positions"]
Tells = Literal["fills", "progress", "lines"]
Cause = Literal[
    "unknown",
    "missing_fill",
    "duplicate",
    "external_trade",
    "fee",
    "funding",
    "transfer",
    "multiplier",
    "stale_snapshot",
    "bust",
    "liquidation",
    "mode_change",
    "conflict",
    "adjustment",
]
Memory = Literal["id", "order", "placed", "progress", "transfer", "payment", "named", "request"]


# --- ourselves -----------------------------------------------------------------------------------


class NodeStarted(Fact, frozen=True, kw_only=True, gc=False):
    """A node came up; `epoch` counts the boots and is part of every id we choose afterwards.

    `records_lost` is by how many the journal is shorter than its anchor says it was.
    """

    node: str
    epoch: int
    records_lost: int = 0


class AlarmRang(Fact, frozen=True, kw_only=True, gc=False):
    """An alarm that we set reached its time."""

    alarm: str


class MemoryTrimmed(Fact, frozen=True, kw_only=True, gc=False):
    """The node put away what its state had at hand beyond these numbers, the oldest first.

    Of each account so many ids, progresses and orders' fills that wait for an owner (`orphans`);
    of the whole node so many orders that are over, and so many transfers; None: they all stayed, as
    in journals of before they were put away.
    """

    ids: int
    orders: int
    progress: int
    orphans: int
    transfers: int | None = None


class Recalled(Fact, frozen=True, kw_only=True, gc=False):
    """What had been put away was asked for, for an event that follows; the journal had it.

    `record` is the number of the `Remember` that kept it. What is of no one account, as a transfer
    is, has none ("").
    """

    account: str
    kind: Memory
    key: str
    content: str
    record: int


class AccountOpened(Fact, frozen=True, kw_only=True, gc=False):
    """We keep books for this account from now on, and this is how its venue tells.

    `tells` is "fills" (each with an id), "progress" (an order's cumulative quantity only) or, at
    those who keep money and trade nothing, "lines".
    `bracketed` venues put no as-of on their statements; `instruments` says that the venue can be
    asked for an instrument's terms. `chain` is the kind of a chain's account, whose `sources` are
    the nodes that must agree on what is final. An order's request is refused by the venue once it
    is older than `request_validity_ns`; it has dealt with one that it took within `latency_ns_max`.
    `page_rows` is how many rows of a record we ask for at a time, never more than the venue gives;
    0 is as many as its documentation says.
    """

    account: str
    tells: Tells
    statements: tuple[StatementKind, ...]
    statement_period_ns: int
    backfill_period_ns: int
    settle_ns: int
    silence_ns_max: int
    clock_error_ns: int = 0
    bracketed: bool = False
    hedged: bool = False
    ledger: bool = False
    instruments: bool = False
    chain: Literal["", "evm", "bitcoin"] = ""
    sources: tuple[str, ...] = ()
    request_validity_ns: int = 5_000_000_000
    latency_ns_max: int = 1_000_000_000
    page_rows: int = 0


class AssetListed(Fact, frozen=True, kw_only=True, gc=False):
    """An asset has this many decimals in our books, 0 to 18; told before anything is booked of it.

    They are those of whoever counts it most finely, not fewer than a venue tells: see `core.money`.
    """

    asset: str
    decimals: int


class InstrumentListed(Fact, frozen=True, kw_only=True, gc=False):
    """An instrument trades, or its terms change, from `effective_at` on; 0 where that is not told.

    `multiplier` is coins per contract (linear) or quote units per contract (inverse), at the scale
    of a quantity; a spot instrument has 1. `listing` counts re-listings under one symbol. A change
    that is yet to come is told with its time; terms without one are those in force when told.
    `asked_at` is when we asked for them, 0 where they were pushed.
    """

    account: str
    instrument: str
    kind: InstrumentKind
    base: str
    quote: str
    settle: str
    multiplier: int
    listing: int = 1
    effective_at: int = 0
    asked_at: int = 0


class OpeningSet(Fact, frozen=True, kw_only=True, gc=False):
    """What stood in a holding when our books began.

    One that was `adopted` was read from the venue's own record: all that this has of the holding up
    to `occurred_at` (or up to `sequence`, where the venue tells one) is in it, and is not booked
    again. The subject `EVERY` stands for each holding of that leg that has no opening of its own:
    it had none of it. `price` is what a position was entered at, 0 where that is not told.
    """

    account: str
    subject: str
    leg: str
    amount: int
    occurred_at: int
    adopted: bool = False
    sequence: int = 0
    price: int = 0


class ReferenceSet(Fact, frozen=True, kw_only=True, gc=False):
    """An instrument is taken to be worth `price`: the middle of its public book at `as_of`.

    `as_of` is our clock's, when the frame that told it was heard. Public frames are not journaled;
    what is decided by a price is decided by this one.
    """

    account: str
    instrument: str
    price: int
    as_of: int


class AdjustmentBooked(Fact, frozen=True, kw_only=True, gc=False):
    """An operator repaired a break, which is named by its number, or part of it.

    Author and approver are two people; no id is used twice. `cause` is what they found it to be.
    """

    adjustment_id: str
    holding: str
    amount: int
    author: str
    approver: str
    reason: str
    break_number: int = 0
    cause: Cause = "adjustment"


# --- strategies ----------------------------------------------------------------------------------


class OrderRequested(Fact, frozen=True, kw_only=True, gc=False):
    """A strategy wants an order. `reference` is the strategy's own word for it.

    `ticket` is the word of a gate beside the strategy, which approved it out of a lease.
    """

    strategy: str
    reference: str
    account: str
    instrument: str
    side: Side
    quantity: int
    kind: OrderKind
    price: int = 0
    leg: Leg = "net"
    reduce_only: bool = False
    ticket: Ticket | None = None


class CancelRequested(Fact, frozen=True, kw_only=True, gc=False):
    """A strategy wants its order gone."""

    strategy: str
    client_order_id: str


class MoveRequested(Fact, frozen=True, kw_only=True, gc=False):
    """A strategy wants cash moved from `account` to another account of ours, there `within_ns`."""

    strategy: str
    reference: str
    account: str
    target: str
    asset: str
    amount: int
    within_ns: int


# --- told by a venue -----------------------------------------------------------------------------


class StreamOpened(Fact, frozen=True, kw_only=True, gc=False):
    """The private stream stands; what was told before this moment may be lost."""

    account: str
    epoch: int


class StreamClosed(Fact, frozen=True, kw_only=True, gc=False):
    """The private stream ended, or could not be opened."""

    account: str
    epoch: int
    reason: str


class HeartbeatHeard(Fact, frozen=True, kw_only=True, gc=False):
    """The stream lives: told every few seconds for as long as it does, however much it says."""

    account: str
    epoch: int


class OrderReported(Fact, frozen=True, kw_only=True, gc=False):
    """A venue told the state of an order.

    `rejected` stands only for an answer on the dialect's allow-list of definite refusals;
    everything else that is no answer is `unknown`. `filled_quantity` is cumulative, -1 if not told.
    """

    account: str
    client_order_id: str
    status: OrderReport
    order_id: str = ""
    instrument: str = ""
    side: Side | None = None
    leg: Leg = "net"
    quantity: int = 0
    price: int = 0
    filled_quantity: int = -1
    reason: str = ""
    occurred_at: int = 0


class OrderMissing(Fact, frozen=True, kw_only=True, gc=False):
    """A venue answered that it knows no such order. Definite only after a grace period."""

    account: str
    client_order_id: str
    asked_at: int


class CancelRejected(Fact, frozen=True, kw_only=True, gc=False):
    """A venue refused to cancel: mostly, the order is already gone."""

    account: str
    client_order_id: str
    reason: str


class FillReported(Fact, frozen=True, kw_only=True, gc=False):
    """A venue told one fill.

    `value` (of the quote asset; of the settlement asset for contracts) and `realised` count
    `10 ** -told_decimals`, for a telling may not name their asset, and are None where not told.
    `fee` is what we pay, negative for a rebate. `sequence` is the venue's own order of fills within
    the instrument, 0 if it tells none.
    """

    account: str
    instrument: str
    fill_id: str
    order_id: str
    side: Side
    quantity: int
    price: int
    occurred_at: int
    client_order_id: str = ""
    leg: Leg = "net"
    value: int | None = None
    told_decimals: int = TOLD_DECIMALS
    fee: int = 0
    fee_asset: str = ""
    realised: int | None = None
    sequence: int = 0
    maker: bool = False
    cause: FillCause = "trade"


class ProgressReported(Fact, frozen=True, kw_only=True, gc=False):
    """A venue told how far an order got, not by which fills.

    `value` (`10 ** -told_decimals` of the quote) is exact where told; else only `average_price`
    was, cut or rounded to units of `average_price_step`, and the true value lies within half a step
    (or one) of it.
    """

    account: str
    instrument: str
    client_order_id: str
    order_id: str
    side: Side
    quantity: int
    average_price: int
    average_price_step: int
    fee: int
    fee_asset: str
    occurred_at: int
    value: int | None = None
    told_decimals: int = TOLD_DECIMALS


class FillBusted(Fact, frozen=True, kw_only=True, gc=False):
    """A venue undid a fill; the terms are those of the fill that it names."""

    account: str
    instrument: str
    fill_id: str
    bust_id: str
    side: Side
    quantity: int
    price: int
    occurred_at: int
    order_id: str = ""
    client_order_id: str = ""
    leg: Leg = "net"
    value: int | None = None
    told_decimals: int = TOLD_DECIMALS
    fee: int = 0
    fee_asset: str = ""
    realised: int | None = None
    sequence: int = 0


class FundingPaid(Fact, frozen=True, kw_only=True, gc=False):
    """A funding settlement; `amount` is signed, positive where we receive."""

    account: str
    instrument: str
    funding_id: str
    asset: str
    amount: int
    occurred_at: int


class CashMoved(Fact, frozen=True, kw_only=True, gc=False):
    """Cash came or went for a reason that is neither fill nor funding."""

    account: str
    movement_id: str
    asset: str
    amount: int
    reason: Literal["transfer", "realised", "deposit", "withdrawal", "adjustment", "insurance"]
    occurred_at: int
    instrument: str = ""
    order_id: str = ""
    client_order_id: str = ""


class StatementRow(Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a statement: an asset (leg "cash") or an instrument's leg, and how much.

    `as_of` (ns) and `sequence` say up to where the line holds; 0 where the venue does not tell.
    """

    subject: str
    leg: str
    amount: int
    as_of: int = 0
    sequence: int = 0


class StatementReported(Fact, frozen=True, kw_only=True, gc=False):
    """A venue's own record, read at our request (or pushed: then `complete` is false).

    In a complete statement the absence of a row means zero. `asked_at` is when we sent the request.
    `as_of` is the resolution-end of the whole, used where a row has none; `as_of_step` its unit.
    One that a teller repeated word for word is told once for the whole run of them: the first was
    as of `since`, the last as of `as_of`, and no row has an as-of of its own.
    """

    account: str
    kind: StatementKind
    rows: tuple[StatementRow, ...]
    asked_at: int
    as_of: int = 0
    as_of_step: int = 1
    complete: bool = True
    since: int = 0


class PageReported(Fact, frozen=True, kw_only=True, gc=False):
    """A page of the venue's record of fills (subject: an instrument) or movements ("ledger") ended.

    The page's own facts precede it. `through` is the cursor from which the next page goes on.
    """

    account: str
    subject: str
    through: str
    more: bool
    asked_at: int


class OpenOrdersReported(Fact, frozen=True, kw_only=True, gc=False):
    """A complete listing of open orders ended; each was told as an `OrderReported` before it."""

    account: str
    client_order_ids: tuple[str, ...]
    asked_at: int


class PositionModeReported(Fact, frozen=True, kw_only=True, gc=False):
    """How the account keeps positions: net, or long and short apart."""

    account: str
    hedged: bool


class RequestFailed(Fact, frozen=True, kw_only=True, gc=False):
    """A read got no usable answer. `about` names what was asked: "balances", "fills:BTCUSDT"."""

    account: str
    about: str
    reason: str
    asked_at: int
    retry_after_ns: int = 0


class FrameQuarantined(Fact, frozen=True, kw_only=True, gc=False):
    """Bytes that we could not read; kept, counted, never guessed at."""

    account: str
    reason: str


class FrameDismissed(Fact, frozen=True, kw_only=True, gc=False):
    """Bytes that we read and that tell nothing to the books."""

    account: str
    reason: str


Event = (
    NodeStarted
    | AlarmRang
    | MemoryTrimmed
    | Recalled
    | AccountOpened
    | AssetListed
    | InstrumentListed
    | OpeningSet
    | ReferenceSet
    | AdjustmentBooked
    | OrderRequested
    | CancelRequested
    | MoveRequested
    | StreamOpened
    | StreamClosed
    | HeartbeatHeard
    | OrderReported
    | OrderMissing
    | CancelRejected
    | FillReported
    | ProgressReported
    | FillBusted
    | FundingPaid
    | CashMoved
    | StatementReported
    | PageReported
    | OpenOrdersReported
    | PositionModeReported
    | RequestFailed
    | FrameQuarantined
    | FrameDismissed
    | RailEvent
    | RiskEvent
    | TokenEvent
)
