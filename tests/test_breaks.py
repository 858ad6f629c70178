"""What a break says of itself, and how two people repair it."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from core.causes import REMEDIES, classify
from core.effects import RaiseAlert
from core.events import AdjustmentBooked, CashMoved, Cause, PositionModeReported
from core.state import Drift, Terms
from tests.facts import (
    PERP,
    Books,
    bust,
    fill,
    funding,
    ms,
    only,
    page,
    perp_books,
    progress,
    spot,
    spot_books,
    statement,
    units,
    wish,
)
from tests.test_reconcile import broken, disagree, verdicts

XRP = "venue/main/XRP/cash"
LEG = "perps/main/BTC-PERP/net"


def perp_break(books: Books, rows: dict[str, str], kind: str = "positions") -> None:
    """The venue insists on these figures until a break is open."""
    for n in range(5):
        at = 2000 + 1000 * n
        books.tell(
            statement(rows, as_of=at - 10, heard=at, account=PERP, kind=kind, as_of_step=10**6)
        )
        books.ring("readings/perps/main")
        for subject in list(books.account(PERP).backfill.waiting):
            books.tell(page(subject, "", at=at + 500, account=PERP))
    assert books.state.breaks


def the_break(books: Books) -> Drift:
    (drift,) = books.state.breaks.values()
    return drift


def adjusted(amount: str, **terms: Any) -> AdjustmentBooked:
    usual: dict[str, Any] = {
        "adjustment_id": "A1",
        "received_at": ms(9000),
        "holding": XRP,
        "author": "ann",
        "approver": "ben",
        "reason": "the venue's own error",
        "break_number": 1,
    }
    return AdjustmentBooked(amount=units(amount), **{**usual, **terms})


# --- cause, owner, proposal ----------------------------------------------------------------------


def test_every_cause_has_an_owner_and_a_proposal() -> None:
    assert set(REMEDIES) == set(get_args(Cause))
    assert all(owner and proposal for owner, proposal in REMEDIES.values())


def test_a_break_that_nothing_explains_says_so_and_who_looks() -> None:
    drift = the_break(broken())
    assert (drift.cause, drift.owner) == ("unknown", "operations")
    assert drift.proposal == REMEDIES["unknown"].proposal


def test_owner_and_proposal_follow_the_cause_when_evidence_names_it() -> None:
    books = broken("950")
    books.tell(fill("9", "sell", "50", "0.001", at=1500, heard=4000, cause="liquidation"))
    resolved = next(each for each in books.state.resolved if each.holding == XRP)
    assert (resolved.cause, resolved.owner) == ("liquidation", "risk")
    assert resolved.proposal == REMEDIES["liquidation"].proposal


def test_what_is_missing_of_a_known_fill_looks_like_a_bust_or_a_duplicate() -> None:
    """The venue has one fill's worth less than we: named as a hypothesis, no cause is guessed."""
    books = spot_books()
    books.tell(fill("1", "buy", "70", "0.001", at=500, value=units("0.07")))
    for at in (2000, 3000):
        disagree(books, "1000", at=at, eth="9.93")
        for subject in list(books.account().backfill.waiting):
            books.tell(page(subject, "", at=at + 500))
    drift = the_break(books)
    assert drift.cause == "unknown"
    assert drift.proposal.startswith(f"looks like: what happened at {ms(500)}, undone")


def test_two_fills_under_one_number_of_the_venue_look_like_a_duplicate() -> None:
    books = perp_books()
    for name in ("1", "2"):
        told = {"account": PERP, "instrument": "BTC-PERP", "sequence": 7, "at": 500}
        books.tell(fill(name, "buy", "3", "50000", **told))
    perp_break(books, {"BTC-PERP/net": "3"})
    drift = the_break(books)
    assert drift.cause == "unknown"
    assert drift.proposal.startswith("looks like: a duplicate")


def test_an_entry_that_is_younger_than_the_reading_explains_nothing() -> None:
    for at, hint in ((5000, ""), (500, "what happened")):
        books = broken("930")
        books.tell(fill("1", "buy", "70", "0.001", at=at, value=units("0.07")))
        drift = books.state.breaks[XRP]
        drift.size = units("-70")
        cause, looks_like = classify(books.state, books.account(), drift)
        assert (cause, looks_like[:13]) == ("unknown", hint)


@pytest.mark.parametrize(
    ("told", "hint"), [("988", "funding f1 once more"), ("1000", "funding f1 taken back")]
)
def test_a_difference_of_a_fundings_size_looks_like_it(told: str, hint: str) -> None:
    books = perp_books()
    books.tell(funding("f1", "-6"))
    perp_break(books, {"USDT": told, "BTC": "1"}, "balances")
    drift = the_break(books)
    assert drift.cause == "unknown"
    assert drift.proposal.startswith(f"looks like: {hint}")


