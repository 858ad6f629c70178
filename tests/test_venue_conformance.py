"""One course before each first-class venue, three ways: the pure twin, ccxt before the served venue
in simulated time, and ccxt before it over real sockets. Each says the same core events.

What a course proves of core is asserted as it runs; that the three tell the same, case by case.
Over real sockets `make test` runs the first cases only, TIEOUT_FULL=1 all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

pytest.importorskip("ccxt.pro", reason="the extra `live` is not installed")
pytest.importorskip("trustme", reason="the extra `live` is not installed")

from core.effects import (
    CancelOrder,
    FetchFills,
    FetchOpenOrders,
    FetchStatement,
    QueryOrder,
    RenewStream,
)
from core.events import CancelRequested
from core.state import Order
from tests.benches import Bench, Stories, adapter, sockets, twin
from tieout.node.dialects import DIALECTS

VENUES = ("binance_spot", "binance_usdm", "okx_swap", "bybit_inverse")
GRACE_S = 1.6
READS = ("server_error", "server_error_after", "html_answer", "truncated_answer", "answer_lost")


async def opened(bench: Bench) -> None:
    """Whatever may have been told to nobody is read: orders, statements, each record of fills."""
    await bench.begin()
    reads_all_again(bench)


def reads_all_again(bench: Bench) -> None:
    spec = bench.site.spec
    kinds = {each.kind for each in bench.asked if isinstance(each, FetchStatement)}
    assert kinds == set(DIALECTS[spec.dialect].statements)
    fills = {each.instrument for each in bench.asked if isinstance(each, FetchFills)}
    assert fills == {each.symbol for each in spec.instruments}
    assert [each for each in bench.asked if isinstance(each, FetchOpenOrders)]


async def filled(bench: Bench) -> None:
    """An order rests, fills in part, then wholly."""
    order = bench.order()
    await becomes(bench, order, "acknowledged")
    bench.sell_to_us(4)
    await becomes(bench, order, "partially_filled")
    bench.sell_to_us(6)
    await becomes(bench, order, "filled")
    counts = bench.node.state.counts.items()
    assert sum(n for name, n in counts if name.startswith("fills_booked/")) == 2
    assert bench.differences() == {}


async def becomes(bench: Bench, order: Callable[[], Order], status: str) -> None:
    await bench.until(lambda: order().status == status)
    await bench.quiet()


async def cancelled(bench: Bench) -> None:
    order = bench.order()
    await becomes(bench, order, "acknowledged")
    await take_back(bench, order)


async def take_back(bench: Bench, order: Callable[[], Order]) -> None:
    name = order().client_order_id
    bench.tell(CancelRequested(received_at=0, strategy="course", client_order_id=name))
    await becomes(bench, order, "cancelled")


async def rejected(bench: Bench) -> None:
    """Half a lot is on the venue's own list of what it will not have."""
    await becomes(bench, bench.order(lots=Decimal("0.5")), "rejected")


async def dropped(bench: Bench) -> None:
    """The stream is cut as an order fills: the record has it. What was read once is behind the
    cursor, and is not asked for again."""
    cursors = []
    for _ in range(2):
        order = bench.order()
        await becomes(bench, order, "acknowledged")
        bench.asked.clear()
        bench.faults.arm("disconnect")
        bench.sell_to_us(10)
        await bench.reopen()
        assert order().status == "filled"
        reads_all_again(bench)
        fills = {each.instrument: each for each in bench.asked if isinstance(each, FetchFills)}
        cursors.append(fills[order().instrument].after)
    assert cursors[1] not in ("", cursors[0])
    assert bench.differences() == {}


async def session_over(bench: Bench) -> None:
    """The key of the stream ends, or the venue says goodbye: what comes after is another epoch."""
    order = bench.order()
    await becomes(bench, order, "acknowledged")
    bench.end_session()
    await bench.quiet()
    bench.sell_to_us(10)  # on a stream that is silent
    await bench.reopen()
    assert order().status == "filled"
    assert bench.differences() == {}


async def renewed(bench: Bench) -> None:
    bench.perform(RenewStream(account=bench.site.spec.account))
    await bench.quiet()


async def unknown_and_alive(bench: Bench) -> None:
    """The venue took the order, and nothing that says so came: asked after by our id, it lives."""
    bench.faults.arm("answer_lost")
    bench.faults.arm("lost_frame")
    order = bench.order()
    await becomes(bench, order, "unknown")
    bench.asked.clear()
    await bench.ring("order")
    await becomes(bench, order, "acknowledged")
    named = [each.client_order_id for each in bench.asked if isinstance(each, QueryOrder)]
    assert named == [order().client_order_id]
    await take_back(bench, order)


