"""A journal read once: what each event told, what the books made of it, what happened when.

Rule 1. Nothing is here that was not recorded. Events and effects are those of the journal; postings
are what the same step makes of the same events, as in `tieout/journals/replay.py`.
Rule 2. One pass per store, kept for as long as the store is, and read anew when the store grew.

Tables, traces and reports all look at this, so that they cannot tell different stories.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from core.effects import FetchFills, FetchLedger, RaiseAlert, Remember, TellStrategy
from core.events import (
    AdjustmentBooked,
    CashMoved,
    Event,
    FillBusted,
    FillReported,
    FrameQuarantined,
    FundingPaid,
    NodeStarted,
    OrderRequested,
    ProgressReported,
    StreamClosed,
    StreamOpened,
)
from core.frames import Frame
from core.gate import Gate
from core.journal import Record, Store, decode_effect, decode_event, decode_frame
from core.memory import order_of
from core.money import ASSET_DECIMALS, QUANTITY_DECIMALS, show
from core.rail_events import LineBooked
from core.settlement_memory import KINDS, whole
from core.settlement_state import ClosedItem
from core.state import Drift, Order, Posting, Resolved, State
from core.step import step
from risk.adapter import LimitGate
from tieout.settlement.history import Settled, SettlingReader
from tieout.tokens.history import Issued, TokenReader

# What core counts when it was told something that moves money, and how it took it.
COUNTED: dict[type, str] = {
    FillReported: "fills",
    ProgressReported: "progress",
    FillBusted: "busts",
    FundingPaid: "funding",
    CashMoved: "cash",
}
WAYS = ("booked", "covered", "echo", "other_fee", "conflict", "unlisted", "as_evidence")

# Decimal's own context has 28 digits; an amount in wei may have more, and none may be lost.
_EXACT = Context(prec=100)
_ZERO = Decimal(0)


class Taken(NamedTuple):
    """An event that told of money, and what was posted for it.

    `way` is one of `WAYS`. `raw` is the frame's bytes, or the event's own record where nobody sent
    bytes (`frame` is then 0 and `channel` "").
    """

    number: int
    event: Event
    way: str
    frame: int
    channel: str
    backfilled: bool
    raw: bytes
    postings: tuple[Posting, ...]


class Refusal(NamedTuple):
    """An order that our gate did not let pass."""

    wish: OrderRequested
    told: TellStrategy
    code: str


class Moment(NamedTuple):
    """Something that a person would tell of the run."""

    at: int
    what: str
    account: str
    text: str


@dataclass(slots=True)
class History:
    """All of one journal.

    `resolved` are all suspects and breaks that are over, of which the state keeps the last;
    `put_away` the orders that left it, as they stood then, `kept` what of settlement did, `closed`
    all of its breaks that are over.
    """

    state: State = field(default_factory=State)
    last: int = 0
    taken: list[Taken] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    frames: dict[int, tuple[str, int]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    resolved: list[Resolved] = field(default_factory=list)
    put_away: dict[str, Order] = field(default_factory=dict)
    kept: list[Remember] = field(default_factory=list)
    closed: list[ClosedItem] = field(default_factory=list)
    settled: Settled = field(default_factory=Settled)
    issued: Issued = field(default_factory=Issued)
    _filled: State | None = None

    def orders(self) -> dict[str, Order]:
        """Every order that was ever sent or found."""
        return self.put_away | self.state.orders

    def whole(self) -> State:
        """The state at the journal's end with every transfer and every break that ever was."""
        if self._filled is None:
            state = whole(self.state, self.kept)
            settlement = replace(state.settlement, closed=self.closed)
            self._filled = replace(state, settlement=settlement)
        return self._filled

    def frame_at(self, number: int) -> int:
        """When the frame was received; 0 of none."""
        return self.frames.get(number, ("", 0))[1]


_KEPT: "WeakKeyDictionary[Store, History]" = WeakKeyDictionary()


def history(store: Store) -> History:
    """The store's history, read at most once for each of its lengths."""
    known = _KEPT.get(store)
    if known is None or known.last != store.last()[0]:
        known = _KEPT[store] = read(store.records())
    return known


def read(records: Iterable[Record], gate: Gate | None = None) -> History:
    """Step through the records."""
    reader = _Reader(gate if gate is not None else LimitGate())
    for record in records:
        reader.take(record)
    return reader.history


# --- the pass ------------------------------------------------------------------------------------