def test_an_asset_that_only_pays_fees_looks_like_a_fee() -> None:
    books = spot_books()
    books.tell(fill("1", "buy", "1", "0.001", value=units("0.001"), fee="0.5", fee_asset="BNB"))
    for at in (2000, 3000):
        books.tell(
            statement({"XRP": "1001", "ETH": "9.999", "BNB": "-0.9"}, as_of=at, heard=at + 10)
        )
        books.ring("readings/venue/main")
        for subject in list(books.account().backfill.waiting):
            books.tell(page(subject, "", at=at + 500))
    assert the_break(books).proposal.startswith("looks like: a fee: nothing")


def test_a_leg_of_ten_times_ours_looks_like_a_change_of_size() -> None:
    books = perp_books()
    books.tell(fill("1", "buy", "3", "50000", account=PERP, instrument="BTC-PERP"))
    perp_break(books, {"BTC-PERP/net": "30"})
    drift = the_break(books)
    assert drift.cause == "unknown"
    assert "a change of the contract's size by 10" in drift.proposal


def test_a_leg_in_a_size_that_the_venue_told_is_a_change_of_multiplier() -> None:
    """Announced for later, and the venue counts so already: that is told, not guessed."""
    books = perp_books()
    books.tell(fill("1", "buy", "3", "50000", account=PERP, instrument="BTC-PERP"))
    listing = books.account(PERP).listings["BTC-PERP"]
    listing.changes.append(Terms(listing.multiplier // 10, ms(90_000)))
    perp_break(books, {"BTC-PERP/net": "30"})
    drift = the_break(books)
    assert (drift.cause, drift.owner) == ("multiplier", "engineering")


def test_another_position_mode_explains_legs_and_not_cash() -> None:
    books = perp_books()
    books.tell(PositionModeReported(received_at=ms(10), account=PERP, hedged=True))
    perp_break(books, {"USDT": "900", "BTC": "1"}, "balances")
    assert the_break(books).cause == "unknown"


def test_a_mode_that_is_not_ours_is_said_once_each_time_it_is_changed() -> None:
    books = perp_books()
    said = [
        books.tell(PositionModeReported(received_at=ms(at), account=PERP, hedged=hedged))
        for at, hedged in ((10, False), (20, True), (30, True), (40, False), (50, True))
    ]
    assert [len(effects) for effects in said] == [0, 1, 0, 0, 1]
    assert books.state.counts[f"mode_changed/{PERP}"] == 2
    (alert,) = only(RaiseAlert, said[1])
    assert (alert.severity, alert.subject) == ("critical", PERP)


def test_a_break_is_judged_anew_when_its_size_changes() -> None:
    """Part of the evidence comes, and what is left looks like something."""
    books = spot_books()
    books.tell(fill("1", "buy", "70", "0.001", at=500, value=units("0.07")))
    for at in (2000, 3000):
        disagree(books, "1020", at=at, eth="9.93")
        for subject in list(books.account().backfill.waiting):
            books.tell(page(subject, "", at=at + 500))
    assert the_break(books).proposal == REMEDIES["unknown"].proposal
    books.tell(fill("2", "buy", "20", "0.001", at=1500, heard=5000, value=units("0.02")))
    assert books.break_("XRP") == "-70"
    assert "looks like" in books.state.breaks[XRP].proposal


# --- fees ----------------------------------------------------------------------------------------


def test_a_fee_that_is_told_late_closes_what_it_explains_as_a_fee() -> None:
    books = spot_books()
    terms = {"at": 500, "value": units("0.07"), "order_id": "o"}
    books.tell(fill("1", "buy", "70", "0.001", **terms))
    for at in (2000, 3000):
        disagree(books, "1070", at=at, eth="9.92")
        for subject in list(books.account().backfill.waiting):
            books.tell(page(subject, "", at=at + 500))
    books.tell(fill("1", "buy", "70", "0.001", **terms, fee="0.01", fee_asset="ETH", heard=4000))
    assert not books.doubted()
    assert ("fee", "evidence booked") in books.endings()


def test_a_fill_told_with_another_fee_is_a_break_in_the_fees_asset_with_that_cause() -> None:
    books = spot_books()
    terms = {"order_id": "o", "fee_asset": "ETH"}
    books.tell(fill("1", "buy", "70", "0.001", **terms, fee="0.01"))
    books.tell(fill("1", "buy", "70", "0.001", **terms, fee="0.02"))
    drift = the_break(books)
    assert (drift.reading.holding, drift.cause) == ("venue/main/ETH/cash", "fee")
    assert "the fee of fill 1 corrected to 0.02 ETH" in drift.proposal
    books.tell(adjusted("-0.01", holding="venue/main/ETH/cash", cause="fee"))
    assert books.endings()[-1][0] == "fee"
    assert books.hold("ETH") == "9.91"


def test_progress_that_tells_a_fee_alone_closes_as_a_fee() -> None:
    books = spot_books(tells="progress")
    books.tell(progress("o", "buy", "10", "0.001", at=500))
    surer = {"value": units("0.01"), "fee": units("0.3")}
    disagree(books, "1010", at=2000, eth="9.69")
    assert books.suspect("ETH")
    books.tell(progress("o", "buy", "10", "0.001", at=500, **surer))
    assert [cause for cause, _ in books.endings()] == ["fee"]


# --- two people ----------------------------------------------------------------------------------


def test_an_adjustment_closes_its_break_and_says_who_and_why() -> None:
    books = broken()
    assert not books.tell(adjusted("50"))
    assert not books.state.breaks
    assert books.hold("XRP") == "1050"
    (resolved,) = books.state.resolved
    assert (resolved.cause, resolved.number) == ("adjustment", 1)
    assert resolved.resolution == "adjustment A1: the venue's own error (ann, approved by ben)"


def test_an_adjustment_stands_at_the_as_of_of_its_break() -> None:
    """On a quiet account the venue's clock stands still: the same figure told again agrees."""
    books = broken()
    books.tell(adjusted("50"))
    books.tell(statement({"XRP": "1050", "ETH": "10"}, as_of=2990, heard=9500))
    assert not books.doubted()


def test_a_statement_of_before_the_repair_that_comes_late_is_no_new_doubt() -> None:
    """The difference was there when it was told first, and the repair stands from then on."""
    books = broken()
    books.tell(adjusted("50"))
    books.tell(statement({"XRP": "1050", "ETH": "10"}, as_of=1990, heard=9500))
    assert not books.state.readings
    assert not books.doubted()


def test_people_may_say_what_it_was() -> None:
    books = broken()
    books.tell(adjusted("50", cause="transfer"))
    (resolved,) = books.state.resolved
    assert (resolved.cause, resolved.owner) == ("transfer", "treasury")


def test_part_of_a_break_may_be_repaired_and_the_rest_stays_open() -> None:
    books = broken()
    books.tell(adjusted("20"))
    assert books.break_("XRP") == "30"
    assert books.state.breaks[XRP].number == 1
    books.tell(adjusted("30", adjustment_id="A2"))
    assert not books.state.breaks


@pytest.mark.parametrize(
    ("amount", "terms", "says"),
    [
        ("50", {"approver": "ann"}, "another person's approval"),
        ("50", {"approver": ""}, "another person's approval"),
        ("50", {"author": ""}, "another person's approval"),
        ("50", {"break_number": 2}, f"no open break 2; open are 1 ({XRP}, {units('50')})"),
        ("50", {"break_number": 0}, "no open break 0"),
        ("50", {"holding": "venue/main/ETH/cash"}, f"break 1 is open in {XRP}"),
        ("51", {}, f"does not repair {units('50')}; that much or a part of it would do"),
        ("-50", {}, "does not repair"),
        ("0", {}, "does not repair"),
    ],
)
def test_an_adjustment_that_repairs_no_break_is_refused_and_told_what_would_do(
    amount: str, terms: dict[str, Any], says: str
) -> None:
    books = broken()
    (alert,) = only(RaiseAlert, books.tell(adjusted(amount, **terms)))
    assert says in alert.text
    assert books.hold("XRP") == "1000"
    assert books.break_("XRP") == "50"
    assert not books.state.adjusted


def test_an_id_is_used_once() -> None:
    books = broken()
    books.tell(adjusted("20"))
    (alert,) = only(RaiseAlert, books.tell(adjusted("20")))
    assert "used before" in alert.text
    assert books.break_("XRP") == "30"


def test_with_no_break_open_an_adjustment_is_refused() -> None:
    books = spot_books()
    (alert,) = only(RaiseAlert, books.tell(adjusted("50")))
    assert "none is open" in alert.text


def test_evidence_for_what_was_adjusted_says_which_adjustment_to_take_back() -> None:
    books = broken()
    books.tell(adjusted("50"))
    books.tell(
        CashMoved(
            account="venue/main",
            movement_id="m",
            asset="XRP",
            amount=units("50"),
            reason="deposit",
            occurred_at=ms(1500),
            received_at=ms(9500),
        )
    )
    for at in (10_000, 11_000):
        disagree(books, "1050", at=at)
        for subject in list(books.account().backfill.waiting):
            books.tell(page(subject, "", at=at + 500))
    drift = the_break(books)
    assert drift.size == units("-50")
    assert drift.proposal.startswith("looks like: adjustment A1 repaired")
    books.tell(adjusted("-50", adjustment_id="A2", break_number=drift.number))
    assert books.hold("XRP") == "1050"
    assert not books.state.breaks


def test_a_contradiction_is_ended_by_people_with_any_amount_or_none() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"), fill("7", "buy", "11", "0.001"))
    assert not books.tell(adjusted("0"))
    assert not books.state.breaks
    assert books.endings()[-1][0] == "conflict"


def test_what_differed_beside_a_contradiction_keeps_a_name_when_people_end_that() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"), fill("7", "buy", "11", "0.001"))
    for at in (2000, 3000):
        disagree(books, "1013", at=at, eth="9.99")
        for subject in list(books.account().backfill.waiting):
            books.tell(page(subject, "", at=at + 500))
    assert the_break(books).size == units("3")
    books.state.moves = {}
    books.tell(adjusted("0"))
    assert not books.state.breaks
    assert books.suspect("XRP") == "3"
    assert books.state.suspects[XRP].opened_at == ms(9000)
    assert books.state.moves == {"drift/break>resolved": 1, "drift/none>suspect": 1}


def test_people_know_better_than_what_it_was_taken_for() -> None:
    books = spot_books()
    books.tell(fill("7", "buy", "10", "0.001"), fill("7", "buy", "11", "0.001"))
    books.tell(adjusted("-10", cause="duplicate"))
    (resolved,) = books.state.resolved
    assert (resolved.cause, resolved.owner) == ("duplicate", "engineering")


def test_a_bust_closes_as_a_bust_with_its_owner() -> None:
    books = spot_books()
    mine = fill("8", "buy", "50", "0.001", at=900, value=units("0.05"))
    books.tell(mine)
    disagree(books, "1000", at=2000)
    books.tell(bust(mine, at=1800))
    assert {(e.cause, e.owner) for e in books.state.resolved} == {("bust", "trading")}


# --- what pays for a contract --------------------------------------------------------------------


def test_a_break_in_what_settles_a_contract_closes_the_gate_to_its_entries() -> None:
    books = perp_books()
    books.tell(fill("1", "buy", "3", "50000", account=PERP, instrument="BTC-PERP"))
    perp_break(books, {"USDT": "900", "BTC": "1"}, "balances")
    assert list(books.state.breaks) == [f"{PERP}/USDT/cash"]
    here: dict[str, Any] = {"account": PERP, "instrument": "BTC-PERP"}
    said = verdicts(
        books,
        wish("buy", "1", "50000", **here),
        wish("sell", "1", "50000", **here),
        wish("sell", "4", "50000", reduce_only=True, **here),
        wish("sell", "3", "50000", reduce_only=True, **here),
        wish("buy", "1", "50000", account=PERP, instrument="BTCUSD"),  # it settles in BTC
    )
    assert said == ["BREAK_OPEN", "BREAK_OPEN", "BREAK_OPEN", "sent", "sent"]


# --- a fee's third asset -------------------------------------------------------------------------


def broken_bnb() -> Books:
    """Fees are paid in BNB, which nothing here trades, and BNB is broken."""
    books = spot_books()
    books.tell(fill("1", "buy", "1", "0.001", value=units("0.001"), fee="0.5", fee_asset="BNB"))
    for at in (2000, 3000):
        books.tell(
            statement({"XRP": "1001", "ETH": "9.999", "BNB": "-0.9"}, as_of=at, heard=at + 10)
        )
        books.ring("readings/venue/main")
        for subject in list(books.account().backfill.waiting):
            books.tell(page(subject, "", at=at + 500))
    assert books.break_("BNB") == "-0.4"
    return books


def test_a_break_in_the_fees_asset_closes_the_gate_to_all_that_pays_fees_in_it() -> None:
    books = broken_bnb()
    books.tell(spot("XRPUSDT", quote="USDT"))
    said = verdicts(
        books,
        wish("buy", "1", "0.001"),
        wish("buy", "1", "0.5", instrument="XRPUSDT"),
        wish("sell", "600", "0.001"),
        wish("sell", "402", "0.5", instrument="XRPUSDT"),
        wish("sell", "401", "0.5", instrument="XRPUSDT"),
    )
    assert said == ["BREAK_OPEN", "BREAK_OPEN", "sent", "BREAK_OPEN", "sent"]


def test_a_break_in_an_asset_that_pays_no_fee_closes_nothing_else() -> None:
    books = broken_bnb()
    books.account().fee_assets.clear()
    assert verdicts(books, wish("buy", "1", "0.001")) == ["sent"]
