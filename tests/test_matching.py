"""The book against small stories, and against a model too slow and too plain to be wrong."""

from dataclasses import dataclass
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venues.matching import Book, Cancelled, Execution, Placement, SelfTrade

# ---------------------------------------------------------------- stories
#
# A line is an order and what must come of it:
#   owner/id side quantity price kind -> maker quantity@price, ..; order reason, ..; resting status

STORIES = {
    "the best price trades first, then the oldest order": """
        ann/a  sell 5 101 limit -> ; ; 5 resting
        ben/b  sell 5 100 limit -> ; ; 5 resting
        cat/c  sell 5 100 limit -> ; ; 5 resting
        dan/d  buy 12 101 limit -> b 5@100, c 5@100, a 2@101; ; 0 filled
    """,
    "an execution has the maker's price": """
        ann/a  buy  5 103 limit -> ; ; 5 resting
        ben/b  sell 5  90 limit -> a 5@103; ; 0 filled
    """,
    "a limit order rests with what it could not trade": """
        ann/a  sell 3 100 limit -> ; ; 3 resting
        ben/b  buy  5 100 limit -> a 3@100; ; 2 resting
        cat/c  sell 9 100 limit -> b 2@100; ; 7 resting
    """,
    "a partly filled maker keeps its place": """
        ann/a  sell 5 100 limit -> ; ; 5 resting
        ben/b  sell 5 100 limit -> ; ; 5 resting
        cat/c  buy  2 100 limit -> a 2@100; ; 0 filled
        cat/d  buy  4 100 limit -> a 3@100, b 1@100; ; 0 filled
    """,
    "a price that does not cross does not trade": """
        ann/a  sell 5 101 limit -> ; ; 5 resting
        ben/b  buy  5 100 limit -> ; ; 5 resting
    """,
    "prices may be negative": """
        ann/a  sell 5 -37 limit -> ; ; 5 resting
        ben/b  sell 5 -38 limit -> ; ; 5 resting
        cat/c  buy  6 -37 limit -> b 5@-38, a 1@-37; ; 0 filled
    """,
    "a market order takes every level and never rests": """
        ann/a  sell 3 100 limit -> ; ; 3 resting
        ben/b  sell 3 900 limit -> ; ; 3 resting
        cat/c  buy  9 - market  -> a 3@100, b 3@900; c no_liquidity; 0 cancelled
        cat/d  buy  9 - market  -> ; d no_liquidity; 0 cancelled
    """,
    "immediate-or-cancel trades what it can": """
        ann/a  sell 3 100 limit -> ; ; 3 resting
        ben/b  sell 3 101 limit -> ; ; 3 resting
        cat/c  buy  9 100 ioc   -> a 3@100; c ioc; 0 cancelled
        cat/d  buy  3 101 ioc   -> b 3@101; ; 0 filled
    """,
    "fill-or-kill trades all of it or nothing": """
        ann/a  buy  3 100 limit -> ; ; 3 resting
        ben/b  buy  3  99 limit -> ; ; 3 resting
        cat/c  sell 7  99 fok   -> ; c fok; 0 cancelled
        cat/d  sell 4 100 fok   -> ; d fok; 0 cancelled
        cat/e  sell 9 200 fok   -> ; e fok; 0 cancelled
        cat/f  sell 6  99 fok   -> a 3@100, b 3@99; ; 0 filled
    """,
    "post-only never takes": """
        ann/a  sell 3 100 limit     -> ; ; 3 resting
        ben/b  buy  1 100 post_only -> ; b post_only; 0 cancelled
        ben/c  buy  1  99 post_only -> ; ; 1 resting
        cat/d  sell 1  99 limit     -> c 1@99; ; 0 filled
    """,
}

