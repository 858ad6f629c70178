"""Limit files: what people write, review and sign, checked field by field as it comes in.

A file is a whole: the limits that stand, who wrote it, who approved it. A control that no limit is
written for stays at 0, which refuses. A refusal names file, field, what was found, what would do.
Amounts are whole numbers or quoted decimals: a number that YAML would read as a float is refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError, model_validator

from core.people import are_two
from risk.limit_controls import CONTROLS, DIMENSIONS, Netting, Unit
from risk.written import NotYaml, Part, document

DECIMALS: Mapping[str, int] = {"contracts": 8, "base": 8, "quote": 6, "reporting": 6}
EVERY = "*"
AMOUNT_MAX = Decimal(10**12)
UNITS_MAX = Decimal(10**18)  # so that sums of a few fit 63 bits, on every wire
FIRM = "firm"
MOVE_PERCENT_MAX = 1000


class BadLimits(ValueError):
    """The file holds no limits; the text names file, field, what was found and what would do."""


def _exact(told: object) -> Decimal:
    if isinstance(told, bool) or not isinstance(told, int | str | Decimal):
        raise ValueError("a whole number or a quoted decimal would do")
    try:
        amount = Decimal(told)
    except InvalidOperation:
        raise ValueError("a whole number or a quoted decimal would do") from None
    if not amount.is_finite() or not 0 <= amount <= AMOUNT_MAX:
        raise ValueError(f"an amount from 0 to {AMOUNT_MAX} would do")
    return amount


def _move(told: object) -> Decimal:
    if isinstance(told, bool) or not isinstance(told, int | str | Decimal):
        raise ValueError("a whole number or a quoted decimal of percent would do")
    try:
        move = Decimal(told)
    except InvalidOperation:
        raise ValueError("a whole number or a quoted decimal of percent would do") from None
    if not move.is_finite() or not -100 < move <= MOVE_PERCENT_MAX or move != round(move, 4):
        most = f"a move above -100 and up to {MOVE_PERCENT_MAX} percent"
        raise ValueError(f"{most}, in at most 4 decimals, would do")
    return move


Amount = Annotated[Decimal, BeforeValidator(_exact)]
Move = Annotated[Decimal, BeforeValidator(_move)]
Asset = Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]+|\*)$", strict=True)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@-]+$", strict=True)]
Words = Annotated[str, Field(min_length=10, strict=True)]
Count = Annotated[int, Field(strict=True, ge=1)]


def _scope(told: object) -> dict[str, str]:
    if told == FIRM:
        return {}
    ways = f"`firm`, or a mapping of {', '.join(DIMENSIONS)} to a name or '*'"
    if not isinstance(told, dict) or not told:
        raise ValueError(f"unknown scope; {ways} would do")
    for name, value in told.items():
        if name not in DIMENSIONS:
            raise ValueError(f"unknown scope {name!r}; {ways} would do")
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name}: a name or '*' would do")
    return {name: told[name] for name in DIMENSIONS if name in told}


class Limit(Part):
    """One limit: how much of which unit, on what, netted how, whose it is and why."""

    name: Name
    control: str
    scope: Annotated[dict[str, str], BeforeValidator(_scope)]
    unit: Unit
    netting: Netting
    amount: Amount
    window_ms: Count | None = None
    owner: Name
    rationale: Words

    @model_validator(mode="after")
    def _fits_its_control(self) -> "Limit":
        control = CONTROLS.get(self.control)
        if control is None:
            raise ValueError(f"no control {self.control!r}; there are {', '.join(CONTROLS)}")
        if tuple(self.scope) != control.scope:
            wanted = ", ".join(control.scope) or FIRM
            raise ValueError(f"the scope of {self.control} is {wanted}")
        if self.unit not in control.units:
            raise ValueError(f"unit {self.unit}: {self.control} is in {' or '.join(control.units)}")
        if self.netting != control.netting:
            raise ValueError(f"netting {self.netting}: {self.control} is {control.netting}")
        if (self.window_ms is not None) != control.windowed:
            raise ValueError(f"window_ms: {self.control} {_window(windowed=control.windowed)}")
        _whole(self.amount, self.unit)
        return self

    @property
    def units(self) -> int:
        """The amount in the integer units that everything counts in."""
        return _whole(self.amount, self.unit)


def _window(*, windowed: bool) -> str:
    return "is so many in a window: say its length" if windowed else "knows no window: leave it out"


def _whole(amount: Decimal, unit: str) -> int:
    """Exactly, or not at all: a limit is never rounded, in whichever direction."""
    scaled = amount.scaleb(DECIMALS.get(unit, 0))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"amount {amount}: {unit} have {DECIMALS.get(unit, 0)} decimals")
    if scaled > UNITS_MAX:
        most = int(UNITS_MAX.scaleb(-DECIMALS.get(unit, 0)))
        raise ValueError(f"amount {amount}: of {unit} at most {most} can be counted")
    return int(scaled)


class Override(Part):
    """Another amount for one limit, until a moment; after it the limit is as it was."""

    limit: Name
    amount: Amount
    until: AwareDatetime
    owner: Name
    rationale: Words

    @property
    def until_ns(self) -> int:
        """Nanoseconds since 1970; of whole seconds a float is exact."""
        seconds = int(self.until.replace(microsecond=0).timestamp())
        return seconds * 10**9 + self.until.microsecond * 1000


class Restriction(Part):
    """An instrument at an account ('*': every one) that nobody may trade, but a kill to get out."""

    instrument: str
    account: str = EVERY
    owner: Name
    rationale: Words


class NamedStress(Part):
    """A scenario that is reviewed: how far each asset moves, in percent; '*' is every other one."""

    name: Name
    moves_percent: Annotated[dict[Asset, Move], Field(min_length=1)]
    owner: Name
    rationale: Words

    @property
    def moves_ppm(self) -> dict[str, int]:
        """The same in parts of a million, exactly."""
        return {asset: int(move.scaleb(4)) for asset, move in self.moves_percent.items()}


class LimitFile(Part):
    """The whole."""

    version: Literal[1]
    reporting: Name
    author: Name
    approver: Name
    limits: tuple[Limit, ...] = Field(min_length=1)
    restricted: tuple[Restriction, ...] = ()
    overrides: tuple[Override, ...] = ()
    stresses: tuple[NamedStress, ...] = ()

    @model_validator(mode="after")
    def _stress_has_a_name(self) -> "LimitFile":
        names = [each.name for each in self.stresses]
        twice = next((each for each in names if names.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"two stresses are named {twice}; one would do")
        bound = next((each.name for each in self.limits if each.control == "FIRM_STRESS"), None)
        if bound is not None and not names:
            raise ValueError(
                f"{bound} bounds the worst of stresses, and none is named; one would do"
            )
        return self

    @model_validator(mode="after")
    def _one_of_each(self) -> "LimitFile":
        names = [limit.name for limit in self.limits]
        places = ["/".join([limit.control, *limit.scope.values()]) for limit in self.limits]
        for told, what in ((names, "limits are named"), (places, "limits bound")):
            twice = next((each for each in told if told.count(each) > 1), None)
            if twice is not None:
                raise ValueError(f"two {what} {twice}; one would do")
        for override in self.overrides:
            if override.limit not in names:
                raise ValueError(f"no limit {override.limit!r} to override among {names}")
        overridden = [override.limit for override in self.overrides]
        if len(dict.fromkeys(overridden)) != len(overridden):
            raise ValueError("a limit is overridden twice; once would do")
        if not are_two(self.author, self.approver):
            raise ValueError(f"author and approver are both {self.approver!r}; two people would do")
        return self

    def standing(self, at_ns: int) -> dict[str, Limit]:
        """Each limit by name as it stands at a moment: overridden until its override expires."""
        found = {limit.name: limit for limit in self.limits}
        for override in self.overrides:
            if at_ns < override.until_ns:
                limit = found[override.limit]
                fields = limit.model_dump() | {"amount": override.amount}
                fields["scope"] = fields["scope"] or FIRM
                found[override.limit] = Limit.model_validate(fields)
        return found


def applying(limits: Sequence[Limit], control: str, place: Mapping[str, str]) -> Limit | None:
    """The limit of a control that holds at a place: the one that names most of it.

    Of two that name as much, the one that names the earlier of strategy, account, instrument.
    """
    fitting = [
        limit
        for limit in limits
        if limit.control == control
        and all(value in (EVERY, place[name]) for name, value in limit.scope.items())
    ]
    named = {limit.name: [value != EVERY for value in limit.scope.values()] for limit in fitting}
    return max(fitting, key=lambda each: (sum(named[each.name]), named[each.name]), default=None)


def lines(limits: Sequence[Limit]) -> list[tuple[str, int]]:
    """What leases are granted on: each value limit's name by scope and side, and its units."""
    found = []
    for limit in limits:
        if limit.netting != "none":
            name = "/".join([limit.control.lower(), *limit.scope.values()])
            sides = ("long", "short") if limit.netting == "net" else ("gross",)
            found += [(f"{name}/{side}", limit.units) for side in sides]
    return found


