"""Deployments for tests: a file, its secrets beside it, and the served venues that it leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sim.faults import Fault
from tests.live import KEY, Served
from tieout.deployment.file import Deployment, load
from tieout.deployment.ways import Mode
from tieout.node.dialects import DIALECTS
from tieout.preflight.whole import Preflight, preflight

TEXT = """
name = "desk"
journal = "desk.db"
{limits}
alerts = "none"

[wire]
port = {port}
ca = "ca.pem"

[[accounts]]
venue = "{venue}"
keys = {{key = "file:key", secret = "file:secret", passphrase = "file:passphrase"}}
{account}

[[strategies]]
kind = "taker"
name = "tk"
tick_ms = 200
options = {{hedged = {hedged}}}
"""


def secrets(folder: Path) -> None:
    """The key of the served venues, for its owner alone."""
    for name, text in (("key", KEY.name), ("secret", KEY.secret), ("passphrase", KEY.passphrase)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)


def written(
    folder: Path, venue: str, port: int = 1, *, limits: str = 'limits = "none"', account: str = ""
) -> Path:
    """A deployment's file of one account."""
    path = folder / "desk.toml"
    hedged = str(DIALECTS[venue].hedged).lower()
    text = TEXT.format(limits=limits, port=port, venue=venue, account=account, hedged=hedged)
    path.write_text(text)
    secrets(folder)
    return path


@dataclass
class Desk:
    """A served venue, and a deployment of one account there."""

    served: Served
    path: Path

    @property
    def deployment(self) -> Deployment:
        return load(self.path)

    async def checked(self, mode: Mode = "live", **settings: object) -> Preflight:
        """A preflight from beginning to end."""
        async with AsyncExitStack() as stack:
            return await preflight(
                self.deployment,
                self.path.parent,
                mode,
                stack,
                **settings,  # type: ignore[arg-type]  # handed on
            )


async def desk(
    folder: Path,
    venue: str,
    plan: Sequence[Fault] = (),
    *,
    rights: tuple[str, ...] = KEY.rights,
    limits: str = 'limits = "none"',
    account: str = "",
) -> Desk:
    """The venue served, its key with those rights, and the file."""
    served = await Served.start(venue, 3, plan)
    served.door.key = replace(KEY, rights=rights)  # type: ignore[attr-defined]  # every door has one
    served.authority.save(folder / "ca.pem")
    return Desk(served, written(folder, venue, served.server.port, limits=limits, account=account))


def run(test: Callable[[], Awaitable[None]], seconds: float = 90) -> None:
    asyncio.run(asyncio.wait_for(test(), seconds))
