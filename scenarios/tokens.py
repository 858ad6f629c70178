"""What a scenario may say of issued tokens: their policy, who holds them, what is asked, and when.

A policy is a file of `tokens/policies` by its name, or is written out. Times are seconds from the
beginning of the run; facts hold for as many days from then.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field, ValidationError, field_validator, model_validator

from core.token_events import TokenKind
from risk.written import Part
from scenarios.part import Every, Name, Price, Seconds, Times
from tokens.facts import KycState
from tokens.policy import BadPolicy, Policy, read_policy

POLICIES = Path(__file__).parent.parent / "tokens/policies"
# How a permission is used: by its holder's transaction, by a relayer's with the holder's consent,
# after its window, twice, held back for a while, or not at all.
Use = Literal["soon", "relayed", "late", "twice", "held", "never"]
# What happens at a moment.
Deed = Literal["tighten", "loosen", "facts", "revoke", "raise_epoch", "forge", "replay", "reopen"]


class FactsSpec(Part):
    """What is known of a holder at first; "" as a jurisdiction: drawn from the policy's."""

    jurisdiction: str = ""
    kyc: KycState = "approved"
    kyc_days: Times = Field(default=365, ge=0)
    accredited_days: Times = Field(default=365, ge=0)
    sanctioned: bool = False
    locked: Times = Field(default=0, ge=0)
    locked_s: Seconds = Decimal(0)


class HolderSpec(Part):
    """Somebody who holds so much from the beginning; without `facts` nobody knows who it is."""

    name: Name
    opening: Times = Field(default=0, ge=0)
    facts: FactsSpec | None = FactsSpec()


class AskSpec(Part):
    """Something that is asked for once, then; and how its permission is used."""

    at_s: Seconds
    kind: TokenKind = "transfer"
    sender: str = ""
    receiver: str = ""
    value: Times = Field(ge=0)
    use: Use = "soon"
    use_after_s: Seconds = Decimal(0)


class DeedSpec(Part):
    """Something that somebody does once, then.

    `policy` replaces fields of the policy, of which our books hear `told_after_s` later than those
    who judge; `facts` those of `holder`. What is revoked is the newest
    permission that `holder` has; who forges has so many authorizers' keys, and `holder` acts with
    them unless it is told not to. A replay sends what was mined last once more, and on a fork.
    A token that closed itself is opened `by` an author and who approves: not if these are one.
    """

    at_s: Seconds
    deed: Deed
    policy: dict[str, Any] = Field(default_factory=dict)
    told_after_s: Seconds = Decimal(0)
    holder: str = ""
    facts: FactsSpec | None = None
    keys: Times = Field(default=2, ge=0)
    acts: bool = True
    receiver: str = ""
    value: Times = Field(default=0, ge=0)
    by: tuple[Name, Name] = ("ann", "bob")


class OfferingSpec(Part):
    """A token is issued and taken back for so much of an asset, in its whole currency, and not
    otherwise. Holders who bear a customer's name have that customer's wallet."""

    asset: Name
    price: Price = Decimal(1)


class TokenSpec(Part):
    """One token, whose contract stands on the chain of `rail`, and all who want something of it.

    Of those `drawn`, one in `unfit_one_in` may not hold it, and one in `locked_one_in` may not give
    up some of what all of them have at first, up to a moment of the run.
    Requests are drawn every `every_s` on average (0: none but the `asks`), of at most `value_max`;
    one in `bad_one_in` names what must be refused, one in `whole_one_in` gives away all that its
    sender has, and with one in `twice_one_in` another of its kind comes at once. At the end,
    `probe_s` after faults have ended, every holder asks for one thing more, which must be permitted
    if it may.
    With `in_short` false the short form has no such token, nor what customers do with it: a
    register reads each block of the time that a run takes, by two nodes.
    """

    policy: Policy
    rail: Name = "chain"
    signers: Times = Field(default=3, ge=1, le=9)
    threshold: Times = Field(default=2, ge=1, le=9)
    holders: tuple[HolderSpec, ...] = ()
    drawn: Times = Field(default=0, ge=0, le=40)
    drawn_opening: Times = Field(default=0, ge=0)
    unfit_one_in: Times = Field(default=0, ge=0)
    locked_one_in: Times = Field(default=0, ge=0)
    every_s: Every = Decimal(0)
    value_max: Times = Field(default=1000, ge=1)
    bad_one_in: Times = Field(default=0, ge=0)
    relayed_one_in: Times = Field(default=4, ge=0)
    whole_one_in: Times = Field(default=0, ge=0)
    twice_one_in: Times = Field(default=0, ge=0)
    asks: tuple[AskSpec, ...] = ()
    deeds: tuple[DeedSpec, ...] = ()
    poll_s: Every = Field(default=Decimal(12), gt=0)
    probe_s: Seconds = Decimal(0)
    offering: OfferingSpec | None = None
    in_short: bool = True

    @field_validator("policy", mode="before")
    @classmethod
    def _by_name(cls, told: object) -> object:
        if not isinstance(told, str):
            return told
        try:
            return read_policy(POLICIES / f"{told}.yaml")
        except (BadPolicy, OSError) as error:
            known = ", ".join(sorted(path.stem for path in POLICIES.glob("*.yaml")))
            raise ValueError(f"no policy {told!r} ({error}); there are {known}") from error

    @model_validator(mode="after")
    def _whole(self) -> "TokenSpec":
        if self.threshold > self.signers:
            raise ValueError(f"threshold: found {self.threshold}; {self.signers} or less would do")
        if self.offering and (self.drawn_opening or any(each.opening for each in self.holders)):
            raise ValueError("opening: nobody pays for it; 0 would do where there is an offering")
        known = ["", *(each.name for each in self.holders)]
        for number, ask in enumerate(self.asks):
            for who in (ask.sender, ask.receiver):
                if who not in known:
                    raise ValueError(f"asks.{number}: no holder {who!r} among {known[1:]}")
        for number, deed in enumerate(self.deeds):
            if deed.holder not in known or deed.receiver not in known:
                raise ValueError(f"deeds.{number}: holders are {known[1:]}")
            try:
                changed_policy(self.policy, deed.policy)
            except ValidationError as error:
                raise ValueError(f"deeds.{number}.policy: {error.errors()[0]['msg']}") from error
        return self

    @property
    def token(self) -> str:
        return self.policy.token


def changed_policy(policy: Policy, fields: Mapping[str, Any]) -> Policy:
    """The next version of a policy, with some of its fields stated anew."""
    told = msgspec.json.decode(msgspec.json.encode(policy.model_dump()))
    return Policy.model_validate({**told, "version": policy.version + 1, **fields})
