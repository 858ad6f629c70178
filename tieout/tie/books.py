"""Exports of exchanges tied with one another, offline: the node's own books, fed from files.

Rule 1. The files are a counterparty. Their facts come through the one door in the order of their
moments; asked again, they say the same: so a suspect ripens into a break as it does live.
Rule 2. A holding begins with the earliest statement of it that the files have, which is then not
compared; with a ledger's own first balance; or, where the user says that the files have all of it
(`begins`), with nothing. Of which nothing later is told, that is *not tied*, and shown as such.
Rule 3. What a difference is of is said where the files say it (`tieout/tie/lines.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Literal, NamedTuple

from msgspec.structs import replace

from core.effects import Effect, FetchFills, FetchLedger, FetchStatement
from core.events import (
    EVERY,
    AccountOpened,
    AlarmRang,
    AssetListed,
    CashMoved,
    Event,
    FillReported,
    FundingPaid,
    InstrumentListed,
    NodeStarted,
    OpeningSet,
    PageReported,
    PositionModeReported,
    StatementKind,
    StatementReported,
)
from core.frames import Frame
from core.gate import BreakGate
from core.journal import Journal
from core.money import ASSET_DECIMALS_MAX
from core.node import Keep, Node
from core.state import Drift, State, holding
from sim.memory_store import MemoryStore
from tieout.bad_input import BadFile
from tieout.tie.exports import Export, read_export
from tieout.tie.facts import Fact, Told, claim, take, terms_of
from tieout.tie.listings import Pairs, listed
from tieout.tie.statements import Stated, statements_in

YEARS_NS = 100 * 365 * 86_400 * 1_000_000_000
# Everything stays at hand: an export is read once, and ends.
ALL = Keep(*[10**9] * len(Keep._fields))
# With what the books of a holding begin: what a statement says, or nothing.
Begins = Literal["stated", "zero"]
# As often as an absurd reading must insist, and a round more: then a suspect is a break.
READS_MAX = 5
# So many facts are one group of the journal.
GROUP = 1000
Progress = Callable[[float], None]


class Posted(NamedTuple):
    """What the books made of a fact: so much in a holding, for a purpose."""

    fact: Fact
    holding: str
    purpose: str
    amount: int


class Opening(NamedTuple):
    """With what a holding began, as of when, and who says so."""

    amount: int
    at: int
    said_by: str


class Compared(NamedTuple):
    """What a statement says of a holding, as of when, and where it says so."""

    amount: int
    as_of: int
    place: str


@dataclass(slots=True)
class Books:
    """What the node's books came to, and what they were told."""

    state: State
    store: MemoryStore
    told: Told
    posted: list[Posted] = field(default_factory=list)
    openings: dict[str, Opening] = field(default_factory=dict)
    # By holding, the last statement's line that it was compared with.
    compared: dict[str, Compared] = field(default_factory=dict)

    def drifts(self) -> dict[str, Drift]:
        """What differs: breaks, and suspects that no file says more of."""
        return {**self.state.suspects, **self.state.breaks}


def books_of(
    files: Sequence[Path],
    *,
    begins: Begins = "stated",
    zone: tzinfo | None = None,
    pairs: Pairs | None = None,
    progress: Progress = lambda share: None,
) -> Books:
    """Read the files and keep books of them; raises `BadFile`, and ties nothing then."""
    exports = [read_export(path, zone) for path in files]
    feed = _Feed(exports, begins, pairs or {})
    return feed.run(progress)


