"""`tieout crashes`: one run, its node killed at every point, or at one of them to look at it.

0 every claim held at each point; 1 one failed; 2 bad input; 3 the environment lacks something.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from tieout.campaigns.crash_points import (
    DOWN_MS,
    MOMENTS,
    BadPoint,
    CrashPoint,
    Moment,
    every,
    read_point,
    sample,
)
from tieout.exits import FAILED, HELD

if TYPE_CHECKING:
    from tieout.campaigns.crashes import Crashes, Subject

SHOWN_MAX = 20


def a_point(context: click.Context, option: click.Parameter, text: str | None) -> CrashPoint | None:
    """A point, as a failure names it."""
    try:
        return None if text is None else read_point(text)
    except BadPoint as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("scenario")
@click.option("--seed", type=click.IntRange(0, 10**18 - 1), default=0, show_default=True)
@click.option("--short", is_flag=True, help="The short form of the scenario.")
@click.option("--seconds", type=click.IntRange(1), help="So much of the run alone.")
@click.option("--at", "point", callback=a_point, metavar="POINT", help="This one: effect:17.")
@click.option("--every", "step", type=click.IntRange(1), default=1, help="Each Nth point.")
@click.option("--sample", "size", type=click.IntRange(1), help="So many points, spread evenly.")
@click.option(
    "--moment",
    "moments",
    type=click.Choice(get_args(Moment)),
    multiple=True,
    help="Only there; by default all, but for cut where requests settle.",
)
@click.option("--again", type=click.Choice(get_args(Moment)), help="Killed twice: then there.")
@click.option("--down-ms", type=click.IntRange(1), default=DOWN_MS, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
def crashes(
    scenario: str,
    seed: int,
    short: bool,  # noqa: FBT001  # click hands flags over so
    seconds: int | None,
    point: CrashPoint | None,
    step: int,
    size: int | None,
    moments: Sequence[Moment],
    again: Moment | None,
    down_ms: int,
    jobs: int,
    out: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Kill the node of a SCENARIO at every append, commit and effect of one run, one at a time.

    Each point is a run of its own; with `--every` or `--sample` only some are tried, other ones
    under another seed. A failure names its point: `--at POINT` runs that one alone.
    """
    from tieout.cli import progress, refusals

    with refusals(), progress(scenario, shown=not as_json) as tell:
        from tieout.campaigns.crashes import Subject
        from tieout.campaigns.crashes import crashes as run_crashes
        from tieout.reports.files import ready

        subject = Subject(scenario, seed, short, seconds or 0)
        if out is not None:
            ready(out)
        if point is not None:
            killed = CrashPoint(point.moment, point.ordinal, point.again, down_ms)
            _run_one(subject, killed, out, as_json=as_json)

        def chosen(points: Sequence[CrashPoint]) -> Sequence[CrashPoint]:
            points = every(points, step, seed)
            return points if size is None else sample(points, size, seed)

        result = run_crashes(
            subject,
            chosen,
            moments=moments,
            again=again,
            down_ms=down_ms,
            jobs=jobs,
            progress=tell,
        )
        if out is not None:
            result.save(out)
    if as_json:
        click.echo(json.dumps(result.summary(), indent=2))
    else:
        _show(result)
    sys.exit(HELD if result.held else FAILED)


def _run_one(subject: "Subject", point: CrashPoint, out: Path | None, *, as_json: bool) -> None:
    """One point, shown as any run is."""
    outcome = subject.run(point, out)
    met = outcome.summary["crash_at"]["deaths"]
    if as_json:
        click.echo(outcome.json())
    else:
        from tieout.reports.console import show_outcome

        show_outcome(outcome, out)
    if not met:
        click.echo(f"tieout: the run never came to {point}", err=True)
    sys.exit(HELD if outcome.held and met else FAILED)


def _show(result: "Crashes") -> None:
    """How many points of each moment held, and each that did not."""
    total = sum(result.came_to.values())
    click.echo(f"{len(result.results)} of {total} points tried, {len(result.failures)} failed")
    if not result.results:
        click.echo("no point was tried: nothing is known of this run")
    for claim in result.unkilled:
        click.echo(f"failed without a kill: {claim}")
    click.echo(f"{'moment':<8} {'points':>7} {'tried':>7} {'failed':>7}  killed")
    for moment, points, tried, failed in result.rows():
        click.echo(f"{moment:<8} {points:>7} {tried:>7} {failed:>7}  {MOMENTS[moment]}")
    for each in result.failures[:SHOWN_MAX]:
        click.echo(f"{each.point}: {each.error or '; '.join(each.failed)}")
        click.echo(f"  {each.command}")
    if len(result.failures) > SHOWN_MAX:
        click.echo(f"and {len(result.failures) - SHOWN_MAX} more; --out DIR has all")
