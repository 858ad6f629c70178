"""The runbook, word by word: its commands exist, its deployment loads, its recipes work."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner

from core import gate
from core.events import Cause
from risk import codes
from tests.toy_venue import boot
from tieout.cli import main
from tieout.deployment.file import Deployment, load
from tieout.deployment.limits import beside
from tieout.exits import FAILED, HELD
from tieout.journals.sqlite_store import JournalDamaged, SqliteStore
from tieout.node.loop import JOURNAL_FULL, QUEUE_FULL
from tieout.node.troubles import Code

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
TABLES = [body for kind, body in BLOCKS if kind == "toml"]
LINES = [line for kind, body in BLOCKS if not kind for line in body.splitlines()]
ACCEPT = "tieout accept-cut desk.db"


BESIDE = ("README.md", "docs/watching.md")


def inline() -> Iterator[str]:
    """Commands within the text, and in what leads here: a name may stand alone (`tieout wire`)."""
    for text in (TEXT, *((ROOT / each).read_text(encoding="utf-8") for each in BESIDE)):
        for line in re.findall(
            r"`(tieout [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        ):
            yield line.replace("\n", " ")


# --- commands -------------------------------------------------------------------------------------


def understood(line: str, *, whole: bool) -> None:
    """Raises where the program has no such command or option, or lacks or has too many words."""
    words, command, place = shlex.split(line)[1:], main, "tieout"
    found: click.Command = command
    while isinstance(found, click.Group) and words:
        name = words.pop(0)
        assert name in found.commands, f"{place} has no command {name!r}: {line}"
        found, place = found.commands[name], f"{place} {name}"
    context = click.Context(found, info_name=place)
    told, left, _ = found.make_parser(context).parse_args(words)
    assert not left, f"{left} is too much: {line}"
    for each in found.params:
        value = told.get(each.name or "")
        if isinstance(each.type, click.Choice | click.IntRange) and isinstance(value, str):
            each.type.convert(value, each, context)
        if whole and each.required:
            given = isinstance(value, str | tuple) and bool(value)
            assert given, f"{each.name} is missing: {line}"


@pytest.mark.parametrize("line", [each for each in LINES if each.startswith("tieout ")])
def test_each_command_is_one_of_the_program(line: str) -> None:
    understood(line, whole=True)


@pytest.mark.parametrize("line", list(inline()))
def test_each_command_that_the_text_names_exists(line: str) -> None:
    understood(line, whole=False)


def test_a_command_that_the_program_lacks_would_be_seen() -> None:
    wrong = ("repair desk.db", "backup desk.db", "verify a b", "live desk.toml --mode real")
    for line in (f"tieout {each}" for each in wrong):
        with pytest.raises((AssertionError, click.UsageError)):
            understood(line, whole=True)
    with pytest.raises(click.NoSuchOption):
        understood("tieout verify desk.db --mend", whole=True)


def test_the_runbook_is_reached_and_what_it_leads_to_is_there() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / name).exists(), name
    assert "docs/runbook.md" in (ROOT / "README.md").read_text(encoding="utf-8")


# --- the deployment -------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The runbook's deployment, in a folder of its own, the limits of the house beside it."""
    path = tmp_path / "desk.toml"
    path.write_text(TABLES[0])
    shutil.copy(ROOT / "scenarios" / "limits" / "house.yaml", tmp_path / "limits.yaml")
    shutil.copy(ROOT / "scenarios" / "limits" / "house.tests.yaml", tmp_path / "limits.tests.yaml")
    return path


def test_the_deployment_is_one_and_shows_each_table(desk: Path) -> None:
    found = load(desk)
    assert [each.account for each in found.accounts] == ["binance_usdm/main", "okx_swap/main"]
    for each in ("limits", "strategies", "chain", "alerts", "metrics", "logs", "margins", "keys"):
        assert getattr(found, each), each
    reviewed = found.reviewed(desk.parent)
    assert reviewed is not None


def test_the_deployment_of_the_readme_is_one(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "desk.toml"
    path.write_text(text)
    assert (load(path).unlimited, load(path).wire is not None) == (True, True)


def test_what_may_stand_in_place_of_its_lines_may(desk: Path) -> None:
    """Beside limits too: the cold engine follows a journal at a server."""
    told = {**tomllib.loads(TABLES[0]), **tomllib.loads(TABLES[1])}
    told = beside(told, desk.parent)
    found = Deployment.model_validate(told)
    assert (found.wire is not None, found.local_name) == (True, "desk.journal")


def test_it_runs_on_simulated_venues_and_is_killed_there(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key is needed for either; what the text says to type is typed."""
    monkeypatch.chdir(desk.parent)
    for line in LINES:
        if "--mode sim --seconds 60" in line or "--drill" in line or "limits check" in line:
            done = CliRunner().invoke(main, shlex.split(line)[1:])
            assert done.exit_code == HELD, (line, done.output)
    assert (desk.parent / "sim" / "report.html").exists()


# --- what closes entries --------------------------------------------------------------------------


def rows_of(title: str) -> set[str]:
    """What stands in backticks in the first column of a section's table."""
    part = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    firsts = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {name for first in firsts for name in re.findall(r"`(\w+)`", first)}


def test_each_cause_of_a_break_says_what_to_look_for() -> None:
    """But for an adjustment, which is how one was closed."""
    assert rows_of("A break opens") == {*get_args(Cause)} - {"adjustment"}


def test_each_code_that_closes_entries_says_what_ends_it() -> None:
    rows = rows_of("Entries are closed")
    assert rows >= {*get_args(Code), JOURNAL_FULL, QUEUE_FULL}
    source = Path(gate.__file__).read_text() + Path(codes.__file__).read_text()
    for each in rows - {*get_args(Code), JOURNAL_FULL, QUEUE_FULL}:
        assert f'"{each}"' in source, each


# --- backup and restore ---------------------------------------------------------------------------


def run(line: str, folder: Path) -> tuple[int, str]:
    """A line of the runbook in a shell, as a person types it."""
    program = f'tieout() {{ "{sys.executable}" -m tieout "$@"; }}; {line}'
    done = subprocess.run(
        ["bash", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    return done.returncode, done.stdout + done.stderr


def test_the_recipe_for_backup_and_restore_does_what_it_says(tmp_path: Path) -> None:
    """The old copy is found, refused, accepted; then the node knows how much it lost."""
    path, start = tmp_path / "desk.db", LINES.index("tieout backup desk.db backup-1.db")
    store = SqliteStore(path)
    boot(store).commit()
    for line in LINES[start : start + 2]:
        assert run(line, tmp_path)[0] == HELD, line
    kept = store.last()[0]
    boot(store).commit()
    last = store.last()[0]
    store.close()
    begin = LINES.index("mv desk.db desk.db.damaged")
    for line in LINES[begin : LINES.index(ACCEPT, begin)]:
        status, said = run(line, tmp_path)
        assert status == (FAILED if "verify" in line else HELD), (line, said)
    assert f"cut: the anchor says record {last}, the file ends at {kept}" in said
    with pytest.raises(JournalDamaged, match="cut: "):
        SqliteStore(path)
    assert run(ACCEPT, tmp_path)[0] == HELD
    store = SqliteStore(path)
    assert store.records_lost == last - kept
    store.close()
