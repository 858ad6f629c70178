"""What a scenario may say of settlement: rails, customers and what they ask, limits, operators."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import AfterValidator, Field, model_validator

from rails import schemes
from risk.written import Part
from scenarios.part import Amount, Every, Millis, Name, Price, Seconds, Times

RAILS = Path(__file__).parent / "rails.yaml"
# How a request may be wrong: each must be refused, for that reason.
Wrong = Literal[
    "zero",
    "negative",
    "unknown_asset",
    "unknown_scheme",
    "wrong_way",
    "too_much",
    "bad_beneficiary",
    "unknown_customer",
    "no_legs",
    "over_scheme_max",
    "dust",
    "expired_rate",
    "no_calendar",
    "bad_undo",
    "same_asset",
    "unquoted",
    "quote_amount",
    "quote_reused",
]
WRONG: tuple[Wrong, ...] = get_args(Wrong)


@cache
def _known_schemes() -> tuple[str, ...]:
    return tuple(schemes.load())


def _known(scheme: str) -> str:
    known = _known_schemes()
    if scheme and scheme not in known:
        near = get_close_matches(scheme, known, 1)
        asked = f"; did you mean {near[0]}?" if near else ";"
        raise ValueError(f"no such scheme{asked} one of {', '.join(known)} would do")
    return scheme


# A row of rails/schemes.yaml, or nothing.
SchemeName = Annotated[str, AfterValidator(_known)]


class RailSpec(Part):
    """One keeper of money with our account there, and the schemes that we use from it.

    `balances` is our own money there when the books begin; `outsiders_every_s` is how often, on
    average, somebody pays in of his own accord (0: nobody). `used` is how many transactions a
    wallet had sent before.
    """

    name: Name
    keeper: Literal["bank", "custodian", "evm", "bitcoin"]
    holder: Name = "ops"
    schemes: tuple[SchemeName, ...] = Field(min_length=1)
    balances: dict[Name, Amount] = Field(default_factory=dict)
    statement_period_s: Every = Field(default=Decimal(3600), gt=0)
    backfill_period_s: Every = Field(default=Decimal(3600), gt=0)
    silence_s: Seconds = Decimal(3600 * 24)
    settle_s: Seconds = Decimal(2)
    latency_ms: Millis = Field(default=40, ge=1)
    latency_ms_p99: Millis = Field(default=400, ge=1)
    outsiders_every_s: Every = Decimal(0)
    outsiders_amount_max: Amount = Field(default=Decimal(500), gt=0)
    used: Times = Field(default=0, ge=0)

    @property
    def account(self) -> str:
        return f"{self.name}/{self.holder}"


class LegSpec(Part):
    """A leg of what customers ask for.

    Its amount is the flow's, times `rate` where it is told; what an exchange buys is the flow's,
    times `buys_rate`. `to_venue` pays to our own address at a venue, which credits it. A mint or a
    burn is of as many of a `token` as the flow's amount has whole ones, at the token's price; for
    cash that nobody can take back a mint waits `valid_s` from when it was asked for.
    """

    kind: Literal["out", "in", "exchange", "mint", "burn"]
    asset: Name
    scheme: SchemeName = ""
    buys: Name | Literal[""] = ""
    rate: Price = Decimal(1)
    buys_rate: Price = Decimal(1)
    valid_s: Seconds = Decimal(86_400 * 7)
    waits_for: Literal["settled", "irrevocable"] = "settled"
    undo_scheme: SchemeName = ""
    beneficiary: str = ""
    to_venue: str = ""
    token: Name | Literal[""] = ""

    @model_validator(mode="after")
    def _whole(self) -> "LegSpec":
        if self.kind == "exchange" and not self.buys:
            raise ValueError("an exchange says what it buys")
        if self.kind in ("mint", "burn") and not self.token:
            raise ValueError("a mint or a burn says of which token")
        if self.kind in ("out", "in") and not self.scheme:
            raise ValueError("value moves over a scheme: say which")
        return self


class FlowSpec(Part):
    """Something that customers ask for, how often beside the others, and within what amounts."""

    flow: Name
    legs: tuple[LegSpec, ...] = Field(min_length=1)
    weight: Times = Field(default=1, ge=1)
    amount_min: Amount = Field(default=Decimal(10), gt=0)
    amount_max: Amount = Field(default=Decimal(1000), gt=0)
    at_s: Seconds | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "FlowSpec":
        if self.amount_max < self.amount_min:
            raise ValueError(f"amount_max must be at least amount_min ({self.amount_min})")
        return self


class CustomersSpec(Part):
    """Customers, what each has with us at first, and what they ask for.

    A flow with `at_s` is asked for once, then; the others are drawn, every `every_s` on average.
    One request in `wrong_one_in` is one that must be refused (of `wrong_kinds`, or any), one in
    `again_one_in` is told again. One customer in `runs_one_in` who hears that something was taken
    back asks at once for all the rest.
    """

    count: int = Field(default=3, ge=1, le=200)
    balances: dict[Name, Amount] = Field(default_factory=dict)
    every_s: Every = Field(default=Decimal(3600), gt=0)
    flows: tuple[FlowSpec, ...] = Field(min_length=1)
    wrong_one_in: Times = Field(default=0, ge=0)
    wrong_kinds: tuple[Wrong, ...] = ()
    again_one_in: Times = Field(default=0, ge=0)
    cancel_one_in: Times = Field(default=0, ge=0)
    runs_one_in: Times = Field(default=0, ge=0)


class LimitSpec(Part):
    """A bound on what is in flight or contingent; of scope `release`, on one transfer alone; of
    scope `position`, on what exchanges leave open of an asset; of scope `mint`, on the cash that
    may be taken back and that a token is minted on."""

    limit: str = Field(min_length=1)
    scope: Literal["rail", "customer", "asset", "release", "position", "mint"]
    subject: str = ""
    asset: Name
    amount: Amount = Field(ge=0)


class ReleaseSpec(Part):
    """Those who let transfers go, screen them, ask payments back, and say whose suspense is.

    One screening in `hit_one_in` is a hit; one transfer in `self_one_in` its own customer tries to
    release.
    """

    release_s: Seconds = Decimal(600)
    screen_s: Seconds = Decimal(30)
    hit_one_in: Times = Field(default=0, ge=0)
    self_one_in: Times = Field(default=0, ge=0)
    resolve_s: Seconds = Decimal(0)
    recall_one_in: Times = Field(default=0, ge=0)


class BridgeSpec(Part):
    """Value that moves between a venue and a chain: what is paid to our address there is credited,
    and every `every_s` on average somebody withdraws by hand to a customer's address of ours."""

    venue: Name
    rail: Name
    asset: Name
    every_s: Every = Field(default=Decimal(1800), gt=0)
    amount_max: Amount = Field(default=Decimal(1), gt=0)


