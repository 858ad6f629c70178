"""The section of a report about risk: limits and what was open of them, refusals, tails, stress.

The rules of `tieout.reports.report` hold. Every figure is the journal's, as
`tieout.risk.history` reads it.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from core.money import QUANTITY_DECIMALS, show
from risk.lease import Used
from risk.weights import REPORTING_DECIMALS
from tieout.reports.history import History
from tieout.reports.outcome import Outcome
from tieout.reports.page import Html, grid, join, row, tag, text
from tieout.reports.words import SECOND, count
from tieout.risk import plots
from tieout.risk.history import RiskHistory, risk_history
from tieout.risk.plots import Step

FIRM = ("firm_net/long", "firm_net/short", "firm_gross/gross")
LINES_SHOWN = 12
UNIT = 10**REPORTING_DECIMALS
MILLION = 10**6


class RiskSection:
    """Writes the section of one run; `draw` puts a figure into the page."""

    def __init__(self, outcome: Outcome, past: History, draw: Callable[[str], str]) -> None:
        self.outcome = outcome
        self.past = past
        self.risk: RiskHistory = risk_history(outcome.store)
        self.summary: dict[str, Any] = outcome.summary["risk"]
        self.seconds = float(outcome.summary["simulated_seconds"])
        self.draw = draw

    def html(self) -> Html:
        """All of it, in the order in which a reader asks."""
        return join(
            tag("h2", text("Limits, and how close they came")),
            self._verdict(),
            self._closest(),
            self._firm(),
            self._refused(),
            self._reported(),
            self._margins(),
        )

    def _since(self, at: int) -> float:
        return max(0.0, (at - self.outcome.started_at) / SECOND)

    def _figure(self, svg: str, caption: str) -> Html:
        return join(
            Html(f'<figure><div class="plot wide">{self.draw(svg)}</div>'),
            tag("figcaption", text(caption)),
            Html("</figure>"),
        )

    def _verdict(self) -> Html:
        breaches, passive = (
            self.outcome.summary[name] for name in ("limit_breaches", "passive_breaches")
        )
        told = (
            f"{count(self.summary['orders'], 'order')} passed; by the venues’ own truth"
            f" {breaches or 'none'} of them took an exposure over a limit. {count(passive, 'time')}"
            " somebody else did, and while that lasts only reductions pass."
        )
        return tag("p", text(told))

    def _closest(self) -> Html:
        """The lines that came closest to their limits, each at that moment."""
        closest: dict[str, tuple[Used, int]] = {}
        for change in self.risk.changes:
            each = change.used
            known = closest.get(each.line)
            if each.limit > 0 and (known is None or _share(each) > _share(known[0])):
                closest[each.line] = each, change.at
        ranked = sorted(closest.values(), key=lambda pair: (-_share(pair[0]), pair[0].line))
        rows = [
            row(
                [
                    (each.line, ""),
                    (_amount(each, each.used), "n"),
                    (_amount(each, each.limit), "n"),
                    (_amount(each, each.limit - each.used), "n"),
                    (f"{100 * _share(each):.1f} %", "n"),
                    (f"{self._since(at):.1f} s", "n"),
                ]
            )
            for each, at in ranked[:LINES_SHOWN]
        ]
        heads = [("line", ""), ("used", "n"), ("limit", "n"), ("headroom", "n"), ("share", "n")]
        return grid([*heads, ("at", "n")], rows)

    def _firm(self) -> Html:
        sums: dict[str, list[Step]] = {}
        for change in self.risk.changes:
            each = change.used
            if each.line in FIRM and each.limit > 0:
                figures = (each.used / UNIT, each.limit / UNIT, each.open / UNIT)
                sums.setdefault(each.line, []).append(Step(self._since(change.at), *figures))
        if not sums:
            return Html("")
        caption = (
            "What the firm came to with all that works filled, its limits, and what was open of"
            " them: as the cold engine’s last word ages less is, and past its lease nothing more."
            f" The oldest word that an order was let through on was"
            f" {self.summary['word_age_seconds_max']:.2f} s old."
        )
        return self._figure(plots.beneath_limits(sums, self.seconds), caption)

    def _refused(self) -> Html:
        codes = Counter(each.code for each in self.past.refusals)
        if not codes:
            return tag("p", text("The gate refused nothing."))
        first = {each.code: each for each in reversed(self.past.refusals)}
        rows = [
            row([(code, "mono"), (f"{times:,}", "n"), (first[code].told.reason, "")])
            for code, times in codes.most_common()
        ]
        heads = [("refused", "mono"), ("times", "n"), ("what was said the first time", "")]
        return join(tag("h3", text("What was refused, and why")), grid(heads, rows))

    # --- what the engine reported ----------------------------------------------------------------

    def _reported(self) -> Html:
        reports = self.risk.reports
        if not reports:
            return Html("")
        names = list(dict.fromkeys(name for each in reports for name in each.stresses))
        tails = [(self._since(r.at), r.tails["firm"]) for r in reports if "firm" in r.tails]
        svg = plots.reported(
            {
                "value at risk, 99 %": [(at, tail.var / UNIT) for at, tail in tails],
                "expected shortfall": [(at, tail.shortfall / UNIT) for at, tail in tails],
            },
            {
                name: [(self._since(r.at), r.stresses.get(name, 0) / UNIT) for r in reports]
                for name in names
            },
            self.seconds,
        )
        caption = (
            f"What the cold engine reported in {count(len(reports), 'cycle')}: at most"
            f" {self.summary['var_max']:.2f} of value at risk, and {self.summary['stress_max']:.2f}"
            " that the worst named stress would have cost. Tails are of the intervals since the"
            " journal began: of few, the worst one."
        )
        return join(tag("h3", text("Tails and named stress")), self._figure(svg, caption))

    def _margins(self) -> Html:
        """Of each account the moment in which a liquidation was nearest."""
        nearest: dict[str, tuple[int, int]] = {}
        for number, report in enumerate(self.risk.reports):
            for account, margin in report.margins.items():
                known = nearest.get(account)
                if known is None or margin.liquidation_ppm < known[0]:
                    nearest[account] = margin.liquidation_ppm, number
        if not nearest:
            return Html("")
        rows = []
        for account, (_, number) in nearest.items():
            report = self.risk.reports[number]
            margin = report.margins[account]
            figures = (margin.equity, margin.initial, margin.maintenance)
            cells = [(show(each, REPORTING_DECIMALS), "n") for each in figures]
            far = f"{100 * margin.liquidation_ppm / MILLION:.1f} %"
            at = f"{self._since(report.at):.1f} s"
            rows.append(row([(account, ""), *cells, (far, "n"), (at, "n")]))
        heads = [("account", ""), ("equity", "n"), ("initial", "n"), ("maintenance", "n")]
        title = "Margin, when a liquidation was nearest"
        table = grid([*heads, ("prices may move", "n"), ("at", "n")], rows)
        return join(tag("h3", text(title)), table)


def _share(each: Used) -> float:
    return each.used / each.limit


def _amount(each: Used, units: int) -> str:
    return (
        show(units * each.lot, QUANTITY_DECIMALS) if each.lot else show(units, REPORTING_DECIMALS)
    )
