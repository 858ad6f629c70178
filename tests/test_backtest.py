"""Backtests: nothing is known before its time, equal to plain arithmetic, and held by the books."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.events import CancelRequested, FillReported, OrderRequested
from core.journal import decode_event
from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS
from core.strategy import Bar
from scenarios.strategies import make
from tests import recordings
from tests.recordings import PERP, SPOT, bars, scenario, trades
from tieout.backtest.outcome import Outcome
from tieout.backtest.run import run
from venues.recorded.tape import Tape

PLACE = {PERP: (PERP, "BTCUSDT"), SPOT: (SPOT, "XRPETH")}
MOMENTUM = {"bars": 5, "bar_s": 300, "quantity": "0.01"}
MAKER = {"lots": 3, "ticks": 1, "lots_max": 30}


def of_bars(tape: Tape, *, free: bool = True, **more: Any) -> Outcome:
    options = more.pop("options", MOMENTUM)
    told = scenario(more.pop("strategy", "momentum"), free=free, options=options, **more)
    return run(told, {PLACE[PERP]: tape})


def of_trades(tape: Tape, *, free: bool = True) -> Outcome:
    told = scenario("maker", venue=SPOT, free=free, options=MAKER)
    return run(told, {PLACE[SPOT]: tape})


BETWEEN = ((SPOT, "XRPETH"), ("coinbase/main", "XRP-ETH"))


def of_two(one: Tape, other: Tape, **options: Any) -> Outcome:
    return run(recordings.between(**options), dict(zip(BETWEEN, (one, other), strict=True)))


# --- nobody sees what is yet to come -------------------------------------------------------------


def replaced(tape: Tape, at: int) -> Tape:
    """The same up to that moment; of what comes later the prices go the other way."""
    later = tape.at > at
    names = [n for n in ("price", "open", "high", "low", "close") if n in tape.columns]
    columns: dict[str, NDArray[np.int64]] = dict(tape.columns)
    for name in names:
        last = int(tape.columns[name][~later][-1])
        columns[name] = np.where(later, 2 * last - tape.columns[name], tape.columns[name])
    if "high" in columns:
        turned = np.where(later, columns["low"], columns["high"])
        columns["low"] = np.where(later, columns["high"], columns["low"])
        columns["high"] = turned
    return Tape(tape.kind, tape.tick, tape.lot, tape.at.copy(), columns)


def before(outcome: Outcome, at: int) -> tuple[list[Any], list[Any]]:
    """What was wished for and what was filled up to that moment."""
    orders, fills = outcome.frames["orders"], outcome.fills
    wished = orders[orders["decided_at"] <= at]
    told = ["decided_at", "side", "quantity", "kind", "price"]
    filled = fills[fills["at"] <= at]
    return wished[told].values.tolist(), filled[["at", "side", "quantity", "price"]].values.tolist()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["bars", "trades"])
def test_what_comes_later_changes_nothing_before(kind: str, share: float) -> None:
    """Replaced or cut, the future is not there for who decides now."""
    tape = bars(3000) if kind == "bars" else trades(1500)
    play = of_bars if kind == "bars" else of_trades
    at = int(tape.at[int(len(tape) * share)])
    whole = before(play(tape), at)
    assert whole[0], "nothing was wished for: a test that cannot fail"
    assert before(play(replaced(tape, at)), at) == whole
    assert before(play(tape.until(at)), at) == whole


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_what_comes_later_at_two_venues_changes_nothing_before(share: float) -> None:
    """What is moved between them, and how long it takes, included."""
    one, other = trades(1500, 1), trades(1500, 2)
    at = int(one.at[int(len(one) * share)])
    whole = before(of_two(one, other, limit="30"), at)
    assert len(whole[0]) > 10, "too little was wished for to say anything"
    cut = of_two(replaced(one, at), replaced(other, at), limit="30")
    assert before(cut, at) == whole
    assert before(of_two(one.until(at), other.until(at), limit="30"), at) == whole


MINE = """
from tests.silent import Silent


def make(name, options):
    return Silent("{}")
