"""A strategy's process: `python -m tieout.gates.strategy_main SETTING`, one object of JSON.

It lives until its standard input ends, by whoever started it or with them: then its gate gives back
what it holds. One that is killed gives back nothing, and the node waits for its lease to end.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from tieout.exits import BAD_INPUT, fail
from tieout.gates.lease_stream import connect
from tieout.gates.quote_stream import Seen, hear_trades
from tieout.gates.strategy_process import StrategyProcess
from tieout.node.wishes import BadStrategy, made

# The node may be gone as well: then nobody says that it has counted what is final.
LEAVING_S_MAX = 5.0


class Setting(msgspec.Struct, frozen=True):
    """What a strategy's process is told as it starts; `wants` are lines of limits."""

    name: str
    kind: str
    options: dict[str, Any]
    accounts: tuple[str, ...]
    every_s: float
    wants: dict[str, int]
    deployment: str
    socket: str
    url: str


async def live(setting: Setting) -> None:
    """Trade until asked to end."""
    connecting = asyncio.create_task(connect(setting.url))
    ending = asyncio.create_task(_end_of_input())
    await asyncio.wait((connecting, ending), return_when=asyncio.FIRST_COMPLETED)
    if not connecting.done():
        connecting.cancel()
        return
    client, seen = connecting.result(), Seen(setting.accounts)
    process = StrategyProcess(
        made(setting.kind, setting.name, setting.options),
        seen,
        setting.every_s,
        setting.wants,
        accounts=setting.accounts,
        deployment=setting.deployment,
        socket=Path(setting.socket),
        client=client,
    )
    await seen.listen(client, setting.deployment)
    await hear_trades(client, setting.deployment, process.trade)
    living = asyncio.create_task(process.run())
    await asyncio.wait((living, ending), return_when=asyncio.FIRST_COMPLETED)
    if not living.done():
        await asyncio.wait((asyncio.create_task(process.gate.leave()),), timeout=LEAVING_S_MAX)
        living.cancel()
        return
    living.result()


async def _end_of_input() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()


if __name__ == "__main__":
    try:
        asyncio.run(live(msgspec.json.decode(sys.argv[1], type=Setting)))
    except* BadStrategy as wrong:
        fail(BAD_INPUT, "; ".join(map(str, wrong.exceptions)))
