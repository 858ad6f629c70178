"""The command line: results on stdout, progress on stderr, and an exit status that means something.

0 every claim held; 1 a claim failed, or a journal is damaged; 2 bad input, with a message that
names file, field, what was found and what would do; 3 the environment lacks something; 4 a bug of
ours; 130 it was interrupted; 141 nobody reads what it prints any more.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol

import click

from tieout.asked import SEED_DIGITS_MAX, is_seed, warn_if_idle
from tieout.backtest.cli import backtest
from tieout.backtest.data_cli import data
from tieout.campaigns.cli import campaign, merge
from tieout.campaigns.crashes_cli import crashes
from tieout.deployment.live_cli import live
from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, breaking, end, fail, give_up
from tieout.failures.cli import keep, shrink
from tieout.gates.cli import gates
from tieout.journals.backup_cli import accept_cut, backup
from tieout.operating.kill_cli import kill
from tieout.operating.operate_cli import operate
from tieout.preflight.cli import preflight
from tieout.reports.compare_cli import compare
from tieout.risk.cli import limits
from tieout.tokens.cli import tokens
from tieout.watching.alerts_cli import alerts
from tieout.wire.cli import wire

# Commands import what they need when they run: the program starts at once.
JOURNAL_WOULD_DO = "the journal.db of `tieout run SCENARIO --out DIR` would do"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tieout")
@click.option("--debug", is_flag=True, help="Show the traceback of what breaks.")
def main(debug: bool) -> None:  # noqa: FBT001  # `_command` reads it
    """One set of books for value that moves across venues, rails and chains.

    Every difference between the world's truth and our books is either in flight or an open break.
    Nothing is ever silently different.
    """


main.add_command(crashes)
main.add_command(limits)
main.add_command(kill)
main.add_command(operate)
main.add_command(gates)
main.add_command(tokens)
main.add_command(wire)
main.add_command(live)
main.add_command(alerts)
main.add_command(compare)
main.add_command(preflight)
main.add_command(backup)
main.add_command(backtest)
main.add_command(accept_cut)
main.add_command(campaign)
main.add_command(merge)
main.add_command(shrink)
main.add_command(keep)
main.add_command(data)


def run() -> NoReturn:
    """The program: the whole command line, and the status that its process ends with."""
    # Not by click's own `main`, to which an interrupt and a reader that went away are status 1.
    end(_command)


def _command() -> object:
    context = main.make_context("tieout", sys.argv[1:])
    with breaking(shown=context.params["debug"]):
        return main.invoke(context)


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    try:
        yield
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; `tieout doctor` says what is")
    except KeyboardInterrupt as interrupt:
        give_up("; ".join(["interrupted", *getattr(interrupt, "__notes__", ())]))
    except Exception as error:
        # What an error is is imported once there is one: what goes well starts in a quarter of the
        # time.
        _end_if_of_a_journal(error)
        _end_if_refused(error)
        raise


def _end_if_of_a_journal(error: Exception) -> None:
    from tieout.journals.sqlite_store import JournalDamaged, JournalError, NotAJournal

    match error:
        case JournalDamaged():
            fail(FAILED, str(error))
        case NotAJournal():
            fail(BAD_INPUT, f"{error}; {JOURNAL_WOULD_DO}")
        case JournalError():
            fail(BAD_INPUT, str(error))


def _end_if_refused(error: Exception) -> None:
    from scenarios.model import BadScenario
    from sim.machine import NoEvm
    from tieout.bad_input import BadFile, BadMarket, BadMoment
    from tieout.failures.plans import BadPlan
    from tieout.node.wishes import BadStrategy
    from tieout.reports.files import CannotSave
    from tieout.reports.trace import BadKey

    match error:
        case BadStrategy():
            fail(BAD_INPUT, "; ".join([str(error), *getattr(error, "__notes__", ())]))
        case BadScenario() | BadMarket() | BadPlan() | CannotSave() | BadKey():
            fail(BAD_INPUT, str(error))
        case BadMoment() | BadFile():
            fail(BAD_INPUT, str(error))
        case NoEvm():
            fail(LACKING, str(error))


def whole(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """A seed."""
    if text is not None and not is_seed(text):
        found = repr(text) if len(text) <= 2 * SEED_DIGITS_MAX else f"{len(text)} characters"
        most = f"of at most {SEED_DIGITS_MAX} digits" if text.isdecimal() else "from 0 on"
        raise click.BadParameter(f"found {found}; a whole number {most} would do")
    return None if text is None else int(text)


@contextmanager
def progress(label: str, *, shown: bool) -> Iterator[Callable[[float], None]]:
    """A bar on stderr while something long runs."""
    if not shown or not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=1.0)
        yield lambda share: bar.update(task, completed=share)


# --- run -----------------------------------------------------------------------------------------


@main.command("run")
@click.argument("scenario")
@click.option("--seed", callback=whole, metavar="N", help="By default the plan's, else 0.")
@click.option("--market", type=click.Path(path_type=Path), help="Recorded trades, .json(.gz).")
@click.option("--plan", type=click.Path(path_type=Path), help="A stored fault plan to replay.")
@click.option("--short", is_flag=True, help="The short form of the scenario.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for summary, journal, report.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary and nothing else.")
def run_one(
    scenario: str,
    seed: int | None,
    market: Path | None,
    plan: Path | None,
    short: bool,  # noqa: FBT001  # click hands flags over so
    out: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run a SCENARIO: a name of the catalogue, a file, or a stored plan (PLAN.json)."""
    with refusals(), progress(scenario, shown=not as_json) as tell:
        from scenarios.model import find
        from tieout.failures.plans import chosen, replay
        from tieout.runs import run as run_scenario

        stored = chosen(scenario, plan, seed, short=short, market=market)
        if stored is not None:
            warn_if_idle(stored.whole())
            outcome = replay(stored, market=market, out=out, progress=tell)
        else:
            found = find(scenario)
            warn_if_idle(found)
            outcome = run_scenario(found, seed, short=short, market=market, out=out, progress=tell)
    if as_json:
        click.echo(outcome.json())
    else:
        from tieout.reports.console import show_outcome

        show_outcome(outcome, out)
    sys.exit(HELD if outcome.held else FAILED)


