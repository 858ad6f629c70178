"""`tieout gates`: a scenario's strategies in processes of their own, each with its gate beside it.

0 orders came through and no limit was passed; 1 one was, or none came; 2 bad input; 3 the
environment lacks something; 130 it was interrupted.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tieout.exits import BAD_INPUT, FAILED, HELD, INTERRUPTED, LACKING, fail
from tieout.reports.words import count

if TYPE_CHECKING:
    from scenarios.model import Scenario
    from tieout.gates.paced import Paced

WOULD_DO = "three_gates_one_limit would do"


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from scenarios.model import BadScenario
    from tieout.reports.files import CannotSave

    try:
        yield
    except (BadScenario, CannotSave) as error:
        fail(BAD_INPUT, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; `tieout doctor` says what is")
    except KeyboardInterrupt:
        fail(INTERRUPTED, "interrupted")


@click.command()
@click.argument("scenario")
@click.option("--seconds", type=click.IntRange(1, 3600), default=20, show_default=True)
@click.option("--seed", type=click.IntRange(0, 10**18 - 1), default=0, help="Of the venues' world.")
@click.option("--nats", metavar="URL", help="A server with JetStream; without one, one is started.")
@click.option("--deployment", default="tieout", show_default=True, help="Its subjects begin so.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the journal.")
@click.option("--json", "as_json", is_flag=True, help="Print one object and nothing else.")
def gates(
    scenario: str,
    seconds: int,
    seed: int,
    nats: str | None,
    deployment: str,
    out: Path | None,
    as_json: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """Run SCENARIO's strategies in processes of their own, by the machine's clock.

    The node is in this process. Orders come over a Unix socket, leases travel over NATS; the
    venues are simulated, and nothing fails but what you make fail: kill a process, or the server.
    """
    with refusals():
        from scenarios.model import find
        from tieout.gates.nats_server import NoServer, serving
        from tieout.gates.paced import Paced
        from tieout.reports.files import naming, save_journal

        paced = Paced(_served(find(scenario)), seed, seconds, deployment)
        try:
            with nullcontext(nats) if nats else serving() as url:
                asyncio.run(paced.run(url))
        except NoServer as error:
            fail(LACKING, str(error))
        if out is not None:
            with naming(out):
                out.mkdir(parents=True, exist_ok=True)
                save_journal(paced.store, out / "journal.db")
    found = figures(paced)
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(scenario, found)))
    sys.exit(HELD if found["orders"] and not found["limit_breaches"] else FAILED)


def _served(scenario: "Scenario") -> "Scenario":
    """A scenario that trades under limits, on venues alone."""
    from scenarios.model import BadScenario

    name = scenario.name
    if scenario.limits is None or not scenario.strategies:
        raise BadScenario(f"{name}: no limits that gates could lease from; {WOULD_DO}")
    if scenario.settling is not None or scenario.tokens or scenario.kills:
        raise BadScenario(
            f"{name}: settlement, tokens and kills are run by `tieout run`; {WOULD_DO}"
        )
    return scenario


def figures(paced: "Paced") -> dict[str, Any]:
    """What came of it."""
    dared, process = paced.simulation.dared, paced.process
    assert dared is not None
    assert process is not None
    counts = process.node.state.counts
    return {
        "asked": paced.asked(),
        "orders": dared.decided,
        "refused": {n.partition("/")[2]: c for n, c in counts.items() if n.startswith("refused/")},
        "epochs": process.node.state.risk.epochs_made,
        "not_taken_in": dict(process.counts),
        "limit_breaches": len(dared.oracle.breaches),
        "peak": dared.figures(process.node.state)["peak"],
    }


def _lines(scenario: str, found: dict[str, Any]) -> Iterator[str]:
    yield f"{scenario}: {count(len(found['asked']), 'gate')} in processes of their own"
    for name, asked in found["asked"].items():
        yield f"  {name}: {count(asked, 'order')} on its gate's word"
    yield f"{count(found['orders'], 'order')} let through by the node"
    for code, times in sorted(found["refused"].items()):
        yield f"  refused: {code} {times} times"
    for what, times in sorted(found["not_taken_in"].items()):
        yield f"  not taken in: {what} {times} times"
    yield f"limit breaches: {found['limit_breaches']}"
