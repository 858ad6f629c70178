"""The journal of a simulated node: a list that survives the node, and a tail that does not.

What `commit` has not confirmed dies with `crash`. Only `cut` takes more, as when an old copy is put
back: the anchor stands outside the list, and says still how long it was and which boot came last.
"""

from collections.abc import Iterator

from core.events import NodeStarted
from core.journal import Record, decode_event

SNAPSHOTS_KEPT = 2


class MemoryStore:
    """A `Store` in memory."""

    def __init__(self) -> None:
        self.committed: list[Record] = []
        self.pending: list[Record] = []
        self.groups: list[tuple[int, bytes]] = []
        self.anchored = 0
        self.epoch = 0
        self._snapshots: list[tuple[int, bytes]] = []
        self._kept: dict[str, Record] = {}
        self._looked_through = 0

    @property
    def records_lost(self) -> int:
        """How many records were cut since the last commit."""
        return self.anchored - self.last()[0]

    def append(self, record: Record) -> None:
        self.pending.append(record)

    def commit(self, last: int, chain: bytes) -> None:
        """Make everything appended so far durable, as one group."""
        for record in self.pending:
            if record.name == "NodeStarted":
                boot = decode_event(record.body)
                assert isinstance(boot, NodeStarted)
                self.epoch = max(self.epoch, boot.epoch)
        self.committed += self.pending
        self.pending.clear()
        assert len(self.committed) == last, (len(self.committed), last)
        self.groups.append((last, chain))
        self.anchored = last

    def records(self, after: int = 0) -> Iterator[Record]:
        """The committed records with numbers above `after`, in order."""
        return iter(self.committed[after:])

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

    def cut(self, groups: int, floor: int) -> list[Record]:
        """Lose the last committed groups, but none up to the record `floor`; returns what is lost.

        Snapshots lie in the same file: those of what is lost are lost with it.
        """
        kept = [group for group in self.groups[:-groups] if group[0] >= floor]
        kept = kept or [group for group in self.groups if group[0] <= floor][-1:]
        last = kept[-1][0] if kept else 0
        self.groups = [group for group in self.groups if group[0] <= last]
        lost = self.committed[last:]
        del self.committed[last:]
        self._snapshots = [each for each in self._snapshots if each[0] <= last]
        return lost
