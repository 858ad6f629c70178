"""`tieout campaign` and `tieout merge`: many seeds, and one campaign of its shards.

0 every claim held, in what ran; 1 a claim failed, or something was not seen or not run that should
have been; 2 bad input; 3 the environment lacks something; 130 it was interrupted, and --resume goes
on. One that ended early holds if what ran did: --runs-at-least says how many that must be.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout import asked
from tieout.exits import ASKED_TO_END, BAD_INPUT, FAILED, HELD, LACKING, fail, give_up

if TYPE_CHECKING:
    from tieout.campaigns.campaign import Campaign
    from tieout.campaigns.seed import Engine

FOLDER = click.Path(path_type=Path)
AT_LEAST = click.option(
    "--at-least",
    type=click.IntRange(1),
    metavar="N",
    help="Fail unless each fault and each refusal of the plan fired N times.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the figures, nothing else.")
COUNT = click.IntRange(1)
AMOUNT = asked.Amount(0, min_open=True)
# Where nobody watches a bar, so often a line.
LINE_SECONDS = 60.0
# No seed of a campaign with a budget may take longer than all of it, but each may take so long.
SEED_SECONDS_LEAST = 60.0


@click.command()
@click.argument("scenario")
@click.option("--seeds", callback=asked.seed_range, required=True, metavar="A:B")
@click.option("--jobs", type=COUNT, default=1, show_default=True, help="Processes.")
@click.option("--short", is_flag=True, help="The short form of the scenario.")
@click.option("--out", type=FOLDER, help="Folder for the ledger, campaign.json and campaign.html.")
@click.option("--resume", is_flag=True, help="Go on where the campaign in --out was ended.")
@click.option("--shard", callback=asked.shard, default="1/1", metavar="I/N", help="A part of it.")
@click.option("--stop-after", type=COUNT, metavar="N", help="End after N failing seeds.")
@click.option("--budget-minutes", type=AMOUNT, metavar="M", help="End when they are over.")
@click.option("--runs-at-least", type=COUNT, metavar="N", help="Fail if fewer ran.")
@click.option(
    "--seed-timeout",
    type=AMOUNT,
    metavar="SECONDS",
    help="By default 1200, or all of the budget where that is less (and a minute at least).",
)
@click.option("--failures", type=click.IntRange(0), metavar="N", help="Reports; by default 3.")
@click.option("--dask", metavar="ADDRESS", help="Of a Dask scheduler, instead of --jobs.")
@AT_LEAST
@AS_JSON
def campaign(
    scenario: str,
    seeds: range,
    jobs: int,
    short: bool,  # noqa: FBT001  # click hands flags over so
    out: Path | None,
    resume: bool,  # noqa: FBT001
    shard: tuple[int, int],
    stop_after: int | None,
    budget_minutes: float | None,
    runs_at_least: int | None,
    seed_timeout: float | None,
    failures: int | None,
    dask: str | None,
    at_least: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Run a SCENARIO (or `all`) under many seeds; failed seeds are listed with their claims.

    The first seed and one in twenty run twice. A seed that hangs or kills its process is a finding.
    With --out, what was done is on disk once it is done, and --resume goes on from there.
    """
    if resume and out is None:
        raise click.UsageError("--resume needs the --out that it goes on with")
    with refusals(), progress(scenario, shown=not as_json) as tell:
        from scenarios.model import find
        from tieout.campaigns.campaign import FAILURES_KEPT
        from tieout.campaigns.campaign import campaign as run_campaign
        from tieout.campaigns.ledger import SEEDS
        from tieout.campaigns.seed import CANARY
        from tieout.failures.failure import keep

        seconds_max = seed_seconds_max(seed_timeout, budget_minutes)
        if scenario not in ("all", CANARY):
            asked.warn_if_idle(find(scenario))
        # What ended by then is kept: there an interrupt is an exception, and cleans up.
        for number in ASKED_TO_END:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.default_int_handler)
        try:
            result = run_campaign(
                scenario,
                seeds,
                engine=engine(jobs, dask, seconds_max),
                seed_seconds_max=seconds_max,
                short=short,
                out=out,
                at_least=at_least,
                progress=tell,
                told=lambda text: click.echo(f"tieout: {text}", err=True),
                resume=resume,
                shard=shard,
                stop_after=stop_after,
                seconds_max=None if budget_minutes is None else budget_minutes * 60,
                runs_min=runs_at_least or 0,
                keep=keep,
                failures=FAILURES_KEPT if failures is None else failures,
            )
        except KeyboardInterrupt:
            kept = f"what had ended by then is in {out / SEEDS}" if out else "nothing was kept"
            give_up(f"interrupted; {kept}{'; --resume goes on from there' if out else ''}")
    show(result, out, as_json=as_json)


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True)
@click.option("--out", type=FOLDER, required=True, help="Folder for the whole campaign.")
@AT_LEAST
@AS_JSON
def merge(folders: tuple[Path, ...], out: Path, at_least: int | None, as_json: bool) -> None:  # noqa: FBT001
    """Make one campaign of its shards, each in one of FOLDERS: of all of them, each once."""
    with refusals():
        from tieout.campaigns.campaign import merge as merge_shards

        result = merge_shards(folders, out, at_least)
    show(result, out, as_json=as_json)


