"""What a venue makes of value that came to it over a chain."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from scenarios.rails import venue_address
from sim.dice import Dice
from sim.world import World
from tieout.world.bridges import CREDIT_S, Bridge

SECOND = 10**9


def test_a_venue_credits_no_more_than_it_can_tell() -> None:
    """A wei on top of it would be in its truth, and in nothing that it ever says."""
    credited: list[Decimal] = []
    exchange: Any = SimpleNamespace(transfer=lambda asset, amount: credited.append(amount))
    world, spec = World(0), SimpleNamespace(venue="binance_spot", asset="ETH", every_s=Decimal(9))
    bridge = Bridge(spec, exchange, SimpleNamespace(), world, Dice(1).stream("b"), 18, until=0)  # type: ignore[arg-type]
    bridge._paid(venue_address("binance_spot"), 206_380_000_000_000_001)
    world.run(CREDIT_S[1] * SECOND)
    assert credited == [Decimal("0.20638")]
