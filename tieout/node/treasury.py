"""What people are asked to move, in words: keys that trade cannot withdraw."""

from core.effects import MoveCash
from core.money import ASSET_DECIMALS, show
from core.state import State


def asked_of_people(state: State, asked: MoveCash) -> str:
    """The alert: how much, from where to where, and under which name the books wait for it."""
    amount = show(asked.amount, state.decimals.get(asked.asset, ASSET_DECIMALS))
    return (
        f"move {amount} {asked.asset} from {asked.source} to {asked.target}, to the unit"
        f" ({asked.move_id})"
    )
