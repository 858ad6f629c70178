"""Alarms of a node in an event loop: each rings at its time by our clock, and once.

The loop's clock is another than ours: it may wake before the time has come by ours, and is then
set again.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from core.effects import SetAlarm
from core.events import AlarmRang


class Alarms:
    """Those that are armed; `deliver` is told of each that rings."""

    def __init__(self, clock: Callable[[], int], deliver: Callable[[AlarmRang], None]) -> None:
        self._clock, self._deliver = clock, deliver
        self._armed: dict[str, asyncio.TimerHandle] = {}

    def arm(self, effect: SetAlarm) -> None:
        """Ring at its time; an alarm that is set anew rings once."""
        before = self._armed.pop(effect.alarm, None)
        if before is not None:
            before.cancel()
        wait_s = max(0, effect.at - self._clock()) / 1e9
        loop = asyncio.get_running_loop()
        self._armed[effect.alarm] = loop.call_later(wait_s, partial(self._ring, effect))

    def stop(self) -> None:
        """None of them outlives the loop's work."""
        for timer in self._armed.values():
            timer.cancel()
        self._armed.clear()

    def _ring(self, effect: SetAlarm) -> None:
        self._armed.pop(effect.alarm, None)
        if self._clock() < effect.at:
            self.arm(effect)
        else:
            self._deliver(AlarmRang(received_at=0, alarm=effect.alarm))
