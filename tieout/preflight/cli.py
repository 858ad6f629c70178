"""`tieout preflight`: what a deployment lacks to go live.

0 every check that applies holds; 1 one does not; 2 bad input; 3 the environment lacks something.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tieout.deployment.live_cli import refusals
from tieout.exits import FAILED, HELD

if TYPE_CHECKING:
    from tieout.preflight.checks import Check, Tell


@click.command()
@click.argument("deployment", type=click.Path(path_type=Path))
@click.option(
    "--mode",
    type=click.Choice(["shadow", "live"]),
    default="live",
    show_default=True,
    help="What the deployment is to be run in.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object and nothing else.")
def preflight(
    deployment: Path,
    mode: Literal["shadow", "live"],
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """Check all that DEPLOYMENT, a TOML file, needs before it may go live; nothing is sent.

    Each check is green, red or not applicable, with what was found and what would do. What stands
    at the venues is adopted in the deployment's journal, as a start would. `tieout live --mode
    live` makes the same checks first, and does not go live without them.
    """
    with refusals():
        from tieout.preflight.checks import nobody, summary

        checks = asyncio.run(_checks(deployment, mode, nobody if as_json else _say))
    if as_json:
        click.echo(json.dumps(summary(checks), indent=2))
    sys.exit(FAILED if any(each.result == "red" for each in checks) else HELD)


def _say(check: "Check") -> None:
    """As it is made: all of them take a minute."""
    click.echo(str(check))


async def _checks(path: Path, mode: Literal["shadow", "live"], tell: "Tell") -> list["Check"]:
    from tieout.deployment.file import load

    deployment = load(path)
    from tieout.deployment.unread import check_secrets
    from tieout.preflight.whole import preflight as make

    check_secrets(deployment, path, mode)
    async with AsyncExitStack() as stack:
        return (await make(deployment, path.parent, mode, stack, tell=tell)).checks
