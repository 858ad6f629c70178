"""What a gate beside a strategy knows of orders: what they take of limited positions, and what the
strategy hears of one that did not pass.
"""

from core.effects import TellStrategy
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


def refusal(wish: OrderRequested) -> TellStrategy:
    """The node never hears of it."""
    return TellStrategy(
        strategy=wish.strategy,
        reference=wish.reference,
        client_order_id="",
        account=wish.account,
        instrument=wish.instrument,
        side=wish.side,
        status="refused",
        quantity=wish.quantity,
        filled_quantity=0,
        leg=wish.leg,
        reason="its gate has no budget for it",
    )
