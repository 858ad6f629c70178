"""An account's files held against one another: trades that a ledger tells again, and its balances.

Rule. Told is not guessed. A difference has a cause where the files leave nothing else: a ledger
names a trade that the record of fills lacks, or another fee of the same trade. Where they only
disagree, it is `unknown`, and says what each of them tells.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core.events import Cause, FillReported
from tieout.reports.words import clock
from tieout.tie.books import Books, Posted
from tieout.tie.facts import DERIVED, Told
from tieout.tie.ledgers import Line, in_turn

SECOND = 1_000_000_000
# The moments of one trade differ by so much from file to file, where nothing else names it.
NEAR_NS = 2 * SECOND
# At which venues each leg of a trade counts as value.
VALUE = ("trade", "realised")


class Difference(NamedTuple):
    """What two files tell differently: `size` is the ledger's figure less the books'.

    `quantity` is by how much the position differs with it, in `instrument`.
    """

    account: str
    asset: str
    size: int
    cause: Cause
    text: str
    places: tuple[str, ...]
    instrument: str = ""
    quantity: int = 0


class TradeSums(NamedTuple):
    """One side of a trade: its value and its fee in one asset."""

    trade: int
    fee: int


def differences(books: Books) -> list[Difference]:
    """Each difference between files of one account, in the order of its accounts."""
    found: list[Difference] = []
    for account in dict.fromkeys(line.account for line in books.told.lines):
        found += _Account(books, account).differences()
    return [*found, *_gaps(books.told, found)]


# --- trades --------------------------------------------------------------------------------------

Key = tuple[str, str]


class _Account:
    """The trades of one account, as its fills and as its ledger tell them."""

    def __init__(self, books: Books, account: str) -> None:
        self.account = account
        self.by_moment = account in books.told.by_moment
        self.lines = [line for line in books.told.lines if line.account == account]
        self.posted = [each for each in books.posted if _is_of(each, account)]
        self.has_fills = any(isinstance(each.fact.event, FillReported) for each in self.posted)
        self.since, self.until = books.told.spans[account]

    def differences(self) -> Iterator[Difference]:
        if not self.has_fills:
            return
        lines, posted = self._keyed()
        for key in dict.fromkeys([*lines, *posted]):
            yield from self._compare(lines.get(key, []), posted.get(key, []))

    def _keyed(self) -> tuple[dict[Key, list[Line]], dict[Key, list[Posted]]]:
        lines: dict[Key, list[Line]] = {}
        posted: dict[Key, list[Posted]] = {}
        near = _Near(self.lines, self.posted) if self.by_moment else None
        for line in self.lines:
            key = near.key(line.instrument, line.at) if near else (line.instrument, line.trade)
            lines.setdefault(key, []).append(line)
        for each in self.posted:
            at, trade = _trade(each)
            key = near.key(trade[0], at) if near else trade
            if self.since <= at <= self.until or key in lines:
                posted.setdefault(key, []).append(each)
        return lines, posted

    def _compare(self, lines: list[Line], posted: list[Posted]) -> Iterator[Difference]:
        assets = dict.fromkeys([line.asset for line in lines] + [_asset(each) for each in posted])
        names = dict.fromkeys([line.instrument for line in lines] + [_of(each) for each in posted])
        missing = _quantity(lines, posted)
        for asset in assets:
            theirs = _sum_lines(line for line in lines if line.asset == asset)
            ours = _sum_posted(each for each in posted if _asset(each) == asset)
            size = sum(theirs) - sum(ours)
            if not size:
                continue
            cause, text = _why(lines, posted, theirs, ours)
            places = [line.place for line in lines if line.asset == asset]
            places += [each.fact.place for each in posted if _asset(each) == asset]
            yield Difference(
                self.account,
                asset,
                size,
                cause,
                text,
                tuple(dict.fromkeys(places)),
                next(iter(names), ""),
                missing,
            )
            missing = 0  # the position is one, however many assets the trade moved


def _quantity(lines: list[Line], posted: list[Posted]) -> int:
    """By how much the position is another with one side of the trade missing."""
    if lines and posted:
        return 0
    fills = {id(e): e for each in posted if isinstance(e := each.fact.event, FillReported)}
    ours = sum(e.quantity if e.side == "buy" else -e.quantity for e in fills.values())
    return sum(line.quantity for line in lines) - ours


def _is_of(each: Posted, account: str) -> bool:
    return (
        each.holding.startswith(f"{account}/")
        and each.holding.endswith("/cash")
        and each.purpose in (*VALUE, "fee")
    )


def _trade(each: Posted) -> tuple[int, Key]:
    """When, and by what number its venue knows it."""
    event = each.fact.event
    if isinstance(event, FillReported):
        return event.occurred_at, (event.instrument, event.fill_id)
    ident = getattr(event, "movement_id", "")
    return getattr(event, "occurred_at", 0), (getattr(event, "instrument", ""), ident)


def _of(each: Posted) -> str:
    instrument: str = getattr(each.fact.event, "instrument", "")
    return instrument


def _asset(each: Posted) -> str:
    return each.holding.split("/")[2]


def _sum_lines(lines: Iterable[Line]) -> TradeSums:
    trade = fee = 0
    for line in lines:
        trade, fee = (
            (trade, fee + line.amount) if line.purpose == "fee" else (trade + line.amount, fee)
        )
    return TradeSums(trade, fee)


def _sum_posted(posted: Iterable[Posted]) -> TradeSums:
    trade = fee = 0
    for each in posted:
        trade, fee = (
            (trade, fee + each.amount) if each.purpose == "fee" else (trade + each.amount, fee)
        )
    return TradeSums(trade, fee)


def _why(
    lines: list[Line], posted: list[Posted], theirs: TradeSums, ours: TradeSums
) -> tuple[Cause, str]:
    if not any(isinstance(each.fact.event, FillReported) for each in posted):
        line = lines[0]
        what = _name(line.at, line.instrument, line.trade)
        return line.cause, f"the ledger has {what}, and the record of fills does not"
    at, (instrument, trade) = _trade(posted[0])
    several = len({_trade(each)[1] for each in posted})
    if several > 1:
        what = f"one of {several} trades of {instrument} about {clock(at)}, or one more"
        return "unknown", f"the ledger tells otherwise of {what}"
    what = _name(at, instrument, trade)
    if not lines:
        likely = "looks like: undone, or left out there"
        return "unknown", f"the record of fills has {what}, and the ledger does not; {likely}"
    if theirs.trade == ours.trade:
        return "fee", f"the ledger has another fee of {what}"
    return "conflict", f"the ledger has another value of {what}"


def _name(at: int, instrument: str, trade: str) -> str:
    """A trade by its venue's number, where it has one that a venue gave."""
    what = f"trade {trade}" if trade and DERIVED not in trade else "a trade"
    return f"{what} of {instrument} at {clock(at)}" if instrument else f"{what} at {clock(at)}"


