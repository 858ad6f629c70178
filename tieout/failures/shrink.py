"""From a plan that fails to a small one: the same claim, by fewer faults, in less world and time.

In this order: what came after the claim failed, whole families of faults, single lines of the plan,
the length of the run, the world (venues and rails, strategies, limits, customers' flows, how often
anybody is read, and how much goes on), then strikes one by one; and length and world once more,
since less of them is needed by then. World and length come before strikes, since a strike is named
by its number among its opportunities, of which another world has others.

Rule 1. Each step is a run: what is left out stays out only where the same claim still fails.
Rule 2. Time to heal is part of a claim about a healed world and stays whole; it is cut only where
the claim fails in the midst of the run. A claim of so much at least keeps its world and its length.
Rule 3. The same plan shrinks to the same plan, unless time ran out.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

from scenarios.model import BadScenario, Scenario, check
from scenarios.thinning import CUSTOMERS, as_told, parts, quieter, read_seldom, without
from sim.faults import Fault
from sim.materialised import materialised
from tieout.failures.plans import BadPlan, Plan, places_of
from tieout.failures.rerun import Rerun, TooLong, rerun

T = TypeVar("T")

# A run that has so many times the events of the first is none that anybody wants to look at.
EVENTS_TIMES_MAX = 2
HEAL_S_MIN = Decimal(1)
QUIETER_TIMES_MAX = 4
# Which parts of the length are tried, the shortest first.
LENGTHS = tuple(Decimal(part) / 16 for part in (1, 2, 4, 8, 12))


class NothingFails(BadPlan):
    """The plan runs, and every claim that it makes holds."""


@dataclass(slots=True)
class Shrunk:
    """What came of it. `finished` is false where time ran out before nothing more could go."""

    claim: str
    first: Rerun
    last: Rerun
    runs: int
    seconds: float
    finished: bool

    @property
    def plan(self) -> Plan:
        return self.last.plan

    def families(self, which: Rerun) -> list[str]:
        """The kinds of fault in the plan of that run."""
        return list(dict.fromkeys(fault.kind for fault in which.plan.faults))

    @property
    def share(self) -> float:
        """How many of the first run's events the last one has."""
        return self.last.events / max(1, self.first.events)

    def figures(self) -> tuple[str, str]:
        """The claim's figure at first and now: it may differ, where the claim is the same."""
        return self.first.failed[self.claim].figure, self.last.failed[self.claim].figure


