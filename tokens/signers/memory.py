"""What a signer has signed, or may have: on disk before its key is asked.

Rule 1. Whatever is claimed counts as signed, for nobody knows how far a crash let it come.
Rule 2. One nonce of one owner never permits two things at once: other content is turned down until
what was claimed before can surely not be mined any more, for a final block is as late as its end.
Rule 3. A memory that is gone is not an empty one: only `create` makes a new one, and never over
another.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import apsw

MARK = 0x7369676E  # SQLite's application id of these files
TABLE = """CREATE TABLE signed(
    domain BLOB, owner TEXT, nonce BLOB, digest BLOB, valid_before INTEGER,
    PRIMARY KEY(domain, owner, nonce, digest)) WITHOUT ROWID"""
OTHERS = """SELECT digest, valid_before FROM signed
    WHERE domain = ? AND owner = ? AND nonce = ? AND digest != ? AND valid_before > ?"""


@dataclass(slots=True, frozen=True)
class Claim:
    """One thing to be signed: under which domain, whose nonce, what, and when it is over."""

    domain: bytes
    owner: str
    nonce: int
    digest: bytes
    valid_before: int


class NoMemory(Exception):
    """Nothing can be remembered, so nothing may be signed; the text says why."""


class Memory(Protocol):
    """Remembers for ever what was claimed."""

    def claim(self, claims: Sequence[Claim], final: int) -> list[str]:
        """For each "" once it is durably claimed, or why it is not; `NoMemory` if none can be.

        The same claim again is no other. `final` is the newest final block's time.
        """


class FileMemory:
    """In one SQLite file; several processes may share it."""

    def __init__(self, path: Path) -> None:
        """Open a memory that was created before."""
        self._turn = threading.Lock()
        with _told(path):
            self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            self._connection.set_busy_timeout(5_000)
            execute = self._connection.execute
            if execute("PRAGMA application_id").get != MARK:
                raise NoMemory(f"{path}: this is no memory of what was signed")
            execute("PRAGMA journal_mode = WAL")
            execute("PRAGMA synchronous = FULL")
        self._path = path

    def close(self) -> None:
        self._connection.close()

    def claim(self, claims: Sequence[Claim], final: int) -> list[str]:
        """All of them in one transaction, each after the ones before it."""
        with self._turn, _told(self._path):
            # Not deferred: between looking and writing nobody else is to write.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                reasons = [self._claimed(claim, final) for claim in claims]
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return reasons

    def _claimed(self, claim: Claim, final: int) -> str:
        key = claim.domain, claim.owner, claim.nonce.to_bytes(32), claim.digest
        other = self._connection.execute(OTHERS, (*key, final)).fetchone()
        if other is not None:
            return f"nonce {claim.nonce} of {claim.owner} was signed for 0x{other[0].hex()}"
        row = *key, claim.valid_before
        self._connection.execute("INSERT OR IGNORE INTO signed VALUES(?,?,?,?,?)", row)
        return ""


def create(path: Path) -> None:
    """A new and empty memory; `FileExistsError` where there is a file already."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = apsw.Connection(str(path))
    with connection:
        connection.execute(f"PRAGMA application_id = {MARK}")
        connection.execute(TABLE)
    connection.close()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name of a new file is durable only once its folder is
    finally:
        os.close(folder)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite says, as the one thing that it means here."""
    try:
        yield
    except apsw.Error as error:
        raise NoMemory(f"{path}: {error}") from error
