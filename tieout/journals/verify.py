"""Proof that a journal is what was written: every record, in that order, and none missing.

Rule 1. Nothing is changed: the file is opened read-only, and a damaged file gives a verdict, never
a traceback.
Rule 2. Everything that can be computed is computed: the crc32c of each record, the SHA-256 chain of
each commit group, and every column that only repeats what a body says. What cannot be computed has
a crc of its own, or stands in the anchor.

`sound` means that each record reads back exactly as it was written, and that the file reaches at
least as far as its anchor (if there is one: see `Verdict.anchored`). After a proper close it means
that every byte is as it was then (see `Verdict.file`). Of a file that was not closed, or that some
other program has written to since, it says nothing of bytes that SQLite does not read: of pages'
unused space, or of counters in the file's header.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import apsw
import msgspec
from google_crc32c import value as crc32c

from core.effects import Remember
from core.events import (
    AccountOpened,
    CashMoved,
    Event,
    FillBusted,
    FillReported,
    FundingPaid,
    InstrumentListed,
    OpeningSet,
)
from core.journal import (
    SCHEMA,
    Record,
    decode_effect,
    decode_event,
    decode_frame,
    link,
)
from core.rail_events import BalanceOpened, LineBooked, ReturnReported
from tieout.journals.sqlite_store import (
    APPLICATION_ID,
    HEADER_BYTES,
    TABLES,
    Anchor,
    JournalDamaged,
    JournalError,
    NotAJournal,
    anchor_path,
    anchor_says,
    bears_our_mark,
    changes_of,
    closed_file,
    log_of,
    open_for_reading,
    parse_anchor,
    read_last,
    read_meta,
    table_names,
)

FINDINGS_MAX = 20


# Of a sound file: every byte as at its close; or not known, because a node died over it or has it
# open; or written to by another program since, which left the records alone.
State = Literal["as_closed", "not_closed", "written_to"]
# What each of these parts of the header is in a file of ours, whatever it holds.
HEADER: tuple[tuple[int, int, str, tuple[bytes, ...]], ...] = (
    (18, 20, "format versions", (b"\x02\x02", b"\x01\x01")),
    (44, 48, "schema format", (b"\0\0\0\x04",)),
    (48, 52, "cache size", (bytes(4),)),
    (56, 60, "text encoding", (b"\0\0\0\x01",)),
    (60, 64, "user version", (bytes(4),)),
    (68, 72, "application", (APPLICATION_ID.to_bytes(4, "big"),)),
    (72, 92, "reserved", (bytes(20),)),
)


class Finding(NamedTuple):
    """One place that is not as it was written. `number` is the record's, 0 where none is meant."""

    number: int
    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        where = f"record {self.number}, {self.place}" if self.number else self.place
        if not self.expected:
            return f"{where}: {self.found}"
        return f"{where}: expected {self.expected}, found {self.found}"


class Verdict(NamedTuple):
    """What `verify` found; `str` of it is for a person."""

    path: str
    status: Literal["sound", "damaged", "not_a_journal"]
    findings: tuple[Finding, ...]
    records: int = 0
    groups: int = 0
    last: int = 0
    chain: str = ""
    anchored: bool = False
    file: State = "not_closed"

    @property
    def exit_status(self) -> int:
        return {"sound": 0, "damaged": 1, "not_a_journal": 2}[self.status]

    def as_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {**self._asdict(), "findings": [each._asdict() for each in self.findings]}

    def __str__(self) -> str:
        if self.status == "not_a_journal":
            return f"{self.path}: {self.findings[0].found}"
        if self.status == "damaged":
            lines = [f"  {finding}" for finding in self.findings]
            more = ["  ..."] if len(lines) == FINDINGS_MAX else []
            return "\n".join([f"{self.path}: damaged", *lines, *more])
        text = f"{self.path}: sound, {self.records} records in {self.groups} groups"
        if not self.anchored:
            text += f"; no {anchor_path(Path(self.path)).name}: a missing end would not show"
        elif self.file != "as_closed":
            why = {"not_closed": "it was not closed", "written_to": "written to since its close"}
            text += f"; {why[self.file]}: a flaw in bytes of no record may not show"
        return text


