"""`tieout live` and `tieout wire` as two processes; deployments that are none; secrets unseen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner

from tieout.cli import main
from tieout.deployment.live_cli import _rest
from tieout.exits import BAD_INPUT, FAILED, HELD
from tieout.journals.verify import verify

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

import trustme

from tieout.deployment.ways import Mode

PROGRAM = (sys.executable, "-m", "tieout")
DEPLOYMENT = """
name = "desk"
journal = "desk.db"
{limits}
alerts = "none"

[wire]
port = {port}
ca = "ca.pem"

[[accounts]]
venue = "okx_swap"
skew_ms = 400
keys = {{key = "env:WIRE_KEY", secret = "file:secret", passphrase = "env:WIRE_PASSPHRASE"}}

[[strategies]]
kind = "taker"
name = "tk"
tick_ms = 200
options = {{hedged = true}}
"""


@pytest.fixture
def wire(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A served venue in a process of its own; what it said of itself."""
    words = getattr(request, "param", ("--faults", "60"))
    command = [*PROGRAM, "wire", "okx_swap", "--ca", str(tmp_path / "ca.pem"), *words]
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
    path.write_text(DEPLOYMENT.format(port=wire["port"], limits='limits = "none"'))
    (tmp_path / "secret").write_text(wire["secret"])
    (tmp_path / "secret").chmod(0o600)
    return path


def started(deployment: Path, wire: dict[str, str], *words: str) -> subprocess.Popen[str]:
    told = {"WIRE_KEY": wire["key"], "WIRE_PASSPHRASE": wire["passphrase"]}
    return subprocess.Popen(
        [*PROGRAM, *words[:1], str(deployment), *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | told,
    )


def until_it_stands(said: IO[str]) -> Iterator[str]:
    """What it says, its checks as they are made, before it says how it stands."""
    for line in said:
        if line.startswith("record "):
            return
        yield line
    raise AssertionError("it ended")


def test_a_node_that_is_killed_by_a_signal_goes_on_and_ends_in_order(
    deployment: Path, wire: dict[str, str], tmp_path: Path
) -> None:
    node = started(deployment, wire, "live", "--mode", "live")
    assert node.stderr is not None
    *_, last = until_it_stands(node.stderr)
    assert last.startswith("green          reconciliations of okx_swap/main"), (
        "and so it was let in"
    )
    node.kill()
    node.communicate()
    node = started(deployment, wire, "live", "--mode", "live", "--seconds", "6", "--json")
    out, err = node.communicate(timeout=120)
    said = json.loads(out)
    # A fill that the venue told in two contents stays a break until people decide.
    ends = FAILED if said["open_breaks"] else HELD
    assert (said["working"], node.returncode) == (0, ends), (said, err)
    assert said["fills"] > 0
    journal = tmp_path / "desk.db"
    assert verify(journal).status == "sound"


@pytest.mark.parametrize("wire", [()], indirect=True)
def test_who_is_not_ready_is_told_what_is_missing_and_does_not_go_live(
    deployment: Path, wire: dict[str, str], tmp_path: Path
) -> None:
    """Preflight and live say the same; nothing is begun and nothing is sent."""
    deployment.write_text(DEPLOYMENT.format(port=wire["port"], limits=""))
    for words in (("preflight",), ("live", "--mode", "live")):
        done = started(deployment, wire, *words, "--json")
        out, err = done.communicate(timeout=60)
        red = {each["name"]: each for each in json.loads(out)["checks"] if each["result"] == "red"}
        assert (done.returncode, list(red)) == (FAILED, ["limits", "reconciliations"]), (out, err)
        assert "none" in red["limits"]["would_do"]
    assert "not live: 2 of 12 checks are red" in err
    assert "limits: the deployment names none; " in err
    shadow = started(deployment, wire, "live", "--mode", "shadow", "--seconds", "3")
    _, err = shadow.communicate(timeout=60)
    assert shadow.returncode == FAILED
    assert "key rights of okx_swap/main: reads, trade; a key that can only read would do" in err


@pytest.mark.parametrize("wire", [("--read-only",)], indirect=True)
def test_a_key_that_can_only_read_is_enough_to_follow_an_account(
    deployment: Path, wire: dict[str, str], tmp_path: Path
) -> None:
    node = started(deployment, wire, "live", "--mode", "shadow", "--seconds", "4", "--json")
    out, err = node.communicate(timeout=60)
    assert node.returncode == HELD, err
    assert json.loads(out)["orders"] == 0


def test_who_hears_no_market_says_so(tmp_path: Path) -> None:
    """Nobody listens where paper looks for prices: it waits, and that is seen."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    path = tmp_path / "desk.toml"
    path.write_text(DEPLOYMENT.format(port=1, limits='limits = "none"'))
    done = CliRunner().invoke(main, ["live", str(path), "--mode", "paper", "--seconds", "1"])
    assert (done.exit_code, done.stderr.count("2 unpriced")) == (HELD, 1), done.output


def test_who_cannot_be_asked_for_metrics_says_where(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    path = tmp_path / "desk.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = DEPLOYMENT.format(port=1, limits='limits = "none"')
        path.write_text(f"{text}\n[metrics]\nport = {port}\n")
        done = CliRunner().invoke(main, ["live", str(path), "--mode", "paper", "--seconds", "1"])
    assert done.exit_code == BAD_INPUT
    assert f"metrics: found 127.0.0.1:{port}: " in done.stderr
    assert "a free port would do" in done.stderr


class Ends:
    """A node with an order that works, as whoever ends it sees it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def rest(self) -> None:
        self.asked.append("rest")

    def cancel_all(self) -> None:
        self.asked.append("cancel")

    def at_rest(self) -> bool:
        return "cancel" in self.asked


@pytest.mark.parametrize(("mode", "asked"), [("live", ["rest", "cancel"]), ("shadow", ["rest"])])
def test_a_shadow_that_ends_wishes_for_no_cancel(mode: Mode, asked: list[str]) -> None:
    """It would be journaled, and sent by the next node that may."""

    async def end(node: Any) -> None:
        living = asyncio.create_task(asyncio.sleep(60))
        await asyncio.wait_for(_rest(node, living, mode), 5)
        living.cancel()

    asyncio.run(end(node := Ends()))
    assert node.asked == asked


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
        "env:NAME, file:PATH or keyring:SERVICE/NAME would do",
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
    assert "binance_spot, binance_usdm, bybit_inverse, okx_swap, custodian" in done.output
