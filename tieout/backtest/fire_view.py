"""What became of a backtest under fire, for people: a table, and profit against the strength.

True here: a share is of what the same seeds earned without faults, summed; where they earned
nothing it has no meaning, and there is none. Sums are exact; floats are drawn, and nothing else.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.table import Table

from tieout.backtest.families import STRENGTHS
from tieout.backtest.fire import CALM, FireResult

if TYPE_CHECKING:
    import pandas as pd


class Cell(NamedTuple):
    """All seeds of one family at one strength."""

    family: str
    strength: Fraction
    runs: int
    profit: Decimal
    worst: Decimal
    calm: Decimal
    fills: int
    breaks: int
    struck: int
    silent: int
    failed: int

    @property
    def share(self) -> Decimal | None:
        """How much of the profit is left; None where there was none."""
        return self.profit / self.calm if self.calm > 0 else None


def cells(results: Sequence[FireResult]) -> list[Cell]:
    """By family in the order of the runs, and by strength from 0 on."""
    calm = {each.seed: each for each in results if each.family == CALM}
    families = dict.fromkeys(each.family for each in results if each.family != CALM)
    found = []
    for family in families:
        for strength in STRENGTHS:
            runs = [
                each
                for each in results
                if (each.family, each.strength) == (family, strength) and not each.error
            ]
            runs = [each for each in calm.values() if not each.error] if not strength else runs
            if runs:
                found.append(_cell(family, strength, runs, calm))
    return found


def _cell(
    family: str, strength: Fraction, runs: Sequence[FireResult], calm: dict[int, FireResult]
) -> Cell:
    without = [calm[each.seed].profit for each in runs if each.seed in calm]
    return Cell(
        family,
        strength,
        len(runs),
        sum((each.profit for each in runs), Decimal(0)),
        min(each.profit for each in runs),
        sum(without, Decimal(0)),
        sum(each.fills for each in runs),
        sum(each.breaks for each in runs),
        sum(each.struck for each in runs),
        sum(each.silent for each in runs),
        sum(not each.held for each in runs),
    )


def frame(results: Sequence[FireResult]) -> "pd.DataFrame":
    """The cells as a data frame; `share` is a float, for plots."""
    import pandas as pd

    rows: list[dict[str, Any]] = [
        {
            **each._asdict(),
            "strength": float(each.strength),
            "share": None if each.share is None else float(each.share),
        }
        for each in cells(results)
    ]
    return pd.DataFrame(rows, columns=[*Cell._fields, "share"])


def table(results: Sequence[FireResult], coin: str) -> Table:
    """What is left of the profit, family by family."""
    shown = Table(
        title=f"Profit under fire, {coin}", title_justify="left", box=None, padding=(0, 1, 0, 0)
    )
    for head in ("family", "at"):
        shown.add_column(head, no_wrap=True)
    for head in ("profit", "left", "worst", "fills", "faults", "breaks", "silent", "failed"):
        shown.add_column(head, justify="right", no_wrap=True)
    for each in cells(results):
        left = "–" if each.share is None else f"{each.share:.0%}"
        counts = (each.fills, each.struck, each.breaks, each.silent, each.failed)
        shown.add_row(
            each.family if not each.strength else "",
            f"{float(each.strength):.2f}",
            f"{each.profit:,.0f}",
            left,
            f"{each.worst:,.0f}",
            *map(str, counts),
        )
    return shown


def drawn(results: Sequence[FireResult], coin: str) -> str:
    """Profit against the strength of faults, a line for each family: inline SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from tieout.reports.plots import LINE, MUTED, STYLE, VENUES, svg

    known = cells(results)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 3.4), layout="constrained")
        axes = figure.subplots()
        for number, family in enumerate(dict.fromkeys(each.family for each in known)):
            line = [each for each in known if each.family == family]
            axes.plot(
                [float(each.strength) for each in line],
                [float(each.profit / each.runs) for each in line],
                marker="o",
                markersize=4,
                linewidth=1.6,
                color=VENUES[number % len(VENUES)],
                label=family,
            )
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.set_xticks([float(each) for each in STRENGTHS])
        axes.set_xlabel("strength of faults (0: none)")
        axes.set_ylabel(f"profit of a run, {coin}")
        axes.legend(loc="best", ncols=2)
        return svg(figure, "Profit of a run against the strength of faults, by family")
