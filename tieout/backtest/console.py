"""What a person sees of a backtest in the terminal: the tear sheet, then whether the books tie."""

from pathlib import Path

from tieout.backtest.outcome import Outcome
from tieout.backtest.tear_tables import tables
from tieout.reports.paper import Paper
from tieout.reports.words import count


def show(outcome: Outcome, out: Path | None) -> None:
    """Figures first, what they assume, and the reconciler's verdict."""
    console = Paper()
    console.print(tables(outcome.tear_sheet()))
    told = outcome.counts
    seen = f"{told['items_seen']:,} bars or trades shown"
    console.print(
        f"{seen}, {count(told['events'], 'event')} through one door,"
        f" {count(told['statements'], 'statement')} held against the books:"
        f" {count(told['breaks'], 'break')} found, {told['open_breaks']} open"
    )
    console.print(f"digest {outcome.digest}")
    if out is not None:
        console.print(f"{out / 'report.html'} shows it; {out / 'journal.db'} is every event")
