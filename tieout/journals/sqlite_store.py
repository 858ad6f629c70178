"""The journal on disk: SQLite with a write-ahead log, one writer, one transaction per commit group.

Rule 1. `commit` returns after SQLite has synced the group; until then nothing of it is acted on.
Rule 2. One writer: a lock on the anchor keeps a second one out.
Rule 3. The head of the chain and the boot epoch stand outside the file, in `<journal>.anchor`. The
file is never written again while the anchor says that it once held more: see `accept_cut`.

The tables open in any SQLite tool. Frames from `BLOB_BYTES_MIN` bytes on rest compressed, once per
content, in `blobs`; every other body stands in its own row.

What the anchor proves. It is written after each commit, without a sync of its own (2 µs; a sync
would double the cost of a commit), and synced when a boot is journaled and at `close`. So it never
runs ahead of what SQLite synced, and after a proper close a cut anywhere shows. After a killed
process it may be one group behind, after a lost machine as far behind as the kernel had not yet
written it: a cut of only what lies beyond it does not show. The epoch in it is at least as high as
any that ids were chosen under, so that a journal that lost its tail never chooses an id twice.
`close` adds the hash of the file as it then is, void as soon as it is opened to be written: between
the two every byte is proven, also those that belong to no record.
"""

import fcntl
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import Literal, NamedTuple

import apsw
from google_crc32c import value as crc32c

from core.journal import SCHEMA, Record
from tieout.journals.rows import Group, meta_rows, packed

Create = Literal["new", "if_missing", "never"]

APPLICATION_ID = int.from_bytes(b"TIEO", "big")
BUSY_MS_MAX = 5000
SNAPSHOTS_KEPT = 2
HEADER_BYTES = 100
COPIED_AT_ONCE = 5000
# SQLite's own choice. A larger log would pay off later: until it has reached its full size once,
# each commit lengthens the file, and costs twice as much.
WAL_PAGES_MAX = 1000

TABLES = {
    "records": """CREATE TABLE records(
  number INTEGER PRIMARY KEY, -- from 1 on, without a gap
  kind TEXT NOT NULL, -- frame, event or effect
  name TEXT NOT NULL, -- the frame's channel, else the type
  cause INTEGER NOT NULL, -- the record that it follows from, or 0
  at INTEGER NOT NULL, -- our clock, nanoseconds UTC
  head TEXT NOT NULL, -- what is known of a frame beside its bytes, else empty
  body, -- JSON text of an event or effect, raw bytes of a frame; NULL where `blob` has them
  blob BLOB, -- the sha256 of a large frame's bytes
  crc INTEGER NOT NULL, -- crc32c of head and body
  identity TEXT -- of an event that can be known again, and of what an effect keeps
)""",
    "identities": """CREATE TABLE identities(
  identity TEXT PRIMARY KEY,
  number INTEGER NOT NULL -- the record that told it first; once put away, the one that keeps it
) WITHOUT ROWID""",
    "groups": """CREATE TABLE groups(
  last INTEGER PRIMARY KEY, -- the last record of the commit group
  chain BLOB NOT NULL -- sha256 of the chain before it and its records
)""",
    "blobs": """CREATE TABLE blobs(
  sha256 BLOB PRIMARY KEY, -- of the bytes
  data BLOB NOT NULL -- the bytes, deflated by zlib
)""",
    "snapshots": """CREATE TABLE snapshots(
  number INTEGER PRIMARY KEY, -- the state after this record
  state BLOB NOT NULL,
  crc INTEGER NOT NULL -- crc32c of the state
)""",
    "meta": """CREATE TABLE meta(
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  crc INTEGER NOT NULL -- crc32c of key and value
)""",
}

