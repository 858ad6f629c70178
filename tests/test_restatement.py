"""A contract's size changes under us: legs are restated at the venue's time, fills keep theirs.

In these stories a contract of BTC-PERP is 0.01 BTC at first and 0.001 BTC from second 10 on; ten
times as many are then the same position. Where nothing else is said the fills cost 50,000.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from core.books import BOOKINGS_KEPT
from core.effects import FetchInstruments
from core.events import (
    AssetListed,
    Event,
    FillReported,
    InstrumentListed,
    MemoryTrimmed,
    RequestFailed,
)
from core.money import quantity
from core.reconcile import _confirm
from core.state import Reading
from scenarios.model import check
from tests.facts import (
    PERP,
    Books,
    bust,
    fill,
    linear,
    ms,
    only,
    opened,
    page,
    report,
    started,
    statement,
    stream,
    units,
    wish,
)
from tieout.runs import run

AT = 10_000
SWAP = "BTC-PERP"


def begun(**account: Any) -> Books:
    books = Books()
    books.tell(started(), opened(PERP, instruments=True, **account), linear())
    return books


def terms(
    multiplier: str, *, heard: int, at: int | None = None, asked: int | None = None
) -> InstrumentListed:
    """The venue tells the terms in force or, with a time, a change."""
    return InstrumentListed(
        received_at=ms(heard), frame=7, account=PERP, instrument=SWAP, kind="linear", base="BTC",
        quote="USDT", settle="USDT", multiplier=quantity(multiplier),
        effective_at=0 if at is None else ms(at), asked_at=0 if asked is None else ms(asked),
    )  # fmt: skip


def traded(
    fill_id: str, side: Any, amount: str, *, at: int, heard: int | None = None, **more: Any
) -> FillReported:
    terms: dict[str, Any] = {"account": PERP, "instrument": SWAP, **more}
    return fill(fill_id, side, amount, "50000", at=at, heard=heard, **terms)


def positions(rows: dict[str, str], *, as_of: int, heard: int) -> Event:
    return statement(rows, as_of=as_of, heard=heard, account=PERP, kind="positions")


def held(books: Books, leg: str = "net") -> str:
    return books.hold(SWAP, leg, PERP)


def value(books: Books) -> str:
    return books.figure(f"unattributed/{PERP}/{SWAP}/value/USDT")


def restated(books: Books, leg: str = "net") -> str:
    return books.figure(f"unattributed/{PERP}/{SWAP}/restated/{leg}")


ANNOUNCED = terms("0.001", heard=2000, at=AT)
BOUGHT = traded("1", "buy", "3", at=1000)  # 0.03 BTC: 3 contracts, 30 afterwards


# --- when it is told -----------------------------------------------------------------------------


def test_an_announced_change_is_booked_when_its_time_comes() -> None:
    books = begun()
    books.tell(BOUGHT, ANNOUNCED)
    assert held(books) == "3"
    books.ring(f"restate/{PERP}")
    assert (held(books), restated(books), value(books)) == ("30", "27", "-1500")
    assert f"restated:{SWAP}:100000:{ms(AT)}" in books.account(PERP).seen


def test_each_leg_is_restated() -> None:
    books = begun(hedged=True)
    books.tell(
        traded("1", "buy", "3", at=1000, leg="long"),
        traded("2", "sell", "0.5", at=1100, leg="short"),
    )
    books.tell(ANNOUNCED)
    books.ring(f"restate/{PERP}")
    assert (held(books, "long"), held(books, "short")) == ("30", "-5")


@pytest.mark.parametrize(
    "echo",
    [
        terms("0.001", heard=11_000, at=AT),
        terms("0.001", heard=11_000),
        terms("0.01", heard=11_000),  # an answer that was on its way since before
        terms("0.01", heard=40_000, at=AT - 5000),  # older than the last change: shown, not booked
        terms("0", heard=40_000),
    ],
)
def test_told_again_it_changes_nothing(echo: InstrumentListed) -> None:
    books = begun()
    books.tell(BOUGHT, ANNOUNCED, ANNOUNCED)
    books.ring(f"restate/{PERP}")
    books.tell(echo)
    assert (held(books), restated(books)) == ("30", "27")


def test_a_change_that_is_postponed_comes_once() -> None:
    books = begun()
    books.tell(BOUGHT, ANNOUNCED, terms("0.001", heard=3000, at=AT + 5000))
    assert books.state.alarms[f"restate/{PERP}"] == ms(AT + 5000)
    books.ring(f"restate/{PERP}")
    assert held(books) == "30"


def test_terms_in_force_confirm_what_was_announced() -> None:
    """Our clock may be behind the venue's: what is told as in force need not wait for the alarm."""
    books = begun(clock_error_ns=20_000_000)
    books.tell(BOUGHT, ANNOUNCED, terms("0.001", heard=AT - 500))
    assert held(books) == "3"
    books.tell(terms("0.001", heard=AT - 10))
    assert held(books) == "30"


