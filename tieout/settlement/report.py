"""The sections of a report about settlement: customers, risk, rails, what is stuck, what broke.

The rules of `tieout.reports.report` hold. Every figure is the journal's, read once by
`tieout.reports.history`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from core import exposure, ledger
from core.items import advice
from core.money import TEN_TO, show
from core.settlement_state import ClosedItem, Item, Leg
from core.state import State
from core.stuck import Stuck
from tieout.reports import plots
from tieout.reports.history import History
from tieout.reports.outcome import Outcome
from tieout.reports.page import Html, gap, grid, join, row, tag, text
from tieout.reports.words import SECOND, count, duration, minute, span
from tieout.settlement import plots as settlement_plots
from tieout.settlement.stuck import of_state
from tieout.settlement.tables import asset_of

LIMITS_MAX = 12
ITEMS_SHOWN = 20
STUCK_SHOWN = 40
ENDS = ("settled", "returned", "failed", "cancelled")


class SettlingSections:
    """Writes the sections of one run; `draw` puts a figure into the page."""

    def __init__(self, outcome: Outcome, past: History, draw: Callable[[str], str]) -> None:
        self.outcome = outcome
        self.state: State = outcome.state
        self.whole: State = past.whole()
        self.settled = past.settled
        self.seen_at = past.issued.seen_at
        self.seconds = float(outcome.summary["simulated_seconds"])
        self.draw = draw
        self.summary: dict[str, Any] = outcome.summary["settlement"]
        self._times: dict[int, int] = {}

    def html(self) -> Html:
        """All of them, in the order in which a reader asks."""
        return join(
            self._customers(),
            self._at_risk(),
            self._reversals(),
            self._rails(),
            self._exchanges(),
            self._stuck(),
            self._items(),
        )

    def open_ends(self) -> list[Html]:
        """What is bad news: payments that stand otherwise than their rail has them, open items."""
        parts: list[Html] = []
        wrong = [each for each in self.summary["detail"] if "payment" in each]
        if wrong:
            cells = [
                [(w["payment"], ""), (w["scheme"], ""), (w["books"], ""), (w["truth"], "")]
                for w in wrong
            ]
            title = f"{count(len(wrong), 'payment')} that its rail has otherwise than our books"
            heads = [("payment", ""), ("rail", ""), ("our books", ""), ("the rail", "")]
            parts += [tag("h3", text(title)), grid(heads, [row(each) for each in cells])]
        for each in self.summary["detail"]:
            if "ledger" in each:
                parts.append(tag("p", text("The ledger did not hold: ", each["ledger"], ".")))
        open_ = sorted(self.state.settlement.items.values(), key=lambda item: item.opened_at)
        if open_:
            title = f"{count(len(open_), 'item')} of settlement still open"
            parts += [tag("h3", text(title)), self._item_table(open_)]
        return parts

    def _since(self, at: int) -> float:
        return max(0.0, (at - self.outcome.started_at) / SECOND)

    def _amount(self, units: int, asset: str) -> str:
        return show(units, self.state.decimals.get(asset, 0))

    def _float(self, units: int, asset: str) -> float:
        return units / TEN_TO[self.state.decimals.get(asset, 0)]

    def _figure(self, svg: str, caption: str, css: str = "plot wide") -> Html:
        return join(
            Html(f'<figure><div class="{css}">{self.draw(svg)}</div>'),
            tag("figcaption", text(caption)),
            Html("</figure>"),
        )

    # --- customers -------------------------------------------------------------------------------

    def _customers(self) -> Html:
        head = tag("h2", text("What customers see"))
        if not self.settled.said:
            return join(head, tag("p", text("No customer asked for anything in this run.")))
        at, counts = self._seen()
        last = {status: values[-1] for status, values in counts.items() if values[-1]}
        words = ", ".join(
            f"{times:,} {settlement_plots.SEEN[status][0]}" for status, times in last.items()
        )
        svg = settlement_plots.seen_over_time(at, counts, self.seconds)
        caption = (
            f"At the end: {words}. A transfer is pending until its rail’s own rule settles it, then"
            " completed, for a while perhaps returnable; it is never pending again."
        )
        return join(head, self._figure(svg, caption))

    def _seen(self) -> tuple[list[float], dict[str, list[int]]]:
        """At each word to a customer, how many transfers stood where."""
        stands: dict[str, str] = {}
        now = dict.fromkeys(settlement_plots.SEEN, 0)
        at: list[float] = [0.0]
        counts: dict[str, list[int]] = {status: [0] for status in now}
        for said in self.settled.said:
            if said.effect.transfer_id not in self.state.settlement.transfers:
                continue  # a deposit that was taken back
            before = stands.get(said.effect.transfer_id)
            if before is not None:
                now[before] -= 1
            stands[said.effect.transfer_id] = said.effect.status
            now[said.effect.status] += 1
            at.append(self._since(said.at))
            for status, times in now.items():
                counts[status].append(times)
        at.append(self.seconds)
        for values in counts.values():
            values.append(values[-1])
        return at, counts

    # --- risk ------------------------------------------------------------------------------------

    def _at_risk(self) -> Html:
        head = tag("h2", text("In flight and contingent, beneath the limits"))
        history = self._exposures()
        if not history:
            return join(head, tag("p", text("Nothing was ever in flight.")))
        limited = [key for key in history if exposure.limit_of(self.state, key) is not None]
        rails = [key for key in history if key.startswith("rail/")]
        keys = (limited or rails)[:LIMITS_MAX]
        panels = [self._panel(key, history[key]) for key in keys]
        colours = (
            (settlement_plots.FLYING, "in flight"),
            (settlement_plots.CONTINGENT, "contingent: settled, and may still come back"),
            (plots.BREAK, "the limit"),
        )
        key = "".join(f'<span><i style="background:{c}"></i>{text(w)}</span>' for c, w in colours)
        words = (
            "A panel for each sum that has a limit. Holds count, so that a request which would"
            " exceed a limit is refused before anything is posted."
            if limited
            else "No limit was set in this run; a panel for each rail."
        )
        return join(
            head,
            tag("p", text(words)),
            Html(f'<div class="key">{key}</div>'),
            tag("div", join(*panels), "grid"),
        )

    def _exposures(self) -> dict[str, list[tuple[float, int, int]]]:
        found: dict[str, list[tuple[float, int, int]]] = {}
        for each in self.settled.exposed:
            point = (self._since(each.at), each.amount, each.contingent)
            found.setdefault(each.key, [(0.0, 0, 0)]).append(point)
        return dict(sorted(found.items(), key=lambda item: -max(p[1] for p in item[1])))

    def _panel(self, key: str, points: Sequence[tuple[float, int, int]]) -> Html:
        scope, subject, asset = key.split("/")
        limit = exposure.limit_of(self.state, key)
        ended = [*points, (self.seconds, *points[-1][1:])]
        svg = settlement_plots.at_risk(
            [(at, self._float(units, asset)) for at, units, _ in ended],
            [(at, self._float(units, asset)) for at, _, units in ended],
            None if limit is None else self._float(limit.amount, asset),
            self.seconds,
        )
        most = self._amount(max(point[1] for point in points), asset)
        bound = f" of {self._amount(limit.amount, asset)}" if limit is not None else ""
        name = limit.limit if limit is not None else scope
        return Html(
            f"<figure><figcaption><b>{text(subject or scope)}</b><span>{text(name, ', ', asset)}"
            f'</span></figcaption>{self.draw(svg)}<p class="ends">at most {text(most, bound)}</p>'
            "</figure>"
        )

    def _reversals(self) -> Html:
        head = tag("h2", text("Reversal risk"))
        lost = ", ".join(f"{units} {a}" for a, units in self.summary["reversal_loss"].items())
        words = (
            "What settled may still be returned while its rail allows it. What came back after a"
            f" customer had it is owed to us: {lost or 'nothing'} at the end of this run."
        )
        parts: list[Html] = [head, tag("p", text(words)), *self._beneath_limits()]
        figures = len(parts)
        for asset, (at, by_rail, owed) in self._contingents().items():
            svg = settlement_plots.reversal_risk(at, by_rail, owed, self.seconds)
            parts.append(self._figure(svg, f"{asset}, contingent by rail."))
        if len(parts) == figures:
            parts.append(tag("p", text("Nothing that settled in this run could be returned.")))
        return join(*parts)

    def _beneath_limits(self) -> list[Html]:
        """What reversals cost at most, and what others took above a limit, beside that limit."""
        return [
            tag(
                "p",
                text(
                    f"At most {each['lost']} of {each['bound']} {each['asset']} was lost of"
                    f" {each['sum']} at once ({each['limit']})."
                ),
            )
            for each in self.summary["reversal_most"]
        ] + [
            tag(
                "p",
                text(
                    f"What others pushed took {each['sum']} to {each['most']} of {each['bound']}"
                    f" {each['asset']}, and above that limit for {each['seconds']:.0f} seconds"
                    f" ({each['limit']}): no decision of ours."
                ),
            )
            for each in self.summary["passive_breaches"]
        ]

    def _contingents(self) -> dict[str, tuple[list[float], dict[str, list[float]], list[float]]]:
        """By asset: moments, what was contingent by rail then, and what was owed to us."""
        now: dict[str, int] = {}
        moments: dict[str, list[tuple[float, dict[str, int]]]] = {}
        for heard, entry in self.settled.entries:
            touched = [n for n, _ in entry.lines if n.startswith(("contingent/", "receivable/"))]
            for name, units in entry.lines:
                now[name] = now.get(name, 0) + units
            for asset in dict.fromkeys(ledger.asset_of(name) for name in touched):
                mine = {n: u for n, u in now.items() if ledger.asset_of(n) == asset}
                moments.setdefault(asset, []).append((self._since(heard.at), mine))
        return {asset: self._stacked(asset, those) for asset, those in sorted(moments.items())}

    def _stacked(
        self, asset: str, moments: list[tuple[float, dict[str, int]]]
    ) -> tuple[list[float], dict[str, list[float]], list[float]]:
        ended = [(0.0, {}), *moments, (self.seconds, moments[-1][1])]
        rails = dict.fromkeys(n for _, m in moments for n in m if n.startswith("contingent/"))
        by_rail = {
            name.split("/")[1]: [self._float(m.get(name, 0), asset) for _, m in ended]
            for name in rails
        }
        owed = [
            self._float(sum(u for n, u in m.items() if n.startswith("receivable/")), asset)
            for _, m in ended
        ]
        return [at for at, _ in ended], by_rail, owed

    # --- rails -----------------------------------------------------------------------------------

    def _rails(self) -> Html:
        head = tag("h2", text("How long each rail took"))
        by_rail: dict[str, list[Leg]] = {}
        for leg in self.whole.settlement.legs.values():
            if leg.scheme:
                by_rail.setdefault(leg.scheme, []).append(leg)
        took = {
            rail: [
                max(0.01, (leg.settled_at - leg.sent_at) / SECOND) for leg in legs if leg.settled_at
            ]
            for rail, legs in sorted(by_rail.items())
        }
        took = {rail: values for rail, values in took.items() if values}
        if not took:
            return join(head, tag("p", text("No payment settled in this run.")))
        caption = (
            "Each payment that settled is a dot, from its sending to the evidence that its rail’s"
            " rule names; the bar is the median. Silence settles ACH days after it was booked."
        )
        rows = [
            self._rail_row(rail, legs, took.get(rail, [])) for rail, legs in sorted(by_rail.items())
        ]
        heads = [("rail", ""), ("payments", "n"), ("settled", "n"), ("median", "n")]
        heads += [("slowest", "n"), ("returned", "n"), ("failed", "n"), ("under way", "n")]
        svg = settlement_plots.seconds_to_settle(took)
        return join(head, self._figure(svg, caption), grid(heads, rows))

    def _rail_row(self, rail: str, legs: Sequence[Leg], took: list[float]) -> Html:
        ordered = sorted(took)
        ends = {status: sum(leg.status == status for leg in legs) for status in ENDS}
        cells: list[tuple[object, str]] = [
            (rail, "w"),
            (f"{len(legs):,}", "n"),
            (f"{ends['settled']:,}", "n"),
            (duration(ordered[(len(ordered) - 1) // 2]) if ordered else "-", "n"),
            (duration(ordered[-1]) if ordered else "-", "n"),
            (f"{ends['returned']:,}", "n"),
            (f"{ends['failed']:,}", "n"),
            (f"{len(legs) - sum(ends.values()):,}", "n"),
        ]
        return row(cells)

    # --- exchanges -------------------------------------------------------------------------------

    def _exchanges(self) -> Html:
        """A row for each pair, if any was exchanged."""
        positions = self.summary["positions"]
        if not positions:
            return join()
        words = (
            "What customers exchanged by the desk’s quotes, and the desk has not covered, stands"
            " open. Covering it realises a gain or a loss, which is booked; what closing the rest"
            " at the desk’s last quote would gain is shown here, and booked nowhere."
        )
        rows = []
        for pair, told in positions.items():
            position = self.state.settlement.positions[pair]
            cells: list[tuple[object, str]] = [
                (pair, ""),
                (f"{told['open']} {position.base}", "n"),
                (f"{told['against']} {position.against}", "n"),
                (f"{told['unrealised'] or '-'} {position.against}", "n"),
                (f"{told['realised']} {position.against}", "n"),
            ]
            rows.append(row(cells))
        heads = [("pair", ""), ("open", "n"), ("against", "n"), ("unrealised", "n")]
        heads += [("realised", "n")]
        head = tag("h2", text("Exchanges: what is open, and what it gained"))
        return join(head, tag("p", text(words)), grid(heads, rows))

    # --- what is stuck, what broke ---------------------------------------------------------------

    def _stuck(self) -> Html:
        head = tag("h2", text("What is stuck at the end"))
        view = of_state(self.state, self.state.now)
        if not view.payments:
            return join(head, tag("p", text("No payment is under way.")))
        rows = [
            row(
                [
                    (f"{each.payment_id} {each.scheme}", ""),
                    (view.shown(each.asset, each.amount), "n"),
                    (each.stage.replace("_", " "), "w"),
                    (span(each.since, view.at), "n"),
                    (_waiting(each), ""),
                    (each.safe, ""),
                ],
                "bad" if each.late else "",
            )
            for each in view.payments[:STUCK_SHOWN]
        ]
        if len(view.payments) > STUCK_SHOWN:
            rest = len(view.payments) - STUCK_SHOWN
            rows.append(gap(6, f"and {rest:,} more: `tieout stuck --journal journal.db`"))
        late = sum(each.late for each in view.payments)
        words = f"{count(len(view.payments), 'payment')} under way, {late:,} of them late."
        heads = [("payment", ""), ("amount", "n"), ("stage", ""), ("for", "n")]
        heads += [("waiting for", ""), ("safe to do", "")]
        return join(head, tag("p", text(words)), grid(heads, rows))

    def _items(self) -> Html:
        head = tag("h2", text("Items: what broke about payments, lines and statements"))
        settlement = self.whole.settlement
        if not settlement.items and not settlement.closed:
            return join(head, tag("p", text("None was opened in this run.")))
        words = (
            "An item is about one payment, line or statement. It closes itself with the evidence"
            " that explains it; a person closes what no evidence will. Found after: from the moment"
            " when it happened or was due, by its teller’s clock, to its name in our books."
        )
        parts = [head, tag("p", text(words)), self._causes()]
        if settlement.closed:
            table = self._item_table(settlement.closed)
            title = f"{count(len(settlement.closed), 'item')} that closed"
            parts.append(tag("details", join(tag("summary", text(title)), table)))
        return join(*parts)

    def _causes(self) -> Html:
        by_cause: dict[str, list[Item | ClosedItem]] = {}
        settlement = self.whole.settlement
        items: list[Item | ClosedItem] = [*settlement.closed, *settlement.items.values()]
        for item in items:
            by_cause.setdefault(item.cause, []).append(item)
        rows = []
        for cause, those in sorted(by_cause.items(), key=lambda each: -len(each[1])):
            found = sorted(self._found_after(item) for item in those)
            still = sum(isinstance(item, Item) for item in those)
            rows.append(
                row(
                    [
                        (cause.replace("_", " "), "w"),
                        (f"{len(those):,}", "n"),
                        (f"{still:,}", "n"),
                        (duration(found[(len(found) - 1) // 2]), "n"),
                        (duration(found[-1]), "n"),
                    ]
                )
            )
        heads = [("cause", ""), ("opened", "n"), ("open at the end", "n")]
        return grid([*heads, ("found after (median)", "n"), ("slowest", "n")], rows)

    def _found_after(self, item: Item | ClosedItem) -> float:
        """Seconds from when it happened, or was due, to when it was named."""
        if item.cause == "orphan":
            born = self.seen_at.get(item.subject)
        else:
            born = self._booked().get(item.evidence[0]) if item.evidence else None
        leg = self.whole.settlement.legs.get(item.subject)
        if born is None and leg is not None:
            born = leg.due_at if item.cause == "late" else leg.settles_at
        if not born or born > item.opened_at:
            return 0.0
        return (item.opened_at - born) / SECOND

    def _booked(self) -> dict[int, int]:
        """When what a frame told was booked, by its teller."""
        if not self._times:
            for heard, _ in self.settled.entries:
                booked = getattr(heard.what, "booked_at", 0)
                if heard.frame and booked:
                    self._times.setdefault(heard.frame, booked)
        return self._times

    def _item_table(self, items: Iterable[Item | ClosedItem]) -> Html:
        rows = []
        for item in items:
            asset = asset_of(self.state, item)
            over = item.closed_at if isinstance(item, ClosedItem) else self.state.now
            cells: list[tuple[object, str]] = [
                (item.number, "n"),
                (item.cause.replace("_", " "), "w"),
                (item.subject, "s"),
                (f"{self._amount(item.size, asset)} {asset}", "n"),
                (duration(self._found_after(item)), "n"),
                (span(item.opened_at, over), "n"),
                (_ending(item), ""),
            ]
            rows.append(row(cells))
        heads = [("no.", "n"), ("cause", ""), ("about", ""), ("size", "n"), ("found after", "n")]
        heads += [("age", "n"), ("how it ended, or what would help", "")]
        shown = rows[:ITEMS_SHOWN]
        if len(rows) > ITEMS_SHOWN:
            shown.append(gap(7, f"and {len(rows) - ITEMS_SHOWN:,} more, in breaks.parquet"))
        return grid(heads, shown)


def _ending(item: Item | ClosedItem) -> str:
    """How it ended, or what would help; and the figures that disagree, where there are two."""
    if isinstance(item, Item):
        return advice(item)
    return f"{item.resolution} ({item.detail})" if item.detail else item.resolution


def _waiting(each: Stuck) -> str:
    """For what, until when, and who waits with it."""
    until = f", expected by {minute(each.expected_by)}" if each.expected_by else ""
    blocks = f"; blocks {', '.join(each.blocks)}" if each.blocks else ""
    return f"{each.waiting_for}{until}{blocks}"
