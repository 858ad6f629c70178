"""A simulated keeper's end of the wire: how its notices and its statements go wrong at home.

The wire loses, doubles and delays on its own account; what happens here happened before it. A
keeper knows whether a connection was there to deliver on, and not what became of what it sent.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.faults import Faults
from sim.truth import Fact, Truth
from sim.wire import Wire
from sim.world import World

MS = 1_000_000
SECOND = 1_000_000_000
Answer = tuple[int, bytes, bool]


@dataclass(slots=True, eq=False)
class Notices:
    """What a keeper tells unasked. `retries_s` are the waits after attempts that met no one."""

    name: str
    world: World
    wire: Wire
    faults: Faults
    truth: Truth
    retries_s: tuple[int, ...] = ()
    silent_until: int = 0

    def tell(self, body: bytes, facts: tuple[Fact, ...] = ()) -> None:
        """Send it, in order unless a fault has it overtaken; nothing while all is silent."""
        if self.world.now < self.silent_until:
            self.truth.lost(facts)
            return
        self.truth.sent(facts)
        twin = self.faults.strikes("notice_twice", self.name)
        if twin:
            self.world.call_in(twin.strength * MS, self.wire.push, body, facts)
        overtaken = self.faults.strikes("notice_disorder", self.name)
        if overtaken:
            self.world.call_in(overtaken.strength * MS, self._deliver, body, facts, 0)
        else:
            self._deliver(body, facts, 0)

    def fall_silent(self, for_ms: int) -> int:
        """Nothing is told from now on, and what would have been is never told later; until when."""
        self.silent_until = max(self.silent_until, self.world.now + for_ms * MS)
        return self.silent_until

    def _deliver(self, body: bytes, facts: tuple[Fact, ...], attempt: int) -> None:
        session = self.wire.session
        nobody = session is None or not session.open
        if nobody and attempt < len(self.retries_s):
            wait = self.retries_s[attempt] * SECOND
            self.world.call_in(wait, self._deliver, body, facts, attempt + 1)
            return
        for fact in facts:  # from here on the wire counts
            fact.on_wire = max(0, fact.on_wire - 1)
        self.wire.push(body, facts)


@dataclass(slots=True, eq=False)
class Statements:
    """What a keeper answers when it is asked how the account stands.

    One that is not `dated` never answers with an old one twice in a row: nobody could tell it from
    the truth.
    """

    name: str
    world: World
    faults: Faults
    dated: bool = True
    _said: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=64))
    _lied: bool = False

    def answer(self, body: Callable[[], bytes], lie: Callable[[str], bytes]) -> Answer:
        """The truth; or an old answer; or one `lie` ("wild" or "empty"), never two in a row."""
        stale = self.faults.strikes("stale_statement", self.name)
        if stale and (self.dated or not self._lied):
            until = self.world.now - stale.strength * MS
            old = [said for at, said in self._said if at <= until]
            if old:
                self._lied = not self.dated
                return 200, old[-1], False
        kind = "" if self._lied else self._drawn_lie()
        self._lied = bool(kind)
        if kind:
            return 200, lie(kind), False
        told = body()
        self._said.append((self.world.now, told))
        return 200, told, True

    def _drawn_lie(self) -> str:
        for kind in ("wild", "empty"):
            if self.faults.strikes(f"{kind}_statement", self.name):
                return kind
        return ""