def test_there_and_back() -> None:
    books = begun()
    books.tell(BOUGHT, ANNOUNCED)
    books.ring(f"restate/{PERP}")
    books.tell(traded("2", "buy", "1", at=15_000), terms("0.01", heard=16_000, at=40_000))
    books.ring(f"restate/{PERP}")
    assert held(books) == "3.1"
    assert value(books) == "-1550"


def test_what_does_not_come_out_even_is_a_break_and_not_booked() -> None:
    books = begun()
    books.tell(BOUGHT, terms("0.007", heard=2000, at=AT))
    books.ring(f"restate/{PERP}")
    assert held(books) == "3"
    assert books.break_(SWAP, "net", PERP) == "0"


# --- fills on either side ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "holds", "worth"),
    [
        # before the change, told before and after it
        (traded("2", "buy", "2", at=AT - 1), "50", "-2500"),
        (traded("2", "buy", "2", at=AT - 1, heard=12_000), "50", "-2500"),
        # after it
        (traded("2", "buy", "2", at=AT), "32", "-1600"),
        # undone after it, in the contracts of its own time
        (bust(BOUGHT, at=12_000), "0", "0"),
        (bust(BOUGHT, at=5_000), "0", "0"),
        # undone although it was never told
        (bust(traded("9", "buy", "4", at=500), at=12_000), "30", "-1500"),
    ],
)
def test_a_fill_is_of_the_contracts_of_its_own_time(told: Event, holds: str, worth: str) -> None:
    """Whatever is heard first: the fill or the change."""
    for late in (False, True):
        books = begun()
        books.tell(BOUGHT, ANNOUNCED)
        if late:
            books.ring(f"restate/{PERP}")
        books.tell(told)
        if not late:
            books.ring(f"restate/{PERP}")
        assert (held(books), value(books)) == (holds, worth), late
        books.tell(told, BOUGHT)
        assert held(books) == holds, "an echo"
        assert not books.doubted()


def test_only_contracts_are_counted_anew_and_the_figure_says_whose_they_were() -> None:
    """A fill of before the change that is told after it: its fee is what was paid."""
    books = begun()
    books.tell(ANNOUNCED)
    books.ring(f"restate/{PERP}")
    late = {"at": AT - 1, "heard": 12_000, "fee": "1", "fee_asset": "USDT"}
    books.tell(traded("2", "buy", "2", **late))
    prefix = f"unattributed/{PERP}/{SWAP}"
    told = {name: books.figure(name) for name, amount in books.state.figures.items() if amount}
    assert told == {
        f"{prefix}/position/net": "2",
        f"{prefix}/restated/net": "18",
        f"{prefix}/value/USDT": "-1000",
        f"{prefix}/fee/USDT": "-1",
    }


def test_what_is_undone_of_a_contract_that_changed_is_what_was_booked_of_it() -> None:
    """Whatever value the bust tells."""
    books = begun()
    books.tell(BOUGHT, ANNOUNCED)
    books.ring(f"restate/{PERP}")
    books.tell(structs.replace(bust(BOUGHT, at=12_000), value=units("7")))
    assert (held(books), value(books)) == ("0", "0")


def test_a_fill_of_the_second_contract_is_undone_in_the_third() -> None:
    books = begun()
    later = traded("2", "buy", "20", at=15_000)  # 0.02 BTC
    books.tell(ANNOUNCED)
    books.ring(f"restate/{PERP}")
    books.tell(later, terms("0.01", heard=16_000, at=40_000))
    books.ring(f"restate/{PERP}")
    assert held(books) == "2"
    books.tell(bust(later, at=41_000))
    assert (held(books), value(books)) == ("0", "0")


