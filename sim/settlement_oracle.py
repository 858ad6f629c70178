"""The oracle of payments: what is called completed is what its rail's own rule settled.

It shares no code with what it judges. Balances are the other oracle's; here it is about each
payment: settled too soon, carried out twice, given up though it settled, returned without anyone
knowing. A legal return of what was completed is no fault; not knowing of it, in the end, is.
"""

from dataclasses import dataclass
from typing import Protocol

from sim.payments import Payment, Payments


class PaymentBooks(Protocol):
    """What the oracle may see of our books."""

    def completed(self) -> list[str]:
        """The payments newly shown to a customer as completed, since it was last asked."""

    def status(self, payment_id: str) -> str:
        """What our books say now: "settled", "returned", "failed", "open", or "" for none."""

    def returned(self, payment_id: str) -> int:
        """How much of it our books say came back."""


@dataclass(slots=True, frozen=True)
class Wrong:
    """A payment that our books tell otherwise than the world has it."""

    payment_id: str
    scheme: str
    at: int
    books: str
    truth: str


class SettlementOracle:
    """Watches the payments of one run."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments
        self.wrongly_settled: list[Wrong] = []
        self.books: PaymentBooks | None = None

    def observe(self, now: int) -> None:
        """A step was taken."""
        if self.books is None:
            return
        for payment_id in self.books.completed():
            truth = self._payments.all.get(payment_id)
            if truth is None or not 0 <= truth.settled_at <= now:
                scheme = truth.scheme if truth is not None else ""
                self.wrongly_settled.append(
                    Wrong(payment_id, scheme, now, "completed", told(truth))
                )

    @property
    def wrong(self) -> int:
        """How many payments were called completed before, or without, their rail's settlement."""
        return len(self.wrongly_settled)

    def doubled(self) -> list[str]:
        """Payments that a counterparty carried out more than once."""
        return [p.payment_id for p in self._payments.all.values() if p.times_applied > 1]

    def differences(self, now: int) -> list[Wrong]:
        """At the end, once all has healed: every payment that the books tell otherwise."""
        if self.books is None:
            return []
        found = []
        for truth in self._payments.all.values():
            ours = self.books.status(truth.payment_id)
            if ours != told(truth) or self.books.returned(truth.payment_id) != truth.returned:
                found.append(Wrong(truth.payment_id, truth.scheme, now, ours, told(truth)))
        return found


def told(truth: Payment | None) -> str:
    """What became of a payment, in a word."""
    if truth is None:
        return ""
    if truth.returned_at >= 0:
        return "returned"
    if truth.settled_at >= 0:
        return "settled"
    return "failed" if truth.failed_at >= 0 else "open"
