"""The rule and the month for NautilusTrader, in whichever of its versions a runner brings.

Two versions cannot be in one environment, and have their names in other modules. What is done with
these names is the same, so that the two are measured at the same work.
"""

from collections.abc import Callable, Iterable
from time import process_time
from typing import Any, NamedTuple

from bench.backtests.month import Bars
from bench.backtests.told import CASH, EVERY_BARS, LOT, Kind, Run, fill

DECIMALS = 3
STEP = "0.001"


class Names(NamedTuple):
    """What a version calls so, and its words for the pair; Any, as neither has types for mypy."""

    version: str
    Bar: Any
    BarType: Any
    CurrencyPair: Any
    Money: Any
    OrderSide: Any
    Price: Any
    Quantity: Any
    Strategy: Any
    pair: Any
    coin: Any
    cash: Any

    @property
    def minutes(self) -> Any:
        """The bars of the pair."""
        return self.BarType.from_str(f"{self.pair}-1-MINUTE-LAST-EXTERNAL")

    @property
    def balances(self) -> list[Any]:
        """What the account begins with."""
        return [self.Money(CASH, self.cash), self.Money(CASH // 1000, self.coin)]


def played(
    names: Names,
    engine: Any,
    bars: Bars,
    kind: Kind,
    filled: Callable[[Any], Iterable[Any]],
    **terms: Any,
) -> Run:
    """An engine whose venue stands, over the month; `filled` reads the fills of one order."""
    minutes = names.minutes
    engine.add_instrument(_pair(names, terms))
    engine.add_data([_bar(names, minutes, *row) for row in zip(*bars, strict=True)])
    strategy = _strategy(names, minutes, kind)
    engine.add_strategy(strategy)
    begun = process_time()
    engine.run()
    took = process_time() - begun
    told = [event for order in engine.cache.orders() for event in filled(order)]
    fills = [
        fill(event.ts_event, "buy" if event.is_buy else "sell", event.last_qty, event.last_px)
        for event in sorted(told, key=lambda event: event.ts_event)
    ]
    return Run(f"NautilusTrader {names.version}", strategy.calls, fills, took)


def _strategy(names: Names, minutes: Any, kind: Kind) -> Any:
    pair, sides, lot = names.pair, names.OrderSide, names.Quantity

    class Noop(names.Strategy):  # type: ignore[misc,name-defined]  # a base known as it runs
        """Counts its calls."""

        calls = 0

        def on_start(self) -> None:
            """Asks for the bars."""
            self.subscribe_bars(minutes)

        def on_bar(self, bar: Any) -> None:
            """One bar."""
            self.calls += 1

    class Orders(Noop):
        """Buys and sells by turns."""

        def on_bar(self, bar: Any) -> None:
            """One bar."""
            self.calls += 1
            if self.calls % EVERY_BARS == 0:
                side = sides.BUY if self.calls // EVERY_BARS % 2 else sides.SELL
                self.submit_order(self.order_factory.market(pair, side, lot.from_str(LOT)))

    return Orders() if kind == "orders" else Noop()


def _pair(names: Names, terms: dict[str, Any]) -> Any:
    return names.CurrencyPair(
        instrument_id=names.pair,
        raw_symbol=names.pair.symbol,
        base_currency=names.coin,
        quote_currency=names.cash,
        price_precision=DECIMALS,
        size_precision=DECIMALS,
        price_increment=names.Price.from_str(STEP),
        size_increment=names.Quantity.from_str(STEP),
        ts_event=0,
        ts_init=0,
        **terms,
    )


def _bar(names: Names, minutes: Any, at: int, *told: float) -> Any:
    """Open, high, low, close and volume, as a row of the month has them."""
    *four, volume = told
    prices = (names.Price(number, DECIMALS) for number in four)
    return names.Bar(minutes, *prices, names.Quantity(volume, DECIMALS), at, at)
