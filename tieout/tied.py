"""What came of tying exports with one another: every break with its cause, every holding's story.

Rule. A size is the venue's figure less ours, in whole units of what it names. A holding is shown as
tied, as broken, or as not tied with the reason; nothing that the files move is left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.events import CashMoved, Cause, Event, FillReported, FundingPaid
from core.money import ASSET_DECIMALS_MAX, QUANTITY_DECIMALS
from core.state import Drift
from tieout.bad_input import BadFile
from tieout.export_facts import Told
from tieout.history import exact
from tieout.tie_exports import Books, Posted
from tieout.tie_lines import Difference, differences
from tieout.words import clock, count

TRADES = ("trade", "realised", "position")
NO_OPENING = "one statement of it: an earlier one, or --from-zero, would do"
NO_CLOSING = "no statement of it after what moved it: one would do"


class Break(NamedTuple):
    """One difference: of what, how much, why, where it stands, and what would explain it."""

    account: str
    subject: str
    leg: str
    size: Decimal
    cause: Cause
    explanation: str
    evidence: tuple[str, ...]


class Story(NamedTuple):
    """A holding from its opening to its last statement; `theirs` is None where it is not tied.

    `ours` is as of that statement, `later` what the files tell of the time after it.
    """

    account: str
    subject: str
    leg: str
    opening: Decimal
    opened_by: str
    trades: Decimal
    fees: Decimal
    funding: Decimal
    moved: Decimal
    ours: Decimal
    theirs: Decimal | None
    later: Decimal
    as_of: int
    why_not: str

    @property
    def difference(self) -> Decimal | None:
        return None if self.theirs is None else self.theirs - self.ours


@dataclass(slots=True, frozen=True)
class Tied:
    """The breaks, and every holding; `echoes` are facts that the files tell more than once."""

    breaks: tuple[Break, ...]
    holdings: tuple[Story, ...]
    facts: int
    echoes: int
    left_out: Counter[str]

    def __str__(self) -> str:
        return "\n".join(text.plain for text in self._lines())

    def __rich__(self) -> RenderableType:
        return Group(_table(self.holdings), *self._closing())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts as decimal texts."""
        return {
            "facts": self.facts,
            "echoes": self.echoes,
            "left_out": dict(self.left_out),
            "breaks": [_told(each) for each in self.breaks],
            "holdings": [_told(each) | _difference(each) for each in self.holdings],
        }

    def _lines(self) -> Iterator[Text]:
        for each in self.holdings:
            yield Text(_story(each), style="red" if each.difference else "")
        yield from self._closing()

    def _closing(self) -> Iterator[Text]:
        for why, number in self.left_out.items():
            yield Text(f"{count(number, 'row')} left out: {why}")
        tied = sum(each.difference == 0 for each in self.holdings)
        untied = sum(each.theirs is None for each in self.holdings)
        told = f"{count(self.facts, 'fact')} ({self.echoes:,} told again)"
        ends = f"{tied} tied, {untied} not tied, {count(len(self.breaks), 'break')}"
        yield Text(f"{told}; {count(len(self.holdings), 'holding')}: {ends}")
        for number, broken in enumerate(self.breaks, 1):
            name = f"{broken.account} {broken.subject}/{broken.leg}"
            where = f" [{'; '.join(broken.evidence)}]" if broken.evidence else ""
            what = f"{_signed(broken.size)} {broken.cause}: {broken.explanation}{where}"
            yield Text(f"break {number}: {name} {what}", style="red")


def tied(books: Books) -> Tied:
    """Judge what the books came to; raises `BadFile` where nothing could be held against anything.

    Second tellings count: they, too, are held against the first.
    """
    stories = tuple(_stories(books))
    found = differences(books)
    breaks = tuple(_breaks(books, found))
    compared = any(each.theirs is not None for each in stories)
    if not (compared or books.told.lines or books.told.balances or breaks):
        raise BadFile(
            "nothing to tie these files with: a statement of positions or balances would do, or"
            " two; --from-zero would do where the files have all there ever was"
        )
    state = books.state
    echoes = sum(n for name, n in state.counts.items() if "_echo/" in name)
    facts = sum(isinstance(f.event, FillReported | FundingPaid | CashMoved) for f in _facts(books))
    return Tied(breaks, stories, facts, echoes, books.told.left_out)


def _facts(books: Books) -> Iterable[Any]:
    return books.told.facts


# --- holdings ------------------------------------------------------------------------------------