def test_a_late_fill_that_does_not_come_out_even_is_booked_as_told_and_shown() -> None:
    books = begun()
    books.tell(terms("0.03", heard=2000, at=AT))
    books.ring(f"restate/{PERP}")
    books.tell(traded("1", "buy", "1", at=1000, heard=12_000))
    assert held(books) == "1"
    assert books.break_(SWAP, "net", PERP) == "0"


def test_a_strategys_share_is_restated_with_the_leg() -> None:
    books = begun()
    for name, amount in (("a", "1"), ("b", "2")):
        books.state.figures[f"{name}/{PERP}/{SWAP}/position/net"] = quantity(amount)
    books.state.holdings[f"{PERP}/{SWAP}/net"] = quantity("3")
    books.tell(ANNOUNCED)
    books.ring(f"restate/{PERP}")
    assert books.figure(f"a/{PERP}/{SWAP}/restated/net") == "9"
    assert books.figure(f"b/{PERP}/{SWAP}/restated/net") == "18"
    assert held(books) == "30"


# --- statements ----------------------------------------------------------------------------------


def test_a_statement_is_judged_in_the_contracts_of_its_as_of() -> None:
    books = begun()
    books.tell(BOUGHT, ANNOUNCED)
    books.ring(f"restate/{PERP}")
    books.tell(positions({f"{SWAP}/net": "3"}, as_of=AT - 1, heard=12_000))
    books.tell(positions({f"{SWAP}/net": "30"}, as_of=AT, heard=13_000))
    assert not books.doubted()


def suspicious() -> Books:
    """Nobody announced it; a statement disagrees, and the venue is asked for the terms."""
    books = begun()
    books.tell(BOUGHT, positions({f"{SWAP}/net": "30"}, as_of=AT, heard=30_000))
    effects = books.ring(f"readings/{PERP}")
    assert books.suspect(SWAP, "net", PERP) == "27"
    assert only(FetchInstruments, effects) == [FetchInstruments(account=PERP, instrument=SWAP)]
    return books


def test_a_suspect_that_a_restatement_explains_closes_with_that_cause() -> None:
    """Terms without a time: the leg that shows the change says since when."""
    books = suspicious()
    books.tell(terms("0.001", heard=30_500))
    assert held(books) == "30"
    assert f"restated:{SWAP}:100000:{ms(AT)}" in books.account(PERP).seen
    assert books.endings() == [("multiplier", "evidence booked")]
    assert not books.doubted()


def test_a_change_that_nobody_announced_follows_the_last_fill() -> None:
    books = begun()
    books.tell(BOUGHT, terms("0.001", heard=30_000))
    books.tell(positions({f"{SWAP}/net": "30"}, as_of=AT, heard=31_000))
    assert (held(books), books.doubted()) == ("30", False)


def test_fills_booked_before_the_change_was_known_are_booked_anew() -> None:
    """What happened since counts the new contracts, and is worth what they are worth."""
    books = begun()
    late = traded("2", "buy", "2", at=AT + 5)  # 0.002 BTC
    books.tell(BOUGHT, late, terms("0.001", heard=12_000, at=AT))
    assert (held(books), value(books)) == ("32", "-1600")
    assert not books.doubted()
    books.tell(late)
    assert held(books) == "32", "an echo"
    books.tell(bust(late, at=13_000))
    assert (held(books), value(books)) == ("30", "-1500")


def test_a_bust_booked_before_the_change_was_known_is_counted_anew() -> None:
    """It undoes a contract of before, which is ten by then."""
    books = begun()
    more = traded("2", "buy", "1", at=2000)
    books.tell(BOUGHT, more, bust(more, at=AT + 5), terms("0.001", heard=12_000, at=AT))
    assert (held(books), value(books)) == ("30", "-1500")
    assert not books.doubted()


def test_more_than_is_remembered_is_counted_rightly_and_shown() -> None:
    books = begun()
    late = [traded(f"n{n}", "buy", "1", at=AT + n) for n in range(BOOKINGS_KEPT + 1)]
    books.tell(BOUGHT, *late, terms("0.001", heard=12_000, at=AT))
    assert held(books) == str(30 + len(late))
    assert books.break_(SWAP, "net", PERP) == "0"
    assert books.state.counts[f"restated_wrong/{PERP}"] == 1


