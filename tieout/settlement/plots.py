"""The figures of settlement: what customers see, what is at risk and its limit, how long it took.

The rules of `tieout.reports.plots` hold: the same outcome gives the same bytes.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tieout.reports.plots import (
    ACCENT,
    BREAK,
    GOOD,
    INK,
    LINE,
    STYLE,
    SUSPECT,
    VENUES,
    edgeless,
    page_wide,
    svg,
    time_axis,
    value_axis,
)

# From what is under way at the bottom to what is over.
SEEN: Mapping[str, tuple[str, str]] = {
    "pending": ("pending", SUSPECT),
    "completed_returnable": ("completed, returnable", "#8fc1d8"),
    "completed": ("completed", GOOD),
    "returned": ("returned", BREAK),
    "failed": ("failed", "#b0567e"),
    "cancelled": ("cancelled", "#a9b4be"),
    "refused": ("refused", "#5b7083"),
}
CONTINGENT, FLYING = "#d9a35b", ACCENT
DAY = 86_400.0
DURATIONS: Mapping[float, str] = {
    0.01: "10 ms",
    0.1: "100 ms",
    1.0: "1 s",
    10.0: "10 s",
    60.0: "1 min",
    600.0: "10 min",
    1800.0: "30 min",
    3600.0: "1 h",
    21_600.0: "6 h",
    DAY: "1 d",
    3 * DAY: "3 d",
    10 * DAY: "10 d",
    30 * DAY: "30 d",
    90 * DAY: "90 d",
}
Steps = Sequence[tuple[float, float]]


def seen_over_time(at: Sequence[float], counts: Mapping[str, Sequence[int]], seconds: float) -> str:
    """How many transfers stood at each status, as their customers saw them."""
    with page_wide(3.0) as figure:
        axes = figure.add_subplot()
        base = [0] * len(at)
        for status, (words, colour) in SEEN.items():
            values = counts.get(status)
            if not values or not any(values):
                continue
            top = [low + value for low, value in zip(base, values, strict=True)]
            axes.fill_between(
                at, base, top, step="post", color=colour, alpha=0.85, linewidth=0, label=words
            )
            base = top
        axes.set(xlim=(0, seconds), ylim=(0, max([1, *base]) * 1.03))
        axes.set_ylabel("transfers")
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        edgeless(axes)
        time_axis(axes, seconds)
        figure.legend(loc="outside upper left", ncols=len(SEEN), borderpad=0)
        return svg(figure, "Transfers by what their customers see, over time")


def at_risk(whole: Steps, contingent: Steps, bound: float | None, seconds: float) -> str:
    """One sum: what is in flight on top of what is contingent, beneath the limit."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.5, 1.95))
        axes = figure.add_subplot()
        figure.subplots_adjust(left=0.16, right=0.98, top=0.95, bottom=0.13)
        at = [moment for moment, _ in whole]
        all_, part = [value for _, value in whole], [value for _, value in contingent]
        axes.fill_between(at, part, step="post", color=CONTINGENT, alpha=0.75, linewidth=0)
        axes.fill_between(at, part, all_, step="post", color=FLYING, alpha=0.6, linewidth=0)
        axes.step(at, all_, where="post", color=INK, linewidth=0.8)
        edge = max([*all_, bound or 0])
        if bound is not None:
            axes.axhline(bound, color=BREAK, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set(xlim=(0, seconds), ylim=(0, edge * 1.06 or 1))
        axes.tick_params(axis="y", labelsize=8.5)
        edgeless(axes)
        value_axis(axes, [*all_, bound or 0], 3)
        time_axis(axes, seconds, 4)
        return svg(figure, "In flight and contingent over time, beneath the limit")


def reversal_risk(
    at: Sequence[float],
    by_rail: Mapping[str, Sequence[float]],
    lost: Sequence[float],
    seconds: float,
) -> str:
    """Of one asset: what settled and may still come back, by rail; what came back and is owed."""
    with page_wide(2.4) as figure:
        axes = figure.add_subplot()
        base = [0.0] * len(at)
        for number, (rail, values) in enumerate(by_rail.items()):
            top = [low + value for low, value in zip(base, values, strict=True)]
            colour = VENUES[number % len(VENUES)]
            axes.fill_between(
                at, base, top, step="post", color=colour, alpha=0.7, linewidth=0, label=rail
            )
            base = top
        if any(lost):
            axes.step(at, lost, where="post", color=BREAK, linewidth=1.8, label="owed to us")
        axes.set(xlim=(0, seconds), ylim=(0, max([*base, *lost, 1e-9]) * 1.06))
        edgeless(axes)
        value_axis(axes, [*base, *lost], 4)
        time_axis(axes, seconds)
        figure.legend(loc="outside upper left", ncols=6, borderpad=0)
        return svg(figure, "What settled and may still come back, over time")


def seconds_to_settle(
    by_rail: Mapping[str, Sequence[float]],
    label: str = "How long each payment took to settle, by rail",
) -> str:
    """Each payment a dot, on a scale of its own kind: seconds for some rails, days for others."""
    with page_wide(0.7 + 0.3 * len(by_rail)) as figure:
        axes = figure.add_subplot()
        for number, values in enumerate(by_rail.values()):
            ordered = sorted(values)
            middle = ordered[(len(ordered) - 1) // 2]
            axes.plot(values, [-number] * len(values), "o", markersize=4.5, color=ACCENT, alpha=0.4)
            axes.plot([middle], [-number], "|", markersize=15, markeredgewidth=2, color=INK)
        names = list(by_rail)
        axes.set_xscale("log")
        axes.set_yticks([-n for n in range(len(names))], labels=names)
        axes.tick_params(axis="y", labelcolor=INK)
        flat = [value for values in by_rail.values() for value in values]
        low, high = min(flat) / 1.6, max(flat) * 1.6
        ticks = {tick: words for tick, words in DURATIONS.items() if low <= tick <= high}
        axes.set(xlim=(low, high), ylim=(-len(names) + 0.4, 0.6))
        axes.set_xticks(list(ticks), labels=list(ticks.values()))
        axes.set_xticks([], minor=True)
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        return svg(figure, label)
