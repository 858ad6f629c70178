"""docs/postings.md is what the core books: every entry of the stories below, and no other."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.rail_events import (
    AddressAssigned,
    DebtResolved,
    ExchangeCovered,
    LegWanted,
    PaymentReported,
    ReturnReported,
    SuspenseResolved,
)
from tests.settling import BANK, DAY, HOUR, WIRE, Books, change, pay, pull
from tests.subscribing import Issuer, redeem
from tests.test_stolen_nonce import acknowledge, stolen

PAGE = Path(__file__).parent.parent / "docs" / "postings.md"
Entry = tuple[str, tuple[str, ...]]
PLACES = {
    **dict.fromkeys(("nostro", "suspense", "income"), "ACCOUNT"),
    **dict.fromkeys(("customer", "unsettled", "held", "receivable"), "CUSTOMER"),
    **dict.fromkeys(("transit", "intended", "contingent", "revocable"), "SCHEME"),
}


def of_page() -> dict[Entry, str]:
    """The entries that the page lists, each with its line."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and "`" in cells[2]:
            found[cells[0], tuple(sorted(re.findall(r"`(.+?)`", cells[2])))] = line
    return found


class Watched(Books):
    """Books that note every entry."""

    def __init__(self, **opening: int) -> None:
        self.entries: set[Entry] = set()
        super().__init__(**opening)

    def tell(self, fact: Any, /, **fields: Any) -> Any:
        effects = super().tell(fact, **fields)
        for booking in self.state.booked:
            lines = tuple(sorted(_shape(name, amount) for name, amount in booking.lines))
            self.entries.add((booking.purpose, lines))
        return effects


class WatchedIssuer(Watched, Issuer):
    """With a token beside it."""


def _shape(name: str, amount: int) -> str:
    head, *rest = name.split("/")
    sign = "+" if amount > 0 else "-"
    place = PLACES.get(head)
    if head == "fees":
        place = "ACCOUNT" if len(rest) == 3 else "SCHEME"
    return f"{head}/{place} {sign}" if place else f"{head} {sign}"


def _accept(books: Books, payment_id: str, status: str = "accepted") -> None:
    books.tell(PaymentReported, account=BANK, payment_id=payment_id, status=status)


def _return(books: Books, payment_id: str, return_id: str = "x", **more: str) -> None:
    books.tell(
        ReturnReported,
        account=BANK,
        return_id=return_id,
        payment_id=payment_id,
        amount=300,
        code="R10",
        **more,
    )


def _settled(books: Books, *legs: LegWanted) -> str:
    (leg,) = books.request("t1", *legs)
    _accept(books, leg.payment_id)
    books.line("L1", 300 if leg.kind == "in" else -300, "payment", leg.payment_id)
    books.wait(8 * DAY)
    assert leg.status == "settled"
    return leg.payment_id


def paid_and_returnable(books: Books) -> None:
    _settled(books, pay("ach", 300))
    books.wait(61 * DAY)


def paid_and_returned(books: Books) -> None:
    name = _settled(books, pay("ach", 300))
    _return(books, name)
    _return(books, name, "y", dishonours="x")
    books.line("L2", 300, "return", name)


def pulled_and_returned(books: Books) -> None:
    name = _settled(books, pull("pull", 300))
    _return(books, name)
    _return(books, name, "y", dishonours="x")
    books.line("L2", -300, "return", name)


def owed_and_paid(books: Books) -> None:
    """A part is set off, a part written off; then the return is undone."""
    name = _settled(books, pull("pull", 300))
    _return(books, name)
    for way in ("set_off", "write_off"):
        books.tell(
            DebtResolved,
            resolution_id=way,
            subject=name,
            way=way,
            amount=100,
            author="ann",
            approver="bob",
            reason="agreed",
            evidence="letter 7",
        )
    _return(books, name, "y", dishonours="x")


def returned_before_it_settled(books: Books) -> None:
    (leg,) = books.request("t1", pull("pull", 300))
    _return(books, leg.payment_id)


def lines_of_returns(books: Books) -> None:
    for number, wanted in enumerate((pay("ach", 300), pull("pull", 300))):
        (leg,) = books.request(f"t{number}", wanted)
        sign = 1 if leg.kind == "in" else -1
        books.line(f"L{number}", 300 * sign, "payment", leg.payment_id)
        _return(books, leg.payment_id, f"x{number}")
        books.line(f"R{number}", -300 * sign, "return", leg.payment_id)


def kept_of_returns(books: Books) -> None:
    """Their lines come before the messages that say what was kept."""
    for number, kind in enumerate(("out", "in")):
        books.scheme(**{**WIRE, "kind": kind, "scheme": kind, "return_fee_max": 40})
        (leg,) = books.request(f"t{number}", LegWanted(kind, "USD", 300, kind, "021000021/1"))
        sign = 1 if kind == "in" else -1
        books.line(f"L{number}", 300 * sign, "payment", leg.payment_id)
        books.line(f"R{number}", -300 * sign - 30, "return", leg.payment_id)
        books.tell(
            ReturnReported,
            account=BANK,
            return_id=f"x{number}",
            payment_id=leg.payment_id,
            amount=300 + 30 * sign,
            code="MD06",
            fee=30,
        )


def failed(books: Books) -> None:
    for number, wanted in enumerate((pay("wire", 300), pull("pull", 300))):
        (leg,) = books.request(f"t{number}", wanted)
        _accept(books, leg.payment_id, "rejected")


def booked_otherwise(books: Books) -> None:
    books.scheme(scheme="gpi", kind="in", settled_by="message", settles_ns_max=HOUR, fee_max=25)
    (gpi,) = books.request("t0", LegWanted("in", "USD", 300, "gpi", "x"))
    books.line("L0", 280, "payment", gpi.payment_id)
    books.line("L9", -280, "reversal", gpi.payment_id)
    (leg,) = books.request("t1", pay("wire", 300))
    books.line("L1", -310, "payment", leg.payment_id)
    books.line("L2", 10, "reversal", leg.payment_id)


def without_an_intent(books: Books) -> None:
    books.tell(AddressAssigned, account=BANK, address="ref-7", customer="alice")
    books.line("L1", 50, "payment", "ref-7")
    for number in (2, 3):
        books.line(f"L{number}", 50)
    books.line("L4", -50)
    books.line("L5", -50, "fee")
    books.line("L6", 50, "interest")
    for number, customer in ((2, "alice"), (3, "")):
        books.tell(
            SuspenseResolved,
            resolution_id=f"r{number}",
            account=BANK,
            line_id=f"L{number}",
            customer=customer,
            author="ann",
            approver="bob",
            reason="found",
        )


def taken_back_by_the_bank(books: Books) -> None:
    books.tell(AddressAssigned, account=BANK, address="IBAN1", customer="alice")
    books.line("L1", 300, "payment", "IBAN1", "E1")
    books.line("L2", -300, "reversal", "E1")
    books.line("L3", 300, "payment", "IBAN1", "E3")
    books.line("L4", -300, "return", "E3")
    books.line("L6", -300, "reversal", "E5")
    books.line("L5", 300, "payment", "IBAN1", "E5")


def _decide(books: Books, name: str, ident: str, **more: str) -> None:
    words = {"customer": "", "author": "ann", "approver": "bob", "reason": "found"}
    books.tell(
        SuspenseResolved, resolution_id=ident, account=BANK, line_id=name, **{**words, **more}
    )


def sent_back(books: Books) -> None:
    """It fails once; then it settles, comes back, and that return is undone."""
    books.line("L1", 300)
    for ident in ("r1", "r2"):
        _decide(books, "L1", ident, scheme="ach", beneficiary="021000021/1234")
        name = books.state.settlement.transfers[f"back/{ident}"].legs[0]
        _accept(books, name, "rejected" if ident == "r1" else "accepted")
    books.line("L2", -300, "payment", name)
    books.wait(8 * DAY)
    _return(books, name)
    _return(books, name, "y", dishonours="x")


def attributed(books: Books) -> None:
    """Lines of which people found whose they are; one of them what a person of ours spent."""
    (paid,) = books.request("t1", pay("wire", 300))
    (pulled,) = books.request("t2", pull("pull", 300))
    for leg, sign in ((paid, -1), (pulled, 1)):
        books.line(f"L{leg.transfer_id}", 300 * sign)
        _decide(books, f"L{leg.transfer_id}", leg.transfer_id, payment_id=leg.payment_id)


def exchanged(books: Books) -> None:
    """The first half is covered with a gain, the second with a loss."""
    books.quote("q1", books.now + HOUR)
    books.request("t1", change("q1", 300, 270))
    for cover_id, euros in (("c1", 140), ("c2", 130)):
        books.tell(
            ExchangeCovered,
            cover_id=cover_id,
            sold="USD",
            sold_amount=150,
            bought="EUR",
            bought_amount=euros,
        )


def dishonoured_out_of_order(books: Books) -> None:
    (leg,) = books.request("t1", pay("ach", 300))
    books.line("L1", -300, "payment", leg.payment_id)
    _return(books, leg.payment_id)
    books.line("L3", -300, "reversal", leg.payment_id)
    books.line("L2", 300, "return", leg.payment_id)
    _return(books, leg.payment_id, "y", dishonours="x")


def dishonoured_by_a_line(books: Books) -> None:
    for transfer, wanted in (("t1", pay("ach", 300)), ("t2", pull("pull", 300))):
        (leg,) = books.request(transfer, wanted)
        _accept(books, leg.payment_id)
        way = 300 if leg.kind == "in" else -300
        for line, kind in enumerate(("payment", "return", "reversal")):
            books.line(f"{transfer} {line}", way * (-1) ** line, kind, leg.payment_id)


STORIES: tuple[Callable[[Books], None], ...] = (
    paid_and_returnable,
    paid_and_returned,
    pulled_and_returned,
    owed_and_paid,
    returned_before_it_settled,
    lines_of_returns,
    kept_of_returns,
    failed,
    booked_otherwise,
    without_an_intent,
    sent_back,
    attributed,
    taken_back_by_the_bank,
    exchanged,
    dishonoured_out_of_order,
    dishonoured_by_a_line,
)


def issued() -> set[Entry]:
    """A token that is paid for and then redeemed; once it is refused."""
    books = WatchedIssuer(alice=1000)
    books.subscribed(30)
    for name, refusal in (("r1", "kyc"), ("r2", "")):
        (burn,) = books.request(name, redeem(20))
        books.judge(refusal)
    books.permit()
    books.block("h2", burn)
    books.finalize("h2")
    return books.entries


def spent() -> Entry:
    """What took a nonce of ours, acknowledged as our own spending: on a chain."""
    node, leg = stolen()
    acknowledge(node, leg, line_id="0xee:value")
    (entry,) = [each for each in node.state.booked if each.purpose == "resolution"]
    return entry.purpose, tuple(sorted(_shape(name, amount) for name, amount in entry.lines))


def test_the_page_lists_every_entry_and_no_other() -> None:
    booked: set[Entry] = set()
    for story in STORIES:
        books = Watched(alice=1000)
        story(books)
        booked |= books.entries
    page = of_page()
    booked |= issued()
    booked.add(spent())
    assert not booked - page.keys(), "booked, and not on the page"
    assert not page.keys() - booked, "on the page, and booked by no story"
