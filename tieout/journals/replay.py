"""The books rebuilt from a journal, and each effect computed again beside the one recorded.

Rule 1. What is recorded is authoritative: events are stepped as they stand, and the digest covers
the recorded bytes. An effect that comes out otherwise today is a *difference*, and is shown.
Rule 2. A journal that is sound and was written by this code has none, and its digest is the run's.
Rule 3. What gates beside strategies decided is decided again (`risk.decisions`): a ticket that its
lease did not cover is a difference too.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from core.gate import Gate
from core.journal import Digest, Record, Store, decode_effect, decode_event
from core.state import State
from core.step import step
from risk.adapter import LimitGate
from risk.decisions import Decisions
from tieout.journals.sqlite_store import read_records
from tieout.journals.verify import opened

DIFFERENCES_MAX = 100
TOLD_TO_GATES = ("TellGate", "GrantLease")

_encode = msgspec.json.Encoder().encode


class Difference(NamedTuple):
    """Where the recorded effect and the computed one part; "" where there is none."""

    number: int
    recorded: str
    computed: str

    def __str__(self) -> str:
        recorded, computed = self.recorded or "nothing", self.computed or "nothing"
        return f"record {self.number}: recorded {recorded}, computed {computed}"


class Replayed(NamedTuple):
    """The end of a replay. `differences` are the first ones; more follow where there are many."""

    state: State
    digest: str
    last: int
    events: int
    effects: int
    differences: tuple[Difference, ...]


def replay(
    source: str | os.PathLike[str] | Store, until: int | None = None, gate: Gate | None = None
) -> Replayed:
    """Step through the journal's events, up to the record `until` where one is named."""
    with records_of(source) as records:
        rerun = _Rerun(gate if gate is not None else LimitGate())
        for record in records:
            if until is not None and record.number > until:
                break
            rerun.take(record)
        # An event at the very end of a cut may still have effects behind it.
        return rerun.result(whole=until is None or rerun.last < until)


class _Rerun:
    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.state = State()
        self.decisions = Decisions()
        self.digest = Digest()
        self.last = self.events = self.effects = 0
        self.differences: list[Difference] = []
        self.expected: deque[bytes] = deque()

    def take(self, record: Record) -> None:
        self.last = record.number
        if record.kind == "event":
            self.events += 1
            self.settle(record.number)
            self.digest.add("event", record.body)
            self.expected.extend(self.computed(record))
        elif record.kind == "effect":
            self.effects += 1
            self.digest.add("effect", record.body)
            if record.name in TOLD_TO_GATES:
                self.decisions.caused(decode_effect(record.body))
            computed = self.expected.popleft() if self.expected else b""
            if computed != record.body:
                self.differ(record.number, record.body, computed)

    def computed(self, record: Record) -> list[bytes]:
        event = decode_event(record.body)
        wrong = self.decisions.told(event)
        if wrong:
            self.differ(record.number, record.body, wrong.encode())
        try:
            return [_encode(effect) for effect in step(self.state, event, self.gate)]
        except Exception as error:  # noqa: BLE001  # what today's code trips over is a difference
            self.differ(record.number, record.body, f"{type(error).__name__}: {error}".encode())
            return []

    def settle(self, number: int) -> None:
        """Effects that were computed and not recorded before this record."""
        while self.expected:
            self.differ(number, b"", self.expected.popleft())

    def differ(self, number: int, recorded: bytes, computed: bytes) -> None:
        if len(self.differences) < DIFFERENCES_MAX:
            found = Difference(
                number, recorded.decode(errors="replace"), computed.decode(errors="replace")
            )
            self.differences.append(found)

    def result(self, *, whole: bool) -> Replayed:
        if whole:
            self.settle(self.last + 1)
        return Replayed(
            self.state,
            self.digest.close(self.state),
            self.last,
            self.events,
            self.effects,
            tuple(self.differences),
        )


@contextmanager
def records_of(source: str | os.PathLike[str] | Store) -> Iterator[Iterator[Record]]:
    """The records of a file or a store; a file that cannot be read, or was cut, is damaged."""
    if not isinstance(source, str | os.PathLike):
        yield source.records()
        return
    with opened(source) as connection:
        yield read_records(connection)
