"""The journal of a simulated node: a list that survives the node, and a tail that does not.

What `commit` has not confirmed dies with `crash`; nothing else ever does.
"""

from collections.abc import Iterator
from itertools import islice

from core.journal import Record

SNAPSHOTS_KEPT = 2


class MemoryStore:
    """A `Store` in memory."""

    def __init__(self) -> None:
        self.committed: list[Record] = []
        self.pending: list[Record] = []
        self.groups: list[tuple[int, bytes]] = []
        self._snapshots: list[tuple[int, bytes]] = []
        self._kept: dict[str, Record] = {}
        self._looked_through = 0

    def append(self, record: Record) -> None:
        self.pending.append(record)

    def commit(self, last: int, chain: bytes) -> None:
        """Make everything appended so far durable, as one group."""
        self.committed += self.pending
        self.pending.clear()
        assert len(self.committed) == last, (len(self.committed), last)
        self.groups.append((last, chain))

    def records(self, after: int = 0) -> Iterator[Record]:
        """The committed records with numbers above `after`, in order."""
        return islice(self.committed, after, len(self.committed))

    def events(self, after: int = 0) -> Iterator[bytes]:
        """The bodies of the events among them."""
        return (record.body for record in self.records(after) if record.kind == "event")

    def kept(self, identity: str) -> Record | None:
        """The last effect that bears the identity, committed or not yet; None where none does."""
        for record in self.committed[self._looked_through :]:
            if record.identity and record.kind == "effect":
                self._kept[record.identity] = record
        self._looked_through = len(self.committed)
        for record in reversed(self.pending):
            if record.identity == identity and record.kind == "effect":
                return record
        return self._kept.get(identity)

    def last(self) -> tuple[int, bytes]:
        """The number and chain hash of the last committed group; (0, b"") of an empty store."""
        return self.groups[-1] if self.groups else (0, b"")

    def save_snapshot(self, number: int, data: bytes) -> None:
        """Keep what the state was after the committed record `number`; a few older ones stay."""
        self._snapshots = [(number, data), *self._snapshots][:SNAPSHOTS_KEPT]

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        """The snapshots, newest first."""
        return iter(self._snapshots)

    def crash(self) -> int:
        """Lose what was not committed; returns how many records that were."""
        lost = len(self.pending)
        self.pending.clear()
        return lost
