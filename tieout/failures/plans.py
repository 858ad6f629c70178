"""A plan on disk: all that a run is of, so that it can be run again, shrunk and kept.

Rule 1. It is whole: the scenario as it was run, in the words of a catalogue file, with the seed,
the form, the dice of ties, the market and every fault. Seeds may be drawn anew; a plan stays.
Rule 2. It is taken back only if every field of it is understood; what is said beside it must not
contradict it. (Plans of schema 1 name their scenario: it is taken from the catalogue as it is.)
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from risk.written import content
from scenarios.model import BadScenario, Scenario, check, find
from scenarios.policies import draw
from scenarios.thinning import as_told
from sim.faults import ENGINE, KINDS, Fault, happens_by_itself, impossible
from sim.materialised import materialised
from sim.world import SECOND
from tieout.reports.outcome import Outcome
from tieout.simulation import Simulation
from tieout.world import market as markets
from tieout.world.market import Market

SCHEMA, SCHEMA_OF_NAMES = 2, 1
EVERY_NS_MIN = 1_000_000
NAMES = tuple(each.name for each in fields(Fault))
# What only materialised lines have, and what of a line is mostly as it is for most.
OF_SOME = {each.name: each.default for each in fields(Fault) if each.name in ("line", "strikes")}


class BadPlan(ValueError):
    """The file is no fault plan; the message names file, field, what was found, what would do."""


class PlannedFault(Struct, forbid_unknown_fields=True):
    """A `Fault` as the file has it: what is not said is always, everywhere, each time."""

    kind: str
    where: str = ""
    start_ns: int = 0
    end_ns: int = 2**63 - 1
    one_in: int = 1
    strength: int = 0
    every_ns: int = 0
    times_max: int = 2**31
    line: int = -1
    strikes: list[int] | None = None


class PlanFile(Struct, forbid_unknown_fields=True):
    """The whole file. Where nothing is said of the form, either will do."""

    schema: int
    scenario: dict[str, Any] | str
    seed: int
    faults: list[PlannedFault]
    short: bool | None = None
    market: Market | None = None
    policy: str = "told"
    tie_break: int | None = None


@dataclass(slots=True, frozen=True)
class Plan:
    """What a run is of. `scenario` is None where the file only names it; `path` names the file,
    where there is one, in what is said of it."""

    name: str
    seed: int
    faults: list[Fault]
    scenario: Scenario | None = None
    short: bool | None = None
    market: Market | None = None
    policy: str = "told"
    tie_break: int | None = None
    path: Path = Path("plan")

    def whole(self) -> Scenario:
        """The scenario that it runs, in the form that it runs in; raises `BadPlan`."""
        try:
            found = self.scenario or find(self.name)
        except BadScenario as error:
            raise BadPlan(f"{self.path}: scenario: {error}") from error
        return found.in_short() if self.short else found

    def text(self) -> str:
        """The file: one fault a line, so that any tool can compare two plans."""
        lines = [json.dumps(_line(each)) for each in self.faults]
        faults = "[\n  " + ",\n  ".join(lines) + "\n ]" if lines else "[]"
        told = {
            "schema": SCHEMA,
            "scenario": as_told(self.whole()),
            "seed": self.seed,
            "short": self.short,
            "tie_break": self.seed if self.tie_break is None else self.tie_break,
            "policy": self.policy,
            "market": None if self.market is None else msgspec.structs.asdict(self.market),
        }
        head = ",\n ".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in told.items())
        return f'{{{head},\n "faults": {faults}}}\n'

    def fit(
        self, scenario: Scenario, seed: int, *, short: bool = False, market: Path | None = None
    ) -> None:
        """Whether it is of this scenario, seed, form and market; raises `BadPlan`."""
        if self.name != scenario.name:
            found = f"found {self.name!r}, and the run is of {scenario.name!r}"
            raise BadPlan(f"{self.path}: scenario: {found}; a plan of {scenario.name!r} would do")
        self.agree(seed, short=short if self.short is not None else None)
        self.same_market(market, scenario.market_gap_ms_max)
        _known_places(self.path, self.faults, self.scenario or scenario)

    def agree(self, seed: int | None, *, short: bool | None) -> None:
        """Whether what is said beside it contradicts it; None says nothing."""
        if seed not in (None, self.seed):
            found = f"found {self.seed}, and the run's is {seed}"
            raise BadPlan(f"{self.path}: seed: {found}; seed {self.seed}, or none said, would do")
        if short is not None and self.short not in (None, short):
            forms = ("the short form; --short", "the whole; no --short")
            raise BadPlan(f"{self.path}: short: it is of {forms[short]} would do")

    def same_market(self, path: Path | None, gap_ms_max: int) -> None:
        """Whether that file is the market that it is of."""
        market = markets.named(path, gap_ms_max) if path else None
        if self.market is None or market is None:
            if market is self.market:
                return
        elif (market.sha256, market.gap_ms_max) == (self.market.sha256, self.market.gap_ms_max):
            return
        made, given = self.market or "a market of our own", market or "without --market"
        would_do = "--market with that file" if self.market else "no --market"
        raise BadPlan(f"{self.path}: market: it is of {made}, the run {given}; {would_do} would do")


# --- of a run ------------------------------------------------------------------------------------


def drawn(scenario: Scenario, seed: int, *, short: bool) -> Plan:
    """What the run of a seed will be of, before it is run."""
    scenario = scenario.in_short() if short else scenario
    seconds = scenario.short_s if short and scenario.short_s else scenario.duration_s
    world, policy, faults = draw(scenario, seed, int(seconds * SECOND))
    return Plan(world.name, seed, faults, world, short, None, policy, seed)


def plan_of(outcome: Outcome) -> Plan:
    """What the run was of, with its faults as they were drawn."""
    return Plan(
        outcome.scenario.name,
        outcome.seed,
        outcome.plan,
        outcome.scenario,
        outcome.short,
        outcome.market,
        outcome.policy,
        outcome.tie_break,
    )


def materialised_plan(outcome: Outcome) -> Plan:
    """The same, with each strike named: it runs to the same digest without the dice of faults."""
    return replace(
        plan_of(outcome), faults=materialised(outcome.plan, outcome.asked, outcome.struck)
    )


def plan_of_simulation(simulation: Simulation, *, short: bool, market: Market | None) -> Plan:
    """What a run is of that came to no outcome."""
    sim = simulation
    return Plan(
        sim.scenario.name,
        sim.seed,
        sim.plan,
        sim.scenario,
        short,
        market,
        sim.policy,
        sim.tie_break,
    )


def plan_text(outcome: Outcome) -> str:
    """The plan of a run as a file."""
    return plan_of(outcome).text()


def replay(
    plan: Plan,
    *,
    market: Path | None = None,
    out: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
    sampled: bool = True,
) -> Outcome:
    """Run a plan: to the digest of the run that it is of, whatever its seed would draw today."""
    from tieout.runs import run

    scenario = plan.whole()
    plan.same_market(market, scenario.market_gap_ms_max)
    _known_places(plan.path, plan.faults, scenario)
    outcome = run(
        scenario,
        plan.seed,
        short=bool(plan.short),
        market=market,
        out=out,
        plan=plan.faults,
        policy=plan.policy,
        tie_break=plan.tie_break,
        progress=progress,
        sampled=sampled,
    )
    return outcome


# --- in ------------------------------------------------------------------------------------------


def is_plan(name: str) -> bool:
    """Whether what somebody wants to run is the file of a plan; a scenario may be JSON, too."""
    if not name.endswith(".json") or not Path(name).is_file():
        return False
    try:
        told = msgspec.json.decode(content(Path(name)))
    except (OSError, msgspec.MsgspecError):
        return True  # of which `load_plan` says what is wrong
    return not isinstance(told, dict) or "schema" in told


def chosen(
    name: str, path: Path | None, seed: int | None, *, short: bool, market: Path | None
) -> Plan | None:
    """The stored plan that somebody wants to run: `name` itself, or `path` of the scenario `name`;
    None where it is no plan. Raises `BadPlan` where what is said beside it contradicts it."""
    if is_plan(name):
        if path is not None:
            raise BadPlan(f"{name}: it is a plan, and so is {path}; one of them would do")
        plan = load_plan(Path(name))
        plan.agree(seed, short=short or None)
        return plan
    scenario = find(name)
    if path is None:
        return None
    plan = load_plan(path)
    plan.fit(scenario, plan.seed if seed is None else seed, short=short, market=market)
    return replace(plan, scenario=plan.scenario or scenario, short=short)


def load_plan(path: Path) -> Plan:
    """A plan that was saved, or one written by hand; raises `BadPlan`."""
    try:
        told = msgspec.json.decode(content(path), type=PlanFile)
    except OSError as error:
        raise BadPlan(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        shape = '{"schema": 2, "scenario": {...}, "seed": N, "faults": [{"kind": KIND}]} would do'
        raise BadPlan(f"{path}: not a plan: {error}; {shape}") from error
    scenario, name = _scenario(told, path)
    if told.seed < 0:
        raise BadPlan(f"{path}: seed: found {told.seed}; a whole number from 0 on would do")
    faults = [_fault(each, f"{path}: faults.{n}") for n, each in enumerate(told.faults)]
    return Plan(
        name,
        told.seed,
        faults,
        scenario,
        told.short,
        told.market,
        told.policy,
        told.tie_break,
        path,
    )


def _scenario(told: PlanFile, path: Path) -> tuple[Scenario | None, str]:
    """The scenario, or the name alone of an older plan."""
    if told.schema not in (SCHEMA, SCHEMA_OF_NAMES):
        raise BadPlan(f"{path}: schema: found {told.schema}; {SCHEMA} would do")
    if isinstance(told.scenario, str):
        if told.schema == SCHEMA:
            raise BadPlan(f"{path}: scenario: found a name; the whole scenario would do")
        return None, told.scenario
    try:
        scenario = check(told.scenario, f"{path}: scenario")
    except BadScenario as error:
        raise BadPlan(str(error)) from error
    return scenario, scenario.name


def _fault(told: PlannedFault, where: str) -> Fault:
    if told.kind not in KINDS:
        raise BadPlan(f"{where}.kind: found {told.kind!r}; one of {', '.join(sorted(KINDS))}")
    if said := impossible(told.kind, told.where):
        raise BadPlan(f"{where}: {said}")
    if told.end_ns <= told.start_ns or told.start_ns < 0:
        found = f"{told.start_ns} to {told.end_ns}"
        raise BadPlan(f"{where}.start_ns: found {found}; from 0 on, and before end_ns, would do")
    least_of = (("one_in", 1), ("times_max", 1), ("strength", 0), ("every_ns", 0), ("line", -1))
    for name, least in least_of:
        if getattr(told, name) < least:
            found = getattr(told, name)
            raise BadPlan(f"{where}.{name}: found {found}; {least} or more would do")
    if happens_by_itself(told.kind) and told.every_ns < EVERY_NS_MIN:
        found = f"found {told.every_ns}; {told.kind} happens by itself"
        raise BadPlan(f"{where}.every_ns: {found}: {EVERY_NS_MIN} or more would do")
    strikes = None if told.strikes is None else tuple(told.strikes)
    if strikes and (strikes[0] < 0 or any(a >= b for a, b in pairwise(strikes))):
        raise BadPlan(f"{where}.strikes: found {told.strikes}; rising numbers from 0 on would do")
    return Fault(**{name: getattr(told, name) for name in NAMES} | {"strikes": strikes})


def _line(fault: Fault) -> dict[str, Any]:
    told = {name: getattr(fault, name) for name in NAMES}
    return {name: each for name, each in told.items() if each != OF_SOME.get(name, ())}


def _known_places(path: Path, faults: Sequence[Fault], scenario: Scenario) -> None:
    for number, fault in enumerate(faults):
        if fault.where not in (places := places_of(scenario)):
            known = ", ".join(map(repr, places))
            where = f"{path}: faults.{number}.where"
            raise BadPlan(f"{where}: found {fault.where!r}; one of {known}")


def places_of(scenario: Scenario) -> list[str]:
    """Where a fault may be said to strike."""
    rails = scenario.settling.rails if scenario.settling is not None else ()
    places = ["", "node", *(v.dialect for v in scenario.venues), *(r.name for r in rails)]
    if scenario.limits is not None:
        places += [ENGINE, *(gate.name for gate in scenario.limits.gates)]
    return places
