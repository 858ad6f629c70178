"""The lifecycle of a leg, as a table.

Rule 1. A late report never moves a leg backwards: what is not in the table moves nothing, and is
counted or shown as a break.
Rule 2. `settled` is reached by the evidence of the rail's own rule, and by nothing else. `unknown`
counts as in flight, is queried, and never sent again under another id.
Rule 3. A leg that failed, was cancelled or refused is over: value that moves for it afterwards is
new exposure and a break, never a silent revival.
"""

from core.settlement_state import Leg, LegStatus
from core.state import State, note_move

MOVES: dict[LegStatus, tuple[LegStatus, ...]] = {
    "requested": ("refused", "validated"),
    "refused": (),
    "validated": ("in_flight", "settled", "cancelled", "failed"),
    "in_flight": ("unknown", "settled", "failed", "returned"),
    "unknown": ("in_flight", "settled", "failed", "returned"),
    "settled": ("returned",),
    # A return that was not in order is undone: the payment stands as it stood.
    "returned": ("settled", "in_flight"),
    "failed": (),
    "cancelled": (),
}

OVER: tuple[LegStatus, ...] = ("refused", "returned", "failed", "cancelled")
MOVING: tuple[LegStatus, ...] = ("in_flight", "unknown")
CARRIED_OUT: tuple[LegStatus, ...] = ("in_flight", "unknown", "settled")


def move(state: State, leg: Leg, to: LegStatus) -> bool:
    """Move the leg if the table allows it; says whether it moved."""
    if to not in MOVES[leg.status]:
        return False
    note_move(state, "leg", leg.status, to)
    leg.status = to
    return True
