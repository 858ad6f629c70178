"""A sealed run asks this machine for nothing; who is not in it asks as before."""

import _random
import asyncio
import datetime
import gc
import linecache
import os
import posix
import random
import resource
import select
import selectors
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scenarios.model import find
from sim.seal import Broken, seal
from sim.world import World
from tieout import runs
from tieout.simulation import Simulation


def test_a_clock_is_refused_and_comes_back() -> None:
    real = time.time_ns
    with pytest.raises(Broken, match=r"time\.time_ns, asked for by "), seal():
        time.time_ns()
    assert time.time_ns is real
    assert time.time_ns() > 0


REFUSED: dict[str, Callable[[], object]] = {
    "time.strftime": lambda: time.strftime("%S"),
    "time.asctime": lambda: time.asctime(),
    "posix.times": lambda: posix.times(),
    "posix.getpid": lambda: posix.getpid(),
    "os.uname": lambda: os.uname(),
    "os.getppid": lambda: os.getppid(),
    "os.getloadavg": lambda: os.getloadavg(),
    "os.cpu_count": lambda: os.cpu_count(),
    "resource.getrusage": lambda: resource.getrusage(resource.RUSAGE_SELF),
    "gc.get_count": lambda: gc.get_count(),
    "gc.get_stats": lambda: gc.get_stats(),
    "ssl.RAND_bytes": lambda: ssl.RAND_bytes(1),
    "_random.Random": lambda: _random.Random(),
    "select.select": lambda: select.select([], [], [], 0),
    "select.poll": lambda: select.poll(),
    "SelectSelector.select": lambda: selectors.SelectSelector().select(0),
    "a wait with a timeout": lambda: threading.Event().wait(0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_else_tells_the_time_or_of_the_machine_is_refused(name: str) -> None:
    """And answers again once the seal is off."""
    with pytest.raises(Broken, match=f"^{name}.* asked for by "), seal():
        REFUSED[name]()
    REFUSED[name]()


def test_a_time_that_is_told_may_be_written() -> None:
    told = (2026, 1, 2, 3, 4, 5, 4, 2, 0)
    day = datetime.date(2026, 1, 2)
    with seal():
        assert time.strftime("%S", told) == "05"
        assert time.asctime(told) == "Fri Jan  2 03:04:05 2026"
        assert day.strftime("%y%m%d") == "260102"


def test_dice_of_dice_that_are_seeded_are_dice() -> None:
    with seal():
        assert _random.Random(7).random() == _random.Random(7).random()


def test_whoever_waits_for_what_was_said_need_not_look_at_a_clock() -> None:
    said = threading.Event()
    said.set()
    with seal():
        assert said.wait()


def test_whoever_swallows_the_refusal_gains_nothing() -> None:
    with pytest.raises(Broken, match=r"os\.urandom"), seal(), suppress(Broken):
        os.urandom(1)


def test_a_name_that_a_module_of_ours_took_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from time import time_ns` is no way around; nor is `from datetime import datetime`."""
    monkeypatch.setattr("sim.world.heappush", time.time_ns)
    monkeypatch.setitem(sys.modules, "sim.newly_imported", type(sys)("sim.newly_imported"))
    with pytest.raises(Broken, match=r"time\.time_ns"), seal():
        World().call_in(1, print)


def test_the_day_is_refused_and_a_told_day_is_not() -> None:
    made = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    with seal():
        again = datetime.datetime.fromtimestamp(made.timestamp(), datetime.UTC)
        assert type(again) is type(made)
        assert isinstance(made, datetime.datetime)
        assert isinstance(made.date(), datetime.date)
        assert again == made
    with pytest.raises(Broken, match=r"date\.today"), seal():
        datetime.date.today()  # noqa: DTZ011  # it is refused


def test_a_class_of_days_that_was_made_under_a_seal_works_ever_after() -> None:
    """As a library may make one that is imported while a run lasts."""
    with seal():
        kind = type("Stamp", (datetime.datetime,), {})
        taken = datetime.datetime
    assert type(kind(2026, 1, 2)) is kind
    assert type(kind.now(datetime.UTC)) is kind
    assert type(taken.now(datetime.UTC)) is datetime.datetime
    assert issubclass(kind, datetime.datetime)


def test_dice_that_somebody_seeds_are_dice() -> None:
    made = random.Random
    with seal():
        assert made(7).random() == made(7).random()
    with pytest.raises(Broken, match=r"random\.Random"), seal():
        made()


def test_the_world_may_know_its_own_objects_apart() -> None:
    """Only core and risk do without `id`: the world asks which of its own faults struck."""
    with seal():
        assert id(seal) == id(seal)


def test_another_thread_is_not_sealed() -> None:
    told: list[float] = []
    thread = threading.Thread(target=lambda: told.append(time.time()))
    started = threading.Event()
    waits = threading.Thread(target=lambda: (started.wait(), told.append(time.monotonic())))
    waits.start()
    with seal():
        started.set()
        waits.join()
    thread.start()
    thread.join()
    assert len(told) == 2


def test_a_report_of_progress_may_look_at_the_clock() -> None:
    told: list[float] = []
    with seal() as sealed:
        sealed.opened_for(lambda share: told.append(time.monotonic()))(0.5)
        with pytest.raises(Broken):
            time.monotonic()
        sealed.broken = None
    assert told


def test_a_file_is_refused_and_a_table_beside_the_code_is_not(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("")
    with seal():
        (Path(runs.__file__).parent.parent / "rails" / "schemes.yaml").read_bytes()
    with pytest.raises(Broken, match=r"open .*mine\.yaml"), seal():
        mine.read_bytes()


class Kept:
    """What has a file to clear away."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __del__(self) -> None:
        self.path.read_bytes()


def test_what_is_cleared_away_while_a_run_lasts_need_not_be_of_it(tmp_path: Path) -> None:
    """Garbage is collected when the interpreter likes: a run must not fail for it."""
    mine = tmp_path / "mine"
    mine.write_text("")
    kept = [Kept(mine)]
    with seal():
        kept.clear()


def test_a_task_that_nobody_waited_for_is_complained_of_and_is_of_no_run() -> None:
    """asyncio logs it, with the time, whenever the garbage is collected."""

    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    loop = asyncio.new_event_loop()
    waiting = [loop.create_task(forever())]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    with seal():
        waiting.clear()
        gc.collect()


def test_a_loop_of_ours_that_complains_is_of_the_run() -> None:
    """`sim/loop.py` has a function of that name: only below asyncio's may somebody ask."""

    def call_exception_handler() -> int:
        return time.time_ns()

    with pytest.raises(Broken, match=r"time\.time_ns"), seal():
        call_exception_handler()


class Broke:
    """What cannot be cleared away: its complaint shows the line that broke."""

    def __del__(self) -> None:
        raise OSError("it is gone")


def test_what_dask_measures_of_a_collection_is_of_no_run() -> None:
    """In its workers it looks at the memory before and after each: whose seed that hits fails."""
    measured = pytest.importorskip("distributed.gc", reason="the extra `dask` is not installed")
    with measured.GCDiagnosis(), seal():
        gc.collect()


def test_what_complains_as_it_is_cleared_away_may_show_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only that: to read a source oneself is to read a file."""
    shown: list[str] = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda told: shown.extend(traceback.format_tb(told.exc_traceback))
    )
    kept = [Broke()]
    linecache.clearcache()
    with seal():
        kept.clear()
    assert "it is gone" in shown[-1]
    mine = tmp_path / "mine.py"
    mine.write_text("")
    with pytest.raises(Broken, match=r"open .*mine\.py"), seal():
        mine.read_bytes()


def test_a_run_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of it asks, it ends with the place that did."""
    begin = Simulation.begin

    def begin_late(self: Simulation) -> None:
        begin(self)
        self.world.call_in(1_000_000, time.time)

    monkeypatch.setattr(Simulation, "begin", begin_late)
    with pytest.raises(Broken, match=r"time\.time, asked for by sim\.world"):
        runs.run(find("lost_frame"), 7, short=True, sampled=False)
    assert time.time() > 0
