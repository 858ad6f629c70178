"""From a plan that fails to a small one: the same claim, by fewer faults, in less world and time.

In this order: what came after the claim failed, all faults at once, the length of the run, the
world (venues and rails, strategies, limits, customers' flows, how often anybody is read, and how
much goes on), whole families of faults (one or two that strike more often instead of many that are
rare), single lines of the plan, then strikes one by one, and those that are left sooner; and length
and world once more, since less of them is needed by then. What makes every later run shorter comes
first: a storm has forty families, and each is a run or two. Strikes come late, since one is named
by its number among its opportunities, of which another world has others.

Rule 1. Each step is a run: what is left out stays out only where the same claim still fails.
Rule 2. Time to heal is part of a claim about a healed world and stays whole; it is cut only where
the claim fails in the midst of the run, or is of what may happen at no time (`rerun.NEVER`); what
is left is judged by that claim alone then.
A claim of so much at least keeps its world and its length.
Rule 3. The same plan shrinks to the same plan, unless time ran out. Time is the processor's: what
else goes on in a machine says nothing of the plan.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from itertools import combinations
from pathlib import Path
from typing import TypeVar

from scenarios.thinning import CUSTOMERS, parts, quieter, read_seldom, without
from sim.faults import Fault
from sim.materialised import materialised
from tieout.failures.plans import BadPlan, Plan, places_of
from tieout.failures.rerun import NEVER, RAISED, THE_LAW, Rerun, TooLong, figure_of, rerun
from tieout.failures.smaller import (
    HEAL_S_MIN,
    bare,
    harder,
    heal_of,
    numbered,
    only,
    seconds_of,
    shorter,
    sooner,
    strikes_of,
    unhealed,
)

T = TypeVar("T")

# A run that has so many times the events of the first is none that anybody wants to look at.
EVENTS_TIMES_MAX = 2
QUIETER_TIMES_MAX = 4
# Of how many kinds a plan is small, and of how many at most each pair is tried by itself.
KINDS_FEW, KINDS_PAIRED_MAX = 3, 16
# What makes a plan simpler may bring so many times its events; what leaves no more than so many is
# worth another round.
MORE_EVENTS_MAX, WORTH_A_ROUND = Decimal("1.1"), Decimal("0.9")
# Of how many strikes each is tried sooner.
STRIKES_FEW = 8
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
        """What is left, under the claim that it fails by: what its scenario says of itself is of
        more than is there."""
        left = self.last.plan
        less = {"claim": self.claim, "covers": ()}
        return replace(left, scenario=left.whole().model_copy(update=less))

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
        time.process_time() - began,
        finished,
    )


def _nothing(made: Rerun, claim: str) -> str:
    """Why there is nothing to make small, and which claims would do."""
    failed = ", ".join(map(repr, made.failed))
    would_do = f"one that failed would do: {failed}" if failed else "none of its claims failed"
    if claim and made.outcome is None:
        return f"{claim}: not judged: the run raised; {would_do}"
    judged = made.outcome.claims if made.outcome is not None else []
    if claim and claim not in [each.claim for each in judged]:
        return f"no claim {claim!r} in it; {would_do}"
    holds = f"{claim or 'every claim'}: it holds; nothing to shrink"
    return f"{holds}; {would_do}" if failed else holds


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
        self.began = time.process_time()
        self._until = self.began + seconds
        self._market, self._tell = market, tell
        self._steps_max = 0
        self._known: dict[str, bool] = {}
        self.runs = 0
        self.first = self.best = self._run(bare(plan))
        if not self.first.failed or (claim and claim not in self.first.failed):
            raise NothingFails(f"{plan.path}: {_nothing(self.first, claim)}")
        self.claim = claim or next(iter(self.first.failed))
        self._steps_max = EVENTS_TIMES_MAX * self.first.events + 1000

    def shrink(self) -> None:
        """All steps; raises `TooLong` where time is up."""
        self.cut()
        self._try("faults", replace(self.best.plan, faults=[]))
        self._length()
        self._world()
        self.families()
        self._harder()
        self._lines()
        self._strikes()
        while self._smaller():
            pass

    def _smaller(self) -> bool:
        """By fewer kinds, sooner, shorter, with less around it; whether another round pays."""
        before = self.best.events
        self.families()
        self._sooner()
        self._length()
        self._world()
        return self.best.events <= before * WORTH_A_ROUND

    # --- steps -----------------------------------------------------------------------------------

    def cut(self) -> bool:
        """Where it is known when the claim failed, the run ends right after; whether it does."""
        moment = self.best.moment(self.claim)
        if moment is None or self._of_least:
            return False
        second = Decimal(moment.at_s).quantize(Decimal("0.001"), ROUND_UP) + 1
        less = shorter(self.best.plan, second)
        return self._try("length", less and unhealed(less, self._judged_by))

    def _unhealed(self) -> None:
        """What may happen at no time needs no healed world to be seen in."""
        plan = self.best.plan
        if self._judged_by in NEVER and heal_of(plan) > HEAL_S_MIN:
            self._try("heal", unhealed(plan, self._judged_by))

    def families(self) -> None:
        """Kinds of fault that are not needed go."""
        faults = self.best.plan.faults

        def of(kept: Sequence[str]) -> Plan:
            return replace(self.best.plan, faults=[f for f in faults if f.kind in kept])

        self._fewest("families", self._kinds(), of)

    def _kinds(self) -> list[str]:
        return list(dict.fromkeys(fault.kind for fault in self.best.plan.faults))

    def _lines(self) -> None:
        """Lines of the plan: a kind at one place, or listed once more."""
        lines = numbered(self.best.plan.faults)
        self._fewest("places", lines, lambda kept: replace(self.best.plan, faults=list(kept)))

    def _strikes(self) -> None:
        """Dice give way to the strikes that they came to; of those only what is needed stays."""
        faults = self.best.simulation.faults
        lines = materialised(self.best.simulation.plan, faults.asked, faults.struck)
        if not self._fails(replace(self.best.plan, faults=lines)):
            return  # cannot be, by the rule of `sim.materialised`; then dice stay
        strikes = strikes_of(lines)
        late = [(n, s) for n, s in strikes if self._before_the_end(lines[n], s)]
        for kept in (late, strikes):  # lines in which nothing struck go first
            if self._fails(replace(self.best.plan, faults=only(lines, kept))):
                self._fewest(
                    "strikes", kept, lambda some: replace(self.best.plan, faults=only(lines, some))
                )
                return

    def _harder(self) -> None:
        """Where many kinds seem to be needed, one or two of them, more often, may do."""
        kinds = self._kinds()
        if not KINDS_FEW < len(kinds) <= KINDS_PAIRED_MAX:
            return
        for some in (*combinations(kinds, 1), *combinations(kinds, 2)):
            lines = [harder(fault) for fault in self.best.plan.faults if fault.kind in some]
            if self._try("kinds", replace(self.best.plan, faults=lines)):
                return

    def _sooner(self) -> None:
        """What strikes late may do so early: then the run may end early, too."""
        strikes = strikes_of(self.best.plan.faults)
        for number, strike in strikes if len(strikes) <= STRIKES_FEW else ():
            for lines in sooner(self.best.plan.faults, number, strike):
                if self._try("sooner", replace(self.best.plan, faults=lines)):
                    break

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
        self._unhealed()
        while self._shorter():
            pass  # what is left may be cut by as much again

    def _shorter(self) -> bool:
        """To a part of its length; whether that was half of it or less."""
        whole = seconds_of(self.best.plan)
        for part in LENGTHS:
            seconds = (whole * part).quantize(Decimal("0.001"))
            if self._try("length", shorter(self.best.plan, seconds)):
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
        less = read_seldom(plan.whole(), heal_of(plan))
        return less is not None and self._try("reads", replace(plan, scenario=less))

    @property
    def _judged_by(self) -> str:
        """The figure that the claim is about; of what a run raises, the law's."""
        figure = figure_of(self.first.failed[self.claim])
        return THE_LAW if self.claim.startswith(RAISED) else figure

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
        """Whether that still fails, and by no more events: what is quiet for want of something may
        be as large a run without it."""
        went = plan is not None and self._fails(plan, int(self.best.events * MORE_EVENTS_MAX))
        self._say(f"{what}: {'less' if went else 'needed'}")
        return went

    def _fails(self, plan: Plan, events_max: int = 2**63) -> bool:
        """Whether the claim still fails by so many events; then this is the best so far."""
        text = plan.text()
        if text not in self._known:
            made = self._try_run(plan)
            fails = made is not None and self.claim in made.failed and made.events <= events_max
            self._known[text] = fails
            if made is not None and fails:
                self.best = made
        return self._known[text]

    def _try_run(self, plan: Plan) -> Rerun | None:
        """None where the run takes too many events to be of use, or there is no such world."""
        try:
            return self._run(plan)
        except TooLong:
            if time.process_time() > self._until:
                raise
            return None
        except ValueError:  # an asset that nobody counts, where what is left cannot be built
            return None

    def _run(self, plan: Plan) -> Rerun:
        self.runs += 1
        return rerun(plan, market=self._market, watch=self._watch)

    def _watch(self, steps: int) -> None:
        over = self._steps_max and steps > self._steps_max
        if over or (self._steps_max and steps % 64 == 0 and time.process_time() > self._until):
            raise TooLong

    def _say(self, text: str) -> None:
        seconds = time.process_time() - self.began
        self._tell(f"{text} ({self.runs} runs, {self.best.events} events, {seconds:.0f} s)")