def verify(path: str | os.PathLike[str], anchor: Path | None = None) -> Verdict:
    """Judge the journal at `path`, or at a server's URL, held to the anchor of a node there."""
    if is_url(path):
        return _verify_copy(str(path), anchor)
    path = Path(path)
    try:
        with closing(open_for_reading(path)) as connection:
            return _Judge(path, connection).verdict()
    except NotAJournal as error:
        return _refusal(path, "not_a_journal", error)
    except (JournalError, apsw.Error, OSError) as error:
        return _refusal(path, "damaged", error)


def _verify_copy(url: str, anchor: Path | None) -> Verdict:
    """Of a server's journal its rows are judged; of its files the server judges."""
    from tieout.journals.postgres_copy import copied  # an extra
    from tieout.journals.postgres_store import shown

    try:
        with copied(url, anchor) as path:
            return verify(path)._replace(path=shown(url))
    except NotAJournal as error:
        return _refusal(shown(url), "not_a_journal", error)


def is_url(place: object) -> bool:
    """Whether a journal lies on a server, and in no file."""
    return str(place).startswith(("postgresql://", "postgres://"))


def _refusal(
    path: Path | str, status: Literal["damaged", "not_a_journal"], error: Exception
) -> Verdict:
    text = str(error).removeprefix(f"{path}: ")
    return Verdict(str(path), status, (Finding(0, "file", "", text),))


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[apsw.Connection]:
    """A journal for those who read it but do not judge it: it has its tables and its end.

    Raises `NotAJournal` or `JournalDamaged`, which name the path, also for what its reader meets.
    """
    if is_url(path):
        from tieout.journals.postgres_copy import copied  # an extra

        with copied(str(path)) as file, opened(file) as connection:
            yield connection
        return
    path = Path(path)
    anchor = parse_anchor(anchor_path(path))  # before the first look, as a judge does
    with closing(open_for_reading(path)) as connection:
        try:
            names = tables_of(path, connection)
            if missing := [name for name in TABLES if name not in names]:
                raise JournalDamaged(f"without the tables {', '.join(missing)}")
            if flaws := flaws_of_structure(connection):
                raise JournalDamaged(f"its structure is not sound: {' '.join(flaws[0].split())}")
            if anchor is not None and (said := anchor_says(connection, anchor)):
                raise JournalDamaged(said)
            for place, _, found in flaws_of_header(path):
                raise JournalDamaged(f"{place}: found {_text(found)}")
            yield connection
            # Last, so that a reader that meets the flaw itself has named the record by now.
            if flaw := as_closed(path, anchor)[1]:
                raise JournalDamaged(f"of its bytes {flaw}")
        except NotAJournal as error:
            raise NotAJournal(f"{path}: {error}") from error
        except (JournalDamaged, apsw.Error, msgspec.MsgspecError) as error:
            raise JournalDamaged(f"{path}: {error}; `tieout verify` names the place") from error


def flaws_of_structure(connection: apsw.Connection) -> list[str]:
    """What SQLite itself finds wrong with the file's pages, trees and indexes."""
    rows = connection.execute(f"PRAGMA integrity_check({FINDINGS_MAX})")
    return [line for (line,) in rows if line != "ok"]


def flaws_of_header(path: Path) -> Iterator[tuple[str, object, object]]:
    """Where the header is not that of a file of ours, with what should be there and what is.

    Not of a file with a log beside it, which may have a newer one.
    """
    if log_of(path):
        return
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    for start, end, name, wanted in HEADER:
        if head[start:end] not in wanted:
            yield f"bytes {start} to {end - 1} of the file, {name}", wanted[0], head[start:end]
    once, again = changes_of(path)
    if once != again:
        yield "bytes 24 to 27 and 92 to 95 of the file, changes", once, again


def as_closed(path: Path, anchor: Anchor | None) -> tuple[State, str]:
    """Whether each byte is as its writer left it, and what is wrong with that; "" mostly.

    SQLite counts what any program writes to it: a file with another count was written to since.
    """
    told = anchor.closed if anchor is not None else None
    found = closed_file(path) if told is not None else None
    if told is None or found is None:
        return "not_closed", ""
    if found.sha256 == told.sha256:
        return "as_closed", ""
    if found.changes != told.changes:
        return "written_to", ""
    if anchor != _anchor_of(path)[0]:  # it was opened meanwhile
        return "not_closed", ""
    hashes = f"its sha256 is {found.sha256.hex()}, and was {told.sha256.hex()} when it was closed"
    return "not_closed", f"one was changed: {hashes}"