# A row of ours; text and a frame's bytes lie in one column here.
INSERT_RECORD = "INSERT INTO records VALUES(?,?,?,?,?,?,coalesce(?,?),?,?,?)"
_SELECT_RECORDS = """
SELECT number, kind, name, cause, at, CAST(head AS BLOB), CAST(body AS BLOB), blob, crc, identity
FROM records WHERE number > ? ORDER BY number"""
_SELECT_EVENTS = """
SELECT number, CAST(body AS BLOB), crc FROM records
WHERE kind = 'event' AND number > ? ORDER BY number"""
# In two steps: most of what is asked for was never put away, and a join costs three times as much.
_SELECT_IDENTITY = "SELECT number FROM identities WHERE identity = ?"
_SELECT_KEPT = """
SELECT number, name, cause, at, CAST(body AS BLOB), crc FROM records
WHERE number = ? AND kind = 'effect'"""


class JournalError(Exception):
    """Why a journal cannot be used; the message is meant for a person."""


class NotAJournal(JournalError):
    """There is no journal at this path: nothing, or something else."""


class JournalDamaged(JournalError):
    """It is a journal, and it is not what was written."""


class JournalBusy(JournalError):
    """Another process writes it."""


class JournalFailed(JournalError):
    """A commit did not succeed; none of its group may be acted on."""


class JournalFull(JournalFailed):
    """There is no room for the group; with room it may be tried again, as it stands."""


# --- the store -----------------------------------------------------------------------------------


