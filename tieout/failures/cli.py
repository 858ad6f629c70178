"""`tieout shrink` and `tieout keep`: a failure made small, and made a scenario of its own.

0 it was done; 2 bad input (nothing fails in it, for one). What was found goes to stdout, progress
to stderr.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from tieout.asked import Amount, new_name

if TYPE_CHECKING:
    from tieout.failures.failure import Failure
    from tieout.failures.shrink import Shrunk

FOLDER = click.Path(path_type=Path)
# What commands take for something else than a file.
RESERVED = {
    "all": "which campaigns call the catalogue",
    "canary": "which campaigns prove themselves by",
}


@click.command()
@click.argument("failure", type=FOLDER)
@click.option(
    "--minutes",
    type=Amount(0),
    default=10.0,
    show_default=True,
    help="Of the processor's time.",
)
@click.option("--claim", default="", help="Which claim, where several failed; else the first.")
@click.option("--market", type=FOLDER, help="The recorded trades that the plan is of.")
@click.option("--out", type=FOLDER, help="Folder for what is left; by default in FAILURE's.")
@click.option("--json", "as_json", is_flag=True)
def shrink(
    failure: Path,
    minutes: float,
    claim: str,
    market: Path | None,
    out: Path | None,
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """Make a FAILURE (its folder, or a plan.json) as small as it gets within so many minutes.

    The same claim goes on failing: by fewer faults, in less of the world and of time.
    """
    from tieout.cli import refusals

    with refusals():
        from tieout.failures.failure import failed_plan, keep_plan
        from tieout.failures.plans import BadPlan
        from tieout.failures.shrink import shrink as make_small
        from tieout.reports.files import ready

        plan = failed_plan(failure)
        folder = out or (failure if failure.is_dir() else failure.parent) / "shrunk"
        new = not folder.exists()
        ready(folder)
        try:
            shrunk = make_small(
                plan, claim=claim, seconds=60 * minutes, market=market, tell=_progress()
            )
        except BadPlan:
            if new:
                folder.rmdir()
            raise
        report = keep_plan(shrunk.plan, folder, claim=shrunk.claim, market=market)
    if as_json:
        click.echo(json.dumps(_as_dict(shrunk, report), indent=1, default=str))
    else:
        click.echo("\n".join(_lines(shrunk)))
        click.echo(str(report))


def _progress() -> Callable[[str], None]:
    """A line each time that something came of it."""
    last = ""

    def tell(text: str) -> None:
        nonlocal last
        if (what := text.split(" (")[0]) != last:
            last = what
            click.echo(f"tieout: {text}", err=True)

    return tell


def _as_dict(shrunk: "Shrunk", report: "Failure") -> dict[str, Any]:
    before, after = shrunk.figures()
    return {
        "claim": shrunk.claim,
        "figure": {"before": before, "after": after},
        "families": {
            "before": shrunk.families(shrunk.first),
            "after": shrunk.families(shrunk.last),
        },
        "events": {"before": shrunk.first.events, "after": shrunk.last.events},
        "runs": shrunk.runs,
        "seconds": round(shrunk.seconds, 1),
        "finished": shrunk.finished,
        "failure": report.as_dict(),
    }


def _lines(shrunk: "Shrunk") -> Iterator[str]:
    before, after = shrunk.figures()
    families = shrunk.families(shrunk.first), shrunk.families(shrunk.last)
    noun = "family" if len(families[0]) == 1 else "families"
    yield f"{len(families[0])} {noun} of faults -> {len(families[1])}"
    yield f"{shrunk.first.events} events -> {shrunk.last.events} ({100 * shrunk.share:.1f} %)"
    yield (
        f"the claim fails as before: {after}"
        if after == before
        else (f"the claim fails as before, by another figure: {before}, now {after}")
    )
    ended = "nothing more can go" if shrunk.finished else "time is up: more may go"
    yield f"{shrunk.runs} runs in {shrunk.seconds:.0f} s; {ended}"


def _free_name(context: click.Context, argument: click.Parameter, text: str) -> str:
    """What a scenario may be called that has no other meaning: by its name another would be run."""
    from scenarios.model import names

    name = new_name(context, argument, text)
    taken = dict.fromkeys(names(), "a scenario of the catalogue") | RESERVED
    if name in taken:
        would_do = f"another, as {name}_kept, would do"
        raise click.BadParameter(f"found {name!r}, {taken[name]}; {would_do}")
    return name


@click.command()
@click.argument("failure", type=FOLDER)
@click.argument("name", callback=_free_name)
@click.option("--into", type=FOLDER, default=Path(), help="Folder of the file; by default here.")
def keep(failure: Path, name: str, into: Path) -> None:
    """Keep a FAILURE (its folder, or a plan.json) as the scenario NAME, in a file NAME.yaml.

    It fails by the same claim until what is wrong is mended; then it is a regression scenario.
    """
    from tieout.cli import refusals

    with refusals():
        from tieout.failures.failure import claim_of, failed_plan
        from tieout.failures.plans import BadPlan
        from tieout.failures.regression import regression, text_of
        from tieout.reports.files import naming

        plan = failed_plan(failure)
        path = into / f"{name}.yaml"
        if path.exists():
            raise BadPlan(f"{path}: found a file; NAME of a new one would do")
        text = text_of(regression(plan, name, claim_of(failure, plan)))
        with naming(into):
            into.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    click.echo(f"{path}; tieout run {quote(str(path))}")
