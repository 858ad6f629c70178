"""The order lifecycle, as a table.

Rule 1. A late report never moves an order backwards: a report that is not in the table changes
nothing but is counted.
Rule 2. `unknown` is a state that counts as exposure. Only what the venue told moves an order on.
Rule 3. Fills are booked whatever the state: the table moves the order, never the money.
"""

from core.events import OrderReport
from core.state import Order, OrderStatus

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

TERMINAL: tuple[OrderStatus, ...] = ("refused", "filled", "cancelled", "expired", "rejected")
WORKING: tuple[OrderStatus, ...] = ("in_flight", "unknown", "acknowledged", "partially_filled")


def move(order: Order, told: OrderReport | OrderStatus) -> bool:
    """Move the order if the table allows it; says whether it moved."""
    if told not in MOVES[order.status]:
        return False
    order.status = told
    return True


def leaves(order: Order) -> int:
    """What may still fill: derived from fills, and zero once the order is over."""
    return 0 if order.status in TERMINAL else order.quantity - order.filled
