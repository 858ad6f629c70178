"""What really happened, told by the simulated counterparties to the oracle and to nobody else.

A `Fact` is one change of the world's truth: which holdings moved and by how much. Holdings are
named "account/subject/leg", amounts are exact decimals. Facts also know how they were told: a fact
whose telling frame never arrived on the stream is *drift* until it is found. A frame has arrived
once our node made it durable: what a crash takes with it was told to nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

FactKind = Literal[
    "fill",
    "progress",
    "bust",
    "funding",
    "cash",
    "opening",
    "restated",
    "unlisted",
    "contradiction",
]


@dataclass(slots=True, eq=False)
class Fact:
    """One change of the truth. `key` is what identifies it at the venue."""

    number: int
    account: str
    kind: FactKind
    key: tuple[str, ...]
    at: int
    deltas: dict[str, Decimal]
    cause: str = "trade"
    lost_at: int = -1
    told_at: int = -1
    on_wire: int = 0


class Truth:
    """All facts in order, and who wants to know of them at once."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.facts: list[Fact] = []
        self.contradictions: list[Fact] = []
        self.totals: dict[str, Decimal] = {}
        self._heard: list[Fact] = []
        self.on_fact: Callable[[Fact], None] = lambda fact: None
        self.on_statement_path: Callable[[str, bool], None] = lambda account, good: None

    def now(self) -> int:
        """The world's time."""
        return self._clock()

    def record(
        self,
        account: str,
        kind: FactKind,
        key: tuple[str, ...],
        deltas: dict[str, Decimal],
        cause: str = "trade",
    ) -> Fact:
        """The truth changed by `deltas`, now."""
        moved = {name: amount for name, amount in deltas.items() if amount}
        fact = Fact(len(self.facts) + 1, account, kind, key, self._clock(), moved, cause)
        self.facts.append(fact)
        for name, amount in moved.items():
            self.totals[name] = self.totals.get(name, Decimal(0)) + amount
        self.on_fact(fact)
        return fact

    def contradict(self, account: str, key: tuple[str, ...]) -> Fact:
        """The venue will tell the fill of that key once more, with another content.

        Nothing changed, so that nobody but who counts the tellings hears of it.
        """
        number = -len(self.contradictions) - 1
        fact = Fact(number, account, "contradiction", key, self._clock(), {}, "contradiction")
        self.contradictions.append(fact)
        return fact

    def sent(self, facts: tuple[Fact, ...]) -> None:
        """A frame that tells these facts left; it will be told or lost."""
        for fact in facts:
            fact.on_wire += 1

    def heard(self, facts: tuple[Fact, ...]) -> None:
        """A frame that tells these facts came to our node, which may keep it or die before."""
        for fact in facts:
            fact.on_wire = max(0, fact.on_wire - 1)
        self._heard += facts

    def kept(self) -> None:
        """Our node made durable what it heard: that is told."""
        for fact in self._heard:
            if fact.told_at < 0:
                fact.told_at = self._clock()
        self._heard.clear()

    def dropped(self) -> None:
        """Our node died with what it heard and did not keep: that is lost."""
        for fact in self._heard:
            if fact.told_at < 0 and fact.lost_at < 0:
                fact.lost_at = self._clock()
        self._heard.clear()

    def lost(self, facts: tuple[Fact, ...]) -> None:
        """A frame that would have told these facts never will."""
        for fact in facts:
            fact.on_wire = max(0, fact.on_wire - 1)
            if fact.told_at < 0 and fact.lost_at < 0:
                fact.lost_at = self._clock()

    def statement_path(self, account: str, good: bool) -> None:  # noqa: FBT001  # an observation
        """A statement was answered well and its answer arrived, or it was not."""
        self.on_statement_path(account, good)
