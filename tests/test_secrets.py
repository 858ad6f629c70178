"""Planted secrets: a whole session of each world, and what breaks in it, tells none of them.

Looked into are what the processes print, with tracebacks on, all files that they leave (journals,
reports), and what the kernel shows of them: their arguments.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from tests.deploying import written
from tieout.cli import main
from tieout.exits import FAILED, HELD

PROGRAM = (sys.executable, "-m", "tieout", "--debug")
NAMES = ("key", "secret", "passphrase")


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A served venue in a process of its own; what it said of itself, its key for one."""
    command = (*PROGRAM, "wire", "okx_swap", "--ca", str(tmp_path / "ca.pem"))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def ran(*words: str) -> tuple[int, str, bytes]:
    """A command: its status, all that it printed, and its arguments as others see them."""
    process = subprocess.Popen(
        (*PROGRAM, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    said, _ = process.communicate(timeout=240)
    return process.returncode, said, arguments


def test_no_world_tells_a_secret_nor_does_what_breaks_in_it(
    tmp_path: Path, wire: dict[str, str]
) -> None:
    path = written(tmp_path, "okx_swap", int(wire["port"]), account="skew_ms = 400")
    for name in NAMES:
        (tmp_path / name).write_text(wire[name])
    words = ["live", str(path), "--mode", "sim", "--seconds", "5", "--out", str(tmp_path / "out")]
    simulated = CliRunner().invoke(main, words)
    ends = [
        (simulated.exit_code, simulated.output, b""),
        ran("live", str(path), "--mode", "live", "--seconds", "3"),
        ran("live", str(path), "--mode", "paper", "--seconds", "3"),
        ran("live", str(path)),  # shadow: this key can trade
    ]
    assert [status for status, _, _ in ends] == [HELD, HELD, HELD, FAILED], ends
    (tmp_path / "secret").write_text("another-secret-that-is-wrong")
    ends.append(ran("preflight", str(path)))
    path.write_text(path.read_text().replace(f"port = {wire['port']}", "port = 1"))
    ends.append(ran("preflight", str(path)))  # nobody there
    assert [status for status, _, _ in ends[4:]] == [FAILED, FAILED], ends[4:]
    told = [text.encode() + arguments for _, text, arguments in ends]
    files = {
        each: each.read_bytes()
        for each in tmp_path.rglob("*")
        if each.is_file() and each.name not in NAMES
    }
    journals = {each.name for each in files if each.suffix == ".db"}
    assert journals == {"desk.db", "desk.paper.db", "journal.db"}
    for planted in (*(wire[name] for name in NAMES), "another-secret-that-is-wrong"):
        for place, text in (*enumerate(told), *files.items()):
            assert planted.encode() not in text, f"{planted} is in {place}"
