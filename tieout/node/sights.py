"""What strategies see of markets beside the tops: each trade, and bars of trades.

True here: a strategy is shown what it asks for by its shape (`core.strategy.SeesTrades`,
`SeesBars`), of the accounts that it trades in, and of no other. Nothing is kept for it: who was not
there did not see it.
"""

from collections.abc import Iterable

from core.strategy import Bar, PublicTrade, SeesBars, SeesTrades, Strategy, Wish
from tieout.node.bars import Bars
from tieout.node.wishes import answered

Accounts = tuple[str, ...]


class Sights:
    """What some strategies, of some accounts or of all (), are shown from `since` on."""

    def __init__(self, watching: Iterable[tuple[Strategy, Accounts]], since: int) -> None:
        self._trades: list[tuple[str, SeesTrades, Accounts]] = []
        self._bars: list[tuple[str, SeesBars, Accounts, Bars]] = []
        for strategy, accounts in watching:
            if isinstance(strategy, SeesTrades):
                self._trades.append((strategy.name, strategy, accounts))
            if isinstance(strategy, SeesBars):
                bars = Bars(strategy.bar_ns, since)
                self._bars.append((strategy.name, strategy, accounts, bars))

    def gather(self, told: PublicTrade) -> None:
        """A trade was told just now, of which bars are made."""
        for _, _, accounts, bars in self._bars:
            if not accounts or told.account in accounts:
                bars.take(told)

    def trade(self, told: PublicTrade) -> list[Wish]:
        """A trade was told just now; returns what is wished for on it."""
        return [
            wish
            for name, strategy, accounts in self._trades
            if not accounts or told.account in accounts
            for wish in answered(name, strategy.on_trade, told)
        ]

    def bar(self, told: Bar) -> list[Wish]:
        """A bar was told just now, whole: whoever wants bars of its length sees it."""
        length = told.at - told.opened_at
        return [
            wish
            for name, strategy, accounts, _ in self._bars
            if strategy.bar_ns == length and (not accounts or told.account in accounts)
            for wish in answered(name, strategy.on_bar, told)
        ]

    def close(self, now: int) -> list[Wish]:
        """Time passed: bars that are over are shown."""
        return [
            wish
            for name, strategy, _, bars in self._bars
            for closed in bars.close(now)
            for wish in answered(name, strategy.on_bar, closed)
        ]

    def next_close(self, now: int) -> int:
        """When to close bars next; 0 where nobody sees any."""
        return min((bars.next_at(now) for *_, bars in self._bars), default=0)
