"""What a campaign says of itself: that it reports, what was seen together, why it ended early."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scenarios.draw import kinds_drawn
from scenarios.model import find
from tests import planted_seeds as planted
from tests.planting import plant
from tests.test_cli import SMALL
from tieout.campaigns import canary, cover
from tieout.campaigns.campaign import PAGE, WHOLE, Campaign, campaign
from tieout.campaigns.ledger import FAILURES
from tieout.campaigns.page import next_of
from tieout.campaigns.seed import SeedResult, Task, lost
from tieout.cli import main
from tieout.reports.console import show_campaign

NAME = "lost_frame"


def ran(seeds: int, **named: Any) -> Campaign:
    return campaign(NAME, range(seeds), **{"run": planted.sound, **named})


# --- the canary ----------------------------------------------------------------------------------


def test_the_canary_fails_at_every_hundredth_seed(capsys: pytest.CaptureFixture[str]) -> None:
    """Anyone can see it: alone it is a campaign like others, by real runs of a real world."""
    done = campaign(canary.NAME, range(98, 103))
    found = {each.seed: each.error or each.failed for each in done.failures}
    assert list(found) == [100], found
    assert done.failures[0].failed[0].startswith(f"{canary.SONG}: events = ")
    assert done.failures[0].command == "tieout campaign canary --seeds 100:101"
    said = CliRunner().invoke(main, done.failures[0].command.split()[1:])
    assert said.exit_code == 1
    assert canary.SONG in said.output


def test_a_hundred_runs_have_a_canary_beside_them(tmp_path: Path) -> None:
    """Through the same workers and the same ledger; it is none of the campaign's own runs."""
    done = ran(100, jobs=2, out=tmp_path)
    assert done.canary_due
    assert not done.canary_missed()
    assert [(each.seed, each.held) for each in done.canaries] == [(100, False), (101, True)]
    assert len(done.results) == 100
    assert canary.NAME not in {each.scenario for each in done.failures}
    told = json.loads((tmp_path / WHOLE).read_text())
    assert told["canary"] == {"due": True, "missed": "", "heard": True}
    assert "fails on purpose, and was reported" in (tmp_path / PAGE).read_text()
    assert told["runs"] == 100


def test_fewer_have_none() -> None:
    done = ran(99)
    assert (done.canary_due, done.canaries) == (False, [])


