"""`tieout operate`: what people decide of a node that lives, told to it by its deployment's file.

0 it was done, or waits for another person; 1 the node refused it; 2 bad input; 3 no node answers.
"""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tieout.deployment.live_cli import refusals
from tieout.exits import FAILED, HELD, LACKING, fail

if TYPE_CHECKING:
    from tieout.operating.operator_words import Asked

DEPLOYMENT = click.argument("deployment", type=click.Path(path_type=Path))
BY = click.option("--by", required=True, help="Who decides it.")
REASON = click.option("--reason", required=True, help="Why, for whoever reads the journal.")


@click.group()
def operate() -> None:
    """Show and decide what is a person's to decide of a node that lives.

    Adjustments and the lifting of a kill take two people: what one proposes another approves, by
    the number that was told.
    """


def told(deployment: Path, asked: "Asked") -> None:
    """Ask the node of that file, say what it answers, and end by it."""
    with refusals():
        from tieout.deployment.file import load
        from tieout.operating.operator_socket import NoNode, ask, door_of

        found = load(deployment)
        try:
            answer = asyncio.run(ask(door_of(deployment.parent / found.local_name), asked))
        except NoNode as error:
            fail(LACKING, str(error))
    for line in answer.lines:
        click.echo(line, err=answer.result == "refused")
    sys.exit(FAILED if answer.result == "refused" else HELD)


@operate.command()
@DEPLOYMENT
def shows(deployment: Path) -> None:
    """What is open at the node of DEPLOYMENT: breaks, kills, strategies, and proposals."""
    from tieout.operating.operator_words import Shown

    told(deployment, Shown())


@operate.command()
@DEPLOYMENT
@click.argument("strategy")
@click.argument("standing", type=click.Choice(["enabled", "reduce_only", "disabled"]))
@BY
@REASON
def strategy(
    deployment: Path,
    strategy: str,
    standing: Literal["enabled", "reduce_only", "disabled"],
    by: str,
    reason: str,
) -> None:
    """Say what STRATEGY may do from now on: it outlives a restart."""
    from tieout.operating.operator_words import StrategySet

    told(deployment, StrategySet(strategy, standing, by, reason))


@operate.command(context_settings={"ignore_unknown_options": True})  # -0.5 is an amount
@DEPLOYMENT
@click.argument("number", type=click.IntRange(1))
@click.argument("amount")
@BY
@REASON
def adjust(deployment: Path, number: int, amount: str, by: str, reason: str) -> None:
    """Propose to book AMOUNT for break NUMBER, in the holding's own decimals.

    It moves the books towards the venue's figure, and not past it.
    """
    from tieout.operating.operator_words import AdjustmentProposed

    told(deployment, AdjustmentProposed(number, amount, by, reason))


@operate.command()
@DEPLOYMENT
@BY
@REASON
@click.option(
    "--flatten",
    type=click.Choice(["ours", "venues"]),
    default="ours",
    show_default=True,
    help="Close what books and venue agree on, or whatever the venue says.",
)
def kill(deployment: Path, by: str, reason: str, flatten: Literal["ours", "venues"]) -> None:
    """Have the node itself block, cancel and close everything; it lives on, and nothing opens.

    Where the node does not answer, `tieout kill` needs none.
    """
    from tieout.operating.operator_words import Killed

    told(deployment, Killed(by, reason, flatten))


@operate.command()
@DEPLOYMENT
@click.argument("kill_id", metavar="KILL")
@BY
def lift(deployment: Path, kill_id: str, by: str) -> None:
    """Propose to lift the block of a KILL that is done; strategies stay disabled."""
    from tieout.operating.operator_words import LiftProposed

    told(deployment, LiftProposed(kill_id, by))


@operate.command()
@DEPLOYMENT
@click.argument("proposal")
@BY
def approve(deployment: Path, proposal: str, by: str) -> None:
    """Say yes to a PROPOSAL of another person: then it is done."""
    from tieout.operating.operator_words import Approved

    told(deployment, Approved(proposal, by))
