"""Strategies' processes as their node has them: begun, begun anew when they die, asked to end.

True here: a process holds nothing that the node needs. One that died left a lease that ends by
itself and orders that the node knows; the one that follows it begins under an epoch of its own.
"""

import asyncio
from asyncio.subprocess import Process
from pathlib import Path

import msgspec

from risk.beside import POSITIONS
from scenarios.bounds import LimitsSpec
from scenarios.model import StrategySpec
from tieout.gates import children
from tieout.gates.strategy_main import Setting
from tieout.risk.loading import Traders, loaded
from tieout.watching.alert_hook import Alert

AGAIN_S = 1.0


def setting_of(
    spec: StrategySpec, traders: Traders, limits: LimitsSpec, place: tuple[str, Path, str]
) -> Setting:
    """What the strategy's process is told; `place` is deployment, socket and the server's address.

    Its gate likes to hold all of each limit that it could ever need: what several want is shared.
    """
    deployment, socket, url = place
    lines = loaded(traders, limits, 0).limits
    return Setting(
        spec.name,
        spec.kind,
        dict(spec.options),
        spec.accounts,
        spec.tick_ms / 1000,
        {each.line: each.amount for each in lines if _concerns(each.line, spec.name)},
        deployment,
        str(socket),
        url,
    )


def _concerns(line: str, strategy: str) -> bool:
    """A strategy's own lines are wanted by its gate only, those of accounts by all."""
    control, owner, *_ = line.split("/")
    return control in POSITIONS and (control == POSITIONS[0] or owner == strategy)


def words(setting: Setting) -> list[str]:
    """What Python is told to run its process."""
    return ["-m", "tieout.gates.strategy_main", msgspec.json.encode(setting).decode()]


class StrategyLife:
    """One strategy's process, life after life."""

    def __init__(self, setting: Setting, alert: Alert) -> None:
        self._setting, self._alert = setting, alert
        self._wanted = asyncio.Event()
        self._wanted.set()
        self.process: Process | None = None
        self.lives = 0

    async def run(self) -> None:
        """Until cancelled; no process of it is left behind."""
        while True:
            await self._wanted.wait()
            try:
                status = await self._live()
            finally:
                self._end()
            if status:
                name = self._setting.name
                self._alert("strategy", "warning", f"the process of {name} died; it is made anew")
                await asyncio.sleep(AGAIN_S)

    async def _live(self) -> int:
        self.lives += 1
        try:
            self.process = await children.begun(words(self._setting))
        except OSError:  # no room for a process: it is as if it had died
            return 1
        if not self._wanted.is_set():
            self.leave()
        return await self.process.wait()

    def _end(self) -> None:
        process, self.process = self.process, None
        children.end(process)

    def leave(self) -> None:
        """Its gate gives back what it holds, and it ends; none follows until it is to come back."""
        self._wanted.clear()
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def come_back(self) -> None:
        """There is to be one again."""
        self._wanted.set()