@main.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder for summary, journal, report.")
def demo(out: Path | None) -> None:
    """One story in a minute: what went wrong, what was found, when and why."""
    with refusals(), progress("demo", shown=True) as tell:
        from tieout.runs import run as run_scenario

        outcome = run_scenario("demo", 7, out=out, progress=tell)
    from tieout.reports.console import show_story

    show_story(outcome, out)
    sys.exit(HELD if outcome.held else FAILED)


@main.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_scenarios(as_json: bool) -> None:  # noqa: FBT001  # click hands flags over so
    """The catalogue: one scenario, one claim, a line each."""
    with refusals():
        from scenarios.model import find, names

        found = [find(name) for name in names()]
    if as_json:
        rows = [{"name": s.name, "claim": s.claim, "covers": list(s.covers)} for s in found]
        click.echo(json.dumps({"scenarios": rows}, indent=2))
        return
    width = max(len(scenario.name) for scenario in found)
    for scenario in found:
        covers = f"  [{', '.join(scenario.covers)}]" if scenario.covers else ""
        click.echo(f"{scenario.name:<{width}}  {scenario.claim}{covers}")


# --- journals ------------------------------------------------------------------------------------


@main.command()
@click.argument("kind", type=click.Choice(["position", "balance", "transfer", "token"]))
@click.argument("key")
@click.option("--journal", type=click.Path(path_type=Path), required=True)
@click.option("--json", "as_json", is_flag=True, help="Every line with its raw bytes.")
def trace(kind: str, key: str, journal: Path, as_json: bool) -> None:  # noqa: FBT001
    """A figure, a transfer or a holder's token, down to the raw bytes that it came from.

    KEY is a holding, an instrument or an account of the ledger (customer/alice/USD), or of a
    transfer its id, the id of a payment of it, or what a counterparty calls that (a hash, a bank's
    reference), or of a token the address of a holder (TOKEN/ADDRESS of one token alone).
    """
    traced: Shown
    with refusals():
        from tieout.reports.trace import trace as figure
        from tieout.settlement.trace import follow
        from tieout.tokens.trace import trace_token

        if kind == "token":
            traced = trace_token(key, journal)
        else:
            traced = follow(key, journal) if kind == "transfer" else figure(kind, key, journal)
    show(traced, as_json=as_json)


class Shown(Protocol):
    """What can be printed in full: as JSON, and as the lines of a text."""

    def as_dict(self) -> dict[str, Any]: ...


def show(shown: Shown, *, as_json: bool, tables: bool = False) -> None:
    """One object, or colours for a terminal, or plain text for a pipe; tables fit the terminal."""
    if as_json:
        click.echo(json.dumps(shown.as_dict(), indent=2))
    elif sys.stdout.isatty():
        from tieout.reports.paper import Paper

        Paper(prose=not tables).print(shown)
    else:
        click.echo(str(shown))


@main.command()
@click.option("--journal", type=click.Path(path_type=Path), required=True)
@click.option("--at", metavar="TIME", help="As of then: 2026-03-01T12:00, UTC by default.")
@click.option("--json", "as_json", is_flag=True)
def stuck(journal: Path, at: str | None, as_json: bool) -> None:  # noqa: FBT001
    """What is stuck: each payment under way, since when, waiting for what, and what is safe to do.

    Late ones first; then open items of settlement, and lines that lie in suspense.
    """
    view: Shown
    with refusals():
        from tieout.settlement.stuck import moment, stuck_view

        view = stuck_view(journal, moment(at) if at else 0)
    show(view, as_json=as_json, tables=True)


def account_numbers(
    context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str]:
    """`NUMBER=ACCOUNT`, as often as needed; whether there is such an account the journal says."""
    numbers = {}
    for text in texts:
        number, _, account = text.partition("=")
        numbers[number.replace(" ", "")] = account
    return numbers


