"""A strategy that wishes for nothing: what a test's own strategy is beside what the test is about.

A strategy in a file of its own may import it, too: `from tests.silent import Silent`.
"""

from core.effects import TellPosition, TellStrategy
from core.strategy import Tick, Wish


class Silent:
    """Hears everything and says nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def on_tick(self, tick: Tick) -> list[Wish]:
        return []

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        return []
