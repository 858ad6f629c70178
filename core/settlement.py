"""Settlement: one fact of a rail in, effects out."""

from core.effects import Effect
from core.rail_events import RailEvent
from core.state import State, count


def step(state: State, event: RailEvent) -> list[Effect]:
    """Take in one event of settlement."""
    count(state, f"settlement/{type(event).__name__}")
    return []
