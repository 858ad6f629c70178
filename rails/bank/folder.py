"""A folder of this machine, or one that is mounted here, as the place where a bank's files are."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rails.bank.live import Forbidden, Lost, Stamp

T = TypeVar("T")


class Folder:
    """Files beneath `root`, whose folders are there before."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def reads_only(self) -> bool:
        return False

    async def list(self, folder: str) -> dict[str, Stamp]:
        return await _apart(lambda: _listed(self._root / folder))

    async def stat(self, path: str) -> Stamp | None:
        return await _apart(lambda: _stamp(self._root / path))

    async def read(self, path: str, bytes_max: int) -> bytes | None:
        return await _apart(lambda: _read(self._root / path, bytes_max))

    async def write(self, path: str, body: bytes) -> None:
        await _apart(lambda: _write(self._root / path, body))

    async def rename(self, path: str, to: str) -> bool:
        return await _apart(lambda: _renamed(self._root / path, self._root / to))

    async def remove(self, path: str) -> bool:
        return await _apart(lambda: _removed(self._root / path))

    async def close(self) -> None:
        """It holds nothing."""


class ReadFolder(Folder):
    """The same, of which nothing is ever changed."""

    @property
    def reads_only(self) -> bool:
        return True

    async def write(self, path: str, body: bytes) -> None:
        raise Forbidden(f"{path}: this folder is only read")

    async def rename(self, path: str, to: str) -> bool:
        raise Forbidden(f"{path}: this folder is only read")

    async def remove(self, path: str) -> bool:
        raise Forbidden(f"{path}: this folder is only read")


async def _apart(what: Callable[[], T]) -> T:
    """In a thread: a disk, or a mount that hangs, is not waited for by the loop."""
    try:
        return await asyncio.to_thread(what)
    except OSError as error:
        raise Lost(f"{type(error).__name__}: {error.strerror}") from None


def _stamp(path: Path) -> Stamp | None:
    try:
        told = path.stat()
    except FileNotFoundError:
        return None
    return Stamp(told.st_size, told.st_mtime_ns)


def _listed(folder: Path) -> dict[str, Stamp]:
    found = {each.name: _stamp(each) for each in folder.iterdir() if each.is_file()}
    return {name: stamp for name, stamp in found.items() if stamp is not None}


def _read(path: Path, bytes_max: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(bytes_max)
    except FileNotFoundError:
        return None


def _write(path: Path, body: bytes) -> None:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _renamed(path: Path, to: Path) -> bool:
    try:
        os.link(path, to)  # unlike a rename it does not replace what is there
        path.unlink()
    except (FileNotFoundError, FileExistsError):
        return False
    handle = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return True


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
