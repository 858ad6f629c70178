"""What the core remembers of risk: lines and their sums, gates' epochs, strategies, a kill.

This module is never compiled.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from core.risk_events import Flatten, Standing, StrategyTerms

EpochStatus = Literal["open", "fenced", "over"]
Stage = Literal["cancelling", "confirming", "flattening", "verifying", "done"]


class Line(Struct, gc=False):
    """One limit and its sums.

    `moved` is by how much fills ever moved its exposure. `over_since` is when what we did not do
    ourselves (prices, other people's trades, a lower limit) took it over its limit; 0 if it is not.
    """

    limit: int | None = None
    exposure: int = 0
    reserved: int = 0
    moved: int = 0
    over_since: int = 0


class Epoch(Struct, gc=False):
    """One life of a gate.

    `ceilings` are the budgets of the grants that may still be spent from, by sequence; `floor` is
    what the gate told that it spent, `spent` what the orders that reached us took. Orders up to
    `seen_through` are counted, and those in `seen`. `working` of them are not over.
    """

    gate: str
    boot: int
    epoch: int
    status: EpochStatus = "open"
    sequence: int = 0
    request: int = 0
    ceilings: dict[int, dict[str, int]] = field(default_factory=dict)
    floor: dict[str, int] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    wants: dict[str, int] = field(default_factory=dict)
    needs: dict[str, int] = field(default_factory=dict)
    needs_since: dict[str, int] = field(default_factory=dict)
    seen_through: int = 0
    seen: dict[int, None] = field(default_factory=dict)
    working: int = 0


class Strategy(Struct, gc=False):
    """Whether a strategy may trade, since when and why; and when it was refused of late.

    `best` is the most that it ever stood at by the engine's word; it begins at nothing.
    """

    standing: Standing = "disabled"
    since: int = 0
    reason: str = ""
    refused_at: list[int] = field(default_factory=list)
    best: int = 0


class Killing(Struct, gc=False):
    """How far a kill got on one account.

    `asked_at` is when the evidence of the present stage began to count; `orders` are the open ones
    that the venue told of (id of ours, id of theirs, instrument) and `flattening` our own exits.
    While verifying, `none_open` and `none_held` are what the venue said when it was late enough.
    """

    stage: Stage
    since: int
    asked_at: int
    rounds: int = 0
    orders: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    flattening: list[str] = field(default_factory=list)
    none_open: bool = False
    none_held: bool = False


class Kill(Struct, gc=False):
    """A kill: it blocks from the moment it is ordered until two people lift it."""

    kill_id: str
    by: str
    reason: str
    flatten: Flatten
    ordered_at: int
    accounts: dict[str, Killing] = field(default_factory=dict)


class Cold(Struct, gc=False):
    """What we know of the cold engine: its newest word, and since when it `is_open` to act on it.

    `asked` has when each request of this life was made, by its number.
    """

    request: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    epoch: int = 0
    sequence: int = 0
    since: int = 0
    is_open: bool = False


class Closure(Struct, frozen=True, gc=False):
    """Why entries are closed, where, and since when."""

    code: str
    place: str
    reason: str
    since: int


class Risk(Struct, gc=False):
    """The whole of risk.

    `gates` has each gate's newest epoch and `boots` its newest process; `touched` are the orders
    that moved in this step, whose reservations follow before it ends, as the orders of whoever was
    `halted` in it are cancelled.

    `desk` are the counters of the gate of this process, once limits were loaded that it asks for:
    whatever has a `dump` of plain values, which stands here after a snapshot was read, until the
    gate takes it up. With it comes the engine that is asked (`cold`). `closures` are
    those of this life, by what is wrong and where; unset where there never was one.
    """

    content_hash: str = ""
    heartbeat_ns: int = 0
    ttl_ns: int = 0
    hold_ns: int = 0
    terms: dict[str, StrategyTerms] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    epochs: dict[int, Epoch] = field(default_factory=dict)
    gates: dict[str, int] = field(default_factory=dict)
    boots: dict[str, int] = field(default_factory=dict)
    epochs_made: int = 0
    touched: dict[str, None] = field(default_factory=dict)
    halted: dict[str, None] = field(default_factory=dict)
    strategies: dict[str, Strategy] = field(default_factory=dict)
    kills: dict[str, Kill] = field(default_factory=dict)
    limit_breaches: int = 0
    passive_breaches: int = 0
    passive_ns: int = 0
    desk: Any = UNSET
    cold: Cold | UnsetType = UNSET
    closures: dict[str, Closure] | UnsetType = UNSET
