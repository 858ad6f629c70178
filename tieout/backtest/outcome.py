"""What a backtest leaves: what was traded, paid and shown, as data frames.

True here: amounts, prices and quantities are `Decimal`, exact; `at` columns are ns UTC as integers.
What is reckoned from them for people (equity, drawdown, statistics) is float and stands elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from core.journal import Store
    from tieout.backtest.tear import TearSheet

# The columns of each frame, in order. `side` is 1 for a purchase, -1 for a sale. `decided_at` is
# when the strategy wished for the order, `seen` the price that the market showed it then: the
# middle of the top, else the last trade, else the last close. A fill's `value` is what it is worth
# in `asset`, which is quote (spot) or settlement coin; `fee` is paid where positive, in
# `fee_asset`. `strategy` is who wished for it, or who alone held what was taken over.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "fills": (
        *("at", "account", "instrument", "strategy", "client_order_id", "side", "quantity"),
        *("price", "value", "asset", "fee", "fee_asset", "is_maker", "cause", "decided_at", "seen"),
    ),
    "orders": (
        *("decided_at", "account", "instrument", "strategy", "client_order_id", "side"),
        *("quantity", "kind", "price", "filled", "status", "code", "ended_at"),
    ),
    "movements": ("at", "account", "instrument", "asset", "kind", "amount"),
    "marks": ("at", "account", "instrument", "price"),
    "openings": ("account", "asset", "amount"),
    "instruments": (
        *("account", "instrument", "kind", "base", "quote", "settle", "tick", "lot", "multiplier"),
    ),
    "breaks": ("opened_at", "account", "subject", "leg", "size", "cause", "state"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One backtest: its frames (see `COLUMNS`), and what was counted on the way."""

    name: str
    digest: str
    began_at: int
    ended_at: int
    frames: "Mapping[str, pd.DataFrame]"
    counts: Mapping[str, int]
    assumptions: tuple[str, ...]
    store: "Store | None" = None

    @property
    def fills(self) -> "pd.DataFrame":
        """Every execution, in order of time."""
        return self.frames["fills"]

    @property
    def marks(self) -> "pd.DataFrame":
        """What each instrument was worth when it was looked at."""
        return self.frames["marks"]

    def tear_sheet(self, reporting: str = "") -> "TearSheet":
        """What it earned, by what and at which risk, in a currency (see `tieout.backtest.tear`)."""
        from tieout.backtest.tear import tear_sheet

        return tear_sheet(self, reporting)

    def summary(self) -> dict[str, Any]:
        """The figures that a script asks for."""
        sheet = self.tear_sheet()
        return {
            "name": self.name,
            "digest": self.digest,
            "began_at": self.began_at,
            "ended_at": self.ended_at,
            "reporting": sheet.reporting,
            "profit": {part: format(amount, "f") for part, amount in sheet.parts.items()},
            "statistics": {
                name: None if isnan(figure) else figure  # JSON has no word for it
                for name, figure in sheet.statistics._asdict().items()
            },
            "counts": dict(self.counts),
            "assumptions": list(sheet.assumptions),
        }
