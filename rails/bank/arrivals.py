"""What others pay to us at the simulated bank, and what the bank takes or gives unasked."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rails.bank import rules, words
from rails.bank.ledger import Kind, Line, Part
from rails.bank.office import Office
from sim.payments import Recall

MS = 1_000_000
# How others pay to an account, by its currency.
BY = {
    "USD": ("fedach_credit_next_day", "fedwire"),
    "EUR": ("sepa_sct", "sct_inst"),
    "GBP": ("fps",),
}
CHASES = 8
CHARGE = "ACMT/MDOP/CHRG"
# At most so much does the bank keep of what others pay in, by currency.
KEEPS = {"USD": Decimal(75), "EUR": Decimal(5), "GBP": Decimal(5)}
INTEREST = "ACMT/MCOP/INTR"


@dataclass(slots=True, eq=False)
class Arrivals:
    """Credits from outside; `recalls` has the answers that we gave to those asked back."""

    office: Office
    came: int = 0
    asked_back: dict[str, Line] = field(default_factory=dict)
    recalls: dict[str, str] = field(default_factory=dict)

    def credit(self, address: str, amount: Decimal, text: str = "") -> int:
        """Somebody pays to an address of ours; it is booked when their scheme settles it: then."""
        office = self.office
        self.came += 1
        scheme = office.dice.pick(BY[office.head.currency])
        part = Part(
            amount,
            end_to_end_id=f"E2E{self.came:08d}",
            address=address,
            text=text,
            name=f"Payer {self.came % 97}",
            peer=f"XX{self.came % 89:020d}",
        )
        at = rules.settles(rules.RULES[scheme], office.hours, office.world.now, None)
        office.world.call_at(at, self._arrive, scheme, part)
        return at

    def _arrive(self, scheme: str, part: Part) -> None:
        office, family = self.office, rules.RULES[scheme].family.replace("ICDT", "RCDT")
        family = family.replace("IRCT", "RRCT")
        fee, over = office.strikes("fee_deducted"), office.strikes("fee_excessive")
        too_much = KEEPS[office.head.currency] + office.exact(over or 0)
        if over and too_much < part.amount:
            line = office.book_too_little(part.amount, "payment", family, part, too_much)
        elif fee and office.exact(fee) < part.amount:
            line = self._less(part, family, office.exact(fee))
        else:
            line = office.book_payment(part.amount, family, part)
        if office.strikes("lines_identical") is not None:
            office.book(part.amount, "payment", family, (part,))
        self._may_be_reversed(line, part.end_to_end_id)
        self._may_be_asked_back(line, "")

    def _may_be_asked_back(self, line: Line, nobodys: str) -> None:
        office = self.office
        if office.strikes("recalled") is not None:
            at = office.next_morning(office.dice.between(1, 9))
            office.world.call_at(at, self._ask_back, line, nobodys)

    def _less(self, part: Part, family: str, fee: Decimal) -> Line:
        """Booked less what was taken on the way, which the line says."""
        net = part.amount - fee
        return self.office.book(net, "payment", family, (part,), charge=fee)

    def _ask_back(self, line: Line, nobodys: str) -> None:
        office = self.office
        recall_id = office.next_id("K")
        self.asked_back[recall_id] = line
        reason = office.dice.pick(("DUPL", "TECH", "FRAD", "CUST"))
        body = words.camt_056(
            office.next_id("C"), recall_id, line, reason, office.world.now, office.head.currency
        )
        case = Recall(office.world.now, line=nobodys)
        office.payments.recalls_of_us[self._case(recall_id)] = case
        self._chase(recall_id, body, CHASES)

    def _chase(self, recall_id: str, body: bytes, times: int) -> None:
        """The same words again, every other morning, until we answer."""
        if recall_id in self.recalls or not times:
            return
        self.office.notices.tell(body)
        at = self.office.next_morning(2)
        self.office.world.call_at(at, self._chase, recall_id, body, times - 1)

    def _case(self, recall_id: str) -> str:
        return f"{self.office.account} {recall_id}"

    def answered(self, recall_id: str, code: str, message_id: str) -> bool:
        """Our answer to a recall; False if there is no such recall."""
        if recall_id not in self.asked_back:
            return False
        self.recalls[recall_id] = code
        answers = self.office.payments.recalls_of_us[self._case(recall_id)].answers
        if message_id not in answers:
            answers.append(message_id)
        return True

    def _may_be_reversed(self, line: Line, end_to_end_id: str) -> None:
        """Some mornings later the bank may find that the credit was none, and once say so twice."""
        office = self.office
        if office.strikes("deposit_reversed") is not None:
            act: Callable[[Line, str], object] = self._reverse
        elif end_to_end_id and office.strikes("reversed_twice") is not None:
            act = self._reverse_twice
        else:
            return
        at = office.next_morning(office.dice.between(1, 3))
        office.world.call_at(at, act, line, end_to_end_id)

    def _reverse(self, line: Line, end_to_end_id: str) -> Line | None:
        """As a reversal, or as a return with its reason; by the payer's id, the line's, or both."""
        office = self.office
        alike = sum(one.parts[0].end_to_end_id == end_to_end_id for one in office.ledger.lines)
        how = office.dice.below(3) if end_to_end_id and alike == 1 else 0
        part = Part(
            -line.amount,
            end_to_end_id="" if how == 0 else end_to_end_id,
            trace="" if how == 1 else line.reference,
            reason="" if office.dice.chance(1, 2) else "AM05",
        )
        name = f"{office.account} {line.reference}"
        if name in office.payments.undone:
            return None  # it was wrong, and was put right before
        office.payments.undone[name] = office.world.now
        kind: Kind = "return" if part.reason else "reversal"
        debit = office.book(-line.amount, kind, line.family, (part,))
        if not end_to_end_id:
            office.stray(line.reference, -line.amount)
            office.payments.undoing[f"{office.account} {debit.reference}"] = line.reference
        return debit

    def _reverse_twice(self, line: Line, end_to_end_id: str) -> None:
        """Booked once more, under an id of its own: whichever is told last is nobody's."""
        office, debit = self.office, self._reverse(line, end_to_end_id)
        if debit is None:
            return
        again = replace(debit.parts[0], end_to_end_id="", trace=line.reference)
        over = office.book(debit.amount, debit.kind, debit.family, (again,))
        office.stray(over.reference, over.amount)
        office.payments.undoing[f"{office.account} {debit.reference}"] = over.reference

    def unreferenced(self, units: int) -> None:
        """Money comes that says nothing of its purpose, from nobody we know."""
        office = self.office
        family = rules.RULES[BY[office.head.currency][0]].family.replace("ICDT", "RCDT")
        amount = office.exact(max(1, units))
        line = office.book_aside(amount, "payment", family, "", "nobody")
        self._may_be_reversed(line, "")
        self._may_be_asked_back(line, f"{office.account} {line.reference}")

    def charge(self, units: int) -> None:
        """The bank takes a charge that nobody asked for."""
        office = self.office
        amount = -office.exact(max(1, units))
        office.book_aside(amount, "fee", CHARGE, "ACCOUNT CHARGE", "fee")

    def interest(self, units: int) -> None:
        """The bank credits what our balance earned."""
        office = self.office
        office.book_aside(office.exact(max(1, units)), "interest", INTEREST, "INTEREST", "income")