class _Near:
    """Moments that are near one another are one: all that a table tells of a trade is when, and
    mostly in which instrument."""

    def __init__(self, lines: list[Line], posted: list[Posted]) -> None:
        moments = sorted({line.at for line in lines} | {_trade(each)[0] for each in posted})
        self.named = any(line.instrument for line in lines)
        self.first: dict[int, int] = {}
        first = last = -NEAR_NS
        for at in moments:
            if at - last >= NEAR_NS:
                first = at
            self.first[at], last = first, at

    def key(self, instrument: str, at: int) -> Key:
        return (instrument if self.named else "", str(self.first[at]))


# --- balances ------------------------------------------------------------------------------------


def _gaps(told: Told, found: list[Difference]) -> Iterator[Difference]:
    """A ledger whose balance moves by more than its rows say: a row of it is missing.

    Not told again where the fills name that very amount as missing from the ledger.
    """
    unlisted = [(each.account, each.asset, -each.size) for each in found if each.cause == "unknown"]
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for each in in_turn(told.balances):
        key = (each.account, each.asset)
        stood, place = last.get(key, (each.balance - each.change, ""))
        last[key] = (each.balance, each.place)
        size = each.balance - each.change - stood
        if size and (*key, size) not in unlisted:
            text = f"between {place} and {each.place} the balance moved by what no row says"
            yield Difference(*key, size, "unknown", text, (place, each.place))
