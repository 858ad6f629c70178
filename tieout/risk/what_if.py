"""What other limits would have said to each order of a recorded run.

True here: the run stays as it was recorded. A second desk under the other limits follows every fact
of it and is asked each wish anew; an order that passed then still trades, and counts, in what comes
after. So this is no other history, but the word that each order would have met where it stood.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from core.effects import PlaceOrder
from core.events import Event, OrderRequested
from core.gate import Approved, Refused
from core.journal import Store, decode_event
from core.risk_events import LimitsLoaded
from core.state import State
from core.step import step
from risk.adapter import LimitGate
from risk.limit_controls import CONTROLS
from risk.restored import desk_of
from risk.weights import REPORTING_DECIMALS


class Opinion(NamedTuple):
    """What was said to a wish, and what other limits would have; "" where it passed."""

    wish: OrderRequested
    said: str
    would_say: str
    why: str


class NoLimits(ValueError):
    """The run has no limits, or none of that control."""


def opinions(store: Store, others: Mapping[str, Decimal]) -> list[Opinion]:
    """Each wish of the journal under limits that differ in these sums, each by its control.

    `others` are amounts in the reporting asset, {"FIRM_NET": Decimal(400)}, at every place where
    the recorded limits bound that control. Raises `NoLimits`.
    """
    gate = _SecondDesk({control: _units(control, each) for control, each in others.items()})
    state = State()
    for body in store.events():
        step(state, decode_event(body), gate)
    if not gate.loaded:
        raise NoLimits("no limits were loaded in this run; a scenario with `limits` would do")
    return gate.opinions


def _units(control: str, amount: Decimal) -> int:
    known = CONTROLS.get(control)
    if known is None or known.units != ("reporting",):
        sums = [name for name, each in CONTROLS.items() if each.units == ("reporting",)]
        raise NoLimits(f"no sum {control!r}; there are {', '.join(sums)}")
    return int(amount.scaleb(REPORTING_DECIMALS))


class _SecondDesk:
    """Core's gate as it was, and beside it a desk under other limits, in whose place it can stand.

    `desk` is that desk while the state has the recorded one, and the other way round.
    """

    def __init__(self, others: Mapping[str, int]) -> None:
        self._others = others
        self._gate = LimitGate()
        self._desk: Any = UNSET
        self.loaded = False
        self.opinions: list[Opinion] = []

    def check(self, state: State, wish: OrderRequested, order: PlaceOrder) -> Approved | Refused:
        """What the recorded limits say; the others' word is kept."""
        said = self._gate.check(state, wish, order)
        self._swap(state)
        would_say = self._gate.check(state, wish, order)
        if isinstance(said, Refused) and not isinstance(would_say, Refused):
            self._forget(state, order.client_order_id)
        self._swap(state)
        code = would_say.code if isinstance(would_say, Refused) else ""
        why = would_say.text if isinstance(would_say, Refused) else ""
        was = said.code if isinstance(said, Refused) else ""
        self.opinions.append(Opinion(wish, was, code, why))
        return said

    def follow(self, state: State, event: Event) -> str:
        """Both desks follow the facts; of what is said, what was said then."""
        told = self._gate.follow(state, event)
        self._swap(state)
        if isinstance(event, LimitsLoaded) and event.slots:
            self.loaded = True
            event = _changed(event, self._others)
        self._gate.follow(state, event)
        self._swap(state)
        return told

    def _swap(self, state: State) -> None:
        state.risk.desk, self._desk = self._desk, state.risk.desk

    def _forget(self, state: State, name: str) -> None:
        """An order that passed here was never sent: nothing of it stays reserved."""
        desk = desk_of(state.risk)
        if desk is not None and name in desk.kept:
            desk.gate.release(desk.kept.pop(name).handle)


def _changed(event: LimitsLoaded, others: Mapping[str, int]) -> LimitsLoaded:
    bounds = [
        replace(each, amount=others[each.control]) if each.control in others else each
        for each in event.bounds
    ]
    return replace(event, bounds=tuple(bounds))
