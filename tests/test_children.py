"""Processes that a live node begins: they are told no secret, and for want of one no node ends."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tieout.gates import children
from tieout.gates.children import begun, environment
from tieout.risk import live_engine
from tieout.risk.live_engine import LiveEngine

SHOWN = "import json, os; print(json.dumps(dict(os.environ)))"


def test_a_child_is_given_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_SECRET", "sesame")

    async def environment_there() -> dict[str, str]:
        process = await begun(["-c", SHOWN], stdout=PIPE)
        out, _ = await process.communicate()
        return msgspec.json.decode(out, type=dict[str, str])

    there = asyncio.run(environment_there())
    assert "sesame" not in there.values()
    assert there["PATH"] == environment()["PATH"], "it runs as we do"


async def _no_room(*told: object, **more: object) -> None:
    raise BlockingIOError("Resource temporarily unavailable")


async def _for_a_while(living: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(living)
    await asyncio.sleep(0.1)
    assert not task.done(), "it goes on"
    task.cancel()
    await asyncio.wait([task])


def test_an_engine_that_finds_no_room_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its word ages meanwhile, and the gate closes: the node lives, and takes exits."""
    monkeypatch.setattr(children, "begun", _no_room)
    monkeypatch.setattr(live_engine, "AGAIN_S", 0.01)
    said: list[tuple[str, str, str]] = []

    async def live() -> None:
        engine = LiveEngine(
            Path("none.db"), int, int, lambda told: None, lambda *words: said.append(words)
        )
        engine.ask(1)
        await _for_a_while(engine.run())

    asyncio.run(live())
    assert len(said) > 1
    assert said[0] == ("engine", "warning", "the cold engine died; it is made anew")


def test_a_strategy_that_finds_no_room_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nats", reason="the extra `nats` is not installed")
    from tieout.gates import strategy_lives
    from tieout.gates.strategy_lives import StrategyLife
    from tieout.gates.strategy_main import Setting

    monkeypatch.setattr(children, "begun", _no_room)
    monkeypatch.setattr(strategy_lives, "AGAIN_S", 0.01)
    said: list[tuple[str, str, str]] = []
    setting = Setting("mm", "maker", {}, (), 1.0, {}, "desk", "socket", "nats://127.0.0.1:1")
    life = StrategyLife(setting, lambda *words: said.append(words))
    asyncio.run(_for_a_while(life.run()))
    assert len(said) > 1
    assert said[0] == ("strategy", "warning", "the process of mm died; it is made anew")
