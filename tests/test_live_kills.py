"""Five lives of a live node end by SIGKILL, one at each point; `make live-proof` has sixty."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from rich.console import Console

from tests.live_kills import POINTS, failings, kill_at


def test_nothing_is_lost_or_taken_twice_wherever_it_dies(tmp_path: Path) -> None:
    screen = Console(quiet=True)
    result = asyncio.run(asyncio.wait_for(kill_at("binance_usdm", tmp_path, 1, screen), 170))
    assert [result[point] for point in POINTS] == [1] * len(POINTS)
    assert list(failings({"binance_usdm": result})) == []
    assert result["orders"] > 20, "it traded between its deaths"
