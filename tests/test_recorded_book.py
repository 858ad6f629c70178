"""The recorded book against small stories, each reckoned by hand."""

from dataclasses import dataclass
from fractions import Fraction

import pytest

from tests.tapes import at, bars, tape, written
from venues.matching import Execution, Placement
from venues.recorded.book import Assumed, RecordedBook
from venues.recorded.merged import merged
from venues.recorded.queue import Likely, power
from venues.recorded.slippage import Ticks
from venues.recorded.tape import Tape

US = "us"
ALL = Fraction(1)
NOTHING = Assumed()


@dataclass(frozen=True)
class Story:
    """A line is `advance ROW -> id lots@price, …`, or an order and what comes of it at once:

    id side quantity price kind -> lots@price, …; status
    """

    tape: Tape
    lines: str
    assumed: Assumed = NOTHING


# Six stand before us; then six come, and four of the twelve cancel; four trade, and then nine.
CANCELLED = merged(
    at(written("depth", "1 100 6 0 1, -1 102 5 1 0, 1 100 12 1 0, 1 100 8 1 0"), 1, 1, 2, 3),
    at(written("trades", "-1 100 4, -1 100 3, -1 100 9, 1 102 1"), 4, 5, 6, 7),
)
QUEUED = """
        advance 2 ->
        a buy 5 100 limit -> ; resting
        advance 5 ->
        """

