"""What an order takes of what gates beside strategies lease: limited positions."""

from core.events import OrderRequested
from core.risk_events import Use


def uses_of(wish: OrderRequested) -> tuple[Use, ...]:
    """What an order takes of limited positions: of its own side, relieving the other."""
    mine, other = ("long", "short") if wish.side == "buy" else ("short", "long")
    here = f"{wish.account}/{wish.instrument}"
    return tuple(
        Use(f"{name}/{mine}", wish.quantity, f"{name}/{other}", wish.quantity)
        for name in (f"account_position/{here}", f"strategy_position/{wish.strategy}/{here}")
    )
