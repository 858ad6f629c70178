"""Rolling windows: how much went through a key in the last so many nanoseconds.

What was counted is kept in slices of time; a slice that the window has not wholly left still counts
whole. So a sum is never too small, and too large by at most the amounts of one slice.
"""

from collections import deque

from risk.records import Key

SLICES = 60


class Window:
    """One length of time, for any number of keys."""

    def __init__(self, length_ns: int) -> None:
        assert length_ns >= SLICES
        self.slice_ns = length_ns // SLICES
        self.length_ns = length_ns
        self.slices: deque[tuple[int, dict[Key, int]]] = deque()
        self.sums: dict[Key, int] = {}

    def add(self, keys: tuple[Key, ...], amount: int, now: int) -> None:
        """Count an amount (of value, of messages) in each of the keys; time does not run back.

        What comes late counts now: it stays longer than it should, never shorter.
        """
        assert amount >= 0
        place = now // self.slice_ns
        if not self.slices or place > self.slices[-1][0]:
            self.slices.append((place, {}))
        newest = self.slices[-1][1]
        for key in keys if amount else ():
            newest[key] = newest.get(key, 0) + amount
            self.sums[key] = self.sums.get(key, 0) + amount

    def total(self, key: Key, now: int) -> int:
        """What was counted in the key since `now - length_ns`, and maybe a little before."""
        while self.slices and (self.slices[0][0] + 1) * self.slice_ns <= now - self.length_ns:
            for gone, amount in self.slices.popleft()[1].items():
                self.sums[gone] -= amount
                if not self.sums[gone]:
                    del self.sums[gone]
        return self.sums.get(key, 0)
