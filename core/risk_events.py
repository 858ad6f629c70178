"""Facts of risk: limits that stand, what gates ask and give back, who may trade, the kill switch.

The rules of `core.events` hold here too. A *line* is one limit and the side that it bounds, by name
("strategy/maker/XRP/long"); everything of it is counted in the limit's own whole units. A *gate*
approves orders near a strategy, out of budgets that the node leases to it; an *epoch* is one life
of a gate, as the node counts them. This module is never compiled.
"""

from typing import Literal

from msgspec import Struct

from core.fact import Fact

Standing = Literal["disabled", "reduce_only", "enabled"]
Flatten = Literal["nothing", "ours", "venues"]


# --- what stands: limits -------------------------------------------------------------------------


class RiskLimit(Struct, frozen=True, gc=False):
    """The most that may be exposed, reserved and granted on a line together."""

    line: str
    amount: int


class StrategyTerms(Struct, frozen=True, gc=False, omit_defaults=True):
    """When a strategy is disabled without anybody asking; 0 is never.

    After more than `refusals_max` refusals within `refusals_window_ns`, at a loss above `loss_max`,
    once it lost more than `drawdown_max` of the best that it ever stood at, when it wants an order
    on a reference price older than `stale_ns_max`.
    """

    strategy: str
    refusals_max: int = 0
    refusals_window_ns: int = 0
    stale_ns_max: int = 0
    loss_max: int = 0
    drawdown_max: int = 0


class Amount(Struct, frozen=True, gc=False):
    """So many units of a line."""

    line: str
    amount: int


class Bound(Struct, frozen=True, gc=False, omit_defaults=True):
    """A control's limit at one place, in the control's own whole units; what none names refuses.

    `place` are the names of what is bounded, by "/": "mm/okx_swap/main/BTC-USDT-SWAP", or "" for
    the firm.
    """

    control: str
    place: str
    amount: int
    window_ns: int = 0


class MarginTier(Struct, frozen=True, gc=False, omit_defaults=True):
    """Of the part of a position's value up to `value_max` (0: without end) so much is margin."""

    value_max: int
    initial_bp: int
    maintenance_bp: int


class Tradable(Struct, frozen=True, gc=False, omit_defaults=True):
    """An instrument that may be traded: orders are whole lots, which are quantities.

    `rate` is what a coin of its quote asset is worth in the reporting asset, at the scale of a
    price and with its haircut; `margin_bp` of a position's value must be collateral, and stay so,
    but where `tiers` say otherwise.
    """

    account: str
    instrument: str
    lot: int
    rate: int
    margin_bp: int
    restricted: bool = False
    tiers: tuple[MarginTier, ...] = ()


class NamedStress(Struct, frozen=True, gc=False, omit_defaults=True):
    """A named scenario: how far each asset moves, in parts of a million; "*" is every other one."""

    name: str
    moves: tuple[Amount, ...]


class LimitsLoaded(Fact, frozen=True, kw_only=True, gc=False):
    """The limits that hold from now on, all of them; from the first load on, strategies are held.

    `content_hash` is the SHA-256 of the reviewed files. A gate asks every `heartbeat_ns`; a lease
    ends `ttl_ns` after the gate asked for it. What a cancelled, expired or rejected order had left
    stays reserved for `hold_ns` more: venues tell of fills after that.

    `limits` are what leases are granted on. `bounds` are what the gate of this process asks for,
    for each of `strategies` in each of `tradables`; `collateral` is by account, in units of the
    reporting asset. It holds at most `slots` open orders.

    The cold engine reports what each of `stresses` would cost, and tails of what was lost in past
    intervals of `horizon_ns`.
    """

    content_hash: str
    author: str
    approver: str
    limits: tuple[RiskLimit, ...]
    strategies: tuple[StrategyTerms, ...] = ()
    heartbeat_ns: int = 250_000_000
    ttl_ns: int = 1_000_000_000
    hold_ns: int = 1_000_000_000
    bounds: tuple[Bound, ...] = ()
    tradables: tuple[Tradable, ...] = ()
    collateral: tuple[Amount, ...] = ()
    slots: int = 0
    stresses: tuple[NamedStress, ...] = ()
    horizon_ns: int = 10_000_000_000


class StatedExposure(Struct, frozen=True, gc=False):
    """What is exposed on a line, by whoever counts it anew.

    `moved` is our own count of what fills had moved the line by when it was counted.
    """

    line: str
    exposure: int
    moved: int


