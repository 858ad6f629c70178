"""Tying two records: each amount once, by key, with its sign and its date."""

from hypothesis import given
from hypothesis import strategies as st

from core.tying import Booked, Expected, Untied, tie


def want(key: str, amount: int, from_at: int = 0, to_at: int = 10) -> Expected:
    return Expected(key, "USD", amount, from_at, to_at)


def line(key: str, amount: int, at: int = 5) -> Booked:
    return Booked(key, "USD", amount, at)


CASES = [
    ([want("a", 5)], [line("a", 5)], []),
    ([want("a", 5)], [], [("a", -5, "missing")]),
    ([], [line("a", 5)], [("a", 5, "unexpected")]),
    ([want("a", 5)], [line("a", 7)], [("a", 2, "amount")]),
    ([want("a", -5)], [line("a", 5)], [("a", 10, "amount")]),
    ([want("a", 5)], [line("a", 5, 11)], [("a", 0, "late")]),
    ([want("a", 5, 6)], [line("a", 5)], [("a", 0, "early")]),
    ([want("a", 5)], [line("a", 2), line("a", 3)], []),
    ([want("b", 2), want("b", 3)], [line("b", 5)], []),
    ([want("a", 5), want("b", -5)], [], [("a", -5, "missing"), ("b", 5, "missing")]),
    # R10: five lines alike under keys of their own are five, not one.
    ([want(str(n), 5) for n in range(5)], [line(str(n), 5) for n in range(5)], []),
    # R13: a surplus does not pay for a shortage, nor one asset for another.
    (
        [want("a", 5), want("b", 5)],
        [line("a", 6), line("b", 4)],
        [("a", 1, "amount"), ("b", -1, "amount")],
    ),
]


def test_differences_are_told_with_key_and_sign() -> None:
    for wanted, lines, told in CASES:
        found = tie(wanted, lines)
        assert found.differences == [Untied(key, "USD", size, why) for key, size, why in told]


def test_another_asset_is_another_movement() -> None:
    found = tie([want("a", 5)], [Booked("a", "EUR", 5, 5)])
    assert [each.difference for each in found.differences] == ["missing", "unexpected"]


amounts = st.integers(-9, 9).filter(bool)
keys = st.sampled_from("abcdef")


@given(st.lists(st.builds(want, keys, amounts)), st.lists(st.builds(line, keys, amounts)))
def test_all_that_is_booked_and_expected_is_accounted_for(
    wanted: list[Expected], lines: list[Booked]
) -> None:
    """The sizes of the differences are the difference of the sums: nothing lost, nothing twice."""
    found = tie(wanted, lines)
    booked = sum(each.amount for each in lines)
    assert sum(each.size for each in found.differences) == booked - sum(e.amount for e in wanted)
    assert found.tied + len(found.differences) == len({e.key for e in [*wanted, *lines]})
