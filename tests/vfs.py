"""A disk below SQLite that remembers every write and sync, and can be stopped at any moment.

Rule 1. What a sync covered is there after the power goes; of what came later any part may be, in
sectors of 512 bytes, and some of those torn.
Rule 2. A file's name is there once its first sync is; a deletion holds at once.

The bytes really go to the real file below, so that SQLite itself sees a disk that works.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import apsw

from sim.dice import Stream

SECTOR = 512


class Op(NamedTuple):
    """One thing done to a file: `write` at an offset, `truncate` to it, `sync` or `delete`."""

    file: str
    kind: str
    offset: int = 0
    data: bytes = b""


class Disk:
    """Everything that was ever done, in order; a moment is an index into it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[Op] = []
        self.fails = False  # every sync from now on
        self._vfs = _Vfs(self)

    def unregister(self) -> None:
        self._vfs.unregister()

    def files_at(self, moment: int, dice: Stream) -> dict[str, bytes]:
        """The files that a power cut at this moment leaves, one of many ways."""
        keep = dice.pick([0, 1, 5, 9, 10])
        files: dict[str, bytes] = {}
        for name in {op.file for op in self.log[:moment]}:
            content = _survivor([op for op in self.log[:moment] if op.file == name], keep, dice)
            if content is not None:
                files[name] = content
        return files

    def lay_out(self, moment: int, dice: Stream, folder: Path) -> None:
        """Write such files into a folder."""
        for name, content in sorted(self.files_at(moment, dice).items()):
            (folder / name).write_bytes(content)


def _survivor(ops: list[Op], keep: int, dice: Stream) -> bytes | None:
    """What is left of one file; None where it is gone, or its name was never synced."""
    born = max((i + 1 for i, op in enumerate(ops) if op.kind == "delete"), default=0)
    ops = ops[born:]
    safe = max((i + 1 for i, op in enumerate(ops) if op.kind == "sync"), default=0)
    content = bytearray()
    for op in ops[:safe]:
        _apply(content, op)
    for op in ops[safe:]:
        for part in _parts(op):
            if dice.chance(keep, 10):
                _apply(content, _torn(part, dice) if dice.chance(1, 20) else part)
    if not safe and not content:
        return None
    return bytes(content)


def _parts(op: Op) -> list[Op]:
    """A write, sector by sector; anything else whole."""
    if op.kind != "write":
        return [op]
    parts, start = [], 0
    while start < len(op.data):
        end = start + SECTOR - (op.offset + start) % SECTOR
        parts.append(op._replace(offset=op.offset + start, data=op.data[start:end]))
        start = end
    return parts


def _torn(op: Op, dice: Stream) -> Op:
    return op._replace(data=op.data[: dice.between(0, len(op.data))])


def _apply(content: bytearray, op: Op) -> None:
    if op.kind == "write":
        if len(content) < op.offset:
            content.extend(bytes(op.offset - len(content)))
        content[op.offset : op.offset + len(op.data)] = op.data
    elif op.kind == "truncate":
        del content[op.offset :]


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        super().__init__(disk.name, base="")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self.disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001  # SQLite's signature
        self.disk.log.append(Op(Path(filename).name, "delete"))
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        full = name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary"
        self.disk = disk
        self.file = Path(full).name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.log.append(Op(self.file, "write", offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self.disk.log.append(Op(self.file, "truncate", newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        if self.disk.fails:
            raise apsw.IOError("the disk fails")
        super().xSync(flags)
        self.disk.log.append(Op(self.file, "sync"))
