"""Named dice: pinned for ever, independent of one another, and fair enough."""

import math
from collections import Counter
from statistics import NormalDist
from typing import Any

import pytest

from sim import dice as dice_module
from sim.dice import Dice, Stream

# ---------------------------------------------------------------- golden vectors
#
# These may never change: every stored seed and every digest rests on them.

FIRST_WORDS = {
    (0, "a"): 7632979201334876538,
    (0, "b"): 10549143645974545282,
    (1, "a"): 9168763854410958143,
    (-1, "a"): 9788791136422760284,
    (2**80, "a"): 3600036060551414445,
}

# What Dice(7).stream("venue/binance/latency") rolls, one line after the other.
GOLDEN_ROLLS: dict[str, list[Any]] = {
    "word": [
        3608856796445860335, 5602238987519868808, 9614686271852818804, 14729251928338912692,
        10492063633405075891, 18311742188696726999, 4500330904180196, 6435668756443447335,
        18137950734356870337, 6777340565223626752,
    ],
    "below 6": [5, 3, 2, 1, 0, 2, 4, 1, 4, 1, 1, 3],
    "below 2**200": [1103174412361912696116113591450815905491108169535963702905588],
    "between -3 and 3": [3, 1, 0, -2, 2, 1, 1, 3, 2, -1, 2, 1],
    "chance 1 in 4": [0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0],
    "pick": ["c", "c", "e", "b", "a", "e", "a", "c", "c", "f", "d", "a"],
    "below 6 to 2": [5, 0, 2, 2, 0],
    "table": [5, 529, 3, 431, 6, 980],
    "exponential": [1286862, 1667020, 461014, 135751, 1827888, 22145],
    "latency": [199814, 245433, 2841473, 3473472, 1192589, 5256296],
}  # fmt: skip


@pytest.mark.parametrize(("seed", "name"), FIRST_WORDS)
def test_the_first_word_of_a_stream_is_pinned(seed: int, name: str) -> None:
    assert Dice(seed).stream(name).word() == FIRST_WORDS[seed, name]


def test_every_kind_of_roll_is_pinned() -> None:
    stream = Dice(7).stream("venue/binance/latency")
    assert {
        "word": [stream.word() for _ in range(10)],
        "below 6": [stream.below(6) for _ in range(12)],
        "below 2**200": [stream.below(1 << 200)],
        "between -3 and 3": [stream.between(-3, 3) for _ in range(12)],
        "chance 1 in 4": [stream.chance(1, 4) for _ in range(12)],
        "pick": [stream.pick("abcdef") for _ in range(12)],
        "below 6 to 2": [stream.below(n) for n in range(6, 1, -1)],
        "table": [stream.table((0, 10, 1_000)) for _ in range(6)],
        "exponential": [stream.exponential(1_000_000) for _ in range(6)],
        "latency": [stream.latency(2_000_000, 40_000_000) for _ in range(6)],
    } == GOLDEN_ROLLS


def test_the_tables_are_what_their_comments_say() -> None:
    """Within one unit of 2**-32, because this machine's libm may round another way."""
    quantile = NormalDist().inv_cdf
    assert near(dice_module._MINUS_LOG2, [-math.log2(1 / 2 + i / 128) for i in range(65)])
    assert near(dice_module._EXP2, [2 ** (i / 64) for i in range(65)])
    assert near(dice_module._NORMAL, [-quantile(2 ** -(i / 4) / 2) for i in range(129)])
    assert near((dice_module._LN2, dice_module._NORMAL_99), [math.log(2), quantile(0.99)])


# ---------------------------------------------------------------- independence


def test_a_new_component_does_not_change_the_dice_of_another() -> None:
    alone = Dice(7)
    crowded = Dice(7)
    expected = [alone.stream("bank").word() for _ in range(40)]
    rolls = []
    for number in range(40):
        crowded.stream(f"newcomer {number}").below(6)
        rolls.append(crowded.stream("bank").word())
        crowded.stream("newcomer 0").pick("abcdef")
    assert rolls == expected


