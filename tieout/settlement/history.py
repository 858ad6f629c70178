"""What a journal tells of settlement: per payment what was heard, what was booked, and whose it is.

Rule 1. Entries of the ledger are those of the same step that made them; an entry about several
payments is divided among them by what each had outstanding before and after, never by guessing.
Rule 2. What customers were told, and with which words a request was refused, is the effect that the
journal holds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core import exposure, ledger
from core.effects import Effect, RaiseAlert
from core.events import AlarmRang, Event
from core.frames import Frame
from core.journal import Record, decode_effect
from core.rail_effects import TellCustomer
from core.rail_events import (
    LineBooked,
    TransferCancelled,
    TransferReleased,
    TransferRequested,
    TransferScreened,
)
from core.settlement_state import Credited, LedgerEntry, Leg
from core.state import State

Lines = tuple[tuple[str, int], ...]
REQUESTS = (TransferRequested, TransferReleased, TransferScreened, TransferCancelled)
# What we ask of a counterparty about one payment.
ASKED = (
    *("SendPayment", "QueryPayment", "RecallPayment"),
    *("SignTransaction", "BroadcastTransaction"),
)


class Heard(NamedTuple):
    """An event about a payment or transfer, or an effect of ours. `frame` is 0 of what nobody sent;
    `raw` is then the record itself."""

    number: int
    at: int
    name: str
    what: Event | Effect
    frame: int
    channel: str
    raw: bytes


class Entered(NamedTuple):
    """One entry of the ledger, and what made it."""

    heard: Heard
    entry: LedgerEntry


class Share(NamedTuple):
    """The lines of an entry that are about one payment."""

    entered: Entered
    lines: Lines


class Moved(NamedTuple):
    """A payment came to another status."""

    number: int
    at: int
    status: str


class Said(NamedTuple):
    """What a customer was told, and when."""

    number: int
    at: int
    effect: TellCustomer


class Declined(NamedTuple):
    """A request of a customer or an operator that was not taken, and the words for it."""

    at: int
    event: Event
    code: str
    text: str


class Exposed(NamedTuple):
    """What is in flight or contingent of one sum, of which so much contingent, from then on."""

    number: int
    at: int
    key: str
    amount: int
    contingent: int


@dataclass(slots=True)
class Settled:
    """All that a journal tells of settlement. `about` is by payment and by transfer."""

    about: dict[str, list[Heard]] = field(default_factory=dict)
    entries: list[Entered] = field(default_factory=list)
    shares: dict[str, list[Share]] = field(default_factory=dict)
    moves: dict[str, list[Moved]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    declined: list[Declined] = field(default_factory=list)
    exposed: list[Exposed] = field(default_factory=list)

    def on(self, account: str) -> Iterator[tuple[Heard, LedgerEntry, int]]:
        """Each line on an account of the ledger, in units, with its entry and what made that."""
        for heard, entry in self.entries:
            for name, units in entry.lines:
                if name == account:
                    yield heard, entry, units


class Before(NamedTuple):
    """What must be known from before a step."""

    named: tuple[str, ...]
    stood: dict[str, tuple[int, int]]
    refused: dict[str, int]


class SettlingReader:
    """Looks at each step from both sides."""

    def __init__(self, state: State) -> None:
        self.settled = Settled()
        self._state = state
        self._exposure: dict[str, tuple[int, int]] = {}
        self._contingent: dict[str, int] = {}
        self._status: dict[str, str] = {}
        self._waiting: tuple[int, Event, str] | None = None

    def before(self, event: Event) -> Before:
        """Before the step."""
        names = named(self._state, event)
        legs = self._state.settlement.legs
        refused = _refused(self._state) if isinstance(event, REQUESTS) else {}
        return Before(names, {name: _stands(legs[name]) for name in names}, refused)

    def after(self, record: Record, event: Event, frame: Frame | None, before: Before) -> None:
        """After it."""
        state, settlement = self._state, self._state.settlement
        self._waiting = None
        if not settlement.legs and not state.booked and not isinstance(event, REQUESTS):
            return
        heard = heard_of(record, event, frame)
        names = tuple(dict.fromkeys((*before.named, *named(state, event))))
        subjects = [each.subject for each in state.booked if each.subject in settlement.legs]
        mine = self._divide(heard, event, names, before)
        for name in mine if isinstance(event, LineBooked) and mine else names:
            if not isinstance(event, AlarmRang):
                self._note(name, heard)
        for name in dict.fromkeys((*names, *subjects, *state.settled)):
            self._follow(settlement.legs[name], heard)
        self._requested(heard, event, before)
        self._expose(heard)

    def asked(self, record: Record) -> None:
        """An effect of ours was recorded."""
        if record.name in ASKED:
            wish: Any = decode_effect(record.body)
            heard = Heard(record.number, record.at, record.name, wish, 0, "", record.body)
            self._note(wish.payment_id, heard)
        elif record.name == "TellCustomer":
            told = decode_effect(record.body)
            assert isinstance(told, TellCustomer)
            self.settled.said.append(Said(record.number, record.at, told))
            self._in_words(record, told.reason)
        elif record.name == "RaiseAlert" and self._waiting is not None:
            alert = decode_effect(record.body)
            assert isinstance(alert, RaiseAlert)
            self._in_words(record, alert.text)

    # --- whose is what ---------------------------------------------------------------------------

    def _note(self, name: str, heard: Heard) -> None:
        self.settled.about.setdefault(name, []).append(heard)

    def _follow(self, leg: Leg, heard: Heard) -> None:
        if self._status.get(leg.payment_id) != leg.status:
            self._status[leg.payment_id] = leg.status
            moved = Moved(heard.number, heard.at, leg.status)
            self.settled.moves.setdefault(leg.payment_id, []).append(moved)

    def _divide(
        self, heard: Heard, event: Event, names: Iterable[str], before: Before
    ) -> list[str]:
        """Keep the step's entries and whose they are; which payments those of lines are about."""
        legs = self._state.settlement.legs
        own: dict[str, int] = {}
        of_lines: list[Entered] = []
        for entry in self._state.booked:
            entered = Entered(heard, entry)
            self.settled.entries.append(entered)
            credit = self._state.settlement.credits.get(entry.subject)
            if entry.purpose == "contingent":
                self._contingency(credit or legs[entry.subject], entry)
            if credit is not None:
                continue  # a deposit's, and no payment's
            if entry.subject not in legs:
                of_lines.append(entered)
                continue
            self._share(entry.subject, entered, entry.lines)
            transit = ledger.transit(legs[entry.subject])
            moved = sum(amount for name, amount in entry.lines if name == transit)
            own[entry.subject] = own.get(entry.subject, 0) + moved
        if not of_lines:
            return []
        moves = {
            name: _moved(legs[name], before.stood.get(name, (0, 0)), own.get(name, 0))
            for name in names
        }
        members = [name for name, moved in moves.items() if any(moved)] or list(moves)
        for entered in of_lines:
            whole = len(members) == 1 and len(_parts(event)) < 2
            for name in members:
                lines = entered.entry.lines
                if not whole:
                    lines = _part_of(legs[name], event, entered.entry, moves[name])
                if lines:
                    self._share(name, entered, lines)
        return members

    def _share(self, name: str, entered: Entered, lines: Lines) -> None:
        self.settled.shares.setdefault(name, []).append(Share(entered, lines))

    # --- requests --------------------------------------------------------------------------------

    def _requested(self, heard: Heard, event: Event, before: Before) -> None:
        if not isinstance(event, REQUESTS):
            return
        self._note(event.transfer_id, heard)
        after = _refused(self._state)
        codes = [code for code, times in after.items() if times != before.refused.get(code)]
        if codes:
            code = codes[0].removeprefix("refused/")
            text = ""
            if isinstance(event, TransferScreened):
                text = event.reference or "sanctions screening was a hit"
            self.settled.declined.append(Declined(heard.at, event, code, text))
            self._waiting = heard.number, event, code

    def _in_words(self, record: Record, words: str) -> None:
        """The first words that a refusal brought are its reason."""
        if self._waiting is None or record.cause != self._waiting[0] or not words:
            return
        last = self.settled.declined[-1]
        text = words.removeprefix(f"{last.code}: ")
        self.settled.declined[-1] = last._replace(text=last.text or text)
        self._waiting = None

    # --- exposure --------------------------------------------------------------------------------

    def _contingency(self, leg: Leg | Credited, entry: LedgerEntry) -> None:
        for key in exposure.keys(leg):
            self._contingent[key] = self._contingent.get(key, 0) + entry.lines[0][1]

    def _expose(self, heard: Heard) -> None:
        for key, amount in self._state.settlement.exposure.items():
            now = amount, self._contingent.get(key, 0)
            if self._exposure.get(key, (0, 0)) != now:
                self._exposure[key] = now
                self.settled.exposed.append(Exposed(heard.number, heard.at, key, *now))


