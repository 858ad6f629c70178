"""The order lifecycle, as a table.

Rule 1. A late report never moves an order backwards: a report that is not in the table changes
nothing but is counted.
Rule 2. `unknown` is a state that counts as exposure. Only what the venue told moves an order on.
Rule 3. Fills are booked whatever the state: the table moves the order, never the money.
Rule 4. `filled` by our sum of fills is a conclusion, and may be wrong: one of them may be undone.
Then it is taken back, the order is `unknown`, and the venue is asked. What the venue called filled
stays filled.
"""

from core.events import OrderReport
from core.state import Order, OrderStatus, State

MOVES: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    "requested": ("refused", "in_flight"),
    "refused": (),
    "in_flight": (
        "unknown",
        "acknowledged",
        "partially_filled",
        "filled",
        "cancelled",
        "expired",
        "rejected",
    ),
    "unknown": (
        "acknowledged",
        "partially_filled",
        "filled",
        "cancelled",
        "expired",
        "rejected",
    ),
    "acknowledged": ("partially_filled", "filled", "cancelled", "expired"),
    "partially_filled": ("filled", "cancelled", "expired"),
    # The venue lived on after it said no: late truth wins, once.
    "rejected": ("acknowledged", "partially_filled", "filled", "cancelled", "expired"),
    "cancelled": ("filled",),
    "expired": ("filled",),
    "filled": (),
}

# The one way back, by rule 4 and no report.
TAKEN_BACK: tuple[OrderStatus, OrderStatus] = ("filled", "unknown")

TERMINAL: tuple[OrderStatus, ...] = ("refused", "filled", "cancelled", "expired", "rejected")
FILLS = "fills/"
WORKING: tuple[OrderStatus, ...] = ("in_flight", "unknown", "acknowledged", "partially_filled")


def move(order: Order, told: OrderReport | OrderStatus) -> bool:
    """Move the order if the table allows it; says whether it moved."""
    if told not in MOVES[order.status]:
        return False
    order.status = told
    return True


def take_back(order: Order) -> bool:
    """Not over after all, if only our own sum said so; says whether that was so."""
    if order.status != TAKEN_BACK[0] or not order.summed_at:
        return False
    order.status, order.summed_at = TAKEN_BACK[1], 0
    return True


def leaves(order: Order) -> int:
    """What may still fill: derived from fills, and zero once the order is over."""
    return 0 if order.status in TERMINAL else order.quantity - order.filled


def claimed(order: Order) -> int:
    """What the venue says was filled of it and we have not booked."""
    told = order.quantity if order.status == "filled" else order.told_filled
    return max(0, told - order.filled)


def fills_alarm(name: str) -> str:
    """The alarm that rings for an order while what the venue claims of it may still be told."""
    return FILLS + name


def is_awaited(state: State, order: Order) -> bool:
    """Whether what the venue claims may still be told: by its stream, or by its record."""
    return fills_alarm(order.client_order_id) in state.alarms


def awaited(state: State) -> list[Order]:
    """Those of which the venue claims what may still be told: none of them is put away."""
    names = [alarm.removeprefix(FILLS) for alarm in state.alarms if alarm.startswith(FILLS)]
    return [state.orders[name] for name in names if name in state.orders]
