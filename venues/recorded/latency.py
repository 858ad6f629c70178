"""How long a message is under way: chosen by a word of dice, so that the same words give the same.

True here: whole ns, never negative, never a float. An order's way there and the reply's way back
have a model each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Latency(Protocol):
    """One way over the wire."""

    def of(self, word: int) -> int:
        """The ns that these 64 bits of dice choose."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always as long."""

    ns: int

    def of(self, word: int) -> int:
        return self.ns


@dataclass(frozen=True, slots=True)
class Empirical:
    """One of the measured delays, each as likely: no shape is fitted, and there is no tail."""

    samples: Sequence[int]

    def of(self, word: int) -> int:
        return self.samples[word * len(self.samples) >> 64]