def tables_of(path: Path, connection: apsw.Connection) -> set[str]:
    """The tables that an open file has; raises `NotAJournal` unless it is one or was one."""
    try:
        names = table_names(connection)
    except (apsw.Error, UnicodeDecodeError) as error:
        if bears_our_mark(path):
            raise JournalDamaged(f"the table of tables cannot be read ({error})") from error
        raise NotAJournal(f"not an SQLite file ({error})") from error
    if not names >= TABLES.keys() and not bears_our_mark(path):
        raise NotAJournal("a file without a journal's tables")
    return names


class _Enough(Exception):
    """So many findings that more would not help."""


class _Judge:
    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self.connection = connection
        self.findings: list[Finding] = []
        self.records = 0
        self.last_read = 0
        self.file: State = "not_closed"
        self.listings = _Listings()
        # Before the first look at the file: a node that writes at this moment may go on.
        self.anchor, self.anchor_flaw = _anchor_of(path)

    def verdict(self) -> Verdict:
        """Look everywhere; the records first, because their findings name the place best."""
        self.connection.execute("BEGIN")
        names = tables_of(self.path, self.connection)
        if not names >= TABLES.keys():
            self.find(0, "tables", ", ".join(TABLES), ", ".join(sorted(map(str, names))))
        try:
            for look in (
                self._definitions,
                self._meta,
                self._records,
                self._causes,
                self._identities,
                self._blobs,
                self._snapshots,
                self._structure,
                self._header,
                self._as_closed,
                self._against_anchor,
            ):
                self._guard(look.__name__.strip("_"), look)
        except _Enough:
            pass
        if self.findings:
            return Verdict(str(self.path), "damaged", tuple(self.findings), self.records)
        return self._sound()

    def _sound(self) -> Verdict:
        last, chain = read_last(self.connection)
        groups = self._number("SELECT count(*) FROM groups")
        anchored = self.anchor is not None
        return Verdict(
            str(self.path),
            "sound",
            (),
            self.records,
            groups,
            last,
            chain.hex(),
            anchored,
            self.file,
        )

    def find(self, number: int, place: str, expected: object, found: object) -> None:
        self.findings.append(Finding(number, place, _text(expected), _text(found)))
        if len(self.findings) == FINDINGS_MAX:
            raise _Enough

    def _guard(self, place: str, look: Callable[[], None]) -> None:
        """Let a look that trips over the damage itself say so."""
        try:
            look()
        except (apsw.Error, UnicodeDecodeError, JournalError, TypeError) as error:
            after = f", what follows record {self.last_read}" if place == "records" else ""
            self.find(0, f"{place}{after}", "", f"cannot be read ({error})")

    # --- records and groups ----------------------------------------------------------------------

    def _records(self) -> None:
        groups = self.connection.execute("SELECT last, chain FROM groups ORDER BY last")
        group = sha256()
        last, chain = next(groups, (0, b""))
        previous, event, clean = 0, (0, 0), True
        for row in self._rows():
            self.records += 1
            found = len(self.findings)
            if row.number != previous + 1:
                self.find(previous + 1, "records.number", previous + 1, row.number)
            if row.number > last:
                self.find(row.number, "groups.last", "a group that holds it", f"the last is {last}")
                return
            self._record(row, event)
            if row.kind == "event":
                event = row.number, row.at
            link(group, row.number, row.kind, row.head, row.body)
            previous, clean = row.number, clean and found == len(self.findings)
            if row.number == last:
                if group.digest() != chain:
                    self.find(row.number, "groups.chain", group.digest(), chain)
                # What is whole vouches for what follows, so that one flaw is reported once.
                group = sha256(group.digest() if clean else chain)
                last, chain = next(groups, (last, chain))
                clean = True
        if previous < last:
            self.find(
                0, "records", "", f"cut: a group ends at record {last}, the file at {previous}"
            )

    def _rows(self) -> Iterator[Record]:
        """All rows as they stand; what cannot be a record at all is a finding."""
        query = """
            SELECT number, CAST(kind AS BLOB), CAST(name AS BLOB), cause, at, CAST(head AS BLOB),
              CAST(body AS BLOB), blob, crc, CAST(identity AS BLOB),
              concat_ws(' ', typeof(kind), typeof(name), typeof(cause), typeof(at), typeof(head),
                typeof(body), typeof(blob), typeof(crc), typeof(identity))
            FROM records ORDER BY number"""
        for row in self.connection.execute(query):
            number, kind, name, cause, at, head, body, blob, crc, identity, types = row
            self.last_read = number
            if types not in _TYPES.get(kind, ()):
                self.find(number, "records, types of its columns", _TYPES.get(kind), types)
                continue
            if blob is not None:
                body = self._blob(number, blob)
            yield Record(
                number,
                kind.decode(),
                _word(name),
                cause,
                at,
                head,
                body,
                crc,
                _word(identity or b""),
            )

    def _blob(self, number: int, digest: bytes) -> bytes:
        row = self.connection.execute("SELECT data FROM blobs WHERE sha256 = ?", (digest,))
        data = _inflate((row.fetchone() or (b"",))[0])
        if data is not None and sha256(data).digest() == digest:
            return data
        self.find(number, "blobs.data", f"bytes with the sha256 {_text(digest)}", "none")
        return b""

    def _record(self, row: Record, event: tuple[int, int]) -> None:
        """Compare a row with what its own bytes say; `event` is the last one's number and time."""
        crc = crc32c(row.head + row.body)
        if crc != row.crc:
            self.find(row.number, "records.crc of head and body", row.crc, crc)
        try:
            name, cause, at, identity = _told(row, event, self.listings)
        except (msgspec.MsgspecError, ValueError) as error:
            self.find(row.number, "records.body", f"{row.kind} {row.name}", error)
            return
        if name != row.name:
            self.find(row.number, "records.name", name, row.name)
        if cause != row.cause:
            self.find(row.number, "records.cause", cause, row.cause)
        if at != row.at:
            self.find(row.number, "records.at", at, row.at)
        if identity != row.identity:
            self.find(row.number, "records.identity", identity, row.identity)

    def _causes(self) -> None:
        rows = self.connection.execute(
            "SELECT e.number, e.cause, f.kind FROM records e LEFT JOIN records f"
            " ON f.number = e.cause AND f.number < e.number"
            " WHERE e.kind = 'event' AND e.cause <> 0 AND f.kind IS NOT 'frame'"
        )
        for number, cause, kind in rows:
            self.find(number, "records.cause", f"a frame at {cause}", kind or "none")

    # --- the other tables ------------------------------------------------------------------------

    def _definitions(self) -> None:
        """Only our tables: an index or a view that somebody added changes no record."""
        rows = dict(self.connection.execute("SELECT name, sql FROM sqlite_schema"))
        for name, sql in TABLES.items():
            if rows.get(name) != sql:
                self.find(0, f"definition of {name}", sql, rows.get(name))

    def _meta(self) -> None:
        schema = read_meta(self.connection).get("schema")
        if schema != str(SCHEMA):
            self.find(0, "meta.schema", SCHEMA, schema)

    def _identities(self) -> None:
        """Each points at the record that keeps it, the last of them; else at the first to tell it.

        A key that points nowhere, or at another's record, is what lets a fill be booked twice.
        """
        rows = self.connection.execute(
            "SELECT i.identity, i.number FROM identities i LEFT JOIN records r"
            " ON r.number = i.number WHERE r.identity IS NOT i.identity"
        )
        for identity, number in rows:
            self.find(number, "identities.number", f"a record that tells {identity}", number)
        rows = self.connection.execute(
            "SELECT t.identity, t.wanted, i.number FROM"
            " (SELECT identity,"
            " coalesce(max(number) FILTER (WHERE kind = 'effect'), min(number)) AS wanted"
            " FROM records WHERE identity IS NOT NULL GROUP BY identity) t"
            " LEFT JOIN identities i USING (identity) WHERE i.number IS NOT t.wanted"
        )
        for identity, wanted, found in rows:
            self.find(wanted, f"identities, {identity}", wanted, found)

    def _blobs(self) -> None:
        for digest, data in self.connection.execute("SELECT sha256, data FROM blobs"):
            content = _inflate(data)
            if content is None or sha256(content).digest() != digest:
                self.find(0, "blobs.data", digest, sha256(content or b"").digest())

    def _snapshots(self) -> None:
        rows = self.connection.execute(
            "SELECT s.number, s.crc, s.state, g.last FROM snapshots s LEFT JOIN groups g"
            " ON g.last = s.number"
        )
        for number, crc, state, last in rows:
            if last is None:
                self.find(number, "snapshots.number", "the end of a group", number)
            if not isinstance(state, bytes) or crc32c(state) != crc:
                self.find(number, "snapshots.state", "the crc32c beside it", "another")

    def _structure(self) -> None:
        """SQLite's own view: pages, trees, indexes; and whether the file has all its pages."""
        for line in flaws_of_structure(self.connection):
            self.find(0, "structure", "ok", line)
        pages = self._number("PRAGMA page_count") * self._number("PRAGMA page_size")
        wal = self.path.with_name(self.path.name + "-wal").exists()
        if not wal and self.path.stat().st_size < pages:
            self.find(0, "bytes of the file", pages, self.path.stat().st_size)

    def _header(self) -> None:
        for place, expected, found in flaws_of_header(self.path):
            self.find(0, place, expected, found)

    def _as_closed(self) -> None:
        """Every byte: what is found here only lies in none that a record needs."""
        self.file, flaw = as_closed(self.path, self.anchor)
        if flaw and not self.findings:
            self.find(0, "bytes of the file that hold no record", "", flaw)

    def _against_anchor(self) -> None:
        said = self.anchor_flaw
        if self.anchor is not None:
            said = anchor_says(self.connection, self.anchor)
            epoch = int(read_meta(self.connection).get("epoch", "0"))
            # Where the process was killed, the anchor may lack the last group, a boot included.
            level = self.anchor.last == read_last(self.connection)[0]
            if not said and level and epoch > self.anchor.epoch:
                said = f"the anchor says epoch {self.anchor.epoch}, the file {epoch}"
        if said:
            self.find(0, "anchor", "", said)

    def _number(self, query: str) -> int:
        row = self.connection.execute(query).fetchone()
        assert row is not None, query
        return int(row[0])


