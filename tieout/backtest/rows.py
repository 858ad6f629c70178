"""A market file's rows as whole numbers, in the file's order, not yet judged against one another.

True here: prices count `tick`, quantities `lot`; whatever the file did not say and we took for
granted stands in `assumed`, in words.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar

import numpy as np

from core.money import PRICE_DECIMALS, QUANTITY_DECIMALS, TEN_TO, show
from tieout.backtest import exact
from tieout.backtest.exact import Misfit, TooFine, Whole
from tieout.backtest.formats import NAMES, TIMES, find, kind_of, missing, nearest
from tieout.backtest.market_files import Table
from tieout.bad_input import BadMarket
from venues.recorded.tape import COLUMNS, Column, Kind

PRICES: Final = ("open", "high", "low", "close", "bid", "ask", "price")
QUANTITIES: Final = ("quantity", "bid_quantity", "ask_quantity")

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a file beside what stands in it; where nothing is said, the file decides.

    `tick` and `lot` are at the scales of `core.money`. `zone` is of times without one, `bar_time`
    what a bar's time is where its column does not say, `bar_ns` how long its bars are, `volume`
    what a bar's volume counts.
    """

    kind: Kind | None = None
    tick: int | None = None
    lot: int | None = None
    zone: str = ""
    bar_time: Literal["open", "close"] | None = None
    bar_ns: int | None = None
    volume: Literal["base", "quote"] = "base"


@dataclass(slots=True)
class Rows:
    """The rows of one file; `ids` are the ids of trades, or numbers for them.

    `numbers` says which row of the file each is, where that is another than its own number.
    """

    kind: Kind
    tick: int
    lot: int
    at: Column
    columns: dict[str, Column]
    place: Callable[[int], str]
    format: str = ""
    ids: Column | None = None
    bar_ns: int = 0
    assumed: list[str] = field(default_factory=list)
    numbers: Column | None = None

    def where(self, row: int) -> str:
        """The place in the file of a row of these."""
        return self.place(row if self.numbers is None else int(self.numbers[row]))

    def taken(self, rows: Column) -> "Rows":
        """Those rows alone, in that order; each still knows its place."""
        numbers = rows if self.numbers is None else self.numbers[rows]
        return replace(
            self,
            at=self.at[rows],
            columns={name: column[rows] for name, column in self.columns.items()},
            ids=None if self.ids is None else self.ids[rows],
            numbers=numbers,
        )


def rows_of(path: Path, table: Table, told: Told) -> Rows:
    """The rows of the table, oldest first; raises `BadMarket`, which names the cell."""
    return _Reading(path, table, told).rows()


