"""A Dask cluster on this machine's loopback: the results of local workers, and no silent retry."""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests import planted_seeds as planted
from tests.test_cli import SMALL
from tieout.bad_input import BadCluster
from tieout.campaigns.campaign import Campaign, campaign
from tieout.campaigns.seed import Done, Run, run_seed, tasks_of
from tieout.cli import main

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

if TYPE_CHECKING:
    from distributed import LocalCluster

NAME = "lost_frame"
# Of a cluster that did not ask for it: an address, no page of figures, processes of one thread.
WORKERS = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def cluster() -> "Iterator[LocalCluster]":
    from distributed import LocalCluster

    with LocalCluster(**WORKERS, host="127.0.0.1", scheduler_port=0, silence_logs=50) as made:
        yield made


def over(cluster: "LocalCluster", run: Run, seeds: int, seconds_max: float = 600) -> Campaign:
    from tieout.campaigns.cluster import cluster as engine

    address = cluster.scheduler_address
    return campaign(NAME, range(seeds), short=True, run=run, engine=engine(address, seconds_max))


def told(result: Campaign) -> list[tuple[object, ...]]:
    """All but the times."""
    return [tuple({**asdict(r), "cpu_seconds": 0}.values()) for r in result.results]


def test_a_cluster_gives_what_local_workers_give(cluster: "LocalCluster") -> None:
    """The digests of real seeds, and all else that does not tell the time."""
    there = over(cluster, run_seed, 20)
    here = campaign(NAME, range(20), short=True, jobs=1)
    assert there.held
    assert there.twice == here.twice == 2
    assert there.digest() == here.digest()
    assert told(there) == told(here)


def test_a_seed_that_kills_its_worker_is_one_finding(cluster: "LocalCluster") -> None:
    """Those that shared its worker are well; Dask itself would have tried it three times more."""
    result = over(cluster, planted.exits, 12)
    assert [each.seed for each in result.results] == list(range(12))
    lost = [each for each in result.failures if each.lost]
    assert [(each.seed, each.error) for each in lost] == [(planted.BAD, "its worker died of it")]
    assert {each.seed for each in result.failures} == {planted.BAD, 6}


def test_a_seed_that_hangs_is_one_finding(cluster: "LocalCluster") -> None:
    result = over(cluster, planted.hangs, 8, seconds_max=2)
    assert [each.seed for each in result.failures if each.lost] == [planted.BAD]
    assert len(result.results) == 8


def test_the_scheduler_allows_what_it_did_before(cluster: "LocalCluster") -> None:
    before = cluster.scheduler.allowed_failures
    assert before > 0
    over(cluster, planted.sound, 3)
    assert cluster.scheduler.allowed_failures == before


