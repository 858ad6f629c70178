"""An asyncio loop on the world's clock, connections in memory, and a machine that is the world.

No library takes part here: what `tests/test_simulated_live.py` builds on is shown by itself.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sim.ambient import ambient
from sim.dice import Dice
from sim.links import LOCAL, MS, Network, Weather
from sim.loop import SimLoop, Stalled
from sim.seal import Broken, seal
from sim.world import World

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
EPOCH_NS = 1_700_000_000_000_000_000
CALM = Weather(median_ns=MS, p99_ns=MS)


def loop_of(weather: Weather = CALM, seed: int = 0, tie_break: int | None = None) -> SimLoop:
    world = World(EPOCH_NS, tie_break)
    network = Network(world, Dice(seed), {"venue.example": (LOCAL, 443)}, weather)
    return SimLoop(world, network)


def run(main: Coroutine[Any, Any, T], loop: SimLoop | None = None) -> T:
    with seal():
        return (loop or loop_of()).run_until_complete(main)


# --- time -----------------------------------------------------------------------------------------


def test_a_year_is_slept_at_once() -> None:
    loop = loop_of()
    run(asyncio.sleep(365 * 86_400), loop)
    assert loop._world.elapsed() == 365 * 86_400 * 10**9


def test_who_wakes_never_wakes_too_early_by_the_loop_s_own_clock() -> None:
    """Else whoever arms a timer until it is time would ask for one instant for ever."""

    async def wakes() -> list[tuple[float, float]]:
        loop, woke = asyncio.get_running_loop(), []
        for n in range(1, 2000):
            when = loop.time() + n / 7919
            came = loop.create_future()
            loop.call_at(when, came.set_result, None)
            await came
            woke.append((when, loop.time()))
        return woke

    assert [each for each in run(wakes()) if each[1] < each[0]] == []


def test_what_is_called_soon_keeps_its_order_whatever_ties_do() -> None:
    async def said() -> list[int]:
        loop, heard = asyncio.get_running_loop(), list[int]()
        for n in range(20):
            loop.call_soon(heard.append, n)
        await asyncio.sleep(0)
        return heard

    for seed in range(5):
        assert run(said(), loop_of(tie_break=seed)) == list(range(20))


def test_timers_of_one_instant_race_and_a_seed_decides() -> None:
    async def raced() -> str:
        loop, heard = asyncio.get_running_loop(), list[str]()
        when = loop.time() + 1
        for name in "abc":
            loop.call_at(when, heard.append, name)
        await asyncio.sleep(2)
        return "".join(heard)

    orders = [run(raced(), loop_of(tie_break=seed)) for seed in range(60)]
    assert len(set(orders)) == 6
    assert orders == [run(raced(), loop_of(tie_break=seed)) for seed in range(60)]


def test_a_timer_that_was_cancelled_does_not_ring() -> None:
    async def cancelled() -> list[str]:
        heard = list[str]()
        timer = asyncio.get_running_loop().call_later(1, heard.append, "rang")
        timer.cancel()
        await asyncio.sleep(2)
        return heard

    assert run(cancelled()) == []


def test_time_outs_are_of_this_time() -> None:
    async def late() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(late()) == 3600


def test_who_waits_for_nothing_is_told_so() -> None:
    with pytest.raises(Stalled, match="nothing is to come"):
        run(asyncio.Event().wait())


def test_an_error_of_the_world_ends_the_run() -> None:
    loop = loop_of()
    loop._world.call_in(5, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run(asyncio.sleep(1), loop)


def test_what_nobody_hears_is_counted() -> None:
    async def fails() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(0)

    loop = loop_of()
    run(fails(), loop)
    assert [name.rpartition(": ")[2] for name in loop.complaints] == ["ZeroDivisionError"]


def test_an_executor_is_nobody_and_a_second_thread_never_starts() -> None:
    async def threaded() -> int:
        return await asyncio.to_thread(threading.get_ident)

    assert run(threaded()) == threading.get_ident()


def test_garbage_waits_for_its_turn() -> None:
    """A finalizer that runs when memory happens to be full would differ from run to run."""

    class Cycle:
        def __init__(self, found: list[float]) -> None:
            self.me, self.found, self.loop = self, found, asyncio.get_running_loop()

        def __del__(self) -> None:
            self.found.append(self.loop.time())

    async def littered() -> list[float]:
        found = list[float]()
        for _ in range(6_000):
            Cycle(found)
            await asyncio.sleep(0.001)
        return list(found)

    assert gc.isenabled()
    found = run(littered())
    assert 0 < len(set(found)) <= 3, "many went together"
    assert found == run(littered())
    assert gc.isenabled()


# --- order ----------------------------------------------------------------------------------------

SETS = """
import asyncio
from tests.test_sim_loop import run

