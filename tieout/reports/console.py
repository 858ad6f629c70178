"""What a person sees in the terminal: verdicts first, figures beside them, nothing to decode."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from core.exposure import limit_of
from core.money import show
from core.transfers import view
from sim.faults import KINDS
from tieout.campaigns.campaign import Campaign
from tieout.campaigns.canary import EVERY
from tieout.campaigns.page import next_of
from tieout.reports.history import history
from tieout.reports.outcome import Outcome
from tieout.reports.paper import Paper
from tieout.reports.words import count

SECOND = 1_000_000_000
HIDDEN = "Not every lost frame hides a change: only one that told a fact does, and makes a drift."
HEARD = f"Seed {EVERY} of the canary fails on purpose, and was reported"
# Of core's transitions that nobody took.
NEVER_SHOWN = 8
DIFFERENT_MAX = 20


def show_outcome(outcome: Outcome, out: Path | None) -> None:
    """The verdict, the claims, the drift."""
    console = Paper(prose=True)
    summary = outcome.summary
    console.print(Text(outcome.scenario.claim, style="bold"))
    console.print(
        f"{outcome.scenario.name}, seed {outcome.seed}:"
        f" {summary['simulated_seconds']:.0f} simulated seconds, {summary['events']} events,"
        f" {sum(summary['faults'].values())} faults,"
        f" {summary['crashes']} crashes"
    )
    console.print(_claims(outcome), soft_wrap=False)
    console.print(_drift_line(outcome.summary))
    console.print(_bounds_line(outcome))
    if summary["settlement"] is not None:
        show_settlement(console, outcome)
    if summary["tokens"] is not None:
        show_tokens(console, summary["tokens"])
    for each in summary["silent"]:
        console.print(Text(f"silent: {each}", style="red"))
    for each in summary["differences"]["detail"][:DIFFERENT_MAX]:
        console.print(Text(f"different: {each}", style="red"))
    console.print(f"digest {summary['digest']}")
    _where(console, out)


def show_settlement(console: Paper, outcome: Outcome) -> None:
    """What became of the payments, what customers see, what is an item, how much was at risk."""
    figures = outcome.summary["settlement"]
    state = history(outcome.store).whole()
    transfers = state.settlement.transfers.values()
    seen = Counter(view(state, each)[0] for each in transfers)
    console.print(
        f"Settlement: {count(figures['payments'], 'payment')} made for"
        f" {count(len(transfers), 'request')}; customers see {_counted(seen)}"
    )
    console.print(_rails(figures["legs"]), soft_wrap=False)
    opened = sum(figures["items"].values())
    words = f"Items: {opened} opened, {figures['open_items']} open"
    console.print(f"{words} ({_counted(figures['items'])})" if opened else words)
    for line in most_exposed(outcome):
        console.print(line)
    lost = ", ".join(f"{amount} {asset}" for asset, amount in figures["reversal_loss"].items())
    console.print(f"Reversal loss: {lost or 'none'}")
    for each in figures["reversal_most"]:
        bound = f"{each['lost']} of {each['bound']} {each['asset']}"
        console.print(f"At most lost by reversals, {each['sum']}: {bound} ({each['limit']})")
    for each in figures["passive_breaches"]:
        most = f"{each['most']} of {each['bound']} {each['asset']}"
        console.print(
            f"Above its limit by what others did, {each['sum']}: {most} for"
            f" {each['seconds']:.0f} s ({each['limit']})"
        )


def show_tokens(console: Paper, figures: Mapping[str, Any]) -> None:
    """What moved of issued tokens, what became of requests, and what nobody decided."""
    console.print(
        f"Tokens: {count(figures['moved'], 'movement')} final; requests:"
        f" {_counted(figures['requests'])}; {count(figures['thefts'], 'theft')} without an act"
    )
    if figures["orphans"]:
        console.print(
            f"{count(figures['orphans'], 'orphan')}, {figures['orphans_missed']} of them missed;"
            f" found within {figures['orphan_seconds_max']:.1f} s of its block at the most;"
            f" value lost: {figures['value_lost']}"
        )
    for each in figures["detail"]:
        console.print(Text(f"token: {each}", style="red"))


def _counted(counts: Mapping[str, int]) -> str:
    """So many of each, the most first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{times} {word.replace('_', ' ')}" for word, times in ordered) or "nothing"


