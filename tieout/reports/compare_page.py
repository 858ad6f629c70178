"""The page of a comparison: from what the simulation earned to what live did, part by part."""

from tieout.reports.compare import Compared, Line
from tieout.reports.page import Html, grid, join, page, row, tag, text
from tieout.reports.plots import BOOKS, BREAK, GOOD, INK, LINE, page_wide, svg

MEANS = {
    "missed fills": "what only one of the two filled, net of its fee",
    "latency": "how far the price had gone by when the venue had the order",
    "decisions": "they saw another price when they decided",
    "price": "what was paid beyond the price on arrival: spread, depth, slippage",
    "fees": "what was paid for the same fills",
    "orders": "orders that only one of the two sent",
    "other": "what is posted of no order: funding, corrections",
}


def page_of(compared: Compared) -> str:
    """A page that stands alone."""
    whole = "The parts are the whole, to the unit." if compared.whole else "A residual is left."
    css = "verdict" if compared.whole else "verdict failed"
    body = join(
        tag("p", text("Tieout · live against simulation"), "kicker"),
        tag("h1", text(compared.strategy)),
        tag("div", tag("b", text(whole)), css),
        tag("p", text(_orders(compared)), "note"),
        *(part for line in compared.lines for part in _asset(compared, line)),
        tag("h2", text("By instrument")),
        _instruments(compared),
    )
    return page(f"{compared.strategy}: live against simulation", body)


def _orders(compared: Compared) -> str:
    unpriced = (
        f" Of {compared.without_price:,} pairs no price is known when they were decided on."
        if compared.without_price
        else ""
    )
    return (
        f"{compared.paired:,} orders of both, {compared.only_live:,} only live,"
        f" {compared.only_sim:,} only simulated.{unpriced}"
    )


def _asset(compared: Compared, line: Line) -> list[Html]:
    head = tag("h2", text(line.asset))
    drawn = Html(f'<figure class="plot">{waterfall(compared, line)}</figure>')
    rows = [
        _row(compared, line.asset, "sim", line.sim, "what the simulation earned"),
        *(_row(compared, line.asset, part, n, MEANS[part]) for part, n in line.parts),
        _row(compared, line.asset, "residual", line.residual, "what nothing above explains"),
        _row(compared, line.asset, "live", line.live, "what live earned"),
    ]
    return [head, drawn, grid((("", ""), (line.asset, "n"), ("", "p")), rows)]


def _row(compared: Compared, asset: str, name: str, units: int, means: str) -> Html:
    return row(((name, "w"), (format(compared.amount(asset, units), "f"), "n"), (means, "p")))


def _instruments(compared: Compared) -> Html:
    rows = [
        row(
            (
                (f"{place.account} {place.instrument}", "w"),
                (part, "w"),
                (format(compared.amount(asset, units), "f"), "n"),
                (asset, ""),
            )
        )
        for place, parts in compared.places
        for part, asset, units in parts
        if units
    ]
    return grid((("instrument", ""), ("part", ""), ("amount", "n"), ("", "")), rows)


def waterfall(compared: Compared, line: Line) -> str:
    """From the simulation's profit by each part to live's."""
    told = [*line.parts, *([("residual", line.residual)] if line.residual else [])]
    parts = [(str(name), float(compared.amount(line.asset, n))) for name, n in told]
    at = float(compared.amount(line.asset, line.sim))
    live = float(compared.amount(line.asset, line.live))
    names = ["sim", *(name for name, _ in parts), "live"]
    with page_wide(3.2) as figure:
        axes = figure.add_subplot()
        axes.bar(0, at, color=BOOKS, width=0.62)
        for number, (_, amount) in enumerate(parts, 1):
            axes.bar(number, amount, bottom=at, width=0.62, color=GOOD if amount > 0 else BREAK)
            axes.plot((number - 1, number), (at, at), color=LINE, linewidth=0.8, zorder=0)
            at += amount
        axes.bar(len(parts) + 1, live, color=BOOKS, width=0.62)
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_xticks(range(len(names)), names)
        axes.set_ylabel(line.asset)
        return svg(figure, f"From what the simulation earned in {line.asset} to what live did")
