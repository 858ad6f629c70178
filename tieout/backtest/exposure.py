"""What strategies held and traded, in the reporting currency: floats, for people.

True here: opening balances are no exposure, for no strategy chose them. Gross is the sum over
places of what is held there without its sign, net with it; strategies at one place are netted.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tieout.backtest.earned import Earned, Flow, Key
from tieout.backtest.worth import Place, Terms

Floats = NDArray[np.float64]


class Exposure(NamedTuple):
    """At each moment of `Earned.moments`."""

    gross: Floats
    net: Floats


def exposure(earned: Earned) -> Exposure:
    """What was held of all instruments together."""
    count = len(earned.moments)
    by_place: dict[Place, Floats] = defaultdict(lambda: np.zeros(count))
    for key, flows in earned.flows.items():
        by_place[key.place] += held(earned, key, flows)
    gross, net = np.zeros(count), np.zeros(count)
    for each in by_place.values():
        gross += np.abs(each)
        net += each
    return Exposure(gross, net)


def held(earned: Earned, key: Key, flows: list[Flow]) -> Floats:
    """What one strategy held of one instrument at each moment, signed, at its mark."""
    terms = earned.worths.terms.get(key.place)
    nothing = np.zeros(len(earned.moments))
    if terms is None:
        return nothing
    mark, rate = earned.worths.mark(key.place), earned.worths.rate(terms.quote, terms.account)
    if mark is None or rate is None:
        return nothing
    changes = nothing.copy()
    for flow in flows:
        changes[flow.moment] += _units(terms, flow)
    each = rate.astype(float) if terms.kind == "inverse" else (mark * rate).astype(float)
    held: Floats = changes.cumsum() * float(terms.multiplier) * each
    return np.where(np.abs(held) < HELD_MIN, 0.0, held)


# What is left of a position that is over, where floats were added up.
HELD_MIN = 1e-6


def _units(terms: Terms, flow: Flow) -> float:
    if terms.kind == "spot":
        return float(flow.amount) if flow.asset == terms.base else 0.0
    return float(flow.contracts)


def time_in_market(held: Floats, moments: NDArray[np.int64]) -> float:
    """The share of the time in which anything was held."""
    spans = np.diff(moments)
    lasted = int(spans.sum())
    return float(spans[held[:-1] > 0].sum()) / lasted if lasted else 0.0
