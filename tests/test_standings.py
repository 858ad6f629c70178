"""Strategies start disabled, are enabled by a person, and are disabled again by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from core.effects import CancelOrder, PlaceOrder, RaiseAlert
from core.events import ReferenceSet
from core.money import price
from core.risk_effects import TellStanding
from core.risk_events import (
    LimitsLoaded,
    LossStated,
    Standing,
    StrategyStateSet,
    StrategyTerms,
)
from core.strategies import BY_A_PERSON, BY_ITSELF
from tests.facts import PERP, Books, fill, ms, only, perp_books, report, spot_books, wish
from tests.planting import plant

TERMS = StrategyTerms(
    "mm",
    refusals_max=3,
    refusals_window_ns=1_000_000_000,
    stale_ns_max=500_000_000,
    loss_max=1000,
)


def limits(*terms: StrategyTerms) -> LimitsLoaded:
    return LimitsLoaded(
        received_at=ms(10),
        content_hash="h",
        author="anna",
        approver="ben",
        limits=(),
        strategies=terms,
    )


def be(standing: Standing, at: int = 20) -> StrategyStateSet:
    return StrategyStateSet(received_at=ms(at), strategy="mm", standing=standing, by="anna")


def held_by_limits(*terms: StrategyTerms) -> Books:
    books = perp_books()
    books.tell(limits(*terms))
    return books


def order(side: Any = "buy", amount: str = "1", at: int = 50, **terms: Any) -> Any:
    usual = {"account": PERP, "instrument": "BTC-PERP", "at": at}
    return wish(side, amount, "100", **{**usual, **terms})


def passes(books: Books, wanted: Any) -> bool:
    return bool(only(PlaceOrder, books.tell(wanted)))


def standing(books: Books) -> Standing:
    return books.state.risk.strategies["mm"].standing


def test_without_limits_nobody_is_held_and_with_them_nobody_starts_enabled() -> None:
    assert passes(perp_books(), order())
    books = held_by_limits()
    assert not passes(books, order())
    assert books.state.counts == {"refused/STRATEGY_DISABLED": 1}
    done = books.tell(be("enabled"))
    assert done == [TellStanding(strategy="mm", standing="enabled", reason="by anna: ")]
    assert passes(books, order())


def test_only_a_person_lets_a_strategy_do_more() -> None:
    more = {"disabled": 0, "reduce_only": 1, "enabled": 2}
    for was, to in BY_ITSELF.items():
        assert all(more[each] < more[was] for each in to)
    assert set(BY_A_PERSON) == set(more) == set(BY_ITSELF)


def test_a_loss_disables_and_takes_the_working_orders_back() -> None:
    books = held_by_limits(TERMS)
    books.tell(be("enabled"), reference(40), order())
    name = books.order().client_order_id
    at_the_limit = LossStated(received_at=ms(100), strategy="mm", loss=1000)
    assert books.tell(at_the_limit) == []
    done = books.tell(LossStated(received_at=ms(100), strategy="mm", loss=1001))
    assert standing(books) == "disabled"
    assert [each.client_order_id for each in only(CancelOrder, done)] == [name]
    assert "it lost 1001, above 1000" in only(RaiseAlert, done)[0].text
    assert books.tell(LossStated(received_at=ms(101), strategy="mm", loss=1001)) == []
    books.tell(LossStated(received_at=ms(102), strategy="mm", loss=0))
    assert standing(books) == "disabled", "a loss that is gone enables nobody"


def test_a_drawdown_is_from_the_best_that_it_stood_at() -> None:
    """A gain of 700 may shrink to 400 and not below, though nothing was lost yet in all."""
    books = held_by_limits(StrategyTerms("mm", drawdown_max=300))
    books.tell(be("enabled"))
    for at, loss in ((100, -200), (110, -700), (120, -600), (130, -400)):
        assert books.tell(LossStated(received_at=ms(at), strategy="mm", loss=loss)) == []
    done = books.tell(LossStated(received_at=ms(140), strategy="mm", loss=-399))
    assert standing(books) == "disabled"
    assert "it lost 301 since it stood best, above 300" in only(RaiseAlert, done)[0].text


def test_before_it_gained_anything_a_drawdown_is_a_loss() -> None:
    books = held_by_limits(StrategyTerms("mm", drawdown_max=300))
    books.tell(be("enabled"), LossStated(received_at=ms(100), strategy="mm", loss=300))
    assert standing(books) == "enabled"
    books.tell(LossStated(received_at=ms(101), strategy="mm", loss=301))
    assert standing(books) == "disabled"


def reference(at: int) -> ReferenceSet:
    return ReferenceSet(
        received_at=ms(at),
        account=PERP,
        instrument="BTC-PERP",
        price=price("100"),
        as_of=ms(at),
    )


@pytest.mark.parametrize(("age", "fresh"), [(500, True), (501, False)])
def test_stale_data_refuses_and_disables(age: int, *, fresh: bool) -> None:
    books = held_by_limits(TERMS)
    books.tell(be("enabled"), reference(100))
    assert passes(books, order(at=100 + age)) is fresh
    assert standing(books) == ("enabled" if fresh else "disabled")


def test_a_price_that_was_never_told_is_stale() -> None:
    books = held_by_limits(TERMS)
    books.tell(be("enabled"))
    assert not passes(books, order())
    assert standing(books) == "disabled"


@pytest.mark.parametrize(
    ("moments", "now"),
    [((60, 70, 80), "enabled"), ((60, 70, 80, 90), "disabled"), ((60, 70, 80, 1060), "enabled")],
)
def test_more_refusals_than_it_may_have_in_a_while_disable(
    moments: tuple[int, ...], now: Standing
) -> None:
    """Three within a second are allowed; what is a second old counts no more."""
    books = held_by_limits(StrategyTerms("mm", 3, 1_000_000_000))
    books.tell(be("enabled"))
    for at in moments:
        assert not passes(books, order(amount="0", at=at))
    assert standing(books) == now


def long_two() -> Books:
    """A strategy that holds 2 contracts and may only reduce."""
    books = held_by_limits()
    books.tell(be("enabled"), order(amount="2"))
    name = books.order().client_order_id
    usual: dict[str, Any] = {"account": PERP, "instrument": "BTC-PERP", "order_id": "v1"}
    books.tell(fill("f1", "buy", "2", "100", client_order_id=name, **usual))
    books.tell(be("reduce_only", at=200))
    return books


@pytest.mark.parametrize(
    ("side", "amount", "flagged", "pass_"),
    [
        ("sell", "2", True, True),
        ("sell", "2.00000001", True, False),
        ("sell", "2", False, False),
        ("buy", "1", True, False),
    ],
)
def test_reduce_only_cannot_flip(side: Any, amount: str, *, flagged: bool, pass_: bool) -> None:
    """Long 1 does not become short 4 (V29)."""
    assert passes(long_two(), order(side, amount, at=300, reduce_only=flagged)) is pass_


def test_two_exits_together_cannot_flip_either() -> None:
    books = long_two()
    assert passes(books, order("sell", "1.5", at=300, reduce_only=True))
    assert not passes(books, order("sell", "1", at=310, reduce_only=True))
    first = next(each for each in books.state.orders.values() if each.side == "sell")
    gone = report(
        first.client_order_id, "cancelled", at=320, account=PERP, instrument="BTC-PERP", side="sell"
    )
    books.tell(gone)
    assert passes(books, order("sell", "1", at=330, reduce_only=True))


def test_of_an_exit_that_is_partly_filled_only_the_rest_counts() -> None:
    books = long_two()
    assert passes(books, order("sell", "1.5", at=300, reduce_only=True))
    first = next(each for each in books.state.orders.values() if each.side == "sell")
    usual: dict[str, Any] = {"account": PERP, "instrument": "BTC-PERP", "order_id": "v2"}
    books.tell(fill("f2", "sell", "1", "100", client_order_id=first.client_order_id, **usual))
    assert not passes(books, order("sell", "0.6", at=310, reduce_only=True))
    assert passes(books, order("sell", "0.5", at=320, reduce_only=True))


def test_an_exit_that_is_over_counts_before_its_fills_are_told() -> None:
    """The venue calls it filled; the books hold 2 for a moment longer, and 2 more would flip."""
    books = long_two()
    assert passes(books, order("sell", "1.5", at=300, reduce_only=True))
    first = next(each for each in books.state.orders.values() if each.side == "sell")
    usual: dict[str, Any] = {"account": PERP, "instrument": "BTC-PERP", "order_id": "v2"}
    books.tell(report(first.client_order_id, "filled", at=305, **usual))
    assert not passes(books, order("sell", "0.6", at=310, reduce_only=True))
    books.tell(fill("f2", "sell", "1.5", "100", client_order_id=first.client_order_id, **usual))
    assert not passes(books, order("sell", "0.6", at=330, reduce_only=True))
    assert passes(books, order("sell", "0.5", at=340, reduce_only=True))


def test_an_exit_of_spot_is_a_sale_of_what_the_strategy_bought() -> None:
    """Not of what the account holds: that is somebody else's."""
    books = spot_books()
    books.tell(limits(), be("enabled"), wish("buy", "10", "0.01"))
    name = books.order().client_order_id
    books.tell(fill("f1", "buy", "10", "0.01", client_order_id=name, order_id="v1"))
    books.tell(be("reduce_only", at=200))
    assert not passes(books, wish("sell", "11", "0.01", at=300))
    assert passes(books, wish("sell", "10", "0.01", at=310))


