"""The hot gate where core asks its gate.

Rule 1. First the rule of breaks (`core.gate.BreakGate`): where one is open, only exits pass.
Rule 2. It holds nothing itself: its counters are the state's (`risk.desk`), so that one gate serves
every node, recovery and replay. Before limits were loaded that it asks for, Rule 1 is all.
Rule 3. An order on a ticket was approved out of a lease, if what the ticket says that it takes is
what it may come to; it is asked here for all the rest: sums are the firm's, whichever gate an order
comes from. The exit of a kill no limit stops; it counts.
"""

from msgspec import UNSET

from core.effects import PlaceOrder
from core.events import CancelRequested, Event, OrderRequested, ReferenceSet
from core.gate import Approved, BreakGate, Refused
from core.risk_events import ExposureStated, LimitsLoaded
from core.state import State
from core.strategies import KILL
from risk.beside import untrue
from risk.counters import DISABLED, ENABLED, REDUCING
from risk.desk import Desk
from risk.restored import desk_of
from risk.setting import set_up

SHUT = "the gate could not count a fact and let itself fall shut: no order passes any more"
STANDINGS = {"enabled": ENABLED, "reduce_only": REDUCING, "disabled": DISABLED}


class LimitGate:
    """Core's gate under limits."""

    def __init__(self) -> None:
        self.breaks = BreakGate()

    def check(self, state: State, wish: OrderRequested, order: PlaceOrder) -> Approved | Refused:
        """Decide on the order; what passes is reserved at the desk."""
        verdict = self.breaks.check(state, wish, order)
        if wish.ticket is not None:
            wrong = untrue(wish, wish.ticket, state.risk.lines)
            if wrong:
                return Refused("BAD_TICKET", wrong)
        desk = desk_of(state.risk)
        if desk is None or isinstance(verdict, Refused):
            return verdict
        if wish.strategy == KILL:
            return verdict
        _stand(state, desk, wish.strategy)
        desk.lease.tighten(desk, state, wish.received_at)
        code, text = desk.ask(state, wish, order.client_order_id)
        return Refused(code, text) if code else verdict

    def follow(self, state: State, event: Event) -> str:
        """The desk follows the limits, the orders, the books and the prices."""
        desk = desk_of(state.risk)
        if isinstance(event, LimitsLoaded):
            if event.slots:
                state.risk.desk = set_up(desk, state, event)
            return ""
        if desk is None:
            return ""
        was = desk.gate.firm.state
        _follow(state, desk, event)
        return SHUT if desk.gate.firm.state != was else ""


def _follow(state: State, desk: Desk, event: Event) -> None:
    """What a step did to orders, books, prices and the engine's word."""
    for name in state.risk.touched:
        order = state.orders.get(name)
        if order is not None:
            desk.observe(order, event.received_at)
    if state.posted:
        _count(state, desk)
    match event:
        case CancelRequested():
            desk.cancelled(event.client_order_id, event.received_at)
        case ReferenceSet():
            _price(state, desk, event)
        case ExposureStated() if _is_newest(state, event):
            desk.lease.heard(desk, event)
        case _:
            pass


def _stand(state: State, desk: Desk, strategy: str) -> None:
    """Who may trade stands in core's books; the gate asks it once more."""
    if strategy in desk.strategies:
        known = state.risk.strategies.get(strategy)
        standing = STANDINGS[known.standing] if known is not None else DISABLED
        desk.gate.strategies[desk.strategies.index(strategy)].state = standing


def _is_newest(state: State, event: ExposureStated) -> bool:
    cold = state.risk.cold
    return cold is not UNSET and (event.epoch, event.sequence) == (cold.epoch, cold.sequence)


def _count(state: State, desk: Desk) -> None:
    """The holdings that this step posted to; an exchange settles as it trades."""
    moved = {line.holding: None for line in state.posted}
    for line in state.posted:
        moved["/".join(line.figure.split("/")[1:4])] = None
    for number, place in enumerate(desk.places):
        name = f"{place.account}/{place.instrument}"
        if name in moved or f"{name}/{place.leg}" in moved:
            desk.count(state, number)
    for number, account in enumerate(desk.gate.accounts):
        desk.gate.settled(number, account.unsettled)


def _price(state: State, desk: Desk, event: ReferenceSet) -> None:
    account = state.accounts[event.account]
    for number, place in enumerate(desk.places):
        if (place.account, place.instrument) == (event.account, event.instrument):
            desk.priced(account, number, event.instrument)
