"""The report of a run: one HTML page that stands alone, for a person to read and to show.

Rule 1. Bad news first: what is silently different or still open follows the verdict, in red.
Rule 2. Every figure is the summary's, the journal's or the oracle's; nothing is computed to please.
Rule 3. No script, no load from anywhere, and the same outcome gives the same page.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from core.events import FillReported
from core.state import Resolved
from sim.faults import KINDS
from tieout.reports import plots
from tieout.reports.history import History, Taken, amount_of, history, text_of
from tieout.reports.outcome import Found, Outcome
from tieout.reports.page import Html, gap, grid, join, page, row, tag, text
from tieout.reports.plots import Point, Span
from tieout.reports.trace import Line, excerpt, identities_of, of_holding, plain, words_of
from tieout.reports.words import be, clock, count, duration
from tieout.settlement.report import SettlingSections
from tieout.tokens.report import TokenSection

LAW = (
    "Every difference between the world’s truth and our books is either in flight or an open"
    " break. Nothing is ever silently different."
)
PANELS_MAX = 24
BREAKS_SHOWN = 12
BREAKS_MAX = 300
OPEN_MAX = 20
AROUND = 4
LINES_MAX = 60
NEAR_NS = 100_000_000


def report(outcome: Outcome) -> str:
    """The whole page."""
    return Reporter(outcome).page()


class Reporter:
    """Writes one report, section by section, in the order of `page`."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.summary: dict[str, Any] = outcome.summary
        self.past: History = history(outcome.store)
        self.seconds = float(self.summary["simulated_seconds"])
        self.figures: list[str] = []

    def page(self) -> str:
        name = self.outcome.scenario.name
        body = join(
            self._header(),
            self._open_ends(),
            self._tiles(),
            self._claims(),
            self._tokens(),
            self._settlement(),
            self._risk(),
            self._injected(),
            self._found(),
            self._against_truth(),
            self._breaks(),
            self._traced(),
            self._accounts(),
            self._footer(),
        )
        # Figures are put in last, so that their ids can be told apart across the page.
        for number, figure in enumerate(plots.unique(self.figures)):
            body = Html(body.replace(f"<!--figure {number}-->", figure, 1))
        return page(f"Tieout: {name}, seed {self.outcome.seed}", body)

    def _figure(self, svg: str) -> str:
        self.figures.append(svg)
        return f"<!--figure {len(self.figures) - 1}-->"

    def _since(self, at: int) -> float:
        return (at - self.outcome.started_at) / 1e9

    # --- the head --------------------------------------------------------------------------------

    def _header(self) -> Html:
        outcome, summary = self.outcome, self.summary
        facts = {
            "seed": outcome.seed,
            "simulated": duration(self.seconds),
            "events": f"{summary['events']:,}",
            "records": f"{summary['records']:,}",
            "restarts": summary["crashes"],
            "accounts": ", ".join(outcome.state.accounts),
            "covers": ", ".join(outcome.scenario.covers),
        }
        listed = "".join(
            f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>"
            for name, value in facts.items()
            if value != ""
        )
        failed = "" if outcome.held else " failed"
        return join(
            tag("p", text("Tieout · report of a run"), "kicker"),
            tag("h1", text(outcome.scenario.name)),
            tag("p", text("Claim: ", outcome.scenario.claim, "."), "lead"),
            Html(f'<p class="verdict{failed}"><b>{text(self._word())}</b> {text(self._why())}</p>'),
            Html(f'<dl class="facts">{listed}</dl>'),
            Html(f'<p class="note">digest <code>{text(summary["digest"])}</code></p>'),
            tag("p", text(LAW), "law"),
        )

    def _word(self) -> str:
        return "Held." if self.outcome.held else "Failed."

    def _why(self) -> str:
        claims, drift = self.outcome.claims, self.summary["drift"]
        failed = [claim for claim in claims if not claim.held]
        if failed:
            first = f"“{failed[0].claim}” ({failed[0].figure}, wanted {failed[0].bound})"
            more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
            return f"{len(failed)} of {len(claims)} claims did not hold: {first}{more}."
        told = f"All {len(claims)} claims held."
        settling, issued = self.summary["settlement"], self.summary["tokens"]
        if issued is not None and not drift["injected"]:
            moved, orphans = count(issued["moved"], "movement"), count(issued["orphans"], "orphan")
            decided = f"all but {orphans} by a decision" if issued["orphans"] else "each decided"
            return (
                f"{told} {moved} of issued tokens {be(issued['moved'])} final, {decided};"
                " none broke what policy and facts allowed."
            )
        if settling is not None and not drift["injected"]:
            payments = count(settling["payments"], "payment")
            return (
                f"{told} {payments} {be(settling['payments'])} made; none was shown as completed"
                " that its rail did not settle, and none was made twice."
            )
        if not drift["injected"]:
            return f"{told} No change at a venue was hidden from us in this run."
        found = drift["seconds_to_find"]
        changes = count(drift["injected"], "change")
        return (
            f"{told} {changes} at the venues {be(drift['injected'])} hidden from us; each was"
            f" found, half of them within {found['p50']:.2f} s and the slowest after"
            f" {found['max']:.2f} s."
        )

    def _open_ends(self) -> Html:
        """Empty where there are none."""
        summary, state = self.summary, self.outcome.state
        parts: list[Html] = []
        if summary["silent_differences"]:
            number = summary["silent_differences"]
            rows = [
                row(
                    [
                        (f"{each['at_s']:.3f} s", "n"),
                        (each["holding"], ""),
                        (each["truth"], "n"),
                        (each["books"], "n"),
                        (each["named"] or "nothing", "n"),
                    ]
                )
                for each in summary["silent"]
            ]
            heads = [("at", "n"), ("holding", ""), ("truth", "n"), ("books", "n"), ("named", "n")]
            parts += [
                tag("h3", text(count(number, "difference"), " that nobody named in time")),
                grid(heads, rows),
            ]
        drifts = [*state.breaks.items(), *state.suspects.items()]
        if drifts:
            rows = [
                row(
                    [
                        (drift.number or "suspect", "n"),
                        (name, ""),
                        (text_of(state, name, drift.size), "n"),
                        (drift.cause, ""),
                        (duration((state.now - drift.opened_at) / 1e9), "n"),
                        (drift.owner, ""),
                        (drift.proposal, ""),
                    ]
                )
                for name, drift in drifts[:OPEN_MAX]
            ]
            heads = [("break", "n"), ("holding", ""), ("size", "n"), ("cause", ""), ("age", "n")]
            parts += [
                tag("h3", text(count(len(drifts), "difference"), " found and still open")),
                grid([*heads, ("owner", ""), ("proposed", "")], rows),
            ]
        parts += self._unequal()
        if summary["settlement"] is not None:
            parts += SettlingSections(self.outcome, self.past, self._figure).open_ends()
        if summary["tokens"] is not None:
            parts += TokenSection(self.outcome, self.past, self._figure).open_ends()
        if not parts:
            return Html("")
        return tag("section", join(tag("h2", text("Open ends")), *parts), "alarm")

    def _unequal(self) -> list[Html]:
        summary = self.summary
        parts = []
        wrong = summary["differences"]
        sums, orders = wrong["holdings"] + wrong["money"] + wrong["positions"], wrong["orders"]
        if sums or orders:
            rows = [
                row([(each["what"], ""), (each["truth"], "n"), (each["books"], "n")])
                for each in wrong["detail"]
            ]
            if hidden := sums + orders - len(rows):
                rows.append(gap(3, f"and {hidden} more"))
            counted = [count(n, noun) for n, noun in ((sums, "sum"), (orders, "order")) if n]
            verb = "differs" if sums + orders == 1 else "differ"
            parts += [
                tag("h3", text(" and ".join(counted), f" that {verb} from the truth at the end")),
                grid([("what", ""), ("truth", "n"), ("books", "n")], rows),
            ]
        drift = summary["drift"]
        if drift["missed"]:
            parts.append(tag("p", text(count(drift["missed"], "hidden change"), " never found.")))
        if drift["false_alarms"]:
            words = f"{count(drift['false_alarms'], 'break')} opened where our books were right."
            parts.append(tag("p", text(words)))
        return parts

    def _tiles(self) -> Html:
        summary, drift = self.summary, self.summary["drift"]
        faults = sum(summary["faults"].values())
        tiles = (
            (f"{faults:,}", f"faults struck, of {count(len(summary['faults']), 'kind')}"),
            *self._drift_tiles(),
            (f"{drift['breaks_opened']:,}", f"breaks, {summary['open_breaks']:,} of them open"),
            (f"{summary['silent_differences']:,}", "silent differences"),
        )
        cells = "".join(
            f'<div><span class="big">{text(figure)}</span><span>{text(words)}</span></div>'
            for figure, words in tiles
        )
        return Html(f'<div class="tiles">{cells}</div>')

    def _drift_tiles(self) -> tuple[tuple[str, str], ...]:
        """How soon drift was found; of a run that had none, what it settled or issued."""
        drift, settling = self.summary["drift"], self.summary["settlement"]
        issued, found = self.summary["tokens"], drift["seconds_to_find"]
        if issued is not None and not drift["injected"]:
            asked, refused = sum(issued["requests"].values()), issued["requests"].get("refused", 0)
            late = f", the slowest after {issued['orphan_seconds_max']:.1f} s"
            return (
                (f"{issued['moved']:,}", "movements of tokens final"),
                (f"{refused:,} of {asked:,}", "requests refused"),
                (
                    f"{issued['orphans'] - issued['orphans_missed']:,} of {issued['orphans']:,}",
                    f"orphans found{late if issued['orphans'] else ''}",
                ),
            )
        if settling is not None and not drift["injected"]:
            opened, wrong = sum(settling["items"].values()), self.summary["wrongly_settled"]
            return (
                (f"{settling['payments']:,}", "payments made"),
                (f"{wrong:,}", "shown as completed and not settled"),
                (f"{opened:,}", f"items opened, {settling['open_items']:,} still open"),
            )
        return (
            (f"{drift['found']:,} of {drift['injected']:,}", "hidden changes found"),
            (f"{found['p50']:.2f} s", "to find half of them"),
            (f"{found['p99']:.2f} s", f"to find 99 %; the slowest {found['max']:.2f} s"),
        )

    def _claims(self) -> Html:
        rows = []
        for claim in self.outcome.claims:
            name, _, figure = claim.figure.rpartition(" = ")
            verdict = ("held", "yes") if claim.held else ("FAILED", "no")
            cells = [verdict, (claim.claim, ""), (name, "mono"), (figure, "n"), (claim.bound, "n")]
            rows.append(row(cells, "" if claim.held else "bad"))
        heads = [("", ""), ("claim", ""), ("figure", "mono"), ("found", "n"), ("wanted", "n")]
        return join(tag("h2", text("What was claimed")), grid(heads, rows, "claims"))

    def _settlement(self) -> Html:
        """Empty where nothing settles."""
        if self.summary["settlement"] is None:
            return Html("")
        return SettlingSections(self.outcome, self.past, self._figure).html()

    def _tokens(self) -> Html:
        """Empty where none is issued."""
        if self.summary["tokens"] is None:
            return Html("")
        return TokenSection(self.outcome, self.past, self._figure).html()

    def _risk(self) -> Html:
        """Empty where there are no limits."""
        if self.summary["risk"] is None:
            return Html("")
        from tieout.risk.report import RiskSection  # the engine: only where there are limits

        return RiskSection(self.outcome, self.past, self._figure).html()

    # --- what went wrong -------------------------------------------------------------------------

    def _injected(self) -> Html:
        counts, plan = self.summary["faults"], self.outcome.plan
        head = tag("h2", text("What was injected, and when"))
        if not counts and not plan:
            return join(head, tag("p", text("Nothing: this run had a kind world.")))
        lanes = {
            "drift born": [self._since(each.born_at) for each in self.outcome.found],
            "drift found": [
                self._since(each.born_at) + each.seconds
                for each in self.outcome.found
                if each.seconds >= 0
            ],
            "suspect": self._moments("suspect"),
            "break": self._moments("break"),
            "node restarted": self._moments("node started")[1:],
            "stream lost": self._moments("stream closed"),
        }
        venues: list[str] = [venue.dialect for venue in self.outcome.scenario.venues]
        settling = self.outcome.scenario.settling
        venues += [rail.name for rail in settling.rails] if settling is not None else []
        svg = plots.what_went_wrong(plan, counts, lanes, venues, self.seconds)
        where = "" if len(venues) < 2 else " Colours are counterparties, grey is everywhere."
        caption = (
            "Below, each fault with the windows in which it could strike. Above, what came of it:"
            " drift is born when a venue’s truth changes and the frame that tells us is lost; it is"
            f" found when a suspect names it or its evidence is booked.{where}"
        )
        rows = [
            row([(kind.replace("_", " "), "w"), (f"{number:,}", "n"), (KINDS[kind][2], "")])
            for kind, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
        words = tag("summary", text("What each fault does"))
        table = grid([("fault", ""), ("times", "n"), ("what happens", "")], rows)
        return join(
            head,
            Html(f'<figure><div class="plot wide">{self._figure(svg)}</div>'),
            tag("figcaption", text(caption)),
            Html("</figure>"),
            tag("details", join(words, table)),
        )

    def _moments(self, what: str) -> list[float]:
        return [self._since(each.at) for each in self.past.moments if each.what == what]

    def _found(self) -> Html:
        head = tag("h2", text("How fast it was found"))
        by_account: dict[str, list[float]] = {}
        for each in self.outcome.found:
            if each.seconds >= 0:
                by_account.setdefault(each.account, []).append(each.seconds)
        if not by_account:
            return join(head, tag("p", text("No change was hidden from us, so none was to find.")))
        bounds = {a: ns / 1e9 for a, ns in self.summary["detection_bound_ns"].items()}
        svg = plots.seconds_to_find(by_account, bounds)
        caption = (
            "Seconds from a change at the venue to its name in our books. The clock of an account"
            " stands still while nobody could have read its statements; that time is in the table,"
            " apart. Beyond the bound a difference without a name would be silent."
        )
        return join(
            head,
            Html(f'<figure><div class="plot wide">{self._figure(svg)}</div>'),
            tag("figcaption", text(caption)),
            Html("</figure>"),
            self._found_table(by_account, bounds),
        )

    def _found_table(self, by_account: dict[str, list[float]], bounds: dict[str, float]) -> Html:
        rows = []
        for account, bound in bounds.items():
            seconds = sorted(by_account.get(account, []))
            named = sum(f.how == "named" for f in self.outcome.found if f.account == account)
            middle = f"{seconds[(len(seconds) - 1) // 2]:.3f} s" if seconds else "-"
            slowest = f"{seconds[-1]:.3f} s" if seconds else "-"
            paused = self.summary["paused_seconds"].get(account, 0.0)
            cells = [
                (account, "w"),
                (f"{len(seconds):,}", "n"),
                (f"{named:,}", "n"),
                (f"{len(seconds) - named:,}", "n"),
                (middle, "n"),
                (slowest, "n"),
                (f"{bound:g} s", "n"),
                (f"{paused:.1f} s", "n"),
            ]
            rows.append(row(cells))
        heads = [("account", ""), ("found", "n"), ("by a suspect", "n"), ("by evidence", "n")]
        heads += [("median", "n"), ("slowest", "n"), ("bound", "n"), ("clock paused", "n")]
        return grid(heads, rows)

    # --- positions -------------------------------------------------------------------------------

    def _against_truth(self) -> Html:
        head = tag("h2", text("Positions against the truth"))
        points: dict[str, list[Point]] = {}
        for each in self.outcome.samples:
            point = Point(self._since(each.at), each.truth, each.books)
            points.setdefault(each.holding, []).append(point)
        if not points:
            return join(head, tag("p", text("This run was not sampled.")))
        spans = self._spans()
        still = {name for name, those in points.items() if len({p[1:] for p in those}) == 1}
        # The stirred ones first: they are what a reader looks for.
        names = sorted(points, key=lambda n: (-len(spans.get(n, ())), n in still, n))
        panels = [
            self._panel(name, points[name], spans.get(name, [])) for name in names[:PANELS_MAX]
        ]
        key = "".join(
            f'<span><i style="background:{colour}"></i>{text(words)}</span>'
            for colour, words in (
                (plots.TRUTH, "the venue’s truth"),
                (plots.BOOKS, "our books"),
                (plots.SUSPECT, "a suspect was open"),
                (plots.BREAK, "a break was open"),
            )
        )
        rest = len(names) - len(panels)
        left = f" {count(rest, 'quieter holding')} stand in exposures.parquet only." if rest else ""
        words = (
            "One panel a holding: above, what it changed by since the start; below, by how much"
            " truth and books differed. Truth is sampled, and drawn beneath our books; a difference"
            f" without width lasted for a moment.{left}"
        )
        return join(
            head,
            tag("p", text(words)),
            Html(f'<div class="key">{key}</div>'),
            tag("div", join(*panels), "grid"),
        )

    def _panel(self, name: str, points: Sequence[Point], spans: Sequence[Span]) -> Html:
        account, subject, leg = name.rsplit("/", 2)
        svg = plots.against_truth(points, spans, self.seconds)
        what = subject if leg in ("cash", "net") else f"{subject} {leg}"
        end = self.outcome.state.holdings.get(name, 0)
        ends = text_of(self.outcome.state, name, end)
        return Html(
            f"<figure><figcaption><b>{text(what)}</b><span>{text(account)}</span></figcaption>"
            f'{self._figure(svg)}<p class="ends">ends at {text(ends)}</p></figure>'
        )

    def _spans(self) -> dict[str, list[Span]]:
        """When something was open in a holding: as a suspect first, then perhaps as a break."""
        spans: dict[str, list[Span]] = {}
        state = self.outcome.state
        closed = [(r.holding, r.opened_at, r.broken_at, r.closed_at) for r in self.past.resolved]
        still = [
            (name, drift.opened_at, drift.broken_at, state.now)
            for drifts in (state.suspects, state.breaks)
            for name, drift in drifts.items()
        ]
        for name, opened, broken, ended in [*closed, *still]:
            mine = spans.setdefault(name, [])
            mine.append(Span(self._since(opened), self._since(broken or ended), broken=False))
            if broken:
                mine.append(Span(self._since(broken), self._since(ended), broken=True))
        return spans

    # --- breaks ----------------------------------------------------------------------------------

    def _breaks(self) -> Html:
        head = tag("h2", text("Suspects and breaks"))
        closed = self.past.resolved
        if not closed:
            return join(head, tag("p", text("None was opened and closed in this run.")))
        words = (
            "A suspect is a difference that a statement showed and that outlived its moment on the"
            " wire. It asks for the venue’s own record, and becomes a break only if it survives it."
        )
        breaks = [each for each in closed if each.number]
        suspects = [each for each in closed if not each.number]
        parts = [head, tag("p", text(words)), self._causes(closed)]
        if breaks:
            parts += [tag("h3", text(count(len(breaks), "break"))), self._break_table(breaks)]
        if suspects:
            title = f"{count(len(suspects), 'suspect')} that never became a break"
            parts += [tag("h3", text(title)), self._break_table(suspects)]
        return join(*parts)

    def _causes(self, closed: Sequence[Resolved]) -> Html:
        by_cause: dict[str, list[Resolved]] = {}
        for each in closed:
            by_cause.setdefault(each.cause, []).append(each)
        rows = []
        for cause, those in sorted(by_cause.items(), key=lambda item: -len(item[1])):
            ages = sorted((each.closed_at - each.opened_at) / 1e9 for each in those)
            cells = [
                (cause.replace("_", " "), "w"),
                (sum(not each.number for each in those), "n"),
                (sum(each.number > 0 for each in those), "n"),
                (duration(ages[(len(ages) - 1) // 2]), "n"),
                (duration(ages[-1]), "n"),
            ]
            rows.append(row(cells))
        heads = [("cause", ""), ("suspects", "n"), ("breaks", "n")]
        return grid([*heads, ("median age", "n"), ("oldest", "n")], rows)

    def _break_table(self, those: Sequence[Resolved]) -> Html:
        state = self.outcome.state
        rows = []
        for each in those[:BREAKS_MAX]:
            evidence = ", ".join(str(number) for number in dict.fromkeys(each.evidence) if number)
            cells = [
                (each.number or "-", "n"),
                (each.holding, ""),
                (text_of(state, each.holding, each.size), "n"),
                (each.cause.replace("_", " "), "w"),
                (each.owner, ""),
                (f"{self._since(each.opened_at):.3f} s", "n"),
                (duration((each.closed_at - each.opened_at) / 1e9), "n"),
                (each.proposal, "p"),
                (each.resolution, "p"),
                (evidence, "n"),
            ]
            rows.append(row(cells))
        heads = [("no.", "n"), ("holding", ""), ("size", "n"), ("cause", ""), ("owner", "")]
        heads += [("opened at", "n"), ("age", "n"), ("proposed", ""), ("resolution", "")]
        heads.append(("frames", "n"))
        if len(rows) <= BREAKS_SHOWN + 3:
            return grid(heads, rows)
        if len(those) > BREAKS_MAX:
            rows.append(gap(10, f"and {len(those) - BREAKS_MAX:,} more, in breaks.parquet"))
        more = tag("summary", text(f"{len(those) - BREAKS_SHOWN:,} more"))
        rest = tag("details", join(more, grid(heads, rows[BREAKS_SHOWN:])))
        return join(grid(heads, rows[:BREAKS_SHOWN]), rest)

    # --- one figure ------------------------------------------------------------------------------

    def _traced(self) -> Html:
        head = tag("h2", text("One figure, down to its bytes"))
        picked = self._pick()
        if picked is None:
            return join(head, tag("p", text("No fill was booked in this run.")))
        taken, holding, born = picked
        traced = of_holding(self.past, holding)
        place = next(n for n, line in enumerate(traced.lines) if line.event == taken.number)
        words = (
            f"{holding} stands at {plain(traced.total)} {traced.unit}. That is the sum of"
            f" {count(len(traced.lines), 'posting')}, each with what told it. "
        )
        if born is not None:
            words += "Among them is one that the stream never told us:"
        ids = identities_of(taken.event)
        raw = excerpt(taken.raw, ids[0] if ids else "", ids[1:])
        other = self._ordinary(traced.lines, taken)
        frames = [self._bytes(f"Frame {taken.frame} ({taken.channel})", taken.raw, raw, ids)]
        if other is not None:
            title = f"Frame {other.frame} ({other.channel}), for comparison"
            frames.append(self._bytes(title, other.raw, other.excerpt(), other.identities))
        command = f"tieout trace position {holding} --journal journal.db"
        return join(
            head,
            tag("p", text(words)),
            self._story(taken, holding, born) if born is not None else "",
            self._lines(traced.unit, traced.lines, place),
            tag("div", join(*(tag("div", frame) for frame in frames)), "pair"),
            Html(f'<p class="note">All of it: <code>{text(command)}</code></p>'),
        )

    def _pick(self) -> tuple[Taken, str, Found | None] | None:
        """A drift worth telling, and the posting that settled it: best one that took its time."""
        moved = self._by_what_they_moved()
        ranked = sorted(
            self.outcome.found, key=lambda f: (f.kind != "fill", f.how != "named", -f.seconds)
        )
        picked: tuple[Taken, str, Found | None] | None = None
        for found in ranked:
            those = moved.get(frozenset(found.holdings.items()), ())
            settling = [taken for taken in those if taken.event.received_at >= found.born_at]
            if not settling:
                continue
            taken = min(settling, key=lambda taken: self._distance(taken, found))
            # The first holding of a trade is what was bought or sold.
            if picked is None:
                picked = taken, taken.postings[0].holding, found
            if self._distance(taken, found) <= (False, NEAR_NS):
                return taken, taken.postings[0].holding, found
        for taken in self.past.taken if picked is None else ():
            if isinstance(taken.event, FillReported) and taken.way == "booked":
                return taken, taken.postings[0].holding, None
        return picked

    def _by_what_they_moved(self) -> dict[frozenset[tuple[str, Decimal]], list[Taken]]:
        """What came in frames and was booked, by the sums that it moved."""
        result: dict[frozenset[tuple[str, Decimal]], list[Taken]] = {}
        for taken in self.past.taken:
            sums: dict[str, int] = {}
            for line in taken.postings if taken.frame else ():
                if line.holding:
                    sums[line.holding] = sums.get(line.holding, 0) + line.amount
            state = self.outcome.state
            key = frozenset((name, amount_of(state, name, n)) for name, n in sums.items() if n)
            if key:
                result.setdefault(key, []).append(taken)
        return result

    def _distance(self, taken: Taken, found: Found) -> tuple[bool, int]:
        """How far a posting is from having settled this drift, and not another of its size."""
        at = taken.event.received_at
        closed = [
            each.opened_at
            for each in self.past.resolved
            if each.closed_at == at and each.holding in found.holdings
        ]
        found_at = found.found_at
        # What was named is settled later, by the posting that closed the suspect of that moment.
        settled = min((abs(opened - found_at) for opened in closed), default=abs(at - found_at))
        return found.how == "named" and not closed, settled

    def _story(self, taken: Taken, holding: str, found: Found) -> Html:
        unit, at = holding.split("/")[2], taken.event.received_at
        born = f"The venue’s truth changes ({found.kind}, {found.cause})."
        moments = [(found.born_at, born + " The frame that would tell us never arrives.")]
        for each in self.past.resolved:
            if each.holding != holding or each.closed_at != at:
                continue
            size = text_of(self.outcome.state, holding, each.size)
            seen = f"A statement (frame {each.evidence[0]}) shows another figure than our books."
            named = f"The difference outlives its moment on the wire: a suspect, {size} {unit}."
            moments += [(self.past.frame_at(each.evidence[0]), seen), (each.opened_at, named)]
            if each.broken_at:
                broken = f"It outlives the venue’s record, too: break {each.number}."
                moments.append((each.broken_at, broken))
        told = f"Frame {taken.frame} ({taken.channel}) tells it: booked as event {taken.number}."
        moments.append((at, told + (" The suspect closes." if len(moments) > 1 else "")))
        # Sorted by time alone: of one moment, things stand in the order of their cause.
        items = "".join(
            f"<li><time>{self._since(when):.3f} s</time><span>{text(words)}</span></li>"
            for when, words in sorted(moments, key=lambda moment: moment[0])
        )
        return Html(f'<ul class="story">{items}</ul>')

    def _lines(self, unit: str, lines: Sequence[Line], place: int) -> Html:
        shown = {0, *range(place - AROUND, place + AROUND + 1), len(lines) - 1}
        rows = []
        skipped = 0
        for number, line in enumerate(lines):
            if number not in shown:
                skipped += 1
                continue
            if skipped:
                rows.append(gap(7, f"{count(skipped, 'posting')} more"))
                skipped = 0
            cells = [
                (line.event, "n"),
                (clock(line.received_at).split(" ")[1], "w"),
                (line.frame or "-", "n"),
                (line.channel or "-", ""),
                (self._what(line), ""),
                (plain(line.amount), "n"),
                (plain(line.running), "n"),
            ]
            rows.append(row(cells, "hit" if number == place else ""))
        heads = [("event", "n"), ("received", ""), ("frame", "n"), ("channel", ""), ("what", "")]
        return grid([*heads, (unit, "n"), (f"total {unit}", "n")], rows)

    def _what(self, line: Line) -> str:
        """An opening is its own strategy and purpose: each word is said once."""
        words = dict.fromkeys((line.strategy, line.purpose, line.identity))
        return f"{line.name}, {' '.join(words)}".rstrip(" ,")

    def _ordinary(self, lines: Sequence[Line], taken: Taken) -> Line | None:
        """A posting that came in the usual way, nearest before the one that did not."""
        before = [line for line in lines if line.event < taken.number and line.channel == "stream"]
        after = [line for line in lines if line.event > taken.number and line.channel == "stream"]
        return before[-1] if before else after[0] if after else None

    def _bytes(self, title: str, raw: bytes, part: str, ids: tuple[str, ...]) -> Html:
        size = (
            f"{len(raw):,} bytes"
            if len(part) == len(raw)
            else (f"{len(part):,} of {len(raw):,} bytes")
        )
        lines = pretty(part).splitlines()
        left = f"\n… {len(lines) - LINES_MAX:,} lines more" if len(lines) > LINES_MAX else ""
        marked = text("\n".join(lines[:LINES_MAX]), left)
        for word in words_of(ids[0]) if ids else ():
            whole = re.compile(r"(?<![\w.+-])" + re.escape(word) + r"(?![\w.+-])")
            marked = Html(whole.sub(f"<mark>{text(word)}</mark>", marked))
        return join(
            tag("h3", Html(f'{text(title)} <span class="note">{text(size)}</span>')),
            tag("pre", marked),
        )

    # --- counts ----------------------------------------------------------------------------------

    def _accounts(self) -> Html:
        accounts = list(self.outcome.state.accounts)
        rows = []
        for words, figures in self._counts():
            if any(figures.values()):
                cells: list[tuple[object, str]] = [(words, "")]
                cells += [(f"{figures.get(account, 0):,}", "n") for account in accounts]
                rows.append(row(cells))
        heads = [("", ""), *((account, "n") for account in accounts)]
        return join(tag("h2", text("What each account told")), grid(heads, rows))

    def _counts(self) -> Iterable[tuple[str, dict[str, int]]]:
        counts = self.outcome.state.counts

        def of(*names: str) -> dict[str, int]:
            return {
                account: sum(counts.get(f"{name}/{account}", 0) for name in names)
                for account in self.outcome.state.accounts
            }

        ways = ("booked", "echo", "conflict", "unlisted")
        yield "fills told", of(*(f"fills_{way}" for way in ways), "fills_as_evidence")
        yield "fills booked", of("fills_booked")
        yield "echoes dropped: same id, same content", of("fills_echo", "progress_echo")
        yield "conflicts: same id, other content", of("fills_conflict", "busts_conflict")
        yield "fills kept as evidence of an order’s progress", of("fills_as_evidence")
        yield "progress of orders booked", of("progress_booked")
        yield "fills of unlisted instruments, not booked", of("fills_unlisted", "progress_unlisted")
        yield "fills undone and booked back", of("busts_booked")
        yield "funding settlements booked", of("funding_booked")
        yield "movements of cash booked", of("cash_booked")
        yield "statements read in full", of("statements")
        yield "statement lines that stayed ambiguous", of("inconclusive")
        yield "suspects opened", of("suspects")
        yield "breaks opened", of("breaks")
        yield "fills that an order claimed before they came", of("claimed_fills")
        yield "frames quarantined", of("quarantined")
        yield "frames dismissed: nothing for the books", of("dismissed")
        yield "streams that ended", of("stream_closed")
        yield "streams that went silent", of("stream_silent")
        unknown, resolved = self._unknown()
        yield "orders whose outcome was unknown", unknown
        yield "of these resolved by the venue’s word", resolved

    def _unknown(self) -> tuple[dict[str, int], dict[str, int]]:
        unknown: dict[str, int] = {}
        resolved: dict[str, int] = {}
        orders = self.past.orders()
        for name, account in self.past.unknown.items():
            unknown[account] = unknown.get(account, 0) + 1
            order = orders.get(name)
            if order is not None and order.status != "unknown":
                resolved[account] = resolved.get(account, 0) + 1
        return unknown, resolved

    def _footer(self) -> Html:
        name, seed = self.outcome.scenario.name, self.outcome.seed
        again = f"tieout run {name} --seed {seed} --out DIR"
        return Html(
            f"<footer>Again, to the same digest: <code>{text(again)}</code>. Beside this page:"
            " <code>journal.db</code> (<code>tieout verify</code>, <code>tieout replay</code>,"
            " <code>tieout trace</code>), <code>plan.json</code>, <code>summary.json</code> and one"
            " Parquet table per subject.</footer>"
        )


# --- words ---------------------------------------------------------------------------------------


def pretty(part: str) -> str:
    """JSON with a field a line, its values as they came; anything else as it is."""
    result, depth, quoted, escaped = "", 0, False, False
    if not part.startswith(("{", "[")):
        return part.replace("|", "\n")
    for letter in part:
        if quoted:
            result += letter
            quoted, escaped = (escaped or letter != '"'), (letter == "\\" and not escaped)
        elif letter in "{[":
            depth += 1
            result += letter + "\n" + "  " * depth
        elif letter in "}]":
            depth -= 1
            result += "\n" + "  " * depth + letter
        elif letter == ",":
            result += ",\n" + "  " * depth
        else:
            quoted = letter == '"'
            result += ": " if letter == ":" else letter
    return result
