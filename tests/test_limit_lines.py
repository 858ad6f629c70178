"""Lines of limits against the plain saying of each: a sum over cells, by hand and in fractions."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from risk.engine import Engine
from risk.lines import Found, Line, line_of, sums_of
from risk.records import Terms
from risk.weights import SHIFT, Weight

NOW = 1000
AGES = (300, NOW)
# What each instrument of each account is a bet on.
ASSETS = {"perp": "BTC", "dated": "BTC", "other": "ETH", "coin": "BTC"}
PLACES = [(account, instrument) for account in ("x/a", "y/b") for instrument in ASSETS]


class Cell(NamedTuple):
    """A strategy in an instrument."""

    strategy: str
    place: tuple[str, str]
    position: int
    buys: int
    sells: int


class Listed(NamedTuple):
    """What a unit is worth at most and at least, in 2**-40, and when that was so (0: never)."""

    up: int
    down: int
    as_of: int


AMOUNTS = st.integers(0, 9)
CELLS = st.builds(
    Cell, st.sampled_from("st"), st.sampled_from(PLACES), st.integers(-9, 9), AMOUNTS, AMOUNTS
)
# Worth so little that what is rounded shows; as old as may be, one more, and never priced.
WEIGHTS = st.integers(1, 3 << SHIFT)
MOMENTS = st.sampled_from([NOW, NOW - AGES[0], NOW - AGES[0] - 1, 1, 0])
LISTINGS = st.tuples(
    *[st.builds(lambda low, more, at: Listed(low + more, low, at), WEIGHTS, WEIGHTS, MOMENTS)]
    * len(PLACES)
)


def told(listings: dict[tuple[str, str], Listed], cells: list[Cell], age_max: int) -> Engine:
    """An engine after a cycle. The coins are cash."""
    engine = Engine(age_max)
    for (account, instrument), listed in listings.items():
        asset, cash = ASSETS[instrument], instrument == "coin"
        number = engine.listing(Terms(account, instrument, asset, "USD", 10**8, cash=cash))
        engine.price(number, Weight(listed.up, listed.down), listed.as_of)
    for cell in cells:
        number = engine.cell(cell.strategy, *cell.place)
        engine.change(number, cell.position, cell.buys, cell.sells)
    engine.cycle(NOW)
    return engine


class Plain:
    """What each line comes to, by its name."""

    def __init__(
        self, listings: dict[tuple[str, str], Listed], cells: list[Cell], age_max: int
    ) -> None:
        self.listings = listings
        self.age_max = age_max
        self.figures: Counter[str] = Counter()
        self.stale: set[str] = set()
        positions = [cell for cell in cells if cell.place[1] != "coin"]
        for strategy in "st":
            for place in PLACES:
                mine = [each for each in positions if each[:2] == (strategy, place)]
                here = f"strategy_position/{strategy}/{'/'.join(place)}"
                self.add(mine, here, {f"strategy_net/{strategy}": f"strategy_gross/{strategy}"})
        for account, instrument in PLACES:
            asset = ASSETS[instrument]
            scopes = {
                f"account_net/{account}": f"account_gross/{account}",
                f"asset_net/{asset}": f"concentration/{asset}",
                "firm_net": "firm_gross",
            }
            all_here = [each for each in positions if each.place == (account, instrument)]
            self.add(all_here, f"account_position/{account}/{instrument}", scopes)

    def add(self, cells: list[Cell], here: str, scopes: dict[str, str]) -> None:
        """Cells of one instrument, which net, into the line of it and into sums, net and gross."""
        if not cells:
            return
        listed = self.listings[cells[0].place]
        long = sum(each.position + each.buys for each in cells)
        short = sum(each.sells - each.position for each in cells)
        told = [(f"{here}/long", long), (f"{here}/short", short)]
        for net, gross in scopes.items():
            values = value(long, listed), value(short, listed)
            told += [(f"{net}/long", values[0]), (f"{net}/short", values[1])]
            told += [(f"{gross}/gross", max(values))]
        for name, figure in told:
            self.figures[name] += figure
            if (long or short) and (NOW - listed.as_of > self.age_max or not listed.as_of):
                self.stale.add(name)

    def found(self) -> dict[str, Found]:
        return {name: Found(self.figures[name], name in self.stale) for name in self.figures}


def value(amount: int, listed: Listed) -> int:
    """Rounded up: what counts at most, what offsets at least. Nothing without a price."""
    if listed.as_of == 0:
        return 0
    return ceil(Fraction(amount * (listed.up if amount > 0 else listed.down), 1 << SHIFT))


@given(LISTINGS, st.lists(CELLS, max_size=6), st.sampled_from(AGES))
def test_each_line_is_the_plain_sum_of_its_cells_and_stale_with_any_of_them(
    listed: tuple[Listed, ...], cells: list[Cell], age_max: int
) -> None:
    """Of what is held alone, or as if all that works were to fill; and there is no other line."""
    listings = dict(zip(PLACES, listed, strict=True))
    engine = told(listings, cells, age_max)
    held = [cell._replace(buys=0, sells=0) for cell in cells]
    for sums, counted in (
        (sums_of(engine, working=True), cells),
        (sums_of(engine, working=False), held),
    ):
        plain = Plain(listings, counted, age_max).found()
        assert {name: sums.of(line_of(name)) for name in plain} == plain
        assert len(sums.figures) == len(plain)


def test_a_line_where_nobody_has_anything_is_nothing() -> None:
    assert sums_of(Engine(NOW), working=True).of(line_of("firm_net/long")) == Found(0, False)


def test_a_line_s_name_says_control_place_and_side() -> None:
    assert line_of("firm_net/short") == Line("firm_net", "", "short")
    line = line_of("account_position/x/a/perp/long")
    assert line == Line("account_position", "x/a/perp", "long")
    assert line.is_position
    assert line_of("strategy_position/s/x/a/perp/long").is_position
    assert not line_of("strategy_net/s/long").is_position