SELF_TRADE_STORIES = {
    "cancel_newest": """
        ben/b  sell 2 100 limit -> ; ; 2 resting
        ann/a  sell 5 100 limit -> ; ; 5 resting
        ann/c  buy  4 100 limit -> b 2@100; c self_trade; 0 cancelled
        cat/d  buy  5 100 limit -> a 5@100; ; 0 filled
    """,
    "cancel_oldest": """
        ann/a  sell 5 100 limit -> ; ; 5 resting
        ben/b  sell 2 101 limit -> ; ; 2 resting
        ann/c  buy  4 101 limit -> b 2@101; a self_trade; 2 resting
        cat/d  sell 2 101 limit -> c 2@101; ; 0 filled
    """,
    "cancel_both": """
        ann/a  sell 5 100 limit -> ; ; 5 resting
        ben/b  sell 2 100 limit -> ; ; 2 resting
        ann/c  buy  4 100 limit -> ; a self_trade, c self_trade; 0 cancelled
        cat/d  buy  2 100 limit -> b 2@100; ; 0 filled
    """,
    "none": """
        ann/a  sell 5 100 limit -> ; ; 5 resting
        ann/b  buy  4 100 limit -> a 4@100; ; 0 filled
    """,
}

FILL_OR_KILL_MEETS_ITSELF = {  # ann's own 5 stand before the 5 of others
    "cancel_newest": "; f fok; 0 cancelled",
    "cancel_oldest": "b 5@100; a self_trade; 0 filled",
    "cancel_both": "; f fok; 0 cancelled",
    "none": "a 5@100; ; 0 filled",
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_the_book_tells(story: str) -> None:
    tell(Book(), story)


@pytest.mark.parametrize("rule", get_args(SelfTrade))
def test_an_owner_who_meets_itself(rule: SelfTrade) -> None:
    tell(Book(rule), SELF_TRADE_STORIES[rule])


@pytest.mark.parametrize("rule", get_args(SelfTrade))
def test_fill_or_kill_knows_the_self_trade_rule(rule: SelfTrade) -> None:
    tell(
        Book(rule),
        f"""
        ann/a  sell 5 100 limit -> ; ; 5 resting
        ben/b  sell 5 100 limit -> ; ; 5 resting
        ann/f  buy  5 100 fok   -> {FILL_OR_KILL_MEETS_ITSELF[rule]}
        """,
    )


def test_fill_or_kill_is_not_stopped_by_an_order_that_has_left() -> None:
    book = Book("cancel_newest")
    book.place("a", "ann", "sell", 5, 100, "limit")
    book.place("b", "ben", "sell", 5, 100, "limit")
    book.cancel("a")
    assert book.place("f", "ann", "buy", 5, 100, "fok").status == "filled"


def test_an_execution_names_maker_and_taker() -> None:
    book = Book()
    book.place("a", "ann", "sell", 5, 100, "limit")
    placement = book.place("b", "ben", "buy", 5, 100, "limit")
    assert placement.executions == [Execution("a", "ann", "b", "ben", price=100, quantity=5)]


def test_a_cancelled_maker_is_named_with_its_owner() -> None:
    book = Book("cancel_oldest")
    book.place("a", "ann", "sell", 5, 100, "limit")
    placement = book.place("b", "ann", "buy", 5, 100, "limit")
    assert placement.cancelled == [Cancelled("a", "ann", 5, "self_trade")]


def test_a_cancellation_tells_its_leaves_once() -> None:
    book = Book()
    book.place("a", "ann", "sell", 5, 100, "limit")
    book.place("b", "ben", "buy", 2, 100, "limit")
    assert [book.cancel("a"), book.cancel("a"), book.cancel("b")] == [3, 0, 0]
    assert book.best_ask is None


def test_a_filled_order_can_no_longer_be_cancelled() -> None:
    book = Book()
    book.place("a", "ann", "sell", 5, 100, "limit")
    book.place("b", "ben", "buy", 5, 100, "limit")
    assert [book.cancel("a"), book.leaves("a")] == [0, 0]


def test_depth_is_best_first_and_bounded() -> None:
    book = Book()
    for order_id, side, price in [("a", "buy", 98), ("b", "buy", 99), ("c", "buy", 99)]:
        book.place(order_id, "ann", "buy" if side == "buy" else "sell", 5, price, "limit")
    book.place("d", "ann", "sell", 7, 102, "limit")
    book.place("e", "ann", "sell", 1, 101, "limit")
    assert book.depth("buy") == [(99, 10), (98, 5)]
    assert book.depth("sell") == [(101, 1), (102, 7)]
    assert book.depth("sell", 1) == [(101, 1)]
    assert (book.best_bid, book.best_ask) == (99, 101)


def test_an_id_may_return_once_its_order_has_left() -> None:
    """Limitation: the book forgets; ids for ever are the venue's business."""
    book = Book()
    book.place("a", "ann", "sell", 5, 100, "limit")
    with pytest.raises(ValueError, match="already in the book"):
        book.place("a", "ann", "sell", 5, 100, "limit")
    book.cancel("a")
    assert book.place("a", "ann", "sell", 5, 100, "limit").status == "resting"


@pytest.mark.parametrize(
    ("side", "quantity", "price", "kind"),
    [
        ("buy", 0, 100, "limit"),
        ("buy", -1, 100, "limit"),
        ("buy", 1.0, 100, "limit"),
        ("buy", True, 100, "limit"),
        ("buy", 1, 100.0, "limit"),
        ("buy", 1, None, "limit"),
        ("buy", 1, None, "ioc"),
        ("buy", 1, 100, "market"),
        ("long", 1, 100, "limit"),
        ("buy", 1, 100, "gtc"),
    ],
)
def test_what_is_no_order_is_refused_and_changes_nothing(
    side: Any, quantity: Any, price: Any, kind: Any
) -> None:
    book = Book()
    book.place("a", "ann", "sell", 5, 100, "limit")
    with pytest.raises(ValueError, match=r"must be|has no price"):
        book.place("x", "ben", side, quantity, price, kind)
    assert book.depth("sell") == [(100, 5)]
    assert book.depth("buy") == []


def test_a_level_of_mostly_cancelled_orders_is_swept() -> None:
    """A crowd that re-quotes one price for ever must not fill the memory."""
    book = Book()
    book.place("first", "ann", "sell", 1, 100, "limit")
    for number in range(1_000):
        book.place(f"quote {number}", "ben", "sell", 1, 100, "limit")
        book.cancel(f"quote {number}")
    book.place("last", "ann", "sell", 1, 100, "limit")
    assert len(book._asks.levels[-100].queue) < 40
    assert [order.order_id for order in book.queue("sell")] == ["first", "last"]


def tell(book: Book, story: str) -> None:
    """Place the orders of a story one by one and compare what each line says came of it."""
    for line in filter(None, map(str.strip, story.splitlines())):
        order, outcome = line.split("->")
        name, side, quantity, price, kind = order.split()
        owner, order_id = name.split("/")
        arguments: Any = (order_id, owner, side, int(quantity), number_or_none(price), kind)
        assert retell(book.place(*arguments)) == " ".join(outcome.split()), line


def retell(placement: Placement) -> str:
    executions = ", ".join(f"{e.maker_id} {e.quantity}@{e.price}" for e in placement.executions)
    cancelled = ", ".join(f"{c.order_id} {c.reason}" for c in placement.cancelled)
    return f"{executions}; {cancelled}; {placement.resting} {placement.status}"


def number_or_none(text: str) -> int | None:
    return None if text == "-" else int(text)


# ---------------------------------------------------------------- laws


@dataclass
class ModelOrder:
    order_id: str
    owner: str
    side: str
    price: int
    leaves: int


class ModelBook:
    """One list in order of arrival; the best order is looked for anew for every single lot."""

    def __init__(self, self_trade: str) -> None:
        self.self_trade = self_trade
        self.orders: list[ModelOrder] = []

    def place(
        self, order_id: str, owner: str, side: str, quantity: int, price: int | None, kind: str
    ) -> tuple[list[tuple[str, int]], list[tuple[str, int]], int]:
        """(maker and price of every lot traded), (order and lots cancelled), resting."""
        if kind == "post_only" and self.best_against(side, price) is not None:
            return [], [(order_id, quantity)], 0
        before = [ModelOrder(**vars(order)) for order in self.orders]
        lots: list[tuple[str, int]] = []
        cancelled: list[tuple[str, int]] = []
        leaves = quantity
        while leaves:
            maker = self.best_against(side, price)
            if maker is None:
                break
            if maker.owner == owner and self.self_trade != "none":
                if self.self_trade in ("cancel_oldest", "cancel_both"):
                    self.orders.remove(maker)
                    cancelled.append((maker.order_id, maker.leaves))
                if self.self_trade in ("cancel_newest", "cancel_both"):
                    cancelled.append((order_id, leaves))
                    leaves = 0
                continue
            lots.append((maker.order_id, maker.price))
            leaves -= 1
            maker.leaves -= 1
            if maker.leaves == 0:
                self.orders.remove(maker)
        if kind == "fok" and len(lots) < quantity:
            self.orders = before
            return [], [(order_id, quantity)], 0
        if leaves and kind in ("limit", "post_only"):
            assert price is not None
            self.orders.append(ModelOrder(order_id, owner, side, price, leaves))
            return lots, cancelled, leaves
        return lots, [*cancelled, (order_id, leaves)] if leaves else cancelled, 0

    def best_against(self, side: str, price: int | None) -> ModelOrder | None:
        best = None
        for order in self.orders:
            if order.side == side:
                continue
            if price is not None and (
                order.price > price if side == "buy" else order.price < price
            ):
                continue
            if best is None or (
                order.price < best.price if side == "buy" else order.price > best.price
            ):
                best = order
        return best

    def cancel(self, order_id: str) -> int:
        gone = [order for order in self.orders if order.order_id == order_id]
        self.orders = [order for order in self.orders if order.order_id != order_id]
        return sum(order.leaves for order in gone)


KINDS = ["limit", "limit", "limit", "post_only", "ioc", "fok", "market"]
PLACE = st.tuples(
    st.just("place"),
    st.sampled_from(["ann", "ben", "cat"]),
    st.sampled_from(["buy", "sell"]),
    st.integers(1, 6),
    st.integers(-2, 3),
    st.sampled_from(KINDS),
)
RECENT = st.integers(1, 8)  # so many commands ago
CANCEL = st.tuples(st.just("cancel"), RECENT)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.sampled_from(get_args(SelfTrade)),
    st.lists(st.one_of(PLACE, PLACE, PLACE, CANCEL), max_size=60),
)
def test_the_book_agrees_with_the_slow_model(
    rule: SelfTrade, commands: list[tuple[Any, ...]]
) -> None:
    """Price-time priority, conservation of every lot, and a book that is never crossed."""
    book, model = Book(rule), ModelBook(rule)
    for number, (verb, *rest) in enumerate(commands):
        if verb == "place":
            owner, side, quantity, price, kind = rest
            price = None if kind == "market" else price
            order: Any = (str(number), owner, side, quantity, price, kind)
            placement = book.place(*order)
            assert conserved(placement, str(number), quantity)
            assert in_lots(placement) == model.place(*order)
        else:
            order_id = str(number - rest[0])
            assert book.cancel(order_id) == model.cancel(order_id)
        assert standing(book) == standing_in_model(model)
        assert book.best_bid is None or book.best_ask is None or book.best_bid < book.best_ask


