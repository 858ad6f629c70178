"""Logs: one line for one thing, with the journal's position, by lists of what may be said.

Rule 1. What a line may say is listed: its event is one of `EVENTS`, its fields are among `FIELDS`.
Whatever else is handed in is left out, so that no secret is looked for by its looks. Nothing that
others wrote (a reason, a text, an answer, the words of an exception) has a name there: the line
says where it stands in the journal, and who may read the journal reads it there.
Rule 2. Each line has a `position`: of what the journal tells its record's number, else the last
record that was durable then.
Rule 3. What libraries log is said by their name and place in the source, without their words.
"""

import logging
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

import msgspec
import structlog

from core.journal import Record
from tieout.watching.watch_files import Form, Level

LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
LETTERS_MAX = 120

# Of a record of the journal: how loud, what it is called, and which of its fields are said.
JOURNALED: dict[str, tuple[Level, str, tuple[str, ...]]] = {
    "NodeStarted": ("info", "node started", ("epoch", "records_lost")),
    "AccountOpened": ("info", "account opened", ("account",)),
    "LimitsLoaded": ("info", "limits loaded", ()),
    "StrategyStateSet": ("info", "strategy set", ("strategy", "standing")),
    "StreamOpened": ("info", "stream opened", ("account", "epoch")),
    "StreamClosed": ("warning", "stream closed", ("account", "epoch")),
    "RequestFailed": ("warning", "request failed", ("account",)),
    "FrameQuarantined": ("warning", "frame quarantined", ("account", "frame")),
    "AdjustmentBooked": ("warning", "adjustment booked", ("holding", "break_number")),
    "KillOrdered": ("error", "kill ordered", ("kill_id",)),
    "KillLifted": ("warning", "kill lifted", ("kill_id",)),
    "RaiseAlert": ("warning", "alert journaled", ("severity",)),
    "OrderRequested": ("debug", "order requested", ("strategy", "account", "instrument", "side")),
    "PlaceOrder": ("debug", "order placed", ("account", "client_order_id", "instrument", "side")),
    "CancelOrder": ("debug", "cancel asked", ("account", "client_order_id", "instrument")),
    "OrderReported": ("debug", "order reported", ("account", "client_order_id", "status")),
    "FillReported": ("debug", "fill reported", ("account", "client_order_id", "instrument")),
}
EVENTS = frozenset(
    [
        *(event for _, event, _ in JOURNALED.values()),
        "alert raised",
        "alert escalated",
        "alert over",
        "alert not told",
        "alert book failed",
        "alert book written again",
        "heartbeat not told",
        "library",
        "task failed",
        "node ends",
        "node stands",
    ]
)
FIELDS = frozenset(
    [
        *(field for _, _, fields in JOURNALED.values() for field in fields),
        "alert",
        "channel",
        "error",
        "fills",
        "escalation",
        "library",
        "node",
        "open_breaks",
        "orders",
        "place",
        "position",
        "suspects",
        "working",
    ]
)


class Say(Protocol):
    """Writes a line, or does not."""

    def __call__(self, level: Level, event: str, **fields: object) -> None: ...


def nobody(level: Level, event: str, **fields: object) -> None:
    """Nobody listens."""


class Log:
    """The lines of one node."""

    def __init__(
        self,
        node: str,
        position: Callable[[], int],
        clock: Callable[[], int],
        *,
        out: TextIO | None = None,
        form: Form = "json",
        least: Level = "info",
    ) -> None:
        self._node, self._position, self._clock = node, position, clock
        self._least = LEVELS.index(least)
        render = structlog.processors.JSONRenderer(sort_keys=True)
        plain = structlog.dev.ConsoleRenderer(colors=False)
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(out if out is not None else sys.stderr),
            processors=[listed, plain if form == "console" else render],
            wrapper_class=structlog.BoundLogger,
            cache_logger_on_first_use=True,
        )

    def __call__(self, level: Level, event: str, **fields: object) -> None:
        """Say it, if it is loud enough."""
        if LEVELS.index(level) < self._least:
            return
        told = {"node": self._node, "position": self._position(), **fields}
        about = {"level": level, "at": _moment(self._clock())}
        self._log.msg(event, listed_as=about, **told)

    def record(self, record: Record) -> None:
        """Say of a record what is listed of its kind."""
        row = JOURNALED.get(record.name)
        if row is None or LEVELS.index(row[0]) < self._least or record.kind == "frame":
            return
        level, event, names = row
        body = msgspec.json.decode(record.body)
        self(level, event, position=record.number, **{n: body[n] for n in names if n in body})

    def failed(self, context: MutableMapping[str, Any]) -> None:
        """What an event loop hands to its handler of exceptions: which kind, and where."""
        error = context.get("exception")
        place = _place(error) if isinstance(error, BaseException) else ""
        self("error", "task failed", error=type(error).__name__, place=place)


def listed(logger: object, method: str, told: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The line with what is listed, and nothing else: structlog's processor."""
    event, about = told.pop("event", ""), told.pop("listed_as", {})
    line = {name: _plain(value) for name, value in told.items() if name in FIELDS}
    return {**line, **about, "event": event if event in EVENTS else "unlisted"}


def _plain(value: object) -> object:
    """Numbers as they are, names cut at a length; anything else is said to be of its type."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return value[:LETTERS_MAX] if isinstance(value, str) else type(value).__name__


def _moment(at: int) -> str:
    whole, rest = divmod(at, 10**9)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06}Z"


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    module = trace.tb_frame.f_globals.get("__name__", "")
    return f"{module}:{trace.tb_lineno}"


class Library(logging.Handler):
    """What libraries say, without their words: they may hold what was sent and heard."""

    def __init__(self, say: Say) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        error = record.exc_info[1] if record.exc_info else None
        named = {"error": type(error).__name__} if error is not None else {}
        place = f"{record.module}:{record.lineno}"
        self._say(level, "library", library=record.name, place=place, **named)