def _rails(legs: Mapping[str, int]) -> Table:
    """A row a rail, a column for each status that a leg came to."""
    schemes = dict.fromkeys(name.rpartition("/")[0] for name in legs)
    statuses = dict.fromkeys(name.rpartition("/")[2] for name in legs)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("rail")
    for status in statuses:
        table.add_column(status.replace("_", " "), justify="right")
    for scheme in schemes:
        cells = [str(legs.get(f"{scheme}/{status}", "-")) for status in statuses]
        table.add_row(scheme or "exchange", *cells)
    return table


def most_exposed(outcome: Outcome) -> list[str]:
    """Of each sum that has a limit, the most that was in flight or contingent at once."""
    lines = []
    state = outcome.state
    for key, units in outcome.summary["settlement"]["exposed_max"].items():
        limit = limit_of(state, key)
        if limit is None:
            continue
        scope, subject, asset = key.split("/")
        scale = state.decimals[asset]
        most = f"{show(units, scale)} of {show(limit.amount, scale)} {asset}"
        what = f"{scope} {subject}".strip()
        lines.append(f"At most in flight or contingent, {what}: {most} ({limit.limit})")
    return lines


def show_story(outcome: Outcome, out: Path | None) -> None:
    """The demo: what went wrong, what was found, when and why."""
    console = Paper(prose=True)
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
    console.print(faults, soft_wrap=False)
    console.print("\nWhat Tieout found, in the order in which it knew:\n")
    for line in _findings(outcome):
        console.print(line)
    console.print()
    console.print(_drift_line(outcome.summary))
    console.print("\nAnd at the end, held against the world's own truth:\n")
    console.print(_claims(outcome), soft_wrap=False)
    _where(console, out)
    if out is None:
        console.print(
            "\nNext: `tieout run demo --seed 7 --out out` writes a journal, tables and report.html;"
            "\n`tieout list` shows every scenario."
        )


def _findings(outcome: Outcome) -> list[str]:
    """Two lines each: what differed, and how it ended."""
    lines = []
    born = sorted(outcome.found, key=lambda found: found.born_at)
    for each in history(outcome.store).resolved[:24]:
        kind = f"break {each.number}" if each.number else "suspect"
        account, subject, leg = each.holding.rsplit("/", 2)
        latest = [f for f in born if f.born_at <= each.opened_at and each.holding in f.holdings]
        after = (each.opened_at - latest[-1].born_at) / SECOND if latest else 0
        scale = outcome.state.decimals.get(subject, 8) if leg == "cash" else 8
        size = f"{Decimal(each.size).scaleb(-scale).normalize():+f}"
        at = f"{(each.opened_at - outcome.started_at) / SECOND:>9.2f} s"
        found = f", found after {after:.2f} s" if latest else ""
        cause = each.cause.replace("_", " ")
        lines.append(f"{at}  {subject} {leg} {size} at {account}: {cause}{found}")
        closed = (each.closed_at - each.opened_at) / SECOND
        lines.append(f"{'':{len(at)}}  {kind}: {each.resolution}, after {closed:.2f} s")
    return lines


