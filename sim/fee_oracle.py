"""The oracle of deductions: what keepers took rightly is our fees, and what was more was named.

It shares no code with what it judges. The keepers themselves say what they took, as they take it;
a status that was told wrongly may be lost on the wire, a line is not, for it is in their record.
"""

from collections.abc import Iterable
from typing import Protocol

from sim.payments import Payments


class FeeBooks(Protocol):
    """What this oracle may see of our books."""

    def fees(self, account: str, asset: str) -> int:
        """All that the books call fees of the account, whoever took it."""

    def named(self, about: str) -> Iterable[tuple[str, int]]:
        """Cause and size of every break there was about a payment or a line."""

    def questioned(self) -> Iterable[str]:
        """The payments of which the books said that another figure was told than should be."""


def faults(payments: Payments, books: FeeBooks) -> list[str]:
    """At the end, once all has healed: where fees are off, or a wrong deduction has no name."""
    found = []
    for (account, asset), units in payments.charges.items():
        ours = books.fees(account, asset)
        if ours != units:
            found.append(f"{account}: {ours} {asset} booked as fees, {units} were taken as such")
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