# The types of a row's columns, by its kind: kind name cause at head body blob crc identity.
_TYPES = {
    b"frame": (
        "text text integer integer text blob null integer null",
        "text text integer integer text null blob integer null",
    ),
    b"event": (
        "text text integer integer text text null integer null",
        "text text integer integer text text null integer text",
    ),
    b"effect": (
        "text text integer integer text text null integer null",
        "text text integer integer text text null integer text",
    ),
}


class _Listings:
    """Which accounts are open, and the listing epoch of each of their instruments, as told."""

    def __init__(self) -> None:
        self._epochs: dict[str, dict[str, int]] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, AccountOpened):
            self._epochs[event.account] = {}
        elif isinstance(event, InstrumentListed) and event.account in self._epochs:
            known = self._epochs[event.account]
            if event.instrument in known or not event.frame or event.asked_at:
                known[event.instrument] = event.listing

    def identity(self, event: Event) -> str:
        """Said anew here, not asked of the journal that is judged."""
        account = getattr(event, "account", "")
        mine = self._epochs.get(account)
        if mine is None:
            return ""
        epoch = mine.get(getattr(event, "instrument", ""))
        key = ""
        match event:
            case FillReported() if epoch:
                key = f"{event.instrument}:{epoch}:{event.fill_id}:{event.side}"
            case FillBusted() if epoch:
                key = f"bust:{event.instrument}:{event.bust_id}"
            case FundingPaid():
                key = f"funding:{event.funding_id}:{event.asset}"
            case CashMoved():
                key = f"{event.reason}:{event.movement_id}"
            case OpeningSet():
                key = f"opening:{event.subject}:{event.leg}"
            case LineBooked() if not event.pending:
                key = f"line:{event.line_id}"
            case ReturnReported():
                key = f"return:{event.return_id}"
            case BalanceOpened():
                key = f"opened:{event.asset}:{event.customer}"
        return f"{account}/{key}" if key else ""


def _told(row: Record, event: tuple[int, int], listings: _Listings) -> tuple[str, int, int, str]:
    """The name, cause, time and identity that follow from a record's bytes and its place."""
    match row.kind:
        case "frame":
            frame = decode_frame(row)
            return frame.channel, 0, frame.received_at, ""
        case "event":
            told = decode_event(row.body)
            listings.take(told)
            return type(told).__name__, told.frame, told.received_at, listings.identity(told)
        case "effect":
            asked = decode_effect(row.body)
            identity = f"{asked.account}/{asked.key}" if isinstance(asked, Remember) else ""
            return type(asked).__name__, event[0], event[1], identity


def _anchor_of(path: Path) -> tuple[Anchor | None, str]:
    """The anchor, or what is wrong with it."""
    try:
        return parse_anchor(anchor_path(path)), ""
    except (JournalError, OSError) as error:
        return None, str(error)


def _inflate(data: object) -> bytes | None:
    try:
        return zlib.decompress(data) if isinstance(data, bytes) else None
    except zlib.error:
        return None


def _word(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def _text(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 120 else text[:117] + "..."
