"""Waiting until what was told is durable: whoever answers for it outside may do so only then.

A group's commit wakes all that waited for it: `committed` is what a `NodeLoop` awaits after each.
"""

import asyncio


class NotDurable(TimeoutError):
    """No commit came in time: what was told may be lost yet."""


class Durable:
    """Of one node's journal."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def committed(self) -> None:
        """The same as `kept`, for who awaits it."""
        self.kept()

    def kept(self) -> None:
        """All that was told until now is durable."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def wait(self, seconds_max: float) -> None:
        """Until what was told before this call is durable; raises `NotDurable`.

        Nothing may be awaited between the telling and this call: the group would be gone.
        """
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await asyncio.wait_for(waiting, seconds_max)
        except TimeoutError:
            raise NotDurable(f"no commit within {seconds_max} s") from None
