"""`tieout live`: a deployment's node, against its venues.

0 it was ended and left nothing working; 1 something is still open, or a break is; 2 bad input; 3
the environment lacks something.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, fail

if TYPE_CHECKING:
    from tieout.deployment import Deployment
    from tieout.live import LiveNode
    from tieout.ways import Mode

SAID_EVERY_S = 5.0
# So long a node that is asked to end waits for its orders to be gone.
ENDING_S_MAX = 20.0


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from tieout.adopting import NotAdopted
    from tieout.deployment import BadDeployment, NoSecret
    from tieout.sqlite_store import JournalError

    try:
        yield
    except (BadDeployment, NoSecret, JournalError) as error:
        fail(BAD_INPUT, str(error))
    except NotAdopted as error:
        fail(LACKING, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; the extra `live` has it")


@click.command()
@click.argument("deployment", type=click.Path(path_type=Path))
@click.option(
    "--mode",
    type=click.Choice(["shadow", "live"]),
    default="shadow",
    show_default=True,
    help="shadow reads and reconciles, and can send nothing else; live trades.",
)
@click.option("--seconds", type=click.IntRange(1), help="By default until it is interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print one object at the end, no more.")
def live(
    deployment: Path,
    mode: Literal["shadow", "live"],
    seconds: int | None,
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """Run the node of DEPLOYMENT, a TOML file, against its venues.

    In shadow mode, which nobody has to ask for, its books follow the account while its strategies
    rest; keys that can only read are enough. Books, reconciler and journal are those of every
    simulated run. An interrupt ends it in order: strategies rest, what works is cancelled, and what
    is left is said. A kill needs no order: the next start takes up what the journal holds.
    """
    try:
        with refusals():
            from tieout.deployment import load, must_be_limited

            found = load(deployment)
            if mode == "live":
                must_be_limited(found, deployment)
            said = asyncio.run(_run(found, deployment.parent, mode, seconds, quiet=as_json))
    except* (OSError, ValueError) as errors:
        fail(BAD_INPUT, "; ".join(str(each) for each in errors.exceptions))
    if as_json:
        print(json.dumps(said))
    sys.exit(HELD if not (said["working"] or said["open_breaks"]) else FAILED)


async def _run(
    deployment: "Deployment", folder: Path, mode: "Mode", seconds: int | None, *, quiet: bool
) -> dict[str, Any]:
    from tieout.live import LiveNode
    from tieout.sqlite_store import SqliteStore
    from tieout.ways import ways_of

    async with AsyncExitStack() as stack:
        ways = await ways_of(deployment, folder, stack, mode)
        store = SqliteStore(folder / deployment.journal)
        stack.callback(store.close)
        node = LiveNode(
            deployment.name,
            store,
            ways,
            deployment.strategies,
            clock=time.time_ns,
            standing="adopt" if mode == "shadow" else deployment.standing,
            limits=deployment.reviewed(folder),
        )
        if mode == "shadow":
            node.rest()
        running = asyncio.create_task(node.run())
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        until = time.monotonic() + seconds if seconds else float("inf")
        while not (running.done() or ended.is_set() or time.monotonic() >= until):
            await _first(running, ended.wait(), min(SAID_EVERY_S, until - time.monotonic()))
            if not quiet:
                click.echo(_line(node), err=True)
        if not running.done():
            node.rest()
            node.cancel_all()
            done_by = time.monotonic() + ENDING_S_MAX
            while node.working() and time.monotonic() < done_by and not running.done():
                await asyncio.sleep(0.1)
        if running.done():
            running.result()
        running.cancel()
        await asyncio.wait([running])
        await node.loop.commit()
        return node.said()


async def _first(running: "asyncio.Task[None]", other: Any, seconds: float) -> None:
    waiting = asyncio.ensure_future(other)
    await asyncio.wait(
        (running, waiting), timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED
    )
    waiting.cancel()


def _line(node: "LiveNode") -> str:
    said = node.said()
    what = (f"{said[name]} {name.replace('_', ' ')}" for name in said if name != "last")
    return f"record {said['last']}: {', '.join(what)}"
