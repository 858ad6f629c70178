"""Whose each fill is: who wished for it, or who alone held what the venue took over.

True here: nothing is guessed. A venue nets what strategies hold; where more than one held of a
position, what it liquidated is in a row of its own, and the sheet's parts are still the profit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from core.events import FillReported
from core.state import UNATTRIBUTED

LIQUIDATED: Final = "liquidated by the venue"


def attributed(fills: Sequence[FillReported], wished: Mapping[str, str]) -> list[str]:
    """A name for each fill, in order of time; `wished` has strategies by client order id."""
    held: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    found: list[str] = []
    for fill in fills:
        holders = held[fill.account, fill.instrument, fill.leg]
        name = wished.get(fill.client_order_id) or _forced(fill, holders)
        holders[name] += fill.quantity if fill.side == "buy" else -fill.quantity
        found.append(name)
    return found


def _forced(fill: FillReported, holders: Mapping[str, int]) -> str:
    if fill.cause != "liquidation":
        return UNATTRIBUTED
    those = [name for name, quantity in holders.items() if quantity]
    return those[0] if len(those) == 1 else LIQUIDATED
