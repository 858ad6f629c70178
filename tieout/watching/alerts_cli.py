"""`tieout alerts`: what stands, who sees to it, whether anybody would hear, and who waits for
heartbeats.

0 it was done, or all nodes are alive; 1 a channel took nothing, or a node is not alive; 2 bad
input; 3 the environment lacks something.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.asked import Amount
from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING, fail

if TYPE_CHECKING:
    from tieout.watching.alert_book import Alert
    from tieout.watching.alerts import Desk

ALERTS = ".alerts"


@contextmanager
def refusals() -> Iterator[None]:
    """What a user got wrong is a message and a status, never a traceback."""
    from tieout.deployment.file import BadDeployment, NoSecret
    from tieout.watching.alert_book import NoAlert, NoBook

    try:
        yield
    except (NoBook, NoAlert, BadDeployment, NoSecret) as error:
        fail(BAD_INPUT, str(error))
    except ModuleNotFoundError as error:
        fail(LACKING, f"{error.name} is not installed; the extra `live` has it")


def book_of(journal: Path) -> Path:
    """The book beside a journal; a path that is one already is itself."""
    return journal if journal.suffix == ALERTS else journal.with_name(journal.name + ALERTS)


@click.group()
def alerts() -> None:
    """What people should hear of a live node, and whether they do."""


@alerts.command("list")
@click.argument("journal", type=click.Path(path_type=Path))
@click.option("--all", "also_over", is_flag=True, help="Those that are over, too.")
@click.option("--json", "as_json", is_flag=True)
def list_alerts(journal: Path, also_over: bool, as_json: bool) -> None:  # noqa: FBT001  # click's
    """The alerts of a JOURNAL that stand, the oldest first."""
    with refusals():
        from tieout.watching.alert_book import Book

        book = Book(book_of(journal), create=False)
        found = book.all() if also_over else book.standing()
        book.close()
    if as_json:
        print(json.dumps({"alerts": [each._asdict() for each in found]}, indent=2))
        return
    for each in found:
        click.echo(line(each))
    if not found:
        click.echo("no alert stands")


def line(alert: "Alert") -> str:
    """An alert as a person reads it."""
    from tieout.reports.words import clock

    seen = f" by {alert.acknowledged_by}" if alert.acknowledged_by else ""
    times = f", {alert.times} times" if alert.times > 1 else ""
    level = f", level {alert.level}" if alert.level else ""
    head = f"{alert.id}  {alert.severity}  {alert.status}{seen}{level}  {alert.owner}"
    return f"{head}  {alert.subject}: {alert.text} (since {clock(alert.raised_at)} UTC{times})"


@alerts.command()
@click.argument("journal", type=click.Path(path_type=Path))
@click.argument("number", type=click.IntRange(1))
@click.option("--by", required=True, help="Who sees to it.")
def ack(journal: Path, number: int, by: str) -> None:
    """Say that somebody sees to alert NUMBER of a JOURNAL: it escalates no further."""
    if not by.strip():
        fail(BAD_INPUT, "--by: found nothing; a person's name would do")
    with refusals():
        from tieout.watching.alert_book import Book

        book = Book(book_of(journal), create=False)
        found = book.acknowledge(number, by.strip(), time.time_ns())
        book.close()
    click.echo(line(found))


@alerts.command()
@click.argument("deployment", type=click.Path(path_type=Path))
def test(deployment: Path) -> None:
    """Tell every channel of a DEPLOYMENT a test, and say which of them took it."""
    with refusals():
        from tieout.deployment.file import load, secret
        from tieout.deployment.unread import check_secrets
        from tieout.watching.alert_channels import tried

        found = load(deployment)
        spec = found.alerts
        if spec is None:
            fail(BAD_INPUT, f"{deployment}: it names no channels; a table [alerts] would do")
        check_secrets(found, deployment, "paper")  # which asks for those of alerts alone
        folder = deployment.parent
        at = time.time_ns
        told = asyncio.run(tried(spec, found.name, lambda name: secret(name, folder), at))
    for name, why in told.items():
        click.echo(f"{'told' if not why else 'NOT TOLD'}  {name}{f': {why}' if why else ''}")
    sys.exit(FAILED if any(told.values()) else HELD)


@alerts.command()
@click.argument("urls", nargs=-1, required=True)
@click.option("--every", type=Amount(min=0.05), default=5.0, show_default=True)
@click.option("--missed", type=click.IntRange(1), default=3, show_default=True)
@click.option("--tell", type=click.Path(path_type=Path), help="A deployment, whose channels hear.")
@click.option("--book", type=click.Path(path_type=Path), help="Where its alerts are kept.")
@click.option("--once", is_flag=True, help="Ask so often as a death needs, and end.")
def watch(
    urls: tuple[str, ...],
    every: float,
    missed: int,
    tell: Path | None,
    book: Path | None,
    once: bool,  # noqa: FBT001  # click hands flags over so
) -> None:
    """Wait for the heartbeats of nodes at URLS, such as http://10.0.0.5:9464.

    It runs on another machine than they do. A node is silent after so many askings in a row that
    nobody answered. With --tell the channels of a deployment's file hear of it.
    """
    for url in urls:
        if not url.startswith(("http://", "https://")):
            fail(BAD_INPUT, f"found {url!r}; http://HOST:PORT would do")
    with refusals():
        alive = asyncio.run(_watch(urls, every, missed, tell, book, once=once))
    sys.exit(HELD if alive else FAILED)


async def _watch(
    urls: tuple[str, ...],
    every: float,
    missed: int,
    tell: Path | None,
    book: Path | None,
    *,
    once: bool,
) -> bool:
    from aiohttp import ClientSession

    from tieout.watching.heartbeats import Watched, round_of

    nodes = [Watched(url, missed) for url in dict.fromkeys(urls)]
    rounds = 0
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(ClientSession())
        desk = _desk(tell, book, client, stack) if tell is not None else None
        while not (once and rounds >= missed):
            begun = time.monotonic()
            for each in await round_of(client, nodes, every, time.time_ns):
                click.echo(f"{each.verdict}  {each.node or each.url}  record {each.position}")
            rounds += 1
            if desk is not None:
                desk.look([found for each in nodes if (found := each.condition()) is not None])
                desk.tell()
            if once and (rounds >= missed or all(each.verdict == "alive" for each in nodes)):
                break
            await asyncio.sleep(max(0.0, every - (time.monotonic() - begun)))
        if desk is not None:
            await desk.quiet()
    return all(each.verdict == "alive" for each in nodes)


def _desk(tell: Path, book: Path | None, client: object, stack: AsyncExitStack) -> "Desk":
    from aiohttp import ClientSession

    from tieout.deployment.file import load, secret
    from tieout.watching.alert_book import Book
    from tieout.watching.alert_channels import channel
    from tieout.watching.alerts import Desk

    found = load(tell)
    if found.alerts is None:
        fail(BAD_INPUT, f"{tell}: it names no channels; a table [alerts] would do")
    assert isinstance(client, ClientSession)
    made = {
        each.name: channel(each, lambda r: secret(r, tell.parent), client, time.time_ns)
        for each in found.alerts.channels
    }
    kept = Book(book if book is not None else ":memory:")
    stack.callback(kept.close)
    return Desk(f"{found.name}_watch", found.alerts, kept, made)
