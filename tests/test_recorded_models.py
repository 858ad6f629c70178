"""The models of a recorded market, each alone, against numbers that were reckoned by hand."""

from decimal import Decimal
from fractions import Fraction
from math import log2, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.recorded.funding import Due, Fixed, Rates
from venues.recorded.impact import SquareRoot
from venues.recorded.latency import Constant, Empirical
from venues.recorded.queue import (
    LOG_DIGITS,
    RISK_AVERSE,
    Likely,
    Place,
    Queue,
    logarithm,
    power,
)
from venues.recorded.slippage import BasisPoints, Ticks

WORD_MAX = 2**64 - 1
HOUR = 3600 * 10**9
lots = st.integers(0, 10**12)


# --- latency -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", [0, 1, WORD_MAX])
def test_a_constant_latency_asks_no_dice(word: int) -> None:
    assert Constant(5).of(word) == 5


@pytest.mark.parametrize(
    ("word", "ns"), [(0, 30), (2**62, 10), (2**63 - 1, 10), (2**63, 20), (WORD_MAX, 40)]
)
def test_each_measured_delay_has_its_part_of_the_words(word: int, ns: int) -> None:
    assert Empirical((30, 10, 20, 40)).of(word) == ns


# --- queue ---------------------------------------------------------------------------------------

# What was cancelled, of 60 ahead and 40 behind, leaves so many ahead.
CANCELS: list[tuple[Queue, int, int]] = [
    (RISK_AVERSE, 40, 60),
    (RISK_AVERSE, 50, 50),
    (RISK_AVERSE, 100, 0),
    (Likely(power(1)), 10, 54),
    (Likely(power(1)), 11, 54),  # 6.6 of 11 were ahead; six have surely gone
    (Likely(power(2)), 13, 51),  # 3600 / 5200 of 13 are 9
    (Likely(power(3)), 35, 33),  # 216 / 280 of 35 are 27
    (Likely(power(1)), 100, 0),
    (Likely(power(3)), 90, 0),  # 216 / 280 of 90 are 69
    (Likely(logarithm), 10, 55),  # log 61 / (log 61 + log 41) = 0.525
]


@pytest.mark.parametrize(("queue", "gone", "left"), CANCELS)
def test_what_leaves_without_a_trade_leaves_ahead_or_behind(
    queue: Queue, gone: int, left: int
) -> None:
    assert queue.ahead(60, 40, gone) == left


@given(lots)
def test_the_logarithm_is_one_in_whole_numbers(count: int) -> None:
    assert logarithm(count) / 2**LOG_DIGITS == pytest.approx(log2(1 + count), abs=1e-9)


@given(
    st.sampled_from([RISK_AVERSE, Likely(power(1)), Likely(power(3)), Likely(logarithm)]),
    lots,
    lots,
    lots,
)
def test_nobody_moves_back_and_no_more_leave_than_stand(
    queue: Queue, ahead: int, behind: int, gone: int
) -> None:
    gone = min(gone, ahead + behind)
    left = queue.ahead(ahead, behind, gone)
    assert max(0, ahead - gone) <= left <= min(ahead, ahead + behind - gone)
    assert left <= RISK_AVERSE.ahead(ahead, behind, gone)


@pytest.mark.parametrize(
    ("traded", "level", "ahead"),
    [
        (0, 10, 10),  # nothing happened
        (4, 6, 6),  # a trade explains it
        (4, 9, 6),  # and three came behind us
        (0, 6, 6),  # four were cancelled: the queue is no longer than that
        (4, 4, 4),
        (10, 0, 0),
    ],
)
def test_a_place_hears_what_trades_do_not_explain(traded: int, level: int, ahead: int) -> None:
    place = Place(ahead=10, level=10)
    place.let_trade(traded)
    place.ahead -= traded
    place.hear(level, RISK_AVERSE)
    assert (place.ahead, place.level, place.traded) == (ahead, level, 0)


# --- slippage and impact -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "edge", "ticks"),
    [("0", 12345, 0), ("1", 10_000, 1), ("1", 10_001, 2), ("0.5", 1, 1)],
)
def test_basis_points_are_rounded_up_to_ticks(points: str, edge: int, ticks: int) -> None:
    assert BasisPoints(Fraction(points)).ticks(edge) == ticks


def test_ticks_are_the_same_at_any_price() -> None:
    assert [Ticks(3).ticks(edge) for edge in (1, 10**9)] == [3, 3]


@pytest.mark.parametrize(
    ("part", "volume", "edge", "count", "ticks"),
    [
        ("0.02", 10_000, 50_000, 100, 100),  # 2 % of the price times a tenth
        ("0.02", 10_000, 50_000, 10_000, 1000),
        ("0.02", 10_000, 50_000, 101, 101),  # 100.49 …
        ("0.02", 10_000, 50_000, 0, 0),
        ("1", 1, 1, 2, 2),
    ],
)
def test_impact_is_the_root_of_the_part_of_a_days_volume(
    part: str, volume: int, edge: int, count: int, ticks: int
) -> None:
    assert SquareRoot(Fraction(part), volume).ticks(edge, count) == ticks


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**6))
def test_impact_is_never_less_than_the_law_and_never_a_tick_more(
    volume: int, edge: int, count: int
) -> None:
    exact = edge * 0.03 * sqrt(count / volume)
    assert 0 <= SquareRoot(Fraction(3, 100), volume).ticks(edge, count) - exact + 1e-6 < 1.0001


# --- funding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "due"), [(0, 8), (1, 8), (8 * HOUR - 1, 8), (8 * HOUR, 16), (23 * HOUR, 24)]
)
def test_a_fixed_rate_falls_due_at_whole_periods(at: int, due: int) -> None:
    rate = Decimal("0.0001")
    assert Fixed(rate, 8 * HOUR).next_after(at) == Due(due * HOUR, rate)


def test_recorded_rates_fall_due_when_they_did() -> None:
    first, second = Due(10, Decimal("0.01")), Due(20, Decimal("-0.02"))
    rates = Rates([first, second])
    assert [rates.next_after(at) for at in (0, 9, 10, 19, 20)] == [
        first,
        first,
        second,
        second,
        None,
    ]