def content_hash(contents: Sequence[bytes]) -> str:
    """The SHA-256 that a load journals: of each file's own hash, in the order of loading."""
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in contents)).hexdigest()


# --- reading -------------------------------------------------------------------------------------


def parse(text: str, source: str) -> LimitFile:
    """The limits of a file's text; raises `BadLimits`."""
    told = mapping_of(text, source)
    try:
        return LimitFile.model_validate(told)
    except ValidationError as error:
        raise BadLimits(lines_of(error, source)) from error


def lines_of(error: ValidationError, source: str) -> str:
    """One line for each thing that is wrong."""
    return "\n".join(_line(source, each) for each in error.errors())


def mapping_of(text: str, source: str) -> dict[str, Any]:
    """A YAML file's fields; raises `BadLimits`."""
    try:
        told = document(text)
    except NotYaml as error:
        raise BadLimits(f"{source}: {error}") from error
    if not isinstance(told, dict):
        found = "an empty file" if told is None else type(told).__name__
        raise BadLimits(f"{source}: found {found}; a mapping of fields would do")
    return told


def _line(source: str, each: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in each["loc"]) or "(whole)"
    found = each["input"]
    if each["type"] == "missing":
        return f"{source}: {where}: found nothing; this field must be said"
    shown = repr(found) if isinstance(found, str | int | float | Decimal) else _named(found)
    return f"{source}: {where}: found {shown}: {each['msg'].removeprefix('Value error, ')}"


def _named(found: object) -> str:
    """A part by its name where it has one."""
    name = found.get("name") if isinstance(found, dict) else None
    return repr(name) if isinstance(name, str) else repr(found)[:60]
