"""The oracle of where payments go, and of what goes back when a later leg fails.

It shares no code with what it judges. A request may say of a leg that pulls how that goes back.
When its customer hears that the transfer failed, what was pulled is due back, unless limits or
other wishes of the customer may stand in the way; what may is reckoned from the world's payments
and with room to spare, so that nothing is called due that could rightly be refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sim.customer_oracle import OVER_A_RAIL, Asked, Bound, CustomerOracle, WantedLeg
from sim.payments import Payment
from sim.settlement_oracle import told as word_of

DAY = 86_400 * 10**9
# By then our books have heard of what settled, whatever was lost on the way.
HEARD_NS = 2 * DAY
# What is told so soon after the node was born may have been decided before it died.
LATELY_NS = 15 * 10**9
ENDED = ("failed", "cancelled", "returned", "completed", "completed_returnable")


@dataclass(slots=True, eq=False)
class UndoOracle:
    """Watches the undoing of one run; `due` has what must go back, by transfer and leg."""

    judge: CustomerOracle
    due: dict[tuple[str, int], WantedLeg] = field(default_factory=dict)
    born_at: int = -LATELY_NS

    def on_told(self, transfer_id: str, status: str, now: int) -> None:
        """The customer heard of a transfer, after the oracle of customers did."""
        asked = self.judge.asked.get(transfer_id)
        if asked is None or status != "failed" or now - self.born_at < LATELY_NS:
            return
        if asked.bodies > 1 or self.judge.books is None:
            return
        for number, leg, payment in self._pulled(asked):
            came = payment is not None and word_of(payment) == "settled"
            if leg.undo_scheme and came and (transfer_id, number) not in self.due:
                if self._is_funded(asked, leg) and self._is_within(asked, leg, now):
                    self.due[transfer_id, number] = leg

    def _pulled(self, asked: Asked) -> Iterator[tuple[int, WantedLeg, Payment | None]]:
        names = self._names(asked)
        for number, (name, leg) in enumerate(zip(names, asked.legs, strict=False)):
            if leg.kind == "in":
                yield number, leg, self.judge.world.all.get(name)

    def _names(self, asked: Asked) -> list[str]:
        books = self.judge.books
        return (books.payments(asked.transfer_id) if books is not None else None) or []

    def _backs(self, asked: Asked) -> list[Payment]:
        """What the world sent back for a transfer."""
        found = (self.judge.world.all.get(name) for name in self._names(asked)[len(asked.legs) :])
        return [payment for payment in found if payment is not None]

    # --- what may stand in the way ---------------------------------------------------------------

    def _is_funded(self, asked: Asked, leg: WantedLeg) -> bool:
        """Whether the customer surely has what is to go back."""
        sure = self.judge.opening.get((asked.customer, leg.asset), 0)
        mine = [a for a in self.judge.asked.values() if a.customer == asked.customer]
        return sure + sum(self._surely(each, leg.asset) for each in mine) >= leg.amount

    def _surely(self, asked: Asked, asset: str) -> int:
        """At least so much of an asset did a transfer bring its customer; negative: it took."""
        if asked.status == "refused":
            return 0
        total, ended = 0, asked.status in ENDED
        for name, leg in zip(self._names(asked), asked.legs, strict=False):
            payment = self.judge.world.all.get(name)
            if leg.kind == "exchange":
                total += self._exchanged(name, leg, asset, ended=ended)
            elif leg.kind in ("mint", "burn"):
                total += self._issued(name, leg, asset)
            elif leg.asset == asset and leg.kind == "in":
                there = payment is not None and word_of(payment) == "settled"
                total += leg.amount if there and ended else 0
            elif leg.asset == asset:
                gone = payment is not None and word_of(payment) in ("settled", "open")
                total -= leg.amount if gone or not ended else 0
        return total - sum(back.amount for back in self._backs(asked) if back.asset == asset)

    def _issued(self, name: str, leg: WantedLeg, asset: str) -> int:
        """A mint may have taken its cash; what a burn brings is there once it is final."""
        if leg.asset != asset or leg.kind == "mint":
            return -leg.amount if leg.asset == asset else 0
        return leg.amount if self.judge.issued(leg.buys, name) else 0

    def _exchanged(self, name: str, leg: WantedLeg, asset: str, *, ended: bool) -> int:
        assert self.judge.books is not None
        done = self.judge.books.settled_at(name) > 0
        sold = leg.amount if leg.asset == asset and (done or not ended) else 0
        return (leg.buys_amount if leg.buys == asset and done else 0) - sold

    def _is_within(self, asked: Asked, leg: WantedLeg, now: int) -> bool:
        """Whether no limit could be exceeded by what is to go back, whatever is under way."""
        for bound in self.judge.limits:
            if bound.scope in ("release", "position"):
                continue
            if not _counts(bound, asked.customer, leg):
                continue
            under_way = sum(self._under_way(bound, each, now) for each in self.judge.asked.values())
            strayed = [each for each in self.judge.ours if _is_ours(bound, each[1], each[0])]
            under_way += sum(amount for _, _, amount in strayed)
            if leg.amount + under_way > bound.amount:
                return False
        return True

    def _under_way(self, bound: Bound, asked: Asked, now: int) -> int:
        """At most so much of a transfer counts against a limit now, with what it sends back."""
        if asked.status == "refused":
            return 0
        total = 0
        for name, leg in zip(self._names(asked), asked.legs, strict=False):
            payment = self.judge.world.all.get(name)
            over = asked.status in ENDED and (payment is None or _is_over(payment, now))
            if not over and leg.kind in OVER_A_RAIL and _is_of(bound, asked, leg.asset, leg.scheme):
                total += leg.amount
        for back in self._backs(asked):
            if not _is_over(back, now) and _is_of(bound, asked, back.asset, back.scheme):
                total += back.amount
        return total + self._just_decided(bound, asked)

    def _just_decided(self, bound: Bound, asked: Asked) -> int:
        """What is to go back by our books, and has not reached its keeper yet."""
        names = self._names(asked)[len(asked.legs) :]
        if all(name in self.judge.world.all for name in names):
            return 0
        pulled = [leg for _, leg, _ in self._pulled(asked) if leg.undo_scheme]
        return sum(leg.amount for leg in pulled if _is_of(bound, asked, leg.asset, leg.undo_scheme))

    # --- when all is over ------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """What did not go back though it was due, what went back wrongly, what went elsewhere."""
        found = []
        for asked in self.judge.asked.values():
            backs = self._backs(asked)
            for number, leg, _ in self._pulled(asked):
                fits = next((back for back in backs if _fits(back, leg)), None)
                if fits is not None:
                    backs.remove(fits)
                elif (asked.transfer_id, number) in self.due:
                    found.append(f"{asked.transfer_id}: leg {number} is due back, and did not go")
            found += [f"{asked.transfer_id}: sent back {back}, as nobody asked" for back in backs]
            if asked.bodies == 1:
                found += [f"{asked.transfer_id}: {text}" for text in self._elsewhere(asked)]
        return found

    def _elsewhere(self, asked: Asked) -> list[str]:
        pairs = zip(self._names(asked), asked.legs, strict=False)
        carried = [(self.judge.world.all.get(name), leg) for name, leg in pairs]
        return [
            f"a payment to {leg.beneficiary} went to {payment.to}"
            for payment, leg in carried
            if payment is not None and not _is_to(payment, leg)
        ]


def _counts(bound: Bound, customer: str, leg: WantedLeg) -> bool:
    subject = {"rail": leg.undo_scheme, "customer": customer, "asset": ""}[bound.scope]
    return leg.asset == bound.asset and bound.subject in ("*", subject)


def _is_of(bound: Bound, asked: Asked, asset: str, scheme: str) -> bool:
    subject = {"rail": scheme, "customer": asked.customer, "asset": ""}[bound.scope]
    return asset == bound.asset and bound.subject in ("*", subject)


def _is_ours(bound: Bound, asset: str, scheme: str) -> bool:
    """Whether a limit counts what goes back from suspense, which is no customer's."""
    return bound.scope != "customer" and asset == bound.asset and bound.subject in ("*", "", scheme)


def _is_over(payment: Payment, now: int) -> bool:
    """Whether our books have surely heard that it is over, and it cannot come back any more."""
    if payment.dishonoured:
        return False
    ended = max(payment.settled_at, payment.failed_at, payment.returned_at)
    return ended >= 0 and now >= max(ended, payment.revocable_until) + HEARD_NS


def _fits(back: Payment, leg: WantedLeg) -> bool:
    same = back.scheme == leg.undo_scheme and back.amount == leg.amount
    return bool(leg.undo_scheme) and same and _is_to(back, leg)


def _is_to(payment: Payment, leg: WantedLeg) -> bool:
    """The number of an account; who keeps it is told apart from that, and not everywhere."""
    return not payment.to or payment.to.rpartition("/")[2] == leg.beneficiary.rpartition("/")[2]
