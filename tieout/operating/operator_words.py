"""What operators ask of a live node, and what it answers: one line of JSON each way.

Two people stand behind what is proposed: one proposes, another one approves it by its number.
"""

from typing import Literal

from msgspec import Struct

from core.risk_events import Flatten, Standing

LINE_BYTES_MAX = 64 * 1024


class Shown(Struct, frozen=True, tag=True):
    """What is open: breaks, kills, strategies, and what waits for an approval."""


class StrategySet(Struct, frozen=True, tag=True):
    """A person decides what a strategy may do from now on."""

    strategy: str
    standing: Standing
    by: str
    reason: str


class Killed(Struct, frozen=True, tag=True):
    """A person has the node itself block, cancel and close everything."""

    by: str
    reason: str
    flatten: Flatten


class AdjustmentProposed(Struct, frozen=True, tag=True):
    """A person found what a break is, and that so much of it is to be booked (decimal text)."""

    break_number: int
    amount: str
    by: str
    reason: str


class LiftProposed(Struct, frozen=True, tag=True):
    """A person finds that the block of a finished kill may go."""

    kill_id: str
    by: str


class Approved(Struct, frozen=True, tag=True):
    """Another person says yes to what was proposed."""

    proposal: str
    by: str


Asked = Shown | StrategySet | Killed | AdjustmentProposed | LiftProposed | Approved
Result = Literal["done", "proposed", "refused"]


class Answered(Struct, frozen=True):
    """What came of it; `lines` are for people."""

    result: Result
    lines: tuple[str, ...]