def test_the_shares_of_strategies_are_restated_without_what_came_after() -> None:
    books = begun()
    for name, at in (("1", 1000), ("2", AT + 5)):
        books.tell(wish("buy", "3", "50000", account=PERP, instrument=SWAP, at=at - 50))
        order = list(books.state.orders)[-1]
        books.tell(traded(name, "buy", "3", at=at, client_order_id=order))
    books.tell(terms("0.001", heard=12_000, at=AT))
    assert books.figure(f"mm/{PERP}/{SWAP}/position/net") == "6"
    assert books.figure(f"mm/{PERP}/{SWAP}/restated/net") == "27"


def test_an_owner_that_was_found_late_keeps_what_is_booked_anew() -> None:
    books = begun()
    books.tell(wish("buy", "3", "50000", account=PERP, instrument=SWAP))
    order = books.order().client_order_id
    books.tell(traded("1", "buy", "3", at=AT + 5, order_id="o"))  # whose, is not known yet
    books.tell(report(order, "acknowledged", order_id="o", account=PERP, instrument=SWAP))
    books.tell(terms("0.001", heard=12_000, at=AT))
    assert books.figure(f"mm/{PERP}/{SWAP}/position/net") == "3"
    assert books.figure(f"mm/{PERP}/{SWAP}/value/USDT") == "-150"
    assert value(books) == "0"


@pytest.mark.parametrize(("asked", "holds"), [(AT - 100, "30"), (AT + 100, "3")])
def test_an_answer_that_was_asked_for_after_the_last_change_tells_the_next(
    asked: int, holds: str
) -> None:
    """Two changes within seconds, the second announced to nobody."""
    books = begun()
    books.tell(BOUGHT, ANNOUNCED)
    books.ring(f"restate/{PERP}")
    books.tell(terms("0.01", heard=AT + 200, asked=asked))
    assert held(books) == holds


def test_terms_that_are_pushed_soon_after_a_change_are_asked_after() -> None:
    """The push may have been on its way since before it."""
    books = begun()
    books.tell(BOUGHT, ANNOUNCED)
    books.ring(f"restate/{PERP}")
    effects = books.tell(terms("0.01", heard=AT + 200))
    assert only(FetchInstruments, effects) == [FetchInstruments(account=PERP, instrument=SWAP)]
    assert held(books) == "30"


def test_what_is_announced_for_later_outlives_a_change_that_was_not_announced() -> None:
    books = begun()
    books.tell(BOUGHT, terms("0.01", heard=AT + 100, at=50_000))
    books.tell(terms("0.001", heard=AT + 200, asked=AT + 150))
    assert held(books) == "30"
    assert books.state.alarms[f"restate/{PERP}"] == ms(50_000)
    books.ring(f"restate/{PERP}")
    assert held(books) == "3"


# --- when it came, where nobody told -------------------------------------------------------------


def unannounced(*told: Event) -> Books:
    """The old contracts were in force when asked for at 8000, the new ones at 11,990."""
    books = begun()
    books.tell(*told, terms("0.01", heard=8010, asked=8000))
    return books


NEW = terms("0.001", heard=12_000, asked=11_990)


def test_a_fill_of_before_that_is_told_after_moves_the_change_behind_it() -> None:
    """Taken to be of the new contracts at first; the leg then says that it was of the old."""
    books = unannounced(BOUGHT)
    books.tell(NEW, traded("2", "sell", "1", at=9000, heard=13_000))
    assert held(books) == "29"
    books.tell(positions({f"{SWAP}/net": "20"}, as_of=AT, heard=14_000))
    books.ring(f"readings/{PERP}")
    assert (held(books), value(books)) == ("20", "-1000")
    assert not books.doubted()


def test_evidence_that_comes_after_the_statement_moves_it_too() -> None:
    books = unannounced(BOUGHT)
    books.tell(NEW, positions({f"{SWAP}/net": "20"}, as_of=AT, heard=12_500))
    books.ring(f"readings/{PERP}")
    assert books.suspect(SWAP, "net", PERP) is not None
    books.tell(traded("2", "sell", "1", at=9000, heard=13_000))
    assert (held(books), value(books)) == ("20", "-1000")
    assert not books.doubted()


