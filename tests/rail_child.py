"""The process that is killed: a live node that keeps an account on anvil, and nothing else.

It is told events over a pipe, and says how its books stand when it is asked.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.events import Event
from core.journal import decode_event
from tests.live_chain import WAIT_S, Bench, Running

HOW = b"how do they stand"
LIVES = multiprocessing.get_context("forkserver")


@dataclass
class Elsewhere:
    """The bench stays with the test; a life has the addresses."""

    urls: dict[str, str]


def live(line: Connection, urls: dict[str, str], journal: str) -> None:
    """One life: until it is killed."""
    asyncio.run(_live(line, urls, journal))


async def _live(line: Connection, urls: dict[str, str], journal: str) -> None:
    running = await Running.begin(Elsewhere(urls), Path(journal))
    asyncio.get_running_loop().add_reader(line.fileno(), _heard, line, running)
    await running.task


def _heard(line: Connection, running: Running) -> None:
    while line.poll():
        told = line.recv_bytes()
        if told == HOW:
            line.send(standing(running))
        else:
            running.tell(decode_event(told))


def standing(running: Running) -> dict[str, Any]:
    """How the books stand."""
    transfers = running.state.settlement.transfers
    return {
        "kept": running.kept(),
        "customer": running.customer(),
        "legs": {name: running.status(name) for name in transfers},
        "open": list(running.causes()),
        "breaks": list(running.state.breaks),
    }


def prepare() -> None:
    """The server that lives are forked from has all that one needs: none has to import it."""
    LIVES.set_forkserver_preload(["tests.live_chain", "tests.token_child"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # it imports from where we do
        forkserver.ensure_running()


@dataclass
class Child:
    """The process, as the test sees it."""

    bench: Bench
    journal: Path
    kills: int = 0
    process: Any = None
    line: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        prepare()

    def start(self) -> None:
        self.line, theirs = LIVES.Pipe()
        arguments = theirs, self.bench.urls, str(self.journal)
        self.process = LIVES.Process(target=live, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, event: Event) -> None:
        self.line.send_bytes(msgspec.json.encode(event))

    def kill_after(self, seconds: float) -> None:
        time.sleep(seconds)
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.line.close()
        self.kills += 1

    def told(self) -> dict[str, Any]:
        self.line.send_bytes(HOW)
        assert self.line.poll(WAIT_S), "the node says nothing"
        told: dict[str, Any] = self.line.recv()
        return told

    def until(self, what: Callable[[dict[str, Any]], object], blocks: int = 0) -> None:
        """It has to come to that, while so many blocks come at each look."""
        end = time.monotonic() + 2 * WAIT_S
        while not what(told := self.told()):
            assert time.monotonic() < end, told
            self.bench.anvil.mine(blocks)
            time.sleep(0.1)

    def end(self) -> None:
        if self.process is not None and self.process.is_alive():
            self.process.kill()
            self.process.join()
