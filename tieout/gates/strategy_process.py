"""A strategy in a process of its own, its gate beside it.

True here: the strategy is the same file that runs in simulation; it is shown a tick on time, and
trades and bars if it asks for them, hears what the node tells of its orders, and hears of an order
that its gate refused at once, from here. What it saw of the market goes with each order as the
reference price of its ticket.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from nats.aio.client import Client

from core.effects import TellMove, TellPosition, TellStrategy
from core.events import CancelRequested, MoveRequested, OrderRequested
from core.risk_events import Use
from core.strategy import MovesCash, PublicTrade, Quote, Strategy, Tick, Wish
from risk.beside import refusal, uses_of
from risk.lease_holder import PASSED
from tieout.gates.gate_process import GateProcess
from tieout.gates.order_socket import Told
from tieout.node.sights import Sights
from tieout.node.wishes import answered

SECOND = 1_000_000_000
WORD_BITS = 64


class StrategyProcess:
    """The loop around a strategy. `look` shows what the market shows now, `word` is 64 bits of
    dice; `wants` are lines, and how much of each its gate likes to hold unspent.
    """

    def __init__(
        self,
        strategy: Strategy,
        look: Callable[[], tuple[Quote, ...]],
        every_s: float,
        wants: dict[str, int],
        *,
        accounts: tuple[str, ...] = (),
        deployment: str,
        socket: Path,
        client: Client,
        uses: Callable[[OrderRequested], tuple[Use, ...]] = uses_of,
        word: Callable[[], int] = lambda: secrets.randbits(WORD_BITS),
    ) -> None:
        self._strategy, self._look, self._every_s, self._word = strategy, look, every_s, word
        self.gate = GateProcess(
            strategy.name, deployment, socket, client, uses=uses, on_told=self._hear
        )
        self._wants = wants
        self._sights = Sights(((strategy, accounts),), time.time_ns())
        self._quotes: tuple[Quote, ...] = ()

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.gate.run())
            group.create_task(self._ticks())
            group.create_task(self._close_bars())

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            for line, amount in self._wants.items():  # a new epoch begins with no wishes
                self.gate.holder.want(line, amount)
            self._quotes = self._look()
            tick = Tick(time.time_ns(), self._word(), self._quotes)
            self._wish(answered(self._strategy.name, self._strategy.on_tick, tick))

    def trade(self, told: PublicTrade) -> None:
        """A trade was told just now."""
        self._quotes = self._look()
        self._sights.gather(told)
        self._wish(self._sights.trade(told))

    async def _close_bars(self) -> None:
        while at := self._sights.next_close(time.time_ns()):
            await asyncio.sleep((at - time.time_ns()) / SECOND)
            self._quotes = self._look()
            self._wish(self._sights.close(time.time_ns()))

    def _hear(self, told: Told) -> None:
        name, now = self._strategy.name, time.time_ns()
        match told.what:
            case TellStrategy():
                self._wish(answered(name, self._strategy.on_order, told.what, now))
            case TellPosition():
                self._wish(answered(name, self._strategy.on_position, told.what, now))
            case TellMove():
                if isinstance(self._strategy, MovesCash):
                    self._wish(answered(name, self._strategy.on_move, told.what, now))
            case _:
                pass  # whether it may trade the node decides, and refuses

    def _wish(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            match wish:
                case CancelRequested() | MoveRequested():
                    self.gate.ask(wish)
                case OrderRequested():
                    if self.gate.order(wish, self._price(wish)) != PASSED:
                        told, now = refusal(wish), time.time_ns()
                        self._wish(answered(wish.strategy, self._strategy.on_order, told, now))

    def _price(self, wish: OrderRequested) -> int:
        """What the order would trade against, as the strategy saw it; 0 where it saw nothing."""
        for quote in self._quotes:
            if (quote.account, quote.instrument) == (wish.account, wish.instrument):
                return quote.ask if wish.side == "buy" else quote.bid
        return 0
