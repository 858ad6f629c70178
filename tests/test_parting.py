"""Where two builds part: the digests of a campaign compared, and the first record that differs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from msgspec import structs

from core.journal import Journal, Record
from sim import machine
from sim.memory_store import MemoryStore
from tests.conftest import ROOT
from tests.test_cli import SMALL
from tieout.campaigns.seed import SeedResult
from tieout.determinism import (
    PACKAGES,
    Build,
    Told,
    _result,
    _verdict,
    builds,
    differing,
    digests_of,
    first_difference,
    groups_equal,
    lines,
    write,
)
from tieout.reports.files import save_journal
from tieout.reports.outcome import Outcome
from tieout.runs import run

LAST = "    return effects\n\n\ndef _take("


def command(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m tieout.determinism`, of the source that lies there and of this Python alone."""
    return subprocess.run(
        [sys.executable, "-m", "tieout.determinism", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A house of its own, with no environments beside it, whose core can be broken."""
    for name in PACKAGES:
        if name == "core":
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def test_a_sound_core_gives_one_digest_under_every_hash_seed_and_number_of_workers(
    house: Path,
) -> None:
    done = command(house, "small.yaml", "--seeds", "0:2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("  equal\n") == 3
    assert done.stdout.count("left out: not here: `python tests/pythons.py` makes it") == 2


def test_a_set_that_is_walked_into_effects_is_found_and_its_first_record_is_named(
    house: Path,
) -> None:
    step = house / "core" / "step.py"
    source = step.read_text()
    assert source.count(LAST) == 1
    walked = (
        "    told = {repr(each): each for each in effects}\n    return [told[n] for n in set(told)]"
    )
    step.write_text(source.replace(LAST, LAST.replace("    return effects", walked)))
    done = command(house, "small.yaml", "--seeds", "0:1")
    assert done.returncode == 1, done.stderr
    assert "differs in seeds 0\n" in done.stdout
    assert "seed 0: record " in done.stdout
    assert "(effect " in done.stdout


def test_bad_seeds_are_bad_input() -> None:
    done = command(ROOT, "demo", "--seeds", "5:5")
    assert done.returncode == 2
    assert "0:5 would do" in done.stderr


# --- the first difference ------------------------------------------------------------------------


@cache
def outcome() -> Outcome:
    return run("lost_frame", 7, short=True, sampled=False)


def written(folder: Path, changed: int = 0, state: str = "{}") -> Path:
    """The journal of a run, in which one record is another."""
    folder.mkdir()
    memory = MemoryStore()
    journal = Journal(memory)
    ends = [last for last, _ in outcome().store.groups]
    for record in outcome().store.records():
        each = (
            structs.replace(record, body=record.body + b" ") if record.number == changed else record
        )
        journal._append(each.kind, each.name, each.cause, each.at, each.head, each.body)
        if record.number in ends:
            journal.commit()
    save_journal(memory, folder / "journal.db")
    (folder / "state.json").write_text(state)
    return folder


def effects() -> list[Record]:
    return [record for record in outcome().store.records() if record.kind == "effect"]


@pytest.mark.parametrize("place", [0, 17, -1])
def test_the_first_record_that_differs_is_named(place: int, tmp_path: Path) -> None:
    changed = effects()[place]
    parted = first_difference(written(tmp_path / "a"), written(tmp_path / "b", changed.number))
    assert parted.where.startswith(f"record {changed.number} (effect {changed.name}")
    assert parted.first != parted.second


def test_where_all_records_are_equal_the_last_states_are_compared(tmp_path: Path) -> None:
    one = written(tmp_path / "a", state='{"now": 1}')
    other = written(tmp_path / "b", state='{"now": 2}')
    parted = first_difference(one, other)
    assert parted == (
        "the journals are equal, the last states differ",
        '{"now": 1}',
        '{"now": 2}',
    )


@pytest.mark.parametrize("equal", range(8))
def test_groups_are_bisected(equal: int) -> None:
    mine = [(n, f"chain {n}") for n in range(7)]
    theirs = [(n, f"chain {n}" if n < equal else f"another {n}") for n in range(9)]
    assert groups_equal(mine, theirs) == min(equal, 7)
    assert groups_equal(theirs, mine) == min(equal, 7)


# --- the table -----------------------------------------------------------------------------------


def test_the_table_names_the_seeds_that_differ_and_the_builds_that_are_left_out() -> None:
    first, second, third, *_ = builds()
    told = [
        (first, Told({0: "a", 1: "b"})),
        (second, Told({0: "a", 1: "c"})),
        (third, Told({0: "a"})),
        (Build("elsewhere", Path("none")), Told({}, "not here")),
    ]
    shown = list(lines(told))
    assert [line.split("  ")[-1] for line in shown] == [
        "equal",
        "differs in seeds 1",
        "differs in seeds 1",
        " left out: not here",
    ]
    assert differing({0: "a", 1: "b"}, {0: "a", 1: "b"}) == []


def test_a_build_that_must_be_there_and_is_not_is_no_pass() -> None:
    first, *_, compiled = builds()
    told = [(first, Told({0: "a"})), (compiled, Told({}, "not here"))]
    assert _verdict(told, "small", short=True, must=()) == 0
    assert _verdict(told, "small", short=True, must=("pythons",)) == 0
    assert _verdict(told, "small", short=True, must=("compiled",)) == 3


def test_a_python_for_which_there_is_no_evm_may_be_left_out() -> None:
    first, *_ = builds()
    missing = Told({}, machine.NONE)
    for name, status in (("Python 3.13", 0), ("Python 3.12", 3)):
        told = [(first, Told({0: "a"})), (Build(name, first.python), missing)]
        assert _verdict(told, "small", short=True, must=("pythons",)) == status


def test_a_build_that_is_here_and_ends_without_an_answer_is_no_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever was asked for: that it broke is shown, and is not left out."""
    first, second, *_ = builds()
    ended = subprocess.CompletedProcess([], 1, "", "Traceback:\nKeyError: 'x'\n")
    monkeypatch.setattr("tieout.determinism._run", lambda *words: ended)
    broken = digests_of(second, "small", range(1), short=True)
    told = [(first, Told({0: "a"})), (second, broken)]
    assert list(lines(told))[1].endswith("  BROKE: KeyError: 'x'")
    assert _verdict(told, "small", short=True, must=()) == 1


def test_seeds_that_are_judged_in_two_ways_differ() -> None:
    """A digest is of what core did, and says nothing of the world and its oracle."""
    one = SeedResult("small", 0, held=True, digest="d", faults={"bust": 1}, cpu_seconds=1.0)
    assert _result(one) == _result(replace(one, cpu_seconds=2.0, command="x"))
    assert _result(one) != _result(replace(one, faults={"bust": 2}))


def test_what_two_folders_do_not_differ_in_is_said(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write("lost_frame", 0, str(tmp_path / name), short=True)
    parted = first_difference(tmp_path / "a", tmp_path / "b")
    assert parted.where == "journals and last states are equal: they were judged differently"
