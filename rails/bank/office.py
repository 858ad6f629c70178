"""What every part of the simulated bank shares: one account, its books, and the way to tell of it.

Whatever is booked is recorded with the world's truth under the bank's own reference, and told at
once in a camt.054. The bank's own mistake, an amount that is wrong and is put right on the next
banking day, lives here too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rails.bank import words
from rails.bank.hours import Hours
from rails.bank.ledger import ZERO, Kind, Ledger, Line, Part
from rails.bank.words import Head
from rails.keeper import Notices
from sim.dice import Stream
from sim.faults import Faults
from sim.payments import Overcharge, Payments, Sort, Stray
from sim.truth import Truth
from sim.world import World


@dataclass(slots=True, eq=False)
class Office:
    """One account with its books and its notices."""

    name: str
    account: str
    head: Head
    hours: Hours
    world: World
    faults: Faults
    truth: Truth
    payments: Payments
    dice: Stream
    ledger: Ledger
    notices: Notices
    decimals: int = 2
    on_booked: Callable[[Line], None] = field(default=lambda line: None)
    _made: int = 0

    @property
    def holding(self) -> str:
        return f"{self.account}/{self.head.currency}/cash"

    def opened(self) -> None:
        """The account stands at its opening balance, as the world has it."""
        key, deltas = (self.head.currency, "cash"), {self.holding: self.ledger.opening}
        self.truth.record(self.account, "opening", key, deltas, "opening")
        self.payments.charged(self.account, self.head.currency, 0)

    def next_id(self, kind: str) -> str:
        """A name of the bank's own that it never gives again."""
        self._made += 1
        return f"{self.name.upper().replace('_', '')}{kind}{self._made:09d}"

    def units(self, amount: Decimal) -> int:
        return int(abs(amount).scaleb(self.decimals))

    def exact(self, units: int) -> Decimal:
        return Decimal(units).scaleb(-self.decimals)

    def strikes(self, kind: str) -> int | None:
        """The strength of a fault that strikes here now; None mostly."""
        fault = self.faults.strikes(kind, self.name)
        return fault.strength if fault else None

    # --- books -----------------------------------------------------------------------------------

    def book(
        self,
        amount: Decimal,
        kind: Kind,
        family: str,
        parts: tuple[Part, ...],
        *,
        batch: str = "",
        told_parts: bool = True,
        charge: Decimal = ZERO,
    ) -> Line:
        """One line, now; it is in the balance from here on, and told."""
        now = self.world.now
        line = Line(
            len(self.ledger.lines) + 1,
            self.next_id("L"),
            amount,
            now,
            self.hours.this_or_next(self.hours.day(now)),
            kind,
            family,
            parts,
            batch,
            told_parts,
            charge,
        )
        self.ledger.book(line)
        key = ("line", line.reference)
        fact = self.truth.record(self.account, "cash", key, {self.holding: amount}, kind)
        body = words.camt_054(self.head, line, self.next_id("N"), now)
        self.notices.tell(body, (fact,))
        return line

    def book_aside(self, amount: Decimal, kind: Kind, family: str, text: str, sort: Sort) -> Line:
        """A line that is no payment of ours and no customer's."""
        line = self.book(amount, kind, family, (Part(amount, text=text),))
        self._beside(line, sort)
        return line

    def _beside(self, line: Line, sort: Sort) -> None:
        units, currency = int(line.amount.scaleb(self.decimals)), self.head.currency
        self.payments.beside(self.account, line.reference, currency, units, sort)

    def book_payment(
        self, amount: Decimal, family: str, part: Part, *, deducts: bool = False
    ) -> Line:
        """A payment's line; a fault may have it booked with a wrong amount first.

        Where banks on the way may deduct, nobody can tell a small mistake from a deduction.
        """
        off = self.strikes("amount_wrong")
        if not off:
            return self.book(amount, "payment", family, (part,))
        wrong = self.exact(off) * (1 if amount > 0 else -1)
        line = self.book(amount + wrong, "payment", family, (replace(part, amount=amount + wrong),))
        if not deducts:
            self.payments.wrong.add((self.account, line.reference))
        self.mend(1, self._put_right, line, amount)
        return line

    def book_less(
        self, amount: Decimal, kind: Kind, family: str, part: Part, charge: Decimal
    ) -> Line:
        """A line of which a charge was taken: as it may be, unless somebody says otherwise."""
        self.payments.charged(self.account, self.head.currency, self.units(charge))
        return self.book(amount - charge, kind, family, (part,), charge=charge)

    def book_too_little(
        self, amount: Decimal, kind: Kind, family: str, part: Part, charge: Decimal
    ) -> Line:
        """A line of which more was taken than may be; it is given back on the next banking day."""
        line = self.book(amount - charge, kind, family, (part,), charge=charge)
        back = replace(part, amount=charge)
        of_others = kind == "payment" and bool(part.address)
        again: Kind = "payment" if of_others else "reversal"
        self.mend(1, self.book, charge, again, family, (back,))
        about = f"{self.account} {line.reference}" if of_others else part.end_to_end_id
        self.payments.overcharges.append(Overcharge(about, self.units(charge)))
        return line

    def _put_right(self, wrong: Line, amount: Decimal) -> None:
        """The wrong line is undone, and the payment booked as it is."""
        part = wrong.parts[0]
        self.undo(wrong)
        self.book(amount, "payment", wrong.family, (replace(part, amount=amount),))

    def stray(self, name: str, amount: Decimal) -> None:
        """What was just booked nobody asked for: the world knows it under this name."""
        units = self.units(amount) * (1 if amount > 0 else -1)
        self.payments.strays.append(Stray(self.account, name, self.head.currency, units))

    def undo(self, wrong: Line) -> None:
        """A line of one payment is taken back, once."""
        name = f"{self.account} {wrong.reference}"
        if name in self.payments.undone:
            return
        self.payments.undone[name] = self.world.now
        undone = replace(wrong.parts[0], amount=-wrong.amount)
        self.book(-wrong.amount, "reversal", wrong.family, (undone,))

    def mend(self, days: int, act: Callable[..., object], *what: object) -> None:
        """Put right what was done wrong, so many banking days on."""
        at = self.next_morning(days)
        self.payments.holds_back_until(at)
        self.world.call_at(at, act, *what)

    def next_morning(self, days: int) -> int:
        """Ten o'clock of the banking day so many days on."""
        return self.hours.at(self.hours.later(self.hours.day(self.world.now), days), "10:00")