@pytest.mark.parametrize(
    ("function", "old", "new", "said"),
    [
        ("seed:run_seed", "held=outcome.held", "held=True", "100 has to fail"),
        ("seed:run_seed", "if not claim.held]", "if claim.held]", "100 has to fail"),
        ("seed:run_seed", "held=outcome.held", "held=False", "101 has to hold"),
        ("seed:tasks_of", "for key in beside", "for key in ()", "100 did not run"),
        (
            "ledger:Account.take",
            'SeedResult(**entry["finished"])',
            'SeedResult(**{**entry["finished"], "held": True})',
            "100 has to fail",
        ),
        ("ledger:Account.result", "return first", "first.held = True; return first", "100 has to"),
        ("campaign:_failures", "if not result.held", "if result.error", "100 has to fail"),
    ],
)
def test_a_campaign_that_does_not_report_what_it_sees_is_red(
    function: str,
    old: str,
    new: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Wherever between a run and the reader a failure is lost, or made up."""

    def well(task: Task) -> SeedResult:
        result = planted.sound(task)
        return result if task.scenario == canary.NAME else planted.SeedResult(*task.key, held=True)

    assert campaign(NAME, range(100), run=well, out=tmp_path / "well").held
    plant(monkeypatch, f"tieout.campaigns.{function}", old, new)
    done = campaign(NAME, range(100), run=well, out=tmp_path / "broken")
    assert not done.held
    assert said in done.canary_missed()
    show_campaign(done)
    assert "this campaign does not report what it sees: canary seed" in capsys.readouterr().out
    assert said in (tmp_path / "broken" / PAGE).read_text()


# --- the end before the end ----------------------------------------------------------------------


def test_it_ends_after_so_many_failures_and_goes_on(tmp_path: Path) -> None:
    """Seeds 6, 13, 20, ... fail; nothing is lost by it."""
    done = ran(40, out=tmp_path, stop_after=2)
    assert [each.seed for each in done.failures] == [6, 13]
    assert (len(done.results), done.asked) == (14, 40)
    assert done.stopped == "stopped after 2 failures"
    assert json.loads((tmp_path / WHOLE).read_text())["stopped"] == done.stopped
    more = ran(40, out=tmp_path, stop_after=2, resume=True)
    assert [each.seed for each in more.failures] == [6, 13, 20, 27]
    assert ran(40, out=tmp_path, resume=True).digest() == ran(40).digest()


def test_the_last_seed_ends_it_by_itself() -> None:
    done = ran(35, stop_after=5)
    assert (len(done.failures), done.stopped) == (5, "")


def test_it_ends_when_its_minutes_are_over(tmp_path: Path) -> None:
    """What ran by then held: that it was not all is said, and is no failure."""
    (tmp_path / "small.yaml").write_text(SMALL)
    words = ["campaign", str(tmp_path / "small.yaml"), "--seeds", "0:99", "--jobs", "1"]
    out = ["--out", str(tmp_path / "out")]
    said = CliRunner().invoke(main, [*words, *out, "--budget-minutes", "0.02", "--json"])
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert 0 < told["runs"] < told["asked"] == 99
    assert told["stopped"] == "its budget of 0.02 minutes is spent"
    assert re.search(r"ended early, \d+ of 99 runs: its budget .*; --resume goes on", said.stderr)


def test_where_it_ended_before_anything_ran_nothing_held() -> None:
    """The canaries come first: what ended before the second of them has missed none, yet."""
    done = ran(100, seconds_max=0.0)
    assert (len(done.results), len(done.canaries), done.canary_missed()) == (0, 1, "")
    assert not done.held
    assert ran(0).held


def test_what_did_not_all_run_says_so_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in the terminal nor on its page does it look like what ran whole."""
    done = ran(40, out=tmp_path, stop_after=2)
    done.results = [each for each in done.results if each.held]
    assert done.held
    done.save(tmp_path)
    page = (tmp_path / PAGE).read_text()
    assert '<div class="verdict part"><b>Not all ran.</b>' in page
    assert "12 of 40 runs were made, 28 were not." in page
    show_campaign(done)
    out = capsys.readouterr().out
    assert out.startswith("12 of 40 runs held every claim, 28 were not made;")
    assert "Run twice, and compared: 1 seed\n" in out


def test_a_part_without_a_seed_says_that_nothing_was_asked_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = ran(2, out=tmp_path, shard=(3, 3))
    assert done.held
    show_campaign(done)
    assert capsys.readouterr().out.startswith("Nothing was asked of it: ")
    assert '<div class="verdict part"><b>Nothing ran.</b>' in (tmp_path / PAGE).read_text()


def test_so_many_have_to_run_whatever_its_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named: dict[str, Any] = {"run": _all_well, "seconds_max": 0.0}
    assert ran(9, runs_min=1, **named).held
    done = ran(9, runs_min=2, out=tmp_path, **named)
    assert not done.held
    show_campaign(done)
    assert "1 of at least 2 runs were made" in capsys.readouterr().out
    assert "1 of at least 2 runs were made" in (tmp_path / PAGE).read_text()
    assert "no run was made a second time, and compared" in (tmp_path / PAGE).read_text()
    words = ["campaign", NAME, "--seeds", "0:1", "--short", "--runs-at-least"]
    assert [CliRunner().invoke(main, [*words, n]).exit_code for n in ("1", "2")] == [0, 1]


def test_the_canary_is_no_failure_to_stop_after() -> None:
    assert len(ran(101, run=_all_well, stop_after=1).results) == 101


def _all_well(task: Task) -> SeedResult:
    result = planted.sound(task)
    return result if task.scenario == canary.NAME else SeedResult(*task.key, held=True)


# --- failures that are kept ----------------------------------------------------------------------


def test_the_first_failures_are_kept_and_none_that_took_its_worker_along(tmp_path: Path) -> None:
    """In the order of the seeds, each in a folder of its own; the page leads to their reports."""
    kept: list[tuple[str, int, bool, Path]] = []

    def keep(name: str, seed: int, short: bool, folder: Path) -> Path:  # noqa: FBT001
        kept.append((name, seed, short, folder))
        folder.mkdir(parents=True)
        (folder / "report.html").write_text("why")
        return folder

    named: dict[str, Any] = {"run": planted.exits, "jobs": 2, "short": True}
    ran(40, out=tmp_path, keep=keep, failures=2, **named)
    place = tmp_path / FAILURES
    assert kept == [
        (NAME, 6, True, place / f"{NAME}-6"),
        (NAME, 13, True, place / f"{NAME}-13"),
    ]
    page = (tmp_path / PAGE).read_text()
    assert f'href="failures/{NAME}-6/report.html"' in page
    assert f'href="failures/{NAME}-20' not in page
    assert f"--seed 20 --short --out {place / f'{NAME}-20'}" in page
    assert f"tieout shrink {place / f'{NAME}-20'}" in page


def test_nor_one_whose_second_run_took_its_worker_along(tmp_path: Path) -> None:
    """Here it would hang us, or end us."""
    kept: list[str] = []
    named: dict[str, Any] = {"run": planted.exits_the_second_time, "keep": kept.append, "jobs": 2}
    done = campaign(NAME, [19], out=tmp_path, **named)
    (failure,) = done.failures
    assert failure.failed[-1].endswith("then worker died: exit status 7")
    assert (failure.lost, kept) == (True, [])


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        ({}, ["first replay", "then shrink", "or keep"]),
        ({"failed": ["it holds: x = 1"]}, ["first replay", "then shrink", "or keep"]),
        ({"error": "KeyError: 1"}, ["first replay", "then shrink, if it left a plan", "or keep"]),
        ({"error": "worker died: exit status 7", "lost": True}, ["replay"]),
        ({"failed": ["two runs, two digests: a, then b"]}, ["replay"]),
        ({"failed": ["it holds: x = 1", "two runs, and so on"], "lost": True}, ["replay"]),
    ],
)
def test_what_to_type_of_a_failure_without_a_report(
    failed: dict[str, Any], said: list[str], tmp_path: Path
) -> None:
    """None is made small that no run shows again, and none runs here that may end us."""
    command = f"tieout run {NAME} --seed 6"
    result = SeedResult(NAME, 6, held=False, command=command, **failed)
    place = tmp_path / FAILURES / f"{NAME}-6"
    typed = next_of(result, tmp_path)
    assert list(typed) == said
    assert next(iter(typed.values())) == (command if len(said) == 1 else f"{command} --out {place}")


