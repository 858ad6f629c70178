"""What we ask of gates, strategies and whoever watches a kill, and of venues when all must go.

The rules of `core.effects` hold. This module is never compiled.
"""

from core.risk_events import Amount, Standing
from core.wish import Wish


class TellGate(Wish, frozen=True, kw_only=True, gc=False):
    """Tell the process `boot` of a gate its epoch; or any that its epoch `ended`: it asks anew."""

    gate: str
    boot: int = 0
    epoch: int = 0
    ended: int = 0


class GrantLease(Wish, frozen=True, kw_only=True, gc=False):
    """Lease budgets to a gate, in the place of all grants before.

    `budgets` bound what it may ever have spent in this epoch, line by line. They end `ttl_ns` after
    the gate made the request, by its own clock. `as_of` is the watermark: every order of the epoch
    up to that sequence is counted.
    """

    gate: str
    epoch: int
    sequence: int
    request: int
    as_of: int
    heartbeat_ns: int
    ttl_ns: int
    budgets: tuple[Amount, ...]


class AcknowledgeReturn(Wish, frozen=True, kw_only=True, gc=False):
    """What a gate gave back up to this grant is counted, durably: it need not be told again."""

    gate: str
    epoch: int
    sequence: int


class AskEngine(Wish, frozen=True, kw_only=True, gc=False):
    """Ask the cold engine for what it makes of all that is journaled by now; never asked twice."""

    request: int


class TellStanding(Wish, frozen=True, kw_only=True, gc=False):
    """Tell a strategy and its gates whether it may trade, and why."""

    strategy: str
    standing: Standing
    reason: str = ""


class CancelAllOrders(Wish, frozen=True, kw_only=True, gc=False):
    """Have the venue cancel whatever is open on the account, where it offers that.

    Each order that we know of is cancelled by its own effect beside it.
    """

    account: str


class TellKill(Wish, frozen=True, kw_only=True, gc=False):
    """Tell whoever watches how far a kill got on an account, by the venue's own word.

    `open_orders` and `positions` are how many are left, -1 while nobody has told.
    """

    kill_id: str
    account: str
    stage: str
    open_orders: int = -1
    positions: int = -1


RiskEffect = (
    TellGate
    | GrantLease
    | AcknowledgeReturn
    | AskEngine
    | TellStanding
    | CancelAllOrders
    | TellKill
)