class _Feed:
    """The files as a counterparty of a node in memory."""

    def __init__(self, exports: list[Export], begins: Begins, pairs: Pairs) -> None:
        self.from_zero = begins == "zero"
        self.store = MemoryStore()
        self.node = Node(Journal(self.store), {}, BreakGate(), keep=ALL)
        self.now = 1
        told = Told()
        told.pairs.update(pairs)
        self.books = Books(self.node.state, self.store, told)
        claim(told, exports)
        for export in exports:
            take(told, export, self._keep(export))
        self.last: dict[tuple[str, StatementKind], StatementReported] = {}

    def run(self, progress: Progress) -> Books:
        told = self.books.told
        if not told.facts and not told.lines:
            raise BadFile("these files tell of nothing; an export with rows would do")
        events = self._in_order()
        self._open(events)
        for number, (at, fact) in enumerate(events):
            self._ring("restate/", at)
            self.now = max(self.now + 1, at)
            self._tell(fact)
            if not number % GROUP:
                self.node.commit()
                progress(number / len(events))
        self.node.commit()
        return self.books

    def _keep(self, export: Export) -> int:
        """Journal a file's raw bytes as a frame; returns its number."""
        number = self.node.journal.next_number
        frame = Frame(
            number=number,
            account=f"{export.kind.venue}/main",
            channel="rest",
            received_at=self.now,
            body=export.body,
        )
        return self.node.journal.frame(frame)

    # --- what there is, in order ------------------------------------------------------------------

    def _in_order(self) -> list[tuple[int, Fact]]:
        """Facts by their moments, statements after what happened in theirs."""
        told = self.books.told
        events = [(_moment(f.event), f) for f in told.facts if _is_timed(f.event)]
        events += [(at, f) for at, f in self._unrecorded()]
        end = max([at for at, _ in events] + [b.at for b in told.balances], default=0)
        for stated in self._compared(statements_in(self.books.told, end)):
            events.append((stated.at, Fact(stated.event, stated.place)))
        events.sort(key=lambda each: (each[0], isinstance(each[1].event, StatementReported)))
        return events

    def _unrecorded(self) -> Iterable[tuple[int, Fact]]:
        """The trades of a ledger whose account has no record of fills: booked as it tells them."""
        events = [fact.event for fact in self.books.told.facts]
        fills = {event.account for event in events if isinstance(event, FillReported)}
        for number, line in enumerate(self.books.told.lines):
            if line.account not in fills:
                event = CashMoved(
                    received_at=0,
                    account=line.account,
                    movement_id=f"{line.purpose} {line.place} {number}",
                    asset=line.asset,
                    amount=line.amount,
                    reason="realised",
                    occurred_at=line.at,
                    instrument=line.instrument,
                )
                yield line.at, Fact(event, line.place)

    def _compared(
        self, statements: Mapping[tuple[str, StatementKind], list[Stated]]
    ) -> list[Stated]:
        """Those that are not openings; the openings are noted."""
        rest: list[Stated] = []
        for stated in statements.values():
            first, *later = stated
            if first.opens or not self.from_zero:
                self._note_opening(first)
                rest += [each for each in later if not each.opens]
            else:
                rest += [each for each in stated if not each.opens]
        return rest

    def _note_opening(self, stated: Stated) -> None:
        account = stated.event.account
        at = max([row.as_of for row in stated.event.rows] + [0]) or stated.at
        for row in stated.event.rows:
            opening = Opening(row.amount, row.as_of or at, stated.place)
            self.books.openings[holding(account, row.subject, row.leg)] = opening
        if stated.event.complete:
            legs = ("cash",) if stated.event.kind == "balances" else ("net", "long", "short")
            for leg in legs:
                self.books.openings[holding(account, EVERY, leg)] = Opening(0, at, stated.place)

    # --- begin ------------------------------------------------------------------------------------

    def _open(self, events: list[tuple[int, Fact]]) -> None:
        """Accounts, assets, instruments and openings, before anything happens."""
        facts = [fact for _, fact in events]
        every = [*facts, *self.books.told.facts]
        self._deliver(NodeStarted(received_at=0, node="tie", epoch=1))
        for account in dict.fromkeys(_account(fact.event) for fact in every):
            self._deliver(_opened(account, every))
        for asset in dict.fromkeys(a for fact in every for a in _assets(fact.event)):
            self._list_asset(asset)
        for listing in self._listings(every):
            for asset in (listing.base, listing.quote, listing.settle):
                self._list_asset(asset)
            self._deliver(listing)
        for fact in self.books.told.facts:
            if isinstance(fact.event, PositionModeReported):
                self._deliver(fact.event)
        for name, opening in self.books.openings.items():
            self._deliver(_adopted(name, opening))

    def _list_asset(self, asset: str) -> None:
        if asset and asset not in self.node.state.decimals:
            self._deliver(AssetListed(received_at=0, asset=asset, decimals=ASSET_DECIMALS_MAX))

    def _listings(self, facts: list[Fact]) -> list[InstrumentListed]:
        """As the files tell an instrument's terms, else as its name does."""
        told = terms_of(self.books.told)
        categories: dict[tuple[str, str], str] = {}
        found: dict[tuple[str, str], InstrumentListed] = {}
        for fact in facts:
            if not isinstance(fact.event, FillReported):
                continue
            account, instrument = fact.event.account, fact.event.instrument
            category = categories.setdefault((account, instrument), fact.category)
            if category != fact.category:
                would_do = "one of them at a time would do"
                found_in = f"{category} and {fact.category}"
                raise BadFile(f"{fact.place}: {instrument} is told as {found_in}; {would_do}")
            if (account, instrument) not in found:
                found[account, instrument] = listed(
                    account, instrument, category, self.books.told.pairs
                )
        later: list[InstrumentListed] = []
        for terms in told:
            known = found.get((terms.account, terms.instrument))
            if known is not None and not known.frame:
                found[terms.account, terms.instrument] = terms
            elif known is not None:
                later.append(terms)
        # What the books begin with is no change of anything: no venue tells it them.
        return [*[replace(each, frame=0) for each in found.values()], *later]

    # --- tell -------------------------------------------------------------------------------------

    def _tell(self, fact: Fact) -> None:
        event = fact.event
        if isinstance(event, StatementReported):
            self._state(event, fact.place)
            return
        self._deliver(event)
        self._note(fact)

    def _note(self, fact: Fact) -> None:
        """What the books have just made of it."""
        for line in self.node.state.posted:
            if line.holding:
                purpose = line.figure.rsplit("/", 2)[1]
                self.books.posted.append(Posted(fact, line.holding, purpose, line.amount))

    def _state(self, event: StatementReported, place: str) -> None:
        told = replace(event, received_at=self.now, asked_at=self.now)
        self.last[event.account, event.kind] = told
        for row in told.rows:
            name = holding(event.account, row.subject, row.leg)
            self.books.compared[name] = Compared(row.amount, row.as_of or told.as_of, place)
        for name in [n for n in self.node.state.holdings if _is_left_out(n, told)]:
            self.books.compared[name] = Compared(0, told.as_of, place)
        self._deliver(told)
        self._settle()
        for _ in range(READS_MAX):
            if self.node.state.suspects:
                self._perform(FetchStatement(account=told.account, kind=told.kind))
                self._settle()

    def _deliver(self, event: Event) -> None:
        self.node.deliver(replace(event, received_at=self.now))

    def _settle(self) -> None:
        """Answer what the books ask, and ring what is due, until nothing is left of either."""
        while True:
            effects = self.node.commit()
            for effect in effects:
                self._perform(effect)
            rang = self._ring("readings/", YEARS_NS)
            if not effects and not rang:
                return

    def _ring(self, kind: str, until: int) -> bool:
        """Ring alarms of a kind that are due by then; others keep a schedule, and files none."""
        alarms = self.node.state.alarms
        due = [name for name, at in alarms.items() if name.startswith(kind) and at <= until]
        for alarm in due:
            self.now = max(self.now, alarms[alarm])
            rang = AlarmRang(received_at=0, alarm=alarm)
            self._deliver(rang)
            self._note(Fact(rang, alarm))
        return bool(due)

    def _perform(self, effect: Effect) -> None:
        """The files have no more than they told."""
        match effect:
            case FetchFills():
                self._answer(effect.account, effect.instrument)
            case FetchLedger():
                self._answer(effect.account, "ledger")
            case FetchStatement():
                again = self.last.get((effect.account, effect.kind))
                if again is not None:
                    self.now += 1
                    self._deliver(replace(again, asked_at=self.now))

    def _answer(self, account: str, subject: str) -> None:
        self._deliver(
            PageReported(
                received_at=0,
                account=account,
                subject=subject,
                through="",
                more=False,
                asked_at=self.now,
            )
        )


