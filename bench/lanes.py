"""What runs over the recorded stream: `step` in its builds, from the same books each time."""

from collections.abc import Callable, Sequence

import core.step
from bench.measure import Chunk, chunks_of
from bench.plain import compiled_names, plain
from bench.stream import Stream
from core.effects import Effect
from core.events import Event
from core.gate import BreakGate, Gate
from core.node import decode_snapshot, encode_snapshot
from core.state import State

Step = Callable[[State, Event, Gate], list[Effect]]

GATE = BreakGate()


def builds() -> dict[str, Step]:
    """The plain source's `step`, and the compiled one where this interpreter has it."""
    found: dict[str, Step] = {"plain": plain("core.step").step}
    if compiled_names():
        found["compiled"] = core.step.step
    return found


class Books:
    """The books after a stream's setup, as often as wanted."""

    def __init__(self, stream: Stream) -> None:
        state = State()
        for event in stream.setup:
            core.step.step(state, event, GATE)
        self._snapshot = encode_snapshot(state)

    def fresh(self) -> State:
        state = decode_snapshot(self._snapshot)
        assert state is not None
        return state

    def lane(
        self, step: Step, events: Sequence[Event], before: Sequence[Event] = ()
    ) -> Callable[[], list[Chunk]]:
        """Chunks that step through the events, from fresh books that saw `before`."""

        def chunks() -> list[Chunk]:
            state = self.fresh()
            for event in before:
                step(state, event, GATE)
            return chunks_of(lambda event: step(state, event, GATE), events)

        return chunks
