"""`tieout kill` over real sockets: node dead, journal gone, and nothing stays open or held."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import IO

import pytest

from tests.test_live_cli import DEPLOYMENT, PROGRAM, started
from tieout.exits import BAD_INPUT, FAILED, HELD, LACKING

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

import trustme

UNLIMITED = 'limits = "none"'


def killed(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return asked(path, "--yes", "--json", "--seconds-max", "60", **environment)


def asked(path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "kill", str(path), *words]
    told = os.environ | environment
    return subprocess.run(
        command, capture_output=True, text=True, env=told, input="", timeout=120, check=False
    )


def until_it_trades(said: IO[str]) -> None:
    """It has orders at the venue, and fills."""
    for line in said:
        told = re.search(r"(\d+) working, (\d+) fills", line)
        if told and int(told[1]) and int(told[2]) > 3:
            return
    raise AssertionError("it ended")


def test_a_kill_by_the_deployment_s_file_leaves_nothing_at_the_venue(tmp_path: Path) -> None:
    ca = str(tmp_path / "ca.pem")
    command = [*PROGRAM, "wire", "okx_swap", "--ca", ca, "--faults", "60"]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert served.stdout is not None
    try:
        wire = json.loads(served.stdout.readline())
        path = tmp_path / "desk.toml"
        path.write_text(DEPLOYMENT.format(port=wire["port"], limits=UNLIMITED))
        (tmp_path / "secret").write_text(wire["secret"])
        (tmp_path / "secret").chmod(0o600)
        node = started(path, wire, "live", "--mode", "live")
        assert node.stderr is not None
        until_it_trades(node.stderr)
        node.kill()
        node.wait()
        for each in tmp_path.glob("desk.db*"):
            each.unlink()
        keys = {"WIRE_KEY": wire["key"], "WIRE_PASSPHRASE": wire["passphrase"]}
        done = killed(path, **keys)
    finally:
        served.send_signal(signal.SIGINT)
        said = served.stdout.read()
        served.wait(20)
    told = json.loads(done.stdout)
    assert (done.returncode, told["held"]) == (HELD, True), (told, done.stderr)
    assert told["accounts"]["okx_swap/main"] == {"stage": "done", "open_orders": 0, "positions": 0}
    truth = json.loads(said.splitlines()[-1])["truth"]
    traded = {name: float(held) for name, held in truth.items()}
    assert any(name.endswith("/cash") for name in traded)
    legs = {name: held for name, held in traded.items() if not name.endswith("/cash")}
    assert legs, "it traded"
    assert not any(legs.values()), legs
    for name in ("key", "secret", "passphrase"):
        assert wire[name] not in done.stdout + done.stderr


def test_a_secret_that_is_not_there_sends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(DEPLOYMENT.format(port=1, limits=UNLIMITED))
    done = killed(path)
    assert done.returncode == LACKING
    assert "env:WIRE_KEY" in done.stderr
    assert "nothing was sent" in done.stderr
    path.write_text("name = 'x'")
    assert killed(path).returncode == BAD_INPUT


KEYS = {"WIRE_KEY": "a-planted-key", "WIRE_PASSPHRASE": "b"}
# What a live node would not begin with.
BROKEN = """
[[accounts]]
venue = "bybit_inverse"
keys = {key = "env:NOBODY_SET_IT", secret = "file:secret"}

[[bank]]
name = 7
"""


def unserved(folder: Path) -> Path:
    """A deployment with an account at a port where nobody listens."""
    trustme.CA().cert_pem.write_to_path(folder / "ca.pem")
    (folder / "secret").write_text("sesame")
    (folder / "secret").chmod(0o600)
    path = folder / "desk.toml"
    path.write_text(DEPLOYMENT.format(port=1, limits="limits = {file = 'gone.yaml'}"))
    return path


def test_what_else_is_wrong_in_the_file_holds_no_kill_up(tmp_path: Path) -> None:
    """Limits that are gone, a bank that is none, an account without its key: the others are gone
    for all the same, and what each venue said last is shown."""
    path = unserved(tmp_path)
    path.write_text(path.read_text() + BROKEN)
    done = asked(path, "--yes", "--json", "--seconds-max", "3", **KEYS)
    told = json.loads(done.stdout)
    assert (done.returncode, told["held"]) == (FAILED, False), done.stderr
    assert list(told["accounts"]) == ["okx_swap/main"]
    assert told["last_refusals"] == {"okx_swap/main": "no answer: ClientConnectorError"}
    assert list(told["unreached"]) == ["bybit_inverse/main"]
    assert "bybit_inverse/main is not reached: env:NOBODY_SET_IT: " in done.stderr
    assert "a-planted-key" not in done.stdout + done.stderr


def test_who_does_not_confirm_opens_nothing(tmp_path: Path) -> None:
    done = asked(unserved(tmp_path), **KEYS)
    assert done.returncode == BAD_INPUT
    assert done.stderr.splitlines() == [
        "To cancel and close everything at okx_swap/main, type its name: tieout: found '';"
        " 'okx_swap/main' would do, or --yes; nothing was sent"
    ]
