"""`tieout kill`: the kill switch that needs no node, no journal and no books.

0 each account was verified; 1 one was not, or (in a drill) something is left at a venue; 2 bad
input, or nobody confirmed: then nothing was sent; 3 the environment lacks something.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, fail
from tieout.reports.words import count

if TYPE_CHECKING:
    from core.journal import Store
    from tieout.operating.kill import Deployment, Ending
    from tieout.operating.kill_drill import DeadNode
    from tieout.operating.kill_live import LiveReach

    Reach = DeadNode | LiveReach
Left = dict[str, list[str]]
NO_SOCKETS = (
    "no venue can be reached from here by this file; one that `tieout live` runs by (NAME.toml)"
    " has ways, and `tieout kill DEPLOYMENT --drill` runs the procedure against simulated venues"
)


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from scenarios.model import BadScenario
    from tieout.deployment import file as deployed
    from tieout.journals.sqlite_store import JournalError
    from tieout.operating.kill import BadDeployment

    try:
        yield
    except (BadDeployment, deployed.BadDeployment, BadScenario, JournalError) as error:
        fail(BAD_INPUT, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; `tieout doctor` says what is")


@click.command()
@click.argument("deployment", type=click.Path(path_type=Path))
@click.option("--drill", is_flag=True, help="Against simulated venues, their node just dead.")
@click.option("--seed", type=click.IntRange(0, 10**18 - 1), default=0, help="Of the drill.")
@click.option("--yes", is_flag=True, help="Do not ask for the name of each account.")
@click.option("--by", default="somebody", show_default=True, help="Who pulls it.")
@click.option("--reason", default="pulled by hand", show_default=True)
@click.option(
    "--flatten",
    type=click.Choice(["venues", "nothing"]),
    default="venues",
    show_default=True,
    help="Close what the venue says is held, or leave positions alone.",
)
@click.option("--seconds-max", type=click.IntRange(1), default=600, show_default=True)
@click.option("--evidence", type=click.Path(path_type=Path), help="A new journal of what was said.")
@click.option("--json", "as_json", is_flag=True, help="Print one object and nothing else.")
def kill(
    deployment: Path,
    drill: bool,  # noqa: FBT001  # click hands flags over so
    seed: int,
    yes: bool,  # noqa: FBT001
    by: str,
    reason: str,
    flatten: Literal["venues", "nothing"],
    seconds_max: int,
    evidence: Path | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Cancel all that is open, close all that is held, and prove it, on each account of DEPLOYMENT.

    Block, cancel, confirm that none is open, flatten, verify: each step ends by the venue's own
    word, asked for after it began. It needs no node and no journal. DEPLOYMENT is a file:

    \b
        accounts:
          - account: binance_usdm/main
            key: BINANCE_KEY         # names of environment variables
            secret: BINANCE_SECRET
            contracts:
              - {symbol: BTCUSDT, base: BTC, quote: USDT, settle: USDT}

    or the one that `tieout live` runs by, NAME.toml: that one reaches its venues.
    """
    from tieout.operating.kill import kill as run
    from tieout.operating.kill_view import lines_of, watched

    with refusals():
        target = _target(deployment, seed, drill=drill)
        accounts = [each.account for each in target.told.accounts]
        for account, why in target.unreached.items():
            click.echo(f"{account} is not reached: {why}; nothing is sent there", err=True)
        if not yes:
            _confirm(accounts)
        with (
            closing(target.reach()) as reach,
            _store(evidence) as store,
            watched(accounts, shown=not as_json) as tell,
        ):
            before, began = _left(reach), reach.now()
            ending = run(
                target.told,
                reach,
                store,
                by=by,
                reason=reason,
                flatten=flatten,
                seconds_max=seconds_max,
                tell=lambda word: tell(word, reach.now() - began, _said(reach, word.account)),
            )
            after, said = _left(reach), {each: _said(reach, each) for each in accounts}
    held = ending.done and not target.unreached and not after.get("open")
    held = held and (flatten == "nothing" or not after.get("held"))
    if as_json:
        told = _object(ending, before, after, target.unreached, said, held=held)
        click.echo(json.dumps(told, indent=2))
    else:
        lines = lines_of(accounts, ending, said, target.unreached)
        click.echo("\n".join([*lines, _verdict(before, after, held=held)]))
    sys.exit(HELD if held else FAILED)


