"""A run under seal: who asks this machine for the time, for chance, for its environment, for a
file, a socket, a process or a thread is refused: the answer would differ from run to run.

True here, in the thread that runs under a seal and while it does:

- clocks, dice and environment are replaced by stubs that raise `Broken`, in their own modules and
  where a module of ours took one by its name; they are put back when the last seal is off. Other
  threads get what they ask for.
- What is opened, listed, connected, started is refused by an audit hook; importing is not.
- `hash` and `id` are refused to core and risk alone: the world may know its own objects apart.
- Whoever swallows a `Broken` gains nothing: the seal raises it again at the end.

What two machines may differ in and is let through: their tables of time zones.

What it costs is a look at each name of our modules where more was imported since, and some tenths
of a millisecond else. Not seen: what a module took as the default of an argument, a method of a
numpy generator or of one of `_random`, what a finalizer does, code that mypyc compiled as it asks
for `hash` or `id`, the address in the `repr` of a plain object, for how long a lock was waited for
(`acquire(timeout=)`, `join(timeout)`), what `os.stat` tells of a file (its times, whether it is
there), and `os.getcwd`: imports and tracebacks ask these two all the time.
"""

import _random
import datetime
import gc
import os
import posix
import random
import resource
import secrets
import select
import selectors
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import Any, TypeVar, cast
from zoneinfo import TZPATH

T = TypeVar("T")
OURS = ("core", "risk", "sim", "venues", "rails", "tokens", "scenarios", "tieout")
PURE = ("core", "risk")
# What a library asks for its own sake; a line of source is shown in a traceback or a warning.
EXEMPT = (
    "gettext",  # in which language a holiday has its name: nothing reads it
    "linecache",
)
# What happens below these is not of the run: a module is loaded late and asks as it would have
# before, something is cleared away or its memory measured, somebody looks at the run with a
# debugger or prints.
NOT_OF_THE_RUN = ("importlib._bootstrap", "weakref", "pdb", "ipykernel.iostream", "distributed.gc")
# What asyncio calls as it clears a task or a future away that nobody waited for: their finalizers
# are written in C and leave no frame of their own. Our loop's is not meant: it asks for nothing.
COMPLAINS = ("asyncio.base_events", "call_exception_handler")
# What is read when it is first needed, and is the same in every run: what lies beside the code,
# what people wrote beside a scenario, the machine's time zones, and the source
# that a traceback shows: perhaps that of a finalizer, which is of no run.
BESIDE = tuple(str(Path(__file__).parent.parent / name) + os.sep for name in OURS)
READERS = ("risk.written", "scenarios.bounds", "tokenize")
# Who asks on somebody else's behalf.
BETWEEN = (__name__, "os", "collections.abc", "random", "uuid", "secrets", "pathlib", "io")

CLOCKS = (
    *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
    *("process_time", "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime"),
    *("clock_gettime_ns", "localtime", "gmtime", "ctime", "sleep"),
)
# Without a time they say the machine's: those that are given one only write it.
WRITE_A_TIME = {"strftime": 2, "asctime": 1}
MACHINE = ("urandom", "getrandom", "getpid", "getppid", "times", "uname", "getloadavg", "cpu_count")
WAITS = ("select", "poll", "epoll", "kqueue")
NOWS = {"datetime": ("now", "utcnow", "today"), "date": ("today",)}
ENVIRONMENT = ("__getitem__", "__iter__", "__len__", "__setitem__", "__delitem__")
OF_NUMPY = ("default_rng", "RandomState", "SeedSequence", "random", "rand", "randn", "randint")
# Prefixes of what `sys.audit` tells.
AUDITED = (
    *("open", "os.listdir", "os.scandir", "os.system", "os.exec", "os.fork", "os.posix_spawn"),
    *("os.spawn", "os.putenv", "socket.", "subprocess.", "sqlite3.", "apsw", "urllib."),
    *("glob.", "_thread.start", "ctypes.", "time.sleep", "gc.get_"),
)


class Broken(RuntimeError):
    """Somebody under seal asked for what differs from run to run."""


