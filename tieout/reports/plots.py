"""The figures of a report, each one inline SVG: made by matplotlib, free of scripts and of loads.

Rule. The same outcome gives the same bytes: no date, no random id. Text stays text, so that a page
sets it in its own type and a reader can search it.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.faults import KINDS, Fault

INK, MUTED, LINE, PAPER = "#1c2733", "#64717f", "#dfe5ea", "#ffffff"
TRUTH, BOOKS, ACCENT = "#8fc1d8", "#1c3d5a", "#2b7a8c"
SUSPECT, BREAK, GOOD = "#f0c36d", "#d9634f", "#3d8b63"
LEGEND_COLUMNS = 3
DAY = 86_400
TIME_STEPS = (
    *(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200),
    *(DAY, 2 * DAY, 5 * DAY, 10 * DAY, 20 * DAY, 50 * DAY, 100 * DAY),
)
UNITS = (  # from which value on, its size, its name
    (1e9, 1e9, "G"),
    (1e6, 1e6, "M"),
    (1e4, 1e3, "k"),
    (1e-3, 1.0, ""),
    (1e-6, 1e-6, "µ"),
    (0.0, 1e-9, "n"),
)
VENUES = ("#2b7a8c", "#b0793a", "#6a6fb3", "#7d9a3c", "#b0567e", "#5b7083")

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tieout",
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.major.width": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


class Span(NamedTuple):
    """From when to when a suspect or a break was open, in seconds of the run."""

    start: float
    end: float
    broken: bool


class Point(NamedTuple):
    """Truth and books of one holding, at a second of the run."""

    at: float
    truth: Decimal
    books: Decimal


def what_went_wrong(
    plan: Sequence[Fault],
    counts: Mapping[str, int],
    lanes: Mapping[str, Sequence[float]],
    venues: Sequence[str],
    seconds: float,
) -> str:
    """How often each fault struck, and when it could; above them, what came of it."""
    kinds = [kind for kind in KINDS if counts.get(kind) or any(f.kind == kind for f in plan)]
    heights = [max(1, len({f.where for f in plan if f.kind == kind})) for kind in kinds]
    rows = sum(0.55 + 0.22 * h for h in heights)
    lanes = {name: times for name, times in lanes.items() if times}
    with page_wide(1.0 + 0.24 * rows + 0.26 * len(lanes)) as figure:
        grid = figure.add_gridspec(
            2,
            2,
            width_ratios=(1, 2.6),
            height_ratios=(max(0.5, 0.26 * len(lanes)), max(0.5, 0.24 * rows)),
            wspace=0.02,
            hspace=0.02,
        )
        above, bars, strip = (figure.add_subplot(grid[at]) for at in ((0, 1), (1, 0), (1, 1)))
        _lanes(above, lanes, seconds)
        _bars_and_windows(bars, strip, kinds, plan, counts, venues, seconds)
        return svg(figure, "How often each fault struck, when it could, and what came of it")


def _lanes(axes: Axes, lanes: Mapping[str, Sequence[float]], seconds: float) -> None:
    colours = (INK, GOOD, SUSPECT, BREAK, VENUES[2], MUTED)
    for number, ((name, times), colour) in enumerate(zip(lanes.items(), colours, strict=False)):
        axes.eventplot(times, lineoffsets=-number, linelengths=0.62, linewidths=1.4, colors=colour)
        axes.axhline(-number, color=LINE, linewidth=0.6, zorder=0)
        axes.text(-0.012 * seconds, -number, name, ha="right", va="center", fontsize=8.5)
    axes.set(xlim=(0, seconds), ylim=(-len(lanes) + 0.4, 0.6), yticks=[], xticks=[])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _bars_and_windows(
    bars: Axes,
    strip: Axes,
    kinds: Sequence[str],
    plan: Sequence[Fault],
    counts: Mapping[str, int],
    venues: Sequence[str],
    seconds: float,
) -> None:
    most = max([1, *counts.values()])
    colour_of = {venue: VENUES[n % len(VENUES)] for n, venue in enumerate(venues)}
    y = 0.0
    middles = []
    for kind in kinds:
        places = list(dict.fromkeys(f.where for f in plan if f.kind == kind)) or [""]
        top = y
        for place in places:
            y += 0.22
            for fault in (f for f in plan if f.kind == kind and f.where == place):
                start = min(fault.start_ns / 1e9, seconds)
                end = min(fault.end_ns / 1e9, seconds)
                colour = colour_of.get(place, MUTED)
                strip.barh(-y, end - start, left=start, height=0.15, color=colour, alpha=0.85)
        y += 0.55
        middle = -(top + y - 0.33) / 2
        middles.append(middle)
        number = counts.get(kind, 0)
        bars.barh(middle, number, height=0.34, color=ACCENT if number else LINE)
        bars.text(number + 0.02 * most, middle, f"{number:,}", va="center", fontsize=8.5)
    bars.set(xlim=(0, most * 1.18), yticks=middles, xticks=[])
    bars.set_yticklabels([kind.replace("_", " ") for kind in kinds], color=INK)
    bars.spines["bottom"].set_visible(False)
    bars.set_title("how often it struck", loc="left", fontsize=8.5, color=MUTED)
    strip.set(xlim=(0, seconds), yticks=[])
    for axes in (bars, strip):
        axes.set_ylim(-y + 0.2, 0.1)
    strip.grid(axis="x", color=LINE, linewidth=0.6)
    strip.set_axisbelow(True)
    strip.spines["left"].set_visible(False)
    time_axis(strip, seconds)
    strip.set_title("when it could", loc="left", fontsize=8.5, color=MUTED)
    used = [v for v in venues if any(f.where == v for f in plan)]
    if len(used) > 1:
        marks = [mpl.patches.Patch(color=colour_of[v], label=v) for v in used]
        strip.legend(
            handles=marks, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.1
        )


def seconds_to_find(found: Mapping[str, Sequence[float]], bounds: Mapping[str, float]) -> str:
    """Of each account, which share of the drift was found within how many seconds."""
    one = len(set(bounds.values())) == 1
    legend = len(found) > 1 or not one
    rows = -(-len(found) // LEGEND_COLUMNS) if legend else 0
    with page_wide(3.0 + 0.2 * rows) as figure:
        axes = figure.add_subplot()
        edge = 1.08 * max([*bounds.values(), *(max(each) for each in found.values() if each)])
        for number, account in enumerate(bounds):
            if not found.get(account):
                continue
            colour = VENUES[number % len(VENUES)]
            ordered = sorted(found[account])
            shares = [0.0, *(100 * (n + 1) / len(ordered) for n in range(len(ordered)))]
            axes.step(
                [0.0, *ordered, edge], [*shares, 100.0], where="post", color=colour, linewidth=1.8
            )
            label = account if one else f"{account}, bound {bounds[account]:g} s"
            axes.plot(ordered, shares[1:], "o", markersize=3.2, color=colour, label=label)
            if not one:
                axes.axvline(bounds[account], color=colour, linewidth=1.2, linestyle=(0, (4, 3)))
        nearest = min(bounds.values())
        word = "detection bound" if one else "detection bounds"
        if one:
            axes.axvline(nearest, color=BREAK, linewidth=1.2, linestyle=(0, (4, 3)))
            word += f": {nearest:g} s"
        axes.annotate(
            word,
            (nearest, 4),
            xytext=(-5, 0),
            textcoords="offset points",
            ha="right",
            color=BREAK if one else MUTED,
            fontsize=8.5,
        )
        axes.set(xlim=(0, edge), ylim=(0, 104), xlabel="seconds from birth to being found")
        axes.set_ylabel("found, %")
        axes.grid(color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        if legend:
            figure.legend(loc="outside upper left", ncols=LEGEND_COLUMNS, borderpad=0)
        return svg(figure, "Share of the drift found within so many seconds")


def against_truth(points: Sequence[Point], spans: Sequence[Span], seconds: float) -> str:
    """One holding: truth beneath books, below them their difference, and when it had a name."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.5, 2.25))
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        # Fixed, for panels stand side by side; and a layout engine would take most of the time.
        figure.subplots_adjust(left=0.16, right=0.98, top=0.93, bottom=0.09, hspace=0.34)
        at = [point.at for point in points]
        start = points[0].truth  # the first point is the opening: nothing, for most
        truth = [float(point.truth - start) for point in points]
        books = [float(point.books - start) for point in points]
        wrong = [float(point.truth - point.books) for point in points]
        upper.step(at, truth, where="post", color=TRUTH, linewidth=3.2, solid_capstyle="butt")
        upper.step(at, books, where="post", color=BOOKS, linewidth=1.0)
        lower.fill_between(at, wrong, step="post", color=BREAK, alpha=0.35, linewidth=0)
        lower.step(at, wrong, where="post", color=BREAK, linewidth=1.0)
        for axes in (upper, lower):
            for span in spans:
                colour = BREAK if span.broken else SUSPECT
                # What lasted for milliseconds must still be seen.
                end = max(span.end, span.start + 0.005 * seconds)
                axes.axvspan(span.start, end, color=colour, alpha=0.35, linewidth=0, zorder=0)
            axes.set_xlim(0, seconds)
            axes.tick_params(axis="y", labelsize=8.5)
            ruled(axes)
        value_axis(upper, [*truth, *books], 3)
        value_axis(lower, wrong, 2)
        upper.set_title("change since the start", loc="left", fontsize=8.5, color=MUTED, pad=3)
        lower.set_title("truth less books", loc="left", fontsize=8.5, color=MUTED, pad=3)
        upper.tick_params(axis="x", length=0, labelbottom=False)
        time_axis(lower, seconds, 4)
        return svg(figure, "Truth and books over time, and their difference")


