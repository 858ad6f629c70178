"""The cold engine: equal to plain dicts, equal to itself, and never wrong quietly."""

import re
from contextlib import suppress
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.money import PRICE_ONE, QUANTITY_ONE
from risk.engine import Engine, Halted
from risk.records import Held, InFlight, Records, Terms, Working
from risk.weights import MILLION, REPORTING_DECIMALS, SHIFT, Unpriceable, Weight, weigh

AGE = 1000
NAMES = st.sampled_from(["a", "b", "c"])
INSTRUMENTS = {
    "BTC-USDT": ("BTC", "USDT", False),
    "BTC-PERP": ("BTC", "USD", False),
    "ETH-USDT": ("ETH", "USDT", False),
    "USDT/cash": ("USDT", "USDT", True),
}


def terms(account: str, instrument: str, multiplier: int = QUANTITY_ONE) -> Terms:
    asset, currency, cash = INSTRUMENTS[instrument]
    return Terms(account, instrument, asset, currency, multiplier, cash=cash)


CELLS = st.tuples(NAMES, NAMES, st.sampled_from(sorted(INSTRUMENTS)))
AMOUNTS = st.integers(-(10**15), 10**15)
WORKING = st.integers(0, 10**15)
WEIGHTS = st.tuples(st.integers(0, 10**15), st.integers(0, 10**12)).map(
    lambda both: Weight(both[0] + both[1], both[0])
)


class Plain:
    """Exposure as one would say it: per cell three fractions, per key a sum, nothing kept."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str, str], list[int]] = {}
        self.weights: dict[tuple[str, str], Weight] = {}

    def figures(self, key: tuple[str, ...]) -> tuple[int, int, int]:
        found = [self.worth(cell) for cell in self.cells if self.belongs(cell, key)]
        return (sum(f[0] for f in found), sum(f[1] for f in found), sum(f[2] for f in found))

    def worth(self, cell: tuple[str, str, str]) -> tuple[int, int, int]:
        position, buys, sells = self.cells[cell]
        long, short = self.value(cell, position + buys), self.value(cell, sells - position)
        return long, short, max(long, short)

    def value(self, cell: tuple[str, str, str], quantity: int) -> int:
        weight = self.weights.get(cell[1:], Weight(0, 0))
        return ceil(Fraction(quantity * (weight.up if quantity > 0 else weight.down), 1 << SHIFT))

    @staticmethod
    def belongs(cell: tuple[str, str, str], key: tuple[str, ...]) -> bool:
        strategy, account, instrument = cell
        asset, currency, cash = INSTRUMENTS[instrument]
        of = {
            ("firm",): not cash,
            ("strategy", strategy): not cash,
            ("account", account): not cash,
            ("book", strategy, account): not cash,
            ("credit", account): cash,
            ("cash", strategy, account): cash,
            ("instrument", instrument): True,
            ("asset", asset): True,
            ("currency", currency): True,
            ("listing", account, instrument): True,
            ("pair", strategy, instrument): True,
            ("kind", instrument, asset, currency): True,
        }
        return of.get(key, False)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_key_equals_a_plain_sum(data: st.DataObject) -> None:
    """After any changes and prices, each key's three figures are those of plain dicts."""
    engine, plain, now = Engine(AGE), Plain(), 1
    for _ in range(data.draw(st.integers(1, 25))):
        cell = data.draw(CELLS)
        listing = engine.listing(terms(*cell[1:]))
        number = engine.cell(*cell)
        kept = plain.cells.setdefault(cell, [0, 0, 0])
        if data.draw(st.booleans()):
            position, buys, sells = data.draw(AMOUNTS), data.draw(WORKING), data.draw(WORKING)
            change = data.draw(  # an outside trade, an order that opens or ends, a fill, any of it
                st.sampled_from(
                    [
                        (position, 0, 0),
                        (0, buys - kept[1], 0),
                        (0, 0, sells - kept[2]),
                        (kept[1], -kept[1], 0),
                        (-kept[2], 0, -kept[2]),
                        (position, buys - kept[1], sells - kept[2]),
                    ]
                )
            )
            engine.change(number, *change)
            plain.cells[cell] = [old + more for old, more in zip(kept, change, strict=True)]
        else:
            weight = data.draw(WEIGHTS)
            engine.price(listing, weight, now)
            plain.weights[cell[1:]] = weight
            now += 1
            engine.cycle(now)
    engine.cycle(now)
    assert len(engine.slots) >= 6
    for key in every_key(engine):
        found = engine.exposure(key)
        assert (found.long, found.short, found.gross) == plain.figures(key), key