class Seal:
    """What one thread may not do, and the first that it did all the same."""

    def __init__(self) -> None:
        self.broken: Broken | None = None
        self.opened = False

    def refuse(self, what: str, only: tuple[str, ...] = ()) -> None:
        """Raise `Broken`, unless who asks is exempt, or not one of `only`."""
        if self.opened:
            return
        module, place = _asker()
        root = module.partition(".")[0]
        if module in EXEMPT or (only and root not in only) or _is_of_no_run():
            return
        error = Broken(f"{what}, asked for by {place}, differs from run to run")
        self.broken = self.broken or error
        raise error

    def opened_for(self, function: Callable[[float], None]) -> Callable[[float], None]:
        """The function, which may ask for anything: it reports, and nothing comes of it."""

        def call(share: float) -> None:
            self.opened = True
            try:
                function(share)
            finally:
                self.opened = False

        return call


_seals: dict[int, Seal] = {}
_lock = threading.Lock()
_places: list[tuple[Any, str, Any]] = []
_undo: list[tuple[Any, str, Any]] = []
_looked_at: list[object] = []
_hooked: list[bool] = []
_MISSING = object()


@contextmanager
def seal() -> Iterator[Seal]:
    """Seal this thread until the block is left; in a sealed block another one changes nothing."""
    thread = get_ident()
    if thread in _seals:
        yield _seals[thread]
        return
    made = Seal()
    with _lock:
        if not _seals:
            _put_on()
        _seals[thread] = made
    try:
        yield made
    finally:
        with _lock:
            del _seals[thread]
            if not _seals:
                _take_off()
    if made.broken is not None:
        raise made.broken


# --- stubs ---------------------------------------------------------------------------------------


def _put_on() -> None:
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked.append(True)
    newest = next(reversed(sys.modules.values()))
    if _looked_at != [len(sys.modules), newest]:
        _looked_at[:] = [len(sys.modules), newest]
        _places[:] = _found()
    for owner, name, stub in _places:
        _undo.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, stub)


def _take_off() -> None:
    while _undo:
        owner, name, value = _undo.pop()
        if value is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, value)


def _found() -> list[tuple[Any, str, Any]]:
    """Whose attribute of which name is replaced, and by what: found anew once more is imported."""
    stubs = _stubs()
    by_real = {id(vars(owner)[name]): stub for owner, name, stub in stubs}
    found = list(stubs)
    for module in [each for name, each in sys.modules.items() if name.partition(".")[0] in OURS]:
        if module.__name__ != __name__:
            taken = [(name, by_real.get(id(value))) for name, value in vars(module).items()]
            found += [(module, name, stub) for name, stub in taken if stub is not None]
        if module.__name__.partition(".")[0] in PURE:
            found += [(module, name, stub) for name, stub in PURE_STUBS.items()]
    return found


def _stubs() -> list[tuple[Any, str, Any]]:
    functions: list[tuple[Any, tuple[str, ...]]] = [
        (time, CLOCKS),
        (posix, MACHINE),
        (os, ("getenv", *MACHINE)),
        (resource, ("getrusage",)),
        (gc, ("get_count", "get_stats")),
        (ssl, ("RAND_bytes", "RAND_pseudo_bytes")),
        (select, WAITS),
        *((kind, ("select",)) for kind in vars(selectors).values() if _is_a_selector(kind)),
        (uuid, ("uuid1", "uuid4")),
        (secrets, tuple(secrets.__all__)),
        (random, tuple(name for name in random.__all__ if name != "Random")),
        (os._Environ, ENVIRONMENT),
        (threading.Thread, ("start",)),
    ]
    if "numpy.random" in sys.modules:
        functions.append((sys.modules["numpy.random"], OF_NUMPY))
    stubs = [
        (owner, name, _refusing(f"{owner.__name__}.{name}", getattr(owner, name)))
        for owner, names in functions
        for name in names
        if name in vars(owner)
    ]
    stubs.append((random.Random, "seed", _seeded(random.Random.seed)))
    stubs.append((_random, "Random", _with_a_seed(_random.Random)))
    stubs.append((threading.Condition, "wait", _patient(threading.Condition.wait)))
    stubs += [(time, n, _told(f"time.{n}", getattr(time, n), k)) for n, k in WRITE_A_TIME.items()]
    stubs += [(datetime, n, _timeless(getattr(datetime, n), nows)) for n, nows in NOWS.items()]
    return stubs