class ExposureStated(Fact, frozen=True, kw_only=True, gc=False):
    """The cold engine counted exposure anew, prices and what others did included.

    As an answer to a `request` it is also the lease of this process's gate: `ceilings` are the most
    that each line may come to, where that is below its limit. It is the engine's answer `sequence`
    in its life `epoch`; every record up to `as_of` is counted.
    """

    lines: tuple[StatedExposure, ...]
    epoch: int = 0
    sequence: int = 0
    request: int = 0
    as_of: int = 0
    ceilings: tuple[Amount, ...] = ()


class LossStated(Fact, frozen=True, kw_only=True, gc=False):
    """The cold engine's figure of what a strategy lost, fees and funding included; a gain is
    negative.
    """

    strategy: str
    loss: int


# --- told by gates -------------------------------------------------------------------------------


class Use(Struct, frozen=True, gc=False, omit_defaults=True):
    """What an order takes of a line at most; once filled it relieves another one by `relief`."""

    line: str
    amount: int
    relieves: str = ""
    relief: int = 0


class Ticket(Struct, frozen=True, gc=False, omit_defaults=True):
    """A gate's word that it approved an order: in which epoch, as which one, and what it takes.

    With what it was decided on, so that the decision can be made again: the grant `lease`, `now` by
    the gate's own clock, the last record that its process had `heard` of, and the reference `price`
    that it saw (0: none was asked).
    """

    gate: str
    epoch: int
    sequence: int
    uses: tuple[Use, ...]
    lease: int = 0
    heard: int = 0
    now: int = 0
    price: int = 0


class Demand(Struct, frozen=True, gc=False, omit_defaults=True):
    """What a gate would like to hold of a line; of that, `need` is for an order that waits."""

    line: str
    want: int
    need: int = 0


class GateStarted(Fact, frozen=True, kw_only=True, gc=False):
    """A gate came up, or has no epoch any more. `boot` grows with every process of the gate."""

    gate: str
    boot: int


class LeaseRequested(Fact, frozen=True, kw_only=True, gc=False):
    """A gate asks for budget and says how far it is; `request` numbers these within the epoch.

    It holds the grant `applied`: those before it are dead, and `usage` is all that was ever spent
    in the epoch, cumulative, line by line. `now` is by the gate's own clock: leases age from it.
    """

    gate: str
    epoch: int
    request: int
    applied: int
    usage: tuple[Amount, ...]
    demands: tuple[Demand, ...] = ()
    now: int = 0


class LeaseReturned(Fact, frozen=True, kw_only=True, gc=False):
    """A gate will spend nothing more under the grants up to `sequence`; `usage` is final for them.

    Cumulative, so that telling it twice, or late, is the same.
    """

    gate: str
    epoch: int
    sequence: int
    usage: tuple[Amount, ...]


class TicketVoided(Fact, frozen=True, kw_only=True, gc=False):
    """A gate gives up an order that it approved and the node seems not to have heard of."""

    ticket: Ticket


# --- told by people ------------------------------------------------------------------------------


class GateFenced(Fact, frozen=True, kw_only=True, gc=False):
    """Nothing more is accepted from the gate's present epoch; what was accepted stays counted."""

    gate: str
    by: str
    reason: str


class StrategyStateSet(Fact, frozen=True, kw_only=True, gc=False):
    """A person enabled, held or disabled a strategy."""

    strategy: str
    standing: Standing
    by: str
    reason: str = ""


class EntriesClosed(Fact, frozen=True, kw_only=True, gc=False):
    """Something is wrong with us or with an account: until it is over only exits and cancels pass.

    `place` is the account, or "" for all of them; `code` names what is wrong, and is the refusal's.
    """

    code: str
    place: str
    reason: str


class EntriesOpened(Fact, frozen=True, kw_only=True, gc=False):
    """What had closed the entries is over."""

    code: str
    place: str


class KillOrdered(Fact, frozen=True, kw_only=True, gc=False):
    """A person pulled the kill switch, for these accounts or (none named) for all.

    Positions in contracts are flattened by at most what the books and the venue agree on ("ours"),
    or by whatever the venue says ("venues"). What is held in coins stays: a person decides.
    """

    kill_id: str
    by: str
    reason: str
    accounts: tuple[str, ...] = ()
    flatten: Flatten = "ours"


class KillLifted(Fact, frozen=True, kw_only=True, gc=False):
    """Two people lifted the block that a finished kill left behind."""

    kill_id: str
    by: str
    approver: str


RiskEvent = (
    LimitsLoaded
    | ExposureStated
    | LossStated
    | GateStarted
    | LeaseRequested
    | LeaseReturned
    | TicketVoided
    | GateFenced
    | StrategyStateSet
    | EntriesClosed
    | EntriesOpened
    | KillOrdered
    | KillLifted
)
