"""The engine's parts against the plain saying of each: windows, losses, margin, shares, tails."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk import margin, var
from risk.concentration import concentration
from risk.concentration import headroom as room_of
from risk.engine import Engine
from risk.losses import Day, Result, drawdown, loss, net, note
from risk.margin import BadTiers, Position, Tier, liquidation_ppm
from risk.records import Terms
from risk.stress import Stress, worst
from risk.stress import loss as stressed
from risk.weights import SHIFT, Weight
from risk.windows import SLICES, Window

NAMES = st.sampled_from(["a", "b", "c"])
MILLION = 10**6

# --- windows -------------------------------------------------------------------------------------


@given(st.lists(st.tuples(NAMES, st.integers(0, 9), st.integers(0, 400)), max_size=40))
def test_a_window_is_never_below_the_plain_sum_and_above_it_by_one_slice(
    told: list[tuple[str, int, int]],
) -> None:
    """The plain sum: all amounts of the last 600 ns; of 610 ns it is an upper bound."""
    window, now, kept = Window(600), 0, []
    for name, amount, wait in told:
        now += wait
        window.add(((name,), ("all",)), amount, now)
        kept.append((name, amount, now))
        for asked in ("a", "b", "c", "all"):
            mine = [(n, a, at) for n, a, at in kept if asked in (n, "all")]
            least = sum(a for _, a, at in mine if at > now - 600)
            most = sum(a for _, a, at in mine if at > now - 600 - 600 // SLICES)
            assert least <= window.total((asked,), now) <= most


def test_a_window_forgets_the_keys_that_have_gone_quiet() -> None:
    window = Window(600)
    window.add((("a",),), 5, 0)
    assert window.total(("a",), 609) == 5
    assert window.total(("a",), 610) == 0
    assert not window.sums
    assert not window.slices


# --- losses --------------------------------------------------------------------------------------


def test_a_loss_is_net_of_fees_funding_and_borrow() -> None:
    assert net(Result(realised=10, marked=-4, funding=-3, fees=2, borrow=1)) == 0


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9))
def test_an_unverified_profit_never_loosens(a: int, b: int, c: int, d: int) -> None:
    """Whatever is not proved, the gain that counts is at most the proved one, and the worse."""
    found = net(
        Result(
            realised=5,
            unverified_realised=a,
            unverified_marked=b,
            unverified_funding=c,
            unverified_fees=d,
        )
    )
    assert found == 5 + sum(each for each in (a, b, c, -d) if each < 0)


def test_drawdown_is_from_the_best_of_the_day_and_a_hint_makes_no_best() -> None:
    day = Day()
    for result in (Result(realised=7), Result(realised=6, unverified_marked=50)):
        note(day, result)
    assert (day.peak, drawdown(day), loss(day)) == (7, 1, 0)
    note(day, Result(realised=-5))
    assert (drawdown(day), loss(day)) == (12, 5)


# --- margin --------------------------------------------------------------------------------------

TIERS = (Tier(1000, 20_000, 10_000), Tier(5000, 50_000, 25_000), Tier(0, 200_000, 100_000))


@given(st.integers(-20_000, 20_000))
def test_margin_is_the_sum_of_each_unit_at_its_tier(value: int) -> None:
    rates = [10_000] * 1000 + [25_000] * 4000 + [100_000] * 15_000
    assert margin.maintenance(value, TIERS) == -(-sum(rates[: abs(value)]) // MILLION)


def test_initial_margin_is_exact_at_the_edges_of_a_tier() -> None:
    """1000 at 2 %, then 5 %: 20; one more unit takes a whole unit, for parts round up."""
    assert [margin.initial(value, TIERS) for value in (0, 1, 1000, 1001, -5000)] == [
        *(0, 1, 20, 21, 220)
    ]


def equity_after(equity: int, position: Position, ppm: int) -> Fraction:
    """In exact fractions, with nothing rounded: what is left over maintenance."""
    size, price = abs(position.value), Fraction(MILLION - min(ppm, MILLION - 1), MILLION)
    if position.value < 0:
        price = 2 - price
    moved = size / price if position.inverse else size * price
    owed, start = Fraction(0), 0
    for tier in position.tiers:
        end = tier.value_max or max(moved, start)
        owed += max(0, min(moved, end) - start) * Fraction(tier.maintenance_ppm, MILLION)
        start = end
    return equity - abs(moved - size) - owed


@given(st.integers(0, 10_000), st.integers(-20_000, 20_000), st.booleans())
def test_at_the_distance_it_stands_and_soon_after_it_falls(
    equity: int,
    value: int,
    inverse: bool,  # noqa: FBT001  # hypothesis draws it
) -> None:
    """Never later than exact fractions say, and earlier by what rounding whole units can make."""
    position = Position(value, TIERS, inverse)
    found = liquidation_ppm(equity, [position])
    if found:
        assert equity_after(equity, position, found) >= 0
    if found < MILLION - 1 and value:
        assert equity_after(equity, position, found + 1) < 3


def test_positions_that_hedge_each_other_are_both_moved_against_us() -> None:
    both = [Position(1000, TIERS), Position(-1000, TIERS)]
    assert liquidation_ppm(200, both) < liquidation_ppm(200, both[:1])
    assert liquidation_ppm(19, both) == 0


@pytest.mark.parametrize(
    "tiers",
    [
        (),
        (Tier(10, 2, 1),),
        (Tier(0, 2, 1), Tier(0, 2, 1)),
        (Tier(10, 2, 1), Tier(5, 3, 2), Tier(0, 4, 3)),
        (Tier(10, 2, 1), Tier(10, 3, 2), Tier(0, 4, 3)),
        (Tier(10, 9, 3), Tier(0, 9, 2)),
        (Tier(0, 1, 2),),
        (Tier(0, MILLION + 1, 1),),
        (Tier(0, 1, -1),),
    ],
)
def test_tiers_that_make_no_sense_are_refused(tiers: tuple[Tier, ...]) -> None:
    with pytest.raises(BadTiers):
        margin.check(tiers)
    margin.check(TIERS)


# --- stress and concentration --------------------------------------------------------------------


def test_a_stress_hurts_the_side_that_loses_and_rounds_against_us() -> None:
    """BTC falls 30 %, all else 50 %: longs lose, shorts gain nothing that would offset it."""
    crash = Stress("crash", {"BTC": -300_000, "*": -500_000})
    squeeze = Stress("squeeze", {"ETH": 900_000})
    book = {"BTC": (101, -90), "ETH": (-70, 80), "XRP": (7, 7)}
    assert stressed(crash, book) == 31 + 0 + 4
    assert stressed(squeeze, book) == 72
    assert worst([crash, squeeze], book) == ("squeeze", 72)
    assert worst([], book) == ("", 0)


@given(
    st.dictionaries(NAMES, st.integers(0, 10**6), min_size=1),
    st.integers(1, MILLION - 1),
    NAMES,
)
def test_concentration_and_its_headroom_are_exact(
    parts: dict[str, int], share: int, name: str
) -> None:
    """The headroom may be added and one more may not, by fractions."""
    found, whole = concentration(parts), sum(parts.values())
    if whole:
        exact = Fraction(max(parts.values()), whole) * MILLION
        assert exact <= found.share_ppm < exact + 1
        assert parts[found.name] == max(parts.values())
        squares = sum(Fraction(part, whole) ** 2 for part in parts.values()) * MILLION
        assert squares <= found.herfindahl_ppm < squares + 1
    room, part = room_of(parts, name, share), parts.get(name, 0)
    if room:
        assert (part + room) * MILLION <= share * (whole + room)
    assert (part + room + 1) * MILLION > share * (whole + room + 1)


def test_nothing_is_not_concentrated() -> None:
    assert concentration({"a": 0}) == ("", 0, 0)


# --- tails ---------------------------------------------------------------------------------------


def book_of_three() -> Engine:
    engine = Engine(1 << 60)
    cells = [("x", "v/a", "BTC", 100), ("y", "v/a", "BTC", -40), ("y", "v/b", "ETH", 7)]
    for strategy, account, asset, quantity in cells:
        listing = engine.listing(Terms(account, f"{asset}-USDT", asset, "USDT", 1))
        engine.price(listing, Weight(3 << SHIFT, 3 << SHIFT), 1)
        engine.change(engine.cell(strategy, account, f"{asset}-USDT"), quantity, 5, 5)
    engine.cycle(2)
    return engine


@pytest.mark.parametrize("by_instrument", [False, True])
def test_tails_are_those_of_plain_lists(by_instrument: bool) -> None:  # noqa: FBT001
    """Each book's losses sorted in Python: VaR is the mildest of the worst 5 %, ES their mean."""
    engine = book_of_three()
    factors = ("BTC-USDT", "ETH-USDT") if by_instrument else ("BTC", "ETH")
    where = var.map_of(engine, factors, by_instrument=by_instrument)
    scenarios = np.array(
        [[(i * 37 % 101 - 50) / 1000, (i * 53 % 97 - 48) / 500] for i in range(90)]
    )
    found = var.tails(var.exposures(engine, where), scenarios.T, percent=95)
    held = {
        ("strategy", "x"): (300, 0),
        ("strategy", "y"): (-120, 21),
        ("account", "v/a"): (180, 0),
        ("account", "v/b"): (0, 21),
        ("firm",): (180, 21),
    }
    assert set(where.books) == set(held)
    for number, book in enumerate(where.books):
        btc, eth = held[book]
        losses = sorted(-(btc * a + eth * b) for a, b in scenarios.tolist())
        tail = losses[-5:]  # 90 * 5 %, rounded up
        assert found.var[number] == pytest.approx(tail[0])
        assert found.shortfall[number] == pytest.approx(sum(tail) / 5)


def test_no_scenario_and_no_share_is_no_tail() -> None:
    exposed = np.ones((1, 1))
    for count, percent in ((0, 99), (10, 0), (10, 100)):
        with pytest.raises(ValueError, match="would do"):
            var.tails(exposed, np.ones((1, count)), percent)
