"""A bank's SFTP server as the place where its files are, by asyncssh.

Rule 1. The bank's host key is pinned: another one is nobody, and is told no password and no name.
Rule 2. Whatever breaks off, or takes longer than `call_s_max`, drops the connection; the next call
dials anew. A call is made once: whether it was carried out is for the caller to look up.
Rule 3. A place that is only read sends no packet but those of `READS`, whoever uses its client.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from posixpath import join
from typing import Any, TypeVar

from rails.bank.live import Forbidden, Lost, Stamp

T = TypeVar("T")
BLOCK = 16 * 1024
VERSION = 3  # of the protocol: what all servers speak
# By draft-ietf-secsh-filexfer-02: open, close, read, lstat, fstat, opendir, readdir, realpath,
# stat, readlink; an open says in its flags that it only reads.
OPEN = 3
READS = frozenset((OPEN, 4, 5, 7, 8, 11, 12, 16, 17, 19))
ONLY_READ = (1).to_bytes(4)
EXTENSIONS = frozenset((b"limits@openssh.com",))


@dataclass(slots=True, frozen=True)
class Login:
    """Where the server is, who we are there, and its host key as a line of OpenSSH's
    (`ssh-ed25519 AAAA…`). The key of ours is the text of a private key."""

    host: str
    port: int
    user: str
    host_key: str
    private_key: str = field(repr=False)
    root: str = "."


@dataclass(slots=True)
class Sftp:
    """Files beneath the login's root, whose folders are there before."""

    login: Login
    call_s_max: float = 30.0
    reads_only: bool = field(default=False, init=False)
    client: Any = field(default=None, init=False)
    _connection: Any = field(default=None, init=False)
    _dialing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def list(self, folder: str) -> dict[str, Stamp]:
        async def listed(client: Any) -> dict[str, Stamp]:
            found = await client.readdir(self._at(folder))
            return {
                each.filename: Stamp(each.attrs.size or 0, (each.attrs.mtime or 0) * 10**9)
                for each in found
                if _is_file(each.attrs)
            }

        return await self._sure(listed)

    async def stat(self, path: str) -> Stamp | None:
        async def stamp(client: Any) -> Stamp:
            told = await client.stat(self._at(path))
            return Stamp(told.size or 0, (told.mtime or 0) * 10**9)

        return await self._found(stamp)

    async def read(self, path: str, bytes_max: int) -> bytes | None:
        async def content(client: Any) -> bytes:
            told = b""
            # Block by block: else asyncssh asks at once for all that may be there, thousands of
            # blocks beyond the end of a small file.
            async with client.open(self._at(path), "rb", block_size=0) as file:
                while block := await file.read(min(BLOCK, bytes_max - len(told))):
                    told += block
            return told

        return await self._found(content)

    async def write(self, path: str, body: bytes) -> None:
        async def written(client: Any) -> None:
            from asyncssh import SFTPOpUnsupported

            async with client.open(self._at(path), "wb") as file:
                await file.write(body)
                try:
                    await file.fsync()
                except SFTPOpUnsupported:  # an extension: without it the bank keeps what it keeps
                    return

        await self._sure(written)

    async def rename(self, path: str, to: str) -> bool:
        async def renamed(client: Any) -> bool:
            await client.rename(self._at(path), self._at(to))
            return True

        return await self._found(renamed) or False

    async def remove(self, path: str) -> bool:
        async def removed(client: Any) -> bool:
            await client.remove(self._at(path))
            return True

        return await self._found(removed) or False

    async def close(self) -> None:
        self._drop()

    # --- the connection --------------------------------------------------------------------------

    def _at(self, path: str) -> str:
        return join(self.login.root, path)

    async def _found(self, what: Callable[[Any], Awaitable[T]]) -> T | None:
        """None where the server says that there is no such file, or that it may not be."""
        from asyncssh import (
            SFTPError,
            SFTPFailure,
            SFTPFileAlreadyExists,
            SFTPNoSuchFile,
            SFTPNoSuchPath,
        )

        try:
            return await self._call(what)
        except (SFTPNoSuchFile, SFTPNoSuchPath, SFTPFileAlreadyExists, SFTPFailure):
            return None
        except SFTPError as error:
            raise Lost(type(error).__name__) from None

    async def _sure(self, what: Callable[[Any], Awaitable[T]]) -> T:
        """Where nothing but the thing itself will do: a folder that is gone is no empty one."""
        from asyncssh import SFTPError

        try:
            return await self._call(what)
        except SFTPError as error:
            raise Lost(type(error).__name__) from None

    async def _call(self, what: Callable[[Any], Awaitable[T]]) -> T:
        from asyncssh import Error, SFTPConnectionLost, SFTPError, SFTPNoConnection

        try:
            return await self._within(what)
        except (SFTPConnectionLost, SFTPNoConnection) as error:
            self._drop()
            raise Lost(type(error).__name__) from None
        except SFTPError:
            raise  # an answer, and the connection is good
        except (Error, OSError, TimeoutError) as error:
            self._drop()
            raise Lost(type(error).__name__) from None

    async def _within(self, what: Callable[[Any], Awaitable[T]]) -> T:
        """A call that is cancelled says goodbye to the server, and would wait for it, too: so it
        is left alone with a connection that is gone."""

        async def called() -> T:
            return await what(await self._dialed())

        call = asyncio.create_task(called())
        call.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            done, _ = await asyncio.wait([call], timeout=self.call_s_max)
        except asyncio.CancelledError:
            call.cancel()
            raise
        if not done:
            call.cancel()
            raise TimeoutError
        return call.result()

    async def _dialed(self) -> Any:
        async with self._dialing:
            if self.client is None:
                await self._dial()
            return self.client

    async def _dial(self) -> None:
        import asyncssh

        login = self.login
        pinned = [asyncssh.import_public_key(login.host_key)]
        self._connection = await asyncssh.connect(
            login.host,
            login.port,
            username=login.user,
            client_keys=[asyncssh.import_private_key(login.private_key)],
            known_hosts=(pinned, [], []),
            config=None,
            agent_path=None,
        )
        self.client = await self._connection.start_sftp_client(sftp_version=VERSION)

    def _drop(self) -> None:
        connection, self._connection, self.client = self._connection, None, None
        if connection is not None:
            connection.abort()


class ReadSftp(Sftp):
    """The same, which can only read."""

    def __init__(self, login: Login, call_s_max: float = 30.0) -> None:
        super().__init__(login, call_s_max)
        self.reads_only = True

    async def _dial(self) -> None:
        await super()._dial()
        handler = self.client._handler
        send = handler._send_request

        def guarded(kind: int | bytes, arguments: Sequence[bytes], waiter: Any) -> None:
            if not _reads(kind, arguments):
                raise Forbidden(f"SFTP packet {kind!r}: this place is only read")
            send(kind, arguments, waiter)

        handler._send_request = guarded


def _reads(kind: int | bytes, arguments: Sequence[bytes]) -> bool:
    if isinstance(kind, bytes):
        return kind in EXTENSIONS
    return kind in READS and (kind != OPEN or arguments[1] == ONLY_READ)


def _is_file(attributes: Any) -> bool:
    """By its mode; a server that tells none is believed to list files."""
    mode = attributes.permissions
    return mode is None or (mode & 0o170000) in (0, 0o100000)
