"""The door for customers' requests: JSON in, `TransferRequested` or a refusal that says why.

Rule. What the core cannot see is refused here: an amount with more decimals than its asset has, a
float, a field that nobody knows, capitals of an address that are no checksum. What the core can see
it judges itself, so that a refusal is journaled under the request's id.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.money import InexactAmount, parse
from core.rail_events import BeneficiaryKind, LegWanted, TransferRequested
from rails.beneficiaries import fault

Text = Annotated[str, Field(strict=True, max_length=140)]
Id = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Decimals = Mapping[str, int]


class BadRequest(ValueError):
    """It is no request that could be taken; the text names field, what was found, what would do."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LegAsked(Part):
    """A leg in the customer's words: amounts are texts of whole units of the asset."""

    kind: Literal["out", "in", "exchange"]
    asset: Id
    amount: Text
    scheme: Text = ""
    beneficiary: Text = ""
    beneficiary_name: Text = ""
    memo: Text = ""
    buys: Text = ""
    buys_amount: Text = "0"
    expires_at: int = Field(default=0, ge=0, strict=True)
    waits_for: Literal["settled", "irrevocable"] = "settled"
    undo_scheme: Text = ""


class Asked(Part):
    """A request."""

    transfer_id: Id
    customer: Id
    requested_by: Text = ""
    legs: tuple[LegAsked, ...] = Field(max_length=8)


def request_of(
    body: bytes, now: int, decimals: Decimals, kinds: Mapping[str, BeneficiaryKind]
) -> TransferRequested:
    """The request in `body`; raises `BadRequest`.

    `decimals` has each asset that is kept here, `kinds` how the beneficiaries of a scheme are
    written.
    """
    try:
        asked = Asked.model_validate_json(body)
    except ValidationError as error:
        raise BadRequest("\n".join(_line(dict(each)) for each in error.errors())) from error
    legs = tuple(_leg(n, leg, decimals, kinds) for n, leg in enumerate(asked.legs))
    return TransferRequested(
        received_at=now,
        transfer_id=asked.transfer_id,
        customer=asked.customer,
        legs=legs,
        requested_by=asked.requested_by,
    )


def _line(each: Mapping[str, object]) -> str:
    place = each["loc"]
    where = ".".join(map(str, place)) if isinstance(place, tuple) and place else "(whole)"
    found = each.get("input")
    shown = repr(found) if isinstance(found, (str, int, float, bool)) else type(found).__name__
    return f"request: {where}: found {shown}: {each['msg']}"


def _leg(
    number: int, leg: LegAsked, decimals: Decimals, kinds: Mapping[str, BeneficiaryKind]
) -> LegWanted:
    reason = fault(kinds[leg.scheme], leg.beneficiary) if leg.scheme in kinds else ""
    if reason and leg.kind != "exchange":
        raise BadRequest(f"request: legs.{number}.beneficiary: {leg.beneficiary!r}: {reason}")
    return LegWanted(
        kind=leg.kind,
        asset=leg.asset,
        amount=_units(number, "amount", leg.amount, leg.asset, decimals),
        scheme=leg.scheme,
        beneficiary=leg.beneficiary,
        beneficiary_name=leg.beneficiary_name,
        memo=leg.memo,
        buys=leg.buys,
        buys_amount=_units(number, "buys_amount", leg.buys_amount, leg.buys, decimals),
        expires_at=leg.expires_at,
        waits_for=leg.waits_for,
        undo_scheme=leg.undo_scheme,
    )


def _units(number: int, field: str, text: str, asset: str, decimals: Decimals) -> int:
    where = f"request: legs.{number}.{field}"
    if asset not in decimals:
        if text in ("", "0"):
            return 0
        known = ", ".join(sorted(decimals))
        raise BadRequest(f"{where}: found {text} of {asset!r}; an amount of {known} would do")
    try:
        return parse(text, decimals[asset])
    except InexactAmount as error:
        what = f"a decimal number of {asset} with at most {decimals[asset]} decimals would do"
        raise BadRequest(f"{where}: {error}; {what}") from error
