"""The node: the one door. All that happens goes through `deliver`.

    deliver -> (frame: read it) -> journal -> step -> journal the effects;  commit -> perform

Rule 1. Effects are handed out by `commit` only, after their group is durable: what we did not
remember, we did not do.
Rule 2. A node that dies anywhere is rebuilt by `recover` from what the journal kept; whatever it
asked of the world since is queried, never asked again.
"""

from collections.abc import Mapping

from core.effects import Effect
from core.events import Event, FrameQuarantined
from core.frames import Decode, Frame
from core.gate import Gate
from core.journal import Journal, decode_event
from core.state import State
from core.step import step


class Node:
    """One set of books, behind one door."""

    def __init__(
        self, journal: Journal, readers: Mapping[str, Decode], gate: Gate, state: State | None = None
    ) -> None:
        """`readers` has a reader for each venue, by the first part of an account's name."""
        self.journal = journal
        self.state = state if state is not None else State()
        self._readers = readers
        self._gate = gate
        self._waiting: list[Effect] = []

    def deliver(self, told: Frame | Event) -> None:
        """Take in a frame or an event; its effects wait for `commit`."""
        if isinstance(told, Frame):
            self.journal.frame(told)
            for event in self._read(told):
                self._take(event)
        else:
            self._take(told)

    def commit(self) -> list[Effect]:
        """Make everything delivered durable; returns the effects that may now be performed."""
        self.journal.commit()
        effects, self._waiting = self._waiting, []
        return effects

    def _take(self, event: Event) -> None:
        number = self.journal.event(event)
        for effect in step(self.state, event, self._gate):
            self.journal.effect(effect, number, event.received_at)
            self._waiting.append(effect)

    def _read(self, frame: Frame) -> list[Event]:
        """Read a frame; a reader that trips over it must not take the node down with it."""
        reader = self._readers[frame.account.partition("/")[0]]
        try:
            return reader(frame, self.state.decimals)
        except Exception as error:  # noqa: BLE001  # one poison frame must not end the listening
            reason = f"{type(error).__name__}: {error}"
            return [
                FrameQuarantined(
                    received_at=frame.received_at,
                    frame=frame.number,
                    account=frame.account,
                    reason=reason,
                )
            ]


def recover(journal: Journal, gate: Gate) -> State:
    """The state as it was at the end of the journal. Its effects are not performed again."""
    state = State()
    for record in journal.store.records():
        if record.kind == "event":
            step(state, decode_event(record.body), gate)
    return state
