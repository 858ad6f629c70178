"""The payment schemes: `schemes.yaml`, checked field by field, as the facts that core decides by.

A wrong field is refused with its path, what was found and what would do. What passes becomes one
`SchemePublished` a row, its times whole nanoseconds and its amounts whole units.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from core import money
from core.rail_events import (
    BeneficiaryKind,
    DayUnit,
    Resend,
    SchemePublished,
    SettledBy,
    Window,
    Within,
)
from rails.calendars import SOURCES
from risk.written import NotYaml, Part, content, document

SCHEMES = Path(__file__).parent / "schemes.yaml"
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
_LENGTHS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
_UNITS: dict[str, DayUnit] = {
    "banking days": "banking_days",
    "calendar days": "calendar_days",
    "months": "months",
}


class BadSchemes(ValueError):
    """No table of schemes; the text names file, field, what was found and what would do."""


# --- times as people write them ------------------------------------------------------------------


def of_day(told: object) -> int:
    """ "10:30" as nanoseconds after midnight; "-03:00" is before it, "26:15" in the night after."""
    found = re.fullmatch(r"(-?)(\d\d):([0-5]\d)", told, re.ASCII) if isinstance(told, str) else None
    minutes = 60 * int(found[2]) + int(found[3]) if found else 48 * 60 + 1
    if not found or minutes > (24 * 60 if found[1] else 48 * 60):
        raise ValueError('a time of day in quotes, from "-24:00" to "48:00", would do')
    return (-60 if found[1] else 60) * minutes * SECOND


def length(told: object) -> int:
    """ "10s", "15m", "2h" or "3d" as nanoseconds."""
    found = (
        re.fullmatch(r"([1-9]\d{0,5})([smhd])", told, re.ASCII) if isinstance(told, str) else None
    )
    if not found:
        raise ValueError("a length of time such as 10s, 15m, 2h or 3d would do")
    return int(found[1]) * _LENGTHS[found[2]]


def validity(told: object) -> int:
    """A length of time, or 0 for "for ever"."""
    return 0 if told == "for ever" else length(told)


def span(told: object) -> tuple[int, DayUnit]:
    """ "2 banking days", "60 calendar days" or "13 months"."""
    number, _, unit = told.partition(" ") if isinstance(told, str) else ("", "", "")
    if not re.fullmatch(r"[1-9]\d{0,2}", number, re.ASCII) or unit not in _UNITS:
        raise ValueError(f"a span such as 2 {', 2 '.join(_UNITS)} would do")
    return int(number), _UNITS[unit]


OfDay = Annotated[int, BeforeValidator(of_day)]
Length = Annotated[int, BeforeValidator(length)]
Validity = Annotated[int, BeforeValidator(validity)]
Span = Annotated[tuple[int, DayUnit], BeforeValidator(span)]
Words = Annotated[str, Field(min_length=1, strict=True)]
Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{3,8}$", strict=True)]
SettledCode = Annotated[str, Field(pattern=r"^(pain|pacs)\.002 [A-Z]{4}$", strict=True)]


# --- the table -----------------------------------------------------------------------------------


class WindowRow(Part):
    """What comes before the cut-off of a banking day settles at that time, so many days later."""

    cutoff: OfDay
    settles: OfDay
    days: int = Field(default=0, ge=0, le=10, strict=True)

    def fact(self) -> Window:
        return Window(cutoff_ns=self.cutoff, settles_ns=self.settles, days=self.days)


class WithinRow(Part):
    """A span after settlement, and the reason codes that have so long."""

    within: Span
    then_banking_days: int = Field(default=0, ge=0, le=10, strict=True)
    until: OfDay
    codes: tuple[Code, ...] = ()

    def fact(self) -> Within:
        return Within(
            days=self.within[0],
            unit=self.within[1],
            then_banking_days=self.then_banking_days,
            until_ns=self.until,
            codes=self.codes,
        )


class FeeRow(Part):
    """What may be taken on the way, by which rule and up to which amount: of the payment itself, of
    what comes back of it, and of what others pay to the account this way."""

    rule: Words
    max: Words
    back: Words = "0"
    incoming: Words = "0"


class IdempotencyRow(Part):
    """What makes a second sending harmless, and how long it does."""

    key: Words
    valid: Validity


class ResendRow(Part):
    """After how many denials a payment goes again under its own id, and for how long a counterparty
    may deny what it took."""

    after: Resend
    listed_within: Length


class Scheme(Part):
    """One row: the terms of a scheme from one account of ours, in one direction."""

    name: Words
    account: Annotated[str, Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$", strict=True)]
    asset: Annotated[str, Field(pattern=r"^[A-Z0-9]{3,8}$", strict=True)]
    decimals: int = Field(ge=0, le=18, strict=True)
    kind: Literal["out", "in"]
    beneficiaries: BeneficiaryKind
    settled_by: SettledBy
    evidence: Words
    calendar: str = ""
    windows: tuple[WindowRow, ...] = ()
    silence: WithinRow | None = None
    returns: tuple[WithinRow, ...] = ()
    recalls: tuple[WithinRow, ...] = ()
    settles_within: Length
    answer_within: Length
    query_every: Length
    queries_max: int = Field(ge=1, strict=True)
    amount_max: Words
    fee: FeeRow
    idempotency: IdempotencyRow
    resend: ResendRow | None = None
    retries: Words
    duplicates: Words
    batched: bool = Field(default=False, strict=True)
    files_per_minute_max: int = Field(default=0, ge=0, strict=True)
    note: Words
    cites: tuple[Words, ...] = Field(min_length=1)
    checked: date | Literal["reference"]
    settled_codes: tuple[SettledCode, ...] = ()
    consents: tuple[WithinRow, ...] = ()
    unchecked: tuple[Words, ...] = ()
    pushed: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def _consistent(self) -> "Scheme":
        if self.pushed and (self.kind != "in" or not self.returns or not self.calendar):
            raise ValueError(
                "pushed: kind: in, a calendar and the span in which it may be taken back"
            )
        if self.beneficiaries == "" and not self.pushed:
            raise ValueError(f"beneficiaries: one of {', '.join(get_args(BeneficiaryKind)[1:])}")
        if (self.settled_by == "silence") != (self.silence is not None):
            raise ValueError("silence: a span belongs to settled_by: silence, and to it alone")
        asked_for = self.settled_by != "finality" and not self.pushed
        if (self.resend is not None) != asked_for:
            raise ValueError(
                "resend: belongs to what we instruct at a counterparty, and to it alone"
            )
        if self.settled_codes and self.settled_by != "message":
            raise ValueError("settled_codes: words belong to settled_by: message, and to it alone")
        if self.calendar not in ("", *SOURCES):
            raise ValueError(f"calendar: found {self.calendar!r}; {', '.join(SOURCES)} would do")
        spans = (*self.returns, *self.recalls, *self.consents)
        if (self.windows or self.silence or spans) and not self.calendar:
            raise ValueError("calendar: windows and spans need one; " + ", ".join(SOURCES))
        cutoffs = [window.cutoff for window in self.windows]
        if self.windows and max(cutoffs) - min(cutoffs) >= DAY:
            raise ValueError("windows: all cut-offs of one day within 24 hours would do")
        self.units("amount_max", self.amount_max)
        self.units("fee.max", self.fee.max)
        self.units("fee.back", self.fee.back)
        self.units("fee.incoming", self.fee.incoming)
        return self

    def units(self, field: str, text: str) -> int:
        """An amount of this row in whole units."""
        try:
            units = money.parse(text, self.decimals)
        except money.InexactAmount as error:
            raise ValueError(f"{field}: {error}") from error
        if units < 0:
            raise ValueError(f"{field}: found {text}; 0 or more would do")
        return units

    def event(self, scheme: str, received_at: int, account: str = "") -> SchemePublished:
        """The row as a fact, from its own account unless another is named."""
        return SchemePublished(
            received_at=received_at,
            scheme=scheme,
            account=account or self.account,
            asset=self.asset,
            kind=self.kind,
            settled_by=self.settled_by,
            calendar=self.calendar,
            windows=tuple(window.fact() for window in self.windows),
            silence=self.silence.fact() if self.silence else None,
            returns=tuple(each.fact() for each in self.returns),
            recalls=tuple(each.fact() for each in self.recalls),
            settles_ns_max=self.settles_within,
            answer_ns_max=self.answer_within,
            query_every_ns=self.query_every,
            queries_max=self.queries_max,
            amount_max=self.units("amount_max", self.amount_max),
            fee_max=self.units("fee.max", self.fee.max),
            id_valid_ns=self.idempotency.valid,
            batched=self.batched,
            beneficiaries=self.beneficiaries,
            return_fee_max=self.units("fee.back", self.fee.back),
            incoming_fee_max=self.units("fee.incoming", self.fee.incoming),
            settled_codes=self.settled_codes,
            consents=tuple(each.fact() for each in self.consents),
            pushed=self.pushed,
            resend=self.resend.after if self.resend else "never",
            listed_ns_max=self.resend.listed_within if self.resend else 0,
            files_per_minute_max=self.files_per_minute_max,
        )


# --- the door ------------------------------------------------------------------------------------


@cache
def published() -> Mapping[str, Scheme]:
    """The rows of `schemes.yaml` by their ids, read once in a process."""
    return MappingProxyType(load())


def load(path: Path = SCHEMES) -> dict[str, Scheme]:
    """The schemes of a file by their ids; raises `BadSchemes`."""
    try:
        told = document(content(path).decode())
    except (OSError, UnicodeDecodeError, NotYaml) as error:
        raise BadSchemes(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(told, dict) or not told:
        raise BadSchemes(f"{path}: found {type(told).__name__}; a row for each scheme would do")
    return check(told, str(path))


def check(told: Mapping[str, object], source: str) -> dict[str, Scheme]:
    """The schemes that these rows describe; raises `BadSchemes` with every fault there is."""
    schemes: dict[str, Scheme] = {}
    faults: list[str] = []
    for scheme, row in told.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(scheme), re.ASCII):
            faults.append(f"{source}: {scheme}: small letters, digits and _ would do as an id")
        try:
            schemes[scheme] = Scheme.model_validate(row)
        except ValidationError as error:
            faults += [_line(source, scheme, each) for each in error.errors()]
    if faults:
        raise BadSchemes("\n".join(faults))
    return schemes


def _line(source: str, scheme: str, each: Mapping[str, Any]) -> str:
    where = ".".join([str(scheme), *map(str, each["loc"])])
    found = each["input"]
    shown = repr(found) if isinstance(found, (str, int, float)) else type(found).__name__
    shown = "nothing" if each["type"] == "missing" else shown
    return f"{source}: {where}: found {shown}: {each['msg'].removeprefix('Value error, ')}"
