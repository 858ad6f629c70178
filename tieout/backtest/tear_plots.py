"""The figures of a tear sheet: equity, drawdown, exposure, where profit came from, fills, days.

The rules of `tieout.reports.plots` hold: the same outcome gives the same bytes. Each function makes
the figure; `drawn` makes it an element of a page.
"""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.dates as dates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tieout.backtest.earned import PARTS
from tieout.backtest.fill_quality import after_of
from tieout.backtest.statistics import DAY_NS, Floats
from tieout.backtest.tear import TearSheet
from tieout.reports.plots import (
    ACCENT,
    BOOKS,
    BREAK,
    GOOD,
    INK,
    MUTED,
    STYLE,
    SUSPECT,
    VENUES,
    edgeless,
    page_wide,
    svg,
)

# More points than this do not show, for the page is a thousand wide.
POINTS_MAX = 800
CURVES_MAX = 6
SMALL: dict[str, Any] = {"loc": "left", "fontsize": 8.5, "color": MUTED, "pad": 4}


def drawn(figure: Callable[[TearSheet], Figure], sheet: TearSheet, label: str) -> str:
    """The figure as an element of a page."""
    with mpl.rc_context(STYLE):
        return svg(figure(sheet), label)


def equity(sheet: TearSheet) -> Figure:
    """Equity above, below it how far from its peak, and what was held."""
    with page_wide(5.2) as figure:
        upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=(2.4, 1, 1.1))
        places = _places(len(sheet.earned.moments))
        at = _times(sheet, places)
        curve = sheet.equity[places]
        upper.fill_between(at, curve[0], curve, step="post", color=ACCENT, alpha=0.10, linewidth=0)
        upper.step(at, curve, where="post", color=BOOKS, linewidth=1.4)
        upper.axhline(curve[0], color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
        upper.set_title(f"equity, {sheet.reporting}", **SMALL)
        below = -100 * _worst(sheet.curve["drawdown"].to_numpy(), places)
        middle.fill_between(at, below, 0, step="post", color=BREAK, alpha=0.45, linewidth=0)
        middle.set_title("below its peak, %", **SMALL)
        middle.set_ylim(1.08 * min([-1e-9, *below[~np.isnan(below)]]), 0)
        gross, net = (each[places] for each in sheet.exposure)
        lower.fill_between(at, gross, step="post", color=SUSPECT, alpha=0.45, linewidth=0)
        lower.step(at, net, where="post", color=INK, linewidth=0.9)
        lower.set_title(f"exposure, {sheet.reporting}: gross (filled) and net (line)", **SMALL)
        for axes in (upper, middle, lower):
            _plain(axes)
        _dated(lower, at)
        return figure


def profit(sheet: TearSheet) -> Figure:
    """From nothing to the profit, by its parts; those that are nothing are left out."""
    told = [(part, float(sheet.parts[part])) for part in PARTS if sheet.parts[part]]
    whole = float(sheet.earned.profit)
    names = [*(NAMES[part] for part, _ in told), "profit"]
    with page_wide(3.0) as figure:
        axes = figure.add_subplot()
        at = 0.0
        for number, (_, amount) in enumerate(told):
            axes.bar(number, amount, bottom=at, width=0.6, color=GOOD if amount > 0 else BREAK)
            at += amount
            axes.plot((number - 0.3, number + 1.3), (at, at), color=MUTED, linewidth=0.7)
            _amount(axes, number, max(at, at - amount), amount)
        axes.bar(len(told), whole, width=0.6, color=BOOKS)
        _amount(axes, len(told), max(whole, 0.0), whole)
        axes.axhline(0, color=INK, linewidth=0.7)
        axes.set_xticks(range(len(names)), names, color=INK)
        axes.tick_params(axis="x", length=0)
        axes.set_title(sheet.reporting, **SMALL)
        axes.margins(y=0.14)
        _plain(axes)
        axes.set_xlim(-0.6, len(names) - 0.4)
        return figure


NAMES = {
    "held": "held from\nthe start",
    "market": "market",
    "execution": "execution\nagainst the mark",
    "fees": "fees and\nrebates",
    "funding": "funding",
    "other": "other",
}


def _amount(axes: Axes, number: int, top: float, amount: float) -> None:
    axes.annotate(
        f"{amount:+,.2f}".replace("-", "−"),
        (number, top),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        color=INK,
    )


def by_strategy(sheet: TearSheet) -> Figure:
    """What each strategy had earned by when, those that moved most."""
    with page_wide(2.8) as figure:
        axes = figure.add_subplot()
        places = _places(len(sheet.earned.moments))
        at = _times(sheet, places)
        curves = sheet.curves("strategy")
        ranked = sorted(curves, key=lambda name: -float(np.abs(curves[name]).max()))[:CURVES_MAX]
        for name, colour in zip(ranked, VENUES, strict=False):
            axes.step(
                at, curves[name][places], where="post", color=colour, linewidth=1.3, label=name
            )
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_title(f"earned so far, {sheet.reporting}", **SMALL)
        _plain(axes)
        _dated(axes, at)
        if len(ranked) > 1:
            figure.legend(loc="outside upper right", ncols=3, borderpad=0)
        return figure


def fill_quality(sheet: TearSheet) -> Figure:
    """Left, how far fills were from what was seen; right, where the mark went after them."""
    fills = sheet.fills
    makers = fills["is_maker"].to_numpy(dtype=bool)
    sides = (("maker", makers, ACCENT), ("taker", ~makers, VENUES[1]))
    with page_wide(2.9) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        shown = [(name, fills[those], colour) for name, those, colour in sides if those.any()]
        _slippage(left, shown)
        _after(right, shown)
        for axes in (left, right):
            _plain(axes)
        left.yaxis.grid(visible=False)
        if len(shown) > 1:
            handles, labels = right.get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper right", ncols=2, borderpad=0)
        return figure


def _slippage(axes: Axes, shown: Sequence[tuple[str, pd.DataFrame, str]]) -> None:
    told = [each["slippage"].dropna().to_numpy() for _, each, _ in shown]
    everything = np.concatenate([*told, np.zeros(1)])
    low, high = np.percentile(everything, (1, 99))
    edges = np.linspace(min(low, -0.05), max(high, 0.05), 41)
    weights = [each["worth"][each["slippage"].notna()].to_numpy() for _, each, _ in shown]
    total = max(1e-9, float(sum(each.sum() for each in weights)))
    axes.hist(
        [np.clip(each, edges[0], edges[-1]) for each in told],
        bins=list(edges),
        weights=[100 * each / total for each in weights],
        stacked=True,
        color=[colour for _, _, colour in shown],
    )
    axes.axvline(0, color=INK, linewidth=0.7)
    axes.set_title("paid beyond the price seen, basis points; % of what was traded", **SMALL)


def _after(axes: Axes, shown: Sequence[tuple[str, pd.DataFrame, str]]) -> None:
    for number, (name, fills, colour) in enumerate(shown):
        heads = after_of(fills)
        worth = fills["worth"].to_numpy()
        means = [_mean(fills[head].to_numpy(), worth) for head in heads]
        spread = 0.36 * (number - (len(shown) - 1) / 2)
        axes.bar(np.arange(len(heads)) + spread, means, width=0.34, color=colour, label=name)
        axes.set_xticks(range(len(heads)), [head.removeprefix("after ") for head in heads])
    axes.axhline(0, color=INK, linewidth=0.7)
    axes.tick_params(axis="x", length=0)
    axes.set_title("where the mark stood after a fill, basis points our way", **SMALL)


def _mean(figures: Floats, weights: Floats) -> float:
    known = ~np.isnan(figures)
    return float(np.average(figures[known], weights=weights[known])) if weights[known].sum() else 0


def days(sheet: TearSheet) -> Figure:
    """What each day gained, or each hour of less than three days."""
    by_day = sheet.days >= 3
    told = sheet.periods("D" if by_day else "h")["gained"]
    word, length = ("day", DAY_NS) if by_day else ("hour", DAY_NS // 24)
    with page_wide(2.2) as figure:
        axes = figure.add_subplot()
        gained = told.to_numpy(dtype=float)
        at = told.index.to_numpy()
        width = np.timedelta64(length * 4 // 5, "ns")
        axes.bar(at, gained, width=width, color=np.where(gained < 0, BREAK, GOOD), align="edge")
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_title(f"gained in each {word}, {sheet.reporting}", **SMALL)
        _plain(axes)
        _dated(axes, at)
        return figure


# --- axes ----------------------------------------------------------------------------------------


def _places(count: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Which moments to draw: all, or as many as show, the last among them."""
    if count <= POINTS_MAX:
        return np.arange(count, dtype=np.int64)
    return np.unique(np.linspace(0, count - 1, POINTS_MAX).astype(np.int64))


def _worst(drawdowns: Floats, places: "np.ndarray[Any, np.dtype[np.int64]]") -> Floats:
    """The deepest between one drawn moment and the next: it must not fall between two points."""
    return np.maximum.reduceat(drawdowns, places)


def _times(sheet: TearSheet, places: "np.ndarray[Any, np.dtype[np.int64]]") -> Any:
    return sheet.earned.moments[places].astype("datetime64[ns]")


def _plain(axes: Axes) -> None:
    edgeless(axes)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(_figure))


def _figure(value: float, _place: int | None = None) -> str:
    """A round value: with commas, as many decimals as it needs, and a real minus."""
    return f"{value:,.10g}".replace("-", "−")


def _dated(axes: Axes, at: Any) -> None:
    if len(at) > 1:
        axes.set_xlim(at[0], at[-1])
    locator = dates.AutoDateLocator(minticks=4, maxticks=9, tz="UTC")  # type: ignore[no-untyped-call]  # of matplotlib
    axes.xaxis.set_major_locator(locator)
    formatter = dates.ConciseDateFormatter(locator, tz="UTC")  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
