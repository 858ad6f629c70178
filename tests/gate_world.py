"""The world of `tests.leasing` once more, with each gate in a process of its own.

The node is a real one over a journal on disk, and lives in this process; its loop runs only while
the test waits for something, so that a test may stop it as a stalled node stops. Gates and the
server of the stream are processes, and time is the machine's.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from nats.js.errors import NotFoundError

from core.effects import Effect
from core.events import Event, Side
from core.gate import BreakGate
from core.journal import Journal
from core.leases import committed
from core.node import Node, boot_epoch, recover
from core.risk_events import LimitsLoaded, StrategyStateSet, Ticket
from core.state import State
from tests.facts import MS, PERP, linear, opened, started
from tests.leasing import GATES, HOLD, LIMITS, Leasing, Placed
from tieout.gates.lease_stream import connect
from tieout.gates.node_process import NodeProcess
from tieout.journals.sqlite_store import SqliteStore

ROOT = Path(__file__).parent.parent
BEAT = 100 * MS
ENDS = 1_200 * MS
PATIENCE_S = 20.0
_NUMBERS = count(1)


class NatsServer:
    """A server with JetStream on loopback, at a port that was free; it may be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        beside = Path(sys.executable).parent / "nats-server"
        program = str(beside) if beside.exists() else shutil.which("nats-server")
        if program is None:
            pytest.skip("no nats-server: it comes with the test set")
        terms = ["-a", "127.0.0.1", "-p", str(self._port), "-js", "-sd", str(self._folder)]
        self._process = subprocess.Popen([program, *terms], stderr=subprocess.DEVNULL)
        _wait_for(self._answers)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
            return True
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


