"""Numbers that change from block to block, readable at any block as of any time, forks and all.

Nothing is undone at a fork: what was written into a block that gave way is passed over by every
reading after the fork, and still seen by whoever reads as of before.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

from sim.forks import Timeline


@dataclass(slots=True, frozen=True)
class Version:
    """One value, written at a time into the block of a number."""

    step: int
    at: int
    number: int
    value: int


@dataclass(slots=True)
class Versions:
    """Every key's values; what was never written is 0."""

    timeline: Timeline
    _all: dict[Hashable, list[Version]] = field(default_factory=dict)

    def write(self, key: Hashable, value: int, number: int, now: int) -> None:
        """In the block of this number the key has that value from now on."""
        version = Version(self.timeline.step(), now, number, value)
        self._all.setdefault(key, []).append(version)

    def read(self, key: Hashable, number: int, now: int) -> int:
        """The key's value after the block of this number, as the chain stands at that time."""
        for version in reversed(self._all.get(key, ())):
            if version.at <= now and version.number <= number and not self._gone(version, now):
                return version.value
        return 0

    def written(self) -> list[Hashable]:
        """Every key that was ever written, in the order of first writing."""
        return list(self._all)

    def _gone(self, version: Version, now: int) -> bool:
        for fork in reversed(self.timeline.forks):
            if fork.step < version.step:
                return False
            if fork.at <= now and fork.after < version.number:
                return True
        return False
