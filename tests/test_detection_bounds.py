"""The detection bound: three statement periods and the 99.9 % latency, which is the wire's own."""

import pytest

from scenarios.model import find
from sim.dice import Dice
from sim.wire import MS, Latency
from tieout.world.sites import bound_ns

# By hand: a log-normal's quantiles are median * exp(z * sigma), with z = 2.32635 for 99 % and
# z = 3.09023 for 99.9 %. Of 12 ms and 60 ms sigma is ln(5) / 2.32635 = 0.691830.
BY_HAND = {(12, 60): 101.78, (10, 50): 84.82, (25, 120): 200.85, (30, 150): 254.45, (7, 7): 7.0}


@pytest.mark.parametrize(("told", "expected"), BY_HAND.items())
def test_the_tail_is_that_of_the_log_normal(told: tuple[int, int], expected: float) -> None:
    """Not twice the 99 % latency, nor another multiple of it."""
    median, p99 = told
    assert Latency(median * MS, p99 * MS).p999 / MS == pytest.approx(expected, abs=0.01)


def test_one_message_in_a_thousand_is_under_way_for_longer() -> None:
    """The dice that the wire rolls agree: of 200,000 some 200 are beyond, give or take 5 sigma."""
    latency = Latency(12 * MS, 60 * MS)
    stream = Dice(7).stream("latency")
    rolls = [stream.latency(latency.median, latency.p99) for _ in range(200_000)]
    assert 130 <= sum(roll > latency.p999 for roll in rolls) <= 270


def test_each_venue_is_bound_by_its_periods_and_its_tail() -> None:
    """In milliseconds, by hand, of the venues of `storm_venues`."""
    bounds = {venue.dialect: bound_ns(venue) / MS for venue in find("storm_venues").venues}
    assert bounds == {
        "binance_spot": pytest.approx(3101.78, abs=0.01),
        "binance_usdm": pytest.approx(3084.82, abs=0.01),
        "okx_swap": pytest.approx(3200.85, abs=0.01),
        "bybit_inverse": pytest.approx(3152.67, abs=0.01),
        "coinbase": pytest.approx(4754.45, abs=0.01),
    }
