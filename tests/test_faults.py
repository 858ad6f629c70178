"""Faults: what is said of no place in particular strikes only where it is possible."""

import pytest

from sim.dice import Dice
from sim.faults import KINDS, UNABLE, Fault, Faults

PLACES = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse", "coinbase", *UNABLE)


@pytest.mark.parametrize("place", dict.fromkeys(PLACES))
def test_what_is_said_of_no_place_spares_those_that_are_unable(place: str) -> None:
    """A venue that cannot have a fault has none of it, and it is not counted as if it had."""
    for kind in KINDS:
        faults = Faults([Fault(kind)], Dice(1), lambda: 0)
        able = kind not in UNABLE.get(place, ())
        assert (faults.strikes(kind, place) is not None) == able, kind
        assert faults.counts == ({kind: 1} if able else {})
