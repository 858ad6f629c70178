"""The cells of an exchange's own export, as fields of that venue's record: a reader for each shape.

Rule 1. A cell is read whole or refused (`BadCell`), with what was found and what would do.
Rule 2. A moment is in the zone that its column, its file's first line or its user names; of all
rows of a file it is one. What names none is not taken for UTC.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

SECOND_MS = 1000
Fields = dict[str, object]


class BadCell(ValueError):
    """A cell that cannot be read: what was found, and what would do."""


@dataclass(slots=True)
class Zones:
    """Which zone a file's moments are in; `of_file` and `of_user` where either names one.

    `seen` is the offset that the file's first moment bore ("" for none), once there was one.
    """

    of_file: tzinfo | None = None
    of_user: tzinfo | None = None
    seen: str | None = None


Cell = Callable[[str, Zones], Fields]


def text(key: str) -> Cell:
    """As it stands."""
    return lambda found, zones: {key: found}


def number(key: str) -> Cell:
    """A decimal number; thousands may be parted by commas, and no number is 0."""
    return lambda found, zones: {key: decimal(found)}


def opposite(key: str) -> Cell:
    """A number that the venue's record tells with the other sign."""
    return lambda found, zones: {key: _plain(-Decimal(decimal(found)))}


def one_of(key: str, words: Mapping[str, object]) -> Cell:
    """One of these words, in whatever case."""

    def read(found: str, zones: Zones) -> Fields:
        if found.upper() not in words:
            raise BadCell(f"found {found!r}; one of {', '.join(words)} would do")
        return {key: words[found.upper()]}

    return read


def with_coin(key: str, coin: str) -> Cell:
    """A number and its coin in one cell: 0.5BTC."""

    def read(found: str, zones: Zones) -> Fields:
        match = re.fullmatch(r"(-?[\d,]*\.?\d+)\s*([A-Z][A-Z0-9]*)", found)
        if match is None:
            raise BadCell(f"found {found!r}; a number and its coin, as in 0.5BTC, would do")
        return {key: decimal(match[1]), coin: match[2]}

    return read


def decimal(found: str) -> str:
    """The number that a cell holds, as plain decimal text."""
    bare = found.replace(",", "")
    if bare in ("", "-", "--"):
        return "0"
    try:
        value = Decimal(bare)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        raise BadCell(f"found {found!r}; a decimal number would do")
    return _plain(value)


def _plain(value: Decimal) -> str:
    return format(value, "f")


# --- moments -------------------------------------------------------------------------------------


def utc(key: str) -> Cell:
    """A moment whose column says that it is UTC, in milliseconds."""
    return lambda found, zones: {key: _milliseconds(found, zones, UTC)}


def local(key: str) -> Cell:
    """A moment whose column names no zone: the file does, or the user."""
    return lambda found, zones: {key: _milliseconds(found, zones, None)}


def _milliseconds(found: str, zones: Zones, of_column: tzinfo | None) -> int:
    moment = _moment(found)
    offset = moment.strftime("%z")
    if zones.seen is None:
        zones.seen = offset
    if offset != zones.seen:
        raise BadCell(f"found {found!r}, in another zone than the rows before; one would do")
    if moment.tzinfo is None:
        zone = of_column or zones.of_file or zones.of_user
        if zone is None:
            raise BadCell(f"found {found!r}, which names no zone; --zone UTC would do, if it is")
        moment = moment.replace(tzinfo=zone)
    elif of_column is not None and moment.utcoffset():
        raise BadCell(f"found {found!r} in a column of UTC; a moment of UTC would do")
    whole = int(moment.replace(microsecond=0).timestamp()) * SECOND_MS
    return whole + moment.microsecond // SECOND_MS


def _moment(found: str) -> datetime:
    """As ISO 8601 has it, also with a space and with a year of two digits."""
    written = f"20{found}" if re.match(r"\d\d-\d\d-\d\d[ T]", found) else found
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        raise BadCell(f"found {found!r}; a moment such as 2026-03-01 12:00:00 would do") from None


def zone_of(name: str) -> tzinfo | None:
    """A zone as a file or a user names it: UTC, UTC+8, UTC-05:30, Asia/Hong_Kong; else None."""
    match = re.fullmatch(r"UTC(?:([+-])(\d{1,2})(?::?(\d\d))?)?", name.strip())
    if match:
        sign = -1 if match[1] == "-" else 1
        minutes = 60 * int(match[2] or 0) + int(match[3] or 0)
        return timezone(sign * timedelta(minutes=minutes)) if minutes < 24 * 60 else None
    try:
        return ZoneInfo(name.strip())
    except (ValueError, OSError, KeyError):
        return None
