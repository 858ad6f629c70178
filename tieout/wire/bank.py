"""The simulated bank by files: a folder that it watches, and that may be served by SFTP.

    to_bank/NAME → wire (faults) → keeper → wire → from_bank/NAME.STATUS
                                   keeper → wire → from_bank/DOCUMENT

True here: the wire draws the faults of a simulated run. Beside them the bank's own way with files
goes wrong (`Habits`): one is seen as it grows, comes twice under two names, is replaced after it
was read, or is gone before anybody read it. What a file that is gone told, the record has.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from rails.bank.live import DONE, FROM_BANK, TO_BANK
from rails.dialect import Request
from sim.wire import Headers
from tieout.settlement.simulated import RailSite
from tieout.wire.desk import DeskWorld

SECOND = 1_000_000_000
DIAL_AGAIN_S = 60
TAKEN = "taken"


@dataclass(slots=True, frozen=True)
class Habits:
    """How often, one in so many, the bank's way with files goes wrong; 0: never. `hold_s` is for
    how long a file stands half done, or is gone, by our clock."""

    grows: int = 0
    twice: int = 0
    replaced: int = 0
    gone: int = 0
    hold_s: float = 0.2


class BankDesk:
    """One bank at one folder."""

    def __init__(
        self,
        world: DeskWorld,
        site: RailSite,
        root: Path,
        habits: Habits = Habits(),  # a value that nobody can change
    ) -> None:
        self._world, self._site, self.root, self._habits = world, site, root, habits
        self._dice = world.simulation.dice.stream(f"files/{site.spec.name}")
        self.did: Counter[str] = Counter()
        self._named = 0
        self._epoch = 0
        self._tasks: set[asyncio.Task[None]] = set()
        for folder in (TO_BANK, FROM_BANK, DONE, TAKEN):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Open the desk: it tells, and looks at what comes."""
        self._dial()
        self._spawn(self._watch())

    async def stop(self) -> None:
        self._epoch = -1
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- what is laid before it ------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            for path in sorted((self.root / TO_BANK).iterdir()):
                if not path.name.startswith("."):
                    self._take(path)
            await asyncio.sleep(0.005)

    def _take(self, path: Path) -> None:
        """A file that is there is taken away at once, and then read."""
        taken = self.root / TAKEN / f"{self.did['taken']:06d}-{path.name}"
        path.rename(taken)
        self.did["taken"] += 1
        self.did[f"taken {path.name}"] += 1
        asked = _request(path.name, taken.read_bytes())

        def answered(status: int, body: bytes, headers: Headers = ()) -> None:
            if status:
                self._lay(f"{path.name}.{status}", body)

        kind = "balances" if self._site.made.states(asked) else ""
        self._site.wire.ask(lambda: self._site.keeper.handle(asked), answered, kind)

    # --- what it tells ---------------------------------------------------------------------------

    def _dial(self) -> None:
        self._epoch += 1
        self._site.wire.open_stream(
            self._epoch, lambda: None, self._tell, self._closed, lambda: None
        )

    def _closed(self, reason: str) -> None:
        if self._epoch > 0:
            self._site.wire.world.call_in(DIAL_AGAIN_S * SECOND, self._dial)

    def _tell(self, body: bytes) -> None:
        """A document, under a name that says nothing of its place among the others."""
        self._named += 1
        end = "xml" if body[:1] == b"<" else "txt"
        name = f"{self._dice.below(10**6):06d}-{self._named:06d}.{end}"
        for habit, act in self._ways.items():
            one_in = getattr(self._habits, habit)
            if one_in and self._dice.chance(1, one_in):
                self.did[habit] += 1
                self._spawn(act(name, body))
                return
        self._lay(name, body)

    @property
    def _ways(self) -> dict[str, Callable[[str, bytes], Coroutine[Any, Any, None]]]:
        return {
            "grows": self._grow,
            "twice": self._lay_twice,
            "replaced": self._replace,
            "gone": self._take_back,
        }

    def _lay(self, name: str, body: bytes) -> None:
        """Whole, under its own name at once."""
        part = self.root / FROM_BANK / f".{name}.part"
        part.write_bytes(body)
        part.rename(self.root / FROM_BANK / name)

    async def _grow(self, name: str, body: bytes) -> None:
        """Under its own name from the beginning, while it is written."""
        path, parts = self.root / FROM_BANK / name, 4
        with path.open("wb", buffering=0) as file:
            for n in range(parts):
                file.write(body[n * len(body) // parts : (n + 1) * len(body) // parts])
                await asyncio.sleep(self._habits.hold_s / parts)

    async def _lay_twice(self, name: str, body: bytes) -> None:
        self._lay(name, body)
        await asyncio.sleep(self._habits.hold_s)
        self._lay(f"again-{name}", body)

    async def _replace(self, name: str, body: bytes) -> None:
        """First something else, and then, once that was read perhaps, what was meant."""
        self._lay(name, b"<?xml version='1.0'?><Nothing/>")
        await asyncio.sleep(self._habits.hold_s)
        self._lay(name, body)

    async def _take_back(self, name: str, body: bytes) -> None:
        """There for a moment, gone, and never there again."""
        self._lay(name, body)
        await asyncio.sleep(0.01)
        with suppress(FileNotFoundError):
            (self.root / FROM_BANK / name).unlink()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _request(name: str, body: bytes) -> Request:
    """What a file asks: a line, or an instruction of the kind that its name says."""
    if name.endswith(".ask"):
        path, _, query = body.decode().removeprefix("GET ").strip().partition("?")
        return Request("GET", path, dict(parse_qsl(query)))
    return Request("POST", f"/v1/{name.rpartition('-')[0]}", {}, {}, body)
