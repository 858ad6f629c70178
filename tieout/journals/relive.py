"""A live journal lived once more in simulation: what was told, at its moment, by SimPy's clock.

`tieout.journals.replay` steps the recorded events. Here the recorded *inputs* alone enter by the
one door of a node in simulated time: frames are read again by their decoders, what was put away is
put away and recalled again, a boot rebuilds the node from what it has journaled by then. All else,
events and effects, must come out by itself as it was recorded, byte for byte.

Rule 1. Inputs are frames, what was told without a frame (strategies, alarms, people, reference
prices), and openings, which name a frame that was kept as evidence and read before the node was.
Rule 2. The moments of commits are not recorded, and do not matter but where memory was trimmed:
there a commit was.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

from msgspec.structs import replace

from core.events import MemoryTrimmed, NodeStarted, OpeningSet, Recalled
from core.frames import Decode, Frame
from core.journal import Journal, Record, Store, decode_event, decode_frame, digest_of
from core.node import Keep, Node, recover
from core.state import State
from risk.adapter import LimitGate
from sim.memory_store import MemoryStore
from sim.world import World
from tieout.journals.replay import DIFFERENCES_MAX, Difference, records_of
from tieout.node.dialects import READERS


class Relived(NamedTuple):
    """What came of it: a journal; `differences` are its first records that are not as recorded."""

    store: MemoryStore
    digest: str
    last: int
    inputs: int
    lives: int
    differences: tuple[Difference, ...]


def relive(
    source: str | os.PathLike[str] | Store,
    readers: Mapping[str, Decode] = READERS,
    keep: Keep = Keep(),  # noqa: B008  # a value that nobody can change
) -> Relived:
    """Put the inputs of a journal at the door of a simulated node."""
    with records_of(source) as records:
        driver = _Driver(_inputs(records), readers, keep)
        driver.run()
    with records_of(source) as records:
        differences = tuple(_differences(records, driver.store))
    digest = digest_of(driver.store, driver.state)
    last = driver.store.last()[0]
    return Relived(driver.store, digest, last, driver.inputs, driver.lives, differences)


class _Driver:
    """A world in which nothing happens but what is told: each input calls for the next one."""

    def __init__(
        self, inputs: Iterator["_Input"], readers: Mapping[str, Decode], keep: Keep
    ) -> None:
        self._inputs, self._readers, self._keep = inputs, readers, keep
        self.store = MemoryStore()
        self.inputs = self.lives = 0
        self._numbers: dict[int, int] = {}
        self._next = next(inputs, None)
        self.world = World(self._next.record.at if self._next is not None else 0)
        self._gate = LimitGate()
        self._journal = Journal(self.store)
        self._node = self._born()

    @property
    def state(self) -> State:
        return self._node.state

    def run(self) -> None:
        """To the last input."""
        self._call()
        self.world.run()
        self._journal.commit()

    def _call(self) -> None:
        """The next one comes at its moment: never before this one, whatever its clock said."""
        if self._next is not None:
            self.world.call_at(max(self.world.now, self._next.record.at), self._tell)

    def _tell(self) -> None:
        told = self._next
        assert told is not None, "it was called for"
        self._next = next(self._inputs, None)
        self.inputs += 1
        self._take(told)
        self._call()

    def _take(self, told: "_Input") -> None:
        if told.what == "commit":
            self._node.commit()
        elif told.record.kind == "frame":
            self._frame(decode_frame(told.record), told.what)
        else:
            event = decode_event(told.record.body)
            if isinstance(event, NodeStarted):
                self._journal.commit()
                self._node = self._born()
                self.lives += 1
            if event.frame:
                event = replace(event, frame=self._numbers[event.frame])
            self._node.deliver(event)

    def _frame(self, frame: Frame, what: str) -> None:
        """Under the number that is the next one: where something came otherwise, another."""
        number = self._journal.next_number
        self._numbers[frame.number] = number
        numbered = replace(frame, number=number)
        if what == "evidence":
            self._journal.frame(numbered)
        else:
            self._node.deliver(numbered)

    def _born(self) -> Node:
        """A node of what is journaled by now."""
        self._gate = LimitGate()
        self._journal = Journal(self.store)
        state = recover(self._journal, self._gate)
        return Node(self._journal, self._readers, self._gate, state, keep=self._keep)


class _Input(NamedTuple):
    """A record that was told, and as "told", "evidence" or "commit"."""

    record: Record
    what: str


def _inputs(records: Iterator[Record]) -> Iterator[_Input]:
    """What was told, of all that is recorded."""
    frame: Record | None = None
    for record in records:
        if frame is not None:
            yield _Input(frame, "told" if _is_of(record, frame) else "evidence")
            frame = None
        if record.kind == "frame":
            frame = record
        elif record.kind == "event":
            event = decode_event(record.body)
            if isinstance(event, MemoryTrimmed):
                yield _Input(record, "commit")
            elif isinstance(event, OpeningSet) or not (event.frame or isinstance(event, Recalled)):
                yield _Input(record, "told")
    if frame is not None:
        yield _Input(frame, "evidence")


def _is_of(record: Record, frame: Record) -> bool:
    """Whether the record is what the node read in the frame: it follows at once."""
    read = record.kind == "event" and record.cause == frame.number
    return read and record.name != "OpeningSet"


def _differences(records: Iterator[Record], store: Store) -> Iterator[Difference]:
    """Records that are not the same in both."""
    found = 0
    for was, now in zip_longest(records, store.records()):
        if was == now:
            continue
        found += 1
        one = was if was is not None else now
        yield Difference(one.number if one is not None else 0, _shown(was), _shown(now))
        if found == DIFFERENCES_MAX:
            return


def _shown(record: Record | None) -> str:
    if record is None:
        return ""
    return f"{record.kind} {record.name} {record.body.decode(errors='replace')}"
