"""Our recorded market and hftbacktest fill the same orders on the same recorded book alike."""

from itertools import groupby

import pytest

from bench.book_fills import SECONDS, SEED, WHY, differences, kept, our_fills, their_fills
from bench.books.recording import SIDES, Recording, record
from bench.interpreters import peers_python


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(SEED, SECONDS)


def test_a_recording_is_large_enough_and_its_book_is_never_crossed(recording: Recording) -> None:
    """Thousands of updates with trades among them, and after each act the bid is under the ask."""
    assert len(recording.rows) > 10_000
    assert sum(row.kind == "trade" for row in recording.rows) > 1_000
    assert len(recording.tries) > 300
    levels: dict[str, dict[int, int]] = {side: {} for side in SIDES}
    for _, rows in groupby(recording.rows, key=lambda row: row.at):
        for row in rows:
            if row.kind == "level":
                levels[row.side][row.price] = row.quantity
        bids, asks = ([price for price, lots in levels[side].items() if lots] for side in SIDES)
        assert max(bids, default=0) < min(asks, default=1_000_000)


def test_a_seed_gives_one_recording() -> None:
    assert record(7, 20) == record(7, 20)
    assert record(7, 20) != record(8, 20)


def test_fills_are_equal_or_the_difference_has_a_known_cause(recording: Recording) -> None:
    """Of hundreds of orders nine in ten are filled alike, to the act, the lot and the tick."""
    mine, theirs = our_fills(recording), kept(recording)
    found = differences(recording, mine, theirs)
    assert [each for each in found if each.why not in WHY] == []
    assert len(found) < len(recording.tries) // 10


def test_the_queue_ahead_of_a_resting_order_ends_at_the_same_trade(recording: Recording) -> None:
    """Whatever rests is filled alike, but where one trade reaches two orders of ours."""
    mine, theirs = our_fills(recording), kept(recording)
    rested = {fill.order for fill in mine if recording.tries[fill.order].price is not None}
    assert len(rested) > 150
    found = differences(recording, mine, theirs)
    otherwise = [each for each in found if recording.tries[each.order].price is not None]
    assert {each.why for each in otherwise} <= {"shared"}
    assert len(otherwise) < 5


def test_what_was_kept_is_what_hftbacktest_fills(recording: Recording) -> None:
    python, why = peers_python("hftbacktest")
    if python is None:
        pytest.skip(why)
    assert their_fills(recording, python) == kept(recording)
