"""What a person sees in the terminal: verdicts first, figures beside them, nothing to decode."""

from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.faults import KINDS
from tieout.campaign import Campaign
from tieout.outcome import Outcome

SECOND = 1_000_000_000


def show_outcome(outcome: Outcome, out: Path | None) -> None:
    """The verdict, the claims, the drift."""
    console = Console(highlight=False)
    summary = outcome.summary
    console.print(Text(outcome.scenario.claim, style="bold"))
    console.print(
        f"{outcome.scenario.name}, seed {outcome.seed}:"
        f" {summary['simulated_seconds']:.0f} simulated seconds, {summary['events']} events,"
        f" {sum(summary['faults'].values())} faults,"
        f" {summary['crashes']} crashes"
    )
    console.print(_claims(outcome))
    console.print(_drift_line(outcome))
    console.print(_bounds_line(outcome))
    for each in summary["silent"]:
        console.print(Text(f"silent: {each}", style="red"))
    for each in summary["differences"]["detail"]:
        console.print(Text(f"different: {each}", style="red"))
    console.print(f"digest {summary['digest']}")
    _where(console, out)


def show_story(outcome: Outcome, out: Path | None) -> None:
    """The demo: what went wrong, what was found, when and why."""
    console = Console(highlight=False)
    summary = outcome.summary
    console.print(
        Text(
            "Every difference between the world's truth and our books is either in flight or an"
            " open break.\nNothing is ever silently different.",
            style="bold",
        )
    )
    console.print(
        f"\nA venue, an account, two strategies, {summary['simulated_seconds']:.0f} simulated"
        " seconds. What the world did to us:\n"
    )
    faults = Table(box=None, pad_edge=False, show_header=False)
    for kind, times in summary["faults"].items():
        faults.add_row(f"{times:>5} ×", KINDS[kind][2])
    console.print(faults)
    console.print("\nWhat Tieout found, in the order in which it knew:\n")
    console.print(_findings(outcome))
    console.print()
    console.print(_drift_line(outcome))
    console.print("\nAnd at the end, held against the world's own truth:\n")
    console.print(_claims(outcome))
    _where(console, out)
    if out is None:
        console.print(
            "\nNext: `tieout run demo --seed 7 --out out` writes a journal, tables and report.html;"
            "\n`tieout list` shows every scenario."
        )


def _findings(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("at", "found after", "what differed", "by", "cause", "how it ended"):
        table.add_column(name, justify="right" if name in ("at", "found after", "by") else "left")
    born = sorted(outcome.found, key=lambda found: found.born_at)
    for each in outcome.state.resolved[:24]:
        kind = f"break {each.number}" if each.number else "suspect"
        account, subject, leg = each.holding.rsplit("/", 2)
        latest = [f for f in born if f.born_at <= each.opened_at and each.holding in f.holdings]
        after = f"{(each.opened_at - latest[-1].born_at) / SECOND:.2f} s" if latest else ""
        scale = outcome.state.decimals.get(subject, 8) if leg == "cash" else 8
        size = f"{Decimal(each.size).scaleb(-scale).normalize():+f}"
        table.add_row(
            f"{(each.opened_at - outcome.started_at) / SECOND:.2f} s",
            after,
            f"{subject} {leg} at {account}",
            size,
            each.cause.replace("_", " "),
            f"{kind}: {each.resolution}, after {(each.closed_at - each.opened_at) / SECOND:.2f} s",
        )
    return table


def _claims(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("held")
    table.add_column("claim")
    table.add_column("figure")
    table.add_column("bound")
    for claim in outcome.claims:
        mark = Text("yes", style="green") if claim.held else Text("NO", style="bold red")
        table.add_row(mark, claim.claim, claim.figure, claim.bound)
    return table


def _drift_line(outcome: Outcome) -> str:
    drift = outcome.summary["drift"]
    seconds = drift["seconds_to_find"]
    return (
        f"Drift: {drift['injected']} injected, {drift['found']} found, {drift['missed']} missed,"
        f" {drift['false_alarms']} false alarms; seconds to find p50 {seconds['p50']:.2f},"
        f" p99 {seconds['p99']:.2f}, max {seconds['max']:.2f}"
    )


def _bounds_line(outcome: Outcome) -> str:
    """How old an unnamed difference may be at each account, and how long that clock stood still."""
    paused = outcome.summary["paused_seconds"]
    bounds = [
        f"{account} {bound / SECOND:.2f} s (paused {paused[account]:.0f} s)"
        for account, bound in outcome.summary["detection_bound_ns"].items()
    ]
    return "Detection bounds: " + ", ".join(bounds)


def _where(console: Console, out: Path | None) -> None:
    if out is not None:
        console.print(f"written: {out / 'report.html'}, summary.json, journal.db and tables")


def show_campaign(result: Campaign) -> None:
    """How many held, and each that did not."""
    console = Console(highlight=False)
    summary = result.summary()
    console.print(
        f"{summary['held']} of {summary['runs']} runs held every claim;"
        f" {summary['simulated_seconds']:.0f} simulated seconds in {summary['wall_seconds']:.1f} s,"
        f" {summary['records_per_cpu_second']} records per CPU-second"
    )
    drift = summary["drift"]
    console.print(
        f"Drift: {drift['injected']} injected, {drift['found']} found, {drift['missed']} missed,"
        f" {drift['false_alarms']} false alarms; seconds to find p50"
        f" {drift['seconds_to_find']['p50']:.2f}, p99 {drift['seconds_to_find']['p99']:.2f},"
        f" max {drift['seconds_to_find']['max']:.2f}"
    )
    faults = Table(box=None, pad_edge=False, show_header=False)
    for kind, times in summary["faults"].items():
        faults.add_row(f"{times:>7} ×", kind)
    console.print(faults)
    for failure in result.failures[:20]:
        what = failure.error or "; ".join(failure.failed)
        console.print(Text(f"{failure.scenario} seed {failure.seed}: {what}", style="red"))