# --- small things --------------------------------------------------------------------------------


def _moment(event: Event) -> int:
    match event:
        case FillReported() | FundingPaid() | CashMoved():
            return event.occurred_at
        case _:
            return 0


def _is_timed(event: Event) -> bool:
    return isinstance(event, FillReported | FundingPaid | CashMoved)


def _account(event: Event) -> str:
    account: str = getattr(event, "account", "")
    return account


def _assets(event: Event) -> Iterable[str]:
    match event:
        case FillReported():
            return (event.fee_asset,)
        case FundingPaid() | CashMoved():
            return (event.asset,)
        case StatementReported():
            return [row.subject for row in event.rows if row.leg == "cash"]
        case _:
            return ()


def _opened(account: str, facts: list[Fact]) -> AccountOpened:
    """Nothing is asked for on schedule: files have no clock."""
    legs: list[str] = [
        fact.event.leg
        for fact in facts
        if isinstance(fact.event, FillReported) and fact.event.account == account
    ] or [
        row.leg
        for fact in facts
        if isinstance(fact.event, StatementReported) and fact.event.account == account
        for row in fact.event.rows
    ]
    return AccountOpened(
        received_at=0,
        account=account,
        tells="fills",
        statements=("balances", "positions"),
        statement_period_ns=YEARS_NS,
        backfill_period_ns=YEARS_NS,
        settle_ns=1,
        silence_ns_max=YEARS_NS,
        hedged="long" in legs or "short" in legs,
        ledger=True,
    )


def _adopted(name: str, opening: Opening) -> OpeningSet:
    venue, account, subject, leg = name.split("/")
    return OpeningSet(
        received_at=0,
        account=f"{venue}/{account}",
        subject=subject,
        leg=leg,
        amount=opening.amount,
        occurred_at=opening.at,
        adopted=True,
    )


def _is_left_out(name: str, told: StatementReported) -> bool:
    """Whether a complete statement says of a holding, by leaving it out, that there is none."""
    of_kind = name.endswith("/cash") == (told.kind == "balances")
    if not told.complete or not of_kind or not name.startswith(f"{told.account}/"):
        return False
    return all(name != holding(told.account, row.subject, row.leg) for row in told.rows)
