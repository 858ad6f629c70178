"""`tieout wire` of a custodian and a bank, in processes of their own.

A deployment that has only what they print keeps books of them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("fireblocks", reason="the extra `live` is not installed")

from core.money import parse
from tests.live_chain import free_port
from tieout.cli import main
from tieout.exits import BAD_INPUT, HELD
from tieout.journals.replay import replay

FULL = bool(os.environ.get("TIEOUT_FULL"))
ROOT = Path(__file__).parent.parent
DEPLOYMENT = """
name = "desk"
journal = "desk.db"

[[custodian]]
name = "custody"
key = "env:CUSTODY_KEY"
secret = "file:{secret}"
url = "{url}"
ca = "{ca}"
assets = ["ETH", "USDC", "BTC"]
poll_s = 1
statement_s = 1
webhooks = {{port = {port}, jwks = "{jwks}"}}

[[bank]]
name = "euros"
calendar = "target"
asset = "{asset}"
holder = "{holder}"
iban = "{iban}"
number = "{number}"
schemes = ["sepa_sct", "received_eur"]
balance = "{balance}"
as_of = {as_of}
folder = "{folder}"
look_s = 0.05
settle_s = 0.1
"""


class Served:
    """A keeper that `tieout wire` serves."""

    def __init__(self, folder: Path, *words: str) -> None:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tieout", "wire", *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said = self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def end(self) -> dict[str, Any]:
        """What is truly held, at last."""
        self._process.send_signal(signal.SIGTERM)
        told = self._line()
        assert self._process.wait(20) == 0
        truth: dict[str, Any] = told["truth"]
        return truth

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def custodian(tmp_path: Path, port: int) -> Iterator[Served]:
    url = f"http://127.0.0.1:{port}/webhooks/custodian"
    made = Served(tmp_path, "custodian", "--webhooks", url)
    yield made
    made.kill()


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path, "bank_eu", "--folder", "files")
    yield made
    made.kill()


@pytest.mark.parametrize("mode", ["shadow", *["live"] * FULL])
def test_a_deployment_keeps_books_of_what_is_served(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    custodian: Served,
    bank: Served,
    port: int,
    mode: str,
) -> None:
    """By the machine's clock, over TLS: what it prints is all that the file needs."""
    monkeypatch.setenv("CUSTODY_KEY", custodian.said["key"])
    path, unlimited = tmp_path / "desk.toml", 'limits = "none"\nalerts = "none"\n'
    age = datetime.now(UTC) - datetime.fromisoformat(bank.said["as_of"])
    assert timedelta(0) <= age < timedelta(minutes=5), "the keepers live now"
    text = DEPLOYMENT.format_map({**custodian.said, **bank.said, "port": port})
    path.write_text(text.replace("\n[[cust", f"{unlimited}\n[[cust", 1))
    told = CliRunner().invoke(main, ["live", str(path), "--mode", mode, "--seconds", "3"])
    assert told.exit_code == HELD, told.output
    ledger = replay(tmp_path / "desk.db").state.settlement.ledger
    truth = custodian.end()  # people outside pay in ether meanwhile, and nothing else
    for asset, decimals in (("BTC", 8), ("USDC", 6)):
        true = parse(truth[f"custodian/vault/{asset}/cash"], decimals)
        assert ledger[f"nostro/custody/vault/{asset}"] == true > 0
    stood = parse(bank.said["balance"], 2)
    assert stood <= ledger["nostro/euros/main/EUR"] <= parse(bank.end()["bank_eu/ops/EUR/cash"], 2)
    assert bool(list((tmp_path / "files" / "taken").iterdir())) == (mode == "live"), "it was asked"


def test_a_bank_without_a_folder_is_no_bank() -> None:
    told = CliRunner().invoke(main, ["wire", "bank_gb"])
    assert told.exit_code == BAD_INPUT
    assert "--folder: found nothing; a folder for the files of bank_gb would do" in told.output
