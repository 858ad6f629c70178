"""What a bank's account must be by what was told of it, in plain words: no code of the core's.

Whatever a line is taken for (a payment, a return, a fee, a stranger's), the account moved by its
amount, once. The book is balanced: what one account gains another loses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.events import Event
from core.rail_events import BalanceOpened, LineBooked


@dataclass
class Nostro:
    """One account at a bank."""

    opening: int = 0
    lines: dict[str, int] = field(default_factory=dict)

    def tell(self, event: Event) -> None:
        match event:
            case BalanceOpened():
                self.opening += event.amount
            case LineBooked():
                self.lines.setdefault(event.line_id, event.amount)

    def stands_at(self) -> int:
        return self.opening + sum(self.lines.values())


def imbalance(ledger: Mapping[str, int]) -> dict[str, int]:
    """By asset, what all accounts come to: nothing, where each posting was balanced."""
    sums: dict[str, int] = {}
    for name, amount in ledger.items():
        asset = name.rpartition("/")[2]
        sums[asset] = sums.get(asset, 0) + amount
    return {asset: amount for asset, amount in sums.items() if amount}