def test_of_what_could_not_be_explained_it_says_why_and_how_it_runs_alone(tmp_path: Path) -> None:
    """As what raises before there is a world: nothing of it can be made small or kept."""

    def keep(*words: object) -> Path:
        raise KeyError("planted")

    (failure,) = ran(7, out=tmp_path, keep=keep).failures
    place = tmp_path / FAILURES / f"{NAME}-6"
    why = str(place / "failure.txt")
    assert next_of(failure, tmp_path) == {"why": why, "replay": failure.command}
    assert Path(why).read_text() == f"{NAME} seed 6: not explained: KeyError: 'planted'\n"
    page = (tmp_path / PAGE).read_text()
    assert f'{NAME} seed 6 · <a href="failures/{NAME}-6/failure.txt">why</a>' in page
    assert "tieout shrink" not in page


# --- what was seen -------------------------------------------------------------------------------


def seen(scenario: str, seed: int, *kinds: str) -> SeedResult:
    return SeedResult(scenario, seed, held=True, faults=dict.fromkeys(kinds, 2))


def test_a_pair_is_seen_where_both_struck_in_one_run() -> None:
    """Of pairs that a scenario's plan may have; first those whose kinds are seen, but apart."""
    drawn = kinds_drawn(find("storm_rails"))
    assert {"reorg", "payment_returned", "deposit"} <= set(drawn)
    apart = [seen("storm_rails", 0, "reorg"), seen("storm_rails", 1, "deposit")]
    pairs = Campaign([*apart, seen("storm_rails", 2, "payment_returned", "deposit")], 1.0).pairs()
    assert len(pairs.runs) == len(drawn) * (len(drawn) - 1) // 2
    assert pairs.seen == 1
    assert pairs.runs["deposit", "payment_returned"] == 1
    assert pairs.runs["deposit", "reorg"] == 0
    assert pairs.never()[0] == ("deposit", "reorg")
    told = pairs.summary()
    assert told["never"][0] == "deposit with reorg"
    assert len(told["never"]) == cover.NEVER_SHOWN
    assert told["never_besides"] == len(pairs.runs) - 1 - cover.NEVER_SHOWN


def test_a_fault_that_did_not_strike_is_in_no_pair() -> None:
    result = SeedResult("storm_rails", 0, held=True, faults={"reorg": 0, "deposit": 1})
    assert Campaign([result], 1.0).pairs().seen == 0


