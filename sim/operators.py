"""Operators: people who repair what stood open long enough, two of them for each repair.

True here: they see what operations see of a break (its number, holding, size and age) and nothing
of the world's truth; a repair that was lost with a node that died is booked again, under a new id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class OpenBreak:
    """A break as it is shown to people; a contradiction is two contents under one id."""

    number: int
    holding: str
    size: int
    broken_at: int
    contradiction: bool = False


@dataclass(slots=True, frozen=True)
class Adjustment:
    """What two people agreed to book."""

    adjustment_id: str
    break_number: int
    holding: str
    amount: int
    author: str
    approver: str
    reason: str


@dataclass(slots=True, eq=False)
class Operator:
    """Books the proposed size of each break that stood open for `after_ns`, once in that while.

    Of two contents that contradict, the one that was told first, and so was booked, is held for
    right: nothing is booked, and the break closes.
    """

    author: str
    approver: str
    after_ns: int
    reason: str
    _booked_at: dict[int, int] = field(default_factory=dict)
    _booked: int = 0

    def look(self, now: int, breaks: Sequence[OpenBreak]) -> list[Adjustment]:
        """Look at all that is open; what was booked a moment ago is given time to close."""
        return [self._adjust(each, now) for each in breaks if self._is_due(each, now)]

    def _is_due(self, each: OpenBreak, now: int) -> bool:
        since = max(each.broken_at, self._booked_at.get(each.number, 0))
        return (each.size != 0 or each.contradiction) and now - since >= self.after_ns

    def _adjust(self, each: OpenBreak, now: int) -> Adjustment:
        self._booked_at[each.number] = now
        self._booked += 1
        return Adjustment(
            adjustment_id=f"{self.author}-{self._booked}",
            break_number=each.number,
            holding=each.holding,
            amount=0 if each.contradiction else each.size,
            author=self.author,
            approver=self.approver,
            reason=self.reason,
        )
