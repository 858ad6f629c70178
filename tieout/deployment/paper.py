"""Paper mode: the deployment's node, accounts on this machine, prices of the real venues.

Rule 1. What leaves is a subscription to public data, and nothing else: no key is read, the session
lets through one dial and the words of a subscription, and requests of the node go to the paper
account.
Rule 2. A paper account lives as long as its process: a journal of another life has books of one
that is no more, and is refused.
"""

import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import ccxt.pro

from core.journal import Store
from scenarios.model import VenueSpec
from tieout.deployment.file import BadDeployment, Deployment
from tieout.deployment.paper_world import PaperWorld
from tieout.deployment.ways import session_of
from tieout.live import Way
from tieout.node.seen import is_watched
from tieout.wire.fronts import WAYS
from venues.live import Live, Ways
from venues.read_only import one_socket

SUBSCRIBES = frozenset({"SUBSCRIBE", "subscribe", "ping", "pong"})


def check_fresh(store: Store, journal: Path) -> None:
    """Raises `BadDeployment` where a paper account of another life has books."""
    last, _ = store.last()
    if last:
        found = f"found {last} records of a paper account that is no more"
        raise BadDeployment(f"{journal}: {found}; it moved away, or another journal, would do")


async def paper_ways(
    deployment: Deployment, folder: Path, stack: AsyncExitStack
) -> tuple[list[Way], list[Coroutine[Any, Any, None]]]:
    """A way to a paper account for each of the deployment's, and the pace of their worlds."""
    worlds = [PaperWorld(spec) for spec in deployment.accounts]
    ways = [await _way(deployment, world, folder, stack) for world in worlds]
    for world in worlds:
        world.begin()
    return ways, [world.pace() for world in worlds]


async def _way(
    deployment: Deployment, world: PaperWorld, folder: Path, stack: AsyncExitStack
) -> Way:
    spec, ways = world.spec, WAYS[world.spec.dialect]
    feed = await public_feed(deployment, spec, ways, folder, stack)
    symbols = tuple(each.symbol for each in spec.instruments)
    trades = symbols if is_watched(spec.account, deployment.strategies) else ()
    return Way(spec, world.transport(), world.overhears(feed.open_public(symbols, trades)))


async def public_feed(
    deployment: Deployment, spec: VenueSpec, ways: Ways, folder: Path, stack: AsyncExitStack
) -> Live:
    """A twin without a key, whose session can dial the public socket and subscribe."""
    exchange = getattr(ccxt.pro, ways.exchange)({"options": dict(ways.options)})
    place = await ways.public_place(exchange)
    only = one_socket(place, SUBSCRIBES)
    client = await stack.enter_async_context(
        session_of(deployment.wire, spec.dialect, folder, only)
    )
    exchange.session, exchange.own_session = client, False
    live = Live(exchange, ways, client, time.time_ns)
    stack.push_async_callback(live.close)
    return live
