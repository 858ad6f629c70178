"""Who looks after a node that lives: its alerts, its metrics, its log and its heartbeat.

    watching = Watching(name, store, specs …)
    node = LiveNode(name, watching.store, …)
    async with watching.over(lambda: node.node.state): …

Rule. It reads and never takes part: what goes wrong here is said and ends nothing of the node.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientSession

from core.effects import RaiseAlert
from core.journal import Record, Store
from core.risk_effects import GrantLease
from core.state import State
from tieout.journals.sqlite_store import JournalError
from tieout.watching.alert_book import Book
from tieout.watching.alert_channels import channel
from tieout.watching.alert_rules import JOURNAL_BEHIND_NS, Severity, Vitals, standing
from tieout.watching.alerts import Desk
from tieout.watching.logs import Library, Log, Say, nobody
from tieout.watching.metrics import Metrics, serve
from tieout.watching.observed import Group, Observed
from tieout.watching.watch_files import AlertsSpec, LogsSpec, MetricsSpec

SECOND = 1_000_000_000
LOOK_S = 1.0
# So long the last notices may take, when the node ends.
ENDING_S_MAX = 5.0


class BadAddress(ValueError):
    """Nobody can be answered there; the text says where, why, and what would do."""


class Watching:
    """Around one node; made before it, for it looks on at its journal."""

    def __init__(
        self,
        node: str,
        store: Store,
        *,
        alerts: AlertsSpec | None = None,
        metrics: MetricsSpec | None = None,
        log: LogsSpec | None = None,
        book: Path | None = None,
        secret: Callable[[str], str] = lambda reference: "",
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`book` is where alerts are kept, `secret` reads what a reference leads to."""
        self.store = Observed(store, self._took)
        self._node, self._clock, self._secret = node, clock, secret
        self._alerts, self._served, self._book = alerts, metrics, book
        self.log: Log | None = None
        self.say: Say = nobody
        if log is not None:
            self.say = self.log = Log(node, self._position, clock, form=log.form, least=log.least)
        self.desk: Desk | None = None
        self.port = 0
        self.metrics = Metrics(node, self._look_at, self._position, self._standing)
        self._state: Callable[[], State] = State
        self._leases: dict[str, int] = {}
        self._late_ns = self._committed_at = 0
        self._asked: dict[tuple[str, str, str], None] = {}

    def alert(self, kind: str, severity: Severity, words: str) -> None:
        """Something went wrong that no state shows: somebody should hear of it. What the journal
        asked for is told by its record, and not once more by who performs it."""
        if (kind, severity, words) in self._asked:
            return
        self.say("warning", "alert raised", severity=severity)
        if self.desk is not None:
            self.desk.alert(kind, severity, words)

    def alive(self) -> Mapping[str, Any]:
        """A heartbeat: what somebody far away wants to know of a node that lives."""
        since, now = self._waiting_since(), self._clock()
        return {
            "node": self._node,
            "at": now,
            "epoch": self._state().epoch,
            "position": self._position(),
            "committed_at": self._committed_at,
            "healthy": not (since and now - since >= JOURNAL_BEHIND_NS),
        }

    @asynccontextmanager
    async def over(self, state: Callable[[], State]) -> AsyncIterator["Watching"]:
        """Look after the node with that state, for as long as this lasts."""
        self._state = state
        async with AsyncExitStack() as stack:
            await self._begin(stack)
            tasks = [asyncio.create_task(self._keep_looking()), *self._beats()]
            stack.push_async_callback(_end, tasks)
            try:
                yield self
            except BaseException as error:
                if not isinstance(error, asyncio.CancelledError):
                    self.alert("node", "critical", f"the node ended: {_reason(error)}")
                raise
            finally:
                self.say("info", "node ends")
                await self._tell_the_last()

    async def _begin(self, stack: AsyncExitStack) -> None:
        if self.log is not None:
            stack.enter_context(_heard(self.log))
        if self._alerts is not None:
            client = await stack.enter_async_context(ClientSession())
            made = {
                each.name: channel(each, self._secret, client, self._clock)
                for each in self._alerts.channels
            }
            book = Book(self._book if self._book is not None else ":memory:")
            stack.callback(book.close)
            desk = Desk(self._node, self._alerts, book, made, self._clock, self.say)
            desk.catch_up(self.store)
            self.desk = desk
        if self._served is not None:
            where = (self._served.host, self._served.port)
            try:
                runner, self.port = await serve(self.metrics, self.alive, *where)
            except OSError as error:
                found = f"metrics: found {where[0]}:{where[1]}: {error.strerror}"
                raise BadAddress(f"{found}; an address of ours with a free port would do") from None
            stack.push_async_callback(runner.cleanup)

    # --- looking ----------------------------------------------------------------------------------

    def _took(self, group: Group) -> None:
        """A group is durable. It stands on the way of a commit: nothing of ours may break that."""
        self._committed_at = self._clock()
        self._asked.clear()
        try:
            self.metrics.took(group)
            for record in group.records:
                self._take(record)
        except Exception as error:  # noqa: BLE001  # to watch is no reason to end what is watched
            self._failed(error)

    def _take(self, record: Record) -> None:
        if record.name == "GrantLease":
            grant = msgspec.json.decode(record.body, type=GrantLease)
            self._leases[grant.gate] = record.at
        elif record.name == "RaiseAlert":
            asked = msgspec.json.decode(record.body, type=RaiseAlert)
            self._asked[asked.subject, asked.severity, asked.text] = None
        if self.desk is not None:
            self.desk.take(record)
        if self.log is not None:
            self.log.record(record)

    async def _keep_looking(self) -> None:
        while True:
            due = time.monotonic() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._late_ns = int(max(0.0, time.monotonic() - due) * SECOND)
            self._look()

    def _look(self) -> None:
        try:
            if self.desk is not None:
                self.desk.look(standing(*self._look_at()))
                self.desk.tell()
        except Exception as error:  # noqa: BLE001  # the same
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self.log is not None:
            self.log.failed({"exception": error})

    def _beats(self) -> list["asyncio.Task[None]"]:
        desk = self.desk
        if desk is None:
            return []
        return [
            asyncio.create_task(desk.beat(self.alive, each.name, each.heartbeat_s))
            for each in desk.spec.channels
            if each.heartbeat_s is not None
        ]

    async def _tell_the_last(self) -> None:
        if self.desk is not None:
            self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.desk.quiet(), ENDING_S_MAX)

    def _look_at(self) -> tuple[State, Vitals]:
        leases = tuple(self._leases.items())
        vitals = Vitals(self._clock(), self._waiting_since(), self._late_ns, leases)
        return self._state(), vitals

    def _waiting_since(self) -> int:
        """Since when a record waits for its commit; before the first one an account is adopted,
        which takes its time and is no matter for anybody."""
        return self.store.waiting[1] if self._committed_at else 0

    def _position(self) -> int:
        return self.store.last()[0]

    def _standing(self) -> list[tuple[str, str]]:
        desk = self.desk
        return [(a.severity, a.status) for a in desk.book.standing()] if desk is not None else []


def _reason(error: BaseException) -> str:
    """Of what kind it is; a journal's words besides, which have no secret in them."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_reason(each) for each in error.exceptions)
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, JournalError) else name


@contextmanager
def _heard(log: Log) -> Iterator[None]:
    """What libraries say, and tasks that nobody waits for: by the log, without their words."""
    root, library, loop = logging.getLogger(), Library(log), asyncio.get_running_loop()
    root.addHandler(library)
    loop.set_exception_handler(lambda loop, context: log.failed(context))
    try:
        yield
    finally:
        loop.set_exception_handler(None)
        root.removeHandler(library)


async def _end(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