"""
NOSY = '''
import gc
from core.strategy import Bar
from tests.silent import Silent

LATER = []


class Nosy(Silent):
    """Looks through all that it can reach from what it is given for what it must not know."""

    bar_ns = 60 * 10**9

    def on_bar(self, bar):
        seen, todo = set(), [bar]
        while todo:
            thing = todo.pop()
            if id(thing) in seen or isinstance(thing, type):
                continue
            seen.add(id(thing))
            if isinstance(thing, Bar) and thing.at > bar.at:
                LATER.append(thing)
            if type(thing).__module__.startswith("numpy"):
                LATER.append(thing)
            todo += gc.get_referents(thing)
            todo += [getattr(thing, name) for name in getattr(thing, "__struct_fields__", ())]
        return []


def make(name, options):
    return Nosy(name)
'''


def test_a_strategy_that_looks_around_finds_nothing_of_later(tmp_path: Path) -> None:
    """From a bar nothing can be reached but the bar: no array, and no other bar."""
    file = tmp_path / "nosy.py"
    file.write_text(NOSY)
    outcome = of_bars(bars(300), strategy=str(file), options={})
    assert outcome.counts["items_seen"] == 300
    module = next(m for m in gc.get_objects() if isinstance(m, dict) and "LATER" in m)
    assert module["LATER"] == []


def test_a_strategy_file_that_was_edited_is_run_as_it_stands(tmp_path: Path) -> None:
    """In a notebook it may change twice a second, to the same length; a scenario reads it."""
    file = tmp_path / "mine.py"

    def named(word: str) -> str:
        file.write_text(MINE.format(word))
        os.utime(file, (0, 0))
        scenario("mine", kind=str(file))
        return make(str(file), "mine", {}).name

    assert [named(word) for word in ("one", "two", "one")] == ["one", "two", "one"]


# --- the same as plain arithmetic ----------------------------------------------------------------


def wishes(outcome: Outcome) -> Iterator[OrderRequested | CancelRequested]:
    """Everything that a strategy asked for, in order."""
    assert outcome.store is not None
    for body in outcome.store.events():
        event = decode_event(body)
        if isinstance(event, OrderRequested | CancelRequested):
            yield event


def names_of(outcome: Outcome) -> Mapping[str, int]:
    """Which order of ours is which, by their number."""
    return {name: n for n, name in enumerate(outcome.frames["orders"]["client_order_id"])}


def by_hand(outcome: Outcome, tape: Tape, account: str = "") -> list[tuple[int, int, int, int]]:
    """Each fill as (at, side, quantity, price), row by row, with nothing of ours but the wishes.

    A market order trades at the last price, and so does one that is to fill at once, where that is
    no worse than its own. One that rests is filled where somebody trades through its price, the
    best and the oldest first, for as much as was traded.
    """
    told = [each for each in wishes(outcome) if getattr(each, "account", account) == account]
    told = told if account else list(wishes(outcome))
    names = names_of(outcome)
    rests: list[list[int]] = []  # number, side, price, left
    fills, last, number, asked = [], 0, 0, 0
    rows = zip(tape.at.tolist(), *(tape.columns[n].tolist() for n in _reads(tape)), strict=True)
    for at, low, high, price, size in [*rows, (2**62, 0, 0, 0, 0)]:
        while asked < len(told) and told[asked].received_at < at:
            wish = told[asked]
            asked += 1
            if isinstance(wish, CancelRequested):
                rests = [each for each in rests if each[0] != names[wish.client_order_id]]
                continue
            side = 1 if wish.side == "buy" else -1
            is_worse = wish.kind == "ioc" and side * last > side * wish.price
            if wish.kind == "market" or (wish.kind == "ioc" and not is_worse):
                fills.append((wish.received_at, side, wish.quantity, last))
            elif wish.kind == "limit":
                rests.append([number, side, wish.price, wish.quantity])
            number += 1
        left = size * tape.lot
        for each in sorted(rests, key=lambda rest: (-rest[1] * rest[2], rest[0])):
            reached = low * tape.tick < each[2] if each[1] > 0 else high * tape.tick > each[2]
            if reached and left:
                traded = min(left, each[3])
                fills.append((at, each[1], traded, each[2]))
                left, each[3] = left - traded, each[3] - traded
        rests = [each for each in rests if each[3]]
        last = price * tape.tick
    return fills


def _reads(tape: Tape) -> tuple[str, ...]:
    if tape.kind == "bars":
        return ("low", "high", "close", "volume")
    return ("price", "price", "price", "quantity")


def profit_by_hand(fills: list[tuple[int, int, int, int]], last: int) -> Decimal:
    """Cash after all of it, and what is held at the last price."""
    cash = sum(-side * quantity * price for _, side, quantity, price in fills)
    held = sum(side * quantity for _, side, quantity, _ in fills)
    return Decimal(cash + held * last).scaleb(-PRICE_DECIMALS - QUANTITY_DECIMALS)


def told_fills(outcome: Outcome, account: str = "") -> list[tuple[int, int, int, int]]:
    frame = outcome.fills
    frame = frame[frame["account"] == account] if account else frame
    rows = zip(frame["at"], frame["side"], frame["quantity"], frame["price"], strict=True)
    return [
        (at, side, int(size.scaleb(QUANTITY_DECIMALS)), int(price.scaleb(PRICE_DECIMALS)))
        for at, side, size, price in rows
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["bars", "trades"])
def test_without_latency_and_fees_profit_is_plain_arithmetic(kind: str, seed: int) -> None:
    """Each fill and the profit, to the unit, by a loop over the rows that knows nothing of us."""
    tape = bars(3000, seed) if kind == "bars" else trades(1500, seed)
    outcome = of_bars(tape) if kind == "bars" else of_trades(tape)
    expected = by_hand(outcome, tape)
    assert len(expected) > 10, "too few fills to say anything"
    assert told_fills(outcome) == expected
    last = int(tape.columns["close" if kind == "bars" else "price"][-1]) * tape.tick
    earned = outcome.tear_sheet().parts
    traded = sum(amount for part, amount in earned.items() if part != "held")
    assert traded == profit_by_hand(expected, last)


@pytest.mark.parametrize("seed", range(3))
def test_between_two_venues_too_profit_is_plain_arithmetic(seed: int) -> None:
    """Nothing is moved between them: what coins are worth at each is then all that there is."""
    tapes = trades(1500, 2 * seed + 1), trades(1500, 2 * seed + 2)
    outcome = of_two(*tapes)
    profit = Decimal(0)
    for (account, _), tape in zip(BETWEEN, tapes, strict=True):
        expected = by_hand(outcome, tape, account)
        assert len(expected) > 10, "too few fills to say anything"
        assert told_fills(outcome, account) == expected
        profit += profit_by_hand(expected, int(tape.columns["price"][-1]) * tape.tick)
    earned = outcome.tear_sheet().parts
    assert sum(amount for part, amount in earned.items() if part != "held") == profit


def test_equal_round_trips_are_never_lost() -> None:
    """Two round trips of one size and price are two."""
    flat = recordings.bars(400)
    columns = {name: column.copy() for name, column in flat.columns.items()}
    for name in ("open", "high", "low", "close"):
        columns[name][:] = np.where(np.arange(400) // 10 % 2, 40_010, 40_000)
    tape = Tape("bars", flat.tick, flat.lot, flat.at.copy(), columns)
    outcome = of_bars(tape, options={"bars": 1, "bar_s": 60, "quantity": "0.01"})
    turned = told_fills(outcome)
    assert len(turned) == len(by_hand(outcome, tape)) > 60
    assert len(set(outcome.fills["client_order_id"])) == len(turned)


# --- the books held it ---------------------------------------------------------------------------


@pytest.mark.parametrize("free", [True, False], ids=["free", "with fees and latency"])
def test_every_statement_agrees(*, free: bool) -> None:
    """One at each close: what the venue's own arithmetic holds is what our books say."""
    outcome = of_bars(bars(2000), free=free)
    assert outcome.counts["statements"] in (2000, 2001)  # one more, of what the last bar moved
    assert outcome.counts["breaks"] == outcome.counts["suspects"] == 0
    assert len(outcome.fills) > 20


