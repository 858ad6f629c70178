"""An asyncio event loop without a machine beneath it: its timers are events of the world.

    what asyncio asks      who answers
    call_at, call_later    the world's heap; `time()` is the world's, in seconds since it began
    call_soon              a queue that one event of the world empties, in order, at this instant
    sockets, names         `sim/links.py`: transports in memory; whoever asks for TLS gets none
    executors              nobody: the function runs at once
    signals, processes,    nobody: `NotImplementedError`, as asyncio's own base has it
    pipes, readers

True here: one thread, no selector, no wait. Timers of one instant come in the world's order of
ties, so that races are explored; what is called soon keeps its order. The hash of a task or future
made here is its number, so that sets of them (`asyncio.wait`, `TaskGroup`, those who wait for one
name to be looked up in aiohttp) have the same order in every run; a set of coroutines has not:
`asyncio.as_completed` of coroutines is to be avoided. Garbage is collected after so many turns of
the loop and never between, so that what a finalizer does (a lost response gives its connection
back) is done at the same moment in every run.
"""

import asyncio
import gc
import socket
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from math import ceil
from typing import Any, TypeVar, TypeVarTuple

from simpy.core import EmptySchedule

from sim.links import LOCAL, Listener, Network, Plug
from sim.world import Call, World

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
SECOND = 1_000_000_000
TURNS_PER_COLLECTION = 5_000


class Stalled(RuntimeError):
    """Nothing is to come any more, and somebody still waits."""


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory."""

    def __init__(self, number: int, work: Any, **words: Any) -> None:
        self.number = number  # before asyncio puts it into a set of its own
        super().__init__(work, **words)

    def __hash__(self) -> int:
        return self.number


class NumberedFuture(asyncio.Future[Any]):
    """The same of a future."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self.number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.number


class Timer(asyncio.TimerHandle):
    """A timer that is a call of the world."""

    call: Call | None = None


class SimLoop(asyncio.AbstractEventLoop):
    """The loop of one world; `complaints` counts what asyncio would have logged."""

    def __init__(self, world: World, network: Network) -> None:
        self._world, self._network = world, network
        self._ready: deque[asyncio.Handle] = deque()
        self._turn_due = self._stopping = self._running = self._closed = False
        self._made = self._turns = 0
        self.complaints: Counter[str] = Counter()

    # --- time -------------------------------------------------------------------------------------

    def time(self) -> float:
        return self._world.elapsed() / SECOND

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._queue(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """There is one thread."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._check_open()
        timer = Timer(when, callback, args, self, context)
        wait = max(0, _not_before(when) - self._world.elapsed())
        timer.call = self._world.call_in(wait, self._queue, timer)
        return timer

    def _timer_handle_cancelled(self, handle: Any) -> None:
        handle.call.cancel()

    def _queue(self, handle: asyncio.Handle) -> None:
        self._check_open()
        self._ready.append(handle)
        if not self._turn_due:
            self._turn_due = True
            self._world.call_in(0, self._turn)

    def _turn(self) -> None:
        """What is ready now; what becomes ready meanwhile has a turn of its own, as in asyncio."""
        self._turn_due = False
        self._turns += 1
        if not self._turns % TURNS_PER_COLLECTION:
            gc.collect()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()

    # --- running ----------------------------------------------------------------------------------

    def run_until_complete(self, future: Any) -> Any:
        """Run the world until it is done; an error of the world is raised here."""
        work = asyncio.ensure_future(future, loop=self)
        work.add_done_callback(lambda _: self.stop())
        self.run_forever()
        if not work.done():
            raise RuntimeError("the loop was stopped before its work was done")
        return work.result()

    def run_forever(self) -> None:
        self._check_open()
        asyncio._set_running_loop(self)
        self._running = True
        try:
            with _collected_by_turns():
                while not self._stopping:
                    self._world.step()
        except EmptySchedule:
            raise Stalled(f"{self.time():.3f} s: nothing is to come, and somebody waits") from None
        finally:
            self._stopping = self._running = False
            asyncio._set_running_loop(None)

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")

    async def shutdown_asyncgens(self) -> None:
        """None is kept account of."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    # --- tasks ------------------------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        return NumberedFuture(self._next(), self)

    def create_task(
        self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], **words: Any
    ) -> asyncio.Task[T]:
        number = self._next()
        words["name"] = words.get("name") or f"task {number}"
        return NumberedTask(number, coro, loop=self, **words)

    def _next(self) -> int:
        self._made += 1
        return self._made

    def run_in_executor(
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # who awaits it hears of it
            done.set_exception(error)
        return done

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints[f"{context.get('message')}: {type(error).__name__}"] += 1

    # --- sockets ----------------------------------------------------------------------------------

    async def getaddrinfo(self, host: Any, port: Any, **words: Any) -> Any:
        """From the network's table; a name that is not in it is nowhere."""
        where = self._network.address_of(str(host), int(port))
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]

    async def sock_connect(self, sock: Any, address: Any) -> None:
        await self._network.dial(self, sock, address)

    async def create_connection(  # type: ignore[override]  # of asyncio's many words, those that matter here
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        *,
        sock: Any = None,
        **words: Any,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        if sock is None:
            found = await self.getaddrinfo(host, port)
            sock = Plug()
            await self.sock_connect(sock, found[0][4])
        protocol = protocol_factory()
        end = sock.plugged(protocol)
        await asyncio.sleep(0)  # it is told of its transport before anybody uses it
        return end, protocol

    async def create_server(  # type: ignore[override]  # as above
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        **words: Any,
    ) -> Listener:
        address = self._network.address_of(host if isinstance(host, str) else LOCAL, port or 0)
        return self._network.listen(self, address, protocol_factory)


@contextmanager
def _collected_by_turns() -> Iterator[None]:
    """Nobody collects but a turn; what was there before is not looked at again and again."""
    automatic = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if automatic:
            gc.enable()


def _not_before(when: float) -> int:
    """The first nanosecond at which `time()` is no less than that: who wakes too early would ask
    for the same instant over and over."""
    at = ceil(when * SECOND)
    return at if at / SECOND >= when else at + 1
