"""A request has an end: each venue refuses what comes later, and does nothing of it."""

from __future__ import annotations

from typing import Any

import pytest

from core.effects import PlaceOrder
from core.events import FrameQuarantined, OrderReported
from core.frames import Frame
from core.money import price, quantity
from scenarios.model import DIALECTS, check
from sim.memory_store import MemoryStore
from sim.world import EPOCH_NS
from tests.facts import only, spot_books, wish
from tieout.node.dialects import READERS
from tieout.simulation import Simulation
from tieout.world.twins import TWINS
from venues.simulated import Asked

LATE, IN_TIME = EPOCH_NS - 1, EPOCH_NS


def ask(dialect: str, expires_at: int, **venue: Any) -> tuple[Simulation, list[Any]]:
    """An order that arrives at the epoch, and what its answer tells us."""
    world = {"name": "x", "claim": "x", "duration_s": 5}
    simulation = Simulation(
        check({**world, "venues": [{"dialect": dialect, **venue}]}, "x"), 0, MemoryStore()
    )
    (site,) = simulation.sites
    for asset, amount in site.spec.wallets.items():
        site.venue.exchange.fund(asset, amount)
    terms = site.spec.instruments[0]
    order = PlaceOrder(
        account=site.spec.account,
        client_order_id="tie1x1",
        instrument=terms.symbol,
        side="buy",
        quantity=quantity(str(terms.lot)),
        kind="limit",
        price=price(str(terms.price)),
        leg="long" if TWINS[dialect].dialect.hedged else "net",
        expires_at=expires_at,
    )
    request = TWINS[dialect].dialect.request(order)
    status, body = site.venue.handle(
        Asked(request.method, request.path, request.params, request.expires_at)
    )
    frame = Frame(
        number=1,
        account=site.spec.account,
        channel="rest",
        received_at=EPOCH_NS,
        body=body,
        status=status,
        about=order,
        asked_at=EPOCH_NS,
    )
    return simulation, list(READERS[dialect](frame, {}))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_venue_refuses_an_order_that_comes_after_its_end(dialect: str) -> None:
    """No ticket is made; the answer is on no allow-list, so the outcome is to be asked after."""
    simulation, told = ask(dialect, LATE)
    (site,) = simulation.sites
    assert not site.venue.exchange.tickets
    assert [(type(each), each.status) for each in told] == [(OrderReported, "unknown")]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("expires_at", [IN_TIME, 0], ids=["its last moment", "no end"])
def test_a_venue_takes_an_order_that_comes_in_time(dialect: str, expires_at: int) -> None:
    simulation, told = ask(dialect, expires_at)
    (site,) = simulation.sites
    assert list(site.venue.exchange.by_client) == ["tie1x1"]
    assert not any(isinstance(each, FrameQuarantined) for each in told)


@pytest.mark.parametrize(("skew_ms", "taken"), [(5, 0), (-5, 1)])
def test_the_venues_own_clock_says_what_is_late(skew_ms: int, taken: int) -> None:
    """Which is why the grace allows for the error between the two clocks."""
    simulation, _ = ask("binance_spot", IN_TIME + 1 if skew_ms > 0 else LATE, skew_ms=skew_ms)
    assert len(simulation.sites[0].venue.exchange.tickets) == taken


def test_an_order_ends_so_long_after_its_wish() -> None:
    """Not after it was sent: a slow commit, or a crash before it, lengthens nothing."""
    books = spot_books(request_validity_ns=2_000_000_000)
    asked = wish("buy", "1", "0.001")
    (sent,) = only(PlaceOrder, books.tell(asked))
    assert sent.expires_at == asked.received_at + 2_000_000_000
