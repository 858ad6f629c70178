"""Reconciliation on demand: a bank's files against a journal, line by line and balance by balance.

Rule 1. Lines and legs are tied by `core.tying`, each amount once: a line of a file by the line that
the books have under its id, or by what is outstanding of the payment that it names.
Rule 2. A closing balance is tied with our nostro at its moment, the file's new lines counted in.
Rule 3. A file that cannot be read whole ties nothing: it is refused, with the rule that it breaks.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from rich.text import Text

from core import deductions, ledger, payments
from core.events import Event, FrameQuarantined
from core.journal import Store
from core.rail_events import LineBooked, LinePart, NostroStated
from core.settlement_state import Leg
from core.state import State
from core.tying import Booked, Expected, Untied, tie
from rails.messages import Context, read
from risk.written import content
from tieout.bad_input import BadFile
from tieout.reports.history import History, exact, occurred_at
from tieout.reports.in_lines import InLines
from tieout.reports.trace import past_of, plain
from tieout.reports.words import count, minute
from tieout.settlement.banks import PLACES
from tieout.settlement.tables import amount

DAY = 86_400 * 1_000_000_000
WORDS = {
    "missing": "our books have it, or await it, and the file does not",
    "unexpected": "the file has it, and our books do not",
    "amount": "another amount in the file than in our books",
    "early": "booked before we expected it",
    "late": "booked after we expected it",
    "closing": "closing balance and our nostro differ",
}


class Difference(NamedTuple):
    """What does not tie: `size` is the file's figure less ours, signed."""

    account: str
    asset: str
    difference: str
    key: str
    about: str
    size: Decimal


class Statement(NamedTuple):
    """A closing balance, and what our nostro is at that moment with the file's new lines."""

    account: str
    asset: str
    statement_id: str
    to_at: int
    told: Decimal
    ours: Decimal


@dataclass(slots=True, frozen=True)
class Reconciled(InLines):
    """What tied and what did not."""

    lines: int
    tied: int
    statements: tuple[Statement, ...]
    differences: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts as decimal texts."""
        return {
            "lines": self.lines,
            "tied": self.tied,
            "statements": [
                {**each._asdict(), "told": plain(each.told), "ours": plain(each.ours)}
                for each in self.statements
            ],
            "differences": [
                {**each._asdict(), "size": plain(each.size)} for each in self.differences
            ],
        }

    def texts(self) -> Iterator[Text]:
        for each in self.statements:
            agrees = each.told == each.ours
            words = "as our nostro" if agrees else f"our nostro {plain(each.ours)}"
            where = f"{each.account} {each.asset}, statement {each.statement_id}"
            closing = f"closing {plain(each.told)} at {minute(each.to_at)} UTC, {words}"
            yield Text(f"{where}: {closing}", style="" if agrees else "red")
        differences = count(len(self.differences), "difference")
        yield Text(f"{count(self.lines, 'line')} read: {self.tied} tied, {differences}")
        for untied in self.differences:
            size = f"{untied.size:+f} {untied.asset}"
            about = f" ({untied.about})" if untied.about else ""
            what = f"{untied.key}{about} at {untied.account}: {WORDS[untied.difference]}"
            yield Text(f"{untied.difference:<10}  {size:>20}  {what}", style="red")


@dataclass(slots=True)
class _Told:
    """What all the files tell, each line once."""

    lines: dict[tuple[str, str, str, int], LineBooked] = field(default_factory=dict)
    statements: list[NostroStated] = field(default_factory=list)


def tie_files(
    journal: Store | str | os.PathLike[str],
    files: Sequence[Path],
    numbers: Mapping[str, str] | None = None,
) -> Reconciled:
    """Tie files with a journal; `numbers` says which account of ours a bank's number is.

    Raises `BadFile`, and `JournalError` of a path.
    """
    past = past_of(journal)
    known = _known(past.state) | _named(past.state, numbers or {})
    told = _Told()
    for path in files:
        _take(told, path, past.state, known)
    return _Tie(past, told).outcome()


# --- files ---------------------------------------------------------------------------------------


def _known(state: State) -> dict[str, str]:
    """The numbers of accounts at the banks that we know, each also by its own name."""
    known = {name: name for name in state.accounts}
    for account in state.accounts:
        place = PLACES.get(account.partition("/")[0])
        if place is not None:
            known |= {n: account for n in (place.ours.iban, place.ours.number) if n}
    return known


def _named(state: State, numbers: Mapping[str, str]) -> dict[str, str]:
    """The numbers that the caller names, each of an account that somebody books lines on."""
    for number, account in numbers.items():
        known = state.accounts.get(account)
        if not number or known is None or known.tells != "lines":
            found = f"{number}={account}" if account else number
            would_do = "NUMBER=ACCOUNT would do, as in DE02120300000000202051=bank_eu/ops"
            raise BadFile(f"--account: found {found!r}; {would_do}, of {_banks(state)}")
    return dict(numbers)


def _banks(state: State) -> str:
    named = [name for name, account in state.accounts.items() if account.tells == "lines"]
    return ", ".join(named) or "none here"


def _take(told: _Told, path: Path, state: State, numbers: Mapping[str, str]) -> None:
    events = _read(path, state, numbers)
    lines = [each for each in events if isinstance(each, LineBooked) and not each.pending]
    statements = [each for each in events if isinstance(each, NostroStated)]
    if not lines and not statements:
        names = ", ".join(dict.fromkeys(type(each).__name__ for each in events))
        would_do = "a statement (camt.053, BAI2, MT940) or an account report would do"
        raise BadFile(f"{path}: it tells of no booked line (but {names}); {would_do}")
    for line in lines:
        told.lines.setdefault((line.account, line.line_id, line.asset, line.amount), line)
    told.statements += statements


def _read(path: Path, state: State, numbers: Mapping[str, str]) -> list[Event]:
    """The file's events; its dates begin where its bank is, which its first reading says."""
    try:
        body = content(path)
    except OSError as error:
        reason = error.strerror or error
        raise BadFile(f"{path}: {reason}; a bank's file would do") from error
    zone = "UTC"
    for _ in range(2):
        context = Context("", numbers, state.decimals, state.now, zone=zone)
        events = read(body, context)
        accounts = [each.account for each in events if isinstance(each, LineBooked | NostroStated)]
        place = PLACES.get(accounts[0].partition("/")[0]) if accounts else None
        zone = place.ours.zone if place is not None else zone
    for event in events:
        if isinstance(event, FrameQuarantined):
            raise BadFile(f"{path}: {event.reason}; {_would_do(event.reason, state)}")
    return events


