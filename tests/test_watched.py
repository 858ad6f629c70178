"""`tieout live` as its own process with alerts, metrics and logs from its file: seen from outside,
and planted secrets nowhere."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")
pytest.importorskip("prometheus_client", reason="the extra `live` is not installed")

from tests.test_alerts_cli import listening
from tests.test_live_cli import PROGRAM, wire
from tests.test_metrics import Samples, parsed
from tieout.watching.alert_channels import verify

__all__ = ["wire"]
SECRET = "sk-planted-0123456789"  # noqa: S105  # a test's own
DEPLOYMENT = """
name = "desk"
journal = "desk.db"

[wire]
port = {wire}
ca = "ca.pem"

[[accounts]]
venue = "okx_swap"
keys = {{key = "env:WIRE_KEY", secret = "file:secret", passphrase = "env:WIRE_PASSPHRASE"}}

[alerts]

[[alerts.channels]]
name = "desk"
webhook = "http://127.0.0.1:{hook}/"
secret = "env:ALERT_SECRET"
heartbeat_s = 1

[metrics]
port = {port}

[logs]
least = "debug"
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def scraped(port: int, process: subprocess.Popen[bytes]) -> Samples:
    """A scrape, as soon as the stream stands; it has to come while the process lives."""
    found: Samples = {}
    while found.get(("tieout_stream_up", (("account", "okx_swap/main"),))) != 1:
        assert process.poll() is None, "it lives"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                found = parsed(answer.read().decode())
        except OSError:
            time.sleep(0.2)
    return found


@pytest.mark.parametrize("wire", [("--read-only", "--faults", "60")], indirect=True)
def test_a_live_process_is_seen_from_outside_and_says_no_secret(
    wire: dict[str, str], tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    (tmp_path / "secret").write_text(wire["secret"])
    (tmp_path / "secret").chmod(0o600)
    keys = {"WIRE_KEY": wire["key"], "WIRE_PASSPHRASE": wire["passphrase"]}
    with listening() as (hook, heard), log.open("wb") as out:
        told = DEPLOYMENT.format(wire=wire["port"], hook=hook, port=port)
        (tmp_path / "desk.toml").write_text(told)
        command = [*PROGRAM, "live", str(tmp_path / "desk.toml"), "--json"]
        environment = {**os.environ, **keys, "ALERT_SECRET": SECRET}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=out)
        try:
            found = scraped(port, process)
        finally:
            process.terminate()
            process.wait(60)
    assert found["tieout_journal_position", ()] > 0
    assert found["tieout_node_info", (("node", "desk"),)] == 1
    beats = [json.loads(body) for signed, body in heard if verify_now(body, signed)]
    assert any(each["change"] == "heartbeat" and each["node"] == "desk" for each in beats)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert {"node started", "account opened", "node ends"} <= {each["event"] for each in lines}
    assert all(isinstance(each["position"], int) and each["node"] == "desk" for each in lines)
    assert (tmp_path / "desk.db.alerts").exists()
    everything = b"".join(each.read_bytes() for each in tmp_path.iterdir() if each.name != "secret")
    for planted in (SECRET, wire["secret"], wire["passphrase"]):
        assert planted.encode() not in everything + b"".join(body for _, body in heard)


def verify_now(body: bytes, signed: str) -> bool:
    return verify(body, signed, SECRET, int(time.time()))