def every_key(engine: Engine) -> list[tuple[str, ...]]:
    """Those that sums are kept of, and listings and pairs."""
    listings = [("listing", account, name) for account, name in engine.listing_of]
    pairs = dict.fromkeys(("pair", name[0], name[2]) for name in engine.cells)
    return [*engine.slots, *listings, *pairs]


def small() -> Engine:
    """Two strategies, long and short of one instrument; a buy is working; cash is in flight."""
    engine = Engine(AGE)
    engine.load(
        Records(
            terms=[terms("a", "BTC-USDT"), terms("b", "BTC-USDT"), terms("a", "USDT/cash")],
            held=[Held("x", "a", "BTC-USDT", 300), Held("y", "b", "BTC-USDT", -200)],
            working=[Working("x", "a", "BTC-USDT", "buy", 50)],
            in_flight=[InFlight("a", "USDT/cash", 70)],
        )
    )
    for number in range(3):
        engine.price(number, Weight(2 << SHIFT, 2 << SHIFT), 10)
    engine.cycle(10)
    return engine


def figures(engine: Engine, *key: str) -> tuple[int, int, int]:
    found = engine.exposure(key)
    return found.long, found.short, found.gross


def test_a_working_order_counts_before_it_is_filled_and_only_once_after() -> None:
    engine = small()
    assert figures(engine, "strategy", "x") == (700, -600, 700)
    engine.change(engine.cell("x", "a", "BTC-USDT"), 50, -50, 0)
    assert figures(engine, "strategy", "x") == (700, -700, 700)
    engine.cycle(11)


def test_a_trade_outside_our_orders_counts_on_both_sides() -> None:
    engine = small()
    engine.change(engine.cell("x", "a", "BTC-USDT"), -10, 0, 0)
    assert figures(engine, "strategy", "x") == (680, -580, 680)
    engine.cycle(11)


def test_gross_does_not_net_and_net_does() -> None:
    """The firm is 300 + 50 long and 200 short: 150 net at most, 550 gross, at 2 each."""
    assert figures(small(), "firm") == (300, -200, 1100)


def test_cash_and_payments_in_flight_are_credit_and_no_position() -> None:
    engine = small()
    assert figures(engine, "credit", "a") == (140, 0, 140)
    assert figures(engine, "currency", "USDT") == (440, -200, 1240)
    assert figures(engine, "account", "a") == (700, -600, 700)


@pytest.mark.parametrize(
    "column",
    [
        "position",
        "buys",
        "sells",
        "long",
        "short",
        "gross",
        "up",
        "long_of",
        "short_of",
        "gross_of",
    ],
)
def test_a_figure_that_is_off_by_one_halts_the_engine_for_good(column: str) -> None:
    """One unit wrong anywhere: the cycle halts, names the key, and nothing is answered after."""
    engine = small()
    getattr(engine, column)[0] += 1 << SHIFT if column == "up" else 1
    with pytest.raises(Halted, match="kept"):
        engine.cycle(11)
    for ask in (
        lambda: engine.cycle(12),
        lambda: engine.exposure(("firm",)),
        lambda: engine.change(0, 1, 0, 0),
        lambda: engine.quantities("a", "BTC-USDT"),
    ):
        with pytest.raises(Halted):
            ask()


def test_a_release_of_more_than_was_reserved_halts() -> None:
    engine = small()
    with pytest.raises(Halted, match="buys -1"):
        engine.change(0, 0, -51, 0)


def test_what_cannot_be_summed_in_63_bits_halts_and_never_wraps() -> None:
    """In the cell itself, in what it is worth, in a sum, and in what only numpy adds up."""
    for position, buys in ((1 << 63, 0), (1 << 62, 0), (1 << 61, 0), (1 << 62, 1 << 62)):
        engine = small()
        with suppress(Halted):
            engine.change(0, position, buys, 0)
            engine.cycle(11)
        assert re.search("summed|kept|63 bits", engine.halted)


