"""The oracle of deductions: what keepers took beyond their bounds was named, and nothing else.

It shares no code with what it judges. The keepers themselves say what they took, as they take it;
a status that was told wrongly may be lost on the wire, a line is not, for it is in their record.
That what was taken rightly is our fees the oracle of lines sees, account by account.
"""

from collections.abc import Iterable
from typing import Protocol

from sim.payments import Payments


class FeeBooks(Protocol):
    """What this oracle may see of our books."""

    def named(self, about: str) -> Iterable[tuple[str, int]]:
        """Cause and size of every break there was about a payment or a line."""

    def questioned(self) -> Iterable[str]:
        """The payments of which the books said that another figure was told than should be."""


def faults(payments: Payments, books: FeeBooks) -> list[str]:
    """At the end, once all has healed: where a wrong deduction has no name, or a right one has."""
    found = []
    for each in payments.overcharges:
        sizes = [abs(size) for _, size in books.named(each.about)]
        if each.amount not in sizes:
            found.append(f"{each.about}: {each.amount} taken beyond its bound, and breaks {sizes}")
    found += [
        f"{payment_id}: questioned, and told as it is"
        for payment_id in books.questioned()
        if payment_id not in payments.misstated
    ]
    return found