def test_workers_of_other_code_or_of_many_threads_are_refused(
    cluster: "LocalCluster", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they would give is not comparable, or takes other seeds along."""
    from distributed import LocalCluster

    words = ["campaign", NAME, "--seeds", "0:2", "--short", "--dask"]
    threaded = {**WORKERS, "n_workers": 1, "threads_per_worker": 2}
    with LocalCluster(**threaded, host="127.0.0.1", scheduler_port=0, silence_logs=50) as other:
        said = CliRunner().invoke(main, [*words, other.scheduler_address])
    assert (said.exit_code, "has 2 threads; workers of one thread" in said.output) == (2, True)
    monkeypatch.setattr("tieout.campaigns.cluster.code_version", _another)
    said = CliRunner().invoke(main, [*words, cluster.scheduler_address])
    assert said.exit_code == 2
    assert "not another; the same code everywhere would do" in said.output


def test_a_scenario_that_a_worker_does_not_have_is_refused(
    cluster: "LocalCluster", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path is of this folder, and another worker may find another file under it."""
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    words = ["campaign", "small.yaml", "--seeds", "0:2", "--dask", cluster.scheduler_address]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 2, said.output
    assert "has another small.yaml, or none; the same file under the same path" in said.output


def test_a_cluster_whose_workers_are_gone_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a nanny nobody starts them anew: it says so, and the ledger goes on elsewhere."""
    from distributed import LocalCluster

    from tieout.campaigns.cluster import cluster as engine

    monkeypatch.setattr("tieout.campaigns.cluster.WORKERLESS_SECONDS_MAX", 2)
    with LocalCluster(**WORKERS, host="127.0.0.1", scheduler_port=0, silence_logs=50) as dying:
        tasks = tasks_of([(NAME, seed) for seed in range(3000)], True, [])
        events = engine(dying.scheduler_address)(tasks, planted.waits)
        assert any(isinstance(each, Done) for each in events)
        dying.scale(0)
        with pytest.raises(BadCluster, match="no worker is left"):
            deque(events, maxlen=0)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("Timed out"), r"no scheduler any more: Timed out; .* --resume goes on"),
        (ModuleNotFoundError(name="tieout"), r"its scheduler has no tieout; the same code"),
    ],
)
def test_a_scheduler_that_is_gone_or_without_our_code_is_no_bug_of_ours(
    error: Exception, said: str, cluster: "LocalCluster", monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*words: object) -> None:
        raise error

    monkeypatch.setattr("tieout.campaigns.cluster._all", fails)
    with pytest.raises(BadCluster, match=said):
        over(cluster, planted.sound, 2)


def test_workers_that_have_no_tieout_are_told_from_us(
    cluster: "LocalCluster", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def code(): return ''")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("tieout.campaigns.cluster._code", import_module("only_here").code)
    words = ["campaign", NAME, "--seeds", "0:2", "--dask", cluster.scheduler_address]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 2, said.output
    assert "No module named 'only_here'" in said.output
    assert "the same code everywhere would do" in said.output


def _another() -> str:
    return "another"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere://x"])
def test_where_no_scheduler_is_it_says_so(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieout.campaigns.cluster.CONNECT_SECONDS_MAX", 1)
    said = CliRunner().invoke(main, ["campaign", NAME, "--seeds", "0:2", "--dask", address])
    assert said.exit_code == 2
    assert f"--dask {address}: " in said.output
    assert "tcp://127.0.0.1:8786, would do" in said.output


@pytest.mark.parametrize("address", ["nonsense", "tcp://host:port"])
def test_what_is_no_address_is_refused_before_a_client_is_made_of_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was made of it waits forty seconds as it goes, and ends in a traceback."""
    made: list[str] = []
    monkeypatch.setattr("tieout.campaigns.cluster.Client", lambda *a, **words: made.append(a[0]))
    said = CliRunner().invoke(main, ["campaign", NAME, "--seeds", "0:2", "--dask", address])
    assert (said.exit_code, made) == (2, [])
    assert "tcp://127.0.0.1:8786, would do" in said.output


def test_and_so_it_does_after_a_client_that_never_said_that_it_goes(
    cluster: "LocalCluster",
) -> None:
    """The last of ours to go gives it back, as it was before the first came."""
    from distributed import Client

    from tieout.campaigns.cluster import _allow_none

    before = cluster.scheduler.allowed_failures
    one, other = (Client(cluster, set_as_default=False) for _ in range(2))
    for client in (one, other):
        client.run_on_scheduler(_allow_none, client.id)
    one.close()
    assert cluster.scheduler.allowed_failures == 0
    other.close()
    until = monotonic() + 10
    while cluster.scheduler.allowed_failures != before and monotonic() < until:
        sleep(0.05)
    assert cluster.scheduler.allowed_failures == before


def test_a_scheduler_without_workers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("tieout.campaigns.cluster.CONNECT_SECONDS_MAX", 1)
    said = "found a scheduler, and no worker within 1 s; dask w"
    none = {**WORKERS, "n_workers": 0}
    with LocalCluster(**none, silence_logs=50) as empty, pytest.raises(BadCluster, match=said):
        over(empty, planted.sound, 3)