def test_kinds_of_two_scenarios_do_not_come_together() -> None:
    both = [seen("storm_rails", 0, "reorg"), seen("storm_venues", 0, "adl")]
    assert ("adl", "reorg") not in Campaign(both, 1.0).pairs().runs


def test_transitions_are_summed_and_what_was_never_taken_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {"order/new>working": "", "order/working>filled": "", "leg/a>b": "no rail does"}
    monkeypatch.setattr("tieout.campaigns.cover.expected", lambda: expected)
    done = ran(7)
    told = done.summary()
    assert told["visited"] == {"order/working>filled": 7}
    assert told["unvisited"] == {"order/new>working": "", "leg/a>b": "no rail does"}
    show_campaign(done)
    out = capsys.readouterr().out
    assert "Transitions of core taken: 1 of 3" in out
    assert "  never taken: order/new>working\n" in out
    assert "  never taken: leg/a>b: no rail does\n" in out


def test_throughput_is_simulated_time_and_inputs() -> None:
    results = [
        SeedResult("x", n, held=True, cpu_seconds=2, simulated_seconds=90, inputs=500)
        for n in range(4)
    ]
    told = Campaign(results, 3.0).summary()
    assert told["simulated_per_wall_second"] == 120
    assert told["inputs_per_cpu_second"] == 250


# --- the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("campaign")
    campaign("storm_rails", range(30), out=folder, run=planted.sound)
    return (folder / PAGE).read_text()


def test_the_page_stands_alone(page: str) -> None:
    """No script, nothing that is loaded."""
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"<script|<link|src=|https?://|@import", page)


@pytest.mark.parametrize(
    "words",
    [
        "4 runs broke a claim",
        "tieout run storm_rails --seed 13",
        "nothing is lost: lost = 1",
        "<title>deposit with reorg: 10 runs</title>",
        "order/working&gt;filled",
    ],
)
def test_the_page_shows_what_failed_and_what_was_seen(words: str, page: str) -> None:
    assert words in page


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of failures of each kind."""

    def each_kind(task: Task) -> SeedResult:
        if task.seed == 1:
            raise KeyError("planted")
        if task.seed in (2, 3):
            return lost(task, "worker died: exit status 7")
        result = planted.of_a_clock(task) if task.seed == 19 else planted.sound(task)
        result.seconds = [0.2, 20.0]
        result.failed += ["another: x = 1"] if result.failed else []
        return result

    folder = tmp_path_factory.mktemp("mixed")
    campaign(NAME, range(20), out=folder, run=each_kind)
    return (folder / PAGE).read_text()


def test_it_says_of_the_failures_what_is_true_of_them(mixed: str) -> None:
    """Who died, hung or raised broke no claim."""
    kinds = "2 runs broke a claim, 1 raised, 2 did not end, 1 did not give the same twice"
    assert f" {kinds}. 20 of 20 runs were made." in mixed
    assert "<th>how it failed</th>" in mixed
    assert "<div>raised KeyError: &#x27;planted&#x27;</div>" in mixed
    assert "<div>did not end: worker died: exit status 7</div>" in mixed
    assert "<div>two runs, two digests: " in mixed


def test_each_reason_has_a_line(mixed: str) -> None:
    assert "<div>nothing is lost: lost = 1</div>\n<div>another: x = 1</div>" in mixed


def test_how_fast_it_was_is_said_the_right_way_round(page: str) -> None:
    """Simulated time in a second of ours."""
    assert re.search(r'"big">[\d,]+</span>\n<span>simulated seconds in a real one<', page)


def test_only_what_should_have_been_seen_is_marked(mixed: str, page: str) -> None:
    """A fault that never struck is; no difference that took so long to find is no loss."""
    faults = page[page.index("Faults that struck") : page.index("Faults together")]
    assert 'class="never"' in faults
    seconds = mixed[mixed.index("Seconds to find") :]
    assert re.search(r'below 1 s</span><i [^>]*></i><span class="n">0<', seconds)
    assert 'class="never"' not in seconds


def test_names_are_no_markup_in_it(tmp_path: Path) -> None:
    path = tmp_path / "<b>a.yaml"
    path.write_text(SMALL)
    campaign(str(path), range(7), out=tmp_path / "out", run=planted.sound)
    assert "<b>a" not in (tmp_path / "out" / PAGE).read_text()
