"""`tieout live`: a deployment's node, in the world that is asked for.

0 it was ended and left nothing working, in `sim` every claim held; 1 something is still open, or a
break is, or it may not go live; 2 bad input; 3 the environment lacks something.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.exits import ASKED_TO_END, BAD_INPUT, FAILED, HELD, LACKING, fail

if TYPE_CHECKING:
    from core.strategy import Quote
    from tieout.deployment.file import Deployment
    from tieout.deployment.limits import Reviewed
    from tieout.deployment.ways import Mode
    from tieout.journals.deployed import Held
    from tieout.live import LiveNode, Way
    from tieout.node.rails import Beside, RailWay
    from tieout.preflight.checks import Check
    from tieout.watching.alert_hook import Alert

SAID_EVERY_S = 5.0
# So long a node that is asked to end waits for its orders to be gone.
ENDING_S_MAX = 20.0
SIMULATED_S = 60


class NotAllowed(Exception):
    """A check of the preflight is red: the deployment may not be run so."""

    def __init__(self, mode: str, checks: "Sequence[Check]") -> None:
        super().__init__(f"not {mode}")
        self.mode, self.checks = mode, checks


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from tieout.deployment.file import BadDeployment, NoSecret
    from tieout.gates.nats_server import NoServer
    from tieout.journals.sqlite_store import JournalError, JournalFailed
    from tieout.node.adopting import NotAdopted
    from tieout.reports.files import CannotSave

    try:
        yield
    except JournalFailed as error:
        fail(FAILED, str(error))
    except (BadDeployment, NoSecret, JournalError, CannotSave) as error:
        fail(BAD_INPUT, str(error))
    except (NotAdopted, NoServer) as error:
        fail(LACKING, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; `tieout doctor` says what has it")


@click.command()
@click.argument("deployment", type=click.Path(path_type=Path))
@click.option(
    "--mode",
    type=click.Choice(["sim", "paper", "shadow", "live"]),
    default="shadow",
    show_default=True,
    help="The world: simulated venues; real prices alone; real accounts, read only; all of it.",
)
@click.option("--seconds", type=click.IntRange(1), help="By default until it is interrupted.")
@click.option("--seed", type=click.IntRange(0, 10**18 - 1), help="Of the simulated world.")
@click.option("--out", type=click.Path(path_type=Path), help="In sim: where all of it is written.")
@click.option("--json", "as_json", is_flag=True, help="Print one object at the end, no more.")
def live(
    deployment: Path,
    mode: "Mode",
    seconds: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """Run the node of DEPLOYMENT, a TOML file, in one of four worlds.

    In shadow mode, which nobody has to ask for, its books follow the account while its strategies
    rest; keys that can only read are enough, and others are refused. In mode live it trades, after
    a preflight (`tieout preflight`) that holds. In paper mode prices are the venues' and accounts
    are simulated on this machine; in sim the venues are, too, and no time is lost: neither needs a
    key. Books, reconciler and journal are the same in all of them. An interrupt ends it in order:
    strategies rest, what works is cancelled, and what is left is said. A kill needs no order: the
    next start takes up what the journal holds.
    """
    from tieout.journals.sqlite_store import JournalFailed

    for name, told in (("seed", seed), ("out", out)):
        if told is not None and mode != "sim":
            fail(BAD_INPUT, f"--{name}: found {told}; none would do in mode {mode}, only in sim")
    try:
        with refusals():
            from tieout.deployment.file import load

            found = load(deployment)
            if mode == "sim":
                _simulate(found, deployment, seed or 0, seconds or SIMULATED_S, out, as_json)
            from tieout.deployment.unread import check_secrets

            check_secrets(found, deployment, mode)
            said = asyncio.run(_run(found, deployment.parent, mode, seconds, quiet=as_json))
    except* JournalFailed as failures:
        fail(FAILED, "; ".join(str(each) for each in failures.exceptions))
    except* (OSError, ValueError) as errors:
        fail(BAD_INPUT, "; ".join(str(each) for each in errors.exceptions))
    except* NotAllowed as refused:
        _refuse(refused.exceptions[0], as_json)
    if as_json:
        print(json.dumps(said))
    sys.exit(HELD if not (said["working"] or said["open_breaks"]) else FAILED)


def _refuse(refused: Any, as_json: bool) -> None:  # noqa: FBT001  # as click handed it over
    """Say what is missing, and end."""
    from tieout.preflight.checks import summary

    if as_json:
        print(json.dumps({"mode": refused.mode, **summary(refused.checks)}))
    missing = [each for each in refused.checks if each.result == "red"]
    for each in missing:
        click.echo(str(each), err=True)
    fail(FAILED, f"not {refused.mode}: {len(missing)} of {len(refused.checks)} checks are red")


def _simulate(
    found: "Deployment",
    path: Path,
    seed: int,
    seconds: int,
    out: Path | None,
    as_json: bool,  # noqa: FBT001  # as click handed it over
) -> None:
    """The deployment as a scenario, from beginning to end."""
    from tieout.deployment.scenario import scenario_of
    from tieout.reports.console import show_outcome
    from tieout.runs import run

    outcome = run(scenario_of(found, path, seconds), seed, out=out)
    if as_json:
        print(outcome.json())
    else:
        show_outcome(outcome, out)
    sys.exit(HELD if outcome.held else FAILED)


async def _run(
    deployment: "Deployment", folder: Path, mode: "Mode", seconds: int | None, *, quiet: bool
) -> dict[str, Any]:
    from tieout.live import LiveNode
    from tieout.watching.watched import watching_of

    async with AsyncExitStack() as stack:
        journal = await _allowed(deployment, folder, mode, stack, quiet=quiet)
        ways, around = await _ways(deployment, folder, mode, stack, journal.leads)
        rails, issued = await _rails(deployment, folder, mode, stack, journal.leads)
        watching = watching_of(deployment, folder, journal.store)
        limits = deployment.reviewed(folder) if mode == "live" else None
        apart = deployment.gated() if limits is not None else ()
        gates = await _gates(deployment, limits, stack, lambda: node.quotes(()), watching.alert)
        node = LiveNode(
            deployment.name,
            watching.store,
            ways,
            [each for each in deployment.strategies if each not in apart],
            rails=rails,
            beside=[*issued, *gates, *_operators(deployment, folder, mode, watching.alert)],
            clock=time.time_ns,
            warm=journal.warm,
            leading=journal.leading,
            standing=deployment.standing if mode == "live" else "adopt",
            limits=limits,
            alert=watching.alert,
        )
        await stack.enter_async_context(watching.over(lambda: node.node.state))
        if mode == "shadow":
            node.rest()
        running = asyncio.create_task(_all(node, around))
        ended = asyncio.Event()
        for number in ASKED_TO_END:
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        until = time.monotonic() + seconds if seconds else float("inf")
        while not (running.done() or ended.is_set() or time.monotonic() >= until):
            await _first(running, ended.wait(), min(SAID_EVERY_S, until - time.monotonic()))
            if not quiet:
                click.echo(_line(node), err=True)
        await _rest(node, running, mode)
        if running.done():
            running.result()
        running.cancel()
        await asyncio.wait([running])
        await node.loop.commit()
        return node.said()


async def _rest(node: "LiveNode", running: "asyncio.Task[None]", mode: "Mode") -> None:
    """Strategies rest, and what works is cancelled. A shadow leaves alone what works: it can send
    nothing, and a cancel that it wished for would be sent by the next life."""
    node.rest()
    if mode == "shadow":
        return
    node.cancel_all()
    done_by = time.monotonic() + ENDING_S_MAX
    while not node.at_rest() and time.monotonic() < done_by and not running.done():
        await asyncio.sleep(0.1)


async def _allowed(
    deployment: "Deployment", folder: Path, mode: "Mode", stack: AsyncExitStack, *, quiet: bool
) -> "Held":
    """The journal, open for who may run so; raises `NotAllowed`."""
    from tieout.journals.deployed import held
    from tieout.preflight.checks import nobody
    from tieout.preflight.whole import preflight, rights_alone

    if mode == "live":
        tell = nobody if quiet else _say
        flight = await preflight(deployment, folder, mode, stack, tell=tell)
        if flight.missing or flight.journal is None:
            raise NotAllowed(mode, flight.checks)
        return flight.journal
    checks = await rights_alone(deployment, folder, mode) if mode == "shadow" else []
    if any(each.result == "red" for each in checks):
        raise NotAllowed(mode, checks)
    journal = await held(deployment, folder, stack, mode)
    if mode == "paper":
        from tieout.deployment.paper import check_fresh
        from tieout.journals.deployed import journal_of

        check_fresh(journal.store, journal_of(deployment, folder, mode))
    return journal


def _say(check: "Check") -> None:
    """As it is made: all of them take a minute."""
    click.echo(str(check), err=True)


async def _ways(
    deployment: "Deployment",
    folder: Path,
    mode: "Mode",
    stack: AsyncExitStack,
    leads: "Callable[[], bool]",
) -> "tuple[list[Way], list[Coroutine[Any, Any, None]]]":
    """The ways to the accounts, and what has to run beside the node for them."""
    from tieout.deployment.ways import ways_of

    if mode == "paper":
        from tieout.deployment.paper import paper_ways

        return await paper_ways(deployment, folder, stack)
    return await ways_of(deployment, folder, stack, mode, leads), []


async def _all(node: "LiveNode", beside: "Sequence[Coroutine[Any, Any, None]]") -> None:
    """The node, and what runs beside it: none of them outlives another."""
    if not beside:
        return await node.run()
    async with asyncio.TaskGroup() as group:
        for each in (node.run(), *beside):
            group.create_task(each)


async def _rails(
    deployment: "Deployment",
    folder: Path,
    mode: "Mode",
    stack: AsyncExitStack,
    leads: "Callable[[], bool]",
) -> "tuple[list[RailWay], list[Beside]]":
    """The rails and the tokens of real accounts; a paper account has none."""
    if mode == "paper":
        return [], []
    reads_only, rails = mode == "shadow", list["RailWay"]()
    if deployment.chain:
        from tieout.deployment.chain_ways import chain_ways

        rails += await chain_ways(deployment, folder, stack, reads_only=reads_only, leads=leads)
    if deployment.custodian:
        from tieout.deployment.custodian_ways import custodian_ways

        rails += await custodian_ways(deployment, folder, stack, reads_only=reads_only, leads=leads)
    if deployment.bank:
        from tieout.deployment.bank_ways import bank_ways

        rails += await bank_ways(deployment, folder, stack, reads_only=reads_only, leads=leads)
    return rails, await _issued(deployment, folder, stack, reads_only=reads_only)


async def _gates(
    deployment: "Deployment",
    limits: "Reviewed | None",
    stack: AsyncExitStack,
    quotes: "Callable[[], tuple[Quote, ...]]",
    alert: "Alert",
) -> "list[Beside]":
    """The strategies in processes of their own, where it trades and has any."""
    if deployment.gates is None or limits is None:
        return []
    from tieout.gates.live import gates_beside

    strategies, url = deployment.gated(), deployment.gates.nats
    return [await gates_beside(deployment.name, url, strategies, limits, stack, quotes, alert)]


def _operators(
    deployment: "Deployment", folder: Path, mode: "Mode", alert: "Alert"
) -> "list[Beside]":
    """Who decides for the real accounts; those of paper end with the process."""
    if mode == "paper":
        return []
    from tieout.operating.operator_door import OperatorDoor
    from tieout.operating.operator_socket import door_of

    strategies = [each.name for each in deployment.strategies]
    return [OperatorDoor(door_of(folder / deployment.local_name), strategies, alert)]


async def _issued(
    deployment: "Deployment", folder: Path, stack: AsyncExitStack, *, reads_only: bool
) -> "list[Beside]":
    """The tokens that it issues, if it does."""
    if deployment.tokens is None:
        return []
    from tieout.tokens.live import tokens_beside

    def say(text: str) -> None:
        click.echo(text, err=True)

    path = folder / deployment.tokens
    tokens = await tokens_beside(path, stack, say, reads_only=reads_only)
    say(f"serving on {tokens.address}")
    return [tokens]


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
