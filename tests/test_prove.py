"""What `make prove` records as held was run, all of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scenarios.model import names
from tests import slither
from tests.pythons import is_stale
from tieout import prove
from tieout.prove import Proof

TESTS = {
    "passes": "def test_one(): pass\n",
    "fails": "def test_one(): assert False\n",
    "skips": "import pytest\ndef test_one(): pass\ndef test_two(): pytest.skip('no disk here')\n",
}

ROOT = Path(__file__).parent.parent  # where prove is installed there are no tests


def record(kind: str, folder: Path, but_for: tuple[str, ...] = ()) -> dict[str, object]:
    file = folder / "test_it.py"
    file.write_text(TESTS[kind])
    proof = Proof(1, kind, prove.pytest(f"--rootdir={folder}", str(file)), but_for=but_for)
    return prove._run(proof, "abc")


@pytest.mark.parametrize(("kind", "status"), [("passes", "held"), ("fails", "failed")])
def test_a_line_holds_when_its_tests_do(kind: str, status: str, tmp_path: Path) -> None:
    assert record(kind, tmp_path)["status"] == status


def test_what_skipped_something_was_not_run_and_says_what(tmp_path: Path) -> None:
    result = record("skips", tmp_path)
    assert result["status"] == "not run"
    assert result["skipped"] == ["test_it::test_two: no disk here"]


def test_a_skip_for_a_reason_of_the_line_itself_is_none(tmp_path: Path) -> None:
    assert record("skips", tmp_path, ("no disk",))["status"] == "held"
    assert record("skips", tmp_path, ("no tape",))["status"] == "not run"


def test_what_a_line_needs_and_is_not_there_makes_it_not_run(tmp_path: Path) -> None:
    proof = Proof(1, "a claim", ("false",), needs=str(tmp_path / "nothing"))
    assert prove._run(proof, "abc")["status"] == "not run"


def test_a_line_writes_into_a_folder_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    proof = Proof(1, "a claim", ("echo", "--out", prove.OUT))
    assert prove._run(proof, "abc")["command"] == "echo --out DIR"
    assert Path(capfd.readouterr().err.split("--out ")[-1].strip()).is_absolute()


def test_a_campaign_stays_and_goes_on_and_its_record_says_how_rare_alarms_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove, "KEPT_AT", tmp_path)
    words = "campaign", "lost_frame", "--seeds", "1:5", "--short", "--out", prove.KEPT, "--resume"
    proof = Proof(1, "a claim", prove.tieout(*words))
    assert prove._run(proof, "abc")["status"] == "held"
    result = prove._run(proof, "abc")
    assert "resumed: 4 of 4 runs had ended" in capfd.readouterr().err
    told = result["campaign"]
    assert isinstance(told, dict)
    assert (told["runs"], told["held"], told["alarms_a_seed_below"]) == (4, 4, 0.75)


def test_a_campaign_with_a_failure_bounds_nothing() -> None:
    told = {"runs": 4, "held": 3, "twice": 1, "wall_seconds": 1.0, "code": "abc", "digest": "d"}
    assert prove._alarms(told)["alarms_a_seed_below"] is None


def test_an_environment_is_made_anew_when_its_lock_has_changed(tmp_path: Path) -> None:
    lock, stamp = tmp_path / "base.txt", tmp_path / ".base"
    lock.touch()
    assert is_stale(stamp, lock)
    stamp.touch()
    os.utime(lock, (1, 1))
    assert not is_stale(stamp, lock)
    os.utime(stamp, (0, 0))
    assert is_stale(stamp, lock)


def test_what_each_line_runs_is_there() -> None:
    """Files and scenarios by their names; no claim stands twice, for results are kept by it."""
    for proof in prove.PROVEN:
        files = [word for word in proof.command if word.startswith("tests/")]
        assert [each for each in files if not (ROOT / each).exists()] == [], proof.claim
        if proof.command[1:4] == ("-m", "tieout", "campaign"):
            name = proof.command[proof.command.index("campaign") + 1]
            assert name in ("all", *names()), proof.claim
    claims = [proof.claim for proof in prove.PROVEN]
    assert len(set(claims)) == len(claims)


def test_each_of_slithers_findings_has_its_answer() -> None:
    """The table of docs/slither.md as `python -m tests.slither` reads it, which runs Slither."""
    document = slither.ANSWERS.read_text()
    told = ["timestamp"] * 7 + ["uninitialized-local", "pragma"]
    assert slither.unanswered(told, document) == []
    assert slither.unanswered([*told, "reentrancy-eth"], document) == [
        "reentrancy-eth: found 1 times, answered 0"
    ]
    assert slither.unanswered(told[1:], document) == ["timestamp: found 6 times, answered 7"]
