"""The oracle of customers: each request against what the world did with it, and what was told.

It shares no code with what it judges. Customers reckon for themselves: from their own requests and
from what they hear they know a bound of what they may dispose of and of what is on its way, so
that a refusal for want of funds or room can be contradicted. What is in flight is summed from the
world's payments, and a balance is what its owner began with and what really moved.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sim.desk import Desk
from sim.exchange_oracle import Exchanged
from sim.payments import Payment, Payments
from sim.settlement_oracle import told as word_of

# What may be told after what. A return that was not in order is undone: completed again.
NEXT: Mapping[str, tuple[str, ...]] = {
    "": ("pending", "completed", "completed_returnable", "failed", "cancelled", "refused"),
    "pending": ("completed", "completed_returnable", "failed", "cancelled", "returned"),
    "completed_returnable": ("completed", "returned", "completed_returnable"),
    "completed": ("returned", "completed"),
    "returned": ("completed", "completed_returnable", "pending", "returned", "cancelled", "failed"),
    "failed": ("failed", "returned"),
    "cancelled": ("cancelled", "failed", "returned"),
    "refused": ("refused",),
}
# Who owns a payment that we make with what is no customer's.
OURS = "-"
# Legs that move value over a rail, and those that bring their customer some.
OVER_A_RAIL = ("out", "in")
BRINGS = ("in", "burn")
OVER = ("completed", "failed", "returned", "cancelled", "refused")
FAULTS_MAX = 20
# What others push can be taken back no longer: ten banking days, and the holidays in them.
PUSHED_NS_MAX = 20 * 86_400_000_000_000
# A line comes to be known within so long of its booking, if no read is lost over and over.
LINE_NS_MAX = 4 * 3_600_000_000_000
# How a request was spoilt: the reason that must be told, and no other.
REASONS: Mapping[str, tuple[str, ...]] = {
    "zero": ("BAD_AMOUNT",),
    "negative": ("BAD_AMOUNT",),
    "dust": ("BELOW_DUST", "BAD_AMOUNT"),
    "unknown_asset": ("UNKNOWN_ASSET",),
    "unknown_scheme": ("UNKNOWN_SCHEME",),
    "wrong_way": ("WRONG_SCHEME",),
    "too_much": ("NO_FUNDS", "OVER_LIMIT", "OVER_SCHEME_MAX"),
    "bad_beneficiary": ("BAD_BENEFICIARY",),
    "unknown_customer": ("UNKNOWN_CUSTOMER",),
    "no_legs": ("NO_LEGS",),
    "over_scheme_max": ("NO_FUNDS", "OVER_LIMIT", "OVER_SCHEME_MAX"),
    # Where only one asset is kept there is nothing to exchange it for.
    "expired_rate": ("QUOTE_EXPIRED", "BAD_EXCHANGE"),
    "same_asset": ("BAD_EXCHANGE",),
    "unquoted": ("UNKNOWN_QUOTE", "BAD_EXCHANGE"),
    "quote_amount": ("QUOTE_AMOUNT", "BAD_EXCHANGE"),
    "quote_reused": ("QUOTE_USED", "QUOTE_EXPIRED", "BAD_EXCHANGE"),
    "bad_undo": ("BAD_UNDO",),
    "no_calendar": ("NO_CALENDAR", "UNKNOWN_SCHEME"),
}


class WantedLeg(Protocol):
    """A leg as it was asked for."""

    @property
    def kind(self) -> Literal["out", "in", "exchange", "mint", "burn"]: ...
    @property
    def asset(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def scheme(self) -> str: ...
    @property
    def buys(self) -> str: ...
    @property
    def buys_amount(self) -> int: ...
    @property
    def quote(self) -> str: ...
    @property
    def waits_for(self) -> Literal["settled", "irrevocable"]: ...
    @property
    def undo_scheme(self) -> str: ...
    @property
    def beneficiary(self) -> str: ...


class CustomerBooks(Protocol):
    """What this oracle may see of our books."""

    def payments(self, transfer_id: str) -> list[str] | None:
        """Our ids of the transfer's legs, in order, and of what undoes them; None: no such one."""

    def settled_at(self, payment_id: str) -> int:
        """When the books say that the leg settled, 0 if they do not."""

    def owner(self, payment_id: str) -> str:
        """Whose payment it is; `OURS` where no customer pays for it."""

    def has(self, customer: str, asset: str) -> int:
        """What a customer has with us, less what is owed to us for what came back."""


