"""The oracle of reversals: what is lost when customers had it and it is taken back, beneath limits.

It shares no code with what it judges. What a customer has left is reckoned from what really moved;
what is wanting of it is lost, on the rails that took something back from that customer. What was
let go of it counted against limits when it was let go, so no loss is ever larger than they are.
Only what a bank takes once more that it had given back, a return that was undone, nobody let go.
What is wanting and was never taken back was paid out of nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sim.customer_oracle import Bound, CustomerOracle
from sim.payments import Payments


@dataclass(slots=True, frozen=True)
class Lost:
    """The most that was lost at once of one sum that has a limit."""

    limit: str
    scope: str
    subject: str
    asset: str
    amount: int
    bound: int


@dataclass(slots=True, eq=False)
class ReversalOracle:
    """Watches the losses of one run."""

    world: Payments
    judge: CustomerOracle
    most: dict[tuple[str, str, str], Lost] = field(default_factory=dict)
    overdrawn: dict[tuple[str, str], int] = field(default_factory=dict)
    _undone: int = 0
    _payments: int = 0

    def is_due(self) -> bool:
        """Whether the world took back a credit since it was last asked, or took on many payments:
        of those some may have come back, and what is lost stays lost for a while."""
        undone, payments = len(self.world.undone), len(self.world.all)
        if undone == self._undone and payments <= self._payments:
            return False
        self._undone, self._payments = undone, payments + payments // 16
        return True

    def look(self) -> None:
        """Count what is lost now, and remember the most of it."""
        lost = dict(self._lost())
        for bound in self.judge.limits:
            for subject, amount in self._sums(bound, lost).items():
                key = bound.scope, subject, bound.asset
                known = self.most.get(key)
                if amount and (known is None or amount > known.amount):
                    self.most[key] = Lost(bound.limit, *key, amount, bound.amount)

    def beyond(self) -> list[str]:
        """What was lost beyond a limit."""
        return [
            f"{each.amount} {each.asset} lost of {each.scope} {each.subject}, {each.limit} is"
            f" {each.bound}"
            for each in self.most.values()
            if each.amount > each.bound
        ]

    def _lost(self) -> Iterator[tuple[tuple[str, str], int]]:
        """What is wanting of each customer, beyond what nobody let go; what was never taken back
        of it was never there."""
        undone_again: dict[tuple[str, str], int] = {}
        for payment in self.world.all.values():
            if payment.dishonoured:
                key = self.judge.owner(payment.payment_id), payment.asset
                undone_again[key] = undone_again.get(key, 0) + payment.amount
        for key, left in self.judge.reckoned().items():
            amount = -left - undone_again.get(key, 0)
            if amount <= 0:
                continue
            yield key, amount
            pulled, pushed = self.judge.pulled_back(*key), self.judge.pushed_back(*key)
            never = amount - sum(pulled.values()) - sum(pushed.values())
            if never > 0:
                self.overdrawn[key] = max(never, self.overdrawn.get(key, 0))

    def _sums(self, bound: Bound, lost: Mapping[tuple[str, str], int]) -> dict[str, int]:
        sums: dict[str, int] = {}
        for (customer, asset), amount in lost.items():
            if asset != bound.asset:
                continue
            for subject, part in self._parts(bound, customer, amount):
                if bound.scope == "asset" or bound.subject in ("*", subject):
                    sums[subject] = sums.get(subject, 0) + part
        return sums

    def _parts(self, bound: Bound, customer: str, amount: int) -> Sequence[tuple[str, int]]:
        """Which sums of the scope a loss of the customer's is in, and how much of it.

        What was pulled counted in whole before: of what is lost it comes first, and what others
        pushed bears the rest.
        """
        if bound.scope != "rail":
            return {"customer": [(customer, amount)], "asset": [("", amount)]}.get(bound.scope, [])
        pulled = self.judge.pulled_back(customer, bound.asset)
        pushed = self.judge.pushed_back(customer, bound.asset)
        rest = amount - min(amount, sum(pulled.values()))
        parts = [(scheme, min(amount, most)) for scheme, most in pulled.items()]
        return parts + [(scheme, min(rest, most)) for scheme, most in pushed.items()]
