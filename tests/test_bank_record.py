"""A bank's record of itself, from the twin through the dialect: what is unreadable, what lacks."""

from __future__ import annotations

from typing import Any

import pytest

from core.effects import FetchLedger, FetchStatement
from core.events import FrameDismissed, FrameQuarantined, PageReported, StatementReported
from core.rail_effects import FetchClosed, FetchDocument
from core.rail_events import (
    DocumentQuarantined,
    DocumentRead,
    LineBooked,
    NostroStated,
    ReturnReported,
)
from sim.faults import Fault
from tests.banks import amounts, bank, lines
from tests.test_bank import FILES, always, send
from tests.test_bank_requests import listening

HOUR = 3600 * 1_000_000_000
DAY = 24 * HOUR
MS = 1_000_000


def struck(name: str, *plan: Fault) -> Any:
    """A bank that we listen to by the dialect's own requests, under these faults."""
    made = listening(name)
    made.faults.plan.extend(plan)
    return made


def page(made: Any, after: str = "") -> list[Any]:
    told: list[Any] = made.ask(FetchLedger(account=made.account, after=after))
    return told


@pytest.mark.parametrize("name", ["bank_us", "bank_eu", "bank_gb"])
def test_a_document_that_cannot_be_read_is_named_and_the_page_goes_on(name: str) -> None:
    """By the cursor behind which it stands; asked for again it is the same, and then it is read."""
    made = struck(name, always("document_unreadable", 10 * HOUR // MS, times_max=1))
    made.keeper.arrivals.charge(900)
    quarantined, end = page(made)
    assert isinstance(quarantined, DocumentQuarantined)
    assert (quarantined.document_id, quarantined.after) == ("entries after 0, document 1", "")
    assert quarantined.size > 100
    assert (type(end), end.through, end.more) == (PageReported, "1", False)
    made.keeper.arrivals.charge(700)
    assert [type(event) for event in page(made, "1")] == [LineBooked, PageReported]
    again = FetchDocument(
        account=made.account, document_id=quarantined.document_id, after=quarantined.after
    )
    assert [type(event) for event in made.ask(again)] == [DocumentQuarantined]
    made.run(11 * HOUR)
    told = made.ask(again)
    assert [type(event) for event in told] == [LineBooked, LineBooked, DocumentRead]
    assert told[-1].document_id == quarantined.document_id


@pytest.mark.parametrize("name", ["bank_us", "bank_eu", "bank_gb"])
def test_closed_statements_are_told_of_the_time_that_is_asked_for(name: str) -> None:
    made = struck(name, always("statement_gap"))
    for _ in range(4):
        made.keeper.arrivals.charge(900)
        made.run(DAY)
    closed = made.keeper.office.ledger.closed
    spans = [(closed[0].to_at, closed[1].to_at), (closed[-1].to_at, closed[-1].to_at + DAY)]
    asks = [FetchClosed(account=made.account, after_at=a, until_at=b) for a, b in spans]
    told = [event for event in made.ask(asks[0]) if isinstance(event, NostroStated)]
    assert [(each.opening, each.closing) for each in told] == [
        (int(closed[1].opening * 100), int(closed[1].closing * 100))
    ]
    assert [type(event) for event in made.ask(asks[1])] == [FrameDismissed]


@pytest.mark.parametrize("name", ["bank_us", "bank_eu"])
def test_a_statement_that_leaves_out_an_entry_is_told_with_its_figures_until_it_is_put_right(
    name: str,
) -> None:
    """It is quarantined, and none of its lines is believed."""
    made = bank(name, "2026-06-10T10:00", always("statement_untied", 20 * HOUR // MS, times_max=1))
    made.keeper.arrivals.charge(900)
    made.keeper.arrivals.charge(700)
    made.run(21 * HOUR)
    (stated,) = made.of(NostroStated)
    assert stated.closing - stated.opening - stated.entries_sum == -700
    assert len(made.of(FrameQuarantined)) == 1
    made.run(20 * HOUR)
    day = made.keeper.office.ledger.closed[0]
    events = made.read(made.keeper._written(day))
    (right,) = [event for event in events if isinstance(event, NostroStated)]
    assert right.closing == right.opening + right.entries_sum


def test_a_payment_is_booked_twice_and_the_world_knows_what_strayed() -> None:
    made = bank("bank_gb", "2026-06-10T10:00", always("line_twice"))
    send(made, "p1", FILES.credit("p1", "5.00", "GBP"))
    made.run(3 * DAY)
    assert amounts(made) == [-500, -500]
    (stray,) = made.payments.strays
    assert (stray.name, stray.amount) == ("p1", -500)
    assert made.payments.all["p1"].times_applied == 1


def test_a_return_that_names_nothing_is_one_all_the_same_and_who_asks_is_told() -> None:
    made = bank("bank_eu", "2026-06-10T10:00", always("payment_returned"), always("return_unnamed"))
    send(made, "p1", FILES.credit("p1", "5.00", "EUR"))
    made.run(9 * DAY)
    (back,) = made.of(ReturnReported)
    (line,) = [line for line in lines(made) if line.kind == "return"]
    assert (len(back.references), line.amount) == (1, 500)
    known = {name for event in made.of(LineBooked) for name in (event.line_id, *event.references)}
    assert not known & set(back.references)
    assert not any("p1" in reference for reference in line.references)
    assert {made.payments.unnamed[name] for name in (back.return_id, line.line_id)} == {"p1"}
    assert made.payments.all["p1"].returned == 500


def test_the_balance_that_we_ask_for_may_be_wrong_and_is_judged_as_the_whole() -> None:
    """What is pushed proves nothing by itself; what was asked for names a difference."""
    made = listening("bank_eu")
    (stated,) = made.ask(FetchStatement(account=made.account, kind="balances"))
    assert isinstance(stated, StatementReported)
    assert stated.complete
