"""`tieout alerts`: lists, acknowledges, tries the channels, and waits for nodes' heartbeats."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the extra `live` is not installed")
pytest.importorskip("prometheus_client", reason="the extra `live` is not installed")

from click.testing import CliRunner, Result

from tests.test_alerts import AT_ONCE, BROKEN, House
from tieout.cli import main
from tieout.exits import BAD_INPUT, FAILED, HELD
from tieout.watching.alert_channels import verify
from tieout.watching.heartbeats import Verdict, Watched, round_of

NODE = """
import asyncio, sys, time
sys.path.insert(0, "")
from core.journal import Journal
from core.events import NodeStarted
from core.state import State
from sim.memory_store import MemoryStore
from tieout.watching.watch_files import MetricsSpec
from tieout.watching.watcher import Watching

async def live():
    watching = Watching("tie", MemoryStore(), metrics=MetricsSpec(port=0))
    journal = Journal(watching.store)
    async with watching.over(State):
        print(watching.port, flush=True)
        while True:
            now = time.time_ns()
            journal.event(NodeStarted(received_at=now, node="tie", epoch=1))
            journal.commit()
            await asyncio.sleep(0.02)

asyncio.run(live())
"""
DEPLOYMENT = """
name = "desk"
journal = "desk.db"

[[accounts]]
venue = "okx_swap"
keys = {{key = "env:K", secret = "env:K", passphrase = "env:K"}}

[alerts]

[[alerts.channels]]
name = "desk"
webhook = "http://127.0.0.1:{port}/"
secret = "env:ALERT_SECRET"

[[alerts.channels]]
name = "nobody"
webhook = "http://127.0.0.1:1/"
secret = "env:ALERT_SECRET"
"""
SECRET = "a-word-of-a-test"  # noqa: S105  # a test's own


def tieout(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["alerts", *map(str, arguments)])


# --- list and ack --------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal's path, beside which is a book with one alert."""
    house = House(tmp_path / "desk.db.alerts")
    house.after(0, (AT_ONCE, BROKEN))
    house.book.close()
    return tmp_path / "desk.db"


def test_what_stands_is_listed_and_somebody_sees_to_it(journal: Path) -> None:
    listed = tieout("list", journal)
    assert listed.exit_code == HELD
    assert "1  critical  raised  operations  okx_swap/main/USDT/cash: 1 USDT more" in listed.output
    done = tieout("ack", journal, 1, "--by", "ann")
    assert (done.exit_code, "acknowledged by ann" in done.output) == (HELD, True)
    (told,) = json.loads(tieout("list", journal, "--json").stdout)["alerts"]
    assert (told["status"], told["acknowledged_by"], told["key"]) == (
        "acknowledged",
        "ann",
        "break/1",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "none.db"), "none.db.alerts: unable to open database file"),
        (("ack", "desk.db", 7, "--by", "ann"), "alert 7 is unknown; one that stands would do: 1"),
        (("ack", "desk.db", 1, "--by", " "), "--by: found nothing; a person's name would do"),
        (("watch", "node:9464"), "found 'node:9464'; http://HOST:PORT would do"),
        (("watch", "http://127.0.0.1:1", "--tell", "none.toml"), "none.toml"),
        (("test", "none.toml"), "a TOML file would do"),
    ],
)
def test_wrong_input_is_a_message_and_a_status(
    arguments: tuple[object, ...],
    words: str,
    journal: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(journal.parent)
    said = tieout(*arguments)
    assert (said.exit_code, words in said.output) == (BAD_INPUT, True), said.output


# --- the channels --------------------------------------------------------------------------------


@contextmanager
def listening() -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    """A receiver of webhooks: its port, and each signature and body that came."""
    heard: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Tieout-Signature"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], heard
    server.shutdown()
    thread.join(5)
    server.server_close()


def test_a_test_says_which_channel_took_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_SECRET", SECRET)
    file = tmp_path / "desk.toml"
    with listening() as (port, heard):
        file.write_text(DEPLOYMENT.format(port=port))
        said = tieout("test", file)
    assert said.exit_code == FAILED
    assert "told  desk\n" in said.output
    assert "NOT TOLD  nobody: no answer: ClientConnectorError" in said.output
    ((signed, body),) = heard
    assert verify(body, signed, SECRET, int(time.time()))
    assert SECRET not in said.output


def test_a_secret_put_where_a_reference_belongs_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(DEPLOYMENT.format(port=1).replace("env:ALERT_SECRET", SECRET))
    said = tieout("test", file)
    assert said.exit_code == BAD_INPUT
    assert "alerts.channels.0.secret" in said.output
    assert SECRET not in said.output


# --- the dead man's side -------------------------------------------------------------------------


@pytest.fixture
def node() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that lives and beats; its URL."""
    process = subprocess.Popen([sys.executable, "-c", NODE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process, f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait(10)


def test_a_node_that_freezes_and_one_that_is_gone_are_told_of_by_who_waits(
    node: tuple[subprocess.Popen[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process, url = node
    monkeypatch.setenv("ALERT_SECRET", SECRET)
    often = ("--every", 0.5, "--missed", 2, "--once")
    alive = tieout("watch", url, *often)
    assert (alive.exit_code, alive.output.startswith("alive  tie  record ")) == (HELD, True)
    os.kill(process.pid, signal.SIGSTOP)
    frozen = tieout("watch", url, *often)
    assert (frozen.exit_code, frozen.output) == (FAILED, f"silent  {url}  record 0\n")
    os.kill(process.pid, signal.SIGKILL)
    file = tmp_path / "desk.toml"
    with listening() as (port, heard):
        file.write_text(DEPLOYMENT.format(port=port))
        dead = tieout("watch", url, *often, "--tell", file)
    assert dead.exit_code == FAILED
    told = json.loads(heard[0][1])
    assert (told["subject"], told["severity"], told["change"]) == (url, "critical", "raised")
    assert told["text"].startswith("silent: nobody answers")


def beat(position: int = 5, at: int = 10**18, *, healthy: bool = True) -> dict[str, object]:
    return {"node": "tie", "position": position, "at": at, "healthy": healthy}


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([None], "unasked"),
        ([beat(), None, None], "alive"),
        ([beat(), None, None, None], "silent"),
        ([beat(), None, None, beat(), None, None], "alive"),
        ([None, None, None, beat()], "alive"),
        ([beat(), beat(healthy=False)], "stuck"),
        ([beat(9), beat(8)], "back"),
        ([beat(at=10**18 + 5_000_000_001)], "skewed"),
        ([beat(at=10**18 - 5_000_000_000)], "alive"),
    ],
)
def test_a_node_is_judged_by_what_it_says_and_by_silence(
    answers: list[dict[str, object] | None], verdict: Verdict
) -> None:
    watched = Watched("http://x", 3)
    for told in answers:
        watched.heard(told, 10**18)
    assert watched.verdict == verdict
    assert (watched.condition() is None) == (verdict in ("alive", "unasked"))


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"position": "x"}', b"<html>"])
def test_what_is_no_heartbeat_is_none(body: bytes) -> None:
    """A proxy that answers for a node that is gone does not make it live."""

    async def asked() -> Verdict:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        watched = Watched(f"http://127.0.0.1:{port}", 1)
        from aiohttp import ClientSession

        async with ClientSession() as client:
            await round_of(client, [watched], 2.0, lambda: 10**18)
        server.close()
        return watched.verdict

    assert asyncio.run(asked()) == "silent"
