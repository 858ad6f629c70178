"""The wire between one venue and us: latency, order, loss, and nothing that either end knows of.

A stream is a connection: in order, until a fault says otherwise; what is pushed while none is open
is told to nobody. A request is answered once, fails, or leaves its outcome unknown: status 0.
A `public` wire carries market data, with dice and faults of its own; nothing is asked over it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Protocol

from sim.dice import Dice, Stream
from sim.faults import Fault, Faults
from sim.truth import Fact, Truth
from sim.world import World

MS = 1_000_000
# Whoever was refused asks again after so long, or a quarter of a period: less would hammer.
POLITE_NS = 250 * MS
SECOND = 1_000_000_000
Headers = tuple[tuple[str, str], ...]
POISON = b'{"e":"executionReport","s":"\xff\xfe'
# How much further out on a normal distribution 99.9 % lies than 99 % does.
SIGMAS = NormalDist().inv_cdf(0.999) / NormalDist().inv_cdf(0.99)
# A public stream's faults by those of any stream.
PUBLIC = {
    kind: f"public_{kind}"
    for kind in (
        *("lost_frame", "poison_frame", "late_frame", "duplicate_frame", "reorder_frame"),
        *("half_open", "disconnect", "disconnect_replay"),
    )
}
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>upstream</body></html>"


def _nothing() -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class Latency:
    """Of one direction, in nanoseconds."""

    median: int = 12 * MS
    p99: int = 60 * MS
    timeout: int = 2_000 * MS
    heartbeat: int = 3_000 * MS

    @property
    def p999(self) -> int:
        """What one message in a thousand exceeds on its one way, by the log-normal of
        `Dice.latency`; cut to whole microseconds, so that it is the same on any machine."""
        exact: float = self.median * (self.p99 / self.median) ** SIGMAS
        return int(exact) // 1000 * 1000


class OnAnswer(Protocol):
    """Who asked hears the answer: its status (0: none came), its body, and its headers."""

    def __call__(self, status: int, body: bytes, headers: Headers = ()) -> None: ...


def too_many(wait_ms: int) -> tuple[int, bytes, Headers]:
    """A refusal for too many requests, as HTTP has it (RFC 6585, 4): whole seconds to wait."""
    return 429, b"Too Many Requests\n", (("Retry-After", str(-(-wait_ms // 1000))),)


@dataclass(slots=True, eq=False)
class Session:
    """One connection of the stream, as both ends hold it."""

    epoch: int
    on_frame: Callable[[bytes], None]
    on_close: Callable[[str], None]
    on_beat: Callable[[], None]
    open: bool = False
    heard_at: int = 0
    mute_until: int = 0
    last_arrival: int = 0
    stalled_until: int = 0


@dataclass(slots=True, eq=False)
class Wire:
    """One venue's wire."""

    venue: str
    account: str
    world: World
    dice: Dice
    faults: Faults
    truth: Truth
    latency: Latency
    public: bool = False
    session: Session | None = None
    statement_period: int = 0
    closed_until: int = 0
    recent: deque[tuple[bytes, tuple[Fact, ...]]] = field(default_factory=lambda: deque(maxlen=64))
    replay_next: int = 0
    held_ns: int = 0
    greet: Callable[[], None] = field(default=lambda: None)
    limit: Callable[[int], tuple[int, bytes, Headers]] = too_many

    _silence_ns: int = 0
    _standing: dict[str, Fault] = field(default_factory=dict)
    _delays: dict[str, Stream] = field(default_factory=dict)
    _strikes: Callable[[str, str], Fault | None] = field(init=False)

    def __post_init__(self) -> None:
        # A public stream's faults are kinds of their own.
        self._strikes = self._public_strikes if self.public else self.faults.strikes

    def _public_strikes(self, kind: str, venue: str) -> Fault | None:
        return self.faults.strikes(PUBLIC[kind], venue)

    # --- the stream ------------------------------------------------------------------------------

    def open_stream(
        self,
        epoch: int,
        on_open: Callable[[], None],
        on_frame: Callable[[bytes], None],
        on_close: Callable[[str], None],
        on_beat: Callable[[], None],
    ) -> None:
        """Dial; an older connection is dropped at once."""
        self.drop()
        session = self.session = Session(epoch, on_frame, on_close, on_beat)
        self.world.call_in(2 * self._delay("dial"), self._opened, session, on_open)

    def _opened(self, session: Session, on_open: Callable[[], None]) -> None:
        if self.session is not session:
            return
        if self.world.now < self.closed_until:
            self.session = None
            session.on_close("connection refused")
            return
        session.open = True
        session.last_arrival = session.heard_at = self.world.now
        on_open()
        self.greet()
        self.world.call_in(self.latency.heartbeat, self._beat, session)
        again, self.replay_next = self.replay_next, 0
        for body, facts in list(self.recent)[-again:] if again else []:
            self._arrive(session, body, facts)

    def drop(self) -> None:
        """Our end dropped the connection, or died: the venue's end goes with it."""
        self._silence_ns = self.silence_ns()
        if self.session is not None:
            self.session.open = False
        self.session = None

    def silence_ns(self) -> int:
        """The longest for which a connection that we held open has told us nothing, until now."""
        session = self.session
        silent = self.world.now - session.heard_at if session is not None and session.open else 0
        return max(self._silence_ns, silent)

    def push(self, body: bytes, facts: tuple[Fact, ...] = ()) -> None:
        """The venue tells something on its stream."""
        session = self.session
        if not self.public:
            self.recent.append((body, facts))
        if session is None or not session.open:
            self.truth.lost(facts)
            return
        if self._cut(session):
            self.truth.lost(facts)
            return
        strikes, venue = self._strikes, self.venue
        if self.world.now < session.mute_until or strikes("lost_frame", venue):
            self.truth.lost(facts)
            return
        if strikes("poison_frame", venue):
            self._arrive(session, POISON, ())
        late = strikes("late_frame", venue)
        if late:
            session.stalled_until = self.world.now + late.strength * MS
        twin = strikes("duplicate_frame", venue)
        if twin:
            self.world.call_in(twin.strength * MS, self._arrive, session, body, facts)
        overtaken = strikes("reorder_frame", venue)
        if overtaken:
            self.truth.sent(facts)
            delay = self._delay("stream") + overtaken.strength * MS
            self.world.call_in(delay, self._hear, session, body, facts)
        else:
            self._arrive(session, body, facts)

    def _cut(self, session: Session) -> bool:
        """Whether the connection ends just before this frame."""
        strikes, venue, now = self._strikes, self.venue, self.world.now
        half = strikes("half_open", venue)
        if half:
            session.mute_until = now + half.strength * MS
            return True
        cut = strikes("disconnect", venue)
        replay = None if cut else strikes("disconnect_replay", venue)
        if replay:
            self.replay_next = replay.strength
        if not cut and not replay:
            return False
        self.closed_until = now + (cut.strength * MS if cut else 0)
        self._silence_ns = self.silence_ns()
        self.session = None
        self.world.call_in(self._delay("stream"), self._closed, session, "1006")
        return True

    def end_key(self, farewell: bytes) -> None:
        """The stream's key ran out: one last frame, then silence on an open socket."""
        session = self.session
        if session is not None and session.open:
            self._arrive(session, farewell, ())
            session.mute_until = 2**62

    def _closed(self, session: Session, reason: str) -> None:
        if session.open:
            session.open = False
            session.on_close(reason)

    def _arrive(self, session: Session, body: bytes, facts: tuple[Fact, ...]) -> None:
        """Deliver in order: never before what was sent earlier."""
        self.truth.sent(facts)
        at = max(self.world.now + self._delay("stream"), session.stalled_until)
        at = max(at, session.last_arrival + 1)
        session.last_arrival = at
        self.world.call_at(at, self._hear, session, body, facts)

    def _hear(self, session: Session, body: bytes, facts: tuple[Fact, ...]) -> None:
        if not session.open:
            self.truth.lost(facts)
            return
        session.heard_at = self.world.now
        self.truth.heard(facts)
        session.on_frame(body)

    def _beat(self, session: Session) -> None:
        if self.session is session and session.open:
            if self.world.now >= session.mute_until:
                session.heard_at = self.world.now
                session.on_beat()
            self.world.call_in(self.latency.heartbeat, self._beat, session)

    # --- requests --------------------------------------------------------------------------------

    def ask(
        self,
        handle: Callable[[], tuple[int, bytes, bool]],
        on_answer: OnAnswer,
        statement: str = "",
        on_good: Callable[[], None] = _nothing,
    ) -> None:
        """Send a request; `handle` is the venue's doing when it arrives there.

        It gives status, body, and whether that is honest. `on_good` hears that an honest answer
        arrived whole. A statement cannot be read until the failure to give one has arrived and the
        venue may be asked again, politely; while the fault behind it stands; for the period that
        a lie stands for; nor, until the next is due, while a request for it is slow on its way.
        """
        spike = self.faults.strikes("slow_request", self.venue)
        there = self._delay("request")
        if spike:
            there += spike.strength * MS
            self._spoil(statement, self.world.now + min(there, self.statement_period), None)
        lost = self.faults.strikes("request_lost", self.venue)
        if lost:
            self._spoil(statement, self.world.now + self.latency.timeout, lost)
            self.world.call_in(self.latency.timeout, on_answer, 0, b"timeout")
            return
        sent = self.world.now
        self.world.call_in(there, self._at_venue, sent, handle, on_answer, statement, on_good)

    def _at_venue(
        self,
        sent: int,
        handle: Callable[[], tuple[int, bytes, bool]],
        on_answer: OnAnswer,
        statement: str,
        on_good: Callable[[], None],
    ) -> None:
        strikes, venue = self.faults.strikes, self.venue
        good, spoiled, held = False, 0, 0
        headers: Headers = ()
        by = limited = strikes("rate_limited", venue)
        if limited:
            spoiled = limited.strength * MS
            status, body, headers = self.limit(limited.strength)
        elif by := strikes("server_error", venue):
            status, body = 503, PAGE
        else:
            status, body, good = handle()
            held, self.held_ns = self.held_ns, 0
            spoiled = 0 if good else self.statement_period
            if by := strikes("answer_lost", venue):
                given_up = max(self.world.now, sent + self.latency.timeout)
                self._spoil(statement, given_up, by)
                self.world.call_at(given_up, on_answer, 0, b"timeout")
                return
            if by := strikes("server_error_after", venue):
                status, body, good = 502, PAGE, False
            elif by := strikes("truncated_answer", venue):
                body, good = body[: len(body) // 2], False
            elif by := strikes("html_answer", venue):
                body, good = PAGE, False
        late = strikes("answer_late", venue)
        delay = self._delay("answer") + held + (late.strength * MS if late else 0)
        if not good:
            self._spoil(statement, self.world.now + delay + spoiled, by)
            on_good = _nothing
        self.world.call_in(
            delay,
            self._answered,
            on_answer,
            status,
            body,
            headers,
            statement if good else "",
            on_good,
        )

    def hold(self, for_ns: int) -> None:
        """The answer that the venue is about to give will be so much longer under way."""
        self.held_ns = for_ns

    def _answered(
        self,
        on_answer: OnAnswer,
        status: int,
        body: bytes,
        headers: Headers,
        statement: str,
        on_good: Callable[[], None],
    ) -> None:
        on_answer(status, body, headers)
        on_good()
        if statement:
            self._standing.pop(statement, None)
            self.truth.statement_path(f"{self.account} {statement}", 0)

    def _spoil(self, statement: str, until: int, by: Fault | None) -> None:
        if not statement:
            return
        until += min(POLITE_NS, self.statement_period // 4)
        self.truth.statement_path(f"{self.account} {statement}", until)
        if by is not None and by.one_in == 1 and self._standing.get(statement) is not by:
            self._standing[statement] = by
            self.world.call_at(until, self._spoiled_still, statement, by)

    def _spoiled_still(self, statement: str, by: Fault) -> None:
        """An outage spoils what nobody asks for as well; what stands is looked at often."""
        if self._standing.get(statement) is not by:
            return
        del self._standing[statement]
        if self.faults.stands(by):
            step = max(self.latency.median, self.statement_period // 8)
            self._spoil(statement, self.world.now + step, by)

    def _delay(self, purpose: str) -> int:
        latency = self.latency
        stream = self._delays.get(purpose)
        if stream is None:
            name = f"{self.venue}/public" if self.public else self.venue
            stream = self._delays[purpose] = self.dice.stream(f"wire/{name}/{purpose}")
        return stream.latency(latency.median, latency.p99)
