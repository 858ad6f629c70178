"""Campaigns: the same results wherever a seed ran, on disk as they come, and an end when asked."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import permutations
from pathlib import Path
from shlex import split

import pytest
from click.testing import CliRunner

from core.refusals import RULES
from scenarios.model import find
from tests.test_cli import ROOT, SMALL
from tieout.campaigns.campaign import Campaign, SeedResult, campaign
from tieout.campaigns.page import next_of
from tieout.campaigns.seed import CANARY
from tieout.cli import main
from tieout.reports.console import show_campaign
from tieout.simulation import Simulation


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def test_a_seed_gives_the_same_wherever_it_ran(small: str, tmp_path: Path) -> None:
    """In this process or in workers, and in the order of the seeds, on disk too."""
    here = campaign(small, range(5))
    there = campaign(small, range(5), jobs=2, out=tmp_path / "out")
    assert [each.digest for each in here.results] == [each.digest for each in there.results]
    assert here.held
    assert sorted(finished(tmp_path / "out" / "seeds.jsonl")) == [0, 1, 2, 3, 4]
    assert json.loads((tmp_path / "out" / "campaign.json").read_text())["runs"] == 5


def test_a_campaign_explores_the_order_of_ties(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three things that a run does at one instant come in all six orders, from seed to seed."""
    orders: list[str] = []

    class Tied(Simulation):
        def run(self, progress: Callable[[float], None] = lambda share: None) -> None:
            order = list[str]()
            for letter in "abc":
                self.world.call_in(1_000_000, order.append, letter)
            super().run(progress)
            orders.append("".join(order))

    monkeypatch.setattr("tieout.runs.Simulation", Tied)
    Path(small).write_text(SMALL.replace("duration_s: 20", "duration_s: 1"))
    assert all(each.digest for each in campaign(small, range(60)).results)
    assert set(orders) == {"".join(order) for order in permutations("abc")}


def test_a_seed_is_on_disk_once_it_is_done(small: str, tmp_path: Path) -> None:
    """Whatever ends the campaign, be it a kill."""
    seen: list[int] = []

    def look(done: int, todo: int, failed: int) -> None:
        assert (done, todo, failed) == (len(seen) + 1, 4, 0)  # one of them runs twice
        seen.append(len(finished(tmp_path / "seeds.jsonl")))

    campaign(small, range(3), out=tmp_path, progress=look)
    assert seen == [1, 1, 2, 3]


def finished(ledger: Path) -> dict[int, dict[str, object]]:
    """What a ledger says of each seed that had ended."""
    lines = [line for line in ledger.read_text().splitlines(keepends=True) if line.endswith("\n")]
    results = [entry["finished"] for entry in map(json.loads, lines) if "finished" in entry]
    return {result["seed"]: result for result in results if result["scenario"] != CANARY}


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The program in a process group of its own, which hears ^C even where we ourselves do not.

    A shell's background jobs ignore SIGINT, and their children inherit that.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tieout", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(
    ("jobs", "by"), [("1", signal.SIGINT), ("2", signal.SIGINT), ("2", signal.SIGTERM)]
)
def test_asked_to_end_it_does_and_what_was_done_is_kept(
    jobs: str, by: signal.Signals, tmp_path: Path
) -> None:
    """The whole group hears it; nobody waits for the queue, no worker is left over, and none that
    the signal ended is a finding."""
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "campaign.json").write_text("an earlier one's")
    words = ["campaign", str(tmp_path / "small.yaml"), "--seeds", "0:20000", "--jobs", jobs]
    with started(*words, "--out", str(tmp_path / "out")) as process:
        seeds = tmp_path / "out" / "seeds.jsonl"
        deadline = (
            time.monotonic() + 150
        )  # two seconds do, on a machine that has nothing else to do
        time.sleep(2)
        while not (seeds.exists() and finished(seeds)) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, by)
        try:
            # stderr ends when the last process that holds it has ended: the workers, too.
            _, told = process.communicate(timeout=30)  # all seeds take longer
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 130
    kept = f"what had ended by then is in {seeds}; --resume goes on from there"
    assert told == f"tieout: interrupted; {kept}\n"
    results = finished(seeds)
    assert results
    assert all(result["held"] for result in results.values())
    assert not (tmp_path / "out" / "campaign.json").exists()


def test_an_interrupt_before_the_first_result_shows_no_traceback(tmp_path: Path) -> None:
    """While the workers still start: they never hear of it."""
    words = ["campaign", "storm_venues", "--seeds", "0:50", "--jobs", "2"]
    with started(*words) as process:
        while not Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text():
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (130, "tieout: interrupted; nothing was kept\n")


