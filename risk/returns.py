"""What prices did in past intervals: the history that tails are made of, from references as told.

True here: an interval ends with the first reference after it, and what moved while nobody told
anything is all in the interval that ends then. What was not told anew did not move.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INTERVALS_MAX = 500


class History:
    """The moves of each instrument, as shares of its price, of the newest intervals."""

    def __init__(self, interval_ns: int) -> None:
        self.interval_ns = interval_ns
        self.count = 0
        self._moves: dict[str, deque[float]] = {}
        self._now: dict[str, int] = {}
        self._began: dict[str, int] = {}
        self._interval = 0

    def note(self, instrument: str, price: int, at: int) -> None:
        """One more reference; they come in the order of `at`, which is when they were received."""
        if price <= 0:
            return
        interval = at // self.interval_ns
        if interval > self._interval and self._began:
            for name, began in self._began.items():
                if name not in self._moves:
                    self._moves[name] = deque(self._unmoved(), INTERVALS_MAX)
                self._moves[name].append(self._now[name] / began - 1)
            self.count += 1
            self._began = dict(self._now)
        self._interval = max(interval, self._interval)
        self._now[instrument] = price
        self._began.setdefault(instrument, price)

    def table(self, instruments: Sequence[str]) -> NDArray[np.float64]:
        """Instruments by intervals; one that was not there yet did not move."""
        unmoved = self._unmoved()
        rows = [self._moves.get(name, unmoved) for name in instruments]
        return np.asarray(rows, dtype=np.float64).reshape(len(instruments), len(unmoved))

    def _unmoved(self) -> list[float]:
        """What an instrument did in all intervals that are kept, where it was in none of them."""
        return [0.0] * min(self.count, INTERVALS_MAX)
