"""What was traded in a rolling window, from the fills that were told, each counted once.

A fill is worth its lots at the gate's own unit of when it was told. What was undone stays counted:
it went through the market all the same.
"""

from core.events import Event, FillReported, ProgressReported
from core.state import State
from risk.desk import Desk
from risk.restored import desk_of
from risk.windows import SLICES, Window

FIRM = (("firm",),)


class Flows:
    """The firm's turnover, if limits bound it."""

    def __init__(self) -> None:
        self._window: Window | None = None
        self._seen: dict[tuple[str, ...], int] = {}

    def note(self, state: State, event: Event) -> None:
        """One more event; only what tells of a trade counts."""
        match event:
            case FillReported():
                key = (event.account, event.instrument, event.fill_id, event.side)
                self._count(state, key, event)
            case ProgressReported():
                self._count(state, (event.account, event.order_id), event)
            case _:
                pass

    def _count(
        self, state: State, key: tuple[str, ...], event: FillReported | ProgressReported
    ) -> None:
        """By how much more is told of it than before, at the moment of its telling."""
        desk = desk_of(state.risk)
        more = event.quantity - self._seen.get(key, 0)
        if desk is None or more <= 0 or desk.turnover_ns < SLICES:
            return
        self._seen[key] = event.quantity
        worth = _worth(desk, event.account, event.instrument, more)
        self._of(desk.turnover_ns, event.received_at).add(FIRM, worth, event.received_at)

    def _of(self, length_ns: int, now: int) -> Window:
        """The window of this length; what one of another had counted counts as traded now."""
        before = self._window
        if before is not None and before.length_ns == length_ns:
            return before
        self._window = Window(length_ns)
        if before is not None:
            self._window.add(FIRM, before.total(FIRM[0], now), now)
        return self._window

    def is_over(self, state: State) -> bool:
        """Whether as much was traded as may be: of nothing, before there is any."""
        desk = desk_of(state.risk)
        if desk is None or not desk.turnover_ns:
            return False
        traded = self._window.total(FIRM[0], state.now) if self._window is not None else 0
        return traded >= desk.turnover_max


def _worth(desk: Desk, account: str, instrument: str, quantity: int) -> int:
    for number, place in enumerate(desk.places):
        if (place.account, place.instrument) == (account, instrument):
            return -(-quantity // place.lot) * desk.gate.holdings[number].unit
    return 0
