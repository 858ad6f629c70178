"""Crash campaigns: the points of a run, what dies at each, and that a bug of restarts is seen."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from scenarios.model import find
from sim.memory_store import MemoryStore
from tests.planting import plant
from tieout.campaigns.crash_points import (
    MOMENTS,
    BadPoint,
    CrashPoint,
    Moment,
    every,
    points_of,
    read_point,
    sample,
)
from tieout.campaigns.crashes import Crashes, Subject, crashes
from tieout.cli import main
from tieout.reports.outcome import Outcome
from tieout.runs import run
from tieout.simulation import Simulation
from tieout.world.host import Host

FULL = os.environ.get("TIEOUT_FULL") == "1"
SMALL = """\
name: killed_everywhere
claim: a node killed at any point of its work books each fact once
duration_s: 4
heal_s: 12
venues:
  - dialect: binance_spot
    latency_ms: 40
    latency_ms_p99: 90
    instruments:
      - {symbol: XRPETH, base: XRP, quote: ETH, tick: "0.00000001", lot: "1", price: "0.00141000"}
strategies:
  - {kind: maker, name: mm, tick_ms: 700}
  - {kind: taker, name: tk, tick_ms: 600, options: {one_in: 1}}
faults:
  - {kind: lost_frame, one_in: 8}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    path = tmp_path_factory.mktemp("crashes") / "killed_everywhere.yaml"
    path.write_text(SMALL)
    return Subject(str(path))


# --- what dies where ------------------------------------------------------------------------------


class Seen:
    """What is durable as the node is killed, what waits, and what its next life finds durable."""

    def __init__(self, subject: Subject, point: CrashPoint, patch: pytest.MonkeyPatch) -> None:
        self.groups: list[int] = []
        self.waiting: list[int] = []
        self.restarted: list[int] = []
        store = MemoryStore()
        self.simulation = Simulation(subject.scenario(), subject.seed, store, crash_at=point)
        crash = Host.crash

        def look(host: Host, down_ns: int, groups: int = 0) -> None:
            self.groups.append(len(store.groups))
            self.waiting.append(len(store.pending))
            crash(host, down_ns, groups)
            self.restarted.append(len(store.groups))

        patch.setattr(Host, "crash", look)
        self.simulation.run()


