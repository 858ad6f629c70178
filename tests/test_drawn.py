"""A drawn market: the same for the same seed, sound bar by bar, of the shape that it claims."""

import numpy as np
import pytest

from tieout.backtest.drawn import BEGAN_AT, HOUR_NS, drawn_bars
from tieout.backtest.statistics import DAY_NS
from venues.recorded.tape import Tape


def daily(tape: Tape) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.diff(np.log(tape.columns["close"][23::24].astype(float)))


def test_the_same_seed_draws_the_same_market_and_another_name_another() -> None:
    told = [
        drawn_bars(3, seed, name=name).columns["close"].tolist()
        for seed, name in ((1, ""), (1, ""), (1, "other"), (2, ""))
    ]
    assert told[0] == told[1]
    assert told[0] != told[2] != told[3] != told[0]


@pytest.mark.parametrize("seed", range(5))
def test_each_bar_is_sound_and_begins_where_the_last_one_ended(seed: int) -> None:
    tape = drawn_bars(30, seed)
    opens, closes = tape.columns["open"], tape.columns["close"]
    assert tape.at.tolist() == [BEGAN_AT + HOUR_NS * (n + 1) for n in range(30 * 24)]
    assert (tape.columns["opened_at"] == tape.at - HOUR_NS).all()
    assert (opens[1:] == closes[:-1]).all()
    assert (tape.columns["high"] >= np.maximum(opens, closes)).all()
    assert (tape.columns["low"] <= np.minimum(opens, closes)).all()
    assert tape.columns["low"].min() > 0
    assert tape.columns["volume"].min() > 0


def test_days_are_as_wild_as_asked_with_fat_tails_in_clusters() -> None:
    """Of twenty markets of two years, so that none of it is luck."""
    moved = [daily(drawn_bars(730, seed)) for seed in range(20)]
    assert np.mean([each.std() for each in moved]) == pytest.approx(0.03, rel=0.1)
    assert np.mean([(each**4).mean() / each.var() ** 2 for each in moved]) > 3.5
    wild = [np.abs(each) for each in moved]
    assert np.mean([np.corrcoef(each[1:], each[:-1])[0, 1] for each in wild]) > 0.05
    assert abs(np.mean([np.corrcoef(each[1:], each[:-1])[0, 1] for each in moved])) < 0.03


def test_bars_may_be_of_any_length_that_a_day_has_whole() -> None:
    for bar_ns in (HOUR_NS // 60, 4 * HOUR_NS, DAY_NS):
        tape = drawn_bars(2, 0, bar_ns=bar_ns)
        assert len(tape) == 2 * DAY_NS // bar_ns
        assert tape.columns["close"][0] == pytest.approx(400_000, rel=0.3)