def test_a_change_that_was_moved_takes_with_it_what_was_told_late() -> None:
    """A fill of before the window was counted anew at the wrong moment: then at the right one."""
    books = unannounced(BOUGHT)
    books.tell(NEW, traded("0", "buy", "2", at=500, heard=12_500))
    books.tell(traded("2", "sell", "1", at=9000, heard=13_000))
    books.tell(positions({f"{SWAP}/net": "40"}, as_of=AT, heard=14_000))
    books.ring(f"readings/{PERP}")
    assert (held(books), value(books)) == ("40", "-2000")


def test_a_bust_within_the_window_is_counted_by_its_own_moment() -> None:
    books = unannounced(BOUGHT)
    sold = traded("2", "sell", "1", at=8500)
    books.tell(sold, NEW, bust(sold, at=9000))
    books.tell(traded("3", "buy", "1", at=9500, heard=13_000))
    books.tell(positions({f"{SWAP}/net": "40"}, as_of=AT, heard=14_000))
    books.ring(f"readings/{PERP}")
    assert (held(books), value(books)) == ("40", "-2000")


def test_the_old_contracts_were_in_force_when_the_venue_last_told_them() -> None:
    """In an answer, or by a leg that was as we count it: the change came after we asked."""
    books = unannounced(BOUGHT)
    books.tell(NEW, traded("2", "sell", "1", at=7900, heard=13_000))
    assert held(books) == "20"
    books = unannounced(BOUGHT)
    books.tell(positions({f"{SWAP}/net": "3"}, as_of=1000, heard=9520))
    books.tell(NEW, traded("2", "sell", "1", at=9400, heard=13_000))
    assert held(books) == "20"


def test_an_undone_fill_of_before_the_window_counts_its_own_contracts_in_it() -> None:
    more = traded("2", "buy", "1", at=2000)
    books = unannounced(BOUGHT, more)
    books.tell(NEW, bust(more, at=9000), traded("3", "sell", "1", at=8200, heard=13_000))
    books.tell(positions({f"{SWAP}/net": "20"}, as_of=9000, heard=14_000))
    books.ring(f"readings/{PERP}")
    assert held(books) == "20"
    assert f"restated:{SWAP}:100000:{ms(9000)}" in books.account(PERP).seen


@pytest.mark.parametrize("decimals", [8, 18])
@pytest.mark.parametrize("worth", ["50", "500"])
def test_what_an_undone_fill_was_worth_says_which_contracts_it_counted(
    worth: str, decimals: int
) -> None:
    """1 contract of 0.001 BTC, or of 0.01: whichever it was, its own value is undone."""
    books = Books()
    books.tell(started(), AssetListed(received_at=ms(0), asset="USDT", decimals=decimals))
    books.tell(opened(PERP, instruments=True), linear(), BOUGHT)
    books.tell(terms("0.01", heard=8010, asked=8000))
    sold = traded("2", "sell", "1", at=9000)
    books.tell(traded("3", "sell", "1", at=8500), sold, NEW)
    undone = bust(sold, at=13_000)
    books.tell(structs.replace(undone, value=units(worth)))
    worth_now = books.state.figures[f"unattributed/{PERP}/{SWAP}/value/USDT"]
    assert (held(books), worth_now) == ("20", -1000 * 10**decimals)
    place = int(next(iter(books.account(PERP).listings[SWAP].changes)).effective_at)
    assert place <= ms(9000) if worth == "50" else place > ms(9000)


def test_a_leg_that_has_not_changed_since_its_fill_had_changed_with_it_at_the_latest() -> None:
    """Told anew with the fill's own as-of: it was not counted anew after it."""
    books = unannounced()
    books.tell(traded("2", "buy", "2", at=9000), NEW)
    assert held(books) == "20"
    books.tell(positions({f"{SWAP}/net": "2"}, as_of=9000, heard=13_000))
    assert (held(books), value(books)) == ("2", "-100")


