"""A machine that fails leaves its steps: they fail again while the bug is there, and no longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest

from tests import exporting
from tests.conftest import ROOT
from tests.exporting import FOLDER, Machine
from tests.planting import plant
from tieout.journals.replay import replay
from tieout.journals.verify import verify

KEPT = sorted((ROOT / "tests" / "exported").glob("*.jsonl"))


class Bug(NamedTuple):
    """In `function` the text `old`, which is there once, becomes `new`; the machine then fails."""

    machine: str
    function: str
    old: str
    new: str


BUGS = {
    "a fill told again is booked again": Bug(
        "tests.test_order_machine:Orders",
        "core.books:book_fill",
        "account.seen.get(key)",
        "None",
    ),
    "a cumulative quantity is taken for what was added": Bug(
        "tests.test_order_machine:Orders",
        "core.books:book_progress",
        "event.quantity - done.quantity",
        "event.quantity",
    ),
    "each permission is judged as if it were alone": Bug(
        "tests.test_permission_machine:Permissions",
        "core.reservations:reserve",
        "objection(book, limits, wanted)",
        "objection(Reserved(book.balances, book.groups, supply=book.supply), limits, wanted)",
    ),
    "a late acknowledgement brings an order back": Bug(
        "tests.test_order_machine:Orders",
        "core.orders:move",
        "if told not in MOVES[order.status]:",
        'if told not in MOVES[order.status] and told != "acknowledged":',
    ),
}


def found(name: str) -> type[Machine]:
    """A machine by its module and name."""
    module, _, kind = name.partition(":")
    made: type[Machine] = getattr(__import__(module, fromlist=[kind]), kind)
    return made


def run(machine: type[Machine]) -> Any:
    """As its test does."""
    with exporting.exported(machine):
        hypothesis.stateful.run_state_machine_as_test(
            machine, settings=exporting.case(machine, 60, 40).settings
        )


@pytest.mark.parametrize("bug", BUGS)
def test_what_fails_is_exported_and_fails_again_until_the_bug_is_gone(
    bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, function, old, new = BUGS[bug]
    machine = found(name)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with monkeypatch.context() as patch:
        plant(patch, function, old, new)
        with pytest.raises(Exception) as failed:  # noqa: PT011  # whatever the bug brings
            run(machine)
        (path,) = tmp_path.iterdir()
        assert str(path) in "".join(failed.value.__notes__)
        with pytest.raises(type(failed.value)):
            exporting.rerun(path)
    exporting.rerun(path)
    head, *steps = (json.loads(line) for line in path.read_text().splitlines())
    assert head["machine"] == name
    assert 1 <= len(steps) <= 15, "it is the smallest that Hypothesis found"


def test_without_a_bug_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    run(found("tests.test_order_machine:Orders"))
    assert list(tmp_path.iterdir()) == []


def test_an_export_is_a_journal_that_replays(tmp_path: Path) -> None:
    """What the core was told, as `tieout verify`, `replay` and `trace` take it; by the command."""
    path = ROOT / "tests" / "exported" / "fill_told_again.jsonl"
    journal = tmp_path / "journal.db"
    command = [sys.executable, "-m", "tests.exporting", str(path), "--journal", str(journal)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "every step holds\n"
    again: Any = exporting.rerun(path)
    assert verify(journal).status == "sound"
    replayed = replay(journal)
    assert not replayed.differences
    assert replayed.state.holdings == again.state.holdings


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_was_red_once_stays_green(path: Path) -> None:
    exporting.rerun(path)
