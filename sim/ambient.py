"""What libraries ask of the machine for their own sake, answered by the world: clocks and dice.

    with seal(), ambient(world, dice): ...     # whatever is not answered here is refused there

ccxt signs with its own `milliseconds()`, which an instance may override; but its sockets ask the
class, its throttle took `time` by name, aiohttp's pool `monotonic`, its handshake `os.urandom`. So
they are replaced, in their own modules and where a module of a guest took one by its name, and put
back at the end. Other threads get what they ask for.

Not answered: the mask of a WebSocket's frames, from dice that aiohttp made when it was imported;
it is taken off again before anybody reads, and no length depends on it.
"""

import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from sim.dice import Dice
from sim.world import World

GUESTS = ("aiohttp", "aiohappyeyeballs", "ccxt")
SECOND = 1_000_000_000
OF_RANDOM = (
    *("random", "getrandbits", "randint", "randrange", "randbytes", "uniform"),
    *("choice", "choices", "sample", "shuffle"),
)
OF_TIME = (
    *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    *("gmtime", "localtime"),
)
# As they are before anybody put a stub there.
_REAL: dict[tuple[Any, str], Callable[..., Any]] = {
    **{(time, name): getattr(time, name) for name in OF_TIME},
    **{(random, name): getattr(random, name) for name in OF_RANDOM},
    (os, "urandom"): os.urandom,
    (os, "getpid"): os.getpid,
    (uuid, "uuid4"): uuid.uuid4,
}


@contextmanager
def ambient(world: World, dice: Dice) -> Iterator[None]:
    """Until the block is left this thread's machine is the world; `dice` are its chance."""
    stubs = {
        key: _for_this_thread(answer, _REAL[key]) for key, answer in _answers(world, dice).items()
    }
    undo = [(owner, name, getattr(owner, name)) for owner, name in stubs]
    by_real = {id(_REAL[key]): stub for key, stub in stubs.items()}
    for module in [each for name, each in sys.modules.items() if name.split(".")[0] in GUESTS]:
        for name, value in vars(module).items():
            if id(value) in by_real:
                undo.append((module, name, value))
    try:
        for owner, name, value in undo:
            setattr(owner, name, stubs.get((owner, name)) or by_real[id(value)])
        yield
    finally:
        for owner, name, value in undo:
            setattr(owner, name, value)


def _answers(world: World, dice: Dice) -> dict[tuple[Any, str], Callable[..., Any]]:
    words = dice.stream("ambient")
    chance = random.Random(words.word())  # noqa: S311  # seeded by a stream of ours

    def urandom(size: int) -> bytes:
        return chance.randbytes(size)

    def wall(clock: str) -> Callable[..., time.struct_time]:
        real = _REAL[time, clock]

        def asked(at: float | None = None) -> time.struct_time:
            told: time.struct_time = real(world.now // SECOND if at is None else at)
            return told

        return asked

    return {
        (time, "time"): lambda: world.now / SECOND,
        (time, "time_ns"): lambda: world.now,
        (time, "monotonic"): lambda: world.elapsed() / SECOND,
        (time, "monotonic_ns"): world.elapsed,
        (time, "perf_counter"): lambda: world.elapsed() / SECOND,
        (time, "perf_counter_ns"): world.elapsed,
        (time, "gmtime"): wall("gmtime"),
        (time, "localtime"): wall("gmtime"),  # a world has no zone
        (os, "urandom"): urandom,
        (os, "getpid"): lambda: 1,
        (uuid, "uuid4"): lambda: uuid.UUID(bytes=urandom(16), version=4),
        **{(random, name): getattr(chance, name) for name in OF_RANDOM},
    }


def _for_this_thread(answer: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    mine = get_ident()

    def stub(*args: Any, **words: Any) -> Any:
        return (answer if get_ident() == mine else real)(*args, **words)

    return stub
