"""The cold engine beside the node, in simulation: what it is asked comes over a wire, and goes so.

True here: it reads the node's journal, and nothing of the node that is not durable; what it says
enters the node by the one door. It is as late, silent, killed or cut off as the plan wants; neither
it nor the node knows. What it makes of the books is `risk.cycle`'s, as it would be live.
"""

from collections.abc import Callable

from msgspec.structs import replace

from core.journal import Journal, Store, decode_event
from core.node import recover
from core.risk_events import ExposureStated, LossStated
from core.state import State
from risk.adapter import LimitGate
from risk.cycle import Cycle, Word
from risk.engine import Halted
from risk.measures import Measures
from sim.dice import Stream
from sim.faults import ENGINE, Faults
from sim.world import World

MS = 1_000_000
# One way between node and engine, and what a cycle takes.
WAY_NS = 2 * MS
CYCLE_NS = 5 * MS
WHERE = ENGINE


class ColdEngine:
    """The engine of one run; a life of it ends with a crash."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        dice: Stream,
        store: Store,
        tell: Callable[[ExposureStated | LossStated], None],
    ) -> None:
        self._world, self._faults, self._dice = world, faults, dice
        self._store, self._tell = store, tell
        self._cycle: Cycle | None = None
        self._read = 0
        self._busy_until = 0
        self._silent_until = 0
        self._parted_until = 0
        self._down_until = 0
        self._ordered_at = 0
        self._said_before: Word = []
        self._last: Word = []
        self.epoch = 0
        self.cycles = 0
        self.crashes = 0
        self.halted = ""
        self.asked_at: dict[int, int] = {}
        self.words: list[tuple[int, int]] = []
        self.measures: list[Measures] = []
        self.said: dict[tuple[int, int], ExposureStated] = {}
        self.on_count: Callable[[State, ExposureStated], None] = lambda state, word: None
        self.on_word: Callable[[], None] = lambda: None

    # --- what comes -------------------------------------------------------------------------------

    def ask(self, request: int) -> None:
        """The node asks; the question is on its way."""
        self.asked_at[request] = self._world.now
        self._part()
        if not self._is_parted():
            self._world.call_in(self._way(), self._asked, request)

    def node_came_up(self) -> None:
        """A journal that its node opened anew may be shorter than what was read of it."""
        self._cycle = None

    def _asked(self, request: int) -> None:
        now = self._world.now
        crash = self._faults.strikes("engine_crash", WHERE)
        if crash is not None:
            self.crashes += 1
            self._cycle, self._down_until = None, now + crash.strength * MS
            self._said_before = self._last
        stall = self._faults.strikes("engine_stalled", WHERE)
        if stall is not None:
            self._silent_until = max(self._silent_until, now + stall.strength * MS)
        if now < self._down_until or self.halted:
            return
        slow = self._faults.strikes("engine_slow", WHERE)
        takes = CYCLE_NS + (slow.strength * MS if slow is not None else 0)
        self._busy_until = max(self._busy_until, self._silent_until, now) + takes
        self._world.call_at(self._busy_until, self._work, request, self.crashes)

    # --- a cycle ----------------------------------------------------------------------------------

    def _work(self, request: int, life: int) -> None:
        if life != self.crashes or self.halted:
            return  # asked of a life that is over
        try:
            word = self._count(request)
        except Halted as halted:
            self.halted = str(halted)
            return
        self._said_before = self._said_before or word
        self._last = word
        self._say(word)

    def _count(self, request: int) -> Word:
        cycle = self._cycle
        if cycle is None:
            self.epoch += 1
            state = recover(Journal(self._store), LimitGate())
            cycle = self._cycle = Cycle(state, self.epoch)
            for body in self._store.events():
                cycle.remember(decode_event(body))
            self._read, _ = self._store.last()
        else:
            for body in self._store.events(self._read):
                cycle.take(decode_event(body))
            self._read, _ = self._store.last()
        self.cycles += 1
        word = cycle.answer(request, self._read, self._world.now)
        if cycle.measures is not None:
            self.measures.append(cycle.measures)
        self._keep(cycle.state, word)
        return word

    def _keep(self, state: State, word: Word) -> None:
        """What it says of limits, for whoever watches the run, with the books that it is of."""
        for each in word:
            if isinstance(each, ExposureStated):
                self.said[each.epoch, each.sequence] = each
                self.on_count(state, each)

    # --- what goes --------------------------------------------------------------------------------

    def _say(self, word: Word) -> None:
        """Its words come in the order in which it says them, but for what the plan does to them."""
        self._part()
        if self._is_parted() or self._faults.strikes("word_lost", WHERE) is not None:
            return
        late = self._faults.strikes("word_late", WHERE)
        at = max(self._ordered_at, self._world.now + self._way())
        if late is not None:
            at += late.strength * MS
        self._ordered_at = at
        overtaken = self._faults.strikes("word_overtaken", WHERE)
        if overtaken is not None:
            at += overtaken.strength * MS
        self._world.call_at(at, self._arrive, word)
        twice = self._faults.strikes("word_twice", WHERE)
        if twice is not None:
            self._world.call_at(at + twice.strength * MS, self._arrive, word)
        if self._said_before and self._faults.strikes("word_of_before", WHERE) is not None:
            self._world.call_at(at + 1, self._arrive, self._said_before)

    def _arrive(self, word: Word) -> None:
        now = self._world.now
        for each in word:
            told = replace(each, received_at=now)
            if isinstance(told, ExposureStated):
                self.words.append((now, self.asked_at.get(told.request, 0)))
            self._tell(told)
        self.on_word()

    def _part(self) -> None:
        parted = self._faults.strikes("engine_parted", WHERE)
        if parted is not None:
            self._parted_until = max(self._parted_until, self._world.now + parted.strength * MS)

    def _is_parted(self) -> bool:
        return self._world.now < self._parted_until

    def _way(self) -> int:
        return WAY_NS + self._dice.below(WAY_NS)
