"""What a gate beside a strategy knows of orders: what they take of limited positions, and what the
strategy hears of one that did not pass.

The node asks the same of each ticket: a gate's word binds by what its order may come to, and not by
what the gate says that it takes.
"""

from collections.abc import Container

from core.effects import TellStrategy
from core.events import OrderRequested
from core.risk_events import Ticket, Use

POSITIONS = ("account_position", "strategy_position")


def uses_of(wish: OrderRequested) -> tuple[Use, ...]:
    """What an order takes of limited positions: of its own side, relieving the other."""
    mine, other = ("long", "short") if wish.side == "buy" else ("short", "long")
    here = f"{wish.account}/{wish.instrument}"
    return tuple(
        Use(f"{name}/{mine}", wish.quantity, f"{name}/{other}", wish.quantity)
        for name in (f"{POSITIONS[0]}/{here}", f"{POSITIONS[1]}/{wish.strategy}/{here}")
    )


def untrue(wish: OrderRequested, ticket: Ticket, lines: Container[str]) -> str:
    """What is wrong with what a ticket says of its order, on the lines that there are; "" mostly.

    More may be taken than the order comes to, and less relieved; never the other way round.
    """
    due = {use.line: use for use in uses_of(wish) if use.line in lines}
    for use in ticket.uses:
        should = due.pop(use.line, None)
        if should is not None and use.amount < should.amount:
            return f"{use.line}: it takes {use.amount}, and the order {should.amount}"
        if use.relief and use.relieves.partition("/")[0] in POSITIONS:
            most = should.relief if should is not None and use.relieves == should.relieves else 0
            if use.relief > most:
                return f"{use.relieves}: it relieves {use.relief}, and the order {most}"
    return "".join(f"{line}: it takes nothing of it" for line in list(due)[:1])


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
