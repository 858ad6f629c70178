"""The oracle of what is issued for cash: in no moment is value double or missing.

It shares no code with what it judges. From the chain it knows what exists and what is on its way
into being, from the world's payments and from what others pushed whose cash may be taken back, and
from those who use permissions which of them a subscription or a redemption got. Of cash that may be
taken back, or was and is owed, it counts no more than surely bears a mint, so that what it calls
too much is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sim.customer_oracle import Asked, CustomerOracle, WantedLeg
from sim.payments import Payment
from sim.token_oracle import TokenOracle, movements

FAULTS_MAX = 20
# What others push can be taken back for so long at the least, whatever its scheme.
PUSHED_NS_MIN = 3 * 86_400_000_000_000


class CashBooks(Protocol):
    """What this oracle may see of our books."""

    def blocks(self) -> list[tuple[int, str]]:
        """The register's blocks from the last final one on: number and hash."""

    def cash(self) -> tuple[int, int, int]:
        """What the issuer has, what was paid for mints under way, what burns under way will pay."""


@dataclass(slots=True, frozen=True)
class Stood:
    """So much of a mint stood on cash that might be taken back: all that its customer had of it, by
    the payment or the line that brought it."""

    transfer_id: str
    part: int
    sources: Mapping[str, int]


@dataclass(slots=True, eq=False)
class SubscriptionOracle:
    """Watches the cash of one token, at `price` for each; mints may stand on `bound` of cash that
    can be taken back."""

    token: str
    asset: str
    price: int
    bound: int
    chain: TokenOracle
    judge: CustomerOracle
    books: CashBooks | None = None
    permitted: dict[str, str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    minted_early: list[str] = field(default_factory=list)
    compared: int = 0
    stood_max: int = 0
    _stood: dict[str, Stood] = field(default_factory=dict)
    _came: dict[str, int] = field(default_factory=dict)
    _seen: object = None
    _final: tuple[int, dict[str, int]] = (-1, {})

    # --- cash beside the chain -------------------------------------------------------------------

    def observe(self, now: int) -> None:
        """A step was taken: what exists was paid for, and what is on its way is in transit."""
        if self.books is None:
            return
        blocks, cash = self.books.blocks(), self.books.cash()
        if (blocks, cash) == self._seen or not blocks:
            return
        self._seen = blocks, cash
        self.compared += 1
        supply = self._supply(blocks[0], now)
        minted, burned = self._under_way(blocks[1:], now)
        has, minting, burning = cash
        if has != self.price * supply:
            self._differs(f"at {now}: the issuer has {has}, and {supply} exist")
        if minting < self.price * minted or burning < self.price * burned:
            self._differs(f"at {now}: {minted} minted on {minting}, {burned} burned for {burning}")

    def _differs(self, text: str) -> None:
        if len(self.differences) < FAULTS_MAX:
            self.differences.append(text)

    def _supply(self, block: tuple[int, str], now: int) -> int:
        branch = self.chain.branch(*block, now)
        if branch is None or branch < 0:
            return -1  # no block of the chain's: the oracle of the register says so, too
        return sum(self.chain.balances(block[0], branch).values())

    def _under_way(self, blocks: list[tuple[int, str]], now: int) -> tuple[int, int]:
        """What was minted and burned in blocks that may give way."""
        minted = burned = 0
        for number, block_hash in blocks:
            branch = self.chain.branch(number, block_hash, now)
            for mined in self.chain.chain.blocks.get((number, branch or 0), ()):
                for moved in movements(mined, self.chain.contract):
                    minted += moved.value if not moved.sender else 0
                    burned += moved.value if not moved.receiver else 0
        return minted, burned

    # --- what a mint stands on -------------------------------------------------------------------

    def on_permitted(self, payment_id: str, decision: str, now: int) -> None:
        """Whoever uses permissions has this one."""
        if payment_id in self.permitted:
            return
        self.permitted[payment_id] = decision
        for asked, number, leg in self._legs():
            if self._names(asked)[number] == payment_id and leg.kind == "mint":
                self._look_before(asked, number, now)
                self._stand(payment_id, asked, leg, now)

    def _legs(self) -> Iterator[tuple[Asked, int, WantedLeg]]:
        """The legs of this token, each with its place in a transfer that the books know."""
        for asked in self.judge.asked.values():
            for number, leg in enumerate(asked.legs if self._names(asked) else ()):
                if leg.buys == self.token and leg.kind in ("mint", "burn"):
                    yield asked, number, leg

    def _names(self, asked: Asked) -> list[str]:
        books = self.judge.books
        return (books.payments(asked.transfer_id) if books is not None else None) or []

    def _look_before(self, asked: Asked, number: int, now: int) -> None:
        """What brings the cash of a mint has settled by its own rail's rule."""
        for name, leg in zip(self._names(asked)[:number], asked.legs, strict=False):
            payment = self.judge.world.all.get(name)
            settled = payment is not None and 0 <= payment.settled_at <= now
            if leg.kind == "in" and not settled:
                self.minted_early.append(f"{asked.transfer_id}: permitted, and {name} is pending")

    def _stand(self, payment_id: str, asked: Asked, leg: WantedLeg, now: int) -> None:
        brought = self._brought(asked.customer)
        risky = {name: units for name, units in brought.items() if self._may_go(name, now)}
        part = leg.amount - max(0, self._own(asked.customer, risky, now))
        if part > 0:
            self._stood[payment_id] = Stood(asked.transfer_id, part, risky)
        bear = [each for name, each in self._stood.items() if self._bears(name, each, now)]
        stands = sum(self._stands(each, now) for each in bear)
        self.stood_max = max(self.stood_max, stands)
        if stands > self.bound:
            self.minted_early.append(f"{payment_id}: {stands} stand on what may be taken back")

    def _brought(self, customer: str) -> dict[str, int]:
        """What of the customer's cash may ever be taken back, whatever came back of it.

        Of one who gave cash away for anything else nobody knows how much of what was pushed is left
        to stand on: it counts as safe.
        """
        found = {payment.payment_id: payment.amount for payment in self._pulled(customer)}
        if not self._gave_away(customer):
            for (owner, asset, _), credit in self.judge.credited.items():
                place = credit.line.partition(" ")[0], asset
                if (owner, asset) == (customer, self.asset) and place in self.judge.pushed:
                    found[credit.line] = found.get(credit.line, 0) + credit.amount
                    self._came.setdefault(credit.line, credit.at)
        return found

    def _gave_away(self, customer: str) -> bool:
        ways = ("out", "exchange")
        legs = [
            leg
            for each in self.judge.asked.values()
            if each.customer == customer
            for leg in each.legs
        ]
        return any(leg.kind in ways and leg.asset == self.asset for leg in legs)

    def _pulled(self, customer: str) -> list[Payment]:
        """The customer's payments that have settled, whatever came back of them."""
        found = []
        for asked in self.judge.asked.values():
            pairs = zip(self._names(asked), asked.legs, strict=False)
            for name, leg in pairs if asked.customer == customer else ():
                payment = self.judge.world.all.get(name)
                if payment is not None and (leg.kind, leg.asset) == ("in", self.asset):
                    found += [payment] if payment.settled_at >= 0 else []
        return found

    def _may_go(self, name: str, now: int) -> bool:
        """Whether it may be taken back, or was."""
        payment = self.judge.world.all.get(name)
        if payment is not None:
            return payment.returned_at >= 0 or now < payment.revocable_until
        return name in self.judge.world.undone or now - self._came[name] < PUSHED_NS_MIN

    def _own(self, customer: str, risky: Mapping[str, int], now: int) -> int:
        """At most so much of what the customer has nobody can take back.

        A mint took of it what it does not stand on otherwise.
        """
        own = self.judge.opening.get((customer, self.asset), 0) - sum(risky.values())
        own += sum(payment.amount for payment in self._pulled(customer))
        for (owner, asset, _), credit in self.judge.credited.items():
            own += credit.amount if (owner, asset) == (customer, self.asset) else 0
        for asked, number, leg in self._legs():
            name = self._names(asked)[number]
            if asked.customer == customer and self.is_final(name, now):
                stood = self._stood.get(name)
                otherwise = self._stands(stood, now) if stood is not None else 0
                own += leg.amount if leg.kind == "burn" else otherwise - leg.amount
        return own - self._paid(customer)

    def _paid(self, customer: str) -> int:
        """What surely went out."""
        total = 0
        for asked in self.judge.asked.values():
            pairs = zip(self._names(asked), asked.legs, strict=False)
            for name, leg in pairs if asked.customer == customer else ():
                payment = self.judge.world.all.get(name)
                if payment is not None and (leg.kind, leg.asset) == ("out", self.asset):
                    stays = payment.settled_at >= 0 and payment.returned_at < 0
                    total += payment.amount if stays else 0
        return total

    def _bears(self, payment_id: str, stood: Stood, now: int) -> bool:
        """Whether the mint was done for good, or may be yet."""
        over = ("failed", "cancelled", "returned")
        return self.is_final(payment_id, now) or (
            self.judge.asked[stood.transfer_id].status not in over
        )

    def _stands(self, stood: Stood, now: int) -> int:
        safe = sum(n for name, n in stood.sources.items() if not self._may_go(name, now))
        return max(0, stood.part - safe)

    # --- what became of it -----------------------------------------------------------------------

    def is_final(self, payment_id: str, now: int) -> bool:
        """Whether the chain did for good what this leg asked for."""
        return self.permitted.get(payment_id, "-") in self._done(now)

    def _done(self, now: int) -> Mapping[str, int]:
        """The decisions of final movements, and their blocks."""
        final = self.chain.chain.final(now)
        if final != self._final[0]:
            done = {moved.decision: moved.number for moved in self.chain.final(now)}
            self._final = final, done
        return self._final[1]

    def paid_early(self, now: int) -> list[str]:
        """Payments out that left before the burn that brings their cash was final."""
        found, done = [], self._done(now)
        for asked, number, leg in self._legs():
            names = self._names(asked)
            burned = done.get(self.permitted.get(names[number], "-"), -1)
            for name in names[number + 1 : len(asked.legs)] if leg.kind == "burn" else ():
                payment = self.judge.world.all.get(name)
                if payment is None or payment.applied_at < 0:
                    continue
                if not 0 <= burned <= self.chain.chain.final(payment.applied_at):
                    found.append(f"{asked.transfer_id}: {name} left before its burn was final")
        return found