def _refusing(what: str, real: Callable[..., T], only: tuple[str, ...] = ()) -> Callable[..., T]:
    def stub(*args: Any, **words: Any) -> T:
        sealed = _seals.get(get_ident())
        if sealed is not None:
            sealed.refuse(what, only)
        return real(*args, **words)

    return stub


def _seeded(real: Callable[..., None]) -> Callable[..., None]:
    """Dice that somebody seeds are dice; without a seed the machine gives one."""
    unseeded = _refusing("random.Random()", lambda *args, **words: real(*args, **words))

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            unseeded(self)
        else:
            real(self, a, version)

    return seed


def _is_a_selector(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, selectors.BaseSelector)


def _with_a_seed(real: Callable[..., T]) -> Callable[..., T]:
    """The same of what they are made of."""
    unseeded = _refusing("_random.Random()", real)
    return lambda *seed: real(*seed) if seed and seed[0] is not None else unseeded(*seed)


def _told(what: str, real: Callable[..., T], told: int) -> Callable[..., T]:
    """The function, which has to be given as many arguments: else it looks at the clock."""
    untold = _refusing(what, real)
    return lambda *args: real(*args) if len(args) >= told else untold(*args)


def _patient(real: Callable[..., bool]) -> Callable[..., bool]:
    """Whoever waits for so long and no longer looks at a clock."""
    hasty = _refusing("a wait with a timeout", real)

    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        return real(self) if timeout is None else hasty(self, timeout)

    return wait


def _timeless(real: type[T], nows: tuple[str, ...]) -> type[T]:
    """The class without its `now`: what it makes is a `real`, and a `real` is one of it."""

    class Timeless(type):
        def __instancecheck__(cls, thing: object) -> bool:
            return isinstance(thing, real)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, real)

    def new(cls: type[T], *args: Any, **words: Any) -> T:
        if cls is made:
            return real(*args, **words)
        return real.__new__(cls, *args, **words)  # a module that was loaded meanwhile has a kind

    def refused(name: str) -> Any:
        def asked(cls: type[T], *args: Any, **words: Any) -> Any:
            return getattr(super(made, cls), name)(*args, **words)

        return classmethod(_refusing(f"{real.__name__}.{name}", asked))

    made: Any = Timeless(
        real.__name__, (real,), {"__new__": new, **{name: refused(name) for name in nows}}
    )
    return cast("type[T]", made)


PURE_STUBS = {"hash": _refusing("hash()", hash, PURE), "id": _refusing("id()", id, PURE)}


# --- the audit hook ------------------------------------------------------------------------------


def _audit(event: str, args: tuple[Any, ...]) -> None:
    """There is no taking it off: it looks whether there is a seal, and that is nearly all."""
    if not _seals or event == "builtins.id":  # which the world asks thousands of times a run
        return
    sealed = _seals.get(get_ident())
    if sealed is None:
        return
    if event == "open" and _may_be_read(*args):
        return
    if event.startswith(AUDITED):
        sealed.refuse(f"{event} {args[0] if args else ''}".strip())


def _may_be_read(path: object, mode: str | None, flags: int) -> bool:
    """A table that is the same in every run."""
    if mode not in ("r", "rb") or not isinstance(path, str):
        return False
    return path.startswith((*BESIDE, *TZPATH)) or _asker()[0] in READERS


def _asker() -> tuple[str, str]:
    """The module that asks, and the place of ours on whose behalf it does."""
    asks = place = ""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not place:
        module = _module(frame)
        if module not in BETWEEN:
            asks = asks or module
            if module.partition(".")[0] in OURS:
                place = f"{module}:{frame.f_lineno} ({frame.f_code.co_name})"
        frame = frame.f_back
    return asks, place or asks


def _is_of_no_run() -> bool:
    """Whether somebody asks below what does not belong to the run; a finalizer need not, either."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module, name = _module(frame), frame.f_code.co_name
        if module in NOT_OF_THE_RUN or name == "__del__" or (module, name) == COMPLAINS:
            return True
        frame = frame.f_back
    return False


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