class _Reading:
    """One file on its way from texts to whole numbers."""

    def __init__(self, path: Path, table: Table, told: Told) -> None:
        self.path, self.table, self.told = path, table, told
        self.assumed: list[str] = []
        self.kind = self._kind()

    def rows(self) -> Rows:
        """All columns of the tape; those that the file does not have are made of those it has."""
        at, columns, bar_ns = self._bar_times() if self.kind == "bars" else self._times()
        tick, prices = self._prices()
        lot, quantities = self._volumes(tick, prices) if self.kind == "bars" else self._quantities()
        columns |= self._signs(at) | prices | quantities
        rows = Rows(
            self.kind,
            tick,
            lot,
            at,
            {name: columns[name] for name in COLUMNS[self.kind]},
            self.table.place,
            self.table.format,
            self._ids(),
            bar_ns,
            self.assumed,
        )
        return self._whole_bars(self._oldest_first(rows))

    def refuse(self, words: str) -> NoReturn:
        raise BadMarket(f"{self.path}: {words}")

    # --- which columns -----------------------------------------------------------------------

    def _kind(self) -> Kind:
        names, wanted = list(self.table.columns), self.told.kind
        if not names:
            self._refuse_empty(wanted)
        shape = self.table.shape
        found = shape.kind if shape else kind_of(names) if wanted is None else wanted
        if found is None or (shape is None and missing(found, names)):
            found = found or nearest(names)
            lacking = ", ".join(missing(found, names))
            self.refuse(f"found the columns {', '.join(names)}; {found} also need {lacking}")
        if wanted not in (None, found):
            self.refuse(f"found {found} ({self.table.format}); {wanted} would do")
        if not len(self.table.columns[names[0]]):
            self._refuse_empty(found)
        return found

    def _refuse_empty(self, kind: Kind | None) -> NoReturn:
        self.refuse(f"found no {kind.removesuffix('s') if kind else 'row'}; one or more would do")

    def _find(self, name: str) -> str | None:
        """What the file calls this column."""
        wanted = {**TIMES, **NAMES[self.kind]}[name]
        return find(self.table.columns, wanted)

    def _read(self, name: str, reads: Callable[[Any], Read]) -> Read:
        """The column, made whole; what will not do is refused with its place and name."""
        own = self._find(name)
        assert own is not None, name
        try:
            return reads(self.table.columns[own])
        except Misfit as error:
            self.refuse(f"{self.table.place(error.row)}: {own}: {error}")

    # --- moments -----------------------------------------------------------------------------

    def _moments(self, name: str) -> Column:
        unit_ns = self.table.shape.unit_ns if self.table.shape else 0
        at, zoned = self._read(name, lambda column: exact.moments(column, unit_ns))
        if zoned:
            return at
        zone = self.told.zone or "UTC"
        if not self.told.zone:
            self.assumed.append("times without a zone are taken for UTC (--zone says another)")
        return self._read(name, lambda _: exact.in_zone(at, zone))

    def _times(self) -> tuple[Column, dict[str, Column], int]:
        if self._find("heard_at") is None:
            return self._moments("at"), {}, 0
        self.assumed.append(
            "a row was known when the recorder heard it: that delay is in the file, and needs no"
            " latency of market data beside it"
        )
        return self._moments("heard_at"), {}, 0

    def _bar_times(self) -> tuple[Column, dict[str, Column], int]:
        """When each bar was known, which is its close; when it opened; how long bars are."""
        name = next(each for each in ("opened_at", "closed_at", "at") if self._find(each))
        told = self._moments(name)
        bar_ns = self.told.bar_ns or self._bar_ns(told)
        is_open = name == "opened_at" or (name == "at" and self._is_open())
        opened = told if is_open else told - bar_ns
        return opened + bar_ns, {"opened_at": opened}, bar_ns

    def _is_open(self) -> bool:
        if self.told.bar_time is None:
            self.assumed.append(
                f"{self._find('at')} is taken for a bar's open, so that none is known too early"
                " (--bar-time close says otherwise)"
            )
        return self.told.bar_time != "close"

    def _bar_ns(self, told: Column) -> int:
        lengths, counts = np.unique(np.abs(np.diff(told)), return_counts=True)
        counts[lengths == 0] = 0
        if not counts.any():
            self.refuse("one bar does not tell how long it is; --bar-seconds would do")
        return int(lengths[np.argmax(counts)])

    # --- prices and quantities ---------------------------------------------------------------

    def _prices(self) -> tuple[int, dict[str, Column]]:
        wholes = self._wholes(PRICES, PRICE_DECIMALS)
        return self._counted(wholes, PRICE_DECIMALS, self.told.tick, "tick")

    def _quantities(self) -> tuple[int, dict[str, Column]]:
        wholes = self._wholes(QUANTITIES, QUANTITY_DECIMALS)
        return self._counted(wholes, QUANTITY_DECIMALS, self.told.lot, "lot")

    def _wholes(self, names: Iterable[str], places_max: int) -> dict[str, Whole]:
        return {
            name: self._read(name, lambda column: exact.decimals(column, places_max))
            for name in names
            if name in COLUMNS[self.kind]
        }

    def _counted(
        self, wholes: Mapping[str, Whole], scale: int, step: int | None, word: str
    ) -> tuple[int, dict[str, Column]]:
        """The columns in whole steps, and the step: that which was told, or the coarsest."""
        places = max(whole.places for whole in wholes.values())
        if step is None:
            step = self._coarsest(places, scale, word)
        counted = {}
        for name, whole in wholes.items():
            counted[name] = self._read(name, partial(_in_steps, whole, scale, step, word))
        return step, counted

    def _coarsest(self, places: int, scale: int, word: str) -> int:
        step = TEN_TO[scale - places]
        self.assumed.append(
            f"the {word} is taken to be {show(step, scale)}, the coarsest power of ten up to one"
            " that all of them fit"
        )
        return step

    def _volumes(self, tick: int, prices: Mapping[str, Column]) -> tuple[int, dict[str, Column]]:
        """How much was traded in each bar, in lots, rounded down where it is no multiple."""
        whole, is_cut = self._read("volume", _volume)
        if is_cut:
            self.assumed.append(f"volumes are cut to {QUANTITY_DECIMALS} decimals")
        if self.told.volume == "quote":
            self.assumed.append("volumes count the quote asset; each is divided by its bar's close")
            lot = self.told.lot or 1
            return lot, {"volume": _in_coins(whole, prices["close"], tick, lot)}
        if self.table.shape is None:
            self.assumed.append("volumes count the base asset (--volume quote says otherwise)")
        lot = self.told.lot or self._coarsest(whole.places, QUANTITY_DECIMALS, "lot")
        units = self._read("volume", lambda _: whole.at(QUANTITY_DECIMALS))
        rounded = int(np.count_nonzero(units % lot))
        if rounded:
            text = show(lot, QUANTITY_DECIMALS)
            self.assumed.append(f"{rounded} volumes are no multiple of {text}; they are cut to one")
        return lot, {"volume": units // lot}

    # --- the rest ----------------------------------------------------------------------------

    def _signs(self, at: Column) -> dict[str, Column]:
        if self.kind == "trades" and self._find("side") is None:
            return {"side": 1 - 2 * self._read("maker", exact.truths)}
        if self.kind == "trades":
            return {"side": self._read("side", exact.sides)}
        if self.kind != "depth":
            return {}
        whole = self._read("fresh", exact.truths)
        named = self._find("update") is not None
        update = self._read("update", exact.codes) if named else at
        begins = np.ones(len(at), dtype=bool)
        begins[1:] = (np.diff(update) != 0) | (np.diff(whole) != 0)
        news = begins if named else np.diff(whole, prepend=0) == 1
        return {
            "side": self._read("side", exact.sides),
            "ends": np.append(begins[1:], True).astype(np.int64),
            "fresh": (news & (whole == 1)).astype(np.int64),
        }

    def _ids(self) -> Column | None:
        if self.kind != "trades" or self._find("id") is None:
            return None
        return self._read("id", exact.codes)

    def _oldest_first(self, rows: Rows) -> Rows:
        if not self.table.newest_first or rows.at[0] <= rows.at[-1]:
            return rows
        self.assumed.append(f"{self.table.format}: newest first; they are turned round")
        return rows.taken(np.arange(len(rows.at) - 1, -1, -1))

    def _whole_bars(self, rows: Rows) -> Rows:
        if self.kind != "bars" or self._find("confirmed") is None:
            return rows
        closed = self._read("confirmed", exact.truths)
        if rows.numbers is not None:
            closed = closed[rows.numbers]
        if closed.all():
            return rows
        self.assumed.append(f"{int((closed == 0).sum())} bars had not closed; they are left out")
        return rows.taken(np.flatnonzero(closed))


def _in_steps(whole: Whole, scale: int, step: int, word: str, _: object) -> Column:
    places = max(whole.places, scale - _zeros(step, scale))
    units, size = whole.at(places), step // TEN_TO[scale - places]
    misfits = units % size != 0
    if misfits.any():
        row = int(np.argmax(misfits))
        found = show(int(units[row]), places)
        raise Misfit(row, f"found {found}; a multiple of the {word} {show(step, scale)} would do")
    return units // size


def _zeros(step: int, most: int) -> int:
    return next(n for n in range(most, -1, -1) if step % TEN_TO[n] == 0)


def _volume(column: Any) -> tuple[Whole, bool]:
    """A column of volumes, and whether it was cut: they bound what is filled, and are no money."""
    try:
        return exact.decimals(column, QUANTITY_DECIMALS), False
    except TooFine:
        return exact.truncated(column, QUANTITY_DECIMALS), True


def _in_coins(whole: Whole, close: Column, tick: int, lot: int) -> Column:
    """By floats, rounded down: a volume only bounds what may be filled, and is booked nowhere."""
    worth = np.maximum(close, 1) * (tick / TEN_TO[PRICE_DECIMALS])
    coins = whole.values / TEN_TO[whole.places] / worth
    return np.floor(coins * (TEN_TO[QUANTITY_DECIMALS] / lot)).astype(np.int64)
