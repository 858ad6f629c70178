"""Venues and rails around one node: one set of books, one scale for each asset."""

from typing import Any

import pytest

from core.events import AssetListed, OpeningSet
from core.journal import decode_event
from core.money import parse
from scenarios.model import Scenario
from tieout.runs import run
from tieout.world.sites import asset_decimals

OUT = {"kind": "out", "asset": "ETH", "scheme": "evm", "rate": "0.001"}


def both(**rest: Any) -> Scenario:
    """Spot ether at a venue, and customers whose ether goes out over a chain."""
    return Scenario.model_validate(
        {
            "name": "both",
            "claim": "venues and rails work on one set of books",
            "duration_s": 1200,
            "heal_s": 3600,
            "venues": [
                {"dialect": name, "statement_period_ms": 20000, "market_wait_ms": 10000}
                for name in ("binance_spot", "okx_swap")
            ],
            "strategies": [
                {"kind": "maker", "name": "mm", "tick_ms": 5000},
                {"kind": "taker", "name": "tk", "tick_ms": 5000},
            ],
            "settling": {
                "rails": ["chain"],
                "customers": {
                    "count": 2,
                    "balances": {"ETH": "10"},
                    "every_s": 120,
                    "flows": [{"flow": "coin", "legs": [OUT], "amount_min": 5, "amount_max": 50}],
                },
            },
            "faults": [
                {"kind": "lost_frame", "one_in": 3},
                {"kind": "transfer", "where": "binance_spot", "every_s": 40, "strength": 100},
                {"kind": "crash", "where": "node", "one_in": 1500, "strength": 500},
            ],
            "claims": [
                {"claim": "customers were paid", "figure": "settlement.payments", "at_least": 3},
                {"claim": "fills were lost", "figure": "drift.injected", "at_least": 3},
                {"claim": "the node was killed", "figure": "crashes", "at_least": 1},
            ],
            **rest,
        }
    )


@pytest.mark.parametrize("seed", range(2))
def test_every_claim_holds_where_venues_and_rails_share_an_asset(seed: int) -> None:
    outcome = run(both(), seed, sampled=False)
    assert [each.claim for each in outcome.claims if not each.held] == []


def test_the_scale_of_an_asset_is_told_before_anything_is_booked_of_it() -> None:
    told = [
        decode_event(record.body)
        for record in run(both(duration_s=5), 1, sampled=False).store.committed
        if record.name in ("AssetListed", "OpeningSet")
    ]
    openings = [n for n, event in enumerate(told) if isinstance(event, OpeningSet)]
    listings = [n for n, event in enumerate(told) if isinstance(event, AssetListed)]
    assert max(listings) < min(openings)
    ether = [e for e in told if isinstance(e, OpeningSet) and e.subject == "ETH"]
    assert {event.amount for event in ether} == {parse("1000", 18)}


@pytest.mark.parametrize(
    ("rails", "decimals"),
    [({"BTC": 6}, {}), ({"ETH": 18}, {"ETH": 12})],
    ids=["coarser than a venue's", "otherwise than the scenario says"],
)
def test_two_scales_for_one_asset_are_refused(
    rails: dict[str, int], decimals: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match="a rail counts it in"):
        asset_decimals(both(decimals=decimals), rails)
