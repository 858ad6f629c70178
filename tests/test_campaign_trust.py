"""What a campaign must not say: a green that it did not earn, and nothing where something was."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from tests import planted_seeds as planted
from tests.test_cli import SMALL
from tieout.campaigns import cli
from tieout.campaigns.campaign import PAGE, WHOLE, Campaign, campaign, merge
from tieout.campaigns.ledger import FAILURES, read
from tieout.campaigns.seed import Begun, Done, Events, Run, SeedResult, Task, here
from tieout.campaigns.workers import workers
from tieout.cli import main
from tieout.failures.shrink import NothingFails
from tieout.reports.console import show_campaign

NAME = "lost_frame"


def ran(seeds: int, **named: Any) -> Campaign:
    return campaign(NAME, range(seeds), **{"run": planted.sound, **named})


# --- what has to be seen -------------------------------------------------------------------------


def test_what_a_scenario_lists_has_to_strike_as_what_it_draws() -> None:
    seed = SeedResult(NAME, 0, held=True, faults={"lost_frame": 6})
    assert Campaign([seed], 1.0, at_least=6).held
    assert Campaign([seed], 1.0, at_least=7).unfired() == {f"{NAME}: lost_frame": 6}


def test_a_file_is_asked_for_no_less_than_the_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL.replace("strategies:", "storm: {kinds: [lost_frame]}\nstrategies:", 1))
    done = Campaign([SeedResult(str(path), 0, held=True)], 1.0, at_least=1)
    assert done.unfired() == {f"{path}: lost_frame": 0}
    assert not done.held


# --- two runs of a seed --------------------------------------------------------------------------


def judged_otherwise(task: Task) -> SeedResult:
    """The same journal, and the second time a claim about the world does not hold."""
    result = planted.sound(task)
    if task.again:
        result.failed = ["nothing is silent: silent_differences = 1"]
    return result


def test_a_seed_that_is_judged_in_two_ways_is_a_finding() -> None:
    """A digest is of what core did: the world and the oracle must give the same again, too."""
    (failure,) = [each for each in ran(20, run=judged_otherwise).failures if each.seed == 19]
    assert failure.failed[0].startswith("two runs, one digest, and other failed: []")


def test_what_differs_between_two_runs_takes_no_campaign_along(tmp_path: Path) -> None:
    """Run again to be explained it holds: that is said, and all of the campaign is written."""
    told: list[str] = []

    def it_holds(*words: object) -> Path:
        raise NothingFails("plan: every claim: it holds")

    named: dict[str, Any] = {"run": planted.of_a_clock, "keep": it_holds, "told": told.append}
    done = campaign(NAME, [19], out=tmp_path, **named)
    assert [each.seed for each in done.failures] == [19]
    (failure,) = json.loads((tmp_path / WHOLE).read_text())["failed"]
    assert "two runs, two digests" in failure["failed"][-1]
    assert told == [
        f"{NAME} seed 19: runs again, to be explained (1 of 1)",
        f"{NAME} seed 19: not explained: NothingFails: plan: every claim: it holds",
    ]


@pytest.mark.parametrize(
    ("dropped", "said"),
    [
        (Task(NAME, 3, short=False), f"{NAME} seed 3"),
        (Task(NAME, 19, short=False, again=True), f"{NAME} seed 19 a second time"),
    ],
)
def test_what_nobody_ran_is_no_campaign_that_held(
    dropped: Task, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine that loses a seed: it is named, the ledger has not ended, and --resume runs it."""

    def drops(tasks: Sequence[Task], run: Run) -> Events:
        yield from here([task for task in tasks if task != dropped], run)

    def well(task: Task) -> SeedResult:
        return SeedResult(*task.key, held=True)

    named: dict[str, Any] = {"run": well, "out": tmp_path}
    done = ran(20, engine=drops, **named)
    assert (done.held, done.missing, read(tmp_path)[1].ended) == (False, [said], False)
    show_campaign(done)
    assert f"nothing stopped it, of {said}\n" in capsys.readouterr().out
    assert f"nothing stopped it, of {said}<" in (tmp_path / PAGE).read_text()
    more = ran(20, resume=True, **named)
    assert (more.held, more.missing, read(tmp_path)[1].ended) == (True, [], True)


class Killed(BaseException):
    """What ends a process in the midst of a report."""


def test_what_ends_a_report_leaves_the_campaign(tmp_path: Path) -> None:
    def keep(*words: object) -> Path:
        raise Killed

    with pytest.raises(Killed):
        ran(10, out=tmp_path, keep=keep)
    assert json.loads((tmp_path / WHOLE).read_text())["failed"][0]["seed"] == 6
    assert (tmp_path / PAGE).exists()


def test_reports_of_an_earlier_campaign_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    old = tmp_path / FAILURES / f"{NAME}-6"
    old.mkdir(parents=True)
    for name in ("report.html", "failure.json", "plan.json"):
        (old / name).write_text("of last week")
    ran(10, out=tmp_path)
    assert [each.name for each in old.iterdir()] == ["plan.json"]
    assert f'href="failures/{NAME}-6' not in (tmp_path / PAGE).read_text()


