"""What a request says, and every way in which it may be none.

Rule 1. An address is told with its checksum (EIP-55): one wrong letter is another holder.
Rule 2. A value is a whole number of base units, as text (to many clients, numbers in JSON are
floats), and names its unit, which is the token.
Rule 3. Each flaw has a field and a reason of a closed set (`REASONS`): they are journaled, and what
was found is not.
"""

import json
import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from core.token_events import AuthorizationRequested
from core.token_state import NOBODY
from rails.keys import keccak256

VALUE_MAX = (1 << 256) - 1
SECONDS_MAX = (1 << 63) - 1
BODY_BYTES_MAX = 16_384
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
LONG = re.compile(r"[1-9][0-9]*")
WHOLE = re.compile(r"0|[1-9][0-9]{0,77}")

# reason: what would do
REASONS = {
    "missing": "this field is needed",
    "unknown_field": "there is no such field",
    "malformed": "another type is wanted",
    "bad_kind": "transfer, mint, burn or recovery would do",
    "bad_address": "0x and 40 hexadecimal digits would do",
    "zero_address": "an address that is somebody's would do",
    "bad_checksum": "the address with its EIP-55 checksum would do",
    "no_unit": 'an object would do: {"amount": "100", "unit": the token}',
    "other_unit": "the token's own name would do: whole base units of it",
    "not_text": "the amount as text would do: numbers in JSON are floats to many",
    "not_whole": "a whole number of base units would do",
    "not_positive": "more than nothing would do",
    "too_big": "at most 2^256 - 1 would do",
    "out_of_range": "a second of the chain's own time would do",
    "role": "a caller with another role would do",
}


class NotJson(ValueError):
    """The body holds no JSON object that is read in one way only."""


class Flaw(NamedTuple):
    """What is wrong with a field."""

    field: str
    reason: str
    detail: str


def flaw(field: str, reason: str) -> Flaw:
    return Flaw(field, reason, REASONS[reason])


# --- fields ---------------------------------------------------------------------------------------


def checksummed(address: str) -> str:
    """An address as people are shown it: letters in the case that EIP-55 gives them."""
    digits = address[2:].lower()
    told = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(told[place], 16) > 7 else letter
        for place, letter in enumerate(digits)
    )


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError(reason, REASONS[reason])


def _address(told: object) -> str:
    if not isinstance(told, str) or not ADDRESS.fullmatch(told):
        raise _wrong("bad_address")
    if not int(told, 16):
        raise _wrong("zero_address")
    if told != checksummed(told):
        raise _wrong("bad_checksum")
    return told.lower()


def _amount(told: object) -> str:
    if not isinstance(told, str):
        raise _wrong("not_whole" if isinstance(told, float) else "not_text")
    if told.startswith("-") and WHOLE.fullmatch(told[1:]):
        raise _wrong("not_positive")
    if not WHOLE.fullmatch(told):
        raise _wrong("too_big" if LONG.fullmatch(told) else "not_whole")
    if not int(told):
        raise _wrong("not_positive")
    if int(told) > VALUE_MAX:
        raise _wrong("too_big")
    return told


def _unit(told: str, info: ValidationInfo) -> str:
    if told != (info.context or {}).get("token", told):
        raise _wrong("other_unit")
    return told


def _like(pattern: str, example: str) -> WithJsonSchema:
    """What the document says of a text that a function of ours reads."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


def _with_unit(told: object) -> object:
    if not isinstance(told, dict):
        raise _wrong("no_unit")
    return told


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Value(Body):
    """So many whole base units of a token."""

    amount: Annotated[str, BeforeValidator(_amount), _like("^[1-9][0-9]{0,77}$", "100")]
    unit: Annotated[str, AfterValidator(_unit)]


EXAMPLE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55
Address = Annotated[str, BeforeValidator(_address), _like("^0x[0-9a-fA-F]{40}$", EXAMPLE)]
Valued = Annotated[Value, BeforeValidator(_with_unit)]
Until = Annotated[
    int | None,
    Field(gt=0, le=SECONDS_MAX, description="The latest second of the chain's own time."),
]


class Transfer(Body):
    """A holder is to be permitted to move value to another."""

    kind: Literal["transfer"]
    sender: Address
    receiver: Address
    value: Valued
    valid_before: Until = None


class Mint(Body):
    """Value is to come into being."""

    kind: Literal["mint"]
    receiver: Address
    value: Valued
    valid_before: Until = None


class Burn(Body):
    """A holder is to be permitted to destroy value."""

    kind: Literal["burn"]
    sender: Address
    value: Valued
    valid_before: Until = None


class Recovery(Body):
    """By order, all that a holder has is to move to another: `value` by the register."""

    kind: Literal["recovery"]
    sender: Address
    receiver: Address
    value: Valued
    valid_before: Until = None


Wanted = Transfer | Mint | Burn | Recovery
WANTED: TypeAdapter[Wanted] = TypeAdapter(Annotated[Wanted, Field(discriminator="kind")])
FIELDS = ("kind", "sender", "receiver", "value", "value.amount", "value.unit", "valid_before")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; raises `NotJson`: also of a key that stands twice."""
    try:
        told = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NotJson(f"no JSON: {type(error).__name__}") from error
    if not isinstance(told, dict):
        raise NotJson("an object would do")
    return told


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        raise ValueError("a key stands twice")
    return told


def _no_number(told: str) -> float:
    raise ValueError(f"{told} is no number")


def read_wanted(told: dict[str, Any], token: str) -> Wanted | list[Flaw]:
    """What is asked for, or all that is wrong with it."""
    try:
        return WANTED.validate_python(told, context={"token": token})
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        return [_flaw(each["loc"], each["type"]) for each in errors]


def _flaw(loc: tuple[int | str, ...], kind: str) -> Flaw:
    """In our words. A field that nobody knows is not named: its name is the caller's own."""
    if kind.startswith("union_tag"):
        return flaw("kind", "bad_kind")
    field = ".".join(str(each) for each in loc[1:])
    if kind == "extra_forbidden":
        return flaw("value" if field.startswith("value.") else "", "unknown_field")
    kind = "out_of_range" if kind in ("greater_than", "less_than_equal") else kind
    reason = kind if kind in REASONS else "malformed"
    return flaw(field if field in FIELDS else "", reason)


def event_of(wanted: Wanted, token: str, caller: str, request_id: str) -> AuthorizationRequested:
    """The event that the node is told; the node says when."""
    return AuthorizationRequested(
        received_at=0,
        token=token,
        caller=caller,
        request_id=request_id,
        kind=wanted.kind,
        sender=getattr(wanted, "sender", NOBODY),
        receiver=getattr(wanted, "receiver", NOBODY),
        value=int(wanted.value.amount),
        valid_before=wanted.valid_before or 0,
    )
