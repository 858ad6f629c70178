"""The journal on PostgreSQL: one writer, which leads; one statement per commit group.

Rule 1. `commit` returns after the server has synced the group; until then nothing of it is acted
on.
Rule 2. One writer: who leads (`tieout.journals.leadership`). A store that follows reads, and may
come to lead.
Rule 3. A commit whose answer was lost is neither done nor undone until it was looked up, by a new
connection, once the server refuses whatever the old one may still bring.
Rule 4. A server that says nothing for `answer_s` ends the store: no caller waits for it for ever,
and whether a group is there, the next life reads.
Rule 5. The head of the chain and the boot epoch stand outside the database too, in an anchor beside
the node, as they do beside a file: a database put back from an old copy shows (`sqlite_store`).

Records, their bytes, the chain and what rests compressed in `blobs` are those of SQLite's journal;
the bytes of a frame have a column of their own. A journal lies in the first schema of the search
path (`?options=-csearch_path=desk`), so that one database may hold several. A connection that
breaks is made anew for as long as `patience_s`; after that the store must be opened anew.
"""

import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal, TypeVar

import psycopg
from google_crc32c import value as crc32c
from psycopg import Connection, conninfo
from psycopg.types.numeric import Int8

from core.journal import SCHEMA, Record
from tieout.journals.leadership import (
    FENCE,
    FIRST,
    LEASE_S,
    TABLE,
    Leadership,
    is_refusal,
    rest,
)
from tieout.journals.rows import COLUMNS, Group, meta_rows, packed
from tieout.journals.sqlite_store import (
    SNAPSHOTS_KEPT,
    Anchor,
    AnchorFile,
    JournalBusy,
    JournalDamaged,
    JournalError,
    JournalFailed,
    NotAJournal,
    code_version,
    lost_before,
    take_as_it_is,
    whole,
)

Role = Literal["leads", "follows"]
T = TypeVar("T")

PATIENCE_S = 5.0
# Two leases: a server that is slow is waited for, one that hangs is not.
ANSWER_S = 10.0
AGAIN_S = 0.05
READ_AT_ONCE = 5000
FOR_EVER = 2**62
MAKING = 7_103_459  # the advisory lock of who makes the tables

TABLES = {
    "records": """CREATE TABLE records(
  number bigint PRIMARY KEY, -- from 1 on, without a gap
  kind text NOT NULL, -- frame, event or effect
  name text NOT NULL, -- the frame's channel, else the type
  cause bigint NOT NULL, -- the record that it follows from, or 0
  at bigint NOT NULL, -- our clock, nanoseconds UTC
  head text NOT NULL, -- what is known of a frame beside its bytes, else empty
  body text, -- JSON text of an event or effect
  raw bytea, -- the bytes of a frame; NULL where `blob` has them
  blob bytea, -- the sha256 of a large frame's bytes
  crc bigint NOT NULL, -- crc32c of head and body
  identity text -- of an event that can be known again, and of what an effect keeps
)""",
    "identities": """CREATE TABLE identities(
  identity text PRIMARY KEY,
  number bigint NOT NULL -- the record that told it first; once put away, the one that keeps it
)""",
    "groups": """CREATE TABLE groups(
  last bigint PRIMARY KEY, -- the last record of the commit group
  chain bytea NOT NULL, -- sha256 of the chain before it and its records
  token bigint NOT NULL -- under which leadership it was written
)""",
    "blobs": """CREATE TABLE blobs(
  sha256 bytea PRIMARY KEY, -- of the bytes
  data bytea NOT NULL -- the bytes, deflated by zlib
)""",
    "snapshots": """CREATE TABLE snapshots(
  number bigint PRIMARY KEY, -- the state after this record
  state bytea NOT NULL,
  crc bigint NOT NULL -- crc32c of the state
)""",
    "meta": """CREATE TABLE meta(
  key text PRIMARY KEY,
  value text NOT NULL,
  crc bigint NOT NULL -- crc32c of key and value
)""",
    "leadership": TABLE,
}

