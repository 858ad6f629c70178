"""Who runs seeds: one that hangs or kills its process is a finding with its number, no abort."""

import os
import signal
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests import planted_seeds as planted
from tieout.campaigns.campaign import PAGE, Campaign, campaign
from tieout.campaigns.ledger import SEEDS
from tieout.campaigns.seed import Begun, Done, Run, here, run_seed, runs_twice, tasks_of, twice_of
from tieout.campaigns.workers import BATCH_MAX, _Todo, workers

NAME = "lost_frame"


def ran(run: Run, seeds: int, **named: object) -> Campaign:
    return campaign(NAME, range(seeds), run=run, **named)  # type: ignore[arg-type]


def told(result: Campaign) -> list[tuple[object, ...]]:
    """All but the times."""
    return [tuple({**asdict(r), "cpu_seconds": 0}.values()) for r in result.results]


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (planted.exits, "worker died: exit status 7"),
        (planted.is_killed, "worker died: by SIGKILL, as when memory runs out"),
        (planted.hangs, "ran longer than 2 s, and was ended; --seed-timeout gives it more"),
        (planted.raises, "MemoryError: too much"),
        (planted.raises_no_text, r"FileNotFoundError: \udc80"),
    ],
)
def test_a_seed_that_takes_its_worker_along_is_a_finding(
    run: Run, why: str, tmp_path: Path
) -> None:
    """With its number; the others of its batch are run, each once, and give what they would."""
    jobs = {"jobs": 2, "seed_seconds_max": 2.0}
    result = ran(run, 40, **jobs, out=tmp_path)
    assert [each.seed for each in result.results] == list(range(40))
    (bad,) = [each for each in result.failures if each.error]
    assert (bad.seed, bad.error) == (planted.BAD, why)
    assert bad.command == f"tieout run {NAME} --seed {planted.BAD}"
    sound = told(ran(planted.sound, 40))
    assert told(result)[:5] + told(result)[6:] == sound[:5] + sound[6:]
    lines = (tmp_path / SEEDS).read_text().splitlines()
    assert len([line for line in lines if '"finished"' in line]) == 40 + 3  # three ran twice


def test_what_hangs_says_where(tmp_path: Path) -> None:
    done = ran(planted.hangs, 8, jobs=1, seed_seconds_max=2.0, out=tmp_path)
    (hung,) = [each for each in done.failures if each.lost]
    assert hung.at[0].startswith("tests/planted_seeds.py:")
    assert hung.at[0].endswith(" hangs")
    assert f"gives it more; it was at {hung.at[0]}, by {hung.at[1]}" in hung.why
    assert hung.at[0] in (tmp_path / PAGE).read_text()


def test_a_worker_that_died_is_missed_though_its_child_lives() -> None:
    done = ran(planted.leaves_a_child, 8, jobs=1, seed_seconds_max=60.0)
    (bad,) = [each for each in done.failures if each.lost]
    assert (bad.seed, bad.error) == (planted.BAD, "worker died: exit status 7")
    assert done.wall_seconds < 10


def test_two_in_one_batch_are_two_findings() -> None:
    """What is left of a batch whose worker died is handed out again, whatever is in it."""
    tasks = [each._replace(seed=planted.BAD) for each in tasks_of([(NAME, 0)] * 9, True, [])]
    events = list(workers(1)(tasks, planted.exits))
    assert len([each for each in events if isinstance(each, Done)]) == 9
    assert all(each.result.lost for each in events if isinstance(each, Done))


def test_what_ran_where_is_not_in_the_results() -> None:
    """Here, in one process, in two: the same, times apart."""
    alone = ran(planted.sound, 45)
    assert (
        told(alone) == told(ran(planted.sound, 45, jobs=1)) == told(ran(planted.sound, 45, jobs=2))
    )
    assert alone.digest() == ran(planted.sound, 45, jobs=2).digest()


def test_a_seed_of_the_catalogue_gives_the_same_in_a_worker() -> None:
    tasks = tasks_of([(NAME, 3)], True, [])
    (one,) = [each.result for each in here(tasks, run_seed) if isinstance(each, Done)]
    (other,) = [each.result for each in workers(1)(tasks, run_seed) if isinstance(each, Done)]
    assert one.digest == other.digest != ""
    assert one.inputs == other.inputs > 0


