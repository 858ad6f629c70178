"""`tieout live` and `tieout wire` as two processes; deployments that are none; secrets unseen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tieout.cli import main
from tieout.exits import BAD_INPUT, HELD
from tieout.verify import verify

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

PROGRAM = (sys.executable, "-m", "tieout")
DEPLOYMENT = """
name = "desk"
journal = "desk.db"
limits = "none"

[wire]
port = {port}
ca = "ca.pem"

[[accounts]]
venue = "okx_swap"
keys = {{key = "env:WIRE_KEY", secret = "file:secret", passphrase = "env:WIRE_PASSPHRASE"}}

[[strategies]]
kind = "taker"
name = "tk"
tick_ms = 200
options = {{hedged = true}}
"""


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A served venue in a process of its own; what it said of itself."""
    command = [*PROGRAM, "wire", "okx_swap", "--ca", str(tmp_path / "ca.pem"), "--faults", "20"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        process.wait(20)
        assert "truth" in json.loads(said.splitlines()[-1])


@pytest.fixture
def deployment(tmp_path: Path, wire: dict[str, str]) -> Path:
    path = tmp_path / "desk.toml"
    path.write_text(DEPLOYMENT.format(port=wire["port"]))
    (tmp_path / "secret").write_text(wire["secret"])
    (tmp_path / "secret").chmod(0o600)
    return path


def started(deployment: Path, wire: dict[str, str], *words: str) -> subprocess.Popen[str]:
    told = {"WIRE_KEY": wire["key"], "WIRE_PASSPHRASE": wire["passphrase"]}
    return subprocess.Popen(
        [*PROGRAM, "live", str(deployment), "--mode", "live", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | told,
    )


def test_a_node_that_is_killed_by_a_signal_goes_on_and_ends_in_order(
    deployment: Path, wire: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(3):
        node = started(deployment, wire)
        time.sleep(6)
        node.kill()
        node.wait()
    node = started(deployment, wire, "--seconds", "10", "--json")
    out, err = node.communicate(timeout=60)
    said = json.loads(out)
    assert (said["working"], node.returncode) == (0, HELD), (said, err)
    assert said["fills"] > 0
    journal = tmp_path / "desk.db"
    assert verify(journal).status == "sound"
    everything = journal.read_bytes() + out.encode() + err.encode()
    for name in ("key", "secret", "passphrase"):
        assert wire[name].encode() not in everything, f"the {name} is somewhere"


BAD = (
    ("name = 'desk'", "journal"),
    ("name = 'Desk!'\njournal = 'j'\naccounts = []", "name: found 'Desk!'"),
    ("name = [", "a TOML file would do"),
    ("name='a'\njournal='j'\n[[accounts]]\nvenue='kraken'", "accounts.0.venue: found 'kraken'"),
    ("name='a'\njournal='j'\n[[accounts]]\nvenue='coinbase'", "no way to 'coinbase' yet"),
    ("name='a'\njournal='j'\n[[accounts]]\nvenue='okx_swap'", "okx_swap/main has no keys"),
    (
        "name='a'\njournal='j'\n[[accounts]]\nvenue='okx_swap'\n"
        "keys={key='sesame', secret='env:B'}",
        "env:NAME or file:PATH would do",
    ),
)


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_deployment_is_refused_and_no_secret_is_repeated(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    done = CliRunner().invoke(main, ["live", str(path)])
    assert done.exit_code == BAD_INPUT
    assert said in done.output
    assert "Traceback" not in done.output
    assert "sesame" not in done.output


def test_a_venue_that_nobody_serves_is_refused() -> None:
    done = CliRunner().invoke(main, ["wire", "kraken"])
    assert done.exit_code == BAD_INPUT
    assert "binance_spot, binance_usdm, bybit_inverse, okx_swap would do" in done.output
