"""The book of alerts: a small durable table, so that a restart neither repeats nor forgets one.

    raised ──→ acknowledged ──→ over
       └────────────────────────↗        (what stood stands no more)

Rule 1. What is to be told is written here first (a *notice*, one for each channel), told then, and
marked as told: after a crash it may be told twice, under the same name, and never not at all.
Rule 2. Of one key there is one alert that is not over; the same again is counted in it.
Rule 3. Several processes may write it: a node, and whoever acknowledges.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import apsw

from tieout.watching.alert_rules import Condition, Severity

Status = Literal["raised", "acknowledged", "over"]
Change = Literal["raised", "escalated", "acknowledged", "over"]
MOVES: dict[Status, tuple[Status, ...]] = {
    "raised": ("acknowledged", "over"),
    "acknowledged": ("over",),
    "over": (),
}
APPLICATION_ID = int.from_bytes(b"TIEA", "big")
BUSY_MS_MAX = 5000
BACK_OFF_NS = 1_000_000_000
BACK_OFF_NS_MAX = 300_000_000_000

TABLES = """
CREATE TABLE IF NOT EXISTS alerts(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL, -- what it is known again by while it is not over
  severity TEXT NOT NULL,
  owner TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL, -- as it was told last
  status TEXT NOT NULL, -- raised, acknowledged or over
  raised_at INTEGER NOT NULL, -- our clock, nanoseconds UTC, as all times here
  last_at INTEGER NOT NULL,
  times INTEGER NOT NULL, -- how often it was told to us
  level INTEGER NOT NULL, -- how far it escalated
  escalated_at INTEGER NOT NULL,
  acknowledged_by TEXT NOT NULL,
  acknowledged_at INTEGER NOT NULL,
  over_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_of_a_key ON alerts(key) WHERE status != 'over';
CREATE TABLE IF NOT EXISTS notices(
  id INTEGER PRIMARY KEY,
  alert INTEGER NOT NULL,
  change TEXT NOT NULL, -- raised, escalated, acknowledged or over
  channel TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  told_at INTEGER NOT NULL, -- 0 while it is not
  UNIQUE(alert, change, channel)
);
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
FIELDS = (
    "id, key, severity, owner, subject, text, status, raised_at, last_at, times, level,"
    " escalated_at, acknowledged_by, acknowledged_at, over_at"
)
_INSERT = """
INSERT INTO alerts(key, severity, owner, subject, text, status, raised_at, last_at, times, level,
  escalated_at, acknowledged_by, acknowledged_at, over_at)
VALUES(?, ?, ?, ?, ?, 'raised', ?, ?, 1, 0, 0, '', 0, 0)"""
_NOTICE = """
INSERT OR IGNORE INTO notices(alert, change, channel, made_at, tries, next_at, told_at)
VALUES(?, ?, ?, ?, 0, ?, 0)"""


class NoBook(ValueError):
    """There is no book of alerts at this path; the message says what is, and what would do."""


class NoAlert(ValueError):
    """There is no such alert, or it cannot be acknowledged; the message says which can."""


class Alert(NamedTuple):
    """One alert, as its row stands."""

    id: int
    key: str
    severity: Severity
    owner: str
    subject: str
    text: str
    status: Status
    raised_at: int
    last_at: int
    times: int
    level: int
    escalated_at: int
    acknowledged_by: str
    acknowledged_at: int
    over_at: int


class Notice(NamedTuple):
    """One change of an alert, to be told on one channel."""

    id: int
    alert: int
    change: Change
    channel: str
    made_at: int
    tries: int


class Book:
    """The table in a file; ":memory:" is one that lasts as long as the process."""

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        """Raises `NoBook` where something else lies there, or nothing and it may not be made."""
        self.path = os.fspath(path)
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
        try:
            self._connection = apsw.Connection(self.path, flags=flags)
            self._connection.set_busy_timeout(BUSY_MS_MAX)
            self._prepare(create=create)
        except (apsw.CantOpenError, apsw.NotADBError) as error:
            would_do = "the file beside a live node's journal, JOURNAL.alerts, would do"
            raise NoBook(f"{self.path}: {error}; {would_do}") from error

    def _prepare(self, *, create: bool) -> None:
        (found,) = self._row("PRAGMA application_id")
        empty = not self._row("SELECT count(*) FROM sqlite_schema")[0]
        if found != APPLICATION_ID and not (empty and create):
            raise NoBook(f"{self.path}: no book of alerts; JOURNAL.alerts would do")
        if empty:
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        list(self._connection.execute("PRAGMA journal_mode = WAL"))
        list(self._connection.execute("PRAGMA synchronous = FULL"))
        self._connection.execute(TABLES)

    def close(self) -> None:
        self._connection.close()

    def copy(self) -> "Book":
        """The same in memory."""
        book = Book(":memory:")
        self.copy_to(book)
        return book

    def copy_to(self, other: "Book") -> None:
        """Have the other hold what this one does, and nothing else."""
        with other._connection.backup("main", self._connection, "main") as backup:
            backup.step()

    # --- what happens to an alert -----------------------------------------------------------------

    def raise_(
        self, what: Condition, now: int, channels: Sequence[str], position: int = 0
    ) -> Alert:
        """Raise it and have it told, or count it once more where it stands already.

        `position` is the journal's record that asked for it, 0 where none did.
        """
        with self._transaction():
            known = self.open_of(what.key)
            if known is not None:
                self._count(known, what.text, now)
            else:
                self._connection.execute(_INSERT, (*what, now, now))
                self._note(self._connection.last_insert_rowid(), "raised", channels, now)
            if position:
                self.position = position
            found = self.open_of(what.key)
            assert found is not None, "it was just raised, or counted"
            return found

    def _count(self, known: Alert, text: str, now: int) -> None:
        update = "UPDATE alerts SET times = times + 1, last_at = ?, text = ? WHERE id = ?"
        self._connection.execute(update, (now, text, known.id))

    def escalate(self, alert: Alert, level: int, now: int, channels: Sequence[str]) -> None:
        """Nobody acknowledged it: those further up are told."""
        with self._transaction():
            update = "UPDATE alerts SET level = ?, escalated_at = ? WHERE id = ?"
            self._connection.execute(update, (level, now, alert.id))
            self._note(alert.id, "escalated", channels, now)

    def acknowledge(self, number: int, by: str, now: int) -> Alert:
        """Somebody sees to it; said once more by anybody it changes nothing. Raises `NoAlert`."""
        with self._transaction():
            found = self.alert(number)
            if found is None or found.status == "over":
                raise NoAlert(self._would_do(number, "over" if found else "unknown"))
            if found.status == "raised":
                update = (
                    "UPDATE alerts SET status = 'acknowledged', acknowledged_by = ?,"
                    " acknowledged_at = ? WHERE id = ?"
                )
                self._connection.execute(update, (by, now, number))
                self._note(number, "acknowledged", self.told_of(number), now)
            done = self.alert(number)
            assert done is not None, "it was there"
            return done

    def _would_do(self, number: int, found: str) -> str:
        open_ = ", ".join(str(each.id) for each in self.standing()) or "none stands"
        return f"alert {number} is {found}; one that stands would do: {open_}"

    def end(self, alert: Alert, now: int, channels: Sequence[str]) -> None:
        """What it was about is no more."""
        assert "over" in MOVES[alert.status], alert.status
        with self._transaction():
            update = "UPDATE alerts SET status = 'over', over_at = ? WHERE id = ?"
            self._connection.execute(update, (now, alert.id))
            self._note(alert.id, "over", channels, now)

    def told_of(self, number: int) -> list[str]:
        """The channels on which anything was to be told of it."""
        select = "SELECT DISTINCT channel FROM notices WHERE alert = ? ORDER BY channel"
        return [channel for (channel,) in self._connection.execute(select, (number,))]

    def _note(self, number: int, change: Change, channels: Sequence[str], now: int) -> None:
        for channel in channels:
            self._connection.execute(_NOTICE, (number, change, channel, now, now))

    # --- telling ----------------------------------------------------------------------------------

    def due(self, now: int) -> list[Notice]:
        """What is to be told now, the oldest first."""
        select = (
            "SELECT id, alert, change, channel, made_at, tries FROM notices"
            " WHERE told_at = 0 AND next_at <= ? ORDER BY id"
        )
        return [Notice(*row) for row in self._connection.execute(select, (now,))]

    def untold(self) -> list[tuple[str, int]]:
        """Each channel with something to tell, and since when."""
        select = "SELECT channel, min(made_at) FROM notices WHERE told_at = 0 GROUP BY channel"
        return list(self._connection.execute(select))

    def told(self, notice: Notice, now: int) -> None:
        self._connection.execute("UPDATE notices SET told_at = ? WHERE id = ?", (now, notice.id))

    def failed(self, notice: Notice, now: int) -> None:
        """It is tried again, after longer and longer."""
        wait = min(BACK_OFF_NS << min(notice.tries, 20), BACK_OFF_NS_MAX)
        update = "UPDATE notices SET tries = tries + 1, next_at = ? WHERE id = ?"
        self._connection.execute(update, (now + wait, notice.id))

    # --- looking ----------------------------------------------------------------------------------

    def alert(self, number: int) -> Alert | None:
        rows = list(self._select("WHERE id = ?", number))
        return rows[0] if rows else None

    def open_of(self, key: str) -> Alert | None:
        """The alert of that key that is not over."""
        rows = list(self._select("WHERE key = ? AND status != 'over'", key))
        return rows[0] if rows else None

    def standing(self) -> list[Alert]:
        """What is not over, in the order in which it was raised."""
        return list(self._select("WHERE status != 'over' ORDER BY id"))

    def all(self) -> list[Alert]:
        return list(self._select("ORDER BY id"))

    @property
    def position(self) -> int:
        """Up to which record of the journal alerts were looked for."""
        rows = list(self._connection.execute("SELECT value FROM meta WHERE key = 'position'"))
        return int(rows[0][0]) if rows else 0

    @position.setter
    def position(self, number: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES('position', ?)", (number,))

    def _select(self, where: str, *values: object) -> Iterator[Alert]:
        # `where` is ours; what comes from elsewhere is bound.
        select = f"SELECT {FIELDS} FROM alerts {where}"  # noqa: S608
        for row in self._connection.execute(select, values):
            yield Alert(*row)

    def _row(self, select: str) -> tuple[int, ...]:
        return tuple(next(iter(self._connection.execute(select))))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
