"""What the cold engine is to report, as the limits say it: named stress, margin by tier, a horizon.

It stands in the desk, so that a snapshot has it; the gate looks at none of it.
"""

from __future__ import annotations

from typing import Any

from core.risk_events import Bound, LimitsLoaded, MarginTier, Tradable
from risk.counters import Tier as GateTier
from risk.margin import Tier
from risk.stress import Stress

BASIS_POINT_PPM = 100
FAR = 1 << 60


class Measuring:
    """`stress_max` is what the worst named stress may cost; None where no limit says."""

    def __init__(self) -> None:
        self.stresses: list[Stress] = []
        self.stress_max: int | None = None
        self.horizon_ns = 0
        self.tiers: dict[tuple[str, str], tuple[Tier, ...]] = {}

    @staticmethod
    def told(event: LimitsLoaded, stress: Bound | None) -> Measuring:
        """As limits that were just loaded say it."""
        measuring = Measuring()
        measuring.stresses = [
            Stress(each.name, {move.line: move.amount for move in each.moves})
            for each in event.stresses
        ]
        measuring.stress_max = stress.amount if stress is not None else None
        measuring.horizon_ns = event.horizon_ns
        for each in event.tradables:
            measuring.tiers[each.account, each.instrument] = tuple(
                Tier(
                    tier.value_max,
                    tier.initial_bp * BASIS_POINT_PPM,
                    tier.maintenance_bp * BASIS_POINT_PPM,
                )
                for tier in tiers_of(each)
            )
        return measuring

    def dump(self) -> dict[str, Any]:
        """All of it in plain values."""
        return {
            "stresses": [[each.name, dict(each.moves_ppm)] for each in self.stresses],
            "stress_max": self.stress_max,
            "horizon_ns": self.horizon_ns,
            "tiers": [
                [*place, [list(tier) for tier in each]] for place, each in self.tiers.items()
            ],
        }

    @staticmethod
    def restored(told: dict[str, Any]) -> Measuring:
        """What `dump` told; nothing, of a desk that was told before there was any."""
        measuring = Measuring()
        measuring.stresses = [Stress(name, moves) for name, moves in told.get("stresses", [])]
        measuring.stress_max = told.get("stress_max")
        measuring.horizon_ns = told.get("horizon_ns", 0)
        for account, instrument, tiers in told.get("tiers", []):
            measuring.tiers[account, instrument] = tuple(Tier(*tier) for tier in tiers)
        return measuring


def tiers_of(tradable: Tradable) -> tuple[MarginTier, ...]:
    """Its tiers; where none are told, all that was asked for to open a position must stay."""
    return tradable.tiers or (MarginTier(0, tradable.margin_bp, tradable.margin_bp),)


def gate_tiers(tradable: Tradable) -> list[GateTier]:
    """The same as the gate has them: one rate of the whole, less what the lower parts save."""
    found: list[GateTier] = []
    below = deduction = rate = 0
    for tier in tiers_of(tradable):
        deduction += below * (tier.initial_bp - rate) // 10_000
        rate = tier.initial_bp
        found.append(GateTier(tier.value_max or FAR, rate, deduction))
        below = tier.value_max
    return found