class Child:
    """A gate's process, as the test commands it; or another that takes the same words."""

    def __init__(
        self, name: str, deployment: str, path: Path, url: str, program: str = "gate_child"
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.{program}", name, deployment, str(path), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            text=True,
        )

    def ask(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """At once, wherever it is (SIGKILL)."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


class ProcessWorld(Leasing):
    """Three gates in processes. What `Leasing` does by lists, this does by socket and stream."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.server = server
        self.to_node, self.to_gate, self.from_venue = [], [], []
        self.venue: dict[str, Placed] = {}
        self.alarms, self.gates = {}, {}
        self.loop = asyncio.new_event_loop()
        self.broken: list[str] = []
        self._journal, self.socket = folder / "journal.db", folder / "orders"
        # Tests share a server, and not what is told over it.
        self.deployment = f"test{next(_NUMBERS)}"
        self.client = self.do(connect(server.url))
        self._open(BreakGate())
        self.deliver(started(), opened(PERP, request_validity_ns=5_000 * MS), linear())
        self.deliver(self.limits())
        for name in GATES:
            told = StrategyStateSet(received_at=0, strategy=name, standing="enabled", by="anna")
            self.deliver(told)
        self.commit()
        self.children = {name: self._child(name) for name in GATES}
        self.until(lambda: all(self.phase(name) == "open" for name in GATES))

    def _open(self, gate: BreakGate, state: State | None = None) -> None:
        self.disk = SqliteStore(self._journal)
        self.node = Node(Journal(self.disk), {}, gate, state, watch=self._watch)
        self.process = NodeProcess(
            self.node, self.perform, {name: frozenset({name}) for name in GATES}
        )
        run = self.process.run(self.socket, self.client, self.deployment)
        self._running = self.loop.create_task(run)
        self.run_for(20 * MS)

    def limits(self, **changed: int) -> LimitsLoaded:
        return replace(super().limits(**changed), heartbeat_ns=BEAT, ttl_ns=ENDS)

    def _watch(self, state: State) -> None:
        """After every step: what the node counts as committed is within each limit."""
        for line, limit in LIMITS.items():
            known = state.risk.lines.get(line)
            if known is not None and known.limit is not None and committed(state, line) > limit:
                self.broken.append(f"{line}: {committed(state, line)} of {limit}")

    def close(self) -> None:
        for child in self.children.values():
            child.kill()
        self.stop()
        self.do(self.client.close())
        self.loop.close()

    def stop(self) -> None:
        """The node is gone, as it stands; its gates are not told."""
        if self._running.done():
            return
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self._running)
        self.run_for(10 * MS)
        self.disk.close()

    # --- time -------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return time.time_ns()

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    def run_for(self, ns: int) -> None:
        self.do(asyncio.sleep(ns / 1e9))

    def wait(self, ns: int) -> None:
        self.run_for(ns)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Let the node run until it is so; it must become so."""
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            assert not self._running.done(), self._running.exception()
            assert time.monotonic() < end, "waited in vain"
            self.run_for(5 * MS)

    # --- the node ---------------------------------------------------------------------------------

    def deliver(self, *events: Event) -> None:
        for event in events:
            self.process.deliver(event)

    def commit(self) -> None:
        self.until(lambda: not self.node.journal._dirty)

    def perform(self, effect: Effect) -> None:
        super().perform(effect)
        assert not self.overdrawn(), self.overdrawn()

    def crash(self, *, after_commit: bool) -> None:
        """The node dies: with what was not committed, or before it acknowledged what was."""
        if after_commit:
            self.node.journal.commit()
        self.stop()
        disk = SqliteStore(self._journal)
        state = recover(Journal(disk), BreakGate())
        epoch = boot_epoch(state, disk)
        disk.close()
        self._open(BreakGate(), state)
        self.deliver(started(epoch))
        self.tell_again()
        self.commit()

    # --- the gates --------------------------------------------------------------------------------

    def _child(self, name: str, program: str = "gate_child") -> Child:
        return Child(name, self.deployment, self.socket, self.server.url, program)

    def phase(self, name: str) -> str:
        return self.children[name].ask("phase")

    def heartbeat(self, name: str, wants: int = 0) -> None:
        self.children[name].ask(f"want {wants}")

    def exchange(self) -> None:
        """Each gate asked, was answered, and asked again: it holds what it was to have by now."""
        before = {name: self._asked(name) for name in GATES}
        self.until(lambda: all(self._further(name, *before[name]) for name in GATES))
        self.commit()

    def _asked(self, name: str) -> tuple[int, int]:
        number = self.node.state.risk.gates.get(name, 0)
        epoch = self.node.state.risk.epochs.get(number)
        return number, epoch.request if epoch is not None else 0

    def _further(self, name: str, epoch: int, request: int) -> bool:
        now = self._asked(name)
        return now[1] >= (request if now[0] == epoch else 0) + 3

    def order(self, name: str, side: Side, lots: int) -> bool:
        return self.children[name].ask(f"order {side} {lots}") == "0"

    def void(self, name: str) -> None:
        """A gate gives up by itself what it spent and nobody counted."""

    def give_back(self, name: str) -> None:
        raise NotImplementedError("a process gives back when it leaves")

    def restart(self, name: str) -> None:
        self.children[name].kill()
        self.children[name] = self._child(name)

    def replace(self, name: str, program: str) -> None:
        """Another strategy takes the place of one that is killed."""
        self.children[name].kill()
        self.children[name] = self._child(name, program)

    def settle(self, beats: int = 4) -> None:
        """No more faults: orders end, and what they reserved is free once they are over."""
        for _ in range(beats):
            self.exchange()
            for name, placed in self.venue.items():
                if placed.is_open:
                    self.venue_cancel(name)
            self.hear_venue(len(self.from_venue))
        self.run_for(HOLD)
        self.until(lambda: not any(x.reserved for x in self.node.state.risk.lines.values()))
        self.recount()
        self.exchange()

    def recount(self) -> None:
        """The engine's word, at once."""
        self.restate()
        self.deliver(*self.to_node)
        self.to_node.clear()

    # --- the stream -------------------------------------------------------------------------------

    def wipe_stream(self) -> None:
        with suppress(NotFoundError):
            self.do(self.client.jetstream().delete_stream(f"{self.deployment}_leases"))

    # --- the truth --------------------------------------------------------------------------------

    def _coming(self) -> dict[tuple[int, int], Ticket]:
        return {}

    def lent(self, line: str) -> int:
        return 0  # what processes hold is counted by the node: `_watch`

    def check(self) -> None:
        super().check()
        assert not self.broken, self.broken


def served(folder: Path) -> Iterator[NatsServer]:
    """A server for as long as somebody needs it."""
    server = NatsServer(folder)
    server.start()
    yield server
    server.kill()
