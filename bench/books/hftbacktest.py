"""hftbacktest over a recording: `hftbacktest.py FILE`, in an interpreter that has it; prints JSON.

True here: no latency, no fee; an order stands behind all that is shown at its price, and who leaves
stood behind it (its risk-averse queue). It is looked at after each act of the crowd and after each
order of ours, so that a fill has the time of what brought it about.

Orders are filled whole, a taker at the best price: in 2.4.2 its other model, with partial fills,
ends in an error at the trade that follows a fill from the queue.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hftbacktest as hft
import numpy as np
from hftbacktest.types import event_dtype

SIDE = {"buy": hft.BUY_EVENT, "sell": hft.SELL_EVENT}
KIND = {"level": hft.DEPTH_EVENT, "trade": hft.TRADE_EVENT}
BOTH_ENDS = hft.EXCH_EVENT | hft.LOCAL_EVENT
CANCELLED = hft.CANCELED
END_OF_DATA = 1


def main(file: Path) -> None:
    """Try the orders, and print each fill: time, order, lots, ticks."""
    rows, tries = json.loads(file.read_text())
    sys.stdout.write(json.dumps(list(fills(rows, tries))) + "\n")


def fills(rows: list[Any], tries: list[Any]) -> Iterator[tuple[int, int, int, int]]:
    """In order of time, then of the orders."""
    events = _events(rows)  # kept: the engine reads it where it lies
    engine = hft.HashMapMarketDepthBacktest([_asset(events)])
    acts = [(at, -1) for at in sorted({row[0] for row in rows})]
    placed = [(tried[0], number) for number, tried in enumerate(tries)]
    ended = {(tried[4], number) for number, tried in enumerate(tries)}
    leaves: dict[int, int] = {}
    _pass(engine, 0)
    for at, number in sorted([*acts, *placed, *ended]):
        _pass(engine, at - engine.current_timestamp)
        if (at, number) in ended and number in leaves:
            engine.cancel(0, number, False)
            del leaves[number]
        elif number >= 0 and (at, number) not in ended:
            _place(engine, number, tries[number])
            leaves[number] = tries[number][3]
        _pass(engine, 1)
        for order in list(leaves):
            told = engine.orders(0).get(order)
            left = round(told.leaves_qty)
            if left < leaves[order]:
                yield at, order, leaves[order] - left, told.exec_price_tick
                leaves[order] = left
            if not left or told.status == CANCELLED:
                del leaves[order]
    engine.close()


def _pass(engine: Any, delay_ns: int) -> None:
    code = engine.elapse(delay_ns)
    assert code in (0, END_OF_DATA), code


def _place(engine: Any, number: int, tried: list[Any]) -> None:
    _, side, price, lots, _ = tried
    submit = engine.submit_buy_order if side == "buy" else engine.submit_sell_order
    kind = hft.MARKET if price is None else hft.LIMIT
    submit(0, number, float(price or 0), float(lots), hft.GTC, kind, False)


def _events(rows: list[Any]) -> Any:
    """One tick and one lot are 1.0, so that what it counts is whole."""
    events = [
        (KIND[kind] | SIDE[side] | BOTH_ENDS, at, at, price, quantity, 0, 0, 0.0)
        for at, kind, side, price, quantity in rows
    ]
    return np.array(events, dtype=event_dtype)


def _asset(events: Any) -> Any:
    return (
        hft.BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0, 0)
        .tick_size(1.0)
        .lot_size(1.0)
        .last_trades_capacity(0)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