def _stories(books: Books) -> Iterator[Story]:
    posted: dict[str, list[Posted]] = {}
    for each in books.posted:
        posted.setdefault(each.holding, []).append(each)
    drifts = books.drifts()
    names = [n for n in [*books.openings, *posted, *books.compared, *drifts] if "/*/" not in n]
    for name in sorted(dict.fromkeys(names)):
        story = _story_of(books, name, posted.get(name, []), drifts.get(name))
        if any((story.opening, story.trades, story.fees, story.ours, story.theirs, story.moved)):
            yield story


def _story_of(books: Books, name: str, posted: list[Posted], drift: Drift | None) -> Story:
    venue, account, subject, leg = name.split("/")
    opening = books.openings.get(name)
    row = books.compared.get(name)
    sums: Counter[str] = Counter()
    for each in posted:
        sums[_column(each.purpose)] += each.amount
    begun = opening.amount if opening is not None else 0
    ends = begun + sum(sums.values())
    ours, theirs = ends, None
    if row is not None:
        theirs = row[0].amount
        ours = theirs - (drift.size if drift is not None else 0)

    def shown(units: int) -> Decimal:
        return _shown(leg, units)

    return Story(
        account=f"{venue}/{account}",
        subject=subject,
        leg=leg,
        opening=shown(begun),
        opened_by=opening.said_by if opening is not None else "",
        trades=shown(sums["trades"]),
        fees=shown(sums["fees"]),
        funding=shown(sums["funding"]),
        moved=shown(sums["moved"]),
        ours=shown(ours),
        theirs=None if theirs is None else shown(theirs),
        later=shown(ends - ours),
        as_of=row[1] if row is not None else 0,
        why_not="" if row is not None else NO_CLOSING if posted else NO_OPENING,
    )


def _column(purpose: str) -> str:
    if purpose in TRADES:
        return "trades"
    return {"fee": "fees", "funding": "funding"}.get(purpose, "moved")


def _shown(leg: str, units: int) -> Decimal:
    return exact(units, ASSET_DECIMALS_MAX if leg == "cash" else QUANTITY_DECIMALS)


# --- breaks --------------------------------------------------------------------------------------


def _breaks(books: Books, found: list[Difference]) -> Iterator[Break]:
    """Those of the books, each explained by the differences between files that come to its size;
    then the differences that explain none."""
    used: list[Difference] = []
    for name, drift in books.drifts().items():
        venue, account, subject, leg = name.split("/")
        why = _explaining(f"{venue}/{account}", subject, leg, drift.size, found)
        used += why
        cause, text, places = _reason(books, name, drift, why)
        size = _shown(leg, drift.size)
        yield Break(f"{venue}/{account}", subject, leg, size, cause, text, places)
    for each in found:
        if each not in used:
            size = _shown("cash", each.size)
            yield Break(each.account, each.asset, "cash", size, each.cause, each.text, each.places)


def _explaining(
    account: str, subject: str, leg: str, size: int, found: list[Difference]
) -> list[Difference]:
    """All differences of a holding, if they come to its size; else the one that does; else none."""
    if leg == "cash":
        here = [(e, e.size) for e in found if (e.account, e.asset) == (account, subject)]
    else:
        of_it = [e for e in found if (e.account, e.instrument) == (account, subject)]
        here = [(e, e.quantity) for e in of_it if e.quantity]
    if not size:
        return []
    if sum(amount for _, amount in here) == size:
        return [each for each, _ in here]
    return [each for each, amount in here if amount == size][:1]


def _reason(
    books: Books, name: str, drift: Drift, why: list[Difference]
) -> tuple[Cause, str, tuple[str, ...]]:
    if why:
        causes = list(dict.fromkeys(each.cause for each in why))
        cause = causes[0] if len(causes) == 1 else "unknown"
        text = "; ".join(dict.fromkeys(each.text for each in why))
        return cause, text, tuple(dict.fromkeys(p for each in why for p in each.places))
    row = books.compared.get(name)
    told = (row[2],) if row is not None else ()
    if drift.contradiction:
        text, places = _contradiction(books.told, name)
        return drift.cause, text or drift.proposal, places or told
    likely = _looks_like(books, name, drift)
    text = f"looks like: {likely}; {drift.proposal}" if likely else drift.proposal
    return drift.cause, text, told