class _Reader:
    def __init__(self, gate: Gate) -> None:
        self.history = History()
        self._gate = gate
        self._frame: Frame | None = None
        self._frame_told = False
        self._aside: dict[int, Frame] = {}
        self._event: Event | None = None
        self._refused = ""
        self._suspected: dict[str, int] = {}
        self._breaks = 0
        self._settling = SettlingReader(self.history.state)
        self.history.settled = self._settling.settled
        self._tokens = TokenReader(self.history.state)
        self.history.issued = self._tokens.issued

    def take(self, record: Record) -> None:
        self.history.last = record.number
        if record.kind == "frame":
            self._lay_aside()
            self._frame = decode_frame(record)
            self.history.frames[record.number] = record.name, record.at
            return
        if record.kind == "event":
            self._event = decode_event(record.body)
            self._step(record, self._event)
            return
        self._settling.asked(record)
        if record.name == "TellStrategy":
            self._told(record)
        elif record.name == "Remember":
            kept = decode_effect(record.body)
            if isinstance(kept, Remember) and kept.kind == "order":
                order = order_of(kept.content)
                self.history.put_away[order.client_order_id] = order
            elif isinstance(kept, Remember) and kept.kind in KINDS:
                self.history.kept.append(kept)
        elif record.name == "RaiseAlert":
            alert = decode_effect(record.body)
            assert isinstance(alert, RaiseAlert)
            account = _account(alert.subject)
            self._note(record.at, f"alert ({alert.severity})", account, alert.text)

    def _step(self, record: Record, event: Event) -> None:
        state = self.history.state
        word = COUNTED.get(type(event))
        before = _counts(state, word, event)
        refused = _refused(state, event)
        settling, tokens = self._settling.before(event), self._tokens.before()
        step(state, event, self._gate)
        frame = self._frame_of(event)
        self._settling.after(record, event, frame, settling)
        self._tokens.after(record, event, frame, tokens)
        codes = [code for code, n in _refused(state, event).items() if n != refused.get(code)]
        self._refused = codes[0] if codes else ""
        if word is not None or state.posted:
            self._taken(record, event, _way(before, _counts(state, word, event)))
        self._happened(event)
        self._judged(event.received_at)

    def _lay_aside(self) -> None:
        """A frame that was kept and not read: openings may name it later, as their evidence."""
        frame = self._frame
        if frame is not None and not self._frame_told:
            self._aside[frame.number] = frame
        self._frame_told = False

    def _frame_of(self, event: Event) -> Frame | None:
        """The frame that told it; a frame's events follow it, an opening comes later."""
        if not event.frame:
            return None
        if self._frame is not None and self._frame.number == event.frame:
            self._frame_told = True
            return self._frame
        assert event.frame in self._aside, "a frame's events follow it"
        return self._aside[event.frame]

    def _taken(self, record: Record, event: Event, way: str) -> None:
        frame = self._frame_of(event)
        taken = Taken(
            record.number,
            event,
            way,
            event.frame,
            frame.channel if frame is not None else "",
            frame is not None and isinstance(frame.about, FetchFills | FetchLedger),
            frame.body if frame is not None else record.body,
            tuple(self.history.state.posted),
        )
        self.history.taken.append(taken)
        if way == "booked" and (taken.backfilled or isinstance(event, FillBusted)):
            self._booked_late(taken)

    def _told(self, record: Record) -> None:
        told = decode_effect(record.body)
        assert isinstance(told, TellStrategy)
        if told.status == "refused" and isinstance(self._event, OrderRequested):
            self.history.refusals.append(Refusal(self._event, told, self._refused))
        elif told.status == "unknown":
            self.history.unknown[told.client_order_id] = told.account

    # --- the moments -----------------------------------------------------------------------------

    def _note(self, at: int, what: str, account: str, text: str) -> None:
        self.history.moments.append(Moment(at, what, account, text))

    def _happened(self, event: Event) -> None:
        at = event.received_at
        match event:
            case NodeStarted():
                lost = f", {event.records_lost} records lost" if event.records_lost else ""
                self._note(at, "node started", "", f"{event.node}, boot {event.epoch}{lost}")
            case StreamOpened():
                self._note(at, "stream opened", event.account, f"epoch {event.epoch}")
            case StreamClosed():
                text = f"epoch {event.epoch}: {event.reason}"
                self._note(at, "stream closed", event.account, text)
            case FrameQuarantined():
                text = f"frame {event.frame}: {event.reason}"
                self._note(at, "frame quarantined", event.account, text)
            case AdjustmentBooked():
                text = f"{event.reason} ({event.author}, approved by {event.approver})"
                self._note(at, "adjustment", _account(event.holding), text)
            case _:
                pass

    def _booked_late(self, taken: Taken) -> None:
        event = taken.event
        where = f"from frame {taken.frame} ({taken.channel})"
        match event:
            case FillReported():
                size = f"{event.side} {show(event.quantity, QUANTITY_DECIMALS)} {event.instrument}"
                what, text = "fill back-filled", f"{size}, fill {event.fill_id}, {where}"
            case FillBusted():
                size = f"{event.side} {show(event.quantity, QUANTITY_DECIMALS)} {event.instrument}"
                what, text = "fill undone", f"{size}, fill {event.fill_id}, {where}"
            case ProgressReported():
                size = f"{event.side} {show(event.quantity, QUANTITY_DECIMALS)} {event.instrument}"
                what, text = "progress back-filled", f"{size} of order {event.order_id}, {where}"
            case FundingPaid() | CashMoved():
                scale = self.history.state.decimals.get(event.asset, ASSET_DECIMALS)
                size = f"{show(event.amount, scale)} {event.asset}"
                what, text = "cash back-filled", f"{size}, {where}"
            case _:
                return
        self._note(event.received_at, what, event.account, text)

    def _judged(self, at: int) -> None:
        """Suspects, breaks and resolutions that this step brought."""
        state = self.history.state
        if state.suspects or self._suspected:
            for name, drift in state.suspects.items():
                if self._suspected.get(name) != drift.opened_at:
                    self._note(at, "suspect", _account(name), self._size(name, drift))
            self._suspected = {n: drift.opened_at for n, drift in state.suspects.items()}
        if state.breaks_made > self._breaks:
            for name, drift in state.breaks.items():
                if drift.number > self._breaks:
                    text = f"number {drift.number}: {self._size(name, drift)}"
                    self._note(at, "break", _account(name), text)
            self._breaks = state.breaks_made
        items = state.settlement.closed
        self.history.closed += items[
            len(items) - (state.settlement.closed_made - len(self.history.closed)) :
        ]
        fresh = state.resolved_made - len(self.history.resolved)
        for each in state.resolved[len(state.resolved) - fresh :]:
            self.history.resolved.append(each)
            what = "break resolved" if each.number else "suspect resolved"
            size = text_of(state, each.holding, each.size)
            text = f"{each.holding} by {size}: {each.cause}, {each.resolution}"
            self._note(at, what, _account(each.holding), text)

    def _size(self, name: str, drift: Drift) -> str:
        state = self.history.state
        told = text_of(state, name, drift.reading.told)
        return f"{name}: the venue says {told}, a difference of {text_of(state, name, drift.size)}"


