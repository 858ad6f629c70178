"""A real SFTP server over one folder, on loopback; its connection may be cut at a given moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh

from rails.bank.sftp import Login

USER = "tieout"
Moment = str  # "write", "rename" or "renamed": before a write, before a rename is done, after it


class Server:
    """One folder, one host key, one user; `cuts` says at which moments the connection is cut."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.cuts: list[Moment] = []
        self.hangs = False
        self.on_renamed: Callable[[], object] = lambda: None
        self.did: Counter[str] = Counter()
        self.connections: list[Any] = []
        self._acceptor: Any = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        server = self

        class Files(asyncssh.SFTPServer):
            def __init__(self, chan: Any) -> None:
                super().__init__(chan, chroot=str(server.root))

            def open(self, path: bytes, pflags: int, attrs: Any) -> object:
                server.did["open to write" if pflags & 2 else "open to read"] += 1
                return super().open(path, pflags, attrs)

            def write(self, file_obj: object, offset: int, data: bytes) -> int:
                if server.cut(self, "write"):
                    data = data[: len(data) // 2]
                return super().write(file_obj, offset, data)

            async def rename(self, oldpath: bytes, newpath: bytes) -> None:  # type: ignore[override]
                server.did["rename"] += 1
                if server.cut(self, "rename"):
                    await asyncio.sleep(3600)
                super().rename(oldpath, newpath)
                server.on_renamed()
                server.cut(self, "renamed")

            def remove(self, path: bytes) -> None:
                server.did["remove"] += 1
                super().remove(path)

            async def scandir(self, path: bytes) -> Any:
                while server.hangs:
                    await asyncio.sleep(0.01)
                async for each in super().scandir(path):
                    yield each

        class Door(asyncssh.SSHServer):
            def connection_made(self, conn: Any) -> None:
                server.did["connection"] += 1
                server.connections.append(conn)

            def begin_auth(self, username: str) -> bool:
                server.did["name told"] += 1
                return True

        trusted = asyncssh.import_authorized_keys(self.user_key.export_public_key().decode())
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_host_keys=[self.host_key],
            authorized_client_keys=trusted,
            server_factory=Door,
            sftp_factory=Files,
        )
        self.port = self._acceptor.get_port()

    def cut(self, files: Any, moment: Moment) -> bool:
        """Whether the connection is cut now, if it was to be."""
        if self.cuts[:1] != [moment]:
            return False
        self.cuts.pop(0)
        self.did[f"cut at {moment}"] += 1
        files.channel.get_connection().abort()
        return True

    def login(self, host_key: Any = None) -> Login:
        """As the bank tells us; or with another host key."""
        pinned = self.host_key if host_key is None else host_key
        return Login(
            "127.0.0.1",
            self.port,
            USER,
            pinned.export_public_key().decode().strip(),
            self.user_key.export_private_key().decode(),
            "/",
        )

    async def stop(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
            for each in self.connections:
                each.abort()
            await self._acceptor.wait_closed()
