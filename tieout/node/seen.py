"""Which strategies want to see trades or bars of a market, before any of them is there.

Apart from `sights`, which a strategy's own process has, and which knows no scenario.
"""

from collections.abc import Iterable

from core.strategy import SeesBars, SeesTrades
from scenarios import strategies
from scenarios.model import StrategySpec


def sees(spec: StrategySpec) -> bool:
    """Whether a strategy wants to hear of trades, or of bars of them."""
    return isinstance(strategies.make(spec.kind, spec.name, spec.options), SeesTrades | SeesBars)


def is_watched(account: str, trading: Iterable[StrategySpec]) -> bool:
    """Whether any of them wants to hear of the trades of this account's venue."""
    return any(sees(each) for each in trading if not each.accounts or account in each.accounts)
