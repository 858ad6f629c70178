"""The oracle of risk: it sees what we truly dare, and knows ours from what others did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from sim.risk_oracle import Contract, RiskOracle, Sent, Traded
from sim.truth import Fact, Truth

A = "venue/main"
HERE = f"{A}/BTC"
HOLD = 2_000_000_000


@dataclass
class AVenue:
    """A venue that is what a test says."""

    left: dict[str, Decimal] = field(default_factory=dict)
    trades: list[Traded] = field(default_factory=list)
    held: Decimal = Decimal(0)
    elsewhere: Decimal = Decimal(0)
    cost: Decimal | None = Decimal(100)

    def leaves(self, client_id: str) -> Decimal | None:
        return self.left.get(client_id)

    def traded(self) -> Iterable[Traded]:
        return self.trades

    def position(self, symbol: str, leg: str) -> Decimal:
        return self.held if symbol == "BTC" else self.elsewhere

    def legs(self, symbol: str) -> tuple[str, ...]:
        return ("net",)

    def price(self, symbol: str) -> Decimal | None:
        return self.cost

    def size(self, symbol: str) -> Decimal:
        return Decimal(1)


class Story:
    """One strategy in one instrument under two limits; somebody may hold another."""

    def __init__(self, position: int = 10, value: int = 10**9) -> None:
        self.now = 0
        self.truth = Truth(lambda: self.now)
        self.venue = AVenue()
        self.lacking: list[Fact] = []
        limits = {
            ("STRATEGY_POSITION", f"s/{HERE}"): Decimal(position),
            ("ACCOUNT_POSITION", HERE): Decimal(position),
            ("FIRM_NET", ""): Decimal(value),
            ("FIRM_GROSS", ""): Decimal(value),
        }
        contracts = [Contract(A, each, each, "linear", Decimal(1)) for each in ("BTC", "ETH")]
        venues = {A: self.venue}
        self.oracle = RiskOracle(self.truth, venues, contracts, limits, 1000, HOLD, self._lacking)

    def _lacking(self, name: str) -> list[Fact]:
        return [fact for fact in self.lacking if name in fact.deltas]

    def send(self, name: str, quantity: int, side: str = "buy", **terms: bool) -> None:
        sent = Sent("s", A, "BTC", "net", side, Decimal(quantity), self.now + 100, **terms)
        self.oracle.decided(name, sent)

    def trade(self, name: str, quantity: int, sign: int = 1, *, after_end: bool = False) -> Fact:
        """It trades; the venue tells."""
        key = ("BTC", str(len(self.venue.trades)), "buy")
        self.venue.trades.append(Traded(name, Decimal(quantity), key, after_end))
        self.venue.held += sign * quantity
        self.venue.left[name] = max(Decimal(0), self.venue.left.get(name, Decimal(0)) - quantity)
        return self.truth.record(A, "fill", key, {f"{HERE}/net": Decimal(sign * quantity)})

    def others(self, quantity: int) -> Fact:
        self.venue.held += quantity
        return self.truth.record(A, "fill", ("x",), {f"{HERE}/net": Decimal(quantity)}, "adl")

    @property
    def lines(self) -> list[str]:
        return [breach.line for breach in self.oracle.breaches]


def test_an_order_that_nobody_has_heard_of_yet_counts_until_it_can_live_no_more() -> None:
    story = Story()
    story.send("a", 6)
    story.send("b", 5)
    assert story.lines == [f"STRATEGY_POSITION/s/{HERE}/long", f"ACCOUNT_POSITION/{HERE}/long"]
    story.now = 100
    story.send("c", 10)
    assert len(story.lines) == 2


def test_a_fill_that_was_told_to_nobody_counts() -> None:
    story = Story()
    story.send("a", 6)
    story.venue.left["a"] = Decimal(6)
    story.lacking.append(story.trade("a", 6))
    story.now = 5000
    story.send("b", 5)
    assert story.lines


def test_a_limit_that_is_met_exactly_is_kept() -> None:
    story = Story()
    story.send("a", 6)
    story.send("b", 4)
    story.send("c", 10, "sell")
    assert not story.lines
    story.send("d", 1, "sell")
    assert story.lines


def test_what_others_did_is_passive_and_is_no_reason_to_have_refused_until_our_books_have_it() -> (
    None
):
    story = Story()
    story.lacking.append(story.others(8))
    story.send("a", 5)
    assert not story.lines
    story.oracle.look()
    assert [breach.line for breach in story.oracle.passive] == [f"ACCOUNT_POSITION/{HERE}/long"]
    story.lacking.clear()
    story.send("b", 1)
    assert story.lines == [f"ACCOUNT_POSITION/{HERE}/long"]


def test_a_fact_alone_is_looked_at() -> None:
    story = Story()
    story.oracle.look()
    story.others(11)
    story.oracle.look()
    assert story.oracle.still_over == [f"ACCOUNT_POSITION/{HERE}/long"]


def test_the_end_of_an_order_alone_is_looked_at() -> None:
    story = Story()
    story.others(5)
    story.send("a", 8)
    story.venue.left["a"] = Decimal(8)
    story.oracle.look()
    assert story.oracle.still_over == [f"ACCOUNT_POSITION/{HERE}/long"]
    story.venue.left["a"] = Decimal(0)
    story.oracle.look()
    assert not story.oracle.still_over


def test_a_passive_breach_is_timed_until_it_is_cured() -> None:
    story = Story(value=1000)
    story.send("a", 9)
    story.venue.left["a"] = Decimal(9)
    story.trade("a", 9)
    story.oracle.look()
    assert not story.oracle.passive
    story.venue.cost = Decimal(120)
    for story.now in (2000, 3500, 6000):  # so old a price may be that is acted on
        story.oracle.look()
    assert story.oracle.still_over == ["FIRM_NET//long", "FIRM_GROSS//gross"]
    story.venue.cost = Decimal(100)
    story.now = 7000
    story.oracle.look()
    assert not story.oracle.still_over
    assert story.oracle.passive_ns == 2 * (7000 - 3500)
    assert not story.oracle.breaches


def test_an_exit_that_could_flip_is_seen() -> None:
    story = Story()
    story.send("a", 5)
    story.venue.left["a"] = Decimal(5)
    story.trade("a", 5)
    story.send("b", 3, "sell", reduce_only=True)
    assert (story.oracle.reductions, story.oracle.flips) == (1, [])
    story.send("c", 3, "sell", reduce_only=True)
    assert story.oracle.flips == ["c"]


def untold(*, after_end: bool) -> Story:
    """3 are short where our books have 4: an order filled, it is over, and nobody told the fill."""
    story = Story()
    story.send("short", 4, "sell")
    story.trade("short", 4, -1)
    story.send("over", 1)
    story.lacking.append(story.trade("over", 1, after_end=after_end))
    story.oracle.look()
    return story


@pytest.mark.parametrize(("waited", "flips"), [(HOLD, ["exit"]), (HOLD + 1, [])])
def test_a_fill_of_an_order_that_is_over_is_reckoned_with_for_its_hold(
    waited: int, flips: list[str]
) -> None:
    """Rejected, and filled all the same."""
    story = untold(after_end=True)
    story.now = told = 5 * HOLD
    story.oracle.heard_end(story.oracle.unheard | {"another": None})
    story.now = told + waited
    story.send("exit", 4, reduce_only=True)
    assert story.oracle.flips == flips


def test_a_fill_before_its_orders_end_is_reckoned_with_until_it_is_booked() -> None:
    story = untold(after_end=False)
    story.now = 2 * HOLD
    story.send("exit", 4, reduce_only=True)
    assert story.oracle.flips == ["exit"]


def test_a_fill_of_an_order_whose_end_nobody_heard_is_reckoned_with() -> None:
    story = untold(after_end=True)
    story.now = 100 * HOLD
    story.send("exit", 4, reduce_only=True)
    assert story.oracle.flips == ["exit"]


def test_an_exit_of_what_was_undone_untold_adds_to_nothing_that_is_over() -> None:
    """As far as our books can know it closes what is held. With more than that, it adds."""
    story = Story(value=1000)
    story.send("a", 5, "sell")
    story.venue.left["a"] = Decimal(5)
    story.trade("a", 5, -1)
    story.venue.elsewhere = Decimal(-11)
    story.oracle.look()
    story.venue.trades[0] = story.venue.trades[0]._replace(quantity=Decimal(0))
    story.venue.held += 5
    story.lacking.append(story.truth.record(A, "bust", ("y",), {f"{HERE}/net": Decimal(5)}))
    story.send("b", 5, reduce_only=True)
    assert story.oracle.still_over
    assert not story.lines
    story.send("c", 1)
    assert story.lines == ["FIRM_GROSS//gross"]


@pytest.mark.parametrize(("spent", "share"), [(2, "0.25"), (8, "1")])
def test_what_is_spent_on_an_old_word_is_a_share_of_what_was_left(spent: int, share: str) -> None:
    story = Story()
    story.send("a", 2)
    story.oracle.spoke()
    sent = Sent("s", A, "BTC", "net", "buy", Decimal(spent), 100)
    story.oracle.decided("b", sent, old=True)
    assert story.oracle.spent_when_old == Decimal(share)


def old(story: Story, name: str, quantity: int) -> None:
    sent = Sent("s", A, "BTC", "net", "buy", Decimal(quantity), story.now + 100)
    story.oracle.decided(name, sent, old=True)


def test_an_order_that_we_were_not_told_is_over_was_not_left_unspent() -> None:
    story = Story()
    story.send("a", 6)
    story.venue.left["a"] = Decimal(6)
    story.trade("a", 2)
    story.venue.left["a"] = Decimal(0)
    story.oracle.look()
    story.oracle.spoke(["a"])
    old(story, "b", 4)
    assert story.oracle.spent_when_old == 0
    story.oracle.spoke()
    old(story, "c", 2)
    assert story.oracle.spent_when_old == Decimal("0.5")


def test_a_fill_that_our_books_lacked_had_freed_nothing_yet() -> None:
    story = Story()
    for name, side, sign in (("a", "buy", 1), ("b", "sell", -1)):
        story.send(name, 6 if sign > 0 else 2, side)
        story.venue.left[name] = Decimal(6 if sign > 0 else 2)
        fact = story.trade(name, int(story.venue.left[name]), sign)
    story.lacking.append(fact)
    story.oracle.look()
    story.oracle.spoke()
    story.lacking.clear()
    old(story, "c", 2)
    assert story.oracle.spent_when_old == 0
    old(story, "d", 1)
    assert story.oracle.spent_when_old == Decimal("0.25")


def test_what_nobody_could_know_when_the_word_came_had_been_left() -> None:
    """4 of an order that is over, untold: we take 10 for left, and 7 of them are spent."""
    story = Story()
    story.send("rejected", 4)
    story.lacking.append(story.trade("rejected", 4, after_end=True))
    story.oracle.look()
    story.oracle.heard_end(["rejected"])
    story.now = HOLD + 1
    story.oracle.spoke()
    old(story, "b", 7)
    assert story.oracle.spent_when_old == Decimal("0.7")


def test_a_price_that_moves_is_not_spent() -> None:
    story = Story(position=10**6, value=1000)
    story.venue.cost = Decimal(1)
    story.send("a", 5)
    story.venue.left["a"] = Decimal(5)
    story.oracle.spoke()
    story.venue.cost = Decimal(100)
    for story.now in (2000, 4000):  # the price of before is older than any that is acted on
        story.oracle.look()
    old(story, "b", 1)
    assert story.oracle.spent_when_old == Decimal("0.2")


def test_where_nobody_quotes_the_last_price_holds() -> None:
    story = Story(value=1000)
    story.venue.cost = None
    story.oracle.look()
    story.venue.cost = Decimal(100)
    story.oracle.look()
    story.venue.cost = None
    story.now = 5000
    story.send("a", 11)
    assert "FIRM_NET//long" in story.lines
