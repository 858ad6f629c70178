"""Operators: people who repair what stood open long enough, two of them for each repair.

True here: they see what operations see of a break (its number, holding, size and age) and nothing
of the world's truth; a repair that was lost with a node that died is booked again, under a new id.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sim.dice import Stream


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
    """Books the proposed size of each break that stood open at that size for `after_ns`, once in
    that while: what has just joined it may be explained yet.

    Of two contents that contradict, the one that was told first, and so was booked, is held for
    right: nothing is booked, and the break closes.
    """

    author: str
    approver: str
    after_ns: int
    reason: str
    _booked_at: dict[int, int] = field(default_factory=dict)
    _sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    _booked: int = 0

    def look(self, now: int, breaks: Sequence[OpenBreak]) -> list[Adjustment]:
        """Look at all that is open; what was booked a moment ago is given time to close."""
        for each in breaks:
            size, _ = self._sizes.setdefault(each.number, (each.size, each.broken_at))
            if size != each.size:
                self._sizes[each.number] = (each.size, now)
        return [self._adjust(each, now) for each in breaks if self._is_due(each, now)]

    def _is_due(self, each: OpenBreak, now: int) -> bool:
        since = max(self._sizes[each.number][1], self._booked_at.get(each.number, 0))
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


# --- breaks of settlement ------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class OpenItem:
    """A break of settlement as it is shown to people. `way_back` is a scheme that could carry it
    back, and an address that it takes; "" where there is none."""

    subject: str
    cause: str
    account: str
    asset: str
    size: int
    opened_at: int
    way_back: tuple[str, str] = ("", "")

    @property
    def name(self) -> str:
        """What it is about, at its account."""
        return self.subject.removeprefix(f"{self.account} ")


Way = Literal["credit", "write_off", "send_back", "attribute", "resolve"]


@dataclass(slots=True, frozen=True)
class Decision:
    """What two people agreed on about one open item."""

    resolution_id: str
    item: OpenItem
    way: Way
    payment_id: str = ""
    line_id: str = ""


# What lies in suspense, and what a keeper puts right by itself sooner or later.
IN_SUSPENSE = ("unattributed", "unknown_debit", "duplicate")
LEFT_ALONE = ("amount", "after_the_end", "short")
OF_THE_RECORD = ("statement_gap", "statement_untied", "unreadable")


@dataclass(slots=True, eq=False)
class Desk:
    """Decides about each item that stood open for `after_ns`, once in that while.

    What came is credited, written off or sent back, by dice; what went is written off. Whose a
    return is they ask who made it. What a keeper says of itself they accept where the balance
    agrees. Where a decision had no end in a while they decide again, whatever became of it.
    """

    author: str
    after_ns: int
    dice: Stream
    ask: Callable[[str], str]
    _decided_at: dict[str, int] = field(default_factory=dict)
    _made: int = 0

    def look(self, now: int, items: Sequence[OpenItem], broken: Sequence[str]) -> list[Decision]:
        """Look at all that is open; `broken` are the accounts whose balance does not agree."""
        alone = [each.subject for each in items if each.cause in LEFT_ALONE]
        decisions = []
        for each in items:
            since = max(each.opened_at, self._decided_at.get(f"{each.subject} {each.cause}", 0))
            if now - since >= self.after_ns and each.subject not in alone:
                decisions += self._decide(each, items, broken, now)
        return decisions

    def _decide(
        self, each: OpenItem, items: Sequence[OpenItem], broken: Sequence[str], now: int
    ) -> list[Decision]:
        way: Way = "resolve"
        payment_id = line_id = ""
        if each.cause in IN_SUSPENSE:
            way = self._disposal(each)
        elif each.cause == "unmatched_return":
            payment_id = self.ask(each.name)
            if each.name != each.subject:  # it is a line, in suspense
                way = "attribute" if payment_id else self._disposal(each)
        elif each.cause == "nonce_taken":
            line_id = _taken(each, items)
        elif each.cause not in OF_THE_RECORD or each.account in broken:
            return []
        self._decided_at[f"{each.subject} {each.cause}"] = now
        self._made += 1
        name = f"{self.author}{self._made}"
        return [Decision(name, each, way, payment_id, line_id)]

    def _disposal(self, each: OpenItem) -> Way:
        if each.size < 0:
            return "write_off"
        ways: tuple[Way, ...] = ("credit", "write_off", "send_back", "send_back")
        way = self.dice.pick(ways)
        return "credit" if way == "send_back" and not each.way_back[0] else way


def _taken(each: OpenItem, items: Sequence[OpenItem]) -> str:
    """The line of what somebody else spent there, if one lies in suspense."""
    for other in items:
        if other.cause == "unknown_debit" and other.account == each.account:
            return other.name
    return ""