# --- figures, axes and bytes ---------------------------------------------------------------------


@contextmanager
def page_wide(height: float) -> Iterator[Figure]:
    """A figure as wide as a page, in our style: it is drawn, and made an element, in here."""
    with mpl.rc_context(STYLE):
        yield Figure(figsize=(9.6, height), layout="constrained")


def ruled(axes: Axes) -> None:
    """A line across at each value, beneath all that is drawn."""
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)


def edgeless(axes: Axes) -> None:
    """The same, and no edge at the left: the lines say where the values are."""
    ruled(axes)
    axes.spines["left"].set_visible(False)


def time_axis(axes: Axes, seconds: float, ticks: int = 7) -> None:
    """Round moments of the run: minutes, hours, or days where it is as long as that."""
    step = next((each for each in TIME_STEPS if seconds / each <= ticks), TIME_STEPS[-1])
    at = [n * step for n in range(int(seconds / step) + 1)]
    labels = [f"{second // DAY} d" if step >= DAY else moment(second) for second in at]
    axes.set_xticks(at, labels=labels)
    if at[-1] > 0.93 * seconds:  # in the middle of its tick, it would be cut at the edge
        axes.get_xticklabels()[-1].set_horizontalalignment("right")


def value_axis(axes: Axes, values: Sequence[float], ticks: int) -> None:
    """Round values in one unit. What never moved has one tick, and no scale that means nothing."""
    if not any(values):
        axes.set(ylim=(-1, 1), yticks=[0])
        return
    low, high = axes.get_ylim()
    at = [v for v in MaxNLocator(ticks).tick_values(low, high) if low <= v <= high]
    largest = max(abs(v) for v in at)
    size, name = next((size, name) for least, size, name in UNITS if largest >= least)
    axes.set_yticks(at, labels=[f"{v / size + 0.0:.6g}{name if v else ''}" for v in at])


def moment(seconds: float) -> str:
    """A moment of the run: 0:42, 12:05, 3:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


_PROLOGUE = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


def svg(figure: Figure, label: str) -> str:
    """The figure as an element of a page, as wide as the page lets it be."""
    buffer = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing, facecolor="none")
    text = _METADATA.sub("", _PROLOGUE.sub("", buffer.getvalue()))
    head, _, body = text.partition(">")
    head = re.sub(r' (?:width|height|version|xmlns:xlink|xmlns)="[^"]*"', "", head)
    body = body.replace("xlink:href", "href")  # HTML has one namespace for both
    return f'{head} role="img" aria-label="{label}">{body.strip()}'


def unique(svgs: Sequence[str]) -> list[str]:
    """The same elements with ids that no two of them share, for one page."""
    result = []
    for number, text in enumerate(svgs):
        text = re.sub(r'\bid="', f'id="p{number}-', text)
        text = re.sub(r'href="#', f'href="#p{number}-', text)
        result.append(re.sub(r"url\(#", f"url(#p{number}-", text))
    return result