def test_few_seeds_are_shared_and_many_go_in_batches() -> None:
    """Two seeds keep two workers busy; of many, each worker is told some at a time."""
    assert len(_Todo(tasks_of([(NAME, 0), (NAME, 1)], True, []), 2).take(1)) == 1
    many = _Todo(tasks_of([(NAME, seed) for seed in range(9000)], True, []), 2)
    assert len(many.take(1)) == BATCH_MAX


def test_each_begins_before_it_is_done() -> None:
    """So that whoever listens knows what was running."""
    begun: list[int] = []
    for event in workers(2)(
        tasks_of([(NAME, seed) for seed in range(30)], True, []), planted.sound
    ):
        if isinstance(event, Begun):
            begun.append(event.task.seed)
        else:
            assert event.task.seed in begun


def test_an_engine_that_is_closed_ends_its_workers() -> None:
    """At once, in the midst of a seed that would take an hour."""
    events = workers(1)(tasks_of([(NAME, planted.BAD)], True, []), planted.hangs)
    assert isinstance(next(events), Begun)
    (child,) = [int(each) for each in _children()]
    before = time.monotonic()
    events.close()
    assert time.monotonic() - before < 5
    assert not Path(f"/proc/{child}").exists()


def test_nobody_is_late_by_the_time_that_all_were_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Ctrl-Z, which stops us and our workers alike."""
    events = workers(1, 5.0)(tasks_of([(NAME, 0)], True, []), planted.takes_a_second)
    assert isinstance(next(events), Begun)
    (child,) = [int(each) for each in _children()]

    def stopped(pipes: list[object], seconds: float) -> list[object]:
        monkeypatch.undo()
        os.kill(child, signal.SIGSTOP)
        time.sleep(7)
        os.kill(child, signal.SIGCONT)
        return []

    monkeypatch.setattr("tieout.campaigns.workers.wait", stopped)
    (done,) = [each for each in events if isinstance(each, Done)]
    assert done.result.held, done.result.error


def _children() -> list[str]:
    """Of this process, but for the one that tidies up after multiprocessing."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [each for each in children if "spawn_main" in Path(f"/proc/{each}/cmdline").read_text()]


# --- twice ---------------------------------------------------------------------------------------


def test_one_seed_in_twenty_runs_twice_whatever_their_order() -> None:
    """In each twenty one, and over four hundred in each place of them."""
    chosen = [seed for seed in range(400) if runs_twice(seed)]
    assert [seed // 20 for seed in chosen] == list(range(20))
    assert sorted(seed % 20 for seed in chosen) == list(range(20))


def test_of_any_two_seeds_the_first_runs_twice() -> None:
    """And one in twenty where no number is one of those, over all scenarios."""

    def twice(*work: tuple[str, int]) -> list[tuple[str, int]]:
        return twice_of(work)

    assert twice() == twice(("a", 0)) == []
    assert twice(("a", 19)) == [("a", 19)]
    assert twice(*((NAME, seed) for seed in range(40))) == [(NAME, 0), (NAME, 19), (NAME, 38)]
    assert twice(("a", 0), ("b", 0)) == [("a", 0)]
    assert twice(*((f"{n}", 0) for n in range(45))) == [("0", 0), ("19", 0), ("39", 0)]


def test_the_second_run_is_by_another_process() -> None:
    """With another hash seed, so that what depends on the order of a set gives two digests; of one
    worker too."""
    for jobs in (1, 2):
        result = ran(planted.of_an_order_of_hashes, 40, jobs=jobs)
        differed = [each for each in result.failures if "two runs, two digests" in each.failed[-1]]
        assert [each.seed for each in differed] == [0, 19, 38]
        assert not result.held
        assert result.twice == 3


def test_what_depends_on_a_clock_is_found_in_one_process_too() -> None:
    (failure,) = [each for each in ran(planted.of_a_clock, 20).failures if each.seed == 19]
    assert failure.failed[0].startswith("two runs, two digests: ")


def test_what_is_the_same_twice_holds() -> None:
    result = ran(planted.sound, 40, jobs=2)
    assert result.twice == 3
    assert [each.seed for each in result.failures] == [6, 13, 20, 27, 34]
