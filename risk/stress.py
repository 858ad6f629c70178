"""Named stress: what a book would lose if these assets moved so much, exactly and at worst.

Working orders are taken to fill on whichever side loses more; what would gain offsets nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

MILLION = 10**6
EVERY = "*"


class Stress(NamedTuple):
    """A named scenario: each asset's move in parts of a million; `*` is every other one."""

    name: str
    moves_ppm: Mapping[str, int]


def loss(stress: Stress, exposures: Mapping[str, tuple[int, int]]) -> int:
    """What is lost over all assets, each given as (most that is long, most that is short)."""
    return sum(_loss_of(stress, asset, *both) for asset, both in exposures.items())


def worst(stresses: list[Stress], exposures: Mapping[str, tuple[int, int]]) -> tuple[str, int]:
    """The scenario that costs most; of equals the first."""
    losses = [(stress.name, loss(stress, exposures)) for stress in stresses]
    return max(losses, key=lambda each: each[1], default=("", 0))


def _loss_of(stress: Stress, asset: str, long: int, short: int) -> int:
    move = stress.moves_ppm.get(asset, stress.moves_ppm.get(EVERY, 0))
    hurt = short if move > 0 else long
    return max(0, -(-hurt * abs(move) // MILLION))