# --- seeds that hang -----------------------------------------------------------------------------


def cut_short(monkeypatch: pytest.MonkeyPatch, others_take: float) -> Campaign:
    """Seed 5 begins and does not end; the others take so long each, until 600 seconds are over."""
    now = [0.0]

    def engine(tasks: Sequence[Task], run: Run) -> Events:
        yield Begun(next(task for task in tasks if task.seed == planted.BAD))
        for task in (task for task in tasks if task.seed != planted.BAD):
            yield Begun(task)
            now[0] += others_take
            yield Done(task, run(task))

    monkeypatch.setattr("tieout.campaigns.campaign.time", SimpleNamespace(monotonic=lambda: now[0]))
    return ran(3000, engine=engine, seconds_max=600.0)


def test_a_seed_that_hangs_as_the_budget_ends_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut short each night it would never be told."""
    done = cut_short(monkeypatch, others_take=10.0)
    assert done.stopped == "its budget of 10 minutes is spent"
    (hung,) = [each for each in done.failures if each.lost]
    assert hung.seed == planted.BAD
    assert hung.error == "had run for 600 s as the campaign ended, others 10 at most"


def test_what_was_only_at_work_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run again by --resume."""
    done = cut_short(monkeypatch, others_take=40.0)
    assert done.stopped.endswith(
        f"; was running, and longer than any that ended: {NAME} seed 5 for 600 s"
    )
    assert not [each for each in done.failures if each.lost]


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ([], 1200.0),
        (["--budget-minutes", "5"], 300.0),
        (["--budget-minutes", "0.1"], 60.0),
        (["--budget-minutes", "500"], 1200.0),
        (["--budget-minutes", "5", "--seed-timeout", "7"], 7.0),
    ],
)
def test_no_seed_may_take_longer_than_the_budget(
    words: list[str], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def noting(jobs: int, seed_seconds_max: float) -> Any:
        asked.append(seed_seconds_max)
        return workers(jobs, seed_seconds_max)

    monkeypatch.setattr("tieout.campaigns.workers.workers", noting)
    monkeypatch.setattr(
        "tieout.campaigns.campaign.campaign", lambda *words, **named: Campaign([], 0.0)
    )
    said = CliRunner().invoke(main, ["campaign", NAME, "--seeds", "0:2", "--json", *words])
    assert said.exit_code == 0, said.output
    assert asked == [seconds]


@pytest.mark.parametrize("what", ["--seed-timeout", "--budget-minutes"])
@pytest.mark.parametrize("amount", ["nan", "inf", "0", "soon"])
def test_what_is_no_amount_is_refused(what: str, amount: str) -> None:
    """A limit that is none would have a seed that hangs run for ever."""
    said = CliRunner().invoke(main, ["campaign", NAME, "--seeds", "0:2", what, amount])
    assert (said.exit_code, what in said.stderr) == (2, True)


# --- a scenario that is edited meanwhile ---------------------------------------------------------


def edited_at(path: Path, seed: int) -> Any:
    def run(task: Task) -> SeedResult:
        if task.seed == seed:
            path.write_text(path.read_text() + "# another\n")
        return replace(planted.sound(task), held=True, failed=[])

    return run


def test_a_scenario_that_was_edited_while_it_ran_holds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some seeds were of one world and some of another: it is in ledger, page and merged whole."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    shards = [tmp_path / "1", tmp_path / "2"]
    named: dict[str, Any] = {"shard": (1, 2), "run": edited_at(path, 2)}
    done = campaign(str(path), range(6), out=shards[0], **named)
    assert not done.held
    assert done.changed.startswith("content of its scenario")
    assert read(shards[0])[1].changed == done.changed
    assert "edited while it ran" in (shards[0] / PAGE).read_text()
    show_campaign(done)
    assert "edited while it ran" in capsys.readouterr().out
    path.write_text(SMALL)
    campaign(str(path), range(6), out=shards[1], shard=(2, 2), run=edited_at(path, 99))
    assert not merge(shards, tmp_path / "whole").held
    shutil.rmtree(shards[0])
    campaign(str(path), range(6), out=shards[0], shard=(1, 2), run=edited_at(path, 99))
    assert merge(shards, tmp_path / "whole").held


def test_a_scenario_that_is_gone_is_a_finding_too(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)

    def run(task: Task) -> SeedResult:
        path.unlink(missing_ok=True)
        return replace(planted.sound(task), held=True, failed=[])

    done = campaign(str(path), range(3), out=tmp_path / "out", run=run)
    assert not done.held
    assert json.loads((tmp_path / "out" / WHOLE).read_text())["changed"]


# --- on its way ----------------------------------------------------------------------------------


def test_without_a_screen_it_says_now_and_then_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "LINE_SECONDS", 0.05)
    with cli.progress("storm", shown=True) as tell:
        for done in range(1, 5):
            time.sleep(0.03)
            tell(done, 4, 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"tieout: storm: {n} of 4 runs, 1 failed, about 0 min to go" for n in (2, 4)]