# One statement is one transaction: a group is whole or absent, after one way there and back. Its
# columns go as binary arrays (%b): as text a large group took five times as long.
_GROUP = """
WITH kept AS (
  INSERT INTO identities SELECT * FROM unnest(%b::text[], %b::bigint[])
  ON CONFLICT (identity) DO UPDATE SET number = EXCLUDED.number
), told AS (
  INSERT INTO identities SELECT * FROM unnest(%b::text[], %b::bigint[])
  ON CONFLICT (identity) DO NOTHING
), large AS (
  INSERT INTO blobs SELECT * FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT DO NOTHING
), said AS (
  INSERT INTO meta SELECT * FROM unnest(%b::text[], %b::text[], %b::bigint[])
  ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, crc = EXCLUDED.crc
), written AS (
  INSERT INTO records SELECT * FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::bigint[],
    %b::bigint[], %b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::bigint[], %b::text[])
)
INSERT INTO groups VALUES(%s, %s, %s)"""
_SELECT_RECORDS = """
SELECT number, kind, name, cause, at, head, body, raw, data, crc, identity
FROM records LEFT JOIN blobs ON sha256 = blob
WHERE number > %s AND number <= %s ORDER BY number LIMIT %s"""
_SELECT_EVENTS = """
SELECT number, body, crc FROM records
WHERE kind = 'event' AND number > %s AND number <= %s ORDER BY number LIMIT %s"""
_SELECT_KEPT = """
SELECT r.number, name, cause, at, body, crc FROM identities i JOIN records r USING (number)
WHERE i.identity = %s AND kind = 'effect'"""
_SELECT_LAST = "SELECT last, chain FROM groups WHERE last <= %s ORDER BY last DESC LIMIT 1"

_Connection = Connection[tuple[Any, ...]]


