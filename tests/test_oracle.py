"""The oracle: what is old and unnamed is silent, whatever happens next; and a crash takes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sim.oracle import MOMENT_NS, Oracle
from sim.truth import Fact, Truth

SECOND = 1_000_000_000
BOUND = 3 * SECOND
HERE = "venue/main"
FOR_EVER = 2**62
CASH, LEG = f"{HERE}/USDT/cash", f"{HERE}/BTC-PERP/net"


@dataclass
class Said:
    """Books that say what they are told to say."""

    figures: dict[str, Decimal] = field(default_factory=dict)
    names: dict[str, Decimal] = field(default_factory=dict)
    known: list[tuple[str, ...]] = field(default_factory=list)
    doubts: dict[str, Decimal] = field(default_factory=dict)

    def figure(self, holding: str) -> Decimal:
        return self.figures.get(holding, Decimal(0))

    def doubt(self, holding: str) -> Decimal:
        return self.doubts.get(holding, Decimal(0))

    def named(self, holding: str) -> Decimal | None:
        return self.names.get(holding)

    def booked(self, fact: Fact) -> bool:
        return fact.key in self.known

    def book(self, fact: Fact) -> list[str]:
        self.known.append(fact.key)
        for name, amount in fact.deltas.items():
            self.figures[name] = self.figure(name) + amount
        return list(fact.deltas)


class Story:
    """A truth, books and the oracle between them, on a clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 0
        self.truth = Truth(lambda: self.now)
        self.oracle = Oracle(self.truth, {HERE: BOUND}, 0)
        self.books = Said()
        self.oracle.node_up(self.books)
        self._made = 0

    def fact(self, *, lost: bool = False, **deltas: int) -> Fact:
        """Cash, a leg or both move."""
        self._made += 1
        names = {"cash": CASH, "leg": LEG}
        moved = {names[what]: Decimal(amount) for what, amount in deltas.items()}
        fact = self.truth.record(HERE, "fill", (str(self._made),), moved)
        if lost:
            self.truth.lost((fact,))
        return fact

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    def look(self) -> None:
        self.oracle.look_around()

    def step(self, *booked: Fact) -> None:
        touched = [name for fact in booked for name in self.books.book(fact)]
        self.oracle.observe(touched)

    def silent(self) -> list[str]:
        return [each.holding for each in self.oracle.silent]


# --- the law is looked at when the world moves, too ----------------------------------------------


def test_a_fact_of_the_world_is_looked_at_without_any_step_of_ours() -> None:
    """Had the next step booked it, nobody would ever have known that it was late."""
    story = Story()
    late = story.fact(cash=5, lost=True)
    story.wait(3.1)
    story.fact(leg=1)
    assert story.silent() == [CASH]
    story.step(late)
    assert story.silent() == [CASH]


def test_what_is_young_or_named_is_not_silent() -> None:
    story = Story()
    story.fact(cash=5, lost=True)
    story.wait(2.9)
    story.look()
    story.books.names[CASH] = Decimal(5)
    story.look()
    story.wait(60)
    story.look()
    assert story.silent() == []


# --- a crash takes back --------------------------------------------------------------------------


def test_what_was_booked_and_not_durable_is_unbooked_by_a_crash() -> None:
    story = Story()
    fact = story.fact(cash=5)
    story.step(fact)
    assert story.oracle.in_flight == 0
    story.oracle.node_down(Said())
    assert story.oracle.in_flight == 1


def test_what_was_durable_stays_booked() -> None:
    story = Story()
    story.step(story.fact(cash=5))
    story.oracle.node_durable()
    story.oracle.node_down(story.books)
    assert story.oracle.in_flight == 0


