"""A venue's front door over TLS, in a process of its own, which tells recorded frames.

    python -m bench.live_server FRAMES CA

FRAMES has one frame a line. Each new private stream is told them all, as fast as it reads, or
spaced by the microseconds that the last line on standard input says. It prints its port.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tieout.wire.fronts import FRONTS
from tieout.wire.server import WireServer
from tieout.wire.tls import Authority
from tieout.wire.world import WireWorld, scenario_of
from venues.served import Key

VENUE = "binance_spot"
KEY = Key("a-key-for-the-bench", "a-secret-for-the-bench")


class Teller:
    """In the place of the venue's wire: its private stream tells what was recorded."""

    def __init__(self, wire: Any, frames: list[bytes]) -> None:
        self._wire, self._frames, self.gap_us = wire, frames, 0
        self._telling: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wire, name)

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        on_open()
        self._telling = asyncio.create_task(self._tell(on_frame))

    async def _tell(self, on_frame: Callable[[bytes], None]) -> None:
        for frame in self._frames:
            if self.gap_us:
                await asyncio.sleep(self.gap_us / 1e6)
            on_frame(frame)


async def serve(frames: list[bytes], ca: Path) -> None:
    world, door = WireWorld(scenario_of(VENUE)), FRONTS[VENUE](KEY)
    site = world.sites[VENUE]
    teller = Teller(site.wire, frames)
    site.wire = teller  # type: ignore[assignment]  # it stands in for one
    authority, server = Authority(door.hosts), WireServer(world, {VENUE: door})
    authority.save(ca)
    await server.start(0, authority.server())
    print(server.port, flush=True)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        teller.gap_us = int(line)
        print("so be it", flush=True)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).read_bytes().splitlines(), Path(sys.argv[2])))
