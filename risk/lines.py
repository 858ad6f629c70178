"""Lines of limits, and what the engine's cells come to on each.

A position line ("account_position/ACCOUNT/INSTRUMENT/long") counts quantities, all others units of
the reporting asset. Strategies net within an account, as they do at the venue; accounts do not in
gross. Cash that merely lies there and payments are no position.
"""

from functools import cache
from typing import NamedTuple

from risk.beside import POSITIONS
from risk.engine import Engine
from risk.weights import worth


class Line(NamedTuple):
    """A line by its parts: the control, the names of its place, the side."""

    control: str
    place: str
    side: str

    @property
    def is_position(self) -> bool:
        """Whether it counts quantities."""
        return self.control in POSITIONS


class Found(NamedTuple):
    """What a line comes to; `stale` where something in it has no fresh price."""

    figure: int
    stale: bool


@cache
def line_of(name: str) -> Line:
    """A line's parts, by its name."""
    control, *place, side = name.split("/")
    return Line(control, "/".join(place), side)


class Sums:
    """Every line's figure at one moment."""

    def __init__(self) -> None:
        self.figures: dict[tuple[str, str, str], int] = {}
        self.stale: dict[tuple[str, str], None] = {}

    def of(self, line: Line) -> Found:
        """What the line comes to; nothing where nobody has anything there."""
        figure = self.figures.get((line.control, line.place, line.side), 0)
        return Found(figure, (line.control, line.place) in self.stale)

    def add(self, control: str, place: str, sides: tuple[int, int], *, stale: bool) -> None:
        """So much more long and short of a line that nets."""
        for side, amount in zip(("long", "short"), sides, strict=True):
            key = (control, place, side)
            self.figures[key] = self.figures.get(key, 0) + amount
        self._note(control, place, stale=stale)

    def add_gross(self, control: str, place: str, amount: int, *, stale: bool) -> None:
        """So much more of a line that does not."""
        key = (control, place, "gross")
        self.figures[key] = self.figures.get(key, 0) + amount
        self._note(control, place, stale=stale)

    def _note(self, control: str, place: str, *, stale: bool) -> None:
        if stale:
            self.stale[control, place] = None


def sums_of(engine: Engine, *, working: bool) -> Sums:
    """What is held, or (`working`) what it may come to if one side of all that is open fills."""
    sums = Sums()
    whole: dict[int, list[int]] = {}
    for (strategy, account, instrument), cell in engine.cells.items():
        listing = engine.listings[cell]
        terms = engine.terms[listing]
        if terms.cash:
            continue
        position = engine.position[cell]
        long = position + (engine.buys[cell] if working else 0)
        short = (engine.sells[cell] if working else 0) - position
        kept = whole.setdefault(listing, [0, 0])
        kept[0] += long
        kept[1] += short
        up, down = engine.up[cell], engine.down[cell]
        values = worth(long, up, down), worth(short, up, down)
        stale = is_stale(engine, listing) and bool(long or short)
        place = f"{strategy}/{account}/{instrument}"
        sums.add("strategy_position", place, (long, short), stale=stale)
        sums.add("strategy_net", strategy, values, stale=stale)
        sums.add_gross("strategy_gross", strategy, max(values), stale=stale)
    for listing, (long, short) in whole.items():
        _add_whole(sums, engine, listing, long, short)
    return sums


def _add_whole(sums: Sums, engine: Engine, listing: int, long: int, short: int) -> None:
    """All strategies together in one instrument."""
    terms = engine.terms[listing]
    up, down = engine.listing_up[listing], engine.listing_down[listing]
    values = worth(long, up, down), worth(short, up, down)
    stale = is_stale(engine, listing) and bool(long or short)
    place = f"{terms.account}/{terms.instrument}"
    sums.add("account_position", place, (long, short), stale=stale)
    for control, gross, name in (
        ("account_net", "account_gross", terms.account),
        ("asset_net", "concentration", terms.asset),
        ("firm_net", "firm_gross", ""),
    ):
        sums.add(control, name, values, stale=stale)
        sums.add_gross(gross, name, max(values), stale=stale)


def is_stale(engine: Engine, listing: int) -> bool:
    """Whether an instrument has no reference that is fresh."""
    as_of = engine.as_of[listing]
    return as_of <= 0 or as_of < engine.now - engine.age_ns_max
