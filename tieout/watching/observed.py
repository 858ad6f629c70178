"""A journal's store, and somebody who looks on: what each group held, and how long its commit took.

Rule 1. It is the store: what it is asked for, the store below answers; nothing is kept back.
Rule 2. Whoever looks on sees a group when it is durable, and not before; where a commit fails there
is no group to see, and the failure is raised as it is.
"""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from core.journal import Record, Store


class Group(NamedTuple):
    """A commit group that is durable: its records, and the nanoseconds that its commit took."""

    records: tuple[Record, ...]
    commit_ns: int


class Observed:
    """A `Store` that tells of each group; `look` is called on the way of every commit."""

    def __init__(
        self,
        store: Store,
        look: Callable[[Group], None],
        *,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._store, self._look, self._clock = store, look, clock
        self._records: list[Record] = []

    @property
    def epoch(self) -> int:
        return self._store.epoch

    @property
    def records_lost(self) -> int:
        return self._store.records_lost

    @property
    def waiting(self) -> tuple[int, int]:
        """How many records wait for their commit, and when the first of them was told; 0: none."""
        return len(self._records), self._records[0].at if self._records else 0

    def append(self, record: Record) -> None:
        self._store.append(record)
        self._records.append(record)

    def commit(self, last: int, chain: bytes) -> None:
        """Make everything appended so far durable, as one group."""
        begun = self._clock()
        self._store.commit(last, chain)
        records, self._records = tuple(self._records), []
        self._look(Group(records, self._clock() - begun))

    def records(self, after: int = 0) -> Iterator[Record]:
        return self._store.records(after)

    def events(self, after: int = 0) -> Iterator[bytes]:
        return self._store.events(after)

    def kept(self, identity: str) -> Record | None:
        return self._store.kept(identity)

    def last(self) -> tuple[int, bytes]:
        return self._store.last()

    def save_snapshot(self, number: int, data: bytes) -> None:
        self._store.save_snapshot(number, data)

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        return self._store.snapshots()
