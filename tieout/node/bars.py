"""Bars of public trades, made in one place for every driver that hears trades.

True here: a bar has the trades that happened, by their venue's clock, from a whole multiple of its
length up to the next. It closes `GRACE_NS` after its end by our clock; what is told later is in
none, and counted. Of what began before we listened no bar is told, nor of a time without a trade.
What was traded while no connection stood is missing, and nobody can say so.
"""

from dataclasses import dataclass

from core.strategy import Bar, PublicTrade

GRACE_NS = 1_000_000_000


@dataclass(slots=True)
class Open:
    """A bar that is not over yet."""

    open: int
    high: int
    low: int
    close: int
    volume: int

    def join(self, price: int, quantity: int) -> None:
        """What was traded after."""
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.close = price
        self.volume += quantity


class Bars:
    """Bars of one length, of every book whose trades are told; `since` is when we began to hear."""

    def __init__(self, bar_ns: int, since: int) -> None:
        self.bar_ns, self.late = bar_ns, 0
        self._whole_from = -(-since // bar_ns) * bar_ns
        self._closed_until = 0
        self._open: dict[tuple[int, str, str], Open] = {}

    def take(self, trade: PublicTrade) -> None:
        """A trade was told."""
        began = trade.at - trade.at % self.bar_ns
        if began + self.bar_ns <= self._closed_until:
            self.late += 1
        elif began >= self._whole_from:
            self._join((began, trade.account, trade.instrument), trade.price, trade.quantity)

    def close(self, now: int) -> list[Bar]:
        """The bars whose grace is over, in order of their ends."""
        self._closed_until = (now - GRACE_NS) // self.bar_ns * self.bar_ns
        over = [key for key in self._open if key[0] + self.bar_ns <= self._closed_until]
        return [self._closed(key) for key in sorted(over)]

    def next_at(self, now: int) -> int:
        """When to close bars next."""
        return (now - GRACE_NS) // self.bar_ns * self.bar_ns + self.bar_ns + GRACE_NS

    def _join(self, key: tuple[int, str, str], price: int, quantity: int) -> None:
        known = self._open.get(key)
        if known is None:
            self._open[key] = Open(price, price, price, price, quantity)
        else:
            known.join(price, quantity)

    def _closed(self, key: tuple[int, str, str]) -> Bar:
        (began, account, instrument), told = key, self._open.pop(key)
        return Bar(
            account=account,
            instrument=instrument,
            opened_at=began,
            at=began + self.bar_ns,
            open=told.open,
            high=told.high,
            low=told.low,
            close=told.close,
            volume=told.volume,
        )
