"""The page of a tear sheet: verdict, curve, where profit came from, fills, assumptions.

The rules of `tieout.reports.page` and `tieout.reports.plots` hold: it stands alone, and is the
same every time.
"""

from collections.abc import Callable, Iterable, Sequence

import pandas as pd
from matplotlib.figure import Figure

from tieout.backtest import tear_plots
from tieout.backtest.tear import TearSheet
from tieout.backtest.tear_facts import (
    Fact,
    Lines,
    facts,
    money,
    percent,
    profit_lines,
    quality_lines,
)
from tieout.reports import plots
from tieout.reports.page import Html, grid, join, page, row, tag, text
from tieout.reports.words import count as counted
from tieout.reports.words import duration, minute

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
TILES = ("Profit", "Return", "Deepest drawdown", "Sharpe", "Turnover")


def page_of(sheet: TearSheet) -> str:
    """The whole document."""
    body = join(_header(sheet), sections(sheet), _assumptions(sheet), _footer())
    return page(f"Tieout: backtest of {sheet.outcome.name}", body)


def sections(sheet: TearSheet) -> Html:
    """All between head and foot, for a page of one's own; empty figures are left out."""
    figures: list[str] = []

    def draw(figure: Callable[[TearSheet], Figure], caption: str) -> Html:
        figures.append(tear_plots.drawn(figure, sheet, caption))
        place = f"<!--tear {len(figures) - 1}-->"
        return Html(
            f'<figure><div class="plot">{place}</div><figcaption>{text(caption)}</figcaption>'
            "</figure>"
        )

    body = join(
        tag("h2", text("Equity")),
        draw(tear_plots.equity, _of_equity(sheet)),
        draw(tear_plots.days, "Gains and losses by the calendar, UTC."),
        *_months(sheet),
        tag("h2", text("Figures")),
        *(join(tag("h3", text(head)), _facts(told)) for head, told in facts(sheet).items()),
        tag("h2", text("Where the profit came from")),
        draw(tear_plots.profit, OF_PROFIT),
        _lines(profit_lines(sheet), "hit"),
        draw(tear_plots.by_strategy, "What each strategy had earned so far."),
        *(_filled(sheet, draw) if len(sheet.fills) else ()),
    )
    # Figures are put in last, so that their ids can be told apart across the page.
    for number, figure in enumerate(plots.unique(figures)):
        body = Html(body.replace(f"<!--tear {number}-->", figure, 1))
    return body


OF_PROFIT = (
    "Market is what holdings gained as marks moved; execution is how much better or worse than the"
    " mark of that moment it was traded. The parts are the profit, to the unit."
)


def _header(sheet: TearSheet) -> Html:
    outcome = sheet.outcome
    told = {fact.name: fact for those in facts(sheet).values() for fact in those}
    tiles = "".join(
        f'<div><span class="big">{text(told[name].figure)}</span>'
        f"<span>{text(name)}: {text(told[name].means)}</span></div>"
        for name in TILES
    )
    return join(
        tag("p", text("Tieout · tear sheet of a backtest"), "kicker"),
        tag("h1", text(outcome.name)),
        tag("p", text(_lead(sheet)), "lead"),
        _verdict(sheet),
        Html(f'<div class="tiles">{tiles}</div>'),
        Html(f'<p class="note">digest <code>{text(outcome.digest)}</code></p>'),
    )


def _lead(sheet: TearSheet) -> str:
    outcome = sheet.outcome
    lasted = duration((outcome.ended_at - outcome.began_at) / 1e9)
    fills = counted(len(sheet.fills), "fill")
    orders = counted(int(sheet.quality.get("orders", 0)), "order")
    return (
        f"{minute(outcome.began_at)} to {minute(outcome.ended_at)} UTC, {lasted}:"
        f" {orders}, {fills}, {money(sheet.earned.profit)} {sheet.reporting} earned."
    )


