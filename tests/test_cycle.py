"""The cold engine at work: what it makes of the journal's events, and what it lends on it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core.events import Event, ReferenceSet
from core.money import PRICE_ONE, price
from core.risk_events import (
    Bound,
    ExposureStated,
    LimitsLoaded,
    LossStated,
    RiskLimit,
    StrategyTerms,
)
from core.state import Reference, State
from risk.cycle import Cycle
from risk.engine import Halted
from risk.lines import line_of, sums_of
from risk.results import losses, results
from tests.facts import MS, PERP, fill, inverse, ms
from tests.test_limit_gate import Limited, limits

POSITION = f"account_position/{PERP}/BTC-PERP"
USD = 10**6


class Told(Limited):
    """The node's books, and an engine that is told every event of theirs."""

    def __init__(self, **terms: Any) -> None:
        self.journal: list[Event] = []
        self.cycle = Cycle(State(), 2)
        super().__init__(**terms)

    def tell(self, *events: Any) -> list[Any]:
        self.journal += events
        for event in events:
            self.cycle.take(event)
        return super().tell(*events)

    def load(self, **changed: Any) -> None:
        """Limits that are the usual ones but for these."""
        usual = limits(at=8)
        fields = {name: getattr(usual, name) for name in usual.__struct_fields__}
        self.tell(LimitsLoaded(**{**fields, **changed}))

    def answer(self, at: int = 100) -> tuple[ExposureStated, dict[str, int]]:
        """Its word, and the losses that it states."""
        *stated, word = self.cycle.answer(self.request, len(self.journal), ms(at))
        assert isinstance(word, ExposureStated)
        return word, {each.strategy: each.loss for each in stated if isinstance(each, LossStated)}


LINES = (RiskLimit(f"{POSITION}/long", 10**12), RiskLimit("firm_net/long", 10**12))


def test_it_states_what_is_held_and_not_what_works() -> None:
    told = Told()
    told.load(limits=LINES)
    name = told.ask("buy", "6", at=50)
    told.traded(name, "buy", "2", 70)
    word, _ = told.answer()
    stated = {each.line: each.exposure for each in word.lines}
    assert stated[f"{POSITION}/long"] == 2 * 10**8
    # Two contracts of 0.01 coins at 100, and a tenth more, for so wide is the collar.
    assert stated["firm_net/long"] == 2_200_001, "rounded up"
    reached = sums_of(told.cycle._engine(), working=True)
    assert reached.of(line_of("firm_net/long")).figure == 6_600_001


def test_a_wider_collar_widens_what_is_stated_before_there_is_a_newer_price() -> None:
    told = Told()
    told.load(limits=LINES)
    told.traded(told.ask("buy", "6", at=50), "buy", "2", 70)
    told.answer()
    bounds = {each.control: each for each in limits().bounds}
    bounds["PRICE_COLLAR"] = replace(bounds["PRICE_COLLAR"], amount=2000)
    told.load(limits=LINES, bounds=tuple(bounds.values()))
    word, _ = told.answer()
    stated = {each.line: each.exposure for each in word.lines}
    assert stated["firm_net/long"] == 2_400_001, "a fifth more, rounded up"


def test_what_the_books_of_limits_say_already_is_not_stated_again() -> None:
    told = Told()
    told.load(limits=LINES)
    name = told.ask("buy", "6", at=50)
    told.traded(name, "buy", "2", 70)
    word, _ = told.answer()
    assert word.lines
    told.tell(word)
    again, _ = told.answer()
    assert not again.lines
    assert again.sequence == word.sequence + 1


def test_on_what_is_stale_nothing_more_is_lent() -> None:
    told = Told()
    told.load(
        limits=LINES, bounds=(*limits().bounds, Bound("REFERENCE_AGE", f"{PERP}/BTC-PERP", 100))
    )
    name = told.ask("buy", "6", at=50)
    told.traded(name, "buy", "2", 70)
    fresh, _ = told.answer()
    assert not fresh.ceilings
    told.tell(fill("9", "buy", "0", "100", at=4000, account=PERP, instrument="none"))
    old, _ = told.answer()
    assert [(each.line, each.amount) for each in old.ceilings] == [("firm_net/long", 6_600_001)]


@pytest.mark.parametrize(("side", "then", "loss"), [("buy", 90, 200_000), ("sell", 110, 200_000)])
def test_a_loss_is_what_was_paid_less_what_it_is_worth(side: str, then: int, loss: int) -> None:
    """Two contracts of 0.01 coins, and a move of ten against us."""
    told = Told()
    told.load(limits=LINES, strategies=(StrategyTerms("mm", loss_max=150_000),))
    name = told.ask(side, "2", at=50)
    told.traded(name, side, "2", 70)
    told.cost(then, at=90)
    _, found = told.answer()
    assert found == {"mm": loss}
    told.tell(LossStated(received_at=ms(100), strategy="mm", loss=loss))
    assert "is disabled" in told.ask("buy", "1", at=101)


