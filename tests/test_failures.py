"""The report of a failure says what failed, when, what explains it, and what to type next."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from scenarios.model import find
from sim.faults import ENGINE
from sim.world import EPOCH_NS
from tests.failing import BREAKING_BUST, SHORT_MEMORY, SILENT_BUST, less_each_strike, world
from tests.planting import plant
from tieout.cli import main
from tieout.failures import evidence
from tieout.failures.evidence import inputs, since, strikes, truth_and_books
from tieout.failures.failure import _short, claim_of, failed_plan, keep, keep_plan
from tieout.failures.plans import BadPlan, drawn, load_plan, materialised_plan, replay
from tieout.failures.regression import regression, text_of
from tieout.failures.rerun import Moment, rerun
from tieout.failures.shrink import NothingFails
from tieout.runs import STANDARD, run

ROOT = Path(__file__).parent.parent
CLAIMS = {spec.figure: spec.claim for spec in STANDARD}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a core's failure that notes busts and does not post them."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, *SILENT_BUST)
        folder = tmp_path_factory.mktemp("failures") / "small-0"
        return keep(world(), 0, False, folder)  # as campaigns say it


@pytest.fixture(scope="module")
def told(kept: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((kept / "failure.json").read_text())
    return report


def test_the_folder_has_the_run_and_its_report(kept: Path) -> None:
    there = {path.name for path in kept.iterdir()}
    assert "needs 1 of 5 families of faults: bust" in (kept / "failure.txt").read_text()
    assert {"plan.json", "failure.json", "journal.db", "summary.json", "report.html"} <= there
    assert "<svg" in (kept / "report.html").read_text(), "the run's own report, with its timeline"


def test_it_says_what_failed_and_since_when(told: dict[str, Any], kept: Path) -> None:
    """The first claim that failed and the moment of it: no earlier than the first bust."""
    summary = json.loads((kept / "summary.json").read_text())
    failed = [each["claim"] for each in summary["claims"] if not each["held"]]
    assert [told["claim"], *told["others"]] == failed
    assert told["moment"]["at_s"] >= told["strikes"][0]["at_s"] > 0


def test_truth_stands_against_books(told: dict[str, Any]) -> None:
    assert told["truth_and_books"]
    for row in told["truth_and_books"]:
        assert "binance_spot/main/" in row["what"]
        assert row["truth"] != row["books"]


def test_what_explains_it_is_there(told: dict[str, Any]) -> None:
    """The postings of what differs, each with its frame; and the faults that struck there."""
    assert any(row["frame"] and row["raw"] for row in told["inputs"])
    for one, other in pairwise(told["inputs"]):
        assert Decimal(other["total"]) == Decimal(one["total"]) + Decimal(other["amount"])
    assert "bust" in {strike["kind"] for strike in told["strikes"]}
    assert all(strike["at_s"] <= told["moment"]["at_s"] for strike in told["strikes"])


def test_it_says_which_faults_it_needs_and_what_differs_without(told: dict[str, Any]) -> None:
    """The first record that a run without the last of them has otherwise."""
    assert (told["families"], told["families_in_all"], told["searched"]) == (["bust"], 5, True)
    difference = told["first_difference"]
    assert difference["without"] == "bust"
    assert difference["failing"]["record"] == difference["passing"]["record"]
    assert difference["failing"] != difference["passing"]
    busts = [strike["at_s"] for strike in told["strikes"] if strike["kind"] == "bust"]
    assert difference["failing"]["at_s"] > min(busts) - 3, (
        "nothing differs before the first of them"
    )


def test_what_two_records_say_alike_does_not_hide_where_they_differ() -> None:
    """A report shows the beginning of what it is told: long records differ far behind it."""

    def made(told: str) -> Any:
        record = SimpleNamespace(
            number=1, kind="frame", name="x", at=EPOCH_NS, body=f"{'a' * 900}{told}".encode()
        )
        return SimpleNamespace(store=SimpleNamespace(committed=[record]))

    told = evidence.first_difference(made("first"), made("second"))
    assert told is not None
    assert told["failing"]["told"] == f"...{'a' * evidence.WORDS_BEFORE}first"
    assert told["passing"]["told"] == f"...{'a' * evidence.WORDS_BEFORE}second"


def test_what_no_screen_shows_is_shown() -> None:
    """Fields of FIX stand apart, and a line stays a line."""
    assert _short("8=FIX.4.4\x019=255\x0135=8\x01") == "8=FIX.4.4|9=255|35=8|"
    assert _short("a\nb\x1b[31mc é") == "a\\nb\\x1b[31mc é"
    assert len(_short("\x1b" * 200)) == 160


def test_a_name_that_no_scenario_can_have_is_said_to_be_one(kept: Path, tmp_path: Path) -> None:
    done = tieout("keep", str(kept), "../../x y", "--into", str(tmp_path))
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "Invalid value for 'NAME': found '../../x y'; small letters, digits" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lost_frame", "a scenario of the catalogue; another, as lost_frame_kept, would do"),
        ("all", "which campaigns call the catalogue; another, as all_kept, would do"),
        ("canary", "which campaigns prove themselves by; another, as canary_kept, would do"),
    ],
)
def test_a_name_that_means_something_already_is_no_new_one(
    name: str, said: str, kept: Path, tmp_path: Path
) -> None:
    words = ["keep", str(kept), name, "--into", str(tmp_path)]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert f"Invalid value for 'NAME': found {name!r}, {said}" in done.stderr


def test_one_command_replays_it(kept: Path, told: dict[str, Any]) -> None:
    """As it stands: here without the bug, so that nothing fails. Nothing beside may contradict."""
    assert told["commands"]["replay"] == f"tieout run {kept / 'plan.json'}"
    done = tieout(*told["commands"]["replay"].split()[1:], "--json")
    assert (done.returncode, json.loads(done.stdout)["seed"]) == (0, 0)
    for words, said in (
        (("--seed", "1"), "seed: found 0, and the run's is 1"),
        (("--short",), "short: it is of the whole"),
        (("--plan", "x.json"), "it is a plan, and so is x.json"),
    ):
        done = tieout("run", str(kept / "plan.json"), *words)
        assert done.returncode == 2
        assert said in done.stderr


def test_it_is_kept_as_a_scenario_that_fails_until_it_is_mended(
    kept: Path, told: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tieout keep` writes a file as the catalogue has them; it runs to the plan's own digest."""
    words = told["commands"]["keep"].replace("NAME", "busts_are_posted").split()[1:]
    done = tieout(*words, "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr
    path = tmp_path / "busts_are_posted.yaml"
    again = tieout(*words, "--into", str(tmp_path))
    assert (again.returncode, "found a file; NAME of a new one" in again.stderr) == (2, True)
    scenario = find(str(path))
    assert scenario.claim.startswith(told["claim"])
    assert run(scenario, sampled=False).held
    plant(monkeypatch, *SILENT_BUST)
    outcome = run(scenario, sampled=False)
    assert told["claim"] in [claim.claim for claim in outcome.claims if not claim.held]
    plan = load_plan(kept / "plan.json")
    assert outcome.summary["digest"] == replay(plan, sampled=False).summary["digest"]


@pytest.mark.parametrize(
    ("name", "seed"), [("storm_risk", 7), ("storm_venues", 2), ("storm_rails", 7)]
)
def test_a_plan_and_its_scenario_are_one_run(name: str, seed: int, tmp_path: Path) -> None:
    """Strike for strike, through the file, of the short form too: here one strike is left out."""
    drawn = materialised_plan(run(name, seed, short=True, sampled=False))
    plan = less_each_strike(drawn)[0]
    (tmp_path / "it.yaml").write_text(text_of(regression(plan, "it", "it holds")))
    again = run(str(tmp_path / "it.yaml"), sampled=False)
    assert again.summary["digest"] == replay(plan, sampled=False).summary["digest"]
    assert again.seed == seed
    if name == "storm_risk":
        assert ENGINE in {fault.where for fault in again.plan}


def test_what_was_booked_twice_explains_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim about sums has its cause in one posting of many: one fact's is shown each time, with
    its frame, whatever struck at the account; and a text says all of it in words."""
    plant(monkeypatch, *SHORT_MEMORY)
    made = rerun(drawn(world(), 0, short=False), sampled=True)
    money = next(each for each in made.failed.values() if "differences.money" in each.figure)
    rows = truth_and_books(made, money)
    assert {each["of"] for each in rows} == {"money"}
    held = next(each for each in made.failed.values() if "differences.positions" in each.figure)
    assert {each["of"] for each in truth_and_books(made, held)} == {"positions"}
    assert not any("E-" in each["truth"] + each["books"] for each in rows), "no exponents"
    told = inputs(made, rows, None)
    assert len(told) > 1
    assert {each["told"] for each in told} == {told[0]["told"]}, "one fact"
    assert {each["figure"] for each in told} <= {each["what"] for each in rows}
    assert all(each["frame"] and each["booked"] == f"{len(told)} times" for each in told)
    moment = since(made, money, rows)
    assert moment == Moment(told[1]["at_s"], told[1]["record"]), "when it was booked once more"
    struck = strikes(made, rows, moment)
    assert {each["where"].split("/")[0] for each in struck} <= {"binance_spot", "okx_swap", "node"}
    assert struck


def test_an_order_that_differs_is_told_by_its_journal() -> None:
    made = rerun(drawn(world(), 0, short=False))
    assert made.outcome is not None
    name = next(each.client_order_id for each in made.outcome.state.orders.values())
    told = inputs(made, [{"what": f"order {name}"}], None)
    assert {"effect PlaceOrder", "event OrderAcknowledged"} & {each["name"] for each in told}
    assert all(name in each["told"] for each in told)


def test_what_a_run_raises_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was delivered last, its traceback, and a page to look at."""
    plant(monkeypatch, *BREAKING_BUST)
    report = keep_plan(drawn(world(), 0, short=False), tmp_path / "it")
    assert report.claim == "no run raises KeyError in core/step.py:_try"
    assert report.families == ["bust"]
    assert report.moment is not None
    assert report.inputs[-1]["record"] == report.moment["record"]
    assert "FillBusted" in report.inputs[-1]["name"]
    assert (tmp_path / "it" / "traceback.txt").exists()
    assert "no run raises KeyError" in (tmp_path / "it" / "report.html").read_text()
    assert rerun(failed_plan(tmp_path / "it")).failed.keys() == {report.claim}


def test_what_holds_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(NothingFails, match="it holds"):
        keep(world(), 0, False, tmp_path / "it")  # as campaigns say it
    with pytest.raises(BadPlan, match=r"plan\.json: found nothing"):
        failed_plan(tmp_path)


# --- from the shell ------------------------------------------------------------------------------


def tieout(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tieout", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_what_was_shrunk_by_a_claim_is_explained_by_it(tmp_path: Path) -> None:
    """Though another stands before it and fails, too; and it is kept by that claim."""
    none = {"figure": "faults.lost_frame", "equals": 0}
    claims = [{"claim": "one", **none}, {"claim": "other", **none}]
    plan = drawn(world(duration_s=8, claims=claims), 0, short=False)
    (tmp_path / "plan.json").write_text(plan.text())
    words = ["shrink", str(tmp_path), "--json", "--claim"]
    done = CliRunner().invoke(main, [*words, "another"])
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [tmp_path / "plan.json"])
    done = CliRunner().invoke(main, [*words, "other"])
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)["failure"]
    assert (report["claim"], report["others"]) == ("other", ["one"])
    small = tmp_path / "shrunk"
    assert claim_of(small, failed_plan(small)) == "other (once not so in small, seed 0)"


def test_shrink_says_what_went_and_how_to_see_it(tmp_path: Path) -> None:
    """A claim that no frame is lost fails for lost frames alone; progress is no result."""
    scenario = world(
        name="frames",
        duration_s=8,
        claims=[{"claim": "no frame is lost", "figure": "faults.lost_frame", "equals": 0}],
    )
    plan = drawn(scenario, 0, short=False)
    (tmp_path / "plan.json").write_text(plan.text())
    done = tieout("shrink", str(tmp_path / "plan.json"), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["claim"] == "no frame is lost"
    assert told["families"]["after"] == ["lost_frame"]
    assert told["figure"]["after"] == "faults.lost_frame = 1"
    assert "families: 4 -> 1" in done.stderr
    folder = tmp_path / "shrunk"
    done = tieout(*told["failure"]["commands"]["replay"].split()[1:], "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["faults"] == {"lost_frame": 1}
    done = tieout("shrink", str(folder), "--out", str(tmp_path / "again"))
    assert done.returncode == 0
    assert "1 family of faults -> 1" in done.stdout
    assert f"tieout run {tmp_path / 'again' / 'plan.json'}" in done.stdout
    done = tieout("shrink", str(tmp_path / "nowhere"))
    assert done.returncode == 2