# --- names ---------------------------------------------------------------------------------------


def named(state: State, event: Event) -> tuple[str, ...]:
    """The payments that an event names, by whatever name its teller has for them."""
    settlement = state.settlement
    if not settlement.legs:
        return ()
    if isinstance(event, AlarmRang):
        name = event.alarm.removeprefix("leg/")
        return (name,) if name in settlement.legs else ()
    account = getattr(event, "account", "")
    found: dict[str, None] = {}
    for name in _names(event):
        leg = settlement.legs.get(name)
        if leg is not None and account in ("", leg.account):
            found[name] = None
        key = f"{account} {name}"
        found |= dict.fromkeys(settlement.batches.get(key, ()))
        if key in settlement.named and key not in settlement.batches:
            found[settlement.named[key]] = None
    return tuple(found)


def _names(event: Any) -> list[str]:
    names = [getattr(event, one, "") for one in ("payment_id", "reference", "batch", "tx_hash")]
    names += getattr(event, "references", ())
    for part in getattr(event, "parts", ()):
        names += part.references
    return [name for name in names if isinstance(name, str) and name]


def _parts(event: Event) -> list[Any]:
    """The parts of a line that are about payments."""
    return [part for part in getattr(event, "parts", ()) if part.references]


def _stands(leg: Leg) -> tuple[int, int]:
    return leg.outstanding, leg.excess


