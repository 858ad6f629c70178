"""Strategies: one file each, importing core's vocabulary only; `make` builds one by its kind."""

from collections.abc import Mapping

from core.strategy import MakeStrategy, Strategy
from scenarios.strategies import arbitrage, maker, momentum, runaway, scripted, taker

KINDS: Mapping[str, MakeStrategy] = {
    "maker": maker.make,
    "taker": taker.make,
    "momentum": momentum.make,
    "arbitrage": arbitrage.make,
    "scripted": scripted.make,
    "runaway": runaway.make,
}


def make(kind: str, name: str, options: Mapping[str, object]) -> Strategy:
    """A strategy of that kind; KeyError for a kind that is not here."""
    return KINDS[kind](name, options)