class Bug(NamedTuple):
    """In `function` the text `old`, which is there once, becomes `new`; then the test goes red."""

    function: str
    old: str
    new: str
    seen_by: Callable[[], None]


BUGS = (
    Bug(
        "core.strategies:refusal",
        "if strategy is None or ",
        "if strategy is None:\n        return '', ''\n    if ",
        test_without_limits_nobody_is_held_and_with_them_nobody_starts_enabled,
    ),
    Bug(
        "core.strategies:_change",
        'if to == "disabled":',
        "if not to:",
        test_a_loss_disables_and_takes_the_working_orders_back,
    ),
    Bug(
        "core.strategies:on_loss",
        "event.loss > terms.loss_max",
        "event.loss >= terms.loss_max",
        test_a_loss_disables_and_takes_the_working_orders_back,
    ),
    Bug(
        "core.strategies:on_refused",
        'if code == "STALE_REFERENCE":',
        "if not code:",
        test_a_price_that_was_never_told_is_stale,
    ),
    Bug(
        "core.strategies:on_loss",
        "max(strategy.best, -event.loss)",
        "-event.loss",
        test_a_drawdown_is_from_the_best_that_it_stood_at,
    ),
    Bug(
        "core.strategies:on_loss",
        "since > terms.drawdown_max",
        "since >= terms.drawdown_max",
        test_before_it_gained_anything_a_drawdown_is_a_loss,
    ),
    Bug(
        "core.strategies:on_refused",
        "now - at < terms.refusals_window_ns",
        "now - at <= terms.refusals_window_ns",
        lambda: test_more_refusals_than_it_may_have_in_a_while_disable(
            (60, 70, 80, 1060), "enabled"
        ),
    ),
    Bug(
        "core.strategies:exit_room",
        "room -= leaves(order)",
        "room -= 0",
        test_two_exits_together_cannot_flip_either,
    ),
    Bug(
        "core.strategies:exit_room",
        "room -= leaves(order)",
        "room -= order.quantity",
        test_of_an_exit_that_is_partly_filled_only_the_rest_counts,
    ),
    Bug(
        "core.strategies:exit_room",
        "room - _sold(state, event)",
        "room",
        test_an_exit_that_is_over_counts_before_its_fills_are_told,
    ),
    Bug(
        "core.strategies:exit_room",
        '(amount > 0) != (event.side == "sell")',
        "False",
        lambda: test_reduce_only_cannot_flip("buy", "1", flagged=True, pass_=False),
    ),
    Bug(
        "core.positions:held",
        '("trade", listing.base)',
        '("trade", listing.quote)',
        test_an_exit_of_spot_is_a_sale_of_what_the_strategy_bought,
    ),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.function} {bug.new[:20]}")
def test_a_planted_bug_is_seen(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, bug.function, bug.old, bug.new)
    with pytest.raises(AssertionError):
        bug.seen_by()
