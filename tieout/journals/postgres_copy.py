"""A journal on PostgreSQL as a file of SQLite, for those who judge or read one: rows as they stand.

Nothing is computed anew: what is damaged there is damaged here, and is found by the same eyes. All
tables are of one moment, whether or not a node writes meanwhile; nothing is changed there.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import psycopg

from tieout.journals.postgres_store import TABLES as THEIRS
from tieout.journals.postgres_store import connect, has_tables, plain_errors, shown
from tieout.journals.sqlite_store import (
    APPLICATION_ID,
    INSERT_RECORD,
    TABLES,
    NotAJournal,
    anchor_path,
)

READ_AT_ONCE = 2000
# Of a table the columns as the file has them; a frame's bytes and a text lie in one column there.
SELECT = {
    "records": "number, kind, name, cause, at, head, body, raw, blob, crc, identity",
    "identities": "identity, number",
    "groups": "last, chain",
    "blobs": "sha256, data",
    "snapshots": "number, state, crc",
    "meta": "key, value, crc",
}


@contextmanager
def copied(url: str, anchor: Path | None = None) -> Iterator[Path]:
    """The journal as a file for as long as it is looked at, with the anchor that it is held to.

    Raises `NotAJournal` where no server answers, or it has no journal.
    """
    with TemporaryDirectory(prefix="tieout-journal-") as folder:
        path = Path(folder, "journal.db")
        told = anchor.read_bytes() if anchor is not None else None
        copy_of(url, path)
        if told is not None:
            # Read before the first look at the tables: a node that writes goes on meanwhile.
            anchor_path(path).write_bytes(told)
        yield path


def copy_of(url: str, path: Path) -> None:
    """The journal as a new file, without an anchor; raises `NotAJournal`."""
    with plain_errors(shown(url), NotAJournal), connect(url) as connection:
        _copy(connection, path, shown(url))


def _copy(connection: psycopg.Connection[tuple[Any, ...]], path: Path, place: str) -> None:
    if not has_tables(connection):
        raise NotAJournal(f"{place}: a database without a journal's tables")
    with closing(apsw.Connection(str(path))) as file, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        file.execute("BEGIN")
        for name, definition in TABLES.items():
            file.execute(definition)
            _copy_table(connection, file, name)
        file.execute("COMMIT")


def _copy_table(
    connection: psycopg.Connection[tuple[Any, ...]], file: apsw.Connection, name: str
) -> None:
    assert name in THEIRS
    query = f"SELECT {SELECT[name]} FROM {name} ORDER BY 1"  # noqa: S608  # of our own words
    with connection.cursor(name="copied") as rows:
        rows.itersize = READ_AT_ONCE
        rows.execute(query)
        for row in rows:
            marks = ",".join("?" * len(row))
            insert = f"INSERT INTO {name} VALUES({marks})"  # as above
            file.execute(INSERT_RECORD if name == "records" else insert, row)