def test_a_stale_reference_gives_no_new_budget_to_any_key_exposed_to_it() -> None:
    """Listing b is not told again: what b's position is part of is stale, and nothing else is."""
    engine = small()
    for number in (0, 2):
        engine.price(number, Weight(2 << SHIFT, 2 << SHIFT), 10 + AGE)
    engine.cycle(10 + AGE)
    assert not engine.exposure(("firm",)).stale
    engine.cycle(11 + AGE)
    stale = {key for key in every_key(engine) if engine.exposure(key).stale}
    assert stale == {
        ("firm",),
        ("strategy", "y"),
        ("account", "b"),
        ("book", "y", "b"),
        ("pair", "y", "BTC-USDT"),
        ("listing", "b", "BTC-USDT"),
        ("instrument", "BTC-USDT"),
        ("asset", "BTC"),
        ("currency", "USDT"),
        ("kind", "BTC-USDT", "BTC", "USDT"),
    }


def test_what_was_never_priced_is_stale_even_without_a_position() -> None:
    engine = small()
    engine.listing(terms("c", "ETH-USDT"))
    engine.cycle(11)
    assert engine.exposure(("listing", "c", "ETH-USDT")).stale
    assert engine.exposure(("asset", "ETH")).stale
    assert engine.exposure(("instrument", "never heard of")).stale
    assert not engine.exposure(("firm",)).stale


def test_an_older_reference_changes_nothing() -> None:
    engine = small()
    engine.price(0, Weight(9 << SHIFT, 9 << SHIFT), 9)
    engine.cycle(11)
    assert figures(engine, "strategy", "x") == (700, -600, 700)


def test_another_multiplier_is_stale_until_it_is_priced_anew() -> None:
    engine = small()
    engine.listing(terms("b", "BTC-USDT", multiplier=QUANTITY_ONE // 10))
    engine.cycle(11)
    assert engine.exposure(("strategy", "y")).stale
    assert not engine.exposure(("strategy", "x")).stale


def test_contracts_are_counted_in_their_own_units_over_all_strategies() -> None:
    engine = small()
    engine.load(Records(held=[Held("z", "a", "BTC-USDT", -100)]))
    assert engine.quantities("a", "BTC-USDT") == (250, -200)
    assert engine.quantities("a", "never heard of") == (0, 0)


@given(
    price=st.integers(1, 10**17),
    rate=st.integers(1, 10**13),
    multiplier=st.integers(1, 10**10),
    widening=st.integers(0, 500_000),
    move=st.integers(0, 10**6),
)
def test_the_true_value_lies_between_the_weights(
    price: int, rate: int, multiplier: int, widening: int, move: int
) -> None:
    """For every price and rate within the widening; and the two are no further apart than that."""
    made = terms("a", "BTC-PERP", multiplier)
    exact = Fraction(multiplier * price * rate, QUANTITY_ONE**2 * PRICE_ONE**2)
    exact *= 10**REPORTING_DECIMALS << SHIFT
    if exact * 2 >= 1 << 62:
        return
    found = weigh(made, price, rate, widening)
    moved = exact * (1 + Fraction(widening * (2 * move - 10**6), 10**6 * MILLION))
    assert found.down <= moved <= found.up
    assert found.up - found.down <= 2 * exact * Fraction(widening, MILLION) + 2


def test_an_inverse_contract_is_worth_its_quote_units_whatever_the_price() -> None:
    made = Terms("a", "BTC-USD", "BTC", "USD", 100 * QUANTITY_ONE, inverse=True)
    assert weigh(made, 1, PRICE_ONE, 0) == weigh(made, 10**17, PRICE_ONE, 0)
    assert weigh(made, 1, PRICE_ONE, 0).up == -(-(1 << SHIFT) * 100 * 10**6 // QUANTITY_ONE)


@pytest.mark.parametrize(
    ("price", "rate", "ppm"),
    [(0, 1, 0), (-1, 1, 0), (1, 0, 0), (1, 1, -1), (1, 1, 10**6), (10**40, PRICE_ONE, 0)],
)
def test_a_price_that_is_none_makes_no_weight(price: int, rate: int, ppm: int) -> None:
    with pytest.raises(Unpriceable):
        weigh(terms("a", "BTC-USDT"), price, rate, ppm)
