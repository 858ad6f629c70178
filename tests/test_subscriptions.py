"""Cash for tokens and tokens for cash: no moment in which value is double or missing, whatever
becomes of the mint or the burn. `Books` look at the ledger after every fact."""

import msgspec
import pytest

from core import stuck
from core.events import NodeStarted
from core.rail_events import AddressAssigned, LegWanted, ReturnReported, Within
from core.settlement_state import Leg
from core.token_effects import JudgeAuthorization, TellCaller
from core.token_events import AuthorizationRequested, TokenLog
from tests.settling import BANK, DAY, HOUR, SECOND, pay, pull
from tests.subscribing import ALICE, BOB, EVE, FUND, WINDOW_S, Issuer, redeem, subscribe

MINTS, BURNS, ISSUER = f"transit/mint:{FUND}/USD", f"transit/burn:{FUND}/USD", f"issuer/{FUND}/USD"
NOTHING_DUE = {"settled_by": "message", "settles_ns_max": 0}


def cash(books: Issuer) -> tuple[int, int, int]:
    """The customer's, on its way to the issuer, and the issuer's."""
    return books.has("alice"), -books.balance(MINTS), -books.balance(ISSUER)


# --- a mint ---------------------------------------------------------------------------------------


def test_cash_is_in_transit_until_the_mint_is_final() -> None:
    books = Issuer(alice=1000)
    (leg,) = books.request("s", subscribe(30))
    assert (leg.status, cash(books)) == ("in_flight", (700, 300, 0))
    (told,) = [each for each in books.permit() if each.status == "signed"]
    assert (told.caller, told.request_id) == ("", leg.payment_id)
    books.block("h1", leg)
    assert (leg.status, cash(books)) == ("in_flight", (700, 300, 0))
    assert books.seen_by_customer("s") == "pending"
    books.finalize("h1")
    assert (leg.status, cash(books)) == ("settled", (700, 0, 300))
    assert books.token.reserved.balances == {ALICE: 30}
    assert books.seen_by_customer("s") == "completed"
    assert leg.settled_at == books.now


def test_what_policy_refuses_gives_its_cash_back() -> None:
    books = Issuer(alice=1000)
    (leg,) = books.request("s", subscribe(30))
    books.judge(refusal="jurisdiction")
    assert (leg.status, leg.code, cash(books)) == ("failed", "NOT_PERMITTED", (1000, 0, 0))
    assert "jurisdiction" in leg.reason
    assert books.seen_by_customer("s") == "failed"


def test_what_is_refused_at_sight_gives_its_cash_back_at_once() -> None:
    books = Issuer(alice=1000)
    books.token.paused = True
    (leg,) = books.request("s", subscribe(30))
    assert (leg.status, cash(books)) == ("failed", (1000, 0, 0))


def test_what_expires_gives_its_cash_back_once_no_block_can_have_it() -> None:
    books = Issuer(alice=1000)
    (leg,) = books.request("s", subscribe(30))
    books.permit()
    books.block("h1", seconds=WINDOW_S + 1)
    assert cash(books) == (700, 300, 0)
    books.finalize("h1")
    assert (leg.status, cash(books)) == ("failed", (1000, 0, 0))


def test_a_block_that_gives_way_gives_nothing_back_before_the_window_is_over_for_good() -> None:
    books = Issuer(alice=1000)
    (leg,) = books.request("s", subscribe(30))
    books.permit()
    books.block("h1", leg)
    books.block("g1", on="h0", seconds=13)
    books.block("g2", seconds=13)
    assert books.permission(leg).status == "signed"
    assert cash(books) == (700, 300, 0)
    books.block("g3", seconds=WINDOW_S)
    books.finalize("g3")
    assert (leg.status, cash(books)) == ("failed", (1000, 0, 0))


def test_a_crash_between_asking_and_use_tells_it_again() -> None:
    books = Issuer(alice=1000)
    (leg,) = books.request("s", subscribe(30))
    books.permit()
    books.tell(NodeStarted, node="t", epoch=2)
    (told,) = books.of(TellCaller)
    assert (told.request_id, told.status) == (leg.payment_id, "signed")
    assert books.of(JudgeAuthorization) == []
    books.block("h1", leg)
    books.finalize("h1")
    assert cash(books) == (700, 0, 300)


def test_a_request_that_is_told_again_mints_once() -> None:
    books = Issuer(alice=1000)
    books.request("s", subscribe(30))
    (leg,) = books.request("s", subscribe(30))
    books.permit()
    books.block("h1", leg)
    books.finalize("h1")
    assert cash(books) == (700, 0, 300)
    assert books.token.made == 1


# --- a burn ---------------------------------------------------------------------------------------


