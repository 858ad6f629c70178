"""A run on disk: everything is there, the journal is the run's own, and a plan comes back."""

import json
import shutil
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

from scenarios.model import find
from sim.faults import Fault
from tieout import files
from tieout.files import BadPlan, CannotSave, load_plan, load_table, plan_text
from tieout.outcome import Outcome
from tieout.replay import replay
from tieout.runs import run
from tieout.tables import COLUMNS, table
from tieout.verify import verify

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


# --- plans ---------------------------------------------------------------------------------------


@each_run
def test_a_saved_plan_gives_the_same_run_whatever_the_seed_would_draw(
    name: str, folders: dict[str, Path]
) -> None:
    outcome = outcome_of(name)
    plan = load_plan(folders[name] / "plan.json")
    assert (plan.scenario, plan.seed, plan.faults) == (name, 3, outcome.plan)
    again = run(
        name, seed=3, short=True, plan=plan.faults_for(find(name), 3, short=True), sampled=False
    )
    assert again.summary["digest"] == outcome.summary["digest"]


def test_a_plan_may_be_written_by_hand(tmp_path: Path) -> None:
    """What is not said is always, everywhere, each time; nothing at all is a plan, too."""
    path = tmp_path / "plan.json"
    path.write_text('{"schema":1,"scenario":"x","seed":0,"faults":[{"kind":"crash"}]}')
    assert load_plan(path).faults == [Fault("crash")]
    path.write_text(plan_text(Outcome(**{**vars_of(outcome_of("lost_frame")), "plan": []})))
    assert load_plan(path).faults == []


def vars_of(outcome: Outcome) -> dict[str, object]:
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ('[{"kind":"gremlins"}]', r"faults\.0\.kind: found 'gremlins'"),
        ('[{"kind":"crash"},{"kind":"bust","when":1}]', r"unknown field `when` .*faults\[1\]"),
        ('[{"kind":"bust","one_in":"3"}]', r"Expected `int`, got `str` .*one_in"),
        ('[{"kind":"bust","one_in":0}]', r"one_in: found 0; 1 or more"),
        ('[{"kind":"bust","start_ns":5,"end_ns":5}]', r"found 5 to 5"),
        (
            '[{"kind":"funding","where":"binance_spot","every_ns":9000000}]',
            r"cannot happen at binance",
        ),
        ('[{"kind":"crash","where":"binance_spot"}]', r"crash happens to our node"),
        ('[{"kind":"lost_frame","where":"node"}]', r"happens at a venue, not to our node"),
        ('[{"kind":"bust"}]', r"every_ns: found 0; bust happens by itself"),
        ('[{"kind":"bust","every_ns":1}]', r"every_ns: found 1; .*1000000 or more would do"),
        ("[{}]", r"missing required field `kind`"),
        ("{}", r"Expected `array`"),
        ('[],"seed":-1', r"seed: found -1; a whole number"),
    ],
)
def test_a_wrong_plan_is_refused_with_its_place(tmp_path: Path, faults: str, told: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(f'{{"schema":1,"scenario":"x","seed":0,"faults":{faults}}}')
    with pytest.raises(BadPlan, match=told) as refused:
        load_plan(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", [None, "", "nonsense", "[]", '{"schema":9,"scenario":"x"}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadPlan, match=r"plan\.json.* would do|cannot be read"):
        load_plan(path)


def test_a_plan_serves_only_what_it_was_drawn_for(tmp_path: Path) -> None:
    """Another scenario's plan would run in silence, and so would another seed's."""
    path = tmp_path / "plan.json"
    path.write_text('{"schema":1,"scenario":"demo","seed":7,"faults":[]}')
    assert load_plan(path).faults_for(find("demo"), 7) == []
    for scenario, seed, place in (
        ("lost_frame", 7, "scenario: found 'demo'"),
        ("demo", 8, "seed: found 7"),
    ):
        with pytest.raises(BadPlan, match=place):
            load_plan(path).faults_for(find(scenario), seed)
    path.write_text(
        '{"schema":1,"scenario":"demo","seed":7,"faults":[{"kind":"lost_frame","where":"nyse"}]}'
    )
    with pytest.raises(BadPlan, match=r"faults\.0\.where: found 'nyse'; one of '', 'node', 'binan"):
        load_plan(path).faults_for(find("demo"), 7)


def test_a_plan_of_rails_comes_back(tmp_path: Path) -> None:
    """Its places are keepers of money."""
    outcome = run("webhook_twice", seed=3, short=True, sampled=False)
    (tmp_path / "plan.json").write_text(plan_text(outcome))
    plan = load_plan(tmp_path / "plan.json")
    assert plan.faults_for(find("webhook_twice"), 3, short=True) == outcome.plan


ROW = '[{}, "{}", null, "buy", 0.00141, {}, 1.0]'


def test_a_run_says_which_market_and_form_it_had(tmp_path: Path) -> None:
    """Summary and plan name the file, its bytes, pace and form; another world is refused."""
    path, other, plan = tmp_path / "m.json", tmp_path / "n.json", tmp_path / "plan.json"
    path.write_text(f"[{ROW.format(1, 'a', 1.0)}, {ROW.format(9999, 'b', 2.0)}]")
    other.write_text(f"[{ROW.format(1, 'a', 1.0)}, {ROW.format(9999, 'b', 3.0)}]")
    scenario = find("lost_frame")
    outcome = run(scenario, seed=3, market=path, sampled=False)
    told = {
        "file": "m.json",
        "sha256": sha256(path.read_bytes()).hexdigest(),
        "gap_ms_max": scenario.market_gap_ms_max,
    }
    assert (outcome.summary["market"], outcome.summary["short"]) == (told, False)
    plan.write_text(plan_text(outcome))
    stored = load_plan(plan)
    assert stored.faults_for(scenario, 3, market=path) == outcome.plan
    paced = scenario.model_copy(update={"market_gap_ms_max": 7})
    for wrong, market in ((scenario, None), (scenario, other), (paced, path)):
        with pytest.raises(BadPlan, match=r"market: it is of m\.json .* --market with that file"):
            stored.faults_for(wrong, 3, market=market)
    with pytest.raises(BadPlan, match="short: it is of the whole; no --short would do"):
        stored.faults_for(scenario, 3, short=True, market=path)
    of_our_own = run(scenario, seed=3, short=True, sampled=False)
    assert (of_our_own.summary["market"], of_our_own.summary["short"]) == (None, True)
    plan.write_text(plan_text(of_our_own))
    with pytest.raises(BadPlan, match="short: it is of the short form; --short would do"):
        load_plan(plan).faults_for(scenario, 3)
    with pytest.raises(
        BadPlan, match=r"market: it is of a market of our own.* no --market would do"
    ):
        load_plan(plan).faults_for(scenario, 3, short=True, market=path)


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


def test_an_unknown_name_is_an_attribute_error() -> None:
    import tieout

    assert {"run", "Outcome"} <= set(dir(tieout))
    with pytest.raises(AttributeError, match="runn"):
        tieout.runn  # noqa: B018  # the access is what is tested


def test_a_full_disk_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str, **_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CannotSave, match=r"summary\.json: No space left"):
        files.save(outcome_of("lost_frame"), tmp_path / "x")
    shutil.rmtree(tmp_path / "x")
