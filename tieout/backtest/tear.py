"""The tear sheet of a backtest: what it earned, by what, at which risk, and how well it was filled.

True here: profit and its parts are exact decimals and add up to the unit (`earned.py`); all else is
float. Everything is in one reporting currency. What that assumes stands in `assumptions`, and what
could not be valued in `unpriced`: it is in no figure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from tieout.backtest.earned import MOVED, PARTS, Earned, earned, over_time
from tieout.backtest.exposure import Exposure, exposure, time_in_market
from tieout.backtest.fill_quality import measured, quality
from tieout.backtest.outcome import Outcome
from tieout.backtest.round_trips import closed
from tieout.backtest.statistics import (
    DAY_NS,
    Floats,
    Statistics,
    drawdowns,
    hit_rate,
    period_of,
    profit_factor,
    statistics,
)
from tieout.backtest.worth import DOLLARS, EXACT, ZERO

if TYPE_CHECKING:  # matplotlib takes a second to import; figures without pictures need none
    from matplotlib.figure import Figure
    from rich.console import RenderableType

KEYS = ("strategy", "account", "instrument")


@dataclass(frozen=True, eq=False)
class TearSheet:
    """One backtest in figures; made by `tear_sheet`."""

    outcome: Outcome
    reporting: str
    earned: Earned
    exposure: Exposure

    @cached_property
    def curve(self) -> pd.DataFrame:
        """At each moment: equity (exact), and drawdown, gross and net exposure (floats)."""
        at = pd.to_datetime(self.earned.moments, unit="ns", utc=True)
        columns = {
            "equity": self.earned.equity,
            "drawdown": drawdowns(self.equity),
            "gross": self.exposure.gross,
            "net": self.exposure.net,
        }
        return pd.DataFrame(columns, index=pd.Index(at, name="at"))

    @cached_property
    def equity(self) -> Floats:
        """As floats; it begins with what was opened."""
        told = self.earned.equity.astype(float)
        told[0] = float(self.earned.opened)
        return told

    @cached_property
    def statistics(self) -> Statistics:
        """Of the equity, in periods as long as the backtest allows."""
        lasted = self.outcome.ended_at - self.outcome.began_at
        return statistics(self.equity, self.earned.moments, period_of(lasted))

    # --- what was earned -------------------------------------------------------------------------

    @cached_property
    def profit(self) -> pd.DataFrame:
        """Of each strategy, account and instrument: the parts of its profit, and their sum."""
        rows = [
            (key.strategy, *key.place, *(pots[part] for part in PARTS), _sum(pots.values()))
            for key, pots in sorted(self.earned.parts.items())
            if any(pots.values()) or key in self.earned.flows
        ]
        return pd.DataFrame(rows, columns=[*KEYS, *PARTS, "profit"])

    def profit_by(self, *by: str) -> pd.DataFrame:
        """The same, summed by some of the three: exact."""
        columns = [*PARTS, "profit"]
        return self.profit.groupby(list(by), sort=False)[columns].agg(_sum)

    @cached_property
    def parts(self) -> dict[str, Decimal]:
        """Of everything together."""
        return {part: _sum(self.profit[part]) for part in PARTS}

    @cached_property
    def transfers(self) -> pd.DataFrame:
        """What was moved, by account and asset: it earned nothing."""
        movements = self.outcome.frames["movements"]
        those = movements[movements["kind"].isin(MOVED)]
        return those.groupby(["account", "asset"])[["amount"]].agg(_sum)

    def periods(self, unit: Literal["h", "D", "M"]) -> pd.DataFrame:
        """What was gained in each hour, day or month of UTC, and as a share of what it began with.

        What stands at midnight is what the day before came to.
        """
        before = (self.earned.moments[1:] - 1).astype("datetime64[ns]")
        named = before.astype(f"datetime64[{unit}]")
        names = np.unique(named)
        ends = self.equity[np.searchsorted(named, names, side="right")]
        starts = np.append(self.equity[:1], ends)[: len(ends)]
        index = pd.Index(names.astype("datetime64[ns]"), name="at")
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(starts > 0, ends / starts - 1, np.nan)
        return pd.DataFrame({"gained": ends - starts, "return": shares}, index=index)

    def curves(self, by: str) -> dict[str, Floats]:
        """What each strategy (or account, or instrument) had earned at each moment; floats."""
        found: dict[str, Floats] = {}
        for key, flows in self.earned.flows.items():
            name = {"strategy": key.strategy, **key.place._asdict()}[by]
            earned_so_far = over_time(self.earned.worths, key.place, flows).astype(float)
            found[name] = found.get(name, 0.0) + earned_so_far
        return found

    @property
    def days(self) -> float:
        """How long it lasted."""
        return (self.outcome.ended_at - self.outcome.began_at) / DAY_NS

    # --- what was traded -------------------------------------------------------------------------

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Each fill with its worth, slippage, and where the mark went after it."""
        return measured(self.outcome, self.earned)

    def quality_by(self, *by: str) -> pd.DataFrame:
        """Fill quality, by some of strategy, account and instrument; by none, of all."""
        return quality(self.fills, self.outcome.frames["orders"], *by)

    @cached_property
    def quality(self) -> dict[str, float]:
        """Of all fills together; empty where nothing was ordered."""
        told = self.quality_by()
        return {str(name): float(told[name].iloc[0]) for name in told} if len(told) else {}

    @cached_property
    def results(self) -> Floats:
        """What each closing trade gained."""
        return np.array([each.gained for each in closed(self.outcome, self.earned)])

    @cached_property
    def liquidated(self) -> pd.DataFrame:
        """What the venue closed of each strategy, account and instrument: `fills`, and `worth`."""
        forced = self.fills[self.fills["cause"] == "liquidation"]
        return forced.groupby(list(KEYS)).agg(fills=("worth", "size"), worth=("worth", "sum"))

    @property
    def traded(self) -> float:
        """The worth of all fills."""
        return float(self.fills["worth"].sum())

    @property
    def turnover(self) -> float:
        """What was traded in a day, as a multiple of the mean equity."""
        mean = float(self.equity.mean())
        return self.traded / self.days / mean if self.days and mean > 0 else float("nan")

    @property
    def time_in_market(self) -> float:
        return time_in_market(self.exposure.gross, self.earned.moments)

    @property
    def trades_hit_rate(self) -> float:
        return hit_rate(self.results)

    @property
    def trades_profit_factor(self) -> float:
        return profit_factor(self.results)

    # --- what it stands on -----------------------------------------------------------------------

    @property
    def unpriced(self) -> dict[str, Decimal]:
        return {asset: amount for asset, amount in self.earned.unpriced.items() if amount}

    @property
    def assumptions(self) -> Sequence[str]:
        """Those of the backtest's models, and those of this sheet."""
        return [*self.outcome.assumptions, *self._own_assumptions()]

    def _own_assumptions(self) -> Iterable[str]:
        assets = {flow.asset for flows in self.earned.flows.values() for flow in flows}
        pegged = sorted({*assets, self.reporting} & {*DOLLARS} - {self.reporting})
        if pegged and self.reporting in DOLLARS:
            yield f"{', '.join(pegged)} worth as much as {self.reporting} where no mark says other"
        if len(self.transfers):
            yield "transfers earn nothing: equity is what was opened with and what was earned"
        if self.unpriced:
            told = ", ".join(f"{amount:f} {asset}" for asset, amount in self.unpriced.items())
            yield f"no mark gives a worth to {told}: left out of every figure"

    # --- faces -----------------------------------------------------------------------------------

    def plot(self) -> "Figure":
        """Equity, drawdown and exposure, for a notebook."""
        from tieout.backtest.tear_plots import equity

        return equity(self)

    def plot_profit(self) -> "Figure":
        """The parts of the profit as a waterfall, for a notebook."""
        from tieout.backtest.tear_plots import profit

        return profit(self)

    def plot_fills(self) -> "Figure":
        """Slippage, and where the price went after fills, for a notebook."""
        from tieout.backtest.tear_plots import fill_quality

        return fill_quality(self)

    def page(self) -> str:
        """A page that stands alone."""
        from tieout.backtest.tear_page import page_of

        return page_of(self)

    def __rich__(self) -> "RenderableType":
        from tieout.backtest.tear_tables import tables

        return tables(self)


def tear_sheet(outcome: Outcome, reporting: str = "") -> TearSheet:
    """The tear sheet in a currency, by default the one that most instruments are quoted in."""
    whole = earned(outcome, reporting)
    return TearSheet(outcome, whole.worths.reporting, whole, exposure(whole))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