def shrink(
    plan: Plan,
    *,
    claim: str = "",
    seconds: float = 600,
    market: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Shrunk:
    """The smallest plan found within that time that fails by the same claim (by default the first
    that failed); raises `NothingFails`."""
    shrinker = Shrinker(plan, claim, seconds, market, tell)
    try:
        shrinker.shrink()
        finished = True
    except TooLong:
        finished = False
    began = shrinker.began
    return Shrunk(
        shrinker.claim,
        shrinker.first,
        shrinker.best,
        shrinker.runs,
        time.monotonic() - began,
        finished,
    )


class Shrinker:
    """One plan being shrunk; `best` is the smallest run so far that fails by the claim."""

    def __init__(
        self,
        plan: Plan,
        claim: str,
        seconds: float,
        market: Path | None,
        tell: Callable[[str], None],
    ) -> None:
        self.began = time.monotonic()
        self._until = self.began + seconds
        self._market, self._tell = market, tell
        self._steps_max = 0
        self._known: dict[str, bool] = {}
        self.runs = 0
        self.first = self.best = self._run(_bare(plan))
        if not self.first.failed or (claim and claim not in self.first.failed):
            raise NothingFails(
                f"{plan.path}: {claim or 'every claim'}: it holds; nothing to shrink"
            )
        self.claim = claim or next(iter(self.first.failed))
        self._steps_max = EVENTS_TIMES_MAX * self.first.events + 1000

    def shrink(self) -> None:
        """All steps; raises `TooLong` where time is up."""
        self.cut()
        self.families()
        self._lines()
        self._length()
        self._world()
        self._strikes()
        self._length()
        self._world()

    # --- steps -----------------------------------------------------------------------------------

    def cut(self) -> bool:
        """Where it is known when the claim failed, the run ends right after; whether it does."""
        moment = self.best.moment(self.claim)
        if moment is None or self._of_least:
            return False
        second = Decimal(moment.at_s).quantize(Decimal("0.001"), ROUND_UP) + 1
        ended = partial(_of_length, seconds=second, heal_s=HEAL_S_MIN)
        return self._try("length", _scenario(self.best.plan, ended))

    def families(self) -> None:
        """Kinds of fault that are not needed go."""
        kinds = dict.fromkeys(fault.kind for fault in self.best.plan.faults)
        faults = self.best.plan.faults

        def of(kept: Sequence[str]) -> Plan:
            return replace(self.best.plan, faults=[f for f in faults if f.kind in kept])

        self._fewest("families", list(kinds), of)

    def _lines(self) -> None:
        """Lines of the plan: a kind at one place, or listed once more."""
        numbered = _numbered(self.best.plan.faults)
        self._fewest("places", numbered, lambda kept: replace(self.best.plan, faults=list(kept)))

    def _strikes(self) -> None:
        """Dice give way to the strikes that they came to; of those only what is needed stays."""
        faults = self.best.simulation.faults
        lines = materialised(self.best.simulation.plan, faults.asked, faults.struck)
        if not self._fails(replace(self.best.plan, faults=lines)):
            return  # cannot be, by the rule of `sim.materialised`; then dice stay
        strikes = [(n, each) for n, line in enumerate(lines) for each in line.strikes or ()]
        late = [(n, s) for n, s in strikes if self._before_the_end(lines[n], s)]
        for kept in (late, strikes):  # lines in which nothing struck go first
            if self._fails(replace(self.best.plan, faults=_only(lines, kept))):
                self._fewest(
                    "strikes", kept, lambda some: replace(self.best.plan, faults=_only(lines, some))
                )
                return

    def _before_the_end(self, line: Fault, ordinal: int) -> bool:
        """Whether it had struck when the claim failed, as far as that moment is known."""
        moment = self.best.moment(self.claim)
        return moment is None or any(
            (each.line, each.where, each.ordinal) == (line.line, line.where, ordinal)
            and each.at_ns <= moment.at_s * 10**9
            for each in self.best.simulation.faults.struck
        )

    def _length(self) -> None:
        """The run ends sooner: at best right after the claim failed, else after a part of it."""
        if self._of_least:
            return
        plan = self.best.plan
        if not plan.short and plan.whole().short_s:
            self._try("form", replace(plan, short=True))
        if self.cut():
            return
        while self._shorter():
            pass  # what is left may be cut by as much again

    def _shorter(self) -> bool:
        """To a part of its length; whether that was half of it or less."""
        whole = _seconds(self.best.plan)
        for part in LENGTHS:
            shorter = partial(_of_length, seconds=(whole * part).quantize(Decimal("0.001")))
            if self._try("length", _scenario(self.best.plan, shorter)):
                return part <= LENGTHS[-2]
        return False

    def _world(self) -> None:
        """What of the world is not needed goes, part by part."""
        if self._of_least:
            return
        for part in (*parts(self.best.plan.whole()), CUSTOMERS):
            less = without(self.best.plan.whole(), part)
            if less is None:
                continue
            places = places_of(less)
            faults = [f for f in self.best.plan.faults if f.where in places]
            self._try(part, replace(self.best.plan, scenario=less, faults=faults))

        while self._seldom():
            pass  # until the time to heal has too few reads, or the claim needs them
        for _ in range(QUIETER_TIMES_MAX):
            less = quieter(self.best.plan.whole())
            if less is None or not self._try("bustle", replace(self.best.plan, scenario=less)):
                break

    def _seldom(self) -> bool:
        """Venues and keepers are read half as often: most of a healed world's events are reads."""
        plan = self.best.plan
        less = read_seldom(plan.whole(), _heal_s(plan))
        return less is not None and self._try("reads", replace(plan, scenario=less))

    @property
    def _of_least(self) -> bool:
        return ">=" in self.first.failed[self.claim].bound

    # --- a step ----------------------------------------------------------------------------------

    def _fewest(self, what: str, items: Sequence[T], of: Callable[[Sequence[T]], Plan]) -> None:
        """Leave out ever smaller stretches of the items, for as long as the claim fails."""
        kept = list(items)
        if kept and self._fails(of([])):
            kept = []
        size = (len(kept) + 1) // 2
        while size:
            before, place = len(kept), 0
            while place < len(kept):
                less = kept[:place] + kept[place + size :]
                if less and self._fails(of(less)):
                    kept = less
                else:
                    place += size
                self._say(f"{what}: {len(items)} -> {len(kept)}")
            # Of single ones each was needed beside those that have gone since.
            size = 1 if size == 1 and len(kept) < before else size // 2
        self._say(f"{what}: {len(items)} -> {len(kept)}")

    def _try(self, what: str, plan: Plan | None) -> bool:
        went = plan is not None and self._fails(plan)
        self._say(f"{what}: {'less' if went else 'needed'}")
        return went

    def _fails(self, plan: Plan) -> bool:
        """Whether the claim still fails; then this is the best so far."""
        text = plan.text()
        if text not in self._known:
            made = self._try_run(plan)
            self._known[text] = made is not None and self.claim in made.failed
            if made is not None and self._known[text]:
                self.best = made
        return self._known[text]

    def _try_run(self, plan: Plan) -> Rerun | None:
        """None where the run takes too many events to be of use, or there is no such world."""
        try:
            return self._run(plan)
        except TooLong:
            if time.monotonic() > self._until:
                raise
            return None
        except ValueError:  # an asset that nobody counts, where what is left cannot be built
            return None

    def _run(self, plan: Plan) -> Rerun:
        self.runs += 1
        return rerun(plan, market=self._market, watch=self._watch)

    def _watch(self, steps: int) -> None:
        over = self._steps_max and steps > self._steps_max
        if over or (self._steps_max and steps % 64 == 0 and time.monotonic() > self._until):
            raise TooLong

    def _say(self, text: str) -> None:
        seconds = time.monotonic() - self.began
        self._tell(f"{text} ({self.runs} runs, {self.best.events} events, {seconds:.0f} s)")


# --- smaller plans -------------------------------------------------------------------------------


def _bare(plan: Plan) -> Plan:
    """The plan has its faults; what its scenario says of any is of no use to it."""
    bare = plan.whole().model_copy(update={"faults": (), "storm": None, "fires": None})
    return replace(plan, scenario=bare, short=bool(plan.short), faults=_numbered(plan.faults))


def _numbered(faults: Iterable[Fault]) -> list[Fault]:
    """Each line keeps the number that names its dice, whatever goes before it."""
    return [f if f.line >= 0 else replace(f, line=n) for n, f in enumerate(faults)]


def _only(lines: Sequence[Fault], kept: Sequence[tuple[int, int]]) -> list[Fault]:
    """The lines with just these strikes; a line without any is gone."""
    named: dict[int, list[int]] = {}
    for number, ordinal in kept:
        named.setdefault(number, []).append(ordinal)
    return [replace(lines[n], strikes=tuple(sorted(strikes))) for n, strikes in named.items()]


def _seconds(plan: Plan) -> Decimal:
    scenario = plan.whole()
    return scenario.short_s if plan.short and scenario.short_s else scenario.duration_s


def _heal_s(plan: Plan) -> Decimal:
    scenario = plan.whole()
    short = plan.short and scenario.short_s
    return min(scenario.heal_s, scenario.short_heal_s) if short else scenario.heal_s


def _of_length(
    scenario: Scenario, seconds: Decimal, *, short: bool, heal_s: Decimal | None = None
) -> Scenario:
    """The scenario, over after so many seconds."""
    told: dict[str, Decimal] = {"short_s" if short and scenario.short_s else "duration_s": seconds}
    if heal_s is not None:
        told |= {"heal_s": heal_s, "short_heal_s": heal_s}
    return scenario.model_copy(update=told)


def _scenario(plan: Plan, shorter: "partial[Scenario]") -> Plan | None:
    """The plan in that scenario; None where it is none, or no shorter."""
    scenario = shorter(plan.whole(), short=bool(plan.short))
    try:
        made = replace(plan, scenario=check(as_told(scenario), scenario.name))
    except BadScenario:
        return None
    return made if 0 < _seconds(made) < _seconds(plan) else None