def test_what_was_durable_and_is_cut_off_is_unbooked_and_as_old_as_the_cut() -> None:
    story = Story()
    story.step(story.fact(cash=5))
    story.wait(10)
    story.step(story.fact(cash=7))
    story.oracle.node_durable()
    story.wait(60)
    story.books = Said(figures={CASH: Decimal(5)})  # whose identity they need not remember
    story.oracle.node_down(story.books, cut_since=5 * SECOND)
    assert [fact.deltas[CASH] for fact in story.oracle.unbooked(CASH)] == [7]
    story.oracle.node_up(story.books)
    story.wait(2.9)
    story.look()
    assert story.silent() == []
    story.wait(0.2)
    story.look()
    assert story.silent() == [CASH]


def test_what_was_read_in_a_life_that_a_cut_took_was_read_in_vain() -> None:
    story = Story()
    story.fact(cash=5, lost=True)
    story.wait(1)
    story.oracle.node_durable()
    story.wait(1.5)
    story.oracle.node_down(story.books, cut_since=1 * SECOND)
    story.oracle.node_up(story.books)
    story.wait(1.9)
    story.look()
    assert story.silent() == []
    story.wait(0.2)
    story.look()
    assert story.silent() == [CASH]


def test_a_drift_is_no_older_for_what_a_cut_life_read() -> None:
    story = Story()
    late = story.fact(cash=5, lost=True)
    story.look()
    story.wait(2.5)
    story.oracle.node_down(story.books, cut_since=1 * SECOND)
    story.oracle.node_up(story.books)
    story.wait(1.9)
    story.step(late)
    (drift,) = story.oracle.drifted.values()
    assert drift.found_ns == int(2.9 * SECOND)


def test_what_undoes_a_fill_that_a_cut_took_shows_in_nothing_and_is_no_older_for_it() -> None:
    story = Story()
    story.step(story.fact(cash=5))
    story.oracle.node_durable()
    undone = story.fact(cash=-5, lost=True)
    story.books = Said()
    story.oracle.node_down(story.books, cut_since=0)
    story.oracle.node_up(story.books)
    story.wait(60)
    story.look()
    story.step(undone)
    (drift,) = story.oracle.drifted.values()
    assert (drift.how, drift.found_ns) == ("evidence booked", 0)


def test_a_frame_that_died_with_us_was_told_to_nobody() -> None:
    """Its fact is drift from then on, and found when its evidence is booked in the next life."""
    story = Story()
    fact = story.fact(cash=5)
    story.truth.sent((fact,))
    story.truth.heard((fact,))
    story.step(fact)
    story.truth.dropped()
    story.oracle.node_down(again := Said())
    story.wait(2)
    story.oracle.node_up(again)
    story.look()
    assert [drift.fact for drift in story.oracle.missed()] == [fact]
    again.book(fact)
    story.wait(1)
    story.oracle.observe([CASH])
    (drift,) = story.oracle.drifted.values()
    assert (drift.how, drift.found_ns) == ("evidence booked", SECOND)  # we were down for two more


def test_a_frame_that_was_made_durable_was_told() -> None:
    story = Story()
    fact = story.fact(cash=5)
    story.truth.sent((fact,))
    story.truth.heard((fact,))
    assert fact.told_at < 0
    story.truth.kept()
    story.truth.dropped()
    assert (fact.told_at, fact.lost_at) == (0, -1)


def test_what_was_found_and_not_durable_is_found_no_longer() -> None:
    story = Story()
    story.fact(cash=5, lost=True)
    story.look()
    story.books.names[CASH] = Decimal(5)
    story.look()
    assert story.oracle.missed() == []
    story.oracle.node_down(Said())
    assert len(story.oracle.missed()) == 1


def test_while_the_node_is_down_facts_are_followed_and_the_clock_stands_still() -> None:
    story = Story()
    story.oracle.node_down(story.books)
    story.fact(cash=5, lost=True)
    story.wait(60)
    story.fact(leg=1)
    assert story.silent() == []
    assert story.oracle.paused_ns(HERE, story.now, 0) == 60 * SECOND
    story.oracle.node_up(story.books)
    story.wait(3.1)
    story.look()
    assert story.silent() == [CASH, LEG]


