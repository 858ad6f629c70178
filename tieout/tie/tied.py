"""What came of tying exports with one another: every break with its cause, every holding's story.

Rule. A size is the venue's figure less ours, in whole units of what it names. A holding is shown as
tied, as broken, or as not tied with the reason; nothing that the files move is left out.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.events import CashMoved, FillReported, FundingPaid
from core.state import Drift
from tieout.bad_input import BadFile
from tieout.reports.words import clock, count
from tieout.tie.books import Books, Posted
from tieout.tie.breaks import Break, breaks_of, shown

MOVES = ("trades", "fees", "funding", "moved")
TRADES = ("trade", "realised", "position")
NO_OPENING = "one statement of it: an earlier one, or --from-zero, would do"
NO_CLOSING = "no statement of it after what moved it: one would do"


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
        return Group(*_tables(self.holdings), *self._closing())

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
            yield Text(_in_words(each), style="red" if each.difference else "")
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
            what = f"{signed(broken.size)} {broken.cause}: {broken.explanation}{where}"
            yield Text(f"break {number}: {name} {what}", style="red")


def tied(books: Books) -> Tied:
    """Judge what the books came to; raises `BadFile` where nothing could be held against anything.

    Second tellings count: they, too, are held against the first.
    """
    stories = tuple(_stories(books))
    breaks = tuple(breaks_of(books))
    compared = any(each.theirs is not None for each in stories)
    if not (compared or books.told.lines or books.told.balances or breaks):
        raise BadFile(
            "nothing to tie these files with: a statement of positions or balances would do, or"
            " two; --from-zero would do where the files have all there ever was"
        )
    state = books.state
    echoes = sum(n for name, n in state.counts.items() if "_echo/" in name)
    moves = (FillReported, FundingPaid, CashMoved)
    facts = sum(isinstance(fact.event, moves) for fact in books.told.facts)
    return Tied(breaks, stories, facts, echoes, books.told.left_out)


# --- holdings ------------------------------------------------------------------------------------


def _stories(books: Books) -> Iterator[Story]:
    posted: dict[str, list[Posted]] = {}
    for each in books.posted:
        posted.setdefault(each.holding, []).append(each)
    drifts = books.drifts()
    names = [n for n in [*books.openings, *posted, *books.compared, *drifts] if "/*/" not in n]
    for name in sorted(dict.fromkeys(names)):
        story = _story_of(books, name, posted.get(name, []), drifts.get(name))
        # An account lists many assets that it never had any of.
        if posted.get(name) or story.opening or story.ours or story.theirs:
            yield story


def _story_of(books: Books, name: str, posted: list[Posted], drift: Drift | None) -> Story:
    venue, account, subject, leg = name.split("/")
    opening, stated = books.openings.get(name), books.compared.get(name)
    sums: Counter[str] = Counter()
    for each in posted:
        sums[_column(each.purpose)] += each.amount
    begun = opening.amount if opening is not None else 0
    ends = begun + sum(sums.values())
    size = drift.size if drift is not None else 0
    ours = ends if stated is None else stated.amount - size
    return Story(
        account=f"{venue}/{account}",
        subject=subject,
        leg=leg,
        opening=shown(leg, begun),
        opened_by=opening.said_by if opening is not None else "",
        trades=shown(leg, sums["trades"]),
        fees=shown(leg, sums["fees"]),
        funding=shown(leg, sums["funding"]),
        moved=shown(leg, sums["moved"]),
        ours=shown(leg, ours),
        theirs=None if stated is None else shown(leg, stated.amount),
        later=shown(leg, ends - ours),
        as_of=0 if stated is None else stated.as_of,
        why_not="" if stated is not None else NO_CLOSING if posted else NO_OPENING,
    )


def _column(purpose: str) -> str:
    if purpose in TRADES:
        return "trades"
    return {"fee": "fees", "funding": "funding"}.get(purpose, "moved")


# --- shown ---------------------------------------------------------------------------------------


def plain(amount: Decimal) -> str:
    """Without an exponent, and without zeros that say nothing."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(size: Decimal) -> str:
    """The same, with its sign where it is above zero, too."""
    return plain(size) if size <= 0 else f"+{plain(size)}"


def _told(row: Break | Story) -> dict[str, Any]:
    named = row._asdict()
    return {key: plain(x) if isinstance(x, Decimal) else x for key, x in named.items()}


def _difference(story: Story) -> dict[str, Any]:
    difference = story.difference
    return {"difference": None if difference is None else plain(difference)}


def _in_words(each: Story) -> str:
    name = f"{each.account} {each.subject}/{each.leg}"
    began = f"opening {plain(each.opening)}"
    moves = [f"{name} {plain(moved)}" for name in MOVES if (moved := getattr(each, name))]
    if each.theirs is None:
        ends = f"ours {plain(each.ours)}, not tied: {each.why_not}"
    else:
        ends = f"ours {plain(each.ours)}, theirs {plain(each.theirs)} at {clock(each.as_of)}"
        ends += f", difference {plain(each.difference or Decimal())}"
    later = f", later {plain(each.later)}" if each.later else ""
    return f"{name}: {', '.join([began, *moves])}; {ends}{later}"


def _tables(stories: tuple[Story, ...]) -> Iterator[RenderableType]:
    """A table for each account; what moved nothing in it has no column there."""
    for account in dict.fromkeys(story.account for story in stories):
        yield Text(account, style="bold")
        yield _table([story for story in stories if story.account == account])


def _table(stories: list[Story]) -> Table:
    table = Table(box=None, pad_edge=False)
    moves = [name for name in MOVES if any(getattr(each, name) for each in stories)]
    for name in ("of", "opening", *moves, "ours", "theirs", "difference"):
        # Folded where the terminal is narrow: an amount that is cut short is another one.
        table.add_column(name, justify="left" if name == "of" else "right", overflow="fold")
    for each in stories:
        amounts = [plain(getattr(each, name)) for name in ("opening", *moves, "ours")]
        theirs = "not tied" if each.theirs is None else plain(each.theirs)
        difference = "" if each.difference is None else plain(each.difference)
        style = "red" if each.difference else "yellow" if each.theirs is None else ""
        table.add_row(f"{each.subject}/{each.leg}", *amounts, theirs, difference, style=style)
    return table
