"""The oracle of suspense: what moved that nobody asked for was disposed of once, or lies there yet.

It shares no code with what it judges. What strayed is told by those who keep the money; what was
paid back is the world's own payment; what was credited or written off is what two people decided
and the books took. What is left of each is what must lie in suspense, to the unit.
"""

from dataclasses import dataclass, field
from typing import Protocol

from sim.operators import Decision
from sim.payments import Payments
from sim.settlement_oracle import told


class SuspenseBooks(Protocol):
    """What this oracle may see of our books."""

    def lying(self, account: str, name: str) -> int:
        """How much lies in suspense under that name."""

    def took(self, resolution_id: str) -> bool:
        """Whether they took the decision of that id."""

    def sent_back(self, resolution_id: str) -> str:
        """The payment by which a decision sends something back, "" if there is none."""


@dataclass(slots=True, eq=False)
class SuspenseOracle:
    """Watches what strayed in one run."""

    world: Payments
    decided: list[Decision] = field(default_factory=list)
    books: SuspenseBooks | None = None

    def taken(self) -> list[Decision]:
        """The decisions that the books took."""
        books = self.books
        return [] if books is None else [d for d in self.decided if books.took(d.resolution_id)]

    def off(self) -> list[str]:
        """Once all has healed: what was disposed of twice, and what is neither gone nor there."""
        if self.books is None:
            return []
        found = []
        for (account, name), (asset, left) in self.left().items():
            lies = self._lies(account, name)
            if left != lies:
                found.append(f"{account} {name}: {left} {asset} left of it, and {lies} lies there")
        return found

    def _about(self, account: str, name: str) -> str:
        """What was taken back, and the line that takes it back, are one; so are two alike of which
        one takes a credit back, and either may lie here."""
        return self.world.undoing.get(f"{account} {name}", name)

    def _lies(self, account: str, name: str) -> int:
        """Under its own name, and under that of the line that takes it back."""
        assert self.books is not None
        undoing = [each for each, of in self.world.undoing.items() if of == name]
        others = [each.removeprefix(f"{account} ") for each in undoing if each.startswith(account)]
        return sum(self.books.lying(account, each) for each in (name, *others))

    def left(self) -> dict[tuple[str, str], tuple[str, int]]:
        """How much, and of what, must lie in suspense, by account and name."""
        left: dict[tuple[str, str], tuple[str, int]] = {}
        for stray in self.world.strays:
            where = stray.account, stray.name
            left[where] = stray.asset, stray.amount + left.get(where, ("", 0))[1]
        for each in self.taken():
            account = each.item.account
            where = account, self._about(account, each.line_id or each.item.name)
            if where in left:
                asset, amount = left[where]
                left[where] = asset, amount - self._gone(each, amount)
        return left

    def _gone(self, each: Decision, lay: int) -> int:
        """What a decision disposed of: of what was sent back, what the world paid and kept.

        What a customer got and the bank took back after all, the customer owes.
        """
        assert self.books is not None
        if each.way == "resolve":
            return lay
        if each.way == "credit" and f"{each.item.account} {each.item.name}" in self.world.undone:
            return 0
        if each.way != "send_back":
            return each.item.size
        payment = self.world.all.get(self.books.sent_back(each.resolution_id))
        if payment is None or told(payment) not in ("settled", "returned"):
            return 0
        return payment.amount - payment.returned