class DeskSpec(Part):
    """The treasury desk: each `cover_s` (0: never) it deals in the market for what is open, at a
    rate that is up to `swing_bps` hundredths of a percent off the last one that it quoted."""

    cover_s: Seconds = Decimal(0)
    swing_bps: int = Field(default=150, ge=0, le=5000)


class Settling(Part):
    """All of it."""

    rails: tuple[RailSpec, ...] = Field(min_length=1)
    customers: CustomersSpec
    limits: tuple[LimitSpec, ...] = ()
    release: ReleaseSpec = ReleaseSpec()
    bridges: tuple[BridgeSpec, ...] = ()
    desk: DeskSpec = DeskSpec()

    def with_tokens(self, tokens: Collection[str]) -> "Settling":
        """The same, if there are these tokens and no others: nobody asks for what is not there."""
        flows = [
            flow
            for flow in self.customers.flows
            if all(not leg.token or leg.token in tokens for leg in flow.legs)
        ]
        customers = self.customers.model_copy(update={"flows": tuple(flows)})
        return self.model_copy(update={"customers": customers})


def venue_address(venue: str) -> str:
    """Our address at a venue: what is paid to it the venue credits to us."""
    return f"0x{sha256(venue.encode()).hexdigest()[:40]}"


def by_name(rails: object) -> object:
    """Rails named by their names take from the table what they do not state themselves."""
    if not isinstance(rails, list):
        return rails
    table = _table()
    told = []
    for rail in rails:
        each = {"name": rail} if isinstance(rail, str) else rail
        if isinstance(each, dict) and each.get("name") in table:
            each = {**table[each["name"]], "name": each["name"], **each}
        told.append(each)
    return told


@cache
def _table() -> Mapping[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = yaml.safe_load(RAILS.read_text(encoding="utf-8"))
    return table
