"""The ways of a deployment: for each account a live twin, its keys read, its sockets to be closed.

With a `wire`, every name leads to `tieout wire` on this machine, and nothing leaves it. In shadow
mode a way can only read.
"""

import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ccxt.pro
from aiohttp import ClientSession

from tieout.deployment.file import BadDeployment, Deployment, Wire
from tieout.journals.deployed import always
from tieout.live import Way
from tieout.node.seen import is_watched
from tieout.wire.fronts import FRONTS, WAYS
from tieout.wire.tls import session
from venues.live import Live
from venues.read_only import settings
from venues.served import Key

if TYPE_CHECKING:
    from scenarios.model import VenueSpec

Mode = Literal["sim", "paper", "shadow", "live"]


async def ways_of(
    deployment: Deployment,
    folder: Path,
    stack: AsyncExitStack,
    mode: Mode,
    leads: Callable[[], bool] = always,
) -> list[Way]:
    """A way for each account, read-only in shadow; the stack closes all. Raises `NoSecret`.

    Nothing is sent unless the node `leads`.
    """
    accounts = deployment.accounts
    return [await _way(deployment, spec, folder, stack, mode, leads) for spec in accounts]


async def _way(
    deployment: Deployment,
    spec: "VenueSpec",
    folder: Path,
    stack: AsyncExitStack,
    mode: Mode,
    leads: Callable[[], bool],
) -> Way:
    told, ways = deployment.keys[spec.account].read(folder), WAYS[spec.dialect]
    only = settings(ways.reads) if mode == "shadow" else {}
    client = await stack.enter_async_context(
        session_of(deployment.wire, spec.dialect, folder, only)
    )
    made = getattr(ccxt.pro, ways.exchange)
    exchange = made({**told, "session": client, "options": dict(ways.options)})
    live = Live(exchange, ways, client, time.time_ns, leads)
    stack.push_async_callback(live.close)
    symbols = tuple(each.symbol for each in spec.instruments)
    trades = symbols if is_watched(spec.account, deployment.strategies) else ()
    return Way(spec, live, live.open_public(symbols, trades))


def session_of(wire: Wire | None, venue: str, folder: Path, only: dict[str, Any]) -> ClientSession:
    """A session to the venue, or to `tieout wire`; `only` are aiohttp's settings of it."""
    if wire is None:
        return ClientSession(**only)
    try:
        context = ssl.create_default_context(cafile=folder / wire.ca)
    except OSError as error:  # one of TLS names no file
        found = f"wire.ca: found {wire.ca!r}, which gives no certificate ({type(error).__name__})"
        raise BadDeployment(f"{found}; what `tieout wire` writes would do") from None
    return session(FRONTS[venue](Key("", "")).hosts, wire.port, context, **only)