@dataclass(slots=True, frozen=True)
class Target:
    """The accounts that a kill goes for, what reaches them, and why others cannot be reached."""

    told: "Deployment"
    reach: "Callable[[], Reach]"
    unreached: dict[str, str] = field(default_factory=dict)


def _said(reach: "Reach", account: str) -> str:
    """Why the venue's last answer was no good one; "" where it was, or where nothing is asked."""
    from tieout.operating.kill_drill import DeadNode

    return "" if isinstance(reach, DeadNode) else reach.refusals.get(account, "")


def _target(path: Path, seed: int, *, drill: bool) -> Target:
    """What the file says is to be killed. Ends the program where nothing of it can be reached."""
    from tieout.operating.kill import BadDeployment, credentials, load

    if path.suffix == ".toml":
        return _deployed(path, seed, drill=drill)
    told = load(path)
    if drill:
        return Target(told, _drilled(path, told, seed))
    try:
        credentials(told)
    except BadDeployment as error:
        fail(LACKING, f"{path}: {error}; nothing was sent")
    fail(LACKING, NO_SOCKETS)


def _drilled(path: Path, told: "Deployment", seed: int) -> "Callable[[], Reach]":
    from tieout.operating.kill_drill import dead_node

    return lambda: dead_node(path, told, seed)


def _deployed(path: Path, seed: int, *, drill: bool) -> Target:
    """By the accounts of the file alone: whatever else is wrong there holds nothing up."""
    from tieout.deployment.file import load_accounts
    from tieout.operating.kill_live import LiveReach, accounts_of, reachable

    whole = load_accounts(path)
    if drill:
        told = accounts_of(whole)
        return Target(told, _drilled(path, told, seed))
    deployment, unreached = reachable(whole, path.parent)
    if not deployment.accounts:
        why = "; ".join(f"{account}: {each}" for account, each in unreached.items())
        fail(LACKING, f"{path}: {why}; nothing was sent")
    return Target(accounts_of(deployment), lambda: LiveReach(deployment, path.parent), unreached)


def _confirm(accounts: list[str]) -> None:
    """Each account's name, typed by whoever pulls it; anything else ends the program."""
    for account in accounts:
        click.echo(
            f"To cancel and close everything at {account}, type its name: ", err=True, nl=False
        )
        typed = sys.stdin.readline().strip()
        if typed != account:
            fail(BAD_INPUT, f"found {typed!r}; {account!r} would do, or --yes; nothing was sent")


@contextmanager
def _store(evidence: Path | None) -> "Iterator[Store]":
    """Where the evidence goes: a journal that was not there before, or memory."""
    if evidence is None:
        from sim.memory_store import MemoryStore

        yield MemoryStore()
        return
    from tieout.journals.sqlite_store import SqliteStore

    with closing(SqliteStore(evidence, create="new")) as store:
        yield store


# --- what a drill left ----------------------------------------------------------------------------


def _left(reach: "Reach") -> Left:
    """What is open and held, by simulated venues' truth; of real ones a kill's word is all."""
    from tieout.operating.kill_drill import DeadNode

    if not isinstance(reach, DeadNode):
        return {}
    return {"open": reach.open_orders(), "held": reach.positions()}


def _verdict(before: Left, after: Left, *, held: bool) -> str:
    verdict = "verified" if held else "NOT VERIFIED"
    if not before:
        return f"{verdict}, by the venues' own word"
    orders, positions = count(len(before["open"]), "order"), count(len(before["held"]), "position")
    left = [
        *(f"{each} open" for each in after["open"]),
        *(f"{each} held" for each in after["held"]),
    ]
    return (
        f"drill: {orders} and {positions} when the node died; {verdict};"
        f" by the venues' truth left: {', '.join(left) or 'nothing'}"
    )


def _object(
    ending: "Ending",
    before: Left,
    after: Left,
    unreached: dict[str, str],
    said: dict[str, str],
    *,
    held: bool,
) -> dict[str, object]:
    stages = {
        account: {"stage": each.stage, "open_orders": each.open_orders, "positions": each.positions}
        for account, each in ending.stages.items()
    }
    return {
        "held": held,
        "accounts": stages,
        "unreached": unreached,
        "last_refusals": {account: why for account, why in said.items() if why},
        "alerts": ending.alerts,
        "before": before,
        "after": after,
    }
