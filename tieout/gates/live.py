"""Strategies of a live node in processes of their own, each with its gate beside it.

    strategy, gate ── orders, on a Unix socket ─────────→ the node's loop
    (its process)  ←─ leases and quotes, over NATS ──────

True here: who decides is `tieout.gates.gate_server`, the same as around any node; this file starts
the processes and shows them the market. What they may spend the node lends them: where the server
is away for longer than a lease, or a process is gone, its gate is closed, and the node trades on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from nats.aio.client import Client

from core.effects import Effect
from core.frames import Decode
from core.strategy import PublicTrade, Quote
from scenarios.model import StrategySpec
from tieout.deployment.limits import Reviewed
from tieout.gates.gate_server import GateServer
from tieout.gates.lease_stream import FAILED, reached
from tieout.gates.quote_stream import show
from tieout.gates.strategy_lives import StrategyLife, setting_of
from tieout.node.loop import NodeLoop
from tieout.watching.alert_hook import Alert

SHOWN_EVERY_S = 0.05


async def gates_beside(
    deployment: str,
    url: str,
    strategies: Sequence[StrategySpec],
    limits: Reviewed,
    stack: AsyncExitStack,
    quotes: Callable[[], tuple[Quote, ...]],
    alert: Alert,
) -> "LiveGates":
    """The gates of these strategies; raises `NoServer` where no server answers at `url`.

    `quotes` is all that the node's markets show. The stack closes the connection; the socket is in
    a folder of its own, for a path beside the journal may be longer than a socket's can be.
    """
    client = await reached(url)
    stack.push_async_callback(client.close)
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="tieout")))
    place = (deployment, folder / "orders", url)
    lives = {
        each.name: StrategyLife(setting_of(each, limits, limits.spec, place), alert)
        for each in strategies
    }
    return LiveGates(lives, deployment, folder / "orders", client, quotes)


class LiveGates:
    """What lives beside a node (`tieout.node.rails.Beside`): a gate and a process each strategy."""

    readers: Mapping[str, Decode] = {}

    def __init__(
        self,
        lives: Mapping[str, StrategyLife],
        deployment: str,
        socket: Path,
        client: Client,
        quotes: Callable[[], tuple[Quote, ...]],
    ) -> None:
        self.lives = lives
        self._deployment, self._socket = deployment, socket
        self._client, self._quotes = client, quotes
        self._trades: list[PublicTrade] = []

    def live_in(self, loop: NodeLoop) -> None:
        self.server = GateServer(loop, {name: frozenset({name}) for name in self.lives})

    async def begin(self, known: Mapping[str, object]) -> None:
        """Nothing: what was lent before the node began is over, or ends by itself."""

    def perform(self, effect: Effect) -> bool:
        return self.server.perform(effect)

    async def committed(self) -> None:
        await self.server.committed()

    async def run(self) -> None:
        """Until cancelled; no process of a strategy is left behind."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.server.run(self._socket, self._client, self._deployment))
            group.create_task(self._show())
            for life in self.lives.values():
                group.create_task(life.run())

    async def _show(self) -> None:
        """The market, while somebody could see it: what is old then is not worth telling."""
        while True:
            trades, self._trades = tuple(self._trades), []
            if self._client.is_connected:
                with suppress(*FAILED):
                    await show(self._client, self._deployment, self._quotes(), trades)
            await asyncio.sleep(SHOWN_EVERY_S)

    def trade(self, told: PublicTrade) -> None:
        """It is shown with the next quotes."""
        self._trades.append(told)

    # --- who may trade now ------------------------------------------------------------------------

    def rest(self) -> None:
        """Their processes give back what they hold, and end; what they still send is refused."""
        self.server.resting = True
        for life in self.lives.values():
            life.leave()

    def at_rest(self) -> bool:
        """Whether all processes have ended."""
        return not any(life.process for life in self.lives.values())

    def wake(self) -> None:
        """They are begun anew."""
        self.server.resting = False
        for life in self.lives.values():
            life.come_back()