def test_a_failed_seed_comes_with_the_command_that_runs_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the path that was given, quoted, in the form that was run."""
    path = tmp_path / "my scenario.yaml"
    path.write_text(SMALL + "claims:\n  - {claim: impossible, figure: events, at_most: 1}\n")
    result = campaign(str(path), range(3, 4), short=True)
    assert not result.held
    show_campaign(result)
    command = f"tieout run '{path}' --seed 3 --short"
    assert result.failures[0].command == command
    place = f"failures/{path.stem}-3"
    assert [line.strip() for line in capsys.readouterr().out.splitlines()[-3:]] == [
        f"first replay: {command} --out '{place}'",
        f"then shrink: tieout shrink '{place}'",
        f"or keep: tieout keep '{place}' NAME",
    ]


def test_what_is_said_of_a_failure_without_a_report_works_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed one after the other: the replay writes what is made small and kept."""
    monkeypatch.chdir(tmp_path)
    claim = "claims:\n  - {claim: impossible, figure: events, at_most: 1}\n"
    Path("my small.yaml").write_text(SMALL + claim)
    (failure,) = campaign("my small.yaml", [3], out=Path("my out")).failures
    said = next_of(failure, Path("my out"))
    assert list(said) == ["first replay", "then shrink", "or keep"]
    for words, status in zip(said.values(), (1, 0, 0), strict=True):
        typed = split(words.replace("NAME", "mine"))
        assert CliRunner().invoke(main, typed[1:]).exit_code == status, words
    assert Path("mine.yaml").exists()


def test_a_seed_that_raises_comes_with_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object, **named: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("tieout.runs.run", broken)
    (failure,) = campaign("lost_frame", range(1)).failures
    assert failure.error == "RuntimeError: out of luck"
    assert failure.command == "tieout run lost_frame --seed 0"


def test_brackets_in_a_path_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """What people name their files is printed as it stands."""
    failed = SeedResult("x", 0, held=False, command="tieout run '[red]x:smile:.yaml' --seed 0")
    show_campaign(Campaign([failed], 1.0))
    assert "'[red]x:smile:.yaml'" in capsys.readouterr().out


# --- what fired ----------------------------------------------------------------------------------


def fired(scenario: str, seed: int, faults: dict[str, int], refusals: dict[str, int]) -> SeedResult:
    return SeedResult(scenario, seed, held=True, faults=faults, refusals=refusals)


def test_what_the_plan_may_have_is_counted_even_where_it_never_fired() -> None:
    """Each drawn kind and each refusal of the scenario has its row, and the rarest is known."""
    seeds = [fired("storm_rails", n, {"reorg": 3}, {"NO_LEGS": 1}) for n in range(2)]
    done = Campaign(seeds, 1.0)
    counts = done.summary()["fired"]["storm_rails"]
    assert (counts["faults"]["reorg"], counts["faults"]["payment_returned"]) == (6, 0)
    assert (counts["refusals"]["NO_LEGS"], counts["refusals"]["NO_FUNDS"]) == (2, 0)
    assert done.summary()["rarest"]["times"] == 0


def test_every_rule_of_refusal_is_expected_of_storm_rails() -> None:
    expected = find("storm_rails").fires
    assert expected is not None
    codes = [*expected.refusals]
    assert set(codes) >= {code for code, _ in RULES} | {"UNKNOWN_CUSTOMER", "NO_LEGS"}
    assert len(codes) == len(set(codes))


def test_at_least_so_often_or_the_campaign_does_not_hold() -> None:
    """Whatever the scenario itself expects of how many seeds; one kind short is enough."""
    (_, _, kinds, codes), *_ = Campaign([fired("storm_rails", 0, {}, {})], 1.0)._expected()
    enough = dict.fromkeys(kinds, 7), dict.fromkeys(codes, 7)
    assert Campaign([fired("storm_rails", 0, *enough)], 1.0, at_least=7).held
    for short in ("reorg", "NO_LEGS"):
        some = [{k: n - (k == short) for k, n in each.items()} for each in enough]
        done = Campaign([fired("storm_rails", 0, *some)], 1.0, at_least=7)
        assert not done.held
        assert done.unfired() == {f"storm_rails: {short}": 6}
        assert Campaign([fired("storm_rails", 0, *some)], 1.0).held


def test_the_table_marks_the_rarest(capsys: pytest.CaptureFixture[str]) -> None:
    show_campaign(Campaign([fired("x", 0, {"reorg": 3, "deposit": 1}, {"NO_LEGS": 2})], 1.0))
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if " × " in line]
    assert len(rows) == 3
    assert ["1", "×", "deposit", "<-", "the", "rarest"] in rows
    assert ["3", "×", "reorg"] in rows
    assert ["2", "×", "refused:", "NO_LEGS"] in rows


def test_what_was_never_seen_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Of few seeds it is most kinds, and the failing seed stands below."""
    show_campaign(Campaign([fired("storm_rails", 0, {"reorg": 3}, {"NO_LEGS": 1})], 1.0))
    lines = capsys.readouterr().out.splitlines()
    (never,) = [line for line in lines if line.lstrip().startswith("0 × ")]
    assert "payment_returned, " in never
    assert "refused: NO_FUNDS" in never
    assert ", reorg," not in never


# --- a campaign that is killed -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "ended"), [(signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_workers_end_with_their_parent(by: signal.Signals, ended: int, tmp_path: Path) -> None:
    """Killed alone, and not its group: what it had started is gone within seconds."""
    (tmp_path / "small.yaml").write_text(SMALL)
    words = ["campaign", str(tmp_path / "small.yaml"), "--seeds", "0:20000", "--jobs", "2"]
    with started(*words, "--out", str(tmp_path / "out")) as process:
        seeds = tmp_path / "out" / "seeds.jsonl"
        deadline = time.monotonic() + 150
        while not (seeds.exists() and seeds.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(by)
        # stderr ends when the last process that holds it has ended.
        process.communicate(timeout=30)
    assert process.returncode == ended
    assert seeds.read_text()