@pytest.mark.parametrize("after", [0, 1])
def test_a_leg_bounds_a_change_only_where_it_was_asked_for_after_that_was_heard(
    after: int,
) -> None:
    """In the very instant it may have been read before."""
    books = unannounced(BOUGHT)
    books.tell(NEW)
    account = books.account(PERP)
    derived = account.listings[SWAP].derived
    assert derived is not None
    asked = derived.heard_at + account.clock_error_ns + after
    until = derived.hi - 1
    _confirm(account, Reading(f"{PERP}/{SWAP}/net", 1, until, until, 0, asked, asked, 7, 0, True))
    assert derived.hi == until + 1 - after


def test_what_differs_after_a_leg_has_agreed_does_not_move_the_change() -> None:
    """It has another reason, whatever figure another moment would make by coincidence."""
    books = unannounced(BOUGHT, traded("2", "sell", "1", at=9000))
    books.tell(NEW, positions({f"{SWAP}/net": "20"}, as_of=AT, heard=13_000))
    assert not books.doubted()
    books.tell(positions({f"{SWAP}/net": "29"}, as_of=13_500, heard=14_000))
    books.ring(f"readings/{PERP}")
    assert held(books) == "20"
    assert books.suspect(SWAP, "net", PERP) == "9"


def test_a_time_that_is_told_after_all_is_the_time() -> None:
    books = unannounced(BOUGHT)
    books.tell(NEW, terms("0.001", heard=13_000, at=9500))
    assert f"restated:{SWAP}:100000:{ms(9500)}" in books.account(PERP).seen
    assert (held(books), value(books)) == ("30", "-1500")


# --- asking --------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [True, False])
def test_terms_are_asked_for_where_the_venue_can_be_asked(*, asked: bool) -> None:
    """On a new epoch, with each scheduled back-fill, and again where it failed."""
    books = Books()
    books.tell(started(), opened(PERP, instruments=asked), linear())
    wanted = [FetchInstruments(account=PERP, instrument=SWAP)] if asked else []
    assert only(FetchInstruments, books.tell(stream(account=PERP))) == wanted
    books.tell(page(SWAP, "", at=100, account=PERP))
    assert only(FetchInstruments, books.ring(f"backfill/{PERP}")) == wanted
    failed = RequestFailed(
        received_at=ms(31_000), account=PERP, about=f"instruments:{SWAP}", reason="", asked_at=0
    )
    if asked:
        books.tell(failed)
        assert only(FetchInstruments, books.ring(f"retry/{PERP}/instruments:{SWAP}")) == wanted


def test_what_a_deployment_began_with_does_not_undo_what_the_venue_told() -> None:
    books = begun()
    books.tell(BOUGHT, ANNOUNCED)
    books.ring(f"restate/{PERP}")
    books.tell(linear())
    assert held(books) == "30"
    assert books.account(PERP).listings[SWAP].multiplier == quantity("0.001")


# --- in a simulation -----------------------------------------------------------------------------

RAPID = {
    "name": "rapid",
    "claim": "changes every few seconds, of which one notice in five is lost",
    "duration_s": 240,
    "heal_s": 45,
    "venues": ["okx_swap"],
    "strategies": [
        {"kind": "maker", "name": "mm", "options": {"hedged": True}},
        {"kind": "taker", "name": "tk", "options": {"hedged": True}},
    ],
    "faults": [
        {"kind": "multiplier_change", "every_s": 6, "strength": 1500},
        {"kind": "lost_frame", "one_in": 5},
        {"kind": "bust", "every_s": 3, "strength": 4000},
    ],
}


@pytest.mark.parametrize("seed", [3, 4, 5, 6, 8, 18])
def test_changes_that_nobody_heard_announced_leave_nothing_wrong(seed: int) -> None:
    outcome = run(check(RAPID, "here"), seed=seed, sampled=False)
    assert [claim.claim for claim in outcome.claims if not claim.held] == []
    assert outcome.summary["faults"]["multiplier_change"] > 20


def test_what_may_have_to_be_booked_anew_is_not_put_away() -> None:
    """A busy account forgets old ids; a quiet contract's change may be heard of late."""
    books = begun()
    books.tell(traded("1", "buy", "3", at=AT + 5))
    trim = MemoryTrimmed(received_at=ms(AT + 1200), ids=0, orders=0, progress=0, orphans=0)
    books.tell(trim)
    books.tell(terms("0.001", heard=AT + 1400, at=AT))
    assert held(books) == "3"