async def main():
    heard = []
    async def wait(name):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append(name)
            raise
    async def fail():
        await asyncio.sleep(1)
        raise ValueError
    try:
        async with asyncio.TaskGroup() as group:
            for n in range(40):
                group.create_task(wait(n))
            group.create_task(fail())
    except* ValueError:
        pass
    sleeps = [asyncio.create_task(asyncio.sleep(0), name=str(n)) for n in range(40)]
    done, _ = await asyncio.wait(sleeps)
    loop = asyncio.get_running_loop()
    futures = {loop.create_future(): n for n in range(40)}
    return heard, [each.get_name() for each in done], [futures[each] for each in set(futures)]

ballast = [object() for _ in range(%d)]
print(run(main()))
"""


def test_sets_of_tasks_and_futures_have_one_order_in_any_process() -> None:
    said = set()
    for seed in ("0", "1"):
        program = [sys.executable, "-c", SETS % (int(seed) * 997 + 3)]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        told = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
        said.add(told.stdout)
    assert len(said) == 1


# --- links ----------------------------------------------------------------------------------------


class Talk:
    """A server that sends back what it hears, and a client that says so many lines."""

    def __init__(self, lines: int) -> None:
        self.lines, self.heard, self.errors = lines, b"", list[str]()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                writer.write(data)
            writer.close()
        except ConnectionResetError:
            self.errors.append("server reset")

    async def run(self) -> None:
        server = await asyncio.start_server(self.answer, LOCAL, 443)
        try:
            await self._say()
        except OSError as error:
            self.errors.append(type(error).__name__)
        server.close()

    async def _say(self) -> None:
        reader, writer = await asyncio.open_connection("venue.example", 443)
        for n in range(self.lines):
            writer.write(b"%d " % n)
        writer.write_eof()
        while data := await reader.read(4096):
            self.heard += data
        writer.close()
        await writer.wait_closed()


def talked(weather: Weather, seed: int = 0, lines: int = 50) -> tuple[Talk, SimLoop]:
    loop, talk = loop_of(weather, seed), Talk(lines)
    run(talk.run(), loop)
    return talk, loop


SAID = b"".join(b"%d " % n for n in range(50))


def test_bytes_come_in_order_however_late() -> None:
    talk, loop = talked(Weather(median_ns=MS, p99_ns=500 * MS))
    assert talk.heard == SAID
    assert loop.time() > 0.1


def test_the_same_seed_is_the_same_weather() -> None:
    bad = Weather(reset_one_in=80, truncated_one_in=80, silent_one_in=200)
    first, again = [[talked(bad, seed)[0] for seed in range(30)] for _ in range(2)]
    told = [(each.heard, each.errors) for each in first]
    assert told == [(each.heard, each.errors) for each in again]
    assert len({heard for heard, _ in told}) > 5


def test_a_dial_is_refused() -> None:
    talk, loop = talked(Weather(refused_one_in=1))
    assert talk.errors == ["ConnectionRefusedError"]
    assert loop._network.counts["refused"] == 1


def test_a_reset_is_heard_at_both_ends() -> None:
    talk, _ = talked(Weather(reset_one_in=1))
    assert talk.errors == ["server reset", "ConnectionResetError"] or talk.errors == [
        "ConnectionResetError",
        "server reset",
    ]


def test_what_is_cut_in_half_is_a_part_and_then_nothing() -> None:
    """Of some seed's words a part came, and never anything that was not said."""
    talks = [talked(Weather(truncated_one_in=60), seed)[0] for seed in range(40)]
    assert all(SAID.startswith(each.heard) for each in talks)
    assert any(each.heard and not each.heard.endswith(b" ") for each in talks), "within a word"
    assert all(each.errors for each in talks if each.heard != SAID)


