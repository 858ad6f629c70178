"""A plan run again under a watch: which claims failed, since when, and whether the run raised.

Rule. An exception is a claim like any other, and its own: two runs fail the same way where the same
type was raised in the same function of ours.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from core.state import State
from sim.market import Trade
from sim.memory_store import MemoryStore
from sim.world import EPOCH_NS, SECOND
from tieout.failures.plans import Plan, plan_of_simulation
from tieout.reports.outcome import Claim, Outcome
from tieout.runs import Sampler, conclude
from tieout.simulation import Simulation
from tieout.world import market as markets

# What is counted as the run goes on: the moment at which a claim about it fails can be seen.
CONTINUOUS: dict[str, Callable[[Simulation], int]] = {
    "silent_differences": lambda sim: len(sim.oracle.silent),
    "drift.false_alarms": lambda sim: len(sim.oracle.false_alarms),
    "names_forgotten": lambda sim: len(sim.oracle.forgotten),
    "breaks_hasty": lambda sim: len(sim.watch.hasty),
    "exits_excessive": lambda sim: len(sim.watch.excessive),
    "limit_breaches": lambda sim: len(sim.dared.oracle.breaches) if sim.dared else 0,
    "risk.flips": lambda sim: len(sim.dared.oracle.flips) if sim.dared else 0,
    "risk.opened_wrongly": lambda sim: len(sim.dared.opened.wrong) if sim.dared else 0,
    "risk.stated_wrongly": lambda sim: len(sim.dared.stated.wrong) if sim.dared else 0,
    "wrongly_settled": lambda sim: sim.rails.oracle.wrong if sim.rails else 0,
    "settlement.ledger_faults": lambda sim: len(sim.rails.ledger_faults) if sim.rails else 0,
    "settlement.limit_excess": lambda sim: sum(sim.rails.excesses.values()) if sim.rails else 0,
    "settlement.told_wrongly": lambda sim: len(sim.rails.judge.told_wrongly) if sim.rails else 0,
    "settlement.over_limit_in_truth": (
        lambda sim: len(sim.rails.judge.over_limit) if sim.rails else 0
    ),
    "settlement.lines_misplaced": lambda sim: len(sim.rails.lines.misplaced) if sim.rails else 0,
    "settlement.raises_too_small": (
        lambda sim: len(sim.rails.payments.raised_too_little) if sim.rails else 0
    ),
}
# What may happen at no time, so that no claim about it is one about a healed world: it has
# happened, or not yet. Of those that are counted at the end only, the moment stays unknown.
NEVER = (
    *CONTINUOUS,
    "moves_unlisted",
    "silence_excess_seconds_max",
    *(f"risk.{what}" for what in ("engine_halted", "decided_by_old_prices")),
    *(f"risk.{what}" for what in ("word_overdue_seconds", "words_backwards")),
    *(f"settlement.{what}" for what in ("doubled", "nonces_doubled", "settled_unasked")),
    *(f"tokens.{what}" for what in ("policy_violations", "signed_wrongly", "permitted_beyond")),
    *(f"tokens.{what}" for what in ("decided_by_old", "permitted_while_paused", "nonces_shared")),
    *(f"tokens.{what}" for what in ("moved_unasked", "replays_moved", "decisions_doubled")),
    "tokens.sums_off",
    "tokens.limits_off",
)
THE_LAW = "silent_differences"
ROOT = Path(__file__).parents[2]
RAISED = "no run raises"


class Moment(NamedTuple):
    """When a claim was seen to fail: since the start of the run, and after which record."""

    at_s: float
    record: int


class TooLong(Exception):  # it ends a run, and is nobody's mistake
    """The run was given up: it had more events than it may, or the time is up."""


@dataclass(slots=True, eq=False)
class Rerun:
    """A run of a plan, over. `failed` are the claims that did not hold, with their figures."""

    plan: Plan
    simulation: Simulation
    outcome: Outcome | None = None
    error: Exception | None = None
    failed: dict[str, Claim] = field(default_factory=dict)
    moments: dict[str, Moment] = field(default_factory=dict)

    @property
    def store(self) -> MemoryStore:
        store = self.simulation.store
        assert isinstance(store, MemoryStore), "a simulated run journals into memory"
        return store

    @property
    def events(self) -> int:
        """How many events were delivered to the node, kept by a commit or not."""
        records = (*self.store.committed, *self.store.pending)
        return sum(record.kind == "event" for record in records)

    def moment(self, claim: str) -> Moment | None:
        """When it failed first; None where that shows at the end only."""
        failed = self.failed.get(claim)
        return None if failed is None else self.moments.get(figure_of(failed))


def figure_of(claim: Claim) -> str:
    """The figure that a claim is about."""
    return claim.figure.split(" = ")[0]


def rerun(
    plan: Plan,
    *,
    market: Path | None = None,
    watch: Callable[[int], None] = lambda steps: None,
    sampled: bool = False,
) -> Rerun:
    """Run the plan; `watch` is told after each step how many there were and may raise `TooLong`."""
    scenario = plan.whole()
    plan.same_market(market, scenario.market_gap_ms_max)
    trades: list[Trade] = []
    if market is not None:
        _, trades = markets.load(market, scenario.market_gap_ms_max)
    seconds = scenario.short_s if plan.short and scenario.short_s else scenario.duration_s
    duration = trades[-1].at + SECOND if trades else int(seconds * SECOND)
    store = MemoryStore()
    simulation = Simulation(
        scenario, plan.seed, store, plan.faults, trades, duration, tie_break=plan.tie_break
    )
    simulation.policy = plan.policy
    made = Rerun(plan, simulation)
    sampler = Sampler(simulation)
    seen = _Watcher(made, watch, sampler.look if sampled else lambda state: None)
    simulation.on_step = seen.look
    try:
        simulation.run()
        seen.note()
        sampler.end()
        made.outcome = conclude(
            simulation, store, sampler.samples, short=bool(plan.short), market=plan.market
        )
    except TooLong:
        raise
    except Exception as error:  # noqa: BLE001  # what a run raises is what it failed by
        _raised(made, error)
        return made
    made.failed = {each.claim: each for each in made.outcome.claims if not each.held}
    return made


def _raised(made: Rerun, error: Exception) -> None:
    claim = Claim(f"{RAISED} {type(error).__name__} in {_place_of(error)}", False, str(error), "")
    made.error, made.failed = error, {claim.claim: claim}
    at_s = (made.simulation.world.now - EPOCH_NS) / SECOND
    records = (*made.store.committed, *made.store.pending)
    made.moments[figure_of(claim)] = Moment(at_s, records[-1].number if records else 0)


def _place_of(error: Exception) -> str:
    """The last function of ours on the way to where it was raised."""
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if not place or path.is_relative_to(ROOT):
            where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
            place = f"{where}:{frame.name}"
    return place


class _Watcher:
    """Looks at each figure that is counted as the run goes on, until it is no longer 0."""

    def __init__(
        self, made: Rerun, watch: Callable[[int], None], other: Callable[[State], None]
    ) -> None:
        self._made, self._watch, self._other = made, watch, other
        self._clean = dict(CONTINUOUS)
        self._steps = 0

    def look(self, state: State) -> None:
        """A step was taken."""
        self._steps += 1
        self._watch(self._steps)
        self._other(state)
        self.note()

    def note(self) -> None:
        """Whatever is no longer 0 has failed by now."""
        sim = self._made.simulation
        for figure in [figure for figure, count in self._clean.items() if count(sim)]:
            del self._clean[figure]
            node = sim.host.node
            record = node.journal.next_number - 1 if node is not None else 0
            at_s = (sim.world.now - EPOCH_NS) / SECOND
            self._made.moments[figure] = Moment(at_s, record)


def plan_run(made: Rerun) -> Plan:
    """The plan as it was run, whatever came of it."""
    sim = made.simulation
    return plan_of_simulation(sim, short=bool(made.plan.short), market=made.plan.market)
