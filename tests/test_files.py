"""A run on disk: everything is there, and the journal is the run's own."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from tieout.journals.replay import replay
from tieout.journals.verify import verify
from tieout.reports import files
from tieout.reports.files import CannotSave, load_table
from tieout.reports.outcome import Outcome
from tieout.reports.tables import COLUMNS, table
from tieout.runs import run

RUNS = ("lost_frame", "spot_weather", "coinbase_weather")
each_run = pytest.mark.parametrize("name", RUNS)


@cache
def outcome_of(name: str) -> Outcome:
    return run(name, seed=3, short=True)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each run, saved into a folder that was not there."""
    root = tmp_path_factory.mktemp("out")
    places = {name: root / "runs" / name for name in RUNS}
    for name, place in places.items():
        files.save(outcome_of(name), place)
    return places


@each_run
def test_everything_is_there(name: str, folders: dict[str, Path]) -> None:
    """summary.json, plan.json, journal.db with its anchor, a report and a table per subject."""
    expected = {"summary.json", "plan.json", "journal.db", "journal.db.anchor", "report.html"}
    expected |= {f"{subject}.parquet" for subject in COLUMNS}
    assert {path.name for path in folders[name].iterdir()} == expected
    summary = json.loads((folders[name] / "summary.json").read_text())
    assert summary == json.loads(outcome_of(name).json())
    assert (folders[name] / "report.html").read_text().startswith("<!DOCTYPE html>")


@each_run
def test_the_journal_is_the_runs_own(name: str, folders: dict[str, Path]) -> None:
    """The same records in the same groups under the same chain; replay gives the same digest."""
    outcome, path = outcome_of(name), folders[name] / "journal.db"
    last, chain = outcome.store.last()
    verdict = verify(path)
    assert (verdict.status, verdict.last, verdict.chain) == ("sound", last, chain.hex())
    assert verdict.anchored
    replayed = replay(path)
    assert replayed.digest == outcome.summary["digest"]
    assert not replayed.differences


@each_run
def test_a_table_comes_back_as_it_was(name: str, folders: dict[str, Path]) -> None:
    """Amounts digit for digit, times to the nanosecond, types and all, empty or not."""
    outcome = outcome_of(name)
    for subject in COLUMNS:
        back = load_table(folders[name] / f"{subject}.parquet")
        made = table(subject, outcome.store, outcome.state)
        pd.testing.assert_frame_equal(back, made, check_exact=True)
        for column, kind in COLUMNS[subject].items():
            if kind == "decimal":  # equal decimals may differ in what they show
                assert back[column].map(str).equals(made[column].map(str)), (subject, column)


def test_any_parquet_reader_sees_amounts_as_exact_text(folders: dict[str, Path]) -> None:
    fills = pd.read_parquet(folders["lost_frame"] / "fills.parquet")
    assert fills.quantity.str.fullmatch(r"\d+\.\d{8}").all()
    assert str(fills.received_at.dtype) == "datetime64[ns, UTC]"


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    """Whatever stood in the folder: the journal is the new run's, its anchor too."""
    files.save(outcome_of("spot_weather"), tmp_path)
    (tmp_path / "journal.db-wal").write_bytes(b"what a killed writer left")
    files.save(outcome_of("lost_frame"), tmp_path)
    assert verify(tmp_path / "journal.db").last == outcome_of("lost_frame").store.last()[0]


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    """One exception with the path in it, whatever the disk said."""
    file = tmp_path / "file"
    file.write_text("")
    for place in (file, file / "below"):
        with pytest.raises(CannotSave, match=str(file)):
            files.save(outcome_of("lost_frame"), place)
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    with pytest.raises(CannotSave, match=r"report\.html"):
        files.save(outcome_of("lost_frame"), tmp_path / "out")


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_is_made_ready_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a seed that is none is refused at the door, from Python too."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tieout.runs.Simulation", None)  # whoever comes so far, fails
    with pytest.raises(CannotSave, match="file: a file; a folder's name would do"):
        run("lost_frame", out=tmp_path / "file")
    for seed in (-1, 1.5, "1"):
        with pytest.raises(ValueError, match=f"seed: found {seed!r}; a whole number"):
            run("lost_frame", seed)  # type: ignore[arg-type]  # what a notebook may say
    files.ready(tmp_path / "new" / "below")
    assert not list((tmp_path / "new" / "below").iterdir())


# --- the public door -----------------------------------------------------------------------------


def python(code: str) -> str:
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_importing_tieout_imports_nothing_heavy() -> None:
    """`import tieout` takes a few milliseconds: what is heavy comes when it is asked for."""
    heavy = "('pandas', 'matplotlib', 'simpy', 'numpy', 'pydantic', 'apsw')"
    told = python(
        "import time; began = time.perf_counter(); import tieout, sys;"
        f"print(time.perf_counter() - began < 0.5, [m for m in {heavy} if m in sys.modules])"
    )
    assert told == "True []"


def test_a_run_without_tables_needs_neither_pandas_nor_matplotlib() -> None:
    told = python(
        "import sys, tieout; outcome = tieout.run('lost_frame', seed=1, short=True);"
        "heavy = [name for name in ('pandas', 'matplotlib') if name in sys.modules];"
        "print(type(outcome) is tieout.Outcome, heavy)"
    )
    assert told == "True []"


def test_each_public_name_is_there_and_an_unknown_one_is_an_attribute_error() -> None:
    import tieout

    assert {"run", "Outcome", "find", "check"} <= set(dir(tieout))
    assert all(getattr(tieout, name).__name__ == name for name in dir(tieout))
    with pytest.raises(AttributeError, match="runn"):
        tieout.runn  # noqa: B018  # the access is what is tested


def test_a_full_disk_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str, **_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CannotSave, match=r"summary\.json: No space left"):
        files.save(outcome_of("lost_frame"), tmp_path / "x")
    shutil.rmtree(tmp_path / "x")