def conserved(placement: Placement, order_id: str, quantity: int) -> bool:
    executed = sum(execution.quantity for execution in placement.executions)
    own = sum(c.quantity for c in placement.cancelled if c.order_id == order_id)
    status = "resting" if placement.resting else "cancelled" if own else "filled"
    return executed + own + placement.resting == quantity and placement.status == status


def in_lots(placement: Placement) -> tuple[list[tuple[str, int]], list[tuple[str, int]], int]:
    lots = [(e.maker_id, e.price) for e in placement.executions for _ in range(e.quantity)]
    return lots, [(c.order_id, c.quantity) for c in placement.cancelled], placement.resting


Standing = dict[str, list[tuple[str, int, int]]]


def standing(book: Book) -> Standing:
    """Both queues; depth, leaves and the best prices must tell the same."""
    queues: Standing = {}
    sides: list[Any] = ["buy", "sell"]
    for side in sides:
        queues[side] = [(o.order_id, o.price, o.leaves) for o in book.queue(side)]
        levels: dict[int, int] = {}
        for order_id, price, leaves in queues[side]:
            assert book.leaves(order_id) == leaves
            levels[price] = levels.get(price, 0) + leaves
        assert book.depth(side) == list(levels.items())
        assert (book.best_bid if side == "buy" else book.best_ask) == next(iter(levels), None)
    return queues


def standing_in_model(model: ModelBook) -> Standing:
    def queue(side: str, sign: int) -> list[tuple[str, int, int]]:
        orders = sorted(
            (o for o in model.orders if o.side == side), key=lambda order: order.price * sign
        )
        return [(o.order_id, o.price, o.leaves) for o in orders]

    return {"buy": queue("buy", -1), "sell": queue("sell", 1)}
