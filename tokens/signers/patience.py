"""One call at a time, for as long as we are willing to wait: for libraries that know no timeout.

True here: a call that does not come back is left behind in a thread of its own, and as long as it
stands nobody is let in after it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from tokens.signers.backend import NotSigned

Told = TypeVar("Told")


class Patience:
    """Waits so many seconds for its turn, and as many for the call. Turns may be shared."""

    def __init__(self, seconds_max: float, turn: threading.Lock) -> None:
        self._seconds_max, self._turn = seconds_max, turn

    def call(self, work: Callable[[], Told]) -> Told:
        """What the call gives or raises; `NotSigned` where it is not back in time."""
        if not self._turn.acquire(timeout=self._seconds_max):
            raise NotSigned("a call before this one has not come back yet")
        answer: Future[Told] = Future()
        threading.Thread(target=self._run, args=(work, answer), daemon=True).start()
        try:
            return answer.result(self._seconds_max)
        except TimeoutError:
            raise NotSigned(f"no answer within {self._seconds_max:g} s") from None

    def _run(self, work: Callable[[], Told], answer: Future[Told]) -> None:
        try:
            told = work()
        except Exception as error:  # noqa: BLE001  # it is raised again where it is waited for
            self._turn.release()
            answer.set_exception(error)
        else:
            self._turn.release()
            answer.set_result(told)