def _moved(leg: Leg, stood: tuple[int, int], own: int) -> tuple[int, int]:
    """What lines moved of it in transit and in suspense, signed as in the ledger."""
    return leg.outstanding - stood[0] - own, stood[1] - leg.excess


def _part_of(leg: Leg, event: Event, entry: LedgerEntry, moved: tuple[int, int]) -> Lines:
    """Of an entry about several payments, what is about this one."""
    if not any(moved):
        return ()
    amount = -sum(moved)
    for part in _parts(event):
        if leg.payment_id in part.references:
            amount = part.amount
    lines = (
        (entry.lines[0][0], amount),
        (ledger.transit(leg), moved[0]),
        (ledger.suspense(leg.account, leg.asset), moved[1]),
        # What is left was deducted on the way, or is no longer.
        (ledger.fees(leg), -amount - sum(moved)),
    )
    return tuple(line for line in lines if line[1])


def _refused(state: State) -> dict[str, int]:
    return {name: times for name, times in state.counts.items() if name.startswith("refused/")}


def heard_of(record: Record, event: Event, frame: Frame | None) -> Heard:
    """An event with its frame's bytes, or its record's own where nobody sent one."""
    return Heard(
        record.number,
        event.received_at,
        type(event).__name__,
        event,
        event.frame,
        frame.channel if frame is not None else "",
        frame.body if frame is not None else record.body,
    )