def test_a_link_that_falls_silent_says_nothing_until_it_is_given_up() -> None:
    talk, loop = talked(Weather(silent_one_in=1, silent_ns=90_000 * MS))
    assert talk.heard == b""
    assert "ConnectionResetError" in talk.errors
    assert 90 < loop.time() < 91


def test_no_connection_outlives_its_time() -> None:
    async def idle() -> float:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        await asyncio.start_server(hang, LOCAL, 443)
        reader, _ = await asyncio.open_connection("venue.example", 443)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        return asyncio.get_running_loop().time()

    day = 86_400_000 * MS
    assert 86_400 <= run(idle(), loop_of(Weather(life_ns=day))) < 86_401


def test_a_reader_that_pauses_loses_nothing() -> None:
    class Slow(asyncio.Protocol):
        heard, times = b"", tuple[float, ...]()

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def data_received(self, data: bytes) -> None:
            loop = asyncio.get_running_loop()
            self.heard, self.times = self.heard + data, (*self.times, loop.time())
            self.transport.pause_reading()
            loop.call_later(1, self.transport.resume_reading)

    async def paused() -> Slow:
        loop, slow = asyncio.get_running_loop(), Slow()
        await loop.create_server(lambda: slow, LOCAL, 443)
        transport, _ = await loop.create_connection(asyncio.Protocol, "venue.example", 443)
        for n in range(5):
            transport.write(b"%d" % n)
        await asyncio.sleep(20)
        return slow

    slow = run(paused())
    assert slow.heard == b"01234"
    assert [int(each) for each in slow.times] == [0, 1, 2, 3, 4]


def test_a_port_is_taken_once_and_a_name_is_in_the_table_or_nowhere() -> None:
    async def asks() -> list[int]:
        loop = asyncio.get_running_loop()
        made = [await loop.create_server(asyncio.Protocol, LOCAL, 0) for _ in range(2)]
        ports = [each.sockets[0].getsockname()[1] for each in made]
        with pytest.raises(OSError, match="somebody listens there"):
            await loop.create_server(asyncio.Protocol, LOCAL, ports[0])
        with pytest.raises(socket.gaierror, match="no such name"):
            await loop.create_connection(asyncio.Protocol, "elsewhere.example", 443)
        made[0].close()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, LOCAL, ports[0])
        return ports

    first, second = run(asks())
    assert first != second


# --- the machine ----------------------------------------------------------------------------------


def asked() -> dict[str, object]:
    return {
        "time": time.time_ns(),
        "ctime": time.gmtime().tm_year,
        "monotonic": time.monotonic(),
        "urandom": os.urandom(8),
        "uuid": str(uuid.uuid4()),
        "random": random.getrandbits(64),
    }


def test_the_machine_is_the_world_for_this_thread_and_while_it_lasts() -> None:
    before = (time.time, time.monotonic, os.urandom, uuid.uuid4, random.getrandbits)
    told = []
    for _ in range(2):
        world = World(EPOCH_NS)
        with seal(), ambient(world, Dice(3)):
            world.call_in(3_000_000_000, lambda: None)
            world.run()
            told.append(asked())
    assert told[0] == told[1]
    assert (told[0]["time"], told[0]["ctime"]) == (EPOCH_NS + 3_000_000_000, 2023)
    assert told[0]["monotonic"] == 3.0
    assert (time.time, time.monotonic, os.urandom, uuid.uuid4, random.getrandbits) == before
    with ambient(World(EPOCH_NS), Dice(4)):
        assert asked()["random"] != told[0]["random"]


def test_another_thread_has_the_real_machine() -> None:
    theirs = list[int]()
    with ambient(World(EPOCH_NS), Dice(0)):
        thread = threading.Thread(target=lambda: theirs.append(time.time_ns()))
        thread.start()
        thread.join()
        assert time.time_ns() == EPOCH_NS
    assert theirs[0] != EPOCH_NS


def test_what_the_world_does_not_answer_is_refused_under_seal() -> None:
    with pytest.raises(Broken), seal(), ambient(World(EPOCH_NS), Dice(0)):
        time.sleep(0)
