"""A strategy's process: the taker of the catalogue, its gate beside it, and a market that stands.

python -m tests.strategy_child NAME DEPLOYMENT SOCKET NATS_URL
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from core.money import price
from core.strategy import Quote
from scenarios.strategies import taker
from tests.facts import PERP
from tests.leasing import LOT, uses_of
from tieout.gates.lease_stream import connect
from tieout.gates.strategy_process import StrategyProcess

QUOTE = Quote(PERP, "BTC-PERP", price("99"), price("101"), price("1"), LOT, 0)


async def main(name: str, deployment: str, socket: str, url: str) -> None:
    dice = random.Random(7)  # noqa: S311
    process = StrategyProcess(
        taker.make(name, {"one_in": 2}),
        lambda: (QUOTE,),
        0.02,
        {use.line: 3 for side in ("buy", "sell") for use in uses_of(name, side, 1)},
        deployment=deployment,
        socket=Path(socket),
        client=await connect(url),
        uses=lambda wish: uses_of(name, wish.side, wish.quantity // LOT),
        word=lambda: dice.getrandbits(64),
    )
    await process.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
