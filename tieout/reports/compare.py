"""Why a live session earned other than its simulation: the difference in profit, part by part.

    profit(LIVE) - profit(SIM) = missed fills + latency + decisions + price + fees + orders + other

Rule 1. Both are counted at one price of each instrument (LIVE's last): what the market did after a
fill is no difference between them.
Rule 2. The parts are made from orders and fills, the total from the books' own figures. What is
between them is the residual; it is nothing, to the unit, or something was not understood.
Rule 3. Of a pair of orders, what only one of them filled is a missed fill, net of its fee; the rest
is compared unit by unit, each at its own decision, arrival and fill:

    decisions   they saw another price when they decided
    latency     how far the price had gone by when the venue had the order
    price       what was paid beyond the price of that moment: spread, depth, slippage
    fees        what was paid for the same fills

An order that only one of them sent is a part of its own (`orders`); what is posted of no order, as
funding and corrections are, is `other`. Where no price is known of a moment, all of it is `price`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.money import ASSET_DECIMALS
from tieout.reports.session import ZERO, Place, Pot, Sent, Session, add, unit_of

Part = Literal["missed fills", "latency", "decisions", "price", "fees", "orders", "other"]
PARTS: tuple[Part, ...] = (
    "missed fills",
    "latency",
    "decisions",
    "price",
    "fees",
    "orders",
    "other",
)
WITHIN_NS = 1_000_000_000

Pair = tuple[Sent | None, Sent | None]


class Cell(NamedTuple):
    """One part of the difference, in one instrument and one asset."""

    place: Place
    part: Part
    asset: str
    amount: Fraction


class Line(NamedTuple):
    """One asset: what each session earned in whole units of it, and the parts of the difference.

    `exact` says that there is no residual, not even of a part of a unit.
    """

    asset: str
    live: int
    sim: int
    parts: tuple[tuple[Part, int], ...]
    residual: int
    exact: bool

    @property
    def difference(self) -> int:
        return self.live - self.sim


@dataclass(slots=True, frozen=True)
class Compared:
    """The difference of two sessions of a strategy."""

    strategy: str
    lines: tuple[Line, ...]
    places: tuple[tuple[Place, tuple[tuple[Part, str, int], ...]], ...]
    paired: int
    only_live: int
    only_sim: int
    without_price: int
    decimals: dict[str, int]

    @property
    def whole(self) -> bool:
        """Whether the parts are the whole."""
        return all(line.exact and not line.residual for line in self.lines)

    def amount(self, asset: str, units: int) -> Decimal:
        return Decimal(units).scaleb(-self.decimals.get(asset, ASSET_DECIMALS))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts as decimal texts."""
        return {
            "strategy": self.strategy,
            "orders": {
                "paired": self.paired,
                "only_live": self.only_live,
                "only_sim": self.only_sim,
                "without_price": self.without_price,
            },
            "assets": [self._line(line) for line in self.lines],
            "instruments": [
                {
                    "account": place.account,
                    "instrument": place.instrument,
                    "parts": [
                        {"part": part, "asset": asset, "amount": self._text(asset, units)}
                        for part, asset, units in rows
                    ],
                }
                for place, rows in self.places
            ],
        }

    def _line(self, line: Line) -> dict[str, Any]:
        return {
            "asset": line.asset,
            "live": self._text(line.asset, line.live),
            "sim": self._text(line.asset, line.sim),
            "difference": self._text(line.asset, line.difference),
            "parts": {part: self._text(line.asset, units) for part, units in line.parts},
            "residual": self._text(line.asset, line.residual),
        }

    def _text(self, asset: str, units: int) -> str:
        return format(self.amount(asset, units), "f")

    def __str__(self) -> str:
        return "\n".join(self._texts())

    def _texts(self) -> Iterator[str]:
        yield self._head()
        for line in self.lines:
            yield ""
            rows = [
                ("live", line.live),
                ("sim", line.sim),
                ("difference", line.difference),
                *((f"  {part}", units) for part, units in line.parts),
                ("  residual", line.residual),
            ]
            for name, units in rows:
                yield f"{name:<16} {self._text(line.asset, units):>24} {line.asset}"

    def _head(self) -> str:
        said = (
            f"{self.strategy}: {self.paired} orders paired, {self.only_live} only live,"
            f" {self.only_sim} only simulated"
        )
        return said + (f", {self.without_price} without a price" if self.without_price else "")

    def __rich__(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("")
        for line in self.lines:
            table.add_column(line.asset, justify="right")
        for name in ("live", "sim", "difference"):
            bold = "bold" if name == "difference" else ""
            cells = [self._text(line.asset, getattr(line, name)) for line in self.lines]
            table.add_row(name, *cells, style=bold)
        for number, part in enumerate(PARTS):
            cells = [self._text(line.asset, line.parts[number][1]) for line in self.lines]
            table.add_row(f"  {part}", *cells)
        cells = [self._text(line.asset, line.residual) for line in self.lines]
        table.add_row("  residual", *cells, style="" if self.whole else "bold red")
        return Group(Text(self._head()), table)


def compare(live: Session, sim: Session, *, within_ns: int = WITHIN_NS) -> Compared:
    """The difference between two sessions. Orders of one word of the strategy's are paired where
    they were decided on within `within_ns` of one another, by the time since each began."""
    marks = sim.marks | live.marks
    pairs = list(_pairs(live, sim, within_ns))
    cells = [cell for pair in pairs for cell in _order(pair, live, sim, marks)]
    cells += _rest(live, sim, marks)
    decimals = sim.decimals | live.decimals
    totals = (_profit(live, marks), _profit(sim, marks))
    both = [(ours, theirs) for ours, theirs in pairs if ours and theirs]
    return Compared(
        live.strategy,
        tuple(_lines(cells, totals, decimals)),
        tuple(_places(cells, decimals)),
        len(both),
        sum(pair[1] is None for pair in pairs),
        sum(pair[0] is None for pair in pairs),
        sum(_unpriced(ours, theirs) for ours, theirs in both),
        decimals,
    )


# --- pairs ---------------------------------------------------------------------------------------


def _pairs(live: Session, sim: Session, within_ns: int) -> Iterator[Pair]:
    """Each order with the other session's, or alone."""
    theirs, ours = _by_word(sim), _by_word(live)
    for word in dict.fromkeys([*ours, *theirs]):
        left, right = ours.get(word, []), theirs.get(word, [])
        if len(left) == len(right) == 1:
            yield left[0], right[0]
        else:
            yield from _merged(left, right, live.began, sim.began, within_ns)


def _by_word(session: Session) -> dict[tuple[Place, str, str], list[Sent]]:
    found: dict[tuple[Place, str, str], list[Sent]] = defaultdict(list)
    for order in sorted(session.sent, key=lambda each: (each.decided_at, each.name)):
        found[order.place, order.side, order.reference].append(order)
    return found


def _merged(
    left: list[Sent], right: list[Sent], began: int, other: int, within_ns: int
) -> Iterator[Pair]:
    """Two lists in order of time: what is near is a pair, what is not is alone."""
    i = j = 0
    while i < len(left) and j < len(right):
        apart = (left[i].decided_at - began) - (right[j].decided_at - other)
        if abs(apart) <= within_ns:
            yield left[i], right[j]
            i, j = i + 1, j + 1
        elif apart < 0:
            yield left[i], None
            i += 1
        else:
            yield None, right[j]
            j += 1
    yield from ((each, None) for each in left[i:])
    yield from ((None, each) for each in right[j:])


# --- parts ---------------------------------------------------------------------------------------

Marks = dict[Place, Fraction]


def _order(pair: Pair, live: Session, sim: Session, marks: Marks) -> Iterator[Cell]:
    """The parts of a pair; all of an order that is alone."""
    ours, theirs = pair
    one = ours or theirs
    assert one is not None, "a pair has one of the two"
    place, session = one.place, live if ours else sim
    if ours is None or theirs is None:
        sign = 1 if ours else -1
        yield from _valued(place, "orders", _earned(one, session, marks), sign, session, marks)
        return
    common = _common(ours.quantity, theirs.quantity)
    missed: Pot = {}
    _missed(missed, ours, common, 1, live, marks)
    _missed(missed, theirs, common, -1, sim, marks)
    yield from _valued(place, "missed fills", missed, 1, live, marks)
    unit = unit_of(live.terms[place])
    for part, amount in _of_the_same(ours, theirs, common):
        yield Cell(place, part, unit, amount)
    fees: Pot = {}
    for order, sign in ((ours, 1), (theirs, -1)):
        for asset, fee in order.fees.items():
            add(fees, asset, sign * fee * _share(order, common))
    yield from _valued(place, "fees", fees, 1, live, marks)


def _common(ours: Fraction, theirs: Fraction) -> Fraction:
    """What both filled: the smaller, where they go the same way."""
    return min(ours, theirs, key=abs) if ours * theirs > 0 else ZERO


def _share(order: Sent, common: Fraction) -> Fraction:
    """Which share of what the order filled the other one filled, too."""
    return common / order.quantity if common else ZERO


def _missed(
    pot: Pot, order: Sent, common: Fraction, sign: int, session: Session, marks: Marks
) -> None:
    """What the other one did not fill, as this one did: its value, its mark, and its fee."""
    alone = 1 - _share(order, common)
    for asset, amount in _earned(order, session, marks).items():
        add(pot, asset, sign * amount * alone)


def _earned(order: Sent, session: Session, marks: Marks) -> Pot:
    """All that an order earned: what was paid and got, what it holds at the mark, its fees."""
    pot = dict(order.fees)
    unit = unit_of(session.terms[order.place])
    # What was never priced is worth nothing on both sides; the total leaves it out as well.
    add(pot, unit, order.value + order.quantity * marks.get(order.place, ZERO))
    return pot


def _of_the_same(ours: Sent, theirs: Sent, common: Fraction) -> Iterator[tuple[Part, Fraction]]:
    """Of what both filled: decisions, latency and price, per unit and signed."""
    if not common:
        return
    paid, other = -ours.value / ours.quantity, -theirs.value / theirs.quantity
    if _unpriced(ours, theirs):
        yield "price", -common * (paid - other)
        return
    decided, arrived = _worths(ours)
    decided_sim, arrived_sim = _worths(theirs)
    yield "decisions", -common * (decided - decided_sim)
    yield "latency", -common * ((arrived - decided) - (arrived_sim - decided_sim))
    yield "price", -common * ((paid - arrived) - (other - arrived_sim))


def _worths(order: Sent) -> tuple[Fraction, Fraction]:
    assert order.decided_worth is not None, "it was asked before"
    assert order.arrived_worth is not None, "the same"
    return order.decided_worth, order.arrived_worth


def _unpriced(ours: Sent, theirs: Sent) -> bool:
    return any(each.decided_worth is None or each.arrived_worth is None for each in (ours, theirs))


def _rest(live: Session, sim: Session, marks: Marks) -> Iterator[Cell]:
    """What is posted of no order."""
    for session, sign in ((live, 1), (sim, -1)):
        for place, pot in session.other.items():
            yield from _valued(place, "other", pot, sign, session, marks)


# --- totals --------------------------------------------------------------------------------------


def _profit(session: Session, marks: Marks) -> Pot:
    """What the strategy earned by the books' figures, holdings at their marks."""
    total: Pot = {}
    for place in dict.fromkeys([*session.booked, *session.held]):
        pot = dict(session.booked.get(place, {}))
        held = session.held.get(place, ZERO)
        add(pot, unit_of(session.terms[place]), held * marks.get(place, ZERO))
        for cell in _valued(place, "other", pot, 1, session, marks):
            add(total, cell.asset, cell.amount)
    return total


def _valued(
    place: Place, part: Part, pot: Pot, sign: int, session: Session, marks: Marks
) -> Iterator[Cell]:
    """The pot in the instrument's own asset as far as it can be: what is held of a contract, and a
    spot instrument's base asset, at the mark. Another asset stays one of its own."""
    listing = session.terms[place]
    unit, mark = unit_of(listing), marks.get(place)
    base = listing.base if listing.kind == "spot" else listing.instrument
    for asset, amount in pot.items():
        at_mark = asset == base and mark is not None
        name = unit if at_mark else asset
        yield Cell(place, part, name, sign * amount * (mark if at_mark and mark else 1))


def _lines(
    cells: Iterable[Cell], totals: tuple[Pot, Pot], decimals: dict[str, int]
) -> Iterator[Line]:
    sums: dict[str, dict[Part, Fraction]] = {}
    for cell in cells:
        parts = sums.setdefault(cell.asset, dict.fromkeys(PARTS, ZERO))
        parts[cell.part] += cell.amount
    live, sim = totals
    for asset in dict.fromkeys([*live, *sim, *sums]):
        one = Fraction(10) ** decimals.get(asset, ASSET_DECIMALS)
        found = [sums.get(asset, {}).get(part, ZERO) * one for part in PARTS]
        exact = (live.get(asset, ZERO) * one, sim.get(asset, ZERO) * one)
        left, right = map(round, exact)
        difference = exact[0] - exact[1]
        units, is_exact = whole(found, left - right - difference), sum(found, ZERO) == difference
        if left or right or any(found) or not is_exact:
            residual = left - right - sum(units)
            told = tuple(zip(PARTS, units, strict=True))
            yield Line(asset, left, right, told, residual, is_exact)


def whole(parts: list[Fraction], rounding: Fraction = ZERO) -> list[int]:
    """Whole units that sum to what the parts do, rounded (after `rounding` is added): each is cut,
    and those that lost most get one more."""
    cut = [part.numerator // part.denominator for part in parts]
    short = round(sum(parts, ZERO) + rounding) - sum(cut)
    by_loss = sorted(range(len(parts)), key=lambda number: cut[number] - parts[number])
    step = 1 if short > 0 else -1
    for number in (by_loss if short > 0 else by_loss[::-1])[: abs(short)]:
        cut[number] += step
    return cut


def _places(
    cells: Iterable[Cell], decimals: dict[str, int]
) -> Iterator[tuple[Place, tuple[tuple[Part, str, int], ...]]]:
    """Each instrument's parts, rounded each for itself."""
    sums: dict[Place, dict[tuple[Part, str], Fraction]] = {}
    for cell in cells:
        rows = sums.setdefault(cell.place, {})
        rows[cell.part, cell.asset] = rows.get((cell.part, cell.asset), ZERO) + cell.amount
    for place, rows in sums.items():
        yield (
            place,
            tuple(
                (part, asset, round(rows[part, asset] * 10 ** decimals.get(asset, ASSET_DECIMALS)))
                for part, asset in sorted(rows, key=lambda key: (PARTS.index(key[0]), key[1]))
            ),
        )
