"""What each strategy holds, from its figures: told to it where it cannot know by itself.

A strategy sums what it hears. It hears nothing of what was filled while its node was down, and it
begins with nothing when its node comes up again. Of a spot instrument it also holds the coins that
were moved to the account for it, less those that were moved away.
"""

from core.effects import Effect, TellPosition
from core.events import Leg
from core.money import ASSET_DECIMALS, QUANTITY_DECIMALS, TEN_TO
from core.state import UNATTRIBUTED, Listing, State, figure

# Under what a venue tells a movement of cash that a strategy asked for (`core/moves.py`).
MOVED = ("transfer", "deposit", "withdrawal")
LEGS: dict[str, Leg] = {"net": "net", "long": "long", "short": "short"}


def tell_all(state: State) -> list[Effect]:
    """Every strategy's every position."""
    told: list[Effect] = []
    for account in state.accounts.values():
        for listing in account.listings.values():
            told += tell(state, account.name, listing)
    return told


def tell(state: State, account: str, listing: Listing) -> list[Effect]:
    """Each strategy's position in one instrument, leg by leg."""
    sums: dict[tuple[str, Leg], int] = {}
    middle = f"/{account}/{listing.instrument}/"
    moved = f"/{account}/-/"
    for name, amount in state.figures.items():
        strategy, found, rest = name.partition(middle)
        leg = _leg(listing, rest) if found else None
        if listing.kind == "spot" and not found:
            strategy, _, rest = name.partition(moved)
            leg = "net" if rest in [f"{purpose}/{listing.base}" for purpose in MOVED] else None
        if leg is not None and strategy != UNATTRIBUTED:
            sums[strategy, leg] = sums.get((strategy, leg), 0) + amount
    return [
        TellPosition(
            strategy=strategy,
            account=account,
            instrument=listing.instrument,
            leg=leg,
            quantity=_quantity(state, listing, amount),
        )
        for (strategy, leg), amount in sums.items()
    ]


def held(state: State, strategy: str, account: str, listing: Listing, leg: Leg) -> int:
    """What one strategy holds of one leg, in units of a quantity."""
    names: list[tuple[str, str]] = [("position", leg), ("restated", leg)]
    if listing.kind == "spot":
        names = [("trade", listing.base), ("fee", listing.base)]
    amounts = [
        state.figures.get(figure(strategy, account, listing.instrument, purpose, unit), 0)
        for purpose, unit in names
    ]
    if listing.kind == "spot":
        amounts += [
            state.figures.get(figure(strategy, account, "-", purpose, listing.base), 0)
            for purpose in MOVED
        ]
    return _quantity(state, listing, sum(amounts))


def _leg(listing: Listing, figure: str) -> Leg | None:
    """Which leg a figure ("purpose/unit") is part of; None for what is no position."""
    purpose, _, unit = figure.partition("/")
    if listing.kind == "spot":
        return "net" if purpose in ("trade", "fee") and unit == listing.base else None
    return LEGS.get(unit) if purpose in ("position", "restated") else None


def _quantity(state: State, listing: Listing, amount: int) -> int:
    """In units of a quantity; of an asset with more decimals, what is less than one is left out."""
    if listing.kind != "spot":
        return amount
    decimals = state.decimals.get(listing.base, ASSET_DECIMALS)
    whole = abs(amount) * TEN_TO[QUANTITY_DECIMALS] // TEN_TO[decimals]
    return whole if amount > 0 else -whole
