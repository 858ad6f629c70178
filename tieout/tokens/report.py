"""The sections of a report about issued tokens: who holds them, what requests were told, how soon
what was permitted is final, and what moved that nobody decided.

The rules of `tieout.reports.report` hold. Every figure is the summary's or the journal's.
"""

from collections import Counter
from collections.abc import Callable, Iterable

from core.settlement_state import ClosedItem, Item
from tieout.reports.history import History
from tieout.reports.outcome import Outcome
from tieout.reports.page import Html, gap, grid, join, row, tag, text
from tieout.reports.words import SECOND, clock, count, duration, span
from tieout.settlement import plots as settlement_plots
from tieout.tokens import plots as token_plots
from tieout.tokens.cap_table import CapTable, cap_tables
from tieout.tokens.refusals import RefusedBy, refused_by

REFUSED = "refused/"
HOLDERS_SHOWN = 20
STRETCHES = 60


class TokenSection:
    """Writes it; `draw` puts a figure into the page."""

    def __init__(self, outcome: Outcome, past: History, draw: Callable[[str], str]) -> None:
        self.outcome = outcome
        self.past = past
        self.draw = draw
        self.figures = outcome.summary["tokens"]
        self.tokens = list(outcome.state.tokens)
        self.counts = outcome.summary["counts"]
        self.seconds = float(outcome.summary["simulated_seconds"])

    def html(self) -> Html:
        """All of it, in the order in which a reader asks."""
        return join(
            tag("h2", text("Issued tokens")),
            tag("p", text(self._words())),
            *(self._holders(name) for name in self.tokens),
            self._answers(),
            self._how_soon(),
            self._orphans(),
        )

    def open_ends(self) -> list[Html]:
        """What is not as it should be, by name."""
        told = [tag("p", text(each)) for each in self.figures["detail"]]
        return [tag("h3", text("Tokens: what is not as it should be")), *told] if told else []

    def _since(self, at: int) -> float:
        return max(0.0, (at - self.outcome.started_at) / SECOND)

    def _figure(self, svg: str, caption: str) -> Html:
        return join(
            Html(f'<figure><div class="plot wide">{self.draw(svg)}</div>'),
            tag("figcaption", text(caption)),
            Html("</figure>"),
        )

    def _words(self) -> str:
        told = self.figures
        words = f"{count(told['moved'], 'movement')} of {', '.join(self.tokens)} are final."
        if not told["orphans"]:
            return f"{words} Each is an authorization’s."
        orphans, lost = told["orphans"], told["value_lost"]
        return (
            f"{words} {count(orphans, 'orphan')}: value of {lost:,} moved that nobody decided;"
            f" the slowest was found {told['orphan_seconds_max']:.1f} s after its block, and"
            f" {told['orphans_missed']} never. {count(told['pauses'], 'pause')} asked for."
        )

    # --- who holds it ----------------------------------------------------------------------------

    def _holders(self, name: str) -> Html:
        tables = cap_tables(self.outcome.store, name)
        last, limits = tables[-1], self.outcome.state.tokens[name].policy.limits
        head = tag("h3", text(f"Who holds {name}"))
        every = dict.fromkeys(each for table in reversed(tables) for each in table.held)
        if not every:
            return join(head, tag("p", text("Nothing of it is final: nobody holds any.")))
        at = [min(self.seconds, self._since(table.at)) for table in tables]
        bands = {_short(who): [table.held.get(who, 0) for table in tables] for who in every}
        svg = token_plots.holders_over_time(at, bands, limits.supply_max, self.seconds)
        bound = f" Dashed: at most {limits.supply_max:,} may be." if limits.supply_max >= 0 else ""
        ever = f"A band for each address that ever held it ({len(every)})"
        caption = f"{ever}, by final blocks alone.{bound}"
        return join(head, self._figure(svg, caption), self._cap_table(last))

    def _cap_table(self, last: CapTable) -> Html:
        reserved = self.outcome.state.tokens[last.token].reserved
        rows = [
            row(
                [
                    (who, "s"),
                    (reserved.groups.get(who, "") or "-", "w"),
                    (f"{units:,}", "n"),
                    (f"{100 * last.share(who):.1f} %", "n"),
                    (f"{reserved.locked[who]:,}" if who in reserved.locked else "-", "n"),
                ]
            )
            for who, units in list(last.held.items())[:HOLDERS_SHOWN]
        ]
        left = len(last.held) - len(rows)
        if left:
            rows.append(gap(5, f"and {left:,} more"))
        heads = [("holder", ""), ("group", ""), ("units", "n"), ("share", "n"), ("locked up", "n")]
        words = (
            f"The cap table as of block {last.number} ({clock(last.at)}), the last that is final:"
            f" {last.supply:,} in all. A group is a mark that limits count together; which"
            " jurisdiction it is, only the vault can say."
        )
        return join(tag("p", text(words), "note"), grid(heads, rows))

    # --- what requests were told -----------------------------------------------------------------

    def _answers(self) -> Html:
        requests = sorted(self.figures["requests"].items(), key=lambda each: (-each[1], each[0]))
        reasons = Counter[str]()
        for reason, times in self._refused():
            reasons[reason] += times
        refusals = {reason: (times, refused_by(reason)) for reason, times in _ranked(reasons)}
        head = tag("h3", text("What requests were told, and by which rule"))
        if not requests:
            return join(head, tag("p", text("Nobody asked for anything.")))
        caption = (
            "A permission ends as final, expired or revoked; a request that is none, or that a rule"
            " or a limit forbids, is refused. Left is what callers heard last, right what core"
            " counted: a request that comes again with another content is refused and changes none."
        )
        svg = token_plots.answers(dict(requests), refusals)
        return join(head, self._figure(svg, caption), self._over_time())

    def _refused(self) -> Iterable[tuple[str, int]]:
        for name, times in self.counts.items():
            reason, _, token = name.removeprefix(REFUSED).partition("/")
            if name.startswith(REFUSED) and token in self.tokens:
                yield reason, times

    def _over_time(self) -> Html:
        """In each stretch of the run: permitted, or refused by whom; and when policies changed."""
        width = self.seconds / STRETCHES
        edges = [width * number for number in range(STRETCHES + 1)]
        permitted = [0] * STRETCHES
        refused: dict[RefusedBy, list[int]] = {by: [0] * STRETCHES for by in token_plots.BY}
        for wanted in self.past.issued.authorizations.values():
            place = min(STRETCHES - 1, int(self._since(wanted.requested_at) / width))
            if wanted.status == "refused":
                refused[refused_by(wanted.reason)][place] += 1
            elif wanted.status != "requested":
                permitted[place] += 1
        marks = {"another policy": self._policies(), "an orphan": self._orphaned()}
        svg = token_plots.told_over_time(edges, permitted, refused, marks, self.seconds)
        caption = (
            "Requests by when they were asked. A policy that tightens voids what is outstanding; an"
            " orphan closes the token."
        )
        return self._figure(svg, caption)

    def _policies(self) -> list[float]:
        """When another version than the first was heard of."""
        told = sorted(self.past.issued.published.items(), key=lambda each: each[1])
        return [self._since(at) for (_, version), at in told if version > 1]

    def _orphaned(self) -> list[float]:
        return [self._since(item.opened_at) for item in self._orphan_items()]

    # --- how soon --------------------------------------------------------------------------------

    def _how_soon(self) -> Html:
        took: dict[str, list[float]] = {}
        for moved in self.past.issued.movements:
            wanted = moved.authorization
            signed = self.past.issued.signed_at.get(wanted.name) if wanted is not None else None
            if wanted is not None and signed is not None:
                seconds = max(0.01, (moved.final_at - signed) / SECOND)
                took.setdefault(wanted.kind, []).append(seconds)
        if not took:
            return Html("")
        label = "How long it took from signed to final"
        svg = settlement_plots.seconds_to_settle(dict(sorted(took.items())), label)
        every = sorted(each for values in took.values() for each in values)
        caption = (
            "From the last signature to the word of every node that the block is final: half within"
            f" {duration(every[(len(every) - 1) // 2])}, the slowest after {duration(every[-1])}."
        )
        return join(tag("h3", text("From signed to final")), self._figure(svg, caption))

    # --- what nobody decided ---------------------------------------------------------------------

    def _orphan_items(self) -> list[Item | ClosedItem]:
        settlement = self.past.whole().settlement
        every: list[Item | ClosedItem] = [*settlement.closed, *settlement.items.values()]
        return [item for item in every if item.cause == "orphan"]

    def _orphans(self) -> Html:
        """Empty where every movement was decided."""
        items = self._orphan_items()
        if not items:
            return Html("")
        rows = []
        for item in items:
            seen = self.past.issued.seen_at.get(item.subject, item.opened_at)
            ended = item.resolution if isinstance(item, ClosedItem) else "open"
            cells: list[tuple[object, str]] = [
                (item.subject, "s"),
                (f"{item.size:,}", "n"),
                (span(seen, item.opened_at), "n"),
                (f"{self._since(item.opened_at):,.0f} s", "n"),
                (ended, ""),
            ]
            rows.append(row(cells))
        heads = [("movement", ""), ("units", "n"), ("found after", "n"), ("at", "n")]
        return join(
            tag("h3", text("What moved that nobody decided")),
            grid([*heads, ("ended", "")], rows),
        )


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _short(address: str) -> str:
    """Enough of it to be told from others by eye."""
    return f"{address[:6]}…{address[-4:]}"
