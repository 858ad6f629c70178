"""A run that raises: a status of its own, one line, and all that is needed to look into it."""

import subprocess
import sys
from pathlib import Path

import pytest

import tieout
from core import node
from core.events import Event, FillReported
from core.state import State
from tieout.exits import BROKEN, INTERRUPTED
from tieout.failures.plans import load_plan
from tieout.journals.replay import replay
from tieout.journals.verify import verify

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(
    not str(node.__file__).endswith(".py"),
    reason="core.node is compiled: there is no step to plant a bug in",
)
# A bug of ours: the step trips over the tenth fill that is told, every time.
PLANT = """
import sys
from core import node
from core.events import FillReported
true_step, fills = node.step, 0
def step(state, event, gate):
    global fills
    fills += isinstance(event, FillReported)
    if fills == 10:
        raise {error}
    return true_step(state, event, gate)
node.step = step
from tieout.cli import run
sys.argv[0] = "tieout"
run()
"""


def broken(*words: str, error: str = "KeyError('planted')") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PLANT.format(error=error), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_run_that_raises_is_one_line_and_a_status_of_its_own(tmp_path: Path) -> None:
    """It is no claim that failed; the line says what, where, and where more of it is."""
    done = broken("run", "demo", "--seed", "7", "--out", str(tmp_path))
    assert done.returncode == BROKEN
    assert done.stdout == ""
    line = f"plan.json, journal.db and traceback.txt are in {tmp_path}\n"
    assert done.stderr.startswith("tieout: a bug of ours: KeyError: 'planted' (core/node.py:")
    assert done.stderr.endswith(line)
    assert done.stderr.count("\n") == 1
    assert "KeyError: 'planted'" in (tmp_path / "traceback.txt").read_text()


def test_debug_shows_the_traceback() -> None:
    """Without a folder there is nowhere else to read it; without the flag it is not shown."""
    done = broken("--debug", "run", "demo", "--seed", "7")
    assert done.returncode == BROKEN
    assert "Traceback" in done.stderr
    done = broken("run", "demo", "--seed", "7")
    assert done.returncode == BROKEN
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("tieout --debug ... shows the traceback\n")


def test_an_interrupted_run_keeps_what_it_has(tmp_path: Path) -> None:
    """^C is no bug: there is no traceback, and the journal until then can be read."""
    done = broken("run", "demo", "--out", str(tmp_path), error="KeyboardInterrupt")
    assert done.returncode == INTERRUPTED
    kept = f"its plan and its journal until then are in {tmp_path}"
    assert done.stderr == f"tieout: interrupted; {kept}\n"
    assert {each.name for each in tmp_path.iterdir()} == {
        "plan.json",
        "journal.db",
        "journal.db.anchor",
    }
    assert verify(tmp_path / "journal.db").status == "sound"


def test_what_is_kept_breaks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal ends with the event that broke the step, and its plan is of that run; what an
    earlier run left in the folder is gone."""
    tieout.run("demo", 7, out=tmp_path)
    whole = {each.name for each in tmp_path.iterdir()}
    true_step = node.step

    def step(state: State, event: Event, gate: node.Gate) -> list[node.Effect]:
        if isinstance(event, FillReported) and state.now > 1_700_000_020 * 10**9:
            raise KeyError("planted")
        return true_step(state, event, gate)

    monkeypatch.setattr(node, "step", step)
    with pytest.raises(KeyError, match="planted") as raised:
        tieout.run("demo", 7, out=tmp_path)
    assert raised.value.__notes__ == [f"plan.json, journal.db and traceback.txt are in {tmp_path}"]
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {"plan.json", "journal.db", "journal.db.anchor", "traceback.txt"}
    assert "summary.json" in whole
    assert load_plan(tmp_path / "plan.json").seed == 7
    assert verify(tmp_path / "journal.db").status == "sound"
    monkeypatch.setattr("tieout.journals.replay.step", step)
    told = replay(tmp_path / "journal.db")
    [difference] = told.differences
    assert (difference.number, difference.computed) == (told.last, "KeyError: 'planted'")


def test_a_whole_run_leaves_no_traceback_of_an_earlier_one(tmp_path: Path) -> None:
    """The folder is of one run."""
    broken("run", "demo", "--seed", "7", "--out", str(tmp_path))
    assert (tmp_path / "traceback.txt").exists()
    tieout.run("demo", 7, out=tmp_path)
    assert not (tmp_path / "traceback.txt").exists()
