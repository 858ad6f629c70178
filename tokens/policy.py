"""A token's policy: reviewed, versioned data, and what it says of two people and a movement.

True here: a rule that was not written down refuses. Facts must hold over the whole window, since
the movement may happen at any moment of it. What bounds the whole (holders' caps, groups, supply)
is stated here and decided by `core.reservations`, which knows what is outstanding.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import Field, ValidationError, model_validator

from core.token_events import TokenKind
from risk.written import NotYaml, Part, content, document
from tokens.facts import Facts

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", strict=True)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]+$", strict=True)]
Words = Annotated[str, Field(min_length=10, strict=True)]
Units = Annotated[int, Field(strict=True, ge=1)]
Seconds = Annotated[int, Field(strict=True, ge=1)]
WINDOW_S_MAX = 300


class BadPolicy(ValueError):
    """The file holds no policy; the text names file, field, what was found and what would do."""


class Jurisdiction(Part):
    """Who lives there may receive from whom, how much all of them may hold, and as what."""

    receives_from: Annotated[tuple[Country, ...], Field(min_length=1)]
    accredited: Annotated[bool, Field(strict=True)] = False
    holds_max: Units | None = None


class Window(Part):
    """How long a permission lasts, how far it reaches back, and how old a head may be."""

    lasts_s: Annotated[int, Field(strict=True, ge=30, le=300)]
    skew_s: Annotated[int, Field(strict=True, ge=1, le=60)]
    head_age_s_max: Annotated[int, Field(strict=True, ge=1, le=300)]

    @model_validator(mode="after")
    def _signed_at_all(self) -> "Window":
        """Signers sign no longer one (`tokens.signers.verifying`), back-dating included."""
        if self.lasts_s + self.skew_s > WINDOW_S_MAX:
            found = f"found {self.lasts_s} s and {self.skew_s} s before them"
            raise ValueError(f"{found}; {WINDOW_S_MAX} s together would do")
        return self


class Policy(Part):
    """A whole policy. What is left out does not bound; who is left out may not hold."""

    token: Name
    version: Annotated[int, Field(strict=True, ge=1)]
    owner: Name
    rationale: Words
    window: Window
    jurisdictions: Annotated[dict[Country, Jurisdiction], Field(min_length=1)]
    lot_min: Units = 1
    holder_max: Units | None = None
    holders_max: Units | None = None
    supply_max: Units | None = None

    @model_validator(mode="after")
    def _known_places(self) -> "Policy":
        for name, place in self.jurisdictions.items():
            strange = [each for each in place.receives_from if each not in self.jurisdictions]
            if strange:
                raise ValueError(f"{name}: from {', '.join(strange)}, of which nothing is said")
        return self

    def content_hash(self) -> str:
        """What this policy is known by: a hash of all that it says, however it was written."""
        return self._hashed

    @cached_property
    def _hashed(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self.model_dump(), order="sorted")).hexdigest()


def read_policy(path: Path) -> Policy:
    """The policy of a file; raises `BadPolicy`, or an `OSError`."""
    return parse_policy(content(path), str(path))


def parse_policy(told: bytes, source: str) -> Policy:
    """The policy that these bytes of a file hold; raises `BadPolicy`, which names the file."""
    try:
        return Policy.model_validate(document(told.decode()))
    except (NotYaml, UnicodeDecodeError) as error:
        raise BadPolicy(f"{source}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "the document"
        raise BadPolicy(
            f"{source}: {where}: found {first['input']!r:.60}: {first['msg']}"
        ) from error


# --- the rules about people, in their order -------------------------------------------------------

UNKNOWN_HOLDER = "unknown_holder"
SANCTIONED = "sanctioned"
KYC = "kyc"
KYC_ENDS = "kyc_ends"
JURISDICTION = "jurisdiction"
PAIR = "jurisdiction_pair"
ACCREDITATION = "accreditation"
LOT = "lot"
RULES = (UNKNOWN_HOLDER, SANCTIONED, KYC, KYC_ENDS, JURISDICTION, PAIR, ACCREDITATION, LOT)


def objection(
    policy: Policy,
    kind: TokenKind,
    sender: Facts | None,
    receiver: Facts | None,
    value: int,
    until: int,
) -> str:
    """The first rule that refuses a movement which may happen up to `until`; "" if none does.

    Whoever gives something up need not be fit to hold it: only sanctions stop a sender, and nobody
    is asked about who loses what is recovered by order.
    """
    if kind in ("transfer", "burn"):
        if sender is None:
            return UNKNOWN_HOLDER
        if sender.sanctioned:
            return SANCTIONED
    if value < policy.lot_min and kind != "recovery":
        return LOT
    if kind == "burn":
        return ""
    if receiver is None:
        return UNKNOWN_HOLDER
    place = "" if kind != "transfer" or sender is None else sender.jurisdiction
    return _unfit(policy, receiver, place, until)


def _unfit(policy: Policy, receiver: Facts, place: str, until: int) -> str:
    """Why this person may not come to hold it, from somebody of that place ("" from the issuer)."""
    if receiver.sanctioned:
        return SANCTIONED
    if receiver.kyc != "approved":
        return KYC
    if receiver.kyc_until < until:
        return KYC_ENDS
    home = policy.jurisdictions.get(receiver.jurisdiction)
    if home is None:
        return JURISDICTION
    if place and place not in home.receives_from:
        return PAIR
    if home.accredited and receiver.accredited_until < until:
        return ACCREDITATION
    return ""


def tightens(before: Policy, after: Policy) -> list[str]:
    """What may no longer happen under the later policy, in words; none where it only loosens."""
    found = []
    for name in ("holder_max", "holders_max", "supply_max"):
        was, now = getattr(before, name), getattr(after, name)
        if now is not None and (was is None or now < was):
            found.append(f"{name}: {_shown(was)} to {now}")
    if after.lot_min > before.lot_min:
        found.append(f"lot_min: {before.lot_min} to {after.lot_min}")
    for name, home in before.jurisdictions.items():
        found += _narrower(name, home, after.jurisdictions.get(name))
    return found


def _narrower(name: str, was: Jurisdiction, now: Jurisdiction | None) -> list[str]:
    if now is None:
        return [f"{name}: nobody there may receive any more"]
    found = [
        f"{name}: not from {each} any more"
        for each in was.receives_from
        if each not in now.receives_from
    ]
    if now.accredited and not was.accredited:
        found.append(f"{name}: only the accredited")
    if now.holds_max is not None and (was.holds_max is None or now.holds_max < was.holds_max):
        found.append(f"{name}: holds_max: {_shown(was.holds_max)} to {now.holds_max}")
    return found


def _shown(bound: int | None) -> str:
    return "none" if bound is None else str(bound)