def test_a_fill_that_is_never_told_is_found_by_the_next_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it a backtest's books would be told to themselves: they are held against a venue."""
    from tieout.backtest.venue import RecordedVenue

    tell, dropped = RecordedVenue._say, []

    def say(venue: RecordedVenue, event: Any) -> None:
        if isinstance(event, FillReported) and not dropped:
            dropped.append(event)
            return
        tell(venue, event)

    monkeypatch.setattr(RecordedVenue, "_say", say)
    outcome = of_bars(bars(1000))
    assert len(dropped) == 1
    found = next(event for event in _fills(outcome) if event.fill_id == dropped[0].fill_id)
    assert found.received_at - found.occurred_at <= 2 * recordings.MINUTE
    assert outcome.counts["open_breaks"] == 0


def _fills(outcome: Outcome) -> Iterator[FillReported]:
    assert outcome.store is not None
    for body in outcome.store.events():
        event = decode_event(body)
        if isinstance(event, FillReported):
            yield event


def test_the_same_backtest_has_the_same_digest() -> None:
    """Twice, and another seed of its dice makes no difference to who rolls none."""
    assert of_bars(bars(500)).digest == of_bars(bars(500)).digest
    assert of_trades(trades(300)).digest == of_trades(trades(300)).digest


def test_a_bar_is_shown_when_it_is_over() -> None:
    """A bar of five minutes is made of five, and seen at the end of the last."""
    tape = bars(11)
    seen: list[Bar] = []
    from tieout.backtest import views

    view = views.bars(tape, *PLACE[PERP], 5 * recordings.MINUTE)
    for place in range(len(view)):
        seen += [bar for bar in view.upto(place, place + 1) if isinstance(bar, Bar)]
    assert [(bar.opened_at, bar.at) for bar in seen] == [
        (
            recordings.START + n * 5 * recordings.MINUTE,
            recordings.START + (n + 1) * 5 * recordings.MINUTE,
        )
        for n in range(2)
    ]
    close = tape.columns["close"]
    assert [bar.close for bar in seen] == [int(close[4]) * tape.tick, int(close[9]) * tape.tick]


def test_no_bar_is_shown_of_which_only_the_rest_was_recorded() -> None:
    """Recorded from the second minute on, the first five minutes have four: they are no bar."""
    from tieout.backtest import views

    whole = bars(16)
    columns = {name: told[1:] for name, told in whole.columns.items()}
    tape = Tape(whole.kind, whole.tick, whole.lot, whole.at[1:], columns)
    view = views.bars(tape, *PLACE[PERP], 5 * recordings.MINUTE)
    five = 5 * recordings.MINUTE
    assert view.at.tolist() == [recordings.START + n * five for n in (2, 3)]
