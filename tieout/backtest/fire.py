"""A backtest under fire: how much of its profit is left when venues are out, messages are in
disorder, risk stands still, deposits are stuck, or our node dies.

Rule 1. What runs is the node of every run, over tapes, with the wires and faults of a campaign; the
law and every other standard claim are asked of each run, and what does not hold is shown.
Rule 2. Profit is the venues' truth: what the accounts have at the end, at the last prices, less
what they had. Our books are held against it by the claims.
Rule 3. A seed's run without faults is what its other runs are compared with.
Rule 4. Streams beat, statements are read and limits are reckoned by the minute, as bars come: what
is found of a difference is found within three minutes.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from scenarios.bounds import LimitsSpec
from scenarios.model import Scenario, VenueSpec
from tieout.backtest.families import FAMILIES, STRENGTHS, plan_of
from tieout.backtest.played import Played, gained, lasts_ns, play
from tieout.backtest.run import Paid, Tapes, decimals_of
from tieout.campaigns.seed import Done, Engine, SeedResult, Task, here
from tieout.reports.outcome import Claim
from tieout.runs import conclude

MINUTE_MS: Final = 60_000
# Streams beat and repeat so many times more seldom than by the second, as bars come by the minute.
PACE: Final = 20
HEAL_S: Final = Decimal(1800)
CALM: Final = "calm"
# Limits of the simulated file, as wide as its gate can count; in contracts, and in money.
CONTRACTS: Final = ("order_quantity", "strategy_position", "account_position")
MONEY: Final = (
    *("order_notional", "strategy_net", "strategy_gross", "account_net", "account_gross"),
    *("asset_net", "concentration", "firm_net", "firm_gross", "credit", "turnover", "stress"),
)
WIDE: Final = dict.fromkeys(CONTRACTS, Decimal(10**7)) | dict.fromkeys(MONEY, Decimal(10**10))


@dataclass(slots=True)
class FireResult(SeedResult):
    """One run: what it earned, and in which coin; `claims` that did not hold are in `failed`."""

    family: str = CALM
    strength: Fraction = Fraction(0)
    profit: Decimal = Decimal(0)
    coin: str = ""
    fills: int = 0
    breaks: int = 0
    silent: int = 0
    struck: int = 0


@dataclass(frozen=True, slots=True)
class Fire:
    """What each run is of; a worker gets it once, and then family, strength and seed as a task."""

    scenario: Scenario
    tapes: Tapes
    rates: Paid = field(default_factory=dict)

    def __call__(self, task: Task) -> FireResult:
        """One run."""
        family, strength = _named(task.scenario)
        run_ns = lasts_ns(self.tapes)
        began = time.process_time()
        plan = plan_of(family, strength, task.seed, run_ns) if family != CALM else []
        run = play(self.scenario, task.seed, self.tapes, plan, self.rates)
        outcome = conclude(run, run.memory, [])
        return _result(task, run, outcome.claims, outcome.summary, began)


def _named(name: str) -> tuple[str, Fraction]:
    family, _, strength = name.partition("@")
    return family, Fraction(strength or 0)


def _result(
    task: Task,
    run: Played,
    claims: Sequence[Claim],
    summary: dict[str, object],
    began: float,
) -> FireResult:
    family, strength = _named(task.scenario)
    sums = gained(run)
    coin = run.scenario.venues[0].instruments[0].quote
    coin = coin if coin in sums else next(iter(sums), coin)
    state = run.host.state
    assert state is not None, "the healed world has the node up"
    return FireResult(
        scenario=task.scenario,
        seed=task.seed,
        held=all(each.held for each in claims),
        digest=str(summary["digest"]),
        failed=[f"{each.claim}: {each.figure}" for each in claims if not each.held],
        cpu_seconds=time.process_time() - began,
        faults=dict(run.faults.counts),
        family=family,
        strength=strength,
        profit=sums.get(coin, Decimal(0)),
        coin=coin,
        fills=sum(len(told) for site in run.sites for told in site.venue.exchange.trades.values()),
        breaks=state.breaks_made,
        silent=int(str(summary["silent_differences"])),
        struck=sum(run.faults.counts.values()),
    )


# --- what is run ---------------------------------------------------------------------------------


def tasks_of(families: Sequence[str], seeds: Sequence[int]) -> list[Task]:
    """Each seed once without faults, and once in each family at each strength above 0."""
    names = [f"{family}@{each}" for family in families for each in STRENGTHS if each]
    return [Task(name, seed, short=False) for seed in seeds for name in (CALM, *names)]


def families_of(scenario: Scenario) -> list[str]:
    """Those that can do anything to it: deposits are stuck only where cash is moved."""
    moves = any(each.kind == "arbitrage" for each in scenario.strategies)
    return [each for each in FAMILIES if each != "stuck deposits" or moves]


def set_up(scenario: Scenario, tapes: Tapes) -> Scenario:
    """The scenario as it is run here: by the minute, under limits, and healed at the end."""
    return scenario.model_copy(
        update={
            "venues": tuple(map(_by_the_minute, scenario.venues)),
            "decimals": scenario.decimals | decimals_of(scenario),
            "heal_s": HEAL_S,
            "duration_s": Decimal(lasts_ns(tapes)) / 10**9,
            "limits": scenario.limits or _wide(scenario),
        }
    )


def _by_the_minute(venue: VenueSpec) -> VenueSpec:
    return venue.model_copy(
        update={
            "statement_period_ms": MINUTE_MS,
            "backfill_period_ms": 10 * MINUTE_MS,
            "pace": PACE,
            "latency_ms_p99": venue.latency_ms,
        }
    )


def _wide(scenario: Scenario) -> LimitsSpec:
    """Limits that no order of these strategies meets while the engine's word stands.

    Their rates only size what is far from any limit.
    """
    coins = [each.quote for venue in scenario.venues for each in venue.instruments]
    return LimitsSpec(
        file="simulated",
        rates=dict.fromkeys(coins, Decimal(1)),
        amounts=WIDE | {"reference_age": Decimal(60 * MINUTE_MS), "collar": Decimal(9_999)},
        collateral=Decimal(10**10),
        heartbeat_ms=MINUTE_MS,
        ttl_ms=4 * MINUTE_MS,
        hold_ms=MINUTE_MS,
        horizon_ms=MINUTE_MS,
    )


def burn(fire: Fire, tasks: Sequence[Task], engine: Engine = here) -> Iterator[FireResult]:
    """Every run's result, as they come; raises nothing for a run that does."""
    for event in engine(tasks, fire):
        if isinstance(event, Done):
            result = event.result
            if not isinstance(result, FireResult):  # it raised, or its worker was lost
                family, strength = _named(result.scenario)
                result = FireResult(
                    result.scenario,
                    result.seed,
                    held=False,
                    error=result.error,
                    failed=[result.error],
                    family=family,
                    strength=strength,
                )
            yield result