def _would_do(reason: str, state: State) -> str:
    if "another account" in reason:
        return f"--account NUMBER=ACCOUNT would do, of {_banks(state)}"
    return "a whole file of camt.052/053/054, BAI2, MT940 or MT942 would do"


# --- tying ---------------------------------------------------------------------------------------


class _Tie:
    def __init__(self, past: History, told: _Told) -> None:
        self.past, self.state, self.told = past, past.whole(), told
        self.ours = _booked_lines(past)
        self.spans = _spans(told)
        self.keys: dict[str, str] = {}  # of legs
        self.about: dict[tuple[str, str], str] = {}
        self.account_of: dict[str, str] = {}

    def outcome(self) -> Reconciled:
        booked = [each for line in self.told.lines.values() for each in self._booked(line)]
        expected = [*self._known_lines(), *self._awaited(booked)]
        tied = tie(expected, booked)
        differences = [self._difference(each) for each in tied.differences]
        statements = tuple(self._statement(each) for each in self.told.statements)
        differences += [
            Difference(
                each.account, each.asset, "closing", each.statement_id, "", each.told - each.ours
            )
            for each in statements
            if each.told != each.ours
        ]
        return Reconciled(len(self.told.lines), tied.tied, statements, tuple(differences))

    def _is_ours(self, line: LineBooked) -> bool:
        return (line.account, line.line_id) in self.ours

    # --- what the file has -----------------------------------------------------------------------

    def _booked(self, line: LineBooked) -> Iterator[Booked]:
        """The line itself where our books have it; else its parts, by the payments they name."""
        own = _key(line.account, line.line_id)
        self.account_of[own] = line.account
        if self._is_ours(line):
            yield Booked(own, line.asset, line.amount, line.booked_at)
            return
        self.about[own, line.asset] = line.counterparty
        rest, taken = line.amount, self._taken(line)
        for part in line.parts or (LinePart(line.amount + taken, ()),):
            names = (*part.references, *line.references)
            leg = payments.find(self.state, line.account, names)
            if leg is None or leg.asset != line.asset:
                continue
            for units, returning in ((leg.due, False), (leg.coming_back, True)):
                if units * part.amount > 0:
                    told = self._less_its_fee(leg, units, part.amount)
                    yield Booked(self._of_leg(leg, returning), line.asset, told, line.booked_at)
                    rest -= part.amount
        if rest == line.amount and self._batch(line, own):
            yield Booked(own, line.asset, line.amount, line.booked_at)
        elif rest and rest != -taken:
            yield Booked(own, line.asset, rest, line.booked_at)

    def _taken(self, line: LineBooked) -> int:
        """What the line says was taken out of it, unless that is more than its payment allows."""
        leg = None if line.parts else payments.find(self.state, line.account, line.references)
        if leg is None:
            return line.fee
        scheme = self.state.settlement.schemes[leg.scheme]
        return line.fee if line.fee <= deductions.allowed(scheme, leg, line.amount) else 0

    def _less_its_fee(self, leg: Leg, wanted: int, units: int) -> int:
        """What was deducted within what the scheme allows is explained, and no difference."""
        fee_max = deductions.allowed(self.state.settlement.schemes[leg.scheme], leg, units)
        return wanted if 0 < wanted - units <= fee_max else units

    def _of_leg(self, leg: Leg, returning: bool) -> str:  # noqa: FBT001  # one of two sides
        name = f"{leg.payment_id} (return)" if returning else leg.payment_id
        key = self.keys.setdefault(name, _key(leg.account, name))
        self.account_of[key] = leg.account
        self.about[key, leg.asset] = f"transfer {leg.transfer_id} of {leg.customer}"
        return key

    def _batch(self, line: LineBooked, own: str) -> bool:
        """Whether it is the line of a batch of ours: its payments are then one expectation."""
        settlement = self.state.settlement
        for reference in line.references:
            names = settlement.batches.get(f"{line.account} {reference}", ())
            legs = [settlement.legs[name] for name in names if settlement.legs[name].outstanding]
            if legs and sum(leg.outstanding for leg in legs) == line.amount:
                self.keys |= dict.fromkeys((leg.payment_id for leg in legs), own)
                return True
        return False

    # --- what we have, or await ------------------------------------------------------------------

    def _known_lines(self) -> Iterator[Expected]:
        """Lines of our books that the files should have, or do have."""
        told = {(account, line_id) for account, line_id, _, _ in self.told.lines}
        for place, line in self.ours.items():
            since, until = self.spans.get((line.account, line.asset), (1, 0))
            if since <= line.booked_at < until or place in told:
                key = _key(*place)
                self.account_of[key] = line.account
                yield Expected(
                    key, line.asset, line.amount, line.booked_at - DAY, line.booked_at + DAY
                )

    def _awaited(self, booked: Iterable[Booked]) -> Iterator[Expected]:
        """What is outstanding of payments: due within the files' span, or booked in them."""
        found = {each.key for each in booked}
        for leg in self.state.settlement.legs.values():
            _, until = self.spans.get((leg.account, leg.asset), (1, 0))
            due_at = max(leg.due_at, leg.settled_at, leg.line_due_at) + DAY
            for units, returning in ((leg.due, False), (leg.coming_back, True)):
                if not units:
                    continue
                key = self._of_leg(leg, returning)
                if key in found or due_at < until:
                    # Of a return nothing says when it is to be booked.
                    to_at = max(due_at, until) if returning else due_at
                    yield Expected(key, leg.asset, units, leg.sent_at - DAY, to_at)

    # --- what came of it -------------------------------------------------------------------------

    def _difference(self, untied: Untied) -> Difference:
        account = self.account_of.get(untied.key, "")
        return Difference(
            account,
            untied.asset,
            untied.difference,
            untied.key.removeprefix(f"{account} "),
            self.about.get((untied.key, untied.asset), ""),
            amount(self.state, untied.asset, untied.size),
        )

    def _statement(self, stated: NostroStated) -> Statement:
        """Our nostro when it closed; what is booked at that very moment may be in it or not."""
        name = ledger.nostro(stated.account, stated.asset)
        new = [
            line.amount
            for line in self.told.lines.values()
            if (line.account, line.asset) == (stated.account, stated.asset)
            and not self._is_ours(line)
            and line.booked_at <= stated.to_at
        ]
        before = within = sum(new)
        for heard, _, units in self.past.settled.on(name):
            at = occurred_at(heard.what)  # type: ignore[arg-type]  # entries come of events
            before += units if at < stated.to_at else 0
            within += units if at <= stated.to_at else 0
        scale = self.state.decimals.get(stated.asset, 0)
        ours = within if within == stated.closing else before
        return Statement(
            stated.account,
            stated.asset,
            stated.statement_id,
            stated.to_at,
            exact(stated.closing, scale),
            exact(ours, scale),
        )


def _key(account: str, name: str) -> str:
    return f"{account} {name}"


def _booked_lines(past: History) -> dict[tuple[str, str], LineBooked]:
    """The lines that our books have, by account and id."""
    found: dict[tuple[str, str], LineBooked] = {}
    for heard, entry in past.settled.entries:
        line = heard.what
        if isinstance(line, LineBooked) and entry.subject == line.line_id:
            found.setdefault((line.account, line.line_id), line)
    return found


def _spans(told: _Told) -> dict[tuple[str, str], tuple[int, int]]:
    """From when to when the files say that they are whole: statements are, lone lines are not."""
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for each in told.statements:
        place = each.account, each.asset
        since, until = spans.get(place, (each.from_at, each.to_at))
        spans[place] = min(since, each.from_at), max(until, each.to_at)
    return spans
