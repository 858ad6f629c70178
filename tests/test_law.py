"""The law: every difference between the world's truth and our books is in flight or an open break.

Here over a fixed few seeds, and with the node killed at every single step of one short run; the
catalogue and the campaigns hold it at full size.
"""

from __future__ import annotations

import pytest

from core.effects import Effect
from scenarios.model import check, find
from sim.market import MS
from sim.memory_store import MemoryStore
from tieout.reports.outcome import Outcome
from tieout.runs import conclude, run
from tieout.simulation import Simulation

SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_claim_holds_in_spot_weather(seed: int) -> None:
    """Under every fault that wire, venue and disk can bring, to the unit."""
    assert failed(run("spot_weather", seed, short=True, sampled=False)) == []


def failed(outcome: Outcome) -> list[str]:
    return [f"{each.claim}: {each.figure}" for each in outcome.claims if not each.held]


def test_what_was_told_is_what_the_journal_holds() -> None:
    """A frame that a crash took before it was durable told nothing, however far it had come."""
    store = MemoryStore()
    simulation = Simulation(find("killed_as_it_fills"), 0, store, duration_ns=120 * 10**9)
    simulation.run()
    heard = b"".join(r.body for r in store.committed if r.kind == "frame" and r.name == "stream")
    venues = {"binance_spot/main": b'"t":%s,', "binance_usdm/main": b'"t":%s,'}
    told = [f for f in simulation.truth.facts if f.kind == "fill" and f.told_at >= 0]
    unheard = [f for f in told if venues[f.account] % f.key[1].encode() not in heard]
    assert len(told) > 100
    assert unheard == []


def test_the_law_holds_where_assets_have_eighteen_decimals() -> None:
    """ETH of a chain, on both sides of an instrument; its drop copy told late, frames lost."""
    fields = {
        "name": "eighteen",
        "claim": "no unit is lost between the venue's scale and the asset's",
        "duration_s": 40,
        "heal_s": 30,
        "decimals": {"ETH": 18, "BTC": 18, "USDT": 12},
        "venues": ["binance_spot", "binance_usdm", "bybit_inverse", "coinbase"],
        "strategies": [
            {"kind": "maker", "name": "mm"},
            {"kind": "taker", "name": "tk", "options": {"one_in": 1}},
        ],
        "faults": [
            {"kind": "lost_frame", "one_in": 8},
            {"kind": "bust", "every_s": 5, "strength": 2000},
            {"kind": "funding", "every_s": 8},
        ],
    }
    outcome = run(check(fields, "test_law"), sampled=False)
    assert failed(outcome) == []
    assert outcome.state.holdings["binance_spot/main/ETH/cash"] > 900 * 10**18
    assert outcome.summary["drift"]["found"] > 20


# --- killed at every step ------------------------------------------------------------------------

BRIEF = check(
    {
        "name": "brief",
        "claim": "a few orders, a few fills, one of them told to nobody",
        "duration_s": 5,
        "heal_s": 8,
        "venues": [{"dialect": "binance_spot", "backfill_period_ms": 4000, "market_wait_ms": 300}],
        "strategies": [{"kind": "taker", "name": "tk", "tick_ms": 900, "options": {"one_in": 1}}],
        "faults": [
            {"kind": "duplicate_frame", "one_in": 5, "strength": 60},
            {"kind": "lost_frame", "one_in": 9},
            {"kind": "answer_lost", "one_in": 9},
        ],
    },
    "test_law",
)


class Killer:
    """Kills the node once: at the step, the commit or the effect of that number."""

    def __init__(self, simulation: Simulation, victim: int, when: str) -> None:
        self.steps = 0
        self.commits = 0
        self.effects = 0
        self._host = simulation.host
        self._victim, self._when = victim, when
        self._tell, self._commit = self._host.tell, self._host._commit
        self._host.tell = self._watched_tell  # type: ignore[method-assign]
        self._host._commit = self._watched_commit  # type: ignore[method-assign]
        self._perform = self._host._perform
        self._host._perform = self._watched_perform  # type: ignore[method-assign]

    def _watched_tell(self, told: object) -> None:
        if self._host.node is None or not self._host.deaths.may_come:
            self._tell(told)  # type: ignore[arg-type]
            return
        self.steps += 1
        mine = self.steps == self._victim
        if mine and self._when == "before":
            self._host.crash(200 * MS)
            return
        self._tell(told)  # type: ignore[arg-type]
        if mine and self._when == "after":
            self._host.crash(200 * MS)

    def _watched_commit(self, life: int) -> None:
        """Durable, and dead before any of its effects was performed."""
        host = self._host
        if host.node is not None and life == host.life and host.deaths.may_come:
            self.commits += 1
            if self._when == "committed" and self.commits == self._victim:
                host.make_durable()
                host.crash(200 * MS)
                return
        self._commit(life)

    def _watched_perform(self, effect: Effect) -> None:
        """Performed, and dead before the next effect of the group."""
        if self._host.node is None:
            return
        self._perform(effect)
        if self._host.deaths.may_come:
            self.effects += 1
            if self._when == "performed" and self.effects == self._victim:
                self._host.crash(200 * MS)

    def count(self) -> int:
        """How many moments of its kind there are."""
        return {"committed": self.commits, "performed": self.effects}.get(self._when, self.steps)


def killed(victim: int, when: str) -> tuple[Killer, Outcome]:
    store = MemoryStore()
    simulation = Simulation(BRIEF, 3, store)
    killer = Killer(simulation, victim, when)
    simulation.run()
    return killer, conclude(simulation, store, [])


def test_the_run_that_is_killed_has_something_to_lose() -> None:
    killer, outcome = killed(0, "never")
    assert failed(outcome) == []
    assert outcome.summary["counts"]["fills_booked/binance_spot/main"] >= 4
    assert outcome.summary["faults"].keys() >= {"lost_frame", "duplicate_frame", "answer_lost"}
    assert killer.steps > 100
    assert killer.commits > 50


@pytest.mark.parametrize("when", ["before", "after", "committed", "performed"])
def test_killed_at_any_step_the_end_equals_the_truth(when: str) -> None:
    """Before an event, after it, before its durable effects, or between two of them (V6)."""
    whole, _ = killed(0, when)
    wrong = []
    for victim in range(1, whole.count() + 1):
        _, outcome = killed(victim, when)
        assert outcome.summary["crashes"] == 1
        wrong += [f"killed {when} {victim}: {each}" for each in failed(outcome)]
    assert wrong == []