def test_a_redemption_is_paid_once_its_burn_is_final() -> None:
    books = Issuer(alice=1000)
    books.subscribed(30)
    burn, paid = books.request("r", redeem(20), pay("wire", 200))
    books.permit()
    assert (burn.status, paid.status, cash(books)) == ("in_flight", "validated", (700, 0, 300))
    books.block("h2", burn)
    assert (paid.status, cash(books)) == ("validated", (700, 0, 300))
    books.finalize("h2")
    assert (burn.status, paid.status) == ("settled", "in_flight")
    assert cash(books) == (700, 0, 100)
    assert books.balance("transit/wire/USD") == -200
    assert (books.balance(BURNS), books.balance("unsettled/alice/USD")) == (0, 0)


def test_a_burn_that_expires_leaves_all_as_it_was() -> None:
    books = Issuer(alice=1000)
    books.subscribed(30)
    burn, paid = books.request("r", redeem(20), pay("wire", 200))
    books.permit()
    books.block("h2", seconds=WINDOW_S + 1)
    books.finalize("h2")
    assert (burn.status, paid.status, cash(books)) == ("failed", "cancelled", (700, 0, 300))


# --- what is not taken in ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leg", "code"),
    [
        (subscribe(30, buys="GOLD"), "NOT_OFFERED"),
        (subscribe(30, amount=299), "OFF_PRICE"),
        (subscribe(30, amount=301), "OFF_PRICE"),
        (msgspec.structs.replace(subscribe(30), asset="EUR"), "OFF_PRICE"),
        (subscribe(30, BOB), "NOT_ADMITTED"),
        (redeem(30, EVE), "NOT_ADMITTED"),
        (subscribe(-30), "BAD_AMOUNT"),
        (subscribe(0), "BAD_AMOUNT"),
        (subscribe(30, scheme="wire"), "WRONG_SCHEME"),
        (subscribe(101), "NO_FUNDS"),
    ],
)
def test_what_is_refused(leg: object, code: str) -> None:
    books = Issuer(alice=1000, bob=0)
    books.request("s", leg)  # type: ignore[arg-type]
    assert books.state.settlement.transfers["s"].refusal == code
    assert cash(books) == (1000, 0, 0)


def test_nobody_else_mints_what_is_offered_for_cash() -> None:
    books = Issuer(alice=1000)
    common = {"token": FUND, "caller": "desk", "value": 5}
    for n, (kind, sender, to) in enumerate((("mint", "", ALICE), ("burn", ALICE, ""))):
        parties = {"kind": kind, "sender": sender, "receiver": to}
        (told,) = books.tell(AuthorizationRequested, request_id=f"x{n}", **common, **parties)
        assert isinstance(told, TellCaller)
        assert (told.status, told.reason) == ("refused", "unpaid")


def test_what_nobody_decided_is_a_break_and_no_fault_of_the_ledger() -> None:
    """A forged mint has no cash behind it: it has its name, and the token is closed."""
    books = Issuer(alice=1000)
    books.subscribed(30)
    forged = TokenLog("moved", 0, "tx of a thief", receiver=EVE, value=7, nonce=9)
    books.block("h9", logs=(forged,))
    books.finalize("h9")
    assert books.offering.unpaid == 7
    assert list(books.breaks().values()) == ["orphan"]
    (leg,) = books.request("s", subscribe(30))
    assert (leg.status, cash(books)) == ("failed", (700, 0, 300))


def test_another_price_is_not_taken() -> None:
    books = Issuer(alice=1000)
    assert books.offer() == []
    (alert,) = books.offer(price=11)
    assert "its first price stands" in alert.text  # type: ignore[union-attr]
    assert books.offering.price == 10


# --- cash that may be taken back ------------------------------------------------------------------


def pulled(books: Issuer, *more: LegWanted) -> list[Leg]:
    """Alice pulls 500, and it settles; it may come back for sixty days."""
    legs = books.request("p", pull("pull", 500), *more)
    books.tell_accepted(legs[0].payment_id)
    books.line("l1", 500, "payment", legs[0].payment_id)
    assert legs[0].status == "in_flight"
    wait(books, 5)
    assert legs[0].status == "settled"
    return legs