class SqliteStore:
    """A `Store` in one SQLite file, with its anchor beside it.

    Commits may be tried again after `JournalFailed`, except where the disk itself failed: what it
    holds is then unknown, and the store must be opened anew.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: Create = "if_missing",
        vfs: str | None = None,
        synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL",
    ) -> None:
        """`synchronous` below FULL breaks Rule 1: it is there to show that the tests notice."""
        self.path = Path(path)
        _check_place(self.path, create)
        self._waiting = Group()
        self._failed = False
        with ExitStack() as undo, _plain_errors(self.path):
            self._connection = _connect(self.path, vfs)
            undo.callback(self._connection.close)
            self._cursor = self._connection.cursor()
            self._prepare(synchronous)
            self._anchor = AnchorFile(self.path)
            undo.callback(self._anchor.close)
            self.epoch = self._check_anchor()
            self.records_lost = lost_before(self.path, self.last()[0])
            undo.pop_all()

    def append(self, record: Record) -> None:
        self._waiting.append(record)

    def commit(self, last: int, chain: bytes) -> None:
        """Make everything appended so far durable, as one group."""
        if self._failed:
            raise JournalFailed(f"{self.path}: an earlier commit met a failing disk; open it anew")
        with self._transaction():
            self._write([(last, chain)])
        booted = self._waiting.boot is not None
        self._forget()
        self.records_lost = 0
        self._anchor.write(Anchor(last, chain, self.epoch))
        if booted:
            self._anchor.sync()

    def take_over(self, records: Iterable[Record], groups: Sequence[tuple[int, bytes]]) -> None:
        """Have all that another journal holds, group for group, in one transaction: a copy."""
        with self._transaction():
            for record in records:
                self.append(record)
                if len(self._waiting.rows) >= COPIED_AT_ONCE:
                    self._hand_in(())
            self._hand_in(groups)
        if groups:
            self._anchor.write(Anchor(*groups[-1], self.epoch))
            self._anchor.sync()

    def records(self, after: int = 0) -> Iterator[Record]:
        """The committed records with numbers above `after`, in order."""
        return read_records(self._connection, after)

    def events(self, after: int = 0) -> Iterator[bytes]:
        """The bodies of the events among them: all that a recovery needs."""
        return read_events(self._connection, after)

    def kept(self, identity: str) -> Record | None:
        """The last effect that bears the identity, committed or not yet; None where none does."""
        waiting = self._waiting.kept.get(identity)
        if waiting is not None:
            return waiting
        execute = self._connection.execute
        known = execute(_SELECT_IDENTITY, (identity,)).fetchone()
        row = execute(_SELECT_KEPT, known).fetchone() if known is not None else None
        if row is None:
            return None
        number, name, cause, at, body, crc = row
        found = Record(number, "effect", name, cause, at, b"", body, crc, identity)
        return whole(found, f"{self.path}: ")

    def last(self) -> tuple[int, bytes]:
        """The number and chain hash of the last committed group; (0, b"") of an empty store."""
        return read_last(self._connection)

    def save_snapshot(self, number: int, data: bytes) -> None:
        """Keep what the state was after the committed record `number`; a few older ones stay."""
        execute = self._cursor.execute
        try:
            with self._connection:
                execute(
                    "INSERT OR REPLACE INTO snapshots VALUES(?,?,?)", (number, data, crc32c(data))
                )
                execute(
                    "DELETE FROM snapshots WHERE number NOT IN"
                    " (SELECT number FROM snapshots ORDER BY number DESC LIMIT ?)",
                    (SNAPSHOTS_KEPT,),
                )
        except apsw.Error as error:
            raise JournalFailed(f"{self.path}: no snapshot was saved: {error}") from error

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        """The snapshots that are whole, newest first."""
        return read_snapshots(self._connection)

    def close(self) -> None:
        """Fold the write-ahead log into the file, hash it, and sync the anchor.

        Uncommitted rows are lost. Hashing takes some two seconds for each GB.
        """
        self._connection.close()
        if self._anchor.said is not None and not self._failed:
            with suppress(OSError):  # a file that somebody took away cannot be proven
                closed = closed_file(self.path)
                self._anchor.write(self._anchor.said._replace(closed=closed))
        self._anchor.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it is in the file, or nothing and `JournalFailed`."""
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            yield
            self._cursor.execute("COMMIT")
        except apsw.Error as error:
            self._failed = isinstance(error, apsw.IOError)
            with suppress(apsw.Error):
                self._cursor.execute("ROLLBACK")
            kind = JournalFull if isinstance(error, apsw.FullError) else JournalFailed
            raise kind(f"{self.path}: {error}") from error

    def _write(self, groups: Sequence[tuple[int, bytes]]) -> None:
        """What was appended, which ends these groups."""
        execute, executemany, waiting = (
            self._cursor.execute,
            self._cursor.executemany,
            self._waiting,
        )
        executemany(INSERT_RECORD, waiting.rows)
        if waiting.told:
            executemany("INSERT OR IGNORE INTO identities VALUES(?,?)", waiting.told.items())
        if waiting.kept:
            kept = [(identity, record.number) for identity, record in waiting.kept.items()]
            executemany("INSERT OR REPLACE INTO identities VALUES(?,?)", kept)
        for digest, body in waiting.blobs.items():
            if not execute("SELECT 1 FROM blobs WHERE sha256 = ?", (digest,)).fetchone():
                execute("INSERT INTO blobs VALUES(?,?)", (digest, packed(body)))
        if waiting.boot is not None:
            _put_meta(self._cursor, waiting.meta())
        executemany("INSERT INTO groups VALUES(?,?)", groups)

    def _hand_in(self, groups: Sequence[tuple[int, bytes]]) -> None:
        """A part of what is taken over."""
        self._write(groups)
        self._forget()

    def _forget(self) -> None:
        """What was appended is in the file."""
        boot, self._waiting = self._waiting.boot, Group()
        if boot is not None:
            self.epoch = max(self.epoch, boot.epoch)

    def _prepare(self, synchronous: str) -> None:
        """Make the tables if the file is empty; refuse what is not ours before touching it."""
        names = table_names(self._connection)
        if names and not names >= TABLES.keys():
            raise NotAJournal(f"{self.path}: a file without a journal's tables")
        self._cursor.execute("PRAGMA journal_mode = WAL")
        self._cursor.execute(f"PRAGMA synchronous = {synchronous}")
        self._cursor.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
        if not names:
            self._make_tables()
        schema = read_meta(self._connection).get("schema")
        if schema != str(SCHEMA):
            raise JournalDamaged(f"{self.path}: schema {schema}; this Tieout reads {SCHEMA}")

    def _make_tables(self) -> None:
        with self._connection:
            if table_names(self._connection):
                return  # another process was faster; the anchor's lock decides which of us stays
            self._cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in TABLES.values():
                self._cursor.execute(statement)
            _put_meta(self._cursor, {"schema": str(SCHEMA), "code": code_version()})

    def _check_anchor(self) -> int:
        """Refuse a file that once held more; returns the highest epoch that is known."""
        last, chain = self.last()
        epoch = int(read_meta(self._connection).get("epoch", "0"))
        anchor = self._anchor.read()
        if anchor is not None and (told := anchor_says(self._connection, anchor)):
            raise JournalDamaged(f"{self.path}: {told}")
        if anchor is None or anchor.closed is not None:
            # On the disk before the file changes: what was said of its bytes is void.
            self._anchor.write((anchor or Anchor(last, chain, epoch))._replace(closed=None))
            self._anchor.sync()
        # Left by a tail that is gone: once the file is as long again, it would pass for this one's.
        self._cursor.execute("DELETE FROM snapshots WHERE number > ?", (last,))
        return max(epoch, anchor.epoch if anchor is not None else 0)


