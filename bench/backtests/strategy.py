"""The rule as a strategy of ours: an order at each hundredth bar, or none ever."""

from collections.abc import Mapping

from core.effects import TellPosition, TellStrategy
from core.events import OrderRequested, Side
from core.money import quantity
from core.strategy import Bar, Strategy, Tick, Wish

MINUTE_NS = 60_000_000_000


class Noop:
    """Counts its calls."""

    bar_ns = MINUTE_NS

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    def on_bar(self, bar: Bar) -> list[Wish]:
        """One bar."""
        self.calls += 1
        return []

    def on_tick(self, tick: Tick) -> list[Wish]:
        """It looks at bars alone."""
        return []

    def on_order(self, told: TellStrategy, now: int) -> list[Wish]:
        """It hears and does nothing."""
        return []

    def on_position(self, told: TellPosition, now: int) -> list[Wish]:
        """It hears and does nothing."""
        return []


class Orders(Noop):
    """Buys and sells by turns."""

    def __init__(self, name: str, every_bars: int, lot: int) -> None:
        super().__init__(name)
        self._every_bars, self._lot = every_bars, lot

    def on_bar(self, bar: Bar) -> list[Wish]:
        """One bar."""
        self.calls += 1
        number, rest = divmod(self.calls, self._every_bars)
        if rest:
            return []
        side: Side = "buy" if number % 2 else "sell"
        return [
            OrderRequested(
                received_at=bar.at,
                strategy=self.name,
                reference="turn",
                account=bar.account,
                instrument=bar.instrument,
                side=side,
                quantity=self._lot,
                kind="market",
            )
        ]


def make(name: str, options: Mapping[str, object]) -> Strategy:
    """Without options it does nothing."""
    if not options:
        return Noop(name)
    every_bars = int(str(options["every_bars"]))
    return Orders(name, every_bars, quantity(str(options["quantity"])))
