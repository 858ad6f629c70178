"""The page of exports that were tied: what differs and why, and each holding from end to end."""

from collections.abc import Sequence
from pathlib import Path

from tieout.reports.page import Html, grid, join, page, row, tag, text
from tieout.reports.words import clock, count
from tieout.tie.breaks import Break
from tieout.tie.tied import Story, Tied, plain, signed

LAW = "A difference is shown with its size and its cause, or as unknown. None is repaired here."


def page_of(outcome: Tied, files: Sequence[Path]) -> str:
    """A page that stands alone."""
    breaks, untied = len(outcome.breaks), sum(s.theirs is None for s in outcome.holdings)
    verdict = f"{count(breaks, 'break')} in {count(len(outcome.holdings), 'holding')}."
    rest = f" {untied:,} of them could not be tied." if untied else ""
    body = join(
        tag("p", text("Tieout · exports tied with one another"), "kicker"),
        tag("h1", text(", ".join(dict.fromkeys(s.account for s in outcome.holdings)) or "Nothing")),
        tag("div", tag("b", text(verdict + rest)), "verdict failed" if breaks else "verdict"),
        tag("p", text(LAW), "law"),
        _breaks(outcome.breaks),
        tag("h2", text("Holdings")),
        _holdings(outcome.holdings),
        tag("h2", text("Files")),
        *(tag("p", text(path.name), "note") for path in files),
        *(
            tag("p", text(f"{count(number, 'row')} left out: {why}"), "note")
            for why, number in outcome.left_out.items()
        ),
    )
    return page("Exports tied with one another", body)


def _breaks(breaks: Sequence[Break]) -> Html:
    if not breaks:
        return Html("")
    heads = (("of", "w"), ("size", "n"), ("cause", "w"), ("what is known", "p"), ("where", "s"))
    rows = [
        row(
            (
                (f"{each.subject}/{each.leg}", "w"),
                (signed(each.size), "n"),
                (each.cause, "w"),
                (each.explanation, "p"),
                ("; ".join(each.evidence), "s"),
            ),
            "bad",
        )
        for each in breaks
    ]
    return join(tag("h2", text("Breaks")), grid(heads, rows))


def _holdings(stories: Sequence[Story]) -> Html:
    amounts = ("opening", "trades", "fees", "funding", "moved", "ours", "theirs", "difference")
    heads = [("of", "w"), *((name, "n") for name in amounts), ("as of", "s")]
    return grid(heads, [_holding(each) for each in stories])


def _holding(each: Story) -> Html:
    told = (each.opening, each.trades, each.fees, each.funding, each.moved, each.ours)
    theirs = "not tied" if each.theirs is None else plain(each.theirs)
    difference = "" if each.difference is None else plain(each.difference)
    cells = [(f"{each.subject}/{each.leg}", "w"), *((plain(amount), "n") for amount in told)]
    cells += [(theirs, "n"), (difference, "n"), (each.why_not or clock(each.as_of), "s")]
    return row(cells, "bad" if each.difference else "hit" if each.theirs is None else "")
