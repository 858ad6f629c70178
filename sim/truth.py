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
    """One change of the truth. `key` is what identifies it at the venue.

    A contradiction is `of` the fill that was told in two contents, and has its key.
    """

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
    heard_first: int = -1
    heard_last: int = -1
    of: "Fact | None" = None


@dataclass(slots=True)
class Provisional:
    """What an order's value may be wrong by, its average price being all that was told of it.

    `filled` is the quantity that it is of; `exact` once its exact value was told for that.
    `exact_since` is the oracle's: by its clock, since when our books had time to take that in.
    """

    filled: Decimal
    amount: Decimal
    exact: bool = False
    exact_since: int = -1


class Truth:
    """All facts in order, and who wants to know of them at once."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.facts: list[Fact] = []
        self.contradictions: list[Fact] = []
        self.totals: dict[str, Decimal] = {}
        self._heard: list[Fact] = []
        self.provisional: dict[str, dict[str, Provisional]] = {}
        self.on_fact: Callable[[Fact], None] = lambda fact: None
        self.on_statement_path: Callable[[str, int], None] = lambda what, spoiled_until: None

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

    def contradict(self, fill: Fact, holding: str) -> Fact:
        """The venue will tell that fill once more, with another content.

        Nothing changed in the holding that it is of, so that nobody but who counts the tellings
        hears of it.
        """
        number, unmoved = -len(self.contradictions) - 1, {holding: Decimal(0)}
        account, key, kind = fill.account, fill.key, "contradiction"
        fact = Fact(number, account, "contradiction", key, self._clock(), unmoved, kind, of=fill)
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
            fact.heard_last = self._clock()
            if fact.heard_first < 0:
                fact.heard_first = fact.heard_last
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
            if fact.told_at < 0:
                fact.heard_first = -1
                if fact.lost_at < 0:
                    fact.lost_at = self._clock()
        self._heard.clear()

    def cut(self, since: int) -> None:
        """Our node lost what it had made durable since then: what contradicts was told to nobody.

        Of all else the venue has a record; that it once told another content stands in none.
        """
        for fact in self.contradictions:
            if fact.told_at > since:
                fact.told_at = fact.heard_first = -1

    def lost(self, facts: tuple[Fact, ...]) -> None:
        """A frame that would have told these facts never will."""
        for fact in facts:
            fact.on_wire = max(0, fact.on_wire - 1)
            if fact.told_at < 0 and fact.lost_at < 0:
                fact.lost_at = self._clock()

    def statement_path(self, what: str, spoiled_until: int) -> None:
        """A statement cannot be read before then; 0 when one that was answered well arrived."""
        self.on_statement_path(what, spoiled_until)

    # --- what is told by average only ------------------------------------------------------------

    def averaged(self, holding: str, order_id: str, filled: Decimal, amount: Decimal) -> None:
        """An order's value is told to `amount` only, for as much as is filled of it now."""
        self.provisional.setdefault(holding, {})[order_id] = Provisional(filled, amount)

    def told_exactly(self, holding: str, order_id: str, filled: Decimal) -> None:
        """The exact value of so much of an order was told, and the telling arrived."""
        known = self.provisional.get(holding, {}).get(order_id)
        if known is not None and known.filled == filled:
            known.exact = True