# --- each kind of statement has its clock --------------------------------------------------------


def test_positions_that_cannot_be_read_excuse_nothing_in_cash() -> None:
    story = Story()
    story.truth.statement_path(f"{HERE} positions", FOR_EVER)
    story.fact(cash=5, lost=True)
    story.fact(leg=1, lost=True)
    story.wait(3.1)
    story.look()
    assert story.silent() == [CASH]
    story.truth.statement_path(f"{HERE} positions", 0)
    story.wait(3.1)
    story.look()
    assert story.silent() == [CASH, LEG]


def test_what_either_kind_would_show_is_as_old_as_the_clock_that_ran() -> None:
    story = Story()
    fact = story.fact(cash=5, leg=1, lost=True)
    story.truth.statement_path(f"{HERE} positions", FOR_EVER)
    story.wait(2)
    story.look()
    story.step(fact)
    (drift,) = story.oracle.drifted.values()
    assert drift.found_ns == 2 * SECOND


def test_a_failure_excuses_what_it_took_and_not_that_nobody_asks_again() -> None:
    story = Story()
    story.fact(cash=5, lost=True)
    story.truth.statement_path(f"{HERE} balances", story.now + SECOND)
    story.wait(3.9)
    story.look()
    assert story.silent() == []
    story.wait(0.2)
    story.look()
    assert story.silent() == [CASH]
    assert story.oracle.paused_ns(HERE, story.now, 0) == SECOND


# --- what is provisional -------------------------------------------------------------------------


def too_much(by: str, *, declared: str) -> Story:
    story = Story()
    story.books.figures[CASH], story.books.doubts[CASH] = Decimal(by), Decimal(declared)
    return story


def after_the_bound(story: Story) -> list[str]:
    story.oracle.observe([CASH])
    story.wait(3.1)
    story.look()
    return story.silent()


def test_what_we_declare_provisional_is_not_where_the_venue_told_exactly() -> None:
    assert after_the_bound(too_much("0.9", declared="1")) == [CASH]


def test_it_is_so_far_as_an_average_leaves_open_and_until_the_exact_value_was_told() -> None:
    for by, silent in (("0.02", []), ("0.03", [CASH])):
        story = too_much(by, declared="1")
        story.truth.averaged(CASH, "order", Decimal(200), Decimal("0.02"))
        assert after_the_bound(story) == silent
    story = too_much("0.02", declared="1")
    story.truth.averaged(CASH, "order", Decimal(200), Decimal("0.02"))
    story.truth.told_exactly(CASH, "order", Decimal(100))  # of before its last fill
    assert after_the_bound(story) == []
    story.truth.told_exactly(CASH, "order", Decimal(200))
    assert after_the_bound(story) == []
    assert after_the_bound(story) == [CASH]


# --- breaks without a size -----------------------------------------------------------------------


class Told(Story):
    """A story in which the books open breaks without a size."""

    def breaks(self, name: str = CASH) -> bool:
        """Whether such a break is true, now."""
        self.books.names[name] = Decimal(0)
        before = len(self.oracle.false_alarms)
        self.oracle.on_break(name)
        del self.books.names[name]
        return len(self.oracle.false_alarms) == before

    def hear(self, fact: Fact) -> None:
        self.truth.sent((fact,))
        self.truth.heard((fact,))
        self.truth.kept()


def test_a_contradiction_that_nobody_told_is_a_false_alarm() -> None:
    story = Told()
    assert not story.breaks()
    fill = story.fact(cash=5)
    story.hear(fill)
    story.step(fill)
    story.wait(1)
    other = story.truth.contradict(fill, CASH)
    assert not story.breaks()
    story.hear(other)
    assert story.breaks()
    assert not story.breaks(LEG)