STORIES = {
    "trades: a market order has the last price, whatever its size": Story(
        written("trades", "1 100 5, -1 99 1"),
        """
        advance 1 ->
        a buy 7 - market -> 7@100; filled
        advance 2 ->
        b sell 7 - market -> 7@99; filled
        """,
    ),
    "trades: slippage is paid beyond the last price, by who buys and by who sells": Story(
        written("trades", "1 100 5"),
        """
        advance 1 ->
        a buy 7 - market -> 7@102; filled
        b sell 7 - market -> 7@98; filled
        c buy 7 101 ioc -> ; cancelled ioc
        d buy 7 101 limit -> ; resting
        e buy 7 103 limit -> 7@102; filled
        """,
        Assumed(slippage=Ticks(2)),
    ),
    "trades: before the first row nobody is there": Story(
        written("trades", "1 100 5"),
        """
        a buy 7 - market -> ; cancelled no_liquidity
        b buy 7 50 post_only -> ; resting
        """,
    ),
    "trades: where the queue is not known, only a trade through the price fills": Story(
        written("trades", "1 101 5, -1 100 50, -1 99 3, 1 99 9"),
        """
        advance 1 ->
        a buy 5 100 limit -> ; resting
        advance 2 ->
        advance 3 -> a 3@100
        advance 4 -> a 2@100
        """,
    ),
    "trades: with nobody ahead, who sells at the price fills, and who buys there does not": Story(
        written("trades", "1 101 5, 1 100 50, -1 100 3, -1 100 9"),
        """
        advance 1 ->
        a buy 5 100 limit -> ; resting
        advance 2 ->
        advance 4 -> a 3@100, a 2@100
        """,
        Assumed(ahead=0),
    ),
    "trades: what stands ahead trades first, once for all of ours": Story(
        written("trades", "1 101 5, -1 100 4, -1 100 9, -1 100 9"),
        """
        advance 1 ->
        a buy 3 100 limit -> ; resting
        b buy 3 100 limit -> ; resting
        advance 2 ->
        advance 3 -> a 3@100
        advance 4 -> b 3@100
        """,
        Assumed(ahead=10),
    ),
    "trades: one trade's lots are had once, by the best price and then by the oldest": Story(
        written("trades", "1 105 5, -1 99 8"),
        """
        advance 1 ->
        a buy 4 100 limit -> ; resting
        b buy 3 101 limit -> ; resting
        c buy 4 100 limit -> ; resting
        advance 2 -> b 3@101, a 4@100, c 1@100
        """,
    ),
    "trades: an offer of ours is reached from below": Story(
        written("trades", "1 100 5, 1 102 8, 1 103 2"),
        """
        advance 1 ->
        a sell 4 102 limit -> ; resting
        advance 2 ->
        advance 3 -> a 2@102
        """,
    ),
    "quotes: a taker has the top, and nothing behind it where nothing is said": Story(
        written("quotes", "99 3 101 5"),
        """
        advance 1 ->
        a buy 7 - market -> 5@101; cancelled no_liquidity
        b buy 1 - market -> ; cancelled no_liquidity
        c sell 2 90 limit -> 2@99; filled
        """,
    ),
    "quotes: beyond the top, slippage": Story(
        written("quotes", "99 3 101 5"),
        """
        advance 1 ->
        a buy 7 - market -> 5@101, 2@102; filled
        b sell 4 98 fok -> 3@99, 1@98; filled
        """,
        Assumed(slippage=Ticks(1)),
    ),
    "quotes: what was taken is offered again when it is told otherwise, not when told again": Story(
        written("quotes", "99 3 101 5, 98 3 101 5, 98 3 101 6, 98 3 102 6, 98 3 101 6"),
        """
        advance 1 ->
        a buy 5 101 ioc -> 5@101; filled
        advance 2 ->
        b buy 5 101 ioc -> ; cancelled ioc
        advance 3 ->
        c buy 7 101 ioc -> 6@101; cancelled ioc
        advance 5 ->
        d buy 7 101 ioc -> 6@101; cancelled ioc
        """,
    ),
    "quotes: an order that rests is filled where the other side comes to it": Story(
        written("quotes", "99 3 101 5, 98 3 100 2, 98 3 100 2, 97 1 99 9"),
        """
        advance 1 ->
        a buy 5 100 post_only -> ; resting
        advance 2 -> a 2@100
        advance 3 ->
        advance 4 -> a 3@100
        """,
    ),
    "quotes: an order after only meets it": Story(
        written("quotes", "99 3 101 5"),
        """
        advance 1 ->
        a buy 5 101 post_only -> ; cancelled post_only
        b sell 5 99 fok -> ; cancelled fok
        """,
    ),
    "depth: a taker walks the levels that are told, down to its price": Story(
        written("depth", "-1 101 5 0 1, -1 102 5 0 0, 1 99 4 1 0, -1 101 0 1 0, -1 101 2 1 0"),
        """
        advance 3 ->
        a buy 7 102 limit -> 5@101, 2@102; filled
        b buy 7 102 limit -> 3@102; resting
        c sell 9 - market -> ; cancelled self_trade
        advance 4 ->
        advance 5 -> b 2@102
        """,
    ),
    "depth: an update counts when it ends": Story(
        written("depth", "-1 105 5 1 1, -1 100 3 0 0, -1 100 0 0 0, -1 101 7 1 0"),
        """
        advance 1 ->
        a buy 9 103 limit -> ; resting
        advance 3 ->
        advance 4 -> a 7@103
        """,
    ),
    "depth: a snapshot tells everything anew": Story(
        written("depth", "-1 101 5 1 1, -1 102 1 0 1, -1 103 1 1 0"),
        """
        advance 1 ->
        a buy 5 - market -> 5@101; filled
        advance 3 ->
        b buy 5 102 ioc -> 1@102; cancelled ioc
        """,
    ),
    "bars: a market order has the last close": Story(
        bars("95 105 100 50"),
        """
        advance 1 ->
        a buy 900 - market -> 900@100; filled
        """,
    ),
    "bars: a low at the price is not enough, one under it is, for a share of the volume": Story(
        bars("95 105 100 50, 98 103 99 50, 97 103 99 50, 90 91 91 1000"),
        """
        advance 1 ->
        a buy 9 98 limit -> ; resting
        advance 2 ->
        advance 3 -> a 5@98
        advance 4 -> a 4@98
        """,
    ),
    "bars: where the models say touch, a low at the price fills": Story(
        bars("95 105 100 50, 98 103 99 50"),
        """
        advance 1 ->
        a buy 9 98 limit -> ; resting
        advance 2 -> a 9@98
        """,
        Assumed(bar_fills="touch", volume_share=ALL),
    ),
    "bars: both sides of ours share the volume": Story(
        bars("95 105 100 50, 90 110 99 50"),
        """
        advance 1 ->
        a buy 3 98 limit -> ; resting
        b sell 3 102 limit -> ; resting
        advance 2 -> a 3@98, b 2@102
        """,
    ),
    "depth and trades: what is ahead trades first, and a level that grew grew behind us": Story(
        merged(
            at(written("depth", "1 100 4 0 1, -1 102 5 1 0, 1 100 9 1 0"), 1, 1, 3),
            at(written("trades", "-1 100 3, -1 100 3, -1 100 9"), 2, 4, 5),
        ),
        """
        advance 2 ->
        a buy 5 100 limit -> ; resting
        advance 4 ->
        advance 5 -> a 2@100
        advance 6 -> a 3@100
        """,
    ),
    "depth and trades: who cancels stood behind us, while anybody was behind": Story(
        CANCELLED, QUEUED + "advance 8 -> a 1@100, a 4@100"
    ),
    "depth and trades: or both ahead and behind, in proportion": Story(
        CANCELLED, QUEUED + "advance 8 -> a 3@100, a 2@100", Assumed(queue=Likely(power(1)))
    ),
    "depth and trades: a snapshot that has the level is no news, one without it is": Story(
        merged(
            at(
                written(
                    "depth",
                    "1 100 6 0 1, -1 102 5 1 0, 1 99 1 0 1, 1 100 6 0 0, -1 102 5 1 0, 1 99 1 1 1",
                ),
                *(1, 1, 2, 2, 2, 4),
            ),
            at(written("trades", "-1 100 5, -1 100 2"), 3, 5),
        ),
        """
        advance 2 ->
        a buy 5 100 limit -> ; resting
        advance 6 ->
        advance 8 -> a 2@100
        """,
    ),
    "depth and trades: a trade through the price fills as far as it goes": Story(
        merged(
            at(written("depth", "1 100 4 0 1, -1 102 5 1 0"), 1, 1),
            at(written("trades", "-1 99 3, -1 100 1"), 2, 3),
        ),
        """
        advance 2 ->
        a buy 5 100 limit -> ; resting
        advance 3 -> a 3@100
        advance 4 -> a 1@100
        """,
    ),
    "ours never trade with one another": Story(
        written("quotes", "99 3 105 5"),
        """
        advance 1 ->
        a buy 5 103 limit -> ; resting
        b sell 5 99 limit -> ; cancelled self_trade
        c sell 5 104 limit -> ; resting
        d buy 5 104 post_only -> ; cancelled post_only
        """,
    ),
    "somebody else's order reaches ours, and nothing else": Story(
        written("quotes", "99 3 105 5"),
        """
        advance 1 ->
        a buy 5 98 limit -> ; resting
        x/p sell 9 98 ioc -> a 5@98; cancelled ioc
        """,
    ),
}


