"""The journal that a deployment names: a file on this machine, or a server's, which one node leads.

A file has its lock, and whoever has that leads. At a server a node that restarts waits until the
lease of its last life is over; one that stands by follows until it leads.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.journal import Store
from core.state import State
from tieout.journals.sqlite_store import JournalError, SqliteStore

if TYPE_CHECKING:
    from tieout.deployment.file import Deployment, JournalServer

# Over a lease: what is asked for as it ends comes a little later.
WAIT_LEASES = 1.5


def always() -> bool:
    """Who holds a file's lock leads for as long as it lives."""
    return True


def journal_of(deployment: "Deployment", folder: Path, mode: str) -> Path:
    """The file of a world: that of paper stands beside that of the real accounts."""
    journal = folder / deployment.local_name
    return journal.with_stem(f"{journal.stem}.paper") if mode == "paper" else journal


@dataclass(slots=True, frozen=True)
class Held:
    """A journal that this node may write.

    `leads` is asked right before a request is written to a socket; the node lives no longer than
    `leading`; `warm` is the state at its end, where that was kept.
    """

    store: Store
    leads: Callable[[], bool] = always
    leading: Callable[[], Awaitable[None]] | None = None
    warm: State | None = None


async def held(
    deployment: "Deployment", folder: Path, stack: AsyncExitStack, mode: str = "live"
) -> Held:
    """Open it to be written, which the stack ends; raises `JournalError` where another does."""
    journal = deployment.journal
    if isinstance(journal, str) or mode == "paper":
        path = journal_of(deployment, folder, mode)
        if not path.parent.is_dir():
            raise JournalError(f"{path}: there is no folder {path.parent}; one of ours would do")
        store = SqliteStore(path)
        stack.callback(store.close)
        return Held(store)
    return await _led(journal, folder, deployment.name, stack)


async def _led(journal: "JournalServer", folder: Path, name: str, stack: AsyncExitStack) -> Held:
    from risk.adapter import LimitGate
    from tieout.journals.leadership import kept
    from tieout.journals.postgres_store import PostgresStore
    from tieout.journals.standby import Standby, until_leading

    def opened() -> PostgresStore:
        return PostgresStore(
            journal.place(folder),
            role="follows" if journal.standby else "leads",
            lease_s=journal.lease_s,
            wait_s=journal.lease_s * WAIT_LEASES,
            anchor=folder / name,
            answer_s=journal.answer_s,
        )

    store = await asyncio.to_thread(opened)
    stack.callback(store.close)
    warm = None
    if journal.standby:
        standby = await asyncio.to_thread(Standby, store, LimitGate())
        await until_leading(standby)
        warm = standby.state
    return Held(store, store.leadership.good, kept(store), warm)