def _claims(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("held")
    for name in ("claim", "figure", "bound"):
        table.add_column(name, overflow="fold")
    for claim in outcome.claims:
        mark = Text("yes", style="green") if claim.held else Text("NO", style="bold red")
        table.add_row(mark, claim.claim, claim.figure, claim.bound)
    return table


def _drift_line(summary: Mapping[str, Any]) -> str:
    """Of a run or of a campaign; where faults struck, with the word that tells them apart."""
    drift = summary["drift"]
    seconds = drift["seconds_to_find"]
    line = (
        f"Drift: {drift['injected']} injected, {drift['found']} found, {drift['missed']} missed,"
        f" {drift['false_alarms']} false alarms; seconds to find p50 {seconds['p50']:.2f},"
        f" p99 {seconds['p99']:.2f}, max {seconds['max']:.2f}"
    )
    return f"{line}\n{HIDDEN}" if summary["faults"] else line


def _bounds_line(outcome: Outcome) -> str:
    """How old an unnamed difference may be at each account, and how long that clock stood still."""
    paused = outcome.summary["paused_seconds"]
    bounds = [
        f"{account} {bound / SECOND:.2f} s (paused {paused[account]:.0f} s)"
        for account, bound in outcome.summary["detection_bound_ns"].items()
    ]
    return "Detection bounds: " + ", ".join(bounds)


def _where(console: Paper, out: Path | None) -> None:
    if out is not None:
        console.print(f"written: {out / 'report.html'}, summary.json, journal.db and tables")


def show_campaign(result: Campaign, out: Path | None = None) -> None:
    """How many held, what was seen, and each that did not hold."""
    console = Paper(prose=True)
    summary = result.summary()
    console.print(
        f"{verdict_of(summary)};"
        f" {summary['simulated_seconds']:.0f} simulated seconds in {summary['wall_seconds']:.1f} s,"
        f" {summary['records_per_cpu_second']} records and"
        f" {summary['inputs_per_cpu_second']} inputs per CPU-second"
    )
    console.print(_drift_line(summary))
    console.print(_fired(summary), soft_wrap=False)
    if never := _never_fired(summary):
        console.print(Text(never), soft_wrap=True)
    for line in _covered(summary):
        console.print(line)
    console.print(f"digest {summary['digest']}")
    for wrong in summary["wrong"]:
        console.print(Text(wrong, style="red"))
    for failure in result.failures[:20]:
        told = f"{failure.scenario} seed {failure.seed}: {failure.why}"
        console.print(Text(told, style="red"))
        for what, told in next_of(failure, out).items():
            console.print(Text(f"  {what}: {told}"), soft_wrap=True)
    if len(result.failures) > 20:
        console.print(f"and {len(result.failures) - 20} failed more")
    if out is not None:
        console.print(f"written: {out / 'campaign.html'}, campaign.json and seeds.jsonl")


def verdict_of(summary: Mapping[str, Any]) -> str:
    """How many held: of all that were asked for, where not all of them ran."""
    held, runs, asked = summary["held"], summary["runs"], summary["asked"]
    if not asked:
        return "Nothing was asked of it: its part of the seeds is empty"
    if runs == asked:
        return f"{held} of {runs} runs held every claim"
    return f"{held} of {asked} runs held every claim, {asked - runs} were not made"


def _covered(summary: Mapping[str, Any]) -> list[str]:
    """What was seen together, which transitions were taken, and how far all this can be trusted."""
    lines, pairs, unvisited = [], summary["pairs"], summary["unvisited"]
    if pairs["can_be"]:
        never = f"; never: {', '.join(pairs['never'])}" if pairs["never"] else ""
        besides = f" and {pairs['never_besides']} more" if pairs["never_besides"] else ""
        share = f"{pairs['seen']} of {pairs['can_be']} ({pairs['share']:.1%})"
        lines.append(f"Pairs of faults seen in one run: {share}{never}{besides}")
    if summary["visited"] or unvisited:
        taken = sum(times > 0 for times in summary["visited"].values())
        lines.append(f"Transitions of core taken: {taken} of {taken + len(unvisited)}")
    shown = list(unvisited.items())[:NEVER_SHOWN]
    lines += [f"  never taken: {name}{why and f': {why}'}" for name, why in shown]
    if len(unvisited) > len(shown):
        lines.append(f"  and {len(unvisited) - len(shown)} more; the page of --out has all of them")
    lines.append(f"Run twice, and compared: {count(summary['twice'], 'seed')}")
    if summary["canary"]["heard"]:
        lines.append(HEARD)
    return lines


def _fired(summary: Mapping[str, Any]) -> Table:
    """Each kind of fault and each refusal that was seen, how often; the rarest of all is marked."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for sort in ("faults", "refusals"):
        for what, times in summary[sort].items():
            if not times:
                continue
            word = what if sort == "faults" else f"refused: {what}"
            mark = "<- the rarest" if summary["rarest"] == {"what": what, "times": times} else ""
            table.add_row(f"{times:>7} ×", word, Text(mark, style="yellow"))
    return table


def _never_fired(summary: Mapping[str, Any]) -> str:
    """Those that were not seen, in one line: of few seeds they are most."""
    faults = [what for what, times in summary["faults"].items() if not times]
    refusals = [f"refused: {what}" for what, times in summary["refusals"].items() if not times]
    return f"      0 × {', '.join([*faults, *refusals])}" if faults or refusals else ""
