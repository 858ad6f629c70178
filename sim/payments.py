"""What really became of payments, told by the simulated rails to the oracle and to nobody else.

A payment is settled when its own rail's rule says so, by the world's clock: that instant is stated
here by whoever keeps the rail, and is never derived from what we were told.
"""

from dataclasses import dataclass, field
from typing import Literal

# What a line is that belongs to no payment of ours and to no customer.
Sort = Literal["fee", "income", "nobody"]


@dataclass(slots=True, eq=False)
class Payment:
    """One payment as the world has it; times are the world's nanoseconds, -1 while they are not.

    `times_applied` counts how often the counterparty carried it out: more than once is a doubling.
    `dishonoured` says that it came back and that its return was undone, which nobody asked us.
    `revocable_until` is the end of the last span in which the rail lets it come back, 0 if none.
    `to` is the account that it goes to, or is pulled from, as its keeper read it; "" if none says.
    """

    payment_id: str
    account: str
    scheme: str
    asset: str
    amount: int
    applied_at: int = -1
    times_applied: int = 0
    settled_at: int = -1
    failed_at: int = -1
    returned_at: int = -1
    returned: int = 0
    fee: int = 0
    revocable_until: int = 0
    dishonoured: bool = False
    to: str = ""


@dataclass(slots=True, frozen=True)
class Aside:
    """A line on our account that is no payment's: in units, positive where it came to us."""

    account: str
    line_id: str
    asset: str
    units: int
    sort: Sort


@dataclass(slots=True, frozen=True)
class Overcharge:
    """More was taken by a line than its scheme allows. `about` is our id of the payment, or the
    keeper's account and its own reference of the line, where nobody of ours asked for it."""

    about: str
    amount: int


@dataclass(slots=True, frozen=True)
class Stray:
    """Value that moved and that nobody of ours asked for: a line, or a payment's second booking."""

    account: str
    name: str
    asset: str
    amount: int


@dataclass(slots=True, eq=False)
class Recall:
    """Something that was asked back: since when, by which messages, and answered by which. One that
    comes again under its own id is one message. `line` is what nobody of ours asked for, as
    "account reference", where that is asked back."""

    asked_at: int
    messages: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    line: str = ""


class Payments:
    """All of them, by our id; what we asked back, by it, and what others did, by their id; the
    lines beside them; and what their keepers took, rightly or not.

    `asides` are by account and id of the line; `wrong` are lines of payments that a keeper booked
    with another amount by mistake. `charges` has what was taken rightly from each account that
    takes any, in its units; `misstated` the payments of which a status told another figure than it
    should have. `strays` is what moved beside them, and `unnamed` which payment came back by a line
    or a message that does not say so. `raised_too_little` has the payments of which a replacement
    that paid more was rejected, for it paid too little more than ours before it. `undone` are the
    lines, each as "account reference", that their bank took back, and since when; `mended_by` is
    when all is done that a keeper took on, holds back or has to put right, as far as it knows now;
    `undoing` is which of the strays a line of theirs takes back, or is as good as, each as "account
    reference".
    `corrected` has details of beneficiaries that a keeper told to be wrong and what is right,
    `corrected_at` since when.
    """

    def __init__(self) -> None:
        self.all: dict[str, Payment] = {}
        self.asides: dict[tuple[str, str], Aside] = {}
        self.wrong: set[tuple[str, str]] = set()
        self.charges: dict[tuple[str, str], int] = {}
        self.overcharges: list[Overcharge] = []
        self.misstated: set[str] = set()
        self.mended_by = 0
        self.strays: list[Stray] = []
        self.unnamed: dict[str, str] = {}
        self.raised_too_little: list[str] = []
        self.recalls: dict[str, Recall] = {}
        self.recalls_of_us: dict[str, Recall] = {}
        self.undone: dict[str, int] = {}
        self.undoing: dict[str, str] = {}
        self.corrected: dict[str, str] = {}
        self.corrected_at: dict[str, int] = {}

    def holds_back_until(self, at: int) -> None:
        """A keeper puts something right, does or says it no sooner: nobody may call it lost."""
        self.mended_by = max(self.mended_by, at)

    def charged(self, account: str, asset: str, units: int) -> None:
        """The keeper of the account took so much of it, as it may."""
        key = account, asset
        self.charges[key] = self.charges.get(key, 0) + units

    def beside(self, account: str, line_id: str, asset: str, units: int, sort: Sort) -> None:
        """A keeper books what is no payment of ours, and no customer's."""
        self.asides[account, line_id] = Aside(account, line_id, asset, units, sort)
        if sort == "fee":
            self.charged(account, asset, -units)
        elif sort == "nobody":
            self.strays.append(Stray(account, line_id, asset, units))

    def asked_back(self, payment_id: str, message: str, now: int) -> bool:
        """Our recall reached its bank; True if it did for the first time."""
        recall = self.recalls.setdefault(payment_id, Recall(now))
        if message in recall.messages:
            return False
        recall.messages.append(message)
        return True

    def applied(self, payment: Payment, now: int) -> Payment:
        """The counterparty took it on: for the first time, or, wrongly, once more."""
        known = self.all.setdefault(payment.payment_id, payment)
        known.times_applied += 1
        if known.applied_at < 0:
            known.applied_at = now
        return known