def wait(books: Issuer, days: int) -> None:
    """The chain goes on, and is looked at every day."""
    for _ in range(days):
        books.wait(DAY - 20 * SECOND)
        name = f"h{len(books.blocks)}"
        books.block(name, seconds=(books.now // SECOND) - books.blocks[-1][3] + 12)
        books.finalize(name)


def came_back(books: Issuer, leg: Leg) -> None:
    books.tell(
        ReturnReported,
        account=BANK,
        return_id="x1",
        payment_id=leg.payment_id,
        amount=leg.amount,
        code="R10",
    )


def test_a_mint_waits_while_its_cash_is_merely_pending() -> None:
    books = Issuer(alice=1000)
    (_, leg) = books.request("p", pull("pull", 500), subscribe(50))
    assert leg.status == "validated"
    assert books.of(JudgeAuthorization) == []


def test_without_a_limit_a_mint_waits_until_nobody_can_take_its_cash_back() -> None:
    books = Issuer(alice=0)
    source, leg = pulled(books, subscribe(50))
    assert (leg.status, source.contingent) == ("validated", 500)
    assert list(books.offering.waiting) == [leg.payment_id]
    (row,) = [each for each in stuck.stuck(books.state) if each.payment_id == leg.payment_id]
    assert "nobody's to take back" in row.waiting_for
    wait(books, 62)
    assert (leg.status, source.contingent, books.standing) == ("in_flight", 0, 0)
    assert books.offering.waiting == {}


def test_within_its_limit_it_is_minted_on_cash_that_may_be_taken_back() -> None:
    books = Issuer(alice=100)
    books.limit("mint", FUND, 400)
    source, leg = pulled(books, subscribe(50))
    assert leg.status == "in_flight"
    assert books.offering.stands_on == {leg.payment_id: {source.payment_id: 400}}
    assert books.standing == 400
    books.permit()
    books.block("m1", leg)
    books.finalize("m1")
    assert (leg.status, books.seen_by_customer("p")) == ("settled", "completed_returnable")
    (more,) = books.request("more", subscribe(1))
    assert more.status == "validated"
    wait(books, 62)
    assert (more.status, books.standing) == ("in_flight", 0)
    counts = books.state.counts
    assert (counts[f"mints_on_revocable/{FUND}"], counts[f"mints_waited/{FUND}"]) == (1, 1)


def test_beyond_the_limit_it_waits_no_longer_than_its_customer_would() -> None:
    """Then the customer has the cash, of which some may still be taken back."""
    books = Issuer(alice=0)
    books.limit("mint", FUND, 400)
    patience = books.now + 8 * DAY
    source, leg = pulled(books, subscribe(50, expires_at=patience))
    assert (leg.status, list(books.offering.waiting)) == ("validated", [leg.payment_id])
    wait(books, 2)
    assert leg.status == "validated"
    wait(books, 2)
    assert books.now > patience
    assert (leg.status, leg.code, leg.reason) == (
        "failed",
        "OVER_LIMIT",
        "500 USD of it may be taken back",
    )
    assert (books.offering.waiting, cash(books), source.contingent) == ({}, (500, 0, 0), 500)
    assert books.state.counts[f"mints_beyond/{FUND}"] == 1


def test_what_is_taken_back_after_its_mint_is_owed_and_takes_room_until_it_is_paid() -> None:
    books = Issuer(alice=0, bob=1000)
    books.limit("mint", FUND, 500)
    source, leg = pulled(books, subscribe(50))
    books.permit()
    books.block("m1", leg)
    books.finalize("m1")
    came_back(books, source)
    assert (source.status, books.balance("receivable/alice/USD")) == ("returned", 500)
    assert cash(books) == (0, 0, 500)
    assert (books.standing, books.seen_by_customer("p")) == (500, "returned")
    (other,) = books.request("own", subscribe(50, BOB), customer="bob")
    assert other.status == "in_flight"


def test_a_mint_that_waits_is_cancelled_where_its_cash_is_taken_back() -> None:
    books = Issuer(alice=0)
    source, leg = pulled(books, subscribe(50))
    came_back(books, source)
    assert (leg.status, cash(books)) == ("cancelled", (500, 0, 0))
    assert books.balance("receivable/alice/USD") == 500


def test_a_mint_that_failed_takes_no_room_any_more() -> None:
    books = Issuer(alice=0)
    books.limit("mint", FUND, 500)
    _, leg = pulled(books, subscribe(50))
    assert books.standing == 500
    books.judge(refusal="sanctioned")
    assert (leg.status, books.standing, cash(books)) == ("failed", 0, (500, 0, 0))


def test_what_others_pushed_may_be_taken_back_as_well() -> None:
    books = Issuer(alice=0)
    returns = (Within(days=5, until_ns=8 * HOUR),)
    books.scheme(scheme="received", kind="in", pushed=True, returns=returns, **NOTHING_DUE)
    books.tell(AddressAssigned, account=BANK, address="IBAN1", customer="alice")
    books.line("d1", 300, "payment", "IBAN1")
    (leg,) = books.request("s", subscribe(20))
    assert (leg.status, leg.held) == ("validated", 200)
    books.limit("mint", FUND, 100)
    (second,) = books.request("t", subscribe(10))
    assert second.status == "in_flight"
    assert (books.standing, list(books.offering.waiting)) == (100, [leg.payment_id])
    wait(books, 8)
    assert (leg.status, books.standing) == ("in_flight", 0)