def accept_cut(path: str | os.PathLike[str], *, boots: int = 0) -> int:
    """Take the file as it is although its anchor says that it once held more; by an operator.

    `boots` is how often a node may have begun since, where no anchor is left to say it. Returns the
    epoch above which the node must boot, so that no id of the lost tail is chosen again.
    """
    path = Path(path)
    with closing(open_for_reading(path)) as connection:
        last, chain = read_last(connection)
        epoch = int(read_meta(connection).get("epoch", "0"))
    return take_as_it_is(path, Anchor(last, chain, epoch), boots)


def take_as_it_is(path: Path, found: "Anchor", boots: int = 0) -> int:
    """Write the anchor of a journal anew, the old one kept beside it; see `accept_cut`.

    Where the two agree nothing was cut, and nothing is written.
    """
    file = AnchorFile(path)
    try:
        told = file.read()
        if told is not None and (told.last, told.chain) == (found.last, found.chain):
            return max(found.epoch, told.epoch)
        # Without one nobody knows what is missing; that something may be is what matters.
        old = told or Anchor(found.last, b"", found.epoch + boots)
        kept_anchor(path, found.last).write_bytes(AnchorFile.line(old))
        epoch = max(found.epoch, old.epoch)
        file.write(found._replace(epoch=epoch))
        file.sync()
    finally:
        file.close()
    return epoch


def lost_before(path: Path, last: int) -> int:
    """How many records a cut took that was accepted at `last`, at least one; 0 where none was."""
    old = parse_anchor(kept_anchor(path, last))
    return max(1, old.last - last) if old is not None else 0


# --- the anchor ----------------------------------------------------------------------------------


class Closed(NamedTuple):
    """A file as its last writer left it: the sha256 of its bytes, and SQLite's count of changes."""

    sha256: bytes
    changes: int


class Anchor(NamedTuple):
    """The head of a journal: its last record, the chain's hash there, the highest boot epoch.

    `closed` is there from a proper close until the file is opened to be written.
    """

    last: int
    chain: bytes
    epoch: int
    closed: Closed | None = None


class AnchorFile:
    """The line beside a journal, and the lock of its only writer."""

    # One sector, written at one place: a disk writes a sector whole or not at all.
    WIDTH = 256

    def __init__(self, journal: Path) -> None:
        self._path = anchor_path(journal)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise JournalBusy(f"{journal}: another process writes it") from error
        self.said: Anchor | None = None

    def read(self) -> Anchor | None:
        """What it says; None where nothing was written yet."""
        self.said = parse_anchor(self._path)
        return self.said

    def write(self, anchor: Anchor) -> None:
        """Say the new head; the kernel has it, the disk may get it later."""
        self.said = anchor
        os.pwrite(self._file, self.line(anchor), 0)

    @classmethod
    def line(cls, anchor: Anchor) -> bytes:
        """What stands in the file."""
        text = f"tieout anchor: last={anchor.last} chain={anchor.chain.hex()} epoch={anchor.epoch}"
        if anchor.closed is not None:
            text += f" file={anchor.closed.sha256.hex()} changes={anchor.closed.changes}"
        return (f"{text} crc32c={crc32c(text.encode()):08x}".ljust(cls.WIDTH - 1) + "\n").encode()

    def sync(self) -> None:
        """Make it durable, its name included."""
        os.fsync(self._file)
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def close(self) -> None:
        os.fsync(self._file)
        os.close(self._file)