class PostgresStore:
    """A `Store` in a PostgreSQL database; its writer leads."""

    def __init__(
        self,
        url: str,
        *,
        role: Role = "leads",
        lease_s: float = LEASE_S,
        wait_s: float = 0.0,
        anchor: Path | None = None,
        patience_s: float = PATIENCE_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        """`wait_s` is how long another's lease is waited for; raises `JournalBusy` after it.

        A store that follows makes no tables, and sees the journal as it was at the last `news`. The
        anchor (that of the journal's name on this machine) it takes when it comes to lead.
        """
        self.place, self.leadership, self.epoch = shown(url), Leadership(lease_s), 0
        self.records_lost = 0
        self._url, self._anchor_place = url, anchor
        self._patience_s, self._answer_s = patience_s, answer_s
        self._anchor: AnchorFile | None = None
        self._waiting = Group()
        self._horizon = FOR_EVER
        self._last: tuple[int, bytes] | None = None  # who leads knows it: nobody else writes
        self._failed = False
        with plain_errors(self.place):
            self._connection = connect(url, lease_s, answer_s)
            try:
                self._prepare(role)
                if role == "leads":
                    self._lead_within(wait_s)
            except BaseException:
                self._connection.close()
                self._release_anchor()
                raise

    # --- leading ----------------------------------------------------------------------------------

    def lead(self) -> bool:
        """Come to lead, if nobody does: from then on it may write."""
        if not self._asked(self.leadership.take):
            return False
        self._horizon = FOR_EVER
        self._asked(self._check_anchor)
        self._asked(lambda each: each.execute("UNLISTEN *"))
        late = "DELETE FROM snapshots WHERE number > (SELECT coalesce(max(last), 0) FROM groups)"
        self._asked(lambda each: each.execute(late))
        self._last = self._asked(read_last)
        return True

    def renew(self) -> None:
        """Lead for another lease; raises `LeadershipLost`."""
        self._asked(self.leadership.renew)

    def rest(self) -> float:
        """For how many seconds who leads still does, unless it renews."""
        return self._asked(rest)[1]

    def _lead_within(self, wait_s: float) -> None:
        until = monotonic() + wait_s
        while not self.lead():
            holder, told = self._asked(rest)
            left = max(told, 0.0)
            if monotonic() + left > until:
                raise JournalBusy(f"{self.place}: {holder} leads; its lease ends in {left:.1f} s")
            sleep(left + AGAIN_S)

    # --- writing ----------------------------------------------------------------------------------

    def append(self, record: Record) -> None:
        self._waiting.append(record)

    def commit(self, last: int, chain: bytes) -> None:
        """Make everything appended so far durable, as one group."""
        if self._failed:
            raise JournalFailed(f"{self.place}: the outcome of a commit is unknown; open it anew")
        with plain_errors(self.place, JournalFailed):
            self._commit(last, chain)
        self._settle(last, chain)

    def _commit(self, last: int, chain: bytes) -> None:
        values = values_of(self._waiting, last, chain, self.leadership)
        try:
            with self.leadership.renewing():
                self._connection.execute(_GROUP, values, prepare=True)
        except NoAnswer:
            self._failed = True
            raise
        except psycopg.Error as error:
            if is_refusal(error):
                raise self.leadership.lost() from error
            if not self._connection.closed:
                raise
            self._look_up(last, chain)

    def _look_up(self, last: int, chain: bytes) -> None:
        """The answer was lost. What is not there now never will be; then it is sent again."""
        self._failed = True  # unless it is known below
        known = self._asked(read_last)
        self._failed = False
        if known != (last, chain):
            self._commit(last, chain)

    def _settle(self, last: int, chain: bytes) -> None:
        boot, self._waiting = self._waiting.boot, Group()
        self._last, self.records_lost = (last, chain), 0
        if boot is not None:
            self.epoch = max(self.epoch, boot.epoch)
        if self._anchor is not None:
            self._anchor.write(Anchor(last, chain, self.epoch))
            if boot is not None:
                self._anchor.sync()

    def save_snapshot(self, number: int, data: bytes) -> None:
        """Keep what the state was after the committed record `number`; a few older ones stay."""

        def save(connection: _Connection) -> None:
            with connection.transaction():
                connection.execute(
                    "INSERT INTO snapshots VALUES(%s, %s, %s) ON CONFLICT (number)"
                    " DO UPDATE SET state = EXCLUDED.state, crc = EXCLUDED.crc",
                    (number, data, crc32c(data)),
                )
                connection.execute(
                    "DELETE FROM snapshots WHERE number NOT IN"
                    " (SELECT number FROM snapshots ORDER BY number DESC LIMIT %s)",
                    (SNAPSHOTS_KEPT,),
                )

        self._asked(save)

    def close(self) -> None:
        """Make room for another leader. Uncommitted records are lost."""
        with suppress(psycopg.Error):
            if self.leadership.good():
                self.leadership.give_up(self._connection)
        self._connection.close()
        self._release_anchor()

    def _release_anchor(self) -> None:
        if self._anchor is not None:
            self._anchor.close()

    # --- reading ----------------------------------------------------------------------------------

    def records(self, after: int = 0) -> Iterator[Record]:
        """The committed records with numbers above `after`, in order."""
        return read_records(self._asked, after, self._horizon)

    def events(self, after: int = 0) -> Iterator[bytes]:
        """The bodies of the events among them: all that a recovery needs."""
        return (body for _, body in read_events(self._asked, after, self._horizon))

    def kept(self, identity: str) -> Record | None:
        """The last effect that bears the identity, committed or not yet; None where none does."""
        waiting = self._waiting.kept.get(identity)
        if waiting is not None:
            return waiting
        row = self._asked(lambda each: each.execute(_SELECT_KEPT, (identity,)).fetchone())
        if row is None:
            return None
        number, name, cause, at, text, crc = row
        found = Record(number, "effect", name, cause, at, b"", text.encode(), crc, identity)
        return whole(found, f"{self.place}: ")

    def last(self) -> tuple[int, bytes]:
        """The number and chain hash of the last committed group; (0, b"") of an empty store."""
        if self._last is not None:
            return self._last
        return self._asked(lambda each: read_last(each, self._horizon))

    def snapshots(self) -> Iterator[tuple[int, bytes]]:
        """The snapshots that are whole, newest first."""
        return read_snapshots(self._asked)

    def news(self, after: int) -> tuple[list[int], list[tuple[int, bytes]]]:
        """Where the groups after a record end, and the events in them, with their numbers.

        Of very many only the first, so that it is to be asked until there are none.
        """
        ends = self._asked(
            lambda each: each.execute(
                "SELECT last FROM groups WHERE last > %s ORDER BY last LIMIT %s",
                (after, READ_AT_ONCE),
            ).fetchall()
        )
        if not ends:
            return [], []
        through = ends[-1][0]
        self._horizon = max(self._horizon, through)
        return [end for (end,) in ends], list(read_events(self._asked, after, through))

    def heard(self, seconds: float) -> None:
        """Wait for news of a group, or of a lease that was given up, for no longer than that."""
        self._asked(lambda each: list(each.notifies(timeout=max(seconds, 0.0), stop_after=1)))

    # --- the connection ---------------------------------------------------------------------------

    def _asked(self, question: Callable[[_Connection], T]) -> T:
        """What may be asked twice, is, by a new connection where one broke."""
        with plain_errors(self.place, JournalFailed):
            while True:
                if self._connection.closed:
                    self._connect_anew()
                try:
                    return question(self._connection)
                except psycopg.Error:
                    if not self._connection.closed:
                        raise

    def _connect_anew(self) -> None:
        """Within our patience; who led leads on, under a new token."""
        until = monotonic() + self._patience_s
        while True:
            try:
                self._connection.close()
                self._connection = connect(self._url, self.leadership.lease_s, self._answer_s)
                if self.leadership.token:
                    self.leadership.resume(self._connection)
                else:
                    listen(self._connection)
                return
            except psycopg.OperationalError:
                if monotonic() > until:
                    raise
                sleep(AGAIN_S)

    def _prepare(self, role: Role) -> None:
        check_settings(self._connection, self.place)
        if role == "leads":
            make_tables(self._connection)
        elif not has_tables(self._connection):
            raise NotAJournal(f"{self.place}: a database without a journal's tables")
        else:
            listen(self._connection)
            self._horizon = read_last(self._connection)[0]
        schema = read_meta(self._connection).get("schema")
        if schema != str(SCHEMA):
            raise JournalDamaged(f"{self.place}: schema {schema}; this Tieout reads {SCHEMA}")

    def _check_anchor(self, connection: _Connection) -> None:
        """Refuse a database that once held more; from here on the anchor follows each commit."""
        last, chain = read_last(connection)
        self.epoch = int(read_meta(connection).get("epoch", "0"))
        if self._anchor_place is None:
            return
        if self._anchor is None:
            self._anchor = AnchorFile(self._anchor_place)
        told = self._anchor.read()
        if told is not None and (said := anchor_says(connection, told)):
            raise JournalDamaged(f"{self.place}: {said}")
        self.records_lost = lost_before(self._anchor_place, last)
        self.epoch = max(self.epoch, told.epoch if told is not None else 0)
        self._anchor.write(Anchor(last, chain, self.epoch))
        self._anchor.sync()


def accept_cut(url: str, anchor: Path, *, boots: int = 0) -> int:
    """As `sqlite_store.accept_cut`: the database as it is, for a node with that anchor's place."""
    with plain_errors(shown(url), NotAJournal), connect(url) as connection:
        if not has_tables(connection):
            raise NotAJournal(f"{shown(url)}: a database without a journal's tables")
        last, chain = read_last(connection)
        epoch = int(read_meta(connection).get("epoch", "0"))
    return take_as_it_is(anchor, Anchor(last, chain, epoch), boots)


def values_of(group: Group, last: int, chain: bytes, leadership: Leadership) -> list[object]:
    """What `_GROUP` asks for; whole numbers of one type, so that it is prepared once."""
    # One statement writes a row once: what is put away in the group itself was not told before.
    told = {name: number for name, number in group.told.items() if name not in group.kept}
    return [
        list(group.kept),
        [Int8(record.number) for record in group.kept.values()],
        list(told),
        [Int8(number) for number in told.values()],
        list(group.blobs),
        [packed(body) for body in group.blobs.values()],
        *columns(meta_rows(group.meta()), 3),
        *columns(group.rows, COLUMNS),
        Int8(last),
        chain,
        Int8(leadership.token),
    ]


# --- reading -------------------------------------------------------------------------------------

Asked = Callable[[Callable[[_Connection], list[tuple[Any, ...]]]], list[tuple[Any, ...]]]


def read_records(asked: Asked, after: int = 0, through: int = FOR_EVER) -> Iterator[Record]:
    """The committed records with numbers above `after`, in order; never a damaged one."""
    for row in _rows(asked, _SELECT_RECORDS, after, through):
        number, kind, name, cause, at, head, text, raw, data, crc, identity = row
        try:
            body = text.encode() if text is not None else raw
            body = zlib.decompress(data) if body is None else body
        except (TypeError, zlib.error) as error:
            raise JournalDamaged(f"record {number}: its bytes are not in `blobs`") from error
        head = head.encode()
        yield whole(Record(number, kind, name, cause, at, head, body, crc, identity or ""))


def read_events(
    asked: Asked, after: int = 0, through: int = FOR_EVER
) -> Iterator[tuple[int, bytes]]:
    """The numbers and bodies of the committed events above `after`, in order, each whole."""
    for number, text, crc in _rows(asked, _SELECT_EVENTS, after, through):
        body = text.encode()
        if crc32c(body) != crc:
            raise JournalDamaged(f"record {number} is not what was written")
        yield number, body


def read_snapshots(asked: Asked) -> Iterator[tuple[int, bytes]]:
    """The snapshots that are whole, newest first."""
    query = "SELECT number, state, crc FROM snapshots ORDER BY number DESC"
    for number, data, crc in asked(lambda each: each.execute(query).fetchall()):
        if crc32c(data) == crc:
            yield number, data


def _rows(asked: Asked, query: str, after: int, through: int) -> Iterator[tuple[Any, ...]]:
    """Some at a time: what is read once does not change, so that no transaction need be held."""
    while True:
        told = (after, through, READ_AT_ONCE)
        rows = asked(lambda each, told=told: each.execute(query, told).fetchall())  # type: ignore[misc]
        yield from rows
        if len(rows) < READ_AT_ONCE:
            return
        after = rows[-1][0]


def read_last(connection: _Connection, through: int = FOR_EVER) -> tuple[int, bytes]:
    """The number and chain hash of the last group up to a record; (0, b"") of an empty journal."""
    row = connection.execute(_SELECT_LAST, (through,)).fetchone()
    return (row[0], row[1]) if row is not None else (0, b"")


def read_meta(connection: _Connection) -> dict[str, str]:
    """What the journal says of itself."""
    meta = {}
    for key, value, crc in connection.execute("SELECT key, value, crc FROM meta"):
        if crc32c((key + value).encode()) != crc:
            raise JournalDamaged(f"meta: the row {key!r} is not what was written")
        meta[key] = value
    return meta


def anchor_says(connection: _Connection, anchor: Anchor) -> str:
    """How the database contradicts its anchor; "" where it does not."""
    last, _ = read_last(connection)
    if anchor.last > last:
        return f"cut: the anchor says record {anchor.last}, the database ends at {last}"
    query = "SELECT chain FROM groups WHERE last = %s"
    row = connection.execute(query, (anchor.last,)).fetchone()
    if anchor.last and (row is None or row[0] != anchor.chain):
        return f"the anchor has another chain at record {anchor.last}"
    return ""


# --- the server ----------------------------------------------------------------------------------


def shown(url: str) -> str:
    """The journal's place, without any password."""
    told = conninfo.conninfo_to_dict(url)
    port = f":{told['port']}" if told.get("port") else ""
    options = f"?options={told['options']}" if told.get("options") else ""
    return f"postgresql://{told.get('host', '')}{port}/{told.get('dbname', '')}{options}"


class NoAnswer(JournalFailed):
    """The server is there and says nothing; what it was asked for may be done, or come to be."""


class Answering(Connection[tuple[Any, ...]]):
    """A connection that is closed, with `NoAnswer`, once nothing went over it for `answer_s`.

    That nobody is at the other end the network finds out. A process of the server that was stopped,
    or waits for a disk, it does not: the kernel takes what we send, and nothing comes.
    """

    answer_s, place = inf, ""

    def wait(self, gen: Generator[Any, Any, T], *told: Any, **named: Any) -> T:
        return super().wait(self._heard_of(gen), *told, **named)

    def _heard_of(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """The same conversation. Who leads it says every so often what is ready, be it nothing."""
        silent_since, said = monotonic(), None
        while True:
            try:
                ready = yield gen.send(said)
            except StopIteration as over:
                told: T = over.value
                return told
            said = ready
            if ready:
                silent_since = monotonic()
            elif monotonic() - silent_since > self.answer_s:
                self.close()
                raise NoAnswer(f"{self.place}: the server has said nothing for {self.answer_s:g} s")


def connect(url: str, lease_s: float = LEASE_S, answer_s: float = inf) -> Answering:
    """A connection that notices within a lease that nobody is at the other end."""
    connection = Answering.connect(
        url,
        autocommit=True,
        application_name="tieout",
        connect_timeout=2,
        keepalives_idle=1,
        keepalives_interval=1,
        keepalives_count=3,
        tcp_user_timeout=int(lease_s * 1000),
    )
    connection.answer_s, connection.place = answer_s, shown(url)
    return connection


def opened(url: str) -> Answering:
    """A connection to a journal, to read it; raises `NotAJournal` where there is none, and
    `NoAnswer` from then on where the server is silent."""
    with plain_errors(shown(url), NotAJournal):
        connection = connect(url, answer_s=ANSWER_S)
        if not has_tables(connection):
            raise NotAJournal(f"{shown(url)}: a database without a journal's tables")
    return connection


def check_settings(connection: _Connection, place: str) -> None:
    """Refuse a server that acknowledges what it did not sync, or cannot keep our texts."""
    ask = "SELECT current_setting('fsync'), current_setting('server_encoding')"
    row = connection.execute(ask).fetchone()
    if row != ("on", "UTF8"):
        raise JournalError(f"{place}: fsync and encoding are {row}; on and UTF8 would do")
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE"
        " current_setting('synchronous_commit') IN ('off', 'local')"
    )


def listen(connection: _Connection) -> None:
    row = connection.execute("SELECT quote_ident('tieout ' || current_schema())").fetchone()
    assert row is not None
    connection.execute(f"LISTEN {row[0]}")  # no parameter is allowed there


def has_tables(connection: _Connection) -> bool:
    query = "SELECT to_regclass(name) IS NOT NULL FROM unnest(%b::text[]) name"
    return all(there for (there,) in connection.execute(query, (list(TABLES),)))


def make_tables(connection: _Connection) -> None:
    """Where there is no journal yet; of two who find none one makes it."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MAKING,))
        if has_tables(connection):
            return
        for statement in (*TABLES.values(), FIRST, FENCE):
            connection.execute(statement)
        rows = meta_rows({"schema": str(SCHEMA), "code": code_version()})
        connection.cursor().executemany("INSERT INTO meta VALUES(%s, %s, %s)", rows)


def columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """The rows turned on their side; so many empty lists of none."""
    turned = zip(*rows, strict=True) if rows else [()] * width
    return [[Int8(v) if type(v) is int else v for v in column] for column in turned]


@contextmanager
def plain_errors(place: str, kind: type[JournalError] = JournalError) -> Iterator[None]:
    """Say in a person's words what the server met; a password is in none of them."""
    try:
        yield
    except psycopg.Error as error:
        raise kind(f"{place}: {type(error).__name__}: {str(error).strip()}") from error