def _verdict(sheet: TearSheet) -> Html:
    """Whether the sheet can be believed: parts and whole, and what the books found."""
    breaks = len(sheet.outcome.frames["breaks"])
    whole = not sheet.earned.residual and not sheet.unpriced
    told = "The parts are the profit, to the unit." if whole else _doubt(sheet)
    books = "Books and venues agree." if not breaks else f"{counted(breaks, 'break')} left open."
    css = "verdict" if whole and not breaks else "verdict failed"
    return Html(f'<p class="{css}"><b>{text(told)}</b> {text(books)}</p>')


def _doubt(sheet: TearSheet) -> str:
    if sheet.unpriced:
        return f"No mark gives a worth to {', '.join(sheet.unpriced)}: it is in no figure."
    return f"{sheet.earned.residual:f} {sheet.reporting} of the profit are in no part."


def _of_equity(sheet: TearSheet) -> str:
    return (
        f"From {money(sheet.earned.opened)} to {money(sheet.earned.equity[-1])} {sheet.reporting}:"
        " what was opened with, and all that was earned, at the marks of each moment."
    )


def _facts(told: Sequence[Fact]) -> Html:
    rows = [row(((each.name, "w"), (each.figure, "n"), (each.means, "p"))) for each in told]
    return grid((("", ""), ("", "n"), ("", "p")), rows)


def _months(sheet: TearSheet) -> Iterable[Html]:
    """The return of each month of each year, where there is more than one."""
    told = sheet.periods("M")
    if len(told) < 2:
        return
    years: dict[int, dict[int, float]] = {}
    for at, each in told["return"].items():
        assert isinstance(at, pd.Timestamp)
        years.setdefault(at.year, {})[at.month] = float(each)
    rows = [_year(year, months) for year, months in years.items()]
    yield tag("h3", text("Return of each month, %"))
    yield grid([("year", ""), *((name, "n") for name in MONTHS), ("all", "n")], rows)


def _year(year: int, months: dict[int, float]) -> Html:
    whole = 1.0
    for each in months.values():
        whole *= 1 + each
    cells = [_shaded(months.get(month)) for month in range(1, 13)]
    return Html(f"<tr><td>{year}</td>{''.join(cells)}{_shaded(whole - 1)}</tr>")


def _shaded(share: float | None) -> str:
    """A cell, the greener or redder the more was gained or lost; five per cent is the fullest."""
    if share is None:
        return '<td class="n"></td>'
    colour = "61,139,99" if share > 0 else "217,99,79"
    depth = min(1.0, abs(share) / 0.05) * 0.45
    told = percent(share).removesuffix(" %")
    return f'<td class="n" style="background:rgba({colour},{depth:.2f})">{text(told)}</td>'


def _lines(lines: Lines, last: str = "") -> Html:
    kinds = ["w" if number < lines.names else "n" for number in range(len(lines.heads))]
    rows = [row(zip(each, kinds, strict=True)) for each in lines.rows[:-1]]
    rows += [row(zip(each, kinds, strict=True), last) for each in lines.rows[-1:]]
    return grid(list(zip(lines.heads, kinds, strict=True)), rows)


def _filled(sheet: TearSheet, draw: Callable[..., Html]) -> Iterable[Html]:
    yield tag("h2", text("How well it was filled"))
    yield draw(
        tear_plots.fill_quality,
        "On the left, of all that was traded, how much was paid beyond the price that the strategy"
        " saw when it decided; on the right, how far the mark had gone our way some time after a"
        " fill: below nothing, others knew better.",
    )
    yield _lines(quality_lines(sheet))


def _assumptions(sheet: TearSheet) -> Html:
    items = "".join(f"<li>{text(each)}</li>" for each in sheet.assumptions)
    return (
        join(tag("h2", text("What it assumes")), Html(f"<ul>{items}</ul>")) if items else Html("")
    )


def _footer() -> Html:
    return tag(
        "footer",
        text(
            "Profit and its parts are exact decimals; the rest is floating point. A year has 365"
            " days. Formulas and where they are from stand in tieout/backtest/statistics.py."
        ),
    )