@pytest.mark.parametrize(
    ("late_ns", "now", "filled"), [(0, 60, 2), (0, 61, 0), (5, 65, 2), (5, 66, 0)]
)
def test_a_bar_that_had_opened_reaches_nobody_who_came_later(
    late_ns: int, now: int, filled: int
) -> None:
    """Its low may have been before: the next bar is the first that surely counts."""
    rows = ((0, 99, 101, 98, 100, 20), (60, 100, 101, 90, 100, 20), (120, 100, 101, 90, 99, 20))
    book = RecordedBook(tape("bars", *rows), US, Assumed(bar_late_ns=late_ns), lambda: now)
    book.advance(1)
    book.place("a", US, "buy", 4, 95, "limit")
    assert sum(one.quantity for one in book.advance(2)) == filled
    assert sum(one.quantity for one in book.advance(3)) == 2


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str) -> None:
    story = STORIES[name]
    book = RecordedBook(story.tape, US, story.assumed)
    for line in filter(None, map(str.strip, story.lines.splitlines())):
        asked, _, told = line.partition("->")
        assert _did(book, asked.split()) == told.strip(), line


def _did(book: RecordedBook, words: list[str]) -> str:
    if words[0] == "advance":
        return ", ".join(f"{e.maker_id} {_of(e)}" for e in book.advance(int(words[1])))
    name, side, quantity, price, kind = words
    owner, _, order_id = name.rpartition("/")
    placed = book.place(
        order_id,
        owner or US,
        side,
        int(quantity),
        None if price == "-" else int(price),
        kind,  # type: ignore[arg-type]
    )
    return _told(placed)


def _told(placed: Placement) -> str:
    executions = ", ".join(
        f"{e.maker_id} {_of(e)}" if e.maker_id else _of(e) for e in placed.executions
    )
    reasons = "".join(f" {each.reason}" for each in placed.cancelled)
    return f"{executions}; {placed.status}{reasons}"


def _of(execution: Execution) -> str:
    return f"{execution.quantity}@{execution.price}"
