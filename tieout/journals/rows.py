"""Records as the rows that every store writes, gathered until their group is committed.

True here: text stands as text, so that any tool shows it, and a frame's bytes as bytes; those of a
large frame, of `BLOB_BYTES_MIN` and more, once per content in `blobs`.
"""

import zlib
from collections.abc import Mapping
from hashlib import sha256

from google_crc32c import value as crc32c

from core.events import NodeStarted
from core.journal import Record, decode_event

BLOB_BYTES_MIN = 1024

# Number, kind, name, cause, at, head, body (a text), raw (a frame's bytes), blob, crc, identity.
Row = tuple[object, ...]
COLUMNS = 11


class Group:
    """What was appended and is not committed."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.told: dict[str, int] = {}  # by identity, the number of the event that told it first
        self.kept: dict[str, Record] = {}  # by identity, the last effect that keeps it
        self.blobs: dict[bytes, bytes] = {}  # by the sha256 of the bytes
        self.boot: NodeStarted | None = None

    def append(self, record: Record) -> None:
        body, raw, blob = None, None, None
        if record.kind != "frame":
            body = record.body.decode()
        elif len(record.body) < BLOB_BYTES_MIN:
            raw = record.body
        else:
            blob = sha256(record.body).digest()
            self.blobs[blob] = record.body
        if record.name == "NodeStarted":
            boot = decode_event(record.body)
            assert isinstance(boot, NodeStarted)
            self.boot = boot
        identity = record.identity or None
        self.rows.append(
            (
                record.number,
                record.kind,
                record.name,
                record.cause,
                record.at,
                record.head.decode(),
                body,
                raw,
                blob,
                record.crc,
                identity,
            )
        )
        if identity is not None and record.kind == "effect":
            self.kept[identity] = record
        elif identity is not None:
            self.told.setdefault(identity, record.number)

    def meta(self) -> dict[str, str]:
        """What the journal says of itself from now on."""
        boot = self.boot
        return {"node": boot.node, "epoch": str(boot.epoch)} if boot is not None else {}


def packed(body: bytes) -> bytes:
    """The bytes of a large frame as they rest."""
    return zlib.compress(body, 1)


def meta_rows(values: Mapping[str, str]) -> list[tuple[str, str, int]]:
    return [(key, value, crc32c((key + value).encode())) for key, value in values.items()]
