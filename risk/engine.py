"""The cold engine: authoritative exposure, kept up fill by fill and proved anew each cycle.

A *cell* is one strategy in one instrument at one account. A *key* is what a limit may be about;
each cell counts in its own few:

    ("firm",)                  ("instrument", instrument)    ("listing", account, instrument)
    ("strategy", strategy)     ("asset", asset)              ("pair", strategy, instrument)
    ("account", account)       ("currency", currency)        ("credit", account)
    ("book", strategy, account)

Cash and payments count as credit (and in instrument, asset and currency), and not in firm,
strategy, account and book. Sums are kept of all but listings and pairs, which have few cells.

Rule. The incremental sums and the full recompute share no arithmetic, and each cycle they are equal
to the unit, or the engine halts and answers nothing more. New prices come into force with a cycle,
after that proof.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import NoReturn

from risk import engine_sums as sums
from risk.records import Exposure, Key, Records, Terms
from risk.weights import SHIFT, Weight

PAYMENTS = "payments"  # whose cells the payments are that are in flight
PRICED = 4  # the slots of a listing that need its price: its kind, and what that is summed in
NEED_A_PRICE = ("instrument", "asset", "currency")


class Halted(Exception):
    """The engine found itself wrong: what, where, and both figures. No budget comes from it."""


def numbers() -> "array[int]":
    """A column of 64-bit whole numbers; what does not fit raises."""
    return array("q")


class Engine:
    """Exposure of every key; see the top of this file."""

    def __init__(self, age_ns_max: int) -> None:
        self.age_ns_max = age_ns_max
        self.halted = ""
        self.now = 0
        # Listings: one instrument at one account.
        self.terms: list[Terms] = []
        self.listing_of: dict[tuple[str, str], int] = {}
        self.as_of = numbers()
        self.listing_up, self.listing_down = numbers(), numbers()
        self.pending: dict[int, Weight] = {}
        self.cells_of: list[list[int]] = []
        self.accounts_of: dict[str, list[str]] = {}
        # Cells.
        self.cells: dict[tuple[str, str, str], int] = {}
        self.listings = numbers()
        self.position, self.buys, self.sells = numbers(), numbers(), numbers()
        self.up, self.down = numbers(), numbers()
        self.long_of, self.short_of, self.gross_of = numbers(), numbers(), numbers()
        self.counts_in: list[tuple[int, ...]] = []
        # Keys.
        self.slots: dict[Key, int] = {}
        # Lists, for a list's item is counted up in half the time of a column's.
        self.long: list[int] = []
        self.short: list[int] = []
        self.gross: list[int] = []
        self.bases: tuple[list[int], list[int]] = ([], [])
        self.parents: list[tuple[int, int]] = []
        self.priced = numbers()
        self.stale = bytearray()
        self.grouped: tuple[list[sums.Grouping], sums.Grouping] | None = None

    # --- what is told -------------------------------------------------------------------------

    def change(self, cell: int, position: int, buys: int, sells: int) -> None:
        """A cell's position and working orders change by so much: the fill of a buy is (q, -q, 0).

        An order that opens is (0, q, 0), one that ends is (0, -leaves, 0); a sell likewise. It is
        long and flat, for this is what a fill costs.
        """
        if self.halted:
            raise Halted(self.halted)
        held = self.position[cell] + position
        bought, sold = self.buys[cell] + buys, self.sells[cell] + sells
        if bought < 0 or sold < 0:
            self._halt(f"cell {cell}: position {held}, buys {bought}, sells {sold}")
        long, short, slots = self.long_of[cell], self.short_of[cell], self.counts_in[cell]
        try:
            self.position[cell] = held
            if buys:
                self.buys[cell] = bought
            if sells:
                self.sells[cell] = sold
            if position + buys:  # what we may be long of changed: not where a working buy fills
                most = held + bought
                worth = -(-most * (self.up if most > 0 else self.down)[cell] >> SHIFT)
                more, figures = worth - long, self.long
                self.long_of[cell] = long = worth
                for slot in slots:
                    figures[slot] += more
            if sells - position:
                most = sold - held
                worth = -(-most * (self.up if most > 0 else self.down)[cell] >> SHIFT)
                more, figures = worth - short, self.short
                self.short_of[cell] = short = worth
                for slot in slots:
                    figures[slot] += more
            gross = long if long > short else short
            if more := gross - self.gross_of[cell]:
                self.gross_of[cell], figures = gross, self.gross
                for slot in slots:
                    figures[slot] += more
        except OverflowError:  # no column took it, so nothing wraps here
            self._halt(f"cell {cell}: it, or what it is worth, needs more than 63 bits")

    def price(self, listing: int, weight: Weight, as_of: int) -> None:
        """A listing's weights from the next cycle on; an older reference changes nothing."""
        if as_of > self.as_of[listing]:
            self.as_of[listing] = as_of
            self.pending[listing] = weight

    def forget_prices(self) -> None:
        """Every listing is stale until it is priced anew, by whichever reference there is."""
        for listing in range(len(self.as_of)):
            self.as_of[listing] = 0

    def load(self, records: Records) -> None:
        """Count all of it, into an engine that has counted none of it."""
        for terms in records.terms:
            self.listing(terms)
        for held in records.held:
            cell = self.cell(held.strategy, held.account, held.instrument)
            self.change(cell, held.quantity, 0, 0)
        for order in records.working:
            cell = self.cell(order.strategy, order.account, order.instrument)
            buys, sells = (order.leaves, 0) if order.side == "buy" else (0, order.leaves)
            self.change(cell, 0, buys, sells)
        for payment in records.in_flight:
            self.change(
                self.cell(PAYMENTS, payment.account, payment.instrument), 0, payment.quantity, 0
            )

    # --- what there is ------------------------------------------------------------------------

    def listing(self, terms: Terms) -> int:
        """The listing's number; a new one is worth nothing and is stale until it is priced.

        With another multiplier it is stale until it is priced anew: a weight holds the multiplier.
        """
        number = self.listing_of.setdefault((terms.account, terms.instrument), len(self.terms))
        if number == len(self.terms):
            self.terms.append(terms)
            self.cells_of.append([])
            self.accounts_of.setdefault(terms.instrument, []).append(terms.account)
            for column in (self.as_of, self.listing_up, self.listing_down):
                column.append(0)
            self.priced.extend(self._kind_row(terms))
        elif self.terms[number] != terms:
            if self._kind_row(self.terms[number]) != self._kind_row(terms):
                self._halt(f"{terms.account} {terms.instrument}: counts in other keys than before")
            self.terms[number] = terms
            self.as_of[number] = 0
        return number

    def cell(self, strategy: str, account: str, instrument: str) -> int:
        """The cell's number, made where it is new; the listing must be known."""
        number = self.cells.setdefault((strategy, account, instrument), len(self.counts_in))
        if number < len(self.counts_in):
            return number
        listing = self.listing_of[account, instrument]
        for column, value in (
            (self.listings, listing),
            (self.up, self.listing_up[listing]),
            (self.down, self.listing_down[listing]),
            *((each, 0) for each in (self.position, self.buys, self.sells)),
            *((each, 0) for each in (self.long_of, self.short_of, self.gross_of)),
        ):
            column.append(value)
        rows = self._rows(strategy, self.terms[listing])
        for base, row in zip(self.bases, rows, strict=True):
            base.append(row[0])
        self.counts_in.append(tuple(slot for row in rows for slot in row))
        self.cells_of[listing].append(number)
        self.grouped = None
        return number

    def _kind_row(self, terms: Terms) -> list[int]:
        """The slots that need its price: PRICED of them."""
        return self._row(
            ("kind", terms.instrument, terms.asset, terms.currency),
            ("instrument", terms.instrument),
            ("asset", terms.asset),
            ("currency", terms.currency),
        )

    def _rows(self, strategy: str, terms: Terms) -> list[list[int]]:
        """The slots that a cell counts in: two that cells are summed in, each with its parents."""
        rows = [self._kind_row(terms)]
        if terms.cash:
            rows.append(self._row(("cash", strategy, terms.account), ("credit", terms.account)))
        else:
            above = ("strategy", strategy), ("account", terms.account), ("firm",)
            rows.append(self._row(("book", strategy, terms.account), *above))
        return rows

    def _row(self, key: Key, *above: Key) -> list[int]:
        is_new = key not in self.slots
        slot, *parents = row = [self._slot(each) for each in (key, *above)]
        if is_new:
            self.parents += [(slot, parent) for parent in parents]
            self.grouped = None
        return row

    def _slot(self, key: Key) -> int:
        slot = self.slots.setdefault(key, len(self.long))
        if slot == len(self.long):
            for figures in self._figures():
                figures.append(0)
        return slot

    def exposure(self, key: Key) -> Exposure:
        """A key's figures now; what is stale was found so by the last cycle.

        Nobody's exposure is none, but where a price is needed it is stale: there is none either.
        """
        if self.halted:
            raise Halted(self.halted)
        if key[0] in ("listing", "pair"):
            return self._of_cells(key)
        slot = self.slots.get(key)
        if slot is None:
            return Exposure(0, 0, 0, stale=key[0] in NEED_A_PRICE)
        stale = slot >= len(self.stale) or self.stale[slot] != 0
        return Exposure(self.long[slot], self.short[slot], self.gross[slot], stale)

    def _of_cells(self, key: Key) -> Exposure:
        """Of a listing, or of a strategy in one instrument at whichever account."""
        if key[0] == "listing":
            number = self.listing_of.get((key[1], key[2]))
            listings = [] if number is None else [number]
            cells = [cell for listing in listings for cell in self.cells_of[listing]]
        else:
            accounts = self.accounts_of.get(key[2], [])
            names = [(key[1], account, key[2]) for account in accounts]
            cells = [self.cells[name] for name in names if name in self.cells]
            listings = [self.listings[cell] for cell in cells]
        oldest = min((self.as_of[listing] for listing in listings), default=0)
        return Exposure(
            sum(self.long_of[cell] for cell in cells),
            sum(self.short_of[cell] for cell in cells),
            sum(self.gross_of[cell] for cell in cells),
            stale=oldest <= 0 or self.now - oldest > self.age_ns_max,
        )

    def quantities(self, account: str, instrument: str) -> tuple[int, int]:
        """The most that we can be long and short of a listing, in its own units, all strategies."""
        if self.halted:
            raise Halted(self.halted)
        listing = self.listing_of.get((account, instrument))
        cells = self.cells_of[listing] if listing is not None else []
        long = sum(self.position[cell] + self.buys[cell] for cell in cells)
        short = sum(self.sells[cell] - self.position[cell] for cell in cells)
        return long, short

    # --- a cycle ------------------------------------------------------------------------------

    def cycle(self, now: int) -> None:
        """Prove the sums, bring new prices into force, and say what is stale now."""
        if self.halted:
            raise Halted(self.halted)
        self.now = now
        if self.counts_in:
            self.prove()
            if self.pending:
                self._reprice()
            self._age()

    def recompute(self) -> sums.Totals:
        """Every slot's figures, from the columns alone."""
        return self._sum(self.values())

    def values(self) -> sums.Totals:
        """Every cell's figures, from the columns alone."""
        held = sums.column(self.position)
        long, short = held + sums.column(self.buys), sums.column(self.sells) - held
        return sums.values(long, short, sums.column(self.up), sums.column(self.down))

    def prove(self) -> None:
        """The full recompute equals what was kept up; else the engine halts."""
        kept_of = self.long_of, self.short_of, self.gross_of
        try:
            cells = self.values()
            self._compare(self.cells, kept_of, cells)
            self._compare(self.slots, self._figures(), self._sum(cells))
        except sums.SumTooLarge as error:
            self._halt(str(error))

    def _compare(self, names: Iterable[Key], kept: Sequence[sums.Kept], anew: sums.Totals) -> None:
        for figure, column, found in zip(anew._fields, kept, anew, strict=True):
            wrong = sums.first_difference(column, found)
            if wrong is not None:
                name = "/".join([*names][wrong])
                self._halt(f"{figure} of {name}: kept {column[wrong]}, anew {found[wrong]}")

    def _figures(self) -> tuple[list[int], list[int], list[int]]:
        return self.long, self.short, self.gross

    def _groupings(self) -> tuple[list[sums.Grouping], sums.Grouping]:
        if self.grouped is None:
            below, above = zip(*self.parents, strict=True)
            self.grouped = [sums.group(base) for base in self.bases], sums.group(above, below)
        return self.grouped

    def _sum(self, values: sums.Totals) -> sums.Totals:
        bases, parents = self._groupings()
        slots = len(self.long)
        return sums.Totals(*(sums.total(each, slots, bases, parents) for each in values))

    def _reprice(self) -> None:
        """All values and sums under the new weights, at once."""
        for listing, weight in self.pending.items():
            self.listing_up[listing], self.listing_down[listing] = weight
        self.pending = {}
        listings = sums.column(self.listings)
        sums.column(self.up)[:] = sums.column(self.listing_up)[listings]
        sums.column(self.down)[:] = sums.column(self.listing_down)[listings]
        try:
            values = self.values()
        except sums.SumTooLarge as error:
            self._halt(str(error))
        for kept, anew in zip((self.long_of, self.short_of, self.gross_of), values, strict=True):
            sums.column(kept)[:] = anew
        for figures, found in zip(self._figures(), self._sum(values), strict=True):
            figures[:] = found.tolist()

    def _age(self) -> None:
        """Which slots are stale: some exposure in them is, or nothing that would price them."""
        slots = len(self.long)
        old = sums.aged(sums.column(self.as_of), self.now, self.age_ns_max)
        if not old.any():
            self.stale = bytearray(slots)
            return
        exposed = (sums.column(self.gross_of) != 0) & old[sums.column(self.listings)]
        counts = sums.total(exposed.astype("int64"), slots, *self._groupings())
        priced = sums.column(self.priced).reshape(-1, PRICED)
        self.stale = sums.stale(counts, priced, old)

    def _halt(self, text: str) -> NoReturn:
        self.halted = text
        raise Halted(text)
