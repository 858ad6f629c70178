"""Orders that are not ours are cancelled by their venue's own id, in every dialect that can."""

from decimal import Decimal

import pytest

from core.effects import CancelOrder
from scenarios.model import check
from sim.memory_store import MemoryStore
from tieout.simulation import Simulation
from tieout.world.twins import TWINS
from venues.simulated import Asked

# Each has an order that somebody placed by hand, under an id of his own or under none.
SCENARIO = {"name": "one", "claim": "none", "duration_s": 1}


@pytest.mark.parametrize("venue", TWINS)
def test_an_order_is_cancelled_by_the_venues_id_alone(venue: str) -> None:
    simulation = Simulation(check({**SCENARIO, "venues": [venue]}, "x"), 1, MemoryStore())
    site, exchange = simulation.sites[0], simulation.sites[0].venue.exchange
    terms = exchange.terms[site.spec.instruments[0].symbol]
    exchange.crowd_rests(terms.symbol, "sell", 10 * terms.lot, 120 * terms.tick)
    exchange.wallets[terms.quote] = Decimal(10**9)
    leg = "long" if TWINS[venue].dialect.hedged else "net"
    price = Decimal(100) * terms.tick
    ticket = exchange.place("", terms.symbol, "buy", terms.lot, "limit", price, leg)
    assert ticket in exchange.open_tickets()
    for _ in range(2):  # the second finds it gone, and is answered all the same
        effect = CancelOrder(
            account=site.spec.account,
            client_order_id="",
            instrument=terms.symbol,
            order_id=ticket.order_id,
        )
        request = TWINS[venue].dialect.request(effect)
        status, _, *_ = site.venue.handle(Asked(request.method, request.path, dict(request.params)))
        assert status < 500
        assert ticket not in exchange.open_tickets()
