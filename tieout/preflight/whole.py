"""A preflight: all that must hold before a deployment goes live, each check by its name.

    house   journal, leadership, limits, alert channel
    venue   key rights, clock, modes, instruments, standing, kill drill      (of each account)
    rails   nodes, keys, webhooks, files, gates: what `rails` lists
    books   reconciliations: statements of each kind that agree in a row     (of each account)

Rule 1. To venues it sends reads and nothing else: its sessions can do no more.
Rule 2. A check that could not be made is red. What does not apply says so, and why.
Rule 3. What stands at a venue is adopted in the deployment's own journal, by events, as a start
would: the books that were found to agree are those that live goes on with.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tieout.deployment.file import Deployment
from tieout.deployment.ways import Mode, ways_of
from tieout.journals.deployed import Held
from tieout.live import Way
from tieout.preflight.books import ShadowBooks
from tieout.preflight.checks import Check, Tell, nobody, red
from tieout.preflight.house import Channel, of_channels, of_house, opened
from tieout.preflight.rails import of_rails
from tieout.preflight.venue import Known, of_venue, only_rights


@dataclass(slots=True)
class Preflight:
    """What was found. The journal is open, and leadership with it held, until the stack closes."""

    tell: Tell = nobody
    checks: list[Check] = field(default_factory=list)
    journal: Held | None = None

    def add(self, *made: Check) -> None:
        """Checks that were made, which whoever waits is told of at once."""
        for each in made:
            self.checks.append(each)
            self.tell(each)

    @property
    def missing(self) -> list[Check]:
        """What is red."""
        return [each for each in self.checks if each.result == "red"]


async def preflight(
    deployment: Deployment,
    folder: Path,
    mode: Mode,
    stack: AsyncExitStack,
    *,
    channel: Channel | None = None,
    clock: Callable[[], int] = time.time_ns,
    tell: Tell = nobody,
) -> Preflight:
    """Make every check for going `mode`. Raises `NoSecret`; whatever else is wrong is a check."""
    found = Preflight(tell)
    found.add(*of_house(deployment, folder, mode))
    found.add(await (channel() if channel else of_channels(deployment, folder, mode)))
    found.journal, led = await opened(deployment, folder, mode, found.missing, stack)
    found.add(led)
    async with AsyncExitStack() as sockets:
        ways = await ways_of(deployment, folder, sockets, "shadow")
        await _of_accounts(deployment, folder, ways, mode, found, clock)
    return found


async def _of_accounts(
    deployment: Deployment,
    folder: Path,
    ways: Sequence[Way],
    mode: Mode,
    found: Preflight,
    clock: Callable[[], int],
) -> None:
    """Of each account what its venue or its rail says, then what books of venues say."""
    journal = found.journal
    books = ShadowBooks(deployment, journal.store, ways, clock) if journal is not None else None
    known = books.known() if books is not None else Known()
    found.add(*await of_rails(deployment, folder, mode, books.state if books is not None else None))
    asked = (of_venue(deployment, way, mode, known, clock) for way in ways)
    for several in await asyncio.gather(*asked):
        found.add(*several)
    if journal is not None:  # what was kept warm is older than what is about to be journaled
        found.journal = replace(journal, warm=None)
    found.add(*await _of_books(deployment, books, found.missing))


async def _of_books(
    deployment: Deployment, books: ShadowBooks | None, missing: list[Check]
) -> list[Check]:
    """Books are only begun where nothing is wrong: what stands there is adopted with them."""
    if books is not None and not missing:
        return await books.reconciled()
    first = f"not tried: {missing[0].name} is red" if missing else "not tried"
    would_do = "what is red above put right would do"
    return [red("reconciliations", each.account, first, would_do) for each in deployment.accounts]


async def rights_alone(deployment: Deployment, folder: Path, mode: Mode) -> list[Check]:
    """The check of keys alone, of each account."""
    async with AsyncExitStack() as stack:
        ways = await ways_of(deployment, folder, stack, "shadow")
        return list(await asyncio.gather(*(only_rights(way, mode) for way in ways)))