@pytest.mark.parametrize("moment", MOMENTS)
def test_it_dies_where_the_point_says(
    moment: Moment, small: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group that is committed, the one before it, what waits: lost or kept as is said."""
    alive = Seen(small, CrashPoint("append", 0), monkeypatch)
    assert alive.groups == []
    seen = Seen(small, CrashPoint(moment, 9), monkeypatch)
    assert seen.simulation.reached is not None
    (durable,), (waiting,), (kept,) = seen.groups, seen.waiting, seen.restarted
    opened = 1  # before anybody may die
    if moment == "append":
        assert seen.simulation.reached.counts["append"] > 9, "it appends again in its next life"
        assert kept == durable
    elif moment == "effect":
        assert waiting == 0
        assert kept == durable
    else:
        assert durable == opened + 9 - (moment != "durable")
        assert (waiting > 0) == (moment != "durable")
        assert kept == durable - (moment == "cut")


def test_the_run_that_is_counted_is_the_run(small: Subject) -> None:
    """A point that nobody comes to changes nothing, and all moments are come to."""
    counted = small.run(CrashPoint("append", 0)).summary
    assert counted["digest"] == run(small.name).summary["digest"]
    assert counted["crash_at"]["deaths"] == 0
    assert all(times > 10 for times in counted["crash_at"]["came_to"].values())
    assert run(small.name).summary["crash_at"] is None


def test_a_point_is_met_once_and_its_run_is_the_same_again(small: Subject) -> None:
    point = CrashPoint("effect", 7)
    first, second = small.run(point).summary, small.run(point).summary
    assert first["digest"] == second["digest"] != run(small.name).summary["digest"]
    assert (first["crash_at"]["deaths"], first["crashes"]) == (1, 1)
    twice = small.run(CrashPoint("effect", 7, "durable")).summary
    assert (twice["crash_at"]["deaths"], twice["crashes"]) == (2, 2)


def test_nobody_dies_once_the_world_heals(small: Subject) -> None:
    counted = small.run(CrashPoint("append", 0)).summary
    assert sum(counted["crash_at"]["came_to"].values()) < 2 * counted["records"]
    assert counted["crash_at"]["came_to"]["append"] < counted["records"]


# --- points ---------------------------------------------------------------------------------------


def test_a_point_is_written_and_read() -> None:
    for point in (CrashPoint("effect", 17), CrashPoint("cut", 3, "durable")):
        assert read_point(str(point)) == point


@pytest.mark.parametrize(
    "text", ["", "effect", "effect:0", "effect:-1", "boot:3", "cut:1,", "cut:1,x"]
)
def test_what_names_no_point_is_refused(text: str) -> None:
    with pytest.raises(BadPoint, match="would do"):
        read_point(text)


def test_a_sample_is_spread_and_another_phase_takes_others() -> None:
    points = points_of({"append": 300, "commit": 100, "effect": 100})
    chosen = sample(points, 50)
    assert Counter(each.moment for each in chosen) == {"append": 30, "commit": 10, "effect": 10}
    assert len(set(chosen)) == len(set(sample(points, 50, 1))) == 50
    assert not set(chosen) & set(sample(points, 50, 1))
    assert sample(points, 1000) == points
    assert set(every(points, 3)) | set(every(points, 3, 1)) | set(every(points, 3, 2)) == set(
        points
    )


# --- campaigns ------------------------------------------------------------------------------------


def failures(result: Crashes) -> str:
    return "\n".join(f"{each.point}: {each.error or each.failed}" for each in result.failures)


def test_a_small_run_holds_wherever_its_node_dies(small: Subject) -> None:
    """One point in three; with TIEOUT_FULL=1 all, and killed once more in its next life."""
    result = crashes(small, lambda points: every(points, 1 if FULL else 3))
    assert result.held, failures(result)
    assert sum(result.came_to.values()) > 150
    assert len(result.results) >= sum(result.came_to.values()) // (1 if FULL else 3)
    assert {each.crashes for each in result.results} == {1}
    for again in MOMENTS if FULL else ():
        twice = crashes(small, lambda points: every(points, 4), again=again)
        assert twice.held, failures(twice)


SAMPLED = (
    Subject("killed_as_it_fills", seconds=10),
    Subject("three_gates_one_limit", seconds=8),
    Subject("payment_killed", seconds=7200),
)


@pytest.mark.parametrize("subject", SAMPLED, ids=lambda subject: subject.name)
def test_orders_leases_and_payments_hold_at_sampled_points(subject: Subject) -> None:
    result = crashes(subject, lambda points: sample(points, 200 if FULL else 2, 5))
    assert result.held, failures(result)


def test_a_journal_that_settles_is_cut_only_where_that_is_asked_for() -> None:
    """Requests that it loses are not taken up again: docs/not_proven.md says so."""
    assert "cut" not in Subject("payment_killed").survives()
    assert Subject("killed_as_it_fills").survives() == tuple(MOMENTS)


def test_workers_find_the_same(small: Subject) -> None:
    here = crashes(small, lambda points: sample(points, 6))
    there = crashes(small, lambda points: sample(points, 6), jobs=2)
    assert [each.digest for each in here.results] == [each.digest for each in there.results]


BUGS = {
    "an order in flight is sent again after a restart": (
        "core.trading:after_restart",
        "effects += [query(order), arm(",
        "effects += [PlaceOrder(account=order.account, instrument=order.instrument,"
        " client_order_id=order.client_order_id + 'r', side=order.side,"
        " quantity=order.quantity, kind=order.kind, price=order.price), query(order), arm(",
        "every order sent follows from one wish",
    ),
    "a boot chooses the ids of the boot before": (
        "core.node:boot_epoch",
        "store.epoch) + 1",
        "store.epoch) or 1",
        "no order is sent twice",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_of_restarts_is_seen_at_the_points_where_it_shows(
    bug: str, small: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, old, new, claim = BUGS[bug]
    plant(monkeypatch, function, old, new)
    result = crashes(small, lambda points: [p for p in points if p.moment == "effect"])
    assert result.unkilled == [], "without a kill nobody sees it"
    told = [failed for each in result.failures for failed in each.failed]
    assert any(claim in each for each in told), failures(result)


def test_a_run_that_raises_at_a_point_is_a_finding(
    small: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(host: Host, epoch: int) -> None:
        if host.crashes:
            raise RuntimeError("it does not come up")
        real(host, epoch)

    real = Host._tell_of_boot
    monkeypatch.setattr(Host, "_tell_of_boot", broken)
    result = crashes(small, lambda points: points[:1])
    assert [each.error for each in result.failures] == ["RuntimeError: it does not come up"]


def test_where_no_point_was_tried_nothing_held(small: Subject) -> None:
    result = crashes(small, lambda points: [])
    assert result.unkilled == []
    assert not result.held


def test_a_sample_has_one_point_at_least_whatever_its_phase() -> None:
    points = points_of({"effect": 3})
    sizes = [len(every(points, step, phase)) for step in (2, 9) for phase in range(9)]
    assert sizes == [2, 1, 2, 1, 2, 1, 2, 1, 2, *(1,) * 9]


class Deadly(Subject):
    """At its second append it takes its process along."""

    def run(self, point: CrashPoint, out: Path | None = None) -> Outcome:
        if str(point) == "append:2":
            os._exit(7)
        return super().run(point, out)


def test_a_point_that_kills_its_worker_is_one_finding(small: Subject) -> None:
    """With its number and its command; the others are well."""
    result = crashes(Deadly(small.name), lambda points: points[:3], jobs=2)
    assert [each.held for each in result.results] == [True, False, True]
    (failure,) = result.failures
    assert failure.error == "worker died: exit status 7"
    assert failure.command.endswith("--at append:2")
    assert result.results[0].crashes == 1


# --- the command ----------------------------------------------------------------------------------


def test_the_command_tries_a_sample_and_writes_it(small: Subject, tmp_path: Path) -> None:
    words = ["crashes", small.name, "--sample", "5", "--json", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["tried"], told["held"], told["failed"]) == (5, 5, [])
    lines = [json.loads(line) for line in (tmp_path / "points.jsonl").read_text().splitlines()]
    assert len(lines) == 5
    assert json.loads((tmp_path / "crashes.json").read_text()) == told
    command = lines[-1]["command"].split()
    assert command[:3] == ["tieout", "crashes", small.name]
    again = CliRunner().invoke(main, [*command[1:], "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.output)["digest"] == lines[-1]["digest"]


def test_a_failing_point_is_told_with_the_command_that_shows_it(
    small: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, old, new, claim = BUGS["an order in flight is sent again after a restart"]
    plant(monkeypatch, function, old, new)
    done = CliRunner().invoke(main, ["crashes", small.name, "--moment", "effect"])
    assert done.exit_code == 1, done.output
    command = next(line for line in done.output.splitlines() if line.startswith("  tieout crashes"))
    again = CliRunner().invoke(main, [*command.split()[1:], "--json"])
    assert again.exit_code == 1, again.output
    claims = json.loads(again.output)["claims"]
    assert claim in [each["claim"] for each in claims if not each["held"]]


@pytest.mark.parametrize("at", ["effect", "effect:99999"])
def test_a_point_that_is_none_or_never_met_is_said(at: str, small: Subject) -> None:
    done = CliRunner().invoke(main, ["crashes", small.name, "--at", at])
    assert done.exit_code == (2 if at == "effect" else 1)
    assert "would do" in done.output or "never came to" in done.output


def test_the_scenarios_that_are_sampled_are_of_the_catalogue() -> None:
    assert [find(each.name).name for each in SAMPLED] == [each.name for each in SAMPLED]


def test_how_often_a_fault_strikes_is_not_claimed_of_a_killed_run() -> None:
    """Killed, or cut short with it, a run is another: what must not be is claimed all the same."""
    subject = Subject("demo", short=True, seconds=10)
    claims = [each.claim for each in subject.run(CrashPoint("append", 5)).claims]
    assert "the stream was cut" in [each.claim for each in find("demo").claims]
    assert "the stream was cut" not in claims
    assert "what each strategy holds equals its trades at the venue" in claims
