"""The cold engine beside a live node, as the node sees it: asked, and answering when it does.

Rule 1. The node's loop never waits for it: it is another process, and of questions that wait only
the newest is asked. While it is silent, its last word ages, and the gate with it.
Rule 2. One that died is made anew, under a greater epoch; one that halted is not: a person looks.
"""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from core.events import Event
from tieout.gates import children
from tieout.risk.engine_main import Answer
from tieout.watching.alert_hook import Alert

AGAIN_S = 1.0
LINE_BYTES_MAX = 1 << 24


class LiveEngine:
    """One node's engine, life after life. `halted` says why there is none any more."""

    def __init__(
        self,
        journal: Path,
        epoch: Callable[[], int],
        clock: Callable[[], int],
        tell: Callable[[Event], None],
        alert: Alert,
    ) -> None:
        """`epoch` is the greatest that the node has heard of."""
        self._journal, self._epoch_heard, self._clock = journal, epoch, clock
        self._tell, self._alert = tell, alert
        self._epoch = 0
        self._wanted = 0
        self._some = asyncio.Event()
        self.process: Process | None = None
        self.lives = 0
        self.words = 0
        self.halted = ""

    def ask(self, request: int) -> None:
        """The node asks; an older question that still waits is void."""
        self._wanted = request
        self._some.set()

    async def run(self) -> None:
        """Until cancelled, or halted; no process of it is left behind."""
        while not self.halted:
            await self._some.wait()
            try:
                await self._live()
            finally:
                self._end()
            if not self.halted:
                self._alert("engine", "warning", "the cold engine died; it is made anew")
                await asyncio.sleep(AGAIN_S)
        self._alert("engine", "critical", f"the cold engine halted: {self.halted}")

    async def _live(self) -> None:
        self._epoch = max(self._epoch, self._epoch_heard()) + 1
        self.lives += 1
        command = ("-m", "tieout.risk.engine_main", str(self._journal), str(self._epoch))
        try:
            self.process = await children.begun(command, stdout=PIPE, limit=LINE_BYTES_MAX)
        except OSError:  # no room for a process: it is as if it had died
            return
        asked, answers = self.process.stdin, self.process.stdout
        assert asked is not None
        assert answers is not None
        with suppress(ConnectionError, ValueError):
            while not self.halted:
                await self._some.wait()
                self._some.clear()
                asked.write(b"%d %d\n" % (self._wanted, self._clock()))
                await asked.drain()
                line = await answers.readline()
                if not line:
                    return
                self._take(msgspec.json.decode(line, type=Answer))

    def _take(self, answer: Answer) -> None:
        self.halted = answer.halted
        self.words += 1
        for event in answer.word:
            self._tell(event)

    def _end(self) -> None:
        process, self.process = self.process, None
        children.end(process)