def test_of_a_drawdown_gains_are_stated_too() -> None:
    """Two contracts of 0.01 coins, and a move of ten for us."""
    told = Told()
    told.load(limits=LINES, strategies=(StrategyTerms("mm", drawdown_max=1),))
    name = told.ask("buy", "2", at=50)
    told.traded(name, "buy", "2", 70)
    told.cost(110, at=90)
    assert told.answer()[1] == {"mm": -200_000}


def test_an_inverse_contract_loses_coins_when_its_price_falls() -> None:
    """A thousand dollars of contracts bought at 100 owe ten coins: at 80 those are worth 800."""
    told = Told()
    told.tell(inverse())
    told.load(limits=LINES, strategies=(StrategyTerms("mm", loss_max=1),))
    reference = {"account": PERP, "instrument": "BTCUSD", "price": price("80")}
    told.tell(ReferenceSet(received_at=ms(9), as_of=ms(9), **reference))
    told.cost(80, at=14)
    here = f"mm/{PERP}/BTCUSD"
    figures = {f"{here}/position/net": 1000 * 10**8, f"{here}/value/BTC": -10 * 10**8}
    told.cycle.state.figures |= figures
    rates = {each: Reference(PRICE_ONE, ms(14)) for each in ("USD", "USDT")}
    state = told.cycle.state
    assert losses(state, results(state, rates)) == {"mm": 200 * USD}


def test_what_was_traded_in_a_window_stops_the_firm_until_it_is_old() -> None:
    told = Told()
    turnover = Bound("FIRM_TURNOVER", "", 3 * USD, 6_000 * MS)
    told.load(limits=LINES, bounds=(*limits().bounds, turnover))
    name = told.ask("buy", "4", at=50)
    told.traded(name, "buy", "2", 70)
    told.traded(name, "buy", "2", 75)
    word, _ = told.answer()
    assert not word.ceilings, "an echo went through no market"
    told.traded(name, "buy", "1", 90, ident="2")
    stopped, _ = told.answer()
    assert [each.line for each in stopped.ceilings] == ["firm_net/long"]
    told.cost(100, at=9000)
    free, _ = told.answer()
    assert not free.ceilings
    again = Cycle(told.cycle.state, 3)
    for event in told.journal:
        again.remember(event)
    assert again.flows.is_over(told.state) is False


def test_another_window_forgets_nothing_that_was_traded() -> None:
    """2.2 under one load and 2.2 under the next are more than 4."""
    told = Told()
    for seconds, ident, at in ((6, "1", 70), (7, "2", 90)):
        turnover = Bound("FIRM_TURNOVER", "", 4 * USD, seconds * 1_000 * MS)
        told.load(limits=LINES, bounds=(*limits().bounds, turnover))
        name = told.ask("buy", "2", at=at - 20)
        told.traded(name, "buy", "2", at, ident=ident)
        stopped = [each.line for each in told.answer()[0].ceilings]
        assert stopped == ([] if ident == "1" else ["firm_net/long"])


def test_a_turnover_of_nothing_lets_nothing_through() -> None:
    told = Told()
    none = Bound("FIRM_TURNOVER", "", 0, 6_000 * MS)
    told.load(limits=LINES, bounds=(*limits().bounds, none))
    word, _ = told.answer()
    assert [(each.line, each.amount) for each in word.ceilings] == [("firm_net/long", 0)]


def test_how_old_a_price_may_be_is_what_the_newest_limits_say() -> None:
    told = Told()
    told.load(limits=LINES)
    name = told.ask("buy", "6", at=50)
    told.traded(name, "buy", "2", 70)
    assert not told.answer()[0].ceilings
    told.load(
        limits=LINES, bounds=(*limits().bounds, Bound("REFERENCE_AGE", f"{PERP}/BTC-PERP", 100))
    )
    told.tell(fill("9", "buy", "0", "100", at=4000, account=PERP, instrument="none"))
    assert [each.line for each in told.answer()[0].ceilings] == ["firm_net/long"]


def test_an_engine_that_finds_itself_wrong_says_nothing_more() -> None:
    told = Told()
    told.load(limits=LINES)
    name = told.ask("buy", "6", at=50)
    told.traded(name, "buy", "2", 70)
    told.answer()
    told.cycle._engine().long[0] += 1
    for _ in range(2):
        with pytest.raises(Halted):
            told.answer()
