"""A chain's blocks as functions of time and of its forks: number, hash, timestamp, what is final.

Nothing here is made block by block: a run of ninety days in which nothing happens costs nothing. At
a *fork* the newest blocks give way to others of the same numbers; the hash of a block tells its
number and the fork that made it, and a final block never gives way. Whoever asks says as of when:
a node that lags is the same chain, asked as of an earlier time.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from sim.dice import Stream

SECOND = 1_000_000_000


class Schedule(Protocol):
    """When blocks come. Block 0 is there from the beginning."""

    def height(self, now: int) -> int:
        """The newest number at that time."""

    def time(self, number: int) -> int:
        """When the block of that number comes."""


@dataclass(slots=True, frozen=True)
class Slots:
    """A block every so many nanoseconds."""

    genesis_ns: int
    every_ns: int = 12 * SECOND

    def height(self, now: int) -> int:
        return max(0, (now - self.genesis_ns) // self.every_ns)

    def time(self, number: int) -> int:
        return self.genesis_ns + number * self.every_ns


class Lottery:
    """Blocks after exponential times, at least a second apart: drawn as far as somebody asks."""

    def __init__(self, genesis_ns: int, dice: Stream, mean_ns: int = 600 * SECOND) -> None:
        self._dice = dice
        self._mean_ns = mean_ns
        self._times = [genesis_ns]

    def height(self, now: int) -> int:
        while self._times[-1] <= now:
            self._draw()
        return max(0, bisect_right(self._times, now) - 1)

    def time(self, number: int) -> int:
        while len(self._times) <= number:
            self._draw()
        return self._times[number]

    def _draw(self) -> None:
        # Whole seconds, as a header's time.
        seconds = max(1, self._dice.exponential(self._mean_ns) // SECOND)
        self._times.append(self._times[-1] + seconds * SECOND)


class Finality(Protocol):
    """Which number is final at a time; it never goes back."""

    def number(self, now: int) -> int: ...

    def time_final(self, number: int, now: int) -> int:
        """When that number will be final at the earliest, as it looks now; after `now`."""


@dataclass(slots=True)
class Epochs:
    """Final is the beginning of the epoch before the last whole one: 64 to 95 blocks behind.

    While it is `lost` no checkpoint is justified: blocks go on, and finality catches up after.
    """

    schedule: Schedule
    length: int = 32
    lost: list[tuple[int, int]] = field(default_factory=list)

    def number(self, now: int) -> int:
        epoch = self.schedule.height(now) // self.length
        while epoch > 2 and self._is_lost(self.schedule.time(epoch * self.length)):
            epoch -= 1
        return max(0, (epoch - 2) * self.length)

    def time_final(self, number: int, now: int) -> int:
        epoch = max(-(-number // self.length) + 2, self.schedule.height(now) // self.length + 1)
        return self.schedule.time(epoch * self.length)

    def lose(self, now: int, until: int) -> None:
        """No checkpoint from now on becomes final, until then."""
        self.lost.append((now, until))

    def _is_lost(self, at: int) -> bool:
        return any(since < at < until for since, until in self.lost)


@dataclass(slots=True, frozen=True)
class Depth:
    """Final is what has so many confirmations, itself counted."""

    schedule: Schedule
    confirmations: int = 6

    def number(self, now: int) -> int:
        return max(0, self.schedule.height(now) - self.confirmations + 1)

    def time_final(self, number: int, now: int) -> int:
        next_one = self.schedule.height(now) + 1
        return self.schedule.time(max(next_one, number + self.confirmations - 1))


@dataclass(slots=True, frozen=True)
class Fork:
    """At `at`, every block above `after` gave way. `step` orders it among what else happened."""

    at: int
    after: int
    step: int


class Timeline:
    """The blocks of one chain."""

    def __init__(self, name: str, schedule: Schedule, finality: Finality) -> None:
        self.name = name
        self.schedule = schedule
        self.finality = finality
        self.forks: list[Fork] = []
        self._step = 0

    def step(self) -> int:
        """A number for the next thing that happens, in order."""
        self._step += 1
        return self._step

    def head(self, now: int) -> int:
        """The newest number."""
        return self.schedule.height(now)

    def final(self, now: int) -> int:
        """The newest number that can never give way."""
        return self.finality.number(now)

    def branch(self, number: int, now: int) -> int:
        """Which fork made the block that has this number at that time; 0 for none."""
        for index in range(len(self.forks), 0, -1):
            fork = self.forks[index - 1]
            if fork.at <= now and fork.after < number:
                return index
        return 0

    def hash(self, number: int, now: int) -> str:
        """The block's hash, in hexadecimal."""
        return self.hash_on(number, self.branch(number, now))

    def hash_on(self, number: int, branch: int) -> str:
        return sha256(f"{self.name}/{number}/{branch}".encode()).hexdigest()

    def reorganise(self, depth: int, now: int) -> Fork | None:
        """The newest `depth` blocks give way, final ones excepted; None if there is none to."""
        head = self.head(now)
        after = max(head - depth, self.final(now))
        if after >= head:
            return None
        fork = Fork(now, after, self.step())
        self.forks.append(fork)
        return fork
