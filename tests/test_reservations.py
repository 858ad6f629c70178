"""The reservation ledger against brute force that shares nothing with it, both ways."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from core import reservations
from core.token_state import Limits, Movement, Reserved

World = dict[str, int]
PEOPLE = ("a", "b", "c", "d", "e")
GROUPS = {"a": "g1", "b": "g1", "c": "g2", "d": "g2", "e": ""}


def book_of(balances: dict[str, int], locked: dict[str, int] | None = None) -> Reserved:
    book = Reserved(groups=dict(GROUPS), locked=dict(locked or {}))
    for address, value in balances.items():
        reservations.apply(book, Movement("", address, value))
    return book


# --- brute force: plain dictionaries, every order of every subset, no memory --------------------


def measures(world: dict[str, int]) -> dict[Any, int]:
    found: dict[Any, int] = {("holders",): sum(1 for held in world.values() if held)}
    found["supply",] = sum(world.values())
    for who, held in world.items():
        found["holder", who] = held
        found["group", GROUPS[who]] = found.get(("group", GROUPS[who]), 0) + held
    return found


def bounds(limits: Limits) -> dict[Any, int]:
    found: dict[Any, int] = {("holders",): limits.holders_max, ("supply",): limits.supply_max}
    for who in PEOPLE:
        found["holder", who] = limits.holder_max
    for group, bound in limits.groups.items():
        found["group", group] = bound
    return {what: bound for what, bound in found.items() if bound >= 0}


def broken(moved: Movement, before: World, after: World, limits: Limits, locked: World) -> set[Any]:
    """What this step takes beyond a limit, or further beyond; what is forced asks no lock-up."""
    was, now = measures(before), measures(after)
    found = {
        what
        for what, bound in bounds(limits).items()
        if now.get(what, 0) > bound and now.get(what, 0) > was.get(what, 0)
    }
    if moved.forced:
        return found
    return found | {("locked", w) for w in PEOPLE if after[w] < min(locked[w], before[w])}


def played(world: World, moved: Movement) -> World | None:
    after = dict(world)
    value = world[moved.sender] if moved.forced else moved.value
    if moved.sender:
        after[moved.sender] -= value
        if after[moved.sender] < 0 or not value:
            return None
    if moved.receiver:
        after[moved.receiver] += value
    return after


def steps(world: World, left: list[Movement], wanted: Movement, *, gone: bool) -> Iterator[Any]:
    """Every step of every order: what moved, before and after, and whether the wanted one had."""
    for number, moved in enumerate(left):
        after = played(world, moved)
        if after is not None:
            yield moved, world, after, gone
            rest = left[:number] + left[number + 1 :]
            yield from steps(after, rest, wanted, gone=gone or moved is wanted)


def is_grantable(
    world: World, moves: list[Movement], wanted: Movement, limits: Limits, locked: World
) -> bool:
    """It can happen and breaks nothing, and nothing open may break by it what it could not else."""
    happens, anyway, thereby = False, set(), set()
    for moved, before, after, gone in steps(world, [*moves, wanted], wanted, gone=False):
        bad = {(id(moved), what) for what in broken(moved, before, after, limits, locked)}
        happens |= moved is wanted
        if bad and moved is wanted:
            return False
        (thereby if gone else anyway).update(bad)
    return happens and not thereby - anyway


def drawn(dice: random.Random, kinds: int) -> Movement:
    sender, receiver = dice.sample(PEOPLE, 2)
    kind = dice.randrange(kinds)
    if kind == 0:
        return Movement("", receiver, dice.randint(1, 6))
    if kind == 1:
        return Movement(sender, "", dice.randint(1, 6))
    return Movement(sender, receiver, dice.randint(1, 6), forced=dice.randrange(6) == 0)


def limits_of(dice: random.Random) -> Limits:
    return Limits(
        holder_max=dice.choice((-1, 8, 10, 12)),
        holders_max=dice.choice((-1, 3, 4, 5)),
        supply_max=dice.choice((-1, 20, 26)),
        groups={g: dice.randint(8, 18) for g in ("g1", "g2") if dice.random() < 0.6},
    )


def recounted(book: Reserved) -> Reserved:
    """The same book, every sum counted anew."""
    anew = book_of(book.balances, book.locked)
    for name, moved in book.open.items():
        anew.open[name] = moved
        reservations._count(anew, moved, 1)
    return anew


class Life:
    """A token's life: movements are asked for, happen, lapse; limits move; and all is compared."""

    def __init__(self, seed: int, open_max: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # the dice of a test
        self.open_max = open_max
        self.limits = limits_of(self.dice)
        self.world = {who: self.dice.choice((0, 0, 3, 6, 9)) for who in PEOPLE}
        self.locked = {who: self.dice.choice((0, 0, 2, 5)) for who in PEOPLE}
        self.book = book_of({w: held for w, held in self.world.items() if held}, self.locked)
        self.told = {"granted": 0, "short": 0}
        self.asked = 0

    def turn(self) -> None:
        choice = self.dice.randrange(10)
        if choice < 6 and len(self.book.open) < self.open_max:
            self.ask()
        elif choice < 9 and self.book.open:
            self.end(self.dice.choice(list(self.book.open)))
        elif choice == 9 and self.dice.random() < 0.2:
            self.limits = limits_of(self.dice)
        assert self.book == recounted(self.book)
        assert self.book.balances == {w: held for w, held in self.world.items() if held}
        assert self.book.supply == sum(self.world.values())

    def ask(self) -> None:
        wanted = self.fitting(drawn(self.dice, 6))
        if any(each.forced and each.sender == wanted.receiver for each in self.book.open.values()):
            return
        before = list(self.book.open.values())
        right = is_grantable(self.world, before, wanted, self.limits, self.locked)
        self.asked += 1
        refusal = reservations.reserve(self.book, self.limits, f"n{self.asked}", wanted)
        case = (self.world, self.locked, self.limits, before, wanted, refusal)
        assert (not refusal) == right, case
        self.told[refusal or "granted"] = self.told.get(refusal or "granted", 0) + 1
        self.told["short"] += bool(self.book.short)

    def fitting(self, wanted: Movement) -> Movement:
        """What is forced is all that is there, and nothing is on its way there."""
        held = self.world.get(wanted.sender, 0)
        forced = wanted.forced and held > 0 and wanted.sender not in self.book.incoming
        value = held if forced else wanted.value
        return Movement(wanted.sender, wanted.receiver, value, forced)

    def end(self, name: str) -> None:
        after = played(self.world, self.book.open[name])
        if after is None or self.dice.random() < 0.3:
            reservations.release(self.book, name)
            return
        before, self.world = self.world, after
        moved = self.book.open[name]
        value = before[moved.sender] if moved.forced else moved.value
        reservations.release(self.book, name)
        reservations.apply(self.book, Movement(moved.sender, moved.receiver, value))


@pytest.mark.parametrize("seed", range(20))
def test_decisions_equal_brute_force_both_ways(seed: int) -> None:
    told: dict[str, int] = {}
    for number in range(10):
        life = Life(seed * 1000 + number, open_max=4)
        for _ in range(40):
            life.turn()
        for what, count in life.told.items():
            told[what] = told.get(what, 0) + count
    assert min(told[what] for what in ("granted", "short", "unfunded", "locked")) > 0
    assert min(told[what] for what in ("holder_cap", "group_cap")) > 0


def test_every_refusal_occurs() -> None:
    told: dict[str, int] = {}
    for seed in range(200):
        life = Life(seed, open_max=3)
        for _ in range(30):
            life.turn()
        for what, count in life.told.items():
            told[what] = told.get(what, 0) + count
    names = ("unfunded", "locked", "holder_cap", "group_cap", "holders_cap", "supply_cap")
    assert all(told[name] >= 10 for name in names), told


@pytest.mark.parametrize("seed", range(8))
def test_eight_that_bear_on_one_another(seed: int) -> None:
    life = Life(seed, open_max=8)
    while len(life.book.open) < 8:
        life.ask()
    life.ask()


def test_beyond_eight_sums_decide_and_err_to_the_safe_side() -> None:
    book = book_of({"a": 100, "b": 5})
    limits = Limits(holder_max=50)
    for number in range(9):
        assert not reservations.reserve(book, limits, str(number), Movement("a", "b", 5))
    # What a has left suffices for one, and b has room for none: 5 + 9 * 5 + 5 is beyond 50.
    assert reservations.objection(book, limits, Movement("a", "b", 5)) == "holder_cap"
    assert reservations.objection(book, limits, Movement("a", "c", 5)) == ""


def test_beyond_eight_a_want_of_value_is_no_lock_up() -> None:
    """Officers look for a lock-up where that is the word: there must be one."""
    book = book_of({"a": 50}, {"a": 3})
    for number in range(9):
        assert not reservations.reserve(book, Limits(), str(number), Movement("a", "b", 5))
    told = [reservations.objection(book, Limits(), Movement("a", "c", n)) for n in (2, 4, 6)]
    assert told == ["", "locked", "unfunded"]


def test_two_permissions_that_break_a_cap_together() -> None:
    book = book_of({"a": 60, "b": 60})
    limits = Limits(holder_max=100)
    assert not reservations.reserve(book, limits, "1", Movement("a", "c", 60))
    assert reservations.reserve(book, limits, "2", Movement("b", "c", 60)) == "holder_cap"
    reservations.release(book, "1")
    assert not reservations.reserve(book, limits, "2", Movement("b", "c", 60))


def test_two_that_cannot_both_happen_are_both_let_through() -> None:
    book = book_of({"a": 60})
    limits = Limits(holder_max=100)
    assert not reservations.reserve(book, limits, "1", Movement("a", "c", 60))
    assert not reservations.reserve(book, limits, "2", Movement("a", "c", 50))
    assert list(book.short) == ["a"]


def test_a_pending_exit_is_no_room() -> None:
    book = book_of({"a": 10, "b": 40, "c": 10})
    limits = Limits(groups={"g1": 55})
    assert not reservations.reserve(book, limits, "1", Movement("b", "c", 40))
    assert reservations.objection(book, limits, Movement("d", "a", 10)) == "unfunded"
    assert reservations.objection(book, limits, Movement("c", "a", 10)) == "group_cap"


def test_who_changes_its_group_takes_what_it_holds_along() -> None:
    book = book_of({"a": 10, "c": 10})
    reservations.reserve(book, Limits(), "1", Movement("c", "a", 4))
    reservations.regroup(book, "a", "g2")
    assert (book.totals, book.arriving) == ({"g2": 20}, {})
    reservations.regroup(book, "a", "g1")
    assert (book.totals, book.arriving) == ({"g1": 10, "g2": 10}, {"g1": 4})