def anchor_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".anchor")


def kept_anchor(journal: Path, last: int) -> Path:
    """Where the anchor is kept that a cut at `last` contradicted."""
    return journal.with_name(f"{anchor_path(journal).name}.before-{last}")


_ANCHOR = re.compile(
    rb"(tieout anchor: last=(\d+) chain=([0-9a-f]*) epoch=(\d+)"
    rb"(?: file=([0-9a-f]{64}) changes=(\d+))?) crc32c=([0-9a-f]{8}) *\n"
)


def parse_anchor(path: Path) -> Anchor | None:
    """The anchor in this file; None where there is none. A line that is not whole is damage."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if not data:
        return None
    match = _ANCHOR.fullmatch(data)
    if match is None or crc32c(match[1]) != int(match[7], 16):
        raise JournalDamaged(f"{path}: the anchor cannot be read")
    closed = None
    if match[5] is not None:
        closed = Closed(bytes.fromhex(match[5].decode()), int(match[6]))
    return Anchor(int(match[2]), bytes.fromhex(match[3].decode()), int(match[4]), closed)


def anchor_says(connection: apsw.Connection, anchor: Anchor) -> str:
    """How the file contradicts its anchor; "" where it does not."""
    last, _ = read_last(connection)
    if anchor.last > last:
        return f"cut: the anchor says record {anchor.last}, the file ends at {last}"
    if anchor.last == 0:
        return ""
    row = connection.execute("SELECT chain FROM groups WHERE last = ?", (anchor.last,)).fetchone()
    if row is None:
        return f"the anchor says that a group ends at record {anchor.last}; none does"
    if row[0] != anchor.chain:
        return f"the anchor has another chain at record {anchor.last}"
    return ""


# --- the file as a whole -------------------------------------------------------------------------


def closed_file(path: Path) -> Closed | None:
    """The file as it is; None while a log beside it has some of its pages."""
    if log_of(path):
        return None
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").digest()
    return Closed(digest, changes_of(path)[0])


def log_of(path: Path) -> int:
    """The bytes of the write-ahead log beside a journal; 0 where there is none."""
    log = path.with_name(path.name + "-wal")
    return log.stat().st_size if log.exists() else 0


def changes_of(path: Path) -> tuple[int, int]:
    """How often SQLite changed the file, as its header says twice; equal where SQLite wrote it."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    return int.from_bytes(head[24:28], "big"), int.from_bytes(head[92:96], "big")


# --- reading -------------------------------------------------------------------------------------