def test_streams_and_seeds_share_no_words() -> None:
    streams = [Dice(seed).stream(name) for seed in range(10) for name in ("a", "b", "a/b", "")]
    words = [stream.word() for stream in streams for _ in range(100)]
    assert len(Counter(words)) == len(words)


def test_the_same_name_is_the_same_stream_where_it_stands() -> None:
    dice = Dice(7)
    first = dice.stream("bank").word()
    assert dice.stream("bank").word() != first
    assert dice.stream("bank") is dice.stream("bank")


ONE_WORD_EACH = {
    "below": lambda stream: stream.below(6),
    "between": lambda stream: stream.between(5, 5),
    "never": lambda stream: stream.chance(0, 100),
    "always": lambda stream: stream.chance(100, 100),
    "pick": lambda stream: stream.pick("a"),
    "table": lambda stream: stream.table((0, 1)),
    "exponential": lambda stream: stream.exponential(0),
    "latency": lambda stream: stream.latency(5, 5),
}


@pytest.mark.parametrize("roll", ONE_WORD_EACH.values(), ids=ONE_WORD_EACH.keys())
def test_a_roll_takes_one_word_whatever_it_answers(roll: Any) -> None:
    """So a fault turned off leaves the dice after it where they were."""
    rolled, plain = Dice(7).stream("a"), Dice(7).stream("a")
    roll(rolled)
    plain.word()
    assert rolled.word() == plain.word()


# ---------------------------------------------------------------- fairness (of fixed seeds)

ROLLS = 20_000


@pytest.mark.parametrize("sides", [2, 3, 6, 7, 100])
def test_every_side_comes_as_often(sides: int) -> None:
    stream = Dice(1).stream("fair")
    counts = Counter(stream.below(sides) for _ in range(ROLLS))
    assert sorted(counts) == list(range(sides))
    assert unsuspicious(list(counts.values()))


def test_a_range_that_does_not_divide_the_words_is_fair_too() -> None:
    """Without rejection every third answer would come twice as often as the others."""
    stream = Dice(1).stream("fair")
    counts = Counter(stream.below(3 << 62) % 3 for _ in range(ROLLS))
    assert unsuspicious(list(counts.values()))