async def unknown_and_never(bench: Bench) -> None:
    """The request was lost on its way: once it can no longer arrive, the venue's word is proof."""
    bench.faults.arm("request_lost")
    order = bench.order()
    await becomes(bench, order, "unknown")
    await asyncio.sleep(GRACE_S)  # none of our alarms is as late as that
    await bench.ring("order")
    await becomes(bench, order, "rejected")
    assert bench.differences() == {}


async def not_sure_what_became_of_it(bench: Bench) -> None:
    """No such answer proves anything: the order is unknown until the venue is asked."""
    for kind in ("server_error_after", "html_answer", "truncated_answer"):
        bench.faults.arm(kind)
        bench.faults.arm("lost_frame")
        order = bench.order()
        await becomes(bench, order, "unknown")
        await bench.ring("order")
        await becomes(bench, order, "acknowledged")
        await take_back(bench, order)


async def too_many_requests(bench: Bench) -> None:
    """Nothing was applied, and how long to wait is in the answer."""
    bench.faults.arm("rate_limited", 3000)
    bench.perform(FetchOpenOrders(account=bench.site.spec.account))
    await bench.quiet()
    assert f"retry/{bench.site.spec.account}/open_orders" in bench.alarms
    bench.faults.arm("rate_limited", 3000)
    order = bench.order()
    await bench.quiet()
    assert bench.venue.open_tickets() == []
    assert order().status in ("rejected", "unknown")
    if order().status == "unknown":
        await asyncio.sleep(GRACE_S)
        await bench.ring("order")
        await becomes(bench, order, "rejected")


async def unreadable(bench: Bench) -> None:
    """A read that fails is a failure, whatever came in its place."""
    for kind in READS:
        bench.faults.arm(kind)
        bench.perform(FetchOpenOrders(account=bench.site.spec.account))
        await bench.quiet()


async def gone_already(bench: Bench) -> None:
    """A cancel of what has filled is refused."""
    order = bench.order()
    await becomes(bench, order, "acknowledged")
    bench.sell_to_us(10)
    await becomes(bench, order, "filled")
    bench.perform(
        CancelOrder(
            account=bench.site.spec.account,
            client_order_id=order().client_order_id,
            instrument=order().instrument,
            order_id=order().order_id,
        )
    )
    await bench.quiet()
    assert order().status == "filled"


async def poisoned(bench: Bench) -> None:
    """Garbage on the stream is kept and counted; what comes behind it is read."""
    order = bench.order()
    await becomes(bench, order, "acknowledged")
    bench.faults.arm("poison_frame")
    bench.sell_to_us(10)
    await becomes(bench, order, "filled")
    assert bench.differences() == {}


Case = Callable[[Bench], Coroutine[Any, Any, None]]
SHORT: tuple[Case, ...] = (opened, filled, cancelled, rejected, dropped, session_over)
LONG: tuple[Case, ...] = (
    *(renewed, unknown_and_alive, unknown_and_never, not_sure_what_became_of_it),
    *(too_many_requests, unreadable, gone_already, poisoned),
)
ON_SOCKETS = SHORT + LONG if os.environ.get("TIEOUT_FULL") == "1" else SHORT


def course(cases: tuple[Case, ...]) -> Callable[[Bench], Coroutine[Any, Any, Stories]]:
    async def runs(bench: Bench) -> Stories:
        told = {}
        for case in cases:
            await case(bench)
            told[case.__name__] = bench.story()
        return told

    return runs


@cache
def by_twin(venue: str) -> Stories:
    return twin(venue, course(SHORT + LONG))


@cache
def by_adapter(venue: str) -> Stories:
    return adapter(venue, course(SHORT + LONG))


@cache
def by_sockets() -> dict[str, Stories]:
    return sockets(VENUES, course(ON_SOCKETS))


@pytest.mark.parametrize("case", SHORT + LONG, ids=lambda case: case.__name__)
@pytest.mark.parametrize("venue", VENUES)
def test_ccxt_in_simulated_time_tells_what_the_pure_twin_tells(venue: str, case: Case) -> None:
    assert by_adapter(venue)[case.__name__] == by_twin(venue)[case.__name__]


@pytest.mark.parametrize("case", ON_SOCKETS, ids=lambda case: case.__name__)
@pytest.mark.parametrize("venue", VENUES)
def test_ccxt_over_real_sockets_tells_what_the_pure_twin_tells(venue: str, case: Case) -> None:
    assert by_sockets()[venue][case.__name__] == by_twin(venue)[case.__name__]
