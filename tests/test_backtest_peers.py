"""The peers of the backtester fill as the rule says, and what fills otherwise has no speed."""

import pytest

from bench.backtest import KINDS, MARKET, Contestant, ask, ours, peers, strays
from bench.backtests.expected import expected
from bench.backtests.told import Kind, Told

BARS = 5_050
AS_ASKED = Told("an engine", BARS, BARS, 50, "the same", [], 1.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("peer", peers(), ids=lambda peer: peer.runner)
def test_a_peer_fills_at_the_close_of_each_hundredth_bar(peer: Contestant, kind: Kind) -> None:
    """In time, side, quantity and price as reckoned from the file alone; and it saw every bar."""
    if peer.python is None:
        pytest.skip(peer.why)
    if not MARKET.exists():
        pytest.skip("the recorded month is not in ../shared")
    told = ask(peer, kind, BARS)
    assert strays(told, expected(MARKET, BARS if kind == "orders" else 0)) == ""
    assert told.bars == BARS
    assert told.cpu_seconds > 0


@pytest.mark.parametrize("kind", [*KINDS, "limits"])
def test_ours_fills_there_too_with_everything_on(kind: Kind) -> None:
    """Statements at each bar's close and no break: the runner itself asserts these."""
    if not MARKET.exists():
        pytest.skip("the recorded month is not in ../shared")
    told = ask(ours(), kind, BARS)
    assert strays(told, expected(MARKET, BARS if kind != "noop" else 0)) == ""


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (AS_ASKED, ""),
        (AS_ASKED._replace(callbacks=None), ""),
        (AS_ASKED._replace(fills=49), "49 of 50"),
        (AS_ASKED._replace(digest="another"), "fills otherwise"),
        (AS_ASKED._replace(callbacks=BARS - 1), "called back 5049 times in 5050 bars"),
    ],
)
def test_whose_fills_or_calls_are_others_is_found_out(told: Told, found: str) -> None:
    why = strays(told, (50, "the same"))
    assert found in why
    assert bool(found) == bool(why)
