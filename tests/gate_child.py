"""A strategy's process as the tests have it: a real gate, and a strategy that does as told.

    python -m tests.gate_child NAME DEPLOYMENT SOCKET NATS_URL

It reads a command a line and answers with a line: `order buy 3`, `cancel ID`, `want 5`, `phase`,
`usage`, `told`, `position`, `leave`, `mute` (its gate says nothing to the stream), `speak`, and
`forge 9` (it lets pass what its lease does not).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from core.effects import TellPosition, TellStrategy
from core.events import CancelRequested, OrderRequested
from core.risk_events import Ticket
from tests.facts import PERP
from tests.leasing import LOT, uses_of
from tieout.gates.gate_process import GateProcess
from tieout.gates.lease_stream import connect
from tieout.gates.order_socket import Told


class Commanded:
    """The strategy."""

    def __init__(self, gate: GateProcess, told: list[Told]) -> None:
        self._gate, self._told = gate, told
        self._tell: Any = gate._leases.tell
        self._orders = 0

    async def obey(self, command: str) -> str:
        match command.split():
            case ["order", side, lots]:
                return str(self._gate.order(self._wish(side, int(lots))))
            case ["want", lots]:
                for side in ("buy", "sell"):
                    for use in uses_of(self._gate.holder.gate, side, int(lots)):  # type: ignore[arg-type]
                        self._gate.holder.want(use.line, int(lots))
                return ""
            case ["phase"]:
                self._gate.holder.open_permille(self._gate._clock())
                return self._gate.holder.phase
            case ["usage"]:
                return str(sum(each.amount for each in self._gate.holder.usage()))
            case ["told"]:
                what = [each.what for each in self._told]
                return " ".join(each.status for each in what if isinstance(each, TellStrategy))
            case ["position"]:
                what = [each.what for each in self._told]
                held = [each.quantity for each in what if isinstance(each, TellPosition)]
                return str(held[-1] // LOT) if held else "nothing told"
            case ["cancel", name]:
                wish = CancelRequested(
                    received_at=0, strategy=self._gate.holder.gate, client_order_id=name
                )
                return str(self._gate.ask(wish))
            case ["leave"]:
                await self._gate.leave()
                return self._gate.holder.phase
            case ["mute"]:
                self._gate._leases.tell = lambda *told: None  # type: ignore[method-assign]
                return ""
            case ["speak"]:
                self._gate._leases.tell = self._tell  # type: ignore[method-assign]
                return ""
            case ["forge", lots]:
                return self._forge(int(lots))
        return f"no command: {command}"

    def _wish(self, side: Any, lots: int) -> OrderRequested:
        self._orders += 1
        return OrderRequested(
            received_at=0,
            strategy=self._gate.holder.gate,
            reference=str(self._orders),
            account=PERP,
            instrument="BTC-PERP",
            side=side,
            quantity=lots * LOT,
            kind="market",
        )

    def _forge(self, lots: int) -> str:
        """Make a gate that lets pass what its lease does not: its budgets are what it likes."""
        holder = self._gate.holder
        uses = uses_of(holder.gate, "buy", lots)
        holder.spend = lambda now, uses: 0  # type: ignore[method-assign]
        made: Ticket = holder.ticket(uses)
        holder.ticket = lambda uses, now=0, heard=0, price=0: Ticket(  # type: ignore[method-assign]
            made.gate, made.epoch, made.sequence, uses, made.lease, heard, now, price
        )
        return str(self._gate.order(self._wish("buy", lots)))


async def main(name: str, deployment: str, socket: str, url: str) -> None:
    heard: list[Told] = []
    gate = GateProcess(
        name,
        deployment,
        Path(socket),
        await connect(url),
        uses=lambda wish: uses_of(name, wish.side, wish.quantity // LOT),
        on_told=heard.append,
    )
    strategy = Commanded(gate, heard)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    living = asyncio.create_task(gate.run())
    while line := await lines.readline():
        print(await strategy.obey(line.decode().strip()), flush=True)
    living.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
