"""The figures of risk: a sum beneath what is open of its limit, and what each cycle reported.

The rules of `tieout.reports.plots` hold: the same outcome gives the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from tieout.reports.plots import (
    ACCENT,
    BREAK,
    INK,
    MUTED,
    SUSPECT,
    VENUES,
    page_wide,
    ruled,
    svg,
    time_axis,
    value_axis,
)

# How many times what was used a limit may be and still be drawn.
FAR_TIMES = 20


class Step(NamedTuple):
    """A sum from a second of the run on: what it is, its limit, what is open of that."""

    at: float
    used: float
    limit: float
    open: float


def beneath_limits(sums: Mapping[str, Sequence[Step]], seconds: float) -> str:
    """Each sum in a panel of its own: what it was, the limit, and what was open of the limit."""
    with page_wide(0.5 + 1.5 * len(sums)) as figure:
        panels = figure.subplots(len(sums), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, steps) in zip(panels, sums.items(), strict=True):
            at = [*(step.at for step in steps), seconds]
            last = steps[-1]
            used = [*(step.used for step in steps), last.used]
            limit = [*(step.limit for step in steps), last.limit]
            opened = [max(0.0, each) for each in (*(step.open for step in steps), last.open)]
            axes.fill_between(
                at, opened, step="post", color=SUSPECT, alpha=0.28, linewidth=0, label="open"
            )
            axes.step(at, limit, where="post", color=BREAK, linewidth=1.0, label="limit")
            axes.step(at, used, where="post", color=INK, linewidth=1.2, label="used")
            axes.set_ylim(min(0.0, *used), _top(used, limit))
            value_axis(axes, [*used, *limit], 3)
            title = f"{name}, limit {last.limit:,.0f}"
            axes.set_title(title, loc="left", fontsize=8.5, color=MUTED, pad=3)
            axes.set_xlim(0, seconds)
            ruled(axes)
        time_axis(panels[-1], seconds)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=3, borderpad=0)
        return svg(figure, "Sums of the firm over time, and what was open of their limits")


def _top(used: Sequence[float], limit: Sequence[float]) -> float:
    """Where a limit is so far that nothing would be seen beneath it, it is only in the title."""
    most, bound = max([*used, 1e-9]), max(limit)
    return 1.08 * max(bound, most) if bound < FAR_TIMES * most else 1.5 * most


Line = Sequence[tuple[float, float]]


def reported(tails: Mapping[str, Line], stresses: Mapping[str, Line], seconds: float) -> str:
    """Above the tails of the firm, below what each named stress would have cost."""
    with page_wide(3.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        _lines(upper, tails, (ACCENT, BREAK), "firm, in one interval")
        _lines(lower, stresses, VENUES, "named stress, all at once")
        for axes in (upper, lower):
            axes.set_xlim(0, seconds)
            ruled(axes)
        time_axis(lower, seconds)
        return svg(figure, "Tails and named stress as the cold engine reported them")


def _lines(axes: Axes, lines: Mapping[str, Line], colours: Sequence[str], title: str) -> None:
    values = [0.0]
    for number, (name, points) in enumerate(lines.items()):
        colour = colours[number % len(colours)]
        amounts = [amount for _, amount in points]
        at = [moment for moment, _ in points]
        axes.step(at, amounts, where="post", color=colour, linewidth=1.3, label=name)
        values += amounts
    axes.set_ylim(0, 1.3 * max([*values, 1e-9]))
    value_axis(axes, values, 3)
    axes.set_title(title, loc="left", fontsize=8.5, color=MUTED, pad=3)
    if lines:
        axes.legend(loc="upper left", ncols=max(1, len(lines)), borderpad=0.1)