@main.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--journal", type=click.Path(path_type=Path), help="Tie a bank's FILES with it.")
@click.option(
    "--account",
    "numbers",
    multiple=True,
    callback=account_numbers,
    metavar="NUMBER=ACCOUNT",
    help="Which account of ours a bank's number is.",
)
@click.option("--from-zero", is_flag=True, help="Exports have all there was: it began at nothing.")
@click.option("--zone", metavar="ZONE", help="Of moments that name none: UTC, UTC+8, Asia/Tokyo.")
@click.option("--pair", "pairs", multiple=True, metavar="SYMBOL=BASE-QUOTE", help="Its two coins.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for journal and report.")
@click.option("--json", "as_json", is_flag=True)
def tie(
    files: tuple[Path, ...],
    journal: Path | None,
    numbers: dict[str, str],
    from_zero: bool,  # noqa: FBT001  # click hands flags over so
    zone: str | None,
    pairs: tuple[str, ...],
    out: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Tie FILES: an exchange's exports with one another, or a bank's with a journal.

    Exports of Binance, OKX and Bybit (fills, positions, balances, ledgers; CSV or JSON) need no
    journal and no account: docs/tie.md says which. A bank's files (camt.052/053/054, BAI2, MT940,
    MT942) are tied with the --journal, or with the journal that is the first of the FILES.

    Prints what tied and every difference; exits 1 where there is one.
    """
    with refusals(), progress("tie", shown=not as_json) as tell:
        from tieout.tie.cli import Wanted, tie_any

        wanted = Wanted(journal, numbers, from_zero, zone, pairs, out)
        outcome = tie_any(files, wanted, tell)
    show(outcome.shown, as_json=as_json, tables=True)
    sys.exit(HELD if outcome.held else FAILED)


@main.command()
@click.argument("journal")
@click.option(
    "--anchor",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A node's, of a journal at a URL.",
)
@click.option("--json", "as_json", is_flag=True)
def verify(journal: str, anchor: Path | None, as_json: bool) -> None:  # noqa: FBT001  # click does
    """Prove a JOURNAL: every checksum, the chain of hashes, nothing missing at its end.

    It is a file, or a server's postgresql://HOST/DATABASE; passwords come from PGPASSWORD or a
    password file. The anchor of such a journal stands beside each node that wrote it.
    """
    with refusals():
        from tieout.journals.verify import verify as judge

        verdict = judge(journal, anchor)
    if verdict.status == "not_a_journal":
        fail(BAD_INPUT, f"{verdict}; {JOURNAL_WOULD_DO}")
    click.echo(json.dumps(verdict.as_dict(), indent=2) if as_json else str(verdict))
    sys.exit(verdict.exit_status)


@main.command()
@click.argument("journal")
@click.option("--until", type=click.IntRange(1), help="Stop after this record.")
@click.option("--relive", "again", is_flag=True, help="Only what was told, in simulated time.")
@click.option("--json", "as_json", is_flag=True)
def replay(journal: str, until: int | None, again: bool, as_json: bool) -> None:  # noqa: FBT001
    """Rebuild the state from a JOURNAL, file or URL; prints the digest that `summary.json` has.

    With --relive its inputs alone are put at the door of a simulated node, and whatever came of
    them, events and effects, has to come out again as it was recorded.
    """
    if again and until is not None:
        fail(BAD_INPUT, "--until: a journal is relived to its end; without --relive it would do")
    with refusals():
        from tieout.journals.replay import replay as rerun

        if again:
            from tieout.journals.relive import relive

            relived = relive(journal)
        result = rerun(journal, until)
        if again:
            result = result._replace(digest=relived.digest, differences=relived.differences)
    if until is not None and result.last < until:
        click.echo(f"tieout: {journal} ends at record {result.last}, before {until}", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "digest": result.digest,
                    "last": result.last,
                    "events": result.events,
                    "effects": result.effects,
                    "differences": [str(each) for each in result.differences],
                }
            )
        )
    else:
        click.echo(result.digest)
        click.echo(f"{result.events} events, {result.effects} effects", err=True)
        for each in result.differences:
            click.echo(f"different: {each}", err=True)
    sys.exit(FAILED if result.differences else HELD)


@main.command()
@click.option("--json", "as_json", is_flag=True)
def doctor(as_json: bool) -> None:  # noqa: FBT001  # click hands flags over so
    """What is installed, compiled, reachable."""
    from tieout.doctor import examine

    rows = examine()
    if as_json:
        click.echo(json.dumps({"rows": [row._asdict() for row in rows]}, indent=2))
    else:
        width = max(len(row.what) for row in rows)
        for row in rows:
            click.echo(f"{'ok ' if row.ok else '-- '} {row.what:<{width}}  {row.found}")
    needed = [row for row in rows if row.needed and not row.ok]
    sys.exit(LACKING if needed else HELD)
