"""Customers: a counterparty that asks for transfers, now and then wrongly, twice, or not after all.

What they ask for is drawn from the flows of the scenario by a stream of dice of their own; what
they hear of it (`TellCustomer`) decides nothing here, but is kept for whoever judges the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

from core.rail_events import (
    BeneficiaryKind,
    LegWanted,
    SchemePublished,
    TransferCancelled,
    TransferRequested,
)
from scenarios.rails import WRONG, CustomersSpec, FlowSpec, LegSpec, venue_address
from sim.desk import Desk
from sim.dice import Stream

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
# Whom customers pay, and from whom they pull: sound addresses that are nobody's.
BENEFICIARIES: dict[BeneficiaryKind, tuple[str, ...]] = {
    "": ("vault-7", "vault-8"),
    "iban": ("DE89370400440532013000", "NL91ABNA0417164300", "FR1420041010050500013M02606"),
    "routing": ("021000021/123456789", "011401533/111122223333"),
    "sort_code": ("200000/55779911", "090127/93496333"),
    "bic": ("DEUTDEFF/DE89370400440532013000", "CHASUS33/000123456789"),
    "evm": (
        "0x52908400098527886e0f7030069857d2e4169ee7",
        "0xde709f2102306220921060314715629080e2fb77",
    ),
    "bitcoin": (
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    ),
}
OF_EXCHANGES = ("expired_rate", "same_asset", "unquoted", "quote_amount", "quote_reused")
NOWHERE = "_nowhere"
DUST = 294  # of no address of Bitcoin may it be less


@dataclass(slots=True, eq=False)
class Customers:
    """All of them: `next` is what one of them asks for now."""

    spec: CustomersSpec
    schemes: dict[str, SchemePublished]
    decimals: Mapping[str, int]
    dice: Stream
    desk: Desk
    asked: list[TransferRequested] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    dealt: list[LegWanted] = field(default_factory=list)
    corrected: dict[tuple[str, str], str] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    wallets: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [f"c{number}" for number in range(1, self.spec.count + 1)]

    def next(self, now: int) -> TransferRequested | TransferCancelled:
        """One request, mostly new and sound."""
        dice, spec = self.dice, self.spec
        if self.asked and spec.again_one_in and dice.chance(1, spec.again_one_in):
            return self._again(now)
        if self.asked and spec.cancel_one_in and dice.chance(1, spec.cancel_one_in):
            last = self.asked[-1]
            return TransferCancelled(
                received_at=now, transfer_id=last.transfer_id, by=last.customer
            )
        flow = self._drawn()
        request = self.request(flow, dice.pick(self.names), now)
        if spec.wrong_one_in and dice.chance(1, spec.wrong_one_in):
            request = self._spoilt(request, dice.pick(spec.wrong_kinds or WRONG))
        self.asked.append(request)
        return request

    def _drawn(self) -> FlowSpec:
        flows = [flow for flow in self.spec.flows if flow.at_s is None]
        place = self.dice.below(sum(flow.weight for flow in flows))
        for flow in flows:
            place -= flow.weight
            if place < 0:
                return flow
        raise AssertionError("a weight is at least 1")

    def request(self, flow: FlowSpec, customer: str, now: int) -> TransferRequested:
        """One such request of this customer."""
        number = len(self.asked) + 1
        base = self.dice.between(int(flow.amount_min * 100), int(flow.amount_max * 100))
        if any(leg.token for leg in flow.legs):
            base -= base % 100
        legs = tuple(self._leg(leg, Decimal(base) / 100, customer, now) for leg in flow.legs)
        return TransferRequested(
            received_at=now,
            transfer_id=f"t{number}",
            customer=customer,
            legs=legs,
            requested_by=customer,
        )

    def all_of(self, customer: str, asset: str, units: int, now: int) -> TransferRequested | None:
        """All that a customer has of an asset, by the first flow that pays out nothing else; None
        where there is none, or it does not carry so much."""
        alone = [flow for flow in self.spec.flows if len(flow.legs) == 1]
        ways = [flow for flow in alone if (flow.legs[0].kind, flow.legs[0].asset) == ("out", asset)]
        if not ways or units <= 0:
            return None
        request = self.request(ways[0], customer, now)
        bound = self.schemes[request.legs[0].scheme].amount_max
        if bound and units > bound:
            return None
        legs = (_with_amount(request.legs[0], units),)
        whole = self._instead(request, customer, legs)
        self.asked.append(whole)
        return whole

    def _leg(self, leg: LegSpec, base: Decimal, customer: str, now: int) -> LegWanted:
        if leg.token:
            return self._of_token(leg, int(base), customer, now)
        scheme = self.schemes.get(leg.scheme)
        kind: BeneficiaryKind = scheme.beneficiaries if scheme is not None else ""
        to = venue_address(leg.to_venue) if leg.to_venue else leg.beneficiary
        to = to or self.dice.pick(BENEFICIARIES[kind])
        to = self.corrected.get((customer, to), to)
        if leg.kind == "exchange":
            amount = self._units(base * leg.rate, leg.asset)
            rate = self._rate(leg.asset, leg.buys, leg.buys_rate / leg.rate)
            until = now + int(leg.valid_s * SECOND)
            return self._quoted(customer, (leg.asset, leg.buys), rate, amount, until)
        return LegWanted(
            kind=leg.kind,
            asset=leg.asset,
            amount=self._units(base * leg.rate, leg.asset),
            scheme=leg.scheme,
            beneficiary=to,
            beneficiary_name="Example Customer",
            memo=f"invoice {self.dice.below(10_000)}",
            waits_for=leg.waits_for,
            undo_scheme=leg.undo_scheme,
        )

    def _of_token(self, leg: LegSpec, units: int, customer: str, now: int) -> LegWanted:
        """So many of a token at its price, in or out of the customer's wallet."""
        return LegWanted(
            kind=leg.kind,
            asset=leg.asset,
            amount=units * self.prices[leg.token],
            beneficiary=self.wallets.get((leg.token, customer), ""),
            buys=leg.token,
            buys_amount=units,
            expires_at=now + int(leg.valid_s * SECOND) if leg.kind == "mint" else 0,
        )

    def _rate(self, sells: str, buys: str, rate: Decimal) -> Fraction:
        """A rate of whole currencies as one of their units."""
        return Fraction(rate) * Fraction(10 ** self.decimals[buys], 10 ** self.decimals[sells])

    def _quoted(
        self, customer: str, pair: tuple[str, str], rate: Fraction, amount: int, until: int
    ) -> LegWanted:
        """Ask the desk for a quote, and take it as it is."""
        quoted = self.desk.quote(customer, pair, rate, amount, until)
        return LegWanted(
            kind="exchange",
            asset=quoted.sells,
            amount=amount,
            buys=quoted.buys,
            buys_amount=quoted.gives(amount),
            quote=quoted.quote_id,
        )

    def _holds(self, quote_id: str, customer: str, now: int) -> bool:
        quoted = self.desk.quotes[quote_id]
        return quoted.customer == customer and quoted.expires_at > now

    def on_completed(self, transfer_id: str) -> None:
        """A customer hears that all was carried out: its quotes are used up."""
        asked = next((each for each in self.asked if each.transfer_id == transfer_id), None)
        self.dealt += [leg for leg in asked.legs if leg.kind == "exchange"] if asked else []

    def on_corrected(self, transfer_id: str, right: Mapping[str, str]) -> None:
        """A customer hears that details are wrong, and uses what is right from then on."""
        for asked in self.asked:
            if asked.transfer_id == transfer_id:
                for leg in asked.legs:
                    if leg.beneficiary in right:
                        self.corrected[asked.customer, leg.beneficiary] = right[leg.beneficiary]

    def _units(self, amount: Decimal, asset: str) -> int:
        """Cut to what the asset can count."""
        decimals = self.decimals[asset]
        cut = amount.quantize(Decimal(1).scaleb(-min(decimals, 8)), rounding=ROUND_DOWN)
        return int(cut.scaleb(decimals))

    def _again(self, now: int) -> TransferRequested:
        """The same id once more: with the same body, or with another."""
        old = self.dice.pick(self.asked)
        legs = old.legs
        if legs and self.dice.below(2):
            sound = old.transfer_id not in self.wrong
            legs = (_otherwise(legs[0], sound=sound), *legs[1:])
        return TransferRequested(
            received_at=now,
            transfer_id=old.transfer_id,
            customer=old.customer,
            legs=legs,
            requested_by=old.requested_by,
        )

    def _spoilt(self, request: TransferRequested, how: str) -> TransferRequested:
        """A request that must be refused; `wrong` remembers which, and why."""
        self.wrong[request.transfer_id] = how
        customer, legs = request.customer, request.legs
        place = next((n for n, leg in enumerate(legs) if leg.kind in ("out", "in")), 0)
        if legs[place].buys:
            how = self.wrong[request.transfer_id] = "unknown_customer"
        if how in OF_EXCHANGES:
            wrong = self._wrong_exchange(request, legs[place].asset, how)
            return self._instead(request, customer, (*legs[:place], *wrong, *legs[place + 1 :]))
        first = legs[place]
        match how:
            case "zero":
                first = _with_amount(first, 0)
            case "dust":
                first = self._dusty(first)
            case "negative":
                first = _with_amount(first, -first.amount)
            case "unknown_asset":
                first = _with(first, asset="XYZ")
            case "unknown_scheme":
                first = _with(first, kind="out", scheme="pigeon_post")
            case "wrong_way":
                first = _with(first, kind="out" if first.kind == "in" else "in")
            case "too_much":
                first = _with_amount(first, first.amount * 10**9)
            case "bad_beneficiary":
                first = _with(first, beneficiary=first.beneficiary[:-1] + "?")
            case "unknown_customer":
                customer = "nobody"
            case "no_legs":
                legs = ()
            case "over_scheme_max":
                scheme = self.schemes[first.scheme]
                bound = scheme.amount_max or first.amount * 10**9
                first = _with_amount(first, bound + 1)
            case "bad_undo":
                first = _with(first, undo_scheme="pigeon_post")
            case "no_calendar":
                first = _with(first, scheme=first.scheme + NOWHERE)
        legs = (*legs[:place], first, *legs[place + 1 :]) if legs else ()
        return self._instead(request, customer, legs)

    def _dusty(self, first: LegWanted) -> LegWanted:
        """Dust of a chain that relays none, where one is kept; else nothing at all."""
        chains = [each for each in self.schemes.values() if each.beneficiaries == "bitcoin"]
        if not chains:
            return _with_amount(first, 0)
        return LegWanted(
            kind="out",
            asset=chains[0].asset,
            amount=DUST - 1,
            scheme=chains[0].scheme,
            beneficiary=self.dice.pick(BENEFICIARIES["bitcoin"]),
            memo=first.memo,
        )

    def _instead(
        self, request: TransferRequested, customer: str, legs: tuple[LegWanted, ...]
    ) -> TransferRequested:
        return TransferRequested(
            received_at=request.received_at,
            transfer_id=request.transfer_id,
            customer=customer,
            legs=legs,
            requested_by=request.requested_by,
        )

    def _wrong_exchange(
        self, request: TransferRequested, asset: str, how: str
    ) -> tuple[LegWanted, ...]:
        """What no quote covers: expired, of one asset, never quoted, of another amount, used up."""
        customer = request.customer
        used = [leg for leg in self.dealt if self._holds(leg.quote, customer, request.received_at)]
        if how == "quote_reused" and used:
            return (self.dice.pick(used),)
        until = request.received_at + (0 if how == "expired_rate" else DAY)
        pair = asset, self._another(asset)
        rate = self.desk.last(*pair) or Fraction(1)
        leg = self._quoted(customer, pair, rate, 10 ** self.decimals[asset], until)
        if how == "same_asset":
            return (_with(leg, buys=asset),)
        if how == "unquoted":
            return (self._of_another(leg, customer, request.received_at),)
        if how == "quote_amount":
            return (_with(leg, buys_amount=leg.buys_amount + 1),)
        return (leg, leg) if how == "quote_reused" else (leg,)

    def _of_another(self, leg: LegWanted, customer: str, now: int) -> LegWanted:
        """The same by a quote that was another customer's, or nobody's."""
        for other in reversed(self.desk.quotes.values()):
            if other.customer != customer and other.expires_at > now:
                return _with(
                    leg,
                    asset=other.sells,
                    amount=other.amount_max,
                    buys=other.buys,
                    buys_amount=other.gives(other.amount_max),
                    quote=other.quote_id,
                )
        return _with(leg, quote="nobody")

    def _another(self, asset: str) -> str:
        """Another asset that is kept here, or none."""
        kept = [scheme.asset for scheme in self.schemes.values() if scheme.asset != asset]
        return kept[0] if kept else asset


def _otherwise(leg: LegWanted, *, sound: bool) -> LegWanted:
    """Another body, as sound or as wrong: it may be the first of its id that is heard."""
    if leg.buys or not sound:  # one more than dust, or than nothing, may be enough
        return _with(leg, memo="asked for again")
    return _with_amount(leg, leg.amount + 1)


def _with_amount(leg: LegWanted, amount: int) -> LegWanted:
    return _with(leg, amount=amount)


def _with(leg: LegWanted, **changes: object) -> LegWanted:
    fields = {name: getattr(leg, name) for name in LegWanted.__struct_fields__}
    return LegWanted(**{**fields, **changes})
