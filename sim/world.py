"""Simulated time: a SimPy environment in integer nanoseconds.

True here:

- `now` is an int, the nanoseconds since the epoch of UTC; a float, a bool or a numpy integer as a
  time or a delay is a TypeError, wherever it comes from.
- Events run in order of time. At one instant SimPy's urgent events (a process starting, an
  interrupt, the end of `run`) come first, in the order in which they were scheduled.
- The others of that instant come as they were scheduled when `tie_break` is None, and in an order
  drawn from that seed otherwise, so that races are explored. Cause still precedes effect: what an
  event schedules for its own instant runs after it. What needs first-in-first-out at one instant (a
  TCP stream) keeps it with a queue of its own.

Use processes for actors and `call_in` for messages: a process for each costs six times a call.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVarTuple

import simpy
from simpy.core import SimTime
from simpy.events import NORMAL, Event, EventPriority

from sim.dice import Dice

Ts = TypeVarTuple("Ts")
SECOND = 1_000_000_000
# When the worlds of scenarios begin: 2023-11-14 22:13:20 UTC.
EPOCH_NS = 1_700_000_000 * SECOND


class World(simpy.Environment):
    """The one clock of a simulation; it also schedules plain calls."""

    def __init__(self, epoch_ns: int = 0, tie_break: int | None = None) -> None:
        _check_whole("epoch_ns", epoch_ns)
        super().__init__(epoch_ns)
        self._began = epoch_ns
        # Two drawn keys are equal once in 2**64 ties; the heap would then raise, not misorder.
        self._tie: Callable[[], int] = (
            count().__next__ if tie_break is None else Dice(tie_break).stream("world/ties").word
        )

    @property
    def now(self) -> int:
        """Nanoseconds since the epoch."""
        return self._now  # type: ignore[return-value]  # SimPy allows floats, `schedule` does not

    def clock(self) -> int:
        """`now`, for who wants to ask again and again."""
        return self._now  # type: ignore[return-value]  # as above

    def elapsed(self) -> int:
        """Nanoseconds since this world began."""
        return self._now - self._began  # type: ignore[return-value]  # as above

    def call_in(self, delay_ns: int, function: Callable[[*Ts], object], *args: *Ts) -> "Call":
        """Call function(*args) after a delay; the handle can cancel it."""
        if type(delay_ns) is not int:
            _check_whole("delay_ns", delay_ns)
        if delay_ns < 0:
            raise ValueError(f"delay_ns is negative: {delay_ns}")
        call = Call(function, args)
        # `step` takes it out itself: SimPy never sees it.
        heappush(self._queue, (self._now + delay_ns, NORMAL, self._tie(), call))  # type: ignore[misc]
        return call

    def call_at(self, when_ns: int, function: Callable[[*Ts], object], *args: *Ts) -> "Call":
        """Call function(*args) at a time that is not in the past; the handle can cancel it."""
        if type(when_ns) is not int:
            _check_whole("when_ns", when_ns)
        if when_ns < self._now:
            raise ValueError(f"when_ns is {self.now - when_ns} ns in the past")
        call = Call(function, args)
        heappush(self._queue, (when_ns, NORMAL, self._tie(), call))  # type: ignore[misc]
        return call

    def skip_to(self, when_ns: int) -> None:
        """Let time pass in which nothing happens: it must not come to what is scheduled."""
        assert self._now <= when_ns <= self.peek(), (self._now, when_ns, self.peek())
        self._now = when_ns

    def run(self, until: SimTime | Event | None = None) -> Any:
        """Run until that time, event or, with None, until nothing is scheduled.

        A time is where it stops: `now` equals it, and the events of that instant have not run.
        """
        if until is not None and not isinstance(until, Event):
            _check_whole("until", until)
        return super().run(until)

    def step(self) -> None:
        """Run what comes next. Nearly all are plain calls, which need nothing else of SimPy."""
        queue = self._queue
        first: object = queue[0][3] if queue else None
        if type(first) is Call:
            self._now = heappop(queue)[0]
            if first._function is not None:
                first._function(*first._args)
        else:
            super().step()

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: SimTime = 0) -> None:
        """SimPy's door to the heap, for all of its own events."""
        if type(delay) is not int:
            _check_whole("delay", delay)
        # Urgent events stay in order: a process may be interrupted in the instant it starts.
        tie = self._tie() if priority == NORMAL else next(self._eid)
        heappush(self._queue, (self._now + delay, priority, tie, event))


class Call:
    """A call to come, and a handle to cancel it."""

    __slots__ = ("_args", "_function")

    def __init__(self, function: Callable[..., object], args: tuple[object, ...]) -> None:
        self._function: Callable[..., object] | None = function
        self._args = args

    def cancel(self) -> None:
        """It will not be called; harmless when it was already.

        The heap keeps its place until the time comes, so a cancelled call still moves the clock of
        a `run()` without end.
        """
        self._function = None
        self._args = ()


def _check_whole(name: str, value: object) -> None:
    if type(value) is not int:
        raise TypeError(f"{name} must be an int of nanoseconds, not {value!r}")