def test_a_contradiction_explains_what_opens_as_it_is_told_and_nothing_later() -> None:
    story = Told()
    fill = story.fact(cash=5)
    story.hear(fill)
    story.step(fill)
    story.wait(1)
    other = story.truth.contradict(fill, CASH)
    story.hear(other)
    story.wait(1)
    assert not story.breaks()
    story.hear(other)  # doubled by the wire
    assert story.breaks()


def test_where_the_wrong_content_was_heard_first_each_telling_of_the_right_one_contradicts() -> (
    None
):
    story = Told()
    fill = story.fact(cash=5, lost=True)
    other = story.truth.contradict(fill, CASH)
    story.hear(other)
    story.step(fill)
    story.wait(600)
    assert story.breaks()
    story.hear(fill)
    story.wait(600)
    assert story.breaks()


def test_what_a_crash_or_a_cut_took_was_not_told_in_two_contents() -> None:
    for how in ("crash", "cut"):
        story = Told()
        fill = story.fact(cash=5)
        story.hear(fill)
        story.step(fill)
        story.wait(1)
        before = story.now
        other = story.truth.contradict(fill, CASH)
        story.wait(0.001)
        story.truth.sent((other,))
        story.truth.heard((other,))
        if how == "crash":
            story.truth.dropped()
        else:
            story.truth.kept()
            assert other.told_at == story.now
            story.truth.cut(before)
        assert (other.told_at, story.breaks()) == (-1, False)


def restated(story: Told) -> Fact:
    """The contract of the leg is counted anew, and our books know."""
    story.truth.totals[LEG] = story.books.figures[LEG] = Decimal(10)
    fact = story.truth.record(HERE, "restated", ("BTC-PERP", "1"), {LEG: Decimal(90)}, "multiplier")
    story.wait(0.5)
    return fact


def test_a_restatement_explains_breaks_until_it_is_booked_and_for_the_bound_after_that() -> None:
    story = Told()
    fact = restated(story)
    story.wait(600)
    assert story.breaks(LEG)
    assert not story.breaks(CASH)
    story.step(fact)
    story.wait(2.9)
    assert story.breaks(LEG)
    story.wait(0.2)
    assert not story.breaks(LEG)


def test_what_happened_before_a_restatement_and_is_told_after_it_may_not_come_out_even() -> None:
    story = Told()
    late = story.fact(leg=1, lost=True)
    fact = restated(story)
    story.step(fact)
    story.wait(600)
    assert not story.breaks(LEG)
    story.step(late)
    assert story.breaks(LEG)
    story.wait(600)
    story.step(story.fact(leg=1))
    assert not story.breaks(LEG)


def test_a_restatement_that_a_crash_unbooked_explains_again() -> None:
    story = Told()
    fact = restated(story)
    story.step(fact)
    story.books.known.remove(fact.key)
    story.oracle.node_down(story.books)
    story.oracle.node_up(story.books)
    story.wait(600)
    assert story.breaks(LEG)
    story.step(fact)
    story.wait(600)
    assert not story.breaks(LEG)


# --- names ---------------------------------------------------------------------------------------


def named_and_settled() -> Story:
    story = Story()
    story.books.figures[CASH] = Decimal(7)
    story.step(story.fact(cash=7))
    story.books.figures[CASH] = Decimal(7)
    story.fact(cash=5, lost=True)
    story.books.names[CASH] = Decimal(5)
    story.wait(2 * MOMENT_NS / SECOND)
    story.look()
    return story


def test_a_name_that_is_gone_while_the_difference_is_not_was_forgotten() -> None:
    story = named_and_settled()
    del story.books.names[CASH]
    story.look()
    assert story.oracle.forgotten == [CASH]
    assert story.silent() == []


def test_a_name_that_goes_with_the_difference_was_not_forgotten() -> None:
    story = named_and_settled()
    del story.books.names[CASH]
    story.step(story.truth.facts[-1])
    story.look()
    assert story.oracle.forgotten == []
