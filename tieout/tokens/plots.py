"""The figures of issued tokens: who holds how much over time, what requests were told, how soon.

The rules of `tieout.reports.plots` hold: the same outcome gives the same bytes.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tieout.reports.plots import (
    ACCENT,
    BREAK,
    GOOD,
    INK,
    MUTED,
    SUSPECT,
    edgeless,
    page_wide,
    svg,
    time_axis,
    value_axis,
)
from tieout.tokens.refusals import RefusedBy

# By whom: in words, and its colour.
BY: Mapping[RefusedBy, tuple[str, str]] = {
    "people": ("a rule about people", "#1c3d5a"),
    "limits": ("a limit", ACCENT),
    "chain": ("chain or token not to be relied on", "#d9a35b"),
    "request": ("the request itself", "#a9b4be"),
}
PERMITTED = ("permitted", GOOD)
ENDS: Mapping[str, str] = {
    "final": GOOD,
    "expired": SUSPECT,
    "revoked": "#b0567e",
    "declined": BREAK,
    "refused": "#5b7083",
}
NAMED_SHARE = 0.05


def holders_over_time(
    at: Sequence[float], bands: Mapping[str, Sequence[int]], bound: int, seconds: float
) -> str:
    """A band for each holder, stacked; beneath what may be issued at most (-1: no bound)."""
    with page_wide(3.2) as figure:
        axes = figure.add_subplot()
        shades = mpl.colormaps["YlGnBu"]
        base = [0] * len(at)
        most = max([1, bound, *(sum(each) for each in zip(*bands.values(), strict=True))])
        for number, (name, values) in enumerate(bands.items()):
            top = [low + value for low, value in zip(base, values, strict=True)]
            colour = shades(0.25 + 0.7 * number / len(bands))
            axes.fill_between(
                at, base, top, step="post", color=colour, linewidth=0.4, edgecolor="white"
            )
            if values[-1] > NAMED_SHARE * most:
                middle = (base[-1] + top[-1]) / 2
                axes.text(
                    at[-1] + 0.006 * seconds, middle, name, va="center", fontsize=8, clip_on=False
                )
            base = top
        if bound >= 0:
            axes.axhline(bound, color=BREAK, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set(xlim=(0, seconds), ylim=(0, most * 1.05))
        edgeless(axes)
        value_axis(axes, [most], 4)
        time_axis(axes, seconds)
        return svg(figure, "Who holds how much, over time")


def answers(ends: Mapping[str, int], refusals: Mapping[str, tuple[int, RefusedBy]]) -> str:
    """How requests ended; beside that, how often each rule refused, and whose rule it is."""
    rows = max(len(ends), len(refusals), 4)
    with page_wide(0.9 + 0.23 * rows) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
        _bars(left, ends, [ENDS.get(name, MUTED) for name in ends], rows)
        left.set_title("how requests ended", loc="left", fontsize=8.5, color=MUTED)
        counts = {reason.replace("_", " "): times for reason, (times, _) in refusals.items()}
        _bars(right, counts, [BY[by][1] for _, by in refusals.values()], rows)
        right.set_title("what refused them", loc="left", fontsize=8.5, color=MUTED)
        used = [BY[by] for by in BY if any(each == by for _, each in refusals.values())]
        marks = [mpl.patches.Patch(color=colour, label=words) for words, colour in used]
        if marks:
            figure.legend(handles=marks, loc="outside upper left", ncols=4, borderpad=0)
        return svg(figure, "How requests ended, and what refused them")


def _bars(axes: Axes, counts: Mapping[str, int], colours: Sequence[str], rows: int) -> None:
    places = [-number for number in range(len(counts))]
    axes.barh(places, list(counts.values()), height=0.62, color=colours)
    most = max([1, *counts.values()])
    for place, times in zip(places, counts.values(), strict=True):
        axes.text(times + 0.015 * most, place, f"{times:,}", va="center", fontsize=8.5)
    axes.set(xlim=(0, 1.12 * most), ylim=(0.6 - rows, 0.6), xticks=[])
    axes.set_yticks(places, labels=list(counts))
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines["bottom"].set_visible(False)


def told_over_time(
    edges: Sequence[float],
    permitted: Sequence[int],
    refused: Mapping[RefusedBy, Sequence[int]],
    marks: Mapping[str, Sequence[float]],
    seconds: float,
) -> str:
    """What requests were told in each stretch of time; marks are moments, by what happened."""
    with page_wide(2.6) as figure:
        axes = figure.add_subplot()
        width = edges[1] - edges[0]
        base = [0] * len(permitted)
        parts = [(*PERMITTED, permitted), *((*BY[by], refused.get(by, base)) for by in BY)]
        for words, colour, heights in parts:
            if any(heights):
                places, bar = edges[:-1], 0.92 * width
                axes.bar(places, heights, bar, base, align="edge", color=colour, label=words)
                base = [low + height for low, height in zip(base, heights, strict=True)]
        styles = (((0, (1, 2)), INK), ((0, (4, 2)), BREAK))
        for (words, times), (dashes, colour) in zip(marks.items(), styles, strict=False):
            for number, moment in enumerate(times):
                label = "" if number else words
                axes.axvline(moment, color=colour, linewidth=1.1, linestyle=dashes, label=label)
        axes.set(xlim=(0, seconds), ylim=(0, max([1, *base]) * 1.05))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        edgeless(axes)
        time_axis(axes, seconds)
        figure.legend(loc="outside upper left", ncols=6, borderpad=0)
        return svg(figure, "What requests were told, over time")