@dataclass(slots=True, frozen=True)
class Bound:
    """A limit as the deployment states it."""

    scope: str
    subject: str
    asset: str
    amount: int
    limit: str = ""


@dataclass(slots=True, eq=False)
class Asked:
    """A request, and what was heard of it. `bodies` counts the bodies told under its id;
    `may_be_owed` says that it was taken back from a customer who had it already."""

    transfer_id: str
    customer: str
    legs: Sequence[WantedLeg]
    spoilt: str
    funded: bool
    within: bool
    roomy: bool = True
    bodies: int = 1
    status: str = ""
    reason: str = ""
    cancel_asked: bool = False
    hit: bool = False
    cleared_at: int = -1
    released_at: int = -1
    told_at: int = -1
    may_be_owed: bool = False


@dataclass(slots=True, frozen=True)
class Credit:
    """A line that a customer got directly, as "account reference"."""

    line: str
    amount: int
    at: int


@dataclass(slots=True, eq=False)
class CustomerOracle:
    """Watches the customers of one run. `pushed` says by which scheme others pay to an account, by
    the account and the asset; `issued` which of our mints and burns are final on their chain."""

    world: Payments
    limits: Sequence[Bound]
    opening: Mapping[tuple[str, str], int]
    desk: Desk
    pushed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    issued: Callable[[str, str], bool] = field(default=lambda token, payment_id: False)
    asked: dict[str, Asked] = field(default_factory=dict)
    credited: dict[tuple[str, str, str], "Credit"] = field(default_factory=dict)
    told_of_deposits: dict[str, str] = field(default_factory=dict)
    told_wrongly: list[str] = field(default_factory=list)
    over_limit: dict[str, int] = field(default_factory=dict)
    reused: int = 0
    ours: list[tuple[str, str, int]] = field(default_factory=list)
    decided: list[tuple[str, str, Credit]] = field(default_factory=list)
    never_left: list[str] = field(default_factory=list)
    books: CustomerBooks | None = None
    _payments_seen: int = 0

    # --- what customers and operators say --------------------------------------------------------

    def on_asked(
        self,
        transfer_id: str,
        customer: str,
        legs: Sequence[WantedLeg],
        spoilt: str,
        now: int,
    ) -> None:
        """Somebody asks for a transfer; told again with another body, only the first counts."""
        known = self.asked.get(transfer_id)
        if known is not None:
            other = list(known.legs) != list(legs) or known.customer != customer
            known.bodies += other
            self.reused += other
            if not known.status:  # a dead node may not have heard it before
                known.funded = known.funded and self._is_funded(customer, legs)
                known.within = known.within and self._is_within(customer, legs, now)
                known.roomy = known.roomy and self._has_room(legs)
            return
        self.asked[transfer_id] = Asked(
            transfer_id,
            customer,
            legs,
            spoilt,
            funded=self._is_funded(customer, legs),
            within=self._is_within(customer, legs, now),
            roomy=self._has_room(legs),
        )

    def on_cancel_asked(self, transfer_id: str) -> None:
        self.asked[transfer_id].cancel_asked = True

    def on_screened(self, transfer_id: str, now: int, *, clear: bool) -> None:
        """Screening may be asked twice and find otherwise; the books go by what they hear first."""
        asked = self.asked[transfer_id]
        asked.hit = asked.hit or not clear
        if clear and asked.cleared_at < 0:
            asked.cleared_at = now

    def on_released(self, transfer_id: str, by: str, now: int) -> None:
        """A person lets it go; that its own customer does is nothing."""
        asked = self.asked[transfer_id]
        if by != asked.customer and asked.released_at < 0:
            asked.released_at = now

    def on_credited(self, customer: str, asset: str, key: str, credit: Credit) -> None:
        """A line that was told went to a customer directly: a deposit, or one that people found."""
        self.credited[customer, asset, key] = credit

    def on_credit_decided(self, customer: str, asset: str, credit: Credit) -> None:
        """Two people give a customer what lies in suspense, if the books take it so."""
        self.decided.append((customer, asset, credit))

    def on_sent_back(self, scheme: str, asset: str, amount: int) -> None:
        """Two people send back what is no customer's: it may take room on that rail."""
        self.ours.append((scheme, asset, amount))

    # --- what customers reckon -------------------------------------------------------------------

    def _is_funded(self, customer: str, legs: Sequence[WantedLeg]) -> bool:
        """Whether what the customer surely has suffices, leg by leg."""
        have: dict[str, int] = {}
        for leg in legs:
            there = have.setdefault(leg.asset, self._sure(customer, leg.asset))
            if leg.kind in BRINGS:
                have[leg.asset] = there + leg.amount
                continue
            if leg.amount > there:
                return False
            have[leg.asset] = there - leg.amount
            if leg.kind == "exchange":
                bought = have.setdefault(leg.buys, self._sure(customer, leg.buys))
                have[leg.buys] = bought + leg.buys_amount
        return True

    def _sure(self, customer: str, asset: str) -> int:
        """At least this is disposable: all that may be under way counts as spent."""
        sure = self.opening.get((customer, asset), 0)
        for asked in self.asked.values():
            if asked.customer != customer or asked.status == "refused":
                continue
            alone = len(asked.legs) == 1
            back = asked.status in ("failed", "cancelled", "returned") and alone
            whole = asked.status.startswith("completed")
            for leg in asked.legs:
                if leg.asset == asset and leg.kind not in BRINGS and not back:
                    sure -= leg.amount
                if leg.asset == asset and leg.kind in BRINGS and whole:
                    sure += leg.amount
                if leg.kind == "exchange" and leg.buys == asset and whole:
                    sure += leg.buys_amount
        return sure

    def _is_within(self, customer: str, legs: Sequence[WantedLeg], now: int) -> bool:
        """Whether no limit could be exceeded, whatever is under way."""
        return not any(
            sum(leg.amount for leg in legs if _counts(bound, customer, leg))
            + self._pushed(bound, customer, now)
            + sum(
                leg.amount
                for asked in self.asked.values()
                if not self._is_through(asked, now)
                for leg in asked.legs
                if _counts(bound, asked.customer, leg)
            )
            + self._of_ours(bound)
            > bound.amount
            for bound in self._bounds(customer, legs, now)
        )

    def _of_ours(self, bound: Bound) -> int:
        """At most so much of what we send back ourselves counts against it."""
        return sum(
            amount
            for scheme, asset, amount in self.ours
            if asset == bound.asset
            and (bound.scope == "asset" or (bound.scope, bound.subject) == ("rail", scheme))
        )

    def _pushed(self, bound: Bound, customer: str, now: int) -> int:
        """At most this counts of what others pushed: it may be taken back for a while, or was."""
        told = [(owner, asset, credit) for (owner, asset, _), credit in self.credited.items()]
        return sum(
            credit.amount
            for owner, asset, credit in (*told, *self.decided)
            if asset == bound.asset
            if self._is_of(bound, customer, owner, credit)
            if credit.line in self.world.undone or now - credit.at < PUSHED_NS_MAX
        )

    def _is_of(self, bound: Bound, customer: str, owner: str, credit: Credit) -> bool:
        if bound.scope == "rail":
            return self._brought_by(credit, bound.asset) == bound.subject
        return bound.scope == "asset" or owner == customer

    def _brought_by(self, credit: Credit, asset: str) -> str:
        """The scheme that a credit came by."""
        return self.pushed.get((credit.line.partition(" ")[0], asset), "")

    def _bounds(self, customer: str, legs: Sequence[WantedLeg], now: int) -> Iterable[Bound]:
        """What may refuse these: what they move counts; and what they draw of what others pushed,
        paid out or exchanged, does where that came by."""
        return [
            bound
            for bound in self.limits
            if bound.scope != "release"
            and (
                any(_counts(bound, customer, leg) for leg in legs)
                or (
                    any(leg.kind not in BRINGS and leg.asset == bound.asset for leg in legs)
                    and self._pushed(bound, customer, now) > 0
                )
            )
        ]

    def _has_room(self, legs: Sequence[WantedLeg]) -> bool:
        """Whether no limit on an open position could be exceeded, whatever may still be dealt."""
        for bound in self.limits:
            wanted = _exchanged(legs, bound.asset)
            if bound.scope != "position" or not wanted:
                continue
            stands = sum(cover.moves(bound.asset) for cover in self.desk.covers.values())
            for asked in self.asked.values():
                done, rest = self._dealt(asked, bound.asset)
                stands, wanted = stands + done, wanted + rest
            if abs(stands) + wanted > bound.amount:
                return False
        return True

    def _dealt(self, asked: Asked, asset: str) -> tuple[int, int]:
        """What its exchanges moved of an asset, as we have it, and how much they may move yet."""
        if asked.status == "refused":
            return 0, 0
        names = self.books.payments(asked.transfer_id) if self.books is not None else None
        done = rest = 0
        for number, leg in enumerate(asked.legs):
            units = _exchanged([leg], asset)
            if not units:
                continue
            if self.books is not None and names and self.books.settled_at(names[number]):
                done += units if leg.asset == asset else -units
            elif asked.status in ("", "pending", "returned"):
                rest += units
        return done, rest

    def exchanged(self) -> list[Exchanged]:
        """The exchanges that the books carried out, as their customers had asked for them."""
        found = []
        for asked in self.asked.values():
            names = self.books.payments(asked.transfer_id) if self.books is not None else None
            for name, leg in zip(names or (), asked.legs, strict=False):
                if leg.kind == "exchange" and self.books is not None:
                    at = self.books.settled_at(name)
                    sold, bought = (leg.asset, leg.amount), (leg.buys, leg.buys_amount)
                    if at:
                        found.append(Exchanged(at, asked.customer, leg.quote, *sold, *bought))
        return found

    def _is_through(self, asked: Asked, now: int) -> bool:
        """Nothing of it is under way or comes back; of several legs one may, whatever is told.

        What was told as completed counts until its line has come, too; what was taken back from a
        customer who had it, for as long as that may be owed: until people set it off.
        """
        if asked.may_be_owed:
            return False
        if len(asked.legs) == 1:
            lately = asked.status == "completed" and now - asked.told_at < LINE_NS_MAX
            return asked.status in OVER and not lately
        return asked.status in ("completed", "refused", "cancelled")

    # --- what they are told ----------------------------------------------------------------------

    def on_told(self, transfer_id: str, status: str, reason: str, now: int) -> None:
        """The customer hears of a transfer."""
        asked = self.asked.get(transfer_id)
        if asked is None and transfer_id in self.world.undone and status == "returned":
            self.told_of_deposits[transfer_id] = status
            return
        if asked is None:
            self._wrong(f"{transfer_id}: told {status}, and nobody asked for it")
            return
        if status != asked.status and status not in NEXT[asked.status]:
            self._wrong(f"{transfer_id}: told {status} after {asked.status}")
        had = asked.status.startswith("completed") and asked.legs[0].kind in BRINGS
        asked.may_be_owed |= had and status == "returned"
        asked.status, asked.reason, asked.told_at = status, reason, now
        if status == "refused":
            self._judge_refusal(asked)
        elif asked.spoilt:
            self._wrong(f"{transfer_id}: {asked.spoilt}, and told {status}")
        elif status.startswith("completed") and self.books is not None:
            for payment in self._carried(asked):
                if payment is None or not 0 <= payment.settled_at <= now:
                    self._wrong(f"{transfer_id}: told {status} with {word_of(payment)}")
            if not all(word for word in self._issues(asked)):
                self._wrong(f"{transfer_id}: told {status}, and its token is not final")

    def _judge_refusal(self, asked: Asked) -> None:
        code = asked.reason.partition(":")[0]
        if asked.bodies > 1:
            return
        if code == "DETAILS_CORRECTED":
            if not self._is_outdated(asked):
                self._wrong(f"{asked.transfer_id}: refused for {code}, and no bank told of any")
        elif asked.spoilt:
            if code not in REASONS[asked.spoilt]:
                self._wrong(f"{asked.transfer_id}: {asked.spoilt}, and refused for {code}")
        elif code not in ("NO_FUNDS", "OVER_LIMIT", "OVER_POSITION"):
            self._wrong(f"{asked.transfer_id}: sound, and refused for {code}")
        elif {"NO_FUNDS": asked.funded, "OVER_LIMIT": asked.within}.get(code, asked.roomy):
            self._wrong(f"{asked.transfer_id}: {code}, and there was enough")

    def _is_outdated(self, asked: Asked) -> bool:
        """Whether a bank told that details in it are wrong."""
        return any(leg.beneficiary in self.world.corrected for leg in asked.legs)

    def _may_fail(self, asked: Asked) -> bool:
        """Whether it could fail though no keeper took it on: its details are wrong, people found
        that it never left, or a token's policy had a word in it."""
        if any(leg.kind in ("mint", "burn") for leg in asked.legs):
            return True
        return self._is_outdated(asked) or asked.transfer_id in self.never_left

    def _carried(self, asked: Asked) -> list[Payment | None]:
        """The world's payments of the legs that move value over a rail."""
        names = self.books.payments(asked.transfer_id) if self.books is not None else None
        pairs = zip(names or (), asked.legs, strict=False)
        return [self.world.all.get(name) for name, leg in pairs if leg.kind in OVER_A_RAIL]

    def _issues(self, asked: Asked) -> list[str]:
        """Of each leg that mints or burns: "settled" where the chain did it for good, else ""."""
        names = self.books.payments(asked.transfer_id) if self.books is not None else None
        pairs = zip(names or (), asked.legs, strict=False)
        of_tokens = [(name, leg) for name, leg in pairs if leg.kind in ("mint", "burn")]
        return ["settled" if self.issued(leg.buys, name) else "" for name, leg in of_tokens]

    def _wrong(self, text: str) -> None:
        if len(self.told_wrongly) < FAULTS_MAX:
            self.told_wrongly.append(text)

    # --- what is on its way ----------------------------------------------------------------------

    def observe(self, now: int) -> None:
        """A step was taken: where the world took on another payment, limits are looked at."""
        if self.books is None or len(self.world.all) == self._payments_seen:
            return
        self._payments_seen = len(self.world.all)
        for bound in self.limits:
            if bound.scope in ("release", "position"):
                continue
            for key, amount in self._under_way(bound, now).items():
                if amount > bound.amount:
                    self.over_limit[key] = max(amount, self.over_limit.get(key, 0))

    def _under_way(self, bound: Bound, now: int) -> dict[str, int]:
        sums: dict[str, int] = {}
        for payment in self.world.all.values():
            if payment.asset != bound.asset or not is_under_way(payment, now):
                continue
            owner = self.books.owner(payment.payment_id) if self.books is not None else ""
            subject = {"rail": payment.scheme, "customer": owner, "asset": ""}[bound.scope]
            if bound.scope == "customer" and subject == OURS:
                continue
            if bound.scope == "asset" or bound.subject in ("*", subject):
                key = f"{bound.scope}/{subject}/{bound.asset}"
                sums[key] = sums.get(key, 0) + payment.amount
        return sums

    # --- when all is over ------------------------------------------------------------------------

    def astray(self, *, crashed: bool) -> list[str]:
        """Requests of which the last word is not what the world did with them, and deposits that
        came back without a word."""
        found = [
            f"{credit.line} was taken back, and its customer heard nothing"
            for credit in self.credited.values()
            if credit.line in self.world.undone and credit.line not in self.told_of_deposits
        ]
        for asked in self.asked.values():
            names = self.books.payments(asked.transfer_id) if self.books is not None else None
            if names is None:
                if not crashed:
                    found.append(f"{asked.transfer_id}: never taken in")
                continue
            if asked.bodies == 1:
                found += [f"{asked.transfer_id}: {text}" for text in self._astray(asked, names)]
        return found

    def _astray(self, asked: Asked, names: list[str]) -> list[str]:
        carried = self._carried(asked)
        words = [word_of(payment) for payment in carried] + self._issues(asked)
        moved = [payment for payment in carried if payment is not None]
        found = [*self._unreleased(asked, moved), *self._out_of_turn(asked)]
        if asked.status == "refused":
            return [*found, "refused, and carried out"] if moved else found
        if "returned" in words or "failed" in words:
            fits = asked.status == ("returned" if "returned" in words else "failed")
        elif all(word == "settled" for word in words):
            fits = asked.status.startswith("completed")
        elif moved:
            # A later leg failed; or was cancelled for a return that was undone.
            fits = asked.status in ("failed", "cancelled") and len(asked.legs) > 1
        else:
            ended = asked.cancel_asked or asked.hit
            fits = (asked.status == "cancelled" and ended) or (
                asked.status == "failed" and (len(asked.legs) > 1 or self._may_fail(asked))
            )
        return found if fits else [*found, f"told {asked.status or 'nothing'}, and {words}"]

    def _unreleased(self, asked: Asked, moved: list[Payment]) -> list[str]:
        """Above the bound, two people and a clear screening come before any of it is sent."""
        bounds = {bound.asset: bound.amount for bound in self.limits if bound.scope == "release"}
        if not any(leg.amount > bounds.get(leg.asset, leg.amount) for leg in asked.legs):
            return []
        if any(
            not 0 <= asked.cleared_at <= payment.applied_at
            or not 0 <= asked.released_at <= payment.applied_at
            for payment in moved
        ):
            return ["sent before a second person and a clear screening let it go"]
        return []

    def _out_of_turn(self, asked: Asked) -> list[str]:
        """A leg starts when the one before it has what it waits for."""
        legs = [leg for leg in asked.legs if leg.kind in OVER_A_RAIL]
        carried = self._carried(asked)
        pairs = zip(legs, carried, carried[1:], strict=False)
        for leg, before, after in pairs:
            if after is None:
                continue
            if before is None or not 0 <= before.settled_at <= after.applied_at:
                return ["a leg was sent before the one before it had settled"]
            if leg.waits_for == "irrevocable" and after.applied_at < before.revocable_until:
                return ["a leg was sent while the one before it could still come back"]
        return []

    def balances_off(self) -> list[str]:
        """Customers who have with us what they should not have, or have not what they should."""
        if self.books is None:
            return []
        return [
            f"{customer} has {self.books.has(customer, asset)} {asset}, not {amount}"
            for (customer, asset), amount in self.reckoned().items()
            if self.books.has(customer, asset) != amount
        ]

    def reckoned(self) -> dict[tuple[str, str], int]:
        """What each customer has left of each asset, by what the world settled and took back."""
        expected = dict(self.opening)
        for (customer, asset, _), credit in self.credited.items():
            if credit.line not in self.world.undone:
                expected[customer, asset] = expected.get((customer, asset), 0) + credit.amount
        for asked in self.asked.values():
            for asset, amount in self._moved(asked):
                key = (asked.customer, asset)
                expected[key] = expected.get(key, 0) + amount
        return expected

    def owner(self, payment_id: str) -> str:
        """Whose payment it is."""
        return "" if self.books is None else self.books.owner(payment_id)

    def pulled_back(self, customer: str, asset: str) -> dict[str, int]:
        """What came back of what a customer had pulled and had, by the scheme."""
        sums: dict[str, int] = {}
        for asked in self.asked.values():
            legs = [leg for leg in asked.legs if leg.kind in OVER_A_RAIL]
            for leg, payment in zip(legs, self._carried(asked), strict=False):
                if asked.customer != customer or leg.asset != asset or leg.kind != "in":
                    continue
                if payment is not None and payment.settled_at >= 0 and payment.returned:
                    sums[leg.scheme] = sums.get(leg.scheme, 0) + payment.returned
        return sums

    def pushed_back(self, customer: str, asset: str) -> dict[str, int]:
        """What was taken back of what others had pushed to a customer, by the scheme."""
        sums: dict[str, int] = {}
        for (owner, of, _), credit in self.credited.items():
            if (owner, of) == (customer, asset) and credit.line in self.world.undone:
                scheme = self._brought_by(credit, asset)
                sums[scheme] = sums.get(scheme, 0) + credit.amount
        return sums

    def _moved(self, asked: Asked) -> list[tuple[str, int]]:
        """What the world moved of a customer's, for one request."""
        names = self.books.payments(asked.transfer_id) if self.books is not None else None
        names = names or []
        moved = []
        for name, leg in zip(names, asked.legs, strict=False):
            if leg.kind in ("mint", "burn"):
                sign = 1 if leg.kind == "burn" else -1
                moved.append((leg.asset, sign * leg.amount * self.issued(leg.buys, name)))
            elif leg.kind != "exchange":
                sign = 1 if leg.kind == "in" else -1
                moved.append((leg.asset, sign * _kept(self.world.all.get(name))))
            elif self.books is not None and self.books.settled_at(name):
                moved += [(leg.asset, -leg.amount), (leg.buys, leg.buys_amount)]
        for name in names[len(asked.legs) :]:
            undone = self.world.all.get(name)
            if undone is not None:
                moved.append((undone.asset, -_kept(undone)))
        return moved


def _kept(payment: Payment | None) -> int:
    """How much of it stays with whom it went to."""
    if payment is None or word_of(payment) in ("failed", "open"):
        return 0
    return payment.amount - payment.returned


def _exchanged(legs: Sequence[WantedLeg], asset: str) -> int:
    """How much of an asset exchanges move, either way."""
    done = [leg for leg in legs if leg.kind == "exchange"]
    sold = sum(leg.amount for leg in done if leg.asset == asset)
    return sold + sum(leg.buys_amount for leg in done if leg.buys == asset)


def is_under_way(payment: Payment, now: int) -> bool:
    """Whether its value is in flight, or settled and may still come back, by an act of ours."""
    over = payment.failed_at >= 0 or payment.returned_at >= 0 or payment.dishonoured
    if payment.applied_at < 0 or over:
        return False
    return payment.settled_at < 0 or now < payment.revocable_until


def _counts(bound: Bound, customer: str, leg: WantedLeg) -> bool:
    if leg.kind not in OVER_A_RAIL or leg.asset != bound.asset:
        return False
    subject = {"rail": leg.scheme, "customer": customer, "asset": ""}.get(bound.scope)
    return subject is not None and (bound.scope == "asset" or bound.subject in ("*", subject))