def _contradiction(told: Told, name: str) -> tuple[str, tuple[str, ...]]:
    """What is told twice of a holding under one id, with other content, and where."""
    first: dict[tuple[str, ...], tuple[Event, str]] = {}
    for event, place, _ in told.facts:
        key = _id(event)
        if key is None or not name.startswith(f"{key[0]}/"):
            continue
        known, before = first.setdefault(key, (event, place))
        if _content(known) != _content(event) and name.split("/")[2] in _touched(told, event):
            return f"{key[-1]} is told twice, with other content", (before, place)
    return "", ()


def _id(event: Event) -> tuple[str, ...] | None:
    match event:
        case FillReported():
            return (event.account, event.instrument, event.side, event.fill_id)
        case FundingPaid():
            return (event.account, event.asset, "funding", event.funding_id)
        case CashMoved():
            return (event.account, event.reason, event.movement_id)
        case _:
            return None


def _content(event: Event) -> tuple[object, ...]:
    if isinstance(event, FillReported):
        return (event.quantity, event.price, event.fee, event.fee_asset, event.order_id)
    return (getattr(event, "asset", ""), getattr(event, "amount", 0))


def _touched(told: Told, event: Event) -> tuple[str, ...]:
    """The subjects whose holdings an event moves."""
    if isinstance(event, FillReported):
        return (event.instrument, event.fee_asset, *told.pairs.get(event.instrument, ()))
    return (getattr(event, "asset", ""),)


def _looks_like(books: Books, name: str, drift: Drift) -> str:
    """What the size is like, where core names nothing: no proof of anything."""
    if "looks like" in drift.proposal or not drift.size:
        return ""
    ours = drift.reading.told - drift.size
    if drift.reading.told == -ours:
        return "the same with the other sign"
    posted = sorted(
        (each for each in books.posted if each.holding == name), key=lambda p: _at(p.fact.event)
    )
    for each in posted:
        if drift.size == -2 * each.amount:
            return f"{each.fact.place} with the other sign"
    return _of_before(books, name, drift, posted)


def _of_before(books: Books, name: str, drift: Drift, posted: list[Posted]) -> str:
    opening = books.openings.get(name)
    stood = opening.amount if opening is not None else 0
    for each in posted:
        if stood == drift.reading.told:
            return f"as it stood before {each.fact.place}: a statement of before that"
        stood += each.amount
    return ""


def _at(event: Event) -> int:
    return int(getattr(event, "occurred_at", 0))


# --- shown ---------------------------------------------------------------------------------------


def plain(amount: Decimal) -> str:
    """Without an exponent, and without zeros that say nothing."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _signed(size: Decimal) -> str:
    return plain(size) if size <= 0 else f"+{plain(size)}"


def _told(row: Break | Story) -> dict[str, Any]:
    named = row._asdict()
    return {key: plain(x) if isinstance(x, Decimal) else x for key, x in named.items()}


def _difference(story: Story) -> dict[str, Any]:
    difference = story.difference
    return {"difference": None if difference is None else plain(difference)}


def _story(each: Story) -> str:
    name = f"{each.account} {each.subject}/{each.leg}"
    began = f"opening {plain(each.opening)}"
    parts = (("trades", each.trades), ("fees", each.fees), ("funding", each.funding))
    moves = [f"{what} {plain(x)}" for what, x in (*parts, ("moved", each.moved)) if x]
    if each.theirs is None:
        ends = f"ours {plain(each.ours)}, not tied: {each.why_not}"
    else:
        ends = f"ours {plain(each.ours)}, theirs {plain(each.theirs)} at {clock(each.as_of)}"
        ends += f", difference {plain(each.difference or Decimal())}"
    later = f", later {plain(each.later)}" if each.later else ""
    return f"{name}: {', '.join([began, *moves])}; {ends}{later}"


def _table(stories: tuple[Story, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    names = ("account", "of", "opening", "trades", "fees", "funding", "moved")
    for n, name in enumerate((*names, "ours", "theirs", "difference")):
        table.add_column(name, justify="left" if n < 2 else "right")
    for each in stories:
        amounts = (each.opening, each.trades, each.fees, each.funding, each.moved, each.ours)
        theirs = "not tied" if each.theirs is None else plain(each.theirs)
        difference = "" if each.difference is None else plain(each.difference)
        style = "red" if each.difference else "yellow" if each.theirs is None else ""
        cells = [each.account, f"{each.subject}/{each.leg}", *map(plain, amounts)]
        table.add_row(*cells, theirs, difference, style=style)
    return table
