"""The oracle of lines that are no payment's: fees, income, and money that is nobody's, by account.

It shares no code with what it judges. Keepers say what such a line is as they book it, and which
lines of payments bear a wrong amount: nothing of that is a fee. Each is looked at when our books
take it in, and the three sums of each account once all has healed: each by itself, so that nothing
is made good by a fault of another sort. Fees are all that was rightly taken, of payments as well;
what is left in suspense the oracle of suspense knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sim.payments import Payments, Sort
from sim.suspense_oracle import SuspenseOracle

# Where our books put such a line: the first word of an account of the ledger.
PLACES: Mapping[Sort, str] = {"fee": "fees", "income": "income", "nobody": "suspense"}
FAULTS_MAX = 20
Sum = tuple[str, str, Sort]  # account, asset


class LineBooks(Protocol):
    """What this oracle may see of our books."""

    def beside(self) -> Mapping[Sum, int]:
        """What they hold, per account and asset, as fees, as income, and in suspense."""


@dataclass(slots=True, eq=False)
class LinesOracle:
    """Watches the lines of one run."""

    world: Payments
    suspense: SuspenseOracle
    books: LineBooks | None = None
    misplaced: list[str] = field(default_factory=list)

    def on_booked(self, account: str, line_id: str, names: Sequence[str]) -> None:
        """Our books took a line in: these are the other sides of it."""
        if len(self.misplaced) >= FAULTS_MAX:
            return
        aside = self.world.asides.get((account, line_id))
        if aside is not None:
            place = f"{PLACES[aside.sort]}/"
            if not all(name.startswith(place) for name in names):
                self.misplaced.append(f"{account} {line_id}: {aside.sort}, and booked to {names}")
        elif (account, line_id) in self.world.wrong:
            if any(name.startswith("fees/") for name in names):
                self.misplaced.append(f"{account} {line_id}: a mistake, and booked to {names}")

    def differences(self) -> list[str]:
        """Accounts whose fees, income or suspense are not what their keeper has."""
        if self.books is None:
            return []
        ours, expected = self.books.beside(), self._expected()
        return [
            f"{PLACES[total[2]]} of {total[0]}: {ours.get(total, 0)} {total[1]},"
            f" not {expected.get(total, 0)}"
            for total in dict.fromkeys([*expected, *ours])
            if ours.get(total, 0) != expected.get(total, 0)
        ]

    def _expected(self) -> dict[Sum, int]:
        sums: dict[Sum, int] = {}
        for (account, asset), units in self.world.charges.items():
            sums[account, asset, "fee"] = units
        for aside in self.world.asides.values():
            if aside.sort == "income":
                income: Sum = aside.account, aside.asset, "income"
                sums[income] = sums.get(income, 0) - aside.units
        for (account, _), (asset, units) in self.suspense.left().items():
            nobodys: Sum = account, asset, "nobody"
            sums[nobodys] = sums.get(nobodys, 0) - units
        return sums