def test_a_range_wider_than_a_word_is_fair_too() -> None:
    stream = Dice(1).stream("fair")
    wide = 5 << 70
    counts = Counter(stream.below(wide) * 10 // wide for _ in range(ROLLS))
    assert sorted(counts) == list(range(10))
    assert unsuspicious(list(counts.values()))


def test_every_bit_of_a_word_is_set_half_of_the_time() -> None:
    stream = Dice(1).stream("fair")
    words = [stream.word() for _ in range(ROLLS)]
    set_bits = [sum(word >> bit & 1 for word in words) for bit in range(64)]
    assert max(abs(count - ROLLS // 2) for count in set_bits) < 4 * math.isqrt(ROLLS // 4)


@pytest.mark.parametrize("percent", [0, 1, 25, 99, 100])
def test_a_chance_comes_as_often_as_it_says(percent: int) -> None:
    stream = Dice(1).stream("fair")
    hits = sum(stream.chance(percent, 100) for _ in range(ROLLS))
    deviation = math.sqrt(ROLLS * percent * (100 - percent)) / 100
    assert abs(hits - ROLLS * percent / 100) <= 4 * deviation


def test_a_table_is_uniform_between_its_quantiles() -> None:
    stream = Dice(1).stream("fair")
    rolls = [stream.table((0, 10, 1_000)) for _ in range(ROLLS)]
    assert min(rolls) == 0
    assert max(rolls) == 999
    low = Counter(roll for roll in rolls if roll < 10)
    assert unsuspicious([low.total(), ROLLS - low.total()])
    assert unsuspicious(list(low.values()))


def test_waiting_times_are_exponential() -> None:
    stream = Dice(1).stream("fair")
    rolls = sorted(stream.exponential(1_000_000) for _ in range(ROLLS))
    assert sum(rolls) / ROLLS == pytest.approx(1_000_000, rel=0.02)
    for share in (0.1, 0.5, 0.9, 0.99):
        expected = -math.log(1 - share) * 1_000_000
        assert rolls[int(share * ROLLS)] == pytest.approx(expected, rel=0.06)


def test_latencies_are_log_normal_with_the_given_median_and_tail() -> None:
    stream = Dice(1).stream("fair")
    rolls = sorted(stream.latency(2_000_000, 40_000_000) for _ in range(ROLLS))
    for share, expected in ((0.01, 100_000), (0.5, 2_000_000), (0.99, 40_000_000)):
        assert rolls[int(share * ROLLS)] == pytest.approx(expected, rel=0.1)


def test_extreme_words_give_extreme_but_sane_delays() -> None:
    assert [Loaded(word).exponential(1_000) for word in (0, 1, (1 << 64) - 1)] == [44361, 44361, 0]
    assert Loaded(0).latency(2_000, 4_000) < 2_000 * 2**2.8
    assert Loaded(1).latency(2_000, 4_000) > 2_000 / 2**2.8
    assert Loaded((1 << 64) - 1).latency(2_000, 4_000) == 2_000


def test_a_latency_without_a_tail_is_its_median() -> None:
    stream = Dice(1).stream("fair")
    assert {stream.latency(1_234_567, 1_234_567) for _ in range(1_000)} == {1_234_567}


# ---------------------------------------------------------------- what is no roll


@pytest.mark.parametrize(
    "roll",
    [
        lambda stream: stream.below(0),
        lambda stream: stream.between(2, 1),
        lambda stream: stream.chance(3, 2),
        lambda stream: stream.chance(-1, 2),
        lambda stream: stream.pick(""),
        lambda stream: stream.exponential(-1),
        lambda stream: stream.latency(10, 9),
        lambda stream: stream.latency(0, 9),
    ],
)
def test_what_is_no_roll_is_refused(roll: Any) -> None:
    with pytest.raises(ValueError, match=r"nothing is below|not a chance|negative|needs 1 <="):
        roll(Dice(1).stream("a"))


@pytest.mark.parametrize(
    "roll",
    [
        lambda stream: stream.below(6.0),
        lambda stream: stream.chance(1, 2.0),
        lambda stream: stream.exponential(1e6),
        lambda stream: stream.latency(2e6, 4_000_000),
        lambda stream: (stream.latency(2, 4), stream.latency(2, 4.0)),
        lambda stream: Dice(1.0),  # type: ignore[arg-type]  # the point of the test
    ],
)
def test_no_float_takes_part_in_a_roll(roll: Any) -> None:
    with pytest.raises(TypeError):
        roll(Dice(1).stream("a"))


class Loaded(Stream):
    """Dice that always show the same word."""

    def __init__(self, word: int) -> None:
        super().__init__(0, "loaded")
        self.shown = word

    def word(self) -> int:
        return self.shown


def near(table: tuple[int, ...], exact: list[float]) -> bool:
    assert len(table) == len(exact)
    return all(abs(kept - value * 2**32) <= 1 for kept, value in zip(table, exact, strict=True))


def unsuspicious(counts: list[int]) -> bool:
    """A chi-square less than 4 deviations above what equal chances give."""
    expected = sum(counts) / len(counts)
    freedom = len(counts) - 1
    chi_square = sum((count - expected) ** 2 / expected for count in counts)
    return chi_square < freedom + 4 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("n", [1, 2, 3, 40, 6000, 2**62, 3 * 2**62])
def test_one_in_n_is_a_chance_of_one_in_n_roll_by_roll(n: int) -> None:
    one, other = Dice(7).stream("a"), Dice(7).stream("a")
    rolls = [one.one_in(n) for _ in range(ROLLS)]
    assert rolls == [other.chance(1, n) for _ in range(ROLLS)]
    assert one.word() == other.word(), "as many words were taken"
    with pytest.raises(ValueError, match="one in 0"):
        one.one_in(0)