def _counts(state: State, word: str | None, event: Any) -> list[int]:
    if word is None:
        return []
    return [state.counts.get(f"{word}_{way}/{event.account}", 0) for way in WAYS]


def _refused(state: State, event: Event) -> dict[str, int]:
    """How often the gate refused with each code; asked only around a wish."""
    if type(event) is not OrderRequested:
        return {}
    return {k[8:]: times for k, times in state.counts.items() if k.startswith("refused/")}


def _way(before: list[int], after: list[int]) -> str:
    """Which of the counts moved; what is not counted (an opening, an adjustment) is booked."""
    for way, old, new in zip(WAYS, before, after, strict=True) if before else ():
        if old != new:
            return way
    return "booked"


# --- names and amounts ---------------------------------------------------------------------------


def exact(units: int, decimals: int) -> Decimal:
    """Units as an exact decimal, with the decimals of their asset."""
    return _EXACT.scaleb(Decimal(units), -decimals) if units else _ZERO  # 0E-8 reads badly


def scale_of(state: State, holding: str) -> int:
    """The decimals in which a holding counts."""
    _, subject, leg = holding.rsplit("/", 2)
    return state.decimals.get(subject, ASSET_DECIMALS) if leg == "cash" else QUANTITY_DECIMALS


def amount_of(state: State, holding: str, units: int) -> Decimal:
    """So many units of a holding."""
    return exact(units, scale_of(state, holding))


def text_of(state: State, holding: str, units: int) -> str:
    """The same, for a person: with a sign and without trailing zeros."""
    return show(units, scale_of(state, holding))


def occurred_at(event: Event) -> int:
    """The teller's time of an event that moved money."""
    if isinstance(event, AdjustmentBooked):
        return event.received_at
    if isinstance(event, LineBooked):
        return event.booked_at
    at: int = getattr(event, "occurred_at", event.received_at)
    return at


def _account(subject: str) -> str:
    """The account of a holding; anything else is one already."""
    return "/".join(subject.split("/")[:2])