def seed_seconds_max(seed_timeout: float | None, budget_minutes: float | None) -> float:
    """A budget is looked at when a seed is done: one that hangs has an end."""
    from tieout.campaigns.workers import SEED_SECONDS_MAX

    if seed_timeout is not None:
        return seed_timeout
    if budget_minutes is None:
        return SEED_SECONDS_MAX
    return min(SEED_SECONDS_MAX, max(SEED_SECONDS_LEAST, budget_minutes * 60))


def engine(jobs: int, dask: str | None, seconds_max: float) -> "Engine":
    """What runs the seeds."""
    from tieout.campaigns.workers import workers

    if dask is None:
        return workers(jobs, seconds_max)
    from tieout.campaigns.cluster import cluster

    return cluster(dask, seconds_max)


def show(result: "Campaign", out: Path | None, *, as_json: bool) -> None:
    """Print it, and end with its status."""
    for why in dict.fromkeys(result.left_out.values()):
        names = ", ".join(name for name, each in result.left_out.items() if each == why)
        click.echo(f"tieout: left out, and not run: {names}: {why}", err=True)
    if result.stopped:
        done = f"{len(result.results)} of {result.asked} runs"
        goes_on = "; --resume goes on" if out else ""
        click.echo(f"tieout: ended early, {done}: {result.stopped}{goes_on}", err=True)
    if as_json:
        click.echo(json.dumps(result.summary(), indent=2))
    else:
        from tieout.reports.console import show_campaign

        show_campaign(result, out)
    if result.unsaved:
        fail(BAD_INPUT, result.unsaved)
    sys.exit(HELD if result.held else FAILED)


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from scenarios.model import BadScenario
    from sim.machine import NoEvm
    from tieout.bad_input import BadCluster, BadLedger
    from tieout.reports.files import CannotSave

    try:
        yield
    except (BadScenario, BadLedger, BadCluster, CannotSave) as error:
        fail(BAD_INPUT, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; `tieout doctor` says what is")
    except NoEvm as error:
        fail(LACKING, str(error))
    except KeyboardInterrupt:
        give_up("interrupted")


@contextmanager
def progress(label: str, *, shown: bool) -> Iterator[Callable[[int, int, int], None]]:
    """On stderr how many runs are done, how many failed, how many a second: a bar, or where nobody
    looks at a screen a line each minute."""
    if not shown or not sys.stderr.isatty():
        yield _lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeRemaining

    told = TextColumn("{task.fields[failed]} failed, {task.fields[rate]:.1f} runs/s")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), told
    since = time.monotonic()
    with Progress(*columns, TimeRemaining(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, failed=0, rate=0.0)

        def tell(done: int, todo: int, failed: int) -> None:
            rate = done / max(time.monotonic() - since, 1e-9)
            bar.update(task, total=todo, completed=done, failed=failed, rate=rate)

        yield tell


def _lines(label: str) -> Callable[[int, int, int], None]:
    """A line now and then: a log says that it goes on, and how long it will."""
    since = time.monotonic()
    last = since

    def tell(done: int, todo: int, failed: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_SECONDS:
            return
        last = now
        left = (now - since) / done * (todo - done) / 60
        told = f"{done} of {todo} runs, {failed} failed, about {left:.0f} min to go"
        click.echo(f"tieout: {label}: {told}", err=True)

    return tell