def open_for_reading(path: Path) -> apsw.Connection:
    """A connection that changes nothing, whether or not a node writes at this moment."""
    _check_place(path, "never")
    wal = path.with_name(path.name + "-wal")
    # Without a log nobody writes; `immutable` then also reads from a folder that is read-only.
    settings = "mode=ro" if wal.exists() else "mode=ro&immutable=1"
    name = path.resolve().as_uri() + "?" + settings
    with _plain_errors(path):
        connection = apsw.Connection(name, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        connection.set_busy_timeout(BUSY_MS_MAX)
    return connection


def read_records(connection: apsw.Connection, after: int = 0) -> Iterator[Record]:
    """The committed records with numbers above `after`, in order; never a damaged one."""
    number = after
    try:
        for number, kind, name, cause, at, head, body, blob, crc, identity in connection.execute(
            _SELECT_RECORDS, (after,)
        ):
            if blob is not None:
                body = read_blob(connection, blob)
            yield whole(Record(number, kind, name, cause, at, head, body, crc, identity or ""))
    except (apsw.Error, UnicodeDecodeError, TypeError) as error:
        raise JournalDamaged(f"what follows record {number} cannot be read ({error})") from error


def whole(record: Record, place: str = "") -> Record:
    """What a row says, if it is what was written."""
    if crc32c(record.head + record.body) != record.crc:
        raise JournalDamaged(f"{place}record {record.number} is not what was written")
    return record


def read_events(connection: apsw.Connection, after: int = 0) -> Iterator[bytes]:
    """The bodies of the committed events with numbers above `after`, in order, each whole."""
    number = after
    try:
        for number, body, crc in connection.execute(_SELECT_EVENTS, (after,)):
            if crc32c(body) != crc:
                raise JournalDamaged(f"record {number} is not what was written")
            yield body
    except (apsw.Error, TypeError) as error:
        raise JournalDamaged(f"what follows record {number} cannot be read ({error})") from error


def read_snapshots(connection: apsw.Connection) -> Iterator[tuple[int, bytes]]:
    """The snapshots that are whole, newest first."""
    rows = connection.execute("SELECT number, state, crc FROM snapshots ORDER BY number DESC")
    for number, data, crc in rows:
        if isinstance(data, bytes) and crc32c(data) == crc:
            yield number, data


def read_blob(connection: apsw.Connection, digest: bytes) -> bytes:
    """The bytes of a large frame."""
    row = connection.execute("SELECT data FROM blobs WHERE sha256 = ?", (digest,)).fetchone()
    try:
        return zlib.decompress(row[0] if row else b"")
    except (TypeError, zlib.error) as error:
        raise JournalDamaged(f"blobs: no whole row has the sha256 {digest.hex()}") from error


def read_last(connection: apsw.Connection) -> tuple[int, bytes]:
    """The number and chain hash of the last committed group; (0, b"") of an empty journal."""
    row = connection.execute("SELECT last, chain FROM groups ORDER BY last DESC LIMIT 1").fetchone()
    if row is None:
        return 0, b""
    last, chain = row
    if not isinstance(chain, bytes) or len(chain) != 32:
        raise JournalDamaged(f"groups: the row {last} is not what was written")
    return last, chain


def read_meta(connection: apsw.Connection) -> dict[str, str]:
    """What the file says of itself."""
    meta = {}
    query = "SELECT CAST(key AS BLOB), CAST(value AS BLOB), crc FROM meta"
    for key, value, crc in connection.execute(query):
        if key is None or value is None or crc32c(key + value) != crc:
            raise JournalDamaged(f"meta: the row {key!r} is not what was written")
        meta[key.decode()] = value.decode()
    return meta


def table_names(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def bears_our_mark(path: Path) -> bool:
    """Whether this was once a journal, however damaged: any mark that one flaw cannot wipe out."""
    if anchor_path(path).exists():
        return True
    with path.open("rb") as file:
        page = file.read(4096)
    marks = (b"CREATE TABLE records(\n", b"CREATE TABLE groups(\n", b"CREATE TABLE snapshots(\n")
    return page[68:72] == APPLICATION_ID.to_bytes(4, "big") or any(mark in page for mark in marks)


def _check_place(path: Path, create: Create) -> None:
    if path.is_dir():
        raise NotAJournal(f"{path}: a directory, not a journal")
    if path.exists() and not path.is_file():
        raise NotAJournal(f"{path}: a pipe or a device, not a journal")
    if create == "new" and path.exists():
        raise NotAJournal(f"{path}: exists already")
    if create == "never" and not path.exists():
        if anchor_path(path).exists():
            raise JournalDamaged(f"{path}: the file is gone, its anchor is not")
        raise NotAJournal(f"{path}: no such file")


def _connect(path: Path, vfs: str | None) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags, vfs)
    connection.set_busy_timeout(BUSY_MS_MAX)
    if vfs is not None:
        # A VFS written in Python shares no memory: the index of the log then lives in ours.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Say in a person's words what SQLite met while it opened a file."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise JournalBusy(f"{path}: another process holds it") from error
    except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError, UnicodeDecodeError) as error:
        if bears_our_mark(path):
            raise JournalDamaged(f"{path}: {error}") from error
        raise NotAJournal(f"{path}: not an SQLite file ({error})") from error
    except (apsw.Error, OSError) as error:
        raise JournalError(f"{path}: {error}") from error


def _put_meta(cursor: apsw.Cursor, values: Mapping[str, str]) -> None:
    cursor.executemany("INSERT OR REPLACE INTO meta VALUES(?,?,?)", meta_rows(values))


def code_version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # 30 ms, once per journal

    try:
        return version("tieout")
    except PackageNotFoundError:
        return "unknown"
